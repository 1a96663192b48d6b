/** Learners of policies, as outer updates see them. */
import type { Tensor, Tree } from "@innerloop/graph";
import type { TaskLearner } from "../../learners/learner.js";
import type { Loss } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import type { PolicyTargets } from "./policy-surrogate.js";

/** Episodes; where outer updates give credit to those before adaptation, a number for each of them, [n]. */
export type PolicySet = Examples<Tensor, PolicyTargets & { readonly credit?: Tensor }>;

/** Episodes before and after adaptation. */
export type PolicyTask = { readonly support: PolicySet; readonly query: PolicySet };

/** A learner of policies. */
export type PolicyLearner = TaskLearner<Tree, Tree, PolicySet, Tensor, Tensor> & {
  readonly loss?: Loss<Tensor, PolicyTargets>;
  /** What its outer loss has beside the surrogate of the episodes after adaptation: see `exploring`. */
  readonly exploration?: (params: Tree, task: PolicyTask) => Tensor;
};
