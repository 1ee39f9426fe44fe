import { type Condition, compilePredicate, type TagEntry } from '@rapport/conditions';
import { type Random, seededRandom } from '@rapport/kernel';
import type { Placement } from '@rapport/stores';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIndexBuilder } from '../../modules/tags/index-builder.ts';
import { randomWorld, type World } from '../conditions/random-worlds.test-support.ts';
import { indexPlacement } from './index.ts';
import { createSetEngine } from './sets.service.ts';

const SEED = Number(process.env.CONDITIONS_SEED ?? 20261125);
const WORLDS = Number(process.env.SETS_WORLDS ?? 40);
const TREES_A_WORLD = 520;
/** Trees that are asked at the same time, of the same instant. */
const AT_ONCE = 20;

/** Fine enough that a dozen customers make ranges with several values, checkpoints, and texts without entries. */
const COARSE = { numbers: 4, texts: 6, ranges: 3, checkpoints: 2, checkpointsFrom: 1, sampled: 1 };
const FINE = {
  numbers: 512,
  texts: 4_096,
  ranges: 256,
  checkpoints: 16,
  checkpointsFrom: 1,
  sampled: 1_000_000,
};

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores?.stop());

describe('the set engine and the predicate', () => {
  it(`agree on ${WORLDS * TREES_A_WORLD} random conditions, over bases and patches, as of many instants`, {
    timeout: 900_000,
  }, async () => {
    let trees = 0;
    let held = 0;
    let verdicts = 0;
    for (let index = 0; index < WORLDS; index++) {
      const world = randomWorld(index, SEED);
      const { catalog, placements } = await storeWorld(world, index, seededRandom(SEED + index));
      const engine = createSetEngine({
        warehouse: stores.warehouse,
        // Some engines keep next to nothing, and so read everything again.
        budgetBytes: index % 10 === 0 ? 2_000 : 1e8,
      });
      for (let done = 0; done < TREES_A_WORLD; done += AT_ONCE) {
        // Some instants come back, so that what is kept of one is not taken for another.
        const now = world.instants[(done / AT_ONCE) % world.instants.length] ?? 0;
        const conditions = Array.from({ length: AT_ONCE }, () => world.condition());
        // Mostly all leaves are answered together before, which is many times faster; of some worlds each on its way.
        if (index % 5 !== 0) await engine.count({ any: conditions }, { catalog, placements, now });
        await Promise.all(
          conditions.map(async (condition, at) => {
            const orgUnits = (done + at) % 7 === 0 ? ['B1'] : undefined;
            const view = { catalog, placements, now, ...(orgUnits ? { orgUnits } : {}) };
            trees += 1;
            const holds = compilePredicate(condition, catalog);
            const customers = world.customers.filter((_, place) => !orgUnits || place % 2 === 0);
            const expected = customers.filter((customer) => holds(customer, now)).map(({ cid }) => cid);
            verdicts += customers.length;
            held += expected.length;
            const told = `seed ${SEED}, world ${index}: ${JSON.stringify(condition)} at ${new Date(now).toISOString()}`;
            if (at % 2 === 0)
              expect([...(await engine.evaluate(condition, view)).toArray()], told).toEqual(expected);
            else
              expect(await engine.count(condition, view), told).toEqual({
                count: expected.length,
                total: customers.length,
              });
            if ((done + at) % 40 === 0) await explainAgrees(condition, world, engine, view);
          }),
        );
      }
    }
    expect(trees).toBe(WORLDS * TREES_A_WORLD);
    expect(held / verdicts).toBeGreaterThan(0.2);
    expect(held / verdicts).toBeLessThan(0.8);
  });

  const explainAgrees = async (
    condition: Condition,
    world: World,
    engine: ReturnType<typeof createSetEngine>,
    view: Parameters<ReturnType<typeof createSetEngine>['explain']>[1],
  ): Promise<void> => {
    const customers = world.customers.filter((_, at) => !view.orgUnits || at % 2 === 0);
    const { total, nodes } = await engine.explain(condition, view);
    expect(total).toBe(customers.length);
    const holdsFor = (node: Condition): Set<number> => {
      const holds = compilePredicate(node, view.catalog);
      return new Set(customers.filter((customer) => holds(customer, view.now)).map(({ cid }) => cid));
    };
    const inputs = new Map<string, Set<number>>([['', new Set(customers.map(({ cid }) => cid))]]);
    const befores = new Map<string, Set<number>>();
    for (const { pointer, node, count, reached, kept, added } of nodes) {
      const own = holdsFor(node);
      const input = inputs.get(pointer) ?? new Set();
      const through = new Set([...input].filter((cid) => own.has(cid)));
      expect({ pointer, count, reached, kept }).toEqual({
        pointer,
        count: own.size,
        reached: input.size,
        kept: through.size,
      });
      const before = befores.get(pointer);
      expect(added).toBe(before && [...through].filter((cid) => !before.has(cid)).length);
      if ('all' in node) {
        let left = input;
        for (const [at, part] of node.all.entries()) {
          inputs.set(`${pointer}/all/${at}`, left);
          const keeps = holdsFor(part);
          left = new Set([...left].filter((cid) => keeps.has(cid)));
        }
      } else if ('any' in node) {
        const earlier = new Set<number>();
        for (const [at, part] of node.any.entries()) {
          inputs.set(`${pointer}/any/${at}`, input);
          befores.set(`${pointer}/any/${at}`, new Set(earlier));
          for (const cid of holdsFor(part)) earlier.add(cid);
        }
      } else if ('not' in node) inputs.set(`${pointer}/not`, input);
    }
  };
});

/** Stores a world with its tags in up to three segments, most of them indexed. */
async function storeWorld(
  world: World,
  index: number,
  random: Random,
): Promise<{ catalog: World['catalog']; placements: Map<string, Placement> }> {
  const { warehouse, releases } = stores;
  for (const table of world.tables) {
    await warehouse.command(`CREATE TABLE ${table.name} (${table.columns}) ENGINE = Memory`);
    await warehouse.insert(table.name, table.rows);
  }
  const builder = createIndexBuilder({
    warehouse,
    releases,
    limits: index % 3 === 0 ? FINE : COARSE,
  });
  const placements = new Map<string, Placement>();
  const segmentsOf = new Map<string, string[]>();
  for (const table of world.tables.filter(({ name }) => name.startsWith('tags_'))) {
    const count = 1 + (index % 3);
    const parts = Array.from({ length: count }, (): (typeof table.rows)[number][] => []);
    for (const row of table.rows) {
      const last = random.integer(count);
      parts[last]?.push(row);
      // What stood in earlier segments must not be seen any more.
      for (let earlier = 0; earlier < last; earlier++) {
        const other = table.rows[random.integer(table.rows.length)];
        if (other && random.next() < 0.7) parts[earlier]?.push({ ...other, cid: row.cid ?? 0 });
      }
    }
    const names: string[] = [];
    for (const [at, rows] of parts.entries()) {
      const name = `${table.name}_${at}`;
      await warehouse.command(`CREATE TABLE ${name} (${table.columns}) ENGINE = Memory`);
      await warehouse.insert(name, rows);
      names.push(name);
    }
    segmentsOf.set(table.name, names);
    const tags = world.catalog.tagIds().flatMap((id) => {
      const entry = world.catalog.tag(id);
      return entry?.table === table.name ? [{ column: entry.column, type: entry.type }] : [];
    });
    const [first, ...later] = names;
    if (first === undefined || index % 11 === 10) continue;
    const based = (await builder.build([{ table: first, tags }])).get(first);
    if (!based) throw new Error('no index');
    placements.set(indexPlacement(first), based);
    const patches = await builder.build(
      later.map((name) => ({ table: name, tags, base: { segment: first, directory: based.table } })),
    );
    for (const [name, placement] of patches) placements.set(indexPlacement(name), placement);
  }
  const tag = (id: string): TagEntry | undefined => {
    const entry = world.catalog.tag(id);
    const segments = entry && segmentsOf.get(entry.table);
    return entry && { ...entry, ...(segments ? { segments } : {}) };
  };
  return { catalog: { ...world.catalog, tag }, placements };
}
