import { type Condition, tagsIn } from '@rapport/conditions';
import { type Component, toIso } from '@rapport/kernel';
import { impactOf } from './lineage.ts';
import type { TagCost, TagCosts, TagUsage } from './quality.contract.ts';
import { mustFind, share, type TagContext, usesOf } from './tags.context.ts';
import type { TagGraph } from './tags.lineage.ts';
import { createUsageStore } from './usage.store.sql.ts';
import type { TagWorkflow } from './workflow.service.ts';

/** What tags cost to keep, and what they are used for. */
export interface TagUsages {
  /** Notes that these conditions were evaluated. Returns at once; written every few seconds. */
  note(conditions: readonly Condition[]): void;
  /** Writes what was noted. */
  flush(): Promise<void>;
  /** @throws tags.not_found */
  of(tagId: string): Promise<TagUsage>;
  /** @throws tags.not_found */
  cost(tagId: string, days: number): Promise<TagCost>;
  costs(days: number): Promise<TagCosts>;
  /** How often conditions that name a tag were evaluated in the last 90 days. */
  counted(): Promise<ReadonlyMap<string, number>>;
  readonly component: Component;
}

const FLUSH_MS = 5_000;
const USE_DAYS = 90;

export function createTagUsages(
  context: TagContext,
  graph: TagGraph,
  workflow: Pick<TagWorkflow, 'store'>,
): TagUsages {
  const { deps, store: tags } = context;
  const { clock, log } = deps;
  const store = createUsageStore(deps.relational);
  const noted = new Map<string, number>();

  const flush = async (): Promise<void> => {
    if (noted.size === 0) return;
    const counts = new Map(noted);
    noted.clear();
    try {
      await store.count(counts, clock.now());
    } catch (error) {
      for (const [tagId, times] of counts) noted.set(tagId, (noted.get(tagId) ?? 0) + times);
      throw error;
    }
  };
  let timer: NodeJS.Timeout | undefined;

  return {
    note(conditions) {
      for (const tagId of new Set(conditions.flatMap((condition) => tagsIn(condition))))
        noted.set(tagId, (noted.get(tagId) ?? 0) + 1);
    },
    flush,
    async of(tagId) {
      mustFind(await tags.all(), tagId);
      await flush();
      const [lineage, byDay, views] = await Promise.all([
        graph.full(),
        store.byDay(tagId, clock.now(), USE_DAYS),
        workflow.store.views(clock.now()),
      ]);
      const node = `tag:${tagId}`;
      const isKnown = lineage.nodes.some(({ id }) => id === node);
      const last = byDay.at(-1)?.day;
      return {
        tagId,
        days: USE_DAYS,
        counted: byDay.reduce((sum, { counted }) => sum + counted, 0),
        ...(last === undefined ? {} : { lastCountedOn: last }),
        views: views.get(tagId)?.views ?? 0,
        byDay,
        uses: (isKnown ? impactOf(lineage, node).dependants : []).map(({ kind, id, title, distance }) => ({
          kind,
          id: id.slice(id.indexOf(':') + 1),
          title,
          distance,
        })),
        mayRetire: usesOf(lineage, tagId).length === 0,
      };
    },
    async cost(tagId, days) {
      mustFind(await tags.all(), tagId);
      const [totals, history] = await Promise.all([
        store.totals(clock.now(), days),
        store.history(tagId, clock.now(), days),
      ]);
      const all = totals.reduce((sum, { tookMs }) => sum + tookMs, 0);
      const rank = totals.findIndex((total) => total.tagId === tagId);
      const own = totals[rank] ?? { tagId, refreshes: 0, computed: 0, tookMs: 0, rowsRead: 0 };
      return {
        ...own,
        share: share(own.tookMs, all),
        days,
        rank: rank + 1,
        history: history.map(({ at, ...each }) => ({ ...each, at: toIso(at) })),
      };
    },
    async costs(days) {
      const totals = await store.totals(clock.now(), days);
      const tookMs = totals.reduce((sum, total) => sum + total.tookMs, 0);
      return {
        days,
        tookMs,
        items: totals.map((total) => ({ ...total, share: share(total.tookMs, tookMs) })),
      };
    },
    counted: () => store.counts(clock.now(), USE_DAYS),
    component: {
      name: 'tag-usage',
      async start() {
        timer = setInterval(() => {
          flush().catch((error: unknown) => log.warn({ err: error }, 'uses of tags could not be written'));
        }, FLUSH_MS);
        timer.unref();
      },
      async stop() {
        clearInterval(timer);
        await flush();
      },
    },
  };
}
