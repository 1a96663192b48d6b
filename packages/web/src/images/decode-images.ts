/** Pictures of a page as a learner takes them: the bytes that the packages for Node make of the same files. */
import { letterbox } from "@innerloop/core/detection";
import { invertInPlace, type PixelReading, quoted, reasonOf, usualPixels } from "@innerloop/experiments/exported";
import { tagOf } from "@innerloop/graph";
import { WebImageError } from "./image-error.js";
import { mostHeadBytes, type Orientation, orientationOf } from "./orientation.js";
import { type Fit, grey, type Pixels, resized, type ShrunkFormat } from "./resampling.js";

/** A picture: a file, what a canvas holds, or the address of a file. */
export type ImageSource = Blob | ImageData | ImageBitmap | HTMLCanvasElement | OffscreenCanvas | URL;

/** The form that pictures are brought to: that of a run's data, which its spec tells. */
export interface ImageDecoding {
  readonly size: readonly [height: number, width: number];
  /** 1: grey, by luminance. 3: red, green and blue. */
  readonly channels: 1 | 3;
  /** Whether dark becomes light, as where a learner has seen light strokes on dark. */
  readonly invert?: boolean;
  /** "cover" unless given: the middle of the picture fills the size. */
  readonly fit?: Fit;
  /** What transparent pictures lie on; white unless given. */
  readonly background?: PixelReading["background"];
  /** Stops downloads of addresses. */
  readonly signal?: AbortSignal;
}

/** Larger files are not read. */
const mostFileBytes = 256 * 2 ** 20;
/** As many pixels as 256 MiB hold. */
const mostPixels = 2 ** 26;
/** Pictures that are open at once. */
const atOnce = 4;
const mostSide = 4096;

/** Formats that are read, by how a file begins; a character is a byte. */
const formats: readonly { readonly begins: (head: string) => boolean; readonly shrunk?: ShrunkFormat }[] = [
  { begins: (head) => head.startsWith("\x89PNG\r\n\x1a\n") },
  { begins: (head) => head.startsWith("\xff\xd8\xff"), shrunk: "JPEG" },
  { begins: (head) => head.startsWith("RIFF") && head.slice(8, 12) === "WEBP", shrunk: "WebP" },
  { begins: (head) => head.startsWith("GIF87a") || head.startsWith("GIF89a") },
  { begins: (head) => head.slice(4, 8) === "ftyp" && ["avif", "avis"].some((brand) => head.slice(8).includes(brand)) },
];
const formatsRead = "PNG, JPEG, WebP, GIF and AVIF";

/**
 * Pictures as bytes of one form, uint8 [height, width, channels] each, in order: turned as the camera says, transparency
 * filled, of an animation the first picture; colours in sRGB. They are resampled as in Node, whatever the browser: what Node
 * makes of the same file differs by 3 of 255 at most, in the mean by less than 1. Where JPEG and WebP keep colours coarsely
 * (4:2:0), sharp edges between colours differ by more.
 *
 * @throws WebImageError ILW01 where one cannot be read, with its place; ILW02 for a form that is none
 * @example
 * const [pixels] = await decodeImages([file], { size: [28, 28], channels: 1, invert: true });
 * const task = await run.adapt({ x: tensor(pixels, [1, 28, 28, 1]), y });
 */
export async function decodeImages(
  images: readonly ImageSource[],
  options: ImageDecoding,
): Promise<readonly Uint8Array[]> {
  requireForm(options);
  return fewAtOnce(images, (image, place) => decoded(image, `image ${place}`, options));
}

/** Pictures in squares as detectors see them. */
export interface LetterboxedPicture {
  /** Sides of the picture, turned as the camera says, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes [size, size, 3]. */
  readonly pixels: Uint8Array;
}

/** Of the padding, as in Node. */
const paddingGrey = 114;

/**
 * @internal Pictures, each in a square of `size` pixels as `letterbox` places it, on grey 114: as in Node, to what
 * `decodeImages` says.
 *
 * @throws WebImageError as `decodeImages`
 */
export async function letterboxedPictures(
  images: readonly ImageSource[],
  size: number,
): Promise<readonly LetterboxedPicture[]> {
  requireForm({ size: [size, size], channels: 3 });
  return fewAtOnce(images, (image, place) => inSquare(image, `image ${place}`, size));
}

/** Results in order, few at a time: each picture is open in full. */
async function fewAtOnce<Result>(
  images: readonly ImageSource[],
  made: (image: ImageSource, place: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Array<Result>(images.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < images.length) {
      const place = next++;
      results[place] = await made(images[place]!, place);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, images.length) }, work));
  return results;
}

function requireForm({ size, channels }: ImageDecoding): void {
  const isForm =
    size.length === 2 &&
    size.every((side) => Number.isInteger(side) && side >= 1 && side <= mostSide) &&
    (channels === 1 || channels === 3);
  if (isForm) return;
  const problem = `size [${size.join(", ")}], channels ${channels}`;
  throw new WebImageError("ILW02", "decodeImages", problem, `Give sides from 1 to ${mostSide}, and 1 or 3 channels`);
}

type Refusal = (problem: string, remedy?: string, cause?: unknown) => WebImageError;

const refusalOf = (source: ImageSource, place: string): Refusal => {
  const where = place + nameOf(source);
  return (problem, remedy = "Give another picture", cause) =>
    new WebImageError("ILW01", where, problem, remedy, { cause });
};

const groundOf = (background: PixelReading["background"]): number => (background === "black" ? 0 : 255);

async function inSquare(source: ImageSource, where: string, size: number): Promise<LetterboxedPicture> {
  const ground = groundOf(usualPixels.background);
  const { picture, ...known } = await opened(source, ground, refusalOf(source, where), undefined);
  const { width, height } = picture;
  const place = letterbox(width, height, size);
  const colours = resized(picture, { size: [place.height, place.width], fit: "fill", background: ground, ...known });
  const pixels = new Uint8Array(size * size * 3).fill(paddingGrey);
  for (let row = 0; row < place.height; row++) {
    const from = 3 * row * place.width;
    pixels.set(colours.subarray(from, from + 3 * place.width), 3 * ((place.top + row) * size + place.left));
  }
  return { width, height, pixels };
}

async function decoded(source: ImageSource, place: string, options: ImageDecoding): Promise<Uint8Array> {
  const { size, channels, invert = false, fit = "cover", background = usualPixels.background } = options;
  const ground = groundOf(background);
  const { picture, ...known } = await opened(source, ground, refusalOf(source, place), options.signal);
  const colours = resized(picture, { size, fit, background: ground, ...known });
  const [height, width] = size;
  const bytes = channels === 3 ? colours : grey({ width, height, channels: 3, data: colours });
  if (invert) invertInPlace(bytes);
  return bytes;
}

function nameOf(source: ImageSource): string {
  const tag = tagOf(source);
  if (tag === "URL") return ` (${quoted((source as URL).href)})`;
  return tag === "File" ? ` (${quoted((source as File).name)})` : "";
}

const canvases = ["HTMLCanvasElement", "OffscreenCanvas", "ImageBitmap"];

/** Colours of all pixels, on the ground. */
async function opened(
  source: ImageSource,
  ground: number,
  refuse: Refusal,
  signal: AbortSignal | undefined,
): Promise<{ readonly picture: Pixels } & KnownFile> {
  // Told by its tag: it may come from another window, with classes of its own.
  const tag = tagOf(source);
  if (canvases.includes(tag)) return { picture: drawn(source as ImageBitmap, ground, refuse) };
  if (tag === "ImageData") {
    const image = source as ImageData;
    requireSize(image, refuse);
    // Bytes of sRGB are taken as they are.
    if (tagOf(image.data) === "Uint8ClampedArray" && image.colorSpace === "srgb")
      return { picture: onGround(image, ground) };
  } else if (!["URL", "Blob", "File"].includes(tag)) {
    throw refuse(`it is of kind ${tag}`, "Give a File, Blob, ImageData, ImageBitmap, canvas or URL");
  }
  const file = tag === "URL" ? await fetched(source as URL, refuse, signal) : (source as Blob | ImageData);
  const known = tag === "ImageData" ? {} : await knownOf(file as Blob, refuse);
  const bitmap = await createImageBitmap(file).catch((cause: unknown) => {
    throw refuse(`the browser cannot decode it (${reasonOf(cause)})`, "Replace or remove the file", cause);
  });
  try {
    return { picture: drawn(bitmap, ground, refuse), ...known };
  } finally {
    bitmap.close();
  }
}

async function fetched(address: URL, refuse: Refusal, signal: AbortSignal | undefined): Promise<Blob> {
  const remedy = "Check the address, and that its server lets this page read it (CORS, connect-src)";
  let response: Response;
  try {
    response = await fetch(address, signal ? { signal } : {});
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw refuse(`it cannot be fetched (${reasonOf(cause)})`, remedy, cause);
  }
  if (!response.ok) throw refuse(`its server answers ${response.status}`, remedy);
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > mostFileBytes) throw refuse(`it has ${length} bytes, of ${mostFileBytes} at most`);
  return response.blob();
}

/** What a file's beginning tells of how Node would read it. */
interface KnownFile {
  readonly format?: ShrunkFormat | undefined;
  readonly orientation?: Orientation;
}

async function knownOf(file: Blob, refuse: Refusal): Promise<KnownFile> {
  if (file.size > mostFileBytes) throw refuse(`it has ${file.size} bytes, of ${mostFileBytes} at most`);
  const bytes = new Uint8Array(await file.slice(0, mostHeadBytes).arrayBuffer());
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  const format = formats.find(({ begins }) => begins(head));
  if (format) return { format: format.shrunk, orientation: format.shrunk === "JPEG" ? orientationOf(bytes) : 1 };
  throw refuse(bytes.length === 0 ? "the file is empty" : `it is of none of the kinds that are read: ${formatsRead}`);
}

function requireSize({ width, height }: { width: number; height: number }, refuse: Refusal): void {
  if (width * height > mostPixels)
    throw refuse(`it has ${width} x ${height} pixels, of ${mostPixels} at most`, "Scale it down");
  if (width < 1 || height < 1) throw refuse(`it has ${width} x ${height} pixels`);
}

/** What a canvas shows of a picture on the ground, in full size. */
function drawn(source: HTMLCanvasElement | OffscreenCanvas | ImageBitmap, ground: number, refuse: Refusal): Pixels {
  const { width, height } = source;
  requireSize(source, refuse);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw refuse("this browser gives no 2D canvas for it", "Scale it down");
  context.fillStyle = ground === 0 ? "#000" : "#fff";
  context.fillRect(0, 0, width, height);
  try {
    context.drawImage(source, 0, 0);
    return onGround(context.getImageData(0, 0, width, height), ground);
  } catch (cause) {
    const remedy = "Draw on it only what this page may read: files, and pictures of servers that allow it by CORS";
    throw refuse(`its pixels cannot be read (${reasonOf(cause)})`, remedy, cause);
  }
}

/** Colours without their opacity. */
function onGround({ width, height, data }: ImageData, ground: number): Pixels {
  const out = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]!;
    for (let c = 0; c < 3; c++) {
      const value = data[4 * i + c]!;
      out[3 * i + c] = alpha === 255 ? value : Math.round((value * alpha + ground * (255 - alpha)) / 255);
    }
  }
  return { width, height, channels: 3, data: out };
}
