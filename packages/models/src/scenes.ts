import { folder } from "./generated/scenes.js";
import type { IncludedModel } from "./included-model.js";

/** @internal */
export const scenes: IncludedModel = {
  name: "scenes",
  title: "characters and symbols in pictures",
  description:
    "Finds up to five symbols of your own in pictures: boxes with their names and probabilities, from one to a few pictures in which they are marked. Light strokes on a dark ground, a sixth to a third of the picture high.",
  learner: "prototype detector, 16 channels",
  license: "MIT",
  data: [
    { name: "strokes of Make Me a Hanzi", by: "Arphic Technology 1999, S. Kishore", license: "Arphic Public License" },
  ],
  ...folder,
};
