/**
 * The process that runs one model from elsewhere. onnxruntime computes in native code, which no signal stops and which a
 * damaged model can crash: its process can be ended without ours.
 */
import { createHash } from "node:crypto";
import { readRegularFile } from "../data/regular-file.js";
import { type NamedSession, type NamedTensor, openNamedSession, type TensorSlot } from "../executor/named-session.js";
import { meanStates, normalizeRows, statesAt } from "./pooling.js";

/** Texts as token ids, all of a request one behind the other. */
export interface TextsRequest {
  readonly kind: "token ids";
  readonly ids: Int32Array;
  readonly lengths: Int32Array;
  /** Run each by itself: a quantised model scales by all that is in a batch. */
  readonly alone: boolean;
  /** The length that the model takes, where it takes but one. */
  readonly padTo: number | undefined;
  /** states: at the positions of `positions`, `counts[i]` of text i. */
  readonly pooling: "mean" | "cls" | "output" | "states";
  readonly positions?: Int32Array;
  readonly counts?: Int32Array;
  readonly normalize: boolean;
  readonly output: string;
}

/** Images as bytes [images, height, width, channels]. */
export interface ImagesRequest {
  readonly kind: "pixels";
  readonly bytes: Uint8Array;
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly layout: "NCHW" | "NHWC";
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  /** Images of one run. */
  readonly batch: number;
  readonly pooling: "output" | "mean";
  readonly normalize: boolean;
  readonly output: string;
}

export interface OpenRequest {
  readonly kind: "open";
  readonly file: string;
  readonly most: number;
  /** What the file was when it was checked: another is not loaded. */
  readonly sha256: string;
  /** Follows the bytes of the file; see `outputSuffix`. */
  readonly suffix: Uint8Array;
  readonly threads: number;
}

export type EncoderRequest = { readonly id: number } & (OpenRequest | TextsRequest | ImagesRequest);

/** Rows of features, and the shape of a row as the model gave it. */
export interface Encoded {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface OpenedModel {
  readonly inputs: readonly TensorSlot[];
  readonly outputs: readonly TensorSlot[];
}

export type EncoderReply = { readonly id: number } & (
  | { readonly opened: OpenedModel }
  | { readonly encoded: Encoded }
  | { readonly failure: string }
);

let session: NamedSession | undefined;

async function open({ file, most, sha256, suffix, threads }: OpenRequest): Promise<OpenedModel> {
  const bytes = await readRegularFile(file, { most, links: "refused" });
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) throw new Error("the file has changed meanwhile");
  let model = bytes;
  if (suffix.length > 0) {
    model = new Uint8Array(bytes.length + suffix.length);
    model.set(bytes);
    model.set(suffix, bytes.length);
  }
  session = await openNamedSession(model, { threads });
  return { inputs: session.inputs, outputs: session.outputs };
}

async function encodeTexts(model: NamedSession, request: TextsRequest): Promise<Encoded> {
  const { ids, lengths, alone, output, pooling, normalize } = request;
  const starts = new Int32Array(lengths.length);
  for (let i = 1; i < lengths.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
  const rows: Float32Array[] = [];
  let features = 0;
  let position = 0;
  const step = alone ? 1 : lengths.length;
  for (let from = 0; from < lengths.length; from += step) {
    const some = lengths.subarray(from, from + step);
    const width = request.padTo ?? Math.max(...some);
    const feeds: Record<string, NamedTensor> = {};
    for (const { name, type } of model.inputs) {
      const fill = (put: (at: number, value: number) => void): void => {
        for (let i = 0; i < some.length; i++) {
          for (let k = 0; k < some[i]!; k++) {
            const value = name === "input_ids" ? ids[starts[from + i]! + k]! : name === "attention_mask" ? 1 : 0;
            put(i * width + k, value);
          }
        }
      };
      const shape = [some.length, width];
      if (type === "int64") {
        const data = new BigInt64Array(some.length * width);
        fill((at, value) => {
          data[at] = BigInt(value);
        });
        feeds[name] = { shape, data };
      } else {
        const data = type === "int32" ? new Int32Array(some.length * width) : new Float32Array(some.length * width);
        fill((at, value) => {
          data[at] = value;
        });
        feeds[name] = { shape, data };
      }
    }
    const found = await model.run(feeds, output);
    const rank = pooling === "output" ? 2 : 3;
    const isWhole = found.shape[0] === some.length && (rank === 2 || found.shape[1] === width);
    if (found.shape.length !== rank || !isWhole) return { shape: found.shape, data: new Float32Array(0) };
    features = found.shape[rank - 1]!;
    if (pooling === "output") rows.push(found.data.slice());
    else if (pooling === "mean") rows.push(meanStates(found, some));
    else {
      for (let i = 0; i < some.length; i++) {
        const count = pooling === "cls" ? 1 : request.counts![from + i]!;
        const places = pooling === "cls" ? [0] : request.positions!.subarray(position, position + count);
        position += count;
        rows.push(statesAt(found, i, places));
      }
    }
  }
  const data = joined(rows);
  if (normalize) normalizeRows(data, features);
  return { shape: [features], data };
}

async function encodeImages(model: NamedSession, request: ImagesRequest): Promise<Encoded> {
  const { bytes, size, channels, layout, mean, scale, batch, output, normalize } = request;
  const area = size[0] * size[1];
  const images = bytes.length / (area * channels);
  const rows: Float32Array[] = [];
  let shape: readonly number[] = [];
  for (let from = 0; from < images; from += batch) {
    const count = Math.min(batch, images - from);
    const data = new Float32Array(count * area * channels);
    for (let i = 0; i < count; i++) {
      for (let p = 0; p < area; p++) {
        for (let c = 0; c < channels; c++) {
          const value = (bytes[((from + i) * area + p) * channels + c]! - mean[c]!) / scale[c]!;
          data[layout === "NHWC" ? (i * area + p) * channels + c : (i * channels + c) * area + p] = value;
        }
      }
    }
    const dims = layout === "NHWC" ? [count, ...size, channels] : [count, channels, ...size];
    const found = await model.run({ [model.inputs[0]!.name]: { shape: dims, data } }, output);
    if (found.shape[0] !== count || (found.shape.length !== 2 && found.shape.length !== 4))
      return { shape: found.shape, data: new Float32Array(0) };
    const taken = channelsLast(found, layout, request.pooling);
    shape = taken.shape;
    rows.push(taken.data);
  }
  const data = joined(rows);
  if (normalize) normalizeRows(data, shape.at(-1) ?? 1);
  return { shape, data };
}

/** Maps as [height, width, channels] or their mean over positions; a map of one position is its features. */
function channelsLast(
  { shape, data }: Encoded,
  layout: "NCHW" | "NHWC",
  pooling: "output" | "mean",
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  if (shape.length === 2) return { shape: shape.slice(1), data: data.slice() };
  const [count = 0] = shape;
  const [height, width, channels] = (layout === "NHWC" ? shape.slice(1) : [shape[2], shape[3], shape[1]]) as [
    number,
    number,
    number,
  ];
  const area = height * width;
  const map = new Float32Array(data.length);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < channels; c++) {
        const at = layout === "NHWC" ? (i * area + p) * channels + c : (i * channels + c) * area + p;
        map[(i * area + p) * channels + c] = data[at]!;
      }
    }
  }
  if (pooling === "output" && area > 1) return { shape: [height, width, channels], data: map };
  const lengths = new Int32Array(count).fill(area);
  return { shape: [channels], data: meanStates({ shape: [count, area, channels], data: map }, lengths) };
}

function joined(rows: readonly Float32Array[]): Float32Array {
  if (rows.length === 1) return rows[0]!;
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}

async function answer(request: EncoderRequest): Promise<EncoderReply> {
  const { id } = request;
  try {
    if (request.kind === "open") return { id, opened: await open(request) };
    if (!session) throw new Error("no model is loaded");
    const encoded =
      request.kind === "token ids" ? await encodeTexts(session, request) : await encodeImages(session, request);
    return { id, encoded };
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : String(error) };
  }
}

if (!process.send) throw new Error("encoder-process.js is started by backbones, not by itself");
process.on("message", (request: EncoderRequest) => {
  void answer(request).then((reply) => process.send!(reply));
});
// Whoever started it is gone.
process.on("disconnect", () => process.exit());
