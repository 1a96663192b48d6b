/** The items of an exported folder of ratings: titles, attributes, codings and the base that answers start from. */

import { parseRatingTable, type RatingTable } from "../../../packages/experiments/dist/domains/recommendation/spec.js";
import { openedConfig } from "../../../packages/experiments/dist/exported/exported-files.js";
import { formOf, loadForm } from "../../../packages/experiments/dist/exported/input-forms.js";
import { allItemRows, itemInputs, tableOf } from "../../../packages/experiments/dist/exported/item-inputs.js";
import { jsonMutation } from "../mutations.js";
import type { Reader } from "../reader.js";
import { checkArray } from "./checked.js";

const table: RatingTable = {
  name: "films",
  items: {
    ids: ["001", "002", "003"],
    titles: ["Amélie (2001)", "Heat", "Heat"],
    attributes: [
      { kind: "bag", name: "genres", words: ["Crime", "Drama"], of: [0, 0, 1, 1], starts: [0, 1, 3, 4] },
      { kind: "category", name: "country", words: ["fr"], of: [0, -1, 0] },
      { kind: "number", name: "year", values: [2001, 1995, null] },
    ],
  },
  codings: {
    items: {
      fields: [
        { name: "id", kind: "id", words: ["001", "002"], slots: 1 },
        { name: "genres", kind: "bag", words: ["Crime", "Drama"], slots: 2 },
        { name: "country", kind: "category", words: ["fr"], slots: 1 },
      ],
      numbers: [{ name: "year", mean: 1998, deviation: 3 }],
    },
    users: { fields: [], numbers: [{ name: "age", mean: 40, deviation: 10 }] },
  },
  base: {
    mean: 3.5,
    shrinkage: { user: 5, item: 10 },
    offsets: [0.5, -0.25, 0],
    counts: [12, 4, 0],
    prior: { coding: [{ kind: "bag", name: "genres", words: ["Crime"] }], constant: 0.1, weights: [0.2] },
  },
  units: { mean: 3.4, deviation: 1.1 },
  scale: { least: 1, most: 5 },
  cold: [0, 0, 1],
};

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const { prior: _, ...levels } = table.base;

const itemsReader: Reader = {
  name: "items of an exported folder",
  reads: "items.json of an exported folder of ratings",
  sources: ["experiments/src/exported/item-inputs.ts", "experiments/src/domains/recommendation/spec.ts"],
  weight: 0.5,
  seeds: () => [
    bytes(table),
    bytes({ ...table, base: levels }),
    bytes({
      ...table,
      base: { ...levels, itemLevels: false },
      implicit: true,
      items: { ids: ["a", "b", "c"], attributes: [] },
    }),
  ],
  hostile: () => [
    bytes({
      ...table,
      codings: { items: { fields: [{ name: "id", kind: "id", words: [], slots: 1e9 }], numbers: [] } },
    }),
    bytes({ ...table, items: { ids: new Array(100_000).fill("a"), attributes: [] } }),
    bytes({ ...table, base: { ...levels, offsets: [1e308, 1e308, -1e308], mean: 1e308 } }),
  ],
  mutations: [jsonMutation, jsonMutation, jsonMutation],
  words: [
    "items",
    "ids",
    "titles",
    "attributes",
    "kind",
    "bag",
    "category",
    "number",
    "words",
    "of",
    "starts",
    "values",
  ],
  async run(input) {
    const own = { kind: "item", slots: 1, numbers: 2 } as const;
    // What is no table of items has sizes that are told wrongly.
    let inputs: ReturnType<typeof itemInputs> = own;
    try {
      const found = parseRatingTable(JSON.parse(new TextDecoder().decode(input)));
      if (found) inputs = itemInputs(found);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    await loadForm("item");
    const opened = openedConfig({ inputs } as never, { "items.json": input }, "export");
    const given = opened.inputs as ReturnType<typeof itemInputs>;
    for (const [ids, numbers] of allItemRows(tableOf(given)))
      for (const values of [ids!, numbers!]) checkArray({ shape: [values.length], values });
    const [id] = tableOf(given).items.ids;
    await formOf(given).read([id], given, undefined as never);
  },
};

export const ratedItemReaders: readonly Reader[] = [itemsReader];
