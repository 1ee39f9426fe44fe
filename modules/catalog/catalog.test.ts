import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { createSources, type Sources, sourcesMigrations } from '@rapport/sources';
import { startTestHttp, startTestStores, type TestHttp, type TestStores, testActor } from '@rapport/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { type Catalog, catalogMigrations, catalogRoutes, createCatalog } from './index.ts';

const clock = fixedClock(Date.parse('2026-11-25T02:00:00Z'));
let stores: TestStores;
let sources: Sources;
let catalog: Catalog;
let edge: TestHttp;
let root: string;
const sent: string[] = [];
const audited: string[] = [];

vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  stores = await startTestStores([sourcesMigrations, catalogMigrations], { runsJobs: false });
  root = join(stores.home, 'files');
  await mkdir(root);
  const audit = { record: async ({ action }: { action: string }) => void audited.push(action) };
  catalog = createCatalog({
    stores,
    clock,
    log: silentLog,
    audit,
    sources: () => sources,
    dependantsOf: async ({ column }) =>
      column === 'phone'
        ? [
            { kind: 'tag', id: 'has_phone' },
            { kind: 'tag', id: 'phone_area' },
            { kind: 'audience', id: 'aud_sms' },
          ]
        : [],
    sinks: [{ name: 'test', send: async (alert) => void sent.push(`${alert.kind} ${alert.subject}`) }],
    zone: 'Asia/Taipei',
    calendar: () => undefined,
  });
  sources = createSources({
    stores,
    clock,
    log: silentLog,
    audit,
    allowedRoots: [root],
    variables: {},
    inspector: catalog.inspector,
  });
  sources.onLoaded((loaded) => catalog.afterLoad(loaded));
  sources.onRefused((refused) => catalog.afterRefusal(refused));
  edge = await startTestHttp([catalogRoutes(catalog)]);
  await stores.jobs.start();
});

afterAll(async () => {
  await edge?.stop();
  await stores?.stop();
});

const people = (
  header: string,
  rows: number,
  phone = (row: number) => String(13_800_000_000 + row),
): string =>
  `${header}\n${Array.from({ length: rows }, (_, row) => `${row + 1},${phone(row)},${row % 3 === 0 ? 'GOLD' : 'PLAIN'},${row}.50`).join('\n')}\n`;

async function load(id: string, manifest: Record<string, unknown>, csv?: string) {
  await mkdir(join(root, id), { recursive: true });
  if (csv !== undefined) await writeFile(join(root, id, 't.csv'), csv);
  await sources.applyManifest(
    stringify({
      source: id,
      title: { en: id, 'zh-Hant': '核心客戶' },
      folder: id,
      owner: 'Retail data',
      tables: {
        t: {
          path: 't.csv',
          key: ['id'],
          role: 'customer',
          map: { customer_id: 'id' },
          columns: {
            id: 'text',
            phone: { type: 'text', title: { en: 'Mobile', 'zh-Hant': '手機' } },
            level: 'text',
            balance: { type: 'money', from: 'balance' },
          },
        },
      },
      ...manifest,
    }),
  );
  return sources.load(id);
}

async function ask(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) {
  const answer = await edge.http.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
  return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() };
}

it('explains a renamed column with what depends on it, and keeps serving the old data', async () => {
  await load('drifting', {}, people('id,phone,level,balance', 60));
  const refused = await load('drifting', {}, people('id,mobile_phone,level,balance', 60));
  expect(refused.state).toBe('refused');
  expect(refused.faults[0]?.message).toContain('t.csv has no column "phone"');
  expect(refused.faults[0]?.message).toMatch(
    /"phone" is gone and "mobile_phone" is new.*2 tags and 1 audience depend on it: has_phone, phone_area, aud_sms\. If it was renamed, set `from: mobile_phone`/,
  );
  expect((await sources.get('drifting')).source.tables[0]?.rows).toBe(60);
  const { body } = await ask('GET', '/catalog/drift?sourceId=drifting');
  expect(body.items[0]).toMatchObject({
    refused: true,
    findings: [{ kind: 'column_renamed', renamedTo: 'mobile_phone' }],
  });
  expect(sent).toContain('drift src/drifting/t');
  expect(sent).toContain('load drifting');
});

it('names a column that is gone, one that is new and one whose values changed, and keeps the old data', async () => {
  const header = 'id,phone,level,balance';
  await load('changing', {}, people(header, 60));
  const lost = await load('changing', {}, people(header, 60).replace(/^(.*?,.*?),[^,]*,/gm, '$1,'));
  expect(lost.faults).toMatchObject([{ code: 'missing_column', place: 't (t.csv:1)' }]);
  expect(lost.faults[0]?.message).toMatch(
    /t\.csv has no column "level".*"level" is no longer delivered\. Ask the deliverer/,
  );
  const retyped = await load(
    'changing',
    { drift: 'refuse' },
    people(header, 60).replace(/^(\d*5,.*),.*$/gm, '$1,five'),
  );
  expect(retyped.faults).toMatchObject([{ code: 'drift', place: 't.balance' }]);
  expect(retyped.faults[0]?.message).toMatch(
    /10 % of the records .* not_an_amount.*widen the type of balance/,
  );
  const gained = await load(
    'changing',
    { drift: 'refuse' },
    people(header, 60).replace('balance', 'balance,remark').replace(/\.50$/gm, '.50,x'),
  );
  expect(gained.faults).toMatchObject([{ code: 'drift', place: 't.remark' }]);
  expect((await sources.get('changing')).source.tables[0]?.rows).toBe(60);
  expect((await load('changing', { drift: 'refuse' }, people(header, 61))).state).toBe('loaded');
});

it('loads or refuses by the policy of the source, and keeps the history of schemas', async () => {
  const more = (rows: number) => people('id,phone,level,balance', rows).replace(/,GOLD,/g, ',BLACK,');
  await load('codes', { drift: 'refuse' }, people('id,phone,level,balance', 120));
  const refused = await load('codes', { drift: 'refuse' }, more(120));
  expect(refused).toMatchObject({ state: 'refused', faults: [{ code: 'drift', place: 't.level' }] });
  const accepted = await load('codes', { drift: 'accept additions' }, more(120));
  expect(accepted.state).toBe('loaded');
  expect(accepted.notes).toEqual([]);
  const warned = await load('codes', { drift: 'warn' }, people('id,phone,level,balance', 30));
  expect(warned.state).toBe('loaded');
  expect(warned.notes.join(' ')).toContain('t: 30 rows; the load before had 120.');
  await load('codes', {}, `${people('id,phone,level,balance,remark', 31).replace(/\.50$/gm, '.50,x')}`);
  const { body } = await ask('GET', '/catalog/schemas?sourceId=codes&table=t');
  expect(body.items.map((version: { columns: unknown[] }) => version.columns.length)).toEqual([5, 4]);
});

it('blocks tags over a column whose rule fails, alerts, and lets somebody release it with a reason', async () => {
  const quality = [
    { name: 'phones_known', table: 't', notNull: 'phone', severity: 'block' },
    { name: 'levels', table: 't', inSet: { column: 'level', values: ['GOLD', 'PLAIN'] }, severity: 'warn' },
    { name: 'balances', table: 't', range: { column: 'balance', min: 0, max: 1000 } },
    { name: 'total', table: 't', sum: { column: 'balance', equals: 40 * 0.5 + (39 * 40) / 2 } },
    { name: 'distinct', table: 't', unique: ['phone'], severity: 'warn' },
    { name: 'usual', table: 't', volume: {}, severity: 'warn' },
  ];
  const gappy = people('id,phone,level,balance', 40, (row) => (row < 4 ? '' : String(13_800_000_000 + row)));
  const loaded = await load('ruled', { quality }, gappy);
  expect(loaded.state).toBe('loaded');
  expect(loaded.quality).toMatchObject([
    { name: 'phones_known', passed: false, failing: 4, checked: 40, kind: 'notNull' },
    { name: 'levels', passed: true },
    { name: 'balances', passed: true },
    { name: 'total', passed: true },
    { name: 'distinct', passed: true },
    { name: 'usual', passed: true },
  ]);
  expect(await catalog.blocked()).toMatchObject([
    { table: 'src/ruled/t', column: 'phone', because: 'quality' },
    { table: 'customer', column: 'phone' },
  ]);
  const board = await ask('GET', '/catalog/quality');
  expect(board.body.rules[0]).toMatchObject({
    key: 'ruled phones_known',
    last: { passed: false, failing: 4 },
  });
  const [block] = board.body.blocks;
  expect(
    (await ask('POST', `/catalog/blocks/${block.id}/release`, { reason: 'Test accounts only' })).body,
  ).toMatchObject({
    releaseReason: 'Test accounts only',
  });
  expect(audited).toContain('catalog.block_released');
  expect(await catalog.blocked()).toEqual([]);
  // The next failing load blocks again; a good one ends block and alert.
  await load('ruled', { quality }, gappy);
  expect(await catalog.blocked()).toHaveLength(2);
  await load('ruled', { quality }, people('id,phone,level,balance', 40));
  expect(await catalog.blocked()).toEqual([]);
  const open = (await ask('GET', '/alerts?state=open&subject=src/ruled/t')).body.items;
  expect(open.filter((alert: { kind: string }) => alert.kind === 'quality')).toEqual([]);
  const bad = await load(
    'ruled',
    { quality: [{ name: 'balances', table: 't', range: { column: 'balance', max: 10 } }] },
    people('id,phone,level,balance', 40),
  );
  expect(bad).toMatchObject({
    state: 'refused',
    faults: [{ code: 'quality', message: '30 of 40 rows of t fail “balance ≤ 10”.' }],
  });
});

it('judges rules made in the console at once and after each load', async () => {
  await load('console', {}, people('id,phone,level,balance', 20));
  const wrong = await ask('POST', '/catalog/rules', {
    table: 'src/console/t',
    rule: { name: 'x', table: 't', notNull: 'nothing' },
  });
  expect(wrong).toMatchObject({ status: 422, body: { code: 'catalog.invalid_rule' } });
  expect(wrong.body.detail).toContain('t has no column "nothing"; it has id, phone, level, balance.');
  const made = await ask('POST', '/catalog/rules', {
    table: 'src/console/t',
    rule: { name: 'gold_only', table: 't', rows: "level = 'GOLD'", maxFailing: 0.1, severity: 'block' },
  });
  expect(made).toMatchObject({
    status: 201,
    body: { origin: 'console', last: { passed: false, failing: 13 } },
  });
  expect(await catalog.blocked()).toMatchObject([{ table: 'src/console/t' }, { table: 'customer' }]);
  await load('console', {}, people('id,phone,level,balance', 20).replaceAll('PLAIN', 'GOLD'));
  expect(await catalog.blocked()).toEqual([]);
  expect((await ask('DELETE', `/catalog/rules/${made.body.ruleId}`)).status).toBe(204);
});

it('shows tables with their statistics, masked by class, and records who looked', async () => {
  await load('shown', {}, people('id,phone,level,balance', 30));
  const found = await ask('GET', `/catalog/tables?search=${encodeURIComponent('手機')}`);
  expect(found.body.items.map((entry: { table: string }) => entry.table)).toContain('src/shown/t');
  edge.signInAs(testActor(['catalog.read']));
  const masked = (await ask('GET', '/catalog/table?name=src/shown/t')).body;
  expect(masked.entry).toMatchObject({ kind: 'source', role: 'customer', owner: 'Retail data', rows: 30 });
  const phone = masked.columns.find((column: { name: string }) => column.name === 'phone');
  expect(phone).toMatchObject({ personal: true, dataClass: 'C2', distinct: 30 });
  expect(phone.top[0].value).toMatch(/^138•+\d\d$/);
  expect(masked.sample[0].phone).toMatch(/^138•+\d\d$/);
  const balance = masked.columns.find((column: { name: string }) => column.name === 'balance');
  expect(balance).toMatchObject({ least: '0.50', greatest: '29.50' });
  expect(balance.histogram.reduce((sum: number, bar: { rows: number }) => sum + bar.rows, 0)).toBe(30);
  edge.signInAs(testActor());
  const clear = (await ask('GET', '/catalog/table?name=src/shown/t')).body;
  expect(clear.sample[0].phone).toBe('13800000000');
  const log = (await ask('GET', '/catalog/access?table=src/shown/t')).body.items;
  expect(log.map((entry: { how: string; rows: number }) => `${entry.how} ${entry.rows}`)).toEqual([
    'sample 20',
    'sample 20',
  ]);
  await ask('PATCH', '/catalog/table?name=src/shown/t&column=level', { dataClass: 'C3', owner: 'Cards' });
  const noted = (await ask('GET', '/catalog/table?name=src/shown/t')).body;
  expect(noted.columns.find((column: { name: string }) => column.name === 'level')).toMatchObject({
    dataClass: 'C3',
    owner: 'Cards',
  });
  expect((await ask('GET', '/catalog/table?name=src/shown/none')).body.code).toBe('catalog.table_not_found');
});

it('tells of a source that is late, gates it, and opens the gate by hand or by the data', async () => {
  const arrives = { by: '09:00', zone: 'Asia/Taipei', every: 'day' };
  // 10:00 in Taipei: the load of the day before is there, the one of today is not.
  await load('gated', {}, people('id,phone,level,balance', 10));
  await sources.applyManifest(
    stringify({
      source: 'gated',
      title: { en: 'Gated' },
      folder: 'gated',
      arrives,
      tables: { t: { path: 't.csv', columns: { id: 'text' } } },
    }),
  );
  await catalog.arrivals.check();
  expect((await catalog.blocked()).filter((block) => block.because === 'arrival')).toMatchObject([
    { table: 'src/gated/t' },
  ]);
  expect(sent).toContain('arrival gated');
  clock.advance(5 * 3_600_000);
  await catalog.arrivals.check();
  const board = (await ask('GET', '/catalog/arrivals?days=3')).body;
  expect(board.latest).toMatchObject({ due: 1, arrived: 0, complete: false });
  expect(board.sources[0].days[0]).toMatchObject({ state: 'missing', businessDay: '2026-11-25' });
  const released = await ask('POST', '/catalog/arrivals/gated/2026-11-25/release', {
    reason: 'Deliverer is closed',
  });
  expect(released.body).toMatchObject({ state: 'released', releaseReason: 'Deliverer is closed' });
  expect((await catalog.blocked()).filter((block) => block.because === 'arrival')).toEqual([]);
  clock.advance(20 * 3_600_000);
  await catalog.arrivals.check();
  expect((await catalog.blocked()).filter((block) => block.because === 'arrival')).toHaveLength(1);
  expect((await sources.load('gated', systemActor)).state).toBe('loaded');
  expect((await catalog.blocked()).filter((block) => block.because === 'arrival')).toEqual([]);
  expect((await ask('GET', '/catalog/arrivals')).body.latest).toMatchObject({ complete: true });
  expect(await ask('POST', '/catalog/arrivals/gated/2026-11-26/release', { reason: 'again' })).toMatchObject({
    status: 409,
  });
});

it('freezes tags for a time', async () => {
  const now = clock.now();
  const made = await ask('POST', '/catalog/freezes', {
    from: new Date(now - 1000).toISOString(),
    to: new Date(now + 3_600_000).toISOString(),
    sources: ['gated'],
    reason: 'Month-end close',
  });
  expect(made.status).toBe(201);
  expect(await catalog.blocked()).toMatchObject([{ table: 'src/gated/t', because: 'freeze' }]);
  clock.advance(2 * 3_600_000);
  await catalog.arrivals.check();
  expect(await catalog.blocked()).toEqual([]);
  const wrong = await ask('POST', '/catalog/freezes', {
    from: new Date(now).toISOString(),
    to: new Date(now).toISOString(),
    reason: 'none',
  });
  expect(wrong).toMatchObject({ status: 422, body: { code: 'catalog.invalid_freeze' } });
});

it('lets alerts be taken, and counts those nobody took', async () => {
  const { items, open } = (await ask('GET', '/alerts')).body;
  expect(open.critical + open.warn).toBeGreaterThan(0);
  const [first] = items.filter((alert: { state: string }) => alert.state === 'open');
  const taken = await ask('POST', `/alerts/${first.id}/acknowledge`, { note: 'Redelivered at 09:00' });
  expect(taken.body).toMatchObject({ state: 'acknowledged', note: 'Redelivered at 09:00' });
  expect((await ask('POST', '/alerts/alt_none/acknowledge', {})).status).toBe(404);
});
