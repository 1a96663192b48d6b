/**
 * Images from files that anyone may have made, decoded within bounds of memory and time. All images pass here: what a
 * file is is told from its bytes, only the formats below are handed to a decoder, and what decoding takes is reckoned
 * from the header before it begins.
 */

import { invertInPlace, type PixelReading, reasonOf, usualPixels } from "@innerloop/experiments/exported";
import type { Metadata, Sharp } from "sharp";
import { ByteBudget } from "../byte-budget.js";
import { DataError } from "../data-error.js";
import { inflatedLimit } from "../reading-limits.js";

/** An image to decode: a file, or the pixels of one. */
export interface ImageFile {
  readonly where: string;
  readonly bytes: number;
  read(): Promise<Uint8Array>;
  /** Set where `read` gives pixels, row by row. */
  readonly raw?: { readonly width: number; readonly height: number; readonly channels: 3 };
}

/** The reading that was recorded, in a file that anyone may have written; the usual one for what it does not say. */
export function recordedPixels(record: unknown): PixelReading {
  const { background, depth } = Object(record) as Readonly<Record<string, unknown>>;
  return {
    background: background === "black" ? "black" : usualPixels.background,
    depth: ([8, 10, 12] as const).find((bits) => bits === depth) ?? usualPixels.depth,
  };
}

export interface DecodingOptions {
  readonly size: readonly [height: number, width: number];
  readonly channels: 1 | 3;
  readonly invert?: boolean | undefined;
  readonly fit?: "cover" | "contain" | "fill" | undefined;
  readonly pixels?: PixelReading | undefined;
}

export interface DecodedImage {
  /** Row-major [height, width, channels]. */
  readonly pixels: Uint8Array;
  /** Of the file. */
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
  readonly has16Bits: boolean;
}

interface Format {
  readonly title: string;
  /** What sharp calls it. */
  readonly name: "png" | "jpeg" | "webp" | "gif" | "tiff" | "heif";
  /** Whether a file begins so; a character is a byte. */
  readonly is: (head: string) => boolean;
  /**
   * Bytes of memory that decoding takes, as measured. Most formats are decoded whole whatever size is wanted, PNG row by
   * row unless it is interlaced; JPEG is shrunk while it is decoded, for which a progressive one keeps all coefficients.
   */
  readonly memory: (image: ImageHeader) => number;
}

interface ImageHeader {
  readonly pixels: number;
  readonly width: number;
  readonly channels: number;
  readonly bytesPerValue: number;
  readonly isProgressive: boolean;
  /** Whether it is to be turned, which takes the whole image. */
  readonly isTurned: boolean;
  readonly isSubsampled: boolean;
  /** By how much a side of it may be divided while it is decoded. */
  readonly shrink: number;
}

const whole = ({ pixels, channels, bytesPerValue }: ImageHeader): number => pixels * channels * bytesPerValue;
/** Rows that libvips keeps of an image that streams through it. */
const rowsKept = 1024;
const streamed = (image: ImageHeader): number =>
  Math.min(whole(image), rowsKept * image.width * image.channels * image.bytesPerValue);

const formats: readonly Format[] = [
  {
    title: "PNG",
    name: "png",
    is: (head) => head.startsWith("\x89PNG\r\n\x1a\n"),
    memory: (image) => (image.isProgressive || image.isTurned ? 1.15 * whole(image) : streamed(image)),
  },
  {
    title: "JPEG",
    name: "jpeg",
    is: (head) => head.startsWith("\xff\xd8\xff"),
    memory: (image) => {
      const { pixels, width, shrink } = image;
      const shrunk = { ...image, pixels: pixels / shrink ** 2, width: width / shrink };
      const coefficients = image.isProgressive ? pixels * (image.isSubsampled ? 3.2 : 2.1 * image.channels) : 0;
      return coefficients + (image.isTurned ? whole(shrunk) : streamed(shrunk));
    },
  },
  {
    title: "WebP",
    name: "webp",
    is: (head) => head.startsWith("RIFF") && head.slice(8, 12) === "WEBP",
    memory: ({ pixels }) => 5 * pixels,
  },
  {
    title: "GIF",
    name: "gif",
    is: (head) => /^GIF8[79]a/.test(head),
    memory: ({ pixels }) => 5 * pixels,
  },
  {
    title: "TIFF",
    name: "tiff",
    is: (head) => ["II*\0", "II+\0", "MM\0*", "MM\0+"].includes(head.slice(0, 4)),
    memory: whole,
  },
  {
    title: "AVIF",
    name: "heif",
    is: (head) => head.slice(4, 8) === "ftyp" && /avi[fs]/.test(head.slice(8)),
    memory: ({ pixels, bytesPerValue }) => 20 * pixels * bytesPerValue,
  },
];

/** What else is met under the name of a picture, so that messages can say it. */
const others: readonly (readonly [title: string, head: RegExp])[] = [
  ["an SVG drawing", /<svg/i],
  ["an XML or HTML file", /^\s*<[?!a-z]/i],
  ["a PDF", /^%PDF/],
  ["a BMP image", /^BM/],
  ["a HEIC image", /^....ftyp(?:hei|hev|mif)/s],
  ["a JPEG XL image", /^(?:\xff\n|....JXL )/s],
  ["a JPEG 2000 image", /^(?:\xff\x4f|....jP {2})/s],
  ["a Photoshop file", /^8BPS/],
];

/** The formats that are read, in words. */
export const formatsRead = "PNG, JPEG, WebP, GIF, TIFF and AVIF";

/** Larger files are not read. */
export const mostFileBytes = 256 * 2 ** 20;
const mostPixels = 2 ** 28;
/** As of JPEG. Decoders keep some whole rows in memory for each of their threads. */
const mostSide = 65_535;
/** Decoding one image may take so much; beyond a half of it, it has the memory for itself. */
const mostDecodingBytes = 512 * 2 ** 20;
const mostSeconds = 60;
const fileBytes = new ByteBudget(64 * 2 ** 20);
const decodingBytes = new ByteBudget(mostDecodingBytes / 2);
/** What an image takes whose pixels take nothing. */
const leastDecodingBytes = 2 ** 20;

/**
 * Bytes of one image, brought to size: turned as its camera says, transparency filled, of an animation the first picture.
 * However many are asked for at once, the memory of all together stays bounded.
 *
 * @param remedy what to do about a file that cannot be read
 * @throws DataError ILD51
 */
export async function decodeImage(
  file: ImageFile,
  options: DecodingOptions,
  remedy = "Replace or remove the file.",
): Promise<DecodedImage> {
  const refuse: Refusal = (problem, what = remedy, cause) =>
    new DataError("ILD51", file.where, problem, what, { cause });
  requireModestSize(file, refuse);
  // The bytes of files are always taken before those of decoding: so none waits for one that waits for it.
  return fileBytes.with(file.bytes, async () => {
    const bytes = await file.read();
    try {
      const sharp = await imageLibrary();
      const { raw } = file;
      if (raw) return await decoded(sharp(bytes, { raw }), options, { ...raw, hasAlpha: false, has16Bits: false });
      const { format, header } = await headerOf(bytes, refuse);
      const memory = leastDecodingBytes + memoryOf(format, header, options);
      const { width, height } = header;
      if (memory > mostDecodingBytes || width * height > mostPixels) {
        const way = header.isProgressive ? `${format.title}, progressive or interlaced,` : format.title;
        throw refuse(
          `to decode its ${width} x ${height} pixels of ${way} takes ${Math.ceil(memory / 2 ** 20)} MiB of memory, and an image may take ${mostDecodingBytes / 2 ** 20} MiB and ${Math.floor(mostPixels / 1e6)} million pixels`,
          "Scale it down, or save it as a plain (not progressive) JPEG.",
        );
      }
      requireModestWork(bytes, format, header, refuse);
      const kind = { width, height, hasAlpha: header.hasAlpha, has16Bits: header.depth === "ushort" };
      return await decodingBytes.with(memory, () =>
        decoded(sharp(bytes, { limitInputPixels: mostPixels, failOn: "error" }), options, kind),
      );
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw refuse(`the image cannot be read (${await decodingReason(bytes, options, error)})`, remedy, error);
    }
  });
}

type Refusal = (problem: string, remedy?: string, cause?: unknown) => DataError;

/** What a file is, from its bytes, with what its header says. @throws DataError ILD51 for what is not read */
async function headerOf(
  bytes: Uint8Array,
  refuse: Refusal,
): Promise<{ readonly format: Format; readonly header: Metadata }> {
  const sharp = await imageLibrary();
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(64, bytes.length)).toString("latin1");
  const format = formats.find(({ is }) => is(head));
  if (!format) throw refuse(unknownKind(bytes, head));
  // What is too large is told by those who decode it.
  const header = await sharp(bytes, { limitInputPixels: false }).metadata();
  if (header.format !== format.name || (format.name === "heif" && header.compression !== "av1")) {
    throw refuse(`it begins as ${format.title} and is something else (${header.format})`);
  }
  const { width, height } = header;
  if (width > mostSide || height > mostSide) {
    throw refuse(`it has ${width} x ${height} pixels, and a side has at most ${mostSide}`, "Cut or scale it down.");
  }
  return { format, header };
}

/** The size of an image, in pixels. */
export interface ImageSize {
  /** As it is shown: turned as EXIF says. */
  readonly width: number;
  readonly height: number;
  /** Of EXIF, 1 to 8: how the pixels of the file are to be turned and mirrored; 1 is as they are. */
  readonly orientation: number;
}

/**
 * The size of an image by its header, without decoding it.
 *
 * @param take is handed the bytes of the file
 * @throws DataError ILD51
 */
export async function imageSize(file: ImageFile, take?: (bytes: Uint8Array) => void): Promise<ImageSize> {
  const remedy = "Replace or remove the file.";
  const refuse: Refusal = (problem, what = remedy, cause) =>
    new DataError("ILD51", file.where, problem, what, { cause });
  requireModestSize(file, refuse);
  return fileBytes.with(file.bytes, async () => {
    const bytes = await file.read();
    take?.(bytes);
    try {
      const { width, height, orientation = 1 } = (await headerOf(bytes, refuse)).header;
      // From 5 on they are turned by a quarter.
      return orientation >= 5 ? { width: height, height: width, orientation } : { width, height, orientation };
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw refuse(`the image cannot be read (${reasonOf(error)})`, remedy, error);
    }
  });
}

function requireModestSize({ bytes }: ImageFile, refuse: Refusal): void {
  if (bytes <= mostFileBytes) return;
  throw refuse(`the file has ${bytes} bytes, and at most ${mostFileBytes} are read`, "Save it smaller.");
}

/** Blocks of 8 by 8 coefficients that all scans of a JPEG may go over together, about a second's work. */
const mostBlocksScanned = 2 ** 26;
/** Encoders make some ten. */
const mostScans = 1000;

/**
 * Sees to it that a small file does not take long: neither what comes out of it nor how often that is gone over, which its
 * header does not say. Decoders cannot be stopped meanwhile.
 */
function requireModestWork(
  bytes: Uint8Array,
  { name, title }: Format,
  { width, height, channels, depth }: Metadata,
  refuse: Refusal,
): void {
  const size = `${width} x ${height} pixels of ${title}`;
  if (name === "png") {
    const inflated = width * height * channels * (depth === "ushort" ? 2 : 1);
    if (inflated > inflatedLimit(bytes.length)) {
      const problem = `its ${bytes.length} bytes inflate to ${inflated} of ${size}, more than a file of its size may`;
      throw refuse(problem, "Scale it down, or save it as a JPEG.");
    }
  }
  if (name === "jpeg") {
    const most = Math.max(1, Math.min(mostScans, Math.floor((64 * mostBlocksScanned) / (width * height))));
    if (jpegScans(bytes, most) > most) {
      const problem = `its ${size} are made by more than ${most} scans, which takes too long`;
      throw refuse(problem, "Save it as a plain (not progressive) JPEG.");
    }
  }
}

/** How many scans a JPEG has, counted up to one more than `most`: segments that begin one, up to its end. */
function jpegScans(file: Uint8Array, most: number): number {
  const [startOfScan, endOfImage] = [0xda, 0xd9];
  let scans = 0;
  for (let at = file.indexOf(0xff, 2); at >= 0 && at + 1 < file.length && scans <= most; ) {
    const marker = file[at + 1]!;
    if (marker === endOfImage) break;
    if (marker === startOfScan) scans++;
    // Within a scan's data, 0 and restarts follow 0xff; a 0xff may be repeated before a marker.
    const isBare = marker === 0 || marker === 1 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd8);
    const length = isBare ? 0 : ((file[at + 2] ?? 0) << 8) | (file[at + 3] ?? 0);
    const next = marker === 0xff ? at + 1 : at + 2 + length;
    at = file.indexOf(0xff, next);
  }
  return scans;
}

/**
 * Why an image cannot be decoded. libvips keeps the reasons of all threads in one place: of files that fail side by side
 * one has those of all, and the others none. Where that may be so, it is decoded once more by itself.
 */
async function decodingReason(bytes: Uint8Array, options: DecodingOptions, error: unknown): Promise<string> {
  const reason = reasonOf(error);
  if (!isReasonOfMany(reason)) return reason;
  const alone = await decodingBytes.with(mostDecodingBytes, async () => {
    try {
      const sharp = await imageLibrary();
      const { width, height } = await sharp(bytes).metadata();
      const kind = { width, height, hasAlpha: false, has16Bits: false };
      await decoded(sharp(bytes, { limitInputPixels: mostPixels, failOn: "error" }), options, kind);
      return reason;
    } catch (again) {
      return reasonOf(again);
    }
  });
  return isUnknown(alone) ? "it is damaged or cut off" : [...new Set(alone.split("; "))].join("; ");
}

const isUnknown = (reason: string): boolean => reason === "" || /^unknown error$/i.test(reason);
const isReasonOfMany = (reason: string): boolean => isUnknown(reason) || reason.includes("; ");

/** Loaded by those that read images: it takes as long to load as the rest of this package. */
async function imageLibrary() {
  const { default: sharp } = await import("sharp");
  // It would keep what was decoded last, with all that its decoders hold: gigabytes, of large images.
  sharp.cache(false);
  return sharp;
}

async function decoded(
  image: Sharp,
  { size: [height, width], channels, invert, fit = "cover", pixels = usualPixels }: DecodingOptions,
  kind: Omit<DecodedImage, "pixels">,
): Promise<DecodedImage> {
  const { background, depth } = pixels;
  const isScaled = kind.has16Bits && depth < 16;
  const [grey, colour] = isScaled ? (["grey16", "rgb16"] as const) : (["b-w", "srgb"] as const);
  const { data, info } = await image
    .timeout({ seconds: mostSeconds })
    .autoOrient()
    .flatten({ background })
    .resize({ height, width, fit, background })
    .toColourspace(channels === 1 ? grey : colour)
    .raw({ depth: isScaled ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== channels) throw new Error(`${info.channels} channels came out instead of ${channels}`);
  const values = isScaled ? toBytes(data, depth) : data;
  if (invert) invertInPlace(values);
  return { ...kind, pixels: values };
}

/** Values of so many bits, two bytes each, as bytes. */
function toBytes(data: Uint8Array, depth: number): Uint8Array {
  const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const scale = 255 / (2 ** depth - 1);
  return Uint8Array.from(values, (value) => Math.min(255, Math.round(value * scale)));
}

function memoryOf(format: Format, header: Metadata, { size, fit }: DecodingOptions): number {
  const { width, height, channels, depth, isProgressive, chromaSubsampling = "", orientation = 1 } = header;
  const ratios = [height / size[0], width / size[1]];
  const ratio = fit === "contain" ? Math.max(...ratios) : Math.min(...ratios);
  return format.memory({
    pixels: width * height,
    width,
    channels,
    bytesPerValue: depth === "uchar" || depth === "char" ? 1 : depth === "ushort" || depth === "short" ? 2 : 8,
    isProgressive,
    isTurned: orientation > 1,
    isSubsampled: chromaSubsampling === "4:2:0",
    shrink: [8, 4, 2].find((by) => ratio >= 2 * by) ?? 1,
  });
}

function unknownKind(bytes: Uint8Array, head: string): string {
  if (bytes.length === 0) return "the image cannot be read (the file is empty)";
  const title = others.find(([, begins]) => begins.test(head))?.[0];
  return `the image cannot be read (it is ${title ?? "of no known kind"}, and ${formatsRead} are read)`;
}
