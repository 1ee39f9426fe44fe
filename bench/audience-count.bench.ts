// `npm run bench:audience-count [-- customers]`: exact counts of random condition trees, against one hand-written scan
// of the same wide table by the engine in the same run.
import {
  type Condition,
  type ConditionCatalog,
  compileCount,
  compileCounts,
  type TagEntry,
} from '@rapport/conditions';
import { type Random, seededRandom } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { type Figure, report, residentBytes, round, summarize, time } from './harness.ts';

const TAGS_PER_KIND = 10;
const TREES = 40;
const NOW = Date.UTC(2026, 10, 23);

const sizes = process.argv.slice(2).map(Number);
const figures: Figure[] = [];
const stores = await startTestStores();
try {
  for (const customers of sizes.length > 0 ? sizes : [100_000, 1_000_000]) {
    await build(stores.warehouse, customers);
    const catalog = catalogOf();
    const random = seededRandom(7);
    for (const leaves of [1, 10, 30]) {
      const trees = Array.from({ length: TREES }, () => tree(random, leaves));
      const took: number[] = [];
      for (const condition of trees) took.push((await time(1, () => count(condition, catalog))).p50Ms);
      const scans: number[] = [];
      for (const condition of trees) scans.push((await time(1, () => scan(condition))).p50Ms);
      const ours = summarize(took);
      const theirs = summarize(scans);
      figures.push({
        name: `count, ${leaves} leaves, p95`,
        value: ours.p95Ms,
        unit: 'ms',
        size: customers,
        against: {
          name: 'one SQL scan of a wide table, p95',
          value: theirs.p95Ms,
          ratio: round(ours.p95Ms / theirs.p95Ms),
        },
      });
      for (const condition of trees.slice(0, 5)) {
        const counted = await count(condition, catalog);
        const scanned = await scan(condition);
        if (counted !== scanned)
          throw new Error(
            `The count ${counted} differs from the scan's ${scanned}: ${JSON.stringify(condition)}`,
          );
      }
    }
    const explained = tree(random, 10);
    const explain = await time(10, async () => {
      const { sql, params } = compileCounts(explained, catalog, { now: NOW });
      return stores.warehouse.query(Type.Record(Type.String(), Type.Unknown()), sql, params);
    });
    figures.push({ name: 'explain, 10 leaves, p95', value: explain.p95Ms, unit: 'ms', size: customers });
    figures.push({
      name: 'memory of process and engine',
      value: round(residentBytes([stores.enginePids().warehouse]) / 1024 ** 2),
      unit: 'MiB',
      size: customers,
    });
  }
} finally {
  await stores.stop();
}
report('audience-count', figures);

async function build(warehouse: Warehouse, customers: number): Promise<void> {
  await warehouse.command('drop table if exists bench_customer');
  await warehouse.command('drop table if exists bench_tags');
  await warehouse.command(
    'create table bench_customer (cid UInt32, customer_id String, org_unit LowCardinality(String)) engine = MergeTree order by cid',
  );
  await warehouse.command(
    `insert into bench_customer select number, concat('C', toString(number)), concat('B', toString(number % 50)) from numbers(${customers})`,
  );
  const texts = Array.from({ length: TAGS_PER_KIND }, (_, at) => `t${at} LowCardinality(Nullable(String))`);
  const numbers = Array.from({ length: TAGS_PER_KIND }, (_, at) => `n${at} Nullable(Float64)`);
  await warehouse.command(
    `create table bench_tags (cid UInt32, ${[...texts, ...numbers].join(', ')}) engine = MergeTree order by cid`,
  );
  const textValues = Array.from(
    { length: TAGS_PER_KIND },
    (_, at) =>
      `if(sipHash64(number, ${at}) % 10 = 0, null, concat('v', toString(sipHash64(number, ${at}, 1) % ${2 + at * 3})))`,
  );
  const numberValues = Array.from(
    { length: TAGS_PER_KIND },
    (_, at) =>
      `if(sipHash64(number, ${at}, 2) % 20 = 0, null, toFloat64(sipHash64(number, ${at}, 3) % 1000))`,
  );
  await warehouse.command(
    `insert into bench_tags select number, ${[...textValues, ...numberValues].join(', ')} from numbers(${customers})`,
  );
}

function catalogOf(): ConditionCatalog {
  const entry = (id: string): TagEntry => ({
    title: { en: id },
    type: id.startsWith('t') ? 'text' : 'number',
    table: 'bench_tags',
    column: id,
  });
  const ids = Array.from({ length: TAGS_PER_KIND }, (_, at) => [`t${at}`, `n${at}`]).flat();
  return {
    customers: 'bench_customer',
    tag: (id) => (ids.includes(id) ? entry(id) : undefined),
    event: () => undefined,
    audience: () => undefined,
    list: () => undefined,
    tagIds: () => ids,
    eventNames: () => [],
    listIds: () => [],
  };
}

function tree(random: Random, leaves: number): Condition {
  if (leaves === 1) return leaf(random);
  const left = 1 + random.integer(leaves - 1);
  const parts = [tree(random, left), tree(random, leaves - left)];
  const group: Condition = random.next() < 0.5 ? { all: parts } : { any: parts };
  return random.next() < 0.15 ? { not: group } : group;
}

function leaf(random: Random): Condition {
  const at = random.integer(TAGS_PER_KIND);
  if (random.next() < 0.5) return { tag: `t${at}`, op: '=', value: `v${random.integer(2 + at * 3)}` };
  return { tag: `n${at}`, op: random.next() < 0.5 ? '<' : '>=', value: random.integer(1000) };
}

async function count(condition: Condition, catalog: ConditionCatalog): Promise<number> {
  const { sql, params } = compileCount(condition, catalog, { now: NOW });
  return firstNumber(await stores.warehouse.query(Type.Record(Type.String(), Type.Unknown()), sql, params));
}

/** The same question as one boolean expression over the wide table: what an analyst would write by hand. */
async function scan(condition: Condition): Promise<number> {
  const expression = (node: Condition): string => {
    if ('all' in node) return `(${node.all.map(expression).join(' and ')})`;
    if ('any' in node) return `(${node.any.map(expression).join(' or ')})`;
    if ('not' in node) return `(not ${expression(node.not)})`;
    if ('tag' in node)
      return `ifNull(${node.tag} ${node.op} ${typeof node.value === 'string' ? `'${node.value}'` : String(node.value)}, 0)`;
    throw new Error('the benchmark makes no such node');
  };
  return firstNumber(
    await stores.warehouse.query(
      Type.Record(Type.String(), Type.Unknown()),
      `select count() as n from bench_tags where ${expression(condition)}`,
    ),
  );
}

function firstNumber(rows: readonly Record<string, unknown>[]): number {
  return Number(Object.values(rows[0] ?? {})[0]);
}
