/** Simulated ratings, of which the best possible error is known. */

import { solveSymmetric } from "../../linear-algebra/symmetric-systems.js";
import { type Random, random } from "../../random/random.js";
import { type Count, countRange, TaskError, wholeNumber } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { Interactions, RatingScale } from "./interactions.js";
import type { RatingModel } from "./rating-models.js";

/** Sizes of simulated users and items; deviations are in units of ratings. */
export interface PreferenceOptions {
  readonly users?: number;
  readonly items?: number;
  /** Numbers that make up a taste. */
  readonly factors?: number;
  /** Ratings of each user, of different items: as many are equally likely. */
  readonly ratings?: Count;
  readonly mean?: number;
  /** Deviation of what taste adds to a rating. */
  readonly taste?: number;
  /** Deviation of the levels of users, and of items. */
  readonly levels?: number;
  readonly noise?: number;
  readonly scale?: RatingScale;
  /** Between two ratings that can be given, from the least on. */
  readonly step?: number;
  readonly seed?: number;
}

/** The numbers that simulated ratings were made of. */
export interface PreferenceTruth {
  readonly mean: number;
  readonly noise: number;
  readonly step: number;
  /** The deviation of b_u. */
  readonly levels: number;
  readonly factors: number;
  /** b_i of each item. */
  readonly itemLevels: Float64Array;
  /** [items, factors]: q_i. */
  readonly itemFactors: Float64Array;
  /** b_u of each user. */
  readonly userLevels: Float64Array;
  /** [users, factors]: p_u. */
  readonly userFactors: Float64Array;
}

/** Simulated ratings with what they were made of. */
export interface Preferences {
  readonly interactions: Interactions;
  readonly truth: PreferenceTruth;
}

/** What each stream of random numbers is for. */
const [ofItems, ofUsers] = [0, 1];

/**
 * Ratings of simulated users:
 *
 *   r_ui = clip(round(mu + b_u + b_i + p_u . q_i + noise)),   p_u ~ N(0, I),   q_i ~ N(0, taste^2 / factors I)
 *
 * rounded to the steps of the scale; levels are normal. An item's attributes are its q_i, as numbers of deviation 1
 * (`trait 1` ...), and say nothing of b_i. A taste is strong here and lies in few numbers, so that what learning to learn
 * finds of it shows; `preferencePosterior` is the best there is. A seed's items, and its first users, are the same
 * however many users there are.
 *
 * @throws TaskError ILT201 for counts below 1, more ratings of a user than items, or deviations below 0
 * @example const { interactions, truth } = preferences({ users: 1000, items: 200, factors: 6 });
 */
export function preferences({
  users = 2000,
  items = 200,
  factors = 6,
  ratings = { from: 20, to: 40 },
  mean = 3.5,
  taste = 0.8,
  levels = 0.4,
  noise = 0.4,
  scale = { least: 1, most: 5 },
  step = 0.5,
  seed = 0,
}: PreferenceOptions = {}): Preferences {
  wholeNumber(users, "preferences", "users");
  wholeNumber(items, "preferences", "items");
  wholeNumber(factors, "preferences", "factors");
  const range = countRange(ratings, "preferences", "ratings");
  if (range.to > items) {
    const problem = `${range.to} ratings of a user, of ${items} items`;
    throw new TaskError("ILT201", "preferences", problem, "A user rates an item once: lower ratings or raise items");
  }
  requireNumber("mean", mean, Number.NEGATIVE_INFINITY);
  for (const [name, value] of Object.entries({ taste, levels, noise })) requireNumber(name, value, 0);
  requireNumber("step", step, Number.MIN_VALUE);
  requireNumber("scale.least", scale.least, Number.NEGATIVE_INFINITY);
  requireNumber("scale.most", scale.most, scale.least + step);

  const itemLevels = new Float64Array(items);
  const itemFactors = new Float64Array(items * factors);
  for (let i = 0; i < items; i++) {
    const source = random(seed, ofItems, i);
    itemLevels[i] = source.normal(0, levels);
    for (let f = 0; f < factors; f++) itemFactors[i * factors + f] = source.normal(0, taste / Math.sqrt(factors));
  }
  const userLevels = new Float64Array(users);
  const userFactors = new Float64Array(users * factors);
  const [user, item, rating]: [number[], number[], number[]] = [[], [], []];
  for (let u = 0; u < users; u++) {
    const source: Random = random(seed, ofUsers, u);
    userLevels[u] = source.normal(0, levels);
    for (let f = 0; f < factors; f++) userFactors[u * factors + f] = source.normal();
    const count = range.from + source.integer(range.to - range.from + 1);
    for (const i of source.choose(items, count)) {
      let value = mean + userLevels[u]! + itemLevels[i]! + source.normal(0, noise);
      for (let f = 0; f < factors; f++) value += userFactors[u * factors + f]! * itemFactors[i * factors + f]!;
      user.push(u);
      item.push(i);
      rating.push(onScale(value, scale, step));
    }
  }

  const ids = (letter: string, count: number): readonly string[] =>
    Array.from({ length: count }, (_, i) => `${letter}${String(i + 1).padStart(String(count).length, "0")}`);
  const attributes = Array.from({ length: factors }, (_, f) => ({
    kind: "number" as const,
    name: `trait ${f + 1}`,
    values: Float64Array.from({ length: items }, (_, i) =>
      taste > 0 ? (itemFactors[i * factors + f]! * Math.sqrt(factors)) / taste : 0,
    ),
  }));
  return {
    interactions: {
      name: "simulated preferences",
      users: { ids: ids("u", users), attributes: [] },
      items: { ids: ids("i", items), attributes },
      user: Int32Array.from(user),
      item: Int32Array.from(item),
      rating: Float32Array.from(rating),
      scale,
    },
    truth: { mean, noise, step, levels, factors, itemLevels, itemFactors, userLevels, userFactors },
  };
}

/** The nearest step from the least rating on, within the scale. */
function onScale(value: number, { least, most }: RatingScale, step: number): number {
  const steps = Math.floor((most - least) / step + 1e-9);
  return least + step * Math.min(steps, Math.max(0, Math.round((value - least) / step)));
}

function requireNumber(name: string, value: number, least: number): void {
  if (Number.isFinite(value) && value >= least) return;
  const remedy = least === Number.NEGATIVE_INFINITY ? "Give a number" : `Give a number of at least ${least}`;
  throw new TaskError("ILT201", "preferences", `${name} is ${shownValue(value)}`, remedy);
}

/**
 * The posterior mean of simulated ratings under the true items: no model that sees the same ratings of a user has a smaller
 * squared error, but for what rounding and clipping do. With z_i = (levels, q_i), and the noise of rounding among the others,
 *
 *   r_i = mu + b_i + z_i^T Z^T (Z Z^T + s^2 I)^-1 (r - mu - b),    s^2 = noise^2 + step^2 / 12
 */
export function preferencePosterior({
  mean,
  noise,
  step,
  levels,
  factors,
  itemLevels,
  itemFactors,
}: PreferenceTruth): RatingModel {
  const variance = noise ** 2 + step ** 2 / 12;
  const covariance = (i: number, j: number): number => {
    let sum = levels ** 2;
    for (let f = 0; f < factors; f++) sum += itemFactors[i * factors + f]! * itemFactors[j * factors + f]!;
    return sum;
  };
  return {
    name: "posterior",
    title: "posterior mean under the true items",
    predict: ({ items: known, ratings }, items) => {
      const n = known.length;
      const matrix = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) matrix[i * n + j] = covariance(known[i]!, known[j]!) + (i === j ? variance : 0);
      }
      const left = Float64Array.from({ length: n }, (_, j) => ratings[j]! - mean - itemLevels[known[j]!]!);
      const dual = solveSymmetric(matrix, left);
      return Float32Array.from({ length: items.length }, (_, k) =>
        dual.reduce((sum, value, j) => sum + value * covariance(items[k]!, known[j]!), mean + itemLevels[items[k]!]!),
      );
    },
  };
}
