import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from './processes.ts';
import { createStores, type StartedStores } from './stores.ts';
import {
  makeTestHome,
  removeTestHome,
  startTemporaryStores,
  type TemporaryStores,
  testStoresConfig,
} from './testing.ts';

const ROUNDS = 10;
const STORES = ['relational', 'warehouse', 'keyValue', 'stream', 'jobs', 'counter'] as const;
const Count = Type.Object({ n: Type.Integer() });

describe('a process that is killed while it writes', () => {
  let home: string;
  beforeAll(async () => {
    home = await makeTestHome();
  });
  afterAll(() => removeTestHome(home));

  it(`loses nothing that was acknowledged, ${ROUNDS} times over`, { timeout: 300_000 }, async () => {
    const acknowledged = new Map<string, string[]>();
    for (let round = 0; round < ROUNDS; round++) {
      const writer = startWriter(home, round);
      await writer.writing;
      await sleep(200 + Math.random() * 800);
      writer.process.kill('SIGKILL');
      for (const [store, id] of await writer.acknowledged)
        acknowledged.set(store, [...(acknowledged.get(store) ?? []), id]);
    }
    const stores = await createStores(await testStoresConfig(home));
    await stores.start();
    try {
      await expectAllThere(stores, acknowledged);
    } finally {
      await stores.stop();
    }
    const counts = Object.fromEntries([...acknowledged].map(([store, ids]) => [store, ids.length]));
    for (const store of STORES) expect(counts[store]).toBeGreaterThanOrEqual(ROUNDS);
    console.info('acknowledged and found:', counts);
  });
});

async function expectAllThere(
  stores: StartedStores,
  acknowledged: ReadonlyMap<string, string[]>,
): Promise<void> {
  const of = (store: string): string[] => acknowledged.get(store) ?? [];

  const { rows } = await stores.relational.pool.query<{ id: string }>('select id from public.written');
  const written = new Set(rows.map(({ id }) => id));
  expect(of('relational').filter((id) => !written.has(id))).toEqual([]);

  const Batch = Type.Object({ id: Type.String(), n: Type.Integer() });
  const batches = new Map(
    (await stores.warehouse.query(Batch, 'SELECT id, count() AS n FROM written GROUP BY id')).map(
      ({ id, n }) => [id, n],
    ),
  );
  expect(of('warehouse').filter((id) => batches.get(id) !== 1000)).toEqual([]);
  // What was not acknowledged is there whole or not at all.
  expect([...batches.values()].filter((n) => n !== 1000)).toEqual([]);

  for (const id of of('keyValue')) {
    const values = await stores.keyValue.getMany([`w/${id}/a`, `w/${id}/b`]);
    expect(values.map((value) => value && Buffer.from(value).toString())).toEqual([id, id]);
  }
  let pairs = 0;
  for await (const _entry of stores.keyValue.range({ from: 'w/', to: 'w0' })) pairs++;
  expect(pairs % 2).toBe(0);
  const counter = await stores.keyValue.get('counter');
  expect(Number(counter && Buffer.from(counter).toString())).toBeGreaterThanOrEqual(of('counter').length);

  const seen: string[] = [];
  const consumer = stores.stream.consume('written', 'check', async (batch) => {
    seen.push(...batch.map(({ value }) => Buffer.from(value).toString()));
  });
  while ((await stores.stream.lag('written', 'check')) > 0) await sleep(20);
  await consumer.stop();
  const streamed = new Set(seen);
  expect(of('stream').filter((id) => !streamed.has(id))).toEqual([]);
  expect(seen).toHaveLength(streamed.size);

  // Jobs that were enqueued, and those that ran when the process died, run now.
  stores.jobs.define(
    'crash',
    Type.Object({ id: Type.String() }),
    async ({ payload }) => {
      await stores.relational.pool.query(
        'insert into public.written (id) values ($1) on conflict do nothing',
        [`job ${payload.id}`],
      );
    },
    { concurrency: 10 },
  );
  await stores.jobs.start();
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const open = await stores.relational.pool.query(
      "select count(*) as n from rapport.job where state in ('queued', 'running')",
    );
    if (open.rows[0]?.n === 0) break;
    if (Date.now() > deadline) throw new Error(`${open.rows[0]?.n} jobs did not run`);
  }
  const done = await stores.relational.pool.query<{ id: string }>(
    "select id from public.written where id like 'job %'",
  );
  const ran = new Set(done.rows.map(({ id }) => id));
  expect(of('jobs').filter((id) => !ran.has(`job ${id}`))).toEqual([]);
}

interface Writer {
  readonly process: ChildProcess;
  /** Resolves once every store has acknowledged something. */
  readonly writing: Promise<void>;
  /** Store and id of each acknowledged write, once the process is gone. */
  readonly acknowledged: Promise<[string, string][]>;
}

function startWriter(home: string, round: number): Writer {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('./crash-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, script, home, String(round)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const lines = createInterface({ input: child.stdout });
  const acknowledged: [string, string][] = [];
  const writing = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      const [word, store, id] = line.split(' ');
      if (word !== 'ack' || store === undefined || id === undefined) return;
      acknowledged.push([store, id]);
      if (new Set(acknowledged.map(([each]) => each)).size === STORES.length) resolve();
    });
    child.on('exit', () => reject(new Error(`The writer ended: ${errors.join('')}`)));
  });
  return {
    process: child,
    writing,
    acknowledged: new Promise((resolve) => lines.on('close', () => resolve(acknowledged))),
  };
}

describe('an engine that is killed under us', () => {
  let stores: TemporaryStores;
  beforeAll(async () => {
    stores = await startTemporaryStores();
    await stores.warehouse.command('CREATE TABLE kept (x UInt32) ENGINE = MergeTree ORDER BY x');
    await stores.relational.pool.query('create table public.kept (n integer)');
  });
  afterAll(() => stores?.stop());
  const kill = (pid: number | undefined): void => {
    if (pid === undefined) throw new Error('The engine does not run.');
    process.kill(pid, 'SIGKILL');
  };

  it('comes back by itself while reads of the warehouse go on', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      await stores.warehouse.insert('kept', [{ x: round }]);
      const before = stores.enginePids().warehouse;
      const reads = Array.from({ length: 8 }, (_, index) =>
        stores.warehouse.query(
          Count,
          'SELECT count() + sum(sleepEachRow(0.05)) AS n FROM kept WHERE x >= {from:UInt32}',
          { from: index * 0 },
        ),
      );
      await sleep(20);
      kill(before);
      for (const [row] of await Promise.all(reads)) expect(row?.n).toBe(round + 1);
      expect(stores.enginePids().warehouse).not.toBe(before);
    }
  });

  it('says that the outcome of a write is unknown, unless it can be repeated safely', {
    timeout: 60_000,
  }, async () => {
    const slow = stores.warehouse.command(
      'INSERT INTO kept SELECT 1000 + sleepEachRow(0.2) FROM numbers(20) SETTINGS max_block_size = 1',
    );
    await sleep(300);
    kill(stores.enginePids().warehouse);
    await expect(slow).rejects.toMatchObject({ code: 'stores.write_outcome_unknown' });

    const rows = Array.from({ length: 100_000 }, (_, index) => ({ x: 5_000_000 + index }));
    const tokened = stores.warehouse.insert('kept', rows, { dedupeToken: 'crash-1' });
    await sleep(60);
    kill(stores.enginePids().warehouse);
    await tokened;
    await stores.warehouse.insert('kept', rows, { dedupeToken: 'crash-1' });
    expect(await stores.warehouse.query(Count, 'SELECT count() AS n FROM kept WHERE x >= 5000000')).toEqual([
      { n: 100_000 },
    ]);
  });

  it('comes back by itself while reads and transactions of PostgreSQL go on', {
    timeout: 60_000,
  }, async () => {
    for (let round = 0; round < 3; round++) {
      const db = stores.relational.kysely<{ 'public.kept': { n: number } }>();
      await stores.relational.pool.query('insert into public.kept (n) values ($1)', [round]);
      const reads = [
        stores.relational.pool
          .query('select pg_sleep(0.3), count(*) as n from public.kept')
          .then(({ rows }) => rows[0]?.n),
        db
          .selectFrom('public.kept')
          .select(({ fn }) => fn.countAll<number>().as('n'))
          .executeTakeFirstOrThrow()
          .then(({ n }) => n),
        stores.relational.transaction(async (client) => {
          await client.query('select pg_sleep(0.3)');
          return (await client.query('select count(*) as n from public.kept')).rows[0]?.n;
        }),
      ];
      await sleep(50);
      kill(stores.enginePids().postgres);
      expect(await Promise.all(reads)).toEqual([round + 1, round + 1, round + 1]);
      expect(await stores.health()).toMatchObject({ relational: 'up', warehouse: 'up' });
    }
  });

  it('is not shared: a second process on the same folder is refused, and the first goes on', async () => {
    const second = await createStores(await testStoresConfig(stores.home));
    await expect(second.start()).rejects.toMatchObject({ code: 'stores.home_in_use' });
    expect(await stores.health()).toEqual({
      relational: 'up',
      warehouse: 'up',
      keyValue: 'up',
      stream: 'up',
    });
  });

  it('ends with us: nothing is left running, and the folder starts again', async () => {
    const home = await makeTestHome();
    const first = await createStores(await testStoresConfig(home));
    await first.start();
    const pids = Object.values(first.enginePids());
    await first.stop();
    await first.stop();
    expect(pids.map((pid) => pid !== undefined && isAlive(pid))).toEqual([false, false]);
    const second = await createStores(await testStoresConfig(home));
    await second.start();
    expect(await second.health()).toMatchObject({ relational: 'up' });
    await second.stop();
    await removeTestHome(home);
  });
});
