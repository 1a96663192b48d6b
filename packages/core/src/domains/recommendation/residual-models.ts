/** What closed forms find in the residuals of a rating's base: taste in attributes, factors, neighbours. */

import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { random } from "../../random/random.js";
import { attributeCoding, codedEntities, type SparseRows } from "./attribute-coding.js";
import type { Interactions } from "./interactions.js";
import { type RatingBase, rangesOf, userLevel } from "./rating-base.js";

type Predict = (
  support: { readonly items: ArrayLike<number>; readonly ratings: ArrayLike<number> },
  items: ArrayLike<number>,
) => Float64Array;

/** Rows of length 1, rows of zeros as they are: the product of two is the cosine of their angle. */
function unitRows({ starts, features, values, width }: SparseRows): SparseRows {
  const scaled = values.slice();
  for (let i = 0; i + 1 < starts.length; i++) {
    const row = scaled.subarray(starts[i]!, starts[i + 1]!);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) row.set(row.map((value) => value / length));
  }
  return { starts, features, values: scaled, width };
}

/** The penalty of taste in attributes, in ratings, for rows of length 1: by validation users of MovieTweetings. */
const tastePenalty = 8;

/**
 * The base, and a ridge of the user's residuals on the items' attributes. With e_j = r_j - mu - b_j, and rows a of
 * attributes scaled to length 1, level l and taste w have the least
 *
 *   sum over known ratings of (e_j - l - w . a_j)^2  +  k_u l^2  +  8 |w|^2,        r_i = mu + b_i + l + w . a_i
 *
 * It is solved by its dual, of as many equations as ratings are known: with the kernel k(i, j) = 1 / k_u + a_i . a_j / 8,
 * l + w . a_i = k_i^T (K + I)^-1 e.
 */
export function attributeTaste({ items }: Interactions, base: RatingBase): Predict {
  const coding = base.prior?.coding ?? attributeCoding(items, base.counts);
  const rows = unitRows(codedEntities(coding, items));
  // Without shrinkage the level is free but for rounding.
  const levelVariance = 1 / Math.max(base.shrinkage.user, 1e-6);
  const spread = new Float64Array(rows.width);
  return (support, asked) => {
    const n = support.items.length;
    const kernelOf = (item: number): Float64Array => {
      const [from, to] = [rows.starts[item]!, rows.starts[item + 1]!];
      for (let at = from; at < to; at++) spread[rows.features[at]!]! += rows.values[at]!;
      const kernel = Float64Array.from({ length: n }, (_, j) => {
        const other = support.items[j]!;
        let product = 0;
        for (let at = rows.starts[other]!; at < rows.starts[other + 1]!; at++)
          product += rows.values[at]! * spread[rows.features[at]!]!;
        return levelVariance + product / tastePenalty;
      });
      for (let at = from; at < to; at++) spread[rows.features[at]!] = 0;
      return kernel;
    };
    const matrix = new Float64Array(n * n);
    for (let j = 0; j < n; j++) {
      matrix.set(kernelOf(support.items[j]!), j * n);
      matrix[j * n + j]! += 1;
    }
    const residuals = Float64Array.from(
      { length: n },
      (_, j) => support.ratings[j]! - base.mean - base.offsets[support.items[j]!]!,
    );
    const dual = solveSymmetric(matrix, residuals);
    return Float64Array.from({ length: asked.length }, (_, k) => {
      const item = asked[k]!;
      return kernelOf(item).reduce((sum, value, j) => sum + value * dual[j]!, base.mean + base.offsets[item]!);
    });
  };
}

/** A user's residuals, level taken off; with the level. */
function residualsOf(
  base: RatingBase,
  items: ArrayLike<number>,
  ratings: ArrayLike<number>,
): { readonly level: number; readonly residuals: Float64Array } {
  const offsets = Float64Array.from({ length: items.length }, (_, j) => base.offsets[items[j]!]!);
  const level = userLevel(base, offsets, ratings);
  return { level, residuals: offsets.map((offset, j) => ratings[j]! - base.mean - offset - level) };
}

/** Of each user of training its items and residuals. */
function trainingResiduals({ user, item, rating, users }: Interactions, places: Int32Array, base: RatingBase) {
  const starts = rangesOf(user, places, users.ids.length);
  const items = Int32Array.from(places, (place) => item[place]!);
  const values = Float64Array.from(places, (place) => rating[place]!);
  for (let u = 0; u + 1 < starts.length; u++) {
    const [from, to] = [starts[u]!, starts[u + 1]!];
    values.set(residualsOf(base, items.subarray(from, to), values.subarray(from, to)).residuals, from);
  }
  return { starts, items, residuals: values };
}

/** The same pairs by item: of each its users and residuals. */
function byItem(
  { starts, items, residuals }: ReturnType<typeof trainingResiduals>,
  count: number,
): { readonly starts: Int32Array; readonly users: Int32Array; readonly residuals: Float64Array } {
  const first = new Int32Array(count + 1);
  for (const item of items) first[item + 1]!++;
  for (let i = 0; i < count; i++) first[i + 1]! += first[i]!;
  const next = first.slice();
  const users = new Int32Array(items.length);
  const values = new Float64Array(items.length);
  for (let u = 0; u + 1 < starts.length; u++) {
    for (let at = starts[u]!; at < starts[u + 1]!; at++) {
      const to = next[items[at]!]!++;
      users[to] = u;
      values[to] = residuals[at]!;
    }
  }
  return { starts: first, users, residuals: values };
}

/** Passes over users and items; and fewer, by which a penalty is chosen. */
const factorRounds = 10;
const judgedRounds = 4;
/** Penalties of factors that are tried, in ratings; and one in so many users of training, by whom one is chosen. */
const factorPenalties = [5, 10, 20];
const judgesOneIn = 10;
/** Ratings that a user who judges has at least: half are known, half are predicted. */
const judgesRatings = 10;

/** Factors of items: [items, count]. */
interface ItemFactors {
  readonly count: number;
  readonly penalty: number;
  readonly values: Float64Array;
}

/**
 * The base, and factors of its residuals e by alternating least squares (Zhou et al. 2008, with one penalty for all):
 *
 *   min sum of (e_ui - p_u . q_i)^2 + l (sum |p_u|^2 + sum |q_i|^2),        r = mu + b_i + b_u + p_u . q_i
 *
 * A user is folded in: p_u by least squares on the ratings that are known, items as they are (Hu, Koren & Volinsky 2008,
 * section 4, for a new user). Items without ratings of training have q_i = 0. The penalty l is 5, 10 or 20 ratings: that
 * which predicts best one half of the ratings of every tenth user of training by the other half, with factors of the rest.
 */
export function factorModel(
  interactions: Interactions,
  places: Int32Array,
  base: RatingBase,
  { factors: count = 8, seed = 0 }: { readonly factors?: number; readonly seed?: number } = {},
): Predict {
  const itemCount = interactions.items.ids.length;
  const all = trainingResiduals(interactions, places, base);
  const judges = new Uint8Array(interactions.users.ids.length);
  let among = 0;
  for (let u = 0; u < judges.length; u++) {
    if (all.starts[u + 1]! - all.starts[u]! >= judgesRatings && among++ % judgesOneIn === 0) judges[u] = 1;
  }
  const others = places.filter((place) => !judges[interactions.user[place]!]);
  const candidates = among > 0 && others.length > 0 ? factorPenalties : factorPenalties.slice(-1);
  const ofOthers = trainingResiduals(interactions, others, base);
  const error = (penalty: number): number => {
    const factors = itemFactors(ofOthers, itemCount, { count, penalty, seed, rounds: judgedRounds });
    let squares = 0;
    for (let u = 0; u < judges.length; u++) {
      if (!judges[u]) continue;
      const own = places.subarray(all.starts[u]!, all.starts[u + 1]!);
      const [known, asked] = [own.filter((_, i) => i % 2 === 0), own.filter((_, i) => i % 2 === 1)];
      const said = foldedIn(base, factors, ratingsAt(interactions, known), ratingsAt(interactions, asked).items);
      asked.forEach((place, i) => {
        squares += (said[i]! - interactions.rating[place]!) ** 2;
      });
    }
    return squares;
  };
  const errors = candidates.length > 1 ? candidates.map(error) : [0];
  const penalty = candidates[errors.indexOf(Math.min(...errors))]!;
  const factors = itemFactors(all, itemCount, { count, penalty, seed, rounds: factorRounds });
  return (support, asked) => foldedIn(base, factors, support, asked);
}

const ratingsAt = ({ item, rating }: Interactions, places: Int32Array) => ({
  items: places.map((place) => item[place]!),
  ratings: Float64Array.from(places, (place) => rating[place]!),
});

function itemFactors(
  ofUsers: ReturnType<typeof trainingResiduals>,
  itemCount: number,
  {
    count,
    penalty,
    seed,
    rounds,
  }: { readonly count: number; readonly penalty: number; readonly seed: number; readonly rounds: number },
): ItemFactors {
  const ofItems = byItem(ofUsers, itemCount);
  const source = random(seed, count);
  const p = new Float64Array((ofUsers.starts.length - 1) * count);
  const q = Float64Array.from({ length: itemCount * count }, () => source.normal());
  const matrix = new Float64Array(count * count);
  const fold = (own: Float64Array, others: ItemFactors, starts: Int32Array, of: Int32Array, e: Float64Array): void => {
    for (let i = 0; i + 1 < starts.length; i++) {
      const [from, to] = [starts[i]!, starts[i + 1]!];
      const row = own.subarray(i * count, (i + 1) * count);
      leastSquaresOn(others, of.subarray(from, to), e.subarray(from, to), { matrix, row });
    }
  };
  for (let round = 0; round < rounds; round++) {
    fold(p, { count, penalty, values: q }, ofUsers.starts, ofUsers.items, ofUsers.residuals);
    fold(q, { count, penalty, values: p }, ofItems.starts, ofItems.users, ofItems.residuals);
  }
  return { count, penalty, values: q };
}

/** The factors of one side, given those on the other that its residuals are with: (Q^T Q + l I)^-1 Q^T e, into `row`. */
function leastSquaresOn(
  { count, penalty, values }: ItemFactors,
  places: ArrayLike<number>,
  residuals: ArrayLike<number>,
  into: { readonly matrix: Float64Array; readonly row: Float64Array },
): Float64Array {
  const { matrix, row: right } = into;
  right.fill(0);
  if (places.length === 0) return right;
  matrix.fill(0);
  for (let a = 0; a < count; a++) matrix[a * count + a] = penalty;
  for (let j = 0; j < places.length; j++) {
    const row = places[j]! * count;
    for (let a = 0; a < count; a++) {
      const value = values[row + a]!;
      right[a]! += value * residuals[j]!;
      for (let b = 0; b <= a; b++) matrix[a * count + b]! += value * values[row + b]!;
    }
  }
  return solveSymmetric(matrix, right);
}

function foldedIn(
  base: RatingBase,
  factors: ItemFactors,
  { items, ratings }: Parameters<Predict>[0],
  asked: ArrayLike<number>,
): Float64Array {
  const { level, residuals } = residualsOf(base, items, ratings);
  const { count } = factors;
  const room = { matrix: new Float64Array(count * count), row: new Float64Array(count) };
  const user = leastSquaresOn(factors, items, residuals, room);
  return Float64Array.from({ length: asked.length }, (_, k) => {
    const item = asked[k]!;
    const row = factors.values.subarray(item * count, (item + 1) * count);
    return user.reduce((sum, value, a) => sum + value * row[a]!, base.mean + base.offsets[item]! + level);
  });
}

/** Co-rated items that a similarity is shrunk by, and similarity that a prediction is. */
const similarityShrinkage = 10;
const neighbourShrinkage = 3;

/**
 * The base, and what similar users of training have left of it, residuals e with their level taken off (Resnick et al. 1994
 * with the baselines of Koren 2008):
 *
 *   s_uv = n / (n + 10)  sum of e_uj e_vj / sqrt(sum of e_uj^2  sum of e_vj^2)      over the n items both have rated
 *   r_ui = mu + b_i + b_u + sum over N of s_uv e_vi / (sum over N of s_uv + 3)
 *
 * N are the 80 users with the largest s_uv above 0 among those who rated the item; of equal ones those first in the data.
 */
export function neighbourModel(
  interactions: Interactions,
  places: Int32Array,
  base: RatingBase,
  { neighbours = 80 }: { readonly neighbours?: number } = {},
): Predict {
  const ofItems = byItem(trainingResiduals(interactions, places, base), interactions.items.ids.length);
  const userCount = interactions.users.ids.length;
  const [products, own, theirs] = [
    new Float64Array(userCount),
    new Float64Array(userCount),
    new Float64Array(userCount),
  ];
  const common = new Int32Array(userCount);
  return (support, asked) => {
    const { level, residuals } = residualsOf(base, support.items, support.ratings);
    for (const values of [products, own, theirs, common]) values.fill(0);
    residuals.forEach((e, j) => {
      const item = support.items[j]!;
      for (let at = ofItems.starts[item]!; at < ofItems.starts[item + 1]!; at++) {
        const [v, other] = [ofItems.users[at]!, ofItems.residuals[at]!];
        products[v]! += e * other;
        own[v]! += e * e;
        theirs[v]! += other * other;
        common[v]!++;
      }
    });
    const similarity = (v: number): number =>
      products[v]! > 0
        ? ((common[v]! / (common[v]! + similarityShrinkage)) * products[v]!) / Math.sqrt(own[v]! * theirs[v]!)
        : 0;
    return Float64Array.from({ length: asked.length }, (_, k) => {
      const item = asked[k]!;
      const found: (readonly [similarity: number, residual: number])[] = [];
      for (let at = ofItems.starts[item]!; at < ofItems.starts[item + 1]!; at++) {
        const s = similarity(ofItems.users[at]!);
        if (s > 0) found.push([s, ofItems.residuals[at]!]);
      }
      let [weighted, total] = [0, neighbourShrinkage];
      for (const [s, e] of found.sort((a, b) => b[0] - a[0]).slice(0, neighbours)) {
        weighted += s * e;
        total += s;
      }
      return base.mean + base.offsets[item]! + level + weighted / total;
    });
  };
}
