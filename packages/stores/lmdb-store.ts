import { mkdir } from 'node:fs/promises';
import type { Component } from '@rapport/kernel';
import { open, type RootDatabase } from 'lmdb';
import { storesProblems } from './problems.ts';

/** One LMDB file that the key-value store or the stream keeps its records in. */
export interface LmdbStore extends Component {
  db(): RootDatabase<Buffer, Buffer>;
}

export function createLmdbStore(directory: string): LmdbStore {
  let db: RootDatabase<Buffer, Buffer> | undefined;
  return {
    name: 'lmdb',
    db() {
      if (!db) throw storesProblems.engine_down({ detail: `The store in ${directory} is not started.` });
      return db;
    },
    async start() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      db ??= open<Buffer, Buffer>({
        path: directory,
        encoding: 'binary',
        keyEncoding: 'binary',
        // Grows on demand; the map itself costs address space only.
        mapSize: 64 * 1024 * 1024,
      });
    },
    async stop() {
      const closing = db;
      db = undefined;
      await closing?.close();
    },
  };
}
