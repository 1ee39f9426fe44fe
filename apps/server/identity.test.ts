import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CustomerIdentityView,
  CustomerProfile,
  CustomerSummary,
  Decided,
  Identified,
  IdentitySummary,
  MatchRules,
  MatchRulesView,
  ReviewPair,
  TimelineItem,
} from '@rapport/customers/contract';
import type { Static } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, startTestServer, type TestServer } from './testing.ts';

/**
 * Two systems of one bank. Chen is in both with one document; Wang is in both, once with a slip in her name; Li and
 * his son share a phone and a home; the harbour company is led by Chen and pays Wang.
 */
const CORE = `
source: core
title: { en: Core bank }
folder: bank
defaults: { format: csv, nulls: [""] }
tables:
  org_unit:
    path: org_units.csv
    columns: { code: { type: text, required: true }, parent: text, name: text, level: text }
    key: [code]
    role: org_unit
  customer:
    path: core.csv
    columns:
      customer_id: { type: text, required: true }
      kind: text
      name: { type: text, personal: true }
      birth_date: { type: date, personal: true }
      phone: { type: text, personal: true }
      id_document: { type: text, personal: true }
      address: { type: text, personal: true }
      city: text
      org_unit: text
    key: [customer_id]
    role: customer
  account:
    path: accounts.csv
    columns: { account_id: { type: text, required: true }, customer_id: text, balance: money }
    key: [account_id]
    role: account
    map: { balance_minor: balance, currency: { value: CNY }, kind: { value: savings } }
  transaction:
    path: transactions.csv
    columns:
      transaction_id: { type: text, required: true }
      customer_id: text
      at: { type: instant, formats: ['YYYY-MM-DD hh:mm:ss'] }
      amount: money
    key: [transaction_id]
    role: transaction
    map: { amount_minor: amount, currency: { value: CNY }, direction: { value: credit } }
  relation:
    path: relations.csv
    columns: { from_id: text, to_id: text, kind: text, share: number }
    role: relation
`;
const CRM = `
source: crm
title: { en: Customer relations }
folder: bank
defaults: { format: csv, nulls: [""] }
tables:
  customer:
    path: crm.csv
    columns:
      customer_id: { type: text, required: true }
      name: { type: text, personal: true }
      birth_date: { type: date, personal: true }
      phone: { type: text, personal: true }
      email: { type: text, personal: true }
      id_document: { type: text, personal: true }
      address: { type: text, personal: true }
      city: text
      org_unit: text
    key: [customer_id]
    role: customer
    map: { kind: { value: retail } }
`;
const FILES: Readonly<Record<string, readonly string[]>> = {
  'org_units.csv': [
    'code,parent,name,level',
    'HO,,Head office,head_office',
    'B1,HO,Harbour,branch',
    'B2,HO,Hill,branch',
  ],
  'core.csv': [
    'customer_id,kind,name,birth_date,phone,id_document,address,city,org_unit',
    'A1,retail,陈小明,1984-05-17,13800138000,110105198405170018,,海州,B1',
    'A2,retail,王芳,1990-01-02,13900139000,,,海州,B1',
    'A3,retail,李强,1970-03-04,13700137000,,海州市中山路1号2栋301室,海州,B1',
    'A4,retail,赵敏,1988-08-08,13600136000,,,江城,B2',
    'A5,retail,周丽,1975-12-01,13500135000,,,江城,B2',
    'E1,corporate,海州港务有限公司,,0102000001,,,海州,B1',
    'E2,corporate,江城钢铁有限公司,,0102000002,,,江城,B2',
  ],
  'crm.csv': [
    'customer_id,name,birth_date,phone,email,id_document,address,city,org_unit',
    'R1,陳小明 先生,1984-05-17,+86 138-0013-8000,chen@example.com,110105198405170018,,江城,B1',
    'R2,王芳芳,1990-01-02,13900139000,wang@example.com,,,海州,B1',
    'R3,李伟,1998-09-09,13700137000,,,海州市中山路 1 號 2 幢 301,海州,B1',
    'R4,赵敏敏,1988-08-08,13600136000,zhao@example.com,,,江城,B2',
  ],
  'accounts.csv': [
    'account_id,customer_id,balance',
    'AC1,A1,1000.00',
    'AC2,R1,500.00',
    'AC3,A2,70.00',
    'AC4,R2,30.00',
    'AC5,A4,9.00',
  ],
  'transactions.csv': [
    'transaction_id,customer_id,at,amount',
    'T1,A1,2026-05-01 10:00:00,100.00',
    'T2,R1,2026-05-02 10:00:00,200.00',
    'T3,A2,2026-05-03 10:00:00,300.00',
    'T4,R2,2026-05-04 10:00:00,400.00',
    'T5,A4,2026-05-05 10:00:00,500.00',
    'T6,R4,2026-05-06 10:00:00,600.00',
  ],
  'relations.csv': [
    'from_id,to_id,kind,share',
    'A1,E1,legal_representative,',
    'A3,E1,shareholder,0.4',
    'A4,E1,shareholder,0.02',
    'E1,R2,payroll,',
    'E2,E1,supplier,',
  ],
};
const TAGS = `tags:
  - id: turnover
    title: { en: Turnover }
    category: test/identity
    valueType: money
    unit: CNY
    definition: { kind: statistical, over: transaction, aggregate: { sum: amount_minor } }
`;

type Rules = Static<typeof MatchRules>;
type Review = Static<typeof ReviewPair>;
type Summary = Static<typeof IdentitySummary>;

let server: TestServer;
let admin: Caller;
let analyst: Caller;
let checker: Caller;
let marketer: Caller;

beforeAll(async () => {
  server = await startTestServer();
  const folder = join(server.home, 'bank');
  await mkdir(folder);
  for (const [name, lines] of Object.entries(FILES)) {
    await writeFile(join(folder, name), `${lines.join('\n')}\n`);
  }
  [admin, analyst, checker, marketer] = (await Promise.all(
    ['admin', 'analyst', 'checker', 'marketer'].map((name) => server.as(name)),
  )) as [Caller, Caller, Caller, Caller];
  for (const yaml of [CORE, CRM]) await ok(admin('POST', '/sources', { yaml, baseDir: server.home }));
  await finished(await ok(admin('POST', '/sources/core/loads')));
  await finished(await ok(admin('POST', '/sources/crm/loads')));
  await ok(analyst('POST', '/tags/import', { yaml: TAGS }));
}, 240_000);
afterAll(() => server?.stop());

/** The body of an answer that is no refusal. */
async function ok<Body>(answer: ReturnType<Caller>): Promise<Body> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  // What the routes send was checked against their schemas.
  return body as Body;
}

async function finished({ jobId }: { jobId: string }): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const job = await ok<{ state: string }>(admin('GET', `/jobs/${jobId}`));
    if (job.state === 'done') return;
    if (job.state === 'failed') throw new Error(JSON.stringify(job));
    await sleep(100);
  }
  throw new Error(`job ${jobId} does not end`);
}

/** Waits until what was decided is to be seen everywhere, tags included. */
async function visible(): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const [{ items }, { pending }] = await Promise.all([
      ok<{ items: { state: string }[] }>(admin('GET', '/jobs')),
      summary(),
    ]);
    const failed = items.find(({ state }) => state === 'failed');
    if (failed) throw new Error(JSON.stringify(failed));
    if (pending === 0 && items.every(({ state }) => state === 'done')) return;
    await sleep(200);
  }
  throw new Error(JSON.stringify(await admin('GET', '/jobs')));
}

const summary = (): Promise<Summary> => ok(analyst('GET', '/identity/summary'));
const rules = (): Promise<Static<typeof MatchRulesView>> => ok(analyst('GET', '/identity/rules'));
const reviews = async (query = '', caller = analyst): Promise<Review[]> =>
  (await ok<{ items: Review[] }>(caller('GET', `/identity/reviews${query}`))).items;
const profileOf = (id: string, caller = admin): Promise<CustomerProfile> =>
  ok(caller('GET', `/customers/${id}`));
const identityOf = (id: string, caller = analyst): Promise<CustomerIdentityView> =>
  ok(caller('GET', `/customers/${id}/identity`));
const refused = async (answer: ReturnType<Caller>): Promise<string> => {
  const { status, body } = await answer;
  return `${status} ${body.code} ${body.detail ?? ''}`;
};
const turnoverOf = async (id: string): Promise<unknown> =>
  (await profileOf(id)).tags.find(({ tagId }) => tagId === 'turnover')?.value;
const merge = (id: string, other: string): Promise<{ mergeId: string }> =>
  ok(analyst('POST', `/customers/${id}/merges`, { with: other, reason: 'a test', despiteDistinct: true }));
const unmerge = (mergeId: string): Promise<unknown> =>
  ok(analyst('POST', `/identity/merges/${mergeId}/undo`, { reason: 'a test' }));
const IDS = ['A1', 'A2', 'A3', 'A4', 'A5', 'E1', 'E2', 'R1', 'R2', 'R3', 'R4'];

/** Everything anybody sees of the customers, but for times of computing and the history itself. */
async function wholeView(): Promise<unknown> {
  const people = await Promise.all(
    IDS.map(async (id) => {
      const { tookMs: _, tags, ...profile } = await profileOf(id);
      const { history: __, ...identity } = await identityOf(id, admin);
      const timeline = await ok<{ items: TimelineItem[] }>(admin('GET', `/customers/${id}/timeline`));
      return { id, profile, tags: tags.map(({ tagId, value }) => ({ tagId, value })), identity, timeline };
    }),
  );
  const list = await ok<{ items: CustomerSummary[] }>(admin('GET', '/customers'));
  const units = await ok<{ items: unknown[] }>(admin('GET', '/org-units'));
  const counts = await Promise.all(
    [
      { always: true },
      { tag: 'turnover', op: '>=', value: 50_000 },
      { event: 'transaction', op: '>=', value: 2 },
    ].map(async (condition) => {
      const { count, total } = await ok<{ count: number; total: number }>(
        analyst('POST', '/audiences/count', { condition }),
      );
      return { condition, count, total };
    }),
  );
  return { people, list, units, counts };
}

describe('the rules', () => {
  it('come with the platform, are replaced whole, and say what cannot work', async () => {
    const first = await rules();
    expect(first.version).toBe(0);
    const put = (change: Partial<Rules>) => analyst('PUT', '/identity/rules', { ...first.rules, ...change });
    expect(await refused(put({ reviewFrom: 0.999 }))).toBe(
      '400 customers.invalid_rules reviewFrom 0.999 is above mergeFrom 0.995.',
    );
    const [rule] = first.rules.rules;
    if (!rule) throw new Error('there are no rules');
    expect(await refused(put({ rules: [rule, rule] }))).toContain('Two rules are named "same_document"');
    expect(
      await refused(
        put({ rules: [{ name: 'bold', when: { id_document: ['different'] }, decide: 'merge' }] }),
      ),
    ).toContain('only a person may');
    const misspelt = await analyst('PUT', '/identity/rules', { ...first.rules, mergeForm: 1 });
    expect(misspelt.status).toBe(400);
    expect(JSON.stringify(misspelt.body)).toContain('mergeForm');
    expect(await refused(marketer('GET', '/identity/rules'))).toContain('403');
    expect((await checker('PUT', '/identity/rules', first.rules)).status).toBe(403);
    expect((await rules()).version).toBe(0);

    const close: Rules['rules'][number] = {
      name: 'slip_in_name',
      when: { name: ['close'], phone: ['same', 'common'], birth_date: ['same'] },
      decide: 'review',
    };
    const set = await ok<Static<typeof MatchRulesView>>(
      put({
        bulkFrom: 2,
        sharedDevice: 1,
        rules: first.rules.rules.flatMap((each) => (each.name === 'misread_document' ? [close, each] : each)),
        survivorship: { fields: { city: { by: 'source', sources: ['crm', 'core'] } } },
      }),
    );
    expect(set).toMatchObject({ version: 1, changedBy: 'Analyst', rules: { bulkFrom: 2 } });
    expect(await rules()).toEqual(set);
  });
});

describe('a run', () => {
  it('merges the sure, asks about the rest, and the customer is one wherever one looks', async () => {
    const before = await summary();
    expect(before).toMatchObject({ merges: 0, mergedCustomers: 0 });
    expect(before.lastRun).toBeUndefined();
    expect((await checker('POST', '/identity/runs', {})).status).toBe(403);
    const { consents } = server.platform.channels;
    const sms = async (): Promise<[string, string][]> =>
      [...(await consents.obstacles(['A1', 'A2', 'R1'], 'sms', 'service'))].sort();
    await ok(
      admin('POST', '/suppressions', {
        customerId: 'R1',
        channel: 'sms',
        appliesTo: 'all',
        reason: 'complaint',
      }),
    );
    expect(await sms()).toEqual([['R1', 'complaint']]);
    await finished(await ok(analyst('POST', '/identity/runs', { full: true })));
    await visible();
    const after = await summary();
    // Who said no under one bank id is asked under none.
    await expect.poll(sms).toEqual([
      ['A1', 'complaint'],
      ['R1', 'complaint'],
    ]);
    expect(after).toMatchObject({ merges: 1, mergedCustomers: 1, pending: 0, distinct: 0 });
    expect(after.lastRun).toMatchObject({
      state: 'done',
      figures: { records: 11, merged: 1, households: 3 },
    });
    expect(after.queue).toEqual([{ state: 'open', rule: 'slip_in_name', pairs: 2 }]);
    expect(after.digest).not.toBe(before.digest);

    const chen = await profileOf('A1');
    expect(chen).toMatchObject({
      customerId: 'A1',
      records: ['A1', 'R1'],
      city: '江城',
      email: 'chen@example.com',
      summary: { accounts: 2, transactions: 2, totals: [{ currency: 'CNY', assetsMinor: 150_000 }] },
    });
    const { tookMs: _, ...byOther } = await profileOf('R1');
    expect({ ...chen, tookMs: 0 }).toEqual({
      ...byOther,
      tookMs: 0,
      tags: byOther.tags.map((tag) => ({ ...tag, evidencePath: tag.evidencePath.replace('R1', 'A1') })),
    });
    const list = await ok<{ items: CustomerSummary[] }>(admin('GET', '/customers'));
    expect(list.items.map(({ customerId }) => customerId)).not.toContain('R1');
    expect(await turnoverOf('A1')).toBe(30_000);
    const evidence = await ok<{ total: number }>(admin('GET', '/tags/turnover/evidence?customerId=R1'));
    expect(JSON.stringify(evidence)).toContain('T1');
    expect(JSON.stringify(evidence)).toContain('T2');
    expect(await ok(analyst('POST', '/audiences/count', { condition: { always: true } }))).toMatchObject({
      count: 10,
      total: 10,
    });
  });

  it('says of every field where it came from and why the others lost', async () => {
    const { records, provenance, quality, history } = await identityOf('A1');
    expect(records.map(({ bankId, isOwn }) => [bankId, isOwn])).toEqual([
      ['A1', true],
      ['R1', false],
    ]);
    const of = (field: string) => provenance.find((each) => each.field === field);
    expect(of('city')).toMatchObject({
      by: 'source',
      chosen: { value: '江城', bankId: 'R1', source: 'crm', table: 'customer', file: 'crm.csv', line: 2 },
      others: [{ value: '海州', bankId: 'A1', source: 'core', because: 'less_trusted' }],
    });
    expect(of('city')?.chosen.loadedAt).toMatch(/^20/);
    expect(of('birth_date')?.others).toMatchObject([{ because: 'same_value' }]);
    // An analyst sees no personal data, not here either.
    expect(of('phone')?.chosen.value).toContain('●');
    expect(of('id_document')).toBeUndefined();
    expect(quality.conflicting).toContain('city');
    expect(quality.conflicting).not.toContain('phone');
    expect(history).toMatchObject([
      { kind: 'merge', bankIds: ['A1', 'R1'], rule: 'same_document', holds: true },
    ]);
    expect(Object.keys(history[0]?.evidence ?? {})).toContain('id_document');
    const clear = await identityOf('A1', admin);
    expect(clear.provenance.find(({ field }) => field === 'phone')?.chosen.value).toBe('13800138000');
    expect(await refused(analyst('GET', '/customers/NOBODY/identity'))).toContain('404 customers.not_found');
  });

  it('shows the household and who leads, owns, pays and supplies whom, by what the rules let through', async () => {
    const li = await profileOf('A3', analyst);
    expect(li.household).toEqual({
      because: 'address_and_surname',
      members: [{ customerId: 'R3', kind: 'retail', name: '李●' }],
      hidden: 0,
    });
    const firm = await profileOf('E1');
    expect(
      firm.relations.map(({ relation, direction, customerId, share }) => [
        relation,
        direction,
        customerId,
        share,
      ]),
    ).toEqual([
      ['legal_representative', 'in', 'A1', undefined],
      ['payroll', 'out', 'R2', undefined],
      ['shareholder', 'in', 'A3', 0.4],
      ['supplier', 'in', 'E2', undefined],
    ]);
    expect((await profileOf('R1')).relations).toMatchObject([
      { relation: 'legal_representative', direction: 'out', customerId: 'E1', kind: 'corporate' },
    ]);
    expect((await profileOf('A5')).relations).toEqual([]);
  });
});

describe('the review queue', () => {
  it('shows two records side by side and what each field says, personal data masked', async () => {
    const [pair, ...others] = await reviews();
    expect(others).toHaveLength(1);
    expect(pair).toMatchObject({ state: 'open', rule: 'slip_in_name', likeThis: { merged: 0, distinct: 0 } });
    expect(pair?.sides.map(({ sources }) => sources)).toEqual([['core'], ['crm']]);
    expect(pair?.evidence.find(({ field }) => field === 'name')).toMatchObject({ likeness: 'close' });
    const birth = pair?.evidence.find(({ field }) => field === 'birth_date');
    expect(birth?.likeness).toBe('same');
    expect(birth?.bits).toBeGreaterThan(0);
    expect(pair?.sides[0]?.fields.phone).toContain('●');
    expect(pair?.sides[0]?.fields.birth_date).toMatch(/^19\d\d-●●-●●$/);
    const clear = (await reviews('', admin)).find((each) => each.a === pair?.a && each.b === pair?.b);
    expect(clear?.sides[0]?.fields.birth_date).toMatch(/^\d{4}-\d\d-\d\d$/);
    // Page by page it is the same list.
    const page = await ok<{ items: Review[]; nextCursor: string }>(
      analyst('GET', '/identity/reviews?limit=1'),
    );
    const rest = await ok<{ items: Review[]; nextCursor?: string }>(
      analyst('GET', `/identity/reviews?limit=1&cursor=${page.nextCursor}`),
    );
    expect([...page.items, ...rest.items]).toEqual(await reviews());
    expect(rest.nextCursor).toBeUndefined();
    expect(await refused(analyst('GET', '/identity/reviews?cursor=nonsense'))).toContain(
      'customers.invalid_cursor',
    );
  });

  it('shows a branch only its own, and hides relatives elsewhere', async () => {
    await ok(
      admin('POST', '/users', {
        username: 'hill',
        displayName: 'Hill analyst',
        password: 'a long enough password 1',
        roles: ['analyst'],
        orgUnit: 'B2',
      }),
    );
    const hill = await signedIn('hill', 'a long enough password 1');
    const own = await reviews('', hill);
    expect(own.flatMap(({ sides }) => sides.map(({ bankId }) => bankId))).toEqual(['A4', 'R4']);
    const [other] = (await reviews()).filter((pair) => !own.some((each) => each.a === pair.a));
    const pairs = [{ a: other?.a, b: other?.b }];
    expect(await refused(hill('POST', '/identity/decisions', { decision: 'merge', pairs }))).toContain(
      '404 customers.not_found',
    );
    expect(await refused(hill('GET', '/customers/A2/identity'))).toContain('404 customers.not_found');
    expect(await refused(hill('POST', '/customers/A4/merges', { with: 'A2', reason: 'not mine' }))).toContain(
      '404 customers.not_found',
    );
    expect(await profileOf('E2', hill)).toMatchObject({ relations: [], hiddenRelations: 1 });
  });

  it('decides: later, two, one; and asks a second person when there are many', async () => {
    const pairs = (await reviews()).map(({ a, b }) => ({ a, b }));
    const decide = (body: object, caller = analyst) =>
      ok<Decided>(caller('POST', '/identity/decisions', body));
    expect(await refused(marketer('POST', '/identity/decisions', { decision: 'later', pairs }))).toContain(
      '403',
    );
    expect(
      await refused(analyst('POST', '/identity/decisions', { decision: 'merge', pairs: [{ a: 1, b: 999 }] })),
    ).toContain('customers.invalid_pair');
    expect(await decide({ decision: 'later', pairs: [pairs[0]] })).toEqual({ decided: 1, refused: [] });
    expect(await reviews()).toHaveLength(1);
    expect(await reviews('?state=later')).toHaveLength(1);

    const asked = await decide({ decision: 'merge', pairs, reason: 'looked at both' });
    expect(asked).toMatchObject({ decided: 0, refused: [] });
    expect((await summary()).merges).toBe(1);
    const path = `/approvals/${asked.approvalId}/decision`;
    expect(await ok(checker('GET', `/approvals/${asked.approvalId}`))).toMatchObject({
      title: 'Merge 2 pairs of customers',
      requestedByName: 'Analyst',
    });
    const decision = { decision: 'approved' };
    expect((await analyst('POST', path, decision)).status).toBe(403);
    await ok(checker('POST', path, decision));
    await visible();
    expect((await summary()).merges).toBe(3);
    expect((await profileOf('A2')).records).toEqual(['A2', 'R2']);
    expect((await profileOf('A4')).records).toEqual(['A4', 'R4']);
    // Chen's company pays Wang, whichever of her bank ids it knew.
    expect((await profileOf('E1')).relations.find(({ relation }) => relation === 'payroll')).toMatchObject({
      customerId: 'A2',
    });
    const merged = await reviews('?state=merged');
    expect(merged.map(({ decidedBy }) => decidedBy)).toEqual(['Analyst', 'Analyst']);
  });
});

describe('merge and unmerge', () => {
  it('are exact inverses in every view and count, also for a customer made of five, in any order', async () => {
    for (const id of ['A2', 'A4']) {
      for (const { id: mergeId, holds } of (await identityOf(id)).history) if (holds) await unmerge(mergeId);
    }
    await visible();
    const before = await wholeView();
    const digest = (await summary()).digest;
    const merges: string[] = [];
    for (const [one, other] of [
      ['A2', 'R2'],
      ['R2', 'A4'],
      ['A1', 'R2'],
    ] as const) {
      merges.push((await merge(one, other)).mergeId);
    }
    await visible();
    expect((await profileOf('R4')).customerId).toBe('R4');
    expect((await profileOf('R2')).records).toEqual(['A1', 'A2', 'A4', 'R1', 'R2']);
    const [first = '', second = '', third = ''] = merges;
    for (const mergeId of [second, first, third]) await unmerge(mergeId);
    await visible();
    expect(await wholeView()).toEqual(before);
    // What is remembered of it is only that they are two.
    expect((await summary()).distinct).toBeGreaterThan(0);
    expect((await summary()).digest).not.toBe(digest);
  }, 240_000);

  it('keeps the history, does not undo twice, and does not merge what is known to be two', async () => {
    const { mergeId } = await merge('A2', 'R2');
    await visible();
    const [event] = (await identityOf('A2')).history;
    expect(event).toMatchObject({
      id: mergeId,
      kind: 'merge',
      rule: 'person',
      reason: 'a test',
      holds: true,
    });
    await unmerge(mergeId);
    await visible();
    const { history } = await identityOf('A2');
    expect(history.slice(0, 3).map(({ kind, holds }) => [kind, holds])).toEqual([
      ['distinct', false],
      ['unmerge', false],
      ['merge', false],
    ]);
    expect(await refused(analyst('POST', `/identity/merges/${mergeId}/undo`, { reason: 'again' }))).toContain(
      '409 customers.not_merged',
    );
    expect(await refused(analyst('POST', '/customers/A2/merges', { with: 'R2', reason: 'no' }))).toContain(
      '409 customers.known_distinct Say despiteDistinct',
    );
    expect(await refused(analyst('POST', '/customers/A1/merges', { with: 'R1', reason: 'no' }))).toContain(
      '409 customers.already_one',
    );
    const trail = await ok<{ items: { action: string; subject: string }[] }>(admin('GET', '/audit?limit=50'));
    expect(trail.items.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['customer.merged', 'customer.unmerged']),
    );
  }, 120_000);
});

describe('a visitor', () => {
  it('is anonymous, becomes a customer on signing in, and takes their history along, once', async () => {
    const identify = (body: object) => ok<Identified>(analyst('POST', '/users/identify', body));
    expect((await marketer('POST', '/users/identify', { kind: 'device', anonymousId: 'x' })).status).toBe(
      403,
    );
    const seen = await identify({ kind: 'device', anonymousId: 'phone-of-chen' });
    expect(seen).toMatchObject({ level: 'anonymous', because: 'not_signed_in', movedEvents: 0 });
    await server.platform.customers.collectEvents(
      ['V1', 'V2'].map((eventId) => ({
        eventId,
        cid: seen.userNumber,
        name: 'wealth_viewed',
        at: Date.UTC(2026, 10, 1),
        properties: { page: 'funds' },
      })),
    );
    const eventsOf = async (id: string): Promise<string[]> =>
      (await ok<{ items: TimelineItem[] }>(admin('GET', `/customers/${id}/timeline?kind=event`))).items
        .map(({ id: eventId }) => eventId)
        .sort();
    expect(await eventsOf('A1')).toEqual([]);
    const signIn = { kind: 'device', anonymousId: 'phone-of-chen', customerId: 'R1' };
    expect(await identify(signIn)).toMatchObject({
      level: 'customer',
      customerId: 'A1',
      because: 'stitched',
      movedEvents: 2,
    });
    expect(await identify(signIn)).toMatchObject({ because: 'already_stitched', movedEvents: 0 });
    expect(await eventsOf('A1')).toEqual(['V1', 'V2']);
    expect((await profileOf('A1')).summary.events).toBe(2);
    // A second customer on a device that only one may use: the history is nobody's.
    expect(await identify({ ...signIn, customerId: 'A2' })).toMatchObject({
      level: 'anonymous',
      because: 'shared_device',
      movedEvents: 2,
    });
    expect(await eventsOf('A1')).toEqual([]);
    expect(await identify({ ...signIn, anonymousId: 'other', customerId: 'NOBODY' })).toMatchObject({
      level: 'anonymous',
      because: 'unknown_customer',
    });
  });
});

async function signedIn(username: string, password: string): Promise<Caller> {
  const answered = await fetch(`${server.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  const { token }: { token: string } = await answered.json();
  return async (method, path, sent) => {
    const answer = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    return { status: answer.status, body: await answer.json() };
  };
}
