/** PNG: chunks with checksums, of which one is other. */
import { crc32, deflateSync } from "node:zlib";
import { joined, type Mutation, mutated } from "../mutations.js";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = signature.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) break;
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

function png(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.flatMap(({ type, data }) => {
    const checked = joined(Buffer.from(type, "latin1"), data);
    return [u32(data.length), checked, u32(crc32(checked))];
  });
  return joined(signature, ...parts);
}

/** A grey PNG of 1 bit, whose upper rows are white and the others black. */
export function halvesPng(width: number, height: number, whiteRows: number): Uint8Array {
  const rowBytes = 1 + Math.ceil(width / 8);
  const rows = new Uint8Array(rowBytes * height);
  for (let y = 0; y < whiteRows; y++) rows.fill(0xff, y * rowBytes + 1, (y + 1) * rowBytes);
  return pngOf([width, height, 1, 0, 0], rows);
}

/** A PNG of this head, whose pixels are zeros: small however large it claims to be. */
export function blankPng(
  width: number,
  height: number,
  depth: number,
  colour: number,
  interlaced: boolean,
): Uint8Array {
  const channels = [1, 1, 3, 1, 2, 1, 4][colour] ?? 1;
  const bytes = Math.min(2 ** 22, (1 + Math.ceil((width * channels * depth) / 8)) * height);
  return pngOf([width, height, depth, colour, interlaced ? 1 : 0], new Uint8Array(bytes));
}

type Head = readonly [width: number, height: number, depth: number, colour: number, interlace: number];

/** @param rows each after the number of its filter */
function pngOf([width, height, depth, colour, interlace]: Head, rows: Uint8Array): Uint8Array {
  const head = joined(u32(width), u32(height), Uint8Array.of(depth, colour, 0, 0, interlace));
  return png([
    { type: "IHDR", data: head },
    { type: "IDAT", data: deflateSync(rows, { level: 9 }) },
    { type: "IEND", data: new Uint8Array(0) },
  ]);
}

const otherChunk: Mutation = (bytes, mutating) => {
  const { random } = mutating;
  const chunks = chunksOf(bytes);
  if (chunks.length === 0) return undefined;
  const at = random.below(chunks.length);
  const { type, data } = chunks[at]!;
  const kind = random.below(6);
  if (kind < 3) chunks[at] = { type, data: mutated(data, [], mutating) };
  else if (kind === 3) chunks.splice(at, 1);
  else if (kind === 4) chunks.splice(random.below(chunks.length), 0, { type, data });
  else
    chunks[at] = { type: random.pick(["PLTE", "tRNS", "iCCP", "eXIf", "acTL", "fdAT", "gAMA", "tEXt", "IDAT"]), data };
  return png(chunks);
};

const otherSize: Mutation = (_, { random }) => {
  const side = (): number => random.pick([0, 1, 3, 64, 1000, 4000, 8191, 2 ** 16, 2 ** 31 - 1]);
  return blankPng(
    side(),
    random.chance(0.5) ? 1 : side(),
    random.pick([1, 2, 4, 8, 16]),
    random.pick([0, 2, 3, 4, 6]),
    random.chance(0.3),
  );
};

export const pngMutations: readonly Mutation[] = [otherChunk, otherChunk, otherChunk, otherSize];
