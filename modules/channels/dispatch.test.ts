import { startSmsProvider, startSmtpSink, waitFor } from '@rapport/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createWorld,
  KEYS,
  PUBLIC_URL,
  rememberingLedger,
  SIGNING_KEY,
  smsProvider,
  smtpProvider,
  type World,
} from './testing/world.ts';

let world: World;
const cleanups: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.stop());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world.stores.relational.pool.query('update channels.provider set enabled = false');
});

const sink = async (options: Parameters<typeof startSmtpSink>[0] = {}) => {
  const started = await startSmtpSink(options);
  cleanups.push(() => started.stop());
  return started;
};
const smsServer = async (options: Partial<Parameters<typeof startSmsProvider>[0]> = {}) => {
  const started = await startSmsProvider({ signingKey: SIGNING_KEY, ...options });
  cleanups.push(() => started.stop());
  return started;
};
const run = async (more: Parameters<World['dispatcher']>[0] = {}) => {
  const dispatcher = world.dispatcher(more);
  await dispatcher.start();
  cleanups.push(() => dispatcher.stop());
  return dispatcher;
};
const settled = (campaignId: string, count: number) =>
  waitFor(
    async () => {
      const { queued = 0, sending = 0, ...ends } = await world.states(campaignId);
      return queued + sending === 0 && Object.values(ends).reduce((sum, each) => sum + each, 0) === count;
    },
    { withinMs: 90_000, what: `all ${count} messages of ${campaignId} ended` },
  );

describe('e-mail by SMTP', () => {
  it('sends every message once, with the delivery id as Message-ID and one-click opt-out headers', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port));
    await world.enqueue({ campaignId: 'cmp_a', count: 50 });
    await world.enqueue({ campaignId: 'cmp_a', count: 60 });
    const { ledger, confirmed } = rememberingLedger();
    await run({ contacts: ledger });
    await settled('cmp_a', 60);
    expect(await world.states('cmp_a')).toEqual({ sent: 60 });
    expect(new Set(server.mails.map(({ to }) => to[0])).size).toBe(60);
    expect(server.mails).toHaveLength(60);
    const [first] = server.mails;
    const { items } = await world.channels.deliveries({ campaignId: 'cmp_a', limit: 500 }, world.actor);
    expect(items.map((item) => item.providerMessageId)).toContain(first?.mail.messageId);
    expect(first?.mail.messageId).toMatch(/^<dlv_\w{26}@bank\.example>$/);
    const unsubscribe =
      /<(.+)>/.exec(
        String(first?.mail.headerLines.find(({ key }) => key === 'list-unsubscribe')?.line),
      )?.[1] ?? '';
    expect(unsubscribe).toMatch(new RegExp(`^${PUBLIC_URL}/u/[\\w-]{44}$`));
    expect(
      first?.mail.headers.get('list-unsubscribe-post') ??
        first?.mail.headerLines.find(({ key }) => key === 'list-unsubscribe-post')?.line,
    ).toContain('One-Click');
    await waitFor(() => confirmed.size === 60);
  });

  it('replaces links by signed ones that lead to their destination and nowhere else', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port));
    await world.enqueue({ campaignId: 'cmp_links', count: 1 });
    await run();
    await settled('cmp_links', 1);
    const html = String(server.mails[0]?.mail.html);
    const token = new RegExp(`href="${PUBLIC_URL}/t/([\\w-]+)"`).exec(html)?.[1] ?? '';
    expect(await world.channels.follow(token)).toBe('https://bank.example/offer?a=1&b=2');
    expect(html).not.toContain('href="https://bank.example');
    const changed = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    await expect(world.channels.follow(changed)).rejects.toMatchObject({ code: 'channels.bad_link' });
    const unsubscribeToken = new RegExp(`${PUBLIC_URL}/u/([\\w-]+)`).exec(html)?.[1] ?? '';
    await expect(world.channels.follow(unsubscribeToken)).rejects.toMatchObject({
      code: 'channels.bad_link',
    });
    expect(await world.states('cmp_links')).toEqual({ clicked: 1 });
    await world.channels.noteOpen(new RegExp(`${PUBLIC_URL}/o/([\\w-]+)\\.gif`).exec(html)?.[1] ?? '');
    expect(await world.states('cmp_links')).toEqual({ clicked: 1 });
  });

  it('tries again what the server defers, gives up what it refuses, and leaves unknown what it never answered', async () => {
    const tries = new Map<string, number>();
    const server = await sink({
      behave: ({ to }) => {
        const number = Number(/\d+/.exec(to[0] ?? '')?.[0]);
        const tried = (tries.get(to[0] ?? '') ?? 0) + 1;
        tries.set(to[0] ?? '', tried);
        if (number % 4 === 0) return tried < 3 ? 'defer' : 'accept';
        if (number % 4 === 1) return 'refuse';
        return number % 4 === 2 ? 'drop' : 'accept';
      },
    });
    await world.addProvider(smtpProvider(server.port));
    await world.enqueue({ campaignId: 'cmp_mixed', count: 20 });
    const { ledger, held, confirmed } = rememberingLedger();
    await run({ contacts: ledger });
    await settled('cmp_mixed', 20);
    expect(await world.states('cmp_mixed')).toEqual({ sent: 10, failed: 5, unknown: 5 });
    expect(server.mails).toHaveLength(15);
    expect(
      [...tries].filter(([to]) => Number(/\d+/.exec(to)?.[0]) % 4 === 2).map(([, tried]) => tried),
    ).toEqual([1, 1, 1, 1, 1]);
    await waitFor(() => confirmed.size === 15 && held.size === 15);
  });

  it('gives up after the last try', async () => {
    const server = await sink({ behave: () => 'defer' });
    await world.addProvider(smtpProvider(server.port));
    await world.enqueue({ campaignId: 'cmp_tired', count: 2 });
    await run({ settings: { maxAttempts: 3, backoffMs: 10, idleMs: 10 } });
    await settled('cmp_tired', 2);
    const { items } = await world.channels.deliveries({ campaignId: 'cmp_tired' }, world.actor);
    expect(items).toMatchObject([
      { state: 'failed', reason: 'retries_exhausted', attempts: 3 },
      { state: 'failed', reason: 'retries_exhausted', attempts: 3 },
    ]);
  });

  it('waits out an outage without wearing the messages out', async () => {
    const server = await sink();
    const { port } = server;
    await server.stop();
    await world.addProvider(smtpProvider(port));
    await world.enqueue({ campaignId: 'cmp_outage', count: 5 });
    await run({ settings: { maxAttempts: 2 } });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await world.states('cmp_outage')).toEqual({ queued: 5 });
    await world.stores.relational.pool.query(`update channels.provider set enabled = false`);
    const second = await sink();
    await world.addProvider(smtpProvider(second.port));
    await settled('cmp_outage', 5);
    expect(second.mails).toHaveLength(5);
    const { items } = await world.channels.deliveries({ campaignId: 'cmp_outage' }, world.actor);
    expect(items.map((item) => item.attempts)).toEqual([1, 1, 1, 1, 1]);
  });

  it('keeps the rate', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port, { ratePerSecond: 40 }));
    await world.enqueue({ campaignId: 'cmp_rate', count: 80 });
    await run();
    await settled('cmp_rate', 80);
    const times = server.mails.map((mail) => mail.receivedAt).sort((a, b) => a - b);
    const busiest = Math.max(
      ...times.map((start) => times.filter((at) => at >= start && at < start + 1_000).length),
    );
    expect(busiest).toBeLessThanOrEqual(46);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_700);
  });
});

describe('SMS by signed HTTP', () => {
  it('asks again with the same key when the answer is lost, and the provider takes it once', async () => {
    let drops = 3;
    const server = await smsServer({ behave: () => (drops-- > 0 ? 'drop' : 'accept') });
    await world.addProvider(smsProvider(server.url));
    await world.enqueue({ campaignId: 'cmp_sms', channel: 'sms', count: 10 });
    await run();
    await settled('cmp_sms', 10);
    expect(await world.states('cmp_sms')).toEqual({ sent: 10 });
    expect(server.messages).toHaveLength(10);
    expect(server.repeats).toBe(3);
    expect(server.forgeries).toBe(0);
  });

  it('leaves a lost answer unknown when the provider does not know repeated keys', async () => {
    const server = await smsServer({
      behave: ({ body }) => (body.to === '+886910000003' ? 'hang' : 'accept'),
    });
    await world.addProvider(smsProvider(server.url, { idempotent: false, timeoutMs: 3_000 }));
    await world.enqueue({ campaignId: 'cmp_sms_once', channel: 'sms', count: 5 });
    await run();
    await settled('cmp_sms_once', 5);
    expect(await world.states('cmp_sms_once')).toEqual({ sent: 4, unknown: 1 });
    expect(server.requests).toBe(5);
  });

  it('slows down when it is told to', async () => {
    let refusals = 1;
    const server = await smsServer({ behave: () => (refusals-- > 0 ? 'throttle' : 'accept') });
    await world.addProvider(smsProvider(server.url));
    await world.enqueue({ campaignId: 'cmp_slow', channel: 'sms', count: 3 });
    await run();
    await settled('cmp_slow', 3);
    expect(await world.states('cmp_slow')).toEqual({ sent: 3 });
  });
});

describe('the last instant', () => {
  it('stops within a second and goes on when lifted', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port, { ratePerSecond: 200 }));
    await world.enqueue({ campaignId: 'cmp_stop', count: 300 });
    await run();
    await waitFor(() => server.mails.length > 50);
    const stop = await world.channels.stops.start(
      { scope: { kind: 'campaign', campaignId: 'cmp_stop' }, reason: 'Wrong rate' },
      world.actor,
    );
    const stoppedAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const late = server.mails.filter((mail) => mail.receivedAt > stoppedAt + 1_000);
    expect(late).toEqual([]);
    const soFar = server.mails.length;
    expect(server.mails.filter((mail) => mail.receivedAt > stoppedAt + 100).length).toBeLessThanOrEqual(8);
    expect((await world.states('cmp_stop')).queued).toBe(300 - soFar);
    await world.channels.stops.lift(stop.id, world.actor);
    await settled('cmp_stop', 300);
    expect(server.mails).toHaveLength(300);
  });

  it('pauses, resumes, and cancels for good', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port, { ratePerSecond: 100 }));
    await world.enqueue({ campaignId: 'cmp_pause', count: 300 });
    await run();
    await waitFor(() => server.mails.length > 20);
    await world.channels.pause('cmp_pause');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const paused = server.mails.length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(server.mails.length).toBe(paused);
    await world.channels.resume('cmp_pause');
    await waitFor(() => server.mails.length > paused + 20);
    await world.channels.cancel('cmp_pause');
    await settled('cmp_pause', 300);
    const counts = await world.states('cmp_pause');
    expect(counts).toEqual({ sent: server.mails.length, cancelled: 300 - server.mails.length });
    await world.enqueue({ campaignId: 'cmp_pause', count: 1, from: 1_000 });
    expect(await world.states('cmp_pause')).toEqual({ ...counts, cancelled: (counts.cancelled ?? 0) + 1 });
  });

  it('does not send to whoever opts out, is suppressed, or has no address, and says why', async () => {
    const server = await sink();
    const now = Date.now();
    await world.enqueue({ campaignId: 'cmp_out', from: 2_001, count: 6 });
    await world.enqueue({ campaignId: 'cmp_late', from: 2_001, count: 1, expiresAt: now - 1 });
    const consent = { channel: 'email', purpose: 'marketing', granted: false, evidence: 'call' } as const;
    await world.channels.consents.record({ ...consent, customerId: 'C0002001' }, world.actor);
    await world.channels.consents.suppress(
      { customerId: 'C0002002', channel: '*', appliesTo: 'marketing', reason: 'complaint' },
      world.actor,
    );
    const { ledger } = rememberingLedger((cid) =>
      cid === 2_003
        ? { because: 'rolling_cap' }
        : cid === 2_004
          ? { because: 'quiet_hours', until: now + 3_600_000 }
          : undefined,
    );
    await world.addProvider(smtpProvider(server.port));
    await run({
      contacts: ledger,
      customers: {
        contactPoints: async (cids) =>
          cids
            .filter((cid) => cid !== 2_005)
            .map((cid) => ({ cid, customerId: '', address: `c${cid}@example.org` })),
      },
    });
    await waitFor(
      async () =>
        (await world.states('cmp_out')).sent === 1 && (await world.states('cmp_late')).expired === 1,
    );
    const { items } = await world.channels.deliveries({ campaignId: 'cmp_out' }, world.actor);
    expect(Object.fromEntries(items.map((item) => [item.customerId, item.reason ?? item.state]))).toEqual({
      C0002001: 'opted_out',
      C0002002: 'complaint',
      C0002003: 'rolling_cap',
      C0002004: 'queued',
      C0002005: 'no_contact_point',
      C0002006: 'sent',
    });
    expect(items.find((item) => item.state === 'queued')?.notBefore).toBe(
      new Date(now + 3_600_000).toISOString(),
    );
    const outcomes = await world.channels.outcomes('cmp_out');
    expect(outcomes.groups.reduce((sum, group) => sum + group.cids.size, 0)).toBe(6);
    expect([...outcomes.milestones.sent.toArray()]).toEqual([2_006]);
  });

  it('lets an opt-out by link act on messages that are already queued', async () => {
    const server = await sink();
    await world.addProvider(smtpProvider(server.port));
    await world.enqueue({ campaignId: 'cmp_first', from: 3_001, count: 2 });
    const dispatcher = await run();
    await settled('cmp_first', 2);
    await world.enqueue({ campaignId: 'cmp_second', from: 3_001, count: 2, notBefore: Date.now() + 700 });
    const mail = server.mails.find(({ to }) => to[0] === 'c3001@example.org')?.mail;
    const token = /\/u\/([\w-]+)/.exec(String(mail?.html))?.[1] ?? '';
    await world.channels.unsubscribe(token, 'opt-out page');
    await world.channels.unsubscribe(token, 'opt-out page');
    await settled('cmp_second', 2);
    expect(await world.states('cmp_second')).toEqual({ sent: 1, suppressed: 1 });
    expect((await world.channels.consents.list({ customerId: 'C0003001' }, world.actor)).items).toHaveLength(
      1,
    );
    await dispatcher.stop();
  });
});

it('keeps secrets encrypted and never shows them', async () => {
  const id = await world.addProvider({
    ...smtpProvider(25),
    secrets: { password: 'hunter2hunter2', signingKey: SIGNING_KEY },
  });
  const view = await world.channels.providers.get(id);
  expect(view).toMatchObject({ hasPassword: true, hasSigningKey: true });
  expect(JSON.stringify(view)).not.toContain('hunter2');
  const stored = await world.stores.relational.pool.query<{ secret: Buffer }>(
    'select p.secret from channels.provider p where p.id = $1',
    [id],
  );
  expect(stored.rows[0]?.secret.toString('latin1')).not.toContain('hunter2');
  expect((await world.channels.providers.open(id))?.password).toBe('hunter2hunter2');
  expect(KEYS.dataKey).toHaveLength(32);
  const replaced = await world.channels.providers.replace(
    id,
    { ...smtpProvider(26), secrets: {} },
    world.actor,
  );
  expect(replaced).toMatchObject({ hasPassword: true, settings: { port: 26 } });
});
