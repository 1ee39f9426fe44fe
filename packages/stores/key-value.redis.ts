import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@rapport/kernel';
import { Redis } from 'ioredis';
import { keyBytes } from './keys.ts';
import type { KeyValue, KeyValueEntry } from './ports.ts';
import { storesProblems } from './problems.ts';

export interface RedisConfig {
  /** `redis://[:password@]host:port[/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Keeps several installations apart in one Redis. @default rapport */
  readonly prefix?: string;
  readonly log: Log;
}

/**
 * KEYS[1] the sorted set of all keys, scores 0, which gives ranges; KEYS[2…] values. The hash tag puts all of them
 * into one slot, so a script may touch them together.
 */
const PUT = `
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], ARGV[(i - 1) * 2])
  redis.call('ZADD', KEYS[1], 0, ARGV[(i - 1) * 2 - 1])
end`;
const DELETE = `
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
  redis.call('ZREM', KEYS[1], ARGV[i - 1])
end`;
/** ARGV: key, whether a value is expected, the expected one, whether to store, the new one. Answers 1, or 0 when another value is there. */
const COMPARE_AND_SET = `
local stored = redis.call('GET', KEYS[2])
local expected = ARGV[2] == '1' and ARGV[3] or false
if stored ~= expected then return 0 end
if ARGV[4] == '1' then
  redis.call('SET', KEYS[2], ARGV[5])
  redis.call('ZADD', KEYS[1], 0, ARGV[1])
else
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1`;

const PAGE = 1000;
const MAX_CONFLICTS = 200;

/** The key-value port on Redis, also behind Sentinel or a proxy; keys are ordered by their UTF-8 bytes. */
export function createRedisKeyValue(config: RedisConfig): KeyValue {
  const { log, prefix = 'rapport' } = config;
  const redis = new Redis(config.url, {
    lazyConnect: true,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 20,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1000),
  });
  redis.on('error', (error) => log.debug({ err: error }, 'the Redis connection broke'));
  const index = Buffer.from(`{${prefix}}:index`);
  const at = (key: string): Buffer => keyBytes(`{${prefix}}:v:`, key);
  /** Writers of one key in this process take turns, so that they do not refuse each other. */
  const turns = new Map<string, Promise<unknown>>();

  const run = (
    script: string,
    keys: readonly Buffer[],
    args: readonly (Buffer | string)[],
  ): Promise<unknown> => redis.eval(script, keys.length, ...keys, ...args);

  const swap = async (
    key: string,
    change: Parameters<KeyValue['update']>[1],
  ): Promise<Uint8Array | undefined> => {
    let stored = (await redis.getBuffer(at(key))) ?? undefined;
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const next = change(stored);
      if (next === 'keep') return stored;
      const args = [key, stored ? '1' : '0', stored ?? '', next ? '1' : '0', next ? Buffer.from(next) : ''];
      if ((await run(COMPARE_AND_SET, [index, at(key)], args)) === 1) return next;
      if (conflicts > 5) await sleep(Math.random() * Math.min(conflicts, 50));
      stored = (await redis.getBuffer(at(key))) ?? undefined;
    }
    throw storesProblems.too_much_contention({
      detail: `The key "${key}" was changed by others ${MAX_CONFLICTS} times in a row.`,
    });
  };

  return {
    name: 'key-value',
    async start() {
      try {
        await redis.connect();
      } catch (cause) {
        throw storesProblems.engine_down({
          detail: `Redis at ${withoutPassword(config.url)} does not answer.`,
          cause,
        });
      }
    },
    async stop() {
      redis.disconnect();
    },
    async get(key) {
      return (await redis.getBuffer(at(key))) ?? undefined;
    },
    async getMany(keys) {
      if (keys.length === 0) return [];
      return (await redis.mgetBuffer(keys.map(at))).map((value) => value ?? undefined);
    },
    async put(entries) {
      if (entries.length === 0) return;
      const args = entries.flatMap(({ key, value }) => [Buffer.from(key), Buffer.from(value)]);
      await run(PUT, [index, ...entries.map(({ key }) => at(key))], args);
    },
    async delete(keys) {
      if (keys.length === 0) return;
      await run(DELETE, [index, ...keys.map(at)], keys);
    },
    async *range({ from, to, limit }) {
      let left = limit ?? Number.POSITIVE_INFINITY;
      let start = Buffer.concat([Buffer.from('['), Buffer.from(from)]);
      const end = Buffer.concat([Buffer.from('('), Buffer.from(to)]);
      while (left > 0) {
        const size = Math.min(left, PAGE);
        const keys = await redis.zrangebylexBuffer(index, start, end, 'LIMIT', 0, size);
        const last = keys.at(-1);
        if (!last) return;
        const values = await redis.mgetBuffer(
          keys.map((key) => Buffer.concat([Buffer.from(`{${prefix}}:v:`), key])),
        );
        const page: KeyValueEntry[] = keys.flatMap((key, position) => {
          const value = values[position];
          return value ? [{ key: key.toString('utf8'), value }] : [];
        });
        yield* page;
        left -= page.length;
        if (keys.length < size) return;
        start = Buffer.concat([Buffer.from('('), last]);
      }
    },
    update(key, change) {
      const before = turns.get(key) ?? Promise.resolve();
      const turn = before.then(() => swap(key, change));
      const settled = turn.then(
        () => undefined,
        () => undefined,
      );
      turns.set(key, settled);
      void settled.then(() => {
        if (turns.get(key) === settled) turns.delete(key);
      });
      return turn;
    },
  };
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');
