import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { paths, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import { allClasses } from "../domains/classification/all-classes.js";
import { augmentImages } from "../domains/classification/augmentation.js";
import { episodes } from "../domains/classification/episodes.js";
import { labelledExamples } from "../domains/classification/labelled-examples.js";
import { openSetEpisodes } from "../domains/classification/open-set-episodes.js";
import { semiSupervisedEpisodes, withoutUnlabelled } from "../domains/classification/semi-supervised-episodes.js";
import { curveTasks } from "../domains/curves/curve-tasks.js";
import { gaussianProcesses, harmonics, lines, steps } from "../domains/curves/regression-families.js";
import { sinusoids } from "../domains/curves/sinusoid.js";
import { groupedRegression } from "../domains/tables/grouped-regression.js";
import { domainTasks } from "../domains/text/domain-tasks.js";
import { wordDropout } from "../domains/text/word-dropout.js";
import { random } from "../random/random.js";
import { sampleTasks } from "../training/task-batch.js";
import { specOf } from "./source-spec.js";
import type { DescribedTaskSource, TaskSource } from "./task.js";
import { classesIn, symbolicTask, type TaskSpec, type TensorSpec, targetColumns } from "./task-spec.js";

const images = labelledExamples({
  name: "images",
  exampleShape: [4, 4, 1],
  classes: Array.from({ length: 8 }, (_, c) => ({
    name: `kind ${c}`,
    examples: Uint8Array.from({ length: 16 * (6 + c) }, (_, i) => (37 * i + 11 * c) % 256),
  })),
});
const range = { from: 1, to: 3 };
/** Lists of four ids, with padding. */
const requests = labelledExamples({
  name: "requests",
  exampleShape: [4],
  ids: { count: 50 },
  classes: Array.from({ length: 5 }, (_, c) => ({
    name: `intent ${c}`,
    examples: Int32Array.from({ length: 4 * (5 + c) }, (_, i) => (i % 4 > 1 + (i % 3) ? 0 : (7 * i + c) % 50)),
  })),
});
/** The same classes everywhere. */
const domains = ["books", "films"].map((name) => ({ name, data: requests }));

const rows = Array.from({ length: 60 }, (_, i) => i);
const table = {
  name: "rides",
  columns: {
    driver: rows.map((i) => `d${i % 6}`),
    kilometres: rows.map((i) => random(1, i).uniform(1, 20)),
    minutes: rows.map((i) => random(2, i).uniform(5, 60)),
    weather: rows.map((i) => ["dry", "rain", "snow"][i % 3]!),
  },
};
const columns = { groupColumn: "driver", inputs: ["kilometres"], targets: ["minutes"] };

/** Every function of the library that makes a source, by its name. */
const sources: Readonly<Record<string, readonly DescribedTaskSource[]>> = {
  episodes: [
    episodes(images, { ways: 3, shots: 2, queries: 1 }),
    episodes(images, { ways: { from: 2, to: 4 }, shots: range, queries: 2 }),
    episodes(images, { ways: 3, shots: 2, queries: 1, augment: augmentImages({ flip: 0.5 }) }),
    episodes(requests, { ways: 3, shots: 2, queries: 1, augment: wordDropout(0.3) }),
  ],
  openSetEpisodes: [
    openSetEpisodes(images, { ways: 2, shots: 1, queries: 2, unknownClasses: 3 }),
    openSetEpisodes(requests, { ways: 2, shots: 1, queries: 2, unknown: requests }),
  ],
  semiSupervisedEpisodes: [semiSupervisedEpisodes(images, { ways: 3, shots: 1, queries: 1, unlabelled: 2 })],
  withoutUnlabelled: [
    withoutUnlabelled(semiSupervisedEpisodes(images, { ways: 2, shots: 1, queries: 1, unlabelled: 2 })),
    withoutUnlabelled(episodes(images, { ways: 2, shots: 1, queries: 1 })),
  ],
  allClasses: [allClasses(images, { batch: 7 })],
  domainTasks: [
    domainTasks(domains, { shots: 2, queries: 3 }),
    domainTasks(domains, { shots: 0, queries: 3 }),
    domainTasks(domains, { shots: { from: 0, to: 3 }, queries: 3 }),
    domainTasks(domains, { labels: "shuffled", ways: 2, shots: 1, queries: { from: 1, to: 3 } }),
  ],
  curveTasks: [
    curveTasks(
      {
        name: "parabolas",
        description: {},
        curve: (source) => ({ input: () => source.uniform(-1, 1), values: (x) => x.map((v) => v * v) }),
      },
      { shots: range },
    ),
  ],
  sinusoids: [sinusoids(), sinusoids({ shots: 3, queries: { from: 2, to: 9 } })],
  harmonics: [harmonics()],
  lines: [lines({ x: [2, 3], noise: 0.1 })],
  steps: [steps({ x: [0, 1] })],
  gaussianProcesses: [gaussianProcesses({ shots: 4 })],
  groupedRegression: [
    ...Object.values(groupedRegression(table, { ...columns, shots: 3 }).tasks),
    groupedRegression(table, { ...columns, inputs: ["kilometres", "weather"], shots: 3 }).tasks.train,
    ...Object.values(groupedRegression(table, { ...columns, shots: range, queries: 2, standardize: false }).tasks),
  ],
};

const cases = Object.entries(sources).flatMap(([name, list]) =>
  list.map((source, i) => [`${name} ${i}`, source] as const),
);

describe("sources of the library", () => {
  test("are all in the table", () => {
    const folder = fileURLToPath(new URL("../domains", import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
      /(?<!\.test)\.ts$/.test(file),
    );
    const makers = files.flatMap((file) =>
      Array.from(
        readFileSync(join(folder, file), "utf8").matchAll(/^export function (\w+)\([^;]*?\): (\w+) \{$/gm),
        ([, name, result]) => ({ name: name!, result: result! }),
      ),
    );
    const found = makers.filter(({ result }) => /TaskSource|GroupedRegression/.test(result));
    expect(found.map(({ name }) => name).sort()).toEqual(Object.keys(sources).sort());
  });

  test.each(cases)("%s: its tasks are as its spec says", (_name, source) => {
    const { spec } = source;
    expect(specOf(source)).toBe(spec);
    let [sawPadding, sawNone] = [false, { support: false, query: false }];
    for (let index = 0; index < 40; index++) {
      const task = source.sample(3, index);
      for (const set of ["support", "query"] as const) {
        const { x, y, present } = task[set];
        for (const [values, leaf] of [
          [x, spec.x],
          [y, spec.y],
        ] as const) {
          expect(values.shape).toEqual([spec[set].rows, ...leaf.shape]);
          expect(values.dtype).toBe(leaf.dtype);
          if (leaf.range)
            for (const value of values.data as Float32Array) {
              expect(value).toBeGreaterThanOrEqual(Math.fround(leaf.range.least));
              expect(value).toBeLessThanOrEqual(Math.fround(leaf.range.most));
            }
          if (leaf.columns) expect(leaf.columns).toHaveLength(leaf.shape.at(-1)!);
        }
        expect(present !== undefined).toBe(spec[set].present === true);
        if (present) sawPadding ||= (present.data as Float32Array).includes(0);
        const { classes } = spec.y;
        if (!classes) continue;
        const labels = Array.from(y.data as Int32Array);
        if (labels.includes(-1)) sawNone = { ...sawNone, [set]: true };
        expect(labels.every((label) => label >= -1 && label < classes.count)).toBe(true);
      }
    }
    // What may occur does, and nothing else.
    const padded = spec.support.present === true || spec.query.present === true;
    expect(sawPadding || source.description.unlabelledUsed === false).toBe(padded);
    expect(sawNone).toEqual({ support: spec.unlabelled === true, query: spec.openSet === true });
    // As training draws them, which holds them to it.
    expect(sampleTasks(source, 3, 0, 4).support.y.shape[0]).toBe(4);
  });

  test("say what their numbers mean", () => {
    const { spec } = sources.groupedRegression![0]!;
    expect(targetColumns(spec)).toEqual([{ name: "minutes", mean: expect.any(Number), deviation: expect.any(Number) }]);
    expect(spec.x.columns?.[0]?.name).toBe("kilometres");
    expect(sources.allClasses![0]!.spec.y.classes?.names).toEqual(images.classes.map(({ name }) => name));
    expect(classesIn(sources.episodes![1]!.spec)).toBe(4);
    expect(sources.episodes!.map(({ spec: { x } }) => x.range)).toEqual([
      { least: 0, most: 1 },
      { least: 0, most: 1 },
      undefined,
      { least: 0, most: 49 },
    ]);
    expect(sources.sinusoids![0]!.spec.x.range).toEqual({ least: -5, most: 5 });
  });

  test("a task without values has the shapes of one with", () => {
    const [, source] = sources.episodes!;
    const [without, sampled] = [symbolicTask(source!.spec), source!.sample(1, 0)];
    const shown = (tree: Tree): string[] => paths(tree);
    expect(shown(without)).toEqual(shown(sampled));
    expect(without.query.x.shape).toEqual(sampled.query.x.shape);
    expect(without.query.x.data).toBeUndefined();
  });
});

describe("a source of one's own", () => {
  const example = { x: tensor([[1, 2]]), y: tensor([0], [1], "int32") };
  const own = { name: "own", description: {} };

  test("that says nothing of its tasks is looked at once, at its first task", () => {
    const drawn: number[] = [];
    const source: TaskSource = {
      ...own,
      sample: (_seed, index) => {
        drawn.push(index);
        return { support: example, query: example };
      },
    };
    const spec = specOf(source, { seed: 5 });
    expect(spec).toEqual({
      x: { shape: [2], dtype: "float32" },
      y: { shape: [], dtype: "int32" },
      support: { rows: 1 },
      query: { rows: 1 },
    });
    expect(specOf(source)).toBe(spec);
    expect(drawn).toEqual([0]);
  });

  const right: TaskSpec = {
    x: { shape: [2], dtype: "float32" },
    y: { shape: [], dtype: "int32", classes: { count: 2 } },
    support: { rows: 1 },
    query: { rows: 1 },
  };
  const source = (spec: unknown, more: object = {}): TaskSource =>
    ({ ...own, ...more, spec, sample: () => ({ support: example, query: example }) }) as TaskSource;
  const withX = (x: object): unknown => ({ ...right, x });

  test.each([
    ["spec.support.rows is undefined", source({})],
    ["spec.query.rows is 0", source({ ...right, query: { rows: 0 } })],
    ["spec.x is no description of a tensor", source({ ...right, x: tensor(1) })],
    ["spec.x has no parts", source(withX({}))],
    ["spec.x.tokens is no description of a tensor", source(withX({ tokens: 3 }))],
    ['spec.x.dtype is "float"', source(withX({ shape: [2], dtype: "float" }))],
    ["spec.x.shape is [-1]", source(withX({ shape: [-1], dtype: "float32" }))],
    ["spec.x has 2 classes in float32", source(withX({ shape: [], dtype: "float32", classes: { count: 2 } }))],
    [
      "spec.x has 1 names of 2 classes",
      source(withX({ shape: [], dtype: "int32", classes: { count: 2, names: ["a"] } })),
    ],
    [
      "spec.x has 1 columns in the shape [2]",
      source(withX({ shape: [2], dtype: "float32", columns: [{ name: "a", mean: 0, deviation: 1 }] })),
    ],
    ["spec.x.range is 1 to 0", source(withX({ shape: [2], dtype: "float32", range: { least: 1, most: 0 } }))],
    ["it declares `classes` beside its spec", source(undefined, { classes: 2 })],
    ["it declares `openSet` beside its spec", source(right, { openSet: true })],
  ])("with a spec that describes no tasks is refused: %s", (problem, given) => {
    expect(() => specOf(given)).toThrow(new RegExp(`^ILT202 own: ${escaped(problem)}\\. [A-Z]`));
  });

  test("may not hold itself", () => {
    const x: Record<string, unknown> = {};
    x.x = x;
    expect(() => specOf(source(withX(x)))).toThrow(/^ILT202 own: spec(\.x)+ is no description/);
    const held: Record<string, unknown> = { a: tensor([1]) };
    held.held = held;
    const circular = { ...own, sample: () => ({ support: { ...example, x: held }, query: example }) };
    expect(() => specOf(circular as unknown as TaskSource)).toThrow(
      /^ILR105 tasks: task 0 of own: support\.x(\.held)+ is /,
    );
  });

  test.each([
    ["support.x is float32[1, 2], and its spec says float32[1, 3]", withX({ shape: [3], dtype: "float32" })],
    ["support.x is float32[1, 2], and its spec says int32[1, 2]", withX({ shape: [2], dtype: "int32" })],
    ["support.x is float32[1, 2], and its spec says float32[4, 2]", { ...right, support: { rows: 4 } }],
    ["query.present is not there, and the spec says that it is", { ...right, query: { rows: 1, present: true } }],
    ["support.x is the tensor float32[1, 2]", withX({ tokens: { shape: [2], dtype: "float32" } })],
    [
      "support.y[0] is 0, and these are whole numbers from 1 to 5",
      { ...right, y: { shape: [], dtype: "int32", range: { least: 1, most: 5 } } satisfies TensorSpec },
    ],
  ])("whose tasks are not as it says is refused: %s", (problem, spec) => {
    expect(() => sampleTasks(source(spec), 1, 0, 1)).toThrow(
      new RegExp(`^ILR105 tasks: task 0 of own: ${escaped(problem)}.*\\. [A-Z]`),
    );
  });
});

const escaped = (text: string): string => text.replace(/[.[\](){}|?*+^$\\]/g, "\\$&");
