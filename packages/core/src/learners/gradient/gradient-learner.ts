/** What the gradient-based learners have in common: adapt by the inner loop, differentiate the query loss through it. */
import {
  add,
  cast,
  greater,
  mapTree,
  mul,
  recomputed,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { ApplyContext, Layer, StatisticsByPath } from "../../layers/layer.js";
import { withNormOfStep } from "../../layers/per-step-batch-norm.js";
import type { Loss } from "../../losses/losses.js";
import type { Examples } from "../../tasks/task.js";
import { memberships } from "../class-membership.js";
import { type Learner, type MetaGradientOptions, measured, overPresent } from "../learner.js";
import { type AdaptedModel, type InnerLoop, recorded, trajectory } from "./gradient-adaptation.js";

/** Statistics by path within a model as statistics by path within parameters that hold the model's under a name. */
function below(name: string | undefined, statistics: StatisticsByPath): StatisticsByPath {
  if (name === undefined) return statistics;
  return Object.fromEntries(
    Object.entries(statistics).map(([at, found]) => [at === "" ? name : `${name}/${at}`, found]),
  );
}

/** A learner that adapts by the inner loop and whose meta-gradient is the gradient of the query loss through it. */
export function gradientLearner<X extends Tree, Y extends Tree, Out extends Tree>(options: {
  readonly name: string;
  readonly description: Learner["description"];
  readonly loss: Loss<Out, Y>;
  readonly model: Layer<Tree, X, Out>;
  readonly steps: number;
  readonly init: Learner["init"];
  /** The inner loop under given meta-parameters, and the parameters it starts from. */
  readonly loopFor: (
    params: Tree,
    options: MetaGradientOptions,
  ) => { readonly loop: InnerLoop<X, Y, Out>; readonly params: Tree };
  /** What the query losses after 1, ..., K steps count in the outer loss; undefined where it is the last one alone. */
  readonly stepWeights?: (options: MetaGradientOptions) => readonly Tensor[] | undefined;
  /** Where in the meta-parameters the model's are; they are the model's own by default. */
  readonly modelPath?: string;
}): Learner<Tree, AdaptedModel, X, Y, Out> {
  const { name, description, loss, model, steps, init, loopFor, stepWeights, modelPath } = options;
  const run = (
    params: Tree,
    support: Examples<X, Y>,
    count: number,
    context: ApplyContext,
    how: MetaGradientOptions,
  ) => {
    const { loop, params: start } = loopFor(params, how);
    return trajectory({ ...loop, recompute: how.recompute ?? 0 }, start, support, count, context);
  };
  return {
    name,
    description,
    loss,
    steps,
    recomputes: true,
    init,
    metaGradient: (params, { support, query }, key, how = {}) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const outer = (at: Tree) => {
        const { params: came, statistics: ofSteps } = run(at, support, steps, context, how);
        /** What the model predicts after so many steps. */
        const after = (step: number) => {
          const applied = { ...context, step };
          return predicted(model, withSupport({ model, loss }, came[step]!, support, applied), query, {
            ...applied,
            ...(step < steps ? { pass: `queries after step ${step}` } : {}),
          });
        };
        const lossAfter = (step: number): Tensor => {
          const judge = (): Tensor => overPresent(loss, after(step).output, query);
          return how.recompute ? recomputed(judge) : judge();
        };
        const { output, statistics: last } = after(steps);
        const { loss: lastLoss, metrics } = measured(loss, output, query);
        const statistics = { ...ofSteps, ...last };
        const weights = stepWeights?.(how);
        if (!weights) return [lastLoss, { loss: lastLoss, metrics, statistics }] as const;
        const outerLoss = weights
          .slice(0, -1)
          .reduce((total, weight, k) => add(total, mul(lossAfter(k + 1), weight)), mul(lastLoss, weights.at(-1)!));
        return [outerLoss, { loss: lastLoss, metrics: { ...metrics, outerLoss }, statistics }] as const;
      };
      const { gradient, auxiliary } = valueAndGrad(outer)(params);
      const { loss: queryLoss, metrics, statistics } = auxiliary;
      return { loss: queryLoss, gradient, metrics, statistics: below(modelPath, statistics) };
    },
    adapt: (params, support, { steps: count = steps } = {}) => {
      const arrived = run(params, support, count, { phase: "predict" }, {}).params.at(-1)!;
      return withSupport({ model, loss }, arrived, support, { phase: "predict", step: count });
    },
    predict: predictor(model),
  };
}

/**
 * Adapted parameters with what predictions need to know: of the support set, and which step they came by.
 *
 * Of a loss over classes that is which of them have no support example. Training asks only where tasks are padded: those
 * that are not have examples of all classes.
 */
export function withSupport(
  { model, loss }: { readonly model: Layer<Tree, Tree, Tree>; readonly loss: Pick<Loss, "overClasses"> },
  adapted: Tree,
  support: Examples<Tree, Tree>,
  context: ApplyContext,
): AdaptedModel {
  const params = context.step === undefined ? adapted : withNormOfStep(adapted, context.step);
  const { output, statistics } = recorded(model, params, support, context);
  const mayLackClasses = support.present !== undefined || context.phase === "predict";
  if (!loss.overClasses || !mayLackClasses) return { params, statistics };
  // A loss over classes is of logits, one tensor of them, and of labels, another.
  const logits = output as Tensor;
  const members = sum(memberships(support as Examples<Tree>, logits.shape[1]!), 0);
  return { params, statistics, absent: cast(greater(0.5, members), logits.dtype) };
}

/** A model's outputs for query examples; classes without support examples are out of the question. */
export function predicted<X extends Tree, Out extends Tree>(
  model: Layer<Tree, X, Out>,
  task: AdaptedModel,
  query: Examples<X, Tree>,
  context: ApplyContext,
): { readonly output: Out; readonly statistics: StatisticsByPath } {
  const { output, statistics } = recorded(model, task.params, query, { ...context, given: task.statistics });
  return { output: withoutAbsent(output, task), statistics };
}

/** The `predict` of learners whose adapted model is the model with other parameters. */
export const predictor =
  <X extends Tree, Out extends Tree>(model: Layer<Tree, X, Out>) =>
  (task: AdaptedModel, x: X, present?: Tensor): Out =>
    withoutAbsent(model.apply(task.params, x, { given: task.statistics, ...(present ? { present } : {}) }), task);

const withoutAbsent = <Out extends Tree>(logits: Out, { absent }: AdaptedModel): Out =>
  absent ? mapTree((z) => sub(z, mul(absent, 1e9)), logits) : logits;
