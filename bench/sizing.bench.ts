// `npm run bench:sizing -- [customers …]`: bytes that a customer takes on disk: values and index of a tag of each
// kind, and rows of the canonical tables. docs/scale.md works out the sizing of a cluster from these.
import type { ValueType } from '@rapport/conditions';
import type { Warehouse } from '@rapport/stores';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { type CanonicalName, canonicalTable } from '../modules/customers/canonical.ts';
import { createIndexBuilder } from '../modules/tags/index-builder.ts';
import { type Figure, report, round, sizesOr } from './harness.ts';

/** A uniform number a row and salt. */
const drawn = (salt: number): string => `(intHash32(bitXor(number, ${salt * 2_654_435_761})) / 4294967296)`;
const known = (salt: number, value: string): string =>
  `if(${drawn(salt * 4 + 1)} < ${((salt * 7) % 40) / 100}, NULL, ${value})`;

interface Kind {
  readonly name: string;
  readonly type: ValueType;
  readonly column: string;
  /** SQL of the value; salts from 1. */
  readonly value: (salt: number) => string;
  /** How many there are among 500 tags of a bank. */
  readonly among500: number;
}

/** Tags as bench:audience-count draws them: random, a fifth of the customers unknown on average. */
const KINDS: readonly Kind[] = [
  {
    name: 'text',
    type: 'text',
    column: 'LowCardinality(Nullable(String))',
    value: (salt) =>
      known(salt, `concat('v', toString(floor(${2 + salt * 12} * pow(${drawn(salt * 4 + 2)}, 2))))`),
    among500: 150,
  },
  {
    name: 'boolean',
    type: 'boolean',
    column: 'Nullable(Bool)',
    value: (salt) => known(salt, `${drawn(salt * 4 + 2)} < ${salt / 6}`),
    among500: 60,
  },
  {
    name: 'count',
    type: 'number',
    column: 'Nullable(Float64)',
    value: (salt) => known(salt, `floor(-log(${drawn(salt * 4 + 2)} + 1e-9) * ${salt * 4})`),
    among500: 120,
  },
  {
    name: 'money',
    type: 'money',
    column: 'Nullable(Int64)',
    value: (salt) =>
      known(
        salt,
        `if(${drawn(salt * 4 + 3)} < ${(salt % 4) / 8}, 0, toInt64(exp(14 * ${drawn(salt * 4 + 2)}) * 100))`,
      ),
    among500: 130,
  },
  {
    name: 'date',
    type: 'date',
    column: 'Nullable(Date32)',
    value: (salt) => known(salt, `toDate32('1946-01-01') + toInt32(floor(29500 * ${drawn(salt * 4 + 2)}))`),
    among500: 30,
  },
  {
    name: 'list',
    type: 'list',
    column: 'Array(String)',
    value: (salt) =>
      `arrayDistinct(arrayMap(i -> concat('m', toString(intHash32(number * 7 + i * ${salt}) % 20)), range(toUInt8(floor(5 * ${drawn(salt * 4 + 2)})))))`,
    among500: 10,
  },
];
/** Tags of each kind that are measured. */
const TAGS = 4;

/** Rows a customer, and their columns in SQL over the number of the row; what is not named takes the absent value. */
const ROWS: readonly {
  readonly table: CanonicalName;
  readonly each: number;
  readonly columns: Readonly<Record<string, string>>;
}[] = [
  {
    table: 'customer',
    each: 1,
    columns: {
      customer_id: "concat('C', leftPad(toString(number), 9, '0'))",
      kind: "'retail'",
      gender: `if(${drawn(1)} < 0.5, 'female', 'male')`,
      birth_date: `toDate32('1946-01-01') + toInt32(floor(22000 * ${drawn(2)}))`,
      opened_on: `toDate32('2000-01-01') + toInt32(floor(9000 * ${drawn(3)}))`,
      org_unit: `concat('B', toString(toUInt16(floor(300 * ${drawn(4)}))))`,
      rm: `concat('R', toString(toUInt16(floor(5000 * ${drawn(5)}))))`,
      risk_level: `toUInt8(1 + floor(5 * ${drawn(6)}))`,
      city: `concat('city ', toString(toUInt16(floor(100 * ${drawn(7)}))))`,
      source: "'core'",
    },
  },
  {
    table: 'customer_pii',
    each: 1,
    columns: {
      // AES-256-GCM of a short text: nonce, tag and text in base64.
      name_cipher: 'base64Encode(randomFixedString(40))',
      phone_cipher: 'base64Encode(randomFixedString(39))',
      email_cipher: 'base64Encode(randomFixedString(50))',
    },
  },
  {
    table: 'account',
    each: 2,
    columns: {
      account_id: "concat('A', leftPad(toString(number), 10, '0'))",
      kind: "'current'",
      opened_on: `toDate32('2000-01-01') + toInt32(floor(9000 * ${drawn(3)}))`,
      currency: "'CNY'",
      balance_minor: `toInt64(exp(14 * ${drawn(8)}) * 100)`,
      source: "'core'",
    },
  },
  {
    table: 'transaction',
    each: 10,
    columns: {
      transaction_id: "concat('T', leftPad(toString(number), 12, '0'))",
      account_id: "concat('A', leftPad(toString(intDiv(number, 5)), 10, '0'))",
      at: `addSeconds(toDateTime64('2025-11-25 00:00:00', 3, 'UTC'), toInt32(floor(31536000 * ${drawn(9)})))`,
      amount_minor: `toInt64(exp(10 * ${drawn(10)}) * 100)`,
      direction: `if(${drawn(11)} < 0.7, 'debit', 'credit')`,
      currency: "'CNY'",
      kind: `if(${drawn(12)} < 0.7, 'purchase', 'transfer')`,
      channel: `if(${drawn(13)} < 0.7, 'app', 'card')`,
      mcc: `toString(toUInt16(5000 + floor(200 * ${drawn(14)})))`,
      counterparty: `concat('merchant ', toString(toUInt32(floor(100000 * ${drawn(15)}))))`,
      source: "'core'",
    },
  },
  {
    table: 'event',
    each: 10,
    columns: {
      event_id: "concat('E', leftPad(toString(number), 12, '0'))",
      name: `concat('event_', toString(toUInt16(floor(20 * ${drawn(16)}))))`,
      at: `addSeconds(toDateTime64('2025-11-25 00:00:00', 3, 'UTC'), toInt32(floor(31536000 * ${drawn(17)})))`,
      properties: `map('device', if(${drawn(18)} < 0.6, 'ios', 'android'), 'page', concat('p', toString(toUInt16(floor(500 * ${drawn(19)})))))`,
      source: "'app'",
    },
  },
];

const figures: Figure[] = [];
const stores = await startTestStores([], { runsJobs: false });
try {
  for (const customers of sizesOr([100_000, 1_000_000])) await sizeOf(stores.warehouse, customers);
} finally {
  await stores.stop();
}
report('sizing', figures);

async function sizeOf(warehouse: Warehouse, customers: number): Promise<void> {
  const add = (name: string, value: number, unit: string, more: Partial<Figure> = {}): void => {
    figures.push({ name, value: round(value), unit, size: customers, ...more });
    console.log(`  ${customers.toLocaleString('en')} ${name}: ${round(value)} ${unit}`);
  };
  let values = 0;
  let index = 0;
  for (const kind of KINDS) {
    const table = `size_${kind.name}`;
    const tags = Array.from({ length: TAGS }, (_, at) => `${kind.name}${at + 1}`);
    await warehouse.drop(table);
    await warehouse.createTable({
      name: table,
      columns: `cid UInt32, ${tags.map((tag) => `${tag} ${kind.column}`).join(', ')}`,
      orderBy: 'cid',
      settings: 'index_granularity = 1024',
      spread: 'cid',
    });
    await fill(warehouse, table, `number, ${tags.map((_, at) => kind.value(at + 1)).join(', ')}`, customers);
    const built = await createIndexBuilder({ warehouse, releases: stores.releases }).build([
      { table, tags: tags.map((column) => ({ column, type: kind.type })) },
    ]);
    const valueBytes = (await bytesOf(warehouse, [table])) / TAGS / customers;
    const tables = [...built.values()].flatMap((placement) => [
      ...new Set([placement.table, ...(placement.segments ?? [])]),
    ]);
    const indexBytes = (await bytesOf(warehouse, tables)) / TAGS / customers;
    add(`a ${kind.name} tag: values`, valueBytes, 'bytes a customer');
    add(`a ${kind.name} tag: index`, indexBytes, 'bytes a customer');
    values += valueBytes * kind.among500;
    index += indexBytes * kind.among500;
    await warehouse.drop(table, ...tables);
  }
  add('500 tags: values', values, 'bytes a customer');
  add('500 tags: index', index, 'bytes a customer');
  for (const { table, each, columns } of ROWS) {
    const name = `size_${table}`;
    await warehouse.drop(name);
    await warehouse.createTable(canonicalTable(table, name));
    const row = Object.entries({ cid: `intDiv(number, ${each})`, ...columns });
    await fill(
      warehouse,
      `${name} (${row.map(([column]) => column).join(', ')})`,
      row.map(([, sql]) => sql).join(', '),
      customers * each,
    );
    add(`a row of ${table}`, (await bytesOf(warehouse, [name])) / customers / each, 'bytes');
    await warehouse.drop(name);
  }
}

async function fill(warehouse: Warehouse, into: string, select: string, rows: number): Promise<void> {
  await warehouse.command(
    `INSERT INTO ${into} SELECT ${select} FROM numbers(${rows})`,
    {},
    { maxSeconds: 3_600, settings: { min_insert_block_size_rows: 1_000_000 } },
  );
}

async function bytesOf(warehouse: Warehouse, tables: readonly string[]): Promise<number> {
  const [row] = await warehouse.query(
    Type.Object({ n: Type.Number() }),
    'SELECT toFloat64(sum(bytes_on_disk)) AS n FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}',
    { tables },
  );
  return row?.n ?? 0;
}
