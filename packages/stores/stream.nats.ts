import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type Log, newId } from '@rapport/kernel';
import type { Stream, StreamConsumer, StreamRecord } from './ports.ts';
import { storesProblems } from './problems.ts';
import { createSignal } from './signal.ts';

export interface NatsConfig {
  /** `nats://[user:password@]host:port`, several separated by commas. */
  readonly url: string;
  readonly log: Log;
  /** Keeps several installations apart in one NATS. @default rapport */
  readonly prefix?: string;
  /** Copies of each record; 3 in a cluster. @default 1 */
  readonly replicas?: number;
  /** Records that every group has acknowledged are kept this long. @default one day */
  readonly keepMs?: number;
  /** How often old records are looked for. @default one minute */
  readonly trimEveryMs?: number;
}

/** Where a group is, who reads for it, and whether that one has let go. */
interface Position {
  readonly next: number;
  readonly owner: string;
  readonly isFree: boolean;
}

interface StoredPosition extends Position {
  /** Sequence of the record this was read from; the next write must replace exactly it. */
  readonly sequence: number;
}

const DEDUPE_MS = 120_000;
const HEARTBEAT_MS = 2_500;
/** A position that has not moved for this long belongs to a dead process. */
const ABANDONED_MS = 10_000;
const PUBLISH_TIMEOUT_MS = 5_000;
/** A cluster that elects a new leader answers again after some 5 s. */
const RECOVERY_MS = 30_000;
const IN_FLIGHT = 512;
const RETRY_MS = [50, 200, 1_000, 5_000];

/**
 * The stream port on JetStream: a stream per topic, and one more whose records are the positions of the groups.
 * A position is replaced only by whoever read its last version, so acknowledging is also the proof of still being
 * the one consumer of the group: two never go on together, and order is kept over crashes. (A durable consumer of
 * JetStream would deliver newer records before it delivers the unacknowledged ones of a dead process again.)
 */
export function createNatsStream(config: NatsConfig): Stream {
  const { log, prefix = 'rapport', replicas = 1, keepMs = 86_400_000, trimEveryMs = 60_000 } = config;
  const owner = newId('own');
  const positions = `${prefix}-positions`;
  const ensured = new Map<string, Promise<void>>();
  const consumers = new Set<StreamConsumer>();
  let started: { connection: NatsConnection; js: JetStreamClient; jsm: JetStreamManager } | undefined;
  let trimming: NodeJS.Timeout | undefined;
  let isTrimming: Promise<void> | undefined;

  const nats = (): { connection: NatsConnection; js: JetStreamClient; jsm: JetStreamManager } => {
    if (!started) throw storesProblems.engine_down({ detail: 'The stream is not started.' });
    return started;
  };
  const streamOf = (topic: string): string => `${prefix}-t-${encode(topic)}`;
  const positionSubject = (topic: string, group: string): string =>
    `${positions}.${encode(topic)}.${encode(group)}`;

  const ensure = (topic: string): Promise<void> => {
    const name = streamOf(topic);
    const known = ensured.get(name);
    if (known) return known;
    const made = patiently(() =>
      nats().jsm.streams.add({
        name,
        subjects: [name],
        storage: StorageType.File,
        num_replicas: replicas,
        duplicate_window: DEDUPE_MS * 1_000_000,
      }),
    ).then(() => undefined);
    ensured.set(name, made);
    made.catch(() => ensured.delete(name));
    return made;
  };

  const append: Stream['append'] = async (topic, records) => {
    await ensure(topic);
    const subject = streamOf(topic);
    // Every record gets an id, so that one sent again after a lost answer is not stored twice.
    const marked = records.map(({ id, value }) => ({ id: id ?? newId('rec'), value }));
    for (let start = 0; start < marked.length; start += IN_FLIGHT) {
      const chunk = marked.slice(start, start + IN_FLIGHT);
      // All of the chunk is sent again, in order: what was stored is dropped by its id.
      await patiently(() =>
        Promise.all(
          chunk.map(({ id, value }) =>
            nats().js.publish(subject, value, { msgID: id, timeout: PUBLISH_TIMEOUT_MS }),
          ),
        ),
      );
    }
  };

  const readPosition = async (topic: string, group: string): Promise<StoredPosition | undefined> => {
    try {
      const message = await nats().jsm.streams.getMessage(positions, {
        last_by_subj: positionSubject(topic, group),
      });
      return message ? { ...message.json<Position>(), sequence: message.seq } : undefined;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return undefined;
      throw error;
    }
  };

  /** @throws when someone else has replaced it in between */
  const writePosition = async (
    topic: string,
    group: string,
    position: Position,
    replaced: number,
  ): Promise<StoredPosition> => {
    const { seq } = await nats().js.publish(positionSubject(topic, group), JSON.stringify(position), {
      expect: { lastSubjectSequence: replaced },
      timeout: PUBLISH_TIMEOUT_MS,
    });
    return { ...position, sequence: seq };
  };

  /** Waits until no one else reads for the group, and takes it. */
  const claim = async (job: ConsumerJob): Promise<StoredPosition | undefined> => {
    let seen: { sequence: number; since: number } | undefined;
    while (!job.isStopped()) {
      const position = await readPosition(job.topic, job.group);
      if (position?.sequence !== seen?.sequence)
        seen = position && { sequence: position.sequence, since: performance.now() };
      const isAbandoned = seen !== undefined && performance.now() - seen.since > ABANDONED_MS;
      if (!position || position.isFree || isAbandoned) {
        const next = position?.next ?? 1;
        const taken = await writePosition(
          job.topic,
          job.group,
          { next, owner, isFree: false },
          position?.sequence ?? 0,
        ).catch(() => undefined);
        if (taken) return taken;
      }
      await Promise.race([sleep(200), job.stopped]);
    }
    return undefined;
  };

  const readAs = async (job: ConsumerJob, claimed: StoredPosition): Promise<void> => {
    let position = claimed;
    /** Writes of the position follow one another: each must know the one before. */
    let writing: Promise<unknown> = Promise.resolve();
    const move = (change: Partial<Position>): Promise<void> => {
      const written = writing.then(async () => {
        position = await writePosition(
          job.topic,
          job.group,
          { next: position.next, owner, isFree: false, ...change },
          position.sequence,
        );
      });
      writing = written.catch(() => undefined);
      return written;
    };
    const lost = createSignal();
    const isLost = lost.next();
    const heartbeat = setInterval(() => {
      move({}).catch(() => lost.raise());
    }, HEARTBEAT_MS);
    const consumer = await nats().js.consumers.get(streamOf(job.topic), {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: position.next,
    });
    const messages = await consumer.consume({ max_messages: Math.max(job.batchSize, 2) });
    const batches = batchesOf(messages, job.batchSize);
    try {
      while (!job.isStopped()) {
        const batch = await Promise.race([batches.next(), job.stopped, isLost]);
        if (!batch) return;
        await deliver(
          job,
          batch.map((message) => ({ offset: message.seq, value: message.data })),
          isLost,
        );
        if (job.isStopped()) return;
        const last = batch.at(-1);
        if (last) await move({ next: last.seq + 1 });
      }
    } finally {
      clearInterval(heartbeat);
      messages.stop();
      if (job.isStopped()) await move({ isFree: true }).catch(() => undefined);
    }
  };

  const deliver = async (
    job: ConsumerJob,
    batch: readonly StreamRecord[],
    isLost: Promise<void>,
  ): Promise<void> => {
    for (let failures = 0; !job.isStopped(); failures++) {
      try {
        await job.handle(batch);
        return;
      } catch (error) {
        job.onError?.(error);
        const pause = sleep(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
        if ((await Promise.race([pause, job.stopped, isLost.then(() => 'lost')])) === 'lost') throw error;
      }
    }
  };

  const run = async (job: ConsumerJob): Promise<void> => {
    while (!job.isStopped()) {
      try {
        await ensure(job.topic);
        const claimed = await claim(job);
        if (claimed) await readAs(job, claimed);
      } catch (error) {
        if (job.isStopped()) return;
        log.warn(
          { err: error, topic: job.topic, group: job.group },
          'a stream consumer lost its place; claiming it again',
        );
        await Promise.race([sleep(1_000), job.stopped]);
      }
    }
  };

  /** Drops what all groups are through with and old enough. */
  const trim = async (): Promise<void> => {
    const { jsm, js } = nats();
    for await (const { config: stream, state: stored } of jsm.streams.list()) {
      if (!stream.name.startsWith(`${prefix}-t-`)) continue;
      const token = stream.name.slice(`${prefix}-t-`.length);
      const { state } = await jsm.streams.info(positions, { subjects_filter: `${positions}.${token}.*` });
      const groups = Object.keys(state.subjects ?? {});
      const nexts = await Promise.all(
        groups.map(
          async (subject) =>
            (await jsm.streams.getMessage(positions, { last_by_subj: subject }))?.json<Position>().next ?? 1,
        ),
      );
      const old = await js.consumers.get(stream.name, {
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(Date.now() - keepMs).toISOString(),
      });
      const first = nexts.length > 0 ? await old.next({ expires: 1_000 }) : null;
      // The last record stays: to be told of a sequence it does not have yet, the server purges whatever there is
      // by then, also a record that has just arrived.
      const until = Math.min(...nexts, first?.seq ?? Number.MAX_SAFE_INTEGER, stored.last_seq);
      if (nexts.length > 0 && until > stored.first_seq) await jsm.streams.purge(stream.name, { seq: until });
    }
  };

  return {
    name: 'stream',
    append,
    async start() {
      try {
        const connection = await connect({
          servers: config.url.split(','),
          maxReconnectAttempts: -1,
          name: 'rapport',
        });
        const options = { timeout: PUBLISH_TIMEOUT_MS };
        started = {
          connection,
          js: jetstream(connection, options),
          jsm: await jetstreamManager(connection, options),
        };
        await started.jsm.streams.add({
          name: positions,
          subjects: [`${positions}.>`],
          storage: StorageType.File,
          num_replicas: replicas,
          max_msgs_per_subject: 1,
        });
      } catch (cause) {
        throw storesProblems.engine_down({
          detail: `NATS at ${withoutPassword(config.url)} does not answer, or has no JetStream.`,
          cause,
        });
      }
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
      const closing = started;
      started = undefined;
      ensured.clear();
      await closing?.connection.close();
    },
    async lag(topic, group) {
      await ensure(topic);
      const [{ state }, position] = await Promise.all([
        nats().jsm.streams.info(streamOf(topic)),
        readPosition(topic, group),
      ]);
      return Math.max(0, state.last_seq - Math.max(position?.next ?? 1, state.first_seq) + 1);
    },
    consume(topic, group, handle, options) {
      const stop = createSignal();
      let isStopped = false;
      const job: ConsumerJob = {
        topic,
        group,
        handle,
        batchSize: options?.batchSize ?? 500,
        onError: options?.onError,
        stopped: stop.next(),
        isStopped: () => isStopped,
      };
      const ran = run(job);
      const consumer: StreamConsumer = {
        async stop() {
          isStopped = true;
          stop.raise();
          await ran;
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
  readonly isStopped: () => boolean;
}

/** @source NATS ADR-7, JetStream error codes */
const NO_MESSAGE = 10037;

/** What has arrived goes together: the first message is waited for, those behind it only while they come at once. */
function batchesOf(messages: AsyncIterable<JsMsg>, size: number): { next(): Promise<JsMsg[] | undefined> } {
  const iterator = messages[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<JsMsg>> | undefined;
  const pull = (): Promise<IteratorResult<JsMsg>> => {
    pending ??= iterator.next();
    return pending;
  };
  return {
    async next() {
      const batch: JsMsg[] = [];
      while (batch.length < size) {
        const step = await (batch.length === 0 ? pull() : Promise.race([pull(), sleep(2)]));
        if (step === undefined) break;
        pending = undefined;
        if (step.done) return batch.length > 0 ? batch : undefined;
        batch.push(step.value);
      }
      return batch;
    },
  };
}

/** Repeats while the cluster is between leaders. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + RECOVERY_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof JetStreamApiError || Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

/** Names of streams and tokens of subjects may not hold dots, blanks and wildcards. */
const encode = (name: string): string =>
  name.replace(/[^\w-]/g, (letter) => `=${(letter.codePointAt(0) ?? 0).toString(16)}=`);

const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/g, '//');
