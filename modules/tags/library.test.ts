import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCustomers, createProjector, customersMigrations } from '@rapport/customers';
import { generateDemoBank } from '@rapport/demo-bank';
import { type Actor, fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { createSources, sourcesMigrations } from '@rapport/sources';
import { startTestHttp, startTestStores, type TestStores } from '@rapport/testkit';
import iconv from 'iconv-lite';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTags, type Tags, type TagsDeps, tagLibraryRoutes, tagsMigrations } from './index.ts';
import type { TagLibrary } from './library.service.ts';
import { TAG_LIBRARY } from './library.ts';
import { forBank } from './library-bank.ts';
import { dependenciesOf, orderTags } from './plan.ts';
import { parseTagsYaml, writeTagsYaml } from './tags.yaml.ts';

const AS_OF = Date.UTC(2026, 10, 23);
const CUSTOMERS = 2_000;
const actor: Actor = { ...systemActor, id: 'usr_library' };
const ALL = TAG_LIBRARY.flatMap(({ tags }) => tags);

describe('the library of ready-made tags as it is written', () => {
  it('has at least 200 tags whose ids are their own', () => {
    const ids = ALL.map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(200);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says of every tag what it is, in three languages, where it stands and who answers for it', () => {
    for (const tag of ALL) {
      expect(Object.keys(tag.title).toSorted(), tag.id).toEqual(['en', 'zh-Hans', 'zh-Hant']);
      expect(tag.description?.length ?? 0, tag.id).toBeGreaterThan(10);
      expect(tag.category.split('/').length, tag.id).toBeGreaterThanOrEqual(3);
      expect(tag.owner, tag.id).toBeTruthy();
      expect(tag.dataClass, tag.id).toBeTruthy();
      if (tag.definition.kind === 'rule') expect(tag.values?.length ?? 0, tag.id).toBeGreaterThanOrEqual(2);
    }
    const titles = ALL.map(({ title }) => title.en);
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
  });

  it('names every value that a rule gives', () => {
    for (const { id, definition, values } of ALL) {
      if (definition.kind !== 'rule') continue;
      const named = new Set(values?.map(({ value }) => value));
      const given = [...definition.cases.map(({ value }) => value), definition.otherwise];
      for (const value of given) if (value !== undefined) expect([...named], id).toContain(value);
    }
  });

  it('is closed, without circles, and survives being written as a file', () => {
    const ids = new Set(ALL.map(({ id }) => id));
    for (const tag of ALL) for (const id of dependenciesOf(tag).tags) expect([...ids], tag.id).toContain(id);
    expect(orderTags(new Map(ALL.map((tag) => [tag.id, tag])))).toHaveProperty('order');
    const read = parseTagsYaml(writeTagsYaml({ tags: [...ALL] })).tags;
    expect(read).toEqual(ALL.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
  });

  it('takes the tags on for a bank: its currency, its zone, no other money among them', () => {
    const find = (id: string) => ALL.find((tag) => tag.id === id) ?? ALL[0];
    const bank = { currency: 'TWD', isMixed: true, zone: 'Asia/Taipei' };
    const [sum, days, fact] = ['inflow_90d', 'bookings_last_days', 'person_gender'].map(find);
    if (!sum || !days || !fact) throw new Error('no such tags');
    expect(forBank(sum, bank)).toMatchObject({
      unit: 'TWD',
      definition: {
        where: {
          all: [
            { property: 'direction', op: '=', value: 'credit' },
            { property: 'currency', op: '=', value: 'TWD' },
          ],
        },
      },
    });
    expect(forBank(sum, { ...bank, isMixed: false }).definition).toEqual(sum.definition);
    expect(forBank(days, bank).definition).toMatchObject({ zone: 'Asia/Taipei' });
    expect(forBank(fact, bank)).toEqual(fact);
  });
});

describe('the library of ready-made tags over a bank', () => {
  let stores: TestStores;
  let folder: string;
  let tags: Tags;
  let library: TagLibrary;
  let values: Map<string, Map<number, unknown>>;
  const recorded: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-library-'));
    stores = await startTestStores([sourcesMigrations, customersMigrations, tagsMigrations]);
    const clock = fixedClock(AS_OF);
    await generateDemoBank({ customers: CUSTOMERS, seed: 11, outDir: folder, asOf: AS_OF });
    await addStages(join(folder, 'data'));
    const dataKey = Buffer.alloc(32, 5);
    const audit = { record: async () => undefined };
    const sources = createSources({
      stores,
      clock,
      log: silentLog,
      audit,
      projector: createProjector({ ...stores, dataKey }),
      consents: { take: async () => undefined },
      allowedRoots: [folder],
      variables: { RAPPORT_DATASETS: folder },
    });
    await sources.applyManifest(await readFile(join(folder, 'demo.source.yaml'), 'utf8'), {
      baseDir: folder,
      fileName: 'demo.source.yaml',
    });
    await sources.load('demo');
    const customers = createCustomers({
      ...stores,
      clock,
      dataKey,
      audit,
      profileTags: async () => [],
      consents: async () => [],
    });
    const deps: TagsDeps = {
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async ({ action }) => void recorded.push(action) },
      customers,
      manifests: () => sources.manifests(),
    };
    tags = createTags(deps);
    library = tags.library;
  });
  afterAll(async () => {
    await stores?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('tells which tags the bank has the data for, and what the others lack', async () => {
    const { items, themes, currency, zone } = await library.list();
    expect({ currency, zone }).toEqual({ currency: 'CNY', zone: 'Asia/Shanghai' });
    expect(themes.map(({ id }) => id)).toEqual(TAG_LIBRARY.map(({ id }) => id));
    const of = (id: string) => items.find((item) => item.id === id);
    expect(of('inflow_90d')).toMatchObject({ available: true, reasons: [], installed: false });
    expect(of('wealth_value')).toMatchObject({
      available: false,
      reasons: ['No holding has kind wealth.'],
    });
    expect(of('spend_luxury_90d')?.reasons[0]).toMatch(/^No transaction has mcc 5094 or 5681/);
    expect(of('contact_channel_declared')?.reasons).toEqual([
      'The column attributes.preferred_channel of customer is empty.',
    ]);
    expect(of('contact_channel')?.reasons[0]).toBe(
      'It reads contact_channel_answered_180d: There is no event "message_opened".',
    );
    expect(of('contact_channel_answered_180d')?.reasons[0]).toBe('There is no event "message_opened".');
    expect(of('lifecycle_stage')?.reads).toEqual(
      expect.arrayContaining(['accounts_open', 'customer_since', 'lifecycle_idle_days']),
    );
    expect(of('lifecycle_stage')?.needs).toEqual(
      expect.arrayContaining(['customer.opened_on', 'transaction.at']),
    );
    expect(items.filter(({ available }) => available).length).toBeGreaterThanOrEqual(200);
  });

  it('only tells in a dry run, and refuses what there is not', async () => {
    const told = await library.install({ themes: ['service'], dryRun: true }, actor);
    expect(told).toMatchObject({ applied: false, skipped: [] });
    expect(told.created.length).toBeGreaterThan(5);
    expect((await tags.list({})).items).toEqual([]);
    await expect(library.install({ ids: ['no_such'] }, actor)).rejects.toMatchObject({
      code: 'tags.not_found',
    });
    await expect(library.install({ themes: ['nothing'] }, actor)).rejects.toMatchObject({
      code: 'tags.not_found',
    });
  });

  it('installs all that have data, keeps what the bank says otherwise, and refreshes without a fault', async () => {
    await tags.create(
      {
        id: 'home_city',
        title: { en: 'Our own' },
        category: 'own',
        valueType: 'text',
        definition: { kind: 'fact', from: 'customer', value: 'upper(city)' },
      },
      actor,
    );
    const done = await library.install({}, actor);
    expect(done.kept).toEqual(['home_city']);
    expect(done.created.length).toBeGreaterThanOrEqual(200);
    expect(done.created.length + done.skipped.length + 1).toBe(ALL.length);
    expect(recorded).toContain('tag.library_installed');
    const again = await library.install({ themes: ['rfm', 'lifecycle'] }, actor);
    expect(again).toMatchObject({ created: [], changed: [], kept: [] });
    expect(again.unchanged).toContain('rfm_group');
    const { result } = await stores.jobs.wait(await tags.refresh());
    expect(result).toMatchObject({ failed: [] });
    const states = await tags.list({ limit: 500 });
    expect(states.items.filter(({ state }) => state !== 'fresh')).toEqual([]);
    values = await valuesOfAll(done.created);
  }, 180_000);

  it('gives the figures that plain SQL gives', async () => {
    expect(FIGURES.length).toBeGreaterThanOrEqual(60);
    const { placements } = await stores.releases.current();
    const wrong: string[] = [];
    for (const { id, sql, rest } of FIGURES) {
      const text = sql.replaceAll(/\$(\w+)/g, (_, name: string) => placements.get(name)?.table ?? name);
      const rows = await stores.warehouse.query(
        Type.Object({ cid: Type.Integer(), v: Type.Union([Type.Number(), Type.String(), Type.Null()]) }),
        `SELECT toUInt32(cid) AS cid, v FROM (${text})`,
      );
      const expected = new Map(rows.flatMap(({ cid, v }) => (v === null ? [] : [[cid, v] as const])));
      if (expected.size < 5) wrong.push(`${id}: only ${expected.size} customers to compare`);
      const actual = values.get(id);
      if (!actual) {
        wrong.push(`${id}: no values`);
        continue;
      }
      const cids = new Set([...expected.keys(), ...actual.keys()]);
      for (const cid of cids) {
        const [a, b] = [actual.get(cid) ?? rest, expected.get(cid) ?? rest];
        if (isSame(a, b)) continue;
        wrong.push(`${id}: customer ${cid} has ${a}, SQL says ${b}`);
        break;
      }
    }
    expect(wrong).toEqual([]);
  });

  it('puts every customer in exactly one stage of life', async () => {
    const stage = values.get('lifecycle_stage');
    const [row] = await stores.warehouse.query(
      Type.Object({ n: Type.Integer() }),
      `SELECT count() AS n FROM ${(await stores.releases.current()).placements.get('customer')?.table ?? ''}`,
    );
    expect(stage?.size).toBe(row?.n);
    const view = await tags.get('lifecycle_stage');
    const named = view.values?.map(({ value }) => value) ?? [];
    const counted = new Map<unknown, number>();
    for (const value of stage?.values() ?? []) counted.set(value, (counted.get(value) ?? 0) + 1);
    for (const value of counted.keys()) expect(named).toContain(value);
    for (const value of named) expect(counted.get(value) ?? 0, String(value)).toBeGreaterThan(0);
    const customers = await stores.warehouse.query(
      Type.Object({ cid: Type.Integer(), customer_id: Type.String() }),
      `SELECT cid, customer_id FROM ${(await stores.releases.current()).placements.get('customer')?.table ?? ''} WHERE startsWith(customer_id, 'S')`,
    );
    expect(
      Object.fromEntries(customers.map(({ cid, customer_id }) => [customer_id, stage?.get(cid)])),
    ).toEqual(Object.fromEntries(STAGED.map(({ id, stage: expected }) => [id, expected])));
  });

  it('answers how customers moved between stages, in rows that add up to one', async () => {
    const { placements } = await stores.releases.current();
    const now = placements.get('tag/lifecycle_stage');
    if (!now) throw new Error('no values');
    await expect(library.transitions('lifecycle_stage', { from: '2026-08-25' })).rejects.toMatchObject({
      code: 'tags.not_computed',
    });
    // The stages of 90 days ago become history, as they would have been kept then.
    await stores.jobs.wait(
      await tags.refresh({
        tagIds: ['lifecycle_stage'],
        asOf: new Date(AS_OF - 90 * 86_400_000).toISOString(),
      }),
    );
    const before = (await stores.releases.current()).placements.get('tag/lifecycle_stage');
    if (!before) throw new Error('no values');
    await stores.releases.publish({
      set: { 'history/2026-08-25/tag/lifecycle_stage': before, 'tag/lifecycle_stage': now },
      note: 'history',
    });
    const matrix = await library.transitions('lifecycle_stage', { from: '2026-09-01' });
    expect(matrix.from).toBe('2026-08-25');
    expect(matrix.rows.length).toBeGreaterThanOrEqual(4);
    for (const row of matrix.rows)
      expect(row.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const total = matrix.rows.reduce((sum, { customers }) => sum + customers, 0);
    expect(total + matrix.entered.reduce((sum, n) => sum + n, 0)).toBe(values.get('lifecycle_stage')?.size);
    const ended = matrix.states.map((state, at) => [
      state,
      matrix.rows.reduce((sum, { to }) => sum + (to[at] ?? 0), matrix.entered[at] ?? 0),
    ]);
    for (const [state, customers] of ended)
      expect(customers).toBe(
        [...(values.get('lifecycle_stage')?.values() ?? [])].filter((each) => each === state).length,
      );
    const same = await library.transitions('lifecycle_stage', { from: '2026-09-01', to: '2026-10-01' });
    for (const row of same.rows) expect(row.shares[same.states.indexOf(row.state)]).toBe(1);
  });

  it('answers the same over HTTP', async () => {
    const edge = await startTestHttp([tagLibraryRoutes(tags)], systemActor);
    try {
      const ask = async (method: 'GET' | 'POST', url: string, payload?: object) => {
        const answer = await edge.http.inject({
          method,
          url: `/api/v1${url}`,
          ...(payload ? { payload } : {}),
        });
        return { status: answer.statusCode, body: answer.json() };
      };
      expect(await ask('GET', '/tag-library')).toMatchObject({
        status: 200,
        body: {
          currency: 'CNY',
          themes: [{ id: 'demographic', installed: 20 }, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}],
        },
      });
      expect(
        await ask('POST', '/tag-library/install', { ids: ['home_city'], replace: true, dryRun: true }),
      ).toMatchObject({
        status: 200,
        body: { changed: ['home_city'], applied: false },
      });
      expect(await ask('GET', '/tags/lifecycle_stage/transitions?from=2026-09-01')).toMatchObject({
        status: 200,
        body: { tagId: 'lifecycle_stage', from: '2026-08-25' },
      });
      expect(await ask('GET', '/tags/rfm_total/transitions?from=2026-09-01')).toMatchObject({
        status: 422,
        body: { code: 'tags.invalid' },
      });
    } finally {
      await edge.stop();
    }
  });

  /** Every known value by tag and customer. */
  const valuesOfAll = async (ids: readonly string[]): Promise<Map<string, Map<number, unknown>>> => {
    const { placements } = await stores.releases.current();
    const found = new Map<string, Map<number, unknown>>();
    for (const id of ids) {
      const place = placements.get(`tag/${id}`);
      if (place?.column === undefined) continue;
      const rows = await stores.warehouse.query(
        Type.Object({ cid: Type.Integer(), v: Type.Unknown() }),
        `SELECT cid, ${stores.warehouse.identifier(place.column)} AS v FROM ${place.table} WHERE ${stores.warehouse.identifier(place.column)} IS NOT NULL`,
      );
      found.set(id, new Map(rows.map(({ cid, v }) => [cid, v])));
    }
    return found;
  };
});

/** Customers in the stages that a demo bank has nobody in. */
const STAGED: readonly {
  id: string;
  opened: string;
  stage: string;
  account?: { opened: string; closed?: string };
  booked?: string;
}[] = [
  { id: 'S1', opened: '20240101', stage: 'prospect' },
  { id: 'S2', opened: '20240101', stage: 'dormant', account: { opened: '2024-01-01' }, booked: '2026-05-01' },
  { id: 'S3', opened: '20220101', stage: 'lost', account: { opened: '2022-01-01' }, booked: '2025-05-01' },
  {
    id: 'S4',
    opened: '20220101',
    stage: 'lost',
    account: { opened: '2022-01-01', closed: '2026-10-01' },
    booked: '2026-10-01',
  },
  { id: 'S5', opened: '20261110', stage: 'new', account: { opened: '2026-11-10' } },
  { id: 'S6', opened: '20260801', stage: 'activating', account: { opened: '2026-08-01' } },
  { id: 'S7', opened: '20240101', stage: 'dormant', account: { opened: '2024-01-01' }, booked: '2026-05-27' },
  { id: 'S8', opened: '20240101', stage: 'mature', account: { opened: '2024-01-01' }, booked: '2026-05-28' },
];

async function addStages(data: string): Promise<void> {
  for (const { id, opened, account, booked } of STAGED) {
    const person = `${id}|某人|女|19900101|${opened}|B010101||C3|海州|zh-Hans|职员||\n`;
    await appendFile(join(data, 'customers_retail.txt'), iconv.encode(person, 'gbk'));
    if (account)
      await appendFile(
        join(data, 'accounts.csv'),
        `A${id},${id},savings,${account.opened},${account.closed ?? ''},CNY,10.00,B010101\n`,
      );
    if (booked !== undefined)
      await appendFile(
        join(data, 'transactions.csv'),
        `T${id},A${id},${id},${booked} 12:00:00,5.00,D,transfer,app,,,10.00\n`,
      );
  }
}

/** The engine answers 64-bit integers as text. */
const isSame = (a: unknown, b: unknown): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    Math.abs(Number(a) - Number(b)) <= 1e-9 * Math.max(1, Math.abs(Number(a))));

interface Figure {
  readonly id: string;
  /** `cid, v`; `$name` is a canonical table. */
  readonly sql: string;
  /** Value of customers without a row. */
  readonly rest?: number;
}

const NOW = "toDateTime64('2026-11-23 00:00:00', 3, 'UTC')";
/** The day of the refresh where the bank is. */
const TODAY = "toDate('2026-11-23')";
const back = (days: number): string => `at > ${NOW} - INTERVAL ${days} DAY AND at <= ${NOW}`;
const local = (at: string): string => `toTimeZone(${at}, 'Asia/Shanghai')`;
const bookings = (id: string, value: string, where: string, rest?: number): Figure => ({
  id,
  sql: `SELECT cid, ${value} AS v FROM $transaction WHERE ${where} GROUP BY cid`,
  ...(rest === undefined ? {} : { rest }),
});
const holdings = (id: string, value: string, where: string, rest?: number): Figure => ({
  id,
  sql: `SELECT cid, ${value} AS v FROM $holding WHERE ${where} GROUP BY cid`,
  ...(rest === undefined ? {} : { rest }),
});
const events = (id: string, value: string, where: string, rest?: number): Figure => ({
  id,
  sql: `SELECT cid, ${value} AS v FROM $event WHERE ${where} GROUP BY cid`,
  ...(rest === undefined ? {} : { rest }),
});
const customer = (id: string, value: string, where = '1'): Figure => ({
  id,
  sql: `SELECT cid, ${value} AS v FROM $customer WHERE ${where}`,
});
const LIVE = "(until IS NULL OR until >= toDate('2026-11-23'))";
const INVESTED = "kind IN ('deposit', 'fund', 'insurance')";
/** Instant at which a month began in Shanghai. */
const monthStart = (month: string): string => `toDateTime64('${month}-01 00:00:00', 3, 'Asia/Shanghai')`;
const sixMonths = `at >= ${monthStart('2026-05')} AND at < ${monthStart('2026-11')}`;

/** The stages by the words of their definition, straight from the rows. */
const STAGES = `
  SELECT c.cid AS cid, multiIf(
    a.total = 0 AND h.n = 0, 'prospect',
    a.open = 0 AND h.n = 0, 'lost',
    if(t.n = 0, toInt32(${TODAY}) - toInt32(c.opened_on), toInt32(${TODAY}) - toInt32(t.latest)) >= 540, 'lost',
    if(t.n = 0, toInt32(${TODAY}) - toInt32(c.opened_on), toInt32(${TODAY}) - toInt32(t.latest)) >= 180, 'dormant',
    toInt32(${TODAY}) - toInt32(c.opened_on) <= 30, 'new',
    toInt32(${TODAY}) - toInt32(c.opened_on) <= 180, 'activating',
    t.before >= 3 AND t.recent <= 0.7 * t.before, 'declining',
    toInt32(${TODAY}) - toInt32(c.opened_on) <= 540, 'growing',
    t.before > 0 AND t.recent >= 3 AND t.recent >= 1.3 * t.before, 'growing',
    'mature') AS v
  FROM $customer AS c
  LEFT JOIN (SELECT cid, count() AS total, countIf(closed_on IS NULL) AS open FROM $account GROUP BY cid) AS a ON a.cid = c.cid
  LEFT JOIN (SELECT cid, count() AS n FROM $holding WHERE ${LIVE} GROUP BY cid) AS h ON h.cid = c.cid
  LEFT JOIN (SELECT cid, count() AS n, toDate(max(${local('at')})) AS latest, countIf(${back(90)}) AS recent,
    countIf(at > ${NOW} - INTERVAL 180 DAY AND at <= ${NOW} - INTERVAL 90 DAY) AS before
    FROM $transaction WHERE kind NOT IN ('interest', 'fee') AND at <= ${NOW} GROUP BY cid) AS t ON t.cid = c.cid`;

const FIGURES: readonly Figure[] = [
  { id: 'lifecycle_stage', sql: STAGES },
  customer('person_gender', "nullIf(toString(gender), '')"),
  customer('customer_type', 'toString(kind)'),
  customer('person_birth_month', 'toUInt8(toMonth(birth_date))', 'birth_date IS NOT NULL'),
  customer('person_birth_year', 'toYear(birth_date)', 'birth_date IS NOT NULL'),
  customer(
    'person_age_years',
    `2026 - toYear(birth_date) - if((toMonth(birth_date), toDayOfMonth(birth_date)) > (11, 23), 1, 0)`,
    'birth_date IS NOT NULL',
  ),
  customer('customer_days', `toInt32(${TODAY}) - toInt32(opened_on)`),
  customer('risk_tolerance', 'risk_level', 'risk_level IS NOT NULL'),
  customer('home_branch', "nullIf(toString(org_unit), '')"),
  { id: 'accounts_total', sql: 'SELECT cid, count() AS v FROM $account GROUP BY cid', rest: 0 },
  {
    id: 'accounts_open',
    sql: 'SELECT cid, count() AS v FROM $account WHERE closed_on IS NULL GROUP BY cid',
    rest: 0,
  },
  {
    id: 'accounts_opened_365d',
    sql: `SELECT cid, count() AS v FROM $account WHERE opened_on > toDate('2025-11-23') AND opened_on <= ${TODAY} GROUP BY cid`,
    rest: 0,
  },
  {
    id: 'balance_now',
    sql: 'SELECT cid, sum(balance_minor) AS v FROM $account WHERE closed_on IS NULL GROUP BY cid',
  },
  ...['deposit', 'fund', 'loan', 'card', 'insurance'].flatMap((kind) => [
    holdings(`${kind}_count`, 'count()', `kind = '${kind}' AND ${LIVE}`, 0),
    holdings(`${kind}_value`, 'sum(amount_minor)', `kind = '${kind}' AND ${LIVE}`),
  ]),
  holdings(
    'deposit_ending_30d_value',
    'sum(amount_minor)',
    `kind = 'deposit' AND until >= ${TODAY} AND until < ${TODAY} + 30`,
  ),
  holdings('product_kinds', 'uniqExact(kind)', '1', 0),
  holdings('investment_now', 'sum(amount_minor)', `${INVESTED} AND ${LIVE}`),
  holdings('liabilities_now', 'sum(amount_minor)', `kind IN ('loan', 'card') AND ${LIVE}`),
  holdings('holding_largest', 'max(amount_minor)', `${INVESTED} AND ${LIVE}`),
  holdings(
    'holding_fund_share',
    "ifNull(sumIf(amount_minor, kind = 'fund'), 0) / nullIf(sum(amount_minor), 0)",
    `${INVESTED} AND ${LIVE}`,
  ),
  {
    id: 'aum_now',
    sql: `SELECT cid, sum(m) AS v FROM (SELECT cid, balance_minor AS m FROM $account WHERE closed_on IS NULL UNION ALL SELECT cid, amount_minor FROM $holding WHERE ${INVESTED} AND ${LIVE}) GROUP BY cid`,
  },
  ...[7, 30, 90, 180, 365].flatMap((days) => [
    bookings(`inflow_${days}d`, 'sum(amount_minor)', `direction = 'credit' AND ${back(days)}`),
    bookings(`outflow_count_${days}d`, 'count()', `direction = 'debit' AND ${back(days)}`, 0),
    bookings(`net_flow_${days}d`, "sum(if(direction = 'credit', amount_minor, -amount_minor))", back(days)),
    bookings(`bookings_${days}d`, 'count()', back(days), 0),
    events(`logins_${days}d`, 'count()', `name = 'login' AND ${back(days)}`, 0),
  ]),
  bookings('outflow_largest_90d', 'max(amount_minor)', `direction = 'debit' AND ${back(90)}`),
  bookings(
    'inflow_last_month',
    'sum(amount_minor)',
    `direction = 'credit' AND at >= ${monthStart('2026-10')} AND at < ${monthStart('2026-11')}`,
  ),
  bookings(
    'outflow_month_to_date',
    'sum(amount_minor)',
    `direction = 'debit' AND at >= ${monthStart('2026-11')} AND at <= ${NOW}`,
  ),
  bookings('inflow_monthly_6m', 'round(sum(amount_minor) / 6)', `direction = 'credit' AND ${sixMonths}`),
  bookings('salary_90d', 'sum(amount_minor)', `kind = 'payroll' AND direction = 'credit' AND ${back(90)}`),
  bookings(
    'salary_last_days',
    `toInt32(${TODAY}) - toInt32(toDate(max(${local('at')})))`,
    "kind = 'payroll'",
  ),
  bookings('cash_out_90d', 'sum(amount_minor)', `kind = 'cash' AND direction = 'debit' AND ${back(90)}`),
  bookings(
    'outflow_by_inflow_90d',
    "sumIf(amount_minor, direction = 'debit') / nullIf(sumIf(amount_minor, direction = 'credit'), 0)",
    `${back(90)}`,
  ),
  bookings('purchases_365d', 'sum(amount_minor)', `kind = 'purchase' AND ${back(365)}`),
  bookings('purchases_count_90d', 'count()', `kind = 'purchase' AND ${back(90)}`, 0),
  bookings('purchase_mean_90d', 'round(avg(amount_minor))', `kind = 'purchase' AND ${back(90)}`),
  bookings('purchase_mccs_90d', 'uniqExact(mcc)', `kind = 'purchase' AND ${back(90)}`, 0),
  bookings(
    'spend_dining_90d',
    'sum(amount_minor)',
    `mcc IN ('5811', '5812', '5813', '5814') AND ${back(90)}`,
  ),
  bookings('spend_travel_count_365d', 'count()', `mcc IN ('4511', '7011') AND ${back(365)}`, 0),
  bookings(
    'spend_groceries_share_365d',
    "sumIf(amount_minor, mcc = '5411') / sum(amount_minor)",
    `kind = 'purchase' AND ${back(365)}`,
  ),
  bookings('channel_app_90d', 'count()', `channel = 'app' AND ${back(90)}`, 0),
  bookings(
    'channel_branch_share_365d',
    "countIf(channel = 'branch') / count()",
    `channel IN ('app', 'branch', 'atm', 'card') AND ${back(365)}`,
  ),
  bookings(
    'channels_number_365d',
    'uniqExact(channel)',
    `channel IN ('app', 'branch', 'atm', 'card') AND ${back(365)}`,
    0,
  ),
  bookings(
    'booking_weekend_share_180d',
    `countIf(toDayOfWeek(${local('at')}) >= 6) / count()`,
    `channel IN ('app', 'branch', 'atm', 'card') AND ${back(180)}`,
  ),
  bookings('bookings_last_days', `toInt32(${TODAY}) - toInt32(toDate(max(${local('at')})))`, '1'),
  bookings('rfm_frequency', 'count()', `kind = 'purchase' AND ${back(365)}`, 0),
  bookings('rfm_monetary', 'sum(amount_minor)', `kind = 'purchase' AND ${back(365)}`),
  bookings('balance_low_90d', 'min(balance_minor)', back(90)),
  bookings(
    'firm_collected_365d',
    'sum(amount_minor)',
    `kind = 'business' AND direction = 'credit' AND ${back(365)}`,
  ),
  bookings('firm_paid_count_90d', 'count()', `kind = 'business' AND direction = 'debit' AND ${back(90)}`, 0),
  bookings(
    'lifecycle_bookings_90d_before',
    'count()',
    `kind NOT IN ('interest', 'fee') AND at > ${NOW} - INTERVAL 180 DAY AND at <= ${NOW} - INTERVAL 90 DAY`,
    0,
  ),
  events('searches_90d', 'count()', `name = 'search' AND ${back(90)}`, 0),
  events(
    'search_without_result_90d',
    'count()',
    `name = 'search' AND properties['results'] = '0' AND ${back(90)}`,
    0,
  ),
  events(
    'wealth_visit_seconds_90d',
    "sum(toFloat64(properties['seconds']))",
    `name = 'wealth_viewed' AND ${back(90)}`,
  ),
  events(
    'wealth_products_seen_90d',
    "uniqExact(properties['product_id'])",
    `name = 'wealth_viewed' AND ${back(90)}`,
    0,
  ),
  events(
    'wealth_ordered_365d',
    "sum(toInt64(properties['amount_minor']))",
    `name = 'wealth_bought' AND ${back(365)}`,
  ),
  events('complaints_made_365d', 'count()', `name = 'complaint' AND ${back(365)}`, 0),
  events(
    'complaint_worst_365d',
    "max(toFloat64(properties['severity']))",
    `name = 'complaint' AND ${back(365)}`,
  ),
  events('complaint_last_topic', "argMax(properties['topic'], at)", "name = 'complaint'"),
];
