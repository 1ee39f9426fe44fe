import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, newId, toIso } from '@rapport/kernel';
import type { RoleMapping, Sources } from '@rapport/sources';
import type { Relational } from '@rapport/stores';
import { catalogProblems } from './catalog.problems.ts';
import type { BlockView } from './contract.ts';

/** A table or column whose tags should keep their values. */
export interface Blocked {
  /** Logical name: `src/<source>/<table>`, or a canonical one such as `transaction`. */
  readonly table: string;
  /** Absent: every column. */
  readonly column: string | undefined;
  readonly because: 'quality' | 'arrival' | 'freeze';
  readonly message: string;
  readonly since: string;
}

interface BlockRow {
  id: string;
  table_name: string;
  column_name: string | null;
  because: Blocked['because'];
  cause: string;
  message: string;
  since: Date;
  ended_at: Date | null;
  released_by: string | null;
  release_reason: string | null;
}

const COLUMNS =
  'b.id, b.table_name, b.column_name, b.because, b.cause, b.message, b.since, b.ended_at, b.released_by, b.release_reason';

export type Blocks = ReturnType<typeof createBlocks>;

/** What may not be refreshed now, and why. A block says nothing of data that is served; it only holds back new values. */
export function createBlocks(deps: {
  readonly relational: Relational;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly sources: Pick<Sources, 'manifests'>;
}) {
  const { pool } = deps.relational;

  const open = async (): Promise<BlockRow[]> => {
    const { rows } = await pool.query<BlockRow>(
      `select ${COLUMNS} from catalog.block b where b.ended_at is null order by b.since, b.id`,
    );
    return rows;
  };

  return {
    async begin(block: {
      table: string;
      column?: string;
      because: Blocked['because'];
      cause: string;
      message: string;
    }): Promise<void> {
      await pool.query(
        `insert into catalog.block (id, table_name, column_name, because, cause, message, since)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (table_name, coalesce(column_name, ''), because, cause) where ended_at is null
         do update set message = excluded.message`,
        [
          newId('blk'),
          block.table,
          block.column ?? null,
          block.because,
          block.cause,
          block.message,
          new Date(deps.clock.now()),
        ],
      );
    },

    async end(because: Blocked['because'], cause: string, table?: string): Promise<void> {
      await pool.query(
        `update catalog.block b set ended_at = $4
         where b.because = $1 and b.cause = $2 and ($3::text is null or b.table_name = $3) and b.ended_at is null`,
        [because, cause, table ?? null, new Date(deps.clock.now())],
      );
    },

    /** Somebody answers for refreshing tags although a rule fails; the block begins again with the next failing load. */
    async release(blockId: string, reason: string, actor: Actor): Promise<BlockView> {
      const { rows } = await pool.query<BlockRow>(
        `update catalog.block b set ended_at = $2, released_by = $3, release_reason = $4
         where b.id = $1 and b.ended_at is null returning ${COLUMNS}`,
        [blockId, new Date(deps.clock.now()), actor.displayName, reason],
      );
      const [row] = rows;
      if (!row)
        throw catalogProblems.block_not_found({
          detail: `There is no open block ${blockId}; it may have ended.`,
        });
      await deps.audit.record({
        actor,
        action: 'catalog.block_released',
        subject: row.table_name,
        details: { blockId, because: row.because, cause: row.cause, reason },
      });
      return present(row);
    },

    async list(limit = 200): Promise<BlockView[]> {
      const { rows } = await pool.query<BlockRow>(
        `select ${COLUMNS} from catalog.block b order by (b.ended_at is null) desc, b.since desc, b.id desc limit $1`,
        [limit],
      );
      return rows.map(present);
    },

    /**
     * Everything that is blocked now, by logical name. What a source table plays (`role`) is blocked with it, by the
     * names of the canonical table, and derived tables of the source that play a role too, for they may read it.
     */
    async blocked(): Promise<Blocked[]> {
      const rows = await open();
      if (rows.length === 0) return [];
      const manifests = new Map(
        (await deps.sources.manifests()).map((manifest) => [manifest.source, manifest]),
      );
      return rows.flatMap((row) => {
        const own: Blocked = {
          table: row.table_name,
          column: row.column_name ?? undefined,
          because: row.because,
          message: row.message,
          since: toIso(row.since.getTime()),
        };
        const [, sourceId = '', table = ''] = row.table_name.split('/');
        const manifest = manifests.get(sourceId);
        if (!manifest || !row.table_name.startsWith('src/')) return [own];
        const given = manifest.tables[table] ?? manifest.derived?.[table];
        const played = given?.role
          ? [{ ...own, table: given.role, column: canonicalColumn(given, row.column_name) }]
          : [];
        const read = Object.entries(manifest.derived ?? {}).flatMap(([name, derived]) => {
          if (name === table || !new RegExp(`\\b${table}\\b`).test(derived.sql)) return [];
          return [
            { ...own, table: `src/${sourceId}/${name}`, column: undefined },
            ...(derived.role ? [{ ...own, table: derived.role, column: undefined }] : []),
          ];
        });
        return [own, ...played, ...read];
      });
    },
  };
}

/** The canonical name of a source's column; a column that becomes an attribute is named by its own name. */
function canonicalColumn(
  table: { readonly map?: RoleMapping['map'] },
  column: string | null,
): string | undefined {
  if (column === null) return undefined;
  const mapped = Object.entries(table.map ?? {}).find(
    ([, entry]) => (typeof entry === 'string' ? entry : 'from' in entry ? entry.from : undefined) === column,
  );
  return mapped?.[0] ?? column;
}

function present(row: BlockRow): BlockView {
  return {
    id: row.id,
    table: row.table_name,
    ...(row.column_name === null ? {} : { column: row.column_name }),
    because: row.because,
    cause: row.cause,
    message: row.message,
    since: toIso(row.since.getTime()),
    ...(row.ended_at ? { endedAt: toIso(row.ended_at.getTime()) } : {}),
    ...(row.released_by === null ? {} : { releasedBy: row.released_by }),
    ...(row.release_reason === null ? {} : { releaseReason: row.release_reason }),
  };
}
