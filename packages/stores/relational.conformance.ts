import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Relational } from './ports.ts';

interface Tables {
  'conformance.thing': { id: string; count: number; big: number; made_at: Date; day: string; extra: unknown };
}

/** What PostgreSQL must do through our driver, embedded or by URL. */
export function relationalConformance(
  engine: string,
  open: () => Promise<Relational>,
  close: () => Promise<void>,
): void {
  describe(`relational on ${engine}`, () => {
    let store: Relational;
    beforeAll(async () => {
      store = await open();
      await store.pool.query('drop schema if exists conformance cascade');
      await store.pool.query('create schema conformance');
      await store.pool.query(
        `create table conformance.thing (id text primary key, count integer not null default 0, big bigint not null default 0,
           made_at timestamptz not null default now(), day date not null default '2026-03-01', extra jsonb)`,
      );
    });
    afterAll(async () => {
      await store?.pool.query('drop schema if exists conformance cascade').catch(() => undefined);
      await close();
    });

    it('reads and writes through Kysely with numbers, instants and dates as promised', async () => {
      const db: Kysely<Tables> = store.kysely<Tables>();
      const madeAt = new Date('2026-03-01T09:30:00.123Z');
      await db
        .insertInto('conformance.thing')
        .values({
          id: 'a',
          count: 1,
          big: 9_007_199_254_740_991,
          made_at: madeAt,
          day: '2026-03-01',
          extra: JSON.stringify({ 客: [1] }),
        })
        .execute();
      const row = await db
        .selectFrom('conformance.thing')
        .selectAll()
        .where('id', '=', 'a')
        .executeTakeFirstOrThrow();
      expect(row).toEqual({
        id: 'a',
        count: 1,
        big: 9_007_199_254_740_991,
        made_at: madeAt,
        day: '2026-03-01',
        extra: { 客: [1] },
      });
      const { rows } = await store.pool.query(
        'select count(*) as n, array[1, 2]::bigint[] as list from conformance.thing',
      );
      expect(rows).toEqual([{ n: 1, list: [1, 2] }]);
    });

    it('refuses a 64-bit integer that a number cannot hold', async () => {
      await expect(store.pool.query('select 9007199254740993::bigint as big')).rejects.toMatchObject({
        code: 'stores.row_mismatch',
      });
    });

    it('commits whole transactions or nothing', async () => {
      await expect(
        store.transaction(async (client) => {
          await client.query("insert into conformance.thing (id) values ('rolled back')");
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      const { rows } = await store.pool.query("select id from conformance.thing where id = 'rolled back'");
      expect(rows).toEqual([]);
    });

    it('retries transactions that collide, so that no increment is lost', async () => {
      await store.pool.query("insert into conformance.thing (id) values ('counter')");
      await Promise.all(
        Array.from({ length: 8 }, () =>
          store.transaction(async (client) => {
            await client.query('set transaction isolation level serializable');
            const { rows } = await client.query<{ count: number }>(
              "select count from conformance.thing where id = 'counter'",
            );
            await client.query("update conformance.thing set count = $1 where id = 'counter'", [
              (rows[0]?.count ?? 0) + 1,
            ]);
          }),
        ),
      );
      const { rows } = await store.pool.query("select count from conformance.thing where id = 'counter'");
      expect(rows).toEqual([{ count: 8 }]);
    });

    it('rolls Kysely transactions back too', async () => {
      const db = store.kysely<Tables>();
      await expect(
        db.transaction().execute(async (trx) => {
          await trx.updateTable('conformance.thing').set({ count: 99 }).execute();
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      const { rows } = await store.pool.query('select id from conformance.thing where count = 99');
      expect(rows).toEqual([]);
    });
  });
}
