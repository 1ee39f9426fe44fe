import { seededRandom } from '@rapport/kernel';
import { describe, expect, it } from 'vitest';
import { CODES, packPair } from './coded-tag.ts';
import {
  addPairScores,
  aucOfTag,
  type CodedRows,
  drawEvenly,
  fitCodedLogistic,
  judgeLookalike,
  takeBest,
  tellingTags,
} from './lookalike.ts';

const ROWS = 6_000;

/** Seeds are likelier with code 2 of the first tag and code 5 of the second; the others say nothing. */
function planted(seed: number): CodedRows {
  const random = seededRandom(seed);
  const columns = Array.from({ length: 12 }, () =>
    Uint8Array.from({ length: ROWS }, () => random.integer(7)),
  );
  const labels = Uint8Array.from({ length: ROWS }, (_, row) => {
    const score = -2 + (columns[0]?.[row] === 2 ? 2 : 0) + (columns[1]?.[row] === 5 ? 1.2 : 0);
    return random.next() < 1 / (1 + Math.exp(-score)) ? 1 : 0;
  });
  return { columns, labels };
}

describe('the look-alike model', () => {
  it('finds planted effects, at the optimum, the same every time', async () => {
    const rows = planted(3);
    const model = await fitCodedLogistic(rows, { l2: 1 });
    expect(model.converged).toBe(true);
    const effect = (column: number, code: number): number =>
      (model.weights[column * CODES + code] ?? 0) - (model.weights[column * CODES + (code + 1)] ?? 0);
    expect(effect(0, 2)).toBeGreaterThan(1.7);
    expect(effect(0, 2)).toBeLessThan(2.3);
    expect(effect(1, 5)).toBeGreaterThan(0.8);
    expect([...(await fitCodedLogistic(rows, { l2: 1 })).weights]).toEqual([...model.weights]);
    // At the optimum Σ residual = 0 and each weight equals −Σ residual / l2.
    const scores = Float64Array.from(rows.labels, () => model.intercept);
    rows.columns.forEach((codes, column) => {
      codes.forEach((code, row) => {
        scores[row] = (scores[row] ?? 0) + (model.weights[column * CODES + code] ?? 0);
      });
    });
    const residuals = scores.map((score, row) => 1 / (1 + Math.exp(-score)) - (rows.labels[row] ?? 0));
    expect(Math.abs(residuals.reduce((sum, each) => sum + each, 0))).toBeLessThan(0.5);
    const pull = (column: number, code: number): number =>
      residuals.reduce((sum, each, row) => (rows.columns[column]?.[row] === code ? sum + each : sum), 0);
    expect(pull(0, 2) + (model.weights[2] ?? 0)).toBeCloseTo(0, 0);
  });

  it('learns only from tags that tell seeds from others, the strongest first, and mostly from no other', () => {
    let chance = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const rows = planted(seed);
      const telling = tellingTags(rows, 100);
      expect(telling.slice(0, 2)).toEqual([0, 1]);
      expect(tellingTags(rows, 1)).toEqual([0]);
      chance += telling.length - 2;
    }
    // 200 tags that say nothing.
    expect(chance).toBeLessThanOrEqual(5);
  });

  it('judges on other customers and scores as it was judged', async () => {
    const model = await fitCodedLogistic(planted(3), { l2: 1 });
    const other = planted(4);
    const scores = new Float32Array(ROWS).fill(model.intercept);
    for (let column = 0; column < other.columns.length; column += 2) {
      const [low = new Uint8Array(), high] = other.columns.slice(column, column + 2);
      const tags = [
        { tag: 'low', shift: 0, buckets: [] },
        { tag: 'high', shift: 4, buckets: [] },
      ] as const;
      addPairScores(scores, { bytes: packPair(low, high), tags }, model, [column, column + 1]);
    }
    const byHand = other.columns.reduce(
      (sum, codes, column) => sum + (model.weights[column * CODES + (codes[7] ?? 0)] ?? 0),
      model.intercept,
    );
    expect(scores[7]).toBeCloseTo(byHand, 4);
    const quality = judgeLookalike(other.labels, Float64Array.from(scores), 1);
    expect(quality.auc).toBeGreaterThan(0.62);
    expect(quality.lifts[2]?.lift).toBeGreaterThan(2);
    const best = takeBest(scores, Uint32Array.from(other.labels.keys()), 600, 'x');
    const rate = best.reduce((sum, cid) => sum + (other.labels[cid] ?? 0), 0) / best.length;
    expect(rate).toBeGreaterThan(0.4);
  });

  it('sees a tag that decides', () => {
    const { columns, labels } = planted(8);
    expect(
      aucOfTag(
        labels.map((label) => label + 1),
        labels,
      ),
    ).toBe(1);
    expect(aucOfTag(columns[5] ?? labels, labels)).toBeLessThan(0.56);
  });
});

describe('taking the best', () => {
  it('takes exactly the wanted number, the highest scores, ties by a hash that is the same every time', () => {
    const random = seededRandom(2);
    const scores = Float32Array.from({ length: 5_000 }, () => Math.round((random.next() - 0.5) * 60) / 10);
    const members = Uint32Array.from({ length: 4_000 }, (_, at) => at + 1_000);
    for (const wanted of [0, 1, 777, 3_999, 4_000, 9_000]) {
      const best = takeBest(scores, members, wanted, 's');
      expect(best.length).toBe(Math.min(wanted, members.length));
      const worst = Math.min(...Array.from(best, (cid) => scores[cid] ?? 0));
      const chosen = new Set(best);
      for (const cid of members) if ((scores[cid] ?? 0) > worst) expect(chosen.has(cid)).toBe(true);
      expect([...best]).toEqual([...best].toSorted((a, b) => a - b));
      expect([...takeBest(scores, members, wanted, 's')]).toEqual([...best]);
    }
  });

  it('draws evenly', () => {
    const drawn = drawEvenly(
      Uint32Array.from({ length: 1_000 }, (_, at) => at),
      10,
      seededRandom(1),
    );
    expect(drawn.every((cid, at) => Math.floor(cid / 100) === at)).toBe(true);
  });
});
