import {
  add,
  cast,
  div,
  GraphError,
  greater,
  matmul,
  max,
  mul,
  neg,
  relu,
  reshape,
  sqrt,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { ApplyContext, Layer, StatisticsByPath } from "../layers/layer.js";
import { crossEntropy } from "../losses.js";
import type { Examples } from "../tasks/task.js";
import { memberships, squaredDistances } from "./baselines.js";
import { recorded } from "./gradient-adaptation.js";
import { type Learner, measured } from "./learner.js";

/** How far apart two embeddings are; all are 0 for equal ones. */
export type PrototypeDistance = "squaredEuclidean" | "euclidean" | "cosine";

export interface PrototypicalNetworkOptions {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. `convEmbedding` is the papers'. */
  readonly model: Layer;
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** "squaredEuclidean" by default. */
  readonly distance?: PrototypeDistance;
}

/** Class prototypes of one task, with what embeds its queries. */
export type Prototypes = {
  readonly params: Tree;
  /** [ways, features]; zeros for a class without support examples. */
  readonly prototypes: Tensor;
  /** Support examples of each class: [ways]. */
  readonly counts: Tensor;
  /** Statistics of the support set, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
};

/**
 * Prototypical networks (Snell, Swersky & Zemel 2017): a class is the mean of its support examples in an embedding f
 * that training learns; nothing adapts by gradients.
 *
 *   c_k = mean of f(x) over the support examples x of class k,  p(y = k | x) = softmax_k(-d(f(x), c_k))
 *
 * d is |a - b|^2 ("squaredEuclidean"), |a - b| ("euclidean") or 1 - a.b / (|a| |b|) ("cosine"). Logits are -d, the loss
 * is the cross-entropy on the query set.
 *
 * The parameters do not depend on the number of classes: train with 60 ways and evaluate a learner of 5 with the same
 * parameters. The published code embeds support and query in one pass; here they are two, so that batch normalisation
 * sees each by itself, as in the other learners.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more
 * @example prototypicalNetwork({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 60 })
 */
export function prototypicalNetwork(options: PrototypicalNetworkOptions): Learner<Tree, Prototypes> {
  const { model, ways, distance = "squaredEuclidean" } = options;
  if (!Number.isInteger(ways) || ways < 2)
    throw new GraphError("IL102", "prototypicalNetwork", `${ways} ways`, "Use 2 or more");
  const distances = distanceFunctions[distance];
  const embedded = (params: Tree, examples: Examples, context: ApplyContext) => {
    const { output, statistics } = recorded(model, params, examples, context);
    return { features: reshape(output, [examples.x.shape[0]!, -1]), statistics };
  };
  const adapted = (params: Tree, support: Examples, context: ApplyContext): Prototypes => {
    const { features, statistics } = embedded(params, support, context);
    const members = cast(memberships(support, ways), features.dtype);
    const counts = sum(members, 0);
    const totals = matmul(swapLast(members), features);
    return { params, prototypes: div(totals, reshape(max(counts, 1), [ways, 1])), counts, statistics };
  };
  const logits = ({ prototypes, counts }: Prototypes, features: Tensor): Tensor => {
    const missing = cast(greater(1, counts), features.dtype);
    return sub(neg(distances(features, prototypes)), mul(missing, 1e9));
  };
  return {
    name: "prototypical network",
    description: { distance, ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}) },
    loss: crossEntropy,
    init: model.init,
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const { value, gradient, auxiliary } = valueAndGrad((at: Tree) => {
        const task = adapted(at, support, { ...context, pass: "support" });
        const { features, statistics } = embedded(at, query, { ...context, pass: "query", given: task.statistics });
        const { loss, metrics } = measured(crossEntropy, logits(task, features), query);
        return [loss, { metrics, statistics }] as const;
      })(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params, support) => adapted(params, support, { phase: "predict" }),
    predict: (task, x, present) => {
      const output = model.apply(task.params, x, { given: task.statistics, ...(present ? { present } : {}) });
      return logits(task, reshape(output, [x.shape[0]!, -1]));
    },
  };
}

/** Added to a sum of squares under a root: at 0 the root's slope is not finite. Too small to show in a distance. */
const tiny = 1e-24;

/** Distances of rows [n, features] and [ways, features]: [n, ways]. */
const distanceFunctions: Readonly<Record<PrototypeDistance, (a: Tensor, b: Tensor) => Tensor>> = {
  squaredEuclidean: squaredDistances,
  // Rounding may leave the square of a small distance below 0.
  euclidean: (a, b) => sqrt(add(relu(squaredDistances(a, b)), tiny)),
  cosine: (a, b) => sub(1, matmul(unit(a), swapLast(unit(b)))),
};

/** Rows divided by their lengths. */
const unit = (x: Tensor): Tensor => div(x, sqrt(add(sum(mul(x, x), -1, { keepAxes: true }), tiny)));
