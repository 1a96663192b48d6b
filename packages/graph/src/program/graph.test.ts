import { describe, expect, it } from "vitest";
import { estimateModel } from "../lowering/estimate.js";
import { lower } from "../lowering/lowering.js";
import { loweringProfiles } from "../lowering/lowering-profiles.js";
import { interpret, valuesOf } from "../reference/interpreter.js";
import { trace } from "../transforms/trace.js";
import { hashGraph, printGraph, topologicalOrder } from "./graph.js";
import { conv2d } from "./operations.js";
import { add, exp, mul, relu, sub } from "./primitives/elementwise.js";
import { matmul, swapLast } from "./primitives/linear-algebra.js";
import { sum } from "./primitives/reduce.js";
import { pad, reshape, transpose } from "./primitives/shape.js";
import { input, scalar, type Tensor, tensor } from "./tensor.js";
import { type DType, toTypedArray } from "./tensor-type.js";

const matrix = input([2, 3]);
const vector = input([3]);

describe("printGraph", () => {
  it("writes one line per operation, constants and attributes included", () => {
    const { graph } = trace((x: Tensor, y: Tensor) => sum(mul(add(x, y), tensor([1, 2, 3])), 1), [matrix, vector], {
      simplify: false,
    });
    expect(printGraph(graph)).toBe(
      [
        "input0 : float32[2, 3]",
        "input1 : float32[3]",
        "v0 = add(input0, input1) : float32[2, 3]",
        "v1 = constant [1, 2, 3] : float32[3]",
        "v2 = mul(v0, v1) : float32[2, 3]",
        "v3 = sum(v2, axes=[1]) : float32[2]",
        "return v3",
      ].join("\n"),
    );
  });

  it("lists inputs that nothing uses and outputs that are inputs", () => {
    const { graph } = trace((x: Tensor, y: Tensor) => [y, y, x], [matrix, vector]);
    expect(printGraph(graph)).toBe("input0 : float32[2, 3]\ninput1 : float32[3]\nreturn input1, input1, input0");
  });

  it("abbreviates constants of more than 8 values", () => {
    const { graph } = trace(() => tensor(new Float32Array(9)), []);
    expect(printGraph(graph)).toContain("constant 9 values : float32[9]");
  });
});

describe("hashGraph", () => {
  const hashOf = (f: (x: Tensor) => Tensor, x: Tensor = matrix): string =>
    hashGraph(trace(f, [x], { simplify: false }).graph);
  const large = (last: number): Tensor =>
    tensor(
      Array.from({ length: 12 }, (_, i) => (i === 11 ? last : i)),
      [4, 3],
    );

  it("is the same for equal programs, traced anew", () => {
    expect(hashOf((x) => exp(mul(x, 2)))).toBe(hashOf((x) => exp(mul(x, 2))));
    expect(hashOf((x) => matmul(x, swapLast(large(1))))).toBe(hashOf((x) => matmul(x, swapLast(large(1)))));
    expect(hashOf(exp)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("does not depend on what was traced before: constants that were there are older, and come first", () => {
    const program = (x: Tensor): Tensor => add(exp(x), mul(relu(x), 0.7251));
    const orders = [0, 1].map(() => {
      const { graph } = trace(program, [matrix], { simplify: false });
      return { text: printGraph(graph), hash: hashGraph(graph) };
    });
    expect(orders[0]!.text).not.toBe(orders[1]!.text);
    expect(orders[0]!.hash).toBe(orders[1]!.hash);
  });

  it("tells operations, order of inputs, attributes, constants, shapes and types apart", () => {
    const programs = [
      hashOf((x) => exp(x)),
      hashOf((x) => relu(x)),
      hashOf((x) => sub(x, exp(x))),
      hashOf((x) => sub(exp(x), x)),
      hashOf((x) => sum(x, 0)),
      hashOf((x) => sum(x, 1)),
      hashOf((x) => mul(x, 2)),
      hashOf((x) => mul(x, 2.000001)),
      hashOf((x) => mul(x, tensor([2]))),
      hashOf((x) => matmul(x, swapLast(large(1)))),
      hashOf((x) => matmul(x, swapLast(large(2)))),
      hashOf((x) => exp(x), input([3, 2])),
      hashOf((x) => exp(x), input([2, 3], "float64")),
      hashOf((x) => mul(x, 1)),
      hashOf((x) => x),
      hashOf((x) => pad(x, { low: [1, 0], value: Number.POSITIVE_INFINITY })),
      hashOf((x) => pad(x, { low: [1, 0], value: Number.NEGATIVE_INFINITY })),
    ];
    expect(new Set(programs).size).toBe(programs.length);
  });
});

describe("common subexpressions", () => {
  it("are one tensor", () => {
    const x = input([2, 3]);
    expect(exp(x)).toBe(exp(x));
    expect(add(exp(x), 1)).toBe(add(exp(x), 1));
    expect(sum(x, [0, 1])).toBe(sum(x, [-1, 0]));
    expect(scalar(0.1)).toBe(scalar(0.1));
  });

  it("are not merged across inputs, attributes or types", () => {
    const [x, y] = [input([2, 3]), input([2, 3])];
    expect(exp(x)).not.toBe(exp(y));
    expect(sub(x, y)).not.toBe(sub(y, x));
    expect(sum(x, 0)).not.toBe(sum(x, 1));
    expect(transpose(x)).not.toBe(reshape(x, [3, 2]));
    expect(scalar(1)).not.toBe(scalar(1, "float64"));
    expect(scalar(0)).not.toBe(scalar(-0));
  });

  it("tell attributes apart that JSON prints alike", () => {
    const x = tensor([1]);
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 0, -0];
    const padded = values.map((value) => pad(x, { low: [1], value }));
    expect(new Set(padded).size).toBe(values.length);
    expect(padded.map((y) => valuesOf(y)[0])).toEqual(values);
  });

  it("merge in what two branches compute", () => {
    const x = input([2]);
    const outputs = [add(exp(mul(x, 3)), 1), sub(exp(mul(x, 3)), 1)];
    const operations = topologicalOrder(outputs).filter((one) => one.primitive);
    expect(operations.map((one) => one.primitive!.name).sort()).toEqual(["add", "exp", "mul", "sub"]);
  });
});

describe("estimateModel", () => {
  const estimateOf = (f: (...xs: Tensor[]) => Tensor, ...xs: Tensor[]) =>
    estimateModel(lower(trace(f, xs).graph, loweringProfiles.cpu));

  it("counts the operations of matrix products exactly", () => {
    expect(estimateOf(matmul, input([4, 5]), input([5, 6])).matmulOperations).toBe(2 * 4 * 5 * 6);
    expect(estimateOf((a, b) => matmul(swapLast(a), b), input([7, 5, 4]), input([7, 5, 6])).matmulOperations).toBe(
      7 * 2 * 4 * 5 * 6,
    );
    expect(estimateOf(matmul, input([7, 4, 5]), input([5, 6])).matmulOperations).toBe(7 * 2 * 4 * 5 * 6);
  });

  it("counts a convolution as its product with patches", () => {
    const { matmulOperations } = estimateOf(
      (x, w) => conv2d(x, w, { padding: 1 }),
      input([2, 8, 8, 3]),
      input([3, 3, 3, 16]),
    );
    expect(matmulOperations).toBe(2 * (2 * 8 * 8) * (3 * 3 * 3) * 16);
  });

  it("counts memory: inputs, constants and what is alive between them", () => {
    const bytes = 1000 * 4;
    const chain = estimateOf((x) => exp(relu(exp(x))), input([1000]));
    expect(chain.peakBytes).toBeGreaterThanOrEqual(2 * bytes);
    expect(chain.peakBytes).toBeLessThanOrEqual(5 * bytes);
    expect(chain.operations).toBe(3 * 1000);
    expect(chain.constantBytes).toBe(0);
    const weights = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
    expect(estimateOf((x) => mul(x, weights), input([1000])).constantBytes).toBe(bytes);
    expect(chain.nodes).toBeGreaterThanOrEqual(3);
  });

  it("lowers nothing that the outputs do not depend on", () => {
    const { nodes } = lower(
      trace(
        (x: Tensor) => {
          exp(x);
          return relu(x);
        },
        [input([3])],
      ).graph,
      loweringProfiles.cpu,
    );
    expect(nodes.map((node) => node.operator)).not.toContain("Exp");
  });
});

describe("tensor", () => {
  it("takes nested rows, flat lists with a shape and typed arrays", () => {
    expect(
      tensor([
        [1, 2],
        [3, 4],
      ]).shape,
    ).toEqual([2, 2]);
    expect(tensor(5).shape).toEqual([]);
    expect([tensor([]).shape, tensor([[], []]).shape]).toEqual([[0], [2, 0]]);
    expect(tensor([1, 2, 3, 4], [2, 2]).shape).toEqual([2, 2]);
    const data = new Float64Array([1, 2]);
    expect([tensor(data).dtype, tensor(data).data === data]).toEqual(["float64", true]);
  });

  const conversions: readonly (readonly [DType, readonly unknown[]])[] = [
    ["int32", [1, -1, 0]],
    ["int64", [1n, -1n, 0n]],
    ["bool", [1, 1, 0]],
    ["float64", [1.5, -1.5, 0]],
  ];
  it.each(conversions)("converts to %s", (dtype, expected) => {
    expect([...toTypedArray([1.5, -1.5, 0], dtype)]).toEqual(expected);
  });
});

describe("interpret", () => {
  it("takes values for any tensor of the program", () => {
    const x = input([2]);
    const inner = exp(x);
    expect([...interpret([add(inner, 1)], new Map([[inner, [1, 2]]]))[0]!]).toEqual([2, 3]);
  });

  it("refuses values of another number", () => {
    const x = input([2]);
    expect(() => interpret([exp(x)], new Map([[x, [1]]]))).toThrow(
      /^IL402 interpret: 1 values for an input float32\[2\]/,
    );
  });
});
