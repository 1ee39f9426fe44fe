import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CustomerList,
  GrowthResult,
  LookalikeResult,
  MatchReport,
  OverlapResult,
  ProfileResult,
  RelaxResult,
} from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { seededRandom } from '@rapport/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, startTestServer, type TestServer } from './testing.ts';

const CUSTOMERS = 3_000;
const CHANNELS = ['app', 'branch', 'phone', 'web'] as const;

interface Person {
  readonly id: string;
  readonly phone: string;
  readonly email: string;
  readonly orgUnit: string;
  readonly gender: 'male' | 'female';
  readonly channel: (typeof CHANNELS)[number];
  readonly wealth: number | undefined;
  readonly visits: number;
  readonly fund: boolean;
  readonly interests: readonly string[];
}

const INTERESTS = ['art', 'golf', 'wine'] as const;

/** A small bank whose fund buyers are wealthy people of the app, and in nothing else different from others. */
const PEOPLE: readonly Person[] = ((): Person[] => {
  const random = seededRandom(1);
  return Array.from({ length: CUSTOMERS }, (_, at) => {
    const wealth = Math.round(Math.exp(10 + 2 * (random.next() + random.next() + random.next() - 1.5)));
    const channel = CHANNELS[random.integer(4)] ?? 'app';
    const like = -3.5 + (channel === 'app' ? 1.5 : 0) + 1.2 * (Math.log(wealth) - 10);
    return {
      id: `C${String(at + 1).padStart(5, '0')}`,
      phone: `+86138${String(10_000_000 + at * 7)}`,
      email: `person${at + 1}@example.com`,
      orgUnit: at % 3 === 0 ? 'B1' : 'B2',
      gender: at % 2 === 0 ? 'male' : 'female',
      channel,
      wealth: at % 50 === 0 ? undefined : wealth,
      visits: random.integer(12),
      fund: random.next() < 1 / (1 + Math.exp(-like)),
      interests: INTERESTS.filter((_, bit) => (at * 7) & (8 << bit)),
    };
  });
})();

const SOURCE = `
source: insight_bank
title: { en: Bank of insight }
folder: insight
defaults: { format: csv, nulls: [""] }
tables:
  customer:
    path: customers.csv
    columns:
      customer_id: { type: text, required: true }
      phone: { type: text, personal: true }
      email: { type: text, personal: true }
      org_unit: text
      gender: text
      channel: text
      wealth: integer
      visits: integer
      fund: text
      interests: text
    key: [customer_id]
    role: customer
    map: { kind: { value: retail } }
    attributes: [channel, wealth, visits, fund, interests]
`;
const tag = (id: string, en: string, valueType: string, value: string, more = ''): string => `
  - id: ${id}
    title: { en: ${en} }
    category: test/insight
    valueType: ${valueType}${more}
    definition: { kind: fact, from: customer, value: "${value}" }`;
const TAGS = `tags:${[
  tag('gender', 'Gender', 'text', 'gender'),
  tag('channel', 'Channel', 'text', "attributes['channel']"),
  tag('wealth', 'Wealth', 'number', "toNumber(attributes['wealth'])"),
  tag('visits', 'Visits', 'number', "toNumber(attributes['visits'])"),
  tag('fund', 'Holds a fund', 'text', "attributes['fund']"),
  tag('interests', 'Interests', 'list', "split('|', ifNull(attributes['interests'], ''))"),
  tag('secret', 'Secret figure', 'number', "toNumber(attributes['visits'])", '\n    dataClass: C3'),
].join('')}\n`;

let server: TestServer;
let admin: Caller;
let analyst: Caller;
let token: string;

beforeAll(async () => {
  server = await startTestServer();
  const folder = join(server.home, 'insight');
  await mkdir(folder);
  const head = 'customer_id,phone,email,org_unit,gender,channel,wealth,visits,fund,interests';
  const lines = PEOPLE.map((one) =>
    [
      one.id,
      one.phone,
      one.email,
      one.orgUnit,
      one.gender,
      one.channel,
      one.wealth ?? '',
      one.visits,
      one.fund ? 'yes' : 'no',
      one.interests.join('|'),
    ].join(','),
  );
  await writeFile(join(folder, 'customers.csv'), `${[head, ...lines].join('\n')}\n`);
  admin = await server.as('admin');
  analyst = await server.as('analyst');
  const file: { users: { username: string; password: string }[] } = JSON.parse(
    await readFile(join(server.home, 'credentials.json'), 'utf8'),
  );
  const session = await fetch(`${server.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(
      file.users
        .map(({ username, password }) => ({ username, password }))
        .find((one) => one.username === 'analyst'),
    ),
  });
  ({ token } = await session.json());
  await ok(admin('POST', '/sources', { yaml: SOURCE, baseDir: server.home }));
  await ok(analyst('POST', '/tags/import', { yaml: TAGS }));
  await finished(await ok(admin('POST', '/sources/insight_bank/loads')));
  expect(await finished(await ok(analyst('POST', '/tags/refresh', {})))).toMatchObject({ failed: [] });
}, 120_000);
afterAll(() => server?.stop());

/** The body of an answer that is no refusal. */
async function ok<Body>(answer: ReturnType<Caller>): Promise<Body> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  // What the routes send was checked against their schemas.
  return body as Body;
}

async function finished<Result>({ jobId }: { jobId: string }): Promise<Result> {
  for (let tries = 0; tries < 600; tries++) {
    const job = await ok<{ state: string; result: Result; error?: unknown }>(admin('GET', `/jobs/${jobId}`));
    if (job.state === 'done') return job.result;
    if (job.state === 'failed') throw new Error(JSON.stringify(job));
    await sleep(100);
  }
  throw new Error(`job ${jobId} does not end`);
}

const FUND: Condition = { tag: 'fund', op: '=', value: 'yes' };
const isWealthy = (one: Person): boolean => (one.wealth ?? 0) >= 60_000;
const WEALTHY: Condition = { tag: 'wealth', op: '>=', value: 60_000 };
const sizeOf = (holds: (one: Person) => boolean): number => PEOPLE.filter(holds).length;
const countOf = async (condition: Condition): Promise<number> =>
  (await ok<{ count: number }>(analyst('POST', '/audiences/count', { condition }))).count;
const audienceOf = async (name: string, condition: Condition): Promise<string> =>
  (await ok<{ id: string }>(analyst('POST', '/audiences', { name, description: '', condition }))).id;

/** Signs in with a password and answers a caller, as `server.as` does for the first users. */
async function signedIn(username: string, password: string): Promise<{ caller: Caller; bearer: string }> {
  const session = await fetch(`${server.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  const { token: bearer }: { token: string } = await session.json();
  const caller: Caller = async (method, path, body) => {
    const answer = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  };
  return { caller, bearer };
}

/** Sends a file as the analyst, as a browser would. */
const send = (
  listId: string,
  key: string,
  text: string,
  column?: string,
  bearer = token,
): Promise<Response> =>
  fetch(
    `${server.url}/api/v1/lists/${listId}/content?key=${key}&file=a.csv${column === undefined ? '' : `&column=${column}`}`,
    { method: 'PUT', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'text/csv' }, body: text },
  );
const upload = async (listId: string, key: string, text: string, column?: string): Promise<CustomerList> => {
  const answer = await send(listId, key, text, column);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const list: CustomerList = await answer.json();
  return list;
};

describe('a profile', () => {
  it('counts every value of every tag exactly, from the index, and tells what was planted and no more', async () => {
    const profile = await ok<ProfileResult>(analyst('POST', '/audiences/profile', { condition: FUND }));
    expect([profile.size, profile.baseSize]).toEqual([sizeOf((one) => one.fund), CUSTOMERS]);
    for (const one of profile.tags) {
      // A customer has one value of a tag, and any number of interests.
      if (one.tag !== 'interests') {
        expect(one.buckets.reduce((sum, bucket) => sum + bucket.audience, 0)).toBe(profile.size);
        expect(one.buckets.reduce((sum, bucket) => sum + bucket.base, 0)).toBe(CUSTOMERS);
      }
      for (const bucket of one.buckets) {
        expect(bucket.base, `${one.tag} ${bucket.label}`).toBe(await countOf(bucket.condition));
        expect(bucket.audience, `${one.tag} ${bucket.label}`).toBe(
          await countOf({ all: [bucket.condition, FUND] }),
        );
      }
    }
    const interests = profile.tags.find((one) => one.tag === 'interests')?.buckets ?? [];
    expect(interests.map((one) => one.label).sort()).toEqual(['Unknown', 'art', 'golf', 'wine']);
    expect(interests.find((one) => one.label === 'golf')).toMatchObject({
      audience: sizeOf((one) => one.fund && one.interests.includes('golf')),
      base: sizeOf((one) => one.interests.includes('golf')),
    });
    const news = profile.findings.filter((finding) => !finding.defining);
    expect(news.map((finding) => finding.tag).sort()).toEqual(['channel', 'wealth']);
    expect(news.find((finding) => finding.tag === 'channel')?.condition).toEqual({
      tag: 'channel',
      op: '=',
      value: 'app',
    });
    expect(profile.tags.find((one) => one.tag === 'fund')?.defining).toBe(true);
    const app = profile.tags.find((one) => one.tag === 'channel')?.buckets.find((one) => one.label === 'app');
    const share = sizeOf((one) => one.fund && one.channel === 'app') / profile.size;
    expect(app?.tgi).toBeCloseTo((100 * share) / (sizeOf((one) => one.channel === 'app') / CUSTOMERS), 6);
  });

  it('compares with another base, of a saved audience, in another language, and writes CSV', async () => {
    const id = await audienceOf('Fund holders', FUND);
    const profile = await ok<ProfileResult>(
      analyst('POST', `/audiences/${id}/profile`, {
        base: { condition: WEALTHY },
        tags: ['channel', 'visits'],
        language: 'zh-Hant',
      }),
    );
    expect(profile.size).toBe(sizeOf((one) => one.fund));
    expect(profile.baseSize).toBe(sizeOf(isWealthy));
    expect(profile.tags.map((one) => one.tag).sort()).toEqual(['channel', 'visits']);
    const app = profile.tags.find((one) => one.tag === 'channel')?.buckets.find((one) => one.label === 'app');
    expect(app?.base).toBe(sizeOf((one) => isWealthy(one) && one.channel === 'app'));
    expect(profile.findings[0]?.sentence).toContain('倍');
    const csv = await ok<{ text: string }>(analyst('POST', '/audiences/profile/csv', { condition: FUND }));
    expect(csv.text.split('\r\n')[0]).toContain('tag,title,value,audience,base');
    expect(csv.text.split('\r\n').filter((line) => line.startsWith('channel,'))).toHaveLength(4);
  });

  it('shows nothing of a tag that was not granted, and does not select by it', async () => {
    const marketer = await server.as('marketer');
    const profile = await ok<ProfileResult>(marketer('POST', '/audiences/profile', { condition: FUND }));
    expect(profile.skipped).toEqual(['secret']);
    expect(profile.tags.map((one) => one.tag)).not.toContain('secret');
    const secret: Condition = { tag: 'secret', op: '>=', value: 3 };
    for (const [path, body] of [
      ['profile', { condition: secret }],
      ['profile', { condition: FUND, base: { condition: secret } }],
      ['relax', { condition: secret, wanted: 10 }],
      ['overlap', { sets: [{ condition: secret }] }],
      ['lookalikes', { name: 'x', seed: { condition: secret } }],
    ] as const) {
      const refused = await marketer('POST', `/audiences/${path}`, body);
      expect([path, refused.status, refused.body.code]).toEqual([path, 403, 'audiences.not_granted']);
    }
  });

  it('refuses a tag that does not exist', async () => {
    const refused = await analyst('POST', '/audiences/profile', { condition: FUND, tags: ['nothing'] });
    expect([refused.status, refused.body.code]).toEqual([422, 'audiences.unknown_tag']);
  });
});

describe('relaxing', () => {
  it('proposes conditions whose counts are what they say, the nearest first', async () => {
    const condition: Condition = { all: [WEALTHY, { tag: 'channel', op: '=', value: 'app' }] };
    const now = sizeOf((one) => isWealthy(one) && one.channel === 'app');
    const result = await ok<RelaxResult>(
      analyst('POST', '/audiences/relax', { condition, wanted: now + 150 }),
    );
    expect(result.count).toBe(now);
    expect(result.proposals.length).toBeGreaterThan(2);
    for (const proposal of result.proposals) expect(await countOf(proposal.condition)).toBe(proposal.count);
    const [best] = result.proposals;
    expect(Math.abs((best?.count ?? 0) - now - 150)).toBeLessThanOrEqual((now + 150) / 100);
    expect(best?.sentence).toMatch(/becomes/);
    const kept = await ok<RelaxResult>(
      analyst('POST', '/audiences/relax', { condition, wanted: now + 150, keep: ['/all/0'] }),
    );
    expect(kept.proposals.flatMap((one) => one.changes.map((change) => change.pointer))).not.toContain(
      '/all/0',
    );
  });
});

describe('a size out of reach', () => {
  it('is come nearest to by the last value that the tag has, not by one that nobody has', async () => {
    const nearestOf = async (leaf: Condition): Promise<{ value: number; count: number }> => {
      const { proposals } = await ok<RelaxResult>(
        analyst('POST', '/audiences/relax', { condition: leaf, wanted: CUSTOMERS, limit: 50 }),
      );
      const moved = proposals.find((one) => one.changes.every(({ kind }) => kind === 'threshold'));
      const value = moved && 'tag' in moved.condition ? Number(moved.condition.value) : Number.NaN;
      return { value, count: moved?.count ?? 0 };
    };
    expect(await nearestOf({ tag: 'visits', op: '>=', value: 6 })).toEqual({ value: 0, count: CUSTOMERS });
    const known = PEOPLE.flatMap((one) => one.wealth ?? []);
    const { value, count } = await nearestOf(WEALTHY);
    expect(count).toBe(known.length);
    const least = Math.min(...known);
    expect(value).toBeGreaterThan(0.5 * least);
    expect(value).toBeLessThanOrEqual(least);
  });
});

describe('a look-alike', () => {
  it('is made by a job, is a list that conditions name, and its scores are a tag', async () => {
    const result = await finished<LookalikeResult>(
      await ok(
        analyst('POST', '/audiences/lookalikes', {
          name: 'Like fund buyers',
          seed: { condition: FUND },
          size: 400,
          scoreTag: 'like_fund',
        }),
      ),
    );
    expect([result.seedSize, result.size]).toEqual([sizeOf((one) => one.fund), 400]);
    expect(result.auc).toBeGreaterThan(0.75);
    expect(
      result.traits
        .slice(0, 2)
        .map((trait) => trait.tag)
        .sort(),
    ).toEqual(['channel', 'wealth']);
    expect(result.excluded).toContainEqual({ tag: 'gender', reason: 'protected' });
    expect(result.excluded).toContainEqual({ tag: 'fund', reason: 'defines_seed' });
    const inList: Condition = { list: result.listId };
    expect(await countOf(inList)).toBe(400);
    expect(await countOf({ all: [inList, FUND] })).toBe(0);
    // Customers like those who buy are wealthier than others who do not.
    expect(await countOf({ all: [inList, WEALTHY] })).toBeGreaterThan(
      (2 * 400 * sizeOf((one) => !one.fund && isWealthy(one))) / sizeOf((one) => !one.fund),
    );
    const list = await ok<CustomerList>(analyst('GET', `/lists/${result.listId}`));
    expect(list).toMatchObject({ origin: 'lookalike', size: 400, lookalike: { listId: result.listId } });
    const scored = await countOf({ tag: 'like_fund', op: 'known' });
    expect(scored).toBe(CUSTOMERS);
  });

  it('needs one seed of enough customers', async () => {
    for (const seed of [{}, { condition: FUND, audience: 'aud_1' }]) {
      const refused = await analyst('POST', '/audiences/lookalikes', { name: 'x', seed });
      expect([refused.status, refused.body.code]).toEqual([422, 'audiences.bad_seed']);
    }
  });
});

describe('whoever sees a part', () => {
  it('of the permissions: reads, and neither makes nor exports', async () => {
    const executive = await server.as('executive');
    expect((await executive('POST', '/audiences/profile', { condition: FUND })).status).toBe(200);
    const id = await audienceOf('Looked at', FUND);
    for (const [method, path, body] of [
      ['POST', '/audiences/profile/csv', { condition: FUND }],
      ['POST', '/audiences/lookalikes', { name: 'x', seed: { condition: FUND } }],
      ['PUT', `/audiences/${id}/policy`, { mode: 'live' }],
      ['POST', `/audiences/${id}/growth`, undefined],
      ['POST', '/lists', { name: 'x', kind: 'target', purpose: 'x' }],
      ['DELETE', '/lists/lst_1', undefined],
    ] as const) {
      const refused = await executive(method, path, body);
      expect([path, refused.status]).toEqual([path, 403]);
    }
  });

  it('of the bank: gets the numbers of that part alone', async () => {
    await ok(
      admin('POST', '/users', {
        username: 'north',
        displayName: 'North branch',
        password: 'a long enough password 1',
        roles: ['analyst'],
        orgUnit: 'B1',
      }),
    );
    const { caller: north, bearer } = await signedIn('north', 'a long enough password 1');
    const ours = (one: Person): boolean => one.orgUnit === 'B1';
    const profile = await ok<ProfileResult>(north('POST', '/audiences/profile', { condition: FUND }));
    expect([profile.size, profile.baseSize]).toEqual([sizeOf((one) => ours(one) && one.fund), sizeOf(ours)]);
    const app = profile.tags.find((one) => one.tag === 'channel')?.buckets.find((one) => one.label === 'app');
    expect(app?.base).toBe(sizeOf((one) => ours(one) && one.channel === 'app'));
    const overlap = await ok<OverlapResult>(
      north('POST', '/audiences/overlap', { sets: [{ condition: FUND }, { condition: WEALTHY }] }),
    );
    expect([overlap.union, overlap.total]).toEqual([
      sizeOf((one) => ours(one) && (one.fund || isWealthy(one))),
      sizeOf(ours),
    ]);
    const relaxed = await ok<RelaxResult>(
      north('POST', '/audiences/relax', { condition: FUND, wanted: sizeOf(ours) }),
    );
    expect(relaxed.count).toBe(sizeOf((one) => ours(one) && one.fund));
    const list = await ok<CustomerList>(
      north('POST', '/lists', { name: 'Guests', kind: 'target', purpose: 'Branch event' }),
    );
    const guests = PEOPLE.slice(0, 90);
    const uploaded = await send(
      list.id,
      'customer_id',
      guests.map((one) => one.id).join('\n'),
      undefined,
      bearer,
    );
    const { report }: CustomerList = await uploaded.json();
    expect([report?.customers, report?.unmatched]).toEqual([
      guests.filter(ours).length,
      guests.filter((one) => !ours(one)).length,
    ]);
    const id = await audienceOf('Everywhere', FUND);
    await ok(analyst('POST', `/audiences/${id}/growth`));
    const refused = await north('POST', `/audiences/${id}/growth`);
    expect([refused.status, refused.body.code]).toEqual([403, 'audiences.whole_bank_only']);
    expect(await ok(north('GET', `/audiences/${id}/policy`))).not.toHaveProperty('lastSize');
    const growth = await ok<GrowthResult>(north('GET', `/audiences/${id}/growth?backcast=2`));
    expect(growth.points.map((one) => one.source)).toEqual(['as_of', 'as_of']);
  });
});

describe('what cannot be answered', () => {
  it('is refused with what is wrong', async () => {
    const saidOf = async (method: string, path: string, body?: unknown): Promise<unknown[]> => {
      const refused = await analyst(method, path, body);
      return [refused.status, refused.body.code, refused.body.detail];
    };
    expect(await saidOf('POST', '/audiences/overlap', { sets: [{ condition: FUND }, {}] })).toEqual([
      422,
      'audiences.bad_set',
      'Give exactly one of "audience", "condition" and "snapshot" at /sets/1.',
    ]);
    expect(
      await saidOf('POST', '/audiences/profile', {
        condition: FUND,
        base: { audience: 'aud_1', condition: FUND },
      }),
    ).toEqual([422, 'audiences.bad_set', 'The base is either an "audience" or a "condition", not both.']);
    expect(
      await saidOf('POST', '/audiences/profile', { condition: FUND, base: { audience: 'aud_1' } }),
    ).toEqual([404, 'audiences.not_found', 'There is no audience aud_1.']);
    expect(
      await saidOf('POST', '/audiences/relax', {
        condition: { all: [FUND, WEALTHY] },
        wanted: 10,
        keep: ['/all/2'],
      }),
    ).toEqual([422, 'audiences.unknown_leaf', '"keep" names "/all/2"; the leaves are "/all/0", "/all/1".']);
    const few: Condition = { all: [FUND, { tag: 'wealth', op: '>=', value: 200_000 }] };
    const seeds = await countOf(few);
    const small = await finished(
      await ok(analyst('POST', '/audiences/lookalikes', { name: 'x', seed: { condition: few } })),
    ).catch((error: Error) => error.message);
    expect(small).toContain(`The seed has ${seeds} customers`);
    expect(await saidOf('GET', '/lists/lst_1')).toEqual([
      404,
      'audiences.list_not_found',
      'There is no list lst_1.',
    ]);
    expect((await saidOf('GET', '/audiences/aud_1/growth')).slice(0, 2)).toEqual([
      404,
      'audiences.not_found',
    ]);
    const list = await ok<CustomerList>(
      analyst('POST', '/lists', { name: 'Faulty', kind: 'target', purpose: 'Test' }),
    );
    for (const [text, column, detail] of [
      ['id\nC00001\n', 'phone', 'Line 1: the head has no column "phone"; it has "id".'],
      ['', undefined, 'The file is empty.'],
      ['id\n', 'id', 'The file has no rows below its head.'],
    ] as const) {
      const refused = await send(list.id, 'customer_id', text, column);
      expect([refused.status, (await refused.json()).detail]).toEqual([422, detail]);
    }
    const unloaded = await send(list.id, 'openid', 'o1\n');
    expect(unloaded.status).toBe(200);
    const past = await saidOf('POST', '/lists', {
      name: 'Old',
      kind: 'target',
      purpose: 'Test',
      expiresAt: '2020-01-01T00:00:00Z',
    });
    expect(past).toEqual([
      422,
      'audiences.bad_instant',
      'expiresAt 2020-01-01T00:00:00Z is not in the future.',
    ]);
  });
});

describe('overlap', () => {
  it('cuts sets into parts whose sizes are exact', async () => {
    const id = await audienceOf('Wealthy', WEALTHY);
    const snapshot = await ok<{ id: string }>(analyst('POST', `/audiences/${id}/snapshots`, {}));
    const result = await ok<OverlapResult>(
      analyst('POST', '/audiences/overlap', {
        sets: [
          { audience: id },
          { name: 'Fund', condition: FUND },
          { snapshot: snapshot.id },
          { condition: { tag: 'channel', op: '=', value: 'app' } },
        ],
      }),
    );
    const inside = (one: Person): boolean[] => [
      isWealthy(one),
      one.fund,
      isWealthy(one),
      one.channel === 'app',
    ];
    expect(result.sets.slice(0, 2).map((set) => set.name)).toEqual(['Wealthy', 'Fund']);
    expect(result.sets.map((set) => set.size)).toEqual(
      [0, 1, 2, 3].map((at) => sizeOf((one) => inside(one)[at] ?? false)),
    );
    for (const region of result.regions)
      expect(region.size).toBe(
        sizeOf((one) => inside(one).every((held, at) => held === region.members.includes(at))),
      );
    expect(result.union).toBe(sizeOf((one) => inside(one).includes(true)));
    expect(result.pairs.find(({ one, other }) => one === 0 && other === 2)?.jaccard).toBe(1);
  });
});

describe('a list', () => {
  const people = PEOPLE.slice(0, 900);
  const expected: Partial<MatchReport> = { matched: 900, ambiguous: 0, customers: 900 };

  it('matches ids, e-mail addresses, phones and their digests, and can be named in a condition', async () => {
    const list = await ok<CustomerList>(
      analyst('POST', '/lists', { name: 'Visitors', kind: 'target', purpose: 'Branch event' }),
    );
    expect(list.size).toBe(0);
    const byId = await upload(
      list.id,
      'customer_id',
      `customer_id,note\n${people.map((one) => `${one.id},"a, b"`).join('\n')}\nC99999,x\n${people[0]?.id},again\n`,
      'customer_id',
    );
    expect(byId).toMatchObject({ size: 900, version: 1 });
    expect(byId.report).toMatchObject({ ...expected, rows: 902, unmatched: 1, duplicates: 1, invalid: 0 });
    expect(byId.report?.examples).toContainEqual({ line: 902, value: 'C99999', reason: 'unmatched' });
    expect(await countOf({ list: list.id })).toBe(900);
    expect(await countOf({ all: [{ list: list.id }, FUND] })).toBe(people.filter((one) => one.fund).length);
    expect(await countOf({ not: { list: list.id } })).toBe(CUSTOMERS - 900);

    const byEmail = await upload(
      list.id,
      'email',
      `email\n${people.map((one) => one.email.toUpperCase()).join('\n')}\nnobody@example.com\nno address\n`,
      'email',
    );
    expect(byEmail.report).toMatchObject({ ...expected, rows: 902, unmatched: 1, invalid: 1 });
    // A report does not spell out addresses.
    expect(JSON.stringify(byEmail.report?.examples)).not.toContain('nobody@');

    const byPhone = await upload(
      list.id,
      'phone',
      `phone\n${people.map(({ phone }) => phone.replace('+86138', '+86 138-')).join('\n')}\n`,
      'phone',
    );
    expect(byPhone.report).toMatchObject({ ...expected, rows: 900, unmatched: 0 });

    const digests = people.slice(0, 300).map((one, at) =>
      createHash('sha256')
        .update(at % 2 ? one.phone : one.phone.slice(1))
        .digest('hex'),
    );
    const byDigest = await upload(list.id, 'phone_sha256', `hash\n${digests.join('\n')}\n`, 'hash');
    expect(byDigest.report).toMatchObject({ matched: 300, customers: 300 });
    expect(byDigest).toMatchObject({ size: 300, version: 4 });
    expect(await countOf({ list: list.id })).toBe(300);

    const items = await ok<{ items: CustomerList[] }>(analyst('GET', '/lists'));
    expect(items.items.map((one) => one.id)).toContain(list.id);
  });

  it('is not deleted while an audience names it, and keeps its customers when a file is refused', async () => {
    const list = await ok<CustomerList>(
      analyst('POST', '/lists', { name: 'Do not call', kind: 'black', purpose: 'Complaints' }),
    );
    await upload(list.id, 'customer_id', `${PEOPLE[0]?.id}\n${PEOPLE[1]?.id}\n`);
    const refused = await send(list.id, 'customer_id', '');
    expect(refused.status).toBe(422);
    expect(await countOf({ list: list.id })).toBe(2);
    const audience = await audienceOf('Not blocked', { not: { list: list.id } });
    const inUse = await analyst('DELETE', `/lists/${list.id}`);
    expect([inUse.status, inUse.body.code]).toEqual([409, 'audiences.list_in_use']);
    await ok(analyst('DELETE', `/audiences/${audience}`));
    await ok(analyst('DELETE', `/lists/${list.id}`));
    expect((await analyst('GET', `/lists/${list.id}`)).status).toBe(404);
    const gone = await analyst('POST', '/audiences/count', { condition: { list: list.id } });
    expect(gone.status).toBe(422);
  });
});

describe('growth', () => {
  it('records sizes, who came and went, and keeps a policy', async () => {
    const list = await ok<CustomerList>(
      analyst('POST', '/lists', { name: 'Members', kind: 'target', purpose: 'Growth' }),
    );
    const put = (from: number, to: number): Promise<CustomerList> =>
      upload(
        list.id,
        'customer_id',
        PEOPLE.slice(from, to)
          .map((one) => one.id)
          .join('\n'),
      );
    await put(0, 100);
    const id = await audienceOf('Members', { list: list.id });
    const snapshot = await ok<{ id: string }>(analyst('POST', `/audiences/${id}/snapshots`, {}));
    const policy = { mode: 'schedule', cron: '0 7 * * 1-5', alert: { growth: 0.1, below: 50 } };
    const set = await ok<{ nextAt: string }>(analyst('PUT', `/audiences/${id}/policy`, policy));
    expect(Date.parse(set.nextAt)).toBeGreaterThan(Date.now());
    expect(await ok(analyst('POST', `/audiences/${id}/growth`))).toMatchObject({ count: 100 });
    await put(20, 140);
    expect(await ok(analyst('POST', `/audiences/${id}/growth`))).toMatchObject({
      count: 120,
      entered: 40,
      left: 20,
      alerts: ['growth'],
    });
    const growth = await ok<GrowthResult>(analyst('GET', `/audiences/${id}/growth?days=30&backcast=3`));
    expect(growth.points.filter((one) => one.source === 'recorded').map((one) => one.count)).toEqual([
      100, 120,
    ]);
    expect(growth.points.filter((one) => one.source === 'as_of')).toHaveLength(3);
    expect(await ok(analyst('POST', `/audiences/${id}/flow`, { from: snapshot.id }))).toEqual({
      before: 100,
      after: 120,
      stayed: 80,
      entered: 40,
      left: 20,
    });
    expect(await ok(analyst('GET', `/audiences/${id}/policy`))).toMatchObject({ policy, lastSize: 120 });
    const bad = await analyst('PUT', `/audiences/${id}/policy`, { mode: 'schedule', cron: 'now and then' });
    expect([bad.status, bad.body.code]).toEqual([422, 'audiences.bad_policy']);
  });
});

describe('tags computed from others', () => {
  it('are no news where the condition is made of what they are computed from, and teach no look-alike', async () => {
    const rich = `tags:
  - id: rich
    title: { en: Rich }
    category: test/insight
    valueType: boolean
    definition: { kind: rule, cases: [{ when: { tag: wealth, op: ">=", value: 50000 }, value: true }], otherwise: false }
`;
    await ok(analyst('POST', '/tags/import', { yaml: rich }));
    await finished(await ok(analyst('POST', '/tags/refresh', {})));
    const definingOf = async (condition: Condition): Promise<string[]> => {
      const { tags } = await ok<ProfileResult>(analyst('POST', '/audiences/profile', { condition }));
      return tags.flatMap((one) => (one.defining ? [one.tag] : [])).sort();
    };
    expect(await definingOf(WEALTHY)).toEqual(['rich', 'wealth']);
    expect(await definingOf({ tag: 'rich', op: '=', value: true })).toEqual(['rich', 'wealth']);
    expect(await definingOf(FUND)).toEqual(['fund']);
    const { excluded } = await finished<LookalikeResult>(
      await ok(
        analyst('POST', '/audiences/lookalikes', { name: 'Like the rich', seed: { condition: WEALTHY } }),
      ),
    );
    expect(excluded).toContainEqual({ tag: 'rich', reason: 'defines_seed' });
  });
});

describe('docs/audiences.md', () => {
  it('has requests that run as they stand there', async () => {
    const page = await readFile(new URL('../../docs/audiences.md', import.meta.url), 'utf8');
    // The tags of the demo bank, by what this one has in their place.
    const inThisBank = (text: string): string =>
      text.replaceAll('"risk_level"', '"visits"').replaceAll('"fund_amount"', '"wealth"');
    const requests = [...page.matchAll(/```http\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
      block.split(/\n\n(?=[A-Z]+ \/)/),
    );
    expect(requests.length).toBeGreaterThan(14);
    const ids: Record<string, string> = {};
    const filled = (text: string): string =>
      text.replaceAll(/\{(audience|snapshot|list)\}/g, (_, name: string) => ids[name] ?? name);
    for (const request of requests) {
      const [, method = '', path = '', body = ''] =
        /^(\S+) (\S+)\n?([\s\S]*)$/.exec(filled(request.trim())) ?? [];
      const answer = await fetch(`${server.url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === ''
            ? {}
            : { 'content-type': path.includes('/content') ? 'text/csv' : 'application/json' }),
        },
        ...(body === '' ? {} : { body: inThisBank(body) }),
      });
      const text = await answer.text();
      expect(answer.status, `${request}\n${text}`).toBeLessThan(300);
      const { id, jobId, report }: { id?: string; jobId?: string; report?: MatchReport } = JSON.parse(text);
      for (const [name, prefix] of [
        ['audience', 'aud_'],
        ['snapshot', 'snp_'],
        ['list', 'lst_'],
      ] as const)
        if (id?.startsWith(prefix)) ids[name] = id;
      if (jobId) await finished({ jobId });
      if (report) expect(report).toMatchObject({ rows: 3, matched: 2, unmatched: 1, customers: 2 });
    }
  });
});
