import { tensor } from "@innerloop/graph";
import { type Random, random } from "../../random/random.js";
import {
  type Count,
  countRange,
  type DescribedTaskSource,
  describeCount,
  drawCount,
  type Examples,
  isRange,
  TaskError,
  type TaskSource,
} from "../../tasks/task.js";

/** Lower and upper bound of a uniform distribution. */
export type Range = readonly [low: number, high: number];

/** Options of all families of curves. */
export interface CurveTaskOptions {
  /** Support examples of a task (K), 10 by default. */
  readonly shots?: Count;
  /** Query examples of a task; as many as shots unless given, the most of them where they vary. */
  readonly queries?: Count;
  /** Standard deviation of normal noise on all targets. */
  readonly noise?: number;
}

/** One curve: where it is looked at, and what it is there. */
export interface Curve {
  /** The next input, at random. */
  readonly input: () => number;
  /**
   * The values at the inputs of a task, support and query, which are asked for once. The inputs are there for this call:
   * their array is written again for the next task.
   */
  readonly values: (inputs: Float32Array) => ArrayLike<number>;
}

/** A distribution over curves of one variable. */
export interface CurveFamily {
  readonly name: string;
  /** The distribution as results should state it. */
  readonly description: TaskSource["description"];
  /** Where all inputs lie, both included. */
  readonly inputs?: Range;
  readonly curve: (source: Random) => Curve;
}

/**
 * Regression tasks from a distribution over curves: a task is one curve at random inputs, those of support and query
 * drawn independently.
 *
 * Shapes: support x and y [shots, 1], query x and y [queries, 1], all float32. Where a number is a range, tasks have
 * the shapes of the largest one: the rows that a task has come first, `present` is 1 for them, the others are zeros.
 *
 * A family of one's own is a function from random numbers to a curve.
 *
 * @throws ILT201 where shots or queries are not whole numbers of at least 1 or ranges of them, or noise is below 0
 * @example
 * curveTasks({
 *   name: "parabolas", description: { a: "-1 to 1" },
 *   curve: (source) => { const a = source.uniform(-1, 1); return { input: () => source.uniform(-2, 2), values: (x) =>
 * x.map((v) => a * v * v) }; }, }, { shots: 5, queries: 20 })
 */
export function curveTasks(family: CurveFamily, options: CurveTaskOptions = {}): DescribedTaskSource {
  const { name } = family;
  const { shots = 10, noise = 0 } = options;
  const most = countRange(shots, name, "shots").to;
  const queries = options.queries ?? most;
  const mostQueries = countRange(queries, name, "queries").to;
  if (!(Number.isFinite(noise) && noise >= 0)) {
    throw new TaskError("ILT201", name, `noise is ${noise}`, "Give a standard deviation of at least 0");
  }
  const varies = isRange(shots) || isRange(queries);
  // Written again for each task: an array of more than 64 bytes takes as long to make as all of its numbers.
  let scratch = new Float32Array();
  return {
    name,
    description: {
      shots: describeCount(shots),
      queries: describeCount(queries),
      ...family.description,
      ...(noise > 0 ? { noise } : {}),
    },
    spec: {
      x: {
        shape: [1],
        dtype: "float32",
        ...(family.inputs ? { range: { least: family.inputs[0], most: family.inputs[1] } } : {}),
      },
      y: { shape: [1], dtype: "float32" },
      support: { rows: most, ...(varies ? { present: true } : {}) },
      query: { rows: mostQueries, ...(varies ? { present: true } : {}) },
    },
    sample(seed, index) {
      const source = random(seed, index);
      // The curve comes first: it does not depend on how it is looked at.
      const { input, values } = family.curve(source);
      const taskShots = drawCount(shots, source);
      const length = taskShots + drawCount(queries, source);
      if (scratch.length < length) scratch = new Float32Array(length);
      const inputs = scratch.subarray(0, length);
      for (let i = 0; i < length; i++) inputs[i] = input();
      finite(inputs, name, "inputs");
      const exact = finite(values(inputs), name, "values");
      if (exact.length !== length) {
        const problem = `${exact.length} values for ${length} inputs`;
        throw new TaskError("ILT301", name, problem, "Let `values` return one number for each input");
      }
      /** The points from `first` to before `end`, then zeros. */
      const examples = (first: number, end: number, rows: number): Examples => {
        const [x, y] = [new Float32Array(rows), new Float32Array(rows)];
        for (let i = first; i < end; i++) {
          x[i - first] = inputs[i]!;
          y[i - first] = noise > 0 ? exact[i]! + source.normal(0, noise) : exact[i]!;
        }
        const points = { x: tensor(x, [rows, 1]), y: tensor(y, [rows, 1]) };
        return varies ? { ...points, present: tensor(new Float32Array(rows).fill(1, 0, end - first), [rows]) } : points;
      };
      return { support: examples(0, taskShots, most), query: examples(taskShots, length, mostQueries) };
    },
  };
}

/** Passes on finite numbers; throws ILT302 for anything else. */
function finite<T extends ArrayLike<number>>(numbers: T, operation: string, what: string): T {
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    throw new TaskError(
      "ILT302",
      operation,
      `${numbers[i]} among the ${what} of a curve`,
      "Let them be finite numbers",
    );
  }
  return numbers;
}

/** @internal Passes on ranges of finite numbers, lower first; throws ILT201 for anything else. */
export function checkedRanges<T extends Readonly<Record<string, Range>>>(operation: string, ranges: T): T {
  for (const [name, [low, high]] of Object.entries(ranges)) {
    if (Number.isFinite(low) && Number.isFinite(high) && low <= high) continue;
    throw new TaskError("ILT201", operation, `${name} is [${low}, ${high}]`, "Give two finite numbers, lower first");
  }
  return ranges;
}

/** @internal Ranges as descriptions state them: "0.1 to 5". */
export const describeRanges = <T extends Readonly<Record<string, Range>>>(ranges: T): { [K in keyof T]: string } =>
  Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, range.join(" to ")])) as {
    [K in keyof T]: string;
  };
