import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import type { OnnxAttribute, Value } from "../program/emitter.js";
import type { DType } from "../program/tensor-type.js";
import { decodeModel } from "../testing/decode-model.js";
import { AttributeProto_AttributeType, ModelProtoSchema } from "../testing/onnx/generated/onnx_pb.js";
import { encodeModel, type ModelToEncode } from "./encode.js";

const value = (name: string, dtype: DType = "float32", shape: readonly number[] = [2, 3]): Value => ({
  name,
  dtype,
  shape,
  data: undefined,
});

function oneNode(changes: Partial<ModelToEncode> = {}, attributes: Record<string, OnnxAttribute> = {}): ModelToEncode {
  const [x, y] = [value("x"), value("y")];
  return {
    nodes: [{ operator: "Relu", domain: "", inputs: [x], output: y, attributes }],
    inputs: [x],
    outputs: [y],
    inputNames: ["input0"],
    outputNames: ["output0"],
    initializers: [],
    ...changes,
  };
}

describe("encodeModel", () => {
  test("gives inputs and outputs their names, wherever they occur", () => {
    const model = decodeModel(encodeModel(oneNode()));
    expect(model.inputs).toEqual([{ name: "input0", dtype: "float32", shape: [2, 3] }]);
    expect(model.outputs).toEqual([{ name: "output0", dtype: "float32", shape: [2, 3] }]);
    expect(model.operators).toEqual([{ operator: "Relu", domain: "", inputs: ["input0"], outputs: ["output0"] }]);
  });

  test("imports the operator sets that its nodes use, and no others", () => {
    expect(decodeModel(encodeModel(oneNode())).operatorSets).toEqual({ "": 21 });
    const [a, b] = [value("x", "float32", [2, 2]), value("y", "float32", [2, 2])];
    const fused = { operator: "FusedMatMul", domain: "com.microsoft", inputs: [a, a], output: b, attributes: {} };
    const model = decodeModel(encodeModel(oneNode({ nodes: [fused], inputs: [a], outputs: [b] })));
    expect(model.operatorSets).toEqual({ "": 21, "com.microsoft": 1 });
  });

  test("keeps types, scalars and empty shapes", () => {
    const inputs = (["float32", "float64", "int32", "int64", "bool"] as const).map((dtype, i) =>
      value(`x${i}`, dtype, [[], [0], [1], [2, 0, 3], [4]][i]),
    );
    const model = decodeModel(encodeModel(oneNode({ inputs, inputNames: inputs.map(({ name }) => name) })));
    expect(model.inputs.map(({ dtype, shape }) => [dtype, shape])).toEqual([
      ["float32", []],
      ["float64", [0]],
      ["int32", [1]],
      ["int64", [2, 0, 3]],
      ["bool", [4]],
    ]);
  });

  test("writes what the official schema reads: attributes of all kinds, constants, nothing that it does not know", () => {
    const constants: Value[] = [
      { ...value("c0", "float32", [2, 2]), data: Float32Array.of(1, -0, Number.NaN, 1e38) },
      { ...value("c1", "int64", []), data: BigInt64Array.of(-5n) },
      { ...value("c2", "bool", [3]), data: Uint8Array.of(0, 1, 7) },
      { ...value("c3", "float64", [0]), data: new Float64Array(0) },
    ];
    const attributes = {
      axis: -1,
      large: 2 ** 40,
      long: -(2n ** 63n),
      zero: 0,
      alpha: { float: -0 },
      slope: { float: 3.4e38 },
      scales: { floats: [0.5, Number.POSITIVE_INFINITY, 0.1] },
      mode: "tëxt",
      perm: [2, 0, 1],
      pads: [-1, 2 ** 33],
      none: [],
    };
    const bytes = encodeModel(oneNode({ initializers: constants, metadata: { a: "ß".repeat(100) } }, attributes));
    const model = fromBinary(ModelProtoSchema, bytes);
    expect(model.$unknown).toBeUndefined();
    expect(Buffer.compare(toBinary(ModelProtoSchema, model), bytes)).toBe(0);
    const read = Object.fromEntries(model.graph!.node[0]!.attribute.map((attribute) => [attribute.name, attribute]));
    expect(Object.keys(read)).toEqual(Object.keys(attributes));
    expect([read.axis!.i, read.large!.i, read.long!.i, read.zero!.i]).toEqual([-1n, 2n ** 40n, -(2n ** 63n), 0n]);
    expect([read.alpha!.f, read.slope!.f]).toEqual([-0, Math.fround(3.4e38)]);
    expect(read.scales!.floats).toEqual([0.5, Number.POSITIVE_INFINITY, Math.fround(0.1)]);
    expect(Buffer.from(read.mode!.s).toString()).toBe("tëxt");
    expect([read.perm!.ints, read.pads!.ints, read.none!.ints]).toEqual([[2n, 0n, 1n], [-1n, 2n ** 33n], []]);
    const types = AttributeProto_AttributeType;
    expect([read.axis, read.alpha, read.scales, read.mode, read.none].map((attribute) => attribute!.type)).toEqual([
      types.INT,
      types.FLOAT,
      types.FLOATS,
      types.STRING,
      types.INTS,
    ]);
    expect(model.graph!.initializer.map(({ name, dims, dataType }) => [name, dims, dataType])).toEqual([
      ["c0", [2n, 2n], 1],
      ["c1", [], 7],
      ["c2", [3n], 9],
      ["c3", [0n], 11],
    ]);
    const data = model.graph!.initializer.map(({ rawData }) => rawData);
    expect(new Float32Array(data[0]!.slice().buffer)).toEqual(constants[0]!.data);
    expect(new BigInt64Array(data[1]!.slice().buffer)).toEqual(constants[1]!.data);
    expect([...data[2]!]).toEqual([0, 1, 1]);
    expect(data[3]).toHaveLength(0);
  });

  test("keeps metadata", () => {
    const metadata = { learner: "maml", note: "größer" };
    expect(decodeModel(encodeModel(oneNode({ metadata }))).metadata).toEqual(metadata);
  });

  test("gives the same bytes for the same model", () => {
    expect(encodeModel(oneNode({}, { alpha: { float: 0.5 } }))).toEqual(
      encodeModel(oneNode({}, { alpha: { float: 0.5 } })),
    );
  });

  test("refuses a fraction that is not marked as float, and a constant without values", () => {
    expect(() => encodeModel(oneNode({}, { axis: 0.5 }))).toThrow(RangeError);
    expect(() => encodeModel(oneNode({ initializers: [value("c")] }))).toThrow("the constant c has no values");
  });

  test("writes 20,000 nodes fast", () => {
    const constant: Value = { ...value("c"), data: new Float32Array(6) };
    const values = Array.from({ length: 20_001 }, (_, i) => value(`v${i}`));
    const nodes = values.slice(1).map((output, i) => ({
      operator: "Add",
      domain: "",
      inputs: [values[i]!, constant],
      output,
      attributes: {},
    }));
    const model = oneNode({ nodes, inputs: [values[0]!], outputs: [values[20_000]!], initializers: [constant] });
    const began = performance.now();
    const bytes = encodeModel(model);
    // A fraction of a second. The bound only catches a cost that grows with the square.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(decodeModel(bytes).operators).toHaveLength(20_000);
  });
});

test("decodeModel refuses bytes that are no model", () => {
  expect(() => decodeModel(new Uint8Array([255, 255, 255, 255]))).toThrow();
});
