import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stream, StreamRecord } from './ports.ts';

/** What every stream must do. */
export function streamConformance(engine: string, open: () => Promise<Stream>): void {
  describe(`stream on ${engine}`, () => {
    let stream: Stream;
    beforeAll(async () => {
      stream = await open();
      await stream.start();
    });
    afterAll(() => stream?.stop());
    const record = (text: string, id?: string): { id?: string; value: Uint8Array } => ({
      value: new TextEncoder().encode(text),
      ...(id === undefined ? {} : { id }),
    });
    const texts = (batch: readonly StreamRecord[]): string[] =>
      batch.map(({ value }) => Buffer.from(value).toString('utf8'));
    const newTopic = (): string => `topic.${randomUUID()}`;
    const until = async (condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> => {
      for (const deadline = Date.now() + withinMs; !(await condition()); await sleep(20)) {
        if (Date.now() > deadline) throw new Error('did not come true in time');
      }
    };

    it('delivers in order what was appended before and after the consumer came', async () => {
      const topic = newTopic();
      const seen: string[] = [];
      const offsets: number[] = [];
      await stream.append(topic, [record('1'), record('2')]);
      const consumer = stream.consume(topic, 'g', async (batch) => {
        seen.push(...texts(batch));
        offsets.push(...batch.map(({ offset }) => offset));
      });
      await until(() => seen.length === 2);
      await stream.append(
        topic,
        Array.from({ length: 1000 }, (_, index) => record(String(index + 3))),
      );
      await until(() => seen.length === 1002);
      expect(seen).toEqual(Array.from({ length: 1002 }, (_, index) => String(index + 1)));
      expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
      await consumer.stop();
      expect(await stream.lag(topic, 'g')).toBe(0);
    });

    it('drops a record whose id was appended shortly before, also within one append', async () => {
      const topic = newTopic();
      await stream.append(topic, [record('1', 'a'), record('2', 'b'), record('again', 'a')]);
      await stream.append(topic, [record('again', 'b'), record('3', 'c')]);
      const seen: string[] = [];
      const consumer = stream.consume(topic, 'g', async (batch) => void seen.push(...texts(batch)));
      await until(() => seen.length >= 3);
      await sleep(100);
      expect(seen).toEqual(['1', '2', '3']);
      await consumer.stop();
      // The same id in another topic is another record.
      const other = newTopic();
      await stream.append(other, [record('1', 'a')]);
      expect(await stream.lag(other, 'g')).toBe(1);
    });

    it('goes on where the group stopped, and gives every group everything', async () => {
      const topic = newTopic();
      await stream.append(
        topic,
        ['1', '2', '3', '4'].map((text) => record(text)),
      );
      const first: string[] = [];
      const one = stream.consume(topic, 'g', async (batch) => void first.push(...texts(batch)), {
        batchSize: 2,
      });
      await until(() => first.length >= 4);
      await one.stop();
      await stream.append(topic, [record('5')]);
      expect(await stream.lag(topic, 'g')).toBe(1);
      const second: string[] = [];
      const two = stream.consume(topic, 'g', async (batch) => void second.push(...texts(batch)));
      await until(() => second.length > 0);
      expect(second).toEqual(['5']);
      const other: string[] = [];
      const three = stream.consume(topic, 'other', async (batch) => void other.push(...texts(batch)));
      await until(() => other.length === 5);
      await Promise.all([two.stop(), three.stop()]);
    });

    it('delivers a batch again, with nothing before it, when its handler throws', async () => {
      const topic = newTopic();
      await stream.append(
        topic,
        ['1', '2', '3'].map((text) => record(text)),
      );
      const seen: string[][] = [];
      const errors: unknown[] = [];
      const consumer = stream.consume(
        topic,
        'g',
        async (batch) => {
          seen.push(texts(batch));
          if (seen.length < 3) throw new Error('not yet');
        },
        { batchSize: 3, onError: (error) => errors.push(error) },
      );
      await until(async () => (await stream.lag(topic, 'g')) === 0);
      expect(errors).toHaveLength(2);
      expect(seen[2]).toEqual(seen[0]);
      expect(seen.slice(2).flat()).toEqual(['1', '2', '3']);
      await consumer.stop();
    });

    it('lets one consumer of a group work at a time, and another take over', async () => {
      const topic = newTopic();
      let active = 0;
      let mostActive = 0;
      const seen: string[] = [];
      const handle = async (batch: readonly StreamRecord[]): Promise<void> => {
        mostActive = Math.max(mostActive, ++active);
        await sleep(5);
        seen.push(...texts(batch));
        active--;
      };
      const one = stream.consume(topic, 'g', handle, { batchSize: 10 });
      const two = stream.consume(topic, 'g', handle, { batchSize: 10 });
      await stream.append(
        topic,
        Array.from({ length: 100 }, (_, index) => record(String(index))),
      );
      await until(() => seen.length === 100);
      await one.stop();
      await stream.append(topic, [record('100')]);
      await until(() => seen.length === 101, 20_000);
      await two.stop();
      expect(mostActive).toBe(1);
      expect(seen).toEqual(Array.from({ length: 101 }, (_, index) => String(index)));
    });

    it('does not acknowledge a batch during which the consumer was stopped before it resolved', async () => {
      const topic = newTopic();
      await stream.append(topic, [record('1')]);
      let calls = 0;
      const consumer = stream.consume(topic, 'g', async () => {
        calls++;
        throw new Error('never');
      });
      await until(() => calls > 0);
      await consumer.stop();
      expect(await stream.lag(topic, 'g')).toBe(1);
    });
  });
}
