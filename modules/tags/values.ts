import type { ValueType } from '@rapport/conditions';
import { type TSchema, Type } from 'typebox';
import type { TagValue } from './contract.ts';
import { literal } from './expression.ts';

/** Warehouse type of a tag's column. */
export const COLUMN_TYPE: Readonly<Record<ValueType, string>> = {
  text: 'LowCardinality(Nullable(String))',
  number: 'Nullable(Float64)',
  money: 'Nullable(Int64)',
  boolean: 'Nullable(Bool)',
  date: 'Nullable(Date32)',
  instant: "Nullable(DateTime64(3, 'UTC'))",
  list: 'Array(String)',
};

/**
 * Turns any expression into a tag's type; what does not fit is unknown. Numbers lose infinities, NaN and −0, as
 * conditions read them; money is rounded half away from zero.
 */
export function castSql(type: ValueType, expression: string): string {
  switch (type) {
    case 'text':
      return `nullIf(toString(${expression}), '')`;
    case 'number':
      return finite(`accurateCastOrNull(${expression}, 'Float64')`);
    case 'money':
      return `accurateCastOrNull(round(${finite(`accurateCastOrNull(${expression}, 'Float64')`)}), 'Int64')`;
    case 'boolean':
      return `accurateCastOrNull(${expression}, 'Bool')`;
    case 'date':
      return `accurateCastOrNull(${expression}, 'Date32')`;
    case 'instant':
      return `accurateCastOrNull(${expression}, 'DateTime64(3, \\'UTC\\')')`;
    case 'list':
      return `arraySort(arrayDistinct(arrayFilter(x -> x != '', arrayMap(x -> ifNull(toString(x), ''), ${expression}))))`;
  }
}

const finite = (value: string): string => `if(isFinite(${value}), ${value} + 0., NULL)`;

/** Whether a column holds a known value. */
export function isKnownSql(type: ValueType, column: string): string {
  return type === 'list' ? `notEmpty(${column})` : `${column} IS NOT NULL`;
}

/** A value as an SQL literal of the tag's type. */
export function valueLiteral(type: ValueType, value: TagValue): string {
  switch (type) {
    case 'text':
      return `CAST(${literal(String(value))} AS Nullable(String))`;
    case 'number':
      return `CAST(${Number(value)} AS Nullable(Float64))`;
    case 'money':
      return `CAST(${Math.round(Number(value))} AS Nullable(Int64))`;
    case 'boolean':
      return `CAST(${value === true ? 'true' : 'false'} AS Nullable(Bool))`;
    case 'date':
      return `CAST(toDate32(${literal(String(value))}) AS Nullable(Date32))`;
    case 'instant':
      return `CAST(parseDateTime64BestEffort(${literal(String(value))}, 3, 'UTC') AS Nullable(DateTime64(3, 'UTC')))`;
    case 'list':
      return `CAST([${(Array.isArray(value) ? value : [String(value)]).toSorted().map(literal).join(', ')}] AS Array(String))`;
  }
}

/** What stands where no value is known. */
export function unknownLiteral(type: ValueType): string {
  return type === 'list' ? 'CAST([] AS Array(String))' : 'NULL';
}

/** Whether a value written in a definition is one of the tag's type. */
export function isOfType(type: ValueType, value: TagValue): boolean {
  switch (type) {
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'money':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'date':
      return (
        typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
      );
    case 'instant':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value));
    case 'list':
      return Array.isArray(value) && value.length > 0;
  }
}

/** Reads a column for the API: row schema and expression. */
export function readSql(type: ValueType, column: string): string {
  return type === 'date' ? `toString(${column})` : column;
}

const NULLABLE = {
  text: Type.Union([Type.String(), Type.Null()]),
  number: Type.Union([Type.Number(), Type.Null()]),
  money: Type.Union([Type.Integer(), Type.Null()]),
  boolean: Type.Union([Type.Boolean(), Type.Null()]),
  date: Type.Union([Type.String(), Type.Null()]),
  instant: Type.Union([Type.String(), Type.Null()]),
  list: Type.Array(Type.String()),
} satisfies Record<ValueType, TSchema>;
export const rowValue = (type: ValueType): (typeof NULLABLE)[ValueType] => NULLABLE[type];

/** A value that was read; `undefined` when it is unknown. */
export function knownValue(value: unknown): TagValue | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((item) => typeof item === 'string');
  return texts.length > 0 ? texts : undefined;
}
