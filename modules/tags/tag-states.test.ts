import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionsFrom, isPublic, TAG_ACTIONS, TAG_STATUSES, TAG_TRANSITIONS, tagStep } from './tag-states.ts';

const drawing = readFileSync(new URL('../../docs/state-machines.md', import.meta.url), 'utf8');

describe('the statuses of a tag', () => {
  it('are drawn in docs/state-machines.md exactly as the table has them', () => {
    const section = drawing.split('\n## ').find((part) => part.startsWith('Tag\n')) ?? '';
    const drawn = [...section.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map((match) =>
      match.slice(1).join(' '),
    );
    const coded = TAG_ACTIONS.flatMap((action) =>
      Object.entries(TAG_TRANSITIONS[action]).map(([from, to]) => `${from} ${to} ${action}`),
    );
    expect(drawn.toSorted()).toEqual(coded.toSorted());
  });

  it('let nothing become public but through a review', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TAG_ACTIONS), { maxLength: 30 }), (actions) => {
        let status: (typeof TAG_STATUSES)[number] = 'demand';
        let isReviewed = false;
        for (const action of actions) {
          const next = tagStep(action, status);
          if (next === undefined) continue;
          if (action === 'approve') isReviewed = true;
          if (next === 'retired' || next === 'design') isReviewed = false;
          status = next;
          expect(isPublic(status)).toBe(isReviewed && (status === 'published' || status === 'monitored'));
        }
      }),
    );
  });

  it('can all be left, and reached from a demand', () => {
    const reached = new Set(['demand']);
    for (const status of TAG_STATUSES) {
      expect(actionsFrom(status).length).toBeGreaterThan(0);
      for (const action of actionsFrom(status)) reached.add(tagStep(action, status) ?? status);
    }
    expect([...reached].toSorted()).toEqual([...TAG_STATUSES].toSorted());
  });
});
