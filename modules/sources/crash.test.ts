import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createStores, runMigrations } from '@rapport/stores';
import { makeTestHome, removeTestHome, testStoresConfig } from '@rapport/stores/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSources, sourcesMigrations } from './index.ts';

const ROUNDS = 4;
const ROWS = 150_000;
const BAD = 7;
/** Rows that each version adds to the table that grows. */
const ADDED = 30_000;
const YAML = `
source: crash
title: { en: Crash }
folder: .
tables:
  a: { path: a.csv, columns: { id: integer, version: integer, note: text }, key: [id] }
  b: { path: b.csv, columns: { id: integer, version: integer, a: { type: integer, required: true } }, references: { a: a } }
  c: { path: 'c_*.csv', mode: append, columns: { id: integer, version: integer } }
derived:
  both: { sql: 'SELECT a.version AS version, count() AS n FROM a INNER JOIN b ON a.id = b.a GROUP BY version' }
`;

let home: string;
let root: string;
beforeAll(async () => {
  home = await makeTestHome();
  root = join(home, 'files');
  await mkdir(root);
});
afterAll(() => removeTestHome(home));

async function writeVersion(version: number): Promise<void> {
  const a = ['id,version,note'];
  const b = ['id,version,a'];
  for (let id = 0; id < ROWS; id++) {
    a.push(`${id},${version},note of ${id}`);
    b.push(`${id},${version},${id < BAD ? -1 : id}`);
  }
  const c = Array.from({ length: ADDED }, (_, id) => `${id},${version}`);
  await writeFile(join(root, `c_${version}.csv`), ['id,version', ...c].join('\n'));
  await writeFile(join(root, 'a.csv'), a.join('\n'));
  await writeFile(join(root, 'b.csv'), b.join('\n'));
}

/** Starts the loader and kills it in the middle of its load. */
async function loadAndKill(afterMs: number): Promise<void> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('./crash-load.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, script, home, root, YAML], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), exited.then(() => ['ended'])]);
  if (line !== 'loading') throw new Error(`The loader ended: ${errors.join('')}`);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await exited;
}

const Version = Type.Object({ version: Type.Integer(), n: Type.Integer() });
const Names = Type.Object({ name: Type.String() });

describe('a load whose process is killed', () => {
  it(`shows the data of before or all of the new, ${ROUNDS} times over, and goes on by itself`, {
    timeout: 300_000,
  }, async () => {
    for (let version = 1; version <= ROUNDS; version++) {
      await writeVersion(version);
      await loadAndKill(100 + (version - 1) * 500 + Math.random() * 300);
      const stores = await createStores(await testStoresConfig(home));
      await stores.start();
      try {
        await runMigrations(stores, [sourcesMigrations]);
        const sources = createSources({
          stores,
          clock: systemClock,
          log: silentLog,
          audit: { record: async () => undefined },
          allowedRoots: [root],
          variables: {},
        });
        const versions = async (): Promise<number[]> => {
          const release = await stores.releases.current();
          const found: number[] = [];
          for (const [table, rows] of [
            ['a', ROWS],
            ['b', ROWS - BAD],
            ['both', 1],
          ] as const) {
            const placement = release.placements.get(`src/crash/${table}`);
            if (!placement) continue;
            const counted = await stores.warehouse.query(
              Version,
              `SELECT version, count() AS n FROM ${stores.warehouse.identifier(placement.table)} GROUP BY version`,
            );
            expect(counted.map(({ n }) => n)).toEqual([rows]);
            found.push(...counted.map((row) => row.version));
          }
          const grown = release.placements.get('src/crash/c');
          if (grown) {
            const counted = await stores.warehouse.query(
              Version,
              `SELECT version, count() AS n FROM ${stores.warehouse.identifier(grown.table)} GROUP BY version ORDER BY version`,
            );
            // Every delivery once, up to the version of the others.
            expect(counted).toEqual(
              Array.from({ length: found[0] ?? 0 }, (_, at) => ({ version: at + 1, n: ADDED })),
            );
          }
          return found;
        };
        const visible = await versions();
        if (version > 1 || visible.length > 0) expect(visible).toHaveLength(3);
        expect(new Set(visible).size).toBeLessThanOrEqual(1);
        expect([version - 1, version]).toContain(visible[0] ?? 0);

        const [interrupted] = (await sources.loads('crash')).items;
        await stores.jobs.start();
        await stores.jobs.wait(interrupted?.jobId ?? '');
        expect(await versions()).toEqual([version, version, version]);
        const view = await sources.getLoad('crash', interrupted?.id ?? '');
        expect(view.state).toBe('loaded');
        for (const table of view.tables) expect(table.read).toBe(table.loaded + table.quarantined);
        const { items } = await sources.quarantine('crash', {}, systemActor);
        expect(items.map((row) => [row.table, row.line, row.reason])).toEqual(
          Array.from({ length: BAD }, (_, index) => ['b', index + 2, 'unknown_reference']),
        );
        // What the killed process left behind belongs to no release and is swept.
        await stores.releases.sweep(0);
        const left = await stores.warehouse.query(
          Names,
          `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%\\_\\_%' ORDER BY name`,
        );
        // The table that grows is a view over a part for each delivery.
        const parts = Array.from({ length: version === 1 ? 1 : version + 1 }, () => 'src_crash_c');
        expect(left.map(({ name }) => name.split('__')[0])).toEqual([
          'src_crash_a',
          'src_crash_b',
          'src_crash_both',
          ...parts,
        ]);
      } finally {
        await stores.stop();
      }
    }
  });
});
