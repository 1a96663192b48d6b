import { inflateSync } from "node:zlib";

export interface GreyImage {
  readonly width: number;
  readonly height: number;
  /** Row-major, a byte each, whatever the depth of the file. */
  readonly pixels: Uint8Array;
}

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
/** Chunks that say nothing about pixels. */
const mute: ReadonlySet<string> = new Set(["pHYs", "tEXt", "zTXt", "tIME"]);
const mostSide = 1024;

/**
 * The pixels of a small PNG of the plainest kind: grey, 1 to 8 bits, not interlaced, without transparency or profiles.
 * undefined for any other file, whole or damaged, which an image library is to look at: that costs a millisecond a file,
 * of which 0.98 are spent on other things than so few pixels.
 */
export function plainGreyPng(file: Uint8Array): GreyImage | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  if (!bytes.subarray(0, 8).equals(signature)) return undefined;
  let header: Buffer | undefined;
  const compressed: Buffer[] = [];
  for (let offset = 8; ; ) {
    if (offset + 12 > bytes.length) return undefined;
    const length = bytes.readUInt32BE(offset);
    const kind = bytes.toString("latin1", offset + 4, offset + 8);
    const data = bytes.subarray(offset + 8, offset + 8 + length);
    offset += 12 + length;
    if (offset > bytes.length) return undefined;
    if (kind === "IHDR" && !header && length === 13) header = data;
    else if (kind === "IDAT") compressed.push(data);
    else if (kind === "IEND") break;
    else if (!mute.has(kind)) return undefined;
  }
  if (!header) return undefined;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth = 0, colourType, compression, filtering, interlaced] = header.subarray(8);
  if (colourType !== 0 || compression !== 0 || filtering !== 0 || interlaced !== 0) return undefined;
  if (![1, 2, 4, 8].includes(depth) || width < 1 || height < 1 || width > mostSide || height > mostSide)
    return undefined;
  const rowBytes = Math.ceil((width * depth) / 8);
  const rows = inflated(Buffer.concat(compressed), height * (rowBytes + 1));
  if (!rows || !unfilter(rows, rowBytes)) return undefined;
  const pixels = new Uint8Array(width * height);
  const most = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1) + 1;
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      pixels[y * width + x] = (((rows[start + (bit >> 3)]! >> (8 - depth - (bit & 7))) & most) * 255) / most;
    }
  }
  return { width, height, pixels };
}

/** Exactly so many bytes out of a zlib stream; undefined where it holds others, more or fewer. */
function inflated(compressed: Buffer, length: number): Buffer | undefined {
  try {
    const bytes = inflateSync(compressed, { maxOutputLength: length });
    return bytes.length === length ? bytes : undefined;
  } catch {
    // Damaged or too long: whoever decodes it instead says so.
    return undefined;
  }
}

/** Undoes the filters of PNG (RFC 2083, section 6) in place, for pixels of one byte or less; false for an unknown one. */
function unfilter(rows: Buffer, rowBytes: number): boolean {
  for (let start = 0; start < rows.length; start += rowBytes + 1) {
    const filter = rows[start]!;
    if (filter > 4) return false;
    if (filter === 0) continue;
    for (let at = start + 1; at <= start + rowBytes; at++) {
      const left = at > start + 1 ? rows[at - 1]! : 0;
      const above = start > 0 ? rows[at - rowBytes - 1]! : 0;
      const aboveLeft = start > 0 && at > start + 1 ? rows[at - rowBytes - 2]! : 0;
      const predicted =
        filter === 1 ? left : filter === 2 ? above : filter === 3 ? (left + above) >> 1 : paeth(left, above, aboveLeft);
      rows[at] = rows[at]! + predicted;
    }
  }
  return true;
}

function paeth(left: number, above: number, aboveLeft: number): number {
  const estimate = left + above - aboveLeft;
  const [toLeft, toAbove, toBoth] = [left, above, aboveLeft].map((value) => Math.abs(estimate - value)) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toAbove && toLeft <= toBoth) return left;
  return toAbove <= toBoth ? above : aboveLeft;
}
