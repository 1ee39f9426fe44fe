import { describe, expect, it } from 'vitest';
import { tgiBar } from './tgi.ts';

const width = (tgi: number): number => tgiBar(tgi).to - tgiBar(tgi).from;

describe('a TGI bar', () => {
  it('is nothing at 100, and as long for half as for twice', () => {
    expect(width(100)).toBe(0);
    expect(width(50)).toBeCloseTo(width(200));
    expect(tgiBar(200).from).toBe(50);
    expect(tgiBar(50).to).toBe(50);
  });

  it('stays on its track, also for nobody and for very many', () => {
    expect(tgiBar(0)).toEqual({ from: 0, to: 50 });
    expect(tgiBar(1e6)).toEqual({ from: 50, to: 100 });
  });
});
