import { type DateSettings, dateSql, instantSql } from './dates.ts';
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

/** SQL of one column over a row of texts. */
export interface TypedColumn {
  readonly name: string;
  /** The text as it stands in the file, '' where it is absent. */
  readonly found: string;
  /** The value, of `engineType`. */
  readonly value: string;
  /** The reason why the row is refused, '' when it is not; undefined when nothing can be wrong. */
  readonly fault: string | undefined;
}

/**
 * SQL that turns one text into a value, strictly: a text that does not say exactly one value of the type is a
 * fault, never a guess (`12abc`, `1e5` as an integer, 30 February).
 * @param source SQL of the text; may be NULL where the file has none
 * @param reference SELECT answering the values that exist, when the column refers to another table
 */
export function typeColumn(
  column: Column,
  source: string,
  options: { isNullable: boolean; reference?: string },
): TypedColumn {
  const found = options.isNullable ? `ifNull(${source}, '')` : source;
  const text = normalise(column, found);
  const isAbsent = absence(column, source, found, text, options.isNullable);
  const value = parse(column, text);
  const checks: string[] = [];
  const check = (condition: string, reason: (typeof ROW_REASONS)[number]): void => {
    checks.push(condition, `'${reason}'`);
  };
  const mayBeAbsent = isAbsent !== 'false';
  if (mayBeAbsent) checks.push(isAbsent, column.required ? `'missing_value'` : `''`);
  if (column.type !== 'text') check(`isNull(${value})`, REASON_OF[column.type]);
  if (column.values) check(`${text} NOT IN (${sqlTexts(column.values)})`, 'not_allowed_value');
  if (column.pattern !== undefined)
    check(`NOT match(${text}, ${sqlText(`^(?:${column.pattern})$`)})`, 'pattern_mismatch');
  const sure = column.type === 'text' ? value : `assumeNotNull(${value})`;
  if (column.min !== undefined) check(`${sure} < ${limit(column, column.min)}`, 'below_minimum');
  if (column.max !== undefined) check(`${sure} > ${limit(column, column.max)}`, 'above_maximum');
  if (options.reference) check(`${sure} NOT IN (${options.reference})`, 'unknown_reference');
  const hasFault = checks.length > (mayBeAbsent && !column.required ? 2 : 0);
  const absent = column.type === 'text' ? `''` : 'NULL';
  return {
    name: column.name,
    found,
    value: column.required ? sure : mayBeAbsent ? `if(${isAbsent}, ${absent}, ${value})` : value,
    fault: hasFault ? `multiIf(${checks.join(', ')}, '')` : undefined,
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

const FULL_WIDTH = '０１２３４５６７８９．，－＋：／　％';
const HALF_WIDTH = '0123456789.,-+:/ %';

function normalise(column: Column, found: string): string {
  const ascii = column.digits
    ? `if(length(${found}) = lengthUTF8(${found}), ${found}, translateUTF8(${found}, '${FULL_WIDTH}', '${HALF_WIDTH}'))`
    : found;
  return column.trim ? `trimBoth(${ascii})` : ascii;
}

function absence(column: Column, source: string, found: string, text: string, isNullable: boolean): string {
  const conditions = isNullable ? [`isNull(${source})`] : [];
  if (column.nulls.length > 0) {
    conditions.push(`${found} IN (${sqlTexts(column.nulls)})`);
    if (text !== found) conditions.push(`${text} IN (${sqlTexts(column.nulls)})`);
  }
  // Required text that is blank says nothing either.
  if (column.required && column.type === 'text' && !column.nulls.includes(''))
    conditions.push(`${text} = ''`);
  return conditions.length === 0 ? 'false' : `(${conditions.join(' OR ')})`;
}

function parse(column: Column, text: string): string {
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
      return dateSql(text, column.dates);
    case 'instant':
      return instantSql(text, column.dates);
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

function limit(column: Column, value: number | string): string {
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
  const typed = columns.map((column) => {
    const reference = references.get(column.name);
    return typeColumn(column, staged.source(column), {
      isNullable: staged.isNullable,
      ...(reference === undefined ? {} : { reference }),
    });
  });
  const faulty = typed.flatMap((column) =>
    column.fault === undefined ? [] : [{ ...column, fault: column.fault }],
  );
  const unreadable = staged.unreadable?.condition;
  const conditions = [
    ...(unreadable ? [unreadable] : []),
    ...faulty.map((column) => `${column.fault} != ''`),
  ];
  const isFaulty = conditions.length === 0 ? 'false' : conditions.join('\n    OR ');
  const tuples = faulty.map((column) => `(${sqlText(column.name)}, ${column.found}, ${column.fault})`);
  const found =
    tuples.length === 0 ? NO_FAULTS : `arrayFilter(fault -> fault.3 != '', [${tuples.join(', ')}])`;
  const list = staged.unreadable
    ? `if(${staged.unreadable.condition}, [('', '', ${sqlText(staged.unreadable.reason)})], ${found})`
    : found;
  return {
    rows: `SELECT ${typed.map((column) => `${column.value} AS ${sqlName(column.name)}`).join(',\n  ')}, file, line
FROM ${staged.table} WHERE NOT (${isFaulty})`,
    faults: `SELECT file, line, ${list} AS faults, ${staged.record} AS record
FROM ${staged.table} WHERE ${isFaulty}`,
  };
}

const NO_FAULTS = `CAST([], 'Array(Tuple(String, String, String))')`;
