import { addDays, type Day, dayNumber, dayOf, weekday } from './day.ts';

/**
 * A business calendar as data: what a week looks like, and the days that differ. It says nothing outside `from`–`to`;
 * nobody knows the holidays of a year before its government announced them.
 */
export interface BusinessCalendar {
  readonly id: string;
  readonly title: Readonly<Record<'en' | 'zh-Hant' | 'zh-Hans', string>>;
  /** ISO weekdays on which nobody works: 6 and 7. */
  readonly weekend: readonly number[];
  /** First and last day it speaks of. */
  readonly from: Day;
  readonly to: Day;
  /** Days off beside weekends, each with its name; `2026-02-16/2026-02-20` is a range with both ends. */
  readonly holidays: Readonly<Record<string, string>>;
  /** Days of weekends that are worked: 調休 / 補班. */
  readonly workdays: readonly Day[];
}

/** A calendar ready to be asked. */
export interface Calendar {
  readonly id: string;
  readonly from: Day;
  readonly to: Day;
  /** @throws RangeError outside the calendar's years */
  isBusinessDay(day: Day): boolean;
  /** Name of the holiday, `undefined` on other days. */
  holiday(day: Day): string | undefined;
  /**
   * The n-th business day after the day (n > 0) or before it (n < 0); with 0 the day itself when it is a business day,
   * else the next one. @throws RangeError when it would leave the calendar's years
   */
  addBusinessDays(day: Day, n: number): Day;
  /** Number of business days in (from, to]; negative when `to` is earlier. */
  businessDaysBetween(from: Day, to: Day): number;
  /** Last business day of the month of that day. */
  lastBusinessDayOfMonth(day: Day): Day;
  /** Every day with whether it is a business day and how many there were before it: for tables in a warehouse. */
  days(): IterableIterator<{ day: Day; isBusinessDay: boolean; before: number }>;
}

/**
 * Checks calendar data and makes it ready.
 * @throws RangeError that names the day at fault: outside the calendar's years, a holiday that is worked too, a
 *   make-up day that is a working day anyway
 */
export function businessCalendar(data: BusinessCalendar): Calendar {
  const first = dayNumber(data.from);
  const last = dayNumber(data.to);
  const fail = (message: string): never => {
    throw new RangeError(`Calendar ${data.id}: ${message}`);
  };
  if (last < first) fail(`${data.to} is before ${data.from}.`);
  const weekend = new Set(data.weekend);
  if ([...weekend].some((each) => !Number.isInteger(each) || each < 1 || each > 7) || weekend.size > 6)
    fail('a weekend is one to six of the weekdays 1 (Monday) to 7 (Sunday).');
  const holidays = new Map<number, string>();
  for (const [range, name] of Object.entries(data.holidays)) {
    const [from = range, to = from] = range.split('/');
    const end = dayNumber(to);
    if (end < dayNumber(from)) fail(`the range ${range} runs backwards.`);
    for (let at = dayNumber(from); at <= end; at++) {
      if (at < first || at > last) fail(`the holiday ${dayOf(at)} is outside ${data.from} to ${data.to}.`);
      holidays.set(at, name);
    }
  }
  const workdays = new Set<number>();
  for (const day of data.workdays) {
    const at = dayNumber(day);
    if (at < first || at > last) fail(`the make-up day ${day} is outside ${data.from} to ${data.to}.`);
    if (holidays.has(at)) fail(`${day} is a holiday (${holidays.get(at)}) and a make-up day.`);
    if (!weekend.has(weekday(day))) fail(`${day} is no day of a weekend; it is worked anyway.`);
    workdays.add(at);
  }
  const works = (at: number): boolean =>
    workdays.has(at) || (!holidays.has(at) && !weekend.has(weekday(dayOf(at))));
  /** Business days before each day, so that counting is a subtraction. */
  const before: number[] = [0];
  for (let at = first; at <= last; at++) before.push((before[at - first] ?? 0) + (works(at) ? 1 : 0));

  const within = (day: Day): number => {
    const at = dayNumber(day);
    if (at < first || at > last)
      fail(`it knows ${data.from} to ${data.to}, not ${day}; add the holidays of that year.`);
    return at;
  };
  /** Business days up to and with a day. */
  const upTo = (at: number): number => before[at - first + 1] ?? 0;
  /** The first day with that many business days up to it. */
  const nth = (count: number, day: Day): Day => {
    if (count < 1 || count > upTo(last))
      fail(`the business day asked for from ${day} is outside ${data.from} to ${data.to}.`);
    let low = first;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo(middle) >= count) high = middle;
      else low = middle + 1;
    }
    return dayOf(low);
  };

  const calendar: Calendar = {
    id: data.id,
    from: data.from,
    to: data.to,
    isBusinessDay: (day) => works(within(day)),
    holiday: (day) => holidays.get(dayNumber(day)),
    addBusinessDays(day, n) {
      const at = within(day);
      const done = upTo(at);
      if (n === 0) return works(at) ? day : nth(done + 1, day);
      return n > 0 ? nth(done + n, day) : nth(done - (works(at) ? 1 : 0) + 1 + n, day);
    },
    businessDaysBetween: (from, to) => upTo(within(to)) - upTo(within(from)),
    lastBusinessDayOfMonth(day) {
      const [year = '', month = ''] = day.split('-');
      const next =
        month === '12'
          ? `${Number(year) + 1}-01-01`
          : `${year}-${String(Number(month) + 1).padStart(2, '0')}-01`;
      const end = addDays(next, -1);
      return works(within(end)) ? end : calendar.addBusinessDays(end, -1);
    },
    *days() {
      for (let at = first; at <= last; at++)
        yield { day: dayOf(at), isBusinessDay: works(at), before: before[at - first] ?? 0 };
    },
  };
  return calendar;
}
