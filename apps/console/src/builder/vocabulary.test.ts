import { describe, expect, it } from 'vitest';
import { firstOperator, isComplete, isFilled, type VocabularyOf } from './vocabulary.ts';

const vocabulary: VocabularyOf = {
  release: 1,
  tags: [],
  events: [],
  lists: [],
  audiences: [],
  aggregates: [],
  operators: [
    { op: '=', title: { en: 'is' }, value: 'one' },
    { op: 'in', title: { en: 'is one of' }, value: 'many' },
    { op: 'between', title: { en: 'is between' }, value: 'pair' },
    { op: 'in last', title: { en: 'is in the last' }, value: 'duration' },
    { op: 'known', title: { en: 'is known' }, value: 'none' },
  ],
};

describe('the shape of a value', () => {
  it('is checked against what the operator takes', () => {
    expect(isFilled('none', undefined)).toBe(true);
    expect(isFilled('one', 0)).toBe(true);
    expect(isFilled('one', '')).toBe(false);
    expect(isFilled('one', false)).toBe(true);
    expect(isFilled('many', [])).toBe(false);
    expect(isFilled('pair', [1])).toBe(false);
    expect(isFilled('pair', [1, 2])).toBe(true);
    expect(isFilled('duration', 'P7D')).toBe(true);
  });
});

describe('a leaf', () => {
  it('is complete once it says all that its operator needs', () => {
    expect(isComplete({ tag: 'age', op: '=' }, vocabulary)).toBe(false);
    expect(isComplete({ tag: 'age', op: '=', value: 30 }, vocabulary)).toBe(true);
    expect(isComplete({ tag: 'age', op: 'known' }, vocabulary)).toBe(true);
    expect(isComplete({ tag: 'city', op: 'in', value: ['Taipei'] }, vocabulary)).toBe(true);
  });

  it('of a sequence needs two events, of a bucket a share, of an aggregate its property', () => {
    expect(isComplete({ sequence: [{ event: 'a' }, { event: '' }], within: 'P7D' }, vocabulary)).toBe(false);
    expect(isComplete({ sequence: [{ event: 'a' }, { event: 'b' }], within: 'P7D' }, vocabulary)).toBe(true);
    expect(isComplete({ bucket: { salt: 's', from: 10, to: 10 } }, vocabulary)).toBe(false);
    expect(isComplete({ event: 'a', aggregate: { sum: '' }, op: '=', value: 1 }, vocabulary)).toBe(false);
  });

  it('begins with an operator that suits its type', () => {
    expect(firstOperator(['=', '>='], 'number')).toBe('>=');
    expect(firstOperator(['=', 'in'], 'text')).toBe('in');
    expect(firstOperator(['known', 'unknown'], 'text')).toBe('known');
  });
});
