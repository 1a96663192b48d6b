/** A few made-up users, items and ratings. */
import { type CodedEntities, codeEntities, entityCoding, idsIn } from "./entity-coding.js";
import type { BagAttribute, Entities } from "./interactions.js";
import type { RatedUsers } from "./user-tasks.js";

const bag = (name: string, words: readonly string[], lists: readonly (readonly number[])[]): BagAttribute => ({
  kind: "bag",
  name,
  words,
  of: Int32Array.from(lists.flat()),
  starts: Int32Array.from([0, ...lists].map((_, i) => lists.slice(0, i).flat().length)),
});

/** Eight films. */
export const films: Entities = {
  ids: ["001", "002", "003", "004", "005", "006", "007", "008"],
  titles: ["a", "b", "c", "d", "e", "f", "g", "h"],
  attributes: [
    bag("genres", ["crime", "drama", "comedy"], [[0, 1], [1], [], [2, 1, 0], [0], [1], [2], [2, 0]]),
    { kind: "category", name: "country", words: ["no", "fr"], of: Int32Array.from([0, 1, 1, 0, -1, 0, 1, 0]) },
    {
      kind: "number",
      name: "year",
      values: Float64Array.from([1990, 2000, 2010, Number.NaN, 2000, 1990, 2010, 9999]),
    },
    { kind: "number", name: "reels", values: new Float64Array(8).fill(2) },
  ],
};

/** Users with 3, 5, 8 and 0 ratings of the first items, the i-th of user u rated u + i / 10; the last two films are cold. */
export function madeUpRatings(users?: CodedEntities): RatedUsers {
  const counts = [3, 5, 8, 0];
  const cold = Uint8Array.from([0, 0, 0, 0, 0, 0, 1, 1]);
  const coding = entityCoding(
    films,
    Uint8Array.from(cold, (each) => 1 - each),
  );
  const rows = counts.flatMap((count, user) => Array.from({ length: count }, (_, item) => ({ user, item })));
  return {
    name: "films",
    starts: Int32Array.from([0, 3, 8, 16, 16]),
    item: Int32Array.from(rows, ({ item }) => item),
    rating: Float32Array.from(rows, ({ user, item }) => user + item / 10),
    base: Float32Array.from(rows, ({ item }) => 1 + item / 100),
    sureness: Float32Array.from(rows, ({ item }) => (cold[item] ? 0 : 0.5)),
    prior: Float32Array.from(cold, (_, item) => 3 + item),
    cold,
    items: codeEntities(films, coding),
    ...(users ? { users } : {}),
    entries: idsIn(coding) + (users ? 100 : 0),
    units: { mean: 1, deviation: 2 },
  };
}
