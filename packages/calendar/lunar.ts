import { type Day, dayNumber, dayOf } from './day.ts';
import { LUNAR_YEARS } from './lunar-years.ts';

/** A day of the Chinese lunar calendar 農曆. */
export interface LunarDay {
  readonly year: number;
  /** 1–12 */
  readonly month: number;
  /** 1–30 */
  readonly day: number;
  /** Whether the month is the repeated one 閏月. */
  readonly isLeap: boolean;
}

const FIRST_YEAR = 1900;
const LAST_YEAR = FIRST_YEAR + LUNAR_YEARS.length - 1;
/** 1900-01-31, the first day of lunar year 1900, in days since 1970. */
const FIRST_DAY = -25_537;

/** Month that is repeated in a lunar year, 0 for none. @throws RangeError outside 1900–2100 */
export const leapMonth = (year: number): number => (infoOf(year) >> 12) & 15;

/** Days of a lunar month, 29 or 30; 0 for a leap month that the year does not have. */
export function daysInLunarMonth(year: number, month: number, isLeap = false): number {
  const info = infoOf(year);
  if (month < 1 || month > 12) throw new RangeError(`A lunar year has the months 1 to 12, not ${month}.`);
  if (isLeap) return leapMonth(year) === month ? 29 + ((info >> 16) & 1) : 0;
  return 29 + ((info >> (month - 1)) & 1);
}

/** The lunar day of a Gregorian one. @throws RangeError outside 1900-01-31 to 2101-01-28 */
export function lunarDay(day: Day): LunarDay {
  let left = dayNumber(day) - FIRST_DAY;
  if (left < 0) throw new RangeError(`The lunar calendar is known from 1900-01-31, not ${day}.`);
  for (let year = FIRST_YEAR; year <= LAST_YEAR; year++) {
    const length = daysInYear(year);
    if (left >= length) {
      left -= length;
      continue;
    }
    for (const { month, isLeap, days } of monthsOf(year)) {
      if (left < days) return { year, month, day: left + 1, isLeap };
      left -= days;
    }
  }
  throw new RangeError(`The lunar calendar is known up to the lunar year ${LAST_YEAR}, not ${day}.`);
}

/** The Gregorian day of a lunar one; `undefined` when the year has no such month or the month no such day. */
export function solarDay(lunar: LunarDay): Day | undefined {
  if (lunar.day < 1 || lunar.day > daysInLunarMonth(lunar.year, lunar.month, lunar.isLeap)) return undefined;
  let at = FIRST_DAY;
  for (let year = FIRST_YEAR; year < lunar.year; year++) at += daysInYear(year);
  for (const { month, isLeap, days } of monthsOf(lunar.year)) {
    if (month === lunar.month && isLeap === lunar.isLeap) return dayOf(at + lunar.day - 1);
    at += days;
  }
  return undefined;
}

/** First day of the lunar year, 春節. */
export const springFestival = (year: number): Day =>
  solarDay({ year, month: 1, day: 1, isLeap: false }) ?? `${year}-02-01`;

/**
 * The next lunar birthday 農曆生日 on or after a day. Somebody born in a leap month has it in the leap month in years
 * that repeat that month, else in the plain month; somebody born on the 30th has it on the last day of a month of 29.
 * @param birth  Gregorian day of birth
 */
export function nextLunarBirthday(birth: Day, from: Day): Day {
  const born = lunarDay(birth);
  for (let year = lunarDay(from).year; year <= LAST_YEAR; year++) {
    const isLeap = born.isLeap && leapMonth(year) === born.month;
    const day = Math.min(born.day, daysInLunarMonth(year, born.month, isLeap));
    const found = solarDay({ year, month: born.month, day, isLeap });
    if (found !== undefined && found >= from) return found;
  }
  throw new RangeError(`The lunar calendar ends before a birthday after ${from}.`);
}

function infoOf(year: number): number {
  const info = LUNAR_YEARS[year - FIRST_YEAR];
  if (info === undefined)
    throw new RangeError(`The lunar calendar is known for ${FIRST_YEAR} to ${LAST_YEAR}, not ${year}.`);
  return info;
}

function monthsOf(year: number): { month: number; isLeap: boolean; days: number }[] {
  const leap = leapMonth(year);
  return Array.from({ length: 12 }, (_, at) => at + 1).flatMap((month) => [
    { month, isLeap: false, days: daysInLunarMonth(year, month) },
    ...(month === leap ? [{ month, isLeap: true, days: daysInLunarMonth(year, month, true) }] : []),
  ]);
}

const daysInYear = (year: number): number => monthsOf(year).reduce((sum, { days }) => sum + days, 0);
