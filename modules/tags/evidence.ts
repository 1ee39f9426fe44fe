import type { ConditionCatalog, SqlValue } from '@rapport/conditions';
import { toIso } from '@rapport/kernel';
import type { Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Computation, TagWorld } from './compute.ts';
import type { EvidenceRow, TagDefinition, TagEvidence, TagValue } from './contract.ts';
import { dependenciesOf, withPrefix } from './plan.ts';
import { type CanonicalTable, columnsOf } from './tables.ts';
import { knownValue, readSql, rowValue } from './values.ts';

const SHOWN = 100;
const Counted = Type.Object({ n: Type.Integer() });
const AnyRow = Type.Record(Type.String(), Type.Unknown());
const Found = Type.Object({ found: Type.Integer() });

export interface EvidenceInput {
  readonly world: TagWorld;
  readonly tag: TagDefinition;
  readonly catalog: ConditionCatalog;
  readonly customer: { readonly cid: number; readonly customerId: string };
  readonly definitionVersion: number;
  readonly stored: TagValue | undefined;
  /** The customer's values of other tags. */
  readonly valuesOf: (tagIds: readonly string[]) => Promise<ReadonlyMap<string, TagValue>>;
}

/** Computes one customer's value again from rows, and shows the rows. */
export async function evidenceOf(
  deps: { warehouse: Warehouse; computation: Computation },
  input: EvidenceInput,
): Promise<TagEvidence> {
  const { definition } = input.tag;
  const found =
    definition.kind === 'fact' || definition.kind === 'statistical' || definition.kind === 'stream'
      ? await fromRows(
          deps,
          input,
          definition.kind === 'fact'
            ? definition.from
            : definition.kind === 'stream'
              ? 'event'
              : definition.over,
        )
      : definition.kind === 'rule'
        ? await fromCases(deps, input)
        : await fromTags(deps, input);
  const { recomputed } = found;
  return {
    tagId: input.tag.id,
    customerId: input.customer.customerId,
    asOf: toIso(input.world.asOf),
    ...(input.stored === undefined ? {} : { stored: input.stored }),
    agrees: JSON.stringify(input.stored) === JSON.stringify(recomputed),
    definitionVersion: input.definitionVersion,
    rows: [],
    rowCount: 0,
    inputs: [],
    ...found,
  };
}

type Found = Partial<TagEvidence> & { readonly recomputed?: TagValue; readonly sql: string };

async function fromRows(
  { warehouse, computation }: { warehouse: Warehouse; computation: Computation },
  { world, tag, customer }: EvidenceInput,
  table: CanonicalTable,
): Promise<Found> {
  const plan = computation.planRows(world, tag);
  const { sql: value, params: named } = withPrefix(plan.value, plan.params, 'w_');
  const rows = withPrefix(plan.rows, plan.params, 'w_').sql;
  const params: Record<string, SqlValue> = { ...named, cid: customer.cid };
  const own = `(SELECT * FROM ${plan.from} WHERE cid = {cid:UInt32})`;
  const sql = `SELECT ${readSql(tag.valueType, 'v')} AS v FROM (SELECT ${value} AS v FROM ${own})`;
  const [values, counts, shown] = await Promise.all([
    warehouse.query(Type.Object({ v: rowValue(tag.valueType) }), sql, params),
    warehouse.query(Counted, `SELECT count() AS n FROM ${own} WHERE ${rows}`, params),
    warehouse.query(
      AnyRow,
      `SELECT * FROM ${own} WHERE ${rows} ORDER BY ${plan.order} DESC LIMIT ${SHOWN}`,
      params,
    ),
  ]);
  const recomputed = knownValue(values[0]?.v);
  return {
    ...(recomputed === undefined ? {} : { recomputed }),
    table,
    rows: shown.map((row) => presentRow(row, table)),
    rowCount: counts[0]?.n ?? 0,
    sql,
  };
}

async function fromCases(
  { warehouse, computation }: { warehouse: Warehouse; computation: Computation },
  { world, tag, catalog, customer, valuesOf }: EvidenceInput,
): Promise<Found> {
  if (tag.definition.kind !== 'rule') throw new Error(`${tag.id} is no rule`);
  const cases = computation.caseSql(world, tag.definition, catalog, 'r_');
  const table = warehouse.identifier(world.release.placements.get('customer')?.table ?? 'customer');
  const sql = `SELECT ${cases.sql} AS found FROM ${table} WHERE cid = {cid:UInt32}`;
  const [rows, inputs] = await Promise.all([
    warehouse.query(Found, sql, { ...cases.params, cid: customer.cid }),
    inputsOf(tag, valuesOf),
  ]);
  const matchedCase = rows[0]?.found ?? -1;
  const given = matchedCase < 0 ? tag.definition.otherwise : tag.definition.cases[matchedCase]?.value;
  const recomputed = Array.isArray(given) ? given.toSorted() : given;
  return { ...(recomputed === undefined ? {} : { recomputed }), matchedCase, inputs, sql };
}

async function fromTags(
  { warehouse, computation }: { warehouse: Warehouse; computation: Computation },
  { world, tag, customer, valuesOf }: EvidenceInput,
): Promise<Found> {
  if (tag.definition.kind !== 'derived') throw new Error(`${tag.id} is not derived`);
  const sql = `SELECT ${readSql(tag.valueType, 't0')} AS v FROM (${computation.derivedSql(world, tag, tag.definition)}) WHERE cid = {cid:UInt32}`;
  const [rows, inputs] = await Promise.all([
    warehouse.query(
      Type.Object({ v: rowValue(tag.valueType) }),
      sql,
      { cid: customer.cid },
      { settings: { join_use_nulls: 1 } },
    ),
    inputsOf(tag, valuesOf),
  ]);
  const recomputed = knownValue(rows[0]?.v);
  return { ...(recomputed === undefined ? {} : { recomputed }), inputs, sql };
}

async function inputsOf(
  tag: TagDefinition,
  valuesOf: EvidenceInput['valuesOf'],
): Promise<TagEvidence['inputs']> {
  const { tags } = dependenciesOf(tag);
  const values = await valuesOf(tags);
  return tags.map((tagId) => {
    const value = values.get(tagId);
    return { tagId, ...(value === undefined ? {} : { value }) };
  });
}

/** A canonical row as names and plain values; maps are spread, and the number only we use is left out. */
function presentRow(row: Readonly<Record<string, unknown>>, table: CanonicalTable): EvidenceRow {
  const types = columnsOf(table);
  const shown: EvidenceRow = {};
  const put = (name: string, value: unknown): void => {
    if (typeof value === 'boolean' || typeof value === 'number' || value === null) shown[name] = value;
    else if (typeof value === 'string')
      shown[name] = types[name] === 'money' || types[name] === 'number' ? Number(value) : value;
    else if (typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) put(`${name}.${key}`, inner);
    }
  };
  for (const [name, value] of Object.entries(row)) {
    if (name !== 'cid' && name !== 'value_hash') put(name, value);
  }
  return shown;
}
