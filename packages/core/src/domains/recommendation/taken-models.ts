/** Models of implicit feedback in closed form: orders of items that a learner has to be better than. */

import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { random } from "../../random/random.js";
import { rangesOf } from "./rating-base.js";
import { modelEntry, popularity, type RatingModelEntry, type RatingTraining, valuesOf } from "./rating-models.js";
import { fitTakenBase } from "./taken-base.js";

/** What was taken in training, by user and by item. */
interface TakenPairs {
  /** [users + 1], [pairs]: items of a user. */
  readonly itemsOf: { readonly starts: Int32Array; readonly of: Int32Array };
  /** [items + 1], [pairs]: users of an item. */
  readonly usersOf: { readonly starts: Int32Array; readonly of: Int32Array };
}

function takenPairs({
  interactions: { user, item, users, items },
  places,
}: Pick<RatingTraining, "interactions" | "places">): TakenPairs {
  const usersFirst = rangesOf(user, places, users.ids.length);
  const itemsFirst = rangesOf(item, places, items.ids.length);
  const next = itemsFirst.slice();
  const usersOf = new Int32Array(places.length);
  for (const place of places) usersOf[next[item[place]!]!++] = user[place]!;
  return {
    itemsOf: { starts: usersFirst, of: Int32Array.from(places, (place) => item[place]!) },
    usersOf: { starts: itemsFirst, of: usersOf },
  };
}

/** Every order alike: its figures are those of chance. */
export const chance: RatingModelEntry = modelEntry(
  { name: "chance", title: "chance: a random order", ranksOnly: true },
  () => (_, items) => new Float64Array(items.length),
);

/** The base of implicit feedback by itself, `fitTakenBase`: how many take an item, of new ones by their attributes. */
export const attributePopularity: RatingModelEntry = modelEntry(
  { name: "attributePopularity", title: "popularity, items' prior from attributes", ranksOnly: true },
  ({ interactions, places, base }) => {
    const known = new Uint8Array(interactions.items.ids.length).fill(1);
    const { offsets } = (base ?? fitTakenBase(interactions, places, { known })).base;
    return (_, items) => valuesOf(offsets, items);
  },
);

/** Users who took two items that a similarity is shrunk by, and the part of the item asked about in it: by validation users of MovieTweetings. */
const [similarityShrinkage, askedPart] = [10, 0.25];
/** The share of popularity in a score, by which items that no known one has to do with are in its order. */
const popularityShare = 1e-6;

/**
 * Neighbours among items (Sarwar et al. 2001) by the asymmetric cosine of Aiolli (2013), shrunk: with n_ij users who took both,
 *
 *   s_ij = n_ij / (n_ij + 10)  n_ij / (n_i^(1/4) n_j^(3/4)),      score of i = sum over known items j of s_ij
 *
 * The less of n_i, the more popular are the items that come first: with the cosine itself, a half, few are. Items of equal scores are in the order of their popularity.
 */
export const itemNeighbours: RatingModelEntry = modelEntry(
  { name: "itemKnn", title: "neighbours among items", ranksOnly: true },
  (training) => {
    const { itemsOf, usersOf } = takenPairs(training);
    const count = usersOf.starts.length - 1;
    const times = (item: number): number => usersOf.starts[item + 1]! - usersOf.starts[item]!;
    const most = Array.from({ length: count }, (_, item) => times(item)).reduce((a, b) => Math.max(a, b), 1);
    const both = new Float64Array(count);
    const ofAsked = Float64Array.from({ length: count }, (_, item) => times(item) ** askedPart);
    return ({ items: known }, asked) => {
      const scores = Float64Array.from({ length: count }, (_, item) => (popularityShare * times(item)) / most);
      for (let k = 0; k < known.length; k++) {
        const j = known[k]!;
        both.fill(0);
        const ofKnown = times(j) ** (1 - askedPart);
        for (let at = usersOf.starts[j]!; at < usersOf.starts[j + 1]!; at++) {
          const user = usersOf.of[at]!;
          for (let of = itemsOf.starts[user]!; of < itemsOf.starts[user + 1]!; of++) both[itemsOf.of[of]!]!++;
        }
        for (let i = 0; i < count; i++) {
          const n = both[i]!;
          if (n > 0 && i !== j) scores[i]! += ((n / (n + similarityShrinkage)) * n) / (ofAsked[i]! * ofKnown);
        }
      }
      return valuesOf(scores, asked);
    };
  },
);

/**
 * Factors, the weight of what was taken beyond that of what was not, the penalty, and passes. By validation users of
 * MovieTweetings and X-Wines, of whom as much penalty as this makes more than the other three.
 */
const [factorCount, confidence, factorPenalty, factorRounds] = [16, 8, 100, 10];

/**
 * Factors of items by what users took in training (Hu, Koren & Volinsky 2008): with p_ui = 1 for what was taken, 0 for all
 * else, and weights c_ui = 1 + 8 p_ui, alternating least squares of
 *
 *   min sum over all u, i of c_ui (p_ui - x_u . y_i)^2 + 100 (sum |x_u|^2 + sum |y_i|^2)
 *
 * 10 passes. Items that nobody took have zeros.
 *
 * @returns y, [items, count]
 */
function takenItemFactors(training: RatingTraining, count = factorCount): Float64Array {
  const { itemsOf, usersOf } = takenPairs(training);
  const source = random(training.seed ?? 0, count);
  const x = new Float64Array((itemsOf.starts.length - 1) * count);
  const y = Float64Array.from({ length: (usersOf.starts.length - 1) * count }, () => 0.1 * source.normal());
  const side = (own: Float64Array, others: Float64Array, { starts, of }: TakenPairs["itemsOf"]): void => {
    const fold = foldedBy(others, count);
    for (let i = 0; i + 1 < starts.length; i++) own.set(fold(of.subarray(starts[i], starts[i + 1])), i * count);
  };
  for (let round = 0; round < factorRounds; round++) {
    side(x, y, itemsOf);
    side(y, x, usersOf);
  }
  return y;
}

/** Factors of one side by those of the other that it is with: weighted least squares, zeros where it is with none. */
function foldedBy(others: Float64Array, f: number): (taken: ArrayLike<number>) => Float64Array {
  const gram = penalisedGram(others, f);
  const [matrix, row] = [new Float64Array(f * f), new Float64Array(f)];
  return (taken) => {
    row.fill(0);
    if (taken.length === 0) return row;
    matrix.set(gram);
    for (let k = 0; k < taken.length; k++) {
      const at = taken[k]! * f;
      for (let a = 0; a < f; a++) {
        const value = others[at + a]!;
        row[a]! += (1 + confidence) * value;
        for (let b = 0; b <= a; b++) matrix[a * f + b]! += confidence * value * others[at + b]!;
      }
    }
    return solveSymmetric(matrix, row);
  };
}

/**
 * `takenItemFactors`, 16 of them, into which a user is folded by what is known of them, items as they are (section 4 there):
 * the score of an item is x . y_i.
 */
export const takenFactors: RatingModelEntry = modelEntry(
  { name: "implicitAls", title: "16 ALS factors of implicit feedback, folded in", ranksOnly: true },
  (training) => {
    const f = factorCount;
    const y = takenItemFactors(training);
    const fold = foldedBy(y, f);
    return ({ items: known }, asked) => {
      const user = fold(known);
      return Float64Array.from({ length: asked.length }, (_, k) => {
        const at = asked[k]! * f;
        return user.reduce((sum, value, a) => sum + value * y[at + a]!, 0);
      });
    };
  },
);

/** Y^T Y + l I of factors [rows, f], in its lower triangle. */
function penalisedGram(factors: Float64Array, f: number): Float64Array {
  const gram = new Float64Array(f * f);
  for (let at = 0; at < factors.length; at += f)
    for (let a = 0; a < f; a++) {
      const value = factors[at + a]!;
      if (value !== 0) for (let b = 0; b <= a; b++) gram[a * f + b]! += value * factors[at + b]!;
    }
  for (let a = 0; a < f; a++) gram[a * f + a]! += factorPenalty;
  return gram;
}

/** The models of every table of implicit feedback, in its order. */
export const takenModels: readonly RatingModelEntry[] = [
  chance,
  popularity,
  attributePopularity,
  itemNeighbours,
  takenFactors,
];
