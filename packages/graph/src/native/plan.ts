/**
 * Which nodes are kept in memory. All others are computed where they are read, in their readers' loops: views always,
 * arithmetic where computing it again costs less than writing and reading it.
 */
import {
  type Access,
  addIndex,
  type IndexForm,
  indexBy,
  indexOf,
  LoopVariable,
  openGuards,
  ravelIndex,
  SplitRequest,
  scaleIndex,
} from "../program/index-form.js";
import type { Contraction } from "../program/native-rule.js";
import { stridesOf } from "../program/tensor-type.js";
import type { NativeGraph, NativeNode } from "./nodes.js";

/** Additions that one element may take in a reader's loop, at most. */
const mostCost = 48;
/** Elements at most that a reduction in a reader's loop joins, or that one turn of a loop computes together. */
export const mostTerms = 4;
/** Additions that may be computed once more, rather than kept. */
const mostRepeated = 8;

export interface Plan {
  readonly stored: ReadonlySet<NativeNode>;
  /** The products of contractions, with the places of their elements. */
  readonly products: ReadonlyMap<NativeNode, readonly Product[]>;
}

/** A loop of a product, and what an array's place moves by with each of its turns. */
export interface Dimension {
  readonly extent: number;
  readonly a: number;
  readonly b: number;
  readonly out: number;
}

/** A contraction in strides. */
export interface Product {
  readonly a: NativeNode;
  readonly b: NativeNode;
  readonly startA: number;
  readonly startB: number;
  readonly startOut: number;
  readonly batch: readonly Dimension[];
  readonly rows: readonly Dimension[];
  readonly sums: readonly Dimension[];
  /** Its stride in b and in the result is 1. */
  readonly columns: Dimension;
}

/** A number that stands in the program itself. */
export const isLiteral = ({ tensor, size }: NativeNode): boolean => tensor.data !== undefined && size === 1;

/** What a node reads through, where it is nothing but the place of another's element. */
export function accessOf(node: NativeNode, at: readonly IndexForm[]): Access | undefined {
  const { rule, inputs, attributes } = node;
  if (rule?.kind === "view") return rule.access(at, inputs, attributes);
  if (rule?.kind === "placed" && inputs.length === 1) return rule.access?.(at, inputs, attributes);
  return undefined;
}

export function planned(graph: NativeGraph): Plan {
  const stored = new Set<NativeNode>();
  const products = new Map<NativeNode, readonly Product[]>();
  const outputs = new Set(graph.outputs);
  /** Additions for one element, and the arrays that are read for it, where it is not stored. */
  const cost = new Map<NativeNode, { readonly additions: number; readonly arrays: ReadonlySet<NativeNode> }>();
  const costOf = (node: NativeNode) =>
    stored.has(node)
      ? { additions: 0, arrays: new Set([node]) }
      : (cost.get(node) ?? { additions: 0, arrays: new Set<NativeNode>() });
  const store = (node: NativeNode): void => {
    if (!isLiteral(node)) stored.add(node);
  };
  /** Whether every element of it lies in one stored array, or is a fill. */
  const isReadThrough = (node: NativeNode): boolean => {
    if (stored.has(node)) return true;
    const { rule, inputs } = node;
    return rule?.kind === "view" && !isGuarded(node) && !isLiteral(inputs[0]!) && isReadThrough(inputs[0]!);
  };
  for (const node of graph.order) {
    const { rule, inputs } = node;
    if (!rule) {
      store(node);
      continue;
    }
    // Single numbers, too: statements read arrays.
    if (rule.kind === "statements") for (const input of inputs) stored.add(input);
    if (rule.kind === "contraction") products.set(node, productsOf(node, isReadThrough, stored));
    const guarded = isGuarded(node);
    // What puts elements in places goes through those of its operands, where it is kept.
    if (rule.kind === "placed" && (!guarded || outputs.has(node) || isReadByProducts(node) || isReadByMany(node))) {
      store(node);
      continue;
    }
    if (guarded && !isReadThrough(inputs[0]!)) store(inputs[0]!);
    let additions = rule.kind === "map" ? rule.cost : rule.kind === "cast" ? 1 : 0;
    const arrays = new Set<NativeNode>();
    for (const input of inputs) {
      const repeats = node.size / input.size;
      const inTurn = rule.kind === "map" && repeats <= mostTerms && costOf(input).additions <= mostCost;
      // What repeats is computed once: beforehand, but where it repeats a few times, which one turn of a loop computes.
      if (repeats > 1.5 && costOf(input).additions > 0 && !inTurn) store(input);
      const own = costOf(input);
      additions += own.additions / (inTurn ? Math.max(1, repeats) : 1);
      for (const array of own.arrays) arrays.add(array);
    }
    if (isShortReduction(node)) additions = (additions + 1) * termsOf(node);
    cost.set(node, { additions, arrays });
    const isComputedWithReaders = ["map", "cast", "view", "placed"].includes(rule.kind) || isShortReduction(node);
    if (outputs.has(node) || !isComputedWithReaders) store(node);
    else if (additions > mostCost || arrays.size > 12) store(node);
    else if (additions > 0 && readers(node) > 1) {
      // What is read for one element, in elements, whether it is computed by each reader or kept.
      const read = [...arrays].reduce(
        (sum, { size }) => sum + (size * 2 > node.size ? Math.max(1, size / node.size) : 0),
        0,
      );
      const uses = readers(node);
      if (uses * read > read + 1 + uses || additions * (uses - 1) > mostRepeated) store(node);
    }
  }
  return { stored, products };
}

/** Whether products read it, through views. */
const isReadByProducts = ({ users }: NativeNode): boolean =>
  users.some((user) => user.rule?.kind === "contraction" || (user.rule?.kind === "view" && isReadByProducts(user)));

const isReadByMany = ({ users }: NativeNode): boolean => users.some((user) => user.users.length > 1);

/** Whether it joins few elements, which do not lie side by side: they are computed one after the other, where it is read. */
export function isShortReduction(node: NativeNode): boolean {
  const { rule, inputs, attributes, size } = node;
  if (rule?.kind !== "reduction" || size <= 1) return false;
  const terms = termsOf(node);
  return (
    terms >= 1 && terms <= mostTerms && !rule.axes(attributes).includes(inputs[0]!.shape.findLastIndex((n) => n > 1))
  );
}

/** The elements that a reduction joins in one. */
const termsOf = ({ inputs, size }: NativeNode): number => inputs[0]!.size / size;

/** How often a node is read, through views. */
function readers(node: NativeNode): number {
  let count = 0;
  for (const user of node.users) count += user.rule?.kind === "view" ? Math.max(1, readers(user)) : 1;
  return count;
}

/** Whether some of its elements are fills. */
function isGuarded(node: NativeNode): boolean {
  if (node.rule?.kind === "placed") return node.rule.access !== undefined && node.inputs.length === 1;
  if (node.rule?.kind !== "view") return false;
  return splitting(node.shape, "g", (at) => {
    const { guards = [] } = accessOf(node, at)!;
    return openGuards(guards)?.length !== 0;
  }).result;
}

/** A variable for each axis. */
export const variablesOf = (prefix: string, shape: readonly number[]): LoopVariable[] =>
  shape.map((extent, axis) => new LoopVariable(`${prefix}${axis}`, extent));

/** The variables of an axis: more than one where it was split, outer before inner. */
export type AxisVariables = readonly LoopVariable[];

/** The index of an axis by its variables, some of which may be numbers. */
export function axisIndex(variables: AxisVariables, numbers: ReadonlyMap<LoopVariable, number> = new Map()): IndexForm {
  let inner = 1;
  let form = indexOf(0);
  for (const variable of [...variables].reverse()) {
    const number = numbers.get(variable);
    form = addIndex(form, scaleIndex(number === undefined ? indexBy(variable) : indexOf(number), inner));
    inner *= variable.extent;
  }
  return form;
}

/** What is made of indices, with axes in as many loops as it asks for. */
export function splitting<T>(
  shape: readonly number[],
  prefix: string,
  make: (at: readonly IndexForm[], axes: readonly AxisVariables[]) => T,
): { readonly result: T; readonly axes: readonly AxisVariables[] } {
  const axes: LoopVariable[][] = variablesOf(prefix, shape).map((variable) => [variable]);
  for (;;) {
    try {
      return {
        result: make(
          axes.map((variables) => axisIndex(variables)),
          axes,
        ),
        axes,
      };
    } catch (error) {
      if (!(error instanceof SplitRequest)) throw error;
      const { variable, inner } = error;
      const axis = axes.find((variables) => variables.includes(variable));
      if (!axis) throw error;
      const outer = new LoopVariable(`${variable.text}o`, variable.extent / inner);
      axis.splice(axis.indexOf(variable), 1, outer, new LoopVariable(`${variable.text}i`, inner));
    }
  }
}

/** The place of an element in the stored array that it is read from; undefined where that is no sum of variables. */
function placeIn(
  node: NativeNode,
  at: readonly IndexForm[],
  stored: ReadonlySet<NativeNode>,
): { readonly array: NativeNode; readonly form: IndexForm } | undefined {
  if (stored.has(node)) {
    const form = ravelIndex(at, stridesOf(node.shape));
    return form.terms.every(({ atom }) => atom instanceof LoopVariable) ? { array: node, form } : undefined;
  }
  const access = accessOf(node, at);
  if (!access || openGuards(access.guards ?? [])?.length !== 0) return undefined;
  return placeIn(node.inputs[0]!, access.at, stored);
}

function productsOf(
  node: NativeNode,
  isReadThrough: (node: NativeNode) => boolean,
  stored: Set<NativeNode>,
): readonly Product[] {
  const { rule, inputs, attributes } = node;
  if (rule?.kind !== "contraction") throw new TypeError("no contraction");
  const [a, b] = inputs as [NativeNode, NativeNode];
  for (const operand of [a, b]) {
    // A single number in the program itself has no place to read from.
    if (isLiteral(operand)) stored.add(operand);
    else if (!isReadThrough(operand)) stored.add(operand);
  }
  return rule.products(inputs, attributes, node).map((contraction) => {
    for (let attempt = 0; ; attempt++) {
      const product = inStrides(node, contraction, stored);
      if (typeof product !== "string") return product;
      stored.add(product === "a" ? a : b);
      if (attempt > 2) throw new Error("a product without strides");
    }
  });
}

/** A contraction in strides, or which operand has none. */
function inStrides(node: NativeNode, c: Contraction, stored: ReadonlySet<NativeNode>): Product | "a" | "b" {
  const [a, b] = node.inputs as [NativeNode, NativeNode];
  const shape = [...c.batch, ...c.rows, ...c.sums, c.columns];
  const [rows, sums, columns] = [c.batch.length, c.batch.length + c.rows.length, shape.length - 1];
  const { result, axes } = splitting(shape, "c", (at) => {
    const [batch, row, sum, column] = [at.slice(0, rows), at.slice(rows, sums), at.slice(sums, columns), at[columns]!];
    const inA = placeIn(a, c.a(batch, row, sum), stored);
    const inB = placeIn(b, c.b(batch, sum, column), stored);
    const out = ravelIndex(c.out(batch, row, column), stridesOf(node.shape));
    return { inA, inB, out };
  });
  const { inA, inB, out } = result;
  if (!inA) return "a";
  if (!inB) return "b";
  const factorOf = ({ terms }: IndexForm, variable: LoopVariable): number =>
    terms.find(({ atom }) => atom === variable)?.factor ?? 0;
  const dimensions = (variables: readonly AxisVariables[]): Dimension[] =>
    merged(
      variables.flat().flatMap((variable) =>
        variable.extent === 1
          ? []
          : [
              {
                extent: variable.extent,
                a: factorOf(inA.form, variable),
                b: factorOf(inB.form, variable),
                out: factorOf(out, variable),
              },
            ],
      ),
    );
  const [column, ...more] = dimensions(axes.slice(columns));
  if (more.length > 0 || (column && column.b !== 1)) return "b";
  const batch = dimensions(axes.slice(0, rows));
  const row = dimensions(axes.slice(rows, sums));
  // Groups that read the same right side are rows.
  while (batch.length > 0 && batch.at(-1)!.b === 0) row.unshift(batch.pop()!);
  return {
    a: inA.array,
    b: inB.array,
    startA: inA.form.constant,
    startB: inB.form.constant,
    startOut: out.constant,
    batch,
    rows: merged(row),
    sums: dimensions(axes.slice(sums, columns)),
    columns: column ?? { extent: c.columns, a: 0, b: 1, out: 1 },
  };
}

/** Loops, of which an inner and an outer are one where all places move as one's would. */
function merged(dimensions: readonly Dimension[]): Dimension[] {
  const out: Dimension[] = [];
  for (const inner of dimensions) {
    const outer = out.at(-1);
    const fits = outer && (["a", "b", "out"] as const).every((key) => outer[key] === inner[key] * inner.extent);
    if (fits) out[out.length - 1] = { ...inner, extent: inner.extent * outer.extent };
    else out.push(inner);
  }
  return out;
}
