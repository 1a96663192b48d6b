import {
  add,
  cast,
  concat,
  cumulativeSum,
  matmul,
  mul,
  oneHot,
  reshape,
  sigmoid,
  sliceAxis,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  tanh,
  tensor,
  zeros,
} from "@innerloop/graph";
import { attend, type KeysAndValues } from "../../layers/attention.js";
import { conv1d, type LinearParameters, linear } from "../../layers/layers.js";
import { split } from "../../random/random.js";
import type { Learner } from "../learner.js";
import {
  type ModelBasedOptions,
  modelBasedLearner,
  type ReadTask,
  type Rows,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `snail`. */
export interface SnailOptions extends ModelBasedOptions {
  /** Channels that each convolution adds. 32 by default; the paper's few-shot network has 128. */
  readonly filters?: number;
  /**
   * Sizes of the keys and values of each attention block, between which the temporal convolutions are. 16, 32 and 32
   * for both by default; the paper's few-shot network has keys of 64, 256 and 512 and values of half that.
   */
  readonly attention?: readonly { readonly keys: number; readonly values: number }[];
  /** Support rows that the convolutions reach over, at least; 25 by default. Attention reaches over all there are. */
  readonly length?: number;
}

/**
 * Simple neural attentive learner (SNAIL, Mishra et al. 2018): a network over the sequence of the support examples with
 * their labels, then one query without; nothing adapts by gradients.
 *
 *   sequence         (f(x_1), y_1), ..., (f(x_n), y_n), (f(x), 0)
 *   dense block      t <- [t, tanh(F t) . sigmoid(G t)],  F and G causal convolutions of window 2 and dilation d
 *   temporal block   dense blocks of dilations 1, 2, 4, ... until they reach over the whole sequence
 *   attention block  t <- [t, softmax(q k^T / sqrt(keys), of rows up to one's own) v]
 *   network          attention, temporal, attention, temporal, attention, linear head on the query's row
 *
 * All layers are causal: no support row sees the query. So the support rows are read once, and each query of a task is
 * the end of a sequence of its own. Padding is moved to the front of the sequence, where it is as the zeros that
 * convolutions start from.
 *
 * The order of the support set matters. Support sets come grouped by class, in training and in evaluation alike.
 *
 * @throws IL102 where an option is out of range
 * @example snail({ model: convEmbedding({ imageShape: [28, 28, 1] }), features: 64, ways: 5, length: 5 })
 */
export function snail(options: SnailOptions): Learner<Tree, ReadTask> {
  const { filters = 32, attention = [16, 32, 32].map((size) => ({ keys: size, values: size })), length = 25 } = options;
  const form = taskFormOf("snail", options);
  requireWhole("snail", "filters", filters);
  requireWhole("snail", "length", length);
  requireWhole("snail", "the number of attention blocks", attention.length);
  for (const { keys, values } of attention) {
    requireWhole("snail", "keys of an attention block", keys);
    requireWhole("snail", "values of an attention block", values);
  }
  const dilations = Array.from({ length: Math.ceil(Math.log2(length + 1)) }, (_, i) => 2 ** i);
  let channels = form.features + form.targets;
  const blocks = attention.flatMap(({ keys, values }, i) => {
    const temporal =
      i === 0 ? [] : dilations.map((dilation, at) => denseBlock(channels + at * filters, filters, dilation));
    channels += temporal.length * filters;
    const attending = attentionBlock(channels, keys, values);
    channels += values;
    return [...temporal, attending];
  });
  const head = linear({ inputs: channels, outputs: form.targets });
  type Network = { readonly blocks: readonly Tree[]; readonly head: LinearParameters };
  type Memory = { readonly blocks: readonly Tree[]; readonly mask?: Tensor };
  return modelBasedLearner({
    name: "SNAIL",
    description: {
      filters,
      attention: attention.map(({ keys, values }) => `${keys}/${values}`).join(", "),
      length,
    },
    form,
    init: (key): Network => ({
      blocks: blocks.map((block, i) => block.init(split(split(key, "blocks"), String(i)))),
      head: head.init(split(key, "head")),
    }),
    read: (network, support): Memory => {
      const at = network as Network;
      const { rows, mask } = sequenceOf(support);
      let sequence = rows;
      const read = blocks.map((block, i) => {
        const { memory, added } = block.read(at.blocks[i]!, sequence, mask);
        sequence = concat([sequence, mask ? mul(added, reshape(mask, [-1, 1])) : added], -1);
        return memory;
      });
      return { blocks: read, ...(mask ? { mask } : {}) };
    },
    answer: (network, memory, features) => {
      const at = network as Network;
      const { blocks: read, mask } = memory as Memory;
      const start = concat([features, zeros([features.shape[0]!, form.targets], features.dtype)], -1);
      const last = blocks.reduce(
        (rows, block, i) => concat([rows, block.answer(at.blocks[i]!, read[i]!, rows, mask)], -1),
        start,
      );
      return head.apply(at.head, last);
    },
  });
}

/** A part of the network. What it computes is put beside its input, for support rows and for queries after them. */
interface CausalBlock {
  init(key: Parameters<typeof split>[0]): Tree;
  /** What it adds to each support row [n, channels], and what queries need of them. */
  read(params: Tree, rows: Tensor, mask?: Tensor): { readonly memory: Tree; readonly added: Tensor };
  /** What it adds to queries [m, channels], each as if it came after the last support row. */
  answer(params: Tree, memory: Tree, queries: Tensor, mask?: Tensor): Tensor;
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
  };
}

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
  };
}

/** Support rows with their labels, padding first. */
function sequenceOf({ features, targets, present }: Rows): { readonly rows: Tensor; readonly mask?: Tensor } {
  const rows = concat([features, targets], -1);
  if (!present) return { rows };
  const n = rows.shape[0]!;
  // A row that is there comes as far from the end as there are such rows from it on.
  const place = sub(n, cumulativeSum(present, 0, { reverse: true }));
  const moves = mul(oneHot(cast(place, "int32"), n, rows.dtype), reshape(present, [n, 1]));
  return { rows: matmul(swapLast(moves), rows), mask: sum(moves, 0) };
}
