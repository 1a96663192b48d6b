/** Runs of marked texts behind a frozen encoder as exported folders: states of words by the folder's own model and tokenizer. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { random } from "@innerloop/core";
import { decodeArrays, encodeArrays } from "@innerloop/core/training";
import {
  type EntityAnswer,
  type ExportedLearner,
  filesAtHand,
  openExported,
  type SpanAnswer,
  type TrainedModel,
  verifyExport,
} from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { backboneFolder, textModel, tokenizerCases, vocabulary } from "./backbones/made-up-backbones.fixture.js";
import { ranNodeCard } from "./card-programs.fixture.js";
import { machineIo } from "./data/machine-io.js";
import { portableEngine } from "./executor/portable-engine.js";
import { changedExport, exportedRuns, filesIn } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-encoded-words");
type Learner = ExportedLearner<SpanAnswer>;
const [wordPieces, bytePairs] = tokenizerCases;
const bytePairCount = Object.keys((bytePairs.tokenizer as { model: { vocab: object } }).model.vocab).length;

/** Encoders: of word pieces that are cut, of byte pairs with blanks in them and one length alone, and a tensor within. */
const runs = {
  "struct-shot": { tokenizer: wordPieces, model: textModel(), settings: { maxTokens: 12 } },
  "nearest-tokens": {
    tokenizer: bytePairs,
    model: textModel({ rows: bytePairCount, tokens: 40 }),
    settings: { maxTokens: 64, normalize: true },
  },
  maml: { tokenizer: wordPieces, model: textModel(), settings: { maxTokens: 256, output: "hidden", pooling: "cls" } },
} as const;
type Run = keyof typeof runs;
const names = Object.keys(runs) as readonly Run[];

const things = ["cards", "bill", "cafe", "unpayable", "my"];
const sums = ["5", "$5", "abba", "café"];
/** How each domain says what is to be paid, and how much. */
const ways = {
  pay: (thing: string, sum: string) => `how do i pay the ${thing}, ${sum}. to the cafe`,
  lost: (thing: string, sum: string) => `lost ${thing} to ${sum} unable`,
  bill: (thing: string, sum: string) => `don't bill ${sum} the ${thing} paying`,
  card: (thing: string, sum: string) => `the card, a b c ${sum} how ${thing} i do`,
};

function markedIn(text: string, types: Readonly<Record<string, string>>) {
  const spans = Object.entries(types).map(([type, word]) => {
    const start = ` ${text}`.search(new RegExp(`[ ]${word.replace("$", "\\$")}(?![a-z])`));
    return { start, end: start + word.length, type };
  });
  return { text, spans: spans.sort((a, b) => a.start - b.start) };
}

const support = [
  markedIn("how do i pay my cafe today", { place: "cafe" }),
  markedIn("👋 the cafe to abba", { place: "cafe", name: "abba" }),
  markedIn("unable to pay abba", { name: "abba" }),
];
const long = `${"the lost cards, unable to pay. ".repeat(9)}pay the cafe`;
const asked = ["👋🏽 pay the cafe\u0301 to abba", "你好 abba\u00a0card", long, "", " \t", "unpayable".repeat(6)];

beforeAll(async () => {
  vi.stubEnv("INNERLOOP_CACHE", "off");
  const lines = Object.entries(ways).flatMap(([domain, said], place) => {
    const draw = random(11, place);
    return Array.from({ length: 30 }, () => {
      const [thing, sum] = [things, sums].map((list) => list[draw.integer(list.length)]!) as [string, string];
      const { text, spans } = markedIn(said(thing, sum), { thing, sum });
      return JSON.stringify({ text, domain, spans: spans.map(({ start, end, type }) => [start, end, type]) });
    });
  });
  const data = inFolder("marked.jsonl");
  await writeFile(data, lines.join("\n"));
  const small = { types: 2, shots: 2, queries: 4, featureWidth: 4, wordUnits: 8, wordWidth: 4, bestBy: undefined };
  for (const learner of names) {
    const { tokenizer, model, settings } = runs[learner];
    const files = { model, tokenizer: tokenizer.tokenizer, settings: { pooling: "mean", ...settings } };
    await train(learner, "entities", {
      ...{ data, ...small, learner, iterations: 30 },
      backbone: await backboneFolder(inFolder("encoders"), files),
    });
    expect(await exported(learner)).toMatch(/20 held-out tasks through these files and through the run/);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await remove();
});

describe.each(names)("a run of marked texts with an encoder, %s", (run) => {
  let learner: Learner;
  let model: TrainedModel<EntityAnswer & Readonly<Record<string, unknown>>>;
  beforeAll(async () => {
    learner = await load<Learner>(inFolder(`exported-${run}`));
    model = await load(inFolder(run));
  });
  afterAll(() => Promise.all([learner.dispose(), model.release()]));

  test("has its files, and verifies", async () => {
    expect(await readdir(inFolder(`exported-${run}`))).toContain("tokenizer.json");
    expect(await verified(`exported-${run}`)).toMatch(/up to \d+ examples, up to 2 types\n.*7 files/);
  });

  test("finds the spans that the run itself finds, in texts of any length", async () => {
    const [task, own] = [await learner.adapt(support), await model.adapt(support)];
    expect(task.classes).toEqual(own.support.classes!.slice(1));
    const [answers, expected] = [await task.predict(asked), await own.predict(asked)];
    expect(expected.flatMap(({ entities }) => entities).length).toBeGreaterThan(0);
    expected.forEach(({ entities }, i) => {
      expect(answers[i]!.map(({ probability: _, ...span }) => span)).toEqual(
        entities.map(({ probability: _, ...span }) => span),
      );
      answers[i]!.forEach(({ start, end, text, probability }, k) => {
        expect(asked[i]!.slice(start, end)).toBe(text);
        expect(probability).toBeCloseTo(entities[k]!.probability, 4);
      });
    });
  });

  test("a task is bytes with long sentences in it, and comes back", async () => {
    const start = long.lastIndexOf("cafe");
    const given = [...support, { text: long, spans: [{ start, end: start + 4, type: "place" }], id: "long" }];
    const task = await learner.adapt(given);
    const back = await learner.restore(task.save());
    expect(await back.predict(asked)).toEqual(await task.predict(asked));
    const fewer = await back.without(["long"]);
    expect(await fewer.predict(asked)).toEqual(await (await learner.adapt(support)).predict(asked));
  });
});

test("tasks are of one encoder: of another the examples are others", async () => {
  const [one, other] = await Promise.all(
    (["struct-shot", "maml"] as const).map((run) => load<Learner>(inFolder(`exported-${run}`))),
  );
  const task = await one!.adapt(support);
  await expect(other!.restore(task.save())).rejects.toThrow(/ILE203 task: it is of the learner/);
  await Promise.all([one!.dispose(), other!.dispose()]);
});

test("config.json tells words and encoder, and the card's program in Node runs", async () => {
  const { innerloop } = JSON.parse(await readFile(inFolder("exported-nearest-tokens/config.json"), "utf8"));
  expect(innerloop.inputs).toMatchObject({
    kind: "encoded-words",
    words: { width: 5 },
    backbone: { output: "last_hidden_state", maxTokens: 40, padTo: 40 },
  });
  expect(Object.keys(innerloop.inputs.backbone).sort()).toEqual(["maxTokens", "name", "output", "padTo"]);
  const found = await ranNodeCard(inFolder("exported-nearest-tokens"), { print: "JSON.stringify(task.classes)" });
  expect(JSON.parse(found)).toEqual(["city"]);
  const card = await readFile(inFolder("exported-nearest-tokens/README.md"), "utf8");
  expect(card).toContain("def states(sentences):");
  expect(vocabulary).toBeLessThan(bytePairCount);
});

describe("a folder whose encoder of words is not what it should be", () => {
  const folder = (): string => inFolder("exported-struct-shot");
  const machine = { engine: portableEngine(), io: machineIo };
  const verifying = async (files: Record<string, Uint8Array>) =>
    verifyExport(filesAtHand(files), machine.engine, machineIo);

  test.each([
    ["no name of an output", { output: "" }, /ILE202 .*innerloop\.inputs is/],
    ["a length below its tokens", { padTo: 8 }, /ILE202 .*innerloop\.inputs is/],
    ["another output", { output: "logits" }, /ILE202 .*no encoder of token ids with the output logits/],
    ["fewer tokens", { maxTokens: 5 }, /ILE205 .*features differ/],
  ])("%s", async (_, other, expected) => {
    const files = await changedExport(folder(), ({ inputs }) => Object.assign(inputs.backbone, other));
    await expect(verifying(files)).rejects.toThrow(expected);
  });

  test.each([
    ["no sentences", undefined],
    ["texts in place of words", ["a", "b", "c", "d"]],
    ["sentences longer than rows", Array.from({ length: 4 }, () => new Array(600).fill("a"))],
    ["too few", [["a"]]],
  ])("a probe of %s", async (_, told) => {
    const files = await changedExport(folder(), (__, all) => {
      const { arrays, metadata } = decodeArrays(all["expected.safetensors"]!);
      const { backbone_texts: ___, ...others } = metadata;
      const changed = told === undefined ? others : { ...others, backbone_texts: JSON.stringify(told) };
      all["expected.safetensors"] = encodeArrays({ arrays, metadata: changed });
    });
    await expect(verifying(files)).rejects.toThrow(/ILE202 .*no inputs with the features/);
  });

  test("a machine without tokenizers", async () => {
    const { pieces: _, ...io } = machineIo;
    const files = filesAtHand(await filesIn(folder()));
    await expect(openExported(files, { engine: machine.engine, io })).rejects.toThrow(/ILE206 .*does not run/);
  });
});
