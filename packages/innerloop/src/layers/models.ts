import { GraphError, reshape } from "@innerloop/graph";
import { constantInit, glorotUniform, type Initializer, normalInit, truncatedNormal } from "./initialization.js";
import { type BatchNormMode, functionLayer, type Layer } from "./layer.js";
import {
  type ActivationName,
  activations,
  batchNorm,
  conv2d,
  flatten,
  globalAveragePool,
  linear,
  maxPool,
  relu,
  sequential,
} from "./layers.js";

export interface MlpOptions {
  /** Units of each layer, input and output included: [1, 40, 40, 1]. */
  readonly sizes: readonly number[];
  /** relu by default. */
  readonly activation?: ActivationName;
  /** Batch normalisation before each activation. None by default. */
  readonly batchNorm?: BatchNormMode;
  readonly weightInit?: Initializer;
}

/**
 * A multi-layer perceptron; inputs are flattened to [examples, sizes[0]], the last layer is linear.
 *
 * The default initialisation is Glorot's, which starts gentle enough to adapt: on sinusoids, 5,000 meta-updates from it
 * end at a loss of 0.2 after ten steps, from He's normal at 2 (the first layer's single input makes that one steep).
 * Finn's sinusoid network takes `truncatedNormal(0.01)`.
 */
export function mlp(options: MlpOptions): Layer {
  const { sizes, activation = "relu", weightInit = glorotUniform } = options;
  if (sizes.length < 2 || !sizes.every((units) => Number.isSafeInteger(units) && units > 0)) {
    const remedy = "Give the units of each layer, input and output included: [1, 40, 40, 1]";
    throw new GraphError("IL102", "mlp", `sizes [${sizes.join(", ")}]`, remedy);
  }
  const widths = sizes.slice(1);
  const hidden = widths
    .slice(0, -1)
    .flatMap((outputs, i) => [
      linear({ inputs: sizes[i]!, outputs, weightInit }),
      ...(options.batchNorm ? [batchNorm({ channels: outputs, mode: options.batchNorm })] : []),
      functionLayer(activations[activation]),
    ]);
  const head = linear({ inputs: sizes.at(-2)!, outputs: sizes.at(-1)!, weightInit });
  return sequential([functionLayer((x) => reshape(x, [x.shape[0]!, sizes[0]!])), ...hidden, head]);
}

export interface ConvEmbeddingOptions {
  /** [height, width, channels] of an image. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  /** Channels of each block: 64 for Omniglot, 32 for MAML on mini-ImageNet. */
  readonly filters?: number;
  readonly blocks?: number;
  /** How a block halves the image: "stride" as MAML on Omniglot, "pool" as on mini-ImageNet. "stride" by default. */
  readonly downsampling?: "stride" | "pool";
  /** Where the statistics come from. "transductive" by default, as in the published MAML tables. */
  readonly batchNorm?: BatchNormMode;
}

export interface ConvNetOptions extends ConvEmbeddingOptions {
  readonly ways: number;
}

/**
 * The convolutional network of the few-shot papers (Vinyals et al. 2016, Finn et al. 2017): blocks of 3 x 3 convolution,
 * batch normalisation, relu and halving, then a linear head. With "stride" the features are the mean over the last map,
 * with "pool" all of it. Glorot initialisation, the head normal with deviation 0.01.
 */
export function convNet(options: ConvNetOptions): Layer {
  const { layers, features } = convFeatures(options);
  return sequential([...layers, linear({ inputs: features, outputs: options.ways, weightInit: normalInit(0.01) })]);
}

/** `convNet` without its head: images [n, ...imageShape] -> features [n, features], what metric-based learners compare. */
export function convEmbedding(options: ConvEmbeddingOptions): Layer {
  return sequential(convFeatures(options).layers);
}

function convFeatures(options: ConvEmbeddingOptions): { readonly layers: readonly Layer[]; readonly features: number } {
  const { imageShape, filters = 64, blocks = 4, downsampling = "stride", batchNorm: mode = "transductive" } = options;
  const [height, width, channels] = imageShape;
  const strided = downsampling === "stride";
  let [rows, columns] = [height, width];
  const body = Array.from({ length: blocks }, (_, i) => {
    [rows, columns] = strided
      ? [Math.ceil(rows / 2), Math.ceil(columns / 2)]
      : [Math.floor(rows / 2), Math.floor(columns / 2)];
    return sequential([
      conv2d({
        channelsIn: i === 0 ? channels : filters,
        channelsOut: filters,
        stride: strided ? 2 : 1,
        weightInit: glorotUniform,
      }),
      batchNorm({ channels: filters, mode }),
      relu(),
      ...(strided ? [] : [maxPool(2)]),
    ]);
  });
  const images = functionLayer((x) => reshape(x, [x.shape[0]!, height, width, channels]));
  const last = strided ? globalAveragePool() : flatten();
  return { layers: [images, ...body, last], features: strided ? filters : rows * columns * filters };
}

/** 784 -> ways, the linear model of the MNIST examples; zeros at first. */
export function linearClassifier(options: { readonly inputs: number; readonly ways: number }): Layer {
  return sequential([
    flatten(),
    linear({ inputs: options.inputs, outputs: options.ways, weightInit: constantInit(0) }),
  ]);
}

/** The fully connected network of MAML on Omniglot: 256-128-64-64, each with batch normalisation and relu. */
export function omniglotMlp(options: {
  readonly inputs: number;
  readonly ways: number;
  readonly batchNorm?: BatchNormMode;
}): Layer {
  const { inputs, ways, batchNorm: mode = "transductive" } = options;
  return mlp({ sizes: [inputs, 256, 128, 64, 64, ways], batchNorm: mode, weightInit: truncatedNormal(0.01) });
}
