import {
  add,
  concat,
  GraphError,
  greater,
  matmul,
  mul,
  reshape,
  sliceAxis,
  softmax,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  transpose,
  where,
} from "@innerloop/graph";
import { type Key, split } from "../random/random.js";
import { linear } from "./layers.js";

/** Rows that queries can read: for each head, of keys [heads, n, width of a head] and of values [heads, n, ...]. */
export type KeysAndValues = { readonly keys: Tensor; readonly values: Tensor };

/** Rows that each query of an attention may read. */
export interface AttentionMask {
  /** float [n] or [m, n]: 1 where a query may read a row, 0 where not. All may be read by default. */
  readonly mask?: Tensor;
  /** Keys and values of the queries themselves, [heads, m, ...]: each then reads its own row as well. */
  readonly own?: KeysAndValues;
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017): softmax(q k^T / sqrt(d)) v over the rows that may be read, heads
 * in parallel. A query that may read nothing gets zeros.
 *
 * @param queries [heads, m, d]
 * @returns [heads, m, width of a value]
 */
export function attend(queries: Tensor, { keys, values }: KeysAndValues, { mask, own }: AttentionMask = {}): Tensor {
  const rows = keys.shape[1]!;
  const scaled = mul(queries, 1 / Math.sqrt(queries.shape.at(-1)!));
  const products = matmul(scaled, swapLast(keys));
  const scores = mask ? where(greater(mask, 0.5), products, -1e9) : products;
  if (!own) {
    const weights = softmax(scores, -1);
    return matmul(mask ? mul(weights, mask) : weights, values);
  }
  const ownScores = sum(mul(scaled, own.keys), -1, { keepAxes: true });
  const weights = softmax(concat([scores, ownScores], -1), -1);
  const read = matmul(sliceAxis(weights, -1, 0, rows), values);
  return add(read, mul(sliceAxis(weights, -1, rows, rows + 1), own.values));
}

/** [n, heads width] -> [heads, n, width] */
const asHeads = (x: Tensor, heads: number): Tensor =>
  transpose(reshape(x, [x.shape[0]!, heads, x.shape[1]! / heads]), [1, 0, 2]);

/** [heads, n, width] -> [n, heads width] */
const joined = (x: Tensor): Tensor => reshape(transpose(x, [1, 0, 2]), [x.shape[1]!, x.shape[0]! * x.shape[2]!]);

/** Attention with learned projections; what is read is projected once, however many queries read it. */
export interface MultiHeadAttention {
  init(key: Key): Tree;
  /** Keys and values of rows [n, features]; the values are of the same rows unless others are given. */
  remembered(params: Tree, keysOf: Tensor, valuesOf?: Tensor): KeysAndValues;
  /** Values that queries [m, features] read: [m, outputs]. */
  apply(params: Tree, queries: Tensor, memory: KeysAndValues, options?: AttentionMask): Tensor;
}

/**
 * Multi-head attention (Vaswani et al. 2017): queries, keys and values are projected to `heads` heads of width / heads
 * each, what the heads read is put side by side and projected to `outputs`.
 *
 * @param options.queries features of a query; those of keys and values are the same by default
 * @throws IL102 where the width is not a multiple of the heads
 * @example multiHeadAttention({ queries: 64, width: 64, heads: 4 })
 */
export function multiHeadAttention(options: {
  readonly queries: number;
  readonly keys?: number;
  readonly values?: number;
  readonly width: number;
  readonly heads: number;
  /** `width` by default. */
  readonly outputs?: number;
}): MultiHeadAttention {
  const { queries, keys = queries, values = keys, width, heads, outputs = width } = options;
  if (!(Number.isInteger(heads) && heads >= 1 && Number.isInteger(width) && width >= 1 && width % heads === 0)) {
    const remedy = "Use whole numbers, and a width that is a multiple of the heads";
    throw new GraphError("IL102", "multiHeadAttention", `${heads} heads of a width of ${width}`, remedy);
  }
  const projections = {
    query: linear({ inputs: queries, outputs: width }),
    key: linear({ inputs: keys, outputs: width }),
    value: linear({ inputs: values, outputs: width }),
    output: linear({ inputs: width, outputs }),
  };
  type Projection = keyof typeof projections;
  const projected = (params: Tree, name: Projection, x: Tensor): Tensor =>
    projections[name].apply((params as Record<Projection, { readonly weight: Tensor }>)[name], x);
  return {
    init: (key) =>
      Object.fromEntries(Object.entries(projections).map(([name, layer]) => [name, layer.init(split(key, name))])),
    remembered: (params, keysOf, valuesOf = keysOf) => ({
      keys: asHeads(projected(params, "key", keysOf), heads),
      values: asHeads(projected(params, "value", valuesOf), heads),
    }),
    apply: (params, x, memory, how) =>
      projected(params, "output", joined(attend(asHeads(projected(params, "query", x), heads), memory, how))),
  };
}
