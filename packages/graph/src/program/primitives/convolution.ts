/**
 * Convolution is bilinear in the image and the filters, and so are its two gradients. The three are primitives whose
 * vjp rules are each other, so every order of derivative is one of them:
 *
 *   y  = convolution(x, w)          y[p, o] = sum over taps t, channels c of x[p s + t d - pad, c] w[t, c, o]
 *   dw = filterGradient(x, dy)
 *   dx = inputGradient(dy, w)
 *
 * All have a leading group axis: group g of the images meets group g of the filters. That is grouped convolution, and
 * it is what a convolution with per-task filters becomes under vmap. A group axis of size 1 serves all groups.
 * Images are channels-last [groups, images, height, width, channels], filters [groups, height, width, channels in, out].
 *
 * On onnxruntime each is one gather of patches and a batched matrix product, which is faster than its Conv kernels for
 * the small maps of few-shot learning; equal gathers are written once, so both gradients share their patches.
 */
import { formatShape, GraphError } from "../../errors.js";
import type { Emitter, Value } from "../emitter.js";
import { addIndex, type IndexForm, indexOf, scaleIndex } from "../index-form.js";
import type { BatchedInput, Primitive, ReferenceArray } from "../tensor.js";
import { Tensor } from "../tensor.js";
import { bytesPerElement, type Shape, sizeOf, type TensorType } from "../tensor-type.js";
import { broadcastTo, pad, reshape, transpose } from "./shape.js";
import {
  type GeometryAttributes,
  gatherRows,
  gatherWindows,
  outputLength,
  outputSize,
  paddedImages,
  windowTable,
} from "./windows.js";

type Sized = GeometryAttributes & { readonly size: readonly number[] };

function commonGroups(operation: string, a: TensorType, b: TensorType): number {
  if (a.shape.length !== 5 || b.shape.length !== 5) {
    const problem = `takes arrays of rank 5 with a leading group axis, not ${formatShape(a.shape)} and ${formatShape(b.shape)}`;
    throw new GraphError("IL201", operation, problem, "Use conv2d for images of [images, height, width, channels]");
  }
  if (a.dtype !== b.dtype) throw new GraphError("IL103", operation, `${a.dtype} with ${b.dtype}`, "Cast one of them");
  const [ga, gb] = [a.shape[0]!, b.shape[0]!];
  if (ga !== gb && ga !== 1 && gb !== 1) {
    throw new GraphError("IL202", operation, `${ga} groups with ${gb}`, "Groups must agree, or be 1");
  }
  return Math.max(ga, gb);
}

function requireEqual(operation: string, what: string, a: number | undefined, b: number | undefined): void {
  if (a === b) return;
  throw new GraphError(
    "IL202",
    operation,
    `${what} differ: ${a} and ${b}`,
    "Images end in as many channels as the filters take",
  );
}

/** Tasks join the groups: all three primitives are alike in this. */
function batchGroups(apply: (a: Tensor, b: Tensor) => Tensor, [a, b]: readonly BatchedInput[], tasks: number): Tensor {
  const groups = Math.max(a!.tensor.shape[a!.mapped ? 1 : 0]!, b!.tensor.shape[b!.mapped ? 1 : 0]!);
  const merged = [a!, b!].map(({ tensor: x, mapped }) => {
    if (!mapped && x.shape[0] === 1) return x;
    const own = mapped ? x.shape.slice(2) : x.shape.slice(1);
    const all = mapped ? x : reshape(x, [1, ...x.shape]);
    return reshape(broadcastTo(all, [tasks, groups, ...own]), [tasks * groups, ...own]);
  });
  const out = apply(merged[0]!, merged[1]!);
  return reshape(out, [tasks, groups, ...out.shape.slice(1)]);
}

/** Filters that serve all groups: the groups are images like any others. */
function withoutGroups(apply: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const [groups, images, ...rest] = x.shape;
  const out = apply(reshape(x, [1, groups! * images!, ...rest]));
  return reshape(out, [groups!, images!, ...out.shape.slice(2)]);
}

type ImageShape = readonly [groups: number, images: number, height: number, width: number, channels: number];

const imageShape = (x: TensorType): ImageShape => x.shape as unknown as ImageShape;

/** [groups, images, h, w, c] as the rows of its patches: [groups, images x places, taps x c]. */
function patches(e: Emitter, x: Value, g: GeometryAttributes): Value {
  const [groups, images, height, width, channels] = imageShape(x);
  const found = gatherWindows(e, e.reshape(x, [groups * images, height, width, channels]), g);
  const places = outputLength(height, 0, g) * outputLength(width, 1, g);
  return e.reshape(found, [groups, images * places, g.window[0]! * g.window[1]! * channels]);
}

/** Calls `visit(group, image, place, tap, pixel)` for each tap of each window that lies on the image. */
function forEachTap(
  groups: number,
  images: number,
  size: Shape,
  g: GeometryAttributes,
  visit: (group: number, image: number, place: number, tap: number, pixel: number) => void,
): void {
  const table = windowTable(size, g);
  const taps = g.window[0]! * g.window[1]!;
  for (let group = 0; group < groups; group++) {
    for (let n = 0; n < images; n++) {
      for (let t = 0; t < table.length; t++) {
        if (table[t]! >= 0) visit(group, n, Math.floor(t / taps), t % taps, table[t]!);
      }
    }
  }
}

/** The offset of a block of an array with leading axes [groups, ...], where a group axis of size 1 repeats. */
function blockOffset(x: ReferenceArray, group: number): number {
  return x.shape[0] === 1 ? 0 : (group * x.data.length) / x.shape[0]!;
}

/** The group of an array; one of a single group serves all. */
const ofGroup = (x: TensorType, group: IndexForm): IndexForm => (x.shape[0] === 1 ? indexOf(0) : group);

/** The row or column of a padded image that a tap reads at a place. */
const tapIndex = (place: IndexForm, tap: IndexForm, axis: 0 | 1, g: GeometryAttributes): IndexForm =>
  addIndex(scaleIndex(place, g.stride[axis]!), scaleIndex(tap, g.dilation[axis]!));

/** Pixels at equal coordinates modulo the stride, which the same taps read: with stride s, the inputGradient is a product for each. */
interface TapClass {
  /** Of its first pixel; the others follow by the stride. */
  readonly first: number;
  readonly pixels: number;
  /** Its taps are firstTap, firstTap + tapStep, ... */
  readonly firstTap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** The place at which the first tap reads the first pixel; the next tap reads it so many places before. */
  readonly place: number;
  readonly placeStep: number;
}

/** The classes that any tap reads. */
function tapClasses(axis: 0 | 1, g: Sized): TapClass[] {
  const [stride, dilation, window] = [g.stride[axis]!, g.dilation[axis]!, g.window[axis]!];
  const classes: TapClass[] = [];
  for (let first = 0; first < Math.min(stride, g.size[axis]!); first++) {
    const reads = (tap: number): boolean => (first + g.padding[2 * axis]! - tap * dilation) % stride === 0;
    const taps = Array.from({ length: window }, (_, tap) => tap).filter(reads);
    if (taps.length === 0) continue;
    const tapStep = taps.length > 1 ? taps[1]! - taps[0]! : 1;
    classes.push({
      first,
      pixels: Math.ceil((g.size[axis]! - first) / stride),
      firstTap: taps[0]!,
      tapStep,
      taps: taps.length,
      place: (first + g.padding[2 * axis]! - taps[0]! * dilation) / stride,
      placeStep: (tapStep * dilation) / stride,
    });
  }
  return classes;
}

interface Reach {
  readonly before: number;
  readonly after: number;
}

/** How many places before the first and after the last the taps of all pixels read. */
function reach(axis: 0 | 1, places: number, g: Sized): Reach {
  let [before, after] = [0, 0];
  for (const { pixels, taps, place, placeStep } of tapClasses(axis, g)) {
    before = Math.max(before, (taps - 1) * placeStep - place);
    after = Math.max(after, place + pixels - places);
  }
  return { before, after };
}

const tapOf = (tap: IndexForm, { firstTap, tapStep }: TapClass): IndexForm =>
  addIndex(scaleIndex(tap, tapStep), indexOf(firstTap));

const cotangentIndex = (pixel: IndexForm, tap: IndexForm, { place, placeStep }: TapClass, before: number): IndexForm =>
  addIndex(addIndex(pixel, scaleIndex(tap, -placeStep)), indexOf(place + before));

const pixelOfClass = (pixel: IndexForm, { first }: TapClass, stride: number): IndexForm =>
  addIndex(scaleIndex(pixel, stride), indexOf(first));

export const convolutionPrimitive: Primitive<GeometryAttributes> = {
  name: "convolution",
  infer: ([x, w], g) => {
    const groups = commonGroups("convolution", x!, w!);
    requireEqual("convolution", "channels", x!.shape[4], w!.shape[3]);
    const size = outputSize("convolution", x!.shape.slice(2, 4), g);
    return { dtype: x!.dtype, shape: [groups, x!.shape[1]!, ...size, w!.shape[4]!] };
  },
  vjp: (dy, [x, w], _output, g) => [
    () => inputGradient(dy, w!, { ...g, size: x!.shape.slice(2, 4) }),
    () => filterGradient(x!, dy, g),
  ],
  batch: (inputs, g, tasks) => batchGroups((x, w) => convolution(x, w, g), inputs, tasks),
  onnx: (e, [x, w], g, output) => {
    const [groups, images, rows, columns, channelsOut] = imageShape(output);
    const inner = sizeOf(w!.shape.slice(1, 4));
    const { value: scaled, factor: alpha } = e.scaled(w!);
    const product = (images: Value, filters: Value): Value => {
      const [found, by] = [patches(e, images, g), e.reshape(filters, [filters.shape[0]!, inner, channelsOut])];
      const y = e.matmul(found, by, { alpha });
      return e.reshape(y, [y.shape[0]!, images.shape[1]!, rows, columns, channelsOut]);
    };
    const bytes = rows * columns * inner * bytesPerElement[x!.dtype];
    const blocks = e.imageBlocks([x!], { groups, images, bytes });
    if (!blocks) return product(x!, scaled);
    return blocks.assembled(output.shape, (block) =>
      product(blocks.blockOf(x!, block), blocks.groupsOf(scaled, block)),
    );
  },
  native: {
    kind: "contraction",
    operands: ([x, w], g) => [paddedImages(x!, g), w!],
    products: ([x, w], g, output) => {
      const [groups, images, rows, columns, channelsOut] = imageShape(output);
      return [
        {
          batch: [groups],
          rows: [images, rows, columns],
          sums: [...g.window, x!.shape[4]!],
          columns: channelsOut,
          a: ([group], [image, row, column], [down, across, channel]) => [
            ...[ofGroup(x!, group!), image!, tapIndex(row!, down!, 0, g), tapIndex(column!, across!, 1, g), channel!],
          ],
          b: ([group], [down, across, channel], out) => [ofGroup(w!, group!), down!, across!, channel!, out],
          out: ([group], place, out) => [group!, ...place, out],
        },
      ];
    },
  },
  evaluate: ([x, w], g, output) => {
    const [groups, images, rows, columns, channelsOut] = output.shape as [number, number, number, number, number];
    const [, , height, width, channels] = x!.shape as [number, number, number, number, number];
    const out = new Float64Array(sizeOf(output.shape));
    forEachTap(groups, images, [height, width], g, (group, n, place, tap, pixel) => {
      const from = blockOffset(x!, group) + (n * height * width + pixel) * channels;
      const filter = blockOffset(w!, group) + tap * channels * channelsOut;
      const to = ((group * images + n) * rows * columns + place) * channelsOut;
      for (let c = 0; c < channels; c++) {
        for (let o = 0; o < channelsOut; o++) {
          out[to + o]! += x!.data[from + c]! * w!.data[filter + c * channelsOut + o]!;
        }
      }
    });
    return out;
  },
};

/** Convolution of grouped images with grouped filters; see the top of this file. */
export function convolution(x: Tensor, w: Tensor, geometry: GeometryAttributes): Tensor {
  const { window, stride, padding, dilation } = geometry;
  if (w.shape[0] === 1 && x.shape[0]! > 1) return withoutGroups((merged) => convolution(merged, w, geometry), x);
  return Tensor.apply(convolutionPrimitive, [x, w], { window, stride, padding, dilation });
}

/** Patches of fewer numbers than this are multiplied from the left as they are. */
const wideRows = 64;

export const filterGradientPrimitive: Primitive<GeometryAttributes> = {
  name: "filterGradient",
  infer: ([x, dy], g) => {
    const groups = commonGroups("filterGradient", x!, dy!);
    requireEqual("filterGradient", "images", x!.shape[1], dy!.shape[1]);
    const [rows, columns] = outputSize("filterGradient", x!.shape.slice(2, 4), g);
    requireEqual("filterGradient", "rows", dy!.shape[2], rows);
    requireEqual("filterGradient", "columns", dy!.shape[3], columns);
    return { dtype: x!.dtype, shape: [groups, g.window[0]!, g.window[1]!, x!.shape[4]!, dy!.shape[4]!] };
  },
  vjp: (dw, [x, dy], _output, g) => [
    () => inputGradient(dy!, dw, { ...g, size: x!.shape.slice(2, 4) }),
    () => convolution(x!, dw, g),
  ],
  batch: (inputs, g, tasks) => batchGroups((x, dy) => filterGradient(x, dy, g), inputs, tasks),
  onnx: (e, [x, dy], g, output) => {
    const [, images, rows, columns, channelsOut] = imageShape(dy!);
    const inner = sizeOf(output.shape.slice(1, 4));
    const product = (images: Value, cotangents: Value): Value => {
      const places = cotangents.shape[1]! * rows * columns;
      const found = patches(e, images, g);
      // CPU kernels pack a wide left side faster in order, and the second-order twin of this product reads it once more.
      const turned = inner >= wideRows && Number.isFinite(e.profile.cacheBytes);
      const dw = e.matmul(
        turned ? e.transpose(found, [0, 2, 1]) : found,
        e.reshape(cotangents, [cotangents.shape[0]!, places, channelsOut]),
        { transposeA: !turned },
      );
      return e.reshape(dw, [dw.shape[0]!, ...output.shape.slice(1)]);
    };
    const bytes = rows * columns * inner * bytesPerElement[x!.dtype];
    const blocks = e.imageBlocks([x!, dy!], { groups: output.shape[0]!, images, bytes });
    if (!blocks) return product(x!, dy!);
    return e.unshared(() => {
      const byGroups = new Map<number, Value>();
      for (const block of blocks.list) {
        const dw = product(blocks.blockOf(x!, block), blocks.blockOf(dy!, block));
        const sum = byGroups.get(block.groups[0]);
        byGroups.set(block.groups[0], sum ? e.op("Add", [sum, dw], dw) : dw);
      }
      return e.concat([...byGroups.values()], 0);
    });
  },
  native: {
    kind: "contraction",
    operands: ([x, dy], g) => [paddedImages(x!, g), dy!],
    products: ([x, dy], g, output) => [
      {
        batch: [output.shape[0]!],
        rows: output.shape.slice(1, 4),
        sums: dy!.shape.slice(1, 4),
        columns: output.shape[4]!,
        a: ([group], [down, across, channel], [image, row, column]) => [
          ...[ofGroup(x!, group!), image!, tapIndex(row!, down!, 0, g), tapIndex(column!, across!, 1, g), channel!],
        ],
        b: ([group], place, out) => [ofGroup(dy!, group!), ...place, out],
        out: ([group], filter, out) => [group!, ...filter, out],
      },
    ],
  },
  evaluate: ([x, dy], g, output) => {
    const [groups, , , channels, channelsOut] = output.shape as [number, number, number, number, number];
    const [, images, height, width] = x!.shape as [number, number, number, number, number];
    const places = dy!.shape[2]! * dy!.shape[3]!;
    const out = new Float64Array(sizeOf(output.shape));
    const filterSize = out.length / groups;
    forEachTap(groups, images, [height, width], g, (group, n, place, tap, pixel) => {
      const from = blockOffset(x!, group) + (n * height * width + pixel) * channels;
      const cotangent = blockOffset(dy!, group) + (n * places + place) * channelsOut;
      const to = group * filterSize + tap * channels * channelsOut;
      for (let c = 0; c < channels; c++) {
        for (let o = 0; o < channelsOut; o++) {
          out[to + c * channelsOut + o]! += x!.data[from + c]! * dy!.data[cotangent + o]!;
        }
      }
    });
    return out;
  },
};

/** The gradient of a convolution by its filters, given that by its result. */
export function filterGradient(x: Tensor, dy: Tensor, geometry: GeometryAttributes): Tensor {
  const { window, stride, padding, dilation } = geometry;
  return Tensor.apply(filterGradientPrimitive, [x, dy], { window, stride, padding, dilation });
}

export const inputGradientPrimitive: Primitive<Sized> = {
  name: "inputGradient",
  infer: ([dy, w], { size, ...g }) => {
    const groups = commonGroups("inputGradient", dy!, w!);
    requireEqual("inputGradient", "channels", dy!.shape[4], w!.shape[4]);
    const [rows, columns] = outputSize("inputGradient", size, g);
    requireEqual("inputGradient", "rows", dy!.shape[2], rows);
    requireEqual("inputGradient", "columns", dy!.shape[3], columns);
    return { dtype: dy!.dtype, shape: [groups, dy!.shape[1]!, size[0]!, size[1]!, w!.shape[3]!] };
  },
  vjp: (dx, [dy, w], _output, { size: _size, ...g }) => [
    () => convolution(dx, w!, g),
    () => filterGradient(dx, dy!, g),
  ],
  batch: (inputs, g, tasks) => batchGroups((dy, w) => inputGradient(dy, w, g), inputs, tasks),
  onnx: (e, [dy, w], { size: _size, ...g }, output) => {
    const [groups, images, height, width, channels] = imageShape(output);
    const taps = Math.ceil((g.window[0]! * g.window[1]!) / (g.stride[0]! * g.stride[1]!));
    const bytes = height * width * taps * dy!.shape[4]! * bytesPerElement[dy!.dtype];
    const { value: scaled, factor: alpha } = e.scaled(w!);
    const product = (cotangents: Value, filters: Value): Value => {
      const shape = [Math.max(cotangents.shape[0]!, filters.shape[0]!), cotangents.shape[1]!, height, width, channels];
      return inputGradientByParity(e, cotangents, filters, alpha, g, { dtype: output.dtype, shape });
    };
    const blocks = e.imageBlocks([dy!], { groups, images, bytes });
    if (!blocks) return product(dy!, scaled);
    return blocks.assembled(output.shape, (block) =>
      product(blocks.blockOf(dy!, block), blocks.groupsOf(scaled, block)),
    );
  },
  native: {
    kind: "contraction",
    // Cotangents between as many zeros as the taps at the edges reach over, and filters from channels out to channels in.
    operands: ([dy, w], g) => {
      const [low, high] = [0, 1].map((axis) => reach(axis as 0 | 1, dy!.shape[2 + axis]!, g)) as [Reach, Reach];
      return [
        pad(dy!, { low: [0, 0, low.before, high.before, 0], high: [0, 0, low.after, high.after, 0] }),
        transpose(w!, [0, 1, 2, 4, 3]),
      ];
    },
    products: ([dy, w], g, output) => {
      const [groups, images, , , channels] = imageShape(output);
      const [down, across] = [tapClasses(0, g), tapClasses(1, g)];
      const [before, beside] = [reach(0, 0, g).before, reach(1, 0, g).before];
      return down.flatMap((vertical) =>
        across.map((horizontal) => ({
          batch: [groups],
          rows: [images, vertical.pixels, horizontal.pixels],
          sums: [vertical.taps, horizontal.taps, dy!.shape[4]!],
          columns: channels,
          a: (
            [group]: readonly IndexForm[],
            [image, y, x]: readonly IndexForm[],
            [a, b, channel]: readonly IndexForm[],
          ) => [
            ofGroup(dy!, group!),
            image!,
            cotangentIndex(y!, a!, vertical, before),
            cotangentIndex(x!, b!, horizontal, beside),
            channel!,
          ],
          b: ([group]: readonly IndexForm[], [a, b, channel]: readonly IndexForm[], out: IndexForm) => [
            ...[ofGroup(w!, group!), tapOf(a!, vertical), tapOf(b!, horizontal), channel!, out],
          ],
          out: ([group]: readonly IndexForm[], [image, y, x]: readonly IndexForm[], out: IndexForm) => [
            ...[
              group!,
              image!,
              pixelOfClass(y!, vertical, g.stride[0]!),
              pixelOfClass(x!, horizontal, g.stride[1]!),
              out,
            ],
          ],
        })),
      );
    },
    isPartial: (g) =>
      ([0, 1] as const).some((axis) => tapClasses(axis, g).length < Math.min(g.stride[axis]!, g.size[axis]!)),
  },
  evaluate: ([dy, w], { size, ...g }, output) => {
    const [groups, images, height, width, channels] = output.shape as [number, number, number, number, number];
    const channelsOut = w!.shape[4]!;
    const places = dy!.shape[2]! * dy!.shape[3]!;
    const out = new Float64Array(sizeOf(output.shape));
    forEachTap(groups, images, [height, width], g, (group, n, place, tap, pixel) => {
      const cotangent = blockOffset(dy!, group) + (n * places + place) * channelsOut;
      const filter = blockOffset(w!, group) + tap * channels * channelsOut;
      const to = ((group * images + n) * height * width + pixel) * channels;
      for (let c = 0; c < channels; c++) {
        for (let o = 0; o < channelsOut; o++) {
          out[to + c]! += dy!.data[cotangent + o]! * w!.data[filter + c * channelsOut + o]!;
        }
      }
    });
    return out;
  },
};

/** The gradient of a convolution by its images of `size` pixels, given that by its result. */
export function inputGradient(dy: Tensor, w: Tensor, geometry: Sized): Tensor {
  const { window, stride, padding, dilation, size } = geometry;
  if (w.shape[0] === 1 && dy.shape[0]! > 1) return withoutGroups((merged) => inputGradient(merged, w, geometry), dy);
  return Tensor.apply(inputGradientPrimitive, [dy, w], { window, stride, padding, dilation, size: [...size] });
}

/**
 * With stride s, the pixels at equal coordinates modulo s are read by the same taps. For each such class the cotangents
 * are gathered per pixel and multiplied by those taps' filters: exactly the products that the convolution made, none
 * with a zero put in between.
 */
function inputGradientByParity(
  e: Emitter,
  dy: Value,
  w: Value,
  alpha: number,
  g: GeometryAttributes,
  output: TensorType,
): Value {
  const [groups, images, height, width, channels] = output.shape as [number, number, number, number, number];
  const [groupsY, , rows, columns, channelsOut] = dy.shape as [number, number, number, number, number];
  const [groupsW] = w.shape as [number];
  const taps = g.window[0]! * g.window[1]!;
  const cotangents = e.reshape(dy, [groupsY * images, rows * columns, channelsOut]);
  const filters = e.reshape(w, [groupsW, taps, channels, channelsOut]);
  const parts: Value[] = [];
  const order: number[] = [];
  for (let down = 0; down < g.stride[0]!; down++) {
    for (let across = 0; across < g.stride[1]!; across++) {
      const readers = tapsOfClass(down, 0, g).flatMap((a) => tapsOfClass(across, 1, g).map((b) => [a, b] as const));
      const pixels: number[] = [];
      const table: number[] = [];
      for (let y = down; y < height; y += g.stride[0]!) {
        for (let x = across; x < width; x += g.stride[1]!) {
          pixels.push(y * width + x);
          for (const [a, b] of readers) {
            const row = (y + g.padding[0]! - a * g.dilation[0]!) / g.stride[0]!;
            const column = (x + g.padding[2]! - b * g.dilation[1]!) / g.stride[1]!;
            const inside = row >= 0 && row < rows && column >= 0 && column < columns;
            table.push(inside ? row * columns + column : -1);
          }
        }
      }
      if (pixels.length === 0) continue;
      order.push(...pixels);
      if (readers.length === 0) {
        const shape = [groups * images, pixels.length, channels];
        parts.push(e.op("Expand", [e.scalar(0, dy.dtype), e.integers(shape)], { dtype: dy.dtype, shape }));
        continue;
      }
      const found = e.reshape(gatherRows(e, cotangents, Int32Array.from(table)), [
        groupsY,
        images * pixels.length,
        readers.length * channelsOut,
      ]);
      const chosen = e.take(
        filters,
        Int32Array.from(readers, ([a, b]) => a * g.window[1]! + b),
        [readers.length],
        1,
      );
      const turned = e.reshape(e.transpose(chosen, [0, 2, 1, 3]), [groupsW, channels, readers.length * channelsOut]);
      const product = e.matmul(found, turned, { transposeB: true, alpha });
      parts.push(e.reshape(product, [groups * images, pixels.length, channels]));
    }
  }
  const all =
    parts.length === 1
      ? parts[0]!
      : e.op("Concat", parts, { dtype: dy.dtype, shape: [groups * images, height * width, channels] }, { axis: 1 });
  const place = new Int32Array(order.length);
  order.forEach((pixel, at) => {
    place[pixel] = at;
  });
  return e.reshape(e.take(all, place, [place.length], 1), output.shape);
}

/** The taps along one axis that read pixels at coordinate `parity` modulo the stride. */
function tapsOfClass(parity: number, axis: 0 | 1, g: GeometryAttributes): number[] {
  const taps: number[] = [];
  for (let tap = 0; tap < g.window[axis]!; tap++) {
    const distance = parity + g.padding[2 * axis]! - tap * g.dilation[axis]!;
    if (distance % g.stride[axis]! === 0) taps.push(tap);
  }
  return taps;
}
