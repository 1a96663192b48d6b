/** From texts to parts: what is held out, what is known of it, and how ids and features are made. */
import { learnerEntry } from "@innerloop/core/learners";
import type { LabelledTexts } from "@innerloop/core/tasks";
import { CodedError } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import type { DataIo } from "../../io.js";
import { configOf } from "../../made-up.fixture.js";
import type { TextReading } from "../../text-io.js";
import type { LearnerNeeds } from "../domain.js";
import { texts as domain } from "./domain.js";
import type { TextValues } from "./options.js";
import { loadOtherTexts, loadTexts } from "./reading.js";
import { parseTextSpec } from "./spec.js";
import { foundTexts, letterBackbone, madeUpTexts, textsIo } from "./texts.fixture.js";

const needs: LearnerNeeds = { learner: learnerEntry("prototypical"), training: { kind: "episodes" } };
const optionsOf = (flags: Record<string, unknown> = {}): TextValues =>
  configOf("labelled-texts", { learner: "prototypical", data: "mine", ways: 2, shots: 1, queries: 1, ...flags })
    .domain as unknown as TextValues;
const read = (
  found: ReturnType<typeof madeUpTexts>,
  flags: Record<string, unknown> = {},
  io = textsIo({ mine: foundTexts(found) }),
) => loadTexts(optionsOf(flags), io, {}, needs);
const names = (part: { readonly classes: readonly { readonly name: string }[] }) =>
  part.classes.map(({ name }) => name).sort();

/** As Node's errors of data are. */
class MissingError extends CodedError<"ILD02"> {}

describe("classes held out", () => {
  it("are in one part each, and weights of ids are those of training texts alone", async () => {
    const { data, spec } = await read(madeUpTexts(10, 8));
    if (data.by !== "classes") throw new Error(data.by);
    const { train, validation, test } = data.splits;
    expect(names({ classes: [...train.classes, ...validation.classes, ...test.classes] })).toHaveLength(10);
    expect([validation.classes.length, test.classes.length]).toEqual([2, 2]);
    expect(spec!.coding).toEqual({ kind: "ngrams", buckets: 65_536, length: 160 });
    expect(train.ids).toEqual({ count: 65_536 });
    // Of ids that no training text has, the weight is log(1 + n) + 1 of n texts.
    const n = train.classes.reduce((sum, { count }) => sum + count, 0);
    const known = new Set(train.classes.flatMap(({ examples }) => [...examples]));
    const other = test.classes.flatMap(({ examples }) => [...examples]).find((id) => id > 0 && !known.has(id))!;
    expect(data.weights![other]).toBeCloseTo(Math.log(1 + n) + 1, 5);
    expect(Math.min(...[...known].filter((id) => id > 0).map((id) => data.weights![id]!))).toBeCloseTo(1, 5);
  });

  it("are those of a published fold, and of the first where none is named", async () => {
    const texts: LabelledTexts = {
      ...madeUpTexts(6, 4),
      folds: {
        a: { c0: "train", c1: "train", c2: "validation", c3: "validation", c4: "test", c5: "test" },
        b: { c0: "test", c1: "test", c2: "train", c3: "train", c4: "validation", c5: "validation" },
      },
    };
    const testOf = async (flags: Record<string, unknown>) => {
      const { data } = await read(texts, flags);
      return data.by === "classes" ? names(data.splits.test) : [];
    };
    expect(await testOf({})).toEqual(["c4", "c5"]);
    expect(await testOf({ fold: "b" })).toEqual(["c0", "c1"]);
    await expect(read(texts, { fold: "B" })).rejects.toThrow(/no split .* "B".*Did you mean b\?/s);
  });

  it("leave texts of no class to the open set, validation's and test's apart", async () => {
    const { data } = await read(madeUpTexts(8, 6, { unknown: 10 }));
    const parts = domain.openSet!(data, optionsOf())!;
    expect([parts.validation.unknown!.classes[0]!.count, parts.test.unknown!.classes[0]!.count]).toEqual([5, 5]);
  });

  it("are more than a few classes have, who are told what to do with all of them", async () => {
    await expect(read(madeUpTexts(12, 8), { ways: 5 })).rejects.toThrow(
      /12 classes, too few .*Lower --ways to 4, .*, or adapt a run of other texts to all of them: `innerloop train glosses`, then `innerloop adapt RUN/,
    );
  });

  it("are of no part that rows name, which is said", async () => {
    const told = async (flags: Record<string, unknown>) => {
      const texts = madeUpTexts(10, 8, { parts: (row) => (["train", "validation", "test"] as const)[row % 3]! });
      const warnings: string[] = [];
      const io = textsIo({ mine: foundTexts(texts) });
      await loadTexts(optionsOf(flags), io, { onWarning: (text) => warnings.push(text) }, needs);
      return warnings.filter((text) => /--split-column/.test(text));
    };
    expect(await told({ splitColumn: "part" })).toEqual([expect.stringMatching(/--split examples takes them/)]);
    expect(await told({ splitColumn: "part", split: "examples" })).toEqual([]);
    expect(await told({})).toEqual([]);
  });

  it("may be some of them alone", async () => {
    const { data } = await read(madeUpTexts(10, 8), { onlyClasses: ["c1", "c2", "c3", "c4", "c5", "c6", "c7"] });
    if (data.by !== "classes") throw new Error(data.by);
    expect(names({ classes: Object.values(data.splits).flatMap(({ classes }) => classes) })).toEqual([
      "c1",
      "c2",
      "c3",
      "c4",
      "c5",
      "c6",
      "c7",
    ]);
    await expect(read(madeUpTexts(10, 8), { onlyClasses: ["c1", "c99"] })).rejects.toThrow(/no class of made up "c99"/);
  });
});

describe("domains held out", () => {
  const across = { split: "domains", testDomains: ["d1"], validationDomains: ["d2"] };

  it("share no text with training, and neither do their twins", async () => {
    const texts = { ...madeUpTexts(2, 60, { domains: 5 }), twins: [["d1", "d4"]] };
    const { data, spec } = await read(texts, across);
    if (data.by !== "domains") throw new Error(data.by);
    expect(data.parts.train.map(({ name }) => name)).toEqual(["d0", "d3"]);
    expect([data.parts.validation, data.parts.test].map((part) => part.map(({ name }) => name))).toEqual([
      ["d2"],
      ["d1"],
    ]);
    expect(data.leftOut).toEqual(["d4"]);
    expect(spec).toMatchObject({ labels: ["c0", "c1"] });
  });

  it("have the published parts of parallel texts: no sentence is on both sides in another language", async () => {
    const texts = madeUpTexts(2, 60, {
      domains: 5,
      parts: (row) => (["train", "validation", "test"] as const)[Math.floor(row / 5) % 3]!,
    });
    const { data } = await read(texts, across);
    if (data.by !== "domains") throw new Error(data.by);
    const counts = Object.values(data.parts).map((part) =>
      part.reduce((sum, { data: { classes } }) => sum + classes.reduce((n, { count }) => n + count, 0), 0),
    );
    expect(counts).toEqual([24, 8, 8]);
  });

  it("are those of training for validation too where there are few, of other texts", async () => {
    const { data } = await read(madeUpTexts(2, 140, { domains: 5 }), { split: "domains", testDomains: ["d1"] });
    if (data.by !== "domains") throw new Error(data.by);
    const [train, validation] = [data.parts.train, data.parts.validation];
    expect(validation.map(({ name }) => name)).toEqual(["d0", "d2", "d3", "d4"]);
    expect(train.map(({ name }) => name)).toEqual(validation.map(({ name }) => name));
    const counts = (part: typeof train) => part.map((each) => each.data.classes.map(({ count }) => count));
    expect([counts(train)[0], counts(validation)[0]]).toEqual([
      [24, 24],
      [4, 4],
    ]);
    const rows = (part: typeof train) =>
      part.flatMap((each) =>
        each.data.classes.flatMap(({ examples, count }) =>
          Array.from({ length: count }, (_, i) => examples.subarray(i * 160, (i + 1) * 160).join()),
        ),
      );
    const trained = new Set(rows(train));
    expect(rows(validation).filter((row) => trained.has(row))).toEqual([]);
  });

  it("choose no checkpoint by texts that the evaluation is on", async () => {
    const texts = { ...madeUpTexts(2, 60, { domains: 5 }), twins: [["d1", "d2"]] };
    await expect(read(texts, across)).rejects.toThrow(/d2 of --validation-domains shares texts with d1/);
  });

  it("are as many as there are: the run can be opened again", async () => {
    const { spec } = await read(madeUpTexts(2, 2400, { domains: 1200 }), { split: "domains" });
    expect(parseTextSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it("have no more classes than a task may have", async () => {
    await expect(read(madeUpTexts(1001, 3, { domains: 3 }), { split: "domains" })).rejects.toThrow(
      /1,001 classes.*--task-labels shuffled/s,
    );
  });

  it("are refused where texts are of none, or too few", async () => {
    await expect(read(madeUpTexts(2, 60), across)).rejects.toThrow(/--domain-column/);
    await expect(read(madeUpTexts(2, 60, { domains: 2 }), { split: "domains" })).rejects.toThrow(/2 domains/);
    await expect(read(madeUpTexts(2, 60, { domains: 4 }), { ...across, validationDomains: ["d1"] })).rejects.toThrow(
      /d1 is in --validation-domains and in --test-domains/,
    );
  });
});

describe("what may come next", () => {
  const shotsOf = (flags: Record<string, unknown>) =>
    domain.next!({ options: optionsOf(flags) } as never).flatMap(({ flags: { shots } }) => shots ?? []);

  it("is an evaluation without examples where numbers of classes mean the same everywhere, and is not one already", () => {
    expect(shotsOf({ split: "domains", shots: 2 })).toEqual([6, 0]);
    expect(shotsOf({ split: "domains", shots: 0 })).toEqual([4]);
    expect(shotsOf({ split: "domains", shots: 2, taskLabels: "shuffled" })).toEqual([6]);
    expect(shotsOf({ shots: 2 })).toEqual([6]);
  });
});

describe("texts in code", () => {
  it("are encoded as those of files are, with accents as part of their letters", async () => {
    const backbone = letterBackbone();
    const options = optionsOf({ backbone: "letters" });
    const io = textsIo({ mine: foundTexts(madeUpTexts(8, 4)) }, backbone);
    const { spec } = await loadTexts(options, io, {}, needs);
    backbone.encoded.length = 0;
    const own = { options, spec: spec! };
    await domain.adaptation!.readInputs(["cafe\u0301"], {} as never, own, io, {});
    expect(backbone.encoded).toEqual(["caf\u00e9"]);
  });
});

describe("n-grams of a text", () => {
  const lengthOf = async (words: number, flags = {}) => {
    const found = madeUpTexts(10, 8);
    const long = Array.from({ length: words }, (_, i) => `word${i}of${(7919 * i) % 1013}`).join(" ");
    const { spec } = await read({ ...found, texts: found.texts.map((text) => `${text} ${long}`) }, flags);
    return (spec!.coding as { readonly length: number }).length;
  };

  it("are as many as 99 texts in 100 have, within bounds", async () => {
    expect(await lengthOf(1)).toBe(160);
    const between = await lengthOf(14);
    expect(between).toBeGreaterThan(160);
    expect(between).toBeLessThan(512);
    expect(await lengthOf(80)).toBe(512);
    expect(await lengthOf(14, { length: 200 })).toBe(200);
  });
});

describe("tasks of another size than a run's own", () => {
  it("need not be had of its validation domain, of which they are not drawn", async () => {
    // Domain d2, for validation, has two texts of a class, the others have twelve.
    const found = madeUpTexts(2, 38, { domains: 3 });
    const kept = found.texts.map((_, row) => found.domains!.of[row] !== 2 || row % 38 < 9);
    const texts = {
      ...found,
      texts: found.texts.filter((_, row) => kept[row]),
      classes: { ...found.classes, of: found.classes.of.filter((_, row) => kept[row]) },
      domains: { ...found.domains!, of: found.domains!.of.filter((_, row) => kept[row]) },
    };
    const flags = { split: "domains", taskLabels: "fixed", testDomains: ["d1"], validationDomains: ["d2"] };
    const own = optionsOf(flags);
    const { data } = await read(texts, flags);
    const asked = { ...own, queries: 6 };
    const tasks = domain.tasks(data, asked, { ...needs, own });
    expect(tasks.test.description).toMatchObject({ queries: 6 });
    expect(tasks.validation).toBe(tasks.test);
    expect(domain.tasks(data, own, { ...needs, own }).validation).not.toBe(tasks.test);
    // A run that is trained so does take its validation tasks from there.
    expect(() => domain.tasks(data, asked, needs)).toThrow(/d2/);
  });
});

describe("texts that are asked about", () => {
  it("are said to be cut where they are, as those that are learned from", async () => {
    const found = madeUpTexts(8, 4);
    const options = optionsOf({ length: 40 });
    const { spec } = await read(found, { length: 40 });
    const warnings: string[] = [];
    const work = { onWarning: (text: string) => warnings.push(text) };
    const ask = (texts: readonly string[]) =>
      domain.adaptation!.readInputs(texts, {} as never, { options, spec: spec! }, textsIo({}), work);
    await ask(["short"]);
    expect(warnings).toEqual([]);
    await ask(["short", "a text with many words that have many letters: more than are kept of it"]);
    expect(warnings).toEqual([expect.stringMatching(/^1 of 2 texts .* more than 40 words and n-grams/)]);
  });
});

const letterRecord = { name: "letters", sha256: "a".repeat(64), folder: "/letters" };

describe("features of a backbone", () => {
  it("are the examples, and the run keeps which encoder made them", async () => {
    const backbone = letterBackbone();
    const found = foundTexts(madeUpTexts(8, 4));
    const { data, spec } = await read(found.texts, { backbone: "letters" }, textsIo({ mine: found }, backbone));
    expect(spec).toMatchObject({
      exampleShape: [5],
      coding: { kind: "features", features: 5, backbone: { name: "letters" } },
    });
    expect(spec!.coding).not.toHaveProperty("encode");
    expect(data.weights).toBeUndefined();
    expect(backbone.encoded).toEqual(found.texts.texts);
  });

  it("are made by the encoder of that name where it lies elsewhere now, and are the same to other runs", async () => {
    const found = foundTexts(madeUpTexts(8, 4));
    const options = optionsOf({ backbone: "letters" });
    const { spec } = await loadTexts(options, textsIo({ mine: found }), {}, needs);
    const moved = { ...letterBackbone(), folder: "/elsewhere/letters" };
    const io = textsIo({ mine: found });
    const elsewhere = {
      ...io,
      textBackbone: async (source: string) => {
        if (source === "letters") return moved;
        throw new Error(`nothing at ${source}`);
      },
    };
    const again = await loadTexts(options, elsewhere, {}, { ...needs, own: { options, spec: spec! } });
    expect(again.spec).toEqual(spec);
    const other = await loadTexts(options, elsewhere, {}, needs);
    const heldOut = (of: typeof spec) => domain.heldOut({ options, spec: of, protocol: {} } as never, false);
    expect(other.spec).not.toEqual(spec);
    expect(heldOut(other.spec)).toEqual(heldOut(spec));
    const gone = { ...io, textBackbone: async (source: string) => Promise.reject(new Error(`nothing at ${source}`)) };
    await expect(loadTexts(options, gone, {}, { ...needs, own: { options, spec: spec! } })).rejects.toThrow(
      "nothing at /letters",
    );
  });

  it("are fetched from no address that a run folder names", async () => {
    const found = foundTexts(madeUpTexts(8, 4));
    const options = optionsOf({ backbone: "letters" });
    const { spec } = await loadTexts(options, textsIo({ mine: found }), {}, needs);
    const opened: string[] = [];
    const io = {
      ...textsIo({ mine: found }),
      textBackbone: async (source: string) => {
        opened.push(source);
        return letterBackbone();
      },
    };
    for (const more of [{ folder: "https://example.org/a.zip" }, { name: "https://example.org/a.zip" }]) {
      const coding = { ...spec!.coding, backbone: { ...letterRecord, ...more } } as never;
      const own = { options, spec: { ...spec!, coding } };
      await expect(loadTexts(options, io, {}, { ...needs, own })).rejects.toThrow(/nothing is fetched/);
    }
    const own = { options: { ...options, backbone: "https://example.org/a.zip" } };
    await expect(loadTexts(own.options, io, {}, { ...needs, own })).rejects.toThrow(/keeps no record of it/);
    expect(opened).toEqual([]);
  });

  it("are refused of another encoder than the run's", async () => {
    const found = foundTexts(madeUpTexts(8, 4));
    const options = optionsOf({ backbone: "letters" });
    const { spec } = await loadTexts(options, textsIo({ mine: found }), {}, needs);
    const other = textsIo({ mine: found }, letterBackbone("b".repeat(64)));
    await expect(loadTexts(options, other, {}, { ...needs, own: { options, spec: spec! } })).rejects.toThrow(
      /is another \(sha256 bbbb.*letters.*trained with/,
    );
    const gone: DataIo = {
      ...textsIo({ mine: found }),
      textBackbone: async () => {
        throw new MissingError("ILD02", "letters", "there is no such backbone", "Fetch it");
      },
    };
    await expect(loadTexts(options, gone, {}, { ...needs, own: { options, spec: spec! } })).rejects.toThrow(
      /the backbone letters, which the run was trained with, is not at .* any more\. Put it back there/,
    );
    await expect(loadTexts(options, gone, {}, needs)).rejects.toThrow("there is no such backbone");
  });
});

describe("other texts than a run's own", () => {
  it("are coded as its own, without the classes that it has seen", async () => {
    const own = madeUpTexts(10, 8);
    const options = optionsOf();
    const { spec } = await read(own);
    const seen = own.texts.slice(0, 8);
    const other: LabelledTexts = {
      ...madeUpTexts(4, 8),
      name: "other",
      texts: [...seen, ...madeUpTexts(14, 8).texts.slice(-24)],
    };
    const io = textsIo({ mine: foundTexts(own), other: foundTexts(other) });
    const warnings: string[] = [];
    const { data } = await loadOtherTexts(
      { ...options, data: "other" },
      io,
      { onWarning: (text) => warnings.push(text) },
      {
        ...needs,
        own: { options, spec: spec! },
      },
    );
    if (data.by !== "classes") throw new Error(data.by);
    const wasHeldOut = names(data.splits.test).includes("c0");
    expect(wasHeldOut).toBe(warnings.length === 0);
    expect(data.splits.test.exampleShape).toEqual([160]);
  });

  it("need not have the columns that its own table has", async () => {
    const own = madeUpTexts(10, 8);
    const options = { ...optionsOf(), textColumn: "request", labelColumn: "intent" };
    const io = textsIo({ mine: foundTexts(own), other: foundTexts({ ...madeUpTexts(4, 8), name: "other" }) });
    const { spec } = await loadTexts(options, io, {}, needs);
    const asked: TextReading[] = [];
    const watched: typeof io = {
      ...io,
      texts: (source, reading, work) => {
        asked.push(reading);
        return io.texts(source, reading, work);
      },
    };
    await loadOtherTexts({ ...options, data: "other" }, watched, {}, { ...needs, own: { options, spec: spec! } });
    expect(asked).toEqual([{ ownColumns: { text: "request", label: "intent", domain: undefined } }]);
  });

  it("of domains are those that it has not seen, by their texts", async () => {
    const across = { split: "domains", testDomains: ["d1"], validationDomains: ["d2"] };
    const own = madeUpTexts(2, 60, { domains: 5 });
    const options = optionsOf(across);
    const { spec } = await read(own, across);
    const longer = {
      ...own,
      name: "longer",
      texts: [...own.texts, "one more"],
      classes: { ...own.classes, of: Int32Array.from([...own.classes.of, 0]) },
      domains: { names: ["v0", "v1", "v2", "v3", "v4"], of: Int32Array.from([...own.domains!.of, 1]) },
    };
    const io = textsIo({ mine: foundTexts(own), longer: foundTexts(longer) });
    const warnings: string[] = [];
    const other = (texts: string) =>
      loadOtherTexts(
        { ...options, data: texts },
        io,
        { onWarning: (text) => warnings.push(text) },
        { ...needs, own: { options, spec: spec! } },
      );
    const { data } = await other("longer");
    if (data.by !== "domains") throw new Error(data.by);
    expect(data.parts.test.map(({ name }) => name)).toEqual(["v1"]);
    expect(warnings).toEqual([expect.stringMatching(/4 of 5 domains of longer hold texts .*v0, v2, v3, v4/)]);
  });
});
