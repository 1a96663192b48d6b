/** Ratings of users for items: a user is a task. */

import { entityEmbedding } from "@innerloop/core/layers";
import { type ColumnRange, type FeatureLearner, residualLearner } from "@innerloop/core/learners";
import {
  idsIn,
  type RatedInputs,
  type RatingCodings,
  type RatingTarget,
  type RatingUnits,
  ratingLoss,
} from "@innerloop/core/tasks";
import { itemInputs } from "../../exported/item-inputs.js";
import { UsageError } from "../../options/usage-error.js";
import { countInWords, mostOf } from "../../options/values.js";
import { counted } from "../../words.js";
import { domain, type NextStep, type TaskShapes } from "../domain.js";
import { ratingAdaptation } from "./adaptation.js";
import { ratingBaselines } from "./baselines.js";
import { feedbackOf, lossWithin } from "./feedback.js";
import { ItemRanker } from "./item-ranker.js";
import { type RatingValues, ratingOptions } from "./options.js";
import { ratingPresets } from "./presets.js";
import { loadRatings, type RatingData } from "./reading.js";
import { parseRatingSpec, type RatingSpec, ratingTableOf } from "./spec.js";
import { ratingSizes, ratingTasks, requireRatingOptions } from "./tasks.js";

/** Units of ratings before any are read, and some cold items: what figures are called does not depend on them. */
const unitless: RatingUnits = { mean: 0, deviation: 1, scale: { least: 0, most: 1 } };
const unread = { units: unitless, scale: unitless.scale, cold: [1] };

/** The embedding of rated items, and of what is known of users. */
const embeddingOf = ({ items, users }: RatingCodings, { embeddingWidth: width }: RatingValues) => {
  const fields = [...items.fields, ...(users?.fields ?? [])].map(({ slots }) => ({ slots }));
  return entityEmbedding({
    fields,
    entries: idsIn(items) + (users ? idsIn(users) - 1 : 0),
    // The base and how sure it is stand before the numbers of items and users.
    numbers: 2 + items.numbers.length + (users?.numbers.length ?? 0),
    width,
  });
};

/** The columns of embedded rows that are of the user: vectors of attributes, and numbers. */
function profileOf({ items, users }: RatingCodings, { embeddingWidth: width }: RatingValues): readonly ColumnRange[] {
  if (!users) return [];
  const vectors = width * items.fields.length;
  const numbers = vectors + width * users.fields.length;
  const ofUser = numbers + 2 + items.numbers.length;
  const ranges: readonly ColumnRange[] = [
    [vectors, numbers],
    [ofUser, ofUser + users.numbers.length],
  ];
  return ranges.filter(([from, to]) => from < to);
}

/** The columns of ids that have the words of an attribute of items: all fields of theirs but the item itself. */
function pathsOf({ items }: RatingCodings): readonly ColumnRange[] {
  let next = 0;
  return items.fields.flatMap(({ kind, slots }): ColumnRange[] => {
    const from = next;
    next += slots;
    return kind === "id" ? [] : [[from, next]];
  });
}

/** The parts of rows that some learners ask for, where there are any. */
function partsOfRows(codings: RatingCodings, options: RatingValues): Pick<TaskShapes, "profile" | "paths"> {
  const [profile, paths] = [profileOf(codings, options), pathsOf(codings)];
  return { ...(profile.length > 0 ? { profile } : {}), ...(paths.length > 0 ? { paths } : {}) };
}

/** @internal The domain of ratings. */
export const recommendation = domain<typeof ratingOptions, RatingData, RatingSpec, RatedInputs, RatingTarget>({
  name: "recommendation",
  title: "ratings of users",
  kind: "regression",
  options: ratingOptions,
  presets: ratingPresets,
  networks: ["mlp", "linear"],
  ofEpisodes: ["trainShots"],
  claims: ({ ratings }) => (ratings === undefined ? undefined : "ratings"),
  dataOptions: ["ratings", "items", "users"],
  shownAs: ({ ratings }) => `--ratings ${ratings}`,
  check: requireRatingOptions,
  load: (options, io, work, { own }) => loadRatings(options, io, work, own),
  parseSpec: parseRatingSpec,
  tasks: (data, options) => ratingTasks(data, options),
  shapes: (spec, options, { own = options }) => ({
    inputShape: spec ? embeddingOf(spec.codings, own).outputShape! : [1],
    outputs: 1,
    supportRows: Math.max(1, own.shots, mostOf(own.trainShots)),
    trainClasses: 0,
    ...(spec ? partsOfRows(spec.codings, own) : {}),
  }),
  loss: (spec, options) =>
    Object.assign(ratingLoss(unitless), {
      metrics: feedbackOf(spec, options).figures(spec ?? unread, options),
    }),
  around: {
    loss: ({ spec, options }) => lossWithin(feedbackOf(spec, options).bases[options.base].link, options),
    learner: (within, { spec, options }) => {
      if (!spec) throw new UsageError("a learner of ratings without what is known of items", "Load the ratings first");
      const { bases, figures } = feedbackOf(spec);
      return residualLearner(within as unknown as FeatureLearner, {
        embedding: embeddingOf(spec.codings, options) as never,
        metrics: figures(spec, options),
        link: bases[options.base].link,
      }) as never;
    },
  },
  baselines: ratingBaselines,
  describe: ({ options, data, tasks }) => [
    ["data", ratingsText(data)],
    ["tasks", tasksText(options, tasks.test.description)],
  ],
  taskText: ({ shots, queries, draws = 1, order, sourceShots, heldOut, untaken }) => {
    const what = untaken === undefined ? "rating" : "taken item";
    const isOne = /(?:^| )1$/.test(`${shots}`);
    const known = shots === 0 ? `no ${what}` : `${shots} ${what}${isOne ? "" : "s"}`;
    const more = sourceShots === undefined ? "" : ` and ${sourceShots} of another domain`;
    const one = Number(queries) === 1;
    const heldOutText = one ? "that was held out" : "that were held out";
    const others =
      order === "time" ? (one ? "later one" : "later ones") : heldOut ? heldOutText : one ? "other" : "others";
    const often = draws === 1 ? "" : `, each user the mean of ${draws} draws`;
    const asked = `${known} of a user${heldOut ? " of training" : ""} known${more}, ${queries} ${others}`;
    return untaken === undefined
      ? `${asked} to be told${often}`
      : `${asked}${often} ranked among ${untaken === "all" ? "all items that the user has not taken" : `items that the user has not taken, ${untaken}: a sampled ranking, which may order methods otherwise than one of all items (Krichene & Rendle 2020)`}`;
  },
  taskSizes: ratingSizes,
  // Of a user all that there are, where shots are more.
  rowsOfTask: ({ shots, queries, mostRatings }) => Math.min(shots + queries, mostRatings),
  heldOut: ({ spec, options: { coldItems, heldRatings } }) => ({
    "data set": spec?.name,
    "contents of the data set (sha256)": spec?.sha256.slice(0, 16),
    "--cold-items": coldItems,
    "--held-ratings": heldRatings,
  }),
  next: ({ options: { shots }, spec }): readonly NextStep[] => [
    { command: "eval", flags: { shots: shots + 5 }, meaning: `more known ${feedbackOf(spec).known.many}` },
    ...(shots === 0 ? [] : [{ command: "eval", flags: { shots: 0 }, meaning: "none" } as const]),
    {
      command: "adapt",
      flags: {},
      more: "--support mine.csv --query items.csv",
      meaning: `your own ${feedbackOf(spec).known.many}, and items to tell yours of`,
    },
    {
      command: "recommend",
      flags: {},
      more: "--ratings mine.csv --explain",
      meaning: "ten items for you, with reasons",
    },
  ],
  adaptation: ratingAdaptation,
  exported: ({ spec, options: { takenFrom } }) => ({
    inputs: itemInputs(ratingTableOf(spec)),
    answers: { kind: "ratings", ...(takenFrom === undefined ? {} : { takenFrom }) },
  }),
  ranker: (setting) => new ItemRanker(setting),
});

/** `100,000 ratings of 16,554 users for 10,506 items, 1,980 of them cold` */
function ratingsText({ interactions, split }: RatingData): string {
  const { name, rating, users, items, implicit } = interactions;
  const cold = split.cold.reduce((sum, each) => sum + each, 0);
  const what = implicit ? counted(rating.length, "item taken", "items taken") : counted(rating.length, "rating");
  return `${name}: ${what} ${implicit ? "by" : "of"} ${counted(users.ids.length, "user")}${implicit ? ", of" : " for"} ${counted(items.ids.length, "item")}, ${counted(cold, "of them cold", "of them cold")}`;
}

const tasksText = (
  { shots, trainShots, queries }: RatingValues,
  { users, heldOut, untaken }: Readonly<Record<string, unknown>>,
): string =>
  `a user each: ${countInWords(trainShots)} known ${untaken === undefined ? "ratings" : "items"} (evaluated ${shots}), ${queries} to be ${untaken === undefined ? "told" : `ranked among those not taken (${String(untaken)})`}; ${Number(users).toLocaleString("en")} users ${heldOut ? `of training, by ${untaken === undefined ? "ratings" : "items"} that are held out` : "held out"}`;
