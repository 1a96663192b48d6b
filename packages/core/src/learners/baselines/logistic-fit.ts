/** Multinomial logistic regression fitted to thousands of rows at once, in plain numbers: no graph, no executor. */
import { GraphError } from "@innerloop/graph";
import { dot } from "../../linear-algebra/vectors.js";

/** Rows of numbers of which most are 0: row i has `values` at `columns`, from `starts[i]` up to `starts[i + 1]`. */
export interface SparseRows {
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
  /** Columns are below it. */
  readonly width: number;
}

/** Rows of numbers, [rows, width] one after another. */
export interface DenseRows {
  readonly values: Float32Array;
  readonly width: number;
}

/** Options of `fitLogistic`. */
export interface LogisticFitOptions {
  /** The penalty on squares of weights, lambda; above 0. */
  readonly penalty: number;
  /** The fit ends where no element of the gradient is larger: 1e-6 by default. */
  readonly tolerance?: number;
  /** Steps at most, 1,000 by default. */
  readonly mostSteps?: number;
  /** Called between steps, with those that are done. */
  readonly onProgress?: ((progress: LogisticFitProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A fit on its way. */
export interface LogisticFitProgress {
  readonly steps: number;
  /** The penalised loss. */
  readonly loss: number;
  /** The largest element of its gradient. */
  readonly gradient: number;
}

/** A fitted classifier: logits are x W + b. */
export interface LogisticFit extends LogisticFitProgress {
  /** [classes, width], row by row. */
  readonly weights: Float64Array;
  /** [classes]; their sum is 0. */
  readonly bias: Float64Array;
  /** False where the steps ended before the gradient was as small as asked. */
  readonly converged: boolean;
}

/** Steps and changes of gradient that curvature is told from. */
const memory = 10;

/**
 * Multinomial logistic regression, to the optimum:
 *
 *   min over W, b of  mean_i -log softmax(x_i W + b)[y_i] + lambda / 2 |W|^2
 *
 * by L-BFGS (Liu & Nocedal 1989) with the last 10 steps and backtracking to Armijo's condition, in float64 from weights of
 * 0: the same rows give the same bits. The problem is convex, and so any start leads there. The bias is not penalised: at
 * the optimum the mean probability of a class is its share of the rows.
 *
 * It gives way to other work of the thread now and then, and ends where the signal says.
 *
 * @param rows n rows, dense or sparse
 * @param labels n class indices
 * @throws IL102 where the penalty is not above 0; IL202 where there is not one label for each row; IL102 where a label is
 * no class, or a value is not finite
 */
export async function fitLogistic(
  rows: DenseRows | SparseRows,
  labels: Int32Array,
  classes: number,
  options: LogisticFitOptions,
): Promise<LogisticFit> {
  const { penalty, tolerance = 1e-6, mostSteps = 1000, onProgress, signal } = options;
  requireProblem(rows, labels, classes, penalty);
  const used = "starts" in rows ? usedColumns(rows) : undefined;
  const { width } = used?.rows ?? rows;
  const problem = logisticProblem(used?.rows ?? rows, labels, classes, penalty);
  const pause = pauses();
  let at: Float64Array = new Float64Array(classes * (width + 1));
  let { loss, gradient } = problem(at);
  const history: { readonly step: Float64Array; readonly change: Float64Array; readonly product: number }[] = [];
  let steps = 0;
  let converged = largest(gradient) <= tolerance;
  while (!converged && steps < mostSteps) {
    signal?.throwIfAborted();
    await pause();
    const direction = descent(gradient, history);
    const slope = dot(direction, gradient);
    const found = backtracked(problem, at, direction, loss, slope, history.length === 0 ? 1 / norm(gradient) : 1);
    // Nothing smaller is to be had in float64.
    if (!found) break;
    const step = difference(found.at, at);
    const change = difference(found.gradient, gradient);
    const product = dot(step, change);
    if (product > 1e-300) {
      history.push({ step, change, product });
      if (history.length > memory) history.shift();
    }
    ({ at, loss, gradient } = found);
    steps++;
    converged = largest(gradient) <= tolerance;
    onProgress?.({ steps, loss, gradient: largest(gradient) });
  }
  const size = classes * width;
  const bias = at.slice(size);
  const mean = bias.reduce((sum, each) => sum + each, 0) / classes;
  const fitted = at.slice(0, size);
  return {
    weights: used ? spread(fitted, used.columns, { classes, width: rows.width }) : fitted,
    bias: bias.map((each) => each - mean),
    steps,
    loss,
    gradient: largest(gradient),
    converged,
  };
}

function requireProblem(rows: DenseRows | SparseRows, labels: Int32Array, classes: number, penalty: number): void {
  if (!(penalty > 0 && Number.isFinite(penalty)))
    throw new GraphError("IL102", "logistic regression", `penalty ${penalty}`, "Use a number above 0");
  if (!Number.isInteger(classes) || classes < 2)
    throw new GraphError("IL102", "logistic regression", `${classes} classes`, "Use 2 or more");
  const n = "starts" in rows ? rows.starts.length - 1 : rows.values.length / rows.width;
  if (labels.length === 0 || labels.length !== n) {
    const problem = `${labels.length} labels for ${n} rows`;
    throw new GraphError("IL202", "logistic regression", problem, "Give at least one row, and a label for each");
  }
  const label = labels.find((each) => each < 0 || each >= classes);
  if (label !== undefined) {
    const problem = `a label of ${label} where there are ${classes} classes`;
    throw new GraphError("IL102", "logistic regression", problem, `Give class indices from 0 to ${classes - 1}`);
  }
  const wrong = rows.values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const problem = `value ${wrong} of the rows is ${rows.values[wrong]}`;
    throw new GraphError("IL102", "logistic regression", problem, "Leave out or mend rows with missing values");
  }
}

/**
 * Sparse rows with the columns that any of them has, numbered anew. The weights of the others are 0 at the optimum: nothing
 * but the penalty asks about them.
 */
function usedColumns(rows: SparseRows): { readonly rows: SparseRows; readonly columns: readonly number[] } {
  const places = new Int32Array(rows.width).fill(-1);
  const columns: number[] = [];
  const numbered = rows.columns.map((column) => {
    if (places[column] === -1) places[column] = columns.push(column) - 1;
    return places[column]!;
  });
  return { rows: { ...rows, columns: numbered, width: columns.length }, columns };
}

/** Weights [classes, columns.length] as [classes, width]. */
function spread(
  weights: Float64Array,
  columns: readonly number[],
  { classes, width }: { readonly classes: number; readonly width: number },
): Float64Array {
  const whole = new Float64Array(classes * width);
  for (let k = 0; k < classes; k++)
    columns.forEach((column, j) => {
      whole[k * width + column] = weights[k * columns.length + j]!;
    });
  return whole;
}

type Evaluated = { readonly loss: number; readonly gradient: Float64Array };

/** Loss and gradient at weights [classes, width] followed by the bias [classes]. */
function logisticProblem(
  rows: DenseRows | SparseRows,
  labels: Int32Array,
  classes: number,
  penalty: number,
): (at: Float64Array) => Evaluated {
  const { width } = rows;
  const n = labels.length;
  const size = classes * width;
  const residual = new Float64Array(classes);
  const [addScores, addGradient] = "starts" in rows ? sparsePasses(rows, classes) : densePasses(rows, classes);
  return (at) => {
    const gradient = new Float64Array(at.length);
    let loss = 0;
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < classes; k++) residual[k] = at[size + k]!;
      addScores(i, at, residual);
      let most = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) most = Math.max(most, residual[k]!);
      let total = 0;
      const own = residual[labels[i]!]!;
      for (let k = 0; k < classes; k++) {
        residual[k] = Math.exp(residual[k]! - most);
        total += residual[k]!;
      }
      loss += most + Math.log(total) - own;
      for (let k = 0; k < classes; k++) residual[k] = residual[k]! / total / n;
      residual[labels[i]!]! -= 1 / n;
      addGradient(i, residual, gradient);
      for (let k = 0; k < classes; k++) gradient[size + k]! += residual[k]!;
    }
    let squares = 0;
    for (let j = 0; j < size; j++) {
      squares += at[j]! * at[j]!;
      gradient[j]! += penalty * at[j]!;
    }
    return { loss: loss / n + (penalty / 2) * squares, gradient };
  };
}

/** What a row adds to the scores of classes, and what its residuals add to the gradient. */
type Passes = readonly [
  scores: (row: number, at: Float64Array, scores: Float64Array) => void,
  gradient: (row: number, residual: Float64Array, gradient: Float64Array) => void,
];

const densePasses = ({ values, width }: DenseRows, classes: number): Passes => [
  (row, at, scores) => {
    const from = row * width;
    for (let k = 0; k < classes; k++) {
      const own = k * width;
      let sum = 0;
      for (let j = 0; j < width; j++) sum += values[from + j]! * at[own + j]!;
      scores[k]! += sum;
    }
  },
  (row, residual, gradient) => {
    const from = row * width;
    for (let k = 0; k < classes; k++) {
      const own = k * width;
      const factor = residual[k]!;
      for (let j = 0; j < width; j++) gradient[own + j]! += factor * values[from + j]!;
    }
  },
];

const sparsePasses = ({ starts, columns, values, width }: SparseRows, classes: number): Passes => [
  (row, at, scores) => {
    for (let e = starts[row]!; e < starts[row + 1]!; e++)
      for (let k = 0; k < classes; k++) scores[k]! += values[e]! * at[k * width + columns[e]!]!;
  },
  (row, residual, gradient) => {
    for (let e = starts[row]!; e < starts[row + 1]!; e++)
      for (let k = 0; k < classes; k++) gradient[k * width + columns[e]!]! += values[e]! * residual[k]!;
  },
];

/** -H gradient, H the inverse Hessian that the last steps tell (Nocedal & Wright 2006, algorithm 7.4). */
function descent(
  gradient: Float64Array,
  history: readonly { readonly step: Float64Array; readonly change: Float64Array; readonly product: number }[],
): Float64Array {
  const direction = gradient.map((each) => -each);
  const shares: number[] = [];
  for (let i = history.length - 1; i >= 0; i--) {
    const { step, change, product } = history[i]!;
    shares[i] = dot(step, direction) / product;
    addScaled(direction, change, -shares[i]!);
  }
  const last = history.at(-1);
  if (last) {
    const scale = last.product / dot(last.change, last.change);
    for (let j = 0; j < direction.length; j++) direction[j]! *= scale;
  }
  history.forEach(({ step, change, product }, i) => {
    addScaled(direction, step, shares[i]! - dot(change, direction) / product);
  });
  return direction;
}

/** The first of the steps length, length / 2, ... that makes the loss smaller by a share of what its slope promises. */
function backtracked(
  problem: (at: Float64Array) => Evaluated,
  from: Float64Array,
  direction: Float64Array,
  loss: number,
  slope: number,
  first: number,
): (Evaluated & { readonly at: Float64Array }) | undefined {
  for (let length = first, tries = 0; tries < 40; length /= 2, tries++) {
    const at = from.slice();
    addScaled(at, direction, length);
    const found = problem(at);
    if (found.loss <= loss + 1e-4 * length * slope) return { at, ...found };
  }
  return undefined;
}

/** Gives way to other work of the thread, where there was none for 50 ms. */
function pauses(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 50) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve);
    });
    last = performance.now();
  };
}

const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));

function largest(a: Float64Array): number {
  let most = 0;
  for (let j = 0; j < a.length; j++) most = Math.max(most, Math.abs(a[j]!));
  return most;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const result = a.slice();
  addScaled(result, b, -1);
  return result;
}

function addScaled(to: Float64Array, from: Float64Array, factor: number): void {
  for (let j = 0; j < to.length; j++) to[j]! += factor * from[j]!;
}
