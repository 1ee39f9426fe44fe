import { daySql } from './dates.ts';
import type { MapEntry } from './manifest.schema.ts';
import type { RoleMapping } from './manifest.ts';
import { REST_COLUMN, ROLE_COLUMNS, type RoleColumn } from './roles.ts';
import { sqlName, sqlText, sqlTexts } from './sql-text.ts';

/** A column of a physical table. */
export interface TableColumn {
  readonly name: string;
  /** Warehouse type. */
  readonly engineType: string;
  readonly personal: boolean;
}

export interface RoleSelect {
  readonly sql: string;
  /** Canonical columns that are really delivered. */
  readonly columns: readonly string[];
  /** What keeps the table from playing its role. */
  readonly faults: readonly string[];
}

/**
 * The SELECT that presents a table as its role: canonical columns in order, names and types (see `RoleTable`).
 * @param rows what stands behind FROM
 */
export function roleSelect(
  rows: string,
  mapping: RoleMapping,
  columns: readonly TableColumn[],
  hasLines: boolean,
): RoleSelect {
  const faults: string[] = [];
  const byName = new Map(columns.map((column) => [column.name, column]));
  const used = new Set<string>();
  const delivered: string[] = [];
  const items = ROLE_COLUMNS[mapping.role].map((column) => {
    const given = mapping.map[column.name];
    const entry: MapEntry | undefined = given ?? (byName.has(column.name) ? column.name : undefined);
    if (entry === undefined) {
      if (column.needed) faults.push(`the role ${mapping.role} needs ${column.name}`);
      return `${ABSENT[column.value]} AS ${sqlName(column.name)}`;
    }
    const from = typeof entry === 'string' ? entry : 'from' in entry ? entry.from : undefined;
    const source = from === undefined ? undefined : byName.get(from);
    if (from !== undefined && !source) {
      faults.push(`${column.name} is mapped to "${from}", which the table does not have`);
      return `${ABSENT[column.value]} AS ${sqlName(column.name)}`;
    }
    if (from !== undefined) used.add(from);
    delivered.push(column.name);
    const expression = convert(column, entry, source, (fault) => faults.push(fault));
    return `${expression} AS ${sqlName(column.name)}`;
  });
  const rest = REST_COLUMN[mapping.role];
  if (rest !== undefined) {
    const wanted = columns.filter((column) => {
      if (mapping.attributes === 'none') return false;
      if (mapping.attributes === 'all') return !used.has(column.name) && !column.personal;
      return mapping.attributes.includes(column.name);
    });
    if (wanted.length > 0) delivered.push(rest);
    items.push(`${restMap(wanted)} AS ${sqlName(rest)}`);
  }
  items.push(
    hasLines ? "CAST(t._file, 'String') AS _file, t._line AS _line" : `'' AS _file, toUInt64(0) AS _line`,
  );
  return { sql: `SELECT ${items.join(', ')} FROM ${rows} AS t`, columns: delivered, faults };
}

const ABSENT = {
  text: `''`,
  date: `CAST(NULL, 'Nullable(Date32)')`,
  instant: `CAST(NULL, 'Nullable(DateTime64(3, \\'UTC\\'))')`,
  money: `CAST(NULL, 'Nullable(Int64)')`,
  level: `CAST(NULL, 'Nullable(UInt8)')`,
  boolean: `CAST(NULL, 'Nullable(Bool)')`,
  share: `CAST(NULL, 'Nullable(Float64)')`,
} as const;

/** Unwraps `Nullable` and `LowCardinality`. */
export function innerType(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type)?.[1];
  return inner === undefined ? type : innerType(inner);
}

/** The text of a value, '' when it is absent; instants in RFC 3339. */
function textOf(column: TableColumn): string {
  const value = `t.${sqlName(column.name)}`;
  const inner = innerType(column.engineType);
  if (inner === 'String' && column.engineType === 'String') return value;
  if (inner.startsWith('DateTime'))
    return `ifNull(concat(replaceOne(toString(toTimeZone(${value}, 'UTC')), ' ', 'T'), 'Z'), '')`;
  return `ifNull(toString(${value}), '')`;
}

function entryText(entry: MapEntry, source: TableColumn | undefined): string {
  if (typeof entry === 'object' && 'value' in entry) return sqlText(entry.value);
  const text = source ? textOf(source) : `''`;
  if (typeof entry === 'string') return text;
  const keys = Object.keys(entry.values);
  if (keys.length === 0) return entry.otherwise === undefined ? text : sqlText(entry.otherwise);
  const otherwise = entry.otherwise === undefined ? text : sqlText(entry.otherwise);
  return `transform(${text}, [${sqlTexts(keys)}], [${sqlTexts(Object.values(entry.values))}], ${otherwise})`;
}

function convert(
  column: RoleColumn,
  entry: MapEntry,
  source: TableColumn | undefined,
  report: (fault: string) => void,
): string {
  const text = entryText(entry, source);
  // A value that passes through as it is needs no text between.
  const direct = typeof entry === 'string' ? source : undefined;
  const inner = direct ? innerType(direct.engineType) : 'String';
  const value = direct ? `t.${sqlName(direct.name)}` : text;
  switch (column.value) {
    case 'text':
      return text;
    case 'date':
      if (/^Date/.test(inner)) return `CAST(${value}, 'Nullable(Date32)')`;
      return daySql(text);
    case 'instant':
      if (/^Date/.test(inner)) return `CAST(${value}, 'Nullable(DateTime64(3, \\'UTC\\'))')`;
      return `parseDateTime64BestEffortOrNull(${text}, 3, 'UTC')`;
    case 'money':
      if (/^U?Int/.test(inner)) return `CAST(${value}, 'Nullable(Int64)')`;
      if (inner === 'String') return `toInt64OrNull(${text})`;
      report(`${column.name} must be an integer in minor units, but ${direct?.name ?? ''} is ${inner}`);
      return ABSENT.money;
    case 'level':
      return `toUInt8OrNull(extract(${text}, '^[CRcr]?([1-5])$'))`;
    case 'share':
      if (/^(U?Int|Float|Decimal)/.test(inner)) return `CAST(${value}, 'Nullable(Float64)')`;
      // `12.5%` is a share as well as `0.125` is.
      return `if(endsWith(${text}, '%'), toFloat64OrNull(replaceOne(${text}, '%', '')) / 100, toFloat64OrNull(${text}))`;
    case 'boolean':
      if (inner === 'Bool') return `CAST(${value}, 'Nullable(Bool)')`;
      return `multiIf(lower(${text}) IN ('true', 't', 'yes', 'y', '1', '是'), CAST(true, 'Nullable(Bool)'), lower(${text}) IN ('false', 'f', 'no', 'n', '0', '否'), false, NULL)`;
  }
}

function restMap(columns: readonly TableColumn[]): string {
  if (columns.length === 0) return `CAST(map(), 'Map(String, String)')`;
  const pairs = columns.map((column) => `${sqlText(column.name)}, ${textOf(column)}`);
  return `mapFilter((key, value) -> value != '', map(${pairs.join(', ')}))`;
}
