import { createDispatcher } from '@rapport/channels';
import { silentLog, systemClock } from '@rapport/kernel';
import { type SmtpSink, startSmtpSink, waitFor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrchestrator } from './index.ts';
import { customerIdOf, maker, startWorld, type World } from './testing/world.ts';

describe('a launched campaign, sent by the real dispatcher to a real mail server', () => {
  let world: World;
  let sink: SmtpSink;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    sink = await startSmtpSink();
    world = await startWorld(sink.port);
    const { stores, clock, channels, content, ledger, campaigns } = world;
    const dispatcher = createDispatcher({
      relational: stores.relational,
      clock,
      log: silentLog,
      channels,
      content,
      customers: {
        contactPoints: async (cids) =>
          cids.map((cid) => ({ cid, customerId: customerIdOf(cid), address: `c${cid}@customers.example` })),
      },
      contacts: ledger,
      secrets: { dataKey: Buffer.alloc(32, 1), linkKey: Buffer.alloc(32, 2) },
      consentModel: async () => 'opt_out',
      publicUrl: 'http://127.0.0.1:8080',
      settings: { idleMs: 20 },
    });
    const orchestrator = createOrchestrator({ campaigns, log: silentLog, pauseMs: 20 });
    for (const component of [dispatcher, orchestrator]) {
      await component.start();
      stops.unshift(() => component.stop());
    }
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await world?.stores.stop();
    await sink?.stop();
  });

  const settled = (campaignId: string) =>
    waitFor(
      async () => {
        const { counts } = await world.campaigns.get(campaignId);
        const { queued = 0, sending = 0 } = counts?.messages ?? {};
        return counts && counts.expanded === counts.queued && queued + sending === 0 ? counts : undefined;
      },
      { withinMs: 40_000, what: 'everything sent' },
    );

  it('reaches every queued customer once, and no one in control', async () => {
    const id = await world.approved({
      audience: { condition: { tag: 'aum', op: '<', value: 300 } },
      control: { share: 0.3 },
      schedule: { startAt: 'now' },
    });
    await waitFor(async () => (await world.campaigns.get(id)).launchedAt, { what: 'the launch' });
    const counts = await settled(id);
    const sets = await world.campaigns.sets(id);
    const queued = sets.find((set) => set.outcome === 'queued');
    expect(counts.messages.sent).toBe(queued?.size);
    const receivers = sink.mails.map((mail) => mail.to[0]).sort();
    expect(receivers).toEqual(
      [...(queued?.cids.toArray() ?? [])].map((cid) => `c${cid}@customers.example`).sort(),
    );
  });

  it('withholds from whoever reached the weekly cap, counts the rest, and frees nothing that was sent', async () => {
    const again = async (): Promise<string> => {
      const id = await world.approved({
        name: 'Again',
        audience: { condition: { tag: 'aum', op: '>=', value: 5_980 } },
        control: { share: 0 },
        schedule: { startAt: 'now' },
      });
      await waitFor(async () => (await world.campaigns.get(id)).launchedAt, { what: 'the launch' });
      return id;
    };
    const before = sink.mails.length;
    const first = await again();
    const { queued } = await settled(first);
    expect(queued).toBeGreaterThan(10);
    for (const id of [await again(), await again()]) expect((await settled(id)).messages.sent).toBe(queued);
    const fourth = await again();
    // The cap is three a week: the fourth waits or is withheld, but is not sent.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await world.campaigns.get(fourth)).counts?.messages.sent ?? 0).toBe(0);
    expect(sink.mails.length - before).toBe(3 * queued);
    const run = await world.campaigns.dryRun(fourth, maker);
    expect(run.capped).toBe(queued);
    expect(run.wouldBeSent).toBe(0);
    await world.campaigns.stop(fourth, maker);
  });

  it('sends nothing within a second of a stop', async () => {
    sink.configure({ delayMs: 20 });
    const id = await world.approved({
      name: 'To be stopped',
      audience: { condition: { tag: 'aum', op: 'between', value: [1_000, 5_000] } },
      schedule: { startAt: 'now' },
    });
    const before = sink.mails.length;
    await waitFor(() => sink.mails.length > before + 20, { withinMs: 20_000, what: 'the first mails' });
    const asked = systemClock.now();
    await world.campaigns.stop(id, maker, 'Wrong rate');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    sink.configure({ delayMs: 0 });
    const late = sink.mails.filter((mail) => mail.receivedAt > asked + 1_000);
    expect(late).toHaveLength(0);
    const { counts } = await world.campaigns.get(id);
    expect(counts?.messages.queued ?? 0).toBe(0);
    expect(counts?.messages.cancelled ?? 0).toBeGreaterThan(100);
  });
});
