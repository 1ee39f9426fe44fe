import { type Actor, type Clock, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { AccessEntry } from './contract.ts';

/** Somebody read data: what, how, how much, what for. */
export interface AccessRecord {
  readonly actor: Actor;
  /** Such as `profile`, `sql`, `export`, `evidence`, `sample`. */
  readonly how: string;
  /** Logical name of the table. */
  readonly table: string;
  readonly columns?: readonly string[];
  readonly rows?: number;
  readonly purpose?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

interface AccessRow {
  id: string;
  at: Date;
  actor_id: string;
  actor_name: string;
  how: string;
  table_name: string;
  columns: string[];
  rows: string | null;
  purpose: string | null;
}

export type AccessLog = ReturnType<typeof createAccessLog>;

/** Who read what. Written before the answer goes out, so that nothing is read unseen. */
export function createAccessLog(deps: { readonly relational: Relational; readonly clock: Clock }) {
  const { pool } = deps.relational;
  return {
    async record(entry: AccessRecord): Promise<void> {
      await pool.query(
        `insert into catalog.access (at, actor_id, actor_name, how, table_name, columns, rows, purpose, details)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          new Date(deps.clock.now()),
          entry.actor.id,
          entry.actor.displayName,
          entry.how,
          entry.table,
          JSON.stringify(entry.columns ?? []),
          entry.rows ?? null,
          entry.purpose ?? null,
          JSON.stringify(entry.details ?? {}),
        ],
      );
    },

    async list(query: {
      table?: string;
      actorId?: string;
      cursor?: string;
      limit?: number;
    }): Promise<{ items: AccessEntry[]; nextCursor?: string }> {
      const limit = query.limit ?? 50;
      const before = query.cursor === undefined ? null : Number(query.cursor);
      const { rows } = await pool.query<AccessRow>(
        `select a.id, a.at, a.actor_id, a.actor_name, a.how, a.table_name, a.columns, a.rows, a.purpose
         from catalog.access a
         where ($1::text is null or a.table_name = $1) and ($2::text is null or a.actor_id = $2)
           and ($3::bigint is null or a.id < $3)
         order by a.id desc limit $4`,
        [query.table ?? null, query.actorId ?? null, before, limit + 1],
      );
      const items = rows.slice(0, limit).map(
        (row): AccessEntry => ({
          id: String(row.id),
          at: toIso(row.at.getTime()),
          actorId: row.actor_id,
          actorName: row.actor_name,
          how: row.how,
          table: row.table_name,
          columns: row.columns,
          ...(row.rows === null ? {} : { rows: Number(row.rows) }),
          ...(row.purpose === null ? {} : { purpose: row.purpose }),
        }),
      );
      const last = items.at(-1);
      return { items, ...(rows.length > limit && last ? { nextCursor: last.id } : {}) };
    },

    /** How many reads of a table in the last 30 days, by how many people. */
    async usage(table: string): Promise<{ reads: number; readers: number }> {
      const { rows } = await pool.query<{ reads: number; readers: number }>(
        `select count(*)::integer as reads, count(distinct a.actor_id)::integer as readers
         from catalog.access a where a.table_name = $1 and a.at > $2`,
        [table, new Date(deps.clock.now() - 30 * 86_400_000)],
      );
      return rows[0] ?? { reads: 0, readers: 0 };
    },
  };
}
