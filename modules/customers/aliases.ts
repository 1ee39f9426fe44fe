import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';

export interface Aliases {
  /** The customer that a number is now: itself, unless its record was merged into another. */
  customerOf(cid: number): Promise<number>;
  /** The numbers of the records that are this customer, its own first. */
  recordsOf(cid: number): Promise<readonly number[]>;
  /** Bank ids that stopped naming a customer of their own, with the bank id of the customer they are now. */
  bankIds(): Promise<readonly { readonly customerId: string; readonly of: string }[]>;
  /** How many records were merged into others. */
  size(): Promise<number>;
}

const BankIdRow = Type.Object({ customer_id: Type.String(), of: Type.String() });
const AliasRow = Type.Object({ record: Type.Integer(), cid: Type.Integer() });

/** Reads which records were merged, once a release; merged records are few beside customers. */
export function createAliases(deps: { warehouse: Warehouse; releases: Releases }): Aliases {
  const { warehouse, releases } = deps;
  interface Known {
    readonly of: ReadonlyMap<number, number>;
    readonly members: ReadonlyMap<number, readonly number[]>;
  }
  const NONE: Known = { of: new Map(), members: new Map() };
  let cached: { table: string; known: Promise<Known> } | undefined;

  const read = async (table: string): Promise<Known> => {
    const of = new Map<number, number>();
    const members = new Map<number, number[]>();
    for await (const rows of warehouse.stream(
      AliasRow,
      `SELECT record, cid FROM ${warehouse.identifier(table)} ORDER BY record`,
    )) {
      for (const { record, cid } of rows) {
        of.set(record, cid);
        const group = members.get(cid);
        if (group) group.push(record);
        else members.set(cid, [record]);
      }
    }
    return { of, members };
  };
  const current = async (): Promise<Known> => {
    const table = (await releases.current()).placements.get('alias')?.table;
    if (table === undefined) return NONE;
    if (cached?.table === table) return cached.known;
    const known = read(table);
    cached = { table, known };
    known.catch(() => {
      cached = undefined;
    });
    return known;
  };

  return {
    customerOf: async (cid) => (await current()).of.get(cid) ?? cid,
    recordsOf: async (cid) => [cid, ...((await current()).members.get(cid) ?? [])],
    async bankIds() {
      const { placements } = await releases.current();
      const [alias, record, customer] = ['alias', 'record', 'customer'].map(
        (name) => placements.get(name)?.table,
      );
      if (alias === undefined || record === undefined || customer === undefined) return [];
      const rows = await warehouse.query(
        BankIdRow,
        `SELECT r.customer_id AS customer_id, c.customer_id AS of FROM (SELECT customer_id, cid FROM ${warehouse.identifier(record)} WHERE record IN (SELECT record FROM ${warehouse.identifier(alias)})) AS r INNER JOIN ${warehouse.identifier(customer)} AS c ON c.cid = r.cid WHERE r.customer_id != c.customer_id`,
      );
      return rows.map((row) => ({ customerId: row.customer_id, of: row.of }));
    },
    size: async () => (await current()).of.size,
  };
}
