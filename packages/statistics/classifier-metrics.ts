/** How well scores separate and predict a yes/no outcome. */
export interface ClassifierMetrics {
  readonly rows: number;
  readonly positives: number;
  /** Area under the ROC curve, ties counted half. */
  readonly auc: number;
  readonly aucSe: number;
  /** Average precision. */
  readonly prAuc: number;
  readonly logLoss: number;
  readonly brier: number;
  /** Largest gap between the cumulative shares of positives and negatives. */
  readonly ks: number;
  /** Rate of positives among the best-scored tenth over the overall rate. */
  readonly lift10: number;
  /** Share of all positives among the best-scored tenth, half. */
  readonly capture10: number;
  readonly capture50: number;
  /** Area under the cumulative gains curve. */
  readonly alift: number;
  /** Expected calibration error over ten bins of equally many rows. */
  readonly ece10: number;
}

export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly meanScore: number;
  readonly rate: number;
}

export interface LiftDecile {
  /** 1 = best scored. */
  readonly decile: number;
  readonly rows: number;
  readonly positives: number;
  readonly lift: number;
  /** Share of all positives in this decile and those above. */
  readonly capture: number;
}

/**
 * All metrics in one pass over the sorted scores.
 * @param labels  1 or 0, one a row
 * @param scores  probabilities in [0, 1], same length
 * @throws RangeError when lengths differ or a class is missing
 */
export function classifierMetrics(labels: ArrayLike<number>, scores: ArrayLike<number>): ClassifierMetrics {
  if (labels.length !== scores.length)
    throw new RangeError(`${labels.length} labels but ${scores.length} scores`);
  const rows = labels.length;
  const order = byScoreDescending(scores);
  let positives = 0;
  for (let row = 0; row < rows; row++) positives += labels[row] ?? 0;
  const negatives = rows - positives;
  if (positives === 0 || negatives === 0) throw new RangeError('metrics need rows of both classes');

  let [truePositives, falsePositives, concordant, ks, prAuc] = [0, 0, 0, 0, 0];
  for (let at = 0; at < rows; ) {
    const score = scores[order[at] ?? 0];
    let [tied1, tied0] = [0, 0];
    for (; at < rows && scores[order[at] ?? 0] === score; at++) {
      if (labels[order[at] ?? 0]) tied1++;
      else tied0++;
    }
    concordant += tied0 * (truePositives + tied1 / 2);
    truePositives += tied1;
    falsePositives += tied0;
    ks = Math.max(ks, Math.abs(truePositives / positives - falsePositives / negatives));
    prAuc += (tied1 / positives) * (truePositives / (truePositives + falsePositives));
  }
  const auc = concordant / (positives * negatives);
  const gains = gainsCurve(labels, scores, order);
  const positiveRate = positives / rows;
  return {
    rows,
    positives,
    auc,
    aucSe: aucStandardError(labels, scores),
    prAuc,
    logLoss: logLoss(labels, scores),
    brier: brier(labels, scores),
    ks,
    lift10: gains(rows / 10) / positives / 0.1,
    capture10: gains(rows / 10) / positives,
    capture50: gains(rows / 2) / positives,
    alift: positiveRate / 2 + (1 - positiveRate) * auc,
    ece10: calibration(labels, scores, 10).reduce(
      (sum, bin) => sum + (bin.rows / rows) * Math.abs(bin.rate - bin.meanScore),
      0,
    ),
  };
}

/**
 * Standard error of the AUC without assumptions on the scores' distribution.
 * @source DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837–845 (by mid-ranks, Sun & Xu 2014)
 */
export function aucStandardError(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  const [positive, negative]: [number[], number[]] = [[], []];
  for (let row = 0; row < labels.length; row++) (labels[row] ? positive : negative).push(scores[row] ?? 0);
  positive.sort((a, b) => a - b);
  negative.sort((a, b) => a - b);
  return Math.sqrt(
    sampleVariance(shareBelow(positive, negative)) / positive.length +
      sampleVariance(shareBelow(negative, positive)) / negative.length,
  );
}

/** For each value of a sorted list, the share of the other sorted list that is below it, ties counted half. */
function shareBelow(values: readonly number[], others: readonly number[]): Float64Array {
  let [below, upTo] = [0, 0];
  return Float64Array.from(values, (value) => {
    while (below < others.length && (others[below] ?? 0) < value) below++;
    while (upTo < others.length && (others[upTo] ?? 0) <= value) upTo++;
    return (below + upTo) / 2 / others.length;
  });
}

function sampleVariance(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** Mean negative log-likelihood; scores are kept 1e-15 away from 0 and 1. */
export function logLoss(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < labels.length; row++) {
    const score = Math.min(1 - 1e-15, Math.max(1e-15, scores[row] ?? 0));
    sum -= labels[row] ? Math.log(score) : Math.log1p(-score);
  }
  return sum / labels.length;
}

/** Mean squared distance of score and outcome. */
export function brier(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  let sum = 0;
  for (let row = 0; row < labels.length; row++) sum += ((scores[row] ?? 0) - (labels[row] ?? 0)) ** 2;
  return sum / labels.length;
}

/** Mean score and rate of positives per bin of equally many rows, lowest scored first. */
export function calibration(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  bins: number,
): CalibrationBin[] {
  const order = byScoreDescending(scores, -1);
  const rows = labels.length;
  const [size, larger] = [Math.floor(rows / bins), rows % bins];
  let at = 0;
  return Array.from({ length: bins }, (_, bin) => {
    const members = order.subarray(at, at + size + (bin < larger ? 1 : 0));
    at += members.length;
    let [scoreSum, positives] = [0, 0];
    for (const row of members) {
      scoreSum += scores[row] ?? 0;
      positives += labels[row] ?? 0;
    }
    return {
      from: scores[members[0] ?? 0] ?? 0,
      to: scores[members[members.length - 1] ?? 0] ?? 0,
      rows: members.length,
      meanScore: scoreSum / members.length,
      rate: positives / members.length,
    };
  }).filter((bin) => bin.rows > 0);
}

/** Lift and cumulative capture per tenth of the rows, best scored first; equal scores share their positives. */
export function liftDeciles(labels: ArrayLike<number>, scores: ArrayLike<number>): LiftDecile[] {
  const rows = labels.length;
  const gains = gainsCurve(labels, scores, byScoreDescending(scores));
  const total = gains(rows);
  return Array.from({ length: 10 }, (_, index) => {
    const [before, until] = [gains((rows * index) / 10), gains((rows * (index + 1)) / 10)];
    return {
      decile: index + 1,
      rows: rows / 10,
      positives: until - before,
      lift: total > 0 ? (until - before) / (total / 10) : 0,
      capture: total > 0 ? until / total : 0,
    };
  });
}

/**
 * How many positives the `count` best-scored rows hold; between the ends of a group of equal scores it is linear, so
 * that the order of tied rows does not matter.
 */
function gainsCurve(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  order: Uint32Array,
): (count: number) => number {
  const ends: { rows: number; positives: number }[] = [{ rows: 0, positives: 0 }];
  let positives = 0;
  for (let at = 0; at < order.length; at++) {
    const row = order[at] ?? 0;
    positives += labels[row] ?? 0;
    if (at + 1 === order.length || scores[order[at + 1] ?? 0] !== scores[row])
      ends.push({ rows: at + 1, positives });
  }
  return (count) => {
    const index = ends.findIndex((end) => end.rows >= count);
    const [left, right] = [ends[index - 1], ends[index]];
    if (!right) return positives;
    if (!left) return right.positives;
    const share = (count - left.rows) / (right.rows - left.rows);
    return left.positives + share * (right.positives - left.positives);
  };
}

/** Row indexes, best score first (or last); equal scores keep their order, so the result is the same everywhere. */
function byScoreDescending(scores: ArrayLike<number>, direction: 1 | -1 = 1): Uint32Array {
  return Uint32Array.from({ length: scores.length }, (_, row) => row).sort(
    (a, b) => direction * ((scores[b] ?? 0) - (scores[a] ?? 0)) || a - b,
  );
}
