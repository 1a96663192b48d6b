/** Learners of what a closed-form base leaves of a user's ratings. */
import {
  add,
  broadcastTo,
  concat,
  div,
  exp,
  GraphError,
  leaves,
  mul,
  ones,
  reshape,
  sigmoid,
  sliceAxis,
  sqrt,
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
import { logisticResidual } from "../../losses/logistic-residual.js";
import { binaryCrossEntropy, type Loss } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import type { RatingTarget } from "../../losses/rating-target.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { statisticsBelow } from "../gradient/gradient-learner.js";
import type { Adapter, Learner, SteppedAdaptation } from "../learner.js";

/** A learner of vectors and numbers, as all of regression in the catalogue are. */
export type FeatureLearner = Learner<Tree, Tree, Tensor, Tensor, Tensor>;

/** Features of rows, and the ids that they are made of: for learners that ask what items have in common. */
export type IdentifiedRows = {
  /** float32 [n, features] */
  readonly features: Tensor;
  /** int32 [n, slots], as `RatedInputs` has them. */
  readonly ids: Tensor;
};

/** A learner of rows of features and ids, and numbers. */
export interface RowLearner extends Learner<Tree, Tree, IdentifiedRows, Tensor, Tensor> {
  readonly readsIds: true;
}

/** The way in which a base, a user's level and what a learner predicts make a rating. */
export interface RatingLink {
  /** Whether users have a level; it is 0 where they have none. */
  readonly hasLevel: boolean;
  /** What is left of ratings [n, 1] beside the base and the user's level: what the learner within reads and predicts. */
  left(rating: Tensor, base: Tensor, level: Tensor): Tensor;
  /**
   * The losses that it asks for: of what is left, which the learner within is to be made with, and of base + prediction and
   * ratings, which is the same there. Without them both are that of the learner within, which is any of numbers.
   */
  readonly losses?: { readonly left: Loss; readonly rating: Loss };
}

/** Ratings are sums: r = b + level + f. */
export const identityLink: RatingLink = {
  hasLevel: true,
  left: (rating, base, level) => sub(sub(rating, base), level),
};

/** Ratings are sums of base and prediction alone, r = b + f: where users are to have no level. */
export const identityLinkWithoutLevel: RatingLink = { ...identityLink, hasLevel: false };

/**
 * Ratings of 1 and 0 are of log-odds b + f: left of one is e = r - sigmoid(b), which `logisticResidual` is the loss of. There
 * is no level, since it would be the same for all items of a user: of what was taken alone it tells nothing, and it changes no
 * order.
 */
export const logitLink = {
  hasLevel: false,
  left: (rating, base) => sub(rating, sigmoid(base)),
  losses: { left: logisticResidual, rating: binaryCrossEntropy },
} as const satisfies RatingLink;

/** Options of `residualLearner`. */
export interface ResidualOptions {
  /** The features of rows: `entityEmbedding`. */
  readonly embedding: Layer<Tree, EntityInputs>;
  /** Figures of predictions [n, 1] beside the learner's loss; the first of them leads. */
  readonly metrics?: readonly Metric<Tensor, RatingTarget>[];
  /** The first shrinkage of a user's level, in ratings: 3 by default. */
  readonly shrinkage?: number;
  /** `identityLink` by default; `logitLink` for implicit feedback, with its loss as that of the learner within. */
  readonly link?: RatingLink;
}

/** Parameters: of the embedding, of the level's shrinkage lambda its logarithm where there is a level, and of the learner. */
export type ResidualParameters = { readonly embedding: Tree; readonly logShrinkage?: Tensor; readonly learner: Tree };

/** Taste of a user: what ratings say beside the base of items and their features, which are the same for all users. */
export type UserTaste = {
  /** float32 [1, 1]: how much higher than the base the user rates; 0 where there is no level. */
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
  /** int32 [n, slots], for learners that read them. */
  readonly ids?: Tensor;
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
  /**
   * The length |a_1 - a_0| of the first step that adaptation to ratings takes, over all that adapts: a scalar, for plain
   * gradient descent the norm of the gradient times the rate.
   *
   * @throws IL102 where the learner takes no steps
   */
  firstStep(
    params: Omit<ResidualParameters, "embedding">,
    known: FeatureRows & { readonly rating: Tensor; readonly present?: Tensor },
  ): Tensor;
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
 * learn together: lambda and the embedding by the gradient of the learner's loss, or of the objective that it says, its own
 * parameters by its own rule. Without ratings the level is 0, and f says what it says without any. With
 * `identityLinkWithoutLevel` it is always 0: upon a base that says of all ratings their mean, f is all there is, and maml over
 * decision layers is MeLU as its authors have it. With `logitLink` base and f make log-odds.
 *
 * @param given a learner of inputs [n, features], or of these with ids, and targets [n, 1]; predictions [n, 1], or [n, 2] with deviations beside them
 * @example residualLearner(ridgeRegression({ task: "regression", model: identity }), { embedding: entityEmbedding(...) })
 */
export function residualLearner(given: FeatureLearner | RowLearner, options: ResidualOptions): ResidualLearner {
  const { embedding, link = identityLink } = options;
  const learner = given as FeatureLearner;
  const readsIds = "readsIds" in given;
  return {
    ...residualAdapter(learner, options),
    metaGradient: (params, { support, query }, key, how) => {
      const context: ApplyContext = { phase: "train", ...(key ? { key } : {}) };
      const { learner: own, ...around } = params;
      const loss = (at: Omit<ResidualParameters, "learner">) => {
        const known = { base: baseOf(support.x), rating: support.y.rating, ...presentOf(support) };
        const inputs = (x: RatedInputs, pass: string): Tensor => {
          const features = embedding.apply(at.embedding, x, within({ ...context, pass }, "embedding"));
          return inputsOf(readsIds ? { features, ids: x.ids } : { features });
        };
        const { examples, level } = readRatings({ link, ...at }, known, () => inputs(support.x, "support"));
        const asked = {
          x: inputs(query.x, "query"),
          y: link.left(query.y.rating, baseOf(query.x), level),
          ...presentOf(query),
        };
        const inner = learner.metaGradient(own, { support: examples, query: asked }, key, how);
        const { statistics: found, ...made } = inner;
        return [made.objective ?? made.loss, { ...made, statistics: statisticsBelow("learner", found ?? {}) }] as const;
      };
      const { gradient, auxiliary } = valueAndGrad(loss)(around);
      return { ...auxiliary, gradient: { ...gradient, learner: auxiliary.gradient } };
    },
  };
}

/** The same of a baseline or learner that does not train so. */
export function residualAdapter(
  given: Omit<FeatureLearner, "metaGradient"> | Omit<RowLearner, "metaGradient">,
  { embedding, metrics = [], shrinkage = 3, link = identityLink }: ResidualOptions,
): RatingAdapter {
  const learner = given as FeatureLearner;
  const readsIds = "readsIds" in given;
  const taste: TasteByFeatures["taste"] = (params, known, how) => {
    const { examples, level } = readRatings({ link, ...params }, known, () => inputsOf(known));
    return { level, adapted: learner.adapt(params.learner, examples, how) };
  };
  const firstStep: TasteByFeatures["firstStep"] = (params, known) => {
    if (learner.steps === undefined)
      throw new GraphError(
        "IL102",
        "firstStep",
        `${learner.name} takes no steps`,
        "Use a learner that adapts by steps",
      );
    const after = (steps: number) => leaves(taste(params, known, { steps }).adapted);
    const start = after(0);
    const squares = after(1).map((leaf, i) => {
      const moved = sub(leaf, start[i]!);
      return sum(mul(moved, moved));
    });
    return sqrt(squares.reduce((a, b) => add(a, b)));
  };
  const told: TasteByFeatures["told"] = ({ level, adapted }, rows, present) => {
    const { base } = rows;
    const left = learner.predict(adapted, inputsOf(rows), present);
    const [n, outputs] = left.shape as readonly [number, number];
    const centre = add(add(base, broadcastTo(level, [n, 1])), sliceAxis(left, 1, 0, 1));
    return outputs === 1 ? centre : concat([centre, sliceAxis(left, 1, 1, outputs)], 1);
  };
  const features: TasteByFeatures["features"] = (table, x) => ({
    base: baseOf(x),
    features: embedding.apply(table, x, within({ phase: "predict" }, "embedding")),
    ...(readsIds ? { ids: x.ids } : {}),
  });
  const knownOf = ({ embedding: table }: Pick<ResidualParameters, "embedding">, { x, y, present }: Set) => ({
    ...features(table, x),
    rating: y.rating,
    ...(present ? { present } : {}),
  });
  const steppedTaste = (inner: SteppedAdaptation): NonNullable<RatingAdapter["stepped"]> => {
    const left = (params: ResidualParameters, support: Set) => {
      const known = knownOf(params, support);
      return readRatings({ link, ...params }, known, () => inputsOf(known));
    };
    return {
      start: (params, support) => inner.start(params.learner, left(params, support).examples),
      step: (params, support, state, taken) => inner.step(params.learner, left(params, support).examples, state, taken),
      adapted: (params, support, state, steps) => {
        const { examples, level } = left(params, support);
        return { embedding: params.embedding, level, adapted: inner.adapted(params.learner, examples, state, steps) };
      },
    };
  };
  return {
    features,
    taste,
    firstStep,
    told,
    name: learner.name,
    description: learner.description,
    ...(learner.steps === undefined ? {} : { steps: learner.steps }),
    loss: lossOfRatings(link.losses?.rating ?? learner.loss, metrics),
    init: (key: Key) => ({
      embedding: embedding.init(split(key, "embedding")),
      ...(link.hasLevel ? { logShrinkage: tensor([Math.log(shrinkage)], [1, 1]) } : {}),
      learner: learner.init(split(key, "learner")),
    }),
    adapt: (params, support, how) => ({ embedding: params.embedding, ...taste(params, knownOf(params, support), how) }),
    ...(learner.stepped ? { stepped: steppedTaste(learner.stepped) } : {}),
    predict: (user, x, present) => told(user, features(user.embedding, x), present),
  };
}

const baseOf = ({ numbers }: RatedInputs): Tensor => sliceAxis(numbers, 1, 0, 1);

/** Rows as the learner within takes them, which is made for the one or the other. */
const inputsOf = ({ features, ids }: Pick<FeatureRows, "features" | "ids">): Tensor =>
  ids ? ({ features, ids } satisfies IdentifiedRows as unknown as Tensor) : features;
const presentOf = ({ present }: Pick<Set, "present">) => (present ? { present } : {});

/**
 * The ratings of a user as what is left beside base and level, and that level.
 *
 * @param logShrinkage undefined where there is no level
 * @param features of the rows, asked for once
 */
function readRatings(
  { link, logShrinkage }: { readonly link: RatingLink; readonly logShrinkage?: Tensor },
  { base, rating, present }: { readonly base: Tensor; readonly rating: Tensor; readonly present?: Tensor },
  features: () => Tensor,
): { readonly examples: Examples; readonly level: Tensor } {
  const n = rating.shape[0]!;
  const mask = present ? reshape(present, [n, 1]) : ones([n, 1]);
  const levelOf = (shrinkage: Tensor): Tensor => {
    const count = sum(mask, 0, { keepAxes: true });
    return div(sum(mul(sub(rating, base), mask), 0, { keepAxes: true }), add(count, exp(shrinkage)));
  };
  const level = logShrinkage ? levelOf(logShrinkage) : zeros([1, 1]);
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
