import type { Condition } from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import type { Relational } from '@rapport/stores';

export interface AudienceRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly condition: Condition;
  readonly owner: string;
  readonly owner_name: string;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly last_count: string | null;
  readonly last_count_at: Date | null;
}

export interface SnapshotRow {
  readonly id: string;
  readonly audience_id: string | null;
  readonly condition: Condition;
  readonly as_of: Date;
  readonly release: string;
  readonly size: string;
  readonly created_at: Date;
  readonly created_by: string;
}

export interface Position {
  readonly at: EpochMs;
  readonly id: string;
}

export interface AudienceStore {
  list(query: {
    search: string | undefined;
    after: Position | undefined;
    limit: number;
  }): Promise<AudienceRow[]>;
  find(id: string): Promise<AudienceRow | undefined>;
  /** The most recently changed one of that name. */
  findByName(name: string): Promise<AudienceRow | undefined>;
  findMany(ids: readonly string[]): Promise<AudienceRow[]>;
  /** Audiences whose condition has this text somewhere; for finding who names an id. */
  mentioning(text: string): Promise<AudienceRow[]>;
  names(): Promise<{ id: string; name: string }[]>;
  insert(row: Omit<AudienceRow, 'last_count' | 'last_count_at'>): Promise<void>;
  /** `undefined` when there is no such version any more. */
  replace(
    id: string,
    version: number,
    next: { name: string; description: string; condition: Condition; at: Date },
  ): Promise<AudienceRow | undefined>;
  remove(id: string, version: number | undefined): Promise<boolean>;
  keepCount(id: string, version: number, count: number, at: Date): Promise<void>;
  insertSnapshot(row: SnapshotRow, cids: Uint8Array): Promise<void>;
  snapshots(query: {
    audienceId: string;
    after: Position | undefined;
    limit: number;
  }): Promise<SnapshotRow[]>;
  findSnapshot(id: string): Promise<(SnapshotRow & { readonly cids: Buffer }) | undefined>;
}

const AUDIENCE = `a.id, a.name, a.description, a.condition, a.owner, a.owner_name, a.version, a.created_at, a.updated_at,
  a.last_count, a.last_count_at`;
const SNAPSHOT = 's.id, s.audience_id, s.condition, s.as_of, s.release, s.size, s.created_at, s.created_by';

/** Audiences and snapshots in PostgreSQL. */
export function createAudienceStore({ pool }: Pick<Relational, 'pool'>): AudienceStore {
  const select = async (rest: string, values: readonly unknown[]): Promise<AudienceRow[]> =>
    (await pool.query<AudienceRow>(`select ${AUDIENCE} from audiences.audience a ${rest}`, [...values])).rows;

  return {
    list: ({ search, after, limit }) =>
      select(
        `where ($1::text is null or a.name ilike $1 or a.description ilike $1)
           and ($2::timestamptz is null or (a.updated_at, a.id) < ($2, $3))
         order by a.updated_at desc, a.id desc limit $4`,
        [
          search === undefined ? null : `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`,
          after ? new Date(after.at) : null,
          after?.id ?? null,
          limit,
        ],
      ),
    find: async (id) => (await select('where a.id = $1', [id]))[0],
    findByName: async (name) =>
      (await select('where a.name = $1 order by a.updated_at desc, a.id desc limit 1', [name]))[0],
    findMany: (ids) => select('where a.id = any ($1)', [ids]),
    mentioning: (text) => select('where position($1 in a.condition::text) > 0 order by a.name', [text]),
    names: async () =>
      (
        await pool.query<{ id: string; name: string }>(
          'select a.id, a.name from audiences.audience a order by a.name',
        )
      ).rows,
    async insert(row) {
      await pool.query(
        `insert into audiences.audience (id, name, description, condition, owner, owner_name, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          row.id,
          row.name,
          row.description,
          JSON.stringify(row.condition),
          row.owner,
          row.owner_name,
          row.version,
          row.created_at,
          row.updated_at,
        ],
      );
    },
    async replace(id, version, next) {
      const updated = await pool.query<AudienceRow>(
        `update audiences.audience a set name = $3, description = $4, condition = $5, updated_at = $6, version = a.version + 1,
           last_count = null, last_count_at = null
         where a.id = $1 and a.version = $2 returning ${AUDIENCE}`,
        [id, version, next.name, next.description, JSON.stringify(next.condition), next.at],
      );
      return updated.rows[0];
    },
    async remove(id, version) {
      const removed = await pool.query(
        'delete from audiences.audience a where a.id = $1 and ($2::int is null or a.version = $2)',
        [id, version ?? null],
      );
      return removed.rowCount === 1;
    },
    async keepCount(id, version, count, at) {
      await pool.query(
        'update audiences.audience a set last_count = $3, last_count_at = $4 where a.id = $1 and a.version = $2',
        [id, version, count, at],
      );
    },
    async insertSnapshot(row, cids) {
      await pool.query(
        `insert into audiences.snapshot (id, audience_id, condition, as_of, release, size, cids, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          row.id,
          row.audience_id,
          JSON.stringify(row.condition),
          row.as_of,
          row.release,
          row.size,
          Buffer.from(cids),
          row.created_at,
          row.created_by,
        ],
      );
    },
    snapshots: async ({ audienceId, after, limit }) =>
      (
        await pool.query<SnapshotRow>(
          `select ${SNAPSHOT} from audiences.snapshot s
           where s.audience_id = $1 and ($2::timestamptz is null or (s.created_at, s.id) < ($2, $3))
           order by s.created_at desc, s.id desc limit $4`,
          [audienceId, after ? new Date(after.at) : null, after?.id ?? null, limit],
        )
      ).rows,
    findSnapshot: async (id) =>
      (
        await pool.query<SnapshotRow & { cids: Buffer }>(
          `select ${SNAPSHOT}, s.cids from audiences.snapshot s where s.id = $1`,
          [id],
        )
      ).rows[0],
  };
}
