import { GraphError, leaves, mapTree, mean, Tensor, type Tree, vmap } from "@innerloop/graph";
import type { StatisticsByPath } from "../layers/layer.js";
import { metricsOf } from "../losses/figures.js";
import type { Loss } from "../losses/losses.js";
import type { Measure } from "../losses/metric.js";
import type { Key } from "../random/random.js";
import type { Examples, StepMemory } from "../tasks/task.js";
import { namedTensors } from "../tasks/task-spec.js";
import { TrainingError } from "../training/training-error.js";

/** The result of a learner's `metaGradient`: loss, metrics and gradient of one task. */
export type MetaGradient<Params extends Tree> = {
  /** The loss on the query set after adaptation. */
  readonly loss: Tensor;
  /** Scalars to report. */
  readonly metrics: { readonly [name: string]: Tensor };
  /** Same structure as the parameters. */
  readonly gradient: Params;
  /** Scalar: what the gradient is the slope of, where that is said and is not the loss: a bound of evidence, with penalties. */
  readonly objective?: Tensor;
  /** Batch statistics for layers that keep running averages. */
  readonly statistics?: StatisticsByPath;
};

/** Options of a learner's `adapt`. */
export interface AdaptOptions {
  /** Inner steps; the learner's own number by default. Learners that take no steps ignore it. */
  readonly steps?: number;
}

/**
 * An adaptation taken apart into its steps: for programs in which their number is an input.
 *
 *   adapt(params, support, { steps: k }) = adapted(params, support, state_k, k)
 *   state_0 = start(params, support),  state_{i+1} = step(params, support, state_i, i)
 */
export interface SteppedAdaptation<
  Params extends Tree = Tree,
  Adapted extends Tree = Tree,
  Data extends Tree = Examples,
> {
  start(params: Params, support: Data): Tree;
  /**
   * The next state, of the same structure, types and shapes.
   *
   * @param taken steps before this one: a number, or an int32 scalar that is known only when the program runs
   */
  step(params: Params, support: Data, state: Tree, taken: number | Tensor): Tree;
  adapted(params: Params, support: Data, state: Tree, steps: number | Tensor): Adapted;
}

/** Options of a learner's `metaGradient`. */
export interface MetaGradientOptions {
  /**
   * Inner steps that are computed again together for the meta-gradient, instead of being kept until it is taken: the
   * same values, in less memory and more time. 0, the default, keeps all. Learners whose gradient does not go through
   * inner steps ignore it.
   */
  readonly recompute?: number;
  /** Scalar, the updates done so far: for learners that change over training. Those take the end of training without it. */
  readonly iteration?: Tensor;
}

/**
 * A way of learning to learn, for ONE task: everything here is traced, and mapped over tasks by others.
 *
 * @typeParam Params meta-parameters, what training changes
 * @typeParam Adapted what adaptation makes of them for one task
 * @typeParam Data what a support or query set is: examples, or a tree of any other structure
 * @typeParam X inputs of predictions: a tensor, or a tree of tensors
 * @typeParam Out predictions, the same
 */
export interface TaskLearner<
  Params extends Tree = Tree,
  Adapted extends Tree = Tree,
  Data extends Tree = Examples,
  X extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  readonly name: string;
  /** Its options, as results should state them. */
  readonly description: Readonly<Record<string, string | number | boolean>>;
  /** Inner steps in training; undefined for learners that take none. */
  readonly steps?: number;
  /** True where its meta-gradient goes through these steps, so that they can be computed again instead of being kept. */
  readonly recomputes?: boolean;
  /**
   * Set where it adapts by what it remembers of the sequence that it predicts for, and by nothing else: `adapt` returns the
   * parameters, whatever the support set.
   */
  readonly memory?: StepMemory;
  init(key: Key): Params;
  /** @param key int32 scalar from which dropout draws */
  metaGradient(
    params: Params,
    task: { readonly support: Data; readonly query: Data },
    key?: Tensor,
    options?: MetaGradientOptions,
  ): MetaGradient<Params>;
  adapt(params: Params, support: Data, options?: AdaptOptions): Adapted;
  /** Its adaptation step by step; learners that take no steps, or whose steps are not alike, have none. */
  readonly stepped?: SteppedAdaptation<Params, Adapted, Data>;
  /**
   * Outputs of the model for inputs [n, ...].
   *
   * @param present [n], where some inputs are padding: 1 for those that are there
   */
  predict(adapted: Adapted, x: X, present?: Tensor): Out;
}

/**
 * A learner whose tasks are examples, inputs with targets: `train` and `evaluate` judge it by a loss of its predictions.
 *
 * @typeParam X inputs: a tensor, or a tree of tensors
 * @typeParam Y targets, the same
 * @typeParam Out predictions, the same
 */
export interface Learner<
  Params extends Tree = Tree,
  Adapted extends Tree = Tree,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> extends TaskLearner<Params, Adapted, Examples<X, Y>, X, Out> {
  readonly loss: Loss<Out, Y>;
  /** Classes of a task, at most, where the learner knows: class indices are below it. */
  readonly classes?: number;
  /** Classes that it is trained on, where these are not those of a task: all of a data set, for example. */
  readonly trainClasses?: number;
  /** True where support examples without a label, of class -1, are of use to it. */
  readonly unlabelled?: boolean;
}

/** The part of a learner that evaluation needs; baselines have no more than this. */
export type Adapter<
  Params extends Tree = Tree,
  Adapted extends Tree = Tree,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> = Omit<Learner<Params, Adapted, X, Y, Out>, "metaGradient">;

/**
 * The inputs of learners that take one tensor.
 *
 * @throws IL303 where they are a tree of several
 */
export function requireOneTensor(learner: string, x: Tree): Tensor {
  if (x instanceof Tensor) return x;
  const problem = `inputs are a tree of ${namedTensors(x, "x")
    .map(([name]) => name)
    .join(", ")}`;
  throw new GraphError(
    "IL303",
    learner,
    problem,
    "Give a model that makes one tensor of them, or take another learner",
  );
}

/** A learner of tensors or trees, whichever. */
export type AnyLearner<Params extends Tree = Tree> = Learner<Params, Tree, Tree, Tree, Tree>;

/** An adapter of tensors or trees, whichever. */
export type AnyAdapter<Params extends Tree = Tree> = Adapter<Params, Tree, Tree, Tree, Tree>;

/** The learner's meta-gradient over tasks [tasks, ...]: means over them of all that it returns. */
export function meanMetaGradient<P extends Tree, Data extends Tree, X extends Tree, Out extends Tree>(
  learner: TaskLearner<P, Tree, Data, X, Out>,
  params: P,
  tasks: { readonly support: Data; readonly query: Data },
  keys?: Tensor,
  options: MetaGradientOptions = {},
): MetaGradient<P> {
  type Sets = { readonly support: Data; readonly query: Data };
  const one = (task: Sets, key?: Tensor) => learner.metaGradient(params, task, key, options) as unknown as Tree;
  const all = keys
    ? vmap(one as (task: Sets, key: Tensor) => Tree)(tasks, keys)
    : vmap((task: Sets) => one(task))(tasks);
  return mapTree((leaf) => mean(leaf, 0), all) as unknown as MetaGradient<P>;
}

/** Targets, of which some may be padding. */
export type Targets<Y extends Tree = Tensor> = Omit<Examples<Tensor, Y>, "x">;

/**
 * A loss or measure of the rows that are present: f(prediction, y) of sets without padding, f(prediction, y, present) of
 * padded ones.
 *
 * @param what the name of f in errors
 * @throws TrainingError ILR107 of a padded set where f does not look at the mask: padding would count like any row
 */
export function overPresent<Out extends Tree, Y extends Tree>(
  f: Measure<Out, Y>,
  prediction: Out,
  { y, present }: Targets<Y>,
  what: string = (f as Loss).title ?? "the loss",
): Tensor {
  if (!present) return f(prediction, y);
  return maskedBy(present, f(prediction, y, present), { from: leaves([prediction, y]), what });
}

/**
 * What was made of predictions and targets, if the mask went into it.
 *
 * @param given.from predictions and targets: a mask within these does not count
 * @param given.what the name of what made it, in errors
 * @throws TrainingError ILR107 where none of it depends on the mask
 */
export function maskedBy<Made extends Tree>(
  present: Tensor,
  made: Made,
  { from, what }: { readonly from: readonly Tensor[]; readonly what: string },
): Made {
  if (leaves(made).some((leaf) => dependsOn(leaf, present, from))) return made;
  const problem = `it takes no mask, and some of the ${present.size} rows here may be padding`;
  const remedy =
    "Let it take `present`, float32 [n], as its third argument and leave out rows of 0 (presentMean does), or, where it is a mean over rows, declare that: meanOverRows(f)";
  throw new TrainingError("ILR107", what, problem, remedy);
}

/** True where a tensor was made of another, by a way that does not lead through those given. */
function dependsOn(made: Tensor, of: Tensor, through: readonly Tensor[]): boolean {
  const seen = new Set(through);
  const waiting = [made];
  for (let x = waiting.pop(); x; x = waiting.pop()) {
    if (x === of) return true;
    if (seen.has(x)) continue;
    seen.add(x);
    waiting.push(...x.inputs);
  }
  return false;
}

/** A loss with its metrics, for one set of predictions. Figures that exist only over many tasks are left out. */
export function measured<Out extends Tree, Y extends Tree>(
  loss: Loss<Out, Y>,
  prediction: Out,
  targets: Targets<Y>,
): { loss: Tensor; metrics: { [name: string]: Tensor } } {
  const metrics = metricsOf(loss).flatMap(({ name, compute }): [string, Tensor][] =>
    compute ? [[name, overPresent(compute, prediction, targets, `the metric ${name}`)]] : [],
  );
  return { loss: overPresent(loss, prediction, targets), metrics: Object.fromEntries(metrics) };
}
