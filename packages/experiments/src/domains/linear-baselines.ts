import { type Adapter, hierarchicalLinearModel, leastSquares, pooledMean, type TaskSource } from "@innerloop/core";
import type { Baseline } from "./domain.js";

/** With more inputs, a covariance of their coefficients is more than plain statistics can tell. */
const mostLinearInputs = 64;

/** Plain statistics on the same tasks: the mean, least squares, and a hierarchical linear model. */
export function linearBaselines(tasks: TaskSource, inputShape: readonly number[]): readonly Baseline[] {
  const inputs = inputShape.reduce((a, b) => a * b, 1);
  const adapters = [
    pooledMean({ tasks }),
    leastSquares({ tasks }),
    ...(inputs <= mostLinearInputs ? [hierarchicalLinearModel({ tasks })] : []),
  ];
  return adapters.map((adapter) => ({ adapter: adapter as unknown as Adapter, steps: [0] }));
}
