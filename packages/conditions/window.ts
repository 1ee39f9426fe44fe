import { type EpochMs, parseDuration, shiftInstant } from '@rapport/kernel';

/** The instant before the window `(now − within, now]`; before all time when there is no `within`. */
export function windowStart(now: EpochMs, within: string | undefined): EpochMs {
  const duration = within === undefined ? undefined : parseDuration(within);
  return duration ? shiftInstant(now, duration, -1) : Number.NEGATIVE_INFINITY;
}
