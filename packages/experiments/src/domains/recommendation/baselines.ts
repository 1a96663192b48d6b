/** Rows beside a learner of ratings: models in closed form, on the same users and queries. */

import type { Adapter } from "@innerloop/core";
import { toldRatings } from "@innerloop/core/learners";
import {
  fitRatingBase,
  type RatedInputs,
  type RatingModel,
  type RatingTarget,
  ratingModels,
} from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { Baseline, BaselineSetting } from "../domain.js";
import { ratingFigures } from "./figures.js";
import type { RatingValues } from "./options.js";
import type { RatingData } from "./reading.js";
import type { RatingSpec } from "./spec.js";
import { heldOutTasks } from "./tasks.js";

/** A model is fitted when its row is first asked for. */
export function ratingBaselines({
  spec,
  options,
  data,
}: Pick<
  BaselineSetting<RatingValues, RatingSpec, RatedInputs, RatingTarget>,
  "spec" | "options" | "data"
>): readonly Baseline[] {
  if (!spec) return [];
  const { interactions, places, fitted } = data as RatingData;
  // Models that build on the base with attributes do so whatever the learner starts from.
  let own = fitted.base.prior ? fitted : undefined;
  const training = {
    interactions,
    places,
    get base() {
      own ??= fitRatingBase(interactions, places);
      return own;
    },
  };
  return ratingModels.flatMap((entry): readonly Baseline[] => {
    // An order alone has no error, which is what tables of ratings are about.
    if (entry.ranksOnly) return [];
    const adapter = toldRatings({ name: entry.title, metrics: ratingFigures(spec) });
    let model: RatingModel | undefined;
    const fit = (): RatingModel => (model ??= entry.fit(training));
    return [
      {
        adapter: adapter as unknown as Adapter<Record<string, never>, Record<string, never>, Tensor>,
        steps: [0],
        tasks: () => heldOutTasks(data as RatingData, "test", options, fit()) as never,
      },
    ];
  });
}
