import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createCustomers, customersMigrations } from '@rapport/customers';
import { seededRandom, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { createStores, runMigrations, type StartedStores } from '@rapport/stores';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, smallBank } from './bank.test-support.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';

const SCRIPT = fileURLToPath(new URL('./refresh-process.test-support.ts', import.meta.url));
const KILLS = 5;
const YAML = `
tags:
  - { id: gender, title: { en: Gender }, category: a, valueType: text, definition: { kind: fact, from: customer, value: gender } }
  - { id: bookings, title: { en: Bookings }, category: a, valueType: number, definition: { kind: statistical, over: transaction, aggregate: count } }
  - { id: logins, title: { en: Logins }, category: a, valueType: number, definition: { kind: statistical, over: event, event: login, aggregate: count } }
  - { id: busy, title: { en: Busy }, category: a, valueType: boolean, definition: { kind: rule, cases: [{ when: { tag: bookings, op: '>', value: 5 }, value: true }], otherwise: false } }
  - { id: logins_a_booking, title: { en: Ratio }, category: a, valueType: number, definition: { kind: derived, expression: 'logins / nullIf(bookings, 0)' } }
`;

describe('a tag refresh that is killed with -9', () => {
  let home: string;
  const children = new Set<ChildProcess>();

  const open = async (): Promise<{ stores: StartedStores; tags: Tags }> => {
    const stores = await createStores({
      home,
      log: silentLog,
      clock: systemClock,
      warehouse: { memoryBytes: 4 * 1024 ** 3, sessions: 4 },
    });
    await stores.start();
    await runMigrations(stores, [customersMigrations, tagsMigrations]);
    const audit = { record: async () => undefined };
    const customers = createCustomers({
      ...stores,
      clock: systemClock,
      dataKey: Buffer.alloc(32, 3),
      audit,
      profileTags: async () => [],
      consents: async () => [],
    });
    return {
      stores,
      tags: createTags({
        ...stores,
        clock: systemClock,
        log: silentLog,
        audit,
        customers,
        manifests: async () => [],
      }),
    };
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'rapport-test-'));
    await chmod(home, 0o711);
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });

  it('is run again after the restart, and until then the values of before answer, all of one refresh', async () => {
    const first = await open();
    const now = Date.now();
    const bank = smallBank(3, 200, now);
    await loadBank(first.stores, bank, systemClock);
    await first.tags.importYaml(YAML, {}, systemActor);
    await first.stores.jobs.start();
    await first.stores.jobs.wait(await first.tags.refresh());
    await first.stores.stop();

    const random = seededRandom(5);
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, home], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      if (child.stdout) await once(child.stdout, 'data');
      await sleep(random.integer(500));
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      children.delete(child);
    }

    const last = await open();
    try {
      const before = await last.stores.releases.current();
      const open0 = (await last.stores.jobs.list({ kind: 'tag.refresh' })).filter(
        (job) => job.state !== 'done',
      );
      await expectWhole(
        last.stores,
        last.tags,
        bank.customers.map(({ id }) => id),
      );
      await last.stores.jobs.start();
      for (const job of open0) expect((await last.stores.jobs.wait(job.id)).state).toBe('done');
      const after = await last.stores.releases.current();
      if (open0.length > 0) expect(after.number).toBeGreaterThan(before.number);
      await expectWhole(
        last.stores,
        last.tags,
        bank.customers.map(({ id }) => id),
      );
      const refreshes = await last.tags.refreshes({});
      expect(refreshes.items.every(({ state }) => state === 'done')).toBe(true);
      console.info(`${KILLS} kills, ${open0.length} refreshes were run again`);
    } finally {
      await last.stores.stop();
    }
  }, 600_000);
});

/** Every tag has values, and they fit each other and their rows. */
async function expectWhole(stores: StartedStores, tags: Tags, customerIds: readonly string[]): Promise<void> {
  const { placements } = await stores.releases.current();
  for (const id of ['gender', 'bookings', 'logins', 'busy', 'logins_a_booking']) {
    const placement = placements.get(`tag/${id}`);
    expect(placement, id).toBeDefined();
    for (const customerId of customerIds.slice(0, 8)) {
      const evidence = await tags.evidence(id, customerId, systemActor);
      expect(evidence.agrees, `${id} of ${customerId}: ${JSON.stringify(evidence)}`).toBe(true);
    }
  }
}
