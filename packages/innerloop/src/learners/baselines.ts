/** What a results table shows beside a meta-learner: the same adaptation without learning to learn. */
import {
  add,
  cast,
  equal,
  GraphError,
  matmul,
  mul,
  neg,
  oneHot,
  reduceMax,
  reshape,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
} from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import { crossEntropy, type Loss } from "../losses.js";
import type { Optimizer } from "../optimizers.js";
import { type AdaptedModel, innerLoop, recorded } from "./gradient-adaptation.js";
import { predictor, withSupport } from "./gradient-learner.js";
import { type Adapter, type Learner, measured, type Targets } from "./learner.js";
import { allExamples } from "./reptile.js";

export interface BaselineOptions {
  readonly model: Layer;
  readonly loss: Loss;
  /** The optimizer of the adaptation, as the meta-learner's inner one. */
  readonly inner: Optimizer;
  readonly steps?: number;
}

/** The model's first parameters, trained on nothing but the support set. Evaluate it with steps and a rate that suit it. */
export function fromScratch(options: BaselineOptions): Adapter<Tree, AdaptedModel> {
  const { model, loss, inner, steps = 50 } = options;
  const loop = { model, loss, inner, order: 1 as const };
  return {
    name: "from scratch",
    description: { steps, inner: inner.description, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss,
    steps,
    init: model.init,
    adapt: (params, support, { steps: count = steps } = {}) =>
      withSupport(model, innerLoop(loop, params, support, count, { phase: "predict" }), support, { phase: "predict" }),
    predict: predictor(model),
  };
}

/**
 * Joint pre-training, then fine-tuning: one model for all tasks at once, trained on support and query sets alike without
 * adapting, gradient = grad L(theta; support and query); at evaluation it adapts like MAML.
 */
export function jointTraining(options: BaselineOptions): Learner<Tree, AdaptedModel> {
  const { model, loss } = options;
  const fineTuning = fromScratch({ steps: 1, ...options });
  return {
    ...fineTuning,
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

/** What a nearest-neighbour classifier remembers: the support set. */
export type RememberedSupport = {
  readonly x: Tensor;
  /** [n, ways]: 1 for the class of an example, 0 for others; padding is of no class. */
  readonly members: Tensor;
};

/**
 * The class of the nearest support example, in the input space or under an embedding of one's own: logit of a class =
 * -min over its examples of |x - s|^2.
 */
export function nearestNeighbour(options: {
  readonly ways: number;
  /** [n, ...] -> [n, features]; flattened inputs by default. */
  readonly embed?: (x: Tensor) => Tensor;
}): Adapter<Tree, RememberedSupport> {
  const { ways, embed = (x: Tensor) => reshape(x, [x.shape[0]!, -1]) } = options;
  if (!Number.isInteger(ways) || ways < 2)
    throw new GraphError("IL102", "nearestNeighbour", `${ways} ways`, "Use 2 or more");
  return {
    name: "nearest neighbour",
    description: { space: options.embed ? "embedding" : "input" },
    loss: crossEntropy,
    init: () => ({ none: tensor(0) }),
    adapt: (_params, support) => ({ x: embed(support.x), members: memberships(support, ways) }),
    predict: (support, x) => {
      const squared = squaredDistances(embed(x), support.x);
      // A class has no distance to examples of others: 1e9 keeps them from being the nearest.
      const perClass = sub(
        neg(reshape(squared, [...squared.shape, 1])),
        mul(cast(equal(support.members, 0), squared.dtype), 1e9),
      );
      return reduceMax(perClass, 1);
    },
  };
}

/** Which class an example is of: [n, ways], a row of zeros for padding. */
export function memberships({ y, present }: Targets, ways: number): Tensor {
  const members = oneHot(y, ways);
  return present ? mul(members, reshape(present, [y.size, 1])) : members;
}

/** |a_i - b_j|^2 of rows [n, d] and [m, d]: [n, m]. */
export function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const squares = (x: Tensor) => sum(mul(x, x), -1, { keepAxes: true });
  return add(sub(squares(a), mul(matmul(a, swapLast(b)), 2)), swapLast(squares(b)));
}
