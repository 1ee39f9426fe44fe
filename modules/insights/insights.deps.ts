import type { Campaign, CampaignQuery } from '@rapport/campaigns/contract';
import type { ConditionCatalog } from '@rapport/conditions';
import type { Actor, Clock } from '@rapport/kernel';
import type { CidSet, Releases, Warehouse } from '@rapport/stores';
import type { HomeReport } from './contract.ts';

/** One frozen set of a launched campaign. */
export interface JourneySet {
  /** `targeted`, `control`, `queued`, or the reason of an exit. */
  readonly outcome: string;
  readonly cids: CidSet;
}

/** Messages of a campaign that stand alike; every message is in exactly one group. */
export interface MessageGroup {
  readonly channel: string;
  readonly variantId?: string | undefined;
  /** A delivery state of channels. */
  readonly state: string;
  readonly reason?: string | undefined;
  readonly cids: CidSet;
}

export interface MessageOutcomes {
  readonly groups: readonly MessageGroup[];
  /** Whoever reached the milestone, whatever came after. */
  readonly milestones: Readonly<Record<'sent' | 'delivered' | 'opened' | 'clicked', CidSet>>;
}

/** What insights ask of campaigns. */
export interface InsightCampaigns {
  /** Newest first. */
  list(query: CampaignQuery): Promise<{ items: Campaign[]; nextCursor?: string }>;
  /** @throws campaigns.not_found */
  get(campaignId: string): Promise<Campaign>;
  /** Empty before the launch. */
  sets(campaignId: string): Promise<readonly JourneySet[]>;
  /** A draft like this campaign whose audience leaves out those who converted in it. */
  createFollowUp(
    campaignId: string,
    options: { excludeConverted: boolean },
    actor: Actor,
  ): Promise<{ id: string }>;
}

/** AUM as the bank's metric has it, over the customers the actor may see. */
export interface AumMetric {
  readonly metric: NonNullable<HomeReport['aum'][number]['metric']>;
  readonly currency: string;
  /** Day of the present value, `YYYY-MM-DD`. */
  readonly day: string;
  readonly totalMinor: number;
  readonly customers: number;
  /** Kept values by day (`YYYY-MM-DD`), oldest first. */
  readonly kept: readonly { readonly day: string; readonly totalMinor: number }[];
}

export interface InsightsDeps {
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly clock: Clock;
  readonly catalog: () => Promise<ConditionCatalog>;
  readonly campaigns: InsightCampaigns;
  readonly outcomes: (campaignId: string) => Promise<MessageOutcomes>;
  /** The actor's org units with everything below; `undefined` = the whole bank. */
  readonly scopeOf: (actor: Actor) => Promise<readonly string[] | undefined>;
  /** The metric that AUM is; absent, or `undefined` while the bank has none, AUM is reckoned from balances. */
  readonly aum?: (actor: Actor) => Promise<AumMetric | undefined>;
  readonly pendingApprovals: (actor: Actor) => Promise<number>;
  readonly lastLoads: () => Promise<HomeReport['loads']>;
  /** Price of one message handed over, minor units; `undefined` when it is not known. */
  readonly messagePrice?: (channel: string) => { amountMinor: number; currency: string } | undefined;
}
