import { expect, test } from "vitest";
import { add, exp, mul } from "../program/primitives/elementwise.js";
import { matmul } from "../program/primitives/linear-algebra.js";
import { sum } from "../program/primitives/reduce.js";
import { full } from "../program/primitives/shape.js";
import { type Tensor, tensor } from "../program/tensor.js";
import { lastingValues } from "./staging.js";
import { trace } from "./trace.js";

const staying = tensor(new Float32Array(6), [2, 3]);
const changing = tensor(new Float32Array(3), [3, 1]);

/** The primitives of what is kept of a function whose second argument changes. */
function kept(f: (a: Tensor, b: Tensor) => Tensor, mostBytes = 1024): (string | undefined)[] {
  const { graph } = trace(f, [staying, changing]);
  return lastingValues(graph, new Set([graph.inputs[1]!]), mostBytes).map(({ primitive }) => primitive?.name);
}

test("kept is where the rest goes on from, and no step on the way there", () => {
  expect(kept((a, b) => matmul(exp(mul(a, a)), b))).toEqual(["exp"]);
});

test("an input itself is not kept, nor what is made of constants", () => {
  expect(kept((a, b) => matmul(add(a, full([2, 3], 1)), b))).toEqual(["add"]);
  expect(kept((a, b) => matmul(a, add(b, full([3, 1], 2))))).toEqual([]);
});

test("a result that nothing changes is kept", () => {
  expect(kept((a) => exp(a))).toEqual(["exp"]);
});

test("in place of a large value, that is kept which it is computed from", () => {
  // [2, 3] are 24 bytes, [2] are 8.
  const f = (a: Tensor, b: Tensor): Tensor => matmul(add(a, exp(sum(a, 1, { keepAxes: true }))), b);
  expect(kept(f, 24)).toEqual(["add"]);
  expect(kept(f, 8)).toEqual(["exp"]);
  expect(kept(f, 7)).toEqual([]);
});
