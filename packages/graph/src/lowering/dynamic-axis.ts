/**
 * One model for any number of rows, out of two that were written for two numbers of them: what differs between the two is
 * what depends on that number, and is written so that it follows from the inputs when the model runs. The compiler itself
 * knows static shapes alone.
 */
import { formatShape, GraphError } from "../errors.js";
import type { OnnxAttribute, OnnxNode, Value } from "../program/emitter.js";
import { sameShape, type TypedArray, toTypedArray } from "../program/tensor-type.js";
import type { LoweredModel } from "./lowering.js";

/** A model lowered for one size of an axis. */
export interface SizedModel {
  readonly size: number;
  readonly model: LoweredModel;
}

/** The axis that may be of any size. */
export interface DynamicAxis {
  /** What its size is called in shapes. */
  readonly name: string;
  /** An input of the model that has it, and where. */
  readonly input: number;
  readonly axis: number;
}

/** A model of which an axis may be of any size. */
export interface DynamicModel extends LoweredModel {
  /** Shapes of the inputs and outputs that have the axis; a size that depends on it is a name. */
  readonly shapes: ReadonlyMap<Value, readonly (number | string)[]>;
}

/**
 * Two models of one function, lowered for two sizes of an axis, as one for any size.
 *
 * They must be the same node for node. Three things may differ, and follow from the inputs instead: a size in the target
 * of a Reshape, which becomes -1 (of several the others 0, where they are the input's own); the zeros that a Concat
 * appends, which becomes a Pad; and a size in the target of an Expand, which becomes Shape, Mul and Concat.
 *
 * @throws IL405 where anything else depends on the size, naming the node
 */
export function unifiedModel(first: SizedModel, second: SizedModel, axis: DynamicAxis): DynamicModel {
  return new Unification(first, second, axis).model();
}

class Unification {
  private readonly nodes: OnnxNode[] = [];
  private readonly added: Value[] = [];
  private readonly constants = new Map<string, Value>();
  /** Values of the second model as those of the first. */
  private readonly partners = new Map<Value, Value>();
  private readonly targets = new Map<string, Value>();
  private shape: Value | undefined;

  constructor(
    private readonly first: SizedModel,
    private readonly second: SizedModel,
    private readonly axis: DynamicAxis,
  ) {}

  model(): DynamicModel {
    const [a, b] = [this.first.model, this.second.model];
    const count = Math.max(a.nodes.length, b.nodes.length);
    a.inputs.forEach((value, i) => {
      this.partners.set(b.inputs[i]!, value);
    });
    for (let i = 0; i < count; i++) {
      const [one, other] = [a.nodes[i], b.nodes[i]];
      if (!one || !other) throw this.refused(i, `there are ${a.nodes.length} nodes and ${b.nodes.length}`);
      this.nodes.push(this.unified(i, one, other));
      this.partners.set(other.output, one.output);
    }
    const used = new Set(this.nodes.flatMap(({ inputs }) => inputs));
    return {
      nodes: this.nodes,
      initializers: [...a.initializers, ...this.added].filter((value) => used.has(value)),
      inputs: a.inputs,
      outputs: a.outputs,
      shapes: new Map(
        [...a.inputs, ...a.outputs].flatMap((value, i) => {
          const other = [...b.inputs, ...b.outputs][i]!;
          return sameShape(value.shape, other.shape) ? [] : [[value, this.named(value.shape, other.shape)] as const];
        }),
      ),
    };
  }

  /** A node of the first model, which is that of the second but for what follows from the inputs. */
  private unified(at: number, one: OnnxNode, other: OnnxNode): OnnxNode {
    if (one.operator !== other.operator || one.domain !== other.domain || one.inputs.length !== other.inputs.length)
      throw this.refused(at, `it is a ${one.operator} or a ${other.operator}`);
    if (printed(one.attributes) !== printed(other.attributes)) throw this.refused(at, "its attributes differ");
    const differing = one.inputs.flatMap((value, i) => (this.same(value, other.inputs[i]!) ? [] : [i]));
    const [place] = differing;
    if (place === undefined) return one;
    const [own, theirs] = [one.inputs[place]!, other.inputs[place]!];
    if (differing.length > 1 || !own.data || !theirs.data) throw this.refused(at, "it reads other values");
    const rule = rules[one.operator];
    const written = rule?.({ at, one, other, place, own, theirs, unification: this });
    if (!written) throw this.refused(at, `its constant is ${shown(own)} or ${shown(theirs)}`);
    return written;
  }

  private same(one: Value, other: Value): boolean {
    if (one.data && other.data) return sameShape(one.shape, other.shape) && sameValues(one.data, other.data);
    return this.partners.get(other) === one || (one.name === "" && other.name === "");
  }

  /** A list of int64 as a constant of the model. */
  integers(values: readonly number[]): Value {
    const key = values.join(",");
    const known = this.constants.get(key);
    if (known) return known;
    const made = {
      name: `d${this.added.length}`,
      dtype: "int64",
      shape: [values.length],
      data: toTypedArray(values, "int64"),
    } as const;
    this.added.push(made);
    this.constants.set(key, made);
    return made;
  }

  /**
   * A list of sizes of which some are a multiple of the axis: [k] int64, made of the shape of the input that has it.
   * Undefined where one is no multiple.
   */
  sizes(own: readonly number[], theirs: readonly number[]): Value | undefined {
    const key = own.join(",");
    const known = this.targets.get(key);
    if (known) return known;
    const parts: Value[] = [];
    let fixed: number[] = [];
    for (const [i, size] of own.entries()) {
      if (size === theirs[i]) {
        fixed.push(size);
        continue;
      }
      const factor = this.factor(size, theirs[i]!);
      if (factor === undefined) return undefined;
      if (fixed.length > 0) parts.push(this.integers(fixed));
      fixed = [];
      parts.push(this.multiple(factor));
    }
    if (fixed.length > 0) parts.push(this.integers(fixed));
    const made = parts.length === 1 ? parts[0]! : this.node("Concat", parts, [own.length], { axis: 0 });
    this.targets.set(key, made);
    return made;
  }

  /** k where a size is k times that of the axis in both models. */
  private factor(own: number, theirs: number): number | undefined {
    const factor = own / this.first.size;
    return Number.isInteger(factor) && factor * this.second.size === theirs ? factor : undefined;
  }

  private multiple(factor: number): Value {
    const { input, axis } = this.axis;
    this.shape ??= this.node("Shape", [this.first.model.inputs[input]!], [1], { start: axis, end: axis + 1 });
    return factor === 1 ? this.shape : this.node("Mul", [this.shape, this.integers([factor])], [1]);
  }

  private node(operator: string, inputs: readonly Value[], shape: readonly number[], attributes = {}): Value {
    const output: Value = { name: `s${this.nodes.length}`, dtype: "int64", shape, data: undefined };
    this.nodes.push({ operator, domain: "", inputs, output, attributes });
    return output;
  }

  /** The shape of an input or output, with names in place of sizes that depend on the axis. */
  private named(own: readonly number[], theirs: readonly number[]): (number | string)[] {
    return own.map((size, i) => {
      if (size === theirs[i]) return size;
      const factor = this.factor(size, theirs[i]!);
      if (factor === 1) return this.axis.name;
      return factor === undefined ? `of ${this.axis.name}` : `${factor} * ${this.axis.name}`;
    });
  }

  private refused(at: number, problem: string): GraphError {
    const [a, b] = [this.first, this.second];
    const node = a.model.nodes[at] ?? b.model.nodes[at]!;
    const place = `${node.operator} ${node.output.name} (node ${at}, ${formatShape(node.output.shape)})`;
    return new GraphError(
      "IL405",
      "portableModel",
      `${place} depends on the number of ${this.axis.name}: for ${a.size} and ${b.size} of them, ${problem}`,
      `Fix the number of ${this.axis.name}`,
    );
  }
}

interface Differing {
  readonly at: number;
  readonly one: OnnxNode;
  readonly other: OnnxNode;
  /** The input that differs: a constant in both models. */
  readonly place: number;
  readonly own: Value;
  readonly theirs: Value;
  readonly unification: Unification;
}

/** How an operator whose constant depends on the size is written without; undefined where it cannot be. */
const rules: Readonly<Record<string, (differing: Differing) => OnnxNode | undefined>> = {
  Reshape: ({ one, other, place, own, theirs, unification }) => {
    const [target, others] = [numbersOf(own), numbersOf(theirs)];
    if (place !== 1 || target.length !== others.length || target.includes(0) || others.includes(0)) return undefined;
    const open = target.flatMap((size, i) => (size === others[i] ? [] : [i]));
    const [x, y] = [one.inputs[0]!, other.inputs[0]!];
    /** ONNX reads 0 as the size that the input has at the same place. */
    const kept = open.filter((i) => x.shape[i] === target[i] && y.shape[i] === others[i]);
    const inferred = open.filter((i) => !kept.includes(i));
    // One size may be left to the runtime; where there is but one it needs no other.
    if (open.length > 1 && inferred.length > 1) return undefined;
    const unknown = open.length === 1 ? open : inferred;
    const shape = target.map((size, i) => (unknown.includes(i) ? -1 : open.includes(i) ? 0 : size));
    return { ...one, inputs: [x, unification.integers(shape)] };
  },
  Expand: ({ one, place, own, theirs, unification }) => {
    const [target, others] = [numbersOf(own), numbersOf(theirs)];
    if (place !== 1 || target.length !== others.length) return undefined;
    const shape = unification.sizes(target, others);
    return shape && { ...one, inputs: [one.inputs[0]!, shape] };
  },
  Concat: ({ one, place, own, theirs, unification }) => {
    const axis = Number(one.attributes.axis);
    const rank = own.shape.length;
    const zeros = [own, theirs].every(({ data }) => everyZero(data!));
    if (one.inputs.length !== 2 || !zeros || own.shape[axis] !== theirs.shape[axis]) return undefined;
    // Sizes before each axis, then sizes behind.
    const padded = place === 0 ? axis : rank + axis;
    const pads = Array.from({ length: 2 * rank }, (_, i) => (i === padded ? own.shape[axis]! : 0));
    return {
      ...one,
      operator: "Pad",
      inputs: [one.inputs[1 - place]!, unification.integers(pads)],
      attributes: { mode: "constant" },
    };
  },
};

const numbersOf = ({ data }: Value): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

/** Whether all are 0 and none is -0, which a Pad does not write. */
const everyZero = (data: TypedArray): boolean =>
  Array.prototype.every.call(data, (value: number | bigint) => Object.is(Number(value), 0));

function sameValues(a: TypedArray, b: TypedArray): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

const printed = (attributes: Readonly<Record<string, OnnxAttribute>>): string =>
  JSON.stringify(attributes, (_, value) => (typeof value === "bigint" ? `${value}n` : value));

const mostShown = 8;

function shown({ dtype, shape, data }: Value): string {
  const values = Array.from((data as Float32Array).subarray(0, mostShown), String).join(", ");
  return `${dtype}${formatShape(shape)} ${values}${data!.length > mostShown ? ", ..." : ""}`;
}
