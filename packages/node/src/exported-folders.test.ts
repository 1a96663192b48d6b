/** Runs as exported folders: written, verified, loaded, adapted and asked, with the answers of the run itself. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ExportedLearner, type ExportedTask } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { evalCommand } from "./cli/commands/eval-command.js";
import type { InvocationOptions } from "./cli/commands/registry.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { machineIo } from "./data/machine-io.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

const { folder, inFolder, train, exported, verified, remove } = await exportedRuns("exported");

const rides = (): string => {
  const lines = Array.from({ length: 8 }, (_, city) =>
    Array.from({ length: 12 }, (_, i) => {
      const distance = ((7 * i + 3 * city) % 20) + 1;
      const sky = ["sun", "rain", "snow"][(i + city) % 3];
      return `city${city},${distance},${sky},${(2 + (city % 5) + distance * (1 + (city % 3))) * 10}`;
    }),
  );
  return ["city,distance,sky,fare", ...lines.flat()].join("\n");
};

const intents = (): string => {
  const words = ["pay", "call", "send", "book", "stop", "play", "find", "read"];
  const lines = words.flatMap((word, c) =>
    Array.from({ length: 10 }, (_, i) => `"please ${word} thing number ${i} of ${c}",${word}`),
  );
  return ["text,intent", ...lines].join("\n");
};

/** Characters of four classes, as bytes: two to adapt to and two to be asked about of each. */
async function characters() {
  const { examples } = await machineIo.dataset("hanzi", {});
  const images = (label: number, from: number): Uint8Array[] => {
    const all = examples.classes.at(-1 - label)!.examples as Uint8Array;
    return [from, from + 1].map((i) => all.slice(i * 784, (i + 1) * 784));
  };
  const names = ["sun", "moon", "tree", "fire"];
  return {
    names,
    shots: names.map((_, label) => images(label, 0)),
    asked: names.flatMap((_, label) => images(label, 2)),
  };
}

beforeAll(async () => {
  await writeFile(inFolder("rides.csv"), `${rides()}\n`);
  await writeFile(inFolder("intents.csv"), `${intents()}\n`);
  await train("maml", "hanzi", { filters: 4 });
  await train("prototypes", "hanzi", { filters: 4, learner: "prototypical" });
  await train("curves", "sinusoid", { hidden: [8] });
  await train("rides", "table", {
    ...{ data: inFolder("rides.csv"), groupColumn: "city", target: ["fare"], hidden: [8] },
    ...{ shots: 4, queries: 6, validationClasses: 1, testClasses: 2 },
  });
  await train("intents", "text", {
    ...{ data: inFolder("intents.csv"), textColumn: "text", labelColumn: "intent", vectorWidth: 8, sketch: 256 },
    ...{
      ways: 2,
      shots: 2,
      queries: 2,
      trainWays: 2,
      trainShots: 2,
      validationClasses: 2,
      testClasses: 3,
      learner: "prototypical",
    },
  });
});
afterAll(remove);

describe.each(["maml", "prototypes"])("a run of characters, %s", (run) => {
  let learner: ExportedLearner;
  let task: ExportedTask;
  let sets: Awaited<ReturnType<typeof characters>>;
  const examplesOf = (): { input: Uint8Array; label: string }[] =>
    sets.names.flatMap((label, c) => sets.shots[c]!.map((input) => ({ input, label })));

  beforeAll(async () => {
    sets = await characters();
    const text = await exported(run);
    expect(text).toMatch(/20 held-out tasks through these files and through the run: the largest difference is/);
    learner = await load<ExportedLearner>(inFolder(`exported-${run}`));
    task = await learner.adapt(examplesOf());
  });
  afterAll(() => learner.dispose());

  test("answers as the run itself, in the order and by the names of classes", async () => {
    expect(learner).toBeInstanceOf(ExportedLearner);
    expect(task.classes).toEqual(sets.names);
    const model = await load(inFolder(run));
    const given = Object.fromEntries(sets.names.map((name, c) => [name, sets.shots[c]!]));
    const own = await (await model.adapt(given, { flags: { invert: "no" } })).predict(sets.asked);
    const answers = await task.predict(sets.asked);
    expect(answers).toHaveLength(8);
    own.forEach(({ probabilities }, i) => {
      const { label, probability, probabilities: found } = answers[i]!;
      for (const [name, p] of Object.entries(probabilities as Record<string, number>))
        expect(found[name], `${i} ${name}`).toBeCloseTo(p, 3);
      expect(probability).toBe(Math.max(...Object.values(found)));
      expect(found[label]).toBe(probability);
    });
    const one = await task.predict(sets.asked[0]!);
    expect(one.label).toBe(answers[0]!.label);
    await model.release();
  });

  test("numbers from 0 to 1 and dark ink on light paper are the same images", async () => {
    const [expected] = await task.predict([sets.asked[0]!]);
    const numbers = Array.from(sets.asked[0]!, (value) => value / 255);
    expect(await task.predict([numbers])).toEqual([expected]);
    // A list that is one image has one answer.
    expect(await task.predict(numbers)).toEqual(expected);
    const paper = (image: Uint8Array): Uint8Array => image.map((value) => 255 - value);
    const onPaper = await learner.adapt(examplesOf().map(({ input, label }) => ({ input: paper(input), label })));
    expect((await onPaper.predict([paper(sets.asked[0]!)]))[0]).toEqual(expected);
  });

  test("examples come and go, each time as if all had been given at once", async () => {
    const [first, ...others] = examplesOf();
    const fewer = await learner.adapt(others.map((each, i) => ({ ...each, id: `e${i}` })));
    const more = await fewer.with([{ ...first!, id: "first" }]);
    expect(more.ids).toEqual([...fewer.ids, "first"]);
    const without = await more.without(["first"]);
    expect(without.ids).toEqual(fewer.ids);
    expect(await without.predict(sets.asked)).toEqual(await fewer.predict(sets.asked));
    // Without a class's last example there is one class fewer.
    const sun = await learner.adapt(examplesOf());
    expect((await sun.without(["1", "2"])).classes).toEqual(["moon", "tree", "fire"]);
  });

  test("a task is bytes and comes back, with its examples or without", async () => {
    const answers = await task.predict(sets.asked);
    const back = await learner.restore(task.save());
    expect(await back.predict(sets.asked)).toEqual(answers);
    expect(back.ids).toEqual(task.ids);
    const bare = await learner.restore(task.save({ examples: false }));
    expect(await bare.predict(sets.asked)).toEqual(answers);
    await expect(bare.with(examplesOf().slice(0, 1))).rejects.toThrow(/ILE206 task: its examples were not kept/);
    const again = await back.with([]);
    expect(await again.predict(sets.asked)).toEqual(answers);
  });

  test.each<[string, unknown, RegExp]>([
    ["no list", { input: 1 }, /ILE206 examples: they are/],
    ["no label", [{ input: new Uint8Array(784) }], /ILE206 example 1: its label is undefined/],
    ["a number for a label", [{ input: new Uint8Array(784), label: 3 }], /ILE206 example 1: its label is 3/],
    ["one class", [{ input: new Uint8Array(784), label: "a" }], /ILE206 examples: they are of 1 class/],
    ["none", [], /ILE206 examples: there are none/],
    [
      "an id twice",
      ["a", "b"].map((label) => ({ input: new Uint8Array(784), label, id: "x" })),
      /ILE206 example 2: its id is "x", as another's/,
    ],
    [
      "more examples than rows",
      Array.from({ length: 26 }, (_, i) => ({ input: new Uint8Array(784), label: `${i % 3}` })),
      /ILE206 examples: there are 26 examples, and the programs take 25.*--max-support 26/,
    ],
    ["numbers that no byte is", [{ input: new Array(784).fill(0.3), label: "a" }], /ILE206 input 1: .*--float-input/],
    ["a shape of another kind", [{ input: [1, 2, 3], label: "a" }], /ILE206 input 1: it is \[1,2,3\]/],
    ["bytes that are no image", [{ input: new Uint8Array(7), label: "a" }], /ILD\d\d/],
  ])("refuses %s", async (_name, given, problem) => {
    await expect(learner.adapt(given as never)).rejects.toThrow(problem);
  });

  test("refuses more classes than the programs tell apart", async () => {
    const ways = learner.config.ways!;
    const given = Array.from({ length: ways + 1 }, (_, i) => ({ input: new Uint8Array(784), label: `${i}` }));
    await expect(learner.adapt(given)).rejects.toThrow(
      new RegExp(`ILE206 examples: they are of ${ways + 1} classes, and the programs tell ${ways} apart`),
    );
  });

  test("stops where it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(learner.adapt(examplesOf(), { signal })).rejects.toThrow("enough");
    await expect(task.with(examplesOf().slice(0, 1), { signal })).rejects.toThrow("enough");
  });

  test("refuses steps that there are not, and what is no input", async () => {
    const asked = learner.adapt(examplesOf(), { steps: -1 });
    await expect(asked).rejects.toThrow(/ILE206 steps/);
    await expect(task.predict([])).rejects.toThrow(/ILE206 predict: there are no inputs/);
    await expect(task.predict("nowhere.png")).rejects.toThrow(/ILD0\d .*nowhere\.png/);
    await expect(task.without(["nobody"])).rejects.toThrow(/ILE206 without: there is no example "nobody"/);
  });
});

test("inputs of none of the classes are rejected by the rule that the run was given", async () => {
  const plain = await load<ExportedLearner>(inFolder("exported-prototypes"));
  const { names, shots, asked } = await characters();
  const examples = names.flatMap((label, c) => shots[c]!.map((input) => ({ input, label })));
  expect("rejected" in (await (await plain.adapt(examples)).predict(asked[0]!))).toBe(false);
  await plain.dispose();
  const chosen = { workers: 1, evalTasks: 5 };
  await evalCommand({ folder: inFolder("prototypes"), chosen, invocation: { openSet: true } }, collected().output);
  await exported("prototypes", { out: inFolder("rejecting") });
  expect(await verified("rejecting")).toMatch(/prototypical network: .*\n.*\n.*largest difference/);
  const learner = await load<ExportedLearner>(inFolder("rejecting"));
  const { outputs, openSet } = learner.config;
  expect(outputs).toEqual(["logits", "probabilities", "rejected"]);
  const kept = JSON.parse(await readFile(inFolder("prototypes/open-set.json"), "utf8"));
  expect(kept.rule).toMatchObject(openSet!);
  const model = await load(inFolder("prototypes"));
  const given = Object.fromEntries(names.map((name, c) => [name, shots[c]!]));
  const noise = Uint8Array.from({ length: 784 }, (_, i) => (i * 7919) % 256);
  const own = await model.adapt(given, { flags: { invert: "no" }, rule: openSet! });
  const inputs = [...asked, noise];
  const expected = (await own.predict(inputs)).map(({ prediction }) => prediction === null);
  const answers = await (await learner.adapt(examples)).predict(inputs);
  expect(answers.map(({ rejected }) => rejected)).toEqual(expected);
  await Promise.all([learner.dispose(), model.release()]);

  // Of other parameters it means nothing: it is said, and nothing is rejected.
  const path = inFolder("prototypes/open-set.json");
  await writeFile(path, JSON.stringify({ rule: { ...kept.rule, iteration: 1 } }));
  expect(await exported("prototypes", { out: inFolder("rejecting") })).toMatch(
    /nothing is rejected: the threshold of the run was chosen for its \w+ checkpoint after 1 update/,
  );
  await rm(path);
});

test("a stepless learner takes no steps, and one that does takes as many as are asked for", async () => {
  const [maml, prototypes] = await Promise.all(
    ["maml", "prototypes"].map((run) => load<ExportedLearner>(inFolder(`exported-${run}`))),
  );
  const { names, shots, asked } = await characters();
  const examples = names.map((label, c) => ({ input: shots[c]![0]!, label }));
  await expect(prototypes!.adapt(examples, { steps: 1 })).rejects.toThrow(/ILE206 steps: 1 steps of .*takes none/);
  const [none, five] = [await maml!.adapt(examples, { steps: 0 }), await maml!.adapt(examples, { steps: 5 })];
  expect([none.steps, five.steps]).toEqual([0, 5]);
  expect((await none.predict([asked[0]!]))[0]).not.toEqual((await five.predict([asked[0]!]))[0]);
  const saved = five.save();
  // Of another learner the task is adapted to anew by its examples, and cannot be without them.
  expect((await prototypes!.restore(saved)).classes).toEqual(names);
  await expect(prototypes!.restore(five.save({ examples: false }))).rejects.toThrow(
    /ILE203 task: it is of the learner "MAML" with the adapting program [0-9a-f]{16}/,
  );
  await Promise.all([maml!.dispose(), prototypes!.dispose(), prototypes!.dispose()]);
  await expect(maml!.adapt(examples)).rejects.toThrow(/ILE208 .*disposed/);
});

test("curves: numbers in, numbers out, as the run itself", async () => {
  await exported("curves");
  const learner = await load<ExportedLearner>(inFolder("exported-curves"));
  const points = [-2, -1, 0.5, 1, 3].map((x) => ({ x, y: Math.sin(x) }));
  const task = await learner.adapt(points.map(({ x, y }) => ({ input: x, target: y })));
  const model = await load(inFolder("curves"));
  const own = await (await model.adapt(points)).predict([{ x: 0.25 }, { x: 2 }]);
  const answers = await task.predict([0.25, 2] as unknown as readonly string[]);
  own.forEach(({ y }, i) => {
    expect(answers[i]!.value).toBeCloseTo(Number(y), 4);
  });
  expect((await task.predict(0.25)).value).toBe(answers[0]!.value);
  const back = await learner.restore(task.save());
  expect(await back.predict({ x: 2 })).toEqual(answers[1]);
  await Promise.all([learner.dispose(), model.release()]);
});

test("a learner that says how sure it is: a deviation in the same units", async () => {
  await train("process", "sinusoid", { learner: "cnp", hidden: [8] });
  await exported("process");
  const learner = await load<ExportedLearner>(inFolder("exported-process"));
  const task = await learner.adapt([0, 1, 2].map((x) => ({ input: x, target: Math.sin(x) })));
  const { value, deviation } = await task.predict(1.5);
  expect(Number.isFinite(value)).toBe(true);
  expect(deviation).toBeGreaterThan(0);
  const model = await load(inFolder("process"));
  const own = await (await model.adapt([0, 1, 2].map((x) => ({ x, y: Math.sin(x) })))).predict([{ x: 1.5 }]);
  expect(value).toBeCloseTo(Number(own[0]!.y), 4);
  await Promise.all([learner.dispose(), model.release()]);
});

test("the card of a run that was evaluated has its figures with their intervals", async () => {
  const chosen = {
    iterations: 2,
    metaBatch: 1,
    validateEvery: 0,
    workers: 1,
    hidden: [4],
    evalSteps: [0, 1],
    evalTasks: 5,
  };
  const invocation = { run: inFolder("judged"), skipBaselines: true };
  await trainCommand({ target: "sinusoid", chosen, invocation }, collected().output);
  await exported("judged");
  const card = await readFile(inFolder("exported-judged/README.md"), "utf8");
  expect(card).toMatch(/\| \*\*MAML\*\* \| 1 \| mean squared error \| \d+\.\d+ ± \d+\.\d+ \|/);
  expect(card).toMatch(/on 5 tasks: .*mean ± 95% interval over tasks/);
  expect(card).toMatch(/\nmodel-index:\n- name: "MAML"\n {2}results:\n/);
  expect(card).toMatch(
    / {6}name: "mean squared error after 1 step: \d+\.\d+ ± \d+\.\d+ \(95% interval over 5 tasks\)"\n/,
  );
});

test("the card has the license, title and credits that are given, as text, and further evaluations of the run", async () => {
  const invocation = { skipBaselines: true };
  await evalCommand({ folder: inFolder("judged"), chosen: { shots: 5 }, invocation }, collected().output);
  const told = await exported("judged", {
    license: "mit",
    title: "Curves\n# of *mine*",
    credits: "By <b>nobody</b>",
    datasets: ['sine "curves"', "others"],
    results: ["results-last-shots-5"],
  });
  expect(told).not.toMatch(/State a license/);
  const card = await readFile(inFolder("exported-judged/README.md"), "utf8");
  expect(card).toMatch(/^---\nlicense: mit\n/);
  expect(card).toContain('datasets:\n- "sine \\"curves\\""\n- "others"\nmodel-index:\n- name: "Curves # of *mine*"\n');
  expect(card).toContain("\n# Curves # of \\*mine\\*\n");
  expect(card).toContain("\n## Data and licenses\n\nBy \\<b\\>nobody\\</b\\>\n");
  expect(card.match(/on 5 tasks: (\d+) support/g)).toEqual(
    [10, 5, 10, 5].map((shots) => `on 5 tasks: ${shots} support`),
  );
  await expect(exported("judged", { license: "mit\ntags: all" })).rejects.toThrow(/^--license "mit\\ntags: all"/);
  await expect(exported("judged", { results: ["../config"] })).rejects.toThrow(/there is no such evaluation/);
  await expect(exported("judged", { results: ["results-last-shots-9"] })).rejects.toThrow(/results-last-shots-9/);
});

test("rows of a table: cells by the names of columns, answers in the table's units", async () => {
  await exported("rides");
  const learner = await load<ExportedLearner>(inFolder("exported-rides"));
  const rows = [3, 7, 12, 18].map((distance, i) => ({
    distance,
    sky: ["sun", "rain"][i % 2]!,
    fare: 30 + 20 * distance,
  }));
  const task = await learner.adapt(rows.map(({ fare, ...input }) => ({ input, target: { fare } })));
  const model = await load(inFolder("rides"));
  const asked = [
    { distance: 5, sky: "snow" },
    { distance: 15, sky: "sun" },
  ];
  const own = await (await model.adapt(rows)).predict(asked);
  const answers = await task.predict(asked);
  own.forEach(({ fare }, i) => {
    expect(Number(answers[i]!.value)).toBeCloseTo(Number(fare), 2);
  });
  await expect(learner.adapt([{ input: { distance: "far", sky: "sun" }, target: 3 }])).rejects.toThrow(/ILT307/);
  await expect(learner.adapt([{ input: asked[0], target: "much" }])).rejects.toThrow(/ILE206 example 1: its target/);
  await Promise.all([learner.dispose(), model.release()]);
});

test("texts: words in, classes out, as the run itself", async () => {
  await exported("intents");
  const learner = await load<ExportedLearner>(inFolder("exported-intents"));
  const given = { yes: ["please pay now", "pay it"], no: ["stop at once", "please stop"] };
  const task = await learner.adapt(
    Object.entries(given).flatMap(([label, texts]) => texts.map((input) => ({ input, label }))),
  );
  const model = await load(inFolder("intents"));
  const own = await (await model.adapt(given)).predict(["stop paying"]);
  const { probabilities } = await task.predict("stop paying");
  for (const [name, p] of Object.entries(own[0]!.probabilities as Record<string, number>))
    expect(probabilities[name]).toBeCloseTo(p, 4);
  await Promise.all([learner.dispose(), model.release()]);
});

describe("the folder", () => {
  test("is what was said of it, and verifies", async () => {
    expect((await readdir(inFolder("exported-maml"), { recursive: true })).sort()).toEqual([
      ...["README.md", "config.json", "expected.safetensors", "onnx", "onnx/adapt.onnx", "onnx/few_shot.onnx"],
      ...["onnx/predict.onnx", "parameters.safetensors", "preprocessor_config.json"],
    ]);
    expect(await verified("exported-maml")).toMatch(/MAML: up to 25 examples, up to 5 classes\n.*6 files/);
    const config = JSON.parse(await readFile(inFolder("exported-maml/config.json"), "utf8"));
    const outputs = ["logits", "probabilities"];
    expect(config).toMatchObject({
      model_type: "innerloop",
      architectures: ["FewShotClassifier"],
      innerloop: { format: "export 1", learner: "MAML", ways: 5, support: 25, padded: false, outputs },
    });
    const card = await readFile(inFolder("exported-maml/README.md"), "utf8");
    expect(card).toMatch(
      /^---\nlicense: other\nlibrary_name: innerloop\npipeline_tag: image-classification\ntags:\n- few-shot\n/,
    );
    expect(card).toMatch(/^innerloop train hanzi .*--filters 4/m);
    const curves = await readFile(inFolder("exported-curves/README.md"), "utf8");
    expect(curves).toContain("pipeline_tag: tabular-regression");
  });

  test("replaces an export of ours, and nothing else", async () => {
    await mkdir(inFolder("other"));
    await writeFile(inFolder("other/mine.txt"), "mine");
    await expect(exported("curves", { out: inFolder("other") })).rejects.toThrow(/ILE204 .*not empty, and no export/);
    await expect(exported("curves", { out: inFolder("other/mine.txt") })).rejects.toThrow(
      /ILE204 .*a file of this name/,
    );
    await symlink(inFolder("other"), inFolder("link"));
    await expect(exported("curves", { out: inFolder("link") })).rejects.toThrow(/ILE204 .*a link of this name/);
    await exported("curves", { out: inFolder("twice") });
    await writeFile(inFolder("twice/notes.txt"), "mine");
    await expect(exported("curves", { out: inFolder("twice") })).rejects.toThrow(/ILE204 .*"notes\.txt" in it/);
    await rm(inFolder("twice/notes.txt"));
    await exported("curves", { out: inFolder("twice"), maxSupport: 12 });
    expect(await verified("twice")).toMatch(/up to 12 examples/);
    expect(await readFile(inFolder("other/mine.txt"), "utf8")).toBe("mine");
    expect((await readdir(folder)).filter((name) => name.includes(".partial-"))).toEqual([]);
  });

  test("of a fixed number of queries and steps, and of images as numbers, answers the same", async () => {
    const out = inFolder("fixed");
    await exported("maml", { out, queries: 3, fixed: 2, floatInput: true, maxSupport: 8 });
    expect(await verified("fixed")).toMatch(/up to 8 examples/);
    const [fixed, free] = await Promise.all(
      [out, inFolder("exported-maml")].map((path) => load<ExportedLearner>(path)),
    );
    const { names, shots, asked } = await characters();
    const examples = names.map((label, c) => ({ input: shots[c]![0]!, label }));
    await expect(fixed!.adapt(examples, { steps: 3 })).rejects.toThrow(/ILE206 steps: 3 steps of programs .* for 2/);
    const [a, b] = [
      await (await fixed!.adapt(examples)).predict(asked),
      await (await free!.adapt(examples, { steps: 2 })).predict(asked),
    ];
    a.forEach(({ probability }, i) => {
      expect(probability).toBeCloseTo(b[i]!.probability, 3);
    });
    await Promise.all([fixed!.dispose(), free!.dispose()]);
  });

  test.each<[string, string, InvocationOptions, RegExp]>([
    ["no place to write", "curves", { out: "" }, /there is no -o/],
    ["fewer rows than a task has", "curves", { maxSupport: 2 }, /--max-support 2 of .*whose tasks have 10 examples/],
    ["numbers for images where there are none", "curves", { floatInput: true }, /--float-input for .*no images/],
  ])("refuses %s", async (_name, run, invocation, problem) => {
    await expect(exported(run, invocation)).rejects.toThrow(problem);
  });

  test("a learner that has no such programs is refused with the reason, and nothing is written", async () => {
    await train("walks", "bandits", { learner: "rl2", units: 4, metaBatch: 2, iterations: 1 });
    await expect(exported("walks")).rejects.toThrow(/ILR301 .*remembers/);
    expect(existsSync(inFolder("exported-walks"))).toBe(false);
  });
});

/** The reference evaluator of the onnx package, or onnxruntime where it is there: the folder without anything of ours. */
const script = `
import ast, json, sys
import numpy as np
from pathlib import Path
folder = Path(sys.argv[1])
data = (folder / "expected.safetensors").read_bytes()
size = int.from_bytes(data[:8], "little")
header = json.loads(data[8:8 + size])
types = {"F32": np.float32, "I64": np.int64, "U8": np.uint8, "I32": np.int32}
arrays = {}
for name, entry in header.items():
    if name == "__metadata__":
        continue
    start, end = entry["data_offsets"]
    values = np.frombuffer(data[8 + size + start:8 + size + end], types[entry["dtype"]])
    arrays[name] = values.reshape(entry["shape"])
model = str(folder / "onnx" / "few_shot.onnx")
inputs = ["support_inputs", "support_labels", "support_mask", "steps", "query_inputs"]
feeds = {name: arrays[name] for name in inputs}
try:
    import onnxruntime as ort
    session = ort.InferenceSession(model)
    names = [output.name for output in session.get_outputs()]
except ImportError:
    from onnx.reference import ReferenceEvaluator
    session = ReferenceEvaluator(model)
    names = session.output_names
outputs = dict(zip(names, session.run(None, feeds)))
# The program of the model card is one.
ast.parse((folder / "README.md").read_text().split("\`\`\`python")[1].split("\`\`\`")[0])
off = np.abs(outputs["probabilities"] - arrays["probabilities"]).max()
print(json.dumps({"status": int(outputs["status"]), "off": float(off)}))
`;

test("the folder answers from Python, with nothing of ours", (context) => {
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  const python = fileURLToPath(new URL("../../../node_modules/.cache/onnx-venv/bin/python", import.meta.url));
  const { stdout, stderr, status } = spawnSync(python, ["-c", script, inFolder("exported-prototypes")], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  const found = JSON.parse(stdout) as { status: number; off: number };
  expect(found.status).toBe(0);
  expect(found.off).toBeLessThan(1e-3);
});
