import type { Audiences } from '@rapport/audiences';
import { toIso } from '@rapport/kernel';
import type { DecisionsDeps } from './decisions.service.ts';

/** Lets decisions ask audiences about one customer; the answer says in words which parts do not hold. */
export function judgeBy(audiences: Pick<Audiences, 'evaluate'>): DecisionsDeps['evaluate'] {
  return async ({ condition, customerId, asOf, actor }) => {
    const { matches, because } = await audiences.evaluate(
      { condition, customerId, asOf: toIso(asOf) },
      actor,
    );
    const parents = new Set(because.map((reason) => reason.parent));
    const leaves = because.filter((reason) => !parents.has(reason.pointer));
    const telling = leaves.filter((reason) => reason.held === matches).map((reason) => reason.sentence);
    const words = telling.length > 0 ? telling.join('; ') : (because[0]?.sentence ?? 'no condition');
    return { matches, because: `${matches ? 'Holds' : 'Does not hold'}: ${words}.` };
  };
}
