import { type Duration, type EpochMs, parseDuration, shiftInstant } from '@rapport/kernel';
import type { ValueType } from './catalog.ts';
import type { AggregateName, Operator, Value } from './condition.ts';
import {
  anniversaryKeys,
  compareText,
  DAY_MS,
  dayOf,
  FIRST_DAY,
  FIRST_INSTANT,
  LAST_DAY,
  LAST_INSTANT,
  monthDayOf,
  parseInstant,
  type TagValue,
} from './values.ts';

const ORDERED: readonly Operator[] = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'not in',
  'between',
  'known',
  'unknown',
];
const TIME: readonly Operator[] = [
  ...ORDERED,
  'before',
  'after',
  'in last',
  'in next',
  'anniversary in next',
];

/** Operators each value type takes. */
export const OPERATORS_OF: Readonly<Record<ValueType, readonly Operator[]>> = {
  text: [...ORDERED, 'contains', 'starts with'],
  number: ORDERED,
  money: ORDERED,
  boolean: ['=', '!=', 'known', 'unknown'],
  date: TIME,
  instant: TIME,
  list: ['contains', 'known', 'unknown'],
};

/** Aggregates each property type takes, beside `count`. */
export const AGGREGATES_OF: Readonly<Record<ValueType, readonly Exclude<AggregateName, 'count'>[]>> = {
  text: ['min', 'max', 'last', 'distinct'],
  number: ['sum', 'avg', 'min', 'max', 'last', 'distinct'],
  money: ['sum', 'avg', 'min', 'max', 'last', 'distinct'],
  boolean: ['last', 'distinct'],
  date: ['min', 'max', 'last', 'distinct'],
  instant: ['min', 'max', 'last', 'distinct'],
  list: [],
};

/** What an operator takes as its value. */
export type OperandKind = 'none' | 'one' | 'many' | 'pair' | 'duration';

export function operandKind(op: Operator): OperandKind {
  switch (op) {
    case 'known':
    case 'unknown':
      return 'none';
    case 'in':
    case 'not in':
      return 'many';
    case 'between':
      return 'pair';
    case 'in last':
    case 'in next':
    case 'anniversary in next':
      return 'duration';
    default:
      return 'one';
  }
}

/**
 * The type an aggregate answers: `count` and `distinct` are numbers; a mean of money need not be a whole minor unit,
 * so it is a number too (of minor units).
 */
export function aggregateType(name: AggregateName, propertyType: ValueType): ValueType {
  if (name === 'count' || name === 'distinct') return 'number';
  return name === 'avg' ? 'number' : propertyType;
}

/** Longest window: a hundred years, a month taken as 31 days. */
export const MAX_DURATION_DAYS = 37_200;

/** A duration of the language: positive, at most a hundred years. */
export function readDuration(text: string): Duration | undefined {
  const duration = parseDuration(text);
  if (!duration) return undefined;
  const days = duration.months * 31 + duration.days + duration.ms / DAY_MS;
  return days > 0 && days <= MAX_DURATION_DAYS ? duration : undefined;
}

/** A value as it is compared: text, double, minor units, 0/1, `YYYY-MM-DD` or epoch milliseconds. */
export type Operand = string | number;

/** An operator with its value, free of `now`: what both readers implement, and nothing else. */
export type Comparison =
  | { readonly test: 'known' | 'unknown' }
  | { readonly test: '=' | '!=' | '<' | '<=' | '>' | '>='; readonly operand: Operand }
  | { readonly test: 'in' | 'not in'; readonly operands: readonly Operand[] }
  /** Half-open; an absent end is open. */
  | { readonly test: 'range'; readonly from?: Operand; readonly to?: Operand }
  | { readonly test: 'contains' | 'starts with'; readonly operand: string }
  | { readonly test: 'anniversary'; readonly monthDays: ReadonlySet<number> };

/** Whether a comparison depends on the instant of the evaluation. */
export const isRelative = (op: Operator): boolean => operandKind(op) === 'duration';

/**
 * Turns an operator and its (checked) value into a comparison as of an instant. `in last` is `(now − d, now]` and
 * `in next` is `[now, now + d)`; of dates the same in whole calendar days of UTC, today being inside both.
 */
export function comparisonOf(
  type: ValueType,
  op: Operator,
  value: Value | undefined,
  now: EpochMs,
): Comparison {
  switch (op) {
    case 'known':
    case 'unknown':
      return { test: op };
    case '=':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { test: op, operand: operandOf(type, value) };
    case 'before':
      return { test: '<', operand: operandOf(type, value) };
    case 'after':
      return { test: '>', operand: operandOf(type, value) };
    case 'in':
    case 'not in':
      return { test: op, operands: listOf(value).map((item) => operandOf(type, item)) };
    case 'between': {
      const [from, to] = listOf(value);
      return { test: 'range', from: operandOf(type, from), to: operandOf(type, to) };
    }
    case 'contains':
    case 'starts with':
      return { test: op, operand: String(value) };
    case 'in last':
      return window(type, value, now, -1);
    case 'in next':
      return window(type, value, now, 1);
    case 'anniversary in next': {
      const { start, end } = dayWindow(durationOf(value), now);
      return { test: 'anniversary', monthDays: anniversaryKeys(start, end - start) };
    }
  }
}

function window(type: ValueType, value: Value | undefined, now: EpochMs, direction: 1 | -1): Comparison {
  const duration = durationOf(value);
  if (type === 'date') {
    const today = Math.floor(now / DAY_MS) * DAY_MS;
    const edge = shiftInstant(today, duration, direction);
    return direction === 1 ? dayRange(today, edge) : dayRange(edge + DAY_MS, today + DAY_MS);
  }
  const edge = shiftInstant(now, duration, direction);
  return direction === 1 ? instantRange(now, edge) : instantRange(edge + 1, now + 1);
}

function dayWindow(duration: Duration, now: EpochMs): { start: number; end: number } {
  const start = Math.floor(now / DAY_MS);
  return { start, end: Math.ceil(shiftInstant(start * DAY_MS, duration, 1) / DAY_MS) };
}

/** `[from, to)` in days, without the ends that lie outside what a date can be. */
function dayRange(from: EpochMs, to: EpochMs): Comparison {
  const first = dayOf(from);
  const end = dayOf(to);
  return {
    test: 'range',
    ...(from >= FIRST_INSTANT && first >= FIRST_DAY ? { from: first } : {}),
    ...(to <= LAST_INSTANT && end <= LAST_DAY ? { to: end } : {}),
  };
}

export function instantRange(from: EpochMs, to: EpochMs): Comparison {
  return {
    test: 'range',
    ...(from >= FIRST_INSTANT ? { from } : {}),
    ...(to <= LAST_INSTANT ? { to } : {}),
  };
}

/** A duration that has been checked; the empty one stands for text that is not, and gives an empty window. */
function durationOf(value: Value | undefined): Duration {
  return (typeof value === 'string' ? readDuration(value) : undefined) ?? { months: 0, days: 0, ms: 0 };
}

const listOf = (value: Value | undefined): readonly (string | number | boolean)[] =>
  typeof value === 'object' ? value : [];

function operandOf(type: ValueType, value: Value | undefined): Operand {
  if (type === 'boolean') return value === true ? 1 : 0;
  if (type === 'instant') return (typeof value === 'string' ? parseInstant(value) : undefined) ?? Number.NaN;
  // Adding zero turns −0 into 0: hash sets of the warehouse tell them apart.
  return typeof value === 'number' ? value + 0 : String(value);
}

/**
 * An operator with its value as of an instant, for readers that keep customers by value: what holds is asked of each
 * distinct value once, by the very test of the predicate.
 */
export interface ValueDecision {
  /** Whether it holds where the value is unknown; it then holds for no known value (`unknown`). */
  readonly isUnknown: boolean;
  /** Whether it holds for every known value (`known`). */
  readonly isKnown: boolean;
  /** Tests a known value by its key; of lists, one member. */
  holds(key: number | string): boolean;
  /**
   * The keys at which the answer can change: it is the same for all keys between two neighbours of these. `undefined`
   * where it can change anywhere.
   */
  readonly points: readonly number[] | undefined;
  /** Names the decision among all of the same type: equal ones decide alike, whatever instant they were made for. */
  readonly name: string;
}

/** Decides an operator over keys (`keySql`) of a type. */
export function decideValues(
  type: ValueType,
  op: Operator,
  value: Value | undefined,
  now: EpochMs,
): ValueDecision {
  const comparison = comparisonOf(type, op, value, now);
  const test =
    comparison.test === 'contains' && type === 'list'
      ? (seen: TagValue | bigint) => seen === comparison.operand
      : valueTest(type, comparison);
  return {
    isUnknown: comparison.test === 'unknown',
    isKnown: comparison.test === 'known',
    holds: (key) => test(valueOfKey(type, key)),
    points: pointsOf(type, comparison),
    name: JSON.stringify(comparison, (_, part: unknown) => (part instanceof Set ? [...part] : part)),
  };
}

function pointsOf(type: ValueType, comparison: Comparison): readonly number[] | undefined {
  const keyOf = (operand: Operand): number =>
    type === 'date' ? Date.parse(String(operand)) / DAY_MS : Number(operand);
  switch (comparison.test) {
    case 'known':
    case 'unknown':
      return [];
    case 'in':
    case 'not in':
      return comparison.operands.map(keyOf);
    case 'range':
      return [comparison.from, comparison.to].flatMap((end) => (end === undefined ? [] : [keyOf(end)]));
    case 'contains':
    case 'starts with':
    case 'anniversary':
      return undefined;
    default:
      return [keyOf(comparison.operand)];
  }
}

/**
 * A value by its key: text and members of lists are their own, dates are days and instants milliseconds since 1970,
 * booleans 0 and 1. Keys are in the order of the values.
 */
export function valueOfKey(type: ValueType, key: number | string): TagValue {
  switch (type) {
    case 'boolean':
      return key === 1;
    case 'date':
      return dayOf(Number(key) * DAY_MS);
    default:
      return key;
  }
}

/* ── the predicate's half ────────────────────────────────────────────────────────────────────────────── */

/** Tests a known value; unknown is for the caller. */
export type ValueTest = (value: TagValue | bigint) => boolean;

/** The test of a comparison over known values of a type (`known` and `unknown` never get here). */
export function valueTest(type: ValueType, comparison: Comparison): ValueTest {
  switch (comparison.test) {
    case 'known':
      return () => true;
    case 'unknown':
      return () => false;
    case 'in':
    case 'not in': {
      const members = new Set<unknown>(comparison.operands);
      const wanted = comparison.test === 'in';
      return (value) => members.has(normal(value)) === wanted;
    }
    case 'contains': {
      const { operand } = comparison;
      if (type === 'list') return (value) => typeof value === 'object' && value.includes(operand);
      return (value) => typeof value === 'string' && value.includes(operand);
    }
    case 'starts with': {
      const { operand } = comparison;
      return (value) => typeof value === 'string' && value.startsWith(operand);
    }
    case 'anniversary': {
      const { monthDays } = comparison;
      return type === 'date'
        ? (value) => typeof value === 'string' && monthDays.has(monthDayOf(value))
        : (value) => typeof value === 'number' && monthDays.has(monthDayOf(dayOf(value)));
    }
    case 'range': {
      const { from, to } = comparison;
      return (value) =>
        (from === undefined || compare(value, from) >= 0) && (to === undefined || compare(value, to) < 0);
    }
    case '=': {
      const { operand } = comparison;
      return (value) => compare(value, operand) === 0;
    }
    case '!=': {
      const { operand } = comparison;
      return (value) => compare(value, operand) !== 0;
    }
    case '<': {
      const { operand } = comparison;
      return (value) => compare(value, operand) < 0;
    }
    case '<=': {
      const { operand } = comparison;
      return (value) => compare(value, operand) <= 0;
    }
    case '>': {
      const { operand } = comparison;
      return (value) => compare(value, operand) > 0;
    }
    case '>=': {
      const { operand } = comparison;
      return (value) => compare(value, operand) >= 0;
    }
  }
}

const normal = (value: TagValue | bigint): unknown =>
  typeof value === 'boolean' ? (value ? 1 : 0) : typeof value === 'bigint' ? Number(value) : value;

/** Negative, zero or positive; NaN for kinds that do not compare, which makes every test false but `!=`. */
function compare(value: TagValue | bigint, operand: Operand): number {
  if (typeof operand === 'string')
    return typeof value === 'string' ? compareText(value, operand) : Number.NaN;
  if (typeof value === 'boolean') return Number(value) - operand;
  if (typeof value === 'number' || typeof value === 'bigint')
    return value < operand ? -1 : value > operand ? 1 : 0;
  return Number.NaN;
}
