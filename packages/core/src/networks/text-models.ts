/** Networks of texts: of ids, as embeddings of [n, length] int32, and of features that a frozen encoder has made. */
import { identityInit } from "../layers/initialization.js";
import type { Layer } from "../layers/layer.js";
import { linear, modulated, scaled, sequential } from "../layers/layers.js";
import {
  type TextConvolutionOptions,
  type TextTransformerOptions,
  textConvolution,
  textTransformer,
} from "../layers/text-encoders.js";
import {
  besideSketch,
  countSketch,
  embeddingBag,
  type IdTableOptions,
  idDropout,
  unitLength,
} from "../layers/text-layers.js";

/** Options that networks of ids have in common. */
export interface IdNetworkOptions extends IdTableOptions {
  /** Dimensions of the sketch, of ids weighed by `weights`; 0 for none. */
  readonly sketch?: number;
  /** The share of what is beside the sketch, at first; 0.1 by default. */
  readonly share?: number;
  /** Probability with which an id is left out in training; 0 by default. */
  readonly idDropout?: number;
  /** The length of embeddings at first, which is learned; 1 by default. */
  readonly scale?: number;
}

/** An embedding of ids from a layer, its sketch, or both. */
function idNetwork(options: IdNetworkOptions, layer: Layer | undefined): Layer {
  const { entries, weights, trains, sketch: width = 0, share = 0.1, idDropout: rate = 0, scale = 1 } = options;
  const table = { entries, ...(weights ? { weights } : {}), ...(trains ? { trains } : {}) };
  const sketch = width > 0 ? countSketch({ ...table, width }) : undefined;
  const body = sketch && layer ? besideSketch(sketch, layer, { share }) : (layer ?? sketch);
  const [channels = 0] = body?.outputShape ?? [];
  const parts = [idDropout({ rate }), ...(body ? [body] : []), unitLength(), scaled({ initial: scale })];
  return Object.assign(sequential([...parts, modulated({ channels })]), { outputShape: [channels] });
}

/** Options of `bagNetwork`. */
export interface BagNetworkOptions extends IdNetworkOptions {
  /** Numbers of the embedding bag beside the sketch; 0 for the sketch alone. */
  readonly width: number;
}

/**
 * A text as the bag of its ids, in two parts of one length: the sketch of its weighted ids and, beside it with a small
 * share, the weighted mean of their vectors, under a linear map that starts as the identity. [n, length] -> [n, sketch +
 * width].
 *
 * Untrained, with weights of inverse document frequency, cosines between texts are those of tf-idf: a prototypical
 * network starts as the tf-idf centroid, and training adds to it what words have in common beyond their spelling.
 *
 * @example bagNetwork({ entries: 65_536, sketch: 8192, width: 64, weights: idf, idDropout: 0.5 })
 */
export function bagNetwork(options: BagNetworkOptions): Layer {
  const { entries, weights, trains, width } = options;
  if (width === 0) return idNetwork(options, undefined);
  const table = { entries, ...(weights ? { weights } : {}), ...(trains ? { trains } : {}) };
  const map = linear({ inputs: width, outputs: width, bias: false, weightInit: identityInit });
  const bag = sequential([embeddingBag({ ...table, width }), map]);
  return idNetwork(options, Object.assign(bag, { outputShape: [width] }));
}

/** `textConvolution`, or it beside a sketch of the text's ids, of one length. */
export const textConvolutionNetwork = (options: IdNetworkOptions & TextConvolutionOptions): Layer =>
  idNetwork(options, textConvolution(options));

/** `textTransformer`, or it beside a sketch of the text's ids, of one length. */
export const textTransformerNetwork = (options: IdNetworkOptions & TextTransformerOptions): Layer =>
  idNetwork(options, textTransformer(options));

/** Options of `projection`. */
export interface ProjectionOptions {
  /** Numbers of an example. */
  readonly features: number;
  /** Whether embeddings are of one length, `scale` at first; true by default. */
  readonly normalize?: boolean;
  /** 1 by default. */
  readonly scale?: number;
}

/**
 * Features of a frozen encoder under a linear map that starts as the identity, then of one length, which is learned:
 * [n, features] -> [n, features]. Untrained, a prototypical network of it is the nearest centroid of the features.
 *
 * @example projection({ features: 384 })
 */
export function projection({ features, normalize = true, scale = 1 }: ProjectionOptions): Layer {
  const map = linear({ inputs: features, outputs: features, bias: false, weightInit: identityInit });
  const layers = [map, ...(normalize ? [unitLength(), scaled({ initial: scale })] : [])];
  return Object.assign(sequential([...layers, modulated({ channels: features })]), { outputShape: [features] });
}
