import type { SqlValue } from '@rapport/conditions';
import type { Frame } from './frames.ts';
import type { RowPlan } from './plan.ts';

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
}

/** Counts of several windows share one number: a window's count must fit these bits. */
const LANE_BITS = 21;
const LANES = 3;
const LANE_MAX = 2 ** LANE_BITS - 1;
export const TOO_MANY_ROWS = 'a customer has too many rows to count several windows at once';

/**
 * Fuses plans of one base.
 * @param canPack  whether counts of windows may share a number (then the guard must be kept)
 */
export function fusePlans(plans: readonly RowPlan[], canPack: boolean): FusedStatement {
  const params: Record<string, SqlValue> = {};
  const filters = new Registered<{ sql: string }>();
  const windows = new Registered<{ sql: string; frame: Frame }>();
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
      const sql = fused.window(frame);
      const window = windows.of(sql, () => ({ sql, frame }));
      const mask = masks.of(`${filter}:${window}`, () => ({ filter, window }));
      return `__m${mask}`;
    });
    return bind(withoutSureTests(value, plan.base), plan.params, `v${index}_`);
  });

  // Windows in order of their length, so that those used together lie in the same number.
  const place = new Map(
    [...windows.all.keys()]
      .toSorted((a, b) => lengthOf(windows.all[a]?.frame) - lengthOf(windows.all[b]?.frame))
      .map((window, at) => [window, at]),
  );
  const counted = new Map<string, Set<number>>();
  const packOf = (mask: { filter: number; window: number }): number =>
    Math.floor((place.get(mask.window) ?? 0) / LANES);
  for (const text of texts)
    for (const [, id] of text.matchAll(/countIf\(__m(\d+)\)/g)) {
      const mask = masks.all[Number(id)];
      if (!mask) continue;
      const key = `${mask.filter}:${packOf(mask)}`;
      counted.set(key, (counted.get(key) ?? new Set()).add(mask.window));
    }
  const packs = new Set<number>();
  const packed = (text: string): string =>
    text.replaceAll(/countIf\(__m(\d+)\)/g, (whole, id: string) => {
      const mask = masks.all[Number(id)];
      if (!mask || !canPack) return whole;
      const pack = packOf(mask);
      if ((counted.get(`${mask.filter}:${pack}`)?.size ?? 0) < 2) return whole;
      packs.add(pack);
      const lane = (place.get(mask.window) ?? 0) % LANES;
      const sum =
        filters.all[mask.filter]?.sql === '' ? `sum(__k${pack})` : `sumIf(__k${pack}, __f${mask.filter})`;
      return `bitAnd(bitShiftRight(${sum}, ${lane * LANE_BITS}), ${LANE_MAX})`;
    });
  const values = texts.map(packed);
  const all = values.join('\n');
  const names = new Set([...all.matchAll(/__[mf]\d+/g)].map(([name]) => name));

  const columns: string[] = [];
  filters.all.forEach(({ sql }, id) => {
    if (sql !== '') columns.push(`toUInt8(${sql}) AS __f${id}`);
  });
  windows.all.forEach(({ sql }, id) => {
    columns.push(`toUInt8(${sql}) AS __w${id}`);
  });
  masks.all.forEach(({ filter, window }, id) => {
    if (!names.has(`__m${id}`)) return;
    columns.push(
      `${filters.all[filter]?.sql === '' ? `__w${window}` : `(__f${filter} AND __w${window})`} AS __m${id}`,
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
    where: plans.every((plan) => plan.fused)
      ? anyWindow([...windows.all.values()].map(({ sql }) => sql))
      : undefined,
    values,
    guard: packs.size > 0 ? `throwIf(count() > ${LANE_MAX}, '${TOO_MANY_ROWS}') = 0` : undefined,
    params,
    aggregates: new Set(all.match(/\b\w+If\([^()]*\)|\bsum\(__k\d+\)/g)).size + plans.length / 4,
  };
}

/** Rows that lie in none of the windows are left out before anything is computed of them. */
const anyWindow = (windows: readonly string[]): string | undefined =>
  windows.length === 0 || windows.length > 40 ? undefined : `(${windows.join(' OR ')})`;

const lengthOf = (frame: Frame | undefined): number =>
  frame === undefined || frame.start === undefined ? Number.POSITIVE_INFINITY : frame.end - frame.start;

/** Columns that are known in every row: asking a row whether it knows them would be one more mask a window. */
const SURE: Readonly<Record<string, readonly string[]>> = {
  statistical_transaction: ['amount_minor', 'at'],
  statistical_event: ['at'],
};

const withoutSureTests = (value: string, base: string): string =>
  (SURE[base] ?? []).reduce(
    (text, column) =>
      text.replaceAll(new RegExp(`\\((__m\\d+) AND toNullable\\(${column}\\) IS NOT NULL\\)`, 'g'), '$1'),
    value,
  );

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
