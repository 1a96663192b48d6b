/** What the gradient-based learners have in common: adapt by the inner loop, differentiate the query loss through it. */
import {
  cast,
  greater,
  isFloat,
  mul,
  oneHot,
  reshape,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { ApplyContext, Layer, StatisticsByPath } from "../layers/layer.js";
import type { Loss } from "../losses.js";
import type { Examples } from "../tasks/task.js";
import { type AdaptedModel, type InnerLoop, innerLoop, recorded } from "./gradient-adaptation.js";
import { type Learner, type MetaGradientOptions, measured } from "./learner.js";

/** Statistics by path within a model as statistics by path within parameters that hold the model's under a name. */
function below(name: string | undefined, statistics: StatisticsByPath): StatisticsByPath {
  if (name === undefined) return statistics;
  return Object.fromEntries(
    Object.entries(statistics).map(([at, found]) => [at === "" ? name : `${name}/${at}`, found]),
  );
}

/** A learner that adapts by the inner loop and whose meta-gradient is the gradient of the query loss through it. */
export function gradientLearner(options: {
  readonly name: string;
  readonly description: Learner["description"];
  readonly loss: Loss;
  readonly model: Layer;
  readonly steps: number;
  readonly init: Learner["init"];
  /** The inner loop under given meta-parameters, and the parameters it starts from. */
  readonly loopFor: (params: Tree, options: MetaGradientOptions) => { readonly loop: InnerLoop; readonly params: Tree };
  /** Where in the meta-parameters the model's are; they are the model's own by default. */
  readonly modelPath?: string;
}): Learner<Tree, AdaptedModel> {
  const { name, description, loss, model, steps, init, loopFor, modelPath } = options;
  const adapted = (
    params: Tree,
    support: Examples,
    count: number,
    context: ApplyContext,
    how: MetaGradientOptions = {},
  ): AdaptedModel => {
    const { loop, params: start } = loopFor(params, how);
    const arrived = innerLoop({ ...loop, recompute: how.recompute ?? 0 }, start, support, count, context);
    return withSupport(model, arrived, support, { ...context, step: count });
  };
  return {
    name,
    description,
    loss,
    steps,
    recomputes: true,
    init,
    metaGradient: (params, { support, query }, key, how) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const outer = (at: Tree) => {
        const task = adapted(at, support, steps, context, how);
        const { output, statistics } = predicted(model, task, query, { ...context, step: steps });
        const { loss: queryLoss, metrics } = measured(loss, output, query);
        return [queryLoss, { metrics, statistics }] as const;
      };
      const { value, gradient, auxiliary } = valueAndGrad(outer)(params);
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: below(modelPath, auxiliary.statistics) };
    },
    adapt: (params, support, { steps: count = steps } = {}) => adapted(params, support, count, { phase: "predict" }),
    predict: predictor(model),
  };
}

/** Adapted parameters with what predictions need to know of the support set. */
export function withSupport(model: Layer, params: Tree, support: Examples, context: ApplyContext): AdaptedModel {
  const { output, statistics } = recorded(model, params, support, context);
  const { y, present } = support;
  if (!present || isFloat(y.dtype) || output.rank !== 2) return { params, statistics };
  const members = sum(mul(oneHot(y, output.shape[1]!, output.dtype), reshape(present, [y.size, 1])), 0);
  return { params, statistics, absent: cast(greater(0.5, members), output.dtype) };
}

/** A model's outputs for query examples; classes that a padded support set has no example of are out of the question. */
export function predicted(
  model: Layer,
  task: AdaptedModel,
  query: Examples,
  context: ApplyContext,
): { readonly output: Tensor; readonly statistics: StatisticsByPath } {
  const { output, statistics } = recorded(model, task.params, query, { ...context, given: task.statistics });
  return { output: withoutAbsent(output, task), statistics };
}

/** The `predict` of learners whose adapted model is the model with other parameters. */
export const predictor =
  (model: Layer) =>
  (task: AdaptedModel, x: Tensor, present?: Tensor): Tensor =>
    withoutAbsent(model.apply(task.params, x, { given: task.statistics, ...(present ? { present } : {}) }), task);

const withoutAbsent = (logits: Tensor, { absent }: AdaptedModel): Tensor =>
  absent ? sub(logits, mul(absent, 1e9)) : logits;
