import { type EpochMs, toIso } from '@rapport/kernel';
import type { Releases, Warehouse, WarehouseValue } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import type { TIMELINE_KINDS, TimelineItem } from './contract.ts';
import { customersProblems } from './customers.problems.ts';

export type TimelineKind = (typeof TIMELINE_KINDS)[number];

export interface Activity {
  readonly transactions: number;
  readonly events: number;
  /** Messages we sent. */
  readonly contacts: number;
  readonly lastActivityMs: EpochMs | undefined;
  /** The first page of the timeline. */
  readonly latest: { readonly items: TimelineItem[]; readonly nextCursor?: string };
  /** The latest contacts, as many as a page has. */
  readonly latestContacts: TimelineItem[];
}

export interface Timeline {
  /** How much there is, and the latest of it: each table is read once. */
  activity(cid: number, limit: number): Promise<Activity>;
  /** Newest first; of equal instants the greater id comes first. */
  read(
    cid: number,
    query: { kind?: TimelineKind; cursor?: string; limit?: number },
  ): Promise<{ items: TimelineItem[]; nextCursor?: string }>;
}

const Fields = Type.Record(Type.String(), Type.String());
const TransactionRow = Type.Object({
  id: Type.String(),
  at_ms: Type.Integer(),
  kind: Type.String(),
  direction: Type.String(),
  amount_minor: Type.Integer(),
  currency: Type.String(),
  account_id: Type.String(),
  channel: Type.String(),
  mcc: Type.String(),
  counterparty: Type.String(),
  balance_minor: Type.Union([Type.Integer(), Type.Null()]),
  attributes: Fields,
  source: Type.String(),
});
const TRANSACTION_COLUMNS = [
  'direction',
  'amount_minor',
  'currency',
  'account_id',
  'channel',
  'mcc',
  'counterparty',
  'balance_minor',
] as const;
const EventRow = Type.Object({
  id: Type.String(),
  at_ms: Type.Integer(),
  name: Type.String(),
  properties: Fields,
  source: Type.String(),
  own: Type.Boolean(),
});
const ActivityRow = Type.Object({
  part: Type.Enum(['transaction', 'event', 'own', 'contact']),
  id: Type.String(),
  at_ms: Type.Integer(),
  name: Type.String(),
  columns: Fields,
  properties: Fields,
  source: Type.String(),
  n: Type.Integer(),
  sent: Type.Integer(),
});
/** Few rows of one customer: handing them to several threads costs more than reading them. */
export const POINT_READ = { settings: { max_threads: 1 } } as const;

/** Messages of ours and what became of them; other collected events are the customer's. */
export const CONTACT_FILTER = "(startsWith(name, 'message_') OR name = 'opted_out')";

export function createTimeline(deps: { warehouse: Warehouse; releases: Releases }): Timeline {
  const { warehouse, releases } = deps;

  return {
    async activity(cid, limit) {
      const { placements } = await releases.current();
      const transaction = placements.get('transaction');
      const event = placements.get('event');
      const page = (id: string): string => `ORDER BY at DESC, ${id} DESC LIMIT {past:UInt32}`;
      const columns = TRANSACTION_COLUMNS.map((name) => `'${name}', ifNull(toString(${name}), '')`);
      const ofEvent = `event_id AS id, toUnixTimestamp64Milli(at) AS at_ms, name, CAST(map() AS Map(String, String)) AS columns, CAST(properties AS Map(String, String)) AS properties, source`;
      const parts = [
        ...(transaction
          ? [
              `SELECT 'transaction' AS part, transaction_id AS id, toUnixTimestamp64Milli(at) AS at_ms, kind AS name, map(${columns.join(', ')}) AS columns, attributes AS properties, source, count() OVER () AS n, toUInt64(0) AS sent FROM ${warehouse.identifier(transaction.table)} WHERE cid = {cid:UInt32} ${page('transaction_id')}`,
            ]
          : []),
        ...(event
          ? [
              `SELECT 'event' AS part, ${ofEvent}, count() OVER () AS n, toUInt64(0) AS sent FROM ${warehouse.identifier(event.table)} WHERE cid = {cid:UInt32} ${page('event_id')}`,
            ]
          : []),
        `SELECT if(${CONTACT_FILTER}, 'contact', 'own') AS part, ${ofEvent}, count() OVER (PARTITION BY part) AS n, countIf(name = 'message_sent') OVER (PARTITION BY part) AS sent FROM collected_event FINAL WHERE cid = {cid:UInt32} ${page('event_id')} BY part`,
      ];
      const rows = await warehouse.query(
        ActivityRow,
        parts.map((part) => `SELECT * FROM (${part})`).join(' UNION ALL '),
        { cid, past: limit + 1 },
        POINT_READ,
      );
      const of = (part: (typeof rows)[number]['part']) => rows.filter((row) => row.part === part);
      const count = (part: (typeof rows)[number]['part']): number => of(part)[0]?.n ?? 0;
      const lasts = rows.flatMap((row) => (row.part === 'contact' ? [] : [row.at_ms]));
      return {
        transactions: count('transaction'),
        events: count('event') + count('own'),
        contacts: of('contact')[0]?.sent ?? 0,
        lastActivityMs: lasts.length === 0 ? undefined : Math.max(...lasts),
        latest: pageOf(rows.map(presentActivity), limit),
        latestContacts: pageOf(of('contact').map(presentActivity), limit).items,
      };
    },
    async read(cid, query) {
      const limit = query.limit ?? 50;
      const { placements } = await releases.current();
      const before = query.cursor === undefined ? undefined : decode(query.cursor);
      const params: Record<string, WarehouseValue> = {
        cid,
        past: limit + 1,
        ...(before ? { beforeMs: before.atMs, beforeId: before.id } : {}),
      };
      const page = (id: string): string =>
        `${before ? ` AND (at, ${id}) < (fromUnixTimestamp64Milli({beforeMs:Int64}, 'UTC'), {beforeId:String})` : ''} ORDER BY at DESC, ${id} DESC LIMIT {past:UInt32}`;
      const transaction = placements.get('transaction');
      const event = placements.get('event');
      const columns = `event_id AS id, toUnixTimestamp64Milli(at) AS at_ms, name, properties, source`;
      const eventParts = [
        ...(event && query.kind !== 'contact'
          ? [
              `SELECT ${columns}, false AS own FROM ${warehouse.identifier(event.table)} WHERE cid = {cid:UInt32}${page('event_id')}`,
            ]
          : []),
        `SELECT ${columns}, true AS own FROM collected_event FINAL WHERE cid = {cid:UInt32}${collectedFilter(query.kind)}${page('event_id')}`,
      ];
      const [transactions, events] = await Promise.all([
        transaction && (query.kind === undefined || query.kind === 'transaction')
          ? warehouse.query(
              TransactionRow,
              `SELECT transaction_id AS id, toUnixTimestamp64Milli(at) AS at_ms, kind, direction, amount_minor, currency, account_id, channel, mcc, counterparty, balance_minor, attributes, source FROM ${warehouse.identifier(transaction.table)} WHERE cid = {cid:UInt32}${page('transaction_id')}`,
              params,
              POINT_READ,
            )
          : [],
        query.kind === 'transaction'
          ? []
          : warehouse.query(
              EventRow,
              eventParts.map((part) => `SELECT * FROM (${part})`).join(' UNION ALL '),
              params,
              POINT_READ,
            ),
      ]);
      return pageOf(
        [
          ...transactions.map((row) => ({ atMs: row.at_ms, item: presentTransaction(row) })),
          ...events.map((row) => ({ atMs: row.at_ms, item: presentEvent(row) })),
        ],
        limit,
      );
    },
  };
}

interface Placed {
  readonly atMs: EpochMs;
  readonly item: TimelineItem;
}

/** The first `limit` of what was found, which is at least one more of each table that has more. */
function pageOf(found: readonly Placed[], limit: number): { items: TimelineItem[]; nextCursor?: string } {
  const sorted = found.toSorted(
    (a, b) => b.atMs - a.atMs || (a.item.id < b.item.id ? 1 : a.item.id > b.item.id ? -1 : 0),
  );
  const shown = sorted.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ item }) => item),
    ...(found.length > limit && last ? { nextCursor: encode({ atMs: last.atMs, id: last.item.id }) } : {}),
  };
}

function presentActivity(row: Static<typeof ActivityRow>): Placed {
  const { id, at_ms, name, columns, properties, source } = row;
  const item =
    row.part === 'transaction'
      ? presentTransaction({
          id,
          at_ms,
          kind: name,
          direction: columns.direction ?? '',
          amount_minor: Number(columns.amount_minor),
          currency: columns.currency ?? '',
          account_id: columns.account_id ?? '',
          channel: columns.channel ?? '',
          mcc: columns.mcc ?? '',
          counterparty: columns.counterparty ?? '',
          balance_minor: columns.balance_minor ? Number(columns.balance_minor) : null,
          attributes: properties,
          source,
        })
      : presentEvent({ id, at_ms, name, properties, source, own: row.part !== 'event' });
  return { atMs: at_ms, item };
}

function collectedFilter(kind: TimelineKind | undefined): string {
  if (kind === undefined) return '';
  return kind === 'contact' ? ` AND ${CONTACT_FILTER}` : ` AND NOT ${CONTACT_FILTER}`;
}

function presentTransaction(row: Static<typeof TransactionRow>): TimelineItem {
  const { account_id, channel, mcc, counterparty, balance_minor } = row;
  const columns = { account_id, channel, mcc, counterparty, balance_minor: String(balance_minor ?? '') };
  return {
    kind: 'transaction',
    id: row.id,
    at: toIso(row.at_ms),
    name: row.kind === '' ? 'transaction' : row.kind,
    ...(row.direction === '' ? {} : { direction: row.direction }),
    amountMinor: row.amount_minor,
    ...(row.currency === '' ? {} : { currency: row.currency }),
    properties: {
      ...row.attributes,
      ...Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== '')),
    },
    source: row.source,
  };
}

function presentEvent(row: Static<typeof EventRow>): TimelineItem {
  const isContact = row.own && (row.name.startsWith('message_') || row.name === 'opted_out');
  return {
    kind: isContact ? 'contact' : 'event',
    id: row.id,
    at: toIso(row.at_ms),
    name: row.name,
    properties: row.properties,
    source: row.source,
  };
}

function encode(place: { atMs: EpochMs; id: string }): string {
  return Buffer.from(`${place.atMs} ${place.id}`).toString('base64url');
}

function decode(cursor: string): { atMs: EpochMs; id: string } {
  const match = /^(-?\d+) (.*)$/s.exec(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (!match) throw customersProblems.invalid_cursor({ detail: `"${cursor}" is no cursor of a timeline.` });
  return { atMs: Number(match[1]), id: match[2] ?? '' };
}
