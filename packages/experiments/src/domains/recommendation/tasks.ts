/** The tasks of ratings: users, each met once where they are evaluated on. */
import { TaskError } from "@innerloop/core";
import {
  type RatedInputs,
  type RatedUsers,
  type RatingModel,
  type RatingTarget,
  userTasks,
} from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { optionText } from "../../options/values.js";
import { count, counted } from "../../words.js";
import type { LearnerNeeds, SourceTasks } from "../domain.js";
import { domainsOfItems } from "./item-domains.js";
import type { RatingValues } from "./options.js";
import type { RatingData } from "./reading.js";

/** The options that are sizes of a task of ratings. */
export const ratingSizes = [
  ...["shots", "queries", "draws", "order", "leastRatings", "mostRatings", "evaluatedUsers", "candidates"],
  ...["sourceDomain", "targetDomain", "sourceShots"],
] as readonly (keyof RatingValues & string)[];

/** Draws of each validation user at least: those that checkpoints are chosen by are few, and one draw of each is mostly chance. */
const validationDraws = 4;

/** Users of training have this many ratings at least: one is to be told, and others known. */
const leastTrained = 5;

/**
 * Tasks of all parts: those of training have items that are as cold ones, those held out have each user once.
 *
 * @throws UsageError for sizes that do not go together, that no user has ratings for, or an order that is not known
 */
export function ratingTasks(data: RatingData, options: RatingValues): SourceTasks<RatedInputs, RatingTarget> {
  const { trainShots, queries, coldShare, negatives } = options;
  const { train } = data.parts;
  const untaken = data.interactions.implicit ? { untaken: { forEach: negatives } } : {};
  requireUsers(train, { least: leastTrained, part: "training", of: "of items that are not cold" }, (most) =>
    most === 0 ? "Give ratings of more users" : "Give more ratings of each user, or lower --cold-items",
  );
  return {
    train: userTasks(train, {
      ...{ shots: trainShots, queries, fewQueries: true, leastRatings: leastTrained, coldShare },
      ...untaken,
    }),
    validation: heldOutTasks(data, "validation", {
      ...options,
      evaluatedUsers: "cold",
      draws: Math.max(validationDraws, options.draws),
    }),
    test: heldOutTasks(data, "test", options),
  };
}

/** The users of a part that are asked about: of training those with ratings that are held out. @throws UsageError where none are */
function evaluatedOf(
  { parts, interactions }: Pick<RatingData, "parts" | "interactions">,
  part: "validation" | "test",
  { evaluatedUsers, heldRatings, queries, order, sourceDomain }: RatingValues,
): RatedUsers {
  if (evaluatedUsers === "cold") return parts[part];
  if (!parts.warm)
    throw new UsageError(
      `--evaluated-users warm of a run that holds no ratings of users of training out`,
      "Train one with --held-ratings 10",
    );
  if (queries > heldRatings)
    throw new UsageError(
      `--queries ${queries} of --evaluated-users warm, of whom ${counted(heldRatings, "rating")} are held out`,
      `Ask about ${heldRatings} or fewer`,
    );
  const other = order === "time" ? "--order time" : sourceDomain ? "--source-domain" : undefined;
  if (other === undefined) return parts.warm;
  throw new UsageError(
    `${other} of --evaluated-users warm: the ratings of ${interactions.name} that are held out are any`,
    "Leave one of them out",
  );
}

/**
 * The tasks of users to evaluate on, each once.
 *
 * @param told a model whose predictions the tasks hold
 * @throws as `ratingTasks`
 */
export function heldOutTasks(
  data: Pick<RatingData, "parts" | "interactions">,
  part: "validation" | "test",
  options: RatingValues,
  told?: Pick<RatingModel, "predict">,
): SourceTasks<RatedInputs, RatingTarget>["test"] {
  const { interactions } = data;
  const { shots, queries, draws, order, leastRatings, mostRatings } = options;
  const users = evaluatedOf(data, part, options);
  const across = domainsOfItems(interactions.items, options);
  if (!across) requireSizes(options);
  if (order === "time" && !interactions.time)
    throw new UsageError(
      `--order time of ${interactions.name}, whose ratings have no times`,
      "Name the column that has them (--time-column), or leave it out",
    );
  const untaken = interactions.implicit ? { untaken: { candidates: candidatesOf(options, interactions, part) } } : {};
  const common = { shots, queries, draws, order, inTurn: true, ...untaken, ...(told ? { told } : {}) };
  const named = part === "test" ? "evaluation" : part;
  // Across domains a user has all ratings that a task takes, or is left out.
  if (across) {
    try {
      return userTasks(users, { ...common, across });
    } catch (error) {
      if (!(error instanceof TaskError && error.code === "ILT402")) throw error;
      throw new UsageError(
        `no user of ${interactions.name} for ${named} has ${queries + 1} ratings of --target-domain and ${across.leastSource} of --source-domain`,
        "Lower --queries, or name words that more items have",
      );
    }
  }
  requireUsers(users, { least: leastRatings, most: mostRatings, part: named }, (most) =>
    most === 0
      ? "Give ratings of more users: a tenth of them is for validation, a fifth for evaluation"
      : most < leastRatings
        ? `Lower --least-ratings to ${Math.max(2, most)} or fewer, and --queries below it`
        : "Lower --least-ratings, or raise --most-ratings",
  );
  return userTasks(users, { ...common, leastRatings, mostRatings });
}

/** Items of which all are candidates unless asked otherwise; and candidates that are drawn of more, and for validation of any. */
const [mostRanked, usualDrawn] = [20_000, 999];

/**
 * The candidates that those taken are ranked among. While training a thousand are enough: what is best there is chosen by them.
 *
 * @throws UsageError for what is neither all nor a number of them
 */
function candidatesOf(
  { candidates }: Pick<RatingValues, "candidates">,
  { items: { ids } }: RatingData["interactions"],
  part: "validation" | "test",
): number | "all" {
  const wanted = candidates ?? (ids.length <= mostRanked ? "all" : `${usualDrawn}`);
  if (wanted !== "all" && !/^[1-9]\d{0,8}$/.test(wanted))
    throw new UsageError(
      `--candidates ${wanted.slice(0, 64)}`,
      "Give all, or how many items are drawn beside those taken: 99",
    );
  const drawn = wanted === "all" ? "all" : Number(wanted);
  if (part === "test") return drawn;
  return drawn === "all" ? usualDrawn : Math.min(drawn, usualDrawn);
}

/** @param remedy by the most ratings that a user of the part has, 0 where there is no user */
function requireUsers(
  { name, starts }: Pick<RatedUsers, "name" | "starts">,
  wanted: { readonly least: number; readonly most?: number; readonly part: string; readonly of?: string },
  remedy: (most: number) => string,
): void {
  const { least, most = Number.POSITIVE_INFINITY, part, of } = wanted;
  const counts = Array.from(starts.subarray(1), (end, user) => end - starts[user]!);
  if (counts.some((ratings) => ratings >= least && ratings <= most)) return;
  const longest = counts.reduce((a, b) => Math.max(a, b), 0);
  const bounds = `${most === Number.POSITIVE_INFINITY ? `${least} ratings or more` : `${least} to ${most} ratings`}${of ? ` ${of}` : ""}`;
  const problem =
    counts.length === 0
      ? `no user of ${name} is for ${part}`
      : `none of the ${counted(counts.length, "user")} of ${name} for ${part} has ${bounds}: they have ${count(longest)} at most`;
  throw new UsageError(problem, remedy(longest));
}

/** @throws UsageError where a user may be left without a known rating, or none is to be evaluated on */
function requireSizes({ leastRatings, mostRatings, queries }: RatingValues): void {
  if (leastRatings <= queries)
    throw new UsageError(
      `--least-ratings ${leastRatings} with --queries ${queries}, which leave no known rating`,
      `Raise the first, or lower the second to ${leastRatings - 1} or fewer`,
    );
  if (mostRatings < leastRatings)
    throw new UsageError(`--most-ratings ${mostRatings} below --least-ratings ${leastRatings}`, "Raise it");
}

/** @throws UsageError for options that do not go together */
export function requireRatingOptions(
  options: RatingValues,
  { training }: LearnerNeeds & { readonly learnerName: string },
): void {
  const { ratings, items, users } = options;
  if (options.sourceDomain === undefined) requireSizes(options);
  if (training.kind !== "episodes")
    throw new UsageError(
      `a learner of ${training.kind} for ratings, whose tasks are users`,
      `Choose one that is trained on tasks, such as --learner ridge; --train-shots ${optionText(options.trainShots)} are of these`,
    );
  const table = Object.entries({ items, users }).find(([, value]) => value !== undefined)?.[0];
  if (table && !/[\\/.]/.test(ratings))
    throw new UsageError(
      `--${table} with --ratings ${ratings || "none"}, which has its own`,
      "Leave it out, or name a file of ratings",
    );
}
