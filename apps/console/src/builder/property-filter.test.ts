import { describe, expect, it } from 'vitest';
import { filterOf, flatFilter } from './flat-filter.ts';

const city = { property: 'city', op: '=', value: 'Taipei' } as const;
const amount = { property: 'amount', op: '>=', value: 5 } as const;

describe('a filter over the properties of an event', () => {
  it('is absent without lines, one leaf with one, and an `all` with several', () => {
    expect(filterOf([])).toBeUndefined();
    expect(filterOf([city])).toEqual(city);
    expect(filterOf([city, amount])).toEqual({ all: [city, amount] });
  });

  it('reads back the lines that it wrote', () => {
    for (const lines of [[], [city], [city, amount]]) expect(flatFilter(filterOf(lines))).toEqual(lines);
  });

  it('leaves a nested filter to the JSON view', () => {
    expect(flatFilter({ any: [city, amount] })).toBeUndefined();
    expect(flatFilter({ all: [city, { not: amount }] })).toBeUndefined();
  });
});
