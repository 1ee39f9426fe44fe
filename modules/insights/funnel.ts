import { type CidSet, emptyCidSet } from '@rapport/stores';
import {
  type CampaignFunnel,
  FUNNEL_REASONS,
  type FunnelReason,
  type FunnelStage,
  type FunnelStep,
} from './contract.ts';
import type { JourneySet, MessageGroup, MessageOutcomes } from './insights.deps.ts';

/** Where every targeted customer of a campaign is: disjoint sets whose union is `targeted`. */
export interface FunnelSets {
  readonly targeted: CidSet;
  readonly control: CidSet;
  readonly treated: CidSet;
  readonly delivered: CidSet;
  readonly exits: ReadonlyMap<FunnelReason, CidSet>;
  readonly milestones: Readonly<Record<'sent' | 'delivered' | 'opened' | 'clicked', CidSet>>;
}

const STAGES: Readonly<Record<FunnelReason, FunnelStage>> = {
  ineligible: 'eligibility',
  unsuitable: 'eligibility',
  unreachable: 'eligibility',
  no_consent: 'eligibility',
  suppressed: 'eligibility',
  rolling_cap: 'contact_policy',
  quiet_hours: 'contact_policy',
  expired: 'dispatch',
  cancelled: 'dispatch',
  failed: 'dispatch',
  bounced: 'channel',
  unknown: 'channel',
  pending: 'under_way',
  other: 'dispatch',
};

const REACHED = new Set(['sent', 'delivered', 'opened', 'clicked']);
const OPEN = new Set(['queued', 'sending']);

/**
 * Sorts everybody targeted by set algebra. A customer with several messages counts once, by the best of them:
 * reached before under way before fate unknown before every refusal.
 * @param isOver the campaign will send no more, so a queued customer without a message is cancelled, not pending
 */
export function funnelSets(
  sets: readonly JourneySet[],
  messages: MessageOutcomes,
  isOver: boolean,
): FunnelSets {
  const named = (outcome: string): CidSet =>
    sets.reduce((all, set) => (set.outcome === outcome ? all.or(set.cids) : all), emptyCidSet());
  const [targeted, control, treated] = [named('targeted'), named('control'), named('queued')];
  const exits = new Map<FunnelReason, CidSet>();
  const leave = (reason: FunnelReason, cids: CidSet): void => {
    if (cids.size > 0) exits.set(reason, exits.get(reason)?.or(cids) ?? cids);
  };
  for (const { outcome, cids } of sets) {
    if (outcome !== 'targeted' && outcome !== 'control' && outcome !== 'queued')
      leave(reasonOf(outcome), cids);
  }

  let left = treated;
  const take = (groups: readonly MessageGroup[]): CidSet => {
    const taken = left.and(groups.reduce((all, group) => all.or(group.cids), emptyCidSet()));
    left = left.andNot(taken);
    return taken;
  };
  const inState = (test: (state: string) => boolean): MessageGroup[] =>
    messages.groups.filter((group) => test(group.state));
  const delivered = take(inState((state) => REACHED.has(state)));
  leave('pending', take(inState((state) => OPEN.has(state))));
  leave('unknown', take(inState((state) => state === 'unknown')));
  leave('bounced', take(inState((state) => state === 'bounced')));
  leave('failed', take(inState((state) => state === 'failed')));
  for (const reason of FUNNEL_REASONS) {
    leave(reason, take(messages.groups.filter((group) => refusalOf(group) === reason)));
  }
  leave(isOver ? 'cancelled' : 'pending', left);
  return { targeted, control, treated, delivered, exits, milestones: messages.milestones };
}

const isReason = (text: string): text is FunnelReason => FUNNEL_REASONS.some((reason) => reason === text);
const reasonOf = (outcome: string): FunnelReason => (isReason(outcome) ? outcome : 'other');

/** The one reason of a message that ended without being handed over. */
function refusalOf({ state, reason = '' }: MessageGroup): FunnelReason | undefined {
  if (state === 'expired') return reason === 'quiet_hours' ? 'quiet_hours' : 'expired';
  if (state === 'cancelled') return 'cancelled';
  if (state !== 'suppressed') return REACHED.has(state) || OPEN.has(state) ? undefined : reasonOf(state);
  if (reason === 'opted_out') return 'no_consent';
  if (reason === 'no_contact_point') return 'unreachable';
  // Suppressions carry the reason they were made for (complaint, fraud, …): all of them are suppressions here.
  return isReason(reason) && reason !== 'other' ? reason : 'suppressed';
}

/**
 * Counts the sets. `difference` is computed from sizes alone, so that a customer in two sets or in none shows.
 * @param converted everybody with the KPI event in the window
 * @param scope only these customers are counted; absent = all
 */
export function countFunnel(
  campaignId: string,
  at: string,
  sets: FunnelSets,
  converted: CidSet,
  scope?: CidSet,
): CampaignFunnel {
  const size = (cids: CidSet): number => (scope ? cids.and(scope) : cids).size;
  const [targeted, control, delivered] = [size(sets.targeted), size(sets.control), size(sets.delivered)];
  const exits = FUNNEL_REASONS.flatMap((reason) => {
    const customers = size(sets.exits.get(reason) ?? emptyCidSet());
    return customers > 0 ? [{ reason, stage: STAGES[reason], customers, share: customers / targeted }] : [];
  });
  const left = exits.reduce((sum, exit) => sum + exit.customers, 0);
  const treated = size(sets.treated);
  const bounced = size(sets.exits.get('bounced') ?? emptyCidSet());
  const unknown = size(sets.exits.get('unknown') ?? emptyCidSet());
  const counts: [FunnelStep['id'], number][] = [
    ['targeted', targeted],
    ['eligible', treated + control],
    ['treated', treated],
    ['handed_over', delivered + bounced + unknown],
    ['delivered', delivered],
    ['opened', size(sets.delivered.and(sets.milestones.opened.or(sets.milestones.clicked)))],
    ['clicked', size(sets.delivered.and(sets.milestones.clicked))],
    ['converted', size(sets.delivered.and(converted))],
  ];
  return {
    campaignId,
    at,
    targeted,
    control,
    delivered,
    exits,
    difference: targeted - control - delivered - left,
    steps: counts.map(([id, customers]) => ({
      id,
      customers,
      share: targeted > 0 ? customers / targeted : 0,
    })),
  };
}
