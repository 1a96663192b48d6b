import { mapTree, stopGradient, type Tree } from "@innerloop/graph";
import type { Layer } from "./layer.js";
import { fixed } from "./parameter-roles.js";

/**
 * A layer whose parameters nothing moves: no inner loop, no outer update, no weight decay. What optimizers keep for
 * each parameter they do not keep for these, and no gradient by them is computed.
 *
 * It is applied as it predicts, in training too: batch normalisation of mode "running" uses its averages and leaves
 * them as they are, and nothing is dropped. Checkpoints hold the parameters as they do any others.
 *
 * @param params the values to stay at, those of a trained embedding for example; the layer's first ones by default
 * @throws IL303 where `params` are not of the layer's structure
 * @example sequential([frozen(convEmbedding({ imageShape }), pretrained.params), linear({ inputs: 64, outputs: 5 })])
 */
export function frozen<P extends Tree>(layer: Layer<P>, params?: P): Layer<P> {
  return {
    ...layer,
    init: (key) => {
      const first = layer.init(key);
      return fixed(params === undefined ? first : mapTree((_first, given) => given!, first, params));
    },
    apply: (own, x, context) => {
      const { key: _undropped, ...others } = context ?? {};
      return layer.apply(mapTree(stopGradient, own), x, { ...others, phase: "predict" });
    },
  };
}
