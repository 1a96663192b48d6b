/** The two kinds of feedback, a record each: ratings, and what users took. */
import { type Loss, type Metric, meanAbsoluteError, meanSquaredError } from "@innerloop/core";
import { identityLink, logitLink, type RatingLink } from "@innerloop/core/learners";
import {
  implicitMetrics,
  logisticResidual,
  type RatingModelEntry,
  type RatingTarget,
  ratingMetrics,
  ratingModels,
  takenModels,
} from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RatingValues } from "./options.js";
import type { RatingSpec } from "./spec.js";

/** What learning from a kind of feedback, giving it and being told of items takes: nobody else asks which kind a run is of. */
export interface Feedback {
  /** How base and prediction make what is told. */
  readonly link: RatingLink;
  /** Of the learner within. */
  loss(options: Pick<RatingValues, "loss">): Loss;
  /** The rows beside a learner. */
  readonly models: readonly RatingModelEntry[];
  /** Figures of predictions; the first leads. */
  figures(spec: FigureUnits, options: Pick<RatingValues, "queries">): readonly Metric<Tensor, RatingTarget>[];
  /** What a prediction is called, also as the key of answers. */
  readonly told: "rating" | "score";
  /** Why users are not asked about items, where they are not. */
  readonly noQuestions?: string;
  /** A prediction in its units, of a value of the learner's. */
  toldOf(spec: Pick<RatingSpec, "units" | "scale">, value: number): number;
  /** What is known of a user, in words: ratings, items. */
  readonly known: { readonly one: string; readonly many: string };
  /**
   * What a row that a user gives says of its item, in units of ratings; undefined where it says that the item was not taken.
   *
   * @param at where the row is, for messages
   * @throws UsageError for what says nothing
   */
  said(row: GivenFeedback, at: string, own: FeedbackOf): number | undefined;
  /** The row that a line of text is. @throws UsageError for one that is none */
  rowOf(line: string, at: string): { readonly item: string; readonly rating?: string };
}

/** What figures are in, and whether there are cold items among queries. */
type FigureUnits = Pick<RatingSpec, "units" | "scale" | "cold">;

/** The part of a row that is about its item. */
type GivenFeedback = Readonly<Record<string, unknown>>;

/** The run that feedback is for. */
interface FeedbackOf {
  readonly spec: Pick<RatingSpec, "name" | "scale">;
  readonly options: Pick<RatingValues, "takenFrom">;
}

/** Errors that training may make small. Of the absolute one the centre of predictions is a median, as the first figure asks. */
const errors: Readonly<Record<RatingValues["loss"], Loss>> = { absolute: meanAbsoluteError, squared: meanSquaredError };

/** Ratings on a scale, told as they are given. */
const ratings: Feedback = {
  link: identityLink,
  loss: ({ loss }) => errors[loss],
  // An order alone has no error, which is what tables of ratings are about.
  models: ratingModels.filter(({ ranksOnly }) => !ranksOnly),
  figures: ({ units, scale, cold }) => ratingMetrics({ ...units, scale }, { coldItems: cold.includes(1) }),
  told: "rating",
  toldOf: ({ units, scale }, value) =>
    Math.min(scale.most, Math.max(scale.least, units.mean + units.deviation * value)),
  known: { one: "rating", many: "ratings" },
  said: ({ rating }, at, { spec: { scale } }) => {
    const value = numberOf(rating);
    if (value >= scale.least && value <= scale.most) return value;
    throw new UsageError(
      `${at}: the rating is ${isMissing(rating) ? "missing" : quoted(rating)}`,
      `Give a number from ${scale.least} to ${scale.most}`,
    );
  },
  rowOf: (line, at) => {
    const tab = line.lastIndexOf("\t");
    const comma = tab >= 0 ? tab : line.lastIndexOf(",");
    const [item, rating] = [line.slice(0, Math.max(0, comma)).trim(), line.slice(comma + 1).trim()];
    if (item !== "" && rating !== "" && Number.isFinite(Number(rating))) return { item, rating };
    throw new UsageError(
      `${at}: ${quoted(line)} is no title and rating`,
      "Write the title, a tab or comma, and the rating: Alien, 9",
    );
  },
};

/** Places of an order that figures of implicit feedback are about. */
const places = 10;

/** Items that were taken; of others a score is told, the log-odds that one is taken rather than drawn at random. */
const taken: Feedback = {
  link: logitLink,
  loss: () => logisticResidual,
  models: takenModels,
  // Those taken come first among a task's queries.
  figures: (_spec, { queries }) => implicitMetrics(places, { first: queries }),
  told: "score",
  noQuestions: "it is of implicit feedback, and learns nothing from a no",
  toldOf: (_spec, value) => value,
  known: { one: "item taken", many: "items taken" },
  said: ({ rating }, at, { spec, options: { takenFrom } }) => {
    if (isMissing(rating)) return 1;
    if (takenFrom === undefined)
      throw new UsageError(
        `${at}: a rating of ${quoted(rating)}, and ${spec.name} has none: what is listed was taken`,
        "Leave out items that were not, and the column of ratings",
      );
    const value = numberOf(rating);
    if (Number.isNaN(value)) throw new UsageError(`${at}: the rating is ${quoted(rating)}`, "Give a number, or none");
    return value >= takenFrom ? 1 : undefined;
  },
  rowOf: (line) => ({ item: line.trim() }),
};

/**
 * The kind of feedback that a run is of.
 *
 * @param spec undefined where nothing is read yet: of ratings then, unless options take them as implicit feedback
 */
export const feedbackOf = (
  spec: Pick<RatingSpec, "implicit"> | undefined,
  options: Pick<RatingValues, "takenFrom"> = {},
): Feedback => ((spec ? spec.implicit : options.takenFrom !== undefined) ? taken : ratings);

const isMissing = (rating: unknown): boolean => rating === undefined || rating === "";

/** NaN for what is no number. */
const numberOf = (rating: unknown): number => {
  const value = typeof rating === "string" && rating.trim() !== "" ? Number(rating) : rating;
  return typeof value === "number" ? value : Number.NaN;
};
