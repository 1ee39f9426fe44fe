import type { RejectedRows, RoleTable } from '@rapport/sources';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { type CanonicalName, canonicalTable, PII_FIELDS, SHAPES } from './canonical.ts';
import type { CustomerKeys } from './customer-key.ts';
import { customersProblems } from './customers.problems.ts';
import { encryptSql, identityHashSql, type PiiKeys, piiParams, scrubKeys } from './pii.ts';
import { CUSTOMER_FIELDS, candidateRows, literal, type Survivorship, survivingSql } from './survivorship.ts';

export interface BuiltCustomers {
  readonly customer: string;
  readonly pii: string;
  /** Bank ids with their own number and the customer they are. */
  readonly record: string;
}

/** Only these bank ids, as a query answering them in one column; every other row is left out. */
export interface Only {
  readonly customerIds: string;
}

export interface CustomerBuilder {
  /**
   * One row a customer, from the rows of all its records.
   * @param aliases  table of the records that were merged into another (`record`, `cid`), if any were
   */
  customers(
    tables: readonly RoleTable[],
    aliases: string | undefined,
    options?: { signal?: AbortSignal | undefined; only?: Only },
  ): Promise<BuiltCustomers>;
  /** Keyed hashes of what customers are recognised by. */
  identities(
    record: string,
    customerTables: readonly RoleTable[],
    identityTables: readonly RoleTable[],
    options?: { signal?: AbortSignal | undefined; only?: Only; hasMerged?: boolean },
  ): Promise<string>;
  /** Relations between customers, each from both ends. */
  relations(
    record: string,
    tables: readonly RoleTable[],
    signal?: AbortSignal,
  ): Promise<{ table: string; rejected: RejectedRows[] }>;
  /** A new table of bank ids, as `record` of the release. */
  recordTable(): Promise<string>;
}

/** A build may read the whole bank. */
const BUILD = { maxSeconds: 6 * 3_600, settings: { max_insert_threads: 1 } } as const;
const Counted = Type.Object({ n: Type.Integer() });

export function createCustomerBuilder(deps: {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly customerKeys: CustomerKeys;
  readonly keys: PiiKeys;
  readonly survivorship: () => Promise<Survivorship | undefined>;
}): CustomerBuilder {
  const { warehouse, releases, customerKeys, keys } = deps;

  const newTable = async (name: CanonicalName): Promise<string> => {
    const table = releases.newTableName(name);
    await warehouse.createTable(canonicalTable(name, table));
    return table;
  };
  const recordTable = async (): Promise<string> => {
    const table = releases.newTableName('record');
    await warehouse.createTable({
      name: table,
      columns:
        'customer_id String, cid UInt32, record UInt32, INDEX record_of cid TYPE bloom_filter(0.01) GRANULARITY 4',
      orderBy: 'customer_id',
      spread: 'cid',
    });
    return table;
  };
  const options = (signal: AbortSignal | undefined) => ({ ...BUILD, ...(signal ? { signal } : {}) });

  /** Statements with keys among their parameters must not show them, whatever goes wrong. */
  const commandWithKeys = async (
    sql: string,
    params: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<void> => {
    try {
      await warehouse.command(sql, params, options(signal));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw customersProblems.projection_failed({ detail: scrubKeys(keys, message) });
    }
  };

  return {
    recordTable,

    async customers(tables, aliases, { signal, only } = {}) {
      const customer = await newTable('customer');
      const pii = await newTable('customer_pii');
      const record = await recordTable();
      if (tables.length === 0) return { customer, pii, record };
      const survivorship = await deps.survivorship();
      const rows = candidateRows(tables, only === undefined ? '' : `customer_id IN (${only.customerIds})`);
      await customerKeys.assign(`SELECT customer_id FROM (${rows})`);
      const valid = await customerKeys.validKeysSql();
      const resolved = aliases
        ? `SELECT k.customer_id AS customer_id, k.cid AS record, if(a.cid = 0, k.cid, a.cid) AS cid FROM (${valid}) AS k LEFT JOIN (SELECT record, cid FROM ${warehouse.identifier(aliases)}) AS a ON k.cid = a.record`
        : `SELECT customer_id, cid AS record, cid FROM (${valid})`;
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(record)} (customer_id, cid, record) SELECT customer_id, cid, record FROM (${resolved}) WHERE customer_id IN (SELECT customer_id FROM (${rows}))`,
        {},
        options(signal),
      );
      const keyed = `SELECT r.*, k.cid AS cid, k.record AS record FROM (${rows}) AS r INNER JOIN (SELECT customer_id, cid, record FROM ${warehouse.identifier(record)}) AS k ON r.customer_id = k.customer_id`;
      const one = await oneRowEach(keyed, survivorship);
      const names = SHAPES.customer.columns.map((column) => column.name);
      const values = names.map((name) =>
        name === 'kind' ? "if(r.kind = '', 'retail', r.kind)" : `r.${name}`,
      );
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(customer)} (cid, customer_id, ${names.join(', ')}, source) SELECT r.cid, r.customer_id, ${values.join(', ')}, r.source FROM (${one}) AS r`,
        {},
        options(signal),
      );
      if (deliversPii(tables)) {
        const ciphers = PII_FIELDS.map((field) => encryptSql(field, `r.${field}`, 'r.cid'));
        const known = PII_FIELDS.map((field) => `r.${field} != ''`).join(' OR ');
        await commandWithKeys(
          `INSERT INTO ${warehouse.identifier(pii)} (cid, ${PII_FIELDS.map((field) => `${field}_cipher`).join(', ')}) SELECT r.cid, ${ciphers.join(', ')} FROM (${one}) AS r WHERE ${known}`,
          piiParams(keys),
          signal,
        );
      }
      return { customer, pii, record };
    },

    async identities(record, customerTables, identityTables, { signal, only, hasMerged = false } = {}) {
      const identity = await newTable('identity');
      const parts = identityRows(customerTables, identityTables).map(
        (sql, order) =>
          `SELECT toUInt32(${order}) AS ord, * FROM (${sql}) WHERE value != ''${only === undefined ? '' : ` AND customer_id IN (${only.customerIds})`}`,
      );
      if (parts.length === 0) return identity;
      const sources = new Set([...identityTables, ...customerTables].map((table) => table.sourceId));
      // Which record an identity that several have is kept of must not hang on the engine's order.
      const order = sources.size > 1 || hasMerged ? ' ORDER BY r.ord, k.record' : '';
      await commandWithKeys(
        `INSERT INTO ${warehouse.identifier(identity)} (cid, kind, value_hash, record, source) SELECT k.cid, r.kind, ${identityHashSql('r.kind', 'r.value')} AS hash, k.record, r.source FROM (${parts.join(' UNION ALL ')}) AS r INNER JOIN (SELECT customer_id, cid, record FROM ${warehouse.identifier(record)}) AS k ON r.customer_id = k.customer_id${order} LIMIT 1 BY k.cid, r.kind, hash`,
        { identityKey: keys.identity.toString('hex') },
        signal,
      );
      return identity;
    },

    async relations(record, tables, signal) {
      const target = await newTable('relation');
      if (tables.length === 0) return { table: target, rejected: [] };
      const union = tables
        .map(
          (table, order) =>
            `SELECT toUInt32(${order}) AS ord, _file, _line, from_id, to_id, kind, share, since, until, ${literal(table.sourceId)} AS source FROM (${table.select})`,
        )
        .join(' UNION ALL ');
      const of = (end: string) =>
        `(SELECT customer_id AS ${end}_id, cid AS ${end}_cid, record AS ${end}_record FROM ${warehouse.identifier(record)})`;
      const ends = [
        ['out', 'from', 'to'],
        ['in', 'to', 'from'],
      ] as const;
      const joined = `SELECT * FROM (SELECT * FROM (${union}) AS r INNER JOIN ${of('from')} AS f USING (from_id)) AS r INNER JOIN ${of('to')} AS t USING (to_id)`;
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(target)} (cid, record, direction, kind, other_cid, other_record, share, since, until, source) ${ends
          .map(
            ([direction, own, other]) =>
              `SELECT ${own}_cid AS cid, ${own}_record AS record, '${direction}' AS direction, kind, ${other}_cid AS other_cid, ${other}_record AS other_record, share, since, until, source FROM (${joined}) WHERE from_cid != to_cid ORDER BY ord, _file, _line LIMIT 1 BY cid, kind, other_cid`,
          )
          .map((sql) => `SELECT * FROM (${sql})`)
          .join(' UNION ALL ')}`,
        {},
        options(signal),
      );
      const rejected: RejectedRows[] = [];
      for (const table of tables) {
        const unknown = ['from_id', 'to_id'].map(
          (end) => `${end} NOT IN (SELECT customer_id FROM ${warehouse.identifier(record)})`,
        );
        const rowsSql = `SELECT _file, _line, if(${unknown[0]}, from_id, to_id) AS value FROM (${table.select}) WHERE ${unknown.join(' OR ')}`;
        const [counted] = await warehouse.query(Counted, `SELECT count() AS n FROM (${rowsSql})`, {}, BUILD);
        if (counted && counted.n > 0) {
          rejected.push({
            sourceId: table.sourceId,
            table: table.table,
            reason: 'unknown_customer',
            count: counted.n,
            rowsSql,
          });
        }
      }
      return { table: target, rejected };
    },
  };

  /** Only customers with several rows are gathered: ten million groups would not fit into memory. */
  async function oneRowEach(keyed: string, survivorship: Survivorship | undefined): Promise<string> {
    const columns = ['cid', 'customer_id', ...CUSTOMER_FIELDS, 'source'].join(', ');
    const [several] = await warehouse.query(
      Counted,
      `SELECT count() AS n FROM (SELECT cid FROM (${keyed}) GROUP BY cid HAVING count() > 1 LIMIT 1)`,
      {},
      BUILD,
    );
    if (several?.n === 0) return `SELECT ${columns} FROM (${keyed})`;
    const repeated = `SELECT cid FROM (${keyed}) GROUP BY cid HAVING count() > 1`;
    const inner = ['ord', '_file', '_line', 'record', 'customer_id', ...CUSTOMER_FIELDS, 'source']
      .map((name) => `${name} AS i_${name}`)
      .join(', ');
    // The inner names differ from the outer ones, or the engine would take an aggregate inside an aggregate.
    const merged = CUSTOMER_FIELDS.map((name) => `${survivingSql(survivorship, name)} AS ${name}`).join(', ');
    return `SELECT ${columns} FROM (${keyed}) WHERE cid NOT IN (${repeated}) UNION ALL SELECT cid, argMin(i_customer_id, i_record) AS customer_id, ${merged}, argMin(i_source, (i_ord, i__file, i__line)) AS source FROM (SELECT cid, ${inner} FROM (${keyed}) WHERE cid IN (${repeated})) GROUP BY cid`;
  }
}

/** What customers are recognised by, in clear: `customer_id, kind, value, source`; the most trusted first. */
export function identityRows(
  customerTables: readonly RoleTable[],
  identityTables: readonly RoleTable[],
): string[] {
  return [
    ...identityTables.map(
      (table) =>
        `SELECT customer_id, kind, value, ${literal(table.sourceId)} AS source FROM (${table.select})`,
    ),
    ...customerTables.flatMap((table) =>
      (['phone', 'email', 'id_document'] as const)
        .filter((field) => table.columns.includes(field))
        .map(
          (field) =>
            `SELECT customer_id, '${field}' AS kind, ${field} AS value, ${literal(table.sourceId)} AS source FROM (${table.select})`,
        ),
    ),
  ];
}

const deliversPii = (tables: readonly RoleTable[]): boolean =>
  tables.some((table) => PII_FIELDS.some((field) => table.columns.includes(field)));
