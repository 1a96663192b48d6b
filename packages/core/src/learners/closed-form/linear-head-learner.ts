/** What learners have in common whose head is fitted to a task's features by a solver (Bertinetto et al. 2019). */
import {
  add,
  cast,
  concat,
  exp,
  formatShape,
  GraphError,
  isFloat,
  mapTree,
  matmul,
  mul,
  ones,
  reshape,
  sliceAxis,
  sum,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import type { ApplyContext, Layer, StatisticsByPath } from "../../layers/layer.js";
import { crossEntropy, meanSquaredError } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import { recorded } from "../gradient/gradient-adaptation.js";
import { type Learner, measured } from "../learner.js";

/** Options of learners whose head is fitted in closed form. */
export interface LinearHeadOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** First value of the penalty lambda, which is learned by its logarithm. 1 by default, as in the published code. */
  readonly lambda?: number;
  /** First value of the factor that makes logits of the head's outputs, which is learned. 1 by default. */
  readonly scale?: number;
}

/** The support set as a head sees it, in float64: rows of padding are zeros in all three. */
export type SupportFeatures = {
  /** [n, features] */
  readonly features: Tensor;
  /** [n, outputs]: of a class 1 for its examples and 0 for others. */
  readonly targets: Tensor;
  /** [n, 1]: 1, and 0 for padding. */
  readonly present: Tensor;
};

/** A linear map from features [n, features] to outputs [n, outputs]. */
export type LinearFit = {
  /** [features, outputs] */
  readonly weight: Tensor;
  /** [outputs] */
  readonly bias: Tensor;
};

/** A head fitted to one task, with what embeds its queries. */
export type FittedHead = LinearFit & {
  readonly params: LinearHeadParameters;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** Support examples of each class, [ways]; of classification. */
  readonly counts?: Tensor;
};

/** Meta-parameters: the embedding's, the penalty's logarithm and, of classification, the factor that makes logits. */
export type LinearHeadParameters = {
  readonly model: Tree;
  readonly head: { readonly logLambda: Tensor; readonly scale?: Tensor };
};

/**
 * A solver: the linear map that fits the support set under the penalty lambda, a scalar. It is handed float64
 * throughout: small penalties make systems that float32 cannot hold, since its roundings alone change a kernel by more
 * than lambda.
 */
export type LinearSolver = (support: SupportFeatures, lambda: Tensor) => LinearFit;

/**
 * A learner that embeds a task, fits a linear head to its support features by a solver, and differentiates the query
 * loss through both. Classification: logits = scale (features W + b), the loss is the cross-entropy.
 * Regression: predictions = features W + b, the loss is the mean squared error.
 */
export function linearHeadLearner<X extends Tree = Tensor>(learner: {
  readonly name: string;
  /** The function that users call, for errors. */
  readonly operation: string;
  /** What the solver's figures depend on. */
  readonly description: Learner["description"];
  /** Options without ways are regression's. */
  readonly options: Omit<LinearHeadOptions<X>, "ways"> & { readonly ways?: number };
  readonly solve: LinearSolver;
}): Learner<LinearHeadParameters, FittedHead, X> {
  const { name, operation, description, options, solve } = learner;
  const { model, ways, lambda = 1, scale = 1 } = options;
  const classifies = ways !== undefined;
  const loss = classifies ? crossEntropy : meanSquaredError;
  if (classifies) requireWays(operation, ways);
  requireOption(operation, `lambda ${lambda}`, lambda > 0 && Number.isFinite(lambda), "Use a number above 0");
  requireOption(operation, `scale ${scale}`, scale > 0 && Number.isFinite(scale), "Use a number above 0");

  const embedded = (params: LinearHeadParameters, examples: Examples<X>, context: ApplyContext) => {
    const { output, statistics } = recorded(model, params.model, examples, { ...context, path: "model" });
    return { features: reshape(output, [rowsOf(examples.x), -1]), statistics };
  };
  const fitted = (params: LinearHeadParameters, support: Examples<X>, context: ApplyContext): FittedHead => {
    const { features, statistics } = embedded(params, support, context);
    const n = features.shape[0]!;
    const exact = (x: Tensor): Tensor => cast(x, "float64");
    const there = support.present ? reshape(exact(support.present), [n, 1]) : ones([n, 1], "float64");
    const targets = classifies
      ? exact(memberships(support, ways))
      : mul(exact(regressionTargets(operation, support.y)), there);
    // Of rows without a class, label -1, nothing is fitted either.
    const present = classifies ? sum(targets, -1, { keepAxes: true }) : there;
    const exactFit = solve(
      { features: mul(exact(features), present), targets, present },
      exp(exact(params.head.logLambda)),
    );
    const fit = mapTree((x) => cast(x, features.dtype), exactFit);
    if (!classifies) return { ...fit, params, statistics };
    return { ...fit, params, statistics, counts: cast(sum(targets, 0), features.dtype) };
  };
  const outputs = ({ weight, bias, params, counts }: FittedHead, features: Tensor): Tensor => {
    const linear = add(matmul(features, weight), bias);
    const { scale } = params.head;
    return scale && counts ? withoutEmptyClasses(mul(linear, scale), counts) : linear;
  };
  return {
    name,
    description: {
      ...description,
      lambda,
      ...(classifies ? { scale } : {}),
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    ...(classifies ? { classes: ways } : {}),
    init: (key) => ({
      model: model.init(key),
      head: { logLambda: tensor(Math.log(lambda)), ...(classifies ? { scale: tensor(scale) } : {}) },
    }),
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { value, gradient, auxiliary } = valueAndGrad((at: LinearHeadParameters) => {
        const task = fitted(at, support, { ...context, pass: "support" });
        const { features, statistics } = embedded(at, query, { ...context, pass: "query", given: task.statistics });
        const { loss: queryLoss, metrics } = measured(loss, outputs(task, features), query);
        return [queryLoss, { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params, support) => fitted(params, support, { phase: "predict" }),
    predict: (task, x, present) => {
      const { params, statistics } = task;
      const context = { given: statistics, path: "model", ...(present ? { present } : {}) };
      return outputs(task, reshape(model.apply(params.model, x, context), [rowsOf(x), -1]));
    },
  };
}

function requireOption(operation: string, found: string, holds: boolean, remedy: string): void {
  if (!holds) throw new GraphError("IL102", operation, found, remedy);
}

function regressionTargets(operation: string, y: Tensor): Tensor {
  if (y.rank === 2 && isFloat(y.dtype)) return y;
  const remedy = "Regression takes floating-point targets [n, outputs]; give `ways` for classes";
  throw new GraphError("IL201", operation, `targets ${y.dtype}${formatShape(y.shape)}`, remedy);
}

/** Features with a column of ones, whose weights are the bias: it is penalised as the others are. */
export const withOnes = ({ features, present }: SupportFeatures): Tensor => concat([features, present], 1);

/** The weights of `withOnes` features, [features + 1, outputs], as a linear map. */
export function splitBias(weights: Tensor): LinearFit {
  const [rows, outputs] = weights.shape as [number, number];
  return {
    weight: sliceAxis(weights, 0, 0, rows - 1),
    bias: reshape(sliceAxis(weights, 0, rows - 1, rows), [outputs]),
  };
}
