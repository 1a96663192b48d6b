import {
  type DType,
  encode,
  type OnnxAttribute,
  type OnnxNode,
  sizeOf,
  toTypedArray,
  type Value,
} from "@innerloop/graph";

/** A model written node by node, without the compiler, with feeds and the results they must give. */
export interface HandWrittenModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly feeds: readonly (readonly number[])[];
  readonly results: readonly (readonly number[])[];
}

const value = (name: string, dtype: DType, shape: readonly number[]): Value => ({
  name,
  dtype,
  shape,
  data: undefined,
});

const constant = (name: string, dtype: DType, shape: readonly number[], values: readonly number[]): Value => ({
  ...value(name, dtype, shape),
  data: toTypedArray(values, dtype),
});

const node = (
  operator: string,
  inputs: readonly Value[],
  output: Value,
  attributes: Record<string, OnnxAttribute> = {},
  domain = "",
): OnnxNode => ({ operator, domain, inputs, output, attributes });

function write(
  name: string,
  nodes: readonly OnnxNode[],
  initializers: readonly Value[],
  cases: Pick<HandWrittenModel, "inputs" | "outputs" | "feeds" | "results">,
): HandWrittenModel {
  return { name, bytes: encode({ nodes, initializers, inputs: cases.inputs, outputs: cases.outputs }), ...cases };
}

/** x + c and x itself (for truth values, x or c and x), with every kind of shape. */
function plusConstant(dtype: DType, shape: readonly number[]): HandWrittenModel {
  const [x, sum, same] = [
    value("input0", dtype, shape),
    value("output0", dtype, shape),
    value("output1", dtype, shape),
  ];
  const numbers = Array.from({ length: sizeOf(shape) }, (_, i) => (dtype === "bool" ? i % 2 : i - 2));
  const added = numbers.map((_, i) => (dtype === "bool" ? (i % 3 === 0 ? 1 : 0) : 3));
  const c = constant("c", dtype, shape, added);
  const results = numbers.map((n, i) => (dtype === "bool" ? Math.max(n, added[i]!) : n + 3));
  return write(
    `${dtype}[${shape}] plus a constant`,
    [node(dtype === "bool" ? "Or" : "Add", [x, c], sum), node("Identity", [x], same)],
    [c],
    { inputs: [x], outputs: [sum, same], feeds: [numbers], results: [results, numbers] },
  );
}

/** Every kind of attribute, and an optional input that is left out. */
function attributes(): HandWrittenModel {
  const x = value("input0", "float32", [2, 3]);
  const [leaky, clipped, scattered] = ["leaky", "clipped", "scattered"].map((name) => value(name, "float32", [2, 3]));
  const floats = value("floats", "float32", [2]);
  const turned = value("turned", "float32", [3, 2]);
  const y = value("output0", "float32", [3, 2]);
  const top = constant("top", "float32", [], [2]);
  const rows = constant("rows", "int64", [1, 3], [1, 1, 1]);
  const updates = constant("updates", "float32", [1, 3], [10, 20, 30]);
  const omitted = value("", "float32", []);
  return write(
    "all kinds of attributes",
    [
      node("LeakyRelu", [x], leaky!, { alpha: { float: 0.5 } }),
      node("Clip", [leaky!, omitted, top], clipped!),
      node("ScatterElements", [clipped!, rows, updates], scattered!, { axis: 0, reduction: "add" }),
      node("Transpose", [scattered!], turned, { perm: [1, 0] }),
      node("Constant", [], floats, { value_floats: { floats: [100, 1000] } }),
      node("Add", [turned, floats], y),
    ],
    [top, rows, updates],
    { inputs: [x], outputs: [y], feeds: [[-2, -1, 0, 1, 2, 3]], results: [[99, 1011, 99.5, 1022, 100, 1032]] },
  );
}

/** An input that no node reads, and an operator of onnxruntime's own. */
function fusedMatMul(): HandWrittenModel {
  const [a, unused] = [value("input0", "float32", [2, 2]), value("input1", "int32", [3])];
  const y = value("output0", "float32", [2, 2]);
  const fused = node("FusedMatMul", [a, a], y, { transA: 1, transB: 0, alpha: { float: -1 } }, "com.microsoft");
  return write("transposed product", [fused], [], {
    inputs: [a, unused],
    outputs: [y],
    feeds: [
      [1, 2, 3, 4],
      [0, 0, 0],
    ],
    results: [[-10, -14, -14, -20]],
  });
}

export const handWrittenModels: readonly HandWrittenModel[] = [
  ...(["float32", "float64", "int32", "int64", "bool"] as const).flatMap((dtype) =>
    [[2, 3], [], [0, 3], [1, 1]].map((shape) => plusConstant(dtype, shape)),
  ),
  attributes(),
  fusedMatMul(),
];

/** A matrix multiplied with itself over and over: takes long enough to be interrupted. */
export function longModel(size: number, products: number): Pick<HandWrittenModel, "bytes" | "inputs" | "outputs"> {
  const x = value("input0", "float32", [size, size]);
  const steps = Array.from({ length: products }, (_, i) => value(`output${products - 1 - i}`, "float32", [size, size]));
  const nodes = steps.map((step, i) => node("MatMul", [steps[i - 1] ?? x, x], step));
  const outputs = steps.slice(-1);
  return { bytes: encode({ nodes, initializers: [], inputs: [x], outputs }), inputs: [x], outputs };
}
