import {
  add,
  averagePool2d,
  batchNormOfBatch,
  cast,
  conv1d as convolve1d,
  conv2d as convolve2d,
  div,
  formatShape,
  GraphError,
  gather,
  gelu as geluOf,
  globalAveragePool2d,
  leakyRelu as leakyReluOf,
  leaves,
  matmul,
  max,
  maxPool2d,
  mul,
  type NormalizedBatch,
  batchNorm as normalizeBatch,
  layerNorm as normalizeLayer,
  type Padding,
  relu as reluOf,
  reshape,
  sigmoid as sigmoidOf,
  silu as siluOf,
  sqrt,
  sub,
  sum,
  type Tensor,
  type Tree,
  tanh as tanhOf,
  tensor,
  type WindowOptions,
} from "@innerloop/graph";
import { bernoulliMask } from "../random/graph-random.js";
import { split, structureKey } from "../random/random.js";
import { glorotUniform, type Initializer, normalInit } from "./initialization.js";
import { type BatchNormMode, functionLayer, type Layer, type NoParameters, pointsWithin, within } from "./layer.js";
import { withTraits } from "./parameter-roles.js";

/** Parameters of a linear layer: weight [inputs, outputs] and bias [outputs]. */
export type LinearParameters = { readonly weight: Tensor; readonly bias?: Tensor };

/** x W + b: [examples, inputs] -> [examples, outputs]; weight [inputs, outputs], bias [outputs]. */
export function linear(options: {
  readonly inputs: number;
  readonly outputs: number;
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
}): Layer<LinearParameters> {
  const { inputs, outputs, bias = true, weightInit = glorotUniform } = options;
  return {
    init: (key) => ({
      weight: withTraits(weightInit([inputs, outputs], { in: inputs, out: outputs }, split(key, "weight")), {
        torchAxes: [1, 0],
      }),
      ...(bias ? { bias: zeroParameter(outputs) } : {}),
    }),
    apply: (params, x) => {
      const y = matmul(x, params.weight);
      return params.bias ? add(y, params.bias) : y;
    },
  };
}

const zeroParameter = (size: number): Tensor => tensor(new Float32Array(size));
const oneParameter = (size: number): Tensor => tensor(new Float32Array(size).fill(1));

/** First scale and shift of a normalisation. */
const affine = (channels: number) => ({
  scale: withTraits(oneParameter(channels), { ofNormalisation: true }),
  shift: withTraits(zeroParameter(channels), { ofNormalisation: true }),
});

/** Options of `conv2d`. */
export interface Conv2dOptions {
  readonly channelsIn: number;
  readonly channelsOut: number;
  /** 3 by default. */
  readonly window?: number | readonly [height: number, width: number];
  readonly stride?: WindowOptions["stride"];
  /** 1 by default: a 3 x 3 window then keeps the size of the image at stride 1. */
  readonly padding?: Padding;
  readonly dilation?: WindowOptions["dilation"];
  readonly groups?: number;
  readonly bias?: boolean;
  readonly weightInit?: Initializer;
}

/**
 * Convolution of images [examples, height, width, channels]; weight [height, width, channels in / groups, channels
 * out].
 */
export function conv2d(options: Conv2dOptions): Layer<LinearParameters> {
  const {
    channelsIn,
    channelsOut,
    window = 3,
    stride = 1,
    padding = 1,
    dilation = 1,
    groups = 1,
    bias = true,
  } = options;
  const { weightInit = glorotUniform } = options;
  const [height, width] = typeof window === "number" ? [window, window] : window;
  return {
    init: (key) => {
      const shape = [height, width, channelsIn / groups, channelsOut];
      const fan = { in: (height * width * channelsIn) / groups, out: (height * width * channelsOut) / groups };
      const weight = withTraits(weightInit(shape, fan, split(key, "weight")), { torchAxes: [2, 3, 1, 0] });
      return { weight, ...(bias ? { bias: zeroParameter(channelsOut) } : {}) };
    },
    apply: (params, x) => {
      const y = convolve2d(x, params.weight, { stride, padding, dilation, groups });
      return params.bias ? add(y, params.bias) : y;
    },
  };
}

/** Convolution of sequences [examples, length, channels]; weight [length, channels in, channels out]. */
export function conv1d(options: {
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly window?: number;
  readonly stride?: number;
  readonly padding?: "same" | "valid" | number | readonly [before: number, after: number];
  readonly dilation?: number;
  readonly weightInit?: Initializer;
}): Layer<Required<LinearParameters>> {
  const {
    channelsIn,
    channelsOut,
    window = 3,
    stride = 1,
    padding = "same",
    dilation = 1,
    weightInit = glorotUniform,
  } = options;
  return {
    init: (key) => ({
      weight: withTraits(
        weightInit(
          [window, channelsIn, channelsOut],
          { in: window * channelsIn, out: window * channelsOut },
          split(key, "weight"),
        ),
        { torchAxes: [2, 1, 0] },
      ),
      bias: zeroParameter(channelsOut),
    }),
    apply: (params, x) => add(convolve1d(x, params.weight, { stride, padding, dilation }), params.bias),
  };
}

/** Parameters of batch normalisation, each [channels]; running averages are there in the mode "running". */
export type BatchNormParameters = {
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly runningMean?: Tensor;
  readonly runningVariance?: Tensor;
};

/**
 * Batch normalisation over all axes but the last (Ioffe & Szegedy 2015):
 * (x - mean) / sqrt(variance + epsilon) scale + shift, biased variance.
 */
export function batchNorm(options: {
  readonly channels: number;
  readonly mode: BatchNormMode;
  readonly epsilon?: number;
}): Layer<BatchNormParameters> {
  const { channels, mode, epsilon = 1e-5 } = options;
  return {
    batchNorm: mode,
    modulationPoints: [{ path: "", channels }],
    init: () => ({
      ...affine(channels),
      ...(mode === "running"
        ? {
            runningMean: withTraits(zeroParameter(channels), { role: "averaged", statistic: "mean" }),
            runningVariance: withTraits(oneParameter(channels), { role: "averaged", statistic: "variance" }),
          }
        : {}),
    }),
    apply: (own, x, context = {}) => {
      const path = context.path ?? "";
      const modulation = context.modulation?.[path];
      // A modulation of what scale and shift make is that of both: gamma (scale n + shift) + beta.
      const params = modulation
        ? { scale: mul(own.scale, modulation.gamma), shift: add(mul(own.shift, modulation.gamma), modulation.beta) }
        : own;
      if (mode === "running" && context.phase !== "train") {
        return normalizeBatch(x, { mean: own.runningMean!, variance: own.runningVariance! }, params, epsilon);
      }
      const given = mode === "support" ? context.given?.[path] : undefined;
      if (given) return normalizeBatch(x, given, params, epsilon);
      const {
        output,
        mean: centre,
        variance,
      } = context.present
        ? batchNormOfPresent(x, context.present, params, epsilon)
        : batchNormOfBatch(x, params, epsilon);
      if (mode !== "transductive") context.record?.(path, { mean: centre, variance });
      return output;
    },
  };
}

/** Batch normalisation with the statistics of the rows that are present: [examples], 1 or 0. */
function batchNormOfPresent(
  x: Tensor,
  present: Tensor,
  affine: { readonly scale: Tensor; readonly shift: Tensor },
  epsilon: number,
): NormalizedBatch {
  const axes = x.shape.map((_, axis) => axis).slice(0, -1);
  const weights = reshape(present, [x.shape[0]!, ...x.shape.slice(1).map(() => 1)]);
  const places = x.size / (x.shape[0]! * x.shape.at(-1)!);
  const count = mul(max(sum(present), 1), places);
  const centre = div(sum(mul(x, weights), axes), count);
  const centred = sub(x, centre);
  const variance = div(sum(mul(mul(centred, centred), weights), axes), count);
  return { output: normalizeBatch(x, { mean: centre, variance }, affine, epsilon), mean: centre, variance };
}

/** Layer normalisation over the last axis (Ba, Kiros & Hinton 2016). */
export function layerNorm(options: {
  readonly channels: number;
  readonly epsilon?: number;
}): Layer<{ readonly scale: Tensor; readonly shift: Tensor }> {
  const { channels, epsilon } = options;
  return {
    init: () => affine(channels),
    apply: (params, x) => normalizeLayer(x, params.scale, params.shift, epsilon),
  };
}

/** Rows of a table by index: int32 [...] -> [..., width]. */
export function embedding(options: {
  readonly entries: number;
  readonly width: number;
  readonly weightInit?: Initializer;
}): Layer<{ readonly weight: Tensor }> {
  const { entries, width, weightInit = normalInit(0.1) } = options;
  return {
    init: (key) => ({ weight: weightInit([entries, width], { in: entries, out: width }, split(key, "weight")) }),
    apply: (params, x) => gather(params.weight, x, 0),
  };
}

/**
 * Zero with probability `rate`, else x / (1 - rate) (Srivastava et al. 2014). It draws from the key of the context,
 * which learners give it in training; without a key it is the identity.
 */
export function dropout(options: { readonly rate: number }): Layer<NoParameters> {
  const { rate } = options;
  if (!(rate >= 0 && rate < 1)) throw new GraphError("IL102", "dropout", `rate ${rate}`, "Use 0 <= rate < 1");
  return {
    init: () => ({}),
    apply: (_params, x, context) => {
      if (!context?.key || rate === 0) return x;
      const kept = cast(
        bernoulliMask(context.key, `${context.pass ?? ""}:${context.path ?? ""}`, 1 - rate, x.shape),
        x.dtype,
      );
      return mul(mul(x, kept), 1 / (1 - rate));
    },
  };
}

/** max(x, 0) */
export const relu = (): Layer<NoParameters> => functionLayer(reluOf);
/** x where positive, slope x (0.01 x by default) elsewhere. */
export const leakyRelu = (slope?: number): Layer<NoParameters> => functionLayer((x) => leakyReluOf(x, slope));
/** Hyperbolic tangent. */
export const tanh = (): Layer<NoParameters> => functionLayer(tanhOf);
/** 1 / (1 + e^-x) */
export const sigmoid = (): Layer<NoParameters> => functionLayer(sigmoidOf);
/** x Phi(x) (Hendrycks & Gimpel 2016). */
export const gelu = (): Layer<NoParameters> => functionLayer(geluOf);
/** x sigmoid(x) (Elfwing et al. 2018). */
export const silu = (): Layer<NoParameters> => functionLayer(siluOf);

/** Activations by name, as models take them. */
export const activations = { relu: reluOf, tanh: tanhOf, sigmoid: sigmoidOf, gelu: geluOf, silu: siluOf } as const;
/** Names of the activations that models take. */
export type ActivationName = keyof typeof activations;

/** The largest element of each window and channel of images [examples, height, width, channels]; stride: the window. */
export const maxPool = (window: number, options?: WindowOptions): Layer<NoParameters> =>
  functionLayer((x) => maxPool2d(x, window, options));
/** The mean of each window and channel of images [examples, height, width, channels]; stride: the window. */
export const averagePool = (window: number, options?: WindowOptions): Layer<NoParameters> =>
  functionLayer((x) => averagePool2d(x, window, options));
/** The mean over all pixels: [examples, height, width, channels] -> [examples, channels]. */
export const globalAveragePool = (): Layer<NoParameters> => functionLayer(globalAveragePool2d);
/** Added to a sum of squares under a root: at 0 the root's slope is not finite. Too small to show in a length. */
const tiny = 1e-24;

/** Rows divided by their lengths; rows of zeros stay. */
export const unitRows = (x: Tensor): Tensor => div(x, sqrt(add(sum(mul(x, x), -1, { keepAxes: true }), tiny)));

/** Rows by a factor that is learned: x a, with a scalar a. */
export function scaled(options: { readonly initial: number }): Layer<{ readonly scale: Tensor }> {
  return { init: () => ({ scale: tensor(options.initial) }), apply: ({ scale }, x) => mul(x, scale) };
}

/** The identity, a place where a context modulates features [examples, channels] (see `Modulation`). */
export function modulated(options: { readonly channels: number }): Layer<NoParameters> {
  return {
    modulationPoints: [{ path: "", channels: options.channels }],
    init: () => ({}),
    apply: (_params, x, context = {}) => {
      const modulation = context.modulation?.[context.path ?? ""];
      return modulation ? add(mul(x, modulation.gamma), modulation.beta) : x;
    },
  };
}

/** All axes but the first as one. */
export const flatten = (): Layer<NoParameters> => functionLayer((x) => reshape(x, [x.shape[0]!, -1]));

/** Parameters of layers by their positions. */
type ByPosition = { readonly [position: string]: Tree };

/**
 * Layers one after another; their parameters are named by position. The last layer with parameters is the head. The first
 * may take a tree of tensors, and the last may give one.
 *
 * @throws IL102 where their batch normalisations are of several modes, or tell different numbers of inner steps apart
 */
export function sequential(layers: readonly Layer[]): Layer<ByPosition>;
export function sequential<In extends Tree, Out extends Tree = Tensor>(
  layers: readonly [Layer<Tree, In>, ...Layer[], Layer<Tree, Tensor, Out>],
): Layer<ByPosition, In, Out>;
export function sequential(layers: readonly Layer<Tree, Tree, Tree>[]): Layer<ByPosition, Tree, Tree> {
  const normalised = layers.filter(({ batchNorm }) => batchNorm);
  const [{ batchNorm: mode, batchNormSteps: steps } = {} as Partial<Layer>] = normalised;
  const other = normalised.find(({ batchNorm, batchNormSteps }) => batchNorm !== mode || batchNormSteps !== steps);
  if (other) {
    const found = normalised.map(
      ({ batchNorm, batchNormSteps }) => `${batchNorm}${batchNormSteps ? `, ${batchNormSteps} steps` : ""}`,
    );
    const problem = `batch normalisations that differ: ${[...new Set(found)].join(" and ")}`;
    throw new GraphError("IL102", "sequential", problem, "Give all of them one mode, and one number of steps");
  }
  const modulationPoints = layers.flatMap((layer, i) => pointsWithin(layer, String(i)));
  return {
    ...(mode ? { batchNorm: mode } : {}),
    ...(steps ? { batchNormSteps: steps } : {}),
    ...(modulationPoints.length > 0 ? { modulationPoints } : {}),
    init: (key) => Object.fromEntries(layers.map((layer, i) => [String(i), layer.init(split(key, String(i)))])),
    apply: (params, x, context) =>
      layers.reduce<Tree>((y, layer, i) => layer.apply(params[String(i)] ?? {}, y, within(context, String(i))), x),
    get head() {
      const last = lastWithParameters(layers);
      const inner = layers[last]?.head;
      return inner === undefined ? String(last) : `${last}/${inner}`;
    },
  };
}

function lastWithParameters(layers: readonly Pick<Layer, "init">[]): number {
  for (let i = layers.length - 1; i >= 0; i--) {
    // Counted by leaves: a sequential of activations has entries, but no parameters.
    if (leaves(layers[i]!.init(structureKey)).length > 0) return i;
  }
  return layers.length - 1;
}

/** x + f(x): f must keep the shape (He et al. 2016). */
export function residual<P extends Tree>(layer: Layer<P>): Layer<P> {
  return {
    ...layer,
    apply: (params, x, context) => {
      const y = layer.apply(params, x, context);
      if (formatShape(y.shape) !== formatShape(x.shape)) {
        const problem = `the layer turns ${formatShape(x.shape)} into ${formatShape(y.shape)}`;
        throw new GraphError("IL202", "residual", problem, "Let it keep the shape, or add a projection of your own");
      }
      return add(x, y);
    },
  };
}
