/** Whether probabilities mean what they say: expected calibration error over the queries of many tasks. */
import { random } from "../random/random.js";
import { TrainingError } from "../training/training-error.js";
import type { Estimated } from "./evaluate.js";

/** The confidence of one task's predictions: a value for each of its queries, padding left out. */
export interface TaskConfidence {
  /** The probability of the most probable class. */
  readonly topProbability: ArrayLike<number>;
  /** 1 where that is the class of the query, 0 where not. */
  readonly correct: ArrayLike<number>;
}

/** Bins of equal width, as Guo et al. 2017 have them. */
const binCount = 15;

/** Samples of the bootstrap: the deviation that is made of so many is itself known to about 3%. */
const resampleCount = 500;

/** Numbers of times that each task is drawn: a row for each sample of the bootstrap. */
export type TaskResamples = readonly Uint16Array[];

/** As many tasks as there are, drawn with replacement, `resampleCount` times: the same draws for the same number. */
export function taskResamples(count: number): TaskResamples {
  return Array.from({ length: resampleCount }, (_, i) => {
    const source = random(count, i);
    const times = new Uint16Array(count);
    for (let drawn = 0; drawn < count; drawn++) times[source.integer(count)]!++;
    return times;
  });
}

/**
 * Expected calibration error with 15 bins of equal width (Guo, Pleiss, Sun & Weinberger 2017):
 *
 *   ECE = sum over bins B of |B| / n  |accuracy(B) - mean top probability(B)|
 *
 * over the queries of ALL tasks together. That of a single task with a few dozen queries would be mostly noise, which
 * the absolute value turns into bias, and a mean over tasks keeps the bias; of the pool it is small.
 *
 * The interval is 1.96 standard deviations of a bootstrap over tasks, since queries of one task depend on each other.
 *
 * @param resamples `taskResamples(tasks.length)`, where there are several to be worked out
 */
export function calibrationError(
  tasks: readonly TaskConfidence[],
  resamples: TaskResamples = taskResamples(tasks.length),
): Estimated {
  const gaps = tasks.map(gapsOf);
  return {
    mean: pooledError(gaps, undefined),
    interval: bootstrapInterval(tasks.length, resamples, (times) => pooledError(gaps, times)),
  };
}

/**
 * The calibration error of one learner minus that of another on the same tasks. The bootstrap draws tasks, and takes
 * both learners' predictions on them: what makes a task hard for both cancels.
 */
export function calibrationDifference(
  a: readonly TaskConfidence[],
  b: readonly TaskConfidence[],
  resamples: TaskResamples = taskResamples(a.length),
): Estimated {
  if (a.length !== b.length || (resamples[0] ?? a).length !== a.length) {
    const problem = `${a.length} tasks, ${b.length} tasks and resamples of ${(resamples[0] ?? a).length}`;
    throw new TrainingError(
      "ILR101",
      "calibrationDifference",
      problem,
      "Give both learners' predictions on the same tasks",
    );
  }
  const [first, second] = [a.map(gapsOf), b.map(gapsOf)];
  const difference = (times: Uint16Array | undefined): number => pooledError(first, times) - pooledError(second, times);
  return { mean: difference(undefined), interval: bootstrapInterval(a.length, resamples, difference) };
}

/** Of one task: the sum over each bin of correct - top probability, and the number of queries. */
interface Gaps {
  readonly byBin: Float64Array;
  readonly queries: number;
}

function gapsOf({ topProbability, correct }: TaskConfidence): Gaps {
  const byBin = new Float64Array(binCount);
  for (let i = 0; i < topProbability.length; i++) {
    const p = topProbability[i]!;
    // Bins are ((b - 1) / 15, b / 15]. A probability that is not a number has to show in the result, in whatever bin.
    const bin = Math.min(binCount, Math.max(1, Math.ceil(p * binCount) || 1)) - 1;
    byBin[bin]! += correct[i]! - p;
  }
  return { byBin, queries: topProbability.length };
}

/** |B| (accuracy - confidence) is the sum over B of correct - top probability: no division by the size of a bin. */
function pooledError(gaps: readonly Gaps[], times: Uint16Array | undefined): number {
  const totals = new Float64Array(binCount);
  let queries = 0;
  for (let task = 0; task < gaps.length; task++) {
    const weight = times ? times[task]! : 1;
    if (weight === 0) continue;
    const { byBin, queries: n } = gaps[task]!;
    for (let bin = 0; bin < binCount; bin++) totals[bin]! += weight * byBin[bin]!;
    queries += weight * n;
  }
  return totals.reduce((sum, total) => sum + Math.abs(total), 0) / queries;
}

function bootstrapInterval(count: number, resamples: TaskResamples, statistic: (times: Uint16Array) => number): number {
  if (count < 2) return Number.POSITIVE_INFINITY;
  const values = resamples.map(statistic);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1);
  return 1.96 * Math.sqrt(variance);
}
