import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stores } from '@rapport/stores';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { canonicalTable } from '../modules/customers/canonical.ts';

/** The instant up to which the year of transactions runs; the new day follows it. */
export const AS_OF_MS = Date.UTC(2026, 5, 1);
export const DAY_MS = 86_400_000;
export const YEAR_MS = 365 * DAY_MS;
export const ROWS_PER_CUSTOMER = 100;
export const KINDS = [
  'card',
  'card',
  'card',
  'card',
  'transfer',
  'transfer',
  'cash',
  'fee',
  'salary',
  'purchase',
];
export const CHANNELS = ['app', 'app', 'app', 'web', 'atm', 'branch'];
export const CATEGORIES = [
  '5411',
  '5812',
  '5814',
  '5541',
  '4111',
  '5311',
  '5912',
  '4900',
  '5732',
  '7011',
  '3000',
  '8062',
];
const CUSTOMERS_A_STATEMENT = 50_000;
/** Customers that are drawn; more are copies of them under other numbers, as drawing takes longer than all the rest. */
const DRAWN = 100_000;
const MAX_SECONDS = 3_600;
const SETTINGS = {
  max_insert_threads: 1,
  min_insert_block_size_rows: 4_000_000,
  min_insert_block_size_bytes: 0,
} as const;

const preparedSchema = Compile(
  Type.Object({ customer: Type.String(), transaction: Type.String(), day: Type.String() }),
);

/** Physical tables of a benchmark bank: a year of transactions, and a day with a hundredth as many. */
export interface BenchBank {
  readonly customer: string;
  readonly transaction: string;
  readonly day: string;
}

/**
 * Makes the tables, or finds those of an earlier run in the same home. How many transactions a customer has is
 * log-normal (mean 100, median 61); they lie evenly over the year, and the day's belong to customers in proportion.
 */
export async function benchBank(
  { warehouse, releases }: Pick<Stores, 'warehouse' | 'releases'>,
  home: string,
  customers: number,
): Promise<BenchBank> {
  const file = join(home, 'bench-bank.json');
  if (existsSync(file)) return preparedSchema.Parse(JSON.parse(readFileSync(file, 'utf8')));
  const make = async (name: 'customer' | 'transaction', selects: readonly string[]): Promise<string> => {
    const physical = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, physical));
    for (const select of selects)
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(physical)} (${name === 'customer' ? 'cid, customer_id, kind, org_unit, source' : `cid, ${TRANSACTION.join(', ')}`}) ${select}`,
        {},
        { maxSeconds: MAX_SECONDS, settings: SETTINGS },
      );
    return physical;
  };
  const customer = await make('customer', [
    `SELECT number + 1, concat('C', toString(number + 1)), 'retail', concat('B', toString(number % 50)), 'core' FROM numbers(${customers})`,
  ]);
  const drawn = Math.min(customers, DRAWN);
  const chunks = Array.from({ length: Math.ceil(drawn / CUSTOMERS_A_STATEMENT) }, (_, at) => ({
    from: at * CUSTOMERS_A_STATEMENT,
    count: Math.min(CUSTOMERS_A_STATEMENT, drawn - at * CUSTOMERS_A_STATEMENT),
  }));
  const copy = async (physical: string): Promise<void> => {
    for (let from = drawn; from < customers; from += drawn)
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(physical)} (cid, ${TRANSACTION.join(', ')}) SELECT cid + ${from}, ${TRANSACTION.join(', ')} FROM ${warehouse.identifier(physical)} WHERE cid <= ${Math.min(drawn, customers - from)}`,
        {},
        { maxSeconds: MAX_SECONDS, settings: SETTINGS },
      );
  };
  const transaction = await make(
    'transaction',
    chunks.map(({ from, count }) => {
      const rows = `SELECT cid, i, n FROM (SELECT toUInt32(number + 1) AS cid, toUInt32(greatest(1, ${ROWS_PER_CUSTOMER} * exp(-0.5 + sqrt(-2 * log(${share('number', 1)})) * cos(2 * pi() * ${share('number', 2)})))) AS n FROM numbers(${from}, ${count})) ARRAY JOIN range(n) AS i`;
      return transactions(
        rows,
        `${AS_OF_MS - YEAR_MS} + (i + ${share('cid', 'i', 3)}) / n * ${YEAR_MS}`,
        'T',
      );
    }),
  );
  const day = await make('transaction', [
    transactions(
      `SELECT cid, toUInt32(sipHash64(transaction_id, 4)) AS i FROM ${warehouse.identifier(transaction)} WHERE cid <= ${drawn} AND sipHash64(transaction_id, 5) % 100 = 0`,
      `${AS_OF_MS} + 1 + ${share('cid', 'i', 3)} * ${DAY_MS - 2}`,
      'D',
    ),
  ]);
  await copy(transaction);
  await copy(day);
  const made: BenchBank = { customer, transaction, day };
  writeFileSync(file, JSON.stringify(made));
  return made;
}

const TRANSACTION = [
  'transaction_id',
  'account_id',
  'at',
  'amount_minor',
  'direction',
  'currency',
  'kind',
  'channel',
  'mcc',
  'counterparty',
  'balance_minor',
  'attributes',
  'source',
] as const;

/** A number in (0, 1) that always is the same for the same keys. */
const share = (...keys: readonly (string | number)[]): string =>
  `((toFloat64(sipHash64(${keys.join(', ')})) + 1) / 18446744073709553664.)`;

/** Transactions of rows of `cid` and `i`. */
function transactions(rows: string, atMs: string, prefix: string): string {
  const pick = (values: readonly string[], salt: number): string =>
    `[${values.map((value) => `'${value}'`).join(', ')}][1 + sipHash64(cid, i, ${salt}) % ${values.length}]`;
  return `SELECT cid, concat('${prefix}', toString(cid), '-', toString(i)), concat('A', toString(cid)), fromUnixTimestamp64Milli(toInt64(${atMs}), 'UTC'),
 toInt64(100 * exp(3.5 + 1.2 * sqrt(-2 * log(${share('cid', 'i', 6)})) * cos(2 * pi() * ${share('cid', 'i', 7)}))),
 if(k = 'salary' OR (k = 'transfer' AND sipHash64(cid, i, 8) % 2 = 0), 'credit', 'debit'), 'TWD', ${pick(KINDS, 9)} AS k, ${pick(CHANNELS, 10)},
 if(k IN ('card', 'purchase'), ${pick(CATEGORIES, 11)}, ''), concat('M', toString(toUInt32(5000 * pow(${share('cid', 'i', 12)}, 3)))), NULL, map(), 'core' FROM (${rows})`;
}
