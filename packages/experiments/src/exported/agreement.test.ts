import type { PortableArray, PortableArrays } from "@innerloop/graph";
import { expect, test } from "vitest";
import { differenceOf } from "./agreement.js";

const array = (...values: number[]): PortableArray => ({
  dtype: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});

test.each<[string, number[], number[], number]>([
  ["equal answers", [1, 2], [1, 2], 0],
  ["a share of the largest number", [1, 2], [1.5, 2], 0.25],
  ["signs do not matter for what is largest", [-4, 1], [-4, 2], 0.25],
  ["classes that a task has not are of no account", [1, -1e9], [1, -9e8], 0],
  ["but where one of the two has them", [1, -1e9], [1, -2], 1],
  ["what is no number", [1, Number.NaN], [1, 2], Number.POSITIVE_INFINITY],
  ["too few answers", [1], [1, 2], Number.POSITIVE_INFINITY],
])("%s", (_name, found, expected, difference) => {
  const off = differenceOf({ logits: array(...found) }, { logits: array(...expected) });
  if (Number.isFinite(difference) && difference < 1) expect(off).toBeCloseTo(difference, 6);
  else expect(off).toBeGreaterThanOrEqual(difference);
});

test("each output is judged by its own largest number, and one that is missing is none", () => {
  const expected = { mean: array(100), deviation: array(0.1) };
  expect(differenceOf({ mean: array(100), deviation: array(0.2) }, expected)).toBeCloseTo(1, 5);
  expect(differenceOf({ mean: array(100) }, expected)).toBe(Number.POSITIVE_INFINITY);
});

test("inputs rejected against the rule differ, but next to the threshold", () => {
  const logits = { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 0, 3, 2) } as const;
  const rejecting = (...rows: readonly number[]) =>
    ({ logits, rejected: { dtype: "bool", shape: [2], data: Uint8Array.from(rows) } }) as const;
  const off = (threshold: number, found: PortableArrays) =>
    differenceOf(found, rejecting(1, 0), { score: "logit", threshold });
  expect(off(2, rejecting(1, 0))).toBe(0);
  expect(off(2, rejecting(0, 0))).toBe(Number.POSITIVE_INFINITY);
  expect(off(1, rejecting(0, 0))).toBe(0);
  expect(off(2, { logits })).toBe(Number.POSITIVE_INFINITY);
});
