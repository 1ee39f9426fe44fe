import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@rapport/kernel';
import type { Placement, Release } from '@rapport/stores';
import { Type } from 'typebox';
import type { LoadFault, LoadQuality, LoadTable, RoleRejection } from './contract.ts';
import { findFiles } from './files.ts';
import { createIncrements, type Grown, type TableState, tablesOf } from './increments.ts';
import type { DeliveredSample, DeliveredTable, LoadInspector } from './inspector.ts';
import type { TableRole } from './manifest.schema.ts';
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
  /** False for a table that is the released one. */
  readonly isFresh: boolean;
  readonly state?: TableState;
  /** Rows that came and went since the release; absent where the table may be another one altogether. */
  readonly change?: Pick<Grown, 'added' | 'withdrawn'>;
}

/** A table of files as the release shows it. */
interface Standing {
  readonly physical: string;
  readonly description: TableDescription;
  readonly state: TableState;
}

/** Files of a table that are to be read, and those that were loaded before. */
interface FoundFiles {
  readonly fresh: readonly string[];
  readonly skipped: readonly string[];
}

type Summary = LoadTable & { readonly headers?: Readonly<Record<string, readonly string[]>> };

export type Loader = ReturnType<typeof createLoader>;

/**
 * Runs one load: tables, derived tables, quality rules, projection, one publish. Until the publish nothing is
 * visible; whatever ends the load before it leaves the release as it was. Physical names belong to the attempt, so
 * that a load that runs again after a crash never meets what the one before left behind.
 */
export function createLoader(deps: LoaderDeps) {
  const { warehouse, releases, store, clock } = deps;
  const judge = createQualityJudge(warehouse);
  const increments = createIncrements({ warehouse, releases });
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
    const before = await releases.current();
    const files = replays ? new Map<string, FoundFiles>() : await checkFiles(context, before);
    const faultTables: { table: string; built: BuiltTable }[] = [];
    const built: Built[] = [];
    const tables: Summary[] = [];
    const notes: string[] = [];
    /** Runs of loads whose open quarantine stays that of their tables. */
    const carried: { table: string; attempt: string }[] = [];

    const keepFaults = async (): Promise<void> => {
      for (const fault of faultTables.splice(0)) await quarantine(context, fault.table, fault.built);
    };

    try {
      const folderOf = (table: string): string => context.delivery?.get(table)?.folder ?? context.folder;
      const totalBytes = await sizeOf(files, folderOf);
      let readBytes = 0;
      for (const table of source.tables) {
        context.signal.throwIfAborted();
        if (table.stream) continue;
        const replay = replays?.get(table.name);
        const standing = await standingOf(source, table, before);
        if (replays && !replay) {
          built.push(keptTable(table, standing, context.attempt));
          continue;
        }
        const onTable = (physical: string): void => {
          temporary.add(physical);
        };
        const isMapped = standing !== undefined && isMappedAlike(table, standing);
        const toGrow =
          !replay && table.mode !== 'full' && standing
            ? await fitting(source, table, standing, { onTable, signal: context.signal })
            : undefined;
        const { fresh: names, skipped } = replay
          ? { fresh: [...new Set(replay.records.map((record) => record.file))], skipped: [] }
          : (files.get(table.name) ?? { fresh: [], skipped: [] });
        if (toGrow && standing && !replay)
          carried.push({ table: table.name, attempt: standing.state.attempt });
        if (standing && toGrow?.isSame && names.length === 0) {
          built.push(keptTable(table, standing, context.attempt));
          tables.push(nothingNew(table, standing, skipped));
          notes.push(`${table.name}: all files were loaded before.`);
          continue;
        }
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
            onTable,
          },
          (replay && standing && table.deletes
            ? { ...replay, base: await increments.whole(source.id, table, standing.state, onTable) }
            : replay) ??
            (toGrow
              ? {
                  kind: 'files',
                  before: {
                    live: toGrow.live,
                    rows: (where) => increments.everything(table, toGrow.state.parts, where),
                  },
                }
              : { kind: 'files' }),
          (other) => built.find((candidate) => candidate.name === other)?.physical ?? '',
        );
        faultTables.push({ table: table.name, built: result });
        notes.push(...result.notes);
        const delivery = { ...result, files: result.summary.files, attempt: context.attempt };
        const plain = { name: table.name, columns: fileColumns(table), derived: false, isFresh: true };
        if (toGrow) {
          const grown = await increments.grow(source.id, table, toGrow.state, delivery, {
            onTable,
            signal: context.signal,
          });
          built.push({
            ...plain,
            physical: grown.physical,
            rows: grown.rows,
            roleMapping: table.roleMapping,
            state: grown.state,
            ...(toGrow.isSame && isMapped ? { change: grown } : {}),
          });
          tables.push({
            ...result.summary,
            ...(table.mode === 'upsert' ? { replaced: grown.replaced, deleted: grown.deleted } : {}),
            rows: grown.rows,
            skippedFiles: [...skipped],
          });
          if (skipped.length > 0) notes.push(`${table.name}: ${skipped.length} files were loaded before.`);
          continue;
        }
        const begun = await increments.begin(source.id, table, delivery, standing?.state.files ?? [], {
          onTable,
          signal: context.signal,
        });
        built.push({
          ...plain,
          physical: begun.physical,
          rows: begun.rows,
          roleMapping: table.roleMapping,
          state: begun.state,
        });
        tables.push(
          table.mode === 'full'
            ? result.summary
            : { ...result.summary, ...(table.deletes ? { deleted: begun.gone } : {}), rows: begun.rows },
        );
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
          ? await deps.projector.project({
              sourceId: source.id,
              roleTables,
              release,
              lostRoles: await lostRoles(source, built, descriptions, release),
              loadId: context.loadId,
              signal: context.signal,
            })
          : { set: {}, rejected: [] };
        await keepFaults();
        for (const { table, attempt } of carried) await carryOver(context, table, attempt);
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
          for (const part of table.state ? tablesOf(table.state.parts) : []) published.add(part);
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
  const checkFiles = async (context: LoadContext, before: Release): Promise<Map<string, FoundFiles>> => {
    const faults: LoadFault[] = [];
    const samples: DeliveredSample[] = [];
    const found = new Map<string, FoundFiles>();
    /** Files that were loaded before need not look like those of today. */
    const select = async (
      table: FileTable,
      folder: string,
      files: readonly string[],
    ): Promise<FoundFiles> => {
      const standing = table.mode === 'full' ? undefined : await standingOf(context.source, table, before);
      const chosen = standing
        ? await increments.unseen(folder, files, standing.state)
        : { fresh: files, skipped: [] };
      found.set(table.name, chosen);
      return chosen;
    };
    for (const table of context.source.tables) {
      if (table.stream) continue;
      const delivered = context.delivery?.get(table.name);
      const folder = delivered?.folder ?? context.folder;
      const files = delivered ? [...delivered.files] : await findFiles(context.folder, table.paths);
      const { fresh } = await select(table, folder, files);
      if (delivered && files.length > 0) {
        faults.push(...(await headerFaults(table, folder, fresh, samples)));
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
      faults.push(...(await headerFaults(table, folder, fresh, samples)));
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

  /** A table of files in the release, if it was loaded. */
  const standingOf = async (
    source: Source,
    table: FileTable,
    release: Release,
  ): Promise<Standing | undefined> => {
    const placement = release.placements.get(logicalName(source.id, table.name));
    const [known] = placement ? await store.physicalTables([placement.table]) : [];
    if (!placement || !known) return undefined;
    const { description } = known;
    return {
      physical: placement.table,
      description,
      // A table of before tables had parts is its only one.
      state: description.state ?? {
        attempt: '',
        key: table.key,
        files: [],
        parts: [{ table: placement.table, rows: description.rows, gone: 0, without: [] }],
      },
    };
  };

  /** A table that stays as it is. */
  const keptTable = (table: FileTable, standing: Standing | undefined, attempt: string): Built => {
    if (!standing)
      return refuse('not_loaded', table.name, `${table.name} was not loaded yet. Load the source first.`);
    return {
      name: table.name,
      physical: standing.physical,
      columns: standing.description.columns,
      rows: standing.description.rows,
      derived: false,
      roleMapping: table.roleMapping,
      isFresh: !isMappedAlike(table, standing),
      state: { ...standing.state, attempt },
    };
  };

  /** Whether the rows that stand play the role that the manifest says, from the same columns. */
  const isMappedAlike = (table: FileTable, { physical, description }: Standing): boolean => {
    const select = table.roleMapping
      ? roleSelect(sqlName(physical), table.roleMapping, description.columns, true)
      : undefined;
    return description.role === table.roleMapping?.role && description.roleSelect === select?.sql;
  };

  /**
   * The parts of a table that a delivery is added to, with the columns that the manifest says now.
   * @throws LoadRefused when the rows of before cannot have them
   */
  const fitting = async (
    source: Source,
    table: FileTable,
    standing: Standing,
    context: { onTable: (name: string) => void; signal: AbortSignal },
  ): Promise<{ state: TableState; live: string; isSame: boolean }> => {
    const { state, description } = standing;
    const advice = `Load it once with mode: full and all of its rows delivered; the data of before stays until then.`;
    if (JSON.stringify(state.key) !== JSON.stringify(table.key)) {
      refuse(
        'structure_changed',
        table.name,
        `The key of ${table.name} was ${state.key.join(', ') || 'none'} and is ${table.key.join(', ') || 'none'}; the rows loaded before were not checked for it. ${advice}`,
      );
    }
    const had = new Map(description.columns.map((column) => [column.name, column]));
    for (const column of fileColumns(table)) {
      const old = had.get(column.name);
      if (!old && table.columns.some(({ name: own, required }) => own === column.name && required)) {
        refuse(
          'structure_changed',
          `${table.name}.${column.name}`,
          `The column "${column.name}" is new and required, but the rows loaded before do not have it. Make it optional, or: ${advice}`,
        );
      }
      const isRetyped =
        old && (innerType(old.engineType) !== innerType(column.engineType) || old.scale !== column.scale);
      const isNarrowed =
        !isRetyped &&
        old?.engineType.startsWith('Nullable') === true &&
        !column.engineType.startsWith('Nullable');
      if (old && (isRetyped || isNarrowed)) {
        refuse(
          'structure_changed',
          `${table.name}.${column.name}`,
          `The column "${column.name}" was ${old.type}${isNarrowed ? ' without being required' : ''} and is ${isRetyped ? column.type : 'required'}; the rows loaded before cannot be read so. ${advice}`,
        );
      }
    }
    const isSame =
      JSON.stringify(state.deletes) === JSON.stringify(table.deletes) &&
      JSON.stringify(description.columns.map(({ name: own, engineType: type }) => [own, type])) ===
        JSON.stringify(fileColumns(table).map(({ name: own, engineType: type }) => [own, type]));
    const live = standing.physical;
    if (isSame) return { state, live, isSame };
    const reshaped = await increments.reshape(source.id, table, state, new Set(had.keys()), context);
    return { state: reshaped, live, isSame };
  };

  const nothingNew = (table: FileTable, standing: Standing, skipped: readonly string[]): Summary => ({
    table: table.name,
    derived: false,
    read: 0,
    loaded: 0,
    quarantined: 0,
    superseded: 0,
    repeated: 0,
    rows: standing.description.rows,
    bytes: 0,
    files: [],
    skippedFiles: [...skipped],
  });

  /** Roles that tables of the source played in the release and do not play now, or from other columns. */
  const lostRoles = async (
    source: Source,
    built: readonly Built[],
    descriptions: ReadonlyMap<string, TableDescription>,
    release: Release,
  ): Promise<ReadonlySet<TableRole>> => {
    const lost = new Set<TableRole>();
    for (const old of (await roleTablesOf(release)).filter((table) => table.sourceId === source.id)) {
      const now = built.find((table) => table.name === old.table);
      if (!now || descriptions.get(now.name)?.role !== old.role) lost.add(old.role);
    }
    return lost;
  };

  /** What of a table is in quarantine stays there when a delivery is added. */
  const carryOver = async (context: LoadContext, table: string, attempt: string): Promise<void> => {
    if (attempt === '' || attempt === context.attempt) return;
    const columns = 'table, file, line, field, value, reason, other_faults, record, record_hex, state, at';
    await warehouse.command(
      `INSERT INTO quarantine (source, load_id, attempt, ${columns}) SELECT source, {load:String}, {attempt:String}, ${columns} FROM quarantine
WHERE source = {source:String} AND attempt = {old:String} AND table = {table:String} AND state = 'open' AND reason != 'superseded' AND (record != '' OR record_hex != '')`,
      { source: context.source.id, load: context.loadId, attempt: context.attempt, old: attempt, table },
      LONG,
    );
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
        isFresh: true,
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
      const plain = {
        derived: table.derived,
        columns: table.columns,
        rows: table.rows,
        ...(table.state ? { state: table.state } : {}),
      };
      if (!table.roleMapping) {
        descriptions.set(table.name, plain);
        continue;
      }
      const columns: TableColumn[] = table.columns.map((column) => ({ ...column }));
      const select = roleSelect(sqlName(table.physical), table.roleMapping, columns, !table.derived);
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
          fresh: table.isFresh,
          columns: description.roleColumns ?? [],
          select: description.roleSelect,
          ...changeOf(table),
        },
      ];
    });

  /** The rows that came and went, as the role shows them. */
  const changeOf = ({ change, roleMapping, columns }: Built): Pick<RoleTable, 'change'> => {
    if (!change || !roleMapping) return {};
    const shown = (rows: string): string => roleSelect(rows, roleMapping, columns, true).sql;
    return {
      change: {
        added: shown(change.added),
        withdrawn: change.withdrawn === undefined ? undefined : shown(change.withdrawn),
      },
    };
  };

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
  files: ReadonlyMap<string, FoundFiles>,
  folderOf: (table: string) => string,
): Promise<number> {
  const paths = [...files].flatMap(([table, { fresh }]) => fresh.map((name) => join(folderOf(table), name)));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
