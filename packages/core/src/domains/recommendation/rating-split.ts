/** The users that are trained on, and the items that training knows: by hashes of ids, the same on every machine. */
import { nameHash } from "../../random/name-hash.js";
import { random } from "../../random/random.js";
import { type Split, splits, TaskError, wholeNumber } from "../../tasks/task.js";
import { shownValue } from "../../tasks/value-gate.js";
import type { Interactions } from "./interactions.js";

/** Shares of users and items that are held out. */
export interface RatingSplitOptions {
  /** Of users, for validation: 0.1 by default. */
  readonly validation?: number;
  /** Of users, for evaluation: 0.2 by default. */
  readonly test?: number;
  /** Of items, which training does not know at all: 0.2 by default. */
  readonly coldItems?: number;
}

/** The parts of users, and the items that are cold. */
export interface RatingSplit {
  /** Of each user the part that it is in. */
  readonly parts: readonly Split[];
  /** Of each item 1 where it is cold: no rating of it is trained on, and no number of its own is learned; 0 where not. */
  readonly cold: Uint8Array;
  /** Of each rating 1 where training does not know it though it knows the user: `heldRatings`. */
  readonly held?: Uint8Array;
}

/** The same between 0 and 1. */
const placeOf = (prefix: "u" | "i", id: string): number => nameHash(prefix + id) / 2 ** 32;

/**
 * The split of users and items by their ids: with h = MD5(prefix + id) as a number from 0 to 1, a user is of training
 * where h < 1 - validation - test, of validation where h < 1 - test, of evaluation else; an item is cold where
 * h < coldItems. No user and no item is of one part in one file and of another in the next.
 *
 * @throws ILT201 where a share is not from 0 to 1, or none is left for training
 * @example const { parts, cold } = splitRatings(interactions);
 */
export function splitRatings(
  { users, items }: Pick<Interactions, "users" | "items">,
  { validation = 0.1, test = 0.2, coldItems = 0.2 }: RatingSplitOptions = {},
): RatingSplit {
  for (const [name, share] of Object.entries({ validation, test, coldItems })) {
    if (typeof share === "number" && share >= 0 && share < 1) continue;
    throw new TaskError("ILT201", "splitRatings", `${name} is ${shownValue(share)}`, "Give a share from 0 to below 1");
  }
  if (validation + test >= 1)
    throw new TaskError(
      "ILT201",
      "splitRatings",
      `shares ${validation} for validation and ${test} for evaluation leave no user to train on`,
      "Lower one of them",
    );
  const [train, held] = [1 - validation - test, 1 - test];
  const partOf = (id: string): Split => {
    const place = placeOf("u", id);
    return splits[place < train ? 0 : place < held ? 1 : 2];
  };
  return {
    parts: users.ids.map(partOf),
    cold: Uint8Array.from(items.ids, (id) => (placeOf("i", id) < coldItems ? 1 : 0)),
  };
}

/**
 * Ratings of users of training that are held out of it, so that users whom training knows can be asked about what it does
 * not know: of each who has more than so many, the ones of the least random numbers addressed by the hashes of user and item,
 * of warm and cold items alike. They depend on no other user, nor on the order of ratings.
 *
 * @param count of each user
 * @returns of each rating 1 where it is held out
 * @throws ILT201 where the count is no whole number above 0
 * @example const held = heldRatings(interactions, splitRatings(interactions), 10);
 */
export function heldRatings(
  { users, items, user, item }: Pick<Interactions, "users" | "items" | "user" | "item">,
  { parts }: Pick<RatingSplit, "parts">,
  count: number,
): Uint8Array {
  wholeNumber(count, "heldRatings", "count");
  const held = new Uint8Array(user.length);
  const ofItems = items.ids.map((id) => nameHash(`i${id}`));
  for (let from = 0, to = 0; from < user.length; from = to) {
    const of = user[from]!;
    while (to < user.length && user[to] === of) to++;
    if (parts[of] !== "train" || to - from <= count) continue;
    const ofUser = nameHash(`u${users.ids[of]!}`);
    const numbers = Array.from({ length: to - from }, (_, i) => random(ofUser, ofItems[item[from + i]!]!).uniform());
    const places = numbers.map((_, i) => i).sort((a, b) => numbers[a]! - numbers[b]!);
    for (const i of places.slice(0, count)) held[from + i] = 1;
  }
  return held;
}
