/** The frame of the gradient-based learners: adapt by the inner loop, differentiate the query loss through it. */
import { add, cast, mul, recomputed, type Tensor, type Tree, valueAndGrad } from "@innerloop/graph";
import type { ApplyContext, StatisticsByPath } from "../../layers/layer.js";
import type { Examples } from "../../tasks/task.js";
import type { MetaGradientOptions, TaskLearner } from "../learner.js";
import { type AdaptedModel, type InnerLoop, innerSteps, steppedBy, trajectory } from "./gradient-adaptation.js";
import type { TaskProblem } from "./objective.js";

/** @internal Statistics by path within a model as statistics by path within parameters that hold the model's under a name. */
export function statisticsBelow(name: string | undefined, statistics: StatisticsByPath): StatisticsByPath {
  if (name === undefined) return statistics;
  return Object.fromEntries(
    Object.entries(statistics).map(([at, found]) => [at === "" ? name : `${name}/${at}`, found]),
  );
}

/** A learner that adapts by the inner loop and whose meta-gradient is the gradient of the outer objective through it. */
export function gradientLearner<
  Data extends Tree = Examples,
  Adapted extends Tree = AdaptedModel,
  X extends Tree = Tensor,
  Out extends Tree = Tensor,
>(options: {
  readonly name: string;
  readonly description: TaskLearner["description"];
  readonly problem: TaskProblem<Data, Adapted, X, Out>;
  readonly steps: number;
  readonly init: TaskLearner["init"];
  /** The inner loop under given meta-parameters, and the parameters it starts from, which may be those of the task. */
  readonly loopFor: (
    params: Tree,
    options: MetaGradientOptions,
    support: Data,
  ) => { readonly loop: InnerLoop<Data>; readonly params: Tree };
  /** Weights of the query losses after 1, ..., K steps in the outer loss; undefined where it is the last one alone. */
  readonly stepWeights?: (options: MetaGradientOptions) => readonly Tensor[] | undefined;
  /** Where in the meta-parameters the problem's are; they are its own by default. */
  readonly modelPath?: string;
}): TaskLearner<Tree, Adapted, Data, X, Out> {
  const { name, description, problem, steps, init, loopFor, stepWeights, modelPath } = options;
  const run = (params: Tree, support: Data, count: number, context: ApplyContext, how: MetaGradientOptions) => {
    const { loop, params: start } = loopFor(params, how, support);
    return trajectory({ ...loop, recompute: how.recompute ?? 0 }, start, support, count, context);
  };
  return {
    name,
    description,
    steps,
    recomputes: true,
    init,
    metaGradient: (params, { support, query }, key, how = {}) => {
      const context = { phase: "train" as const, ...(key ? { key } : {}) };
      const outer = (at: Tree) => {
        const { params: came, statistics: ofSteps } = run(at, support, steps, context, how);
        /** The outer objective after so many steps. */
        const after = (step: number) => {
          const applied = { ...context, step };
          return problem.outer(problem.adapted(came[step]!, support, applied), query, {
            ...applied,
            ...(step < steps ? { pass: `queries after step ${step}` } : {}),
            support,
          });
        };
        const lossAfter = (step: number): Tensor => {
          const judge = (): Tensor => after(step).loss;
          return how.recompute ? recomputed(judge) : judge();
        };
        const { loss: lastLoss, metrics = {}, statistics: last } = after(steps);
        const statistics = { ...ofSteps, ...last };
        const weights = stepWeights?.(how)?.map((weight) => cast(weight, lastLoss.dtype));
        if (!weights) return [lastLoss, { loss: lastLoss, metrics, statistics }] as const;
        const outerLoss = weights
          .slice(0, -1)
          .reduce((total, weight, k) => add(total, mul(lossAfter(k + 1), weight)), mul(lastLoss, weights.at(-1)!));
        return [outerLoss, { loss: lastLoss, metrics: { ...metrics, outerLoss }, statistics }] as const;
      };
      const { gradient, auxiliary } = valueAndGrad(outer)(params);
      const { loss: queryLoss, metrics, statistics } = auxiliary;
      return { loss: queryLoss, gradient, metrics, statistics: statisticsBelow(modelPath, statistics) };
    },
    adapt: (params, support, { steps: count = steps } = {}) => {
      const arrived = run(params, support, count, { phase: "predict" }, {}).params.at(-1)!;
      return problem.adapted(arrived, support, { phase: "predict", step: count });
    },
    stepped: steppedBy(
      (params, support) => {
        const { loop, params: start } = loopFor(params, {}, support);
        return innerSteps(loop, start, support, { phase: "predict" });
      },
      (arrived, support, step) => problem.adapted(arrived, support, { phase: "predict", step }),
    ),
    predict: problem.predict,
  };
}
