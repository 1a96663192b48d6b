/** The functions that gradient-based learners make small, of parameters and of data of whatever structure. */
import { cast, GraphError, greater, mapTree, mul, scalar, sub, sum, type Tensor, type Tree } from "@innerloop/graph";
import type { ApplyContext, Layer, StatisticsByPath } from "../../layers/layer.js";
import { type TraitsByPath, traitsOf } from "../../layers/parameter-roles.js";
import { withNormOfStep } from "../../layers/per-step-batch-norm.js";
import type { Loss } from "../../losses/losses.js";
import type { Key } from "../../random/random.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { memberships } from "../class-membership.js";
import { measured, overPresent } from "../learner.js";
import { type AdaptedModel, recorded } from "./gradient-adaptation.js";

/** The value of an objective: the scalar to make small, and what is reported with it. */
export interface ObjectiveValue {
  readonly loss: Tensor;
  /** Scalars to report; asked for of outer objectives alone. */
  readonly metrics?: { readonly [name: string]: Tensor };
  /** Statistics that running averages are to follow, by the path of the record among the parameters that holds them. */
  readonly statistics?: StatisticsByPath;
}

/**
 * A scalar of parameters and data that gradient steps make small: a model's loss on examples, a policy's surrogate on
 * trajectories, a likelihood. Data are a tree of any structure.
 *
 * @param context the phase ("train" under a meta-gradient), the inner step, a dropout key: what a layer may know, too
 */
export type Objective<Data extends Tree = Examples> = (
  params: Tree,
  data: Data,
  context: ApplyContext,
) => ObjectiveValue;

/** The context of an outer objective, which may know more than an inner one does. */
export interface OuterContext<Data extends Tree> extends ApplyContext {
  /** The data that the parameters were adapted to. */
  readonly support: Data;
}

/** An outer objective: of adapted parameters and query data. */
export type OuterObjective<Data extends Tree = Examples> = (
  params: Tree,
  data: Data,
  context: OuterContext<Data>,
) => ObjectiveValue;

/** Objectives of a task: what inner steps make small, and what meta-training makes small. */
export interface Objectives<Data extends Tree = Examples, X extends Tree = Tensor, Out extends Tree = Tensor> {
  readonly inner: Objective<Data>;
  /** Of the adapted parameters and the query data; the inner one by default. */
  readonly outer?: OuterObjective<Data>;
  /** Outputs of adapted parameters for inputs; without it the learner predicts nothing. */
  readonly predict?: (params: Tree, x: X, present?: Tensor) => Out;
}

/** All that a gradient-based learner asks of what it learns, whether that is a model with a loss or an objective. */
export interface TaskProblem<
  Data extends Tree = Examples,
  Adapted extends Tree = AdaptedModel,
  X extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  readonly init: (key: Key) => Tree;
  /** Traits of the parameters. */
  readonly traits: () => TraitsByPath;
  readonly inner: Objective<Data>;
  /** Adapted parameters with what predictions need to know of the support set. */
  readonly adapted: (params: Tree, support: Data, context: ApplyContext) => Adapted;
  readonly outer: (adapted: Adapted, query: Data, context: OuterContext<Data>) => ObjectiveValue;
  readonly predict: (adapted: Adapted, x: X, present?: Tensor) => Out;
  /** The weight of data in a mean over mini-batches: scalar. */
  readonly weight: (data: Data) => Tensor;
}

/** A model with a loss as a problem: the loss of its predictions for the examples that are there. */
export function supervised<X extends Tree, Y extends Tree, Out extends Tree>(
  model: Layer<Tree, X, Out>,
  loss: Loss<Out, Y>,
): TaskProblem<Examples<X, Y>, AdaptedModel, X, Out> {
  const traits = (): TraitsByPath => traitsOf(model);
  return {
    init: model.init,
    traits,
    inner: (params, examples, context) => {
      const { output, statistics } = recorded(model, params, examples, context);
      return { loss: overPresent(loss, output, examples), statistics };
    },
    adapted: (params, support, context) => withSupport({ model, loss, traits }, params, support, context),
    outer: (task, query, { support: _, ...context }) => {
      const { output, statistics } = recorded(model, task.params, query, { ...context, given: task.statistics });
      return { ...measured(loss, withoutAbsent(output, task), query), statistics };
    },
    predict: (task, x, present) =>
      withoutAbsent(model.apply(task.params, x, { given: task.statistics, ...(present ? { present } : {}) }), task),
    weight: ({ x, present }) => (present ? sum(present) : scalar(rowsOf(x))),
  };
}

/** Objectives as a problem, whose adapted model is its parameters. */
export function objectiveProblem<Data extends Tree, X extends Tree, Out extends Tree>(
  operation: string,
  objective: Objective<Data> | Objectives<Data, X, Out>,
  init: (key: Key) => Tree,
): TaskProblem<Data, Tree, X, Out> {
  const given: Objectives<Data, X, Out> = typeof objective === "function" ? { inner: objective } : objective;
  const { inner, outer = inner, predict } = given;
  const made = { init };
  return {
    init,
    traits: () => traitsOf(made),
    inner,
    adapted: (params) => params,
    outer,
    predict: (params, x, present) => {
      if (predict) return predict(params, x, present);
      const remedy = "Give it with the objective: { inner, outer, predict }";
      throw new GraphError("IL102", operation, "predictions of an objective that does not say any", remedy);
    },
    weight: () => scalar(1),
  };
}

/**
 * Adapted parameters with what predictions need to know: of the support set, and which step they came by.
 *
 * Of a loss over classes that is which of them have no support example. Training asks only where tasks are padded: those
 * that are not have examples of all classes. Where there is no support example at all, classes are what the parameters know
 * of them: no adaptation changes nothing.
 */
function withSupport(
  {
    model,
    loss,
    traits,
  }: {
    readonly model: Layer<Tree, Tree, Tree>;
    readonly loss: Pick<Loss, "overClasses">;
    readonly traits: () => TraitsByPath;
  },
  adapted: Tree,
  support: Examples<Tree, Tree>,
  context: ApplyContext,
): AdaptedModel {
  const params = context.step === undefined ? adapted : withNormOfStep(adapted, traits(), context.step);
  const { output, statistics } = recorded(model, params, support, context);
  const mayLackClasses = support.present !== undefined || context.phase === "predict";
  if (!loss.overClasses || !mayLackClasses) return { params, statistics };
  // A loss over classes is of logits, one tensor of them, and of labels, another.
  const logits = output as Tensor;
  const members = sum(memberships(support as Examples<Tree>, logits.shape[1]!), 0);
  const absent = cast(greater(0.5, members), logits.dtype);
  if (!support.present) return { params, statistics, absent };
  // A set that is all padding says of no class that there is none.
  return { params, statistics, absent: mul(absent, cast(greater(sum(members), 0.5), logits.dtype)) };
}

const withoutAbsent = <Out extends Tree>(logits: Out, { absent }: AdaptedModel): Out =>
  absent ? mapTree((z) => sub(z, mul(absent, 1e9)), logits) : logits;
