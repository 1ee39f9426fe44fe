import type { KeyValue } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ContactLedger, type ContactRequest, createContactLedger } from './contact-ledger.service.ts';
import { windowMs } from './contact-policy.ts';
import type { ContactPolicy, ContactRule } from './contract.ts';

type Policy = Pick<ContactPolicy, 'rules' | 'quietHours'>;
const HOUR = 3_600_000;
const rule = (change: Partial<ContactRule>): ContactRule => ({
  id: 'weekly',
  channel: 'any',
  max: 3,
  window: 'P7D',
  purpose: 'marketing',
  ...change,
});

/**
 * The naive model: everything granted so far in one list, every window counted anew. It knows nothing of keys,
 * pointers, batches or retries.
 */
function naiveLedger(policy: Policy) {
  const granted: ContactRequest[] = [];
  const fits = (request: ContactRequest): boolean =>
    policy.rules.every((one) => {
      const own = [...granted, request]
        .filter((each) => each.cid === request.cid && (one.channel === 'any' || each.channel === one.channel))
        .map((each) => each.at);
      const width = windowMs(one);
      return own.every((start) => own.filter((at) => at >= start && at < start + width).length <= one.max);
    });
  return {
    granted,
    reserve(request: ContactRequest): boolean {
      if (granted.some((each) => each.deliveryId === request.deliveryId)) return true;
      if (!fits(request)) return false;
      granted.push(request);
      return true;
    },
    release(deliveryId: string): void {
      const index = granted.findIndex((each) => each.deliveryId === deliveryId);
      if (index >= 0) granted.splice(index, 1);
    },
    fits,
  };
}

const engines = [
  { name: 'LMDB', url: undefined },
  ...(process.env.RAPPORT_TEST_REDIS_URL ? [{ name: 'Redis', url: process.env.RAPPORT_TEST_REDIS_URL }] : []),
];

describe.each(engines)('the contact ledger on $name', ({ url }) => {
  let stores: TestStores;
  let keyValue: KeyValue;
  let nextCid = 1;
  let nextDelivery = 1;
  let policy: Policy = { rules: [] };
  let ledger: ContactLedger;

  beforeAll(async () => {
    stores = await startTestStores([], {
      runsJobs: false,
      ...(url ? { engines: { keyValue: { url, prefix: `test-${Date.now()}` } } } : {}),
    });
    keyValue = stores.keyValue;
    ledger = createContactLedger({ keyValue, policy: async () => policy });
  });
  afterAll(() => stores.stop());

  const request = (
    cid: number,
    at: number,
    channel: ContactRequest['channel'] = 'email',
  ): ContactRequest => ({
    cid,
    channel,
    at,
    campaignId: 'cmp_a',
    deliveryId: `dlv_${nextDelivery++}`,
  });

  it('grants exactly the cap to hundreds of reservations at the same moment for one customer', async () => {
    policy = { rules: [rule({ max: 3 })] };
    const cid = nextCid++;
    const other = createContactLedger({ keyValue, policy: async () => policy });
    const outcomes = await Promise.all(
      Array.from({ length: 400 }, (_, index) =>
        (index % 2 === 0 ? ledger : other).reserve([request(cid, 1_000_000 + index)]),
      ),
    );
    expect(outcomes.flat().filter(({ outcome }) => outcome === 'granted')).toHaveLength(3);
    expect(await ledger.contactsOf(cid)).toHaveLength(3);
  });

  it('never overshoots any window under concurrency, and withholds nothing that would have fitted', async () => {
    const rules = fc.array(
      fc.record({
        channel: fc.constantFrom('any' as const, 'email' as const, 'sms' as const),
        max: fc.integer({ min: 0, max: 4 }),
        window: fc.constantFrom('PT2H', 'PT12H', 'P1D'),
      }),
      { minLength: 1, maxLength: 3 },
    );
    const wanted = fc.array(
      fc.record({
        hour: fc.integer({ min: 0, max: 60 }),
        channel: fc.constantFrom('email' as const, 'sms' as const),
        batch: fc.integer({ min: 0, max: 40 }),
      }),
      { minLength: 100, maxLength: 300 },
    );
    await fc.assert(
      fc.asyncProperty(rules, wanted, async (some, all) => {
        policy = { rules: some.map((one, index) => rule({ ...one, id: `r${index}` })) };
        const cid = nextCid++;
        const requests = all.map(({ hour, channel }) => request(cid, hour * HOUR, channel));
        const batches = new Map<number, ContactRequest[]>();
        all.forEach(({ batch }, index) => {
          const own = requests[index];
          if (own) batches.set(batch, [...(batches.get(batch) ?? []), own]);
        });
        const outcomes = (
          await Promise.all([...batches.values()].map((batch) => ledger.reserve(batch)))
        ).flat();
        const isGranted = new Set(
          outcomes.filter(({ outcome }) => outcome === 'granted').map(({ deliveryId }) => deliveryId),
        );
        const held = await ledger.contactsOf(cid);
        expect(new Set(held.map((entry) => entry.deliveryId))).toEqual(isGranted);

        const model = naiveLedger(policy);
        model.granted.push(...requests.filter((each) => isGranted.has(each.deliveryId)));
        for (const one of policy.rules) {
          const own = model.granted
            .filter((each) => one.channel === 'any' || each.channel === one.channel)
            .map((each) => each.at);
          for (const start of own) {
            const inside = own.filter((at) => at >= start && at < start + windowMs(one)).length;
            expect(inside).toBeLessThanOrEqual(one.max);
          }
        }
        // Grants only ever take room away, so what was withheld at some moment does not fit at the end either.
        for (const each of requests) {
          if (!isGranted.has(each.deliveryId)) expect(model.fits(each)).toBe(false);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('answers as the naive model does, step by step, over reservations, repetitions and releases', async () => {
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom('reserve' as const, 'reserve' as const, 'repeat' as const, 'release' as const),
        who: fc.integer({ min: 0, max: 1 }),
        hour: fc.integer({ min: 0, max: 80 }),
        channel: fc.constantFrom('email' as const, 'sms' as const),
        pick: fc.nat(),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        policy = {
          rules: [rule({ id: 'a', max: 2, window: 'P1D' }), rule({ id: 'b', channel: 'sms', max: 1 })],
        };
        const model = naiveLedger(policy);
        const cids = [nextCid++, nextCid++];
        const asked: ContactRequest[] = [];
        for (const step of all) {
          const earlier = asked[step.pick % Math.max(1, asked.length)];
          if (step.kind === 'release') {
            if (!earlier) continue;
            await ledger.release([earlier.deliveryId]);
            model.release(earlier.deliveryId);
            continue;
          }
          const next =
            step.kind === 'repeat' && earlier
              ? earlier
              : request(cids[step.who] ?? 0, step.hour * HOUR, step.channel);
          asked.push(next);
          const [answer] = await ledger.reserve([next]);
          expect(answer?.outcome === 'granted').toBe(model.reserve(next));
        }
        for (const cid of cids) {
          expect((await ledger.contactsOf(cid)).map((entry) => entry.deliveryId).sort()).toEqual(
            model.granted
              .filter((each) => each.cid === cid)
              .map((each) => each.deliveryId)
              .sort(),
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it('counts a delivery once, however often it asks, and keeps it after it is confirmed', async () => {
    policy = { rules: [rule({ max: 1 })] };
    const cid = nextCid++;
    const first = request(cid, 0);
    const second = request(cid, 1);
    await Promise.all(Array.from({ length: 20 }, () => ledger.reserve([first])));
    expect(await ledger.contactsOf(cid)).toHaveLength(1);
    await ledger.confirm([first.deliveryId]);
    await ledger.release([first.deliveryId]);
    expect((await ledger.reserve([second]))[0]).toMatchObject({
      outcome: 'withheld',
      because: 'rolling_cap',
      ruleId: 'weekly',
      until: 7 * 24 * HOUR,
    });
    expect((await ledger.reserve([first]))[0]?.outcome).toBe('granted');
  });

  it('gives a released place to the next, and peeking takes none', async () => {
    policy = { rules: [rule({ max: 1 })] };
    const cid = nextCid++;
    const first = request(cid, 0);
    const next = request(cid, 1);
    expect((await ledger.peek([first]))[0]?.outcome).toBe('granted');
    expect(await ledger.contactsOf(cid)).toHaveLength(0);
    await ledger.reserve([first]);
    expect((await ledger.peek([next]))[0]?.outcome).toBe('withheld');
    await ledger.release([first.deliveryId, 'dlv_never_reserved']);
    expect((await ledger.reserve([next]))[0]?.outcome).toBe('granted');
  });

  it('neither counts nor withholds service messages, and keeps marketing out of the quiet hours', async () => {
    policy = {
      rules: [rule({ max: 1 })],
      quietHours: { from: '21:00', to: '08:00', zone: 'UTC' },
    };
    const cid = nextCid++;
    const night = Date.UTC(2026, 0, 1, 23);
    const service = { ...request(cid, night), purpose: 'service' as const };
    const marketing = request(cid, night);
    const outcomes = await ledger.reserve([service, marketing]);
    expect(outcomes[0]?.outcome).toBe('granted');
    expect(outcomes[1]).toMatchObject({ because: 'quiet_hours', until: Date.UTC(2026, 0, 2, 8) });
    expect(await ledger.contactsOf(cid)).toHaveLength(0);
  });

  it('takes tens of thousands of customers in one call', async () => {
    policy = { rules: [rule({ max: 1 })] };
    const first = nextCid;
    nextCid += 20_000;
    const requests = Array.from({ length: 20_000 }, (_, index) => request(first + index, 0));
    const started = performance.now();
    const outcomes = await ledger.reserve(requests);
    const perSecond = Math.round(20_000 / ((performance.now() - started) / 1000));
    expect(outcomes.every(({ outcome }) => outcome === 'granted')).toBe(true);
    expect(perSecond).toBeGreaterThan(1_000);
  });
});
