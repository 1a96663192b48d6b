/** Errors of regression in the units of the targets, beside the scaled loss. */
import { abs, div, max, mean, mul, reshape, sameShape, sliceAxis, sqrt, sub, sum, type Tensor } from "@innerloop/graph";
import type { Loss } from "../losses/losses.js";
import type { Examples } from "../tasks/task.js";
import type { ColumnSpec } from "../tasks/task-spec.js";

/**
 * Figures of one task for each column of its targets, by name: `rootMeanSquaredError of minutes` and
 * `meanAbsoluteError of minutes`, over the query rows that are there. Empty where the loss does not say which values its
 * predictions stand for.
 */
export function errorsInUnits(
  loss: Loss,
  prediction: Tensor,
  { y, present }: Examples,
  targets: readonly ColumnSpec[],
): Record<string, Tensor> {
  const point = loss.point ? loss.point(prediction, y) : prediction;
  if (!sameShape(point.shape, y.shape)) return {};
  const rows = y.shape[0]!;
  const overRows = (values: Tensor): Tensor =>
    present ? div(sum(mul(values, present)), max(sum(present), 1)) : mean(values);
  const figures = targets.map(({ name, deviation }, column) => {
    const error = mul(reshape(sliceAxis(sub(point, y), 1, column, column + 1), [rows]), deviation);
    return [
      [`rootMeanSquaredError of ${name}`, sqrt(overRows(mul(error, error)))],
      [`meanAbsoluteError of ${name}`, overRows(abs(error))],
    ] as const;
  });
  return Object.fromEntries(figures.flat());
}
