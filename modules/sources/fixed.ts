import iconv from 'iconv-lite';
import type { FixedLayout, FullColumn, ManifestTable } from './manifest.schema.ts';

export interface FixedPlace {
  /** From 0. */
  readonly start: number;
  readonly width: number;
  readonly decimals: number;
}

export interface FixedField extends FixedPlace {
  readonly name: string;
  /** Name the field has in the record's JSON. */
  readonly from: string;
  readonly isNumber: boolean;
  readonly sign: 'leading' | 'trailing' | 'overpunch';
}

/** A fixed-width layout with every default filled in. */
export interface FixedRecord {
  readonly unit: 'bytes' | 'characters';
  readonly fields: readonly FixedField[];
  /** Least places a record must have. */
  readonly width: number;
  readonly headerLines: number;
  readonly trailerLines: number;
  readonly type:
    | (FixedPlace & {
        readonly header: string | undefined;
        readonly detail: string | undefined;
        readonly trailer: string | undefined;
      })
    | undefined;
  readonly count: FixedPlace | undefined;
  readonly sums: readonly (FixedPlace & { readonly column: string })[];
}

type Report = (pointer: string, message: string) => void;

/** Where the fields of a table stand. Faults go to `report` with their JSON pointer. */
export function resolveFixed(table: ManifestTable, pointer: string, report: Report): FixedRecord {
  const layout: FixedLayout = table.fixed ?? {};
  let next = 0;
  const fields = Object.entries(table.columns).map(([name, given]): FixedField => {
    const column: FullColumn = typeof given === 'string' ? { type: given } : given;
    const at = `${pointer}/columns/${name}`;
    if (column.width === undefined) report(`${at}/width`, 'a column of a fixed-width file needs its width');
    const start = column.start === undefined ? next : column.start - 1;
    const width = column.width ?? 1;
    next = start + width;
    const isNumber = column.type === 'integer' || column.type === 'number' || column.type === 'money';
    if (!isNumber && (column.decimals !== undefined || column.sign !== undefined)) {
      report(at, `a ${column.type} has no decimals and no sign`);
    }
    if (column.type === 'integer' && (column.decimals ?? 0) > 0) {
      report(`${at}/decimals`, 'an integer has no decimals; use money or number');
    }
    return {
      name,
      from: column.from ?? name,
      start,
      width,
      decimals: column.decimals ?? 0,
      isNumber,
      sign: column.sign ?? 'leading',
    };
  });
  const place = (given: { start: number; width: number; decimals?: number }): FixedPlace => ({
    start: given.start - 1,
    width: given.width,
    decimals: given.decimals ?? 0,
  });
  const { type, controls } = layout;
  const trailerLines = layout.trailerLines ?? 0;
  if (controls && trailerLines === 0 && type?.trailer === undefined) {
    report(
      `${pointer}/fixed/controls`,
      'controls stand in a trailer: set `trailerLines: 1` or `type.trailer`',
    );
  }
  const sums = Object.entries(controls?.sums ?? {}).map(([column, given]) => {
    if (!fields.some((field) => field.name === column && field.isNumber)) {
      report(`${pointer}/fixed/controls/sums/${column}`, `there is no number column "${column}"`);
    }
    return { ...place(given), column };
  });
  return {
    unit: layout.unit ?? 'bytes',
    fields,
    width: Math.max(0, ...fields.map((field) => field.start + field.width)),
    headerLines: layout.headerLines ?? 0,
    trailerLines,
    type: type && {
      ...place(type),
      header: type.header,
      detail: type.detail,
      trailer: type.trailer,
    },
    count: controls?.count && place(controls.count),
    sums,
  };
}

/** Reads places out of one record. */
export interface RecordCutter {
  /** The text at a place; undefined when its bytes are not valid in the encoding. */
  cut(place: FixedPlace): string | undefined;
  /** Places of the record, in the unit of the layout. */
  readonly length: number;
}

/**
 * Cuts a record by bytes of its encoding or by characters. By bytes a field may hold characters of two bytes (GBK,
 * Big5); a field that begins or ends inside one is undecodable.
 */
export function cutterOf(record: Buffer, unit: 'bytes' | 'characters', encoding: string): RecordCutter {
  if (unit === 'bytes') {
    return {
      length: record.length,
      cut: ({ start, width }) => decoded(record.subarray(start, start + width), encoding),
    };
  }
  const characters = [...(decoded(record, encoding) ?? '')];
  const isBad = decoded(record, encoding) === undefined;
  return {
    length: characters.length,
    cut: ({ start, width }) => (isBad ? undefined : characters.slice(start, start + width).join('')),
  };
}

function decoded(bytes: Buffer, encoding: string): string | undefined {
  if (isAscii(bytes) && !/^(utf-?16|utf-?32|ucs-?2)/i.test(encoding)) return bytes.toString('latin1');
  const text = iconv.decode(bytes, encoding, { stripBOM: false });
  return text.includes('\ufffd') ? undefined : text;
}

function isAscii(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) > 0x7f) return false;
  return true;
}

/** The digits that carry a sign, from 0 to 9. @source IBM zoned decimal, ASCII form used by Micro Focus and GnuCOBOL */
const POSITIVE = '{ABCDEFGHI';
const NEGATIVE = '}JKLMNOPQR';
const FULL_WIDTH = '０１２３４５６７８９－＋．';
const HALF_WIDTH = '0123456789-+.';

/**
 * A number as it is written in fixed-width files, as plain decimal text: implied decimals get their point, a trailing
 * or overpunched sign goes in front. What is no number stays as it is, for the column's type to refuse.
 */
export function plainNumber(text: string, field: Pick<FixedField, 'decimals' | 'sign'>): string {
  const ascii = text.replace(/[０-９－＋．]/gu, (sign) => HALF_WIDTH[FULL_WIDTH.indexOf(sign)] ?? sign);
  const trimmed = ascii.trim();
  if (trimmed === '') return '';
  const parts = signOf(trimmed, field.sign);
  if (!parts) return text;
  const { isNegative, digits } = parts;
  if (/^\d+\.\d*$/.test(digits)) return `${isNegative ? '-' : ''}${digits}`;
  if (!/^\d+$/.test(digits)) return text;
  const padded = digits.padStart(field.decimals + 1, '0');
  const point = padded.length - field.decimals;
  const whole = padded.slice(0, point).replace(/^0+(?=\d)/, '');
  const number = field.decimals === 0 ? whole : `${whole}.${padded.slice(point)}`;
  return isNegative ? `-${number}` : number;
}

function signOf(
  text: string,
  sign: FixedField['sign'],
): { readonly isNegative: boolean; readonly digits: string } | undefined {
  const last = text.at(-1) ?? '';
  switch (sign) {
    case 'leading': {
      const match = /^([+-]?)\s*([\d.]+)$/.exec(text);
      return match ? { isNegative: match[1] === '-', digits: match[2] ?? '' } : undefined;
    }
    case 'trailing': {
      const match = /^([\d.]+)\s*([+-]?)$/.exec(text);
      return match ? { isNegative: match[2] === '-', digits: match[1] ?? '' } : undefined;
    }
    case 'overpunch': {
      if (/\d/.test(last)) return { isNegative: false, digits: text };
      const positive = POSITIVE.indexOf(last);
      const negative = NEGATIVE.indexOf(last);
      if (positive === -1 && negative === -1) return undefined;
      return { isNegative: negative !== -1, digits: `${text.slice(0, -1)}${Math.max(positive, negative)}` };
    }
  }
}

/** The same number as an integer of `scale` decimals, so that control totals are compared exactly. */
export function scaledInteger(text: string, scale: number): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match) return undefined;
  const fraction = (match[3] ?? '').padEnd(scale, '0');
  if (fraction.length > scale && /[^0]/.test(fraction.slice(scale))) return undefined;
  const value = BigInt(`${match[2]}${fraction.slice(0, scale)}`);
  return match[1] === '-' ? -value : value;
}
