import type { CompiledSql, Condition, ConditionCatalog, SqlValue, TagEntry } from '@rapport/conditions';
import { quoted } from '@rapport/conditions';
import type { Release, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { MetricDefinition, MetricMeasure } from './contract.ts';
import { metricsProblems } from './metrics.problems.ts';
import { type Cell, SCALE } from './roll-up.ts';

/** Everything one computation reads, all of one release and one instant. */
export interface MetricWorld {
  readonly release: Release;
  readonly catalog: ConditionCatalog;
  /** A query answering the bitmap of the customers that a condition selects, read from the same release. */
  readonly conditionSql: (condition: Condition) => Promise<CompiledSql>;
}

/** Which customers are looked at. */
export interface CellScope {
  /** Org units; absent = the whole bank. */
  readonly orgUnits?: readonly string[] | undefined;
  /** Bitmap query of an audience. */
  readonly audience?: CompiledSql | undefined;
  readonly cid?: number | undefined;
}

const CellRow = Type.Object({
  org_unit: Type.String(),
  rm: Type.String(),
  total: Type.String(),
  customers: Type.Integer(),
});

/** A measure that is no ratio. */
export type PlainMeasure = Exclude<MetricMeasure, { kind: 'ratio' }>;

/**
 * The additive parts of a metric by org unit and relationship manager.
 * @throws metrics.no_data when there are no customers or the tag has no values
 */
export async function readCells(
  warehouse: Warehouse,
  world: MetricWorld,
  measure: PlainMeasure,
  scope: CellScope = {},
): Promise<Cell[]> {
  const { sql, params } = await cellsSql(warehouse, world, measure, scope);
  const rows = await warehouse.query(CellRow, sql, params);
  return rows.map((row) => ({
    orgUnit: row.org_unit,
    rm: row.rm,
    total: BigInt(row.total),
    base: BigInt(row.customers),
    customers: row.customers,
  }));
}

async function cellsSql(
  warehouse: Warehouse,
  world: MetricWorld,
  measure: PlainMeasure,
  scope: CellScope,
): Promise<CompiledSql> {
  const customer = world.release.placements.get('customer');
  if (!customer) throw metricsProblems.no_data({ detail: 'No source has delivered customers yet.' });
  const params: Record<string, SqlValue> = {};
  const tests: string[] = [];
  if (scope.orgUnits) {
    tests.push('c.org_unit IN {units:Array(String)}');
    params.units = scope.orgUnits;
  }
  if (scope.cid !== undefined) {
    tests.push('c.cid = {cid:UInt32}');
    params.cid = scope.cid;
  }
  const within = (compiled: CompiledSql, prefix: string): void => {
    tests.push(`bitmapContains((${renamed(compiled, prefix, params)}), c.cid)`);
  };
  if (scope.audience) within(scope.audience, 'audience_');
  const customers = warehouse.identifier(customer.table);
  if (measure.kind === 'customers') {
    within(await world.conditionSql(measure.condition), 'condition_');
    return {
      sql: `SELECT c.org_unit AS org_unit, c.rm AS rm, toString(count()) AS total, count() AS customers FROM ${customers} AS c WHERE ${tests.join(' AND ')} GROUP BY org_unit, rm`,
      params,
    };
  }
  const tag = requireTag(world, measure.tag);
  const value = `t.${quoted(tag.column)}`;
  tests.push(`${value} IS NOT NULL`);
  return {
    sql: `SELECT c.org_unit AS org_unit, c.rm AS rm, toString(sum(${fixedPoint(tag, value)})) AS total, count() AS customers FROM ${quoted(tag.table)} AS t INNER JOIN ${customers} AS c ON c.cid = t.cid WHERE ${tests.join(' AND ')} GROUP BY org_unit, rm`,
    params,
  };
}

/** A query answering `cid` and `value`, one row a customer that has one: the metric at the grain of customers. */
export async function customerValuesSql(
  warehouse: Warehouse,
  world: MetricWorld,
  measure: PlainMeasure,
): Promise<CompiledSql> {
  if (measure.kind === 'customers') {
    const params: Record<string, SqlValue> = {};
    const compiled = renamed(await world.conditionSql(measure.condition), 'condition_', params);
    const customer = world.release.placements.get('customer');
    if (!customer) throw metricsProblems.no_data({ detail: 'No source has delivered customers yet.' });
    return {
      sql: `SELECT cid, toFloat64(1) AS value FROM ${warehouse.identifier(customer.table)} WHERE bitmapContains((${compiled}), cid)`,
      params,
    };
  }
  const tag = requireTag(world, measure.tag);
  const column = quoted(tag.column);
  return {
    sql: `SELECT cid, assumeNotNull(${column}) AS value FROM ${quoted(tag.table)} WHERE ${column} IS NOT NULL`,
    params: {},
  };
}

/** Integers that add up to the same sum in any order. */
function fixedPoint(tag: TagEntry, value: string): string {
  return tag.type === 'money'
    ? `toInt128(assumeNotNull(${value}))`
    : `toInt128(round(assumeNotNull(${value}) * ${SCALE}))`;
}

/** @throws metrics.no_data */
function requireTag({ catalog }: MetricWorld, tagId: string): TagEntry {
  const tag = catalog.tag(tagId);
  if (!tag)
    throw metricsProblems.no_data({ detail: `The tag "${tagId}" has no values yet; refresh it first.` });
  return tag;
}

/** What one unit of a metric's `total` is: sums of numbers are in millionths. */
export function unitOf(definition: MetricDefinition, catalog: ConditionCatalog): bigint {
  const { measure } = definition;
  if (measure.kind !== 'sum' && measure.kind !== 'average') return 1n;
  return catalog.tag(measure.tag)?.type === 'money' ? 1n : SCALE;
}

/** Puts a compiled condition's parameters under names of its own into `params`. */
function renamed(compiled: CompiledSql, prefix: string, params: Record<string, SqlValue>): string {
  for (const [name, value] of Object.entries(compiled.params)) params[`${prefix}${name}`] = value;
  return compiled.sql.replaceAll(/\{(p\d+):/g, (_, name: string) => `{${prefix}${name}:`);
}
