/** Frozen encoders of images: a model, and what was made of images before. */
import { createHash } from "node:crypto";
import type { ImageBackbone, LongWork } from "@innerloop/experiments";
import { DataError } from "../data/data-error.js";
import { bytesFor } from "../data/reading-limits.js";
import { type BackboneFolder, modelWith } from "./backbone-folder.js";
import type { ImageBackboneSettings } from "./backbone-settings.js";
import { type EncoderHost, encoderHost } from "./encoder-host.js";
import type { Encoded, OpenedModel } from "./encoder-process.js";
import { userFeatureCache } from "./feature-cache.js";
import { outputSuffix } from "./model-file.js";

/** Images of one run, and numbers of their pixels: what bounds its memory and its time. */
const imagesAtOnce = 16;
const pixelsAtOnce = 2 ** 20;
/** Numbers of what is made of one image. */
const mostFeatures = 2 ** 22;

/** What a trial has shown of a model. */
interface ImageModel {
  readonly input: string;
  readonly output: string;
  readonly outputShape: readonly number[];
  readonly batch: number;
}

/**
 * Opens a folder that was read: loads its model in a process of its own and runs it on an image.
 *
 * @throws DataError ILD81 for a model that is no encoder of images, ILD83 for one that fails
 */
export async function openImageBackbone(found: BackboneFolder, work: LongWork): Promise<ImageBackbone> {
  const { settings, folder, name } = found;
  if (settings.kind !== "image")
    throw new DataError(
      "ILD81",
      folder,
      "it encodes texts, not images",
      'Give a folder whose backbone.json has "kind": "image".',
    );
  work.signal?.throwIfAborted();
  const wanted = settings.output;
  const suffix = wanted === undefined ? new Uint8Array(0) : outputSuffix(found.contents, wanted, found.modelFile);
  const host = encoderHost({ file: found.modelFile, sha256: found.modelSha256, suffix });
  try {
    const model = await tryModel(host, found, settings, work.signal);
    return imageBackboneOf({ found, settings, host, model, name, suffix });
  } catch (error) {
    await host.close();
    throw error;
  }
}

async function tryModel(
  host: EncoderHost,
  found: BackboneFolder,
  settings: ImageBackboneSettings,
  signal: AbortSignal | undefined,
): Promise<ImageModel> {
  const refuse = (problem: string, remedy: string): DataError =>
    new DataError("ILD81", found.modelFile, problem, remedy);
  const opened = await host.open(signal);
  const batch = checkInput(opened, settings, refuse);
  const { size, channels, output: wanted } = settings;
  const slot = wanted === undefined ? opened.outputs[0] : opened.outputs.find(({ name }) => name === wanted);
  if (!slot) throw refuse("it has no output", 'Name a tensor by "output" in backbone.json.');
  const encoded = await run(
    host,
    settings,
    { output: slot.name, batch: 1 },
    new Uint8Array(size[0] * size[1] * channels),
    signal,
  );
  const numbers = encoded.shape.reduce((product, axis) => product * axis, 1);
  if (encoded.data.length === 0 || numbers !== encoded.data.length || numbers > mostFeatures)
    throw refuse(
      `its output ${slot.name.slice(0, 80)} is [${encoded.shape.join(", ")}], and not [images, features] or a map of at most ${mostFeatures} numbers`,
      'Name another tensor by "output" in backbone.json.',
    );
  if (!encoded.data.every(Number.isFinite))
    throw refuse("its output is not finite", "Export it again, with weights of float32.");
  return { input: opened.inputs[0]!.name, output: slot.name, outputShape: encoded.shape, batch };
}

/** How many images a run may take. */
function checkInput(
  { inputs }: OpenedModel,
  { size, channels, layout }: ImageBackboneSettings,
  refuse: (problem: string, remedy: string) => DataError,
): number {
  const expected = layout === "NCHW" ? [channels, ...size] : [...size, channels];
  const remedy = "Set size, channels and layout in backbone.json to what the model takes.";
  const [input] = inputs;
  if (inputs.length !== 1 || !input)
    throw refuse(`it has ${inputs.length} inputs, and an encoder of images one`, "Export it with the image alone.");
  if (input.type !== "float32") throw refuse(`its input is ${input.type}, and not float32`, "Export it with float32.");
  const [images, ...rest] = input.shape ?? ["any", ...expected];
  const isFit =
    rest.length === 3 && rest.every((axis, i) => typeof axis !== "number" || axis <= 0 || axis === expected[i]);
  if (!isFit)
    throw refuse(
      `its input is [${input.shape?.join(", ")}], and backbone.json says [images, ${expected.join(", ")}]`,
      remedy,
    );
  if (typeof images === "number" && images > 0) {
    if (images !== 1)
      throw refuse(`it takes ${images} images at once and no other number`, "Export it for any number.");
    return 1;
  }
  return Math.max(1, Math.min(imagesAtOnce, Math.floor(pixelsAtOnce / (size[0] * size[1] * channels))));
}

function run(
  host: EncoderHost,
  { size, channels, layout, mean, scale, pooling, normalize }: ImageBackboneSettings,
  { output, batch }: { readonly output: string; readonly batch: number },
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  return host.encode(
    { kind: "pixels", bytes, size, channels, layout, mean, scale, batch, pooling, normalize, output },
    signal,
  );
}

function imageBackboneOf({
  found,
  settings,
  host,
  model,
  name,
  suffix,
}: {
  readonly suffix: Uint8Array;
  readonly found: BackboneFolder;
  readonly settings: ImageBackboneSettings;
  readonly host: EncoderHost;
  readonly model: ImageModel;
  readonly name: string;
}): ImageBackbone {
  const { size, channels, licence, source } = settings;
  const { outputShape } = model;
  const pixels = size[0] * size[1] * channels;
  const numbers = outputShape.reduce((product, axis) => product * axis, 1);
  const cache = userFeatureCache(found.sha256);
  return {
    name,
    sha256: found.sha256,
    folder: found.folder,
    size,
    channels,
    outputShape,
    ...(licence === undefined ? {} : { licence }),
    ...(source === undefined ? {} : { source }),
    async encode(images, { signal, onProgress }) {
      signal?.throwIfAborted();
      const wrong = images.find(({ length }) => length !== pixels);
      if (wrong)
        throw new DataError(
          "ILD06",
          name,
          `an image has ${wrong.length} bytes, and ${pixels} are taken`,
          "Bring it to the backbone's size first.",
        );
      const keys = images.map((image) => createHash("sha256").update(image).digest("hex"));
      const values = await cache.read(keys);
      for (const [key, kept] of values) if (kept.length !== numbers) values.delete(key);
      const missing = new Map<string, Uint8Array>();
      for (const [i, key] of keys.entries()) if (!values.has(key)) missing.set(key, images[i]!);
      const left = [...missing];
      const began = performance.now();
      const step = Math.max(model.batch, Math.min(imagesAtOnce, Math.floor(pixelsAtOnce / pixels)));
      try {
        for (let from = 0; from < left.length; from += step) {
          const some = left.slice(from, from + step);
          const bytes = new Uint8Array(some.length * pixels);
          for (const [i, [, image]] of some.entries()) bytes.set(image, i * pixels);
          const { data } = await run(host, settings, model, bytes, signal);
          if (data.length !== some.length * numbers || !data.every(Number.isFinite))
            throw new DataError(
              "ILD83",
              found.modelFile,
              "it gave numbers that are not finite, or not as many as before",
              "Export it again.",
            );
          for (const [i, [key]] of some.entries()) {
            const row = data.slice(i * numbers, (i + 1) * numbers);
            values.set(key, row);
            await cache.write(key, row);
          }
          const done = Math.min(left.length, from + step);
          const rate = Math.round((done / (performance.now() - began)) * 1000);
          onProgress?.(done, left.length, `encode images with ${name}, ${rate} a second`);
        }
      } finally {
        // What was made before an interruption is not made again.
        await cache.flush();
      }
      const all = new Float32Array(bytesFor(4 * images.length * numbers, name).buffer);
      for (const [i, key] of keys.entries()) all.set(values.get(key)!, i * numbers);
      return all;
    },
    portable: async () => {
      const { layout, mean, scale, pooling, normalize } = settings;
      const { input, output } = model;
      return { model: await modelWith(found, suffix), input, output, layout, mean, scale, pooling, normalize };
    },
    close: () => host.close(),
  };
}
