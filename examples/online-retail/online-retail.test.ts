import { describe, expect, it } from 'vitest';
import { missingRetail, runOnlineRetail } from './online-retail.ts';

const absent = await missingRetail(process.env.RAPPORT_DATASETS);

it('the advice when the invoices are absent names the variable and the file', async () => {
  expect(await missingRetail(undefined)).toMatch(/RAPPORT_DATASETS is not set/);
  expect(await missingRetail('/nowhere')).toMatch(
    /There is no \/nowhere\/online-retail\/OnlineRetail.parquet/,
  );
});

describe.skipIf(absent !== undefined)('Online Retail', () => {
  it('has every published figure of recency, frequency and monetary value', {
    timeout: 180_000,
  }, async () => {
    const { load, figures, cohorts } = await runOnlineRetail();
    expect(load).toContain('invoice_line         read 541,909 = loaded 541,909 + quarantined 0');
    expect(figures.filter(({ holds }) => !holds)).toEqual([]);
    expect(figures.length).toBeGreaterThanOrEqual(26);
    expect(cohorts).toHaveLength(13);
    expect(cohorts.reduce((sum, { customers }) => sum + customers, 0)).toBe(4_338);
  });
});
