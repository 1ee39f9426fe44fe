import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Condition, ConditionSchema } from './condition.ts';
import { compilePredicate } from './predicate.ts';
import { randomWorld, type World } from './random-worlds.test-support.ts';
import { compileCids, compileCount, compileCounts, compileMembers } from './sql.ts';
import { checkCondition } from './validate.ts';

const SEED = Number(process.env.CONDITIONS_SEED ?? 20261123);
const WORLDS = Number(process.env.CONDITIONS_WORLDS ?? 51);
const CASES_PER_WORLD = 200;
const BATCH = 100;

const Members = Type.Record(Type.String(), Type.Array(Type.Integer()));

let stores: TestStores;
let worlds: World[];

beforeAll(async () => {
  stores = await startTestStores();
  worlds = Array.from({ length: WORLDS }, (_, index) => randomWorld(index, SEED));
  await storeWorlds(stores.warehouse);
});
afterAll(() => stores?.stop());

describe('the warehouse and the predicate', () => {
  it(`agree on ${WORLDS * CASES_PER_WORLD} random conditions, customers and instants`, {
    timeout: 900_000,
  }, async () => {
    let cases = 0;
    let verdicts = 0;
    let held = 0;
    for (const world of worlds) {
      for (let done = 0; done < CASES_PER_WORLD; done += BATCH) {
        const now = world.instants[(cases / BATCH) % world.instants.length] ?? 0;
        const batch = Array.from({ length: BATCH }, () => ({ condition: world.condition(), now }));
        const { sql, params } = compileMembers(batch, world.catalog);
        const [row] = await stores.warehouse.query(Members, sql, params);
        for (const [index, { condition }] of batch.entries()) {
          cases += 1;
          expect(checkCondition(condition, world.catalog).faults, JSON.stringify(condition)).toEqual([]);
          const members = new Set(row?.[`c${index}`]);
          const holds = compilePredicate(condition, world.catalog);
          for (const customer of world.customers) {
            verdicts += 1;
            const expected = holds(customer, now);
            if (expected) held += 1;
            if (members.delete(customer.cid) !== expected)
              throw new Error(disagreement(condition, now, customer, { predicate: expected }));
          }
          expect([...members], `members that are no customers: ${JSON.stringify(condition)}`).toEqual([]);
        }
      }
    }
    expect(cases).toBeGreaterThanOrEqual(WORLDS * CASES_PER_WORLD);
    // Conditions that are nearly always true or false would prove little.
    expect(held / verdicts).toBeGreaterThan(0.2);
    expect(held / verdicts).toBeLessThan(0.8);
  });

  it('answer the same as one bitmap, as a count and node by node', { timeout: 600_000 }, async () => {
    const Counts = Type.Record(Type.String(), Type.Integer());
    for (const world of worlds.slice(0, 20)) {
      for (let round = 0; round < 5; round++) {
        const condition = world.condition();
        const now = world.instants[round] ?? 0;
        const holds = compilePredicate(condition, world.catalog);
        const expected = world.customers.filter((customer) => holds(customer, now)).map(({ cid }) => cid);
        const cids = compileCids(condition, world.catalog, { now });
        const set = await stores.warehouse.queryCids(cids.sql, cids.params);
        expect([...set.toArray()]).toEqual(expected);
        const count = compileCount(condition, world.catalog, { now });
        expect(await stores.warehouse.query(Counts, count.sql, count.params)).toEqual([
          { count: expected.length, total: world.customers.length },
        ]);
        const counts = compileCounts(condition, world.catalog, { now });
        const [row] = await stores.warehouse.query(Counts, counts.sql, counts.params);
        for (const node of counts.nodes) {
          const nodeHolds = compilePredicate(node.node, world.catalog);
          expect(row?.[node.countColumn], node.pointer).toBe(
            world.customers.filter((customer) => nodeHolds(customer, now)).length,
          );
        }
        expect(row?.[counts.nodes[0]?.keptColumn ?? '']).toBe(expected.length);
      }
    }
  });
});

it('accepts by checkCondition only what the JSON schema accepts', () => {
  for (const world of worlds.slice(0, 10)) {
    for (let round = 0; round < 50; round++)
      expect(Value.Check(ConditionSchema, world.condition())).toBe(true);
  }
});

function disagreement(
  condition: Condition,
  now: number,
  customer: unknown,
  found: { predicate: boolean },
): string {
  const shown = JSON.stringify(customer, (_, value: unknown) => (value instanceof Set ? [...value] : value));
  return `seed ${SEED}: the predicate says ${found.predicate}, the warehouse ${!found.predicate}, of ${JSON.stringify(condition)} at ${new Date(now).toISOString()} for ${shown}`;
}

async function storeWorlds(warehouse: TestStores['warehouse']): Promise<void> {
  for (const table of worlds.flatMap((world) => world.tables)) {
    await warehouse.command(`CREATE TABLE ${table.name} (${table.columns}) ENGINE = Memory`);
    await warehouse.insert(table.name, table.rows);
  }
}
