import { type Actor, fixedClock, systemActor } from '@rapport/kernel';
import type { RoleTable } from '@rapport/sources';
import { startTestStores, type TestStores } from '@rapport/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCustomerKeys } from './customer-key.ts';
import { type Customers, createCustomers, createProjector, customersMigrations } from './index.ts';

const dataKey = Buffer.alloc(32, 7);
const NOW = Date.UTC(2026, 5, 1);
const Count = Type.Object({ n: Type.Integer() });
const branchActor: Actor = {
  kind: 'user',
  id: 'usr_1',
  displayName: 'RM',
  permissions: new Set(['customers.read']),
  orgScope: ['B1'],
};

/** A role table whose rows stand in the statement itself, as a source would deliver them. */
function roleTable(
  sourceId: string,
  role: RoleTable['role'],
  table: string,
  structure: string,
  rows: string[],
  columns: string[] = [],
): RoleTable {
  const values = rows.length === 0 ? '' : `, ${rows.map((row) => `(${row})`).join(', ')}`;
  return {
    sourceId,
    table,
    role,
    physical: table,
    fresh: true,
    columns,
    select: `SELECT * FROM values('${structure.replaceAll("'", "\\'")}'${values})`,
  };
}
const CUSTOMER =
  'customer_id String, kind String, gender String, birth_date Nullable(Date32), opened_on Nullable(Date32), org_unit String, rm String, risk_level Nullable(UInt8), city String, language String, name String, phone String, email String, attributes Map(String, String), _file String, _line UInt64';
const customerRow = (
  id: string,
  over: Partial<{
    kind: string;
    gender: string;
    birth: string;
    unit: string;
    risk: string;
    city: string;
    name: string;
    phone: string;
    email: string;
    attributes: string;
    line: number;
  }> = {},
): string =>
  `'${id}', '${over.kind ?? ''}', '${over.gender ?? ''}', ${over.birth ? `'${over.birth}'` : 'NULL'}, NULL, '${over.unit ?? ''}', '', ${over.risk ?? 'NULL'}, '${over.city ?? ''}', '', '${over.name ?? ''}', '${over.phone ?? ''}', '${over.email ?? ''}', ${over.attributes ?? 'map()'}, 'c.csv', ${over.line ?? 1}`;
const PII = ['name', 'phone', 'email'];
const TRANSACTION =
  "customer_id String, transaction_id String, account_id String, at Nullable(DateTime64(3, 'UTC')), amount_minor Nullable(Int64), direction String, currency String, kind String, channel String, mcc String, counterparty String, balance_minor Nullable(Int64), attributes Map(String, String), _file String, _line UInt64";
const EVENT =
  "customer_id String, event_id String, name String, at Nullable(DateTime64(3, 'UTC')), properties Map(String, String), _file String, _line UInt64";
const ACCOUNT =
  'customer_id String, account_id String, kind String, opened_on Nullable(Date32), closed_on Nullable(Date32), currency String, balance_minor Nullable(Int64), org_unit String, attributes Map(String, String), _file String, _line UInt64';
const HOLDING =
  'customer_id String, holding_id String, product_id String, kind String, since Nullable(Date32), until Nullable(Date32), amount_minor Nullable(Int64), currency String, status String, attributes Map(String, String), _file String, _line UInt64';
const UNIT = 'code String, parent String, name String, level String, _file String, _line UInt64';

describe('customers', () => {
  let stores: TestStores;
  let customers: Customers;
  const audited: string[] = [];
  const load = async (sourceId: string, roleTables: RoleTable[]) => {
    const projection = await createProjector({
      ...stores,
      dataKey,
      sourceOrder: async () => ['core', 'crm'],
    }).project({ sourceId, roleTables, release: await stores.releases.current() });
    await stores.releases.publish({ set: projection.set, note: sourceId });
    return projection;
  };
  const core = (): RoleTable[] => [
    roleTable(
      'core',
      'customer',
      'customers',
      CUSTOMER,
      [
        customerRow('C1', {
          gender: 'female',
          birth: '1984-05-17',
          unit: 'B1',
          name: '陳小明',
          phone: '0912-345-678',
          email: 'Chen@Example.com',
          attributes: "map('tier', 'gold')",
        }),
        customerRow('C2', { unit: 'B1-1', risk: '3' }),
        customerRow('C3', { unit: 'B2', kind: 'corporate' }),
        customerRow(''),
      ],
      PII,
    ),
    roleTable('core', 'org_unit', 'units', UNIT, [
      "'HO', '', 'Head office', 'head_office', '', 0",
      "'B1', 'HO', 'Harbour', 'branch', '', 0",
      "'B1-1', 'B1', 'Pier', 'sub_branch', '', 0",
      "'B2', 'HO', 'Hill', 'branch', '', 0",
    ]),
    roleTable('core', 'account', 'accounts', ACCOUNT, [
      "'C1', 'A1', 'savings', '2015-01-01', NULL, 'TWD', 120000, 'B1', map(), 'a.csv', 1",
      "'C9', 'A9', 'savings', NULL, NULL, 'TWD', 1, '', map(), 'a.csv', 2",
    ]),
    roleTable('core', 'holding', 'holdings', HOLDING, [
      "'C1', 'H1', 'F1', 'fund', '2020-01-01', NULL, 300000, 'TWD', 'active', map(), 'h.csv', 1",
      "'C1', 'H2', 'L1', 'loan', '2021-01-01', NULL, 500000, 'TWD', 'active', map(), 'h.csv', 2",
    ]),
    roleTable('core', 'transaction', 'transactions', TRANSACTION, [
      "'C1', 'T1', 'A1', '2026-05-01 10:00:00.000', 5000, 'debit', 'TWD', 'transfer', 'app', '', '', 120000, map('note', 'rent'), 't.csv', 1",
      "'C1', 'T2', 'A1', '2026-05-02 10:00:00.000', 7000, 'credit', 'TWD', '', '', '', '', NULL, map(), 't.csv', 2",
      "'C1', 'T3', 'A1', NULL, 7000, 'credit', 'TWD', '', '', '', '', NULL, map(), 't.csv', 3",
      "'C1', 'T4', 'A1', '2026-05-02 10:00:00.000', -1, 'credit', 'TWD', '', '', '', '', NULL, map(), 't.csv', 4",
      "'C9', 'T5', 'A9', '2026-05-02 10:00:00.000', 1, 'credit', 'TWD', '', '', '', '', NULL, map(), 't.csv', 5",
    ]),
    roleTable('core', 'event', 'events', EVENT, [
      "'C1', 'E1', 'login', '2026-05-03 10:00:00.000', map('device', 'ios'), 'e.csv', 1",
    ]),
  ];

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations]);
    customers = createCustomers({
      ...stores,
      clock: fixedClock(NOW),
      dataKey,
      audit: { record: async (entry) => void audited.push(`${entry.action} ${entry.subject}`) },
      profileTags: async () => [],
      consents: async () => [
        { channel: 'email', purpose: 'marketing', granted: true, at: '2026-01-01T00:00:00.000Z' },
      ],
    });
  });
  afterAll(() => stores?.stop());

  it('answers emptily before the first load', async () => {
    expect(await customers.search({}, systemActor)).toEqual({ items: [] });
    await expect(customers.get360('C1', systemActor)).rejects.toMatchObject({ code: 'customers.not_found' });
  });

  it('projects one source and says what was refused and where', async () => {
    const { rejected } = await load('core', core());
    expect(rejected.map(({ table, reason, count }) => `${table} ${reason} ${count}`)).toEqual([
      'accounts unknown_customer 1',
      'transactions negative_amount 1',
      'transactions no_at 1',
      'transactions unknown_customer 1',
    ]);
    const Place = Type.Object({ _file: Type.String(), _line: Type.Integer(), value: Type.String() });
    const unknown = rejected.find(
      ({ table, reason }) => table === 'transactions' && reason === 'unknown_customer',
    );
    expect(await stores.warehouse.query(Place, unknown?.rowsSql ?? '')).toEqual([
      { _file: 't.csv', _line: 5, value: 'C9' },
    ]);
  });

  it('shows a customer whole, masked without the permission and clear with it', async () => {
    const masked = await customers.get360('C1', branchActor);
    expect(masked).toMatchObject({
      customerId: 'C1',
      kind: 'retail',
      gender: 'female',
      name: '陳●●',
      phone: '09●●●●●●●678',
      email: 'C●●●@Example.com',
      birthDate: '1984-01-01',
      piiClear: false,
      attributes: { tier: 'gold' },
      summary: {
        totals: [{ currency: 'TWD', assetsMinor: 420000, debtsMinor: 500000 }],
        accounts: 1,
        holdings: 2,
        transactions: 2,
        events: 1,
        contacts: 0,
        lastActivityAt: '2026-05-03T10:00:00.000Z',
      },
      consents: [{ channel: 'email' }],
    });
    expect(masked.timeline.map((item) => `${item.kind} ${item.id}`)).toEqual([
      'event E1',
      'transaction T2',
      'transaction T1',
    ]);
    expect(masked.identities.map(({ kind }) => kind)).toEqual(['email', 'phone']);
    expect(audited).toEqual([]);
    const clear = await customers.get360('C1', systemActor);
    expect(clear).toMatchObject({
      name: '陳小明',
      phone: '0912-345-678',
      email: 'Chen@Example.com',
      birthDate: '1984-05-17',
      piiClear: true,
    });
    expect(audited).toEqual(['customer.pii_read C1']);
  });

  it('keeps personal data out of every table but as ciphers and keyed hashes', async () => {
    const tables = await stores.warehouse.query(
      Type.Object({ name: Type.String() }),
      'SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0',
    );
    for (const { name } of tables) {
      const [row] = await stores.warehouse.query(
        Count,
        `SELECT countIf(position(toString(tuple(*)), '陳小明') > 0 OR position(toString(tuple(*)), '0912') > 0 OR position(lower(toString(tuple(*))), 'chen@') > 0) AS n FROM ${stores.warehouse.identifier(name)}`,
      );
      expect(row?.n, name).toBe(0);
    }
  });

  it('finds customers by the beginning of their id and by exact phone or e-mail, inside the org scope', async () => {
    const ids = async (text: string, actor: Actor) =>
      (await customers.search({ text }, actor)).items.map((item) => item.customerId);
    expect(await ids('C', systemActor)).toEqual(['C1', 'C2', 'C3']);
    expect(await ids('C', branchActor)).toEqual(['C1', 'C2']);
    expect(await ids('+0912345678', systemActor)).toEqual([]);
    expect(await ids('0912 345 678', systemActor)).toEqual(['C1']);
    expect(await ids('chen@example.com', branchActor)).toEqual(['C1']);
    await expect(customers.get360('C3', branchActor)).rejects.toMatchObject({ code: 'customers.not_found' });
    const first = await customers.search({ limit: 2 }, systemActor);
    expect(first.items.map((item) => item.customerId)).toEqual(['C1', 'C2']);
    const rest = await customers.search({ limit: 2, cursor: first.nextCursor ?? '' }, systemActor);
    expect(rest.items.map((item) => item.customerId)).toEqual(['C3']);
    expect((await customers.orgUnits(branchActor)).map(({ code, customers: n }) => `${code} ${n}`)).toEqual([
      'B1 1',
      'B1-1 1',
    ]);
  });

  it('joins two sources: the first known value wins, field by field, and cids stay', async () => {
    const before = await customers.cidsOf(['C1', 'C2', 'C3']);
    await load('crm', [
      ...core().map((table) => ({ ...table, fresh: false })),
      roleTable(
        'crm',
        'customer',
        'people',
        CUSTOMER,
        [
          customerRow('C1', {
            gender: 'male',
            city: 'Taipei',
            attributes: "map('tier', 'silver', 'segment', 'affluent')",
          }),
          customerRow('C2', { name: 'Ann Lee', line: 2 }),
          customerRow('C4', { line: 3 }),
        ],
        PII,
      ),
    ]);
    const first = await customers.get360('C1', systemActor);
    expect(first).toMatchObject({
      gender: 'female',
      city: 'Taipei',
      name: '陳小明',
      source: 'core',
      attributes: { tier: 'gold', segment: 'affluent' },
    });
    expect(await customers.get360('C2', systemActor)).toMatchObject({ name: 'Ann Lee', riskLevel: 3 });
    const after = await customers.cidsOf(['C1', 'C2', 'C3', 'C4']);
    for (const [id, cid] of before) expect(after.get(id)).toBe(cid);
    expect(new Set(after.values()).size).toBe(4);
    expect(await customers.idsOf([...after.values()])).toEqual(
      new Map([...after].map(([id, cid]) => [cid, id])),
    );
  });

  it('answers contact points in clear for dispatch', async () => {
    const cids = [...(await customers.cidsOf(['C1', 'C2'])).values()];
    expect(
      (await customers.contactPoints(cids, 'email')).map(({ customerId, address, name }) => ({
        customerId,
        address,
        name,
      })),
    ).toEqual([{ customerId: 'C1', address: 'Chen@Example.com', name: '陳小明' }]);
    expect((await customers.contactPoints(cids, 'sms')).map(({ address }) => address)).toEqual([
      '0912-345-678',
    ]);
  });

  it('takes a collected event once however often it comes, and shows it on the timeline', async () => {
    const cid = (await customers.cidsOf(['C1'])).get('C1') ?? 0;
    const event = {
      eventId: 'd1:sent',
      cid,
      name: 'message_sent',
      at: NOW - 1_000,
      properties: { campaign_id: 'cmp_1' },
    };
    const taken = await Promise.all([
      customers.collectEvents([event, event]),
      customers.collectEvents([event]),
    ]);
    expect(taken).toEqual([1, 0]);
    const profile = await customers.get360('C1', systemActor);
    expect(profile.contacts).toMatchObject([
      { kind: 'contact', name: 'message_sent', properties: { campaign_id: 'cmp_1' } },
    ]);
    expect(profile.summary).toMatchObject({ contacts: 1, events: 1 });
    const page = await customers.timeline('C1', { limit: 2 }, systemActor);
    expect(page.items.map((item) => item.id)).toEqual(['d1:sent', 'E1']);
    const rest = await customers.timeline('C1', { limit: 5, cursor: page.nextCursor ?? '' }, systemActor);
    expect(rest.items.map((item) => item.id)).toEqual(['T2', 'T1']);
    expect((await customers.timeline('C1', { kind: 'transaction' }, systemActor)).items).toHaveLength(2);
  });

  it('never doubles or reuses a customer number, whatever dies half-way', async () => {
    const keys = createCustomerKeys(stores);
    const Key = Type.Object({ customer_id: Type.String(), cid: Type.Integer() });
    const known = new Map<string, number>();
    const idQuery = (ids: readonly number[]): string =>
      `SELECT concat('P', toString(arrayJoin(${ids.length === 0 ? 'CAST([] AS Array(UInt32))' : `[${ids.join(',')}]`}))) AS customer_id`;
    const step = fc.record({
      ids: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 20 }),
      dies: fc.constantFrom('no', 'before writing', 'half written', 'late writer'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
        for (const { ids, dies } of steps) {
          if (dies !== 'no') {
            // What a process leaves behind that died between reserving and completing its range.
            const { rows } = await stores.relational.pool.query<{ first: string }>(
              "insert into customers.key_range (id, first_cid, past_cid, state) select gen_random_uuid()::text, coalesce(max(past_cid), 1), coalesce(max(past_cid), 1) + 20, 'open' from customers.key_range returning first_cid as first",
            );
            const first = Number(rows[0]?.first);
            const write = () =>
              stores.warehouse.insert(
                'customer_key',
                ids.slice(0, 10).map((id, at) => ({ customer_id: `P${id}`, cid: first + at })),
              );
            if (dies === 'half written') await write();
            await keys.assign(idQuery(ids));
            if (dies === 'late writer') await write();
          } else await keys.assign(idQuery(ids));
          const valid = await stores.warehouse.query(Key, await keys.validKeysSql());
          expect(new Set(valid.map((row) => row.cid)).size).toBe(valid.length);
          expect(new Set(valid.map((row) => row.customer_id)).size).toBe(valid.length);
          const cidOf = new Map(valid.map((row) => [row.customer_id, row.cid]));
          for (const id of ids) expect(cidOf.has(`P${id}`)).toBe(true);
          for (const [id, cid] of known) expect(cidOf.get(id)).toBe(cid);
          for (const [id, cid] of cidOf) known.set(id, cid);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('lets one projection at a time give numbers', async () => {
    const tables = (prefix: string): RoleTable[] => [
      roleTable(
        'many',
        'customer',
        'many',
        CUSTOMER,
        Array.from({ length: 50 }, (_, at) => customerRow(`${prefix}${at}`, { line: at })),
      ),
    ];
    const projector = createProjector({ ...stores, dataKey });
    const release = await stores.releases.current();
    await Promise.all(
      ['X', 'X', 'Y'].map((prefix) =>
        projector.project({ sourceId: 'many', roleTables: tables(prefix), release }),
      ),
    );
    const [row] = await stores.warehouse.query(
      Type.Object({ n: Type.Integer(), ids: Type.Integer(), cids: Type.Integer() }),
      `SELECT count() AS n, uniqExact(customer_id) AS ids, uniqExact(cid) AS cids FROM (${await createCustomerKeys(stores).validKeysSql()}) WHERE match(customer_id, '^[XY]')`,
    );
    expect(row).toEqual({ n: 100, ids: 100, cids: 100 });
  });
});
