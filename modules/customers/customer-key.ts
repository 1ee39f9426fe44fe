import { newId } from '@rapport/kernel';
import type { Relational, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { customersProblems } from './customers.problems.ts';

/** 0 is left out so that a forgotten cid is never a customer. */
const FIRST_CID = 1;
const PAST_LAST_CID = 2 ** 32;

const Counted = Type.Object({ n: Type.Integer() });
const Written = Type.Object({ n: Type.Integer(), least: Type.Integer(), greatest: Type.Integer() });

export interface CustomerKeys {
  /**
   * Gives a cid to every customer id in column `customer_id` of the query that has none yet; answers how many are
   * new. Only one caller at a time (the projector's lock). Crash-safe: numbers are reserved in PostgreSQL before
   * they are written and count only once their whole range is marked complete, so that neither a process that
   * died half-way nor a statement of a dead process that is still running can double or reuse a number.
   */
  assign(idQuery: string): Promise<number>;
  /** A query answering `customer_id, cid` of every customer that ever had a number. */
  validKeysSql(): Promise<string>;
}

export function createCustomerKeys(deps: { relational: Relational; warehouse: Warehouse }): CustomerKeys {
  const { relational, warehouse } = deps;

  const validKeysSql = async (): Promise<string> => {
    const { rows } = await relational.pool.query<{ first_cid: string; past_cid: string }>(
      "select r.first_cid, r.past_cid from customers.key_range r where r.state <> 'complete' order by r.first_cid",
    );
    const gaps = rows.map((row) => ` AND (cid < ${Number(row.first_cid)} OR cid >= ${Number(row.past_cid)})`);
    return `SELECT customer_id, cid FROM customer_key WHERE true${gaps.join('')}`;
  };

  const reserve = async (count: number): Promise<{ id: string; first: number; past: number }> =>
    relational.transaction(async (client) => {
      await client.query('lock table customers.key_range in exclusive mode');
      const { rows } = await client.query<{ past: string }>(
        'select coalesce(max(r.past_cid), $1) as past from customers.key_range r',
        [FIRST_CID],
      );
      const first = Number(rows[0]?.past ?? FIRST_CID);
      if (first + count > PAST_LAST_CID) {
        throw customersProblems.too_many({
          detail: `${count} new customers do not fit: ${PAST_LAST_CID - first} of ${PAST_LAST_CID} numbers are left.`,
        });
      }
      const id = newId('ckr');
      await client.query(
        "insert into customers.key_range (id, first_cid, past_cid, state) values ($1, $2, $3, 'open')",
        [id, first, first + count],
      );
      return { id, first, past: first + count };
    });

  return {
    validKeysSql,
    async assign(idQuery) {
      // Whoever holds the lock finds ranges open only when their writer died.
      await relational.pool.query("update customers.key_range set state = 'void' where state = 'open'");
      const fresh = `SELECT DISTINCT customer_id FROM (${idQuery}) WHERE customer_id != '' AND customer_id NOT IN (SELECT customer_id FROM (${await validKeysSql()}))`;
      const [counted] = await warehouse.query(Counted, `SELECT count() AS n FROM (${fresh})`);
      const count = counted?.n ?? 0;
      if (count === 0) return 0;
      const range = await reserve(count);
      await warehouse.command(
        `INSERT INTO customer_key (customer_id, cid) SELECT customer_id, toUInt32(${range.first} + rowNumberInAllBlocks()) FROM (${fresh} ORDER BY customer_id)`,
        {},
        { maxSeconds: 3_600 },
      );
      const [written] = await warehouse.query(
        Written,
        `SELECT uniqExact(cid) AS n, min(cid) AS least, max(cid) AS greatest FROM customer_key WHERE cid >= ${range.first} AND cid < ${range.past}`,
      );
      if (written?.n !== count || written.least !== range.first || written.greatest !== range.past - 1) {
        throw customersProblems.projection_failed({
          detail: `${written?.n ?? 0} of ${count} new customer numbers were written; load the source again.`,
        });
      }
      const { rowCount } = await relational.pool.query(
        "update customers.key_range set state = 'complete' where id = $1 and state = 'open'",
        [range.id],
      );
      if (rowCount !== 1) {
        throw customersProblems.projection_failed({
          detail:
            'Another projection took over while customer numbers were being given; load the source again.',
        });
      }
      return count;
    },
  };
}
