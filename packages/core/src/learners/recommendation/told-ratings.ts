/** Models of ratings that need no graph, judged as learners are. */
import { GraphError, reshape, type Tensor } from "@innerloop/graph";
import type { RatedInputs } from "../../domains/recommendation/user-tasks.js";
import { meanSquaredError } from "../../losses/losses.js";
import type { Metric } from "../../losses/metric.js";
import type { RatingTarget } from "../../losses/rating-target.js";
import type { Adapter } from "../learner.js";
import { lossOfRatings } from "./residual-learner.js";

/**
 * The predictions that stand in the inputs of tasks, `userTasks({ told: model })`: so that any model of ratings has a row
 * beside learners, on the same tasks and by the same figures.
 *
 * @throws IL303 where tasks have none
 */
export const toldRatings = (options: {
  readonly name: string;
  readonly metrics?: readonly Metric<Tensor, RatingTarget>[];
}): Adapter<Record<string, never>, Record<string, never>, RatedInputs, RatingTarget, Tensor> => ({
  name: options.name,
  description: {},
  loss: lossOfRatings(meanSquaredError, options.metrics ?? []),
  init: () => ({}),
  adapt: () => ({}),
  predict: (_known, { told, ids }) => {
    if (told) return reshape(told, [ids.shape[0]!, 1]);
    throw new GraphError(
      "IL303",
      options.name,
      "tasks hold no predictions of a model",
      "Make them for it: userTasks(data, { ..., told: model })",
    );
  },
});
