/** A calendar day as ISO 8601, `2026-02-17`. It has no time zone. */
export type Day = string;

const DAY_MS = 86_400_000;
const PATTERN = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Days since 1970-01-01. @throws RangeError for a text that is no day of the Gregorian calendar */
export function dayNumber(day: Day): number {
  const match = PATTERN.exec(day);
  const number = match
    ? Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / DAY_MS
    : Number.NaN;
  if (Number.isNaN(number) || dayOf(number) !== day)
    throw new RangeError(`"${day}" is no day; write it as 2026-02-17.`);
  return number;
}

/** The day of a number of days since 1970-01-01. */
export const dayOf = (number: number): Day => new Date(number * DAY_MS).toISOString().slice(0, 10);

export const addDays = (day: Day, days: number): Day => dayOf(dayNumber(day) + days);

/** ISO 8601 weekday: Monday = 1 … Sunday = 7. */
export const weekday = (day: Day): number => ((((dayNumber(day) + 3) % 7) + 7) % 7) + 1;

/** ISO 8601 week: the year that has the week's Thursday, and its number from 1. */
export function isoWeek(day: Day): { year: number; week: number } {
  const thursday = dayNumber(day) - weekday(day) + 4;
  const year = Number(dayOf(thursday).slice(0, 4));
  return { year, week: 1 + Math.floor((thursday - dayNumber(`${year}-01-01`)) / 7) };
}

/** Last day of the month. */
export function monthEnd(day: Day): Day {
  const number = dayNumber(day);
  const [year, month] = parts(number);
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}

/**
 * The fiscal year of a day, named by the calendar year it ends in, and its first and last day.
 * @param startMonth  first month of the fiscal year, 1–12 (1: the calendar year; 4: Japan, Hong Kong; 7; 10)
 */
export function fiscalYear(day: Day, startMonth: number): { year: number; from: Day; to: Day } {
  if (!Number.isInteger(startMonth) || startMonth < 1 || startMonth > 12)
    throw new RangeError(`A fiscal year starts in month 1 to 12, not ${startMonth}.`);
  const [year, month] = parts(dayNumber(day));
  const first = month >= startMonth ? year : year - 1;
  const from = `${first}-${String(startMonth).padStart(2, '0')}-01`;
  const to = addDays(`${first + 1}-${String(startMonth).padStart(2, '0')}-01`, -1);
  return { year: Number(to.slice(0, 4)), from, to };
}

/** Fiscal quarter 1–4 of a day. */
export function fiscalQuarter(day: Day, startMonth: number): number {
  const [, month] = parts(dayNumber(day));
  return 1 + Math.floor(((((month - startMonth) % 12) + 12) % 12) / 3);
}

/** The day in a time zone, of an instant in epoch milliseconds. @throws RangeError for an unknown zone */
export function dayIn(zone: string, at: number): Day {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(at);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
}

/** The instant at which a day begins in a time zone, epoch milliseconds; the first such instant at a clock change. */
export function dayStart(zone: string, day: Day): number {
  const guess = dayNumber(day) * DAY_MS;
  // The offset is less than a day; of the two candidates the right one lands on the day at midnight.
  const offsets = [-DAY_MS, 0, DAY_MS].map((shift) => offsetMs(zone, guess + shift));
  const candidates = [...new Set(offsets)].map((offset) => guess - offset).toSorted((a, b) => a - b);
  const exact = candidates.find((at) => dayIn(zone, at) === day && dayIn(zone, at - 1) !== day);
  // Where midnight does not exist (a clock change at 00:00) the day begins after the gap.
  return exact ?? candidates.find((at) => dayIn(zone, at) === day) ?? guess;
}

function offsetMs(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0);
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return local - Math.floor(at / 1000) * 1000;
}

function parts(number: number): [year: number, month: number] {
  const day = dayOf(number);
  return [Number(day.slice(0, 4)), Number(day.slice(5, 7))];
}
