import fc from 'fast-check';
import { LegalHoliday, LunarYear, SolarDay } from 'tyme4ts';
import { describe, expect, it } from 'vitest';
import {
  addDays,
  businessCalendar,
  CALENDARS,
  CN,
  type Day,
  dayIn,
  dayNumber,
  dayOf,
  dayStart,
  fiscalQuarter,
  fiscalYear,
  HK,
  isoWeek,
  leapMonth,
  lunarDay,
  monthEnd,
  nextLunarBirthday,
  solarDay,
  springFestival,
  TW,
  weekday,
} from './index.ts';

const days2024 = fc.integer({ min: dayNumber('2024-01-01'), max: dayNumber('2026-12-31') }).map(dayOf);

describe('days', () => {
  it('know their weekday, ISO week, month end and fiscal year', () => {
    expect(weekday('2026-02-16')).toBe(1);
    expect(weekday('1969-12-28')).toBe(7);
    expect(isoWeek('2027-01-03')).toEqual({ year: 2026, week: 53 });
    expect(isoWeek('2024-12-30')).toEqual({ year: 2025, week: 1 });
    expect(monthEnd('2024-02-10')).toBe('2024-02-29');
    expect(fiscalYear('2026-03-31', 4)).toEqual({ year: 2026, from: '2025-04-01', to: '2026-03-31' });
    expect(fiscalYear('2026-03-31', 1)).toEqual({ year: 2026, from: '2026-01-01', to: '2026-12-31' });
    expect(fiscalQuarter('2026-03-31', 4)).toBe(4);
    expect(() => dayNumber('2026-02-30')).toThrow('"2026-02-30" is no day');
  });

  it('begin at midnight of their zone', () => {
    fc.assert(
      fc.property(days2024, fc.constantFrom('Asia/Taipei', 'UTC', 'America/New_York'), (day, zone) => {
        const at = dayStart(zone, day);
        expect(dayIn(zone, at)).toBe(day);
        expect(dayIn(zone, at - 1)).toBe(addDays(day, -1));
      }),
      { numRuns: 100 },
    );
    expect(new Date(dayStart('Asia/Taipei', '2026-01-01')).toISOString()).toBe('2025-12-31T16:00:00.000Z');
  });
});

describe('business calendars', () => {
  it('know the holidays and the worked weekends 調休 that were announced', () => {
    const cn = businessCalendar(CN);
    expect(
      ['2024-02-18', '2024-02-10', '2025-09-28', '2026-02-14', '2026-02-23', '2026-02-24'].map(
        cn.isBusinessDay,
      ),
    ).toEqual([true, false, true, true, false, true]);
    expect(cn.holiday('2025-10-06')).toBe('国庆节、中秋节');
    // The State Council's notices give these working days a year.
    const working = (calendar: ReturnType<typeof businessCalendar>, year: number): number =>
      calendar.businessDaysBetween(`${year}-01-01`, `${year}-12-31`);
    expect([2023, 2024, 2025, 2026].map((year) => working(cn, year))).toEqual([249, 251, 248, 248]);
    const tw = businessCalendar(TW);
    expect(
      ['2025-02-08', '2025-01-27', '2026-02-20', '2026-02-23', '2025-12-25'].map(tw.isBusinessDay),
    ).toEqual([true, false, false, true, false]);
    const hk = businessCalendar(HK);
    expect(hk.isBusinessDay('2026-04-07')).toBe(false);
    expect(hk.isBusinessDay('2026-04-08')).toBe(true);
  });

  it('of China agree with the list of notices that tyme4ts keeps, day by day', () => {
    const cn = businessCalendar(CN);
    for (const { day, isBusinessDay } of cn.days()) {
      const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
      const notice = LegalHoliday.fromYmd(year, month, date);
      expect([day, isBusinessDay]).toEqual([day, notice ? notice.isWork() : weekday(day) < 6]);
    }
  });

  it('step and count as a walk from day to day does', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CALENDARS),
        days2024,
        fc.integer({ min: -20, max: 20 }),
        (data, day, n) => {
          const calendar = businessCalendar(data);
          if (day < '2024-03-01' || day > '2026-10-31') return;
          const walk = (from: Day, steps: number): Day => {
            let at = from;
            if (steps === 0) while (!calendar.isBusinessDay(at)) at = addDays(at, 1);
            for (let left = Math.abs(steps); left > 0; ) {
              at = addDays(at, Math.sign(steps));
              if (calendar.isBusinessDay(at)) left--;
            }
            return at;
          };
          const found = calendar.addBusinessDays(day, n);
          expect(found).toBe(walk(day, n));
          if (n > 0) expect(calendar.businessDaysBetween(day, found)).toBe(n);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuse days they do not know and data that contradict themselves', () => {
    const cn = businessCalendar(CN);
    expect(() => cn.isBusinessDay('2031-01-01')).toThrow(
      'Calendar CN: it knows 2023-01-01 to 2026-12-31, not 2031-01-01',
    );
    expect(() => cn.addBusinessDays('2026-12-30', 20)).toThrow('outside 2023-01-01 to 2026-12-31');
    expect(() => businessCalendar({ ...CN, workdays: ['2026-10-01'] })).toThrow(
      'a holiday (国庆节) and a make-up day',
    );
    expect(() => businessCalendar({ ...CN, workdays: ['2026-10-12'] })).toThrow('worked anyway');
  });
});

describe('the lunar calendar', () => {
  it('is that of tyme4ts, month for month, from 1900 to 2100', () => {
    for (let year = 1900; year <= 2100; year++) {
      expect(leapMonth(year)).toBe(LunarYear.fromYear(year).getLeapMonth());
      for (let month = 1; month <= 12; month++) {
        const day = dayOf(dayNumber(`${year}-${String(month).padStart(2, '0')}-15`));
        if (day < '1900-01-31') continue;
        const [y = 0, m = 0, d = 0] = day.split('-').map(Number);
        const there = SolarDay.fromYmd(y, m, d).getLunarDay();
        const own = lunarDay(day);
        expect([own.year, own.isLeap ? -own.month : own.month, own.day]).toEqual([
          there.getYear(),
          there.getMonth(),
          there.getDay(),
        ]);
      }
    }
  }, 30_000);

  it('has the spring festivals and leap months that everybody remembers', () => {
    expect([1900, 1985, 2000, 2020, 2023, 2024, 2025, 2026, 2033].map(springFestival)).toEqual([
      '1900-01-31',
      '1985-02-20',
      '2000-02-05',
      '2020-01-25',
      '2023-01-22',
      '2024-02-10',
      '2025-01-29',
      '2026-02-17',
      '2033-01-31',
    ]);
    expect([2017, 2020, 2023, 2025, 2028, 2033].map(leapMonth)).toEqual([6, 4, 2, 6, 5, 11]);
    expect(lunarDay('2025-07-25')).toEqual({ year: 2025, month: 6, day: 1, isLeap: true });
    // Mid-autumn 2026.
    expect(solarDay({ year: 2026, month: 8, day: 15, isLeap: false })).toBe('2026-09-25');
  });

  it('turns back what it turned', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: dayNumber('1900-01-31'), max: dayNumber('2100-12-31') }).map(dayOf),
        (day) => {
          expect(solarDay(lunarDay(day))).toBe(day);
        },
      ),
      { numRuns: 500 },
    );
    expect(solarDay({ year: 2024, month: 3, day: 1, isLeap: true })).toBeUndefined();
    expect(() => lunarDay('1899-12-31')).toThrow('known from 1900-01-31');
  });

  it('finds lunar birthdays, of leap months and of the 30th too', () => {
    // 1984-10-24 was the first day of the leap tenth month.
    expect(lunarDay('1984-11-23')).toEqual({ year: 1984, month: 10, day: 1, isLeap: true });
    expect(lunarDay(nextLunarBirthday('1984-11-23', '2026-01-01'))).toMatchObject({
      month: 10,
      day: 1,
      isLeap: false,
    });
    // Born on 1 of leap sixth month 2017: in 2025, which repeats the sixth month, it is in the leap month.
    expect(nextLunarBirthday('2017-07-23', '2025-01-01')).toBe('2025-07-25');
    fc.assert(
      fc.property(days2024, days2024, (birth, from) => {
        const found = nextLunarBirthday(birth, from);
        const born = lunarDay(birth);
        const at = lunarDay(found);
        expect(found >= from).toBe(true);
        expect(at.month).toBe(born.month);
        expect(dayNumber(found) - dayNumber(from)).toBeLessThan(400);
        if (born.day < 30) expect(at.day).toBe(born.day);
      }),
      { numRuns: 100 },
    );
  });
});
