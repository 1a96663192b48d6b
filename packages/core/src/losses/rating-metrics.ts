/** Errors of predicted ratings in their units, for warm and cold items. */
import { abs, add, clip, greater, mul, sub, sum, type Tensor, toNumbers, where } from "@innerloop/graph";
import { type Loss, meanSquaredError } from "./losses.js";
import {
  type FigureDescription,
  type Metric,
  meanOfRows,
  type PooledMetric,
  pooledFigure,
  type TaskMetric,
} from "./metric.js";
import { ndcg, pairAccuracy } from "./ranking-metrics.js";
import {
  meanOfRatios,
  presentRows,
  type RatingTarget,
  type RatingUnits,
  ratingRows,
  sumWhere,
  type TaskRatio,
} from "./rating-target.js";

/** Of each row |prediction - rating| in the units of ratings, the prediction clipped to their scale. */
function errorsOf(units: RatingUnits, prediction: Tensor, target: RatingTarget): Tensor {
  const { predicted, rating } = ratingRows("error of ratings", prediction, target);
  const { mean, deviation, scale } = units;
  const inUnits = (x: Tensor): Tensor => add(mul(x, deviation), mean);
  return abs(sub(clip(inUnits(predicted), scale.least, scale.most), inUnits(rating)));
}

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
  told: Pick<FigureDescription, "name" | "title"> & { readonly note: string },
): PooledMetric<Tensor, RatingTarget> => ({
  ...told,
  better: "lower",
  pooled: meanOfRatios((prediction, target, present) => {
    const { cold } = ratingRows(told.title, prediction, target);
    const there = presentRows(prediction.shape[0]!, present);
    const counted = where(greater(there, 0), counts(cold), 0);
    return { total: sumWhere(errorsOf(units, prediction, target), counted), count: sum(counted) };
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
