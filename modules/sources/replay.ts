import type { Release, Releases, Warehouse } from '@rapport/stores';
import iconv from 'iconv-lite';
import { Type } from 'typebox';
import type { ReplayRequest } from './contract.ts';
import { logicalName } from './loader.ts';
import type { Source } from './manifest.ts';
import type { LooseRecord } from './reader.ts';
import { sourcesProblems } from './sources.errors.ts';
import type { SourcesStore, StoredLoad } from './sources.store.sql.ts';
import type { TableInput } from './table-builder.ts';
import { engineType } from './typing.ts';

const Refused = Type.Object({
  table: Type.String(),
  file: Type.String(),
  line: Type.Integer(),
  record: Type.String(),
  record_hex: Type.String(),
});

/** Rows of quarantine that hold a record of a file; those that only the canonical tables refused hold none. */
const HAS_RECORD = "(record != '' OR record_hex != '')";

export interface Replay {
  readonly inputs: ReadonlyMap<string, Extract<TableInput, { kind: 'records' }>>;
  /** Carries the rest of quarantine over to the new attempt and marks what was loaded. */
  carryOver(load: { loadId: string; attempt: string }): Promise<void>;
  dispose(): Promise<void>;
}

interface ReplayDeps {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly store: SourcesStore;
}

/**
 * Gathers the refused records that are to be read again.
 * @param base the load whose quarantine is open
 * @throws sources.nothing_to_replay, sources.structure_changed
 */
export async function prepareReplay(
  { warehouse, releases, store }: ReplayDeps,
  source: Source,
  base: StoredLoad,
  request: ReplayRequest,
  release: Release,
): Promise<Replay> {
  const params = { attempt: base.attempt ?? '', source: source.id };
  const open = `source = {source:String} AND attempt = {attempt:String} AND state = 'open' AND ${HAS_RECORD}`;
  const corrected = new Map((request.records ?? []).map((record) => [placeOf(record), record.record]));
  const chosen = new Map<string, LooseRecord[]>();
  const selected: { table: string; file: string; line: number }[] = [];
  const rows = warehouse.stream(
    Refused,
    `SELECT table, file, line, record, record_hex FROM quarantine WHERE ${open}${request.table === undefined ? '' : ' AND table = {table:String}'} ORDER BY table, file, line`,
    { ...params, table: request.table ?? '' },
  );
  for await (const batch of rows) {
    for (const row of batch) {
      const place = placeOf(row);
      if (request.records && !corrected.has(place)) continue;
      const table = source.tables.find((candidate) => candidate.name === row.table);
      if (!table) continue;
      const asItStood =
        row.record_hex === '' ? row.record : iconv.decode(Buffer.from(row.record_hex, 'hex'), table.encoding);
      const record = { file: row.file, line: row.line, record: corrected.get(place) ?? asItStood };
      chosen.set(row.table, [...(chosen.get(row.table) ?? []), record]);
      selected.push({ table: row.table, file: row.file, line: row.line });
    }
  }
  const missing = [...corrected.keys()].filter((place) => !selected.some((row) => placeOf(row) === place));
  if (selected.length === 0 || missing.length > 0) {
    const what =
      missing.length > 0 ? `${missing.slice(0, 3).join(', ')} is not` : 'No record that can be read again is';
    throw sourcesProblems.nothing_to_replay({ detail: `${what} open in the quarantine of ${source.id}.` });
  }
  const headers = await headersOf(store, source.id, base);
  const inputs = new Map<string, Extract<TableInput, { kind: 'records' }>>();
  for (const [name, records] of chosen) {
    const table = source.tables.find((candidate) => candidate.name === name);
    const placement = release.placements.get(logicalName(source.id, name));
    const [known] = placement ? await store.physicalTables([placement.table]) : [];
    const wanted = table?.columns.map((column) => `${column.name} ${engineType(column)}`).join(', ');
    const has = known?.description.columns.map((column) => `${column.name} ${column.engineType}`).join(', ');
    if (!placement || wanted !== has) {
      throw sourcesProblems.structure_changed({
        detail: `${name} has other columns or types in the manifest than in the loaded data. Load ${source.id} again.`,
      });
    }
    inputs.set(name, { kind: 'records', records, headers: headers[name] ?? {}, base: placement.table });
  }

  const selection = releases.newTableName(`replay_${source.id}`);
  await warehouse.createTable({
    name: selection,
    columns: 'table String, file String, line UInt64',
    orderBy: 'table, file, line',
    spread: 'copy',
  });
  for (let from = 0; from < selected.length; from += 50_000) {
    await warehouse.insert(selection, selected.slice(from, from + 50_000));
  }
  return {
    inputs,
    async carryOver({ loadId, attempt }) {
      const isSelected = `(toString(table), toString(file), line) IN (SELECT table, file, line FROM ${warehouse.identifier(selection)})`;
      const fails = `(toString(table), toString(file), line) IN (SELECT toString(table), toString(file), line FROM quarantine WHERE source = {source:String} AND attempt = {newAttempt:String})`;
      const columns = 'table, file, line, field, value, reason, other_faults, record, record_hex';
      await warehouse.command(
        `INSERT INTO quarantine (source, load_id, attempt, ${columns}, state, at)
SELECT source, {newLoad:String}, {newAttempt:String}, ${columns}, if(${isSelected}, 'replayed', state), at
FROM quarantine WHERE source = {source:String} AND attempt = {attempt:String} AND ${HAS_RECORD} AND NOT (${isSelected} AND ${fails})`,
        { ...params, newLoad: loadId, newAttempt: attempt },
        { maxSeconds: 3_600 },
      );
    },
    async dispose() {
      await warehouse.drop(selection);
    },
  };
}

const placeOf = (record: { table: string; file: string; line: number }): string =>
  `${record.table} ${record.file}:${record.line}`;

/** Headers of every table: a replay knows only those of the tables it read. */
async function headersOf(
  store: SourcesStore,
  sourceId: string,
  base: StoredLoad,
): Promise<StoredLoad['headers']> {
  const found: Record<string, StoredLoad['headers'][string]> = { ...base.headers };
  if (base.kind === 'load') return found;
  for (const load of await store.loads(sourceId, 0, 1_000)) {
    if (load.state !== 'loaded') continue;
    for (const [table, headers] of Object.entries(load.headers)) {
      found[table] = { ...headers, ...found[table] };
    }
    if (load.kind === 'load') break;
  }
  return found;
}
