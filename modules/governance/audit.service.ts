import { createHash } from 'node:crypto';
import { type Clock, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { AuditEntry } from './contract.ts';
import type { Audit, AuditRecord } from './governance.ts';

interface AuditRow {
  readonly id: number;
  readonly at: Date;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly action: string;
  readonly subject: string;
  readonly details: string;
  readonly previous_hash: string;
  readonly hash: string;
}

export interface AuditTrail extends Audit {
  list(query: { before?: number; limit: number; subject?: string; actorId?: string }): Promise<AuditEntry[]>;
  /** Recomputes the whole chain; `brokenAt` is the first entry that does not fit. */
  verify(): Promise<{ intact: boolean; entries: number; brokenAt?: number }>;
}

/** Any constant will do; it names the one lock that puts audit entries in order. */
const CHAIN_LOCK = 7_238_461;

/** The append-only, hash-chained record of who did what. */
export function createAudit(deps: { readonly relational: Relational; readonly clock: Clock }): AuditTrail {
  const { relational, clock } = deps;
  return {
    async record(entry) {
      await relational.transaction(async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
        const last = await client.query<{ id: number; hash: string }>(
          'select a.id, a.hash from governance.audit a order by a.id desc limit 1',
        );
        const previous = last.rows[0];
        const row = seal(entry, {
          id: (previous?.id ?? 0) + 1,
          at: new Date(clock.now()),
          previousHash: previous?.hash ?? '',
        });
        await client.query(
          `insert into governance.audit (id, at, actor_id, actor_name, action, subject, details, previous_hash, hash)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          [
            row.id,
            row.at,
            row.actor_id,
            row.actor_name,
            row.action,
            row.subject,
            row.details,
            row.previous_hash,
            row.hash,
          ],
        );
      });
    },
    async list({ before, limit, subject, actorId }) {
      const found = await relational.pool.query<AuditRow>(
        `select a.id, a.at, a.actor_id, a.actor_name, a.action, a.subject, a.details, a.previous_hash, a.hash
         from governance.audit a
         where ($1::bigint is null or a.id < $1) and ($2::text is null or a.subject = $2) and ($3::text is null or a.actor_id = $3)
         order by a.id desc limit $4`,
        [before ?? null, subject ?? null, actorId ?? null, limit],
      );
      return found.rows.map(present);
    },
    async verify() {
      let previousHash = '';
      let entries = 0;
      for (;;) {
        const found = await relational.pool.query<AuditRow>(
          `select a.id, a.at, a.actor_id, a.actor_name, a.action, a.subject, a.details, a.previous_hash, a.hash
           from governance.audit a where a.id > $1 order by a.id limit 1000`,
          [entries],
        );
        if (found.rows.length === 0) return { intact: true, entries };
        for (const row of found.rows) {
          const fits =
            row.id === entries + 1 && row.previous_hash === previousHash && row.hash === hashOf(row);
          if (!fits) return { intact: false, entries, brokenAt: row.id };
          previousHash = row.hash;
          entries += 1;
        }
      }
    },
  };
}

function seal(entry: AuditRecord, place: { id: number; at: Date; previousHash: string }): AuditRow {
  const row = {
    id: place.id,
    at: place.at,
    actor_id: entry.actor.id,
    actor_name: entry.actor.displayName,
    action: entry.action,
    subject: entry.subject,
    details: JSON.stringify(entry.details ?? {}),
    previous_hash: place.previousHash,
  };
  return { ...row, hash: hashOf(row) };
}

function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const sealed = JSON.stringify([
    row.id,
    toIso(row.at.getTime()),
    row.actor_id,
    row.actor_name,
    row.action,
    row.subject,
    row.details,
    row.previous_hash,
  ]);
  return createHash('sha256').update(sealed).digest('hex');
}

function present(row: AuditRow): AuditEntry {
  const details: unknown = JSON.parse(row.details);
  return {
    id: row.id,
    at: toIso(row.at.getTime()),
    actorId: row.actor_id,
    actorName: row.actor_name,
    action: row.action,
    subject: row.subject,
    details: isRecord(details) ? details : {},
    hash: row.hash,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
