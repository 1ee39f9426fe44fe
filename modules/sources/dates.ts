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
  hh: '(?:[01][0-9]|2[0-3])',
  h: '(?:[01]?[0-9]|2[0-3])',
  mm: '[0-5][0-9]',
  ss: '[0-5][0-9]',
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

/**
 * SQL of the text brought into ISO form by the first format that fits, '' where none does: a day as `YYYY-MM-DD`, an
 * instant as `YYYY-MM-DD hh:mm:ss.SSS` followed by its offset, if it has one. Whether there is such a day or time is
 * for `daySql` and `instantSql` to say; the two steps are apart so that the text is worked out only once.
 */
export function isoText(text: string, type: 'date' | 'instant', settings: DateSettings): string {
  const readings = settings.formats.map((format) => readingOf(text, format, type, settings));
  return `multiIf(${readings.map((reading) => `${reading.fits}, ${reading.iso}`).join(', ')}, '')`;
}

/** SQL of a calendar day out of ISO text: `Nullable(Date32)`, NULL where there is no such day (30 February). */
export function daySql(iso: string): string {
  return `if(toString(toDate32OrZero(${iso})) = ${iso}, toDate32OrNull(${iso}), NULL)`;
}

/**
 * SQL of an instant out of ISO text: `Nullable(DateTime64(3, 'UTC'))`, NULL where there is no such day or time, or
 * where the zone's clocks skipped it. Of a local time that occurs twice, the engine takes one.
 */
export function instantSql(iso: string, zone: string): string {
  const base = `substring(${iso}, 1, 23)`;
  const offset = `substring(${iso}, 24)`;
  const at = (name: string): string => `toDateTime64OrZero(${base}, 3, ${sqlText(name)})`;
  const hours = `toInt32OrZero(substring(${offset}, 2, 2))`;
  const minutes = `toInt32OrZero(substring(${offset}, -2))`;
  const seconds = `if(length(${offset}) < 2, 0, (${hours} * 3600 + ${minutes} * 60) * if(startsWith(${offset}, '-'), -1, 1))`;
  return `multiIf(${iso} = '' OR ${hours} > 14 OR ${minutes} > 59, NULL, ${offset} = '', if(toString(${at(zone)}) = ${base}, toTimeZone(${at(zone)}, 'UTC'), NULL), toString(${at('UTC')}) = ${base}, ${at('UTC')} - toIntervalSecond(${seconds}), NULL)`;
}

interface Reading {
  /** Condition on the text. */
  readonly fits: string;
  /** What it says, in ISO form. */
  readonly iso: string;
}

function readingOf(text: string, format: string, type: 'date' | 'instant', settings: DateSettings): Reading {
  if (format === 'epoch_s' || format === 'epoch_ms') {
    const [digits, factor] = format === 'epoch_s' ? [10, 1000] : [13, 1];
    const at = `fromUnixTimestamp64Milli(toInt64OrZero(${text}) * ${factor}, 'UTC')`;
    return { fits: `match(${text}, '^-?[0-9]{1,${digits}}$')`, iso: `concat(toString(${at}), 'Z')` };
  }
  if (format === 'ISO' && type === 'instant') return isoInstant(text);
  const source = createParts(text, format === 'ISO' ? 'YYYY-MM-DD' : format);
  const part = (absent: string, ...tokens: Token[]): string => source.part(...tokens) ?? `'${absent}'`;
  const short = source.part('YY');
  const year = short === undefined ? part('', 'YYYY') : fullYear(short, settings.centuryFrom);
  const day = `${year}, '-', ${part('01', 'MM', 'M')}, '-', ${part('01', 'DD', 'D')}`;
  if (type === 'date') return { fits: source.fits, iso: `concat(${day})` };
  const clock = `${part('00', 'hh', 'h')}, ':', ${part('00', 'mm')}, ':', ${part('00', 'ss')}, '.', ${part('000', 'SSS')}`;
  return { fits: source.fits, iso: `concat(${day}, ' ', ${clock}, ${part('', 'Z')})` };
}

function fullYear(short: string, centuryFrom: number): string {
  const century = Math.floor(centuryFrom / 100);
  const pivot = String(centuryFrom % 100).padStart(2, '0');
  if (pivot === '00') return `'${century}', ${short}`;
  return `if(${short} >= '${pivot}', '${century}', '${century + 1}'), ${short}`;
}

/** RFC 3339 with its usual freedoms: `T` or a blank; time, seconds, fraction and offset may be absent. */
function isoInstant(text: string): Reading {
  const day = '[0-9]{4}-[0-9]{2}-[0-9]{2}';
  const time = '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?';
  const shape = `^${day}(?:[Tt ]${time} ?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?$`;
  const clock = `if(length(${text}) > 10, substring(${text}, 12, 5), '00:00')`;
  const seconds = `if(substring(${text}, 17, 1) = ':', substring(${text}, 18, 2), '00')`;
  const fraction = `substring(concat(extract(${text}, '[.,]([0-9]+)'), '000'), 1, 3)`;
  const offset = `upper(extract(substring(${text}, 17), '([Zz]|[+-][0-9]{2}:?[0-9]{2})$'))`;
  return {
    fits: `match(${text}, ${sqlText(shape)})`,
    iso: `concat(substring(${text}, 1, 10), ' ', ${clock}, ':', ${seconds}, '.', ${fraction}, ${offset})`,
  };
}

interface Parts {
  readonly fits: string;
  /** Text of the first of the tokens that the format has, months and days in two digits. */
  part(...tokens: Token[]): string | undefined;
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
        const found = `extract(${text}, ${sqlText(`^${grouped}$`)})`;
        return token === 'M' || token === 'D' || token === 'h' ? `leftPad(${found}, 2, '0')` : found;
      }
      const width: number | undefined =
        'token' in part ? WIDTHS[part.token] : Buffer.byteLength(part.literal);
      position = position === undefined || width === undefined ? undefined : position + width;
    }
    return undefined;
  };
  return {
    fits: `match(${text}, ${sqlText(`^${shape}$`)})`,
    part(...tokens) {
      for (const token of tokens) {
        const found = find(token);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
