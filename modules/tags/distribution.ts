import type { ValueType } from '@rapport/conditions';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { TagDistribution } from './contract.ts';
import { isKnownSql, knownValue, readSql, rowValue } from './values.ts';

export interface Figures {
  readonly known: number;
  readonly distinct: number;
  readonly distribution: TagDistribution;
}

const OptionalNumber = Type.Union([Type.Number(), Type.Null()]);
const FigureRow = Type.Object({
  tag: Type.String(),
  known: Type.Integer(),
  distinct_values: Type.Integer(),
  least: OptionalNumber,
  greatest: OptionalNumber,
  mean: OptionalNumber,
  quantiles: Type.Array(Type.Number()),
});
const BarRow = Type.Object({ bar: Type.Integer(), n: Type.Integer() });
const BARS = 20;
const TOP = 20;
/** Values that differ more than this are shown as bars only. */
const FEW = 50;
/** A statement reads this many columns, one after another. */
const COLUMNS = 40;

/** Computes coverage, spread and most frequent values of columns of one wide table, by tag id. */
export async function figuresOf(
  warehouse: Warehouse,
  table: string,
  columns: readonly { tagId: string; column: string; type: ValueType }[],
): Promise<Map<string, Figures>> {
  const from = warehouse.identifier(table);
  const figures = new Map<string, Figures>();
  for (let at = 0; at < columns.length; at += COLUMNS) {
    const part = columns.slice(at, at + COLUMNS);
    const rows = await warehouse.query(
      FigureRow,
      part
        .map(({ tagId, column, type }) => figureSql(tagId, type, warehouse.identifier(column), from))
        .join(' UNION ALL '),
      {},
      { maxSeconds: 600 },
    );
    const byTag = new Map(rows.map((row) => [row.tag, row]));
    const spread = async ({ tagId, column, type }: (typeof part)[number]): Promise<void> => {
      const row = byTag.get(tagId);
      if (!row) return;
      const quoted = warehouse.identifier(column);
      const [p1, p5, p25, p50, p75, p95, p99] = row.quantiles;
      const isContinuous = numeric(type, quoted) !== undefined && row.distinct_values > FEW;
      const top = isContinuous || row.known === 0 ? [] : await topOf(warehouse, type, quoted, from);
      const histogram =
        isContinuous && p1 !== undefined && p99 !== undefined && p99 > p1
          ? await barsOf(warehouse, type, quoted, from, p1, p99)
          : [];
      figures.set(tagId, {
        known: row.known,
        distinct: row.distinct_values,
        distribution: {
          top,
          histogram,
          ...(row.known === 0 || row.least === null ? {} : { min: row.least }),
          ...(row.known === 0 || row.greatest === null ? {} : { max: row.greatest }),
          ...(row.known === 0 || row.mean === null ? {} : { mean: row.mean }),
          ...(row.known > 0 &&
          p5 !== undefined &&
          p25 !== undefined &&
          p50 !== undefined &&
          p75 !== undefined &&
          p95 !== undefined
            ? { quantiles: { p5, p25, p50, p75, p95 } }
            : {}),
        },
      });
    };
    // The warehouse runs a few of them at a time.
    await Promise.all(part.map(spread));
  }
  return figures;
}

/** The column as a number that spreads on a line, or `undefined`. */
function numeric(type: ValueType, column: string): string | undefined {
  switch (type) {
    case 'number':
    case 'money':
      return `toFloat64(${column})`;
    case 'date':
      return `toFloat64(toUnixTimestamp64Milli(toDateTime64(${column}, 3, 'UTC')))`;
    case 'instant':
      return `toFloat64(toUnixTimestamp64Milli(${column}))`;
    default:
      return undefined;
  }
}

function figureSql(tagId: string, type: ValueType, column: string, from: string): string {
  const known = isKnownSql(type, column);
  const value = numeric(type, column);
  const distinct = `uniqCombinedIf(17)(assumeNotNull(${column}), ${known})`;
  const spread = value
    ? `CAST(minIf(${value}, ${known}) AS Nullable(Float64)) AS least, CAST(maxIf(${value}, ${known}) AS Nullable(Float64)) AS greatest, CAST(avgIf(${value}, ${known}) AS Nullable(Float64)) AS mean, if(countIf(${known}) = 0, CAST([] AS Array(Float64)), quantilesExactIf(0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)(assumeNotNull(${value}), ${known})) AS quantiles`
    : 'CAST(NULL AS Nullable(Float64)) AS least, CAST(NULL AS Nullable(Float64)) AS greatest, CAST(NULL AS Nullable(Float64)) AS mean, CAST([] AS Array(Float64)) AS quantiles';
  if (type === 'list') {
    return `SELECT '${tagId}' AS tag, countIf(${known}) AS known, length(arrayFilter(x -> x != '', groupUniqArrayArray(10000)(${column}))) AS distinct_values, ${spread} FROM ${from}`;
  }
  return `SELECT '${tagId}' AS tag, countIf(${known}) AS known, ${distinct} AS distinct_values, ${spread} FROM ${from}`;
}

async function topOf(
  warehouse: Warehouse,
  type: ValueType,
  column: string,
  from: string,
): Promise<TagDistribution['top']> {
  const element: ValueType = type === 'list' ? 'text' : type;
  const value = type === 'list' ? `arrayJoin(${column})` : readSql(type, column);
  const rows = await warehouse.query(
    Type.Object({ v: rowValue(element), n: Type.Integer() }),
    `SELECT v, count() AS n FROM (SELECT ${value} AS v FROM ${from} WHERE ${isKnownSql(type, column)}) GROUP BY v ORDER BY n DESC, v LIMIT ${TOP}`,
  );
  return rows.flatMap((row) => {
    const known = knownValue(row.v);
    return known === undefined ? [] : [{ value: known, customers: row.n }];
  });
}

async function barsOf(
  warehouse: Warehouse,
  type: ValueType,
  column: string,
  from: string,
  low: number,
  high: number,
): Promise<TagDistribution['histogram']> {
  const value = numeric(type, column) ?? '0';
  const width = (high - low) / BARS;
  const rows = await warehouse.query(
    BarRow,
    `SELECT least(${BARS - 1}, toInt64(floor((v - {low:Float64}) / {width:Float64}))) AS bar, count() AS n FROM (SELECT assumeNotNull(${value}) AS v FROM ${from} WHERE ${isKnownSql(type, column)}) WHERE v >= {low:Float64} AND v <= {high:Float64} GROUP BY bar ORDER BY bar`,
    { low, high, width },
  );
  const counts = new Map(rows.map((row) => [row.bar, row.n]));
  return Array.from({ length: BARS }, (_, bar) => ({
    from: low + bar * width,
    to: low + (bar + 1) * width,
    customers: counts.get(bar) ?? 0,
  }));
}
