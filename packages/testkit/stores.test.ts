import { createLog } from '@rapport/kernel';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStores, type TestStores } from './stores.ts';

describe('startTestStores', () => {
  let stores: TestStores;
  beforeAll(async () => {
    stores = await startTestStores(
      [
        {
          module: 'sample',
          relational: [
            {
              id: '20261123T200000_sample',
              sql: 'create schema sample; create table sample.thing (id text primary key);',
            },
          ],
          warehouse: [
            {
              id: '20261123T200000_sample',
              sql: 'CREATE TABLE IF NOT EXISTS sample (cid UInt32, at DateTime64(3)) ENGINE = MergeTree ORDER BY cid',
            },
          ],
        },
      ],
      process.env.RAPPORT_TEST_LOG ? { log: createLog({ level: 'debug' }) } : {},
    );
  });
  afterAll(() => stores?.stop());

  it('boots all four engines', async () => {
    expect(await stores.health()).toEqual({
      relational: 'up',
      warehouse: 'up',
      keyValue: 'up',
      stream: 'up',
    });
  });

  it('reads what it writes', async () => {
    await stores.warehouse.insert('sample', [{ cid: 7, at: 1_700_000_000_123 }]);
    const Row = Type.Object({ cid: Type.Integer(), at: Type.String(), n: Type.Integer() });
    expect(
      await stores.warehouse.query(
        Row,
        'SELECT cid, at, count() OVER () AS n FROM sample WHERE cid = {cid:UInt32}',
        { cid: 7 },
      ),
    ).toEqual([{ cid: 7, at: '2023-11-14T22:13:20.123Z', n: 1 }]);
    const set = await stores.warehouse.queryCids('SELECT groupBitmapState(cid) FROM sample');
    expect([...set.toArray()]).toEqual([7]);
  });
});
