import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlertPage, ArrivalBoard, CatalogTable, QualityBoard } from '@rapport/catalog/contract';
import type { Condition } from '@rapport/conditions';
import type { LoadView, StreamView } from '@rapport/sources/contract';
import type { TagRefreshDetail } from '@rapport/tags/contract';
import { waitFor } from '@rapport/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Caller, startTestServer, type TestServer } from './testing.ts';

vi.setConfig({ testTimeout: 300_000 });

let server: TestServer;
let admin: Caller;

const manifest = (more = ''): string => `
source: core
title: { en: Core }
folder: core
${more}
tables:
  customer:
    path: customers.csv
    columns:
      customer_id: { type: text, required: true }
      city: text
      wealth: { type: integer }
    key: [customer_id]
    role: customer
    map: { kind: { value: retail } }
quality:
  - { name: wealth_is_known, table: customer, notNull: wealth, severity: block }
`;
const APP = `
source: app
title: { en: App }
tables:
  clicks:
    stream: { eventId: event_id }
    columns:
      event_id: { type: text, required: true }
      customer_id: { type: text, required: true }
      name: { type: text, required: true }
      at: { type: instant, required: true }
      amount: { type: integer, min: 0 }
    role: event
`;
const TAGS = `
tags:
  - id: wealth
    title: { en: Wealth }
    category: test/catalog
    valueType: number
    definition: { kind: fact, from: customer, value: "toNumber(attributes['wealth'])" }
  - id: city
    title: { en: City }
    category: test/catalog
    valueType: text
    definition: { kind: fact, from: customer, value: city }
`;
const csv = (rows: readonly (readonly [id: string, city: string, wealth: number | ''])[]): string =>
  `customer_id,city,wealth\n${rows.map((row) => row.join(',')).join('\n')}\n`;

beforeAll(async () => {
  server = await startTestServer({ env: { RAPPORT_TIME_ZONE: 'UTC' } });
  admin = await server.as('admin');
  await mkdir(join(server.home, 'core'));
  await ok(admin('POST', '/tags/import', { yaml: TAGS }));
}, 120_000);
afterAll(() => server?.stop());

/** The body of an answer that is no refusal. */
async function ok<Body>(answer: ReturnType<Caller>): Promise<Body> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  // What the routes send was checked against their schemas.
  return body as Body;
}
const get = <Body>(path: string): Promise<Body> => ok<Body>(admin('GET', path));

async function finished(jobId: string): Promise<void> {
  await waitFor(
    async () => {
      const job = await get<{ state: string }>(`/jobs/${jobId}`);
      if (job.state === 'failed') throw new Error(JSON.stringify(job));
      return job.state === 'done';
    },
    { withinMs: 120_000, what: 'the job' },
  );
}

async function load(rows: Parameters<typeof csv>[0], more?: string): Promise<LoadView> {
  await writeFile(join(server.home, 'core/customers.csv'), csv(rows));
  await ok(admin('POST', '/sources', { yaml: manifest(more), baseDir: server.home }));
  const { jobId, loadId } = await ok<{ jobId: string; loadId: string }>(admin('POST', '/sources/core/loads'));
  await finished(jobId);
  return get<LoadView>(`/sources/core/loads/${loadId}`);
}

/** Refreshes all tags and answers what became of each, with the reason. */
async function refresh(): Promise<Record<string, string>> {
  const { jobId } = await ok<{ jobId: string }>(admin('POST', '/tags/refresh', {}));
  await finished(jobId);
  const { items } = await get<{ items: { id: string }[] }>('/tags/refreshes?limit=1');
  const { outcomes } = await get<TagRefreshDetail>(`/tags/refreshes/${items[0]?.id}`);
  return Object.fromEntries(outcomes.map(({ tagId, outcome, because }) => [tagId, `${outcome}: ${because}`]));
}
const countOf = async (condition: Condition): Promise<number> =>
  (await ok<{ count: number }>(admin('POST', '/audiences/count', { condition }))).count;
const wealthy = (): Promise<number> => countOf({ tag: 'wealth', op: '>=', value: 100 });
const inTaipei = (): Promise<number> => countOf({ tag: 'city', op: '=', value: 'Taipei' });
const alerts = async (state: 'open' | 'resolved', kind: string): Promise<string[]> =>
  (await get<AlertPage>(`/alerts?state=${state}&kind=${kind}`)).items.map(
    (alert) => `${alert.subject} ${alert.severity}: ${alert.message.en}`,
  );

it('keeps the values of tags over a column whose rule fails, tells of it, and goes on when it holds again', async () => {
  const first = await load([
    ['1', 'Taipei', 50],
    ['2', 'Taipei', 150],
    ['3', 'Tainan', 250],
  ]);
  expect(first.state).toBe('loaded');
  await refresh();
  expect([await wealthy(), await inTaipei()]).toEqual([2, 2]);

  const gappy = await load([
    ['1', 'Taipei', 500],
    ['2', 'Taipei', ''],
    ['3', 'Taipei', 600],
  ]);
  expect(gappy).toMatchObject({ state: 'loaded', quality: [{ name: 'wealth_is_known', passed: false }] });
  const outcomes = await refresh();
  expect(outcomes.wealth).toMatch(
    /^blocked: .*The rule wealth_is_known fails: 1 of 3 rows of customer .*Tags over it keep their values until it holds/,
  );
  // The tag over the column keeps its values; the one beside it has the new ones.
  expect([await wealthy(), await inTaipei()]).toEqual([2, 3]);
  expect(await alerts('open', 'quality')).toEqual([
    expect.stringContaining('src/core/customer critical: src/core/customer: the rule wealth_is_known fails.'),
  ]);
  const board = await get<QualityBoard>('/catalog/quality');
  expect(board.blocks[0]).toMatchObject({ table: 'src/core/customer', column: 'wealth', because: 'quality' });
  const table = await get<CatalogTable>('/catalog/table?name=src/core/customer');
  expect(table.entry).toMatchObject({ failingRules: 1, blocked: true, rows: 3 });
  expect(table.columns.map(({ name, blocked, unknown }) => `${name} ${blocked} ${unknown}`)).toEqual([
    'customer_id false 0',
    'city false 0',
    'wealth true 1',
  ]);

  await load([
    ['1', 'Taipei', 500],
    ['2', 'Tainan', 10],
    ['3', 'Taipei', 600],
  ]);
  expect((await refresh()).wealth).not.toContain('blocked');
  expect([await wealthy(), await inTaipei()]).toEqual([2, 2]);
  expect(await countOf({ tag: 'wealth', op: '>=', value: 500 })).toBe(2);
  expect(await alerts('open', 'quality')).toEqual([]);
  expect(await alerts('resolved', 'quality')).toHaveLength(1);
});

it('holds tags back while the data of the day has not arrived at its hour', async () => {
  // Due at midnight: it is late at any time of the day, and missing five minutes later.
  const arrives = 'arrives: { by: "00:00", zone: UTC, every: day, missingAfter: PT5M }';
  await ok(admin('POST', '/sources', { yaml: manifest(arrives), baseDir: server.home }));
  const before = await get<ArrivalBoard>('/catalog/arrivals');
  expect(before.latest).toMatchObject({ due: 1, arrived: 0, complete: false });
  expect(await alerts('open', 'arrival')).toEqual([
    expect.stringMatching(
      /^core (critical|warn): Core: the data due on \d{4}-\d\d-\d\d by 00:00 is (missing|late)\.$/,
    ),
  ]);
  const held = await refresh();
  expect(held.city).toMatch(/^blocked: .*The data of core due on \d{4}-\d\d-\d\d by 00:00 has not arrived\./);
  expect(held.wealth).toContain('blocked');
  expect([await wealthy(), await inTaipei()]).toEqual([2, 2]);

  await load(
    [
      ['1', 'Tainan', 1],
      ['2', 'Tainan', 2],
      ['3', 'Taipei', 3],
    ],
    arrives,
  );
  expect((await get<ArrivalBoard>('/catalog/arrivals')).latest).toMatchObject({ arrived: 1, complete: true });
  expect((await refresh()).city).not.toContain('blocked');
  expect([await wealthy(), await inTaipei()]).toEqual([0, 1]);
  expect(await alerts('open', 'arrival')).toEqual([]);
});

it('counts events of a stream as they come, and those that are corrected once they are', async () => {
  await ok(admin('POST', '/sources', { yaml: APP }));
  const event = (id: string, customerId: string, amount: unknown) => ({
    event_id: id,
    customer_id: customerId,
    name: 'wealth_viewed',
    at: new Date().toISOString(),
    amount,
  });
  const push = (...events: unknown[]) => ok(admin('POST', '/sources/app/streams/clicks/events', { events }));
  const settled = (taken: number): Promise<StreamView> =>
    waitFor(
      async () => {
        const { items } = await get<{ items: StreamView[] }>('/sources/app/streams');
        return items.find((stream) => stream.taken === taken && stream.waiting === 0);
      },
      { withinMs: 60_000, what: 'reading the events' },
    );
  const viewed = (atLeast: number): Promise<number> =>
    countOf({ event: 'wealth_viewed', within: 'P1D', op: '>=', value: atLeast });
  await push(event('a', '1', 5), event('b', '1', 6), event('c', '2', 7), event('d', '3', 'much'));
  expect(await settled(3)).toMatchObject({ refused: 1, repeated: 0 });
  // Live counts are remembered for three seconds.
  const counts = () => expect.poll(async () => [await viewed(1), await viewed(2)], { timeout: 20_000 });
  await counts().toEqual([2, 1]);
  await push(event('e', '2', 8), event('f', '404', 9));
  expect(await settled(4)).toMatchObject({ refused: 2 });
  await counts().toEqual([2, 2]);

  const quarantine = await get<{ items: { line: number; reason: string; record: string }[] }>(
    '/sources/app/quarantine?state=open',
  );
  expect(quarantine.items.map(({ reason }) => reason).toSorted()).toEqual([
    'not_an_integer',
    'unknown_customer',
  ]);
  const wrong = quarantine.items.find(({ reason }) => reason === 'not_an_integer');
  expect(
    await ok(
      admin('POST', '/sources/app/streams/clicks/replay', {
        records: [{ line: wrong?.line, record: wrong?.record.replace('"much"', '10') }],
      }),
    ),
  ).toEqual({ replayed: 1, refused: 0 });
  await counts().toEqual([3, 2]);
});
