import { sqlText } from './sql-text.ts';

type Token = 'YYYY' | 'YY' | 'MM' | 'M' | 'DD' | 'D' | 'hh' | 'h' | 'mm' | 'ss' | 'SSS' | 'Z';

const TOKENS: readonly Token[] = ['YYYY', 'YY', 'MM', 'M', 'DD', 'D', 'hh', 'h', 'mm', 'ss', 'SSS', 'Z'];
const SHAPES: Readonly<Record<Token, string>> = {
  YYYY: '[0-9]{4}',
  YY: '[0-9]{2}',
  MM: '[0-9]{2}',
  M: '[0-9]{1,2}',
  DD: '[0-9]{2}',
  D: '[0-9]{1,2}',
  hh: '[0-9]{2}',
  h: '[0-9]{1,2}',
  mm: '[0-9]{2}',
  ss: '[0-9]{2}',
  SSS: '[0-9]{3}',
  Z: '(?:Z|[+-][0-9]{2}:?[0-9]{2})',
};
const WIDTHS: Partial<Readonly<Record<Token, number>>> = {
  YYYY: 4,
  YY: 2,
  MM: 2,
  DD: 2,
  hh: 2,
  mm: 2,
  ss: 2,
  SSS: 3,
};

type Part = { readonly token: Token } | { readonly literal: string };

/** What a date or instant column says about its texts. */
export interface DateSettings {
  readonly formats: readonly string[];
  readonly centuryFrom: number;
  readonly zone: string;
}

export const NAMED_FORMATS = ['ISO', 'epoch_s', 'epoch_ms'] as const;

/** Whether a format can be used for the type; answers what is wrong with it. */
export function checkFormat(format: string, type: 'date' | 'instant'): string | undefined {
  if (format === 'ISO') return undefined;
  if (format === 'epoch_s' || format === 'epoch_ms') {
    return type === 'instant' ? undefined : `${format} is an instant, not a date`;
  }
  const tokens = parseFormat(format).flatMap((part) => ('token' in part ? [part.token] : []));
  const has = (...of: Token[]): number => tokens.filter((token) => of.includes(token)).length;
  if (has('YYYY', 'YY') !== 1) return `"${format}" needs one of YYYY and YY`;
  if (has('MM', 'M') !== 1) return `"${format}" needs one of MM and M`;
  if (has('DD', 'D') !== 1) return `"${format}" needs one of DD and D`;
  if (new Set(tokens).size !== tokens.length) return `"${format}" names a part twice`;
  const hasTime = has('hh', 'h', 'mm', 'ss', 'SSS', 'Z') > 0;
  if (hasTime && has('hh', 'h') !== 1) return `"${format}" has a time without one of hh and h`;
  return undefined;
}

/** Splits a format into parts; letters that are no token are literals, as is text in `[` `]`. */
export function parseFormat(format: string): Part[] {
  const parts: Part[] = [];
  const literal = (text: string): void => {
    const last = parts.at(-1);
    if (last && 'literal' in last) parts[parts.length - 1] = { literal: last.literal + text };
    else parts.push({ literal: text });
  };
  for (let at = 0; at < format.length; ) {
    if (format[at] === '[') {
      const close = format.indexOf(']', at);
      if (close !== -1) {
        literal(format.slice(at + 1, close));
        at = close + 1;
        continue;
      }
    }
    const token = TOKENS.find((candidate) => format.startsWith(candidate, at));
    if (token) {
      parts.push({ token });
      at += token.length;
    } else {
      literal(format[at] ?? '');
      at++;
    }
  }
  return parts;
}

/** A condition on the text and the value it gives, both SQL; the value is only good when the condition holds. */
interface Reading {
  readonly holds: string;
  readonly value: string;
}

/**
 * SQL of a calendar day: `Nullable(Date32)`, NULL where no format fits or there is no such day (30 February).
 * A format with a time gives the day of the text, whatever the zone.
 */
export function dateSql(text: string, settings: DateSettings): string {
  return firstThatHolds(settings.formats.map((format) => readDate(text, format, settings)));
}

/**
 * SQL of an instant: `Nullable(DateTime64(3, 'UTC'))`, NULL where no format fits, there is no such day or time, or
 * the zone's clocks skipped it. A local time that occurs twice is the engine's choice of the two.
 */
export function instantSql(text: string, settings: DateSettings): string {
  return firstThatHolds(settings.formats.flatMap((format) => readInstant(text, format, settings)));
}

function firstThatHolds(readings: readonly Reading[]): string {
  return `multiIf(${readings.map((reading) => `${reading.holds}, ${reading.value}`).join(', ')}, NULL)`;
}

const ISO_DATE = 'YYYY-MM-DD';
const ISO_INSTANTS = [ISO_DATE, 'YYYY-MM-DD hh:mm', 'YYYY-MM-DD hh:mm:ss'] as const;

function readDate(text: string, format: string, settings: DateSettings): Reading {
  const source = createParts(text, format === 'ISO' ? ISO_DATE : format);
  const day = dayOf(source, settings);
  return {
    holds: `(${[source.matches, day.exists, ...timeConditions(source)].join(' AND ')})`,
    value: day.value,
  };
}

function readInstant(text: string, format: string, settings: DateSettings): Reading[] {
  if (format === 'epoch_s' || format === 'epoch_ms') {
    const factor = format === 'epoch_s' ? '1000' : '1';
    const shape = format === 'epoch_s' ? '^-?[0-9]{1,10}$' : '^-?[0-9]{1,13}$';
    const ms = `ifNull(toInt64OrNull(${text}), 0) * ${factor}`;
    return [{ holds: `match(${text}, '${shape}')`, value: `fromUnixTimestamp64Milli(${ms}, 'UTC')` }];
  }
  if (format !== 'ISO') return [readLocal(text, format, settings)];
  // RFC 3339 with its usual freedoms: `T` or a blank, seconds, fraction and offset may be absent.
  const plain = `replaceRegexpOne(${text}, '^([0-9-]{10})[Tt ]', '\\\\1 ')`;
  const bare = `replaceRegexpOne(${plain}, '(?:[.,][0-9]+)?\\\\s?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?$', '')`;
  const time = `if(length(${text}) > 10, ${bare}, ${text})`;
  const offsetText = `if(length(${text}) > 10, extract(substring(${text}, 11), '([Zz]|[+-][0-9]{2}:?[0-9]{2})$'), '')`;
  const fraction = `extract(${text}, '[.,]([0-9]+)')`;
  const millis = `toInt64OrZero(substring(concat(${fraction}, '000'), 1, 3))`;
  const whole = `match(${text}, '^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?\\\\s?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?$')`;
  return ISO_INSTANTS.map((shape) => {
    const reading = readLocal(time, shape, settings, offsetText);
    return {
      holds: `(${whole} AND ${reading.holds})`,
      value: `(${reading.value} + toIntervalMillisecond(${millis}))`,
    };
  });
}

function readLocal(text: string, format: string, settings: DateSettings, offsetText?: string): Reading {
  const source = createParts(text, format);
  const day = dayOf(source, settings);
  const part = (...tokens: Token[]): string => source.number(...tokens) ?? '0';
  const clock = [part('hh', 'h'), part('mm'), part('ss'), part('SSS')] as const;
  const make = (zone: string): string =>
    `makeDateTime64(${[day.year, day.month, day.day, ...clock].join(', ')}, 3, ${sqlText(zone)})`;
  const local = make(settings.zone);
  const localValue = `toTimeZone(${local}, 'UTC')`;
  // A time that the zone's clocks skipped comes back as another hour.
  const localExists = `(toHour(${local}) = ${clock[0]} AND toMinute(${local}) = ${clock[1]})`;
  const conditions = [source.matches, day.exists, ...timeConditions(source)];
  const offset = offsetText ?? source.text('Z');
  if (offset === undefined) {
    return { holds: `(${[...conditions, localExists].join(' AND ')})`, value: localValue };
  }
  const hours = `toInt32OrZero(substring(${offset}, 2, 2))`;
  const minutes = `toInt32OrZero(substring(${offset}, -2))`;
  const seconds = `if(length(${offset}) < 2, 0, (${hours} * 3600 + ${minutes} * 60) * if(startsWith(${offset}, '-'), -1, 1))`;
  const isAbsent = `${offset} = ''`;
  return {
    holds: `(${conditions.join(' AND ')} AND if(${isAbsent}, ${localExists}, ${hours} <= 14 AND ${minutes} < 60))`,
    value: `if(${isAbsent}, ${localValue}, ${make('UTC')} - toIntervalSecond(${seconds}))`,
  };
}

function timeConditions(source: Parts): string[] {
  const limits: readonly (readonly [Token, number])[] = [
    ['hh', 24],
    ['h', 24],
    ['mm', 60],
    ['ss', 60],
  ];
  return limits.flatMap(([token, limit]) => {
    const value = source.number(token);
    return value === undefined ? [] : [`${value} < ${limit}`];
  });
}

function dayOf(source: Parts, settings: DateSettings) {
  const short = source.number('YY');
  const { centuryFrom } = settings;
  const base = centuryFrom - (centuryFrom % 100);
  const pivot = centuryFrom % 100;
  const year =
    short === undefined
      ? (source.number('YYYY') ?? '0')
      : pivot === 0
        ? `(${base} + ${short})`
        : `(${short} + if(${short} >= ${pivot}, ${base}, ${base + 100}))`;
  const month = source.number('MM', 'M') ?? '0';
  const day = source.number('DD', 'D') ?? '0';
  const isLeap = `((${year} % 4 = 0 AND ${year} % 100 != 0) OR ${year} % 400 = 0)`;
  const days = `multiIf(${month} = 2, if(${isLeap}, 29, 28), ${month} IN (4, 6, 9, 11), 30, 31)`;
  const exists = `(${year} >= 1900 AND ${year} <= 2299 AND ${month} >= 1 AND ${month} <= 12 AND ${day} >= 1 AND ${day} <= ${days})`;
  return { year, month, day, exists, value: `makeDate32(${year}, ${month}, ${day})` };
}

interface Parts {
  readonly matches: string;
  number(...tokens: Token[]): string | undefined;
  text(token: Token): string | undefined;
}

/** Where each part of a format stands: by position where all before it have a fixed width, else by expression. */
function createParts(text: string, format: string): Parts {
  const parts = parseFormat(format);
  const escapeRegex = (literal: string): string => literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const shape = parts
    .map((part) => ('token' in part ? SHAPES[part.token] : escapeRegex(part.literal)))
    .join('');
  const find = (token: Token): string | undefined => {
    let position: number | undefined = 1;
    for (const [index, part] of parts.entries()) {
      if ('token' in part && part.token === token) {
        const width = WIDTHS[token];
        if (position !== undefined && width !== undefined) return `substring(${text}, ${position}, ${width})`;
        const grouped = parts
          .map((other, at) => {
            if (!('token' in other)) return escapeRegex(other.literal);
            return at === index ? `(${SHAPES[other.token]})` : SHAPES[other.token];
          })
          .join('');
        return `extract(${text}, ${sqlText(`^${grouped}$`)})`;
      }
      const width: number | undefined =
        'token' in part ? WIDTHS[part.token] : Buffer.byteLength(part.literal);
      position = position === undefined || width === undefined ? undefined : position + width;
    }
    return undefined;
  };
  return {
    matches: `match(${text}, ${sqlText(`^${shape}$`)})`,
    number(...tokens) {
      for (const token of tokens) {
        const found = find(token);
        if (found !== undefined) return `toInt32OrZero(${found})`;
      }
      return undefined;
    },
    text: find,
  };
}
