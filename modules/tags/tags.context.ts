import type { ConditionCatalog, ValueType } from '@rapport/conditions';
import type { Customers } from '@rapport/customers';
import type { Approvals, Audit } from '@rapport/governance';
import type { Clock, EpochMs, LocalizedText, Log } from '@rapport/kernel';
import type { SourceManifest } from '@rapport/sources/contract';
import type { Jobs, Relational, Release, Releases, Stream, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { conditionCatalog } from './catalog.ts';
import {
  type Computation,
  createComputation,
  type Place,
  placeOfTag,
  type TagWorld,
  worldOf,
} from './compute.ts';
import type { LineageGraph, TagDefinition, TagUse } from './contract.ts';
import { type Figures, figuresOf } from './distribution.ts';
import { createRegistries, type DeclaredColumn, type Registries } from './registry.ts';
import { tagsProblems } from './tags.problems.ts';
import { createTagStore, type StoredTag, type TagStore } from './tags.store.sql.ts';

export interface TagsDeps {
  readonly relational: Relational;
  readonly warehouse: Warehouse;
  readonly releases: Releases;
  readonly jobs: Jobs;
  /** What stream tags hear of events by; without it refreshes alone keep them. */
  readonly stream?: Stream;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, 'record'>;
  /** Who reviews tags and grants their use; without it neither can be asked for. */
  readonly approvals?: Pick<Approvals, 'request' | 'withdraw'>;
  readonly customers: Pick<Customers, 'find' | 'cidsOf' | 'visible' | 'scopeOf'>;
  /** The manifests of all sources, for types of attributes and for lineage. */
  readonly manifests: () => Promise<readonly SourceManifest[]>;
  /** Where people are told of monitored tags that are off. */
  readonly alerts?: TagAlerts;
  /** Tables and columns whose data must not be used now; tags over them keep their values. */
  readonly blocked?: () => Promise<readonly BlockedData[]>;
  /** Days that past values are kept, for evaluations as of a past day. @default 31 */
  readonly historyDays?: number;
}

/** Where somebody is told of tags that are off; an alert raised again while it is open is the same one. */
export interface TagAlerts {
  raise(alert: {
    readonly kind: string;
    readonly severity: 'warn' | 'critical';
    readonly subject: string;
    readonly cause: string;
    readonly message: LocalizedText;
    readonly details?: Readonly<Record<string, unknown>>;
  }): Promise<unknown>;
  resolve(kind: string, subject: string, cause?: string): Promise<void>;
}

/** A canonical table, or one column of it (absent = all of them), that failed a rule or has not arrived. */
export interface BlockedData {
  readonly table: string;
  readonly column: string | undefined;
  readonly message: string;
}

/** What every part of the tag service stands on. */
export interface TagContext {
  readonly deps: TagsDeps;
  readonly store: TagStore;
  readonly registries: Registries;
  readonly computation: Computation;
  /** The data of one release that definitions are computed from. */
  worldFor(input: {
    asOf: EpochMs;
    definitions: readonly TagDefinition[];
    release?: Release;
  }): Promise<TagWorld>;
  /** Where a tag's values are in a release; `undefined` when it has none. */
  placeIn(release: Release): (tagId: string) => Place | undefined;
  /** The names conditions may use; `isComputed: false` lets them name tags that are yet to be computed. */
  catalogOf(world: TagWorld, isComputed: boolean): ConditionCatalog;
  /** Instant that tags are computed for by default. */
  defaultAsOf(): Promise<EpochMs>;
  definitionsById(): Promise<Map<string, TagDefinition>>;
  customerCount(release: Release): Promise<number>;
  figuresByTag(
    definitions: readonly TagDefinition[],
    places: ReadonlyMap<string, { table: string; column: string }>,
  ): Promise<Map<string, Figures>>;
}

export const Counted = Type.Object({ n: Type.Integer() });

export function createTagContext(deps: TagsDeps): TagContext {
  const { warehouse, releases, clock } = deps;
  const store = createTagStore(deps.relational);
  const registries = createRegistries({
    relational: deps.relational,
    warehouse,
    clock,
    declared: async () => declaredColumns(await deps.manifests()),
  });
  const computation: Computation = createComputation({ warehouse, releases });

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

  const placeIn = (release: Release) => (tagId: string) => placeOfTag(release, tagId);

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

  const definitionsById = async (): Promise<Map<string, TagDefinition>> =>
    new Map((await store.all()).map(({ definition }) => [definition.id, definition]));

  return {
    deps,
    store,
    registries,
    computation,
    worldFor,
    placeIn,
    catalogOf,
    defaultAsOf,
    definitionsById,
    customerCount,
    figuresByTag,
  };
}

/** @throws tags.not_found */
export function mustFind(all: readonly StoredTag[], tagId: string): StoredTag {
  const found = all.find(({ definition }) => definition.id === tagId);
  if (!found) throw tagsProblems.not_found({ detail: `There is no tag "${tagId}".` });
  return found;
}

/** What a tag's node of the lineage leads to. */
export const usesOf = (graph: LineageGraph, tagId: string): TagUse[] =>
  graph.edges.flatMap(({ from, to }) => {
    if (from !== `tag:${tagId}`) return [];
    const node = graph.nodes.find(({ id }) => id === to);
    return node ? [{ kind: node.kind, id: to.slice(to.indexOf(':') + 1), title: node.title }] : [];
  });

export const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

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
