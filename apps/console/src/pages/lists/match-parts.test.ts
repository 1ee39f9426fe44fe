import type { MatchReport } from '@rapport/audiences/contract';
import { describe, expect, it } from 'vitest';
import { matchParts, matchRate } from './match-parts.ts';

const report: MatchReport = {
  file: 'visitors.csv',
  key: 'phone',
  bytes: 900,
  rows: 100,
  empty: 5,
  invalid: 10,
  duplicates: 15,
  matched: 60,
  ambiguous: 2,
  unmatched: 8,
  sameCustomer: 1,
  customers: 59,
  examples: [],
  rowsPerSecond: 1e6,
  tookMs: 3,
};

describe('a match result', () => {
  it('puts every row into one part', () => {
    const parts = matchParts(report);
    expect(parts.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    expect(matchParts({ ...report, rows: 0 }).every(({ share }) => share === 0)).toBe(true);
  });

  it('rates the different values that were read, not rows that repeat or hold nothing', () => {
    expect(matchRate(report)).toBeCloseTo(60 / 80);
    expect(matchRate({ ...report, matched: 0, ambiguous: 0, unmatched: 0, invalid: 0 })).toBeUndefined();
    expect(matchRate(undefined)).toBeUndefined();
  });
});
