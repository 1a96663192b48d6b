/** The operations of a graph as compiled programs see them: by their native rules, with operands as products read them. */
import type { Graph } from "../program/graph.js";
import { type Attributes, type Primitive, printAttributes, type Tensor } from "../program/tensor.js";
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
        (rule?.kind === "contraction" || rule?.kind === "view") && rule.operands
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
  /** Operations by what they are of: two users may ask for the same operand. */
  const known = new Map<string, NativeNode>();
  const made = (x: Tensor, inputs: readonly NativeNode[]): NativeNode => {
    const { dtype, shape, attributes, primitive } = x;
    const rule = primitive?.native;
    // What is only another name of its input is that.
    if (rule?.kind === "same") return inputs[0]!;
    const name = primitive && `${primitive.name} ${dtype} ${inputs.map(({ id }) => id)}${printAttributes(attributes)}`;
    const same = name === undefined ? undefined : known.get(name);
    if (same) return same;
    const id = order.length;
    const node = { id, dtype, shape, size: sizeOf(shape), rule, attributes, inputs, tensor: x, users: [] };
    order.push(node);
    for (const input of new Set(inputs)) input.users.push(node);
    if (name !== undefined) known.set(name, node);
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
      const inputs = operands(x).map((input) => nodes.get(input)!);
      nodes.set(x, made(x, inputs));
    }
  }
  return {
    inputs: graph.inputs.map((x) => nodes.get(x)!),
    outputs: graph.outputs.map((x) => nodes.get(x)!),
    order,
  };
}
