/** Runs of texts by a tokenizer's file alone as exported folders: its tokenizer.json, and programs that take ids of its pieces. */
import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { decodeArrays, encodeArrays } from "@innerloop/core/training";
import { ExportedLearner, filesAtHand, openExported, verifyExport } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { tokenizerCases } from "./backbones/made-up-backbones.fixture.js";
import { ranNodeCard } from "./card-programs.fixture.js";
import { machineIo } from "./data/machine-io.js";
import { wasmCompiler } from "./executor/native/c-compilers.fixture.js";
import { portableEngine } from "./executor/portable-engine.js";
import { changedExport, exportedRuns, filesIn, type ToldExport } from "./exported-runs.fixture.js";
import { loadExported } from "./runs/exported-folder.js";
import { load } from "./runs/load.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-tokenized-texts");
const [wordPieces, bytePairs] = tokenizerCases;

/** Of word pieces, whose 0 is padding, cut to few; and of byte pairs, whose 0 is a piece. */
const runs = {
  prototypical: { tokenizer: wordPieces, model: "text-transformer", length: 6 },
  maml: { tokenizer: bytePairs, model: "text-conv", length: undefined },
  "logistic-prior": { tokenizer: wordPieces, model: "bag", length: undefined },
} as const;
type Run = keyof typeof runs;
const names = Object.keys(runs) as readonly Run[];

const said = ["pay my bill", "lost card", "cafe 5, $5", "unable to a b", "don't pay", "the abba"];
const csv = [
  "text,label,shop",
  ...said.flatMap((text, c) =>
    Array.from({ length: 12 }, (_, i) => {
      const other = said[(c + 1 + (i % 5)) % said.length]!;
      return `"${i % 2 === 0 ? `${text} ${other.slice(0, 3)}` : `how ${text}`} ${"a ".repeat(i % 5)}${"b ".repeat(i % 7)}",class${c},shop${i % 4}`;
    }),
  ),
].join("\n");

const support = [
  { input: "pay the cafe", label: "one" },
  { input: `${"lost my card ".repeat(9)}!`, label: "two" },
  { input: "Cafe\u0301 don't", label: "one" },
];
const asked = [...wordPieces.texts.map(({ text }) => text), "cafe\u0301", "[PAD] pay", "€5 ".repeat(400)].filter(
  (text) => text.trim() !== "",
);

beforeAll(async () => {
  vi.stubEnv("INNERLOOP_CACHE", "off");
  const data = inFolder("texts.csv");
  await writeFile(data, csv);
  const table = { data, textColumn: "text", labelColumn: "label", shots: 2, queries: 2 };
  const classes = { ...table, ways: 2, trainWays: 2, trainShots: 2, validationClasses: 2, testClasses: 2 };
  const held = { split: "domains", domainColumn: "shop", validationDomains: ["shop2"], testDomains: ["shop3"] };
  const domains = { ...table, ...held, shots: 1, trainShots: 1, queries: 1 };
  for (const learner of names) {
    const { tokenizer, model, length } = runs[learner];
    const file = inFolder(`${learner}.tokenizer.json`);
    // As others write them: with blanks.
    await writeFile(file, JSON.stringify(tokenizer.tokenizer, null, 2));
    const sizes = learner === "logistic-prior" ? domains : classes;
    await train(learner, "text", { ...sizes, learner, model, tokenizer: file, length, vectorWidth: 4, iterations: 6 });
    expect(await exported(learner)).toMatch(/held-out tasks through these files and through the run/);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await remove();
});

describe.each(names)("a run of texts with a tokenizer's file, %s", (run) => {
  const folder = inFolder(`exported-${run}`);

  test("has the file as it was, tells nothing of where it lay, and verifies", async () => {
    expect(await readdir(folder)).toContain("tokenizer.json");
    const own = await readFile(inFolder(`${run}.tokenizer.json`));
    expect(await readFile(`${folder}/tokenizer.json`)).toEqual(own);
    const { inputs } = (JSON.parse(await readFile(`${folder}/config.json`, "utf8")) as { innerloop: ToldExport })
      .innerloop;
    const shift = runs[run].tokenizer === bytePairs ? 1 : 0;
    expect(inputs).toMatchObject({ kind: "tokenized-text", shift });
    expect(Object.keys(inputs).sort()).toEqual(["count", "kind", "length", "shift", "tokenizer"]);
    expect(inputs.tokenizer).not.toContain("/");
    expect(await verified(`exported-${run}`)).toMatch(/each as config.json tells it/);
  });

  test("adapts and answers as the run does, in texts of any length", async () => {
    const learner = await load<ExportedLearner>(folder);
    const model = await load(inFolder(run));
    const labels = learner.config.answers.kind === "classes" ? learner.config.answers.classes : undefined;
    const named = (label: string): string => (labels ? labels[label === "one" ? 0 : 1]! : label);
    const examples = support.map(({ input, label }) => ({ input, label: named(label) }));
    const textsOf = (label: string): string[] =>
      examples.filter((each) => each.label === named(label)).map(({ input }) => input);
    const task = await learner.adapt(examples);
    const own = await model.adapt({ [named("one")]: textsOf("one"), [named("two")]: textsOf("two") });
    const [answers, expected] = [await task.predict(asked), await own.predict(asked)];
    expect(expected).toHaveLength(asked.length);
    const largest = expected.map(({ probabilities }) =>
      Math.max(...Object.values(probabilities as Record<string, number>)),
    );
    expect(new Set(largest).size).toBeGreaterThan(2);
    for (const [i, { probabilities }] of expected.entries())
      for (const [name, p] of Object.entries(probabilities as Record<string, number>))
        expect(answers[i]!.probabilities[name]).toBeCloseTo(p, 4);
    const back = await learner.restore(task.save());
    expect(await back.predict(asked)).toEqual(answers);
    const larger = await back.with([{ input: "abba abba", label: named("two"), id: "more" }]);
    expect(await (await larger.without(["more"])).predict(asked)).toEqual(answers);
    await Promise.all([learner.dispose(), model.release()]);
  });
});

test("takes texts alone", async () => {
  const learner = await loadExported(inFolder("exported-maml"));
  expect(learner).toBeInstanceOf(ExportedLearner);
  const task = await learner.adapt(support);
  await expect(task.predict(" ")).rejects.toThrow(/ILE206 input 1: it is " "/);
  await expect(task.predict(7)).rejects.toThrow(/ILE206 input 1: it is 7/);
  await expect(task.predict("a".repeat(2 ** 20 + 1))).rejects.toThrow(/ILE206 input 1: it has 1048577 characters/);
  await learner.dispose();
});

test("tasks are of one tokenizer: of another the examples are others", async () => {
  const learner = await loadExported(inFolder("exported-maml"));
  const saved = (await learner.adapt(support)).save();
  const spaced = await changedExport(inFolder("exported-maml"), (_, files) => {
    files["tokenizer.json"] = new TextEncoder().encode(JSON.stringify(bytePairs.tokenizer));
  });
  const other = await openExported(filesAtHand(spaced), { engine: portableEngine(), io: machineIo });
  await expect(other.restore(saved)).rejects.toThrow(/ILE203 task: what it holds is not what the learner has made/);
  await Promise.all([learner.dispose(), other.dispose()]);
});

test("the card's program in Node runs", async () => {
  const found = await ranNodeCard(inFolder("exported-maml"), { print: "JSON.stringify(task.classes)" });
  expect(JSON.parse(found).length).toBeGreaterThan(0);
});

/** A Python with what the card asks for, where there is one. */
const python = process.env.INNERLOOP_CARD_PYTHON ?? "python3";
const hasTokenizers = spawnSync(python, ["-c", "import tokenizers, onnxruntime, numpy"]).status === 0;

test.runIf(hasTokenizers).each(names)("the card's program in Python makes the same ids: %s", async (run) => {
  const folder = inFolder(`exported-${run}`);
  const { arrays, metadata } = decodeArrays(await readFile(`${folder}/expected.safetensors`));
  const program = [
    'exec(open("README.md", encoding="utf-8").read().split("```python")[1].split("```")[0])',
    "import json, sys",
    "print(json.dumps(ids(json.loads(sys.argv[1])).tolist()))",
  ].join("\n");
  const ran = spawnSync(python, ["-c", program, metadata.tokenizer_texts!], { encoding: "utf8", cwd: folder });
  expect(ran.stderr).toBe("");
  const found = JSON.parse(ran.stdout.trimEnd().split("\n").at(-1)!) as number[][];
  expect(found.flat()).toEqual(Array.from(arrays.tokenizer_ids!.data, Number));
});

test.runIf(wasmCompiler)("its module in WebAssembly answers as the ONNX programs", async () => {
  await exported("maml", { wasm: true, out: inFolder("module") });
  expect(await verified("module")).toMatch(/each as config.json tells it/);
  const [wasm, onnx] = await Promise.all([
    loadExported(inFolder("module"), { engine: "wasm" }),
    loadExported(inFolder("module")),
  ]);
  const [here, there] = await Promise.all(
    [wasm, onnx].map(async (learner) => (await learner!.adapt(support)).predict(asked)),
  );
  here!.forEach(({ label, probability }, i) => {
    expect(label).toBe(there![i]!.label);
    expect(probability).toBeCloseTo(there![i]!.probability, 4);
  });
  await Promise.all([wasm.dispose(), onnx.dispose()]);
});

describe("a folder whose tokenizer is not what it should be", () => {
  const folder = (): string => inFolder("exported-prototypical");
  const machine = { engine: portableEngine(), io: machineIo };
  const verifying = async (files: Record<string, Uint8Array>) =>
    verifyExport(filesAtHand(files), machine.engine, machineIo);
  const adapting = async (files: Record<string, Uint8Array>): Promise<unknown> => {
    const learner = await openExported(filesAtHand(files), machine);
    return learner.adapt(support).finally(() => learner.dispose());
  };
  const withTokenizer = (tokenizer: object) =>
    changedExport(folder(), (_, files) => {
      files["tokenizer.json"] = new TextEncoder().encode(JSON.stringify(tokenizer));
    });

  test.each([
    ["no length", { length: 0 }, /ILE202 .*innerloop\.inputs is/],
    ["a length beyond all", { length: 1e9 }, /ILE202 .*innerloop\.inputs is/],
    ["a count that is none", { count: "40" }, /ILE202 .*innerloop\.inputs is/],
    ["a shift of 2", { shift: 2 }, /ILE202 .*innerloop\.inputs is/],
    ["no name", { tokenizer: "" }, /ILE202 .*innerloop\.inputs is/],
    ["another length", { length: 5 }, /ILE202 /],
    ["another shift", { shift: 1, count: 64 }, /ILE205 .*tokenizer\.json: its ids of texts are others/],
    ["fewer ids", { count: 8 }, /ILE202 .*tokenizer\.json: its pieces are not those .*1 to 7/],
  ])("%s", async (_, other, expected) => {
    const files = await changedExport(folder(), ({ inputs }) => Object.assign(inputs, other));
    await expect(verifying(files)).rejects.toThrow(expected);
  });

  test("one that numbers pieces otherwise, one of other pieces, one that is none, none at all", async () => {
    const { tokenizer } = wordPieces as unknown as { readonly tokenizer: { readonly model: { vocab: object } } };
    const { model } = tokenizer;
    const turned = { ...tokenizer, model: { ...model, vocab: { ...model.vocab, pay: 10, the: 13 } } };
    await expect(verifying(await withTokenizer(turned))).rejects.toThrow(/ILE205 .*ids of texts are others/);
    await expect(adapting(await withTokenizer(bytePairs.tokenizer))).rejects.toThrow(
      /ILE202 .*tokenizer\.json: its pieces are not those that config\.json tells/,
    );
    await expect(adapting(await withTokenizer({}))).rejects.toThrow(/ILE202 .*it is no tokenizer/);
    const { "tokenizer.json": _, ...without } = await filesIn(folder());
    await expect(adapting(without)).rejects.toThrow(/ILE202 .*tokenizer\.json: it is not there/);
    const untold = await changedExport(folder(), ({ files }) => {
      delete files["tokenizer.json"];
    });
    await expect(adapting(untold)).rejects.toThrow(/ILE202 .*innerloop\.files/);
  });

  test.each([
    ["no texts", undefined],
    ["too few", ["a"]],
    ["numbers in place of texts", [1, 2, 3, 4]],
  ])("a probe of %s", async (_, told) => {
    const files = await changedExport(folder(), (__, all) => {
      const { arrays, metadata } = decodeArrays(all["expected.safetensors"]!);
      const { tokenizer_texts: ___, ...others } = metadata;
      const changed = told === undefined ? others : { ...others, tokenizer_texts: JSON.stringify(told) };
      all["expected.safetensors"] = encodeArrays({ arrays, metadata: changed });
    });
    await expect(verifying(files)).rejects.toThrow(/ILE202 .*no inputs with the ids that are made of them/);
  });

  test("a machine without tokenizers", async () => {
    const { pieces: _, ...io } = machineIo;
    const files = filesAtHand(await filesIn(folder()));
    await expect(openExported(files, { engine: machine.engine, io })).rejects.toThrow(/ILE206 .*does not run/);
  });
});
