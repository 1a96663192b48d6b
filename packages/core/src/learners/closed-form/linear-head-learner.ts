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
import { crossEntropy, type Loss, meanSquaredError } from "../../losses/losses.js";
import type { Key } from "../../random/random.js";
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
export type FittedHead<Head extends Tree = PenalisedHead> = LinearFit & {
  readonly params: LinearHeadParameters<Head>;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** Support examples of each class, [ways]; of classification where classes without any get no probability. */
  readonly counts?: Tensor;
};

/** Meta-parameters: the embedding's and the head's. */
export type LinearHeadParameters<Head extends Tree = PenalisedHead> = { readonly model: Tree; readonly head: Head };

/** Meta-parameters of a head: the penalty's logarithm and, of classification, the factor that makes logits. */
export type PenalisedHead = { readonly logLambda: Tensor; readonly scale?: Tensor };

/** A linear head: its meta-parameters, and what it makes of a support set. */
export interface LinearHead<Head extends Tree> {
  readonly init: (key: Key) => Head;
  /** The fit to a support set; all that it is handed is float64. */
  readonly fit: (support: SupportFeatures, head: Head) => LinearFit;
  /** The factor that makes logits of outputs; none where outputs are predictions as they are. */
  readonly factor: (head: Head) => Tensor | undefined;
  /** Classes have logits where the support set has no example of them, too: the head knows something of them. */
  readonly knowsClasses?: true;
}

/**
 * A solver: the linear map that fits the support set under the penalty lambda, a scalar. It is handed float64
 * throughout: small penalties make systems that float32 cannot hold, since its roundings alone change a kernel by more
 * than lambda.
 */
export type LinearSolver = (support: SupportFeatures, lambda: Tensor) => LinearFit;

/** A learner whose head is what a solver makes of the support set under one learned penalty: `fittedHeadLearner`. */
export function linearHeadLearner<X extends Tree = Tensor>(learner: {
  readonly name: string;
  /** The function that users call, for errors. */
  readonly operation: string;
  /** What the solver's figures depend on. */
  readonly description: Learner["description"];
  /** Options without ways are regression's. */
  readonly options: Omit<LinearHeadOptions<X>, "ways"> & { readonly ways?: number; readonly loss?: Loss };
  readonly solve: LinearSolver;
}): Learner<LinearHeadParameters, FittedHead, X> {
  const { name, operation, description, options, solve } = learner;
  const { model, ways, lambda = 1, scale = 1, loss } = options;
  const classifies = ways !== undefined;
  requirePositive(operation, { lambda, scale });
  return fittedHeadLearner<PenalisedHead, X>({
    name,
    operation,
    description: { ...description, lambda, ...(classifies ? { scale } : {}) },
    model,
    ways,
    ...(loss ? { loss } : {}),
    head: {
      init: () => ({ logLambda: tensor(Math.log(lambda)), ...(classifies ? { scale: tensor(scale) } : {}) }),
      fit: (support, { logLambda }) => solve(support, exp(logLambda)),
      factor: (head) => head.scale,
    },
  });
}

/**
 * A learner that embeds a task, fits a linear head to its support features, and differentiates the query loss through
 * both. Classification: logits = factor (features W + b), the loss is the cross-entropy.
 * Regression: predictions = features W + b, the loss is the mean squared error or the one given.
 */
export function fittedHeadLearner<Head extends Tree, X extends Tree = Tensor>(learner: {
  readonly name: string;
  /** The function that users call, for errors. */
  readonly operation: string;
  readonly description: Learner["description"];
  readonly model: Layer<Tree, X>;
  /** Classes; undefined for regression. */
  readonly ways: number | undefined;
  /** Of regression; the mean squared error unless given. */
  readonly loss?: Loss;
  readonly head: LinearHead<Head>;
}): Learner<LinearHeadParameters<Head>, FittedHead<Head>, X> {
  type Parameters = LinearHeadParameters<Head>;
  const { name, operation, description, model, ways, head } = learner;
  const classifies = ways !== undefined;
  const loss = classifies ? crossEntropy : (learner.loss ?? meanSquaredError);
  if (classifies) requireWays(operation, ways);

  const embedded = (params: Parameters, examples: Examples<X>, context: ApplyContext) => {
    const { output, statistics } = recorded(model, params.model, examples, { ...context, path: "model" });
    return { features: reshape(output, [rowsOf(examples.x), -1]), statistics };
  };
  const fitted = (params: Parameters, support: Examples<X>, context: ApplyContext): FittedHead<Head> => {
    const { features, statistics } = embedded(params, support, context);
    const n = features.shape[0]!;
    const exact = (x: Tensor): Tensor => cast(x, "float64");
    const there = support.present ? reshape(exact(support.present), [n, 1]) : ones([n, 1], "float64");
    const targets = classifies
      ? exact(memberships(support, ways))
      : mul(exact(regressionTargets(operation, support.y)), there);
    // Of rows without a class, label -1, nothing is fitted either.
    const present = classifies ? sum(targets, -1, { keepAxes: true }) : there;
    const exactFit = head.fit(
      { features: mul(exact(features), present), targets, present },
      mapTree(exact, params.head),
    );
    const fit = mapTree((x) => cast(x, features.dtype), exactFit);
    if (!classifies || head.knowsClasses) return { ...fit, params, statistics };
    return { ...fit, params, statistics, counts: cast(sum(targets, 0), features.dtype) };
  };
  const outputs = ({ weight, bias, params, counts }: FittedHead<Head>, features: Tensor): Tensor => {
    const linear = add(matmul(features, weight), bias);
    const factor = head.factor(params.head);
    const scaled = factor ? mul(linear, factor) : linear;
    return counts ? withoutEmptyClasses(scaled, counts) : scaled;
  };
  return {
    name,
    description: { ...description, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss,
    ...(classifies ? { classes: ways } : {}),
    init: (key) => ({ model: model.init(key), head: head.init(key) }),
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { value, gradient, auxiliary } = valueAndGrad((at: Parameters) => {
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

/** @throws IL102 where one of the values is not a finite number above 0 */
export function requirePositive(operation: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new GraphError("IL102", operation, `${name} ${value}`, "Use a number above 0");
  }
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
