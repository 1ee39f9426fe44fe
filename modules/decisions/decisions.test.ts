import { audiencesMigrations, createAudiences } from '@rapport/audiences';
import type { ConditionCatalog } from '@rapport/conditions';
import { createAudit, governanceMigrations } from '@rapport/governance';
import { type Actor, fixedClock, silentLog } from '@rapport/kernel';
import { createOffers, type OfferDraft, type Offers, offersMigrations, offersRoutes } from '@rapport/offers';
import { startTestHttp, startTestStores, type TestHttp, type TestStores, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ContactPolicies,
  createContactPolicies,
  createDecisions,
  type Decisions,
  decisionsMigrations,
  decisionsRoutes,
  judgeBy,
} from './index.ts';

const NOW = Date.parse('2026-06-01T10:00:00Z');
const actor = testActor();
const branch: Actor = testActor(['decisions.*'], ['B1']);

const draft = (change: Partial<OfferDraft>): OfferDraft => ({
  name: { en: 'Offer' },
  kind: 'rate',
  valueMinor: 10_000,
  currency: 'CNY',
  ...change,
});

const catalog: ConditionCatalog = {
  customers: 'customer__1',
  tag: (id) =>
    id === 'city' ? { title: { en: 'City' }, type: 'text', table: 'customer__1', column: 'city' } : undefined,
  event: () => undefined,
  audience: () => undefined,
  list: () => undefined,
  tagIds: () => ['city'],
  eventNames: () => [],
  listIds: () => [],
};

describe('decisions on real stores', () => {
  let stores: TestStores;
  let offers: Offers;
  let decisions: Decisions;
  let policies: ContactPolicies;
  let web: TestHttp;
  const clock = fixedClock(NOW);
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    stores = await startTestStores(
      [governanceMigrations, audiencesMigrations, offersMigrations, decisionsMigrations],
      {
        runsJobs: false,
      },
    );
    const { relational, warehouse, releases } = stores;
    const audit = createAudit({ relational, clock });
    await warehouse.command(
      `create table customer__1 engine = MergeTree order by cid as
       select toUInt32(number) as cid, concat('C', toString(number)) as customer_id,
         if(number % 2 = 0, 'B1', 'B2') as org_unit,
         if(number = 9, null, toUInt8(number % 5 + 1)) as risk_level,
         if(number = 1, 'Tainan', 'Taipei') as city from numbers(10)`,
    );
    await warehouse.command(
      `create table product__1 engine = MergeTree order by product_id as
       select 'fund-x' as product_id, toNullable(toUInt8(4)) as risk_level`,
    );
    await releases.publish({
      set: { customer: { table: 'customer__1' }, product: { table: 'product__1' } },
      note: 'test',
    });
    const audiences = createAudiences({
      relational,
      warehouse,
      releases,
      clock,
      log: silentLog,
      audit,
      catalog: async () => catalog,
    });
    offers = createOffers({ relational, audit, clock, checkCondition: audiences.faults });
    policies = createContactPolicies({ relational, audit, clock });
    decisions = createDecisions({
      relational,
      warehouse,
      releases,
      clock,
      offers,
      evaluate: judgeBy(audiences),
      score: async (_customerId, offerId) =>
        offerId === ids.modelled ? { propensity: 0.5, model: 'mdl_test@1' } : undefined,
    });
    const make = async (name: string, change: Partial<OfferDraft>): Promise<void> => {
      const offer = await offers.create(draft({ name: { en: name }, ...change }), actor);
      await offers.activate(offer.id, actor);
      ids[name] = offer.id;
    };
    await make('modelled', { valueMinor: 5_000 });
    await make('plain', { valueMinor: 20_000 });
    await make('fund', { valueMinor: 900_000, productId: 'fund-x', riskLevel: 'R2' });
    await make('eligible', { valueMinor: 8_000, eligibility: { tag: 'city', op: '=', value: 'Taipei' } });
    await make('ended', { validUntil: '2026-05-01T00:00:00.000Z' });
    await make('later', { validFrom: '2026-07-01T00:00:00.000Z' });
    web = await startTestHttp([decisionsRoutes({ decisions, policies }), offersRoutes(offers)]);
  });
  afterAll(async () => {
    await web?.stop();
    await stores?.stop();
  });

  it('ranks by chance × value and says why each loser lost', async () => {
    const decision = await decisions.decide({ customerId: 'C1', slot: 'app-home', limit: 1 }, actor);
    expect(decision.customerRisk).toBe('C2');
    expect(decision.offers).toMatchObject([
      { offerId: ids.modelled, propensity: 0.5, propensitySource: 'model', score: 2_500 },
    ]);
    const reasons = Object.fromEntries(decision.lost.map((loser) => [loser.offerId, loser.reason]));
    expect(reasons).toEqual({
      [ids.plain ?? '']: 'outranked',
      [ids.fund ?? '']: 'unsuitable',
      [ids.eligible ?? '']: 'not_eligible',
      [ids.ended ?? '']: 'expired',
      [ids.later ?? '']: 'not_yet_valid',
    });
    expect(decision.lost.find((loser) => loser.offerId === ids.fund)?.because).toBe(
      'The offer is R4, the customer C2.',
    );
  });

  it('puts in words what an offer’s own condition found', async () => {
    const decision = await decisions.decide({ customerId: 'C1', limit: 1 }, actor);
    const because = decision.lost.find((loser) => loser.offerId === ids.eligible)?.because;
    expect(because).toMatch(/^Does not hold: City .*Taipei.*\.$/);
  });

  it('refuses an offer whose condition names what is not there', async () => {
    await expect(
      offers.create(draft({ eligibility: { all: [{ tag: 'nope', op: 'known' }] } }), actor),
    ).rejects.toMatchObject({ code: 'offers.not_valid', faults: [{ pointer: '/eligibility/all/0/tag' }] });
  });

  it('offers the risky fund to nobody below its product’s risk, and to nobody unrated', async () => {
    for (let number = 0; number < 10; number++) {
      const decision = await decisions.decide({ customerId: `C${number}`, limit: 10 }, actor);
      const rated = number === 9 ? 1 : (number % 5) + 1;
      expect(decision.offers.some((offer) => offer.offerId === ids.fund)).toBe(rated >= 4);
    }
    const risk = await decisions.riskOf({ productId: 'fund-x', riskLevel: 'R2' });
    expect(risk).toBe(4);
    expect([...(await decisions.unsuitable(4)).toArray()]).toEqual([0, 1, 2, 5, 6, 7, 9]);
  });

  it('replays a decision from its stored inputs to the identical result, also after offers changed', async () => {
    const decision = await decisions.decide({ customerId: 'C8', limit: 2 }, actor);
    await offers.change(ids.plain ?? '', draft({ name: { en: 'plain' }, valueMinor: 1 }), actor);
    const replay = await decisions.replay(decision.id, actor);
    expect(replay.identical).toBe(true);
    expect(replay.offers).toEqual(decision.offers);
    expect(replay.lost).toEqual(decision.lost);
  });

  it('learns from responses: every acceptance raises the prior of its offer', async () => {
    const before = await decisions.decide({ customerId: 'C4', limit: 10 }, actor);
    const prior = (decision: typeof before): number | undefined =>
      decision.offers.find((offer) => offer.offerId === ids.plain)?.propensity;
    expect(prior(before)).toBe(1 / 20);
    const heard: string[] = [];
    decisions.onResponse(async (event) => {
      heard.push(event.eventId);
    });
    const answer = { offerId: ids.plain ?? '', response: 'accepted' as const };
    await decisions.respond(before.id, answer, actor);
    const again = await decisions.respond(before.id, answer, actor);
    expect(again.responses).toHaveLength(1);
    expect(new Set(heard)).toEqual(new Set([`${before.id}:${ids.plain}:accepted`]));
    expect(prior(await decisions.decide({ customerId: 'C4', limit: 10 }, actor))).toBe(2 / 21);
  });

  it('hides customers of other org units, and their decisions', async () => {
    const decision = await decisions.decide({ customerId: 'C1' }, actor);
    await expect(decisions.decide({ customerId: 'C1' }, branch)).rejects.toMatchObject({
      code: 'decisions.customer_not_found',
    });
    await expect(decisions.get(decision.id, branch)).rejects.toMatchObject({
      code: 'decisions.customer_not_found',
    });
    await expect(decisions.decide({ customerId: 'C2' }, branch)).resolves.toBeDefined();
  });

  it('refuses a response to an offer that was not made', async () => {
    const decision = await decisions.decide({ customerId: 'C1', limit: 1 }, actor);
    await expect(
      decisions.respond(decision.id, { offerId: ids.fund ?? '', response: 'accepted' }, actor),
    ).rejects.toMatchObject({ code: 'decisions.offer_not_decided' });
  });

  it('keeps active offers to one currency', async () => {
    const foreign = await offers.create(draft({ currency: 'USD' }), actor);
    await expect(offers.activate(foreign.id, actor)).rejects.toMatchObject({ code: 'offers.mixed_currency' });
  });

  it('refuses an edit of an older version of an offer, and any edit of a retired one', async () => {
    const offer = await offers.create(draft({}), actor);
    await offers.change(offer.id, { ...draft({ valueMinor: 2 }), version: 1 }, actor);
    await expect(offers.change(offer.id, { ...draft({}), version: 1 }, actor)).rejects.toMatchObject({
      code: 'offers.conflict',
    });
    expect((await offers.find(offer.id, 1))?.valueMinor).toBe(10_000);
    await offers.retire(offer.id, actor);
    await expect(offers.change(offer.id, draft({}), actor)).rejects.toMatchObject({ code: 'offers.retired' });
  });

  it('edits the contact policy in versions and refuses what cannot hold', async () => {
    const first = await policies.current();
    expect(first.consentModel).toBe('opt_in');
    const changed = await policies.change(
      {
        rules: [{ id: 'daily', channel: 'sms', max: 1, window: 'PT24H', purpose: 'marketing' }],
        quietHours: { from: '21:00', to: '08:00', zone: 'Asia/Hong_Kong' },
        consentModel: 'opt_out',
        version: first.version,
      },
      actor,
    );
    expect(await policies.current()).toEqual(changed);
    await expect(policies.change({ ...changed, version: first.version }, actor)).rejects.toMatchObject({
      code: 'decisions.policy_conflict',
    });
    await expect(
      policies.change(
        {
          rules: [
            { id: 'a', channel: 'any', max: 1, window: 'P900D', purpose: 'marketing' },
            { id: 'a', channel: 'any', max: 1, window: 'P1D', purpose: 'marketing' },
          ],
          quietHours: { from: '21:00', to: '08:00', zone: 'Mars/Base' },
          consentModel: 'opt_in',
        },
        actor,
      ),
    ).rejects.toMatchObject({
      faults: [{ pointer: '/rules/0/window' }, { pointer: '/rules/1/id' }, { pointer: '/quietHours/zone' }],
    });
  });

  it('answers over HTTP: decide, read, replay, respond', async () => {
    const made = await web.http.inject({
      method: 'POST',
      url: '/api/v1/decisions',
      payload: { customerId: 'C3', slot: 'app-home' },
    });
    expect(made.statusCode).toBe(201);
    const decision = made.json();
    const replay = await web.http.inject({ method: 'POST', url: `/api/v1/decisions/${decision.id}/replay` });
    expect(replay.json()).toMatchObject({ identical: true, offers: decision.offers });
    const responded = await web.http.inject({
      method: 'POST',
      url: `/api/v1/decisions/${decision.id}/responses`,
      payload: { offerId: decision.offers[0].offerId, response: 'shown' },
    });
    expect(responded.statusCode).toBe(201);
    expect(responded.json().responses).toHaveLength(1);
    const policy = await web.http.inject({ method: 'GET', url: '/api/v1/contact-policy' });
    expect(policy.json().rules).toHaveLength(1);
    const listed = await web.http.inject({ method: 'GET', url: '/api/v1/offers?state=active&limit=2' });
    expect(listed.json().items).toHaveLength(2);
    expect(listed.json().nextCursor).toBeDefined();
  });
});
