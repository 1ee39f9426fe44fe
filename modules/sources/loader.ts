import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@rapport/kernel';
import type { Placement, Release } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadFault, LoadQuality, LoadTable, RoleRejection } from './contract.ts';
import { findFiles } from './files.ts';
import type { DeliveredSample, DeliveredTable, LoadInspector } from './inspector.ts';
import type { FileTable, RoleMapping, Source, SqlTable } from './manifest.ts';
import type { Projector, RejectedRows, RoleTable } from './projector.ts';
import { createQualityJudge, SQL_LIMIT, sqlRefusal } from './quality.ts';
import type { StagingDeps } from './reader.ts';
import { readerOf } from './readers.ts';
import { LoadRefused, refuse } from './refusal.ts';
import { innerType, roleSelect, type TableColumn } from './role-select.ts';
import { sampleCsv } from './sample.ts';
import type { SourcesStore, TableDescription } from './sources.store.sql.ts';
import type { ReadableTable } from './sql-guard.ts';
import { sqlName } from './sql-text.ts';
import { type BuiltTable, buildTable, type TableInput } from './table-builder.ts';
import { engineType } from './typing.ts';

export interface LoaderDeps extends StagingDeps {
  readonly store: SourcesStore;
  readonly clock: Clock;
  readonly projector: Projector | undefined;
  readonly inspector: LoadInspector | undefined;
}

export interface LoadContext {
  readonly source: Source;
  readonly loadId: string;
  readonly attempt: string;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly report: (share: number, message: string) => Promise<void>;
  /** Tables whose files were brought from elsewhere; the others lie in the folder. */
  readonly delivery?: ReadonlyMap<string, DeliveredTable>;
  /** Called once the refused records are in quarantine, before anything becomes visible. */
  readonly onQuarantined?: () => Promise<void>;
}

export interface LoadResult {
  readonly release: Release;
  readonly tables: readonly (LoadTable & {
    readonly headers?: Readonly<Record<string, readonly string[]>>;
  })[];
  readonly quality: readonly LoadQuality[];
  readonly rejected: readonly RoleRejection[];
  readonly notes: readonly string[];
  /** Role tables of this source as they were published. */
  readonly roleTables: readonly RoleTable[];
}

const Counted = Type.Object({ n: Type.Integer() });
const Described = Type.Object({ name: Type.String(), type: Type.String() });
const LONG = { maxSeconds: 6 * 3_600 } as const;

/** What a table is after it was built: enough for SQL, roles, and whoever reads it later. */
interface Built {
  readonly name: string;
  readonly physical: string;
  readonly columns: TableDescription['columns'];
  readonly rows: number;
  readonly derived: boolean;
  readonly roleMapping: RoleMapping | undefined;
}

export type Loader = ReturnType<typeof createLoader>;

/**
 * Runs one load: tables, derived tables, quality rules, projection, one publish. Until the publish nothing is
 * visible; whatever ends the load before it leaves the release as it was. Physical names belong to the attempt, so
 * that a load that runs again after a crash never meets what the one before left behind.
 */
export function createLoader(deps: LoaderDeps) {
  const { warehouse, releases, store, clock } = deps;
  const judge = createQualityJudge(warehouse);
  const name = (physical: string): string => warehouse.identifier(physical);

  /**
   * @param replays tables of which only single records are read; the others stay as they are in `release`. Absent:
   *   all tables are read from their files.
   * @throws LoadRefused when the data does not pass
   */
  const load = async (
    context: LoadContext,
    replays?: ReadonlyMap<string, Extract<TableInput, { kind: 'records' }>>,
  ): Promise<LoadResult> => {
    const temporary = new Set<string>();
    const published = new Set<string>();
    try {
      return await run(context, replays, temporary, published);
    } finally {
      for (const table of temporary) {
        if (!published.has(table)) await warehouse.drop(table).catch(() => undefined);
      }
    }
  };

  const run = async (
    context: LoadContext,
    replays: ReadonlyMap<string, Extract<TableInput, { kind: 'records' }>> | undefined,
    temporary: Set<string>,
    published: Set<string>,
  ): Promise<LoadResult> => {
    const { source } = context;
    const files = replays ? new Map<string, string[]>() : await checkFiles(context);
    const faultTables: { table: string; built: BuiltTable }[] = [];
    const built: Built[] = [];
    const tables: (LoadTable & { readonly headers?: Readonly<Record<string, readonly string[]>> })[] = [];
    const notes: string[] = [];

    const keepFaults = async (): Promise<void> => {
      for (const fault of faultTables.splice(0)) await quarantine(context, fault.table, fault.built);
    };

    try {
      const before = await releases.current();
      const folderOf = (table: string): string => context.delivery?.get(table)?.folder ?? context.folder;
      const totalBytes = await sizeOf(files, folderOf);
      let readBytes = 0;
      for (const table of source.tables) {
        context.signal.throwIfAborted();
        if (table.stream) continue;
        const replay = replays?.get(table.name);
        if (replays && !replay) {
          built.push(await keptTable(source, table, before));
          continue;
        }
        const names = replay
          ? [...new Set(replay.records.map((record) => record.file))]
          : (files.get(table.name) ?? []);
        const result = await buildTable(
          deps,
          {
            table,
            sourceId: source.id,
            folder: folderOf(table.name),
            files: names,
            signal: context.signal,
            onBytes: (bytes) => {
              readBytes += bytes;
              const share = totalBytes === 0 ? 0 : (readBytes / totalBytes) * 0.7;
              void context.report(
                share,
                `reading ${table.name}: ${megabytes(readBytes)} of ${megabytes(totalBytes)} MB`,
              );
            },
            onTable: (physical) => temporary.add(physical),
          },
          replay ?? { kind: 'files' },
          (other) => built.find((candidate) => candidate.name === other)?.physical ?? '',
        );
        faultTables.push({ table: table.name, built: result });
        tables.push(result.summary);
        notes.push(...result.notes);
        built.push({
          name: table.name,
          physical: result.physical,
          columns: fileColumns(table),
          rows: result.rows,
          derived: false,
          roleMapping: table.roleMapping,
        });
      }

      await context.report(0.72, 'computing derived tables');
      for (const derived of source.derived) {
        context.signal.throwIfAborted();
        const table = await derive(context, derived, built, (physical) => temporary.add(physical));
        built.push(table);
        tables.push({
          table: table.name,
          derived: true,
          read: table.rows,
          loaded: table.rows,
          quarantined: 0,
          superseded: 0,
          bytes: 0,
          files: [],
        });
      }

      await context.report(0.8, 'checking quality rules');
      const quality = await checkQuality(context, built);
      const descriptions = describeAll(source, built);
      if (deps.inspector) {
        const inspected = await deps.inspector.inspect({
          source,
          loadId: context.loadId,
          attempt: context.attempt,
          kind: replays ? 'replay' : 'load',
          tables: built.map((table) => {
            const summary = tables.find((candidate) => candidate.table === table.name);
            const declared = [...source.tables, ...source.derived].find(
              (candidate) => candidate.name === table.name,
            );
            return {
              name: table.name,
              physical: table.physical,
              columns: table.columns,
              rows: table.rows,
              derived: table.derived,
              key: declared?.key ?? [],
              roleMapping: table.roleMapping,
              delivered: Object.values(summary?.headers ?? {}).at(-1),
              reconciliation: summary,
              faultTable: faultTables.find((fault) => fault.table === table.name)?.built.faultTable,
            };
          }),
          quality,
          now: clock.now(),
          signal: context.signal,
        });
        notes.push(...inspected.notes);
        if (inspected.faults.length > 0) throw new LoadRefused(inspected.faults);
      }

      await context.report(0.85, 'joining customers');
      return await store.exclusively(async () => {
        const release = await releases.current();
        const roleTables = [
          ...(await roleTablesOf(release)).filter((table) => table.sourceId !== source.id),
          ...ownRoleTables(source, built, descriptions),
        ];
        const projection = deps.projector
          ? await deps.projector.project({ sourceId: source.id, roleTables, release, signal: context.signal })
          : { set: {}, rejected: [] };
        await keepFaults();
        await context.onQuarantined?.();
        for (const rejected of projection.rejected) await quarantineRejected(context, rejected);
        for (const table of built) {
          const description = descriptions.get(table.name);
          if (description) {
            await store.describe({
              physical: table.physical,
              sourceId: source.id,
              table: table.name,
              loadId: context.loadId,
              description,
            });
          }
        }
        context.signal.throwIfAborted();
        await context.report(0.97, 'publishing');
        const set: Record<string, Placement> = { ...projection.set };
        for (const table of built) {
          set[logicalName(source.id, table.name)] = { table: table.physical };
          published.add(table.physical);
        }
        const gone = [...release.placements.keys()].filter(
          (logical) => logical.startsWith(`src/${source.id}/`) && !(logical in set),
        );
        const after = await releases.publish({
          set,
          remove: gone,
          note: `load ${context.loadId} of ${source.id}`,
        });
        return {
          release: after,
          tables,
          quality,
          rejected: projection.rejected
            .filter((entry) => entry.sourceId === source.id)
            .map(({ table, reason, count }) => ({ table, reason, count })),
          notes,
          roleTables: roleTables.filter((table) => table.sourceId === source.id),
        };
      });
    } catch (error) {
      // What was refused so far helps to find out why.
      if (error instanceof LoadRefused) await keepFaults();
      throw error;
    }
  };

  /** Finds the files of all tables and looks at the headers, so that all such faults are known at once. */
  const checkFiles = async (context: LoadContext): Promise<Map<string, string[]>> => {
    const faults: LoadFault[] = [];
    const samples: DeliveredSample[] = [];
    const found = new Map<string, string[]>();
    for (const table of context.source.tables) {
      if (table.stream) continue;
      const delivered = context.delivery?.get(table.name);
      const folder = delivered?.folder ?? context.folder;
      const files = delivered ? [...delivered.files] : await findFiles(context.folder, table.paths);
      found.set(table.name, files);
      if (delivered && files.length > 0) {
        faults.push(...(await headerFaults(table, folder, files, samples)));
        continue;
      }
      const missing = table.paths.filter((path) => !/[*?]/.test(path) && !files.includes(path));
      for (const path of files.length === 0 && missing.length === 0 ? table.paths : missing) {
        faults.push({
          code: 'missing_file',
          place: table.name,
          message: `There is no file "${path}" in ${context.source.manifest.folder ?? 'the folder of the manifest'}.`,
        });
      }
      faults.push(...(await headerFaults(table, folder, files, samples)));
    }
    if (faults.length > 0) {
      const explained = await deps.inspector?.explain(context.source, samples, faults);
      throw new LoadRefused(explained ?? faults);
    }
    return found;
  };

  /** Faults of the headers; of a file whose columns are not the expected ones a sample is kept, to explain why. */
  const headerFaults = async (
    table: FileTable,
    folder: string,
    files: readonly string[],
    samples: DeliveredSample[],
  ): Promise<readonly LoadFault[]> => {
    const faults: LoadFault[] = [];
    for (const file of files) {
      try {
        await readerOf(deps, table).check?.(table, folder, file);
      } catch (error) {
        if (!(error instanceof LoadRefused)) throw error;
        faults.push(...error.faults);
        const sample = table.format === 'csv' ? await sampleCsv(table, folder, file) : undefined;
        if (sample) samples.push(sample);
      }
    }
    return faults;
  };

  /** A table that a replay leaves as it is. */
  const keptTable = async (source: Source, table: FileTable, release: Release): Promise<Built> => {
    const placement = release.placements.get(logicalName(source.id, table.name));
    const [known] = placement ? await store.physicalTables([placement.table]) : [];
    if (!placement || !known) {
      return refuse('not_loaded', table.name, `${table.name} was not loaded yet. Load the source first.`);
    }
    return {
      name: table.name,
      physical: placement.table,
      columns: known.description.columns,
      rows: known.description.rows,
      derived: false,
      roleMapping: table.roleMapping,
    };
  };

  const readable = (tables: readonly Built[]): ReadableTable[] =>
    tables.map((table) => ({
      name: table.name,
      physical: table.physical,
      columns: table.columns.map((column) => column.name),
    }));

  /** SQL of the manifest bound to the tables built so far. @throws LoadRefused when it is wrong or reads elsewhere */
  const bind = (sql: string, place: string, tables: readonly Built[]): Promise<string> =>
    judge.bind(sql, place, readable(tables));

  const derive = async (
    context: LoadContext,
    derived: SqlTable,
    tables: readonly Built[],
    onTable: (physical: string) => void,
  ): Promise<Built> => {
    const place = `derived ${derived.name}`;
    const bound = await bind(derived.sql, place, tables);
    const options = { ...SQL_LIMIT, signal: context.signal };
    try {
      const described = await warehouse.query(Described, `DESCRIBE TABLE (${bound})`, {}, options);
      const columns = described.map((column) => ({ name: column.name, engineType: column.type }));
      const bad = columns.find((column) => !/^[A-Za-z]\w{0,62}$/.test(column.name));
      if (bad) return refuse('sql_not_allowed', place, `Name the column "${bad.name}" by AS.`);
      const physical = releases.newTableName(`src_${context.source.id}_${derived.name}`);
      onTable(physical);
      for (const column of derived.key) {
        if (!columns.some((candidate) => candidate.name === column)) {
          refuse(
            'missing_column',
            place,
            `The key column "${column}" is not among ${columns.map(({ name: own }) => own).join(', ')}.`,
          );
        }
      }
      await warehouse.createTable({
        name: physical,
        columns: columns.map((column) => `${sqlName(column.name)} ${column.engineType}`).join(', '),
        orderBy: derived.key.length > 0 ? derived.key.map(sqlName).join(', ') : 'tuple()',
        settings: 'allow_nullable_key = 1',
        spread: 'any',
      });
      await warehouse.command(`INSERT INTO ${name(physical)} ${bound}`, {}, options);
      if (derived.key.length > 0) {
        const names = derived.key.map(sqlName).join(', ');
        const repeated = await count(
          `SELECT count() AS n FROM (SELECT ${names} FROM ${name(physical)} GROUP BY ${names} HAVING count() > 1)`,
        );
        if (repeated > 0) {
          refuse(
            'duplicate_key',
            place,
            `${repeated} values of ${derived.key.join(', ')} occur more than once. Correct the SQL or the key.`,
          );
        }
      }
      return {
        name: derived.name,
        physical,
        columns: columns.map((column) => ({
          ...column,
          type: typeOfEngine(column.engineType),
          personal: derived.personal.includes(column.name),
        })),
        rows: await count(`SELECT count() AS n FROM ${name(physical)}`),
        derived: true,
        roleMapping: derived.roleMapping,
      };
    } catch (error) {
      throw sqlRefusal(error, place);
    }
  };

  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, LONG);
    return row?.n ?? 0;
  };

  const checkQuality = async (context: LoadContext, tables: readonly Built[]): Promise<LoadQuality[]> => {
    const outcomes: LoadQuality[] = [];
    for (const rule of context.source.manifest.quality ?? []) {
      outcomes.push(
        await judge.judge(rule, {
          tables,
          now: clock.now(),
          historyOf: (table) => store.rowHistory(context.source.id, table, 30),
          signal: context.signal,
        }),
      );
    }
    const failed = outcomes.filter((outcome) => !outcome.passed && outcome.severity === 'fail');
    if (failed.length > 0) {
      throw new LoadRefused(
        failed.map((outcome) => ({
          code: 'quality',
          place: `quality ${outcome.name}`,
          message: outcome.message,
        })),
      );
    }
    return outcomes;
  };

  /** Descriptions of all tables, with the SELECT of each role. @throws LoadRefused when a role cannot be played */
  const describeAll = (source: Source, tables: readonly Built[]): Map<string, TableDescription> => {
    const faults: LoadFault[] = [];
    const descriptions = new Map<string, TableDescription>();
    for (const table of tables) {
      const plain = { derived: table.derived, columns: table.columns, rows: table.rows };
      if (!table.roleMapping) {
        descriptions.set(table.name, plain);
        continue;
      }
      const columns: TableColumn[] = table.columns.map((column) => ({ ...column }));
      const select = roleSelect(table.physical, table.roleMapping, columns, !table.derived);
      faults.push(
        ...select.faults.map((message) => ({
          code: 'role',
          place: `${source.id} ${table.name}`,
          message: `${message}.`,
        })),
      );
      descriptions.set(table.name, {
        ...plain,
        role: table.roleMapping.role,
        roleColumns: select.columns,
        roleSelect: select.sql,
      });
    }
    if (faults.length > 0) throw new LoadRefused(faults);
    return descriptions;
  };

  const ownRoleTables = (
    source: Source,
    tables: readonly Built[],
    descriptions: ReadonlyMap<string, TableDescription>,
  ): RoleTable[] =>
    tables.flatMap((table) => {
      const description = descriptions.get(table.name);
      if (!description?.role || description.roleSelect === undefined) return [];
      return [
        {
          sourceId: source.id,
          table: table.name,
          role: description.role,
          physical: table.physical,
          fresh: true,
          columns: description.roleColumns ?? [],
          select: description.roleSelect,
        },
      ];
    });

  /** The role tables that a release shows. */
  const roleTablesOf = async (release: Release): Promise<RoleTable[]> => {
    const physicals = [...release.placements]
      .filter(([logical]) => logical.startsWith('src/'))
      .map(([, placement]) => placement.table);
    const known = await store.physicalTables(physicals);
    return known.flatMap(({ sourceId, table, physical, description }) =>
      description.role && description.roleSelect !== undefined
        ? [
            {
              sourceId,
              table,
              role: description.role,
              physical,
              fresh: false,
              columns: description.roleColumns ?? [],
              select: description.roleSelect,
            },
          ]
        : [],
    );
  };

  /** Copies the refused records of a table to quarantine; they count once the load names this attempt. */
  const quarantine = async (context: LoadContext, table: string, built: BuiltTable): Promise<void> => {
    const files = built.files.length > 0 ? built.files : [''];
    await warehouse.command(
      `INSERT INTO quarantine (source, load_id, attempt, table, file, line, field, value, reason, other_faults, record, record_hex, state, at)
SELECT {source:String}, {load:String}, {attempt:String}, {table:String}, arrayElement({files:Array(String)}, file + 1), line,
  faults[1].1, faults[1].2, faults[1].3, CAST(arraySlice(faults, 2), 'Array(Tuple(field String, value String, reason String))'),
  record, record_hex, 'open', fromUnixTimestamp64Milli({at:Int64}, 'UTC')
FROM ${name(built.faultTable)}`,
      {
        source: context.source.id,
        load: context.loadId,
        attempt: context.attempt,
        table,
        files: [...files],
        at: clock.now(),
      },
      LONG,
    );
  };

  /** Rows that are in the source's table but could not become part of the canonical ones. */
  const quarantineRejected = async (context: LoadContext, rejected: RejectedRows): Promise<void> => {
    if (rejected.rowsSql === undefined || rejected.sourceId !== context.source.id || rejected.count === 0)
      return;
    await warehouse.command(
      `INSERT INTO quarantine (source, load_id, attempt, table, file, line, field, value, reason, other_faults, record, record_hex, state, at)
SELECT {source:String}, {load:String}, {attempt:String}, {table:String}, _file, _line, 'customer_id', value, {reason:String},
  CAST([], 'Array(Tuple(field String, value String, reason String))'), '', '', 'open', fromUnixTimestamp64Milli({at:Int64}, 'UTC')
FROM (${rejected.rowsSql}) LIMIT ${MAX_REJECTED_ROWS}`,
      {
        source: context.source.id,
        load: context.loadId,
        attempt: context.attempt,
        table: rejected.table,
        reason: rejected.reason,
        at: clock.now(),
      },
      LONG,
    );
  };

  return { load, roleTablesOf };
}

/** Rows refused by the canonical tables are counted in full but listed only so far. */
const MAX_REJECTED_ROWS = 10_000;

export const logicalName = (sourceId: string, table: string): string => `src/${sourceId}/${table}`;

const fileColumns = (table: FileTable): TableDescription['columns'] =>
  table.columns.map((column) => ({
    name: column.name,
    type: column.type,
    engineType: engineType(column),
    personal: column.personal,
    ...(column.type === 'money' ? { scale: column.scale } : {}),
    ...(column.currency === undefined ? {} : { currency: column.currency }),
  }));

function typeOfEngine(type: string): string {
  const inner = innerType(type);
  if (/^U?Int\d+$/.test(inner)) return 'integer';
  if (/^(Float|Decimal)/.test(inner)) return 'number';
  if (/^(String|FixedString|Enum)/.test(inner)) return 'text';
  if (inner === 'Bool') return 'boolean';
  if (/^Date(32)?$/.test(inner)) return 'date';
  if (/^DateTime/.test(inner)) return 'instant';
  return 'other';
}

const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

async function sizeOf(
  files: ReadonlyMap<string, readonly string[]>,
  folderOf: (table: string) => string,
): Promise<number> {
  const paths = [...files].flatMap(([table, names]) => names.map((name) => join(folderOf(table), name)));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
