import { learnerCatalogue } from "@innerloop/core";
import {
  buildRunLearner,
  checkFlags,
  type DataSpec,
  domainOf,
  isOfUse,
  requireUse,
  resolvePreset,
  toFlags,
} from "@innerloop/experiments";
import { describe, expect, it } from "vitest";
import { evaluationFile } from "../runs/results.js";
import { fileOfEvaluation, neededEvaluations } from "./row-evaluations.js";
import {
  checkTable,
  columnsOf,
  dataOptionOf,
  differencesFrom,
  evaluationChanges,
  fullUpdates,
  needOfFiles,
  needsOf,
  optionsAsked,
  type Row,
  type Table,
  trainingConfig,
  trainingOptions,
  withFilesAt,
} from "./table.js";
import { tables } from "./tables.js";

describe.each(tables)("the table $name", (table) => {
  it("passes the checks that a table in a file has to", () => {
    expect(checkTable(JSON.parse(JSON.stringify(table)), table.name)).toEqual(table);
  });

  it.each(table.rows)("$name: its options are valid and resolve to a training and evaluations", (row) => {
    expect(checkFlags(row.train.options, row.name)).toEqual(row.train.options);
    const options = trainingOptions(row);
    // What means nothing beside its learner stands in many rows alike, and is none of its options.
    const meant = Object.entries(row.train.options).filter(([name]) => isOfUse(name, trainingConfig(row)));
    // What it is asked for means something, and makes a run that is the row's.
    const asked = optionsAsked(row);
    const resolved = resolvePreset(row.train.preset, asked);
    expect(() => requireUse(Object.keys(asked), resolved)).not.toThrow();
    expect(differencesFrom(row, toFlags(resolved))).toEqual([]);
    expect(options).toMatchObject(Object.fromEntries(meant.filter(([, value]) => value !== undefined)));
    for (const [name, value] of meant) expect(options[name], name).toEqual(value);
    expect(fullUpdates(row)).toBe(options.iterations);
    expect(differencesFrom(row, options)).toEqual([]);
    // The option is for learners whose parameters do not depend on the ways.
    if (!learnerCatalogue[options.learner].variableWays) expect(options.trainWays).toBeUndefined();
    // What is made when it is first asked for has no remedy; everything else has one.
    const fetchedByItself = ["sinusoid", "glosses", "hanzi", "mnist", "preferences"];
    const dataOption = dataOptionOf(row);
    // What is chosen among those that come along is there, as environments are.
    const isChosen = ["choice", "variant"].includes(domainOf(trainingConfig(row)).options[dataOption]!.kind);
    const needed = [...(isChosen ? [] : [options[dataOption]]), options.backbone].filter(
      (name) => typeof name === "string" && name !== "" && !fetchedByItself.includes(name),
    );
    expect(needsOf(table, row).map(({ name }) => name)).toEqual(needed);
    const { variableWays, kinds } = learnerCatalogue[options.learner];
    expect(kinds).toContain(domainOf(trainingConfig(row)).kind);
    for (const column of columnsOf(table, row)) {
      const changed = evaluationChanges(row, column, options);
      const { ways, evalSteps, shots } = { ...options, ...changed };
      // Models with a last layer know no more classes than they were trained with.
      if (!variableWays && ways !== undefined) expect(ways).toBeLessThanOrEqual(Number(options.ways));
      const { options: asked } = column;
      expect({ ways, shots }).toEqual({ ways: asked?.ways ?? ways, shots: asked?.shots ?? shots });
      const steps = row.cells[column.name]!.steps ?? column.steps;
      if (steps !== undefined) expect(evalSteps).toContain(steps);
    }
  });

  it("learners that take no steps stand in the last column of those that show steps", () => {
    for (const row of table.rows) {
      if (columnsOf(table, row).every(({ steps }) => steps === undefined)) continue;
      const config = trainingConfig(row);
      if (learnerCatalogue[config.learner.name].takesSteps) continue;
      const channels = Number(trainingOptions(row).channels ?? 1);
      const spec = { name: "x", sha256: "", exampleShape: [28, 28, channels], trainClasses: 64 };
      const learner = buildRunLearner(config, spec as DataSpec, config);
      if (learner.steps !== undefined) continue;
      const withSteps = columnsOf(table, row).filter(({ steps }) => steps !== undefined);
      expect(withSteps, row.name).toEqual(withSteps.filter((column) => column === table.columns.at(-1)));
    }
  });

  it("every column is filled by a training, and one of them carries the baselines, in every group", () => {
    for (const group of new Set(table.rows.map((row) => row.group))) {
      const rows = table.rows.filter((row) => row.group === group);
      const filled = table.columns.filter((column) => rows.some((row) => columnsOf(table, row).includes(column)));
      if (group === undefined) expect(filled).toEqual(table.columns);
      for (const column of filled) {
        expect(
          rows.some((row) => row.baselines && columnsOf(table, row).includes(column)),
          column.name,
        ).toBe(true);
      }
    }
    expect(
      table.rows.filter(({ source, cells }) => Object.values(cells).some((cell) => cell.published) && !source),
    ).toEqual([]);
  });
});

describe("a row of data that a user has", () => {
  const melu = tables.find(({ name }) => name === "melu")!;
  const [first] = melu.rows as readonly [Row];

  it("is the same row of files at a place, which need nothing more", () => {
    expect(needOfFiles(melu, first)).toMatchObject({ kind: "data set", name: "ml-1m" });
    const placed = withFilesAt(melu, first, "my/ml-1m.zip");
    expect(needsOf(melu, placed)).toEqual([]);
    expect(trainingOptions(placed)).toEqual({ ...trainingOptions(first), ratings: "my/ml-1m.zip" });
    expect(withFilesAt(melu, placed, "elsewhere")).toBe(placed);
    const named = tables.find(({ name }) => name === "ratings")!;
    expect(needsOf(named, named.rows[0]!).map(({ name }) => name)).toEqual(["movietweetings"]);
    expect(withFilesAt(named, named.rows[0]!, "my/ml-1m.zip")).toBe(named.rows[0]);
  });

  it("says which files, in a line", () => {
    const wrong = { ...melu, data: [{ name: "ml-1m", remedy: "Take it", files: 3 }] };
    expect(() => checkTable(JSON.parse(JSON.stringify(wrong)), "x")).toThrow(/data\[0\]\.files in x is 3/);
  });
});

describe("what a row needs", () => {
  const omniglot = tables.find(({ name }) => name === "omniglot")!;
  const rowOf = (name: string): Row => omniglot.rows.find((row) => row.name === name)!;

  it("one evaluation, as it was trained, where the column asks for no more", () => {
    const row = rowOf("maml-5way-1shot");
    expect(neededEvaluations(omniglot, row, trainingOptions(row)).map(({ changes }) => changes)).toEqual([{}]);
    // A query per class said outright is the same as as many queries as shots.
    const outright = { ...trainingOptions(row), queries: 1 };
    expect(neededEvaluations(omniglot, row, outright).map(({ changes }) => changes)).toEqual([{}]);
    expect(differencesFrom(row, outright)).toEqual([]);
  });

  it("one training serves columns of other ways", () => {
    const row = rowOf("prototypical-5shot");
    const own = trainingOptions(row);
    expect(own).toMatchObject({ ways: 5, trainWays: 60, shots: 5 });
    const needed = neededEvaluations(omniglot, row, own);
    expect(needed.map(({ changes }) => changes)).toEqual([{}, { ways: 20 }]);
    const files = needed.map(({ changes }) => evaluationFile({ ...own, ...changes }, own, "best"));
    expect(files[1]).toBe("results-best-ways-20");
  });

  it("evaluations are looked for where they are: by options in order, those that the run has no value of among them", () => {
    const config = resolvePreset("movietweetings", { takenFrom: 8 });
    const changes = { shots: 10_000, queries: 1, candidates: "99" };
    expect(fileOfEvaluation({ config, options: toFlags(config) }, changes, "best")).toBe(
      "results-best-candidates-99-shots-10000-queries-1",
    );
  });

  it("evaluations that differ have names of their own", () => {
    const own = trainingOptions(rowOf("maml-5way-1shot"));
    const nameOf = (changes: object): string => evaluationFile({ ...own, ...changes }, own, "best");
    const data = ["./a/b", "./a_b", "a b", "a_b", "1_2", "1,2", "1.2"].map((name) => nameOf({ data: name }));
    const steps = [[0, 2], [0], [2]].map((evalSteps) => nameOf({ evalSteps }));
    const names = [...data, ...steps, nameOf({ data: "a".repeat(200) }), nameOf({ data: "a".repeat(201) })];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^results-best-[\w-]{1,120}$/);
  });

  it("columns of one evaluation at other steps share it", () => {
    const sinusoid = tables.find(({ name }) => name === "sinusoid")!;
    const needed = neededEvaluations(sinusoid, sinusoid.rows[0]!, trainingOptions(sinusoid.rows[0]!));
    expect(needed).toHaveLength(1);
    expect(needed[0]!.columns.map(({ name }) => name)).toEqual(["before", "1-step", "10-steps"]);
  });

  it("a run of any length is the row's, one of another learner or setting is not", () => {
    const row = rowOf("maml-5way-1shot");
    const options = trainingOptions(row);
    expect(differencesFrom(row, { ...options, iterations: 7, validateEvery: 3, workers: 2, evalTasks: 9 })).toEqual([]);
    expect(differencesFrom(row, { ...options, engine: "native", device: "cuda", workers: 1 })).toEqual([]);
    expect(differencesFrom(row, { ...options, learner: "fomaml" })).toEqual(["learner"]);
    expect(differencesFrom(row, { ...options, queries: 2, seed: 4 })).toEqual(["seed", "queries"]);
  });
});

describe("a table from a file", () => {
  const good = {
    name: "mine",
    title: "Mine",
    metric: "accuracy",
    columns: [{ name: "five", title: "5 shots", options: { shots: 5 } }],
    rows: [
      {
        name: "one",
        learner: "MAML",
        train: { preset: "hanzi", options: { iterations: 10 } },
        cells: { five: { published: "98.0" } },
      },
    ],
  };
  const row = good.rows[0]!;
  const withRow = (change: object): object => ({ ...good, rows: [{ ...row, ...change }] });

  it("is read as it is", () => {
    expect(checkTable(good, "mine.json")).toEqual({ ...good, about: "" } satisfies Table | object);
    const options = trainingOptions(checkTable(good, "mine.json").rows[0]!);
    expect(options).toEqual({ ...toFlags(resolvePreset("hanzi")), iterations: 10 });
    expect(options.data).toBe("hanzi");
  });

  it.each([
    [[], /mine\.json is \[\]\. An object is needed/],
    [{ ...good, name: "../up" }, /name in mine\.json is "\.\.\/up"\. Use small letters/],
    [{ ...good, colums: [] }, /mine\.json has an unknown colums\. Did you mean columns\?/],
    [{ ...good, metric: "f1" }, /metric in mine\.json is "f1", which evaluations of one do not have\. Give accuracy/],
    [{ ...good, rows: [] }, /rows in mine\.json is \[\]\. A list of at least one/],
    [{ ...good, rows: [row, row] }, /mine\.json has two rows named one/],
    [
      { ...good, rows: [row, { ...row, name: "two" }] },
      /one and two in mine\.json both fill five of MAML|two and one in mine\.json both fill five of MAML/,
    ],
    [withRow({ name: "a/b" }), /rows\[0\]\.name in mine\.json is "a\/b"/],
    [
      withRow({ cells: { six: {} } }),
      /rows\[0\]\.cells\.six in mine\.json is about a column that is not there\. Columns are five/,
    ],
    [withRow({ cells: {} }), /rows\[0\] in mine\.json serves no column/],
    [
      withRow({ cells: { five: { options: { learner: "anil" } } } }),
      /options in mine\.json has learner, which training settles/,
    ],
    [
      withRow({ cells: { five: { options: { ways: 9 } } } }),
      /five in mine\.json has 9 ways, and maml of one tells 5 classes apart\. Give the row ways 9 or more/,
    ],
    [withRow({ cells: { five: { steps: -1 } } }), /steps in mine\.json is -1/],
    [withRow({ train: { preset: "omniglt", options: {} } }), /train\.preset in mine\.json is "omniglt"/],
    [withRow({ train: { preset: "hanzi", options: {} } }), /does not say how many updates it has in full/],
    [
      withRow({ train: { preset: "hanzi", options: { iterations: 0 } } }),
      /iterations in rows\[0\]\.train\.options .* is 0/,
    ],
    [
      withRow({ train: { preset: "hanzi", options: { iterations: 1, learnr: "anil" } } }),
      /unknown option "learnr"\. Did you mean learner\?/,
    ],
    [
      { ...good, columns: [{ ...good.columns[0], steps: 3 }] },
      /one in mine\.json is evaluated after 0, 1, 5, 10 steps, and its column five shows 3\. Name them in evalSteps/,
    ],
    [withRow({ cells: { five: { steps: 20, options: { evalSteps: [2, 4] } } } }), /after 2, 4 steps, .* shows 20/],
    [
      { ...good, metric: "mean squared error" },
      /metric in mine\.json is "mean squared error", which evaluations of one do not have\. Give accuracy/,
    ],
    [
      withRow({ train: { preset: "sinusoid", options: { iterations: 1 } } }),
      /metric in mine\.json is "accuracy", which evaluations of one do not have\. Give mean squared error/,
    ],
  ])("refuses %j", (value, message) => {
    expect(() => checkTable(value, "mine.json")).toThrow(message);
  });

  it("may show any steps of learners that take none", () => {
    const options = { iterations: 10, learner: "prototypical" };
    const columns = [{ ...good.columns[0], steps: 3 }];
    const table = { ...withRow({ train: { preset: "hanzi", options } }), columns };
    expect(checkTable(table, "mine.json").rows[0]!.train.options).toEqual(options);
  });

  it("does not ask for what means nothing beside a row's other options", () => {
    const options = { iterations: 10, learner: "prototypical", steps: 3, innerRate: 0.1, shots: 2 };
    const [read] = checkTable(withRow({ train: { preset: "hanzi", options } }), "mine.json").rows;
    expect(optionsAsked(read!)).toEqual({ iterations: 10, learner: "prototypical", shots: 2 });
  });
});
