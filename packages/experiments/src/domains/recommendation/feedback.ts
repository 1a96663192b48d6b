/** The two kinds of feedback, a record each: ratings, and what users took. */
import { type Loss, type Metric, meanAbsoluteError, meanSquaredError } from "@innerloop/core";
import { identityLink, identityLinkWithoutLevel, logitLink, type RatingLink } from "@innerloop/core/learners";
import {
  evenTakenBase,
  type FittedRatingBase,
  fitRatingBase,
  fitTakenBase,
  type Interactions,
  implicitMetrics,
  meanRatingBase,
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

/** A kind of feedback: all that learning from it, giving it and being told of items takes. Nobody else asks which kind a run is of. */
export interface Feedback {
  /** What learners start from, by the choices of `--base`. */
  readonly bases: Readonly<Record<RatingValues["base"], StartingBase>>;
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
   * @param at where the row is, for messages; "" where whoever has given it says so
   * @throws UsageError for what says nothing
   */
  said(row: GivenFeedback, at: string, own: FeedbackOf): number | undefined;
  /** What such a row is in a line of text, with an example. */
  readonly lineForm: string;
  /** The row that a line of text is. @throws UsageError for one that is none */
  rowOf(line: string, at: string): { readonly item: string; readonly rating?: string };
}

/** A base, and how it and predictions make what is told. */
export interface StartingBase {
  readonly link: RatingLink;
  /** Fitted to what is of training. */
  fit(training: OfTraining, options: Pick<RatingValues, "negatives">): FittedRatingBase;
}

/** Interactions, of which those at `places` are of training. */
interface OfTraining {
  readonly interactions: Interactions;
  readonly places: Int32Array;
  /** 1 for items that training knows, whether anyone took them or not. */
  readonly known: Uint8Array;
}

/** What figures are in, and whether there are cold items among queries. */
type FigureUnits = Pick<RatingSpec, "units" | "scale" | "cold">;

/** The part of a row that is about its item. */
type GivenFeedback = Readonly<Record<string, unknown>>;

/** The run that feedback is for. */
export interface FeedbackOf {
  readonly spec: Pick<RatingSpec, "name" | "scale">;
  readonly options: Pick<RatingValues, "takenFrom">;
}

/** Errors that training may make small. Of the absolute one the centre of predictions is a median, as the first figure asks. */
const errors: Readonly<Record<RatingValues["loss"], Loss>> = { absolute: meanAbsoluteError, squared: meanSquaredError };

/** The loss of the learner within: of ratings the error that is asked for. */
export const lossWithin = ({ losses }: RatingLink, { loss }: Pick<RatingValues, "loss">): Loss =>
  losses?.left ?? errors[loss];

/** Ratings on a scale, told as they are given. */
const ratings: Feedback = {
  bases: {
    attributes: { link: identityLink, fit: ({ interactions, places }) => fitRatingBase(interactions, places) },
    bias: {
      link: identityLink,
      fit: ({ interactions, places }) => fitRatingBase(interactions, places, { attributes: false }),
    },
    mean: { link: identityLinkWithoutLevel, fit: ({ interactions, places }) => meanRatingBase(interactions, places) },
  },
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
    const hasComma = typeof rating === "string" && /^\s*\d{1,9},\d{1,9}\s*$/.test(rating);
    throw new UsageError(
      `${placed(at)}the rating is ${isMissing(rating) ? "missing" : quoted(rating)}`,
      `Give a number from ${scale.least} to ${scale.most}${hasComma ? ", with a point: 4.5" : ""}`,
    );
  },
  lineForm: "A title and a rating a line, as Alien, 9",
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
  bases: {
    attributes: {
      link: logitLink,
      fit: ({ interactions, places, known }, { negatives }) => fitTakenBase(interactions, places, { known, negatives }),
    },
    bias: {
      link: logitLink,
      fit: ({ interactions, places, known }, { negatives }) =>
        fitTakenBase(interactions, places, { known, negatives, attributes: false }),
    },
    mean: {
      link: logitLink,
      fit: ({ interactions, places }, { negatives }) => evenTakenBase(interactions, places, { negatives }),
    },
  },
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
        `${placed(at)}a rating of ${quoted(rating)}, and ${spec.name} has none: what is listed was taken`,
        "Leave out items that were not, and the column of ratings",
      );
    const value = numberOf(rating);
    if (Number.isNaN(value))
      throw new UsageError(`${placed(at)}the rating is ${quoted(rating)}`, "Give a number, or none");
    return value >= takenFrom ? 1 : undefined;
  },
  lineForm: "A title a line, as Alien",
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

const placed = (at: string): string => (at === "" ? "" : `${at}: `);

const isMissing = (rating: unknown): boolean => rating === undefined || rating === "";

/** NaN for what is no number. */
const numberOf = (rating: unknown): number => {
  const value = typeof rating === "string" && rating.trim() !== "" ? Number(rating) : rating;
  return typeof value === "number" ? value : Number.NaN;
};
