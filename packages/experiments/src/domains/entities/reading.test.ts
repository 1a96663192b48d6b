import { learnerCatalogue } from "@innerloop/core";
import { toNumbers } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import type { DataIo } from "../../io.js";
import { configOf, memoryIo } from "../../made-up.fixture.js";
import type { TextBackbone } from "../../text-io.js";
import { entities } from "./domain.js";
import type { EntityValues } from "./options.js";
import { loadEntities, loadOtherEntities } from "./reading.js";
import { parseEntitySpec } from "./spec.js";

const sentence = (domain: string, i: number) => {
  const text = `fly from Oslo to Rome on day ${i}`;
  return {
    text,
    domain,
    spans: [
      { start: 9, end: 13, type: "start" },
      { start: 17, end: 21, type: "goal" },
    ],
  };
};
const texts = ["a", "b", "c"].flatMap((domain) => Array.from({ length: 6 }, (_, i) => sentence(domain, i)));
const found = { texts: { name: "trips", texts }, sha256: "s1", folder: "/trips.jsonl", notes: [] };

/** The state of a word is its length, and the number of the sentence's words. */
const backbone = (sha256 = "b1"): TextBackbone => ({
  name: "counting",
  sha256,
  folder: "/counting",
  features: 2,
  encode: () => Promise.reject(new Error("texts are not encoded whole")),
  states: async (sentences) =>
    sentences.map((words) => Float32Array.from(words.flatMap((word) => [word.length, words.length]))),
  close: async () => undefined,
});

const ioWith = (encoder?: TextBackbone, more: Parameters<typeof memoryIo>[0]["markedTexts"] = {}): DataIo =>
  memoryIo({
    markedTexts: { "trips.jsonl": found, ...more },
    ...(encoder ? { encoders: { textBackbone: async () => encoder } } : {}),
  });

const options = (chosen: object = {}) =>
  configOf("entities", { learner: "struct-shot", data: "trips.jsonl", shots: 2, queries: 2, ...chosen })
    .domain as unknown as EntityValues;
const needs = { learner: learnerCatalogue["struct-shot"], training: { kind: "episodes" } } as const;

describe("marked texts with a backbone", () => {
  it("have states of their words, in tasks and where a model is used", async () => {
    const io = ioWith(backbone());
    const chosen = options({ backbone: "counting" });
    const { data, spec } = await loadEntities(chosen, io, {}, needs);
    expect(spec!.words.width).toBe(2);
    expect(spec!.backbone).toEqual({ name: "counting", sha256: "b1", folder: "/counting" });
    const [domain] = data.train.domains;
    expect([...domain!.states!.slice(0, 6)]).toEqual([3, 8, 4, 8, 4, 8]);
    const own = { options: chosen, spec: spec! };
    const support = await entities.adaptation!.readSupport([sentence("x", 1)], own, {}, io, {});
    const { x } = await entities.adaptation!.readInputs(["fly from Rome"], support, own, io, {});
    expect(toNumbers(x.states!).slice(0, 6)).toEqual([3, 3, 4, 3, 4, 3]);
    expect(
      toNumbers(x.states!)
        .slice(6)
        .every((each) => each === 0),
    ).toBe(true);
    expect(toNumbers(support.x.states!).slice(0, 2)).toEqual([3, 8]);
  });

  it("are compared by raw states in rows of their own", async () => {
    const { data, spec } = await loadEntities(options({ backbone: "counting" }), ioWith(backbone()), {}, needs);
    const rows = async (of: typeof spec) => {
      const shapes = entities.shapes(of, options(), { ...needs, data });
      return entities.baselines!({ ...needs, options: options(), spec: of, shapes } as never).map(
        ({ adapter }) => adapter.name,
      );
    };
    expect(await rows(spec)).toHaveLength(6);
    expect((await rows({ ...spec!, words: { ...spec!.words, width: 0 } })).join()).not.toContain("states");
  });

  it("are of no encoder that a run names and has no record of", async () => {
    const chosen = options({ backbone: "counting" });
    await expect(loadEntities(chosen, ioWith(backbone()), {}, { ...needs, own: { options: chosen } })).rejects.toThrow(
      /keeps no record of it/,
    );
  });

  it("are refused where another stands in its place", async () => {
    const { spec } = await loadEntities(options({ backbone: "counting" }), ioWith(backbone()), {}, needs);
    const own = { options: options({ backbone: "counting" }), spec: spec! };
    await expect(loadEntities(own.options, ioWith(backbone("b2")), {}, { ...needs, own })).rejects.toThrow(
      /the backbone at \/counting is another/,
    );
  });
});

describe("marked texts", () => {
  it("are split and coded as a run has them, whatever is asked of it", async () => {
    const first = await loadEntities(options({ testDomain: "a" }), ioWith(), {}, needs);
    expect(first.data.test.domains.map(({ name }) => name)).toEqual(["a"]);
    const own = { options: options({ testDomain: "a" }), spec: first.spec! };
    const again = await loadEntities(options({ shots: 1, length: 4 }), ioWith(), {}, { ...needs, own });
    expect(again.spec).toEqual(first.spec);
    expect(again.data.test.domains.map(({ name }) => name)).toEqual(["a"]);
  });

  it("other than a run's own serve whole, and its own are noticed", async () => {
    const { spec } = await loadEntities(options(), ioWith(), {}, needs);
    const own = { options: options(), spec: spec! };
    const others = { ...found, texts: { name: "others", texts: texts.slice(0, 6) }, sha256: "s2" };
    const io = ioWith(undefined, { "others.jsonl": others });
    const other = await loadOtherEntities(options({ data: "others.jsonl" }), io, {}, { ...needs, own });
    expect(other.data.test.domains.map(({ starts }) => starts.length - 1)).toEqual([6]);
    expect(other.spec!.name).toBe("others");
    expect((await loadOtherEntities(options(), io, {}, { ...needs, own })).isOwn).toBe(true);
  });

  it("other than a run's own are said to hold sentences of it, where they do", async () => {
    const own = {
      options: options({ testDomain: "a" }),
      spec: (await loadEntities(options({ testDomain: "a" }), ioWith(), {}, needs)).spec!,
    };
    const told = async (sentences: typeof texts) => {
      const others = { ...found, texts: { name: "others", texts: sentences }, sha256: "s2" };
      const warnings: string[] = [];
      const work = { onWarning: (text: string) => warnings.push(text) };
      const io = ioWith(undefined, { "others.jsonl": others });
      await loadOtherEntities(options({ data: "others.jsonl" }), io, work, { ...needs, own });
      return warnings;
    };
    const fresh = texts.slice(0, 6).map((each, i) => ({ ...each, text: each.text.replace(String(i), String(i + 20)) }));
    expect(await told(fresh)).toEqual([]);
    expect(await told([...fresh, texts[7]!])).toEqual([
      expect.stringMatching(/^1 sentence of others is one that the run was trained or validated on/),
    ]);
  });

  it("other than a run's own tell no baseline their transitions", async () => {
    const own = { options: options(), spec: (await loadEntities(options(), ioWith(), {}, needs)).spec! };
    const others = { ...found, texts: { name: "others", texts: texts.slice(0, 6) }, sha256: "s2" };
    const io = ioWith(undefined, { "others.jsonl": others });
    const { data } = await loadOtherEntities(options({ data: "others.jsonl" }), io, {}, { ...needs, own });
    expect(entities.shapes(own.spec, options(), { ...needs, data }).words).not.toHaveProperty("transitions");
    const { data: mine } = await loadEntities(options(), ioWith(), {}, needs);
    expect(entities.shapes(own.spec, options(), { ...needs, data: mine }).words).toHaveProperty("transitions");
  });

  it("longer than a task takes are left out, which is said, as spans within words are", async () => {
    const warnings: string[] = [];
    const odd = {
      ...found,
      texts: { name: "odd", texts: [...texts, { ...sentence("a", 9), spans: [{ start: 9, end: 11, type: "part" }] }] },
    };
    const io = memoryIo({ markedTexts: { "odd.jsonl": odd } });
    const long = { length: 7, data: "odd.jsonl" };
    await loadEntities(options(long), io, { onWarning: (text) => warnings.push(text) }, needs);
    expect(warnings).toEqual([
      "19 sentences of more than 7 words left out of tasks (--length)",
      "1 of 37 spans begin or end within a word: they are read as whole words",
    ]);
  });

  it("have a spec that comes back from JSON, and is refused where it cannot be", async () => {
    const { spec } = await loadEntities(options({ backbone: "counting" }), ioWith(backbone()), {}, needs);
    expect(parseEntitySpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    const { words } = spec!;
    for (const wrong of [
      { ...spec, words: { ...words, length: 0 } },
      { ...spec, words: { ...words, slots: ["form"] } },
      { ...spec, words: { ...words, ids: 1e9 } },
      { ...spec, held: { train: ["a"] } },
      { ...spec, holdOut: "all" },
      { ...spec, types: 0 },
      { ...spec, backbone: undefined },
      { ...spec, backbone: { name: "x" } },
    ])
      expect(parseEntitySpec(JSON.parse(JSON.stringify(wrong))), JSON.stringify(wrong)).toBeUndefined();
  });
});

describe("tasks of marked texts", () => {
  it("are of one domain each, and say where there are too few spans", async () => {
    const { data } = await loadEntities(options(), ioWith(), {}, needs);
    const { train, test } = entities.tasks(data, options(), needs);
    expect(test.description!.domains).toBe("c");
    expect(train.description!.domains).toBe("a");
    expect(() => entities.tasks(data, options({ shots: 6 }), needs)).toThrow(
      'tasks of training take 1 type of a domain with more than 6 spans, and what "trips" has for it has none',
    );
    expect(() => entities.tasks(data, options({ types: 3 }), needs)).toThrow(/take 3 types .* has 2 types/);
  });
});
