import { seededRandom } from '@rapport/kernel';
import { describe, expect, it } from 'vitest';
import { changeOfSpread, type Spread } from './drift.ts';

const DAY = 86_400_000;

const ofValues = (counts: Record<string, number>, rest = 0): Spread => {
  const top = Object.entries(counts)
    .map(([value, customers]) => ({ value, customers }))
    .toSorted((a, b) => b.customers - a.customers)
    .slice(0, 20);
  const known = Object.values(counts).reduce((a, b) => a + b, rest);
  return {
    known,
    distinct: Object.keys(counts).length + (rest > 0 ? rest : 0),
    distribution: { top, histogram: [] },
    asOf: 0,
  };
};

/** As the refresh describes numbers: 20 bars between the 1st and 99th percentile, ends and percentiles. */
const ofNumbers = (values: readonly number[], asOf = 0): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const [low, high] = [at(0.01), at(0.99)];
  const width = (high - low) / 20;
  const histogram = Array.from({ length: 20 }, (_, bar) => ({
    from: low + bar * width,
    to: low + (bar + 1) * width,
    customers: sorted.filter(
      (value) => value >= low && value <= high && Math.min(19, Math.floor((value - low) / width)) === bar,
    ).length,
  }));
  return {
    known: values.length,
    distinct: values.length,
    distribution: {
      top: [],
      histogram,
      min: at(0),
      max: sorted.at(-1) ?? 0,
      quantiles: { p5: at(0.05), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95) },
    },
    asOf,
  };
};
const normals = (seed: number, size: number, mean = 0, deviation = 1): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: size }, () => mean + deviation * random.normal());
};

describe('how much a spread changed', () => {
  it('is the population stability index of the shares', () => {
    const change = changeOfSpread('text', ofValues({ a: 500, b: 500 }), ofValues({ a: 700, b: 300 }));
    expect(change?.psi).toBeCloseTo(0.2 * Math.log(0.7 / 0.5) - 0.2 * Math.log(0.3 / 0.5), 10);
    expect(change?.bins).toEqual([
      { value: 'a', before: 0.5, now: 0.7 },
      { value: 'b', before: 0.5, now: 0.3 },
    ]);
  });

  it('sees a value that comes and one that goes', () => {
    const change = changeOfSpread('text', ofValues({ a: 900, b: 100 }), ofValues({ a: 900, c: 100 }));
    expect(change?.psi ?? 0).toBeGreaterThan(1);
    expect(change?.bins.find(({ value }) => value === 'c')).toMatchObject({ before: 0, now: 0.1 });
  });

  it('does not take a value that dropped off the list of twenty for one that is gone', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`v${at}`, 100 + (at % 3)]));
    const other = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`v${at}`, 100 + ((at + 1) % 3)]));
    expect(changeOfSpread('text', ofValues(many), ofValues(other))?.psi ?? 9).toBeLessThan(0.01);
  });

  it('of numbers is that of tenths, however the bars lie', () => {
    const still = changeOfSpread('number', ofNumbers(normals(1, 5_000)), ofNumbers(normals(2, 5_000)));
    expect(still?.bins).toHaveLength(10);
    expect(still?.psi ?? 9).toBeLessThan(still?.noise ?? 0);
    // Closed form for normals: (shift ÷ deviation)² for equal deviations.
    const moved = changeOfSpread('number', ofNumbers(normals(1, 20_000)), ofNumbers(normals(2, 20_000, 0.5)));
    expect(moved?.psi ?? 0).toBeGreaterThan(0.2);
    expect(moved?.psi ?? 0).toBeLessThan(0.3);
  });

  it('of days moves with the day of the refresh, or not, whichever is less', () => {
    const ages = normals(3, 4_000, 200 * DAY, 20 * DAY);
    const at = (asOf: number): Spread =>
      ofNumbers(
        ages.map((age) => asOf - age),
        asOf,
      );
    expect(changeOfSpread('instant', at(1_000 * DAY), at(1_030 * DAY))?.psi ?? 9).toBeLessThan(0.001);
    const births = ofNumbers(ages, 1_000 * DAY);
    expect(changeOfSpread('date', births, { ...births, asOf: 1_030 * DAY })?.psi ?? 9).toBeLessThan(0.001);
  });

  it('is not told where nobody has a value', () => {
    expect(changeOfSpread('text', ofValues({}), ofValues({ a: 1 }))).toBeUndefined();
  });
});
