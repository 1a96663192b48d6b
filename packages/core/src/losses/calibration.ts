/** Expected calibration error: probabilities beside how often they are right, over the queries of many tasks. */
import type { Tensor } from "@innerloop/graph";
import { type PooledMetric, pooledFigure, type RowMeasure } from "./metric.js";

/**
 * The confidence of predictions: a value for every prediction by itself, [n, ...] of predictions [n, ...]; a row's do not
 * depend on other rows.
 */
export interface PredictionConfidence {
  /** The probability of the most probable class. */
  readonly topProbability: RowMeasure;
  /** 1 where that is the class of the target, 0 where not. */
  readonly correct: RowMeasure;
}

/** The confidence of one task's predictions: values of `PredictionConfidence`, padding among them where it is said. */
export type TaskConfidence = {
  readonly topProbability: Tensor;
  readonly correct: Tensor;
  /** [n]: 1 for rows that are there, 0 for padding. */
  readonly present?: Tensor;
};

/** Bins of equal width, as Guo et al. 2017 have them. */
const binCount = 15;

/**
 * Expected calibration error with 15 bins of equal width (Guo, Pleiss, Sun & Weinberger 2017):
 *
 *   ECE = sum over bins B of |B| / n  |accuracy(B) - mean top probability(B)|
 *
 * over the queries of ALL tasks together. That of a single task with a few dozen queries would be mostly noise, which
 * the absolute value turns into bias, and a mean over tasks keeps the bias; of the pool it is small.
 */
export const calibrationError = ({ topProbability, correct }: PredictionConfidence): PooledMetric => ({
  name: "calibrationError",
  title: "calibration error",
  better: "lower",
  share: true,
  note: `in ${binCount} bins over the queries of all tasks, its interval by bootstrap over tasks`,
  pooled: pooledFigure({
    statistics: (prediction: Tensor, y: Tensor, present): TaskConfidence => ({
      topProbability: topProbability(prediction, y),
      correct: correct(prediction, y),
      ...(present ? { present } : {}),
    }),
    combine: (tasks) => {
      const gaps = tasks.map(gapsOf);
      return (times) => pooledError(gaps, times);
    },
  }),
});

/** Of one task: the sum over each bin of correct - top probability, and the number of queries. */
interface Gaps {
  readonly byBin: Float64Array;
  readonly queries: number;
}

function gapsOf({ topProbability, correct, present }: TaskConfidence): Gaps {
  const byBin = new Float64Array(binCount);
  const perRow = present ? topProbability.size / present.size : 1;
  let queries = 0;
  for (let i = 0; i < topProbability.size; i++) {
    if (present && !(Number(present.data![Math.floor(i / perRow)]) > 0)) continue;
    const p = Number(topProbability.data![i]);
    // Bins are ((b - 1) / 15, b / 15]. A probability that is not a number has to show in the result, in whatever bin.
    const bin = Math.min(binCount, Math.max(1, Math.ceil(p * binCount) || 1)) - 1;
    byBin[bin]! += Number(correct.data![i]) - p;
    queries++;
  }
  return { byBin, queries };
}

/** |B| (accuracy - confidence) is the sum over B of correct - top probability: no division by the size of a bin. */
function pooledError(gaps: readonly Gaps[], times: ArrayLike<number>): number {
  const totals = new Float64Array(binCount);
  let queries = 0;
  for (let task = 0; task < gaps.length; task++) {
    const weight = times[task]!;
    if (weight === 0) continue;
    const { byBin, queries: n } = gaps[task]!;
    for (let bin = 0; bin < binCount; bin++) totals[bin]! += weight * byBin[bin]!;
    queries += weight * n;
  }
  return totals.reduce((sum, total) => sum + Math.abs(total), 0) / queries;
}
