import type { ConditionCatalog, ValueType } from '@rapport/conditions';
import type { CustomerRef, Customers } from '@rapport/customers';
import type { ProfileTag } from '@rapport/customers/contract';
import type { Audit } from '@rapport/governance';
import {
  type Actor,
  type Clock,
  type EpochMs,
  type Log,
  newId,
  type ProblemFault,
  systemActor,
  toIso,
} from '@rapport/kernel';
import type { SourceManifest } from '@rapport/sources/contract';
import type { JobRun, Jobs, Placement, Relational, Release, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { conditionCatalog } from './catalog.ts';
import { type Computation, createComputation, messageOf, type TagWorld, worldOf } from './compute.ts';
import type {
  CatalogView,
  LineageGraph,
  LineageImpact,
  TagCategory,
  TagDefinition,
  TagEvidence,
  TagImportResult,
  TagPreview,
  TagPreviewRequest,
  TagQuery,
  TagRefreshRequest,
  TagRefreshView,
  TagStatistics,
  TagSummary,
  TagUse,
  TagValue,
  TagView,
} from './contract.ts';
import { type Figures, figuresOf } from './distribution.ts';
import { evidenceOf } from './evidence.ts';
import { buildLineage, focusOn, impactOf, joinGraphs, type LineageContributor } from './lineage.ts';
import { checkValues, dependenciesOf, orderTags } from './plan.ts';
import { createRegistries, type DeclaredColumn } from './registry.ts';
import { tagsProblems } from './tags.problems.ts';
import { createTagStore, type StoredFigures, type StoredTag } from './tags.store.sql.ts';
import { differences, parseTagsYaml, writeTagsYaml } from './tags.yaml.ts';
import { isKnownSql, knownValue } from './values.ts';

export interface TagsDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, 'record'>;
  readonly customers: Pick<Customers, 'find'>;
  /** The manifests of all sources, for types of attributes and for lineage. */
  readonly manifests: () => Promise<readonly SourceManifest[]>;
}

export interface Tags {
  list(query: TagQuery): Promise<{ items: TagSummary[]; nextCursor?: string }>;
  /** @throws tags.not_found */
  get(tagId: string): Promise<TagView>;
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
  /** What a definition would give on the current data. @throws tags.invalid, tags.no_data */
  preview(request: TagPreviewRequest): Promise<TagPreview>;
  /** Starts the job `tag.refresh`; answers its id. @throws tags.not_found for ids that do not exist */
  refresh(request?: TagRefreshRequest): Promise<string>;
  refreshes(query: {
    limit?: number;
    cursor?: string;
  }): Promise<{ items: TagRefreshView[]; nextCursor?: string }>;
  /** Runs after a refresh was published; a listener that fails is logged. */
  onRefreshed(listener: (refresh: { release: number; tagIds: readonly string[] }) => Promise<void>): void;
  /** The names conditions may use in a release (default: the current one). */
  catalog(release?: Release): Promise<ConditionCatalog>;
  catalogView(): Promise<CatalogView>;
  /** Instant that tags are computed for by default; `undefined` = the present. */
  asOf(): Promise<EpochMs | undefined>;
  /** @throws tags.not_found, tags.not_computed, tags.unknown_customer */
  evidence(tagId: string, customerId: string, actor: Actor): Promise<TagEvidence>;
  /**
   * Makes a table of scores the values of a tag (`kind: model`) that people can use like any other; the tag is
   * defined when there is none yet. @throws tags.exists when a tag of another kind has this id
   */
  publishScores(scores: {
    readonly tagId: string;
    readonly modelId: string;
    readonly title: string;
    readonly description: string;
    /** One row a customer at most: `cid` and a nullable number. */
    readonly placement: Placement & { readonly column: string };
    readonly note: string;
  }): Promise<Release>;
  /** Known values of a customer, by category and id. */
  profileOf(customer: CustomerRef): Promise<ProfileTag[]>;
  /** Known values of these tags for these customers, for content: by cid, then by tag id. */
  valuesOf(cids: readonly number[], tagIds: readonly string[]): Promise<Map<number, Map<string, TagValue>>>;
  readonly lineage: {
    /** Adds the part of the graph that an upper module knows; ids are `<kind>:<id>`. */
    register(contributor: LineageContributor): void;
    graph(focus?: string): Promise<LineageGraph>;
    impact(node: string): Promise<LineageImpact>;
  };
}

const RefreshPayload = Type.Object({
  refreshId: Type.String(),
  tagIds: Type.Optional(Type.Array(Type.String())),
  asOfMs: Type.Optional(Type.Integer()),
});
const Counted = Type.Object({ n: Type.Integer() });
const PairRow = Type.Object({
  cid: Type.Integer(),
  pairs: Type.Array(Type.Tuple([Type.String(), Type.String()])),
});
const ColumnRow = Type.Object({ table: Type.String(), name: Type.String() });
const CANONICAL = ['customer', 'account', 'holding', 'identity', 'transaction', 'event'] as const;

export function createTags(deps: TagsDeps): Tags {
  const { warehouse, releases, clock, log } = deps;
  const store = createTagStore(deps.relational);
  const registries = createRegistries({
    relational: deps.relational,
    warehouse,
    clock,
    declared: async () => declaredColumns(await deps.manifests()),
  });
  const computation: Computation = createComputation({ warehouse, releases });
  const contributors: LineageContributor[] = [];
  const listeners: ((refresh: { release: number; tagIds: readonly string[] }) => Promise<void>)[] = [];

  const worldFor = async (input: {
    asOf: EpochMs;
    definitions: readonly TagDefinition[];
    release?: Release;
  }): Promise<TagWorld> => {
    const release = input.release ?? (await releases.current());
    return worldOf({
      release,
      registry: await registries.of(release),
      asOf: input.asOf,
      definitions: new Map(input.definitions.map((definition) => [definition.id, definition])),
    });
  };

  const placeIn = (release: Release) => (tagId: string) => {
    const placement = release.placements.get(`tag/${tagId}`);
    return placement?.column === undefined ? undefined : { table: placement.table, column: placement.column };
  };

  const catalogOf = (world: TagWorld, isComputed: boolean): ConditionCatalog => {
    const place = placeIn(world.release);
    return conditionCatalog({
      release: world.release,
      entries: world.entries,
      definitions: [...world.definitions.values()],
      // A definition may name a tag that will only be computed together with it.
      placeOf: isComputed ? place : (tagId) => place(tagId) ?? { table: 'uncomputed', column: tagId },
    });
  };

  const defaultAsOf = async (): Promise<EpochMs> => (await store.asOf()) ?? clock.now();

  /* ── definitions ───────────────────────────────────────────────────────────────────────────────────── */

  /** Checks changed definitions among all others. @throws tags.invalid, tags.cyclic */
  const validate = async (
    all: ReadonlyMap<string, TagDefinition>,
    changed: readonly TagDefinition[],
  ): Promise<void> => {
    const ordered = orderTags(all);
    if ('cycle' in ordered) {
      throw tagsProblems.cyclic({
        detail: `Tags depend on each other: ${ordered.cycle.join(' → ')}. Take one of them out of a condition.`,
        details: { path: ordered.cycle },
      });
    }
    const world = await worldFor({ asOf: await defaultAsOf(), definitions: [...all.values()] });
    const hasData = world.release.placements.has('customer');
    const catalog = catalogOf(world, false);
    const faults: ProblemFault[] = [];
    for (const tag of changed) {
      if (tag.definition.kind === 'model')
        throw tagsProblems.of_model({
          detail: `The tag ${tag.id} is written by its model; train and score it there.`,
        });
      const at = changed.length === 1 ? '' : `/${tag.id}`;
      const own = checkValues(tag);
      for (const other of dependenciesOf(tag).tags) {
        if (!all.has(other)) own.push({ pointer: '/definition', message: `There is no tag "${other}".` });
      }
      // Without data nobody knows the events and attributes yet; the refresh checks them then.
      if (own.length === 0 && (hasData || tag.definition.kind === 'fact')) {
        own.push(...computation.faultsOf(world, tag, catalog));
        if (own.length === 0 && hasData) own.push(...(await engineFaults(world, tag)));
      }
      faults.push(...own.map((fault) => ({ ...fault, pointer: `${at}${fault.pointer}` })));
    }
    if (faults.length > 0) {
      throw tagsProblems.invalid({
        detail: faults
          .slice(0, 5)
          .map((fault) => `${fault.pointer}: ${fault.message}`)
          .join(' '),
        faults,
      });
    }
  };

  /** Lets the engine read the expression over no rows: it alone knows whether types fit. */
  const engineFaults = async (world: TagWorld, tag: TagDefinition): Promise<ProblemFault[]> => {
    const { definition } = tag;
    if (definition.kind !== 'fact' && definition.kind !== 'statistical') return [];
    if (definition.kind === 'fact' && !world.release.placements.has(definition.from)) return [];
    const plan = computation.planRows(world, tag);
    try {
      await warehouse.query(
        Counted,
        `SELECT count() AS n FROM (SELECT ${plan.value} AS v FROM (SELECT * FROM ${plan.from} WHERE cid = 0)) WHERE ${isKnownSql(tag.valueType, 'v')}`,
        plan.params,
      );
      return [];
    } catch (error) {
      return [{ pointer: '/definition', message: `The warehouse cannot compute it: ${messageOf(error)}` }];
    }
  };

  /** Values of another type than the definition now says must not be read as such. */
  const dropRetyped = async (
    before: readonly StoredTag[],
    after: readonly TagDefinition[],
  ): Promise<void> => {
    const types = new Map(before.map(({ definition }) => [definition.id, definition.valueType]));
    const retyped = after.filter(({ id, valueType }) => types.has(id) && types.get(id) !== valueType);
    const { placements } = await releases.current();
    const remove = retyped.map(({ id }) => `tag/${id}`).filter((name) => placements.has(name));
    if (remove.length > 0) await releases.publish({ set: {}, remove, note: 'tags of another type' });
  };

  const save = async (
    before: readonly StoredTag[],
    changed: readonly TagDefinition[],
    actor: Actor,
    asOf?: EpochMs,
  ): Promise<void> => {
    await dropRetyped(before, changed);
    await store.save(changed, { by: actor.id, at: clock.now(), asOf });
    for (const { id } of changed) {
      const action = before.some(({ definition }) => definition.id === id) ? 'tag.changed' : 'tag.created';
      await deps.audit.record({ actor, action, subject: id });
    }
  };

  const mustFind = (all: readonly StoredTag[], tagId: string): StoredTag => {
    const found = all.find(({ definition }) => definition.id === tagId);
    if (!found) throw tagsProblems.not_found({ detail: `There is no tag "${tagId}".` });
    return found;
  };

  const withChanges = (
    all: readonly StoredTag[],
    changed: readonly TagDefinition[],
  ): ReadonlyMap<string, TagDefinition> =>
    new Map([...all.map(({ definition }) => definition), ...changed].map((each) => [each.id, each]));

  /* ── presentation ──────────────────────────────────────────────────────────────────────────────────── */

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

  const usesOf = (graph: LineageGraph, tagId: string): TagUse[] =>
    graph.edges.flatMap(({ from, to }) => {
      if (from !== `tag:${tagId}`) return [];
      const node = graph.nodes.find(({ id }) => id === to);
      return node ? [{ kind: node.kind, id: to.slice(to.indexOf(':') + 1), title: node.title }] : [];
    });

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

  const view = async (tagId: string): Promise<TagView> => {
    const [all, figures, faults, release, graph] = await Promise.all([
      store.all(),
      store.latestFigures(),
      store.faults(),
      releases.current(),
      fullGraph(),
    ]);
    const tag = mustFind(all, tagId);
    const own = figures.get(tagId);
    const error = faults.get(tagId);
    return {
      ...tag.definition,
      kind: tag.definition.definition.kind,
      version: tag.version,
      state: stateOf(tag, own, error, release),
      ...(error === undefined ? {} : { error }),
      createdAt: toIso(tag.createdAt),
      updatedAt: toIso(tag.updatedAt),
      updatedBy: tag.updatedBy,
      ...(own ? { statistics: presentStatistics(own) } : {}),
      uses: usesOf(graph, tagId),
    };
  };

  /* ── refresh ───────────────────────────────────────────────────────────────────────────────────────── */

  /** Tags to compute: those asked for and all they read, in order. */
  const closure = (
    all: readonly StoredTag[],
    tagIds: readonly string[] | undefined,
  ): { tag: TagDefinition; level: number }[] => {
    const definitions = new Map(all.map(({ definition }) => [definition.id, definition]));
    const ordered = orderTags(definitions);
    if ('cycle' in ordered)
      throw tagsProblems.cyclic({ detail: `Tags depend on each other: ${ordered.cycle.join(' → ')}.` });
    const byRefresh = ordered.order.filter(({ tag }) => tag.definition.kind !== 'model');
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

  const figuresByTag = async (
    definitions: readonly TagDefinition[],
    places: ReadonlyMap<string, { table: string; column: string }>,
  ): Promise<Map<string, Figures>> => {
    const types = new Map(definitions.map((definition) => [definition.id, definition.valueType]));
    const tables = new Map<string, { tagId: string; column: string; type: ValueType }[]>();
    for (const [tagId, { table, column }] of places) {
      const columns = tables.get(table) ?? [];
      tables.set(table, columns);
      columns.push({ tagId, column, type: types.get(tagId) ?? 'text' });
    }
    const figures = new Map<string, Figures>();
    for (const [table, columns] of tables) {
      for (const [tagId, found] of await figuresOf(warehouse, table, columns)) figures.set(tagId, found);
    }
    return figures;
  };

  const customerCount = async (release: Release): Promise<number> => {
    const placement = release.placements.get('customer');
    if (!placement) return 0;
    const [row] = await warehouse.query(
      Counted,
      `SELECT count() AS n FROM ${warehouse.identifier(placement.table)}`,
    );
    return row?.n ?? 0;
  };

  /* ── lineage ───────────────────────────────────────────────────────────────────────────────────────── */

  const fullGraph = async (): Promise<LineageGraph> => {
    const [manifests, all, release] = await Promise.all([deps.manifests(), store.all(), releases.current()]);
    const physical = new Map<string, string>();
    for (const manifest of manifests) {
      for (const table of Object.keys(manifest.derived ?? {})) {
        const placement = release.placements.get(`src/${manifest.source}/${table}`);
        if (placement) physical.set(placement.table, `${manifest.source}/${table}`);
      }
    }
    const columns = new Map<string, string[]>();
    if (physical.size > 0) {
      const rows = await warehouse.query(
        ColumnRow,
        'SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table IN {tables:Array(String)} ORDER BY table, position',
        { tables: [...physical.keys()] },
      );
      for (const row of rows) {
        if (row.name.startsWith('_')) continue;
        const key = physical.get(row.table) ?? '';
        const names = columns.get(key);
        if (names) names.push(row.name);
        else columns.set(key, [row.name]);
      }
    }
    const own = buildLineage({
      manifests,
      derivedColumns: (source, table) => columns.get(`${source}/${table}`) ?? [],
      tags: all.map(({ definition }) => definition),
    });
    return joinGraphs([own, ...(await Promise.all(contributors.map((contributor) => contributor())))]);
  };

  /* ── values of customers ───────────────────────────────────────────────────────────────────────────── */

  /** Every known value as text, by customer; one query however many tables the tags stand in. */
  const valuesOf = async (
    cids: readonly number[],
    tagIds: readonly string[] | undefined,
    definitions: ReadonlyMap<string, TagDefinition>,
  ): Promise<Map<number, Map<string, TagValue>>> => {
    const { placements } = await releases.current();
    const tables = new Map<string, { tagId: string; column: string; type: ValueType }[]>();
    for (const [tagId, definition] of definitions) {
      if (tagIds && !tagIds.includes(tagId)) continue;
      const placement = placements.get(`tag/${tagId}`);
      if (placement?.column === undefined) continue;
      const columns = tables.get(placement.table) ?? [];
      tables.set(placement.table, columns);
      columns.push({ tagId, column: placement.column, type: definition.valueType });
    }
    const values = new Map<number, Map<string, TagValue>>();
    const safe = cids.filter((cid) => Number.isInteger(cid) && cid >= 0);
    if (tables.size === 0 || safe.length === 0) return values;
    const sql = [...tables].map(([table, columns]) => {
      const pairs = columns.map(({ tagId, column, type }) => {
        const quoted = warehouse.identifier(column);
        const text =
          type === 'list'
            ? `if(empty(${quoted}), '', toJSONString(${quoted}))`
            : `ifNull(toString(${quoted}), '')`;
        return `('${tagId}', ${text})`;
      });
      return `SELECT cid, arrayFilter(p -> p.2 != '', [${pairs.join(', ')}]) AS pairs FROM ${warehouse.identifier(table)} WHERE cid IN (${safe.join(', ')})`;
    });
    // Few rows: handing them to several threads costs more than reading them.
    const settings = safe.length <= 100 ? { settings: { max_threads: 1 } } : {};
    for (const row of await warehouse.query(PairRow, sql.join(' UNION ALL '), {}, settings)) {
      const own = values.get(row.cid) ?? new Map<string, TagValue>();
      values.set(row.cid, own);
      for (const [tagId, text] of row.pairs) {
        const value = parseText(definitions.get(tagId)?.valueType ?? 'text', text);
        if (value !== undefined) own.set(tagId, value);
      }
    }
    return values;
  };

  const definitionsById = async (): Promise<Map<string, TagDefinition>> =>
    new Map((await store.all()).map(({ definition }) => [definition.id, definition]));

  return {
    async list(query) {
      const limit = query.limit ?? 100;
      const [all, figures, faults, release, graph] = await Promise.all([
        store.all(),
        store.latestFigures(),
        store.faults(),
        releases.current(),
        fullGraph(),
      ]);
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
          (query.kind === undefined || definition.definition.kind === query.kind)
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
            version: tag.version,
            state: stateOf(tag, own, error, release),
            ...(error === undefined ? {} : { error }),
            createdAt: toIso(tag.createdAt),
            updatedAt: toIso(tag.updatedAt),
            updatedBy: tag.updatedBy,
            ...(own
              ? { coverage: share(own.known, own.customers), refreshedAt: toIso(own.refreshedAt) }
              : {}),
            usedBy: usesOf(graph, definition.id).length,
          };
        }),
        ...(found.length > limit && last
          ? { nextCursor: Buffer.from(last.definition.id).toString('base64url') }
          : {}),
      };
    },

    get: view,

    async create(definition, actor) {
      const all = await store.all();
      if (all.some((tag) => tag.definition.id === definition.id))
        throw tagsProblems.exists({
          detail: `There is a tag "${definition.id}" already; change it with PUT.`,
        });
      await validate(withChanges(all, [definition]), [definition]);
      await save(all, [definition], actor);
      return view(definition.id);
    },

    async replace(definition, actor) {
      const all = await store.all();
      mustFind(all, definition.id);
      await validate(withChanges(all, [definition]), [definition]);
      await save(all, [definition], actor);
      return view(definition.id);
    },

    async remove(tagId, actor) {
      mustFind(await store.all(), tagId);
      const uses = usesOf(await fullGraph(), tagId);
      if (uses.length > 0) {
        throw tagsProblems.in_use({
          detail: `The tag ${tagId} is used by ${uses
            .slice(0, 5)
            .map((use) => `${use.kind} ${use.title} (${use.id})`)
            .join(', ')}${uses.length > 5 ? ` and ${uses.length - 5} more` : ''}.`,
          details: { uses },
        });
      }
      const { placements } = await releases.current();
      if (placements.has(`tag/${tagId}`))
        await releases.publish({ set: {}, remove: [`tag/${tagId}`], note: `tag ${tagId} deleted` });
      await store.remove(tagId);
      await deps.audit.record({ actor, action: 'tag.deleted', subject: tagId });
    },

    async categories() {
      const counts = new Map<string, number>();
      for (const { definition } of await store.all()) {
        const parts = definition.category.split('/');
        for (let depth = 1; depth <= parts.length; depth++) {
          const path = parts.slice(0, depth).join('/');
          counts.set(path, (counts.get(path) ?? 0) + 1);
        }
      }
      return [...counts]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, tags]) => {
          const cut = path.lastIndexOf('/');
          return {
            path,
            ...(cut < 0 ? {} : { parent: path.slice(0, cut) }),
            name: path.slice(cut + 1),
            tags,
          };
        });
    },

    async importYaml(yaml, options, actor) {
      const document = parseTagsYaml(yaml);
      const all = await store.all();
      const byId = new Map(all.map(({ definition }) => [definition.id, definition]));
      const result: TagImportResult = { created: [], changed: [], unchanged: [], applied: !options.dryRun };
      const changed: TagDefinition[] = [];
      for (const definition of document.tags) {
        const before = byId.get(definition.id);
        const fields = before ? differences(before, definition) : [];
        if (!before) result.created.push(definition.id);
        else if (fields.length > 0) result.changed.push({ id: definition.id, fields });
        else result.unchanged.push(definition.id);
        if (!before || fields.length > 0) changed.push(definition);
      }
      await validate(withChanges(all, changed), changed);
      if (!options.dryRun) {
        await save(all, changed, actor, document.asOf === undefined ? undefined : Date.parse(document.asOf));
      }
      return result;
    },

    async exportYaml() {
      const [all, asOf] = await Promise.all([store.all(), store.asOf()]);
      return writeTagsYaml(
        all.map(({ definition }) => definition).filter(({ definition }) => definition.kind !== 'model'),
        asOf === undefined ? undefined : toIso(asOf),
      );
    },

    async preview(request) {
      const startedAt = performance.now();
      const all = await store.all();
      const tag: TagDefinition = {
        id: 'preview_value',
        title: { en: 'Preview' },
        category: 'preview',
        valueType: request.valueType,
        definition: request.definition,
      };
      await validate(withChanges(all, [tag]), [tag]);
      const asOf = request.asOf === undefined ? await defaultAsOf() : Date.parse(request.asOf);
      const world = await worldFor({ asOf, definitions: [...all.map(({ definition }) => definition), tag] });
      if (!world.release.placements.has('customer'))
        throw tagsProblems.no_data({ detail: 'No source has delivered customers yet; load one first.' });
      const { places, failed } = await computation.compute(world, [{ tag, level: 1 }], {
        prefix: 'tag_preview',
      });
      const place = places.get(tag.id);
      const error = failed.get(tag.id);
      if (!place) {
        throw tagsProblems.invalid({ detail: error ?? 'The definition cannot be computed.' });
      }
      try {
        const [figures, customers] = await Promise.all([
          figuresByTag([tag], places),
          customerCount(world.release),
        ]);
        const found = figures.get(tag.id);
        return {
          known: found?.known ?? 0,
          customers,
          coverage: share(found?.known ?? 0, customers),
          distinct: found?.distinct ?? 0,
          distribution: found?.distribution ?? { top: [], histogram: [] },
          asOf: toIso(asOf),
          tookMs: Math.round(performance.now() - startedAt),
        };
      } finally {
        await warehouse.drop(place.table);
      }
    },

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

    async catalog(release) {
      const definitions = (await store.all()).map(({ definition }) => definition);
      const asOf = await defaultAsOf();
      const world = await worldFor({ asOf, definitions, ...(release ? { release } : {}) });
      return catalogOf(world, true);
    },

    async catalogView() {
      const [definitions, release] = await Promise.all([definitionsById(), releases.current()]);
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

    asOf: () => store.asOf(),

    async evidence(tagId, customerId, actor) {
      const [all, figures, customer] = await Promise.all([
        store.all(),
        store.latestFigures(),
        deps.customers.find(customerId, actor),
      ]);
      if (mustFind(all, tagId).definition.definition.kind === 'model')
        throw tagsProblems.of_model({ detail: `The tag ${tagId} is a score; its model explains it.` });
      if (!customer)
        throw tagsProblems.unknown_customer({
          detail: `There is no customer ${customerId} among those you may see.`,
        });
      const own = figures.get(tagId);
      const release = await releases.current();
      const place = placeIn(release)(tagId);
      const tag = own && (await store.version(tagId, own.definitionVersion));
      if (!own || !place || !tag)
        throw tagsProblems.not_computed({ detail: `The tag ${tagId} has no values yet; refresh it first.` });
      const definitions = new Map(all.map(({ definition }) => [definition.id, definition]));
      const world = await worldFor({
        asOf: own.asOf,
        definitions: [...definitions.values()],
        release: await releaseOn(own.basis, release),
      });
      const stored = await valuesOf([customer.cid], [tagId], definitions);
      return evidenceOf(
        { warehouse, computation },
        {
          world,
          tag,
          catalog: catalogOf(world, true),
          customer,
          definitionVersion: own.definitionVersion,
          stored: stored.get(customer.cid)?.get(tagId),
          valuesOf: async (tagIds) =>
            (await valuesOf([customer.cid], tagIds, definitions)).get(customer.cid) ?? new Map(),
        },
      );
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

    valuesOf: async (cids, tagIds) => valuesOf(cids, tagIds, await definitionsById()),

    lineage: {
      register(contributor) {
        contributors.push(contributor);
      },
      async graph(focus) {
        const graph = await fullGraph();
        return focus === undefined ? graph : focusOn(graph, focus);
      },
      impact: async (node) => impactOf(await fullGraph(), node),
    },
  };

  /** The release with the canonical tables that values were computed from, as long as those still exist. */
  async function releaseOn(basis: Readonly<Record<string, string>>, release: Release): Promise<Release> {
    const rows = await warehouse.query(
      Type.Object({ name: Type.String() }),
      'SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
      { names: Object.values(basis) },
    );
    const existing = new Set(rows.map((row) => row.name));
    const placements = new Map(release.placements);
    for (const [logical, table] of Object.entries(basis))
      if (existing.has(table)) placements.set(logical, { table });
    return { number: release.number, placements };
  }
}

/** What manifests say of columns that become attributes or properties. */
export function declaredColumns(manifests: readonly SourceManifest[]): DeclaredColumn[] {
  const declared: DeclaredColumn[] = [];
  for (const manifest of manifests) {
    const types = new Map<string, ValueType>();
    for (const table of Object.values(manifest.tables)) {
      for (const [name, column] of Object.entries(table.columns)) {
        const type = valueTypeOf(typeof column === 'string' ? column : column.type);
        types.set(name, types.has(name) && types.get(name) !== type ? 'text' : type);
        if (table.role) declared.push({ role: table.role, name, type });
      }
    }
    // A derived table mostly passes columns on under their own names; of those it makes up, the data tell.
    for (const { role } of Object.values(manifest.derived ?? {})) {
      if (role) for (const [name, type] of types) declared.push({ role, name, type });
    }
  }
  return declared;
}

function valueTypeOf(type: string): ValueType {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'money':
    case 'boolean':
    case 'date':
    case 'instant':
      return type;
    default:
      return 'text';
  }
}

function parseText(type: ValueType, text: string): TagValue | undefined {
  switch (type) {
    case 'number':
    case 'money':
      return Number(text);
    case 'boolean':
      return text === 'true' || text === '1';
    case 'instant':
      return text.endsWith('Z') ? text : `${text.replace(' ', 'T')}Z`;
    case 'list':
      return knownValue(JSON.parse(text));
    default:
      return text;
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
