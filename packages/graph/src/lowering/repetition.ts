/** A part of a model that is repeated: its nodes, told from those before and behind it, as the body of an ONNX Loop. */
import type { OnnxNode, Value } from "../program/emitter.js";
import type { LoopNode } from "./encode.js";

/** The values of a model between which a part of it is repeated. */
export interface RepeatedPart {
  /** Times, a scalar of int64. */
  readonly count: Value;
  /** What is carried from time to time: first values, those that one time is given and makes of them, and last ones. */
  readonly carried: readonly {
    readonly first: Value;
    readonly given: Value;
    readonly next: Value;
    readonly last: Value;
  }[];
  /** The times so far, a scalar of int64. */
  readonly iteration: Value;
}

/**
 * The nodes of a model with those that are repeated as one Loop. These are the ones that follow from `given` and
 * `iteration`; what does not is computed once, before it.
 *
 * @param nodes all of them, each after what it uses
 */
export function withLoop(
  nodes: readonly OnnxNode[],
  { count, carried, iteration }: RepeatedPart,
): (OnnxNode | LoopNode)[] {
  const within = followingFrom(nodes, [iteration, ...carried.map(({ given }) => given)]);
  const behind = followingFrom(
    nodes,
    carried.map(({ last }) => last),
  );
  const made = new Set<Value>(within.map(({ output }) => output));
  // What is the same each time, or is handed on as it is, has no node in the body that makes it: a copy does.
  const copies: OnnxNode[] = [];
  const next = carried.map(({ next: value }, i): Value => {
    if (made.delete(value)) return value;
    const copy: Value = { ...value, name: `next${i}`, data: undefined };
    copies.push({ operator: "Identity", domain: "", inputs: [value], output: copy, attributes: {} });
    return copy;
  });
  const condition: Value = { name: "condition", dtype: "bool", shape: [], data: undefined };
  const again: Value = { ...condition, name: "again" };
  const loop: LoopNode = {
    operator: "Loop",
    inputs: [count, { name: "" }, ...carried.map(({ first }) => first)],
    outputs: carried.map(({ last }) => last),
    body: {
      nodes: [
        ...within,
        ...copies,
        { operator: "Identity", domain: "", inputs: [condition], output: again, attributes: {} },
      ],
      inputs: [iteration, condition, ...carried.map(({ given }) => given)],
      outputs: [again, ...next],
    },
  };
  const elsewhere = new Set([...within, ...behind]);
  return [...nodes.filter((node) => !elsewhere.has(node)), loop, ...behind];
}

/** The nodes that depend on some values. */
function followingFrom(nodes: readonly OnnxNode[], values: readonly Value[]): OnnxNode[] {
  const reached = new Set(values);
  return nodes.filter(({ inputs, output }) => {
    const depends = inputs.some((value) => reached.has(value));
    if (depends) reached.add(output);
    return depends;
  });
}
