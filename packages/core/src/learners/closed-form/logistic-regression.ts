import {
  add,
  div,
  exp,
  GraphError,
  matmul,
  mul,
  neg,
  reshape,
  sigmoid,
  softplus,
  sub,
  swapLast,
  type Tensor,
  type Tree,
  zerosLike,
} from "@innerloop/graph";
import type { Learner } from "../learner.js";
import {
  type FittedHead,
  type LinearHeadOptions,
  type LinearHeadParameters,
  type LinearSolver,
  linearHeadLearner,
  type SupportFeatures,
  splitBias,
  withOnes,
} from "./linear-head-learner.js";
import { identityMatrix, solvePositiveDefinite } from "./linear-systems.js";

/** Options of `logisticRegression`. */
export interface LogisticRegressionOptions<X extends Tree = Tensor> extends LinearHeadOptions<X> {
  /** Newton steps from weights of 0, 5 by default. */
  readonly newtonSteps?: number;
}

/**
 * LR-D2 (Bertinetto, Henriques, Torr & Vedaldi 2019): an embedding whose head is fitted to each task by a fixed number
 * of Newton steps on penalised logistic regression, one class against the rest, and differentiated through.
 *
 *   L(w) = -sum_i y_i log s(x_i w) + (1 - y_i) log(1 - s(x_i w)) + lambda/2 |w|^2,  y_i 1 for the class and 0 for
 * others
 *   w <- w - H^-1 grad L(w),  H = X^T S X + lambda I,  S = diag(s (1 - s))
 *
 * X are the support features with a column of ones. By Woodbury's identity the systems are of the support's size: with
 * w = X^T a, K = X X^T and residuals r = s - y + lambda a,
 *
 *   a <- a - (r - S^1/2 (lambda I + S^1/2 K S^1/2)^-1 S^1/2 K r) / lambda
 *
 * which is the paper's iteratively reweighted least squares without its S^-1, that grows without bound where the fit is
 * sure. All classes are solved at once. Logits are scale X w, the loss is the cross-entropy on the query set; the
 * published code takes X w.
 *
 * @throws IL102 where `ways`, `lambda`, `scale` or `newtonSteps` are out of range
 * @example logisticRegression({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 5 })
 */
export function logisticRegression<X extends Tree = Tensor>(
  options: LogisticRegressionOptions<X>,
): Learner<LinearHeadParameters, FittedHead, X> {
  const { newtonSteps = 5 } = options;
  requireNewtonSteps("logisticRegression", newtonSteps);
  return linearHeadLearner({
    name: "LR-D2",
    operation: "logisticRegression",
    description: { newtonSteps },
    options,
    solve: newton(newtonSteps),
  });
}

/** @throws IL102 where it is not a whole number of 1 or more */
export function requireNewtonSteps(operation: string, newtonSteps: number): void {
  if (Number.isInteger(newtonSteps) && newtonSteps >= 1) return;
  throw new GraphError("IL102", operation, `${newtonSteps} Newton steps`, "Use 1 or more");
}

const newton =
  (steps: number): LinearSolver =>
  (support, lambda) => {
    const x = withOnes(support);
    return splitBias(matmul(swapLast(x), newtonCoefficients(x, support, { steps, lambda })));
  };

/**
 * The coefficients a [n, ways] of w = X^T a after Newton steps on penalised logistic regression, one class against the rest,
 * from 0. With outputs that rows have beforehand, of weights w_0, it is w_0 + X^T a, and what is penalised is X^T a.
 */
export function newtonCoefficients(
  x: Tensor,
  { targets, present }: Pick<SupportFeatures, "targets" | "present">,
  {
    steps,
    lambda,
    beforehand,
  }: { readonly steps: number; readonly lambda: Tensor | number; readonly beforehand?: Tensor },
): Tensor {
  const [n, ways] = targets.shape as [number, number];
  const kernel = matmul(x, swapLast(x));
  const identity = mul(identityMatrix(n, x.dtype), lambda);
  // Of padding the kernel's rows are 0, the residual is 0, and so its coefficient stays 0.
  let coefficients = zerosLike(targets);
  for (let step = 0; step < steps; step++) {
    const fitted = matmul(kernel, coefficients);
    const outputs = beforehand ? add(fitted, beforehand) : fitted;
    const residual = add(mul(sub(sigmoid(outputs), targets), present), mul(coefficients, lambda));
    // A system for each class: [ways, n, ...].
    const roots = swapLast(rootOfVariance(outputs));
    const [down, across] = [reshape(roots, [ways, n, 1]), reshape(roots, [ways, 1, n])];
    const weighted = add(mul(mul(down, across), kernel), identity);
    const right = mul(down, reshape(swapLast(matmul(kernel, residual)), [ways, n, 1]));
    const correction = reshape(mul(down, solvePositiveDefinite(weighted, right)), [ways, n]);
    coefficients = sub(coefficients, div(sub(residual, swapLast(correction)), lambda));
  }
  return coefficients;
}

/** sqrt(s(z) (1 - s(z))), s the sigmoid, with slopes that are finite where a sigmoid rounds to 0 or 1. */
const rootOfVariance = (z: Tensor): Tensor => exp(mul(add(softplus(z), softplus(neg(z))), -0.5));
