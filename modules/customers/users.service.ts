import type { Audit } from '@rapport/governance';
import { type Clock, newId, systemActor } from '@rapport/kernel';
import type { Relational, Releases, Warehouse } from '@rapport/stores';
import type { PoolClient } from 'pg';
import { Type } from 'typebox';
import type { Aliases } from './aliases.ts';
import { customersProblems } from './customers.problems.ts';
import type { Identified, IdentifyBody } from './identity-contract.ts';
import { identityHash, type PiiKeys } from './pii.ts';

export interface Users {
  /**
   * Somebody was seen or signed in. An anonymous id is a user with a number of its own, among those of customers but
   * never one of them. When a customer signs in, the history of the anonymous id becomes theirs, once, whoever else
   * signs in at the same moment; a device that more customers sign in on than the rules allow is shared, and its
   * history belongs to nobody: what was taken for a customer's goes back.
   */
  identify(body: IdentifyBody): Promise<Identified>;
  /** The number of an anonymous id that was seen. */
  userOf(kind: string, anonymousId: string): Promise<number | undefined>;
  /** Whose the events of these numbers are, where it is another: the customer a user was stitched to, or merged into. */
  ownersOf(numbers: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Users stitched to these records. */
  stitchedTo(records: readonly number[]): Promise<{ user: number; record: number }[]>;
}

const RecordRow = Type.Object({ record: Type.Integer() });
const Counted = Type.Object({ n: Type.Integer() });
/** Numbers are taken from customers' in blocks. */
const BLOCK = 1_000;
const PAST_LAST_CID = 2 ** 32;
const LOCK = 0x7261_7072;

export function createUsers(deps: {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly audit: Pick<Audit, 'record'>;
  readonly keys: PiiKeys;
  readonly aliases: Aliases;
  /** Customers a device may have before it is shared. */
  readonly sharedDevice: () => Promise<number>;
}): Users {
  const { relational, warehouse, releases, clock, keys, aliases } = deps;

  const nextNumber = async (client: PoolClient): Promise<number> => {
    await client.query('lock table customers.key_range in exclusive mode');
    const { rows } = await client.query<{ number: string }>(
      'update customers.user_number set next = next + 1 where next < past returning next - 1 as number',
    );
    if (rows[0]) return Number(rows[0].number);
    const top = await client.query<{ past: string }>(
      'select coalesce(max(r.past_cid), 1) as past from customers.key_range r',
    );
    const first = Number(top.rows[0]?.past ?? 1);
    if (first + BLOCK > PAST_LAST_CID) {
      throw customersProblems.too_many({ detail: 'No numbers are left for anonymous users.' });
    }
    // No key has these numbers, so the range may be complete from the start.
    await client.query(
      "insert into customers.key_range (id, first_cid, past_cid, state) values ($1, $2, $3, 'complete')",
      [newId('ckr'), first, first + BLOCK],
    );
    await client.query(
      `insert into customers.user_number (id, next, past) values (1, $1, $2)
       on conflict (id) do update set next = excluded.next, past = excluded.past`,
      [first + 1, first + BLOCK],
    );
    return first;
  };

  const recordOf = async (customerId: string): Promise<number | undefined> => {
    const table = (await releases.current()).placements.get('record')?.table;
    if (table === undefined) return undefined;
    const [row] = await warehouse.query(
      RecordRow,
      `SELECT record FROM ${warehouse.identifier(table)} WHERE customer_id = {customerId:String} LIMIT 1`,
      { customerId },
    );
    return row?.record;
  };

  const customerIdOf = async (cid: number): Promise<string | undefined> => {
    const table = (await releases.current()).placements.get('customer')?.table;
    if (table === undefined) return undefined;
    const [row] = await warehouse.query(
      Type.Object({ customer_id: Type.String() }),
      `SELECT customer_id FROM ${warehouse.identifier(table)} WHERE cid = {cid:UInt32} LIMIT 1`,
      { cid },
    );
    return row?.customer_id;
  };

  /** Puts a user's events where they belong; one at a time for a user, and idempotent. */
  const settle = async (user: number): Promise<number> =>
    relational.transaction(async (client) => {
      await client.query('select pg_advisory_xact_lock($1, $2)', [LOCK, user | 0]);
      const { rows } = await client.query<{ stitched_to: string | null }>(
        'select u.stitched_to from customers.app_user u where u.user_cid = $1',
        [user],
      );
      const record = rows[0]?.stitched_to;
      const owner = record ? await aliases.customerOf(Number(record)) : user;
      const params = { user, owner };
      const [found] = await warehouse.query(
        Counted,
        'SELECT count() AS n FROM collected_event FINAL WHERE record = {user:UInt32} AND cid != {owner:UInt32}',
        params,
      );
      if (!found || found.n === 0) return 0;
      const names = 'event_id, name, at, properties, source, inserted_at, record';
      await warehouse.command(
        `INSERT INTO collected_event (cid, ${names}) SELECT {owner:UInt32}, ${names} FROM collected_event FINAL WHERE record = {user:UInt32} AND cid != {owner:UInt32}`,
        params,
      );
      await warehouse.command(
        'DELETE FROM collected_event WHERE record = {user:UInt32} AND cid != {owner:UInt32}',
        params,
      );
      return found.n;
    });

  return {
    async userOf(kind, anonymousId) {
      const { rows } = await relational.pool.query<{ user_cid: string }>(
        'select u.user_cid from customers.app_user u where u.identity_hash = $1',
        [identityHash(keys, kind, anonymousId)],
      );
      return rows[0] && Number(rows[0].user_cid);
    },
    async ownersOf(numbers) {
      const { rows } = await relational.pool.query<{ user_cid: string; stitched_to: string }>(
        'select u.user_cid, u.stitched_to from customers.app_user u where u.user_cid = any($1) and u.stitched_to is not null',
        [numbers],
      );
      const stitched = new Map(rows.map((row) => [Number(row.user_cid), Number(row.stitched_to)]));
      const owners = new Map<number, number>();
      for (const number of numbers) {
        const owner = await aliases.customerOf(stitched.get(number) ?? number);
        if (owner !== number) owners.set(number, owner);
      }
      return owners;
    },
    async stitchedTo(records) {
      const { rows } = await relational.pool.query<{ user_cid: string; stitched_to: string }>(
        'select u.user_cid, u.stitched_to from customers.app_user u where u.stitched_to = any($1)',
        [records],
      );
      return rows.map((row) => ({ user: Number(row.user_cid), record: Number(row.stitched_to) }));
    },

    async identify({ kind, anonymousId, customerId, at }) {
      const hash = identityHash(keys, kind, anonymousId);
      const seenAt = new Date(at ?? clock.now());
      const record = customerId === undefined ? undefined : await recordOf(customerId);
      const allowed = await deps.sharedDevice();
      const outcome = await relational.transaction(async (client) => {
        // Two devices are two rows, two sign-ins on one device wait for each other here.
        await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [hash]);
        const known = await client.query<{ user_cid: string; stitched_to: string | null; shared: boolean }>(
          'select u.user_cid, u.stitched_to, u.shared from customers.app_user u where u.identity_hash = $1',
          [hash],
        );
        let user = known.rows[0];
        if (!user) {
          const number = await nextNumber(client);
          await client.query(
            'insert into customers.app_user (identity_hash, kind, user_cid, first_seen) values ($1, $2, $3, $4)',
            [hash, kind, number, seenAt],
          );
          user = { user_cid: String(number), stitched_to: null, shared: false };
        }
        const number = Number(user.user_cid);
        const owner = user.stitched_to === null ? undefined : Number(user.stitched_to);
        if (customerId === undefined) {
          return { number, owner, because: owner === undefined ? 'not_signed_in' : 'already_stitched' };
        }
        if (record === undefined) return { number, owner, because: 'unknown_customer' };
        await client.query(
          `insert into customers.user_login (identity_hash, record, first_at, last_at) values ($1, $2, $3, $3)
           on conflict (identity_hash, record) do update set last_at = greatest(customers.user_login.last_at, excluded.last_at)`,
          [hash, record, seenAt],
        );
        const logins = await client.query<{ record: string }>(
          'select l.record from customers.user_login l where l.identity_hash = $1',
          [hash],
        );
        const customers = new Set(
          await Promise.all(logins.rows.map((row) => aliases.customerOf(Number(row.record)))),
        );
        if (user.shared || customers.size > allowed) {
          await client.query(
            'update customers.app_user u set shared = true, stitched_to = null where u.identity_hash = $1',
            [hash],
          );
          return { number, owner: undefined, because: 'shared_device' };
        }
        if (owner === undefined) {
          await client.query(
            'update customers.app_user u set stitched_to = $2, stitched_at = $3 where u.identity_hash = $1',
            [hash, record, seenAt],
          );
          return { number, owner: record, because: 'stitched' };
        }
        const isSame = (await aliases.customerOf(owner)) === (await aliases.customerOf(record));
        return { number, owner, because: isSame ? 'already_stitched' : 'other_customer' };
      });
      const movedEvents = await settle(outcome.number);
      if (outcome.because === 'stitched' || (outcome.because === 'shared_device' && movedEvents > 0)) {
        await deps.audit.record({
          actor: systemActor,
          action: outcome.because === 'stitched' ? 'user.stitched' : 'user.unstitched',
          subject: String(outcome.number),
          details: { customerId, because: outcome.because, movedEvents },
        });
      }
      const owner =
        outcome.owner === undefined ? undefined : await customerIdOf(await aliases.customerOf(outcome.owner));
      return {
        level: owner === undefined ? 'anonymous' : 'customer',
        userNumber: outcome.number,
        ...(owner === undefined ? {} : { customerId: owner }),
        because: outcome.because,
        movedEvents,
      };
    },
  };
}
