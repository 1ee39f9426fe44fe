import { createHash } from 'node:crypto';
import type { SqlValue } from '@rapport/conditions';
import type { RowPlan } from './plan.ts';

/**
 * An aggregate function in the text of a value, of which a customer's result can be kept and brought up to date by the
 * rows that came into its window and left it, without the rows in between.
 */
export interface StateCall {
  readonly text: string;
  readonly kind: 'count' | 'sum' | 'bag' | 'latest' | 'last' | 'most' | 'least';
  /** What is aggregated, or '' for a count. */
  readonly argument: string;
  readonly condition: string;
  /** Warehouse type of the kept state. */
  readonly type: string;
}

/** A state that stands in a table of values: what it is, and how to read it there. */
export interface StateColumn {
  /** Says what is aggregated over which rows of which kind of window, and stays the same from day to day. */
  readonly name: string;
  /** Expression over the table; mostly the name, or the value of a tag that says as much. */
  readonly sql: string;
}

const FUNCTIONS =
  /\b(count|sum|min|max|avg|uniqExact|sumMap|groupArray|groupUniqArray|argMin|argMax|quantileExact)If\(/g;
/** Element types of kept multisets and last values, by what the property is. */
const ELEMENTS: Readonly<Record<string, string>> = { text: 'String', money: 'Int64' };

/** The aggregates of a value; `undefined` when one of them cannot be kept up to date. */
export function stateCalls(value: string, plan: RowPlan): StateCall[] | undefined {
  const calls = new Map<string, StateCall>();
  for (const match of value.matchAll(FUNCTIONS)) {
    const open = match.index + match[0].length;
    const args = argumentsFrom(value, open);
    if (!args) return undefined;
    const text = value.slice(match.index, args.end);
    if (calls.has(text)) continue;
    const [first = '', second] = args.parts;
    const call = callOf(match[1] ?? '', first, second, plan);
    if (!call) return undefined;
    calls.set(text, { text, ...call });
  }
  return calls.size === 0 ? undefined : [...calls.values()];
}

function callOf(
  name: string,
  first: string,
  second: string | undefined,
  plan: RowPlan,
): Omit<StateCall, 'text'> | undefined {
  if (name === 'count')
    return second === undefined
      ? { kind: 'count', argument: '', condition: first, type: 'Int64' }
      : undefined;
  if (second === undefined) return undefined;
  const element = ELEMENTS[plan.fused?.property ?? ''];
  if (name === 'sum') return { kind: 'sum', argument: first, condition: second, type: 'Int64' };
  if (name === 'uniqExact' && element !== undefined)
    return { kind: 'bag', argument: first, condition: second, type: `Map(${element}, Int64)` };
  if (name === 'sumMap' && element !== undefined) {
    const key = /^map\((.*), toUInt64\(1\)\)$/s.exec(first)?.[1];
    return key === undefined
      ? undefined
      : { kind: 'bag', argument: key, condition: second, type: `Map(${element}, Int64)` };
  }
  if (/^toNullable\(\w+_minor\)$/.test(first) && (name === 'max' || name === 'min'))
    return {
      kind: name === 'max' ? 'most' : 'least',
      argument: first,
      condition: second,
      type: 'Tuple(UInt8, Int64)',
    };
  if (name !== 'max') return undefined;
  if (first === 'toNullable(at)' || first === '(at)')
    return { kind: 'latest', argument: first, condition: second, type: 'Tuple(UInt8, Int64)' };
  return element !== undefined && first.startsWith('tuple(toUnixTimestamp64Milli(')
    ? { kind: 'last', argument: first, condition: second, type: `Tuple(UInt8, Int64, UInt8, ${element})` }
    : undefined;
}

/** The arguments of a call that opened just before `start`, and where it ends. */
function argumentsFrom(text: string, start: number): { parts: string[]; end: number } | undefined {
  const parts: string[] = [];
  let depth = 1;
  let from = start;
  for (let at = start; at < text.length; at++) {
    const letter = text[at];
    if (letter === "'") {
      for (at++; at < text.length && text[at] !== "'"; at++) if (text[at] === '\\') at++;
    } else if (letter === '(' || letter === '[' || letter === '{') depth++;
    else if (letter === ')' || letter === ']' || letter === '}') depth--;
    else if (letter === ',' && depth === 1) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
    if (depth === 0) return { parts: [...parts, text.slice(from, at).trim()], end: at + 1 };
  }
  return undefined;
}

/** Warehouse type of what came and went: of extremes both are kept apart. */
export const changeType = ({ kind, type }: StateCall): string =>
  kind === 'most' || kind === 'least' ? `Tuple(${type}, ${type})` : type;

/** An extreme with whether there is one; the least is the greatest of the negative ones. */
const extremeSql = (kind: StateCall['kind'], argument: string): string =>
  `tuple(toUInt8(1), ${kind === 'least' ? '-' : ''}assumeNotNull(${argument}))`;

/** The state over the rows of a window, as it is kept. */
export function stateSql({ kind, text, argument, condition }: StateCall): string {
  switch (kind) {
    case 'count':
      return `toInt64(${text})`;
    case 'sum':
      return `toInt64(${text})`;
    case 'bag':
      return `sumMapIf(map(${argument}, toInt64(1)), ${condition})`;
    case 'latest':
      return `maxIf(tuple(toUInt8(1), toUnixTimestamp64Milli(assumeNotNull(${argument}))), ${condition})`;
    case 'last':
      return `maxIf(tuple(toUInt8(1), ${argument.slice('tuple('.length)}, ${condition})`;
    case 'most':
    case 'least':
      return `maxIf(${extremeSql(kind, argument)}, ${condition})`;
  }
}

/**
 * What rows that came and went do to a state.
 * @param weight  column that says of a row: 1 = it came into the window, −1 = it left it, 0 = neither
 */
export function changeSql({ kind, argument, condition }: StateCall, weight: string): string {
  switch (kind) {
    case 'count':
      return `sumIf(toInt64(${weight}), ${condition})`;
    case 'sum':
      return `sumIf(toInt64(${argument}) * ${weight}, ${condition})`;
    case 'bag':
      return `sumMapIf(map(${argument}, toInt64(${weight})), ${condition})`;
    case 'latest':
      return `maxIf(tuple(toUInt8(1), toUnixTimestamp64Milli(assumeNotNull(${argument}))), ${condition} AND ${weight} > 0)`;
    case 'last':
      return `maxIf(tuple(toUInt8(1), ${argument.slice('tuple('.length)}, ${condition} AND ${weight} > 0)`;
    case 'most':
    case 'least': {
      const value = extremeSql(kind, argument);
      return `tuple(maxIf(${value}, ${condition} AND ${weight} > 0), maxIf(${value}, ${condition} AND ${weight} < 0))`;
    }
  }
}

/** When a change leaves open what the state is: the extreme itself went, and rows in between would have to tell. */
export const doubtSql = ({ kind }: StateCall, before: string, change: string): string | undefined =>
  kind === 'most' || kind === 'least' ? `(${change}.2.1 = 1 AND ${change}.2 >= ${before})` : undefined;

/**
 * A state brought up to date.
 * @param start  milliseconds that the window begins after; a last row that is not after it has left the window, and
 *   all rows before it too
 */
export function mergedSql(
  { kind, type }: StateCall,
  before: string,
  change: string,
  start: number | undefined,
): string {
  switch (kind) {
    case 'count':
    case 'sum':
      return `${before} + ${change}`;
    case 'bag':
      return `mapFilter((k, v) -> v != 0, mapAdd(${before}, ${change}))`;
    case 'latest':
    case 'last': {
      const kept =
        start === undefined
          ? before
          : `if(${before}.2 > ${start}, ${before}, defaultValueOfTypeName('${type}'))`;
      return `if(${change} > ${kept}, ${change}, ${kept})`;
    }
    case 'most':
    case 'least':
      return `if(${change}.1 > ${before}, ${change}.1, ${before})`;
  }
}

/** What stands in the text of a value in place of the aggregate, given the kept state. */
export function finishedSql({ kind, argument, text }: StateCall, state: string): string {
  switch (kind) {
    case 'count':
    case 'sum':
      return state;
    case 'bag':
      return text.startsWith('uniqExactIf(') ? `length(${state})` : state;
    case 'latest': {
      const at = `fromUnixTimestamp64Milli(${state}.2, 'UTC')`;
      return argument === '(at)' ? at : `if(${state}.1 = 1, ${at}, NULL)`;
    }
    case 'last':
      return `tuple(${state}.2, ${state}.3, ${state}.4)`;
    case 'most':
    case 'least':
      return `if(${state}.1 = 1, ${kind === 'least' ? '-' : ''}${state}.2, NULL)`;
  }
}

/** The value of a tag over kept states. */
export const valueOverStates = (
  value: string,
  calls: readonly StateCall[],
  columns: readonly string[],
): string =>
  calls.reduce(
    (text, call, at) => text.replaceAll(call.text, finishedSql(call, columns[at] ?? 'NULL')),
    value,
  );

/** States by names that do not change with the day; the order is that of the calls in every text of the value. */
export function stateNames(plan: RowPlan): { readonly name: string; readonly frame: number }[] | undefined {
  const { fused } = plan;
  if (!fused) return undefined;
  const calls = stateCalls(
    withoutSureTests(
      fused.value((frame) => `__m${fused.frames.indexOf(frame)}`),
      plan.base,
    ),
    plan,
  );
  return calls?.map(({ kind, argument, condition, type }) => ({
    name: `s_${createHash('sha256')
      .update(JSON.stringify([kind, argument, condition, type, fused.filter, used(plan), fused.timing]))
      .digest('hex')
      .slice(0, 24)}`,
    frame: Number(/__m(\d+)/.exec(condition)?.[1] ?? 0),
  }));
}

const used = ({ params }: RowPlan): readonly (readonly [string, SqlValue])[] =>
  Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Columns that are known in every row: asking a row whether it knows them would be one more mask a window. */
const SURE: Readonly<Record<string, readonly string[]>> = {
  statistical_transaction: ['amount_minor', 'at'],
  statistical_event: ['at'],
};

export const withoutSureTests = (value: string, base: string): string =>
  (SURE[base] ?? []).reduce(
    (text, column) =>
      text.replaceAll(new RegExp(`\\((__m\\d+) AND toNullable\\(${column}\\) IS NOT NULL\\)`, 'g'), '$1'),
    value,
  );
