import {
  crossEntropy,
  type Evaluation,
  gaussianNegativeLogLikelihood,
  type Loss,
  meanAbsoluteError,
  meanSquaredError,
} from "@innerloop/core";
import { figuresOf } from "@innerloop/core/training";
import { type Experiment, type FigureChoice, figuresChosen, protocolText, resultsCells } from "@innerloop/experiments";
import { describe, expect, it } from "vitest";
import { described } from "../runs/described.fixture.js";
import { resultsMarkdown, resultsTable } from "./results-table.js";
import { widthOf } from "./terminal.js";

const figure = (mean: number) => ({ mean, deviation: 0, interval: 0.01, count: 4 });
const evaluation = (learner: string, protocol: Evaluation["protocol"], means: Record<number, number>): Evaluation =>
  described({
    learner,
    protocol,
    rows: Object.entries(means).map(([steps, mean]) => ({ steps: Number(steps), figures: { accuracy: figure(mean) } })),
    values: [],
  });

describe("the results table", () => {
  const stepless = evaluation("nearest neighbour", {}, { 0: 0.5 });

  const maml = evaluation("MAML", { steps: 1 }, { 0: 0.2, 5: 0.9 });
  const scratch = evaluation("from scratch", { steps: 1 }, { 0: 0.2 });
  const cellsOf = (...list: Evaluation[]) => {
    const { header, rows } = resultsCells(list);
    return [header, ...rows.map(({ figures }) => figures.map((each) => each?.mean))];
  };

  it("has methods without steps in a column of their own", () => {
    expect(cellsOf(maml, scratch, stepless)).toEqual([
      ["before", "5 steps", "no steps"],
      [0.2, 0.9, undefined],
      [0.2, undefined, undefined],
      [undefined, undefined, 0.5],
    ]);
    expect(cellsOf(maml, scratch)[0]).toEqual(["before", "5 steps"]);
  });

  it("has that column next to the names where it is about such a method", () => {
    expect(cellsOf(stepless, maml)).toEqual([
      ["no steps", "before", "5 steps"],
      [0.5, undefined, undefined],
      [undefined, 0.2, 0.9],
    ]);
    expect(cellsOf(stepless)).toEqual([["no steps"], [0.5]]);
  });

  it("says before of one that takes steps and was judged without", () => {
    expect(cellsOf(scratch)).toEqual([["before"], [0.2]]);
  });

  it("has a column for a single number of steps", () => {
    const text = resultsMarkdown("x", [evaluation("MAML", { steps: 1 }, { 5: 0.9 }), stepless], []);
    expect(text).toContain("|  | 5 steps | no steps |");
    expect(text).toContain("| nearest neighbour (pixels) |  | 50.0% ± 1.0 |");
  });

  it("says no steps of the other figures of such a method, too", () => {
    const figures = { accuracy: figure(0.5), loss: figure(1.5) };
    const method = described({ ...stepless, learner: "prototypical network", rows: [{ steps: 0, figures }] });
    const plain = (_style: string, text: string): string => text;
    expect(resultsTable([method], plain).split("\n")).toEqual([
      "                            no steps",
      "  prototypical network   50.0% ± 1.0",
      "",
      "  prototypical network        no steps",
      "  loss                   1.500 ± 0.010",
    ]);
  });
});

describe("where tasks are drawn from few classes", () => {
  const wider = (mean: number, poolInterval: number) => ({ ...figure(mean), poolInterval });
  const maml = described({
    ...evaluation("MAML", { steps: 1 }, {}),
    rows: [
      { steps: 0, figures: { accuracy: wider(0.33, Number.POSITIVE_INFINITY) } },
      { steps: 5, figures: { accuracy: wider(0.83, 0.092) } },
    ],
    draws: { of: "classes", count: 3, examples: 24, tasks: [[0, 1]] },
  });
  const plain = (_style: string, text: string): string => text;

  it("has the intervals that count them below those over tasks, and marks the steps that validation chose", () => {
    expect(
      resultsTable([maml, evaluation("scratch", { steps: 1 }, { 5: 0.4 })], plain, undefined, 80, 5).split("\n"),
    ).toEqual([
      "                               before      5 steps*",
      "  MAML                    33.0% ± 1.0   83.0% ± 1.0",
      "    ± for other classes       unknown         ± 9.2",
      "  scratch                               40.0% ± 1.0",
    ]);
    expect(resultsMarkdown("x", [maml], [])).toContain("|   ± for other classes | unknown | ± 9.2 |");
  });
});

describe("on a terminal that is narrower than the table", () => {
  const brackets = (style: string, text: string): string => (style === "bold" ? `[${text}]` : text);
  const all = [
    evaluation("MAML", { steps: 1 }, { 0: 0.2, 1: 0.6, 5: 0.8, 10: 0.9 }),
    evaluation("from scratch, Adam 0.01, batch norm support", { steps: 10 }, { 10: 0.4, 50: 0.5 }),
    evaluation("nearest neighbour", {}, { 0: 0.3 }),
  ];

  it("is drawn as several, of some columns and the rows with figures in them each, with long names in two lines", () => {
    expect(resultsTable(all, brackets, undefined, 72).split("\n")).toEqual([
      "              before        1 step       5 steps",
      "  [MAML   20.0% ± 1.0   60.0% ± 1.0   80.0% ± 1.0]",
      "",
      "                                  10 steps      50 steps      no steps",
      "  [MAML                         90.0% ± 1.0]",
      "  from scratch, Adam 0.01,     40.0% ± 1.0   50.0% ± 1.0",
      "    batch norm support",
      "  nearest neighbour (pixels)                               30.0% ± 1.0",
    ]);
  });

  it("loses no figure, and no line is wider than the terminal", () => {
    const words = (text: string) => text.match(/\d+\.\d% ± \d\.\d/g)!.sort();
    const whole = resultsTable(all, brackets);
    for (const room of [50, 80, 100]) {
      const text = resultsTable(all, (_style, plain) => plain, undefined, room);
      for (const line of text.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(room);
      expect(words(text)).toEqual(words(whole));
    }
    expect(whole.split("\n")).toHaveLength(4);
  });
});

describe("figures beside the leading one", () => {
  const of = (learner: string, figures: Record<string, number>, loss = "negative log-likelihood"): Evaluation =>
    described({
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
    const asked = figuresChosen(["calibration", "nll"], { name: "MAML", loss: crossEntropy });
    expect(asked.map(({ name }) => name)).toEqual(["calibrationError", "loss"]);
    const [calibration, likelihood, ...rest] = resultsTable([first, second], plain, asked).split("\n\n");
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
      "there is no mean squared error among the figures of MAML. It has accuracy, negative log-likelihood, calibration error",
    );
    expect(() => chosen(meanSquaredError, "nll")).toThrow(/It has mean squared error$/);
    expect(chosen(meanSquaredError, "mse").map(({ name }) => name)).toEqual(["loss"]);
  });

  it("lead with the error where the loss is a likelihood of numbers", () => {
    const chosen = figuresChosen(["mse", "nll"], { name: "CNP", loss: gaussianNegativeLogLikelihood });
    expect(chosen.map(({ name }) => name)).toEqual(["meanSquaredError", "loss"]);
    const evaluation = of("CNP", { loss: 1, meanSquaredError: 0.2 });
    expect(resultsTable([evaluation], plain)).toMatch(/CNP +0\.200 ± 0\.010[\s\S]*negative log-likelihood +1\.000/);
  });

  it("may be missing from results of before there were any", () => {
    const old = of("MAML", { loss: 0.3, accuracy: 0.8 });
    expect(resultsMarkdown("x", [old], [])).not.toContain("calibration");
    const [, , calibration] = figuresOf(crossEntropy);
    expect(resultsCells([old], calibration).rows[0]!.figures).toEqual([undefined, undefined]);
  });
});

describe("the protocol in words", () => {
  const source = (data: string) => ({ name: data, description: { data }, sample: () => undefined });
  const [train, test] = [source("train"), source("test")];
  const draws: Evaluation["draws"] = { of: "classes", count: 20, examples: 400, tasks: [[0, 1]] };
  const text = (figures: string, loss: Loss | undefined, tasks: unknown, more: object = {}) => {
    const title = loss?.title === undefined ? {} : { loss: loss.title };
    const protocol = { family: "f", ways: 2, shots: 1, queries: 1, classes: 20, tasks: 8, ...title };
    return protocolText(
      described({
        learner: "MAML",
        protocol,
        rows: [{ steps: 0, figures: { [figures]: figure(1) } }],
        values: [],
        ...more,
      }),
      { tasks } as unknown as Experiment,
      { seed: 1 },
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
    expect(text("loss", undefined, apart, { draws })).toContain("from 20 held-out classes (400 examples):");
    const seen = { draws: { ...draws, seen: true } };
    expect(text("loss", undefined, apart, seen)).toContain("from 20 classes (held out: 400 examples):");
    for (const same of [train, source("train")]) {
      const tasks = { train, validation: train, test: same };
      expect(text("loss", undefined, tasks, { draws })).toContain("from 20 classes (400 examples):");
    }
  });

  it("says of what the second interval is, and that it may be wider", () => {
    const rows = [{ steps: 0, figures: { accuracy: { ...figure(0.8), poolInterval: 0.09 } } }];
    const about = "mean ± 95% interval over tasks, and for other classes like these 20";
    expect(text("accuracy", undefined, apart, { draws, rows })).toContain(`${about}; seed 1`);
    const all = text("accuracy", undefined, apart, { draws, rows, byClass: [{}] });
    expect(all).toContain(`${about}, at least: tasks leave none out; seed 1`);
    expect(text("accuracy", undefined, apart, { draws })).not.toContain("other classes");
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
        described({
          learner: "MAML",
          protocol: { ...protocol, ...more } as Evaluation["protocol"],
          rows: shown,
          values: [],
          draws: draws!,
        }),
        { tasks: apart } as unknown as Experiment,
        { seed: 4 },
        naming,
      );
    expect(of({})).toBe(
      "accuracy on 600 tasks from 20 held-out classes (400 examples): 5-way 1-shot, 3 queries per class, 0, 1 and 10 steps (trained with 1), batch norm support; mean ± 95% interval over tasks; calibration error in 15 bins over the queries of all tasks, its interval by bootstrap over tasks; seed 4",
    );
    expect(of({}, { other: { trainedOn: "hanzi", testedOn: "mnist" }, otherNorms: true })).toContain(
      "batch norm support unless a row says otherwise; trained on hanzi, tested on mnist; mean",
    );
    const { batchNorm: _none, steps: _no, ...without } = protocol;
    const bare = protocolText(
      described({ learner: "CNP", protocol: without, rows: [{ steps: 0, figures: { loss: figure(1) } }], values: [] }),
      { tasks: apart } as unknown as Experiment,
      { seed: 4 },
    );
    expect(bare).toMatch(/3 queries per class, no batch norm; mean ± 95% interval over tasks; seed 4$/);
    expect(of({}, {}, [{ steps: 1, figures: { accuracy: figure(1) } }])).toContain("1 step (trained with 1)");
    const twice = [5, 1, 1].map((steps) => ({ steps, figures: { accuracy: figure(1) } }));
    expect(of({}, {}, twice)).toContain(", 1 and 5 steps (trained with 1)");
  });

  it("says how many unlabelled examples there are, to learners that learn from them", () => {
    const of = (more: Evaluation["protocol"]) =>
      protocolText(
        described({
          learner: "semi-supervised prototypical network",
          protocol: { ways: 5, shots: 1, queries: 3, tasks: 8, ...more },
          rows: [{ steps: 0, figures: { accuracy: figure(1) } }],
          values: [],
        }),
        { tasks: apart } as unknown as Experiment,
        { seed: 4 },
      );
    expect(of({ unlabelled: 10, distractorClasses: 0 })).toContain(
      ": 5-way 1-shot, 10 unlabelled examples per class, 3 queries per class,",
    );
    expect(of({ unlabelled: 1, distractorClasses: 2 })).toContain(
      ", 1 unlabelled example per class and of 2 other classes, 3 queries",
    );
    for (const none of [of({}), of({ unlabelled: 10, unlabelledUsed: false })]) expect(none).not.toMatch(/unlabelled/);
  });

  it("says in which unit errors are where the targets of a table are standardised", () => {
    const y = { shape: [1], dtype: "float32", columns: [{ name: "m/s", mean: 1, deviation: 2.5 }] };
    const of = (standardized: boolean) =>
      protocolText(
        described({
          learner: "MAML",
          protocol: { shots: 5, queries: 5, loss: "mean squared error", standardized, tasks: 8 },
          rows: [{ steps: 0, figures: { loss: figure(1) } }],
          values: [],
        }),
        { tasks: { ...apart, test: { ...apart.test, spec: { y } } } } as never,
        { seed: 4 },
      );
    expect(of(true)).toContain(
      "no batch norm; the loss in units of the targets' standard deviation over the training groups (m/s 2.500); mean ±",
    );
    expect(of(false)).not.toContain("standard deviation");
  });
});
