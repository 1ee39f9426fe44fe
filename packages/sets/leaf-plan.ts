import type { ValueDecision } from '@rapport/conditions';
import type { TagDirectory } from './tag-index.ts';

/** Places `[from, to)` of entries, joined by the checkpoints nearest to its ends. */
export interface RunPlan {
  /** Number of the checkpoint up to which the run reaches, and of the one where it starts (`undefined` = at 0). */
  readonly checkpoint: number | undefined;
  readonly without: number | undefined;
  /** Places of entries to add and to take away. */
  readonly add: readonly number[];
  readonly remove: readonly number[];
}

/**
 * How the customers that a tag's operator holds for are put together from the pieces of one segment's index: the
 * runs together (of everybody known, all others when `complement`), and of the entries at `partial` those whose own
 * value passes.
 */
export type LeafPlan =
  | { readonly kind: 'empty' }
  | { readonly kind: 'known' }
  | {
      readonly kind: 'runs';
      readonly complement: boolean;
      readonly runs: readonly RunPlan[];
      readonly partial: readonly number[];
    };

/** What a bitmap costs to fetch and to join beside its numbers. */
const PIECE_COST = 4_000;
const BYTES_A_CUSTOMER = 2;

/**
 * Plans an operator over a directory; `undefined` when the index cannot answer it: a scan of the values must.
 * @param mostPartial  entries that may be decided value by value; more make a scan cheaper
 */
export function planLeaf(
  directory: TagDirectory,
  decision: ValueDecision,
  mostPartial = 4,
): LeafPlan | undefined {
  const { form } = directory;
  if (decision.isUnknown || decision.isKnown) return { kind: 'known' };
  if (form === 'none' || form === 'segment') return undefined;
  const { runs, others, partial } = split(directory, decision);
  if (partial.length > mostPartial) return undefined;
  // Members of lists overlap: all others than those who have one are not those who have another.
  if (form === 'members') {
    const add = runs.flatMap(([from, to]) => placesIn(from, to));
    return add.length === 0
      ? { kind: 'empty' }
      : {
          kind: 'runs',
          complement: false,
          runs: [{ checkpoint: undefined, without: undefined, add, remove: [] }],
          partial,
        };
  }
  if (runs.length === 0 && partial.length === 0) return { kind: 'empty' };
  if (others.length === 0) return { kind: 'known' };
  const straight = joinRuns(directory, runs);
  const complement = joinRuns(directory, others);
  return costOf(directory, straight) <= costOf(directory, complement) + knownCost(directory)
    ? { kind: 'runs', complement: false, runs: straight, partial }
    : { kind: 'runs', complement: true, runs: complement, partial };
}

/** Stretches of places: half-open, ascending. */
type Runs = [from: number, to: number][];

interface Split {
  /** Entries that pass as a whole, and all others. */
  readonly runs: Runs;
  readonly others: Runs;
  /** Those of the others whose customers pass or not by the value of each. */
  readonly partial: readonly number[];
}

function split(directory: TagDirectory, decision: ValueDecision): Split {
  const found: Split & { partial: number[] } = { runs: [], others: [], partial: [] };
  const put = (from: number, to: number, verdict: boolean | undefined): void => {
    if (from >= to) return;
    if (verdict === undefined) found.partial.push(from);
    const runs = verdict === true ? found.runs : found.others;
    const last = runs.at(-1);
    if (last?.[1] === from) last[1] = to;
    else runs.push([from, to]);
  };
  const { form, ids, lows, highs, labels } = directory;
  if (form === 'texts' || form === 'members') {
    for (let place = 0; place < ids.length; place++)
      put(place, place + 1, decision.holds(labels[place] ?? ''));
    return found;
  }
  const verdictOf = (place: number): boolean | undefined => {
    const low = lows[place] ?? Number.NaN;
    return low === highs[place] ? decision.holds(low) : undefined;
  };
  if (decision.points === undefined) {
    for (let place = 0; place < ids.length; place++) put(place, place + 1, verdictOf(place));
    return found;
  }
  // Between two points all entries are alike, so that one of them tells.
  const putAlike = (from: number, to: number): void => {
    if (from < to) put(from, to, decision.holds(lows[from] ?? Number.NaN));
  };
  let from = 0;
  for (const point of decision.points.toSorted((one, other) => one - other)) {
    const at = firstFrom(highs, point, from);
    putAlike(from, at);
    from = at;
    if (at >= ids.length || (lows[at] ?? Number.NaN) > point) continue;
    put(at, at + 1, verdictOf(at));
    from = at + 1;
  }
  putAlike(from, ids.length);
  return found;
}

/** The first place from `from` on whose number is not less. */
function firstFrom(ascending: readonly number[], least: number, from: number): number {
  let low = from;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Number.NaN) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

const placesIn = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);

/** Short runs are joined entry by entry, all of them at once; each long one by checkpoints of its own. */
function joinRuns(directory: TagDirectory, runs: Runs): RunPlan[] {
  const { costs } = sumsOf(directory);
  const singles: number[] = [];
  const joined: RunPlan[] = [];
  for (const [from, to] of runs) {
    const byCheckpoints = joinByCheckpoints(directory, from, to);
    if (byCheckpoints && costOf(directory, [byCheckpoints]) < (costs[to] ?? 0) - (costs[from] ?? 0))
      joined.push(byCheckpoints);
    else singles.push(...placesIn(from, to));
  }
  if (singles.length > 0)
    joined.push({ checkpoint: undefined, without: undefined, add: singles, remove: [] });
  return joined;
}

/** What lies before each place of a directory: customers, and what their entries cost. */
interface Sums {
  readonly customers: Float64Array;
  readonly costs: Float64Array;
}
const sums = new WeakMap<TagDirectory, Sums>();

function sumsOf(directory: TagDirectory): Sums {
  const known = sums.get(directory);
  if (known) return known;
  const count = directory.ids.length;
  const made = { customers: new Float64Array(count + 1), costs: new Float64Array(count + 1) };
  for (let place = 0; place < count; place++) {
    made.customers[place + 1] = (made.customers[place] ?? 0) + (directory.sizes[place] ?? 0);
    made.costs[place + 1] = (made.costs[place] ?? 0) + entryCost(directory, place);
  }
  sums.set(directory, made);
  return made;
}

function joinByCheckpoints(directory: TagDirectory, from: number, to: number): RunPlan | undefined {
  const { cuts } = directory;
  const start = nearest(directory, from);
  const end = nearest(directory, to);
  const startPlace = start === undefined ? 0 : (cuts[start] ?? 0);
  const endPlace = end === undefined ? 0 : (cuts[end] ?? 0);
  if (end === undefined || endPlace <= startPlace) return undefined;
  return {
    checkpoint: end,
    without: start,
    add: [...placesIn(from, Math.min(startPlace, to)), ...placesIn(Math.max(endPlace, from), to)],
    remove: [...placesIn(startPlace, from), ...placesIn(to, endPlace)],
  };
}

/** The checkpoint with the fewest customers between it and a place; `undefined` = the beginning. */
function nearest(directory: TagDirectory, place: number): number | undefined {
  const { cuts } = directory;
  const { customers } = sumsOf(directory);
  const between = (cut: number): number =>
    Math.abs((customers[cut] ?? 0) - (customers[place] ?? 0)) + PIECE_COST * Math.abs(cut - place);
  let best: number | undefined;
  let least = between(0);
  cuts.forEach((cut, index) => {
    const distance = between(cut);
    if (distance < least) {
      least = distance;
      best = index;
    }
  });
  return best;
}

function costOf(directory: TagDirectory, runs: readonly RunPlan[]): number {
  let cost = 0;
  for (const { checkpoint, without, add, remove } of runs) {
    for (const cut of [checkpoint, without]) if (cut !== undefined) cost += knownCost(directory);
    for (const place of add) cost += entryCost(directory, place);
    for (const place of remove) cost += entryCost(directory, place);
  }
  return cost;
}

const entryCost = (directory: TagDirectory, place: number): number =>
  PIECE_COST + Math.min(BYTES_A_CUSTOMER * (directory.sizes[place] ?? 0), directory.total / 8);

/** A bitmap of most customers takes an eighth of a byte each. */
const knownCost = (directory: TagDirectory): number => PIECE_COST + directory.total / 8;
