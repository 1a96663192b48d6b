/** Ratings as users of a trained model have them, and those that it tells. */

import type { RatedInputs, RatingTarget } from "@innerloop/core/tasks";
import { type Tensor, tensor } from "@innerloop/graph";
import type { DataIo, LongWork } from "../../io.js";
import { PlacedRows } from "../../rating-io.js";
import { counted } from "../../words.js";
import type { Adaptation, GivenInputs, GivenSupport, Own } from "../domain.js";
import { readItems, readKnownRatings, rowsOfTables } from "./given-ratings.js";
import { inUnits, knownItems, ratedInputs } from "./known-items.js";
import type { RatingValues } from "./options.js";
import type { RatingSpec } from "./spec.js";

type OwnRatings = Own<RatingValues, RatingSpec>;

/** @internal */
export const ratingAdaptation: Adaptation<RatingValues, RatingSpec, RatedInputs, RatingTarget> = {
  inputWord: "item",
  // Of a user of whom nothing is known, a model says what it says of all.
  needsNone: () => true,
  readSupport,
  fromFiles: (paths, _own, io, work) => rowsOfTables(paths, io, work),
  readInputs: async (given, _support, { spec }, io, work) => {
    const items = await readItems(given, spec, io, work);
    return { x: ratedInputs(spec, items), names: items.map(({ name }) => name) } satisfies GivenInputs<RatedInputs>;
  },
  // Whoever reads lines says which one it is.
  fromLine: (line) => (line.trim() === "" ? undefined : new PlacedRows([{ item: line.trim() }], [""])),
  lineOf: ({ item, rating }) => `${Number(rating).toFixed(2)}  ${String(item)}`,
  answers: (prediction, { spec, inputs }) =>
    Array.from((prediction as Tensor).data as Float32Array, (value, i) => ({
      item: inputs.names[i]!,
      rating: Number(inUnits(spec, value).toFixed(4)),
    })),
  table: (answers, { inputs }) => ({
    header: ["item", "rating"],
    rows: answers.map(({ rating }, i) => [inputs.names[i]!, Number(rating).toFixed(2)]),
  }),
};

async function readSupport(
  given: unknown,
  { spec }: OwnRatings,
  _flags: unknown,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport<RatedInputs, RatingTarget>> {
  const { items, ratings } = await readKnownRatings(given, spec, io, work);
  const { coded } = knownItems(spec);
  const { mean, deviation } = spec.units;
  const column = (values: readonly number[]): Tensor => tensor(Float32Array.from(values), [values.length, 1]);
  const there = items.length > 0;
  // Of none there is a row that is not there.
  const asked = there ? items : [{ place: 0, name: "" }];
  return {
    x: ratedInputs(spec, asked),
    y: {
      rating: column(there ? ratings.map((rating) => (rating - mean) / deviation) : [0]),
      cold: column(asked.map((item) => ("place" in item ? coded.cold[item.place]! : 1))),
    },
    ...(there ? {} : { present: tensor(new Float32Array(1), [1]) }),
    text: there ? counted(items.length, "rating") : "no ratings",
    notes: [],
    facts: { ratings: Object.fromEntries(items.map(({ name }, i) => [name, ratings[i]])) },
  };
}
