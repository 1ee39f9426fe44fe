import type { Condition } from '@rapport/conditions';
import { type EpochMs, parseDuration, shiftInstant } from '@rapport/kernel';
import { type CidSet, emptyCidSet } from '@rapport/stores';
import type { CampaignsDeps, OrgScope } from './campaigns.deps.ts';
import type { CampaignDraft } from './contract.ts';
import { type LaunchSets, launchSets } from './journey-sets.ts';
import type { LookUps } from './look-ups.ts';
import { type ConvertedIn, kpiCondition } from './plan.ts';

interface Deps {
  readonly audiences: CampaignsDeps['audiences'];
  readonly decisions: Pick<CampaignsDeps['decisions'], 'unsuitable'>;
  readonly lookUps: Pick<LookUps, 'contactability'>;
}

/** What decides who is targeted. */
export interface TargetPlan {
  readonly condition: Condition;
  readonly excluded: readonly { readonly condition: Condition }[];
  readonly convertedIn: readonly (ConvertedIn & { readonly targeted: CidSet })[];
}

/** Audience minus exclusions at one instant, with the data release it was read from. */
export async function targetedCustomers(
  audiences: Deps['audiences'],
  plan: TargetPlan,
  at: { readonly asOf: EpochMs; readonly orgScope: OrgScope },
): Promise<{ cids: CidSet; release: number }> {
  // One condition and not several sets, so that audience and exclusions are read from one release of the data.
  const condition: Condition =
    plan.excluded.length === 0
      ? plan.condition
      : { all: [plan.condition, { not: { any: plan.excluded.map((audience) => audience.condition) } }] };
  const resolved = await audiences.resolve(condition, at);
  let { cids } = resolved;
  for (const earlier of plan.convertedIn) {
    const converted = await convertedIn(audiences, earlier, at.asOf);
    cids = cids.andNot(converted.and(earlier.targeted));
  }
  return { cids, release: resolved.release };
}

/** Everybody, treated or not, who did the KPI event between the launch and the end of its window. */
export async function convertedIn(
  audiences: Deps['audiences'],
  earlier: ConvertedIn,
  now: EpochMs,
): Promise<CidSet> {
  const until = Math.min(now, kpiWindowEnd(earlier.launchedAt, earlier.kpi.within));
  const seconds = Math.floor((until - earlier.launchedAt) / 1000);
  if (seconds <= 0) return emptyCidSet();
  const condition = kpiCondition(earlier.kpi, `PT${seconds}S`);
  return (await audiences.resolve(condition, { asOf: until, orgScope: undefined })).cids;
}

/** First instant at which a KPI event no longer counts for a campaign launched then. */
export function kpiWindowEnd(launchedAt: EpochMs, within: string): EpochMs {
  const duration = parseDuration(within);
  return duration ? shiftInstant(launchedAt, duration, 1) : launchedAt;
}

/**
 * Splits the targeted into exits, control and queued, as of one instant. The control group is everybody whose bucket
 * for the salt lies in the share, hashed by customer id: the same salt and share draw the same customers for ever.
 */
export async function splitTargeted(
  deps: Deps,
  targeted: CidSet,
  question: {
    readonly campaignId: string;
    readonly document: CampaignDraft;
    readonly offer: { readonly eligibility?: Condition; readonly risk?: number } | undefined;
    readonly asOf: EpochMs;
  },
): Promise<LaunchSets> {
  const { document, offer, asOf } = question;
  const everybody = { asOf, orgScope: undefined };
  const none = emptyCidSet();
  const share = document.control?.share ?? 0;
  const salt = document.control?.salt ?? question.campaignId;
  const channel = document.channel ?? 'email';
  const [eligible, unsuitable, contactability, control] = await Promise.all([
    offer?.eligibility === undefined ? undefined : deps.audiences.resolve(offer.eligibility, everybody),
    offer?.risk === undefined ? none : deps.decisions.unsuitable(offer.risk),
    deps.lookUps.contactability(targeted, { channel, purpose: document.purpose ?? 'marketing' }),
    share === 0
      ? undefined
      : deps.audiences.resolve({ bucket: { salt, from: 0, to: Math.round(share * 10_000) } }, everybody),
  ]);
  return launchSets({
    targeted,
    exits: {
      ineligible: eligible ? targeted.andNot(eligible.cids) : none,
      unsuitable,
      unreachable: contactability.unreachable,
      no_consent: contactability.noConsent,
      suppressed: contactability.suppressed,
    },
    control: control?.cids ?? none,
  });
}
