/** Figures by which the best parameters are chosen, and those of which tables are shown. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Evaluation, random } from "@innerloop/core";
import { type Flags, requireValidation, resolvePreset } from "@innerloop/experiments";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openRun } from "../runs/run-folder.js";
import { collected } from "./collected-output.fixture.js";
import { compareCommand } from "./commands/compare-command.js";
import { evalCommand } from "./commands/eval-command.js";
import { trainCommand } from "./commands/train-command.js";

let folder: string;
let chosen: Flags;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-figures-"));
  const source = random(3);
  const rows = Array.from({ length: 240 }, (_, i) => {
    const [x, slope] = [source.uniform(-1, 1), random(4, i % 24).uniform(-2, 2)];
    return `g${i % 24},${x},${slope * x + source.normal(0, 0.3)}`;
  });
  await writeFile(join(folder, "lines.csv"), `group,x,y\n${rows.join("\n")}\n`);
  const table = { data: join(folder, "lines.csv"), groupColumn: "group", target: ["y"], shots: 4, hidden: [4] };
  const short = { iterations: 20, metaBatch: 2, outerRate: 0.1, validateEvery: 1, validationTasks: 5, workers: 1 };
  chosen = { ...table, ...short, evalTasks: 6, evalSteps: [0, 1] };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const absolute = "meanAbsoluteError of y";
const train = (run: string, flags: Flags, { output } = collected()): Promise<string> =>
  trainCommand(
    { target: undefined, chosen: { ...chosen, ...flags }, invocation: { run, skipBaselines: true } },
    output,
  );

it("the best parameters are those of the best validation by the figure of --best-by", async () => {
  const path = join(folder, "absolute");
  const told = collected();
  await train(path, { bestBy: "mean absolute error of y" }, told);
  expect(told.text()).toMatch(
    /validation root mean squared error of y: .*; mean absolute error of y [\d.]+.* best so far/,
  );
  expect(told.text()).toMatch(/; best checkpoint by mean absolute error of y, after \d+ updates?;/);
  const run = await openRun(path);
  expect(run.config.options.bestBy).toBe("mean absolute error of y");
  const validations = (await run.events.read()).flatMap(({ type, best, evaluation }) => {
    if (type !== "validation") return [];
    const { figures } = (evaluation as Evaluation).rows.at(-1)!;
    return [{ best: best === true, error: figures[absolute]!.mean, loss: figures.loss!.mean }];
  });
  expect(validations).toHaveLength(20);
  const bestBy = (name: "error" | "loss"): boolean[] =>
    validations.map((each, i) => validations.slice(0, i).every((before) => each[name] < before[name]));
  expect(validations.map(({ best }) => best)).toEqual(bestBy("error"));
  // The loss would have chosen others.
  expect(bestBy("error")).not.toEqual(bestBy("loss"));
  const resume = { target: undefined, chosen: { bestBy: "loss" }, invocation: { resume: path } };
  await expect(trainCommand(resume, collected().output)).rejects.toThrow("--best-by cannot change in a run");
});

it("what goes by validations is refused where there are none", async () => {
  const path = join(folder, "none");
  for (const flags of [{ bestBy: "loss" }, { patience: 2 }])
    await expect(train(path, { ...flags, validateEvery: 0 })).rejects.toThrow(
      /^--(best-by|patience) means nothing with --validate-every 0/,
    );
  expect(existsSync(path)).toBe(false);
  // A preset's own, which nobody asked for, is idle.
  const { training } = resolvePreset("glosses", { validateEvery: 0 });
  expect(training.bestBy).toBe("accuracy");
  expect(() => requireValidation(training, { validateEvery: 0 })).not.toThrow();
  expect(() => requireValidation(training)).toThrow("--best-by means nothing");
});

it("a figure that validation has not is refused with those that it has, and leaves no folder", async () => {
  const path = join(folder, "unknown");
  await expect(train(path, { bestBy: "acuracy" })).rejects.toThrow(
    "there is no acuracy among the figures of MAML. It has root mean squared error of y, mean squared error, mean absolute error of y",
  );
  expect(existsSync(path)).toBe(false);
});

it("tables are shown of any figure, by its name, title or short name", async () => {
  const run = await train(join(folder, "shown"), {});
  const { output, text } = collected();
  const figures = [absolute, "root mean squared error of y", "mse"];
  await evalCommand({ folder: run, chosen: {}, invocation: { figures, skipBaselines: true } }, output);
  const titles = /^ {2}(mean absolute error of y|root mean squared error of y|mean squared error) {2,}before/gm;
  expect([...text().matchAll(titles)].map(([, title]) => title)).toEqual([
    "mean absolute error of y",
    "root mean squared error of y",
    "mean squared error",
  ]);
  const compared = collected();
  await compareCommand({ folders: [run, run], chosen: {}, invocation: { figures: [absolute] } }, compared.output);
  expect(compared.text()).toMatch(/^ {2}mean absolute error of y, after 1 step/m);
  const unknown = { figures: ["mean absolute eror of y"] };
  await expect(evalCommand({ folder: run, chosen: {}, invocation: unknown }, collected().output)).rejects.toThrow(
    "Did you mean mean absolute error of y? It has ",
  );
});
