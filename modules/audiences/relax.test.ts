import type { Condition } from '@rapport/conditions';
import { cidSetOf } from '@rapport/stores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWith, dropLeaf, leafContexts, nearestEdge, replaceNode } from './relax.ts';

const UNIVERSE = Array.from({ length: 24 }, (_, cid) => cid);
const everybody = cidSetOf(UNIVERSE);

/** Trees over lists; the list `n` holds the customers whose bit n of a pseudo-random word is set. */
const leaf = fc.nat({ max: 9 }).map((n): Condition => ({ list: String(n) }));
const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }).map((all): Condition => ({ all })),
    fc.array(tie('tree'), { maxLength: 4 }).map((any): Condition => ({ any })),
    tie('tree').map((not): Condition => ({ not })),
  ),
}));
const holds = (condition: Condition, cid: number, extra: ReadonlySet<number>): boolean => {
  if ('all' in condition) return condition.all.every((part) => holds(part, cid, extra));
  if ('any' in condition) return condition.any.some((part) => holds(part, cid, extra));
  if ('not' in condition) return !holds(condition.not, cid, extra);
  if (!('list' in condition)) return true;
  return condition.list === 'new'
    ? extra.has(cid)
    : (((cid + 1) * 2_654_435_761) >>> Number(condition.list)) % 2 === 1;
};
const count = (condition: Condition, extra: ReadonlySet<number>): number =>
  UNIVERSE.filter((cid) => holds(condition, cid, extra)).length;
const at = (condition: Condition, pointer: string): Condition => {
  const steps = pointer.split('/').slice(1);
  return steps.reduce<Condition>((node, step) => Reflect.get(node, step), condition);
};

describe('what a leaf decides', () => {
  it('counts any other set in place of a leaf as evaluating the whole tree does', () => {
    fc.assert(
      fc.property(tree, fc.uniqueArray(fc.nat({ max: 23 })), (condition, replacement) => {
        const extra = new Set(replacement);
        const contexts = leafContexts(
          condition,
          (pointer) => cidSetOf(UNIVERSE.filter((cid) => holds(at(condition, pointer), cid, extra))),
          everybody,
        );
        for (const context of contexts) {
          const changed = replaceNode(condition, context.pointer, { list: 'new' });
          expect(countWith(context, cidSetOf(replacement))).toBe(count(changed, extra));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('takes a leaf out with the "not" and the group that say nothing without it', () => {
    const condition: Condition = {
      all: [{ list: '1' }, { not: { not: { list: '2' } } }, { any: [{ list: '3' }] }],
    };
    expect(dropLeaf(condition, '/all/0')).toEqual({
      condition: { all: [{ not: { not: { list: '2' } } }, { any: [{ list: '3' }] }] },
      leafHolds: 'for all',
    });
    expect(dropLeaf(condition, '/all/1/not/not').condition).toEqual({
      all: [{ list: '1' }, { any: [{ list: '3' }] }],
    });
    expect(dropLeaf(condition, '/all/2/any/0').condition).toEqual({
      all: [{ list: '1' }, { not: { not: { list: '2' } } }],
    });
    expect(replaceNode(condition, '/all/2/any/0', { list: '4' })).toEqual({
      all: [{ list: '1' }, { not: { not: { list: '2' } } }, { any: [{ list: '4' }] }],
    });
    expect(dropLeaf({ list: '1' }, '')).toEqual({ condition: { all: [] }, leafHolds: 'for all' });
    expect(dropLeaf({ not: { any: [{ list: '1' }] } }, '/not/any/0')).toEqual({
      condition: { all: [] },
      leafHolds: 'for nobody',
    });
    expect(dropLeaf({ any: [{ not: { list: '1' } }, { list: '2' }] }, '/any/0/not')).toEqual({
      condition: { any: [{ list: '2' }] },
      leafHolds: 'for all',
    });
  });

  it('counts a condition without a leaf as evaluating what is left does', () => {
    fc.assert(
      fc.property(tree, (condition) => {
        const contexts = leafContexts(
          condition,
          (pointer) => cidSetOf(UNIVERSE.filter((cid) => holds(at(condition, pointer), cid, new Set()))),
          everybody,
        );
        for (const context of contexts) {
          const dropped = dropLeaf(condition, context.pointer);
          const leaf = dropped.leafHolds === 'for all' ? everybody : cidSetOf([]);
          expect(countWith(context, leaf), JSON.stringify(condition)).toBe(
            count(dropped.condition, new Set()),
          );
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('looking for an edge', () => {
  it('finds the exact place where there is one, in few steps', async () => {
    const values = Array.from({ length: 5_000 }, (_, at) => Math.floor(at ** 1.7));
    let asked = 0;
    const countAt = async (edge: number): Promise<number> => {
      asked++;
      return values.filter((value) => value >= edge).length;
    };
    const top = values.at(-1) ?? 0;
    const found = await nearestEdge({
      countAt,
      low: { at: 0, count: 5_000 },
      high: { at: top + 1, count: 0 },
      wanted: 1_234,
      round: Math.round,
      most: 40,
    });
    expect(found.count).toBe(1_234);
    expect(values.filter((value) => value >= found.at).length).toBe(1_234);
    expect(asked).toBeLessThan(25);
  });
});
