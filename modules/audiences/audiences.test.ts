import type { Condition, ConditionCatalog, EventEntry, TagEntry } from '@rapport/conditions';
import { createHttp, type Http, mountRoutes } from '@rapport/http';
import { type Actor, fixedClock, silentLog } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as contract from './contract.ts';
import { type Audiences, audiencesMigrations, audiencesRoutes, createAudiences } from './index.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const DAY = 86_400_000;
const title = (en: string) => ({ en });
/** Physical tables never change: new values come in a new one. */
let tagTable = 'audience_test_tags';
const tag = (column: string, type: TagEntry['type'], more: Partial<TagEntry> = {}): [string, TagEntry] => [
  column,
  { title: title(column), type, table: 'audience_test_tags', column, ...more },
];

const TAGS = new Map<string, TagEntry>([
  tag('city', 'text', {
    valueTitles: { TPE: { en: 'Taipei', 'zh-Hant': '臺北' } },
    category: [title('Facts')],
  }),
  tag('aum', 'money', { title: { en: 'AUM', 'zh-Hant': '資產' }, currency: 'CNY', currencyDigits: 2 }),
  tag('score', 'number'),
  tag('interests', 'list'),
  tag('vip', 'boolean'),
  tag('birthday', 'date'),
  tag('seen_at', 'instant'),
]);
const viewed: EventEntry = {
  title: { en: 'Wealth page viewed', 'zh-Hant': '瀏覽理財頁' },
  from: 'audience_test_events',
  filter: "name = 'wealth_viewed'",
  at: 'at',
  properties: {
    page: { title: title('page'), type: 'text', sql: "nullIf(properties['page'], '')" },
    amount: { title: title('amount'), type: 'money', sql: "toInt64OrNull(properties['amount'])" },
  },
};
const catalog: ConditionCatalog = {
  customers: 'audience_test_customers',
  tag: (id) => {
    const entry = TAGS.get(id);
    return entry && { ...entry, table: tagTable };
  },
  event: (name) => (name === 'wealth_viewed' ? viewed : undefined),
  audience: () => undefined,
  list: (id) =>
    id === 'lst_blocked'
      ? { title: title('Blocked'), cidQuery: 'SELECT cid FROM audience_test_list' }
      : undefined,
  tagIds: () => [...TAGS.keys()],
  eventNames: () => ['wealth_viewed'],
  listIds: () => ['lst_blocked'],
};

const actorOf = (id: string, orgScope?: readonly string[], permissions = ['audiences.*']): Actor => ({
  kind: 'user',
  id,
  displayName: `User ${id}`,
  permissions: new Set(permissions),
  orgScope,
});
const ACTORS: Readonly<Record<string, Actor>> = {
  marketer: actorOf('marketer'),
  branch: actorOf('branch', ['B1']),
  reader: actorOf('reader', undefined, ['audiences.read']),
};

/** Ten customers, C1 … C10; odd ones in branch B1, even ones in B2. */
const CUSTOMERS = Array.from({ length: 10 }, (_, index) => index + 1);

let stores: TestStores;
let audiences: Audiences;
let http: Http;
let audited: { action: string; subject: string }[];
const clock = fixedClock(NOW);
let releaseNumber = 0;

beforeAll(async () => {
  stores = await startTestStores([audiencesMigrations], { clock });
  const { warehouse } = stores;
  await warehouse.command(
    'CREATE TABLE audience_test_customers (cid UInt32, customer_id String, org_unit String) ENGINE = MergeTree ORDER BY cid',
  );
  await warehouse.insert(
    'audience_test_customers',
    CUSTOMERS.map((cid) => ({
      cid,
      customer_id: cid === 7 ? 'C,"7' : `C${cid}`,
      org_unit: cid % 2 === 1 ? 'B1' : 'B2',
    })),
  );
  await warehouse.command(
    "CREATE TABLE audience_test_tags (cid UInt32, city Nullable(String), aum Nullable(Int64), score Nullable(Float64), interests Array(String), vip Nullable(Bool), birthday Nullable(Date32), seen_at Nullable(DateTime64(3, 'UTC'))) ENGINE = MergeTree ORDER BY cid",
  );
  await warehouse.insert(
    'audience_test_tags',
    CUSTOMERS.filter((cid) => cid <= 8).map((cid) => ({
      cid,
      city: cid === 8 ? null : cid <= 4 ? 'TPE' : 'KHH',
      aum: cid * 100_000,
      score: cid / 10,
      interests: cid % 2 === 0 ? ['fund', 'gold'] : ['fund'],
      vip: cid > 6,
      birthday: '1990-06-03',
      seen_at: '2026-05-31 12:00:00.000',
    })),
  );
  await warehouse.command(
    "CREATE TABLE audience_test_events (cid UInt32, name String, at DateTime64(3, 'UTC'), properties Map(String, String)) ENGINE = MergeTree ORDER BY cid",
  );
  // Customer n viewed the page n times, on the last n days.
  await warehouse.insert(
    'audience_test_events',
    CUSTOMERS.slice(0, 5).flatMap((cid) =>
      Array.from({ length: cid }, (_, day) => ({
        cid,
        name: 'wealth_viewed',
        at: new Date(NOW - day * DAY - 1000).toISOString().replace('T', ' ').slice(0, -1),
        properties: { page: `p${day}`, amount: '250' },
      })),
    ),
  );
  await warehouse.command('CREATE TABLE audience_test_list (cid UInt32) ENGINE = MergeTree ORDER BY cid');
  await warehouse.insert('audience_test_list', [{ cid: 1 }, { cid: 2 }]);
  releaseNumber = (
    await stores.releases.publish({ set: { customer: { table: 'audience_test_customers' } }, note: 'test' })
  ).number;
});
afterAll(async () => {
  await http?.close();
  await stores?.stop();
});

beforeEach(async () => {
  audited = [];
  await stores.relational.pool.query('truncate audiences.audience, audiences.snapshot');
  audiences = createAudiences({
    ...stores,
    clock,
    log: silentLog,
    audit: { record: async (entry) => void audited.push({ action: entry.action, subject: entry.subject }) },
    catalog: async () => catalog,
  });
  await http?.close();
  http = await createHttp({
    log: silentLog,
    version: 'test',
    authenticate: async (request) => ACTORS[String(request.headers['x-user'] ?? 'marketer')],
  });
  await mountRoutes(http, audiencesRoutes(audiences));
});

const call = async (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: object,
  user = 'marketer',
): Promise<{ status: number; body: Record<string, unknown>; text: string }> => {
  const response = await http.inject({
    method,
    url: `/api/v1${url}`,
    headers: { 'x-user': user },
    ...(body ? { payload: body } : {}),
  });
  const isJson = String(response.headers['content-type']).includes('json');
  const parsed: unknown = isJson ? response.json() : {};
  return {
    status: response.statusCode,
    body: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {},
    text: response.payload,
  };
};
const save = async (condition: Condition, name = 'Some'): Promise<string> => {
  const created = await call('POST', '/audiences', { name, condition });
  expect(created.status, created.text).toBe(201);
  return String(created.body.id);
};

const rich: Condition = { tag: 'aum', op: '>=', value: 300_000 };
const inTaipei: Condition = { tag: 'city', op: '=', value: 'TPE' };
const viewer: Condition = { event: 'wealth_viewed', within: 'P30D', op: '>=', value: 3 };

describe('live counts', () => {
  it('count exactly, with the total', async () => {
    const { status, body } = await call('POST', '/audiences/count', { condition: { all: [rich, inTaipei] } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      count: 2,
      total: 10,
      release: releaseNumber,
      asOf: '2026-06-01T12:00:00.000Z',
    });
    expect(Value.Check(contract.CountResult, body)).toBe(true);
  });
  it('count as of a past instant', async () => {
    const asOf = new Date(NOW - 2 * DAY).toISOString();
    expect((await call('POST', '/audiences/count', { condition: viewer })).body.count).toBe(3);
    expect((await call('POST', '/audiences/count', { condition: viewer, asOf })).body.count).toBe(1);
  });
  it('refuse the future', async () => {
    const asOf = new Date(NOW + DAY).toISOString();
    const { status, body } = await call('POST', '/audiences/count', { condition: viewer, asOf });
    expect([status, body.code]).toEqual([422, 'audiences.bad_instant']);
  });
  it('see only the customers of the caller’s org units', async () => {
    const { body } = await call('POST', '/audiences/count', { condition: { not: inTaipei } }, 'branch');
    expect(body).toMatchObject({ count: 3, total: 5 });
  });
  it('refuse a faulty condition with a pointer into the request', async () => {
    const { status, body } = await call('POST', '/audiences/count', {
      condition: { all: [rich, { not: { tag: 'citty', op: '=', value: 'TPE' } }] },
    });
    expect([status, body.code]).toEqual([422, 'conditions.invalid']);
    expect(body.faults).toEqual([
      { pointer: '/condition/all/1/not/tag', message: 'There is no tag "citty". Did you mean "city"?' },
    ]);
  });
  it('stop on the engine when the caller goes away', async () => {
    const gone = new AbortController();
    const waiting = audiences.count({ condition: viewer }, actorOf('m'), gone.signal);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'stores.query_cancelled' });
  });
  it('answer a repeated question from memory until the data changes', async () => {
    expect((await call('POST', '/audiences/count', { condition: rich })).body.count).toBe(6);
    const { warehouse } = stores;
    await warehouse.command('CREATE TABLE audience_test_more AS audience_test_tags');
    await warehouse.command('INSERT INTO audience_test_more SELECT * FROM audience_test_tags');
    await warehouse.insert('audience_test_more', [{ cid: 9, aum: 900_000, interests: [] }]);
    expect((await call('POST', '/audiences/count', { condition: rich })).body.count).toBe(6);
    const publish = async (table: string): Promise<void> => {
      tagTable = table;
      const set = { customer: { table: 'audience_test_customers' } };
      releaseNumber = (await stores.releases.publish({ set, note: table })).number;
    };
    await publish('audience_test_more');
    expect((await call('POST', '/audiences/count', { condition: rich })).body.count).toBe(7);
    await publish('audience_test_tags');
    expect((await call('POST', '/audiences/count', { condition: rich })).body.count).toBe(6);
  });
});

describe('explanations', () => {
  it('say what each node keeps and removes, in words', async () => {
    const condition: Condition = {
      all: [rich, { any: [inTaipei, viewer] }, { not: { list: 'lst_blocked' } }],
    };
    const { status, body } = await call('POST', '/audiences/explain', { condition });
    expect(status).toBe(200);
    expect(Value.Check(contract.ExplainResult, body)).toBe(true);
    expect(body).toMatchObject({ count: 3, total: 10 });
    const nodes = Array.isArray(body.nodes) ? body.nodes : [];
    expect(nodes.map(({ sentence: _, ...node }) => node)).toEqual([
      { pointer: '', depth: 0, kind: 'all', count: 3, reached: 10, kept: 3, removed: 7 },
      { pointer: '/all/0', parent: '', depth: 1, kind: 'tag', count: 6, reached: 10, kept: 6, removed: 4 },
      { pointer: '/all/1', parent: '', depth: 1, kind: 'any', count: 5, reached: 6, kept: 3, removed: 3 },
      {
        pointer: '/all/1/any/0',
        parent: '/all/1',
        depth: 2,
        kind: 'tag',
        count: 4,
        reached: 6,
        kept: 2,
        removed: 4,
        added: 2,
      },
      {
        pointer: '/all/1/any/1',
        parent: '/all/1',
        depth: 2,
        kind: 'event',
        count: 3,
        reached: 6,
        kept: 3,
        removed: 3,
        added: 1,
      },
      { pointer: '/all/2', parent: '', depth: 1, kind: 'not', count: 8, reached: 3, kept: 3, removed: 0 },
      {
        pointer: '/all/2/not',
        parent: '/all/2',
        depth: 2,
        kind: 'list',
        count: 2,
        reached: 3,
        kept: 0,
        removed: 3,
      },
    ]);
    expect(nodes[1]?.sentence).toBe('AUM is at least CNY 3,000');
  });
  it('tell of one customer through the predicate', async () => {
    const condition: Condition = { all: [rich, { any: [inTaipei, viewer] }] };
    const { body } = await call('POST', '/audiences/evaluate', {
      condition,
      customerId: 'C5',
      language: 'zh-Hant',
    });
    expect(Value.Check(contract.EvaluateResult, body)).toBe(true);
    expect(body.matches).toBe(true);
    expect(body.because).toEqual([
      expect.objectContaining({ pointer: '', held: true, kind: 'all' }),
      {
        pointer: '/all/0',
        parent: '',
        depth: 1,
        kind: 'tag',
        held: true,
        seen: 500_000,
        sentence: '資產不低於 CNY 3,000',
      },
      expect.objectContaining({ pointer: '/all/1', held: true }),
      {
        pointer: '/all/1/any/0',
        parent: '/all/1',
        depth: 2,
        kind: 'tag',
        held: false,
        seen: 'KHH',
        sentence: 'city為臺北',
      },
      expect.objectContaining({ pointer: '/all/1/any/1', held: true, seen: 5, events: 5 }),
    ]);
  });
  it('agree with the count for every customer and every kind of leaf', async () => {
    const conditions: Condition[] = [
      rich,
      { not: inTaipei },
      { tag: 'interests', op: 'contains', value: 'gold' },
      { tag: 'vip', op: '=', value: true },
      { tag: 'birthday', op: 'anniversary in next', value: 'P7D' },
      { tag: 'seen_at', op: 'in last', value: 'P1D' },
      { tag: 'score', op: 'between', value: [0.2, 0.5] },
      { tag: 'score', op: 'unknown' },
      { event: 'wealth_viewed', aggregate: { sum: 'amount' }, op: '>', value: 500 },
      { event: 'wealth_viewed', aggregate: { last: 'page' }, op: '=', value: 'p0' },
      { event: 'wealth_viewed', op: '<', value: 1 },
      { list: 'lst_blocked' },
      { bucket: { salt: 's', from: 0, to: 5000 } },
      { always: true },
    ];
    for (const condition of conditions) {
      const { cids } = await audiences.resolve(condition);
      const customers = CUSTOMERS.map((cid) => ({ cid, customerId: cid === 7 ? 'C,"7' : `C${cid}` }));
      expect([...(await audiences.matching(condition, customers))], JSON.stringify(condition)).toEqual([
        ...cids.toArray(),
      ]);
    }
  });
  it('do not show a customer outside the org scope', async () => {
    const asked = { condition: rich, customerId: 'C2' };
    expect((await call('POST', '/audiences/evaluate', asked, 'branch')).body.code).toBe(
      'audiences.customer_not_found',
    );
    expect(
      (await call('POST', '/audiences/evaluate', { ...asked, customerId: 'C1' }, 'branch')).body.matches,
    ).toBe(false);
    expect((await call('POST', '/audiences/evaluate', { ...asked, customerId: 'nobody' })).status).toBe(404);
  });
  it('put a condition in words', async () => {
    const { body } = await call('POST', '/audiences/describe', { condition: viewer, language: 'zh-Hant' });
    expect(body).toEqual({ sentence: '最近 30 天內「瀏覽理財頁」至少 3 次' });
  });
});

describe('vocabulary', () => {
  it('lists what a condition may name, with common values', async () => {
    const id = await save(rich, 'The rich');
    const { body } = await call('GET', '/audiences/vocabulary');
    expect(
      Value.Check(contract.Vocabulary, body),
      JSON.stringify(Value.Errors(contract.Vocabulary, body)),
    ).toBe(true);
    const vocabulary = Value.Parse(contract.Vocabulary, body);
    expect(vocabulary.tags.map((each) => each.id)).toEqual([...TAGS.keys()]);
    expect(vocabulary.tags[0]?.values).toEqual([
      { value: 'TPE', title: { en: 'Taipei', 'zh-Hant': '臺北' }, count: 4 },
      { value: 'KHH', count: 3 },
    ]);
    expect(vocabulary.tags.find((each) => each.id === 'interests')?.values).toEqual([
      { value: 'fund', count: 8 },
      { value: 'gold', count: 4 },
    ]);
    expect(vocabulary.tags.find((each) => each.id === 'vip')?.values).toEqual([
      { value: 'false', count: 6 },
      { value: 'true', count: 2 },
    ]);
    expect(vocabulary.audiences).toEqual([{ id, name: 'The rich' }]);
    expect(vocabulary.events[0]?.properties.map(({ name, aggregates }) => [name, aggregates])).toEqual([
      ['page', ['min', 'max', 'last', 'distinct']],
      ['amount', ['sum', 'avg', 'min', 'max', 'last', 'distinct']],
    ]);
  });
  it('counts common values inside the org scope only', async () => {
    const { body } = await call('GET', '/audiences/vocabulary', undefined, 'branch');
    expect(Value.Parse(contract.Vocabulary, body).tags[0]?.values?.map(({ count }) => count)).toEqual([2, 2]);
  });
  it('searches values of tags and properties', async () => {
    expect((await call('GET', '/audiences/values?tag=city&search=tp')).body.values).toEqual([
      { value: 'TPE', title: { en: 'Taipei', 'zh-Hant': '臺北' }, count: 4 },
    ]);
    expect(
      (await call('GET', '/audiences/values?event=wealth_viewed&property=page&limit=2')).body.values,
    ).toEqual([
      { value: 'p0', count: 5 },
      { value: 'p1', count: 4 },
    ]);
    expect((await call('GET', '/audiences/values?tag=interests')).body.values).toEqual([
      { value: 'fund', count: 8 },
      { value: 'gold', count: 4 },
    ]);
    expect((await call('GET', '/audiences/values?tag=nothing')).body.code).toBe('audiences.nothing_to_list');
  });
});

describe('saved audiences', () => {
  it('are created, read, listed, searched and counted', async () => {
    const id = await save(rich, 'The rich');
    await save(inTaipei, '100% Taipei');
    const { body } = await call('GET', `/audiences/${id}`);
    expect(Value.Check(contract.Audience, body)).toBe(true);
    expect(body).toMatchObject({
      name: 'The rich',
      condition: rich,
      version: 1,
      lastCount: 6,
      owner: 'marketer',
    });
    const listed = await call('GET', '/audiences?search=0%25%20tai');
    expect(Value.Parse(contract.AudiencePage, listed.body).items.map(({ name }) => name)).toEqual([
      '100% Taipei',
    ]);
    expect((await call('POST', `/audiences/${id}/count`)).body.count).toBe(6);
    expect(audited.map(({ action }) => action)).toEqual(['audience.created', 'audience.created']);
  });
  it('come page by page, none twice', async () => {
    for (let index = 0; index < 5; index++) {
      clock.advance(index % 2);
      await save(rich, `Audience ${index}`);
    }
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const url = `/audiences?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`;
      const page = Value.Parse(contract.AudiencePage, (await call('GET', url)).body);
      names.push(...page.items.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(names).toHaveLength(5);
    expect(new Set(names).size).toBe(5);
  });
  it('do not show a bank-wide count to whoever sees one branch', async () => {
    const id = await save(rich);
    expect((await call('GET', `/audiences/${id}`, undefined, 'branch')).body.lastCount).toBeUndefined();
  });
  it('change only from the version that was read', async () => {
    const id = await save(rich);
    const change = { name: 'Richer', condition: { tag: 'aum', op: '>=', value: 700_000 } };
    const first = await call('PUT', `/audiences/${id}`, { ...change, version: 1 });
    expect(first.body).toMatchObject({ version: 2, name: 'Richer', lastCount: 2 });
    const second = await call('PUT', `/audiences/${id}`, { ...change, version: 1 });
    expect([second.status, second.body.code, second.body.version]).toEqual([
      409,
      'audiences.changed_meanwhile',
      2,
    ]);
  });
  it('may name each other but never come to contain themselves', async () => {
    const inner = await save(inTaipei, 'Inner');
    const outer = await save({ all: [rich, { audience: inner }] }, 'Outer');
    expect((await call('POST', '/audiences/count', { condition: { audience: outer } })).body.count).toBe(2);
    const { status, body } = await call('PUT', `/audiences/${inner}`, {
      name: 'Inner',
      condition: { any: [inTaipei, { audience: outer }] },
      version: 1,
    });
    expect([status, body.code]).toEqual([422, 'conditions.invalid']);
    expect(body.faults).toEqual([
      {
        pointer: '/condition/any/1/audience',
        message: `Audiences cannot contain themselves: ${inner} → ${outer} → ${inner}.`,
      },
    ]);
  });
  it('are not deleted while something uses them', async () => {
    const inner = await save(inTaipei, 'Inner');
    const outer = await save({ not: { audience: inner } }, 'Outer');
    const refused = await call('DELETE', `/audiences/${inner}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'audiences.in_use']);
    audiences.onUsage(async (id) =>
      id === outer ? [{ kind: 'campaign', id: 'cmp_1', title: 'Autumn' }] : [],
    );
    expect((await call('DELETE', `/audiences/${outer}`)).body.detail).toContain('campaign "Autumn"');
    expect((await call('GET', `/audiences/${outer}`)).status).toBe(200);
  });
  it('are deleted when nothing uses them', async () => {
    const id = await save(rich);
    expect((await call('DELETE', `/audiences/${id}?version=9`)).body.code).toBe(
      'audiences.changed_meanwhile',
    );
    expect((await call('DELETE', `/audiences/${id}?version=1`)).status).toBe(204);
    expect((await call('GET', `/audiences/${id}`)).body.code).toBe('audiences.not_found');
  });
  it('need the permission to write', async () => {
    const body = { name: 'x', condition: rich };
    expect((await call('POST', '/audiences', body, 'reader')).status).toBe(403);
    const id = await save(rich);
    expect((await call('GET', `/audiences/${id}/export`, undefined, 'reader')).status).toBe(403);
  });
});

describe('snapshots', () => {
  it('freeze the customers for good', async () => {
    const id = await save(rich);
    const frozen = await call('POST', `/audiences/${id}/snapshots`, {});
    expect(frozen.status).toBe(201);
    expect(Value.Check(contract.AudienceSnapshot, frozen.body)).toBe(true);
    await call('PUT', `/audiences/${id}`, { name: 'x', condition: { any: [] }, version: 1 });
    const snapshot = await audiences.snapshot(String(frozen.body.id));
    expect([...snapshot.cids.toArray()]).toEqual([3, 4, 5, 6, 7, 8]);
    expect(snapshot).toMatchObject({ size: 6, condition: rich, release: releaseNumber, audienceId: id });
    const listed = await call('GET', `/audiences/${id}/snapshots`);
    expect(Value.Parse(contract.AudienceSnapshotPage, listed.body).items).toHaveLength(1);
  });
  it('export their customer ids as CSV, with an entry in the audit trail', async () => {
    const id = await save(rich);
    const { body } = await call('POST', `/audiences/${id}/snapshots`, {});
    const whole = await call('GET', `/audience-snapshots/${String(body.id)}/export`);
    expect(whole.text).toBe('customer_id\r\nC3\r\nC4\r\nC5\r\nC6\r\n"C,""7"\r\nC8\r\n');
    const branch = await call('GET', `/audience-snapshots/${String(body.id)}/export`, undefined, 'branch');
    expect(branch.text).toBe('customer_id\r\nC3\r\nC5\r\n"C,""7"\r\n');
    const live = await call('GET', `/audiences/${id}/export`, undefined, 'branch');
    expect(live.text).toBe(branch.text);
    expect(audited.filter(({ action }) => action === 'audience.exported')).toHaveLength(3);
  });
  it('are read by their id', async () => {
    const id = await save(rich);
    const { body } = await call('POST', `/audiences/${id}/snapshots`, {
      asOf: new Date(NOW - DAY).toISOString(),
    });
    expect((await call('GET', `/audience-snapshots/${String(body.id)}`)).body).toEqual(body);
    expect((await call('GET', '/audience-snapshots/snp_none')).body.code).toBe(
      'audiences.snapshot_not_found',
    );
  });
});

it('resolves for other modules, as a set that can be combined', async () => {
  const { cids, release } = await audiences.resolve({ all: [rich, inTaipei] }, { orgScope: ['B1'] });
  expect([...cids.or(cidSetOf([9])).toArray()]).toEqual([3, 9]);
  expect(release).toBe(releaseNumber);
  await expect(audiences.resolve({ tag: 'nope', op: 'known' })).rejects.toMatchObject({
    code: 'conditions.invalid',
  });
  expect(await audiences.faults({ tag: 'nope', op: 'known' })).toEqual([
    { pointer: '/tag', message: 'There is no tag "nope".' },
  ]);
});
