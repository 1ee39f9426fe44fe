import { describe, expect, it } from 'vitest';
import { fieldPairs } from './compare.ts';
import { decisionOfKey, stepOfKey } from './keys.ts';

describe('two records side by side', () => {
  it('stand field by field, those that both lack left out, with what differs', () => {
    expect(
      fieldPairs({ city: '海州', name: '王芳', custom: 'x' }, { name: '王芳芳', city: '海州', email: 'w●' }),
    ).toEqual([
      { field: 'name', left: '王芳', right: '王芳芳', likeness: 'differs' },
      { field: 'email', left: undefined, right: 'w●', likeness: 'one_sided' },
      { field: 'city', left: '海州', right: '海州', likeness: 'same' },
      { field: 'custom', left: 'x', right: undefined, likeness: 'one_sided' },
    ]);
  });

  it('are decided by keys, large or small', () => {
    expect(['m', 'X', 'L', 'q'].map(decisionOfKey)).toEqual(['merge', 'distinct', 'later', undefined]);
    expect(['j', 'K', 'm'].map(stepOfKey)).toEqual([1, -1, 0]);
  });
});
