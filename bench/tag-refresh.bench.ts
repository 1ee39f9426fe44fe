// `npm run bench:tag-refresh [-- customers …]`: a refresh of 20 statistical and 10 fact tags over canonical tables with
// ten transactions a customer, against the same values computed by hand-written SQL in the same run: one query a tag,
// and one fused scan. The warehouse syncs every insert to the disk, as in production.
import { createCustomers, customersMigrations } from '@rapport/customers';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createTags, tagsMigrations } from '@rapport/tags';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { stringify } from 'yaml';
import { canonicalTable } from '../modules/customers/canonical.ts';
import { type Figure, measure, report, round, sizesOr } from './harness.ts';

const AS_OF = '2026-06-01 00:00:00';
const TRANSACTIONS_PER_CUSTOMER = 10;
const KINDS = ['transfer', 'card', 'cash', 'fee', 'salary'];

interface HandWritten {
  readonly id: string;
  readonly type: string;
  readonly sql: string;
}

const within = (days: number): string =>
  `at > toDateTime64('${AS_OF}', 3, 'UTC') - INTERVAL ${days} DAY AND at <= toDateTime64('${AS_OF}', 3, 'UTC')`;
const is = (property: string, value: string) => ({ property, op: '=', value });

/** Each statistic twice: as the definition people write, and as the SQL an analyst would write for it. */
const statistics: (HandWritten & { definition: Record<string, unknown>; valueType: string })[] = [
  ...[30, 90, 180].flatMap((days) => [
    {
      id: `count_${days}d`,
      valueType: 'number',
      type: 'Float64',
      definition: { aggregate: 'count', within: `P${days}D` },
      sql: `countIf(${within(days)})`,
    },
    ...(['debit', 'credit'] as const).map((direction) => ({
      id: `${direction}_sum_${days}d`,
      valueType: 'money',
      type: 'Nullable(Int64)',
      definition: {
        aggregate: { sum: 'amount_minor' },
        where: is('direction', direction),
        within: `P${days}D`,
      },
      sql: `sumOrNullIf(amount_minor, direction = '${direction}' AND ${within(days)})`,
    })),
  ]),
  ...KINDS.map((kind) => ({
    id: `${kind}_count_90d`,
    valueType: 'number',
    type: 'Float64',
    definition: { aggregate: 'count', where: is('kind', kind), within: 'P90D' },
    sql: `countIf(kind = '${kind}' AND ${within(90)})`,
  })),
  {
    id: 'largest_180d',
    valueType: 'money',
    type: 'Nullable(Int64)',
    definition: { aggregate: { max: 'amount_minor' }, within: 'P180D' },
    sql: `maxOrNullIf(amount_minor, ${within(180)})`,
  },
  {
    id: 'smallest_180d',
    valueType: 'money',
    type: 'Nullable(Int64)',
    definition: { aggregate: { min: 'amount_minor' }, within: 'P180D' },
    sql: `minOrNullIf(amount_minor, ${within(180)})`,
  },
  {
    id: 'mean_180d',
    valueType: 'money',
    type: 'Nullable(Int64)',
    definition: { aggregate: { avg: 'amount_minor' }, within: 'P180D' },
    sql: `toInt64(round(avgOrNullIf(amount_minor, ${within(180)})))`,
  },
  {
    id: 'channels_90d',
    valueType: 'number',
    type: 'Float64',
    definition: { aggregate: { distinct: 'channel' }, within: 'P90D' },
    sql: `uniqExactIf(channel, ${within(90)})`,
  },
  {
    id: 'merchants_180d',
    valueType: 'number',
    type: 'Float64',
    definition: { aggregate: { distinct: 'counterparty' }, within: 'P180D' },
    sql: `uniqExactIf(counterparty, ${within(180)})`,
  },
  {
    id: 'last_booking',
    valueType: 'instant',
    type: "Nullable(DateTime64(3, 'UTC'))",
    definition: { aggregate: { max: 'at' } },
    sql: `maxOrNullIf(at, at <= toDateTime64('${AS_OF}', 3, 'UTC'))`,
  },
];

const years = (column: string): string => `age('year', ${column}, toDate32('${AS_OF.slice(0, 10)}'))`;
const facts: (HandWritten & { value: string; valueType: string })[] = [
  {
    id: 'gender',
    valueType: 'text',
    value: 'gender',
    type: 'Nullable(String)',
    sql: "nullIf(toString(gender), '')",
  },
  {
    id: 'age',
    valueType: 'number',
    value: 'yearsSince(birth_date)',
    type: 'Nullable(Float64)',
    sql: years('birth_date'),
  },
  {
    id: 'years_here',
    valueType: 'number',
    value: 'yearsSince(opened_on)',
    type: 'Nullable(Float64)',
    sql: years('opened_on'),
  },
  {
    id: 'city',
    valueType: 'text',
    value: 'city',
    type: 'Nullable(String)',
    sql: "nullIf(toString(city), '')",
  },
  {
    id: 'branch',
    valueType: 'text',
    value: 'org_unit',
    type: 'Nullable(String)',
    sql: "nullIf(toString(org_unit), '')",
  },
  { id: 'risk', valueType: 'number', value: 'risk_level', type: 'Nullable(Float64)', sql: 'risk_level' },
  {
    id: 'language',
    valueType: 'text',
    value: 'language',
    type: 'Nullable(String)',
    sql: "nullIf(toString(language), '')",
  },
  { id: 'born_on', valueType: 'date', value: 'birth_date', type: 'Nullable(Date32)', sql: 'birth_date' },
  {
    id: 'tier',
    valueType: 'text',
    value: "attributes['tier']",
    type: 'Nullable(String)',
    sql: "nullIf(attributes['tier'], '')",
  },
  {
    id: 'job',
    valueType: 'text',
    value: "attributes['job']",
    type: 'Nullable(String)',
    sql: "nullIf(attributes['job'], '')",
  },
];

const figures: Figure[] = [];
const stores = await startTestStores([customersMigrations, tagsMigrations], {
  engines: { warehouse: { isSynced: true } },
  runsJobs: false,
});
const { warehouse, releases } = stores;
const audit = { record: async () => undefined };
try {
  const customers = createCustomers({
    ...stores,
    clock: systemClock,
    dataKey: Buffer.alloc(32, 3),
    audit,
    profileTags: async () => [],
    consents: async () => [],
  });
  const tags = createTags({
    ...stores,
    clock: systemClock,
    log: silentLog,
    audit,
    customers,
    manifests: async () => [],
  });
  await stores.jobs.start();
  let isDefined = false;
  for (const size of sizesOr([100_000, 1_000_000])) {
    const tables = await build(size);
    if (!isDefined) await tags.importYaml(definitions(), {}, systemActor);
    isDefined = true;
    const runs = size > 300_000 ? 1 : 2;
    const refresh = () =>
      measuredBest(runs, async () => {
        const { result } = await stores.jobs.wait(await tags.refresh());
        if (JSON.stringify(result).includes('"failed":[]')) return;
        throw new Error(`The refresh failed: ${JSON.stringify(result)}`);
      });
    const each = () => measuredBest(runs, () => oneByOne(tables));
    const fused = () => measuredBest(runs, () => inOneScan(tables));
    const ours = await refresh();
    const byEach = await each();
    const byScan = await fused();
    await compare();
    const tagCount = statistics.length + facts.length;
    figures.push({
      name: `refresh of ${tagCount} tags`,
      value: round(ours.tookMs / 1000),
      unit: 's',
      size,
      against: {
        name: 'one hand-written fused scan',
        value: round(byScan.tookMs / 1000),
        ratio: round(ours.tookMs / byScan.tookMs),
      },
      note: `${round((size * TRANSACTIONS_PER_CUSTOMER) / ours.tookMs / 1000)} M transactions/s`,
    });
    figures.push({
      name: `refresh of ${tagCount} tags`,
      value: round(ours.tookMs / 1000),
      unit: 's',
      size,
      against: {
        name: 'one hand-written query a tag',
        value: round(byEach.tookMs / 1000),
        ratio: round(ours.tookMs / byEach.tookMs),
      },
    });
    for (const [name, peer] of [
      ['one hand-written fused scan', byScan],
      ['one hand-written query a tag', byEach],
    ] as const)
      figures.push({
        name: 'CPU of the refresh, process and engines',
        value: ours.cpuSeconds,
        unit: 's',
        size,
        against: { name, value: peer.cpuSeconds, ratio: round(ours.cpuSeconds / peer.cpuSeconds) },
      });
    figures.push({
      name: 'peak memory of process and engine',
      value: ours.peakMiB,
      unit: 'MiB',
      size,
      against: {
        name: 'one hand-written fused scan',
        value: byScan.peakMiB,
        ratio: round(ours.peakMiB / byScan.peakMiB),
      },
    });
  }
} finally {
  await stores.stop();
}
report('tag-refresh', figures);

async function measuredBest(runs: number, work: () => Promise<void>) {
  const { warehouse: engine, postgres } = stores.enginePids();
  const all: Omit<Awaited<ReturnType<typeof measure>>, 'result'>[] = [];
  for (let run = 0; run < runs; run++) {
    const { tookMs, cpuSeconds, peakMiB } = await measure([engine, postgres], work);
    all.push({ tookMs, cpuSeconds, peakMiB });
  }
  return {
    tookMs: Math.min(...all.map((one) => one.tookMs)),
    cpuSeconds: Math.min(...all.map((one) => one.cpuSeconds)),
    peakMiB: Math.max(...all.map((one) => one.peakMiB)),
  };
}

/** Canonical tables as the projector would leave them, made by the engine. */
async function build(customers: number): Promise<{ customer: string; transaction: string }> {
  const { placements } = await releases.current();
  const old = ['customer', 'transaction'].flatMap((name) => placements.get(name)?.table ?? []);
  const table = async (name: 'customer' | 'transaction', select: string): Promise<string> => {
    const physical = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, physical));
    await warehouse.command(
      `INSERT INTO ${warehouse.identifier(physical)} ${select}`,
      {},
      { maxSeconds: 600 },
    );
    return physical;
  };
  const pick = (values: readonly string[], salt: number): string =>
    `[${values.map((value) => `'${value}'`).join(', ')}][1 + sipHash64(number, ${salt}) % ${values.length}]`;
  const customer = await table(
    'customer',
    `SELECT number + 1, concat('C', leftPad(toString(number), 8, '0')), 'retail', ${pick(['female', 'male', ''], 1)}, toDate32('1950-01-01') + sipHash64(number, 2) % 20000, toDate32('2005-01-01') + sipHash64(number, 3) % 7000, concat('B', toString(number % 50)), '', 1 + sipHash64(number, 4) % 5, ${pick(['Taipei', 'Tainan', 'Hsinchu', 'Taichung'], 5)}, ${pick(['zh-Hant', 'en'], 6)}, map('tier', ${pick(['gold', 'silver', 'basic'], 7)}, 'job', concat('job ', toString(sipHash64(number, 8) % 40))), 'core' FROM numbers(${customers})`,
  );
  const transaction = await table(
    'transaction',
    `SELECT 1 + intDiv(number, ${TRANSACTIONS_PER_CUSTOMER}), concat('T', toString(number)), 'A', toDateTime64('${AS_OF}', 3, 'UTC') - toIntervalSecond(sipHash64(number, 11) % 31536000), sipHash64(number, 12) % 10000000, if(sipHash64(number, 13) % 4 = 0, 'credit', 'debit'), 'TWD', ${pick(KINDS, 14)}, ${pick(['app', 'atm', 'branch', 'web'], 15)}, '', concat('Merchant ', toString(sipHash64(number, 16) % 5000)), NULL, map(), 'core' FROM numbers(${customers * TRANSACTIONS_PER_CUSTOMER})`,
  );
  await releases.publish({
    set: { customer: { table: customer }, transaction: { table: transaction } },
    note: 'benchmark',
  });
  for (const name of old) await warehouse.command(`DROP TABLE ${warehouse.identifier(name)}`);
  return { customer, transaction };
}

function definitions(): string {
  const common = ({ id, valueType }: { id: string; valueType: string }) => ({
    id,
    title: { en: id },
    category: 'bench/tags',
    valueType,
  });
  return stringify({
    asOf: `${AS_OF.replace(' ', 'T')}.000Z`,
    tags: [
      ...facts.map((tag) => ({
        ...common(tag),
        definition: { kind: 'fact', from: 'customer', value: tag.value },
      })),
      ...statistics.map((tag) => ({
        ...common(tag),
        definition: { kind: 'statistical', over: 'transaction', ...tag.definition },
      })),
    ],
  });
}

async function insertInto(table: string, columns: readonly HandWritten[], select: string): Promise<void> {
  await warehouse.command(`DROP TABLE IF EXISTS ${table}`);
  await warehouse.command(
    `CREATE TABLE ${table} (cid UInt32, ${columns.map(({ id, type }) => `${id} ${type}`).join(', ')}) ENGINE = MergeTree ORDER BY cid`,
  );
  await warehouse.command(`INSERT INTO ${table} ${select}`, {}, { maxSeconds: 600 });
}

async function oneByOne({ customer, transaction }: { customer: string; transaction: string }): Promise<void> {
  for (const tag of facts)
    await insertInto(`bench_one_${tag.id}`, [tag], `SELECT cid, ${tag.sql} FROM ${customer}`);
  for (const tag of statistics)
    await insertInto(`bench_one_${tag.id}`, [tag], `SELECT cid, ${tag.sql} FROM ${transaction} GROUP BY cid`);
}

async function inOneScan({
  customer,
  transaction,
}: {
  customer: string;
  transaction: string;
}): Promise<void> {
  const list = (tags: readonly HandWritten[]): string => tags.map(({ sql }) => sql).join(', ');
  await insertInto('bench_facts', facts, `SELECT cid, ${list(facts)} FROM ${customer}`);
  await insertInto(
    'bench_statistics',
    statistics,
    `SELECT cid, ${list(statistics)} FROM ${transaction} GROUP BY cid`,
  );
}

/** The refresh and the hand-written scan must say the same, or the comparison would compare two different things. */
async function compare(): Promise<void> {
  const { placements } = await releases.current();
  for (const [by, tags] of [
    ['bench_facts', facts],
    ['bench_statistics', statistics],
  ] as const)
    for (const { id } of tags) {
      const place = placements.get(`tag/${id}`);
      const digest = (table: string): string =>
        `SELECT count() AS n, toString(sum(sipHash64(cid, toString(assumeNotNull(${id}))))) AS hash FROM ${table} WHERE ${id} IS NOT NULL`;
      const rows = await warehouse.query(
        Type.Object({ n: Type.Integer(), hash: Type.String() }),
        `${digest(by)} UNION ALL ${digest(warehouse.identifier(place?.table ?? ''))}`,
      );
      const [one, other] = rows;
      if (one?.n !== other?.n || one?.hash !== other?.hash)
        throw new Error(`The tag ${id} differs from the hand-written SQL: ${JSON.stringify(rows)}`);
    }
}
