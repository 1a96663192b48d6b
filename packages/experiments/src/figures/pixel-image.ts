/** Pixels as an image that a page or an SVG holds: PNG without compression, which needs no library. */

/** Rows of an image: bytes, row-major [height, width, channels], 1 channel grey or 3 of red, green and blue. */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

/**
 * An image as the bytes of a PNG (ISO/IEC 15948), its rows unfiltered and stored as they are (RFC 1950 and 1951).
 *
 * @throws RangeError where there are not as many bytes as pixels
 */
export function pngOf({ width, height, channels, pixels }: PixelImage): Uint8Array {
  const row = width * channels;
  if (pixels.length !== row * height)
    throw new RangeError(`pngOf: ${pixels.length} bytes for ${width} x ${height} x ${channels}`);
  // Each row begins with its filter, of which 0 is none.
  const rows = new Uint8Array((row + 1) * height);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8);
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", stored(rows)),
    chunk("IEND", new Uint8Array()),
  ];
  return joined(parts);
}

/** An image as a URL that holds it. */
export function imageUrl(image: PixelImage): string {
  let text = "";
  for (const byte of pngOf(image)) text += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(text)}`;
}

/** Bytes that a stored block has at most. */
const largestBlock = 65_535;

/** A zlib stream of blocks that are stored as they are. */
function stored(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [Uint8Array.of(0x78, 0x01)];
  for (let at = 0; at < bytes.length || at === 0; at += largestBlock) {
    const part = bytes.subarray(at, at + largestBlock);
    const isLast = at + largestBlock >= bytes.length;
    const { length } = part;
    blocks.push(Uint8Array.of(isLast ? 1 : 0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), part);
  }
  return joined([...blocks, bigEndian(adler32(bytes))]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const named = joined([Uint8Array.from(type, (letter) => letter.charCodeAt(0)), data]);
  return joined([bigEndian(data.length), named, bigEndian(crc32(named))]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const bigEndian = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return ((b << 16) | a) >>> 0;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = crcTable[(c ^ byte) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
