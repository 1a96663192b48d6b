/** ONNX files as bytes: what a model refers to is known before onnxruntime sees it. */
import { quoted } from "@innerloop/experiments/exported";
import { DataError } from "../data/data-error.js";

/** What is read of a model before it is loaded. */
export interface ModelContents {
  /** Names of inputs that are no weights. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of all that the operators of its graph give. */
  readonly tensors: ReadonlySet<string>;
  readonly operators: ReadonlySet<string>;
  /** Domains of its operators, where they are of any but the standard's. */
  readonly domains: ReadonlySet<string>;
}

const remedy = "Export the model again as one file of the ONNX format, with its weights inside.";
const broken = (where: string, problem: string): DataError => new DataError("ILD81", where, problem, remedy);

/** Graphs within graphs: bodies of loops and branches. */
const mostDepth = 16;
const mostNames = 1_000_000;

type Kind = "model" | "graph" | "node" | "attribute" | "tensor" | "sparse" | "function" | "value" | "training";

/** Fields that hold a message which may hold a tensor or name; all others are passed over. */
const children: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  training: { 1: "graph", 2: "graph" },
  graph: { 1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse" },
  function: { 7: "node", 11: "attribute" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: {},
  value: {},
};

/**
 * Reads which inputs, outputs, operators and tensors a model has.
 *
 * @throws DataError ILD81 for bytes that are no ONNX model, or for one whose weights lie in other files: a location there
 *   can be any path of this machine
 */
export function readModelContents(bytes: Uint8Array, where: string): ModelContents {
  // onnxruntime takes files of its own format too, by this mark: nothing of one would be checked here.
  if (textOf(bytes.subarray(4, 8)) === "ORTM") throw broken(where, "it is a model of onnxruntime's own format");
  const [inputs, outputs, weights] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const [tensors, operators, domains] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let graphs = 0;
  const keep = (names: Set<string>, name: Uint8Array): void => {
    if (names.size >= mostNames || name.length > 4096) throw broken(where, "it has too many names, or too long ones");
    names.add(textOf(name));
  };
  const visit = (message: Uint8Array, kind: Kind, depth: number, parent: string): void => {
    if (depth > 3 * mostDepth) throw broken(where, "its graphs are nested too deep");
    for (const { field, wire, value, bytes: held } of fieldsOf(message, where)) {
      if (kind === "tensor" && (field === 13 || (field === 14 && value !== 0)))
        throw broken(where, "weights of it lie in other files (external data), which are not read");
      const isMain = depth <= 2;
      if (kind === "node" && field === 4 && held) keep(operators, held);
      if (kind === "node" && field === 7 && held && held.length > 0 && textOf(held) !== "ai.onnx") keep(domains, held);
      if (kind === "node" && field === 2 && held && isMain) keep(tensors, held);
      if (kind === "value" && field === 1 && held && isMain && parent === "11") keep(inputs, held);
      if (kind === "value" && field === 1 && held && isMain && parent === "12") keep(outputs, held);
      if (kind === "tensor" && field === 8 && held && isMain) keep(weights, held);
      const child = children[kind][field];
      if (child === undefined) continue;
      if (wire !== 2 || !held) throw broken(where, "it is no ONNX model, or damaged");
      if (child === "graph") graphs++;
      visit(held, child, depth + 1, String(field));
    }
  };
  visit(bytes, "model", 0, "");
  if (graphs === 0 || operators.size === 0) throw broken(where, "it is no ONNX model, or one without a graph");
  // An operator that loads what a path says.
  if (operators.has("EPContext")) throw broken(where, "it has an operator that reads other files, EPContext");
  return {
    inputs: [...inputs].filter((name) => !weights.has(name)),
    outputs: [...outputs],
    tensors,
    operators,
    domains,
  };
}

/**
 * Bytes that, behind those of a model, give it one more output: a tensor within its graph. A field of a message that
 * occurs twice in protobuf's format is merged, so nothing before them has to be written anew.
 *
 * @throws DataError ILD81 for a tensor that is not there
 */
export function outputSuffix({ tensors, outputs }: ModelContents, output: string, where: string): Uint8Array {
  if (outputs.includes(output)) return new Uint8Array(0);
  if (!tensors.has(output)) {
    const some = [...tensors].slice(-8).map(quoted).join(", ");
    throw new DataError(
      "ILD81",
      where,
      `there is no tensor ${quoted(output)} in its graph of ${tensors.size}`,
      `Name one of them: the last are ${some}.`,
    );
  }
  const value = lengthDelimited(1, new TextEncoder().encode(output));
  return lengthDelimited(7, lengthDelimited(12, value));
}

function lengthDelimited(field: number, bytes: Uint8Array): Uint8Array {
  const head = [field * 8 + 2];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) head.push((rest & 127) | 128);
  return Uint8Array.from([...head, rest, ...bytes]);
}

interface Field {
  readonly field: number;
  readonly wire: number;
  /** Of a number. */
  readonly value: number;
  /** Of a text, message or bytes. */
  readonly bytes: Uint8Array | undefined;
}

function* fieldsOf(message: Uint8Array, where: string): Generator<Field> {
  let at = 0;
  const damaged = (): DataError => broken(where, "it is no ONNX model, or damaged or cut short");
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw damaged();
      // Beyond 2^53 the last digits are lost: no length or kind is as large.
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw damaged();
  };
  while (at < message.length) {
    const key = varint();
    const [field, wire] = [Math.floor(key / 8), key % 8];
    if (field === 0 || field >= 2 ** 29) throw damaged();
    if (wire === 0) yield { field, wire, value: varint(), bytes: undefined };
    else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      if (at > message.length) throw damaged();
      yield { field, wire, value: 0, bytes: undefined };
    } else if (wire === 2) {
      const length = varint();
      if (!(length <= message.length - at)) throw damaged();
      yield { field, wire, value: length, bytes: message.subarray(at, at + length) };
      at += length;
    } else throw damaged();
  }
}

const decoder = new TextDecoder();
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);
