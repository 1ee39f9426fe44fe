import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aggregateFrom, aggregateParts } from './aggregate.ts';
import { DURATION_UNITS, readDuration, writeDuration } from './duration-parts.ts';
import { majorOf, minorOf } from './money-units.ts';

describe('what leaf editors write', () => {
  it('reads every duration it writes', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.constantFrom(...DURATION_UNITS), (size, unit) => {
        expect(readDuration(writeDuration({ size, unit }))).toEqual({ size, unit });
      }),
    );
  });

  it('leaves a duration of several parts alone', () => {
    expect(readDuration('P1Y6M')).toBeUndefined();
  });

  it('turns amounts into minor units and back without loss', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), fc.constantFrom(0, 2, 3), (minor, digits) => {
        expect(minorOf(majorOf(minor, digits), digits)).toBe(minor === 0 ? 0 : minor);
      }),
    );
  });

  it('reads every aggregate it writes', () => {
    for (const name of ['sum', 'avg', 'min', 'max', 'last', 'distinct'] as const) {
      expect(aggregateParts(aggregateFrom({ name, property: 'amount' }))).toEqual({
        name,
        property: 'amount',
      });
    }
    expect(aggregateParts(aggregateFrom({ name: 'count' }))).toEqual({ name: 'count' });
  });
});
