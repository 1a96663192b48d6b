import { deflateSync } from "node:zlib";

/** A chunk of a PNG, with its checksum. */
export function pngChunk(kind: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(kind, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** A PNG with this header, of these rows: each a byte that says how it is filtered, then its pixels. */
export function madeUpPng(
  header: {
    readonly width: number;
    readonly height: number;
    readonly depth: number;
    readonly colourType?: number;
    readonly interlaced?: boolean;
  },
  rows: Uint8Array,
  chunks: readonly Uint8Array[] = [],
): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(header.width, 0);
  data.writeUInt32BE(header.height, 4);
  data.set([header.depth, header.colourType ?? 0, 0, 0, header.interlaced ? 1 : 0], 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const pixels = pngChunk("IDAT", deflateSync(rows));
  return Buffer.concat([signature, pngChunk("IHDR", data), ...chunks, pixels, pngChunk("IEND", new Uint8Array())]);
}

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return ~value >>> 0;
}
