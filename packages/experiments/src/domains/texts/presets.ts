import type { PartialConfig } from "../../config/index.js";
import type { Preset } from "../domain.js";

/** An episode of many ways an update, compared by cosines: what learns most from few classes. */
const compared: PartialConfig = {
  learner: { name: "prototypical", distance: "cosine", temperature: "learned" },
  training: {
    metaBatch: 1,
    outerRate: 1e-2,
    schedule: "cosine",
    iterations: 600,
    checkpointEvery: 100,
    validateEvery: 50,
    validateStart: true,
    bestBy: "accuracy",
  },
};

/**
 * A bag of n-grams starts as their tf-idf centroid. The temperature stays what it is: a learned one falls with the loss of
 * training classes, and makes much of what holds for these alone.
 */
const bag = (share: number, training: PartialConfig["training"], idDropout = 0.5): PartialConfig => ({
  domain: { trainShots: 5 },
  learner: { temperature: "0.07" },
  network: { sketch: 4096, vectorWidth: 128, share, idDropout },
  ...(training ? { training } : {}),
});

/** Many classes of short texts: n-grams tell them apart, and soon hold for the training classes alone. */
const soonLearned = bag(0.3, { outerRate: 3e-3, iterations: 100, validateEvery: 25 });

/** What is learned upon features of a frozen encoder: a linear map that starts as the identity. */
const uponFeatures: PartialConfig = { training: { outerRate: 1e-3, iterations: 600 } };

/** Where a classifier of all training domains is the start: there is little to move, and much to lose. */
const keptFeatures = { linear: { training: { outerRate: 1e-3, iterations: 200 } } };

const networks = { bag: soonLearned, projection: uponFeatures, mlp: uponFeatures, linear: uponFeatures };

const ofClasses = (domain: PartialConfig["domain"]): PartialConfig => ({
  ...compared,
  domain: { ways: 5, shots: 1, queries: 15, ...domain },
});

/** Presets of texts of classes, in the order in which help lists them. */
export const textPresets = {
  glosses: {
    summary: "definitions of WordNet in 38 classes, 5-way 1-shot; needs no download",
    protocol:
      "92,338 definitions of nouns and verbs by lexicographer file (animal, motion, ...); of the 38 classes with 200 or more, in the order of their names, 21 are for training, 5 for validation and 12 for evaluation",
    config: ofClasses({ data: "glosses", trainWays: 21, queries: 5 }),
    // More n-grams of the longest quarter take longer and tell no more.
    networks: {
      ...networks,
      bag: { ...bag(0.9, { outerRate: 5e-3, iterations: 250 }, 0.75), domain: { trainShots: 5, length: 160 } },
    },
  },
  clinc150: {
    summary: "requests to an assistant, 150 intents, 5-way 1-shot; data get first (Larson et al. 2019)",
    protocol:
      "150 sentences of each intent; the published splits of the intents, 50 for training, 50 for validation and 50 for evaluation (Dopierre et al. 2021), --fold 01 to 05. Sentences out of scope serve --open-set",
    config: ofClasses({ data: "clinc150", trainWays: 25 }),
    networks,
  },
  banking77: {
    summary: "questions of bank customers, 77 close intents, 5-way 1-shot; data get first (Casanueva et al. 2020)",
    protocol: "The published splits of the intents, 25, 25 and 27 (Dopierre et al. 2021), --fold 01 to 05",
    config: ofClasses({ data: "banking77", trainWays: 20 }),
    networks,
  },
  huffpost: {
    summary: "news headlines, 41 topics, 5-way 1-shot; data import first (Misra 2018)",
    protocol: "20, 5 and 16 topics as Bao et al. 2020 have them, 25 queries of each",
    config: ofClasses({ data: "huffpost", trainWays: 20, trainShots: 5, queries: 25 }),
    // A map that leaves the identity soon holds for twenty topics alone.
    networks: { ...networks, projection: { training: { outerRate: 1e-4, iterations: 200 } } },
  },
  sib200: {
    summary: "topics of the same sentences in 32 languages, 5-way 1-shot; data import first (Adelani et al. 2023)",
    protocol:
      "A task is of one language, five of its seven topics numbered anew; training and evaluation share neither languages nor sentences",
    config: ofClasses({
      data: "sib200",
      queries: 10,
      split: {
        name: "domains",
        taskLabels: "shuffled",
        testDomains: ["eng_Latn"],
        validationDomains: ["deu_Latn", "fra_Latn"],
      },
    }),
    // What is learned of some languages says little of others: texts of many n-grams are to lose none of their centroid.
    networks: { ...networks, bag: { ...soonLearned, network: { ...soonLearned.network, sketch: 32_768 } } },
  },
  nusax: {
    summary: "sentiment of the same sentences in 12 languages; data import first (Winata et al. 2023)",
    protocol:
      "A task is of one language, with the same three classes everywhere; training and evaluation share neither languages nor sentences",
    config: acrossDomains({
      data: "nusax",
      // Of 100 sentences for validation 24 are neutral.
      queries: 15,
      split: {
        name: "domains",
        taskLabels: "fixed",
        testDomains: ["english", "madurese", "toba_batak"],
        validationDomains: ["javanese"],
      },
    }),
    networks: keptFeatures,
  },
  sentiment: {
    summary: "sentiment of sentences in seven domains, one of them held out; data import first",
    protocol:
      "A task is of one domain, positive against negative, with the same numbers everywhere. The held-out domain and its twin (imdb and movie-reviews, amazon-cells and product-reviews-2004) are no part of training; 50 queries of each class, so that accuracy is balanced",
    config: acrossDomains({
      data: "sentiment",
      onlyClasses: ["negative", "positive"],
      split: { name: "domains", taskLabels: "fixed", testDomains: ["tweets"] },
    }),
    networks: keptFeatures,
  },
  text: {
    summary: "your own texts: --data FILE --text-column COLUMN --label-column COLUMN, 5-way 5-shot",
    protocol: "A tenth of the classes are for validation and a fifth for evaluation, after a shuffle by a fixed seed",
    config: ofClasses({ shots: 5, queries: 5 }),
    networks,
  },
} as const satisfies Readonly<Record<string, Preset>>;

/** A head that starts from what training domains know. */
function acrossDomains(domain: PartialConfig["domain"]): PartialConfig {
  return {
    domain: { shots: 5, trainShots: { from: 0, to: 16 }, queries: 50, ...domain },
    learner: { name: "logistic-prior" },
    training: {
      metaBatch: 4,
      outerRate: 3e-3,
      schedule: "cosine",
      iterations: 500,
      checkpointEvery: 100,
      validateEvery: 50,
      validateStart: true,
      bestBy: "accuracy",
    },
  };
}
