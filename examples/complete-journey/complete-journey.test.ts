import { describe, expect, it } from 'vitest';
import { missingJourney, runCompleteJourney } from './complete-journey.ts';

const absent = await missingJourney(process.env.RAPPORT_DATASETS);

it('the advice when the campaigns are absent names the variable and the file', async () => {
  expect(await missingJourney('')).toMatch(/RAPPORT_DATASETS is not set/);
  expect(await missingJourney('/nowhere')).toMatch(/There is no \/nowhere\/complete-journey\/campaigns.csv/);
});

describe.skipIf(absent !== undefined)('The Complete Journey', () => {
  it('has the published funnel by audiences of events', { timeout: 180_000 }, async () => {
    const { load, funnel, figures } = await runCompleteJourney();
    expect(load).toContain('basket_line          read 75,000 = loaded 74,999 + quarantined 1');
    expect(figures.filter(({ holds }) => !holds)).toEqual([]);
    expect(figures.length).toBeGreaterThanOrEqual(21);
    expect(funnel).toEqual([
      { type: 'Type A', campaigns: 4, targeted: 3_647, redeemed: 604, rate: '16.56' },
      { type: 'Type B', campaigns: 17, targeted: 2_368, redeemed: 154, rate: '6.50' },
      { type: 'Type C', campaigns: 6, targeted: 574, redeemed: 34, rate: '5.92' },
    ]);
  });
});
