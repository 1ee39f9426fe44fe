import { describe, expect, it } from 'vitest';
import {
  association,
  benjaminiHochberg,
  cohensH,
  holm,
  standardisedMeanDifference,
  twoByTwoPValue,
} from './index.ts';

describe('association and effect sizes', () => {
  it('finds the statistic of a published table', () => {
    // Snedecor & Cochran style 2×2 worked by hand: 30/70 against 10/90.
    const found = association([30, 70, 10, 90], 2);
    expect(found.chiSquare).toBeCloseTo(12.5, 10);
    expect(found.degreesOfFreedom).toBe(1);
    expect(found.pValue).toBeCloseTo(0.000406952, 8);
    expect(found.cramersV).toBeGreaterThan(0.2);
    expect(found.cramersV).toBeLessThan(0.25);
  });

  it('sees full and no association, and leaves empty columns out', () => {
    expect(association([50, 0, 0, 0, 0, 50], 3).cramersV).toBeCloseTo(1, 6);
    expect(association([25, 25, 25, 25], 2).cramersV).toBe(0);
    expect(association([10, 0, 20, 0], 2).pValue).toBe(1);
  });

  it('gives the tea-tasting p-value exactly', () => {
    // Fisher 1935: 3 of 4 right, two-sided 0.4857.
    expect(twoByTwoPValue({ size: 4, having: 3, otherSize: 4, otherHaving: 1 })).toBeCloseTo(34 / 70, 10);
  });

  it('agrees with the exact test where both apply, within the approximation', () => {
    const approximate = twoByTwoPValue({ size: 100, having: 60, otherSize: 200, otherHaving: 90 });
    expect(approximate).toBeCloseTo(0.0144, 3);
    expect(twoByTwoPValue({ size: 0, having: 0, otherSize: 9, otherHaving: 3 })).toBe(1);
  });

  it('measures distances of shares and of means', () => {
    expect(cohensH(0.5, 0.5)).toBe(0);
    expect(cohensH(1, 0)).toBeCloseTo(Math.PI, 12);
    expect(cohensH(0.38, 0.16)).toBeCloseTo(0.505, 2);
    expect(
      standardisedMeanDifference({ size: 20, mean: 12, variance: 4 }, { size: 20, mean: 10, variance: 4 }),
    ).toBeCloseTo(1, 12);
  });
});

describe('multiple testing', () => {
  // Benjamini & Hochberg 1995, the example of 15 hypotheses.
  const P = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
    0.759, 1,
  ];

  it('rejects four of the published fifteen hypotheses at 5 %, and Holm three', () => {
    expect([...benjaminiHochberg(P)].filter((p) => p <= 0.05)).toHaveLength(4);
    expect([...holm(P)].filter((p) => p <= 0.05)).toHaveLength(3);
  });

  it('keeps the order of what it was given and never lowers a p-value', () => {
    const shuffled = [0.04, 0.001, 0.9, 0.02];
    for (const adjusted of [benjaminiHochberg(shuffled), holm(shuffled)]) {
      expect([...adjusted].every((p, index) => p >= (shuffled[index] ?? 0))).toBe(true);
      expect([...adjusted].indexOf(Math.min(...adjusted))).toBe(1);
    }
  });
});
