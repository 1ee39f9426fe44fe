import type { ProblemFault } from '@rapport/kernel';
import { CALENDAR_FUNCTIONS, type CalendarFunction } from './calendar-functions.ts';

/** What the names in an expression stand for. */
export interface ExpressionScope {
  /** SQL of a name, or `undefined` when there is no such name. */
  name(name: string): string | undefined;
  /** SQL of `map['key']`, or `undefined` when there is no such map. */
  key(map: string, key: string): string | undefined;
  /** What to list when a name is not known. */
  readonly known: readonly string[];
}

export interface CompiledExpression {
  readonly sql: string;
  /** Names used, keys as `map.key`. */
  readonly names: readonly string[];
}

type Token =
  | { readonly kind: 'text' | 'number' | 'word' | 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'wrong'; readonly text: string; readonly at: number };

const TOKEN =
  /\s+|(?<text>'(?:[^'\\]|\\.|'')*')|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_]\w*)|(?<sign><=|>=|!=|<>|[=<>+\-*/%(),[\]])|(?<wrong>.)/gsu;

const KEYWORDS: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'is',
  'null',
  'in',
  'like',
  'between',
  'case',
  'when',
  'then',
  'else',
  'end',
  'true',
  'false',
]);

/** Functions an expression may call, with the engine's name; none reads anything but its arguments. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  abs: 'abs',
  ceil: 'ceil',
  coalesce: 'coalesce',
  concat: 'concat',
  dateDiff: 'dateDiff',
  empty: 'empty',
  endsWith: 'endsWith',
  exp: 'exp',
  floor: 'floor',
  greatest: 'greatest',
  has: 'has',
  if: 'if',
  ifNull: 'ifNull',
  least: 'least',
  length: 'lengthUTF8',
  log: 'log',
  log10: 'log10',
  lower: 'lowerUTF8',
  match: 'match',
  month: 'toMonth',
  multiIf: 'multiIf',
  notEmpty: 'notEmpty',
  nullIf: 'nullIf',
  position: 'positionUTF8',
  pow: 'pow',
  replace: 'replaceAll',
  round: 'round',
  split: 'splitByString',
  sqrt: 'sqrt',
  startsWith: 'startsWith',
  substring: 'substringUTF8',
  toDate: 'toDate32OrNull',
  toInteger: 'toInt64OrNull',
  toNumber: 'toFloat64OrNull',
  toText: 'toString',
  trim: 'trimBoth',
  upper: 'upperUTF8',
  year: 'toYear',
  day: 'toDayOfMonth',
};

/** Whole years, months or days from a day to the instant of the refresh. */
const SINCE: Readonly<Record<string, (argument: string) => string>> = {
  yearsSince: (argument) => `age('year', ${argument}, toDate32({asOf:DateTime64(3, 'UTC')}))`,
  monthsSince: (argument) => `age('month', ${argument}, toDate32({asOf:DateTime64(3, 'UTC')}))`,
  daysSince: (argument) => `dateDiff('day', ${argument}, toDate32({asOf:DateTime64(3, 'UTC')}))`,
};

/** What an expression may call, for documentation and for messages. */
export const EXPRESSION_FUNCTIONS: readonly string[] = [
  ...Object.keys(FUNCTIONS),
  ...Object.keys(SINCE),
  ...Object.keys(CALENDAR_FUNCTIONS),
].toSorted();

/**
 * Turns an expression that a person wrote into SQL. Only literals, operators, the functions of this file and the
 * names of the scope get through, so an expression cannot read another table, another customer or a setting. The
 * SQL may name the parameter `{asOf:DateTime64(3, 'UTC')}`.
 */
export function compileExpression(
  text: string,
  scope: ExpressionScope,
  pointer: string,
): { compiled: CompiledExpression } | { faults: ProblemFault[] } {
  const tokens = tokenize(text);
  const faults: ProblemFault[] = [];
  const names = new Set<string>();
  const parts: string[] = [];
  /** Opened brackets: `(`, `[`, and closing text for the functions that wrap their argument. */
  const open: {
    close: ')' | ']';
    wrap?: (argument: string) => string;
    calendar?: CalendarFunction;
    from: number;
  }[] = [];
  const fault = (token: { at: number }, message: string): void => {
    faults.push({ pointer, message: `${message} (at character ${token.at + 1})` });
  };

  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (!token) break;
    const next = tokens[at + 1];
    if (token.kind === 'wrong') {
      fault(token, `"${token.text}" is not part of the expression language.`);
    } else if (token.kind === 'text') {
      parts.push(requote(token.text));
    } else if (token.kind === 'number') {
      parts.push(token.text);
    } else if (token.kind === 'word') {
      if (next?.text === '(' && !KEYWORDS.has(token.text.toLowerCase())) {
        const wrap = Object.hasOwn(SINCE, token.text) ? SINCE[token.text] : undefined;
        const calendar = Object.hasOwn(CALENDAR_FUNCTIONS, token.text)
          ? CALENDAR_FUNCTIONS[token.text]
          : undefined;
        const name = Object.hasOwn(FUNCTIONS, token.text) ? FUNCTIONS[token.text] : undefined;
        if (wrap) {
          open.push({ close: ')', wrap, from: parts.length });
          at++;
        } else if (calendar) {
          open.push({ close: ')', calendar, from: parts.length });
          at++;
        } else if (name) {
          parts.push(name);
        } else {
          fault(token, `There is no function "${token.text}"; there are ${EXPRESSION_FUNCTIONS.join(', ')}.`);
        }
      } else if (next?.text === '[') {
        const key = tokens[at + 2];
        const end = tokens[at + 3];
        if (key?.kind !== 'text' || end?.text !== ']') {
          fault(next, `Write ${token.text}['name'] with a name in quotes.`);
          return { faults };
        }
        const name = unquote(key.text);
        const sql = scope.key(token.text, name);
        if (sql === undefined) fault(token, `There is no "${token.text}" with keys.`);
        else {
          names.add(`${token.text}.${name}`);
          parts.push(sql);
        }
        at += 3;
      } else if (KEYWORDS.has(token.text.toLowerCase())) {
        parts.push(token.text.toUpperCase());
      } else if (token.text === 'asOf') {
        parts.push("{asOf:DateTime64(3, 'UTC')}");
      } else {
        const sql = scope.name(token.text);
        if (sql === undefined)
          fault(token, `There is no "${token.text}"; there are ${scope.known.slice(0, 40).join(', ')}.`);
        else {
          names.add(token.text);
          parts.push(sql);
        }
      }
    } else if (token.text === '(') {
      open.push({ close: ')', from: parts.length });
      parts.push('(');
    } else if (token.text === '[') {
      fault(token, 'A list is written with "in (…)".');
    } else if (token.text === ')' || token.text === ']') {
      const opened = open.pop();
      if (!opened || opened.close !== token.text) {
        fault(token, `"${token.text}" closes nothing.`);
        return { faults };
      }
      if (opened.wrap) parts.push(opened.wrap(parts.splice(opened.from).join(' ')));
      else if (opened.calendar) {
        const sql = opened.calendar(argumentsOf(parts.splice(opened.from)));
        if (typeof sql === 'string') parts.push(`(${sql})`);
        else fault(token, sql.fault);
      } else parts.push(')');
    } else {
      parts.push(token.text);
    }
  }
  if (open.length > 0) faults.push({ pointer, message: 'A bracket is not closed.' });
  if (parts.length === 0 && faults.length === 0)
    faults.push({ pointer, message: 'The expression is empty.' });
  return faults.length > 0 ? { faults } : { compiled: { sql: `(${parts.join(' ')})`, names: [...names] } };
}

/** The parts between the commas that stand in no bracket. */
function argumentsOf(parts: readonly string[]): string[] {
  const args: string[][] = [[]];
  let depth = 0;
  for (const part of parts) {
    if (part === '(') depth++;
    if (part === ')') depth--;
    if (part === ',' && depth === 0) args.push([]);
    else args.at(-1)?.push(part);
  }
  return args.map((each) => each.join(' ')).filter((each) => each !== '');
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const { groups } = match;
    for (const kind of ['text', 'number', 'word', 'sign', 'wrong'] as const) {
      const found = groups?.[kind];
      if (found !== undefined) tokens.push({ kind, text: found, at: match.index });
    }
  }
  return tokens;
}

function unquote(text: string): string {
  return text.slice(1, -1).replaceAll(/\\(.)|''/gs, (_, escaped: string | undefined) => escaped ?? "'");
}

const requote = (text: string): string => literal(unquote(text));

/** A text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
