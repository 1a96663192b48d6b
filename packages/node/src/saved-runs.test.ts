/** Runs that programs train, saved and loaded: by the program, and as models in its users' terms. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  adam,
  episodes,
  labelledExamples,
  maml,
  meanSquaredError,
  mlp,
  prototypicalNetwork,
  random,
  sgd,
  sinusoids,
  toNumbers,
  train,
} from "@innerloop/core";
import { leaves, type Tree } from "@innerloop/graph";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { adaptCommand } from "./cli/commands/adapt-command.js";
import { compareCommand } from "./cli/commands/compare-command.js";
import { evalCommand } from "./cli/commands/eval-command.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { load, loadRun } from "./index.js";
import type { LearnerModule } from "./runs/experiment-file.js";

const executor = onnxruntimeExecutor({ threads: 1 });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-saved-"));
});
afterAll(async () => {
  await executor.close();
  await rm(folder, { recursive: true, force: true });
});

const optimizer = adam({ learningRate: 1e-3 });
const curves = (units: number): LearnerModule => ({
  learner: maml({
    model: mlp({ sizes: [1, units, 1] }),
    loss: meanSquaredError,
    inner: sgd({ learningRate: 0.01 }),
    steps: 2,
  }),
  tasks: sinusoids({ shots: 5 }),
  optimizer,
});
const points = { x: [[-1], [0.5], [2]], y: [[0.3], [0.8], [-1]] };

test("a regression run is the same after it was saved, and answers for points", async () => {
  const { learner, tasks } = curves(8);
  const run = await train({
    learner,
    tasks: tasks as ReturnType<typeof sinusoids>,
    optimizer,
    metaBatchSize: 2,
    iterations: 3,
    executor,
  });
  const path = join(folder, "curves");
  await run.save(path);
  const expected = toNumbers(await (await run.adapt(points)).predict([[1], [3]]));
  const again = await loadRun(path, curves(8), { executor });
  expect(again.iteration).toBe(3);
  expect(toNumbers(await (await again.adapt(points)).predict([[1], [3]]))).toEqual(expected);
  const model = await load<{ y: number }>(path, { experiment: curves(8), executor });
  const rows = points.x.map(([x], i) => ({ x: x!, y: points.y[i]![0]! }));
  // It takes the steps of training, as the program's own run does.
  const answers = await (await model.adapt(rows)).predict([{ x: 1 }, { x: 3 }]);
  answers.forEach(({ y }, i) => {
    expect(y).toBeCloseTo(expected[i]!, 5);
  });
});

test("the parameters of the best validation come back with what they are the best by", async () => {
  const { learner, tasks } = curves(8);
  const run = await train({
    learner,
    tasks: tasks as ReturnType<typeof sinusoids>,
    optimizer: adam({ learningRate: 0.3 }),
    metaBatchSize: 2,
    iterations: 6,
    validation: { every: 1, count: 20 },
    executor,
    onEvent: () => undefined,
  });
  const path = join(folder, "best");
  await run.save(path);
  const { best } = await loadRun(path, curves(8), { executor });
  expect(best).toMatchObject({ iteration: run.best!.iteration, score: run.best!.score });
  expect(run.best!.iteration).toBeLessThan(6);
  const numbers = (params: Tree) => leaves(params).map(toNumbers);
  expect(numbers(best!.params)).toEqual(numbers(run.best!.params));
});

test("a run of classes answers with the names of a user's classes", async () => {
  const data = labelledExamples({
    name: "signals",
    exampleShape: [6],
    classes: Array.from({ length: 12 }, (_, c) => ({
      name: `c${c}`,
      examples: Array.from({ length: 6 }, (_example, i) =>
        Array.from({ length: 6 }, (_v, t) => Math.sin(c * t) + 0.1 * random(c, i).normal()),
      ),
    })),
  });
  const made: LearnerModule = {
    learner: prototypicalNetwork({ model: mlp({ sizes: [6, 16] }), ways: 3 }),
    tasks: episodes(data, { ways: 3, shots: 2, queries: 2 }),
    optimizer,
  };
  const run = await train({
    learner: made.learner,
    tasks: made.tasks as ReturnType<typeof episodes>,
    optimizer,
    metaBatchSize: 2,
    iterations: 30,
    executor,
  });
  const path = join(folder, "classes");
  await run.save(path);
  const model = await load<{ prediction: string }>(path, { experiment: made, executor });
  const task = await model.adapt({ low: [[0, 0, 0, 0, 0, 0]], high: [[3, 3, 3, 3, 3, 3]] });
  const answers = await task.predict([
    [0.1, 0, 0, 0, 0.1, 0],
    [2.9, 3, 3, 3.1, 3, 3],
  ]);
  expect(answers.map(({ prediction }) => prediction)).toEqual(["low", "high"]);
});

test("a run of dark ink on light paper takes examples of the same look as they are", async () => {
  const bar = (row: number, shift = 0): Uint8Array =>
    Uint8Array.from({ length: 36 }, (_, i) => (Math.floor(i / 6) === row ? 20 + shift : 240 - shift));
  const data = labelledExamples({
    name: "bars",
    exampleShape: [6, 6, 1],
    classes: [1, 2, 3, 4].map((row) => ({ name: `bar${row}`, examples: [0, 5, 9].map((shift) => bar(row, shift)) })),
  });
  const tasks = episodes(data, { ways: 2, shots: 1, queries: 1 });
  const learner = prototypicalNetwork({ model: mlp({ sizes: [36, 8] }), ways: 2 });
  const run = await train({ learner, tasks, optimizer, metaBatchSize: 2, iterations: 2, executor });
  const path = join(folder, "bars");
  await run.save(path);
  const model = await load(path, { experiment: { learner, tasks, optimizer }, executor });
  const said: string[] = [];
  const onWarning = (text: string): void => {
    said.push(text);
  };
  const given = { second: [bar(2)], third: [bar(3)] };
  const task = await model.adapt(given, { onWarning });
  expect([toNumbers(task.support.x)[0], task.support.notes, said]).toEqual([Math.fround(240 / 255), [], []]);
  const inverted = await model.adapt(given, { onWarning, flags: { invert: "yes" } });
  expect([toNumbers(inverted.support.x)[0], said]).toEqual([Math.fround(15 / 255), ["images inverted"]]);
});

test("what cannot be is refused, and leaves nothing behind", async () => {
  const { learner, tasks } = curves(8);
  const run = await train({
    learner,
    tasks: tasks as ReturnType<typeof sinusoids>,
    optimizer,
    metaBatchSize: 2,
    iterations: 1,
    executor,
  });
  const path = join(folder, "curves");
  const before = await readdir(path);
  await expect(run.save(path)).rejects.toThrow(/^ILN01 /);
  expect(await readdir(path)).toEqual(before);
  await expect(loadRun(path, curves(9), { executor })).rejects.toThrow(/^ILR202 /);
  await expect(load(path, { executor })).rejects.toThrow(/whose learner is a program's.*load\(DIR, \{ experiment/s);
  await expect(load(join(folder, "nowhere"))).rejects.toThrow(/^ILN01 /);
});

test("commands say of a run that a program has saved where it is loaded", async () => {
  const path = join(folder, "curves");
  const { output } = collected();
  const said =
    /curves was saved by a program\. Load it there with loadRun\("\S*curves", \{ learner, tasks, optimizer \}\)/;
  for (const asked of [
    () => evalCommand({ folder: path, chosen: {}, invocation: {} }, output),
    () => adaptCommand({ folder: path, queries: ["a.csv"], chosen: {}, invocation: { support: "b.csv" } }, output),
    () => compareCommand({ folders: [path, path], chosen: {}, invocation: {} }, output),
    () => trainCommand({ target: undefined, chosen: {}, invocation: { resume: path } }, output),
  ])
    await expect(asked()).rejects.toThrow(said);
});

test("a saved run says where else it can be saved as a program does", async () => {
  const run = await loadRun(join(folder, "curves"), curves(8), { executor });
  await expect(run.save(join(folder, "curves"))).rejects.toThrow(
    /a run in it already\. Save it in a new or empty folder/,
  );
});

test("what is no folder, experiment or option is said in the terms of the call", async () => {
  const path = join(folder, "curves");
  const file = join(folder, "s.csv");
  await writeFile(file, "x,y\n");
  const { learner } = curves(8);
  const run = await loadRun(path, curves(8), { executor });
  const any = (value: unknown) => value as never;
  const refusals: [() => Promise<unknown>, RegExp][] = [
    [() => loadRun(path, any(undefined)), /^the experiment for \S+ is undefined\. Give what made it: loadRun\(DIR, /],
    [() => loadRun(path, any({})), /^learner in the experiment for \S+ is no learner\. Give what made it: loadRun/],
    [
      () => loadRun(path, curves(8), any({ exeutor: executor })),
      /^loadRun has no option "exeutor"\. Did you mean executor\?/,
    ],
    [
      () => load(path, { experiment: any({ learner }) }),
      /^optimizer in the experiment for \S+ is no optimizer\. Give what made/,
    ],
    [
      () => load(path, { experiment: any({ ...curves(8), tasks: 5 }) }),
      /^tasks in the experiment for .* is no task source/,
    ],
    [
      () => load(path, { experiment: any("foo.ts") }),
      /^the experiment for \S+ is "foo\.ts"\. Give what made it: load\(DIR/,
    ],
    [() => load(path, { experiment: any({ domain: "curves" }) }), /^domain in the experiment for \S+ is no domain/],
    [() => load(path, { checkpoint: any("foo") }), /^checkpoint is "foo"\. Give best or last/],
    [() => load(path, any({ experment: curves(8) })), /^load has no option "experment"\. Did you mean experiment\?/],
    [() => load(any(undefined)), /^load: the folder is undefined\. Give its path/],
    [() => load(any(5)), /^load: the folder is 5\. Give its path/],
    [() => run.save(any(undefined)), /^save: the folder is undefined\. Give its path/],
    [() => load(file), /^ILN01 \S+s\.csv: it is no folder/],
  ];
  for (const [asked, said] of refusals) await expect(asked()).rejects.toThrow(said);
});
