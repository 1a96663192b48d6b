/** Kinds of inputs: each is read from config.json as it was written, and takes what a user gives. */
import { wordFeatureSlots } from "@innerloop/core/tasks";
import { beforeAll, describe, expect, test } from "vitest";
import { isOneOf } from "./input-form.js";
import { type ExportedInputs, formOf, inputsFrom, loadForm } from "./input-forms.js";

const nothing = (): Promise<never> => Promise.reject(new Error("no file is to be read"));
const io = { images: nothing, decoded: nothing, letterboxedImages: nothing };

const image = {
  kind: "image",
  shape: [2, 2, 1],
  dtype: "uint8",
  darkOnLight: false,
  inverted: false,
  pixels: { background: "white", depth: 16 },
} as const satisfies ExportedInputs;
const encodedImage = {
  kind: "encoded-image",
  shape: [2, 2, 3],
  backbone: {
    ...{ name: "tiny", input: "image", output: "map", size: [4, 4], channels: 1, layout: "NCHW" },
    ...{ mean: [127], scale: [-128], pooling: "output", normalize: false },
  },
  pixels: image.pixels,
} as const satisfies ExportedInputs;
const textBackbone = {
  ...{ name: "tiny", output: "last_hidden_state", normalize: true, maxTokens: 16, padTo: 16 },
  pooling: "mean",
} as const;
const encodedPicture = {
  kind: "encoded-picture",
  shape: [2, 2, 6],
  backbone: { ...encodedImage.backbone, channels: 3, mean: [1, 2, 3], scale: [1, 1, 1] },
} as const satisfies ExportedInputs;
const encodedWords = {
  kind: "encoded-words",
  words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 8 },
  backbone: { name: "tiny", output: "last_hidden_state", maxTokens: 16, padTo: 16 },
} as const satisfies ExportedInputs;
const kinds: readonly ExportedInputs[] = [
  image,
  { ...image, dtype: "float32" },
  { kind: "numbers", shape: [2], scales: { mean: [1, 2], deviation: [2, 4] } },
  { kind: "numbers", shape: [2, 3] },
  {
    kind: "row",
    table: {
      groupColumn: "city",
      inputs: [{ kind: "number", name: "distance", mean: 3, deviation: 2 }],
      targets: [{ name: "fare", mean: 0, deviation: 1 }],
    },
  },
  { kind: "text", coding: { kind: "ngrams", buckets: 64, length: 8 } },
  { kind: "picture", size: 112, channels: 1, dtype: "uint8" },
  { kind: "picture", size: 8, channels: 3, dtype: "float32" },
  { kind: "words", words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 0 } },
  { kind: "item", slots: 3, numbers: 2 },
  encodedImage,
  { kind: "encoded-text", shape: [4], backbone: textBackbone },
  { kind: "observations", horizon: 5, observation: { kind: "box", size: 3 } },
  encodedPicture,
  encodedWords,
];

beforeAll(async () => {
  // None is there before it is asked for, and what is no kind is none.
  expect(() => formOf(image)).toThrow("the kind of inputs image was not loaded");
  for (const name of [...kinds.map(({ kind }) => kind), "toString", undefined]) await loadForm(name);
});

test.each(kinds.map((inputs) => [inputs.kind, inputs] as const))("%s: config.json has all of it", (_kind, inputs) => {
  expect(inputsFrom(JSON.parse(JSON.stringify(inputs)))).toEqual(inputs);
  // Of each field that is needed, that its absence is seen.
  for (const name of Object.keys(inputs).filter((each) => !["darkOnLight", "scales"].includes(each))) {
    const { [name]: _, ...others } = inputs as unknown as Record<string, unknown>;
    expect(inputsFrom(others), name).toBeUndefined();
  }
});

test.each<readonly [unknown]>([
  [null],
  [[]],
  [{ kind: "toString" }],
  [{ kind: 1 }],
  [{ ...image, shape: [1e6, 1e6, 1] }],
  [{ ...image, shape: [2, 2] }],
  [{ ...image, dtype: "float64" }],
  [{ ...image, pixels: {} }],
  [{ kind: "numbers", shape: [2], scales: { mean: [1], deviation: [1] } }],
  [{ kind: "numbers", shape: [2], scales: { mean: [1, 1], deviation: [1, 0] } }],
  [{ kind: "text", coding: { kind: "features", features: 4, backbone: {} } }],
  [{ kind: "picture", size: 1e6, channels: 1, dtype: "uint8" }],
  [{ kind: "picture", size: 8.5, channels: 1, dtype: "uint8" }],
  [{ kind: "picture", size: 8, channels: 2, dtype: "uint8" }],
  [{ kind: "picture", size: 8, channels: 1, dtype: "int64" }],
  [{ kind: "words", words: { length: 4, slots: wordFeatureSlots, ids: 64, width: 8 } }],
  [{ kind: "words", words: { length: 4, slots: ["other"], ids: 64, width: 0 } }],
  ...[
    { size: [0, 4] },
    { size: [1e5, 1] },
    { channels: 2 },
    { scale: [0] },
    { mean: [0, 1] },
    { layout: "CHWN" },
    { name: "" },
  ].map((other) => [{ ...encodedImage, backbone: { ...encodedImage.backbone, ...other } }] as const),
  [{ ...encodedImage, shape: [1e9] }],
  ...[{ pooling: "max" }, { maxTokens: 1e6 }, { padTo: 0 }, { output: 3 }, { normalize: 1 }].map(
    (other) => [{ kind: "encoded-text", shape: [4], backbone: { ...textBackbone, ...other } }] as const,
  ),
  [{ kind: "encoded-text", shape: [4, 4], backbone: textBackbone }],
  ...[{ size: [4, 8] }, { channels: 1, mean: [1], scale: [1] }, { scale: [1, 0, 1] }, { output: "" }].map(
    (other) => [{ ...encodedPicture, backbone: { ...encodedPicture.backbone, ...other } }] as const,
  ),
  [{ ...encodedPicture, shape: [24] }],
  [{ ...encodedPicture, shape: [1e4, 1e4, 6] }],
  ...[{ width: 0 }, { width: 1e6 }, { length: 0 }, { slots: ["other"] }, { length: 512, width: 2 ** 16 }].map(
    (other) => [{ ...encodedWords, words: { ...encodedWords.words, ...other } }] as const,
  ),
  ...[{ maxTokens: 1e6 }, { padTo: -1 }, { output: 3 }, { name: "a\0b" }].map(
    (other) => [{ ...encodedWords, backbone: { ...encodedWords.backbone, ...other } }] as const,
  ),
  [{ ...encodedWords, backbone: [] }],
  [{ kind: "item", slots: 0, numbers: 2 }],
  [{ kind: "observations", horizon: 0, observation: { kind: "box", size: 3 } }],
  [{ kind: "observations", horizon: 1_000_000, observation: { kind: "box", size: 2 ** 20 } }],
  [{ kind: "observations", horizon: 5, observation: { kind: "sphere", size: 3 } }],
  [{ kind: "item", slots: 3, numbers: 1 }],
])("%j are no inputs", (value) => {
  expect(inputsFrom(value)).toBeUndefined();
});

describe("what users give", () => {
  const prepared = async (inputs: ExportedInputs, given: unknown) => {
    const form = formOf(inputs);
    const [read] = await form.read([given], inputs, io);
    return Array.from(form.rows(read, { invert: false }, inputs)[0]![0]!, Number);
  };

  test("images: pixels as bytes, numbers from 0 to 1, in lists of any depth", async () => {
    const bytes = Uint8Array.of(0, 51, 102, 255);
    const numbers = [
      [0, 0.2],
      [0.4, 1],
    ];
    expect(await prepared(image, bytes)).toEqual([0, 51, 102, 255]);
    expect(await prepared(image, numbers)).toEqual([0, 51, 102, 255]);
    expect(await prepared({ ...image, dtype: "float32" }, bytes)).toEqual([0, 0.2, 0.4, 1].map(Math.fround));
    await expect(prepared(image, [0, 0.3, 0.4, 1])).rejects.toThrow(/ILE206 input 1: .*0\.30.*--float-input/);
    await expect(prepared(image, [0, 1, 2, 3])).rejects.toThrow(/ILE206/);
  });

  test("pictures: colours as bytes, or the numbers that the learner sees", async () => {
    const bytes = Uint8Array.of(0, 51, 102, 255, 255, 255, 3, 0, 0, 9, 9, 9);
    const grey = [51, 255, 1, 9].map((byte) => Math.fround(byte / 255));
    const picture = { kind: "picture", size: 2, channels: 1, dtype: "uint8" } as const;
    expect(await prepared(picture, bytes)).toEqual(Array.from(bytes));
    expect(await prepared({ ...picture, dtype: "float32" }, bytes)).toEqual(grey);
    const colours = { ...picture, channels: 3, dtype: "float32" } as const;
    expect(await prepared(colours, bytes)).toEqual(Array.from(bytes, (byte) => Math.fround(byte / 255)));
    await expect(prepared(picture, 7)).rejects.toThrow(/ILE206 input 1: it is 7, and no picture/);
    // A learner's own pictures are taken to the nearest that bytes can say, and enter as such.
    const form = formOf(picture);
    const taken = form.taken!(Float32Array.of(0.2001, 1, 0.0038, 0.0354), picture);
    expect(Array.from(taken, Number)).toEqual(grey);
    expect(Array.from(form.ofTask!(taken, picture), Number)).toEqual(
      [51, 255, 1, 9].flatMap((byte) => [byte, byte, byte]),
    );
    expect(form.taken!(Float32Array.of(0.2001), colours)).toEqual(Float32Array.of(0.2001));
  });

  test("pictures behind an encoder: their squares are what it is given, its cells are what enters", async () => {
    const given: unknown[] = [];
    const encode = async (read: readonly unknown[]) => {
      given.push(...read);
      return read.map((pixels) => Float32Array.from({ length: 24 }, (_, i) => (pixels as Uint8Array)[0]! + i));
    };
    const squares = [7, 9].map((value) => new Uint8Array(4 * 4 * 3).fill(value));
    const form = formOf(encodedPicture);
    const read = await form.read(squares, encodedPicture, { ...io, encode });
    expect(given).toEqual(squares);
    expect(read).toMatchObject([{ width: 4, height: 4 }, { width: 4 }]);
    expect(form.rows(read[1], { invert: false }, encodedPicture)).toEqual([
      [Float32Array.from({ length: 24 }, (_, i) => 9 + i)],
    ]);
    await expect(form.read([[1, 2]], encodedPicture, { ...io, encode })).rejects.toThrow(
      /ILE206 input 1: .*no picture/,
    );
  });

  test("sentences behind an encoder: it is given the words of each row, and a row has the states of its own", async () => {
    const given: unknown[] = [];
    const encode = async (read: readonly unknown[]) => {
      given.push(...read);
      return read.map((_, row) => new Float32Array(32).fill(row));
    };
    const form = formOf(encodedWords);
    const long = { tokens: ["one", "two", "three", "four", "five"], tags: ["O", "O", "B-number", "O", "O"] };
    const read = await form.read(["a bee", long, ""], encodedWords, { ...io, encode });
    expect(given).toEqual([["a", "bee"], ["one", "two", "three", "four"], ["five"], []]);
    const rows = read.map((each) => form.rows(each, { invert: false }, encodedWords));
    expect(rows.map((each) => each.map(([, mask, states]) => [Array.from(mask!, Number), states![0]]))).toEqual([
      [[[1, 1, 0, 0], 0]],
      [
        [[1, 1, 1, 1], 1],
        [[1, 0, 0, 0], 2],
      ],
      [[[0, 0, 0, 0], 3]],
    ]);
    expect(form.slots(encodedWords).map(({ name, shape }) => [name, ...shape])).toEqual([
      ["lexical", 4, wordFeatureSlots.length],
      ["mask", 4],
      ["states", 4, 8],
    ]);
  });

  test("dark ink on light paper is inverted where training had the reverse", () => {
    const form = formOf(image);
    const paper = Uint8Array.of(250, 250, 250, 10);
    expect(form.readingOf([paper], image)).toEqual({ invert: true });
    expect(form.readingOf([paper.map((value) => 255 - value)], image)).toEqual({ invert: false });
    expect(form.readingOf([paper], { ...image, darkOnLight: true })).toEqual({ invert: false });
    expect(Array.from(form.rows(paper, { invert: true }, image)[0]![0]!, Number)).toEqual([5, 5, 5, 245]);
  });

  test("numbers are brought to the learner's scale, and rows are coded by the table", async () => {
    expect(await prepared(kinds[2]!, [3, 10])).toEqual([1, 2]);
    expect(await prepared(kinds[4]!, { distance: 7 })).toEqual([2]);
    expect(await prepared(kinds[4]!, 7)).toEqual([2]);
    await expect(prepared(kinds[2]!, [1, Number.NaN])).rejects.toThrow(/ILE206/);
    await expect(prepared(kinds[4]!, "far")).rejects.toThrow(/ILE206 input 1: it is "far"/);
    await expect(prepared(kinds[5]!, " ")).rejects.toThrow(/ILE206 input 1/);
  });
});

test.each<[unknown[], number[], boolean]>([
  [[1, 2, 3, 4], [2, 2, 1], true],
  [
    [
      [1, 2],
      [3, 4],
    ],
    [2, 2, 1],
    true,
  ],
  [
    [
      [[1], [2]],
      [[3], [4]],
    ],
    [2, 2, 1],
    true,
  ],
  [[[1, 2, 3, 4]], [2, 2, 1], false],
  [[Uint8Array.of(1, 2, 3, 4)], [2, 2, 1], false],
  [[1, 2], [2], true],
  [
    [
      [1, 2],
      [3, 4],
    ],
    [2],
    false,
  ],
  [["a.png"], [2, 2, 1], false],
])("%j of [%j] is one input: %s", (list, shape, isOne) => {
  expect(isOneOf(list, shape)).toBe(isOne);
});
