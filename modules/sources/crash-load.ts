/*
 * A process that loads the source `crash` of a folder until it is killed. Run by crash.test.ts.
 */
import { silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createStores, runMigrations } from '@rapport/stores';
import { testStoresConfig } from '@rapport/stores/testing';
import { createSources, sourcesMigrations } from './index.ts';

const [home = '', root = '', yaml = ''] = process.argv.slice(2);
const stores = await createStores(await testStoresConfig(home));
await stores.start();
await runMigrations(stores, [sourcesMigrations]);
const sources = createSources({
  stores,
  clock: systemClock,
  log: silentLog,
  audit: { record: async () => undefined },
  allowedRoots: [root],
  variables: {},
});
await stores.jobs.start();
await sources.applyManifest(yaml);
const { jobId } = await sources.startLoad('crash', systemActor);
process.stdout.write('loading\n');
await stores.jobs.wait(jobId);
process.stdout.write('loaded\n');
setInterval(() => undefined, 1_000);
