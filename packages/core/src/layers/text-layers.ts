/**
 * Layers of texts that are ids: int32 [n, length], of words, pieces or hashed n-grams; 0 is padding, and the mask of an
 * example is where its ids are above it. Tables do not adapt to tasks: all tasks share them.
 */
import {
  add,
  addAlongAxis,
  cast,
  concat,
  div,
  exp,
  formatShape,
  GraphError,
  gather,
  greater,
  matmul,
  max,
  mod,
  mul,
  reduceMax,
  reshape,
  sub,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import { bernoulliMask } from "../random/graph-random.js";
import { key as keyOf, randomOf, split } from "../random/random.js";
import { constantInit, type Initializer, normalInit } from "./initialization.js";
import { functionLayer, type Layer, type NoParameters, pointsWithin, within } from "./layer.js";
import { unitRows } from "./layers.js";
import { withTraits } from "./parameter-roles.js";

/** The most rows of a table of vectors: its meta-gradient has as many, of which a batch of texts fills a few thousand. */
export const mostTableRows = 32_768;

/** Options of layers that have numbers for each id. */
export interface IdTableOptions {
  /** Ids are below it. */
  readonly entries: number;
  /** What each id weighs at first, [entries], the inverse document frequency for example. 1 each by default. */
  readonly weights?: Float32Array;
  /** The tables that training moves; the others stay at their first values. "all" by default. */
  readonly trains?: TrainedTables;
}

/** Tables of a layer that training moves: the weights of ids, their vectors, or both. */
export type TrainedTables = "all" | "weights" | "vectors";

/** Of ids [n, length] 1 where one stands and 0 where padding does, as numbers of a type. */
export const idMask = (ids: Tensor, dtype: Tensor["dtype"] = "float32"): Tensor => cast(greater(ids, 0), dtype);

/**
 * The mean over the places that a mask has: x [n, length, d], mask [n, length] of 1 and 0 -> [n, d]. Where it has none,
 * zeros.
 *
 * @example maskedMean(vectors, idMask(ids))
 */
export function maskedMean(x: Tensor, mask: Tensor): Tensor {
  const [n, length] = mask.shape as readonly [number, number];
  const total = reshape(matmul(reshape(mask, [n, 1, length]), x), [n, x.shape[2]!]);
  return div(total, max(sum(mask, 1, { keepAxes: true }), 1));
}

/**
 * Padding in place of an id with probability `rate`, in training, where learners give layers a key: dropout of whole
 * words or n-grams (Iyyer et al. 2015, deep averaging networks). Nothing is scaled up in their place: what follows takes
 * means, or is of unit length.
 *
 * @throws IL102 where the rate is not in [0, 1)
 */
export function idDropout(options: { readonly rate: number }): Layer<NoParameters> {
  const { rate } = options;
  if (!(rate >= 0 && rate < 1)) throw new GraphError("IL102", "idDropout", `rate ${rate}`, "Use 0 <= rate < 1");
  return {
    init: () => ({}),
    apply: (_params, ids, context) => {
      if (!context?.key || rate === 0) return ids;
      const kept = bernoulliMask(context.key, `${context.pass ?? ""}:${context.path ?? ""}`, 1 - rate, ids.shape);
      return mul(ids, cast(kept, ids.dtype));
    },
  };
}

/** Parameters of `idVectors`: vectors [rows, width]. */
export type IdVectorParameters = { readonly vectors: Tensor };

/**
 * The vectors of ids: int32 [n, length] -> [n, length, width], zeros for padding. First ones are normal with variance
 * 1 / width. Of more than 32,768 ids some share a row, id modulo rows.
 *
 * @throws IL102 where sizes are not whole numbers above 0
 */
export function idVectors(
  options: Pick<IdTableOptions, "entries" | "trains"> & { readonly width: number },
): Layer<IdVectorParameters> {
  const { entries, width, trains = "all" } = options;
  requireWhole("idVectors", { entries, width });
  const rows = Math.min(entries, mostTableRows);
  return {
    init: (key) => {
      const first = normalInit(1 / Math.sqrt(width))([rows, width], { in: rows, out: width }, split(key, "vectors"));
      return { vectors: withTraits(first, { role: trains === "weights" ? "fixed" : "shared" }) };
    },
    apply: ({ vectors }, ids) => {
      requireIds("idVectors", ids);
      return mul(rowsFor(vectors, ids, entries), reshape(idMask(ids, vectors.dtype), [...ids.shape, 1]));
    },
  };
}

/** Rows of a table for ids [n, length] below `entries`, padding's too: [n, length, width]. */
function rowsFor(vectors: Tensor, ids: Tensor, entries: number): Tensor {
  const rows = vectors.shape[0]!;
  return gather(vectors, rows < entries ? mod(ids, rows) : ids, 0);
}

/** Parameters of layers that weigh ids: the logarithms of the weights, [entries]. */
export type IdWeightParameters = { readonly logWeights: Tensor };

/** exp(w_id) of ids [n, length], 0 for padding; w starts at the logarithms of the weights that are given. */
function idWeights(operation: string, options: IdTableOptions): Layer<IdWeightParameters> {
  const { entries, weights, trains = "all" } = options;
  requireWhole(operation, { entries });
  const first = weights === undefined ? constantInit(0) : logarithmsOf(operation, weights, entries);
  return {
    init: (key) => {
      const logWeights = first([entries], { in: entries, out: 1 }, split(key, "weights"));
      return { logWeights: withTraits(logWeights, { role: trains === "vectors" ? "fixed" : "shared" }) };
    },
    apply: ({ logWeights }, ids) => {
      requireIds(operation, ids);
      return mul(exp(gather(logWeights, ids, 0)), idMask(ids, logWeights.dtype));
    },
  };
}

/** The smallest weight that an id starts with: one of 0 has no logarithm. */
const leastWeight = 1e-6;

function logarithmsOf(operation: string, weights: Float32Array, entries: number): Initializer {
  const at = weights.length === entries ? weights.findIndex((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY)) : -1;
  if (weights.length !== entries || at >= 0) {
    const problem = at < 0 ? `${weights.length} weights of ${entries} ids` : `weight ${at} is ${weights[at]}`;
    throw new GraphError("IL102", operation, problem, "Give one finite number, 0 or more, for each id");
  }
  return (shape, _fan, key) => {
    key.allow?.(entries);
    return tensor(
      weights.map((w) => Math.log(Math.max(w, leastWeight))),
      shape,
    );
  };
}

/**
 * The weighted mean of the vectors of a text's ids (FastText's bag of tricks, Joulin et al. 2017, with learned weights):
 *
 *   sum_i exp(w_i) E_i / sum_i exp(w_i) over the ids i of the text: int32 [n, length] -> [n, width]
 *
 * Rows of E start normal with variance 1 / width, so that before training the dot products of two texts are those of
 * their weighted counts in expectation; w starts at the logarithms of `weights`. A text without an id gives zeros.
 * Parameters are { weights: { logWeights }, table: { vectors } }; inner loops leave them alone.
 *
 * @throws IL102 where sizes are not whole numbers above 0, or weights are not one for each id
 * @example embeddingBag({ entries: 65_536, width: 128, weights: idf })
 */
export function embeddingBag(
  options: IdTableOptions & { readonly width: number },
): Layer<{ readonly weights: IdWeightParameters; readonly table: IdVectorParameters }> {
  const { entries, width } = options;
  const weighed = idWeights("embeddingBag", options);
  const table = idVectors(options);
  return {
    outputShape: [width],
    init: (key) => ({ weights: weighed.init(split(key, "weights")), table: table.init(split(key, "table")) }),
    apply: (params, ids) => {
      const [n, length] = ids.shape as readonly [number, number];
      const weights = weighed.apply(params.weights, ids);
      // Padding weighs nothing, so its vectors need no mask.
      const vectors = rowsFor(params.table.vectors, ids, entries);
      const total = reshape(matmul(reshape(weights, [n, 1, length]), vectors), [n, width]);
      // 1 where there is nothing to weigh, and 0 elsewhere.
      const empty = sub(1, reduceMax(idMask(ids, weights.dtype), 1, { keepAxes: true }));
      return div(total, add(sum(weights, 1, { keepAxes: true }), empty));
    },
  };
}

/**
 * A text's ids as a vector of their weights, hashed with signs to `width` dimensions and of unit length (count sketch,
 * Charikar et al. 2002; feature hashing, Weinberger et al. 2009): int32 [n, length] -> [n, width],
 *
 *   y_k = sum of s(i) exp(w_i) over the ids i of the text with h(i) = k,  divided by |y|
 *
 * With weights of inverse document frequencies y . y' is the cosine of two tf-idf vectors, up to a deviation of about 1 /
 * sqrt(width). From a width of `entries` on there is neither hashing nor sign, and it is exact. h and s are cubic
 * polynomials of the id modulo a prime, the same in all networks. A text without an id gives zeros. The parameters are
 * { logWeights }, which inner loops leave alone.
 *
 * @throws IL102 where sizes are not whole numbers above 0, or weights are not one for each id
 * @example countSketch({ entries: 65_536, width: 4096, weights: idf })
 */
export function countSketch(options: IdTableOptions & { readonly width: number }): Layer<IdWeightParameters> {
  const { entries, width } = options;
  requireWhole("countSketch", { width });
  const weighed = idWeights("countSketch", options);
  const isExact = width >= entries;
  return {
    outputShape: [width],
    init: weighed.init,
    apply: (params, ids) => {
      const weights = weighed.apply(params, ids);
      if (isExact) return unitRows(addAlongAxis(weights, ids, { axis: 1, size: width }));
      const wide = cast(ids, "int64");
      const sign = sub(mul(cast(mod(hashed(wide, "signs"), 2), weights.dtype), 2), 1);
      const places = mod(hashed(wide, "places"), width);
      return unitRows(addAlongAxis(mul(weights, sign), places, { axis: 1, size: width }));
    },
  };
}

/** A prime below 2^26: products of two residues are exact in int64, and in the float64 of the interpreter. */
const prime = 67_108_859;

/** A cubic polynomial of each id modulo the prime (Carter & Wegman 1979): any four values are independent. */
function hashed(ids: Tensor, name: string): Tensor {
  const coefficients = randomOf(split(keyOf(0), `count sketch/${name}`));
  const x = mod(ids, prime);
  let y: Tensor = mul(x, 1 + coefficients.integer(prime - 1));
  for (let i = 0; i < 2; i++) y = mul(mod(add(y, coefficients.integer(prime)), prime), x);
  return mod(add(y, coefficients.integer(prime)), prime);
}

/** Parameters of `besideSketch`: those of the sketch and of the layer, and the layer's share, a number. */
export type BesideSketchParameters = { readonly sketch: Tree; readonly layer: Tree; readonly share: Tensor };

/**
 * A text's sketch with what a layer makes of it beside it, both of unit length: [sketch, a f(x) / |f(x)|].
 *
 * A cosine of two of them is (c + a^2 c') / (1 + a^2), of the cosine c of the sketches and c' of the layer: with a small a
 * a network begins as the sketch, and training adds what it finds. a is a parameter.
 *
 * @param options.share a at first, 0.1 by default
 * @example besideSketch(countSketch({ entries, width: 4096 }), embeddingBag({ entries, width: 128 }))
 */
export function besideSketch(
  sketch: Layer,
  layer: Layer,
  options: { readonly share?: number } = {},
): Layer<BesideSketchParameters> {
  const { share = 0.1 } = options;
  const widths = [sketch, layer].map(({ outputShape }) => outputShape?.[0] ?? Number.NaN);
  return {
    outputShape: [widths[0]! + widths[1]!],
    init: (key) => ({
      sketch: sketch.init(split(key, "sketch")),
      layer: layer.init(split(key, "layer")),
      share: tensor(share),
    }),
    apply: (params, x, context) =>
      concat(
        [
          sketch.apply(params.sketch, x, within(context, "sketch")),
          mul(unitRows(layer.apply(params.layer, x, within(context, "layer"))), params.share),
        ],
        1,
      ),
    ...(layer.modulationPoints ? { modulationPoints: pointsWithin(layer, "layer") } : {}),
  };
}

/** Rows of unit length, zeros where they are zeros: [n, d] -> [n, d]. */
export const unitLength = (): Layer<NoParameters> => functionLayer((x) => unitRows(x));

function requireWhole(operation: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size >= 1) continue;
    throw new GraphError("IL102", operation, `${name} ${size}`, "Use a whole number, 1 or more");
  }
}

/** @throws IL202 where inputs are no rows of ids */
export function requireIds(operation: string, ids: Tensor): void {
  if (ids.rank === 2 && (ids.dtype === "int32" || ids.dtype === "int64")) return;
  const problem = `inputs are ${ids.dtype} ${formatShape(ids.shape)}`;
  throw new GraphError("IL202", operation, problem, "Give ids of texts, int32 [texts, length], padded with 0");
}
