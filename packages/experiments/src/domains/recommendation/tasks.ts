/** The tasks of ratings: users, each met once where they are evaluated on. */
import { type RatedInputs, type RatingModel, type RatingTarget, userTasks } from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { optionText } from "../../options/values.js";
import type { LearnerNeeds, Tasks } from "../domain.js";
import { domainsOfItems } from "./item-domains.js";
import type { RatingValues } from "./options.js";
import type { RatingData } from "./reading.js";

/** The options that are sizes of a task of ratings. */
export const ratingSizes = [
  ...["shots", "queries", "order", "leastRatings", "mostRatings"],
  ...["sourceDomain", "targetDomain", "sourceShots"],
] as readonly (keyof RatingValues & string)[];

/** Users of training have this many ratings at least: one is to be told, and others known. */
const leastTrained = 5;

/** @param told a model whose predictions the tasks of evaluation hold */
export function ratingTasks(
  { parts, interactions }: RatingData,
  options: RatingValues,
  told?: Pick<RatingModel, "predict">,
): Tasks<RatedInputs, RatingTarget> {
  const { shots, trainShots, queries, order, leastRatings, mostRatings, coldShare } = options;
  const across = domainsOfItems(interactions.items, options);
  const bounds = across ? { across } : { leastRatings, mostRatings };
  const held = { shots, queries, order, ...bounds, inTurn: true };
  return {
    train: userTasks(parts.train, {
      shots: trainShots,
      queries,
      fewQueries: true,
      leastRatings: leastTrained,
      coldShare,
    }),
    validation: userTasks(parts.validation, held),
    test: userTasks(parts.test, { ...held, ...(told ? { told } : {}) }),
  };
}

/** @throws UsageError for options that do not go together */
export function requireRatingOptions(
  options: RatingValues,
  { training }: LearnerNeeds & { readonly learnerName: string },
): void {
  const { leastRatings, mostRatings, queries, ratings, items, users } = options;
  if (leastRatings <= queries)
    throw new UsageError(
      `--least-ratings ${leastRatings} with --queries ${queries}, which leave no known rating`,
      `Raise the first, or lower the second to ${leastRatings - 1} or fewer`,
    );
  if (mostRatings < leastRatings)
    throw new UsageError(`--most-ratings ${mostRatings} below --least-ratings ${leastRatings}`, "Raise it");
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
