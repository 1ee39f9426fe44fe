import { type Channels, channelsMigrations, createChannels } from '@rapport/channels';
import { createAudit, governanceMigrations } from '@rapport/governance';
import { fixedClock, silentLog } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { startTestStores, type TestStores, testActor } from '@rapport/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { campaignsMigrations } from './campaigns.migrations.ts';
import {
  type CampaignRow,
  findCampaign,
  insertCampaign,
  insertSet,
  lockCampaign,
  moveCampaign,
} from './campaigns.store.sql.ts';
import { createExpansion, JOURNEY_NODE, JOURNEY_WAVE } from './expansion.ts';

const actor = testActor();
const clock = fixedClock(Date.parse('2026-06-01T10:00:00Z'));

describe('the expansion of a queued set into messages', () => {
  let stores: TestStores;
  let channels: Channels;
  let number = 0;

  beforeAll(async () => {
    stores = await startTestStores([governanceMigrations, channelsMigrations, campaignsMigrations], {
      runsJobs: false,
    });
    const { relational } = stores;
    channels = createChannels({
      relational,
      clock,
      log: silentLog,
      audit: createAudit({ relational, clock }),
      customers: {
        visible: async (_actor, cids) => new Set(cids),
        cidsOf: async () => new Map(),
        findByAddress: async () => undefined,
      },
      secrets: { dataKey: Buffer.alloc(32, 1), linkKey: Buffer.alloc(32, 2) },
      consentModel: async () => 'opt_out',
    });
  });
  afterAll(() => stores?.stop());

  const customerIds = async (cids: readonly number[]): Promise<string[]> => cids.map((cid) => `C${cid}`);
  /** A campaign that was just launched with this queued set. */
  const launched = async (cids: readonly number[]): Promise<CampaignRow> => {
    const id = `cmp_${++number}`;
    const at = new Date(clock.now());
    const frozen = { condition: { always: true }, excluded: [], template: { id: 'tpl_a', version: 1 } };
    await stores.relational.transaction(async (client) => {
      await insertCampaign(client, {
        id,
        document: { name: id, channel: 'email', kpi: { event: 'x', within: 'P14D' } },
        stepEdits: {},
        parentId: undefined,
        actor,
        at,
      });
      for (const action of ['submit', 'approve', 'launch'] as const)
        await moveCampaign(client, await lockCampaign(client, id), { action, actor, at });
      await insertSet(client, {
        campaignId: id,
        wave: JOURNEY_WAVE,
        node: JOURNEY_NODE,
        outcome: 'queued',
        cids: cidSetOf(cids),
      });
      await createExpansion({ ...stores, clock, channels, customerIds }).open(client, id);
      await client.query('update campaigns.campaign c set launched_at = $2, frozen = $3 where c.id = $1', [
        id,
        at,
        JSON.stringify(frozen),
      ]);
    });
    const row = await findCampaign(stores.relational.pool, id);
    if (!row) throw new Error('the campaign was not written');
    return row;
  };
  const messages = async (campaignId: string): Promise<number[]> =>
    (
      await stores.relational.pool.query<{ cid: number }>(
        'select m.cid from channels.message m where m.campaign_id = $1 order by m.cid',
        [campaignId],
      )
    ).rows.map((row) => row.cid);

  it('ends in one message for each customer, wherever and how often it crashes, with several at work', async () => {
    const crashes = fc.array(fc.constantFrom('none' as const, 'before' as const, 'after' as const), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 5_000_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        crashes,
        fc.integer({ min: 1, max: 3 }),
        async (cids, chunk, plan, workers) => {
          const row = await launched(cids);
          const pending = [...plan];
          const crashing = createExpansion({
            ...stores,
            clock,
            customerIds,
            chunk,
            channels: {
              async enqueue(batch) {
                const crash = pending.shift() ?? 'none';
                if (crash === 'before') throw new Error('dies before the outbox');
                const done = await channels.enqueue(batch);
                if (crash === 'after') throw new Error('dies before the cursor');
                return done;
              },
            },
          });
          for (let round = 0; round < 120 && !(await crashing.isDone(row.id)); round++) {
            await Promise.allSettled(Array.from({ length: workers }, () => crashing.advance(row)));
          }
          expect(await messages(row.id)).toEqual([...cids].sort((a, b) => a - b));
          expect(await crashing.expanded(row.id)).toBe(cids.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('lets a pause or stop through within a second, and queues nothing after it', async () => {
    const cids = Array.from({ length: 60_000 }, (_, index) => index * 3);
    for (const action of ['pause', 'stop'] as const) {
      const row = await launched(cids);
      const expansion = createExpansion({ ...stores, clock, channels, customerIds });
      const running = expansion.advance(row);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const asked = performance.now();
      await stores.relational.transaction(async (client) =>
        moveCampaign(client, await lockCampaign(client, row.id), {
          action,
          actor,
          at: new Date(clock.now()),
        }),
      );
      expect(performance.now() - asked).toBeLessThan(1_000);
      const then = (await messages(row.id)).length;
      await running;
      expect((await messages(row.id)).length).toBe(then);
      expect(then).toBeLessThan(cids.length);
    }
  });
});
