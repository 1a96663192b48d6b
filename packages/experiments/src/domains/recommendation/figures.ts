/** The figures of predicted ratings, in their units. */
import type { Metric } from "@innerloop/core";
import { type RatingTarget, type RatingUnits, ratingMetrics } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RatingSpec } from "./spec.js";

/** Units of ratings before any are read: what figures are called does not depend on them. */
export const unitless: RatingUnits = { mean: 0, deviation: 1, scale: { least: 0, most: 1 } };

/** Errors of predictions clipped to the scale, and how well they order items; the first leads. */
export function ratingFigures(spec: RatingSpec | undefined): readonly Metric<Tensor, RatingTarget>[] {
  if (!spec) return ratingMetrics(unitless);
  const { units, scale, cold } = spec;
  return ratingMetrics({ ...units, scale }, { coldItems: cold.includes(1) });
}
