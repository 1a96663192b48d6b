/** Pictures of any size as inputs of exported programs: each in a square, with what is left around it grey. */
import { isImageFile } from "../domains/classification/image-signatures.js";
import { pixelValues } from "../domains/detection/picture-sight.js";
import { quoted } from "../options/outside-text.js";
import type { LetterboxedImage } from "../picture-io.js";
import { ExportError } from "./export-error.js";
import { type ExportedIo, type InputForm, isInputShape } from "./input-form.js";
import { isWhole } from "./kind-values.js";

/** Squares [size, size, 3] of bytes; or [size, size, channels] of numbers from 0 to 1, as the learner sees them. */
export interface PictureInputs {
  readonly kind: "picture";
  /** Pixels of a side of the square. */
  readonly size: number;
  /** 1 where the learner sees grey, the mean of the colours; 3 where it sees colours. */
  readonly channels: 1 | 3;
  readonly dtype: "uint8" | "float32";
}

/** A picture as it was read: its own sides, and the square. */
export type ReadPicture = Omit<LetterboxedImage, "name">;

/** Colours of the bytes that programs take. */
const colours = 3;
/** Sides of squares at most. */
const mostSide = 4096;

const shapeOf = ({ size, channels, dtype }: PictureInputs): readonly [number, number, number] => [
  size,
  size,
  dtype === "uint8" ? colours : channels,
];

/** @internal */
export const pictureForm: InputForm<PictureInputs, ReadPicture> = {
  parse: ({ size, channels, dtype }) => {
    if (!isWhole(size, 1, mostSide) || !isInputShape([size, size, colours])) return undefined;
    if ((channels !== 1 && channels !== 3) || (dtype !== "uint8" && dtype !== "float32")) return undefined;
    return { kind: "picture", size, channels, dtype };
  },
  side: ({ size }) => size,
  slots: (inputs) => [{ name: "", dtype: inputs.dtype, shape: shapeOf(inputs) }],
  slotsOfTask: ({ size, channels }) => [{ name: "", dtype: "float32", shape: [size, size, channels] }],
  isOne: () => false,
  read: (given, { size }, io) => readPictures(given, size, io),
  readingOf: () => ({ invert: false }),
  rows: ({ pixels }, _, { dtype, size, channels }) => [
    [dtype === "uint8" ? pixels : (pixelValues([pixels], size, channels).data as Float32Array)],
  ],
  taken: (values, { dtype }) =>
    dtype === "uint8"
      ? Float32Array.from(values as Float32Array, (value) => Math.fround(Math.round(255 * value) / 255))
      : values,
  ofTask: (values, { dtype, channels }) => {
    if (dtype === "float32") return values;
    const bytes = new Uint8Array((values.length * colours) / channels);
    for (let i = 0; i < bytes.length; i++)
      bytes[i] = Math.round(255 * (values[channels === 1 ? Math.floor(i / colours) : i] as number));
    return bytes;
  },
  preprocessor: ({ size, dtype }) => ({
    ...squareFields(size),
    // Of bytes the programs do it themselves.
    do_rescale: dtype === "float32",
    rescale_factor: 1 / 255,
    do_normalize: false,
  }),
  about: (inputs) => {
    const values =
      inputs.dtype === "uint8"
        ? "bytes of red, green and blue"
        : `numbers from 0 to 1, ${inputs.channels === 1 ? "the mean of the colours" : "red, green and blue"}`;
    return `${squareText(inputs.size)}: [${shapeOf(inputs).join(", ")}], as ${values}.`;
  },
  inPython: (inputs, rows = 2) => {
    const shape = [rows, ...shapeOf(inputs)].join(", ");
    return {
      "":
        inputs.dtype === "uint8"
          ? `np.random.randint(0, 256, (${shape})).astype(np.uint8)`
          : `np.random.rand(${shape}).astype(np.float32)`,
    };
  },
  inJavaScript: () => `"one.png"`,
};

/** What makes squares of pictures, in words. */
export const squareText = (size: number): string =>
  `Pictures scaled to ${size} pixels along their longer side, in the middle of a square of that side whose rest is 114`;

/** The same as fields of preprocessor_config.json. */
export const squareFields = (size: number): object => ({
  do_resize: true,
  size: { longest_edge: size },
  resample: 1,
  do_convert_rgb: true,
  do_pad: true,
  pad_size: { height: size, width: size },
  pad_position: "around",
  pad_value: 114,
});

/** Pictures in squares: of files, of their bytes, of what this machine has, or the bytes of such a square itself. @throws ExportError ILE206 */
export const readPictures = (
  given: readonly unknown[],
  size: number,
  io: ExportedIo,
): Promise<readonly ReadPicture[]> => Promise.all(given.map((each, i) => readPicture(each, i, size, io)));

async function readPicture(given: unknown, place: number, size: number, io: ExportedIo): Promise<ReadPicture> {
  const own = typeof given === "object" ? io.squarePicture?.(given, size) : undefined;
  if (own) return own;
  if (given instanceof Uint8Array && given.length === size * size * colours && !isImageFile(given))
    return { width: size, height: size, pixels: given.slice() };
  const found =
    typeof given === "string" || given instanceof Uint8Array ? await io.letterboxedImages([given], size, {}) : [];
  if (found.length === 1) return found[0]!;
  throw new ExportError(
    "ILE206",
    `input ${place + 1}`,
    `it is ${quoted(given)}${found.length > 1 ? `, in which there are ${found.length} images` : ", and no picture"}`,
    `Give the path of an image, the bytes of one, or its ${size} x ${size} pixels as bytes of three colours`,
  );
}
