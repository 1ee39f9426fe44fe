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
  const count = directory.ids.length;
  const selected: boolean[] = [];
  const partial: number[] = [];
  for (let place = 0; place < count; place++) {
    const verdict = verdictOf(directory, place, decision);
    if (verdict === undefined) partial.push(place);
    if (partial.length > mostPartial) return undefined;
    selected.push(verdict === true);
  }
  const runs = runsOf(selected, true);
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
  const others = runsOf(selected, false);
  if (others.length === 0) return { kind: 'known' };
  const straight = joinRuns(directory, runs);
  const complement = joinRuns(directory, others);
  return costOf(directory, straight) <= costOf(directory, complement) + knownCost(directory)
    ? { kind: 'runs', complement: false, runs: straight, partial }
    : { kind: 'runs', complement: true, runs: complement, partial };
}

/** Whether an entry's customers all pass or all do not; `undefined` when that depends on the value of each. */
function verdictOf(directory: TagDirectory, place: number, decision: ValueDecision): boolean | undefined {
  if (directory.form === 'texts' || directory.form === 'members')
    return decision.holds(directory.labels[place] ?? '');
  const low = directory.lows[place] ?? Number.NaN;
  const high = directory.highs[place] ?? Number.NaN;
  if (low === high) return decision.holds(low);
  if (decision.points === undefined) return undefined;
  for (const point of decision.points) if (point >= low && point <= high) return undefined;
  return decision.holds(low);
}

function runsOf(selected: readonly boolean[], wanted: boolean): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let place = 0; place < selected.length; place++) {
    if (selected[place] !== wanted) continue;
    const last = runs.at(-1);
    if (last && last[1] === place) last[1] = place + 1;
    else runs.push([place, place + 1]);
  }
  return runs;
}

const placesIn = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);

/** Short runs are joined entry by entry, all of them at once; each long one by checkpoints of its own. */
function joinRuns(directory: TagDirectory, runs: readonly (readonly [number, number])[]): RunPlan[] {
  const singles: number[] = [];
  const joined: RunPlan[] = [];
  for (const [from, to] of runs) {
    const plain: RunPlan = {
      checkpoint: undefined,
      without: undefined,
      add: placesIn(from, to),
      remove: [],
    };
    const byCheckpoints = joinByCheckpoints(directory, from, to);
    if (byCheckpoints && costOf(directory, [byCheckpoints]) < costOf(directory, [plain]))
      joined.push(byCheckpoints);
    else singles.push(...plain.add);
  }
  if (singles.length > 0)
    joined.push({ checkpoint: undefined, without: undefined, add: singles, remove: [] });
  return joined;
}

function joinByCheckpoints(directory: TagDirectory, from: number, to: number): RunPlan | undefined {
  const { cuts, sizes } = directory;
  const start = nearest(cuts, sizes, from);
  const end = nearest(cuts, sizes, to);
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
function nearest(cuts: readonly number[], sizes: readonly number[], place: number): number | undefined {
  const between = (cut: number): number => {
    let customers = 0;
    for (let at = Math.min(cut, place); at < Math.max(cut, place); at++) customers += sizes[at] ?? 0;
    return customers + PIECE_COST * Math.abs(cut - place);
  };
  let best: number | undefined;
  let least = between(0);
  cuts.forEach((cut, index) => {
    const customers = between(cut);
    if (customers < least) {
      least = customers;
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
