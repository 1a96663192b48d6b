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
import { broadcastTo, flip, full, ones, reshape, slice, transpose, zeros } from "../program/primitives/shape.js";
import { input, type Tensor, tensor } from "../program/tensor.js";
import type { Shape } from "../program/tensor-type.js";
import { noise } from "../testing/examples.js";
import { simplifyHolds } from "../testing/laws.js";
import { simplificationLaws, simplify } from "./simplify.js";

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

/** For each law: programs, and what they must become. */
const cases: Readonly<Record<string, readonly (readonly [before: Tensor, after: Tensor])[]>> = {
  "an operation on constants is a constant": [
    [add(tensor([1, 2]), tensor([3, 4])), tensor([4, 6])],
    [matmul(tensor([[1, 2]]), tensor([[3], [4]])), tensor([[11]])],
    [mul(row, exp(number(0))), row],
    [cast(tensor([1.5, -2.5]), "int32"), tensor([1, -2], [2], "int32")],
  ],
  "stopGradient(x) = x once gradients are taken": [[exp(stopGradient(x)), exp(x)]],
  "moving equal elements about changes nothing": [
    [reshape(many([2, 3], 7), [6]), many([6], 7)],
    [transpose(many([2, 3], 7)), many([3, 2], 7)],
    [slice(many([4], 7), { start: [1], stop: [3] }), many([2], 7)],
    [flip(many([4], 7), [0]), many([4], 7)],
  ],
  "a linear map of zeros is zero": [
    [matmul(x, zeros([3, 4], "float64")), zeros([2, 4], "float64")],
    [mul(x, 0), zeros([2, 3], "float64")],
    [sum(zeros([2, 3], "float64"), 1), zeros([2], "float64")],
    [cumulativeSum(zeros([2, 3], "float64")), zeros([2, 3], "float64")],
    [
      convolution(input([1, 1, 3, 3, 2], "float64"), zeros([1, 2, 2, 2, 4], "float64"), geometry),
      zeros([1, 1, 2, 2, 4], "float64"),
    ],
  ],
  "reshape(reshape(x)) = reshape(x), reshape(x c) = reshape(x) c": [
    [reshape(mul(x, 2), [6]), mul(reshape(x, [6]), 2)],
    [reshape(reshape(x, [6]), [3, 2]), reshape(x, [3, 2])],
    [reshape(reshape(x, [6]), [2, 3]), x],
  ],
  "(a b)^T = b^T a^T": [
    [transpose(matmul(x, square)), matmul(transpose(square), transpose(x))],
    [transpose(matmul(transpose(square), square)), matmul(transpose(square), square)],
  ],
  "transpose(transpose(x)) is one transpose": [
    [transpose(transpose(x)), x],
    [transpose(transpose(input([2, 3, 4]), [1, 2, 0]), [1, 2, 0]), transpose(input([2, 3, 4]), [2, 0, 1])],
    [transpose(column), reshape(column, [1, 2])],
  ],
  "broadcastTo(broadcastTo(x)) = broadcastTo(x)": [
    [broadcastTo(broadcastTo(row, [2, 3]), [4, 2, 3]), broadcastTo(row, [4, 2, 3])],
  ],
  "an operation on repeated elements repeats its result": [
    [exp(broadcastTo(row, [2, 3])), broadcastTo(exp(row), [2, 3])],
    [add(broadcastTo(row, [2, 3]), y), add(row, y)],
    [mul(broadcastTo(column, [2, 3]), broadcastTo(row, [2, 3])), mul(column, row)],
    [where(greater(broadcastTo(row, [2, 3]), 0), x, y), where(greater(row, 0), x, y)],
  ],
  "cast(broadcastTo(x)) = broadcastTo(cast(x))": [
    [cast(broadcastTo(row, [2, 3]), "float32"), broadcastTo(cast(row, "float32"), [2, 3])],
  ],
  "a product broadcasts its leading axes by itself": [
    [matmul(input([4, 2, 3], "float64"), broadcastTo(square, [4, 3, 3])), matmul(input([4, 2, 3], "float64"), square)],
    [matmul(broadcastTo(x, [4, 2, 3]), broadcastTo(square, [4, 3, 3])), broadcastTo(matmul(x, square), [4, 2, 3])],
  ],
  "the sum of n equal elements is n times one of them": [
    [sum(broadcastTo(row, [2, 3]), 0), mul(row, 2)],
    [sum(broadcastTo(column, [2, 3])), mul(sum(column), 3)],
    [sum(many([2, 3], 0.5)), number(3)],
  ],
  "sum(a b) = b sum(a) where b is constant along the summed axes": [
    [sum(mul(x, row), 0), mul(sum(x, 0), row)],
    [sum(mul(column, x), 1), mul(sum(x, 1), reshape(column, [2]))],
    [sum(div(x, column), 1), div(sum(x, 1), reshape(column, [2]))],
  ],
  "sum(a + b) = sum(a) + sum(b) where the sums are of known arrays or of what is constant along the axes": [
    [sum(sub(x, row), 0), sub(sum(x, 0), mul(row, 2))],
    [sum(add(x, column), 1), add(sum(x, 1), mul(reshape(column, [2]), 3))],
    [sum(add(mul(x, row), mul(y, other)), 0), add(mul(sum(x, 0), row), mul(sum(y, 0), other))],
    [sum(sub(div(x, row), mul(y, other)), 0), sub(div(sum(x, 0), row), mul(sum(y, 0), other))],
    // A centred array sums to nothing.
    [sum(mul(sub(x, mul(sum(x, 0), 1 / 2)), row), 0), zeros([3], "float64")],
  ],
  "the sum over groups of filter gradients is that of all images": [
    [
      sum(filterGradient(images, cotangents, geometry), 0),
      reshape(
        filterGradient(reshape(images, [1, 6, 3, 3, 2]), reshape(cotangents, [1, 6, 2, 2, 4]), geometry),
        [2, 2, 2, 4],
      ),
    ],
  ],
  "sum(-a) = -sum(a)": [[sum(neg(x), 0), neg(sum(x, 0))]],
  "sum over axes of size 1 is a reshape; sum(sum(x)) is one sum": [
    [sum(column, 1), reshape(column, [2])],
    [sum(sum(x, 0), 0), sum(x)],
    [sum(sum(input([2, 3, 4]), 1), 1), sum(input([2, 3, 4]), [1, 2])],
  ],
  "x + 0 = x, x + (-y) = x - y, x + x = 2 x, (x + y) + y = x + 2 y": [
    [add(add(x, y), y), add(x, mul(y, 2))],
    [add(y, add(y, x)), add(x, mul(y, 2))],
    [add(x, x), mul(x, 2)],
    [add(x, 0), x],
    [add(0, x), x],
    [add(row, zeros([2, 3], "float64")), broadcastTo(row, [2, 3])],
    [add(x, neg(y)), sub(x, y)],
    [add(neg(x), y), sub(y, x)],
  ],
  "x - x = 0, x - 0 = x, 0 - x = -x, x - (-y) = x + y, (x + z) - (y + z) = x - y": [
    [sub(x, x), zeros([2, 3], "float64")],
    [sub(add(x, row), add(y, row)), sub(x, y)],
    [sub(add(row, x), add(column, row)), sub(x, column)],
    [sub(x, 0), x],
    [sub(0, x), neg(x)],
    [sub(x, neg(y)), add(x, y)],
  ],
  "x 1 = x, x (-1) = -x, (-x) y = -(x y), constants meet and may be 1 but for rounding": [
    [mul(mul(x, 1 / 3), 3), x],
    [mul(mul(x, 1 / 49), -49), neg(x)],
    [mul(x, 1), x],
    [mul(1, x), x],
    [mul(row, ones([2, 3], "float64")), broadcastTo(row, [2, 3])],
    [mul(x, -1), neg(x)],
    [mul(neg(x), y), neg(mul(x, y))],
    [mul(x, neg(y)), neg(mul(x, y))],
    [mul(neg(x), neg(y)), mul(x, y)],
    [mul(mul(x, 2), 3), mul(x, 6)],
    [mul(mul(x, 2), y), mul(mul(x, y), 2)],
    [mul(2, x), mul(x, 2)],
  ],
  "(x s) c = x (s c) where s c is the smaller array": [
    [mul(mul(x, row), other), mul(x, mul(row, other))],
    [mul(input([1, 3], "float64"), mul(row, x)), mul(x, mul(row, input([1, 3], "float64")))],
  ],
  "(x + y n) (1 / n) = x (1 / n) + y": [[mul(add(x, mul(y, 49)), 1 / 49), add(mul(x, 1 / 49), y)]],
  "x / 1 = x, x / c = x (1 / c), (-x) / y = -(x / y), (x s) / y = (x / y) s where s is smaller": [
    [div(mul(row, x), y), mul(div(x, y), row)],
    [div(mul(x, 2), y), mul(div(x, y), 2)],
    [div(x, 1), x],
    [div(x, 4), mul(x, 0.25)],
    [div(neg(x), y), neg(div(x, y))],
  ],
  "-(-x) = x, -(x - y) = y - x, -(x c) = x (-c)": [
    [neg(neg(x)), x],
    [neg(sub(x, y)), sub(y, x)],
    [neg(mul(x, 2)), mul(x, -2)],
    // The constant has more axes than x, and so has the result.
    [neg(mul(row, number(2, [1, 1]))), broadcastTo(mul(row, -2), [1, 3])],
  ],
  "x^1 = x, x^2 = x x": [
    [pow(x, 1), x],
    [pow(x, 2), mul(x, x)],
    [pow(row, many([2, 3], 2)), broadcastTo(mul(row, row), [2, 3])],
  ],
};

/** The program as text, its inputs numbered by order of use. */
function program(output: Tensor): string {
  const order = topologicalOrder([output]);
  return printGraph({ inputs: order.filter((one) => !one.primitive && !one.data), outputs: [output], order });
}

describe("each law fires where it should", () => {
  it("has a case", () => expect(Object.keys(cases).sort()).toEqual([...simplificationLaws].sort()));

  const rows = Object.entries(cases).flatMap(([law, list]) =>
    list.map(([before, after], i) => [law, i, before, after] as const),
  );
  test.each(rows)("%s (%i)", (_law, _i, before, after) => {
    const [simple] = simplify([before]) as [Tensor];
    expect(program(simple)).toBe(program(after));
    expect(program(simple)).not.toBe(program(before));
    const inputs = topologicalOrder([before]).filter((one) => !one.primitive && !one.data);
    const feeds = new Map(inputs.map((one, k) => [one, Array.from({ length: one.size }, (_, i) => noise(k, i) + 0.5)]));
    simplifyHolds([before], feeds, 1e-14);
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
