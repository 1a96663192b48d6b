/** What is read of ONNX files before onnxruntime sees them, and what is refused. */
import { describe, expect, it } from "vitest";
import { textModel } from "./made-up-backbones.fixture.js";
import { outputSuffix, readModelContents } from "./model-file.js";

const model = textModel();
const field = (number: number, bytes: readonly number[] | Uint8Array): number[] => {
  if (bytes.length > 127) throw new Error("too long for a test");
  const key = number * 8 + 2;
  return [...(key > 127 ? [(key & 127) | 128, key >> 7] : [key]), bytes.length, ...bytes];
};
const joined = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it("finds inputs, outputs, tensors and operators", () => {
  const found = readModelContents(model, "m");
  expect(found.inputs).toEqual(["input_ids", "attention_mask"]);
  expect(found.outputs).toEqual(["last_hidden_state"]);
  expect([...found.tensors]).toContain("hidden");
  expect([...found.operators]).toContain("MatMul");
});

it("names one more output by bytes behind the model", () => {
  const contents = readModelContents(model, "m");
  expect(outputSuffix(contents, "last_hidden_state", "m")).toHaveLength(0);
  const more = readModelContents(joined(model, outputSuffix(contents, "hidden", "m")), "m");
  expect(more.outputs).toEqual(["last_hidden_state", "hidden"]);
});

describe("weights in other files", () => {
  // TensorProto: external_data (13) { key, value }, data_location (14) EXTERNAL (1).
  const entry = [...field(1, text("location")), ...field(2, text("/etc/passwd"))];
  const outside = field(13, entry);
  const located = [14 * 8, 1];
  it.each([
    ["an initializer", field(7, field(5, outside))],
    ["one that only says so", field(7, field(5, located))],
    ["an attribute", field(7, field(1, field(5, field(5, outside))))],
    ["a graph in an attribute", field(7, field(1, field(5, field(6, field(5, outside)))))],
    ["a sparse weight", field(7, field(15, field(1, outside)))],
    ["a function", field(25, field(7, field(5, field(5, outside))))],
    ["a training graph", field(20, field(1, field(5, outside)))],
  ])("are refused in %s", (_, bytes) => {
    expect(() => readModelContents(joined(model, bytes), "m")).toThrow(
      /ILD81 m: weights of it lie in other files \(external data\)/,
    );
  });
});

it.each([
  ["nothing", new Uint8Array(0)],
  ["no graph", joined(field(2, text("someone")))],
  ["a group", joined(model, [3])],
  ["a length beyond the end", joined(model, [58, 100, 1])],
  ["onnxruntime's own format", joined([0, 0, 0, 0], text("ORTM"), model)],
  ["an operator that reads files", joined(model, field(7, field(1, field(4, text("EPContext")))))],
])("refuses %s", (_, bytes) => {
  expect(() => readModelContents(bytes, "m")).toThrow(/^ILD81/);
});
