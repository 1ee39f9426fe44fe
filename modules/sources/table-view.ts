import type { LocalizedText } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { ColumnView } from './contract.ts';
import { COLUMN_TYPES } from './manifest.schema.ts';
import { MASK } from './quarantine.ts';
import type { PhysicalTable } from './sources.store.sql.ts';
import { sqlName } from './sql-text.ts';

const Statistics = Type.Object({
  unknown: Type.Array(Type.Integer()),
  distinct: Type.Array(Type.Integer()),
  least: Type.Array(Type.String()),
  greatest: Type.Array(Type.String()),
});
const Sample = Type.Object({ texts: Type.Array(Type.String()), absent: Type.Array(Type.Boolean()) });

type Statistic = { unknown: number; distinct: number; least: string; greatest: string };

/** Physical tables never change, so what was computed of one holds for as long as it is there. */
const REMEMBERED = 200;

/** Columns, statistics and first rows of loaded tables. */
export function createTableViews(warehouse: Warehouse) {
  const remembered = new Map<string, Statistic[]>();

  const statisticsOf = async (table: PhysicalTable): Promise<Statistic[]> => {
    const known = remembered.get(table.physical);
    if (known) return known;
    const { columns } = table.description;
    const isAbsent = (name: string, type: string): string =>
      type.startsWith('Nullable') || type.startsWith('LowCardinality(Nullable')
        ? `countIf(${name} IS NULL)`
        : /String/.test(type) && !/Map|Array|Tuple/.test(type)
          ? `countIf(${name} = '')`
          : '0';
    const isPlain = (type: string): boolean => !/Map|Array|Tuple|AggregateFunction/.test(type);
    const each = (make: (name: string, type: string) => string): string =>
      `[${columns.map((column) => make(sqlName(column.name), column.engineType)).join(', ')}]`;
    const bound = (function_: string) => (name: string, type: string) =>
      isPlain(type) ? `ifNull(toString(${function_}(${name})), '')` : `''`;
    const [row] = await warehouse.query(
      Statistics,
      `SELECT ${each((name, type) => `toUInt64(${isAbsent(name, type)})`)} AS unknown,
  ${each((name, type) => (isPlain(type) ? `uniq(${name})` : 'toUInt64(0)'))} AS distinct,
  ${each(bound('min'))} AS least, ${each(bound('max'))} AS greatest
FROM ${warehouse.identifier(table.physical)}`,
    );
    const statistics = columns.map((_, index) => ({
      unknown: row?.unknown[index] ?? 0,
      distinct: row?.distinct[index] ?? 0,
      least: row?.least[index] ?? '',
      greatest: row?.greatest[index] ?? '',
    }));
    remembered.set(table.physical, statistics);
    const [oldest] = remembered.keys();
    if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    return statistics;
  };

  return {
    async view(
      table: PhysicalTable,
      limit: number,
      options: {
        readonly seesPersonal: boolean;
        readonly seesRows: boolean;
        readonly titleOf: (column: string) => LocalizedText | undefined;
      },
    ): Promise<{ columns: ColumnView[]; sample: Record<string, string | null>[] }> {
      const { columns } = table.description;
      const statistics = await statisticsOf(table);
      const views = columns.map((column, index): ColumnView => {
        const statistic = statistics[index];
        const title = options.titleOf(column.name);
        const format = (text: string): string =>
          column.type === 'money' ? majorUnits(text, column.scale ?? 2) : text;
        const showsBounds =
          !column.personal && options.seesRows && statistic !== undefined && statistic.greatest !== '';
        return {
          name: column.name,
          type: COLUMN_TYPES.find((type) => type === column.type) ?? 'other',
          engineType: column.engineType,
          ...(title ? { title } : {}),
          personal: column.personal,
          ...(column.currency === undefined ? {} : { currency: column.currency }),
          ...(column.scale === undefined ? {} : { scale: column.scale }),
          unknown: statistic?.unknown ?? 0,
          distinct: statistic?.distinct ?? 0,
          ...(showsBounds ? { least: format(statistic.least), greatest: format(statistic.greatest) } : {}),
        };
      });
      if (!options.seesRows) return { columns: views, sample: [] };
      const rows = await warehouse.query(
        Sample,
        `SELECT [${columns.map((column) => `ifNull(toString(${sqlName(column.name)}), '')`).join(', ')}] AS texts,
  [${columns.map((column) => `toBool(isNull(${sqlName(column.name)}))`).join(', ')}] AS absent
FROM ${warehouse.identifier(table.physical)} LIMIT {limit:UInt32}`,
        { limit },
      );
      const sample = rows.map((row) =>
        Object.fromEntries(
          columns.map((column, index): [string, string | null] => {
            const text = row.texts[index] ?? '';
            if (row.absent[index]) return [column.name, null];
            if (column.personal && !options.seesPersonal) return [column.name, text === '' ? '' : MASK];
            return [column.name, column.type === 'money' ? majorUnits(text, column.scale ?? 2) : text];
          }),
        ),
      );
      return { columns: views, sample };
    },
  };
}

/** An integer in minor units as a decimal text. */
export function majorUnits(minor: string, scale: number): string {
  if (scale === 0 || !/^-?\d+$/.test(minor)) return minor;
  const digits = minor.replace('-', '').padStart(scale + 1, '0');
  return `${minor.startsWith('-') ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
