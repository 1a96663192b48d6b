import type { LoweringProfile } from "../executor.js";
import type { Graph } from "../graph.js";
import { bytesPerElement, sizeOf, type Tensor } from "../tensor.js";
import { Emitter, type OnnxNode, type Value } from "./emitter.js";
import { encodeModel } from "./encode.js";

/** A graph written as ONNX operators, before it is encoded. */
export interface LoweredModel {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Value[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** Cost of running a model once, worked out from its operators. */
export interface Estimate {
  /** Additions and multiplications, a fused multiply-add counted as two. */
  readonly operations: number;
  /** Those of them that are in matrix products. */
  readonly matmulOperations: number;
  /** Bytes of inputs, constants, and the most that is alive at once between them and the outputs. */
  readonly peakBytes: number;
  readonly constantBytes: number;
  readonly nodes: number;
}

/** The operators of a graph for one kind of executor, without those that nothing depends on. */
export function lower(graph: Graph, profile: LoweringProfile): LoweredModel {
  const e = new Emitter(profile);
  const values = new Map<Tensor, Value>();
  const inputs = graph.inputs.map(
    (x, i): Value => ({ name: `input${i}`, dtype: x.dtype, shape: x.shape, data: undefined }),
  );
  graph.inputs.forEach((x, i) => {
    values.set(x, inputs[i]!);
  });
  for (const x of graph.order) {
    if (values.has(x)) continue;
    const arguments_ = x.inputs.map((source) => values.get(source)!);
    values.set(
      x,
      x.primitive ? x.primitive.onnx(e, arguments_, x.attributes, x) : e.constant(x.data!, x.shape, x.dtype),
    );
  }
  // An output has a name of its own, and one place only, even where it is an input or appears twice.
  const outputs = graph.outputs.map(
    (x, i): Value => ({ name: `output${i}`, dtype: x.dtype, shape: x.shape, data: undefined }),
  );
  const results = graph.outputs.map((x, i): OnnxNode => {
    const source = values.get(x)!;
    return { operator: "Identity", domain: "", inputs: [source], output: outputs[i]!, attributes: {} };
  });
  const { nodes, initializers } = withoutDeadCode(e, results);
  return { nodes, initializers, inputs, outputs };
}

function withoutDeadCode(e: Emitter, results: readonly OnnxNode[]): Pick<LoweredModel, "nodes" | "initializers"> {
  const needed = new Set<Value>(results.flatMap((node) => node.inputs));
  for (let at = e.nodes.length - 1; at >= 0; at--) {
    const node = e.nodes[at]!;
    if (needed.has(node.output)) for (const source of node.inputs) needed.add(source);
  }
  return {
    nodes: [...e.nodes.filter((node) => needed.has(node.output)), ...results],
    initializers: e.initializers.filter((value) => needed.has(value)),
  };
}

/** The model's bytes: a complete, standard .onnx file. */
export function encode(model: LoweredModel): Uint8Array {
  return encodeModel({
    ...model,
    inputNames: model.inputs.map((value) => value.name),
    outputNames: model.outputs.map((value) => value.name),
  });
}

const bytesOf = (value: Value): number => sizeOf(value.shape) * bytesPerElement[value.dtype];

/** Operators that hand on their input's memory. */
const views = new Set(["Reshape", "Identity"]);

/** What running a lowered model once takes: operations, and the most bytes alive at once. */
export function estimateModel({ nodes, initializers, inputs, outputs }: LoweredModel): Estimate {
  const root = new Map<Value, Value>();
  const rootOf = (value: Value): Value => root.get(value) ?? value;
  const lastUse = new Map<Value, number>();
  let operations = 0;
  let matmulOperations = 0;
  nodes.forEach((node, at) => {
    if (views.has(node.operator)) root.set(node.output, rootOf(node.inputs[0]!));
    for (const source of node.inputs) lastUse.set(rootOf(source), at);
    const size = sizeOf(node.output.shape);
    if (node.operator === "MatMul" || node.operator === "FusedMatMul") {
      const [a] = node.inputs;
      const inner = a!.shape.at(node.attributes.transA ? -2 : -1)!;
      matmulOperations += 2 * size * inner;
    } else if (node.operator.startsWith("Reduce")) operations += sizeOf(node.inputs[0]!.shape);
    else if (!views.has(node.operator) && !movesOnly.has(node.operator)) operations += size;
  });
  const kept = new Set([...outputs, ...inputs, ...initializers].map(rootOf));
  const constantBytes = initializers.reduce((total, value) => total + bytesOf(value), 0);
  let alive = constantBytes + inputs.reduce((total, value) => total + bytesOf(value), 0);
  let peakBytes = alive;
  nodes.forEach((node, at) => {
    if (!root.has(node.output)) alive += bytesOf(node.output);
    peakBytes = Math.max(peakBytes, alive);
    for (const source of new Set(node.inputs.map(rootOf))) {
      if (lastUse.get(source) === at && !kept.has(source)) alive -= bytesOf(source);
    }
  });
  return { operations: operations + matmulOperations, matmulOperations, peakBytes, constantBytes, nodes: nodes.length };
}

const movesOnly = new Set(["Transpose", "Gather", "Concat", "Slice", "Pad", "Expand", "Cast", "GatherElements"]);
