import { cidSetOf } from '@rapport/stores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intersectionSize, jaccard, regionsOf } from './overlap.ts';

describe('overlap of sets', () => {
  it('counts every part exactly, as marking each customer does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 50 }), { minLength: 1, maxLength: 8 }),
        (lists) => {
          const masks = new Map<number, number>();
          lists.forEach((list, index) => {
            for (const cid of list) masks.set(cid, (masks.get(cid) ?? 0) | (1 << index));
          });
          const expected = new Map<number, number>();
          for (const mask of masks.values()) expected.set(mask, (expected.get(mask) ?? 0) + 1);
          const regions = regionsOf(lists.map(cidSetOf));
          expect(new Map(regions.map((region) => [region.mask, region.size]))).toEqual(expected);
          expect(regions.reduce((sum, region) => sum + region.size, 0)).toBe(masks.size);
          lists.forEach((list, index) => {
            expect(intersectionSize(regions, 1 << index)).toBe(list.length);
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('tells sets that are the same from sets that do not meet', () => {
    const [one, same, apart] = [cidSetOf([1, 2, 3]), cidSetOf([1, 2, 3]), cidSetOf([8])];
    const regions = regionsOf([one, same, apart]);
    expect(jaccard(regions, 0, 1)).toBe(1);
    expect(jaccard(regions, 0, 2)).toBe(0);
  });
});
