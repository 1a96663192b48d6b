import {
  abs,
  add,
  concat,
  exp,
  GraphError,
  greaterEqual,
  log,
  mapTree,
  matmul,
  max,
  mul,
  namedLeaves,
  reshape,
  sign,
  sliceAxis,
  stopGradient,
  sub,
  type Tensor,
  type Tree,
  tensor,
  where,
} from "@innerloop/graph";
import { type LstmParameters, type LstmState, lstmCell } from "../../layers/lstm.js";
import { type LearnedOptimizer, ownParameters } from "../../optimizers/gradient-transformation.js";
import { split } from "../../random/random.js";
import { requireCount } from "./mini-batches.js";

/** Options of `lstmOptimizer`. */
export interface LstmOptimizerOptions {
  /** Units of each layer, 20 by default. */
  readonly hidden?: number;
  /** Layers, 2 by default. */
  readonly layers?: number;
  /** First value of the rate of the gradient itself, which is learned by its logarithm; 0.01 by default. */
  readonly learningRate?: number;
  /** The factor of the network's output, 0.1 by default. */
  readonly outputScale?: number;
  /** p of the preprocessing: gradients down to e^-p are told apart by their logarithm. 10 by default. */
  readonly p?: number;
  /**
   * True where the meta-gradient goes through the inner gradients too. By default they are held constant as inputs, as in
   * the paper; the meta-gradient then takes no second derivatives of the model, and is FOMAML's for the model's parameters.
   */
  readonly throughGradients?: boolean;
}

type LstmOptimizerParameters = {
  readonly layers: readonly LstmParameters[];
  /** weight [hidden, 1], bias [1] */
  readonly output: { readonly weight: Tensor; readonly bias: Tensor };
  readonly logLearningRate: Tensor;
};

/**
 * A recurrent network as the inner optimizer (Andrychowicz et al. 2016, "Learning to learn by gradient descent by
 * gradient descent"; Ravi & Larochelle 2017): a small LSTM, the same for every coordinate of every parameter, each of
 * which has a state of its own.
 *
 *   w_{k+1} = w_k - rate g_k + outputScale (h_k V + b),  (h_k, state_{k+1}) = LSTM(features(g_k), state_k)
 *   features(g) = (log|g| / p, sign g) where |g| >= e^-p,  (-1, e^p g) elsewhere
 *
 * V and b are 0 at first, so that it starts as gradient descent by `learningRate`; the paper's network has no such
 * term, and starts anywhere. V is learned from the first meta-gradient on, the LSTM from when V is no longer 0. Its
 * parameters do not depend on the model: one optimizer serves all, and as many steps as one likes.
 *
 * @throws IL102 where a number is out of range
 * @example maml({ model, loss, steps: 5, inner: lstmOptimizer({ hidden: 20 }) })
 */
export function lstmOptimizer(options: LstmOptimizerOptions = {}): LearnedOptimizer {
  const { hidden = 20, layers = 2, learningRate = 0.01, outputScale = 0.1, p = 10 } = options;
  const { throughGradients = false } = options;
  requireCount("lstmOptimizer", "hidden", hidden);
  requireCount("lstmOptimizer", "layers", layers);
  for (const [name, value] of Object.entries({ learningRate, outputScale, p })) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new GraphError("IL102", "lstmOptimizer", `${name} ${value}`, "Use a number above 0");
  }
  // e^p has to be a float32.
  if (p > 80) throw new GraphError("IL102", "lstmOptimizer", `p ${p}`, "Use at most 80; the paper takes 10");
  const cells = Array.from({ length: layers }, (_, layer) => lstmCell({ inputs: layer === 0 ? 2 : hidden, hidden }));
  const description = [
    `lstm(hidden ${hidden}`,
    `layers ${layers}`,
    `rate from ${learningRate}`,
    `output scale ${outputScale}`,
    `p ${p}${throughGradients ? ", through gradients" : ""})`,
  ].join(", ");
  return {
    description,
    firstOrder: !throughGradients,
    initMeta: (key): LstmOptimizerParameters => ({
      layers: cells.map((cell, layer) => cell.init(split(split(key, "layers"), String(layer)))),
      output: { weight: tensor(new Float32Array(hidden), [hidden, 1]), bias: tensor(new Float32Array(1)) },
      logLearningRate: tensor(Math.log(learningRate)),
    }),
    init: (model) => {
      const coordinates = namedLeaves(model).reduce((total, [, leaf]) => total + leaf.size, 0);
      return cells.map((cell) => cell.start(coordinates, namedLeaves(model)[0]?.[1].dtype));
    },
    update: (gradient, state, model, own) => {
      const params = ownParameters<LstmOptimizerParameters>("lstmOptimizer", own);
      // In the parameters' own order of names.
      const rows = column(mapTree((_leaf, slope) => slope!, model as Tree, gradient));
      const g = throughGradients ? rows : stopGradient(rows);
      let seen = gradientFeatures(g, p);
      const next = cells.map((cell, layer) => {
        const arrived = cell.step(params.layers[layer]!, seen, (state as readonly LstmState[])[layer]!);
        seen = arrived.hidden;
        return arrived;
      });
      const output = add(matmul(seen, params.output.weight), params.output.bias);
      const step = sub(mul(output, outputScale), mul(g, exp(params.logLearningRate)));
      return { updates: rowsAs(model, step), state: next };
    },
  };
}

/** All numbers of a tree, one below the other: [coordinates, 1]. */
const column = (tree: Tree): Tensor => concat(namedLeaves(tree).map(([, leaf]) => reshape(leaf, [leaf.size, 1])));

/** A column of one number for each of a tree's as such a tree. */
function rowsAs<T extends Tree>(tree: T, step: Tensor): T {
  let from = 0;
  return mapTree((leaf) => {
    const own = reshape(sliceAxis(step, 0, from, from + leaf.size), leaf.shape);
    from += leaf.size;
    return own;
  }, tree);
}

/** The paper's preprocessing of gradients [coordinates, 1]: [coordinates, 2]. */
function gradientFeatures(g: Tensor, p: number): Tensor {
  const size = abs(g);
  const large = greaterEqual(size, Math.exp(-p));
  // Cut before the logarithm, whose slope at 0 is not finite.
  const logarithm = mul(log(max(size, Math.exp(-p))), 1 / p);
  return concat([logarithm, where(large, sign(g), mul(g, Math.exp(p)))], 1);
}
