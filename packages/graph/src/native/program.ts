/** A whole graph as one file of C, with the memory that it needs. */
import { formatShape } from "../errors.js";
import type { Graph } from "../program/graph.js";
import { bytesPerElement } from "../program/tensor-type.js";
import { elementTypes } from "./loop-body.js";
import { filled, loopFunction, type NativeFunction } from "./loops.js";
import { type NativeNode, nativeGraph } from "./nodes.js";
import { type Product, planned } from "./plan.js";
import { prelude } from "./prelude.js";
import { productFunction } from "./products.js";
import { FunctionsByStructure, structureOf, structureOfProduct } from "./structure.js";
import type { NativeTarget } from "./target.js";
import { type Call, callTable, member, type Place, team } from "./team.js";

/** A program in C: `int program(const void *const in[], void *const out[], const char *constants, char *workspace)`. */
export interface NativeProgram {
  readonly source: string;
  /** Values of the arrays that stand in the program, 64 bytes aligned. */
  readonly constants: Uint8Array;
  /** Bytes of memory for what is neither input nor output. */
  readonly workspaceBytes: number;
  /** Additions and multiplications, and those of them that are in products. */
  readonly operations: number;
  readonly productOperations: number;
  /** Calls of functions in one run. */
  readonly calls: number;
  /** A line for each call: what it makes, the operations that are computed in its loops, and the arrays that it reads. */
  readonly outline: readonly string[];
}

/** A program of many functions may be compiled as several files of the same text, each with its PART of PARTS. */
const linkage = `#ifdef PARTS
#define OURS __attribute__((visibility("hidden"), noinline))
#else
#define PARTS 1
#define PART 0
#define OURS static __attribute__((noinline))
#endif`;

const alignment = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
const bytesOf = ({ size, dtype }: NativeNode): number => size * bytesPerElement[dtype];

/** The C of a simplified graph. */
export function nativeProgram(graph: Graph, target: NativeTarget): NativeProgram {
  const all = nativeGraph(graph);
  const { stored, products } = planned(all);
  const functions = new Map<string, string>();
  const calls: Call[] = [];
  const kernels = new Map<string, string>();
  const inlined = new Map<string, string>();
  const written = new FunctionsByStructure();
  const call = (node: NativeNode, { reads, body, inParts, ...called }: NativeFunction): void => {
    for (const [name, text] of called.kernels ?? []) kernels.set(name, text);
    for (const [name, text] of called.inlined ?? []) inlined.set(name, text);
    const types = reads.map((read, i) => `const ${elementTypes[read.dtype]} *restrict x${i}, `).join("");
    const ends = `${elementTypes[node.dtype]} *restrict y${inParts ? ", const long part, const long parts" : ""}`;
    const text = `(${types}${ends}) {\n${body}\nreturn 0;\n}`;
    let name = functions.get(text);
    if (name === undefined) {
      name = `f${functions.size}`;
      functions.set(text, name);
    }
    calls.push({ node, reads, name, inParts });
  };
  for (const node of all.order) {
    const { rule } = node;
    if (!rule || !stored.has(node) || node.size === 0) continue;
    if (rule.kind === "contraction") {
      if (rule.isPartial?.(node.attributes)) call(node, filled(node, 0));
      for (const product of products.get(node)!)
        for (const one of written.of(structureOfProduct(node, product), () => [productFunction(node, product, target)]))
          call(node, one);
    } else if (rule.kind === "statements") call(node, statements(node));
    else
      for (const one of written.of(structureOf(node, stored), () => loopFunction(node, stored, target)))
        call(node, one);
  }
  // Constants, inputs and outputs have places of their own.
  const place = new Map<NativeNode, Place>();
  all.inputs.forEach((node, i) => {
    place.set(node, ["in", i]);
  });
  const constants: NativeNode[] = [];
  let constantBytes = 0;
  for (const node of all.order) {
    if (!node.tensor.data || !(stored.has(node) || all.outputs.includes(node))) continue;
    place.set(node, ["constants", constantBytes]);
    constants.push(node);
    constantBytes += aligned(bytesOf(node));
  }
  const copies: string[] = [];
  all.outputs.forEach((node, i) => {
    const known = place.get(node);
    if (!known) place.set(node, ["out", i]);
    else {
      const [base, at] = known;
      const from = base === "constants" ? `constants + ${at}` : `${base}[${at}]`;
      copies.push(`memcpy(out[${i}], ${from}, ${bytesOf(node)});`);
    }
  });
  const workspaceBytes = placedInWorkspace(calls, place);
  const ours = [...kernels.values(), ...[...functions].map(([text, name]) => `int ${name}${text}`)].map(
    (text) => `OURS ${text}`,
  );
  const source = [
    prelude(target),
    linkage,
    ...inlined.values(),
    ...ours.map((text) => `${text.slice(0, text.indexOf(" {"))};`),
    ...ours.flatMap((text, i) => [`#if ${i} % PARTS == PART`, text, "#endif"]),
    "#if PART == 0",
    team,
    callTable(calls, place, target),
    member(copies),
    "#endif\n",
  ].join("\n");
  const data = new Uint8Array(constantBytes);
  let at = 0;
  for (const node of constants) {
    const { buffer, byteOffset } = node.tensor.data!;
    data.set(new Uint8Array(buffer, byteOffset, bytesOf(node)), at);
    at += aligned(bytesOf(node));
  }
  const made = [...new Set(calls.map(({ node }) => node))];
  const productOperations = made.reduce((sum, node) => sum + 2 * multiplications(products.get(node) ?? []), 0);
  const others = made.reduce((sum, node) => sum + (products.has(node) ? 0 : loopOperations(node)), 0);
  return {
    source,
    constants: data,
    workspaceBytes,
    operations: others + productOperations,
    productOperations,
    calls: calls.length,
    outline: calls.map((call) => outlined(call, stored)),
  };
}

function outlined({ node, reads, name }: Call, stored: ReadonlySet<NativeNode>): string {
  const type = ({ dtype, shape }: NativeNode): string => `${dtype}${formatShape(shape)}`;
  const operations = new Map<string, number>();
  const seen = new Set<NativeNode>();
  const visit = (x: NativeNode): void => {
    if (seen.has(x)) return;
    seen.add(x);
    const operation = x.tensor.primitive?.name;
    if (operation !== undefined) operations.set(operation, (operations.get(operation) ?? 0) + 1);
    for (const input of x.inputs) if (!stored.has(input)) visit(input);
  };
  visit(node);
  const all = [...operations].map(([operation, count]) => (count === 1 ? operation : `${count} ${operation}`));
  return `${name}: ${type(node)} by ${all.join(", ")}${reads.length > 0 ? ` of ${reads.map(type).join(", ")}` : ""}`;
}

const multiplications = (products: readonly Product[]): number =>
  products.reduce((all, { batch, rows, sums, columns }) => {
    const loops = [...batch, ...rows, ...sums, columns];
    return all + loops.reduce((n, { extent }) => n * extent, 1);
  }, 0);

/** An operation for each element that is written, or read to be joined. */
const loopOperations = ({ rule, inputs, size }: NativeNode): number =>
  rule?.kind === "reduction" ? inputs[0]!.size : size;

function statements(node: NativeNode): NativeFunction {
  const { rule, inputs, attributes } = node;
  if (rule?.kind !== "statements") throw new TypeError("no statements");
  const reads = [...new Set(inputs)];
  const types = inputs.map(({ dtype }, i) => `typedef ${elementTypes[dtype]} T${i};`);
  // The same array may be read as two operands.
  const names = inputs.map((input, i) => `const T${i} *x${i}_ = x${reads.indexOf(input)};`);
  const text = rule.write(inputs, attributes, node).replace(/\bx(\d+)\b/g, "x$1_");
  const body = [...types, `typedef ${elementTypes[node.dtype]} T;`, ...names, text].join("\n");
  return { reads, body, inParts: false };
}

/** Gives what calls make places in one block of memory, from the first call that makes to the last that reads. */
function placedInWorkspace(calls: readonly Call[], place: Map<NativeNode, Place>): number {
  const first = new Map<NativeNode, number>();
  const last = new Map<NativeNode, number>();
  calls.forEach(({ node, reads }, i) => {
    if (!first.has(node)) first.set(node, i);
    for (const each of [node, ...reads]) last.set(each, i);
  });
  /** What is live, by place. */
  let live: { readonly from: number; readonly to: number; readonly until: number }[] = [];
  let end = 0;
  for (const [node, at] of first) {
    if (place.has(node)) continue;
    const bytes = aligned(bytesOf(node));
    live = live.filter(({ until }) => until >= at);
    // The smallest gap that it fits.
    let [from, best] = [-1, Number.POSITIVE_INFINITY];
    let edge = 0;
    for (const block of live) {
      const gap = block.from - edge;
      if (gap >= bytes && gap < best) [from, best] = [edge, gap];
      edge = Math.max(edge, block.to);
    }
    if (from < 0) from = edge;
    const block = { from, to: from + bytes, until: last.get(node)! };
    const next = live.findIndex((other) => other.from > from);
    live.splice(next < 0 ? live.length : next, 0, block);
    end = Math.max(end, from + bytes);
    place.set(node, ["workspace", from]);
  }
  return end;
}
