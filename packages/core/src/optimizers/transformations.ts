/**
 * The parts that optimizers are chained of. Roots carry their epsilon inside, so that the derivative at a gradient of 0
 * is finite.
 */
import {
  add,
  allocate,
  clip,
  div,
  leaves,
  mapTree,
  min,
  mul,
  neg,
  pow,
  scalar,
  sqrt,
  sub,
  sum,
  Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { type Optimizer, stateless } from "./gradient-transformation.js";
import {
  describeRate,
  type LearningRate,
  noUpdates,
  type OptimizerOption,
  requirePositive,
  timesRate,
} from "./schedules.js";

const zeroTree = (params: Tree): Tree =>
  mapTree((leaf) => tensor(allocate(leaf.dtype, leaf.size), leaf.shape, leaf.dtype), params);

const oneMinus = (x: OptimizerOption): OptimizerOption => (typeof x === "number" ? 1 - x : sub(1, x));
const squared = (x: OptimizerOption): OptimizerOption => (typeof x === "number" ? x * x : mul(x, x));
const shown = (x: OptimizerOption): string => (x instanceof Tensor ? "learned" : String(x));

/** Updates times a factor; a schedule is asked for the factor of the updates done so far, which are its state. */
function multiplied(description: string, factor: LearningRate, sign: 1 | -1): Optimizer {
  const times = <P extends Tree>(gradient: P, count: Tensor): P => {
    const scaled = timesRate(gradient, factor, count);
    return sign === 1 ? scaled : mapTree((leaf) => neg(leaf), scaled);
  };
  if (typeof factor !== "function") return stateless(description, (gradient) => times(gradient, scalar(0)));
  return {
    description,
    init: (params) => ({ count: noUpdates(params) }),
    update: (gradient, state) => {
      const { count } = state as { readonly count: Tensor };
      return { updates: times(gradient, count), state: { count: add(count, 1) } };
    },
  };
}

/**
 * u <- factor u. A factor below 0 makes of a gradient what is added to go downhill; `descend` takes it as a rate.
 *
 * @param factor a number, a schedule, a scalar tensor, or a tree with a factor for each parameter or element
 * @example chain(momentum(0.9), scale(-0.01))
 */
export function scale(factor: LearningRate): Optimizer {
  const description = `scale ${describeRate(factor)}`;
  // The negative of a product and the product with a negative are the same number, and the first is the usual graph.
  return typeof factor === "number" && factor < 0
    ? multiplied(description, -factor, -1)
    : multiplied(description, factor, 1);
}

/**
 * u <- -rate u: the step downhill that ends a chain.
 *
 * @param learningRate a number, a schedule, a scalar tensor, or a tree with a rate for each parameter or element
 * @example chain(clipByGlobalNorm(1), scaleByAdam(), descend(cosineSchedule(1e-3, 0, 1000)))
 */
export const descend = (learningRate: LearningRate): Optimizer =>
  multiplied(`rate ${describeRate(learningRate)}`, learningRate, -1);

/** v <- m v + u, and u <- v (Polyak 1964), or u + m v (Nesterov's form). */
export function momentum(m: OptimizerOption, options: { readonly nesterov?: boolean } = {}): Optimizer {
  const { nesterov = false } = options;
  return {
    description: `momentum ${shown(m)}${nesterov ? ", nesterov" : ""}`,
    init: (params) => ({ velocity: zeroTree(params) }),
    update: <P extends Tree>(gradient: P, state: Tree) => {
      const { velocity } = state as { readonly velocity: P };
      const speed = mapTree((v, g) => add(mul(v, m), g!), velocity, gradient);
      const updates = nesterov ? mapTree((v, g) => add(mul(v, m), g!), speed, gradient) : speed;
      return { updates, state: { velocity: speed } };
    },
  };
}

/**
 * u <- u + decay w. Before what keeps averages of gradients it is the L2 penalty decay / 2 |w|^2, behind it the
 * decoupled weight decay of Loshchilov & Hutter (2019).
 */
export const weightDecay = (decay: OptimizerOption): Optimizer =>
  stateless(`weight decay ${shown(decay)}`, (gradient, params) =>
    mapTree((g, w) => add(g, mul(w!, decay)), gradient, params),
  );

/**
 * Each element cut to +-limit.
 *
 * @throws IL102 where that is not above 0
 */
export function clipByValue(limit: number): Optimizer {
  requirePositive("clipByValue", limit);
  return stateless(`clip ${limit}`, (gradient) => mapTree((g) => clip(g, -limit, limit), gradient));
}

/**
 * The whole gradient shortened to `limit` where its Euclidean norm is larger (Pascanu et al. 2013). In training, what
 * does not move counts for nothing in it.
 *
 * @throws IL102 where the limit is not above 0
 * @example chain(clipByGlobalNorm(10), adam({ learningRate: 1e-3 }))
 */
export function clipByGlobalNorm(limit: number): Optimizer {
  requirePositive("clipByGlobalNorm", limit);
  return stateless(`clip norm ${limit}`, (gradient) => {
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

/**
 * Adam's direction (Kingma & Ba 2015): m <- b1 m + (1 - b1) u, v <- b2 v + (1 - b2) u^2, u <- m' / sqrt(v' + epsilon^2)
 * with the bias-corrected m' = m / (1 - b1^t) and v' = v / (1 - b2^t). The paper divides by sqrt(v') + epsilon, whose
 * derivative at v = 0 is infinite; ours is finite, and equal where v is well above epsilon^2. Defaults: 0.9, 0.999, 1e-8.
 */
export function scaleByAdam(
  options: {
    readonly beta1?: OptimizerOption;
    readonly beta2?: OptimizerOption;
    readonly epsilon?: OptimizerOption;
  } = {},
): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    description: `scale by adam ${shown(beta1)}, ${shown(beta2)}, ${shown(epsilon)}`,
    init: (params) => ({
      count: noUpdates(params),
      ...(beta1 ? { first: zeroTree(params) } : {}),
      second: zeroTree(params),
    }),
    update: <P extends Tree>(gradient: P, state: Tree) => {
      const { count, first, second } = state as { readonly count: Tensor; readonly first?: P; readonly second: P };
      const t = add(count, 1);
      const m = first
        ? mapTree((have, g) => add(mul(have, beta1), mul(g!, oneMinus(beta1))), first, gradient)
        : gradient;
      const v = mapTree((have, g) => add(mul(have, beta2), mul(mul(g!, g!), oneMinus(beta2))), second, gradient);
      const correction = (beta: OptimizerOption): Tensor =>
        div(1, sub(1, pow(typeof beta === "number" ? scalar(beta, t.dtype) : beta, t)));
      const [correct1, correct2] = [correction(beta1), correction(beta2)];
      const updates = mapTree(
        (mean, square) => div(first ? mul(mean, correct1) : mean, sqrt(add(mul(square!, correct2), squared(epsilon)))),
        m,
        v,
      );
      return { updates, state: { count: t, ...(first ? { first: m } : {}), second: v } };
    },
  };
}

/** RMSprop's direction (Tieleman & Hinton 2012): v <- d v + (1 - d) u^2, u <- u / sqrt(v + epsilon^2). */
export function scaleByRms(
  options: { readonly decay?: OptimizerOption; readonly epsilon?: OptimizerOption } = {},
): Optimizer {
  const { decay = 0.9, epsilon = 1e-8 } = options;
  return {
    description: `scale by rms ${shown(decay)}, ${shown(epsilon)}`,
    init: (params) => ({ second: zeroTree(params) }),
    update: <P extends Tree>(gradient: P, state: Tree) => {
      const { second } = state as { readonly second: P };
      const v = mapTree((have, g) => add(mul(have, decay), mul(mul(g!, g!), oneMinus(decay))), second, gradient);
      const updates = mapTree((g, square) => div(g, sqrt(add(square!, squared(epsilon)))), gradient, v);
      return { updates, state: { second: v } };
    },
  };
}
