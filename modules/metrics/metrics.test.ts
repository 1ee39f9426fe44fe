import { type Condition, type ConditionCatalog, compileCids, type TagEntry } from '@rapport/conditions';
import { type Actor, fixedClock, silentLog, systemActor } from '@rapport/kernel';
import { startTestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetricDefinition } from './contract.ts';
import { metricsMigrations } from './metrics.migrations.ts';
import { createMetrics, type Metrics } from './metrics.service.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const CUSTOMERS = 3_000;
const UNITS = [
  { code: 'HQ', name: 'Head office' },
  { code: 'B1', name: 'North', parent: 'HQ' },
  { code: 'B2', name: 'South', parent: 'HQ' },
  { code: 'S1', name: 'North market', parent: 'B1' },
];
const branch: Actor = { ...systemActor, kind: 'user', id: 'usr_b1', orgScope: ['B1'] };

const aum: MetricDefinition = {
  id: 'aum',
  title: { en: 'Assets' },
  unit: 'CNY',
  format: 'money',
  measure: { kind: 'sum', tag: 'aum' },
};
const rich: MetricDefinition = {
  id: 'rich',
  title: { en: 'Customers with assets' },
  format: 'number',
  measure: { kind: 'customers', condition: { tag: 'aum', op: '>=', value: 500_000 } },
};

describe('metrics', () => {
  let stores: Awaited<ReturnType<typeof startTestStores>>;
  let metrics: Metrics;
  let day = '2026-11-20';
  let tagsTable = 'tags_one';
  /** What every customer has, worked out here. */
  const bank = Array.from({ length: CUSTOMERS }, (_, cid) => ({
    cid,
    unit: ['B1', 'B2', 'S1', '', 'X9'][cid % 5] ?? '',
    rm: cid % 7 === 0 ? '' : `RM${cid % 3}`,
    aum: cid % 4 === 0 ? undefined : cid * 1_000 - 200_000,
    score: cid % 6 === 0 ? undefined : cid / 7,
  }));

  const catalog = (): ConditionCatalog => {
    const entry = (type: TagEntry['type'], column: string): TagEntry => ({
      type,
      table: tagsTable,
      column,
      title: { en: column },
    });
    const tags = new Map<string, TagEntry>([
      ['aum', entry('money', 'aum')],
      ['score', entry('number', 'score')],
      ['city', entry('text', 'city')],
    ]);
    const audience: Condition = { tag: 'score', op: '<', value: 100 };
    return {
      customers: 'customer_one',
      tag: (id) => tags.get(id),
      event: () => undefined,
      audience: (id) => (id === 'aud_low' ? audience : undefined),
      list: () => undefined,
      tagIds: () => [...tags.keys()],
      eventNames: () => [],
      listIds: () => [],
    };
  };

  beforeAll(async () => {
    stores = await startTestStores([metricsMigrations]);
    const { warehouse } = stores;
    await warehouse.createTable({
      name: 'customer_one',
      columns: 'cid UInt32, customer_id String, org_unit LowCardinality(String), rm String',
      orderBy: 'cid',
      spread: 'cid',
    });
    await warehouse.insert(
      'customer_one',
      bank.map(({ cid, unit, rm }) => ({ cid, customer_id: `C${cid}`, org_unit: unit, rm })),
    );
    for (const [table, more] of [
      ['tags_one', 0],
      ['tags_two', 1],
    ] as const) {
      await warehouse.createTable({
        name: table,
        columns:
          'cid UInt32, aum Nullable(Int64), score Nullable(Float64), city LowCardinality(Nullable(String))',
        orderBy: 'cid',
        spread: 'cid',
      });
      await warehouse.insert(
        table,
        bank.map(({ cid, aum: assets, score }) => ({
          cid,
          aum: assets === undefined ? null : assets + more,
          score: score ?? null,
          city: null,
        })),
      );
    }
    metrics = createMetrics({
      relational: stores.relational,
      warehouse,
      clock: fixedClock(NOW),
      log: silentLog,
      audit: { record: async () => undefined },
      world: async (past) => {
        if (past !== undefined && past !== day) return undefined;
        const names = catalog();
        return {
          day,
          release: { number: 7, placements: new Map([['customer', { table: 'customer_one' }]]) },
          catalog: names,
          conditionSql: async (condition) => compileCids(condition, names, { now: NOW }),
        };
      },
      checkCondition: async () => [],
      orgUnits: async () => UNITS,
      scopeOf: async (actor) => (actor.orgScope ? ['B1', 'S1'] : undefined),
      findCustomer: async (id, actor) => {
        const found = bank.find(({ cid, unit }) => `C${cid}` === id && (!actor.orgScope || unit === 'B1'));
        return found && { cid: found.cid };
      },
      audienceName: async (id) => (id === 'aud_low' ? 'Low score' : undefined),
    });
    await metrics.create(aum, systemActor);
    await metrics.create(rich, systemActor);
    await metrics.create(
      {
        id: 'mean_score',
        title: { en: 'Mean score' },
        format: 'number',
        measure: { kind: 'average', tag: 'score' },
      },
      systemActor,
    );
    await metrics.create(
      {
        id: 'aum_per_rich',
        title: { en: 'Assets by customer with assets' },
        format: 'money',
        unit: 'CNY',
        measure: { kind: 'ratio', numerator: 'aum', denominator: 'rich' },
      },
      systemActor,
    );
  });
  afterAll(() => stores?.stop());

  const sum = (where: (customer: (typeof bank)[number]) => boolean): number =>
    bank.reduce((total, customer) => (where(customer) ? total + (customer.aum ?? 0) : total), 0);

  it('give the same number for a customer, a manager, a branch, an audience and the bank', async () => {
    const bankWide = await metrics.values('aum', {}, systemActor);
    expect(bankWide.total).toBe(sum(() => true));

    const byUnit = await metrics.values('aum', { grain: 'org_unit' }, systemActor);
    const north = byUnit.items.find((item) => item.key === 'B1');
    expect(north?.value).toBe(sum(({ unit }) => unit === 'B1' || unit === 'S1'));
    expect(north?.own).toBe(sum(({ unit }) => unit === 'B1'));
    const top = byUnit.items.filter((item) => item.parent === undefined);
    expect(top.map((item) => item.key)).toEqual(['', 'HQ', 'X9']);
    expect(top.reduce((total, item) => total + (item.value ?? 0), 0)).toBe(bankWide.total);

    const byRm = await metrics.values('aum', { grain: 'rm' }, systemActor);
    expect(byRm.items.find((item) => item.key === 'RM1')?.value).toBe(sum(({ rm }) => rm === 'RM1'));
    expect(byRm.items.reduce((total, item) => total + (item.value ?? 0), 0)).toBe(bankWide.total);

    const one = await metrics.values('aum', { grain: 'customer', key: 'C17' }, systemActor);
    expect(one.items).toEqual([{ key: 'C17', title: 'C17', value: 17_000 - 200_000, customers: 1 }]);

    const low = await metrics.values('aum', { grain: 'audience', key: 'aud_low' }, systemActor);
    expect(low.items[0]).toMatchObject({
      title: 'Low score',
      value: sum(({ score }) => score !== undefined && score < 100),
    });

    const sql = await metrics.customerValues('aum', {
      release: { number: 7, placements: new Map([['customer', { table: 'customer_one' }]]) },
      catalog: catalog(),
      conditionSql: async () => ({ sql: '', params: {} }),
    });
    const [row] = await stores.warehouse.query(
      Type.Object({ n: Type.Number() }),
      `SELECT toFloat64(sum(value)) AS n FROM (${sql?.sql})`,
    );
    expect(row?.n).toBe(bankWide.total);
  });

  it('count, average and divide at every grain from the sums there', async () => {
    const isRich = (customer: (typeof bank)[number]): boolean => (customer.aum ?? -1) >= 500_000;
    const counted = await metrics.values('rich', { grain: 'org_unit' }, systemActor);
    expect(counted.total).toBe(bank.filter(isRich).length);
    expect(counted.isAdditive).toBe(true);

    const mean = await metrics.values('mean_score', { grain: 'org_unit', key: 'B2' }, systemActor);
    const scores = bank.flatMap(({ unit, score }) => (unit === 'B2' && score !== undefined ? [score] : []));
    expect(mean.items[0]?.value).toBeCloseTo(scores.reduce((a, b) => a + b, 0) / scores.length, 6);
    expect(mean.isAdditive).toBe(false);

    const ratio = await metrics.values('aum_per_rich', { grain: 'org_unit', key: 'S1' }, systemActor);
    const inS1 = bank.filter(({ unit }) => unit === 'S1');
    expect(ratio.items[0]?.value).toBeCloseTo(
      inS1.reduce((total, { aum: assets }) => total + (assets ?? 0), 0) / inS1.filter(isRich).length,
      6,
    );
  });

  it('show whoever sees a part of the bank that part alone', async () => {
    const scoped = await metrics.values('aum', {}, branch);
    expect(scoped.total).toBe(sum(({ unit }) => unit === 'B1' || unit === 'S1'));
    await expect(metrics.values('aum', { grain: 'customer', key: 'C1' }, branch)).rejects.toMatchObject({
      code: 'metrics.unknown_key',
    });
    const managers = await metrics.values('aum', { grain: 'rm', within: 'S1' }, branch);
    expect(managers.total).toBe(sum(({ unit }) => unit === 'S1'));
  });

  it('are kept by day and version, and recomputed they are equal, or it says where not', async () => {
    await metrics.keep();
    expect(await metrics.check('aum', day)).toMatchObject({ agrees: true, differing: [] });

    const earlier = day;
    day = '2026-11-21';
    tagsTable = 'tags_two';
    await metrics.keep();
    const { items } = await metrics.trend('aum', {}, systemActor);
    const known = bank.filter(({ aum: assets }) => assets !== undefined).length;
    expect(items.map((item) => [item.day, item.value])).toEqual([
      [earlier, sum(() => true)],
      [day, sum(() => true) + known],
    ]);
    expect(await metrics.values('aum', { day: earlier }, systemActor)).toMatchObject({
      total: sum(() => true),
      version: 1,
    });

    // The world answers the values of another day for this one: a kept number that no longer follows from the data.
    tagsTable = 'tags_one';
    const check = await metrics.check('aum', day);
    expect(check.agrees).toBe(false);
    expect(check.differing.length).toBe(check.cells);
    tagsTable = 'tags_two';
    await expect(metrics.check('aum', '2020-01-01')).rejects.toMatchObject({ code: 'metrics.not_kept' });
  });

  it('keep every version of a definition and refuse one that is late', async () => {
    const changed = { ...aum, description: 'Deposits and funds' };
    await metrics.replace(changed, 1, systemActor);
    await expect(metrics.replace(changed, 1, systemActor)).rejects.toMatchObject({
      code: 'metrics.changed_meanwhile',
    });
    const { items } = await metrics.versions('aum');
    expect(items.map((item) => [item.version, item.definition.description])).toEqual([
      [2, 'Deposits and funds'],
      [1, undefined],
    ]);
  });

  it('refuse what cannot be added up, with the place of the fault', async () => {
    const invalid = async (measure: MetricDefinition['measure'], more: object = {}) =>
      metrics.create({ ...aum, id: 'wrong', measure, ...more }, systemActor);
    await expect(invalid({ kind: 'sum', tag: 'city' })).rejects.toMatchObject({
      faults: [{ pointer: '/measure/tag', message: expect.stringContaining('text') }],
    });
    await expect(invalid({ kind: 'sum', tag: 'nothing' })).rejects.toMatchObject({ code: 'metrics.invalid' });
    await expect(invalid({ kind: 'sum', tag: 'score' })).rejects.toMatchObject({
      faults: [{ pointer: '/format', message: expect.stringContaining('not money') }],
    });
    await expect(
      invalid({ kind: 'ratio', numerator: 'mean_score', denominator: 'rich' }),
    ).rejects.toMatchObject({ faults: [{ pointer: '/measure/numerator' }] });
    await expect(metrics.remove('rich', systemActor)).rejects.toMatchObject({ code: 'metrics.in_use' });
  });

  it('travel as a file', async () => {
    const yaml = await metrics.exportYaml();
    expect(await metrics.importYaml(yaml, {}, systemActor)).toMatchObject({ created: [], changed: [] });
    const more = yaml.replace('Mean score', 'Average score');
    expect(await metrics.importYaml(more, { dryRun: true }, systemActor)).toMatchObject({
      changed: ['mean_score'],
      applied: false,
    });
    expect((await metrics.get('mean_score', systemActor)).definition.title.en).toBe('Mean score');
    await expect(metrics.importYaml('metrics: [{ id: A }]', {}, systemActor)).rejects.toMatchObject({
      code: 'metrics.invalid_file',
    });
  });
});
