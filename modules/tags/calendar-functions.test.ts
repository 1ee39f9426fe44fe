import { businessCalendar, dayNumber, dayOf, lunarDay, TW } from '@rapport/calendar';
import { seededRandom } from '@rapport/kernel';
import { startTestStores, type TestStores } from '@rapport/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileExpression } from './expression.ts';
import { rowScope } from './tables.ts';

const AS_OF = '2026-02-10';

describe('calendar functions of expressions', () => {
  let stores: TestStores;
  beforeAll(async () => {
    stores = await startTestStores([]);
  });
  afterAll(() => stores?.stop());

  const compile = (text: string) => compileExpression(text, rowScope('customer'), '/value');
  /** Values of an expression over `birth_date` for these days. */
  const valuesOf = async (text: string, days: readonly string[]): Promise<(number | null)[]> => {
    const result = compile(text);
    if ('faults' in result) throw new Error(JSON.stringify(result.faults));
    const rows = await stores.warehouse.query(
      Type.Object({ v: Type.Union([Type.Number(), Type.Null()]) }),
      `SELECT toInt64OrNull(toString(${result.compiled.sql})) AS v FROM (SELECT arrayJoin(arrayEnumerate({days:Array(String)})) AS at, toDate32({days:Array(String)}[at]) AS birth_date) ORDER BY at`,
      { days: [...days], asOf: `${AS_OF} 12:00:00.000` },
    );
    return rows.map(({ v }) => v);
  };
  const daysBetween = (from: string, to: string, count: number): string[] => {
    const random = seededRandom(11);
    const [low, high] = [dayNumber(from), dayNumber(to)];
    return Array.from({ length: count }, () => dayOf(low + random.integer(high - low)));
  };

  it('know business days and make-up days, and nothing of other years', async () => {
    const calendar = businessCalendar(TW);
    const days = daysBetween(TW.from, TW.to, 300);
    const known = await valuesOf("if(isBusinessDay(birth_date, 'TW'), 1, 0)", days);
    expect(known).toEqual(days.map((day) => (calendar.isBusinessDay(day) ? 1 : 0)));
    const since = await valuesOf(
      "businessDaysSince(birth_date, 'TW')",
      days.map((day) => (day < AS_OF ? day : AS_OF)),
    );
    expect(since).toEqual(days.map((day) => calendar.businessDaysBetween(day < AS_OF ? day : AS_OF, AS_OF)));
    expect(await valuesOf("businessDaysSince(birth_date, 'TW')", ['1970-01-01'])).toEqual([null]);
  });

  it('know lunar months and days', async () => {
    const days = daysBetween('1930-01-01', '2026-01-01', 400);
    expect(await valuesOf('lunarMonth(birth_date)', days)).toEqual(days.map((day) => lunarDay(day).month));
    expect(await valuesOf('lunarDay(birth_date)', days)).toEqual(days.map((day) => lunarDay(day).day));
    // The lunar new year of 2026 is on 17 February.
    expect(
      await valuesOf('lunarMonth(birth_date) * 100 + lunarDay(birth_date)', ['2026-02-17', '1900-02-01']),
    ).toEqual([101, null]);
  });

  it('are refused with the form they take', () => {
    const faults = (text: string): string[] => {
      const result = compile(text);
      return 'faults' in result ? result.faults.map(({ message }) => message) : [];
    };
    expect(faults("isBusinessDay(birth_date, 'XX')")[0]).toContain(
      "isBusinessDay(day, 'TW'); there are CN, TW, HK",
    );
    expect(faults('lunarDay(birth_date, 1)')[0]).toContain('lunarDay takes one day');
    expect(faults("lunarMonth(if(gender = 'x', birth_date, toDate('2000-01-01')))")).toEqual([]);
  });
});
