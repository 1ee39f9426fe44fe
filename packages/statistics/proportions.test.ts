import { seededRandom } from '@rapport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Arm,
  compareMeans,
  compareProportions,
  differenceInterval,
  logGamma,
  meanArm,
  rateInterval,
  sampleRatioPValue,
} from './index.ts';

describe('compareProportions', () => {
  it('gives the intervals of Newcombe’s comparison of methods (1998, table II, method 2 of Mee/Miettinen–Nurminen)', () => {
    const interval = (x1: number, n1: number, x2: number, n2: number): [number, number] => {
      const { low, high } = differenceInterval({ size: n1, conversions: x1 }, { size: n2, conversions: x2 });
      return [Number(low.toFixed(4)), Number(high.toFixed(4))];
    };
    expect(interval(56, 70, 48, 80)).toEqual([0.0528, 0.3382]);
    expect(interval(9, 10, 3, 10)).toEqual([0.17, 0.8406]);
    expect(interval(5, 56, 0, 29)).toEqual([-0.0326, 0.1933]);
    expect(interval(10, 10, 0, 20)).toEqual([0.7156, 1]);
  });

  it('covers the truth in 93–97 % of cases, also with small control arms (exact enumeration)', () => {
    const sizes = [
      [450, 50],
      [1800, 200],
      [9000, 1000],
      [500, 500],
    ] as const;
    const rates = [
      [0.02, 0.02],
      [0.03, 0.02],
      [0.12, 0.1],
    ] as const;
    for (const [treatedSize, controlSize] of sizes) {
      for (const [treatedRate, controlRate] of rates) {
        const covered = exactCoverage(treatedSize, treatedRate, controlSize, controlRate);
        expect(covered, `${treatedSize}/${controlSize} ${treatedRate}/${controlRate}`).toBeGreaterThan(0.93);
        expect(covered, `${treatedSize}/${controlSize} ${treatedRate}/${controlRate}`).toBeLessThan(0.97);
      }
    }
  });

  it('never lets p-value, difference and relative lift contradict each other', () => {
    fc.assert(
      fc.property(arm, arm, (treated, control) => {
        const result = compareProportions(treated, control);
        if (!result) throw new Error('both arms have customers');
        const { differenceInterval: d, relativeInterval: r, difference, pValue } = result;
        expect(d.low).toBeLessThanOrEqual(difference + 1e-12);
        expect(d.high).toBeGreaterThanOrEqual(difference - 1e-12);
        if (Math.abs(pValue - 0.05) < 1e-6) return;
        expect(pValue < 0.05).toBe(d.low > 0 || d.high < 0);
        expect(pValue < 0.05).toBe(r.low > 1e-12 || r.high < -1e-12);
      }),
      { numRuns: 500 },
    );
  });

  it('answers nothing for an empty arm and leaves the relative lift open over a control arm without conversions', () => {
    expect(compareProportions({ size: 0, conversions: 0 }, { size: 5, conversions: 1 })).toBeUndefined();
    const open = compareProportions({ size: 900, conversions: 9 }, { size: 100, conversions: 0 });
    expect(open?.relative).toBeUndefined();
    expect(open?.relativeInterval.high).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('rateInterval', () => {
  it('gives Wilson’s interval as published (Newcombe 1998, 81 of 263 and 15 of 148)', () => {
    const interval = rateInterval({ size: 263, conversions: 81 });
    expect([interval.low.toFixed(4), interval.high.toFixed(4)]).toEqual(['0.2553', '0.3662']);
    const other = rateInterval({ size: 148, conversions: 15 });
    expect([other.low.toFixed(4), other.high.toFixed(4)]).toEqual(['0.0624', '0.1605']);
  });
});

describe('sampleRatioPValue', () => {
  it('equals the chi-square test by hand and finds a broken split', () => {
    expect(sampleRatioPValue([821588, 815482], [1, 1])).toBeCloseTo(1.8e-6, 7);
    expect(sampleRatioPValue([9000, 1000], [0.9, 0.1])).toBe(1);
    expect(sampleRatioPValue([10, 1], [1, 0])).toBe(0);
  });
});

describe('compareMeans', () => {
  it('reproduces Welch’s test on Student’s sleep data (1908), as printed in the manual of R’s t.test', () => {
    const a = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const b = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const result = compareMeans(armOf(a), armOf(b));
    expect(result?.degreesOfFreedom).toBeCloseTo(17.776, 3);
    expect(result?.pValue).toBeCloseTo(0.07939, 5);
    expect(result?.interval.low).toBeCloseTo(-3.3654832, 6);
    expect(result?.interval.high).toBeCloseTo(0.2054832, 6);
  });

  it('covers the true difference in 93–97 % of simulated campaigns with mostly zero amounts', () => {
    const random = seededRandom(7);
    const draw = (size: number, rate: number): ReturnType<typeof meanArm> => {
      let [sum, squares] = [0, 0];
      for (let i = 0; i < size; i++) {
        const amount = random.next() < rate ? Math.exp(3 + 0.5 * random.normal()) : 0;
        sum += amount;
        squares += amount * amount;
      }
      return meanArm(size, sum, squares);
    };
    const truth = (0.12 - 0.1) * Math.exp(3 + 0.125);
    let covered = 0;
    for (let run = 0; run < 1000; run++) {
      const interval = compareMeans(draw(1800, 0.12), draw(600, 0.1))?.interval;
      if (interval && interval.low <= truth && truth <= interval.high) covered++;
    }
    expect(covered).toBeGreaterThan(930);
    expect(covered).toBeLessThan(970);
  });
});

const arm: fc.Arbitrary<Arm> = fc
  .record({ size: fc.integer({ min: 2, max: 5000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ size, share }) => ({ size, conversions: Math.round(size * share ** 2) }));

const armOf = (values: readonly number[]): ReturnType<typeof meanArm> =>
  meanArm(
    values.length,
    values.reduce((sum, value) => sum + value, 0),
    values.reduce((sum, value) => sum + value * value, 0),
  );

function exactCoverage(
  treatedSize: number,
  treatedRate: number,
  controlSize: number,
  controlRate: number,
): number {
  const truth = treatedRate - controlRate;
  let [covered, mass] = [0, 0];
  for (const [x, px] of binomial(treatedSize, treatedRate)) {
    for (const [y, py] of binomial(controlSize, controlRate)) {
      if (px * py < 1e-7) continue;
      mass += px * py;
      const { low, high } = differenceInterval(
        { size: treatedSize, conversions: x },
        { size: controlSize, conversions: y },
      );
      if (low <= truth && truth <= high) covered += px * py;
    }
  }
  return covered / mass;
}

function binomial(size: number, rate: number): [number, number][] {
  const logChoose = (k: number): number => logGamma(size + 1) - logGamma(k + 1) - logGamma(size - k + 1);
  return Array.from({ length: size + 1 }, (_, k): [number, number] => [
    k,
    Math.exp(logChoose(k) + k * Math.log(rate) + (size - k) * Math.log1p(-rate)),
  ]).filter(([, probability]) => probability > 1e-6);
}
