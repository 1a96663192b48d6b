/**
 * Optimizers, written once in graph operations: outside they are compiled, inside a learner's inner loop they are
 * differentiated through. Roots carry their epsilon inside, so that the derivative at a gradient of 0 is finite.
 */
import {
  add,
  allocate,
  clip,
  cos,
  div,
  floor,
  GraphError,
  leaves,
  mapTree,
  min,
  mul,
  pow,
  scalar,
  sqrt,
  sub,
  sum,
  Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";

/** A rate that depends on how many updates came before: scalar -> scalar, both of the parameters' type. */
export type Schedule = (count: Tensor) => Tensor;

/** A number, a schedule, a scalar tensor, or a tree with a rate for each parameter (or each of its elements). */
export type LearningRate<Params extends Tree = Tree> = number | Schedule | Params | Tensor;

/** A number that may be learned: a scalar tensor where it is. */
export type OptimizerOption = number | Tensor;

/** An optimizer of the inner or outer loop: a first state, and an update in graph operations. */
export interface Optimizer {
  /** For reports, and to tell the checkpoints of one setting from another's: the optimizer and its options. */
  readonly description: string;
  /** First state for parameters; its leaves have values. */
  init(params: Tree): Tree;
  /** Parameters and state after one step against the gradient. */
  update<P extends Tree>(gradient: P, state: Tree, params: P): { readonly params: P; readonly state: Tree };
}

const zeroTree = (params: Tree): Tree =>
  mapTree((leaf) => tensor(allocate(leaf.dtype, leaf.size), leaf.shape, leaf.dtype), params);

function describeRate(rate: LearningRate): string {
  return typeof rate === "number" ? String(rate) : typeof rate === "function" ? rate.name || "a schedule" : "learned";
}

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

/** Parameters minus rate times direction, leaf by leaf. */
function moved<P extends Tree>(params: P, direction: P, rate: LearningRate, count: Tensor): P {
  if (typeof rate === "number") return mapTree((w, d) => sub(w, mul(d, rate)), params, direction);
  if (typeof rate === "function") {
    const now = rate(count);
    return mapTree((w, d) => sub(w, mul(d, now)), params, direction);
  }
  if (rate instanceof Tensor) return mapTree((w, d) => sub(w, mul(d, rate)), params, direction);
  return mapTree((w, d, r) => sub(w, mul(d, r)), params, direction, rate as P);
}

/** Updates done so far, in the parameters' own type: rates and corrections that follow from it are of that type too. */
const count0 = (params: Tree): Tensor => tensor(0, [], leaves(params)[0]?.dtype ?? "float32");

type WithCount = { readonly count: Tensor };

const oneMinus = (x: OptimizerOption): OptimizerOption => (typeof x === "number" ? 1 - x : sub(1, x));
const squared = (x: OptimizerOption): OptimizerOption => (typeof x === "number" ? x * x : mul(x, x));

const usesCount = (rate: LearningRate): boolean => typeof rate === "function";

/**
 * Stochastic gradient descent: w <- w - rate g. With momentum m (Polyak 1964): v <- m v + g, w <- w - rate v;
 * Nesterov's form steps along g + m v.
 */
export function sgd(options: {
  readonly learningRate: LearningRate;
  readonly momentum?: OptimizerOption;
  readonly nesterov?: boolean;
  /** Added to the gradient: g + weightDecay w. */
  readonly weightDecay?: OptimizerOption;
}): Optimizer {
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    description: described("sgd", learningRate, [
      ["momentum", momentum, 0],
      ["nesterov", nesterov, false],
      ["weight decay", weightDecay, 0],
    ]),
    init: (params) => ({
      ...(usesCount(learningRate) ? { count: count0(params) } : {}),
      ...(momentum ? { velocity: zeroTree(params) } : {}),
    }),
    update: <P extends Tree>(gradient: P, state: Tree, params: P) => {
      const { count, velocity } = state as { count?: Tensor; velocity?: P };
      const decayed = weightDecay ? mapTree((g, w) => add(g, mul(w, weightDecay)), gradient, params) : gradient;
      const speed = velocity && mapTree((v, g) => add(mul(v, momentum), g), velocity, decayed);
      const direction = !speed
        ? decayed
        : nesterov
          ? mapTree((v, g) => add(mul(v, momentum), g), speed, decayed)
          : speed;
      return {
        params: moved(params, direction, learningRate, count ?? scalar(0)),
        state: { ...(count ? { count: add(count, 1) } : {}), ...(speed ? { velocity: speed } : {}) },
      };
    },
  };
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
 * Adam (Kingma & Ba 2015): m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, w <- w - rate m' / sqrt(v' + epsilon^2)
 * with the bias-corrected m' = m / (1 - b1^t) and v' = v / (1 - b2^t). The paper divides by sqrt(v') + epsilon, whose
 * derivative at v = 0 is infinite; ours is finite, and equal where v is well above epsilon^2.
 */
export function adam(options: AdamOptions): Optimizer {
  return adamLike("adam", options, 0);
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019): w <- w - rate (m' / sqrt(v' + epsilon^2) + weightDecay
 * w).
 */
export function adamW(options: AdamOptions & { readonly weightDecay?: OptimizerOption }): Optimizer {
  return adamLike("adamW", options, options.weightDecay ?? 0.01);
}

function adamLike(name: string, options: AdamOptions, weightDecay: OptimizerOption): Optimizer {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    description: described(name, learningRate, [
      ["beta1", beta1, 0.9],
      ["beta2", beta2, 0.999],
      ["epsilon", epsilon, 1e-8],
      ["weight decay", weightDecay, name === "adamW" ? 0.01 : 0],
    ]),
    init: (params) => ({
      count: count0(params),
      ...(beta1 ? { first: zeroTree(params) } : {}),
      second: zeroTree(params),
    }),
    update: <P extends Tree>(gradient: P, state: Tree, params: P) => {
      const { count, first, second } = state as WithCount & { first?: P; second: P };
      const t = add(count, 1);
      const m = first
        ? mapTree((have, g) => add(mul(have, beta1), mul(g, oneMinus(beta1))), first, gradient)
        : gradient;
      const v = mapTree((have, g) => add(mul(have, beta2), mul(mul(g, g), oneMinus(beta2))), second, gradient);
      const correction = (beta: OptimizerOption): Tensor =>
        div(1, sub(1, pow(typeof beta === "number" ? scalar(beta, t.dtype) : beta, t)));
      const [correct1, correct2] = [correction(beta1), correction(beta2)];
      const direction = mapTree(
        (mean, square, w) => {
          const step = div(first ? mul(mean, correct1) : mean, sqrt(add(mul(square, correct2), squared(epsilon))));
          return weightDecay ? add(step, mul(w, weightDecay)) : step;
        },
        m,
        v,
        params,
      );
      return {
        params: moved(params, direction, learningRate, count),
        state: { count: t, ...(first ? { first: m } : {}), second: v },
      };
    },
  };
}

/** RMSprop (Tieleman & Hinton 2012): v <- d v + (1 - d) g^2, w <- w - rate g / sqrt(v + epsilon^2). */
export function rmsProp(options: {
  readonly learningRate: LearningRate;
  readonly decay?: OptimizerOption;
  readonly epsilon?: OptimizerOption;
}): Optimizer {
  const { learningRate, decay = 0.9, epsilon = 1e-8 } = options;
  return {
    description: described("rmsProp", learningRate, [
      ["decay", decay, 0.9],
      ["epsilon", epsilon, 1e-8],
    ]),
    init: (params) => ({ count: count0(params), second: zeroTree(params) }),
    update: <P extends Tree>(gradient: P, state: Tree, params: P) => {
      const { count, second } = state as WithCount & { second: P };
      const v = mapTree((have, g) => add(mul(have, decay), mul(mul(g, g), oneMinus(decay))), second, gradient);
      const direction = mapTree((g, square) => div(g, sqrt(add(square, squared(epsilon)))), gradient, v);
      return { params: moved(params, direction, learningRate, count), state: { count: add(count, 1), second: v } };
    },
  };
}

/** Each element of the gradient cut to +-limit before the optimizer sees it. */
export function clipByValue(optimizer: Optimizer, limit: number): Optimizer {
  requirePositive("clipByValue", limit);
  return before(optimizer, `clip ${limit}`, (gradient) => mapTree((g) => clip(g, -limit, limit), gradient));
}

/** The whole gradient shortened to `limit` where its Euclidean norm is larger (Pascanu et al. 2013). */
export function clipByGlobalNorm(optimizer: Optimizer, limit: number): Optimizer {
  requirePositive("clipByGlobalNorm", limit);
  return before(optimizer, `clip norm ${limit}`, (gradient) => {
    const squares = leaves(gradient).map((g) => sum(mul(g, g)));
    const length = sqrt(
      add(
        squares.reduce((a, b) => add(a, b)),
        1e-24,
      ),
    );
    const factor = min(div(limit, length), 1);
    return mapTree((g) => mul(g, factor), gradient);
  });
}

function requirePositive(name: string, limit: number): void {
  if (!(limit > 0)) throw new GraphError("IL102", name, `${limit}`, "Use a number above 0");
}

function before(optimizer: Optimizer, what: string, change: <P extends Tree>(gradient: P) => P): Optimizer {
  return {
    description: `${optimizer.description}, ${what}`,
    init: optimizer.init,
    update: (gradient, state, params) => optimizer.update(change(gradient), state, params),
  };
}

/** From `from` to `to` in a straight line over `steps` updates, then constant. */
export function linearSchedule(from: number, to: number, steps: number): Schedule {
  requirePositive("linearSchedule", steps);
  return Object.defineProperty((count: Tensor) => add(mul(min(div(count, steps), 1), to - from), from), "name", {
    value: `linear ${from} to ${to} over ${steps}`,
  });
}

/**
 * Half a cosine from `from` to `to` over `steps` updates, then constant (Loshchilov & Hutter 2017, without restarts).
 */
export function cosineSchedule(from: number, to: number, steps: number): Schedule {
  requirePositive("cosineSchedule", steps);
  const rate: Schedule = (count) => add(mul(add(cos(mul(min(div(count, steps), 1), Math.PI)), 1), (from - to) / 2), to);
  return Object.defineProperty(rate, "name", { value: `cosine ${from} to ${to} over ${steps}` });
}

/** `from`, multiplied by `factor` every `every` updates. */
export function stepSchedule(from: number, factor: number, every: number): Schedule {
  requirePositive("stepSchedule", every);
  const rate: Schedule = (count) => mul(pow(scalar(factor, count.dtype), floor(div(count, every))), from);
  return Object.defineProperty(rate, "name", { value: `${from} times ${factor} every ${every}` });
}
