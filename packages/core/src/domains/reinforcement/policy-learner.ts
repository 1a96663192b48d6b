/** Learners of policies, as outer updates see them. */
import { sliceAxis, type Tensor, type Tree } from "@innerloop/graph";
import type { TaskLearner } from "../../learners/learner.js";
import type { Loss } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import { actionDistribution, type Distribution } from "./distributions.js";
import type { Space } from "./environment.js";
import type { PolicyTargets } from "./policy-surrogate.js";

/** Episodes; where outer updates give credit to those before adaptation, a number for each of them, [n]. */
export type PolicySet = Examples<Tensor, PolicyTargets & { readonly credit?: Tensor }>;

/** Episodes before and after adaptation. */
export type PolicyTask = { readonly support: PolicySet; readonly query: PolicySet };

/**
 * The distributions of what a policy gives for steps, [..., outputs], or [..., outputs + 1] where it has a critic: the value
 * comes last.
 */
export function policyDistribution(action: Space): (prediction: Tensor) => Distribution {
  const { of, outputs } = actionDistribution(action);
  return (prediction) =>
    of(prediction.shape.at(-1) === outputs + 1 ? sliceAxis(prediction, prediction.rank - 1, 0, outputs) : prediction);
}

/** A learner of policies. */
export type PolicyLearner = TaskLearner<Tree, Tree, PolicySet, Tensor, Tensor> & {
  readonly loss?: Loss<Tensor, PolicyTargets>;
  /** What its outer loss has beside the surrogate to train a critic, of predictions with one number more: see `withCritic`. */
  readonly critic?: (prediction: Tensor, y: PolicyTargets) => Tensor;
  /** What its outer loss has beside the surrogate of the episodes after adaptation: see `exploring`. */
  readonly exploration?: (params: Tree, task: PolicyTask) => Tensor;
};
