import {
  addDays,
  businessCalendar,
  CALENDARS,
  type Day,
  dayIn,
  dayNumber,
  dayStart,
  fiscalYear,
} from '@rapport/calendar';
import { type EpochMs, type ProblemFault, parseDuration, shiftInstant } from '@rapport/kernel';
import type { Period } from './aggregates.contract.ts';
import type { AggregateSpec } from './aggregates.ts';
import type { Frames, Timing } from './frames.ts';

const UNKNOWN_FRAMES = (asOf: EpochMs): Frames => ({
  frame: { start: undefined, end: asOf },
  before: undefined,
  zone: 'UTC',
});

/** First day of the period that a day is in. */
export function periodStart(period: Period | 'fiscal_year', day: Day, fiscalStart = 1): Day {
  const [year = '', month = '01'] = day.split('-');
  switch (period) {
    case 'day':
      return day;
    case 'week':
      return addDays(day, -((((dayNumber(day) + 3) % 7) + 7) % 7));
    case 'month':
      return `${year}-${month}-01`;
    case 'quarter':
      return `${year}-${String(Math.floor((Number(month) - 1) / 3) * 3 + 1).padStart(2, '0')}-01`;
    case 'year':
      return `${year}-01-01`;
    case 'fiscal_year':
      return fiscalYear(day, fiscalStart).from;
  }
}

/** First day of the period `steps` before the one that a day is in. */
export function periodBefore(period: Period | 'fiscal_year', day: Day, steps: number, fiscalStart = 1): Day {
  let start = periodStart(period, day, fiscalStart);
  for (let left = steps; left > 0; left--) start = periodStart(period, addDays(start, -1), fiscalStart);
  return start;
}

/**
 * Cuts the windows of a definition.
 * @param isDated  the rows have a day and no instant (holdings, accounts); a day is then read as midnight UTC, so that
 *   the windows are moved to the wall clock of the zone
 */
export function framesOf(
  timing: Timing,
  spec: AggregateSpec,
  asOf: EpochMs,
  isDated: boolean,
): { frames: Frames; faults: readonly ProblemFault[] } {
  const faults: ProblemFault[] = [];
  const fault = (pointer: string, message: string): void =>
    void faults.push({ pointer: `/definition${pointer}`, message });
  const within = timing.within === undefined ? undefined : parseDuration(timing.within);
  if (timing.within !== undefined && !within)
    fault('/within', `"${timing.within}" is no ISO 8601 duration such as P90D.`);
  const offset = timing.offset === undefined ? undefined : parseDuration(timing.offset);
  if (timing.offset !== undefined && !offset)
    fault('/offset', `"${timing.offset}" is no ISO 8601 duration such as P90D.`);
  const zone = timing.zone ?? 'UTC';
  if (!isZone(zone)) fault('/zone', `There is no time zone "${zone}"; write one such as Asia/Taipei.`);
  if (timing.within !== undefined && timing.window !== undefined)
    fault('/window', 'A tag has either "within" or "window".');
  const isPeriodic = spec.name === 'trend' || spec.name === 'perPeriod';
  if (isPeriodic && (timing.within !== undefined || timing.window !== undefined))
    fault(
      timing.within === undefined ? '/window' : '/within',
      `"${spec.name}" says its periods itself; leave the window out.`,
    );
  if (spec.name === 'change' && timing.within === undefined && timing.window === undefined)
    fault('/within', '"change" compares a window with the one before; say within or window.');
  if (spec.name === 'dailyAverage' && timing.within === undefined && timing.window === undefined)
    fault('/within', '"dailyAverage" needs a window: say within or window.');
  const fixed = timing.asOf === undefined ? asOf : Date.parse(timing.asOf);
  if (Number.isNaN(fixed)) fault('/asOf', `"${timing.asOf}" is no instant such as 2026-06-30T16:00:00Z.`);
  if (faults.length > 0) return { frames: UNKNOWN_FRAMES(asOf), faults };

  const end = offset ? shiftInstant(fixed, offset, -1) : fixed;
  const today = dayIn(zone, end);
  const startOf = (day: Day): EpochMs => (isDated ? dayNumber(day) * 86_400_000 : dayStart(zone, day));
  /** Rows from a day on belong to the window that starts a millisecond before it. */
  const before = (day: Day): EpochMs => startOf(day) - 1;
  const upTo = isDated && zone !== 'UTC' ? startOf(today) : end;
  const zoneOfRows = isDated ? 'UTC' : zone;
  try {
    if (isPeriodic && spec.per !== undefined && spec.periods !== undefined)
      return done({
        frame: {
          start: before(periodBefore(spec.per, today, spec.periods)),
          end: before(periodStart(spec.per, today)),
        },
        before: undefined,
        zone: zoneOfRows,
      });
    const { window } = timing;
    if (window === undefined) {
      const start = within ? shiftInstant(upTo, within, -1) : undefined;
      return done({
        frame: { start, end: upTo },
        before:
          within && start !== undefined ? { start: shiftInstant(start, within, -1), end: start } : undefined,
        zone: zoneOfRows,
      });
    }
    if ('toDate' in window) {
      const first = periodStart(window.toDate, today, window.fiscalStart);
      const earlier = periodBefore(window.toDate, today, 1, window.fiscalStart);
      // As many days of the period before as there are of this one, at most all of them.
      const sameDay = addDays(earlier, dayNumber(today) - dayNumber(first));
      const cut = isDated ? startOf(sameDay) : startOf(sameDay) + (end - startOf(today));
      return done({
        frame: { start: before(first), end: upTo },
        before: { start: before(earlier), end: Math.min(before(first), cut) },
        zone: zoneOfRows,
      });
    }
    if ('last' in window) {
      const cutAt = (steps: number): EpochMs =>
        before(periodBefore(window.unit, today, steps, window.fiscalStart));
      return done({
        frame: { start: cutAt(window.last), end: cutAt(0) },
        before: { start: cutAt(window.last * 2), end: cutAt(window.last) },
        zone: zoneOfRows,
      });
    }
    const data = CALENDARS.find(({ id }) => id === window.calendar);
    if (!data) throw new RangeError(`There is no calendar ${window.calendar}.`);
    const calendar = businessCalendar(data);
    const latest = calendar.isBusinessDay(today) ? today : calendar.addBusinessDays(today, -1);
    const first =
      window.businessDays === 1 ? latest : calendar.addBusinessDays(latest, 1 - window.businessDays);
    const earlier = calendar.addBusinessDays(first, -window.businessDays);
    return done({
      frame: { start: before(first), end: upTo },
      before: { start: before(earlier), end: before(first) },
      zone: zoneOfRows,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fault('/window', error.message);
    return { frames: UNKNOWN_FRAMES(asOf), faults };
  }
}

const done = (frames: Frames): { frames: Frames; faults: readonly ProblemFault[] } => ({
  frames,
  faults: [],
});

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
