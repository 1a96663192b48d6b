import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import type { DType, TypedArray } from "../tensor.js";
import { type OnnxAttribute, type OnnxNode, onnxTypeNumbers, type Value } from "./emitter.js";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./generated/onnx_pb.js";

/**
 * The operator set models are written in, and the file version that came with it. onnxruntime 1.30 reads up to 26, but
 * no operator we emit gained anything since 21, and a model in 21 also runs where onnxruntime is as old as 1.18.
 */
export const onnxOperatorSet = 21;
const irVersion = 10n;

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
  const proto = create(ModelProtoSchema, {
    irVersion,
    producerName: "innerloop",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(onnxOperatorSet) }),
      ...[...domains].sort().map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    metadataProps: Object.entries(model.metadata ?? {}).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
    graph: create(GraphProtoSchema, {
      name: "innerloop",
      node: model.nodes.map((node) => encodeNode(node, rename)),
      initializer: model.initializers.map((value) => encodeConstant(value, rename)),
      input: model.inputs.map((value) => encodeValue(value, rename)),
      output: model.outputs.map((value) => encodeValue(value, rename)),
    }),
  });
  return toBinary(ModelProtoSchema, proto);
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

function encodeNode(node: OnnxNode, rename: Rename) {
  const attribute: AttributeProto[] = [];
  for (const [name, value] of Object.entries(node.attributes)) attribute.push(encodeAttribute(name, value));
  return create(NodeProtoSchema, {
    opType: node.operator,
    domain: node.domain,
    input: node.inputs.map((value) => rename(value.name)),
    output: [rename(node.output.name)],
    attribute,
  });
}

function encodeAttribute(name: string, value: OnnxAttribute): AttributeProto {
  const Type = AttributeProto_AttributeType;
  if (typeof value === "number" || typeof value === "bigint") {
    return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
  }
  if (typeof value === "string") {
    return create(AttributeProtoSchema, { name, type: Type.STRING, s: getTextEncoding().encodeUtf8(value) });
  }
  if ("float" in value) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: float32(value.float) });
  if ("floats" in value) {
    return create(AttributeProtoSchema, { name, type: Type.FLOATS, floats: value.floats.map(float32) });
  }
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}

/** The codec refuses numbers beyond float32's range; infinities it takes. */
const float32 = (value: number): number => Math.fround(value);

function encodeConstant(value: Value, rename: Rename) {
  if (!value.data) throw new TypeError(`the constant ${value.name} has no values`);
  return create(TensorProtoSchema, {
    name: rename(value.name),
    dataType: onnxTypeNumbers[value.dtype],
    dims: value.shape.map(BigInt),
    rawData: bytesOf(value.data, value.dtype),
  });
}

/** Little-endian bytes: the order of every processor that runs JavaScript today. */
function bytesOf(data: TypedArray, dtype: DType): Uint8Array<ArrayBuffer> {
  // ONNX knows no truth but 0 and 1.
  if (dtype === "bool") return Uint8Array.from(data as Uint8Array, (flag) => (flag === 0 ? 0 : 1));
  const { buffer, byteOffset, byteLength } = data;
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
}

function encodeValue(value: Value, rename: Rename): ValueInfoProto {
  const dim = value.shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(size) } }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const tensor = create(TypeProto_TensorSchema, { elemType: onnxTypeNumbers[value.dtype], shape });
  return create(ValueInfoProtoSchema, {
    name: rename(value.name),
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } }),
  });
}

/** An operator of a decoded model. */
export interface DecodedOperator {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** An input or output of a decoded model. */
export interface DecodedValue {
  readonly name: string;
  /** Undefined for types of numbers we do not have. */
  readonly dtype: DType | undefined;
  /** Sizes; -1 where the file leaves one open. */
  readonly shape: readonly number[];
}

export interface DecodedModel {
  readonly operators: readonly DecodedOperator[];
  readonly inputs: readonly DecodedValue[];
  readonly outputs: readonly DecodedValue[];
  /** Versions of the operator sets by domain; "" is the standard set. */
  readonly operatorSets: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * What a .onnx file holds, for tests and inspection.
 *
 * @throws Error for bytes that are no ONNX model
 */
export function decodeModel(bytes: Uint8Array): DecodedModel {
  const model = fromBinary(ModelProtoSchema, bytes);
  const entries = (list: readonly { key: string; value: string }[]) => list.map(({ key, value }) => [key, value]);
  return {
    operators: (model.graph?.node ?? []).map((node) => ({
      operator: node.opType,
      domain: node.domain,
      inputs: node.input,
      outputs: node.output,
    })),
    inputs: (model.graph?.input ?? []).map(decodeValue),
    outputs: (model.graph?.output ?? []).map(decodeValue),
    operatorSets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])),
    metadata: Object.fromEntries(entries(model.metadataProps)),
  };
}

const typesByNumber = new Map<number, DType>(
  (Object.keys(onnxTypeNumbers) as DType[]).map((dtype) => [onnxTypeNumbers[dtype], dtype]),
);

function decodeValue(value: ValueInfoProto): DecodedValue {
  const tensor = value.type?.value.case === "tensorType" ? value.type.value.value : undefined;
  const shape = (tensor?.shape?.dim ?? []).map(({ value: size }) =>
    size.case === "dimValue" ? Number(size.value) : -1,
  );
  return { name: value.name, dtype: tensor && typesByNumber.get(tensor.elemType), shape };
}
