import { majorUnits, sqlName, sqlText } from '@rapport/sources';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';

export interface StatColumn {
  readonly name: string;
  readonly type: string;
  readonly engineType: string;
  readonly scale?: number;
}

export interface ColumnStatistics {
  readonly unknown: number;
  readonly distinct: number;
  readonly least: string;
  readonly greatest: string;
  readonly top: readonly { readonly value: string; readonly rows: number }[];
  readonly histogram: readonly { readonly from: string; readonly to: string; readonly rows: number }[];
  /** Some values, to guess what the column holds; never shown. */
  readonly sample: readonly string[];
}

const Basic = Type.Object({
  unknown: Type.Integer(),
  distinct: Type.Integer(),
  least: Type.String(),
  greatest: Type.String(),
  low: Type.Union([Type.Number(), Type.Null()]),
  high: Type.Union([Type.Number(), Type.Null()]),
});
const Top = Type.Object({ value: Type.String(), rows: Type.Integer() });
const Bar = Type.Object({ bar: Type.Integer(), rows: Type.Integer() });
const Text = Type.Object({ value: Type.String() });

const BARS = 20;
const REMEMBERED = 2_000;

/** Statistics of columns of physical tables, which never change: each is computed once and remembered. */
export function createStatistics(warehouse: Warehouse) {
  const remembered = new Map<string, Promise<ColumnStatistics>>();

  const compute = async (physical: string, column: StatColumn): Promise<ColumnStatistics> => {
    const from = `FROM ${warehouse.identifier(physical)}`;
    const name = sqlName(column.name);
    const isPlain = !/Map|Array|Tuple|AggregateFunction/.test(column.engineType);
    if (!isPlain) {
      return { unknown: 0, distinct: 0, least: '', greatest: '', top: [], histogram: [], sample: [] };
    }
    const isText = /String/.test(column.engineType);
    const isTimed = /Date/.test(column.engineType);
    const isNumber = /Int|Float|Decimal/.test(column.engineType);
    const absent = isText ? `ifNull(${name}, '') = ''` : `isNull(${name})`;
    const number = isTimed
      ? `toFloat64(toUnixTimestamp64Milli(CAST(${name}, 'Nullable(DateTime64(3, \\'UTC\\'))')))`
      : `toFloat64(${name})`;
    const measured = isNumber || isTimed;
    const [basic] = await warehouse.query(
      Basic,
      `SELECT countIf(${absent}) AS unknown, uniq(${name}) AS distinct,
  ifNull(toString(min(${name})), '') AS least, ifNull(toString(max(${name})), '') AS greatest,
  ${measured ? `CAST(min(${number}), 'Nullable(Float64)')` : `CAST(NULL, 'Nullable(Float64)')`} AS low,
  ${measured ? `CAST(max(${number}), 'Nullable(Float64)')` : `CAST(NULL, 'Nullable(Float64)')`} AS high ${from}`,
    );
    const shown = (text: string): string =>
      column.type === 'money' ? majorUnits(text, column.scale ?? 2) : text;
    const top = await warehouse.query(
      Top,
      `SELECT value, rows FROM (SELECT arrayJoin(topK(8)(toString(${name}))) AS value ${from} WHERE NOT (${absent})) AS t
INNER JOIN (SELECT toString(${name}) AS v, count() AS rows ${from} WHERE toString(${name}) IN (SELECT arrayJoin(topK(8)(toString(${name}))) ${from} WHERE NOT (${absent})) GROUP BY v) AS c ON t.value = c.v
ORDER BY rows DESC, value`,
    );
    const sample = await warehouse.query(
      Text,
      `SELECT DISTINCT toString(${name}) AS value FROM (SELECT ${name} ${from} WHERE NOT (${absent}) LIMIT 2000) LIMIT 200`,
    );
    const [low, high] = [basic?.low ?? undefined, basic?.high ?? undefined];
    const histogram =
      measured && low !== undefined && high !== undefined && high > low
        ? await bars(from, number, absent, low, high)
        : [];
    const edge = (value: number): string => {
      if (column.type === 'money') return majorUnits(String(Math.round(value)), column.scale ?? 2);
      if (isTimed)
        return new Date(value)
          .toISOString()
          .slice(0, /Date32|^Date$|Nullable\(Date\)/.test(column.engineType) ? 10 : 16);
      return String(Math.round(value * 1000) / 1000);
    };
    return {
      unknown: basic?.unknown ?? 0,
      distinct: basic?.distinct ?? 0,
      least: shown(basic?.least ?? ''),
      greatest: shown(basic?.greatest ?? ''),
      top: top.map(({ value, rows }) => ({ value: shown(value), rows })),
      histogram: histogram.map(({ from: start, to, rows }) => ({ from: edge(start), to: edge(to), rows })),
      sample: sample.map((row) => row.value),
    };
  };

  const bars = async (
    from: string,
    number: string,
    absent: string,
    low: number,
    high: number,
  ): Promise<{ from: number; to: number; rows: number }[]> => {
    const width = (high - low) / BARS;
    const rows = await warehouse.query(
      Bar,
      `SELECT toUInt32(least(${BARS - 1}, floor((assumeNotNull(${number}) - {low:Float64}) / {width:Float64}))) AS bar, count() AS rows ${from} WHERE NOT (${absent}) GROUP BY bar ORDER BY bar`,
      { low, width },
    );
    const counts = new Map(rows.map((row) => [row.bar, row.rows]));
    return Array.from({ length: BARS }, (_, bar) => ({
      from: low + bar * width,
      to: low + (bar + 1) * width,
      rows: counts.get(bar) ?? 0,
    }));
  };

  return {
    of(physical: string, column: StatColumn): Promise<ColumnStatistics> {
      const key = `${physical} ${column.name} ${column.type}`;
      const known = remembered.get(key);
      if (known) return known;
      const computing = compute(physical, column);
      remembered.set(key, computing);
      computing.catch(() => remembered.delete(key));
      const [oldest] = remembered.keys();
      if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      return computing;
    },

    /** Distinct and total rows of a table. */
    async rows(physical: string): Promise<number> {
      const Counted = Type.Object({ n: Type.Integer() });
      const [row] = await warehouse.query(
        Counted,
        `SELECT count() AS n FROM ${warehouse.identifier(physical)}`,
      );
      return row?.n ?? 0;
    },

    /** Columns of a physical table, as the engine knows them. */
    async columns(physical: string): Promise<{ name: string; engineType: string }[]> {
      const Row = Type.Object({ name: Type.String(), type: Type.String() });
      const rows = await warehouse.query(Row, `DESCRIBE TABLE ${warehouse.identifier(physical)}`);
      return rows.map((row) => ({ name: row.name, engineType: row.type }));
    },

    async sample(
      physical: string,
      columns: readonly StatColumn[],
      limit: number,
    ): Promise<(string | null)[][]> {
      const Row = Type.Object({ texts: Type.Array(Type.String()), absent: Type.Array(Type.Boolean()) });
      if (columns.length === 0) return [];
      const rows = await warehouse.query(
        Row,
        `SELECT [${columns.map((column) => `ifNull(toString(${sqlName(column.name)}), '')`).join(', ')}] AS texts,
  [${columns.map((column) => `toBool(isNull(${sqlName(column.name)}))`).join(', ')}] AS absent
FROM ${warehouse.identifier(physical)} LIMIT {limit:UInt32}`,
        { limit },
      );
      return rows.map((row) =>
        columns.map((column, index) => {
          if (row.absent[index]) return null;
          const text = row.texts[index] ?? '';
          return column.type === 'money' ? majorUnits(text, column.scale ?? 2) : text;
        }),
      );
    },

    sqlText,
  };
}

/** A value as somebody may see it: C3 never in clear, C2 with its ends only. */
export function masked(value: string, dataClass: string | undefined): string {
  if (value === '' || dataClass === undefined || dataClass === 'C1') return value;
  if (dataClass === 'C3') return '•••';
  const characters = [...value];
  if (characters.length <= 2) return `${characters[0] ?? ''}•`;
  if (characters.length <= 6) return `${characters[0]}${'•'.repeat(characters.length - 1)}`;
  return `${characters.slice(0, 3).join('')}${'•'.repeat(characters.length - 5)}${characters.slice(-2).join('')}`;
}
