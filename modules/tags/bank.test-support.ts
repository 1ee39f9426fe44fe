import { type Customers, createCustomers, createProjector } from '@rapport/customers';
import { type Clock, type Random, seededRandom } from '@rapport/kernel';
import type { RoleTable } from '@rapport/sources';
import type { Stores, WarehouseValue } from '@rapport/stores';

/** A small bank that a test knows row by row. */
export interface SmallBank {
  readonly customers: readonly { id: string; gender: string; born: string | undefined; tier: string }[];
  readonly transactions: readonly {
    id: string;
    customer: string;
    atMs: number;
    amount: number;
    direction: 'credit' | 'debit';
    kind: string;
    score: number | undefined;
  }[];
  readonly events: readonly {
    id: string;
    customer: string;
    name: string;
    atMs: number;
    page: string;
    seconds: number | undefined;
  }[];
  readonly holdings: readonly {
    id: string;
    customer: string;
    kind: string;
    since: string | undefined;
    amount: number | undefined;
  }[];
}

const DAY_MS = 86_400_000;

/** Deterministic by seed; about half of what can be missing is missing, and instants tie. */
export function smallBank(seed: number, size: number, asOf: number): SmallBank {
  const random = seededRandom(seed);
  const customers = Array.from({ length: size }, (_, at) => ({
    id: `C${String(at).padStart(4, '0')}`,
    gender: one(random, ['female', 'male', '']),
    born: maybe(random, () => dayOf(asOf - (18 + random.integer(60)) * 365.25 * DAY_MS)),
    tier: one(random, ['gold', 'silver', '']),
  }));
  const someone = (): string => customers[random.integer(Math.ceil(size * 0.8))]?.id ?? 'C0000';
  const someInstant = (): number => asOf - random.integer(200) * DAY_MS + random.integer(3) * DAY_MS * 10;
  return {
    customers,
    transactions: Array.from({ length: size * 8 }, (_, at) => ({
      id: `T${at}`,
      customer: someone(),
      atMs: someInstant(),
      amount: random.integer(100_000),
      direction: one(random, ['credit', 'debit'] as const),
      kind: one(random, ['transfer', 'card', 'cash', '']),
      score: maybe(random, () => Math.round(random.normal() * 1_000) / 1_000),
    })),
    events: Array.from({ length: size * 5 }, (_, at) => ({
      id: `E${at}`,
      customer: someone(),
      name: one(random, ['login', 'wealth_viewed']),
      atMs: someInstant(),
      page: one(random, ['funds', 'bonds', '']),
      seconds: maybe(random, () => random.integer(500)),
    })),
    holdings: Array.from({ length: size * 2 }, (_, at) => ({
      id: `H${at}`,
      customer: someone(),
      kind: one(random, ['fund', 'card', 'loan']),
      since: maybe(random, () => dayOf(someInstant())),
      amount: maybe(random, () => random.integer(1_000_000)),
    })),
  };
}

/** Loads the bank as a source would, and answers the customers service over it. */
export async function loadBank(stores: Stores, bank: SmallBank, clock: Clock): Promise<Customers> {
  const dataKey = Buffer.alloc(32, 3);
  const release = await stores.releases.current();
  const { set } = await createProjector({ ...stores, dataKey }).project({
    sourceId: 'core',
    roleTables: await roleTables(stores, bank),
    release,
  });
  await stores.releases.publish({ set, note: 'bank' });
  return createCustomers({
    ...stores,
    clock,
    dataKey,
    audit: { record: async () => undefined },
    profileTags: async () => [],
    consents: async () => [],
  });
}

/** Rows stand in tables of their own, as a source leaves them. */
async function roleTables(stores: Stores, bank: SmallBank): Promise<RoleTable[]> {
  const place = { _file: 'f.csv', _line: 1 };
  const table = async (
    role: RoleTable['role'],
    structure: string,
    rows: readonly Record<string, WarehouseValue>[],
  ): Promise<RoleTable> => {
    const physical = stores.releases.newTableName(`src_${role}`);
    await stores.warehouse.command(
      `CREATE TABLE ${physical} (${structure}, _file String, _line UInt64) ENGINE = MergeTree ORDER BY tuple()`,
    );
    await stores.warehouse.insert(
      physical,
      rows.map((row) => ({ ...row, ...place })),
    );
    return {
      sourceId: 'core',
      table: role,
      role,
      physical,
      fresh: true,
      columns: [],
      select: `SELECT * FROM ${physical}`,
    };
  };
  return [
    await table(
      'customer',
      'customer_id String, kind String, gender String, birth_date Nullable(Date32), opened_on Nullable(Date32), org_unit String, rm String, risk_level Nullable(UInt8), city String, language String, name String, phone String, email String, address String, attributes Map(String, String)',
      bank.customers.map((row) => ({
        customer_id: row.id,
        gender: row.gender,
        birth_date: row.born ?? null,
        org_unit: 'B1',
        attributes: plain({ tier: row.tier }),
      })),
    ),
    await table(
      'transaction',
      "customer_id String, transaction_id String, account_id String, at Nullable(DateTime64(3, 'UTC')), amount_minor Nullable(Int64), direction String, currency String, kind String, channel String, mcc String, counterparty String, balance_minor Nullable(Int64), attributes Map(String, String)",
      bank.transactions.map((row) => ({
        customer_id: row.customer,
        transaction_id: row.id,
        account_id: 'A',
        at: instant(row.atMs),
        amount_minor: row.amount,
        direction: row.direction,
        currency: 'TWD',
        kind: row.kind,
        attributes: plain({ score: row.score }),
      })),
    ),
    await table(
      'event',
      "customer_id String, event_id String, name String, at Nullable(DateTime64(3, 'UTC')), properties Map(String, String)",
      bank.events.map((row) => ({
        customer_id: row.customer,
        event_id: row.id,
        name: row.name,
        at: instant(row.atMs),
        properties: plain({ page: row.page, seconds: row.seconds }),
      })),
    ),
    await table(
      'holding',
      'customer_id String, holding_id String, product_id String, kind String, since Nullable(Date32), until Nullable(Date32), amount_minor Nullable(Int64), currency String, status String, attributes Map(String, String)',
      bank.holdings.map((row) => ({
        customer_id: row.customer,
        holding_id: row.id,
        product_id: 'P',
        kind: row.kind,
        since: row.since ?? null,
        amount_minor: row.amount ?? null,
        currency: 'TWD',
        status: 'active',
      })),
    ),
  ];
}

/** A map without what is absent. */
const plain = (values: Record<string, string | number | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) =>
      value === undefined || value === '' ? [] : [[key, String(value)]],
    ),
  );
const instant = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const maybe = <Value>(random: Random, make: () => Value): Value | undefined =>
  random.next() < 0.5 ? make() : undefined;

function one<const Value>(random: Random, values: readonly [Value, ...Value[]]): Value {
  return values[random.integer(values.length)] ?? values[0];
}
