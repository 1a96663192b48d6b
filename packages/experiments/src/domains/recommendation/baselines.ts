/** Rows beside a learner of ratings: models in closed form, on the same users and queries. */

import type { Adapter } from "@innerloop/core";
import { toldRatings } from "@innerloop/core/learners";
import type { RatedInputs, RatingModel, RatingTarget } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { Baseline, BaselineSetting } from "../domain.js";
import { feedbackOf } from "./feedback.js";
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
  const { interactions, split, places, fitted } = data as RatingData;
  const { bases, models, figures } = feedbackOf(spec);
  // Models that build on the base with attributes do so whatever the learner starts from.
  let own = fitted.base.prior ? fitted : undefined;
  const known = Uint8Array.from(split.cold, (cold) => 1 - cold);
  const training = {
    interactions,
    places,
    get base() {
      own ??= bases.attributes.fit({ interactions, places, known }, options);
      return own;
    },
  };
  return models.map((entry): Baseline => {
    const adapter = toldRatings({ name: entry.title, metrics: figures(spec, options) });
    let model: RatingModel | undefined;
    const fit = (): RatingModel => (model ??= entry.fit(training));
    return {
      adapter: adapter as unknown as Adapter<Record<string, never>, Record<string, never>, Tensor>,
      steps: [0],
      tasks: () => heldOutTasks(data as RatingData, "test", options, fit()) as never,
    };
  });
}
