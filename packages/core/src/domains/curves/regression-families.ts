/**
 * Families of curves that regression is tried on, beside the sinusoids: each draws a curve, `curveTasks` looks at it.
 */

import { type DescribedTaskSource, TaskError, wholeNumber } from "../../tasks/task.js";
import { type CurveTaskOptions, checkedRanges, curveTasks, describeRanges, type Range } from "./curve-tasks.js";

/** Options of `harmonics`. */
export interface HarmonicOptions extends CurveTaskOptions {
  /** In radians for each unit of x. */
  readonly frequency?: Range;
  /** In radians. */
  readonly phase?: Range;
  /** The middle of a task's inputs. */
  readonly centre?: Range;
}

/**
 * Sums of two sines, one of twice the frequency: y = a1 sin(w x + b1) + a2 sin(2 w x + b2), with a1, a2 ~ N(0, 1),
 * w ~ U[5, 7], b1, b2 ~ U[0, 2 pi]; a task is seen at points x ~ N(m, 1) around a middle m ~ U[-4, 4] of its own.
 *
 * Lacoste et al. 2018, "Uncertainty in multitask transfer learning", in the form that Torchmeta (Deleu et al. 2019)
 * gives it. Five parameters and a window make it far harder than the sinusoids.
 *
 * @throws ILT201 as `curveTasks`, or where a range is not finite or is reversed
 * @example harmonics({ shots: 10, queries: 50, noise: 0.1 })
 */
export function harmonics(options: HarmonicOptions = {}): DescribedTaskSource {
  const { frequency = [5, 7], phase = [0, 2 * Math.PI], centre = [-4, 4] } = options;
  const ranges = checkedRanges("harmonics", { frequency, phase, centre });
  const description = { amplitude: "normal, deviation 1", ...describeRanges(ranges), x: "normal around centre" };
  return curveTasks(
    {
      name: "harmonics",
      description,
      curve: (source) => {
        const [a1, a2] = [source.normal(), source.normal()];
        const w = source.uniform(...frequency);
        const [b1, b2] = [source.uniform(...phase), source.uniform(...phase)];
        const middle = source.uniform(...centre);
        return {
          input: () => source.normal(middle),
          values: (inputs) => Array.from(inputs, (x) => a1 * Math.sin(w * x + b1) + a2 * Math.sin(2 * w * x + b2)),
        };
      },
    },
    options,
  );
}

/** Options of `lines`. */
export interface LineOptions extends CurveTaskOptions {
  readonly slope?: Range;
  /** The value at x = 0. */
  readonly intercept?: Range;
  readonly x?: Range;
}

/**
 * Lines y = a x + b with a, b ~ U[-3, 3], seen at points x ~ U[-5, 5].
 *
 * Finn, Xu and Levine 2018, "Probabilistic model-agnostic meta-learning", section 6, which mixes them with sinusoids
 * and adds noise of deviation 0.3.
 *
 * @throws ILT201 as `curveTasks`, or where a range is not finite or is reversed
 * @example lines({ shots: 5, noise: 0.3 })
 */
export function lines(options: LineOptions = {}): DescribedTaskSource {
  const { slope = [-3, 3], intercept = [-3, 3], x = [-5, 5] } = options;
  const ranges = checkedRanges("lines", { slope, intercept, x });
  return curveTasks(
    {
      name: "lines",
      description: describeRanges(ranges),
      inputs: x,
      curve: (source) => {
        const [a, b] = [source.uniform(...slope), source.uniform(...intercept)];
        return {
          input: () => source.uniform(...x),
          values: (inputs) => Array.from(inputs, (input) => a * input + b),
        };
      },
    },
    options,
  );
}

/** Options of `steps`. */
export interface StepOptions extends CurveTaskOptions {
  /** Pieces of a curve, 3 by default. */
  readonly pieces?: number;
  /** The values that it takes. */
  readonly level?: Range;
  readonly x?: Range;
}

/**
 * Piecewise constant curves: `pieces - 1` thresholds ~ U[-5, 5], as the inputs, and on each piece between them a level
 * ~ U[-3, 3]. Curves that are not smooth: what has learned that all are has to unlearn it. A threshold belongs to the
 * piece on its right.
 *
 * @throws ILT201 as `curveTasks`, where pieces is not a whole number of at least 1, or a range is not finite or
 * reversed
 * @example steps({ shots: 20, pieces: 2 })
 */
export function steps(options: StepOptions = {}): DescribedTaskSource {
  const { level = [-3, 3], x = [-5, 5] } = options;
  const pieces = wholeNumber(options.pieces ?? 3, "steps", "pieces");
  const ranges = checkedRanges("steps", { level, x });
  return curveTasks(
    {
      name: "steps",
      description: { pieces, ...describeRanges(ranges) },
      inputs: x,
      curve: (source) => {
        const thresholds = Array.from({ length: pieces - 1 }, () => source.uniform(...x));
        const levels = Array.from({ length: pieces }, () => source.uniform(...level));
        return {
          input: () => source.uniform(...x),
          // The piece of an input is the number of thresholds that it has passed, in whatever order they are.
          values: (inputs) => Array.from(inputs, (input) => levels[thresholds.filter((t) => t <= input).length]!),
        };
      },
    },
    options,
  );
}

/** Options of `gaussianProcesses`. */
export interface GaussianProcessOptions extends CurveTaskOptions {
  /** How far along x a curve stays alike. */
  readonly lengthScale?: Range;
  /** Standard deviation of its values. */
  readonly deviation?: Range;
  readonly x?: Range;
}

/**
 * Curves of Gaussian processes with the kernel k(x, x') = s^2 exp(-(x - x')^2 / (2 l^2)): each task has a length scale
 * l ~ U[0.1, 0.6] and a deviation s ~ U[0.1, 1] of its own, points x ~ U[-2, 2] and noise of deviation 0.02.
 *
 * Kim et al. 2019, "Attentive neural processes", their curves with random kernel parameters. The values of all points
 * of a task are drawn at once, in time cubic in their number.
 *
 * @throws ILT201 as `curveTasks`, or where a range is not finite, is reversed or, but for x, reaches 0
 * @example gaussianProcesses({ shots: { from: 3, to: 50 }, queries: 50 })
 */
export function gaussianProcesses(options: GaussianProcessOptions = {}): DescribedTaskSource {
  const { lengthScale = [0.1, 0.6], deviation = [0.1, 1], x = [-2, 2], noise = 0.02 } = options;
  const ranges = checkedRanges("gaussianProcesses", { lengthScale, deviation, x });
  for (const [name, [low]] of Object.entries({ lengthScale, deviation })) {
    if (low > 0) continue;
    throw new TaskError("ILT201", "gaussianProcesses", `${name} begins at ${low}`, "Give a range above 0");
  }
  return curveTasks(
    {
      name: "gaussianProcesses",
      description: { kernel: "squared exponential", ...describeRanges(ranges) },
      inputs: x,
      curve: (source) => {
        const [l, s] = [source.uniform(...lengthScale), source.uniform(...deviation)];
        return {
          input: () => source.uniform(...x),
          values: (inputs) => {
            const root = cholesky(inputs.length, (i, j) => Math.exp(-0.5 * ((inputs[i]! - inputs[j]!) / l) ** 2));
            const normals = Array.from(inputs, () => source.normal());
            return Array.from(inputs, (_, i) => s * root[i]!.reduce((sum, value, j) => sum + value * normals[j]!, 0));
          },
        };
      },
    },
    { ...options, noise },
  );
}

/** Added to variances of 1: a kernel matrix of points close to each other is singular but for rounding. */
const jitter = 1e-8;

/** The rows of the lower triangular root L of a covariance matrix: L L^T = K + jitter I. */
function cholesky(n: number, covariance: (i: number, j: number) => number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const row = new Float64Array(i + 1);
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : rows[j]!;
      let rest = covariance(i, j) + (i === j ? jitter : 0);
      for (let k = 0; k < j; k++) rest -= row[k]! * other[k]!;
      row[j] = j === i ? Math.sqrt(rest) : rest / other[j]!;
    }
    rows.push(row);
  }
  return rows;
}
