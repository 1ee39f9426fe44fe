import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { murmur3, type Random } from '@rapport/kernel';
import { association, benjaminiHochberg, classifierMetrics } from '@rapport/statistics';
import { CODES, type CodedPair } from './coded-tag.ts';

/** Rows to learn from, column after column: `columns[k][row]` is the code of tag k. */
export interface CodedRows {
  readonly columns: readonly Uint8Array[];
  /** 1 = of the seed. */
  readonly labels: Uint8Array;
}

export interface LogisticOptions {
  /** Of ½·l2·‖w‖² beside the summed loss; > 0. */
  readonly l2: number;
  /** @default 60 */
  readonly mostSteps?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: number) => Promise<void> | void;
}

export interface CodedModel {
  /** `weights[k × 16 + code]`: what a code of tag k adds to the log-odds. */
  readonly weights: Float64Array;
  readonly intercept: number;
  readonly steps: number;
  readonly converged: boolean;
}

const MEMORY = 8;
const TOLERANCE = 1e-4;

/**
 * Logistic regression over one-hot codes: minimises ½·l2·‖w‖² + Σ log(1 + exp(−y(Σ w[k, code] + b))) by L-BFGS with
 * a diagonal start. Bytes are looked up, never widened to a matrix: 100,000 rows × 500 tags are 50 MB and two passes of
 * look-ups a step. Convex and without randomness, so the same rows give the same model.
 * @source Liu & Nocedal 1989, Mathematical Programming 45:503–528
 */
export async function fitCodedLogistic(rows: CodedRows, options: LogisticOptions): Promise<CodedModel> {
  const size = rows.columns.length * CODES;
  const scores = new Float64Array(rows.labels.length);
  const theta = new Float64Array(size + 1);
  const positives = rows.labels.reduce((sum, label) => sum + label, 0);
  theta[size] = Math.log((positives + 0.5) / (rows.labels.length - positives + 0.5));
  const diagonal = curvature(rows, options.l2, positives / rows.labels.length);

  let state = await derive(rows, theta, options.l2, scores);
  const firstNorm = norm(state.gradient, diagonal);
  const pairs: { step: Float64Array; change: Float64Array; scale: number }[] = [];
  for (let step = 1; step <= (options.mostSteps ?? 60); step++) {
    options.signal?.throwIfAborted();
    await options.onStep?.(step);
    const direction = twoLoop(state.gradient, pairs, diagonal);
    const slope = dot(direction, state.gradient);
    let length = 1;
    let next = { theta, ...state };
    for (let halving = 0; ; halving++, length /= 2) {
      const candidate = theta.map((each, at) => each + length * (direction[at] ?? 0));
      next = { theta: candidate, ...(await derive(rows, candidate, options.l2, scores)) };
      if (next.objective <= state.objective + 1e-4 * length * slope) break;
      // No descent left that doubles can show.
      if (halving === 20) return modelOf(theta, step, true);
    }
    const moved = next.theta.map((each, at) => each - (theta[at] ?? 0));
    const change = next.gradient.map((each, at) => each - (state.gradient[at] ?? 0));
    const curve = dot(moved, change);
    if (curve > 0) {
      pairs.push({ step: moved, change, scale: 1 / curve });
      if (pairs.length > MEMORY) pairs.shift();
    }
    const gain = state.objective - next.objective;
    theta.set(next.theta);
    state = { objective: next.objective, gradient: next.gradient };
    if (norm(state.gradient, diagonal) <= TOLERANCE * firstNorm || gain <= 1e-9 * state.objective)
      return modelOf(theta, step, true);
  }
  return modelOf(theta, options.mostSteps ?? 60, false);
}

const modelOf = (theta: Float64Array, steps: number, converged: boolean): CodedModel => ({
  weights: theta.slice(0, -1),
  intercept: theta[theta.length - 1] ?? 0,
  steps,
  converged,
});

/** Rough second derivatives: how many rows have a code, times the variance of the label. */
function curvature({ columns, labels }: CodedRows, l2: number, rate: number): Float64Array {
  const variance = Math.max(0.01, rate * (1 - rate));
  const diagonal = new Float64Array(columns.length * CODES + 1);
  columns.forEach((codes, column) => {
    const from = column * CODES;
    for (const code of codes) diagonal[from + code] = (diagonal[from + code] ?? 0) + variance;
  });
  for (let at = 0; at < columns.length * CODES; at++) diagonal[at] = (diagonal[at] ?? 0) + l2;
  diagonal[columns.length * CODES] = labels.length * variance;
  // One-hot columns overlap (each row has one code of every tag), so single curvatures understate the whole.
  const overlap = Math.sqrt(columns.length + 1);
  return diagonal.map((each) => each * overlap);
}

async function derive(
  { columns, labels }: CodedRows,
  theta: Float64Array,
  l2: number,
  scores: Float64Array,
): Promise<{ objective: number; gradient: Float64Array }> {
  const size = columns.length * CODES;
  scores.fill(theta[size] ?? 0);
  let column = 0;
  for (const codes of columns) {
    addScores(scores, codes, theta, column++ * CODES);
    if (column % 50 === 0) await yieldToLoop();
  }
  let [objective, residualSum] = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    const score = scores[row] ?? 0;
    const label = labels[row] ?? 0;
    const margin = label ? score : -score;
    objective += margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
    const residual = 1 / (1 + Math.exp(-score)) - label;
    scores[row] = residual;
    residualSum += residual;
  }
  const gradient = new Float64Array(size + 1);
  gradient[size] = residualSum;
  column = 0;
  for (const codes of columns) {
    addGradient(gradient, codes, scores, column++ * CODES);
    if (column % 50 === 0) await yieldToLoop();
  }
  for (let at = 0; at < size; at++) {
    const weight = theta[at] ?? 0;
    objective += (l2 / 2) * weight * weight;
    gradient[at] = (gradient[at] ?? 0) + l2 * weight;
  }
  return { objective, gradient };
}

function addScores(scores: Float64Array, codes: Uint8Array, theta: Float64Array, from: number): void {
  const weights = theta.slice(from, from + CODES);
  for (let row = 0; row < codes.length; row++)
    scores[row] = (scores[row] ?? 0) + (weights[codes[row] ?? 0] ?? 0);
}

function addGradient(gradient: Float64Array, codes: Uint8Array, residuals: Float64Array, from: number): void {
  // Two sums to each code, so that runs of one code do not wait for the sum before.
  const sums = new Float64Array(2 * CODES);
  const even = codes.length - (codes.length % 2);
  for (let row = 0; row < even; row += 2) {
    const a = codes[row] ?? 0;
    const b = CODES + (codes[row + 1] ?? 0);
    sums[a] = (sums[a] ?? 0) + (residuals[row] ?? 0);
    sums[b] = (sums[b] ?? 0) + (residuals[row + 1] ?? 0);
  }
  if (even < codes.length) sums[codes[even] ?? 0] = (sums[codes[even] ?? 0] ?? 0) + (residuals[even] ?? 0);
  for (let code = 0; code < CODES; code++)
    gradient[from + code] = (gradient[from + code] ?? 0) + (sums[code] ?? 0) + (sums[CODES + code] ?? 0);
}

/** The descent direction of the last pairs of steps and gradient changes. */
function twoLoop(
  gradient: Float64Array,
  pairs: readonly { step: Float64Array; change: Float64Array; scale: number }[],
  diagonal: Float64Array,
): Float64Array {
  const direction = gradient.map((each) => -each);
  const alphas: number[] = [];
  for (let at = pairs.length - 1; at >= 0; at--) {
    const pair = pairs[at];
    if (!pair) continue;
    const alpha = pair.scale * dot(pair.step, direction);
    alphas[at] = alpha;
    addTo(direction, pair.change, -alpha);
  }
  for (let at = 0; at < direction.length; at++) direction[at] = (direction[at] ?? 0) / (diagonal[at] ?? 1);
  pairs.forEach((pair, at) => {
    addTo(direction, pair.step, (alphas[at] ?? 0) - pair.scale * dot(pair.change, direction));
  });
  return direction;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
function addTo(target: Float64Array, add: Float64Array, times: number): void {
  for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + times * (add[at] ?? 0);
}
function norm(gradient: Float64Array, diagonal: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < gradient.length; at++) sum += (gradient[at] ?? 0) ** 2 / (diagonal[at] ?? 1);
  return Math.sqrt(sum);
}

/* ── drawing rows ────────────────────────────────────────────────────────────────────────────────────── */

/** At most `most` of these, spread evenly over them, one drawn from each stretch; ascending when they are. */
export function drawEvenly(cids: Uint32Array, most: number, random: Random): Uint32Array {
  if (cids.length <= most) return cids;
  return Uint32Array.from(
    { length: most },
    (_, at) => cids[Math.floor(((at + random.next()) * cids.length) / most)] ?? 0,
  );
}

/**
 * How well one tag alone tells seed from rest: the area under the ROC curve when its codes are ordered by the rate of
 * seeds in each. Near 1 it decides: it was the seed's definition, or follows from it.
 */
export function aucOfTag(codes: Uint8Array, labels: Uint8Array): number {
  const seeds = new Float64Array(CODES);
  const others = new Float64Array(CODES);
  for (let row = 0; row < codes.length; row++) {
    const counts = labels[row] ? seeds : others;
    const code = codes[row] ?? 0;
    counts[code] = (counts[code] ?? 0) + 1;
  }
  const order = Array.from({ length: CODES }, (_, code) => code).sort(
    (a, b) => rate(seeds, others, a) - rate(seeds, others, b),
  );
  let [below, concordant, seedTotal] = [0, 0, 0];
  for (const code of order) {
    concordant += (seeds[code] ?? 0) * (below + (others[code] ?? 0) / 2);
    below += others[code] ?? 0;
    seedTotal += seeds[code] ?? 0;
  }
  return seedTotal > 0 && below > 0 ? concordant / (seedTotal * below) : 0.5;
}

/**
 * The tags worth learning from: those whose codes hang together with the label by more than chance, at a false
 * discovery rate of 5 % over all tags, at most so many, the strongest first. Of hundreds of tags most say nothing about
 * a seed, and each of them would only teach the model the noise of its rows.
 * @returns positions of columns
 * @source screening by marginal association: Fan & Lv 2008, J. R. Statist. Soc. B 70:849–911
 */
export function tellingTags({ columns, labels }: CodedRows, most: number): number[] {
  const judged = columns.map((codes, at) => {
    const counts = new Float64Array(2 * CODES);
    for (let row = 0; row < codes.length; row++) {
      const cell = (labels[row] ?? 0) * CODES + (codes[row] ?? 0);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    return { at, ...association(counts, CODES) };
  });
  const corrected = benjaminiHochberg(judged.map(({ pValue }) => pValue));
  return judged
    .filter((_, at) => (corrected[at] ?? 1) <= 0.05)
    .sort((a, b) => b.cramersV - a.cramersV || a.at - b.at)
    .slice(0, most)
    .map(({ at }) => at);
}

const rate = (seeds: Float64Array, others: Float64Array, code: number): number =>
  (seeds[code] ?? 0) / Math.max(1, (seeds[code] ?? 0) + (others[code] ?? 0));

/* ── scoring and taking ──────────────────────────────────────────────────────────────────────────────── */

/**
 * Adds what a pair of tags says to the log-odds of every cid; ids past the end of its bytes are unknown in both.
 * @param columns  of the model, one a tag of the pair; a tag that the model leaves out has none
 */
export function addPairScores(
  scores: Float32Array,
  { bytes, tags }: Pick<CodedPair, 'bytes' | 'tags'>,
  model: CodedModel,
  columns: readonly (number | undefined)[],
): void {
  const weights = Float64Array.from({ length: 256 }, (_, byte) =>
    tags.reduce((sum, { shift }, at) => {
      const column = columns[at];
      return column === undefined ? sum : sum + (model.weights[column * CODES + ((byte >> shift) & 15)] ?? 0);
    }, 0),
  );
  const unknown = weights[0] ?? 0;
  const inside = Math.min(scores.length, bytes.length);
  for (let cid = 0; cid < inside; cid++) scores[cid] = (scores[cid] ?? 0) + (weights[bytes[cid] ?? 0] ?? 0);
  if (unknown !== 0)
    for (let cid = inside; cid < scores.length; cid++) scores[cid] = (scores[cid] ?? 0) + unknown;
}

/**
 * The `wanted` best scored of these customers, ascending; equal scores are ordered by a hash of customer and salt, so
 * that the choice is the same everywhere and favours nobody's number.
 */
export function takeBest(
  scores: Float32Array,
  members: Uint32Array,
  wanted: number,
  salt: string,
): Uint32Array {
  if (wanted >= members.length) return members;
  if (wanted <= 0) return new Uint32Array();
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  // Order-preserving numbers of floats; the upper half finds the bin in which the last one lies.
  const rank = (cid: number): number => {
    const raw = bits[cid] ?? 0;
    return (raw & 0x8000_0000 ? ~raw : raw | 0x8000_0000) >>> 0;
  };
  const bins = new Uint32Array(0x10000);
  for (const cid of members) {
    const bin = rank(cid) >>> 16;
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  let [left, edge] = [wanted, 0xffff];
  for (; edge > 0 && left >= (bins[edge] ?? 0); edge--) left -= bins[edge] ?? 0;
  const contenders = members
    .filter((cid) => rank(cid) >>> 16 === edge)
    .sort((a, b) => rank(b) - rank(a) || murmur3(`${salt}:${a}`) - murmur3(`${salt}:${b}`) || a - b)
    .subarray(0, left);
  const chosen = new Uint32Array(wanted);
  const inEdge = new Set(contenders);
  let at = 0;
  for (const cid of members) {
    const bin = rank(cid) >>> 16;
    if (bin > edge || (bin === edge && inEdge.has(cid))) chosen[at++] = cid;
  }
  return chosen;
}

/* ── judging ─────────────────────────────────────────────────────────────────────────────────────────── */

export interface LookalikeQuality {
  readonly auc: number;
  readonly aucSe: number;
  readonly rows: number;
  readonly seeds: number;
  /** Seeds among the best-scored share of all customers, over their share of all: 1 = no better than chance. */
  readonly lifts: readonly { readonly share: number; readonly lift: number; readonly captured: number }[];
}

/**
 * Judges scores on customers that taught nothing. The others were drawn, so each stands for `weight` customers.
 */
export function judgeLookalike(labels: Uint8Array, scores: Float64Array, weight: number): LookalikeQuality {
  const { auc, aucSe } = classifierMetrics(
    labels,
    scores.map((score) => 1 / (1 + Math.exp(-score))),
  );
  const order = Uint32Array.from(labels.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const seeds = labels.reduce((sum, label) => sum + label, 0);
  const total = seeds + (labels.length - seeds) * weight;
  const lifts = [0.01, 0.05, 0.1, 0.2].map((share) => {
    let [customers, found] = [0, 0];
    for (const row of order) {
      if (customers >= share * total) break;
      customers += labels[row] ? 1 : weight;
      found += labels[row] ?? 0;
    }
    const captured = seeds > 0 ? found / seeds : 0;
    return { share, captured, lift: captured / share };
  });
  return { auc, aucSe, rows: labels.length, seeds, lifts };
}
