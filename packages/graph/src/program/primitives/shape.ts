import { formatShape, GraphError } from "../../errors.js";
import { broadcastOffsets, broadcastShapes } from "../broadcasting.js";
import type { Emitter, Value } from "../emitter.js";
import {
  addIndex,
  divideIndex,
  type IndexForm,
  type IndexGuard,
  indexOf,
  scaleIndex,
  unravelIndex,
} from "../index-form.js";
import type { BatchedInput, Primitive } from "../tensor.js";
import { scalar, Tensor, type TensorLike, tensor } from "../tensor.js";
import { type DType, isFloat, type Shape, sameShape, sizeOf, stridesOf } from "../tensor-type.js";

/** Where a family's records say nothing else, an unmapped input of a batch is repeated for each task. */
export function mapAll(inputs: readonly BatchedInput[], size: number): Tensor[] {
  return inputs.map(({ tensor: x, mapped }) => (mapped ? x : broadcastTo(x, [size, ...x.shape])));
}

/** A number as a tensor of the given type; tensors are returned as they are. Throws IL103 where the type cannot hold it. */
export function asTensor(x: TensorLike, dtype: DType = "float32"): Tensor {
  if (typeof x !== "number") return x;
  if (!isFloat(dtype) && !Number.isInteger(x)) {
    throw new GraphError(
      "IL103",
      "number",
      `${x} beside an array of ${dtype}`,
      'Convert the array first: cast(x, "float32")',
    );
  }
  return scalar(x, dtype);
}

/** A whole axis counted from the end where negative. */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    const remedy = rank === 0 ? "Scalars have no axes" : `Use ${-rank} to ${rank - 1}`;
    throw new GraphError("IL102", operation, `axis ${axis} of an array of rank ${rank}`, remedy);
  }
  return normal;
}

/** Indices of a result as those of an operand that broadcasts to it. */
export function broadcastIndex(at: readonly IndexForm[], shape: Shape): IndexForm[] {
  const added = at.length - shape.length;
  return shape.map((n, axis) => (n === 1 ? indexOf(0) : at[axis + added]!));
}

/** Indices of an array of one shape as those of the same elements in another; groups of axes that hold equally many go by themselves. */
function reshapedIndex(at: readonly IndexForm[], from: Shape, to: Shape): IndexForm[] {
  const out: IndexForm[] = to.map(() => indexOf(0));
  let [i, j] = [0, 0];
  while (i < from.length && j < to.length) {
    const [startFrom, startTo] = [i, j];
    let [a, b] = [from[i++]!, to[j++]!];
    while (a !== b) {
      if (a < b) {
        if (i >= from.length) break;
        a *= from[i++]!;
      } else {
        if (j >= to.length) break;
        b *= to[j++]!;
      }
    }
    const own = from.slice(startFrom, i);
    const strides = stridesOf(own);
    const flat = own.reduce(
      (sum, _, axis) => addIndex(sum, scaleIndex(at[startFrom + axis]!, strides[axis]!)),
      indexOf(0),
    );
    unravelIndex(flat, to.slice(startTo, j)).forEach((form, axis) => {
      out[startTo + axis] = form;
    });
  }
  return out;
}

/** Calls `visit(flat index, coordinates)` for each element of a shape. The coordinates are reused. */
export function forEachIndex(shape: Shape, visit: (index: number, at: readonly number[]) => void): void {
  const at = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let index = 0; index < size; index++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
}

export const reshapePrimitive: Primitive<{ shape: readonly number[] }> = {
  name: "reshape",
  infer: ([x], { shape }) => {
    if (shape.some((n) => !Number.isInteger(n) || n < 0)) {
      throw new GraphError("IL102", "reshape", `shape ${formatShape(shape)}`, "Sizes are whole and not negative");
    }
    if (sizeOf(shape) !== sizeOf(x!.shape)) {
      const problem = `${formatShape(x!.shape)} holds ${sizeOf(x!.shape)} elements, ${formatShape(shape)} ${sizeOf(shape)}`;
      throw new GraphError("IL104", "reshape", problem, "Use one -1 for a size that is to be worked out");
    }
    return { dtype: x!.dtype, shape };
  },
  vjp: (g, [x]) => [() => reshape(g, x!.shape)],
  batch: ([x], { shape }, size) => reshape(x!.tensor, [size, ...shape]),
  onnx: (e, [x], { shape }) => e.reshape(x!, shape),
  native: { kind: "view", access: (at, [x], { shape }) => ({ at: reshapedIndex(at, shape, x!.shape) }) },
  evaluate: ([x]) => x!.data,
};

/** The same elements in row-major order with another shape; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const unknown = shape.indexOf(-1);
  let full = [...shape];
  if (unknown >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== unknown));
    full = shape.map((n, axis) => (axis === unknown ? (rest === 0 ? 0 : x.size / rest) : n));
  }
  return sameShape(x.shape, full) ? x : Tensor.apply(reshapePrimitive, [x], { shape: full });
}

export const transposePrimitive: Primitive<{ permutation: readonly number[] }> = {
  name: "transpose",
  infer: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    if (sorted.length !== x!.shape.length || sorted.some((axis, i) => axis !== i)) {
      const problem = `permutation ${formatShape(permutation)} of ${formatShape(x!.shape)}`;
      throw new GraphError("IL102", "transpose", problem, "Name each axis once");
    }
    return { dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) };
  },
  vjp: (g, _inputs, _output, { permutation }) => [() => transpose(g, invert(permutation))],
  batch: ([x], { permutation }) => transpose(x!.tensor, [0, ...permutation.map((axis) => axis + 1)]),
  onnx: (e, [x], { permutation }) => e.transpose(x!, permutation),
  native: {
    kind: "view",
    access: (at, _inputs, { permutation }) => ({ at: invert(permutation).map((axis) => at[axis]!) }),
  },
  evaluate: ([x], { permutation }, output) => {
    const out = new Float64Array(x!.data.length);
    const strides = stridesOf(x!.shape);
    forEachIndex(output.shape, (index, at) => {
      let offset = 0;
      for (let i = 0; i < permutation.length; i++) offset += at[i]! * strides[permutation[i]!]!;
      out[index] = x!.data[offset]!;
    });
    return out;
  },
};

function invert(permutation: readonly number[]): number[] {
  const inverse = new Array<number>(permutation.length);
  for (let i = 0; i < permutation.length; i++) inverse[permutation[i]!] = i;
  return inverse;
}

/** Axes in another order: axis i of the result is axis `permutation[i]` of x. By default the axes are reversed. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = (permutation ?? x.shape.map((_, axis) => x.rank - 1 - axis)).map((axis) =>
    normalizeAxis("transpose", axis, x.rank),
  );
  if (order.length === x.rank && order.every((axis, i) => axis === i)) return x;
  return Tensor.apply(transposePrimitive, [x], { permutation: order });
}

/** x with one axis moved to another place. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  const source = normalizeAxis("moveAxis", from, x.rank);
  const order = x.shape.map((_, axis) => axis).filter((axis) => axis !== source);
  order.splice(normalizeAxis("moveAxis", to, x.rank), 0, source);
  return transpose(x, order);
}

export const broadcastToPrimitive: Primitive<{ shape: readonly number[] }> = {
  name: "broadcastTo",
  infer: ([x], { shape }) => {
    const common = broadcastShapes([x!.shape, shape]);
    if (!common || !sameShape(common, shape)) {
      const problem = `${formatShape(x!.shape)} does not broadcast to ${formatShape(shape)}`;
      throw new GraphError(
        "IL101",
        "broadcastTo",
        problem,
        "Only axes of size 1 are repeated, and axes added in front",
      );
    }
    return { dtype: x!.dtype, shape };
  },
  vjp: (g) => [() => g],
  batch: ([x], { shape }, size) => broadcastTo(alignMapped(x!.tensor, shape.length), [size, ...shape]),
  onnx: (e, [x], { shape }) => {
    if (x!.shape.length === shape.length && x!.shape.every((n, axis) => n === shape[axis])) return x!;
    return e.op("Expand", [x!, e.integers(shape)], { dtype: x!.dtype, shape });
  },
  native: { kind: "view", access: (at, [x]) => ({ at: broadcastIndex(at, x!.shape) }) },
  evaluate: ([x], { shape }) => {
    const out = new Float64Array(sizeOf(shape));
    const offset = broadcastOffsets(x!.shape, shape);
    for (let i = 0; i < out.length; i++) out[i] = x!.data[offset(i)]!;
    return out;
  },
};

/** x repeated along axes of size 1 and along new leading axes. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : Tensor.apply(broadcastToPrimitive, [x], { shape: [...shape] });
}

/** A mapped tensor with axes of size 1 put behind the mapped one, until it has `rank` axes per task. */
export function alignMapped(x: Tensor, rank: number): Tensor {
  const [size, ...own] = x.shape;
  return reshape(x, [size!, ...new Array<number>(rank - own.length).fill(1), ...own]);
}

export const slicePrimitive: Primitive<{
  start: readonly number[];
  stop: readonly number[];
  step: readonly number[];
}> = {
  name: "slice",
  infer: ([x], { start, stop, step }) => {
    const { shape } = x!;
    if (start.length !== shape.length || stop.length !== shape.length || step.length !== shape.length) {
      throw new GraphError(
        "IL201",
        "slice",
        `${start.length} ranges for ${formatShape(shape)}`,
        "Give one range per axis",
      );
    }
    const out = shape.map((n, axis) => {
      const [from, to, by] = [start[axis]!, stop[axis]!, step[axis]!];
      if (![from, to, by].every(Number.isInteger) || from < 0 || to > n || from > to || by < 1) {
        const problem = `range ${from} to ${to} by ${by} on axis ${axis} of ${formatShape(shape)}`;
        throw new GraphError(
          "IL102",
          "slice",
          problem,
          "Use 0 <= start <= stop <= size and a step of 1 or more; flip reverses",
        );
      }
      return Math.ceil((to - from) / by);
    });
    return { dtype: x!.dtype, shape: out };
  },
  vjp: (g, [x], output, { start, step }) => [
    () => {
      const covered = output.shape.map((n, axis) => (n === 0 ? 0 : (n - 1) * step[axis]! + 1));
      const high = x!.shape.map((n, axis) => n - start[axis]! - covered[axis]!);
      return pad(g, { low: start, high, interior: step.map((by) => by - 1) });
    },
  ],
  batch: ([x], { start, stop, step }, size) =>
    slice(x!.tensor, { start: [0, ...start], stop: [size, ...stop], step: [1, ...step] }),
  onnx: (e, [x], { start, stop, step }, output) => {
    const axes = start
      .map((_, axis) => axis)
      .filter((axis) => start[axis] !== 0 || stop[axis] !== x!.shape[axis] || step[axis] !== 1);
    if (axes.length === 0) return x!;
    const list = (values: readonly number[]) => e.integers(axes.map((axis) => values[axis]!));
    return e.op("Slice", [x!, list(start), list(stop), e.integers(axes), list(step)], output);
  },
  native: {
    kind: "view",
    access: (at, _inputs, { start, step }) => ({
      at: at.map((form, axis) => addIndex(scaleIndex(form, step[axis]!), indexOf(start[axis]!))),
    }),
  },
  evaluate: ([x], { start, step }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    const strides = stridesOf(x!.shape);
    forEachIndex(output.shape, (index, at) => {
      let offset = 0;
      for (let axis = 0; axis < at.length; axis++) offset += (start[axis]! + at[axis]! * step[axis]!) * strides[axis]!;
      out[index] = x!.data[offset]!;
    });
    return out;
  },
};

/** Elements `start, start + step, ...` below `stop` on each axis; omitted: the whole axis. */
export function slice(
  x: Tensor,
  range: { readonly start?: readonly number[]; readonly stop?: readonly number[]; readonly step?: readonly number[] },
): Tensor {
  const start = range.start ?? x.shape.map(() => 0);
  const stop = range.stop ?? [...x.shape];
  const step = range.step ?? x.shape.map(() => 1);
  if (sameShape(stop, x.shape) && start.every((n) => n === 0) && step.every((n) => n === 1)) return x;
  return Tensor.apply(slicePrimitive, [x], { start: [...start], stop: [...stop], step: [...step] });
}

/** Elements `start` to `stop` of one axis. */
export function sliceAxis(x: Tensor, axis: number, start: number, stop: number): Tensor {
  const at = normalizeAxis("sliceAxis", axis, x.rank);
  return slice(x, {
    start: x.shape.map((_, i) => (i === at ? start : 0)),
    stop: x.shape.map((n, i) => (i === at ? stop : n)),
  });
}

export const padPrimitive: Primitive<{
  low: readonly number[];
  high: readonly number[];
  interior: readonly number[];
  value: number;
}> = {
  name: "pad",
  infer: ([x], { low, high, interior }) => {
    const { shape } = x!;
    if (
      [low, high, interior].some(
        (list) => list.length !== shape.length || list.some((n) => !Number.isInteger(n) || n < 0),
      )
    ) {
      const problem = `padding ${formatShape(low)}, ${formatShape(high)}, ${formatShape(interior)} of ${formatShape(shape)}`;
      throw new GraphError(
        "IL102",
        "pad",
        problem,
        "Give one whole number, 0 or more, per axis; slice removes elements",
      );
    }
    return {
      dtype: x!.dtype,
      shape: shape.map((n, axis) => low[axis]! + high[axis]! + n + Math.max(0, n - 1) * interior[axis]!),
    };
  },
  vjp: (g, _inputs, output, { low, high, interior }) => [
    () =>
      slice(g, {
        start: low,
        stop: output.shape.map((n, axis) => n - high[axis]!),
        step: interior.map((n) => n + 1),
      }),
  ],
  batch: ([x], { low, high, interior, value }) =>
    pad(x!.tensor, { low: [0, ...low], high: [0, ...high], interior: [0, ...interior], value }),
  onnx: (e, [x], { low, high, interior, value }, output) => {
    let spread = x!;
    // ONNX has no interior padding: each element becomes a row [element, padding ...], and the last row is cut.
    for (let axis = 0; axis < interior.length; axis++) {
      const gap = interior[axis]!;
      const n = spread.shape[axis]!;
      if (gap === 0 || n < 2) continue;
      const own = spread.shape;
      const rows = e.reshape(spread, [...own.slice(0, axis + 1), 1, ...own.slice(axis + 1)]);
      const before = new Array<number>(rows.shape.length).fill(0);
      const after = before.map((_, i) => (i === axis + 1 ? gap : 0));
      const wide = padNode(e, rows, before, after, value);
      const flat = e.reshape(
        wide,
        own.map((size, i) => (i === axis ? n * (gap + 1) : size)),
      );
      const cut = own.map((size, i) => (i === axis ? n * (gap + 1) - gap : size));
      const range = [e.integers([0]), e.integers([cut[axis]!]), e.integers([axis]), e.integers([1])];
      spread = e.op("Slice", [flat, ...range], { dtype: x!.dtype, shape: cut });
    }
    if (low.every((n) => n === 0) && high.every((n) => n === 0)) return e.reshape(spread, output.shape);
    return padNode(e, spread, low, high, value);
  },
  native: {
    kind: "placed",
    fill: ({ value }) => value,
    adds: false,
    place: (_operand, at, _inputs, { low, interior }) => ({
      at: at.map((form, axis) => addIndex(scaleIndex(form, interior[axis]! + 1), indexOf(low[axis]!))),
    }),
    access: (at, [x], { low, interior, value }) => {
      const guards: IndexGuard[] = [];
      const inside = at.map((form, axis) => {
        const size = x!.shape[axis]!;
        const gap = interior[axis]! + 1;
        const from = addIndex(form, indexOf(-low[axis]!));
        guards.push({ form: from, low: 0, high: (size - 1) * gap + 1 });
        if (gap === 1) return from;
        // Shifted by a multiple of the gap, so that what is divided is not negative.
        const turns = Math.ceil(low[axis]! / gap);
        const { quotient, remainder } = divideIndex(addIndex(from, indexOf(turns * gap)), gap);
        guards.push({ form: remainder, low: 0, high: 1 });
        return addIndex(quotient, indexOf(-turns));
      });
      return { at: inside, guards, fill: value };
    },
  },
  evaluate: ([x], { low, interior, value }, output) => {
    const out = new Float64Array(sizeOf(output.shape)).fill(value);
    const strides = stridesOf(output.shape);
    forEachIndex(x!.shape, (index, at) => {
      let offset = 0;
      for (let axis = 0; axis < at.length; axis++)
        offset += (low[axis]! + at[axis]! * (interior[axis]! + 1)) * strides[axis]!;
      out[offset] = x!.data[index]!;
    });
    return out;
  },
};

function padNode(e: Emitter, x: Value, low: readonly number[], high: readonly number[], value: number): Value {
  const shape = x.shape.map((n, axis) => n + low[axis]! + high[axis]!);
  return e.op("Pad", [x, e.integers([...low, ...high]), e.scalar(value, x.dtype)], { dtype: x.dtype, shape });
}

/**
 * x between `low` and `high` more elements on each axis, and with `interior` more between neighbours.
 * New elements are `value`, 0 by default.
 */
export function pad(
  x: Tensor,
  options: {
    readonly low?: readonly number[];
    readonly high?: readonly number[];
    readonly interior?: readonly number[];
    readonly value?: number;
  },
): Tensor {
  const none = x.shape.map(() => 0);
  const { low = none, high = none, interior = none, value = 0 } = options;
  if ([...low, ...high, ...interior].every((n) => n === 0)) return x;
  return Tensor.apply(padPrimitive, [x], { low: [...low], high: [...high], interior: [...interior], value });
}

export const concatPrimitive: Primitive<{ axis: number }> = {
  name: "concat",
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const x of inputs) {
      if (x.dtype !== first.dtype) {
        throw new GraphError("IL103", "concat", `${first.dtype} beside ${x.dtype}`, "Cast one of them");
      }
      if (x.shape.length !== first.shape.length || x.shape.some((n, i) => i !== axis && n !== first.shape[i])) {
        const problem = `${formatShape(first.shape)} and ${formatShape(x.shape)} on axis ${axis}`;
        throw new GraphError("IL202", "concat", problem, "All axes but the joined one must agree");
      }
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return { dtype: first.dtype, shape: first.shape.map((n, i) => (i === axis ? total : n)) };
  },
  vjp: (g, inputs, _output, { axis }) => {
    let start = 0;
    return inputs.map((x) => {
      const from = start;
      start += x.shape[axis]!;
      return () => sliceAxis(g, axis, from, from + x.shape[axis]!);
    });
  },
  batch: (inputs, { axis }, size) => concat(mapAll(inputs, size), axis + 1),
  onnx: (e, inputs, { axis }, output) => (inputs.length === 1 ? inputs[0]! : e.op("Concat", inputs, output, { axis })),
  native: {
    kind: "placed",
    adds: false,
    place: (operand, at, inputs, { axis }) => {
      const before = inputs.slice(0, operand).reduce((sum, x) => sum + x.shape[axis]!, 0);
      return { at: at.map((form, i) => (i === axis ? addIndex(form, indexOf(before)) : form)) };
    },
  },
  evaluate: (inputs, { axis }, output) => {
    const out = new Float64Array(sizeOf(output.shape));
    const inner = sizeOf(output.shape.slice(axis + 1));
    const outer = sizeOf(output.shape.slice(0, axis));
    let start = 0;
    for (const x of inputs) {
      const run = x.shape[axis]! * inner;
      for (let o = 0; o < outer; o++) {
        out.set(x.data.subarray(o * run, (o + 1) * run), o * output.shape[axis]! * inner + start);
      }
      start += run;
    }
    return out;
  },
};

/** Arrays joined along an axis. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const [first] = parts;
  if (!first) throw new GraphError("IL102", "concat", "no arrays", "Join at least one");
  const at = normalizeAxis("concat", axis, first.rank);
  return parts.length === 1 ? first : Tensor.apply(concatPrimitive, parts, { axis: at });
}

/** Arrays of one shape joined along a new axis. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  const rank = (parts[0]?.rank ?? 0) + 1;
  const at = normalizeAxis("stack", axis, rank);
  return concat(
    parts.map((x) => reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])),
    at,
  );
}

export const flipPrimitive: Primitive<{ axes: readonly number[] }> = {
  name: "flip",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  vjp: (g, _inputs, _output, { axes }) => [() => flip(g, axes)],
  batch: ([x], { axes }) =>
    flip(
      x!.tensor,
      axes.map((axis) => axis + 1),
    ),
  onnx: (e, [x], { axes }, output) => {
    const list = (value: number) => e.integers(axes.map(() => value));
    const beforeStart = -(2 ** 31);
    return e.op("Slice", [x!, list(-1), list(beforeStart), e.integers(axes), list(-1)], output);
  },
  native: {
    kind: "view",
    access: (at, [x], { axes }) => ({
      at: at.map((form, axis) =>
        axes.includes(axis) ? addIndex(scaleIndex(form, -1), indexOf(x!.shape[axis]! - 1)) : form,
      ),
    }),
  },
  evaluate: ([x], { axes }, output) => {
    const out = new Float64Array(x!.data.length);
    const strides = stridesOf(output.shape);
    forEachIndex(output.shape, (index, at) => {
      let offset = 0;
      for (let i = 0; i < at.length; i++)
        offset += (axes.includes(i) ? output.shape[i]! - 1 - at[i]! : at[i]!) * strides[i]!;
      out[index] = x!.data[offset]!;
    });
    return out;
  },
};

/** x with the order of elements reversed along some axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map((axis) => normalizeAxis("flip", axis, x.rank)).sort((a, b) => a - b);
  return normal.length === 0 ? x : Tensor.apply(flipPrimitive, [x], { axes: normal });
}

/** x with an axis of size 1 put in. */
export function expandAxis(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis("expandAxis", axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** An array of one value. It costs nothing: it is a scalar, repeated. */
export function full(shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  return broadcastTo(scalar(value, dtype), shape);
}

/** An array of zeros. */
export const zeros = (shape: Shape, dtype: DType = "float32"): Tensor => full(shape, 0, dtype);
/** An array of ones. */
export const ones = (shape: Shape, dtype: DType = "float32"): Tensor => full(shape, 1, dtype);
/** Zeros of the shape and type of x. */
export const zerosLike = (x: Tensor): Tensor => zeros(x.shape, x.dtype);
/** Ones of the shape and type of x. */
export const onesLike = (x: Tensor): Tensor => ones(x.shape, x.dtype);

/** The constant 0, 1, ..., size - 1. */
export function range(size: number, dtype: DType = "int32"): Tensor {
  return tensor(
    Array.from({ length: size }, (_, i) => i),
    [size],
    dtype,
  );
}
