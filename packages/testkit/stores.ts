import type { Clock, Log } from '@rapport/kernel';
import { type ModuleMigrations, runMigrations, type StoresConfig } from '@rapport/stores';
import { startTemporaryStores, type TemporaryStores } from '@rapport/stores/testing';

export interface TestStoresOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** Engines by URL instead of embedded ones. */
  readonly engines?: Pick<StoresConfig, 'relational' | 'warehouse' | 'keyValue' | 'stream'>;
  /** Whether jobs run from the start. @default true */
  readonly runsJobs?: boolean;
}

export type TestStores = TemporaryStores;

/**
 * Boots real stores (PostgreSQL, chDB, LMDB) in a folder of their own under the system's temporary folder and runs
 * the modules' migrations. Takes about a second; share one between the tests of a file and `stop` it in `afterAll`.
 */
export async function startTestStores(
  migrations: readonly ModuleMigrations[] = [],
  options: TestStoresOptions = {},
): Promise<TestStores> {
  const { clock, log, engines, runsJobs = true } = options;
  const stores = await startTemporaryStores({ ...(clock && { clock }), ...(log && { log }), ...engines });
  try {
    await runMigrations(stores, migrations);
    if (runsJobs) await stores.jobs.start();
  } catch (error) {
    await stores.stop();
    throw error;
  }
  return stores;
}
