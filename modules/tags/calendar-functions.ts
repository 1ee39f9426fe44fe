import { businessCalendar, CALENDARS, dayNumber, lunarDay, springFestival } from '@rapport/calendar';

/**
 * Functions of the business and the lunar calendar, as SQL over constants: a day is looked up in sorted arrays, so no
 * table is read. Days outside a calendar's years are unknown.
 */

const AS_OF = "toDate32({asOf:DateTime64(3, 'UTC')})";
/** Lunar years that days of birth and days of now lie in. */
const LUNAR_FROM = 1920;
const LUNAR_TO = 2060;

export type CalendarFunction = (args: readonly string[]) => string | { readonly fault: string };

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;
const numberOf = (day: string): string => `toInt32(${day})`;
const once = <Value>(make: () => Value): (() => Value) => {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

/** Every business day of each calendar as days since 1970. */
const businessDays = once(
  () =>
    new Map(
      CALENDARS.map((data) => [
        data.id,
        {
          from: dayNumber(data.from),
          to: dayNumber(data.to),
          days: [...businessCalendar(data).days()]
            .filter(({ isBusinessDay }) => isBusinessDay)
            .map(({ day }) => dayNumber(day)),
        },
      ]),
    ),
);

/** First days of all lunar months, with the month's number; a leap month has that of the month it repeats. */
const lunarMonths = once(() => {
  const starts: number[] = [];
  const months: number[] = [];
  const last = dayNumber(springFestival(LUNAR_TO));
  for (let at = dayNumber(springFestival(LUNAR_FROM)); at < last; ) {
    const { month, day } = lunarDay(new Date(at * 86_400_000).toISOString().slice(0, 10));
    starts.push(at);
    months.push(month);
    // A month has 29 or 30 days.
    at += 29 - (day - 1);
    if (lunarDay(new Date(at * 86_400_000).toISOString().slice(0, 10)).day !== 1) at += 1;
  }
  return { starts, months, end: last };
});

const inLunarYears = (day: string, value: string): string => {
  const { starts, end } = lunarMonths();
  const at = numberOf(day);
  return `if(${at} >= ${starts[0]} AND ${at} < ${end}, ${value}, NULL)`;
};
const lunarMonthSql = (day: string): string => {
  const { starts, months } = lunarMonths();
  return `transform(roundDown(${numberOf(day)}, ${list(starts)}), ${list(starts)}, ${list(months)}, 0)`;
};
const lunarDaySql = (day: string): string =>
  `(${numberOf(day)} - roundDown(${numberOf(day)}, ${list(lunarMonths().starts)}) + 1)`;

function withCalendar(
  name: string,
  make: (day: string, calendar: { from: number; to: number; days: readonly number[] }) => string,
): CalendarFunction {
  return (args) => {
    const [day, calendar, ...more] = args;
    const id = /^'([A-Z]+)'$/.exec(calendar ?? '')?.[1];
    const known = id === undefined ? undefined : businessDays().get(id);
    if (day === undefined || known === undefined || more.length > 0)
      return {
        fault: `${name} takes a day and a calendar: ${name}(day, 'TW'); there are ${[...businessDays().keys()].join(', ')}.`,
      };
    return make(day, known);
  };
}

function ofDay(name: string, make: (day: string) => string): CalendarFunction {
  return (args) => {
    const [day] = args;
    return day === undefined || args.length !== 1
      ? { fault: `${name} takes one day: ${name}(day).` }
      : make(day);
  };
}

/** Business days up to and with a day: the place of the last one that is not after it. */
const countSql = (day: string, days: readonly number[]): string => {
  const at = numberOf(day);
  return `if(${at} < ${days[0] ?? 0}, 0, toInt64(indexOf(${list(days)}, roundDown(${at}, ${list(days)}))))`;
};

export const CALENDAR_FUNCTIONS: Readonly<Record<string, CalendarFunction>> = {
  isBusinessDay: withCalendar('isBusinessDay', (day, { from, to, days }) => {
    const at = numberOf(day);
    return `if(${at} >= ${from} AND ${at} <= ${to}, has(${list(days)}, ${at}), NULL)`;
  }),
  businessDaysSince: withCalendar('businessDaysSince', (day, { from, to, days }) => {
    const [at, now] = [numberOf(day), numberOf(AS_OF)];
    return `if(least(${at}, ${now}) >= ${from} AND greatest(${at}, ${now}) <= ${to}, ${countSql(AS_OF, days)} - ${countSql(day, days)}, NULL)`;
  }),
  lunarMonth: ofDay('lunarMonth', (day) => inLunarYears(day, lunarMonthSql(day))),
  lunarDay: ofDay('lunarDay', (day) => inLunarYears(day, lunarDaySql(day))),
};
