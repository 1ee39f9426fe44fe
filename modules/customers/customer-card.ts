import type { EpochMs } from '@rapport/kernel';
import type { Placement, Warehouse } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CONTACT_FILTER, POINT_READ } from './timeline.ts';

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
const Figures = Type.Object({ rows: Text, last_ms: Text, messages: Text, sent: Text });

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
  readonly figures: {
    readonly transactions: number;
    readonly events: number;
    readonly contacts: number;
    readonly lastActivityMs: EpochMs | undefined;
  };
}

const readers = {
  customer: Compile(Type.Array(Profile)),
  customer_pii: Compile(Type.Array(Ciphers)),
  account: Compile(Type.Array(Account)),
  holding: Compile(Type.Array(Holding)),
  identity: Compile(Type.Array(Identity)),
};
const figuresReader = Compile(Figures);
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
};
const rowsSql = (columns: readonly string[]): string =>
  `toJSONString(groupArray(${SHOWN})(CAST(tuple(${columns.join(', ')}) AS Tuple(${columns.map((column) => `${column} ${TYPES[column] ?? 'String'}`).join(', ')}))))`;

const PARTS = [
  ['customer', rowsSql(Object.keys(Profile.properties))],
  ['customer_pii', rowsSql(Object.keys(Ciphers.properties))],
  ['account', rowsSql(Object.keys(Account.properties))],
  ['holding', rowsSql(Object.keys(Holding.properties))],
  ['identity', rowsSql(Object.keys(Identity.properties))],
] as const;

/**
 * Reads all of it in one statement: beyond a few rows the price of a point read is the statement, not the rows.
 */
export async function readCard(
  warehouse: Warehouse,
  placements: ReadonlyMap<string, Placement>,
  cid: number,
): Promise<CustomerCard> {
  const figures = (part: string, table: string, messages: string, sent: string): string =>
    `SELECT '${part}' AS part, toJSONString(CAST(tuple(count(), toUnixTimestamp64Milli(maxIf(at, NOT ${messages})), countIf(${messages}), countIf(${sent})) AS Tuple(rows String, last_ms String, messages String, sent String))) AS json FROM ${table} WHERE cid = {cid:UInt32}`;
  const tableOf = (logical: string): string | undefined => {
    const placement = placements.get(logical);
    return placement && warehouse.identifier(placement.table);
  };
  const transaction = tableOf('transaction');
  const event = tableOf('event');
  const statements = [
    ...PARTS.flatMap(([logical, sql]) => {
      const table = tableOf(logical);
      return table
        ? [`SELECT '${logical}' AS part, ${sql} AS json FROM ${table} WHERE cid = {cid:UInt32}`]
        : [];
    }),
    ...(transaction ? [figures('transactions', transaction, 'false', 'false')] : []),
    ...(event ? [figures('events', event, 'false', 'false')] : []),
    figures('collected', 'collected_event FINAL', CONTACT_FILTER, "name = 'message_sent'"),
  ];
  const rows = await warehouse.query(PartRow, statements.join(' UNION ALL '), { cid }, POINT_READ);
  const json = (part: string, absent: string): unknown =>
    JSON.parse(rows.find((row) => row.part === part)?.json ?? absent);
  const count = (part: string) => {
    const read = figuresReader.Parse(json(part, '{"rows":"0","last_ms":"0","messages":"0","sent":"0"}'));
    return {
      own: Number(read.rows) - Number(read.messages),
      lastMs: Number(read.last_ms),
      sent: Number(read.sent),
    };
  };
  const [transactions, events, collected] = [count('transactions'), count('events'), count('collected')];
  const lasts = [transactions, events, collected].flatMap((each) => (each.own > 0 ? [each.lastMs] : []));
  return {
    profile: readers.customer.Parse(json('customer', '[]'))[0],
    ciphers: readers.customer_pii.Parse(json('customer_pii', '[]'))[0],
    accounts: readers.account
      .Parse(json('account', '[]'))
      .toSorted(
        (a, b) =>
          Number(a.closed_on !== null) - Number(b.closed_on !== null) || compare(a.account_id, b.account_id),
      ),
    holdings: readers.holding
      .Parse(json('holding', '[]'))
      .toSorted(
        (a, b) =>
          Number(a.until !== null) - Number(b.until !== null) ||
          compare(b.since ?? '', a.since ?? '') ||
          compare(a.holding_id, b.holding_id),
      ),
    identities: readers.identity
      .Parse(json('identity', '[]'))
      .toSorted((a, b) => compare(a.kind, b.kind) || compare(a.source, b.source)),
    figures: {
      transactions: transactions.own,
      events: events.own + collected.own,
      contacts: collected.sent,
      lastActivityMs: lasts.length === 0 ? undefined : Math.max(...lasts),
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
