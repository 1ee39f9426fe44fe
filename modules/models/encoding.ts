import type { ValueType } from '@rapport/conditions';
import { type Static, Type } from 'typebox';

const DAY = 86_400_000;
/** Most categories of a text that get a column of their own; rarer ones share the absence of all. */
const MOST_CATEGORIES = 30;

/** How one tag becomes columns; stored with the version, so that scoring does exactly what training did. */
export const FeatureEncoding = Type.Object({
  feature: Type.String(),
  kind: Type.Enum(['number', 'signed_log', 'boolean', 'category', 'days'] as const),
  categories: Type.Array(Type.String()),
  /** Mean of the known training values, in the place of unknown ones. */
  fill: Type.Number(),
  hasUnknown: Type.Boolean(),
});
export type FeatureEncoding = Static<typeof FeatureEncoding>;

export const Encoding = Type.Object({
  /** Instant that dates are counted back from. */
  asOf: Type.Number(),
  features: Type.Array(FeatureEncoding),
  columns: Type.Array(
    Type.Object({
      column: Type.String(),
      feature: Type.String(),
      mean: Type.Number(),
      deviation: Type.Number(),
    }),
  ),
});
export type Encoding = Static<typeof Encoding>;

/** A customer's tag values as the warehouse writes them; `null` is unknown. */
export type RawRow = readonly (string | null)[];

export interface FeatureSource {
  readonly feature: string;
  readonly type: ValueType;
}

/**
 * Learns from the training rows which columns there are: numbers as they are, money by its signed logarithm (its tail
 * is long), days and instants as days before `asOf`, booleans and texts as 0/1, and “unknown” as a column of its own
 * wherever it occurs. Columns that do not vary are left out.
 */
export function learnEncoding(
  features: readonly FeatureSource[],
  rows: readonly RawRow[],
  asOf: number,
): Encoding {
  const encodings = features.map((source, index) => learnFeature(source, rows, index, asOf));
  const names = encodings.flatMap((encoding) =>
    columnNames(encoding).map((column) => ({ column, feature: encoding.feature })),
  );
  const sums = new Float64Array(names.length);
  const squares = new Float64Array(names.length);
  const cells = new Float64Array(names.length);
  for (const row of rows) {
    writeCells(encodings, row, asOf, cells, 0);
    cells.forEach((cell, index) => {
      sums[index] = (sums[index] ?? 0) + cell;
      squares[index] = (squares[index] ?? 0) + cell * cell;
    });
  }
  const columns = names.map((name, index) => {
    const mean = (sums[index] ?? 0) / rows.length;
    const variance = Math.max(0, (squares[index] ?? 0) / rows.length - mean * mean);
    return { ...name, mean, deviation: Math.sqrt(variance) };
  });
  return { asOf, features: encodings, columns };
}

/** Standardised values of these rows, row after row; a column that never varied is 0. */
export function encodeRows(encoding: Encoding, rows: readonly RawRow[]): Float64Array {
  const { columns } = encoding;
  const values = new Float64Array(rows.length * columns.length);
  rows.forEach((row, index) => {
    const from = index * columns.length;
    writeCells(encoding.features, row, encoding.asOf, values, from);
    columns.forEach(({ mean, deviation }, column) => {
      const cell = values[from + column] ?? 0;
      values[from + column] = deviation > 1e-12 ? (cell - mean) / deviation : 0;
    });
  });
  return values;
}

function learnFeature(
  { feature, type }: FeatureSource,
  rows: readonly RawRow[],
  index: number,
  asOf: number,
): FeatureEncoding {
  const kind = kindOf(type);
  const counts = new Map<string, number>();
  let [sum, known] = [0, 0];
  for (const row of rows) {
    const raw = row[index] ?? null;
    if (raw === null) continue;
    if (kind === 'category') {
      known++;
      counts.set(raw, (counts.get(raw) ?? 0) + 1);
      continue;
    }
    const value = numberOf(kind, raw, asOf);
    if (value === undefined) continue;
    sum += value;
    known++;
  }
  const categories = [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, MOST_CATEGORIES)
    .map(([category]) => category)
    .sort();
  return { feature, kind, categories, fill: known > 0 ? sum / known : 0, hasUnknown: known < rows.length };
}

function kindOf(type: ValueType): FeatureEncoding['kind'] {
  if (type === 'money') return 'signed_log';
  if (type === 'boolean') return 'boolean';
  if (type === 'date' || type === 'instant') return 'days';
  return type === 'number' ? 'number' : 'category';
}

function columnNames({ feature, kind, categories, hasUnknown }: FeatureEncoding): string[] {
  const values = kind === 'category' ? categories.map((category) => `${feature} = ${category}`) : [feature];
  return hasUnknown ? [...values, `${feature} unknown`] : values;
}

function writeCells(
  encodings: readonly FeatureEncoding[],
  row: RawRow,
  asOf: number,
  target: Float64Array,
  from: number,
): void {
  let at = from;
  encodings.forEach(({ kind, categories, fill, hasUnknown }, index) => {
    const raw = row[index] ?? null;
    const value = raw === null || kind === 'category' ? undefined : numberOf(kind, raw, asOf);
    if (kind === 'category') for (const category of categories) target[at++] = raw === category ? 1 : 0;
    else target[at++] = value ?? fill;
    if (hasUnknown) target[at++] = raw === null || (kind !== 'category' && value === undefined) ? 1 : 0;
  });
}

function numberOf(kind: FeatureEncoding['kind'], raw: string, asOf: number): number | undefined {
  if (kind === 'boolean') return raw === 'true' || raw === '1' ? 1 : 0;
  const value =
    kind === 'days'
      ? (asOf - Date.parse(raw.includes(' ') ? `${raw.replace(' ', 'T')}Z` : raw)) / DAY
      : Number(raw);
  if (!Number.isFinite(value)) return undefined;
  return kind === 'signed_log' ? Math.sign(value) * Math.log1p(Math.abs(value) / 100) : value;
}
