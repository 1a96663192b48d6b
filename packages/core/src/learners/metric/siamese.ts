/**
 * Learners of whether two examples are of one class: by pairs (Koch et al. 2015) and by triplets (Schroff et al. 2015).
 */
import {
  abs,
  add,
  cast,
  div,
  equal,
  GraphError,
  greater,
  matmul,
  max,
  mul,
  neg,
  oneHot,
  reduceMax,
  relu,
  reshape,
  softplus,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import { accuracy, type Loss } from "../../losses/losses.js";
import { meanOverRows } from "../../losses/metric.js";
import type { Examples } from "../../tasks/task.js";
import {
  classMeans,
  largestPerClass,
  meanOverClasses,
  memberships,
  requireWays,
  withoutEmptyClasses,
} from "../class-membership.js";
import type { Learner } from "../learner.js";
import { squaredDistances, unitRows } from "./distances.js";
import { type EmbeddedTask, metricLearner, requireOutputShape } from "./metric-learner.js";

/** The embedded support set of one task, with what embeds its queries. */
export type PairedSupport = EmbeddedTask & {
  /** [n, features] */
  readonly embedded: Tensor;
  /** [n, ways]: 1 for the class of an example, 0 for others; padding is of no class. */
  readonly members: Tensor;
};

/** 1 for classes with support examples, 0 for others: of logits that are -1e9 for these. */
const ofSupport = (logits: Tensor): Tensor => cast(greater(logits, -1e8), logits.dtype);

/** Options of `siameseNetwork`. */
export interface SiameseNetworkOptions<X extends Tree = Tensor> {
  /** The twin: [n, ...] -> [n, ...], flattened to [n, features]; it says its `outputShape`. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has is never predicted. */
  readonly ways: number;
}

/**
 * mean of -(t log p + (1 - t) log(1 - p)), p = sigmoid(logit), t = 1 for the row's class, 0 for others: logits [n,
 * ways]. Classes without support examples, whose logits are -1e9, are not among the others.
 */
const classwiseBinaryCrossEntropy: Loss = Object.assign(
  meanOverRows((logits, y) => {
    const target = oneHot(y, logits.shape[1]!, logits.dtype);
    return meanOverClasses(sub(softplus(logits), mul(logits, target)), ofSupport(logits));
  }),
  { metrics: [accuracy] },
);

/**
 * Siamese networks (Koch, Zemel & Salakhutdinov 2015): the probability that two examples are of one class, from the
 * weighted L1 distance of their embeddings.
 *
 *   p(a, b) = sigmoid(sum_j w_j |f_j(a) - f_j(b)| + bias),   loss = mean binary cross-entropy of all pairs
 *
 * Training takes the pairs of each query with each support example of the task. A query is classified by the support
 * example that it is most alike: predictions are the largest logit of p over the examples of each class, [n, ways]. The
 * loss that evaluation reports is the binary cross-entropy of these; with one shot the two are the same. The paper
 * draws as many equal pairs as unequal ones, from all classes, and shrinks the weights by L2; here pairs are those of
 * episodes, 1 in `ways` of them equal. Weights start at -1 / features: what is far apart is not alike.
 *
 * Parameters are `{ model, weight, bias }`, weight [features].
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or the model does not say its `outputShape`
 * @example siameseNetwork({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 20 })
 */
export function siameseNetwork<X extends Tree = Tensor>(
  options: SiameseNetworkOptions<X>,
): Learner<Tree, PairedSupport, X> {
  const { model, ways } = options;
  requireWays("siameseNetwork", ways);
  const features = requireOutputShape("siameseNetwork", model).reduce((a, b) => a * b, 1);
  type Parameters = { readonly weight: Tensor; readonly bias: Tensor };
  /** Of all pairs of queries and support examples: [q, n]. */
  const pairLogits = ({ params, embedded }: PairedSupport, queries: Tensor): Tensor => {
    const { weight, bias } = params as Parameters;
    const [q, n] = [queries.shape[0]!, embedded.shape[0]!];
    const apart = abs(sub(reshape(queries, [q, 1, features]), reshape(embedded, [1, n, features])));
    return add(reshape(matmul(apart, reshape(weight, [features, 1])), [q, n]), bias);
  };
  return metricLearner({
    name: "Siamese network",
    classes: ways,
    description: {},
    loss: classwiseBinaryCrossEntropy,
    init: (key) => ({
      model: model.init(key),
      weight: tensor(new Float32Array(features).fill(-1 / features)),
      bias: tensor(0),
    }),
    model,
    modelPath: "model",
    remember: (_params, embedded, support) => ({ embedded, members: memberships(support, ways) }),
    compare: (task, queries) => largestPerClass(pairLogits(task, queries), task.members),
    trainingLoss: (task, queries, query) => {
      const logits = pairLogits(task, queries);
      const alike = matmul(memberships(query, ways), swapLast(task.members));
      const each = sub(softplus(logits), mul(logits, cast(alike, logits.dtype)));
      const there = pairsPresent(task.members, query);
      return div(sum(mul(each, there)), max(sum(there), 1));
    },
  });
}

/** 1 for pairs of a query and a support example that are both there: [q, n]. */
function pairsPresent(members: Tensor, { y, present }: Pick<Examples, "y" | "present">): Tensor {
  const supports = reshape(sum(members, -1), [1, members.shape[0]!]);
  const queries = present ? reshape(present, [y.size, 1]) : tensor(new Float32Array(y.size).fill(1), [y.size, 1]);
  return mul(queries, supports);
}

/** Options of `tripletNetwork`. */
export interface TripletNetworkOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has is never predicted. */
  readonly ways: number;
  /** By how much a wrong class is to be further away than the right one, in squared distance; 0.2 by default. */
  readonly margin?: number;
  /**
   * The triplets of a query: "all" (default), or the one of the furthest positive and the nearest negative ("hard").
   */
  readonly mining?: "all" | "hard";
  /** Embeddings are of length 1, as in the paper: true by default. */
  readonly normalised?: boolean;
  /** A query's class: that of the "nearest" support example (default), or of the nearest class "mean". */
  readonly classifyBy?: "nearest" | "mean";
}

/**
 * Embeddings trained by the triplet loss (Schroff et al. 2015; Hoffer & Ailon 2015): the examples of a query's class
 * shall be nearer than those of other classes by a margin.
 *
 *   loss = mean over triplets of max(0, |f(a) - f(p)|^2 - |f(a) - f(n)|^2 + margin)
 *
 * a is a query, p a support example of its class and n one of another. The papers take triplets from one large batch;
 * these are those of an episode, so that training asks for what evaluation does. Of each query "all" takes all triplets
 * and "hard" one (batch-hard of Hermans et al. 2017). Predictions are -|f(x) - s|^2 for the nearest example s of each
 * class, or for its mean. The loss that evaluation reports is that of triplets of these: with one shot it is the
 * training loss.
 *
 * Parameters are the model's own.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or the margin is not above 0
 * @example tripletNetwork({ model: convEmbedding({ imageShape: [28, 28, 1] }), ways: 20, mining: "hard" })
 */
export function tripletNetwork<X extends Tree = Tensor>(
  options: TripletNetworkOptions<X>,
): Learner<Tree, PairedSupport, X> {
  const { model, ways, margin = 0.2, mining = "all", normalised = true, classifyBy = "nearest" } = options;
  requireWays("tripletNetwork", ways);
  if (!(margin > 0 && Number.isFinite(margin)))
    throw new GraphError("IL102", "tripletNetwork", `margin ${margin}`, "Use a number above 0");
  const placed = (embedded: Tensor): Tensor => (normalised ? unitRows(embedded) : embedded);
  const tripletsOf = (logits: Tensor, y: Tensor, present?: Tensor): Tensor => {
    const own = oneHot(y, logits.shape[1]!, logits.dtype);
    const others = mul(sub(1, own), ofSupport(logits));
    // A row that is padding has no positive, and so no triplet.
    const positive = present ? mul(own, reshape(cast(present, own.dtype), [y.size, 1])) : own;
    return tripletLoss(neg(logits), positive, others, margin, mining);
  };
  const judged: Loss = Object.assign(tripletsOf, {
    perRow: meanOverRows((logits: Tensor, y: Tensor) => tripletsOf(logits, y)).perRow,
    metrics: [accuracy],
  });
  return metricLearner({
    name: "triplet network",
    classes: ways,
    description: { margin, mining, normalised, classifyBy },
    loss: judged,
    init: model.init,
    model,
    remember: (_params, embedded, support) => ({ embedded: placed(embedded), members: memberships(support, ways) }),
    compare: ({ embedded, members }, queries) => {
      const from = placed(queries);
      if (classifyBy === "nearest") return largestPerClass(neg(squaredDistances(from, embedded)), members);
      return withoutEmptyClasses(neg(squaredDistances(from, classMeans(embedded, members))), sum(members, 0));
    },
    trainingLoss: ({ embedded, members }, queries, query) => {
      const alike = matmul(memberships(query, ways), swapLast(members));
      const there = pairsPresent(members, query);
      return tripletLoss(squaredDistances(placed(queries), embedded), alike, sub(there, alike), margin, mining);
    },
  });
}

/**
 * The triplet loss from distances [q, n] of anchors to others, of which `positive` marks those of the anchor's class
 * and `negative` those of other classes, both [q, n]; 0 where there is no triplet.
 *
 * @param mining "all" is the mean over all triplets, "hard" over the anchors' hardest ones
 */
export function tripletLoss(
  distances: Tensor,
  positive: Tensor,
  negative: Tensor,
  margin: number,
  mining: "all" | "hard",
): Tensor {
  if (mining === "hard") {
    const far = reduceMax(sub(distances, mul(sub(1, positive), 1e9)), -1);
    const near = neg(reduceMax(sub(neg(distances), mul(sub(1, negative), 1e9)), -1));
    const valid = cast(equal(mul(reduceMax(positive, -1), reduceMax(negative, -1)), 1), distances.dtype);
    // What an anchor without a triplet has for a distance is not one: it is replaced before anything is made of it.
    const violated = relu(add(mul(sub(far, near), valid), margin));
    return div(sum(mul(violated, valid)), max(sum(valid), 1));
  }
  const [q, n] = distances.shape as readonly [number, number];
  const apart = add(sub(reshape(distances, [q, n, 1]), reshape(distances, [q, 1, n])), margin);
  const valid = mul(reshape(positive, [q, n, 1]), reshape(negative, [q, 1, n]));
  return div(sum(mul(relu(apart), valid)), max(sum(valid), 1));
}
