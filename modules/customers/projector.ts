import type { Projection, Projector, ProjectorInput, RejectedRows, RoleTable } from '@rapport/sources';
import type { Placement, Relational, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import {
  CANONICAL_ROLES,
  type CanonicalName,
  type CanonicalRole,
  canonicalTable,
  SHAPES,
} from './canonical.ts';
import { createCustomerKeys } from './customer-key.ts';
import { derivePiiKeys } from './pii.ts';
import { createCustomerBuilder } from './project-customers.ts';
import { inOrder, literal, type Survivorship } from './survivorship.ts';

export interface ProjectorDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly dataKey: Buffer;
  /**
   * Sources from the most to the least trusted: of two that know a customer's field, the first wins. Sources it
   * does not name follow by id. @default by id
   */
  readonly sourceOrder?: () => Promise<readonly string[]>;
  /** Which of several values of a field a customer has. @default the most trusted source's */
  readonly survivorship?: () => Promise<Survivorship | undefined>;
}

/** PostgreSQL advisory lock that one projection holds at a time, over all processes. */
const LOCK = [0x7261_7070, 1] as const;
/** A build may read the whole bank. */
const BUILD = { maxSeconds: 6 * 3_600, settings: { max_insert_threads: 1 } } as const;

const Counted = Type.Object({ n: Type.Integer() });
const Refused = Type.Object({ reason: Type.String(), n: Type.Integer() });

/**
 * Builds the canonical tables of docs/data-model.md as new physical tables from the role tables of all sources.
 * Nothing becomes visible here: the caller publishes what is answered. Running it again after a crash gives the
 * same customers the same numbers.
 */
export function createProjector(deps: ProjectorDeps): Projector {
  const { relational, warehouse, releases } = deps;
  const builder = createCustomerBuilder({
    warehouse,
    releases,
    customerKeys: createCustomerKeys({ relational, warehouse }),
    keys: derivePiiKeys(deps.dataKey),
    survivorship: async () => deps.survivorship?.(),
  });

  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, BUILD);
    return row?.n ?? 0;
  };

  const newTable = async (name: CanonicalName): Promise<string> => {
    const table = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, table));
    return table;
  };

  /** Rows of customers: those of unknown customers, or without what a row cannot do without, are left out. */
  const buildFacts = async (
    role: 'account' | 'holding' | 'transaction' | 'event',
    record: string,
    tables: readonly RoleTable[],
    signal: AbortSignal | undefined,
  ): Promise<{ table: string; rejected: RejectedRows[] }> => {
    const target = await newTable(role);
    const rejected: RejectedRows[] = [];
    const columns = SHAPES[role].columns;
    const complete = incompleteReasons(role).map(({ when }) => `NOT (${when})`);
    let before = 0;
    for (const table of tables) {
      const values = columns.map((column) =>
        column.required ? `assumeNotNull(r.${column.name})` : `r.${column.name}`,
      );
      const filter = complete.length > 0 ? ` WHERE ${complete.join(' AND ')}` : '';
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(target)} (cid, record, ${columns.map((column) => column.name).join(', ')}, source) SELECT k.cid, k.record, ${values.join(', ')}, ${literal(table.sourceId)} FROM (SELECT * FROM (${table.select})${filter}) AS r INNER JOIN (SELECT customer_id, cid, record FROM ${warehouse.identifier(record)}) AS k ON r.customer_id = k.customer_id`,
        {},
        { ...BUILD, ...(signal ? { signal } : {}) },
      );
      const offered = await count(`SELECT count() AS n FROM (${table.select})`);
      const after = await count(`SELECT count() AS n FROM ${warehouse.identifier(target)}`);
      if (after - before < offered) rejected.push(...(await rejections(role, table, record)));
      before = after;
    }
    return { table: target, rejected };
  };

  const rejections = async (
    role: 'account' | 'holding' | 'transaction' | 'event',
    table: RoleTable,
    record: string,
  ): Promise<RejectedRows[]> => {
    const reasons = [
      {
        reason: 'unknown_customer',
        when: `customer_id NOT IN (SELECT customer_id FROM ${warehouse.identifier(record)})`,
        value: 'customer_id',
      },
      ...incompleteReasons(role),
    ];
    const classified = `SELECT multiIf(${reasons.map(({ reason, when }) => `${when}, '${reason}'`).join(', ')}, '') AS reason, _file, _line, multiIf(${reasons.map(({ reason, value }) => `reason = '${reason}', ${value}`).join(', ')}, '') AS value FROM (${table.select})`;
    const found = await warehouse.query(
      Refused,
      `SELECT reason, count() AS n FROM (${classified}) WHERE reason != '' GROUP BY reason ORDER BY reason`,
      {},
      BUILD,
    );
    return found.map((row) => ({
      sourceId: table.sourceId,
      table: table.table,
      reason: row.reason,
      count: row.n,
      rowsSql: `SELECT _file, _line, value FROM (${classified}) WHERE reason = '${row.reason}'`,
    }));
  };

  const buildShared = async (
    role: 'product' | 'org_unit',
    tables: readonly RoleTable[],
    signal: AbortSignal | undefined,
  ): Promise<string> => {
    const target = await newTable(role);
    if (tables.length === 0) return target;
    const names = SHAPES[role].columns.map((column) => column.name).join(', ');
    const key = role === 'product' ? 'product_id' : 'code';
    const union = tables
      .map(
        (table, order) =>
          `SELECT toUInt32(${order}) AS ord, _file, _line, ${names}, ${literal(table.sourceId)} AS source FROM (${table.select}) WHERE ${key} != ''`,
      )
      .join(' UNION ALL ');
    await warehouse.command(
      `INSERT INTO ${warehouse.identifier(target)} (${names}, source) SELECT ${names}, source FROM (${union}) ORDER BY ord, _file, _line LIMIT 1 BY ${key}`,
      {},
      { ...BUILD, ...(signal ? { signal } : {}) },
    );
    return target;
  };

  const project = async (input: ProjectorInput): Promise<Projection> => {
    const tables = inOrder(input.roleTables, await deps.sourceOrder?.());
    const ofRole = (role: CanonicalRole): RoleTable[] => tables.filter((table) => table.role === role);

    /** A canonical table this source has no part in, now or before, stays as it is. */
    const unchanged = async (role: CanonicalRole): Promise<Placement | undefined> => {
      const placement = input.release.placements.get(role);
      if (!placement || ofRole(role).some((table) => table.fresh)) return undefined;
      const rows = await count(
        `SELECT count() AS n FROM ${warehouse.identifier(placement.table)} WHERE source = ${literal(input.sourceId)}`,
      );
      return rows === 0 ? placement : undefined;
    };

    const set: Partial<Record<CanonicalName | 'record', Placement>> = {};
    const rejected: RejectedRows[] = [];
    const customerTables = ofRole('customer');
    const kept = await unchanged('customer');
    const keptPii = input.release.placements.get('customer_pii');
    const keptRecord = input.release.placements.get('record');
    /** Bank ids of all customers, with the customer each of them is. */
    let record: string;
    if (kept && keptPii && keptRecord) {
      record = keptRecord.table;
      set.customer = kept;
      set.customer_pii = keptPii;
      set.record = keptRecord;
    } else {
      const aliases = input.release.placements.get('alias')?.table;
      const built = await builder.customers(customerTables, aliases, { signal: input.signal });
      record = built.record;
      set.customer = { table: built.customer };
      set.customer_pii = { table: built.pii };
      set.record = { table: built.record };
    }
    for (const role of CANONICAL_ROLES) {
      if (role === 'customer') continue;
      input.signal?.throwIfAborted();
      const stays = set.record === keptRecord || !SHAPES[role].ofCustomer ? await unchanged(role) : undefined;
      if (stays) {
        set[role] = stays;
      } else if (role === 'identity') {
        set[role] = {
          table: await builder.identities(record, customerTables, ofRole('identity'), {
            hasMerged: input.release.placements.has('alias'),
            signal: input.signal,
          }),
        };
      } else if (role === 'relation') {
        const built = await builder.relations(record, ofRole('relation'), input.signal);
        set.relation = { table: built.table };
        rejected.push(...built.rejected);
      } else if (role === 'product' || role === 'org_unit') {
        set[role] = { table: await buildShared(role, ofRole(role), input.signal) };
      } else {
        const built = await buildFacts(role, record, ofRole(role), input.signal);
        set[role] = { table: built.table };
        rejected.push(...built.rejected);
      }
    }
    return { set, rejected };
  };

  return {
    async project(input) {
      const client = await relational.pool.connect();
      try {
        await client.query('select pg_advisory_lock($1, $2)', [...LOCK]);
        try {
          return await project(input);
        } finally {
          await client.query('select pg_advisory_unlock($1, $2)', [...LOCK]);
        }
      } finally {
        client.release();
      }
    },
  };
}

/** What makes a row of a role useless, beside an unknown customer. */
function incompleteReasons(role: CanonicalRole): { reason: string; when: string; value: string }[] {
  const missing = SHAPES[role].columns
    .filter((column) => column.required)
    .map((column) => ({ reason: `no_${column.name}`, when: `${column.name} IS NULL`, value: "''" }));
  if (role !== 'transaction') return missing;
  return [
    ...missing,
    { reason: 'negative_amount', when: 'amount_minor < 0', value: "ifNull(toString(amount_minor), '')" },
  ];
}
