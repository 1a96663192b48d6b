import { folder } from "./generated/symbols.js";
import type { IncludedModel } from "./included-model.js";

/** @internal */
export const symbols: IncludedModel = {
  name: "symbols",
  title: "handwritten symbols of any kind",
  description:
    "Tells up to 20 symbols of your own apart, from one to five drawings of each: letters, characters, marks, small sketches. It takes pictures; `symbolPicture` makes them of strokes.",
  learner: "prototypical network, 4 convolutions of 40",
  license: "MIT",
  data: [
    { name: "Omniglot", by: "Lake, Salakhutdinov & Tenenbaum 2015", license: "MIT" },
    { name: "strokes of Make Me a Hanzi", by: "Arphic Technology 1999, S. Kishore", license: "Arphic Public License" },
  ],
  ...folder,
};
