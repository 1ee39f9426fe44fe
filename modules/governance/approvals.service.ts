import { type Actor, type Clock, type Log, newId, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { ApprovalView } from './contract.ts';
import { governanceProblems } from './governance.problems.ts';
import type { Approvals, Audit } from './governance.ts';

interface ApprovalRow {
  readonly id: string;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly title: string;
  readonly content_hash: string;
  readonly state: ApprovalView['state'];
  readonly requested_by: string;
  readonly requested_by_name: string;
  readonly requested_at: Date;
  readonly decided_by: string | null;
  readonly decided_by_name: string | null;
  readonly decided_at: Date | null;
  readonly comment: string | null;
}

const COLUMNS = `a.id, a.subject_kind, a.subject_id, a.title, a.content_hash, a.state, a.requested_by, a.requested_by_name,
  a.requested_at, a.decided_by, a.decided_by_name, a.decided_at, a.comment`;

export interface ApprovalsService extends Approvals {
  list(query: { state?: ApprovalView['state']; limit: number; before?: string }): Promise<ApprovalView[]>;
  countPending(): Promise<number>;
}

/** Maker–checker approvals: one pending approval a subject, decided once, never by its maker. */
export function createApprovals(deps: {
  readonly relational: Relational;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}): ApprovalsService {
  const { relational, audit, clock, log } = deps;
  const listeners: ((approval: ApprovalView) => Promise<void>)[] = [];

  const find = async (approvalId: string): Promise<ApprovalRow | undefined> => {
    const found = await relational.pool.query<ApprovalRow>(
      `select ${COLUMNS} from governance.approval a where a.id = $1`,
      [approvalId],
    );
    return found.rows[0];
  };
  const settle = async (
    approvalId: string,
    actor: Actor,
    next: { state: 'approved' | 'rejected' | 'withdrawn'; comment: string | null },
  ): Promise<ApprovalView> => {
    const decided = await relational.pool.query<ApprovalRow>(
      `update governance.approval a set state = $2, decided_by = $3, decided_by_name = $4, decided_at = $5, comment = $6
       where a.id = $1 and a.state = 'pending' returning ${COLUMNS}`,
      [
        approvalId,
        next.state,
        next.state === 'withdrawn' ? null : actor.id,
        next.state === 'withdrawn' ? null : actor.displayName,
        new Date(clock.now()),
        next.comment,
      ],
    );
    const row = decided.rows[0];
    if (!row)
      throw governanceProblems.already_decided({ detail: `Approval ${approvalId} is not pending any more.` });
    await audit.record({
      actor,
      action: `approval.${next.state}`,
      subject: row.subject_id,
      details: { approvalId, contentHash: row.content_hash, comment: next.comment },
    });
    return present(row);
  };

  return {
    async request({ subjectKind, subjectId, title, contentHash, requestedBy }) {
      const row = await relational.transaction(async (client) => {
        await client.query(
          `update governance.approval a set state = 'withdrawn', decided_at = $3
           where a.subject_kind = $1 and a.subject_id = $2 and a.state = 'pending'`,
          [subjectKind, subjectId, new Date(clock.now())],
        );
        const inserted = await client.query<ApprovalRow>(
          `insert into governance.approval as a (id, subject_kind, subject_id, title, content_hash, state, requested_by, requested_by_name, requested_at)
           values ($1, $2, $3, $4, $5, 'pending', $6, $7, $8) returning ${COLUMNS}`,
          [
            newId('apr'),
            subjectKind,
            subjectId,
            title,
            contentHash,
            requestedBy.id,
            requestedBy.displayName,
            new Date(clock.now()),
          ],
        );
        return inserted.rows[0];
      });
      if (!row) throw governanceProblems.approval_not_found();
      await audit.record({
        actor: requestedBy,
        action: 'approval.requested',
        subject: subjectId,
        details: { approvalId: row.id, contentHash },
      });
      return present(row);
    },
    async get(approvalId) {
      const row = await find(approvalId);
      return row && present(row);
    },
    async ofSubject(subjectKind, subjectId) {
      const found = await relational.pool.query<ApprovalRow>(
        `select ${COLUMNS} from governance.approval a where a.subject_kind = $1 and a.subject_id = $2 order by a.requested_at desc, a.id desc limit 1`,
        [subjectKind, subjectId],
      );
      return found.rows[0] && present(found.rows[0]);
    },
    async decide(approvalId, { decision, comment }, actor) {
      const row = await find(approvalId);
      if (!row)
        throw governanceProblems.approval_not_found({ detail: `There is no approval ${approvalId}.` });
      if (row.requested_by === actor.id) {
        throw governanceProblems.self_approval({
          detail: `${actor.displayName} submitted this; somebody else must check it.`,
        });
      }
      if (decision === 'rejected' && !comment?.trim()) throw governanceProblems.comment_required();
      const approval = await settle(approvalId, actor, { state: decision, comment: comment ?? null });
      for (const listener of listeners) {
        try {
          await listener(approval);
        } catch (error) {
          log.error(
            { err: error, approvalId },
            'an approval listener failed; its module reconciles by itself',
          );
        }
      }
      return approval;
    },
    async withdraw(approvalId, actor) {
      await settle(approvalId, actor, { state: 'withdrawn', comment: null });
    },
    onDecided(listener) {
      listeners.push(listener);
    },
    async list({ state, limit, before }) {
      const found = await relational.pool.query<ApprovalRow>(
        `select ${COLUMNS} from governance.approval a
         where ($1::text is null or a.state = $1) and ($2::text is null or a.id < $2) order by a.id desc limit $3`,
        [state ?? null, before ?? null, limit],
      );
      return found.rows.map(present);
    },
    async countPending() {
      const found = await relational.pool.query<{ n: number }>(
        `select count(*)::int as n from governance.approval a where a.state = 'pending'`,
      );
      return found.rows[0]?.n ?? 0;
    },
  };
}

function present(row: ApprovalRow): ApprovalView {
  return {
    id: row.id,
    subjectKind: row.subject_kind,
    subjectId: row.subject_id,
    title: row.title,
    contentHash: row.content_hash,
    state: row.state,
    requestedBy: row.requested_by,
    requestedByName: row.requested_by_name,
    requestedAt: toIso(row.requested_at.getTime()),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
    ...(row.decided_by_name === null ? {} : { decidedByName: row.decided_by_name }),
    ...(row.decided_at === null ? {} : { decidedAt: toIso(row.decided_at.getTime()) }),
    ...(row.comment === null ? {} : { comment: row.comment }),
  };
}
