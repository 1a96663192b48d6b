/**
 * Pictures brought to a size as the packages for Node do it, by libvips: a canvas's own scaling differs from browser to
 * browser, and a learner that was trained on the one would see other pictures in the other.
 */
import { isTransposed, type Orientation, oriented, unoriented } from "./orientation.js";

/** Rows of pixels, channel by channel: [height, width, channels]. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** The same before rounding. */
interface Sums extends Omit<Pixels, "data"> {
  readonly data: Float64Array;
}

/** The way in which a picture of other proportions fills the size: its middle, all of it on a background, or distorted. */
export type Fit = "cover" | "contain" | "fill";

/** Formats whose decoders for Node shrink a picture as they decode it. */
export type ShrunkFormat = "JPEG" | "WebP";

/** The form that a picture is brought to, and what is known of its file. */
export interface Resizing {
  readonly size: readonly [height: number, width: number];
  readonly fit: Fit;
  /** What lies around the picture where it is contained in the size: the value of each channel. */
  readonly background: number;
  /** Of the file, where a decoder would have shrunk it. */
  readonly format?: ShrunkFormat | undefined;
  /** By which the picture was turned already. */
  readonly orientation?: Orientation | undefined;
}

/**
 * The picture at a size: shrunk by a Lanczos kernel of three lobes, after whole rows and columns were averaged where it is
 * shrunk to less than a quarter; enlarged by cubic splines (Catmull-Rom). Beyond its edges its outermost pixels go on.
 */
export function resized(picture: Pixels, { size, fit, background, format, orientation = 1 }: Resizing): Uint8Array {
  // As it lies in the file, so that what is done along its rows and columns is done in Node's order.
  const [height, width] = isTransposed(orientation) ? [size[1], size[0]] : size;
  const lying = unoriented(picture, orientation);
  const loaded = format ? shrinkOf(lying, [height, width], fit, format) : 1;
  const first = loaded > 1 ? averaged(lying, loaded) : lying;
  const ratios = [first.height / height, first.width / width] as const;
  const same = fit === "contain" ? Math.max(...ratios) : Math.min(...ratios);
  const [shrinkDown, shrinkAcross] = fit === "fill" ? ratios : [same, same];
  const shrunk = across(down(first, Math.max(1, shrinkDown)), Math.max(1, shrinkAcross));
  // Enlarged along one side, a picture is interpolated along the other as well.
  const isEnlarged = shrinkDown < 1 || shrinkAcross < 1;
  const scaled = isEnlarged ? enlarged(shrunk, Math.min(1, shrinkDown), Math.min(1, shrinkAcross)) : shrunk;
  return placed(oriented(scaled, orientation), size, background);
}

/** By how much a decoder shrinks both sides. */
function shrinkOf(
  { width, height }: Pixels,
  size: readonly [height: number, width: number],
  fit: Fit,
  format: ShrunkFormat,
): number {
  const ratios = [height / size[0], width / size[1]];
  const least = fit === "contain" ? Math.max(...ratios) : Math.min(...ratios);
  if (format === "WebP") return least;
  const found = [8, 4, 2].find((by) => least >= by) ?? 1;
  // It is not shrunk to the size itself.
  return Math.floor(least) === found ? found / 2 : found;
}

/** Means of areas so many pixels wide and high: for JPEG whole blocks, without what is left at the end. */
function averaged(picture: Pixels, by: number): Pixels {
  const rows = (given: Pixels): Pixels => {
    const count = Number.isInteger(by) ? Math.floor(given.height / by) : Math.round(given.height / by);
    const step = Number.isInteger(by) ? by : given.height / count;
    const taps = Array.from({ length: count }, (_, i): Taps => {
      const [from, to] = [i * step, Math.min(given.height, (i + 1) * step)];
      const start = Math.floor(from);
      const length = Math.ceil(to) - start;
      const weights = Float64Array.from(
        { length },
        (_, k) => (Math.min(to, start + k + 1) - Math.max(from, start + k)) / step,
      );
      return { start, weights };
    });
    return weighted(given, taps, new Uint8ClampedArray(count * given.width * given.channels));
  };
  return turned(rows(turned(rows(picture))));
}

/** The weights of one pixel of a row or column to be: those of pixels from `start` on. */
interface Taps {
  readonly start: number;
  readonly weights: Float64Array;
}

const lobes = 3;
/** By how much a kernel shrinks, at most twice; what is more is averaged first. */
const gap = 2;

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= lobes) return 0;
  const angle = Math.PI * x;
  return (lobes * Math.sin(angle) * Math.sin(angle / lobes)) / angle ** 2;
}

function catmullRom(x: number): number {
  const at = Math.abs(x);
  if (at <= 1) return 1.5 * at ** 3 - 2.5 * at ** 2 + 1;
  return at < 2 ? -0.5 * at ** 3 + 2.5 * at ** 2 - 4 * at + 2 : 0;
}

/** The taps of each of `count` pixels, which lie at `centreOf` of those that there are. */
function tapsOf(
  count: number,
  centreOf: (i: number) => number,
  kernel: (x: number) => number,
  reach: number,
  stretch: number,
): readonly Taps[] {
  return Array.from({ length: count }, (_, i) => {
    const centre = centreOf(i);
    const start = Math.ceil(centre - reach * stretch);
    const length = Math.floor(centre + reach * stretch) - start + 1;
    const weights = Float64Array.from({ length }, (_, k) => kernel((start + k - centre) / stretch));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

/** Rows that are weighted sums of rows; `Values` is what they are rounded and clamped to, if to anything. */
function weighted<Values extends Uint8ClampedArray | Float64Array>(
  { width, height, channels, data }: Pixels | Sums,
  taps: readonly Taps[],
  out: Values,
): { width: number; height: number; channels: number; data: Values } {
  const stride = width * channels;
  const sums = new Float64Array(stride);
  taps.forEach(({ start, weights }, y) => {
    sums.fill(0);
    weights.forEach((weight, k) => {
      const row = Math.min(height - 1, Math.max(0, start + k)) * stride;
      for (let i = 0; i < stride; i++) sums[i]! += weight * data[row + i]!;
    });
    out.set(sums, y * stride);
  });
  return { width, height: taps.length, channels, data: out };
}

/** As many rows as fit, each of `shrink` rows. */
function down(picture: Pixels, shrink: number): Pixels {
  if (shrink === 1) return picture;
  const count = Math.max(1, Math.round(picture.height / shrink));
  const whole = Math.max(1, Math.floor(picture.height / count / gap));
  const averaged = whole > 1 ? rowsAveraged(picture, whole) : picture;
  // What the rounded size adds to the picture, or leaves of it, is shared by both ends.
  const added = count * shrink - picture.height;
  const centreOf = (i: number): number => ((i + 0.5) * shrink - added / 2) / whole - 0.5;
  const taps = tapsOf(count, centreOf, lanczos, lobes, shrink / whole);
  return weighted(averaged, taps, new Uint8ClampedArray(count * picture.width * picture.channels));
}

function across(picture: Pixels, shrink: number): Pixels {
  return shrink === 1 ? picture : turned(down(turned(picture), shrink));
}

/** Nothing is rounded in between. As libvips has it, a pixel lies half a pixel before where its middle would. */
function enlarged(picture: Pixels, shrinkDown: number, shrinkAcross: number): Pixels {
  const tall = splined(picture, shrinkDown, Float64Array);
  return turned(splined(turned(tall), shrinkAcross, Uint8ClampedArray));
}

function splined<Values extends Uint8ClampedArray | Float64Array>(
  picture: Pixels | Sums,
  shrink: number,
  Out: new (length: number) => Values,
) {
  const count = Math.round(picture.height / shrink);
  const taps = tapsOf(count, (i) => i * shrink - 0.5, catmullRom, 2, 1);
  return weighted(picture, taps, new Out(count * picture.width * picture.channels));
}

/** Means of so many rows each; what is beyond the last row is the last row. */
function rowsAveraged({ width, height, channels, data }: Pixels, by: number): Pixels {
  const rows = Math.ceil(height / by);
  const stride = width * channels;
  const out = new Uint8Array(rows * stride);
  for (let y = 0; y < rows; y++) {
    for (let i = 0; i < stride; i++) {
      let sum = by >> 1;
      for (let k = 0; k < by; k++) sum += data[Math.min(height - 1, y * by + k) * stride + i]!;
      out[y * stride + i] = sum / by;
    }
  }
  return { width, height: rows, channels, data: out };
}

/** Rows as columns. */
function turned<Picture extends Pixels | Sums>({ width, height, channels, data }: Picture): Picture {
  const out = data.slice();
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) out[(x * height + y) * channels + c] = data[(y * width + x) * channels + c]!;
  return { width: height, height: width, channels, data: out } as unknown as Picture;
}

/** The middle of a picture, on a background where it is smaller. */
function placed(
  picture: Pixels,
  [height, width]: readonly [height: number, width: number],
  background: number,
): Uint8Array {
  const { channels, data } = picture;
  const out = new Uint8Array(height * width * channels).fill(background);
  const [top, left] = [offset(picture.height, height), offset(picture.width, width)];
  for (let y = 0; y < Math.min(height, picture.height); y++) {
    const [from, to] = [y + Math.max(0, top), y + Math.max(0, -top)];
    const start = (from * picture.width + Math.max(0, left)) * channels;
    const row = data.subarray(start, start + Math.min(width, picture.width) * channels);
    out.set(row, (to * width + Math.max(0, -left)) * channels);
  }
  return out;
}

/** How many pixels of a side are cut off at its beginning; negative, how many of the background come before it. */
function offset(size: number, wanted: number): number {
  return size > wanted ? Math.floor((size - wanted + 1) / 2) : -Math.floor((wanted - size) / 2);
}

/** From 8 bits to light, and back. */
const lightOf = Float64Array.from({ length: 256 }, (_, value) => {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
});

function byteOf(light: number): number {
  return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);
}

/** Grey values [height, width, 1] of colours: their luminance, weighed as light. */
export function grey({ width, height, channels, data }: Pixels): Uint8Array {
  const out = new Uint8ClampedArray(width * height);
  for (let i = 0; i < out.length; i++) {
    const at = i * channels;
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    // Grey as it is: rounding would move some.
    out[i] = r === g && g === b ? r : byteOf(0.2126 * lightOf[r]! + 0.7152 * lightOf[g]! + 0.0722 * lightOf[b]!);
  }
  return new Uint8Array(out.buffer);
}
