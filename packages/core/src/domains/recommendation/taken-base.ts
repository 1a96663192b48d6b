/** The closed form that learners of implicit feedback start from: how many take an item, with what attributes say of new ones. */
import { TaskError } from "../../tasks/task.js";
import { attributeCoding, codedEntities } from "./attribute-coding.js";
import type { Interactions } from "./interactions.js";
import {
  type FittedRatingBase,
  keptPrior,
  requirePlaces,
  requireShrinkage,
  short,
  withoutItemLevels,
} from "./rating-base.js";
import { type LinearFunction, linearValues, sparseRidge } from "./sparse-ridge.js";

/** Options of `fitTakenBase`. */
export interface TakenBaseOptions {
  /** Items that training knows, taken or not: those that untaken ones are drawn from. */
  readonly known: Uint8Array;
  /** Untaken items that are drawn for each that was taken, 4 by default: they decide what is even. */
  readonly negatives?: number;
  /** Times taken that the prior of an item weighs as, 1 by default. */
  readonly itemShrinkage?: number;
  /** Whether attributes of items are its prior; true unless given. */
  readonly attributes?: boolean;
}

/** The ridge's penalty of a word or number, in items. */
const attributePenalty = 10;

/**
 * The base of implicit feedback: the log-odds that a row of item i is of one taken, where m untaken items are drawn for each
 * that was, all n known items alike:
 *
 *   b_i = log(l_i / (m lbar)),   log l_i = ((c_i + 1/2) log(c_i + 1/2) + k log g_i) / (c_i + 1/2 + k)
 *
 * c_i is how often the item was taken in training, lbar the mean of c, and g_i what attributes say: exp of a ridge of
 * log(c + 1/2) on them, times the factor by which the sum of g over the known items is that of c; without attributes lbar.
 * Logarithms of counts have a variance of about 1 / c, so that the mean of the two is weighted by c and k. An item that
 * training does not know has g_i alone; one that it knows and nobody took is known to be rare.
 *
 * A user has no level: it would be the same for all items, and change no order of them.
 *
 * @param places of what was taken in training, ascending: no others are looked at
 * @throws TaskError ILT312 where there are none, or places are none of them; ILT201 for options that are no numbers above 0
 */
export function fitTakenBase(
  interactions: Interactions,
  places: Int32Array,
  options: TakenBaseOptions,
): FittedRatingBase {
  const { known, negatives = 4, itemShrinkage = 1, attributes = true } = options;
  const operation = "fitTakenBase";
  requireShrinkage(operation, "itemShrinkage", itemShrinkage);
  requireNegatives(operation, negatives);
  requirePlaces(operation, interactions, places);
  const { item, items } = interactions;
  const counts = new Float64Array(items.ids.length);
  for (const place of places) counts[item[place]!]!++;
  const weights = Float64Array.from(counts, (count, i) => (known[i] || count > 0 ? 1 : 0));
  const knownCount = weights.reduce((sum, each) => sum + each, 0);
  const mean = places.length / knownCount;

  const coding = attributes ? attributeCoding(items, weights) : undefined;
  const rows = coding && codedEntities(coding, items);
  let prior: LinearFunction | undefined;
  // Of each item log(g / lbar).
  let said: Float64Array = new Float64Array(counts.length);
  if (rows) {
    const logs = counts.map((count) => Math.log((count + 0.5) / mean));
    const found = sparseRidge(rows, logs, { weights, penalty: attributePenalty });
    const values = linearValues(rows, found);
    const sum = values.reduce((total, value, i) => total + weights[i]! * Math.exp(value), 0);
    const shift = Math.log(knownCount / sum);
    prior = { constant: found.constant + shift, weights: found.weights };
    said = values.map((value) => value + shift);
  }
  const offsetOf = (i: number, count: number): number =>
    weights[i] === 0
      ? said[i]!
      : ((count + 0.5) * Math.log((count + 0.5) / mean) + itemShrinkage * said[i]!) / (count + 0.5 + itemShrinkage);
  const offsets = Array.from(counts, (count, i) => short(offsetOf(i, count)));
  const ownOf = new Map<number, Set<number>>();
  for (const place of places) {
    const user = interactions.user[place]!;
    const own = ownOf.get(user) ?? new Set();
    ownOf.set(user, own.add(item[place]!));
  }
  return {
    base: {
      mean: short(-Math.log(negatives)),
      shrinkage: { user: 0, item: itemShrinkage },
      offsets,
      counts: Array.from(counts),
      ...(coding && prior ? { prior: keptPrior(coding, prior) } : {}),
    },
    levels: new Float64Array(interactions.users.ids.length),
    withoutOwn: (user, asked) => {
      const own = ownOf.get(user);
      return Float32Array.from({ length: asked.length }, (_, k) => {
        const i = asked[k]!;
        return own?.has(i) ? offsetOf(i, counts[i]! - 1) : offsets[i]!;
      });
    },
    withoutItems: (isLeftOut) => {
      const others = places.filter((place) => !isLeftOut(item[place]!));
      if (others.length === 0) return undefined;
      return fitTakenBase(interactions, others, { ...options, known: known.map((is, i) => (isLeftOut(i) ? 0 : is)) });
    },
  };
}

/**
 * The base for which all items are taken as often, of log-odds b = -log m: what there is to start from where items have no
 * levels.
 *
 * @param places of what was taken in training, ascending
 * @throws TaskError ILT312 where there are none, or places are none of them; ILT201 for negatives that are no number above 0
 */
export function evenTakenBase(
  interactions: Interactions,
  places: Int32Array,
  { negatives = 4 }: Pick<TakenBaseOptions, "negatives"> = {},
): FittedRatingBase {
  requireNegatives("evenTakenBase", negatives);
  requirePlaces("evenTakenBase", interactions, places);
  return {
    ...withoutItemLevels(interactions, places, { mean: -Math.log(negatives), shrinkage: { user: 0, item: 0 } }),
    withoutItems: (isLeftOut) => {
      const others = places.filter((place) => !isLeftOut(interactions.item[place]!));
      return others.length === 0 ? undefined : evenTakenBase(interactions, others, { negatives });
    },
  };
}

function requireNegatives(operation: string, negatives: number): void {
  if (Number.isFinite(negatives) && negatives > 0) return;
  throw new TaskError("ILT201", operation, `negatives is ${negatives}`, "Give a number above 0");
}
