import { formatShape, GraphError, reshape, sizeOf } from "@innerloop/graph";
import {
  constantInit,
  glorotUniform,
  type Initializer,
  normalInit,
  truncatedNormal,
} from "../layers/initialization.js";
import { type BatchNormMode, functionLayer, type Layer } from "../layers/layer.js";
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
} from "../layers/layers.js";
import { perStepBatchNorm } from "../layers/per-step-batch-norm.js";

/** Options of `mlp`. */
export interface MlpOptions {
  /** Units of each layer, input and output included: [1, 40, 40, 1]. */
  readonly sizes: readonly number[];
  /** relu by default. */
  readonly activation?: ActivationName;
  /** Batch normalisation before each activation. None by default. */
  readonly batchNorm?: BatchNormMode;
  /** Inner steps that its batch normalisation tells apart: see `perStepBatchNorm`. None by default. */
  readonly batchNormSteps?: number;
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
  if (options.batchNormSteps !== undefined && options.batchNorm === undefined) {
    throw new GraphError("IL102", "mlp", "batchNormSteps without batchNorm", 'Say which batchNorm: "transductive"');
  }
  const widths = sizes.slice(1);
  const hidden = widths
    .slice(0, -1)
    .flatMap((outputs, i) => [
      linear({ inputs: sizes[i]!, outputs, weightInit }),
      ...(options.batchNorm ? [norm(outputs, options.batchNorm, options.batchNormSteps)] : []),
      functionLayer(activations[activation]),
    ]);
  const head = linear({ inputs: sizes.at(-2)!, outputs: sizes.at(-1)!, weightInit });
  const flat = inputsOf("mlp", [sizes[0]!]);
  return Object.assign(sequential([flat, ...hidden, head]), { outputShape: [sizes.at(-1)!] });
}

/** Inputs [n, ...] as [n, ...shape]; those of another size are refused here, in the model's terms. */
const inputsOf = (model: string, shape: readonly number[]): Layer =>
  functionLayer((x) => {
    if (x.rank > 0 && x.size === x.shape[0]! * sizeOf(shape)) return reshape(x, [x.shape[0]!, ...shape]);
    const problem = `inputs of shape ${formatShape(x.shape.slice(1))}, made for ${formatShape(shape)}`;
    throw new GraphError("IL202", model, problem, "Make the model for the shape of the tasks' inputs");
  });

/** Batch normalisation, shared by inner steps or not. */
const norm = (channels: number, mode: BatchNormMode, steps: number | undefined): Layer =>
  steps === undefined ? batchNorm({ channels, mode }) : perStepBatchNorm({ channels, mode, steps });

/** Options of `convEmbedding`. */
export interface ConvEmbeddingOptions {
  /** [height, width, channels] of an image. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  /** Channels of each block: 64 for Omniglot, 32 for MAML on mini-ImageNet. */
  readonly filters?: number;
  readonly blocks?: number;
  /** The way a block halves the image: "stride" as MAML on Omniglot, "pool" as on mini-ImageNet. "stride" by default. */
  readonly downsampling?: "stride" | "pool";
  /** Where the statistics come from. "transductive" by default, as in the published MAML tables. */
  readonly batchNorm?: BatchNormMode;
  /** Inner steps that it tells apart: see `perStepBatchNorm`. None by default. */
  readonly batchNormSteps?: number;
}

/** Options of `convNet`: those of its embedding, and the classes of its head. */
export interface ConvNetOptions extends ConvEmbeddingOptions {
  readonly ways: number;
}

/**
 * The convolutional network of the few-shot papers (Vinyals et al. 2016, Finn et al. 2017): blocks of 3 x 3
 * convolution, batch normalisation, relu and halving, then a linear head. With "stride" the features are the mean over
 * the last map, with "pool" all of it. Glorot initialisation, the head normal with deviation 0.01.
 */
export function convNet(options: ConvNetOptions): Layer {
  const { layers, features } = convFeatures(options);
  return sequential([...layers, linear({ inputs: features, outputs: options.ways, weightInit: normalInit(0.01) })]);
}

/**
 * `convNet` without its head: images [n, ...imageShape] -> features [n, features], what metric-based learners compare.
 */
export function convEmbedding(options: ConvEmbeddingOptions): Layer {
  const { layers, features } = convFeatures(options);
  return Object.assign(sequential(layers), { outputShape: [features] });
}

/** Options of `convMaps`. */
export interface ConvMapsOptions extends Omit<ConvEmbeddingOptions, "downsampling"> {
  /** Blocks that end in 2 x 2 max pooling, the first ones; 2 by default, or all of fewer. */
  readonly pooledBlocks?: number;
}

/**
 * The embedding of relation networks (Sung et al. 2018), whose outputs are still images: [n, ...imageShape] ->
 * [n, height, width, filters]. Four blocks as `convNet`'s, of which the first two halve the image by pooling. The
 * published code does not pad its first two convolutions; these keep the size.
 *
 * @example convMaps({ imageShape: [28, 28, 1] }).outputShape // [7, 7, 64]
 */
export function convMaps(options: ConvMapsOptions): Layer {
  const { blocks = 4, pooledBlocks = Math.min(2, blocks) } = options;
  if (!Number.isInteger(pooledBlocks) || pooledBlocks < 0 || pooledBlocks > blocks) {
    throw new GraphError("IL102", "convMaps", `pooledBlocks ${pooledBlocks} of ${blocks}`, "Use 0 up to all of them");
  }
  const { layers, mapShape } = convFeatures({ ...options, downsampling: "pool" }, pooledBlocks);
  return Object.assign(sequential(layers.slice(0, -1)), { outputShape: mapShape });
}

/** The times that an image can be halved by pooling. */
export const mostPooledBlocks = ([height, width]: readonly [number, number, ...number[]]): number =>
  Math.floor(Math.log2(Math.min(height, width)));

function convFeatures(
  options: ConvEmbeddingOptions,
  halved = Number.POSITIVE_INFINITY,
): { readonly layers: readonly Layer[]; readonly features: number; readonly mapShape: readonly number[] } {
  const { imageShape, filters = 64, blocks = 4, downsampling = "stride", batchNorm: mode = "transductive" } = options;
  const [height, width, channels] = imageShape;
  const strided = downsampling === "stride";
  let [rows, columns] = [height, width];
  const body = Array.from({ length: blocks }, (_, i) => {
    if (strided) [rows, columns] = [Math.ceil(rows / 2), Math.ceil(columns / 2)];
    else if (i < halved) [rows, columns] = [Math.floor(rows / 2), Math.floor(columns / 2)];
    return sequential([
      conv2d({
        channelsIn: i === 0 ? channels : filters,
        channelsOut: filters,
        stride: strided ? 2 : 1,
        weightInit: glorotUniform,
      }),
      norm(filters, mode, options.batchNormSteps),
      relu(),
      ...(strided || i >= halved ? [] : [maxPool(2)]),
    ]);
  });
  if (rows < 1 || columns < 1) {
    const problem = `${blocks} blocks that pool, of images of ${height} x ${width}: nothing is left`;
    const most = mostPooledBlocks(imageShape);
    throw new GraphError("IL204", "convNet", problem, `Use at most ${most} blocks, or downsampling: "stride"`);
  }
  const images = inputsOf("convNet", [height, width, channels]);
  const last = strided ? globalAveragePool() : flatten();
  return {
    layers: [images, ...body, last],
    features: strided ? filters : rows * columns * filters,
    mapShape: [rows, columns, filters],
  };
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
