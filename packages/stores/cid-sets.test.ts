import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CidSet } from './cid-set.ts';
import { nativeBitmaps } from './cid-sets.native.ts';
import { portableBitmaps } from './cid-sets.portable.ts';
import { type CidSets, createCidSets } from './cid-sets.ts';

const native = nativeBitmaps(createRequire(import.meta.url));
const portable = createCidSets(portableBitmaps);
const engines: CidSets[] = [portable, ...(native ? [createCidSets(native)] : [])];

/** Sparse numbers, dense runs and the ends of the range, so that every kind of container occurs. */
const cids = fc.oneof(
  fc.array(fc.nat({ max: 0xffff_ffff }), { maxLength: 60 }),
  fc.array(fc.nat({ max: 200 }), { maxLength: 60 }),
  fc
    .tuple(fc.nat({ max: 300_000 }), fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 1, max: 3 }))
    .map(([start, count, step]) => Array.from({ length: count }, (_, index) => start + index * step)),
);
const sorted = (set: Iterable<number>): number[] => [...set].sort((one, other) => one - other);

for (const sets of engines) {
  describe(`cid sets, ${sets.engine}`, () => {
    it('agree with sets of numbers', () => {
      fc.assert(
        fc.property(
          cids,
          cids,
          fc.nat({ max: 0xffff_ffff }),
          fc.nat({ max: 50 }),
          (left, right, probe, limit) => {
            const one = new Set(left);
            const other = new Set(right);
            const a = sets.of(left);
            const b = sets.of(right);
            expect(a.size).toBe(one.size);
            expect(a.has(probe)).toBe(one.has(probe));
            expect(left.every((cid) => a.has(cid))).toBe(true);
            expect([...a.and(b).toArray()]).toEqual(sorted([...one].filter((cid) => other.has(cid))));
            expect([...a.or(b).toArray()]).toEqual(sorted(new Set([...left, ...right])));
            expect([...a.andNot(b).toArray()]).toEqual(sorted([...one].filter((cid) => !other.has(cid))));
            expect([...a.slice(probe, limit)]).toEqual(
              sorted([...one].filter((cid) => cid > probe)).slice(0, limit),
            );
            expect([...a.slice(undefined, limit)]).toEqual(sorted(one).slice(0, limit));
          },
        ),
        { numRuns: 300 },
      );
    });

    it('combine in place and many at once as one by one, and leave the sets they start from', () => {
      fc.assert(
        fc.property(
          cids,
          fc.array(fc.tuple(fc.constantFrom('and', 'or', 'andNot'), cids), { maxLength: 5 }),
          (start, steps) => {
            const first = sets.of(start);
            const others = steps.map(([, list]) => sets.of(list));
            let expected = new Set(start);
            const accumulator = sets.accumulate(first);
            for (const [index, [step, list]] of steps.entries()) {
              const other = new Set(list);
              const set = others[index];
              if (!set) throw new Error('no set');
              const before = sets.of(expected);
              expect(before.andSize(set)).toBe([...expected].filter((cid) => other.has(cid)).length);
              expect(before.orSize(set)).toBe(new Set([...expected, ...other]).size);
              expect(before.andNotSize(set)).toBe([...expected].filter((cid) => !other.has(cid)).length);
              accumulator[step](set);
              expected =
                step === 'or'
                  ? new Set([...expected, ...other])
                  : new Set([...expected].filter((cid) => other.has(cid) === (step === 'and')));
              expect(accumulator.size).toBe(expected.size);
            }
            expect([...accumulator.done().toArray()]).toEqual(sorted(expected));
            expect([...first.toArray()]).toEqual(sorted(new Set(start)));
            const all = [first, ...others];
            expect([...sets.union(all).toArray()]).toEqual(
              sorted(new Set([start, ...steps.map(([, list]) => list)].flat())),
            );
            for (const [index, set] of others.entries())
              expect([...set.toArray()]).toEqual(sorted(new Set(steps[index]?.[1])));
            expect(first.bytes).toBeGreaterThan(0);
          },
        ),
        { numRuns: 300 },
      );
      expect(sets.union([]).size).toBe(0);
    });

    it('read states that stand one after another', () => {
      fc.assert(
        fc.property(fc.array(cids, { minLength: 1, maxLength: 4 }), (lists) => {
          const states = lists.map((list) => sets.of(list).toWarehouseBytes());
          const bytes = Buffer.concat(states);
          let offset = 0;
          for (const list of lists) {
            const { set, end } = sets.fromWarehouseBytesAt(bytes, offset);
            expect([...set.toArray()]).toEqual(sorted(new Set(list)));
            offset = end;
          }
          expect(offset).toBe(bytes.byteLength);
        }),
        { numRuns: 100 },
      );
    });

    it('survive being written and read, in both forms', () => {
      fc.assert(
        fc.property(cids, (list) => {
          const set = sets.of(list);
          expect(sets.fromBytes(set.toBytes()).toArray()).toEqual(set.toArray());
          expect(sets.fromWarehouseBytes(set.toWarehouseBytes()).toArray()).toEqual(set.toArray());
        }),
        { numRuns: 200 },
      );
    });

    it('page through everything once', () => {
      const set = sets.of(Array.from({ length: 10_000 }, (_, index) => index * 13));
      const seen: number[] = [];
      for (let after: number | undefined; ; ) {
        const page = set.slice(after, 777);
        if (page.length === 0) break;
        seen.push(...page);
        after = page.at(-1);
      }
      expect(seen).toEqual([...set.toArray()]);
    });

    it('refuse bytes that are none', () => {
      for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3), new Uint8Array(100).fill(7)]) {
        expect(() => sets.fromBytes(bytes)).toThrow(expect.objectContaining({ code: 'stores.bad_bitmap' }));
        expect(() => sets.fromWarehouseBytes(bytes)).toThrow(
          expect.objectContaining({ code: 'stores.bad_bitmap' }),
        );
      }
    });

    it('keep the caller’s sets as they were', () => {
      const a = sets.of([1, 2, 3]);
      const b = sets.of([3, 4]);
      a.or(b);
      a.and(b);
      a.andNot(b);
      expect([...a.toArray(), ...b.toArray()]).toEqual([1, 2, 3, 3, 4]);
    });
  });
}

describe('cid sets of both engines', () => {
  it.runIf(native)('read each other’s bytes and mix in operations', () => {
    const other = native ? createCidSets(native) : portable;
    fc.assert(
      fc.property(cids, cids, (left, right) => {
        const pairs: [CidSet, CidSet][] = [
          [portable.of(left), other.of(right)],
          [other.of(left), portable.of(right)],
        ];
        for (const [a, b] of pairs) {
          expect(other.fromBytes(a.toBytes()).toArray()).toEqual(a.toArray());
          expect(portable.fromBytes(b.toBytes()).toArray()).toEqual(b.toArray());
          expect([...a.or(b).toArray()]).toEqual(sorted(new Set([...left, ...right])));
        }
      }),
      { numRuns: 100 },
    );
  });

  it.runIf(native)('read containers written as runs', () => {
    const { RoaringBitmap32 } = createRequire(import.meta.url)('roaring');
    for (const count of [1, 3, 5]) {
      const bitmap = new RoaringBitmap32();
      for (let container = 0; container < count; container++)
        bitmap.addRange(container * 65_536 + 10, container * 65_536 + 60_000);
      bitmap.runOptimize();
      const set = portable.fromBytes(bitmap.serialize('portable'));
      expect(set.size).toBe(bitmap.size);
      expect([...set.toArray()]).toEqual([...bitmap.toUint32Array()]);
    }
  });
});
