import { studentCdf, studentQuantile } from './distributions.ts';
import type { Interval } from './proportions.ts';

/** What is known of one arm's amounts; `variance` with divisor size − 1. */
export interface MeanArm {
  readonly size: number;
  readonly mean: number;
  readonly variance: number;
}

export interface MeanComparison {
  /** treated mean − control mean. */
  readonly difference: number;
  readonly interval: Interval;
  readonly pValue: number;
  readonly degreesOfFreedom: number;
}

/**
 * Mean and variance of an arm from sums over the customers with an amount; the other customers count as 0.
 * @param size          customers in the arm
 * @param sum           of amounts
 * @param sumOfSquares  of amounts
 */
export function meanArm(size: number, sum: number, sumOfSquares: number): MeanArm {
  const mean = size > 0 ? sum / size : 0;
  const variance = size > 1 ? Math.max(0, (sumOfSquares - size * mean * mean) / (size - 1)) : 0;
  return { size, mean, variance };
}

/**
 * Compares two means without assuming equal variances.
 * @returns undefined when an arm has fewer than two customers
 * @source Welch 1947, Biometrika 34:28–35 (Satterthwaite's degrees of freedom)
 */
export function compareMeans(
  treated: MeanArm,
  control: MeanArm,
  confidence = 0.95,
): MeanComparison | undefined {
  if (treated.size < 2 || control.size < 2) return undefined;
  const [a, b] = [treated.variance / treated.size, control.variance / control.size];
  const difference = treated.mean - control.mean;
  const error = Math.sqrt(a + b);
  if (error === 0) {
    const pValue = difference === 0 ? 1 : 0;
    return {
      difference,
      interval: { low: difference, high: difference },
      pValue,
      degreesOfFreedom: Infinity,
    };
  }
  const degreesOfFreedom = (a + b) ** 2 / (a ** 2 / (treated.size - 1) + b ** 2 / (control.size - 1));
  const reach = studentQuantile(0.5 + confidence / 2, degreesOfFreedom) * error;
  return {
    difference,
    interval: { low: difference - reach, high: difference + reach },
    pValue: 2 * studentCdf(-Math.abs(difference / error), degreesOfFreedom),
    degreesOfFreedom,
  };
}
