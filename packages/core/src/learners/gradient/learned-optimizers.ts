/** Gradient transformations with parameters of their own, which meta-training learns beside the model's. */
import {
  exp,
  GraphError,
  mapTree,
  matmul,
  mul,
  namedLeaves,
  reshape,
  scalar,
  sigmoid,
  sliceAxis,
  swapLast,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { mapWithPaths } from "../../layers/parameter-roles.js";
import {
  chain,
  type LearnedOptimizer,
  type Optimizer,
  ownParameters,
} from "../../optimizers/gradient-transformation.js";
import { descend } from "../../optimizers/transformations.js";
import { requireOwnWeights } from "../own-weights.js";
import { requireCount } from "./mini-batches.js";

type ByPath = { readonly [path: string]: Tensor };

const byPath = (tree: Tree): ByPath => Object.fromEntries(namedLeaves(tree));

const filled = (shape: readonly number[], value: number): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape);

/** Options of `learnedRates`. */
export interface LearnedRatesOptions {
  /**
   * The things that have a rate of their own: each "element" (Meta-SGD, Li et al. 2017), each "layer", that is each tensor of parameters,
   * or each layer in each step, "layerAndStep" (the LSLR of MAML++, Antoniou et al. 2019).
   */
  readonly per: "element" | "layer" | "layerAndStep";
  /** The first value of all rates, 0.01 by default. */
  readonly from?: number;
  /** For "layerAndStep": steps that have rates; those after them take the last one's. */
  readonly steps?: number;
}

/**
 * Gradient descent by learned rates: w <- w - a . g, where a has the shape of w, or is a number for w, or one for w and
 * the step. Its parameters have the paths of the model's, each of shape [elements...], [] or [steps]. Rates may become
 * negative.
 *
 * @throws IL102 for "layerAndStep" without `steps`, and `steps` without it
 * @example maml({ model, loss, steps: 5, inner: learnedRates({ per: "layerAndStep", from: 0.1, steps: 5 }) })
 */
export function learnedRates(options: LearnedRatesOptions): LearnedOptimizer {
  const { per, from = 0.01, steps } = options;
  if (per === "layerAndStep") requireCount("learnedRates", "steps", steps ?? Number.NaN);
  else if (steps !== undefined) {
    throw new GraphError(
      "IL102",
      "learnedRates",
      `steps for rates per ${per}`,
      'Leave them out, or use "layerAndStep"',
    );
  }
  if (!Number.isFinite(from)) {
    throw new GraphError("IL102", "learnedRates", `rates from ${from}`, "Use a finite number");
  }
  const kinds = { element: "element", layer: "layer", layerAndStep: `layer and step over ${steps} steps` };
  return {
    description: `sgd(learned per ${kinds[per]} from ${from})`,
    initMeta: (_key, params) =>
      mapTree((leaf) => filled(per === "element" ? leaf.shape : per === "layer" ? [] : [steps!], from), byPath(params)),
    ...(per === "layerAndStep" ? alongRatesOfSteps(steps!) : alongRates),
  };
}

/** u <- -a . u for rates a by path, or one of a kind for all. */
const against = <P extends Tree>(gradient: P, rates: ByPath): P =>
  descend(rates).update(gradient, {}, gradient).updates;

const alongRates: Pick<LearnedOptimizer, "init" | "update" | "stateless"> = {
  stateless: true,
  init: () => ({}),
  update: (gradient, _state, _params, own) => ({
    updates: against(gradient, byPath(ownParameters("learnedRates", own))),
    state: {},
  }),
};

/** The k-th update takes element k of each rate [steps], and the last one's after that. */
function alongRatesOfSteps(steps: number): Pick<LearnedOptimizer, "init" | "update"> {
  return {
    // The rates that are still to come, so that a step needs no number to know its own by.
    init: (_params, own) => {
      const all = byPath(ownParameters("learnedRates", own));
      const ofStep = (step: number): ByPath => mapTree((rate) => reshape(sliceAxis(rate, 0, step, step + 1), []), all);
      return { rates: Array.from({ length: steps }, (_, step) => ofStep(step)) };
    },
    update: (gradient, state) => {
      const [now, ...later] = (state as { readonly rates: readonly [ByPath, ...ByPath[]] }).rates;
      // As many as before, the last one again: what a loop carries keeps its form.
      return { updates: against(gradient, now), state: { rates: [...later, later.at(-1) ?? now] } };
    },
  };
}

/** The way a learned number is kept in its range: as it is, as e^x above 0, or as 1 / (1 + e^-x) between 0 and 1. */
export type LearnedRange = "any" | "positive" | "fraction";

const ranges: Readonly<
  Record<LearnedRange, { readonly of: (raw: Tensor) => Tensor; readonly inverse: (value: number) => number }>
> = {
  any: { of: (raw) => raw, inverse: (value) => value },
  positive: { of: exp, inverse: Math.log },
  fraction: { of: sigmoid, inverse: (value) => Math.log(value / (1 - value)) },
};

/**
 * An optimizer whose options are learned by their hypergradients (Maclaurin et al. 2015): numbers that `make` gets as
 * scalar tensors, each a meta-parameter of its name that starts at its value in `first`.
 *
 * A number is learned as it is unless `within` says that it is "positive", learned as its logarithm, so that an outer
 * step multiplies it, or a "fraction" of 1, learned as its logit. Rates, strengths of decay and epsilons are well kept
 * positive, momentum and the betas fractions.
 *
 * @throws IL102 where a first value is not within its range
 * @example
 * learnedOptions(({ learningRate, momentum }) => sgd({ learningRate, momentum }), { learningRate: 0.01, momentum: 0.5 })
 */
export function learnedOptions<Name extends string>(
  make: (options: Readonly<Record<Name, Tensor>>) => Optimizer,
  first: Readonly<Record<Name, number>>,
  within?: { readonly [name in Name]?: LearnedRange },
): LearnedOptimizer {
  const names = Object.keys(first) as Name[];
  const rangeOf = (name: Name): LearnedRange => within?.[name] ?? "any";
  const raw = mapNames(names, (name) => ranges[rangeOf(name)].inverse(first[name]));
  for (const name of names) {
    if (Number.isFinite(raw[name])) continue;
    const problem = `${name} from ${first[name]}, ${rangeOf(name)}`;
    throw new GraphError(
      "IL102",
      "learnedOptions",
      problem,
      "Start positive numbers above 0, fractions between 0 and 1",
    );
  }
  const starts = names.map((name) => {
    const range = rangeOf(name);
    return `${name} from ${first[name]}${range === "any" ? "" : `, ${range}`}`;
  });
  /** The optimizer with the numbers that its own parameters stand for. */
  const under = (own: Tree | undefined): Optimizer => {
    const found = byPath(ownParameters("learnedOptions", own));
    return make(mapNames(names, (name) => ranges[rangeOf(name)].of(found[name]!)));
  };
  return {
    description: `${make(mapNames(names, (name) => scalar(first[name]))).description}: ${starts.join("; ")}`,
    initMeta: () => mapNames(names, (name) => tensor(raw[name])),
    init: (params, own) => under(own).init(params),
    update: (gradient, state, params, own) => under(own).update(gradient, state, params),
  };
}

const mapNames = <Name extends string, Value>(
  names: readonly Name[],
  f: (name: Name) => Value,
): Readonly<Record<Name, Value>> =>
  Object.fromEntries(names.map((name) => [name, f(name)])) as Readonly<Record<Name, Value>>;

/**
 * Meta-curvature (Park & Oliva 2019, the tensor-product form MC1): gradient descent along gradients that learned
 * matrices have transformed, one matrix for each axis of a tensor of weights:
 *
 *   w <- w - rate (G x_window M_window x_in M_in x_out M_out)
 *
 * [in, out] has M_in and M_out; filters [height, width, in, out] have M_window [height width, height width] too, where
 * that is larger than 1. All start as the identity, where this is gradient descent. A vector, such as a bias, has no
 * second axis to share with: it is scaled element by element, starting from ones. Its parameters are `PATH/out`,
 * `PATH/in`, `PATH/window` and, for vectors, `PATH/scale`.
 *
 * @throws IL102 where the rate is not above 0, and at the first parameters where an axis is so long that matrices for it
 * would be more than 2^27 numbers
 * @example maml({ model, loss, inner: metaCurvature({ learningRate: 0.01 }) })
 */
export function metaCurvature(options: { readonly learningRate: number }): LearnedOptimizer {
  const { learningRate } = options;
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new GraphError("IL102", "metaCurvature", `learningRate ${learningRate}`, "Use a number above 0");
  }
  return {
    ...chain(curvature, descend(learningRate)),
    description: `metaCurvature(${learningRate})`,
  } as LearnedOptimizer;
}

/** u <- u times the matrices of its parameter, axis by axis. */
const curvature: LearnedOptimizer = {
  description: "curvature",
  stateless: true,
  initMeta: (_key, params) => {
    const weights = namedLeaves(params);
    const [widest, side] = widestAxis(weights);
    requireOwnWeights(
      "metaCurvature",
      weights.reduce((sum, [, w]) => sum + (w.rank < 2 ? w.size : squaresOf(w)), 0),
      `matrices for the axes of weights, up to the ${side} x ${side} of ${widest},`,
      "Use a narrower network, adapt its head alone, or learn a rate for each element, as Meta-SGD does",
    );
    return Object.fromEntries(
      weights.flatMap(([path, w]) => {
        if (w.rank < 2) return [[`${path}/scale`, filled(w.shape, 1)]];
        const { window, inputs, outputs } = axesOf(w);
        return [
          [`${path}/out`, identity(outputs)],
          [`${path}/in`, identity(inputs)],
          ...(window > 1 ? [[`${path}/window`, identity(window)]] : []),
        ];
      }),
    ) as ByPath;
  },
  init: () => ({}),
  update: (gradient, _state, _params, own) => {
    const matrices = byPath(ownParameters("metaCurvature", own));
    return { updates: mapWithPaths((path, g) => curved(g, path, matrices), gradient), state: {} };
  },
};

/** The numbers of the matrices of a parameter. */
function squaresOf(w: Tensor): number {
  const { window, inputs, outputs } = axesOf(w);
  return inputs ** 2 + outputs ** 2 + (window > 1 ? window ** 2 : 0);
}

/** The path of the parameter with the longest axis that gets a matrix, and its length. */
function widestAxis(weights: readonly (readonly [string, Tensor])[]): readonly [string, number] {
  return weights.reduce<readonly [string, number]>(
    (most, [path, w]) => {
      if (w.rank < 2) return most;
      const { window, inputs, outputs } = axesOf(w);
      const side = Math.max(window, inputs, outputs);
      return side > most[1] ? [path, side] : most;
    },
    ["", 0],
  );
}

const identity = (size: number): Tensor =>
  tensor(
    Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
    [size, size],
  );

/** The axes of weights [..., inputs, outputs], those before the last two as one. */
function axesOf({ size, shape }: Tensor): {
  readonly window: number;
  readonly inputs: number;
  readonly outputs: number;
} {
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  return { window: size / (inputs * outputs), inputs, outputs };
}

/** The gradient of the parameter at a path, multiplied by its matrices along its axes. */
function curved(g: Tensor, path: string, matrices: ByPath): Tensor {
  if (g.rank < 2) return mul(g, matrices[`${path}/scale`]!);
  const { window, inputs, outputs } = axesOf(g);
  const byOutput = matmul(reshape(g, [window * inputs, outputs]), swapLast(matrices[`${path}/out`]!));
  const byInput = matmul(matrices[`${path}/in`]!, reshape(byOutput, [window, inputs, outputs]));
  const acrossWindow = matrices[`${path}/window`];
  const all = acrossWindow ? matmul(acrossWindow, reshape(byInput, [window, inputs * outputs])) : byInput;
  return reshape(all, g.shape);
}
