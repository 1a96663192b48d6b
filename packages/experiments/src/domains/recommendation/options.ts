/** The options of ratings of users for items. */
import { type OptionValues, optionGroup } from "@innerloop/core/learners";

const columnOf = (what: string) =>
  ({
    kind: "text",
    placeholder: "COLUMN",
    absent: "found by its name",
    help: `the column of --ratings that ${what}`,
  }) as const;

const attributesOf = (whose: string) =>
  ({
    kind: "texts",
    placeholder: "COLUMN,...",
    absent: "all of use",
    help: `columns of --${whose} that are attributes, with a kind where it is not to be inferred: year:number, country:category, genres:bag`,
  }) as const;

/** The options of ratings. */
export const ratingOptions = optionGroup({
  ratings: {
    kind: "text",
    placeholder: "NAME|FILE|DIR|ZIP",
    default: "",
    help: "a table with a row for each rating; a name of `innerloop data list`; files of MovieLens; or preferences, which are simulated",
    inEvaluation: true,
    onResume: true,
  },
  items: {
    kind: "text",
    placeholder: "FILE",
    absent: "nothing is known of items",
    help: "a table with a row for each item, and its attributes",
    inEvaluation: true,
    onResume: true,
  },
  users: {
    kind: "text",
    placeholder: "FILE",
    absent: "nothing is known of users",
    help: "a table with a row for each user, and attributes",
    inEvaluation: true,
    onResume: true,
  },
  userColumn: columnOf("says who rates"),
  itemColumn: columnOf("says what is rated"),
  ratingColumn: columnOf("has the rating"),
  timeColumn: columnOf("says when"),
  titleColumn: {
    kind: "text",
    placeholder: "COLUMN",
    absent: "found by its name",
    help: "the column of --items by which people know them",
  },
  itemAttributes: attributesOf("items"),
  userAttributes: attributesOf("users"),
  ratingScale: {
    kind: "text",
    placeholder: "LEAST-MOST",
    absent: "the least and the most that there are",
    help: "the values that ratings may have: 1-5",
  },
  shots: {
    kind: "integer",
    default: 5,
    least: 0,
    most: 10_000,
    help: "known ratings of a user, at most: of one who has fewer beside the queries, all",
    inEvaluation: true,
  },
  trainShots: {
    kind: "count",
    default: { from: 0, to: 30 },
    least: 0,
    most: 10_000,
    help: "known ratings while training: 0-30 for another number in each task",
  },
  queries: {
    kind: "integer",
    default: 10,
    least: 1,
    most: 1000,
    help: "ratings of a user to be told",
    inEvaluation: true,
  },
  order: {
    kind: "choice",
    choices: ["random", "time"],
    default: "random",
    help: "which ratings of a user are to be told: any, or the latest, after those that are known",
    inEvaluation: true,
  },
  draws: {
    kind: "integer",
    default: 1,
    least: 1,
    most: 1000,
    help: "draws of known ratings and of those to be told, of each user: what a user has is the mean over them",
    inEvaluation: true,
  },
  loss: {
    kind: "choice",
    choices: ["absolute", "squared"],
    default: "absolute",
    help: "the error of ratings that training makes small",
  },
  sourceDomain: {
    kind: "texts",
    placeholder: "WORD,...",
    absent: "ratings of all items are known alike",
    help: "words of an attribute of items, such as red: ratings of these are known beside those of --target-domain",
    inEvaluation: true,
  },
  targetDomain: {
    kind: "texts",
    placeholder: "WORD,...",
    absent: "all items are asked about",
    help: "words of the same attribute, such as white: items that are asked about, and --shots of which are known",
    inEvaluation: true,
  },
  sourceShots: {
    kind: "integer",
    absent: "5",
    least: 0,
    most: 10_000,
    help: "known ratings of --source-domain, at most",
    inEvaluation: true,
  },
  leastRatings: {
    kind: "integer",
    default: 13,
    least: 2,
    most: 10_000,
    help: "ratings that a user has at least to be evaluated on; across domains all that tasks take",
    inEvaluation: true,
  },
  mostRatings: {
    kind: "integer",
    default: 100,
    least: 2,
    most: 1_000_000,
    help: "and at most",
    inEvaluation: true,
  },
  coldItems: {
    kind: "number",
    default: 0.2,
    least: 0,
    most: 0.9,
    help: "share of the items that are cold: training does not know them at all",
  },
  heldRatings: {
    kind: "integer",
    default: 0,
    least: 0,
    most: 1000,
    help: "ratings of each user of training that are out of training, for evaluations of --evaluated-users warm",
  },
  evaluatedUsers: {
    kind: "choice",
    choices: ["cold", "warm"],
    default: "cold",
    help: "the users to evaluate on: those that are held out, or those of training, who are asked about --held-ratings",
    inEvaluation: true,
  },
  base: {
    kind: "choice",
    choices: ["attributes", "bias", "mean"],
    default: "attributes",
    help: "what learners start from: levels of items and users with what attributes say of items, levels alone, or the mean of all ratings",
  },
  coldShare: {
    kind: "number",
    default: 0.25,
    least: 0,
    most: 0.9,
    help: "share of the items of training tasks that are as cold ones",
  },
  embeddingWidth: {
    kind: "integer",
    default: 16,
    least: 1,
    most: 256,
    help: "numbers of the vector of an item, and of each of its attributes",
  },
});

/** Values of the options of ratings. */
export type RatingValues = OptionValues<typeof ratingOptions>;
