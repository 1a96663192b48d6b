/** The outer update: what an optimizer may move of the meta-parameters, and what it may not. */
import { type Tree, zerosLike } from "@innerloop/graph";
import type { StatisticsByPath } from "../layers/layer.js";
import { mapWithPaths, roleAt, type TraitsByPath, traitsOf } from "../layers/parameter-roles.js";
import { withRunningStatistics } from "../layers/running-statistics.js";
import type { TaskLearner } from "../learners/learner.js";
import { applyUpdates, isLearned, masked, type Optimizer } from "../optimizers/gradient-transformation.js";
import { TrainingError } from "./training-error.js";

/**
 * The optimizer of a learner's meta-parameters: the given one, over all but "fixed" parameters, for which it keeps
 * nothing. Its first state is what a training starts from: outerOptimizer(learner, optimizer).init(params).
 *
 * @throws TrainingError ILR101 where the optimizer has parameters of its own, which nothing would learn
 */
export function outerOptimizer(learner: Pick<TaskLearner, "init">, optimizer: Optimizer): Optimizer {
  const { description } = optimizer;
  if (isLearned(optimizer)) {
    const problem = `${description} has parameters of its own, which meta-training learns`;
    throw new TrainingError("ILR101", "optimizer", problem, "Give it to a learner, as maml({ inner: ... })");
  }
  const traits = traitsOf(learner);
  const anyFixed = [...traits.values()].some(({ role }) => role === "fixed");
  return anyFixed ? masked(optimizer, (path) => roleAt(traits, path) !== "fixed") : optimizer;
}

/**
 * Meta-parameters and optimizer state after one update.
 *
 * @param optimizer made by `outerOptimizer`
 * @param found.gradient of a "fixed" or "averaged" parameter counts for nothing
 * @param found.statistics what averages move towards
 */
export function outerUpdate<Params extends Tree>(
  traits: TraitsByPath,
  optimizer: Optimizer,
  found: {
    readonly params: Params;
    readonly state: Tree;
    readonly gradient: Params;
    readonly statistics: StatisticsByPath;
  },
): { readonly params: Params; readonly state: Tree } {
  const { params, state, gradient, statistics } = found;
  const moves = (path: string): boolean => roleAt(traits, path) === "trained" || roleAt(traits, path) === "shared";
  const used = mapWithPaths((path, slope) => (moves(path) ? slope : zerosLike(slope)), gradient);
  const next = optimizer.update(used, state, params);
  const updated = applyUpdates(params, next.updates);
  return { params: withRunningStatistics(updated, statistics, params, traits), state: next.state };
}
