import { describe, expect, it, test } from "vitest";
import { printGraph, topologicalOrder } from "../program/graph.js";
import { convolution, filterGradient } from "../program/primitives/convolution.js";
import {
  add,
  cast,
  div,
  exp,
  greater,
  log,
  mul,
  neg,
  pow,
  stopGradient,
  sub,
  where,
} from "../program/primitives/elementwise.js";
import { matmul } from "../program/primitives/linear-algebra.js";
import { cumulativeSum, sum } from "../program/primitives/reduce.js";
import {
  broadcastTo,
  concat,
  flip,
  full,
  ones,
  pad,
  reshape,
  slice,
  transpose,
  zeros,
} from "../program/primitives/shape.js";
import { input, type Tensor, tensor } from "../program/tensor.js";
import type { Shape } from "../program/tensor-type.js";
import { noise } from "../testing/examples.js";
import { simplifyHolds } from "../testing/laws.js";
import { is, type Law, law } from "./law.js";
import { laws, simplificationLaws, simplifier, simplify } from "./simplify.js";

const x = input([2, 3], "float64");
const y = input([2, 3], "float64");
const row = input([3], "float64");
const other = input([3], "float64");
const column = input([2, 1], "float64");
const square = input([3, 3], "float64");
const images = input([3, 2, 3, 3, 2], "float64");
const cotangents = input([3, 2, 2, 2, 4], "float64");
const geometry = { window: [2, 2], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1] };
const number = (value: number, shape: Shape = []): Tensor =>
  tensor(shape.length === 0 ? value : [value], shape, "float64");
const many = (shape: Shape, value: number): Tensor => full(shape, value, "float64");

/** For each law by its name: programs in which it fires, and what they must become. */
const cases: Readonly<Record<string, readonly (readonly [before: Tensor, after: Tensor])[]>> = {
  "constant folding": [
    [add(tensor([1, 2]), tensor([3, 4])), tensor([4, 6])],
    [matmul(tensor([[1, 2]]), tensor([[3], [4]])), tensor([[11]])],
    [mul(row, exp(number(0))), row],
    [cast(tensor([1.5, -2.5]), "int32"), tensor([1, -2], [2], "int32")],
  ],
  "stopped gradient": [[exp(stopGradient(x)), exp(x)]],
  "movement of equal elements": [
    [reshape(many([2, 3], 7), [6]), many([6], 7)],
    [transpose(many([2, 3], 7)), many([3, 2], 7)],
    [slice(many([4], 7), { start: [1], stop: [3] }), many([2], 7)],
    [flip(many([4], 7), [0]), many([4], 7)],
  ],
  "linear map of zeros": [
    [matmul(x, zeros([3, 4], "float64")), zeros([2, 4], "float64")],
    [mul(x, 0), zeros([2, 3], "float64")],
    [sum(zeros([2, 3], "float64"), 1), zeros([2], "float64")],
    [cumulativeSum(zeros([2, 3], "float64")), zeros([2, 3], "float64")],
    [
      convolution(input([1, 1, 3, 3, 2], "float64"), zeros([1, 2, 2, 2, 4], "float64"), geometry),
      zeros([1, 1, 2, 2, 4], "float64"),
    ],
  ],
  "reshape of a reshape": [
    [reshape(reshape(x, [6]), [3, 2]), reshape(x, [3, 2])],
    [reshape(reshape(x, [6]), [2, 3]), x],
  ],
  "reshape of a multiple": [[reshape(mul(x, 2), [6]), mul(reshape(x, [6]), 2)]],
  "transpose of a transpose": [
    [transpose(transpose(x)), x],
    [transpose(transpose(input([2, 3, 4]), [1, 2, 0]), [1, 2, 0]), transpose(input([2, 3, 4]), [2, 0, 1])],
  ],
  "transpose of unit axes": [[transpose(column), reshape(column, [1, 2])]],
  "transpose of a product": [
    [transpose(matmul(x, square)), matmul(transpose(square), transpose(x))],
    [transpose(matmul(transpose(square), square)), matmul(transpose(square), square)],
  ],
  "parts side by side": [
    [add(pad(x, { high: [0, 1] }), pad(column, { low: [0, 3] })), concat([x, column], 1)],
    [add(pad(column, { low: [0, 3] }), pad(x, { high: [0, 1] })), concat([x, column], 1)],
    [add(pad(row, { low: [1] }), pad(column, { high: [0, 3] })), concat([column, broadcastTo(row, [2, 3])], 1)],
  ],
  "slice of one part": [
    [slice(concat([x, column], 1), { start: [0, 0], stop: [2, 3] }), x],
    [
      slice(concat([x, y], 1), { start: [1, 3], stop: [2, 6], step: [1, 2] }),
      slice(y, { start: [1, 0], stop: [2, 3], step: [1, 2] }),
    ],
  ],
  "repetition of a repetition": [[broadcastTo(broadcastTo(row, [2, 3]), [4, 2, 3]), broadcastTo(row, [4, 2, 3])]],
  "operation on repeated elements": [
    [exp(broadcastTo(row, [2, 3])), broadcastTo(exp(row), [2, 3])],
    [add(broadcastTo(row, [2, 3]), y), add(row, y)],
    [mul(broadcastTo(column, [2, 3]), broadcastTo(row, [2, 3])), mul(column, row)],
    [where(greater(broadcastTo(row, [2, 3]), 0), x, y), where(greater(row, 0), x, y)],
  ],
  "cast of repeated elements": [[cast(broadcastTo(row, [2, 3]), "float32"), broadcastTo(cast(row, "float32"), [2, 3])]],
  "product of repeated matrices": [
    [matmul(input([4, 2, 3], "float64"), broadcastTo(square, [4, 3, 3])), matmul(input([4, 2, 3], "float64"), square)],
    [matmul(broadcastTo(x, [4, 2, 3]), broadcastTo(square, [4, 3, 3])), broadcastTo(matmul(x, square), [4, 2, 3])],
  ],
  "sum of equal elements": [
    [sum(broadcastTo(row, [2, 3]), 0), mul(row, 2)],
    [sum(broadcastTo(column, [2, 3])), mul(sum(column), 3)],
    [sum(many([2, 3], 0.5)), number(3)],
  ],
  "common factor": [
    [sum(mul(x, row), 0), mul(sum(x, 0), row)],
    [sum(mul(column, x), 1), mul(sum(x, 1), reshape(column, [2]))],
  ],
  "common divisor": [[sum(div(x, column), 1), div(sum(x, 1), reshape(column, [2]))]],
  "sum term by term": [
    [sum(add(x, column), 1), add(sum(x, 1), mul(reshape(column, [2]), 3))],
    [sum(add(mul(x, row), mul(y, other)), 0), add(mul(sum(x, 0), row), mul(sum(y, 0), other))],
  ],
  "sum of a difference term by term": [
    [sum(sub(x, row), 0), sub(sum(x, 0), mul(row, 2))],
    [sum(sub(div(x, row), mul(y, other)), 0), sub(div(sum(x, 0), row), mul(sum(y, 0), other))],
    // A centred array sums to nothing.
    [sum(mul(sub(x, mul(sum(x, 0), 1 / 2)), row), 0), zeros([3], "float64")],
  ],
  "sum of filter gradients": [
    [
      sum(filterGradient(images, cotangents, geometry), 0),
      reshape(
        filterGradient(reshape(images, [1, 6, 3, 3, 2]), reshape(cotangents, [1, 6, 2, 2, 4]), geometry),
        [2, 2, 2, 4],
      ),
    ],
  ],
  "sum of opposites": [[sum(neg(x), 0), neg(sum(x, 0))]],
  "sum along unit axes": [[sum(column, 1), reshape(column, [2])]],
  "sum of a sum": [
    [sum(sum(x, 0), 0), sum(x)],
    [sum(sum(input([2, 3, 4]), 1), 1), sum(input([2, 3, 4]), [1, 2])],
  ],
  double: [[add(x, x), mul(x, 2)]],
  "term added twice": [
    [add(add(x, y), y), add(x, mul(y, 2))],
    [add(y, add(y, x)), add(x, mul(y, 2))],
  ],
  "zero added": [
    [add(x, 0), x],
    [add(0, x), x],
    [add(row, zeros([2, 3], "float64")), broadcastTo(row, [2, 3])],
  ],
  "opposite added": [
    [add(x, neg(y)), sub(x, y)],
    [add(neg(x), y), sub(y, x)],
  ],
  "difference of equals": [[sub(x, x), zeros([2, 3], "float64")]],
  "difference with a common term": [
    [sub(add(x, row), add(y, row)), sub(x, y)],
    [sub(add(row, x), add(column, row)), sub(x, column)],
  ],
  "zero subtracted": [[sub(x, 0), x]],
  "difference from zero": [[sub(0, x), neg(x)]],
  "opposite subtracted": [[sub(x, neg(y)), add(x, y)]],
  "opposite of an opposite": [[neg(neg(x)), x]],
  "opposite of a difference": [[neg(sub(x, y)), sub(y, x)]],
  "opposite of a multiple": [
    [neg(mul(x, 2)), mul(x, -2)],
    // The constant has more axes than x, and so has the result.
    [neg(mul(row, number(2, [1, 1]))), broadcastTo(mul(row, -2), [1, 3])],
  ],
  "numbers stand right": [
    [mul(2, x), mul(x, 2)],
    [mul(1, x), x],
  ],
  "factor one": [
    [mul(x, 1), x],
    [mul(row, ones([2, 3], "float64")), broadcastTo(row, [2, 3])],
  ],
  "factor minus one": [[mul(x, -1), neg(x)]],
  "multiple of an opposite": [
    [mul(neg(x), 3), mul(x, -3)],
    [mul(neg(add(x, mul(y, 49))), 1 / 49), mul(add(x, mul(y, 49)), -1 / 49)],
  ],
  "product of an opposite": [
    [mul(neg(x), y), neg(mul(x, y))],
    [mul(x, neg(y)), neg(mul(x, y))],
    [mul(neg(x), neg(y)), mul(x, y)],
  ],
  "product of a multiple": [[mul(mul(x, 2), y), mul(mul(x, y), 2)]],
  "reciprocal numbers": [
    [mul(mul(x, 1 / 3), 3), x],
    // 1 / 49 times 49 is not 1.
    [mul(mul(x, 1 / 49), 49), x],
  ],
  "reciprocal numbers of opposite sign": [[mul(mul(x, 1 / 49), -49), neg(x)]],
  "numbers meet": [[mul(mul(x, 2), 3), mul(x, 6)]],
  "small factors meet": [
    [mul(mul(x, row), other), mul(x, mul(row, other))],
    [mul(input([1, 3], "float64"), mul(row, x)), mul(x, mul(row, input([1, 3], "float64")))],
  ],
  "share of a sum": [[mul(add(x, mul(y, 49)), 1 / 49), add(mul(x, 1 / 49), y)]],
  "division by a number": [
    [div(x, 1), x],
    [div(x, 4), mul(x, 0.25)],
  ],
  "quotient of an opposite": [[div(neg(x), y), neg(div(x, y))]],
  "quotient of a product": [
    [div(mul(row, x), y), mul(div(x, y), row)],
    [div(mul(x, 2), y), mul(div(x, y), 2)],
  ],
  "first power": [[pow(x, 1), x]],
  square: [
    [pow(x, 2), mul(x, x)],
    [pow(row, many([2, 3], 2)), broadcastTo(mul(row, row), [2, 3])],
  ],
};

/** The program as text, its inputs numbered by order of use. */
function program(output: Tensor): string {
  const order = topologicalOrder([output]);
  return printGraph({ inputs: order.filter((one) => !one.primitive && !one.data), outputs: [output], order });
}

const namesOf = (rows: readonly Law[]): string[] => rows.map(({ name }) => name);

describe("each law", () => {
  it("has a name and an algebra of its own, and a case", () => {
    expect(new Set(namesOf(laws)).size).toBe(laws.length);
    expect(new Set(simplificationLaws).size).toBe(laws.length);
    expect(Object.keys(cases).sort()).toEqual(namesOf(laws).sort());
  });

  const rows = Object.entries(cases).flatMap(([name, list]) =>
    list.map(([before, after], i) => [name, i, before, after] as const),
  );
  test.each(rows)("%s (%i): fires, and changes no value", (name, _i, before, after) => {
    const fired = new Set<string>();
    const [simple] = simplifier(laws, (law) => fired.add(law.name))([before]) as [Tensor];
    expect([...fired]).toContain(name);
    expect(program(simple)).toBe(program(after));
    expect(program(simple)).not.toBe(program(before));
    const inputs = topologicalOrder([before]).filter((one) => !one.primitive && !one.data);
    const feeds = new Map(inputs.map((one, k) => [one, Array.from({ length: one.size }, (_, i) => noise(k, i) + 0.5)]));
    simplifyHolds([before], feeds, 1e-14);
  });

  test.each(laws)("$name: what it does, no other does", ({ name }) => {
    const others = simplifier(laws.filter((law) => law.name !== name));
    const differs = cases[name]!.some(([before, after]) => program(others([before])[0]!) !== program(after));
    expect(differs).toBe(true);
  });

  it("is about primitives that there are: another name does not compile", () => {
    const row = { name: "n", algebra: "a", apply: () => undefined };
    // @ts-expect-error no primitive is called so
    expect(law({ ...row, on: ["summ"] }).on).toEqual(["summ"]);
    // @ts-expect-error nor so
    expect(is(x, "negg")).toBe(false);
  });
});

describe("simplify", () => {
  it("keeps what two outputs share shared", () => {
    const shared = exp(add(x, 0));
    const [a, b] = simplify([add(shared, y), mul(shared, y)]);
    expect(a!.inputs[0]).toBe(b!.inputs[0]);
    expect(a!.inputs[0]).toBe(exp(x));
  });

  it("is done after one run", () => {
    const once = simplify([neg(mul(neg(sum(mul(broadcastTo(row, [2, 3]), x))), 3)), log(mul(x, 1))]);
    expect(simplify(once)).toEqual(once);
  });

  it("does not divide by zero while it moves constants", () => {
    const [simple] = simplify([div(x, 0)]);
    expect(simple!.primitive?.name).toBe("div");
  });

  it("gets through graphs far deeper than the call stack", () => {
    let deep: Tensor = x;
    for (let i = 0; i < 20000; i++) deep = i % 2 === 0 ? add(deep, y) : mul(deep, y);
    expect(simplify([add(deep, 0)])[0]).toBe(deep);
  });
});
