/** Optimizers and chains of transformations, each with the same in plain numbers, and a bowl to let them down. */
import { add, grad, leaves, mapTree, mul, sub, sum, type Tensor, type Tree, tensor } from "@innerloop/graph";
import {
  applyUpdates,
  chain,
  type GradientTransformation,
  masked,
  type Optimizer,
  stateless,
} from "./gradient-transformation.js";
import { adam, adamW, rmsProp, sgd } from "./optimizers.js";
import { cosineSchedule, linearSchedule, stepSchedule } from "./schedules.js";
import {
  clipByGlobalNorm,
  clipByValue,
  descend,
  momentum,
  scale,
  scaleByAdam,
  scaleByRms,
  weightDecay,
} from "./transformations.js";

/** The same optimizer in plain numbers: changes w in place, given the gradient and how many updates came before. */
type PlainOptimizer = (w: number[], g: number[], count: number, state: Record<string, number[]>) => void;

export interface OptimizerCase {
  readonly name: string;
  readonly make: () => Optimizer;
  readonly plain: PlainOptimizer;
}

const zeros = (n: number): number[] => new Array<number>(n).fill(0);

const plainSgd =
  (options: {
    rate: (count: number) => number;
    momentum?: number;
    nesterov?: boolean;
    decay?: number;
  }): PlainOptimizer =>
  (w, g, count, state) => {
    const { rate, momentum = 0, nesterov = false, decay = 0 } = options;
    state.v ??= zeros(w.length);
    w.forEach((value, i) => {
      const slope = g[i]! + decay * value;
      state.v![i] = momentum * state.v![i]! + slope;
      const direction = nesterov ? slope + momentum * state.v![i]! : state.v![i]!;
      w[i]! -= rate(count) * direction;
    });
  };

const plainAdam =
  (options: { rate: (count: number) => number; beta1?: number; decay?: number }): PlainOptimizer =>
  (w, g, count, state) => {
    const { rate, beta1 = 0.9, decay = 0 } = options;
    state.m ??= zeros(w.length);
    state.v ??= zeros(w.length);
    const t = count + 1;
    w.forEach((value, i) => {
      state.m![i] = beta1 * state.m![i]! + (1 - beta1) * g[i]!;
      state.v![i] = 0.999 * state.v![i]! + 0.001 * g[i]! ** 2;
      const step = state.m![i]! / (1 - beta1 ** t) / Math.sqrt(state.v![i]! / (1 - 0.999 ** t) + 1e-16);
      w[i] = value - rate(count) * (step + decay * value);
    });
  };

const plainRmsProp =
  (rate: number): PlainOptimizer =>
  (w, g, _count, state) => {
    state.v ??= zeros(w.length);
    w.forEach((_, i) => {
      state.v![i] = 0.9 * state.v![i]! + 0.1 * g[i]! ** 2;
      w[i]! -= (rate * g[i]!) / Math.sqrt(state.v![i]! + 1e-16);
    });
  };

const clipped =
  (plain: PlainOptimizer, change: (g: number[]) => number[]): PlainOptimizer =>
  (w, g, count, state) =>
    plain(w, change(g), count, state);

const linear01 = (count: number): number => 0.1 + Math.min(count / 4, 1) * (0.02 - 0.1);
const cosine01 = (count: number): number => 0.02 + (0.08 * (1 + Math.cos(Math.PI * Math.min(count / 4, 1)))) / 2;

export const cases: readonly OptimizerCase[] = [
  { name: "sgd", make: () => sgd({ learningRate: 0.1 }), plain: plainSgd({ rate: () => 0.1 }) },
  {
    name: "sgd with momentum",
    make: () => sgd({ learningRate: 0.05, momentum: 0.8 }),
    plain: plainSgd({ rate: () => 0.05, momentum: 0.8 }),
  },
  {
    name: "sgd with Nesterov's momentum",
    make: () => sgd({ learningRate: 0.05, momentum: 0.8, nesterov: true }),
    plain: plainSgd({ rate: () => 0.05, momentum: 0.8, nesterov: true }),
  },
  {
    name: "sgd with weight decay",
    make: () => sgd({ learningRate: 0.1, weightDecay: 0.03 }),
    plain: plainSgd({ rate: () => 0.1, decay: 0.03 }),
  },
  {
    name: "sgd, linear schedule",
    make: () => sgd({ learningRate: linearSchedule(0.1, 0.02, 4) }),
    plain: plainSgd({ rate: linear01 }),
  },
  {
    name: "sgd with momentum, cosine schedule",
    make: () => sgd({ learningRate: cosineSchedule(0.1, 0.02, 4), momentum: 0.5 }),
    plain: plainSgd({ rate: cosine01, momentum: 0.5 }),
  },
  { name: "adam", make: () => adam({ learningRate: 0.1 }), plain: plainAdam({ rate: () => 0.1 }) },
  {
    name: "adam without first moment",
    make: () => adam({ learningRate: 0.1, beta1: 0 }),
    plain: plainAdam({ rate: () => 0.1, beta1: 0 }),
  },
  {
    name: "adam, step schedule",
    make: () => adam({ learningRate: stepSchedule(0.1, 0.5, 2) }),
    plain: plainAdam({ rate: (count) => 0.1 * 0.5 ** Math.floor(count / 2) }),
  },
  {
    name: "adamW",
    make: () => adamW({ learningRate: 0.1, weightDecay: 0.02 }),
    plain: plainAdam({ rate: () => 0.1, decay: 0.02 }),
  },
  { name: "rmsProp", make: () => rmsProp({ learningRate: 0.05 }), plain: plainRmsProp(0.05) },
  {
    name: "sgd, clipped by value",
    make: () => chain(clipByValue(0.5), sgd({ learningRate: 0.1 })),
    plain: clipped(plainSgd({ rate: () => 0.1 }), (g) => g.map((v) => Math.min(0.5, Math.max(-0.5, v)))),
  },
  {
    name: "adam, clipped by global norm",
    make: () => chain(clipByGlobalNorm(0.5), adam({ learningRate: 0.1 })),
    plain: clipped(plainAdam({ rate: () => 0.1 }), (g) => {
      const length = Math.sqrt(g.reduce((total, v) => total + v * v, 0));
      return g.map((v) => v * Math.min(1, 0.5 / length));
    }),
  },
  {
    name: "a chain of momentum, weight decay and a scale below 0",
    make: () => chain(momentum(0.8), weightDecay(0.03), scale(-0.05)),
    plain: (w, g, _count, state) => {
      state.v ??= zeros(w.length);
      w.forEach((value, i) => {
        state.v![i] = 0.8 * state.v![i]! + g[i]!;
        w[i]! -= 0.05 * (state.v![i]! + 0.03 * value);
      });
    },
  },
  {
    name: "a chain that is AdamW, with a schedule and clipping",
    make: () => chain(clipByGlobalNorm(0.5), scaleByAdam(), weightDecay(0.02), descend(linearSchedule(0.1, 0.02, 4))),
    plain: clipped(plainAdam({ rate: linear01, decay: 0.02 }), (g) => {
      const length = Math.sqrt(g.reduce((total, v) => total + v * v, 0));
      return g.map((v) => v * Math.min(1, 0.5 / length));
    }),
  },
  {
    name: "a chain of RMSprop's direction and a schedule of factors below 0",
    make: () =>
      chain(
        scaleByRms(),
        scale((count) => mul(linearSchedule(0.1, 0.02, 4)(count), -1)),
      ),
    plain: (w, g, count, state) => {
      state.v ??= zeros(w.length);
      w.forEach((_, i) => {
        state.v![i] = 0.9 * state.v![i]! + 0.1 * g[i]! ** 2;
        w[i]! -= (linear01(count) * g[i]!) / Math.sqrt(state.v![i]! + 1e-16);
      });
    },
  },
  {
    name: "a transformation of one's own in a chain",
    make: () =>
      chain(
        stateless("halved", (gradient) => mapTree((g) => mul(g, 0.5), gradient)),
        descend(0.2),
      ),
    plain: plainSgd({ rate: () => 0.1 }),
  },
  {
    name: "all of them, by a mask",
    make: () => masked(adam({ learningRate: 0.1 }), () => true),
    plain: plainAdam({ rate: () => 0.1 }),
  },
];

export type Params = { readonly a: Tensor; readonly b: { readonly c: Tensor } };
export const startValues = [
  [1.5, -0.7, 0.2],
  [0.9, -1.1, 0.4, 2.0],
];

export const start = (dtype: Tensor["dtype"] = "float64"): Params => ({
  a: tensor(startValues[0]!, [3], dtype),
  b: { c: tensor(startValues[1]!, [2, 2], dtype) },
});

/** A quadratic bowl, steeper along some parameters than others, lowest at 0.3. */
export function bowl(params: Params): Tensor {
  return leaves(params)
    .map((leaf, i) => {
      const offset = sub(leaf, 0.3);
      return mul(sum(mul(offset, offset)), 0.5 * (i + 1));
    })
    .reduce((a, b) => add(a, b));
}
export const plainBowlSlope = (w: number[]): number[] => w.map((value, i) => (value - 0.3) * (i < 3 ? 1 : 2));

export const steps = <P extends Tree>(
  optimizer: Optimizer,
  loss: (params: P) => Tensor,
  params: P,
  count: number,
): { params: P; state: Tree } => {
  let at: { params: P; state: Tree } = { params, state: optimizer.init(params) };
  for (let i = 0; i < count; i++) at = updated(optimizer, grad(loss)(at.params), at.state, at.params);
  return at;
};

/** Parameters and state after an update. */
export function updated<P extends Tree>(
  transformation: GradientTransformation,
  gradient: P,
  state: Tree,
  params: P,
  own?: Tree,
): { params: P; state: Tree } {
  const next = transformation.update(gradient, state, params, own);
  return { params: applyUpdates(params, next.updates), state: next.state };
}
