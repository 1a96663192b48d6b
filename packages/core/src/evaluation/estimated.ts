/** Means over tasks with their intervals, and differences of them task by task. */
import { TrainingError } from "../training/training-error.js";

/** A mean over tasks with the half-width of its 95% interval: 1.96 s / sqrt(n). */
export interface Estimated {
  readonly mean: number;
  readonly interval: number;
  /**
   * Half-width of the interval that takes the classes, groups or domains of the tasks for a sample, from all that are like
   * them: see `poolInterval`. Only of tasks that are drawn from so many and no more.
   */
  readonly poolInterval?: number;
}

/** Mean and 95% interval over tasks of independent values; the interval of a single one is infinite. */
export function estimated(values: ArrayLike<number>): Estimated {
  const list = Array.from(values);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  if (list.length < 2) return { mean, interval: Number.POSITIVE_INFINITY };
  const variance = list.reduce((a, b) => a + (b - mean) ** 2, 0) / (list.length - 1);
  return { mean, interval: (1.96 * Math.sqrt(variance)) / Math.sqrt(list.length) };
}

/**
 * Mean and 95% interval of a - b, task by task: narrower than the intervals of the two suggest wherever the same tasks
 * are hard for both.
 *
 * @throws TrainingError ILR101 where they are not values of as many tasks
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): Estimated {
  return estimated(differences(a, b));
}

/** a - b, value by value. @throws TrainingError ILR101 where they are not as many */
export function differences(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  if (a.length !== b.length) {
    const problem = `${a.length} values beside ${b.length}`;
    throw new TrainingError("ILR101", "pairedDifference", problem, "Give the values of two learners on the same tasks");
  }
  return Float64Array.from(a, (value, task) => value - b[task]!);
}
