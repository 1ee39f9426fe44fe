import type { Campaign } from '@rapport/campaigns/contract';
import { type Actor, type EpochMs, parseDuration, shiftInstant, toIso } from '@rapport/kernel';
import { type CidSet, emptyCidSet } from '@rapport/stores';
import type { CampaignFunnel, CampaignReport, ChannelRow, FollowUpView, HomeReport } from './contract.ts';
import { type Conversions, readConversions } from './conversions.ts';
import { countFunnel, type FunnelSets, funnelSets } from './funnel.ts';
import { aumByMetric, type BankFigures, bankFigures } from './home.ts';
import type { InsightsDeps, MessageOutcomes } from './insights.deps.ts';
import { insightsProblems } from './insights.problems.ts';
import { narrativeOf, warningsOf } from './narrative.ts';
import { dailyCurve, deliveredOnly, estimate } from './report.ts';

export interface Insights {
  /** Where every targeted customer of a campaign is. @throws campaigns.not_found */
  funnel(campaignId: string, actor: Actor): Promise<CampaignFunnel>;
  /** What a campaign caused; limited to the actor's org units. @throws campaigns.not_found */
  report(campaignId: string, actor: Actor): Promise<CampaignReport>;
  /** The next campaign's draft. @throws campaigns.not_found, insights.not_launched */
  followUp(campaignId: string, options: { excludeConverted?: boolean }, actor: Actor): Promise<FollowUpView>;
  /** The bank at a glance, limited to the actor's org units. */
  home(actor: Actor): Promise<HomeReport>;
}

/** Bank figures are heavy and change with the data: they are kept for a release and this long. */
const FIGURES_FOR_MS = 60_000;
const UNDER_WAY = ['running', 'paused'] as const;
const PAGE = 200;

export function createInsights(deps: InsightsDeps): Insights {
  const { warehouse, releases, clock, campaigns } = deps;
  const figures = createFiguresCache(deps);

  const measure = async (campaign: Campaign, actor: Actor, withMessages = true): Promise<Measured> => {
    const [sets, outcomes, scope] = await Promise.all([
      campaigns.sets(campaign.id),
      campaign.launchedAt === undefined || !withMessages ? noOutcomes() : deps.outcomes(campaign.id),
      scopeOf(actor),
    ]);
    const everybody = funnelSets(sets, outcomes, isOver(campaign));
    const limit = (cids: CidSet): CidSet => (scope ? cids.and(scope) : cids);
    const arms = { treated: limit(everybody.treated), control: limit(everybody.control) };
    const window = windowOf(campaign);
    const catalog = await deps.catalog();
    const conversions =
      campaign.kpi && window
        ? await readConversions(warehouse, catalog, {
            event: campaign.kpi.event,
            where: campaign.kpi.where,
            ...window,
            among: arms.treated.or(arms.control),
          })
        : NO_CONVERSIONS;
    return { campaign, funnel: everybody, outcomes, arms, scope, limit, window, conversions };
  };

  const scopeOf = async (actor: Actor): Promise<CidSet | undefined> => {
    const units = await deps.scopeOf(actor);
    if (!units) return undefined;
    const customer = (await releases.current()).placements.get('customer');
    if (!customer) return emptyCidSet();
    return warehouse.queryCids(
      `SELECT groupBitmapState(cid) FROM ${warehouse.identifier(customer.table)} WHERE org_unit IN {units:Array(String)}`,
      { units },
    );
  };

  const estimateOf = ({ campaign, arms, conversions }: Measured): ReturnType<typeof estimate> =>
    estimate({ ...arms, conversions, plannedControlShare: campaign.control?.share ?? 0 });

  const report: Insights['report'] = async (campaignId, actor) => {
    const startedAt = performance.now();
    const campaign = await campaigns.get(campaignId);
    const measured = await measure(campaign, actor);
    const { arms, conversions, window, funnel, scope, outcomes, limit } = measured;
    const now = clock.now();
    const result = estimateOf(measured);
    const delivered = limit(funnel.delivered);
    const gone = await optedOut(campaignId);
    const placed = countFunnel(campaignId, toIso(now), funnel, conversions.cids, scope);
    return {
      campaignId,
      name: campaign.name,
      state: campaign.state,
      at: toIso(now),
      ...(campaign.launchedAt === undefined ? {} : { launchedAt: campaign.launchedAt }),
      ...(campaign.kpi && window
        ? {
            kpi: {
              event: campaign.kpi.event,
              within: campaign.kpi.within,
              from: toIso(window.after),
              until: toIso(window.until),
              open: now < window.until,
            },
          }
        : {}),
      treated: result.treated,
      control: result.control,
      plannedControlShare: campaign.control?.share ?? 0,
      ...(result.lift ? { lift: result.lift } : {}),
      ...(result.value ? { value: result.value } : {}),
      sampleRatio: result.sampleRatio,
      deliveredOnly: deliveredOnly(delivered, conversions, window?.after ?? 0),
      ...(result.detectable ? { detectable: result.detectable } : {}),
      daily: window ? dailyCurve({ ...arms, conversions }, shownWindow(window, conversions, now)) : [],
      channels: channelRows(measured, false, gone),
      variants: channelRows(measured, true, gone),
      ...costOf(outcomes, result.lift?.incremental),
      funnel: placed,
      narrative: narrativeOf(result),
      warnings: warningsOf({
        estimate: result,
        isLaunched: campaign.launchedAt !== undefined,
        isOver: isOver(campaign),
        isSending: placed.exits.some(({ reason }) => reason === 'pending'),
        plannedControlShare: campaign.control?.share ?? 0,
        window,
        now,
        delivered: delivered.size,
      }),
      release: (await releases.current()).number,
      tookMs: Math.round(performance.now() - startedAt),
    };
  };

  /** Receivers of a campaign who opted out since, as the platform saw it. */
  const optedOut = (campaignId: string): Promise<CidSet> =>
    warehouse.queryCids(
      `SELECT groupBitmapState(cid) FROM collected_event WHERE name = 'opted_out' AND properties['campaign_id'] = {campaign:String}`,
      { campaign: campaignId },
    );

  const costOf = (
    outcomes: MessageOutcomes,
    incremental: number | undefined,
  ): Pick<CampaignReport, 'cost'> => {
    let [amountMinor, currency] = [0, ''];
    for (const { channel, state, cids } of outcomes.groups) {
      const price = SENT_STATES.has(state) ? deps.messagePrice?.(channel) : undefined;
      if (!price) continue;
      amountMinor += price.amountMinor * cids.size;
      currency = price.currency;
    }
    if (currency === '') return {};
    const perIncremental =
      incremental !== undefined && incremental > 0 ? { perIncremental: amountMinor / incremental } : {};
    return { cost: { amountMinor: Math.round(amountMinor), currency, ...perIncremental } };
  };

  return {
    report,
    async funnel(campaignId, actor) {
      const { funnel, conversions, scope } = await measure(await campaigns.get(campaignId), actor);
      return countFunnel(campaignId, toIso(clock.now()), funnel, conversions.cids, scope);
    },
    async followUp(campaignId, { excludeConverted = true }, actor) {
      const campaign = await campaigns.get(campaignId);
      if (campaign.launchedAt === undefined) {
        throw insightsProblems.not_launched({
          detail: `Campaign ${campaignId} is ${campaign.state}; follow it up once it has been launched.`,
        });
      }
      const { conversions } = await measure(campaign, actor, false);
      const draft = await campaigns.createFollowUp(campaignId, { excludeConverted }, actor);
      return {
        campaignId: draft.id,
        parentCampaignId: campaignId,
        excluded: excludeConverted ? conversions.cids.size : 0,
      };
    },
    async home(actor) {
      const startedAt = performance.now();
      const [bank, all, pendingApprovals, loads, release] = await Promise.all([
        figures(actor),
        allCampaigns(deps),
        deps.pendingApprovals(actor),
        deps.lastLoads(),
        releases.current(),
      ]);
      const count = (...states: Campaign['state'][]): number =>
        all.filter((campaign) => states.includes(campaign.state)).length;
      const underWay = all
        .filter((campaign) => UNDER_WAY.some((state) => state === campaign.state))
        .slice(0, 10);
      const launched = all
        .filter((campaign) => campaign.launchedAt !== undefined && campaign.kpi && campaign.control)
        .slice(0, 10);
      const results = await Promise.all(
        launched.map(async (campaign) =>
          resultOf(campaign, estimateOf(await measure(campaign, actor, false))),
        ),
      );
      return {
        at: toIso(clock.now()),
        release: release.number,
        ...(bank.dataUntil === undefined ? {} : { dataUntil: toIso(bank.dataUntil) }),
        customers: bank.customers,
        aum: bank.aum,
        aumDefinition: AUM_DEFINITION,
        mau: bank.mau,
        campaigns: {
          running: count('running'),
          paused: count('paused'),
          scheduled: count('scheduled', 'approved'),
          inReview: count('in_review'),
          drafts: count('draft', 'rejected'),
          finished: count('finished', 'stopped'),
          items: await Promise.all(
            underWay.map(async (campaign) => underWayOf(await campaigns.get(campaign.id))),
          ),
        },
        pendingApprovals,
        loads,
        results: results
          .flatMap((result) => result ?? [])
          .sort((a, b) => b.incremental - a.incremental)
          .slice(0, 5),
        tookMs: Math.round(performance.now() - startedAt),
      };
    },
  };
}

interface Measured {
  readonly campaign: Campaign;
  readonly funnel: FunnelSets;
  readonly outcomes: MessageOutcomes;
  readonly arms: { readonly treated: CidSet; readonly control: CidSet };
  readonly scope: CidSet | undefined;
  readonly limit: (cids: CidSet) => CidSet;
  readonly window: Window | undefined;
  readonly conversions: Conversions;
}

interface Window {
  readonly after: EpochMs;
  readonly until: EpochMs;
}

const AUM_DEFINITION = {
  en: 'Balances of open accounts plus the amounts of current holdings other than loans and cards, by currency; nothing is converted. Earlier months: balances less later bookings, holdings by their dates at today’s amount.',
  'zh-Hant':
    '未銷戶賬戶餘額加上除貸款與信用卡外的現有持倉金額,按幣種分列、不作折算。過往月份:餘額扣除其後的收支,持倉按起訖日以現時金額計。',
  'zh-Hans':
    '未销户账户余额加上除贷款与信用卡外的现有持仓金额,按币种分列、不作折算。过往月份:余额扣除其后的收支,持仓按起讫日以现时金额计。',
} as const;

const NO_CONVERSIONS: Conversions = {
  cids: emptyCidSet(),
  byCid: new Map(),
  amountProperty: undefined,
  currency: undefined,
};
const SENT_STATES = new Set(['sent', 'delivered', 'opened', 'clicked', 'bounced', 'unknown']);

const noOutcomes = (): MessageOutcomes => ({
  groups: [],
  milestones: {
    sent: emptyCidSet(),
    delivered: emptyCidSet(),
    opened: emptyCidSet(),
    clicked: emptyCidSet(),
  },
});
const isOver = (campaign: Campaign): boolean => campaign.state === 'finished' || campaign.state === 'stopped';

/** Both arms are watched from the launch for the same time, whenever a message came. */
function windowOf({ kpi, launchedAt }: Campaign): Window | undefined {
  const within = kpi && parseDuration(kpi.within);
  if (!within || launchedAt === undefined) return undefined;
  const after = Date.parse(launchedAt);
  return { after, until: shiftInstant(after, within, 1) };
}

/** The curve ends today while the window is open, or with the last conversion known. */
function shownWindow(window: Window, conversions: Conversions, now: EpochMs): Window {
  let last = now;
  for (const { firstAt } of conversions.byCid.values()) last = Math.max(last, firstAt);
  return { after: window.after, until: Math.min(window.until, last) };
}

function channelRows(measured: Measured, byVariant: boolean, optedOut: CidSet): ChannelRow[] {
  const { outcomes, conversions, limit } = measured;
  const parts = new Map<
    string,
    {
      channel: string;
      variantId: string | undefined;
      cids: CidSet;
      reached: CidSet;
      messages: number;
      sent: number;
    }
  >();
  for (const group of outcomes.groups) {
    if (byVariant && group.variantId === undefined) continue;
    const variantId = byVariant ? group.variantId : undefined;
    const key = `${group.channel}\n${variantId ?? ''}`;
    const cids = limit(group.cids);
    const known = parts.get(key) ?? {
      channel: group.channel,
      variantId,
      cids: emptyCidSet(),
      reached: emptyCidSet(),
      messages: 0,
      sent: 0,
    };
    const isReached = SENT_STATES.has(group.state) && group.state !== 'bounced' && group.state !== 'unknown';
    parts.set(key, {
      ...known,
      cids: known.cids.or(cids),
      reached: isReached ? known.reached.or(cids) : known.reached,
      messages: known.messages + cids.size,
      sent: known.sent + (SENT_STATES.has(group.state) && group.state !== 'unknown' ? cids.size : 0),
    });
  }
  const { milestones } = outcomes;
  return [...parts.values()].map(({ channel, variantId, cids, reached, messages, sent }) => ({
    channel,
    ...(variantId === undefined ? {} : { variantId }),
    messages,
    sent,
    delivered: reached.size,
    opened: reached.and(milestones.opened.or(milestones.clicked)).size,
    clicked: reached.and(milestones.clicked).size,
    converted: reached.and(conversions.cids).size,
    optedOut: cids.and(optedOut).size,
  }));
}

function resultOf(
  campaign: Campaign,
  { treated, control, lift }: ReturnType<typeof estimate>,
): HomeReport['results'][number] | undefined {
  if (!lift || treated.conversions + control.conversions === 0) return undefined;
  return {
    campaignId: campaign.id,
    name: campaign.name,
    treatedRate: treated.rate,
    controlRate: control.rate,
    absolute: lift.absolute,
    low: lift.absoluteInterval.low ?? -1,
    high: lift.absoluteInterval.high ?? 1,
    significant: lift.significant,
    incremental: lift.incremental,
  };
}

function underWayOf(campaign: Campaign): HomeReport['campaigns']['items'][number] {
  const { counts } = campaign;
  const sent = Object.entries(counts?.messages ?? {})
    .filter(([state]) => SENT_STATES.has(state))
    .reduce((sum, [, number]) => sum + number, 0);
  return {
    campaignId: campaign.id,
    name: campaign.name,
    state: campaign.state,
    ...(campaign.launchedAt === undefined ? {} : { launchedAt: campaign.launchedAt }),
    ...(counts ? { treated: counts.queued, sent } : {}),
  };
}

async function allCampaigns({ campaigns }: InsightsDeps): Promise<Campaign[]> {
  const all: Campaign[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await campaigns.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) return all;
  }
}

function createFiguresCache(deps: InsightsDeps): (actor: Actor) => Promise<BankFigures> {
  const cached = new Map<string, { until: EpochMs; figures: Promise<BankFigures> }>();
  return async (actor) => {
    const orgUnits = await deps.scopeOf(actor);
    const [release, catalog, now] = [await deps.releases.current(), await deps.catalog(), deps.clock.now()];
    for (const [key, entry] of cached) if (entry.until <= now) cached.delete(key);
    const key = `${release.number}/${orgUnits?.join(',') ?? '*'}`;
    const known = cached.get(key);
    if (known) return known.figures;
    const load = async (): Promise<BankFigures> => {
      const [reckoned, metric] = await Promise.all([
        bankFigures({ warehouse: deps.warehouse, release, catalog, now, orgUnits }),
        deps.aum?.(actor),
      ]);
      return metric ? { ...reckoned, aum: [aumByMetric(metric, reckoned.aum)] } : reckoned;
    };
    const loading = load();
    cached.set(key, { until: now + FIGURES_FOR_MS, figures: loading });
    loading.catch(() => cached.delete(key));
    return loading;
  };
}
