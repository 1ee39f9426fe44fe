import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExampleBank, loadExample, startExampleBank } from '../bank.ts';
import { checkFigures, readFigures } from '../figures.ts';
import { missingData } from './facts.ts';

const absent = await missingData(process.env.RAPPORT_DATASETS);

describe.skipIf(absent !== undefined)('audiences of the Berka bank', () => {
  let bank: ExampleBank;

  beforeAll(async () => {
    bank = await startExampleBank({ name: 'Berka Bank', currency: 'CZK', zone: 'Europe/Prague' });
    await loadExample(bank, 'berka', new URL('.', import.meta.url));
  }, 180_000);
  afterAll(() => bank?.stop());

  it('count exactly what the tables of the bank say', async () => {
    const figures = await checkFigures(
      bank,
      'berka',
      await readFigures(new URL('counts.json', import.meta.url)),
    );
    expect(figures.filter(({ holds }) => !holds)).toEqual([]);
    expect(figures.length).toBeGreaterThanOrEqual(20);
  });
});
