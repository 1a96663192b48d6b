/** Blocks of SNAIL: what a row of a sequence is told of the rows before it. */
import {
  add,
  concat,
  matmul,
  mul,
  ones,
  reshape,
  sigmoid,
  sliceAxis,
  swapLast,
  type Tensor,
  type Tree,
  tanh,
  tensor,
  zeros,
} from "@innerloop/graph";
import { attend, type KeysAndValues } from "../../layers/attention.js";
import { conv1d, type LinearParameters, linear } from "../../layers/layers.js";
import type { split } from "../../random/random.js";

/** A part of the network. What it computes is put beside its input, for support rows and for queries after them. */
export interface CausalBlock {
  init(key: Parameters<typeof split>[0]): Tree;
  /** What it adds to each support row [n, channels], and what queries need of them. */
  read(params: Tree, rows: Tensor, mask?: Tensor): { readonly memory: Tree; readonly added: Tensor };
  /** What it adds to queries [m, channels], each as if it came after the last support row. */
  answer(params: Tree, memory: Tree, queries: Tensor, mask?: Tensor): Tensor;
  /** What is kept of sequences of at most `steps` rows that come one after another, before the first: leaves [n, ...]. */
  start(n: number, steps: number): Tree;
  /** What it adds to the next row of each of n sequences, [n, channels], and what is kept then. */
  advance(params: Tree, kept: Tree, rows: Tensor): { readonly kept: Tree; readonly added: Tensor };
}

/** Sizes of the blocks of a network. */
export interface CausalBlockOptions {
  /** Channels of the sequence that is read. */
  readonly inputs: number;
  readonly filters: number;
  readonly attention: readonly { readonly keys: number; readonly values: number }[];
  /** Rows that the convolutions reach over, at least. */
  readonly length: number;
}

/**
 * The blocks of SNAIL (Mishra et al. 2018): attention, then dense blocks of dilations 1, 2, 4, ... before each further one.
 *
 * @returns the blocks with the channels of the sequence after them
 */
export function causalBlocks({ inputs, filters, attention, length }: CausalBlockOptions): {
  readonly blocks: readonly CausalBlock[];
  readonly channels: number;
} {
  const dilations = Array.from({ length: Math.ceil(Math.log2(length + 1)) }, (_, i) => 2 ** i);
  let channels = inputs;
  const blocks = attention.flatMap(({ keys, values }, i) => {
    const temporal =
      i === 0 ? [] : dilations.map((dilation, at) => denseBlock(channels + at * filters, filters, dilation));
    channels += temporal.length * filters;
    const attending = attentionBlock(channels, keys, values);
    channels += values;
    return [...temporal, attending];
  });
  return { blocks, channels };
}

/** tanh(F t) . sigmoid(G t), F and G of a row and of the one `dilation` before it; both as one convolution. */
function denseBlock(channels: number, filters: number, dilation: number): CausalBlock {
  const both = conv1d({ channelsIn: channels, channelsOut: 2 * filters, window: 2 });
  type Parameters = ReturnType<typeof both.init>;
  /** What rows add to themselves (1), or to the rows `dilation` after them (0). */
  const product = ({ weight }: Parameters, tap: 0 | 1, rows: Tensor): Tensor =>
    matmul(rows, reshape(sliceAxis(weight, 0, tap, tap + 1), [channels, 2 * filters]));
  const activated = ({ bias }: Parameters, past: Tensor, own: Tensor): Tensor => {
    const gates = add(add(past, own), bias);
    return mul(tanh(sliceAxis(gates, -1, 0, filters)), sigmoid(sliceAxis(gates, -1, filters, 2 * filters)));
  };
  return {
    init: both.init,
    read: (params, rows) => {
      const at = params as Parameters;
      const n = rows.shape[0]!;
      const reach = Math.min(dilation, n);
      const none = zeros([reach, 2 * filters], rows.dtype);
      const handedOn = product(at, 0, rows);
      const past = reach < n ? concat([none, sliceAxis(handedOn, 0, 0, n - reach)], 0) : none;
      // The query's place is n.
      const toQuery =
        dilation <= n ? sliceAxis(handedOn, 0, n - dilation, n - dilation + 1) : zeros([1, 2 * filters], rows.dtype);
      return { memory: toQuery, added: activated(at, past, product(at, 1, rows)) };
    },
    answer: (params, memory, queries) => {
      const at = params as Parameters;
      return activated(at, memory as Tensor, product(at, 1, queries));
    },
    // What the last `dilation` rows hand on, the oldest first.
    start: (n) => zeros([n, dilation, 2 * filters]),
    advance: (params, kept, rows) => {
      const at = params as Parameters;
      const register = kept as Tensor;
      const n = rows.shape[0]!;
      const past = reshape(sliceAxis(register, 1, 0, 1), [n, 2 * filters]);
      const handedOn = reshape(product(at, 0, rows), [n, 1, 2 * filters]);
      return { kept: shifted(register, handedOn), added: activated(at, past, product(at, 1, rows)) };
    },
  };
}

/** A register [n, places, width] with a row [n, 1, width] at its end, and without the first. */
const shifted = (register: Tensor, row: Tensor): Tensor =>
  register.shape[1] === 1 ? row : concat([sliceAxis(register, 1, 1, register.shape[1]!), row], 1);

/** Attention of a row to those up to its own. */
function attentionBlock(channels: number, keys: number, values: number): CausalBlock {
  const projection = linear({ inputs: channels, outputs: 2 * keys + values });
  const projected = (params: Tree, rows: Tensor): { readonly query: Tensor; readonly own: KeysAndValues } => {
    const all = projection.apply(params as LinearParameters, rows);
    // One head.
    const part = (from: number, to: number): Tensor =>
      reshape(sliceAxis(all, -1, from, to), [1, rows.shape[0]!, to - from]);
    return {
      query: part(0, keys),
      own: { keys: part(keys, 2 * keys), values: part(2 * keys, 2 * keys + values) },
    };
  };
  const withoutHeads = (x: Tensor): Tensor => reshape(x, x.shape.slice(1));
  return {
    init: projection.init,
    read: (params, rows, mask) => {
      const n = rows.shape[0]!;
      const { query, own } = projected(params, rows);
      const earlier = tensor(
        Float32Array.from({ length: n * n }, (_, i) => (i % n <= Math.floor(i / n) ? 1 : 0)),
        [n, n],
      );
      return { memory: own, added: withoutHeads(attend(query, own, { mask: mask ? mul(earlier, mask) : earlier })) };
    },
    answer: (params, memory, queries, mask) => {
      const { query, own } = projected(params, queries);
      return withoutHeads(attend(query, memory as KeysAndValues, { own, ...(mask ? { mask } : {}) }));
    },
    start: (n, steps) => ({
      keys: zeros([n, steps, keys]),
      values: zeros([n, steps, values]),
      there: zeros([n, steps, 1]),
    }),
    advance: (params, kept, rows) => {
      const n = rows.shape[0]!;
      const { query, own } = projected(params, rows);
      // Sequences are as heads, which do not see each other.
      const row = (x: Tensor): Tensor => reshape(x, [n, 1, x.shape.at(-1)!]);
      const before = kept as { readonly keys: Tensor; readonly values: Tensor; readonly there: Tensor };
      const next = {
        keys: shifted(before.keys, row(own.keys)),
        values: shifted(before.values, row(own.values)),
        there: shifted(before.there, ones([n, 1, 1])),
      };
      const read = attend(row(query), next, { mask: swapLast(next.there) });
      return { kept: next, added: reshape(read, [n, values]) };
    },
  };
}
