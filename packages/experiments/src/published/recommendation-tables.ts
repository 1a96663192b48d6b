/** The tables of ratings: users who begin with few, and ratings across two domains of items. */
import { type Flags, resolvePreset } from "../config/index.js";
import type { Column, Need, Row, Table } from "./table.js";

/** A learner upon the base, with options that differ from the preset's. */
interface Chosen {
  readonly key: string;
  readonly title: string;
  readonly options: Flags;
}

/** Ratings of a set, or of two domains in it. */
interface Subject {
  readonly key: string;
  readonly group: string;
  readonly preset: string;
  readonly options: Flags;
}

const base = "user and item bias, items' prior from attributes";

const rowsOf = (
  subjects: readonly Subject[],
  learners: readonly Chosen[],
  columns: readonly Column[],
  against: readonly string[] = [base],
): Row[] =>
  subjects.flatMap(({ key, group, preset, options: shared }) =>
    learners.map(({ key: learner, title, options: own }) => {
      const options = { ...shared, ...own };
      const { iterations } = resolvePreset(preset, options).training;
      return {
        name: `${key}-${learner}`,
        learner: title,
        group,
        train: { preset, options: { ...options, iterations } },
        cells: Object.fromEntries(columns.map(({ name }) => [name, {}])),
        baselines: true,
        against,
      };
    }),
  );

const data: readonly Need[] = [
  {
    name: "movietweetings",
    remedy: "Run `innerloop data import movietweetings FOLDER` with ratings.csv and items.csv",
  },
  {
    name: "x-wines",
    remedy: "Run `innerloop data get x-wines`, or `innerloop data import x-wines FOLDER` with its authors' two files",
  },
];

/** Of any other size than these, the run's own are evaluated. */
const [error, ofCold, ordered] = [
  "mean absolute error of ratings",
  "mean absolute error of cold items",
  "nDCG@5",
] as const;

/** Draws of each user: one decides less than the differences that are to be seen. */
const draws = 5;

const coldStart: readonly Column[] = [
  { name: "1", title: "K = 1", options: { shots: 1, draws } },
  { name: "5", title: "K = 5", options: { shots: 5, draws } },
  { name: "5-cold", title: "K = 5, cold items", options: { shots: 5, draws }, metric: ofCold },
  { name: "5-ndcg", title: "K = 5, nDCG@5", options: { shots: 5, draws }, metric: ordered },
  { name: "all", title: "K = all", options: { shots: 10_000, draws } },
];

const learners: readonly Chosen[] = [
  { key: "cnp", title: "neural process upon the base", options: {} },
  { key: "ridge", title: "ridge upon the base: learned fold-in", options: { learner: "ridge" } },
  {
    key: "maml",
    title: "MAML on decision layers upon the base: MeLU",
    options: { learner: "maml", steps: 3, innerRate: 0.03 },
  },
];

const sets: readonly Subject[] = [
  { key: "movietweetings", group: "MovieTweetings, films 0 to 10", preset: "movietweetings", options: {} },
  { key: "x-wines", group: "X-Wines, 1 to 5", preset: "x-wines", options: {} },
];

const ratings: Table = {
  name: "ratings",
  title: "Users with few ratings",
  about:
    "Mean absolute error in units of ratings, every user of the same weight; after K ratings of a user, of 10 others at random, the mean of 5 draws of both for each user. Users of evaluation have 13 to 100 ratings, and none of them is trained on; a fifth of the items is cold, out of training altogether (users and items by MD5 of their ids). " +
    "The base is closed form: levels of users and items, with what attributes say of an item; learners learn what it leaves. Differences of errors are better below 0. There are no published figures of this protocol: those of MeLU (Lee et al. 2019) are of MovieLens 1M, with all other ratings of a user known, and without a row of biases.",
  metric: error,
  data,
  columns: coldStart,
  rows: rowsOf(sets, learners, coldStart),
};

const simulated: Table = {
  name: "ratings-simulated",
  title: "Simulated users of strong tastes",
  about:
    "Mean absolute error of simulated ratings: six factors of taste (deviation 0.8), levels of users and items (0.4), noise (0.4), 1 to 5 in halves; 3,000 users, 200 items, none cold. The mean of 5 draws for each user. The posterior mean under the true item factors, the best that there is, has 0.572 at K = 5 and 0.469 at K = 10 on the same draws. Differences are better below 0.",
  metric: error,
  columns: [5, 10].map((shots) => ({ name: `${shots}`, title: `K = ${shots}`, options: { shots, draws } })),
  rows: rowsOf(
    [{ key: "preferences", group: "preferences (simulated)", preset: "preferences", options: {} }],
    [
      { key: "ridge", title: "ridge upon the base: learned fold-in", options: { learner: "ridge" } },
      {
        key: "cnp",
        title: "neural process upon the base",
        options: { learner: "cnp", units: 64, iterations: 4000, outerRate: 1e-3 },
      },
      {
        key: "anp",
        title: "attentive neural process upon the base",
        options: { learner: "anp", units: 32, iterations: 1000 },
      },
      {
        key: "cavia",
        title: "CAVIA upon the base",
        options: { learner: "cavia", steps: 3, innerRate: 1, iterations: 1500 },
      },
      {
        key: "maml",
        title: "MAML on decision layers upon the base: MeLU",
        options: { learner: "maml", steps: 5, innerRate: 0.1 },
      },
    ],
    [5, 10].map((shots) => ({ name: `${shots}`, title: "" })),
  ),
};

const acrossColumns: readonly Column[] = [
  { name: "none", title: "no ratings", options: { shots: 0, sourceShots: 0, draws } },
  { name: "source", title: "5 of the source", options: { shots: 0, sourceShots: 5, draws } },
  { name: "one", title: "1 of the target", options: { shots: 1, sourceShots: 0, draws } },
  { name: "target", title: "5 of the target", options: { shots: 5, sourceShots: 0, draws } },
  { name: "both", title: "5 of both", options: { shots: 5, sourceShots: 5, draws } },
];

const across = (
  key: string,
  preset: string,
  [sourceDomain, targetDomain]: readonly [readonly string[], readonly string[]],
): Subject => ({
  key,
  group: `${preset}: ${sourceDomain.join(", ")} to ${targetDomain.join(", ")}`,
  preset,
  options: { sourceDomain, targetDomain, queries: 5, shots: 5 },
});

const domains: Table = {
  name: "ratings-across",
  title: "Ratings across domains of items",
  about:
    "Mean absolute error of 5 ratings in the target domain, with ratings of the source domain known, of the target, or of both; users with 5 ratings of the source and 6 of the target, each once. An item is of a domain where it has one of its words and none of the other's. Differences are better below 0.",
  metric: error,
  data,
  columns: acrossColumns,
  rows: rowsOf(
    [
      across("red-white", "x-wines", [["Red"], ["White"]]),
      across("red-sparkling", "x-wines", [["Red"], ["Sparkling", "Ros\u00e9"]]),
      across("action-comedy", "movietweetings", [["Action"], ["Comedy", "Drama"]]),
      across("drama-action", "movietweetings", [
        ["Drama", "Romance"],
        ["Action", "Horror", "Sci-Fi"],
      ]),
    ],
    [{ key: "cnp", title: "neural process upon the base", options: {} }],
    acrossColumns,
  ),
};

const takers: readonly Chosen[] = [
  { key: "cnp", title: "neural process upon popularity", options: { negatives: 20 } },
  {
    key: "ridge",
    title: "ridge upon popularity: learned fold-in",
    options: { learner: "ridge", model: "linear", penalty: 3, negatives: 20 },
  },
  {
    key: "anp",
    title: "attentive neural process upon popularity",
    options: { learner: "anp", units: 32, negatives: 20 },
  },
];

/** All rankings are of all items but those of the last column, which says so. */
const rankings: readonly Column[] = [
  { name: "5", title: "K = 5, nDCG@10", options: { shots: 5 } },
  { name: "5-hits", title: "K = 5, hit rate@10", options: { shots: 5 }, metric: "hit rate@10" },
  { name: "5-pairs", title: "K = 5, pairs", options: { shots: 5 }, metric: "pairs in the right order" },
  { name: "all", title: "K = all, nDCG@10", options: { shots: 10_000 } },
  {
    name: "sampled",
    title: "K = all, 1 among 99 sampled, hit rate@10",
    options: { shots: 10_000, queries: 1, candidates: "99" },
    metric: "hit rate@10",
  },
];

const implicit: Table = {
  name: "ratings-implicit",
  title: "Items taken, without ratings",
  about:
    "Ratings of 8 or more of MovieTweetings, of 4 or more of X-Wines, as items that were taken; the others are left out. After K items of a user 10 others are ranked among all items that the user has not taken (full ranking); in the last column one other among 99 drawn at random (sampled ranking, leave-one-out as in He et al. 2017), which may order methods otherwise (Krichene & Rendle 2020). Users of evaluation took 13 to 100 items, and none of them is trained on; a fifth of the items is cold. Differences are better above 0.",
  metric: "nDCG@10",
  data,
  columns: rankings,
  rows: rowsOf(
    [
      {
        key: "movietweetings",
        group: "MovieTweetings, 8 or more is taken",
        preset: "movietweetings",
        options: { takenFrom: 8 },
      },
      { key: "x-wines", group: "X-Wines, 4 or more is taken", preset: "x-wines", options: { takenFrom: 4 } },
    ],
    takers,
    rankings,
    ["popularity", "neighbours among items"],
  ),
};

/** The tables of ratings, in the order in which they are listed. */
export const recommendationTables: readonly Table[] = [ratings, simulated, domains, implicit];
