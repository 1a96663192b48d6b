import { concat, GraphError, mapTree, ones, sub, type Tensor, type Tree } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import type { Learner, TaskLearner } from "../learner.js";
import {
  type AdaptedModel,
  type InnerLoop,
  innerLoop,
  innerSteps,
  laterSteps,
  requireLaterShare,
  requireSharedNorm,
  steppedBy,
} from "./gradient-adaptation.js";
import type { ObjectiveOptions } from "./maml.js";
import { batchesOfSteps, miniBatch, requireCount } from "./mini-batches.js";
import { objectiveProblem, supervised, type TaskProblem } from "./objective.js";

/** Options of Reptile's steps, whatever they make small. */
export interface ReptileSteps {
  /** The papers use adam({ learningRate: 1e-3, beta1: 0 }). */
  readonly inner: Optimizer;
  /** Inner steps in training, 5 by default. */
  readonly steps?: number;
}

/** Options of `reptile` for a model with a loss. */
export interface ReptileOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>
  extends ReptileSteps {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  /** Rows that one inner step sees, 10 by default; all of a smaller support set. */
  readonly innerBatchSize?: number;
  /** The share that steps beyond those of training have of their length; 1 by default. */
  readonly laterShare?: number;
}

/** Options of `reptile` for an objective. */
export interface ObjectiveReptileOptions<Data extends Tree> extends ReptileSteps, ObjectiveOptions<Data> {
  /** The data that inner step `step` sees; all of the support data by default. */
  readonly batches?: (support: Data, step: number) => Data;
}

/**
 * Reptile (Nichol, Achiam & Schulman 2018): move towards the parameters that training on a task arrives at.
 *
 *   theta_K = K inner steps on mini-batches of the support set;  gradient = theta - theta_K
 *
 * Train it with sgd({ learningRate: linearSchedule(1, 0, iterations) }): theta <- theta + epsilon mean(theta_K -
 * theta). It needs no query set; where a task has one, the loss on it is reported.
 *
 * @throws IL102 where `steps` or `innerBatchSize` are not whole numbers of 1 or more, the model has parameters that are
 * shared by all tasks, as warped layers have, or its batch normalisation tells steps apart
 */
export function reptile<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: ReptileOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out>;
export function reptile<Data extends Tree>(options: ObjectiveReptileOptions<Data>): TaskLearner<Tree, Tree, Data>;
export function reptile<X extends Tree, Y extends Tree, Out extends Tree, Data extends Tree>(
  options: ReptileOptions<X, Y, Out> | ObjectiveReptileOptions<Data>,
): Learner<Tree, AdaptedModel, X, Y, Out> | TaskLearner<Tree, Tree, Data> {
  const { inner, steps = 5 } = options;
  requireCount("reptile", "steps", steps);
  if ("objective" in options) {
    const { objective, init, batches } = options;
    const problem = objectiveProblem("reptile", objective, init);
    return steppingLearner(problem, { steps, inner: inner.description }, steps, {
      objective: problem.inner,
      traits: problem.traits,
      inner,
      order: 1,
      ...(batches ? { minibatch: batchesOfSteps("reptile", batches) } : {}),
    });
  }
  const { model, loss, innerBatchSize = 10, laterShare } = options;
  requireCount("reptile", "innerBatchSize", innerBatchSize);
  requireLaterShare("reptile", laterShare);
  requireSharedNorm("reptile", model);
  const problem = supervised(model, loss);
  const description = {
    steps,
    innerBatchSize,
    inner: inner.description,
    ...(laterShare === undefined ? {} : { laterShare }),
    ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
  };
  const learner = steppingLearner(problem, description, steps, {
    objective: problem.inner,
    traits: problem.traits,
    inner,
    order: 1,
    minibatch: (support, step) => miniBatch(support, step, innerBatchSize),
    ...laterSteps(steps, laterShare),
  });
  return { ...learner, loss };
}

function steppingLearner<Data extends Tree, Adapted extends Tree, X extends Tree, Out extends Tree>(
  problem: TaskProblem<Data, Adapted, X, Out>,
  description: TaskLearner["description"],
  steps: number,
  loop: InnerLoop<Data>,
): TaskLearner<Tree, Adapted, Data, X, Out> {
  const still = [...problem.traits()].find(([, { role }]) => role === "shared")?.[0];
  if (still !== undefined) {
    const found = `${still} is shared by all tasks, as in a warped layer or a table of words: it does not adapt`;
    const problem = `${found}, and Reptile moves parameters to where they adapt`;
    throw new GraphError("IL102", "reptile", problem, "Use maml or fomaml, or a model without such layers");
  }
  return {
    name: "Reptile",
    description,
    steps,
    init: problem.init,
    metaGradient: (params, { support, query }, drawn) => {
      const context = { phase: "train" as const, ...(drawn ? { key: drawn } : {}) };
      const arrived = innerLoop(loop, params, support, steps, context);
      const task = problem.adapted(arrived, support, context);
      const { loss, metrics = {}, statistics } = problem.outer(task, query, { ...context, support });
      return {
        loss,
        metrics,
        gradient: mapTree((from, to) => sub(from, to!), params, arrived),
        ...(statistics ? { statistics } : {}),
      };
    },
    adapt: (params, support, { steps: count = steps } = {}) => {
      const arrived = innerLoop(loop, params, support, count, { phase: "predict" });
      return problem.adapted(arrived, support, { phase: "predict" });
    },
    stepped: steppedBy(
      (params, support) => innerSteps(loop, params, support, { phase: "predict" }),
      (arrived, support) => problem.adapted(arrived, support, { phase: "predict" }),
    ),
    predict: problem.predict,
  };
}

/** Both sets of a task as one. */
export function allExamples<X extends Tree, Y extends Tree>(
  support: Examples<X, Y>,
  query: Examples<X, Y>,
): Examples<X, Y> {
  const rows = ({ x, y, present = ones([rowsOf(x)]) }: Examples<X, Y>): Examples<X, Y> => ({ x, y, present });
  const together = <T extends Tree>(a: T, b: T): T => mapTree((first, second) => concat([first, second!]), a, b);
  if (!support.present && !query.present) return { x: together(support.x, query.x), y: together(support.y, query.y) };
  return together(rows(support), rows(query));
}
