/** Figures that exist only over a whole data set, with the interval of a bootstrap over its tasks. */
import type { Tree } from "@innerloop/graph";
import type { PooledFigure } from "../losses/metric.js";
import { random } from "../random/random.js";
import { TrainingError } from "../training/training-error.js";
import type { Estimated } from "./estimated.js";

/** Samples of the bootstrap: the deviation that is made of so many is itself known to about 3%. */
const resampleCount = 500;

/** Numbers of times that each task is drawn: a row for each sample of the bootstrap. */
export type TaskResamples = readonly Uint16Array[];

/** As many tasks as there are, drawn with replacement, 500 times: the same draws for the same number. */
export function taskResamples(count: number): TaskResamples {
  return Array.from({ length: resampleCount }, (_, i) => {
    const source = random(count, i);
    const times = new Uint16Array(count);
    for (let drawn = 0; drawn < count; drawn++) times[source.integer(count)]!++;
    return times;
  });
}

/** A pooled figure with the statistics of the tasks that it is of, in the order of their addresses. */
export interface PooledTasks {
  readonly figure: Pick<PooledFigure, "combine">;
  /** What `statistics` made of each task, with values. */
  readonly statistics: readonly Tree[];
}

/**
 * The figure of all tasks together. Its interval is 1.96 standard deviations of a bootstrap over tasks, since the rows
 * of one task depend on each other; that of a single task is infinite.
 *
 * @param resamples `taskResamples(statistics.length)`, where there are several figures to be worked out
 */
export function pooledEstimate(
  { figure, statistics }: PooledTasks,
  resamples: TaskResamples = taskResamples(statistics.length),
): Estimated {
  const over = figure.combine(statistics);
  return bootstrapped(over, statistics.length, resamples);
}

/**
 * The pooled figure of one learner minus that of another on the same tasks. The bootstrap draws tasks, and takes both
 * learners' predictions on them: what makes a task hard for both cancels.
 *
 * @throws TrainingError ILR101 where they are not of as many tasks
 */
export function pooledDifference(
  a: PooledTasks,
  b: PooledTasks,
  resamples: TaskResamples = taskResamples(a.statistics.length),
): Estimated {
  const [count, others] = [a.statistics.length, b.statistics.length];
  if (count !== others || (resamples[0]?.length ?? count) !== count) {
    const problem = `${count} tasks, ${others} tasks and resamples of ${resamples[0]?.length ?? count}`;
    const remedy = "Give both learners' predictions on the same tasks";
    throw new TrainingError("ILR101", "pooledDifference", problem, remedy);
  }
  const [first, second] = [a.figure.combine(a.statistics), b.figure.combine(b.statistics)];
  return bootstrapped((times) => first(times) - second(times), count, resamples);
}

function bootstrapped(
  over: (times: ArrayLike<number>) => number,
  count: number,
  resamples: TaskResamples,
): { readonly mean: number; readonly interval: number } {
  const mean = over(new Uint16Array(count).fill(1));
  if (count < 2) return { mean, interval: Number.POSITIVE_INFINITY };
  const values = resamples.map(over);
  const centre = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - centre) ** 2, 0) / (values.length - 1);
  return { mean, interval: 1.96 * Math.sqrt(variance) };
}
