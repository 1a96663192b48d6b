/** The inner loop that all gradient-based learners share. */
import {
  add,
  div,
  GraphError,
  mapTree,
  max,
  mul,
  namedLeaves,
  paths,
  recomputed,
  scalar,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { ApplyContext, Layer, Statistics, StatisticsByPath } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Optimizer } from "../../optimizers/optimizers.js";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";
import { overPresent } from "../learner.js";
import { notWarped } from "./warped.js";

/** A model adapted to one task by gradient steps. */
export type AdaptedModel = {
  readonly params: Tree;
  /** Statistics of the support set under the adapted parameters, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** [classes], where the support set is padded: 1 for classes that it has no example of. */
  readonly absent?: Tensor;
};

/** Settings of the inner loop that all gradient-based learners share. */
export interface InnerLoop<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor> {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  readonly inner: Optimizer;
  /** 2 differentiates through the inner gradients, 1 holds them constant. */
  readonly order: 1 | 2;
  /** Which parameters adapt, by path; all by default. */
  readonly adapts?: (path: string) => boolean;
  /** How much of the second order a loop of order 2 has: inner gradients g are used as a g + (1 - a) stopGradient(g); 1 by default. */
  readonly secondOrder?: Tensor;
  /** lambda of the term lambda / 2 |theta_k - theta_0|^2 that the loss gets, over parameters that adapt. None by default. */
  readonly proximal?: number | Tensor;
  /** Mini-batch `index` of the support set; all of it by default. */
  minibatch?(support: Examples<X, Y>, index: number): Examples<X, Y>;
  /** Mini-batches that make one step: their mean gradient, by rows. 1 by default. */
  readonly accumulate?: number;
  /** So many steps at a time are computed again for the gradient through them; 0, the default: none. */
  readonly recompute?: number;
}

type ByPath = { readonly [path: string]: Tensor };

/** The parameters that an inner loop came by. */
export interface Trajectory {
  /** theta_0, ..., theta_K. */
  readonly params: readonly [Tree, ...Tree[]];
  /** What a normalisation of its own for each step has seen in training, by path. */
  readonly statistics: StatisticsByPath;
}

/**
 * theta_0 = theta; theta_{k+1} = update(theta_k, grad L(theta_k; support)) for k < steps (Finn et al. 2017, eq. 1).
 *
 * Only parameters that `adapts` names move; the others are shared by all tasks, as are those of warped layers.
 *
 * @returns theta_K
 */
export function innerLoop(
  loop: InnerLoop<Tree, Tree, Tree>,
  params: Tree,
  support: Examples<Tree, Tree>,
  steps: number,
  context: ApplyContext,
): Tree {
  return trajectory(loop, params, support, steps, context).params.at(-1)!;
}

/** The inner loop with all that it comes by. */
export function trajectory(
  loop: InnerLoop<Tree, Tree, Tree>,
  params: Tree,
  support: Examples<Tree, Tree>,
  steps: number,
  context: ApplyContext,
): Trajectory {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new GraphError("IL102", "adapt", `${steps} inner steps`, "Use a whole number, 0 or more");
  }
  const start = adaptingByPath(params, loop.adapts);
  const names = paths(params);
  const assembled = (fast: ByPath): Tree => {
    let at = 0;
    return mapTree((leaf) => fast[names[at++]!] ?? leaf, params);
  };
  let fast = start;
  let state = loop.inner.init(fast);
  let statistics: StatisticsByPath = {};
  const came: [Tree, ...Tree[]] = [assembled(fast)];
  const { accumulate = 1 } = loop;
  /** The gradient of one mini-batch at the parameters of a step. */
  const gradientOf = (step: number, part: number): StepGradient => {
    const batch = loop.minibatch?.(support, step * accumulate + part) ?? support;
    const pass = accumulate === 1 ? `step ${step}` : `step ${step}, mini-batch ${part}`;
    const { gradient, auxiliary } = valueAndGrad((at: ByPath) => {
      const applied = { ...context, pass, step };
      const { output, statistics } = hasStatisticsOfSteps(loop.model, context)
        ? recorded(loop.model, assembled(at), batch, applied)
        : { output: loop.model.apply(assembled(at), batch.x, contextOf(applied, batch)), statistics: {} };
      const loss = overPresent(loop.loss, output, batch);
      return [loop.proximal ? add(loss, proximalTerm(at, start, loop.proximal)) : loss, statistics] as const;
    })(fast);
    return { gradient, statistics: auxiliary, batch };
  };
  const take = (step: number): void => {
    const found = meanOfParts(Array.from({ length: accumulate }, (_, part) => gradientOf(step, part)));
    const used = mapTree((g) => ofOrder(g, loop), found.gradient);
    statistics = { ...statistics, ...found.statistics };
    ({ params: fast, state } = loop.inner.update(used, state, fast));
    came.push(assembled(fast));
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
  return { params: came, statistics };
}

/**
 * The parameters that adapt, by path: those that `adapts` names, but for running averages and parameters of warped
 * layers.
 *
 * @throws IL102 where none does
 */
export function adaptingByPath(params: Tree, adapts: (path: string) => boolean = () => true): ByPath {
  const all = namedLeaves(params);
  const chosen = all.filter(([path]) => !isRunningStatistic(path) && notWarped(path) && adapts(path));
  if (chosen.length === 0) {
    const problem = `none of the parameters ${all.map(([path]) => path).join(", ")} adapts`;
    throw new GraphError("IL102", "adapt", problem, "Choose paths of the model's parameters");
  }
  return Object.fromEntries(chosen);
}

/**
 * The check of learners that report no statistics of their steps.
 *
 * @throws IL102 where its batch normalisation tells inner steps apart
 */
export function requireSharedNorm(operation: string, { batchNormSteps }: Pick<Layer, "batchNormSteps">): void {
  if (batchNormSteps === undefined) return;
  throw new GraphError(
    "IL102",
    operation,
    `the model's batch normalisation tells ${batchNormSteps} inner steps apart`,
    "Build the model without batchNormSteps: maml, its variants and mamlPlusPlus train what a step has of its own",
  );
}

/** Whether steps have running statistics of their own, which are to be moved by what the steps see. */
const hasStatisticsOfSteps = (model: Pick<Layer, "batchNormSteps">, { phase }: ApplyContext): boolean =>
  model.batchNormSteps !== undefined && phase === "train";

/** An inner gradient as the update takes it: held constant, differentiable, or in between. */
function ofOrder(g: Tensor, { order, secondOrder }: Pick<InnerLoop, "order" | "secondOrder">): Tensor {
  if (order === 1) return stopGradient(g);
  return secondOrder ? add(mul(g, secondOrder), mul(stopGradient(g), sub(1, secondOrder))) : g;
}

/** strength / 2 |at - start|^2 */
function proximalTerm(at: ByPath, start: ByPath, strength: number | Tensor): Tensor {
  const squares = Object.entries(at).map(([path, w]) => {
    const moved = sub(w, start[path]!);
    return sum(mul(moved, moved));
  });
  const half = typeof strength === "number" ? strength / 2 : mul(strength, 0.5);
  return mul(
    squares.reduce((a, b) => add(a, b)),
    half,
  );
}

interface StepGradient {
  readonly gradient: ByPath;
  readonly statistics: StatisticsByPath;
  readonly batch: Examples<Tree, Tree>;
}

/** The mean of gradients and statistics over mini-batches, each counting by the rows that it has. */
function meanOfParts(parts: readonly StepGradient[]): Pick<StepGradient, "gradient" | "statistics"> {
  const [first, ...others] = parts as [StepGradient, ...StepGradient[]];
  if (others.length === 0) return first;
  const rows = parts.map(({ batch }) => (batch.present ? sum(batch.present) : scalar(rowsOf(batch.x))));
  const total = max(
    rows.reduce((a, b) => add(a, b)),
    1,
  );
  const shares = rows.map((count) => div(count, total));
  const averaged = <T extends Tree>(trees: readonly [T, ...T[]]): T =>
    mapTree(
      (...found) => found.map((x, part) => mul(x, shares[part]!)).reduce((a, b) => add(a, b)),
      ...(trees as [T, ...T[]]),
    );
  return averaged([first, ...others].map(({ gradient, statistics }) => ({ gradient, statistics })) as [Averaged]);
}

type Averaged = { readonly gradient: ByPath; readonly statistics: StatisticsByPath };

/** Whether a path is that of a running average, which is kept beside the parameters but not trained. */
export const isRunningStatistic = (path: string): boolean => /(^|\/)running(Mean|Variance)$/.test(path);

/** A context for examples: what they have of padding goes with them. */
export const contextOf = (context: ApplyContext, { present }: Pick<Examples, "present">): ApplyContext =>
  present ? { ...context, present } : context;

/** A model's outputs for examples with the statistics that its layers report on the way. */
export function recorded<X extends Tree, Out extends Tree>(
  model: Layer<Tree, X, Out>,
  params: Tree,
  examples: Examples<X, Tree>,
  context: ApplyContext,
): { readonly output: Out; readonly statistics: StatisticsByPath } {
  const statistics: { [path: string]: Statistics } = {};
  const output = model.apply(params, examples.x, {
    ...contextOf(context, examples),
    record: (path, found) => {
      statistics[path] = found;
    },
  });
  return { output, statistics };
}

/**
 * Paths below the model's head, or all others.
 *
 * @param operation the function that users call, for errors
 * @throws IL102 where the model does not say which part is its head
 */
export function headPaths(
  operation: string,
  model: Pick<Layer, "head">,
  which: "head" | "body",
): (path: string) => boolean {
  const { head } = model;
  if (head === undefined) {
    throw new GraphError(
      "IL102",
      operation,
      "the model does not say which part is its head",
      "Set `head` to the path of its last layer, or use sequential([...])",
    );
  }
  const inHead = (path: string): boolean => path === head || path.startsWith(`${head}/`);
  return which === "head" ? inHead : (path) => !inHead(path);
}
