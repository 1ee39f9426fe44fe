import type { SqlValue } from '@rapport/conditions';
import type { Release, Releases, Warehouse } from '@rapport/stores';
import { Type } from 'typebox';
import type { Frame } from './frames.ts';
import { keptStates, type MaskedPlans, maskPlans } from './fuse.ts';
import { changeOf, edgesOf, segmentsOf, type TagInputs } from './inputs.ts';
import { existAll, type Standing, segmentsBelow } from './patches.ts';
import type { RowPlan } from './plan.ts';
import {
  changeSql,
  changeType,
  doubtSql,
  mergedSql,
  type StateCall,
  stateCalls,
  stateNames,
  valueOverStates,
} from './states.ts';

/** Tags of one wide table whose kept states are brought up to date by the rows that came and went. */
export interface MergeGroup {
  readonly members: readonly Standing[];
  /** What their values are read from, and the segments of it. */
  readonly table: string;
  readonly segments: readonly string[];
  /** Table of the rows that came (`__new` = 1) and of older ones at the edges of windows. */
  readonly rows: string;
  /** Query of the customers that were not there before. */
  readonly newcomers: string | undefined;
}

const MAX_SECONDS = 3_600;
const Counted = Type.Object({ n: Type.Integer() });
const ColumnRow = Type.Object({ name: Type.String(), type: Type.String() });

/**
 * Sorts tags into groups that can be merged, and gathers the rows that came into their windows and left them.
 * @returns the groups, and their tables of rows, to be dropped afterwards
 */
export async function mergeGroups(
  deps: { warehouse: Warehouse; releases: Releases },
  release: Release,
  standing: readonly Standing[],
): Promise<{ groups: readonly MergeGroup[]; tables: readonly string[] }> {
  const { warehouse, releases } = deps;
  const bySource = new Map<string, Standing[]>();
  for (const each of standing) {
    if (!canMerge(each)) continue;
    const key = JSON.stringify([each.plan.from, each.before.segments]);
    bySource.set(key, [...(bySource.get(key) ?? []), each]);
  }
  const groups: MergeGroup[] = [];
  const tables: string[] = [];
  for (const members of bySource.values()) {
    const [first] = members;
    const source = first && (await sourceOf(deps, first));
    if (!first || !source) continue;
    const rows = releases.newTableName('tag_rows');
    const columns = await neededColumns(warehouse, members, source);
    await warehouse.createTable({
      name: rows,
      columns: [
        ...columns.map(({ name, type }) => `${warehouse.identifier(name)} ${type}`),
        '__new UInt8',
      ].join(', '),
      orderBy: 'cid',
      spread: 'cid',
    });
    tables.push(rows);
    const list = columns.map(({ name }) => warehouse.identifier(name)).join(', ');
    const edges = new Map<string, Frame>();
    for (const { before, after } of members)
      for (const edge of edgesOf(before.frames, after.frames)) edges.set(`${edge.start}:${edge.end}`, edge);
    const window = first.plan.fused?.window;
    const atEdge = window && [...edges.values()].map(window).join(' OR ');
    const selects = [
      ...(atEdge
        ? source.old.map((table) => `SELECT ${list}, 0 FROM ${warehouse.identifier(table)} WHERE ${atEdge}`)
        : []),
      ...source.added.map((table) => `SELECT ${list}, 1 FROM ${warehouse.identifier(table)}`),
    ];
    for (const select of selects)
      await warehouse.command(
        `INSERT INTO ${warehouse.identifier(rows)} ${select}`,
        {},
        {
          maxSeconds: MAX_SECONDS,
          perCustomer: true,
        },
      );
    const byTable = new Map<string, Standing[]>();
    for (const each of members) {
      const placement = release.placements.get(`tag/${each.plan.tag.id}`);
      if (!placement) continue;
      // Extremes stay apart: of the customers whose extreme went, all tags of the group are computed again.
      const key = JSON.stringify([
        placement.table,
        each.plan.fused?.isOfRowsOnly === true,
        /\b(max|min)If\(toNullable\(\w+_minor/.test(each.plan.value),
      ]);
      byTable.set(key, [...(byTable.get(key) ?? []), each]);
    }
    for (const own of byTable.values()) {
      const placement = release.placements.get(`tag/${own[0]?.plan.tag.id ?? ''}`);
      if (placement)
        groups.push({
          members: own,
          table: placement.table,
          segments: segmentsOf(placement),
          rows,
          newcomers: source.newcomers,
        });
    }
  }
  return { groups, tables };
}

/** Whether the kept states are those that the value is made of still, and windows moved as states can follow. */
function canMerge({ plan, before, after }: Standing): boolean {
  const names = before.states && stateNames(plan);
  if (
    !names ||
    JSON.stringify(names.map(({ name }) => name)) !== JSON.stringify(before.states?.map(({ name }) => name))
  )
    return false;
  if (before.frames.length !== after.frames.length) return false;
  // What was last before the end of a window is not known of an earlier end.
  return after.frames.every(({ end }, at) => end >= (before.frames[at]?.end ?? Number.POSITIVE_INFINITY));
}

interface Source {
  readonly old: readonly string[];
  readonly added: readonly string[];
  readonly newcomers: string | undefined;
}

/** The rows of before and those that were added; `undefined` when rows or customers went away. */
async function sourceOf(
  { warehouse, releases }: { warehouse: Warehouse; releases: Releases },
  { before, after }: { readonly before: TagInputs; readonly after: TagInputs },
): Promise<Source | undefined> {
  const over = Object.keys(after.segments).find((name) => name !== 'customer');
  if (over === undefined) return undefined;
  const infos = await segmentsBelow(releases, [
    ...(after.segments[over] ?? []),
    ...(after.segments.customer ?? []),
  ]);
  const old = before.segments[over] ?? [];
  const change = changeOf(old, after.segments[over] ?? [], infos);
  const was = before.segments.customer ?? [];
  const is = after.segments.customer ?? [];
  if (!change || change.withdrawn.length > 0) return undefined;
  const isSame = JSON.stringify(was) === JSON.stringify(is);
  if (!(await existAll(warehouse, [...old, ...change.added, ...(isSame ? [] : [...was, ...is])])))
    return undefined;
  if (isSame) return { old, added: change.added, newcomers: undefined };
  const list = (names: readonly string[]): string =>
    names.map((name) => `SELECT cid FROM ${warehouse.identifier(name)}`).join(' UNION ALL ');
  const [left] = await warehouse.query(
    Counted,
    `SELECT count() AS n FROM (${list(was)}) WHERE cid NOT IN (SELECT cid FROM (${list(is)}))`,
  );
  if (left?.n !== 0) return undefined;
  return {
    old,
    added: change.added,
    newcomers: `SELECT cid FROM (${list(is)}) WHERE cid NOT IN (SELECT cid FROM (${list(was)}))`,
  };
}

/** The columns that any of the values, filters or windows names. */
async function neededColumns(
  warehouse: Warehouse,
  members: readonly Standing[],
  { old, added }: Source,
): Promise<readonly { name: string; type: string }[]> {
  const words = new Set(
    members.flatMap(({ plan }) =>
      [plan.value, plan.fused?.filter ?? ''].flatMap((text) => text.match(/\b[a-z_]\w*\b/g) ?? []),
    ),
  );
  const columns = await warehouse.query(
    ColumnRow,
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
    { table: old[0] ?? added[0] ?? '' },
  );
  return columns.filter(({ name }) => name === 'cid' || words.has(name));
}

interface MergedState {
  readonly name: string;
  readonly call: StateCall;
  /** Expression over the table of before. */
  readonly before: string;
  readonly start: number | undefined;
  readonly weight: string;
}

/** The statements of a merge. */
export interface Merge {
  /** Columns of the table of changes, `cid` first. */
  readonly columns: readonly string[];
  /** Changes by customer. */
  readonly changes: { readonly select: string; readonly params: Readonly<Record<string, SqlValue>> };
  readonly hidden: readonly { readonly name: string; readonly type: string }[];
  readonly states: ReturnType<typeof keptStates>['of'];
  /** Query of the customers of whom the changes do not tell everything. */
  doubtful(changes: string): string | undefined;
  /** Values, then hidden columns, of customers that have values. @param only  whether of those in the changes alone */
  merged(
    changes: string,
    strangers: string,
    only: boolean,
    range: { from: number; to: number } | undefined,
  ): string;
}

export function mergeStatements(
  warehouse: Pick<Warehouse, 'identifier'>,
  { members, table, rows }: MergeGroup,
): Merge {
  const plans = members.map(({ plan }) => plan);
  const frameBefore = (plan: RowPlan, frame: Frame): Frame | undefined => {
    const own = members.find((each) => each.plan === plan);
    return own?.before.frames[plan.fused?.frames.indexOf(frame) ?? 0];
  };
  const masked: MaskedPlans<{ sql: string; frame: Frame }> = maskPlans(plans, (plan, frame) => {
    const is = plan.fused?.window(frame) ?? 'true';
    const before = frameBefore(plan, frame);
    const was = before ? (plan.fused?.window(before) ?? 'true') : 'false';
    return {
      key: `${was}\n${is}`,
      window: { sql: `toInt8(${is}) - if(__new = 1, 0, toInt8(${was}))`, frame },
    };
  });
  const calls = plans.map((plan, at) => stateCalls(masked.texts[at] ?? '', plan) ?? []);
  const states = new Map<string, MergedState>();
  const namesOf = members.map(({ before }, at) =>
    (before.states ?? []).map(({ name, sql }, k) => {
      const call = calls[at]?.[k];
      const mask = masked.masks[Number(/__m(\d+)/.exec(call?.condition ?? '')?.[1] ?? -1)];
      if (call && mask && !states.has(name))
        states.set(name, {
          name,
          call,
          before: sql,
          start: masked.windows[mask.window]?.frame.start,
          weight: `__d${mask.window}`,
        });
      return name;
    }),
  );
  const all = [...states.values()];
  const columnOf = new Map(all.map(({ name }, at) => [name, at]));
  const texts = all.map(({ call, weight }) => changeSql(call, weight));
  const named = new Set(texts.flatMap((text) => text.match(/__[mf]\d+/g) ?? []));
  const derived = [
    ...masked.filters.flatMap(({ sql }, id) => (sql === '' ? [] : [`toUInt8(${sql}) AS __f${id}`])),
    ...masked.windows.map(({ sql }, id) => `toInt8(${sql}) AS __d${id}`),
    ...masked.masks.flatMap(({ filter, window }, id) =>
      named.has(`__m${id}`)
        ? [
            `${masked.filters[filter]?.sql === '' ? `(__d${window} != 0)` : `(__f${filter} AND __d${window} != 0)`} AS __m${id}`,
          ]
        : [],
    ),
  ];
  const kept = keptStates(plans, masked.texts);
  const doubts = all.some(({ call }) => doubtSql(call, '', '') !== undefined);
  const values = plans.map((_, at) =>
    valueOverStates(
      masked.texts[at] ?? '',
      calls[at] ?? [],
      (namesOf[at] ?? []).map((name) => `m${columnOf.get(name) ?? 0}`),
    ),
  );
  return {
    columns: ['cid UInt32', ...all.map(({ call }, at) => `c${at} ${changeType(call)}`)],
    changes: {
      select: `SELECT cid, ${texts.map((text, at) => `${text} AS x${at}`).join(', ')} FROM (SELECT *, ${derived.join(', ')} FROM ${warehouse.identifier(rows)}) GROUP BY cid`,
      params: masked.params,
    },
    hidden: kept.hidden,
    states: kept.of,
    doubtful: (changes) => {
      const doubts = all.flatMap(({ call }, at) => doubtSql(call, `o.b${at}`, `d.c${at}`) ?? []);
      return doubts.length === 0
        ? undefined
        : `SELECT o.cid AS cid FROM (SELECT cid, ${all.map((state, at) => `${state.before} AS b${at}`).join(', ')} FROM ${warehouse.identifier(table)}) AS o INNER JOIN ${warehouse.identifier(changes)} AS d ON d.cid = o.cid WHERE ${doubts.join(' OR ')}`;
    },
    merged: (changes, strangers, only, range) => {
      const within = range === undefined ? '' : ` WHERE cid >= ${range.from} AND cid < ${range.to}`;
      const others = doubts ? `cid NOT IN (SELECT cid FROM ${warehouse.identifier(strangers)})` : '';
      const before = `SELECT cid, ${all.map((state, at) => `${state.before} AS b${at}`).join(', ')} FROM ${warehouse.identifier(table)}${within}${others === '' ? '' : `${within === '' ? ' WHERE' : ' AND'} ${others}`}`;
      const change = `SELECT * FROM ${warehouse.identifier(changes)}${within}`;
      const merged = all.map(
        ({ call, start }, at) => `${mergedSql(call, `o.b${at}`, `d.c${at}`, start)} AS m${at}`,
      );
      const hidden = kept.hidden.map(({ name }) => `m${columnOf.get(name) ?? 0}`);
      return `SELECT cid, ${[...values, ...hidden].join(', ')} FROM (SELECT o.cid AS cid, ${merged.join(', ')} FROM (${before}) AS o ${only ? 'INNER' : 'LEFT'} JOIN (${change}) AS d ON d.cid = o.cid)`;
    },
  };
}
