import type { GrowthPoint, RefreshPolicy } from './insight.contract.ts';

/** What one record of an audience says beside the one before. */
export interface Delta {
  readonly before: number;
  readonly count: number;
  readonly entered: number;
  readonly left: number;
}

/** Which thresholds a change passes; shares are of the size before. */
export function alertsOf(
  alert: RefreshPolicy['alert'],
  { before, count, entered, left }: Delta,
): NonNullable<GrowthPoint['alerts']> {
  if (!alert) return [];
  const base = Math.max(1, before);
  return [
    ...(alert.growth !== undefined && (count - before) / base > alert.growth ? (['growth'] as const) : []),
    ...(alert.decline !== undefined && (before - count) / base > alert.decline ? (['decline'] as const) : []),
    ...(alert.turnover !== undefined && (entered + left) / base > alert.turnover
      ? (['turnover'] as const)
      : []),
    ...(alert.below !== undefined && count < alert.below ? (['below'] as const) : []),
  ];
}

/** Instants spread evenly over the last days, the present one left out, oldest first. */
export function backcastInstants(now: number, days: number, points: number): number[] {
  return Array.from(
    { length: points },
    (_, at) => now - Math.round(((points - at) * days * 86_400_000) / points),
  );
}
