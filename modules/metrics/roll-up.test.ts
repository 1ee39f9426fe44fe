import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byManager, type Cell, rollUp, sumOf, type Unit } from './roll-up.ts';

const codes = ['', 'HQ', 'B1', 'B2', 'S1', 'S2', 'S3', 'GONE'];
const cell: fc.Arbitrary<Cell> = fc.record({
  orgUnit: fc.constantFrom(...codes),
  rm: fc.constantFrom('', 'RM1', 'RM2', 'RM3'),
  total: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  base: fc.bigInt({ min: 0n, max: 10n ** 6n }),
  customers: fc.nat({ max: 1000 }),
});
/** Any parents at all: forests, parents that do not exist, circles. */
const units: fc.Arbitrary<Unit[]> = fc
  .uniqueArray(fc.constantFrom(...codes.slice(1, -1)), { minLength: 1 })
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((code) =>
        fc
          .option(fc.constantFrom(...codes.slice(1)), { nil: undefined })
          .map((parent): Unit => ({ code, name: code, ...(parent === undefined ? {} : { parent }) })),
      ),
    ),
  );

describe('a metric rolled up', () => {
  it('adds up: children and own part to their parent, the top to the bank, managers to the bank', () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 40 }), units, (cells, tree) => {
        const bank = sumOf(cells);
        const nodes = rollUp(cells, tree);
        expect(sumOf(nodes.filter((node) => node.parent === undefined).map((node) => node.sum))).toEqual(
          bank,
        );
        expect(sumOf(nodes.map((node) => node.own))).toEqual(bank);
        expect(sumOf(byManager(cells).map(({ sum }) => sum))).toEqual(bank);
        for (const node of nodes) {
          const below = nodes.filter((other) => other.parent === node.code).map((other) => other.sum);
          expect(sumOf([node.own, ...below])).toEqual(node.sum);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('names every unit and every code of a customer once, parents first', () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 20 }), units, (cells, tree) => {
        const nodes = rollUp(cells, tree);
        const named = nodes.map((node) => node.code);
        expect(new Set(named)).toEqual(
          new Set([...tree.map((unit) => unit.code), ...cells.map((each) => each.orgUnit)]),
        );
        expect(named.length).toBe(new Set(named).size);
        for (const [at, node] of nodes.entries())
          if (node.parent !== undefined) expect(named.indexOf(node.parent)).toBeLessThan(at);
      }),
      { numRuns: 200 },
    );
  });
});
