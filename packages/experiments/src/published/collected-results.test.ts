import { resolvePreset, toFlags } from "@innerloop/experiments";
import { expect, it } from "vitest";
import { collectedFormat, parseCollected, rowResult } from "./collected-results.js";
import { type EvaluationRecord, parseEvaluationRecord, type RowProgress } from "./row-evaluations.js";
import type { Table } from "./table.js";

/** A row whose evaluation has these figures, of a loss of this title. */
function collected(metric: string, names: readonly string[], loss?: string) {
  const columns = [{ name: "last", title: "last" }];
  const row = {
    name: "one",
    learner: "one",
    train: { preset: "sinusoid", options: { iterations: 5 } },
    cells: { last: {} },
  } as const;
  const table: Table = { name: "mine", title: "Mine", about: "", metric, columns, rows: [row] };
  const figures = Object.fromEntries(names.map((name, i) => [name, { mean: i + 1, interval: 0.5 }]));
  const evaluation = { learner: "one", protocol: loss === undefined ? {} : { loss }, rows: [{ steps: 1, figures }] };
  const state: RowProgress = {
    run: {
      config: { options: toFlags(resolvePreset("sinusoid")), workers: 1, command: "", versions: {}, created: "" },
    } as unknown as RowProgress["run"],
    iteration: 5,
    evaluations: [{ changes: {}, columns, record: { checkpoint: "last", iteration: 5, evaluations: [evaluation] } }],
    events: [
      { type: "validation", iteration: 1 },
      { type: "validation", iteration: 2, evaluation: { rows: [null], protocol: {} } },
      { type: "validation", iteration: 5, evaluation },
    ],
  };
  return rowResult(table, row, state);
}

it("the figures of a table are of its metric: a loss is one where it is that metric", () => {
  expect(collected("mean squared error", ["loss"], "mean squared error").cells.last!.mean).toBe(1);
  const likelihood = collected("mean squared error", ["loss", "meanSquaredError"], "negative log-likelihood");
  expect(likelihood.cells.last!.mean).toBe(2);
  expect(likelihood.curve).toEqual([{ updates: 5, mean: 2, interval: 0.5 }]);
  for (const loss of ["negative log-likelihood", "mean absolute error", undefined])
    expect(() => collected("mean squared error", ["loss"], loss)).toThrow(
      "the table shows mean squared error, and an evaluation of it has loss. Name one of these",
    );
  expect(collected("accuracy", ["loss", "accuracy"], "negative log-likelihood").cells.last!.mean).toBe(2);
});

it("a lead over a baseline is kept where the row is compared with it, at the steps that are shown", () => {
  const columns = [{ name: "last", title: "last" }];
  const row = {
    name: "one",
    learner: "one",
    train: { preset: "sinusoid", options: { iterations: 5 } },
    cells: { last: {} },
    baselines: true,
    against: ["mean"],
  } as const;
  const table: Table = { name: "mine", title: "Mine", about: "", metric: "accuracy", columns, rows: [row] };
  const figures = [{ name: "accuracy", title: "accuracy", better: "higher", share: true }] as const;
  const method = (learner: string, mean: number) => ({
    learner,
    protocol: {},
    figures,
    rows: [{ steps: 1, figures: { accuracy: { mean, interval: 0.1 } } }],
  });
  const leads = [0, 1].map((steps) => ({ steps, figures: { accuracy: { mean: steps / 4, interval: 0.01 } } }));
  const record = {
    checkpoint: "last",
    iteration: 5,
    evaluations: [method("one", 0.9), { ...method("mean", 0.65), leads }, { ...method("other", 0.5), leads }],
  };
  expect(parseEvaluationRecord(JSON.stringify(record))).toEqual(record);
  for (const broken of [{}, [{ steps: 1 }], [{ steps: 1, figures: { accuracy: 3 } }]])
    expect(
      parseEvaluationRecord(JSON.stringify({ ...record, evaluations: [{ ...method("one", 1), leads: broken }] })),
    ).toBeUndefined();
  const config = { options: toFlags(resolvePreset("sinusoid")), workers: 1, command: "", versions: {}, created: "" };
  const { baselines } = rowResult(table, row, {
    run: { config } as unknown as RowProgress["run"],
    iteration: 5,
    evaluations: [{ changes: {}, columns, record: record as unknown as EvaluationRecord }],
    events: [],
  });
  expect(baselines!.mean!.last).toEqual({ steps: 1, mean: 0.65, interval: 0.1, lead: { mean: 0.25, interval: 0.01 } });
  expect(baselines!.other!.last).toEqual({ steps: 1, mean: 0.5, interval: 0.1 });
});

it("collected results that are malformed are refused, and those that were collected are not", () => {
  const result = JSON.parse(JSON.stringify(collected("accuracy", ["accuracy"]))) as Record<string, unknown>;
  const read = (row: unknown): unknown =>
    parseCollected(JSON.stringify({ format: collectedFormat, tables: { mine: { one: row } } }), "results.json");
  expect(read(result)).toMatchObject({ tables: { mine: { one: { learner: "one" } } } });
  for (const name of Object.keys(result).filter(
    (each) => !["checkpoint", "iteration", "trainingSeconds", "evaluationSeconds"].includes(each),
  ))
    for (const value of [undefined, { toString: 1 }])
      expect(() => read({ ...result, [name]: value }), name).toThrow(/no results of a training under one/);
  for (const tables of [null, [], { mine: null }])
    expect(() => parseCollected(JSON.stringify({ format: collectedFormat, tables }), "results.json")).toThrow(
      /no object/,
    );
});
