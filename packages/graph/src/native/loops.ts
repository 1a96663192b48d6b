/** Functions of C that compute a stored node in loops: element by element, by places, or as a reduction. */
import {
  type IndexForm,
  type IndexGuard,
  indexBy,
  indexText,
  type LoopVariable,
  openGuards,
  ravelIndex,
} from "../program/index-form.js";
import { type DType, stridesOf } from "../program/tensor-type.js";
import { elementTypes, LoopBody, lanesOf, type Mode, modeFor, numberText, type Turn, typeIn } from "./loop-body.js";
import type { NativeNode } from "./nodes.js";
import {
  type AxisVariables,
  axisIndex,
  isLiteral,
  isShortReduction,
  mostTerms,
  splitting,
  variablesOf,
} from "./plan.js";
import type { NativeTarget } from "./target.js";
import { transposedCopy, transposedLines, transposeFunction } from "./transposition.js";

/** A function of C without its name: the arrays that it reads, and its lines. `y` points to the result. */
export interface NativeFunction {
  readonly reads: readonly NativeNode[];
  readonly body: string;
  /** Whether threads may each compute a part of it: number `part` of `parts`. */
  readonly inParts: boolean;
  /** Functions that it calls, by their names, each compiled once. */
  readonly kernels?: ReadonlyMap<string, string>;
  /** Functions that are compiled within it, by their names. */
  readonly inlined?: ReadonlyMap<string, string>;
}

/** Shorter rows are computed number by number. */
const shortRow = 3;

/** The types of all that is computed in the loops of a node. */
function typesInLoop(node: NativeNode, stored: ReadonlySet<NativeNode>): Set<DType> {
  const types = new Set<DType>([node.dtype]);
  const visit = (x: NativeNode): void => {
    types.add(x.dtype);
    if (!stored.has(x) && !isLiteral(x)) x.inputs.forEach(visit);
  };
  node.inputs.forEach(visit);
  return types;
}

/** Loops over all elements of a shape, of which `make` says what is done with each. */
interface Loops {
  readonly shape: readonly number[];
  /** Axes that are reduced. */
  readonly reduced: readonly number[];
  /** Where the result's element is, by the indices. */
  readonly place: (at: readonly IndexForm[]) => { readonly form: IndexForm; readonly guards: readonly IndexGuard[] };
  /** The element that is computed. */
  readonly value: (body: LoopBody, at: readonly IndexForm[]) => string;
}

/** An element that is computed, and where it goes. */
interface Result {
  readonly value: string;
  readonly place: { readonly form: IndexForm; readonly guards: readonly IndexGuard[] };
}

interface Written {
  readonly body: LoopBody;
  /** What a turn of the loops computes: several elements where they have much in common. */
  readonly results: readonly Result[];
  readonly variables: readonly LoopVariable[];
}

function written(
  node: NativeNode,
  stored: ReadonlySet<NativeNode>,
  loops: Loops,
  prefer: Mode,
  target: NativeTarget,
): Written & {
  readonly mode: Mode;
  readonly lanes: number;
  readonly along: LoopVariable | undefined;
  readonly isReduced: ReadonlySet<LoopVariable>;
} {
  let mode = prefer;
  for (;;) {
    const lanes = lanesOf(mode, target);
    let along: LoopVariable | undefined;
    const { result, axes } = splitting(loops.shape, "i", (_, variables) => {
      along = mode === "single" ? undefined : variables.flat().findLast(({ extent }) => extent > 1);
      const turn = (together: readonly LoopVariable[]) => {
        const body = new LoopBody(stored, node, mode, lanes, along);
        const results = turnsOf(variables, together).map((at): Result => {
          // Before the body: where it asks for loops to be split, nothing is lost.
          const place = loops.place(at);
          return { value: loops.value(body, at), place };
        });
        return { body, results, together };
      };
      return loops.reduced.length > 0 ? turn([]) : sharingMost(variables.flat(), along, turn);
    });
    const reducedAxes = new Set(loops.reduced);
    const isReduced = new Set(axes.flatMap((list, axis) => (reducedAxes.has(axis) ? list : [])));
    const left = axes.flat().filter((variable) => !result.together.includes(variable));
    const variables = joined(left, isReduced, result);
    const last = variables.at(-1);
    // What lies along a short row, or is placed along it with gaps or conditions, goes number by number.
    if (mode !== "single" && !isVectorizable(last, along, isReduced, result)) {
      mode = "single";
      continue;
    }
    return { ...result, variables, mode, lanes, along, isReduced };
  }
}

/** Indices of all axes in each turn of the loops of some variables, which are numbers in it. */
function turnsOf(axes: readonly AxisVariables[], together: readonly LoopVariable[]): IndexForm[][] {
  let turns: ReadonlyMap<LoopVariable, number>[] = [new Map()];
  for (const variable of together)
    turns = turns.flatMap((turn) => Array.from({ length: variable.extent }, (_, n) => new Map(turn).set(variable, n)));
  return turns.map((turn) => axes.map((variables) => axisIndex(variables, turn)));
}

/** Elements that one turn of a loop computes, at most. */
const mostTogether = 8;

/** The turn of loops of which short ones are written out, where their elements share what is computed. */
function sharingMost<T extends { readonly body: LoopBody }>(
  variables: readonly LoopVariable[],
  along: LoopVariable | undefined,
  turn: (together: readonly LoopVariable[]) => T,
): T {
  let best = turn([]);
  let together: readonly LoopVariable[] = [];
  for (const variable of [...variables].reverse()) {
    const { extent } = variable;
    if (variable === along || extent < 2 || extent > mostTerms) continue;
    const more = [variable, ...together];
    if (more.reduce((n, each) => n * each.extent, 1) > mostTogether) continue;
    const tried = turn(more);
    if (tried.body.operations >= best.body.operations * extent) continue;
    [best, together] = [tried, more];
  }
  return best;
}

function isVectorizable(
  last: LoopVariable | undefined,
  along: LoopVariable | undefined,
  isReduced: ReadonlySet<LoopVariable>,
  { results }: Pick<Written, "results">,
): boolean {
  if (!last || last !== along || last.extent <= shortRow) return false;
  if (isReduced.has(last)) return true;
  return results.every(({ place: { form, guards } }) => {
    if (guards.some((guard) => guard.form.terms.some(({ atom }) => atom.variables.has(last)))) return false;
    return form.terms.every(({ atom, factor }) => (atom === last ? factor === 1 : !atom.variables.has(last)));
  });
}

/** Loops that are as one for all that is read and written: the inner one goes through both. */
function joined(
  variables: readonly LoopVariable[],
  isReduced: ReadonlySet<LoopVariable>,
  { body, results }: Pick<Written, "body" | "results">,
): LoopVariable[] {
  const kept = variables.filter(({ extent }) => extent !== 1);
  const places = results.map(({ place }) => place);
  const forms = [...body.reads, ...places].map(({ form }) => form);
  const guards = [...body.reads, ...places].flatMap(({ guards: own }) => own);
  const factor = (form: IndexForm, variable: LoopVariable): number =>
    form.terms.find(({ atom }) => atom === variable)?.factor ?? 0;
  const isBare = (variable: LoopVariable): boolean =>
    forms.every(({ terms }) => terms.every(({ atom }) => atom === variable || !atom.variables.has(variable))) &&
    guards.every(({ form }) => form.terms.every(({ atom }) => !atom.variables.has(variable)));
  for (let at = kept.length - 2; at >= 0; at--) {
    const [outer, inner] = [kept[at]!, kept[at + 1]!];
    if (isReduced.has(outer) !== isReduced.has(inner) || !isBare(outer) || !isBare(inner)) continue;
    if (!forms.every((form) => factor(form, outer) === factor(form, inner) * inner.extent)) continue;
    for (const form of forms) {
      const terms = form.terms as { atom: unknown; factor: number }[];
      const place_ = terms.findIndex(({ atom }) => atom === outer);
      if (place_ >= 0) terms.splice(place_, 1);
    }
    inner.extent *= outer.extent;
    kept.splice(at, 1);
  }
  return kept;
}

/** Turns that are enough to be shared among threads. */
const manyTurns = 16;

/**
 * How many of the first loops threads share as one: as few as have many turns; 0 where none has two. So each thread computes
 * elements that lie side by side, as it does of products, and finds most of what it reads where it has made it.
 */
function sharedLoops(variables: readonly LoopVariable[]): number {
  let turns = 1;
  for (const [i, { extent }] of variables.entries()) {
    turns *= extent;
    if (turns >= manyTurns) return i + 1;
  }
  return turns > 1 ? variables.length : 0;
}

/**
 * A loop from 0, or over a thread's part of its turns.
 *
 * @param after turns that the last thread has to do after the loop
 */
export const forLoop = (text: string, turns: number, body: string, inParts = false, step = 1, after = 0): string => {
  const [from, to] = inParts ? partOf(turns, step, after) : ["0", String(turns * step)];
  return `for (long ${text} = ${from}; ${text} < ${to}; ${text} += ${step}) {\n${body}\n}`;
};

function partOf(turns: number, step: number, after = 0): [from: string, to: string] {
  const bound = (part: string): string => `${turns + after}L * ${part} / parts * ${step}`;
  const end = bound("(part + 1)");
  return [bound("part"), after > 0 ? `(part == parts - 1 ? ${turns * step} : ${end})` : end];
}

/** Loops around a body, the first of which threads may share. */
function inLoops(variables: readonly LoopVariable[], body: string, shared = 0): string {
  const inner = variables.slice(shared).reduceRight((lines, { text, extent }) => forLoop(text, extent, lines), body);
  const [first, ...others] = variables.slice(0, shared);
  if (!first) return inner;
  if (others.length === 0) return forLoop(first.text, first.extent, inner, true);
  let turns = 1;
  let indices = "";
  for (const { text, extent } of others.toReversed()) {
    indices += `const long ${text} = (uint32_t)turn / ${turns} % ${extent}; `;
    turns *= extent;
  }
  indices += `const long ${first.text} = (uint32_t)turn / ${turns};\n`;
  return forLoop("turn", turns * first.extent, indices + inner, true);
}

/** A loop in steps of vectors, and what is left over. */
function inVectors(
  variable: LoopVariable,
  lanes: number,
  unroll: number,
  turn: (turns: readonly Turn[]) => string,
  inParts = false,
): string {
  const { text, extent } = variable;
  const parts: string[] = [];
  const lastPart = (lines: string): string => (inParts ? `if (part == parts - 1) {\n${lines}\n}` : lines);
  let done = 0;
  for (const times of unroll > 1 ? [unroll, 1] : [1]) {
    const step = lanes * times;
    const end = done + Math.floor((extent - done) / step) * step;
    if (end === done) continue;
    const turns = Array.from({ length: times }, (_, i) => ({ offset: i * lanes, count: lanes }));
    if (done === 0) parts.push(forLoop(text, end / step, turn(turns), inParts, step));
    else
      parts.push(lastPart(`for (long ${text} = ${done}; ${text} < ${end}; ${text} += ${step}) {\n${turn(turns)}\n}`));
    done = end;
  }
  if (done < extent)
    parts.push(lastPart(`{ const long ${text} = ${done};\n${turn([{ offset: 0, count: extent - done }])}\n}`));
  return parts.join("\n");
}

function storing(
  pointer: string,
  { form, guards }: Result["place"],
  value: string,
  dtype: DType,
  mode: Mode,
  turn: Turn,
  adds: boolean,
): string {
  const type = typeIn(mode, dtype);
  const place = indexText(turn.offset === 0 ? form : { ...form, constant: form.constant + turn.offset });
  const test = guards.map(
    ({ form: where, low, high }) => `(${indexText(where)}) >= ${low} && (${indexText(where)}) < ${high}`,
  );
  const when = test.length > 0 ? `if (${test.join(" && ")}) ` : "";
  if (mode === "single") {
    const stored = dtype === "bool" ? `${value} & 1` : value;
    return `${when}${pointer}[${place}] ${adds ? "+=" : "="} ${stored};`;
  }
  if (dtype === "bool") return `${when}storeb_${type}(${pointer} + ${place}, ${value}, ${turn.count});`;
  const sum = adds ? `some_${type}(${pointer} + ${place}, ${turn.count}) + ${value}` : value;
  return `${when}store_${type}(${pointer} + ${place}, ${sum}, ${turn.count});`;
}

/** The function that computes a node element by element, or puts elements in places. */
function elementwiseFunction(
  node: NativeNode,
  stored: ReadonlySet<NativeNode>,
  loops: Loops,
  target: NativeTarget,
  adds: boolean,
): NativeFunction {
  const prefer = modeFor(typesInLoop(node, stored));
  const w = written(node, stored, loops, prefer, target);
  const outer = w.mode === "single" ? w.variables : w.variables.slice(0, -1);
  const one = (turn: Turn): string =>
    [
      w.body.text(turn),
      ...w.results.map(({ value, place }) => storing("y", place, value, node.dtype, w.mode, turn, adds)),
    ].join("\n");
  const along = w.variables.at(-1);
  const [{ place }] = w.results as [Result];
  if (w.mode !== "single" && !adds && place.guards.length === 0 && node.dtype !== "bool") {
    const copy = w.results.length === 1 && transposedCopy(w.body, place.form, w.variables, along!);
    if (copy) {
      const type = typeIn(w.mode, node.dtype);
      const others = outer.filter((variable) => variable !== copy.readAlong);
      const shared = sharedLoops(others);
      const lines = transposedLines(copy, place.form, along!, type, w.lanes);
      return {
        reads: [...w.body.pointers.keys()],
        body: inLoops(others, lines, shared),
        inParts: shared > 0,
        inlined: new Map([[`transpose_${type}`, transposeFunction(type, w.lanes)]]),
      };
    }
  }
  // What is added to may be the same element from two parts.
  const shared = adds ? 0 : sharedLoops(outer);
  const vectorsInParts = !adds && shared === 0 && w.mode !== "single" && along!.extent >= 2 * w.lanes;
  const inner =
    w.mode === "single"
      ? one({ offset: 0, count: 1 })
      : inVectors(along!, w.lanes, 1, ([turn]) => one(turn!), vectorsInParts);
  return {
    reads: [...w.body.pointers.keys()],
    body: inLoops(outer, inner, shared),
    inParts: shared > 0 || vectorsInParts,
  };
}

/** Accumulators of a reduction side by side. */
const sideBySide = 4;

function reductionFunction(
  node: NativeNode,
  stored: ReadonlySet<NativeNode>,
  combine: "sum" | "max",
  axes: readonly number[],
  target: NativeTarget,
): NativeFunction {
  const [input] = node.inputs as [NativeNode];
  const strides = stridesOf(node.shape);
  const loops: Loops = {
    shape: input.shape,
    reduced: axes,
    place: (at) => ({
      form: ravelIndex(
        at.filter((_, axis) => !axes.includes(axis)),
        strides,
      ),
      guards: [],
    }),
    value: (body, at) => body.value(input, at),
  };
  const w = written(node, stored, loops, modeFor(typesInLoop(node, stored)), target);
  const [{ value: term, place }] = w.results as [Result];
  const { dtype } = node;
  const type = typeIn(w.mode, dtype);
  const least = dtype.startsWith("float")
    ? numberText(Number.NEGATIVE_INFINITY, dtype)
    : dtype === "int32"
      ? "INT32_MIN"
      : "INT64_MIN";
  const start = combine === "sum" ? "0" : least;
  const initial = w.mode === "single" ? start : `splat_${type}(${start})`;
  const joinedBy = (a: string, b: string, of: string): string =>
    combine === "sum" ? `${a} + ${b}` : `larger_${of}(${a}, ${b})`;
  const kept = w.variables.filter((variable) => !w.isReduced.has(variable));
  const reduced = w.variables.filter((variable) => w.isReduced.has(variable));
  const reads = [...w.body.pointers.keys()];
  if (w.mode === "single") {
    const step = `${w.body.text({ offset: 0, count: 1 })}\nsum = ${joinedBy("sum", term, type)};`;
    const body = `${type} sum = ${initial};\n${inLoops(reduced, step)}\n${storing("y", place, "sum", dtype, "single", { offset: 0, count: 1 }, false)}`;
    const shared = sharedLoops(kept);
    return { reads, body: inLoops(kept, body, shared), inParts: shared > 0 };
  }
  const last = w.variables.at(-1)!;
  if (w.isReduced.has(last)) {
    // Along what is reduced: lanes hold sums of their own, which are joined at the end in one order.
    const outer = reduced.slice(0, -1);
    const step = (turns: readonly Turn[]): string =>
      turns
        .map((turn, i) => {
          const value = turn.count === w.lanes ? term : `keep_${type}(${term}, ${initial}, ${turn.count})`;
          return `{\n${w.body.text(turn)}\nsum${i} = ${joinedBy(`sum${i}`, value, type)};\n}`;
        })
        .join("\n");
    const unroll = last.extent >= sideBySide * w.lanes ? sideBySide : 1;
    const sums = Array.from({ length: unroll }, (_, i) => `${type} sum${i} = ${initial};`).join(" ");
    const element = elementTypes[dtype];
    const joins = Array.from({ length: unroll - 1 }, (_, i) => `sum0 = ${joinedBy("sum0", `sum${i + 1}`, type)};`).join(
      " ",
    );
    const total = `${joins}
const ${element} total = ${combine === "sum" ? "sum" : "largest"}_${type}(sum0);`;
    const body = `${sums}\n${inLoops(outer, inVectors(last, w.lanes, unroll, step))}\n${total}\n${storing("y", place, "total", dtype, "single", { offset: 0, count: 1 }, false)}`;
    const shared = sharedLoops(kept);
    return { reads, body: inLoops(kept, body, shared), inParts: shared > 0 };
  }
  // Along what is kept: each lane is a result.
  const block = (turns: readonly Turn[]): string => {
    const sums = turns.map((_, i) => `${type} sum${i} = ${initial};`).join(" ");
    const step = turns
      .map((turn, i) => `{\n${w.body.text(turn)}\nsum${i} = ${joinedBy(`sum${i}`, term, type)};\n}`)
      .join("\n");
    const stores = turns.map((turn, i) => storing("y", place, `sum${i}`, dtype, w.mode, turn, false)).join("\n");
    return `${sums}\n${inLoops(reduced, step)}\n${stores}`;
  };
  const outer = kept.slice(0, -1);
  const shared = sharedLoops(outer);
  // Few vectors in all: half of them at once, so that there is a part for another thread.
  const isNarrow = shared === 0 && last.extent === sideBySide * w.lanes;
  const vectorsInParts = shared === 0 && last.extent >= 2 * w.lanes;
  const vectors = inVectors(last, w.lanes, isNarrow ? sideBySide / 2 : sideBySide, block, vectorsInParts);
  return { reads, body: inLoops(outer, vectors, shared), inParts: shared > 0 || vectorsInParts };
}

/** The function of a stored node that is computed in loops. */
export function loopFunction(
  node: NativeNode,
  stored: ReadonlySet<NativeNode>,
  target: NativeTarget,
): NativeFunction[] {
  const { rule, inputs, attributes } = node;
  if (rule?.kind === "reduction" && !isShortReduction(node))
    return [reductionFunction(node, stored, rule.combine, rule.axes(attributes), target)];
  if (rule?.kind === "placed") {
    const fill = rule.fill?.(attributes);
    const strides = stridesOf(node.shape);
    const parts = inputs.map((input, operand) =>
      elementwiseFunction(
        node,
        stored,
        {
          shape: input.shape,
          reduced: [],
          place: (at) => {
            const { at: where, guards = [] } = rule.place(operand, at, inputs, attributes);
            return { form: ravelIndex(where, strides), guards: openGuards(guards) ?? guards };
          },
          value: (body, at) => body.value(input, at),
        },
        target,
        rule.adds,
      ),
    );
    if (fill === undefined) return parts;
    const box = rule.adds ? undefined : boxOf(node, rule.place);
    return [box ? filledAround(node, box, fill) : filled(node, fill), ...parts];
  }
  const strides = stridesOf(node.shape);
  return [
    elementwiseFunction(
      node,
      stored,
      {
        shape: node.shape,
        reduced: [],
        place: (at) => ({ form: ravelIndex(at, strides), guards: [] }),
        value: (body, at) => body.value(node, at),
      },
      target,
      false,
    ),
  ];
}

type PlacedRule = Extract<NonNullable<NativeNode["rule"]>, { readonly kind: "placed" }>;

/** Where one operand lies as it is within an array, on each axis. */
interface Box {
  readonly start: readonly number[];
  readonly size: readonly number[];
}

/** The box that a single operand goes to; undefined where it goes elsewhere, or with gaps. */
function boxOf(node: NativeNode, place: PlacedRule["place"]): Box | undefined {
  const [input, ...others] = node.inputs as [NativeNode];
  if (others.length > 0 || input.shape.length !== node.shape.length) return undefined;
  const variables = variablesOf("p", input.shape);
  const { at, guards = [] } = place(0, variables.map(indexBy), node.inputs, node.attributes);
  const isBox = at.every(({ terms }, axis) =>
    input.shape[axis] === 1
      ? terms.length === 0
      : terms.length === 1 && terms[0]!.atom === variables[axis] && terms[0]!.factor === 1,
  );
  const isInside = node.shape.some((extent, axis) => extent !== input.shape[axis]);
  return isBox && isInside && guards.length === 0
    ? { start: at.map(({ constant }) => constant), size: input.shape }
    : undefined;
}

/** One number everywhere but in a box. */
function filledAround(node: NativeNode, { start, size }: Box, value: number): NativeFunction {
  const { shape } = node;
  const strides = stridesOf(shape);
  const isOpen = (axis: number): boolean => size[axis] !== shape[axis];
  const last = shape.findLastIndex((_, axis) => isOpen(axis));
  const first = shape.findIndex((_, axis) => isOpen(axis));
  /** Before and after the box on an axis, and the same within each of its turns on the axes that follow. */
  const around = (axis: number): string => {
    if (axis > last) return "";
    const stride = strides[axis]!;
    const [from, to] = [start[axis]!, start[axis]! + size[axis]!];
    const run = (at: number, turns: number): string =>
      turns === 0 ? "" : fillText(node, `p${axis} + ${at * stride}`, String(turns * stride), value);
    const own = isOpen(axis) ? [run(0, from), run(to, shape[axis]! - to)] : [];
    const inner = around(axis + 1);
    const turns = `for (long i${axis} = ${from}; i${axis} < ${to}; i${axis}++) {\n${type} *p${axis + 1} = p${axis} + i${axis} * ${stride};\n${inner}\n}`;
    return [...own, ...(inner ? [turns] : [])].filter(Boolean).join("\n");
  };
  const type = elementTypes[node.dtype];
  // The axes before the first that has an edge are one, whose turns threads share.
  const outer = shape.slice(0, first).reduce((n, extent) => n * extent, 1);
  const inParts = outer > 1;
  const each = `${type} *p${first} = y + n * ${shape[first]! * strides[first]!};\n${around(first)}`;
  return { reads: [], body: forLoop("n", outer, each, inParts), inParts };
}

/** So many elements from a place on, all of which are one number. */
function fillText({ dtype }: NativeNode, place: string, count: string, value: number): string {
  if (value === 0 && !Object.is(value, -0)) return `memset(${place}, 0, (${count}) * sizeof(${elementTypes[dtype]}));`;
  const number = dtype === "bool" ? String(value === 0 ? 0 : 1) : numberText(value, dtype);
  return `for (long m = 0; m < ${count}; m++) (${place})[m] = ${number};`;
}

/** One number everywhere. */
export function filled(node: NativeNode, value: number): NativeFunction {
  const [from, to] = partOf(node.size, 1);
  return { reads: [], body: fillText(node, `y + ${from}`, `${to} - ${from}`, value), inParts: true };
}
