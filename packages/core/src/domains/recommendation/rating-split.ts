/** The users that are trained on, and the items that training knows: by hashes of ids, the same on every machine. */
import { md5 } from "@noble/hashes/legacy.js";
import { type Split, splits, TaskError } from "../../tasks/task.js";
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
}

/**
 * The place of an id between 0 and 1: the first 8 hexadecimal digits of MD5(prefix + id) / 2^32, UTF-8. Equal for an id
 * wherever it is read, and as good as drawn at random.
 */
function placeOf(prefix: "u" | "i", id: string): number {
  const [a, b, c, d] = md5(new TextEncoder().encode(prefix + id)) as unknown as readonly [
    number,
    number,
    number,
    number,
  ];
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}

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
