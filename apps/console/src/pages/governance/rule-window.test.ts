import { describe, expect, it } from 'vitest';
import { formatWindow, parseWindow } from './rule-window.ts';

describe('the window of a contact rule', () => {
  it.each(['P7D', 'P30D', 'PT24H'])('reads and writes %s', (text) => {
    expect(formatWindow(parseWindow(text))).toBe(text);
  });

  it('counts as a week when it can not be read', () => {
    expect(parseWindow('P1M')).toEqual({ size: 7, unit: 'days' });
  });
});
