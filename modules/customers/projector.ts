import type { Projection, Projector, ProjectorInput, RejectedRows, RoleTable } from '@rapport/sources';
import type { Placement, Relational, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import {
  CANONICAL_ROLES,
  type CanonicalName,
  type CanonicalRole,
  canonicalTable,
  PII_FIELDS,
  SHAPES,
} from './canonical.ts';
import { createCustomerKeys } from './customer-key.ts';
import { customersProblems } from './customers.problems.ts';
import { derivePiiKeys, encryptSql, identityHashSql, piiParams, scrubKeys } from './pii.ts';

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
}

/** PostgreSQL advisory lock that one projection holds at a time, over all processes. */
const LOCK = [0x7261_7070, 1] as const;
/** A build may read the whole bank. */
const BUILD = { maxSeconds: 6 * 3_600, settings: { max_insert_threads: 1 } } as const;

const Counted = Type.Object({ n: Type.Integer() });
const Uniqueness = Type.Object({ n: Type.Integer(), ids: Type.Integer() });
const Refused = Type.Object({ reason: Type.String(), n: Type.Integer() });

/**
 * Builds the canonical tables of docs/data-model.md as new physical tables from the role tables of all sources.
 * Nothing becomes visible here: the caller publishes what is answered. Running it again after a crash gives the
 * same customers the same numbers.
 */
export function createProjector(deps: ProjectorDeps): Projector {
  const { relational, warehouse, releases } = deps;
  const keys = derivePiiKeys(deps.dataKey);
  const customerKeys = createCustomerKeys({ relational, warehouse });

  const count = async (sql: string): Promise<number> => {
    const [row] = await warehouse.query(Counted, sql, {}, BUILD);
    return row?.n ?? 0;
  };

  const newTable = async (name: CanonicalName): Promise<string> => {
    const table = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, table));
    return table;
  };

  /** Statements with keys among their parameters must not show them, whatever goes wrong. */
  const commandWithKeys = async (
    sql: string,
    params: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<void> => {
    try {
      await warehouse.command(sql, params, { ...BUILD, ...(signal ? { signal } : {}) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw customersProblems.projection_failed({ detail: scrubKeys(keys, message) });
    }
  };

  const buildCustomers = async (
    tables: readonly RoleTable[],
    signal: AbortSignal | undefined,
  ): Promise<{ customer: string; pii: string; rows: string | undefined }> => {
    const customer = await newTable('customer');
    const pii = await newTable('customer_pii');
    if (tables.length === 0) return { customer, pii, rows: undefined };
    const rows = await customerRows(tables);
    await customerKeys.assign(`SELECT customer_id FROM (${rows})`);
    const keyed = `(${rows}) AS r INNER JOIN (${await customerKeys.validKeysSql()}) AS k ON r.customer_id = k.customer_id`;
    const names = SHAPES.customer.columns.map((column) => column.name);
    const values = names.map((name) => (name === 'kind' ? "if(r.kind = '', 'retail', r.kind)" : `r.${name}`));
    await warehouse.command(
      `INSERT INTO ${warehouse.identifier(customer)} (cid, customer_id, ${names.join(', ')}, source) SELECT k.cid, r.customer_id, ${values.join(', ')}, r.source FROM ${keyed}`,
      {},
      { ...BUILD, ...(signal ? { signal } : {}) },
    );
    if (deliversPii(tables)) {
      const ciphers = PII_FIELDS.map((field) => encryptSql(field, `r.${field}`, 'k.cid'));
      const known = PII_FIELDS.map((field) => `r.${field} != ''`).join(' OR ');
      await commandWithKeys(
        `INSERT INTO ${warehouse.identifier(pii)} (cid, ${PII_FIELDS.map((field) => `${field}_cipher`).join(', ')}) SELECT k.cid, ${ciphers.join(', ')} FROM ${keyed} WHERE ${known}`,
        piiParams(keys),
        signal,
      );
    }
    return { customer, pii, rows };
  };

  /** One row a customer: the first known value of every field in the order of the sources, files and lines. */
  const customerRows = async (tables: readonly RoleTable[]): Promise<string> => {
    const fields = [...SHAPES.customer.columns.map((column) => column.name), ...PII_FIELDS];
    const union = tables
      .map(
        (table, order) =>
          `SELECT toUInt32(${order}) AS ord, _file, _line, customer_id, ${fields.join(', ')}, ${literal(table.sourceId)} AS source FROM (${table.select}) WHERE customer_id != ''`,
      )
      .join(' UNION ALL ');
    if (tables.length === 1) {
      const [found] = await warehouse.query(
        Uniqueness,
        `SELECT count() AS n, uniqExact(customer_id) AS ids FROM (${union})`,
        {},
        BUILD,
      );
      if (found && found.n === found.ids) return union;
    }
    // The inner names differ from the outer ones, or the engine would take an aggregate inside an aggregate.
    const inner = fields.map((name) => `${name} AS i_${name}`).join(', ');
    const merged = fields.map((name) => `${firstKnown(name)} AS ${name}`).join(', ');
    return `SELECT customer_id, ${merged}, argMin(i_source, (ord, _file, _line)) AS source FROM (SELECT ord, _file, _line, customer_id, ${inner}, source AS i_source FROM (${union})) GROUP BY customer_id`;
  };

  const buildIdentities = async (
    customer: string,
    customerTables: readonly RoleTable[],
    identityTables: readonly RoleTable[],
    signal: AbortSignal | undefined,
  ): Promise<string> => {
    const identity = await newTable('identity');
    const parts = [
      ...identityTables.map(
        (table) =>
          `SELECT customer_id, kind, value, ${literal(table.sourceId)} AS source FROM (${table.select})`,
      ),
      ...customerTables.flatMap((table) =>
        (['phone', 'email'] as const)
          .filter((field) => table.columns.includes(field))
          .map(
            (field) =>
              `SELECT customer_id, '${field}' AS kind, ${field} AS value, ${literal(table.sourceId)} AS source FROM (${table.select})`,
          ),
      ),
    ].map((sql, order) => `SELECT toUInt32(${order}) AS ord, * FROM (${sql}) WHERE value != ''`);
    if (parts.length === 0) return identity;
    const sources = new Set([...identityTables, ...customerTables].map((table) => table.sourceId));
    const order = sources.size > 1 ? ' ORDER BY r.ord' : '';
    await commandWithKeys(
      `INSERT INTO ${warehouse.identifier(identity)} (cid, kind, value_hash, source) SELECT k.cid, r.kind, ${identityHashSql('r.kind', 'r.value')} AS hash, r.source FROM (${parts.join(' UNION ALL ')}) AS r INNER JOIN (SELECT customer_id, cid FROM ${warehouse.identifier(customer)}) AS k ON r.customer_id = k.customer_id${order} LIMIT 1 BY k.cid, r.kind, hash`,
      { identityKey: keys.identity.toString('hex') },
      signal,
    );
    return identity;
  };

  /** Rows of customers: those of unknown customers, or without what a row cannot do without, are left out. */
  const buildFacts = async (
    role: 'account' | 'holding' | 'transaction' | 'event',
    customer: string,
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
        `INSERT INTO ${warehouse.identifier(target)} (cid, ${columns.map((column) => column.name).join(', ')}, source) SELECT k.cid, ${values.join(', ')}, ${literal(table.sourceId)} FROM (SELECT * FROM (${table.select})${filter}) AS r INNER JOIN (SELECT customer_id, cid FROM ${warehouse.identifier(customer)}) AS k ON r.customer_id = k.customer_id`,
        {},
        { ...BUILD, ...(signal ? { signal } : {}) },
      );
      const offered = await count(`SELECT count() AS n FROM (${table.select})`);
      const after = await count(`SELECT count() AS n FROM ${warehouse.identifier(target)}`);
      if (after - before < offered) rejected.push(...(await rejections(role, table, customer)));
      before = after;
    }
    return { table: target, rejected };
  };

  const rejections = async (
    role: 'account' | 'holding' | 'transaction' | 'event',
    table: RoleTable,
    customer: string,
  ): Promise<RejectedRows[]> => {
    const reasons = [
      {
        reason: 'unknown_customer',
        when: `customer_id NOT IN (SELECT customer_id FROM ${warehouse.identifier(customer)})`,
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

    const set: Partial<Record<CanonicalName, Placement>> = {};
    const rejected: RejectedRows[] = [];
    const customerTables = ofRole('customer');
    const kept = await unchanged('customer');
    const keptPii = input.release.placements.get('customer_pii');
    let customer: string;
    if (kept && keptPii) {
      customer = kept.table;
      set.customer = kept;
      set.customer_pii = keptPii;
    } else {
      const built = await buildCustomers(customerTables, input.signal);
      customer = built.customer;
      set.customer = { table: built.customer };
      set.customer_pii = { table: built.pii };
    }
    for (const role of CANONICAL_ROLES) {
      if (role === 'customer') continue;
      input.signal?.throwIfAborted();
      const stays = kept || !SHAPES[role].ofCustomer ? await unchanged(role) : undefined;
      if (stays) {
        set[role] = stays;
      } else if (role === 'identity') {
        set[role] = {
          table: await buildIdentities(customer, customerTables, ofRole('identity'), input.signal),
        };
      } else if (role === 'product' || role === 'org_unit') {
        set[role] = { table: await buildShared(role, ofRole(role), input.signal) };
      } else {
        const built = await buildFacts(role, customer, ofRole(role), input.signal);
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

/** The value of the first row that knows it; of maps, every key by itself. */
function firstKnown(name: string): string {
  const place = '(ord, _file, _line)';
  const column = SHAPES.customer.columns.find((candidate) => candidate.name === name);
  if (name === 'attributes') {
    return `arrayFold((known, more) -> mapUpdate(more.2, known), arraySort(groupArray((${place}, i_attributes))), CAST(map() AS Map(String, String)))`;
  }
  const isKnown = column?.type.startsWith('Nullable') ? `i_${name} IS NOT NULL` : `i_${name} != ''`;
  return `argMinIf(i_${name}, ${place}, ${isKnown})`;
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

const deliversPii = (tables: readonly RoleTable[]): boolean =>
  tables.some((table) => PII_FIELDS.some((field) => table.columns.includes(field)));

const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function inOrder(tables: readonly RoleTable[], order: readonly string[] = []): RoleTable[] {
  const rank = (sourceId: string): number => {
    const at = order.indexOf(sourceId);
    return at < 0 ? order.length : at;
  };
  return tables.toSorted(
    (a, b) =>
      rank(a.sourceId) - rank(b.sourceId) ||
      (a.sourceId < b.sourceId ? -1 : a.sourceId > b.sourceId ? 1 : 0) ||
      (a.table < b.table ? -1 : a.table > b.table ? 1 : 0),
  );
}
