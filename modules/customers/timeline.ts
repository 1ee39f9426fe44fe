import { type EpochMs, toIso } from '@rapport/kernel';
import type { Releases, Warehouse, WarehouseValue } from '@rapport/stores';
import { Type } from 'typebox';
import type { TIMELINE_KINDS, TimelineItem } from './contract.ts';
import { customersProblems } from './customers.problems.ts';

export type TimelineKind = (typeof TIMELINE_KINDS)[number];

export interface Timeline {
  /** Newest first; of equal instants the greater id comes first. */
  read(
    cid: number,
    query: { kind?: TimelineKind; cursor?: string; limit?: number },
  ): Promise<{ items: TimelineItem[]; nextCursor?: string }>;
  figures(cid: number): Promise<{
    transactions: number;
    events: number;
    contacts: number;
    lastActivityMs: EpochMs | undefined;
  }>;
}

const ItemRow = Type.Object({
  item_kind: Type.String(),
  id: Type.String(),
  at_ms: Type.Integer(),
  name: Type.String(),
  direction: Type.String(),
  amount_minor: Type.Union([Type.Integer(), Type.Null()]),
  currency: Type.String(),
  properties: Type.Record(Type.String(), Type.String()),
  source: Type.String(),
});
const FigureRow = Type.Object({
  part: Type.String(),
  n: Type.Integer(),
  last_ms: Type.Union([Type.Integer(), Type.Null()]),
  own: Type.Integer(),
  sent: Type.Integer(),
});

/** Messages of ours and what became of them; other collected events are the customer's. */
export const CONTACT_FILTER = "(startsWith(name, 'message_') OR name = 'opted_out')";

export function createTimeline(deps: { warehouse: Warehouse; releases: Releases }): Timeline {
  const { warehouse, releases } = deps;

  return {
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
      const parts: string[] = [];
      const transaction = placements.get('transaction');
      const event = placements.get('event');
      if (transaction && (query.kind === undefined || query.kind === 'transaction')) {
        parts.push(
          `SELECT 'transaction' AS item_kind, transaction_id AS id, toUnixTimestamp64Milli(at) AS at_ms, if(kind = '', 'transaction', toString(kind)) AS name, toString(direction) AS direction, CAST(amount_minor AS Nullable(Int64)) AS amount_minor, toString(currency) AS currency, CAST(mapUpdate(attributes, mapFilter((k, v) -> v != '', map('account_id', account_id, 'channel', toString(channel), 'mcc', toString(mcc), 'counterparty', counterparty, 'balance_minor', ifNull(toString(balance_minor), '')))) AS Map(String, String)) AS properties, toString(source) AS source FROM ${warehouse.identifier(transaction.table)} WHERE cid = {cid:UInt32}${page('transaction_id')}`,
        );
      }
      const eventPart = (table: string, kind: string, filter: string): string =>
        `SELECT ${kind} AS item_kind, event_id AS id, toUnixTimestamp64Milli(at) AS at_ms, toString(name) AS name, '' AS direction, CAST(NULL AS Nullable(Int64)) AS amount_minor, '' AS currency, CAST(properties AS Map(String, String)) AS properties, toString(source) AS source FROM ${table} WHERE cid = {cid:UInt32}${filter}${page('event_id')}`;
      if (event && (query.kind === undefined || query.kind === 'event')) {
        parts.push(eventPart(warehouse.identifier(event.table), "'event'", ''));
      }
      if (query.kind !== 'transaction') {
        const filter =
          query.kind === undefined ? '' : ` AND ${query.kind === 'event' ? 'NOT ' : ''}${CONTACT_FILTER}`;
        parts.push(eventPart('collected_event FINAL', `if(${CONTACT_FILTER}, 'contact', 'event')`, filter));
      }
      if (parts.length === 0) return { items: [] };
      const rows = await warehouse.query(
        ItemRow,
        `SELECT * FROM (${parts.map((part) => `SELECT * FROM (${part})`).join(' UNION ALL ')}) ORDER BY at_ms DESC, id DESC LIMIT {past:UInt32}`,
        params,
      );
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return {
        items: shown.map((row) => ({
          kind: row.item_kind === 'transaction' || row.item_kind === 'contact' ? row.item_kind : 'event',
          id: row.id,
          at: toIso(row.at_ms),
          name: row.name,
          ...(row.direction === '' ? {} : { direction: row.direction }),
          ...(row.amount_minor === null ? {} : { amountMinor: row.amount_minor }),
          ...(row.currency === '' ? {} : { currency: row.currency }),
          properties: row.properties,
          source: row.source,
        })),
        ...(rows.length > limit && last ? { nextCursor: encode({ atMs: last.at_ms, id: last.id }) } : {}),
      };
    },

    async figures(cid) {
      const { placements } = await releases.current();
      const part = (name: string, table: string, own: string, sent: string): string =>
        `SELECT '${name}' AS part, count() AS n, if(count() = 0, NULL, toUnixTimestamp64Milli(maxIf(at, NOT ${own}))) AS last_ms, countIf(${own}) AS own, countIf(${sent}) AS sent FROM ${table} WHERE cid = {cid:UInt32}`;
      const transaction = placements.get('transaction');
      const event = placements.get('event');
      const rows = await warehouse.query(
        FigureRow,
        [
          ...(transaction
            ? [part('transaction', warehouse.identifier(transaction.table), 'false', 'false')]
            : []),
          ...(event ? [part('event', warehouse.identifier(event.table), 'false', 'false')] : []),
          part('collected', 'collected_event FINAL', CONTACT_FILTER, "name = 'message_sent'"),
        ].join(' UNION ALL '),
        { cid },
      );
      const of = (name: string) => rows.find((row) => row.part === name);
      const lasts = rows.flatMap((row) => (row.last_ms !== null && row.n > row.own ? [row.last_ms] : []));
      return {
        transactions: of('transaction')?.n ?? 0,
        events: (of('event')?.n ?? 0) + (of('collected')?.n ?? 0) - (of('collected')?.own ?? 0),
        contacts: of('collected')?.sent ?? 0,
        lastActivityMs: lasts.length === 0 ? undefined : Math.max(...lasts),
      };
    },
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
