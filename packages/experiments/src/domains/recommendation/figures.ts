/** What predictions of ratings are judged by. */
import { coldItemMae, type Metric, ndcg, pairAccuracy, ratingMae, ratingRmse, warmItemMae } from "@innerloop/core";
import type { RatingTargets } from "@innerloop/core/tasks";
import type { Tensor } from "@innerloop/graph";
import type { RatingSpec } from "./spec.js";

/** The figures of ratings in their units, clipped to their scale; the first leads. */
export function ratingFigures({ units, scale }: Pick<RatingSpec, "units" | "scale">): readonly Metric<Tensor, RatingTargets>[] {
  const of = { ...units, scale };
  return [ratingMae(of), warmItemMae(of), coldItemMae(of), ratingRmse(of), ndcg(of, 1), ndcg(of, 3), ndcg(of, 5), pairAccuracy(of)];
}
