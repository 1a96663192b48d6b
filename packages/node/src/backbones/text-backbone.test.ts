/** Encoders of texts: what they give is what plain loops give, kept or not, batched or not. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TextBackbone } from "@innerloop/experiments";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { machineEncoders } from "./machine-encoders.js";
import {
  backboneFolder,
  meanOf,
  statesOf,
  textModel,
  tokenizerCases,
  vocabulary,
  width,
} from "./made-up-backbones.fixture.js";

let place: string;
const opened: TextBackbone[] = [];
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "innerloop-encoders-"));
});
afterAll(() => rm(place, { recursive: true, force: true }));
beforeEach(async () => {
  vi.stubEnv("INNERLOOP_DATA", await mkdtemp(join(place, "data-")));
  vi.stubEnv("INNERLOOP_CACHE", "off");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(opened.splice(0).map((backbone) => backbone.close()));
});

const [wordPieces, bytePairs] = tokenizerCases;
const usual = { pooling: "mean", normalize: false, maxTokens: 16 };

const folderOf = (settings: object = {}, model = textModel(), tokenizer: object = wordPieces.tokenizer) =>
  backboneFolder(place, { model, tokenizer, settings: { ...usual, ...settings } });

async function open(folder: string | Promise<string>): Promise<TextBackbone> {
  const backbone = await machineEncoders.textBackbone(await folder, {});
  opened.push(backbone);
  return backbone;
}

/** Two sentences of other lengths, and their ids. */
const texts = wordPieces.texts.map(({ text }) => text);
const idsOf = (text: string): readonly number[] => wordPieces.texts.find((each) => each.text === text)!.whole;

const expectRows = (found: Float32Array, rows: readonly (readonly number[])[]): void => {
  expect(found.length).toBe(rows.length * width);
  for (const [i, expected] of rows.flat().entries()) expect(found[i]).toBeCloseTo(expected, 5);
};

describe("features", () => {
  it("are the mean state of the tokens that are there, whatever else is in the batch", async () => {
    const backbone = await open(folderOf());
    expect(backbone.features).toBe(width);
    expectRows(
      await backbone.encode(texts, {}),
      texts.map((text) => meanOf(statesOf(idsOf(text)))),
    );
    expectRows(await backbone.encode([texts[1]!], {}), [meanOf(statesOf(idsOf(texts[1]!)))]);
  });

  it("are those of the text alone where a model takes no mask: padding would count as words", async () => {
    const backbone = await open(folderOf({}, textModel({ masked: false })));
    expectRows(
      await backbone.encode(texts, {}),
      texts.map((text) => meanOf(statesOf(idsOf(text)))),
    );
  });

  it("are the first state with cls, of length 1 with normalize", async () => {
    const backbone = await open(folderOf({ pooling: "cls", normalize: true }));
    const rows = texts.map((text) => {
      const [first] = statesOf(idsOf(text));
      return first!.map((x) => x / Math.hypot(...first!));
    });
    expectRows(await backbone.encode(texts, {}), rows);
  });

  it("are of a tensor within the graph where it is named, and their hash is another", async () => {
    const [inner, outer] = [await open(folderOf({ output: "hidden" })), await open(folderOf())];
    expectRows(
      await inner.encode(texts, {}),
      texts.map((text) => meanOf(statesOf(idsOf(text), "hidden"))),
    );
    expect(inner.sha256).not.toBe(outer.sha256);
  });

  it("are the same of a model that takes one text of one length, with ids of 32 bits", async () => {
    const backbone = await open(folderOf({}, textModel({ tokens: 16, dtype: "int32" })));
    expectRows(
      await backbone.encode(texts, {}),
      texts.map((text) => meanOf(statesOf(idsOf(text)))),
    );
  });

  it("leave out what is beyond maxTokens, between the marks of a text, and say so", async () => {
    const backbone = await open(folderOf({ maxTokens: 5 }));
    const told: string[] = [];
    const found = await backbone.encode([texts[0]!, texts[3]!], { onWarning: (text) => told.push(text) });
    const [begin, ...rest] = idsOf(texts[0]!);
    const cut = [begin!, ...rest.slice(0, 3), rest.at(-1)!];
    expectRows(found, [meanOf(statesOf(cut)), meanOf(statesOf(idsOf("")))]);
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/^1 text is longer than the 5 tokens that backbone-\w+ takes/);
    expect(told[1]).toMatch(/^1 text has no word/);
  });

  it("are zeros of a text of no pieces, where the tokenizer has no marks", async () => {
    const backbone = await open(folderOf({}, textModel({ rows: vocabulary }), wordPiecesWithoutMarks));
    expectRows(await backbone.encode(["", "card"], {}), [new Array<number>(width).fill(0), meanOf(statesOf([7]))]);
  });
});

const wordPiecesWithoutMarks = { ...wordPieces.tokenizer, post_processor: null };

describe("states of words", () => {
  it("are those of first pieces; words beyond maxTokens are whole or zeros, and counted", async () => {
    const backbone = await open(folderOf({ maxTokens: 7 }));
    const told: string[] = [];
    // [CLS] card ##s the un ##able ... [SEP]: of the last word two pieces of three would be left.
    const [long, none] = await backbone.states([["cards", "the", "unable", "pay"], []], {
      onWarning: (text) => told.push(text),
    });
    const pieces = await machineEncoders.tokenizer(await folderOf(), {});
    const words = ["cards", "the", "unable"].map((word) => pieces.encode(word));
    const ids = [2, ...words.flat(), 3];
    expect(ids).toHaveLength(7 + (words[2]!.length - 2));
    const fit = ids.length <= 7 ? words : words.slice(0, 2);
    const states = statesOf([2, ...fit.flat(), 3]);
    const firsts = fit.map((_, i) => states[1 + fit.slice(0, i).flat().length]!);
    const zeros = Array.from({ length: 4 - fit.length }, () => new Array<number>(width).fill(0));
    expectRows(long!, [...firsts, ...zeros]);
    expect(none).toHaveLength(0);
    expect(told).toEqual([expect.stringMatching(/^\d words? (lies|lie) beyond the 7 tokens/)]);
  });
});

describe("features that were made before", () => {
  const files = async (): Promise<string[]> => {
    const root = join(process.env.INNERLOOP_DATA!, "features");
    const found = await readdir(root, { recursive: true });
    return found.filter((name) => name.endsWith(".features")).map((name) => join(root, name));
  };
  const done = (): { readonly work: { onProgress(n: number, total: number, what: string): void }; encoded: number } => {
    const state = {
      encoded: 0,
      work: {
        onProgress: (_: number, total: number, what: string): void => {
          if (what.startsWith("encode")) state.encoded = total;
        },
      },
    };
    return state;
  };
  beforeEach(() => vi.stubEnv("INNERLOOP_CACHE", undefined));

  it("are not made again: only new texts are, by any process, and each once", async () => {
    const folder = await folderOf();
    const first = await (await open(folder)).encode(texts, {});
    const again = done();
    const twice = [texts[2]!, "card card", texts[0]!, "card card"];
    const other = await open(folder);
    const found = await other.encode(twice, again.work);
    expect(again.encoded).toBe(1);
    expect(found.subarray(0, width)).toEqual(first.subarray(2 * width, 3 * width));
    expectRows(found.subarray(2 * width, 3 * width), [meanOf(statesOf(idsOf(texts[0]!)))]);
    // One text is no file of its own: it is made no second time here, and kept with the next ones.
    expect(await files()).toHaveLength(1);
    const kept = done();
    await other.encode(["card card"], kept.work);
    expect(kept.encoded).toBe(0);
    await other.encode(["card pay", "pay card"], {});
    expect(await files()).toHaveLength(2);
    const later = done();
    await (await open(folder)).encode(["card card", "card pay", "pay card"], later.work);
    expect(later.encoded).toBe(0);
  });

  it("are made again where their file is damaged anywhere", async () => {
    const folder = await folderOf();
    const first = await (await open(folder)).encode(texts, {});
    const [file] = await files();
    const bytes = await readFile(file!);
    for (const at of [0, 20, 42, 60, bytes.length - 2]) {
      await writeFile(
        file!,
        bytes.map((byte, i) => (i === at ? byte ^ 16 : byte)),
      );
      const again = done();
      expect(await (await open(folder)).encode(texts, again.work)).toEqual(first);
      expect(again.encoded, `byte ${at}`).toBe(texts.length);
      for (const each of await files()) if (each !== file) await rm(each);
    }
    await writeFile(file!, bytes.subarray(0, -3));
    expect(await (await open(folder)).encode(texts, {})).toEqual(first);
  });

  it("are not kept where the cache is off", async () => {
    vi.stubEnv("INNERLOOP_CACHE", "off");
    await (await open(folderOf())).encode(texts, {});
    expect(await readdir(process.env.INNERLOOP_DATA!)).toEqual([]);
  });
});

describe("a folder that is no encoder of texts", () => {
  const refused = async (folder: Promise<string>): Promise<string> =>
    machineEncoders.textBackbone(await folder, {}).then(
      async (backbone) => {
        await backbone.close();
        throw new Error("it was opened");
      },
      (error: Error) => error.message,
    );

  it("is refused where the tokenizer is that of another model", async () => {
    expect(await refused(folderOf({}, textModel(), bytePairs.tokenizer))).toMatch(
      /^ILD82 .*tokenizer\.json: it is the tokenizer of another model: its ids go to \d+, which model\.onnx does not know\. Put the tokenizer\.json there/,
    );
    expect(await refused(folderOf({}, textModel({ rows: 20 })))).toContain("ILD82");
  });

  it("is refused by what its inputs and outputs are", async () => {
    expect(await refused(folderOf({}, textModel({ names: ["tokens", "attention_mask"] })))).toMatch(
      /ILD81 .*it has an input tokens, which is not known/,
    );
    expect(await refused(folderOf({ pooling: "output" }))).toMatch(
      /its output last_hidden_state is \[1, 2, 5\], and pooling "output" takes \[texts, features\]/,
    );
    expect(await refused(folderOf({ output: "nowhere" }))).toMatch(/there is no tensor "nowhere"/);
    expect(await refused(folderOf({ maxTokens: 2 }))).toMatch(/of 2 tokens, 2 begin and end a text/);
  });

  it("is refused where the model is another than backbone.json says, or none", async () => {
    expect(await refused(folderOf({ sha256: "0".repeat(64) }))).toMatch(/its SHA-256 is [0-9a-f]{64}, and backbone/);
    expect(await refused(folderOf({}, new Uint8Array(100).fill(8)))).toMatch(/ILD81/);
    // A graph that onnxruntime refuses: cut off within its weights, with a length that fits.
    expect(await refused(folderOf({}, textModel().subarray(0, 50)))).toMatch(/damaged or cut short/);
  });

  it("says what a folder of a backbone has to hold", async () => {
    for (const name of ["model.onnx", "tokenizer.json", "backbone.json"]) {
      const folder = await folderOf();
      await rm(join(folder, name));
      expect(await refused(Promise.resolve(folder))).toMatch(
        new RegExp(`^ILD03 .*: there is no ${name.replace(".", "\\.")} in it\\. A backbone of texts is a folder with`),
      );
    }
  });

  it("says what brings a backbone that is known by name, and what is there of others", async () => {
    await expect(machineEncoders.textBackbone("minilm", {})).rejects.toThrow(
      "ILD02 minilm: the backbone is not on this machine. Run `innerloop data get minilm`.",
    );
    await expect(machineEncoders.textBackbone("nowhere", {})).rejects.toThrow(/neither a name nor a folder/);
  });
});

it("stops by the signal, and goes on afterwards", async () => {
  const backbone = await open(folderOf());
  const reason = new Error("enough");
  const stop = new AbortController();
  const many = Array.from({ length: 300 }, (_, i) => `card ${"pay ".repeat(1 + (i % 9))}`);
  const distinct = many.map((text, i) => `${text}${"the ".repeat(Math.floor(i / 9))}`);
  const onProgress = (_: number, __: number, what: string): void => {
    if (what.startsWith("encode")) stop.abort(reason);
  };
  await expect(backbone.encode(distinct, { signal: stop.signal, onProgress })).rejects.toBe(reason);
  expectRows(await backbone.encode([texts[0]!], {}), [meanOf(statesOf(idsOf(texts[0]!)))]);
});

it("ends a run that takes longer than the user waits", async () => {
  const backbone = await open(folderOf());
  vi.stubEnv("INNERLOOP_BACKBONE_SECONDS", "7");
  const wait = globalThis.setTimeout;
  // Seven seconds are over before any answer can come.
  const impatient = vi.spyOn(globalThis, "setTimeout").mockImplementation(((work: () => void, ms?: number) => {
    if (ms !== 7000) return wait(work, ms);
    queueMicrotask(work);
    return undefined;
  }) as typeof setTimeout);
  await expect(backbone.encode(["card"], {})).rejects.toThrow(
    /ILD83 .*gave no answer within .* INNERLOOP_BACKBONE_SECONDS/,
  );
  impatient.mockRestore();
  expectRows(await backbone.encode([texts[0]!], {}), [meanOf(statesOf(idsOf(texts[0]!)))]);
  vi.stubEnv("INNERLOOP_BACKBONE_SECONDS", "soon");
  await expect(backbone.encode(["card"], {})).rejects.toThrow(/INNERLOOP_BACKBONE_SECONDS is soon/);
});
