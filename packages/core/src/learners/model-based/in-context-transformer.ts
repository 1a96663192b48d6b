import { add, broadcastTo, type Tensor, type Tree } from "@innerloop/graph";
import { type KeysAndValues, multiHeadAttention } from "../../layers/attention.js";
import { normalInit } from "../../layers/initialization.js";
import { gelu, layerNorm, linear, sequential } from "../../layers/layers.js";
import { type Key, split } from "../../random/random.js";
import type { Learner } from "../learner.js";
import {
  type ModelBasedOptions,
  modelBasedLearner,
  type ReadTask,
  requireWhole,
  taskFormOf,
} from "./model-based-learner.js";

/** Options of `inContextTransformer`. */
export interface InContextTransformerOptions extends ModelBasedOptions {
  /** Width of a token. 64 by default. */
  readonly hidden?: number;
  /** Transformer blocks. 3 by default. */
  readonly layers?: number;
  /** Attention heads, 4 by default. */
  readonly heads?: number;
  /** Units of the network between two attentions, 2 hidden by default. */
  readonly feedForward?: number;
}

/**
 * In-context learning with a transformer: the support set is its prompt, each query a further token whose label is to
 * be filled in; nothing adapts by gradients.
 *
 *   support token  t_i = W f(x_i) + E(y_i),  query token  t = W f(x) + u   (u: a learned "no label")
 *   each block     t <- t + attention(norm(t)),  t <- t + network(norm(t))   (pre-norm, gelu)
 *   prediction     head(norm(t)) of the query's token
 *
 * Support tokens attend to one another, a query's to the support tokens and to itself: so queries do not see each
 * other, and the support set is read once, however many queries follow. There are no positions: it is a set. Both are
 * as in prior-fitted networks (Müller et al. 2022).
 *
 * @throws IL102 where options are out of range, or heads do not divide hidden
 * @example inContextTransformer({ model: convEmbedding({ imageShape: [28, 28, 1] }), features: 64, ways: 5 })
 */
export function inContextTransformer(options: InContextTransformerOptions): Learner<Tree, ReadTask> {
  const { hidden = 64, layers = 3, heads = 4, feedForward = 2 * hidden } = options;
  const form = taskFormOf("inContextTransformer", options);
  for (const [name, value] of Object.entries({ hidden, layers, feedForward })) {
    requireWhole("inContextTransformer", name, value);
  }
  const place = linear({ inputs: form.features, outputs: hidden });
  const label = linear({ inputs: form.targets, outputs: hidden, bias: false });
  const blocks = Array.from({ length: layers }, () => transformerBlock({ hidden, heads, feedForward }));
  const head = sequential([layerNorm({ channels: hidden }), linear({ inputs: hidden, outputs: form.targets })]);
  type Network = {
    readonly place: ReturnType<typeof place.init>;
    readonly label: ReturnType<typeof label.init>;
    readonly noLabel: Tensor;
    readonly blocks: readonly Tree[];
    readonly head: ReturnType<typeof head.init>;
  };
  type Memory = { readonly blocks: readonly KeysAndValues[]; readonly mask?: Tensor };
  return modelBasedLearner({
    name: "in-context transformer",
    description: { hidden, layers, heads, feedForward },
    form,
    init: (key): Network => ({
      place: place.init(split(key, "place")),
      label: label.init(split(key, "label")),
      noLabel: normalInit(0.1)([hidden], { in: 1, out: hidden }, split(key, "noLabel")),
      blocks: blocks.map((block, i) => block.init(split(key, `block ${i}`))),
      head: head.init(split(key, "head")),
    }),
    read: (network, { features, targets, present }): Memory => {
      const at = network as Network;
      const mask = present ? { mask: present } : {};
      let tokens = add(place.apply(at.place, features), label.apply(at.label, targets));
      const read = blocks.map((block, i) => {
        const memory = block.remembered(at.blocks[i]!, tokens);
        // What the last block would make of the support tokens is read by nobody.
        if (i < layers - 1) tokens = block.apply(at.blocks[i]!, tokens, memory, mask);
        return memory;
      });
      return { blocks: read, ...mask };
    },
    answer: (network, memory, features) => {
      const at = network as Network;
      const { blocks: read, mask } = memory as Memory;
      const start = add(place.apply(at.place, features), broadcastTo(at.noLabel, [features.shape[0]!, hidden]));
      const tokens = blocks.reduce((rows, block, i) => {
        const own = block.remembered(at.blocks[i]!, rows);
        return block.apply(at.blocks[i]!, rows, read[i]!, { own, ...(mask ? { mask } : {}) });
      }, start);
      return head.apply(at.head, tokens);
    },
  });
}

/** One pre-norm block: attention, then a network for each token. */
function transformerBlock(sizes: { readonly hidden: number; readonly heads: number; readonly feedForward: number }) {
  const { hidden, heads, feedForward } = sizes;
  const norm = layerNorm({ channels: hidden });
  const attention = multiHeadAttention({ queries: hidden, width: hidden, heads });
  const network = sequential([
    layerNorm({ channels: hidden }),
    linear({ inputs: hidden, outputs: feedForward }),
    gelu(),
    linear({ inputs: feedForward, outputs: hidden }),
  ]);
  type Parameters = {
    readonly norm: ReturnType<typeof norm.init>;
    readonly attention: Tree;
    readonly network: ReturnType<typeof network.init>;
  };
  return {
    init: (key: Key): Parameters => ({
      norm: norm.init(split(key, "norm")),
      attention: attention.init(split(key, "attention")),
      network: network.init(split(key, "network")),
    }),
    /** Keys and values of tokens that are to be attended to. */
    remembered: (params: Tree, tokens: Tensor): KeysAndValues => {
      const at = params as Parameters;
      return attention.remembered(at.attention, norm.apply(at.norm, tokens));
    },
    apply: (
      params: Tree,
      tokens: Tensor,
      memory: KeysAndValues,
      how: { readonly mask?: Tensor; readonly own?: KeysAndValues },
    ): Tensor => {
      const at = params as Parameters;
      const read = add(tokens, attention.apply(at.attention, norm.apply(at.norm, tokens), memory, how));
      return add(read, network.apply(at.network, read));
    },
  };
}
