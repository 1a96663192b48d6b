import { fromBinary } from "@bufbuild/protobuf";
import { onnxTypeNumbers } from "../lowering/emitter.js";
import type { DType } from "../program/tensor-type.js";
import { ModelProtoSchema, type ValueInfoProto } from "./onnx/generated/onnx_pb.js";

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
