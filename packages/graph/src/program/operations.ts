/** Operations that users write models with, each composed of primitives and so differentiable and batched like them. */
import { formatShape, GraphError } from "../errors.js";
import { convolution, convolutionPrimitive, filterGradient } from "./primitives/convolution.js";
import {
  add,
  addPrimitive,
  div,
  erf,
  exp,
  greater,
  log,
  max,
  min,
  mul,
  neg,
  relu,
  reluPrimitive,
  sigmoid,
  sqrt,
  stopGradient,
  sub,
  where,
} from "./primitives/elementwise.js";
import { matmul } from "./primitives/linear-algebra.js";
import { type Axes, mean, reduceMax, sum } from "./primitives/reduce.js";
import { pad, reshape, reshapePrimitive, slice, transpose } from "./primitives/shape.js";
import { type GeometryAttributes, outputLength, windows } from "./primitives/windows.js";
import type { Tensor } from "./tensor.js";
import { isFloat, sameShape } from "./tensor-type.js";

/** log(sum(exp(x))) over some axes, without overflow: m + log(sum(exp(x - m))), m the maximum. */
export function logSumExp(x: Tensor, axes?: Axes, options: { readonly keepAxes?: boolean } = {}): Tensor {
  const peak = stopGradient(reduceMax(x, axes, { keepAxes: true }));
  const total = log(sum(exp(sub(x, peak)), axes, { keepAxes: true }));
  const kept = add(total, peak);
  return options.keepAxes ? kept : sum(kept, axes);
}

/** x - logSumExp(x) along an axis: the logarithm of `softmax`. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  // Shifted first: x - peak appears in both terms, and one pass serves them.
  const shifted = sub(x, stopGradient(reduceMax(x, axis, { keepAxes: true })));
  return sub(shifted, log(sum(exp(shifted), axis, { keepAxes: true })));
}

/** exp(x) / sum(exp(x)) along an axis. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const e = exp(sub(x, stopGradient(reduceMax(x, axis, { keepAxes: true }))));
  return div(e, sum(e, axis, { keepAxes: true }));
}

/** mean((x - mean(x))^2) over some axes (biased: divided by n). */
export function variance(x: Tensor, axes?: Axes, options: { readonly keepAxes?: boolean } = {}): Tensor {
  const centred = sub(x, mean(x, axes, { keepAxes: true }));
  return mean(mul(centred, centred), axes, options);
}

/** (x - mean) / sqrt(variance + epsilon) with the statistics of the given axes. */
export function standardize(x: Tensor, axes: Axes, epsilon = 1e-5): Tensor {
  const centred = sub(x, mean(x, axes, { keepAxes: true }));
  return div(centred, sqrt(add(mean(mul(centred, centred), axes, { keepAxes: true }), epsilon)));
}

/**
 * Layer normalisation over the last axis (Ba, Kiros & Hinton 2016): standardized, times scale, plus shift, both
 * [channels].
 */
export function layerNorm(x: Tensor, scale: Tensor, shift: Tensor, epsilon = 1e-5): Tensor {
  return add(mul(standardize(x, -1, epsilon), scale), shift);
}

/**
 * Batch normalisation with given statistics (Ioffe & Szegedy 2015): (x - mean) / sqrt(variance + epsilon) scale +
 * shift, all [channels].
 */
export function batchNorm(
  x: Tensor,
  statistics: { readonly mean: Tensor; readonly variance: Tensor },
  affine: { readonly scale: Tensor; readonly shift: Tensor },
  epsilon = 1e-5,
): Tensor {
  const factor = div(affine.scale, sqrt(add(statistics.variance, epsilon)));
  return add(mul(sub(x, statistics.mean), factor), affine.shift);
}

/** An array normalised with statistics of its own, and these. */
export type NormalizedBatch = {
  readonly output: Tensor;
  /** [channels] */
  readonly mean: Tensor;
  /** [channels], biased. */
  readonly variance: Tensor;
};

/**
 * Batch normalisation with the statistics of x itself, over all axes but the last (Ioffe & Szegedy 2015).
 *
 * Where x is a convolution that reads fewer numbers than it has channels, as the first of a network does, its mean and
 * variance are worked out from those of its patches p, and the normalisation is folded into the filters w:
 *
 *   mean = E[p] w + bias,  variance = diag(w^T Cov(p) w),  s = scale / sqrt(variance + epsilon)
 *   output = convolution with w s, plus shift - E[p] w s
 *
 * which takes no pass over x, nor over its derivatives, but the products. Cov(p) does not depend on w: the inner steps
 * of a task share it.
 */
export function batchNormOfBatch(
  x: Tensor,
  affine: { readonly scale: Tensor; readonly shift: Tensor },
  epsilon = 1e-5,
): NormalizedBatch {
  const source = smallConvolution(x);
  if (source) return normalizedConvolution(x, source, affine, epsilon);
  const axes = x.shape.map((_, axis) => axis).slice(0, -1);
  const centre = mean(x, axes);
  const centred = sub(x, centre);
  const variance = mean(mul(centred, centred), axes);
  return { output: batchNorm(x, { mean: centre, variance }, affine, epsilon), mean: centre, variance };
}

interface SmallConvolution {
  /** [1, images, height, width, channels] */
  readonly images: Tensor;
  /** [1, height, width, channels in, out] */
  readonly filters: Tensor;
  readonly geometry: GeometryAttributes;
  /** [out] */
  readonly bias: Tensor | undefined;
}

/** How x was made, where that is by a convolution of images that reads at most as many numbers as it has channels. */
function smallConvolution(x: Tensor): SmallConvolution | undefined {
  const biased = x.primitive === addPrimitive && x.inputs[1]!.rank === 1;
  const reshaped = biased ? x.inputs[0]! : x;
  const y = reshaped.primitive === reshapePrimitive ? reshaped.inputs[0]! : undefined;
  if (y?.primitive !== convolutionPrimitive || y.shape[0] !== 1 || !sameShape(x.shape, y.shape.slice(1)))
    return undefined;
  const [images, filters] = y.inputs as [Tensor, Tensor];
  const channels = filters.shape[4]!;
  if (filters.size > channels * channels) return undefined;
  const geometry = y.attributes as unknown as GeometryAttributes;
  return { images, filters, geometry, bias: biased ? x.inputs[1] : undefined };
}

function normalizedConvolution(
  x: Tensor,
  { images, filters, geometry, bias }: SmallConvolution,
  { scale, shift }: { readonly scale: Tensor; readonly shift: Tensor },
  epsilon: number,
): NormalizedBatch {
  const channels = filters.shape[4]!;
  const numbers = filters.size / channels;
  const places = x.size / channels;
  const p = reshape(windows(reshape(images, images.shape.slice(1)), geometry), [places, numbers]);
  const centre = mean(p, 0, { keepAxes: true });
  // sum p^T (p - E[p]) is that of the centred patches on both sides, but for the rounding of E[p].
  const centred = reshape(sub(p, centre), [...x.shape.slice(0, 3), numbers]);
  const products = filterGradient(images, reshape(centred, [1, ...centred.shape]), geometry);
  const covariance = mul(reshape(products, [numbers, numbers]), 1 / places);
  const w = reshape(filters, [numbers, channels]);
  const average = reshape(matmul(centre, w), [channels]);
  // Not below zero, where rounding would have it for images that are all alike.
  const variance = relu(sum(mul(w, matmul(covariance, w)), 0));
  const factor = div(scale, sqrt(add(variance, epsilon)));
  const y = reshape(convolution(images, mul(filters, factor), geometry), x.shape);
  return {
    output: add(y, sub(shift, mul(average, factor))),
    mean: bias ? add(average, bias) : average,
    variance,
  };
}

/** log(1 + e^x), without overflow. */
export function softplus(x: Tensor): Tensor {
  // log(e^x + e^0) shifted by the larger exponent, which is held constant: so the gradient is sigmoid(x), at 0 as well.
  const peak = stopGradient(relu(x));
  return add(peak, log(add(exp(sub(x, peak)), exp(neg(peak)))));
}

/** x where positive, slope x elsewhere. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return add(mul(relu(x), 1 - slope), mul(x, slope));
}

/** x where positive, e^x - 1 elsewhere (Clevert et al. 2016). */
export function elu(x: Tensor): Tensor {
  return where(greater(x, 0), x, sub(exp(min(x, 0)), 1));
}

/**
 * x Phi(x), Phi the distribution function of the normal distribution (Hendrycks & Gimpel 2016); float32 on onnxruntime.
 */
export function gelu(x: Tensor): Tensor {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** x sigmoid(x) (Elfwing et al. 2018). */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/** x cut to low <= x <= high; no gradient where it is cut. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return min(max(x, low), high);
}

/** Euclidean norm over some axes; `epsilon` under the root keeps its gradient finite at 0. */
export function norm(
  x: Tensor,
  axes?: Axes,
  options: { readonly keepAxes?: boolean; readonly epsilon?: number } = {},
): Tensor {
  return sqrt(add(sum(mul(x, x), axes, options), options.epsilon ?? 0));
}

/** "same" keeps ceil(size / stride) pixels, zeros put around evenly; a number is the zeros on each side. */
export type Padding = "same" | "valid" | number | readonly [top: number, bottom: number, left: number, right: number];

/** Options of operations on windows of an image. */
export interface WindowOptions {
  readonly stride?: number | readonly [vertical: number, horizontal: number];
  readonly padding?: Padding;
  readonly dilation?: number | readonly [vertical: number, horizontal: number];
}

const pair = (n: number | readonly [number, number]): readonly [number, number] => (typeof n === "number" ? [n, n] : n);

function geometryOf(
  size: readonly number[],
  window: readonly [number, number],
  options: WindowOptions,
  defaultStride = window,
): GeometryAttributes {
  const stride = pair(options.stride ?? defaultStride);
  const dilation = pair(options.dilation ?? 1);
  const { padding = "valid" } = options;
  if (typeof padding === "number") return { window, stride, dilation, padding: [padding, padding, padding, padding] };
  if (padding === "valid") return { window, stride, dilation, padding: [0, 0, 0, 0] };
  if (padding !== "same") return { window, stride, dilation, padding };
  const around = ([0, 1] as const).flatMap((axis) => {
    const places = Math.ceil(size[axis]! / stride[axis]);
    const total = Math.max(0, (places - 1) * stride[axis] + (window[axis] - 1) * dilation[axis] + 1 - size[axis]!);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return { window, stride, dilation, padding: around };
}

function requireImages(operation: string, x: Tensor): readonly [number, number, number, number] {
  if (x.rank === 4) return x.shape as readonly [number, number, number, number];
  const problem = `takes images [images, height, width, channels], not ${formatShape(x.shape)}`;
  throw new GraphError("IL201", operation, problem, "Reshape to four axes, channels last");
}

/**
 * 2-D convolution (cross-correlation, as is usual): [images, height, width, channels in] with filters
 * [height, width, channels in / groups, channels out] -> [images, rows, columns, channels out].
 *
 * @param options.stride 1 by default; options.padding "valid" by default; options.dilation 1 by default
 * @param options.groups channels in and out are split into so many groups that do not see each other
 * @throws IL202 where channels differ, IL204 where the filter does not fit
 */
export function conv2d(x: Tensor, filters: Tensor, options: WindowOptions & { readonly groups?: number } = {}): Tensor {
  const [images, height, width, channels] = requireImages("conv2d", x);
  if (filters.rank !== 4) {
    const problem = `filters of shape ${formatShape(filters.shape)}`;
    throw new GraphError("IL201", "conv2d", problem, "Filters are [height, width, channels in / groups, channels out]");
  }
  const [down, across, channelsIn, channelsOut] = filters.shape as [number, number, number, number];
  const { groups = 1 } = options;
  if (channelsIn * groups !== channels || channelsOut % groups !== 0) {
    const problem = `images have ${channels} channels, filters ${formatShape(filters.shape)} in ${groups} groups take ${channelsIn * groups}`;
    throw new GraphError(
      "IL202",
      "conv2d",
      problem,
      "Images are channels-last; both channel counts divide by the groups",
    );
  }
  const geometry = geometryOf([height, width], [down, across], options, [1, 1]);
  if (groups === 1) {
    const y = convolution(reshape(x, [1, ...x.shape]), reshape(filters, [1, ...filters.shape]), geometry);
    return reshape(y, y.shape.slice(1));
  }
  const split = (t: Tensor) => transposeGroups(reshape(t, [...t.shape.slice(0, 3), groups, t.shape[3]! / groups]));
  const y = convolution(split(x), split(filters), geometry);
  const [, , rows, columns] = y.shape as [number, number, number, number];
  return reshape(moveGroupsBack(y), [images, rows, columns, channelsOut]);
}

const transposeGroups = (x: Tensor): Tensor => transpose(x, [3, 0, 1, 2, 4]);
const moveGroupsBack = (y: Tensor): Tensor => transpose(y, [1, 2, 3, 0, 4]);

/** 1-D convolution: [sequences, length, channels in] with filters [length, channels in / groups, channels out]. */
export function conv1d(
  x: Tensor,
  filters: Tensor,
  options: {
    readonly stride?: number;
    readonly padding?: "same" | "valid" | number | readonly [before: number, after: number];
    readonly dilation?: number;
    readonly groups?: number;
  } = {},
): Tensor {
  if (x.rank !== 3 || filters.rank !== 3) {
    const problem = `${formatShape(x.shape)} with filters ${formatShape(filters.shape)}`;
    throw new GraphError(
      "IL201",
      "conv1d",
      problem,
      "Sequences are [sequences, length, channels], filters [length, channels in, channels out]",
    );
  }
  const { padding = "valid", stride = 1, dilation = 1, groups = 1 } = options;
  const flat: Padding =
    typeof padding === "string" ? padding : typeof padding === "number" ? [0, 0, padding, padding] : [0, 0, ...padding];
  const y = conv2d(reshape(x, [x.shape[0]!, 1, x.shape[1]!, x.shape[2]!]), reshape(filters, [1, ...filters.shape]), {
    stride: [1, stride],
    dilation: [1, dilation],
    padding: flat,
    groups,
  });
  return reshape(y, [y.shape[0]!, y.shape[2]!, y.shape[3]!]);
}

/** Whether windows cover an image without overlap or padding; a rest at the right and bottom edge is left out. */
function tiles({ window, stride, padding, dilation }: GeometryAttributes): boolean {
  return (
    window.every((n, axis) => n === stride[axis]) && padding.every((n) => n === 0) && dilation.every((n) => n === 1)
  );
}

/** Images reduced over non-overlapping tiles: across first, then down, each a reduction of contiguous rows. */
function reduceTiles(x: Tensor, g: GeometryAttributes, reduce: (x: Tensor, axis: number) => Tensor): Tensor {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const [down, across] = g.window as [number, number];
  const [rows, columns] = [outputLength(height, 0, g), outputLength(width, 1, g)];
  const cut = slice(x, { stop: [images, rows * down, columns * across, channels] });
  const byRow = reduce(reshape(cut, [images * rows, down, columns * across * channels]), 1);
  const byTile = reduce(reshape(byRow, [images * rows * columns, across, channels]), 1);
  return reshape(byTile, [images, rows, columns, channels]);
}

/**
 * The largest element of each window and channel: [images, height, width, channels] -> [images, rows, columns,
 * channels]. Elements that tie share the gradient (where windows tile the image: first those of a column, then the
 * columns). The stride is the window by default; padding never wins.
 */
export function maxPool2d(x: Tensor, window: number | readonly [number, number], options: WindowOptions = {}): Tensor {
  const [, height, width] = requireImages("maxPool2d", x);
  const g = geometryOf([height, width], pair(window), options);
  // What keeps the order of a channel's pixels may as well come after: there are fewer of them then.
  const [inner, addend] = x.inputs as [Tensor, Tensor];
  const sees = g.padding.every((pixels, side) => pixels < g.window[side < 2 ? 0 : 1]!);
  if (sees && x.primitive === reluPrimitive) return relu(maxPool2d(inner, window, options));
  if (sees && x.primitive === addPrimitive && addend.size === addend.shape.at(-1) && inner.rank === 4) {
    return add(maxPool2d(inner, window, options), addend);
  }
  if (tiles(g) && outputLength(height, 0, g) > 0 && outputLength(width, 1, g) > 0) return reduceTiles(x, g, reduceMax);
  const [top, bottom, left, right] = g.padding as [number, number, number, number];
  const lowest = isFloat(x.dtype) ? -3.4e38 : -(2 ** 31);
  const padded = pad(x, { low: [0, top, left, 0], high: [0, bottom, right, 0], value: lowest });
  return reduceMax(windows(padded, { ...g, padding: [0, 0, 0, 0] }), 3);
}

/**
 * The mean of each window and channel; with padding, the zeros count as elements. The stride is the window by default.
 */
export function averagePool2d(
  x: Tensor,
  window: number | readonly [number, number],
  options: WindowOptions = {},
): Tensor {
  const [, height, width] = requireImages("averagePool2d", x);
  const g = geometryOf([height, width], pair(window), options);
  if (tiles(g) && outputLength(height, 0, g) > 0 && outputLength(width, 1, g) > 0) return reduceTiles(x, g, mean);
  return mean(windows(x, g), 3);
}

/** The mean over all pixels: [images, height, width, channels] -> [images, channels]. */
export function globalAveragePool2d(x: Tensor): Tensor {
  requireImages("globalAveragePool2d", x);
  return mean(x, [1, 2]);
}
