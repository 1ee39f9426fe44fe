import { keyBytes } from './keys.ts';
import type { LmdbStore } from './lmdb-store.ts';
import type { KeyValue, KeyValueEntry } from './ports.ts';

const PREFIX = 'k';

/** The key-value port on LMDB: reads take microseconds, writers share commits. Keys are ordered by their UTF-8 bytes. */
export function createLmdbKeyValue(store: LmdbStore): KeyValue {
  return {
    name: 'key-value',
    start: () => store.start(),
    stop: () => store.stop(),
    async get(key) {
      return store.db().get(keyOf(key));
    },
    async getMany(keys) {
      return keys.map((key) => store.db().get(keyOf(key)));
    },
    async put(entries) {
      const db = store.db();
      await db.batch(() => {
        for (const { key, value } of entries) void db.put(keyOf(key), Buffer.from(value));
      });
      await db.flushed;
    },
    async delete(keys) {
      const db = store.db();
      await db.batch(() => {
        for (const key of keys) void db.remove(keyOf(key));
      });
      await db.flushed;
    },
    async *range({ from, to, limit }) {
      let left = limit ?? Number.POSITIVE_INFINITY;
      let start = boundOf(from);
      const end = boundOf(to);
      // Read in pages, so that a slow reader does not hold an old snapshot of the file.
      while (left > 0 && Buffer.compare(start, end) < 0) {
        const page: KeyValueEntry[] = [];
        const size = Math.min(left, 1000);
        for (const { key, value } of store.db().getRange({ start, end, limit: size })) {
          page.push({ key: key.toString('utf8', PREFIX.length), value });
        }
        yield* page;
        left -= page.length;
        const last = page.at(-1);
        if (!last || page.length < size) return;
        start = Buffer.concat([keyOf(last.key), Buffer.of(0)]);
      }
    },
    async update(key, change) {
      const db = store.db();
      const at = keyOf(key);
      const stored = await db.transaction(() => {
        const value = db.get(at);
        const next = change(value);
        if (next === 'keep') return value;
        if (next === undefined) void db.remove(at);
        else void db.put(at, Buffer.from(next));
        return next;
      });
      await db.flushed;
      return stored;
    },
  };
}

const keyOf = (key: string): Buffer => keyBytes(PREFIX, key);
/** The ends of a range may be empty: before the first key. */
const boundOf = (key: string): Buffer => Buffer.from(PREFIX + key);
