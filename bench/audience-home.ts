// The bank that counts, profiles and look-alikes are measured on: customers × 500 tags and their index, made once and
// kept, so that benchmarks only open it. One home a size, below RAPPORT_BENCH_HOME (default: `rapport-bench-sets` in
// the system's folder for temporary files). Nothing here measures what the platform promises but the index.
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Condition, ConditionCatalog, TagEntry, ValueType } from '@rapport/conditions';
import { type Random, seededRandom, silentLog, systemClock } from '@rapport/kernel';
import { indexPlacement, type SetView } from '@rapport/sets';
import { createStores, type Placement, type StartedStores, type Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { createIndexBuilder } from '../modules/tags/index-builder.ts';
import { measure } from './harness.ts';

export const NOW = Date.UTC(2026, 10, 23);
export const TABLES = 8;
/** Tags by kind: 500 in all, as a bank's are mixed. */
const KINDS = { text: 150, boolean: 60, count: 120, money: 130, date: 30, list: 10 } as const;
type Kind = keyof typeof KINDS;

export interface BenchTag {
  readonly id: string;
  readonly kind: Kind;
  readonly type: ValueType;
  readonly table: number;
  /** Different values, mean of a count, share of true. */
  readonly width: number;
  readonly column: string;
  readonly value: string;
}

/** What making a home cost. */
export interface Preparation {
  readonly tags: Cost;
  readonly index: Cost;
}
interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

export interface BenchHome {
  readonly stores: StartedStores;
  readonly view: SetView;
  readonly preparation: Preparation;
}

export const homeOf = (customers: number): string =>
  join(process.env.RAPPORT_BENCH_HOME ?? join(tmpdir(), 'rapport-bench-sets'), String(customers));

/**
 * Opens a home, which its caller stops; makes what it lacks first.
 * @param remakesIndex  makes the index anew, over the tags that are there
 */
export async function openHome(customers: number, remakesIndex = false): Promise<BenchHome> {
  const stores = await startHome(customers);
  try {
    const tags = await tagsIn(stores, customers);
    const index = (await costOf(stores, 'index', remakesIndex)) ?? (await makeIndex(stores));
    const { placements } = await stores.releases.current();
    return { stores, view: { catalog: catalogOf(), placements, now: NOW }, preparation: { tags, index } };
  } catch (error) {
    await stores.stop();
    throw error;
  }
}

/** Makes the tags only, where they are not there. */
export async function prepareTags(customers: number): Promise<void> {
  const stores = await startHome(customers);
  try {
    await tagsIn(stores, customers);
  } finally {
    await stores.stop();
  }
}

async function startHome(customers: number): Promise<StartedStores> {
  const home = homeOf(customers);
  await mkdir(home, { recursive: true, mode: 0o711 });
  const stores = await createStores({
    home,
    log: silentLog,
    clock: systemClock,
    // Half of what a process with its embedded warehouse shall take; the engine's cache of sets has the other.
    warehouse: { memoryBytes: 4 * 1024 ** 3, sessions: 4, isSynced: false },
  });
  await stores.start();
  return stores;
}

const tagsIn = async (stores: StartedStores, customers: number): Promise<Cost> =>
  (await costOf(stores, 'tags', false)) ?? (await makeTags(stores, customers));

const CostRow = Type.Object({ seconds: Type.Number(), cpuSeconds: Type.Number(), peakMiB: Type.Number() });
type Part = 'tags' | 'index';
const costTable = (part: Part): string => `bench_cost_of_${part}`;

/** What a part cost, `undefined` when it is not there whole: its cost is written when it is. */
async function costOf(
  { releases, warehouse }: StartedStores,
  part: Part,
  isUnwanted: boolean,
): Promise<Cost | undefined> {
  const { placements } = await releases.current();
  if (isUnwanted || !placements.has(costTable(part))) return undefined;
  const [cost] = await warehouse.query(
    CostRow,
    `SELECT seconds, cpuSeconds, peakMiB FROM ${costTable(part)}`,
  );
  return cost;
}

async function makeTags(stores: StartedStores, customers: number): Promise<Cost> {
  const made = await measure([stores.enginePids().warehouse], () => fill(stores.warehouse, customers));
  return keepCost(stores, 'tags', made, {});
}

async function makeIndex(stores: StartedStores): Promise<Cost> {
  const { placements: before } = await stores.releases.current();
  const made = await measure([stores.enginePids().warehouse], () => buildIndex(stores));
  const placements = [...made.result].map(([segment, placement]) => [indexPlacement(segment), placement]);
  const cost = await keepCost(stores, 'index', made, Object.fromEntries(placements));
  const old = [...before].flatMap(([name, { segments }]) =>
    name.startsWith(indexPlacement('')) ? (segments ?? []) : [],
  );
  await stores.warehouse.drop(...old);
  return cost;
}

async function keepCost(
  { warehouse, releases }: StartedStores,
  part: Part,
  { tookMs, cpuSeconds, peakMiB }: Awaited<ReturnType<typeof measure>>,
  set: Record<string, Placement>,
): Promise<Cost> {
  const cost = { seconds: tookMs / 1000, cpuSeconds, peakMiB };
  console.log(`  ${part}: ${JSON.stringify(cost)}`);
  const table = costTable(part);
  await warehouse.drop(table);
  await warehouse.createTable({
    name: table,
    columns: 'seconds Float64, cpuSeconds Float64, peakMiB Float64',
    orderBy: 'seconds',
    spread: 'copy',
  });
  await warehouse.insert(table, [cost]);
  await releases.publish({ set: { ...set, [table]: { table } }, note: `benchmark: ${part}` });
  return cost;
}

export const tableName = (table: number): string => `bench_tags${table}`;

function tagsOf(): BenchTag[] {
  const random = seededRandom(5);
  const tags: BenchTag[] = [];
  const types: Readonly<Record<Kind, ValueType>> = {
    text: 'text',
    boolean: 'boolean',
    count: 'number',
    money: 'money',
    date: 'date',
    list: 'list',
  };
  for (const kind of ['text', 'boolean', 'count', 'money', 'date', 'list'] as const) {
    for (let at = 0; at < KINDS[kind]; at++) {
      const salt = tags.length + 1;
      // A uniform number a customer and tag, from a cheap hash; every tag is unknown of some customers.
      const drawn = (part: number): string =>
        `(intHash32(bitXor(number, ${(salt * 4 + part) * 2_654_435_761})) / 4294967296)`;
      const missing = Math.floor(random.next() * 40);
      const known = (value: string): string => `if(${drawn(1)} < ${missing / 100}, NULL, ${value})`;
      const width =
        kind === 'text'
          ? 2 + Math.floor(198 * random.next() ** 3)
          : kind === 'boolean'
            ? random.next()
            : 0.5 + 30 * random.next() ** 2;
      const [column, value] = ((): [string, string] => {
        switch (kind) {
          case 'text':
            return [
              'LowCardinality(Nullable(String))',
              known(`concat('v', toString(floor(${width} * pow(${drawn(2)}, 2))))`),
            ];
          case 'boolean':
            return ['Nullable(Bool)', known(`${drawn(2)} < ${width}`)];
          case 'count':
            return ['Nullable(Float64)', known(`floor(-log(${drawn(2)} + 1e-9) * ${width})`)];
          case 'money':
            // A part of the customers have nothing; the others' amounts spread over six orders of magnitude.
            return [
              'Nullable(Int64)',
              known(`if(${drawn(3)} < ${(at % 4) / 8}, 0, toInt64(exp(14 * ${drawn(2)}) * 100))`),
            ];
          case 'date':
            return [
              'Nullable(Date32)',
              known(`toDate32('1946-01-01') + toInt32(floor(29500 * ${drawn(2)}))`),
            ];
          case 'list':
            return [
              'Array(String)',
              `arrayDistinct(arrayMap(i -> concat('m', toString(intHash32(number * 7 + i * ${salt}) % 20)), range(toUInt8(floor(5 * ${drawn(2)})))))`,
            ];
        }
      })();
      tags.push({
        id: `${kind}${at}`,
        kind,
        type: types[kind],
        table: tags.length % TABLES,
        width,
        column,
        value,
      });
    }
  }
  return tags;
}

export const TAGS: readonly BenchTag[] = tagsOf();

async function fill(warehouse: Warehouse, customers: number): Promise<void> {
  const long = {
    maxSeconds: 3_600,
    settings: { max_insert_threads: 2, min_insert_block_size_rows: 1_000_000 },
  };
  await warehouse.drop('bench_customer', ...Array.from({ length: TABLES }, (_, table) => tableName(table)));
  await warehouse.createTable({
    name: 'bench_customer',
    columns: 'cid UInt32, customer_id String, org_unit LowCardinality(String)',
    orderBy: 'cid',
    spread: 'cid',
  });
  await warehouse.command(
    `INSERT INTO bench_customer SELECT number, concat('C', toString(number)), concat('B', toString(number % 50)) FROM numbers(${customers})`,
    {},
    long,
  );
  for (let table = 0; table < TABLES; table++) {
    const tags = TAGS.filter((tag) => tag.table === table);
    await warehouse.createTable({
      name: tableName(table),
      columns: `cid UInt32, ${tags.map((tag) => `${tag.id} ${tag.column}`).join(', ')}`,
      orderBy: 'cid',
      settings: 'index_granularity = 1024',
      spread: 'cid',
    });
    await warehouse.command(
      `INSERT INTO ${tableName(table)} SELECT number, ${tags.map((tag) => tag.value).join(', ')} FROM numbers(${customers})`,
      {},
      long,
    );
  }
}

async function buildIndex({ warehouse, releases }: StartedStores) {
  const startedAt = performance.now();
  return createIndexBuilder({ warehouse, releases }).build(
    Array.from({ length: TABLES }, (_, table) => ({
      table: tableName(table),
      tags: TAGS.filter((tag) => tag.table === table).map(({ id, type }) => ({ column: id, type })),
    })),
    {
      onProgress: async (share) =>
        console.log(
          `  index ${Math.round(share * 100)} % after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
        ),
    },
  );
}

export function catalogOf(): ConditionCatalog {
  const entries = new Map<string, TagEntry>(
    TAGS.map(({ id, type, table }) => [id, { title: { en: id }, type, table: tableName(table), column: id }]),
  );
  return {
    customers: 'bench_customer',
    tag: (id) => entries.get(id),
    event: () => undefined,
    audience: () => undefined,
    list: () => undefined,
    tagIds: () => [...entries.keys()],
    eventNames: () => [],
    listIds: () => [],
  };
}

/** What the active parts of tables of these names take on the disk. */
export async function bytesOf(warehouse: Warehouse, pattern: string): Promise<number> {
  const [row] = await warehouse.query(
    Type.Object({ n: Type.Number() }),
    'SELECT toFloat64(sum(bytes_on_disk)) AS n FROM system.parts WHERE active AND database = currentDatabase() AND match(table, {pattern:String})',
    { pattern },
  );
  return row?.n ?? 0;
}

/* ── random questions ────────────────────────────────────────────────────────────────────────────────── */

/** A random tree over random tags: groups of two, three in twenty of them negated. */
export function tree(random: Random, tags: readonly BenchTag[], leaves: number): Condition {
  if (leaves === 1) return leaf(random, tags);
  const left = 1 + random.integer(leaves - 1);
  const parts = [tree(random, tags, left), tree(random, tags, leaves - left)];
  const group: Condition = random.next() < 0.5 ? { all: parts } : { any: parts };
  return random.next() < 0.15 ? { not: group } : group;
}

function leaf(random: Random, tags: readonly BenchTag[]): Condition {
  const tag = tags[random.integer(tags.length)];
  if (!tag) throw new Error('no tags');
  const { id } = tag;
  if (tag.kind !== 'list' && random.next() < 0.05)
    return { tag: id, op: random.next() < 0.5 ? 'known' : 'unknown' };
  const pick = <Item>(...items: readonly Item[]): Item => {
    const item = items[random.integer(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  const day = (): string =>
    new Date(Date.UTC(1946, 0, 1) + random.integer(29_500) * 86_400_000).toISOString().slice(0, 10);
  const pair = (draw: () => number): [number, number] => {
    const [one, other] = [draw(), draw()];
    return one < other ? [one, other] : [other, one];
  };
  switch (tag.kind) {
    case 'text': {
      const text = (): string => `v${Math.floor(tag.width * random.next() ** 2)}`;
      const op = pick('=', '=', 'in', '!=', 'not in');
      return { tag: id, op, value: op === 'in' || op === 'not in' ? [text(), text(), text()] : text() };
    }
    case 'boolean':
      return { tag: id, op: '=', value: random.next() < 0.5 };
    case 'count': {
      const count = (): number => Math.floor(-Math.log(random.next() + 1e-9) * tag.width);
      const op = pick('>=', '<', '>', '=', 'between');
      return { tag: id, op, value: op === 'between' ? pair(count) : count() };
    }
    case 'money': {
      const amount = (): number => Math.floor(Math.exp(14 * random.next()) * 100);
      const op = pick('>=', '<', '>', '>=', 'between');
      return { tag: id, op, value: op === 'between' ? pair(amount) : amount() };
    }
    case 'date':
      return { tag: id, op: pick('before', 'after'), value: day() };
    case 'list':
      return { tag: id, op: 'contains', value: `m${random.integer(20)}` };
  }
}
