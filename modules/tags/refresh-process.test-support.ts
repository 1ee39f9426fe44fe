/*
 * A process that refreshes tags until it is killed: `refresh-process.test-support.ts <home>`. It says `refreshing`
 * once the first statement of the refresh has begun.
 */
import { createCustomers } from '@rapport/customers';
import { silentLog, systemClock } from '@rapport/kernel';
import { createStores } from '@rapport/stores';
import { createTags } from './tags.service.ts';

const home = process.argv[2] ?? '';
const stores = await createStores({
  home,
  log: silentLog,
  clock: systemClock,
  warehouse: { memoryBytes: 4 * 1024 ** 3, sessions: 4 },
});
await stores.start();
const audit = { record: async () => undefined };
const customers = createCustomers({
  ...stores,
  clock: systemClock,
  dataKey: Buffer.alloc(32, 3),
  audit,
  profileTags: async () => [],
  consents: async () => [],
});
const tags = createTags({
  ...stores,
  clock: systemClock,
  log: silentLog,
  audit,
  customers,
  manifests: async () => [],
});
await stores.jobs.start();
// In full: with nothing changed since the last one there would be nothing to kill.
const jobId = await tags.refresh({ full: true });
for (;;) {
  const job = await stores.jobs.get(jobId);
  if (job?.state === 'running') break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
process.stdout.write('refreshing\n');
