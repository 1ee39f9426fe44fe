import { type ConditionCatalog, checkCondition, compileCids, type SqlValue } from '@rapport/conditions';
import { type EpochMs, Problem, type ProblemFault } from '@rapport/kernel';
import type { Release, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import { conditionCatalog, type StatisticEntries, statisticEntries } from './catalog.ts';
import type { DerivedDefinition, RuleDefinition, TagDefinition } from './contract.ts';
import { compileExpression } from './expression.ts';
import { fusePlans, TOO_MANY_ROWS } from './fuse.ts';
import { inputsOfRows, inputsOfStatement, type TagInputs } from './inputs.ts';
import { type MergeGroup, mergeGroups, mergeStatements } from './merges.ts';
import { MOST, type PatchGroup, patchedSelect, patchGroups, SEGMENTS, type Standing } from './patches.ts';
import {
  bindAsOf,
  planFact,
  planStatistic,
  type RowPlan,
  streamStatistic,
  tagScope,
  withPrefix,
} from './plan.ts';
import type { RefreshStep } from './refresh.store.sql.ts';
import type { Registry } from './registry.ts';
import type { StateColumn } from './states.ts';
import { COLUMN_TYPE, castSql, unknownLiteral, valueLiteral } from './values.ts';

const MaxRow = Type.Object({ n: Type.Integer() });
const ReadRow = Type.Object({ rows: Type.Number(), bytes: Type.Number() });

export interface Place {
  readonly table: string;
  readonly column: string;
  /** Base and patches, oldest first; absent when the table stands alone. */
  readonly segments?: readonly string[];
}

/** The data that tags are computed from, all of one release. */
export interface TagWorld {
  readonly release: Release;
  readonly registry: Registry;
  readonly entries: StatisticEntries;
  readonly asOf: EpochMs;
  /** All definitions, for titles and types of the tags that rules name. */
  readonly definitions: ReadonlyMap<string, TagDefinition>;
}

/** Where new values of a tag stand, and how they came to be. */
export interface Placed extends Place {
  readonly tookMs: number;
  /** Customers whose values were computed again; absent = all. */
  readonly patched?: number;
}

export interface Computed {
  /** New values; nothing is visible before these are published. */
  readonly places: ReadonlyMap<string, Placed>;
  /** Tags whose values stand as they are, as nothing that they were made from has changed them. */
  readonly kept: ReadonlySet<string>;
  /** What the values of each tag were made from, kept ones included. */
  readonly inputs: ReadonlyMap<string, TagInputs>;
  /** Why a tag could not be computed. */
  readonly failed: ReadonlyMap<string, string>;
  /** The statements that were run, with what they read. */
  readonly steps: readonly RefreshStep[];
}

export interface Computation {
  /**
   * Computes tags into new wide tables: one scan for all tags of a table, then rules and derived tags level by
   * level. A tag that cannot be computed does not keep the others from it. Nothing becomes visible.
   * @param ordered  tags with those they read before them
   */
  compute(
    world: TagWorld,
    ordered: readonly { tag: TagDefinition; level: number }[],
    options?: {
      signal?: AbortSignal;
      onProgress?: (done: number, message: string) => Promise<void>;
      prefix?: string;
      /** What standing values were made from; tags that have none here are computed in full. */
      standing?: ReadonlyMap<string, TagInputs>;
      /** Does not change with time or data: names this run in inputs that never stand still. */
      nonce?: string;
    },
  ): Promise<Computed>;
  /** The plan of a tag over rows. @throws tags.invalid-like faults as an error with every message */
  planRows(world: TagWorld, tag: TagDefinition): RowPlan;
  faultsOf(world: TagWorld, tag: TagDefinition, catalog: ConditionCatalog): ProblemFault[];
  /** SQL of derived tags, by customer: `cid`, then `t0`, `t1`, …. */
  derivedSql(world: TagWorld, tag: TagDefinition, definition: DerivedDefinition): string;
  /** SQL of the index of the first case that holds for each customer (column `found`), −1 for none. */
  caseSql(
    world: TagWorld,
    definition: RuleDefinition,
    catalog: ConditionCatalog,
    prefix: string,
  ): { sql: string; params: Record<string, SqlValue> };
}

/** One `INSERT … SELECT` into a new wide table. */
interface Insert {
  readonly columns: readonly string[];
  readonly select: string;
  readonly params: Record<string, SqlValue>;
  readonly settings?: Readonly<Record<string, string | number>>;
}

interface Statement {
  readonly inserts: readonly Insert[];
  /** Columns beside the values, and where the states of each tag stand: both in the order of the tags. */
  readonly hidden?: readonly { readonly name: string; readonly type: string }[];
  readonly states?: readonly (readonly StateColumn[] | undefined)[];
  /** Fills in the customers that the inserts left out. */
  readonly rest?: (table: string) => Insert;
}

/** Tags of one table that are computed in one statement at most. */
const FUSED = 250;
const RULES_FUSED = 16;
const SETTINGS = { join_use_nulls: 1, optimize_aggregation_in_order: 1 } as const;
const MAX_SECONDS = 3_600;
/** Wide tables are written once, in the order of customers: merging their parts would only write them again. */
const TABLE_SETTINGS = 'index_granularity = 1024, max_bytes_to_merge_at_max_space_in_pool = 1';
/** Blocks of many columns are kept small enough for the processor's cache. */
const WIDE = 16;
const WIDE_BLOCK = 8_192;
/** What the states of all customers of one statement may take, in bytes, and what one state takes. */
const STATES_BYTES = 1_500_000_000;
const STATE_BYTES = 32;
const LEAST_RANGE = 100_000;

/** Ranges of customers that are computed one after another; one open range when all fit. */
function rangesOf(maxCid: number, aggregates: number): ({ from: number; to: number } | undefined)[] {
  const size = Math.max(LEAST_RANGE, Math.floor(STATES_BYTES / (STATE_BYTES * (aggregates + 4))));
  if (maxCid <= size) return [undefined];
  const count = Math.ceil((maxCid + 1) / size);
  const step = Math.ceil((maxCid + 1) / count);
  return Array.from({ length: count }, (_, at) => ({ from: at * step, to: (at + 1) * step }));
}

export function worldOf(
  input: Omit<TagWorld, 'entries'> & { readonly entries?: StatisticEntries },
): TagWorld {
  return { ...input, entries: input.entries ?? statisticEntries(input.release, input.registry) };
}

export function createComputation(deps: { warehouse: Warehouse; releases: Releases }): Computation {
  const { warehouse, releases } = deps;

  const check = (
    world: TagWorld,
    tag: TagDefinition,
    catalog: ConditionCatalog,
  ): { plan?: RowPlan; faults: readonly ProblemFault[] } => {
    const { definition } = tag;
    switch (definition.kind) {
      case 'fact': {
        const tableOf = (logical: string): string | undefined => world.release.placements.get(logical)?.table;
        const { plan, faults } = planFact(tag, definition, { tableOf, asOf: world.asOf });
        return { ...(plan ? { plan } : {}), faults };
      }
      case 'stream':
      case 'statistical': {
        const statistic = definition.kind === 'stream' ? streamStatistic(definition) : definition;
        const { plan, faults } = planStatistic(tag, statistic, {
          entries: world.entries,
          catalog,
          asOf: world.asOf,
        });
        return { ...(plan ? { plan } : {}), faults };
      }
      case 'rule':
        return {
          faults: definition.cases.flatMap(
            ({ when }, index) =>
              checkCondition(when, catalog, { at: `/definition/cases/${index}/when` }).faults,
          ),
        };
      case 'derived': {
        const scope = tagScope((id) => (catalog.tag(id) ? id : undefined), catalog.tagIds());
        const compiled = compileExpression(definition.expression, scope, '/definition/expression');
        return { faults: 'faults' in compiled ? compiled.faults : [] };
      }
      case 'manual':
      case 'model':
        return { faults: [] };
    }
  };

  const mustPlan = (world: TagWorld, tag: TagDefinition, catalog: ConditionCatalog): RowPlan => {
    const { plan, faults } = check(world, tag, catalog);
    if (!plan) throw new Error(faults.map((fault) => `${fault.pointer}: ${fault.message}`).join(' '));
    return plan;
  };

  const emptyCatalog = (world: TagWorld): ConditionCatalog =>
    conditionCatalog({
      release: world.release,
      entries: world.entries,
      definitions: [],
      placeOf: () => undefined,
    });

  const customersOf = (world: TagWorld): string =>
    warehouse.identifier(world.release.placements.get('customer')?.table ?? 'customer');

  /** Values of many tags over the rows of one table, in as few statements as the memory of the engine allows. */
  const rowStatement = (
    world: TagWorld,
    plans: readonly RowPlan[],
    options: {
      readonly canPack: boolean;
      readonly maxCid: number;
      readonly only: string | undefined;
      /** Whether states are kept beside the values. */
      readonly keeps: boolean;
    },
  ): Statement => {
    const [first] = plans;
    if (!first) return { inserts: [] };
    const columns = ['cid', ...plans.map((plan) => plan.tag.id)];
    const own = options.only === undefined ? '' : `cid IN (SELECT cid FROM ${options.only})`;
    if (!first.isAggregate) {
      const params: Record<string, SqlValue> = {};
      const values = plans.map((plan, index) => {
        const part = withPrefix(plan.value, plan.params, `w${index}_`);
        Object.assign(params, part.params);
        return part.sql;
      });
      const select = `SELECT cid, ${values.join(', ')} FROM ${first.from}${own === '' ? '' : ` WHERE ${own}`}`;
      return { inserts: [{ columns, select, params }] };
    }
    const fused = fusePlans(plans, options.canPack);
    const hidden = options.keeps ? fused.states.hidden : [];
    const kept = { hidden, ...(options.keeps ? { states: fused.states.of } : {}) };
    const events = plans.map((plan) => plan.event);
    const named = events.filter((event) => event !== undefined);
    const from =
      first.base === 'statistical_event'
        ? world.entries.eventRows(named.length < events.length ? undefined : [...new Set(named)])
        : first.from;
    const isFilled = plans.some((plan) => plan.isZeroWithoutRows);
    const having = [
      ...(fused.guard === undefined ? [] : [fused.guard]),
      // Rows of somebody who is no customer any more count for nobody.
      ...(isFilled ? [`cid IN (SELECT cid FROM ${customersOf(world)})`] : []),
    ];
    const inserts = rangesOf(options.maxCid, fused.aggregates).map((range) => {
      const tests = [
        ...(range === undefined ? [] : [`cid >= ${range.from} AND cid < ${range.to}`]),
        ...(own === '' ? [] : [own]),
        ...(fused.where === undefined ? [] : [fused.where]),
      ];
      const rows = `SELECT *${fused.columns.map((column) => `, ${column}`).join('')} FROM ${from}${tests.length > 0 ? ` WHERE ${tests.join(' AND ')}` : ''}`;
      return {
        columns: [...columns, ...hidden.map(({ name }) => name)],
        select: `SELECT cid, ${[...fused.values, ...hidden.map(({ sql }) => sql)].map((value, index) => `${value} AS t${index}`).join(', ')} FROM (${rows}) GROUP BY cid${having.length > 0 ? ` HAVING ${having.join(' AND ')}` : ''}`,
        params: { ...fused.params },
      };
    });
    if (!isFilled && options.only === undefined) return { ...kept, inserts };
    const zeros = plans.filter((plan) => plan.isZeroWithoutRows);
    return {
      ...kept,
      inserts,
      // Joining the customers would carry every column through a hash table; those without rows need a few zeros only.
      rest: (table) => ({
        columns: ['cid', ...zeros.map((plan) => plan.tag.id)],
        select: `SELECT cid${', 0'.repeat(zeros.length)} FROM ${isFilled ? customersOf(world) : options.only} WHERE cid NOT IN (SELECT cid FROM ${table})${own === '' ? '' : ` AND ${own}`}`,
        params: {},
      }),
    };
  };

  /** What the engine has read up to now: the embedded one does not say it of an insert by itself. */
  const readSoFar = async (): Promise<{ rows: number; bytes: number }> => {
    const [row] = await warehouse.query(
      ReadRow,
      "SELECT sumIf(value, event = 'SelectedRows') AS rows, sumIf(value, event = 'SelectedBytes') AS bytes FROM system.events",
    );
    return row ?? { rows: 0, bytes: 0 };
  };

  const rowsOf = async (table: string): Promise<number> => {
    const [row] = await warehouse.query(MaxRow, `SELECT count() AS n FROM ${warehouse.identifier(table)}`);
    return row?.n ?? 0;
  };

  const greatestCid = async (world: TagWorld): Promise<number> => {
    const [row] = await warehouse.query(MaxRow, `SELECT max(cid) AS n FROM ${customersOf(world)}`);
    return row?.n ?? 0;
  };

  const caseSql: Computation['caseSql'] = (world, definition, catalog, prefix) => {
    const params: Record<string, SqlValue> = {};
    const branches = definition.cases.map(({ when }, index) => {
      const compiled = compileCids(when, catalog, { now: world.asOf });
      const part = withPrefix(compiled.sql, compiled.params, `${prefix}${index}_`);
      Object.assign(params, part.params);
      return `bitmapContains((SELECT cids FROM (${part.sql})), cid), ${index}`;
    });
    return { sql: `multiIf(${branches.join(', ')}, -1)`, params };
  };

  const ruleStatement = (
    world: TagWorld,
    tags: readonly { tag: TagDefinition; definition: RuleDefinition }[],
    catalog: ConditionCatalog,
  ): Insert => {
    const params: Record<string, SqlValue> = {};
    const values = tags.map(({ tag, definition }, at) => {
      const found = caseSql(world, definition, catalog, `r${at}_`);
      Object.assign(params, found.params);
      const type = tag.valueType;
      const otherwise =
        definition.otherwise === undefined ? unknownLiteral(type) : valueLiteral(type, definition.otherwise);
      const branches = definition.cases.map(
        ({ value }, index) => `f${at} = ${index}, ${valueLiteral(type, value)}`,
      );
      return { found: `${found.sql} AS f${at}`, value: `multiIf(${branches.join(', ')}, ${otherwise})` };
    });
    return {
      columns: ['cid', ...tags.map(({ tag }) => tag.id)],
      select: `SELECT cid, ${values.map(({ value }) => value).join(', ')} FROM (SELECT cid, ${values.map(({ found }) => found).join(', ')} FROM ${customersOf(world)})`,
      params,
    };
  };

  const derivedStatement = (
    world: TagWorld,
    tags: readonly { tag: TagDefinition; definition: DerivedDefinition }[],
    placeOf: (tagId: string) => Place | undefined,
  ): Insert => {
    const joined = new Map<string, { alias: string; columns: Set<string> }>();
    const values = tags.map(({ tag, definition }, at) => {
      const scope = tagScope(
        (id) => {
          const place = placeOf(id);
          if (!place) return undefined;
          const table = joined.get(place.table) ?? { alias: `s${joined.size}`, columns: new Set<string>() };
          joined.set(place.table, table);
          table.columns.add(place.column);
          return `${table.alias}.${warehouse.identifier(place.column)}`;
        },
        [...world.definitions.keys()],
      );
      const compiled = compileExpression(definition.expression, scope, '/definition/expression');
      if ('faults' in compiled) throw new Error(compiled.faults.map((fault) => fault.message).join(' '));
      return `${castSql(tag.valueType, bindAsOf(compiled.compiled.sql, world.asOf))} AS t${at}`;
    });
    const joins = [...joined].map(
      ([table, { alias, columns }]) =>
        ` LEFT JOIN (SELECT cid, ${[...columns].map((column) => warehouse.identifier(column)).join(', ')} FROM ${warehouse.identifier(table)}) AS ${alias} ON ${alias}.cid = c.cid`,
    );
    return {
      columns: ['cid', ...tags.map(({ tag }) => tag.id)],
      select: `SELECT c.cid AS cid, ${values.join(', ')} FROM (SELECT cid FROM ${customersOf(world)}) AS c${joins.join('')}`,
      params: {},
    };
  };

  const compute: Computation['compute'] = async (world, ordered, options = {}) => {
    const places = new Map<string, Placed>();
    const failed = new Map<string, string>();
    const kept = new Set<string>();
    const inputs = new Map<string, TagInputs>();
    const steps: RefreshStep[] = [];
    const nonce = options.nonce ?? '';
    /** Notes what a tag is made from, and says whether its values stand already. */
    const stands = (tagId: string, own: TagInputs): boolean => {
      inputs.set(tagId, own);
      if (options.standing?.get(tagId)?.fingerprint !== own.fingerprint) return false;
      keep(tagId);
      return true;
    };
    const keep = (tagId: string): void => {
      kept.add(tagId);
      const own = inputs.get(tagId);
      const states = options.standing?.get(tagId)?.states;
      if (own && states) inputs.set(tagId, { ...own, states });
    };
    const placeOf = (tagId: string): Place | undefined => {
      const fresh = places.get(tagId);
      if (fresh) return fresh;
      return placeOfTag(world.release, tagId);
    };
    const catalog = (): ConditionCatalog =>
      conditionCatalog({
        release: world.release,
        entries: world.entries,
        definitions: [...world.definitions.values()],
        placeOf,
      });

    /** Does work beside the writing of values, and notes what it read. */
    const noted = async <Result>(
      work: RefreshStep['work'],
      plans: readonly RowPlan[],
      run: () => Promise<Result>,
    ): Promise<Result> => {
      const startedAt = performance.now();
      const before = await readSoFar();
      const result = await run();
      const after = await readSoFar();
      if (after.rows > before.rows)
        steps.push({
          work,
          tagIds: plans.map(({ tag }) => tag.id),
          tookMs: Math.round(performance.now() - startedAt),
          rowsRead: after.rows - before.rows,
          bytesRead: after.bytes - before.bytes,
        });
      return result;
    };

    const write = async (
      group: string,
      tags: readonly TagDefinition[],
      statement: Statement,
      patch?: Pick<PatchGroup, 'customers'> & { readonly segments?: readonly string[] },
    ): Promise<void> => {
      const startedAt = performance.now();
      const read = { rows: 0, bytes: 0 };
      const readBefore = await readSoFar();
      const note = async (): Promise<number> => {
        const tookMs = Math.round(performance.now() - startedAt);
        if (read.rows === 0) {
          const { rows, bytes } = await readSoFar();
          Object.assign(read, { rows: rows - readBefore.rows, bytes: bytes - readBefore.bytes });
        }
        steps.push({
          work: patch
            ? 'patch'
            : group.startsWith('rule')
              ? 'rule'
              : group.startsWith('derived')
                ? 'derived'
                : 'scan',
          tagIds: tags.map(({ id }) => id),
          ...(patch ? { customers: patch.customers } : {}),
          tookMs,
          rowsRead: read.rows,
          bytesRead: read.bytes,
        });
        return tookMs;
      };
      const table = releases.newTableName(`${options.prefix ?? 'tags'}_${group}`);
      const columns = [
        ...tags.map((tag) => `${warehouse.identifier(tag.id)} ${COLUMN_TYPE[tag.valueType]}`),
        ...(statement.hidden ?? []).map(({ name, type }) => `${warehouse.identifier(name)} ${type}`),
      ];
      await warehouse.createTable({
        name: table,
        columns: `cid UInt32, ${columns.join(', ')}`,
        orderBy: 'cid',
        settings: TABLE_SETTINGS,
        spread: 'cid',
      });
      const insert = async ({ columns: into, select, params, settings }: Insert): Promise<void> => {
        options.signal?.throwIfAborted();
        await warehouse.command(
          `INSERT INTO ${warehouse.identifier(table)} (${into.map((column) => warehouse.identifier(column)).join(', ')}) ${select}`,
          params,
          {
            maxSeconds: MAX_SECONDS,
            settings: {
              ...SETTINGS,
              ...(into.length > WIDE ? { max_block_size: WIDE_BLOCK } : {}),
              ...settings,
            },
            ...(options.signal ? { signal: options.signal } : {}),
            perCustomer: !group.startsWith('rule'),
            onRead: ({ rows, bytes }) => {
              read.rows += rows;
              read.bytes += bytes;
            },
          },
        );
      };
      try {
        for (const each of statement.inserts) await insert(each);
        if (statement.rest) await insert(statement.rest(warehouse.identifier(table)));
      } catch (error) {
        await warehouse.drop(table);
        throw error;
      }
      tags.forEach(({ id }, at) => {
        const own = inputs.get(id);
        const states = statement.states?.[at];
        if (own && states) inputs.set(id, { ...own, states });
      });
      if (patch?.segments) {
        const segments = [...patch.segments, table];
        const view = releases.newTableName(`${options.prefix ?? 'tags'}_patched`);
        await warehouse.createView(
          view,
          patchedSelect(warehouse, segments, [
            ...tags.map(({ id }) => id),
            ...(statement.hidden ?? []).map(({ name }) => name),
          ]),
        );
        const tookMs = await note();
        for (const tag of tags)
          places.set(tag.id, { table: view, column: tag.id, segments, tookMs, patched: patch.customers });
        return;
      }
      const tookMs = await note();
      for (const tag of tags)
        places.set(tag.id, {
          table,
          column: tag.id,
          tookMs,
          ...(patch ? { patched: patch.customers } : {}),
        });
    };

    const candidatesOf = (plans: readonly RowPlan[]): Standing[] =>
      plans.flatMap((plan) => {
        const before = options.standing?.get(plan.tag.id);
        const after = inputs.get(plan.tag.id);
        return before && after ? [{ plan, before, after }] : [];
      });

    /** Brings kept states up to date by the rows that came and went; answers the tags that were done so. */
    const mergeAll = async (plans: readonly RowPlan[]): Promise<ReadonlySet<string>> => {
      const done = new Set<string>();
      const { groups, tables } = await noted('patch', plans, () =>
        mergeGroups({ warehouse, releases }, world.release, candidatesOf(plans)),
      );
      try {
        for (const group of groups) {
          const tags = group.members.map(({ plan }) => plan.tag);
          try {
            await merge(group);
            for (const { id } of tags) done.add(id);
          } catch {
            // Computed in full then, which says what is wrong, and with which tag.
            options.signal?.throwIfAborted();
          }
        }
      } finally {
        await warehouse.drop(...tables);
      }
      return done;
    };

    const merge = async (group: MergeGroup): Promise<void> => {
      const plans = group.members.map(({ plan }) => plan);
      const statements = mergeStatements(warehouse, group);
      const changes = releases.newTableName('tag_changes');
      const strangers = releases.newTableName('tag_affected');
      try {
        const [customers, newcomers] = await noted('patch', plans, async () => {
          await warehouse.createTable({
            name: changes,
            columns: statements.columns.join(', '),
            orderBy: 'cid',
            settings: TABLE_SETTINGS,
            spread: 'cid',
          });
          await warehouse.command(
            `INSERT INTO ${warehouse.identifier(changes)} ${statements.changes.select}`,
            statements.changes.params,
            {
              maxSeconds: MAX_SECONDS,
              settings: { ...SETTINGS, max_block_size: WIDE_BLOCK },
              perCustomer: true,
            },
          );
          await warehouse.createTable({
            name: strangers,
            columns: 'cid UInt32',
            orderBy: 'cid',
            spread: 'cid',
          });
          await warehouse.command(
            `INSERT INTO ${warehouse.identifier(strangers)} SELECT DISTINCT cid FROM (SELECT cid FROM ${warehouse.identifier(changes)}${group.newcomers === undefined ? '' : ` UNION ALL ${group.newcomers}`}) WHERE cid NOT IN (SELECT cid FROM ${warehouse.identifier(group.table)})`,
            {},
            { maxSeconds: MAX_SECONDS },
          );
          const doubtful = statements.doubtful(changes);
          if (doubtful !== undefined)
            await warehouse.command(
              `INSERT INTO ${warehouse.identifier(strangers)} ${doubtful}`,
              {},
              { maxSeconds: MAX_SECONDS, perCustomer: true },
            );
          return Promise.all([changes, strangers].map(rowsOf));
        });
        const tags = plans.map(({ tag }) => tag);
        const isOfRowsOnly = plans.every(({ fused }) => fused?.isOfRowsOnly === true);
        if (isOfRowsOnly && customers === 0 && newcomers === 0) {
          for (const { id } of tags) keep(id);
          return;
        }
        const stand = group.members.map(({ before }) => before.states);
        const isPatch =
          isOfRowsOnly &&
          (customers ?? 0) <= MOST * (await rowsOf(group.table)) &&
          group.segments.length < SEGMENTS &&
          JSON.stringify(stand) === JSON.stringify(statements.states);
        const columns = ['cid', ...tags.map(({ id }) => id), ...statements.hidden.map(({ name }) => name)];
        const ofStrangers =
          newcomers === 0
            ? undefined
            : rowStatement(world, plans, {
                canPack: true,
                maxCid,
                only: warehouse.identifier(strangers),
                keeps: true,
              });
        await write(
          'merge',
          tags,
          {
            hidden: statements.hidden,
            states: statements.states,
            inserts: [
              ...rangesOf(maxCid, statements.columns.length).map((range) => ({
                columns,
                select: statements.merged(changes, strangers, isPatch, range),
                params: {},
                settings: { join_use_nulls: 0 },
              })),
              ...(ofStrangers?.inserts ?? []),
            ],
            ...(ofStrangers?.rest ? { rest: ofStrangers.rest } : {}),
          },
          {
            customers: (customers ?? 0) + (newcomers ?? 0),
            ...(isPatch ? { segments: group.segments } : {}),
          },
        );
      } finally {
        await warehouse.drop(changes, strangers);
      }
    };

    /** Computes again what may have changed of values that stand; answers the tags that were done so. */
    const patchAll = async (plans: readonly RowPlan[]): Promise<ReadonlySet<string>> => {
      const done = new Set<string>();
      const candidates = candidatesOf(plans);
      const found = await noted('patch', plans, () =>
        patchGroups({ warehouse, releases }, world.release, candidates),
      );
      for (const group of found) {
        try {
          if (group.customers > 0)
            await write(
              'patch',
              group.plans.map(({ tag }) => tag),
              rowStatement(world, group.plans, {
                canPack: true,
                maxCid,
                only: warehouse.identifier(group.affected),
                keeps: false,
              }),
              group,
            );
          else for (const { tag } of group.plans) keep(tag.id);
          for (const { tag } of group.plans) done.add(tag.id);
        } catch {
          // Computed in full then, which says what is wrong, and with which tag.
          options.signal?.throwIfAborted();
        } finally {
          await warehouse.drop(group.affected);
        }
      }
      return done;
    };

    /**
     * All in one statement; when the engine refuses it, by halves, so that only those at fault are left out and the
     * others still share scans.
     */
    const writeEach = async <Item extends { readonly tag: TagDefinition }>(
      group: string,
      items: readonly Item[],
      statement: (items: readonly Item[], canPack: boolean) => Statement,
      canPack = true,
    ): Promise<void> => {
      if (items.length === 0) return;
      options.signal?.throwIfAborted();
      try {
        await write(
          group,
          items.map((item) => item.tag),
          statement(items, canPack),
        );
      } catch (error) {
        options.signal?.throwIfAborted();
        const [only] = items;
        const middle = Math.ceil(items.length / 2);
        if (canPack && messageOf(error).includes(TOO_MANY_ROWS))
          return writeEach(group, items, statement, false);
        if (items.length === 1 && only) failed.set(only.tag.id, failureOf(only.tag, error));
        else {
          await writeEach(group, items.slice(0, middle), statement, canPack);
          await writeEach(group, items.slice(middle), statement, canPack);
        }
      }
      await options.onProgress?.(places.size + failed.size, group);
    };

    const maxCid = await greatestCid(world);
    const levels = [...new Set(ordered.map(({ level }) => level))].toSorted((a, b) => a - b);
    for (const level of levels) {
      const names = catalog();
      const sound = ordered.filter(({ tag, level: own }) => {
        if (own !== level) return false;
        const { faults } = check(world, tag, names);
        if (faults.length > 0)
          failed.set(tag.id, faults.map((fault) => `${fault.pointer}: ${fault.message}`).join(' '));
        return faults.length === 0;
      });
      const changed = sound
        .flatMap(({ tag }) => check(world, tag, names).plan ?? [])
        .filter((plan) => !stands(plan.tag.id, inputsOfRows(plan, world.release, tableOf(plan.tag), nonce)));
      const merged = changed.length === 0 ? new Set<string>() : await mergeAll(changed);
      const others = changed.filter(({ tag }) => !merged.has(tag.id));
      const patched = others.length === 0 ? new Set<string>() : await patchAll(others);
      const plans = others.filter(({ tag }) => !patched.has(tag.id));
      for (const [base, group] of groupBy(plans, (plan) => plan.base)) {
        for (const part of chunks(group, FUSED))
          await writeEach(
            base,
            part.map((plan) => ({ tag: plan.tag, plan })),
            (items, canPack) =>
              rowStatement(
                world,
                items.map((item) => item.plan),
                { canPack, maxCid, only: undefined, keeps: true },
              ),
          );
      }
      const rules = sound
        .flatMap(({ tag }) => (tag.definition.kind === 'rule' ? [{ tag, definition: tag.definition }] : []))
        .filter((item) => {
          const { select, params } = ruleStatement(world, [item], names);
          return !stands(item.tag.id, inputsOfStatement([select, params], nonce));
        });
      for (const part of chunks(rules, RULES_FUSED))
        await writeEach(`rule_${level}`, part, (items) => ({
          inserts: [ruleStatement(world, items, names)],
        }));
      const derived = sound
        .flatMap(({ tag }) =>
          tag.definition.kind === 'derived' ? [{ tag, definition: tag.definition }] : [],
        )
        .filter(
          (item) =>
            !stands(item.tag.id, inputsOfStatement([derivedStatement(world, [item], placeOf).select], nonce)),
        );
      for (const part of chunks(derived, FUSED))
        await writeEach(`derived_${level}`, part, (items) => ({
          inserts: [derivedStatement(world, items, placeOf)],
        }));
    }
    return { places, failed, kept, inputs, steps };
  };

  return {
    compute,
    caseSql,
    derivedSql: (world, tag, definition) =>
      derivedStatement(world, [{ tag, definition }], (id) => placeOfTag(world.release, id)).select,
    planRows: (world, tag) => mustPlan(world, tag, emptyCatalog(world)),
    faultsOf: (world, tag, catalog) => [...check(world, tag, catalog).faults],
  };
}

/** Where the values of a tag stand in a release; `undefined` when it has none. */
export function placeOfTag(release: Release, tagId: string): Place | undefined {
  const placement = release.placements.get(`tag/${tagId}`);
  if (placement?.column === undefined) return undefined;
  const { table, column, segments } = placement;
  return { table, column, ...(segments ? { segments } : {}) };
}

/** Why a tag could not be computed, in words of the bank where the engine's would not help. */
function failureOf(tag: TagDefinition, error: unknown): string {
  const message = messageOf(error);
  const table = tableOf(tag);
  return table !== '' && /\bUNKNOWN_TABLE\b|Unknown table|does(n't| not) exist/.test(message)
    ? `The table ${table} is gone from the warehouse; load its source again. Until then the values of before stay.`
    : message;
}

/** What went wrong, without the engine's stack and without the statement. */
export function messageOf(error: unknown): string {
  if (error instanceof Problem && error.faults.length > 0)
    return error.faults.map((fault) => `${fault.pointer}: ${fault.message}`).join(' ');
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(/\s+/g, ' ').slice(0, 500);
}

/** The canonical table that a tag over rows reads. */
const tableOf = ({ definition }: TagDefinition): string =>
  definition.kind === 'fact'
    ? definition.from
    : definition.kind === 'statistical'
      ? definition.over
      : definition.kind === 'stream'
        ? 'event'
        : '';

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size));
  return parts;
}
