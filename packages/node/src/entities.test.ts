/** Marked texts from a file to spans: training, adapting in a program and by command, offsets exact. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random } from "@innerloop/core";
import type { EntityAnswer, TrainedModel } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collected } from "./cli/collected-output.fixture.js";
import { adaptCommand } from "./cli/commands/adapt-command.js";
import { trainCommand } from "./cli/commands/train-command.js";
import { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
import { load } from "./index.js";

const executor = onnxruntimeExecutor({ threads: 1 });
let folder: string;
let run: string;
let model: TrainedModel<EntityAnswer & Readonly<Record<string, unknown>>>;

const names = ["Ada", "Bo", "Chloe", "Dan", "Eve", "Finn", "Gus", "Hugo", "Ida", "Jon"];
const numbers = ["two", "three", "four", "five", "six", "seven", "nine", "ten"];

/** Sentences of a domain: names and numbers behind words that tell them, which each domain has its own of. */
function domainLines(domain: string, [who, many]: readonly [string, string]): string[] {
  const draw = random(7, domain.charCodeAt(0));
  const pick = (list: readonly string[]): string => list[draw.integer(list.length)]!;
  return Array.from({ length: 40 }, () => {
    const [name, number] = [pick(names), pick(numbers)];
    const text = `please ${domain} ${who} ${name} and ${many} ${number} now`;
    const at = (word: string): [number, number] => [
      text.indexOf(` ${word} `) + 1,
      text.indexOf(` ${word} `) + 1 + word.length,
    ];
    return JSON.stringify({
      text,
      domain,
      spans: [
        [...at(name), "name"],
        [...at(number), "number"],
      ],
    });
  });
}

const small = {
  types: 2,
  shots: 2,
  queries: 4,
  iterations: 3,
  metaBatch: 1,
  validateEvery: 0,
  bestBy: undefined,
  workers: 1,
  featureWidth: 4,
  wordUnits: 8,
  wordWidth: 4,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-entities-"));
  run = join(folder, "run");
  const domains = [
    ["book", ["for", "around"]],
    ["call", ["with", "times"]],
    ["deliver", ["to", "about"]],
    ["fetch", ["from", "over"]],
  ] as const;
  const data = join(folder, "marked.jsonl");
  await writeFile(data, domains.flatMap(([name, words]) => domainLines(name, words)).join("\n"));
  const invocation = { run, skipEvaluation: true };
  await trainCommand({ target: "entities", chosen: { data, ...small }, invocation }, collected().output);
  model = await load(run, { executor });
});
afterAll(async () => {
  await executor.close();
  await rm(folder, { recursive: true, force: true });
});

const cities = ["Oslo", "Rome", "Bonn", "Lima", "Kyiv"];
/** Ten sentences as a user marks them. */
const marked = [
  ...cities.map((city, i) => `${i < 2 ? "👋 " : ""}a flight to [${city}](city) please`),
  ...cities.map((city, i) => `${i < 2 ? "👋 " : ""}what is on in [${city}](city) now`),
];

/** The same as a program has them. */
const values = marked.map((line) => {
  const start = line.indexOf("[");
  const city = line.slice(start + 1, line.indexOf("]"));
  return { text: line.replace(/\[(\w+)\]\(city\)/, "$1"), spans: [{ start, end: start + city.length, type: "city" }] };
});

/** Texts whose units, characters and words differ, each with the word that is to be found. */
const odd: readonly (readonly [text: string, city: string])[] = [
  ["a flight to Berlin please", "Berlin"],
  ["  a  flight\tto Zu\u0308rich please ", "Zu\u0308rich"],
  ["👋🏽 a flight to Köln please", "Köln"],
  ["a flight to 京 please", "京"],
  ["\u{1f469}\u200d\u{1f680} what is on in Lodz\u0301 now", "Lodz\u0301"],
];

describe("spans of a program's texts", () => {
  test("have offsets into the texts as they were given", async () => {
    const task = await model.adapt(values);
    expect(task.support.classes).toEqual(["none", "city"]);
    const answers = await task.predict(odd.map(([text]) => text));
    answers.forEach(({ entities }, i) => {
      const [text, city] = odd[i]!;
      expect(entities.map((each) => each.text)).toEqual([city]);
      const [{ start, end, type, probability }] = entities as [(typeof entities)[number]];
      expect(text.slice(start, end)).toBe(city);
      expect(start).toBe(text.indexOf(city));
      expect(type).toBe("city");
      expect(probability).toBeGreaterThan(0);
      expect(probability).toBeLessThanOrEqual(1);
    });
  });

  test("are found in texts longer than those of training, which are read in pieces; empty ones have none", async () => {
    const task = await model.adapt(values);
    const long = `${"and so on ".repeat(30)}a flight to Berlin please`;
    const [first, second, third] = await task.predict([long, "", " \t"]);
    const found = first!.entities.filter(({ text }) => text === "Berlin");
    expect(found.map(({ start, end }) => long.slice(start, end))).toEqual(["Berlin"]);
    expect([second, third]).toEqual([{ entities: [] }, { entities: [] }]);
  });

  test("are the same from bytes of the adapted task", async () => {
    const task = await model.adapt(values);
    const again = await model.restore(task.toBytes());
    const texts = odd.map(([text]) => text);
    expect(await again.predict(texts)).toEqual(await task.predict(texts));
  });

  test("are of as many types as the examples have", async () => {
    const more = values.map(({ text, spans }, i) => ({
      text,
      spans: [...spans, { start: 0, end: text.indexOf(" "), type: i % 2 === 0 ? "first" : "other" }],
    }));
    const task = await model.adapt(more);
    expect(task.support.classes).toEqual(["none", "city", "first", "other"]);
    expect((await task.predict("a flight to Berlin please"))[0]!.entities.map(({ text }) => text)).toContain("Berlin");
  });

  test("are refused with what is wrong", async () => {
    const overlapping = {
      text: "New York Times",
      spans: [
        { start: 0, end: 8, type: "city" },
        { start: 4, end: 14, type: "paper" },
      ],
    };
    await expect(model.adapt([overlapping])).rejects.toThrow(
      'sentence 1: "New York" (city, 0 to 8) and "York Times" (paper, 4 to 14) overlap',
    );
    await expect(model.adapt([{ text: "Rome", spans: [{ start: 0, end: 5, type: "city" }] }])).rejects.toThrow(
      /not within the text/,
    );
    await expect(model.adapt([{ text: "Rome" }])).rejects.toThrow(/no span is marked/);
    await expect(model.adapt({ text: "Rome" })).rejects.toThrow(/the sentences to adapt to are/);
    const task = await model.adapt(values);
    await expect(task.predict([3])).rejects.toThrow(/text 1 is 3/);
  });
});

describe("innerloop adapt", () => {
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  async function adapt(support: string, query: string) {
    const { output, text } = collected();
    const entities: (EntityAnswer & { text: string })[] = [];
    const event = (each: Record<string, unknown>): void => {
      if (each.type === "prediction") entities.push(each as unknown as EntityAnswer & { text: string });
    };
    await adaptCommand(
      { folder: run, queries: [query], chosen: {}, invocation: { support } },
      { ...output, event: event as never },
    );
    return { entities, shown: text() };
  }

  test("reads ten marked sentences and lines, and shows spans in place", async () => {
    const support = await put("ten.txt", marked.join("\n"));
    const query = await put("lines.txt", odd.map(([text]) => text).join("\n"));
    const { entities, shown } = await adapt(support, query);
    expect(entities.map(({ text }) => text)).toEqual(odd.map(([text]) => text));
    entities.forEach(({ text, entities: [found] }, i) => {
      expect(text.slice(found!.start, found!.end)).toBe(odd[i]![1]);
    });
    expect(shown).toContain("a flight to [Berlin](city) please");
    expect(shown).toMatch(/Berlin \(city \d+\.\d%\)/);
  });

  test("reads the same from CoNLL, JSON lines and tables", async () => {
    const expected = await adapt(await put("ten.txt", marked.join("\n")), await put("a.txt", odd[0]![0]));
    const lines = await put("ten.jsonl", values.map((value) => JSON.stringify(value)).join("\n"));
    const conll = marked.map((line) =>
      line
        .split(" ")
        .map((word) => (word.startsWith("[") ? `${word.slice(1, word.indexOf("]"))}\tB-city` : `${word}\tO`))
        .join("\n"),
    );
    const tagged = await put("ten.conll", conll.join("\n\n"));
    const table = await put("a.csv", `id,text\n1,${odd[0]![0]}\n`);
    expect((await adapt(lines, table)).entities).toEqual(expected.entities);
    expect((await adapt(tagged, table)).entities).toEqual(expected.entities);
  });
});
