/** Runs of marked texts as exported folders: marked sentences in, the spans of others out, with exact offsets. */
import { readFile, writeFile } from "node:fs/promises";
import { random } from "@innerloop/core";
import type { EntityAnswer, ExportedExample, ExportedLearner, SpanAnswer, TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ranCard, ranNodeCard } from "./card-programs.fixture.js";
import { onnxCheckerMissing } from "./executor/onnx-checker.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { load } from "./runs/load.js";

const { inFolder, train, exported, verified, remove } = await exportedRuns("exported-spans");
type Learner = ExportedLearner<SpanAnswer>;
const learners = ["struct-shot", "token-prototypes", "crf", "maml"];

const [names, numbers] = [
  ["Ada", "Bo", "Chloe", "Dan", "Eve", "Finn"],
  ["two", "three", "four", "five", "six", "seven"],
];

/** A sentence with a name and a number behind words that its domain has. */
function sentence(domain: string, [who, many]: readonly [string, string], draw: ReturnType<typeof random>) {
  const [name, number] = [names, numbers].map((list) => list[draw.integer(list.length)]!) as [string, string];
  const text = `please ${domain} ${who} ${name} and ${many} ${number} now`;
  const span = (word: string, type: string) => {
    const start = text.indexOf(` ${word} `) + 1;
    return { start, end: start + word.length, type };
  };
  return { text, spans: [span(name, "name"), span(number, "number")] };
}

const domains = [
  ["book", ["for", "around"]],
  ["call", ["with", "times"]],
  ["deliver", ["to", "about"]],
  ["fetch", ["from", "over"]],
] as const;

const cities = ["Oslo", "Rome", "Bonn", "Lima"];
const marked = cities.flatMap((city) =>
  [`👋 a flight to ${city} please`, `what is on in ${city} at noon`].map((text) => ({
    text,
    spans: [
      { start: text.indexOf(city), end: text.indexOf(city) + city.length, type: "city" },
      ...(text.endsWith("noon") ? [{ start: text.length - 4, end: text.length, type: "time" }] : []),
    ],
  })),
);
const long = `${"and so on ".repeat(30)}a flight to Berlin please`;
const asked = ["👋🏽 a flight to Zu\u0308rich please", "what is on in 京 at noon", long, "", " \t"];

beforeAll(async () => {
  const lines = domains.flatMap(([domain, words]) => {
    const draw = random(7, domain.charCodeAt(0));
    return Array.from({ length: 40 }, () => {
      const { text, spans } = sentence(domain, words, draw);
      return JSON.stringify({ text, domain, spans: spans.map(({ start, end, type }) => [start, end, type]) });
    });
  });
  const data = inFolder("marked.jsonl");
  await writeFile(data, lines.join("\n"));
  const small = { types: 2, shots: 2, queries: 4, featureWidth: 4, wordUnits: 8, wordWidth: 4, bestBy: undefined };
  for (const learner of learners) {
    await train(learner, "entities", { data, ...small, learner });
    expect(await exported(learner)).toMatch(/20 held-out tasks through these files and through the run/);
  }
});
afterAll(remove);

describe.each(learners)("a run of marked texts by %s", (run) => {
  let learner: Learner;
  let model: TrainedModel<EntityAnswer & Readonly<Record<string, unknown>>>;
  beforeAll(async () => {
    learner = await load<Learner>(inFolder(`exported-${run}`));
    model = await load(inFolder(run));
  });
  afterAll(() => Promise.all([learner.dispose(), model.release()]));

  test.each([
    ["two types", marked],
    ["one type of two", marked.map(({ text, spans }) => ({ text, spans: spans.slice(0, 1) }))],
  ])("finds the spans that the run itself finds, of %s, in texts of any length", async (_name, given) => {
    const [task, own] = [await learner.adapt(given), await model.adapt(given)];
    expect(task.classes).toEqual(own.support.classes!.slice(1));
    const [answers, expected] = [await task.predict(asked), await own.predict(asked)];
    expected.forEach(({ entities }, i) => {
      expect(answers[i]!.map(({ probability: _, ...span }) => span)).toEqual(
        entities.map(({ probability: _, ...span }) => span),
      );
      answers[i]!.forEach(({ start, end, text, probability }, k) => {
        expect(asked[i]!.slice(start, end)).toBe(text);
        expect(probability).toBeCloseTo(entities[k]!.probability, 4);
      });
    });
    expect(await task.predict(asked[0]!)).toHaveLength(answers[0]!.length);
  });

  test("words with tags are the same sentences", async () => {
    const words = marked.map(({ text, spans }): ExportedExample => {
      const tokens = text.split(" ");
      const types = new Map(spans.map(({ start, end, type }) => [text.slice(start, end), type]));
      return { tokens, tags: tokens.map((token) => (types.has(token) ? `B-${types.get(token)}` : "O")) };
    });
    const [first, second] = [await learner.adapt(marked), await learner.adapt(words)];
    const question = { tokens: ["a", "flight", "to", "Bern"] };
    const [one, two] = [await first.predict("a flight to Bern"), await second.predict(question)];
    expect(two.map(({ probability: _, ...span }) => span)).toEqual(one.map(({ probability: _, ...span }) => span));
  });

  test("sentences come and go, long ones are several rows, and a task is bytes", async () => {
    const few = await learner.adapt(marked.slice(0, 4));
    const start = long.indexOf("Berlin");
    const more = await few.with([
      { text: long, spans: [{ start, end: start + 6, type: "city" }], id: "long" } as ExportedExample,
    ]);
    const back = await learner.restore(more.save());
    expect(back.ids).toEqual([...few.ids, "long"]);
    expect(await back.predict(asked)).toEqual(await more.predict(asked));
    const again = await back.with([]);
    expect(await again.predict(asked)).toEqual(await more.predict(asked));
    const without = await again.without(["long"]);
    expect(await without.predict(asked)).toEqual(await few.predict(asked));
    await expect(back.recommend()).rejects.toThrow(/ILE206 recommend: .*knows no items to rank/);
  });
});

describe("what is given", () => {
  let learner: Learner;
  beforeAll(async () => {
    learner = await load<Learner>(inFolder("exported-struct-shot"));
  });
  afterAll(() => learner.dispose());
  const typed = (type: string) => ({ text: "to Rome", spans: [{ start: 3, end: 7, type }] });

  test.each<[string, unknown, RegExp]>([
    ["no text", [{ spans: [] }], /ILE206 example 1: .*has no input.*\{ text, spans \}/],
    ["a text alone", ["to Rome"], /ILE206 example 1: it is "to Rome"/],
    ["no span at all", [{ text: "to Rome" }], /ILE206 examples: no span is marked/],
    ["spans outside", [{ text: "to", spans: [{ start: 3, end: 9, type: "city" }] }], /ILE206 example 1: .*3/],
    ["spans that are none", [{ text: "to", spans: [4] }], /ILE206 example 1: its spans are \[4\]/],
    [
      "spans over others",
      [
        {
          text: "to New York",
          spans: [
            { start: 3, end: 11, type: "a" },
            { start: 7, end: 11, type: "b" },
          ],
        },
      ],
      /ILE206 example 1: .*overlap/,
    ],
    [
      "fewer tags than words",
      [{ tokens: ["a", "b"], tags: ["O"] }],
      /ILE206 example 1: its tags are \["O"\], of 2 tokens/,
    ],
    ["tags of another scheme", [{ tokens: ["a"], tags: ["U-city"] }], /ILE206 example 1: its tag 1 is "U-city"/],
    ["words that are none", [{ tokens: ["a", " "], tags: ["O", "O"] }], /ILE206 example 1: its tokens are/],
    [
      "too many types",
      ["a", "b", "c"].map(typed),
      /ILE206 examples: they are of 3 types, and the programs tell 2 apart/,
    ],
  ])("%s is refused", async (_name, given, problem) => {
    await expect(learner.adapt(given as never)).rejects.toThrow(problem);
  });

  test("what is no text is refused, and so is the task of a learner of other words", async () => {
    const task = await learner.adapt(marked);
    await expect(task.predict([3] as never)).rejects.toThrow(/ILE206 input 1: it is 3/);
    const there = await load<Learner>(inFolder("exported-maml"));
    // The same words: the sentences of the task are adapted to anew.
    expect((await there.restore(task.save())).classes).toEqual(["city", "time"]);
    await there.dispose();
  });
});

test("the folder is what was said of it, verifies, and its card's programs run", async (context) => {
  expect(await verified("exported-struct-shot")).toMatch(/up to \d+ examples, up to 2 types/);
  const config = JSON.parse(await readFile(inFolder("exported-struct-shot/config.json"), "utf8"));
  expect(config.architectures).toEqual(["FewShotTokenClassifier"]);
  expect(config.innerloop).toMatchObject({ answers: { kind: "spans" }, ways: 3, inputs: { kind: "words" } });
  expect(config.innerloop.outputs.toSorted()).toEqual(["mask", "scores", "tags"]);
  const found = await ranNodeCard(inFolder("exported-struct-shot"), { print: "JSON.stringify([spans, task.classes])" });
  expect(JSON.parse(found)).toEqual([expect.any(Array), ["city"]]);
  const missing = onnxCheckerMissing();
  if (missing) context.skip(missing);
  expect(ranCard<number[]>(inFolder("exported-token-prototypes"), 'list(names["answers"]["tags"].shape)')).toEqual([
    2,
    config.innerloop.inputs.words.length,
  ]);
});
