/** Ratings as targets of one user, and figures that are ratios of each user. */
import {
  cast,
  formatShape,
  GraphError,
  greater,
  mul,
  ones,
  reshape,
  sum,
  type Tensor,
  toNumbers,
  where,
} from "@innerloop/graph";
import { type PooledFigure, pooledFigure } from "./metric.js";

/** The ratings of n items that are to be predicted. */
export type RatingTarget = {
  /** float32 [n, 1], standardised: (rating - mean) / deviation. */
  readonly rating: Tensor;
  /** float32 [n, 1]: 1 for items that have no ratings of training, 0 for others. */
  readonly cold: Tensor;
};

/** Units that bring standardised ratings back to those of users. */
export interface RatingUnits {
  readonly mean: number;
  readonly deviation: number;
  /** The values that a rating may have: errors are of predictions clipped to it. */
  readonly scale: { readonly least: number; readonly most: number };
}

/**
 * @internal Prediction and target as [n].
 * @throws IL202 where they are not of one rating for each row
 */
export function ratingRows(
  operation: string,
  prediction: Tensor,
  { rating, cold }: RatingTarget,
): { readonly predicted: Tensor; readonly rating: Tensor; readonly cold: Tensor } {
  const n = prediction.shape[0] ?? 0;
  const fits = [prediction, rating, cold].every(({ rank, shape }) => rank === 2 && shape[0] === n && shape[1] === 1);
  if (!fits) {
    const problem = `predictions ${formatShape(prediction.shape)} for ratings ${formatShape(rating.shape)} and cold ${formatShape(cold.shape)}`;
    throw new GraphError("IL202", operation, problem, "Give [n, 1] each: one rating for each item");
  }
  return { predicted: reshape(prediction, [n]), rating: reshape(rating, [n]), cold: reshape(cold, [n]) };
}

/** @internal 1 for rows that are there, [n]. */
export const presentRows = (n: number, present: Tensor | undefined): Tensor =>
  present ? cast(present, "float32") : ones([n]);

/** @internal The sum of values over rows that count, whatever the values of others are. */
export const sumWhere = (values: Tensor, counts: Tensor): Tensor =>
  sum(where(greater(counts, 0), mul(values, counts), 0));

/** @internal A sum of one task and what it is over: scalars. */
export type TaskRatio = { readonly total: Tensor; readonly count: Tensor };

/**
 * @internal The mean over tasks of total / count, tasks with a count of 0 left out. A draw of the bootstrap that has none
 * others stands for all tasks; where no task has any it is NaN.
 */
export const meanOfRatios = (
  statistics: (prediction: Tensor, target: RatingTarget, present?: Tensor) => TaskRatio,
): PooledFigure<Tensor, RatingTarget> =>
  pooledFigure({
    statistics,
    combine: (tasks: readonly TaskRatio[]) => {
      const ratios = tasks.map(({ total, count }) => toNumbers(total)[0]! / toNumbers(count)[0]!);
      const counts = tasks.map(({ count }) => toNumbers(count)[0]!);
      const over = (times: (task: number) => number): number => {
        let [values, weight] = [0, 0];
        ratios.forEach((ratio, task) => {
          if (!(counts[task]! > 0) || times(task) === 0) return;
          values += times(task) * ratio;
          weight += times(task);
        });
        return values / weight;
      };
      const ofAll = over(() => 1);
      return (times) => {
        const drawn = over((task) => times[task]!);
        return counts.some((count, task) => count > 0 && times[task]! > 0) ? drawn : ofAll;
      };
    },
  });
