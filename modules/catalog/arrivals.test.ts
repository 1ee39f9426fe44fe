import { businessCalendar, CALENDARS } from '@rapport/calendar';
import { expect, it } from 'vitest';
import { dueDay, isBusinessDay } from './arrivals.ts';

const tw = CALENDARS.find((data) => data.id === 'TW');
const calendar = tw && businessCalendar(tw);
const due = (at: string, every: 'day' | 'business day' | 'month' = 'business day') => {
  const found = dueDay({ by: '06:00', zone: 'Asia/Taipei', calendar: 'TW', every }, Date.parse(at), {
    zone: 'UTC',
    calendar,
  });
  return found && `${found.day} ${new Date(found.dueAt).toISOString()}`;
};

it('asks for the data of a business day by its local time', () => {
  expect(due('2026-11-25T03:00:00+08:00')).toBe('2026-11-25 2026-11-24T22:00:00.000Z');
  // A Sunday: the day due last is Friday.
  expect(due('2026-11-29T12:00:00+08:00')).toBe('2026-11-27 2026-11-26T22:00:00.000Z');
  expect(due('2026-11-29T12:00:00+08:00', 'day')).toBe('2026-11-29 2026-11-28T22:00:00.000Z');
  expect(due('2026-11-25T03:00:00+08:00', 'month')).toBe('2026-11-02 2026-11-01T22:00:00.000Z');
});

it('asks for nothing on a holiday, and takes Monday to Friday outside the years of the calendar', () => {
  // Spring festival 2026 begins on 17 February.
  expect(isBusinessDay('2026-02-17', calendar)).toBe(false);
  expect(due('2026-02-17T12:00:00+08:00')?.slice(0, 10)).not.toBe('2026-02-17');
  expect(isBusinessDay('2099-01-01', calendar)).toBe(true);
  expect(isBusinessDay('2099-01-03', calendar)).toBe(false);
});
