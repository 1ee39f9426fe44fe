import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Log } from '@rapport/kernel';
import type { LmdbStore } from './lmdb-store.ts';
import type { Stream, StreamConsumer, StreamRecord } from './ports.ts';
import { createSignal, type Signal } from './signal.ts';

export interface LmdbStreamConfig {
  readonly clock: Clock;
  readonly log: Log;
  /** Records that every group has acknowledged are kept this long. @default one day */
  readonly keepMs?: number;
  /** How often old records are looked for. @default 30 seconds */
  readonly trimEveryMs?: number;
}

const DEDUPE_MS = 120_000;
const TRIM_AT_ONCE = 10_000;
const RETRY_MS = [50, 200, 1_000, 5_000];

/**
 * The stream port on LMDB. A topic is a run of records under growing offsets; a group is the offset it has
 * acknowledged up to. All of an append, its dedupe marks included, is one transaction.
 */
export function createLmdbStream(store: LmdbStore, config: LmdbStreamConfig): Stream {
  const { clock, log, keepMs = 86_400_000, trimEveryMs = 30_000 } = config;
  const topics = new Map<string, Signal>();
  const active = new Map<string, Promise<void>>();
  const consumers = new Set<StreamConsumer>();
  let trimming: NodeJS.Timeout | undefined;
  let isTrimming: Promise<void> | undefined;

  const signalOf = (topic: string): Signal => {
    const known = topics.get(topic);
    if (known) return known;
    const made = createSignal();
    topics.set(topic, made);
    return made;
  };
  const readNumber = (key: Buffer): number => {
    const bytes = store.db().get(key);
    return bytes ? Number(bytes.readBigUInt64BE(0)) : 0;
  };
  const write = (key: Buffer, value: Buffer): void => void store.db().put(key, value);

  const append: Stream['append'] = async (topic, records) => {
    if (records.length === 0) return;
    const db = store.db();
    await db.transaction(() => {
      const now = clock.now();
      let next = readNumber(headKey(topic));
      for (const { id, value } of records) {
        if (id !== undefined) {
          const mark = db.get(markKey(topic, id));
          if (mark && now - Number(mark.readBigUInt64BE(0)) < DEDUPE_MS) continue;
          write(markKey(topic, id), number64(now));
          write(markTimeKey(now, topic, id), Buffer.alloc(0));
        }
        write(recordKey(topic, next), Buffer.concat([number64(now), value]));
        next++;
      }
      write(headKey(topic), number64(next));
    });
    await db.flushed;
    signalOf(topic).raise();
  };

  const run = async (job: ConsumerJob, isStopped: () => boolean): Promise<void> => {
    const { topic, group, handle, batchSize, onError } = job;
    await store.db().transaction(() => {
      if (!store.db().get(ackKey(topic, group))) write(ackKey(topic, group), number64(firstOffset(topic)));
    });
    for (let failures = 0; !isStopped(); ) {
      const raised = signalOf(topic).next();
      const batch = read(topic, readNumber(ackKey(topic, group)), batchSize);
      const last = batch.at(-1);
      if (!last) {
        await Promise.race([raised, job.stopped]);
        continue;
      }
      try {
        await handle(batch);
        await store.db().transaction(() => write(ackKey(topic, group), number64(last.offset + 1)));
        await store.db().flushed;
        failures = 0;
      } catch (error) {
        onError?.(error);
        await Promise.race([sleep(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]), job.stopped]);
      }
    }
  };

  const read = (topic: string, from: number, limit: number): StreamRecord[] => {
    const records: StreamRecord[] = [];
    const range = { start: recordKey(topic, from), end: recordKey(topic, Number.MAX_SAFE_INTEGER), limit };
    for (const { key, value } of store.db().getRange(range)) {
      records.push({ offset: Number(key.readBigUInt64BE(key.byteLength - 8)), value: value.subarray(8) });
    }
    return records;
  };
  const firstOffset = (topic: string): number => read(topic, 0, 1)[0]?.offset ?? readNumber(headKey(topic));

  /** Drops what all groups are through with and old enough, and dedupe marks past their time. */
  const trim = async (): Promise<void> => {
    const db = store.db();
    const now = clock.now();
    for (const topic of topicsStored()) {
      const acks = [...db.getRange({ start: ackKey(topic, ''), end: after(ackKey(topic, '')) })].map(
        ({ value }) => Number(value.readBigUInt64BE(0)),
      );
      if (acks.length === 0) continue;
      const range = {
        start: recordKey(topic, 0),
        end: recordKey(topic, Math.min(...acks)),
        limit: TRIM_AT_ONCE,
      };
      await db.batch(() => {
        for (const { key, value } of db.getRange(range)) {
          if (now - Number(value.readBigUInt64BE(0)) < keepMs) break;
          void db.remove(key);
        }
      });
    }
    const expired = {
      start: markTimeKey(0, '', ''),
      end: markTimeKey(now - DEDUPE_MS, '', ''),
      limit: TRIM_AT_ONCE,
    };
    await db.transaction(() => {
      for (const { key } of db.getRange(expired)) {
        const at = key.subarray(1, 9);
        const mark = Buffer.concat([Buffer.from('m'), key.subarray(9)]);
        // The same id may have been appended again since.
        if (db.get(mark)?.equals(at)) void db.remove(mark);
        void db.remove(key);
      }
    });
  };
  const topicsStored = (): string[] =>
    [...store.db().getKeys({ start: Buffer.from('h'), end: Buffer.from('i') })].map((key) =>
      key.toString('utf8', 3),
    );

  return {
    name: 'stream',
    append,
    async start() {
      await store.start();
      trimming = setInterval(() => {
        isTrimming ??= trim()
          .catch((error: unknown) => log.warn({ err: error }, 'a stream could not be trimmed'))
          .finally(() => {
            isTrimming = undefined;
          });
      }, trimEveryMs);
      trimming.unref();
    },
    async stop() {
      clearInterval(trimming);
      await isTrimming;
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await store.stop();
    },
    async lag(topic, group) {
      const acked = store.db().get(ackKey(topic, group));
      return readNumber(headKey(topic)) - (acked ? Number(acked.readBigUInt64BE(0)) : firstOffset(topic));
    },
    consume(topic, group, handle, options) {
      const stop = createSignal();
      const stopped = stop.next();
      let isStopped = false;
      const name = `${topic}\0${group}`;
      const job: ConsumerJob = {
        topic,
        group,
        handle,
        batchSize: options?.batchSize ?? 500,
        onError: options?.onError,
        stopped,
      };
      // One consumer of a group at a time: a second one takes over when the first stops.
      const before = active.get(name) ?? Promise.resolve();
      const ran = Promise.race([before, stopped]).then(() =>
        isStopped ? undefined : run(job, () => isStopped),
      );
      active.set(
        name,
        Promise.all([before, ran.catch(() => undefined)]).then(() => undefined),
      );
      ran.catch((error: unknown) => options?.onError?.(error));
      const consumer: StreamConsumer = {
        async stop() {
          isStopped = true;
          stop.raise();
          await ran.catch(() => undefined);
          consumers.delete(consumer);
        },
      };
      consumers.add(consumer);
      return consumer;
    },
  };
}

interface ConsumerJob {
  readonly topic: string;
  readonly group: string;
  readonly handle: (batch: readonly StreamRecord[]) => Promise<void>;
  readonly batchSize: number;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly stopped: Promise<void>;
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A name that is no prefix of another one: its length comes first. */
function sized(name: string): Buffer {
  const bytes = Buffer.from(name);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}

const recordKey = (topic: string, offset: number): Buffer =>
  Buffer.concat([Buffer.from('r'), sized(topic), number64(offset)]);
const headKey = (topic: string): Buffer => Buffer.concat([Buffer.from('h'), sized(topic)]);
const ackKey = (topic: string, group: string): Buffer =>
  Buffer.concat([Buffer.from('a'), sized(topic), Buffer.from(group)]);
const markKey = (topic: string, id: string): Buffer =>
  Buffer.concat([Buffer.from('m'), sized(topic), Buffer.from(id)]);
const markTimeKey = (at: number, topic: string, id: string): Buffer =>
  Buffer.concat([Buffer.from('t'), number64(at), sized(topic), Buffer.from(id)]);
/** The first key past all that begin with these bytes. */
const after = (prefix: Buffer): Buffer => Buffer.concat([prefix, Buffer.of(0xff)]);
