/** Small encoders, written node by node: two layers each, whose results plain loops below give as well. */
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode, type OnnxAttribute, type OnnxNode, type Value } from "@innerloop/graph";

/** Ids of the Python library tokenizers. */
export interface TokenizerCase {
  readonly name: string;
  readonly tokenizer: object;
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly whole: readonly number[];
  }[];
}

const file = new URL("fixtures/tokenizers.json", import.meta.url);
export const tokenizerCases = (JSON.parse(readFileSync(file, "utf8")) as { readonly cases: readonly TokenizerCase[] })
  .cases as readonly [wordPieces: TokenizerCase, bytePairs: TokenizerCase];

export const vocabulary = 32;
export const width = 5;
/** Table of embeddings, of more rows than any vocabulary here has, and weights [width, width] of the second layer. */
const table = Float32Array.from({ length: 512 * width }, (_, i) => Math.sin(1 + 0.7 * i));
const weights = Float32Array.from({ length: width * width }, (_, i) => Math.cos(2 + 1.3 * i));

const any = -1;
const value = (name: string, dtype: Value["dtype"], shape: readonly number[]): Value => ({
  name,
  dtype,
  shape,
  data: undefined,
});

/**
 * h = tanh(table[ids]); states = tanh(h W + c), where c is the mean of h over the tokens that the mask keeps: what
 * padding holds would show. The tensor `hidden` is h.
 */
export function textModel(
  options: {
    readonly tokens?: number;
    readonly names?: readonly [ids: string, mask: string];
    readonly rows?: number;
    readonly dtype?: "int32" | "int64";
    /** Without an input for it, c is the mean over all tokens of a batch's text, padding included. */
    readonly masked?: boolean;
  } = {},
): Uint8Array {
  const {
    tokens = any,
    names = ["input_ids", "attention_mask"],
    rows = vocabulary,
    dtype = "int64",
    masked = true,
  } = options;
  const nodes: OnnxNode[] = [];
  const initializers: Value[] = [];
  const constant = (name: string, data: Float32Array | BigInt64Array, shape: readonly number[]): Value => {
    const made: Value = { name, dtype: data instanceof Float32Array ? "float32" : "int64", shape, data };
    initializers.push(made);
    return made;
  };
  const node = (
    name: string,
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): Value => {
    const output = value(name, "float32", [any, tokens, width]);
    nodes.push({ operator, domain: "", inputs, output, attributes });
    return output;
  };
  const texts = tokens === any ? any : 1;
  const [ids, mask] = names.map((name) => value(name, dtype, [texts, tokens])) as [Value, Value];
  const embedded = node("embedded", "Gather", [constant("table", table.slice(0, rows * width), [rows, width]), ids]);
  const hidden = node("hidden", "Tanh", [embedded]);
  const given = masked
    ? node("mask", "Cast", [mask], { to: 1 })
    : node("all", "Cast", [node("same", "Equal", [ids, ids])], { to: 1 });
  const kept = node("kept", "Unsqueeze", [given, constant("last", BigInt64Array.of(2n), [1])]);
  const overTokens = constant("axis", BigInt64Array.of(1n), [1]);
  const sum = node("sum", "ReduceSum", [node("masked", "Mul", [hidden, kept]), overTokens], { keepdims: 1 });
  const count = node("count", "ReduceSum", [kept, overTokens], { keepdims: 1 });
  const context = node("context", "Div", [sum, count]);
  const product = node("product", "MatMul", [hidden, constant("weights", weights, [width, width])]);
  const states = node("last_hidden_state", "Tanh", [node("inner", "Add", [product, context])]);
  return encode({ nodes, initializers, inputs: masked ? [ids, mask] : [ids], outputs: [states] });
}

/** States of the tokens of one text, by plain loops: [tokens, width]. */
export function statesOf(ids: readonly number[], tensor: "states" | "hidden" = "states"): number[][] {
  const hidden = ids.map((id) => Array.from({ length: width }, (_, f) => Math.tanh(table[id * width + f]!)));
  if (tensor === "hidden") return hidden;
  const context = Array.from({ length: width }, (_, f) => hidden.reduce((sum, h) => sum + h[f]!, 0) / ids.length);
  return hidden.map((h) =>
    context.map((c, f) => Math.tanh(h.reduce((sum, x, k) => sum + x * weights[k * width + f]!, c))),
  );
}

export const meanOf = (states: readonly (readonly number[])[]): number[] =>
  Array.from({ length: width }, (_, f) => states.reduce((sum, state) => sum + state[f]!, 0) / states.length);

export const imageSide = 4;
/** Of the first layer [2, 3, 1, 1] and the second [2, 2, 1, 1]. */
const filters = [
  Float32Array.from([0.5, -0.25, 1, 0.125, 0.75, -0.5]),
  Float32Array.from([1, 0.5, -0.75, 0.25]),
] as const;

/** Two convolutions of 1 x 1 with ReLU between, then the mean over positions: [images, 3, 4, 4] -> [images, 2]. */
export function imageModel(): Uint8Array {
  const initializers: Value[] = filters.map((data, i) => ({
    name: `filters${i}`,
    dtype: "float32",
    shape: [2, i === 0 ? 3 : 2, 1, 1],
    data,
  }));
  const map = [any, 2, imageSide, imageSide];
  const input = value("image", "float32", [any, 3, imageSide, imageSide]);
  const [first, positive, second] = ["first", "positive", "map"].map((name) => value(name, "float32", map)) as [
    Value,
    Value,
    Value,
  ];
  const [pooled, features] = [value("pooled", "float32", [any, 2, 1, 1]), value("features", "float32", [any, 2])];
  const node = (operator: string, inputs: readonly Value[], output: Value): OnnxNode => ({
    operator,
    domain: "",
    inputs,
    output,
    attributes: {},
  });
  const nodes = [
    node("Conv", [input, initializers[0]!], first),
    node("Relu", [first], positive),
    node("Conv", [positive, initializers[1]!], second),
    node("GlobalAveragePool", [second], pooled),
    node("Flatten", [pooled], features),
  ];
  return encode({ nodes, initializers, inputs: [input], outputs: [features] });
}

/** Pixels of a cell's side that `cellModel` makes a vector of. */
export const cellSide = 8;

/** The mean colour of each square of 8 pixels, and squares of these: [images, 3, side, side] -> map [images, 6, side / 8, side / 8]. */
export function cellModel(side: number): Uint8Array {
  const cells = side / cellSide;
  const tensorOf = (name: string, channels: number): Value => value(name, "float32", [any, channels, cells, cells]);
  const [means, squares, map] = [tensorOf("means", 3), tensorOf("squares", 3), tensorOf("map", 6)];
  const image = value("image", "float32", [any, 3, side, side]);
  const window = { kernel_shape: [cellSide, cellSide], strides: [cellSide, cellSide] };
  const nodes: OnnxNode[] = [
    { operator: "AveragePool", domain: "", inputs: [image], output: means, attributes: window },
    { operator: "Mul", domain: "", inputs: [means, means], output: squares, attributes: {} },
    { operator: "Concat", domain: "", inputs: [means, squares], output: map, attributes: { axis: 1 } },
  ];
  return encode({ nodes, initializers: [], inputs: [image], outputs: [map] });
}

/** The settings of a folder with `cellModel`. */
export const cellSettings = (side: number) => ({
  ...{ kind: "image", size: [side, side], channels: 3, layout: "NCHW", mean: 127, scale: 128 },
});

/** The map of one image of bytes [4, 4, 3] by plain loops: [16, 2]. */
export function imageMapOf(image: Uint8Array, mean: number, scale: number): number[][] {
  return Array.from({ length: imageSide ** 2 }, (_, p) => {
    const x = [0, 1, 2].map((c) => (image[3 * p + c]! - mean) / scale);
    const inner = [0, 1].map((o) =>
      Math.max(
        0,
        x.reduce((sum, v, c) => sum + v * filters[0][3 * o + c]!, 0),
      ),
    );
    return [0, 1].map((o) => inner.reduce((sum, v, c) => sum + v * filters[1][2 * o + c]!, 0));
  });
}

/** Writes a backbone folder of its own below another. */
export async function backboneFolder(
  below: string,
  files: { readonly model: Uint8Array; readonly tokenizer?: object | string; readonly settings: unknown },
): Promise<string> {
  await mkdir(below, { recursive: true });
  const folder = await mkdtemp(join(below, "backbone-"));
  const text = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content));
  await writeFile(join(folder, "model.onnx"), files.model);
  await writeFile(join(folder, "backbone.json"), text(files.settings));
  if (files.tokenizer !== undefined) await writeFile(join(folder, "tokenizer.json"), text(files.tokenizer));
  return folder;
}
