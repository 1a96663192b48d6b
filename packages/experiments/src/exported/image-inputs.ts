/** Images as inputs of exported programs: as bytes, or as numbers from 0 to 1. */
import { inverted, isDarkOnLight } from "../domains/classification/dark-on-light.js";
import { isImageFile } from "../domains/classification/image-signatures.js";
import { isPixelReading } from "../domains/classification/spec.js";
import type { ImageShape, PixelReading } from "../io.js";
import { quoted } from "../options/outside-text.js";
import { ExportError } from "./export-error.js";
import { type ExportedIo, type InputForm, isInputShape, isOneOf, numbersIn, type ReadInput } from "./input-form.js";

/** Images [height, width, channels] in bytes, or in numbers from 0 to 1. */
export interface ImageInputs {
  readonly kind: "image";
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly dtype: "uint8" | "float32";
  /** Whether images of training, as the learner saw them, were dark ink on light paper; absent where that is not told of them. */
  readonly darkOnLight?: boolean;
  /** Whether they were inverted when they were read from their files. */
  readonly inverted: boolean;
  /** How the pixels of files become bytes. */
  readonly pixels: PixelReading;
}

const sizeOf = ({ shape: [height, width, channels] }: ImageInputs): number => height * width * channels;

function fileShape({ shape: [height, width, channels] }: ImageInputs): ImageShape {
  if (channels === 1 || channels === 3) return { size: [height, width], channels };
  throw new ExportError(
    "ILE206",
    "input",
    `images of ${channels} channels come from no file`,
    "Give their numbers, or their bytes",
  );
}

/** Bytes of numbers from 0 to 1, where they are such: 255 steps, to the digits of float32. */
function bytesOf(numbers: Float32Array, place: number): Uint8Array {
  const bytes = Uint8Array.from(numbers, (value) => Math.round(255 * value));
  const odd = numbers.findIndex((value, i) => Math.abs(255 * value - bytes[i]!) > 1e-3);
  if (odd < 0) return bytes;
  throw new ExportError(
    "ILE206",
    `input ${place + 1}`,
    `it has the value ${numbers[odd]}, which is none of the 256 from 0 to 1 that bytes stand for`,
    "Give a file or bytes, or export the run with --float-input",
  );
}

/** @internal */
export const imageForm: InputForm<ImageInputs> = {
  parse: ({ shape, dtype, darkOnLight, inverted: wereInverted, pixels }) => {
    if (!isInputShape(shape) || shape.length !== 3 || (dtype !== "uint8" && dtype !== "float32")) return undefined;
    if (!["undefined", "boolean"].includes(typeof darkOnLight) || typeof wereInverted !== "boolean") return undefined;
    if (!isPixelReading(pixels)) return undefined;
    const told = darkOnLight === undefined ? {} : { darkOnLight: darkOnLight as boolean };
    const [height, width, channels] = shape as [number, number, number];
    return { kind: "image", shape: [height, width, channels], dtype, ...told, inverted: wereInverted, pixels };
  },
  slots: ({ dtype, shape }) => [{ name: "", dtype, shape }],
  isOne: (list, { shape }) => isOneOf(list, shape),
  read: (given, inputs, io) => Promise.all(given.map((each, i) => readImage(each, i, inputs, io))),
  readingOf: (read, { darkOnLight, shape }) => {
    const images = read.filter((each) => each instanceof Uint8Array);
    if (darkOnLight === undefined || shape[2] !== 1 || images.length === 0) return { invert: false };
    const examples = new Uint8Array(images.length * images[0]!.length);
    images.forEach((image, i) => {
      examples.set(image, i * image.length);
    });
    const classes = [{ name: "", count: images.length, examples }];
    return { invert: isDarkOnLight({ name: "support", exampleShape: shape, classes }) !== darkOnLight };
  },
  rows: (read, { invert }, { dtype }) => {
    const given = invert ? (inverted(read as Uint8Array) as ReadInput) : read;
    const isOther = dtype === "float32" && given instanceof Uint8Array;
    return [[isOther ? Float32Array.from(given, (value) => Math.fround(value / 255)) : given]];
  },
  ofTask: (values, { dtype }) => (dtype === "uint8" ? bytesOf(values as Float32Array, 0) : values),
  preprocessor: ({ shape: [height, width, channels], dtype, darkOnLight, inverted: wereInverted }) => ({
    do_resize: true,
    size: { height, width },
    resample: 4,
    do_convert_grayscale: channels === 1,
    do_invert: wereInverted,
    ...(darkOnLight === undefined ? {} : { dark_on_light: darkOnLight }),
    // Of bytes the programs do it themselves.
    do_rescale: dtype === "float32",
    rescale_factor: 1 / 255,
    do_normalize: false,
    image_mean: new Array<number>(channels).fill(0),
    image_std: new Array<number>(channels).fill(1),
  }),
  about: ({ shape: [height, width, channels], dtype, darkOnLight }) => {
    const ink =
      darkOnLight === undefined
        ? ""
        : `, with ${darkOnLight ? "dark ink on light paper" : "light ink on a dark ground"} (invert others)`;
    const values = dtype === "uint8" ? "bytes" : "numbers from 0 to 1";
    return `Images of ${height} x ${width} pixels, ${channels === 1 ? "grey" : `${channels} channels`}, as ${values}${ink}.`;
  },
  inPython: ({ shape, dtype }, rows = 2) => ({
    "":
      dtype === "uint8"
        ? `np.random.randint(0, 256, (${rows}, ${shape.join(", ")})).astype(np.uint8)`
        : `np.random.rand(${rows}, ${shape.join(", ")}).astype(np.float32)`,
  }),
  inJavaScript: () => `"one.png"`,
};

/** @internal The bytes of an image, or its numbers. */
export async function readImage(
  given: unknown,
  place: number,
  inputs: ImageInputs,
  io: ExportedIo,
): Promise<ReadInput> {
  const size = sizeOf(inputs);
  const fail = (): never => {
    throw new ExportError(
      "ILE206",
      `input ${place + 1}`,
      `it is ${quoted(given)}, and images are of [${inputs.shape.join(", ")}]`,
      "Give the path of an image, the bytes of one, its pixels as bytes, or its numbers from 0 to 1",
    );
  };
  const picture =
    typeof given === "object" ? io.picture?.(given, { ...fileShape(inputs), pixels: inputs.pixels }) : undefined;
  if (picture) return picture;
  if (typeof given === "string") {
    const found = await io.images([given], { ...fileShape(inputs), pixels: inputs.pixels });
    return found.length === 1 ? found[0]!.bytes : fail();
  }
  if (given instanceof Uint8Array) {
    if (given.length === size && !isImageFile(given)) return given.slice();
    return (await io.decoded([given], { ...fileShape(inputs), pixels: inputs.pixels }))[0]!;
  }
  const numbers = numbersIn(given, size);
  if (!numbers) return fail();
  const odd = numbers.find((value) => value < 0 || value > 1);
  if (odd !== undefined && inputs.dtype === "uint8") fail();
  return inputs.dtype === "uint8" ? bytesOf(numbers, place) : numbers;
}
