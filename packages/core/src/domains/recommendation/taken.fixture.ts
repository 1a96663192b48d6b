/** A few made-up people and what they took: two tastes, of even items and of odd ones, the first of which most take. */
import type { Interactions } from "./interactions.js";

/** Twelve items; "010" and "011" are new, and of the kinds of the others. */
export function madeUpTaken({ users = 24 } = {}): Interactions {
  const rows = Array.from({ length: users }, (_, user) =>
    [0, 1, 2, 3, 4].flatMap((k) => {
      const item = 2 * k + (user % 2);
      // The k-th of a taste is taken by all but every (6 - k)-th.
      return k > 0 && Math.floor(user / 2) % (6 - k) === 0 ? [] : [{ user, item }];
    }),
  ).flat();
  return {
    name: "taken",
    users: { ids: Array.from({ length: users }, (_, user) => `u${user}`), attributes: [] },
    items: {
      ids: Array.from({ length: 12 }, (_, item) => String(item).padStart(3, "0")),
      attributes: [
        {
          kind: "category",
          name: "kind",
          words: ["even", "odd"],
          of: Int32Array.from({ length: 12 }, (_, i) => i % 2),
        },
        { kind: "number", name: "rank", values: Float64Array.from({ length: 12 }, (_, i) => Math.floor(i / 2)) },
      ],
    },
    user: Int32Array.from(rows, ({ user }) => user),
    item: Int32Array.from(rows, ({ item }) => item),
    rating: new Float32Array(rows.length).fill(1),
    scale: { least: 0, most: 1 },
    implicit: true,
  };
}

/** 1 for the items that training knows. */
export const knownItems = Uint8Array.from({ length: 12 }, (_, item) => (item < 10 ? 1 : 0));
