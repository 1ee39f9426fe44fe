import { describe, expect, it } from 'vitest';
import { createFormats } from './format.ts';

const english = createFormats({ language: 'en', timeZone: 'Asia/Hong_Kong' });
const hant = createFormats({ language: 'zh-Hant', timeZone: 'Asia/Hong_Kong' });

describe('figures of the console', () => {
  it('writes minor units by the digits of their currency', () => {
    expect(english.money(123_456, 'CNY')).toBe('¥1,234.56');
    expect(english.money(1234, 'JPY')).toBe('¥1,234');
    expect(english.money(1_234_567, 'KWD')).toContain('1,234.567');
  });

  it('writes large amounts shortly when asked to', () => {
    expect(english.money(270_000_000_000, 'CNY', { compact: true })).toBe('¥2.7bn');
  });

  it('shows a calendar day as that day in every time zone', () => {
    const west = createFormats({ language: 'en', timeZone: 'America/Los_Angeles' });
    expect(west.day('2026-11-02')).toBe('2 Nov 2026');
    expect(english.day('2026-11-02')).toBe('2 Nov 2026');
  });

  it("shows an instant in the bank's time zone", () => {
    expect(english.instant('2026-11-02T23:30:00Z')).toBe('3 Nov 2026, 07:30');
    expect(hant.instant('2026-11-02T23:30:00Z')).toContain('2026年11月3日');
  });

  it('writes differences of shares as percentage points with their sign', () => {
    expect(english.points(0.0092)).toBe('+0.92 pp');
    expect(english.points(-0.002)).toBe('-0.20 pp');
    expect(english.points(0)).toBe('0.00 pp');
  });

  it('says how long ago in the largest unit that fits', () => {
    const now = Date.parse('2026-11-02T12:00:00Z');
    expect(english.ago('2026-11-02T11:57:00Z', now)).toBe('3 minutes ago');
    expect(english.ago('2026-10-30T12:00:00Z', now)).toBe('3 days ago');
    expect(hant.ago('2026-11-02T11:57:00Z', now)).toBe('3 分鐘前');
  });

  it('writes durations in milliseconds below a second and in seconds above', () => {
    expect(english.duration(42.4)).toBe('42 ms');
    expect(english.duration(1500)).toContain('1.5 s');
  });
});
