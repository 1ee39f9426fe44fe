import {
  type ConditionCatalog,
  type EventEntry,
  type PropertyEntry,
  propertySql,
  type TagEntry,
  type ValueType,
} from '@rapport/conditions';
import type { LocalizedText } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import type { TagDefinition } from './contract.ts';
import { literal } from './expression.ts';
import type { Registry, RegistryEntry } from './registry.ts';
import { columnProperties, rowInstant, type StatisticTable } from './tables.ts';

const EVENT_COLUMNS = 'cid, event_id, name, at, properties, source';

/** Where the rows of a statistical tag or of an event are. */
export interface StatisticEntries {
  /** The rows of a table; of events of one name, or of all (`undefined`). */
  entry(table: StatisticTable, event: string | undefined): EventEntry | undefined;
  /** One query over the rows of all these events; `undefined` = of all events. */
  eventRows(names: readonly string[] | undefined): string;
  readonly eventNames: readonly string[];
}

/** The tables and properties of a release, for statistical tags and for conditions alike. */
export function statisticEntries(
  release: Release,
  registry: Registry,
  titles: (name: string) => LocalizedText = (name) => ({ en: name }),
): StatisticEntries {
  const cache = new Map<string, EventEntry | undefined>();
  const eventTable = release.placements.get('event')?.table;

  const eventRows = (names: readonly string[] | undefined): string => {
    const holds = (entries: ReadonlyMap<string, RegistryEntry>): boolean =>
      names === undefined ? entries.size > 0 : names.some((name) => entries.has(name));
    const only = names === undefined ? '' : ` WHERE name IN (${names.map(literal).join(', ')})`;
    const parts = [
      ...(eventTable !== undefined && holds(registry.released)
        ? [`SELECT ${EVENT_COLUMNS} FROM ${eventTable}${only}`]
        : []),
      ...(holds(registry.collected) ? [`SELECT ${EVENT_COLUMNS} FROM collected_event FINAL${only}`] : []),
    ];
    return parts.length === 0
      ? `(SELECT ${EVENT_COLUMNS} FROM collected_event WHERE 0)`
      : `(${parts.join(' UNION ALL ')})`;
  };

  const ofEvents = (event: string | undefined): EventEntry | undefined => {
    const found = [
      { from: eventTable, entries: registry.released },
      { from: 'collected_event', entries: registry.collected },
    ].filter(({ from, entries }) => from !== undefined && (event === undefined || entries.has(event)));
    if (found.length === 0 && event !== undefined) return undefined;
    const properties: Record<string, ValueType> = {};
    for (const { entries } of found) {
      for (const entry of event === undefined ? entries.values() : [entries.get(event)]) {
        for (const [name, type] of Object.entries(entry?.properties ?? {})) {
          const other = properties[name];
          properties[name] = other === undefined || other === type ? type : 'text';
        }
      }
    }
    return {
      title: titles(event ?? 'event'),
      from: eventRows(event === undefined ? undefined : [event]),
      at: 'at',
      properties: { ...restProperties(properties, 'properties'), ...columnProperties('event') },
    };
  };

  const ofTable = (table: 'transaction' | 'holding' | 'account' | 'relation'): EventEntry | undefined => {
    const placement = release.placements.get(table);
    if (!placement) return undefined;
    return {
      title: titles(table),
      from: placement.table,
      at: rowInstant(table),
      properties: {
        ...(table === 'relation' ? {} : restProperties(registry[table]?.properties ?? {}, 'attributes')),
        ...columnProperties(table),
      },
    };
  };

  return {
    eventRows,
    eventNames: [
      ...new Set([
        ...registry.released.keys(),
        ...registry.collected.keys(),
        ...(release.placements.has('transaction') ? ['transaction'] : []),
      ]),
    ].toSorted(),
    entry(table, event) {
      const key = `${table}\n${event ?? ''}\n${event === undefined}`;
      if (!cache.has(key)) cache.set(key, table === 'event' ? ofEvents(event) : ofTable(table));
      return cache.get(key);
    },
  };
}

function restProperties(
  types: Readonly<Record<string, ValueType>>,
  map: 'properties' | 'attributes',
): Record<string, PropertyEntry> {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => [
      name,
      { type, sql: propertySql(type, `${map}[${literal(name)}]`), title: { en: name } },
    ]),
  );
}

/** Digits of the minor unit, for the few currencies that do not have two. */
const CURRENCY_DIGITS: Readonly<Record<string, number>> = {
  JPY: 0,
  KRW: 0,
  VND: 0,
  CLP: 0,
  KWD: 3,
  BHD: 3,
  JOD: 3,
};

/** Where a tag's values are; of past ones also their day. */
export type TagPlace = Pick<TagEntry, 'table' | 'column' | 'segments' | 'asOfDay'>;

/** What conditions know of a tag. */
export function tagEntry(definition: TagDefinition, place: TagPlace): TagEntry {
  const isMoney = definition.valueType === 'money' && definition.unit !== undefined;
  return {
    type: definition.valueType,
    table: place.table,
    column: place.column,
    ...(place.segments ? { segments: place.segments } : {}),
    ...(place.asOfDay === undefined ? {} : { asOfDay: place.asOfDay }),
    title: definition.title,
    ...(definition.description === undefined ? {} : { description: { en: definition.description } }),
    category: definition.category.split('/').map((part) => ({ en: part })),
    ...(isMoney ? { currency: definition.unit } : {}),
    ...(isMoney ? { currencyDigits: CURRENCY_DIGITS[definition.unit ?? ''] ?? 2 } : {}),
    ...(definition.values
      ? {
          valueTitles: Object.fromEntries(
            definition.values.flatMap(({ value, title }) =>
              typeof value === 'string' ? [[value, title] as const] : [],
            ),
          ),
        }
      : {}),
  };
}

/** The catalog of a release: its tags by `placeOf`, its events and lists. */
export function conditionCatalog(input: {
  readonly release: Release;
  readonly entries: StatisticEntries;
  readonly definitions: readonly TagDefinition[];
  /** Where a tag's values are; `undefined` when it has none. */
  readonly placeOf: (tagId: string) => TagPlace | undefined;
}): ConditionCatalog {
  const { release, entries } = input;
  const tags = new Map<string, TagEntry>();
  const ordered = input.definitions.toSorted(
    (a, b) => compare(a.category, b.category) || compare(a.id, b.id),
  );
  for (const definition of ordered) {
    const place = input.placeOf(definition.id);
    if (place) tags.set(definition.id, tagEntry(definition, place));
  }
  const lists = new Map(
    [...release.placements].flatMap(([logical, { table }]) =>
      logical.startsWith('list/') ? [[logical.slice('list/'.length), table] as const] : [],
    ),
  );
  const names = new Set(entries.eventNames);
  return {
    customers: release.placements.get('customer')?.table ?? 'customer',
    tag: (id) => tags.get(id),
    event: (name) => {
      if (!names.has(name)) return undefined;
      return name === 'transaction' ? entries.entry('transaction', undefined) : entries.entry('event', name);
    },
    audience: () => undefined,
    list: (id) => {
      const table = lists.get(id);
      return table === undefined ? undefined : { cidQuery: `SELECT cid FROM ${table}` };
    },
    tagIds: () => [...tags.keys()],
    eventNames: () => entries.eventNames,
    listIds: () => [...lists.keys()].toSorted(),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
