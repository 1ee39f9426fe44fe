import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fixedClock, silentLog } from '@rapport/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { createLmdbStore } from './lmdb-store.ts';
import type { Stream } from './ports.ts';
import { createLmdbStream } from './stream.lmdb.ts';
import { createNatsStream } from './stream.nats.ts';
import { makeTestHome, removeTestHome } from './testing.ts';

const record = (text: string, id?: string): { id?: string; value: Uint8Array } => ({
  value: Buffer.from(text),
  ...(id === undefined ? {} : { id }),
});

/** What a group that has never read finds in the topic. */
async function leftIn(stream: Stream, topic: string): Promise<string[]> {
  const seen: string[] = [];
  const group = `reader-${randomUUID()}`;
  const consumer = stream.consume(
    topic,
    group,
    async (batch) => void seen.push(...batch.map(({ value }) => Buffer.from(value).toString())),
  );
  for (const deadline = Date.now() + 5_000; (await stream.lag(topic, group)) > 0 && Date.now() < deadline; )
    await sleep(20);
  await sleep(50);
  await consumer.stop();
  return seen;
}

async function acknowledge(stream: Stream, topic: string, group: string): Promise<void> {
  const consumer = stream.consume(topic, group, async () => undefined);
  while ((await stream.lag(topic, group)) > 0) await sleep(20);
  await consumer.stop();
}

describe('records of a stream on LMDB', () => {
  let home: string;
  let stream: Stream;
  const clock = fixedClock(1_700_000_000_000);
  const open = async (): Promise<void> => {
    home = await makeTestHome();
    stream = createLmdbStream(createLmdbStore(home), {
      clock,
      log: silentLog,
      keepMs: 60_000,
      trimEveryMs: 30,
    });
    await stream.start();
  };
  afterEach(async () => {
    await stream.stop();
    await removeTestHome(home);
  });

  it('stay until every group has acknowledged them, and then for the time to keep them', async () => {
    await open();
    await stream.append('t', [record('1'), record('2')]);
    clock.advance(600_000);
    await sleep(100);
    expect(await leftIn(stream, 't')).toEqual(['1', '2']);
    await stream.append('t', [record('3')]);
    await acknowledge(stream, 't', 'one');
    clock.advance(600_000);
    await sleep(150);
    // The reader above is a group too, and has not read the third.
    expect(await leftIn(stream, 't')).toEqual(['3']);
    expect(await stream.lag('t', 'one')).toBe(0);
  });

  it('may have the id of an older one again after two minutes', async () => {
    await open();
    await stream.append('t', [record('1', 'a')]);
    clock.advance(119_000);
    await stream.append('t', [record('dropped', 'a')]);
    await sleep(100);
    clock.advance(2_000);
    await stream.append('t', [record('2', 'a')]);
    await sleep(100);
    expect(await leftIn(stream, 't')).toEqual(['1', '2']);
  });

  it('may be many: the file grows as needed', async () => {
    await open();
    const value = Buffer.alloc(1024 * 1024, 7);
    for (let count = 0; count < 150; count++) await stream.append('big', [{ value }]);
    expect(await stream.lag('big', 'g')).toBe(150);
  });
});

const url = process.env.RAPPORT_TEST_NATS_URL;
describe.runIf(url !== undefined)('records of a stream on JetStream', () => {
  it('stay until every group has acknowledged them, and then for the time to keep them', async () => {
    const stream = createNatsStream({
      url: url ?? '',
      prefix: `test-${randomUUID().slice(0, 8)}`,
      log: silentLog,
      keepMs: 300,
      trimEveryMs: 100,
    });
    await stream.start();
    await stream.append('t', [record('1'), record('2')]);
    await sleep(700);
    expect(await leftIn(stream, 't')).toEqual(['1', '2']);
    await stream.append('t', [record('3')]);
    await sleep(2_500);
    expect(await leftIn(stream, 't')).toEqual(['3']);
    await stream.stop();
  });
});
