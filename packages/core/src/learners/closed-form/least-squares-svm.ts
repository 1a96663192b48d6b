import {
  add,
  concat,
  div,
  greater,
  matmul,
  mul,
  reshape,
  sliceAxis,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  where,
} from "@innerloop/graph";
import type { Learner } from "../learner.js";
import {
  type FittedHead,
  type LinearHeadOptions,
  type LinearHeadParameters,
  type LinearSolver,
  linearHeadLearner,
} from "./linear-head-learner.js";
import { identityMatrix, solvePositiveDefinite } from "./linear-systems.js";

/**
 * An embedding whose head is fitted to each task by a least-squares support vector machine (Suykens & Vandewalle 1999),
 * one class against the rest, and differentiated through: the loss of a support vector machine with a square in place
 * of the hinge, so that its dual is a linear system.
 *
 *   min lambda/2 |w|^2 + 1/2 sum_i e_i^2  with  t_i = x_i w + b + e_i,  t_i 1 for the class and -1 for others
 *
 *   [ 0  1^T            ] [ b ]   [ 0 ]
 *   [ 1  K + lambda I   ] [ a ] = [ t ],   K = X X^T,  w = X^T a
 *
 * lambda is the paper's 1 / gamma, and a its alpha_i y_i. Unlike in ridge regression the bias is not penalised. Logits
 * are scale (X w + b), the loss is the cross-entropy on the query set; lambda and scale are learned beside the embedding.
 *
 * @throws IL102 where `ways`, `lambda` or `scale` are out of range
 * @example leastSquaresSvm({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 5 })
 */
export function leastSquaresSvm<X extends Tree = Tensor>(
  options: LinearHeadOptions<X>,
): Learner<LinearHeadParameters, FittedHead, X> {
  return linearHeadLearner({
    name: "least-squares SVM",
    operation: "leastSquaresSvm",
    description: { kernel: "linear" },
    options,
    solve: dual,
  });
}

const dual: LinearSolver = ({ features, targets, present }, lambda) => {
  const [n, ways] = targets.shape as [number, number];
  const kernel = matmul(features, swapLast(features));
  const penalised = add(kernel, mul(identityMatrix(n, features.dtype), lambda));
  const signs = mul(sub(mul(targets, 2), 1), present);
  // (K + lambda I) [u, v] = [1, t]: the second row of the system gives a = v - u b, the first b = 1^T v / 1^T u.
  const solved = solvePositiveDefinite(penalised, concat([present, signs], 1));
  const [u, v] = [sliceAxis(solved, 1, 0, 1), sliceAxis(solved, 1, 1, ways + 1)];
  const total = sum(mul(u, present));
  // 1^T u is positive, but where nothing is present: v is 0 there, too.
  const bias = div(sum(mul(v, present), 0), where(greater(total, 0), total, 1));
  const a = sub(v, mul(u, bias));
  return { weight: matmul(swapLast(features), a), bias: reshape(bias, [ways]) };
};
