/** Errors of regression in the units of the targets, beside the scaled loss. */
import { abs, mul, reshape, sameShape, sliceAxis, sqrt, sub, type Tensor } from "@innerloop/graph";
import type { Loss } from "../losses/losses.js";
import { meanOfRows, type TaskMetric } from "../losses/metric.js";
import type { ColumnSpec } from "../tasks/task-spec.js";

/**
 * The metrics of each column of the targets, in its unit: `rootMeanSquaredError of minutes` and `meanAbsoluteError of
 * minutes`, of one task over the query rows that are there.
 */
export function errorsInUnits(loss: Loss, targets: readonly ColumnSpec[]): readonly TaskMetric[] {
  return targets.flatMap(({ name, deviation }, column) => {
    /** [n] */
    const errors = (prediction: Tensor, y: Tensor): Tensor =>
      mul(reshape(sliceAxis(sub(pointOf(loss, prediction, y), y), 1, column, column + 1), [y.shape[0]!]), deviation);
    const squared = meanOfRows((prediction: Tensor, y: Tensor) => {
      const error = errors(prediction, y);
      return mul(error, error);
    });
    return [
      {
        name: `rootMeanSquaredError of ${name}`,
        title: `root mean squared error of ${name}`,
        better: "lower",
        compute: (prediction, y, present) => sqrt(squared.compute(prediction, y, present)),
      },
      {
        name: `meanAbsoluteError of ${name}`,
        title: `mean absolute error of ${name}`,
        better: "lower",
        ...meanOfRows((prediction: Tensor, y: Tensor) => abs(errors(prediction, y))),
      },
    ] satisfies TaskMetric[];
  });
}

/** The values that predictions stand for, which are those of the targets where the loss does not say. */
const pointOf = (loss: Loss, prediction: Tensor, y: Tensor): Tensor => loss.point?.(prediction, y) ?? prediction;

/** True where predictions stand for values of the targets: then there are errors in their units. */
export const standForTargets = (loss: Loss, prediction: Tensor, y: Tensor): boolean =>
  sameShape(pointOf(loss, prediction, y).shape, y.shape);
