import { type Evaluation, meanAbsoluteError, meanSquaredError } from "innerloop";
import { describe, expect, it } from "vitest";
import type { Experiment } from "../presets/experiment.js";
import { resultsCells } from "../runs/results-cells.js";
import { protocolText, resultsMarkdown } from "./results-table.js";

const figure = (mean: number) => ({ mean, deviation: 0, interval: 0.01, count: 4 });
const evaluation = (learner: string, protocol: Evaluation["protocol"], means: Record<number, number>): Evaluation => ({
  learner,
  protocol,
  rows: Object.entries(means).map(([steps, mean]) => ({ steps: Number(steps), figures: { accuracy: figure(mean) } })),
  values: [],
});

describe("the results table", () => {
  const stepless = evaluation("nearest neighbour", {}, { 0: 0.5 });

  it("has methods without steps in its last column, and others where they belong", () => {
    const { header, rows } = resultsCells([
      evaluation("MAML", { steps: 1 }, { 0: 0.2, 5: 0.9 }),
      evaluation("from scratch", { steps: 1 }, { 0: 0.2 }),
      stepless,
    ]);
    expect(header).toEqual(["before", "5 steps"]);
    expect(rows.map(({ figures }) => figures.map((each) => each?.mean))).toEqual([
      [0.2, 0.9],
      [0.2, undefined],
      [undefined, 0.5],
    ]);
  });

  it("has a column for a single number of steps", () => {
    const text = resultsMarkdown("x", [evaluation("MAML", { steps: 1 }, { 5: 0.9 }), stepless], []);
    expect(text).toContain("|  | 5 steps |");
    expect(text).toContain("| nearest neighbour (pixels) | 50.0% ± 1.0 |");
  });
});

describe("the protocol in words", () => {
  const source = (data: string) => ({ name: data, description: { data }, sample: () => undefined });
  const [train, test] = [source("train"), source("test")];
  const text = (figures: string, loss: unknown, tasks: unknown, split: "classes" | "examples" = "classes") => {
    const protocol = { family: "f", ways: 2, shots: 1, queries: 1, classes: 20, tasks: 8 };
    return protocolText(
      { learner: "MAML", protocol, rows: [{ steps: 0, figures: { [figures]: figure(1) } }], values: [] },
      { learner: { loss }, tasks } as unknown as Experiment,
      { seed: 1, split },
    );
  };
  const apart = { train, validation: test, test };

  it("names the mean squared error only where that is the loss", () => {
    expect(text("loss", meanSquaredError, apart)).toMatch(/^mean squared error on 8 tasks/);
    expect(text("loss", meanAbsoluteError, apart)).toMatch(/^loss on 8 tasks/);
    expect(text("accuracy", meanSquaredError, apart)).toMatch(/^accuracy on 8 tasks/);
  });

  it("says that classes are held out only where they are", () => {
    expect(text("loss", undefined, apart)).toContain("from 20 held-out classes:");
    expect(text("loss", undefined, apart, "examples")).toContain("from held-out examples of 20 classes:");
    for (const same of [train, source("train")])
      expect(text("loss", undefined, { train, validation: train, test: same })).toContain("from 20 classes:");
  });
});
