/** Encoders beside exported programs: their files and what is told of them, or a refusal where there are none. */
import { wordFeatureSlots } from "@innerloop/core/tasks";
import { expect, test } from "vitest";
import { memoryIo } from "../made-up.fixture.js";
import type { ImageBackbone, TextBackbone } from "../text-io.js";
import { exportedPhotos } from "./detection/exported-photos.js";
import { exportedSentences } from "./entities/exported-sentences.js";

const record = { name: "tiny", sha256: "a".repeat(64), folder: "encoders/tiny" };
const close = async (): Promise<void> => undefined;

const cells: ImageBackbone = {
  ...{ ...record, size: [16, 16], channels: 3, outputShape: [2, 2, 3], close },
  encode: async (images) => Float32Array.from({ length: images.length * 12 }, (_, i) => i),
};
/** The state of a word is how long it is, and its place. */
const states: TextBackbone = {
  ...{ ...record, features: 2, close },
  encode: async () => new Float32Array(0),
  states: async (sentences) =>
    sentences.map((words) => Float32Array.from(words.flatMap((word, i) => [word.length, i + 1]))),
};
const models = { model: Uint8Array.of(1), output: "map", normalize: true };
const images = {
  ...models,
  input: "image",
  layout: "NCHW",
  mean: [1, 2, 3],
  scale: [1, 1, 1],
  pooling: "output",
} as const;
const texts = { ...models, tokenizer: Uint8Array.of(2), pooling: "cls", maxTokens: 16, padTo: undefined } as const;

const settingOf = (encoders: { readonly image?: ImageBackbone; readonly text?: TextBackbone }) => ({
  ...{ shown: "runs/mine", floatInput: false, work: {} },
  io: memoryIo({ encoders: { imageBackbone: async () => encoders.image!, textBackbone: async () => encoders.text! } }),
});
const ofPhotos = {
  options: {},
  spec: { exampleShape: [2, 2, 3], classNames: ["nut", "bolt"], pictureSize: 16, backbone: record },
} as unknown as Parameters<typeof exportedPhotos>[0];
const words = { length: 3, slots: wordFeatureSlots, ids: 64, width: 2 };
const ofWords = { options: {}, spec: { words, backbone: record } } as unknown as Parameters<
  typeof exportedSentences
>[0];

test("photos: cells by the encoder's file, as many classes as the learner has room for", async () => {
  const given = settingOf({ image: { ...cells, portable: async () => images } });
  const form = await exportedPhotos(ofPhotos, { ...given, classes: 5 });
  expect(form).toMatchObject({
    inputs: { kind: "encoded-picture", shape: [2, 2, 3], backbone: { name: "tiny", size: [16, 16], output: "map" } },
    answers: { kind: "objects", ways: 5, stride: 8, most: 100, overlap: 0.35 },
    encoder: { files: { "onnx/backbone.onnx": models.model } },
  });
  expect(form.encoder!.probe.features).toHaveLength(4 * 12);
  expect((await exportedPhotos(ofPhotos, given)).answers).toMatchObject({ ways: 2 });
});

test("marked texts: states by the encoder's files, whatever it makes of whole texts, in rows of one length", async () => {
  const form = await exportedSentences(ofWords, settingOf({ text: { ...states, portable: async () => texts } }));
  expect(form.inputs).toEqual({
    ...{ kind: "encoded-words", words },
    backbone: { name: "tiny", output: "map", maxTokens: 16 },
  });
  expect(Object.keys(form.encoder!.files)).toEqual(["onnx/backbone.onnx", "tokenizer.json"]);
  const { inputs, features } = form.encoder!.probe;
  expect(inputs[0]).toEqual(["Where", "is", "my"]);
  expect(Array.from(features.subarray(0, 6))).toEqual([5, 1, 2, 2, 2, 3]);
  expect(features).toHaveLength(4 * 3 * 2);
});

test("an encoder whose model is not given is refused", async () => {
  const problem = /ILE201 runs\/mine: its inputs are features of the backbone tiny, whose model is not given here/;
  await expect(exportedPhotos(ofPhotos, settingOf({ image: cells }))).rejects.toThrow(problem);
  await expect(exportedSentences(ofWords, settingOf({ text: states }))).rejects.toThrow(problem);
});
