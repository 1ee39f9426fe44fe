import { fixedClock, silentLog } from '@rapport/kernel';
import {
  startTestHttp,
  startTestStores,
  type TestHttp,
  type TestStores,
  testActor,
  waitFor,
} from '@rapport/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import {
  createSources,
  type Sources,
  type StreamedEvent,
  sourcesMigrations,
  sourcesRoutes,
} from './index.ts';

vi.setConfig({ testTimeout: 120_000 });

const clock = fixedClock(Date.parse('2026-11-25T10:00:00Z'));
/** What customers hold: each event id once. */
const taken = new Map<string, StreamedEvent>();
const customers = new Set(['10023', '10024']);
let failures = 0;
let stores: TestStores;
let sources: Sources;
let edge: TestHttp;

beforeAll(async () => {
  stores = await startTestStores([sourcesMigrations], { runsJobs: false });
  sources = createSources({
    stores,
    clock,
    log: silentLog,
    audit: { record: async () => undefined },
    allowedRoots: [stores.home],
    variables: {},
    events: {
      async take(events) {
        const known = events.filter(({ customerId }) => customers.has(customerId));
        const before = taken.size;
        for (const event of known) taken.set(event.eventId, event);
        if (failures-- > 0) throw new Error('the process dies here');
        return {
          added: taken.size - before,
          unknown: new Set(events.map(({ customerId }) => customerId).filter((id) => !customers.has(id))),
        };
      },
    },
  });
  edge = await startTestHttp([sourcesRoutes(sources)]);
  await apply();
  await sources.streams.component.start();
});

afterAll(async () => {
  await sources?.streams.component.stop();
  await edge?.stop();
  await stores?.stop();
});

const clicks = {
  stream: { eventId: 'event_id', lateAfter: 'PT1H', refuseAfter: 'P30D' },
  role: 'event',
  map: { name: 'event', at: 'time' },
  columns: {
    event_id: { type: 'text', from: 'id', required: true },
    customer_id: { type: 'text', from: 'user.id', required: true },
    event: { type: 'text', from: 'name', required: true },
    time: { type: 'instant', required: true },
    amount: { type: 'money', from: 'context.amount' },
    page: { type: 'text', from: 'context.page' },
    phone: { type: 'text', personal: true },
  },
};
const apply = (more: Record<string, unknown> = {}) =>
  sources.applyManifest(
    stringify({ source: 'app', title: { en: 'App' }, tables: { clicks: { ...clicks, ...more } } }),
  );

async function ask(method: 'GET' | 'POST', url: string, payload?: object) {
  const answer = await edge.http.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
  return { status: answer.statusCode, body: answer.json() };
}
const push = (...events: unknown[]) => ask('POST', '/sources/app/streams/clicks/events', { events });
const click = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  user: { id: '10023' },
  name: 'wealth_viewed',
  time: '2026-11-25T09:59:00Z',
  context: { page: '/fund', amount: '12.5' },
  phone: '13800000000',
  ...more,
});
const view = async () => (await ask('GET', '/sources/app/streams')).body.items[0];
const settled = () => waitFor(async () => ((await view()).waiting === 0 ? view() : undefined));
const open = async () =>
  (await ask('GET', '/sources/app/quarantine?state=open')).body.items.map(
    (row: { line: number; field: string; value: string; reason: string }) =>
      [row.field, row.value, row.reason].join(' '),
  );

it('types events as they come, takes each once and puts the others into quarantine with their reasons', async () => {
  const answer = await push(
    click('e-1'),
    click('e-2', { user: { id: '10024' }, context: { page: '/基金\nA' } }),
    click('e-3', { time: 'yesterday', context: { amount: 'much' } }),
    click('e-4', { user: { id: '99999' } }),
    click('e-5', { time: '2026-10-01T00:00:00Z' }),
    click('e-6', { time: '2026-11-25T01:00:00Z' }),
    click('', {}),
    'no event',
    17,
  );
  expect(answer).toEqual({ status: 202, body: { accepted: 9 } });
  expect(await settled()).toMatchObject({
    table: 'clicks',
    topic: 'sources.app.clicks',
    pushed: true,
    taken: 3,
    repeated: 0,
    late: 1,
    refused: 6,
    lastAt: '2026-11-25T10:00:00.000Z',
  });
  expect(taken.get('app/clicks/e-1')).toEqual({
    eventId: 'app/clicks/e-1',
    customerId: '10023',
    name: 'wealth_viewed',
    at: Date.parse('2026-11-25T09:59:00Z'),
    // Money is in minor units; what is personal never becomes a property.
    properties: { amount: '1250', page: '/fund' },
    source: 'app',
  });
  expect(taken.get('app/clicks/e-2')?.properties).toEqual({ page: '/基金\nA' });
  expect(await open()).toEqual([
    'time yesterday not_an_instant',
    'customer_id 99999 unknown_customer',
    'time 2026-10-01T00:00:00.000Z too_old',
    'event_id  missing_value',
    '  not_a_json_object',
    '  not_a_json_object',
  ]);
  const { body } = await ask('GET', '/sources/app/quarantine?reason=not_an_amount');
  expect(body.items[0]).toMatchObject({
    table: 'clicks',
    file: 'sources.app.clicks',
    otherFaults: [{ field: 'amount', value: 'much', reason: 'not_an_amount' }],
  });
  expect(JSON.parse(body.items[0].record)).toMatchObject({ id: 'e-3', context: { amount: 'much' } });
  expect((await ask('GET', '/sources')).body.items[0]).toMatchObject({
    openQuarantine: 6,
    tables: [{ table: 'clicks', format: 'stream', path: 'stream' }],
  });
});

it('takes what comes again once, also over requests and after a failure in the middle', async () => {
  const before = await view();
  // The same request within minutes brings nothing; another record of the same event is left out.
  await push(click('e-1'));
  await push(click('e-1', { context: { page: '/other' } }), click('e-7'));
  await waitFor(async () => (await view()).repeated === 1);
  expect(await settled()).toMatchObject({ taken: before.taken + 1, repeated: 1 });
  failures = 1;
  await push(click('e-8'), click('e-9', { time: 'never' }));
  await waitFor(async () => (await view()).refused === before.refused + 1, { withinMs: 20_000 });
  expect([...taken.keys()].filter((id) => id.endsWith('e-8'))).toHaveLength(1);
  expect((await open()).filter((row: string) => row.includes('never'))).toHaveLength(1);
});

it('reads refused events again: corrected, after the manifest changed, or once the customer is known', async () => {
  const rows = (await ask('GET', '/sources/app/quarantine?state=open')).body.items;
  const lineOf = (reason: string): number =>
    rows.find((row: { reason: string }) => row.reason === reason).line;
  const old = lineOf('too_old');
  const fixed = JSON.stringify(click('e-3'), null, 2);
  const replayed = await ask('POST', '/sources/app/streams/clicks/replay', {
    records: [
      { line: lineOf('not_an_instant'), record: fixed },
      { line: old, record: JSON.stringify(click('e-5', { time: 'still wrong' })) },
    ],
  });
  expect(replayed).toEqual({ status: 200, body: { replayed: 1, refused: 1 } });
  expect(taken.has('app/clicks/e-3')).toBe(true);
  expect(await open()).toContain('time still wrong not_an_instant');
  expect(await open()).not.toContain('time yesterday not_an_instant');
  const again = await ask('POST', '/sources/app/streams/clicks/replay', {
    records: [{ line: lineOf('not_an_instant') }],
  });
  expect(again).toMatchObject({ status: 409, body: { code: 'sources.nothing_to_replay' } });
  customers.add('99999');
  await apply({ columns: { ...clicks.columns, event_id: { type: 'text', from: 'id', nulls: ['-'] } } });
  const all = await ask('POST', '/sources/app/streams/clicks/replay', {});
  expect(all.body.replayed).toBeGreaterThanOrEqual(2);
  expect(taken.has('app/clicks/e-4')).toBe(true);
  expect((await open()).some((row: string) => row.includes('unknown_customer'))).toBe(false);
  const { taken: count, refused } = await view();
  // The one that was taken just before the failure counts as come again.
  expect(count).toBe(taken.size - 1);
  expect(refused).toBe((await open()).length);
  await apply();
});

it('goes on after a restart, follows the manifest, and reads topics that others append to', async () => {
  await sources.streams.component.stop();
  await push(click('e-20'));
  expect((await view()).waiting).toBe(1);
  await sources.applyManifest(
    stringify({
      source: 'core',
      title: { en: 'Core' },
      tables: { postings: { ...clicks, stream: { eventId: 'event_id', subject: 'core-postings' } } },
    }),
  );
  expect(await ask('POST', '/sources/core/streams/postings/events', { events: [{}] })).toMatchObject({
    status: 409,
    body: {
      code: 'sources.stream_not_pushed',
      detail: 'Events of postings are appended to core-postings of the stream store, not pushed here.',
    },
  });
  await stores.stream.append('core-postings', [
    { value: Buffer.from(JSON.stringify(click('p-1'), null, 2)) },
    { value: Buffer.from('{"cut":') },
  ]);
  await sources.streams.component.start();
  await waitFor(() => taken.has('app/clicks/e-20') && taken.has('core/postings/p-1'));
  const core = await waitFor(async () => {
    const [stream] = (await ask('GET', '/sources/core/streams')).body.items;
    return stream.refused === 1 ? stream : undefined;
  });
  expect(core).toMatchObject({ topic: 'core-postings', pushed: false, taken: 1, waiting: 0 });
});

it('refuses what is no stream, and asks for the right permission', async () => {
  expect((await ask('POST', '/sources/app/streams/none/events', { events: [{}] })).body).toMatchObject({
    code: 'sources.table_not_found',
    detail: 'app has no stream "none". A table with `stream` in its manifest is one.',
  });
  expect((await ask('GET', '/sources/none/streams')).status).toBe(404);
  expect((await push()).status).toBe(400);
  edge.signInAs(testActor(['sources.push']));
  expect((await push(click('e-30'))).status).toBe(202);
  expect((await ask('POST', '/sources/app/streams/clicks/replay', {})).status).toBe(403);
  edge.signInAs(testActor(['sources.read']));
  expect((await push(click('e-31'))).status).toBe(403);
  edge.signInAs(testActor());
});
