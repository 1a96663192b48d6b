import { describe, expect, it } from "vitest";
import type { CellResult, RowResult } from "./collected-results.js";
import { checkTable, columnFigures } from "./table.js";
import { filesText, lineTitle, type RowResults, tableLines } from "./table-lines.js";

const row = (name: string, learner: string, group: string, more: object = {}): object => ({
  name,
  learner,
  group,
  train: { preset: "hanzi", options: { iterations: 100 } },
  cells: { one: {}, five: {} },
  ...more,
});

const compared = { baselines: true, against: ["centroid"] };

const table = checkTable(
  {
    name: "folds",
    title: "Two folds and another set",
    about: "Made up.",
    metric: "accuracy",
    columns: [
      { name: "one", title: "1-shot", options: { shots: 1 } },
      { name: "five", title: "5-shot", options: { shots: 5 } },
    ],
    rows: [
      row("a1", "A", "fold 1", compared),
      row("b1", "B", "fold 1"),
      row("a2", "A", "fold 2", compared),
      row("b2", "B", "fold 2"),
      row("other", "A", "another"),
    ],
    means: [{ title: "mean of the folds", groups: ["fold 1", "fold 2"] }],
  },
  "folds.json",
);

const cell = (mean: number, interval: number, lead?: CellResult["lead"]): CellResult => ({
  steps: 0,
  mean,
  interval,
  ...(lead ? { lead } : {}),
});

const result = (cells: RowResult["cells"], more: Partial<RowResult> = {}): RowResult => ({
  learner: "",
  updates: 100,
  fullUpdates: 100,
  seed: 0,
  cells,
  protocols: {},
  workers: 1,
  command: "",
  versions: {},
  created: "",
  curve: [],
  ...more,
});

const centroid = (mean: number, lead: number): NonNullable<RowResult["baselines"]> => ({
  centroid: { one: cell(mean, 0.01, { mean: lead, interval: 0.003 }), five: cell(0.9, 0.01) },
});

const results: RowResults = {
  a1: result({ one: cell(0.8, 0.03), five: cell(0.9, 0.01) }, { baselines: centroid(0.75, 0.05) }),
  a2: result({ one: cell(0.6, 0.04), five: cell(0.8, 0.01) }, { updates: 40, baselines: centroid(0.65, -0.05) }),
  b1: result({ one: cell(0.5, 0.01), five: cell(0.5, 0.01) }),
};

const drawn = tableLines(table, results).map((line) => ({
  line: `${line.group}: ${lineTitle(line)}`,
  cells: line.cells.map((each) => each?.figure && [each.figure.mean, each.figure.interval]),
  shortened: line.cells.map((each) => each?.shortened ?? false),
}));
const cellsOf = (line: string) => drawn.find((each) => each.line === line);

describe("the lines of a table in groups", () => {
  it("stand under their group, each with its baselines, and the means over groups below", () => {
    expect(drawn.map(({ line }) => line)).toEqual([
      "fold 1: A",
      "fold 1: ahead of centroid",
      "fold 1: B",
      "fold 1: centroid",
      "fold 2: A",
      "fold 2: ahead of centroid",
      "fold 2: B",
      "fold 2: centroid",
      "another: A",
      "mean of the folds: A",
      "mean of the folds: ahead of centroid",
      "mean of the folds: B",
      "mean of the folds: centroid",
    ]);
  });

  it("have of each group the baselines that its own rows carry", () => {
    expect(cellsOf("fold 1: centroid")!.cells[0]).toEqual([0.75, 0.01]);
    expect(cellsOf("fold 2: centroid")!.cells[0]).toEqual([0.65, 0.01]);
  });

  it("have the paired difference as it was evaluated, where it was", () => {
    expect(cellsOf("fold 1: ahead of centroid")!.cells).toEqual([[0.05, 0.003], undefined]);
    expect(cellsOf("fold 2: ahead of centroid")!.cells).toEqual([[-0.05, 0.003], undefined]);
  });

  it("are averaged with the interval of a mean of independent means, shortened if one is", () => {
    const mean = cellsOf("mean of the folds: A")!;
    expect(mean.cells[0]![0]).toBeCloseTo(0.7, 10);
    // sqrt(0.03^2 + 0.04^2) / 2
    expect(mean.cells[0]![1]).toBeCloseTo(0.025, 10);
    expect(mean.shortened).toEqual([true, true]);
    const lead = cellsOf("mean of the folds: ahead of centroid")!;
    expect(lead.cells[0]![0]).toBeCloseTo(0, 10);
    expect(lead.cells[0]![1]).toBeCloseTo(0.003 / Math.SQRT2, 10);
  });

  it("have no mean where a group is not run", () => {
    expect(cellsOf("mean of the folds: B")!.cells).toEqual([undefined, undefined]);
  });
});

describe("a table in groups", () => {
  const good = { ...table, rows: [row("a1", "A", "fold 1"), row("a2", "A", "fold 2")] };
  it.each([
    [
      { ...good, rows: [row("a1", "A", "fold 1"), row("a2", "A", "fold 1")], means: undefined },
      /a1 and a2 .* both fill one of A/,
    ],
    [
      { ...good, means: [{ title: "m", groups: ["fold 3"] }] },
      /means\[0\]\.groups .* has "fold 3", which no row is of/,
    ],
    [{ ...good, means: [{ title: "m", groups: ["fold 1", "fold 1"] }] }, /has "fold 1" twice/],
    [{ ...good, means: [{ title: "fold 1", groups: ["fold 2"] }] }, /two headings "fold 1"/],
    [
      { ...good, rows: [row("a1", "A", "fold 1", { against: ["centroid"] })] },
      /compared with centroid, .* no baselines/,
    ],
    [
      { ...good, columns: [{ name: "one", title: "1", metric: "accurcy" }, table.columns[1]] },
      /metric of the column one .* is "accurcy", which evaluations of a1 do not have\. Give accuracy/,
    ],
    [{ ...good, backbones: [{ name: "minilm" }] }, /backbones\[0\]\.remedy .* is not there/],
  ])("is refused where it is not one: %#", (value, message) => {
    expect(() => checkTable(value, "mine.json")).toThrow(message);
  });

  it("may have a column that no row fills yet", () => {
    const rows = [row("a1", "A", "fold 1", { cells: { one: {} } })];
    const read = checkTable({ ...good, rows, means: undefined }, "mine.json");
    expect(columnFigures(read).map(({ title }) => title)).toEqual(["accuracy", "accuracy"]);
  });

  it("may show another figure of the same evaluation in a column of its own", () => {
    const columns = [table.columns[0], { name: "five", title: "calibration", metric: "calibration error" }];
    const read = checkTable({ ...good, columns }, "mine.json");
    expect(columnFigures(read).map(({ title, better }) => [title, better])).toEqual([
      ["accuracy", "higher"],
      ["calibration error", "lower"],
    ]);
  });
});

it("the files of a user's are told once, and where rows are of different ones", () => {
  const of = (files: string): RowResults[string] => result({}, { files });
  expect(filesText(results)).toBeUndefined();
  expect(filesText({ ...results, a1: of("ml-1m (sha256 0)"), a2: of("ml-1m (sha256 0)") })).toBe("on ml-1m (sha256 0)");
  expect(filesText({ a1: of("ml-1m (sha256 0)"), a2: of("ml-1m (sha256 1)") })).toBe(
    "rows are of different files: ml-1m (sha256 0); ml-1m (sha256 1)",
  );
});
