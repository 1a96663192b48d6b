/** What one turn of a loop computes, in C: an element, or as many as a vector holds, of a node and of all that is computed with it. */
import {
  type Access,
  addIndex,
  type IndexForm,
  type IndexGuard,
  indexOf,
  indexText,
  type LoopVariable,
  openGuards,
  ravelIndex,
} from "../program/index-form.js";
import { broadcastIndex } from "../program/primitives/shape.js";
import { type DType, stridesOf } from "../program/tensor-type.js";
import type { NativeNode } from "./nodes.js";
import { accessOf, isLiteral } from "./plan.js";
import type { NativeTarget } from "./target.js";

/** How numbers are held: in vectors of 32-bit or 64-bit numbers, or one by one. */
export type Mode = "32" | "64" | "single";

const suffixes: Readonly<Record<Mode, Readonly<Record<DType, string>>>> = {
  "32": { float32: "vf", int32: "vi", bool: "vi", float64: "", int64: "" },
  "64": { float64: "vd", int64: "vl", bool: "vl", float32: "", int32: "" },
  single: { float32: "f", float64: "d", int32: "i", int64: "l", bool: "m" },
};

/** Types of elements in memory. */
export const elementTypes: Readonly<Record<DType, string>> = {
  float32: "float",
  float64: "double",
  int32: "int32_t",
  int64: "int64_t",
  bool: "uint8_t",
};

export const lanesOf = (mode: Mode, { vectorBytes }: NativeTarget): number =>
  mode === "32" ? vectorBytes / 4 : mode === "64" ? vectorBytes / 8 : 1;

/** The widest way in which numbers of all these types can be held. */
export function modeFor(types: Iterable<DType>): Mode {
  const all = [...types];
  if (all.every((dtype) => suffixes["32"][dtype] !== "")) return "32";
  if (all.every((dtype) => suffixes["64"][dtype] !== "")) return "64";
  return "single";
}

export const typeIn = (mode: Mode, dtype: DType): string => suffixes[mode][dtype];

/** A read of a stored array. */
interface Read {
  readonly form: IndexForm;
  readonly guards: readonly IndexGuard[];
}

/** Where a line is: after how many elements of the vector's variable, and how many there are. */
export interface Turn {
  readonly offset: number;
  readonly count: number;
}

type Line = (turn: Turn) => string;

/** The lines of a loop's body; they are written once it is known how the loops are joined. */
export class LoopBody {
  readonly reads: Read[] = [];
  private readonly lines: Line[] = [];
  private readonly known = new Map<string, string>();
  /** Parameters by the nodes whose arrays they point to. */
  readonly pointers = new Map<NativeNode, string>();

  constructor(
    private readonly stored: ReadonlySet<NativeNode>,
    private readonly root: NativeNode,
    readonly mode: Mode,
    private readonly lanes: number,
    /** The variable along which a vector lies. */
    private readonly along: LoopVariable | undefined,
  ) {}

  pointer(node: NativeNode): string {
    let name = this.pointers.get(node);
    if (name === undefined) {
      name = `x${this.pointers.size}`;
      this.pointers.set(node, name);
    }
    return name;
  }

  /** The C expression of a node's element. */
  value(node: NativeNode, at: readonly IndexForm[]): string {
    if (isLiteral(node) && !this.stored.has(node)) return this.literal(node);
    const key = `${node.id} ${at.map(indexText).join()}`;
    let name = this.known.get(key);
    if (name === undefined) {
      name = this.computed(node, at);
      this.known.set(key, name);
    }
    return name;
  }

  private computed(node: NativeNode, at: readonly IndexForm[]): string {
    if (this.stored.has(node) && node !== this.root) return this.read(node, at, [], 0);
    const { rule, inputs } = node;
    const access = accessOf(node, at);
    if (access) return this.through(inputs[0]!, access, node.dtype);
    if (rule?.kind === "cast") {
      const [from, to] = [inputs[0]!.dtype, node.dtype];
      return this.kept(to, converted(this.mode, from, to, this.value(inputs[0]!, at)));
    }
    if (rule?.kind === "reduction") {
      const terms = this.terms(node, at);
      const type = typeIn(this.mode, node.dtype);
      return terms.reduce((sum, term) =>
        this.kept(node.dtype, rule.combine === "sum" ? `${sum} + ${term}` : `larger_${type}(${sum}, ${term})`),
      );
    }
    if (rule?.kind !== "map") throw new TypeError(`${node.tensor.primitive?.name} is not computed element by element`);
    const operands = inputs.map((input) => this.value(input, broadcastIndex(at, input.shape)));
    const type = typeIn(this.mode, inputs.at(-1)!.dtype);
    const text = rule.expression
      .replaceAll("@", type)
      .replace(/\$(\d)/g, (_, place: string) => operands[Number(place)]!);
    return this.kept(node.dtype, text);
  }

  /** The elements that a reduction joins, in their order. */
  private terms({ rule, inputs, attributes }: NativeNode, at: readonly IndexForm[]): string[] {
    if (rule?.kind !== "reduction") throw new TypeError("no reduction");
    const [input] = inputs as [NativeNode];
    const axes = rule.axes(attributes);
    const kept = [...at];
    let places: IndexForm[][] = [[]];
    input.shape.forEach((extent, axis) => {
      const along = axes.includes(axis) ? Array.from({ length: extent }, (_, n) => indexOf(n)) : [kept.shift()!];
      places = places.flatMap((place) => along.map((index) => [...place, index]));
    });
    return places.map((place) => this.value(input, place));
  }

  /** An element that is another's, or a fill. */
  private through(input: NativeNode, { at, guards = [], fill = 0 }: Access, dtype: DType): string {
    const open = openGuards(guards);
    if (!open) return this.number(fill, dtype);
    if (open.length === 0) return this.value(input, at);
    let [node, place] = [input, at];
    while (!this.stored.has(node) || node === this.root) {
      const access = accessOf(node, place)!;
      [node, place] = [node.inputs[0]!, access.at];
    }
    return this.read(node, place, open, fill);
  }

  private read(node: NativeNode, at: readonly IndexForm[], guards: readonly IndexGuard[], fill: number): string {
    const form = ravelIndex(at, stridesOf(node.shape));
    this.reads.push({ form, guards });
    const pointer = this.pointer(node);
    const { dtype } = node;
    return this.keptBy(dtype, (turn) => this.readText(pointer, dtype, form, guards, fill, turn));
  }

  private readText(
    pointer: string,
    dtype: DType,
    form: IndexForm,
    guards: readonly IndexGuard[],
    fill: number,
    turn: Turn,
  ): string {
    const { along, lanes, mode } = this;
    const type = typeIn(mode, dtype);
    const truth = dtype === "bool";
    const conditions = guards.map(({ form: where, low, high }) => ({ where, low, high }));
    if (mode === "single" || !along) {
      const element = truth ? `-(${pointer}[${indexText(form)}] != 0)` : `${pointer}[${indexText(form)}]`;
      const one = mode === "single" ? element : `splat_${type}(${element})`;
      return guarded(conditions, one, this.number(fill, dtype));
    }
    const dependsOpaquely = (a: IndexForm): boolean =>
      a.terms.some(({ atom }) => atom !== along && atom.variables.has(along));
    const factor = form.terms.find(({ atom }) => atom === along)?.factor ?? 0;
    const byLane =
      dependsOpaquely(form) ||
      guards.some(({ form: where }) => where.terms.some(({ atom }) => atom.variables.has(along))) ||
      (factor !== 0 && factor !== 1);
    if (!byLane) {
      const moved = factor === 0 ? form : addIndex(form, indexOf(turn.offset));
      const place = indexText(moved);
      let text: string;
      if (factor === 0)
        text = truth ? `splat_${type}(-(${pointer}[${place}] != 0))` : `splat_${type}(${pointer}[${place}])`;
      else if (truth) text = `loadb_${type}(${pointer} + ${place}, ${turn.count})`;
      else if (turn.count === lanes) text = `load_${type}(${pointer} + ${place})`;
      else text = `some_${type}(${pointer} + ${place}, ${turn.count})`;
      return guarded(conditions, text, this.number(fill, dtype));
    }
    const element = truth ? `-(${pointer}[${indexText(form)}] != 0)` : `${pointer}[${indexText(form)}]`;
    const test = conditions.map(({ where, low, high }) => within(where, low, high)).join(" && ");
    const start = turn.offset === 0 ? along.text : `${along.text} + ${turn.offset}`;
    return `({ ${type} r = ${this.number(fill, dtype)}; const long start = ${start}; for (int n = 0; n < ${turn.count}; n++) { const long ${along.text} = start + n; ${test ? `if (${test}) ` : ""}r[n] = ${element}; } r; })`;
  }

  private kept(dtype: DType, text: string): string {
    return this.keptBy(dtype, () => text);
  }

  private keptBy(dtype: DType, text: (turn: Turn) => string): string {
    const name = `t${this.lines.length}`;
    const type = typeIn(this.mode, dtype);
    this.lines.push((turn) => `const ${type} ${name} = ${text(turn)};`);
    return name;
  }

  private literal({ tensor, dtype }: NativeNode): string {
    return this.number(Number(tensor.data![0]), dtype);
  }

  number(value: number, dtype: DType): string {
    const type = typeIn(this.mode, dtype);
    const text = dtype === "bool" ? (value === 0 ? "0" : "-1") : numberText(value, dtype);
    return this.mode === "single" ? text : `splat_${type}(${text})`;
  }

  /** Lines that do more than reading. */
  get operations(): number {
    return this.lines.length - this.reads.length;
  }

  /** All lines for one turn. */
  text(turn: Turn): string {
    return this.lines.map((line) => line(turn)).join("\n");
  }
}

/** A number as C writes it, in parentheses where it has a sign. */
export function numberText(value: number, dtype: DType): string {
  const suffix = dtype === "float32" ? "f" : "";
  if (dtype === "int32") return value === -(2 ** 31) ? "INT32_MIN" : `(${value})`;
  if (dtype === "int64") return `INT64_C(${value})`;
  if (Number.isNaN(value)) return `__builtin_nan${suffix}("")`;
  if (!Number.isFinite(value)) return `(${value < 0 ? "-" : ""}__builtin_inf${suffix}())`;
  const text = Object.is(value, -0) ? "-0" : String(dtype === "float32" ? Math.fround(value) : value);
  return `(${/[.e]/.test(text) ? text : `${text}.0`}${suffix})`;
}

const within = (form: IndexForm, low: number, high: number): string =>
  `(${indexText(form)}) >= ${low} && (${indexText(form)}) < ${high}`;

function guarded(
  conditions: readonly { readonly where: IndexForm; readonly low: number; readonly high: number }[],
  text: string,
  otherwise: string,
): string {
  if (conditions.length === 0) return text;
  return `(${conditions.map(({ where, low, high }) => within(where, low, high)).join(" && ")}) ? ${text} : ${otherwise}`;
}

function converted(mode: Mode, from: DType, to: DType, value: string): string {
  const [a, b] = [typeIn(mode, from), typeIn(mode, to)];
  if (from === to) return value;
  if (to === "bool") {
    const zero = mode === "single" ? "0" : `splat_${a}(0)`;
    return `~equal_${a}(${value}, ${zero})`;
  }
  if (from === "bool") {
    const one = (n: number): string => (mode === "single" ? `(${b})${n}` : `splat_${b}(${n})`);
    return `select_${b}(${value}, ${one(1)}, ${one(0)})`;
  }
  return mode === "single" ? `(${b})${value}` : `__builtin_convertvector(${value}, ${b})`;
}
