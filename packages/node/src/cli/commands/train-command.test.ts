/** What `innerloop train` refuses and says, in this process. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Evaluation, random } from "@innerloop/core";
import {
  affordableTasks,
  type Experiment,
  type Flags,
  readChosenSteps,
  requireSizes,
  withFlags,
} from "@innerloop/experiments";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { importDataset } from "../../data/store/dataset-store.js";
import { openRun } from "../../runs/run-folder.js";
import { collected } from "../collected-output.fixture.js";
import type { Output } from "../output.js";
import { adaptCommand } from "./adapt-command.js";
import { compareCommand } from "./compare-command.js";
import { evalCommand } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";
import { trainCommand } from "./train-command.js";

let folder: string;
const runPath = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-train-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  const classes = Array.from({ length: 20 }, (_, c) => ({
    name: `c${c}`,
    count: 4,
    examples: Uint8Array.from({ length: 4 * 64 }, (_, i) => (i % 20 === c ? 200 : random(c, i).integer(40))),
  }));
  const examples = { name: "marks", exampleShape: [8, 8, 1], classes };
  await importDataset("marks", { kind: "examples", examples });
  for (const { name, examples: bytes } of classes.slice(0, 4)) {
    for (const part of ["support", "query"]) {
      const image = sharp(bytes.subarray(part === "query" ? 64 : 0).subarray(0, 64), {
        raw: { width: 8, height: 8, channels: 1 },
      });
      await mkdir(join(folder, part, name), { recursive: true });
      await image.png().toFile(join(folder, part, name, "0.png"));
    }
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

type Chosen = Flags;
const brief: Chosen = { iterations: 2, metaBatch: 2, validateEvery: 0, evalTasks: 4, evalSteps: [0, 1], workers: 1 };

async function train(target: string | undefined, chosen: Chosen, invocation: InvocationOptions = {}): Promise<string> {
  const { output, text } = collected();
  await trainCommand({ target, chosen, invocation }, output);
  return text();
}
const marks: Chosen = { ...brief, data: "marks", model: "mlp", hidden: [8], ways: 3, queries: 1 };
/** The same as a file has it. */
const marksInFile = {
  preset: "images",
  domain: { data: "marks", ways: 3, queries: 1 },
  network: { name: "mlp", hidden: [8] },
  training: { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1 },
  evaluation: { evalTasks: 4, evalSteps: [0, 1] },
};
const refused = (target: string | undefined, chosen: Chosen) =>
  expect(train(target, chosen, { run: runPath("refused") })).rejects;

describe("options that mean nothing", () => {
  it.each([
    ["hanzi", { distance: "cosine" }, "--distance means nothing with --learner maml. It is for --learner prototypical"],
    [
      "hanzi",
      { learner: "relation", temperature: "learned" },
      "It is for --learner prototypical, matching, matching-fce",
    ],
    ["hanzi", { proximal: 1 }, "--proximal means nothing with --learner maml. It is for --learner imaml"],
    ["sinusoid", { units: 32 }, "--units means nothing with --learner maml. It is for model-based learners"],
    ["sinusoid", { contextSize: 3 }, "--context-size means nothing with --learner maml. It is for --learner cavia"],
    ["hanzi", { unlabelled: 2 }, "It is for --learner semi-supervised"],
    ["hanzi", { batch: 9 }, "It is for --learner simple-shot"],
    [
      "hanzi",
      { learner: "simple-shot", trainWays: 20 },
      "--train-ways means nothing with --learner simple-shot. It is for learners that are trained on few-shot tasks",
    ],
    ["hanzi", { learner: "simple-shot", trainShots: 5 }, "--train-shots means nothing with --learner simple-shot"],
    [
      "hanzi",
      { learner: "prototypical", steps: 3 },
      "--steps means nothing with --learner prototypical. It is for learners",
    ],
    ["hanzi", { learner: "ridge", innerRate: 3 }, "It is for learners that adapt in steps"],
    ["hanzi", { learner: "cnp", innerOptimizer: "adam" }, "It is for learners that adapt in steps"],
    ["sinusoid", { ways: 3 }, "--ways means nothing with --data sinusoid. It is for data sets of classes"],
    ["sinusoid", { rotations: "yes" }, "--rotations means nothing with --data sinusoid"],
    ["sinusoid", { augment: "shift" }, "--augment means nothing with --data sinusoid"],
    ["sinusoid", { filters: 8 }, "--filters means nothing with --model mlp. It is for --model conv"],
    ["sinusoid", { testClasses: 8 }, "It is for data sets of classes, tables"],
    ["mnist", { rotations: "yes" }, "--rotations means nothing with --split examples. It is for --split classes"],
    ["mnist", { testClasses: 3 }, "--test-classes means nothing with --split examples"],
    ["mnist", { classOrder: "listed" }, "--class-order means nothing with --split examples"],
    ["hanzi", { model: "mlp", filters: 8 }, "--filters means nothing with --model mlp. It is for --model conv"],
    ["mnist", { model: "linear", downsampling: "pool" }, "--downsampling means nothing with --model linear"],
    ["hanzi", { hidden: [8] }, "--hidden means nothing with --model conv. It is for --model mlp"],
  ] as const)("%s %j", async (preset, chosen, message) => {
    await refused(preset, chosen).toThrow(message);
    expect(existsSync(runPath("refused"))).toBe(false);
  });

  it("are found in an experiment file, where the command line does not leave them without a meaning", async () => {
    const path = join(folder, "mine.json");
    await writeFile(path, JSON.stringify({ ...marksInFile, learner: { name: "prototypical", distance: "cosine" } }));
    expect(await train(path, { learner: "maml" }, { run: runPath("mine"), skipEvaluation: true })).toContain("MAML");
    await writeFile(path, JSON.stringify({ ...marksInFile, learner: { distance: "cosine" } }));
    await refused(path, {}).toThrow("--distance means nothing with --learner maml");
  });

  it("mean nothing either where they are left out on purpose", async () => {
    for (const [name, value] of Object.entries({ testClasses: undefined, rotations: "no", augment: "none" }))
      await refused("sinusoid", { ...brief, [name]: value }).toThrow(/^--[a-z-]+ means nothing with --data sinusoid/);
  });

  it("of a file in which they stand in another part are told where they belong", async () => {
    const path = join(folder, "misplaced.json");
    await writeFile(path, JSON.stringify({ preset: "images", ways: 3 }));
    await refused(path, {}).toThrow(/misplaced\.json has the option ways\. It belongs to domain/);
    await writeFile(path, JSON.stringify({ preset: "images", evaluation: { skipBaselines: true } }));
    await refused(path, {}).toThrow(
      /^evaluation in .*misplaced\.json has the option skipBaselines\. It belongs to the command: `innerloop train \S+ --skip-baselines`/,
    );
    await writeFile(path, JSON.stringify({ preset: "images", domain: { name: "curves" } }));
    await refused(path, {}).toThrow(/^domain in .*misplaced\.json is "curves"\. Give one of classification/);
  });
});

describe("what is said after training", () => {
  it("recommends more steps only where the learner takes some", async () => {
    const told = await train("images", marks, { run: runPath("in steps") });
    expect(told).toMatch(/What next\n.*--eval-steps 0,1,5,10,20/);
    const learner = "prototypical";
    const other = await train("images", { ...marks, learner }, { run: runPath("no steps") });
    expect(other).toMatch(/What next\n.*--shots 5/);
    expect(other).not.toContain("more adaptation steps");
  });

  it("says so where the process took more than --memory", async () => {
    const chosen = { ...marks, memory: 50_000 };
    const usage = process.resourceUsage();
    const taken = vi.spyOn(process, "resourceUsage");
    for (const [mebibytes, isMore] of [
      [49_000, false],
      [60_000, true],
    ] as const) {
      taken.mockReturnValue({ ...usage, maxRSS: mebibytes * 1024 });
      const told = await train("images", chosen, { run: runPath(`of ${mebibytes} MiB`), skipEvaluation: true });
      expect(told.includes("This is more than --memory 50000")).toBe(isMore);
    }
    taken.mockRestore();
  });

  it("names the command that makes a run and its continuation in one go", async () => {
    const path = runPath("longer");
    await train("sinusoid", brief, { run: path, skipEvaluation: true });
    const told = await train(undefined, { iterations: 4, evalTasks: 6 }, { resume: path });
    expect(told).toMatch(/innerloop train sinusoid .*--seed 1 +the same from another start/);
    expect(told).not.toContain("--iterations 2");
    const { argv } = JSON.parse(await readFile(join(path, "config.json"), "utf8"));
    const command =
      "innerloop train sinusoid --meta-batch 2 --validate-every 0 --eval-steps 0,1 --workers 1 --iterations 4 --eval-tasks 6";
    expect(["innerloop", ...argv].join(" ")).toBe(command);
    expect(await readFile(join(path, "results.md"), "utf8")).toContain(`made by \`${command}\``);
  });
});

describe("ranges in an experiment file", () => {
  it("are text as on the command line, or from and to", async () => {
    const path = join(folder, "ranges.json");
    for (const trainWays of ["2-4", { from: 2, to: 4 }]) {
      await writeFile(
        path,
        JSON.stringify({
          ...marksInFile,
          learner: { name: "prototypical" },
          domain: { ...marksInFile.domain, trainWays },
        }),
      );
      const run = runPath(`range ${typeof trainWays}`);
      await train(path, {}, { run, skipEvaluation: true });
      expect(JSON.parse(await readFile(join(run, "config.json"), "utf8")).config.domain.trainWays).toEqual({
        from: 2,
        to: 4,
      });
    }
  });
});

describe("tasks from a table", () => {
  it.each([
    [undefined, { data: "a.csv" }, "--data a.csv without --group-column"],
    [undefined, { data: "a.jsonl" }, "--data a.jsonl without --group-column"],
    [undefined, { data: "a.csv", target: ["y"] }, "--target y without --group-column"],
    [undefined, { inputs: ["x"], data: "hanzi" }, "--inputs x with the data set hanzi"],
    ["table", {}, "the preset table without --data"],
    [undefined, { data: "hanzi", groupColumn: "g" }, "--group-column g with the data set hanzi"],
    ["table", { data: "a.csv", groupColumn: "g" }, "--group-column g without --target"],
  ] as const)("%s %j", async (preset, chosen, message) => {
    await refused(preset, chosen).toThrow(
      `${message}. Tasks from a table take --data FILE.csv --group-column COLUMN --target COLUMN`,
    );
  });

  it("leave texts and marked texts to their own kinds of task", async () => {
    const table = join(folder, "requests.csv");
    await writeFile(table, "text,intent\nhello there,greet\nbye now,leave\n");
    const marked = join(folder, "marked.jsonl");
    await writeFile(marked, '{"text":"to Oslo","spans":[{"start":3,"end":99,"type":"city"}]}\n');
    const texts = /^requests has 0 classes .* too few to hold out/;
    await refused(undefined, { data: table, textColumn: "text", labelColumn: "intent" }).toThrow(texts);
    await refused(undefined, { data: table, labelColumn: "intent" }).toThrow(texts);
    await refused(undefined, { data: table, text: "tokens" }).toThrow(texts);
    await refused(undefined, { data: marked, holdOut: "types" }).toThrow(/marked\.jsonl:1: .*99/);
    await refused(undefined, { data: table }).toThrow(
      /texts of classes take --data FILE\.csv --text-column COLUMN --label-column/,
    );
  });

  it("are none beside another preset", async () => {
    await refused("sinusoid", { inputs: ["x"] }).toThrow(
      "--inputs means nothing with --data sinusoid. It is for tables",
    );
    await refused("hanzi", { groupColumn: "x" }).toThrow("--group-column means nothing with --data hanzi");
  });

  it("says with the whole command how to go on", async () => {
    const rows = Array.from({ length: 240 }, (_, i) => `g${i % 20},${i},${(i * i) % 7}`);
    await writeFile(join(folder, "a table.csv"), ["g,x,y", ...rows].join("\n"));
    const chosen: Chosen = { ...brief, data: join(folder, "a table.csv"), groupColumn: "g", target: ["y"], seed: 3 };
    const text = await train("table", { ...chosen, hidden: [8] }, { run: runPath("rows") });
    expect(text).toMatch(/train table .*--data '.*a table\.csv' --group-column g --target y .*--seed 4 /);
    expect(text).not.toContain("--seed 3 ");
  });
});

describe("what will run", () => {
  it("names the ways of training, and no network that is not there", async () => {
    const metric = await train(
      undefined,
      { ...marks, learner: "prototypical", trainWays: 6, trainShots: 2 },
      { run: runPath("metric"), skipEvaluation: true },
    );
    expect(metric).toContain("6-way 2-shot (evaluated 3-way 1-shot), 1 query per class");
    const process = await train(
      "sinusoid",
      { ...brief, learner: "cnp", units: 16 },
      { run: runPath("process"), skipEvaluation: true },
    );
    expect(process).toMatch(/model +the learner's own network; [\d,]+ parameters/);
    expect(process).not.toContain("fully connected");
  });

  it("is refused where there are no parameters to train, before anything is written", async () => {
    await refused(undefined, { ...brief, data: "marks", queries: 1, model: "linear", learner: "prototypical" }).toThrow(
      /^prototypical network has no parameters here: there is nothing to train\. Choose a model/,
    );
    expect(existsSync(runPath("refused"))).toBe(false);
  });
});

it("a run whose learner changes over its updates is not extended, and nothing is written", async () => {
  const chosen: Chosen = { ...brief, learner: "maml++", schedule: "constant", iterations: 10, steps: 2 };
  await train("sinusoid", chosen, { run: runPath("annealed"), skipEvaluation: true });
  const before = await readFile(join(runPath("annealed"), "config.json"), "utf8");
  const resumed = (iterations: number) =>
    train(undefined, { iterations }, { resume: runPath("annealed"), skipEvaluation: true });
  await expect(resumed(40)).rejects.toThrow(
    /^MAML\+\+ changes over its 10 updates, and cannot go on to 40\. Start a new/,
  );
  expect(await readFile(join(runPath("annealed"), "config.json"), "utf8")).toBe(before);
  await resumed(10);
});

describe("what takes time after a training", () => {
  it("shows its progress: the choosing of steps, then the evaluation", async () => {
    const lines: string[] = [];
    const output: Output = {
      ...collected().output,
      progress: (label) => ({
        update: (done, total) => lines.push(`${label} ${done}/${total}`),
        resume: () => undefined,
        end: () => lines.push(`${label} ended`),
      }),
    };
    const chosen: Chosen = { ...marks, validationTasks: 6 };
    await trainCommand({ target: undefined, chosen, invocation: { run: runPath("progress") } }, output);
    const of = (label: string): string[] => lines.filter((line) => line.startsWith(label));
    expect(of("Choosing adaptation steps")[0]).toBe("Choosing adaptation steps 0/6");
    expect(of("Choosing adaptation steps").slice(-2)).toEqual([
      "Choosing adaptation steps 6/6",
      "Choosing adaptation steps ended",
    ]);
    expect(lines.at(-1)).toBe("Evaluating ended");
    expect(lines.indexOf("Choosing adaptation steps ended")).toBeLessThan(lines.indexOf(of("Evaluating")[0]!));
  });
});

describe("innerloop eval of SNAIL", () => {
  it("has the parameters that were trained, whatever the shots", async () => {
    await train(undefined, { ...marks, learner: "snail" }, { run: runPath("snail"), skipEvaluation: true });
    const { output, last } = collected();
    const chosen: Chosen = { shots: 3, workers: 1 };
    await evalCommand({ folder: runPath("snail"), chosen, invocation: { with: [runPath("snail")] } }, output);
    expect(last()).toMatchObject({ protocol: { shots: 3 } });
  });
});

describe("a training that fails", () => {
  const absurd: Chosen = { ...brief, iterations: 60, innerRate: 50, outerRate: 50, outerOptimizer: "sgd" };
  const runaway = (name: string, chosen: Chosen = {}, invocation: InvocationOptions = { run: runPath(name) }) => {
    const { output, text } = collected();
    const target = invocation.resume === undefined ? "sinusoid" : undefined;
    const request = { target, chosen: target ? { ...absurd, ...chosen } : {}, invocation };
    return { done: trainCommand(request, output), text };
  };

  it("is marked as failed in its folder, its report, when it is resumed and where it is compared", async () => {
    const name = "it failed";
    const first = runaway(name, { checkpointEvery: 1 });
    await expect(first.done).rejects.toThrow(/^ILR102 train: .* iteration \d+\./);
    expect(first.text()).toMatch(
      /This run has failed .*report\.html\. .*innerloop train sinusoid .*--inner-rate 0\.01 --outer-rate 0\.001` for example/,
    );
    const report = await readFile(join(runPath(name), "report.html"), "utf8");
    expect(report).toMatch(/sinusoid \(failed\)<\/title>[\s\S]*The training failed: ILR102/);
    expect(report).not.toContain("<h2>Results</h2>");

    const again = runaway(name, {}, { resume: runPath(name) });
    await expect(again.done).rejects.toThrow(/^ILR102/);
    expect(again.text()).toMatch(/This run has failed: .* at iteration \d+\. Going on with it meets the same/);

    const { output, text } = collected();
    await compareCommand({ folders: [runPath(name), runPath(name)], chosen: { workers: 1 }, invocation: {} }, output);
    expect(text()).toMatch(/\(.*it failed\), failed[\s\S]*; its training failed: .* iteration \d+\n/);
  });

  it("speaks of a last checkpoint where there is one, and of none where there is none", async () => {
    const checkpoint = /the last checkpoint is from before, after \d+ updates?/;
    await expect(runaway("kept", { checkpointEvery: 1 }).done).rejects.toThrow(checkpoint);
    const bare = await runaway("bare", { checkpointEvery: 1000 }).done.catch((error: Error) => error.message);
    expect(bare).toMatch(/^ILR102/);
    expect(bare).not.toMatch(/checkpoint/);
    const { output } = collected();
    const evaluated = evalCommand({ folder: runPath("bare"), chosen: { workers: 1 }, invocation: {} }, output);
    await expect(evaluated).rejects.toThrow(
      /^ILN05 .*no checkpoint in it yet, for its training failed: .*Start another/,
    );
  });
});

describe("after training", () => {
  it("baselines have as many tasks as a share of the training pays for, and commands take any folder", async () => {
    const told = await train(undefined, { ...marks, evalTasks: 90 }, { run: runPath("of a user's") });
    expect(told).toMatch(/baselines on the first 60 of these tasks; `innerloop eval '.*of a user'\\''s'` takes all/);
    expect(told).toMatch(/innerloop eval '.*of a user'\\''s' --shots 5/);
    expect(told).toMatch(/\* the steps that adapt takes: best accuracy on 100 validation tasks from 3 classes/);
    const { evaluations, adaptation } = JSON.parse(
      await readFile(join(runPath("of a user's"), "results.json"), "utf8"),
    );
    expect(evaluations.map(({ protocol }: Evaluation) => protocol.tasks)).toEqual([90, 60, 60, 60, 60]);
    expect(evaluations[0].pool).toEqual({ of: "classes", count: 4, examples: 16 });
    expect(evaluations[0].rows[0].figures.accuracy.poolInterval).toBeGreaterThan(0);
    expect([0, 1]).toContain(adaptation.steps);
    const without = await train(undefined, marks, { run: runPath("alone"), skipBaselines: true });
    expect(without).not.toMatch(/from scratch/);
    const run = await openRun(runPath("of a user's"));
    const { checkpoint, iteration } = adaptation;
    expect(await readChosenSteps(run, { checkpoint, iteration })).toMatchObject({ steps: adaptation.steps });
    expect(await readChosenSteps(run, { checkpoint, iteration: iteration + 1 })).toBeUndefined();
    await writeFile(join(run.path, "adaptation.json"), '{"steps": 1e9}');
    expect(await readChosenSteps(run, { checkpoint, iteration })).toBeUndefined();
  });

  it("a longer training leaves them more, and never the clock decides", () => {
    const baselines = [{ steps: [0, 10] }, { steps: [10, 50] }, { steps: [0] }] as unknown as Experiment["baselines"];
    const learner = { steps: 1 } as unknown as Experiment["learner"];
    const tasks = (iterations: number) =>
      affordableTasks({ learner, baselines }, { iterations, metaBatch: 16, evalTasks: 600 });
    // A quarter of 2,000 updates of 16 tasks in 2 steps each, over 11 + 51 + 1 steps.
    expect([10, 2000, 30_000].map(tasks)).toEqual([60, 253, 600]);
  });
});

describe("innerloop adapt", () => {
  const adapted = async (run: string, invocation: InvocationOptions = {}, chosen: Chosen = {}): Promise<string> => {
    const { output, text } = collected();
    const support = join(folder, "support");
    const given = { ...chosen, workers: 1, invert: "no" } as const;
    const request = { folder: runPath(run), queries: [join(folder, "query/c2/0.png")], chosen: given };
    await adaptCommand({ ...request, invocation: { ...invocation, support } }, output);
    return text();
  };
  beforeAll(async () => {
    const longer = { ...marks, iterations: 40 };
    await train(undefined, { ...longer, learner: "prototypical" }, { run: runPath("means"), skipEvaluation: true });
    await train(undefined, marks, { run: runPath("gradients"), skipEvaluation: true });
  });

  it("takes more classes than ways where the parameters do not depend on them", async () => {
    expect(await adapted("means")).toMatch(/4 examples of 4 classes\n(.*\n)+.*0\.png +c\d/);
    await expect(adapted("gradients")).rejects.toThrow(
      /^4 examples of 4 classes for a model whose last layer has 3 classes\. Train one with `innerloop train --iterations .*--data marks .*--ways 4`/,
    );
    // Of 20 classes 13 cannot be held out twice: no training of 13 ways is recommended, which would be refused.
    const run = await openRun(runPath("gradients"));
    const requireWays = (ways: number): void => requireSizes(run, withFlags(run.config.config!, { ways }));
    expect(() => requireWays(13)).toThrow(/too few to hold out 13 classes twice; .*`.*--learner prototypical`$/);
    expect(() => requireWays(6)).toThrow(/Train one with `.*--ways 6`$/);
  });

  it("refuses steps of a learner that takes none, and averages that a run has not kept", async () => {
    await expect(adapted("means", { steps: 3 })).rejects.toThrow(
      /^3 steps of .*means, whose learner \(prototypical network\) takes no steps\. Leave it out/,
    );
    await train(
      undefined,
      { ...marks, batchNorm: "transductive", ways: 4 },
      { run: runPath("norm"), skipEvaluation: true },
    );
    await expect(adapted("norm", {}, { batchNorm: "running" })).rejects.toThrow(
      /^--batch-norm running needs parameters that .*norm has not: it was trained with --batch-norm transductive\. Train one/,
    );
  });
});
