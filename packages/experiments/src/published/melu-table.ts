/** The table of MeLU (Lee et al. 2019): users and items that training knows, and others, on MovieLens where a user has it. */
import type { Flags } from "../config/index.js";
import type { Cell, Column, Row, Table } from "./table.js";

/** The mean absolute error of items of one kind. */
const [ofWarm, ofCold] = ["mean absolute error of warm items", "mean absolute error of cold items"] as const;

/** The state of a user, with what is asked of it. */
const statesOf = (evaluatedUsers: "warm" | "cold"): { readonly errors: Column[]; readonly orders: Column[] } => ({
  errors: [
    { name: `${evaluatedUsers}-warm`, title: `${evaluatedUsers}/warm`, options: { evaluatedUsers }, metric: ofWarm },
    { name: `${evaluatedUsers}-cold`, title: `${evaluatedUsers}/cold`, options: { evaluatedUsers }, metric: ofCold },
  ],
  orders: [1, 3].map((k) => ({
    name: `${evaluatedUsers}-ndcg${k}`,
    title: `${evaluatedUsers} nDCG@${k}`,
    options: { evaluatedUsers },
    metric: `nDCG@${k}`,
  })),
});

const [warm, cold] = [statesOf("warm"), statesOf("cold")];
const columns: readonly Column[] = [...warm.errors, ...cold.errors, ...warm.orders, ...cold.orders];

/** What all rows have: the ten ratings that each is to tell are drawn at random, and all others of the user known. */
const shared: Flags = { ratings: "ml-1m", heldRatings: 10, shots: 10_000, evalTasks: 3000, embeddingWidth: 32 };

/** Of 32 users each: 20 epochs of the 70% of 6,040, as published, and half as many of ours. */
const [updates, ourUpdates] = [2640, 1320];
const layers = { learner: "maml", hidden: [64, 64] } as const;
/** The authors' rates, which do next to nothing to a user: their code calls them local_lr and lr. */
const published = {
  ...layers,
  base: "mean",
  loss: "squared",
  innerRate: 5e-6,
  outerRate: 5e-5,
  schedule: "constant",
  trainShots: 90,
  validateEvery: 240,
  iterations: updates,
};
const ours = { trainShots: { from: 0, to: 90 }, outerRate: 3e-3, iterations: ourUpdates };
const decisionLayers = { ...layers, ...ours, steps: 3, innerRate: 0.03 };

/** Published errors of the four states: users, then items. */
const reported = (source: string, errors: readonly [string, string, string, string]): Pick<Row, "cells" | "source"> => {
  const states = [...warm.errors, ...cold.errors].map(({ name }) => name);
  const cells = columns.map(({ name }): readonly [string, Cell] => {
    const error = errors[states.indexOf(name)];
    return [name, error === undefined ? {} : { published: error }];
  });
  return { cells: Object.fromEntries(cells), source };
};

const row = (name: string, learner: string, options: Row["train"]["options"], more: Partial<Row> = {}): Row => ({
  name,
  learner,
  train: { preset: "ratings", options: { ...shared, ...options } },
  cells: Object.fromEntries(columns.map((column) => [column.name, {}])),
  baselines: true,
  against: ["user and item bias, items' prior from attributes"],
  ...more,
});

/** @internal */
export const melu: Table = {
  name: "melu",
  title: "MeLU: warm and cold users, warm and cold items",
  about:
    "Columns are users/items by mean absolute error in units of ratings, then nDCG of the ten queries. Users have 13 to 100 ratings, of which 10 at random are to be told and all others known. Warm users are those of training, 70%, whose ten ratings were held out of it; cold users are the 20% for evaluation. " +
    "A fifth of the items is cold, out of training altogether; users and items are split by MD5 of their ids. MeLU's own states are by the time at which users and films came, in files of its authors alone (hoyeoplee/MeLU issues 12 and 14), with all ten queries and all that is known of one state: published figures are of another split, and nDCG here is over warm and cold items together. " +
    "The row of the global mean has nDCG by chance. Of films ml-1m has genres, year and an id, for MeLU's rate, genres, directors and actors; ratings are standardised. Rows as published start from the mean of all ratings, with the authors' rates and squared errors; others make absolute errors small at other rates, and all but one start from levels of users and items as well. " +
    "nuster1128/RecBole-MetaRec reruns MeLU too, by precision@5 (0.4946) and an nDCG@5 (0.4899) of other definitions, which stand in no column.",
  metric: "mean absolute error of ratings",
  data: [
    {
      name: "ml-1m",
      files: "ml-1m.zip of MovieLens 1M, or its folder",
      remedy:
        "MovieLens 1M may not be passed on: take ml-1m.zip from https://grouplens.org/datasets/movielens/1m/ (for research, not for commercial use; Harper and Konstan 2015), and say where it is with --data ml-1m.zip",
    },
  ],
  columns,
  rows: [
    row(
      "melu-1-step",
      "MeLU as published, 1 local step",
      { ...published, steps: 1, evalSteps: [0, 1] },
      reported("Lee et al. 2019, as waterhorse1/MELU_pytorch quotes it; another split", [
        "0.75",
        "0.92",
        "0.79",
        "0.92",
      ]),
    ),
    row("melu-5-steps", "MeLU as published, 5 local steps", { ...published, steps: 5, evalSteps: [0, 1, 5] }),
    row(
      "layers-mean",
      "MeLU's layers at our rates, no base",
      { ...decisionLayers, base: "mean", evalSteps: [0, 3] },
      reported("waterhorse1/MELU_pytorch, by rates of its own; another split", ["0.68", "0.90", "0.74", "0.89"]),
    ),
    row("layers-bias", "MeLU's layers upon levels", { ...decisionLayers, base: "bias", evalSteps: [0, 3] }),
    row("layers-attributes", "MeLU's layers upon the base", { ...decisionLayers, evalSteps: [0, 3] }),
    row("cnp", "neural process upon the base", ours),
    row("ridge", "ridge upon the base: learned fold-in", { ...ours, learner: "ridge" }),
  ],
};
