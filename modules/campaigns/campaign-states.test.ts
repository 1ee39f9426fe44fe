import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CAMPAIGN_ACTIONS, isTerminal, stepOf, TRANSITIONS } from './campaign-states.ts';
import { CAMPAIGN_STATES, type CampaignState } from './contract.ts';

const drawing = readFileSync(new URL('../../docs/state-machines.md', import.meta.url), 'utf8');

describe('the states of a campaign', () => {
  it('are drawn in docs/state-machines.md exactly as the table has them', () => {
    const section = drawing.slice(drawing.indexOf('## Campaign'));
    const chart = section.slice(
      section.indexOf('```mermaid'),
      section.indexOf('```', section.indexOf('```mermaid') + 3),
    );
    const drawn = [...chart.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(
      ([, from, to, action]) => `${action}: ${from} → ${to}`,
    );
    const table = CAMPAIGN_ACTIONS.flatMap((action) =>
      CAMPAIGN_STATES.flatMap((from) => {
        const to = TRANSITIONS[action][from];
        return to === undefined ? [] : [`${action}: ${from} → ${to}`];
      }),
    );
    expect([...drawn].sort()).toEqual([...table].sort());
  });

  it('end only in finished or stopped, and nothing leads out of them', () => {
    for (const action of CAMPAIGN_ACTIONS) {
      for (const state of CAMPAIGN_STATES.filter(isTerminal)) {
        expect(stepOf(action, state).kind).not.toBe('move');
      }
    }
  });

  it('can always be left towards an end', () => {
    const reached = new Set<CampaignState>(['draft']);
    for (let grew = true; grew; ) {
      const before = reached.size;
      for (const action of CAMPAIGN_ACTIONS) {
        for (const state of [...reached]) {
          const step = stepOf(action, state);
          if (step.kind === 'move') reached.add(step.to);
        }
      }
      grew = reached.size > before;
    }
    expect(reached).toEqual(new Set(CAMPAIGN_STATES));
  });

  it('never run without an approval that was not voided since, whatever the order of actions', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...CAMPAIGN_ACTIONS), { maxLength: 40 }), (actions) => {
        let state: CampaignState = 'draft';
        let approved = false;
        for (const action of actions) {
          const step = stepOf(action, state);
          if (step.kind !== 'move') continue;
          if (action === 'approve') approved = true;
          if (step.to === 'draft') approved = false;
          state = step.to;
          if (state === 'running' || state === 'scheduled') expect(approved).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('do an action twice without harm: the second time is no move', () => {
    for (const action of CAMPAIGN_ACTIONS.filter((each) => each !== 'edit' && each !== 'void')) {
      for (const state of CAMPAIGN_STATES) {
        const first = stepOf(action, state);
        if (first.kind === 'move') expect(stepOf(action, first.to).kind).toBe('done');
      }
    }
  });
});
