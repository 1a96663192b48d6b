import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { type Estimate, estimateModel } from "../lowering/estimate.js";
import { encode, lower } from "../lowering/lowering.js";
import type { Graph } from "../program/graph.js";
import { simplifyGraph } from "../transforms/trace.js";
import type { Executor, GraphWriter } from "./executor.js";

/** A graph as the bytes that an executor loads. */
export interface CompiledModel {
  /** Names what the model computes, and for which kind of executor. */
  readonly key: string;
  /** The ONNX model, or what the executor's writer wrote. */
  readonly bytes: Uint8Array;
  readonly estimate: Estimate;
  /** Whether it comes from the executor's store and not from this process. */
  readonly stored: boolean;
}

/**
 * Graphs of fewer operations are not looked for in the store: on a cold start, lowering one of this size takes about
 * as long as reading, checking and writing files (3 ms).
 */
const smallestStored = 200;

/** Models that are remembered for each executor, since evaluations compile the same ones again. Asked for last is last. */
const mostRemembered = 32;
const remembered = new WeakMap<Executor, Map<string, Promise<CompiledModel>>>();

/**
 * The model of a traced graph: remembered, or from the executor's store, else simplified, lowered and handed to the
 * store.
 *
 * What is stored is the model as it was lowered. A session in onnxruntime's own format would have to be remade for each
 * version and processor, and loads no faster (4,545 nodes: 128 ms from either).
 *
 * @param hash of the graph
 * @param options.anew makes the model even where there is one
 * @param options.onnx writes ONNX whatever the executor's writer
 */
export function compileGraph(
  graph: Graph,
  hash: string,
  executor: Executor,
  options: { readonly anew?: boolean; readonly onnx?: boolean } = {},
): Promise<CompiledModel> {
  const { anew = false, onnx = false } = options;
  const writer = onnx ? undefined : executor.writer;
  const written = `${JSON.stringify(executor.profile)}${writer ? ` ${writer.key}` : ""}`;
  const key = bytesToHex(sha256(utf8ToBytes(`${written} ${hash}`)));
  const models = remembered.get(executor) ?? new Map<string, Promise<CompiledModel>>();
  remembered.set(executor, models);
  const model = (anew ? undefined : models.get(key)) ?? readOrMake(graph, key, executor, { anew, writer });
  models.delete(key);
  models.set(key, model);
  // A failure is not remembered.
  model.catch(() => {
    if (models.get(key) === model) models.delete(key);
  });
  for (const oldest of models.keys()) {
    if (models.size <= mostRemembered) break;
    models.delete(oldest);
  }
  return model;
}

async function readOrMake(
  graph: Graph,
  key: string,
  executor: Executor,
  { anew, writer }: { readonly anew: boolean; readonly writer: GraphWriter | undefined },
): Promise<CompiledModel> {
  const store = graph.order.length < smallestStored ? undefined : executor.models;
  const entry = anew ? undefined : await store?.read(key);
  const known = entry && decodeEntry(entry);
  if (known) return { key, ...known, stored: true };
  const simplified = simplifyGraph(graph);
  const made = writer ? writer.write(simplified) : asOnnx(simplified, executor);
  store?.write(key, encodeEntry(made));
  return { key, ...made, stored: false };
}

function asOnnx(graph: Graph, { profile }: Executor): Entry {
  const lowered = lower(graph, profile);
  return { bytes: encode(lowered), estimate: estimateModel(lowered) };
}

type Entry = Pick<CompiledModel, "bytes" | "estimate">;

/** The fields of an estimate: all of them are counts. */
const estimateFields: Readonly<Record<keyof Estimate, true>> = {
  operations: true,
  matmulOperations: true,
  peakBytes: true,
  residentBytes: true,
  constantBytes: true,
  nodes: true,
};

/** One line of JSON with the estimate, then the model. */
function encodeEntry({ bytes, estimate }: Entry): Uint8Array {
  const header = utf8ToBytes(`${JSON.stringify(estimate)}\n`);
  const entry = new Uint8Array(header.length + bytes.length);
  entry.set(header);
  entry.set(bytes, header.length);
  return entry;
}

/** Undefined where it is not an entry as this version writes it. */
function decodeEntry(entry: Uint8Array): Entry | undefined {
  const end = entry.indexOf("\n".charCodeAt(0));
  if (end < 0 || end > 4096) return undefined;
  const estimate = parseEstimate(String.fromCharCode(...entry.subarray(0, end)));
  return estimate && { estimate, bytes: entry.subarray(end + 1) };
}

function parseEstimate(text: string): Estimate | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== "object" || found === null) return undefined;
  const counts = found as Record<string, unknown>;
  const fields = Object.keys(estimateFields) as (keyof Estimate)[];
  const isCount = (value: unknown): value is number =>
    typeof value === "number" && Number.isFinite(value) && value >= 0;
  if (Object.keys(counts).length !== fields.length || !fields.every((field) => isCount(counts[field]))) {
    return undefined;
  }
  return counts as Record<keyof Estimate, number>;
}
