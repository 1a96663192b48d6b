/** Labelled examples as users of a trained model have them, and the classes that it answers with. */
import { type Tensor, tensor } from "@innerloop/graph";
import type { Flags } from "../../config/index.js";
import { type DataIo, type ImageShape, type LongWork, type PixelReading, usualPixels } from "../../io.js";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import { counted } from "../../words.js";
import type { Adaptation, GivenInputs, GivenSupport, Own } from "../domain.js";
import { type ImageEncoderRecord, imageBackboneOf } from "../image-encoders.js";
import { isBlank } from "./blank-images.js";
import { classAnswers, classCells } from "./class-answers.js";
import { inverted, isDarkOnLight } from "./dark-on-light.js";
import { imagesTaken } from "./image-features.js";
import { isImageFile } from "./image-signatures.js";
import type { ClassificationValues } from "./options.js";
import { type ClassificationSpec, isPixelReading } from "./spec.js";

type OwnClasses = Own<ClassificationValues, ClassificationSpec>;

/** An example as a program has it: a file, the bytes of one, or its numbers, from 0 to 1 or bytes. */
export type GivenExample = string | Uint8Array | Float32Array | readonly number[] | NestedExample;
interface NestedExample extends ReadonlyArray<number | NestedExample> {}

/** Examples of each class, by its name; or a folder with one folder of examples for each class. */
export type GivenClasses = string | Readonly<Record<string, readonly GivenExample[]>>;

/** What the examples of a support set were read with, for those that are asked about. */
interface Reading {
  readonly pixels: PixelReading;
  readonly invert: boolean;
}

/** Examples of the shape of a spec, values one after another, with what each is called. */
interface ReadExamples {
  readonly names: readonly string[];
  readonly values: readonly (Uint8Array | Float32Array)[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The shape of images that files are brought to; undefined where examples are none. */
function imageShape({ exampleShape }: ClassificationSpec): ImageShape | undefined {
  const [height, width, channels] = exampleShape;
  if (exampleShape.length !== 3 || !height || !width || (channels !== 1 && channels !== 3)) return undefined;
  return { size: [height, width], channels };
}

/** What examples of files are before they are values. */
interface Sight {
  readonly spec: ClassificationSpec;
  /** The shape that files are brought to; undefined where examples are no images. */
  readonly image: ImageShape | undefined;
  /** Bytes of images as the features that a backbone makes of them; all else as it is. */
  encode(values: readonly Values[]): Promise<readonly Values[]>;
}

type Values = Uint8Array | Float32Array;

const plainSight = (spec: ClassificationSpec): Sight => ({
  spec,
  image: imageShape(spec),
  encode: async (values) => values,
});

/** @throws UsageError where the backbone of the run is another now */
async function backboneSight(
  spec: ClassificationSpec,
  record: ImageEncoderRecord,
  io: DataIo,
  work: LongWork,
): Promise<Sight> {
  const backbone = await imageBackboneOf(io, record, work);
  const numbers = sizeOf(spec.exampleShape);
  return {
    spec,
    image: imagesTaken(backbone),
    encode: async (values) => {
      const images = values.filter((value) => value instanceof Uint8Array);
      const features = await backbone.encode(images, work);
      let next = 0;
      return values.map((value) =>
        value instanceof Uint8Array ? features.slice(next * numbers, ++next * numbers) : value,
      );
    },
  };
}

/** Bytes of an image as files are brought to it, or values of an example that is none. */
const bytesOf = ({ image, spec }: Sight): number =>
  image ? image.size[0] * image.size[1] * image.channels : sizeOf(spec.exampleShape);

/** @throws UsageError where examples cannot come from files */
function requireImages({ image: shape, spec }: Sight): ImageShape {
  if (shape) return shape;
  throw new UsageError(
    `examples have the shape [${spec.exampleShape.join(", ")}], and are no images`,
    "Give their numbers in code: model.adapt({ NAME: [[...], ...] })",
  );
}

/** @internal */
export const classificationAdaptation: Adaptation<ClassificationValues, ClassificationSpec> = {
  flags: ["invert", "reject"],
  inputWord: "file",
  readSupport,
  readInputs,
  parseReading: (value) => {
    const { pixels, invert } = Object(value) as Partial<Record<keyof Reading, unknown>>;
    return isPixelReading(pixels) && typeof invert === "boolean" ? ({ pixels, invert } satisfies Reading) : undefined;
  },
  answers: (prediction, { support, rule }) => classAnswers(prediction, support.classes!, rule),
  table: (found, asked) => ({
    header: [asked.spec.backbone || imageShape(asked.spec) ? "image" : "example", "prediction", "", "", "then"],
    rows: found.map((answer, i) => classCells(answer, asked.inputs.names[i]!)),
    left: [0, 1, 3, 4],
  }),
};

async function readSupport(
  given: unknown,
  own: OwnClasses,
  flags: Flags,
  io: DataIo,
  work: LongWork,
): Promise<GivenSupport> {
  const { spec } = own;
  const isAsked = flags.invert === "yes";
  if (isAsked && spec.backbone)
    throw new UsageError(
      `--invert yes for a run with the backbone ${spec.backbone.name}, which sees images as they are`,
      "Leave it out",
    );
  // What a program holds is copied before a backbone is waited for.
  const held = copiedClasses(given);
  const sight = spec.backbone ? await backboneSight(spec, spec.backbone, io, work) : plainSight(spec);
  const found = typeof held === "string" ? await readFolder(held, sight, io, work) : await readNamed(held, sight, io);
  const { classes, pixels } = found;
  const names = classes.map(({ name }) => name);
  const values = await sight.encode(classes.flatMap((entry) => entry.values));
  const invert = isAsked || (flags.invert !== "no" && looksInverted(values, spec));
  const counts = classes.map((entry) => entry.values.length);
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  return {
    x: tensorOf(values, spec, invert),
    y: tensor(Int32Array.from(labels), [labels.length]),
    classes: names,
    counts,
    sizes: { ways: Math.max(own.options.ways, names.length) },
    text: `${counted(values.length, "example")} of ${counted(names.length, "class", "classes")}`,
    notes: invert ? [isAsked ? "images inverted" : "images inverted to match the run's data"] : [],
    facts: { classes: names, inverted: invert },
    reading: { pixels, invert } satisfies Reading,
  };
}

/** Whether images of bytes are dark ink on light paper where the run's are not, or the reverse. */
function looksInverted(
  values: readonly (Uint8Array | Float32Array)[],
  { exampleShape, darkOnLight }: ClassificationSpec,
): boolean {
  const images = values.filter((example) => example instanceof Uint8Array);
  const [, , channels = 0] = exampleShape;
  if (darkOnLight === undefined || channels !== 1 || images.length === 0) return false;
  const classes = [{ name: "", count: images.length, examples: joined(images) }];
  return isDarkOnLight({ name: "support", exampleShape, classes }) !== darkOnLight;
}

interface NamedValues {
  readonly classes: readonly { readonly name: string; readonly values: readonly (Uint8Array | Float32Array)[] }[];
  readonly pixels: PixelReading;
}

async function readFolder(path: string, sight: Sight, io: DataIo, work: LongWork): Promise<NamedValues> {
  const { spec } = sight;
  const reading = { ...requireImages(sight), name: "support", preferredPixels: spec.pixels ?? usualPixels };
  const { examples, pixels } = await io.classFolders(path, reading, work);
  const size = bytesOf(sight);
  return {
    pixels,
    classes: examples.classes.map(({ name, count, examples: all }) => ({
      name,
      values: Array.from({ length: count }, (_, i) => (all as Uint8Array).subarray(i * size, (i + 1) * size)),
    })),
  };
}

async function readNamed(given: unknown, sight: Sight, io: DataIo): Promise<NamedValues> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new UsageError(
      `the examples to adapt to are ${quoted(given)}`,
      'Give a folder with one folder of images for each class, or { cat: ["a.png", ...], dog: [...] }',
    );
  const pixels = sight.spec.pixels ?? usualPixels;
  const classes = await Promise.all(
    Object.entries(given).map(async ([name, examples]) => {
      if (!Array.isArray(examples) || examples.length === 0)
        throw new UsageError(`the class ${quoted(name)} has no list of examples`, `Give { ${name}: [...] }`);
      return { name, values: (await readExamples(examples, sight, pixels, io)).values };
    }),
  );
  if (classes.length < 2)
    throw new UsageError(`there ${classes.length === 1 ? "is 1 class" : "are no classes"}`, "Give two or more");
  return { classes, pixels };
}

async function readInputs(
  given: unknown,
  { reading }: GivenSupport,
  { spec }: OwnClasses,
  io: DataIo,
  work: LongWork,
): Promise<GivenInputs> {
  const { onWarning, signal } = work;
  signal?.throwIfAborted();
  const { pixels, invert } = reading as Reading;
  const list = (Array.isArray(given) && !isOneExample(given, spec) ? given : [given]).map(copyOf);
  const sight = spec.backbone ? await backboneSight(spec, spec.backbone, io, work) : plainSight(spec);
  const { names, values } = await readExamples(list, sight, pixels, io);
  signal?.throwIfAborted();
  const channels = sight.image?.channels ?? 1;
  for (const [i, example] of values.entries()) {
    if (example instanceof Uint8Array && isBlank(example, channels))
      onWarning?.(`${names[i]} is blank: all its pixels have one colour`);
  }
  return { x: tensorOf(await sight.encode(values), spec, invert), names };
}

/** Whether a list is one example, numbers or rows of them, and not a list of examples. */
function isOneExample(list: readonly unknown[], { exampleShape }: ClassificationSpec): boolean {
  const numbers = list.flat(8);
  return typeof numbers[0] === "number" && numbers.length === sizeOf(exampleShape);
}

/** What a program holds, as it is now: it may go on changing it while files are read. */
function copyOf(example: unknown): unknown {
  if (example instanceof Uint8Array || example instanceof Float32Array) return example.slice();
  return Array.isArray(example) ? example.flat(8) : example;
}

/** Lists of examples by class, each copied; anything else as it is. */
function copiedClasses(given: unknown): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
  const classes = Object.entries(given).map(([name, examples]): [string, unknown] => [
    name,
    Array.isArray(examples) ? examples.map(copyOf) : examples,
  ]);
  return Object.fromEntries(classes);
}

/** Files, bytes of files and numbers that were copied, each as values of one example. */
async function readExamples(
  examples: readonly unknown[],
  sight: Sight,
  pixels: PixelReading,
  io: DataIo,
): Promise<ReadExamples> {
  const names: string[] = [];
  const values: (Uint8Array | Float32Array)[] = [];
  for (const [i, example] of examples.entries()) {
    if (typeof example === "string") {
      for (const { name, bytes } of await io.images([example], { ...requireImages(sight), pixels })) {
        names.push(name);
        values.push(bytes);
      }
    } else {
      names.push(`${i + 1}`);
      values.push(await valuesOf(example, i, sight, pixels, io));
    }
  }
  return { names, values };
}

async function valuesOf(
  example: unknown,
  i: number,
  sight: Sight,
  pixels: PixelReading,
  io: DataIo,
): Promise<Uint8Array | Float32Array> {
  const { spec } = sight;
  const size = sizeOf(spec.exampleShape);
  // A file may have as many bytes as an example has values.
  if (example instanceof Uint8Array && (example.length !== bytesOf(sight) || isImageFile(example)))
    return (await io.decoded([example], { ...requireImages(sight), pixels }))[0]!;
  if (example instanceof Uint8Array) return example;
  if (example instanceof Float32Array) {
    if (example.length === size) return example;
  } else if (Array.isArray(example)) {
    const numbers = example as readonly unknown[];
    if (numbers.length === size && numbers.every((value) => typeof value === "number" && Number.isFinite(value)))
      return Float32Array.from(numbers as number[]);
  }
  throw new UsageError(
    `example ${i + 1} is not one of the shape [${spec.exampleShape.join(", ")}]`,
    "Give a file, the bytes of an image file, or its numbers",
  );
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @throws UsageError for numbers that have no black and white */
function requireInvertible(example: Float32Array, i: number, spec: ClassificationSpec): void {
  if (!imageShape(spec))
    throw new UsageError(
      `examples have the shape [${spec.exampleShape.join(", ")}], and are no images to be inverted`,
      'Leave invert out, or give "no"',
    );
  const odd = example.find((value) => value < 0 || value > 1);
  if (odd === undefined) return;
  throw new UsageError(
    `example ${i + 1} has the value ${odd}: numbers of images that are inverted are from 0 to 1`,
    'Give such numbers, bytes in a Uint8Array, or the option invert: "no"',
  );
}

/**
 * Bytes as values from 0 to 1, numbers as they are or as the columns of training were scaled.
 *
 * @throws UsageError where examples are to be inverted that cannot be
 */
function tensorOf(examples: readonly (Uint8Array | Float32Array)[], spec: ClassificationSpec, invert: boolean): Tensor {
  const { exampleShape, scales } = spec;
  const size = sizeOf(exampleShape);
  const values = new Float32Array(examples.length * size);
  examples.forEach((given, i) => {
    if (invert && given instanceof Float32Array) requireInvertible(given, i, spec);
    const example = invert ? inverted(given) : given;
    for (let at = 0; at < size; at++) {
      const value = example[at]!;
      values[i * size + at] =
        example instanceof Uint8Array
          ? value / 255
          : scales
            ? (value - scales.mean[at]!) / scales.deviation[at]!
            : value;
    }
  });
  return tensor(values, [examples.length, ...exampleShape]);
}
