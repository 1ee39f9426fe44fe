import { describe, expect, it } from 'vitest';
import {
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareTail,
  logGamma,
  normalCdf,
  normalQuantile,
  studentCdf,
  studentQuantile,
} from './index.ts';

const near = (actual: number, expected: number): void =>
  expect(Math.abs(actual - expected), `${actual} against ${expected}`).toBeLessThan(
    1e-8 * Math.max(1, Math.abs(expected)),
  );

describe('distributions agree with published values', () => {
  it('normal (Abramowitz & Stegun table 26.1)', () => {
    near(normalCdf(0.5), 0.6914624612740131);
    near(normalCdf(1.96), 0.9750021048517795);
    near(normalCdf(3), 0.9986501019683699);
    near(normalCdf(-6) / 9.865876450376946e-10, 1);
    near(normalQuantile(0.975), 1.959963984540054);
    near(normalQuantile(0.8), 0.8416212335729143);
    near(normalQuantile(1e-6), -4.753424308822899);
  });

  it('chi-square (critical values of NIST/SEMATECH 1.3.6.7.4, p-values in closed form)', () => {
    near(chiSquareQuantile(0.95, 1), 3.841458820694124);
    near(chiSquareQuantile(0.99, 10), 23.209251158954356);
    near(chiSquareQuantile(0.05, 100), 77.9294651650174);
    near(chiSquareTail(6, 2), Math.exp(-3));
    near(chiSquareCdf(7, 2), 1 - Math.exp(-3.5));
    near(chiSquareTail(9, 1), 2 * normalCdf(-3));
  });

  it('Student t (critical values of NIST/SEMATECH 1.3.6.7.2, closed forms for 1 and 2 degrees)', () => {
    near(studentQuantile(0.975, 10), 2.2281388519649385);
    near(studentQuantile(0.995, 30), 2.7499956536);
    near(studentCdf(1, 1), 0.75);
    near(studentCdf(2, 2), 0.5 + 2 / (2 * Math.sqrt(2 + 4)));
    near(studentCdf(-2.5, 1e9), normalCdf(-2.5));
  });

  it('log gamma of half-integers and factorials', () => {
    near(logGamma(0.5), Math.log(Math.sqrt(Math.PI)));
    near(logGamma(11), Math.log(3628800));
    near(logGamma(0.1), 2.2527126517342055);
  });

  it('quantiles undo the distribution functions', () => {
    for (const p of [1e-9, 0.001, 0.3, 0.5, 0.77, 0.999]) {
      near(normalCdf(normalQuantile(p)), p);
      near(chiSquareCdf(chiSquareQuantile(p, 7), 7), p);
      near(studentCdf(studentQuantile(p, 4.5), 4.5), p);
    }
  });
});
