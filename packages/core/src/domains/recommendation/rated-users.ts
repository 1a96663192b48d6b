/** From ratings, their split and a base to the users that tasks are of. */
import type { Split } from "../../tasks/task.js";
import { type CodedEntities, codeEntities, type EntityCoding, idsIn } from "./entity-coding.js";
import type { Interactions } from "./interactions.js";
import { type FittedRatingBase, fitRatingBase, type RatingBase, rangesOf, trainingPlaces } from "./rating-base.js";
import type { RatingSplit } from "./rating-split.js";
import type { RatedUsers } from "./user-tasks.js";

/** The parts of ratings: of users for training, of others to validate, of others to be judged by. */
export interface RatedParts extends Readonly<Record<Split, RatedUsers>> {
  /** Users of training with all of their ratings, of whom those that are held out are asked about; where some are. */
  readonly warm?: RatedUsers;
}

/** The codings of items, and of users where something is known of them. */
export interface RatingCodings {
  readonly items: EntityCoding;
  readonly users?: EntityCoding;
}

/** The places of the ratings of training. */
export function placesOfTraining(interactions: Interactions, { parts, cold, held }: RatingSplit): Int32Array {
  const users = parts.map((part) => Number(part === "train"));
  const places = trainingPlaces(interactions, users, cold);
  return held ? places.filter((place) => !held[place]) : places;
}

/** The mean and the standard deviation of the ratings at places. */
export function ratingUnits({ rating }: Pick<Interactions, "rating">, places: Int32Array): RatedUsers["units"] {
  const mean = places.reduce((sum, place) => sum + rating[place]!, 0) / places.length;
  const squares = places.reduce((sum, place) => sum + (rating[place]! - mean) ** 2, 0);
  // Of feedback without ratings all are alike.
  return { mean, deviation: Math.sqrt(squares / places.length) || 1 };
}

/** Parts that items are in, by which what attributes say of one is learned from those of the others. */
const folds = 5;

/**
 * The bases of items by their attributes alone, in units of ratings, learned from items of other parts: one knows no more of
 * its item than that of a cold one does. Where nothing is known of items it is what items of other parts are rated on
 * average; of a base without a prior it is the mean of ratings.
 */
export function priorsOfOthers(
  interactions: Interactions,
  places: Int32Array,
  { base }: Pick<FittedRatingBase, "base">,
): Float32Array {
  const count = interactions.items.ids.length;
  const priors = new Float32Array(count).fill(base.mean);
  if (!base.prior) return priors;
  for (let fold = 0; fold < folds; fold++) {
    const others = places.filter((place) => interactions.item[place]! % folds !== fold);
    if (others.length === 0) continue;
    const { base: of } = fitRatingBase(interactions, others, {
      userShrinkage: base.shrinkage.user,
      itemShrinkage: base.shrinkage.item,
    });
    for (let item = fold; item < count; item += folds) priors[item] = of.mean + of.offsets[item]!;
  }
  return priors;
}

/** The part that an item's own ratings have in its base: n / (n + lambda), or none where items have no levels there. */
export const surenessOf = (
  { shrinkage, itemLevels }: Pick<RatingBase, "shrinkage" | "itemLevels">,
  count: number,
): number => (count === 0 || itemLevels === false ? 0 : count / (count + shrinkage.item));

/** Options of `ratedParts`. */
export interface RatedPartsOptions {
  readonly split: RatingSplit;
  readonly codings: RatingCodings;
  readonly fitted: FittedRatingBase;
  readonly units: RatedUsers["units"];
  /** `priorsOfOthers`: asked for where training draws items as cold ones, since it fits the base anew for each fold. */
  priors(): Float32Array;
}

/**
 * Users of each part with their ratings. Of training they are those of warm items which are not held out, and what the base
 * says of an item is without the user's own rating of it: else it would hold a part of the answer. So it is for users of
 * training who are asked about ratings that were held out.
 */
export function ratedParts(interactions: Interactions, options: RatedPartsOptions): RatedParts {
  const { split, codings, fitted, units, priors } = options;
  const { parts, cold, held } = split;
  const { base } = fitted;
  const items = codeEntities(interactions.items, codings.items);
  const users = codings.users && codeEntities(interactions.users, codings.users, idsIn(codings.items));
  const entries = idsIn(codings.items) + (codings.users ? idsIn(codings.users) - 1 : 0);
  const all = Int32Array.from(interactions.user.keys());
  const startsOf = rangesOf(interactions.user, all, interactions.users.ids.length);
  const placesOf = (user: number): number[] => Array.from(all.subarray(startsOf[user], startsOf[user + 1]));
  const isTrained = (place: number): boolean =>
    parts[interactions.user[place]!] === "train" && !cold[interactions.item[place]!] && !held?.[place];
  const usersWith = (
    chosen: readonly number[],
    { isOfTraining, keep }: { readonly isOfTraining: boolean; keep?(place: number): boolean },
  ): RatedUsers => {
    const kept = chosen.map((user) => (keep ? placesOf(user).filter(keep) : placesOf(user)));
    const places = kept.flat();
    const starts = new Int32Array(kept.length + 1);
    kept.forEach((list, i) => {
      starts[i + 1] = starts[i]! + list.length;
    });
    const item = Int32Array.from(places, (place) => interactions.item[place]!);
    const offsets = isOfTraining
      ? kept.map((list, i) =>
          fitted.withoutOwn(
            chosen[i]!,
            list.map((place) => interactions.item[place]!),
          ),
        )
      : [item.length === 0 ? [] : Array.from(item, (of) => base.offsets[of]!)];
    return {
      name: interactions.name,
      starts,
      item,
      rating: Float32Array.from(places, (place) => interactions.rating[place]!),
      base: Float32Array.from(
        offsets.flatMap((list) => Array.from(list)),
        (offset) => base.mean + offset,
      ),
      sureness: Float32Array.from(places, (place, row) =>
        surenessOf(base, base.counts[item[row]!]! - Number(isTrained(place))),
      ),
      get prior() {
        return priors();
      },
      cold,
      items,
      ...(users ? { users: rowsOf(users, chosen) } : {}),
      entries,
      units,
    };
  };
  const ofPart = (name: Split): number[] => parts.flatMap((each, user) => (each === name ? [user] : []));
  const others = (name: Split): RatedUsers => usersWith(ofPart(name), { isOfTraining: false });
  const made = {
    train: usersWith(ofPart("train"), { isOfTraining: true, keep: isTrained }),
    validation: others("validation"),
    test: others("test"),
  };
  if (!held) return made;
  let warm: RatedUsers | undefined;
  return {
    ...made,
    // Evaluations of users whom training does not know have no use for them.
    get warm() {
      const asked = ofPart("train").filter((user) => placesOf(user).some((place) => held[place]));
      warm ??= {
        ...usersWith(asked, { isOfTraining: true }),
        held: Uint8Array.from(asked.flatMap(placesOf), (place) => held[place]!),
      };
      return warm;
    },
  };
}

/** Some rows of coded users. */
function rowsOf({ slots, ids, width, numbers }: CodedEntities, chosen: readonly number[]): CodedEntities {
  const rows = { ids: new Int32Array(chosen.length * slots), numbers: new Float32Array(chosen.length * width) };
  chosen.forEach((user, row) => {
    rows.ids.set(ids.subarray(user * slots, (user + 1) * slots), row * slots);
    rows.numbers.set(numbers.subarray(user * width, (user + 1) * width), row * width);
  });
  return { count: chosen.length, slots, ids: rows.ids, width, numbers: rows.numbers };
}
