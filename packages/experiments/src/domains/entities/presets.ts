import type { PartialConfig } from "../../config/index.js";
import type { Preset } from "../domain.js";

/** Words are compared by learned weights, and the best tagging is found by learned transitions. */
const compared: PartialConfig = {
  learner: { name: "struct-shot" },
  network: { name: "word-encoder" },
  training: {
    metaBatch: 2,
    outerRate: 5e-3,
    schedule: "cosine",
    iterations: 200,
    checkpointEvery: 100,
    validateEvery: 25,
    validateStart: true,
    validationTasks: 50,
    bestBy: "episodeF1",
  },
};

const ofDomains = (domain: PartialConfig["domain"]): PartialConfig => ({
  ...compared,
  domain: { shots: 5, trainShots: { from: 1, to: 5 }, queries: 20, holdOut: "domains", ...domain },
});

/** Presets of marked texts, in the order in which help lists them. */
export const entityPresets = {
  snips: {
    summary: "slots of requests, seven intents, one of them held out; data get first (Coucke et al. 2018)",
    protocol:
      "An intent is a domain with 2 to 14 types of its own: one for evaluation, one for validation, five for training, as in Hou et al. 2020. A support set has the fewest sentences that hold K spans of each type",
    config: ofDomains({ data: "snips", testDomain: "GetWeather", validationDomain: "BookRestaurant" }),
  },
  crossner: {
    summary: "entities of five domains of Wikipedia, one of them held out; data get first (Liu et al. 2021)",
    protocol:
      "A domain has 9 to 17 types: one for evaluation, one for validation, three for training. Five types are in all domains, and count as other ones in each",
    config: ofDomains({ data: "crossner", testDomain: "science", validationDomain: "politics" }),
  },
  entities: {
    summary: "your own marked texts: --data FILE or --data FOLDER, 5 spans of each type",
    protocol:
      "Of three domains or more one is for evaluation and one for validation; of fewer, a fifth of the sentences for each, or the parts that the files name",
    config: { ...compared, domain: { shots: 5, queries: 10 } },
  },
} as const satisfies Readonly<Record<string, Preset>>;
