import type { MarkedText, Split } from "@innerloop/core/tasks";
import { describe, expect, it } from "vitest";
import { heldTexts } from "./hold-out.js";

const text = (type: string, domain?: string, part?: Split): MarkedText => ({
  text: `word ${type}`,
  spans: type === "" ? [] : [{ start: 0, end: 4, type }],
  ...(domain === undefined ? {} : { domain }),
  ...(part ? { part } : {}),
});
const set = (texts: readonly MarkedText[]) => ({ name: "mine", texts });
const ofDomains = set(["a", "b", "c", "d"].flatMap((domain) => [text("x", domain), text("y", domain)]));

describe("domains", () => {
  it("are held out where there are three or more: the last for evaluation, the one before for validation", () => {
    const { holdOut, held, parts } = heldTexts(ofDomains, {});
    expect(holdOut).toBe("domains");
    expect(held).toEqual({ train: ["a", "b"], validation: ["c"], test: ["d"] });
    expect(parts.test.texts.map(({ domain }) => domain)).toEqual(["d", "d"]);
    expect(parts.train.texts).toHaveLength(4);
  });

  it("are those of their names, and never the same twice", () => {
    expect(heldTexts(ofDomains, { testDomain: "a" }).held).toEqual({
      train: ["b", "c"],
      validation: ["d"],
      test: ["a"],
    });
    expect(heldTexts(ofDomains, { validationDomain: "d" }).held.test).toEqual(["c"]);
    expect(() => heldTexts(ofDomains, { testDomain: "a", validationDomain: "a" })).toThrow(/are both a/);
    expect(() => heldTexts(ofDomains, { testDomain: "e" })).toThrow(/mine has no such domain/);
  });

  it("are those of an existing run, whatever options say", () => {
    const held = { train: ["d"], validation: ["a"], test: ["b"] };
    const { parts } = heldTexts(ofDomains, {}, { holdOut: "domains", held });
    expect(parts.train.texts.every(({ domain }) => domain === "d")).toBe(true);
    expect(parts.test.texts.every(({ domain }) => domain === "b")).toBe(true);
  });

  it("are too few, or asked for where sentences are held out", () => {
    const two = set([text("x", "a"), text("x", "b")]);
    expect(() => heldTexts(two, { holdOut: "domains" })).toThrow(/mine has 2 domains/);
    expect(() => heldTexts(two, { testDomain: "a" })).toThrow(/--test-domain a where sentences are held out/);
  });
});

describe("types", () => {
  const types = ["p", "q", "r", "s", "t"];
  const mixed: MarkedText = {
    text: "word word",
    spans: [
      { start: 0, end: 4, type: "p" },
      { start: 5, end: 9, type: "q" },
    ],
  };
  const all = set([...types.flatMap((type) => [text(type), text(type)]), mixed]);

  it("go with their sentences; sentences of several parts are left out", () => {
    const { held, parts, leftOut } = heldTexts(all, { holdOut: "types" });
    expect([...held.train, ...held.validation, ...held.test].sort()).toEqual(types);
    expect([held.validation.length, held.test.length]).toEqual([1, 1]);
    for (const part of ["train", "validation", "test"] as const)
      for (const { spans } of parts[part].texts) for (const { type } of spans) expect(held[part]).toContain(type);
    const isMixed = held.train.includes("p") !== held.train.includes("q") || !held.train.includes("p");
    expect(leftOut).toBe(isMixed ? 1 : 0);
    expect(heldTexts(all, { holdOut: "types" })).toEqual(heldTexts(all, { holdOut: "types" }));
  });

  it("take three", () => {
    expect(() => heldTexts(set([text("p"), text("q")]), { holdOut: "types" })).toThrow(/mine has 2 types/);
  });
});

describe("sentences", () => {
  it("are those of the parts that files name", () => {
    const { holdOut, parts } = heldTexts(
      set([text("p", undefined, "test"), text("q", undefined, "train"), text("r", undefined, "validation")]),
      {},
    );
    expect(holdOut).toBe("sentences");
    expect(parts.test.texts[0]!.spans[0]!.type).toBe("p");
    expect(parts.train.texts[0]!.spans[0]!.type).toBe("q");
  });

  it("are three fifths, a fifth and a fifth elsewhere, always the same ones", () => {
    const many = set(Array.from({ length: 50 }, (_, i) => ({ ...text("p"), text: `word ${i}` })));
    const { parts } = heldTexts(many, {});
    expect([parts.train, parts.validation, parts.test].map(({ texts }) => texts.length)).toEqual([30, 10, 10]);
    const seen = new Set(
      [parts.train, parts.validation, parts.test].flatMap(({ texts }) => texts.map((each) => each.text)),
    );
    expect(seen.size).toBe(50);
    expect(heldTexts(many, {}).parts.test.texts).toEqual(parts.test.texts);
  });
});
