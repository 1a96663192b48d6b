/** Logistic regression around a probability that is known already, with one number for what is left of each target. */
import {
  add,
  clip,
  div,
  formatShape,
  GraphError,
  greater,
  log,
  mean,
  mul,
  sameShape,
  softplus,
  sub,
  type Tensor,
  where,
} from "@innerloop/graph";
import type { Loss } from "./losses.js";
import { type MeanOverRows, meanOverRows } from "./metric.js";

/** Probabilities nearer to 0 or 1 are as near. */
const leastProbability = 1e-4;

/**
 * Negative log-likelihood of targets y of 0 and 1 whose log-odds are b + f, of what is left of them beside b alone,
 *
 *   e = y - sigmoid(b),      mean of softplus(b + f) - y (b + f)
 *
 * f is the prediction, e the target, of one shape, float32. From e alone both are known: y is 1 where e is above 0, and
 * sigmoid(b) = y - e. So a learner of numbers has e to read, which is minus the gradient by f at 0, and learns the logistic
 * model with the offset b. Probabilities are held within 0.0001 of 0 and 1; of rows that are padding e may be 0.
 *
 * @throws IL202 where the shapes differ
 */
export const logisticResidual: Loss & MeanOverRows = Object.assign(
  meanOverRows((prediction: Tensor, residual: Tensor) => {
    if (!sameShape(prediction.shape, residual.shape)) {
      const problem = `predictions ${formatShape(prediction.shape)} for residuals ${formatShape(residual.shape)}`;
      throw new GraphError("IL202", "logisticResidual", problem, "Both must have one shape; reshape one of them");
    }
    const y = where(greater(residual, 0), 1, 0);
    const base = clip(sub(y, residual), leastProbability, 1 - leastProbability);
    const logit = add(log(div(base, sub(1, base))), prediction);
    return mean(sub(softplus(logit), mul(logit, y)));
  }),
  { title: "negative log-likelihood", ofLogits: true as const },
);
