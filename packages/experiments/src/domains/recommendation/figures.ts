/** The figures of predicted ratings, in their units. */
import type { Metric } from "@innerloop/core";
import { implicitMetrics, type RatingTarget, type RatingUnits, ratingMetrics } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RatingValues } from "./options.js";
import type { RatingSpec } from "./spec.js";

/** Units of ratings before any are read: what figures are called does not depend on them. */
export const unitless: RatingUnits = { mean: 0, deviation: 1, scale: { least: 0, most: 1 } };

/** Places of an order that figures of implicit feedback are about. */
const places = 10;

/**
 * Errors of predictions clipped to the scale, and how well they order items; of implicit feedback the order alone. The first
 * leads.
 */
export function ratingFigures(
  spec: RatingSpec | undefined,
  { queries }: Pick<RatingValues, "queries">,
): readonly Metric<Tensor, RatingTarget>[] {
  if (!spec) return ratingMetrics(unitless);
  // Those taken come first among a task's queries.
  if (spec.implicit) return implicitMetrics(places, { first: queries });
  const { units, scale, cold } = spec;
  return ratingMetrics({ ...units, scale }, { coldItems: cold.includes(1) });
}
