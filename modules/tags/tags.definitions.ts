import { type Actor, type EpochMs, type ProblemFault, toIso } from '@rapport/kernel';
import { messageOf, type TagWorld } from './compute.ts';
import type {
  TagCategory,
  TagDefinition,
  TagDiff,
  TagImportResult,
  TagPreview,
  TagPreviewRequest,
} from './contract.ts';
import { checkValues, dependenciesOf, orderTags } from './plan.ts';
import { Counted, mustFind, share, type TagContext, usesOf } from './tags.context.ts';
import type { TagGraph } from './tags.lineage.ts';
import { tagsProblems } from './tags.problems.ts';
import type { StoredTag } from './tags.store.sql.ts';
import { changesOf, differences, parseTagsYaml, writeTagsYaml, written } from './tags.yaml.ts';
import type { Taxonomy } from './taxonomy.service.ts';
import { isKnownSql } from './values.ts';
import type { TagWorkflow } from './workflow.service.ts';

/** Making, changing and dropping definitions, by hand and by file. */
export interface TagDefinitions {
  create(definition: TagDefinition, actor: Actor): Promise<void>;
  replace(definition: TagDefinition, actor: Actor): Promise<void>;
  /** As `replace`, for what has been reviewed already. */
  apply(definition: TagDefinition, actor: Actor): Promise<void>;
  remove(tagId: string, actor: Actor): Promise<void>;
  categories(): Promise<TagCategory[]>;
  importYaml(yaml: string, options: { dryRun?: boolean }, actor: Actor): Promise<TagImportResult>;
  exportYaml(): Promise<string>;
  diffYaml(yaml: string): Promise<TagDiff>;
  preview(request: TagPreviewRequest): Promise<TagPreview>;
}

export function createDefinitions(
  context: TagContext,
  graph: TagGraph,
  workflow: Pick<TagWorkflow, 'propose' | 'begin'>,
  taxonomy: Pick<Taxonomy, 'ensure' | 'tree'>,
): TagDefinitions {
  const { deps, store, computation, worldFor, catalogOf, defaultAsOf, customerCount, figuresByTag } = context;
  const { warehouse, releases, clock } = deps;

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
    if (definition.kind !== 'fact' && definition.kind !== 'statistical' && definition.kind !== 'stream')
      return [];
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
  const withChanges = (
    all: readonly StoredTag[],
    changed: readonly TagDefinition[],
  ): ReadonlyMap<string, TagDefinition> =>
    new Map([...all.map(({ definition }) => definition), ...changed].map((each) => [each.id, each]));
  return {
    async create(definition, actor) {
      const all = await store.all();
      if (all.some((tag) => tag.definition.id === definition.id))
        throw tagsProblems.exists({
          detail: `There is a tag "${definition.id}" already; change it with PUT.`,
        });
      await validate(withChanges(all, [definition]), [definition]);
      await save(all, [definition], actor);
      await workflow.begin(definition.id, actor);
    },

    async replace(definition, actor) {
      const all = await store.all();
      const before = mustFind(all, definition.id);
      await validate(withChanges(all, [definition]), [definition]);
      if (!(await workflow.propose(before, definition, actor))) await save(all, [definition], actor);
    },

    async apply(definition, actor) {
      const all = await store.all();
      await validate(withChanges(all, [definition]), [definition]);
      await save(all, [definition], actor);
    },

    async remove(tagId, actor) {
      mustFind(await store.all(), tagId);
      const uses = usesOf(await graph.full(), tagId);
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
      const byId = new Map(all.map(({ definition }) => [definition.id, written(definition)]));
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
      if (options.dryRun) return result;
      const dictionaries = document.dictionaries ?? [];
      await store.saveDictionaries(dictionaries);
      const direct: TagDefinition[] = [];
      for (const definition of changed) {
        const before = all.find((tag) => tag.definition.id === definition.id);
        if (before && (await workflow.propose(before, definition, actor)))
          result.proposed = [...(result.proposed ?? []), definition.id];
        else direct.push(definition);
      }
      await save(all, direct, actor, document.asOf === undefined ? undefined : Date.parse(document.asOf));
      await taxonomy.ensure(
        [...(document.taxonomy ?? []).map(({ path }) => path), ...direct.map(({ category }) => category)],
        new Map((document.taxonomy ?? []).map(({ path, title }) => [path, title])),
      );
      for (const id of result.created) await workflow.begin(id, actor);
      return result;
    },

    async diffYaml(yaml) {
      const document = parseTagsYaml(yaml);
      const [all, dictionaries] = await Promise.all([store.all(), store.dictionaries()]);
      const here = new Map(
        all
          .filter(({ definition }) => definition.definition.kind !== 'model')
          .map(({ definition }) => [definition.id, written(definition)]),
      );
      const inFile = new Set(document.tags.map(({ id }) => id));
      const diff: TagDiff = {
        created: [],
        changed: [],
        missing: [...here.values()]
          .filter(({ id }) => !inFile.has(id))
          .map(({ id, title }) => ({ id, title })),
        unchanged: [],
        dictionaries: (document.dictionaries ?? [])
          .filter(
            (each) =>
              differences(
                dictionaries.find(({ id }) => id === each.id),
                each,
              ).length > 0,
          )
          .map(({ id }) => id),
      };
      for (const definition of document.tags) {
        const { id, title } = definition;
        const before = here.get(id);
        if (!before) {
          diff.created.push({ id, title });
          continue;
        }
        const changes = changesOf(before, definition);
        if (changes.length === 0) diff.unchanged.push(id);
        else diff.changed.push({ id, changes });
      }
      return diff;
    },

    async exportYaml() {
      const [all, asOf, dictionaries, nodes] = await Promise.all([
        store.all(),
        store.asOf(),
        store.dictionaries(),
        taxonomy.tree(),
      ]);
      return writeTagsYaml({
        ...(asOf === undefined ? {} : { asOf: toIso(asOf) }),
        ...(nodes.length === 0 ? {} : { taxonomy: nodes.map(({ path, title }) => ({ path, title })) }),
        ...(dictionaries.length === 0 ? {} : { dictionaries }),
        tags: all
          .map(({ definition }) => written(definition))
          .filter(({ definition }) => definition.kind !== 'model'),
      });
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
  };
}
