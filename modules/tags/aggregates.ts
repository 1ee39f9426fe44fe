import { dayIn, dayNumber } from '@rapport/calendar';
import type { PropertyCondition, ValueType } from '@rapport/conditions';
import type { AggregatePart, Period, TagAggregate } from './aggregates.contract.ts';
import type { Frame, Frames } from './frames.ts';

export const AGGREGATE_NAMES = [
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'last',
  'first',
  'distinct',
  'top',
  'stddev',
  'dailyAverage',
  'topK',
  'percentile',
  'ratio',
  'trend',
  'perPeriod',
  'change',
  'streak',
  'recency',
] as const;
export type AggregateName = (typeof AGGREGATE_NAMES)[number];

/** An aggregate as data: what is read, how, and over which periods. Nothing in it is SQL. */
export interface AggregateSpec {
  readonly name: AggregateName;
  /** Column or event property that is aggregated. */
  readonly property?: string;
  readonly k?: number;
  /** Share of a percentile, 0 < level ≤ 1. */
  readonly level?: number;
  readonly per?: Period;
  readonly periods?: number;
  readonly which?: 'longest' | 'current';
  readonly unit?: 'days' | 'hours';
  /** What a trend, a change or a figure per period is made of. */
  readonly inner?: { readonly name: 'count' | 'sum'; readonly property?: string };
  readonly parts?: { readonly of: PartSpec; readonly to: PartSpec };
}
export interface PartSpec {
  readonly name: 'count' | 'sum' | 'avg' | 'distinct';
  readonly property?: string;
  readonly where?: PropertyCondition;
}

/** Reads an aggregate as it is written in a definition. */
export function readAggregate(aggregate: TagAggregate): AggregateSpec {
  if (aggregate === 'count') return { name: 'count' };
  if ('topK' in aggregate) return { name: 'topK', property: aggregate.topK.of, k: aggregate.topK.k };
  if ('percentile' in aggregate)
    return { name: 'percentile', property: aggregate.percentile.of, level: aggregate.percentile.at };
  if ('ratio' in aggregate)
    return { name: 'ratio', parts: { of: partOf(aggregate.ratio.of), to: partOf(aggregate.ratio.to) } };
  if ('trend' in aggregate) return periodic('trend', aggregate.trend);
  if ('perPeriod' in aggregate) return periodic('perPeriod', aggregate.perPeriod);
  if ('change' in aggregate) return withInner({ name: 'change' }, aggregate.change);
  if ('streak' in aggregate)
    return { name: 'streak', per: aggregate.streak.per, which: aggregate.streak.which ?? 'longest' };
  if ('recency' in aggregate) return { name: 'recency', unit: aggregate.recency };
  for (const name of AGGREGATE_NAMES) {
    const property: unknown = Reflect.get(aggregate, name);
    if (typeof property === 'string') return { name, property };
  }
  return { name: 'count' };
}

function periodic(
  name: 'trend' | 'perPeriod',
  { of, per, periods }: { of: 'count' | { readonly sum: string }; per: Period; periods: number },
): AggregateSpec {
  return withInner({ name, per, periods }, of);
}

const withInner = (spec: AggregateSpec, of: 'count' | { readonly sum: string }): AggregateSpec =>
  of === 'count'
    ? { ...spec, inner: { name: 'count' } }
    : { ...spec, property: of.sum, inner: { name: 'sum', property: of.sum } };

function partOf(part: AggregatePart): PartSpec {
  const { name, property } = readAggregate(part.aggregate);
  const where = part.where === undefined ? {} : { where: part.where };
  switch (name) {
    case 'sum':
    case 'avg':
    case 'distinct':
      return { name, ...(property === undefined ? {} : { property }), ...where };
    default:
      return { name: 'count', ...where };
  }
}

/** Every column the aggregate reads, beside the condition of the tag; with the pointer of where it is named. */
export function propertiesOf(spec: AggregateSpec): { property: string; pointer: string }[] {
  const { parts } = spec;
  if (parts)
    return (['of', 'to'] as const).flatMap((side) => {
      const { name, property } = parts[side];
      return property === undefined ? [] : [{ property, pointer: `/ratio/${side}/aggregate/${name}` }];
    });
  return spec.property === undefined ? [] : [{ property: spec.property, pointer: `/${spec.name}` }];
}

/** Types that the value can have; empty when the aggregate cannot be taken of a column of this type. */
export function typesOf(spec: AggregateSpec, type: ValueType | undefined): readonly ValueType[] {
  const amount: readonly ValueType[] =
    type === 'money' ? ['money', 'number'] : type === 'number' ? ['number'] : [];
  switch (spec.name) {
    case 'count':
    case 'streak':
    case 'recency':
    case 'ratio':
      return ['number'];
    case 'distinct':
      return type === 'list' ? [] : ['number'];
    case 'first':
    case 'last':
    case 'top':
      return type === 'list' || type === undefined ? [] : type === 'money' ? ['money', 'number'] : [type];
    case 'min':
    case 'max':
      return type === 'list' || type === 'boolean' || type === undefined
        ? []
        : type === 'money'
          ? ['money', 'number']
          : [type];
    case 'topK':
      return type === 'text' ? ['list'] : [];
    case 'stddev':
      return amount.length > 0 ? ['number'] : [];
    case 'change':
      return spec.inner?.name === 'count' || amount.length > 0 ? ['number'] : [];
    case 'trend':
    case 'perPeriod':
      return spec.inner?.name === 'count' ? ['number'] : amount;
    case 'sum':
    case 'avg':
    case 'percentile':
    case 'dailyAverage':
      return amount;
  }
}

/** Whether customers without rows have the value 0 and not an unknown one. */
export const isZeroWithoutRows = (spec: AggregateSpec): boolean =>
  spec.name === 'count' ||
  spec.name === 'distinct' ||
  spec.name === 'streak' ||
  (spec.name === 'perPeriod' && spec.inner?.name === 'count');

/** The rows that make the value: those of the window, with those of the window before or everything before it. */
export function reachOf(spec: AggregateSpec, { frame, before }: Frames): Frame {
  if (spec.name === 'change' && before) return { start: before.start, end: frame.end };
  return spec.name === 'dailyAverage' ? { start: undefined, end: frame.end } : frame;
}

export interface PropertyValue {
  readonly type: ValueType;
  /** Nullable expression. */
  readonly sql: string;
}

/** What an aggregate is written with. */
export interface AggregateInput {
  readonly spec: AggregateSpec;
  readonly frames: Frames;
  readonly over: 'transaction' | 'event' | 'holding' | 'account' | 'relation';
  /** Instant of a row. */
  readonly at: string;
  read(property: string): PropertyValue;
  /** Rows of the tag in a window; never NULL. */
  rowsIn(frame: Frame): string;
  /** A condition over rows; never NULL. */
  test(condition: PropertyCondition): string;
}

/** The aggregate as SQL over the rows of one customer. */
export function aggregateSql(input: AggregateInput): string {
  const { spec, frames, at } = input;
  const rows = input.rowsIn(reachOf(spec, frames));
  const value = spec.property === undefined ? undefined : input.read(spec.property);
  const known = value === undefined ? rows : `(${rows} AND ${value.sql} IS NOT NULL)`;
  const plain = value === undefined ? '0' : `assumeNotNull(${value.sql})`;
  switch (spec.name) {
    case 'ratio': {
      if (!spec.parts) return 'NULL';
      const [of, to] = [spec.parts.of, spec.parts.to].map((part) => {
        const own = part.where === undefined ? rows : `(${rows} AND ${input.test(part.where)})`;
        return simpleSql(
          part.name,
          part.property === undefined ? undefined : input.read(part.property),
          at,
          own,
        );
      });
      return `(${of}) / nullIf(toFloat64(${to}), 0)`;
    }
    case 'change': {
      if (!frames.before || !spec.inner) return 'NULL';
      const [now, before] = [frames.frame, frames.before].map((frame) =>
        additiveSql(spec.inner?.name ?? 'count', value, input.rowsIn(frame)),
      );
      return `(toFloat64(${now}) - toFloat64(${before})) / nullIf(abs(toFloat64(${before})), 0)`;
    }
    case 'perPeriod': {
      const total = simpleSql(spec.inner?.name ?? 'count', value, at, rows);
      return `(${total}) / ${spec.periods ?? 1}`;
    }
    case 'trend':
      return trendSql(input, value, rows);
    case 'streak': {
      const periods = `arraySort(groupUniqArrayIf(${periodSql(spec.per ?? 'month', at, frames.zone)}, ${rows}))`;
      const runs = `arrayMap(run -> length(run), arraySplit((p, isFirst) -> isFirst, ${periods}, arrayMap(step -> step != 1, arrayDifference(${periods}))))`;
      if (spec.which !== 'current') return `if(empty(${periods}), 0, arrayMax(${runs}))`;
      const now = periodNumber(spec.per ?? 'month', dayIn(frames.zone, frames.frame.end));
      return `if(empty(${periods}), 0, if(${periods}[-1] >= ${now - 1}, ${runs}[-1], 0))`;
    }
    case 'recency': {
      const latest = `maxIf(${at}, ${rows})`;
      const since =
        spec.unit === 'hours'
          ? `intDiv(${frames.frame.end} - toUnixTimestamp64Milli(assumeNotNull(${latest})), 3600000)`
          : `${dayNumber(dayIn(frames.zone, frames.frame.end))} - ${daySql(`assumeNotNull(${latest})`, frames.zone)}`;
      return `if(countIf(${rows} AND ${at} IS NOT NULL) = 0, NULL, ${since})`;
    }
    case 'topK': {
      const counts = `sumMapIf(map(${plain}, toUInt64(1)), ${known})`;
      const ranked = `arraySort(x -> (-toInt64(x.2), x.1), arrayZip(mapKeys(${counts}), mapValues(${counts})))`;
      return `arrayMap(x -> x.1, arraySlice(${ranked}, 1, ${spec.k ?? 1}))`;
    }
    case 'percentile': {
      const values = `arraySort(groupArrayIf(${plain}, ${known}))`;
      return `if(empty(${values}), NULL, ${values}[greatest(1, toUInt32(ceil(${spec.level ?? 0.5} * length(${values}))))])`;
    }
    case 'stddev': {
      // Over sorted doubles, so that the order in which the engine reads rows does not matter.
      const values = `arraySort(groupArrayIf(toFloat64(${plain}), ${known}))`;
      const mean = `arraySum(${values}) / length(${values})`;
      return `if(length(${values}) < 2, NULL, sqrt(arraySum(x -> pow(x - ${mean}, 2), ${values}) / (length(${values}) - 1)))`;
    }
    case 'dailyAverage':
      return dailyAverageSql(input, plain, known);
    default:
      return simpleSql(spec.name, value, at, rows);
  }
}

/** Days since 1970 of an instant in a zone. */
const daySql = (at: string, zone: string): string =>
  `toInt32(toDate32(${zone === 'UTC' ? at : `toTimeZone(${at}, '${zone}')`}))`;

/** Number of a period, consecutive from one to the next. */
function periodSql(period: Period, at: string, zone: string): string {
  const local = `assumeNotNull(${zone === 'UTC' ? at : `toTimeZone(${at}, '${zone}')`})`;
  switch (period) {
    case 'day':
      return `toInt32(toDate32(${local}))`;
    case 'week':
      return `toInt32(floor((toInt32(toDate32(${local})) + 3) / 7))`;
    case 'month':
      return `toInt32(toYear(${local}) * 12 + toMonth(${local}) - 1)`;
    case 'quarter':
      return `toInt32(toYear(${local}) * 4 + toQuarter(${local}) - 1)`;
    case 'year':
      return `toInt32(toYear(${local}))`;
  }
}

/** As `periodSql`, of a day. */
export function periodNumber(period: Period, day: string): number {
  const [year = 0, month = 1] = day.split('-').map(Number);
  switch (period) {
    case 'day':
      return dayNumber(day);
    case 'week':
      return Math.floor((dayNumber(day) + 3) / 7);
    case 'month':
      return year * 12 + month - 1;
    case 'quarter':
      return year * 4 + Math.floor((month - 1) / 3);
    case 'year':
      return year;
  }
}

/** Σ (x − x̄)·y ÷ Σ (x − x̄)² is linear in the rows, as periods without rows count 0. */
function trendSql(
  { spec, frames, at }: AggregateInput,
  value: PropertyValue | undefined,
  rows: string,
): string {
  const periods = spec.periods ?? 2;
  const first = periodNumber(spec.per ?? 'month', dayIn(frames.zone, (frames.frame.start ?? 0) + 1));
  // Twice the distance from the mean, so that everything stays whole.
  const weight = `(2 * (${periodSql(spec.per ?? 'month', at, frames.zone)} - ${first}) - ${periods - 1})`;
  const squares = (periods * (periods * periods - 1)) / 12;
  const known = value === undefined ? rows : `(${rows} AND ${value.sql} IS NOT NULL)`;
  const plain = value === undefined ? '1' : `assumeNotNull(${value.sql})`;
  const sum =
    value !== undefined && value.type !== 'money'
      ? `arraySum(arraySort(groupArrayIf(${weight} * ${plain}, ${known})))`
      : `sumIf(${weight} * toInt64(${plain}), ${known})`;
  return `if(countIf(${known}) = 0, NULL, ${sum} / ${2 * squares})`;
}

/** The balance at the end of each day, carried on until the next booking of the account, averaged over the days. */
function dailyAverageSql({ over, frames, at }: AggregateInput, plain: string, known: string): string {
  const first = dayNumber(dayIn(frames.zone, (frames.frame.start ?? 0) + 1));
  const end = dayNumber(dayIn(frames.zone, frames.frame.end)) + 1;
  const days = Math.max(1, end - first);
  if (over === 'holding') {
    const from = `greatest(ifNull(toInt32(since), ${first}), ${first})`;
    const to = `least(ifNull(toInt32(until), ${end}), ${end})`;
    return `if(countIf(${known}) = 0, NULL, sumIf(${plain} * greatest(0, ${to} - ${from}), ${known}) / ${days})`;
  }
  const sorted = `arraySort(groupArrayIf(tuple(toString(account_id), toUnixTimestamp64Milli(${at}), toString(transaction_id), ${daySql(at, frames.zone)}, ${plain}), ${known}))`;
  const next = `arrayPushBack(arrayPopFront(${sorted}), tuple('', toInt64(0), '', toInt32(${end}), ${sorted}[1].5))`;
  const total = `arraySum(arrayMap((x, y) -> x.5 * greatest(0, least(if(y.1 = x.1, y.4, ${end}), ${end}) - greatest(x.4, ${first})), ${sorted}, ${next}))`;
  return `if(empty(${sorted}), NULL, ${total} / ${days})`;
}

/** 0 over no rows: what changes are made of. */
const additiveSql = (name: 'count' | 'sum', value: PropertyValue | undefined, rows: string): string =>
  name === 'count' ? `countIf(${rows})` : `ifNull(${simpleSql('sum', value, '', rows)}, 0)`;

/** As conditions aggregate (packages/conditions), with rows chosen by `If`. */
function simpleSql(name: AggregateName, value: PropertyValue | undefined, at: string, rows: string): string {
  if (!value || name === 'count') return `countIf(${rows})`;
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
      const { key, back } = countedBy(value.type);
      const counts = `sumMapIf(map(${key(plain)}, toUInt64(1)), ${known})`;
      const best = `arraySort(x -> (-toInt64(x.2), ${back('x.1')}), arrayZip(mapKeys(${counts}), mapValues(${counts})))[1]`;
      return `if(countIf(${known}) = 0, NULL, ${back(`${best}.1`)})`;
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

/** The engine counts texts and whole numbers by value; others are counted by a whole number that stands for them. */
function countedBy(type: ValueType): { key(sql: string): string; back(sql: string): string } {
  switch (type) {
    case 'number':
      return {
        key: (sql) => `reinterpretAsInt64(${sql})`,
        back: (sql) => `reinterpretAsFloat64(${sql})`,
      };
    case 'date':
      return { key: (sql) => `toInt32(${sql})`, back: (sql) => `CAST(${sql} AS Date32)` };
    case 'instant':
      return {
        key: (sql) => `toUnixTimestamp64Milli(${sql})`,
        back: (sql) => `fromUnixTimestamp64Milli(${sql}, 'UTC')`,
      };
    default:
      return { key: (sql) => sql, back: (sql) => sql };
  }
}
