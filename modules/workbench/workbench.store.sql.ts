import { type Actor, mayDo, toIso } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';
import type { SavedQuery, SaveQuery, WorkbenchRun, WorkbenchRunPage } from './contract.ts';

interface QueryRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly sql: string;
  readonly shared: boolean;
  readonly owner: string;
  readonly owner_name: string;
  readonly version: number;
  readonly updated_at: Date;
}

interface RunRow {
  readonly id: string;
  readonly by_name: string;
  readonly purpose: WorkbenchRun['purpose'];
  readonly sql: string;
  readonly state: WorkbenchRun['state'];
  readonly started_at: Date;
  readonly took_ms: number | null;
  readonly rows: number | string | null;
  readonly error: string | null;
}

export function createWorkbenchStore({ pool }: Pick<Relational, 'pool'>) {
  return {
    async saved(actor: Actor): Promise<SavedQuery[]> {
      const { rows } = await pool.query<QueryRow>(
        `select q.id, q.name, q.description, q.sql, q.shared, q.owner, q.owner_name, q.version, q.updated_at
         from workbench.query q where q.owner = $1 or q.shared order by q.updated_at desc, q.id limit 500`,
        [actor.id],
      );
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        description: row.description,
        sql: row.sql,
        shared: row.shared,
        owner: row.owner,
        ownerName: row.owner_name,
        isMine: row.owner === actor.id,
        version: row.version,
        updatedAt: toIso(row.updated_at.getTime()),
      }));
    },

    async insert(id: string, query: SaveQuery, actor: Actor, at: Date): Promise<void> {
      await pool.query(
        `insert into workbench.query (id, name, description, sql, shared, owner, owner_name, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)`,
        [
          id,
          query.name,
          query.description ?? '',
          query.sql,
          query.shared ?? false,
          actor.id,
          actor.displayName,
          at,
        ],
      );
    },

    async replace(id: string, query: SaveQuery, at: Date): Promise<boolean> {
      const { rowCount } = await pool.query(
        `update workbench.query q
         set name = $2, description = $3, sql = $4, shared = $5, version = q.version + 1, updated_at = $6
         where q.id = $1 and ($7::int is null or q.version = $7)`,
        [
          id,
          query.name,
          query.description ?? '',
          query.sql,
          query.shared ?? false,
          at,
          query.version ?? null,
        ],
      );
      return rowCount === 1;
    },

    async remove(id: string): Promise<void> {
      await pool.query('delete from workbench.query q where q.id = $1', [id]);
    },

    async begin(run: { id: string; actor: Actor; purpose: string; sql: string; at: Date }): Promise<void> {
      await pool.query(
        `insert into workbench.run (id, by, by_name, purpose, sql, state, started_at)
         values ($1, $2, $3, $4, $5, 'running', $6)`,
        [run.id, run.actor.id, run.actor.displayName, run.purpose, run.sql, run.at],
      );
    },

    async reads(id: string, reads: readonly { table: string; columns: readonly string[] }[]): Promise<void> {
      await pool.query('update workbench.run r set tables = $2, columns = $3 where r.id = $1', [
        id,
        JSON.stringify(reads.map(({ table }) => table)),
        JSON.stringify(reads.flatMap(({ table, columns }) => columns.map((column) => `${table}.${column}`))),
      ]);
    },

    async end(
      id: string,
      result: { state: string; tookMs: number; rows?: number | undefined; error?: string | undefined },
    ): Promise<void> {
      await pool.query(
        'update workbench.run r set state = $2, took_ms = $3, rows = $4, error = $5 where r.id = $1',
        [id, result.state, result.tookMs, result.rows ?? null, result.error ?? null],
      );
    },

    /** Query time since an instant, milliseconds. */
    async spentToday(actorId: string, since: Date): Promise<number> {
      const { rows } = await pool.query<{ spent: number | string }>(
        'select coalesce(sum(r.took_ms), 0) as spent from workbench.run r where r.by = $1 and r.started_at >= $2',
        [actorId, since],
      );
      return Number(rows[0]?.spent ?? 0);
    },

    async runs(query: { cursor?: string; limit?: number }, actor: Actor): Promise<WorkbenchRunPage> {
      const limit = query.limit ?? 50;
      const { rows } = await pool.query<RunRow>(
        `select r.id, r.by_name, r.purpose, r.sql, r.state, r.started_at, r.took_ms, r.rows, r.error
         from workbench.run r where ($1::text is null or r.by = $1) and ($2::text is null or r.id < $2)
         order by r.id desc limit $3`,
        [mayDo(actor, 'audit.read') ? null : actor.id, query.cursor ?? null, limit + 1],
      );
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return {
        items: shown.map((row) => ({
          id: row.id,
          byName: row.by_name,
          purpose: row.purpose,
          sql: row.sql,
          state: row.state,
          startedAt: toIso(row.started_at.getTime()),
          ...(row.took_ms === null ? {} : { tookMs: row.took_ms }),
          ...(row.rows === null ? {} : { rows: Number(row.rows) }),
          ...(row.error === null ? {} : { error: row.error }),
        })),
        ...(rows.length > limit && last ? { nextCursor: last.id } : {}),
      };
    },
  };
}
