/** Learners of what a closed-form base leaves of a user's ratings. */
import {
  add,
  broadcastTo,
  concat,
  div,
  exp,
  mul,
  ones,
  reshape,
  sigmoid,
  sliceAxis,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
  valueAndGrad,
  zeros,
} from "@innerloop/graph";
import type { RatedInputs } from "../../domains/recommendation/user-tasks.js";
import type { EntityInputs } from "../../layers/entity-embedding.js";
import { type ApplyContext, type Layer, within } from "../../layers/layer.js";
import { binaryCrossEntropy, type Loss } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import type { RatingTarget } from "../../losses/rating-target.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { statisticsBelow } from "../gradient/gradient-learner.js";
import type { Adapter, Learner } from "../learner.js";

/** A learner of vectors and numbers, as all of regression in the catalogue are. */
export type FeatureLearner = Learner<Tree, Tree, Tensor, Tensor, Tensor>;

/** The way in which base and what a learner predicts make a rating. */
export interface RatingLink {
  /** What is left of ratings [n, 1] beside the base and the user's level: what the learner within reads and predicts. */
  left(rating: Tensor, base: Tensor, level: Tensor): Tensor;
  /** Whether users have a level. */
  readonly hasLevel: boolean;
  /** The loss of base + level + prediction and ratings, where it is not that of the learner within. */
  readonly loss?: Loss;
}

/** Ratings are sums: r = b + level + f. */
export const identityLink: RatingLink = {
  left: (rating, base, level) => sub(sub(rating, base), level),
  hasLevel: true,
};

/**
 * Ratings of 1 and 0 are of log-odds b + f: left of one is e = r - sigmoid(b), which `logisticResidual` is the loss of. There
 * is no level, since it would be the same for all items of a user: of what was taken alone it tells nothing, and it changes no
 * order.
 */
export const logitLink: RatingLink = {
  left: (rating, base) => sub(rating, sigmoid(base)),
  hasLevel: false,
  loss: binaryCrossEntropy,
};

/** Options of `residualLearner`. */
export interface ResidualOptions {
  /** The features of rows: `entityEmbedding`. */
  readonly embedding: Layer<Tree, EntityInputs>;
  /** Figures of predictions [n, 1] beside the learner's loss; the first of them leads. */
  readonly metrics?: readonly Metric<Tensor, RatingTarget>[];
  /** The first shrinkage of a user's level, in ratings: 3 by default. */
  readonly shrinkage?: number;
  /** `identityLink` by default; `logitLink` for implicit feedback, with `logisticResidual` as the loss of the learner within. */
  readonly link?: RatingLink;
}

/** Parameters: of the embedding, of the level's shrinkage lambda its logarithm, and of the learner. */
export type ResidualParameters = { readonly embedding: Tree; readonly logShrinkage: Tensor; readonly learner: Tree };

/** Taste of a user: what ratings say beside the base of items and their features, which are the same for all users. */
export type UserTaste = {
  /** float32 [1, 1]: how much higher than the base the user rates. */
  readonly level: Tensor;
  readonly adapted: Tree;
};

/** A user as a learner knows one. */
export type KnownUser = UserTaste & { readonly embedding: Tree };

/** Rows of items as what a user's taste is about. */
export type FeatureRows = {
  /** float32 [n, 1]: b_i. */
  readonly base: Tensor;
  /** float32 [n, features]: z_i. */
  readonly features: Tensor;
};

/**
 * The parts of a learner of ratings by which all items are told at once: their features are made once for all users, and a
 * user is adapted to and told by them. Together they say what `adapt` and `predict` say.
 */
export interface TasteByFeatures {
  /** Rows of inputs as base and features, z = embedding(x). */
  features(embedding: Tree, x: RatedInputs): FeatureRows;
  /**
   * The taste behind ratings.
   *
   * @param known rows of items with ratings [n, 1], and `present` [n]
   */
  taste(
    params: Omit<ResidualParameters, "embedding">,
    known: FeatureRows & { readonly rating: Tensor; readonly present?: Tensor },
    how?: { readonly steps?: number },
  ): UserTaste;
  /** Predictions [n, 1] of rows, or [n, 2] with deviations beside them. */
  told(taste: UserTaste, rows: FeatureRows, present?: Tensor): Tensor;
}

/** A learner of ratings beside a base, whole and in its parts. */
export type ResidualLearner = Learner<ResidualParameters, KnownUser, RatedInputs, RatingTarget, Tensor> &
  TasteByFeatures;

type RatingAdapter = Adapter<ResidualParameters, KnownUser, RatedInputs, RatingTarget, Tensor> & TasteByFeatures;
type Set = Examples<RatedInputs, RatingTarget>;

/**
 * A learner of a user's taste: what is left of the ratings beside the base b_i of items and the level of the user, which is
 * shrunk by lambda ratings of 0,
 *
 *   e_i = r_i - b_i,  level = sum over known ratings of e_i / (n + lambda),
 *   r_q = b_q + level + f(z_q | (z_1, e_1 - level), ..., (z_n, e_n - level)),  z = embedding(x)
 *
 * f is any learner of regression: maml over decision layers is MeLU (Lee et al. 2019), whose embeddings do not adapt; ridge
 * regression is a fold-in of a user vector; neural processes read the ratings as a set. The embedding, lambda and what f has
 * learn together: lambda and the embedding by the gradient of the learner's loss, its own parameters by its own rule. Without
 * ratings the level is 0, and f says what it says without any.
 *
 * @param learner of inputs [n, features] and targets [n, 1]; predictions [n, 1], or [n, 2] with deviations beside them
 * @example residualLearner(ridgeRegression({ task: "regression", model: identity }), { embedding: entityEmbedding(...) })
 */
export function residualLearner(learner: FeatureLearner, options: ResidualOptions): ResidualLearner {
  const { embedding, link = identityLink } = options;
  return {
    ...residualAdapter(learner, options),
    metaGradient: (params, { support, query }, key, how) => {
      const context: ApplyContext = { phase: "train", ...(key ? { key } : {}) };
      const { embedding: table, logShrinkage } = params;
      const loss = (at: Pick<ResidualParameters, "embedding" | "logShrinkage">) => {
        const known = { base: baseOf(support.x), rating: support.y.rating, ...presentOf(support) };
        const { examples, level } = readRatings({ link, logShrinkage: at.logShrinkage }, known, () =>
          embedding.apply(at.embedding, support.x, within({ ...context, pass: "support" }, "embedding")),
        );
        const asked = {
          x: embedding.apply(at.embedding, query.x, within({ ...context, pass: "query" }, "embedding")),
          y: link.left(query.y.rating, baseOf(query.x), level),
          ...presentOf(query),
        };
        const inner = learner.metaGradient(params.learner, { support: examples, query: asked }, key, how);
        const { statistics: found, ...made } = inner;
        return [made.loss, { ...made, statistics: statisticsBelow("learner", found ?? {}) }] as const;
      };
      const { gradient, auxiliary } = valueAndGrad(loss)({ embedding: table, logShrinkage });
      return { ...auxiliary, gradient: { ...gradient, learner: auxiliary.gradient } };
    },
  };
}

/** The same of a baseline or learner that does not train so. */
export function residualAdapter(
  learner: Omit<FeatureLearner, "metaGradient">,
  { embedding, metrics = [], shrinkage = 3, link = identityLink }: ResidualOptions,
): RatingAdapter {
  const taste: TasteByFeatures["taste"] = (params, { features, ...known }, how) => {
    const { examples, level } = readRatings({ link, logShrinkage: params.logShrinkage }, known, () => features);
    return { level, adapted: learner.adapt(params.learner, examples, how) };
  };
  const told: TasteByFeatures["told"] = ({ level, adapted }, { base, features }, present) => {
    const left = learner.predict(adapted, features, present);
    const [n, outputs] = left.shape as readonly [number, number];
    const centre = add(add(base, broadcastTo(level, [n, 1])), sliceAxis(left, 1, 0, 1));
    return outputs === 1 ? centre : concat([centre, sliceAxis(left, 1, 1, outputs)], 1);
  };
  const features: TasteByFeatures["features"] = (table, x) => ({
    base: baseOf(x),
    features: embedding.apply(table, x, within({ phase: "predict" }, "embedding")),
  });
  return {
    features,
    taste,
    told,
    name: learner.name,
    description: learner.description,
    ...(learner.steps === undefined ? {} : { steps: learner.steps }),
    loss: lossOfRatings(link.loss ?? learner.loss, metrics),
    init: (key: Key) => ({
      embedding: embedding.init(split(key, "embedding")),
      logShrinkage: tensor([Math.log(shrinkage)], [1, 1]),
      learner: learner.init(split(key, "learner")),
    }),
    adapt: (params, support, how) => {
      const known = { ...features(params.embedding, support.x), rating: support.y.rating, ...presentOf(support) };
      return { embedding: params.embedding, ...taste(params, known, how) };
    },
    predict: (user, x, present) => told(user, features(user.embedding, x), present),
  };
}

const baseOf = ({ numbers }: RatedInputs): Tensor => sliceAxis(numbers, 1, 0, 1);

const presentOf = ({ present }: Pick<Set, "present">) => (present ? { present } : {});

/**
 * The ratings of a user as what is left beside base and level, and that level.
 *
 * @param features of the rows, asked for once
 */
function readRatings(
  { link, logShrinkage }: { readonly link: RatingLink; readonly logShrinkage: Tensor },
  { base, rating, present }: { readonly base: Tensor; readonly rating: Tensor; readonly present?: Tensor },
  features: () => Tensor,
): { readonly examples: Examples; readonly level: Tensor } {
  const n = rating.shape[0]!;
  const mask = present ? reshape(present, [n, 1]) : ones([n, 1]);
  const count = sum(mask, 0, { keepAxes: true });
  const level = link.hasLevel
    ? div(sum(mul(sub(rating, base), mask), 0, { keepAxes: true }), add(count, exp(logShrinkage)))
    : zeros([1, 1]);
  const x = features();
  return { examples: { x, y: mul(link.left(rating, base, level), mask), ...(present ? { present } : {}) }, level };
}

/** The centre of predictions, [n, 1]: the first column, beside which deviations may stand. */
const centreOf = (prediction: Tensor): Tensor => sliceAxis(prediction, 1, 0, 1);

/** @internal A learner's loss of ratings, with metrics of the centre of its predictions. */
export function lossOfRatings(
  loss: Loss,
  metrics: readonly Metric<Tensor, RatingTarget>[],
): Loss<Tensor, RatingTarget> {
  const { title, unit, perRow } = loss;
  const made = (prediction: Tensor, { rating }: RatingTarget, present?: Tensor): Tensor =>
    loss(prediction, rating, present);
  return Object.assign(made, {
    ...(title === undefined ? {} : { title }),
    ...(unit === undefined ? {} : { unit }),
    ...(perRow ? { perRow: (prediction: Tensor, { rating }: RatingTarget) => perRow(prediction, rating) } : {}),
    point: centreOf,
    metrics: metrics.map(ofCentre),
  });
}

function ofCentre(metric: Metric<Tensor, RatingTarget>): Metric<Tensor, RatingTarget> {
  if (metric.pooled) {
    const { statistics, combine } = metric.pooled;
    return {
      ...metric,
      pooled: { statistics: (prediction, y, present) => statistics(centreOf(prediction), y, present), combine },
    };
  }
  const { compute, perRow } = metric;
  return {
    ...metric,
    compute: (prediction, y, present) => compute(centreOf(prediction), y, present),
    ...(perRow ? { perRow: (prediction, y) => perRow(centreOf(prediction), y) } : {}),
  };
}
