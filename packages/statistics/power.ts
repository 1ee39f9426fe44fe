import { normalCdf, normalQuantile } from './distributions.ts';

export interface PowerOptions {
  /** Chance of finding an effect that is there. @default 0.8 */
  readonly power?: number;
  /** Two-sided chance of finding one that is not. @default 0.05 */
  readonly alpha?: number;
}

export interface SampleSizes {
  readonly control: number;
  readonly treated: number;
}

/**
 * Customers each arm needs to tell two conversion rates apart, by the unpooled Wald formula
 * n_c = (z_{α/2} + z_β)² · (p₁q₁ + p₂q₂/k) / (p₁ − p₂)², rounded to whole customers.
 * @param base     conversion rate without treatment, in [0, 1]
 * @param treated  conversion rate to be detected, in [0, 1], ≠ base
 * @param ratio    treated : control, > 0
 * @returns Infinity in both arms when the rates are equal
 */
export function sampleSizes(
  plan: { base: number; treated: number; ratio: number } & PowerOptions,
): SampleSizes {
  const { base, treated, ratio } = plan;
  const control =
    (criticalSum(plan) ** 2 * (variance(base) + variance(treated) / ratio)) / (base - treated) ** 2;
  return { control: Math.round(control), treated: Math.round(control * ratio) };
}

/** The same for two arms of equal size. */
export function sampleSizePerArm(plan: { base: number; treated: number } & PowerOptions): number {
  return sampleSizes({ ...plan, ratio: 1 }).control;
}

/**
 * The smallest rise of the conversion rate that arms of these sizes find with the wished power.
 * @param treated, control  customers per arm
 * @param baseRate          conversion rate of the control arm, in [0, 1)
 * @returns `absolute` in rate points (0.01 = one percentage point) and `relative` to the base rate (undefined for
 *          a base of 0); undefined when not even a rise to 100 % would be found
 */
export function detectableLift(
  plan: { treated: number; control: number; baseRate: number } & PowerOptions,
): { absolute: number; relative: number | undefined } | undefined {
  const { treated, control, baseRate } = plan;
  if (treated <= 0 || control <= 0) return undefined;
  // (p − b)² = s²·(b(1−b)/n_c + p(1−p)/n_t) is a quadratic in p; its larger root lies above b.
  const s2 = criticalSum(plan) ** 2;
  const a = 1 + s2 / treated;
  const b = -(2 * baseRate + s2 / treated);
  const c = baseRate ** 2 - (s2 * variance(baseRate)) / control;
  const rate = (-b + Math.sqrt(b * b - 4 * a * c)) / (2 * a);
  if (!(rate <= 1)) return undefined;
  const absolute = rate - baseRate;
  return { absolute, relative: baseRate > 0 ? absolute / baseRate : undefined };
}

/** The chance that arms of these sizes find this difference of rates (two-sided, unpooled Wald). */
export function achievedPower(plan: {
  treated: number;
  control: number;
  baseRate: number;
  treatedRate: number;
  alpha?: number;
}): number {
  const { treated, control, baseRate, treatedRate, alpha = 0.05 } = plan;
  if (treated <= 0 || control <= 0) return 0;
  const error = Math.sqrt(variance(baseRate) / control + variance(treatedRate) / treated);
  const effect = Math.abs(treatedRate - baseRate);
  if (error === 0) return effect > 0 ? 1 : alpha;
  const z = normalQuantile(1 - alpha / 2);
  return normalCdf(effect / error - z) + normalCdf(-effect / error - z);
}

const variance = (rate: number): number => rate * (1 - rate);

function criticalSum({ power = 0.8, alpha = 0.05 }: PowerOptions): number {
  return normalQuantile(1 - alpha / 2) + normalQuantile(power);
}
