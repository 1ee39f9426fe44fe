import {
  type ConditionCatalog,
  checkCondition,
  compileProperties,
  type SqlValue,
  tagsIn,
  type ValueType,
} from '@rapport/conditions';
import { type EpochMs, type ProblemFault, parseDuration, shiftInstant } from '@rapport/kernel';
import type { StatisticEntries } from './catalog.ts';
import type { FactDefinition, StatisticalDefinition, TagAggregate, TagDefinition } from './contract.ts';
import { compileExpression, type ExpressionScope, literal } from './expression.ts';
import { REST, rowOrder, rowScope } from './tables.ts';
import { castSql, isOfType, unknownLiteral } from './values.ts';

/** How one tag is computed from rows: an aggregate over a table, or an expression over its one row a customer. */
export interface RowPlan {
  readonly tag: TagDefinition;
  /** Tags with the same base can be computed in one scan. */
  readonly base: string;
  /** Table or parenthesised query with `cid`. */
  readonly from: string;
  /** The one event whose rows are used; tags of different events still share a scan. */
  readonly event: string | undefined;
  /** The value: an aggregate, or for `customer` an expression over the row. */
  readonly value: string;
  readonly isAggregate: boolean;
  /** Whether customers without rows have the value 0 and not an unknown one. */
  readonly isZeroWithoutRows: boolean;
  /** Which rows are used; never NULL. */
  readonly rows: string;
  /** Puts rows in order, oldest first. */
  readonly order: string;
  readonly params: Readonly<Record<string, SqlValue>>;
}

export interface Checked<Plan> {
  readonly plan: Plan | undefined;
  readonly faults: readonly ProblemFault[];
}

/** Sets every placeholder of a part under names of its own, so that parts can stand in one statement. */
export function withPrefix(
  sql: string,
  params: Readonly<Record<string, SqlValue>>,
  prefix: string,
): { sql: string; params: Record<string, SqlValue> } {
  return {
    sql: sql.replaceAll(/\{(p\d+):/g, (_, name: string) => `{${prefix}${name}:`),
    params: Object.fromEntries(Object.entries(params).map(([name, value]) => [`${prefix}${name}`, value])),
  };
}

/* ── facts ───────────────────────────────────────────────────────────────────────────────────────────── */

export function planFact(
  tag: TagDefinition,
  definition: FactDefinition,
  context: { readonly tableOf: (logical: string) => string | undefined; readonly asOf: EpochMs },
): Checked<RowPlan> {
  const scope = rowScope(definition.from);
  const value = compileExpression(definition.value, scope, '/definition/value');
  const where =
    definition.where === undefined
      ? undefined
      : compileExpression(definition.where, scope, '/definition/where');
  const faults: ProblemFault[] = [
    ...('faults' in value ? value.faults : []),
    ...(where && 'faults' in where ? where.faults : []),
  ];
  const pick = definition.pick ?? 'first';
  if (definition.from !== 'customer' && (pick === 'list') !== (tag.valueType === 'list')) {
    faults.push({
      pointer: '/definition/pick',
      message:
        pick === 'list'
          ? `"list" gives a list; the tag says ${tag.valueType}.`
          : 'A list of a table with several rows needs pick: list.',
    });
  }
  if ('faults' in value || (where && 'faults' in where) || faults.length > 0)
    return { plan: undefined, faults };
  const bind = (sql: string): string => bindAsOf(sql, context.asOf);
  const rows = where ? `ifNull(accurateCastOrNull(${bind(where.compiled.sql)}, 'Bool'), false)` : 'true';
  const from = context.tableOf(definition.from) ?? '';
  const common = {
    tag,
    base: `fact_${definition.from}`,
    from,
    rows,
    params: {},
    isZeroWithoutRows: false,
    event: undefined,
  };
  if (definition.from === 'customer') {
    const cast = castSql(tag.valueType, bind(value.compiled.sql));
    return {
      plan: {
        ...common,
        isAggregate: false,
        value: where ? `if(${rows}, ${cast}, ${unknownLiteral(tag.valueType)})` : cast,
        order: 'cid',
      },
      faults: [],
    };
  }
  const order = rowOrder(definition.from);
  const element: ValueType = tag.valueType === 'list' ? 'text' : tag.valueType;
  const cast = `toNullable(${castSql(element, bind(value.compiled.sql))})`;
  return {
    plan: { ...common, isAggregate: true, value: pickSql(pick, cast, order, rows), order },
    faults: [],
  };
}

function pickSql(
  pick: NonNullable<FactDefinition['pick']>,
  value: string,
  order: string,
  rows: string,
): string {
  const known = `(${rows}) AND ${value} IS NOT NULL`;
  switch (pick) {
    case 'first':
      return `argMinIf(${value}, ${order}, ${known})`;
    case 'last':
      return `argMaxIf(${value}, ${order}, ${known})`;
    case 'min':
    case 'max':
      return `${pick}If(${value}, ${known})`;
    case 'list':
      return `arraySort(groupUniqArrayIf(assumeNotNull(${value}), ${known}))`;
  }
}

/* ── statistics ──────────────────────────────────────────────────────────────────────────────────────── */

export function aggregateName(aggregate: TagAggregate): { name: string; property: string | undefined } {
  if (aggregate === 'count') return { name: 'count', property: undefined };
  const [entry] = Object.entries(aggregate);
  return { name: entry?.[0] ?? 'count', property: entry?.[1] };
}

export function planStatistic(
  tag: TagDefinition,
  definition: StatisticalDefinition,
  context: {
    readonly entries: StatisticEntries;
    readonly catalog: ConditionCatalog;
    readonly asOf: EpochMs;
  },
): Checked<RowPlan> {
  const faults: ProblemFault[] = [];
  const fault = (pointer: string, message: string): void => void faults.push({ pointer, message });
  if (definition.event !== undefined && definition.over !== 'event')
    fault('/definition/event', `Only tags over events name an event; this one is over ${definition.over}.`);
  const within = definition.within === undefined ? undefined : parseDuration(definition.within);
  if (definition.within !== undefined && !within)
    fault('/definition/within', `"${definition.within}" is no ISO 8601 duration such as P90D.`);
  const offset = definition.offset === undefined ? undefined : parseDuration(definition.offset);
  if (definition.offset !== undefined && !offset)
    fault('/definition/offset', `"${definition.offset}" is no ISO 8601 duration such as P90D.`);
  const entry = context.entries.entry(definition.over, definition.event);
  if (!entry) {
    fault(
      definition.event === undefined ? '/definition/over' : '/definition/event',
      definition.event === undefined
        ? `No source delivers ${definition.over} rows yet.`
        : `There is no event "${definition.event}"; there are ${context.entries.eventNames.slice(0, 30).join(', ')}.`,
    );
    return { plan: undefined, faults };
  }
  const { name, property: propertyName } = aggregateName(definition.aggregate);
  const property =
    propertyName !== undefined && Object.hasOwn(entry.properties, propertyName)
      ? entry.properties[propertyName]
      : undefined;
  if (propertyName !== undefined && !property)
    fault(
      `/definition/aggregate/${name}`,
      `There is no "${propertyName}"; there are ${Object.keys(entry.properties).toSorted().slice(0, 40).join(', ')}.`,
    );
  if (property) {
    const allowed = allowedTypes(name, property.type);
    if (allowed.length === 0)
      fault(
        `/definition/aggregate/${name}`,
        `${name} cannot be taken of ${propertyName}, which is ${property.type}.`,
      );
    else if (!allowed.includes(tag.valueType))
      fault('/valueType', `${name} of ${propertyName} is ${allowed.join(' or ')}, not ${tag.valueType}.`);
  } else if (name === 'count' && tag.valueType !== 'number') {
    fault('/valueType', `A count is a number, not ${tag.valueType}.`);
  }
  if (definition.where !== undefined) {
    const checked = checkCondition(
      { event: 'rows', where: definition.where, op: '>=', value: 1 },
      { ...context.catalog, event: (event) => (event === 'rows' ? entry : undefined) },
      { at: '/definition' },
    );
    faults.push(...checked.faults);
  }
  if (faults.length > 0) return { plan: undefined, faults };

  const end = offset ? shiftInstant(context.asOf, offset, -1) : context.asOf;
  const start = within ? shiftInstant(end, within, -1) : undefined;
  const at = `(${entry.at})`;
  // A row of an unknown day belongs to "everything up to now", but to no window.
  const window =
    start === undefined
      ? `ifNull(${at} <= ${instantSql(end)}, true)`
      : `ifNull(${at} > ${instantSql(start)} AND ${at} <= ${instantSql(end)}, false)`;
  const where =
    definition.where === undefined ? undefined : compileProperties(definition.where, entry, { now: end });
  const tests = [
    ...(definition.event === undefined ? [] : [`name = ${literal(definition.event)}`]),
    window,
    ...(where ? [where.sql] : []),
  ];
  const rows = `(${tests.join(' AND ')})`;
  return {
    plan: {
      tag,
      base: `statistical_${definition.over}`,
      from: entry.from,
      event: definition.event,
      value: castSql(tag.valueType, aggregateSql(name, property && readProperty(property), at, rows)),
      isAggregate: true,
      isZeroWithoutRows: name === 'count' || name === 'distinct',
      rows,
      order: entry.at === 'at' ? 'at' : rowOrder(definition.over === 'holding' ? 'holding' : 'account'),
      params: where?.params ?? {},
    },
    faults: [],
  };
}

function allowedTypes(aggregate: string, type: ValueType): ValueType[] {
  if (type === 'list') return [];
  if (aggregate === 'distinct') return ['number'];
  if (aggregate === 'first' || aggregate === 'last' || aggregate === 'top')
    return type === 'money' ? ['money', 'number'] : [type];
  if (type === 'boolean') return [];
  if (aggregate === 'min' || aggregate === 'max') return type === 'money' ? ['money', 'number'] : [type];
  if (type === 'money') return ['money', 'number'];
  return type === 'number' ? ['number'] : [];
}

interface PropertyValue {
  readonly type: ValueType;
  /** Nullable expression. */
  readonly sql: string;
}

function readProperty(property: { type: ValueType; sql: string }): PropertyValue {
  const sql =
    property.type === 'text'
      ? `nullIf(toString(${property.sql}), '')`
      : property.type === 'number'
        ? `if(isFinite(toFloat64(${property.sql})), toFloat64(${property.sql}) + 0., NULL)`
        : property.sql;
  return { type: property.type, sql: `toNullable(${sql})` };
}

/** As conditions aggregate (packages/conditions), with rows chosen by `If`. */
function aggregateSql(name: string, value: PropertyValue | undefined, at: string, rows: string): string {
  if (!value) return `countIf(${rows})`;
  const known = `(${rows} AND ${value.sql} IS NOT NULL)`;
  const plain = `assumeNotNull(${value.sql})`;
  switch (name) {
    case 'distinct':
      return `uniqExactIf(${plain}, ${known})`;
    case 'min':
    case 'max':
      return `${name}If(${value.sql}, ${known})`;
    case 'last':
    case 'first': {
      const place = `toUnixTimestamp64Milli(ifNull(${at}, toDateTime64('1900-01-01 00:00:00', 3, 'UTC')))`;
      const found = `maxIf(tuple(${name === 'last' ? place : `-${place}`}, ${value.sql} IS NOT NULL, ${plain}), ${rows})`;
      return `if(${found}.2, ${found}.3, NULL)`;
    }
    case 'top': {
      const counts = `sumMapIf(map(${plain}, toUInt64(1)), ${known})`;
      const best = `arraySort(x -> (-toInt64(x.2), x.1), arrayZip(mapKeys(${counts}), mapValues(${counts})))[1]`;
      return `if(countIf(${known}) = 0, NULL, ${best}.1)`;
    }
    default: {
      if (value.type === 'money') {
        const total = `sumIf(${plain}, ${known})`;
        return `if(countIf(${known}) = 0, NULL, ${name === 'sum' ? total : `${total} / countIf(${known})`})`;
      }
      // Doubles do not add up the same in every order, and engines add in any order: sorted they always do.
      const values = `arraySort(groupArrayIf(${plain}, ${known}))`;
      const total = name === 'sum' ? `arraySum(${values})` : `arraySum(${values}) / length(${values})`;
      return `if(empty(${values}), NULL, ${total})`;
    }
  }
}

/** Puts the instant in the place that `compileExpression` left for it. */
export const bindAsOf = (sql: string, asOf: EpochMs): string =>
  sql.replaceAll("{asOf:DateTime64(3, 'UTC')}", instantSql(asOf));

export const instantSql = (at: EpochMs): string =>
  `toDateTime64('${new Date(at).toISOString().replace('T', ' ').slice(0, -1)}', 3, 'UTC')`;

/* ── what depends on what ────────────────────────────────────────────────────────────────────────────── */

/** Tags a definition reads, and canonical columns (`customer.gender`, `event.properties.amount_minor`). */
export function dependenciesOf(tag: TagDefinition): { tags: string[]; columns: string[] } {
  const { definition } = tag;
  switch (definition.kind) {
    case 'fact': {
      const scope = rowScope(definition.from);
      const names = [definition.value, definition.where ?? 'null'].flatMap((text) => {
        const compiled = compileExpression(text, scope, '');
        return 'compiled' in compiled ? compiled.compiled.names : [];
      });
      return { tags: [], columns: [...new Set(names)].map((name) => `${definition.from}.${name}`) };
    }
    case 'statistical': {
      const { property } = aggregateName(definition.aggregate);
      const properties = [
        ...(property === undefined ? [] : [property]),
        ...(definition.where ? propertiesIn(definition.where) : []),
      ];
      const columns = [
        ...(definition.over === 'holding'
          ? ['since']
          : definition.over === 'account'
            ? ['opened_on']
            : ['at']),
        ...(definition.over === 'event' ? ['name'] : []),
        ...properties.map((name) => columnName(definition.over, name)),
      ];
      return { tags: [], columns: [...new Set(columns)].map((name) => `${definition.over}.${name}`) };
    }
    case 'rule': {
      const tags = definition.cases.flatMap(({ when }) => tagsIn(when));
      return { tags: [...new Set(tags)], columns: [] };
    }
    case 'derived':
      return { tags: namesIn(definition.expression), columns: [] };
    case 'model':
      return { tags: [], columns: [] };
  }
}

/** Where a property named in a condition stands. */
export function columnName(table: StatisticalDefinition['over'], property: string): string {
  const scope = rowScope(table);
  return scope.name(property) === undefined ? `${REST[table] ?? 'attributes'}.${property}` : property;
}

function propertiesIn(condition: NonNullable<StatisticalDefinition['where']>): string[] {
  if ('all' in condition) return condition.all.flatMap(propertiesIn);
  if ('any' in condition) return condition.any.flatMap(propertiesIn);
  return 'not' in condition ? propertiesIn(condition.not) : [condition.property];
}

/** Names in an expression over tags, whether they exist or not. */
function namesIn(expression: string): string[] {
  const compiled = compileExpression(
    expression,
    { known: [], name: (name) => name, key: () => undefined },
    '',
  );
  return 'compiled' in compiled ? [...compiled.compiled.names] : [];
}

/** The scope of a derived tag: other tags, by id. */
export function tagScope(
  place: (tagId: string) => string | undefined,
  known: readonly string[],
): ExpressionScope {
  return { known, name: place, key: () => undefined };
}

/** Values in a definition that are not of the tag's type. */
export function checkValues(tag: TagDefinition): ProblemFault[] {
  const faults: ProblemFault[] = [];
  const check = (value: unknown, pointer: string): void => {
    const isValue =
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean' ||
      Array.isArray(value);
    if (!isValue || !isOfType(tag.valueType, value))
      faults.push({ pointer, message: `${JSON.stringify(value)} is not ${tag.valueType}.` });
  };
  if (tag.valueType !== 'list')
    tag.values?.forEach(({ value }, index) => void check(value, `/values/${index}/value`));
  if (tag.definition.kind === 'rule') {
    tag.definition.cases.forEach(({ value }, index) => void check(value, `/definition/cases/${index}/value`));
    if (tag.definition.otherwise !== undefined) check(tag.definition.otherwise, '/definition/otherwise');
  }
  return faults;
}

/**
 * Tags in an order in which each comes after those it reads, with its level (0 = reads no tag).
 * @returns `cycle` when there is none: the ids along it, the first one repeated at the end
 */
export function orderTags(
  tags: ReadonlyMap<string, TagDefinition>,
): { order: { tag: TagDefinition; level: number }[] } | { cycle: string[] } {
  const levels = new Map<string, number>();
  const order: { tag: TagDefinition; level: number }[] = [];
  const path: string[] = [];
  let cycle: string[] | undefined;
  const visit = (id: string): number => {
    const known = levels.get(id);
    const tag = tags.get(id);
    if (known !== undefined || !tag || cycle) return known ?? 0;
    const at = path.indexOf(id);
    if (at >= 0) {
      cycle = [...path.slice(at), id];
      return 0;
    }
    path.push(id);
    const below = dependenciesOf(tag).tags.map(visit);
    path.pop();
    const level =
      tag.definition.kind === 'rule' || tag.definition.kind === 'derived' ? 1 + Math.max(0, ...below) : 0;
    levels.set(id, level);
    order.push({ tag, level });
    return level;
  };
  for (const id of [...tags.keys()].toSorted()) visit(id);
  return cycle ? { cycle } : { order };
}
