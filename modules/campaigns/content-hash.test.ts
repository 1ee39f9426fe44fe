import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash } from './content-hash.ts';

describe('the content hash', () => {
  it('does not depend on the order in which members were written', () => {
    expect(contentHash({ a: 1, b: { c: [1, 2], d: undefined } })).toBe(
      contentHash({ b: { c: [1, 2] }, a: 1 }),
    );
  });

  it('survives storage as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(contentHash(JSON.parse(JSON.stringify(value)))).toBe(contentHash(value));
      }),
    );
  });

  it('differs when anything in it does', () => {
    const hashes = [{ a: 1 }, { a: '1' }, { a: [1] }, { b: 1 }, { a: { b: 1 } }, { a: null }, {}].map(
      contentHash,
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
