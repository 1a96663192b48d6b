/** The operations of a graph as compiled programs see them: by their native rules, with operands as products read them. */
import type { Graph } from "../program/graph.js";
import type { Attributes, Primitive, Tensor } from "../program/tensor.js";
import { type DType, type Shape, sizeOf } from "../program/tensor-type.js";

/** An input, a constant or an operation. */
export interface NativeNode {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly size: number;
  /** Undefined for inputs and constants. */
  readonly rule: Primitive["native"] | undefined;
  readonly attributes: Attributes;
  readonly inputs: readonly NativeNode[];
  readonly tensor: Tensor;
  readonly users: NativeNode[];
}

/** The nodes of a graph, inputs before users. */
export interface NativeGraph {
  readonly inputs: readonly NativeNode[];
  readonly outputs: readonly NativeNode[];
  readonly order: readonly NativeNode[];
}

/** The nodes of a graph, without those that nothing depends on. */
export function nativeGraph(graph: Graph): NativeGraph {
  const operandsOf = new Map<Tensor, readonly Tensor[]>();
  const operands = (x: Tensor): readonly Tensor[] => {
    let known = operandsOf.get(x);
    if (!known) {
      const rule = x.primitive?.native;
      known =
        rule?.kind === "contraction" && rule.operands
          ? rule.operands(x.inputs, x.attributes)
          : rule?.kind === "same"
            ? x.inputs.slice(0, 1)
            : x.inputs;
      operandsOf.set(x, known);
    }
    return known;
  };
  const nodes = new Map<Tensor, NativeNode>();
  const order: NativeNode[] = [];
  const made = (x: Tensor, inputs: readonly NativeNode[]): NativeNode => {
    const { dtype, shape, attributes } = x;
    const rule = x.primitive?.native;
    // What is only another name of its input is that.
    const node: NativeNode =
      rule?.kind === "same"
        ? inputs[0]!
        : { id: nodes.size, dtype, shape, size: sizeOf(shape), rule, attributes, inputs, tensor: x, users: [] };
    if (rule?.kind !== "same") {
      order.push(node);
      for (const input of new Set(inputs)) input.users.push(node);
    }
    nodes.set(x, node);
    return node;
  };
  // Operands that rules make are newer than their users, so that the order of creation is none here.
  const pending: Tensor[] = [...graph.outputs].reverse();
  for (const x of [...graph.inputs].reverse()) pending.push(x);
  while (pending.length > 0) {
    const x = pending.at(-1)!;
    if (nodes.has(x)) {
      pending.pop();
      continue;
    }
    const missing = operands(x).filter((input) => !nodes.has(input));
    if (missing.length > 0) pending.push(...missing.reverse());
    else {
      pending.pop();
      made(
        x,
        operands(x).map((input) => nodes.get(input)!),
      );
    }
  }
  return {
    inputs: graph.inputs.map((x) => nodes.get(x)!),
    outputs: graph.outputs.map((x) => nodes.get(x)!),
    order,
  };
}
