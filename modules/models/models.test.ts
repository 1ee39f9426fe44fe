import type { ConditionCatalog, TagEntry } from '@rapport/conditions';
import { fixedClock, seededRandom, systemActor } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModels, type Models, modelsMigrations, type ScoreTag } from './index.ts';

const NOW = Date.UTC(2026, 10, 23);
const CUSTOMERS = 6_000;

let stores: TestStores;
let models: Models;
let published: ScoreTag | undefined;
const truth = new Map<number, number>();

beforeAll(async () => {
  stores = await startTestStores([modelsMigrations]);
  await buildBank(stores);
  const clock = fixedClock(NOW);
  models = createModels({
    ...stores,
    clock,
    audit: { record: async () => undefined },
    catalog: async () => catalog,
    publishScores: async (scores) => {
      published = scores;
      return stores.releases.publish({
        set: { [`tag/${scores.tagId}`]: scores.placement },
        note: scores.note,
      });
    },
  });
});
afterAll(async () => stores.stop());

describe('models', () => {
  it('learns a planted propensity, judges it on customers kept aside and scores everybody', async () => {
    const made = await models.create(
      {
        id: 'deposit',
        name: 'Deposit propensity',
        features: ['balance', 'age', 'city', 'is_active'],
        label: { kind: 'event', event: 'deposit_opened', within: 'P14D' },
        asOf: new Date(NOW - 14 * 86_400_000).toISOString(),
      },
      systemActor,
    );
    expect(made.state).toBe('draft');
    await stores.jobs.wait(await models.train('deposit', systemActor));
    const trained = await models.get('deposit');
    expect(trained.state).toBe('trained');
    const card = trained.card;
    if (!card) throw new Error('a trained model has a card');
    expect(card.trainRows + card.validation.rows).toBe(CUSTOMERS);
    expect(card.validation.auc).toBeGreaterThan(0.7);
    expect(card.validation.ece).toBeLessThan(0.03);
    expect(card.validation.lift10).toBeGreaterThan(1.8);
    const columns = card.coefficients.map((coefficient) => coefficient.column);
    expect(columns).toEqual(
      expect.arrayContaining(['balance', 'balance unknown', 'age', 'city = north', 'is_active']),
    );

    await stores.jobs.wait(await models.score('deposit', systemActor));
    expect((await models.get('deposit')).scored).toBe(CUSTOMERS);
    if (!published) throw new Error('scores were published');
    const scores = await stores.warehouse.query(
      Type.Object({ cid: Type.Integer(), value: Type.Number() }),
      `SELECT cid, value FROM ${stores.warehouse.identifier(published.placement.table)} ORDER BY cid`,
    );
    expect(scores).toHaveLength(CUSTOMERS);
    const error =
      scores.reduce((sum, { cid, value }) => sum + Math.abs(value - (truth.get(cid) ?? 0)), 0) / CUSTOMERS;
    expect(error).toBeLessThan(0.025);
    expect((await stores.releases.current()).placements.get('tag/score_deposit')).toEqual(
      published.placement,
    );
  });

  it('judges again on the current data', async () => {
    const before = (await models.get('deposit')).card?.validation;
    await stores.jobs.wait(await models.evaluate('deposit', systemActor));
    expect((await models.get('deposit')).card?.validation).toEqual(before);
  });

  it('refuses what it cannot learn from', async () => {
    const label = { kind: 'event', event: 'deposit_opened', within: 'P14D' } as const;
    await expect(
      models.create({ name: 'x', features: ['nothing'], label }, systemActor),
    ).rejects.toMatchObject({
      code: 'models.unknown_feature',
    });
    await expect(
      models.create({ id: 'deposit', name: 'x', features: ['age'], label }, systemActor),
    ).rejects.toMatchObject({
      code: 'models.exists',
    });
    await expect(
      models.create({ name: 'x', features: ['age'], label: { ...label, event: 'unheard_of' } }, systemActor),
    ).rejects.toMatchObject({ code: 'models.not_valid' });
    await expect(models.score('unknown', systemActor)).rejects.toMatchObject({ code: 'models.not_found' });
    await models.create(
      { id: 'rare', name: 'Rare', features: ['age'], label, asOf: new Date(NOW).toISOString() },
      systemActor,
    );
    await expect(models.score('rare', systemActor)).rejects.toMatchObject({ code: 'models.not_trained' });
    await expect(stores.jobs.wait(await models.train('rare', systemActor))).rejects.toThrow('at least 20');
  });
});

const tags: Readonly<Record<string, TagEntry>> = {
  balance: { type: 'money', table: 'wide', column: 'balance', title: { en: 'Balance' } },
  age: { type: 'number', table: 'wide', column: 'age', title: { en: 'Age' } },
  city: { type: 'text', table: 'wide', column: 'city', title: { en: 'City' } },
  is_active: { type: 'boolean', table: 'other', column: 'is_active', title: { en: 'Active' } },
};
const catalog: ConditionCatalog = {
  customers: 'bank_customer',
  tag: (id) => tags[id],
  event: (name) =>
    name === 'deposit_opened'
      ? {
          from: 'bank_event',
          filter: "name = 'deposit_opened'",
          at: 'at',
          properties: {},
          title: { en: name },
        }
      : undefined,
  audience: () => undefined,
  list: () => undefined,
  tagIds: () => Object.keys(tags),
  eventNames: () => ['deposit_opened'],
  listIds: () => [],
};

/** Customers whose deposits follow a logistic function of their tags; a tenth have no known balance. */
async function buildBank({ warehouse }: TestStores): Promise<void> {
  await warehouse.command(
    'CREATE TABLE bank_customer (cid UInt32, customer_id String, org_unit String) ENGINE = MergeTree ORDER BY cid',
  );
  await warehouse.command(
    'CREATE TABLE wide (cid UInt32, balance Nullable(Int64), age Nullable(Float64), city Nullable(String)) ENGINE = MergeTree ORDER BY cid',
  );
  await warehouse.command(
    'CREATE TABLE other (cid UInt32, is_active Nullable(Bool)) ENGINE = MergeTree ORDER BY cid',
  );
  await warehouse.command(
    "CREATE TABLE bank_event (cid UInt32, name String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY cid",
  );
  const random = seededRandom(5);
  const cities = ['north', 'south', 'east'] as const;
  const rows = Array.from({ length: CUSTOMERS }, (_, index) => {
    const [wealth, age, city, active] = [
      random.normal(),
      20 + random.integer(60),
      cities[random.integer(3)] ?? 'east',
      random.next() < 0.5,
    ];
    const known = random.next() < 0.9;
    const score =
      -2 +
      (known ? 0.9 * wealth : 0) -
      0.02 * (age - 50) +
      (city === 'north' ? 0.8 : 0) +
      (active ? 0.6 : -0.6);
    const p = 1 / (1 + Math.exp(-score));
    truth.set(index + 1, p);
    return {
      cid: index + 1,
      balance: known ? Math.round(100 * Math.expm1(10 + wealth)) : null,
      age,
      city,
      active,
      opened: random.next() < p,
    };
  });
  await warehouse.insert(
    'bank_customer',
    rows.map(({ cid }) => ({ cid, customer_id: `C${cid}`, org_unit: 'B01' })),
  );
  await warehouse.insert(
    'wide',
    rows.map(({ cid, balance, age, city }) => ({ cid, balance, age, city })),
  );
  // The last customers have no row in this table: absent rows are unknown too.
  await warehouse.insert(
    'other',
    rows.slice(0, -10).map(({ cid, active }) => ({ cid, is_active: active })),
  );
  await warehouse.insert(
    'bank_event',
    rows
      .filter((row) => row.opened)
      .map(({ cid }) => ({ cid, name: 'deposit_opened', at: '2026-11-15 10:00:00.000' })),
  );
}
