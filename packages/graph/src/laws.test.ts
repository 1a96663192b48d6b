import { describe, expect, it, test } from "vitest";
import { topologicalOrder } from "./program/graph.js";
import { neg } from "./program/primitives/elementwise.js";
import { flip } from "./program/primitives/shape.js";
import { type PrimitiveName, primitives } from "./program/registry.js";
import type { Primitive } from "./program/tensor.js";
import { type Tensor, tensor } from "./program/tensor.js";
import { interpret } from "./reference/interpreter.js";
import { exampleRows, examples, exampleValues, placeholders } from "./testing/examples.js";
import {
  exampleDerivativesHold,
  exampleSimplifyHolds,
  nestedVmapHolds,
  requireClose,
  vmapHolds,
} from "./testing/laws.js";
import { simplify } from "./transforms/simplify.js";

const names = Object.keys(primitives) as PrimitiveName[];

describe("examples", () => {
  test.each(names)("of %s use it", (name) => {
    expect(primitives[name].name).toBe(name);
    expect(examples[name].length).toBeGreaterThanOrEqual(3);
    for (const example of examples[name]) {
      const used = topologicalOrder([example.apply(...placeholders(example))]).map((x) => x.primitive?.name);
      expect(used, example.name).toContain(name);
    }
  });
});

describe("the shape rule gives the shape of what is evaluated", () => {
  test.each(exampleRows)("%s", (_label, _name, example) => {
    const inputs = placeholders(example);
    const values = exampleValues(example);
    const output = example.apply(...inputs);
    const [found] = interpret([output], new Map(inputs.map((x, i) => [x, values[i]!])));
    expect(found!.length).toBe(output.size);
    expect([...found!].every(Number.isFinite)).toBe(true);
  });
});

describe("derivatives of orders 1 and 2 are those of central differences", () => {
  // It is the identity whose derivative is declared to be zero.
  const rows = exampleRows.filter(([, name]) => name !== "stopGradient");
  test.each(rows)("%s", (_label, _name, example) => exampleDerivativesHold(example));

  const flat = names.filter((name) => typeof primitives[name].vjp !== "function");
  test.each(flat)("%s says why it has no gradient", (name) => {
    const { vjp } = primitives[name];
    expect(typeof vjp !== "function" && vjp.reason.length > 10).toBe(true);
  });
});

describe("vmap is the stack of slices", () => {
  test.each(exampleRows)("%s", (_label, _name, example) => vmapHolds(example));
});

describe("vmap of vmap is the stack of slices", () => {
  test.each(exampleRows)("%s", (_label, _name, example) => nestedVmapHolds(example));
});

describe("simplify preserves values, first and second derivatives", () => {
  test.each(exampleRows)("%s", (_label, _name, example) => exampleSimplifyHolds(example));
  test.each(exampleRows)("%s of constants", (_label, _name, example) => {
    const values = exampleValues(example);
    const inputs = placeholders(example).map((x, i) => tensor(values[i]!, x.shape, x.dtype));
    const output = example.apply(...inputs);
    const [simple] = simplify([output]);
    expect([simple!.dtype, simple!.shape]).toEqual([output.dtype, output.shape]);
    requireClose(
      "folded",
      interpret([simple!])[0]!,
      interpret([output])[0]!,
      output.dtype === "float32" ? 1e-7 : 1e-14,
    );
  });
});

/** Runs `check` while a primitive's rule is another. Records are plain objects: nothing else refers to the rule. */
function withRule(name: PrimitiveName, vjp: Primitive["vjp"], check: () => void): void {
  const record = primitives[name] as { vjp: Primitive["vjp"] };
  const original = record.vjp;
  record.vjp = vjp;
  try {
    check();
  } finally {
    record.vjp = original;
  }
}

const holdsForAll = (name: PrimitiveName): void => {
  for (const example of examples[name]) exampleDerivativesHold(example, { orders: 1 });
};

describe("a wrong rule is noticed", () => {
  const mutants = names.flatMap((name) => {
    const original = primitives[name].vjp;
    if (typeof original !== "function") return [];
    const most = Math.max(...examples[name].map(({ inputs }) => inputs.length));
    const hasGradient = (i: number): boolean => examples[name].some((example) => example.inputs[i]?.kind === "float");
    return Array.from({ length: most }, (_, i) => i)
      .filter(hasGradient)
      .map((i) => [name, i, original] as const);
  });
  test.each(mutants)("%s with the gradient of input %i negated", (name, i, original) => {
    const negated: Primitive["vjp"] = (g: Tensor, inputs, output, attributes) =>
      original(g, inputs, output, attributes).map((pullback, k) =>
        k === i && pullback ? () => neg(pullback()) : pullback,
      );
    withRule(name, negated, () => expect(() => holdsForAll(name)).toThrow("first derivative"));
    holdsForAll(name);
  });

  it("where a rule claims a gradient of zero", () => {
    const zero: Primitive["vjp"] = { gradient: "zero", reason: "a lie" };
    withRule("exp", zero, () => expect(() => holdsForAll("exp")).toThrow("first derivative"));
  });
});

describe("a wrong batching rule is noticed", () => {
  test.each(names)("%s with its tasks in reverse", (name) => {
    const record = primitives[name] as { batch: Primitive["batch"] };
    const original = record.batch;
    record.batch = (inputs, attributes, size) => flip(original(inputs, attributes, size), [0]);
    try {
      expect(() => {
        for (const example of examples[name]) vmapHolds(example);
      }).toThrow("vmap over inputs");
    } finally {
      record.batch = original;
    }
  });
});
