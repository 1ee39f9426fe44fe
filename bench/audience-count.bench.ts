// `npm run bench:audience-count [-- customers …]`: exact counts of random condition trees over 500 tags by the set
// engine; against the same operations by the bitmap library alone, and against one hand-written SQL scan of the same
// question, in the same run. It opens the homes that `bench:audience-prepare` keeps and makes those that are missing.
//
// cold: a set engine that knows nothing, each tree another one; the files are in the operating system's cache or not,
//   as the trees before left it, which at the first tree is as after opening the home.
// warm: one engine that has answered 200 other random trees; no tree is asked twice, so of its bitmaps those are in
//   memory that earlier trees needed and the budget kept, and the rest is read.
// in memory: all bitmaps of the tree are kept, what its leaves come to is not.
// again: the tree itself was asked before.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Condition, decideValues, type ValueDecision } from '@rapport/conditions';
import { type Random, seededRandom } from '@rapport/kernel';
import { createSetEngine, type SetEngine, type SetView } from '@rapport/sets';
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
import type { StartedStores } from '@rapport/stores';
import type { RoaringBitmap32 as Bitmap } from 'roaring';
import { Type } from 'typebox';
import { type BenchHome, bytesOf, openHome, TABLES, TAGS, tableName, tree } from './audience-home.ts';
import {
  cpuSeconds,
  type Figure,
  report,
  residentBytes,
  round,
  sizesOr,
  summarize,
  type Timing,
} from './harness.ts';

const WARM_UP = 200;
const MEASURED = { 10: 100, 30: 40 } as const;
const COLD = 12;
const COMPARED = 12;
const SCANNED = 8;
/** Of sets that are kept: the process with the embedded warehouse shall take 8 GiB at most. */
const BUDGET_BYTES = 3 * 1024 ** 3;
const LEAVES = [10, 30] as const;

const figures: Figure[] = [];
for (const customers of sizesOr([100_000, 1_000_000, 10_000_000])) {
  const home = await openHome(customers);
  try {
    await benchmark(home, customers);
  } finally {
    await home.stores.stop();
  }
}
report('audience-count', figures);

type Add = (name: string, value: number, unit: string, more?: Partial<Figure>) => void;

async function benchmark({ stores, view, preparation }: BenchHome, customers: number): Promise<void> {
  const add: Add = (name, value, unit, more = {}) => {
    figures.push({ name, value: round(value), unit, size: customers, ...more });
    console.log(`  ${customers.toLocaleString('en')} ${name}: ${round(value)} ${unit}`);
  };
  const { warehouse } = stores;
  const engines = [stores.enginePids().warehouse];
  const { tags, index } = preparation;
  add('making 500 tags', tags.seconds, 's', { note: `${tags.cpuSeconds} s of CPU` });
  add('index of 500 tags', index.seconds, 's', {
    note: `${index.cpuSeconds} s of CPU, peak ${index.peakMiB} MiB`,
  });
  const indexMiB = (await bytesOf(warehouse, '^tag_')) / 1024 ** 2;
  add('index of 500 tags, on disk', indexMiB, 'MiB', {
    against: against('values on disk', (await bytesOf(warehouse, '^bench_tags')) / 1024 ** 2, indexMiB),
  });
  await sleep(2_000);

  const random = seededRandom(7);
  for (const leaves of LEAVES) {
    const took = await timesOf(stores, COLD, () => {
      const engine = createSetEngine({ warehouse });
      const condition = tree(random, TAGS, leaves);
      return () => engine.count(condition, view);
    });
    add(`cold count, ${leaves} leaves, p95`, took.p95Ms, 'ms', { note: took.note });
  }

  const engine = createSetEngine({ warehouse, budgetBytes: BUDGET_BYTES });
  for (let run = 0; run < WARM_UP; run++) await engine.count(tree(random, TAGS, 10), view);
  add('kept after 200 trees', engine.kept.bytes / 1024 ** 2, 'MiB', { note: `${engine.kept.sets} sets` });
  for (const leaves of LEAVES) {
    const took = await timesOf(stores, MEASURED[leaves], () => {
      const condition = tree(random, TAGS, leaves);
      return () => engine.count(condition, view);
    });
    add(`warm count, ${leaves} leaves, p95`, took.p95Ms, 'ms', { note: took.note });
  }
  const explained = await timesOf(stores, 20, () => {
    const condition = tree(random, TAGS, 10);
    return () => engine.explain(condition, view);
  });
  add('explain, 10 leaves, p95', explained.p95Ms, 'ms', { note: explained.note });
  const seen = Array.from({ length: 40 }, () => tree(random, TAGS, 10));
  for (const condition of seen) await engine.count(condition, view);
  const again = await timesOf(stores, seen.length, (run) => {
    const condition = seen[run] ?? { always: true };
    return () => engine.count(condition, view);
  });
  add('the same tree again, 10 leaves, p95', again.p95Ms, 'ms', { note: again.note });
  add('memory of the process', residentBytes() / 1024 ** 2, 'MiB', {
    note: `${round(residentBytes(engines) / 1024 ** 2)} MiB with the warehouse`,
  });
  engine.clear();

  await againstLibrary(stores, view, random, add);
  await againstScan(stores, view, random, add);
}

/**
 * Milliseconds of what `prepare` answers, one after the other, and the CPU time of one on average: of this process, and
 * of the warehouse.
 */
async function timesOf(
  stores: StartedStores,
  runs: number,
  prepare: (run: number) => () => Promise<unknown>,
): Promise<Timing & { readonly note: string }> {
  const took: number[] = [];
  const works = Array.from({ length: runs }, (_, run) => prepare(run));
  const pids = [stores.enginePids().warehouse];
  const [own, all] = [cpuSeconds([]), cpuSeconds(pids)];
  for (const work of works) took.push(await timed(work));
  const ownMs = ((cpuSeconds([]) - own) * 1000) / runs;
  const engineMs = ((cpuSeconds(pids) - all) * 1000) / runs - ownMs;
  const found = summarize(took);
  return {
    ...found,
    note: `p50 ${found.p50Ms}, max ${found.maxMs} ms; ${round(ownMs)} ms of CPU, ${round(engineMs)} ms of the warehouse's`,
  };
}

/* ── the bitmap library alone ────────────────────────────────────────────────────────────────────────── */

async function againstLibrary(stores: StartedStores, view: SetView, random: Random, add: Add): Promise<void> {
  const { warehouse } = stores;
  const engine = createSetEngine({ warehouse, keepsLeaves: false });
  const library = createLibrary(stores, view);
  for (const leaves of LEAVES) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < COMPARED; run++) {
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
      note: `p50 ${engineMs.p50Ms} ms against ${libraryMs.p50Ms} ms, all ${round(sumOf(ours))} ms against ${round(sumOf(theirs))} ms; bitmaps in memory, leaves put together anew`,
    });
  }
}

interface Library {
  prepare(condition: Condition, engine: SetEngine): Promise<() => number>;
}

/** The same plans, done straight by roaring on bitmaps that are loaded before the clock starts. */
function createLibrary(stores: StartedStores, view: SetView): Library {
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
      // Testing values is no operation of bitmaps: the library is given what passes.
      return new RoaringBitmap32(
        detail.cids.filter((_, at) => decision.holds(detail.numbers[at] ?? Number.NaN)),
      );
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
    return partial.length === 0 ? all : RoaringBitmap32.orMany([all, ...partial]);
  };
}

/* ── one SQL scan ────────────────────────────────────────────────────────────────────────────────────── */

/** The same question as one boolean expression over one wide table: what an analyst would write by hand. */
async function againstScan(stores: StartedStores, view: SetView, random: Random, add: Add): Promise<void> {
  const { warehouse } = stores;
  const engine = createSetEngine({ warehouse });
  for (let run = 0; run < WARM_UP / 2; run++) await engine.count(tree(random, TAGS, 10), view);
  for (const leaves of LEAVES) {
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

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

function against(name: string, value: number, ours: number): NonNullable<Figure['against']> {
  return { name, value: round(value), ratio: round(ours / value) };
}
