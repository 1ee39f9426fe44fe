import type { ValueType } from '@rapport/conditions';
import type { Clock } from '@rapport/kernel';
import type { Relational, Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

/** What a source's manifest says of a column that ends in `attributes` or `properties`. */
export interface DeclaredColumn {
  /** Role that its table plays. */
  readonly role: string;
  readonly name: string;
  readonly type: ValueType;
}

/** An event name (or `''` for a table without names) in one warehouse table, with what its map holds. */
export interface RegistryEntry {
  readonly name: string;
  readonly count: number;
  readonly lastMs: number | undefined;
  readonly properties: Readonly<Record<string, ValueType>>;
}

/** Which events and attributes there are, and of which types, in one release and in what was collected. */
export interface Registry {
  /** Entries of the released event table, by name. */
  readonly released: ReadonlyMap<string, RegistryEntry>;
  /** Entries of `collected_event`, by name. */
  readonly collected: ReadonlyMap<string, RegistryEntry>;
  readonly transaction: RegistryEntry | undefined;
  readonly account: RegistryEntry | undefined;
  readonly holding: RegistryEntry | undefined;
  readonly customer: RegistryEntry | undefined;
}

export interface Registries {
  of(release: Release): Promise<Registry>;
}

const ValueTypeSchema = Type.Enum(['text', 'number', 'money', 'boolean', 'date', 'instant', 'list']);
const Document = Type.Array(
  Type.Object({
    name: Type.String(),
    count: Type.Integer(),
    lastMs: Type.Optional(Type.Integer()),
    properties: Type.Record(Type.String(), ValueTypeSchema),
  }),
);
const NameRow = Type.Object({
  name: Type.String(),
  n: Type.Integer(),
  last_ms: Type.Union([Type.Integer(), Type.Null()]),
  keys: Type.Array(Type.String()),
});
const KeyRow = Type.Object({
  name: Type.String(),
  key: Type.String(),
  n: Type.Integer(),
  numbers: Type.Integer(),
  booleans: Type.Integer(),
  days: Type.Integer(),
  instants: Type.Integer(),
});

/** Rows of each event name whose values are looked at where no manifest says the type. */
const SAMPLE = 20_000;
/** What was collected is looked at again after this long. */
const COLLECTED_FRESH_MS = 3_000;

/**
 * Knows the events and attributes of a release. A table never changes once it is released, so what was found of it
 * is kept in PostgreSQL under its physical name.
 */
export function createRegistries(deps: {
  relational: Relational;
  warehouse: Warehouse;
  clock: Clock;
  declared: () => Promise<readonly DeclaredColumn[]>;
}): Registries {
  const { relational, warehouse } = deps;
  const known = new Map<string, Promise<readonly RegistryEntry[]>>();
  let collected: { entries: Promise<readonly RegistryEntry[]>; at: number } | undefined;

  const inspect = async (
    from: string,
    role: string,
    options: { name: string; at: string; map: string },
  ): Promise<readonly RegistryEntry[]> => {
    const names = await warehouse.query(
      NameRow,
      `SELECT toString(${options.name}) AS name, count() AS n, if(count() = 0, NULL, toUnixTimestamp64Milli(max(${options.at}))) AS last_ms, arraySort(groupUniqArrayArray(mapKeys(${options.map}))) AS keys FROM ${from} GROUP BY name HAVING n > 0 ORDER BY name LIMIT 5000`,
    );
    if (names.every((row) => row.keys.length === 0)) return names.map((row) => entryOf(row, {}));
    const kinds = await warehouse.query(
      KeyRow,
      `SELECT name, pair.1 AS key, count() AS n, countIf(match(pair.2, '^-?(0|[1-9][0-9]*)(\\\\.[0-9]+)?$')) AS numbers, countIf(pair.2 IN ('true', 'false')) AS booleans, countIf(match(pair.2, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')) AS days, countIf(match(pair.2, '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)$')) AS instants FROM (SELECT toString(${options.name}) AS name, arrayJoin(arrayZip(mapKeys(${options.map}), mapValues(${options.map}))) AS pair FROM (SELECT * FROM ${from} LIMIT ${SAMPLE} BY ${options.name})) WHERE pair.2 != '' GROUP BY name, key`,
    );
    const declared = declaredTypes(await deps.declared(), role);
    const inferred = new Map(kinds.map((row) => [`${row.name}\n${row.key}`, inferType(row)]));
    return names.map((row) =>
      entryOf(
        row,
        Object.fromEntries(
          row.keys.map((key) => [key, declared.get(key) ?? inferred.get(`${row.name}\n${key}`) ?? 'text']),
        ),
      ),
    );
  };

  const ofTable = (
    physical: string,
    role: string,
    options: { name: string; at: string; map: string },
  ): Promise<readonly RegistryEntry[]> => {
    const found = known.get(physical);
    if (found) return found;
    const loading = (async () => {
      const { rows } = await relational.pool.query<{ document: unknown }>(
        'select r.document from tags.registry r where r.physical = $1',
        [physical],
      );
      const stored = rows[0]?.document;
      if (Value.Check(Document, stored)) return stored.map(fromStored);
      const entries = await inspect(warehouse.identifier(physical), role, options);
      await relational.pool.query(
        'insert into tags.registry (physical, document, computed_at) values ($1, $2, $3) on conflict (physical) do nothing',
        [physical, JSON.stringify(entries), new Date(deps.clock.now())],
      );
      return entries;
    })();
    known.set(physical, loading);
    loading.catch(() => known.delete(physical));
    if (known.size > 64) for (const name of [...known.keys()].slice(0, 32)) known.delete(name);
    return loading;
  };

  const ofCollected = (): Promise<readonly RegistryEntry[]> => {
    // Real time: this is about how old our own look is.
    if (collected && performance.now() - collected.at < COLLECTED_FRESH_MS) return collected.entries;
    const entries = inspect('collected_event', 'collected', { name: 'name', at: 'at', map: 'properties' });
    collected = { entries, at: performance.now() };
    entries.catch(() => {
      collected = undefined;
    });
    return entries;
  };

  const single = async (
    release: Release,
    logical: 'transaction' | 'account' | 'holding' | 'customer',
  ): Promise<RegistryEntry | undefined> => {
    const placement = release.placements.get(logical);
    if (!placement) return undefined;
    const at = logical === 'transaction' ? 'at' : "toDateTime64('1970-01-01', 3, 'UTC')";
    const [entry] = await ofTable(placement.table, logical, { name: "''", at, map: 'attributes' });
    return entry ?? { name: '', count: 0, lastMs: undefined, properties: {} };
  };

  return {
    async of(release) {
      const event = release.placements.get('event');
      const [released, seen, transaction, account, holding, customer] = await Promise.all([
        event ? ofTable(event.table, 'event', { name: 'name', at: 'at', map: 'properties' }) : [],
        ofCollected(),
        single(release, 'transaction'),
        single(release, 'account'),
        single(release, 'holding'),
        single(release, 'customer'),
      ]);
      const byName = (entries: readonly RegistryEntry[]): ReadonlyMap<string, RegistryEntry> =>
        new Map(entries.map((entry) => [entry.name, entry]));
      return {
        released: byName(released),
        collected: byName(seen),
        transaction,
        account,
        holding,
        customer,
      };
    },
  };
}

const entryOf = (
  row: { name: string; n: number; last_ms: number | null },
  properties: Record<string, ValueType>,
): RegistryEntry => ({ name: row.name, count: row.n, lastMs: row.last_ms ?? undefined, properties });

const fromStored = (stored: {
  name: string;
  count: number;
  lastMs?: number;
  properties: Record<string, ValueType>;
}): RegistryEntry => ({ ...stored, lastMs: stored.lastMs });

/** The declared type of each column; where sources disagree it is text. */
function declaredTypes(columns: readonly DeclaredColumn[], role: string): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const column of columns) {
    if (column.role !== role) continue;
    const other = types.get(column.name);
    types.set(column.name, other === undefined || other === column.type ? column.type : 'text');
  }
  return types;
}

/** The type that every sampled value has. `0012` is a code and no number; money is told by its name. */
function inferType(row: {
  key: string;
  n: number;
  numbers: number;
  booleans: number;
  days: number;
  instants: number;
}): ValueType {
  if (row.n === row.numbers) return row.key.endsWith('_minor') ? 'money' : 'number';
  if (row.n === row.booleans) return 'boolean';
  if (row.n === row.days) return 'date';
  return row.n === row.instants ? 'instant' : 'text';
}
