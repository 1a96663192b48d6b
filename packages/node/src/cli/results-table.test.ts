import type { Tensor } from "@innerloop/graph";
import { crossEntropy, type Evaluation, type Loss, meanAbsoluteError, meanSquaredError } from "innerloop";
import { describe, expect, it } from "vitest";
import type { Experiment } from "../presets/experiment.js";
import type { FigureChoice } from "../presets/option-table.js";
import { figuresChosen, resultsCells } from "../runs/results-cells.js";
import { protocolText, resultsMarkdown, resultsTable } from "./results-table.js";

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

describe("figures beside the leading one", () => {
  const of = (learner: string, figures: Record<string, number>, loss = "negative log-likelihood"): Evaluation => ({
    learner,
    protocol: { steps: 1, loss },
    rows: [0, 5].map((steps) => ({
      steps,
      figures: Object.fromEntries(Object.entries(figures).map(([name, mean]) => [name, figure(mean + steps / 100)])),
    })),
    values: [],
  });
  const plain = (_style: string, text: string): string => text;
  const [first, second] = [
    of("MAML", { loss: 0.3, accuracy: 0.8, calibrationError: 0.04 }),
    of("other", { loss: 0.5, accuracy: 0.7, calibrationError: 0.02 }),
  ];

  it("stand in a second table for the first method", () => {
    expect(resultsTable([first, second], plain).split("\n")).toEqual([
      "               before       5 steps",
      "  MAML    80.0% ± 1.0   85.0% ± 1.0",
      "  other   70.0% ± 1.0   75.0% ± 1.0",
      "",
      "  MAML                             before         5 steps",
      "  negative log-likelihood   0.300 ± 0.010   0.350 ± 0.010",
      "  calibration error            4.0% ± 1.0      9.0% ± 1.0",
    ]);
  });

  it("have a table of all methods each, where they are asked for", () => {
    const names = figuresChosen(["calibration", "nll"], { name: "MAML", loss: crossEntropy });
    expect(names).toEqual(["calibrationError", "loss"]);
    const [calibration, likelihood, ...rest] = resultsTable([first, second], plain, names).split("\n\n");
    expect(calibration).toMatch(/^ {2}calibration error +before +5 steps\n {2}MAML +4\.0% ± 1\.0 .*\n {2}other +2\.0%/);
    expect(likelihood).toMatch(/^ {2}negative log-likelihood .*\n {2}MAML +0\.300 ± 0\.010 .*\n {2}other +0\.500/);
    expect(rest).toEqual([]);
  });

  it("are all in results.md", () => {
    const text = resultsMarkdown("x", [first, second], []);
    for (const line of ["| MAML | 80.0% ± 1.0 |", "| negative log-likelihood |", "| other | 2.0% ± 1.0 | 7.0% ± 1.0 |"])
      expect(text).toContain(line);
  });

  it("are refused by name where there are none of them", () => {
    const chosen = (loss: Loss, ...choices: FigureChoice[]) => figuresChosen(choices, { name: "MAML", loss });
    expect(() => chosen(crossEntropy, "mse")).toThrow(
      "there is no mean squared error among the figures of MAML. It has negative log-likelihood, accuracy, calibration error",
    );
    expect(() => chosen(meanSquaredError, "nll")).toThrow(/It has mean squared error$/);
    expect(chosen(meanSquaredError, "mse")).toEqual(["loss"]);
  });

  it("lead with the error where the loss is a likelihood of numbers", () => {
    const gaussian: Loss = Object.assign((prediction: Tensor) => prediction, {
      title: "negative log-likelihood",
      metrics: { meanSquaredError },
    });
    expect(figuresChosen(["mse", "nll"], { name: "CNP", loss: gaussian })).toEqual(["meanSquaredError", "loss"]);
    const evaluation = of("CNP", { loss: 1, meanSquaredError: 0.2 });
    expect(resultsTable([evaluation], plain)).toMatch(/CNP +0\.200 ± 0\.010[\s\S]*negative log-likelihood +1\.000/);
  });

  it("may be missing from results of before there were any", () => {
    const old = of("MAML", { loss: 0.3, accuracy: 0.8 });
    expect(resultsMarkdown("x", [old], [])).not.toContain("calibration");
    expect(resultsCells([old], "calibrationError").rows[0]!.figures).toEqual([undefined, undefined]);
  });
});

describe("the protocol in words", () => {
  const source = (data: string) => ({ name: data, description: { data }, sample: () => undefined });
  const [train, test] = [source("train"), source("test")];
  const text = (figures: string, loss: Loss | undefined, tasks: unknown, split: "classes" | "examples" = "classes") => {
    const title = loss?.title === undefined ? {} : { loss: loss.title };
    const protocol = { family: "f", ways: 2, shots: 1, queries: 1, classes: 20, tasks: 8, ...title };
    return protocolText(
      { learner: "MAML", protocol, rows: [{ steps: 0, figures: { [figures]: figure(1) } }], values: [] },
      { tasks } as unknown as Experiment,
      { seed: 1, split },
    );
  };
  const apart = { train, validation: test, test };

  it("names the loss by its title, and leads with accuracy", () => {
    expect(text("loss", meanSquaredError, apart)).toMatch(/^mean squared error on 8 tasks/);
    expect(text("loss", meanAbsoluteError, apart)).toMatch(/^mean absolute error on 8 tasks/);
    expect(text("loss", undefined, apart)).toMatch(/^loss on 8 tasks/);
    expect(text("accuracy", meanSquaredError, apart)).toMatch(/^accuracy on 8 tasks/);
  });

  it("says that classes are held out only where they are", () => {
    expect(text("loss", undefined, apart)).toContain("from 20 held-out classes:");
    expect(text("loss", undefined, apart, "examples")).toContain("from held-out examples of 20 classes:");
    for (const same of [train, source("train")])
      expect(text("loss", undefined, { train, validation: train, test: same })).toContain("from 20 classes:");
  });

  it("names ways, shots, queries, steps, batch norm, tasks, seed and data sets", () => {
    const protocol = {
      family: "f",
      ways: 5,
      shots: 1,
      queries: 3,
      classes: 20,
      tasks: 600,
      steps: 1,
      batchNorm: "support",
    };
    const rows = [0, 1, 10].map((steps) => ({
      steps,
      figures: { accuracy: figure(1), calibrationError: figure(0) },
    }));
    const of = (
      more: Partial<Evaluation["protocol"]>,
      naming: Parameters<typeof protocolText>[3] = {},
      shown: Evaluation["rows"] = rows,
    ) =>
      protocolText(
        { learner: "MAML", protocol: { ...protocol, ...more } as Evaluation["protocol"], rows: shown, values: [] },
        { tasks: apart } as unknown as Experiment,
        { seed: 4, split: "classes" },
        naming,
      );
    expect(of({})).toBe(
      "accuracy on 600 tasks from 20 held-out classes: 5-way 1-shot, 3 queries per class, 0, 1 and 10 steps (trained with 1), batch norm support; mean ± 95% interval; calibration error in 15 bins over the queries of all tasks, its interval by bootstrap over tasks; seed 4",
    );
    expect(of({}, { domains: { trainedOn: "hanzi", testedOn: "mnist" }, otherNorms: true })).toContain(
      "batch norm support unless a row says otherwise; trained on hanzi, tested on mnist; mean",
    );
    const { batchNorm: _none, steps: _no, ...without } = protocol;
    const bare = protocolText(
      { learner: "CNP", protocol: without, rows: [{ steps: 0, figures: { loss: figure(1) } }], values: [] },
      { tasks: apart } as unknown as Experiment,
      { seed: 4, split: "classes" },
    );
    expect(bare).toMatch(/3 queries per class, no batch norm; mean ± 95% interval; seed 4$/);
    expect(of({}, {}, [{ steps: 1, figures: {} }])).toContain("1 step (trained with 1)");
  });
});
