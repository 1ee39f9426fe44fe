import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import type { ConditionCatalog } from './catalog.ts';
import { type Condition, ConditionSchema } from './condition.ts';
import { exampleCatalog } from './example-catalog.test-support.ts';
import { checkCondition, LIMITS, requireCondition } from './validate.ts';

const faultsOf = (condition: unknown, catalog: ConditionCatalog = exampleCatalog): string[] =>
  checkCondition(condition, catalog).faults.map(({ pointer, message }) => `${pointer} | ${message}`);
/** Where the faults are; what they say is for people. */
const pointersOf = (condition: unknown): string[] =>
  checkCondition(condition, exampleCatalog).faults.map(({ pointer }) => pointer);

describe('checkCondition', () => {
  it('refuses unknown names, and says which may have been meant', () => {
    expect(faultsOf({ all: [{ tag: 'aum_month_avgg', op: '>=', value: 5 }] })).toEqual([
      '/all/0/tag | There is no tag "aum_month_avgg". Did you mean "aum_month_avg"?',
    ]);
    expect(faultsOf({ event: 'wealth', op: '>=', value: 1 })).toEqual([
      '/event | There is no event "wealth".',
    ]);
    expect(faultsOf({ audience: 'aud_x' })).toEqual(['/audience | There is no audience "aud_x".']);
    expect(faultsOf({ list: 'lst_complaint' })).toEqual([
      '/list | There is no list "lst_complaint". Did you mean "lst_complaints"?',
    ]);
    expect(
      faultsOf({
        event: 'search',
        where: { not: { property: 'word', op: '=', value: 'x' } },
        op: '>=',
        value: 1,
      }),
    ).toEqual(['/where/not/property | There is no property "word".']);
    expect(pointersOf({ event: 'search', aggregate: { last: 'nope' }, op: '=', value: 'x' })).toEqual([
      '/aggregate/last',
    ]);
    expect(pointersOf({ tag: 'constructor', op: 'known' })).toEqual(['/tag']);
    expect(
      pointersOf({ event: 'search', where: { property: 'toString', op: 'known' }, op: '>', value: 1 }),
    ).toEqual(['/where/property']);
  });

  it.each<[string, unknown, string]>([
    ['text for a number', { tag: 'age', op: '>', value: '18' }, '/value'],
    ['number for a text', { tag: 'city', op: '=', value: 5 }, '/value'],
    ['fraction for money', { tag: 'aum_month_avg', op: '>', value: 1.5 }, '/value'],
    ['unsafe money', { tag: 'aum_month_avg', op: '>', value: 2 ** 53 }, '/value'],
    ['infinity', { tag: 'age', op: '>', value: Number.POSITIVE_INFINITY }, '/value'],
    ['text for a boolean', { tag: 'has_app', op: '=', value: 'true' }, '/value'],
    ['a day that is not', { tag: 'birth_date', op: '=', value: '2023-02-29' }, '/value'],
    ['a day before 1900', { tag: 'birth_date', op: '=', value: '1899-12-31' }, '/value'],
    ['an instant without an offset', { tag: 'last_login', op: '>', value: '2026-01-01T00:00:00' }, '/value'],
    ['a date for an instant', { tag: 'last_login', op: '>', value: '2026-01-01' }, '/value'],
    ['an element that is a number', { tag: 'interests', op: 'contains', value: 1 }, '/value'],
    ['an empty text', { tag: 'city', op: '=', value: '' }, '/value'],
    ['half a surrogate pair', { tag: 'city', op: '=', value: '\ud800' }, '/value'],
    ['a text too long', { tag: 'city', op: '=', value: 'x'.repeat(1001) }, '/value'],
    ['one value for many', { tag: 'city', op: 'in', value: 'Taipei' }, '/value'],
    ['an empty list', { tag: 'city', op: 'in', value: [] }, '/value'],
    ['a wrong one among many', { tag: 'city', op: 'not in', value: ['a', 2, 'c'] }, '/value/1'],
    ['half a pair', { tag: 'age', op: 'between', value: [1] }, '/value'],
    ['a wrong end', { tag: 'age', op: 'between', value: [1, '2'] }, '/value/1'],
    ['a value for known', { tag: 'age', op: 'known', value: 1 }, '/value'],
    ['no value', { tag: 'age', op: '>' }, ''],
    ['no operator', { tag: 'age', value: 1 }, ''],
    ['an unknown operator', { tag: 'age', op: '~', value: 1 }, '/op'],
    ['an operator of another type', { tag: 'age', op: 'contains', value: '1' }, '/op'],
    ['order among booleans', { tag: 'has_app', op: '<', value: true }, '/op'],
    ['a date operator on text', { tag: 'city', op: 'before', value: '2026-01-01' }, '/op'],
    ['equality of lists', { tag: 'interests', op: '=', value: 'gold' }, '/op'],
    ['a duration that is none', { tag: 'last_login', op: 'in last', value: '30D' }, '/value'],
    ['an empty duration', { tag: 'last_login', op: 'in last', value: 'P0D' }, '/value'],
    ['an endless duration', { tag: 'last_login', op: 'in last', value: 'P101Y' }, '/value'],
    ['hours of a date', { tag: 'birth_date', op: 'in next', value: 'PT5H' }, '/value'],
    ['hours of an anniversary', { tag: 'birth_date', op: 'anniversary in next', value: 'P1DT5H' }, '/value'],
    ['a bad window', { event: 'search', within: 'month', op: '>', value: 1 }, '/within'],
    ['a text compared with a count', { event: 'search', op: '>', value: '1' }, '/value'],
    [
      'a sum of text',
      { event: 'search', aggregate: { sum: 'keyword' }, op: '>', value: 1 },
      '/aggregate/sum',
    ],
    [
      'an unknown aggregate',
      { event: 'search', aggregate: { median: 'keyword' }, op: '>', value: 1 },
      '/aggregate',
    ],
    [
      'two aggregates',
      { event: 'transaction', aggregate: { sum: 'amount', avg: 'amount' }, op: '>', value: 1 },
      '/aggregate',
    ],
    [
      'a fraction compared with a sum of money',
      { event: 'transaction', aggregate: { sum: 'amount' }, op: '>', value: 0.5 },
      '/value',
    ],
    ['a sequence of one', { sequence: [{ event: 'search' }], within: 'P1D' }, '/sequence'],
    ['a sequence of nine', { sequence: Array(9).fill({ event: 'search' }), within: 'P1D' }, '/sequence'],
    ['a sequence without a window', { sequence: [{ event: 'search' }, { event: 'search' }] }, ''],
    [
      'an unknown step',
      { sequence: [{ event: 'search' }, { event: 'nope' }], within: 'P1D' },
      '/sequence/1/event',
    ],
    [
      'a step with too much',
      { sequence: [{ event: 'search' }, { event: 'search', op: '>' }], within: 'P1D' },
      '/sequence/1/op',
    ],
    ['a bucket out of range', { bucket: { salt: 's', from: 0, to: 10001 } }, '/bucket/to'],
    ['a bucket backwards', { bucket: { salt: 's', from: 5, to: 4 } }, '/bucket/to'],
    ['half a bucket', { bucket: { salt: 's', from: 0.5, to: 4 } }, '/bucket/from'],
    ['a bucket without salt', { bucket: { salt: '', from: 0, to: 4 } }, '/bucket/salt'],
    ['never always', { always: false }, '/always'],
    ['all of one', { all: { always: true } }, '/all'],
    ['nothing', {}, ''],
    ['no object', 'always', ''],
    ['an array', [], ''],
    ['null', null, ''],
    ['two things at once', { all: [], any: [] }, ''],
    ['a member too many', { always: true, because: 'x' }, '/because'],
    ['a name that must be escaped', { always: true, 'a/b~c': 1 }, '/a~1b~0c'],
    [
      'a tag among properties',
      { event: 'search', where: { tag: 'age', op: 'known' }, op: '>', value: 1 },
      '/where',
    ],
  ])('refuses %s', (_, condition, pointer) => {
    expect(pointersOf(condition)).toEqual([pointer]);
  });

  it('finds every fault at once, below a prefix', () => {
    const { faults, condition } = checkCondition(
      { any: [{ tag: 'x', op: '=', value: 1 }, { not: { tag: 'age', op: '=', value: 'y' } }] },
      exampleCatalog,
      { at: '/condition' },
    );
    expect(condition).toBeUndefined();
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      '/condition/any/0/tag',
      '/condition/any/1/not/value',
    ]);
    expect(() => requireCondition({ tag: 'x', op: 'known' }, exampleCatalog)).toThrow(
      '/tag: There is no tag "x".',
    );
  });

  it('bounds depth and size', () => {
    let deep: Condition = { always: true };
    for (let level = 1; level < LIMITS.depth; level++) deep = { not: deep };
    expect(pointersOf(deep)).toEqual([]);
    expect(pointersOf({ not: deep })).toEqual(['/not'.repeat(LIMITS.depth)]);
    const wide = (count: number) => ({ any: Array.from({ length: count }, () => ({ always: true })) });
    expect(pointersOf(wide(LIMITS.nodes - 1))).toEqual([]);
    expect(pointersOf(wide(LIMITS.nodes))).toHaveLength(1);
    expect(pointersOf({ tag: 'age', op: 'in', value: Array(LIMITS.values).fill(1) })).toEqual([]);
    expect(pointersOf({ tag: 'age', op: 'in', value: Array(LIMITS.values + 1).fill(1) })).toEqual(['/value']);
  });

  it('refuses audiences that contain themselves, are at fault, or grow too large', () => {
    const audiences = new Map<string, Condition>([
      ['a', { not: { audience: 'b' } }],
      ['b', { any: [{ audience: 'c' }, { audience: 'c' }] }],
      ['c', { audience: 'a' }],
      ['faulty', { all: [{ tag: 'gone', op: 'known' }] }],
      ['dangling', { audience: 'nobody' }],
      ['fine', { always: true }],
    ]);
    for (let level = 1; level <= 16; level++) {
      const below = { audience: level === 1 ? 'fine' : `x${level - 1}` };
      audiences.set(`x${level}`, { all: [below, below] });
    }
    const catalog: ConditionCatalog = { ...exampleCatalog, audience: (id) => audiences.get(id) };
    expect(faultsOf({ any: [{ always: true }, { audience: 'a' }] }, catalog)).toEqual([
      '/any/1/audience | Audiences cannot contain themselves: a → b → c → a.',
    ]);
    expect(faultsOf({ audience: 'faulty' }, catalog)).toEqual([
      '/audience | The audience "faulty" is itself at fault at /all/0/tag: There is no tag "gone".',
    ]);
    expect(faultsOf({ audience: 'dangling' }, catalog)[0]).toContain('There is no audience "nobody".');
    expect(faultsOf({ audience: 'x8' }, catalog)).toEqual([]);
    expect(faultsOf({ audience: 'x16' }, catalog)[0]).toContain('at most 5000 can be evaluated');
    const self = checkCondition(
      { audience: 'c' },
      { ...catalog, audience: (id) => (id === 'c' ? { audience: 'me' } : { always: true }) },
      { audienceId: 'me' },
    );
    expect(self.faults[0]?.message).toBe('Audiences cannot contain themselves: me → c → me.');
  });

  it('never throws, and accepts only what the JSON schema accepts', () => {
    const leaf = fc.oneof(
      fc.record(
        {
          tag: fc.constantFrom('age', 'city', 'nope', 5),
          op: fc.constantFrom('=', '>', 'in', 'known', 'x'),
          value: fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer(), { maxLength: 3 })),
        },
        { requiredKeys: [] },
      ),
      fc.record(
        {
          event: fc.constantFrom('search', 'nope'),
          op: fc.constantFrom('>=', '='),
          value: fc.integer(),
          within: fc.constantFrom('P1D', 'x'),
        },
        { requiredKeys: ['event'] },
      ),
      fc.constant({ always: true }),
      fc.record({
        bucket: fc.record({
          salt: fc.string({ maxLength: 3 }),
          from: fc.integer({ min: -1, max: 10 }),
          to: fc.integer({ min: 0, max: 10 }),
        }),
      }),
      fc.jsonValue(),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.record({ all: fc.array(tie('tree'), { maxLength: 3 }) }),
        fc.record({ any: fc.array(tie('tree'), { maxLength: 3 }) }),
        fc.record({ not: tie('tree') }),
      ),
    }));
    let accepted = 0;
    fc.assert(
      fc.property(tree, (condition) => {
        const checked = checkCondition(condition, exampleCatalog);
        if (checked.condition) {
          accepted += 1;
          expect(Value.Check(ConditionSchema, condition)).toBe(true);
        } else expect(checked.faults.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
