import { type Condition, compilePredicate } from '@rapport/conditions';
import { type Actor, seededRandom } from '@rapport/kernel';
import { cidSetOf } from '@rapport/stores';
import { describe, expect, it } from 'vitest';
import { randomWorld } from '../../packages/conditions/random-worlds.test-support.ts';
import type { CodedTags } from './coded-tags.ts';
import { createRelaxing } from './relax.service.ts';

const SEED = Number(process.env.CONDITIONS_SEED ?? 20261125);
const WORLDS = 40;
const QUESTIONS = 50;
const actor: Actor = {
  kind: 'user',
  id: 'marketer',
  displayName: 'Marketer',
  permissions: new Set(['audiences.read']),
  orgScope: undefined,
};

describe('relaxing a condition', () => {
  it('tells of every proposal the number that evaluating its condition gives, nearer to what is wanted', {
    timeout: 120_000,
  }, async () => {
    const kinds = new Map<string, number>();
    let pairs = 0;
    for (let index = 0; index < WORLDS; index++) {
      const world = randomWorld(index, SEED);
      const random = seededRandom(SEED + index);
      const { catalog, customers } = world;
      for (let question = 0; question < QUESTIONS; question++) {
        const now = world.instants[question % world.instants.length] ?? 0;
        // Customer by customer, by the predicate: it shares nothing with the sets that the proposals come from.
        const holding = (condition: Condition): number[] => {
          const holds = compilePredicate(condition, catalog);
          return customers.filter((customer) => holds(customer, now)).map(({ cid }) => cid);
        };
        const release = { number: 1, publishedAt: now, note: '', placements: new Map() };
        const buckets: CodedTags['buckets'] = async (tag) => {
          const values = new Set(customers.map((customer) => customer.tags[tag]));
          return [...values]
            .filter((value) => typeof value === 'string' || typeof value === 'number')
            .slice(0, 15)
            .map((value, at) => ({ code: at + 1, values: [value] }));
        };
        const relax = createRelaxing({
          audiences: {
            requireGranted: async () => undefined,
            conditionCatalog: async (condition) => ({ condition, catalog }),
            resolve: async (condition) => ({ cids: cidSetOf(holding(condition)), release: 1, asOf: now }),
          },
          releases: { current: async () => release },
          codes: {
            buckets,
            members: async () => undefined,
            renew: async () => undefined,
            pairs: () => {
              throw new Error('relaxing reads no codes');
            },
          },
        });
        const condition = world.condition();
        const wanted = random.integer(customers.length + 1);
        const told = `seed ${SEED}, world ${index}: ${JSON.stringify(condition)}, ${wanted} wanted`;
        const result = await relax({ condition, wanted, limit: 50 }, actor);
        expect(result.count, told).toBe(holding(condition).length);
        for (const proposal of result.proposals) {
          const changed = `${told}: ${JSON.stringify(proposal.condition)}`;
          expect(proposal.count, changed).toBe(holding(proposal.condition).length);
          expect(Math.abs(proposal.count - wanted), changed).toBeLessThan(Math.abs(result.count - wanted));
          if (proposal.changes.length > 1) pairs += 1;
          for (const { kind } of proposal.changes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
      }
    }
    expect([...kinds.keys()].sort()).toEqual(
      expect.arrayContaining(['drop', 'threshold', 'values', 'window']),
    );
    expect(pairs).toBeGreaterThan(10);
  });
});
