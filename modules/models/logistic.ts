import { setImmediate as yieldToLoop } from 'node:timers/promises';

/** A training table: `rows` × `columns` values, row after row, and one 0/1 label a row. */
export interface DesignMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  readonly labels: Uint8Array;
}

export interface LogisticFit {
  readonly weights: Float64Array;
  readonly intercept: number;
  /** ½·l2·‖w‖² + Σ log(1 + exp(−y(xw + b))), y = ±1. */
  readonly objective: number;
  readonly iterations: number;
  readonly converged: boolean;
}

const MOST_STEPS = 100;
const ROWS_BETWEEN_YIELDS = 20_000;

/**
 * Minimises ½·l2·‖w‖² + Σ log(1 + exp(−y(xw + b))) over weights and a free intercept by Newton's method (iteratively
 * reweighted least squares) with step halving. The objective is strictly convex in w, so there is one solution and no
 * randomness; a matrix without both labels has its intercept at an end and is refused by the caller.
 * @param l2       > 0
 * @param signal   stops between steps
 * @source Bishop 2006, Pattern Recognition and Machine Learning, 4.3.3
 */
export async function fitLogistic(
  matrix: DesignMatrix,
  l2: number,
  signal?: AbortSignal,
): Promise<LogisticFit> {
  const size = matrix.columns + 1;
  let theta = new Float64Array(size);
  let objective = await objectiveAt(matrix, theta, l2);
  for (let iteration = 1; iteration <= MOST_STEPS; iteration++) {
    signal?.throwIfAborted();
    const { gradient, hessian } = await derivatives(matrix, theta, l2);
    const step = solve(hessian, gradient, size);
    const decrement = step.reduce((sum, value, index) => sum + value * (gradient[index] ?? 0), 0);
    if (decrement / 2 <= 1e-10 * (1 + Math.abs(objective)))
      return fitOf(theta, objective, iteration - 1, true);
    let [share, candidate, value] = [1, theta, objective];
    for (let halving = 0; halving < 40; halving++, share /= 2) {
      candidate = theta.map((each, index) => each - share * (step[index] ?? 0));
      value = await objectiveAt(matrix, candidate, l2);
      if (value <= objective - 1e-4 * share * decrement) break;
    }
    if (value >= objective) return fitOf(theta, objective, iteration, true);
    theta = candidate;
    objective = value;
  }
  return fitOf(theta, objective, MOST_STEPS, false);
}

const fitOf = (
  theta: Float64Array,
  objective: number,
  iterations: number,
  converged: boolean,
): LogisticFit => ({
  weights: theta.slice(0, -1),
  intercept: theta[theta.length - 1] ?? 0,
  objective,
  iterations,
  converged,
});

/** P(label = 1) of a row of standardised values. */
export function probability(
  weights: ArrayLike<number>,
  intercept: number,
  values: Float64Array,
  row: number,
): number {
  let score = intercept;
  const from = row * weights.length;
  for (let column = 0; column < weights.length; column++)
    score += (weights[column] ?? 0) * (values[from + column] ?? 0);
  return 1 / (1 + Math.exp(-score));
}

async function objectiveAt(matrix: DesignMatrix, theta: Float64Array, l2: number): Promise<number> {
  const { rows, columns, values, labels } = matrix;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    let score = theta[columns] ?? 0;
    for (let column = 0; column < columns; column++)
      score += (theta[column] ?? 0) * (values[row * columns + column] ?? 0);
    const margin = labels[row] ? score : -score;
    // log(1 + exp(−m)) without overflow
    sum += margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
    if (row % ROWS_BETWEEN_YIELDS === ROWS_BETWEEN_YIELDS - 1) await yieldToLoop();
  }
  for (let column = 0; column < columns; column++) sum += (l2 / 2) * (theta[column] ?? 0) ** 2;
  return sum;
}

async function derivatives(
  matrix: DesignMatrix,
  theta: Float64Array,
  l2: number,
): Promise<{ gradient: Float64Array; hessian: Float64Array }> {
  const { rows, columns, values, labels } = matrix;
  const size = columns + 1;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    let score = theta[columns] ?? 0;
    for (let column = 0; column < columns; column++)
      score += (theta[column] ?? 0) * (values[from + column] ?? 0);
    const p = 1 / (1 + Math.exp(-score));
    const residual = p - (labels[row] ?? 0);
    const weight = p * (1 - p);
    for (let i = 0; i < size; i++) {
      const xi = i === columns ? 1 : (values[from + i] ?? 0);
      if (xi === 0) continue;
      gradient[i] = (gradient[i] ?? 0) + residual * xi;
      const scaled = weight * xi;
      const line = i * size;
      for (let j = 0; j <= i; j++) {
        hessian[line + j] = (hessian[line + j] ?? 0) + scaled * (j === columns ? 1 : (values[from + j] ?? 0));
      }
    }
    if (row % ROWS_BETWEEN_YIELDS === ROWS_BETWEEN_YIELDS - 1) await yieldToLoop();
  }
  for (let i = 0; i < columns; i++) {
    gradient[i] = (gradient[i] ?? 0) + l2 * (theta[i] ?? 0);
    hessian[i * size + i] = (hessian[i * size + i] ?? 0) + l2;
  }
  return { gradient, hessian };
}

/** Solves H·x = g for a symmetric positive definite H, given by its lower half, by Cholesky. */
function solve(hessian: Float64Array, gradient: Float64Array, size: number): Float64Array {
  const at = (i: number, j: number): number => hessian[i * size + j] ?? 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      // Only the intercept's pivot can vanish, when every probability is 0 or 1.
      hessian[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(j, j);
    }
  }
  const x = Float64Array.from(gradient);
  for (let i = 0; i < size; i++) {
    let sum = x[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= at(i, k) * (x[k] ?? 0);
    x[i] = sum / at(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i] ?? 0;
    for (let k = i + 1; k < size; k++) sum -= at(k, i) * (x[k] ?? 0);
    x[i] = sum / at(i, i);
  }
  return x;
}
