/** The closed form that learners of ratings start from: levels of items and users, with what attributes say of new items. */
import { TaskError } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import {
  type AttributeCoding,
  type AttributeValues,
  attributeCoding,
  attributeCodingFrom,
  codedAttributes,
  codedEntities,
  codingWidth,
  rowProduct,
} from "./attribute-coding.js";
import type { Interactions } from "./interactions.js";
import { type LinearFunction, linearValues, sparseRidge } from "./sparse-ridge.js";

/** The offset of an item by its attributes: constant + weights . features. */
export interface AttributePrior {
  readonly coding: AttributeCoding;
  readonly constant: number;
  /** A number for each feature of the coding. */
  readonly weights: readonly number[];
}

/**
 * Ratings but for taste: a rating is mean + offset of the item + level of the user (the baseline predictors of Koren 2008),
 * where an item's offset is shrunk towards what its attributes say. Plain data, which JSON keeps as it is.
 */
export interface RatingBase {
  /** The mean of the ratings of training, mu. */
  readonly mean: number;
  /** How many ratings the prior of a user's level (0) and of an item's offset weigh as. */
  readonly shrinkage: { readonly user: number; readonly item: number };
  /** Of each item, in the order of the data: b_i. Items without ratings of training have what their attributes say. */
  readonly offsets: readonly number[];
  /** Ratings of training that each item has. */
  readonly counts: readonly number[];
  /** Without it, items without ratings have the offset 0. */
  readonly prior?: AttributePrior;
  /** Present where items have no levels: all offsets are 0, and an item's ratings have no part in what is said of it. */
  readonly itemLevels?: false;
}

/** A base with what it was fitted to. */
export interface FittedRatingBase {
  readonly base: RatingBase;
  /** Of each user b_u, 0 for those who have no ratings of training. */
  readonly levels: Float64Array;
  /**
   * Offsets of items without a user's own ratings, where these are of training: what a learner may be shown of a
   * training user's items, since b_i holds a part of the rating that is to be predicted.
   *
   *   b_i = (s_i - (r_ui - mu - b_u) + k f_i) / (c_i - 1 + k)
   *
   * The mean, the levels of others and the attribute prior f_i stay, in which one rating is one of many.
   *
   * @param items places of items, in any order
   * @returns an offset for each; those of items that the user has not rated are the base's
   */
  withoutOwn(user: number, items: ArrayLike<number>): Float32Array;
}

/** Options of `fitRatingBase`. */
export interface RatingBaseOptions {
  /** Ratings that a user's level is shrunk by, 3 unless given. */
  readonly userShrinkage?: number;
  /** Ratings that an item's offset is shrunk by, 10 unless given. */
  readonly itemShrinkage?: number;
  /** Whether attributes of items are its prior; true unless given. */
  readonly attributes?: boolean;
}

/** Ratings that levels are shrunk by unless told otherwise. */
const usualShrinkage = { user: 3, item: 10 } as const;
/** Rounds of the alternation: of 100,000 ratings from 0 to 10, what 50 more rounds move is below 0.04. */
const rounds = 10;
/**
 * The ridge's penalty of a word or number, in ratings; and the ratings that an item counts as there at most. By validation
 * users of MovieTweetings and X-Wines, where ten times as much or as little of one changes their error by less than 1%.
 */
const attributePenalty = 100;
const mostWeight = 100;

/**
 * The base of ratings of training, by alternation:
 *
 *   b_u = sum over its items of (r_ui - mu - b_i) / (c_u + 3)
 *   f   = the ridge of the items' mean residuals s_i / c_i on attributes
 *   b_i = (s_i + 10 f_i) / (c_i + 10),   s_i = sum over its users of (r_ui - mu - b_u)
 *
 * with c the numbers of ratings. The ridge has a penalty of 100 ratings, and an item weighs as c_i / (1 + c_i / 100) there:
 * a word's weight is what many ratings say, and no single item, however often rated, is a word's meaning. Levels and
 * shrinkage are those of Koren (2009, "Collaborative filtering with temporal dynamics", section 2.1) and Funk (2006); the
 * prior is an empirical Bayes estimate as in regression-based latent factor models (Agarwal & Chen 2009).
 *
 * @param places of the ratings of training, ascending: no others are looked at
 * @throws TaskError ILT312 where there are none, or places are no ratings; ILT201 for shrinkage that is not 0 or more
 */
export function fitRatingBase(
  interactions: Interactions,
  places: Int32Array,
  {
    userShrinkage = usualShrinkage.user,
    itemShrinkage = usualShrinkage.item,
    attributes = true,
  }: RatingBaseOptions = {},
): FittedRatingBase {
  requireShrinkage("userShrinkage", userShrinkage);
  requireShrinkage("itemShrinkage", itemShrinkage);
  requirePlaces("fitRatingBase", interactions, places);
  const { user, item, rating, items, users } = interactions;
  const mean = places.reduce((sum, place) => sum + rating[place]!, 0) / places.length;
  const [itemCount, userCount] = [items.ids.length, users.ids.length];
  const counts = new Float64Array(itemCount);
  const ratingsOf = new Float64Array(userCount);
  for (const place of places) {
    counts[item[place]!]!++;
    ratingsOf[user[place]!]!++;
  }
  const coding = attributes ? attributeCoding(items, counts) : undefined;
  const rows = coding && codedEntities(coding, items);
  const weights = counts.map((count) => count / (1 + count / mostWeight));

  const levels = new Float64Array(userCount);
  let offsets: Float64Array = new Float64Array(itemCount);
  let said: Float64Array = new Float64Array(itemCount);
  let sums: Float64Array = new Float64Array(itemCount);
  let prior: LinearFunction | undefined;
  for (let round = 0; round < rounds; round++) {
    levels.fill(0);
    for (const place of places) levels[user[place]!]! += rating[place]! - mean - offsets[item[place]!]!;
    for (let u = 0; u < userCount; u++) levels[u]! /= ratingsOf[u]! + userShrinkage || 1;
    sums = new Float64Array(itemCount);
    for (const place of places) sums[item[place]!]! += rating[place]! - mean - levels[user[place]!]!;
    if (rows) {
      const residuals = sums.map((sum, i) => (counts[i]! > 0 ? sum / counts[i]! : 0));
      prior = sparseRidge(rows, residuals, { weights, penalty: attributePenalty, ...(prior ? { start: prior } : {}) });
      said = linearValues(rows, prior);
    }
    offsets = sums.map((sum, i) =>
      counts[i]! > 0 ? (sum + itemShrinkage * said[i]!) / (counts[i]! + itemShrinkage) : said[i]!,
    );
  }

  const kept: RatingBase = {
    mean: short(mean),
    shrinkage: { user: userShrinkage, item: itemShrinkage },
    offsets: Array.from(offsets, short),
    counts: Array.from(counts),
    ...(coding && prior
      ? { prior: { coding, constant: short(prior.constant), weights: Array.from(prior.weights, short) } }
      : {}),
  };
  const placesOfUser = rangesOf(user, places, userCount);
  return {
    base: kept,
    levels,
    withoutOwn: (of, asked) => {
      const own = new Map<number, number>();
      for (let at = placesOfUser[of]!; at < placesOfUser[of + 1]!; at++) own.set(item[places[at]!]!, places[at]!);
      return Float32Array.from({ length: asked.length }, (_, k) => {
        const i = asked[k]!;
        const place = own.get(i);
        if (place === undefined) return kept.offsets[i]!;
        const others = counts[i]! - 1;
        if (others + itemShrinkage === 0) return said[i]!;
        const sum = sums[i]! - (rating[place]! - mean - levels[of]!);
        return (sum + itemShrinkage * said[i]!) / (others + itemShrinkage);
      });
    },
  };
}

/**
 * The base that has nothing but the mean of the ratings of training, r = mu: what there is to start from where items and users
 * have no levels.
 *
 * @param places of the ratings of training, ascending
 * @throws TaskError ILT312 where there are none, or places are no ratings
 */
export function meanRatingBase(interactions: Interactions, places: Int32Array): FittedRatingBase {
  requirePlaces("meanRatingBase", interactions, places);
  const { item, rating, items, users } = interactions;
  const counts = new Array<number>(items.ids.length).fill(0);
  for (const place of places) counts[item[place]!]!++;
  return {
    base: {
      mean: short(places.reduce((sum, place) => sum + rating[place]!, 0) / places.length),
      shrinkage: { user: usualShrinkage.user, item: usualShrinkage.item },
      offsets: counts.map(() => 0),
      counts,
      itemLevels: false,
    },
    levels: new Float64Array(users.ids.length),
    withoutOwn: (_user, asked) => new Float32Array(asked.length),
  };
}

/** Seven digits, as float32 has: what is kept in a file is what was used before. */
const short = (value: number): number => Number(value.toPrecision(7));

function requireShrinkage(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new TaskError(
    "ILT201",
    "fitRatingBase",
    `${name} is ${shownValue(value)}`,
    "Give a number of ratings, 0 or more",
  );
}

/** @internal Refuses places that are none of the ratings, or not ascending. */
export function requirePlaces(operation: string, { rating }: Interactions, places: Int32Array): void {
  const remedy = "Give places of ratings, ascending: those of training users and warm items";
  if (places.length === 0) throw new TaskError("ILT312", operation, "there are no ratings of training", remedy);
  places.forEach((place, i) => {
    if (place >= 0 && place < rating.length && (i === 0 || place > places[i - 1]!)) return;
    const problem = `place ${i} is ${place}, of ${rating.length} ratings${i === 0 ? "" : `, after ${places[i - 1]}`}`;
    throw new TaskError("ILT312", operation, problem, remedy);
  });
}

/** @internal Where the places of each user begin: ratings are in order of users. */
export function rangesOf(user: Int32Array, places: Int32Array, count: number): Int32Array {
  const starts = new Int32Array(count + 1);
  for (const place of places) starts[user[place]! + 1]!++;
  for (let u = 0; u < count; u++) starts[u + 1]! += starts[u]!;
  return starts;
}

/**
 * The places of the ratings of training: those of some users, but for cold items, which are out of training altogether.
 *
 * @param users 1 for users of training
 * @param cold 1 for items that are cold
 */
export function trainingPlaces(
  { user, item }: Interactions,
  users: ArrayLike<number>,
  cold: ArrayLike<number>,
): Int32Array {
  let count = 0;
  const isOf = (place: number): boolean => Boolean(users[user[place]!]) && !cold[item[place]!];
  for (let place = 0; place < user.length; place++) if (isOf(place)) count++;
  const places = new Int32Array(count);
  for (let place = 0, at = 0; at < count; place++) if (isOf(place)) places[at++] = place;
  return places;
}

/**
 * The level of a user by ratings that are known, shrunk to 0: sum of (r - mu - b_i) / (n + k); 0 of none.
 *
 * @param offsets of the items rated, in the order of the ratings
 */
export function userLevel(
  { mean, shrinkage }: Pick<RatingBase, "mean" | "shrinkage">,
  offsets: ArrayLike<number>,
  ratings: ArrayLike<number>,
): number {
  let sum = 0;
  for (let j = 0; j < ratings.length; j++) sum += ratings[j]! - mean - offsets[j]!;
  return ratings.length === 0 ? 0 : sum / (ratings.length + shrinkage.user);
}

/**
 * The offset of an item that was not in the data, by its attributes; 0 where the base has no prior.
 *
 * @throws TaskError ILT312 where a value is not of its attribute's kind
 * @example offsetByAttributes(base, { type: "Red", grapes: ["Merlot", "Malbec"], abv: 13.5 })
 */
export function offsetByAttributes({ prior }: Pick<RatingBase, "prior">, given: AttributeValues): number {
  if (!prior) return 0;
  return prior.constant + rowProduct(codedAttributes(prior.coding, given), 0, prior.weights);
}

/** Items of a base, at most. */
const mostItems = 2 ** 24;

/**
 * A base as it was kept in a file, checked.
 *
 * @throws TaskError ILT311 where it is none
 * @example ratingBaseFrom(JSON.parse(text))
 */
export function ratingBaseFrom(value: unknown): RatingBase {
  const wrong = (problem: string): TaskError =>
    new TaskError("ILT311", "ratingBaseFrom", problem, "Give the base that a run was kept with");
  const object = (given: unknown, what: string): Readonly<Record<string, unknown>> => {
    if (typeof given !== "object" || given === null || Array.isArray(given))
      throw wrong(`${what} is ${shownValue(given)}`);
    return given as Readonly<Record<string, unknown>>;
  };
  const number = (given: unknown, what: string, least = Number.NEGATIVE_INFINITY): number => {
    if (typeof given !== "number" || !Number.isFinite(given) || given < least)
      throw wrong(`${what} is ${shownValue(given)}`);
    return given;
  };
  const numbers = (given: unknown, what: string, length?: number, least?: number): readonly number[] => {
    if (!Array.isArray(given) || given.length > mostItems) throw wrong(`${what} are ${shownValue(given)}`);
    if (length !== undefined && given.length !== length)
      throw wrong(`${what} are ${given.length}, and ${length} are needed`);
    return Array.from(given as readonly unknown[], (each, i) => number(each, `${what}[${i}]`, least));
  };
  const of = object(value, "the base of ratings");
  const shrinkage = object(of.shrinkage, "shrinkage");
  const offsets = numbers(of.offsets, "offsets");
  const counts = numbers(of.counts, "counts", offsets.length, 0);
  const fraction = counts.findIndex((count) => !Number.isSafeInteger(count));
  if (fraction >= 0) throw wrong(`counts[${fraction}] is ${counts[fraction]}`);
  if (of.itemLevels !== undefined && of.itemLevels !== false) throw wrong(`itemLevels is ${shownValue(of.itemLevels)}`);
  const base = {
    mean: number(of.mean, "mean"),
    shrinkage: {
      user: number(shrinkage.user, "shrinkage.user", 0),
      item: number(shrinkage.item, "shrinkage.item", 0),
    },
    offsets,
    counts,
    ...(of.itemLevels === false ? { itemLevels: false as const } : {}),
  };
  if (of.prior === undefined) return base;
  const prior = object(of.prior, "prior");
  const coding = attributeCodingFrom(prior.coding, wrong);
  return {
    ...base,
    prior: {
      coding,
      constant: number(prior.constant, "prior.constant"),
      weights: numbers(prior.weights, "prior.weights", codingWidth(coding)),
    },
  };
}
