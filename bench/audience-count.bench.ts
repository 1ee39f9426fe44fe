// `npm run bench:audience-count [-- customers …]`: exact counts of random condition trees over 500 tags by the set
// engine, cold and warm; against the same operations by the bitmap library alone, and against one hand-written SQL
// scan of the same question, in the same run.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Condition,
  type ConditionCatalog,
  decideValues,
  type TagEntry,
  type ValueDecision,
  type ValueType,
} from '@rapport/conditions';
import { type Random, seededRandom } from '@rapport/kernel';
import { createSetEngine, indexPlacement, type SetEngine, type SetView } from '@rapport/sets';
import {
  createByteCache,
  createIndexReader,
  type IndexReader,
  type LeafPlan,
  nameOf,
  PIECE,
  type PieceKind,
  pieceKey,
  planLeaf,
  type TagDirectory,
} from '@rapport/sets/testing';
import type { Placement, Warehouse } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import type { RoaringBitmap32 as Bitmap } from 'roaring';
import { Type } from 'typebox';
import { createIndexBuilder } from '../modules/tags/index-builder.ts';
import { type Figure, measure, report, residentBytes, round, sizesOr, summarize } from './harness.ts';

const NOW = Date.UTC(2026, 10, 23);
const TABLES = 8;
/** Tags by kind: 500 in all, as a bank's are mixed. */
const KINDS = { text: 150, boolean: 60, count: 120, money: 130, date: 30, list: 10 } as const;
type Kind = keyof typeof KINDS;
const WARM_UP = 200;
const MEASURED = { 10: 100, 30: 60 } as const;
const COLD = 20;
const SCANNED = 12;

interface BenchTag {
  readonly id: string;
  readonly kind: Kind;
  readonly type: ValueType;
  readonly table: number;
  /** Different values, mean of a count, share of true. */
  readonly width: number;
  readonly column: string;
  readonly value: string;
}

const TAGS = tagsOf();
const figures: Figure[] = [];
const stores = await startTestStores([], { runsJobs: false });
const engines = [stores.enginePids().warehouse];
try {
  for (const customers of sizesOr([100_000, 1_000_000, 10_000_000])) await benchmark(customers);
} finally {
  await stores.stop();
}
report('audience-count', figures);

async function benchmark(customers: number): Promise<void> {
  const add = (name: string, value: number, unit: string, more: Partial<Figure> = {}): void => {
    figures.push({ name, value: round(value), unit, size: customers, ...more });
    console.log(`  ${customers.toLocaleString('en')} ${name}: ${round(value)} ${unit}`);
  };
  const { warehouse } = stores;
  const filled = await measure(engines, () => fill(warehouse, customers));
  add('making 500 tags', filled.tookMs / 1000, 's', { note: `${filled.cpuSeconds} s of CPU` });
  const built = await measure(engines, () => buildIndex(warehouse));
  add('index of 500 tags', built.tookMs / 1000, 's', {
    note: `${built.cpuSeconds} s of CPU, peak ${built.peakMiB} MiB`,
  });
  add('index of 500 tags, on disk', (await bytesOf(warehouse, '^tag_')) / 1024 ** 2, 'MiB', {
    against: against(
      'values on disk',
      (await bytesOf(warehouse, '^bench_tags')) / 1024 ** 2,
      (await bytesOf(warehouse, '^tag_')) / 1024 ** 2,
    ),
  });
  const view: SetView = { catalog: catalogOf(), placements: built.result, now: NOW };
  await sleep(2_000);

  const random = seededRandom(7);
  /* cold: an engine that knows nothing */
  for (const leaves of [10, 30]) {
    const took: number[] = [];
    for (let run = 0; run < COLD; run++) {
      const engine = createSetEngine({ warehouse });
      took.push(await timed(() => engine.count(tree(random, TAGS, leaves), view)));
    }
    const found = summarize(took);
    add(`cold count, ${leaves} leaves, p95`, found.p95Ms, 'ms', { note: `p50 ${found.p50Ms} ms` });
  }

  /* warm: after 200 other trees */
  const engine = createSetEngine({ warehouse });
  for (let run = 0; run < WARM_UP; run++) await engine.count(tree(random, TAGS, 10), view);
  add('kept after 200 trees', engine.kept.bytes / 1024 ** 2, 'MiB', { note: `${engine.kept.sets} sets` });
  for (const leaves of [10, 30] as const) {
    const took: number[] = [];
    for (let run = 0; run < MEASURED[leaves]; run++) {
      const condition = tree(random, TAGS, leaves);
      took.push(await timed(() => engine.count(condition, view)));
    }
    const found = summarize(took);
    add(`warm count, ${leaves} leaves, p95`, found.p95Ms, 'ms', {
      note: `p50 ${found.p50Ms}, max ${found.maxMs} ms`,
    });
  }
  const explained: number[] = [];
  for (let run = 0; run < 20; run++) {
    const condition = tree(random, TAGS, 10);
    explained.push(await timed(() => engine.explain(condition, view)));
  }
  add('explain, 10 leaves, p95', summarize(explained).p95Ms, 'ms');
  const again: number[] = [];
  const seen = Array.from({ length: 40 }, () => tree(random, TAGS, 10));
  for (const condition of seen) await engine.count(condition, view);
  for (const condition of seen) again.push(await timed(() => engine.count(condition, view)));
  add('the same tree again, 10 leaves, p95', summarize(again).p95Ms, 'ms');
  add('memory of the process', residentBytes() / 1024 ** 2, 'MiB', {
    note: `${round(residentBytes(engines) / 1024 ** 2)} MiB with the warehouse`,
  });
  engine.clear();

  await againstLibrary(view, random, add);
  await againstScan(view, random, add);
}

/* ── the bitmap library alone ────────────────────────────────────────────────────────────────────────── */

async function againstLibrary(view: SetView, random: Random, add: Add): Promise<void> {
  const { warehouse } = stores;
  const engine = createSetEngine({ warehouse, keepsLeaves: false });
  const library = createLibrary(view);
  for (const leaves of [10, 30]) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < 30; run++) {
      const condition = tree(random, TAGS, leaves);
      const { count } = await engine.count(condition, view);
      const evaluate = await library.prepare(condition, engine);
      // Either goes first every other time.
      const one = async (): Promise<void> => void ours.push(await timed(() => engine.count(condition, view)));
      const other = async (): Promise<void> => {
        const startedAt = performance.now();
        const counted = evaluate();
        theirs.push(performance.now() - startedAt);
        if (counted !== count)
          throw new Error(`The library counts ${counted}, the engine ${count}: ${JSON.stringify(condition)}`);
      };
      if (run % 2 === 0) await one();
      await other();
      if (run % 2 === 1) await one();
    }
    const engineMs = summarize(ours);
    const libraryMs = summarize(theirs);
    add(`operations of a count, ${leaves} leaves, p95`, engineMs.p95Ms, 'ms', {
      against: against('the bitmap library alone', libraryMs.p95Ms, engineMs.p95Ms),
      note: `p50 ${engineMs.p50Ms} ms against ${libraryMs.p50Ms} ms; bitmaps in memory, leaves put together anew`,
    });
  }
}

interface Library {
  prepare(condition: Condition, engine: SetEngine): Promise<() => number>;
}

/** The same plans, done straight by roaring on bitmaps that are loaded before the clock starts. */
function createLibrary(view: SetView): Library {
  const { RoaringBitmap32 }: typeof import('roaring') = createRequire(import.meta.url)('roaring');
  const reader: IndexReader = createIndexReader(stores.warehouse, createByteCache(256 * 1024 ** 2));
  return {
    async prepare(condition, engine) {
      const everybody = RoaringBitmap32.deserialize((await engine.universe(view)).toBytes(), 'portable');
      const compiled = new Map<Condition, () => Bitmap>();
      const compileLeaf = async (leaf: Condition): Promise<() => Bitmap> => {
        if (!('tag' in leaf)) throw new Error('the benchmark makes no such leaf');
        const entry = view.catalog.tag(leaf.tag);
        if (!entry) throw new Error(leaf.tag);
        await reader.loadDirectories(
          [{ segment: entry.table, column: entry.column }],
          view.placements,
          undefined,
        );
        const directory = reader.directory(entry.table, entry.column);
        const decision = decideValues(entry.type, leaf.op, leaf.value, view.now);
        const plan = directory && planLeaf(directory, decision);
        if (!directory || !plan) {
          const set = RoaringBitmap32.deserialize((await engine.evaluate(leaf, view)).toBytes(), 'portable');
          return () => set;
        }
        return compilePlan(directory, plan, decision, reader, RoaringBitmap32, everybody);
      };
      const leaves: Condition[] = [];
      const collect = (node: Condition): void => {
        if ('all' in node) node.all.forEach(collect);
        else if ('any' in node) node.any.forEach(collect);
        else if ('not' in node) collect(node.not);
        else leaves.push(node);
      };
      collect(condition);
      for (const leaf of leaves) compiled.set(leaf, await compileLeaf(leaf));
      const solve = (node: Condition): Bitmap => {
        if ('not' in node) return RoaringBitmap32.andNot(everybody, solve(node.not));
        const parts = 'all' in node ? node.all : 'any' in node ? node.any : undefined;
        if (!parts) return compiled.get(node)?.() ?? new RoaringBitmap32();
        return parts
          .map(solve)
          .reduce((left, right) =>
            'all' in node ? RoaringBitmap32.and(left, right) : RoaringBitmap32.or(left, right),
          );
      };
      return () => solve(condition).andCardinality(everybody);
    },
  };
}

async function compilePlan(
  directory: TagDirectory,
  plan: LeafPlan,
  decision: ValueDecision,
  reader: IndexReader,
  RoaringBitmap32: typeof import('roaring')['RoaringBitmap32'],
  everybody: Bitmap,
): Promise<() => Bitmap> {
  const load = async (kind: PieceKind, id = 0): Promise<Bitmap> => {
    const piece = { pieces: directory.pieces, key: pieceKey(directory.position, kind, id) };
    const set = (await reader.bitmaps([piece], undefined)).get(nameOf(piece));
    if (!set) throw new Error('the index lacks a piece');
    return RoaringBitmap32.deserialize(set.toBytes(), 'portable');
  };
  const entry = (place: number): Promise<Bitmap> => load(PIECE.entry, directory.ids[place] ?? 0);
  const known = await load(PIECE.known);
  if (plan.kind === 'empty') return () => new RoaringBitmap32();
  if (plan.kind === 'known')
    return decision.isUnknown ? () => RoaringBitmap32.andNot(everybody, known) : () => known;
  const runs = await Promise.all(
    plan.runs.map(async (run) => ({
      checkpoint: run.checkpoint === undefined ? undefined : await load(PIECE.checkpoint, run.checkpoint),
      without: run.without === undefined ? undefined : await load(PIECE.checkpoint, run.without),
      add: await Promise.all(run.add.map(entry)),
      remove: await Promise.all(run.remove.map(entry)),
    })),
  );
  const partial = await Promise.all(
    plan.partial.map(async (place) => {
      const piece = {
        pieces: directory.pieces,
        key: pieceKey(directory.position, PIECE.entry, directory.ids[place] ?? 0),
      };
      const detail = (await reader.details([piece], undefined)).get(nameOf(piece));
      if (!detail) throw new Error('the index lacks the values of a range');
      return detail;
    }),
  );
  return () => {
    const sets = runs.map(({ checkpoint, without, add, remove }) => {
      if (!checkpoint) return RoaringBitmap32.orMany(add);
      let set = without ? RoaringBitmap32.andNot(checkpoint, without) : checkpoint;
      for (const each of remove) set = RoaringBitmap32.andNot(set, each);
      return add.length === 0 ? set : RoaringBitmap32.orMany([set, ...add]);
    });
    let all = sets.length === 1 && sets[0] ? sets[0] : RoaringBitmap32.orMany(sets);
    if (plan.complement) all = RoaringBitmap32.andNot(known, all);
    const passed = partial.map(
      ({ cids, numbers }) =>
        new RoaringBitmap32(cids.filter((_, at) => decision.holds(numbers[at] ?? Number.NaN))),
    );
    return passed.length === 0 ? all : RoaringBitmap32.orMany([all, ...passed]);
  };
}

/* ── one SQL scan ────────────────────────────────────────────────────────────────────────────────────── */

/** The same question as one boolean expression over one wide table: what an analyst would write by hand. */
async function againstScan(view: SetView, random: Random, add: Add): Promise<void> {
  const { warehouse } = stores;
  const engine = createSetEngine({ warehouse });
  for (let run = 0; run < WARM_UP / 2; run++) await engine.count(tree(random, TAGS, 10), view);
  for (const leaves of [10, 30]) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < SCANNED; run++) {
      const table = random.integer(TABLES);
      const condition = tree(
        random,
        TAGS.filter((tag) => tag.table === table),
        leaves,
      );
      let counted = -1;
      let scanned = -1;
      ours.push(
        await timed(async () => {
          counted = (await engine.count(condition, view)).count;
        }),
      );
      theirs.push(
        await timed(async () => {
          const [row] = await warehouse.query(
            Type.Object({ n: Type.Integer() }),
            `SELECT count() AS n FROM ${tableName(table)} WHERE ${expressionOf(condition)}`,
          );
          scanned = row?.n ?? -1;
        }),
      );
      if (counted !== scanned)
        throw new Error(
          `The count ${counted} differs from the scan's ${scanned}: ${JSON.stringify(condition)}`,
        );
    }
    const found = summarize(ours);
    const scan = summarize(theirs);
    add(`warm count over one table, ${leaves} leaves, p50`, found.p50Ms, 'ms', {
      against: against('one SQL scan of the table', scan.p50Ms, found.p50Ms),
      note: `p95 ${found.p95Ms} ms against ${scan.p95Ms} ms`,
    });
  }
}

function expressionOf(node: Condition): string {
  if ('all' in node) return `(${node.all.map(expressionOf).join(' AND ')})`;
  if ('any' in node) return `(${node.any.map(expressionOf).join(' OR ')})`;
  if ('not' in node) return `(NOT ${expressionOf(node.not)})`;
  if (!('tag' in node)) throw new Error('the benchmark makes no such node');
  const literalOf = (value: unknown): string =>
    Array.isArray(value)
      ? `(${value.map(literalOf).join(', ')})`
      : typeof value === 'string'
        ? `'${value}'`
        : String(value);
  const value = literalOf(node.value);
  const list = Array.isArray(node.value) ? node.value.map(literalOf) : [];
  switch (node.op) {
    case 'known':
      return `isNotNull(${node.tag})`;
    case 'unknown':
      return `isNull(${node.tag})`;
    case 'between':
      return `ifNull(${node.tag} >= ${list[0]} AND ${node.tag} < ${list[1]}, 0)`;
    case 'before':
      return `ifNull(${node.tag} < ${value}, 0)`;
    case 'after':
      return `ifNull(${node.tag} > ${value}, 0)`;
    case 'contains':
      return `has(${node.tag}, ${value})`;
    case 'in':
      return `ifNull(${node.tag} IN ${value}, 0)`;
    case 'not in':
      return `ifNull(${node.tag} NOT IN ${value}, 0)`;
    default:
      return `ifNull(${node.tag} ${node.op} ${value}, 0)`;
  }
}

/* ── the bank ────────────────────────────────────────────────────────────────────────────────────────── */

type Add = (name: string, value: number, unit: string, more?: Partial<Figure>) => void;
function tableName(table: number): string {
  return `bench_tags${table}`;
}

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

async function buildIndex(warehouse: Warehouse): Promise<Map<string, Placement>> {
  const startedAt = performance.now();
  const built = await createIndexBuilder({ warehouse, releases: stores.releases }).build(
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
  return new Map([...built].map(([segment, placement]) => [indexPlacement(segment), placement]));
}

function catalogOf(): ConditionCatalog {
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

async function bytesOf(warehouse: Warehouse, pattern: string): Promise<number> {
  const [row] = await warehouse.query(
    Type.Object({ n: Type.Number() }),
    'SELECT toFloat64(sum(bytes_on_disk)) AS n FROM system.parts WHERE active AND database = currentDatabase() AND match(table, {pattern:String})',
    { pattern },
  );
  return row?.n ?? 0;
}

/* ── random questions ────────────────────────────────────────────────────────────────────────────────── */

function tree(random: Random, tags: readonly BenchTag[], leaves: number): Condition {
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

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function against(name: string, value: number, ours: number): NonNullable<Figure['against']> {
  return { name, value: round(value), ratio: round(ours / value) };
}
