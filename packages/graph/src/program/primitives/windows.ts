import { formatShape, GraphError } from "../../errors.js";
import type { Emitter, Value } from "../emitter.js";
import { addIndex, type IndexForm, type IndexGuard, indexOf, scaleIndex, unravelIndex } from "../index-form.js";
import type { Primitive } from "../tensor.js";
import { Tensor } from "../tensor.js";
import { bytesPerElement, type Shape, sizeOf } from "../tensor-type.js";
import { pad, reshape, reshapePrimitive } from "./shape.js";

/** The way of a window over an image of [height, width] pixels. */
export interface WindowGeometry {
  readonly window: readonly [height: number, width: number];
  readonly stride: readonly [vertical: number, horizontal: number];
  /** Rows and columns of zeros around the image. */
  readonly padding: readonly [top: number, bottom: number, left: number, right: number];
  readonly dilation: readonly [vertical: number, horizontal: number];
}

export type GeometryAttributes = {
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
};

/** The places of a window along one axis. */
export function outputLength(size: number, axis: 0 | 1, g: GeometryAttributes): number {
  const span = (g.window[axis]! - 1) * g.dilation[axis]! + 1;
  return Math.floor((size + g.padding[2 * axis]! + g.padding[2 * axis + 1]! - span) / g.stride[axis]!) + 1;
}

export function outputSize(operation: string, size: Shape, g: GeometryAttributes): [number, number] {
  const whole = [...g.window, ...g.stride, ...g.dilation].every((n) => Number.isInteger(n) && n >= 1);
  if (!whole || !g.padding.every((n) => Number.isInteger(n) && n >= 0)) {
    const problem = `window ${formatShape(g.window)}, stride ${formatShape(g.stride)}, dilation ${formatShape(g.dilation)}, padding ${formatShape(g.padding)}`;
    throw new GraphError("IL204", operation, problem, "Sizes are whole and at least 1, padding at least 0");
  }
  const out: [number, number] = [outputLength(size[0]!, 0, g), outputLength(size[1]!, 1, g)];
  if (out[0] < 1 || out[1] < 1) {
    const problem = `a window of ${formatShape(g.window)} does not fit ${formatShape(size)} pixels with padding ${formatShape(g.padding)}`;
    throw new GraphError("IL204", operation, problem, "Pad more, or use a smaller window or fewer layers");
  }
  return out;
}

/**
 * For each place of the window and each tap within it, the pixel it reads; -1 in the padding.
 * Row-major [places down, places across, taps down, taps across].
 */
export function windowTable(size: Shape, g: GeometryAttributes): Int32Array {
  const [height, width] = size as [number, number];
  const [rows, columns] = [outputLength(height, 0, g), outputLength(width, 1, g)];
  const [down, across] = g.window as [number, number];
  const table = new Int32Array(rows * columns * down * across);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let a = 0; a < down; a++) {
        const y = row * g.stride[0]! + a * g.dilation[0]! - g.padding[0]!;
        for (let b = 0; b < across; b++) {
          const x = column * g.stride[1]! + b * g.dilation[1]! - g.padding[2]!;
          table[at++] = y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
        }
      }
    }
  }
  return table;
}

/** Images [..., height, width, channels] between the zeros of a geometry. Whatever their leading axes, equal ones are padded once. */
export function paddedImages(x: Tensor, { padding }: GeometryAttributes): Tensor {
  if (padding.every((pixels) => pixels === 0)) return x;
  const [top, bottom, left, right] = padding as [number, number, number, number];
  const [height, width, channels] = x.shape.slice(-3) as [number, number, number];
  const images = x.shape.slice(0, -3);
  let source = x;
  while (source.primitive === reshapePrimitive) source = source.inputs[0]!;
  const y = pad(reshape(source, [sizeOf(images), height, width, channels]), {
    low: [0, top, left, 0],
    high: [0, bottom, right, 0],
  });
  return reshape(y, [...images, ...y.shape.slice(1)]);
}

/** The pixel that a tap reads at a place of the window, and where that is on the image. */
export function pixelOf(
  row: IndexForm,
  column: IndexForm,
  tap: readonly IndexForm[],
  size: Shape,
  g: GeometryAttributes,
): { readonly at: readonly IndexForm[]; readonly guards: readonly IndexGuard[] } {
  const at = [row, column].map((place, axis) =>
    addIndex(
      addIndex(scaleIndex(place, g.stride[axis]!), scaleIndex(tap[axis]!, g.dilation[axis]!)),
      indexOf(-g.padding[2 * axis]!),
    ),
  );
  return { at, guards: at.map((form, axis) => ({ form, low: 0, high: size[axis]! })) };
}

/**
 * Rows of [images, rows, channels] by a constant table, -1 standing for a row of zeros: one gather, which copies whole
 * pixels. The zero row is appended once per value and shared by all tables.
 */
export function gatherRows(e: Emitter, x: Value, table: Int32Array, asSum?: TableAsSum): Value {
  const [images, rows, channels] = x.shape as [number, number, number];
  if (!table.includes(-1)) return takeTable(e, x, table, asSum);
  const zero = e.constant(new Float32Array(images * channels), [images, 1, channels], "float32");
  const joined = e.op(
    "Concat",
    [x, x.dtype === "float32" ? zero : e.cast(zero, x.dtype)],
    { dtype: x.dtype, shape: [images, rows + 1, channels] },
    { axis: 1 },
  );
  return takeTable(
    e,
    joined,
    table.map((row) => (row < 0 ? rows : row)),
    asSum && { ...asSum, outside: rows },
  );
}

/** A table of pixels as a sum: down[row, tap down] + across[column, tap across], and `outside` at most. */
export interface TableAsSum {
  readonly down: Int32Array;
  readonly across: Int32Array;
  /** Places down and across, and taps down and across. */
  readonly grid: Shape;
  /** What is read in the padding; undefined where nothing is. */
  readonly outside?: number | undefined;
}

/** Longer tables are written as sums where a file is to be small: of 56 x 56 places and 3 x 3 taps 1.3 kB in place of 113. */
const longestTable = 4096;

/** Rows of axis 1 of [images, rows, channels] by a table, which may be that of places and taps. */
function takeTable(e: Emitter, x: Value, table: Int32Array, asSum: TableAsSum | undefined): Value {
  if (!asSum || !e.profile.computesTables || table.length <= longestTable) return e.take(x, table, [table.length], 1);
  const { down, across, grid, outside } = asSum;
  const [rows, columns, high, wide] = grid as [number, number, number, number];
  const type = { dtype: "int32", shape: [...grid] } as const;
  const parts = [e.constant(down, [rows, 1, high, 1], "int32"), e.constant(across, [1, columns, 1, wide], "int32")];
  const sum = e.op("Add", parts, type);
  const places = outside === undefined ? sum : e.op("Min", [sum, e.scalar(outside, "int32")], type);
  const shape = [x.shape[0]!, table.length, x.shape[2]!];
  return e.op("Gather", [x, e.reshape(places, [table.length])], { dtype: x.dtype, shape }, { axis: 1 });
}

/** `windowTable` as a sum: rows times the width, and columns. */
function windowSum([height, width]: readonly [number, number], g: GeometryAttributes): TableAsSum {
  const alongAxis = (size: number, axis: 0 | 1, step: number): Int32Array => {
    const taps = g.window[axis]!;
    return Int32Array.from({ length: outputLength(size, axis, g) * taps }, (_, at) => {
      const place = Math.floor(at / taps) * g.stride[axis]! + (at % taps) * g.dilation[axis]! - g.padding[2 * axis]!;
      return place >= 0 && place < size ? place * step : height * width;
    });
  };
  const places = [outputLength(height, 0, g), outputLength(width, 1, g)];
  return { down: alongAxis(height, 0, width), across: alongAxis(width, 1, 1), grid: [...places, ...g.window] };
}

/** All windows of images [images, h, w, c], in the order of their places and taps; its shape is left to the caller. */
export function gatherWindows(e: Emitter, x: Value, g: GeometryAttributes): Value {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const movesByOne = g.window[1]! > 1 && g.stride[1] === 1 && g.dilation[1] === 1;
  if (channels <= fewChannels && movesByOne) return windowRuns(e, x, g);
  const pixels = e.reshape(x, [images, height * width, channels]);
  const table = windowTable([height, width], g);
  const asSum = windowSum([height, width], g);
  // Single numbers are slow to gather: with the images side by side, as many are copied at once.
  if (channels > 1 || images <= fewChannels) return gatherRows(e, pixels, table, asSum);
  return e.transpose(gatherRows(e, e.transpose(pixels, [2, 1, 0]), table, asSum), [2, 1, 0]);
}

/** Up to so many channels a row of a window is gathered as one: single pixels are copies too small to be fast. */
const fewChannels = 8;

/**
 * The windows of images [images, h, w, c], which move by single pixels, in runs of w' pixels of one row, w' the
 * window's width: [images, places x window height, w' c]. A run may begin at any pixel, but a gather copies whole rows
 * of a matrix: so the padded image is written w' times, each time one pixel further, and cut into rows of w' pixels.
 */
function windowRuns(e: Emitter, x: Value, g: GeometryAttributes): Value {
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const [top, bottom, left, right] = g.padding as [number, number, number, number];
  const run = g.window[1]!;
  const tall = height + top + bottom;
  const wide = Math.ceil((width + left + right) / run) * run;
  const low = [0, top, left, 0];
  const high = [0, bottom, wide - width - left, 0];
  const shape = [images, tall, wide, channels];
  const padded = e.op("Pad", [x, e.integers([...low, ...high])], { dtype: x.dtype, shape }, { mode: "constant" });
  const flat = e.reshape(padded, [images, tall * wide * channels]);
  const shifted = Array.from({ length: run }, (_, shift) => {
    const runs = Math.floor((tall * wide - shift) / run);
    const part = e.slice(flat, 1, [shift * channels, (shift + runs * run) * channels]);
    return e.reshape(part, [images, runs, run * channels]);
  });
  const starts = shifted.map((_, shift) => shifted.slice(0, shift).reduce((sum, part) => sum + part.shape[1]!, 0));
  const [rows, columns] = [outputLength(height, 0, g), outputLength(width, 1, g)];
  const table: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let a = 0; a < g.window[0]!; a++) {
        const y = row * g.stride[0]! + a * g.dilation[0]!;
        const shift = column % run;
        table.push(starts[shift]! + (y * wide + column - shift) / run);
      }
    }
  }
  return e.take(e.concat(shifted, 1), Int32Array.from(table), [table.length], 1);
}

export const windowsPrimitive: Primitive<GeometryAttributes> = {
  name: "windows",
  infer: ([x], g) => {
    if (x!.shape.length !== 4) {
      throw new GraphError(
        "IL201",
        "windows",
        `takes [images, height, width, channels], not ${formatShape(x!.shape)}`,
        "Reshape first",
      );
    }
    const [images, height, width, channels] = x!.shape as [number, number, number, number];
    const [rows, columns] = outputSize("windows", [height, width], g);
    return { dtype: x!.dtype, shape: [images, rows, columns, g.window[0]! * g.window[1]!, channels] };
  },
  vjp: (g, [x], _output, geometry) => [() => overlapAdd(g, geometry, [x!.shape[1]!, x!.shape[2]!])],
  batch: ([x], g, size) => {
    const [, images, ...pixels] = x!.tensor.shape;
    const out = windows(reshape(x!.tensor, [size * images!, ...pixels]), g);
    return reshape(out, [size, images!, ...out.shape.slice(1)]);
  },
  onnx: (e, [x], g, output) => {
    const [images, ...one] = x!.shape as [number, number, number, number];
    const bytes = sizeOf(output.shape.slice(1)) * bytesPerElement[x!.dtype];
    const grouped = e.reshape(x!, [1, images, ...one]);
    const blocks = e.imageBlocks([grouped], { groups: 1, images, bytes });
    if (!blocks) return e.reshape(gatherWindows(e, x!, g), output.shape);
    return blocks.assembled(output.shape, (block) => {
      const part = blocks.blockOf(grouped, block);
      return gatherWindows(e, e.reshape(part, part.shape.slice(1)), g);
    });
  },
  native: {
    kind: "view",
    operands: ([x], g) => [paddedImages(x!, g)],
    access: ([image, row, column, tap, channel], [x], g) => {
      const taps = unravelIndex(tap!, g.window);
      const { at } = pixelOf(row!, column!, taps, x!.shape.slice(1, 3), { ...g, padding: [0, 0, 0, 0] });
      return { at: [image!, ...at, channel!] };
    },
  },
  evaluate: ([x], g, output) => {
    const [images, height, width, channels] = x!.shape as [number, number, number, number];
    const table = windowTable([height, width], g);
    const out = new Float64Array(sizeOf(output.shape));
    for (let n = 0; n < images; n++) {
      for (let t = 0; t < table.length; t++) {
        if (table[t]! < 0) continue;
        const from = (n * height * width + table[t]!) * channels;
        out.set(x!.data.subarray(from, from + channels), (n * table.length + t) * channels);
      }
    }
    return out;
  },
};

/**
 * All windows of images, zeros in the padding:
 * [images, height, width, channels] -> [images, rows, columns, window height x width, channels].
 */
export function windows(x: Tensor, geometry: GeometryAttributes): Tensor {
  const { window, stride, padding, dilation } = geometry;
  return Tensor.apply(windowsPrimitive, [x], { window, stride, padding, dilation });
}

export const overlapAddPrimitive: Primitive<GeometryAttributes & { readonly size: readonly number[] }> = {
  name: "overlapAdd",
  infer: ([x], { size, ...g }) => {
    const [images, rows, columns, taps, channels] = x!.shape;
    const [down, across] = outputSize("overlapAdd", size, g);
    if (x!.shape.length !== 5 || rows !== down || columns !== across || taps !== g.window[0]! * g.window[1]!) {
      const problem = `${formatShape(x!.shape)} are not the windows of images of ${formatShape(size)}`;
      throw new GraphError(
        "IL202",
        "overlapAdd",
        problem,
        `Expected [images, ${down}, ${across}, ${g.window[0]! * g.window[1]!}, channels]`,
      );
    }
    return { dtype: x!.dtype, shape: [images!, size[0]!, size[1]!, channels!] };
  },
  vjp: (g, _inputs, _output, { size: _size, ...geometry }) => [() => windows(g, geometry)],
  batch: ([x], { size, ...g }, tasks) => {
    const [, images, ...rest] = x!.tensor.shape;
    const out = overlapAdd(reshape(x!.tensor, [tasks * images!, ...rest]), g, size);
    return reshape(out, [tasks, images!, ...out.shape.slice(1)]);
  },
  onnx: (e, [x], { size, ...g }, output) => {
    const [images, rows, columns, taps, channels] = x!.shape as [number, number, number, number, number];
    const pixels = size[0]! * size[1]!;
    const readers: number[][] = Array.from({ length: pixels }, () => []);
    windowTable(size, g).forEach((pixel, place) => {
      if (pixel >= 0) readers[pixel]!.push(place);
    });
    const most = Math.max(1, ...readers.map((list) => list.length));
    const table = new Int32Array(pixels * most).fill(-1);
    readers.forEach((list, pixel) => {
      table.set(list, pixel * most);
    });
    const found = gatherRows(e, e.reshape(x!, [images, rows * columns * taps, channels]), table);
    if (most === 1) return e.reshape(found, output.shape);
    const shares = e.reshape(found, [images * pixels, most, channels]);
    const summed = e.op(
      "ReduceSum",
      [shares, e.integers([1])],
      { dtype: x!.dtype, shape: [images * pixels, channels] },
      { keepdims: 0 },
    );
    return e.reshape(summed, output.shape);
  },
  native: {
    kind: "placed",
    fill: () => 0,
    adds: true,
    place: (_operand, [image, row, column, tap, channel], _inputs, { size, ...g }) => {
      const { at, guards } = pixelOf(row!, column!, unravelIndex(tap!, g.window), size, g);
      return { at: [image!, ...at, channel!], guards };
    },
  },
  evaluate: ([x], { size, ...g }, output) => {
    const [images, , , , channels] = x!.shape as [number, number, number, number, number];
    const table = windowTable(size, g);
    const pixels = size[0]! * size[1]!;
    const out = new Float64Array(sizeOf(output.shape));
    for (let n = 0; n < images; n++) {
      for (let t = 0; t < table.length; t++) {
        if (table[t]! < 0) continue;
        const to = (n * pixels + table[t]!) * channels;
        const from = (n * table.length + t) * channels;
        for (let c = 0; c < channels; c++) out[to + c]! += x!.data[from + c]!;
      }
    }
    return out;
  },
};

/** Windows added back to the image of [height, width] pixels that they lie on: the transpose of `windows`. */
export function overlapAdd(x: Tensor, geometry: GeometryAttributes, size: readonly number[]): Tensor {
  const { window, stride, padding, dilation } = geometry;
  return Tensor.apply(overlapAddPrimitive, [x], { window, stride, padding, dilation, size: [...size] });
}
