import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMigrations, statementsOf } from './migrations.ts';
import { startTemporaryStores, type TemporaryStores } from './testing.ts';

describe('migrations', () => {
  let stores: TemporaryStores;
  beforeAll(async () => {
    stores = await startTemporaryStores();
  });
  afterAll(() => stores?.stop());

  it('run once each, in the order of their ids over all modules', async () => {
    const modules = [
      {
        module: 'later',
        relational: [{ id: '20260102T000000_b', sql: "insert into order_of.run (id) values ('b')" }],
      },
      {
        module: 'earlier',
        relational: [
          { id: '20260103T000000_c', sql: "insert into order_of.run (id) values ('c')" },
          {
            id: '20260101T000000_a',
            sql: "create schema order_of; create table order_of.run (n serial, id text); insert into order_of.run (id) values ('a');",
          },
        ],
        warehouse: [
          {
            id: '20260101T000000_a',
            sql: 'CREATE TABLE IF NOT EXISTS one (x UInt8) ENGINE = MergeTree ORDER BY x;\n-- a comment; with a semicolon\nINSERT INTO one VALUES (1);\n',
          },
        ],
      },
    ];
    await runMigrations(stores, modules);
    await runMigrations(stores, modules);
    const { rows } = await stores.relational.pool.query('select id from order_of.run order by n');
    expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(
      await stores.warehouse.query(Type.Object({ n: Type.Integer() }), 'SELECT count() AS n FROM one'),
    ).toEqual([{ n: 1 }]);
  });

  it('leave nothing of a migration that fails, name it, and run it again the next time', async () => {
    const faulty = {
      module: 'faulty',
      relational: [{ id: '20260201T000000_x', sql: 'create table order_of.half (id text); select nonsense' }],
    };
    await expect(runMigrations(stores, [faulty])).rejects.toMatchObject({
      code: 'stores.migration_failed',
      message: expect.stringContaining('20260201T000000_x of faulty'),
    });
    const mended = {
      module: 'faulty',
      relational: [{ id: '20260201T000000_x', sql: 'create table order_of.half (id text)' }],
    };
    await runMigrations(stores, [mended]);
  });

  it('run once when two processes start together', async () => {
    const modules = [
      {
        module: 'race',
        relational: [
          { id: '20260301T000000_race', sql: 'create schema race; create table race.t (id text)' },
        ],
      },
    ];
    await Promise.all([runMigrations(stores, modules), runMigrations(stores, modules)]);
  });

  it('refuse two of one id', async () => {
    const twice = { relational: [{ id: '20260401T000000_x', sql: 'select 1' }] };
    await expect(
      runMigrations(stores, [
        { module: 'a', ...twice },
        { module: 'b', ...twice },
      ]),
    ).rejects.toMatchObject({ code: 'stores.migration_failed' });
  });

  it('split statements at a semicolon that ends a line', () => {
    expect(statementsOf("SELECT ';' ;\n\nSELECT 2; \n-- only a comment\n;\n")).toEqual([
      "SELECT ';'",
      'SELECT 2',
    ]);
  });
});
