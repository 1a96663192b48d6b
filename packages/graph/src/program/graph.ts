import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { formatShape } from "../errors.js";
import { printAttributes, type Tensor } from "./tensor.js";
import type { TensorType } from "./tensor-type.js";

/** A traced function: what it computes from its inputs, in an order in which it can be computed. */
export interface Graph {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Inputs, constants and operations that the outputs depend on, each after what it uses. */
  readonly order: readonly Tensor[];
}

/** The operations that some outputs depend on, inputs before users. Recursion-free: graphs are thousands deep. */
export function topologicalOrder(outputs: readonly Tensor[], stopAt?: ReadonlySet<Tensor>): Tensor[] {
  const seen = new Set<Tensor>();
  const pending = [...outputs];
  while (pending.length > 0) {
    const x = pending.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    if (!stopAt?.has(x)) pending.push(...x.inputs);
  }
  // An operation is newer than its inputs, so the order of creation is topological.
  return [...seen].sort((a, b) => a.id - b.id);
}

/**
 * The graph as text, one line per operation: `v3 = matmul(v0, v1) : float32[4, 2]`. Constants up to 8 values are shown.
 */
export function printGraph(graph: Graph): string {
  const names = new Map<Tensor, string>();
  graph.inputs.forEach((x, i) => {
    names.set(x, `input${i}`);
  });
  const lines = graph.inputs.map((x, i) => `input${i} : ${x}`);
  for (const x of graph.order) {
    if (names.has(x)) continue;
    const name = `v${names.size - graph.inputs.length}`;
    names.set(x, name);
    const attributes = Object.entries(x.attributes).map(
      ([key, value]) => `${key}=${Array.isArray(value) ? formatShape(value) : value}`,
    );
    const call = x.primitive
      ? `${x.primitive.name}(${[...x.inputs.map((source) => names.get(source)), ...attributes].join(", ")})`
      : `constant ${printConstant(x)}`;
    lines.push(`${name} = ${call} : ${x}`);
  }
  lines.push(`return ${graph.outputs.map((x) => names.get(x)).join(", ")}`);
  return lines.join("\n");
}

const printConstant = (x: Tensor): string =>
  x.size <= 8
    ? `[${[...(x.data as ArrayLike<unknown> & Iterable<unknown>)].map(String).join(", ")}]`
    : `${x.size} values`;

/**
 * A name for what a graph computes: SHA-256 of its operations, all constants included, in an order that follows from
 * the graph alone. Equal graphs have equal hashes, in whatever order and process they were written.
 */
export function hashGraph(graph: Graph): string {
  const names = new Map<Tensor, string>();
  const lines = graph.inputs.map((x, i) => {
    names.set(x, `i${i}`);
    return `${x}`;
  });
  const pending = [...graph.outputs].reverse();
  while (pending.length > 0) {
    const x = pending.at(-1)!;
    const before = pending.length;
    if (!names.has(x)) {
      for (let at = x.inputs.length - 1; at >= 0; at--) if (!names.has(x.inputs[at]!)) pending.push(x.inputs[at]!);
    }
    if (pending.length > before) continue;
    pending.pop();
    if (names.has(x)) continue;
    let line = x.primitive
      ? x.primitive.name + printAttributes(x.attributes)
      : `${x} ${bytesToHex(sha256(bytesOf(x)))}`;
    for (const source of x.inputs) line += ` ${names.get(source)}`;
    names.set(x, String(lines.length));
    lines.push(line);
  }
  lines.push(`return ${graph.outputs.map((x) => names.get(x)).join(" ")}`);
  return bytesToHex(sha256(utf8ToBytes(lines.join("\n"))));
}

function bytesOf(x: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = x.data!;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Types of a graph's inputs or outputs, as executors are told them. */
export function typesOf(tensors: readonly Tensor[]): TensorType[] {
  return tensors.map(({ dtype, shape }) => ({ dtype, shape }));
}
