import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '@rapport/kernel';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { fitLogistic, probability } from './logistic.ts';

describe('fitLogistic', () => {
  it('recovers planted weights from many rows', async () => {
    const random = seededRandom(11);
    const [rows, truth, intercept] = [40_000, [0.8, -0.5, 0], -1.2];
    const values = Float64Array.from({ length: rows * 3 }, () => random.normal());
    const labels = Uint8Array.from({ length: rows }, (_, row) =>
      random.next() < probability(truth, intercept, values, row) ? 1 : 0,
    );
    const fit = await fitLogistic({ rows, columns: 3, values, labels }, 1);
    expect(fit.converged).toBe(true);
    fit.weights.forEach((weight, index) => {
      expect(weight).toBeCloseTo(truth[index] ?? 0, 1);
    });
    expect(fit.intercept).toBeCloseTo(intercept, 1);
  });

  it('stays finite where the classes are apart', async () => {
    const values = Float64Array.from([-2, -1, 1, 2]);
    const fit = await fitLogistic({ rows: 4, columns: 1, values, labels: Uint8Array.from([0, 0, 1, 1]) }, 1);
    expect(fit.converged).toBe(true);
    // ½w² + 2·log(1+e^(−w)) + 2·log(1+e^(−2w)) has its minimum where w = 2σ(−w) + 4σ(−2w).
    const [weight = 0] = fit.weights;
    const sigma = (x: number): number => 1 / (1 + Math.exp(-x));
    expect(weight).toBeCloseTo(2 * sigma(-weight) + 4 * sigma(-2 * weight), 4);
  });

  it('stops when asked', async () => {
    const matrix = {
      rows: 2,
      columns: 1,
      values: Float64Array.from([-1, 1]),
      labels: Uint8Array.from([0, 1]),
    };
    await expect(fitLogistic(matrix, 1, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

/* ── the exact solutions kept with the reference data ────────────────────────────────────────────────── */

const root = process.env.RAPPORT_DATASETS ?? '';
const exactFile = join(root, 'fixtures', 'logreg_exact.json');
const Exact = Type.Record(
  Type.String(),
  Type.Object({
    features: Type.Array(Type.String()),
    mean: Type.Array(Type.Number()),
    std: Type.Array(Type.Number()),
    coef: Type.Array(Type.Number()),
    intercept: Type.Number(),
    objective: Type.Number(),
  }),
);

const SETS = [
  { name: 'bank-additional-full', file: 'bank-marketing/bank-additional-full.csv', label: 'y', yes: 'yes' },
  { name: 'churn-modelling', file: 'churn-modelling/Churn_Modelling.csv', label: 'Exited', yes: '1' },
  { name: 'credit-default', file: 'credit-default/UCI_Credit_Card.csv', label: 'Y', yes: '1' },
];

describe.skipIf(root === '' || !existsSync(exactFile))('fitLogistic against exact solutions', () => {
  it.each(SETS)('reaches the objective of $name within 1e-4', async (set) => {
    const { name } = set;
    const exact = Value.Parse(Exact, JSON.parse(readFileSync(exactFile, 'utf8')))[name];
    if (!exact) throw new Error(`no exact solution of ${name}`);
    const table = readSet(set, exact.features);
    const columns = exact.features.length;
    const values = new Float64Array(table.length * columns);
    const labels = Uint8Array.from(table, (row) => row.label);
    table.forEach((row, index) => {
      row.values.forEach((value, column) => {
        values[index * columns + column] = (value - (exact.mean[column] ?? 0)) / (exact.std[column] || 1);
      });
    });
    const fit = await fitLogistic({ rows: table.length, columns, values, labels }, 1);
    expect(Math.abs(fit.objective - exact.objective) / exact.objective).toBeLessThan(1e-4);
  });
});

/** Rows of the training part with the fixture's columns: numbers as they are, `name=category` as 0/1. */
function readSet(
  set: (typeof SETS)[number],
  features: readonly string[],
): { label: number; values: number[] }[] {
  const { name, label, yes } = set;
  const file = join(root, set.file);
  const [head = '', ...lines] = readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const delimiter = head.includes(';') ? ';' : ',';
  const cells = (line: string): string[] => line.split(delimiter).map((cell) => cell.replaceAll('"', ''));
  const names = cells(head);
  const train = readFileSync(join(root, 'fixtures', `split_${name}.csv`), 'utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1);
  return train.flatMap((line, index) => {
    if (!line.endsWith('train')) return [];
    const row = cells(lines[index] ?? '');
    const cell = (column: string): string => row[names.indexOf(column)] ?? '';
    const values = features.map((feature) => {
      const at = feature.indexOf('=');
      return at < 0 ? Number(cell(feature)) : Number(cell(feature.slice(0, at)) === feature.slice(at + 1));
    });
    return [{ label: Number(cell(label) === yes), values }];
  });
}
