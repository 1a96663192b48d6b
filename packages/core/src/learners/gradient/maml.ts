import {
  add,
  cast,
  div,
  exp,
  GraphError,
  greaterEqual,
  min,
  sub,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import { type GradientTransformation, isLearned } from "../../optimizers/gradient-transformation.js";
import { type Key, split } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import type { Learner, TaskLearner } from "../learner.js";
import {
  type AdaptedModel,
  type Adapts,
  adaptingByPath,
  headPaths,
  type InnerLoop,
  laterSteps,
  requireLaterShare,
} from "./gradient-adaptation.js";
import { gradientLearner } from "./gradient-learner.js";
import { learnedRates } from "./learned-optimizers.js";
import { batchesOfSteps, miniBatch, requireCount } from "./mini-batches.js";
import { type Objective, type Objectives, objectiveProblem, supervised, type TaskProblem } from "./objective.js";

/** Options of adaptation by gradient steps, whatever they make small. */
export interface AdaptationOptions {
  /** The inner optimizer, e.g. sgd({ learningRate: 0.4 }), or one that is learned, e.g. learnedRates({ per: "layer" }). */
  readonly inner: GradientTransformation;
  /** Inner steps in training, 1 by default; evaluation may take others. */
  readonly steps?: number;
  /**
   * The share that steps beyond those of training have of their length: 0.5 for policies as Finn et al. 2017 test them, by
   * alpha and then by alpha / 2. 1 by default.
   */
  readonly laterShare?: number;
  /** 2 (default) differentiates through the inner gradients; 1 is FOMAML. */
  readonly order?: 1 | 2;
  /**
   * lambda of the term lambda / 2 |theta_k - theta|^2 of the inner loss, over parameters that adapt; 0 by default.
   * { learned: lambda } starts there and learns log lambda, which takes order 2 and two steps or more.
   */
  readonly proximal?: number | { readonly learned: number };
  /**
   * The outer loss is sum_k w_k L(theta_k; query), k = 1..K, where w_k goes from 1 / K for all to 1 for the last in a
   * straight line over `annealOver` iterations (the multi-step loss of Antoniou et al. 2019, whose weights stop at
   * 0.03 / K shortly before that end). The reported loss and metrics are those after the last step; the metric
   * `outerLoss` is the weighted sum.
   */
  readonly multiStepLoss?: { readonly annealOver: number };
  /**
   * Of first order before this iteration, of second order from there on (derivative-order annealing, Antoniou et al. 2019).
   * It is one program for both: steps of first order take as long as those of second.
   */
  readonly orderAnnealing?: { readonly secondOrderFrom: number };
}

/** Options of `maml` for a model with a loss, and of the learners that are MAML with some of them set. */
export interface MamlOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>
  extends AdaptationOptions {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  /**
   * The trained parameters that adapt, by path; all by default. "head" is ANIL, "body" BOIL. Those of `warped`
   * layers never do.
   */
  readonly adapts?: "all" | "head" | "body" | Adapts;
  /**
   * Inner steps on mini-batches of `size` rows, each a fair share of the classes as long as rows are grouped by class. A
   * step takes the mean gradient of `accumulate` (1 by default) successive ones, in which batch normalisation, where it is
   * by batch, sees one mini-batch at a time. Steps see the whole support set by default.
   */
  readonly minibatch?: { readonly size: number; readonly accumulate?: number };
}

/** The part of options that says what is learned where that is no model with a loss: an objective, and parameters. */
export interface ObjectiveOptions<Data extends Tree> {
  /** One objective for support and query data, or one for each, and what the adapted parameters predict. */
  readonly objective: Objective<Data> | Objectives<Data>;
  /** First parameters; what is no parameter to train among them says so (`withTraits`). */
  readonly init: (key: Key) => Tree;
}

/** Options of `maml` for an objective. */
export interface ObjectiveMamlOptions<Data extends Tree> extends AdaptationOptions, ObjectiveOptions<Data> {
  /** The trained parameters that adapt, by path; all by default. */
  readonly adapts?: "all" | Adapts;
  /** The data that inner step `step` sees: those gathered by its parameters, for example. All of them by default. */
  readonly batches?: (support: Data, step: number) => Data;
}

/**
 * Model-agnostic meta-learning (Finn, Abbeel & Levine 2017): parameters from which a few gradient steps on a task's
 * support set do well on its query set.
 *
 *   theta_0 = theta,  theta_{k+1} = theta_k - alpha grad L(theta_k; support),  k < K
 *   meta-gradient = grad_theta L(theta_K; query)
 *
 * L is the loss of a model, or an objective of one's own, of data of any structure; what the outer loop makes small may
 * be another: { inner, outer, predict }. A learner of an objective has no `loss` of predictions, which `train` and
 * `evaluate` judge by; where its data are examples, { ...maml({ objective, init, inner }), loss } has.
 *
 * Where something else is learned too, the meta-parameters are { model, inner, proximal }, else they are the model's
 * own. What anneals over iterations takes its end outside training.
 *
 * @throws IL102 for options that contradict each other or are out of range
 * @example
 * maml({ model: mlp({ sizes: [1, 40, 40, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }) });
 * const bowl = ({ at }, { centre }) => ({ loss: sum(mul(sub(at, centre), sub(at, centre))) });
 * maml({ objective: bowl, init: () => ({ at: tensor([0, 0]) }), inner: sgd({ learningRate: 0.1 }) });
 */
export function maml<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: MamlOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out>;
export function maml<Data extends Tree>(options: ObjectiveMamlOptions<Data>): TaskLearner<Tree, Tree, Data>;
export function maml<X extends Tree, Y extends Tree, Out extends Tree, Data extends Tree>(
  options: MamlOptions<X, Y, Out> | ObjectiveMamlOptions<Data>,
): Learner<Tree, AdaptedModel, X, Y, Out> | TaskLearner<Tree, Tree, Data> {
  if ("objective" in options) {
    const { objective, init, batches } = options;
    return adaptingLearner(options, {
      problem: objectiveProblem("maml", objective, init),
      ...(batches ? { loop: { minibatch: batchesOfSteps("maml", batches) } } : {}),
    });
  }
  const { model, loss, minibatch, adapts } = options;
  const problem = supervised(model, loss);
  const learner = adaptingLearner(options, {
    problem,
    model,
    loop: {
      ...(adapts === "head" || adapts === "body" ? { adapts: partOf(model, adapts) } : {}),
      ...(minibatch
        ? { minibatch: (support: Examples<X, Y>, index) => miniBatch(support, index, minibatch.size) }
        : {}),
      ...(minibatch?.accumulate ? { accumulate: minibatch.accumulate, weight: problem.weight } : {}),
    },
  });
  return { ...learner, loss };
}

/** MAML of a problem, with what is particular to a model. */
function adaptingLearner<Data extends Tree, Adapted extends Tree, X extends Tree, Out extends Tree>(
  options: AdaptationOptions & Pick<MamlOptions, "adapts" | "minibatch">,
  parts: {
    readonly problem: TaskProblem<Data, Adapted, X, Out>;
    readonly model?: Pick<Layer, "batchNorm" | "batchNormSteps">;
    readonly loop?: Pick<InnerLoop<Data>, "adapts" | "minibatch" | "accumulate" | "weight">;
  },
): TaskLearner<Tree, Adapted, Data, X, Out> {
  const { inner, steps = 1, adapts = "all", proximal = 0, minibatch, multiStepLoss, orderAnnealing } = options;
  const { laterShare = 1 } = options;
  const { problem, model = {}, loop } = parts;
  const order = inner.firstOrder ? 1 : (options.order ?? 2);
  requireOptions({ ...options, order }, model);
  const chosen = typeof adapts === "function" ? adapts : loop?.adapts;
  const always: Omit<InnerLoop<Data>, "inner" | "proximal"> = {
    ...loop,
    objective: problem.inner,
    traits: problem.traits,
    order,
    ...(chosen ? { adapts: chosen } : {}),
    ...laterSteps(steps, laterShare),
  };
  const name = options.order === 1 ? "FOMAML" : "MAML";
  const learned = isLearned(inner) || typeof proximal !== "number";
  return gradientLearner({
    name: adapts === "head" ? "ANIL" : adapts === "body" ? "BOIL" : name,
    description: {
      order,
      steps,
      inner: inner.description,
      adapts: typeof adapts === "function" ? "chosen parameters" : adapts,
      ...(proximal === 0
        ? {}
        : { proximal: typeof proximal === "number" ? proximal : `learned from ${proximal.learned}` }),
      ...(minibatch ? { minibatch: minibatch.size, accumulate: minibatch.accumulate ?? 1 } : {}),
      ...(laterShare === 1 ? {} : { laterShare }),
      ...(multiStepLoss ? { multiStepLoss: multiStepLoss.annealOver } : {}),
      ...(orderAnnealing ? { secondOrderFrom: orderAnnealing.secondOrderFrom } : {}),
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
      ...(model.batchNormSteps ? { batchNormSteps: model.batchNormSteps } : {}),
    },
    problem,
    steps,
    init: (key) => {
      const params = problem.init(key);
      if (!learned) return params;
      const adapting = (): Tree => adaptingByPath(params, problem.traits(), chosen);
      return {
        model: params,
        ...(isLearned(inner) ? { inner: inner.initMeta(split(key, "inner"), adapting()) } : {}),
        ...(typeof proximal === "number" ? {} : { proximal: tensor(Math.log(proximal.learned)) }),
      };
    },
    ...(learned ? { modelPath: "model" } : {}),
    loopFor: (params, { iteration }) => {
      const own = learned ? (params as LearnedParameters) : { model: params };
      const secondOrder =
        orderAnnealing && iteration && cast(greaterEqual(iteration, orderAnnealing.secondOrderFrom), "float32");
      return {
        params: own.model,
        loop: {
          ...always,
          inner,
          ...(isLearned(inner) ? { innerParameters: own.inner ?? {} } : {}),
          proximal: own.proximal ? exp(own.proximal) : typeof proximal === "number" ? proximal : 0,
          ...(secondOrder ? { secondOrder } : {}),
        },
      };
    },
    ...(multiStepLoss
      ? { stepWeights: ({ iteration }) => iteration && stepWeights(iteration, steps, multiStepLoss.annealOver) }
      : {}),
  });
}

const partOf = (model: Pick<Layer, "head">, part: "head" | "body"): ((path: string) => boolean) =>
  headPaths(part === "head" ? "anil" : "boil", model, part);

type LearnedParameters = { readonly model: Tree; readonly inner?: Tree; readonly proximal?: Tensor };

/** w_1, ..., w_K: (1 - a) / K each, and a more for the last, with a from 0 to 1 over so many iterations. */
function stepWeights(iteration: Tensor, steps: number, annealOver: number): Tensor[] {
  const annealed = min(div(cast(iteration, "float32"), annealOver), 1);
  const each = div(sub(1, annealed), steps);
  return Array.from({ length: steps }, (_, k) => (k === steps - 1 ? add(each, annealed) : each));
}

function requireOptions(
  options: AdaptationOptions & Pick<MamlOptions, "minibatch"> & { readonly order: 1 | 2 },
  model: Pick<Layer, "batchNormSteps">,
): void {
  const { steps = 1, order, proximal = 0, minibatch, multiStepLoss, orderAnnealing } = options;
  const refuse = (problem: string, remedy: string): never => {
    throw new GraphError("IL102", "maml", problem, remedy);
  };
  if (!Number.isSafeInteger(steps) || steps < 0) refuse(`steps ${steps}`, "Use a whole number, 0 or more");
  const normSteps = model.batchNormSteps ?? 0;
  if (normSteps > steps + 1) {
    const problem = `batch normalisation of ${normSteps} steps with steps ${steps}, which trains the first ${steps + 1}`;
    refuse(problem, `Build the model with batchNormSteps: ${Math.max(steps, 1)}`);
  }
  if (typeof proximal === "number" && !(proximal >= 0 && Number.isFinite(proximal)))
    refuse(`proximal ${proximal}`, "Use a number of at least 0");
  if (typeof proximal === "object" && !(proximal.learned > 0 && Number.isFinite(proximal.learned))) {
    refuse(`proximal learned from ${proximal.learned}`, "Start from a number above 0: its logarithm is learned");
  }
  if (typeof proximal === "object" && (order === 1 || steps < 2)) {
    const found = order === 1 ? "first order, which holds the term's gradient constant" : `steps ${steps}`;
    // The first step starts where the term is flat.
    refuse(`proximal learned with ${found}`, "It has a gradient from order 2 and 2 steps on; or give a fixed number");
  }
  requireLaterShare("maml", options.laterShare);
  if (minibatch) {
    requireCount("maml", "minibatch size", minibatch.size);
    requireCount("maml", "minibatch accumulate", minibatch.accumulate ?? 1);
  }
  if (multiStepLoss) {
    requireCount("maml", "multiStepLoss annealOver", multiStepLoss.annealOver);
    requireCount("maml", "multiStepLoss with steps", steps);
  }
  if (orderAnnealing) {
    requireCount("maml", "orderAnnealing secondOrderFrom", orderAnnealing.secondOrderFrom);
    if (order === 1)
      refuse(
        "orderAnnealing of what is of first order",
        "Leave order out, and take an inner optimizer of second order",
      );
  }
}

/**
 * First-order MAML: the gradient of the query loss at the adapted parameters, inner gradients held constant. (What the
 * inner optimizer itself does to parameters is not: with a weight decay w, rate a and K steps it is (1 - a w)^K times
 * that.)
 */
export function fomaml<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: Omit<MamlOptions<X, Y, Out>, "order" | "orderAnnealing">,
): Learner<Tree, AdaptedModel, X, Y, Out>;
export function fomaml<Data extends Tree>(
  options: Omit<ObjectiveMamlOptions<Data>, "order" | "orderAnnealing">,
): TaskLearner<Tree, Tree, Data>;
export function fomaml<X extends Tree, Y extends Tree, Out extends Tree, Data extends Tree>(
  options:
    | Omit<MamlOptions<X, Y, Out>, "order" | "orderAnnealing">
    | Omit<ObjectiveMamlOptions<Data>, "order" | "orderAnnealing">,
): Learner<Tree, AdaptedModel, X, Y, Out> | TaskLearner<Tree, Tree, Data> {
  return "objective" in options ? maml({ ...options, order: 1 }) : maml({ ...options, order: 1 });
}

/** Almost no inner loop (Raghu et al. 2020): only the head adapts; the body is trained through it. */
export function anil<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: Omit<MamlOptions<X, Y, Out>, "adapts">,
): Learner<Tree, AdaptedModel, X, Y, Out> {
  return maml({ ...options, adapts: "head" });
}

/** Body only inner loop (Oh et al. 2021): ANIL's mirror, the head stays. */
export function boil<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: Omit<MamlOptions<X, Y, Out>, "adapts">,
): Learner<Tree, AdaptedModel, X, Y, Out> {
  return maml({ ...options, adapts: "body" });
}

/**
 * Meta-SGD (Li et al. 2017): MAML whose inner rate is a parameter too, one for each element:
 *   theta_{k+1} = theta_k - a . grad L(theta_k; support); the meta-gradient is taken by theta and a.
 *
 * @param options.learningRate first value of all rates, 0.01 by default
 */
export function metaSgd<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: Omit<MamlOptions<X, Y, Out>, "inner" | "adapts"> & { readonly learningRate?: number },
): Learner<Tree, AdaptedModel, X, Y, Out>;
export function metaSgd<Data extends Tree>(
  options: Omit<ObjectiveMamlOptions<Data>, "inner" | "adapts"> & { readonly learningRate?: number },
): TaskLearner<Tree, Tree, Data>;
export function metaSgd<X extends Tree, Y extends Tree, Out extends Tree, Data extends Tree>(
  options: { readonly learningRate?: number } & (
    | Omit<MamlOptions<X, Y, Out>, "inner" | "adapts">
    | Omit<ObjectiveMamlOptions<Data>, "inner" | "adapts">
  ),
): Learner<Tree, AdaptedModel, X, Y, Out> | TaskLearner<Tree, Tree, Data> {
  const { learningRate = 0.01, ...others } = options;
  const inner = learnedRates({ per: "element", from: learningRate });
  const learner = "objective" in others ? maml({ ...others, inner }) : maml({ ...others, inner });
  return { ...learner, name: "Meta-SGD" };
}
