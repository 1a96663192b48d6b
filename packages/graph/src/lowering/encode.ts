import type { OnnxAttribute, OnnxNode, Value } from "../program/emitter.js";
import type { DType, TypedArray } from "../program/tensor-type.js";
import { onnxTypeNumbers } from "./emitter.js";
import { MessageWriter } from "./protobuf.js";

/*
 * Field numbers are those of the ONNX schema, testing/onnx/generated/onnx.proto; the tests read what is written here
 * with a codec that was generated from it.
 */

/**
 * The operator set models are written in, and the file version that came with it. onnxruntime 1.30 reads up to 26, but
 * no operator we emit gained anything since 21, and a model in 21 also runs where onnxruntime is as old as 1.18.
 */
export const onnxOperatorSet = 21;
const irVersion = 10;

/** An input or output as a file declares it: bytes are a type of files alone, and a size that may be any is a name. */
export interface DeclaredValue {
  readonly name: string;
  readonly dtype: DType | "uint8";
  readonly shape: readonly (number | string)[];
}

/** A part of a model that runs so many times: what it makes of the values that it is given is what it is given next. */
export interface LoopNode {
  readonly operator: "Loop";
  /** How many times, a condition ("" for none), and the first values. */
  readonly inputs: readonly { readonly name: string }[];
  /** The last values. */
  readonly outputs: readonly Value[];
  /** Inputs: the times so far, a condition, values. Outputs: the condition, the next values. It sees all that is made before it. */
  readonly body: Pick<ModelToEncode, "nodes" | "inputs" | "outputs">;
}

export interface ModelToEncode {
  readonly nodes: readonly (OnnxNode | LoopNode)[];
  readonly inputs: readonly DeclaredValue[];
  readonly outputs: readonly DeclaredValue[];
  /** Names of the inputs in the file, in the order of `inputs`; nodes may refer to an input by either name. */
  readonly inputNames: readonly string[];
  /** Names of the outputs in the file, in the order of `outputs`. */
  readonly outputNames: readonly string[];
  /** Constants; each has its values. */
  readonly initializers: readonly Value[];
  /** Names in the file of further values. */
  readonly names?: ReadonlyMap<Value, string>;
  /** Notes kept in the file as `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a complete .onnx file. The same model gives the same bytes.
 *
 * @throws RangeError for an attribute that is a fraction but not marked `{ float }`
 */
export function encodeModel(model: ModelToEncode): Uint8Array {
  const rename = renaming(model);
  const domains = new Set(domainsOf(model.nodes));
  domains.delete("");
  const graph = encodeGraph("innerloop", model, rename);
  const file = new MessageWriter().integer(1, irVersion).string(2, "innerloop").message(7, graph);
  file.message(8, new MessageWriter().string(1, "").integer(2, onnxOperatorSet));
  for (const domain of [...domains].sort()) file.message(8, new MessageWriter().string(1, domain).integer(2, 1));
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    file.message(14, new MessageWriter().string(1, key).string(2, value));
  }
  return file.finish();
}

function encodeGraph(
  name: string,
  graph: Pick<ModelToEncode, "nodes" | "inputs" | "outputs"> & Partial<Pick<ModelToEncode, "initializers">>,
  rename: Rename,
): MessageWriter {
  const message = new MessageWriter();
  for (const node of graph.nodes)
    message.message(1, "body" in node ? encodeLoop(node, rename) : encodeNode(node, rename));
  message.string(2, name);
  for (const value of graph.initializers ?? []) message.message(5, encodeConstant(value, rename));
  for (const value of graph.inputs) message.message(11, encodeValue(value, rename));
  for (const value of graph.outputs) message.message(12, encodeValue(value, rename));
  return message;
}

const domainsOf = (nodes: ModelToEncode["nodes"]): string[] =>
  nodes.flatMap((node) => ("body" in node ? domainsOf(node.body.nodes) : [node.domain]));

type Rename = (name: string) => string;

function renaming({ inputs, inputNames, outputs, outputNames, names: others = new Map() }: ModelToEncode): Rename {
  const names = new Map<string, string>();
  const add = (values: readonly DeclaredValue[], given: readonly string[]): void => {
    values.forEach((value, i) => {
      if (value.name !== given[i] && given[i] !== undefined) names.set(value.name, given[i]);
    });
  };
  add(inputs, inputNames);
  add(outputs, outputNames);
  for (const [{ name }, given] of others) names.set(name, given);
  return names.size === 0 ? (name) => name : (name) => names.get(name) ?? name;
}

function encodeNode(node: OnnxNode, rename: Rename): MessageWriter {
  const message = new MessageWriter();
  for (const value of node.inputs) message.string(1, rename(value.name));
  message.string(2, rename(node.output.name)).string(4, node.operator);
  for (const name in node.attributes) message.message(5, encodeAttribute(name, node.attributes[name]!));
  return message.string(7, node.domain);
}

function encodeLoop({ operator, inputs, outputs, body }: LoopNode, rename: Rename): MessageWriter {
  const message = new MessageWriter();
  for (const value of inputs) message.string(1, rename(value.name));
  for (const value of outputs) message.string(2, rename(value.name));
  const graph = new MessageWriter().string(1, "body").message(6, encodeGraph("body", body, rename));
  return message.string(4, operator).message(5, graph.integer(20, attributeTypes.graph)).string(7, "");
}

/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, integer: 2, string: 3, graph: 5, floats: 6, integers: 7 } as const;

function encodeAttribute(name: string, value: OnnxAttribute): MessageWriter {
  const message = new MessageWriter().string(1, name);
  const typed = (type: keyof typeof attributeTypes) => message.integer(20, attributeTypes[type]);
  if (typeof value === "number" || typeof value === "bigint") {
    message.integer(3, value);
    return typed("integer");
  }
  if (typeof value === "string") {
    message.string(4, value);
    return typed("string");
  }
  if ("float" in value) {
    message.float(2, value.float);
    return typed("float");
  }
  if ("floats" in value) {
    for (const number of value.floats) message.float(7, number);
    return typed("floats");
  }
  for (const number of value) message.integer(8, number);
  return typed("integers");
}

function encodeConstant(value: Value, rename: Rename): MessageWriter {
  if (!value.data) throw new TypeError(`the constant ${value.name} has no values`);
  const message = new MessageWriter();
  for (const size of value.shape) message.integer(1, size);
  message.integer(2, onnxTypeNumbers[value.dtype]).string(8, rename(value.name));
  return message.data(9, bytesOf(value.data, value.dtype));
}

/** Little-endian bytes: the order of every processor that runs JavaScript today. */
function bytesOf(data: TypedArray, dtype: Value["dtype"]): Uint8Array {
  // ONNX knows no truth but 0 and 1.
  if (dtype === "bool") return Uint8Array.from(data as Uint8Array, (flag) => (flag === 0 ? 0 : 1));
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A type that files have, and the compiler has not. */
const uint8TypeNumber = 2;

function encodeValue(value: DeclaredValue, rename: Rename): MessageWriter {
  const shape = new MessageWriter();
  for (const size of value.shape) {
    const dimension = new MessageWriter();
    shape.message(1, typeof size === "string" ? dimension.string(2, size) : dimension.integer(1, size));
  }
  const type = value.dtype === "uint8" ? uint8TypeNumber : onnxTypeNumbers[value.dtype];
  const tensor = new MessageWriter().integer(1, type).message(2, shape);
  return new MessageWriter().string(1, rename(value.name)).message(2, new MessageWriter().message(1, tensor));
}
