import type { CidSet } from '@rapport/stores';
import { EXIT_REASONS, type ExitReason } from './contract.ts';

/** Where everybody targeted goes at launch: disjoint sets whose union is `targeted`. */
export interface LaunchSets {
  readonly targeted: CidSet;
  readonly exits: Readonly<Record<ExitReason, CidSet>>;
  readonly control: CidSet;
  readonly queued: CidSet;
}

/**
 * Splits the targeted customers by set algebra. Exits are taken in the order of `EXIT_REASONS`, so each customer has
 * exactly one reason.
 *
 * The control group is drawn from those who are left after these exits, not from all targeted: an exit known at
 * launch (no address, no consent, …) is known for both arms alike, before anybody is contacted. Drawn earlier,
 * control would hold customers that treatment could never reach, which thins the effect and makes the arms differ
 * in who they are. What happens after the launch (bounces, caps, late opt-outs) stays within the treated arm: lift
 * compares everybody queued with everybody in control, as assigned (intention to treat).
 *
 * @param control  everybody whose bucket for the campaign's salt lies in the control share, targeted or not
 * @returns |targeted| = Σ |exits| + |control| + |queued|, all disjoint
 */
export function launchSets(input: {
  readonly targeted: CidSet;
  readonly exits: Readonly<Record<ExitReason, CidSet>>;
  readonly control: CidSet;
}): LaunchSets {
  let left = input.targeted;
  const take = (reason: ExitReason): CidSet => {
    const leaving = left.and(input.exits[reason]);
    left = left.andNot(leaving);
    return leaving;
  };
  // Written out, so that the type knows every reason is there; the test compares the order with EXIT_REASONS.
  const exits = {
    ineligible: take('ineligible'),
    unsuitable: take('unsuitable'),
    unreachable: take('unreachable'),
    no_consent: take('no_consent'),
    suppressed: take('suppressed'),
  };
  return {
    targeted: input.targeted,
    exits,
    control: left.and(input.control),
    queued: left.andNot(input.control),
  };
}

/** Everybody who left at launch, over all reasons. */
export const exitCount = (exits: LaunchSets['exits']): number =>
  EXIT_REASONS.reduce((sum, reason) => sum + exits[reason].size, 0);
