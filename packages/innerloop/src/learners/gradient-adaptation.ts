/** The inner loop that all gradient-based learners share. */
import {
  GraphError,
  grad,
  leaves,
  mapTree,
  paths,
  recomputed,
  stopGradient,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import type { ApplyContext, Layer, Statistics, StatisticsByPath } from "../layers/layer.js";
import type { Loss } from "../losses.js";
import type { Optimizer } from "../optimizers.js";
import type { Examples } from "../tasks/task.js";
import { overPresent } from "./learner.js";

/** A model adapted to one task by gradient steps. */
export type AdaptedModel = {
  readonly params: Tree;
  /** Statistics of the support set under the adapted parameters, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** [classes], where the support set is padded: 1 for classes that it has no example of. */
  readonly absent?: Tensor;
};

export interface InnerLoop {
  readonly model: Layer;
  readonly loss: Loss;
  readonly inner: Optimizer;
  /** 2 differentiates through the inner gradients, 1 holds them constant. */
  readonly order: 1 | 2;
  /** Which parameters adapt, by path; all by default. */
  readonly adapts?: (path: string) => boolean;
  /** The rows of the support set that a step sees; all by default. */
  readonly minibatch?: (support: Examples, step: number) => Examples;
  /** So many steps at a time are computed again for the gradient through them; 0, the default: none. */
  readonly recompute?: number;
}

type ByPath = { readonly [path: string]: Tensor };

/**
 * theta_0 = theta; theta_{k+1} = update(theta_k, grad L(theta_k; support)) for k < steps (Finn et al. 2017, eq. 1).
 *
 * Only parameters that `adapts` names move; the others are shared by all tasks.
 */
export function innerLoop(
  loop: InnerLoop,
  params: Tree,
  support: Examples,
  steps: number,
  context: ApplyContext,
): Tree {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new GraphError("IL102", "adapt", `${steps} inner steps`, "Use a whole number, 0 or more");
  }
  const names = paths(params);
  const all: ByPath = Object.fromEntries(leaves(params).map((leaf, i) => [names[i]!, leaf]));
  const chosen = names.filter((path) => !isRunningStatistic(path) && (loop.adapts?.(path) ?? true));
  if (chosen.length === 0) {
    throw new GraphError(
      "IL102",
      "adapt",
      `none of the parameters ${names.join(", ")} adapts`,
      "Choose paths of the model's parameters",
    );
  }
  const assembled = (fast: ByPath): Tree => {
    let at = 0;
    return mapTree((leaf) => fast[names[at++]!] ?? leaf, params);
  };
  let fast: ByPath = Object.fromEntries(chosen.map((path) => [path, all[path]!]));
  let state = loop.inner.init(fast);
  const take = (step: number): void => {
    const batch = loop.minibatch?.(support, step) ?? support;
    const gradient = grad((at: ByPath) => {
      const output = loop.model.apply(assembled(at), batch.x, {
        ...contextOf(context, batch),
        pass: `step ${step}`,
        step,
      });
      return overPresent(loop.loss, output, batch);
    })(fast);
    const used = loop.order === 1 ? mapTree((g) => stopGradient(g), gradient) : gradient;
    ({ params: fast, state } = loop.inner.update(used, state, fast));
  };
  const recompute = loop.recompute ?? 0;
  const stretch = recompute > 0 ? recompute : steps;
  for (let from = 0; from < steps; from += stretch) {
    const run = (): void => {
      for (let step = from; step < Math.min(from + stretch, steps); step++) take(step);
    };
    if (recompute > 0) recomputed(run);
    else run();
  }
  return assembled(fast);
}

/** Whether a path is that of a running average, which is kept beside the parameters but not trained. */
export const isRunningStatistic = (path: string): boolean => /(^|\/)running(Mean|Variance)$/.test(path);

/** A context for examples: what they have of padding goes with them. */
export const contextOf = (context: ApplyContext, { present }: Examples): ApplyContext =>
  present ? { ...context, present } : context;

/** A model's outputs for examples with the statistics that its layers report on the way. */
export function recorded(
  model: Layer,
  params: Tree,
  examples: Examples,
  context: ApplyContext,
): { readonly output: Tensor; readonly statistics: StatisticsByPath } {
  const statistics: { [path: string]: Statistics } = {};
  const output = model.apply(params, examples.x, {
    ...contextOf(context, examples),
    record: (path, found) => {
      statistics[path] = found;
    },
  });
  return { output, statistics };
}

/** Paths below the model's head, or all others. */
export function headPaths(model: Layer, which: "head" | "body"): (path: string) => boolean {
  const { head } = model;
  if (head === undefined) {
    throw new GraphError(
      "IL102",
      which === "head" ? "anil" : "boil",
      "the model does not say which part is its head",
      "Set `head` to the path of its last layer, or use sequential([...])",
    );
  }
  const inHead = (path: string): boolean => path === head || path.startsWith(`${head}/`);
  return which === "head" ? inHead : (path) => !inHead(path);
}
