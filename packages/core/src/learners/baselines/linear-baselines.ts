/** Linear models beside a meta-learner of regression: what plain statistics make of the same tasks. */
import {
  add,
  broadcastTo,
  cast,
  concat,
  expandAxis,
  GraphError,
  matmul,
  mul,
  ones,
  reshape,
  sizeOf,
  sub,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
  toNumbers,
  transpose,
} from "@innerloop/graph";
import { meanSquaredError } from "../../losses/losses.js";
import { specOf } from "../../tasks/source-spec.js";
import { type Examples, splitSeed, type TaskSource } from "../../tasks/task.js";
import { isTensorSpec, type SpecTree, type TaskSpec, type TensorSpec } from "../../tasks/task-spec.js";
import { identityMatrix, solvePositiveDefinite } from "../closed-form/linear-systems.js";
import type { Adapter } from "../learner.js";

/**
 * A Gaussian prior of the coefficients of a task's line, for each output by itself: targets are x b + e with
 * b ~ N(mean, covariance), e ~ N(0, noise). Inputs have a column of ones, the last. All are float64.
 */
export type LinearPrior = {
  /** [outputs, coefficients] */
  readonly mean: Tensor;
  /** [outputs, coefficients, coefficients] */
  readonly covariance: Tensor;
  /** [outputs] */
  readonly noise: Tensor;
};

/** The coefficients of one task, [coefficients, outputs]; those of the column of ones are the last row. */
export type LinearCoefficients = {
  readonly coefficients: Tensor;
};

/** Options of the linear baselines. */
export interface LinearBaselineOptions {
  /** Training tasks: they say how many inputs and outputs there are, and what tasks have in common. */
  readonly tasks: TaskSource;
  /** Training tasks that are looked at, 256 by default. */
  readonly count?: number;
}

/**
 * Least squares on the support set of each task by itself: the line of the smallest squared error, of several that of the
 * smallest coefficients for inputs brought to mean 0 and deviation 1 over the training tasks (a penalty of 1e-6 on their
 * squares). So inputs may be in any units.
 *
 * Tasks: x [n, ...], flattened, and y [n, outputs]. It has nothing to train.
 *
 * @example
 * const learner = leastSquares({ tasks: tasks.train });
 * await evaluate({ learner, params: learner.init(key(0)), tasks: tasks.test });
 */
export function leastSquares({ tasks, count = 256 }: LinearBaselineOptions): Adapter<LinearPrior, LinearCoefficients> {
  return linearBaseline("least squares", (seed) => {
    const [inputs, outputs] = sizesOf(tasks);
    const p = inputs + 1;
    const { mean, deviation } = inputScales(tasks, seed, count);
    const covariance = new Float64Array(outputs * p * p);
    for (let k = 0; k < outputs; k++) {
      const own = covariance.subarray(k * p * p, (k + 1) * p * p);
      own[p * p - 1] = 1;
      // A slope b of (x - mean) / deviation is b / deviation of x, and takes b mean / deviation from the constant.
      for (let i = 0; i < inputs; i++) {
        const [slope, constant] = [1 / deviation[i]!, -mean[i]! / deviation[i]!];
        own[i * (p + 1)] = slope ** 2;
        own[i * p + inputs] = slope * constant;
        own[inputs * p + i] = slope * constant;
        own[p * p - 1]! += constant ** 2;
      }
    }
    return { mean: new Float64Array(outputs * p), covariance, noise: new Float64Array(outputs).fill(1e-6) };
  });
}

/** The mean target of the training tasks, whatever the support set: what every model is to beat. */
export function pooledMean({ tasks, count = 256 }: LinearBaselineOptions): Adapter<LinearPrior, LinearCoefficients> {
  return linearBaseline("pooled mean", (seed) => {
    const [inputs, outputs] = sizesOf(tasks);
    const p = inputs + 1;
    const moments = momentsOf(tasks, seed, count);
    const rows = moments.reduce((sum, each) => sum + each.rows, 0);
    const mean = new Float64Array(outputs * p);
    for (let k = 0; k < outputs; k++) {
      // The last of the products with the inputs is that with the column of ones: a sum of targets.
      mean[k * p + p - 1] = moments.reduce((sum, each) => sum + each.targets[k]!.products[p - 1]!, 0) / rows;
    }
    return { mean, covariance: new Float64Array(outputs * p * p), noise: new Float64Array(outputs).fill(1) };
  });
}

/**
 * A hierarchical linear model with random intercepts and slopes, by empirical Bayes: each task has a line of its own, the
 * lines are drawn from a normal distribution whose mean and covariance the training tasks tell, and the coefficients of a
 * new task are their posterior mean given its support set.
 *
 *   b | support = mean + S X^T (X S X^T + noise I)^-1 (y - X mean)
 *
 * Mean, covariance S and noise maximise the likelihood of the training tasks, found by expectation-maximisation (Laird &
 * Ware 1982) in at most 100 rounds, fewer for many inputs. Outputs are independent of each other. Nothing predicts better
 * where tasks are such lines.
 *
 * @example
 * const learner = hierarchicalLinearModel({ tasks: tasks.train });
 * await evaluate({ learner, params: learner.init(key(0)), tasks: tasks.test });
 */
export function hierarchicalLinearModel({
  tasks,
  count = 256,
}: LinearBaselineOptions): Adapter<LinearPrior, LinearCoefficients> {
  return linearBaseline("hierarchical linear model", (seed) => {
    const [inputs, outputs] = sizesOf(tasks);
    const moments = momentsOf(tasks, seed, count);
    const priors = Array.from({ length: outputs }, (_, k) => estimatedPrior(moments, k, inputs + 1));
    return {
      mean: Float64Array.from(priors.flatMap(({ mean }) => [...mean])),
      covariance: Float64Array.from(priors.flatMap(({ covariance }) => [...covariance])),
      noise: Float64Array.from(priors, ({ noise }) => noise),
    };
  });
}

/** Adapting as the posterior mean under a prior, which `init` tells from the seed of its key. */
function linearBaseline(
  name: string,
  priorOf: (seed: number) => { readonly [part in keyof LinearPrior]: Float64Array },
): Adapter<LinearPrior, LinearCoefficients> {
  return {
    name,
    description: { method: name },
    loss: meanSquaredError,
    init: ({ seed }) => {
      const { mean, covariance, noise } = priorOf(seed);
      const outputs = noise.length;
      const p = mean.length / outputs;
      return {
        mean: tensor(mean, [outputs, p]),
        covariance: tensor(covariance, [outputs, p, p]),
        noise: tensor(noise, [outputs]),
      };
    },
    adapt: ({ mean, covariance, noise }, support) => {
      const { x, y } = exactRows(support);
      const [rows, outputs] = y.shape as [number, number];
      const p = x.shape[1]!;
      const column = (t: Tensor): Tensor => reshape(t, [outputs, -1, 1]);
      // Rows of padding are zeros: of them nothing is to be explained, and nothing is.
      const residuals = sub(transpose(y), matmul(mean, swapLast(x)));
      const spread = matmul(covariance, broadcastTo(expandAxis(swapLast(x), 0), [outputs, p, rows]));
      const unexplained = mul(reshape(noise, [outputs, 1, 1]), identityMatrix(rows, "float64"));
      const kernel = add(matmul(broadcastTo(expandAxis(x, 0), [outputs, rows, p]), spread), unexplained);
      const moved = matmul(spread, solvePositiveDefinite(kernel, column(residuals)));
      return { coefficients: cast(swapLast(reshape(add(column(mean), moved), [outputs, p])), support.x.dtype) };
    },
    predict: ({ coefficients }, x) => matmul(withConstant(x, ones([x.shape[0]!, 1], x.dtype)), coefficients),
  };
}

const withConstant = (x: Tensor, constant: Tensor): Tensor => concat([reshape(x, [x.shape[0]!, -1]), constant], 1);

/** Inputs with the column of ones, and targets, in float64: rows of padding are zeros in both. */
function exactRows({ x, y, present }: Examples): { x: Tensor; y: Tensor } {
  const rows = x.shape[0]!;
  const there = present ? reshape(cast(present, "float64"), [rows, 1]) : ones([rows, 1], "float64");
  return {
    x: mul(withConstant(cast(x, "float64"), ones([rows, 1], "float64")), there),
    y: mul(reshape(cast(y, "float64"), [rows, -1]), there),
  };
}

function sizesOf(tasks: TaskSource): [inputs: number, outputs: number] {
  const spec: TaskSpec<Tree, Tree> = specOf(tasks);
  const [x, y] = [requireOneSpec(spec.x), requireOneSpec(spec.y)];
  return [sizeOf(x.shape), sizeOf(y.shape)];
}

/** @throws IL303 where inputs or targets are a tree of tensors */
function requireOneSpec(spec: SpecTree): TensorSpec {
  if (isTensorSpec(spec)) return spec;
  const problem = `tasks hold a tree of ${Object.keys(spec).join(", ")}`;
  throw new GraphError("IL303", "linear baseline", problem, "Give tasks of one tensor of inputs and one of targets");
}

/** Mean and deviation of each input over the rows of training tasks; the deviation of one that is always the same is 1. */
function inputScales(
  tasks: TaskSource,
  seed: number,
  count: number,
): { readonly mean: Float64Array; readonly deviation: Float64Array } {
  const [inputs] = sizesOf(tasks);
  const [mean, squares] = [new Float64Array(inputs), new Float64Array(inputs)];
  let rows = 0;
  for (let index = 0; index < count; index++) {
    const { support, query } = tasks.sample(splitSeed(seed, "train"), index);
    for (const { x, present } of [support, query]) {
      const [values, there] = [toNumbers(x), present && toNumbers(present)];
      for (let row = 0; row < x.shape[0]!; row++) {
        if (there?.[row] === 0) continue;
        rows++;
        // Welford (1962): sums of squares would lose the digits in which large values differ.
        for (let i = 0; i < inputs; i++) {
          const value = values[row * inputs + i]!;
          const before = value - mean[i]!;
          mean[i]! += before / rows;
          squares[i]! += before * (value - mean[i]!);
        }
      }
    }
  }
  return { mean, deviation: squares.map((sum) => Math.sqrt(sum / rows) || 1) };
}

/** All that least squares ask of a task's rows, support and query together. */
interface Moments {
  readonly rows: number;
  /** X^T X, [p, p] */
  readonly gram: Float64Array;
  /** For each output X^T y, [p], and y^T y. */
  readonly targets: readonly { readonly products: Float64Array; readonly square: number }[];
}

function momentsOf(tasks: TaskSource, seed: number, count: number): Moments[] {
  const taskSeed = splitSeed(seed, "train");
  return Array.from({ length: count }, (_, index) => {
    const { support, query } = tasks.sample(taskSeed, index);
    const parts = [support, query].map(({ x, y, present }) => ({
      x: toNumbers(x),
      y: toNumbers(y),
      inputs: x.size / x.shape[0]!,
      outputs: y.size / y.shape[0]!,
      there: present ? toNumbers(present) : new Array<number>(x.shape[0]!).fill(1),
    }));
    const [{ inputs, outputs }] = parts as [(typeof parts)[number]];
    const p = inputs + 1;
    const gram = new Float64Array(p * p);
    const targets = Array.from({ length: outputs }, () => ({ products: new Float64Array(p), square: 0 }));
    let rows = 0;
    for (const { x, y, there } of parts) {
      for (const [row, isThere] of there.entries()) {
        if (isThere === 0) continue;
        rows++;
        const z = [...x.slice(row * inputs, (row + 1) * inputs), 1];
        for (let i = 0; i < p; i++) for (let j = 0; j < p; j++) gram[i * p + j]! += z[i]! * z[j]!;
        for (const [k, target] of targets.entries()) {
          const value = y[row * outputs + k]!;
          target.square += value * value;
          for (let i = 0; i < p; i++) target.products[i]! += z[i]! * value;
        }
      }
    }
    return { rows, gram, targets };
  });
}

/** So many multiplications at most for one output: seconds. */
const mostMultiplications = 3e9;

/**
 * Expectation-maximisation for one output. With B = noise I + X^T X S, a task's coefficients have the posterior
 * mean + S B^-1 X^T (y - X mean), covariance noise S B^-1.
 */
function estimatedPrior(
  tasks: readonly Moments[],
  output: number,
  p: number,
): { readonly mean: Float64Array; readonly covariance: Float64Array; readonly noise: number } {
  const rows = tasks.reduce((sum, task) => sum + task.rows, 0);
  const pooled = new Float64Array(p * p);
  const products = new Float64Array(p);
  for (const { gram, targets } of tasks) {
    for (let i = 0; i < p * p; i++) pooled[i]! += gram[i]!;
    for (let i = 0; i < p; i++) products[i]! += targets[output]!.products[i]!;
  }
  const square = tasks.reduce((sum, { targets }) => sum + targets[output]!.square, 0) / rows;
  const least = 1e-9 * square || 1e-9;
  // One line for all tasks to begin with; half the targets' size is noise, half differences between tasks.
  const penalised = Float64Array.from(pooled, (value, i) => (i % (p + 1) === 0 ? value + 1e-6 * rows : value));
  let mean = product(inverse(penalised, p), products, p, 1);
  let noise = Math.max(least, square / 2);
  let covariance: Float64Array = Float64Array.from({ length: p * p }, (_, i) =>
    i % (p + 1) === 0 ? square / 2 / Math.max(pooled[i]! / rows, 1e-12) / p || 1e-9 : 0,
  );
  const rounds = Math.min(100, Math.max(5, Math.floor(mostMultiplications / (4 * p ** 3 * tasks.length))));
  for (let round = 0; round < rounds; round++) {
    const sums = { mean: new Float64Array(p), second: new Float64Array(p * p), inverse: new Float64Array(p * p) };
    let residual = 0;
    for (const { gram, targets } of tasks) {
      const target = targets[output]!;
      const b = product(gram, covariance, p, p);
      for (let i = 0; i < p; i++) b[i * (p + 1)]! += noise;
      const inverted = inverse(b, p);
      const explained = product(gram, mean, p, 1);
      const toExplain = Float64Array.from(target.products, (value, i) => value - explained[i]!);
      const moved = product(covariance, product(inverted, toExplain, p, 1), p, 1);
      const posterior = Float64Array.from(mean, (value, i) => value + moved[i]!);
      const fitted = product(gram, posterior, p, 1);
      let trace = 0;
      for (let i = 0; i < p; i++) {
        residual += posterior[i]! * (fitted[i]! - 2 * target.products[i]!);
        trace += inverted[i * (p + 1)]!;
        sums.mean[i]! += posterior[i]!;
        for (let j = 0; j < p; j++) sums.second[i * p + j]! += posterior[i]! * posterior[j]!;
      }
      for (let i = 0; i < p * p; i++) sums.inverse[i]! += inverted[i]!;
      // y^T y - 2 b^T X^T y + b^T X^T X b, and what the coefficients' own uncertainty adds: tr(X^T X noise S B^-1).
      residual += target.square + noise * (p - noise * trace);
    }
    const n = tasks.length;
    const uncertain = product(covariance, sums.inverse, p, p);
    const previous = mean;
    mean = sums.mean.map((sum) => sum / n);
    const second = Float64Array.from(sums.second, (sum, i) => {
      const [row, column] = [Math.floor(i / p), i % p];
      const symmetric = (uncertain[i]! + uncertain[column * p + row]!) / 2;
      return (sum + noise * symmetric) / n - mean[row]! * mean[column]!;
    });
    const change = Math.max(largestDifference(second, covariance), Math.abs(residual / rows - noise));
    covariance = second;
    noise = Math.max(least, residual / rows);
    if (change + largestDifference(mean, previous) ** 2 < 1e-7 * square) break;
  }
  return { mean, covariance, noise };
}

const largestDifference = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

/** A B for A [p, p] and B [p, m], by rows. */
function product(a: Float64Array, b: Float64Array, p: number, m: number): Float64Array {
  const result = new Float64Array(p * m);
  for (let i = 0; i < p; i++)
    for (let k = 0; k < p; k++) {
      const factor = a[i * p + k]!;
      if (factor === 0) continue;
      for (let j = 0; j < m; j++) result[i * m + j]! += factor * b[k * m + j]!;
    }
  return result;
}

/** A^-1 of A [p, p], by Gauss-Jordan elimination with partial pivoting. */
function inverse(a: Float64Array, p: number): Float64Array {
  const [left, right] = [Float64Array.from(a), new Float64Array(p * p)];
  for (let i = 0; i < p; i++) right[i * (p + 1)] = 1;
  const swap = (of: Float64Array, one: number, other: number): void => {
    for (let j = 0; j < p; j++) [of[one * p + j], of[other * p + j]] = [of[other * p + j]!, of[one * p + j]!];
  };
  for (let column = 0; column < p; column++) {
    let pivot = column;
    for (let row = column + 1; row < p; row++)
      if (Math.abs(left[row * p + column]!) > Math.abs(left[pivot * p + column]!)) pivot = row;
    if (pivot !== column) for (const of of [left, right]) swap(of, column, pivot);
    const divisor = left[column * (p + 1)]!;
    for (const of of [left, right]) for (let j = 0; j < p; j++) of[column * p + j]! /= divisor;
    for (let row = 0; row < p; row++) {
      const factor = left[row * p + column]!;
      if (row === column || factor === 0) continue;
      for (const of of [left, right]) for (let j = 0; j < p; j++) of[row * p + j]! -= factor * of[column * p + j]!;
    }
  }
  return right;
}
