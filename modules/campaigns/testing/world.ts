import { audiencesMigrations, createAudiences } from '@rapport/audiences';
import { channelsMigrations, createChannels } from '@rapport/channels';
import type { Condition, ConditionCatalog } from '@rapport/conditions';
import { contentMigrations, createContent } from '@rapport/content';
import {
  createContactLedger,
  createContactPolicies,
  createDecisions,
  decisionsMigrations,
} from '@rapport/decisions';
import { createApprovals, createAudit, governanceMigrations } from '@rapport/governance';
import { type Actor, fixedClock, silentLog } from '@rapport/kernel';
import { createOffers, offersMigrations } from '@rapport/offers';
import { startTestStores, testActor } from '@rapport/testkit';
import type { CampaignsDeps } from '../campaigns.deps.ts';
import type { CampaignDraft } from '../contract.ts';
import { campaignsMigrations, createCampaigns } from '../index.ts';

const START = Date.parse('2026-06-01T10:00:00Z');
export const CUSTOMERS = 6_000;
export const customerIdOf = (cid: number): string => `C${cid}`;

export const maker = testActor();
export const checker: Actor = { ...testActor(), id: 'usr_checker', displayName: 'Checker' };

const catalog: ConditionCatalog = {
  customers: 'customer__1',
  tag: (id) =>
    id === 'aum' ? { title: { en: 'AUM' }, type: 'number', table: 'customer__1', column: 'aum' } : undefined,
  event: (name) =>
    name === 'deposit_opened'
      ? {
          title: { en: 'Deposit opened' },
          from: 'event__1',
          filter: `name = 'deposit_opened'`,
          at: 'at',
          properties: {},
        }
      : undefined,
  audience: () => undefined,
  list: () => undefined,
  tagIds: () => ['aum'],
  eventNames: () => ['deposit_opened'],
  listIds: () => [],
};

export const EMAIL =
  '<mjml><mj-body><mj-section><mj-column><mj-text>Dear {{ customer.id }}, save now. <a href="{{ unsubscribe_url }}">Stop</a></mj-text></mj-column></mj-section></mj-body></mjml>';

export type World = Awaited<ReturnType<typeof startWorld>>;

/**
 * A bank of 6,000 customers on real stores with every module that campaigns build on: audiences, offers, content,
 * channels, contact policy. A tenth have no e-mail address, 50 refused e-mail, 10 are suppressed.
 * @param mailPort  where the one e-mail provider sends to
 */
export async function startWorld(mailPort = 2525) {
  const clock = fixedClock(START);
  const stores = await startTestStores(
    [
      governanceMigrations,
      audiencesMigrations,
      offersMigrations,
      contentMigrations,
      channelsMigrations,
      decisionsMigrations,
      campaignsMigrations,
    ],
    { runsJobs: false },
  );
  const { relational, warehouse, releases, keyValue } = stores;
  // Every 10th has no e-mail address; every 4th is in branch B1; risk levels 1–5, every 7th unrated.
  await warehouse.command(
    `create table customer__1 engine = MergeTree order by cid as
     select toUInt32(number) as cid, concat('C', toString(number)) as customer_id, toFloat64(number) as aum,
       if(number % 4 = 0, 'B1', 'B2') as org_unit, if(number % 7 = 0, null, toUInt8(number % 5 + 1)) as risk_level
     from numbers(${CUSTOMERS})`,
  );
  await warehouse.command(
    `create table customer_pii__1 engine = MergeTree order by cid as
     select toUInt32(number) as cid, 'x' as name_cipher, '' as phone_cipher, if(number % 10 = 0, '', 'y') as email_cipher
     from numbers(${CUSTOMERS})`,
  );
  await warehouse.command(
    `create table event__1 (cid UInt32, name String, at DateTime64(3, 'UTC')) engine = MergeTree order by cid`,
  );
  await warehouse.command(
    `insert into event__1 select number, 'deposit_opened', toDateTime64('2026-05-25 00:00:00', 3, 'UTC')
     from numbers(${CUSTOMERS}) where number % 20 = 3`,
  );
  await releases.publish({
    set: { customer: { table: 'customer__1' }, customer_pii: { table: 'customer_pii__1' } },
    note: 'test',
  });
  const audit = createAudit({ relational, clock });
  const audiences = createAudiences({
    relational,
    warehouse,
    releases,
    clock,
    log: silentLog,
    audit,
    catalog: async () => catalog,
  });
  const save = async (name: string, condition: Condition): Promise<string> =>
    (await audiences.create({ name, condition }, maker)).id;
  const all = await save('Everybody', { always: true });
  const rich = await save('Rich', { tag: 'aum', op: '>=', value: 3_000 });
  const vip = await save('Very rich', { tag: 'aum', op: '>=', value: 5_900 });
  const approvals = createApprovals({ relational, audit, clock, log: silentLog });
  const offers = createOffers({ relational, audit, clock, checkCondition: async () => [] });
  const policies = createContactPolicies({ relational, audit, clock });
  const ledger = createContactLedger({ keyValue, policy: policies.current });
  const decisions = createDecisions({
    relational,
    warehouse,
    releases,
    clock,
    offers,
    evaluate: async () => ({ matches: true, because: '' }),
  });
  const content = createContent({
    relational,
    clock,
    audit,
    profiles: {
      values: async (cids) => new Map(cids.map((cid) => [cid, new Map()])),
      find: async (ids) => ids.map((customerId) => ({ customerId, cid: Number(customerId.slice(1)) })),
      tagFields: async () => [],
      missingCount: async () => 0,
      customerCount: async () => CUSTOMERS,
    },
    offers,
    conditions: { faults: async () => [], matching: async () => new Set() },
    bank: { name: 'Test bank' },
    publicUrl: 'http://127.0.0.1',
  });
  const channels = createChannels({
    relational,
    clock,
    log: silentLog,
    audit,
    customers: {
      visible: async (_actor, cids) => new Set(cids),
      cidsOf: async (ids) => new Map(ids.map((id) => [id, Number(id.slice(1))])),
      findByAddress: async () => undefined,
    },
    secrets: { dataKey: Buffer.alloc(32, 1), linkKey: Buffer.alloc(32, 2) },
    consentModel: async () => 'opt_out',
  });
  await channels.providers.create(
    {
      kind: 'smtp',
      name: 'Local mail',
      ratePerSecond: 10_000,
      enabled: true,
      settings: {
        host: '127.0.0.1',
        port: mailPort,
        secure: false,
        fromAddress: 'bank@bank.example',
        fromName: 'Bank',
        connections: 2,
      },
    },
    maker,
  );
  const template = await content.create(
    {
      name: 'Deposit mail',
      channel: 'email',
      purpose: 'marketing',
      variants: [{ id: 'everyone', name: 'Everyone', subject: 'Save', body: EMAIL }],
    },
    maker,
  );
  await content.publish(template.id, maker);
  const fund = await offers.create(
    {
      name: { en: 'Growth fund' },
      kind: 'service',
      valueMinor: 1_000,
      currency: 'CNY',
      riskLevel: 'R3',
      eligibility: { tag: 'aum', op: '<', value: 5_000 },
    },
    maker,
  );
  await offers.activate(fund.id, maker);
  // Customers 1–99 (odd) refused e-mail; 200–209 are suppressed.
  await channels.consents.importAll([
    Array.from({ length: 50 }, (_, index) => ({
      customerId: customerIdOf(2 * index + 1),
      channel: 'email' as const,
      purpose: 'marketing' as const,
      granted: false,
      at: '2026-01-01T00:00:00.000Z',
      evidence: 'form',
    })),
  ]);
  for (let cid = 200; cid < 210; cid++) {
    await channels.consents.suppress(
      { customerId: customerIdOf(cid), channel: '*', appliesTo: 'marketing', reason: 'complaint' },
      maker,
    );
  }
  const deps: CampaignsDeps = {
    relational,
    warehouse,
    releases,
    clock,
    log: silentLog,
    audit,
    approvals,
    audiences,
    content,
    offers,
    decisions,
    contacts: ledger,
    channels,
    customers: { idsOf: async (cids) => new Map(cids.map((cid) => [cid, customerIdOf(cid)])) },
  };
  const campaigns = createCampaigns(deps);
  approvals.onDecided(campaigns.onApprovalDecided);
  audiences.onUsage(campaigns.usagesOfAudience);

  const draft = (change: Partial<CampaignDraft> = {}): CampaignDraft => ({
    name: 'Autumn deposits',
    goal: { text: 'Move maturing deposits', objective: 'cross_sell' },
    kpi: { event: 'deposit_opened', within: 'P14D' },
    audience: { audienceId: all },
    control: { share: 0.1 },
    content: { templateId: template.id },
    channel: 'email',
    ...change,
  });
  /** A campaign that the checker has approved. */
  const approved = async (change: Partial<CampaignDraft> = {}, actor: Actor = maker): Promise<string> => {
    const { id } = await campaigns.create(draft(change), actor);
    const { approvalId } = await campaigns.submit(id, actor);
    await approvals.decide(approvalId ?? '', { decision: 'approved' }, checker);
    return id;
  };
  return {
    stores,
    clock,
    deps,
    campaigns,
    audiences,
    approvals,
    channels,
    content,
    offers,
    policies,
    ledger,
    draft,
    approved,
    ids: { template: template.id, fund: fund.id, all, rich, vip },
  };
}
