import { newId, systemActor, toIso } from '@rapport/kernel';
import type { JobRun, Placement, Release } from '@rapport/stores';
import { Type } from 'typebox';
import { messageOf } from './compute.ts';
import type { TagDefinition, TagRefreshRequest, TagRefreshView } from './contract.ts';
import { figuresOf } from './distribution.ts';
import { dependenciesOf, orderTags } from './plan.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import type { StoredFigures, StoredTag } from './tags.store.sql.ts';
import { differences } from './tags.yaml.ts';

/** Computing tags and making their values visible. */
export interface TagRefreshes {
  refresh(request?: TagRefreshRequest): Promise<string>;
  refreshes(query: {
    limit?: number;
    cursor?: string;
  }): Promise<{ items: TagRefreshView[]; nextCursor?: string }>;
  onRefreshed(listener: (refresh: { release: number; tagIds: readonly string[] }) => Promise<void>): void;
  publishScores(scores: ModelScores): Promise<Release>;
}

/** A table of scores and the tag that it becomes. */
export interface ModelScores {
  readonly tagId: string;
  readonly modelId: string;
  readonly title: string;
  readonly description: string;
  /** One row a customer at most: `cid` and a nullable number. */
  readonly placement: Placement & { readonly column: string };
  readonly note: string;
}

const RefreshPayload = Type.Object({
  refreshId: Type.String(),
  tagIds: Type.Optional(Type.Array(Type.String())),
  asOfMs: Type.Optional(Type.Integer()),
});
const CANONICAL = ['customer', 'account', 'holding', 'identity', 'transaction', 'event'] as const;

/** Defines the job `tag.refresh`. */
export function createRefreshes(context: TagContext): TagRefreshes {
  const { deps, store, computation, worldFor, defaultAsOf, customerCount, figuresByTag } = context;
  const { warehouse, releases, clock, log } = deps;
  const listeners: ((refresh: { release: number; tagIds: readonly string[] }) => Promise<void>)[] = [];

  /** Tags to compute: those asked for and all they read, in order. */
  const closure = (
    all: readonly StoredTag[],
    tagIds: readonly string[] | undefined,
  ): { tag: TagDefinition; level: number }[] => {
    const definitions = new Map(all.map(({ definition }) => [definition.id, definition]));
    const ordered = orderTags(definitions);
    if ('cycle' in ordered)
      throw tagsProblems.cyclic({ detail: `Tags depend on each other: ${ordered.cycle.join(' → ')}.` });
    const retired = new Set(all.flatMap((tag) => (tag.isRetired ? [tag.definition.id] : [])));
    const byRefresh = ordered.order.filter(
      ({ tag }) =>
        tag.definition.kind !== 'model' && tag.definition.kind !== 'manual' && !retired.has(tag.id),
    );
    if (!tagIds) return byRefresh;
    const wanted = new Set(tagIds);
    for (const id of wanted) {
      const definition = definitions.get(id);
      if (definition) for (const other of dependenciesOf(definition).tags) wanted.add(other);
    }
    return byRefresh.filter(({ tag }) => wanted.has(tag.id));
  };

  const basisOf = (tag: TagDefinition, release: Release): Record<string, string> => {
    const { definition } = tag;
    const names =
      definition.kind === 'fact'
        ? ['customer', definition.from]
        : definition.kind === 'statistical'
          ? ['customer', definition.over]
          : CANONICAL;
    return Object.fromEntries(
      names.flatMap((name) => {
        const table = release.placements.get(name)?.table;
        return table === undefined ? [] : [[name, table]];
      }),
    );
  };

  const runRefresh = async (
    run: JobRun<{ refreshId: string; tagIds?: string[]; asOfMs?: number }>,
  ): Promise<{
    refreshId: string;
    release: number;
    tags: number;
    failed: { tagId: string; error: string }[];
  }> => {
    const { refreshId, tagIds, asOfMs } = run.payload;
    const asOf = asOfMs ?? (await defaultAsOf());
    await store.beginRefresh(refreshId, asOf, clock.now());
    try {
      const all = await store.all();
      const definitions = all.map(({ definition }) => definition);
      const world = await worldFor({ asOf, definitions });
      if (!world.release.placements.has('customer')) {
        throw tagsProblems.no_data({
          detail: 'No source has delivered customers yet; load one, then refresh.',
        });
      }
      const ordered = closure(all, tagIds);
      const { places, failed } = await computation.compute(world, ordered, {
        signal: run.signal,
        onProgress: (done, message) =>
          run.report({ share: (0.8 * done) / Math.max(1, ordered.length), message }),
      });
      await run.report({ share: 0.85, message: 'figures' });
      const figures = await figuresByTag(definitions, places);
      const customers = await customerCount(world.release);
      run.signal.throwIfAborted();
      // Somebody may have given a tag another type while it was being computed.
      const now = new Map((await store.all()).map((tag) => [tag.definition.id, tag]));
      const set: Record<string, Placement> = {};
      const stored: StoredFigures[] = [];
      for (const { definition, version } of all) {
        const place = places.get(definition.id);
        const found = figures.get(definition.id);
        if (!place || !found || now.get(definition.id)?.definition.valueType !== definition.valueType)
          continue;
        set[`tag/${definition.id}`] = { table: place.table, column: place.column };
        stored.push({
          tagId: definition.id,
          refreshId,
          definitionVersion: version,
          asOf,
          refreshedAt: clock.now(),
          basis: basisOf(definition, world.release),
          known: found.known,
          customers,
          distinct: found.distinct,
          tookMs: place.tookMs,
          distribution: found.distribution,
        });
      }
      const release = await releases.publish({ set, note: `tags ${refreshId}` });
      const failures = [...failed].map(([tagId, error]) => ({ tagId, error }));
      await store.finishRefresh({
        id: refreshId,
        at: clock.now(),
        release: release.number,
        figures: stored,
        failed: failures,
      });
      for (const failure of failures) log.warn(failure, 'tag could not be computed');
      for (const listener of listeners) {
        await listener({ release: release.number, tagIds: stored.map(({ tagId }) => tagId) }).catch(
          (error: unknown) => log.error({ err: error }, 'listener of a tag refresh failed'),
        );
      }
      return { refreshId, release: release.number, tags: stored.length, failed: failures };
    } catch (error) {
      await store.failRefresh(refreshId, clock.now(), messageOf(error));
      throw error;
    }
  };

  deps.jobs.define('tag.refresh', RefreshPayload, runRefresh, { retries: 3, concurrency: 1 });
  return {
    async refresh(request = {}) {
      if (request.tagIds) {
        const all = await store.all();
        for (const tagId of request.tagIds) mustFind(all, tagId);
      }
      return deps.jobs.enqueue(
        'tag.refresh',
        {
          refreshId: newId('trf'),
          ...(request.tagIds ? { tagIds: request.tagIds } : {}),
          ...(request.asOf === undefined ? {} : { asOfMs: Date.parse(request.asOf) }),
        },
        { subject: 'tags', singleton: 'tag.refresh' },
      );
    },

    async refreshes(query) {
      const limit = query.limit ?? 50;
      const found = await store.refreshes(limit + 1, query.cursor);
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.map((refresh) => ({
          id: refresh.id,
          state: refresh.state,
          asOf: toIso(refresh.asOf),
          startedAt: toIso(refresh.startedAt),
          ...(refresh.finishedAt === undefined ? {} : { finishedAt: toIso(refresh.finishedAt) }),
          ...(refresh.release === undefined ? {} : { release: refresh.release }),
          tags: refresh.tags,
          failed: [...refresh.failed],
          ...(refresh.error === undefined ? {} : { error: refresh.error }),
        })),
        ...(found.length > limit && last ? { nextCursor: last.id } : {}),
      };
    },

    onRefreshed(listener) {
      listeners.push(listener);
    },

    async publishScores({ tagId, modelId, title, description, placement, note }) {
      const all = await store.all();
      const before = all.find((tag) => tag.definition.id === tagId)?.definition;
      if (before && before.definition.kind !== 'model')
        throw tagsProblems.exists({
          detail: `There is a tag "${tagId}" that no model writes; give the model another tag.`,
        });
      const definition: TagDefinition = {
        id: tagId,
        title: { en: title },
        description,
        category: 'model/score',
        valueType: 'number',
        definition: { kind: 'model', modelId },
      };
      if (differences(before, definition).length > 0)
        await store.save([definition], { by: systemActor.id, at: clock.now() });
      const [figures, customers] = await Promise.all([
        figuresOf(warehouse, placement.table, [{ tagId, column: placement.column, type: 'number' }]),
        customerCount(await releases.current()),
      ]);
      const release = await releases.publish({ set: { [`tag/${tagId}`]: placement }, note });
      const found = figures.get(tagId);
      const version = (await store.all()).find((tag) => tag.definition.id === tagId)?.version ?? 1;
      const refreshId = newId('trf');
      await store.beginRefresh(refreshId, clock.now(), clock.now());
      await store.finishRefresh({
        id: refreshId,
        at: clock.now(),
        release: release.number,
        failed: [],
        figures: [
          {
            tagId,
            refreshId,
            definitionVersion: version,
            asOf: clock.now(),
            refreshedAt: clock.now(),
            basis: {},
            known: found?.known ?? 0,
            customers,
            distinct: found?.distinct ?? 0,
            tookMs: 0,
            distribution: found?.distribution ?? { top: [], histogram: [] },
          },
        ],
      });
      return release;
    },
  };
}
