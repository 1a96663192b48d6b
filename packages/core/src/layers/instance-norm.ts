/** Normalisation of each example by itself. */
import { add, div, mean, mul, sqrt, sub, type Tensor, tensor } from "@innerloop/graph";
import type { Layer } from "./layer.js";

/** Parameters of `instanceNorm`, both [channels]. */
export type InstanceNormParameters = { readonly scale: Tensor; readonly shift: Tensor };

/**
 * Instance normalisation (Ulyanov, Vedaldi & Lempitsky 2016) of images [n, height, width, channels]:
 *
 *   (x - mean) / sqrt(variance + epsilon) scale + shift
 *
 * with the statistics of each channel over one image alone, so that what is said of an image depends on no other.
 */
export function instanceNorm({
  channels,
  epsilon = 1e-5,
}: {
  readonly channels: number;
  readonly epsilon?: number;
}): Layer<InstanceNormParameters> {
  return {
    init: () => ({
      scale: tensor(new Float32Array(channels).fill(1), [channels]),
      shift: tensor(new Float32Array(channels), [channels]),
    }),
    apply: ({ scale, shift }, x) => {
      const over = { keepAxes: true } as const;
      const centred = sub(x, mean(x, [1, 2], over));
      const deviation = sqrt(add(mean(mul(centred, centred), [1, 2], over), epsilon));
      return add(mul(div(centred, deviation), scale), shift);
    },
  };
}
