import type { GrowthPoint, PolicyResult, RefreshPolicy } from '@rapport/audiences/contract';

export type Mode = PolicyResult['policy']['mode'];
export const MODES: readonly Mode[] = ['live', 'after_refresh', 'schedule', 'frozen'];

/** Schedules that need no cron to be written. */
export const SCHEDULES = { daily: '0 7 * * *', weekly: '0 7 * * 1', monthly: '0 7 1 * *' } as const;
export type Schedule = keyof typeof SCHEDULES | 'custom';

const NAMES: readonly (keyof typeof SCHEDULES)[] = ['daily', 'weekly', 'monthly'];

export const scheduleOf = (cron: string | undefined): Schedule =>
  cron === undefined ? 'daily' : (NAMES.find((name) => SCHEDULES[name] === cron) ?? 'custom');

/** A policy without what its mode does not take, as the server keeps it. */
export function tidyPolicy(policy: RefreshPolicy): RefreshPolicy {
  const alert = Object.fromEntries(
    Object.entries(policy.alert ?? {}).filter(([, threshold]) => threshold !== undefined),
  );
  return {
    mode: policy.mode,
    ...(policy.mode === 'schedule'
      ? {
          cron: policy.cron ?? SCHEDULES.daily,
          ...(policy.timeZone === undefined ? {} : { timeZone: policy.timeZone }),
          ...(policy.businessDays ? { businessDays: true } : {}),
        }
      : {}),
    ...(policy.mode !== 'frozen' && Object.keys(alert).length > 0 ? { alert } : {}),
  };
}

/** How a size changed since the point before it; `undefined` for the first and after nobody. */
export function changeAt(points: readonly GrowthPoint[], at: number): number | undefined {
  const [before, now] = [points[at - 1], points[at]];
  return before && now && before.count > 0 ? now.count / before.count - 1 : undefined;
}
