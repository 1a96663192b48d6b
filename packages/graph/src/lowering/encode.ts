import type { OnnxAttribute, OnnxNode, Value } from "../program/emitter.js";
import type { TypedArray } from "../program/tensor-type.js";
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

export interface ModelToEncode {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Names of the inputs in the file, in the order of `inputs`; nodes may refer to an input by either name. */
  readonly inputNames: readonly string[];
  /** Names of the outputs in the file, in the order of `outputs`. */
  readonly outputNames: readonly string[];
  /** Constants; each has its values. */
  readonly initializers: readonly Value[];
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
  const domains = new Set(model.nodes.map((node) => node.domain));
  domains.delete("");
  const graph = new MessageWriter();
  for (const node of model.nodes) graph.message(1, encodeNode(node, rename));
  graph.string(2, "innerloop");
  for (const value of model.initializers) graph.message(5, encodeConstant(value, rename));
  for (const value of model.inputs) graph.message(11, encodeValue(value, rename));
  for (const value of model.outputs) graph.message(12, encodeValue(value, rename));
  const file = new MessageWriter().integer(1, irVersion).string(2, "innerloop").message(7, graph);
  file.message(8, new MessageWriter().string(1, "").integer(2, onnxOperatorSet));
  for (const domain of [...domains].sort()) file.message(8, new MessageWriter().string(1, domain).integer(2, 1));
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    file.message(14, new MessageWriter().string(1, key).string(2, value));
  }
  return file.finish();
}

type Rename = (name: string) => string;

function renaming({ inputs, inputNames, outputs, outputNames }: ModelToEncode): Rename {
  const names = new Map<string, string>();
  const add = (values: readonly Value[], given: readonly string[]): void => {
    values.forEach((value, i) => {
      if (value.name !== given[i] && given[i] !== undefined) names.set(value.name, given[i]);
    });
  };
  add(inputs, inputNames);
  add(outputs, outputNames);
  return names.size === 0 ? (name) => name : (name) => names.get(name) ?? name;
}

function encodeNode(node: OnnxNode, rename: Rename): MessageWriter {
  const message = new MessageWriter();
  for (const value of node.inputs) message.string(1, rename(value.name));
  message.string(2, rename(node.output.name)).string(4, node.operator);
  for (const name in node.attributes) message.message(5, encodeAttribute(name, node.attributes[name]!));
  return message.string(7, node.domain);
}

/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, integer: 2, string: 3, floats: 6, integers: 7 } as const;

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

function encodeValue(value: Value, rename: Rename): MessageWriter {
  const shape = new MessageWriter();
  for (const size of value.shape) shape.message(1, new MessageWriter().integer(1, size));
  const tensor = new MessageWriter().integer(1, onnxTypeNumbers[value.dtype]).message(2, shape);
  return new MessageWriter().string(1, rename(value.name)).message(2, new MessageWriter().message(1, tensor));
}
