/** Bases of ratings that a run folder holds. */
import { codingWidth, offsetByAttributes, type RatingBase, ratingBaseFrom, userLevel } from "@innerloop/core/tasks";
import { jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const plain: RatingBase = { mean: 3.5, shrinkage: { user: 3, item: 10 }, offsets: [0.5, -0.25, 0], counts: [12, 3, 0] };
const bases: readonly RatingBase[] = [
  plain,
  {
    ...plain,
    prior: {
      coding: [
        { kind: "number", name: "year", mean: 1995, deviation: 5 },
        { kind: "category", name: "country", words: ["no", "se"] },
        { kind: "bag", name: "genres", words: ["drama"] },
      ],
      constant: 0.1,
      weights: [0.2, -1, 0, 3],
    },
  },
];

/** A base that is read has numbers throughout, for its items, a user and a thing by attributes, and is read again; or is refused. */
const baseReader: Reader = {
  name: "base of ratings",
  reads: "the base of a run's ratings",
  sources: ["core/src/domains/recommendation/rating-base.ts", "core/src/domains/recommendation/attribute-coding.ts"],
  seeds: () => bases.map((base) => bytes(JSON.stringify(base))),
  mutations: [jsonLineMutation, ...textMutations],
  words: [
    "mean",
    "shrinkage",
    "offsets",
    "counts",
    "prior",
    "coding",
    "weights",
    "bag",
    "__proto__",
    "null",
    "-1",
    "1e999",
  ],
  run: (input) => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(input));
    } catch {
      return;
    }
    const base = ratingBaseFrom(value);
    const { offsets, counts, prior } = base;
    if (offsets.length !== counts.length) throw new WrongResult("not every item has a count");
    if (prior && prior.weights.length !== codingWidth(prior.coding))
      throw new WrongResult("not every feature has a weight");
    const given = Object.fromEntries(
      (prior?.coding ?? []).map(({ name, kind }) => [name, kind === "number" ? 1 : "no"]),
    );
    const numbers = [base.mean, offsetByAttributes(base, given), userLevel(base, offsets, counts), ...offsets];
    if (!numbers.every((number) => typeof number === "number")) throw new WrongResult("a value is no number");
    if (JSON.stringify(ratingBaseFrom(JSON.parse(JSON.stringify(base)))) !== JSON.stringify(base))
      throw new WrongResult("a base that was read is read as another");
  },
};

export const ratingBaseReaders: readonly Reader[] = [baseReader];
