import type { EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import { Value } from 'typebox/value';
import { TagDefinition } from './contract.ts';
import type { TagStatus } from './tag-states.ts';
import { TagDemand } from './workflow.contract.ts';

export interface StoredLifecycle {
  readonly tagId: string;
  readonly status: TagStatus;
  readonly demand: TagDemand | undefined;
  readonly steward: string | undefined;
  readonly slaHours: number | undefined;
  readonly isRestricted: boolean;
  readonly replacement: string | undefined;
  readonly approvalId: string | undefined;
  /** A change of a published tag that waits for its review. */
  readonly proposal: TagDefinition | undefined;
  readonly since: EpochMs;
  readonly by: string;
}

export interface StoredStep {
  readonly action: string;
  readonly from: TagStatus | undefined;
  readonly to: TagStatus;
  readonly note: string | undefined;
  readonly at: EpochMs;
  readonly by: string;
}

export interface StoredAccess {
  readonly id: string;
  readonly tagId: string;
  readonly state: 'requested' | 'approved' | 'refused' | 'revoked';
  readonly purpose: string;
  readonly requestedBy: string;
  readonly orgUnit: string | undefined;
  readonly requestedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly decidedBy: string | undefined;
  readonly approvalId: string | undefined;
}

interface LifecycleRow {
  tag_id: string;
  status: TagStatus;
  demand: unknown;
  steward: string | null;
  sla_hours: number | null;
  is_restricted: boolean;
  replacement: string | null;
  approval_id: string | null;
  proposal: unknown;
  since: Date;
  by: string;
}
interface StepRow {
  action: string;
  from_status: TagStatus | null;
  to_status: TagStatus;
  note: string | null;
  at: Date;
  by: string;
}
interface AccessRow {
  id: string;
  tag_id: string;
  state: StoredAccess['state'];
  purpose: string;
  requested_by: string;
  org_unit: string | null;
  requested_at: Date;
  expires_at: Date;
  decided_by: string | null;
  approval_id: string | null;
}

export type WorkflowStore = ReturnType<typeof createWorkflowStore>;

export function createWorkflowStore({ pool, transaction }: Relational) {
  const ofRow = (row: LifecycleRow): StoredLifecycle => ({
    tagId: row.tag_id,
    status: row.status,
    demand: Value.Check(TagDemand, row.demand) ? row.demand : undefined,
    steward: row.steward ?? undefined,
    slaHours: row.sla_hours ?? undefined,
    isRestricted: row.is_restricted,
    replacement: row.replacement ?? undefined,
    approvalId: row.approval_id ?? undefined,
    proposal: Value.Check(TagDefinition, row.proposal) ? row.proposal : undefined,
    since: row.since.getTime(),
    by: row.by,
  });
  const accessOf = (row: AccessRow): StoredAccess => ({
    id: row.id,
    tagId: row.tag_id,
    state: row.state,
    purpose: row.purpose,
    requestedBy: row.requested_by,
    orgUnit: row.org_unit ?? undefined,
    requestedAt: row.requested_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    decidedBy: row.decided_by ?? undefined,
    approvalId: row.approval_id ?? undefined,
  });

  return {
    async lifecycles(): Promise<Map<string, StoredLifecycle>> {
      const { rows } = await pool.query<LifecycleRow>('select l.* from tags.lifecycle l');
      return new Map(rows.map((row) => [row.tag_id, ofRow(row)]));
    },
    async lifecycle(tagId: string): Promise<StoredLifecycle | undefined> {
      const { rows } = await pool.query<LifecycleRow>(
        'select l.* from tags.lifecycle l where l.tag_id = $1',
        [tagId],
      );
      return rows[0] && ofRow(rows[0]);
    },
    async steps(tagId: string): Promise<StoredStep[]> {
      const { rows } = await pool.query<StepRow>(
        'select s.action, s.from_status, s.to_status, s.note, s.at, s.by from tags.lifecycle_step s where s.tag_id = $1 order by s.id',
        [tagId],
      );
      return rows.map((row) => ({
        action: row.action,
        from: row.from_status ?? undefined,
        to: row.to_status,
        note: row.note ?? undefined,
        at: row.at.getTime(),
        by: row.by,
      }));
    },
    /**
     * Moves a tag if it still stands where the caller saw it.
     * @returns whether it did
     */
    async move(move: {
      tagId: string;
      action: string;
      /** `undefined`: the tag has no life yet. */
      from: TagStatus | undefined;
      to: TagStatus;
      note?: string | undefined;
      at: EpochMs;
      by: string;
      demand?: TagDemand;
      replacement?: string | undefined;
      approvalId?: string | undefined;
    }): Promise<boolean> {
      return transaction(async (client) => {
        const { rowCount } = await client.query(
          `insert into tags.lifecycle as l (tag_id, status, demand, replacement, approval_id, since, by)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (tag_id) do update set status = excluded.status, demand = coalesce(excluded.demand, l.demand),
             replacement = excluded.replacement, approval_id = excluded.approval_id, since = excluded.since, by = excluded.by
           where l.status = $8`,
          [
            move.tagId,
            move.to,
            move.demand ? JSON.stringify(move.demand) : null,
            move.replacement ?? null,
            move.approvalId ?? null,
            new Date(move.at),
            move.by,
            move.from ?? move.to,
          ],
        );
        if (rowCount !== 1) return false;
        await client.query(
          'insert into tags.lifecycle_step (tag_id, action, from_status, to_status, note, at, by) values ($1, $2, $3, $4, $5, $6, $7)',
          [
            move.tagId,
            move.action,
            move.from ?? null,
            move.to,
            move.note ?? null,
            new Date(move.at),
            move.by,
          ],
        );
        return true;
      });
    },
    /** Sets what is not the status; makes a life as published where there is none. */
    async set(
      tagId: string,
      values: {
        steward?: string | undefined;
        slaHours?: number | undefined;
        isRestricted?: boolean | undefined;
        proposal?: TagDefinition | null;
        approvalId?: string | null;
      },
      by: { at: EpochMs; by: string },
    ): Promise<void> {
      await pool.query(
        `insert into tags.lifecycle as l (tag_id, status, steward, sla_hours, is_restricted, since, by)
         values ($1, 'published', $2, $3, coalesce($4, false), $5, $6)
         on conflict (tag_id) do update set steward = coalesce($2, l.steward), sla_hours = coalesce($3, l.sla_hours),
           is_restricted = coalesce($4, l.is_restricted)`,
        [
          tagId,
          values.steward ?? null,
          values.slaHours ?? null,
          values.isRestricted ?? null,
          new Date(by.at),
          by.by,
        ],
      );
      if (values.proposal !== undefined)
        await pool.query('update tags.lifecycle set proposal = $2, approval_id = $3 where tag_id = $1', [
          tagId,
          values.proposal === null ? null : JSON.stringify(values.proposal),
          values.approvalId ?? null,
        ]);
    },
    async forget(tagId: string): Promise<void> {
      await pool.query('delete from tags.lifecycle where tag_id = $1', [tagId]);
    },
    async setting(key: string): Promise<unknown> {
      const { rows } = await pool.query<{ value: unknown }>(
        'select s.value from tags.setting s where s.key = $1',
        [key],
      );
      return rows[0]?.value;
    },
    async setSetting(key: string, value: unknown): Promise<void> {
      await pool.query(
        'insert into tags.setting (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value',
        [key, JSON.stringify(value)],
      );
    },
    async versions(
      tagId: string,
    ): Promise<{ version: number; document: unknown; at: EpochMs; by: string }[]> {
      const { rows } = await pool.query<{ version: number; document: unknown; at: Date; by: string }>(
        'select v.version, v.document, v.at, v.by from tags.definition_version v where v.tag_id = $1 order by v.version',
        [tagId],
      );
      return rows.map((row) => ({ ...row, at: row.at.getTime() }));
    },
    async access(query: { tagId?: string; state?: string }): Promise<StoredAccess[]> {
      const { rows } = await pool.query<AccessRow>(
        `select a.* from tags.access a where ($1::text is null or a.tag_id = $1) and ($2::text is null or a.state = $2)
         order by a.requested_at desc, a.id desc limit 500`,
        [query.tagId ?? null, query.state ?? null],
      );
      return rows.map(accessOf);
    },
    /** Grants that hold at an instant. */
    async grants(at: EpochMs): Promise<StoredAccess[]> {
      const { rows } = await pool.query<AccessRow>(
        "select a.* from tags.access a where a.state = 'approved' and a.expires_at > $1",
        [new Date(at)],
      );
      return rows.map(accessOf);
    },
    async requestAccess(access: StoredAccess): Promise<void> {
      await pool.query(
        `insert into tags.access (id, tag_id, state, purpose, requested_by, org_unit, requested_at, expires_at, approval_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          access.id,
          access.tagId,
          access.state,
          access.purpose,
          access.requestedBy,
          access.orgUnit ?? null,
          new Date(access.requestedAt),
          new Date(access.expiresAt),
          access.approvalId ?? null,
        ],
      );
    },
    /** @returns the request when it stood in one of these states */
    async settleAccess(
      id: string,
      from: readonly StoredAccess['state'][],
      to: StoredAccess['state'],
      by: string,
    ): Promise<StoredAccess | undefined> {
      const { rows } = await pool.query<AccessRow>(
        'update tags.access a set state = $3, decided_by = $4 where a.id = $1 and a.state = any($2) returning a.*',
        [id, from, to, by],
      );
      return rows[0] && accessOf(rows[0]);
    },
    async favourites(userId: string): Promise<Set<string>> {
      const { rows } = await pool.query<{ tag_id: string }>(
        'select f.tag_id from tags.favourite f where f.user_id = $1',
        [userId],
      );
      return new Set(rows.map((row) => row.tag_id));
    },
    async setFavourite(userId: string, tagId: string, isFavourite: boolean): Promise<void> {
      await pool.query(
        isFavourite
          ? 'insert into tags.favourite (user_id, tag_id) values ($1, $2) on conflict do nothing'
          : 'delete from tags.favourite where user_id = $1 and tag_id = $2',
        [userId, tagId],
      );
    },
    async countView(tagId: string, at: EpochMs): Promise<void> {
      await pool.query(
        `insert into tags.view_count (tag_id, day, views) values ($1, $2::timestamptz::date, 1)
         on conflict (tag_id, day) do update set views = view_count.views + 1`,
        [tagId, new Date(at)],
      );
    },
    /** Views of the last 90 days and the last day seen, by tag. */
    async views(at: EpochMs): Promise<Map<string, { views: number; last: string }>> {
      const { rows } = await pool.query<{ tag_id: string; views: string; last: string }>(
        `select v.tag_id, sum(v.views) as views, max(v.day)::text as last from tags.view_count v
         where v.day > $1::timestamptz::date - 90 group by v.tag_id`,
        [new Date(at)],
      );
      return new Map(rows.map((row) => [row.tag_id, { views: Number(row.views), last: row.last }]));
    },
  };
}
