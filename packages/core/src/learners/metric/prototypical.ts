import { neg, sum, type Tensor, type Tree } from "@innerloop/graph";
import type { Layer, StatisticsByPath } from "../../layers/layer.js";
import { crossEntropy } from "../../losses/losses.js";
import { classMeans, memberships, requireWays, withoutEmptyClasses } from "../class-membership.js";
import type { Learner } from "../learner.js";
import { type Distance, distances } from "./distances.js";
import { metricLearner } from "./metric-learner.js";
import { describeTemperature, type Temperature, temperatureScale } from "./temperature.js";

export type { Distance as PrototypeDistance } from "./distances.js";

/** Options of `prototypicalNetwork`. */
export interface PrototypicalNetworkOptions<X extends Tree = Tensor> {
  /** The embedding: [n, ...] -> [n, ...], flattened to [n, features]. `convEmbedding` is the papers'. */
  readonly model: Layer<Tree, X>;
  /** Classes of a task, at most: one that no support example has gets no probability. */
  readonly ways: number;
  /** "squaredEuclidean" by default. */
  readonly distance?: Distance;
  /** What distances are divided by, 1 by default. "learned": its logarithm is a meta-parameter; { learned: T } starts at T. */
  readonly temperature?: Temperature;
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
 *   c_k = mean of f(x) over the support examples x of class k,  p(y = k | x) = softmax_k(-d(f(x), c_k) / T)
 *
 * d is |a - b|^2 ("squaredEuclidean"), |a - b| ("euclidean") or 1 - a.b / (|a| |b|) ("cosine"). Logits are -d / T, the
 * loss is the cross-entropy on the query set. The paper's temperature T is 1; cosine distances, which end at 2, want a
 * lower one. With a learned temperature the parameters are `{ model, logTemperature }`, without they are the model's
 * own.
 *
 * The parameters do not depend on the number of classes: train with 60 ways and evaluate a learner of 5 with the same
 * parameters. The published code embeds support and query in one pass; here they are two, so that batch normalisation
 * sees each by itself, as in the other learners.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more, or the temperature is not above 0
 * @example prototypicalNetwork({ model: convEmbedding({ imageShape: [28, 28, 1], downsampling: "pool" }), ways: 60 })
 */
export function prototypicalNetwork<X extends Tree = Tensor>(
  options: PrototypicalNetworkOptions<X>,
): Learner<Tree, Prototypes, X> {
  const { model, ways, distance = "squaredEuclidean", temperature = 1 } = options;
  requireWays("prototypicalNetwork", ways);
  const { init, modelPath, scaled } = temperatureScale("prototypicalNetwork", model, temperature);
  return metricLearner({
    name: "prototypical network",
    classes: ways,
    description: { distance, ...(temperature === 1 ? {} : { temperature: describeTemperature(temperature) }) },
    loss: crossEntropy,
    init,
    model,
    modelPath,
    remember: (_params, features, support) => {
      const members = memberships(support, ways);
      return { prototypes: classMeans(features, members), counts: sum(members, 0) };
    },
    compare: ({ params, prototypes, counts }, features) =>
      withoutEmptyClasses(scaled(params, neg(distances[distance](features, prototypes))), counts),
  });
}
