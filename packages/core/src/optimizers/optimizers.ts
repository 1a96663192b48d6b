/** The usual optimizers by their names: chains whose parts keep their state under one roof, as checkpoints have it. */
import { add, Tensor, type Tree } from "@innerloop/graph";
import type { Optimizer } from "./gradient-transformation.js";
import { describeRate, type LearningRate, noUpdates, type OptimizerOption } from "./schedules.js";
import { descend, momentum, scaleByAdam, scaleByRms, weightDecay } from "./transformations.js";

/** `adam(0.001, beta1 0)`: the options that are not what they are by default. */
function described(
  name: string,
  rate: LearningRate,
  options: readonly (readonly [name: string, value: OptimizerOption | boolean, byDefault: number | boolean])[],
): string {
  const others = options.flatMap(([option, value, byDefault]) =>
    value === byDefault ? [] : [value === true ? option : `${option} ${value instanceof Tensor ? "learned" : value}`],
  );
  return `${name}(${[describeRate(rate), ...others].join(", ")})`;
}

type State = { readonly [name: string]: Tree };

/**
 * A chain whose parts keep one record together. What two of them call alike is the same: the count of updates, which
 * corrections and schedules both go by.
 */
function together(description: string, parts: readonly Optimizer[]): Optimizer {
  return {
    description,
    ...(parts.every((part) => part.stateless) ? { stateless: true } : {}),
    init: (params) => Object.assign({}, ...parts.map((part) => part.init(params)).reverse()) as State,
    update: (gradient, state, params) => {
      let updates = gradient;
      const next: { [name: string]: Tree } = {};
      for (const part of parts) {
        const found = part.update(updates, state, params);
        updates = found.updates;
        Object.assign(next, found.state);
      }
      // In the order that they came in.
      return { updates, state: Object.fromEntries(Object.keys(state).map((name) => [name, next[name]!])) };
    },
  };
}

/** A part that counts updates, for optimizers whose checkpoints hold their number whether or not they need it. */
const counting: Optimizer = {
  description: "count",
  init: (params) => ({ count: noUpdates(params) }),
  update: (gradient, state) => ({
    updates: gradient,
    state: { count: add((state as { readonly count: Tensor }).count, 1) },
  }),
};

/**
 * Stochastic gradient descent: w <- w - rate g. With momentum m (Polyak 1964): v <- m v + g, w <- w - rate v;
 * Nesterov's form steps along g + m v. It is chain(weightDecay, momentum, descend).
 */
export function sgd(options: {
  readonly learningRate: LearningRate;
  readonly momentum?: OptimizerOption;
  readonly nesterov?: boolean;
  /** Added to the gradient: g + weightDecay w. */
  readonly weightDecay?: OptimizerOption;
}): Optimizer {
  const { learningRate, momentum: m = 0, nesterov = false, weightDecay: decay = 0 } = options;
  const description = described("sgd", learningRate, [
    ["momentum", m, 0],
    ["nesterov", nesterov, false],
    ["weight decay", decay, 0],
  ]);
  return together(description, [
    ...(decay ? [weightDecay(decay)] : []),
    ...(m ? [momentum(m, { nesterov })] : []),
    descend(learningRate),
  ]);
}

/** Options of `adam`. */
export interface AdamOptions {
  readonly learningRate: LearningRate;
  readonly beta1?: OptimizerOption;
  readonly beta2?: OptimizerOption;
  /** Where |g| is well above it, nothing depends on it. */
  readonly epsilon?: OptimizerOption;
}

/**
 * Adam (Kingma & Ba 2015): w <- w - rate m' / sqrt(v' + epsilon^2), which is chain(scaleByAdam, descend): see
 * `scaleByAdam` for m' and v', and for where we differ from the paper.
 */
export function adam(options: AdamOptions): Optimizer {
  return adamLike("adam", options, 0, 0);
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019): w <- w - rate (m' / sqrt(v' + epsilon^2) + weightDecay
 * w), which is chain(scaleByAdam, weightDecay, descend).
 */
export function adamW(options: AdamOptions & { readonly weightDecay?: OptimizerOption }): Optimizer {
  return adamLike("adamW", options, options.weightDecay ?? 0.01, 0.01);
}

function adamLike(name: string, options: AdamOptions, decay: OptimizerOption, usualDecay: number): Optimizer {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const description = described(name, learningRate, [
    ["beta1", beta1, 0.9],
    ["beta2", beta2, 0.999],
    ["epsilon", epsilon, 1e-8],
    ["weight decay", decay, usualDecay],
  ]);
  return together(description, [
    scaleByAdam({ beta1, beta2, epsilon }),
    ...(decay ? [weightDecay(decay)] : []),
    descend(learningRate),
  ]);
}

/**
 * RMSprop (Tieleman & Hinton 2012): v <- d v + (1 - d) g^2, w <- w - rate g / sqrt(v + epsilon^2), which is
 * chain(scaleByRms, descend).
 */
export function rmsProp(options: {
  readonly learningRate: LearningRate;
  readonly decay?: OptimizerOption;
  readonly epsilon?: OptimizerOption;
}): Optimizer {
  const { learningRate, decay = 0.9, epsilon = 1e-8 } = options;
  const description = described("rmsProp", learningRate, [
    ["decay", decay, 0.9],
    ["epsilon", epsilon, 1e-8],
  ]);
  return together(description, [scaleByRms({ decay, epsilon }), counting, descend(learningRate)]);
}
