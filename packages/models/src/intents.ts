import { folder } from "./generated/intents.js";
import type { IncludedModel } from "./included-model.js";

/** @internal */
export const intents: IncludedModel = {
  name: "intents",
  title: "intents and topics of short texts",
  description:
    "Sorts short texts into up to 25 classes of your own, from a few sentences of each: requests, questions, topics. It goes by words and pieces of words, not by meaning: it does about as well as the centroid of tf-idf, whose weights it has learned anew; a frozen encoder does better.",
  learner: "prototypical network on hashed words and n-grams",
  license: "MIT",
  data: [{ name: "CLINC150", by: "Larson et al. 2019", license: "CC BY 3.0" }],
  ...folder,
};
