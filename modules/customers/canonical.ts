import type { TableRole } from '@rapport/sources/contract';
import type { WarehouseTable } from '@rapport/stores';

export interface CanonicalColumn {
  readonly name: string;
  /** Warehouse type. */
  readonly type: string;
  /** A row without it is refused with the reason `no_<name>`. */
  readonly required?: boolean;
}

/** Roles whose rows become a canonical table; consents go to the ledger of the channels instead. */
export type CanonicalRole = Exclude<TableRole, 'consent'>;

export interface CanonicalShape {
  readonly columns: readonly CanonicalColumn[];
  /** Whether rows belong to a customer and therefore start with `cid`. */
  readonly ofCustomer: boolean;
  readonly orderBy: readonly string[];
  /** Further clauses inside the parentheses of `CREATE TABLE`. */
  readonly extra?: string;
}

const code = (name: string): CanonicalColumn => ({ name, type: 'LowCardinality(String)' });
const text = (name: string): CanonicalColumn => ({ name, type: 'String' });
const day = (name: string): CanonicalColumn => ({ name, type: 'Nullable(Date32)' });
const money = (name: string): CanonicalColumn => ({ name, type: 'Nullable(Int64)' });
const level = (name: string): CanonicalColumn => ({ name, type: 'Nullable(UInt8)' });
const instant = (name: string): CanonicalColumn => ({
  name,
  type: "DateTime64(3, 'UTC')",
  required: true,
});
/** Maps hold most of a table's bytes, and ZSTD halves what LZ4 leaves of them. */
const attributes: CanonicalColumn = { name: 'attributes', type: 'Map(String, String) CODEC(ZSTD(1))' };

/** Tables of docs/data-model.md that roles fill. */
export const SHAPES: Readonly<Record<CanonicalRole, CanonicalShape>> = {
  customer: {
    columns: [
      code('kind'),
      code('gender'),
      day('birth_date'),
      day('opened_on'),
      code('org_unit'),
      text('rm'),
      level('risk_level'),
      code('city'),
      code('language'),
      attributes,
    ],
    ofCustomer: true,
    orderBy: ['cid'],
  },
  identity: {
    columns: [code('kind'), text('value_hash')],
    ofCustomer: true,
    orderBy: ['cid', 'kind'],
    extra: 'INDEX value_hash_filter value_hash TYPE bloom_filter(0.001) GRANULARITY 1',
  },
  account: {
    columns: [
      text('account_id'),
      code('kind'),
      day('opened_on'),
      day('closed_on'),
      code('currency'),
      money('balance_minor'),
      code('org_unit'),
      attributes,
    ],
    ofCustomer: true,
    orderBy: ['cid', 'account_id'],
  },
  holding: {
    columns: [
      text('holding_id'),
      text('product_id'),
      code('kind'),
      day('since'),
      day('until'),
      money('amount_minor'),
      code('currency'),
      code('status'),
      attributes,
    ],
    ofCustomer: true,
    orderBy: ['cid', 'holding_id'],
  },
  transaction: {
    columns: [
      text('transaction_id'),
      text('account_id'),
      instant('at'),
      { name: 'amount_minor', type: 'Int64', required: true },
      code('direction'),
      code('currency'),
      code('kind'),
      code('channel'),
      code('mcc'),
      text('counterparty'),
      money('balance_minor'),
      attributes,
    ],
    ofCustomer: true,
    orderBy: ['cid', 'at'],
  },
  event: {
    columns: [
      text('event_id'),
      code('name'),
      instant('at'),
      { name: 'properties', type: 'Map(LowCardinality(String), String) CODEC(ZSTD(1))' },
    ],
    ofCustomer: true,
    orderBy: ['cid', 'name', 'at'],
  },
  product: {
    columns: [text('product_id'), text('name'), code('kind'), level('risk_level'), attributes],
    ofCustomer: false,
    orderBy: ['product_id'],
  },
  relation: {
    columns: [
      code('direction'),
      code('kind'),
      { name: 'other_cid', type: 'UInt32' },
      { name: 'other_record', type: 'UInt32' },
      { name: 'share', type: 'Nullable(Float64)' },
      day('since'),
      day('until'),
    ],
    ofCustomer: true,
    orderBy: ['cid', 'direction', 'kind', 'other_cid'],
  },
  org_unit: {
    columns: [text('code'), text('parent'), text('name'), code('level')],
    ofCustomer: false,
    orderBy: ['code'],
  },
};

export const CANONICAL_ROLES = [
  'customer',
  'identity',
  'account',
  'holding',
  'transaction',
  'event',
  'product',
  'org_unit',
  'relation',
] as const satisfies readonly CanonicalRole[];

/** Every canonical table; `customer_pii` comes from the role `customer` too. */
export type CanonicalName = CanonicalRole | 'customer_pii';

/** Columns of the role `customer` that are personal data and stand in no table but `customer_pii`. */
export const PII_FIELDS = ['name', 'phone', 'email', 'address'] as const;

/**
 * Everything of one customer is read at once on the 360 page: with the engine's usual 8,192 rows a mark most of the
 * work would be rows of others. Scans lose nothing that can be measured.
 */
const GRANULARITY = 'index_granularity = 1024';

/** A new physical table for a canonical one. */
export function canonicalTable(name: CanonicalName, table: string): WarehouseTable {
  if (name === 'customer_pii') {
    const ciphers = PII_FIELDS.map((field) => `${field}_cipher String`);
    return {
      name: table,
      columns: `cid UInt32, ${ciphers.join(', ')}`,
      orderBy: 'cid',
      settings: GRANULARITY,
      spread: 'cid',
    };
  }
  const shape = SHAPES[name];
  const columns = [
    ...(shape.ofCustomer ? ['cid UInt32'] : []),
    ...(name === 'customer' ? ['customer_id String'] : []),
    ...shape.columns.map((column) => `${column.name} ${column.type}`),
    // The number of the bank id that a row came with; `cid` is the customer whose it is now (docs/identity.md).
    ...(shape.ofCustomer && name !== 'customer' ? ['record UInt32 DEFAULT cid'] : []),
    'source LowCardinality(String)',
    ...(shape.extra ? [shape.extra] : []),
  ];
  return {
    name: table,
    columns: columns.join(', '),
    orderBy: shape.orderBy.join(', '),
    settings: GRANULARITY,
    spread: shape.ofCustomer ? 'cid' : 'copy',
  };
}
