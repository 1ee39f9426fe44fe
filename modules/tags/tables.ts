import type { PropertyEntry, ValueType } from '@rapport/conditions';
import type { ExpressionScope } from './expression.ts';
import { literal } from './expression.ts';

/** A canonical table's columns as tag definitions may name them. */
export type CanonicalTable =
  | 'customer'
  | 'account'
  | 'holding'
  | 'identity'
  | 'relation'
  | 'transaction'
  | 'event';

const COLUMNS: Readonly<Record<CanonicalTable, Readonly<Record<string, ValueType>>>> = {
  customer: {
    customer_id: 'text',
    kind: 'text',
    gender: 'text',
    birth_date: 'date',
    opened_on: 'date',
    org_unit: 'text',
    rm: 'text',
    risk_level: 'number',
    city: 'text',
    language: 'text',
    source: 'text',
  },
  account: {
    account_id: 'text',
    kind: 'text',
    opened_on: 'date',
    closed_on: 'date',
    currency: 'text',
    balance_minor: 'money',
    org_unit: 'text',
    source: 'text',
  },
  holding: {
    holding_id: 'text',
    product_id: 'text',
    kind: 'text',
    since: 'date',
    until: 'date',
    amount_minor: 'money',
    currency: 'text',
    status: 'text',
    source: 'text',
  },
  identity: { kind: 'text', source: 'text' },
  relation: {
    direction: 'text',
    kind: 'text',
    other_cid: 'number',
    share: 'number',
    since: 'date',
    until: 'date',
    source: 'text',
  },
  transaction: {
    at: 'instant',
    transaction_id: 'text',
    account_id: 'text',
    amount_minor: 'money',
    direction: 'text',
    currency: 'text',
    kind: 'text',
    channel: 'text',
    mcc: 'text',
    counterparty: 'text',
    balance_minor: 'money',
    source: 'text',
  },
  event: { at: 'instant', event_id: 'text', name: 'text', source: 'text' },
};

/** The map that holds what has no column of its own. */
export const REST: Readonly<Partial<Record<CanonicalTable, string>>> = {
  customer: 'attributes',
  account: 'attributes',
  holding: 'attributes',
  transaction: 'attributes',
  event: 'properties',
};

/** By what rows of one customer are put in order, oldest first, and when they happened. */
const ORDER: Readonly<Record<Exclude<CanonicalTable, 'customer'>, { day: string; id: string }>> = {
  account: { day: 'opened_on', id: 'account_id' },
  holding: { day: 'since', id: 'holding_id' },
  identity: { day: "toDate32('1900-01-01')", id: 'value_hash' },
  relation: { day: 'since', id: "concat(kind, '/', toString(other_cid))" },
  transaction: { day: 'at', id: 'transaction_id' },
  event: { day: 'at', id: 'event_id' },
};

export const columnsOf = (table: CanonicalTable): Readonly<Record<string, ValueType>> => COLUMNS[table];

/** Order of rows by opening day (an unknown one last) and id. */
export function rowOrder(table: Exclude<CanonicalTable, 'customer'>): string {
  const { day, id } = ORDER[table];
  return `(ifNull(${day}, toDate32('2299-12-31')), ${id})`;
}

/** Instant of a row, NULL when it is not known. */
export function rowInstant(table: Exclude<CanonicalTable, 'customer' | 'identity'>): string {
  return table === 'transaction' || table === 'event' ? 'at' : `toDateTime64(${ORDER[table].day}, 3, 'UTC')`;
}

/** Parts of the day, by the hour they begin at. */
const DAYPARTS = [
  ['night', 6],
  ['morning', 11],
  ['noon', 14],
  ['afternoon', 18],
] as const;

/** What the clock and the calendar of a zone say of a row's instant, for habits: `at_hour`, `at_weekday`, …. */
export function clockProperties(at: string, zone: string): Record<string, PropertyEntry> {
  const local = zone === 'UTC' ? at : `toTimeZone(${at}, ${literal(zone)})`;
  const hour = `toHour(${local})`;
  const daypart = `multiIf(${DAYPARTS.map(([name, end]) => `${hour} < ${end}, '${name}'`).join(', ')}, 'evening')`;
  return {
    at_hour: { type: 'number', sql: hour, title: { en: 'Hour of the day' } },
    at_weekday: {
      type: 'number',
      sql: `toDayOfWeek(${local})`,
      title: { en: 'Day of the week, Monday = 1' },
    },
    at_monthday: { type: 'number', sql: `toDayOfMonth(${local})`, title: { en: 'Day of the month' } },
    at_daypart: { type: 'text', sql: daypart, title: { en: 'Part of the day' } },
  };
}

/** The names that a fact's expressions may use. */
export function rowScope(table: CanonicalTable): ExpressionScope {
  const columns = COLUMNS[table];
  const rest = REST[table];
  return {
    known: [...Object.keys(columns), ...(rest ? [`${rest}['…']`] : [])],
    name: (name) => {
      const type = Object.hasOwn(columns, name) ? columns[name] : undefined;
      return type && columnSql(name, type);
    },
    key: (map, key) => (map === rest ? `nullIf(${map}[${literal(key)}], '')` : undefined),
  };
}

/** Reads a column so that absent text is NULL too. */
function columnSql(name: string, type: ValueType): string {
  return type === 'text' ? `nullIf(toString(${name}), '')` : name;
}

/** Properties that every row of a table has, beside its attributes. */
export function columnProperties(
  table: Exclude<CanonicalTable, 'customer' | 'identity'>,
): Record<string, PropertyEntry> {
  return Object.fromEntries(
    Object.entries(COLUMNS[table])
      .filter(([name]) => !(table === 'event' && name === 'name'))
      .map(([name, type]) => [name, { type, sql: columnSql(name, type), title: { en: name } }]),
  );
}

export type StatisticTable = 'transaction' | 'event' | 'holding' | 'account' | 'relation';
