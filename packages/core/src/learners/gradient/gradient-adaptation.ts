/** The inner loop that all gradient-based learners share. */
import {
  add,
  cast,
  div,
  GraphError,
  less,
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
  where,
} from "@innerloop/graph";
import type { ApplyContext, Layer, Statistics, StatisticsByPath } from "../../layers/layer.js";
import { type ParameterTraits, roleAt, type TraitsByPath } from "../../layers/parameter-roles.js";
import { applyUpdates, type GradientTransformation } from "../../optimizers/gradient-transformation.js";
import type { Examples } from "../../tasks/task.js";
import type { SteppedAdaptation } from "../learner.js";
import type { Objective } from "./objective.js";

/** A model adapted to one task by gradient steps. */
export type AdaptedModel = {
  readonly params: Tree;
  /** Statistics of the support set under the adapted parameters, for batch normalisation of mode "support". */
  readonly statistics: StatisticsByPath;
  /** [classes], where the support set is padded: 1 for classes that it has no example of, while it has any of others. */
  readonly absent?: Tensor;
};

/** Settings of the inner loop that all gradient-based learners share. */
export interface InnerLoop<Data extends Tree = Examples> {
  /** The function that the steps make small: `supervised(model, loss).inner` is a model's loss. */
  readonly objective: Objective<Data>;
  readonly inner: GradientTransformation;
  /** The parameters of `inner` itself, where it has some. */
  readonly innerParameters?: Tree;
  /** Traits of the parameters: `() => traitsOf(model)`. All are trained by default. */
  readonly traits?: () => TraitsByPath;
  /** 2 differentiates through the inner gradients, 1 holds them constant. */
  readonly order: 1 | 2;
  /** The trained parameters that adapt, by path; all by default. */
  readonly adapts?: Adapts;
  /** The share a of the second order that a loop of order 2 has: inner gradients g are used as a g + (1 - a) stopGradient(g); 1 by default. */
  readonly secondOrder?: Tensor;
  /** lambda of the term lambda / 2 |theta_k - theta_0|^2 that the loss gets, over parameters that adapt. None by default. */
  readonly proximal?: number | Tensor;
  /** Mini-batch `index` of the support set, a number or an int32 scalar; all of it by default. */
  readonly minibatch?: (support: Data, index: number | Tensor) => Data;
  /** Mini-batches that make one step: their mean gradient, by weight. 1 by default. */
  readonly accumulate?: number;
  /** The weight of a mini-batch in that mean, a scalar; all the same by default. */
  readonly weight?: (data: Data) => Tensor;
  /** So many steps at a time are computed again for the gradient through them; 0, the default: none. */
  readonly recompute?: number;
  /** The share that the steps from `from` on have of what they would move by; all of it by default. */
  readonly later?: { readonly from: number; readonly share: number };
}

/** The choice of the parameters that adapt, by path and by what they say of themselves where they say something. */
export type Adapts = (path: string, traits?: ParameterTraits) => boolean;

type ByPath = { readonly [path: string]: Tensor };

/** The parameters that an inner loop came by. */
export interface Trajectory {
  /** theta_0, ..., theta_K. */
  readonly params: readonly [Tree, ...Tree[]];
  /** Statistics that the objective has reported on the way, by path: of equal paths the last. */
  readonly statistics: StatisticsByPath;
}

/**
 * theta_0 = theta; theta_{k+1} = update(theta_k, grad L(theta_k; support)) for k < steps (Finn et al. 2017, eq. 1).
 *
 * Only trained parameters that `adapts` names move; the others are shared by all tasks.
 *
 * @returns theta_K
 */
export function innerLoop<Data extends Tree>(
  loop: InnerLoop<Data>,
  params: Tree,
  support: Data,
  steps: number,
  context: ApplyContext,
): Tree {
  return trajectory(loop, params, support, steps, context).params.at(-1)!;
}

/** The inner loop with all that it comes by. */
export function trajectory<Data extends Tree>(
  loop: InnerLoop<Data>,
  params: Tree,
  support: Data,
  steps: number,
  context: ApplyContext,
): Trajectory {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new GraphError("IL102", "adapt", `${steps} inner steps`, "Use a whole number, 0 or more");
  }
  const { start, take, assembled } = innerSteps(loop, params, support, context);
  let state = start;
  let statistics: StatisticsByPath = {};
  const came: [Tree, ...Tree[]] = [assembled(state)];
  const recompute = loop.recompute ?? 0;
  const stretch = recompute > 0 ? recompute : steps;
  for (let from = 0; from < steps; from += stretch) {
    const run = (): void => {
      for (let step = from; step < Math.min(from + stretch, steps); step++) {
        const next = take(state, step);
        state = next.state;
        statistics = { ...statistics, ...next.statistics };
        came.push(assembled(state));
      }
    };
    if (recompute > 0) recomputed(run);
    else run();
  }
  return { params: came, statistics };
}

/** What an inner loop carries from step to step: the parameters that adapt, and what its optimizer keeps. */
export type InnerState = { readonly fast: ByPath; readonly optimizer: Tree };

/** The steps of an inner loop. */
export interface InnerSteps {
  readonly start: InnerState;
  /** The next state. @param step the steps before it: an int32 scalar where that is known only when the program runs */
  readonly take: (
    state: InnerState,
    step: number | Tensor,
  ) => { readonly state: InnerState; readonly statistics: StatisticsByPath };
  /** All parameters, those that adapt in their places. */
  readonly assembled: (state: InnerState) => Tree;
}

/** The inner loop step by step. */
export function innerSteps<Data extends Tree>(
  loop: InnerLoop<Data>,
  params: Tree,
  support: Data,
  context: ApplyContext,
): InnerSteps {
  const start = adaptingByPath(params, loop.traits?.(), loop.adapts);
  const names = paths(params);
  const withFast = (fast: ByPath): Tree => {
    let at = 0;
    return mapTree((leaf) => fast[names[at++]!] ?? leaf, params);
  };
  const { accumulate = 1 } = loop;
  /** The gradient of one mini-batch at the parameters of a step. */
  const gradientOf = (fast: ByPath, step: number | Tensor, part: number): StepGradient<Data> => {
    const batch = loop.minibatch?.(support, mini(step, accumulate, part)) ?? support;
    const passOf = `step ${typeof step === "number" ? step : "of a loop"}`;
    const pass = accumulate === 1 ? passOf : `${passOf}, mini-batch ${part}`;
    const { gradient, auxiliary } = valueAndGrad((at: ByPath) => {
      const { loss, statistics = {} } = loop.objective(withFast(at), batch, { ...context, pass, step });
      return [loop.proximal ? add(loss, proximalTerm(at, start, loop.proximal)) : loss, statistics] as const;
    })(fast);
    return { gradient, statistics: auxiliary, batch };
  };
  return {
    start: { fast: start, optimizer: loop.inner.init(start, loop.innerParameters) },
    take: ({ fast, optimizer }, step) => {
      const parts = Array.from({ length: accumulate }, (_, part) => gradientOf(fast, step, part));
      const found = meanOfParts(parts, loop.weight);
      const used = mapTree((g) => ofOrder(g, loop), found.gradient);
      const next = loop.inner.update(used, optimizer, fast, loop.innerParameters);
      return {
        state: { fast: applyUpdates(fast, shortened(next.updates, step, loop.later)), optimizer: next.state },
        statistics: found.statistics,
      };
    },
    assembled: ({ fast }) => withFast(fast),
  };
}

/** The number of a mini-batch of a step, of all of the steps' so far. */
const mini = (step: number | Tensor, each: number, part: number): number | Tensor =>
  typeof step === "number" ? step * each + part : add(mul(step, each), part);

/** The updates of a step, shorter where it is beyond those of training. */
function shortened(updates: ByPath, step: number | Tensor, later: InnerLoop["later"]): ByPath {
  if (!later) return updates;
  if (typeof step === "number")
    return step < later.from ? updates : mapTree((update) => mul(update, later.share), updates);
  const share = where(less(step, later.from), 1, scalar(later.share));
  return mapTree((update) => mul(update, cast(share, update.dtype)), updates);
}

/**
 * The adaptation of a learner that adapts by an inner loop, step by step.
 *
 * @param steps the loop for a task
 * @param adapted the learner's adapted model, of the parameters that the loop has arrived at
 */
export function steppedBy<Data extends Tree, Adapted extends Tree>(
  steps: (params: Tree, support: Data) => InnerSteps,
  adapted: (arrived: Tree, support: Data, steps: number | Tensor) => Adapted,
): SteppedAdaptation<Tree, Adapted, Data> {
  return {
    start: (params, support) => steps(params, support).start,
    step: (params, support, state, taken) => steps(params, support).take(state as InnerState, taken).state,
    adapted: (params, support, state, count) =>
      adapted(steps(params, support).assembled(state as InnerState), support, count),
  };
}

/**
 * The parameters that adapt, by path: those that are trained, and not shared, averaged or fixed, of which `adapts`
 * chooses.
 *
 * @throws IL102 where none does
 */
export function adaptingByPath(params: Tree, traits: TraitsByPath = new Map(), adapts: Adapts = () => true): ByPath {
  const all = namedLeaves(params);
  const chosen = all.filter(([path]) => roleAt(traits, path) === "trained" && adapts(path, traits.get(path)));
  if (chosen.length === 0) {
    const problem = `none of the parameters ${all.map(([path]) => path).join(", ")} adapts`;
    throw new GraphError("IL102", "adapt", problem, "Choose paths of the model's trained parameters");
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

/** The part of an inner loop by which steps beyond those of training are shorter; nothing where they are not. */
export const laterSteps = (steps: number, share = 1): Pick<InnerLoop, "later"> =>
  share === 1 ? {} : { later: { from: steps, share } };

/**
 * The check of the share that steps beyond those of training have.
 *
 * @throws IL102 where it is not a number above 0, 1 at most
 */
export function requireLaterShare(operation: string, share = 1): void {
  if (share > 0 && share <= 1) return;
  throw new GraphError("IL102", operation, `laterShare ${share}`, "Use a share above 0, 1 at most");
}

/** An inner gradient as the update takes it: held constant, differentiable, or in between. */
function ofOrder(g: Tensor, { order, secondOrder }: Pick<InnerLoop, "order" | "secondOrder">): Tensor {
  if (order === 1) return stopGradient(g);
  if (!secondOrder) return g;
  const share = cast(secondOrder, g.dtype);
  return add(mul(g, share), mul(stopGradient(g), sub(1, share)));
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

interface StepGradient<Data extends Tree> {
  readonly gradient: ByPath;
  readonly statistics: StatisticsByPath;
  readonly batch: Data;
}

/** The mean of gradients and statistics over mini-batches, each counting by its weight. */
function meanOfParts<Data extends Tree>(
  parts: readonly StepGradient<Data>[],
  weight: (data: Data) => Tensor = () => scalar(1),
): Averaged {
  const [first, ...others] = parts as [StepGradient<Data>, ...StepGradient<Data>[]];
  if (others.length === 0) return first;
  const rows = parts.map(({ batch }) => weight(batch));
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
