import {
  AGGREGATES,
  AGGREGATES_OF,
  type AggregateName,
  type ConditionCatalog,
  eventFrom,
  OPERATORS,
  OPERATORS_OF,
  type Operator,
  operandKind,
  quoted,
  readableSql,
  type TagEntry,
  type Titled,
  type ValueType,
} from '@rapport/conditions';
import type { LocalizedText } from '@rapport/kernel';
import type { Warehouse, WarehouseOptions } from '@rapport/stores';
import { Type } from 'typebox';
import type { KnownValue, Vocabulary } from './contract.ts';

const VALUES_SHOWN = 20;
/** Values counted exactly; a tag with more different ones than these has its commonest estimated. */
const VALUES_COUNTED = 2_000;
const LISTED_TYPES: readonly ValueType[] = ['text', 'list', 'boolean'];

const TopRow = Type.Object({ position: Type.Integer(), value: Type.String(), count: Type.Integer() });
const ValueRow = Type.Object({ value: Type.String(), count: Type.Integer() });

/** Everything a condition may name, as the builder offers it. */
export function presentVocabulary(
  release: number,
  catalog: ConditionCatalog,
  audiences: readonly { id: string; name: string }[],
  values: ReadonlyMap<string, readonly KnownValue[]>,
): Vocabulary {
  return {
    release,
    tags: catalog.tagIds().flatMap((id) => {
      const tag = catalog.tag(id);
      if (!tag) return [];
      const known = values.get(id);
      return [
        {
          id,
          ...presentTitled(tag, tag.type),
          category: [...(tag.category ?? [])],
          ...(known ? { values: [...known] } : {}),
        },
      ];
    }),
    events: catalog.eventNames().flatMap((name) => {
      const event = catalog.event(name);
      if (!event) return [];
      return [
        {
          name,
          title: event.title,
          ...(event.description ? { description: event.description } : {}),
          properties: Object.entries(event.properties).map(([property, entry]) => ({
            name: property,
            ...presentTitled(entry, entry.type),
            aggregates: [...AGGREGATES_OF[entry.type]],
          })),
        },
      ];
    }),
    lists: catalog.listIds().map((id) => ({ id, title: catalog.list(id)?.title ?? { en: id } })),
    audiences: audiences.map(({ id, name }) => ({ id, name })),
    operators: OPERATORS.map((op) => ({ op, title: OPERATOR_TITLES[op], value: operandKind(op) })),
    aggregates: AGGREGATES.map((aggregate) => ({
      aggregate,
      title: AGGREGATE_TITLES[aggregate],
      needsProperty: aggregate !== 'count',
    })),
  };
}

function presentTitled(titled: Titled, type: ValueType) {
  return {
    title: titled.title,
    ...(titled.description ? { description: titled.description } : {}),
    type,
    ...(titled.currency === undefined ? {} : { currency: titled.currency }),
    ...(titled.currencyDigits === undefined ? {} : { currencyDigits: titled.currencyDigits }),
    operators: [...OPERATORS_OF[type]],
  };
}

/** The commonest values of every text, list and boolean tag, by tag id: one scan a table. */
export async function commonValues(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  orgUnits: readonly string[] | undefined,
  options?: WarehouseOptions,
): Promise<Map<string, KnownValue[]>> {
  const byTable = new Map<string, { id: string; tag: TagEntry }[]>();
  for (const id of catalog.tagIds()) {
    const tag = catalog.tag(id);
    if (tag && LISTED_TYPES.includes(tag.type))
      byTable.set(tag.table, [...(byTable.get(tag.table) ?? []), { id, tag }]);
  }
  const found = new Map<string, KnownValue[]>();
  for (const [table, tags] of byTable) {
    const tops = tags.map(({ tag }) => topSql(tag)).join(', ');
    const { where, params } = scopeFilter(catalog, orgUnits);
    // Each column answers its own array; they are unfolded to rows of (position, value, count).
    const sql = `SELECT toUInt32(tops.1) AS position, tops.2.1 AS value, toUInt64(tops.2.2) AS count FROM (
      SELECT arrayJoin(arrayFlatten(arrayMap((top, place) -> arrayMap(each -> (place, (each.1, each.2)), top), [${tops}], range(${tags.length})))) AS tops
      FROM ${quoted(table)}${where})`;
    for (const row of await warehouse.query(TopRow, sql, params, options)) {
      const entry = tags[row.position];
      if (!entry) continue;
      found.set(entry.id, [...(found.get(entry.id) ?? []), presentValue(entry.tag, row)]);
    }
  }
  return found;
}

/** An array of (text, count), commonest first and equally common ones by their text, wherever their rows lie. */
function topSql(tag: TagEntry): string {
  const top = `approx_top_k(${VALUES_COUNTED}, ${VALUES_COUNTED})`;
  const column = quoted(tag.column);
  const counted =
    tag.type === 'list'
      ? `arrayMap(each -> (toString(each.1), each.2), approx_top_kArray(${VALUES_COUNTED}, ${VALUES_COUNTED})(${column}))`
      : `arrayMap(each -> (assumeNotNull(toString(each.1)), each.2), arrayFilter(each -> isNotNull(each.1), ${top}(${textOf(tag.type, column)})))`;
  return `arraySlice(arraySort(each -> (-toInt64(each.2), each.1), ${counted}), 1, ${VALUES_SHOWN})`;
}

/** A value as the text that a condition names it by. */
const textOf = (type: ValueType, expression: string): string =>
  type === 'boolean' ? `if(${expression}, 'true', 'false')` : `toString(${readableSql(type, expression)})`;

function scopeFilter(
  catalog: ConditionCatalog,
  orgUnits: readonly string[] | undefined,
): { where: string; params: Readonly<Record<string, string[]>> } {
  if (!orgUnits) return { where: '', params: {} };
  return {
    where: ` WHERE cid IN (SELECT cid FROM ${quoted(catalog.customers)} WHERE org_unit IN {units:Array(String)})`,
    params: { units: [...orgUnits] },
  };
}

/** The commonest values of one tag or property that contain `search`; `undefined` when it has none to list. */
export async function searchValues(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  query: { tag?: string; event?: string; property?: string; search?: string; limit: number },
  orgUnits: readonly string[] | undefined,
  options?: WarehouseOptions,
): Promise<KnownValue[] | undefined> {
  const source = valueSource(catalog, query);
  if (!source) return undefined;
  const { where, params } = scopeFilter(catalog, orgUnits);
  const value =
    source.titled.type === 'list'
      ? `arrayJoin(${source.expression})`
      : textOf(source.titled.type, source.expression);
  const sql = `SELECT assumeNotNull(value) AS value, count() AS count FROM (SELECT ${value} AS value FROM ${source.from}${where})
    WHERE value != '' AND positionCaseInsensitiveUTF8(assumeNotNull(value), {search:String}) > 0
    GROUP BY value ORDER BY count DESC, value LIMIT {limit:UInt32}`;
  const rows = await warehouse.query(
    ValueRow,
    sql,
    { ...params, search: query.search ?? '', limit: query.limit },
    { maxSeconds: 20, ...options },
  );
  return rows.map((row) => presentValue(source.titled, row));
}

function valueSource(
  catalog: ConditionCatalog,
  query: { tag?: string; event?: string; property?: string },
): { from: string; expression: string; titled: Titled & { type: ValueType } } | undefined {
  if (query.tag !== undefined) {
    const tag = catalog.tag(query.tag);
    return tag && { from: quoted(tag.table), expression: quoted(tag.column), titled: tag };
  }
  const event = query.event === undefined ? undefined : catalog.event(query.event);
  if (!event || query.property === undefined || !Object.hasOwn(event.properties, query.property))
    return undefined;
  const property = event.properties[query.property];
  return property && { from: eventFrom(event), expression: `(${property.sql})`, titled: property };
}

function presentValue(titled: Titled, { value, count }: { value: string; count: number }): KnownValue {
  const title = titled.valueTitles?.[value];
  return title ? { value, title, count } : { value, count };
}

const OPERATOR_TITLES: Readonly<Record<Operator, LocalizedText>> = {
  '=': { en: 'is', 'zh-Hant': '等於', 'zh-Hans': '等于' },
  '!=': { en: 'is not', 'zh-Hant': '不等於', 'zh-Hans': '不等于' },
  '<': { en: 'is less than', 'zh-Hant': '低於', 'zh-Hans': '低于' },
  '<=': { en: 'is at most', 'zh-Hant': '不高於', 'zh-Hans': '不高于' },
  '>': { en: 'is more than', 'zh-Hant': '高於', 'zh-Hans': '高于' },
  '>=': { en: 'is at least', 'zh-Hant': '不低於', 'zh-Hans': '不低于' },
  in: { en: 'is one of', 'zh-Hant': '屬於其中之一', 'zh-Hans': '属于其中之一' },
  'not in': { en: 'is none of', 'zh-Hant': '不屬於其中', 'zh-Hans': '不属于其中' },
  between: { en: 'is from … up to (excluded)', 'zh-Hant': '介於(含)至(不含)', 'zh-Hans': '介于(含)至(不含)' },
  contains: { en: 'contains', 'zh-Hant': '包含', 'zh-Hans': '包含' },
  'starts with': { en: 'starts with', 'zh-Hant': '開頭是', 'zh-Hans': '开头是' },
  known: { en: 'is known', 'zh-Hant': '有值', 'zh-Hans': '有值' },
  unknown: { en: 'is unknown', 'zh-Hant': '未知', 'zh-Hans': '未知' },
  before: { en: 'is before', 'zh-Hant': '早於', 'zh-Hans': '早于' },
  after: { en: 'is after', 'zh-Hant': '晚於', 'zh-Hans': '晚于' },
  'in last': { en: 'is in the last', 'zh-Hant': '在最近…內', 'zh-Hans': '在最近…内' },
  'in next': { en: 'is in the next', 'zh-Hant': '在未來…內', 'zh-Hans': '在未来…内' },
  'anniversary in next': {
    en: 'has its anniversary in the next',
    'zh-Hant': '週年日在未來…內',
    'zh-Hans': '周年日在未来…内',
  },
};

const AGGREGATE_TITLES: Readonly<Record<AggregateName, LocalizedText>> = {
  count: { en: 'Number of times', 'zh-Hant': '次數', 'zh-Hans': '次数' },
  sum: { en: 'Total', 'zh-Hant': '合計', 'zh-Hans': '合计' },
  avg: { en: 'Average', 'zh-Hant': '平均值', 'zh-Hans': '平均值' },
  min: { en: 'Smallest', 'zh-Hant': '最小值', 'zh-Hans': '最小值' },
  max: { en: 'Largest', 'zh-Hant': '最大值', 'zh-Hans': '最大值' },
  last: { en: 'Latest', 'zh-Hant': '最近一次', 'zh-Hans': '最近一次' },
  distinct: { en: 'Number of different values', 'zh-Hant': '不同值的個數', 'zh-Hans': '不同值的个数' },
};
