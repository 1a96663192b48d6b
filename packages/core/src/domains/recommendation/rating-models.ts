/** Models of ratings in closed form: what a learner has to be better than. */
import { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { Interactions } from "./interactions.js";
import { type FittedRatingBase, fitRatingBase, type RatingBase, requirePlaces, userLevel } from "./rating-base.js";
import { attributeTaste, factorModel, neighbourModel } from "./residual-models.js";

/** Ratings of one user that are known: items by place, and a value for each. */
export interface KnownRatings {
  readonly items: ArrayLike<number>;
  readonly ratings: ArrayLike<number>;
}

/** A model that was fitted to ratings of training, and predicts those of any user from some that are known. */
export interface RatingModel {
  readonly name: string;
  /** Words for tables: "user and item bias". */
  readonly title: string;
  /** Present on models that order items alone: their predictions are no ratings, and have no error. */
  readonly ranksOnly?: true;
  /**
   * Ratings of items by a user, in the units of ratings and not clipped to the scale. The items asked about may be among
   * those known.
   *
   * @param items places in the data
   * @returns a number for each
   * @throws TaskError ILT312 where a place is none of the items
   */
  predict(support: KnownRatings, items: ArrayLike<number>): Float32Array;
}

/** Ratings that models are fitted to. */
export interface RatingTraining {
  readonly interactions: Interactions;
  /** Of the ratings of training, ascending: `trainingPlaces`. */
  readonly places: Int32Array;
  /** The base of these ratings, where it is fitted already: that with attributes. */
  readonly base?: FittedRatingBase;
  /** For models that begin at random numbers: 0 unless given. */
  readonly seed?: number;
}

/** A model by name, and how it is fitted. */
export interface RatingModelEntry {
  readonly name: string;
  readonly title: string;
  readonly ranksOnly?: true;
  /** @throws TaskError ILT312 where there are no ratings of training, or places are no ratings */
  fit(training: RatingTraining): RatingModel;
}

/** What a model says, once it is fitted. */
type Predict = (support: KnownRatings, items: ArrayLike<number>) => ArrayLike<number>;

/** @internal A model whose arguments are checked. */
export function modelEntry(
  told: Pick<RatingModelEntry, "name" | "title" | "ranksOnly">,
  fit: (training: RatingTraining) => Predict,
): RatingModelEntry {
  return {
    ...told,
    fit: (training) => {
      requirePlaces(told.name, training.interactions, training.places);
      const predict = fit(training);
      const count = training.interactions.items.ids.length;
      return {
        ...told,
        predict: (support, items) => {
          requireItems(told.name, support.items, count);
          requireItems(told.name, items, count);
          if (support.ratings.length !== support.items.length) {
            const problem = `${support.ratings.length} ratings of ${support.items.length} items`;
            throw new TaskError("ILT312", told.name, problem, "Give a rating for each item that is known");
          }
          return Float32Array.from(predict(support, items));
        },
      };
    },
  };
}

function requireItems(model: string, items: ArrayLike<number>, count: number): void {
  for (let i = 0; i < items.length; i++) {
    const place = items[i]!;
    if (Number.isInteger(place) && place >= 0 && place < count) continue;
    const problem = `item ${i} is ${shownValue(place)}, of ${count} items`;
    throw new TaskError("ILT312", model, problem, "Give places of items in the data that it was fitted to");
  }
}

/** The items' numbers and sums of ratings of training. */
function itemSums({ interactions, places }: RatingTraining): {
  readonly mean: number;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
} {
  const { item, rating, items } = interactions;
  const [counts, sums] = [new Float64Array(items.ids.length), new Float64Array(items.ids.length)];
  for (const place of places) {
    counts[item[place]!]!++;
    sums[item[place]!]! += rating[place]!;
  }
  return { mean: sums.reduce((a, b) => a + b, 0) / places.length, counts, sums };
}

/** @internal Numbers at places. */
export const valuesOf = (numbers: ArrayLike<number>, places: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: places.length }, (_, i) => numbers[places[i]!]!);

/** mu + b_i + b_u, whose user's level is of the support. */
const byBase =
  (base: RatingBase): Predict =>
  (support, items) => {
    const level = userLevel(base, valuesOf(base.offsets, support.items), support.ratings);
    return valuesOf(base.offsets, items).map((offset) => base.mean + offset + level);
  };

const baseOf = ({ base, interactions, places }: RatingTraining): RatingBase =>
  (base ?? fitRatingBase(interactions, places)).base;

/** The mean of the ratings of training, r = mu. Every order is as good as any: its figures of ranking are those of chance. */
export const globalMean: RatingModelEntry = modelEntry({ name: "globalMean", title: "global mean" }, (training) => {
  const { mean } = itemSums(training);
  return (_, items) => new Float64Array(items.length).fill(mean);
});

/** The user's mean, shrunk: r = mu + sum of (r_uj - mu) / (n + 3) over the n ratings that are known. */
export const userMean: RatingModelEntry = modelEntry(
  { name: "userMean", title: "user mean, shrunk by 3" },
  (training) => {
    const { mean } = itemSums(training);
    return ({ ratings }, items) => {
      const none = new Float64Array(ratings.length);
      return new Float64Array(items.length).fill(
        mean + userLevel({ mean, shrinkage: { user: 3, item: 0 } }, none, ratings),
      );
    };
  },
);

/** The mean of the item's ratings of training, unshrunk; that of all where it has none. */
export const itemMean: RatingModelEntry = modelEntry({ name: "itemMean", title: "item mean" }, (training) => {
  const { mean, counts, sums } = itemSums(training);
  const means = sums.map((sum, i) => (counts[i]! > 0 ? sum / counts[i]! : mean));
  return (_, items) => valuesOf(means, items);
});

/**
 * The levels of item and user, r = mu + b_i + b_u, by `fitRatingBase` without attributes: items shrunk by 10 towards 0, users by 3 (Koren 2009, section
 * 2.1). An item without ratings has b_i = 0.
 */
export const ratingBias: RatingModelEntry = modelEntry(
  { name: "bias", title: "user and item bias" },
  ({ interactions, places }) => byBase(fitRatingBase(interactions, places, { attributes: false }).base),
);

/** The levels of item and user, r = mu + b_i + b_u, by `fitRatingBase`: items are shrunk towards what their attributes say. */
export const attributeBias: RatingModelEntry = modelEntry(
  { name: "attributeBias", title: "user and item bias, items' prior from attributes" },
  (training) => byBase(baseOf(training)),
);

/** The bias with attributes, and the user's taste in attributes: `attributeTaste`. */
export const attributeRidge: RatingModelEntry = modelEntry(
  { name: "attributeRidge", title: "bias with attributes, and a ridge of the user's residuals on them" },
  (training) => attributeTaste(training.interactions, baseOf(training)),
);

/** The bias with attributes, and 8 factors of its residuals, into which a user is folded: `factorModel`. */
export const alsFactors: RatingModelEntry = modelEntry(
  { name: "als", title: "bias with attributes, and 8 ALS factors, folded in" },
  (training) => factorModel(training.interactions, training.places, baseOf(training), { seed: training.seed ?? 0 }),
);

/** The bias with attributes, and the residuals of the 80 most similar users of training: `neighbourModel`. */
export const userNeighbours: RatingModelEntry = modelEntry(
  { name: "userKnn", title: "bias with attributes, and 80 neighbours among users" },
  (training) => neighbourModel(training.interactions, training.places, baseOf(training)),
);

/** The number of ratings that an item has in training: an order of items, and no rating. */
export const popularity: RatingModelEntry = modelEntry(
  { name: "popularity", title: "popularity", ranksOnly: true },
  (training) => {
    const { counts } = itemSums(training);
    return (_, items) => valuesOf(counts, items);
  },
);

/** The models of every table of results, in its order. */
export const ratingModels: readonly RatingModelEntry[] = [
  globalMean,
  userMean,
  itemMean,
  ratingBias,
  attributeBias,
  attributeRidge,
  alsFactors,
  userNeighbours,
  popularity,
];
