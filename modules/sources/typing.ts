import { type DateSettings, daySql, instantSql, isoText } from './dates.ts';
import type { ColumnType } from './manifest.schema.ts';
import { sqlName, sqlText, sqlTexts } from './sql-text.ts';

/** A column with every default filled in. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Name in the file. */
  readonly from: string;
  readonly required: boolean;
  readonly personal: boolean;
  readonly nulls: readonly string[];
  readonly trim: boolean;
  readonly digits: boolean;
  readonly values: readonly string[] | undefined;
  readonly min: number | string | undefined;
  readonly max: number | string | undefined;
  readonly pattern: string | undefined;
  readonly scale: number;
  readonly decimal: '.' | ',';
  readonly thousands: string | undefined;
  readonly trueWords: readonly string[];
  readonly falseWords: readonly string[];
  readonly dates: DateSettings;
  readonly currency: string | undefined;
}

export const ROW_REASONS = [
  'missing_value',
  'not_an_integer',
  'not_a_number',
  'not_an_amount',
  'not_a_boolean',
  'not_a_date',
  'not_an_instant',
  'not_allowed_value',
  'below_minimum',
  'above_maximum',
  'pattern_mismatch',
  'unknown_reference',
] as const;

/** Warehouse type of a column's values: absent text is '', other absent values are NULL. */
export function engineType(column: Pick<Column, 'type' | 'required'>): string {
  const plain = {
    text: 'String',
    integer: 'Int64',
    number: 'Float64',
    money: 'Int64',
    boolean: 'Bool',
    date: 'Date32',
    instant: "DateTime64(3, 'UTC')",
  }[column.type];
  return column.type === 'text' || column.required ? plain : `Nullable(${plain})`;
}

/**
 * SQL of one column, level by level, so that nothing is worked out twice: `f_` the text found, `k_` the value of a text
 * in the usual form, found at a fraction of the cost (NULL for all others, which `v_` then says), `t_` the text without
 * what does not matter, `i_` a date or instant in ISO form, `a_` whether it is absent, `v_` the value, `q_` the reason
 * why the record is refused ('' when it is not). Strict: a text that does not say exactly one value of the type is a
 * fault, never a guess (`12abc`, `1e5` as an integer, 30 February).
 */
export interface Levels {
  readonly found: string;
  readonly quick: string | undefined;
  readonly text: string;
  readonly iso: string | undefined;
  readonly absent: string;
  readonly value: string;
  readonly fault: string;
  /** The value of a good record, of `engineType`. */
  readonly good: string;
  /** False when no text can be wrong. */
  readonly canFail: boolean;
}

/** @param reference SELECT answering the values that exist, when the column refers to another table */
function levelsOf(
  column: Column,
  source: string,
  isNullable: boolean,
  reference: string | undefined,
): Levels {
  const found = sqlName(`f_${column.name}`);
  const text = sqlName(`t_${column.name}`);
  const absent = sqlName(`a_${column.name}`);
  const value = sqlName(`v_${column.name}`);
  const iso = sqlName(`i_${column.name}`);
  const isDate = column.type === 'date' || column.type === 'instant';
  const isText = column.type === 'text';
  const quick = quickValue(column, found);
  const known = sqlName(`k_${column.name}`);
  const conditions = absenceOf(column, source, found, text, isNullable);
  const absence = conditions.length === 0 ? 'false' : conditions.join(' OR ');
  // Of plain text, what is absent is the empty text already.
  const isItself = isText && !column.trim && !column.digits && column.nulls.every((marker) => marker === '');
  const sure = isText ? value : `assumeNotNull(${value})`;
  const checks = [absent, column.required ? `'missing_value'` : `''`];
  const check = (condition: string, reason: (typeof ROW_REASONS)[number]): void => {
    checks.push(condition, `'${reason}'`);
  };
  if (!isText) check(`isNull(${value})`, REASON_OF[column.type]);
  if (column.values) check(`${text} NOT IN (${sqlTexts(column.values)})`, 'not_allowed_value');
  if (column.pattern !== undefined)
    check(`NOT match(${text}, ${sqlText(`^(?:${column.pattern})$`)})`, 'pattern_mismatch');
  if (column.min !== undefined) check(`${sure} < ${limit(column, column.min)}`, 'below_minimum');
  if (column.max !== undefined) check(`${sure} > ${limit(column, column.max)}`, 'above_maximum');
  if (reference !== undefined) check(`${sure} NOT IN (${reference})`, 'unknown_reference');
  const parsed = parse(column, text, iso);
  return {
    found: isNullable ? `ifNull(${source}, '')` : source,
    quick,
    text: normalise(column, found),
    iso: isDate ? isoText(text, column.type === 'date' ? 'date' : 'instant', column.dates) : undefined,
    // What has a value is not absent; the engine works out the rest only for rows in which it has none.
    absent: quick === undefined ? absence : `if(isNotNull(${known}), false, ${absence})`,
    value: quick === undefined ? parsed : `if(isNotNull(${known}), ${known}, ${parsed})`,
    fault: `multiIf(${checks.join(', ')}, '')`,
    good: column.required || isItself ? sure : `if(${absent}, ${isText ? `''` : 'NULL'}, ${value})`,
    canFail: checks.length > 2 || column.required,
  };
}

const REASON_OF = {
  integer: 'not_an_integer',
  number: 'not_a_number',
  money: 'not_an_amount',
  boolean: 'not_a_boolean',
  date: 'not_a_date',
  instant: 'not_an_instant',
} as const;

/**
 * SQL of the value of a text in the form that nearly all have, or NULL: the same value as `parse` finds, without regular
 * expressions. Undefined where the type or its settings have no such form.
 */
export function quickValue(column: Column, found: string): string | undefined {
  // Every usual form has digits: markers without them mean no text of these.
  if (column.nulls.some((marker) => /[0-9０-９]/.test(marker))) return undefined;
  return usualForm(column, found);
}

function usualForm(column: Column, found: string): string | undefined {
  const isPlain = column.thousands === undefined && column.decimal === '.';
  const usesIso = column.dates.formats[0] === 'ISO';
  if (column.type === 'integer' && isPlain) return `toInt64OrNull(${found})`;
  if (column.type === 'money' && isPlain && column.scale > 0) {
    // As many decimals as the minor unit has: without the point the digits are the minor units.
    const { scale } = column;
    return `if(length(${found}) BETWEEN ${scale + 2} AND 16 AND substring(${found}, -${scale + 1}, 1) = '.' AND substring(${found}, -${scale + 2}, 1) NOT IN ('+', '-', '') AND position(${found}, '.') = length(${found}) - ${scale}, toInt64OrNull(replaceOne(${found}, '.', '')), NULL)`;
  }
  if (column.type === 'date' && usesIso)
    return `if(length(${found}) = 10 AND toString(toDate32OrZero(${found})) = ${found}, toDate32OrNull(${found}), NULL)`;
  if (column.type === 'instant' && usesIso) {
    const clock = `concat(substring(${found}, 1, 10), ' ', substring(${found}, 12, 8)`;
    const form = (length: number, fraction: string, zone: string): string => {
      const at = `toDateTime64OrZero(${clock}, ${fraction}), 3, ${sqlText(zone)})`;
      const value = zone === 'UTC' ? `toNullable(${at})` : `toNullable(toTimeZone(${at}, 'UTC'))`;
      const isUtc = length === 20 || length === 24;
      return `length(${found}) = ${length}${isUtc ? ` AND endsWith(${found}, 'Z')` : ''} AND substring(${found}, 11, 1) IN ('T', ' ') AND toString(${at}) = ${clock}, ${fraction}), ${value}`;
    };
    const fraction = `substring(${found}, 20, 4)`;
    const forms = [
      form(24, fraction, 'UTC'),
      form(20, `'.000'`, 'UTC'),
      form(19, `'.000'`, column.dates.zone),
      form(23, fraction, column.dates.zone),
    ];
    return `multiIf(${forms.join(', ')}, NULL)`;
  }
  return undefined;
}

const FULL_WIDTH = '０１２３４５６７８９．，－＋：／　％';
const HALF_WIDTH = '0123456789.,-+:/ %';

function normalise(column: Column, found: string): string {
  const ascii = column.digits
    ? `if(length(${found}) = lengthUTF8(${found}), ${found}, translateUTF8(${found}, '${FULL_WIDTH}', '${HALF_WIDTH}'))`
    : found;
  return column.trim ? `trimBoth(${ascii})` : ascii;
}

function absenceOf(
  column: Column,
  source: string,
  found: string,
  text: string,
  isNullable: boolean,
): string[] {
  const conditions = isNullable ? [`isNull(${source})`] : [];
  if (column.nulls.length === 1 && column.nulls[0] === '' && column.type === 'text' && !column.digits) {
    conditions.push(`empty(${column.trim ? text : found})`);
    return conditions;
  }
  if (column.nulls.length > 0) {
    conditions.push(`${found} IN (${sqlTexts(column.nulls)})`);
    if (column.trim || column.digits) conditions.push(`${text} IN (${sqlTexts(column.nulls)})`);
  }
  // Required text that is blank says nothing either.
  if (column.required && column.type === 'text' && !column.nulls.includes(''))
    conditions.push(`${text} = ''`);
  return conditions;
}

function parse(column: Column, text: string, iso: string): string {
  switch (column.type) {
    case 'text':
      return text;
    case 'integer':
      return `toInt64OrNull(${plainNumber(column, text)})`;
    case 'number': {
      const number = plainNumber(column, text);
      const shape = '^[+-]?(?:[0-9]+(?:\\\\.[0-9]*)?|\\\\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$';
      return `if(match(${number}, '${shape}') AND isFinite(toFloat64OrZero(${number})), toFloat64OrNull(${number}), NULL)`;
    }
    case 'money': {
      const number = plainNumber(column, text);
      const decimals = column.scale === 0 ? '(?:\\\\.0*)?' : `(?:\\\\.[0-9]{0,${column.scale}}0*)?`;
      const shape = `^[+-]?[0-9]{1,${16 - column.scale}}${decimals}$`;
      const minor = `toInt64(toDecimal128OrZero(${number}, ${column.scale}) * ${10 ** column.scale})`;
      return `if(match(${number}, '${shape}'), ${minor}, NULL)`;
    }
    case 'boolean':
      return `multiIf(lowerUTF8(${text}) IN (${sqlTexts(column.trueWords)}), true, lowerUTF8(${text}) IN (${sqlTexts(column.falseWords)}), false, NULL)`;
    case 'date':
      return daySql(iso);
    case 'instant':
      return instantSql(iso, column.dates.zone);
  }
}

/** Drops the thousands separators (only where they stand between digits in threes) and sets the decimal sign. */
function plainNumber(column: Column, text: string): string {
  let number = text;
  if (column.thousands !== undefined) {
    const separator = column.thousands.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const decimal = column.decimal === '.' ? '\\.' : ',';
    const grouped = sqlText(`^[+-]?[0-9]{1,3}(?:${separator}[0-9]{3})+(?:${decimal}[0-9]*)?$`);
    number = `if(match(${number}, ${grouped}), replaceAll(${number}, ${sqlText(column.thousands)}, ''), ${number})`;
  }
  if (column.decimal === ',' && column.type !== 'integer') {
    number = `replaceOne(if(position(${number}, '.') > 0, 'x', ${number}), ',', '.')`;
  }
  return number;
}

export function limit(column: Column, value: number | string): string {
  switch (column.type) {
    case 'money':
      return String(Math.round(Number(value) * 10 ** column.scale));
    case 'integer':
    case 'number':
      return String(Number(value));
    case 'date':
      return `toDate32(${sqlText(String(value))})`;
    case 'instant':
      return `parseDateTime64BestEffort(${sqlText(String(value))}, 3, 'UTC')`;
    case 'text':
    case 'boolean':
      return sqlText(String(value));
  }
}

/** How the texts of a staged record are reached. */
export interface StagedTexts {
  /** Staging table. */
  readonly table: string;
  /** SQL of the text of each column, by column name. */
  readonly source: (column: Column) => string;
  readonly isNullable: boolean;
  /** SQL of the whole record. */
  readonly record: string;
  /** SQL condition of records that are no records of the format at all (not JSON), and its reason. */
  readonly unreadable?: { readonly condition: string; readonly reason: string };
}

/** The two statements that turn staged texts into typed rows and faults. */
export function typingSql(
  columns: readonly Column[],
  staged: StagedTexts,
  references: ReadonlyMap<string, string>,
): { readonly rows: string; readonly faults: string } {
  const { typed, from, faults: isFault } = layered(columns, staged, references);
  const faulty = typed.filter(({ levels }) => levels.canFail);
  const conditions = [...(staged.unreadable ? [staged.unreadable.condition] : []), ...isFault];
  const isFaulty = conditions.length === 0 ? 'false' : conditions.join(' OR ');
  const tuples = faulty.map(
    ({ name }) => `(${sqlText(name)}, ${sqlName(`f_${name}`)}, ${sqlName(`q_${name}`)})`,
  );
  const found =
    tuples.length === 0 ? NO_FAULTS : `arrayFilter(fault -> fault.3 != '', [${tuples.join(', ')}])`;
  const list = staged.unreadable
    ? `if(${staged.unreadable.condition}, [('', '', ${sqlText(staged.unreadable.reason)})], ${found})`
    : found;
  return {
    rows: `SELECT ${typed.map(({ name, levels }) => `${levels.good} AS ${sqlName(name)}`).join(', ')}, file, line
FROM (${from}) WHERE NOT (${isFaulty})`,
    faults: `SELECT file, line, ${list} AS faults, ${staged.record} AS record
FROM (${from}) WHERE ${isFaulty}`,
  };
}

/** The levels of columns as nested subqueries, and the conditions under which a record has a fault. */
export function layered(
  columns: readonly Column[],
  staged: Pick<StagedTexts, 'table' | 'source' | 'isNullable'>,
  references: ReadonlyMap<string, string>,
): {
  readonly typed: readonly { readonly name: string; readonly levels: Levels }[];
  readonly from: string;
  readonly faults: readonly string[];
} {
  const typed = columns.map((column) => ({
    name: column.name,
    levels: levelsOf(column, staged.source(column), staged.isNullable, references.get(column.name)),
  }));
  const define = (prefix: string, pick: (levels: Levels) => string | undefined): string =>
    typed
      .flatMap(({ name, levels }) => {
        const sql = pick(levels);
        return sql === undefined ? [] : [`, ${sql} AS ${sqlName(`${prefix}_${name}`)}`];
      })
      .join('');
  const from = [
    (inner: string) => `SELECT *${define('f', (levels) => levels.found)} FROM ${inner}`,
    (inner: string) =>
      `SELECT *${define('k', (levels) => levels.quick)}${define('t', (levels) => levels.text)} FROM (${inner})`,
    (inner: string) =>
      `SELECT *${define('i', (levels) => levels.iso)}${define('a', (levels) => levels.absent)} FROM (${inner})`,
    (inner: string) => `SELECT *${define('v', (levels) => levels.value)} FROM (${inner})`,
    (inner: string) =>
      `SELECT *${define('q', (levels) => (levels.canFail ? levels.fault : undefined))} FROM (${inner})`,
  ].reduce((inner, wrap) => wrap(inner), staged.table);
  const faults = typed.flatMap(({ name, levels }) =>
    levels.canFail ? [`${sqlName(`q_${name}`)} != ''`] : [],
  );
  return { typed, from, faults };
}

const NO_FAULTS = `CAST([], 'Array(Tuple(String, String, String))')`;
