/** How a camera was held: Node resamples a JPEG as it lies in the file, and turns it afterwards. */
import type { Pixels } from "./resampling.js";

/** A number of Exif's: 1 as it lies, 2 to 8 mirrored or turned. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Whether rows become columns, then what is mirrored across, and down. */
const moves: Readonly<Record<Orientation, readonly [transposed: boolean, across: boolean, down: boolean]>> = {
  1: [false, false, false],
  2: [false, true, false],
  3: [false, true, true],
  4: [false, false, true],
  5: [true, false, false],
  6: [true, true, false],
  7: [true, true, true],
  8: [true, false, true],
};

/** The question whether width and height change places. */
export const isTransposed = (orientation: Orientation): boolean => moves[orientation][0];

/** A picture as it lies in the file, turned as it is to be seen. */
export function oriented(picture: Pixels, orientation: Orientation): Pixels {
  const [transposed, mirroredAcross, mirroredDown] = moves[orientation];
  const { channels, data } = picture;
  const [width, height] = transposed ? [picture.height, picture.width] : [picture.width, picture.height];
  if (orientation === 1) return picture;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const across = mirroredAcross ? width - 1 - x : x;
      const down = mirroredDown ? height - 1 - y : y;
      const from = (transposed ? across * picture.width + down : down * picture.width + across) * channels;
      for (let c = 0; c < channels; c++) out[(y * width + x) * channels + c] = data[from + c]!;
    }
  return { width, height, channels, data: out };
}

/** A picture as it is seen, turned as it lies in the file. */
export function unoriented(picture: Pixels, orientation: Orientation): Pixels {
  const inverse = orientation === 6 ? 8 : orientation === 8 ? 6 : orientation;
  return oriented(picture, inverse);
}

/** Bytes of a file in which the orientation is looked for. */
export const mostHeadBytes = 2 ** 18;

/** The orientation that the beginning of a JPEG tells; 1 where it tells none that can be read. */
export function orientationOf(jpeg: Uint8Array): Orientation {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  const [startOfImage, startOfScan, exif] = [0xffd8, 0xffda, 0xffe1];
  if (view.byteLength < 4 || view.getUint16(0) !== startOfImage) return 1;
  for (let at = 2; at + 4 <= view.byteLength; ) {
    const marker = view.getUint16(at);
    if (marker >> 8 !== 0xff || marker === startOfScan) return 1;
    const length = view.getUint16(at + 2);
    // The length counts itself.
    if (length < 2) return 1;
    const segment = jpeg.subarray(at + 4, at + 2 + length);
    if (marker === exif && String.fromCharCode(...segment.subarray(0, 6)) === "Exif\0\0")
      return orientationIn(segment.subarray(6));
    at += 2 + length;
  }
  return 1;
}

/** The orientation in the first directory of a TIFF, which Exif's data are. */
function orientationIn(tiff: Uint8Array): Orientation {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (view.byteLength < 8) return 1;
  const isLittle = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > view.byteLength) return 1;
  const entries = view.getUint16(directory, isLittle);
  const [tag, entryBytes] = [0x0112, 12];
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * entryBytes;
    if (at + entryBytes > view.byteLength) return 1;
    if (view.getUint16(at, isLittle) !== tag) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value in moves ? (value as Orientation) : 1;
  }
  return 1;
}
