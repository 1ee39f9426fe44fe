import { describe, expect, it } from 'vitest';
import { achievedPower, detectableLift, sampleSizePerArm, sampleSizes } from './index.ts';

describe('sample sizes', () => {
  const table = [
    { base: 0.005, treated: 0.0065, equal: 39_882, control: 19_858, rest: 178_720 },
    { base: 0.02, treated: 0.025, equal: 13_806, control: 7_004, rest: 63_034 },
    { base: 0.05, treated: 0.06, equal: 8_155, control: 4_220, rest: 37_981 },
    { base: 0.1, treated: 0.12, equal: 3_838, control: 1_996, rest: 17_966 },
    { base: 0.3, treated: 0.33, equal: 3_760, control: 2_046, rest: 18_411 },
  ];

  it.each(table)('plans $base → $treated as published', ({ base, treated, equal, control, rest }) => {
    expect(sampleSizePerArm({ base, treated })).toBe(equal);
    expect(sampleSizes({ base, treated, ratio: 9 })).toEqual({ control, treated: rest });
  });

  it.each(table)('finds the lift that the sizes for $base → $treated were planned for', (row) => {
    const lift = detectableLift({ treated: row.rest, control: row.control, baseRate: row.base });
    expect(lift?.absolute).toBeCloseTo(row.treated - row.base, 5);
    expect(lift?.relative).toBeCloseTo(row.treated / row.base - 1, 3);
    const arms = { treated: row.rest, control: row.control };
    expect(achievedPower({ ...arms, baseRate: row.base, treatedRate: row.treated })).toBeCloseTo(0.8, 3);
  });

  it('says when nothing can be found', () => {
    expect(detectableLift({ treated: 1, control: 1, baseRate: 0.5 })).toBeUndefined();
    expect(detectableLift({ treated: 100, control: 0, baseRate: 0.5 })).toBeUndefined();
    expect(sampleSizes({ base: 0.1, treated: 0.1, ratio: 1 }).control).toBe(Number.POSITIVE_INFINITY);
  });
});
