import { crossEntropy, gaussianNegativeLogLikelihood, meanSquaredError } from "@innerloop/core";
import { figuresOf } from "@innerloop/core/training";
import { describe, expect, it } from "vitest";
import { areDescriptions, earlierFigures, recordedFigures } from "./earlier-figures.js";

const recorded = (names: readonly string[], loss?: string) =>
  recordedFigures({
    protocol: loss === undefined ? {} : { loss },
    rows: [{ figures: Object.fromEntries(names.map((name) => [name, { mean: 1, interval: 1 }])) }],
  });

describe("figures of results from before they were described", () => {
  it("are those that the losses of today describe", () => {
    for (const loss of [crossEntropy, gaussianNegativeLogLikelihood, meanSquaredError]) {
      const names = figuresOf(loss).map(({ name }) => name);
      expect(recorded(names, loss.title!)).toEqual(figuresOf(loss));
    }
  });

  it("lead with the error in the unit of one target, and of several with the error of all", () => {
    const lead = (...names: string[]) => recorded(names, "mean squared error")[0]!.title;
    const minutes = ["rootMeanSquaredError of minutes", "meanAbsoluteError of minutes"];
    expect(lead("loss", ...minutes)).toBe("root mean squared error of minutes");
    expect(lead("loss", ...minutes, "rootMeanSquaredError of My Column")).toBe("mean squared error");
    const [own] = earlierFigures(["rootMeanSquaredError of My Column of two"]);
    expect(own).toEqual({
      name: "rootMeanSquaredError of My Column of two",
      title: "root mean squared error of My Column of two",
      better: "lower",
    });
  });

  it("are better in no direction where their name said nothing, and a loss without a title is called loss", () => {
    expect(earlierFigures(["loss", "entropyOfOutputs", "scaledError"])).toEqual([
      { name: "loss", title: "loss", better: "lower" },
      { name: "entropyOfOutputs", title: "entropy of outputs" },
      { name: "scaledError", title: "scaled error", better: "lower" },
    ]);
    expect(recordedFigures({ protocol: {}, rows: [] })).toEqual([]);
  });

  it("are what a file says of them where it does", () => {
    const figures = [{ name: "f1", title: "entity F1", better: "higher", share: true }] as const;
    expect(recordedFigures({ protocol: {}, rows: [{ figures: { f1: {} } }], figures })).toBe(figures);
  });
});

it("a file that was meddled with describes no figures", () => {
  expect(areDescriptions(figuresOf(crossEntropy))).toBe(true);
  expect(areDescriptions(JSON.parse(JSON.stringify(figuresOf(gaussianNegativeLogLikelihood))))).toBe(true);
  const good = { name: "a", title: "a" };
  for (const bad of [
    undefined,
    null,
    {},
    "figures",
    [null],
    [{ ...good, name: 1 }],
    [{ name: "a" }],
    [{ ...good, better: "more" }],
    [{ ...good, share: "yes" }],
    [{ ...good, unit: {} }],
    [{ ...good, title: "x".repeat(5000) }],
  ])
    expect(areDescriptions(bad)).toBe(false);
});
