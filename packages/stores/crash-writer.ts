/*
 * A process that writes to all stores as fast as it can and prints every write that was acknowledged, until it is
 * killed. Run by crash.test.ts.
 */
import { Type } from 'typebox';
import { createStores } from './stores.ts';
import { testStoresConfig } from './testing.ts';

const [home = '', round = '0'] = process.argv.slice(2);
const stores = await createStores(await testStoresConfig(home, { warehouse: { isSynced: true } }));
await stores.start();
await stores.relational.pool.query('create table if not exists public.written (id text primary key)');
await stores.warehouse.command(
  'CREATE TABLE IF NOT EXISTS written (id String, row UInt32) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000',
);
stores.jobs.define('crash', Type.Object({ id: Type.String() }), async ({ payload }) => {
  await stores.relational.pool.query('insert into public.written (id) values ($1) on conflict do nothing', [
    `job ${payload.id}`,
  ]);
});
await stores.jobs.start();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const loop = async (store: string, write: (id: string) => Promise<void>): Promise<void> => {
  for (let count = 0; ; count++) {
    const id = `${round}-${store}-${count}`;
    await write(id);
    say(`ack ${store} ${id}`);
  }
};

await Promise.all([
  loop('relational', async (id) => {
    await stores.relational.pool.query('insert into public.written (id) values ($1)', [id]);
  }),
  loop('warehouse', (id) =>
    stores.warehouse.insert(
      'written',
      Array.from({ length: 1000 }, (_, row) => ({ id, row })),
    ),
  ),
  loop('keyValue', (id) =>
    stores.keyValue.put([
      { key: `w/${id}/a`, value: bytes(id) },
      { key: `w/${id}/b`, value: bytes(id) },
    ]),
  ),
  loop('stream', (id) => stores.stream.append('written', [{ id, value: bytes(id) }])),
  loop('jobs', async (id) => void (await stores.jobs.enqueue('crash', { id }))),
  loop('counter', async () => {
    await stores.keyValue.update('counter', (value) =>
      bytes(String(Number(value ? Buffer.from(value).toString() : '0') + 1)),
    );
  }),
]);
