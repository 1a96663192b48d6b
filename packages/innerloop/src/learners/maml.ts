import { leaves, mapTree, paths, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Layer } from "../layers/layer.js";
import type { Loss } from "../losses.js";
import { type Optimizer, sgd } from "../optimizers.js";
import { type AdaptedModel, headPaths, type InnerLoop, isRunningStatistic } from "./gradient-adaptation.js";
import { gradientLearner } from "./gradient-learner.js";
import type { Learner } from "./learner.js";

export interface MamlOptions {
  readonly model: Layer;
  readonly loss: Loss;
  /** The inner optimizer, e.g. sgd({ learningRate: 0.4 }). */
  readonly inner: Optimizer;
  /** Inner steps in training, 1 by default; evaluation may take others. */
  readonly steps?: number;
  /** 2 (default) differentiates through the inner gradients; 1 is FOMAML. */
  readonly order?: 1 | 2;
  /** Which parameters adapt, by path; all by default. "head" is ANIL, "body" BOIL. */
  readonly adapts?: "all" | "head" | "body" | ((path: string) => boolean);
}

/**
 * Model-agnostic meta-learning (Finn, Abbeel & Levine 2017): parameters from which a few gradient steps on a task's
 * support set do well on its query set.
 *
 *   theta_0 = theta,  theta_{k+1} = theta_k - alpha grad L(theta_k; support),  k < K
 *   meta-gradient = grad_theta L(theta_K; query)
 *
 * @example maml({ model: mlp({ sizes: [1, 40, 40, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }) })
 */
export function maml(options: MamlOptions): Learner<Tree, AdaptedModel> {
  const { model, loss, inner, steps = 1, order = 2, adapts = "all" } = options;
  const chosen = typeof adapts === "function" ? adapts : adapts === "all" ? undefined : headPaths(model, adapts);
  const loop: InnerLoop = { model, loss, inner, order, ...(chosen ? { adapts: chosen } : {}) };
  const name = order === 1 ? "FOMAML" : "MAML";
  return gradientLearner({
    name: adapts === "head" ? "ANIL" : adapts === "body" ? "BOIL" : name,
    description: {
      order,
      steps,
      inner: inner.description,
      adapts: typeof adapts === "function" ? "chosen parameters" : adapts,
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    model,
    steps,
    init: model.init,
    loopFor: (params) => ({ loop, params }),
  });
}

/** First-order MAML: the gradient of the query loss at the adapted parameters, inner gradients held constant. */
export function fomaml(options: Omit<MamlOptions, "order">): Learner<Tree, AdaptedModel> {
  return maml({ ...options, order: 1 });
}

/** Almost no inner loop (Raghu et al. 2020): only the head adapts; the body is trained through it. */
export function anil(options: Omit<MamlOptions, "adapts">): Learner<Tree, AdaptedModel> {
  return maml({ ...options, adapts: "head" });
}

/** Body only inner loop (Oh et al. 2021): ANIL's mirror, the head stays. */
export function boil(options: Omit<MamlOptions, "adapts">): Learner<Tree, AdaptedModel> {
  return maml({ ...options, adapts: "body" });
}

/**
 * Meta-SGD (Li et al. 2017): MAML whose inner rate is a parameter too, one for each element:
 *   theta_{k+1} = theta_k - a . grad L(theta_k; support); the meta-gradient is taken by theta and a.
 *
 * @param options.learningRate first value of all rates, 0.01 by default
 */
export function metaSgd(
  options: Omit<MamlOptions, "inner" | "adapts"> & { readonly learningRate?: number },
): Learner<Tree, AdaptedModel> {
  const { model, loss, steps = 1, order = 2, learningRate = 0.01 } = options;
  type Both = { readonly model: Tree; readonly learningRate: Tree };
  return gradientLearner({
    name: "Meta-SGD",
    description: {
      order,
      steps,
      inner: `sgd(learned per element from ${learningRate})`,
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    loss,
    model,
    steps,
    init: (key) => {
      const params = model.init(key);
      const rates = mapTree((leaf) => tensor(new Float32Array(leaf.size).fill(learningRate), leaf.shape), params);
      return { model: params, learningRate: rates };
    },
    modelPath: "model",
    loopFor: (params) => {
      const both = params as Both;
      return { loop: { model, loss, order, inner: elementwiseSgd(both.learningRate) }, params: both.model };
    },
  });
}

/** SGD with a rate for each element of parameters that the inner loop hands over by path. */
function elementwiseSgd(rates: Tree): Optimizer {
  const names = paths(rates);
  const byPath = leaves(rates).map((rate, i): [string, Tensor] => [names[i]!, rate]);
  return sgd({ learningRate: Object.fromEntries(byPath.filter(([path]) => !isRunningStatistic(path))) });
}
