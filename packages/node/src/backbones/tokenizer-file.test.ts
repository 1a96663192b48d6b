/** Tokenizers give the ids that the Python library gives, and end whatever their files say. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { machineEncoders } from "./machine-encoders.js";
import { tokenizerCases } from "./made-up-backbones.fixture.js";
import { parseTokenizer } from "./tokenizer-file.js";

const bytesOf = (tokenizer: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(tokenizer));
const [wordPieces, bytePairs] = tokenizerCases;

describe.each(tokenizerCases)("$name", ({ tokenizer, texts }) => {
  const parsed = parseTokenizer(bytesOf(tokenizer), "tokenizer.json");

  it.each(texts)("gives the ids of the Python library for $text", ({ text, ids, whole }) => {
    const [found] = parsed.split([text]);
    expect(found).toEqual(ids);
    expect([...parsed.before, ...found!, ...parsed.behind]).toEqual(whole);
  });
});

it("knows how a word that is not the first is written", () => {
  expect(parseTokenizer(bytesOf(wordPieces.tokenizer), "x").wordLead).toBe("");
  expect(parseTokenizer(bytesOf(bytePairs.tokenizer), "x").wordLead).toBe(" ");
});

it("keeps 0 for padding: ids move up by one where 0 is a piece", async () => {
  const folder = await mkdtemp(join(tmpdir(), "innerloop-tokenizer-"));
  try {
    for (const [{ tokenizer, texts }, shift] of [
      [wordPieces, 0],
      [bytePairs, 1],
    ] as const) {
      const file = join(folder, "tokenizer.json");
      await writeFile(file, bytesOf(tokenizer));
      const opened = await machineEncoders.tokenizer(file, {});
      const { vocabulary } = parseTokenizer(bytesOf(tokenizer), file);
      expect(opened.pieces).toBe(vocabulary + shift);
      expect(opened.encode(texts[0]!.text)).toEqual(texts[0]!.ids.map((id) => id + shift));
      expect(opened.encode("[PAD]")).not.toContain(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe("a file that is no tokenizer", () => {
  const { tokenizer } = wordPieces as unknown as { readonly tokenizer: { readonly model: object } };
  it.each([
    ["no JSON", new TextEncoder().encode("{"), /it is no JSON/],
    ["a list", bytesOf([]), /no JSON object/],
    ["nothing", bytesOf({}), /not valid, or of a kind that is not known/],
    [
      "a model that the library gives no ids of",
      bytesOf({ ...tokenizer, model: { type: "WordLevel", vocab: { "[UNK]": 0, x: 1 }, unk_token: "[UNK]" } }),
      /ILD82 .*it gives the id undefined/,
    ],
    ["an unknown model", bytesOf({ ...tokenizer, model: { type: "Oracle" } }), /ILD82/],
    [
      "ids that are no places",
      bytesOf({ ...tokenizer, model: { ...tokenizer.model, vocab: { a: -1 } } }),
      /an id of its vocabulary is -1/,
    ],
    [
      "a huge id",
      bytesOf({ ...tokenizer, model: { ...tokenizer.model, vocab: { a: 1e9 } } }),
      /an id of its vocabulary is 1000000000/,
    ],
  ])("is refused: %s", (_, bytes, expected) => {
    expect(() => parseTokenizer(bytes, "tokenizer.json")).toThrow(expected);
  });
});

it("ends a regular expression that never would", () => {
  const pattern = { Regex: "^(a+)+$" };
  const split = { type: "Split", pattern, behavior: "Isolated", invert: false };
  const parsed = parseTokenizer(bytesOf({ ...wordPieces.tokenizer, normalizer: null, pre_tokenizer: split }), "t", 50);
  expect(() => parsed.split([`${"a".repeat(200)}!`])).toThrow(/ILD82 t: splitting 201 characters took it more than/);
  expect(parsed.split(["a"])).toEqual([[4]]);
});
