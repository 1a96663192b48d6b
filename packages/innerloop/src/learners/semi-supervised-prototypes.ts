import {
  add,
  cast,
  concat,
  div,
  exp,
  GraphError,
  less,
  max,
  mul,
  neg,
  reshape,
  sliceAxis,
  softmax,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import { crossEntropy } from "../losses.js";
import { classSums, memberships, requireWays, withoutEmptyClasses } from "./class-membership.js";
import { squaredDistances } from "./distances.js";
import type { Learner, Targets } from "./learner.js";
import { metricLearner } from "./metric-learner.js";
import type { Prototypes } from "./prototypical.js";

export interface SemiSupervisedPrototypesOptions {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. */
  readonly model: Layer;
  /** Classes of a task, at most: one that no labelled support example has gets no probability. */
  readonly ways: number;
  /** Steps of soft k-means, 1 by default: the paper found more no better. */
  readonly refinements?: number;
  /** A further cluster, at the origin, for unlabelled examples of none of the classes. None by default. */
  readonly distractors?: {
    /** First value of its length scale r, which is learned. 1, that of the classes, by default. */
    readonly lengthScale?: number;
  };
}

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
 * nothing else: its logit is -|f(x_j)|^2 / r^2 - log r, where those of the classes have r = 1. Parameters are then
 * `{ model, logLengthScale }`, the model's own otherwise. The paper's third way, masks from a network of the distances'
 * statistics, is not here.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, `refinements` not one of 0 or more, or the length
 * scale not above 0
 * @example semiSupervisedPrototypes({ model: convEmbedding({ imageShape: [28, 28, 1] }), ways: 5, distractors: {} })
 */
export function semiSupervisedPrototypes(options: SemiSupervisedPrototypesOptions): Learner<Tree, Prototypes> {
  const { model, ways, refinements = 1, distractors } = options;
  requireWays("semiSupervisedPrototypes", ways);
  if (!Number.isInteger(refinements) || refinements < 0)
    throw new GraphError("IL102", "semiSupervisedPrototypes", `${refinements} refinements`, "Use 0 or more");
  const lengthScale = distractors?.lengthScale ?? 1;
  if (!(lengthScale > 0 && Number.isFinite(lengthScale)))
    throw new GraphError("IL102", "semiSupervisedPrototypes", `length scale ${lengthScale}`, "Use a number above 0");
  /** Which class unlabelled examples belong to, as far as prototypes tell: [n, ways]. */
  const shares = (params: Tree, features: Tensor, prototypes: Tensor, counts: Tensor): Tensor => {
    const toClasses = withoutEmptyClasses(neg(squaredDistances(features, prototypes)), counts);
    if (!distractors) return softmax(toClasses);
    const { logLengthScale } = params as { readonly logLengthScale: Tensor };
    const norms = sum(mul(features, features), -1, { keepAxes: true });
    const toOrigin = sub(neg(mul(norms, exp(mul(logLengthScale, -2)))), logLengthScale);
    return sliceAxis(softmax(concat([toClasses, toOrigin], -1)), -1, 0, ways);
  };
  return metricLearner({
    name: "semi-supervised prototypical network",
    classes: ways,
    description: { refinements, distractors: distractors !== undefined, ...(distractors ? { lengthScale } : {}) },
    loss: crossEntropy,
    init: distractors
      ? (key) => ({ model: model.init(key), logLengthScale: tensor(Math.log(lengthScale)) })
      : model.init,
    model,
    modelPath: distractors ? "model" : undefined,
    remember: (params, features, support) => {
      const members = memberships(support, ways);
      const counts = sum(members, 0);
      const labelled = classSums(features, members);
      const mean = (totals: Tensor, weights: Tensor): Tensor => div(totals, reshape(max(weights, 1), [ways, 1]));
      let prototypes = mean(labelled, counts);
      for (let step = 0; step < refinements; step++) {
        const unlabelled = mul(shares(params, features, prototypes, counts), unlabelledRows(support));
        prototypes = mean(add(labelled, classSums(features, unlabelled)), add(counts, sum(unlabelled, 0)));
      }
      return { prototypes, counts };
    },
    compare: ({ prototypes, counts }, features) =>
      withoutEmptyClasses(neg(squaredDistances(features, prototypes)), counts),
  });
}

/** 1 for rows that are there and have no label: [n, 1]. */
function unlabelledRows({ y, present }: Targets): Tensor {
  const unlabelled = reshape(cast(less(y, 0), "float32"), [y.size, 1]);
  return present ? mul(unlabelled, reshape(present, [y.size, 1])) : unlabelled;
}
