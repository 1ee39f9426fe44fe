import { type ConditionCatalog, compileCids, compileEvents } from '@rapport/conditions';
import { BUCKET_COUNT, bucketOf, type EpochMs, murmur3, parseDuration, shiftInstant } from '@rapport/kernel';
import type { CidSet, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { ModelLabel } from './contract.ts';
import type { FeatureSource, RawRow } from './encoding.ts';
import { modelsProblems } from './models.problems.ts';

/** Above this many customers a sample is learned from, drawn by hash; the accuracy gained beyond is not worth the wait. */
export const MOST_ROWS = 300_000;

export interface CustomerRow {
  readonly cid: number;
  readonly customerId: string;
  readonly raw: RawRow;
}

/** The tags a model learns from, as the catalogue knows them. @throws models.unknown_feature, models.feature_type */
export function featureSources(features: readonly string[], catalog: ConditionCatalog): FeatureSource[] {
  return features.map((feature) => {
    const tag = catalog.tag(feature);
    if (!tag) {
      throw modelsProblems.unknown_feature({
        detail: `There is no tag "${feature}" with values in the current data; create and refresh it first.`,
      });
    }
    if (tag.type === 'list') {
      throw modelsProblems.feature_type({
        detail: `Tag "${feature}" holds lists; a model needs single values.`,
      });
    }
    return { feature, type: tag.type };
  });
}

const Row = Type.Object({
  cid: Type.Integer(),
  customer_id: Type.String(),
  raw: Type.Array(Type.Union([Type.String(), Type.Null()])),
});

/** Every customer with their values of these tags, in the order of their numbers. */
export async function* readCustomers(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  features: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<CustomerRow[]> {
  const tables = new Map<string, string>();
  const values = features.map((feature) => {
    const tag = catalog.tag(feature);
    if (!tag) throw modelsProblems.unknown_feature({ detail: `There is no tag "${feature}" any more.` });
    const alias = tables.get(tag.table) ?? `t${tables.size}`;
    tables.set(tag.table, alias);
    return `toString(${alias}.${warehouse.identifier(tag.column)})`;
  });
  const joins = [...tables].map(
    ([table, alias]) => `LEFT JOIN ${warehouse.identifier(table)} AS ${alias} ON ${alias}.cid = c.cid`,
  );
  const sql = `SELECT c.cid AS cid, c.customer_id AS customer_id, CAST([${values.join(', ')}], 'Array(Nullable(String))') AS raw FROM ${warehouse.identifier(catalog.customers)} AS c ${joins.join(' ')} ORDER BY cid`;
  const rows = warehouse.stream(
    Row,
    sql,
    {},
    { settings: { join_use_nulls: 1 }, maxSeconds: 3_600, ...(signal ? { signal } : {}) },
  );
  for await (const batch of rows) {
    yield batch.map((row) => ({ cid: row.cid, customerId: row.customer_id, raw: row.raw }));
  }
}

/** Who is a positive. `asOf` is the instant that the label's window begins at. */
export async function readLabel(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  label: ModelLabel,
  question: { readonly asOf: EpochMs | undefined; readonly now: EpochMs },
): Promise<{ positives: CidSet; asOf: EpochMs }> {
  if (label.kind === 'condition') {
    const asOf = question.asOf ?? question.now;
    const { sql, params } = compileCids(label.condition, catalog, { now: asOf });
    return { positives: await warehouse.queryCids(sql, params), asOf };
  }
  const within = parseDuration(label.within);
  if (!within)
    throw modelsProblems.bad_label({ detail: `"${label.within}" is not an ISO 8601 duration such as P30D.` });
  if (!catalog.event(label.event)) {
    throw modelsProblems.bad_label({ detail: `No loaded source delivers the event "${label.event}".` });
  }
  const asOf =
    question.asOf ??
    shiftInstant(await latestEvent(warehouse, catalog, label.event, question.now), within, -1);
  const { sql, params } = compileEvents(
    {
      event: label.event,
      ...(label.where ? { where: label.where } : {}),
      after: asOf,
      until: shiftInstant(asOf, within, 1),
    },
    catalog,
  );
  return { positives: await warehouse.queryCids(`SELECT groupBitmapState(cid) FROM (${sql})`, params), asOf };
}

const Latest = Type.Object({ at: Type.Number() });

async function latestEvent(
  warehouse: Warehouse,
  catalog: ConditionCatalog,
  event: string,
  now: EpochMs,
): Promise<EpochMs> {
  const { sql, params } = compileEvents({ event, after: 0, until: now }, catalog);
  const [row] = await warehouse.query(
    Latest,
    `SELECT toFloat64(toUnixTimestamp64Milli(max(at))) AS at FROM (${sql})`,
    params,
  );
  if (!row || row.at <= 0)
    throw modelsProblems.bad_label({ detail: `There is no event "${event}" up to now.` });
  return row.at;
}

/** Whether a customer judges the model instead of teaching it; the same for every version of the model. */
export const isHeldOut = (modelId: string, customerId: string, share: number): boolean =>
  bucketOf(`model:${modelId}:validation`, customerId) < share * BUCKET_COUNT;

/** Whether a customer belongs to the sample, when `total` customers are more than can be learned from. */
export const isSampled = (modelId: string, customerId: string, total: number): boolean =>
  total <= MOST_ROWS || murmur3(`model:${modelId}:sample:${customerId}`) / 0x1_0000_0000 < MOST_ROWS / total;
