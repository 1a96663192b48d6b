/** An encoder of the words of sentences: of what is around a word, by its features and its states. */
import {
  cast,
  concat,
  div,
  expandAxis,
  gather,
  greater,
  layerNorm,
  max,
  mul,
  pad,
  relu,
  sliceAxis,
  sum,
  type Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { TokenInputs, WordSetting } from "../domains/entities/token-inputs.js";
import { type Key, split } from "../random/random.js";
import { heNormal, normalInit } from "./initialization.js";
import type { Layer } from "./layer.js";
import { linear } from "./layers.js";
import { withTraits } from "./parameter-roles.js";

/** Options of `wordEncoder`. */
export interface WordEncoderOptions extends Pick<WordSetting, "ids" | "width" | "length"> {
  readonly slots: number;
  /** Numbers of a feature's vector; 32 by default. */
  readonly embedding?: number;
  /** Units of the hidden layer; 128 by default. */
  readonly hidden?: number;
  /** Numbers of a word's encoding; 64 by default. */
  readonly outputs?: number;
  /** Words to each side that an encoding sees; 1 by default. */
  readonly context?: number;
}

/**
 * An encoding of each word from its features and, where there is a backbone, its state, with those of the words beside it:
 *
 *   h_i = [mean over slots of E[id], LN(state)],  z_i = W relu(V [h_(i-c), ..., h_i, ..., h_(i+c)] + a) + b
 *
 * `TokenInputs` of n sentences -> [n, length, outputs]. LN is a layer normalisation with no parameters: states of encoders
 * differ in scale. Words beyond the ends of a sentence are zeros. The table E of all features is shared by all tasks: no
 * inner loop adapts it.
 *
 * @example wordEncoder({ ...data, slots: data.slots.length, outputs: 64 })
 */
export function wordEncoder(
  options: WordEncoderOptions,
): Layer<Tree, TokenInputs> & { readonly outputShape: readonly number[] } {
  const { ids, slots, width, length, embedding = 32, hidden = 128, outputs = 64, context = 1 } = options;
  const seen = 2 * context + 1;
  const layers = {
    hidden: linear({ inputs: seen * (embedding + width), outputs: hidden, weightInit: heNormal }),
    output: linear({ inputs: hidden, outputs }),
  };
  type Parameters = { readonly [K in keyof typeof layers]: Tree } & { readonly table: Tensor };
  return {
    outputShape: [length, outputs],
    init: (key: Key) => ({
      // A mean of as many vectors as there are slots has numbers about 1.
      table: withTraits(normalInit(Math.sqrt(slots))([ids, embedding], { in: 1, out: 1 }, split(key, "table")), {
        role: "shared",
      }),
      hidden: layers.hidden.init(split(key, "hidden")),
      output: layers.output.init(split(key, "output")),
    }),
    apply: (params, { lexical, states, mask }) => {
      const own = params as unknown as Parameters;
      const there = expandAxis(mask, 2);
      const given = expandAxis(cast(greater(lexical, 0), "float32"), 3);
      const vectors = mul(gather(own.table, lexical, 0), given);
      const features = div(sum(vectors, 2), max(sum(given, 2), 1));
      const h = mul(states ? concat([features, normalized(states, width)], 2) : features, there);
      const beside = Array.from({ length: seen }, (_, i) => shifted(h, i - context));
      const inner = relu(layers.hidden.apply(own.hidden as never, concat(beside, 2)));
      return mul(layers.output.apply(own.output as never, inner), there);
    },
  };
}

const normalized = (states: Tensor, width: number): Tensor =>
  layerNorm(states, tensor(new Float32Array(width).fill(1)), tensor(new Float32Array(width)));

/** Of each word what is `by` words after it, [n, length, d]; zeros beyond the ends. */
function shifted(h: Tensor, by: number): Tensor {
  if (by === 0) return h;
  const length = h.shape[1]!;
  const away = Math.min(Math.abs(by), length);
  return by > 0
    ? pad(sliceAxis(h, 1, away, length), { high: [0, away, 0] })
    : pad(sliceAxis(h, 1, 0, length - away), { low: [0, away, 0] });
}
