import {
  add,
  div,
  GraphError,
  grad,
  hessianVectorProduct,
  leaves,
  mapTree,
  mul,
  namedLeaves,
  paths,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";
import type { Loss } from "../../losses/losses.js";
import type { Optimizer } from "../../optimizers/gradient-transformation.js";
import { sgd } from "../../optimizers/optimizers.js";
import { conjugateGradients } from "../closed-form/linear-systems.js";
import type { Learner, TaskLearner } from "../learner.js";
import {
  type AdaptedModel,
  type Adapts,
  adaptingByPath,
  headPaths,
  type InnerLoop,
  innerLoop,
  innerSteps,
  requireSharedNorm,
  steppedBy,
} from "./gradient-adaptation.js";
import type { ObjectiveOptions } from "./maml.js";
import { requireCount } from "./mini-batches.js";
import { objectiveProblem, supervised, type TaskProblem } from "./objective.js";

/** Options of the implicit gradient, whatever the inner loop makes small. */
export interface ImplicitGradientOptions {
  /** The inner optimizer; sgd of rate 0.1 by default. */
  readonly inner?: Optimizer;
  /** Inner steps, 16 by default (as for Omniglot in the paper): the gradient is exact at their end, where the loss is flat. */
  readonly steps?: number;
  /** lambda of the inner loss's term lambda / 2 |theta' - theta|^2; 2 by default. */
  readonly lambda?: number;
  /** Steps of conjugate gradients for the meta-gradient, 5 by default; each costs two gradients of the support loss. */
  readonly conjugateGradientSteps?: number;
  /**
   * Added to lambda in the meta-gradient, which it draws towards the gradient of the query loss at phi; 0, the paper's
   * formula, by default. Worth its error where the inner loss is not at a minimum: its curvature there may come near
   * -lambda, and the meta-gradient then grows without bound. The published code adds 10.
   */
  readonly damping?: number;
}

/** Options of `implicitMaml` for a model with a loss. */
export interface ImplicitMamlOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>
  extends ImplicitGradientOptions {
  readonly model: Layer<Tree, X, Out>;
  readonly loss: Loss<Out, Y>;
  /** The trained parameters that adapt, by path; all by default. "head" and "body" as in ANIL and BOIL. */
  readonly adapts?: "all" | "head" | "body" | Adapts;
}

/** Options of `implicitMaml` for an objective. */
export interface ObjectiveImplicitMamlOptions<Data extends Tree>
  extends ImplicitGradientOptions,
    ObjectiveOptions<Data> {
  /** The trained parameters that adapt, by path; all by default. */
  readonly adapts?: "all" | Adapts;
}

type ByPath = { readonly [path: string]: Tensor };

/**
 * Implicit MAML (Rajeswaran, Finn, Kakade & Levine 2019): the inner loop minimises the support loss near the
 * meta-parameters, and the meta-gradient follows from its end point phi alone, by the implicit function theorem:
 *
 *   phi = argmin_phi L(phi; support) + lambda / 2 |phi - theta|^2   (by `steps` steps of `inner` from theta)
 *   meta-gradient = (I + H / lambda)^-1 grad L(phi; query),   H the Hessian of L( . ; support) at phi
 *
 * The inverse is applied by a fixed number of steps of conjugate gradients, whose products H v are gradients of
 * <grad L(phi), v>. Nothing of the inner steps is kept: memory does not grow with their number. Where phi has not
 * converged, or the conjugate gradients have not, the meta-gradient is an approximation.
 *
 * Parameters that do not adapt get their exact implicit gradient too: that of
 * L(phi; query) - <grad_phi L(phi; support), meta-gradient> / lambda with phi held fixed.
 *
 * @throws IL102 where `lambda`, `damping`, `steps` or `conjugateGradientSteps` are out of range, or the model's batch
 * normalisation tells steps apart
 * @example implicitMaml({ model: convNet({ imageShape: [28, 28, 1], ways: 5 }), loss: crossEntropy })
 */
export function implicitMaml<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor>(
  options: ImplicitMamlOptions<X, Y, Out>,
): Learner<Tree, AdaptedModel, X, Y, Out>;
export function implicitMaml<Data extends Tree>(
  options: ObjectiveImplicitMamlOptions<Data>,
): TaskLearner<Tree, Tree, Data>;
export function implicitMaml<X extends Tree, Y extends Tree, Out extends Tree, Data extends Tree>(
  options: ImplicitMamlOptions<X, Y, Out> | ObjectiveImplicitMamlOptions<Data>,
): Learner<Tree, AdaptedModel, X, Y, Out> | TaskLearner<Tree, Tree, Data> {
  if ("objective" in options) {
    const problem = objectiveProblem("implicitMaml", options.objective, options.init);
    return implicitLearner(problem, options, options.adapts ?? "all");
  }
  const { model, loss, adapts = "all" } = options;
  requireSharedNorm("implicitMaml", model);
  const part = adapts === "head" || adapts === "body" ? headPaths("implicitMaml", model, adapts) : undefined;
  return { ...implicitLearner(supervised(model, loss), options, adapts, { model, ...(part ? { part } : {}) }), loss };
}

function implicitLearner<Data extends Tree, Adapted extends Tree, X extends Tree, Out extends Tree>(
  problem: TaskProblem<Data, Adapted, X, Out>,
  options: ImplicitGradientOptions,
  adapts: NonNullable<ImplicitMamlOptions["adapts"]>,
  { model = {}, part }: { readonly model?: Pick<Layer, "batchNorm">; readonly part?: Adapts } = {},
): TaskLearner<Tree, Adapted, Data, X, Out> {
  const { inner = sgd({ learningRate: 0.1 }), steps = 16, lambda = 2 } = options;
  const { conjugateGradientSteps = 5, damping = 0 } = options;
  requireOptions({ lambda, damping, steps, conjugateGradientSteps });
  const strength = lambda + damping;
  const chosen = typeof adapts === "function" ? adapts : part;
  const loop: InnerLoop<Data> = {
    objective: problem.inner,
    traits: problem.traits,
    inner,
    order: 1,
    proximal: lambda,
    ...(chosen ? { adapts: chosen } : {}),
  };
  return {
    name: "iMAML",
    description: {
      steps,
      inner: inner.description,
      lambda,
      conjugateGradientSteps,
      damping,
      adapts: typeof adapts === "function" ? "chosen parameters" : adapts,
      ...(model.batchNorm ? { batchNorm: model.batchNorm } : {}),
    },
    steps,
    init: problem.init,
    metaGradient: (params, { support, query }, key) => {
      const context = { phase: "train" as const, step: steps, ...(key ? { key } : {}) };
      const constant = mapTree((leaf) => stopGradient(leaf), params);
      const arrived = innerLoop(loop, constant, support, steps, context);
      const adapted = adaptingByPath(arrived, problem.traits(), chosen);
      const others = Object.fromEntries(namedLeaves(arrived).filter(([path]) => !(path in adapted)));
      const names = paths(params);
      const assembled = (parts: ByPath): Tree => {
        let at = 0;
        return mapTree(() => parts[names[at++]!]!, params);
      };
      const supportLoss = (parts: ByPath): Tensor =>
        problem.inner(assembled(parts), support, { ...context, pass: `step ${steps}` }).loss;
      const queryLoss = (parts: ByPath) => {
        const task = problem.adapted(assembled(parts), support, context);
        const { loss, metrics = {}, statistics = {} } = problem.outer(task, query, { ...context, support });
        return [loss, { metrics, statistics }] as const;
      };
      const { value, gradient: direct, auxiliary } = valueAndGrad(queryLoss)({ ...others, ...adapted });
      const implicit = conjugateGradients(
        (v: ByPath): ByPath => {
          const product = hessianVectorProduct((at: ByPath) => supportLoss({ ...others, ...at }), adapted, v);
          return mapTree((leaf, h) => add(leaf, div(h, strength)), v, product);
        },
        among(adapted, direct),
        conjugateGradientSteps,
      );
      /** <grad_phi L(phi; support), implicit> / lambda: its derivative by the others is how they move phi. */
      const moved = (at: ByPath): Tensor => {
        const slopes = grad((fast: ByPath) => supportLoss({ ...at, ...fast }))(adapted);
        const terms = leaves(mapTree((slope, v) => sum(mul(slope, v)), slopes, implicit));
        return div(
          terms.reduce((total, term) => add(total, term)),
          strength,
        );
      };
      const explicit = leaves(others).length === 0 ? {} : mapTree(sub, among(others, direct), grad(moved)(others));
      const gradient = assembled({ ...explicit, ...implicit });
      return { loss: value, gradient, metrics: auxiliary.metrics, statistics: auxiliary.statistics };
    },
    adapt: (params, support, { steps: count = steps } = {}) => {
      const arrived = innerLoop(loop, params, support, count, { phase: "predict" });
      return problem.adapted(arrived, support, { phase: "predict", step: count });
    },
    stepped: steppedBy(
      (params, support) => innerSteps(loop, params, support, { phase: "predict" }),
      (arrived, support, step) => problem.adapted(arrived, support, { phase: "predict", step }),
    ),
    predict: problem.predict,
  };
}

/** The entries of a record that another has too. */
const among = (those: ByPath, all: ByPath): ByPath =>
  Object.fromEntries(Object.keys(those).map((path) => [path, all[path]!]));

function requireOptions(
  options: Required<Pick<ImplicitMamlOptions, "lambda" | "damping" | "steps" | "conjugateGradientSteps">>,
): void {
  const { lambda, damping, ...counts } = options;
  if (!(lambda > 0 && Number.isFinite(lambda)))
    throw new GraphError("IL102", "implicitMaml", `lambda ${lambda}`, "Use a number above 0");
  if (!(damping >= 0 && Number.isFinite(damping)))
    throw new GraphError("IL102", "implicitMaml", `damping ${damping}`, "Use a number, 0 or more");
  for (const [name, count] of Object.entries(counts)) requireCount("implicitMaml", name, count);
}
