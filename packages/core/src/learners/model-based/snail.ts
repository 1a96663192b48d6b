import {
  cast,
  concat,
  cumulativeSum,
  matmul,
  mul,
  oneHot,
  reshape,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
  zeros,
} from "@innerloop/graph";
import { type LinearParameters, linear } from "../../layers/layers.js";
import { split } from "../../random/random.js";
import type { Learner } from "../learner.js";
import { causalBlocks } from "./causal-blocks.js";
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
  const { blocks, channels } = causalBlocks({ inputs: form.features + form.targets, filters, attention, length });
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
