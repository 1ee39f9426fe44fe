import { customersMigrations } from '@rapport/customers';
import { type Clock, silentLog, systemActor } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBank, type SmallBank, smallBank } from './bank.test-support.ts';
import type { TagDefinition } from './contract.ts';
import { createTags, type Tags, tagsMigrations } from './index.ts';
import type { TagAlerts } from './tags.context.ts';

const START = Date.UTC(2026, 5, 1, 12);
const HOUR = 3_600_000;

const TIER: TagDefinition = {
  id: 'tier',
  title: { en: 'Tier', 'zh-Hant': '等級' },
  category: 'profile/relation',
  valueType: 'text',
  values: [
    { value: 'gold', title: { en: 'Gold' } },
    { value: 'silver', title: { en: 'Silver' } },
  ],
  definition: { kind: 'fact', from: 'customer', value: "attributes['tier']" },
};
const BOOKINGS: TagDefinition = {
  id: 'bookings',
  title: { en: 'Bookings' },
  category: 'behaviour/transactions',
  valueType: 'number',
  definition: { kind: 'statistical', over: 'transaction', aggregate: 'count' },
};

describe('the quality, cost and use of tags', () => {
  let stores: TestStores;
  let tags: Tags;
  let now = START;
  const clock: Clock = { now: () => now };
  const open = new Map<string, { severity: string; message: string }>();
  const alerts: TagAlerts = {
    async raise({ subject, cause, severity, message }) {
      open.set(`${subject} ${cause}`, { severity, message: message.en });
    },
    async resolve(_, subject, cause) {
      for (const key of [...open.keys()])
        if (cause === undefined ? key.startsWith(`${subject} `) : key === `${subject} ${cause}`)
          open.delete(key);
    },
  };
  const bank = smallBank(7, 600, START);
  const load = async (change: (bank: SmallBank) => SmallBank = (same) => same): Promise<void> => {
    await loadBank(stores, change(bank), clock);
  };
  const refresh = async (): Promise<void> => {
    now += HOUR;
    await stores.jobs.wait(await tags.refresh());
  };

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations, tagsMigrations]);
    const customers = await loadBank(stores, bank, clock);
    tags = createTags({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      customers,
      manifests: async () => [],
      alerts,
    });
    await tags.create(TIER, systemActor);
    await tags.create(BOOKINGS, systemActor);
    await refresh();
  });
  afterAll(() => stores?.stop());

  it('begins with the first refresh as the baseline, and stays good while nothing moves', async () => {
    const first = await tags.quality.of('tier');
    expect(first).toMatchObject({
      verdict: 'good',
      findings: [],
      alerts: false,
      baseline: { isChosen: false, refreshId: first.history[0]?.refreshId },
    });
    await load();
    await refresh();
    const second = await tags.quality.of('tier');
    expect(second.history).toHaveLength(2);
    expect(second.history[0]).toMatchObject({ psiBefore: 0, psiBaseline: 0, verdict: 'good' });
    expect(second.bins.map(({ value }) => value).toSorted()).toEqual(['gold', 'silver']);
  });

  it('tells of values that drifted, that no dictionary lists, and alerts once the tag is monitored', async () => {
    await load((same) => ({
      ...same,
      customers: same.customers.map((customer, at) =>
        customer.tier === 'silver' ? { ...customer, tier: at % 3 === 0 ? 'silver' : 'diamond' } : customer,
      ),
    }));
    await refresh();
    const drifted = await tags.quality.of('tier');
    expect(drifted.verdict).toBe('bad');
    expect(drifted.findings.map(({ check, severity, against }) => [check, severity, against])).toEqual([
      ['drift', 'bad', 'before'],
      ['drift', 'bad', 'baseline'],
      ['values', 'bad', undefined],
    ]);
    expect(drifted.findings[2]?.message.en).toContain('does not list: diamond');
    expect(drifted.bins.find(({ value }) => value === 'diamond')?.before).toBe(0);
    expect(open.size).toBe(0);
    const board = await tags.quality.board();
    expect(board.counts).toEqual({ good: 1, warn: 0, bad: 1, unknown: 0 });
    expect(board.items[0]).toMatchObject({ tagId: 'tier', verdict: 'bad' });
    expect((await tags.list({})).items.map(({ id, verdict }) => [id, verdict])).toEqual([
      ['bookings', 'good'],
      ['tier', 'bad'],
    ]);

    await tags.workflow.transition('tier', { action: 'monitor' }, systemActor);
    await refresh();
    // Nothing moved since the refresh before; it is still far from the baseline.
    expect([...open.keys()]).toEqual(['tag:tier drift', 'tag:tier values']);
    expect(open.get('tag:tier drift')).toMatchObject({
      severity: 'critical',
      message: expect.stringContaining('Tier (tier): The values spread otherwise than at the baseline'),
    });
  });

  it('takes a new baseline when somebody accepts it, and thresholds of the tag', async () => {
    const { history } = await tags.quality.of('tier');
    await expect(tags.quality.change('tier', { baseline: 'trf_unknown' }, systemActor)).rejects.toMatchObject(
      { code: 'tags.refresh_not_found' },
    );
    const accepted = await tags.quality.change(
      'tier',
      { baseline: history[0]?.refreshId ?? '', thresholds: { unlisted: 1 } },
      systemActor,
    );
    expect(accepted).toMatchObject({
      verdict: 'good',
      baseline: { isChosen: true },
      own: { unlisted: 1 },
      thresholds: { unlisted: 1, driftBad: 0.25 },
    });
    expect(open.size).toBe(0);
    const strict = await tags.quality.change('tier', { thresholds: { minCoverage: 0.99 } }, systemActor);
    expect(strict.findings).toMatchObject([
      { check: 'coverage', severity: 'bad', limit: 0.99 },
      { check: 'values' },
    ]);
    await tags.quality.change('tier', { thresholds: { unlisted: 1 } }, systemActor);
  });

  it('sees coverage that is lost, and does not call a new definition drift', async () => {
    await load((same) => ({
      ...same,
      customers: same.customers.map((customer, at) => (at % 2 === 0 ? { ...customer, tier: '' } : customer)),
    }));
    await refresh();
    const { findings } = await tags.quality.of('tier');
    expect(findings.filter(({ check }) => check === 'coverage')).toMatchObject([
      { severity: 'bad', against: 'before' },
      { severity: 'bad', against: 'baseline' },
    ]);
    await load();
    await refresh();
    await tags.replace(
      {
        ...BOOKINGS,
        definition: { kind: 'statistical', over: 'transaction', aggregate: { distinct: 'kind' } },
      },
      systemActor,
    );
    await refresh();
    const redefined = await tags.quality.of('bookings');
    expect(redefined).toMatchObject({
      verdict: 'good',
      baseline: { refreshId: redefined.history[0]?.refreshId },
    });
    expect(redefined.history[0]).not.toHaveProperty('psiBefore');
  });

  it('tells of values that grew old, by the hours that were promised', async () => {
    await tags.workflow.setStewardship('tier', { slaHours: 26 }, systemActor);
    now += 30 * HOUR;
    expect((await tags.quality.of('tier')).findings.at(0)).toMatchObject({
      check: 'freshness',
      severity: 'warn',
      limit: 26,
    });
    expect((await tags.quality.of('bookings')).verdict).toBe('good');
    now += 30 * HOUR;
    expect((await tags.quality.of('bookings')).findings).toMatchObject([{ check: 'freshness', limit: 48 }]);
    await refresh();
    expect((await tags.quality.of('bookings')).verdict).toBe('good');
  });

  it('knows what a tag costs, and what is dear', async () => {
    await stores.jobs.wait(await tags.refresh({ full: true }));
    const costs = await tags.usage.costs(30);
    expect(costs.items.map(({ tagId }) => tagId).toSorted()).toEqual(['bookings', 'tier']);
    expect(costs.items.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(costs.tookMs > 0 ? 1 : 0, 9);
    const cost = await tags.usage.cost('bookings', 30);
    expect(cost.history[0]).toMatchObject({ outcome: 'computed', tookMs: expect.any(Number) });
    expect(cost.computed).toBeLessThan(cost.refreshes);
    expect(cost.rank).toBeGreaterThan(0);
    now += 31 * 24 * HOUR;
    expect(await tags.usage.cost('bookings', 30)).toMatchObject({ rank: 0, tookMs: 0, history: [] });
  });

  it('knows what a tag is used for, and how often it was counted', async () => {
    tags.usage.note([
      { all: [{ tag: 'tier', op: 'known' }, { not: { tag: 'tier', op: '=', value: 'gold' } }] },
      { always: true },
    ]);
    tags.usage.note([{ tag: 'tier', op: 'known' }]);
    await tags.create(
      {
        id: 'tier_known',
        title: { en: 'Has a tier' },
        category: 'profile/relation',
        valueType: 'boolean',
        definition: { kind: 'rule', cases: [{ when: { tag: 'tier', op: 'known' }, value: true }] },
      },
      systemActor,
    );
    expect(await tags.usage.of('tier')).toMatchObject({
      counted: 2,
      byDay: [{ counted: 2 }],
      uses: [{ kind: 'tag', id: 'tier_known', distance: 1 }],
      mayRetire: false,
    });
    expect(await tags.usage.of('bookings')).toMatchObject({ counted: 0, uses: [], mayRetire: true });
    expect((await tags.list({ q: 'tier' })).items.map(({ id, counted }) => [id, counted])).toEqual([
      ['tier', 2],
      ['tier_known', 0],
    ]);
  });
});
