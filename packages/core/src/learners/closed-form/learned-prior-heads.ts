/** Heads that are fitted to a task from weights that training has learned, and not from none: labels mean the same in all. */
import {
  add,
  broadcastTo,
  concat,
  exp,
  GraphError,
  matmul,
  mul,
  reshape,
  sizeOf,
  sub,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Learner } from "../learner.js";
import { requireOutputShape } from "../metric/metric-learner.js";
import {
  type FittedHead,
  fittedHeadLearner,
  type LinearFit,
  type LinearHeadParameters,
  requirePositive,
  type SupportFeatures,
  splitBias,
  withOnes,
} from "./linear-head-learner.js";
import { identityMatrix, solvePositiveDefinite } from "./linear-systems.js";
import { newtonCoefficients, requireNewtonSteps } from "./logistic-regression.js";

/** Options of learners whose head has a learned prior. */
export interface LearnedPriorOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]; it says its `outputShape`. */
  readonly model: Layer<Tree, X>;
  /** Classes, the same in all tasks and in the order of their labels. */
  readonly ways: number;
  /**
   * The prior's precision, which is learned: "one" for the weights of all features, the default, or "each" its own. The
   * bias has one of its own.
   */
  readonly prior?: "one" | "each";
  /** First value of these precisions, lambda, which are learned by their logarithms. 1 by default. */
  readonly lambda?: number;
  /** First value of the factor that makes logits of the head's outputs, which is learned by its logarithm. 1 by default. */
  readonly scale?: number;
  /** First values of the prior's mean, such as those of a classifier of all training examples together; zeros by default. */
  readonly first?: LinearClassifier;
}

/** A linear classifier as numbers: its logits are x W + b. */
export interface LinearClassifier {
  /** W [features, classes], row-major. */
  readonly weights: Float32Array;
  /** b [classes]. */
  readonly bias: Float32Array;
}

/** Options of `priorLogisticRegression`. */
export interface PriorLogisticRegressionOptions<X extends Tree = Tensor> extends LearnedPriorOptions<X> {
  /** Newton steps from the prior's weights, 5 by default. */
  readonly newtonSteps?: number;
}

/** Meta-parameters of a head with a learned prior. */
export type LearnedPriorHead = {
  /** The prior's mean of the weights, [features, ways]. */
  readonly weight: Tensor;
  /** The same of the bias, [ways]. */
  readonly bias: Tensor;
  /** Logarithms of the prior's precision, [] or [features]; */
  readonly logLambda: Tensor;
  /** of the bias, []; */
  readonly logBiasLambda: Tensor;
  /** and of the factor that makes logits, []. */
  readonly logScale: Tensor;
};

/**
 * Ridge regression with a learned prior (biased regularisation: Evgeniou & Pontil 2004, "Regularized multi-task learning";
 * its weights meta-learned: Denevi, Ciliberto, Stamos & Pontil 2018, "Learning to learn around a common mean"): an embedding
 * whose head is fitted to each task in closed form, close to weights W_0 that are learned over tasks.
 *
 *   W = argmin |X W - Y|^2 + tr (W - W_0)^T Lambda (W - W_0) = W_0 + (X^T X + Lambda)^-1 X^T (Y - X W_0)
 *
 * X are the support features with a column of ones, Y one-hot rows, Lambda a diagonal of learned precisions: lambda for all
 * features or one for each, and one for the bias. Logits are scale X W, the loss is the cross-entropy on the query set. It is
 * computed as (Z Z^T + I)^-1 or (Z^T Z + I)^-1 with Z = X Lambda^-1/2, whichever is smaller.
 *
 * It is for tasks in which labels mean the same, as those of `domainTasks`: without support examples W is W_0, the classifier
 * of all training tasks, and the more examples there are, the less is left of it. W_0 is zeros at first, which is
 * `ridgeRegression`, unless `first` is given. A class that the support set has no example of has logits like any other; that its examples are none of
 * it does count.
 *
 * Outputs are fitted to 0 and 1: a factor so small that W_0 has to grow past these to be sure of its classes turns the
 * corrections of a task around. Begin with 5 to 10, and outer rates that leave weights of that size.
 *
 * Meta-parameters are the embedding's (`model/...`) and `head/weight`, `bias`, `logLambda`, `logBiasLambda`, `logScale`.
 * Denevi et al. learn W_0 alone, by the gradient of the loss on the examples themselves; here all of these are learned, by
 * that of the query loss through the fit.
 *
 * @throws IL102 where `ways`, `lambda`, `scale` or `prior` are none, or the model does not say its `outputShape`
 * @example priorRidgeRegression({ model: mlp({ sizes: [384, 64] }), ways: 2, scale: 10 })
 */
export function priorRidgeRegression<X extends Tree = Tensor>(
  options: LearnedPriorOptions<X>,
): Learner<LinearHeadParameters<LearnedPriorHead>, FittedHead<LearnedPriorHead>, X> {
  return learnedPriorLearner({
    name: "ridge regression with a learned prior",
    operation: "priorRidgeRegression",
    description: {},
    options,
    deviationsFrom: (z, { targets }, beforehand) => {
      const [n, d] = z.shape as [number, number];
      const residual = sub(targets, beforehand);
      if (n < d) {
        const dual = solvePositiveDefinite(add(matmul(z, swapLast(z)), identityMatrix(n, z.dtype)), residual);
        return matmul(swapLast(z), dual);
      }
      const products = add(matmul(swapLast(z), z), identityMatrix(d, z.dtype));
      return solvePositiveDefinite(products, matmul(swapLast(z), residual));
    },
  });
}

/**
 * Logistic regression with a learned prior: an embedding whose head is the maximum a posteriori estimate of each task under a
 * normal prior of weights whose mean and precision are learned over tasks, found by a fixed number of Newton steps from that
 * mean, one class against the rest, as in `logisticRegression`.
 *
 *   L(w) = -sum_i y_i log s(x_i w) + (1 - y_i) log(1 - s(x_i w)) + 1/2 (w - w_0)^T Lambda (w - w_0)
 *
 * All else is as in `priorRidgeRegression`: without support examples weights are w_0, and w_0 of zeros with precisions that
 * are all the same is `logisticRegression`.
 *
 * @throws IL102 where `ways`, `lambda`, `scale`, `prior` or `newtonSteps` are none, or the model does not say its
 * `outputShape`
 * @example priorLogisticRegression({ model: mlp({ sizes: [384, 64] }), ways: 2, prior: "each" })
 */
export function priorLogisticRegression<X extends Tree = Tensor>(
  options: PriorLogisticRegressionOptions<X>,
): Learner<LinearHeadParameters<LearnedPriorHead>, FittedHead<LearnedPriorHead>, X> {
  const { newtonSteps = 5 } = options;
  requireNewtonSteps("priorLogisticRegression", newtonSteps);
  return learnedPriorLearner({
    name: "logistic regression with a learned prior",
    operation: "priorLogisticRegression",
    description: { newtonSteps },
    options,
    deviationsFrom: (z, support, beforehand) =>
      matmul(swapLast(z), newtonCoefficients(z, support, { steps: newtonSteps, lambda: 1, beforehand })),
  });
}

function learnedPriorLearner<X extends Tree>(learner: {
  readonly name: string;
  readonly operation: string;
  readonly description: Learner["description"];
  readonly options: LearnedPriorOptions<X>;
  /**
   * How far weights are from the prior's mean, in its standard deviations: [features + 1, ways].
   *
   * @param z support features with a column of ones, each times the standard deviation of its weight, [n, features + 1]
   * @param beforehand outputs under the prior's mean, [n, ways]
   */
  readonly deviationsFrom: (z: Tensor, support: SupportFeatures, beforehand: Tensor) => Tensor;
}): Learner<LinearHeadParameters<LearnedPriorHead>, FittedHead<LearnedPriorHead>, X> {
  const { name, operation, description, options, deviationsFrom } = learner;
  const { model, ways, prior = "one", lambda = 1, scale = 1, first } = options;
  requirePositive(operation, { lambda, scale });
  if (prior !== "one" && prior !== "each")
    throw new GraphError("IL102", operation, `prior "${String(prior)}"`, 'Use "one" or "each"');
  const features = sizeOf(requireOutputShape(operation, model as Pick<Layer, "outputShape">));
  if (first && (first.weights.length !== features * ways || first.bias.length !== ways)) {
    const problem = `first weights of ${first.weights.length} values and a bias of ${first.bias.length}`;
    throw new GraphError("IL102", operation, problem, `Give ${features} x ${ways} weights and a bias of ${ways}`);
  }
  const fit = (support: SupportFeatures, head: LearnedPriorHead): LinearFit => {
    const x = withOnes(support);
    const mean = concat([head.weight, reshape(head.bias, [1, ways])]);
    const logPrecision = concat([broadcastTo(head.logLambda, [features]), reshape(head.logBiasLambda, [1])]);
    const deviation = exp(mul(logPrecision, -0.5));
    const moved = deviationsFrom(mul(x, deviation), support, matmul(x, mean));
    return splitBias(add(mean, mul(moved, reshape(deviation, [features + 1, 1]))));
  };
  return fittedHeadLearner<LearnedPriorHead, X>({
    name,
    operation,
    description: { ...description, prior, lambda, scale },
    model,
    ways,
    head: {
      init: () => ({
        // Divided by the factor that makes logits of them.
        weight: tensor(
          Float32Array.from({ length: features * ways }, (_, i) => (first?.weights[i] ?? 0) / scale),
          [features, ways],
        ),
        bias: tensor(Float32Array.from({ length: ways }, (_, i) => (first?.bias[i] ?? 0) / scale)),
        logLambda:
          prior === "each" ? tensor(new Float32Array(features).fill(Math.log(lambda))) : tensor(Math.log(lambda)),
        logBiasLambda: tensor(Math.log(lambda)),
        logScale: tensor(Math.log(scale)),
      }),
      fit,
      factor: ({ logScale }) => exp(logScale),
      knowsClasses: true,
    },
  });
}
