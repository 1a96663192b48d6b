/** `innerloop eval` and `innerloop compare` of small runs, in this process. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Evaluation, type LabelledExamples, labelledExamples, random } from "@innerloop/core";
import type { Comparison, Flags } from "@innerloop/experiments";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { importDataset } from "../data/store/dataset-store.js";
import { Interrupted } from "./cli-error.js";
import { collected } from "./collected-output.fixture.js";
import { compareCommand } from "./commands/compare-command.js";
import { evalCommand } from "./commands/eval-command.js";
import type { InvocationOptions } from "./commands/registry.js";
import { trainCommand } from "./commands/train-command.js";

let folder: string;
const runPath = (name: string): string => join(folder, "runs", name);

type Chosen = Flags;

async function train(name: string, chosen: Chosen): Promise<void> {
  const small: Chosen = {
    ...(chosen.model === "linear" ? {} : { model: "mlp", hidden: [12], batchNorm: "transductive" }),
    // Curves have none.
    ...(chosen.data === "sinusoid" ? {} : { ways: 4 }),
    shots: 1,
    queries: 2,
    iterations: 30,
    metaBatch: 4,
    validateEvery: 0,
    evalTasks: 12,
    evalSteps: [0, 2],
    workers: 1,
  };
  const invocation = { run: runPath(name), skipEvaluation: true };
  const target = chosen.data === "sinusoid" ? "sinusoid" : "images";
  await trainCommand({ target, chosen: { ...small, ...chosen }, invocation }, collected().output);
}

interface Results {
  readonly protocol: Record<string, unknown>;
  readonly evaluations: readonly Evaluation[];
  readonly text: string;
}

async function evaluated(name: string, chosen: Chosen, invocation: InvocationOptions = {}): Promise<Results> {
  const { output, text, last } = collected();
  await evalCommand({ folder: runPath(name), chosen: { workers: 1, ...chosen }, invocation }, output);
  return { ...(last() as unknown as Omit<Results, "text">), text: text() };
}

async function comparedRuns(names: readonly string[], chosen: Chosen = {}, invocation: InvocationOptions = {}) {
  const { output, text, last } = collected();
  await compareCommand({ folders: names.map(runPath), chosen: { workers: 1, ...chosen }, invocation }, output);
  return { ...(last() as { comparisons: Comparison[]; protocol: Record<string, unknown> }), text: text() };
}

/** Classes of spots in places of their own, some faint and some bright: tasks of faint ones are hard for everybody. */
function spots(classes: number, exampleShape: readonly number[], seed: number, invert = false): LabelledExamples {
  const size = exampleShape.reduce((a, b) => a * b, 1);
  return labelledExamples({
    name: "spots",
    exampleShape,
    classes: Array.from({ length: classes }, (_, c) => {
      const pattern = random(seed, c);
      const strength = 15 + pattern.integer(135);
      const spot = Array.from({ length: size }, () => (pattern.uniform() < 0.2 ? strength : 0));
      const own = random(seed, c, 1);
      const bytes = Array.from({ length: 12 }, () => spot.map((value) => value + own.integer(100))).flat();
      return { name: `c${c}`, examples: Uint8Array.from(bytes, (value) => (invert ? 255 - value : value)) };
    }),
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-eval-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
  const sets = {
    spots: spots(40, [8, 8, 1], 1),
    others: spots(12, [8, 8, 1], 2),
    paper: spots(12, [8, 8, 1], 2, true),
    wide: spots(12, [8, 16, 3], 3),
  };
  for (const [name, examples] of Object.entries(sets)) await importDataset(name, { kind: "examples", examples });
  await train("maml", { data: "spots" });
  await train("seed", { data: "spots", seed: 3, evalSteps: [0, 2, 4] });
  await train("joint", { data: "spots", learner: "joint" });
  await train("averages", { data: "spots", batchNorm: "running" });
  await train("prototypical", { data: "spots", learner: "prototypical" });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const figuresOf = (results: Results, row = 0) => results.evaluations[row]!.rows.map(({ figures }) => figures);
const learners = (results: Results): string[] => results.evaluations.map(({ learner }) => learner);

describe("innerloop eval", () => {
  it("gives every method its accuracy, likelihood and calibration, and says what they are about", async () => {
    const results = await evaluated("maml", { evalTasks: 100 });
    expect(learners(results)).toEqual([
      "MAML",
      "from scratch",
      "from scratch, Adam 0.01",
      "nearest neighbour",
      "nearest neighbour (embedding)",
    ]);
    for (const { rows } of results.evaluations) {
      for (const { figures } of rows) {
        expect(Object.keys(figures)).toEqual(["loss", "accuracy", "calibrationError"]);
        for (const { mean, interval } of Object.values(figures)) {
          expect(mean).toBeGreaterThanOrEqual(0);
          expect(interval).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(interval)).toBe(true);
        }
      }
    }
    // 8 of 40 classes are held out.
    expect(results.text).toMatch(
      /accuracy on 100 tasks from 8 held-out classes \(96 examples\): 4-way 1-shot, 2 queries per class, 0 and 2 steps \(trained with 1\), batch norm transductive; mean ± 95% interval over tasks, and for other classes like these 8; .*; seed 0;/,
    );
    expect(results.text).toMatch(/negative log-likelihood +\d\.\d+ ± /);
    expect(results.text).toMatch(/calibration error +\d+\.\d% ± /);
    const [pixels, embedding] = [figuresOf(results, 3), figuresOf(results, 4)].map(([figures]) => figures!.accuracy!);
    expect(pixels!.mean).toBeGreaterThan(0.4);
    expect(embedding!.mean).not.toBe(pixels!.mean);
  });

  it("shows the figures that were asked for, of all methods", async () => {
    const { text } = await evaluated("maml", {}, { figures: ["nll", "calibration"], skipBaselines: true });
    expect(text).toMatch(
      /negative log-likelihood +before +2 steps\*\n +MAML .*\n +± for other classes .*\n\n +calibration error +before +2 steps\*\n +MAML/,
    );
    await expect(evaluated("maml", {}, { figures: ["mse"] })).rejects.toThrow(
      /no mean squared error among the figures/,
    );
  });

  it("evaluates with other batch normalisation than was trained with, where the parameters are there", async () => {
    const both = await evaluated("maml", {}, { batchNorm: ["transductive", "support"], skipBaselines: true });
    expect(learners(both)).toEqual(["MAML", "MAML, batch norm support"]);
    expect(both.evaluations.map(({ protocol }) => protocol.batchNorm)).toEqual(["transductive", "support"]);
    expect(both.text).toContain("batch norm transductive unless a row says otherwise");
    const alone = await evaluated("maml", {}, { batchNorm: ["support"], skipBaselines: true });
    expect(figuresOf(alone)).toEqual(figuresOf(both, 1));
    expect(figuresOf(both, 0)).not.toEqual(figuresOf(both, 1));
    const averaged = await evaluated("averages", {}, { batchNorm: ["running", "support"], skipBaselines: true });
    expect(learners(averaged)).toEqual(["MAML", "MAML, batch norm support"]);
    expect(figuresOf(averaged, 0)).not.toEqual(figuresOf(averaged, 1));
    const scratch = await evaluated("averages", {});
    expect(learners(scratch)[1]).toBe("from scratch, batch norm support");
    expect(scratch.evaluations[1]!.protocol.batchNorm).toBe("support");
    expect(scratch.text).toContain("batch norm running unless a row says otherwise");
    expect(await readdir(runPath("maml"))).toEqual(
      expect.arrayContaining(["results-last-and-support.json", "results-last-batch-norm-support.json"]),
    );
    await expect(evaluated("maml", {}, { batchNorm: ["running"] })).rejects.toThrow(
      /--batch-norm running needs averages .* has not kept: it was trained with --batch-norm transductive\. Train one with/,
    );
    await expect(evaluated("maml", {}, { batchNorm: ["transductive", "none"] })).rejects.toThrow(
      /--batch-norm none needs other parameters than the run has: it was trained with --batch-norm transductive/,
    );
  });

  it("takes tasks of other sizes, on the classes that were held out", async () => {
    const changed = { ways: 3, shots: 2, queries: 4, evalSteps: [7] };
    const fewer = await evaluated("maml", changed, { skipBaselines: true });
    expect(fewer.protocol).toMatchObject({ ways: 3, shots: 2, queries: 4, classes: 8 });
    expect(fewer.evaluations[0]!.rows.map(({ steps }) => steps)).toEqual([7]);
    await expect(evaluated("maml", { ways: 5 })).rejects.toThrow(/--ways 5 for a model whose last layer has 4 classes/);
    const more = await evaluated("prototypical", { ways: 8 }, { skipBaselines: true });
    expect(more.protocol).toMatchObject({ ways: 8, classes: 8 });
    // With ways of its own a new run would hold out 9; the ninth of this one was trained on.
    await expect(evaluated("prototypical", { ways: 9 })).rejects.toThrow(/ILT402 .*9 ways of 8 classes/);
  });

  it("puts other runs into the table, on the same tasks", async () => {
    const results = await evaluated(
      "maml",
      {},
      { with: [runPath("joint"), runPath("prototypical")], skipBaselines: true },
    );
    expect(learners(results).map((name) => name.replace(/ \(.*[\\/]/, " ("))).toEqual([
      "MAML",
      "joint pre-training (joint)",
      "prototypical network, no batch norm (prototypical)",
    ]);
    expect(figuresOf(results, 1)).toEqual(figuresOf(await evaluated("joint", {}, { skipBaselines: true })));
    expect(results).toMatchObject({ with: [{ experiment: "images", iteration: 30 }, { checkpoint: "last" }] });
    await train("held out otherwise", { data: "spots", testClasses: 10, iterations: 1 });
    await expect(evaluated("maml", {}, { with: [runPath("held out otherwise")] })).rejects.toThrow(
      /are tested on different tasks: --test-classes auto and 10\. Compare runs/,
    );
  });
});

describe("options that mean nothing for a run", () => {
  beforeAll(async () => {
    await train("sine", { data: "sinusoid", batchNorm: "none", iterations: 2 });
    await train("linear", { data: "spots", model: "linear", iterations: 2 });
  });

  it("are refused", async () => {
    const before = await readdir(runPath("prototypical"));
    const refused = (name: string, chosen: Chosen, invocation: InvocationOptions = {}) =>
      expect(evaluated(name, chosen, invocation)).rejects;
    await refused("sine", { ways: 5 }).toThrow(
      /^--ways means nothing for .*sine, a run with --data sinusoid\. It is for data sets of classes, texts of classes or objects in pictures$/,
    );
    const unlabelled =
      /^--unlabelled means nothing for .*, a run with --learner \w+\. It is for --learner semi-supervised$/;
    await refused("prototypical", { unlabelled: 3 }).toThrow(unlabelled);
    await expect(comparedRuns(["maml", "seed"], { unlabelled: 4, evalSteps: [1] })).rejects.toThrow(unlabelled);
    await refused("linear", {}, { batchNorm: ["support"] }).toThrow(/--batch-norm means nothing for .*--model linear/);
    const noSteps = "--eval-steps 0,1,5 means nothing: prototypical network takes no steps. Leave it out: ";
    const chosen = { evalSteps: [0, 1, 5] };
    await refused("prototypical", chosen, { skipBaselines: true }).toThrow(noSteps);
    await refused("prototypical", chosen, { openSet: true }).toThrow(noSteps);
    await expect(comparedRuns(["prototypical", "prototypical"], chosen)).rejects.toThrow(noSteps);
    expect(await readdir(runPath("prototypical"))).toEqual(before);
  });

  it("steps are for baselines from scratch and for other runs as well", async () => {
    const chosen = { evalSteps: [0, 3] };
    const scratch = (await evaluated("prototypical", chosen)).evaluations[1]!;
    expect([scratch.learner, scratch.rows.map(({ steps }) => steps)]).toEqual(["from scratch", [0, 3]]);
    const beside = { skipBaselines: true, with: [runPath("joint")] };
    const rows = (await evaluated("prototypical", chosen, beside)).evaluations[1]!.rows;
    expect(rows.map(({ steps }) => steps)).toEqual([0, 3]);
  });
});

it("says after an interruption how to begin the same evaluation again", async () => {
  const stopping = () => {
    const { output, text } = collected();
    let isStopped = false;
    const update = (): void => {
      if (!isStopped) process.emit("SIGINT");
      isStopped = true;
    };
    return { text, output: { ...output, progress: () => ({ update, resume: () => undefined, end: () => undefined }) } };
  };
  const chosen: Chosen = { shots: 2, evalTasks: 300, workers: 1 };
  const run = runPath("maml");
  const [evaluation, comparison] = [stopping(), stopping()];
  const invocation = { with: [runPath("joint")], skipBaselines: true };
  await expect(evalCommand({ folder: run, chosen, invocation }, evaluation.output)).rejects.toThrow(Interrupted);
  expect(evaluation.text()).toContain(
    `innerloop eval ${run} --shots 2 --eval-tasks 300 --workers 1 --with ${runPath("joint")} --skip-baselines\n`,
  );
  await expect(
    compareCommand({ folders: [run, runPath("seed")], chosen, invocation: {} }, comparison.output),
  ).rejects.toThrow(Interrupted);
  expect(comparison.text()).toContain(
    `innerloop compare ${run} ${runPath("seed")} --shots 2 --eval-tasks 300 --workers 1\n`,
  );
});

describe("innerloop eval on another data set", () => {
  const bare = { skipBaselines: true } as const;

  it("brings images to the model's shape and to light ink on dark", async () => {
    const others = await evaluated("maml", { data: "others" }, bare);
    expect(others.protocol).toMatchObject({ trainedOn: "spots", testedOn: "others", classes: 12 });
    expect(others.text).toContain("from 12 classes (144 examples): 4-way");
    expect(others.text).toContain("; trained on spots, tested on others;");
    const paper = await evaluated("maml", { data: "paper" }, bare);
    expect(figuresOf(paper)).toEqual(figuresOf(others));
    expect(figuresOf(await evaluated("maml", { data: "wide" }, bare))).not.toEqual(figuresOf(others));
    await expect(evaluated("maml", { data: "sinusoid" })).rejects.toThrow(/ILD02 sinusoid: there is no such data set/);
  });

  it("keeps half of the classes for the threshold of --open-set, and says so where too few are left", async () => {
    await expect(evaluated("maml", { data: "others" }, { openSet: true })).rejects.toThrow(
      "4-way tasks of --open-set take 8 classes, 4 of them unknown; of the 12 classes of others, 6 are kept for choosing the threshold, and 6 are left. Lower --ways to at most 3, or give data of more classes",
    );
    const fewer = await evaluated("maml", { data: "others", ways: 3 }, { openSet: true });
    expect(fewer.protocol).toMatchObject({ ways: 3, unknownClasses: 3 });
  });

  it("knows its own data set under another name", async () => {
    await mkdir(join(folder, "marks"));
    for (let c = 0; c < 12; c++) {
      await mkdir(join(folder, "marks", `c${c}`));
      for (let i = 0; i < 4; i++) {
        const pixels = Uint8Array.from({ length: 64 }, (_, at) => (at % 12 === c ? 200 : random(c, i, at).integer(40)));
        const image = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } });
        await image.png().toFile(join(folder, "marks", `c${c}`, `${i}.png`));
      }
    }
    await symlink(join(folder, "marks"), join(folder, "link"));
    await train("marks", { data: join(folder, "marks"), imageSize: 8, ways: 2, queries: 1, iterations: 2 });
    const own = await evaluated("marks", {}, bare);
    const linked = await evaluated("marks", { data: join(folder, "link") }, bare);
    // Two of twelve classes are held out; of another data set all would serve.
    expect(linked.protocol).toMatchObject({ classes: 2 });
    expect(linked.protocol).not.toHaveProperty("testedOn");
    // A copy with other names and an image more still holds what the run was trained and validated on.
    for (let c = 0; c < 12; c++)
      await cp(join(folder, `marks/c${c}`), join(folder, `copy/class ${c}`), { recursive: true });
    await cp(join(folder, "marks/c0/0.png"), join(folder, "copy/class 0/more.png"));
    const copied = await evaluated("marks", { data: join(folder, "copy") }, bare);
    expect(copied.protocol).toMatchObject({ classes: 2, testedOn: "copy" });
    expect(figuresOf(linked)).toEqual(figuresOf(own));
  });

  it("tests a run of the built-in characters on digits", async () => {
    await train("hanzi", { data: "hanzi", iterations: 2 });
    const results = await evaluated("hanzi", { data: "mnist" }, bare);
    expect(results.protocol).toMatchObject({ trainedOn: "hanzi", testedOn: "mnist", classes: 10, data: "mnist" });
    expect(results.text).toMatch(
      /accuracy on 12 tasks from 10 classes \(70,000 examples\): .*; trained on hanzi, tested on mnist;/,
    );
    const record = JSON.parse(await readFile(join(runPath("hanzi"), "results-last-data-mnist.json"), "utf8"));
    expect(record.evaluations[0].rows[1].figures.accuracy.mean).toBe(figuresOf(results)[1]!.accuracy!.mean);
  });
});

describe("innerloop compare", () => {
  it("gives exactly 0 for a run against itself", async () => {
    const { comparisons, text } = await comparedRuns(["maml", "maml"]);
    expect(comparisons.length).toBe(6);
    for (const { runs } of comparisons)
      expect(runs[1]).toMatchObject({ difference: { mean: 0, interval: 0 }, verdict: "no difference seen" });
    expect(text).toMatch(/\+0\.0 ± 0\.0 points +no difference seen/);
  });

  it("compares two seeds on the tasks of the first, with intervals narrower than those of unpaired runs", async () => {
    const { comparisons, text } = await comparedRuns(["maml", "seed"], { evalTasks: 100 });
    expect(comparisons.filter(({ name }) => name === "accuracy").map(({ at }) => at)).toEqual([0, 2, "last"]);
    const after = comparisons.find(({ name, at }) => name === "accuracy" && at === 2)!;
    const [first, second] = after.runs;
    expect(second!.difference!.mean).toBeCloseTo(second!.figure.mean - first!.figure.mean, 10);
    expect(second!.difference!.interval).toBeGreaterThan(0);
    expect(second!.difference!.interval).toBeLessThan(Math.hypot(first!.figure.interval, second!.figure.interval));
    // The figures are those that the runs have on these tasks by themselves.
    const alone = await evaluated("seed", { evalTasks: 100, seed: 0 }, { skipBaselines: true });
    expect(second!.figure).toEqual(alone.evaluations[0]!.rows[1]!.figures.accuracy);
    expect(text).toMatch(/accuracy, after 2 steps +difference\n/);
    expect(text).toMatch(/accuracy, each at its last step[\s\S]*seed\), 4 steps/);
  });

  it("has each learner at its last step where one takes none, in Markdown where asked", async () => {
    const { text } = await comparedRuns(["maml", "prototypical"], {}, { markdown: true, figures: ["accuracy", "nll"] });
    expect(
      text.match(/^\| (accuracy|negative log-likelihood), each at its last step \| {2}\| difference \|/gm),
    ).toHaveLength(2);
    expect(text).toMatch(
      /^\| prototypical network, no batch norm \(.*prototypical\), no steps \| [\d.]+% ± [\d.]+ \| [+-]/m,
    );
    expect(text).toMatch(/^- accuracy on 12 tasks from 8 held-out classes/m);
  });

  it("says nothing of steps where no run takes any", async () => {
    const { text } = await comparedRuns(["prototypical", "prototypical"], {}, { markdown: true });
    expect(text).toMatch(/^\| accuracy \| {2}\| difference \|/m);
    expect(text).toMatch(/^\| prototypical network \([^)]*prototypical\) \| [\d.]+% ± [\d.]+ \| \+0\.0 ± 0\.0/m);
    expect(text).not.toMatch(/step/);
  });

  it("refuses runs that are tested on other tasks, saying in what they differ", async () => {
    await train("two shots", { data: "spots", shots: 2, iterations: 1 });
    await train("others", { data: "others", iterations: 1, ways: 3 });
    await expect(comparedRuns(["maml", "two shots"])).rejects.toThrow(
      /maml and .*two shots are tested on different tasks: shots 1 and 2\. Give --shots for both/,
    );
    expect((await comparedRuns(["maml", "two shots"], { shots: 2 })).protocol).toMatchObject({ shots: 2 });
    await expect(comparedRuns(["maml", "others"])).rejects.toThrow(/different tasks: data set spots and others/);
    await importDataset("spots", { kind: "examples", examples: spots(40, [8, 8, 1], 9) });
    await train("changed", { data: "spots", iterations: 1 });
    await expect(comparedRuns(["changed", "maml"])).rejects.toThrow(
      /different tasks: contents of the data set \(sha256\) [0-9a-f]{16} and [0-9a-f]{16}/,
    );
    // Trained on different data, and tested on data that neither was trained on; or one was.
    const elsewhere = await comparedRuns(["changed", "maml"], { data: "wide" });
    expect(elsewhere.protocol).toMatchObject({ trainedOn: "spots", testedOn: "wide" });
    await expect(comparedRuns(["changed", "others"], { data: "others", ways: 3 })).rejects.toThrow(
      /others was trained on others, on which all classes are to be tested\. Choose data/,
    );
  });

  it("compares runs with unlabelled examples with one another, of as many", async () => {
    const tiny = { data: "spots", learner: "semi-supervised", iterations: 1 } as const;
    await train("two unlabelled", { ...tiny, unlabelled: 2 });
    await train("three unlabelled", { ...tiny, unlabelled: 3 });
    await train("all labelled", { ...tiny, learner: "prototypical" });
    await expect(comparedRuns(["two unlabelled", "three unlabelled"])).rejects.toThrow(
      /different tasks: unlabelled 2 and 3\. Give --unlabelled for both/,
    );
    const both = await comparedRuns(["two unlabelled", "three unlabelled"], { unlabelled: 4 });
    expect(both.protocol).toMatchObject({ unlabelled: 4 });
    expect(both.text).toContain("4-way 1-shot, 4 unlabelled examples per class, 2 queries per class");
    const refused = /unlabelled support examples per class 2 and 0\. Only runs of learners that learn from unlabelled/;
    await expect(comparedRuns(["two unlabelled", "all labelled"], { unlabelled: 2 })).rejects.toThrow(refused);
    await expect(evaluated("two unlabelled", {}, { with: [runPath("all labelled")] })).rejects.toThrow(refused);
  });
});

describe("runs of formulas", () => {
  beforeAll(async () => {
    const curves: Chosen = { data: "sinusoid", batchNorm: "none", shots: 5, queries: undefined };
    await train("curves", curves);
    await train("other curves", { ...curves, seed: 2 });
    await train("more points", { ...curves, shots: 7 });
  });

  it("have squared errors and no calibration", async () => {
    const { evaluations, text } = await evaluated("curves", { evalTasks: 20 }, { figures: ["mse"] });
    expect(Object.keys(evaluations[0]!.rows[0]!.figures)).toEqual(["loss"]);
    expect(text).toMatch(/mean squared error +before\*? +2 steps/);
    expect(text).toMatch(
      /mean squared error on 20 tasks: 5 support and 5 query points, 0 and 2 steps .*no batch norm;/,
    );
  });

  it("are compared on the same tasks, or refused", async () => {
    const { comparisons } = await comparedRuns(["curves", "other curves"], { evalTasks: 50 });
    const { runs } = comparisons.find(({ at }) => at === 2)!;
    expect(runs[1]!.difference!.interval).toBeLessThan(Math.hypot(runs[0]!.figure.interval, runs[1]!.figure.interval));
    await expect(comparedRuns(["curves", "more points"])).rejects.toThrow(/different tasks: shots 5 and 7/);
    const { comparisons: equal, protocol } = await comparedRuns(["curves", "more points"], { shots: 3 });
    expect(protocol).toMatchObject({ shots: 3, queries: 3 });
    expect(equal[0]!.runs).toHaveLength(2);
    await expect(comparedRuns(["curves", "maml"], { shots: 1, queries: 2 })).rejects.toThrow(
      /different tasks: kind of data curves and data sets of classes/,
    );
  });
});
