/** The figures of predicted ratings, in their units. */

import type { Metric } from "@innerloop/core";
import { type RatingTarget, ratingMetrics } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RatingSpec } from "./spec.js";

/** Errors of predictions clipped to the scale, and how well they order items; the first leads. */
export const ratingFigures = ({
  units,
  scale,
  cold,
}: Pick<RatingSpec, "units" | "scale" | "cold">): readonly Metric<Tensor, RatingTarget>[] =>
  ratingMetrics({ ...units, scale }, { coldItems: cold.includes(1) });
