import type { LoweringProfile, OnnxNode, Value } from "../program/emitter.js";
import type { Graph } from "../program/graph.js";
import type { Tensor } from "../program/tensor.js";
import { OnnxEmitter } from "./emitter.js";
import { encodeModel } from "./encode.js";

/** A graph written as ONNX operators, before it is encoded. */
export interface LoweredModel {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Value[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** The operators of a graph for one kind of executor, without those that nothing depends on. */
export function lower(graph: Graph, profile: LoweringProfile): LoweredModel {
  const e = new OnnxEmitter(profile);
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
  const live = withoutDeadCode(e, results);
  const nodes = withoutCopies(profile.fusedMatMul ? withScalesInProducts(live.nodes) : live.nodes, outputs);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  return { nodes, initializers: live.initializers.filter((value) => used.has(value)), inputs, outputs };
}

/** c (a b) as one node, where nothing else reads a b: FusedMatMul multiplies by a number as it writes. */
function withScalesInProducts(nodes: readonly OnnxNode[]): OnnxNode[] {
  const readers = new Map<Value, number>();
  const producers = new Map<Value, OnnxNode>();
  for (const node of nodes) {
    producers.set(node.output, node);
    for (const source of node.inputs) readers.set(source, (readers.get(source) ?? 0) + 1);
  }
  const replaced = new Map<OnnxNode, OnnxNode>();
  for (const node of nodes) {
    const [scaled, factor] = node.inputs;
    if (node.operator !== "Mul" || node.output.dtype !== "float32" || factor?.data?.length !== 1) continue;
    if (scaled!.shape.length !== node.output.shape.length) continue;
    let product = producers.get(scaled!);
    let readOnce = readers.get(scaled!) === 1;
    while (product?.operator === "Reshape" && readOnce) {
      readOnce = readers.get(product.inputs[0]!) === 1;
      product = producers.get(product.inputs[0]!);
    }
    if (!readOnce || !product || replaced.has(product)) continue;
    if (product.operator !== "MatMul" && product.operator !== "FusedMatMul") continue;
    const before = (product.attributes.alpha as { float: number } | undefined)?.float ?? 1;
    const attributes = {
      transA: 0,
      transB: 0,
      ...product.attributes,
      alpha: { float: before * Number(factor.data[0]) },
    };
    replaced.set(product, { ...product, operator: "FusedMatMul", domain: "com.microsoft", attributes });
    // What was multiplied is now read as it is.
    replaced.set(node, { ...node, operator: "Identity", inputs: [scaled!], attributes: {} });
  }
  return nodes.map((node) => replaced.get(node) ?? node);
}

/** Nodes without the Identities that only name again what another node makes: that takes the name, or is read instead. */
function withoutCopies(nodes: readonly OnnxNode[], outputs: readonly Value[]): OnnxNode[] {
  const results = new Set(outputs);
  const made = new Set(nodes.flatMap(({ operator, output }) => (operator === "Identity" ? [] : [output])));
  const standsFor = new Map<Value, Value>();
  const resolved = (value: Value): Value => {
    const other = standsFor.get(value);
    return other ? resolved(other) : value;
  };
  const kept = nodes.filter(({ operator, inputs, output }) => {
    if (operator !== "Identity") return true;
    const source = resolved(inputs[0]!);
    if (!results.has(output)) standsFor.set(output, source);
    // An input, a constant or another output keeps its own name.
    else if (made.delete(source)) standsFor.set(source, output);
    else return true;
    return false;
  });
  return kept.map((node) => ({ ...node, inputs: node.inputs.map(resolved), output: resolved(node.output) }));
}

function withoutDeadCode(e: OnnxEmitter, results: readonly OnnxNode[]): Pick<LoweredModel, "nodes" | "initializers"> {
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
