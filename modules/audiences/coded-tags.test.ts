import type { ConditionCatalog } from '@rapport/conditions';
import type { Release, Warehouse } from '@rapport/stores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeCounts, totalBytes } from './coded-tag.ts';
import { createCodedTags } from './coded-tags.ts';

const SIZE = 100;

/** A bank of `count` tags over 100 customers: the value of each is the number of its table. */
function bankOf(count: number) {
  const tables = Array.from({ length: count }, () => 1);
  const read: string[] = [];
  const catalog: ConditionCatalog = {
    customers: 'customer',
    tag: (id) => {
      const table = tables[Number(id.slice(1))];
      return table === undefined
        ? undefined
        : { title: { en: id }, type: 'number', table: `${id}_${table}`, column: id };
    },
    event: () => undefined,
    audience: () => undefined,
    list: () => undefined,
    tagIds: () => tables.map((_, at) => `t${at}`),
    eventNames: () => [],
    listIds: () => [],
  };
  const unasked = (): never => {
    throw new Error('not asked for in this test');
  };
  const warehouse: Warehouse = new Proxy<Warehouse>(Object.create(null), { get: unasked });
  const codes = (memoryBytes: number) =>
    createCodedTags({
      warehouse,
      resolve: unasked,
      indexedMembers: async () => undefined,
      indexedBuckets: async () => undefined,
      memoryBytes,
      indexed: async (tagIds) => {
        read.push(...tagIds);
        return new Map(
          tagIds.map((id) => [
            id,
            { codes: new Uint8Array(SIZE).fill((tables[Number(id.slice(1))] ?? 0) % 16), buckets: [] },
          ]),
        );
      },
    });
  return { tables, read, catalog, codes };
}
const releaseOf = (number: number): Release => ({ number, placements: new Map() });

describe('codes of tags', () => {
  it('are those of the present tables, each tag once, whatever memory there is and whoever asks at once', async () => {
    const step = fc.record({
      asked: fc.uniqueArray(fc.nat({ max: 12 }), { minLength: 1 }),
      refreshed: fc.uniqueArray(fc.nat({ max: 12 }), { maxLength: 4 }),
      renews: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 8 * SIZE }),
        fc.array(step, { maxLength: 8 }),
        async (memoryBytes, steps) => {
          const { tables, catalog, codes } = bankOf(13);
          const tags = codes(memoryBytes);
          let release = 0;
          for (const { asked, refreshed, renews } of steps) {
            for (const at of refreshed) tables[at] = (tables[at] ?? 0) + 1;
            const present = releaseOf(++release);
            const ids = asked.map((at) => `t${at}`);
            const questions = [ids, ids.slice(0, 3)].map(async (wanted) => {
              const seen = new Map<string, number>();
              for await (const pair of tags.pairs(wanted, catalog, present))
                for (const { tag, shift } of pair.tags) {
                  expect(seen.has(tag)).toBe(false);
                  seen.set(tag, codeCounts(totalBytes(pair.bytes), shift).indexOf(SIZE));
                }
              expect(Object.fromEntries(seen)).toEqual(
                Object.fromEntries(wanted.map((id) => [id, (tables[Number(id.slice(1))] ?? 0) % 16])),
              );
            });
            await Promise.all([...questions, ...(renews ? [tags.renew(catalog, present)] : [])]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('are read anew after new data where somebody had asked, and then need no reading', async () => {
    const { tables, read, catalog, codes } = bankOf(4);
    const tags = codes(1_000 * SIZE);
    const ask = async (release: number): Promise<void> => {
      for await (const _ of tags.pairs(catalog.tagIds(), catalog, releaseOf(release)));
    };
    await tags.renew(catalog, releaseOf(1));
    expect(read).toEqual([]);
    await ask(1);
    expect(read.splice(0)).toEqual(['t0', 't1', 't2', 't3']);
    tables[2] = 2;
    await tags.renew(catalog, releaseOf(2));
    expect(read.splice(0)).toEqual(['t2', 't3']);
    await ask(2);
    expect(read).toEqual([]);
  });
});
