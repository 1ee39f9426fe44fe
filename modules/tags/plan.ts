import {
  type ConditionCatalog,
  checkCondition,
  compileProperties,
  type PropertyCondition,
  type SqlValue,
  tagsIn,
  type ValueType,
} from '@rapport/conditions';
import type { EpochMs, ProblemFault } from '@rapport/kernel';
import {
  aggregateSql,
  isZeroWithoutRows,
  type PropertyValue,
  propertiesOf,
  reachOf,
  readAggregate,
  typesOf,
} from './aggregates.ts';
import type { StatisticEntries } from './catalog.ts';
import type { FactDefinition, StatisticalDefinition, StreamDefinition, TagDefinition } from './contract.ts';
import { compileExpression, type ExpressionScope, literal } from './expression.ts';
import type { Frame } from './frames.ts';
import { clockProperties, REST, rowOrder, rowScope } from './tables.ts';
import { castSql, isOfType, unknownLiteral } from './values.ts';
import { framesOf } from './windows.ts';

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
  /** The parts that tags of one table share when they are computed together; absent for facts. */
  readonly fused?: {
    /** Which rows are used, whenever they happened; '' = all. Never NULL. */
    readonly filter: string;
    window(frame: Frame): string;
    /** The value, with the rows of a window written by `rows`. */
    value(rows: (frame: Frame) => string): string;
    readonly frames: readonly Frame[];
    /** All rows that can make the value. */
    readonly reach: Frame;
    /** Whether it changes only with the rows in its windows, and not with the day itself. */
    readonly isOfRowsOnly: boolean;
    /** What is aggregated; absent where it is nothing or several things. */
    readonly property: ValueType | undefined;
    /** What the definition says of its windows: the same from day to day. */
    readonly timing: string;
  };
}

/** Aggregates that name days or periods counted from the end of the window: another day, another value. */
const NAMES_THE_DAY: ReadonlySet<string> = new Set(['recency', 'streak', 'trend', 'dailyAverage']);

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

/** A stream tag as the statistical tag that it is at every instant. */
export const streamStatistic = (definition: StreamDefinition): StatisticalDefinition => ({
  kind: 'statistical',
  over: 'event',
  event: definition.event,
  aggregate: definition.aggregate,
  ...(definition.where === undefined ? {} : { where: definition.where }),
  ...(definition.toDate === undefined ? {} : { window: { toDate: definition.toDate } }),
  ...(definition.zone === undefined ? {} : { zone: definition.zone }),
});

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
  const spec = readAggregate(definition.aggregate);
  const isDated = definition.over !== 'transaction' && definition.over !== 'event';
  const { frames, faults: ofTime } = framesOf(definition, spec, context.asOf, isDated);
  faults.push(...ofTime);
  const found = context.entries.entry(definition.over, definition.event);
  const entry = found && {
    ...found,
    properties: isDated
      ? found.properties
      : { ...clockProperties(found.at, frames.zone), ...found.properties },
  };
  if (!entry) {
    fault(
      definition.event === undefined ? '/definition/over' : '/definition/event',
      definition.event === undefined
        ? `No source delivers ${definition.over} rows yet.`
        : `There is no event "${definition.event}"; there are ${context.entries.eventNames.slice(0, 30).join(', ')}.`,
    );
    return { plan: undefined, faults };
  }
  const propertyOf = (name: string) =>
    Object.hasOwn(entry.properties, name) ? entry.properties[name] : undefined;
  for (const { property: name, pointer } of propertiesOf(spec)) {
    const property = propertyOf(name);
    if (!property)
      fault(
        `/definition/aggregate${pointer}`,
        `There is no "${name}"; there are ${Object.keys(entry.properties).toSorted().slice(0, 40).join(', ')}.`,
      );
    else if (
      spec.parts &&
      pointer.endsWith('/distinct') === false &&
      property.type !== 'money' &&
      property.type !== 'number'
    )
      fault(
        `/definition/aggregate${pointer}`,
        `${pointer.slice(pointer.lastIndexOf('/') + 1)} cannot be taken of ${name}, which is ${property.type}.`,
      );
  }
  const type = spec.property === undefined ? undefined : propertyOf(spec.property)?.type;
  if (spec.property === undefined || type !== undefined) {
    const allowed = typesOf(spec, type);
    if (allowed.length === 0)
      fault(
        `/definition/aggregate/${spec.name}`,
        `${spec.name} cannot be taken of ${spec.property}, which is ${type}.`,
      );
    else if (!allowed.includes(tag.valueType))
      fault(
        '/valueType',
        spec.name === 'count'
          ? `A count is a number, not ${tag.valueType}.`
          : `${spec.name}${spec.property === undefined ? '' : ` of ${spec.property}`} is ${allowed.join(' or ')}, not ${tag.valueType}.`,
      );
  }
  if (spec.name === 'dailyAverage' && definition.over !== 'transaction' && definition.over !== 'holding')
    fault(
      '/definition/aggregate/dailyAverage',
      `A daily average is taken over transactions (balance after each booking) or holdings, not over ${definition.over}.`,
    );
  const conditions: { where: PropertyCondition; at: string }[] = [
    ...(definition.where === undefined ? [] : [{ where: definition.where, at: '/definition' }]),
    ...(spec.parts?.of.where === undefined
      ? []
      : [{ where: spec.parts.of.where, at: '/definition/aggregate/ratio/of' }]),
    ...(spec.parts?.to.where === undefined
      ? []
      : [{ where: spec.parts.to.where, at: '/definition/aggregate/ratio/to' }]),
  ];
  for (const { where, at } of conditions) {
    const checked = checkCondition(
      { event: 'rows', where, op: '>=', value: 1 },
      { ...context.catalog, event: (event) => (event === 'rows' ? entry : undefined) },
      { at },
    );
    faults.push(...checked.faults);
  }
  if (faults.length > 0) return { plan: undefined, faults };

  const at = `(${entry.at})`;
  const params: Record<string, SqlValue> = {};
  let conditionCount = 0;
  const tests = new Map<PropertyCondition, string>();
  const test = (where: PropertyCondition): string => {
    const known = tests.get(where);
    if (known !== undefined) return known;
    const compiled = compileProperties(where, entry, { now: frames.frame.end });
    // Several conditions stand in one statement: each gets numbers of its own.
    const first = 1_000 * conditionCount++;
    Object.assign(
      params,
      Object.fromEntries(
        Object.entries(compiled.params).map(([name, value]) => [`p${first + Number(name.slice(1))}`, value]),
      ),
    );
    const sql = compiled.sql.replaceAll(/\{p(\d+):/g, (_, number: string) => `{p${first + Number(number)}:`);
    tests.set(where, sql);
    return sql;
  };
  const fixed = [
    ...(definition.event === undefined ? [] : [`name = ${literal(definition.event)}`]),
    ...(definition.where === undefined ? [] : [test(definition.where)]),
  ];
  const windowSql = (frame: Frame): string =>
    // A row of an unknown day belongs to "everything up to now", but to no window.
    frame.start === undefined
      ? `ifNull(${at} <= ${instantSql(frame.end)}, true)`
      : `ifNull(${at} > ${instantSql(frame.start)} AND ${at} <= ${instantSql(frame.end)}, false)`;
  const rowsIn = (frame: Frame): string => `(${[windowSql(frame), ...fixed].join(' AND ')})`;
  const valueOver = (rows: (frame: Frame) => string): string =>
    castSql(
      tag.valueType,
      aggregateSql({
        spec,
        frames,
        over: definition.over,
        at,
        rowsIn: rows,
        test,
        read: (name) => readProperty(entry.properties[name] ?? { type: 'number', sql: 'NULL' }),
      }),
    );
  return {
    plan: {
      tag,
      base: `statistical_${definition.over}`,
      from: entry.from,
      event: definition.event,
      value: valueOver(rowsIn),
      fused: {
        filter: fixed.length === 0 ? '' : fixed.map((each) => `(${each})`).join(' AND '),
        window: windowSql,
        value: valueOver,
        frames: frames.before ? [frames.frame, frames.before] : [frames.frame],
        reach: reachOf(spec, frames),
        isOfRowsOnly: !NAMES_THE_DAY.has(spec.name),
        property: type,
        timing: JSON.stringify([
          definition.within,
          definition.offset,
          definition.window,
          definition.zone,
          definition.asOf,
          spec.per,
          spec.periods,
        ]),
      },
      isAggregate: true,
      isZeroWithoutRows: isZeroWithoutRows(spec),
      rows: rowsIn(reachOf(spec, frames)),
      order: entry.at === 'at' ? 'at' : rowOrder(definition.over),
      params,
    },
    faults: [],
  };
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
      const spec = readAggregate(definition.aggregate);
      const { over } = definition;
      const properties = [
        ...propertiesOf(spec).map(({ property }) => property),
        ...(spec.name === 'dailyAverage' && over === 'transaction' ? ['account_id', 'transaction_id'] : []),
        ...(spec.name === 'dailyAverage' && over === 'holding' ? ['until'] : []),
        ...[definition.where, spec.parts?.of.where, spec.parts?.to.where].flatMap((where) =>
          where === undefined ? [] : propertiesIn(where),
        ),
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
    case 'stream':
      return dependenciesOf({ ...tag, definition: streamStatistic(definition) });
    case 'manual':
    case 'model':
      return { tags: [], columns: [] };
  }
}

/** Where a property named in a condition stands. */
export function columnName(table: StatisticalDefinition['over'], property: string): string {
  const scope = rowScope(table);
  if (/^at_(hour|weekday|monthday|daypart)$/.test(property)) return 'at';
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
