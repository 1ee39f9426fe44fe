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
import { createFactBuilder, type FactRole, isFactRole } from './project-facts.ts';
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

  const facts = createFactBuilder({ warehouse, releases });

  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, BUILD);
    return row?.n ?? 0;
  };

  const newTable = async (name: CanonicalName): Promise<string> => {
    const table = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, table));
    return table;
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

  /**
   * Bank ids that are customers now and were none before.
   * @returns a table of them, if there are any; or that others are customers no more, or another customer
   */
  const joinedTo = async (record: string, before: string): Promise<string | 'others left' | undefined> => {
    const rows = (table: string): string =>
      `SELECT customer_id, cid, record FROM ${warehouse.identifier(table)}`;
    const left = await count(
      `SELECT count() AS n FROM (${rows(before)}) WHERE (customer_id, cid, record) NOT IN (${rows(record)})`,
    );
    if (left > 0) return 'others left';
    const fresh = `SELECT customer_id FROM ${warehouse.identifier(record)} WHERE customer_id NOT IN (SELECT customer_id FROM ${warehouse.identifier(before)})`;
    if ((await count(`SELECT count() AS n FROM (${fresh})`)) === 0) return undefined;
    const table = releases.newTableName('joined');
    await warehouse.createTable({
      name: table,
      columns: 'customer_id String',
      orderBy: 'customer_id',
      spread: 'any',
    });
    await warehouse.command(`INSERT INTO ${warehouse.identifier(table)} (customer_id) ${fresh}`, {}, BUILD);
    return table;
  };

  const project = async (input: ProjectorInput): Promise<Projection> => {
    const tables = inOrder(input.roleTables, await deps.sourceOrder?.());
    const ofRole = (role: CanonicalRole): RoleTable[] => tables.filter((table) => table.role === role);

    /** A canonical table that was made of the same tables stays as it is. */
    const unchanged = async (role: CanonicalRole): Promise<Placement | undefined> => {
      const placement = input.release.placements.get(role);
      if (!placement || ofRole(role).some((table) => table.fresh)) return undefined;
      if (input.lostRoles) return input.lostRoles.has(role) ? undefined : placement;
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
    const joined =
      keptRecord && record !== keptRecord.table ? await joinedTo(record, keptRecord.table) : undefined;
    const buildFacts = async (role: FactRole): Promise<void> => {
      const placement = input.release.placements.get(role);
      const canGrow =
        placement && keptRecord && input.lostRoles?.has(role) === false && joined !== 'others left';
      const built =
        (canGrow
          ? await facts.grow({
              role,
              placement,
              record,
              recordBefore: keptRecord.table,
              joined,
              tables: ofRole(role),
              loadId: input.loadId ?? '',
              signal: input.signal,
            })
          : undefined) ?? (await facts.build(role, record, ofRole(role), input.signal));
      set[role] = built.placement;
      rejected.push(...built.rejected);
    };
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
      } else if (isFactRole(role)) {
        await buildFacts(role);
      }
    }
    if (joined !== undefined && joined !== 'others left') await warehouse.drop(joined);
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
