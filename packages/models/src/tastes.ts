import { folder } from "./generated/tastes.js";
import type { IncludedModel } from "./included-model.js";

/** @internal */
export const tastes: IncludedModel = {
  name: "tastes",
  title: "tastes in wine",
  description:
    "Tells what you will think of wines, and ranks the 1,007 that it knows, from a few ratings of yours from 1 to 5. Little of a rating is taste: most of its answer is the level of the wine and of your ratings.",
  learner: "conditional neural process upon levels of items and users",
  license: "MIT",
  data: [{ name: "X-Wines", by: "de Azambuja, Morais & Filipe 2023", license: "CC0 1.0" }],
  ...folder,
};
