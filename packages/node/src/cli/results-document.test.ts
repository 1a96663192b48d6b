import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  type CollectedResults,
  checkTable,
  parseCollected,
  type RowResult,
  type Table,
  tables,
} from "@innerloop/experiments/published";
import { describe, expect, it, test } from "vitest";
import { reproducedTable } from "./reproduce-table.js";
import { resultsDocument, resultsPictures } from "./results-document.js";
import { runsDocument } from "./results-runs.js";
import { paintFor } from "./terminal.js";

const root = new URL("../../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const documents = ["README.md", "ARCHITECTURE.md", ...readdirSync(new URL("docs", root)).flatMap(docFile)];

function docFile(name: string): string[] {
  return name.endsWith(".md") ? [`docs/${name}`] : [];
}

describe("docs/results.md", () => {
  it("is what docs/results.json gives, as are the runs: run node packages/node/bin/innerloop.js reproduce --report docs", () => {
    const collected = parseCollected(read("docs/results.json"), "docs/results.json");
    expect(read("docs/results.md")).toBe(resultsDocument(tables, collected));
    expect(read("docs/results-runs.md")).toBe(runsDocument(tables, collected));
    for (const [name, svg] of Object.entries(resultsPictures(tables, collected)))
      expect(read(`docs/${name}`)).toBe(svg);
  });

  it("has the accuracies that the README tells", () => {
    const told = [...read("README.md").matchAll(/\d+\.\d% ± \d+\.\d/g)].map(([figure]) => figure);
    const results = read("docs/results.md");
    expect(told.filter((figure) => !results.includes(figure))).toEqual([]);
  });
});

it("links and pictures of the documents are there", () => {
  for (const document of documents) {
    // Code holds no links, whatever it looks like.
    const prose = read(document).replace(/^ *```[\s\S]*?^ *```|^ {4}.*$|`[^`\n]*`/gm, "");
    for (const [, target] of prose.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)) {
      expect(existsSync(new URL(target!, new URL(document, root))), `${document}: ${target}`).toBe(true);
    }
  }
});

const table = checkTable(
  {
    name: "demo",
    title: "Demo",
    metric: "accuracy",
    columns: [
      { name: "five", title: "5-way" },
      { name: "twenty", title: "20-way" },
    ],
    rows: [
      demoRow("a-5", "A", { five: { published: "98.7 ± 0.4" } }, { source: "Paper 1 2017", baselines: true }),
      demoRow("a-20", "A", { twenty: { published: "95.8" } }, { source: "Paper 2 2018" }),
      demoRow("b", "B", { five: {}, twenty: {} }),
    ],
  },
  "demo",
);

function demoRow(name: string, learner: string, cells: object, more: object = {}): object {
  return { name, learner, train: { preset: "hanzi", options: { iterations: 60_000 } }, cells, ...more };
}

/** Errors 2 n^-0.5 at 1,000, 2,000, ... updates. */
const curve = Array.from({ length: 10 }, (_, i) => ({
  updates: 1000 * (i + 1),
  mean: 1 - 2 * (1000 * (i + 1)) ** -0.5,
  interval: 0.01,
}));

const result = (learner: string, updates: number, more: Partial<RowResult>): RowResult => ({
  learner,
  updates,
  fullUpdates: 60_000,
  checkpoint: "best",
  iteration: updates,
  seed: 0,
  cells: {},
  protocols: {},
  trainingSeconds: 75,
  evaluationSeconds: 5,
  peakBytes: 500 * 2 ** 20,
  workers: 2,
  command: `innerloop train hanzi --iterations ${updates}`,
  versions: { innerloop: "0.1.0", commit: "0123456789ab", onnxruntime: "1.30.0", node: "20.0.0" },
  created: "2026-11-21T19:00:00.000Z",
  curve,
  ...more,
});

const cell = (mean: number, steps = 10) => ({ steps, mean, interval: 0.006 });
const demo: CollectedResults = {
  format: "innerloop results 1",
  tables: {
    demo: {
      "a-5": result("A", 10_000, {
        cells: { five: cell(0.979) },
        protocols: { five: "accuracy on 600 tasks: 5-way; mean ± 95% interval; seed 0" },
        baselines: { "nearest neighbour": { five: cell(0.426, 0) }, "from scratch": { five: cell(0.551, 50) } },
      }),
      b: result("B", 60_000, { cells: { five: cell(0.99, 0), twenty: cell(0.95, 0) } }),
      gone: result("gone", 10, { cells: { five: cell(0.1) } }),
    },
    removed: { a: result("removed", 10, {}) },
  },
};

describe("a results document", () => {
  const all = [table, { ...table, name: "later", title: "Later" }];
  const text = resultsDocument(all, demo);
  const lines = text.split("\n");

  it("has our figures beside the published ones with their sources, and the share of shorter trainings", () => {
    expect(lines).toContain("|  | 5-way | published (%) | 20-way | published (%) | trained for | source |");
    expect(lines).toContain(
      "| A | **97.9% ± 0.6** (10) | 98.7 ± 0.4 | not run | 95.8 | 17% | Paper 1 2017; Paper 2 2018 |",
    );
    expect(lines).toContain("| B | **99.0% ± 0.6** |  | **95.0% ± 0.6** |  | 100% |  |");
  });

  it("has the baselines, the protocol, and the command", () => {
    expect(lines).toContain("| nearest neighbour (pixels) | 42.6% ± 0.6 |  |  |  |  |  |");
    expect(lines).toContain("| from scratch | 55.1% ± 0.6 (50) |  |  |  |  |  |");
    expect(lines).toContain("- 5-way: accuracy on 600 tasks: 5-way.");
    expect(lines).toContain("Made by `innerloop reproduce demo`.");
  });

  it("leaves out what the tables no longer have, and names what was never run", () => {
    expect(text).not.toMatch(/gone|removed/);
    expect(text).toMatch(/## Not run yet\n\n- Later: `innerloop reproduce later`\n$/);
  });
});

it("a table that is about curves has a picture of them, which results.md shows", () => {
  const curve = (...means: number[]) => means.map((mean, i) => ({ updates: 10 * (i + 1), mean, interval: 0.1 }));
  const trained = (learner: string, ...means: number[]) => ({
    ...result(learner, 30, { cells: { five: cell(0.9) } }),
    curve: curve(...means),
  });
  const compared: Table = {
    ...table,
    name: "compared",
    curves: "updates of 20 tasks",
    rows: ["a-0", "a-1", "b-0"].map((name) => demoRow(name, name[0]!, { five: {} }, { group: name.slice(2) })) as never,
  };
  const rows = { "a-0": trained("a", 0.2, 0.4, 0.5), "a-1": trained("a", 0.4, 0.6), "b-0": trained("b", 0.1, 0.3) };
  const collected: CollectedResults = { format: "innerloop results 1", tables: { compared: rows } };
  const text = resultsDocument([checkTable({ ...compared, about: "Of curves." }, "compared")], collected);
  expect(text).toContain("![Demo: validations along training](results-compared.svg)");
  const svg = resultsPictures([compared], collected)["results-compared.svg"]!;
  // Two lines, of the updates that all trainings of a learner have; of b there is one training, which has no spread.
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points!.split(" ").length);
  expect(lines).toEqual([2, 2]);
  expect(svg).toContain("mean over 1 or 2 trainings");
  expect(svg.match(/<circle/g)).toHaveLength(4);
  expect(resultsPictures([table], demo)).toEqual({});
});

describe("the runs behind it", () => {
  const text = runsDocument([table], demo);
  const lines = text.split("\n");

  it("say how each was made, and with what", () => {
    expect(lines).toContain("1. innerloop 0.1.0 (0123456789ab), onnxruntime 1.30.0, Node 20.0.0, 2 workers");
    expect(lines).toContain("- 5-way (a-5): accuracy on 600 tasks: 5-way; mean ± 95% interval; seed 0.");
    expect(lines).toContain(
      "| `a-5` | 10,000 of 60,000 | 10,000 (best) | 1 min 15 s | 5.0 s | 500 MiB | 0 | 2026-11-21 | 1 |",
    );
    expect(lines).toContain("    innerloop train hanzi --iterations 10000");
    expect(text).not.toMatch(/gone|removed/);
  });

  it("are extrapolated where they are shorter, with five validations at least", () => {
    const end = 1 - 2 * 60_000 ** -0.5;
    const [line] = lines.filter((each) => each.includes("Extrapolation, not a result"));
    const [, extrapolated] = /not a result: (\d+\.\d)% after 60,000 updates \(error = /.exec(line!)!;
    expect(Number(extrapolated)).toBeCloseTo(100 * end, 0);
    expect(line).toMatch(/^- `a-5`: validation accuracy 93\.7% ± 1\.0 after 1,000, .*98\.0% ± 1\.0 after 10,000\. /);
    expect(text.match(/Extrapolation/g)).toHaveLength(1);
    const cut = (points: number): string => {
      const shorter = { ...demo.tables.demo!["a-5"]!, curve: curve.slice(0, points) };
      return runsDocument([table], { ...demo, tables: { demo: { "a-5": shorter } } });
    };
    expect(cut(5)).toMatch(/Too short to extrapolate from: the full training has more than 10 times the updates/);
    expect(cut(4)).toMatch(/Too few points to extrapolate from/);
  });
});

describe("collected results", () => {
  it("are refused where results.json is something else", () => {
    expect(() => parseCollected("{}", "docs/results.json")).toThrow(
      /docs\/results\.json does not hold collected results/,
    );
    expect(() => parseCollected("nonsense", "x")).toThrow(/x does not hold collected results/);
  });
});

it("a table on a terminal has the published figures below ours", () => {
  const drawn = reproducedTable(table, demo.tables.demo!, paintFor(false)).split("\n");
  expect(drawn.map((line) => line.replace(/ {2,}/g, "  "))).toEqual([
    "  5-way  20-way  updates",
    "  A  97.9% ± 0.6†  not run  10,000 of 60,000",
    "  published  98.7 ± 0.4  95.8  Paper 1 2017; Paper 2 2018",
    "  B  99.0% ± 0.6  95.0% ± 0.6  60,000",
    "  nearest neighbour (pixels)  42.6% ± 0.6",
    "  from scratch  55.1% ± 0.6",
    "  † fewer updates than the full training",
  ]);
});

it("a table says what stands behind it, counts classes, and marks what failed or was made worse", () => {
  const pool = { of: "classes", count: 423, examples: 8460 } as const;
  const wider = { ...cell(0.95, 0), poolInterval: 0.011 };
  const rows = { b: result("B", 60_000, { cells: { five: cell(0.99, 0), twenty: wider }, pool }) };
  const drawn = reproducedTable(table, rows, paintFor(false), new Set(["a-5"])).split("\n");
  expect(drawn.map((line) => line.replace(/ {2,}/g, "  "))).toEqual([
    "  5-way  20-way  updates",
    "  A  failed  not run",
    "  published  98.7 ± 0.4  95.8  Paper 1 2017; Paper 2 2018",
    "  B  99.0% ± 0.6  95.0% ± 0.6  60,000",
    "  ± for other classes  ± 1.1",
    "  from 423 held-out classes (8,460 examples)",
  ]);
  const text = resultsDocument([table], { format: "innerloop results 1", tables: { demo: rows } });
  expect(text).toContain("**95.0% ± 0.6 [± 1.1]**");

  const curves = {
    ...table,
    columns: [
      { name: "five", title: "before", steps: 0 },
      { name: "twenty", title: "1 step", steps: 1 },
    ],
  };
  const worse = { b: result("B", 60_000, { cells: { five: cell(0.5, 0), twenty: cell(0.4, 1) }, pool }) };
  expect(reproducedTable(curves, worse, paintFor(false))).toMatch(
    /B: adaptation makes held-out tasks no better: accuracy is 50\.0% before, 40\.0% after 1 step; best without adapting/,
  );
});

describe("a table in groups", () => {
  const row = (name: string, group: string): object => ({
    ...demoRow(name, "A", { five: {} }),
    group,
    baselines: true,
    against: ["centroid"],
  });
  const grouped = checkTable(
    {
      name: "grouped",
      title: "Grouped",
      metric: "accuracy",
      columns: [{ name: "five", title: "5-way" }],
      rows: [row("x", "tweets"), row("y", "films")],
      means: [{ title: "mean of both", groups: ["tweets", "films"] }],
    },
    "grouped",
  );
  const of = (mean: number, baseline: number): RowResult =>
    result("A", 60_000, {
      cells: { five: { ...cell(mean, 0), interval: 0.02, poolInterval: null } },
      baselines: { centroid: { five: { ...cell(baseline, 0), lead: { mean: mean - baseline, interval: 0.01 } } } },
      pool: { of: "domains", count: 1, examples: 900 },
    });
  const rows = { x: of(0.7, 0.75), y: of(0.9, 0.75) };

  it("has headings with what each is from, leads with their sign, and means, on a terminal", () => {
    const drawn = reproducedTable(grouped, rows, paintFor(false)).split("\n");
    expect(drawn.map((line) => line.replace(/ {3,}/g, "  ").trim())).toEqual([
      "5-way  updates",
      "",
      "tweets  from 1 held-out domain (900 examples)",
      "A  70.0% ± 2.0  60,000",
      "ahead of centroid  -5.0% ± 1.0",
      "centroid  75.0% ± 0.6",
      "",
      "films  from 1 held-out domain (900 examples)",
      "A  90.0% ± 2.0  60,000",
      "ahead of centroid  +15.0% ± 1.0",
      "centroid  75.0% ± 0.6",
      "",
      "mean of both",
      "A  80.0% ± 1.4",
      "ahead of centroid  +5.0% ± 0.7",
      "centroid  75.0% ± 0.4",
    ]);
  });

  it("has them in the document, with the best of each group marked and what they are made of said", () => {
    const text = resultsDocument([grouped], { format: "innerloop results 1", tables: { grouped: rows } });
    const lines = text.split("\n");
    const from = lines.indexOf("| *tweets* |  |  |");
    expect(lines.slice(from, from + 12)).toEqual([
      "| *tweets* |  |  |",
      "| A | 70.0% ± 2.0 | 100% |",
      "| A, ahead of centroid | -5.0% ± 1.0 |  |",
      "| centroid | **75.0% ± 0.6** |  |",
      "| *films* |  |  |",
      "| A | **90.0% ± 2.0** | 100% |",
      "| A, ahead of centroid | +15.0% ± 1.0 |  |",
      "| centroid | 75.0% ± 0.6 |  |",
      "| *mean of both* |  |  |",
      "| A | **80.0% ± 1.4** | 100% |",
      "| A, ahead of centroid | +5.0% ± 0.7 |  |",
      "| centroid | 75.0% ± 0.4 |  |",
    ]);
    expect(text).toMatch(/"Ahead of" is the figure less the baseline's, task by task[\s\S]*independent means/);
  });
});

test("the interval of an error that reaches below 0 makes no figure a leading one", () => {
  const errors = { ...table, metric: "negative log-likelihood" };
  const of = (mean: number, interval: number) => ({ five: { steps: 10, mean, interval } });
  const text = resultsDocument([errors], {
    format: "innerloop results 1",
    tables: {
      demo: {
        "a-5": result("A", 60_000, { cells: of(202.7, 396) }),
        b: result("B", 60_000, { cells: of(0.01, 0.005) }),
      },
    },
  });
  expect(text).toContain("| A | 202.700 ± 396.000 (10) |");
  expect(text).toContain("| B | **0.010 ± 0.005** (10) |");
});
