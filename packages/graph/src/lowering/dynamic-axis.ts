/**
 * One model for any number of rows, out of two that were written for two numbers of them: what differs between the two is
 * what depends on that number, and is written so that it follows from the inputs when the model runs. Where several sizes
 * may be any, there is one further model for each. The compiler itself knows static shapes alone.
 */
import { formatShape, GraphError } from "../errors.js";
import type { OnnxAttribute, OnnxNode, Value } from "../program/emitter.js";
import { sameShape, type TypedArray, toTypedArray } from "../program/tensor-type.js";
import type { LoweredModel } from "./lowering.js";

/** An axis that may be of any size. */
export interface DynamicAxis {
  /** What its size is called in shapes. */
  readonly name: string;
  /** An input of the model that has it, and where. */
  readonly input: number;
  readonly axis: number;
  /** Its size in the first model. */
  readonly size: number;
  /** The same function lowered for another size of this axis alone. */
  readonly other: { readonly size: number; readonly model: LoweredModel };
}

/** A model of which axes may be of any size. */
export interface DynamicModel extends LoweredModel {
  /** Shapes of the inputs and outputs that have such axes; a size that depends on one is a name. */
  readonly shapes: ReadonlyMap<Value, readonly (number | string)[]>;
}

/**
 * Models of one function, lowered for two sizes of each of some axes, as one for any sizes.
 *
 * They must be the same node for node. Three things may differ, and follow from the inputs instead: a size in the target
 * of a Reshape, which becomes -1 (of several the others 0, where they are the input's own, or else Shape, Mul and Concat);
 * the zeros that a Concat appends, which becomes a Pad; and a size in the target of an Expand, which becomes Shape, Mul and
 * Concat.
 *
 * @throws IL405 where anything else depends on a size, naming the node
 */
export const unifiedModel = (first: LoweredModel, axes: readonly DynamicAxis[]): DynamicModel =>
  new Unification(first, axes).model();

class Unification {
  private readonly nodes: OnnxNode[] = [];
  private readonly added: Value[] = [];
  private readonly constants = new Map<string, Value>();
  /** Values of the other models as those of the first, for each axis. */
  private readonly partners: readonly Map<Value, Value>[];
  private readonly targets = new Map<string, Value>();
  private readonly multiples = new Map<string, Value>();
  private readonly shapes = new Map<DynamicAxis, Value>();

  constructor(
    private readonly first: LoweredModel,
    private readonly axes: readonly DynamicAxis[],
  ) {
    this.partners = axes.map(({ other }) => new Map(other.model.inputs.map((value, i) => [value, first.inputs[i]!])));
  }

  model(): DynamicModel {
    const { first, axes } = this;
    const models = axes.map(({ other }) => other.model);
    const count = Math.max(first.nodes.length, ...models.map(({ nodes }) => nodes.length));
    for (let i = 0; i < count; i++) {
      const one = first.nodes[i];
      const others = models.map(({ nodes }) => nodes[i]);
      const missing = axes.find((_, a) => !one || !others[a]);
      if (missing || !one)
        throw this.refused(
          i,
          missing,
          `there are ${first.nodes.length} nodes and ${missing?.other.model.nodes.length}`,
        );
      this.nodes.push(this.unified(i, one, others as readonly OnnxNode[]));
      others.forEach((other, a) => {
        this.partners[a]!.set(other!.output, one.output);
      });
    }
    const used = new Set(this.nodes.flatMap(({ inputs }) => inputs));
    const ends = [...first.inputs, ...first.outputs];
    const shapesOf = models.map(({ inputs, outputs }) => [...inputs, ...outputs].map(({ shape }) => shape));
    return {
      nodes: this.nodes,
      initializers: [...first.initializers, ...this.added].filter((value) => used.has(value)),
      inputs: first.inputs,
      outputs: first.outputs,
      shapes: new Map(
        ends.flatMap((value, i) => {
          const theirs = shapesOf.map((shapes) => shapes[i]!);
          return theirs.every((shape) => sameShape(value.shape, shape))
            ? []
            : [[value, this.named(value.shape, theirs)] as const];
        }),
      ),
    };
  }

  /** A node of the first model, which is that of the others but for what follows from the inputs. */
  private unified(at: number, one: OnnxNode, others: readonly OnnxNode[]): OnnxNode {
    const places = new Set<number>();
    let differing: DynamicAxis | undefined;
    others.forEach((other, a) => {
      const axis = this.axes[a]!;
      if (one.operator !== other.operator || one.domain !== other.domain || one.inputs.length !== other.inputs.length)
        throw this.refused(at, axis, `it is a ${one.operator} or a ${other.operator}`);
      if (printed(one.attributes) !== printed(other.attributes)) throw this.refused(at, axis, "its attributes differ");
      one.inputs.forEach((value, i) => {
        if (this.same(value, other.inputs[i]!, a)) return;
        places.add(i);
        differing ??= axis;
        if (places.size > 1 || !value.data || !other.inputs[i]!.data)
          throw this.refused(at, axis, "it reads other values");
      });
    });
    const [place] = places;
    if (place === undefined) return one;
    const [own, theirs] = [one.inputs[place]!, others.map(({ inputs }) => inputs[place]!)];
    const written = rules[one.operator]?.({ one, others, place, own, theirs, unification: this });
    if (written) return written;
    const their = theirs[this.axes.indexOf(differing!)]!;
    throw this.refused(at, differing, `its constant is ${shown(own)} or ${shown(their)}`);
  }

  private same(one: Value, other: Value, axis: number): boolean {
    if (one.data && other.data) return sameShape(one.shape, other.shape) && sameValues(one.data, other.data);
    return this.partners[axis]!.get(other) === one || (one.name === "" && other.name === "");
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
   * A list of sizes of which some are multiples of axes or of their product: [k] int64, made of the shapes of the inputs that
   * have them. Undefined where one is no multiple.
   */
  sizes(own: readonly number[], theirs: readonly (readonly number[])[]): Value | undefined {
    const key = [own, ...theirs].join(";");
    const known = this.targets.get(key);
    if (known) return known;
    const found = own.map((size, i) =>
      this.multiple(
        size,
        theirs.map((others) => others[i]!),
      ),
    );
    if (found.some((each) => each === undefined)) return undefined;
    const parts: Value[] = [];
    let fixed: number[] = [];
    const close = (): void => {
      if (fixed.length > 0) parts.push(this.integers(fixed));
      fixed = [];
    };
    for (const each of found as readonly Multiple[]) {
      if (each.of.length === 0) {
        fixed.push(each.factor);
        continue;
      }
      close();
      parts.push(this.computed(each));
    }
    close();
    const made = parts.length === 1 ? parts[0]! : this.node("Concat", parts, [own.length], { axis: 0 });
    this.targets.set(key, made);
    return made;
  }

  /** A size as a number of times the product of the axes that it depends on; undefined where it is none. */
  private multiple(own: number, theirs: readonly number[]): Multiple | undefined {
    const of = this.axes.filter((_, a) => theirs[a] !== own);
    const product = (changed?: DynamicAxis): number =>
      of.reduce((all, axis) => all * (axis === changed ? axis.other.size : axis.size), 1);
    const factor = own / product();
    const holds = Number.isInteger(factor) && this.axes.every((axis, a) => theirs[a] === factor * product(axis));
    return holds ? { factor, of } : undefined;
  }

  /** Such a size when the model runs: [1] int64. */
  private computed({ factor, of }: Multiple): Value {
    const key = [factor, ...of.map(({ name }) => name)].join(",");
    const known = this.multiples.get(key);
    if (known) return known;
    const product = of.map((axis) => this.sizeOf(axis)).reduce((all, size) => this.node("Mul", [all, size], [1]));
    const made = factor === 1 ? product : this.node("Mul", [product, this.integers([factor])], [1]);
    this.multiples.set(key, made);
    return made;
  }

  private sizeOf(axis: DynamicAxis): Value {
    const known = this.shapes.get(axis);
    if (known) return known;
    const made = this.node("Shape", [this.first.inputs[axis.input]!], [1], { start: axis.axis, end: axis.axis + 1 });
    this.shapes.set(axis, made);
    return made;
  }

  private node(operator: string, inputs: readonly Value[], shape: readonly number[], attributes = {}): Value {
    const output: Value = { name: `s${this.nodes.length}`, dtype: "int64", shape, data: undefined };
    this.nodes.push({ operator, domain: "", inputs, output, attributes });
    return output;
  }

  /** The shape of an input or output, with names in place of sizes that depend on axes. */
  private named(own: readonly number[], theirs: readonly (readonly number[])[]): (number | string)[] {
    return own.map((size, i) => {
      const others = theirs.map((shape) => shape[i]!);
      const found = this.multiple(size, others);
      if (found?.of.length === 0) return size;
      const names = (found?.of ?? this.axes.filter((_, a) => others[a] !== size)).map(({ name }) => name);
      if (!found) return `of ${names.join(" and ")}`;
      return [...(found.factor === 1 ? [] : [found.factor]), ...names].join(" * ");
    });
  }

  private refused(at: number, axis: DynamicAxis | undefined, problem: string): GraphError {
    const { name, size, other } = axis ?? this.axes[0]!;
    const node = this.first.nodes[at] ?? other.model.nodes[at]!;
    const place = `${node.operator} ${node.output.name} (node ${at}, ${formatShape(node.output.shape)})`;
    return new GraphError(
      "IL405",
      "portableModel",
      `${place} depends on the number of ${name}: for ${size} and ${other.size} of them, ${problem}`,
      `Fix the number of ${name}`,
    );
  }
}

/** A size: so many times the product of some axes. */
interface Multiple {
  readonly factor: number;
  readonly of: readonly DynamicAxis[];
}

interface Differing {
  readonly one: OnnxNode;
  readonly others: readonly OnnxNode[];
  /** The input that differs: a constant in all models. */
  readonly place: number;
  readonly own: Value;
  readonly theirs: readonly Value[];
  readonly unification: Unification;
}

/** How an operator whose constant depends on a size is written without; undefined where it cannot be. */
const rules: Readonly<Record<string, (differing: Differing) => OnnxNode | undefined>> = {
  Reshape: ({ one, others, place, own, theirs, unification }) => {
    const [target, targets] = [numbersOf(own), theirs.map(numbersOf)];
    const areAlike = targets.every((each) => each.length === target.length);
    if (place !== 1 || !areAlike || [target, ...targets].some((each) => each.includes(0))) return undefined;
    const open = target.flatMap((size, i) => (targets.every((each) => each[i] === size) ? [] : [i]));
    const x = one.inputs[0]!;
    const shapes = others.map(({ inputs }) => inputs[0]!.shape);
    /** ONNX reads 0 as the size that the input has at the same place. */
    const kept = open.filter((i) => x.shape[i] === target[i] && shapes.every((each, a) => each[i] === targets[a]![i]));
    const inferred = open.filter((i) => !kept.includes(i));
    // One size may be left to the runtime; where there is but one it needs no other. More are worked out.
    if (open.length > 1 && inferred.length > 1) {
      const shape = unification.sizes(target, targets);
      return shape && { ...one, inputs: [x, shape] };
    }
    const unknown = open.length === 1 ? open : inferred;
    const shape = target.map((size, i) => (unknown.includes(i) ? -1 : open.includes(i) ? 0 : size));
    return { ...one, inputs: [x, unification.integers(shape)] };
  },
  Expand: ({ one, place, own, theirs, unification }) => {
    const [target, targets] = [numbersOf(own), theirs.map(numbersOf)];
    if (place !== 1 || targets.some((each) => each.length !== target.length)) return undefined;
    const shape = unification.sizes(target, targets);
    return shape && { ...one, inputs: [one.inputs[0]!, shape] };
  },
  Concat: ({ one, place, own, theirs, unification }) => {
    const axis = Number(one.attributes.axis);
    const rank = own.shape.length;
    const zeros = [own, ...theirs].every(({ data }) => everyZero(data!));
    if (one.inputs.length !== 2 || !zeros || theirs.some(({ shape }) => shape[axis] !== own.shape[axis]))
      return undefined;
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
