import { add, GraphError, matmul, mul, swapLast, type Tensor, type Tree } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Learner } from "../learner.js";
import {
  type FittedHead,
  type LinearHeadOptions,
  type LinearHeadParameters,
  type LinearSolver,
  linearHeadLearner,
  splitBias,
  withOnes,
} from "./linear-head-learner.js";
import { identityMatrix, solvePositiveDefinite } from "./linear-systems.js";

/** Options of `ridgeRegression`, of classification or of regression. */
export type RidgeRegressionOptions<X extends Tree = Tensor> =
  | (LinearHeadOptions<X> & { readonly task?: "classification" })
  | {
      readonly task: "regression";
      /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
      readonly model: Layer<Tree, X>;
      /** First value of the penalty lambda, which is learned by its logarithm. 1 by default. */
      readonly lambda?: number;
      /** The loss of the query set; the mean squared error by default. The head is a least-squares fit whatever it is. */
      readonly loss?: Loss;
    };

/**
 * R2-D2 (Bertinetto, Henriques, Torr & Vedaldi 2019): an embedding whose head is fitted to each task by ridge
 * regression, in closed form, and differentiated through.
 *
 *   W = argmin |X W - Y|^2 + lambda |W|^2 = X^T (X X^T + lambda I)^-1 Y = (X^T X + lambda I)^-1 X^T Y
 *
 * X are the support features with a column of ones, as in the published code: the bias is penalised with the weights.
 * Of the two forms the one with the smaller matrix is computed. Classification: Y are one-hot rows, logits are
 * scale X W, the loss is the cross-entropy on the query set. Regression: targets [n, outputs], predictions X W, the
 * mean squared error or another loss of the query set.
 *
 * Meta-parameters are the embedding's (`model/...`), `head/logLambda`, and of classification `head/scale`. The paper
 * also adds a learned number to all logits alike, which no softmax shows: it is left out. In the published code lambda
 * is constant unless asked otherwise, and the scale begins at 1e-4.
 *
 * @throws IL102 where `ways`, `lambda` or `scale` are out of range; IL201 for regression on targets that are not [n,
 * outputs]
 * @example ridgeRegression({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 5 })
 */
export function ridgeRegression<X extends Tree = Tensor>(
  options: RidgeRegressionOptions<X>,
): Learner<LinearHeadParameters, FittedHead, X> {
  const { task = "classification" } = options;
  if (task !== "classification" && task !== "regression")
    throw new GraphError("IL102", "ridgeRegression", `task "${task}"`, 'Use "classification" or "regression"');
  if (task === "classification" && !("ways" in options))
    throw new GraphError("IL102", "ridgeRegression", "no ways", 'Give `ways`, or task "regression"');
  return linearHeadLearner({
    name: task === "classification" ? "R2-D2" : "ridge regression",
    operation: "ridgeRegression",
    description: { task },
    options,
    solve: ridge,
  });
}

const ridge: LinearSolver = (support, lambda) => {
  const x = withOnes(support);
  const [n, d] = x.shape as [number, number];
  const penalised = (products: Tensor, size: number): Tensor =>
    add(products, mul(identityMatrix(size, x.dtype), lambda));
  if (n < d) {
    const dual = solvePositiveDefinite(penalised(matmul(x, swapLast(x)), n), support.targets);
    return splitBias(matmul(swapLast(x), dual));
  }
  const products = matmul(swapLast(x), support.targets);
  return splitBias(solvePositiveDefinite(penalised(matmul(swapLast(x), x), d), products));
};
