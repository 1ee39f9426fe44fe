import { createApprovals, createAudit, createIdentity, governanceMigrations } from '@rapport/governance';
import { type Actor, type Problem, silentLog, systemActor, systemClock } from '@rapport/kernel';
import { startTestStores, type TestStores, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPartners, type Partners, partnersMigrations } from './index.ts';

const OFFERS = [
  { id: 'off_coffee', name: 'Two for one', state: 'active' },
  { id: 'off_tea', name: 'Free tea', state: 'active' },
];
const RESULTS = [
  { campaignId: 'cmp_large', offerId: 'off_coffee', delivered: 1_800, converted: 96 },
  { campaignId: 'cmp_small', offerId: 'off_coffee', delivered: 12, converted: 3 },
  { campaignId: 'cmp_tea', offerId: 'off_tea', delivered: 900, converted: 40 },
];

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no problem',
    (error: Problem) => error.code,
  );

describe('partners', () => {
  let stores: TestStores;
  let partners: Partners;
  let approvals: ReturnType<typeof createApprovals>;
  let identity: ReturnType<typeof createIdentity>;
  let maker: Actor;
  const checker = testActor(['approvals.*']);

  beforeAll(async () => {
    stores = await startTestStores([governanceMigrations, partnersMigrations]);
    const { relational } = stores;
    const audit = createAudit({ relational, clock: systemClock });
    identity = createIdentity({ relational, audit, clock: systemClock, orgUnits: async () => [] });
    approvals = createApprovals({ relational, audit, clock: systemClock, log: silentLog });
    partners = createPartners({
      relational,
      clock: systemClock,
      audit,
      approvals,
      apiKeys: identity,
      findOffer: async (offerId) => OFFERS.find((offer) => offer.id === offerId),
      offerResults: async (offerIds) => RESULTS.filter((result) => offerIds.includes(result.offerId)),
    });
    const user = await identity.createUser(
      {
        username: 'maker',
        displayName: 'Maker',
        password: 'correct horse battery',
        roles: ['administrator'],
      },
      systemActor,
    );
    maker = {
      kind: 'user',
      id: user.id,
      displayName: user.displayName,
      permissions: new Set(['*']),
      orgScope: undefined,
    };
  });
  afterAll(() => stores?.stop());

  const listed = async (name: string) => {
    const partner = await partners.register(
      {
        name,
        contact: 'api@coffee.example',
        scopes: ['partner.offers', 'partner.results'],
        offerIds: ['off_coffee'],
      },
      maker,
    );
    const approval = await approvals.ofSubject('partner', partner.id);
    await approvals.decide(approval?.id ?? '', { decision: 'approved' }, checker);
    const { secret } = await partners.issueKey(partner.id, maker);
    const caller = await identity.authenticate(secret);
    if (!caller) throw new Error('The new key is nobody’s.');
    return { partner, secret, caller };
  };

  it('get a key only after a second person listed them', async () => {
    const partner = await partners.register(
      { name: 'Early', contact: 'a@b.example', scopes: ['partner.offers'], offerIds: [] },
      maker,
    );
    expect(await codeOf(partners.issueKey(partner.id, maker))).toBe('partners.not_listed');
    const approval = await approvals.ofSubject('partner', partner.id);
    expect(await codeOf(approvals.decide(approval?.id ?? '', { decision: 'approved' }, maker))).toBe(
      'governance.self_approval',
    );
  });

  it('see their own offers and aggregates only, and no group that is too small', async () => {
    const { caller } = await listed('Harbour Coffee');
    expect((await partners.ownOffers(caller)).map((offer) => offer.id)).toEqual(['off_coffee']);
    expect(await partners.ownResults(caller)).toEqual([
      { campaignId: 'cmp_large', offerId: 'off_coffee', delivered: 1_800, converted: 96 },
      { campaignId: 'cmp_small', offerId: 'off_coffee' },
    ]);
    expect(caller.permissions).toEqual(new Set(['partner.offers', 'partner.results']));
  });

  it('lose all access the moment they are revoked', async () => {
    const { partner, secret, caller } = await listed('Short Stay');
    await partners.revoke(partner.id, maker);
    expect(await identity.authenticate(secret)).toBeUndefined();
    expect(await codeOf(partners.ownOffers(caller))).toBe('partners.not_a_partner');
  });

  it('are refused an offer that does not exist', async () => {
    const work = partners.register(
      { name: 'Ghost', contact: 'a@b.example', scopes: ['partner.offers'], offerIds: ['off_none'] },
      maker,
    );
    expect(await codeOf(work)).toBe('partners.unknown_offer');
  });
});
