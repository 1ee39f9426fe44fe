import { newId, systemActor, toIso } from '@rapport/kernel';
import type { JobRun, Placement, Release } from '@rapport/stores';
import { type Static, Type } from 'typebox';
import { messageOf, type Placed } from './compute.ts';
import type { TagDefinition, TagRefreshDetail, TagRefreshRequest, TagRefreshView } from './contract.ts';
import { figuresOf } from './distribution.ts';
import { keepHistory } from './history.ts';
import { createIndexing } from './indexing.ts';
import type { TagInputs } from './inputs.ts';
import { dependenciesOf, orderTags } from './plan.ts';
import type { PublishExtender } from './publish-extender.ts';
import {
  createRefreshStore,
  type RefreshStep,
  type StandingInputs,
  type TagOutcome,
} from './refresh.store.sql.ts';
import { mustFind, type TagContext } from './tags.context.ts';
import { tagsProblems } from './tags.problems.ts';
import type { StoredFigures, StoredRefresh, StoredTag } from './tags.store.sql.ts';
import { differences } from './tags.yaml.ts';

/** Computing tags and making their values visible. */
export interface TagRefreshes {
  refresh(request?: TagRefreshRequest): Promise<string>;
  refreshes(query: {
    limit?: number;
    cursor?: string;
  }): Promise<{ items: TagRefreshView[]; nextCursor?: string }>;
  /** What a refresh did for each tag, and what it cost. @throws tags.refresh_not_found */
  refreshDetail(id: string): Promise<TagRefreshDetail>;
  /**
   * Adds placements to the release that makes a refresh visible, such as indexes of the new tables; what it throws
   * fails the refresh, and the values of before stay.
   */
  onPublish(extender: PublishExtender): void;
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
  isFull: Type.Optional(Type.Boolean()),
});
const CpuRow = Type.Object({ ms: Type.Number() });
const CANONICAL = ['customer', 'account', 'holding', 'identity', 'transaction', 'event'] as const;

/** Defines the job `tag.refresh`. */
export function createRefreshes(context: TagContext): TagRefreshes {
  const { deps, store, computation, worldFor, defaultAsOf, customerCount, figuresByTag } = context;
  const { warehouse, releases, clock, log } = deps;
  const costs = createRefreshStore(deps.relational);
  const extenders: PublishExtender[] = [({ asOf }) => keepHistory(context, asOf), createIndexing(context)];
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

  /** Why each tag of a blocked table or column keeps its values, and each tag that reads one of those. */
  const blockedTags = async (
    ordered: readonly { tag: TagDefinition }[],
  ): Promise<ReadonlyMap<string, string>> => {
    const blocks = (await deps.blocked?.()) ?? [];
    const reasons = new Map<string, string>();
    if (blocks.length === 0) return reasons;
    for (const { tag } of ordered) {
      const { tags, columns } = dependenciesOf(tag);
      const own = blocks.find(({ table, column }) =>
        columns.some(
          (each) =>
            each.startsWith(`${table}.`) &&
            (column === undefined || each === `${table}.${column}` || each.endsWith(`s.${column}`)),
        ),
      );
      const below = tags.find((id) => reasons.has(id));
      if (own) reasons.set(tag.id, own.message);
      else if (below !== undefined) reasons.set(tag.id, `It reads ${below}: ${reasons.get(below) ?? ''}`);
    }
    return reasons;
  };

  /** What the values that stand now were made from, as far as nothing else has replaced them since. */
  const standingOf = (
    release: Release,
    stored: ReadonlyMap<string, StandingInputs>,
    versions: ReadonlyMap<string, number>,
  ): Map<string, TagInputs> => {
    const standing = new Map<string, TagInputs>();
    for (const [tagId, each] of stored)
      if (
        release.placements.get(`tag/${tagId}`)?.table === each.placed &&
        versions.get(tagId) === each.definitionVersion
      )
        standing.set(tagId, each.inputs);
    return standing;
  };

  const runRefresh = async (
    run: JobRun<Static<typeof RefreshPayload>>,
  ): Promise<{
    refreshId: string;
    release: number;
    tags: number;
    failed: { tagId: string; error: string }[];
  }> => {
    const { refreshId, tagIds, asOfMs, isFull } = run.payload;
    const asOf = asOfMs ?? (await defaultAsOf());
    await store.beginRefresh(refreshId, asOf, clock.now());
    try {
      const cpuBefore = await cpuMs();
      const all = await store.all();
      const definitions = all.map(({ definition }) => definition);
      const world = await worldFor({ asOf, definitions });
      if (!world.release.placements.has('customer')) {
        throw tagsProblems.no_data({
          detail: 'No source has delivered customers yet; load one, then refresh.',
        });
      }
      const wanted = closure(all, tagIds);
      const blocked = await blockedTags(wanted);
      const ordered = wanted.filter(({ tag }) => !blocked.has(tag.id));
      const versions = new Map(all.map(({ definition, version }) => [definition.id, version]));
      const [stored, earlier] = await Promise.all([costs.standing(), store.latestFigures()]);
      const standing = standingOf(world.release, stored, versions);
      for (const tagId of [...standing.keys()]) if (!earlier.has(tagId)) standing.delete(tagId);
      const { places, failed, kept, inputs, steps } = await computation.compute(world, ordered, {
        signal: run.signal,
        nonce: refreshId,
        ...(isFull === true ? {} : { standing }),
        onProgress: (done, message) =>
          run.report({ share: (0.8 * done) / Math.max(1, ordered.length), message }),
      });
      await run.report({ share: 0.8, message: 'figures' });
      const figuresAt = performance.now();
      const figures = await figuresByTag(definitions, places);
      const figuresMs = Math.round(performance.now() - figuresAt);
      const customers = await customerCount(world.release);
      run.signal.throwIfAborted();
      // Somebody may have given a tag another type while it was being computed.
      const now = new Map((await store.all()).map((tag) => [tag.definition.id, tag]));
      const set: Record<string, Placement> = {};
      const written: StoredFigures[] = [];
      const made = new Map<string, StandingInputs>();
      for (const { definition, version } of all) {
        const { id } = definition;
        if (now.get(id)?.definition.valueType !== definition.valueType) continue;
        const common = {
          tagId: id,
          refreshId,
          definitionVersion: version,
          asOf,
          refreshedAt: clock.now(),
          basis: basisOf(definition, world.release),
          customers,
        };
        const place = places.get(id);
        const found = figures.get(id);
        const before = earlier.get(id);
        if (place && found) {
          const { table, column, segments } = place;
          set[`tag/${id}`] = { table, column, ...(segments ? { segments } : {}) };
          const { known, distinct, distribution } = found;
          written.push({ ...common, known, distinct, distribution, tookMs: place.tookMs });
        } else if (kept.has(id) && before) {
          // As of now too: nothing that it is made from has changed it.
          const { known, distinct, distribution } = before;
          written.push({ ...common, known, distinct, distribution, tookMs: 0 });
        } else continue;
        const own = inputs.get(id);
        const placed = place?.table ?? world.release.placements.get(`tag/${id}`)?.table;
        if (own && placed !== undefined) made.set(id, { definitionVersion: version, placed, inputs: own });
      }
      const remove: string[] = [];
      for (const extend of extenders) {
        const more = await extend({ refreshId, asOf, release: world.release, places, signal: run.signal });
        Object.assign(set, more.set);
        remove.push(...(more.remove ?? []));
      }
      run.signal.throwIfAborted();
      const release =
        Object.keys(set).length === 0
          ? await releases.current()
          : await releases.publish({ set, remove, note: `tags ${refreshId}` });
      const failures = [
        ...[...failed].map(([tagId, error]) => ({ tagId, error })),
        ...[...blocked].map(([tagId, message]) => ({ tagId, error: `Blocked: ${message}` })),
      ];
      await costs.record({
        id: refreshId,
        inputs: made,
        steps: [
          ...steps,
          ...(places.size === 0
            ? []
            : [
                {
                  work: 'figures' as const,
                  tagIds: [...places.keys()],
                  tookMs: figuresMs,
                  rowsRead: 0,
                  bytesRead: 0,
                },
              ]),
        ],
        outcomes: outcomesOf({
          wanted,
          places,
          kept,
          failed,
          blocked,
          inputs,
          standing,
          stored,
          versions,
          steps,
        }),
        cpuMs: Math.max(0, Math.round((await cpuMs()) - cpuBefore)),
      });
      await store.finishRefresh({
        id: refreshId,
        at: clock.now(),
        release: release.number,
        figures: written,
        failed: failures,
      });
      for (const failure of failures) log.warn(failure, 'tag could not be computed');
      const changed = written.flatMap(({ tagId }) => (places.has(tagId) ? [tagId] : []));
      for (const listener of listeners) {
        await listener({ release: release.number, tagIds: changed }).catch((error: unknown) =>
          log.error({ err: error }, 'listener of a tag refresh failed'),
        );
      }
      return { refreshId, release: release.number, tags: written.length, failed: failures };
    } catch (error) {
      await store.failRefresh(refreshId, clock.now(), messageOf(error));
      throw error;
    }
  };

  /** CPU time of this process and the engine so far; what else runs at the same time counts too. */
  const cpuMs = async (): Promise<number> => {
    const { user, system } = process.cpuUsage();
    const [row] = await warehouse.query(
      CpuRow,
      "SELECT toFloat64(sum(value)) / 1000 AS ms FROM system.events WHERE event IN ('UserTimeMicroseconds', 'SystemTimeMicroseconds')",
    );
    return (user + system) / 1000 + (row?.ms ?? 0);
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
          ...(request.full === true ? { isFull: true } : {}),
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
        items: page.map(presentRefresh),
        ...(found.length > limit && last ? { nextCursor: last.id } : {}),
      };
    },

    onRefreshed(listener) {
      listeners.push(listener);
    },

    onPublish(extender) {
      extenders.push(extender);
    },

    async refreshDetail(id) {
      const [refresh, { steps, outcomes, cpuMs: cpu }] = await Promise.all([
        store.refreshById(id),
        costs.detail(id),
      ]);
      if (!refresh) throw tagsProblems.refresh_not_found({ detail: `There is no refresh "${id}".` });
      return {
        ...presentRefresh(refresh),
        ...(cpu === undefined ? {} : { cpuMs: cpu }),
        steps: steps.map((step) => ({ ...step, tagIds: [...step.tagIds] })),
        outcomes,
      };
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
      const { set, remove } = await keepHistory(context, clock.now(), [tagId]);
      const release = await releases.publish({
        set: { ...set, [`tag/${tagId}`]: placement },
        remove,
        note,
      });
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

/** What became of each tag that was due. */
function outcomesOf(refresh: {
  readonly wanted: readonly { tag: TagDefinition }[];
  readonly places: ReadonlyMap<string, Placed>;
  readonly kept: ReadonlySet<string>;
  readonly failed: ReadonlyMap<string, string>;
  readonly blocked: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, TagInputs>;
  readonly standing: ReadonlyMap<string, TagInputs>;
  readonly stored: ReadonlyMap<string, StandingInputs>;
  readonly versions: ReadonlyMap<string, number>;
  readonly steps: readonly RefreshStep[];
}): TagOutcome[] {
  const stepOf = new Map(refresh.steps.flatMap((step) => step.tagIds.map((tagId) => [tagId, step] as const)));
  const reason = (tagId: string): string => {
    const stored = refresh.stored.get(tagId);
    if (!stored) return 'first';
    if (stored.definitionVersion !== refresh.versions.get(tagId)) return 'definition';
    const before = refresh.standing.get(tagId);
    const after = refresh.inputs.get(tagId);
    if (!before || !after) return 'inputs';
    if (JSON.stringify(before.segments) !== JSON.stringify(after.segments)) return 'data';
    return Object.keys(after.segments).length === 0 ? 'inputs' : 'window';
  };
  return refresh.wanted.map(({ tag: { id: tagId } }): TagOutcome => {
    const failed = refresh.failed.get(tagId);
    const blocked = refresh.blocked.get(tagId);
    if (blocked !== undefined) return { tagId, outcome: 'blocked', because: blocked };
    if (failed !== undefined) return { tagId, outcome: 'failed', because: failed };
    if (refresh.kept.has(tagId)) return { tagId, outcome: 'kept', because: 'unchanged' };
    const step = stepOf.get(tagId);
    const shared = step?.tagIds.length ?? 1;
    return {
      tagId,
      outcome: refresh.places.get(tagId)?.patched === undefined ? 'computed' : 'patched',
      because: reason(tagId),
      ...(step
        ? { tookMs: Math.round(step.tookMs / shared), rowsRead: Math.round(step.rowsRead / shared) }
        : {}),
    };
  });
}

const presentRefresh = (refresh: StoredRefresh): TagRefreshView => ({
  id: refresh.id,
  state: refresh.state,
  asOf: toIso(refresh.asOf),
  startedAt: toIso(refresh.startedAt),
  ...(refresh.finishedAt === undefined ? {} : { finishedAt: toIso(refresh.finishedAt) }),
  ...(refresh.release === undefined ? {} : { release: refresh.release }),
  tags: refresh.tags,
  failed: [...refresh.failed],
  ...(refresh.error === undefined ? {} : { error: refresh.error }),
});
