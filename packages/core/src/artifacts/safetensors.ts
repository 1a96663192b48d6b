import {
  arrayIn,
  bytesPerElement,
  type DType,
  type PortableArray,
  sizeOf,
  type Tensor,
  type TypedArray,
  tensor,
  toTypedArray,
} from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";
import { type HalfType, halfFloats } from "./half-floats.js";

/**
 * The safetensors layout: 8 bytes little-endian header length, a JSON header that says type, shape and place of each
 * tensor, then the values. It can hold nothing that executes.
 */
export interface NamedTensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Arrays with metadata: those of images are bytes, which no tensor is of. */
export interface NamedArrays {
  readonly arrays: Readonly<Record<string, PortableArray>>;
  readonly metadata: Readonly<Record<string, string>>;
}

type ArrayType = DType | "uint8";
/** Types that files of others have, and no array of ours is of. */
type EntryType = ArrayType | HalfType;

const typeNames: Readonly<Record<ArrayType, string>> = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  bool: "BOOL",
  uint8: "U8",
};
const halfTypeNames: Readonly<Record<HalfType, string>> = { float16: "F16", bfloat16: "BF16" };
const entryTypeNames = { ...typeNames, ...halfTypeNames } as const satisfies Readonly<Record<EntryType, string>>;
const typesByName = new Map(Object.entries(entryTypeNames).map(([dtype, name]) => [name, dtype as EntryType]));
const elementBytes: Readonly<Record<EntryType, number>> = { ...bytesPerElement, uint8: 1, float16: 2, bfloat16: 2 };

/** Equal tensors and metadata, in equal order, give equal bytes. */
export function encodeSafetensors({ tensors, metadata }: NamedTensors): Uint8Array {
  const arrays = Object.entries(tensors).map(([name, { dtype, shape, data }]): [string, PortableArray] => {
    if (data) return [name, { dtype, shape, data }];
    throw new TrainingError(
      "ILR201",
      "encodeSafetensors",
      `${name} has no values`,
      "Write results of runs, not inputs",
    );
  });
  // Not by assignment: a tensor may be named __proto__.
  return encodeArrays({ arrays: Object.fromEntries(arrays), metadata });
}

/** The same of arrays, bytes among them. */
export function encodeArrays({ arrays, metadata }: NamedArrays): Uint8Array {
  if (Object.hasOwn(arrays, "__metadata__")) {
    throw new TrainingError(
      "ILR201",
      "encodeSafetensors",
      "a tensor is named __metadata__",
      "The format keeps that name",
    );
  }
  // A map: a tensor may be named __proto__.
  const header = new Map<string, unknown>([["__metadata__", metadata]]);
  let end = 0;
  // Wide types first, so that every tensor is aligned to its own elements.
  const entries = Object.entries(arrays).sort(([, a], [, b]) => elementBytes[b.dtype] - elementBytes[a.dtype]);
  for (const [name, { dtype, shape }] of entries) {
    const start = end;
    end += sizeOf(shape) * elementBytes[dtype];
    header.set(name, { dtype: typeNames[dtype], shape, data_offsets: [start, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + end).fill(0x20, 8 + json.length, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** A tensor of a file, by the header alone. */
interface Entry {
  readonly dtype: EntryType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

interface Header {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the header begins and ends, and the values begin. */
  readonly place: readonly [start: number, end: number];
}

/** A name from a file, short enough for a message. */
const shownName = (name: string): string => (name.length > 80 ? `${name.slice(0, 80)}...` : name);

/** Bytes of the longest header that is read: that of more than a hundred thousand tensors. */
export const mostHeaderBytes = 2 ** 24;

/**
 * Sizes and metadata, without the values. Throws as `decodeSafetensors` does.
 *
 * @param bytes the file, or as much of it as begins with its header
 * @param total bytes of the file
 */
export function safetensorsHeader(bytes: Uint8Array, where = "checkpoint", total = bytes.length): Header {
  const fail = (problem: string): never => {
    throw damaged(where, problem);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes are too few for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (!(headerBytes <= total - 8)) fail(`the header claims ${headerBytes} bytes of a file of ${total}`);
  if (headerBytes > mostHeaderBytes)
    fail(`the header has ${headerBytes} bytes, and at most ${mostHeaderBytes} are read`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)));
  } catch {
    fail("the header is not JSON");
  }
  if (!isRecord(header)) return fail("the header is not an object");
  const valueBytes = total - 8 - headerBytes;
  const entries = new Map<string, Entry>();
  let covered = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const parsed = isRecord(entry) ? entry : fail(`the entry of ${shownName(name)} is not an object`);
    // Only a string is turned to one: an object may bring a toString that is no function.
    const type = typeof parsed.dtype === "string" ? parsed.dtype : typeof parsed.dtype;
    const dtype = typesByName.get(type);
    const { shape, data_offsets: offsets } = parsed;
    if (!dtype) throw ofUnknownType(where, name, type);
    if (!isWholeList(shape) || !isWholeList(offsets) || offsets.length !== 2)
      return fail(`${shownName(name)} has a malformed shape or place`);
    const [start, end] = offsets as [number, number];
    const size = sizeOf(shape);
    if (!Number.isSafeInteger(size) || end - start !== size * elementBytes[dtype] || end > valueBytes) {
      return fail(
        `${shownName(name)} lies at ${start} to ${end} of ${valueBytes} bytes, which does not fit its shape [${shape.join(", ")}]`,
      );
    }
    covered += end - start;
    entries.set(name, { dtype, shape, start, end });
  }
  if (covered !== valueBytes) fail(`tensors cover ${covered} of ${valueBytes} bytes`);
  const metadata = header.__metadata__ ?? {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string"))
    return fail("the metadata are not strings");
  return { entries, metadata: metadata as Record<string, string>, place: [8, 8 + headerBytes] };
}

/**
 * Reads safetensors bytes from anywhere: nothing in them is trusted.
 *
 * @throws TrainingError ILR201 for anything that is not well-formed
 */
export function decodeSafetensors(bytes: Uint8Array, where = "checkpoint"): NamedTensors {
  const { arrays, metadata } = decodeArrays(bytes, where);
  const tensors = Object.entries(arrays).map(([name, { dtype, shape, data }]): [string, Tensor] => {
    if (dtype !== "uint8") return [name, tensor(data, shape, dtype)];
    throw damaged(where, `${shownName(name)} is of bytes, which no tensor is of`);
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** The same as arrays, bytes among them. @throws TrainingError ILR201 */
export function decodeArrays(bytes: Uint8Array, where = "checkpoint"): NamedArrays {
  const { entries, metadata, place } = safetensorsHeader(bytes, where);
  const values = bytes.subarray(place[1]);
  const arrays = [...entries].map(([name, { dtype, shape, start, end }]): [string, PortableArray] => {
    if (isHalf(dtype)) throw ofUnknownType(where, name, entryTypeNames[dtype]);
    // A Buffer is a Uint8Array too, whose own slice is a view of the file's bytes.
    const copy = Uint8Array.prototype.slice.call(values, start, end);
    return [name, { dtype, shape, data: readValues(copy, dtype) }];
  });
  return { arrays: Object.fromEntries(arrays), metadata };
}

/** An array as another program wrote it; `data` of half precision are float32 here. */
export interface WrittenArray {
  /** What it was written as: `bfloat16`. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * The arrays in a file that another program wrote, of float16 and bfloat16 among them.
 *
 * @throws TrainingError ILR201
 */
export function decodeWritten(bytes: Uint8Array, where = "file"): ReadonlyMap<string, WrittenArray> {
  const { entries, place } = safetensorsHeader(bytes, where);
  const values = bytes.subarray(place[1]);
  return new Map(
    [...entries].map(([name, { dtype, shape, start, end }]) => {
      const copy = Uint8Array.prototype.slice.call(values, start, end);
      const data = isHalf(dtype) ? halfFloats(copy, dtype) : readValues(copy, dtype);
      return [name, { type: dtype, shape, data }];
    }),
  );
}

const isHalf = (dtype: EntryType): dtype is HalfType => Object.hasOwn(halfTypeNames, dtype);

const damaged = (where: string, problem: string): TrainingError =>
  new TrainingError("ILR201", where, problem, "The file is damaged or not a safetensors file; use another checkpoint");

const ofUnknownType = (where: string, name: string, type: string): TrainingError =>
  damaged(where, `${shownName(name)} is of the unknown type ${shownName(type)}`);

function readValues(copy: Uint8Array, dtype: ArrayType): TypedArray {
  if (dtype === "bool") return toTypedArray(copy, "bool");
  if (dtype === "uint8") return copy;
  return arrayIn(copy.buffer, dtype, 0, copy.length / bytesPerElement[dtype]);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isWholeList = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 32 && value.every((n) => Number.isSafeInteger(n) && n >= 0);
