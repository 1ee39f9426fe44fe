import type { Placement, Warehouse } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { POINT_READ } from './timeline.ts';

const Text = Type.String();
const OptionalText = Type.Union([Type.String(), Type.Null()]);
const OptionalInteger = Type.Union([Type.Integer(), Type.Null()]);
const Fields = Type.Record(Type.String(), Type.String());

const Profile = Type.Object({
  cid: Type.Integer(),
  customer_id: Text,
  kind: Text,
  gender: Text,
  birth_date: OptionalText,
  opened_on: OptionalText,
  org_unit: Text,
  rm: Text,
  risk_level: OptionalInteger,
  city: Text,
  language: Text,
  attributes: Fields,
  source: Text,
});
const Ciphers = Type.Object({ name_cipher: Text, phone_cipher: Text, email_cipher: Text });
/** Money comes as text: JSON of 64-bit integers differs between settings of the engine. */
const Account = Type.Object({
  account_id: Text,
  kind: Text,
  opened_on: OptionalText,
  closed_on: OptionalText,
  currency: Text,
  balance_minor: OptionalText,
  org_unit: Text,
  attributes: Fields,
  source: Text,
});
const Holding = Type.Object({
  holding_id: Text,
  product_id: Text,
  kind: Text,
  since: OptionalText,
  until: OptionalText,
  amount_minor: OptionalText,
  currency: Text,
  status: Text,
  attributes: Fields,
  source: Text,
});
const Identity = Type.Object({ kind: Text, source: Text });
const Relation = Type.Object({
  direction: Type.Union([Type.Literal('out'), Type.Literal('in')]),
  kind: Text,
  other_cid: Type.Integer(),
  share: Type.Union([Type.Number(), Type.Null()]),
  since: OptionalText,
  until: OptionalText,
  source: Text,
});
const Household = Type.Object({ because: Text, others: Type.Array(Type.Integer()) });

export type CardAccount = Static<typeof Account>;
export type CardHolding = Static<typeof Holding>;

/** What stands about one customer in the canonical tables, but for the timeline. */
export interface CustomerCard {
  readonly profile: Static<typeof Profile> | undefined;
  readonly ciphers: Static<typeof Ciphers> | undefined;
  /** Open ones first, then by id. */
  readonly accounts: readonly CardAccount[];
  /** Current ones first, then the latest. */
  readonly holdings: readonly CardHolding[];
  readonly identities: readonly Static<typeof Identity>[];
  /** By kind, the greatest share first. */
  readonly relations: readonly Static<typeof Relation>[];
  /** One for each of the customer's records that is in one. */
  readonly households: readonly Static<typeof Household>[];
}

const readers = {
  customer: Compile(Type.Array(Profile)),
  customer_pii: Compile(Type.Array(Ciphers)),
  account: Compile(Type.Array(Account)),
  holding: Compile(Type.Array(Holding)),
  identity: Compile(Type.Array(Identity)),
  relation: Compile(Type.Array(Relation)),
  household: Compile(Type.Array(Household)),
};
const PartRow = Type.Object({ part: Text, json: Text });
/** Rows of one kind that are shown at most. */
const SHOWN = 500;

const TYPES: Readonly<Record<string, string>> = {
  cid: 'UInt32',
  risk_level: 'Nullable(UInt8)',
  attributes: 'Map(String, String)',
  birth_date: 'Nullable(Date32)',
  opened_on: 'Nullable(Date32)',
  closed_on: 'Nullable(Date32)',
  since: 'Nullable(Date32)',
  until: 'Nullable(Date32)',
  balance_minor: 'Nullable(String)',
  amount_minor: 'Nullable(String)',
  other_cid: 'UInt32',
  share: 'Nullable(Float64)',
  others: 'Array(UInt32)',
};
const rowsSql = (columns: readonly string[]): string =>
  `toJSONString(groupArray(${SHOWN})(CAST(tuple(${columns.join(', ')}) AS Tuple(${columns.map((column) => `${column} ${TYPES[column] ?? 'String'}`).join(', ')}))))`;

const PARTS = [
  ['customer', rowsSql(Object.keys(Profile.properties))],
  ['customer_pii', rowsSql(Object.keys(Ciphers.properties))],
  ['account', rowsSql(Object.keys(Account.properties))],
  ['holding', rowsSql(Object.keys(Holding.properties))],
  ['identity', rowsSql(Object.keys(Identity.properties))],
  ['relation', rowsSql(Object.keys(Relation.properties))],
  ['household', rowsSql(Object.keys(Household.properties))],
] as const;

/**
 * Reads all of it in one statement: beyond a few rows the price of a point read is the statement and the tables it
 * names, not the rows.
 * @param records  numbers of the bank ids that are this customer, its own among them
 */
export async function readCard(
  warehouse: Warehouse,
  placements: ReadonlyMap<string, Placement>,
  cid: number,
  records: readonly number[],
): Promise<CustomerCard> {
  const statements = PARTS.flatMap(([logical, sql]) => {
    const placement = placements.get(logical);
    if (!placement) return [];
    // Households are found by the identity run: merges since then have not moved their rows.
    const whose = logical === 'household' ? 'cid IN {records:Array(UInt32)}' : 'cid = {cid:UInt32}';
    return [
      `SELECT '${logical}' AS part, ${sql} AS json FROM ${warehouse.identifier(placement.table)} WHERE ${whose}`,
    ];
  });
  const rows =
    statements.length === 0
      ? []
      : await warehouse.query(
          PartRow,
          statements.join(' UNION ALL '),
          { cid, ...(placements.has('household') ? { records: [...records] } : {}) },
          POINT_READ,
        );
  const json = (part: string): unknown => JSON.parse(rows.find((row) => row.part === part)?.json ?? '[]');
  return {
    profile: readers.customer.Parse(json('customer'))[0],
    ciphers: readers.customer_pii.Parse(json('customer_pii'))[0],
    accounts: readers.account
      .Parse(json('account'))
      .toSorted(
        (a, b) =>
          Number(a.closed_on !== null) - Number(b.closed_on !== null) || compare(a.account_id, b.account_id),
      ),
    holdings: readers.holding
      .Parse(json('holding'))
      .toSorted(
        (a, b) =>
          Number(a.until !== null) - Number(b.until !== null) ||
          compare(b.since ?? '', a.since ?? '') ||
          compare(a.holding_id, b.holding_id),
      ),
    identities: readers.identity
      .Parse(json('identity'))
      .toSorted((a, b) => compare(a.kind, b.kind) || compare(a.source, b.source)),
    relations: readers.relation
      .Parse(json('relation'))
      .toSorted(
        (a, b) =>
          compare(a.kind, b.kind) ||
          compare(a.direction, b.direction) ||
          (b.share ?? 0) - (a.share ?? 0) ||
          a.other_cid - b.other_cid,
      ),
    households: readers.household.Parse(json('household')),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
