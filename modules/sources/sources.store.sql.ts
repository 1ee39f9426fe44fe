import { setTimeout as sleep } from 'node:timers/promises';
import type { Relational } from '@rapport/stores';
import type {
  LoadFault,
  LoadQuality,
  LoadState,
  LoadTable,
  LoadView,
  ReplayRequest,
  RoleRejection,
} from './contract.ts';
import type { TableState } from './increments.ts';
import type { SourceManifest, TableRole } from './manifest.schema.ts';

export interface StoredSource {
  readonly id: string;
  readonly yaml: string;
  readonly manifest: SourceManifest;
  readonly baseDir: string | undefined;
  readonly version: number;
  readonly updatedAt: Date;
  readonly updatedBy: string;
}

export interface StoredLoad extends LoadView {
  readonly attempt: string | undefined;
  readonly manifestVersion: number | undefined;
  readonly request: ReplayRequest;
  /** Header of each CSV file, by table and file, so that single records can be read again. */
  readonly headers: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** What a physical table holds, for whoever reads it through a release. */
export interface TableDescription {
  readonly derived: boolean;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly engineType: string;
    readonly personal: boolean;
    readonly currency?: string;
    readonly scale?: number;
  }[];
  readonly rows: number;
  readonly role?: TableRole;
  readonly roleColumns?: readonly string[];
  readonly roleSelect?: string;
  /** Of a table of files: what it is made of. */
  readonly state?: TableState;
}

export interface PhysicalTable {
  readonly physical: string;
  readonly sourceId: string;
  readonly table: string;
  readonly loadId: string;
  readonly description: TableDescription;
}

export interface LoadOutcome {
  readonly state: LoadState;
  readonly attempt: string;
  readonly manifestVersion: number;
  readonly finishedAt: Date;
  readonly message: string;
  readonly release?: number;
  readonly tables: readonly (LoadTable & {
    readonly headers?: Readonly<Record<string, readonly string[]>>;
  })[];
  readonly quality: readonly LoadQuality[];
  readonly rejected: readonly RoleRejection[];
  readonly faults: readonly LoadFault[];
  readonly notes: readonly string[];
}

interface SourceRow {
  id: string;
  yaml: string;
  manifest: SourceManifest;
  base_dir: string | null;
  version: number;
  updated_at: Date;
  updated_by: string;
}

interface LoadRow {
  id: string;
  source_id: string;
  kind: 'load' | 'replay';
  state: LoadState;
  job_id: string | null;
  attempt: string | null;
  manifest_version: number | null;
  request: ReplayRequest;
  share: number;
  message: string;
  requested_by: string;
  started_at: Date;
  finished_at: Date | null;
  release: number | null;
  tables: (LoadTable & { headers?: Record<string, string[]> })[];
  quality: LoadQuality[];
  rejected: RoleRejection[];
  faults: LoadFault[];
  notes: string[];
}

interface PhysicalRow {
  physical: string;
  source_id: string;
  table_name: string;
  load_id: string;
  description: TableDescription;
}

const LOAD_COLUMNS = `l.id, l.source_id, l.kind, l.state, l.job_id, l.attempt, l.manifest_version, l.request, l.share, l.message,
  l.requested_by, l.started_at, l.finished_at, l.release, l.tables, l.quality, l.rejected, l.faults, l.notes`;
const SOURCE_COLUMNS = 's.id, s.yaml, s.manifest, s.base_dir, s.version, s.updated_at, s.updated_by';

export type SourcesStore = ReturnType<typeof createSourcesStore>;

/** The record of sources, loads and physical tables, in PostgreSQL. */
export function createSourcesStore(relational: Relational) {
  const { pool } = relational;
  return {
    async putSource(source: Omit<StoredSource, 'version'>): Promise<{ version: number; changed: boolean }> {
      return relational.transaction(async (client) => {
        const { rows } = await client.query<{ yaml: string; base_dir: string | null; version: number }>(
          'select s.yaml, s.base_dir, s.version from sources.source s where s.id = $1 for update',
          [source.id],
        );
        const before = rows[0];
        if (before && before.yaml === source.yaml && before.base_dir === (source.baseDir ?? null)) {
          return { version: before.version, changed: false };
        }
        const version = (before?.version ?? 0) + 1;
        await client.query(
          `insert into sources.source as s (id, yaml, manifest, base_dir, version, updated_at, updated_by)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (id) do update set yaml = excluded.yaml, manifest = excluded.manifest, base_dir = excluded.base_dir,
             version = excluded.version, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
          [
            source.id,
            source.yaml,
            JSON.stringify(source.manifest),
            source.baseDir ?? null,
            version,
            source.updatedAt,
            source.updatedBy,
          ],
        );
        return { version, changed: true };
      });
    },

    async source(id: string): Promise<StoredSource | undefined> {
      const { rows } = await pool.query<SourceRow>(
        `select ${SOURCE_COLUMNS} from sources.source s where s.id = $1`,
        [id],
      );
      return rows[0] && sourceOf(rows[0]);
    },

    async sources(after: string | undefined, limit: number): Promise<StoredSource[]> {
      const { rows } = await pool.query<SourceRow>(
        `select ${SOURCE_COLUMNS} from sources.source s where s.id > $1 order by s.id limit $2`,
        [after ?? '', limit],
      );
      return rows.map(sourceOf);
    },

    async addLoad(load: {
      id: string;
      sourceId: string;
      kind: 'load' | 'replay';
      request: ReplayRequest;
      requestedBy: string;
      startedAt: Date;
    }): Promise<void> {
      await pool.query(
        `insert into sources.load (id, source_id, kind, state, request, share, message, requested_by, started_at, tables, quality, rejected, faults, notes)
         values ($1, $2, $3, 'queued', $4, 0, '', $5, $6, '[]', '[]', '[]', '[]', '[]')`,
        [load.id, load.sourceId, load.kind, JSON.stringify(load.request), load.requestedBy, load.startedAt],
      );
    },

    async setJob(loadId: string, jobId: string): Promise<void> {
      await pool.query('update sources.load l set job_id = $2 where l.id = $1', [loadId, jobId]);
    },

    async begin(loadId: string, attempt: string): Promise<void> {
      await pool.query(
        `update sources.load l set state = 'running', attempt = $2, share = 0, message = 'begun', finished_at = null where l.id = $1`,
        [loadId, attempt],
      );
    },

    async progress(loadId: string, share: number, message: string): Promise<void> {
      await pool.query(
        `update sources.load l set share = $2, message = $3 where l.id = $1 and l.state = 'running'`,
        [loadId, share, message],
      );
    },

    async finish(loadId: string, outcome: LoadOutcome): Promise<void> {
      await pool.query(
        `update sources.load l set state = $2, attempt = $3, manifest_version = $4, finished_at = $5, message = $6, release = $7,
           share = case when $2 = 'loaded' then 1 else l.share end,
           tables = $8, quality = $9, rejected = $10, faults = $11, notes = $12
         where l.id = $1`,
        [
          loadId,
          outcome.state,
          outcome.attempt,
          outcome.manifestVersion,
          outcome.finishedAt,
          outcome.message,
          outcome.release ?? null,
          JSON.stringify(outcome.tables),
          JSON.stringify(outcome.quality),
          JSON.stringify(outcome.rejected),
          JSON.stringify(outcome.faults),
          JSON.stringify(outcome.notes),
        ],
      );
    },

    async fail(loadId: string, message: string, finishedAt: Date): Promise<void> {
      await pool.query(
        `update sources.load l set state = 'failed', message = $2, finished_at = $3 where l.id = $1 and l.state in ('queued', 'running')`,
        [loadId, message, finishedAt],
      );
    },

    async load(id: string): Promise<StoredLoad | undefined> {
      const { rows } = await pool.query<LoadRow>(
        `select ${LOAD_COLUMNS} from sources.load l where l.id = $1`,
        [id],
      );
      return rows[0] && loadOf(rows[0]);
    },

    async loads(sourceId: string, offset: number, limit: number): Promise<StoredLoad[]> {
      const { rows } = await pool.query<LoadRow>(
        `select ${LOAD_COLUMNS} from sources.load l where l.source_id = $1 order by l.started_at desc, l.id desc limit $2 offset $3`,
        [sourceId, limit, offset],
      );
      return rows.map(loadOf);
    },

    async lastLoad(sourceId: string, states: readonly LoadState[]): Promise<StoredLoad | undefined> {
      const { rows } = await pool.query<LoadRow>(
        `select ${LOAD_COLUMNS} from sources.load l where l.source_id = $1 and l.state = any($2) order by l.started_at desc, l.id desc limit 1`,
        [sourceId, states],
      );
      return rows[0] && loadOf(rows[0]);
    },

    /** Rows a table had after its last loads, newest first. */
    async rowHistory(sourceId: string, table: string, limit: number): Promise<number[]> {
      const { rows } = await pool.query<{ rows: number }>(
        `select (t.entry ->> 'loaded')::double precision as rows
         from (select l.tables, l.started_at, l.id from sources.load l
               where l.source_id = $1 and l.state = 'loaded' and l.kind = 'load'
               order by l.started_at desc, l.id desc limit $3) l,
           lateral (select e as entry from jsonb_array_elements(l.tables) e where e ->> 'table' = $2 limit 1) t
         order by l.started_at desc, l.id desc`,
        [sourceId, table, limit],
      );
      return rows.map((row) => Number(row.rows));
    },

    async describe(table: PhysicalTable): Promise<void> {
      await pool.query(
        `insert into sources.physical_table (physical, source_id, table_name, load_id, description) values ($1, $2, $3, $4, $5)
         on conflict (physical) do update set description = excluded.description, load_id = excluded.load_id`,
        [table.physical, table.sourceId, table.table, table.loadId, JSON.stringify(table.description)],
      );
    },

    async physicalTables(physicals: readonly string[]): Promise<PhysicalTable[]> {
      const { rows } = await pool.query<PhysicalRow>(
        `select t.physical, t.source_id, t.table_name, t.load_id, t.description from sources.physical_table t
         where t.physical = any($1) order by t.source_id, t.table_name`,
        [physicals],
      );
      return rows.map((row) => ({
        physical: row.physical,
        sourceId: row.source_id,
        table: row.table_name,
        loadId: row.load_id,
        description: row.description,
      }));
    },

    /** Runs `work` while no other process projects and publishes; other loads wait. */
    async exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
      const client = await pool.connect();
      try {
        const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [
          LOCK,
        ]);
        if (!rows[0]?.held) {
          await client.query('select pg_advisory_lock($1)', [LOCK]);
          // Another process may have published just now; its release is seen here within a second.
          await sleep(1_100);
        }
        try {
          return await work();
        } finally {
          await client.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => undefined);
        }
      } finally {
        client.release();
      }
    },
  };
}

const LOCK = 7_231_994_101;

function sourceOf(row: SourceRow): StoredSource {
  return {
    id: row.id,
    yaml: row.yaml,
    manifest: row.manifest,
    baseDir: row.base_dir ?? undefined,
    version: row.version,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}

function loadOf(row: LoadRow): StoredLoad {
  return {
    id: row.id,
    sourceId: row.source_id,
    kind: row.kind,
    state: row.state,
    ...(row.job_id === null ? {} : { jobId: row.job_id }),
    progress: row.share,
    message: row.message,
    requestedBy: row.requested_by,
    startedAt: row.started_at.toISOString(),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at.toISOString() }),
    ...(row.release === null ? {} : { release: row.release }),
    tables: row.tables.map(({ headers: _, ...table }) => table),
    quality: row.quality,
    rejected: row.rejected,
    faults: row.faults,
    notes: row.notes,
    attempt: row.attempt ?? undefined,
    manifestVersion: row.manifest_version ?? undefined,
    request: row.request,
    headers: Object.fromEntries(row.tables.map((table) => [table.table, table.headers ?? {}])),
  };
}
