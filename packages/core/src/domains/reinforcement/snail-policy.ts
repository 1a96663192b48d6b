/** SNAIL on trials: a policy that attends to all that it has met. */
import { concat, type Tensor, type Tree, vmap } from "@innerloop/graph";
import { causalBlocks } from "../../learners/model-based/causal-blocks.js";
import { split } from "../../random/random.js";
import { wholeOption } from "./environment.js";
import { type MemoryPolicy, type MemoryPolicyOptions, memoryLearner, trialInputs } from "./memory-policy.js";

/** Options of `snailPolicy`. */
export interface SnailPolicyOptions extends MemoryPolicyOptions {
  /** The steps of a trial, all its episodes together: horizon x trial.episodes. */
  readonly steps: number;
  /** Channels that each convolution adds: 16 by default. */
  readonly filters?: number;
  /** Sizes of the keys and values of each attention block, with convolutions between them: 16 for both, two by default. */
  readonly attention?: readonly { readonly keys: number; readonly values: number }[];
}

/**
 * SNAIL as a policy (Mishra et al. 2018, section 5.2): its causal convolutions and attention over the steps of a trial, inputs
 * and outputs as those of `recurrentPolicy`. Convolutions reach over the whole trial. Step by step it keeps what the blocks
 * need of earlier steps, and computes none of them again.
 *
 * @throws EnvironmentError ILE101 where a size is not a whole number of 1 or more
 * @example snailPolicy({ ...family, steps: family.horizon * (family.trial?.episodes ?? 1) })
 */
export function snailPolicy(options: SnailPolicyOptions): MemoryPolicy {
  const { attention = [16, 16].map((size) => ({ keys: size, values: size })) } = options;
  const steps = wholeOption("snailPolicy", "steps", options.steps);
  const filters = wholeOption("snailPolicy", "filters", options.filters ?? 16);
  wholeOption("snailPolicy", "the number of attention blocks", attention.length);
  for (const { keys, values } of attention) {
    wholeOption("snailPolicy", "keys of an attention block", keys);
    wholeOption("snailPolicy", "values of an attention block", values);
  }
  const { blocks, channels } = causalBlocks({ inputs: trialInputs(options), filters, attention, length: steps });
  return memoryLearner(options, {
    name: "SNAIL",
    description: {
      trialSteps: steps,
      filters,
      attention: attention.map(({ keys, values }) => `${keys}/${values}`).join(", "),
    },
    features: channels,
    init: (key) => blocks.map((block, i) => block.init(split(key, String(i)))),
    read: (params, x) =>
      vmap((sequence: Tensor) =>
        blocks.reduce(
          (rows, block, i) => concat([rows, block.read((params as readonly Tree[])[i]!, rows).added], -1),
          sequence,
        ),
      )(x),
    start: (rows) => blocks.map((block) => block.start(rows, steps)),
    advance: (params, memory, x) => {
      let features = x;
      const next = blocks.map((block, i) => {
        const { kept, added } = block.advance(
          (params as readonly Tree[])[i]!,
          (memory as readonly Tree[])[i]!,
          features,
        );
        features = concat([features, added], -1);
        return kept;
      });
      return { features, memory: next };
    },
  });
}
