import { formatShape, GraphError } from "../../errors.js";
import { broadcastOffsets, broadcastShapes, repetition } from "../broadcasting.js";
import type { Emitter, Value } from "../emitter.js";
import {
  type BatchedInput,
  locallyConstant,
  type NoGradient,
  type Primitive,
  scalar,
  scalarValue,
  Tensor,
  type TensorLike,
} from "../tensor.js";
import { type DType, isFloat, sameShape, sizeOf, type TensorType } from "../tensor-type.js";
import { alignMapped, asTensor, zerosLike } from "./shape.js";

type NoAttributes = Readonly<Record<string, never>>;

interface ElementwiseRules {
  readonly name: string;
  /** ONNX operator, or how to write it. */
  readonly onnx: string | ((e: Emitter, inputs: readonly Value[], output: TensorType) => Value);
  /** In C: `$0` is the first operand, `@` the type of the last. */
  readonly native: string;
  /** Of one element, in additions; 1 unless given. */
  readonly cost?: number;
  readonly evaluate: (a: number, b: number, c: number) => number;
  readonly accepts: "float" | "number" | "bool" | "any";
  /** The output's type where it is not that of the inputs. */
  readonly output?: "bool";
  /** The first input is a condition and does not share the others' type. */
  readonly condition?: boolean;
  /** Cotangents of the inputs, of the output's shape: the caller sums them to the inputs' shapes. */
  readonly vjp:
    | NoGradient
    | ((g: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly ((() => Tensor) | null)[]);
}

const acceptable: Readonly<Record<ElementwiseRules["accepts"], (dtype: DType) => boolean>> = {
  float: isFloat,
  number: (dtype) => dtype !== "bool",
  bool: (dtype) => dtype === "bool",
  any: () => true,
};

/** All records that `elementwise` made: what holds of each of them holds by broadcasting alone. */
export const elementwisePrimitives: Set<Primitive> = new Set();

/** A record for an operation on corresponding elements, inputs broadcasting as in NumPy. */
function elementwise(rules: ElementwiseRules): Primitive<NoAttributes> {
  const { name } = rules;
  const record: Primitive<NoAttributes> = {
    name,
    infer: (inputs) => {
      const values = rules.condition ? inputs.slice(1) : inputs;
      const { dtype } = values[0]!;
      if (rules.condition && inputs[0]!.dtype !== "bool") {
        throw new GraphError(
          "IL103",
          name,
          `a condition of type ${inputs[0]!.dtype}`,
          "Compare first, e.g. greater(x, 0)",
        );
      }
      if (values.some((x) => x.dtype !== dtype)) {
        throw new GraphError(
          "IL103",
          name,
          values.map((x) => x.dtype).join(" with "),
          "Convert one with cast(x, dtype)",
        );
      }
      if (!acceptable[rules.accepts](dtype)) {
        throw new GraphError("IL103", name, `does not take ${dtype}`, "Convert with cast(x, dtype)");
      }
      const shape = broadcastShapes(inputs.map((x) => x.shape));
      if (!shape) {
        const problem = `shapes do not broadcast: ${inputs.map((x) => formatShape(x.shape)).join(" with ")}`;
        throw new GraphError("IL101", name, problem, "Sizes must agree from the last axis on, or be 1");
      }
      return { dtype: rules.output ?? dtype, shape };
    },
    vjp: rules.vjp,
    batch: (inputs) => Tensor.apply(record, alignBatched(inputs), {}),
    native: { kind: "map", expression: rules.native, cost: rules.cost ?? 1 },
    onnx: (e, inputs, _attributes, output) => {
      const written = rules.onnx;
      const make = (all: readonly Value[], result: TensorType): Value => {
        const operands = withoutLeadingOnes(e, all, result);
        return typeof written === "string" ? inLongRuns(e, written, operands, result) : written(e, operands, result);
      };
      return e.partwise(inputs, output, make) ?? make(inputs, output);
    },
    evaluate: (inputs, _attributes, output) => {
      const out = new Float64Array(sizeOf(output.shape));
      const offsets = inputs.map((x) => broadcastOffsets(x.shape, output.shape));
      for (let i = 0; i < out.length; i++) {
        out[i] = rules.evaluate(...(inputs.map((x, k) => x.data[offsets[k]!(i)]!) as [number, number, number]));
      }
      return out;
    },
  };
  elementwisePrimitives.add(record as unknown as Primitive);
  return record;
}

/** Operands as they were before they were given leading axes of size 1, which broadcasting adds by itself. */
function withoutLeadingOnes(e: Emitter, operands: readonly Value[], output: TensorType): readonly Value[] {
  if (!operands.some((x) => sizeOf(x.shape) === sizeOf(output.shape) && x.shape.length === output.shape.length))
    return operands;
  return operands.map((x) => {
    const node = e.producer(x);
    const source = node?.operator === "Reshape" && sizeOf(x.shape) < sizeOf(output.shape) ? node.inputs[0]! : x;
    const added = x.shape.length - source.shape.length;
    return added > 0 && sameShape(x.shape.slice(added), source.shape) ? source : x;
  });
}

/** Results of fewer elements than this are not worth another node. */
const manyElements = 16384;
/** Elements that an operation goes through at once to be fast. */
const longRun = 1024;

/**
 * An operation whose one operand repeats along inner axes, as statistics of channels do: its few values are written out
 * several times, so that the kernel's inner loop is long. 2 MB with 64 channels: 0.09 ms instead of 0.15.
 */
function inLongRuns(e: Emitter, operator: string, inputs: readonly Value[], output: TensorType): Value {
  const at = inputs.findIndex((x) => sizeOf(x.shape) < sizeOf(output.shape));
  const [narrow, full] = [inputs[at], inputs[1 - at]];
  if (inputs.length !== 2 || !narrow || !full || sizeOf(full.shape) !== sizeOf(output.shape))
    return e.op(operator, inputs, output);
  const repeated = repetition(narrow.shape, output.shape);
  const copies = repeated && repeated.inner > 1 ? largestDivisor(repeated.times, longRun / repeated.inner) : 1;
  // The values written out are to be few beside the result.
  const worthIt = repeated && copies > 1 && repeated.times >= 8 * copies && sizeOf(output.shape) >= manyElements;
  if (!worthIt || !Number.isFinite(e.profile.cacheBytes)) return e.op(operator, inputs, output);
  const { outer, times, inner } = repeated;
  const shape = [outer, copies, inner];
  const written = e.op("Expand", [e.reshape(narrow, [outer, 1, inner]), e.integers(shape)], {
    dtype: narrow.dtype,
    shape,
  });
  const run = e.reshape(written, [outer, 1, copies * inner]);
  const rows = e.reshape(full, [outer, times / copies, copies * inner]);
  const operands = at === 0 ? [run, rows] : [rows, run];
  return e.reshape(e.op(operator, operands, { dtype: output.dtype, shape: rows.shape }), output.shape);
}

function largestDivisor(n: number, limit: number): number {
  for (let d = Math.min(n, Math.floor(limit)); d > 1; d--) if (n % d === 0) return d;
  return 1;
}

function alignBatched(inputs: readonly BatchedInput[]): Tensor[] {
  const rank = Math.max(...inputs.map(({ tensor: x, mapped }) => (mapped ? x.rank - 1 : x.rank)));
  return inputs.map(({ tensor: x, mapped }) => (mapped ? alignMapped(x, rank) : x));
}

const constantBetweenJumps = locallyConstant("it is constant between jumps");
const answersTrueOrFalse = locallyConstant("its result is true or false");

export const negPrimitive = elementwise({
  name: "neg",
  native: "-$0",
  onnx: "Neg",
  evaluate: (x) => -x,
  accepts: "number",
  vjp: (g) => [() => neg(g)],
});

export const expPrimitive = elementwise({
  name: "exp",
  native: "exp_@($0)",
  cost: 12,
  onnx: "Exp",
  evaluate: Math.exp,
  accepts: "float",
  vjp: (g, _inputs, y) => [() => mul(g, y)],
});

export const logPrimitive = elementwise({
  name: "log",
  native: "log_@($0)",
  cost: 14,
  onnx: "Log",
  evaluate: Math.log,
  accepts: "float",
  vjp: (g, [x]) => [() => div(g, x!)],
});

export const sqrtPrimitive = elementwise({
  name: "sqrt",
  native: "sqrt_@($0)",
  cost: 8,
  onnx: "Sqrt",
  evaluate: Math.sqrt,
  accepts: "float",
  vjp: (g, _inputs, y) => [() => div(mul(g, 0.5), y)],
});

export const tanhPrimitive = elementwise({
  name: "tanh",
  native: "tanh_@($0)",
  cost: 16,
  onnx: "Tanh",
  evaluate: Math.tanh,
  accepts: "float",
  vjp: (g, _inputs, y) => [() => mul(g, sub(1, mul(y, y)))],
});

export const sigmoidPrimitive = elementwise({
  name: "sigmoid",
  native: "sigmoid_@($0)",
  cost: 14,
  onnx: "Sigmoid",
  evaluate: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  accepts: "float",
  vjp: (g, _inputs, y) => [() => mul(g, mul(y, sub(1, y)))],
});

export const erfPrimitive = elementwise({
  name: "erf",
  native: "erf_@($0)",
  cost: 20,
  onnx: "Erf",
  evaluate: errorFunction,
  accepts: "float",
  vjp: (g, [x]) => [() => mul(g, mul(exp(neg(mul(x!, x!))), 2 / Math.sqrt(Math.PI)))],
});

/** erf(x) to double precision: its Maclaurin series for small x, a continued fraction of erfc for large. */
function errorFunction(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 100 && Math.abs(term) > 1e-18 * sum; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  // erfc(a) = exp(-a^2) / sqrt(pi) * 1 / (a + (1/2) / (a + (2/2) / (a + (3/2) / (a + ...))))
  let tail = a;
  for (let n = 120; n >= 1; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * tail));
}

export const sinPrimitive = elementwise({
  name: "sin",
  native: "sin_@($0)",
  cost: 20,
  onnx: "Sin",
  evaluate: Math.sin,
  accepts: "float",
  vjp: (g, [x]) => [() => mul(g, cos(x!))],
});

export const cosPrimitive = elementwise({
  name: "cos",
  native: "cos_@($0)",
  cost: 20,
  onnx: "Cos",
  evaluate: Math.cos,
  accepts: "float",
  vjp: (g, [x]) => [() => neg(mul(g, sin(x!)))],
});

export const absPrimitive = elementwise({
  name: "abs",
  native: "abs_@($0)",
  onnx: "Abs",
  evaluate: Math.abs,
  accepts: "number",
  vjp: (g, [x]) => [() => mul(g, sign(x!))],
});

export const signPrimitive = elementwise({
  name: "sign",
  native: "sign_@($0)",
  onnx: "Sign",
  evaluate: Math.sign,
  accepts: "number",
  vjp: constantBetweenJumps,
});

export const floorPrimitive = elementwise({
  name: "floor",
  native: "floor_@($0)",
  cost: 2,
  onnx: "Floor",
  evaluate: Math.floor,
  accepts: "float",
  vjp: constantBetweenJumps,
});

export const reluPrimitive = elementwise({
  name: "relu",
  native: "relu_@($0)",
  onnx: "Relu",
  evaluate: (x) => (Number.isNaN(x) ? x : Math.max(x, 0)),
  accepts: "float",
  vjp: (g, [x]) => [() => mul(g, step(x!))],
});

export const stepPrimitive = elementwise({
  name: "step",
  native: "step_@($0)",
  onnx: (e, [x], output) => {
    if (e.profile.hardSigmoidStep && x!.dtype === "float32") {
      // max(0, min(1, alpha x)): alpha brings every normal positive number above 1. Half the time of Greater and Cast.
      return e.op("HardSigmoid", [x!], output, { alpha: { float: 3.4e38 }, beta: { float: 0 } });
    }
    const above = e.op("Greater", [x!, e.scalar(0, x!.dtype)], { dtype: "bool", shape: x!.shape });
    return e.cast(above, x!.dtype);
  },
  evaluate: (x) => (x > 0 ? 1 : 0),
  accepts: "float",
  vjp: constantBetweenJumps,
});

export const logicalNotPrimitive = elementwise({
  name: "logicalNot",
  native: "~$0",
  onnx: "Not",
  evaluate: (x) => 1 - x,
  accepts: "bool",
  vjp: answersTrueOrFalse,
});

export const stopGradientPrimitive = elementwise({
  name: "stopGradient",
  native: "$0",
  cost: 0,
  onnx: (_e, [x]) => x!,
  evaluate: (x) => x,
  accepts: "any",
  vjp: locallyConstant("it stops gradients on purpose"),
});

export const addPrimitive = elementwise({
  name: "add",
  native: "$0 + $1",
  onnx: "Add",
  evaluate: (a, b) => a + b,
  accepts: "number",
  vjp: (g) => [() => g, () => g],
});

export const subPrimitive = elementwise({
  name: "sub",
  native: "$0 - $1",
  onnx: "Sub",
  evaluate: (a, b) => a - b,
  accepts: "number",
  vjp: (g) => [() => g, () => neg(g)],
});

export const mulPrimitive = elementwise({
  name: "mul",
  native: "$0 * $1",
  onnx: "Mul",
  evaluate: (a, b) => a * b,
  accepts: "number",
  vjp: (g, [a, b]) => [() => mul(g, b!), () => mul(g, a!)],
});

export const divPrimitive = elementwise({
  name: "div",
  native: "$0 / $1",
  cost: 6,
  onnx: "Div",
  evaluate: (a, b) => a / b,
  accepts: "float",
  vjp: (g, [, b], y) => [() => div(g, b!), () => neg(mul(g, div(y, b!)))],
});

export const modPrimitive = elementwise({
  name: "mod",
  native: "mod_@($0, $1)",
  cost: 10,
  onnx: (e, [a, b], output) => {
    if (!isFloat(a!.dtype)) return e.op("Mod", [a!, b!], output);
    const quotient = e.op("Floor", [e.op("Div", [a!, b!], output)], output);
    return e.op("Sub", [a!, e.op("Mul", [quotient, b!], output)], output);
  },
  evaluate: (a, b) => a - Math.floor(a / b) * b,
  accepts: "number",
  vjp: (g, [a, b]) => [() => g, () => neg(mul(g, floor(div(a!, b!))))],
});

export const powPrimitive = elementwise({
  name: "pow",
  native: "pow_@($0, $1)",
  cost: 30,
  onnx: "Pow",
  evaluate: (a, b) => a ** b,
  accepts: "float",
  vjp: (g, [a, b], y) => [
    () => {
      const exponent = scalarValue(b!);
      // A power that has come down to a^0 ends there: 0 times a^-1 would be no number where a is 0.
      if (exponent === 0) return zerosLike(g);
      return mul(g, mul(b!, pow(a!, exponent === undefined ? sub(b!, 1) : scalar(exponent - 1, b!.dtype))));
    },
    // a^b is 0 for all b > 0 where a is 0: its derivative by b is 0 there, not 0 * log(0).
    () => mul(g, mul(y, log(where(greater(a!, 0), a!, 1)))),
  ],
});

export const maxPrimitive = elementwise({
  name: "max",
  native: "max_@($0, $1)",
  onnx: "Max",
  evaluate: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)),
  accepts: "number",
  // A tie belongs to the first argument.
  vjp: (g, [a, b]) => [() => maskedBy(g, greaterEqual(a!, b!)), () => maskedBy(g, less(a!, b!))],
});

export const minPrimitive = elementwise({
  name: "min",
  native: "min_@($0, $1)",
  onnx: "Min",
  evaluate: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)),
  accepts: "number",
  vjp: (g, [a, b]) => [() => maskedBy(g, lessEqual(a!, b!)), () => maskedBy(g, greater(a!, b!))],
});

const maskedBy = (g: Tensor, condition: Tensor): Tensor => mul(g, cast(condition, g.dtype));

const comparison = (name: string, onnx: string, evaluate: (a: number, b: number) => boolean): Primitive<NoAttributes> =>
  elementwise({
    name,
    onnx,
    native: `${name}_@($0, $1)`,
    evaluate: (a, b) => (evaluate(a!, b!) ? 1 : 0),
    accepts: "number",
    output: "bool",
    vjp: answersTrueOrFalse,
  });

export const lessPrimitive = comparison("less", "Less", (a, b) => a < b);
export const lessEqualPrimitive = comparison("lessEqual", "LessOrEqual", (a, b) => a <= b);
export const greaterPrimitive = comparison("greater", "Greater", (a, b) => a > b);
export const greaterEqualPrimitive = comparison("greaterEqual", "GreaterOrEqual", (a, b) => a >= b);
export const equalPrimitive = elementwise({
  name: "equal",
  native: "equal_@($0, $1)",
  onnx: "Equal",
  evaluate: (a, b) => (a === b ? 1 : 0),
  accepts: "any",
  output: "bool",
  vjp: answersTrueOrFalse,
});

export const logicalAndPrimitive = elementwise({
  name: "logicalAnd",
  native: "$0 & $1",
  onnx: "And",
  evaluate: (a, b) => a! * b!,
  accepts: "bool",
  vjp: answersTrueOrFalse,
});

export const logicalOrPrimitive = elementwise({
  name: "logicalOr",
  native: "$0 | $1",
  onnx: "Or",
  evaluate: (a, b) => Math.max(a!, b!),
  accepts: "bool",
  vjp: answersTrueOrFalse,
});

export const wherePrimitive = elementwise({
  name: "where",
  native: "select_@($0, $1, $2)",
  onnx: (e, [condition, a, b], output) => {
    if (output.dtype !== "bool") return e.op("Where", [condition!, a!, b!], output);
    // onnxruntime's Where has no kernel for bool.
    const and = (x: Value, y: Value): Value =>
      e.op("And", [x, y], { dtype: "bool", shape: broadcastShapes([x.shape, y.shape])! });
    const otherwise = e.op("Not", [condition!], { dtype: "bool", shape: condition!.shape });
    return e.op("Or", [and(condition!, a!), and(otherwise, b!)], output);
  },
  evaluate: (condition, a, b) => (condition ? a! : b!),
  accepts: "any",
  condition: true,
  vjp: (g, [condition]) => [null, () => where(condition!, g, 0), () => where(condition!, 0, g)],
});

export const castPrimitive: Primitive<{ dtype: string }> = {
  name: "cast",
  infer: ([x], { dtype }) => ({ dtype: dtype as DType, shape: x!.shape }),
  vjp: (g, [x], output) => [isFloat(x!.dtype) && isFloat(output.dtype) ? () => cast(g, x!.dtype) : null],
  batch: ([x], { dtype }) => cast(x!.tensor, dtype as DType),
  onnx: (e, [x], _attributes, output) => {
    const make = ([part]: readonly Value[]): Value => e.cast(part!, output.dtype);
    return e.partwise([x!], output, make) ?? make([x!]);
  },
  native: { kind: "cast" },
  evaluate: ([x], { dtype }) => {
    if (isFloat(dtype as DType)) return x!.data;
    return x!.data.map(dtype === "bool" ? (value) => (value !== 0 ? 1 : 0) : Math.trunc);
  },
};

/** x converted to another type: integers are truncated towards zero, bool is "not zero". Gradients pass float to float. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : Tensor.apply(castPrimitive, [x], { dtype });
}

const unary =
  (primitive: Primitive<NoAttributes>) =>
  (x: TensorLike): Tensor =>
    Tensor.apply(primitive, [asTensor(x)], {});

const binary =
  (primitive: Primitive<NoAttributes>) =>
  (a: TensorLike, b: TensorLike): Tensor => {
    const dtype = typeof a === "number" ? (typeof b === "number" ? "float32" : b.dtype) : a.dtype;
    return Tensor.apply(primitive, [asTensor(a, dtype), asTensor(b, dtype)], {});
  };

/** -x */
export const neg = unary(negPrimitive);
/** e^x */
export const exp = unary(expPrimitive);
/** Natural logarithm. */
export const log = unary(logPrimitive);
/** Square root; the gradient at 0 is infinite. */
export const sqrt = unary(sqrtPrimitive);
/** Hyperbolic tangent. */
export const tanh = unary(tanhPrimitive);
/** 1 / (1 + e^-x) */
export const sigmoid = unary(sigmoidPrimitive);
/** 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. onnxruntime computes it in float32 only. */
export const erf = unary(erfPrimitive);
/** Sine of x in radians. */
export const sin = unary(sinPrimitive);
/** Cosine of x in radians. */
export const cos = unary(cosPrimitive);
/** |x|; the gradient at 0 is 0. */
export const abs = unary(absPrimitive);
/** -1, 0 or 1; its gradient is 0. */
export const sign = unary(signPrimitive);
/** The largest whole number not above x; its gradient is 0. */
export const floor = unary(floorPrimitive);
/** max(x, 0); the gradient at 0 is 0. */
export const relu = unary(reluPrimitive);
/** 1 where x > 0, else 0; its gradient is 0. */
export const step = unary(stepPrimitive);
/** x, through which no gradient passes. */
export const stopGradient = unary(stopGradientPrimitive);
/** Not x, of bool. */
export const logicalNot = unary(logicalNotPrimitive);

// Shapes of two operands broadcast as in NumPy, or IL101 is thrown; their types must agree, or IL103 is.
/** a + b */
export const add = binary(addPrimitive);
/** a - b */
export const sub = binary(subPrimitive);
/** a b, element by element. */
export const mul = binary(mulPrimitive);
/** a / b, of floating-point numbers. */
export const div = binary(divPrimitive);
/** a - floor(a / b) b: the remainder with the sign of b. */
export const mod = binary(modPrimitive);
/** a^b. The gradient by b is a^b log a, and 0 where a <= 0. */
export const pow = binary(powPrimitive);
/** The larger of both; where they are equal the gradient goes to the first. */
export const max = binary(maxPrimitive);
/** The smaller of both; where they are equal the gradient goes to the first. */
export const min = binary(minPrimitive);
/** a < b, bool. */
export const less = binary(lessPrimitive);
/** a <= b, bool. */
export const lessEqual = binary(lessEqualPrimitive);
/** a > b, bool. */
export const greater = binary(greaterPrimitive);
/** a >= b, bool. */
export const greaterEqual = binary(greaterEqualPrimitive);
/** a = b, bool. */
export const equal = binary(equalPrimitive);
/** Not a = b, bool. */
export const notEqual = (a: TensorLike, b: TensorLike): Tensor => logicalNot(equal(a, b));
/** a and b, of bools. */
export const logicalAnd = binary(logicalAndPrimitive);
/** a or b or both, of bools. */
export const logicalOr = binary(logicalOrPrimitive);

/** a where the condition (bool) is true, else b; all three broadcast. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const dtype = typeof a === "number" ? (typeof b === "number" ? "float32" : b.dtype) : a.dtype;
  return Tensor.apply(wherePrimitive, [condition, asTensor(a, dtype), asTensor(b, dtype)], {});
}
