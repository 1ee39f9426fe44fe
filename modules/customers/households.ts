import type { RoleTable } from '@rapport/sources';
import type { Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { createUnionFind } from './clusters.ts';
import { createNormaliser } from './normalise.ts';
import { candidateRows, literal } from './survivorship.ts';

const Group = Type.Object({ because: Type.String(), cids: Type.Array(Type.Integer()) });
const CHUNK = 100_000;

export interface Households {
  readonly table: string;
  readonly households: number;
  readonly members: number;
}

/**
 * Finds households: retail customers at one address who have a surname or a phone in common, customers with one
 * surname and one phone, and holders of one account. Groups of more than `maxSize` are none: a dormitory, a
 * company's phone, a collective account. A customer is in one household at most; it has the number of its least
 * member. Nothing becomes visible.
 */
export async function buildHouseholds(input: {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly country: string;
  readonly maxSize: number;
  readonly customerTables: readonly RoleTable[];
  readonly accountTables: readonly RoleTable[];
  /** Table of bank ids with their customers. */
  readonly record: string;
}): Promise<Households> {
  const { warehouse, releases, maxSize } = input;
  const { sql } = createNormaliser({ country: input.country });
  const table = releases.newTableName('household');
  await warehouse.createTable({
    name: table,
    columns:
      'cid UInt32, household UInt32, members UInt16, because LowCardinality(String), others Array(UInt32)',
    orderBy: 'cid',
    spread: 'copy',
  });
  const record = warehouse.identifier(input.record);
  const groups: string[] = [];
  if (input.customerTables.length > 0) {
    const people = `SELECT k.cid AS cid, ${sql.name('name')} AS n, ${sql.address('address')} AS address, ${sql.phone('phone')} AS phone FROM (SELECT customer_id, kind, name, address, phone FROM (${candidateRows(input.customerTables)}) WHERE kind IN ('', 'retail')) AS r INNER JOIN (SELECT customer_id, cid FROM ${record}) AS k ON r.customer_id = k.customer_id`;
    // The surname is the first character of a Han name; of a Latin one any of its words, for sorting lost their order.
    const named = `SELECT cid, address, phone, if(match(n, '\\\\p{Han}'), [substringUTF8(n, 1, 1)], arrayFilter(w -> length(w) > 2, splitByChar(' ', n))) AS surnames FROM (${people})`;
    const shared = (because: string, key: string, where: string, from = named): string =>
      `SELECT ${literal(because)} AS because, groupUniqArray(cid) AS cids FROM (${from}) WHERE ${where} GROUP BY ${key} HAVING length(cids) BETWEEN 2 AND ${maxSize}`;
    const bySurname = `SELECT cid, address, phone, arrayJoin(surnames) AS surname FROM (${named})`;
    groups.push(
      shared('address_and_surname', 'address, surname', "address != ''", bySurname),
      shared('address_and_phone', 'address, phone', "address != '' AND phone != ''"),
      shared('phone_and_surname', 'phone, surname', "phone != ''", bySurname),
    );
  }
  if (input.accountTables.length > 0) {
    const holders = input.accountTables
      .map((each) => `SELECT customer_id, account_id FROM (${each.select}) WHERE account_id != ''`)
      .join(' UNION ALL ');
    groups.push(
      `SELECT 'joint_account' AS because, groupUniqArray(k.cid) AS cids FROM (${holders}) AS a INNER JOIN (SELECT customer_id, cid FROM ${record}) AS k ON a.customer_id = k.customer_id GROUP BY a.account_id HAVING length(cids) BETWEEN 2 AND ${maxSize}`,
    );
  }
  const forest = createUnionFind();
  const sizes = new Map<number, number>();
  const reasons = new Map<number, string>();
  for (const group of groups) {
    const found: { because: string; cids: readonly number[] }[] = [];
    for await (const rows of warehouse.stream(Group, group, {}, { maxSeconds: 6 * 3_600 }))
      found.push(...rows);
    // The engine's order is its own: sorted, every run finds the same households.
    const ordered = found
      .map(({ because, cids }) => ({ because, cids: [...cids].sort((a, b) => a - b) }))
      .sort((a, b) => (a.cids[0] ?? 0) - (b.cids[0] ?? 0) || a.cids.length - b.cids.length);
    for (const { because, cids } of ordered) {
      const [first = 0, ...others] = cids;
      for (const other of others) {
        const [left, right] = [forest.find(first), forest.find(other)];
        if (left === right) continue;
        const size = (sizes.get(left) ?? 1) + (sizes.get(right) ?? 1);
        if (size > maxSize) continue;
        forest.union(left, right);
        sizes.set(Math.min(left, right), size);
        for (const each of [first, other]) if (!reasons.has(each)) reasons.set(each, because);
      }
    }
  }
  const found = forest.groups();
  let rows: {
    cid: number;
    household: number;
    members: number;
    because: string;
    others: readonly number[];
  }[] = [];
  let members = 0;
  const flush = async (): Promise<void> => {
    if (rows.length > 0) await warehouse.insert(table, rows);
    rows = [];
  };
  for (const [household, cids] of found) {
    members += cids.length;
    for (const cid of cids) {
      // A household is small and asked for by any of its members: each row says who the others are.
      const others = cids.filter((other) => other !== cid);
      rows.push({ cid, household, members: cids.length, because: reasons.get(cid) ?? '', others });
    }
    if (rows.length >= CHUNK) await flush();
  }
  await flush();
  return { table, households: found.size, members };
}
