import type { Audiences } from '@rapport/audiences';
import type { Campaign } from '@rapport/campaigns/contract';
import { type Actor, type Clock, toIso } from '@rapport/kernel';
import { type CidSet, emptyCidSet } from '@rapport/stores';
import type { TagLibrary, Tags } from '@rapport/tags';
import type { TagTransitionMatrix } from '@rapport/tags/contract';
import type { InsightCampaigns } from './insights.deps.ts';
import { insightsProblems } from './insights.problems.ts';
import type { LifecycleBoard, LifecycleQuery } from './lifecycle.contract.ts';

export interface Lifecycle {
  /**
   * Stages of life by the values of a tag: every customer the actor may see is in exactly one, with the campaigns under
   * way that target them, and who moved between them since a day. @throws insights.no_stages
   */
  board(query: LifecycleQuery, actor: Actor): Promise<LifecycleBoard>;
}

export interface LifecycleDeps {
  readonly clock: Clock;
  readonly tags: Pick<Tags, 'list' | 'get'> & {
    readonly library: Pick<TagLibrary, 'keptDays' | 'transitions'>;
  };
  readonly audiences: Pick<Audiences, 'resolve'>;
  readonly campaigns: Pick<InsightCampaigns, 'list' | 'sets'>;
  readonly scopeOf: (actor: Actor) => Promise<readonly string[] | undefined>;
}

/** Where tags stand whose values are stages. */
const CATEGORY = 'lifecycle/stage';
const UNDER_WAY = ['running', 'paused'] as const;
const PAGE = 200;
/** A board of more stages than this cannot be read; other values count as not known. */
const MOST_STAGES = 40;

export function createLifecycle(deps: LifecycleDeps): Lifecycle {
  const { tags, audiences, campaigns, clock } = deps;

  const candidates = async (actor: Actor): Promise<LifecycleBoard['tags']> => {
    const found: LifecycleBoard['tags'] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await tags.list({ category: CATEGORY, limit: PAGE, ...(cursor ? { cursor } : {}) }, actor);
      for (const { id, title, valueType, state } of page.items)
        if (valueType === 'text' && state !== 'new') found.push({ id, title });
      cursor = page.nextCursor;
      if (cursor === undefined) return found;
    }
  };

  /** Customers by stage, all of one release; whoever is in none has a value that is not known. */
  const stageSets = async (
    tagId: string,
    stages: readonly string[],
    orgScope: readonly string[] | undefined,
  ): Promise<{ everybody: CidSet; sets: ReadonlyMap<string | null, CidSet> }> => {
    const scope = orgScope ? { orgScope } : {};
    for (;;) {
      const everybody = await audiences.resolve({ always: true }, scope);
      const found = await Promise.all(
        stages.map((value) => audiences.resolve({ tag: tagId, op: '=', value }, scope)),
      );
      // A refresh may have become visible in between.
      if (found.some(({ release }) => release !== everybody.release)) continue;
      const known = found.reduce((all, { cids }) => all.or(cids), emptyCidSet());
      const sets = new Map<string | null, CidSet>(
        stages.map((value, at) => [value, found[at]?.cids ?? emptyCidSet()]),
      );
      return { everybody: everybody.cids, sets: sets.set(null, everybody.cids.andNot(known)) };
    }
  };

  const programmesUnderWay = async (): Promise<{ campaign: Campaign; targeted: CidSet }[]> => {
    const underWay: Campaign[] = [];
    for (const state of UNDER_WAY)
      for (let cursor: string | undefined; ; ) {
        const page = await campaigns.list({ state, limit: PAGE, ...(cursor ? { cursor } : {}) });
        underWay.push(...page.items);
        cursor = page.nextCursor;
        if (cursor === undefined) break;
      }
    return Promise.all(
      underWay.map(async (campaign) => {
        const sets = await campaigns.sets(campaign.id);
        const targeted = sets.find(({ outcome }) => outcome === 'targeted')?.cids;
        return { campaign, targeted: targeted ?? emptyCidSet() };
      }),
    );
  };

  /** From the day asked for, or the first day whose values are kept. */
  const movesOf = async (
    tagId: string,
    asked: string | undefined,
    actor: Actor,
  ): Promise<TagTransitionMatrix | undefined> => {
    if (asked === undefined) return undefined;
    const days = await tags.library.keptDays(tagId);
    const from = days.findLast((day) => day <= asked) ?? days[0];
    return from === undefined ? undefined : tags.library.transitions(tagId, { from }, actor);
  };

  return {
    async board(query, actor) {
      const boards = await candidates(actor);
      const tagId = query.tag ?? boards[0]?.id;
      const chosen = boards.find(({ id }) => id === tagId);
      if (tagId === undefined || !chosen)
        throw insightsProblems.no_stages({
          detail:
            query.tag === undefined
              ? `No computed text tag stands below ${CATEGORY}; install lifecycle_stage from the library of tags, then refresh.`
              : `${query.tag} is no computed text tag below ${CATEGORY}.`,
        });
      const tag = await tags.get(tagId, actor);
      const titles = new Map((tag.values ?? []).map(({ value, title }) => [String(value), title]));
      const seen = (tag.statistics?.distribution.top ?? []).map(({ value }) => String(value));
      const stages = [...new Set([...titles.keys(), ...seen])].slice(0, MOST_STAGES);
      const units = await deps.scopeOf(actor);
      const [{ everybody, sets }, programmes, moves] = await Promise.all([
        stageSets(tagId, stages, units),
        programmesUnderWay(),
        movesOf(tagId, query.from, actor),
      ]);
      return {
        at: toIso(clock.now()),
        tagId,
        title: chosen.title,
        tags: boards,
        customers: everybody.size,
        stages: [...sets]
          .filter(([stage, cids]) => stage !== null || cids.size > 0)
          .map(([stage, cids]) => {
            const title = stage === null ? undefined : titles.get(stage);
            const reaching = programmes
              .map(({ campaign, targeted }) => ({ campaign, cids: targeted.and(cids) }))
              .filter(({ cids: some }) => some.size > 0)
              .toSorted((a, b) => b.cids.size - a.cids.size);
            return {
              stage,
              ...(title ? { title } : {}),
              customers: cids.size,
              share: everybody.size === 0 ? 0 : cids.size / everybody.size,
              programmes: reaching.map(({ campaign, cids: some }) => ({
                campaignId: campaign.id,
                name: campaign.name,
                state: campaign.state,
                customers: some.size,
              })),
              reached: reaching.reduce((all, { cids: some }) => all.or(some), emptyCidSet()).size,
            };
          }),
        ...(moves ? { moves } : {}),
      };
    },
  };
}
