import type { EpochMs } from '@rapport/kernel';
import type { ValueType } from './catalog.ts';

/**
 * A known value: text, number, money (minor units) and boolean as they are, a date as `YYYY-MM-DD`, an instant as
 * epoch milliseconds, a list as an array of texts.
 */
export type TagValue = string | number | boolean | readonly string[];

export const DAY_MS = 86_400_000;
/** What the warehouse's `Date32` and `DateTime64(3)` can hold; a value outside is unknown to both readers. */
export const FIRST_DAY = '1900-01-01';
export const LAST_DAY = '2299-12-31';
export const FIRST_INSTANT: EpochMs = Date.UTC(1900, 0, 1);
export const LAST_INSTANT: EpochMs = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?\d{1,16}$/;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;

/**
 * Reads a raw value (from an event's JSON, a hot profile, a warehouse row) as one of the language's types; anything
 * that is not of the type is unknown, `undefined`. Text in a warehouse map is read the same by `propertySql`.
 */
export function readValue(type: ValueType, raw: unknown): TagValue | undefined {
  switch (type) {
    case 'text':
      return typeof raw === 'string'
        ? raw === ''
          ? undefined
          : raw
        : typeof raw === 'number' || typeof raw === 'boolean'
          ? String(raw)
          : undefined;
    case 'number':
      return readNumber(raw);
    case 'money': {
      const amount = typeof raw === 'string' && INTEGER.test(raw) ? Number(raw) : raw;
      return typeof amount === 'number' && Number.isSafeInteger(amount) ? amount + 0 : undefined;
    }
    case 'boolean':
      if (typeof raw === 'boolean') return raw;
      if (raw === 'true' || raw === '1' || raw === 1) return true;
      return raw === 'false' || raw === '0' || raw === 0 ? false : undefined;
    case 'date':
      return typeof raw === 'string' && isDay(raw) ? raw : undefined;
    case 'instant':
      return readInstant(raw);
    case 'list':
      return Array.isArray(raw) ? readList(raw) : typeof raw === 'string' ? readListText(raw) : undefined;
  }
}

function readNumber(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && NUMBER.test(raw) ? Number(raw) : raw;
  // Adding zero turns −0 into 0, as the warehouse expression does.
  return typeof value === 'number' && Number.isFinite(value) ? value + 0 : undefined;
}

function readInstant(raw: unknown): EpochMs | undefined {
  const at = typeof raw === 'string' ? parseInstant(raw) : raw;
  return typeof at === 'number' && at >= FIRST_INSTANT && at <= LAST_INSTANT ? Math.floor(at) : undefined;
}

function readList(raw: readonly unknown[]): readonly string[] | undefined {
  const texts = raw.filter((item) => typeof item === 'string');
  return texts.length > 0 ? texts : undefined;
}

function readListText(raw: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(raw);
    return Array.isArray(parsed) ? readList(parsed) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether text is a real calendar day, `YYYY-MM-DD`, that the warehouse can hold. */
export function isDay(text: string): boolean {
  const match = DAY.exec(text);
  if (!match || text < FIRST_DAY || text > LAST_DAY) return false;
  const month = Number(match[2]);
  const day = Number(match[3]);
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(Number(match[1]), month);
}

/** An RFC 3339 instant with its offset, cut to milliseconds; `undefined` when the text is not one. */
export function parseInstant(text: string): EpochMs | undefined {
  if (!INSTANT.test(text) || !isDay(text.slice(0, 10))) return undefined;
  // Digits after the third are cut before parsing, so that every engine cuts the same way.
  const at = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));
  return at >= FIRST_INSTANT && at <= LAST_INSTANT ? at : undefined;
}

const isLeapYear = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const daysInMonth = (year: number, month: number): number =>
  month === 2 && isLeapYear(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);

/** The calendar day of an instant in UTC. */
export const dayOf = (at: EpochMs): string => new Date(at).toISOString().slice(0, 10);

/**
 * The month-days (`MMDD` as a number) whose anniversary falls on one of the days `[from, from + days)`; 29 February
 * has its anniversary on 28 February in years without one.
 */
export function anniversaryKeys(fromDayNumber: number, days: number): ReadonlySet<number> {
  const keys = new Set<number>();
  for (let ahead = 0; ahead < Math.min(days, 366); ahead++) {
    const date = new Date((fromDayNumber + ahead) * DAY_MS);
    const key = (date.getUTCMonth() + 1) * 100 + date.getUTCDate();
    keys.add(key);
    if (key === 228 && !isLeapYear(date.getUTCFullYear())) keys.add(229);
  }
  return keys;
}

/** The month and day of a date as `MMDD`. */
export const monthDayOf = (day: string): number => Number(day.slice(5, 7)) * 100 + Number(day.slice(8, 10));

/**
 * Compares by Unicode code points, as UTF-8 bytes compare in the warehouse. JavaScript's own `<` compares UTF-16
 * units, which puts U+FFxx after U+1F600.
 */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Moves surrogates (U+10000 and above) behind the rest of the basic plane. */
const codePointRank = (unit: number): number =>
  unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;

/**
 * A warehouse expression that reads a text expression (of a `Map(…, String)`, `''` when absent) as a type, NULL when
 * unknown; the same texts are known to it as to `readValue`.
 */
export function propertySql(type: ValueType, textExpression: string): string {
  const text = `toString(${textExpression})`;
  switch (type) {
    case 'text':
      return `nullIf(${text}, '')`;
    case 'number':
      return `if(match(${text}, '^[+-]?[0-9]+(\\\\.[0-9]+)?([eE][+-]?[0-9]+)?$'), toFloat64OrNull(${text}), NULL)`;
    case 'money':
      return `if(match(${text}, '^-?[0-9]{1,16}$') AND abs(toInt64OrZero(${text})) <= 9007199254740991, toInt64OrNull(${text}), NULL)`;
    case 'boolean':
      return `multiIf(${text} IN ('true', '1'), toNullable(toUInt8(1)), ${text} IN ('false', '0'), toNullable(toUInt8(0)), NULL)`;
    case 'date':
      return `if(match(${text}, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$') AND toString(toDate32OrZero(${text})) = ${text}, toDate32OrNull(${text}), NULL)`;
    case 'instant': {
      const day = `substring(${text}, 1, 10)`;
      const shape =
        '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$';
      return `if(match(${text}, '${shape}') AND toString(toDate32OrZero(${day})) = ${day}, parseDateTime64BestEffortOrNull(replaceRegexpOne(${text}, '(\\\\.[0-9]{3})[0-9]+', '\\\\1'), 3, 'UTC'), NULL)`;
    }
    case 'list':
      // The parts that are texts; the engine's own conversion would also take numbers for texts.
      return `arrayMap(item -> JSONExtractString(item), arrayFilter(item -> startsWith(item, '"'), JSONExtractArrayRaw(${text})))`;
  }
}
