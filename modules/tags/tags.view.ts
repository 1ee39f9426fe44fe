import type { CustomerRef } from '@rapport/customers';
import type { ProfileTag } from '@rapport/customers/contract';
import { type Actor, toIso } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import type { CatalogView, TagQuery, TagStatistics, TagSummary, TagValue, TagView } from './contract.ts';
import type { TagQualityMonitor } from './quality.service.ts';
import { compare, mustFind, share, type TagContext, usesOf } from './tags.context.ts';
import type { TagGraph } from './tags.lineage.ts';
import type { StoredFigures, StoredTag } from './tags.store.sql.ts';
import type { ReadValues } from './tags.values.ts';
import type { TagUsages } from './usage.service.ts';
import type { TagWorkflow } from './workflow.service.ts';

/** How tags are shown: lists, one tag, the catalogue, a customer's card. */
export interface TagViews {
  list(query: TagQuery, actor?: Actor): Promise<{ items: TagSummary[]; nextCursor?: string }>;
  get(tagId: string, actor?: Actor): Promise<TagView>;
  /** With an actor: the tags that they may build with. */
  catalogView(actor?: Actor): Promise<CatalogView>;
  profileOf(customer: CustomerRef): Promise<ProfileTag[]>;
}

export function createViews(
  context: TagContext,
  graph: TagGraph,
  valuesOf: ReadValues,
  workflow: Pick<TagWorkflow, 'store' | 'statuses' | 'palette'>,
  of: {
    readonly quality: Pick<TagQualityMonitor, 'verdicts'>;
    readonly usage: Pick<TagUsages, 'counted' | 'costs'>;
  },
): TagViews {
  const { deps, store, registries, worldFor, catalogOf, definitionsById } = context;
  const { releases, clock } = deps;

  const stateOf = (
    tag: StoredTag,
    figures: StoredFigures | undefined,
    fault: string | undefined,
    release: Release,
  ): TagView['state'] => {
    if (fault !== undefined) return 'failed';
    if (!figures || !release.placements.has(`tag/${tag.definition.id}`)) return 'new';
    const isCurrent =
      figures.definitionVersion === tag.version &&
      Object.entries(figures.basis).every(([name, table]) => release.placements.get(name)?.table === table);
    return isCurrent ? 'fresh' : 'stale';
  };
  const presentStatistics = (figures: StoredFigures): TagStatistics => ({
    refreshId: figures.refreshId,
    refreshedAt: toIso(figures.refreshedAt),
    asOf: toIso(figures.asOf),
    definitionVersion: figures.definitionVersion,
    known: figures.known,
    customers: figures.customers,
    coverage: share(figures.known, figures.customers),
    distinct: figures.distinct,
    tookMs: figures.tookMs,
    distribution: figures.distribution,
  });

  const view = async (tagId: string, actor?: Actor): Promise<TagView> => {
    const [all, figures, faults, release, lineage, statusOf] = await Promise.all([
      store.all(),
      store.latestFigures(),
      store.faults(),
      releases.current(),
      graph.full(),
      workflow.statuses(),
    ]);
    const tag = mustFind(all, tagId);
    if (actor?.kind === 'user') await workflow.store.countView(tagId, clock.now());
    const own = figures.get(tagId);
    const error = faults.get(tagId);
    return {
      ...tag.definition,
      kind: tag.definition.definition.kind,
      status: statusOf(tagId),
      version: tag.version,
      state: stateOf(tag, own, error, release),
      ...(error === undefined ? {} : { error }),
      createdAt: toIso(tag.createdAt),
      updatedAt: toIso(tag.updatedAt),
      updatedBy: tag.updatedBy,
      ...(own ? { statistics: presentStatistics(own) } : {}),
      uses: usesOf(lineage, tagId),
    };
  };
  return {
    async list(query, actor) {
      const limit = query.limit ?? 100;
      const [all, figures, faults, release, lineage, statusOf, favourites, views, verdicts, counted, costs] =
        await Promise.all([
          store.all(),
          store.latestFigures(),
          store.faults(),
          releases.current(),
          graph.full(),
          workflow.statuses(),
          actor ? workflow.store.favourites(actor.id) : new Set<string>(),
          workflow.store.views(clock.now()),
          of.quality.verdicts(),
          of.usage.counted(),
          of.usage.costs(30),
        ]);
      const usedBy = new Map<string, number>();
      for (const { from } of lineage.edges) usedBy.set(from, (usedBy.get(from) ?? 0) + 1);
      const costShares = new Map(costs.items.map(({ tagId, share }) => [tagId, share]));
      const text = query.q?.toLowerCase() ?? '';
      const after = query.cursor === undefined ? '' : Buffer.from(query.cursor, 'base64url').toString('utf8');
      const found = all.filter(({ definition }) => {
        const words = [definition.id, ...Object.values(definition.title), definition.description ?? ''];
        return (
          definition.id > after &&
          (text === '' || words.some((word) => word.toLowerCase().includes(text))) &&
          (query.category === undefined ||
            definition.category === query.category ||
            definition.category.startsWith(`${query.category}/`)) &&
          (query.kind === undefined || definition.definition.kind === query.kind) &&
          (query.status === undefined || statusOf(definition.id) === query.status) &&
          (query.owner === undefined || definition.owner === query.owner) &&
          (query.dataClass === undefined || (definition.dataClass ?? 'C2') === query.dataClass) &&
          (query.favourites !== true || favourites.has(definition.id))
        );
      });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.map((tag) => {
          const { definition } = tag;
          const own = figures.get(definition.id);
          const error = faults.get(definition.id);
          return {
            ...definition,
            kind: definition.definition.kind,
            status: statusOf(definition.id),
            version: tag.version,
            state: stateOf(tag, own, error, release),
            ...(error === undefined ? {} : { error }),
            createdAt: toIso(tag.createdAt),
            updatedAt: toIso(tag.updatedAt),
            updatedBy: tag.updatedBy,
            ...(own
              ? { coverage: share(own.known, own.customers), refreshedAt: toIso(own.refreshedAt) }
              : {}),
            usedBy: usedBy.get(`tag:${definition.id}`) ?? 0,
            isFavourite: favourites.has(definition.id),
            views: views.get(definition.id)?.views ?? 0,
            counted: counted.get(definition.id) ?? 0,
            verdict: verdicts.get(definition.id) ?? 'unknown',
            ...(costShares.has(definition.id) ? { costShare: costShares.get(definition.id) ?? 0 } : {}),
          };
        }),
        ...(found.length > limit && last
          ? { nextCursor: Buffer.from(last.definition.id).toString('base64url') }
          : {}),
      };
    },

    get: view,

    async catalogView(actor) {
      const [all, release, mayBuildWith] = await Promise.all([
        store.all(),
        releases.current(),
        actor && workflow.palette(actor),
      ]);
      const definitions = new Map(
        all.flatMap((tag) =>
          mayBuildWith && !mayBuildWith(tag) ? [] : [[tag.definition.id, tag.definition] as const],
        ),
      );
      const [registry, world] = await Promise.all([
        registries.of(release),
        worldFor({ asOf: clock.now(), definitions: [...definitions.values()], release }),
      ]);
      const catalog = catalogOf(world, true);
      return {
        tags: catalog.tagIds().flatMap((id) => {
          const definition = definitions.get(id);
          if (!definition) return [];
          const { title, category, valueType, unit, values } = definition;
          return [
            {
              id,
              title,
              category,
              valueType,
              ...(unit === undefined ? {} : { unit }),
              ...(values === undefined ? {} : { values }),
            },
          ];
        }),
        events: catalog.eventNames().map((name) => {
          const parts =
            name === 'transaction'
              ? [registry.transaction]
              : [registry.released.get(name), registry.collected.get(name)];
          const lastMs = Math.max(...parts.map((part) => part?.lastMs ?? Number.NEGATIVE_INFINITY));
          return {
            name,
            properties: Object.entries(catalog.event(name)?.properties ?? {})
              .map(([property, { type }]) => ({ name: property, type }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
            count: parts.reduce((sum, part) => sum + (part?.count ?? 0), 0),
            ...(Number.isFinite(lastMs) ? { lastAt: toIso(lastMs) } : {}),
          };
        }),
      };
    },

    async profileOf({ cid, customerId }) {
      const [definitions, figures] = await Promise.all([definitionsById(), store.latestFigures()]);
      const values = (await valuesOf([cid], undefined, definitions)).get(cid) ?? new Map<string, TagValue>();
      return [...values]
        .flatMap(([tagId, value]) => {
          const definition = definitions.get(tagId);
          if (!definition) return [];
          const title = definition.values?.find((entry) => entry.value === value)?.title.en;
          return [
            {
              tagId,
              title: definition.title,
              category: definition.category,
              valueType: definition.valueType,
              ...(definition.unit === undefined ? {} : { unit: definition.unit }),
              value,
              ...(title === undefined ? {} : { valueTitle: title }),
              asOf: toIso(figures.get(tagId)?.asOf ?? clock.now()),
              evidencePath: `/api/v1/tags/${tagId}/evidence?customerId=${encodeURIComponent(customerId)}`,
            },
          ];
        })
        .toSorted((a, b) => compare(a.category, b.category) || compare(a.tagId, b.tagId));
    },
  };
}
