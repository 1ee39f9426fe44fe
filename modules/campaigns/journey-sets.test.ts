import { cidSetOf } from '@rapport/stores';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT_REASONS } from './contract.ts';
import { exitCount, launchSets } from './journey-sets.ts';

const someCids = fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { maxLength: 120 });

describe('the split at launch', () => {
  it('conserves: everybody targeted is in exactly one of exits, control and queued', () => {
    const exits = fc.record({
      ineligible: someCids,
      unsuitable: someCids,
      unreachable: someCids,
      no_consent: someCids,
      suppressed: someCids,
    });
    fc.assert(
      fc.property(someCids, exits, someCids, (targeted, leaving, control) => {
        const sets = launchSets({
          targeted: cidSetOf(targeted),
          exits: {
            ineligible: cidSetOf(leaving.ineligible),
            unsuitable: cidSetOf(leaving.unsuitable),
            unreachable: cidSetOf(leaving.unreachable),
            no_consent: cidSetOf(leaving.no_consent),
            suppressed: cidSetOf(leaving.suppressed),
          },
          control: cidSetOf(control),
        });
        expect(exitCount(sets.exits) + sets.control.size + sets.queued.size).toBe(targeted.length);
        for (const cid of targeted) {
          // The plain definition: the first reason that applies, else the arm that the bucket says.
          const reason = EXIT_REASONS.find((each) => leaving[each].includes(cid));
          const arm = control.includes(cid) ? 'control' : 'queued';
          const places = [
            ...EXIT_REASONS.filter((each) => sets.exits[each].has(cid)),
            ...(sets.control.has(cid) ? ['control'] : []),
            ...(sets.queued.has(cid) ? ['queued'] : []),
          ];
          expect(places).toEqual([reason ?? arm]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
