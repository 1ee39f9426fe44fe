import { type ConditionCatalog, compileCids, type TagEntry } from '@rapport/conditions';
import { type Actor, fixedClock, systemActor } from '@rapport/kernel';
import { startTestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workbenchMigrations } from './workbench.migrations.ts';
import { createWorkbench, type Workbench } from './workbench.service.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const user = (id: string, permissions: readonly string[], orgScope?: readonly string[]): Actor => ({
  kind: 'user',
  id,
  displayName: id,
  permissions: new Set(permissions),
  orgScope,
});
const analyst = user('usr_analyst', ['workbench.*']);
const trusted = user('usr_trusted', ['workbench.*', 'customers.pii']);
const branch = user('usr_branch', ['workbench.*'], ['B1']);

describe('the SQL workbench', () => {
  let stores: Awaited<ReturnType<typeof startTestStores>>;
  let workbench: Workbench;
  const audits: string[] = [];
  const reads: unknown[] = [];
  const make = (limits: object = {}): Workbench => {
    const entry = (column: string, type: TagEntry['type']): TagEntry => ({
      type,
      table: 'tags_one',
      column,
      title: { en: column },
    });
    const tags = new Map([
      ['aum', entry('aum', 'money')],
      ['illness', entry('illness', 'text')],
    ]);
    const catalog: ConditionCatalog = {
      customers: 'customer_one',
      tag: (id) => tags.get(id),
      event: () => undefined,
      audience: (id) => (id === 'aud_rich' ? { tag: 'aum', op: '>=', value: 900 } : undefined),
      list: () => undefined,
      tagIds: () => [...tags.keys()],
      eventNames: () => [],
      listIds: () => [],
    };
    return createWorkbench({
      relational: stores.relational,
      warehouse: stores.warehouse,
      clock: fixedClock(NOW),
      audit: { record: async ({ action }) => void audits.push(action) },
      world: async () => ({
        release: {
          number: 3,
          placements: new Map([
            ['customer', { table: 'customer_one' }],
            ['account', { table: 'account_one' }],
            ['org_unit', { table: 'org_unit_one' }],
          ]),
        },
        catalog,
        conditionSql: async (condition) => compileCids(condition, catalog, { now: NOW }),
      }),
      tags: async () => [
        { id: 'aum', title: 'Assets', dataClass: 'C2' },
        { id: 'illness', title: 'Illness', dataClass: 'C3' },
      ],
      metrics: {
        list: async () => [],
        customerValues: async () => undefined,
      },
      audiences: async () => [{ id: 'aud_rich', name: 'Rich' }],
      scopeOf: async (actor) => actor.orgScope,
      pseudonymKey: Buffer.alloc(32, 7),
      onRead: async (found) => void reads.push(found),
      limits,
    });
  };

  beforeAll(async () => {
    stores = await startTestStores([workbenchMigrations]);
    const { warehouse } = stores;
    const table = (name: string, columns: string, orderBy: string) =>
      warehouse.createTable({ name, columns, orderBy, spread: 'cid' });
    await table(
      'customer_one',
      'cid UInt32, customer_id String, org_unit LowCardinality(String), city String, attributes Map(String, String)',
      'cid',
    );
    await table('account_one', 'cid UInt32, account_id String, balance_minor Nullable(Int64)', 'cid');
    await table('org_unit_one', 'code String, name String', 'code');
    await table('tags_one', 'cid UInt32, aum Nullable(Int64), illness Nullable(String)', 'cid');
    await table('secret_one', 'cid UInt32', 'cid');
    const cids = Array.from({ length: 1_000 }, (_, cid) => cid);
    await warehouse.insert(
      'customer_one',
      cids.map((cid) => ({
        cid,
        customer_id: `C${cid}`,
        org_unit: cid % 2 === 0 ? 'B1' : 'B2',
        city: cid % 3 === 0 ? 'Taipei' : 'Tainan',
        attributes: { mobile_no: `0912${cid}`, hobby: 'go' },
      })),
    );
    await warehouse.insert(
      'account_one',
      cids.map((cid) => ({ cid, account_id: `A${cid}`, balance_minor: cid * 10 })),
    );
    await warehouse.insert(
      'tags_one',
      cids.map((cid) => ({ cid, aum: cid, illness: 'x' })),
    );
    await warehouse.insert('org_unit_one', [
      { code: 'B1', name: 'North' },
      { code: 'B2', name: 'South' },
    ]);
    workbench = make();
  });
  afterAll(() => stores?.stop());

  it('answers with columns, types and rows', async () => {
    const answer = await workbench.run(
      {
        sql: 'SELECT city, count() AS n, sum(aum) AS assets FROM customer INNER JOIN tags USING cid GROUP BY city ORDER BY city',
      },
      analyst,
    );
    expect(answer.columns.map((column) => column.name)).toEqual(['city', 'n', 'assets']);
    const taipei = Array.from({ length: 334 }, (_, at) => at * 3).reduce((a, b) => a + b, 0);
    expect(answer.rows).toEqual([
      ['Tainan', 666, 499_500 - taipei],
      ['Taipei', 334, taipei],
    ]);
    expect(answer.reads).toContainEqual({ table: 'tags', columns: ['cid', 'aum'] });
    expect(answer.isComplete).toBe(true);
  });

  it('joins an audience, and a query with a WITH of its own', async () => {
    const answer = await workbench.run(
      {
        sql: 'WITH rich AS (SELECT cid FROM aud_rich) SELECT count() AS n FROM customer WHERE cid IN (SELECT cid FROM rich)',
      },
      analyst,
    );
    expect(answer.rows).toEqual([[100]]);
  });

  it('shows a branch its own customers only, whatever it asks', async () => {
    for (const [sql, n] of [
      ['SELECT count() AS n FROM customer', 500],
      ['SELECT count() AS n FROM account', 500],
      ['SELECT count() AS n FROM tags', 500],
      ["SELECT count() AS n FROM customer WHERE org_unit = 'B2' OR 1", 500],
      ['SELECT count() AS n FROM org_unit', 1],
      ['SELECT count() AS n FROM aud_rich', 50],
    ] as const)
      expect((await workbench.run({ sql }, branch)).rows, sql).toEqual([[n]]);
  });

  it('shows personal data as pseudonyms that still join, and in clear to those who may', async () => {
    const sql =
      'SELECT c.customer_id AS id, a.account_id AS account, c.attributes AS more FROM customer AS c INNER JOIN account AS a ON a.cid = c.cid WHERE c.cid = 7';
    const [row] = (await workbench.run({ sql }, analyst)).rows;
    expect(row?.[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(row?.[1]).toMatch(/^[0-9a-f]{32}$/);
    expect(row?.[2]).toEqual({ hobby: 'go' });
    const joined =
      'SELECT count() AS n FROM account AS a INNER JOIN account AS b ON a.account_id = b.account_id';
    expect((await workbench.run({ sql: joined }, analyst)).rows).toEqual([[1_000]]);
    const [clear] = (await workbench.run({ sql }, trusted)).rows;
    expect(clear).toEqual(['C7', 'A7', { mobile_no: '09127', hobby: 'go' }]);
    await expect(workbench.run({ sql: 'SELECT illness FROM tags' }, analyst)).rejects.toMatchObject({
      code: 'workbench.not_allowed',
      message: expect.stringContaining('illness'),
    });
    expect((await workbench.run({ sql: 'SELECT any(illness) AS v FROM tags' }, trusted)).rows).toEqual([
      ['x'],
    ]);
  });

  it.each([
    'SELECT * FROM secret_one',
    'SELECT * FROM customer_one',
    'SELECT * FROM customer INNER JOIN customer_one USING cid',
    'SELECT * FROM `customer_one`, customer',
    'SELECT * FROM rapport.tags_one',
    'SELECT * FROM system.tables',
    'SELECT * FROM information_schema.tables',
    "SELECT * FROM file('/etc/passwd', 'LineAsString', 'x String')",
    "SELECT * FROM url('http://127.0.0.1/', 'LineAsString', 'x String')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM merge('rapport', '.*')",
    'DROP TABLE customer_one',
    'INSERT INTO customer_one SELECT 1',
    'SELECT 1; SELECT 2',
    'SELECT 1 SETTINGS max_memory_usage = 0',
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    'SELECT {pseudonym0:String}',
    'WITH customer_one AS (SELECT 1 AS cid) SELECT * FROM customer_one, customer',
    'SELECT 1 AS a, 2 AS a',
  ])('refuses %s', async (sql) => {
    await expect(workbench.run({ sql }, analyst)).rejects.toMatchObject({
      code: expect.stringMatching(/^workbench\.(not_allowed|failed)$/),
    });
  });

  it('says what is wrong with SQL, without showing its own part or keys', async () => {
    await expect(workbench.run({ sql: 'SELECT nothing FROM customer' }, analyst)).rejects.toMatchObject({
      code: 'workbench.failed',
      message: expect.not.stringMatching(/sipHash128Keyed|customer_one/),
    });
  });

  it('keeps to its limits: rows answered, rows read, time of a day', async () => {
    const short = await workbench.run({ sql: 'SELECT cid FROM customer ORDER BY cid', limit: 3 }, analyst);
    expect(short.rows).toEqual([[0], [1], [2]]);
    expect(short.isComplete).toBe(false);
    await expect(
      make({ rows: 10 }).run({ sql: 'SELECT count() AS n, max(city) AS m FROM customer' }, analyst),
    ).rejects.toMatchObject({
      code: 'workbench.too_much',
    });
    await expect(
      make({ seconds: 1 }).run({ sql: 'SELECT sum(number) AS n FROM numbers(100000000000)' }, analyst),
    ).rejects.toMatchObject({ code: 'workbench.too_much' });
    await expect(make({ dailyMs: 1 }).run({ sql: 'SELECT 1 AS n' }, analyst)).rejects.toMatchObject({
      code: 'workbench.budget_spent',
    });
  });

  it('lets a caller run one query at a time', async () => {
    const slow = workbench.run({ sql: 'SELECT sum(sipHash64(number)) AS n FROM numbers(60000000)' }, trusted);
    await expect(workbench.run({ sql: 'SELECT 1 AS n' }, trusted)).rejects.toMatchObject({
      code: 'workbench.busy',
    });
    expect((await slow).rows.length).toBe(1);
  });

  it('exports everything, in a form that no spreadsheet runs, and writes down who did', async () => {
    const lines: string[] = [];
    for await (const part of await workbench.exportCsv(
      "SELECT cid, if(cid = 0, '=1+1', city) AS city FROM customer ORDER BY cid",
      analyst,
    ))
      lines.push(part);
    const text = lines.join('');
    expect(text.split('\r\n').length).toBe(1_002);
    expect(text).toContain("0,'=1+1\r\n");
    expect(audits).toContain('workbench.exported');
    const { items } = await workbench.runs({ limit: 3 }, analyst);
    expect(items[0]).toMatchObject({ purpose: 'export', state: 'done', rows: 1_000 });
    expect(reads.length).toBeGreaterThan(0);
  });

  it('keeps queries: one’s own to change, shared ones to read', async () => {
    const mine = await workbench.save({ name: 'Cities', sql: 'SELECT 1 AS n', shared: false }, analyst);
    expect((await workbench.saved(branch)).map((query) => query.id)).not.toContain(mine.id);
    const shared = await workbench.change(
      mine.id,
      { name: 'Cities', sql: 'SELECT 2 AS n', shared: true, version: 1 },
      analyst,
    );
    expect(shared.version).toBe(2);
    expect((await workbench.saved(branch)).find((query) => query.id === mine.id)?.isMine).toBe(false);
    await expect(workbench.remove(mine.id, branch)).rejects.toMatchObject({ code: 'workbench.not_found' });
    await expect(
      workbench.change(mine.id, { name: 'Cities', sql: 'SELECT 3 AS n', version: 1 }, analyst),
    ).rejects.toMatchObject({ code: 'workbench.changed_meanwhile' });
    await workbench.remove(mine.id, systemActor.id === analyst.id ? systemActor : analyst);
    expect(await workbench.saved(analyst)).toEqual([]);
  });

  it('lists tables with what the caller may see of them', async () => {
    const { items, isScoped } = await workbench.tables(branch);
    expect(isScoped).toBe(true);
    expect(items.map((table) => table.name)).toEqual(['customer', 'account', 'org_unit', 'tags', 'aud_rich']);
    const tags = items.find((table) => table.name === 'tags');
    expect(tags?.columns.map((column) => [column.name, column.access])).toEqual([
      ['cid', 'clear'],
      ['aum', 'clear'],
      ['illness', 'hidden'],
    ]);
  });

  it('writes a notebook that asks the same', () => {
    const notebook: { nbformat: number; cells: { source: string[] }[] } = JSON.parse(
      workbench.notebook('SELECT 1 AS "n"', 'http://bank.example'),
    );
    expect(notebook.nbformat).toBe(4);
    expect(notebook.cells[1]?.source.join('')).toContain('sql = "SELECT 1 AS \\"n\\""');
  });
});
