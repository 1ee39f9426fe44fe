import type { SqlValue } from '@rapport/conditions';
import type { Frame } from './frames.ts';
import type { RowPlan } from './plan.ts';
import { type StateColumn, stateCalls, stateNames, stateSql, withoutSureTests } from './states.ts';
import { castSql } from './values.ts';

/**
 * One statement for many tags over the rows of one table, without its source: every condition is computed once a row,
 * every window once a row, and their conjunctions are columns that the aggregates share.
 */
export interface FusedStatement {
  /** Columns to select from the rows, beside the rows' own. */
  readonly columns: readonly string[];
  /** Which rows any tag can use; `undefined` = all. */
  readonly where: string | undefined;
  /** Values in the order of the plans, to be selected `GROUP BY cid`. */
  readonly values: readonly string[];
  /** What must hold of every customer, to be said in `HAVING`; fails the statement with `TOO_MANY_ROWS`. */
  readonly guard: string | undefined;
  readonly params: Readonly<Record<string, SqlValue>>;
  /** Distinct aggregates a customer, for the memory that the statement needs. */
  readonly aggregates: number;
  readonly states: KeptStates;
}

/** What is kept beside the values, so that the next refresh can bring them up to date. */
export interface KeptStates {
  /** Columns of their own, in the order of their expressions. */
  readonly hidden: readonly { readonly name: string; readonly type: string; readonly sql: string }[];
  /** By plan: where each of its states stands; absent for a value that cannot be brought up to date. */
  readonly of: readonly (readonly StateColumn[] | undefined)[];
}

/** Counts of several windows share one number: a window's count must fit these bits. */
const LANE_BITS = 21;
const LANES = 3;
const LANE_MAX = 2 ** LANE_BITS - 1;
export const TOO_MANY_ROWS = 'a customer has too many rows to count several windows at once';

/** Values over masks `__m0`, `__m1`, …, each the conjunction of a filter `__f…` and a window. */
export interface MaskedPlans<Window> {
  readonly texts: readonly string[];
  readonly filters: readonly { readonly sql: string }[];
  readonly windows: readonly Window[];
  readonly masks: readonly { readonly filter: number; readonly window: number }[];
  readonly params: Readonly<Record<string, SqlValue>>;
}

/**
 * Writes the values of plans over shared filters and windows.
 * @param windowOf  what stands for a window of a plan; those with one key are one
 */
export function maskPlans<Window>(
  plans: readonly RowPlan[],
  windowOf: (plan: RowPlan, frame: Frame) => { readonly key: string; readonly window: Window },
): MaskedPlans<Window> {
  const params: Record<string, SqlValue> = {};
  const filters = new Registered<{ sql: string }>();
  const windows = new Registered<Window>();
  const masks = new Registered<{ filter: number; window: number }>();

  const bind = (sql: string, own: Readonly<Record<string, SqlValue>>, prefix: string): string =>
    sql.replaceAll(/\{(p\d+):/g, (_, name: string) => {
      const value = own[name];
      if (value !== undefined) params[`${prefix}${name}`] = value;
      return `{${prefix}${name}:`;
    });
  const used = (sql: string, own: Readonly<Record<string, SqlValue>>): string =>
    JSON.stringify([...sql.matchAll(/\{(p\d+):/g)].map(([, name]) => own[name ?? '']));

  const texts = plans.map((plan, index) => {
    const { fused } = plan;
    if (!fused) return bind(plan.value, plan.params, `v${index}_`);
    const filter = filters.of(`${fused.filter}\n${used(fused.filter, plan.params)}`, (id) => ({
      sql: fused.filter === '' ? '' : bind(fused.filter, plan.params, `f${id}_`),
    }));
    const value = fused.value((frame) => {
      const { key, window: made } = windowOf(plan, frame);
      const window = windows.of(key, () => made);
      const mask = masks.of(`${filter}:${window}`, () => ({ filter, window }));
      return `__m${mask}`;
    });
    return bind(withoutSureTests(value, plan.base), plan.params, `v${index}_`);
  });
  return { texts, filters: filters.all, windows: windows.all, masks: masks.all, params };
}

/**
 * Fuses plans of one base.
 * @param canPack  whether counts of windows may share a number (then the guard must be kept)
 */
export function fusePlans(plans: readonly RowPlan[], canPack: boolean): FusedStatement {
  const masked = maskPlans(plans, (plan, frame) => {
    const sql = plan.fused?.window(frame) ?? 'true';
    return { key: sql, window: { sql, frame } };
  });
  const { filters, windows, masks, params } = masked;
  const kept = keptStates(plans, masked.texts);
  const texts = [...masked.texts, ...kept.hidden.map(({ sql }) => sql)];

  // Windows in order of their length, so that those used together lie in the same number.
  const place = new Map(
    [...windows.keys()]
      .toSorted((a, b) => lengthOf(windows[a]?.frame) - lengthOf(windows[b]?.frame))
      .map((window, at) => [window, at]),
  );
  const counted = new Map<string, Set<number>>();
  const packOf = (mask: { filter: number; window: number }): number =>
    Math.floor((place.get(mask.window) ?? 0) / LANES);
  for (const text of texts)
    for (const [, id] of text.matchAll(/countIf\(__m(\d+)\)/g)) {
      const mask = masks[Number(id)];
      if (!mask) continue;
      const key = `${mask.filter}:${packOf(mask)}`;
      counted.set(key, (counted.get(key) ?? new Set()).add(mask.window));
    }
  const packs = new Set<number>();
  const packed = (text: string): string =>
    text.replaceAll(/countIf\(__m(\d+)\)/g, (whole, id: string) => {
      const mask = masks[Number(id)];
      if (!mask || !canPack) return whole;
      const pack = packOf(mask);
      if ((counted.get(`${mask.filter}:${pack}`)?.size ?? 0) < 2) return whole;
      packs.add(pack);
      const lane = (place.get(mask.window) ?? 0) % LANES;
      const sum =
        filters[mask.filter]?.sql === '' ? `sum(__k${pack})` : `sumIf(__k${pack}, __f${mask.filter})`;
      return `bitAnd(bitShiftRight(${sum}, ${lane * LANE_BITS}), ${LANE_MAX})`;
    });
  const values = texts.map(packed);
  const all = values.join('\n');
  const names = new Set([...all.matchAll(/__[mf]\d+/g)].map(([name]) => name));

  const columns: string[] = [];
  filters.forEach(({ sql }, id) => {
    if (sql !== '') columns.push(`toUInt8(${sql}) AS __f${id}`);
  });
  windows.forEach(({ sql }, id) => {
    columns.push(`toUInt8(${sql}) AS __w${id}`);
  });
  masks.forEach(({ filter, window }, id) => {
    if (!names.has(`__m${id}`)) return;
    columns.push(
      `${filters[filter]?.sql === '' ? `__w${window}` : `(__f${filter} AND __w${window})`} AS __m${id}`,
    );
  });
  for (const pack of packs) {
    const lanes = [...place].flatMap(([window, at]) =>
      Math.floor(at / LANES) === pack ? [`toUInt64(__w${window}) * ${2 ** ((at % LANES) * LANE_BITS)}`] : [],
    );
    columns.push(`(${lanes.join(' + ')}) AS __k${pack}`);
  }
  return {
    columns,
    where: plans.every((plan) => plan.fused) ? anyWindow(windows.map(({ sql }) => sql)) : undefined,
    values: values.slice(0, plans.length),
    states: {
      ...kept,
      hidden: kept.hidden.map((state, at) => ({ ...state, sql: values[plans.length + at] ?? state.sql })),
    },
    guard: packs.size > 0 ? `throwIf(count() > ${LANE_MAX}, '${TOO_MANY_ROWS}') = 0` : undefined,
    params,
    aggregates: new Set(all.match(/\b\w+If\([^()]*\)|\bsum\(__k\d+\)/g)).size + plans.length / 4,
  };
}

/**
 * The states that values of one table are made of.
 * @param texts  the values over masks
 */
export function keptStates(plans: readonly RowPlan[], texts: readonly string[]): KeptStates {
  const parts = plans.map((plan, at) => {
    const names = plan.base === KEPT_BASE ? stateNames(plan) : undefined;
    const calls = names && stateCalls(texts[at] ?? '', plan);
    return calls?.length === names?.length
      ? calls?.map((call, k) => ({ call, name: names?.[k]?.name ?? '' }))
      : undefined;
  });
  // A count or a sum that is somebody's value already needs no column of its own.
  const values = new Map<string, string>();
  parts.forEach((own, at) => {
    const { id, valueType } = plans[at]?.tag ?? { id: '', valueType: 'text' };
    const [count, sum] = own ?? [];
    if (
      own?.length === 1 &&
      valueType === 'money' &&
      texts[at] === castSql('money', count?.call.text ?? '')
    ) {
      const known = `toUInt8(${id} IS NOT NULL)`;
      if (count?.call.kind === 'most') values.set(count.name, `tuple(${known}, ifNull(${id}, 0))`);
      if (count?.call.kind === 'least') values.set(count.name, `tuple(${known}, -ifNull(${id}, 0))`);
    }
    if (count?.call.kind !== 'count') return;
    const { text } = count.call;
    if (own?.length === 1 && texts[at] === castSql('number', text) && valueType === 'number')
      values.set(count.name, `toInt64(ifNull(${id}, 0))`);
    if (
      own?.length === 2 &&
      sum?.call.kind === 'sum' &&
      valueType === 'money' &&
      texts[at] === castSql('money', `if(${text} = 0, NULL, ${sum.call.text})`)
    )
      values.set(sum.name, `ifNull(${id}, 0)`);
  });
  const hidden = new Map<string, KeptStates['hidden'][number]>();
  for (const { call, name } of parts.flatMap((own) => own ?? []))
    if (!values.has(name)) hidden.set(name, { name, type: call.type, sql: stateSql(call) });
  return {
    hidden: [...hidden.values()],
    of: parts.map((own) => own?.map(({ name }) => ({ name, sql: values.get(name) ?? name }))),
  };
}

/** Other tables are replaced as a whole, so that nobody knows which of their rows came and went. */
const KEPT_BASE = 'statistical_transaction';

/** Rows that lie in none of the windows are left out before anything is computed of them. */
const anyWindow = (windows: readonly string[]): string | undefined =>
  windows.length === 0 || windows.length > 40 ? undefined : `(${windows.join(' OR ')})`;

const lengthOf = (frame: Frame | undefined): number =>
  frame === undefined || frame.start === undefined ? Number.POSITIVE_INFINITY : frame.end - frame.start;

/** Things by key, numbered as they come. */
class Registered<Item> {
  readonly all: Item[] = [];
  readonly #ids = new Map<string, number>();
  of(key: string, make: (id: number) => Item): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.all.length;
    this.#ids.set(key, id);
    this.all.push(make(id));
    return id;
  }
}
