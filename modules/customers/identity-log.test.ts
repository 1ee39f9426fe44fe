import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinRecords, type Link } from './clusters.ts';
import { aliasesOf, clusterOf, EMPTY_STATE, fold, type IdentityEvent } from './identity-log.ts';

/** The obvious way: partition by repeated relabelling. */
function naiveGroups(links: readonly Link[], records: readonly number[]): Map<number, number> {
  const label = new Map(records.map((record) => [record, record]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const { a, b } of links) {
      const least = Math.min(label.get(a) ?? a, label.get(b) ?? b);
      for (const each of [a, b]) {
        if (label.get(each) !== least) {
          label.set(each, least);
          changed = true;
        }
      }
    }
  }
  return label;
}

const records = Array.from({ length: 12 }, (_, at) => at + 1);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('merge' as const),
      a: fc.constantFrom(...records),
      b: fc.constantFrom(...records),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unmerge' as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('distinct' as const),
      a: fc.constantFrom(...records),
      b: fc.constantFrom(...records),
    }),
  },
);

/** Plays steps as the service does: a merge of records that are together already is none. */
function play(
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
): IdentityEvent[] {
  const events: IdentityEvent[] = [];
  let state = EMPTY_STATE;
  for (const [at, one] of steps.entries()) {
    const event: IdentityEvent | undefined =
      one.do === 'unmerge'
        ? (() => {
            const ids = [...state.links.keys()];
            const mergeId = ids[one.which % Math.max(1, ids.length)];
            return mergeId === undefined ? undefined : { kind: 'unmerge', id: `e${at}`, mergeId };
          })()
        : one.a === one.b || (one.do === 'merge' && clusterOf(state, one.a).includes(one.b))
          ? undefined
          : { kind: one.do, id: `e${at}`, a: one.a, b: one.b };
    if (!event) continue;
    events.push(event);
    state = fold(state, [event]);
  }
  return events;
}

describe('the log of identities', () => {
  it('gives the same groups as relabelling does, whatever was merged and unmerged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const state = fold(EMPTY_STATE, play(steps));
        const aliases = aliasesOf(state);
        const naive = naiveGroups([...state.links.values()], records);
        for (const record of records) expect(aliases.get(record) ?? record).toBe(naive.get(record));
      }),
      { numRuns: 500 },
    );
  });

  it('has unmerge undo exactly its merge, also after everything that came since', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.array(step, { maxLength: 15 }), (before, after) => {
        const first = play(before);
        const state = fold(EMPTY_STATE, first);
        const pair = records
          .flatMap((a) => records.map((b) => ({ a, b })))
          .find(({ a, b }) => a < b && !clusterOf(state, a).includes(b));
        if (!pair) return;
        const merge: IdentityEvent = { kind: 'merge', id: 'probe', ...pair };
        const undo: IdentityEvent = { kind: 'unmerge', id: 'undo', mergeId: 'probe' };
        // At once: the very state of before.
        expect(fold(state, [merge, undo])).toEqual(state);
        // Later: the state that the others would have led to without it.
        const later = play(after).map((event) =>
          event.kind === 'unmerge'
            ? { ...event, id: `late ${event.id}`, mergeId: `late ${event.mergeId}` }
            : { ...event, id: `late ${event.id}` },
        );
        expect(fold(state, [merge, ...later, undo])).toEqual(fold(state, later));
      }),
      { numRuns: 500 },
    );
  });

  it('is rebuilt bit for bit by playing the log again, in one go or event by event', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const events = play(steps);
        const atOnce = fold(EMPTY_STATE, events);
        const oneByOne = events.reduce((state, event) => fold(state, [event]), EMPTY_STATE);
        expect(oneByOne).toEqual(atOnce);
      }),
      { numRuns: 200 },
    );
  });
});

describe('joining records', () => {
  it('keeps a forest, no group too large, no two documents, nobody who is known to be another', () => {
    const link = fc
      .record({ a: fc.constantFrom(...records), b: fc.constantFrom(...records) })
      .filter(({ a, b }) => a !== b);
    fc.assert(
      fc.property(
        fc.array(link, { maxLength: 40 }),
        fc.array(link, { maxLength: 4 }),
        fc.dictionary(fc.constantFrom(...records.map(String)), fc.constantFrom('D1', 'D2', 'D3'), {
          maxKeys: 8,
        }),
        fc.integer({ min: 2, max: 6 }),
        (links, distinct, owners, maxSize) => {
          const documents = new Map(
            Object.entries(owners).map(([record, document]) => [Number(record), [document]]),
          );
          const { kept, refused } = joinRecords({ links, existing: [], documents, distinct, maxSize });
          const groups = naiveGroups(kept, records);
          const members = new Map<number, number[]>();
          for (const [record, group] of groups) members.set(group, [...(members.get(group) ?? []), record]);
          for (const group of members.values()) {
            expect(group.length).toBeLessThanOrEqual(maxSize);
            expect(new Set(group.flatMap((record) => documents.get(record) ?? [])).size).toBeLessThanOrEqual(
              1,
            );
          }
          for (const { a, b } of distinct) expect(groups.get(a)).not.toBe(groups.get(b));
          expect(kept.length).toBe(records.length - members.size);
          // What was refused would break a rule still: groups only grow.
          for (const { link } of refused) expect(groups.get(link.a)).not.toBe(groups.get(link.b));
        },
      ),
      { numRuns: 500 },
    );
  });
});
