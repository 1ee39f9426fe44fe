import { fixedClock, seededRandom, silentLog, systemActor } from '@rapport/kernel';
import type { RoleTable } from '@rapport/sources';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAliases } from './aliases.ts';
import { createCollectedEvents } from './collected-event.ts';
import { aliasesOf } from './identity-log.ts';
import { createProjector, customersMigrations } from './index.ts';
import { DEFAULT_RULES } from './match-rules.ts';
import { derivePiiKeys } from './pii.ts';
import { createResolution, type Resolution } from './resolution.service.ts';
import { createUsers } from './users.service.ts';

const dataKey = Buffer.alloc(32, 7);
const NOW = Date.UTC(2026, 5, 1);
const clock = fixedClock(NOW);
const Line = Type.Object({ line: Type.String() });

interface Person {
  readonly id: string;
  readonly name: string;
  readonly birth?: string;
  readonly phone?: string;
  readonly document?: string;
  readonly city?: string;
  readonly address?: string;
}

const text = (value = ''): string => `'${value}'`;

/** A role table whose rows stand in the statement itself, as a source would deliver them. */
function people(sourceId: string, rows: readonly Person[]): RoleTable {
  const structure =
    'customer_id String, kind String, gender String, birth_date Nullable(Date32), opened_on Nullable(Date32), org_unit String, rm String, risk_level Nullable(UInt8), city String, language String, name String, phone String, email String, address String, id_document String, attributes Map(String, String), _file String, _line UInt64';
  const values = rows.map(
    (row, at) =>
      `(${text(row.id)}, '', '', ${row.birth ? text(row.birth) : 'NULL'}, NULL, '', '', NULL, ${text(row.city)}, '', ${text(row.name)}, ${text(row.phone)}, '', ${text(row.address)}, ${text(row.document)}, map(), 'c.csv', ${at + 1})`,
  );
  return {
    sourceId,
    table: 'customers',
    role: 'customer',
    physical: `${sourceId}_customers`,
    fresh: true,
    columns: ['customer_id', 'name', 'phone', 'birth_date', 'city', 'address', 'id_document'],
    select: `SELECT * FROM values('${structure}', ${values.join(', ')})`,
  };
}

function transactions(
  sourceId: string,
  rows: readonly { id: string; customer: string; amount: number }[],
): RoleTable {
  const structure =
    "customer_id String, transaction_id String, account_id String, at Nullable(DateTime64(3, \\'UTC\\')), amount_minor Nullable(Int64), direction String, currency String, kind String, channel String, mcc String, counterparty String, balance_minor Nullable(Int64), attributes Map(String, String), _file String, _line UInt64";
  const values = rows.map(
    (row, at) =>
      `(${text(row.customer)}, ${text(row.id)}, '', '2026-05-01 10:00:00.000', ${row.amount}, 'credit', 'CNY', '', '', '', '', NULL, map(), 't.csv', ${at + 1})`,
  );
  return {
    sourceId,
    table: 'transactions',
    role: 'transaction',
    physical: `${sourceId}_transactions`,
    fresh: true,
    columns: [],
    select: `SELECT * FROM values('${structure}', ${values.join(', ')})`,
  };
}

const INSTANT = "Nullable(DateTime64(3, \\'UTC\\'))";
const COLUMNS = {
  account:
    'account_id String, kind String, opened_on Nullable(Date32), closed_on Nullable(Date32), currency String, balance_minor Nullable(Int64), org_unit String, attributes Map(String, String)',
  holding:
    'holding_id String, product_id String, kind String, since Nullable(Date32), until Nullable(Date32), amount_minor Nullable(Int64), currency String, status String, attributes Map(String, String)',
  event: `event_id String, name String, at ${INSTANT}, properties Map(String, String)`,
} as const;

/** One row of the role a customer, each with its own id. */
function belongings(role: keyof typeof COLUMNS, customers: readonly string[]): RoleTable {
  const values = customers.map((id, at) => {
    const own = {
      account: `'AC${at}', 'savings', NULL, NULL, 'CNY', ${at}, '', map()`,
      holding: `'H${at}', 'FUND', 'fund', NULL, NULL, ${at}, 'CNY', 'active', map()`,
      event: `'EV${at}', 'login', '2026-05-0${1 + (at % 9)} 08:00:00.000', map('page', '${at}')`,
    }[role];
    return `(${text(id)}, ${own}, 'b.csv', ${at + 1})`;
  });
  return {
    sourceId: 'core',
    table: role,
    role,
    physical: `core_${role}`,
    fresh: true,
    columns: [],
    select: `SELECT * FROM values('customer_id String, ${COLUMNS[role]}, _file String, _line UInt64', ${values.join(', ')})`,
  };
}

function relations(rows: readonly { from: string; to: string; kind: string }[]): RoleTable {
  const values = rows.map(
    ({ from, to, kind }, at) =>
      `(${text(from)}, ${text(to)}, ${text(kind)}, NULL, NULL, NULL, 'r.csv', ${at + 1})`,
  );
  return {
    sourceId: 'core',
    table: 'relation',
    role: 'relation',
    physical: 'core_relation',
    fresh: true,
    columns: [],
    select: `SELECT * FROM values('from_id String, to_id String, kind String, share Nullable(Float64), since Nullable(Date32), until Nullable(Date32), _file String, _line UInt64', ${values.join(', ')})`,
  };
}

/** Canonical tables that say whose something is. */
const OF_CUSTOMERS = [
  'customer',
  'customer_pii',
  'identity',
  'record',
  'account',
  'holding',
  'transaction',
  'event',
  'relation',
] as const;

describe('one customer', () => {
  let stores: TestStores;
  let resolution: Resolution;
  let tables: RoleTable[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const exclusively = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const approvals: { subjectId: string; subjectKind: string }[] = [];

  const load = async (next: RoleTable[]): Promise<void> => {
    tables = next;
    const release = await stores.releases.current();
    const projection = await createProjector({ ...stores, dataKey }).project({
      sourceId: next[0]?.sourceId ?? '',
      roleTables: next,
      release,
    });
    await stores.releases.publish({ set: projection.set, note: 'load' });
  };

  /** Every row of the canonical tables, without where it lies. */
  const snapshot = async (): Promise<Record<string, string[]>> => {
    const { placements } = await stores.releases.current();
    const found: Record<string, string[]> = {};
    for (const name of OF_CUSTOMERS) {
      const table = placements.get(name)?.table;
      if (!table) continue;
      const rows = await stores.warehouse.query(
        Line,
        `SELECT toString(tuple(*)) AS line FROM ${stores.warehouse.identifier(table)} ORDER BY line`,
      );
      found[name] = rows.map(({ line }) => line);
    }
    const collected = await stores.warehouse.query(
      Line,
      'SELECT toString((cid, event_id, name, at, properties, source, record)) AS line FROM collected_event FINAL ORDER BY line',
    );
    found.collected_event = collected.map(({ line }) => line);
    return found;
  };

  /** The canonical tables as a bank that loads everything anew with these merges would have them. */
  const naive = async (): Promise<Record<string, string[]>> => {
    const release = await stores.releases.current();
    const all = await createProjector({ ...stores, dataKey }).project({
      sourceId: tables[0]?.sourceId ?? '',
      roleTables: tables.map((table) => ({ ...table, fresh: true })),
      release,
    });
    const found: Record<string, string[]> = {};
    for (const [name, placement] of Object.entries(all.set)) {
      if (!OF_CUSTOMERS.some((each) => each === name)) continue;
      const rows = await stores.warehouse.query(
        Line,
        `SELECT toString(tuple(*)) AS line FROM ${stores.warehouse.identifier(placement.table)} ORDER BY line`,
      );
      found[name] = rows.map(({ line }) => line);
    }
    return found;
  };

  const recordOf = async (customerId: string): Promise<number> => {
    const table = (await stores.releases.current()).placements.get('record')?.table ?? '';
    const [row] = await stores.warehouse.query(
      Type.Object({ record: Type.Integer() }),
      `SELECT record FROM ${stores.warehouse.identifier(table)} WHERE customer_id = {customerId:String}`,
      { customerId },
    );
    return row?.record ?? 0;
  };

  const users = () => {
    const aliases = createAliases(stores);
    return {
      aliases,
      users: createUsers({
        ...stores,
        clock,
        audit: { record: async () => undefined },
        keys: derivePiiKeys(dataKey),
        aliases,
        sharedDevice: async () => 2,
      }),
    };
  };

  beforeAll(async () => {
    stores = await startTestStores([customersMigrations]);
    resolution = createResolution({
      ...stores,
      clock,
      log: silentLog,
      audit: { record: async () => undefined },
      approvals: {
        request: async (request) => {
          approvals.push(request);
          return {
            ...request,
            id: `apr_${approvals.length}`,
            state: 'pending',
            requestedBy: request.requestedBy.id,
            requestedByName: request.requestedBy.displayName,
            requestedAt: '2026-06-01T00:00:00.000Z',
          };
        },
      },
      dataKey,
      roleTables: async () => tables,
      stitchedTo: (records) => users().users.stitchedTo(records),
      exclusively,
    });
  });
  afterAll(() => stores?.stop());

  const core = [
    {
      id: 'A1',
      name: '陳小明',
      birth: '1984-05-17',
      phone: '13800138000',
      document: '110105198405170018',
      city: '海州',
    },
    { id: 'A2', name: '王芳', birth: '1990-01-02', phone: '13900139000', document: '110105199001020027' },
    { id: 'A3', name: '李強', birth: '1970-03-04', phone: '13700137000', address: '海州市中山路1号2栋301室' },
  ];
  const crm = [
    {
      id: 'B1',
      name: '陈小明 先生',
      birth: '1984-05-17',
      phone: '+86 138-0013-8000',
      document: '110105198405170018',
      city: '江城',
    },
    { id: 'B2', name: '王芳芳', birth: '1990-01-02', phone: '13900139000' },
    {
      id: 'B3',
      name: '李伟',
      birth: '1998-09-09',
      phone: '13700137000',
      address: '海州市中山路 1 號 2 幢 301',
    },
  ];
  const money = [
    { id: 'T1', customer: 'A1', amount: 100 },
    { id: 'T2', customer: 'B1', amount: 200 },
    { id: 'T3', customer: 'A2', amount: 300 },
    { id: 'T4', customer: 'B2', amount: 400 },
  ];

  it('merges what the rules are sure of, asks about the rest, and finds the household', async () => {
    await load([people('core', core), people('crm', crm), transactions('core', money)]);
    const figures = await resolution.run({ full: true });
    expect(figures).toMatchObject({ records: 6, merged: 1, households: 2 });
    const { placements } = await stores.releases.current();
    const customer = stores.warehouse.identifier(placements.get('customer')?.table ?? '');
    const rows = await stores.warehouse.query(
      Type.Object({ customer_id: Type.String(), city: Type.String() }),
      `SELECT customer_id, city FROM ${customer} ORDER BY customer_id`,
    );
    // The core bank is trusted more: its city stands.
    expect(rows.map(({ customer_id }) => customer_id)).toEqual(['A1', 'A2', 'A3', 'B2', 'B3']);
    expect(rows[0]?.city).toBe('海州');
    const sums = await stores.warehouse.query(
      Type.Object({ cid: Type.Integer(), n: Type.Integer() }),
      `SELECT cid, toInt64(sum(amount_minor)) AS n FROM ${stores.warehouse.identifier(placements.get('transaction')?.table ?? '')} GROUP BY cid ORDER BY cid`,
    );
    expect(sums).toContainEqual({ cid: await recordOf('A1'), n: 300 });
    const open = await resolution.store.pairs({ state: 'open', limit: 10 });
    expect(open.map(({ rule }) => rule)).not.toContain('same_document');
  });

  it('has facts under their segments, with what left them, so that nothing else need be computed anew', async () => {
    const placement = (await stores.releases.current()).placements.get('transaction');
    const infos = await stores.releases.segments(placement?.segments ?? []);
    const withdrawn = [...infos.values()].filter((info) => info.withdrawn !== undefined);
    expect(withdrawn).toHaveLength(1);
    expect(placement?.segments).toHaveLength(2);
  });

  it('compares only what is new or changed the second time', async () => {
    expect(await resolution.run()).toMatchObject({ fresh: 0, compared: 0, merged: 0 });
    const changed = crm.map((row) =>
      row.id === 'B2' ? { ...row, name: '王芳', document: '110105199001020027' } : row,
    );
    await load([people('core', core), people('crm', changed), transactions('core', money)]);
    expect(await resolution.run()).toMatchObject({ fresh: 1, merged: 1 });
    expect(aliasesOf(await resolution.store.state()).size).toBe(2);
  });

  it('undoes a merge so that every table is as it was, and never proposes it again', async () => {
    const before = await snapshot();
    const { mergeId } = await resolution.merge(
      { a: await recordOf('A3'), b: await recordOf('B3') },
      { reason: 'a slip' },
      systemActor,
    );
    await resolution.applyNow();
    expect(await snapshot()).not.toEqual(before);
    await resolution.unmerge(mergeId, 'father and son', systemActor);
    await resolution.applyNow();
    expect(await snapshot()).toEqual(before);
    await expect(resolution.unmerge(mergeId, 'again', systemActor)).rejects.toMatchObject({
      code: 'customers.not_merged',
    });
    await expect(
      resolution.merge({ a: await recordOf('A3'), b: await recordOf('B3') }, { reason: 'no' }, systemActor),
    ).rejects.toMatchObject({ code: 'customers.known_distinct' });
    await resolution.run({ full: true });
    expect(aliasesOf(await resolution.store.state()).has(await recordOf('B3'))).toBe(false);
  });

  it('shows after random merges, unmerges, loads and events what loading everything anew would show', async () => {
    const random = seededRandom(5);
    const ids = [...core, ...crm].map(({ id }) => id);
    const records = new Map<string, number>();
    for (const id of ids) records.set(id, await recordOf(id));
    const events = createCollectedEvents({
      ...stores,
      clock,
      ownersOf: (cids) => users().users.ownersOf(cids),
    });
    let amount = 0;
    const rows = [...money];
    const things = [
      ...(['account', 'holding', 'event'] as const).map((role) => belongings(role, [...ids, ...ids])),
      relations([
        { from: 'A1', to: 'A2', kind: 'payroll' },
        { from: 'B1', to: 'B2', kind: 'payroll' },
        { from: 'A3', to: 'B3', kind: 'supplier' },
      ]),
    ];
    const loadAll = () =>
      load([people('core', core), people('crm', crm), transactions('core', rows), ...things]);
    await loadAll();
    const links = async () => [...(await resolution.store.state()).links.keys()];
    for (let step = 0; step < 14; step++) {
      const draw = random.next();
      const held = await links();
      if (draw < 0.4) {
        const pair = [ids[random.integer(ids.length)] ?? '', ids[random.integer(ids.length)] ?? ''] as const;
        await resolution
          .merge(
            { a: records.get(pair[0]) ?? 0, b: records.get(pair[1]) ?? 0 },
            { reason: 'random', despiteDistinct: true },
            systemActor,
          )
          .catch(() => undefined);
        await resolution.applyNow();
      } else if (draw < 0.65 && held.length > 0) {
        await resolution.unmerge(held[random.integer(held.length)] ?? '', 'random', systemActor);
        await resolution.applyNow();
      } else if (draw < 0.85) {
        rows.push({ id: `R${step}`, customer: ids[random.integer(ids.length)] ?? 'A1', amount: ++amount });
        await loadAll();
      } else {
        const cid = records.get(ids[random.integer(ids.length)] ?? '') ?? 0;
        await events.collect([{ eventId: `E${step}`, cid, name: 'login', at: NOW, properties: {} }]);
      }
      const shown = await snapshot();
      const { collected_event: collected = [], ...canonical } = shown;
      expect({ step, ...canonical }).toEqual({ step, ...(await naive()) });
      // An event belongs to the customer that its record is now.
      const aliases = aliasesOf(await resolution.store.state());
      for (const line of collected) {
        const [cid, record] = [Number(/^\((\d+)/.exec(line)?.[1]), Number(/(\d+)\)$/.exec(line)?.[1])];
        expect(cid).toBe(aliases.get(record) ?? record);
      }
    }
    expect(await resolution.verify()).toMatchObject({ agrees: true });

    // A chain that makes one customer of all, undone in another order, leaves every row as it was.
    const before = await snapshot();
    const already = new Set(await links());
    const [first = '', ...others] = ids;
    for (const other of others) {
      await resolution
        .merge(
          { a: records.get(first) ?? 0, b: records.get(other) ?? 0 },
          { reason: 'chain', despiteDistinct: true },
          systemActor,
        )
        .catch(() => undefined);
    }
    await resolution.applyNow();
    expect((await snapshot()).customer).toHaveLength(1);
    for (const mergeId of (await links()).filter((id) => !already.has(id)).toReversed()) {
      await resolution.unmerge(mergeId, 'chain', systemActor);
      await resolution.applyNow();
    }
    expect(await snapshot()).toEqual(before);
  }, 120_000);

  it('asks a second person for many merges at once', async () => {
    await resolution.putRules({ ...DEFAULT_RULES, bulkFrom: 2 }, systemActor);
    const [a2, a3, b2, b3] = [
      await recordOf('A2'),
      await recordOf('A3'),
      await recordOf('B2'),
      await recordOf('B3'),
    ];
    for (const mergeId of (await resolution.store.state()).links.keys()) {
      await resolution.unmerge(mergeId, 'start anew', systemActor);
    }
    const state = await resolution.store.state();
    await resolution.store.append(
      () =>
        [...state.distinct].map((key, at) => {
          const [a = 0, b = 0] = key.split(':').map(Number);
          return { id: `undo${at}`, kind: 'undistinct' as const, a, b, rule: 'person' };
        }),
      systemActor,
      NOW,
    );
    const pair = { rule: 'close_name', probability: 0.9, pattern: '1.2.-.-.-.-.-.-', weights: {} };
    await resolution.store.queue(
      [
        { a: a2, b: b2, ...pair },
        { a: a3, b: b3, ...pair },
      ],
      'mrn_x',
      NOW,
    );
    const asked = await resolution.decide(
      {
        decision: 'merge',
        pairs: [
          { a: a2, b: b2 },
          { a: a3, b: b3 },
        ],
      },
      systemActor,
    );
    expect(asked).toMatchObject({ decided: 0, approvalId: 'apr_1' });
    expect((await resolution.store.state()).links.size).toBe(0);
    await resolution.onApprovalDecided({
      ...(approvals[0] ?? { subjectKind: '', subjectId: '' }),
      state: 'approved',
      requestedBy: 'usr_maker',
      requestedByName: 'Maker',
    });
    expect((await resolution.store.state()).links.size).toBe(2);
    await expect(
      resolution.putRules(
        { ...DEFAULT_RULES, rules: [{ name: 'all', when: {}, decide: 'merge' }] },
        systemActor,
      ),
    ).rejects.toMatchObject({ code: 'customers.invalid_rules' });
  });

  it('joins an anonymous history to one customer, once, however many sign in at the same moment', async () => {
    await resolution.applyNow();
    const { users: visitors, aliases } = users();
    const seen = await visitors.identify({ kind: 'device', anonymousId: 'phone-1' });
    expect(seen).toMatchObject({ level: 'anonymous', because: 'not_signed_in' });
    const events = createCollectedEvents({ ...stores, clock, ownersOf: (cids) => visitors.ownersOf(cids) });
    await events.collect(
      ['V1', 'V2'].map((eventId) => ({
        eventId,
        cid: seen.userNumber,
        name: 'viewed',
        at: NOW,
        properties: {},
      })),
    );
    const both = await Promise.all(
      ['A2', 'A3', 'A2', 'A3'].map((customerId) =>
        visitors.identify({ kind: 'device', anonymousId: 'phone-1', customerId }),
      ),
    );
    expect(both.filter(({ because }) => because === 'stitched')).toHaveLength(1);
    expect(both.reduce((sum, { movedEvents }) => sum + movedEvents, 0)).toBe(2);
    const owner = both.find(({ because }) => because === 'stitched')?.customerId ?? '';
    const ownEvents = async (cid: number): Promise<string[]> =>
      (
        await stores.warehouse.query(
          Type.Object({ event_id: Type.String() }),
          "SELECT event_id FROM collected_event FINAL WHERE cid = {cid:UInt32} AND name = 'viewed' ORDER BY event_id",
          { cid },
        )
      ).map((row) => row.event_id);
    expect(await ownEvents(await aliases.customerOf(await recordOf(owner)))).toEqual(['V1', 'V2']);
    await events.collect([{ eventId: 'V3', cid: seen.userNumber, name: 'viewed', at: NOW, properties: {} }]);
    expect(await ownEvents(await aliases.customerOf(await recordOf(owner)))).toEqual(['V1', 'V2', 'V3']);
    // A third customer on it: the device is nobody's.
    expect(
      await visitors.identify({ kind: 'device', anonymousId: 'phone-1', customerId: 'A1' }),
    ).toMatchObject({
      level: 'anonymous',
      because: 'shared_device',
      movedEvents: 3,
    });
    expect(await ownEvents(seen.userNumber)).toEqual(['V1', 'V2', 'V3']);
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, at) => visitors.identify({ kind: 'cookie', anonymousId: `c${at % 4}` })),
    );
    expect(new Set(many.map(({ userNumber }) => userNumber)).size).toBe(4);
  });
});
