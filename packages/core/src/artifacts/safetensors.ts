import {
  bytesPerElement,
  type DType,
  sizeOf,
  type Tensor,
  type TypedArray,
  tensor,
  toTypedArray,
} from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";

/**
 * The safetensors layout: 8 bytes little-endian header length, a JSON header that says type, shape and place of each
 * tensor, then the values. It can hold nothing that executes.
 */
export interface NamedTensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const typeNames: Readonly<Record<DType, string>> = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  bool: "BOOL",
};
const typesByName = new Map(Object.entries(typeNames).map(([dtype, name]) => [name, dtype as DType]));

/** Equal tensors and metadata, in equal order, give equal bytes. */
export function encodeSafetensors({ tensors, metadata }: NamedTensors): Uint8Array {
  if (Object.hasOwn(tensors, "__metadata__")) {
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
  const entries = Object.entries(tensors).sort(([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype]);
  for (const [name, x] of entries) {
    const start = end;
    end += x.size * bytesPerElement[x.dtype];
    header.set(name, { dtype: typeNames[x.dtype], shape: x.shape, data_offsets: [start, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + end).fill(0x20, 8 + json.length, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [name, x] of entries) {
    if (!x.data)
      throw new TrainingError(
        "ILR201",
        "encodeSafetensors",
        `${name} has no values`,
        "Write results of runs, not inputs",
      );
    bytes.set(new Uint8Array(x.data.buffer, x.data.byteOffset, x.data.byteLength), at);
    at += x.data.byteLength;
  }
  return bytes;
}

/** A tensor of a file, by the header alone. */
interface Entry {
  readonly dtype: DType;
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
    throw new TrainingError(
      "ILR201",
      where,
      problem,
      "The file is damaged or not a safetensors file; use another checkpoint",
    );
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
    if (!dtype) return fail(`${shownName(name)} is of the unknown type ${shownName(type)}`);
    if (!isWholeList(shape) || !isWholeList(offsets) || offsets.length !== 2)
      return fail(`${shownName(name)} has a malformed shape or place`);
    const [start, end] = offsets as [number, number];
    const size = sizeOf(shape);
    if (!Number.isSafeInteger(size) || end - start !== size * bytesPerElement[dtype] || end > valueBytes) {
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
  const { entries, metadata, place } = safetensorsHeader(bytes, where);
  const values = bytes.subarray(place[1]);
  const tensors = [...entries].map(([name, { dtype, shape, start, end }]): [string, Tensor] => {
    // A Buffer is a Uint8Array too, whose own slice is a view of the file's bytes.
    const copy = Uint8Array.prototype.slice.call(values, start, end);
    return [name, tensor(readValues(copy, dtype), shape, dtype)];
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

function readValues(copy: Uint8Array, dtype: DType): TypedArray {
  if (dtype === "bool") return toTypedArray(copy, "bool");
  const { buffer } = copy;
  if (dtype === "float32") return new Float32Array(buffer);
  if (dtype === "float64") return new Float64Array(buffer);
  return dtype === "int32" ? new Int32Array(buffer) : new BigInt64Array(buffer);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isWholeList = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 32 && value.every((n) => Number.isSafeInteger(n) && n >= 0);
