import { describe, expect, it } from "vitest";
import { topologicalOrder } from "../program/graph.js";
import { add, exp, mul } from "../program/primitives/elementwise.js";
import { gather } from "../program/primitives/indexing.js";
import { matmul } from "../program/primitives/linear-algebra.js";
import { sum } from "../program/primitives/reduce.js";
import { input, type Tensor, tensor } from "../program/tensor.js";
import { valuesOf } from "../reference/interpreter.js";
import { vmap } from "./vmap.js";

const matrix = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);

describe("vmap", () => {
  it("maps all leaves of trees, and returns trees", () => {
    const f = ({ x, y }: { x: Tensor; y: Tensor }): { sum: Tensor; parts: Tensor[] } => ({
      sum: add(x, y),
      parts: [sum(x), y],
    });
    const result = vmap(f)({ x: matrix, y: tensor([10, 20]) });
    expect(result.sum.shape).toEqual([2, 3]);
    expect([...valuesOf(result.sum)]).toEqual([11, 12, 13, 24, 25, 26]);
    expect([...valuesOf(result.parts[0]!)]).toEqual([6, 15]);
    expect(result.parts[1]!.shape).toEqual([2]);
  });

  it("shares arguments whose axis is null or not given", () => {
    const weights = tensor([[1], [10], [100]]);
    const apply = (row: Tensor, w: Tensor): Tensor => matmul(row, w);
    const rows = tensor([[[1, 2, 3]], [[4, 5, 6]]]);
    expect([...valuesOf(vmap(apply, [0, null])(rows, weights))]).toEqual([321, 654]);
    expect([...valuesOf(vmap(apply, [0])(rows, weights))]).toEqual([321, 654]);
  });

  it("maps any axis, counted from either end, and puts the results' where it is told", () => {
    const columns = vmap((column: Tensor) => mul(column, tensor([1, 10])), [-1], { out: -1 })(matrix);
    expect([columns.shape, [...valuesOf(columns)]]).toEqual([
      [2, 3],
      [1, 2, 3, 40, 50, 60],
    ]);
    expect([...valuesOf(vmap((column: Tensor) => sum(column), [1])(matrix))]).toEqual([5, 7, 9]);
  });

  it("repeats results that do not depend on the mapped arguments", () => {
    const result = vmap((_x: Tensor) => tensor([7, 8]))(matrix);
    expect([result.shape, [...valuesOf(result)]]).toEqual([
      [2, 2],
      [7, 8, 7, 8],
    ]);
  });

  it("computes what tasks share once, unmapped", () => {
    const shared = input([3]);
    const result = vmap((x: Tensor) => add(x, exp(shared)))(input([5, 3]));
    const exponentials = topologicalOrder([result]).filter((x) => x.primitive?.name === "exp");
    expect(exponentials.map((x) => x.shape)).toEqual([[3]]);
  });

  it("uses one product for all tasks where they share the right side", () => {
    const result = vmap((x: Tensor, w: Tensor) => matmul(x, w), [0, null])(input([5, 4, 3]), input([3, 2]));
    const products = topologicalOrder([result]).filter((x) => x.primitive?.name === "matmul");
    expect(products.map((x) => x.inputs[1]!.shape)).toEqual([[3, 2]]);
  });

  it("indexes each task's own rows", () => {
    const tables = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
    const indices = tensor([[1], [0]], undefined, "int32");
    expect([...valuesOf(vmap((table: Tensor, i: Tensor) => gather(table, i))(tables, indices))]).toEqual([3, 4, 5, 6]);
  });

  it("of no tasks is empty", () => {
    expect(vmap((x: Tensor) => exp(x))(input([0, 3])).shape).toEqual([0, 3]);
  });

  it.each([
    ["no argument is mapped", () => vmap((x: Tensor) => x, [null])(matrix)],
    [
      "argument 1 has 3 slices along its mapped axis, others 2",
      () => vmap((a: Tensor, b: Tensor) => add(a, b), [0, 1])(matrix, matrix),
    ],
    ["argument 0 has a leaf of shape [2, 3] without an axis 2", () => vmap((x: Tensor) => x, [2])(matrix)],
    ["argument 0 has a leaf of shape [2, 3] without an axis -3", () => vmap((x: Tensor) => x, [-3])(matrix)],
    ["no argument is mapped", () => vmap((_x: readonly Tensor[]) => matrix)([])],
  ])("says: %s", (message, f) => {
    expect(f).toThrow(`IL304 vmap: ${message}, at vmap.test.ts:`);
  });
});
