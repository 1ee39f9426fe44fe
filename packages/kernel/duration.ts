import type { EpochMs } from './clock.ts';

/** An ISO 8601 duration in its calendar parts; all are non-negative integers. */
export interface Duration {
  readonly months: number;
  readonly days: number;
  readonly ms: number;
}

const PATTERN =
  /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Parses an ISO 8601 duration such as `P30D` or `PT15M`; `undefined` when the text is not one. */
export function parseDuration(text: string): Duration | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  return {
    months: part(1) * 12 + part(2),
    days: part(3) * 7 + part(4),
    ms: part(5) * 3_600_000 + part(6) * 60_000 + part(7) * 1_000,
  };
}

/**
 * Moves an instant by a duration in the UTC calendar. Months move first and are clamped to the last day of
 * the month (31 March − P1M = 28/29 February), then days, then time.
 */
export function shiftInstant(at: EpochMs, duration: Duration, direction: 1 | -1): EpochMs {
  const date = new Date(at);
  if (duration.months !== 0) {
    const day = date.getUTCDate();
    date.setUTCDate(1);
    date.setUTCMonth(date.getUTCMonth() + direction * duration.months);
    const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    date.setUTCDate(Math.min(day, lastDay));
  }
  return date.getTime() + direction * (duration.days * 86_400_000 + duration.ms);
}
