import type { ConditionCatalog } from '@rapport/conditions';
import type { CustomerRef } from '@rapport/customers';
import type { ProfileTag } from '@rapport/customers/contract';
import type { Actor, EpochMs } from '@rapport/kernel';
import type { Release } from '@rapport/stores';
import type {
  CatalogView,
  LineageGraph,
  LineageImpact,
  TagCategory,
  TagDefinition,
  TagDiff,
  TagEvidence,
  TagImportResult,
  TagPreview,
  TagPreviewRequest,
  TagQuery,
  TagRefreshDetail,
  TagRefreshRequest,
  TagRefreshView,
  TagSummary,
  TagValue,
  TagView,
} from './contract.ts';
import { catalogAsOf } from './history.ts';
import { createTagLibrary, type TagLibrary } from './library.service.ts';
import { focusOn, impactOf, type LineageContributor } from './lineage.ts';
import { createManualValues, type ManualValues } from './manual.service.ts';
import type { PublishExtender } from './publish-extender.ts';
import { createTagQuality, type TagQualityMonitor } from './quality.service.ts';
import { createStreamTags, type StreamTags } from './stream.service.ts';
import { createTagContext, type TagsDeps } from './tags.context.ts';
import { createDefinitions, type TagDefinitions } from './tags.definitions.ts';
import { createDictionaries, type TagDictionaryService } from './tags.dictionaries.ts';
import { createEvidence } from './tags.evidence.ts';
import { createTagGraph } from './tags.lineage.ts';
import { createRefreshes, type ModelScores } from './tags.refresh.ts';
import { createValueReader } from './tags.values.ts';
import { createViews } from './tags.view.ts';
import { createTaxonomy, type Taxonomy } from './taxonomy.service.ts';
import { createTagUsages, type TagUsages } from './usage.service.ts';
import { createWorkflow, type TagWorkflow } from './workflow.service.ts';

export interface Tags {
  list(query: TagQuery, actor?: Actor): Promise<{ items: TagSummary[]; nextCursor?: string }>;
  /** @throws tags.not_found */
  get(tagId: string, actor?: Actor): Promise<TagView>;
  /** @throws tags.exists, tags.invalid, tags.cyclic */
  create(definition: TagDefinition, actor: Actor): Promise<TagView>;
  /** @throws tags.not_found, tags.invalid, tags.cyclic */
  replace(definition: TagDefinition, actor: Actor): Promise<TagView>;
  /** @throws tags.not_found, tags.in_use */
  remove(tagId: string, actor: Actor): Promise<void>;
  categories(): Promise<TagCategory[]>;
  /** Reads a `*.tags.yaml`; tags that it does not name stay. @throws tags.invalid_file, tags.invalid, tags.cyclic */
  importYaml(yaml: string, options: { dryRun?: boolean }, actor: Actor): Promise<TagImportResult>;
  exportYaml(): Promise<string>;
  /** How a `*.tags.yaml` differs from what is defined. @throws tags.invalid_file */
  diffYaml(yaml: string): Promise<TagDiff>;
  /** What a definition would give on the current data. @throws tags.invalid, tags.no_data */
  preview(request: TagPreviewRequest): Promise<TagPreview>;
  /** Starts the job `tag.refresh`; answers its id. @throws tags.not_found for ids that do not exist */
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
  /** Runs after a refresh was published; a listener that fails is logged. */
  onRefreshed(listener: (refresh: { release: number; tagIds: readonly string[] }) => Promise<void>): void;
  /**
   * The names conditions may use in a release (default: the current one).
   * @param at  a past instant: each tag has the values kept of its day, or of the latest before
   */
  catalog(release?: Release, at?: EpochMs): Promise<ConditionCatalog>;
  catalogView(actor?: Actor): Promise<CatalogView>;
  /** Every tag with its title and data class. */
  classes(): Promise<{ id: string; title: string; dataClass: string }[]>;
  /** Instant that tags are computed for by default; `undefined` = the present. */
  asOf(): Promise<EpochMs | undefined>;
  /** @throws tags.not_found, tags.not_computed, tags.unknown_customer */
  evidence(tagId: string, customerId: string, actor: Actor): Promise<TagEvidence>;
  /**
   * Makes a table of scores the values of a tag (`kind: model`) that people can use like any other; the tag is
   * defined when there is none yet. @throws tags.exists when a tag of another kind has this id
   */
  publishScores(scores: ModelScores): Promise<Release>;
  /** Known values of a customer, by category and id. */
  profileOf(customer: CustomerRef): Promise<ProfileTag[]>;
  /** Known values of these tags for these customers, for content: by cid, then by tag id. */
  valuesOf(cids: readonly number[], tagIds: readonly string[]): Promise<Map<number, Map<string, TagValue>>>;
  readonly workflow: TagWorkflow;
  readonly taxonomy: Taxonomy;
  /** Ready-made tags. */
  readonly library: TagLibrary;
  readonly manual: ManualValues;
  readonly streams: StreamTags;
  readonly dictionaries: TagDictionaryService;
  readonly quality: TagQualityMonitor;
  readonly usage: TagUsages;
  readonly lineage: {
    /** Adds the part of the graph that an upper module knows; ids are `<kind>:<id>`. */
    register(contributor: LineageContributor): void;
    graph(focus?: string): Promise<LineageGraph>;
    impact(node: string): Promise<LineageImpact>;
  };
}

/** Puts the parts together: definitions, refresh, views, evidence and lineage over one context. */
export function createTags(deps: TagsDeps): Tags {
  const context = createTagContext(deps);
  const { store, worldFor, catalogOf, defaultAsOf, definitionsById } = context;
  const graph = createTagGraph(context);
  const valuesOf = createValueReader(context);
  const taxonomy = createTaxonomy(context);
  const workflow = createWorkflow(context, graph, (definition, actor) =>
    definitions.apply(definition, actor),
  );
  const definitions: TagDefinitions = createDefinitions(context, graph, workflow, taxonomy);
  const quality = createTagQuality(context, workflow);
  const usage = createTagUsages(context, graph, workflow);
  const views = createViews(context, graph, valuesOf, workflow, { quality, usage });
  const refreshes = createRefreshes(context);
  refreshes.onRefreshed(() => quality.judge());

  const manual = createManualValues(context);
  const streams = createStreamTags(context, {
    stream: deps.stream,
    refresh: (tagIds) => refreshes.refresh({ tagIds: [...tagIds] }),
  });

  return {
    ...definitions,
    ...refreshes,
    async refresh(request) {
      await manual.sweep();
      return refreshes.refresh(request);
    },
    ...views,
    async create(definition, actor) {
      await definitions.create(definition, actor);
      return views.get(definition.id);
    },
    async replace(definition, actor) {
      await definitions.replace(definition, actor);
      return views.get(definition.id);
    },
    async catalog(release, at) {
      const all = (await store.all()).map(({ definition }) => definition);
      const asOf = await defaultAsOf();
      const world = await worldFor({ asOf, definitions: all, ...(release ? { release } : {}) });
      return at === undefined ? catalogOf(world, true) : catalogAsOf(context, world, at);
    },

    async classes() {
      return (await store.all()).map(({ definition: { id, title, dataClass } }) => ({
        id,
        title: title.en,
        dataClass: dataClass ?? 'C2',
      }));
    },
    workflow,
    taxonomy,
    library: createTagLibrary(context, definitions),
    manual,
    streams,
    dictionaries: createDictionaries(context),
    quality,
    usage,
    asOf: () => store.asOf(),
    evidence: createEvidence(context, valuesOf),
    valuesOf: async (cids, tagIds) => valuesOf(cids, tagIds, await definitionsById()),

    lineage: {
      register: (contributor) => graph.register(contributor),
      async graph(focus) {
        const all = await graph.full();
        return focus === undefined ? all : focusOn(all, focus);
      },
      impact: async (node) => impactOf(await graph.full(), node),
    },
  };
}
