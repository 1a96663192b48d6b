import { folder } from "./generated/sinusoids.js";
import type { IncludedModel } from "./included-model.js";

/** @internal */
export const sinusoids: IncludedModel = {
  name: "sinusoids",
  title: "sine curves",
  description:
    "Finds a sine curve y = A sin(x - phi), A from 0.1 to 5, phi from 0 to pi, through up to 25 points of x from -5 to 5: the first task of meta-learning, to see what adaptation steps do.",
  learner: "MAML, 40-40 units, trained with 1 step",
  license: "MIT",
  data: [{ name: "sine curves", by: "a formula", license: "nobody's" }],
  ...folder,
};
