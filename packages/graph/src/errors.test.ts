import { describe, expect, it } from "vitest";
import { CodedError, GraphError, type GraphErrorCode, graphErrorCodes } from "./errors.js";
import { averagePool2d, conv1d, conv2d, maxPool2d } from "./program/operations.js";
import { add, cast, exp, greater, logicalNot, mul, where } from "./program/primitives/elementwise.js";
import { gather, takeAlongAxis } from "./program/primitives/indexing.js";
import { matmul } from "./program/primitives/linear-algebra.js";
import { argMax, cumulativeSum, mean, reduceMax, sum } from "./program/primitives/reduce.js";
import { broadcastTo, concat, flip, pad, reshape, slice, transpose } from "./program/primitives/shape.js";
import { input, type Tensor, tensor } from "./program/tensor.js";
import type { Shape } from "./program/tensor-type.js";
import { leaves, type Tree } from "./program/tree.js";
import { valuesOf } from "./reference/interpreter.js";
import { compile } from "./runtime/compile.js";
import { portableModel } from "./runtime/portable-model.js";
import { grad, vjp } from "./transforms/differentiate.js";
import { trace } from "./transforms/trace.js";
import { vmap } from "./transforms/vmap.js";

const x = (shape: Shape): Tensor => input(shape);
const ints = (shape: Shape): Tensor => input(shape, "int32");

function errorOf(f: () => unknown): GraphError {
  try {
    f();
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const cases: readonly (readonly [GraphErrorCode, string, () => unknown])[] = [
  ["IL101", "add: shapes do not broadcast: [2, 3] with [2]", () => add(x([2, 3]), x([2]))],
  ["IL101", "matmul: leading axes do not broadcast: [2, 3, 4] x [3, 4, 5]", () => matmul(x([2, 3, 4]), x([3, 4, 5]))],
  ["IL101", "broadcastTo: [3] does not broadcast to [2]", () => broadcastTo(x([3]), [2])],
  ["IL102", "sum: axis 2 of an array of rank 2", () => sum(x([2, 3]), 2)],
  ["IL102", "sum: axis 0.5 of an array of rank 2", () => sum(x([2, 3]), 0.5)],
  ["IL102", "cumulativeSum: axis -1 of an array of rank 0", () => cumulativeSum(x([]))],
  ["IL102", "transpose: permutation [0, 0] of [2, 3]", () => transpose(x([2, 3]), [0, 0])],
  ["IL102", "slice: range 1 to 5 by 1 on axis 0 of [4]", () => slice(x([4]), { start: [1], stop: [5] })],
  ["IL102", "pad: padding [-1], [0], [0] of [4]", () => pad(x([4]), { low: [-1] })],
  ["IL102", "flip: axis 1 of an array of rank 1", () => flip(x([3]), [1])],
  ["IL102", "concat: no arrays", () => concat([])],
  ["IL102", "reduceMax: no elements", () => reduceMax(x([2, 0]), 1)],
  ["IL102", "argMax: no elements", () => argMax(x([0]))],
  ["IL102", "mean: no elements", () => mean(x([0]))],
  [
    "IL102",
    "gather: index 3 on an axis of size 3",
    () => valuesOf(gather(tensor([1, 2, 3]), tensor([3], [1], "int32"))),
  ],
  ["IL102", "reshape: shape [2.5, 2]", () => reshape(x([5]), [-1, 2])],
  [
    "IL405",
    "portableModel: Mul output0 (node 3, []) depends on the number of rows",
    () =>
      portableModel({
        inputs: [{ name: "x", dtype: "float32", shape: ["rows"] }],
        constants: {},
        compute: ({ x: rows }) => ({ y: mean(rows!) }),
      }),
  ],
  ["IL103", "add: float32 with float64", () => add(x([2]), input([2], "float64"))],
  ["IL103", "exp: does not take int32", () => exp(ints([2]))],
  ["IL103", "where: a condition of type float32", () => where(x([2]), 1, 0)],
  ["IL103", "logicalNot: does not take float32", () => logicalNot(x([2]))],
  ["IL103", "matmul: float32 x int32", () => matmul(x([1, 1]), ints([1, 1]))],
  ["IL103", "gather: indices of type float32", () => gather(x([2]), x([1]))],
  ["IL103", "concat: float32 beside int32", () => concat([x([1]), ints([1])])],
  ["IL103", "sum: does not take bool", () => sum(greater(x([2]), 0))],
  ["IL103", "number: 0.5 beside an array of int32", () => mul(ints([2]), 0.5)],
  ["IL103", "number: 0.25 beside an array of int32", () => mean(ints([4]))],
  ["IL104", "reshape: [2, 3] holds 6 elements, [4] 4", () => reshape(x([2, 3]), [4])],
  ["IL104", "tensor: 3 values for shape [2], which holds 2", () => tensor([1, 2, 3], [2])],
  ["IL104", "tensor: a row of 1 at depth 1", () => tensor([[1, 2], [3]])],
  ["IL104", "tensor: a number at depth 1", () => tensor([[1, 2], 3])],
  ["IL201", "matmul: needs matrices: [3] x [3, 2]", () => matmul(x([3]), x([3, 2]))],
  ["IL201", "maxPool2d: takes images [images, height, width, channels], not [4, 4]", () => maxPool2d(x([4, 4]), 2)],
  ["IL201", "conv1d: [3, 4] with filters [2, 4, 1]", () => conv1d(x([3, 4]), x([2, 4, 1]))],
  [
    "IL202",
    "conv2d: images have 3 channels, filters [2, 2, 2, 4] in 1 groups take 2",
    () => conv2d(x([1, 5, 5, 3]), x([2, 2, 2, 4])),
  ],
  ["IL202", "takeAlongAxis: indices [2, 1] for [3, 4] along axis 1", () => takeAlongAxis(x([3, 4]), ints([2, 1]))],
  ["IL202", "concat: [2, 3] and [2, 4] on axis 0", () => concat([x([2, 3]), x([2, 4])])],
  ["IL203", "matmul: inner sizes differ: [4, 3] x [2, 5] (3 and 2)", () => matmul(x([4, 3]), x([2, 5]))],
  [
    "IL204",
    "convolution: a window of [3, 3] does not fit [2, 2] pixels",
    () => conv2d(x([1, 2, 2, 1]), x([3, 3, 1, 1])),
  ],
  ["IL204", "windows: window [2, 2], stride [0, 0]", () => averagePool2d(x([1, 4, 4, 1]), 2, { stride: 0 })],
  ["IL301", "grad: the function returned float32[2]", () => grad((w: Tensor) => exp(w))(x([2]))],
  ["IL301", "grad: the function returned int32[]", () => grad((w: Tensor) => cast(sum(w), "int32"))(x([2]))],
  [
    "IL301",
    "grad: the function returned undefined",
    () => grad((() => undefined) as unknown as (w: Tensor) => Tensor)(x([2])),
  ],
  ["IL303", "tree: w is the number 1", () => leaves({ w: 1 } as unknown as Tree)],
  ["IL303", "vjp: cotangent [3] for a result of [2]", () => vjp((w: Tensor) => exp(w), x([2])).pullback(x([3]))],
  ["IL304", "vmap: no argument is mapped", () => vmap((a: Tensor) => a, [null])(x([2]))],
  [
    "IL304",
    "vmap: argument 1 has 3 slices along its mapped axis, others 2",
    () => vmap((a: Tensor, b: Tensor) => add(a, b))(x([2]), x([3])),
  ],
  ["IL304", "vmap: argument 0 has a leaf of shape [] without an axis 0", () => vmap((a: Tensor) => a)(x([]))],
  ["IL401", "interpret: an input float32[2] has no value", () => valuesOf(exp(x([2])))],
  [
    "IL401",
    "trace: the result depends on an input float32[2] that is not one of the arguments",
    () => trace(() => exp(x([2])), []),
  ],
];

describe("errors", () => {
  it.each(cases)("%s %s", (code, message, f) => {
    const error = errorOf(f);
    expect(error.code).toBe(code);
    expect(error.message.startsWith(`${code} ${message}`), error.message).toBe(true);
    // The place in the user's code, and a remedy after it.
    expect(error.message).toMatch(/, at errors\.test\.ts:\d+\. [A-Z][^.]{8,}/);
  });

  it("name the line of the user's code, the shapes and the remedy", () => {
    const line = 1 + Number(/errors\.test\.ts:(\d+)/.exec(new Error().stack ?? "")?.[1]);
    const error = errorOf(() => matmul(input([4, 3]), input([2, 5])));
    const remedy = "The last axis of the left side must be as long as the last but one of the right side";
    expect(error.message).toBe(
      `IL203 matmul: inner sizes differ: [4, 3] x [2, 5] (3 and 2), at errors.test.ts:${line}. ${remedy}`,
    );
    expect(error.name).toBe("GraphError");
    expect(error).toBeInstanceOf(Error);
  });

  it("have their message before their stack: uncaught, logged, cloned, as JSON, with the cause", () => {
    const cause = new Error("no space left");
    for (const [show, wants] of [
      [
        (error: GraphError) => error.stack ?? "",
        /^GraphError: IL203 matmul: too wide, at errors\.test\.ts:\d+\. Narrow it\n +at /,
      ],
      [(error: GraphError) => structuredClone(error).stack ?? "", /^GraphError: IL203 matmul: too wide/],
      [(error: GraphError) => (structuredClone(error).cause as Error).message, /^no space left$/],
      [
        (error: GraphError) => JSON.stringify(error),
        /^\{"name":"GraphError","code":"IL203","message":"IL203 matmul: too wide, .*"\}$/,
      ],
    ] as const)
      expect(show(new GraphError("IL203", "matmul", "too wide", "Narrow it", { cause }))).toMatch(wants);
  });

  it("name the user's line below more frames than V8 keeps", () => {
    const limit = Error.stackTraceLimit;
    let tree: Tree = { w: 1 } as unknown as Tree;
    for (let depth = 0; depth < 60; depth++) tree = [tree];
    const line = 1 + Number(/errors\.test\.ts:(\d+)/.exec(new Error().stack ?? "")?.[1]);
    const error = errorOf(() => leaves(tree));
    expect(error.message).toContain(`at errors.test.ts:${line}.`);
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it("suggest the side to transpose", () => {
    expect(() => matmul(input([4, 3]), input([2, 3]))).toThrow("Transpose the right side?");
    expect(() => matmul(input([3, 4]), input([3, 2]))).toThrow("Transpose the left side?");
  });

  it("name the line inside a differentiated and mapped function", () => {
    const line = 3 + Number(/errors\.test\.ts:(\d+)/.exec(new Error().stack ?? "")?.[1]);
    const loss = (w: Tensor, row: Tensor): Tensor => {
      // The sizes differ here:
      const apart = add(w, row);
      return sum(apart);
    };
    const error = errorOf(() =>
      vmap((w: Tensor, row: Tensor) => grad(loss)(w, row), [null, 0])(input([2]), input([5, 3])),
    );
    expect(error.message).toContain(`at errors.test.ts:${line}.`);
  });

  it("are thrown for runs with arguments of other shapes or without values", async () => {
    const executor = {
      name: "none",
      profile: { name: "standard", fusedMatMul: false, hardSigmoidStep: false },
      parallelism: 1,
      load: async () => ({ run: async () => [], close: async () => {} }),
      close: async () => {},
    } as unknown as Parameters<typeof compile>[1]["executor"];
    const program = await compile((a: Tensor) => exp(a), { executor }).prepare(input([2]));
    await expect(program.run(input([2]))).rejects.toThrow(/^IL402 run: input 0 \(float32\[2\]\) has no values/);
    await expect(program.run(tensor([1, 2, 3]))).rejects.toThrow(
      /^IL402 run: input 0 is float32\[3\], compiled for float32\[2\]/,
    );
  });

  it("use every code that has no executor in it", () => {
    const used = new Set<string>([...cases.map(([code]) => code), "IL402"]);
    // IL302 awaits a primitive without gradient; IL403 and IL404 are the executors'.
    const waiting = ["IL302", "IL403", "IL404"];
    expect([...used, ...waiting].sort()).toEqual(Object.keys(graphErrorCodes).sort());
  });
});

it("a problem that ends as a sentence does has no second full stop", () => {
  class OtherError extends CodedError<"X1"> {}
  const messages = ["a problem", "a problem.", "it is x. Did you mean y?"].map(
    (problem) => new OtherError("X1", "file", problem, "Remedy").message,
  );
  expect(messages).toEqual([
    "X1 file: a problem. Remedy",
    "X1 file: a problem. Remedy",
    "X1 file: it is x. Did you mean y? Remedy",
  ]);
});
