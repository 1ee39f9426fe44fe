import { describe, expect, it } from 'vitest';
import { dayBefore, dayOf, daysBack, endOfDay } from './as-of.ts';
import {
  conditionOf,
  conditionOfId,
  conditionOfRegion,
  narrowed,
  readAudienceSearch,
} from './audience-search.ts';
import { changeAt, scheduleOf, tidyPolicy } from './growth-words.ts';
import { isWeak, listIdOf } from './lookalike-words.ts';
import { effectLevel, type ProfileTag, sayP, tagsToShow } from './profile-words.ts';
import { reaches } from './relax-words.ts';

const adult = { tag: 'age', op: '>=', value: 18 } as const;
const wealthy = { tag: 'aum', op: '>=', value: 500_000 } as const;

describe('the address of an audience page', () => {
  it('keeps what it knows and leaves out the rest', () => {
    expect(
      readAudienceSearch({ tab: 'profile', base: 'aud_1', asOf: 'soon', with: '', colour: 'red' }),
    ).toMatchObject({ tab: 'profile', base: 'aud_1', asOf: undefined, with: undefined });
    expect(readAudienceSearch({ tab: 'nonsense' }).tab).toBeUndefined();
    expect(readAudienceSearch({ asOf: '2026-10-01T00:00:00Z' }).asOf).toBe('2026-10-01T00:00:00Z');
  });

  it('carries a condition, and none when it cannot be read', () => {
    expect(conditionOf(JSON.stringify(adult))).toEqual(adult);
    for (const text of [undefined, '', '{', 'null', '7', '[]']) expect(conditionOf(text)).toBeUndefined();
  });
});

describe('conditions made of others', () => {
  it('tells lists from audiences by their ids', () => {
    expect(conditionOfId('lst_1')).toEqual({ list: 'lst_1' });
    expect(conditionOfId('aud_1')).toEqual({ audience: 'aud_1' });
  });

  it('narrows by adding to an "all of", and wraps anything else', () => {
    expect(narrowed({ all: [adult] }, wealthy)).toEqual({ all: [adult, wealthy] });
    expect(narrowed({ any: [adult] }, wealthy)).toEqual({ all: [{ any: [adult] }, wealthy] });
  });

  it('describes who is in exactly some of several sets', () => {
    const sets = ['aud_1', 'aud_2', 'lst_3'].map(conditionOfId);
    expect(conditionOfRegion(sets, [0, 2])).toEqual({
      all: [{ audience: 'aud_1' }, { list: 'lst_3' }, { not: { audience: 'aud_2' } }],
    });
    expect(conditionOfRegion(sets, [1])).toEqual({
      all: [{ audience: 'aud_2' }, { not: { any: [{ audience: 'aud_1' }, { list: 'lst_3' }] } }],
    });
    expect(conditionOfRegion(sets, [0, 1, 2])).toEqual({ all: sets });
  });
});

describe('time travel', () => {
  const now = new Date(2026, 2, 1, 9, 30).getTime();

  it('means the last instant of the day, so that the whole day counts', () => {
    expect(new Date(endOfDay('2026-02-14')).getTime()).toBe(new Date(2026, 1, 15).getTime() - 1);
    expect(dayOf(endOfDay('2026-02-14'))).toBe('2026-02-14');
  });

  it('counts days over the ends of months, by the calendar and not by hours', () => {
    expect(dayBefore(now, 1)).toBe('2026-02-28');
    for (const days of [0, 1, 30, 365]) expect(daysBack(now, endOfDay(dayBefore(now, days)))).toBe(days);
  });
});

describe('figures of a profile', () => {
  it('names the size of a difference by its amount, whichever way it points', () => {
    expect([0.05, -0.2, 0.5, -0.79, 0.8, Math.PI].map(effectLevel)).toEqual([
      'none',
      'small',
      'medium',
      'medium',
      'large',
      'large',
    ]);
  });

  it('writes p-values no finer than a reader needs', () => {
    expect([0, 0.0004, 0.0042, 0.049, 1].map(sayP)).toEqual(['<0.001', '<0.001', '0.004', '0.05', '1.00']);
  });

  it('leaves out the tags an audience is made of unless they are asked for', () => {
    const tag = (id: string, title: string, defining: boolean): ProfileTag => ({
      tag: id,
      title,
      defining,
      ordered: false,
      cramersV: 0,
      score: 0,
      buckets: [],
    });
    const tags = [tag('age', '年齡', true), tag('city', '城市', false), tag('aum_band', '資產分層', false)];
    const ids = (options: Parameters<typeof tagsToShow>[1]): string[] =>
      tagsToShow(tags, options).map((one) => one.tag);
    expect(ids({ search: '', withDefining: false })).toEqual(['city', 'aum_band']);
    expect(ids({ search: '年', withDefining: true })).toEqual(['age']);
    expect(ids({ search: 'AUM', withDefining: false })).toEqual(['aum_band']);
  });

  it('calls a proposal one that reaches the size within a hundredth', () => {
    expect(reaches({ wanted: 10_000 }, 10_100)).toBe(true);
    expect(reaches({ wanted: 10_000 }, 10_101)).toBe(false);
    expect(reaches({ wanted: 0 }, 1)).toBe(true);
  });
});

describe('a look-alike', () => {
  it('is found by the list that its job made', () => {
    expect(listIdOf({ listId: 'lst_1', size: 3 })).toBe('lst_1');
    for (const result of [undefined, null, 'lst_1', {}, { listId: 7 }])
      expect(listIdOf(result)).toBeUndefined();
  });

  it('is weak when it ranks hardly better than chance, or by too few to say', () => {
    expect(isWeak({ auc: 0.82, aucSe: 0.01 })).toBe(false);
    expect(isWeak({ auc: 0.53, aucSe: 0.001 })).toBe(true);
    expect(isWeak({ auc: 0.7, aucSe: 0.15 })).toBe(true);
  });
});

describe('a refresh policy', () => {
  it('keeps only what its mode takes', () => {
    const alert = { growth: 0.2, decline: undefined };
    expect(tidyPolicy({ mode: 'live', cron: '0 7 * * *', businessDays: true, alert })).toEqual({
      mode: 'live',
      alert: { growth: 0.2 },
    });
    expect(tidyPolicy({ mode: 'frozen', alert })).toEqual({ mode: 'frozen' });
    expect(tidyPolicy({ mode: 'schedule' })).toEqual({ mode: 'schedule', cron: '0 7 * * *' });
    expect(tidyPolicy({ mode: 'schedule', cron: '5 1 * * 2', timeZone: 'UTC', businessDays: false })).toEqual(
      {
        mode: 'schedule',
        cron: '5 1 * * 2',
        timeZone: 'UTC',
      },
    );
  });

  it('knows the schedules it offers by their cron', () => {
    expect(scheduleOf('0 7 * * 1')).toBe('weekly');
    expect(scheduleOf('0 8 * * 1')).toBe('custom');
    expect(scheduleOf(undefined)).toBe('daily');
  });
});

describe('sizes over time', () => {
  const point = (count: number) => ({ at: '2026-11-01T00:00:00Z', count, source: 'recorded' as const });

  it('change against the point before, if there was anybody', () => {
    const points = [point(100), point(150), point(0), point(10)];
    expect(points.map((_, at) => changeAt(points, at))).toEqual([undefined, 0.5, -1, undefined]);
  });
});
