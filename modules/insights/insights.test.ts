import type { Campaign } from '@rapport/campaigns/contract';
import type { ConditionCatalog } from '@rapport/conditions';
import { customersMigrations } from '@rapport/customers';
import { type Actor, fixedClock, systemActor } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { startTestHttp, startTestStores, type TestStores, testActor } from '@rapport/testkit';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CampaignReport, HomeReport } from './contract.ts';
import { reportCsv } from './export-csv.ts';
import {
  createInsights,
  type Insights,
  type InsightsDeps,
  insightsRoutes,
  type MessageOutcomes,
} from './index.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const LAUNCH = Date.UTC(2026, 10, 10, 9);
const branchActor: Actor = { ...systemActor, orgScope: ['B01'] };

let stores: TestStores;
let insights: Insights;

beforeAll(async () => {
  stores = await startTestStores([customersMigrations]);
  await buildBank(stores);
  insights = createInsights(deps());
});
afterAll(async () => stores.stop());

const deps = (): InsightsDeps => ({
  warehouse: stores.warehouse,
  releases: stores.releases,
  clock: fixedClock(NOW),
  catalog: async () => catalog,
  campaigns: {
    list: async () => ({ items: [campaign] }),
    get: async () => campaign,
    sets: async () => sets,
    createFollowUp: async () => ({ id: 'cmp_next' }),
  },
  outcomes: async () => outcomes,
  scopeOf: async (actor) => actor.orgScope,
  pendingApprovals: async () => 3,
  lastLoads: async () => [],
  messagePrice: (channel) => (channel === 'email' ? { amountMinor: 2, currency: 'CNY' } : undefined),
});

describe('campaign report', () => {
  it('counts conversions in the window after the launch, both ends as documented', async () => {
    const report = await insights.report('cmp_1', systemActor);
    // Treated 1…80: 1…20 converted in the window; 21 at the launch itself, 22 after the end, 23 with another product.
    expect(report.treated).toMatchObject({ customers: 80, conversions: 20, rate: 0.25, events: 21 });
    expect(report.control).toMatchObject({ customers: 20, conversions: 2, rate: 0.1, events: 2 });
    expect(report.lift?.absolute).toBeCloseTo(0.15, 12);
    expect(report.treated.amountMinor).toBe(21 * 50_000);
    expect(report.value).toMatchObject({ property: 'amount_minor', currency: 'CNY' });
    expect(report.value?.perCustomer).toBeCloseTo((21 * 50_000) / 80 - (2 * 50_000) / 20, 6);
    expect(report.sampleRatio.ok).toBe(true);
    expect(report.kpi).toMatchObject({ open: true, until: '2026-11-24T09:00:00.000Z' });
    expect(report.warnings.map((warning) => warning.code)).toContain('window_open');
    expect(report.daily.at(-1)?.treatedRate).toBe(0.25);
  });

  it('analyses by assignment and shows the reached only beside it', async () => {
    const { deliveredOnly, funnel, channels, variants, cost } = await insights.report('cmp_1', systemActor);
    expect(deliveredOnly).toMatchObject({ customers: 60, conversions: 20 });
    expect(funnel).toMatchObject({ targeted: 110, control: 20, delivered: 60, difference: 0 });
    expect(Object.fromEntries(funnel.exits.map((exit) => [exit.reason, exit.customers]))).toEqual({
      no_consent: 10,
      bounced: 10,
      rolling_cap: 10,
    });
    expect(channels).toEqual([
      {
        channel: 'email',
        messages: 80,
        sent: 70,
        delivered: 60,
        opened: 30,
        clicked: 10,
        converted: 20,
        optedOut: 1,
      },
    ]);
    expect(variants.map((row) => [row.variantId, row.delivered])).toEqual([
      ['a', 30],
      ['b', 30],
    ]);
    expect(cost).toMatchObject({ amountMinor: 140, currency: 'CNY' });
  });

  it('shows a branch only its own customers', async () => {
    const report = await insights.report('cmp_1', branchActor);
    expect(report.treated).toMatchObject({ customers: 40, conversions: 10 });
    expect(report.control.customers).toBe(10);
    expect(report.funnel).toMatchObject({ targeted: 55, difference: 0 });
  });

  it('exports the figures as CSV', async () => {
    const csv = reportCsv(await insights.report('cmp_1', systemActor));
    expect(csv).toContain('report,treated_conversions,20\r\n');
    expect(csv).toContain('report,funnel_difference,0\r\n');
  });

  it('drafts the follow-up', async () => {
    expect(await insights.followUp('cmp_1', {}, systemActor)).toEqual({
      campaignId: 'cmp_next',
      parentCampaignId: 'cmp_1',
      excluded: 22,
    });
  });
});

describe('home', () => {
  it('adds up assets now and at the end of earlier months', async () => {
    const home = await insights.home(systemActor);
    expect(home.customers).toBe(110);
    expect(home.dataUntil).toBe('2026-11-23T09:00:00.000Z');
    const [cny] = home.aum;
    // Accounts: 110 × 1,000; the account without a balance is read by its last booking: 700. Holding: 5,000; the loan
    // is a debt, and the matured deposit counted only until October.
    expect(cny).toMatchObject({ currency: 'CNY', totalMinor: 110_000 + 700 + 5_000 });
    const trend = Object.fromEntries(cny?.trend.map((month) => [month.month, month.totalMinor]) ?? []);
    expect(cny?.trend).toHaveLength(13);
    expect(trend['2026-11']).toBe(115_700);
    // 300 came in, in November; the matured deposit of 2,000 was still there.
    expect(trend['2026-10']).toBe(115_700 - 300 + 2_000);
    expect(trend['2026-08']).toBe(115_700 - 300 + 2_000 - 5_000);
    expect(home.mau).toMatchObject({
      users: 30,
      trend: expect.arrayContaining([{ month: '2026-10', users: 40 }]),
    });
    expect(home.pendingApprovals).toBe(3);
    expect(home.campaigns).toMatchObject({ running: 1, items: [{ campaignId: 'cmp_1' }] });
    expect(home.results[0]).toMatchObject({ campaignId: 'cmp_1', treatedRate: 0.25 });
  });

  it('says the number of the metric where the bank has one, and what its earlier months are', async () => {
    const asked: (readonly string[] | undefined)[] = [];
    const withMetric = createInsights({
      ...deps(),
      aum: async (actor) => {
        asked.push(actor.orgScope);
        return {
          metric: { id: 'aum', title: { en: 'Assets' }, version: 2 },
          currency: 'CNY',
          day: '2026-11-22',
          totalMinor: 110_700,
          customers: 90,
          kept: [
            { day: '2026-10-30', totalMinor: 99_000 },
            { day: '2026-10-31', totalMinor: 100_000 },
            { day: '2026-11-21', totalMinor: 100_500 },
          ],
        };
      },
    });
    const { aum } = await withMetric.home(branchActor);
    expect(asked).toEqual([['B01']]);
    expect(aum).toHaveLength(1);
    expect(aum[0]).toMatchObject({ totalMinor: 110_700, customers: 90, metric: { id: 'aum', version: 2 } });
    expect(aum[0]?.changeShare).toBeCloseTo(0.107, 10);
    expect(aum[0]?.trend).toHaveLength(13);
    expect(aum[0]?.trend.slice(-3)).toEqual([
      { month: '2026-09', totalMinor: expect.any(Number), isReckoned: true },
      { month: '2026-10', totalMinor: 100_000 },
      { month: '2026-11', totalMinor: 110_700 },
    ]);
  });

  it('compares a metric with the month before only where that month was kept', async () => {
    const { aum } = await createInsights({
      ...deps(),
      aum: async () => ({
        metric: { id: 'aum', title: { en: 'Assets' }, version: 1 },
        currency: 'USD',
        day: '2026-11-22',
        totalMinor: 5,
        customers: 1,
        kept: [{ day: '2026-08-31', totalMinor: 4 }],
      }),
    }).home(systemActor);
    expect(aum).toEqual([
      {
        currency: 'USD',
        totalMinor: 5,
        customers: 1,
        metric: { id: 'aum', title: { en: 'Assets' }, version: 1 },
        trend: [
          { month: '2026-08', totalMinor: 4 },
          { month: '2026-11', totalMinor: 5 },
        ],
      },
    ]);
  });

  it('keeps to the org scope', async () => {
    const home = await insights.home(branchActor);
    expect(home.customers).toBe(55);
    expect(home.mau.users).toBe(15);
  });
});

describe('reports over HTTP', () => {
  it('answers in the documented form, and the export as a file', async () => {
    const { http, signInAs, stop } = await startTestHttp([insightsRoutes(insights)]);
    const report = await http.inject('/api/v1/reports/campaigns/cmp_1');
    expect([...Value.Errors(CampaignReport, report.json())]).toEqual([]);
    expect(report.json()).toMatchObject({
      treated: { conversions: 20 },
      narrative: { en: expect.stringContaining('25.0 %') },
    });
    expect([...Value.Errors(HomeReport, (await http.inject('/api/v1/reports/home')).json())]).toEqual([]);
    expect((await http.inject('/api/v1/reports/campaigns/cmp_1/funnel')).json()).toMatchObject({
      difference: 0,
    });
    const csv = await http.inject('/api/v1/reports/campaigns/cmp_1/export');
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.body).toContain('report,treated,80');
    const made = await http.inject({
      method: 'POST',
      url: '/api/v1/reports/campaigns/cmp_1/follow-up',
      payload: {},
    });
    expect([made.statusCode, made.json().campaignId]).toEqual([201, 'cmp_next']);
    signInAs(testActor(['campaigns.read']));
    expect((await http.inject('/api/v1/reports/home')).statusCode).toBe(403);
    await stop();
  });
});

/* ── the world ───────────────────────────────────────────────────────────────────────────────────────── */

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const sets = [
  { outcome: 'targeted', cids: cidSetOf(range(1, 110)) },
  { outcome: 'no_consent', cids: cidSetOf(range(101, 110)) },
  { outcome: 'control', cids: cidSetOf(range(81, 100)) },
  { outcome: 'queued', cids: cidSetOf(range(1, 80)) },
];
const outcomes: MessageOutcomes = {
  groups: [
    { channel: 'email', variantId: 'a', state: 'sent', cids: cidSetOf(range(1, 30)) },
    { channel: 'email', variantId: 'b', state: 'delivered', cids: cidSetOf(range(31, 50)) },
    { channel: 'email', variantId: 'b', state: 'clicked', cids: cidSetOf(range(51, 60)) },
    { channel: 'email', variantId: 'a', state: 'bounced', cids: cidSetOf(range(61, 70)) },
    { channel: 'email', state: 'suppressed', reason: 'rolling_cap', cids: cidSetOf(range(71, 80)) },
  ],
  milestones: {
    sent: cidSetOf(range(1, 70)),
    delivered: cidSetOf(range(31, 60)),
    opened: cidSetOf(range(31, 60)),
    clicked: cidSetOf(range(51, 60)),
  },
};
const campaign: Campaign = {
  id: 'cmp_1',
  name: 'Term deposit, autumn',
  mode: 'batch',
  purpose: 'marketing',
  state: 'running',
  version: 1,
  createdBy: 'usr_1',
  createdByName: 'Chen Wei',
  createdAt: new Date(LAUNCH).toISOString(),
  updatedAt: new Date(LAUNCH).toISOString(),
  launchedAt: new Date(LAUNCH).toISOString(),
  kpi: { event: 'deposit_opened', where: { property: 'product', op: '=', value: 'DEP12' }, within: 'P14D' },
  control: { share: 0.2 },
  timings: [],
};
const catalog: ConditionCatalog = {
  customers: 'customer_1',
  tag: () => undefined,
  event: (name) => ({
    from: 'event_1',
    filter: `name = '${name}'`,
    at: 'at',
    title: { en: name },
    properties: {
      product: { type: 'text', sql: "properties['product']", title: { en: 'Product' } },
      currency: { type: 'text', sql: "properties['currency']", title: { en: 'Currency' } },
      amount_minor: {
        type: 'money',
        sql: "toInt64OrNull(properties['amount_minor'])",
        title: { en: 'Amount' },
      },
    },
  }),
  audience: () => undefined,
  list: () => undefined,
  tagIds: () => [],
  eventNames: () => [],
  listIds: () => [],
};

const instant = (at: number): string => new Date(at).toISOString().replace('T', ' ').slice(0, -1);

/** Odd customers belong to B01, even ones to B02. */
async function buildBank({ warehouse, releases }: TestStores): Promise<void> {
  for (const sql of [
    'CREATE TABLE customer_1 (cid UInt32, customer_id String, org_unit LowCardinality(String)) ENGINE = MergeTree ORDER BY cid',
    'CREATE TABLE account_1 (cid UInt32, account_id String, opened_on Nullable(Date32), closed_on Nullable(Date32), currency LowCardinality(String), balance_minor Nullable(Int64)) ENGINE = MergeTree ORDER BY cid',
    'CREATE TABLE holding_1 (cid UInt32, kind LowCardinality(String), since Nullable(Date32), until Nullable(Date32), amount_minor Nullable(Int64), currency LowCardinality(String)) ENGINE = MergeTree ORDER BY cid',
    "CREATE TABLE transaction_1 (cid UInt32, transaction_id String, account_id String, at DateTime64(3, 'UTC'), amount_minor Int64, direction LowCardinality(String), balance_minor Nullable(Int64)) ENGINE = MergeTree ORDER BY cid",
    "CREATE TABLE event_1 (cid UInt32, name LowCardinality(String), at DateTime64(3, 'UTC'), properties Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY cid",
  ]) {
    await warehouse.command(sql);
  }
  const opened = (
    cid: number,
    at: number,
    product = 'DEP12',
  ): { cid: number; name: string; at: string; properties: Record<string, string> } => ({
    cid,
    name: 'deposit_opened',
    at: instant(at),
    properties: { product, amount_minor: '50000', currency: 'CNY' },
  });
  const hour = 3_600_000;
  const until = LAUNCH + 14 * 24 * hour;
  await warehouse.insert('event_1', [
    ...range(1, 20).map((cid) => opened(cid, LAUNCH + cid * hour)),
    opened(1, LAUNCH + 100 * hour),
    opened(21, LAUNCH),
    opened(22, until + 1),
    opened(23, LAUNCH + hour, 'FUND'),
    opened(81, LAUNCH + 1),
    opened(82, until),
    opened(105, LAUNCH + hour),
    ...range(1, 30).map((cid) => ({ cid, name: 'login', at: instant(NOW - 3 * hour), properties: {} })),
    ...range(1, 40).map((cid) => ({ cid, name: 'login', at: instant(Date.UTC(2026, 9, 5)), properties: {} })),
  ]);
  await warehouse.insert(
    'customer_1',
    range(1, 110).map((cid) => ({ cid, customer_id: `C${cid}`, org_unit: cid % 2 === 1 ? 'B01' : 'B02' })),
  );
  await warehouse.insert('account_1', [
    ...range(1, 110).map((cid) => ({
      cid,
      account_id: `A${cid}`,
      opened_on: '2020-01-01',
      closed_on: null,
      currency: 'CNY',
      balance_minor: 1_000,
    })),
    {
      cid: 1,
      account_id: 'A-no-balance',
      opened_on: '2020-01-01',
      closed_on: null,
      currency: 'CNY',
      balance_minor: null,
    },
    {
      cid: 1,
      account_id: 'A-closed',
      opened_on: '2020-01-01',
      closed_on: '2026-01-01',
      currency: 'CNY',
      balance_minor: 99_000,
    },
  ]);
  const booking = { cid: 1, account_id: 'A-no-balance', direction: 'credit' };
  await warehouse.insert('transaction_1', [
    {
      ...booking,
      transaction_id: 'T1',
      at: instant(Date.UTC(2025, 1, 3)),
      amount_minor: 400,
      balance_minor: 400,
    },
    {
      ...booking,
      transaction_id: 'T2',
      at: instant(Date.UTC(2026, 10, 3)),
      amount_minor: 300,
      balance_minor: 700,
    },
  ]);
  await warehouse.insert('holding_1', [
    { cid: 2, kind: 'fund', since: '2026-09-15', until: null, amount_minor: 5_000, currency: 'CNY' },
    {
      cid: 3,
      kind: 'deposit',
      since: '2025-01-01',
      until: '2026-11-05',
      amount_minor: 2_000,
      currency: 'CNY',
    },
    { cid: 4, kind: 'loan', since: '2025-01-01', until: null, amount_minor: 77_000, currency: 'CNY' },
  ]);
  await warehouse.insert('collected_event', [
    {
      cid: 7,
      event_id: 'o1',
      name: 'opted_out',
      at: instant(LAUNCH + 1),
      properties: { campaign_id: 'cmp_1' },
      source: 'rapport',
      inserted_at: instant(NOW),
    },
  ]);
  const tables = ['customer', 'account', 'holding', 'transaction', 'event'];
  await releases.publish({
    set: Object.fromEntries(tables.map((table) => [table, { table: `${table}_1` }])),
    note: 'test bank',
  });
}
