import {
  add,
  cast,
  concat,
  div,
  exp,
  GraphError,
  greater,
  less,
  max,
  mul,
  neg,
  reduceMax,
  reduceMin,
  reshape,
  sigmoid,
  sliceAxis,
  softmax,
  sqrt,
  stack,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  where,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import { linear, sequential, tanh } from "../../layers/layers.js";
import { crossEntropy } from "../../losses/losses.js";
import { split } from "../../random/random.js";
import { classSums, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import type { Learner, Targets } from "../learner.js";
import { squaredDistances } from "./distances.js";
import { metricLearner } from "./metric-learner.js";
import type { Prototypes } from "./prototypical.js";

/** Options of `semiSupervisedPrototypes`. */
export interface SemiSupervisedPrototypesOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no labelled support example has gets no probability. */
  readonly ways: number;
  /** Steps of soft k-means, 1 by default: the paper found more no better. */
  readonly refinements?: number;
  /** A further cluster, at the origin, for unlabelled examples of none of the classes. None by default. */
  readonly distractors?: {
    /** First value of its length scale r, which is learned. 1, that of the classes, by default. */
    readonly lengthScale?: number;
  };
  /** Masks of the unlabelled examples, by a network of how far they are from each class. None by default. */
  readonly masks?: {
    /** Units of the network's hidden layer, 20 by default. */
    readonly units?: number;
  };
}

/** Added to variances and mean distances, which are 0 where there is one unlabelled example or none. */
const epsilon = 1e-5;
/** The least of no distances: relative ones are near 1. */
const farthest = 10;

/**
 * Prototypical networks with unlabelled examples (Ren et al. 2018): the prototypes of the labelled support examples are
 * refined by those without a label, by soft k-means.
 *
 *   z_jk = softmax_k(-|f(x_j) - c_k|^2)                                     for unlabelled x_j
 *   c_k <- (sum of f(x) over labelled x of class k + sum_j z_jk f(x_j)) / (their number + sum_j z_jk)
 *   p(y = k | x) = softmax_k(-|f(x) - c_k|^2)                               for queries
 *
 * Unlabelled rows of the support set have the label -1, as tasks of `semiSupervisedEpisodes` do; without any it is the
 * prototypical network. With `distractors` the softmax of z has one more cluster, at the origin, that takes part in
 * nothing else: its logit is -|f(x_j)|^2 / r^2 - log r, where those of the classes have r = 1. With `masks` the shares
 * are masked by how far an example is from the class, measured against the other unlabelled ones (section 3.1.3):
 *
 *   d_jk = |f(x_j) - c_k|^2 / mean_j |f(x_j) - c_k|^2
 *   [beta_k, gamma_k] = network(min_j d_jk, max_j d_jk, variance_j d_jk, skewness_j d_jk, kurtosis_j d_jk)
 *   z_jk <- z_jk sigmoid(-gamma_k (d_jk - beta_k))
 *
 * where the network has a hidden layer of tanh units, and begins with beta and gamma near 1. Parameters are
 * `{ model, logLengthScale }` or `{ model, masks }`, and the model's own with neither.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, `refinements` not one of 0 or more, the length scale
 * not above 0, the units are none, or both ways with examples of none of the classes are asked for
 * @example semiSupervisedPrototypes({ model: convEmbedding({ imageShape: [28, 28, 1] }), ways: 5, distractors: {} })
 */
export function semiSupervisedPrototypes<X extends Tree = Tensor>(
  options: SemiSupervisedPrototypesOptions<X>,
): Learner<Tree, Prototypes, X> {
  const { model, ways, refinements = 1, distractors, masks } = options;
  requireWays("semiSupervisedPrototypes", ways);
  if (!Number.isInteger(refinements) || refinements < 0)
    throw new GraphError("IL102", "semiSupervisedPrototypes", `${refinements} refinements`, "Use 0 or more");
  const lengthScale = distractors?.lengthScale ?? 1;
  if (!(lengthScale > 0 && Number.isFinite(lengthScale)))
    throw new GraphError("IL102", "semiSupervisedPrototypes", `length scale ${lengthScale}`, "Use a number above 0");
  if (distractors && masks)
    throw new GraphError(
      "IL102",
      "semiSupervisedPrototypes",
      "both distractors and masks",
      "Give one of them, or neither",
    );
  const { units = 20 } = masks ?? {};
  if (!Number.isSafeInteger(units) || units < 1)
    throw new GraphError("IL102", "semiSupervisedPrototypes", `masks of ${units} units`, "Use 1 or more");
  const network = sequential([linear({ inputs: 5, outputs: units }), tanh(), linear({ inputs: units, outputs: 2 })]);
  /** Which class unlabelled examples belong to, as far as prototypes tell: [n, ways]. */
  const shares = (params: Tree, features: Tensor, prototypes: Tensor, counts: Tensor, unlabelled: Tensor): Tensor => {
    const distances = squaredDistances(features, prototypes);
    const toClasses = withoutEmptyClasses(neg(distances), counts);
    if (masks) {
      const { masks: own } = params as { readonly masks: Tree };
      return mul(softmax(toClasses), nearness(network, own, distances, unlabelled));
    }
    if (!distractors) return softmax(toClasses);
    const { logLengthScale } = params as { readonly logLengthScale: Tensor };
    const norms = sum(mul(features, features), -1, { keepAxes: true });
    const toOrigin = sub(neg(mul(norms, exp(mul(logLengthScale, -2)))), logLengthScale);
    return sliceAxis(softmax(concat([toClasses, toOrigin], -1)), -1, 0, ways);
  };
  return metricLearner({
    name: "semi-supervised prototypical network",
    classes: ways,
    unlabelled: true,
    description: {
      refinements,
      distractors: distractors !== undefined,
      ...(distractors ? { lengthScale } : {}),
      masks: masks !== undefined,
      ...(masks ? { units } : {}),
    },
    loss: crossEntropy,
    init: (key) => {
      if (distractors) return { model: model.init(key), logLengthScale: tensor(Math.log(lengthScale)) };
      if (!masks) return model.init(key);
      return { model: model.init(split(key, "model")), masks: network.init(split(key, "masks")) };
    },
    model,
    modelPath: distractors || masks ? "model" : undefined,
    remember: (params, features, support) => {
      const members = memberships(support, ways);
      const counts = sum(members, 0);
      const labelled = classSums(features, members);
      const mean = (totals: Tensor, weights: Tensor): Tensor => div(totals, reshape(max(weights, 1), [ways, 1]));
      let prototypes = mean(labelled, counts);
      const unlabelled = unlabelledRows(support);
      for (let step = 0; step < refinements; step++) {
        const taken = mul(shares(params, features, prototypes, counts, unlabelled), unlabelled);
        prototypes = mean(add(labelled, classSums(features, taken)), add(counts, sum(taken, 0)));
      }
      return { prototypes, counts };
    },
    compare: ({ prototypes, counts }, features) =>
      withoutEmptyClasses(neg(squaredDistances(features, prototypes)), counts),
  });
}

/**
 * Masks m_jk of `distances` [n, ways], over the rows that `unlabelled` [n, 1] names: near 1 for examples that are
 * nearer to a class than its border, near 0 for those beyond.
 */
function nearness(network: Layer, params: Tree, distances: Tensor, unlabelled: Tensor): Tensor {
  const number = max(sum(unlabelled, 0), 1);
  const mean = (x: Tensor): Tensor => div(sum(mul(x, unlabelled), 0), number);
  const isThere = greater(unlabelled, 0);
  // Of the other rows nothing counts, and next to a mean of 0 they would be too large for what follows.
  const relative = where(isThere, div(distances, add(mean(distances), epsilon)), 1);
  const centred = mul(sub(relative, mean(relative)), unlabelled);
  const squares = mul(centred, centred);
  const spread = add(mean(squares), epsilon);
  const statistics = [
    reduceMin(where(isThere, relative, farthest), 0),
    reduceMax(where(isThere, relative, 0), 0),
    spread,
    div(mean(mul(squares, centred)), mul(spread, sqrt(spread))),
    div(mean(mul(squares, squares)), mul(spread, spread)),
  ];
  const borders = add(network.apply(params, stack(statistics, -1), { phase: "predict" }), 1);
  const [beta, gamma] = [0, 1].map((i) => reshape(sliceAxis(borders, -1, i, i + 1), [1, -1])) as [Tensor, Tensor];
  return sigmoid(neg(mul(gamma, sub(relative, beta))));
}

/** 1 for rows that are there and have no label: [n, 1]. */
function unlabelledRows({ y, present }: Targets): Tensor {
  const unlabelled = reshape(cast(less(y, 0), "float32"), [y.size, 1]);
  return present ? mul(unlabelled, reshape(present, [y.size, 1])) : unlabelled;
}
