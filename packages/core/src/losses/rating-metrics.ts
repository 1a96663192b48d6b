/** What predicted ratings are judged by: errors in their units, for warm and cold items, and the order of a user's items. */
import {
  abs,
  add,
  cast,
  clip,
  equal,
  expandAxis,
  formatShape,
  GraphError,
  greater,
  mul,
  notEqual,
  ones,
  reshape,
  sub,
  sum,
  type Tensor,
  toNumbers,
  where,
} from "@innerloop/graph";
import { type Loss, meanSquaredError } from "./losses.js";
import { type Metric, meanOfRows, type PooledFigure, type PooledMetric, pooledFigure, type TaskMetric } from "./metric.js";
import { ndcg } from "./ranking-metrics.js";

/** The ratings of n items that are to be predicted. */
export type RatingTarget = {
  /** float32 [n, 1], standardised: (rating - mean) / deviation. */
  readonly rating: Tensor;
  /** float32 [n, 1]: 1 for items that have no ratings of training, 0 for others. */
  readonly cold: Tensor;
};

/** What brings standardised ratings back to those of users. */
export interface RatingUnits {
  readonly mean: number;
  readonly deviation: number;
  /** The values that a rating may have: errors are of predictions clipped to it. */
  readonly scale: { readonly least: number; readonly most: number };
}

/** A metric of ratings: predictions float32 [n, 1], standardised as the targets. */
type OfRatings<Kind> = Kind & { readonly name: string };

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
export const presentRows = (n: number, present: Tensor | undefined): Tensor => (present ? cast(present, "float32") : ones([n]));

/** @internal The sum of values over rows that count, whatever the values of others are. */
export const sumWhere = (values: Tensor, counts: Tensor): Tensor => sum(where(greater(counts, 0), mul(values, counts), 0));

/** Of each row |prediction - rating| in the units of ratings, the prediction clipped to their scale. */
function errorsOf(units: RatingUnits, prediction: Tensor, target: RatingTarget): Tensor {
  const { predicted, rating } = ratingRows("error of ratings", prediction, target);
  const { mean, deviation, scale } = units;
  const inUnits = (x: Tensor): Tensor => add(mul(x, deviation), mean);
  return abs(sub(clip(inUnits(predicted), scale.least, scale.most), inUnits(rating)));
}

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

/**
 * Mean absolute error of a user's ratings, in their units, and over users its mean: every user weighs the same, as in MeLU
 * (Lee et al. 2019). Predictions are clipped to the scale.
 */
export const ratingMae = (units: RatingUnits): TaskMetric<Tensor, RatingTarget> => ({
  name: "mae",
  title: "mean absolute error of ratings",
  better: "lower",
  ...meanOfRows((prediction: Tensor, target: RatingTarget) => errorsOf(units, prediction, target)),
});

/** Mean absolute error over those of a user's items that count. */
const maeAmong = (
  units: RatingUnits,
  counts: (cold: Tensor) => Tensor,
  told: OfRatings<Pick<PooledMetric, "name" | "title" | "note">>,
): PooledMetric<Tensor, RatingTarget> => ({
  ...told,
  better: "lower",
  pooled: meanOfRatios((prediction, target, present) => {
    const { cold } = ratingRows(told.title, prediction, target);
    const counted = mul(counts(cold), presentRows(prediction.shape[0]!, present));
    return {
      total: sumWhere(errorsOf(units, prediction, target), counted),
      count: sumWhere(counted, presentRows(prediction.shape[0]!, present)),
    };
  }),
});

/** `ratingMae` of the items that have ratings of training; users without any such query are left out. */
export const warmItemMae = (units: RatingUnits): PooledMetric<Tensor, RatingTarget> =>
  maeAmong(units, (cold) => sub(1, cold), {
    name: "warmMae",
    title: "mean absolute error of warm items",
    note: "over the users that have one",
  });

/** `ratingMae` of the items that have no ratings of training; users without any such query are left out. */
export const coldItemMae = (units: RatingUnits): PooledMetric<Tensor, RatingTarget> =>
  maeAmong(units, (cold) => cold, {
    name: "coldMae",
    title: "mean absolute error of cold items",
    note: "over the users that have one",
  });

/**
 * Root of the mean squared error over the queries of all users together, which is not the mean of the users' roots. In the
 * units of ratings, predictions clipped to the scale.
 */
export const ratingRmse = (units: RatingUnits): PooledMetric<Tensor, RatingTarget> => ({
  name: "rmse",
  title: "root mean squared error of ratings",
  better: "lower",
  note: "over the queries of all users together",
  pooled: pooledFigure({
    statistics: (prediction: Tensor, target: RatingTarget, present?: Tensor): TaskRatio => {
      const errors = errorsOf(units, prediction, target);
      const there = presentRows(prediction.shape[0]!, present);
      return { total: sumWhere(mul(errors, errors), there), count: sum(there) };
    },
    combine: (tasks) => {
      const parts = tasks.map(({ total, count }) => [toNumbers(total)[0]!, toNumbers(count)[0]!] as const);
      return (times) => {
        let [squares, queries] = [0, 0];
        parts.forEach(([total, count], task) => {
          squares += times[task]! * total;
          queries += times[task]! * count;
        });
        return Math.sqrt(squares / queries);
      };
    },
  }),
});

/**
 * The share of a user's pairs of items with different ratings that the predictions put in the right order, and over users
 * its mean; equal predictions count one half. It is (tau_b's numerator + pairs) / (2 pairs), and 0.5 by chance. Users
 * without two different ratings are left out.
 */
export const pairAccuracy: PooledMetric<Tensor, RatingTarget> = {
  name: "pairAccuracy",
  title: "pairs in the right order",
  better: "higher",
  share: true,
  note: "of each user's pairs of different ratings, over the users that have one",
  pooled: meanOfRatios((prediction, target, present) => {
    const { predicted, rating } = ratingRows("pairAccuracy", prediction, target);
    const there = presentRows(prediction.shape[0]!, present);
    const both = mul(expandAxis(there, 1), expandAxis(there, 0));
    const [rows, columns] = [expandAxis(rating, 1), expandAxis(rating, 0)];
    const counted = mul(both, cast(greater(rows, columns), "float32"));
    const [above, below] = [expandAxis(predicted, 1), expandAxis(predicted, 0)];
    const right = add(cast(greater(above, below), "float32"), mul(cast(equal(above, below), "float32"), 0.5));
    // What is not a number is not equal to itself, and has to show.
    const broken = cast(notEqual(add(above, below), add(above, below)), "float32");
    return { total: sum(where(greater(mul(counted, broken), 0), Number.NaN, mul(counted, right))), count: sum(counted) };
  }),
};

/**
 * The metrics of predicted ratings: their mean absolute error, which leads, that of warm and of cold items, root mean
 * squared error, nDCG@1, @3 and @5, and pair accuracy.
 *
 * @param coldItems whether there are any among the queries; true unless given
 */
export const ratingMetrics = (
  units: RatingUnits,
  { coldItems = true }: { readonly coldItems?: boolean } = {},
): readonly Metric<Tensor, RatingTarget>[] => [
  ratingMae(units),
  ...(coldItems ? [warmItemMae(units), coldItemMae(units)] : []),
  ratingRmse(units),
  ...[1, 3, 5].map((k) => ndcg(k, units)),
  pairAccuracy,
];

/**
 * The mean squared error of standardised ratings, with `ratingMetrics` beside it.
 *
 * @throws IL202 where there is not one rating for each row
 */
export const ratingLoss = (
  units: RatingUnits,
  options: { readonly coldItems?: boolean } = {},
): Loss<Tensor, RatingTarget> =>
  Object.assign(
    (prediction: Tensor, target: RatingTarget, present?: Tensor): Tensor =>
      meanSquaredError(prediction, target.rating, present),
    {
      title: "mean squared error",
      perRow: (prediction: Tensor, target: RatingTarget): Tensor => meanSquaredError.perRow(prediction, target.rating),
      metrics: ratingMetrics(units, options),
    },
  );
