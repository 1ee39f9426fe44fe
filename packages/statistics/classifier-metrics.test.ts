import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { calibration, classifierMetrics, liftDeciles } from './index.ts';

describe('classifierMetrics', () => {
  it('counts by hand on a small table with ties', () => {
    const metrics = classifierMetrics([1, 0, 1, 0, 0], [0.9, 0.9, 0.6, 0.2, 0.1]);
    expect(metrics.auc).toBeCloseTo((2.5 + 2) / 6, 12);
    expect(metrics.ks).toBeCloseTo(2 / 3, 12);
    expect(metrics.brier).toBeCloseTo((0.01 + 0.81 + 0.16 + 0.04 + 0.01) / 5, 12);
    expect(metrics.prAuc).toBeCloseTo(0.5 * 0.5 + 0.5 * (2 / 3), 12);
  });

  it('refuses rows of one class', () => {
    expect(() => classifierMetrics([1, 1], [0.1, 0.2])).toThrow('both classes');
  });

  it('keeps all rows in calibration bins and all positives in deciles', () => {
    const scores = Array.from({ length: 103 }, (_, i) => (i % 17) / 20);
    const labels = scores.map((score, i) => (score > 0.4 && i % 3 > 0 ? 1 : 0));
    expect(calibration(labels, scores, 10).reduce((sum, bin) => sum + bin.rows, 0)).toBe(103);
    const deciles = liftDeciles(labels, scores);
    expect(deciles.at(-1)?.capture).toBeCloseTo(1, 12);
    expect(deciles.reduce((sum, decile) => sum + decile.positives, 0)).toBeCloseTo(
      labels.reduce<number>((sum, label) => sum + label, 0),
      9,
    );
  });
});

const fixtures = join(process.env.RAPPORT_DATASETS ?? '', 'fixtures');
const present = process.env.RAPPORT_DATASETS !== undefined && existsSync(join(fixtures, 'baselines.csv'));

describe.skipIf(!present)('classifierMetrics against the reference predictions', () => {
  const [head = [], ...baselines] = present ? readTable(join(fixtures, 'baselines.csv')) : [];
  const cell = (row: readonly string[], column: string): string => row[head.indexOf(column)] ?? '';

  for (const dataset of ['bank-additional-full', 'churn-modelling', 'credit-default']) {
    it(`recomputes every metric of every model of ${dataset}`, () => {
      const [columns = [], ...rows] = readTable(join(fixtures, `testpred_${dataset}.csv`));
      const labels = rows.map((row) => Number(row[1]));
      for (const model of columns.slice(2)) {
        const metrics = classifierMetrics(
          labels,
          rows.map((row) => Number(row[columns.indexOf(model)])),
        );
        const expected = baselines.find(
          (row) => cell(row, 'dataset') === dataset && cell(row, 'model') === model,
        );
        if (!expected) throw new Error(`no baseline for ${model} on ${dataset}`);
        const check = (name: string, value: number, tolerance: number): void =>
          expect(Math.abs(value - Number(cell(expected, name))), `${model} ${name}`).toBeLessThan(tolerance);
        check('ks', metrics.ks, 1e-6);
        check('brier', metrics.brier, 1e-6);
        check('capture50', metrics.capture50, 1e-6);
        check('ece10', metrics.ece10, 1e-6);
        // The file holds six decimals, so naive Bayes' scores tie at 0 and 1; what depends on their order or on how
        // near to 0 they were cannot be recomputed from it. Elsewhere a few ties move the AUC by up to 3e-6.
        if (model === 'GaussianNB' && dataset !== 'churn-modelling') continue;
        check('auc', metrics.auc, 3e-6);
        check('auc_se', metrics.aucSe, 1e-6);
        check('pr_auc', metrics.prAuc, 3e-6);
        check('logloss', metrics.logLoss, 1e-4);
        check('lift10', metrics.lift10, 1e-6);
        check('capture10', metrics.capture10, 1e-6);
        check('alift', metrics.alift, 3e-6);
      }
    });
  }
});

function readTable(path: string): string[][] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) =>
    [...line.matchAll(/"([^"]*)"|([^,]+)/g)].map((match) => match[1] ?? match[2] ?? ''),
  );
}
