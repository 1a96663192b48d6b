/** Presets of ratings. */
import type { PartialConfig } from "../../config/index.js";
import { leadingWord } from "../../options/training-options.js";
import type { Preset } from "../domain.js";

/** A set encoding of the known ratings, upon what the base leaves. */
const ofUsers = (domain: NonNullable<PartialConfig["domain"]>): PartialConfig => ({
  domain,
  learner: { name: "cnp", units: 32 },
  network: { name: "mlp", hidden: [32, 16], batchNorm: "none" },
  training: {
    metaBatch: 32,
    outerRate: 3e-3,
    schedule: "cosine",
    iterations: 600,
    checkpointEvery: 100,
    validateEvery: 50,
    validateStart: true,
    validationTasks: 400,
    // Errors lead of ratings, orders of implicit feedback.
    bestBy: leadingWord,
  },
  evaluation: { evalTasks: 2000 },
});

/** Little of a rating is taste: a fold-in starts from next to none, and so from the base. */
const learners = { ridge: { learner: { penalty: 30 } } };

const held =
  "A user is a task. Of the users 70% are for training, 10% for validation and 20% for evaluation, and a fifth of the items is cold, out of training altogether: both by MD5 of their ids. Users with 13 to 100 ratings are evaluated on, each once: 10 ratings are to be told, 5 others at most are known";

/** Presets of ratings, in the order in which help lists them. */
export const ratingPresets = {
  preferences: {
    summary: "simulated ratings of 200 items by people of strong tastes; needs no download",
    protocol: `Simulated: six factors of taste. ${held}`,
    // Tastes are linear in the items' attributes there, and a fold-in is what finds them.
    config: { ...ofUsers({ ratings: "preferences", coldItems: 0 }), learner: { name: "ridge" } },
  },
  movietweetings: {
    summary: "100,000 ratings of films, 0 to 10; data import first (Dooms et al. 2013)",
    protocol: held,
    config: ofUsers({ ratings: "movietweetings" }),
    learners,
  },
  "x-wines": {
    summary: "150,000 ratings of wines, 1 to 5; data get first (de Azambuja et al. 2023)",
    protocol: held,
    config: ofUsers({ ratings: "x-wines" }),
    learners,
  },
  ratings: {
    summary: "your own ratings: --ratings FILE.csv [--items FILE.csv] [--users FILE.csv]",
    protocol: held,
    config: ofUsers({}),
    learners,
  },
} as const satisfies Readonly<Record<string, Preset>>;
