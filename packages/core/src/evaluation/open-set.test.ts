import { input, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { random } from "../random/random.js";
import { areaUnderRoc } from "./open-set.js";
import { openSetAnswers } from "./open-set-rule.js";

describe("areaUnderRoc", () => {
  test("is the share of pairs in the right order, ties counting half", () => {
    const source = random(3);
    for (let round = 0; round < 20; round++) {
      // Few different values: many ties.
      const list = (n: number) => Array.from({ length: n }, () => source.integer(round + 2) - 3);
      const [positives, negatives] = [list(1 + source.integer(9)), list(1 + source.integer(9))];
      const pairs = positives.flatMap((p) => negatives.map((n): number => (p > n ? 1 : p === n ? 0.5 : 0)));
      expect(areaUnderRoc(positives, negatives)).toBeCloseTo(pairs.reduce((a, b) => a + b, 0) / pairs.length, 12);
    }
    expect(areaUnderRoc([2, 3], [0, 1])).toBe(1);
    expect(areaUnderRoc([-2, -30], [0, 1])).toBe(0);
    expect(areaUnderRoc([], [1])).toBeNaN();
  });
});

describe("openSetAnswers", () => {
  const logits = tensor([
    [1, 3, 2],
    [0, 0, 0],
    [-9, -8, -1],
  ]);

  test.each([
    ["logit", [3, 0, -1]],
    ["probability", [0.665241, 1 / 3, 0.998755]],
    ["energy", [3.407606, Math.log(3), -0.998754]],
  ] as const)("score %s", (score, expected) => {
    openSetAnswers(logits, { score, threshold: 0 }).forEach((answer, row) => {
      expect(answer.score).toBeCloseTo(expected[row]!, 5);
    });
  });

  test("the class of the largest logit, or none below the threshold", () => {
    const labels = (threshold: number) =>
      openSetAnswers(logits, { score: "logit", threshold }).map(({ label }) => label);
    expect(labels(-1)).toEqual([1, 0, 2]);
    expect(labels(0)).toEqual([1, 0, undefined]);
    expect(labels(0.5)).toEqual([1, undefined, undefined]);
    // Large logits do not overflow.
    expect(openSetAnswers(tensor([[1000, 999]]), { score: "energy", threshold: 0 })[0]!.score).toBeCloseTo(
      1000.3133,
      3,
    );
  });

  test("refuses what are no logits", () => {
    const rule = { score: "logit", threshold: 0 } as const;
    expect(() => openSetAnswers(tensor([1, 2]), rule)).toThrow(/ILR101 openSetAnswers: .*Give the logits \[queries/);
    expect(() => openSetAnswers(input([2, 2]), rule)).toThrow(/without values/);
  });
});
