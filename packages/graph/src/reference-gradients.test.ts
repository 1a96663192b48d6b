import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { leaves } from "./program/tree.js";
import { interpret } from "./reference/interpreter.js";
import { requireClose } from "./testing/laws.js";
import { type ReferenceFile, referenceCases } from "./testing/reference-cases.js";
import { trace } from "./transforms/trace.js";

const file = JSON.parse(
  readFileSync(new URL("./testing/fixtures/meta-gradients.json", import.meta.url), "utf8"),
) as ReferenceFile;
const cases = referenceCases(file, "float64").map((one) => [one.name, one] as const);

describe("meta-gradients agree with PyTorch's to 1e-9 of their largest entry", () => {
  it("has all 26 cases", () => expect(cases.length).toBe(26));

  test.each(cases)("%s", (_name, { compute, given, expected }) => {
    for (const simplify of [false, true]) {
      const { graph } = trace(compute, [given], { simplify });
      const feeds = new Map(leaves(given).map((x, i) => [graph.inputs[i]!, x.data as Float64Array]));
      const found = interpret(graph.outputs, feeds);
      expect(found.length).toBe(expected.length);
      expected.forEach(({ what, values, scale }, i) => {
        requireClose(`${what}${simplify ? ", simplified" : ""}`, found[i]!, values, 1e-9, scale);
      });
    }
  });
});
