import { chiSquareTail, logGamma } from './distributions.ts';

/**
 * Distance of two shares on a scale where equal steps are equally hard to see, wherever the shares lie; about 0.2 is
 * small, 0.5 medium, 0.8 large. Positive when the first is greater.
 * @param share, other  in [0, 1]
 * @source Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, 6.2
 */
export function cohensH(share: number, other: number): number {
  return 2 * Math.asin(Math.sqrt(clamp(share))) - 2 * Math.asin(Math.sqrt(clamp(other)));
}

/** Pearson's statistic of a table of counts, its degrees of freedom and how strongly rows and columns hang together. */
export interface Association {
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
  /** 0 … 1; corrected for the strength that chance alone shows in a finite table. */
  readonly cramersV: number;
}

/**
 * Association of two classifications. Empty rows and columns are left out.
 * @param counts   row after row, non-negative
 * @param columns  of the table, ≥ 1
 * @source Pearson 1900; V: Cramér 1946; correction: Bergsma 2013, Journal of the Korean Statistical Society 42:323–328
 */
export function association(counts: ArrayLike<number>, columns: number): Association {
  const rows = Math.floor(counts.length / columns);
  const [rowSums, columnSums] = [new Float64Array(rows), new Float64Array(columns)];
  let total = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const count = counts[row * columns + column] ?? 0;
      rowSums[row] = (rowSums[row] ?? 0) + count;
      columnSums[column] = (columnSums[column] ?? 0) + count;
      total += count;
    }
  }
  const usedRows = rowSums.filter((sum) => sum > 0).length;
  const usedColumns = columnSums.filter((sum) => sum > 0).length;
  const degreesOfFreedom = Math.max(0, (usedRows - 1) * (usedColumns - 1));
  if (degreesOfFreedom === 0 || total < 2) return { chiSquare: 0, degreesOfFreedom, pValue: 1, cramersV: 0 };
  let chiSquare = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const expected = ((rowSums[row] ?? 0) * (columnSums[column] ?? 0)) / total;
      if (expected > 0) chiSquare += ((counts[row * columns + column] ?? 0) - expected) ** 2 / expected;
    }
  }
  const phi = Math.max(0, chiSquare / total - degreesOfFreedom / (total - 1));
  const correctedRows = usedRows - (usedRows - 1) ** 2 / (total - 1);
  const correctedColumns = usedColumns - (usedColumns - 1) ** 2 / (total - 1);
  const most = Math.min(correctedRows, correctedColumns) - 1;
  return {
    chiSquare,
    degreesOfFreedom,
    pValue: chiSquareTail(chiSquare, degreesOfFreedom),
    cramersV: most > 0 ? Math.min(1, Math.sqrt(phi / most)) : 0,
  };
}

/** Two groups, and how many of each have a trait; `0 ≤ with ≤ size`. */
export interface TwoByTwo {
  readonly size: number;
  readonly having: number;
  readonly otherSize: number;
  readonly otherHaving: number;
}

/**
 * Two-sided p-value of the difference of two shares: exact where any expected count is below 10, chi-square with
 * (N−1)/N elsewhere, which is the sampling-without-replacement form and is what a random part of a whole obeys.
 * @source Fisher 1935; Campbell 2007, Statistics in Medicine 26:3661–3675 (the N−1 chi-square)
 */
export function twoByTwoPValue({ size, having, otherSize, otherHaving }: TwoByTwo): number {
  const total = size + otherSize;
  const traits = having + otherHaving;
  if (size === 0 || otherSize === 0 || traits === 0 || traits === total) return 1;
  const least = (Math.min(size, otherSize) * Math.min(traits, total - traits)) / total;
  if (least < 10) return fisherPValue(having, size, traits, total);
  const cross = having * otherSize - otherHaving * size;
  const statistic =
    (((cross / total) * cross) / size / otherSize / traits / (total - traits)) * (total - 1) * total;
  return chiSquareTail(statistic, 1);
}

/**
 * Two-sided exact p-value of drawing `drawn` of the `traits` when `size` of `total` are drawn: the chance of all
 * outcomes that are at most as likely as this one.
 */
function fisherPValue(drawn: number, size: number, traits: number, total: number): number {
  const low = Math.max(0, size + traits - total);
  const high = Math.min(size, traits);
  const logChance = (k: number): number =>
    logChoose(traits, k) + logChoose(total - traits, size - k) - logChoose(total, size);
  const observed = logChance(drawn);
  let sum = 0;
  // The bulk lies near the mean; far tails add nothing, and the range may be long.
  const mean = (size * traits) / total;
  const reach = 60 + 12 * Math.sqrt(mean + 1);
  const [from, to] = [
    Math.max(low, Math.floor(Math.min(drawn, mean) - reach)),
    Math.min(high, Math.ceil(Math.max(drawn, mean) + reach)),
  ];
  for (let k = from; k <= to; k++) {
    const chance = logChance(k);
    if (chance <= observed + 1e-9) sum += Math.exp(chance);
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);

/**
 * How far two means lie apart, in standard deviations.
 * @returns 0 when neither group varies
 * @source Cohen 1988, 2.2 (pooled within groups)
 */
export function standardisedMeanDifference(
  one: { readonly size: number; readonly mean: number; readonly variance: number },
  other: { readonly size: number; readonly mean: number; readonly variance: number },
): number {
  const pooled =
    ((one.size - 1) * one.variance + (other.size - 1) * other.variance) /
    Math.max(1, one.size + other.size - 2);
  return pooled > 0 ? (one.mean - other.mean) / Math.sqrt(pooled) : 0;
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share));
