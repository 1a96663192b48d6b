/** Credit of episodes before adaptation for what comes after it. */
import {
  add,
  broadcastTo,
  div,
  grad,
  mapTree,
  neg,
  reshape,
  slice,
  sliceAxis,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { shownValue } from "../../tasks/value-gate.js";
import { isOuterMethod, metaPrograms, type OuterMethod } from "../../training/meta-step.js";
import type { TaskBatch } from "../../training/task-batch.js";
import { actionDistribution } from "./distributions.js";
import { EnvironmentError, type Space } from "./environment.js";
import type { PolicyLearner, PolicySet, PolicyTask } from "./policy-learner.js";
import { surrogateTerms } from "./surrogate.js";

/** Options of `exploring`. */
export interface ExplorationOptions {
  readonly action: Space;
  /** c, what exploration counts beside the returns of the adapted policy; 1 by default. */
  readonly exploration?: number;
}

/**
 * An outer update with the exploration term of E-MAML (Stadie et al. 2018): episodes that a policy adapts by are drawn by it, and
 * so are worth what comes of them. To the loss of a task it adds
 *
 *   - c (r' - b) sum_k mean_n sum_t log pi_{theta_k}(a_t | o_t),   tau_k the N episodes that step k adapts to
 *
 * with r' the mean reward of a step after adaptation and b that of the other tasks of the batch, which takes nothing from its
 * expectation. Without standardised advantages and with one episode a step, c = 1 gives the gradient of the mean reward of a step
 * after adaptation, the dependence of what is drawn included; with N episodes that is c = N, whose variance is large. (The paper
 * takes no b.) In a line search log pi is a sum of ratios to the policy that acted.
 *
 * @param outer an optimizer, or a trust region
 * @throws EnvironmentError ILE101 where `exploration` is no number of at least 0
 * @example train({ learner, tasks, optimizer: exploring(trustRegion(family.action), { action: family.action }), ... })
 */
export function exploring(
  outer: Optimizer | OuterMethod,
  { action, exploration = 1 }: ExplorationOptions,
): OuterMethod {
  if (!(exploration >= 0 && Number.isFinite(exploration))) {
    const problem = `exploration is ${shownValue(exploration)}`;
    throw new EnvironmentError("ILE101", { environment: "exploring" }, problem, "Give a number of at least 0");
  }
  const made = (setting: Parameters<OuterMethod["programs"]>[0]): ReturnType<OuterMethod["programs"]> => {
    const own = exploringLearner(action, setting.learner as unknown as PolicyLearner);
    const programs = metaPrograms({ ...setting, learner: own as unknown as typeof setting.learner, optimizer: outer });
    type Batch = Parameters<typeof programs.estimates>[2];
    const credited = (batch: Batch): Batch =>
      withCredit(batch as unknown as TaskBatch<PolicyTask>, exploration) as unknown as Batch;
    return {
      ...programs,
      step: (chunkSize) => {
        const step = programs.step(chunkSize);
        return (params, state, batch) => step(params, state, credited(batch));
      },
      estimates: (params, state, batch, chunkSize) => programs.estimates(params, state, credited(batch), chunkSize),
    };
  };
  return {
    description: `${outer.description}, exploration ${exploration}`,
    init: (params) => (isOuterMethod(outer) ? outer.init(params) : outer.init(params)),
    programs: made as OuterMethod["programs"],
  };
}

/** A learner whose tasks say in `support.y.credit` what their episodes are worth. */
export function exploringLearner(action: Space, learner: PolicyLearner): PolicyLearner {
  const exploration = (params: Tree, task: PolicyTask): Tensor => explorationLoss(action, learner, params, task);
  return {
    ...learner,
    exploration,
    metaGradient: (params, task, key, options) => {
      const found = learner.metaGradient(params, task, key, options);
      const slope = grad((at: Tree) => exploration(at, task))(params);
      return { ...found, gradient: mapTree((a, b) => add(a, b!), found.gradient, slope) };
    },
  };
}

/** - credit sum_k mean_n sum_t of ratios of pi_{theta_k} to the policy that acted, less 1. */
function explorationLoss(action: Space, learner: PolicyLearner, params: Tree, { support }: PolicyTask): Tensor {
  const { of } = actionDistribution(action);
  const stages = learner.steps ?? 1;
  const terms = Array.from({ length: stages }, (_, k): Tensor => {
    const { x, y } = stages === 1 ? support : everyRow(support, k, stages);
    const now = of(learner.predict(learner.adapt(params, support, { steps: k }), x));
    const logProb = now.logProb(y.action);
    const [episodes] = logProb.shape as readonly [number, number];
    const advantages = broadcastTo(reshape(sliceAxis(y.credit!, 0, 0, 1), [1, 1]), logProb.shape);
    const old = of(y.acted).logProb(y.action);
    return div(sum(surrogateTerms({ logProb, advantages, present: y.taken, old })), episodes);
  });
  return neg(terms.reduce((a, b) => add(a, b)));
}

/** Rows k, k + stages, ... of a set: those that step k adapts to. */
const everyRow = (set: PolicySet, k: number, stages: number): PolicySet =>
  mapTree(
    (leaf) =>
      slice(leaf, {
        start: leaf.shape.map((_, axis) => (axis === 0 ? k : 0)),
        step: leaf.shape.map((_, axis) => (axis === 0 ? stages : 1)),
      }),
    set,
  );

/** A batch whose tasks say what episodes before adaptation are worth: c (r' - b). */
function withCredit(batch: TaskBatch<PolicyTask>, exploration: number): TaskBatch<PolicyTask> {
  const { support, query } = batch.tasks;
  const [tasks, rows] = support.y.reward.shape as readonly [number, number];
  const rewards = meanRewards(query, tasks);
  const total = rewards.reduce((a, b) => a + b, 0);
  const credit = new Float32Array(tasks * rows);
  rewards.forEach((reward, task) => {
    const others = tasks > 1 ? (total - reward) / (tasks - 1) : 0;
    credit.fill(exploration * (reward - others), task * rows, (task + 1) * rows);
  });
  const y = { ...support.y, credit: tensor(credit, [tasks, rows]) };
  return { ...batch, tasks: { support: { ...support, y }, query } };
}

/** The mean reward of a step of each task. */
function meanRewards({ y: { reward, taken } }: PolicySet, tasks: number): number[] {
  const each = reward.size / tasks;
  const [rewards, there] = [reward.data as Float32Array, taken.data as Float32Array];
  return Array.from({ length: tasks }, (_, task) => {
    let [sum, count] = [0, 0];
    for (let at = task * each; at < (task + 1) * each; at++) {
      sum += rewards[at]! * there[at]!;
      count += there[at]!;
    }
    return sum / Math.max(1, count);
  });
}
