/** What a results table shows beside a meta-learner: the same adaptation without learning to learn. */
import { GraphError, neg, reshape, type Tensor, type Tree, tensor, valueAndGrad } from "@innerloop/graph";
import { functionLayer, type Layer, type StatisticsByPath } from "../../layers/layer.js";
import { crossEntropy, type Loss } from "../../losses/losses.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import type { Examples } from "../../tasks/task.js";
import { largestPerClass, memberships, requireWays } from "../class-membership.js";
import {
  type AdaptedModel,
  type Adapts,
  headPaths,
  type InnerLoop,
  innerLoop,
  innerSteps,
  laterSteps,
  recorded,
  requireLaterShare,
  requireSharedNorm,
  steppedBy,
} from "../gradient/gradient-adaptation.js";
import { miniBatch } from "../gradient/mini-batches.js";
import { supervised } from "../gradient/objective.js";
import { allExamples } from "../gradient/reptile.js";
import { type Adapter, type Learner, measured, requireOneTensor } from "../learner.js";
import { squaredDistances } from "../metric/distances.js";
import { metricLearner } from "../metric/metric-learner.js";

/** Options of `fromScratch`. */
export interface BaselineOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor> {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  /** The optimizer of the adaptation, as the meta-learner's inner one. */
  readonly inner: Optimizer;
  readonly steps?: number;
  /** Rows of the support set that a step sees; all of them by default. */
  readonly minibatch?: { readonly size: number };
  /** The share that steps after the first have of their length; 1 by default. */
  readonly laterShare?: number;
}

/** Options of `fineTuning` and `jointTraining`. */
export interface FineTuningOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>
  extends BaselineOptions<X, Y, Out> {
  /** What moves: the whole network ("all", the default), its last layer ("head"), or paths of one's own. */
  readonly adapts?: "all" | "head" | Adapts;
}

/**
 * The model's first parameters, trained on nothing but the support set. Evaluate it with steps and a rate that suit it.
 *
 * @throws IL102 where the model's batch normalisation tells steps apart
 */
export function fromScratch<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: BaselineOptions<X, Y, Out>,
): Adapter<Tree, AdaptedModel, X, Y, Out> {
  const { model, loss, inner, steps = 50, minibatch, laterShare } = options;
  requireSharedNorm("fromScratch", model);
  requireLaterShare("fromScratch", laterShare);
  return {
    name: "from scratch",
    description: {
      steps,
      inner: inner.description,
      ...(minibatch ? { minibatch: minibatch.size } : {}),
      ...(laterShare === undefined ? {} : { laterShare }),
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    steps,
    init: model.init,
    ...gradientSteps(options, steps),
  };
}

/**
 * Fine-tuning of given parameters, those of joint pre-training for example: plain training on the support set, of the
 * whole network or of its head alone (linear probing).
 *
 * @throws IL102 where only the head adapts and the model does not say which part that is, or its batch normalisation
 * tells steps apart
 * @example evaluate({ learner: fineTuning({ model, loss, inner, adapts: "head" }), params: pretrained.params, tasks })
 */
export function fineTuning<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: FineTuningOptions<X, Y, Out>,
): Adapter<Tree, AdaptedModel, X, Y, Out> {
  const { model, adapts = "all" } = options;
  requireSharedNorm("fineTuning", model);
  const whole = fromScratch(options);
  const chosen =
    typeof adapts === "function" ? adapts : adapts === "head" ? headPaths("fineTuning", model, "head") : undefined;
  return {
    ...whole,
    name: adapts === "head" ? "fine-tuning, head" : "fine-tuning",
    description: { ...whole.description, adapts: typeof adapts === "function" ? "chosen parameters" : adapts },
    ...gradientSteps(options, whole.steps!, chosen),
  };
}

/** Adapting by plain gradient steps, then predicting with the model. */
function gradientSteps<X extends Tree, Y extends Tree, Out extends Tree>(
  { model, loss, inner, minibatch, laterShare }: BaselineOptions<X, Y, Out>,
  steps: number,
  adapts?: Adapts,
): Pick<Adapter<Tree, AdaptedModel, X, Y, Out>, "adapt" | "stepped" | "predict"> {
  const problem = supervised(model, loss);
  const { inner: objective, traits } = problem;
  const loop: InnerLoop<Examples<X, Y>> = {
    objective,
    traits,
    inner,
    order: 1,
    ...(adapts ? { adapts } : {}),
    ...(minibatch ? { minibatch: (support, step) => miniBatch(support, step, minibatch.size) } : {}),
    ...laterSteps(1, laterShare),
  };
  return {
    adapt: (params, support, { steps: count = steps } = {}) => {
      const arrived = innerLoop(loop, params, support, count, { phase: "predict" });
      return problem.adapted(arrived, support, { phase: "predict" });
    },
    stepped: steppedBy(
      (params, support) => innerSteps(loop, params, support, { phase: "predict" }),
      (arrived, support) => problem.adapted(arrived, support, { phase: "predict" }),
    ),
    predict: problem.predict,
  };
}

/**
 * Joint pre-training, then fine-tuning: one model for all tasks at once, trained on support and query sets alike
 * without adapting, gradient = grad L(theta; support and query); at evaluation it adapts like MAML.
 *
 * @throws IL102 as `fineTuning`
 */
export function jointTraining<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: FineTuningOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out> {
  const { model, loss, adapts } = options;
  requireSharedNorm("jointTraining", model);
  const tuned = adapts === undefined ? fromScratch({ steps: 1, ...options }) : fineTuning({ steps: 1, ...options });
  return {
    ...tuned,
    name: "joint pre-training",
    metaGradient: (params, { support, query }, key) => {
      const all = allExamples(support, query);
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const { output, statistics } = recorded(model, at, all, { phase: "train", ...(key ? { key } : {}) });
        const { loss: total, metrics } = measured(loss, output, all);
        return [total, { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
  };
}

const flatRows = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, -1]);

/** The memory of a nearest-neighbour classifier: the support set, and what embeds the queries. */
export type RememberedSupport = {
  readonly params: Tree;
  /** [n, features], in the space where neighbours are looked for. */
  readonly x: Tensor;
  /** [n, ways]: 1 for the class of an example, 0 for others; padding is of no class. */
  readonly members: Tensor;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
};

/**
 * The class of the nearest support example, in the input space or in an embedding: logit of a class = -min over its
 * examples of |f(x) - f(s)|^2.
 *
 * With `model` its parameters are the model's: evaluate it with those of a trained embedding. Otherwise it has none.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or both `model` and `embed` are given; IL303 where inputs
 * are a tree of tensors and neither is
 * @example evaluate({ learner: nearestNeighbour({ ways: 5, model: embedding }), params: trained.params, tasks })
 */
export function nearestNeighbour<X extends Tree = Tensor>(options: {
  readonly ways: number;
  /** An embedding with parameters. */
  readonly model?: Layer<Tree, X>;
  /** An embedding without: [n, ...] -> [n, features]. Inputs themselves, one tensor, unless given. */
  readonly embed?: (x: X) => Tensor;
}): Adapter<Tree, RememberedSupport, X> {
  const { ways, embed = (x: X) => flatRows(requireOneTensor("nearestNeighbour", x)) } = options;
  requireWays("nearestNeighbour", ways);
  if (options.model && options.embed) {
    throw new GraphError("IL102", "nearestNeighbour", "both model and embed", "Give one of them, or neither");
  }
  const model = options.model ?? (functionLayer(embed) as Layer<Tree, X>);
  const { metaGradient: _, ...adapter } = metricLearner({
    name: "nearest neighbour",
    classes: ways,
    description: { space: options.model || options.embed ? "embedding" : "input" },
    loss: crossEntropy,
    init: options.model ? model.init : () => ({ none: tensor(0) }),
    model,
    remember: (_params, x, support) => ({ x, members: memberships(support, ways) }),
    compare: ({ x, members }, features) => largestPerClass(neg(squaredDistances(features, x)), members),
  });
  return adapter;
}
