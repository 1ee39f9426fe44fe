import {
  audiencesIn,
  type CompiledSql,
  type Condition,
  type ConditionCatalog,
  tagsIn,
} from '@rapport/conditions';
import type { Audit } from '@rapport/governance';
import { type Actor, type Clock, type Log, type ProblemFault, systemActor, toIso } from '@rapport/kernel';
import type { Relational, Warehouse } from '@rapport/stores';
import type {
  MetricCheck,
  MetricDefinition,
  MetricImportResult,
  MetricTrend,
  MetricTrendQuery,
  MetricValue,
  MetricValues,
  MetricValuesQuery,
  MetricVersions,
  MetricView,
} from './contract.ts';
import {
  type CellScope,
  customerValuesSql,
  type MetricWorld,
  type PlainMeasure,
  readCells,
  unitOf,
} from './metric-cells.ts';
import { metricsProblems } from './metrics.problems.ts';
import { createMetricStore, type StoredMetric } from './metrics.store.sql.ts';
import { parseMetricsYaml, writeMetricsYaml } from './metrics.yaml.ts';
import { byManager, type Cell, type Parts, rollUp, sumOf, type Unit } from './roll-up.ts';

export interface MetricsDeps {
  readonly relational: Pick<Relational, 'pool' | 'transaction'>;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<Audit, 'record'>;
  /**
   * The present data with the day its tag values are of; for a past day the values kept of it, `undefined` when
   * there are none.
   */
  readonly world: (day?: string) => Promise<(MetricWorld & { readonly day: string }) | undefined>;
  /** Faults of a condition against the present catalog. */
  readonly checkCondition: (condition: Condition) => Promise<readonly ProblemFault[]>;
  readonly orgUnits: (actor: Actor) => Promise<readonly Unit[]>;
  /** The actor's org units with everything below; `undefined` = the whole bank. */
  readonly scopeOf: (actor: Actor) => Promise<readonly string[] | undefined>;
  readonly findCustomer: (customerId: string, actor: Actor) => Promise<{ cid: number } | undefined>;
  /** Name of an audience; `undefined` when there is none. */
  readonly audienceName: (audienceId: string) => Promise<string | undefined>;
}

export interface Metrics {
  list(actor: Actor): Promise<MetricView[]>;
  /** @throws metrics.not_found */
  get(metricId: string, actor: Actor): Promise<MetricView>;
  /** @throws metrics.exists, metrics.invalid */
  create(definition: MetricDefinition, actor: Actor): Promise<MetricView>;
  /** @throws metrics.not_found, metrics.invalid, metrics.changed_meanwhile */
  replace(definition: MetricDefinition, expected: number | undefined, actor: Actor): Promise<MetricView>;
  /** @throws metrics.not_found, metrics.in_use */
  remove(metricId: string, actor: Actor): Promise<void>;
  /** @throws metrics.not_found */
  versions(metricId: string): Promise<MetricVersions>;
  /** Reads a `*.metrics.yaml`; metrics it does not name stay. @throws metrics.invalid_file, metrics.invalid */
  importYaml(
    yaml: string,
    options: { dryRun?: boolean | undefined },
    actor: Actor,
  ): Promise<MetricImportResult>;
  exportYaml(): Promise<string>;
  /** @throws metrics.not_found, metrics.no_data, metrics.not_kept, metrics.unknown_key */
  values(metricId: string, query: MetricValuesQuery, actor: Actor): Promise<MetricValues>;
  /** @throws metrics.not_found */
  trend(metricId: string, query: MetricTrendQuery, actor: Actor): Promise<MetricTrend>;
  /** Computes a kept day again from the tag values of that day. @throws metrics.not_found, metrics.not_kept */
  check(metricId: string, day: string): Promise<MetricCheck>;
  /** Computes and keeps all metrics of the present data; runs after every refresh of tags. */
  keep(): Promise<{ day: string; kept: readonly string[]; failed: readonly string[] } | undefined>;
  /** A query answering `cid` and `value`: the same numbers for SQL. Ratios have none. @throws metrics.not_found */
  customerValues(metricId: string, world: MetricWorld): Promise<CompiledSql | undefined>;
  /** What metrics add to the lineage graph: tags flow into metrics, metrics into ratios. */
  lineage(): Promise<{
    nodes: { id: string; kind: string; title: string }[];
    edges: { from: string; to: string }[];
  }>;
}

/** Days whose values are all kept; of earlier ones the last of each month. */
const DAILY_DAYS = 400;
const DAY_MS = 86_400_000;
const DIFFERENCES_SHOWN = 100;

/** Metrics 指標: one versioned definition, and the same number at every grain and in every place. */
export function createMetrics(deps: MetricsDeps): Metrics {
  const { warehouse, clock, log, audit } = deps;
  const store = createMetricStore(deps.relational);

  /* ── definitions ───────────────────────────────────────────────────────────────────────────────────── */

  const requireIn = (all: readonly StoredMetric[], metricId: string): StoredMetric => {
    const found = all.find(({ definition }) => definition.id === metricId);
    if (!found) throw metricsProblems.not_found({ detail: `There is no metric "${metricId}".` });
    return found;
  };
  const usedBy = (all: readonly StoredMetric[], metricId: string): string[] =>
    all.flatMap(({ definition: { id, measure } }) =>
      measure.kind === 'ratio' && (measure.numerator === metricId || measure.denominator === metricId)
        ? [id]
        : [],
    );

  /** @throws metrics.invalid */
  const validate = async (
    changed: readonly MetricDefinition[],
    all: ReadonlyMap<string, MetricDefinition>,
  ): Promise<void> => {
    const faults: ProblemFault[] = [];
    const world = await deps.world();
    for (const definition of changed) {
      const at = changed.length === 1 ? '' : `/${definition.id}`;
      for (const fault of await faultsOf(definition, all, world?.catalog))
        faults.push({ ...fault, pointer: `${at}${fault.pointer}` });
    }
    if (faults.length === 0) return;
    throw metricsProblems.invalid({
      detail: faults.map((fault) => `${fault.pointer}: ${fault.message}`).join(' '),
      faults,
    });
  };
  const faultsOf = async (
    { measure, format, unit }: MetricDefinition,
    all: ReadonlyMap<string, MetricDefinition>,
    catalog: ConditionCatalog | undefined,
  ): Promise<ProblemFault[]> => {
    const faults: ProblemFault[] = [];
    if (format === 'money' && unit === undefined)
      faults.push({ pointer: '/unit', message: 'Money needs its currency, such as CNY.' });
    if (measure.kind === 'customers') {
      for (const fault of await deps.checkCondition(measure.condition))
        faults.push({ ...fault, pointer: `/measure/condition${fault.pointer}` });
    } else if (measure.kind === 'ratio') {
      for (const part of ['numerator', 'denominator'] as const) {
        const other = all.get(measure[part]);
        if (!other)
          faults.push({ pointer: `/measure/${part}`, message: `There is no metric "${measure[part]}".` });
        else if (other.measure.kind !== 'sum' && other.measure.kind !== 'customers')
          faults.push({
            pointer: `/measure/${part}`,
            message: `"${measure[part]}" is a ${other.measure.kind}; a ratio is made of sums and numbers of customers.`,
          });
      }
    } else {
      const tag = catalog?.tag(measure.tag);
      if (catalog && !tag)
        faults.push({ pointer: '/measure/tag', message: `There is no tag "${measure.tag}" with values.` });
      else if (tag && tag.type !== 'number' && tag.type !== 'money')
        faults.push({
          pointer: '/measure/tag',
          message: `"${measure.tag}" is ${tag.type}; only numbers and money can be added up.`,
        });
      else if (tag && format === 'money' && tag.type !== 'money')
        faults.push({
          pointer: '/format',
          message: `"${measure.tag}" is a number, not money in minor units; set format: number.`,
        });
    }
    return faults;
  };

  /* ── values ────────────────────────────────────────────────────────────────────────────────────────── */

  const cellsOf = async (
    { definition }: StoredMetric,
    all: readonly StoredMetric[],
    world: MetricWorld,
    scope: CellScope,
  ): Promise<Cell[]> => {
    const { measure } = definition;
    if (measure.kind !== 'ratio') return readCells(warehouse, world, measure, scope);
    const [above, below] = await Promise.all(
      [measure.numerator, measure.denominator].map(async (id) => {
        const part = requireIn(all, id);
        return {
          unit: unitOf(part.definition, world.catalog),
          cells: await readCells(warehouse, world, plain(part.definition), scope),
        };
      }),
    );
    return above && below ? divide(above, below) : [];
  };

  const numberOf = (definition: MetricDefinition, unit: bigint, parts: Parts): number | undefined => {
    const { kind } = definition.measure;
    if (kind === 'customers') return Number(parts.total);
    if (kind === 'sum') return parts.customers === 0 ? undefined : quotient(parts.total, unit);
    return parts.base === 0n ? undefined : quotient(parts.total, parts.base * unit);
  };
  const shown = (definition: MetricDefinition, unit: bigint, parts: Parts) => {
    const value = numberOf(definition, unit, parts);
    return { ...(value === undefined ? {} : { value }), customers: parts.customers };
  };

  /** @throws metrics.no_data, metrics.not_kept */
  const requireWorld = async (day?: string): Promise<MetricWorld & { readonly day: string }> => {
    const world = await deps.world(day);
    if (world) return world;
    throw day === undefined
      ? metricsProblems.no_data({ detail: 'No source has delivered customers yet; load one first.' })
      : metricsProblems.not_kept({ detail: `No tag values of ${day} are kept.` });
  };

  const present = async (
    stored: StoredMetric,
    all: readonly StoredMetric[],
    actor: Actor,
  ): Promise<MetricView> => {
    const { definition } = stored;
    const [scope, world] = await Promise.all([deps.scopeOf(actor), deps.world()]);
    const days = groupByDay(await store.cells(definition.id, { orgUnits: scope }));
    const last = days.at(-1);
    const unit = world ? unitOf(definition, world.catalog) : 1n;
    const before = last && days.findLast(({ day }) => Date.parse(day) <= Date.parse(last.day) - 28 * DAY_MS);
    const earlier = before && numberOf(definition, unit, sumOf(before.cells));
    return {
      definition,
      version: stored.version,
      createdAt: toIso(stored.createdAt.getTime()),
      updatedAt: toIso(stored.updatedAt.getTime()),
      updatedBy: stored.updatedBy,
      usedBy: usedBy(all, definition.id),
      ...(last
        ? {
            latest: {
              day: last.day,
              ...shown(definition, unit, sumOf(last.cells)),
              ...(earlier === undefined ? {} : { before: earlier }),
            },
          }
        : {}),
    };
  };

  /** Present or kept cells inside the actor's scope, for the grains that are sums of cells. */
  const scopedCells = async (
    stored: StoredMetric,
    all: readonly StoredMetric[],
    day: string | undefined,
    orgUnits: readonly string[] | undefined,
  ): Promise<{ cells: readonly Cell[]; day: string; version: number; release?: number }> => {
    if (day === undefined) {
      const world = await requireWorld();
      return {
        cells: await cellsOf(stored, all, world, { orgUnits }),
        day: world.day,
        version: stored.version,
        release: world.release.number,
      };
    }
    const everything = await store.cells(stored.definition.id, { day });
    const [first] = everything;
    if (!first) throw metricsProblems.not_kept({ detail: `No values of ${day} are kept.` });
    return {
      cells: everything.filter((cell) => !orgUnits || orgUnits.includes(cell.orgUnit)),
      day,
      version: first.version,
    };
  };

  const values: Metrics['values'] = async (metricId, query, actor) => {
    const all = await store.all();
    const stored = requireIn(all, metricId);
    const { definition } = stored;
    const grain = query.grain ?? 'bank';
    const [scope, units, world] = await Promise.all([
      deps.scopeOf(actor),
      deps.orgUnits(actor),
      deps.world(),
    ]);
    const unit = world ? unitOf(definition, world.catalog) : 1n;
    const isSum = definition.measure.kind === 'sum' || definition.measure.kind === 'customers';
    const answer = (
      found: { day: string; version: number; release?: number },
      total: Parts,
      items: MetricValue[],
      isAdditive: boolean,
    ): MetricValues => {
      const value = numberOf(definition, unit, total);
      return {
        metricId,
        version: found.version,
        grain,
        day: found.day,
        ...(found.release === undefined ? {} : { release: found.release }),
        isAdditive,
        ...(value === undefined ? {} : { total: value }),
        items,
      };
    };

    if (grain === 'audience' || grain === 'customer') {
      const now = await requireWorld();
      const { key } = query;
      if (key === undefined || query.day !== undefined)
        throw metricsProblems.unknown_key({
          detail: `Grain ${grain} needs the key of one ${grain} and tells the present only.`,
        });
      const place = await placeOf(grain, key, now, actor);
      const parts = sumOf(await cellsOf(stored, all, now, { orgUnits: scope, ...place.scope }));
      return answer(
        { day: now.day, version: stored.version, release: now.release.number },
        parts,
        [{ key, title: place.title, ...shown(definition, unit, parts) }],
        false,
      );
    }

    const below = query.within === undefined ? undefined : unitsBelow(units, query.within);
    const orgUnits = below ? below.filter((code) => !scope || scope.includes(code)) : scope;
    const found = await scopedCells(stored, all, query.day, orgUnits);
    const total = sumOf(found.cells);
    if (grain === 'bank')
      return answer(found, total, [{ key: '', title: '', ...shown(definition, unit, total) }], isSum);
    if (grain === 'rm') {
      const items = byManager(found.cells)
        .filter(({ rm }) => query.key === undefined || rm === query.key)
        .map(({ rm, sum }) => ({ key: rm, title: rm, ...shown(definition, unit, sum) }));
      return answer(found, total, items, isSum);
    }
    const items = rollUp(found.cells, units)
      .filter(({ code }) => query.key === undefined || code === query.key)
      .map((node): MetricValue => {
        const own = numberOf(definition, unit, node.own);
        return {
          key: node.code,
          title: node.name,
          ...(node.parent === undefined ? {} : { parent: node.parent }),
          depth: node.depth,
          ...shown(definition, unit, node.sum),
          ...(own === undefined ? {} : { own }),
        };
      });
    return answer(found, total, items, isSum);
  };

  /** @throws metrics.unknown_key */
  const placeOf = async (
    grain: 'audience' | 'customer',
    key: string,
    world: MetricWorld,
    actor: Actor,
  ): Promise<{ title: string; scope: CellScope }> => {
    if (grain === 'customer') {
      const customer = await deps.findCustomer(key, actor);
      if (!customer)
        throw metricsProblems.unknown_key({ detail: `There is no customer ${key} among those you may see.` });
      return { title: key, scope: { cid: customer.cid } };
    }
    const title = await deps.audienceName(key);
    if (title === undefined) throw metricsProblems.unknown_key({ detail: `There is no audience ${key}.` });
    return { title, scope: { audience: await world.conditionSql({ audience: key }) } };
  };

  return {
    async list(actor) {
      const all = await store.all();
      return Promise.all(all.map((stored) => present(stored, all, actor)));
    },
    async get(metricId, actor) {
      const all = await store.all();
      return present(requireIn(all, metricId), all, actor);
    },
    async create(definition, actor) {
      const all = await store.all();
      if (all.some((stored) => stored.definition.id === definition.id))
        throw metricsProblems.exists({ detail: `There is a metric "${definition.id}" already.` });
      await validate([definition], byId(all, [definition]));
      await store.save([{ definition }], actor.id, new Date(clock.now()));
      await audit.record({
        actor,
        action: 'metric.created',
        subject: definition.id,
        details: { definition },
      });
      const after = await store.all();
      return present(requireIn(after, definition.id), after, actor);
    },
    async replace(definition, expected, actor) {
      const all = await store.all();
      const before = requireIn(all, definition.id);
      await validate([definition], byId(all, [definition]));
      if (!(await store.save([{ definition, expected }], actor.id, new Date(clock.now()))))
        throw metricsProblems.changed_meanwhile({
          detail: `The metric "${definition.id}" is at version ${before.version}, this change was made from version ${expected}; read it again.`,
        });
      await audit.record({
        actor,
        action: 'metric.changed',
        subject: definition.id,
        details: { before: before.definition, after: definition },
      });
      const after = await store.all();
      return present(requireIn(after, definition.id), after, actor);
    },
    async remove(metricId, actor) {
      const all = await store.all();
      requireIn(all, metricId);
      const users = usedBy(all, metricId);
      if (users.length > 0)
        throw metricsProblems.in_use({
          detail: `"${metricId}" is part of ${users.join(', ')}; change those first.`,
          details: { usedBy: users },
        });
      await store.remove(metricId);
      await audit.record({ actor, action: 'metric.deleted', subject: metricId });
    },
    async versions(metricId) {
      const found = await store.versions(metricId);
      if (found.length === 0)
        throw metricsProblems.not_found({ detail: `There is no metric "${metricId}".` });
      return { items: found.map(({ at, ...version }) => ({ ...version, at: toIso(at.getTime()) })) };
    },
    async importYaml(yaml, options, actor) {
      const definitions = parseMetricsYaml(yaml);
      const all = await store.all();
      const before = new Map(all.map(({ definition }) => [definition.id, definition]));
      const result: MetricImportResult = {
        created: [],
        changed: [],
        unchanged: [],
        applied: options.dryRun !== true,
      };
      for (const definition of definitions) {
        const known = before.get(definition.id);
        const list = !known ? result.created : isEqual(known, definition) ? result.unchanged : result.changed;
        list.push(definition.id);
      }
      const changes = definitions.filter(({ id }) => !result.unchanged.includes(id));
      await validate(changes, byId(all, definitions));
      if (options.dryRun === true || changes.length === 0) return result;
      await store.save(
        changes.map((definition) => ({ definition })),
        actor.id,
        new Date(clock.now()),
      );
      await audit.record({
        actor,
        action: 'metrics.imported',
        subject: 'metrics',
        details: { created: result.created, changed: result.changed },
      });
      return result;
    },
    exportYaml: async () => writeMetricsYaml((await store.all()).map(({ definition }) => definition)),

    values,
    async trend(metricId, query, actor) {
      const all = await store.all();
      const { definition } = requireIn(all, metricId);
      const [scope, units, world] = await Promise.all([
        deps.scopeOf(actor),
        deps.orgUnits(actor),
        deps.world(),
      ]);
      const unit = world ? unitOf(definition, world.catalog) : 1n;
      const below =
        query.grain === 'org_unit' && query.key !== undefined ? unitsBelow(units, query.key) : undefined;
      const cells = await store.cells(metricId, {
        orgUnits: below ? below.filter((code) => !scope || scope.includes(code)) : scope,
        rm: query.grain === 'rm' ? query.key : undefined,
      });
      return {
        items: groupByDay(cells).map(({ day, version, cells: ofDay }) => ({
          day,
          version,
          ...shown(definition, unit, sumOf(ofDay)),
        })),
      };
    },
    async check(metricId, day) {
      const all = await store.all();
      const now = requireIn(all, metricId);
      const kept = await store.cells(metricId, { day });
      const version = kept[0]?.version;
      if (version === undefined) throw metricsProblems.not_kept({ detail: `No values of ${day} are kept.` });
      const definition = (await store.versions(metricId)).find(
        (each) => each.version === version,
      )?.definition;
      const world = await requireWorld(day);
      const again = await cellsOf({ ...now, definition: definition ?? now.definition }, all, world, {});
      const unit = unitOf(now.definition, world.catalog);
      const differing = differencesOf(kept, again);
      const [stored, recomputed] = [kept, again].map((cells) => numberOf(now.definition, unit, sumOf(cells)));
      return {
        day,
        ...(stored === undefined ? {} : { stored }),
        ...(recomputed === undefined ? {} : { recomputed }),
        cells: new Set([...kept, ...again].map(placeKey)).size,
        differing: differing.slice(0, DIFFERENCES_SHOWN),
        agrees: differing.length === 0,
      };
    },
    async keep() {
      const [all, world] = await Promise.all([store.all(), deps.world()]);
      if (!world || all.length === 0) return undefined;
      const kept: string[] = [];
      const failed: string[] = [];
      for (const stored of all) {
        const { id } = stored.definition;
        try {
          await store.keep(id, stored.version, world.day, await cellsOf(stored, all, world, {}));
          kept.push(id);
        } catch (error) {
          failed.push(id);
          log.warn({ err: error, metricId: id }, 'a metric could not be computed');
        }
      }
      await store.thin(new Date(Date.parse(world.day) - DAILY_DAYS * DAY_MS).toISOString().slice(0, 10));
      await audit.record({
        actor: systemActor,
        action: 'metrics.kept',
        subject: world.day,
        details: { release: world.release.number, metrics: kept.length, failed },
      });
      return { day: world.day, kept, failed };
    },
    async customerValues(metricId, world) {
      const { definition } = requireIn(await store.all(), metricId);
      return definition.measure.kind === 'ratio'
        ? undefined
        : customerValuesSql(warehouse, world, definition.measure);
    },
    async lineage() {
      const all = await store.all();
      return {
        nodes: all.map(({ definition: { id, title } }) => ({
          id: `metric:${id}`,
          kind: 'metric',
          title: title.en,
        })),
        edges: all.flatMap(({ definition: { id, measure } }) => {
          const to = `metric:${id}`;
          switch (measure.kind) {
            case 'ratio':
              return [measure.numerator, measure.denominator].map((part) => ({ from: `metric:${part}`, to }));
            case 'customers':
              return [
                ...tagsIn(measure.condition).map((tag) => ({ from: `tag:${tag}`, to })),
                ...audiencesIn(measure.condition).map((audience) => ({
                  from: `audience:${audience.id}`,
                  to,
                })),
              ];
            default:
              return [{ from: `tag:${measure.tag}`, to }];
          }
        }),
      };
    },
  };
}

/* ── small things ────────────────────────────────────────────────────────────────────────────────────── */

const byId = (
  all: readonly StoredMetric[],
  changed: readonly MetricDefinition[],
): ReadonlyMap<string, MetricDefinition> =>
  new Map([...all.map(({ definition }) => definition), ...changed].map((each) => [each.id, each]));

function plain({ id, measure }: MetricDefinition): PlainMeasure {
  if (measure.kind === 'ratio')
    throw metricsProblems.invalid({ detail: `"${id}" is a ratio and cannot be part of another.` });
  return measure;
}

const placeKey = (cell: Cell): string => `${cell.orgUnit}\n${cell.rm}`;

interface Part {
  readonly unit: bigint;
  readonly cells: readonly Cell[];
}

/** Cells of a ratio: above the line in the unit of the part below and the other way round, so that units cancel. */
function divide(above: Part, below: Part): Cell[] {
  const parts = new Map<string, Cell>();
  for (const cell of below.cells)
    parts.set(placeKey(cell), { ...cell, total: 0n, base: cell.total * above.unit });
  for (const cell of above.cells) {
    const found = parts.get(placeKey(cell)) ?? { ...cell, base: 0n, customers: 0 };
    parts.set(placeKey(cell), { ...found, total: cell.total * below.unit });
  }
  return [...parts.values()];
}

/** A quotient of integers that may be larger than a double is exact for. */
function quotient(total: bigint, divisor: bigint): number {
  return Number(total / divisor) + Number(total % divisor) / Number(divisor);
}

function groupByDay<Row extends { readonly day: string; readonly version: number }>(
  rows: readonly Row[],
): { day: string; version: number; cells: Row[] }[] {
  const days: { day: string; version: number; cells: Row[] }[] = [];
  for (const row of rows) {
    const last = days.at(-1);
    if (last?.day === row.day) last.cells.push(row);
    else days.push({ day: row.day, version: row.version, cells: [row] });
  }
  return days;
}

/** @throws metrics.unknown_key */
function unitsBelow(units: readonly Unit[], code: string): string[] {
  if (!units.some((unit) => unit.code === code))
    throw metricsProblems.unknown_key({ detail: `There is no org unit ${code} among those you may see.` });
  const found = new Set([code]);
  // A set is walked in the order of insertion, what is added on the way included.
  for (const above of found) for (const unit of units) if (unit.parent === above) found.add(unit.code);
  return [...found];
}

function differencesOf(kept: readonly Cell[], again: readonly Cell[]): MetricCheck['differing'] {
  const now = new Map(again.map((cell) => [placeKey(cell), cell]));
  const before = new Map(kept.map((cell) => [placeKey(cell), cell]));
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
    const [one, other] = [before.get(key), now.get(key)];
    if (one && other && one.total === other.total && one.base === other.base) return [];
    const cell = one ?? other;
    return cell
      ? [
          {
            orgUnit: cell.orgUnit,
            rm: cell.rm,
            stored: (one?.total ?? 0n).toString(),
            recomputed: (other?.total ?? 0n).toString(),
          },
        ]
      : [];
  });
}

/** Documents come back from the database with their members in another order. */
function isEqual(one: unknown, other: unknown): boolean {
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, member]) => [key, sorted(member)]),
          )
        : value;
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}
