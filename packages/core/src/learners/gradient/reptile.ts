import { concat, GraphError, mapTree, ones, paths, sub, type Tensor, type Tree } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Optimizer } from "../../optimizers/optimizers.js";
import { key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { type Learner, measured } from "../learner.js";
import { type AdaptedModel, type InnerLoop, innerLoop, requireSharedNorm } from "./gradient-adaptation.js";
import { predicted, predictor, withSupport } from "./gradient-learner.js";
import { miniBatch, requireCount } from "./mini-batches.js";
import { notWarped } from "./warped.js";

/** Options of `reptile`. */
export interface ReptileOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor> {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  /** The papers use adam({ learningRate: 1e-3, beta1: 0 }). */
  readonly inner: Optimizer;
  /** Inner steps in training, 5 by default. */
  readonly steps?: number;
  /** Rows that one inner step sees, 10 by default; all of a smaller support set. */
  readonly innerBatchSize?: number;
}

/**
 * Reptile (Nichol, Achiam & Schulman 2018): move towards the parameters that training on a task arrives at.
 *
 *   theta_K = K inner steps on mini-batches of the support set;  gradient = theta - theta_K
 *
 * Train it with sgd({ learningRate: linearSchedule(1, 0, iterations) }): theta <- theta + epsilon mean(theta_K -
 * theta). It needs no query set; where a task has one, the loss on it is reported.
 *
 * @throws IL102 where `steps` or `innerBatchSize` are not whole numbers of 1 or more, the model has warped layers, or
 * its batch normalisation tells steps apart
 */
export function reptile<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: ReptileOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out> {
  const { model, loss, inner, steps = 5, innerBatchSize = 10 } = options;
  requireCount("reptile", "steps", steps);
  requireCount("reptile", "innerBatchSize", innerBatchSize);
  const still = paths(model.init(key(0))).find((path) => !notWarped(path));
  if (still !== undefined) {
    const problem = `${still} is of a warped layer, which does not adapt, and Reptile moves parameters to where they adapt`;
    throw new GraphError("IL102", "reptile", problem, "Use maml or fomaml, or leave the layer unwarped");
  }
  requireSharedNorm("reptile", model);
  const loop: InnerLoop<X, Y, Out> = {
    model,
    loss,
    inner,
    order: 1,
    minibatch: (support, step) => miniBatch(support, step, innerBatchSize),
  };
  return {
    name: "Reptile",
    description: {
      steps,
      innerBatchSize,
      inner: inner.description,
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    steps,
    init: model.init,
    metaGradient: (params, { support, query }, drawn) => {
      const context = { phase: "train" as const, ...(drawn ? { key: drawn } : {}) };
      const arrived = innerLoop(loop, params, support, steps, context);
      const task = withSupport({ model, loss }, arrived, support, context);
      const { output, statistics } = predicted(model, task, query, context);
      return {
        ...measured(loss, output, query),
        gradient: mapTree((from, to) => sub(from, to), params, arrived),
        statistics,
      };
    },
    adapt: (params, support, { steps: count = steps } = {}) =>
      withSupport({ model, loss }, innerLoop(loop, params, support, count, { phase: "predict" }), support, {
        phase: "predict",
      }),
    predict: predictor(model),
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
