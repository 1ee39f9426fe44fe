import {
  type Condition,
  type ConditionCatalog,
  type CustomerEvent,
  type CustomerState,
  type EventEntry,
  eventFrom,
  eventsIn,
  listsIn,
  quoted,
  readableSql,
  readValue,
  type TagValue,
  tagsIn,
  withAudiences,
} from '@rapport/conditions';
import type { EpochMs } from '@rapport/kernel';
import type { Warehouse, WarehouseOptions } from '@rapport/stores';
import { Type } from 'typebox';

export interface KnownCustomer {
  readonly cid: number;
  readonly customerId: string;
}

const Row = Type.Record(Type.String(), Type.Unknown());

/**
 * Loads what a condition can see of some customers: the tags, events up to `now` and lists that it names, itself or
 * through other audiences, and nothing else. One query a tag table, event and list.
 */
export async function loadCustomerStates(
  warehouse: Warehouse,
  question: {
    readonly condition: Condition;
    readonly catalog: ConditionCatalog;
    readonly customers: readonly KnownCustomer[];
    readonly now: EpochMs;
  },
  options?: WarehouseOptions,
): Promise<CustomerState[]> {
  const { catalog, customers, now } = question;
  const conditions = withAudiences(question.condition, catalog.audience);
  const cids = customers.map(({ cid }) => cid);
  const tags = new Map<number, Record<string, TagValue | undefined>>();
  const events = new Map<number, CustomerEvent[]>();
  const lists = new Map<number, Set<string>>();

  const loadTags = async (table: string, ids: readonly string[]): Promise<void> => {
    const columns = ids.map((id, index) => {
      const entry = catalog.tag(id);
      return `${entry ? readableSql(entry.type, quoted(entry.column)) : 'NULL'} AS v${index}`;
    });
    const sql = `SELECT cid AS row_cid, ${columns.join(', ')} FROM ${quoted(table)} WHERE cid IN {cids:Array(UInt32)}`;
    for (const row of await warehouse.query(Row, sql, { cids }, options)) {
      const values = tags.get(Number(row.row_cid)) ?? {};
      ids.forEach((id, index) => {
        values[id] = readValue(catalog.tag(id)?.type ?? 'text', row[`v${index}`]);
      });
      tags.set(Number(row.row_cid), values);
    }
  };
  const loadEvents = async (
    name: string,
    entry: EventEntry,
    properties: readonly string[],
  ): Promise<void> => {
    const columns = properties.map((property, index) => {
      const found = Object.hasOwn(entry.properties, property) ? entry.properties[property] : undefined;
      return `, ${found ? readableSql(found.type, `(${found.sql})`) : 'NULL'} AS v${index}`;
    });
    const sql = `SELECT cid AS row_cid, ${readableSql('instant', entry.at)} AS row_at${columns.join('')} FROM ${eventFrom(entry)}
      WHERE cid IN {cids:Array(UInt32)} AND ${readableSql('instant', entry.at)} <= {now:Int64}`;
    for (const row of await warehouse.query(Row, sql, { cids, now }, options)) {
      const cid = Number(row.row_cid);
      const known = events.get(cid) ?? [];
      known.push({
        name,
        at: Number(row.row_at),
        properties: Object.fromEntries(properties.map((property, index) => [property, row[`v${index}`]])),
      });
      events.set(cid, known);
    }
  };
  const loadList = async (id: string, cidQuery: string): Promise<void> => {
    const sql = `SELECT cid AS row_cid FROM (${cidQuery}) WHERE cid IN {cids:Array(UInt32)}`;
    for (const row of await warehouse.query(Row, sql, { cids }, options)) {
      const known = lists.get(Number(row.row_cid)) ?? new Set();
      lists.set(Number(row.row_cid), known.add(id));
    }
  };

  const byTable = new Map<string, Set<string>>();
  const byEvent = new Map<string, Set<string>>();
  for (const condition of conditions) {
    for (const id of tagsIn(condition)) {
      const table = catalog.tag(id)?.table;
      if (table !== undefined) byTable.set(table, (byTable.get(table) ?? new Set()).add(id));
    }
    for (const [name, properties] of eventsIn(condition)) {
      const known = byEvent.get(name) ?? new Set();
      for (const property of properties) known.add(property);
      byEvent.set(name, known);
    }
  }
  await Promise.all([
    ...[...byTable].map(([table, ids]) => loadTags(table, [...ids])),
    ...[...byEvent].map(async ([name, properties]) => {
      const entry = catalog.event(name);
      if (entry) await loadEvents(name, entry, [...properties]);
    }),
    ...[...new Set(conditions.flatMap(listsIn))].map(async (id) => {
      const list = catalog.list(id);
      if (list) await loadList(id, list.cidQuery);
    }),
  ]);
  return customers.map(({ cid, customerId }) => ({
    cid,
    customerId,
    tags: tags.get(cid) ?? {},
    events: events.get(cid) ?? [],
    lists: lists.get(cid) ?? new Set(),
  }));
}
