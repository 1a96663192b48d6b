/** Rows of tables whose work was done where their tasks were made. */
import { type Tensor, type Tree, zeros } from "@innerloop/graph";
import type { Loss } from "../../losses/losses.js";
import type { Adapter } from "../learner.js";

/**
 * @internal An adapter with nothing to adapt, whose predictions say nothing, for methods that act outside of graphs: what they
 * did is in the targets, which `loss` judges.
 */
export const nothingToAdapt = <Y extends Tree>(
  name: string,
  loss: Loss<Tensor, Y>,
): Adapter<Tree, Tree, Tensor, Y> => ({
  name,
  description: {},
  loss,
  init: () => ({}),
  adapt: () => ({}),
  predict: (_adapted, x) => zeros([x.shape[0]!, 1]),
});
