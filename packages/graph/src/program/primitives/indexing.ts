import { formatShape, GraphError } from "../../errors.js";
import type { Primitive } from "../tensor.js";
import { Tensor } from "../tensor.js";
import { type DType, type Shape, sizeOf, stridesOf, type TensorType } from "../tensor-type.js";
import { add, cast, equal, greaterEqual, less, logicalAnd, mul, where } from "./elementwise.js";
import { expandAxis, forEachIndex, mapAll, moveAxis, normalizeAxis, range, reshape, transpose } from "./shape.js";

function requireIndices(operation: string, indices: TensorType): void {
  if (indices.dtype !== "int32" && indices.dtype !== "int64") {
    throw new GraphError("IL103", operation, `indices of type ${indices.dtype}`, 'Use cast(indices, "int32")');
  }
}

function checkedIndex(operation: string, index: number, size: number): number {
  if (index >= 0 && index < size) return index;
  throw new GraphError("IL102", operation, `index ${index} on an axis of size ${size}`, `Use 0 to ${size - 1}`);
}

/**
 * Indices of each task, moved to that task's rows of an array that holds the rows of all tasks one after another. An
 * index out of range must not reach another task's rows: it goes past all of them, and is an error as it would be alone.
 */
function offsetByTask(indices: Tensor, size: number, tasks: number): Tensor {
  const offsets = reshape(mul(range(tasks, indices.dtype), size), [tasks, ...indices.shape.slice(1).map(() => 1)]);
  const inRange = logicalAnd(greaterEqual(indices, 0), less(indices, size));
  return where(inRange, add(indices, offsets), tasks * size);
}

export const gatherPrimitive: Primitive<{ axis: number }> = {
  name: "gather",
  infer: ([x, indices], { axis }) => {
    requireIndices("gather", indices!);
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)] };
  },
  vjp: (g, [x, indices], _output, { axis }) => [() => scatterAdd(g, indices!, { axis, size: x!.shape[axis]! }), null],
  batch: ([x, indices], { axis }, tasks) => {
    if (!indices!.mapped) return gather(x!.tensor, indices!.tensor, axis + 1);
    if (!x!.mapped) return moveAxis(gather(x!.tensor, indices!.tensor, axis), axis, 0);
    const rows = moveAxis(x!.tensor, axis + 1, 1);
    const [, size, ...rest] = rows.shape;
    const flat = reshape(rows, [tasks * size!, ...rest]);
    const found = gather(flat, offsetByTask(indices!.tensor, size!, tasks), 0);
    // [tasks, ...indices, ...before, ...after] -> [tasks, ...before, ...indices, ...after]
    const indexRank = indices!.tensor.rank - 1;
    const order = found.shape.map((_, i) => i);
    const before = order.splice(1 + indexRank, axis);
    order.splice(1, 0, ...before);
    return transpose(found, order);
  },
  onnx: (e, [x, indices], { axis }, output) => e.op("Gather", [x!, indices!], output, { axis }),
  native: {
    kind: "statements",
    write: ([x, indices], { axis }) => {
      const inner = sizeOf(x!.shape.slice(axis + 1));
      const size = x!.shape[axis]!;
      const count = sizeOf(indices!.shape);
      return `for (long o = 0; o < ${sizeOf(x!.shape.slice(0, axis))}; o++)
  for (long i = 0; i < ${count}; i++) {
    const long at = x1[i];
    if (at < 0 || at >= ${size}) return 1;
    memcpy(y + (o * ${count} + i) * ${inner}, x0 + (o * ${size} + at) * ${inner}, ${inner} * sizeof(T));
  }`;
    },
  },
  evaluate: ([x, indices], { axis }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    const size = x!.shape[axis]!;
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const count = indices!.data.length;
    for (let at = 0, outer = 0; at < out.length; outer++) {
      for (let i = 0; i < count; i++) {
        const from = (outer * size + checkedIndex("gather", indices!.data[i]!, size)) * inner;
        for (let j = 0; j < inner; j++) out[at++] = x!.data[from + j]!;
      }
    }
    return out;
  },
};

/** Slices of x by index along an axis; the axis is replaced by the axes of `indices` (int32 or int64, 0 <= i < size). */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return Tensor.apply(gatherPrimitive, [x, indices], { axis: normalizeAxis("gather", axis, x.rank) });
}

export const scatterAddPrimitive: Primitive<{ axis: number; size: number }> = {
  name: "scatterAdd",
  infer: ([updates, indices], { axis, size }) => {
    requireIndices("scatterAdd", indices!);
    const rank = indices!.shape.length;
    const found = updates!.shape.slice(axis, axis + rank);
    if (found.length !== rank || found.some((n, i) => n !== indices!.shape[i])) {
      const problem = `indices ${formatShape(indices!.shape)} for updates ${formatShape(updates!.shape)} at axis ${axis}`;
      throw new GraphError("IL202", "scatterAdd", problem, "The updates carry the axes of the indices at that place");
    }
    return {
      dtype: updates!.dtype,
      shape: [...updates!.shape.slice(0, axis), size, ...updates!.shape.slice(axis + rank)],
    };
  },
  vjp: (g, [, indices], _output, { axis }) => [() => gather(g, indices!, axis), null],
  batch: ([updates, indices], { axis, size }, tasks) => {
    if (!indices!.mapped) return scatterAdd(updates!.tensor, indices!.tensor, { axis: axis + 1, size });
    const [u] = mapAll([updates!], tasks);
    // [tasks, ...before, ...indices, ...after] -> [tasks, ...indices, ...before, ...after]
    const indexRank = indices!.tensor.rank - 1;
    const order = u!.shape.map((_, i) => i);
    const moved = order.splice(1 + axis, indexRank);
    order.splice(1, 0, ...moved);
    const flat = scatterAdd(transpose(u!, order), offsetByTask(indices!.tensor, size, tasks), {
      axis: 0,
      size: tasks * size,
    });
    return moveAxis(reshape(flat, [tasks, size, ...flat.shape.slice(1)]), 1, axis + 1);
  },
  onnx: (e, [updates, indices], { axis }, output) => {
    const rank = indices!.shape.length;
    const count = sizeOf(indices!.shape);
    const front = updates!.shape.map((_, i) => i);
    front.unshift(...front.splice(axis, rank));
    const rows = e.transpose(updates!, front);
    const rest = rows.shape.slice(rank);
    const flat = e.reshape(rows, [count, ...rest]);
    const at = e.reshape(e.cast(indices!, "int64"), [count, 1]);
    const shape = [output.shape[axis]!, ...rest];
    const empty = e.op("Expand", [e.scalar(0, output.dtype), e.integers(shape)], { dtype: output.dtype, shape });
    const summed = e.op("ScatterND", [empty, at, flat], { dtype: output.dtype, shape }, { reduction: "add" });
    const back = output.shape.map((_, i) => i).slice(1);
    back.splice(axis, 0, 0);
    return e.transpose(summed, back);
  },
  native: {
    kind: "statements",
    write: ([, indices], { axis, size }, output) => {
      const inner = sizeOf(output.shape.slice(axis + 1));
      const count = sizeOf(indices!.shape);
      return `memset(y, 0, ${sizeOf(output.shape)} * sizeof(T));
for (long o = 0; o < ${sizeOf(output.shape.slice(0, axis))}; o++)
  for (long i = 0; i < ${count}; i++) {
    const long at = x1[i];
    if (at < 0 || at >= ${size}) return 1;
    for (long j = 0; j < ${inner}; j++) y[(o * ${size} + at) * ${inner} + j] += x0[(o * ${count} + i) * ${inner} + j];
  }`;
    },
  },
  evaluate: ([updates, indices], { axis, size }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    const inner = sizeOf(output.shape.slice(axis + 1));
    const count = indices!.data.length;
    for (let at = 0, outer = 0; at < updates!.data.length; outer++) {
      for (let i = 0; i < count; i++) {
        const to = (outer * size + checkedIndex("scatterAdd", indices!.data[i]!, size)) * inner;
        for (let j = 0; j < inner; j++) out[to + j]! += updates!.data[at++]!;
      }
    }
    return out;
  },
};

/** Zeros of `size` slices along `axis`, to which each update is added at its index: the transpose of `gather`. */
export function scatterAdd(
  updates: Tensor,
  indices: Tensor,
  options: { readonly axis?: number; readonly size: number },
): Tensor {
  // An axis of the result, which has one axis where the updates have those of the indices.
  const axis = normalizeAxis("scatterAdd", options.axis ?? 0, Math.max(1, updates.rank - indices.rank + 1));
  return Tensor.apply(scatterAddPrimitive, [updates, indices], { axis, size: options.size });
}

function requireAligned(operation: string, x: TensorType, indices: TensorType, axis: number): void {
  requireIndices(operation, indices);
  const fits = x.shape.length === indices.shape.length && x.shape.every((n, i) => i === axis || n === indices.shape[i]);
  if (fits) return;
  const problem = `indices ${formatShape(indices.shape)} for ${formatShape(x.shape)} along axis ${axis}`;
  throw new GraphError("IL202", operation, problem, "All other axes must agree; broadcastTo repeats the indices");
}

/** Visits each index with the flat offsets of the element it names and of itself. */
function forEachAlong(
  operation: string,
  indices: { shape: Shape; data: Float64Array },
  shape: Shape,
  axis: number,
  visit: (named: number, own: number) => void,
): void {
  const strides = stridesOf(shape);
  forEachIndex(indices.shape, (own, at) => {
    let named = 0;
    for (let i = 0; i < at.length; i++) {
      const place = i === axis ? checkedIndex(operation, indices.data[own]!, shape[axis]!) : at[i]!;
      named += place * strides[i]!;
    }
    visit(named, own);
  });
}

export const takeAlongAxisPrimitive: Primitive<{ axis: number }> = {
  name: "takeAlongAxis",
  infer: ([x, indices], { axis }) => {
    requireAligned("takeAlongAxis", x!, indices!, axis);
    return { dtype: x!.dtype, shape: indices!.shape };
  },
  vjp: (g, [x, indices], _output, { axis }) => [() => addAlongAxis(g, indices!, { axis, size: x!.shape[axis]! }), null],
  batch: (inputs, { axis }, size) => {
    const [x, indices] = mapAll(inputs, size);
    return takeAlongAxis(x!, indices!, axis + 1);
  },
  onnx: (e, [x, indices], { axis }, output) => e.op("GatherElements", [x!, indices!], output, { axis }),
  native: {
    kind: "statements",
    write: ([x, indices], { axis }) => {
      const inner = sizeOf(x!.shape.slice(axis + 1));
      const [size, count] = [x!.shape[axis]!, indices!.shape[axis]!];
      return `for (long o = 0; o < ${sizeOf(x!.shape.slice(0, axis))}; o++)
  for (long i = 0; i < ${count}; i++)
    for (long j = 0; j < ${inner}; j++) {
      const long own = (o * ${count} + i) * ${inner} + j, at = x1[own];
      if (at < 0 || at >= ${size}) return 1;
      y[own] = x0[(o * ${size} + at) * ${inner} + j];
    }`;
    },
  },
  evaluate: ([x, indices], { axis }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    forEachAlong("takeAlongAxis", indices!, x!.shape, axis, (named, own) => {
      out[own] = x!.data[named]!;
    });
    return out;
  },
};

/** Elements of x by index along an axis, each from its own row: y[i, j] = x[i, indices[i, j]] for axis 1. */
export function takeAlongAxis(x: Tensor, indices: Tensor, axis = -1): Tensor {
  return Tensor.apply(takeAlongAxisPrimitive, [x, indices], { axis: normalizeAxis("takeAlongAxis", axis, x.rank) });
}

export const addAlongAxisPrimitive: Primitive<{ axis: number; size: number }> = {
  name: "addAlongAxis",
  infer: ([updates, indices], { axis, size }) => {
    requireAligned("addAlongAxis", updates!, indices!, axis);
    if (updates!.shape[axis] !== indices!.shape[axis]) {
      const problem = `${updates!.shape[axis]} updates for ${indices!.shape[axis]} indices`;
      throw new GraphError("IL202", "addAlongAxis", problem, "Give one index per update");
    }
    return { dtype: updates!.dtype, shape: updates!.shape.map((n, i) => (i === axis ? size : n)) };
  },
  vjp: (g, [, indices], _output, { axis }) => [() => takeAlongAxis(g, indices!, axis), null],
  batch: (inputs, { axis, size }, tasks) => {
    const [updates, indices] = mapAll(inputs, tasks);
    return addAlongAxis(updates!, indices!, { axis: axis + 1, size });
  },
  onnx: (e, [updates, indices], { axis }, output) => {
    const empty = e.op("Expand", [e.scalar(0, output.dtype), e.integers(output.shape)], output);
    return e.op("ScatterElements", [empty, indices!, updates!], output, { axis, reduction: "add" });
  },
  native: {
    kind: "statements",
    write: ([, indices], { axis, size }, output) => {
      const inner = sizeOf(output.shape.slice(axis + 1));
      const count = indices!.shape[axis]!;
      return `memset(y, 0, ${sizeOf(output.shape)} * sizeof(T));
for (long o = 0; o < ${sizeOf(output.shape.slice(0, axis))}; o++)
  for (long i = 0; i < ${count}; i++)
    for (long j = 0; j < ${inner}; j++) {
      const long own = (o * ${count} + i) * ${inner} + j, at = x1[own];
      if (at < 0 || at >= ${size}) return 1;
      y[(o * ${size} + at) * ${inner} + j] += x0[own];
    }`;
    },
  },
  evaluate: ([updates, indices], { axis }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    forEachAlong("addAlongAxis", indices!, output.shape, axis, (named, own) => {
      out[named]! += updates!.data[own]!;
    });
    return out;
  },
};

/** Zeros of `size` along `axis`, to which each update is added at its index in its own row: the transpose of `takeAlongAxis`. */
export function addAlongAxis(
  updates: Tensor,
  indices: Tensor,
  options: { readonly axis?: number; readonly size: number },
): Tensor {
  const axis = normalizeAxis("addAlongAxis", options.axis ?? -1, updates.rank);
  return Tensor.apply(addAlongAxisPrimitive, [updates, indices], { axis, size: options.size });
}

/** Rows of `depth` zeros with a 1 at each index: [...] int32 -> [..., depth]. An index out of range gives zeros. */
export function oneHot(indices: Tensor, depth: number, dtype: DType = "float32"): Tensor {
  requireIndices("oneHot", indices);
  return cast(equal(expandAxis(indices, -1), range(depth, indices.dtype)), dtype);
}
