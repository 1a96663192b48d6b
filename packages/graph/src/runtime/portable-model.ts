/** Functions of named tensors as ONNX models that run without this library, wherever ONNX does. */
import { formatShape, GraphError } from "../errors.js";
import { type DynamicModel, unifiedModel } from "../lowering/dynamic-axis.js";
import { encodeModel } from "../lowering/encode.js";
import { type LoweredModel, lower } from "../lowering/lowering.js";
import { loweringProfiles } from "../lowering/lowering-profiles.js";
import { withLoop } from "../lowering/repetition.js";
import type { OnnxNode, Value } from "../program/emitter.js";
import { topologicalOrder } from "../program/graph.js";
import { input, type Tensor } from "../program/tensor.js";
import { type DType, sameShape } from "../program/tensor-type.js";
import { leaves, paths, type Tree, unflatten } from "../program/tree.js";
import { simplify } from "../transforms/simplify.js";

/** Tensors by name. */
export type TensorsByName = { readonly [name: string]: Tensor };

/** An input or output of a portable model; a size that is a name may be any, 1 or more. */
export interface PortableSlot {
  readonly name: string;
  readonly dtype: DType | "uint8";
  readonly shape: readonly (number | string)[];
}

/** A computation of which a part is repeated as often as an input says. */
export interface Repetition {
  /** Times, a scalar of int64; none where it is below 0. */
  readonly count: Tensor;
  /** What is carried from time to time: its first values. */
  readonly start: Tree;
  /**
   * One time: what it makes of what it is given, of the same structure, types and shapes.
   *
   * @param iteration the times so far, a scalar of int64
   */
  readonly step: (state: Tree, iteration: Tensor) => Tree;
  /** What follows from the last values. */
  readonly finish: (state: Tree) => TensorsByName;
}

/** A function of named tensors that is to be written as a portable model. */
export interface PortableFunction {
  /** At most two names of sizes in all of them. Of "uint8" the function gets float32, 0 to 255. */
  readonly inputs: readonly PortableSlot[];
  /** Arrays that the model carries, with their values. */
  readonly constants: TensorsByName;
  /** Traced, for static shapes. */
  readonly compute: (inputs: TensorsByName, constants: TensorsByName) => TensorsByName | Repetition;
  /** Notes kept in the file as `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A complete .onnx file with what it takes and gives. */
export interface PortableModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly PortableSlot[];
  readonly outputs: readonly PortableSlot[];
  /** Nodes of the file, those of a loop's body among them. */
  readonly nodes: number;
}

/**
 * Pairs of sizes that models for any sizes are traced at, for each of these: others where a network has one of them by
 * itself.
 */
const tracedSizes = [
  [
    [17, 23],
    [47, 53],
  ],
  [
    [19, 29],
    [43, 59],
  ],
] as const;

/**
 * A function as an ONNX model of operator set 21, with operators of the standard alone: no domain of any runtime's own,
 * no functions. Where sizes of its inputs are names it is traced at two of each, and the models are made one.
 *
 * @throws IL401 where an output depends on an input of another trace; IL405 where the form of the computation depends on
 *   a size, or what a repeated part carries changes its form
 * @example
 * portableModel({
 *   inputs: [{ name: "x", dtype: "float32", shape: ["rows", 3] }],
 *   constants: { weight },
 *   compute: ({ x }, { weight }) => ({ y: matmul(x!, weight!) }),
 * }).bytes
 */
export function portableModel(f: PortableFunction): PortableModel {
  const names = [...new Set(f.inputs.flatMap(({ shape }) => shape.filter((size) => typeof size === "string")))];
  if (names.length > tracedSizes.length) {
    const problem = `sizes ${names.join(", ")} may be any`;
    throw new GraphError("IL405", "portableModel", problem, `Leave ${tracedSizes.length} sizes open at most`);
  }
  if (names.length === 0) return written(f, lowered(f, {}), undefined);
  let refused: unknown;
  for (const attempt of [0, 1] as const) {
    const sizes = names.map((_, i) => tracedSizes[i]![attempt]);
    const smallest = Object.fromEntries(names.map((name, i) => [name, sizes[i]![0]]));
    const first = lowered(f, smallest);
    const axes = names.map((name, i) => {
      const at = f.inputs.findIndex(({ shape }) => shape.includes(name));
      const [size, larger] = sizes[i]!;
      const { model } = lowered(f, { ...smallest, [name]: larger });
      return { name, input: at, axis: f.inputs[at]!.shape.indexOf(name), size, other: { size: larger, model } };
    });
    try {
      const model = unifiedModel(first.model, axes);
      return written(f, { ...first, model }, model);
    } catch (error) {
      if (!(error instanceof GraphError) || error.code !== "IL405") throw error;
      refused ??= error;
    }
  }
  throw refused;
}

/** A function lowered for sizes of its own, and where its parts are among the values of the model. */
interface LoweredFunction {
  readonly model: LoweredModel;
  readonly outputs: readonly string[];
  /** Leaves that are carried; undefined where nothing is repeated. */
  readonly carried: number | undefined;
}

/** A portable function traced for sizes of its own. */
export interface TracedFunction {
  /** Its inputs, and then its constants. */
  readonly own: readonly Tensor[];
  /** What follows; of a repetition, from the last values. */
  readonly named: TensorsByName;
  /** Leaves of what is carried: the first values, what a time is given and makes, and the last. */
  readonly repeated?: {
    readonly count: Tensor;
    readonly iteration: Tensor;
    readonly first: readonly Tensor[];
    readonly given: readonly Tensor[];
    readonly next: readonly Tensor[];
    readonly last: readonly Tensor[];
  };
}

/** @param sizes by their names */
function lowered(f: PortableFunction, sizes: Readonly<Record<string, number>>): LoweredFunction {
  const { own, named, repeated } = tracedFunction(f, sizes);
  if (!repeated) return { ...lowerAll(own, named, []), carried: undefined };
  const { count, iteration, first, given, next, last } = repeated;
  return {
    ...lowerAll([...own, iteration, ...given, ...last], named, [count, ...first, ...next]),
    carried: next.length,
  };
}

/**
 * A portable function for sizes by their names. Of "uint8" it is given float32.
 *
 * @throws IL405 where what a repeated part carries changes its form
 */
export function tracedFunction(f: PortableFunction, sizes: Readonly<Record<string, number>>): TracedFunction {
  const inputs = f.inputs.map(({ dtype, shape }) =>
    input(
      shape.map((n) => (typeof n === "string" ? sizes[n]! : n)),
      dtype === "uint8" ? "float32" : dtype,
    ),
  );
  // Not as constants: what follows from them is not to be worked out here, in another precision.
  const constants = Object.entries(f.constants).map(
    ([name, value]) => [name, input(value.shape, value.dtype)] as const,
  );
  const found = f.compute(
    Object.fromEntries(inputs.map((x, i) => [f.inputs[i]!.name, x])),
    Object.fromEntries(constants),
  );
  const own = [...inputs, ...constants.map(([, x]) => x)];
  if (!isRepetition(found)) return { own, named: found };
  const { count, start, step, finish } = found;
  const fresh = (): Tree =>
    unflatten(
      start,
      leaves(start).map((leaf) => input(leaf.shape, leaf.dtype)),
    );
  const [given, last, iteration] = [fresh(), fresh(), input([], "int64")];
  const next = nextState(step(given, iteration), start);
  return {
    own,
    named: finish(last),
    repeated: { count, iteration, first: leaves(start), given: leaves(given), next, last: leaves(last) },
  };
}

const isRepetition = (found: TensorsByName | Repetition): found is Repetition => typeof found.step === "function";

/** The leaves that a step has made, in the order of those that it was given. */
function nextState(made: Tree, start: Tree): Tensor[] {
  const found = new Map(paths(made).map((path, i) => [path, leaves(made)[i]!]));
  const first = leaves(start);
  return paths(start).map((path, i) => {
    const [leaf, before] = [found.get(path), first[i]!];
    if (leaf && found.size === first.length && leaf.dtype === before.dtype && sameShape(leaf.shape, before.shape))
      return leaf;
    const problem = `a step makes ${leaf ?? "nothing"} of ${path || "its state"}, which is ${before}`;
    throw new GraphError("IL405", "portableModel", problem, "Carry values of the same structure and shapes");
  });
}

function lowerAll(
  inputs: readonly Tensor[],
  named: TensorsByName,
  parts: readonly Tensor[],
): Pick<LoweredFunction, "model" | "outputs"> {
  const outputs = simplify([...Object.values(named), ...parts]);
  const order = topologicalOrder(outputs);
  const known = new Set(inputs);
  const stranger = order.find((x) => !x.primitive && !x.data && !known.has(x));
  if (stranger) {
    const problem = `the result depends on an input ${stranger} that is not one of its own`;
    throw new GraphError("IL401", "portableModel", problem, "Take every tensor without values from the arguments");
  }
  return { model: lower({ inputs, outputs, order }, loweringProfiles.standard), outputs: Object.keys(named) };
}

/** The file of a model, with the public names. */
function written(
  f: PortableFunction,
  { model, outputs: names, carried }: LoweredFunction,
  dynamic: Pick<DynamicModel, "shapes"> | undefined,
): PortableModel {
  const constants = Object.entries(f.constants);
  const [own, inner] = [f.inputs.length, f.inputs.length + constants.length];
  const shapeOf = (value: Value): readonly (number | string)[] => dynamic?.shapes.get(value) ?? value.shape;
  const inputs = f.inputs.map(({ name, dtype }, i) => ({ name, dtype, shape: shapeOf(model.inputs[i]!) }));
  const outputs = names.map((name, i) => ({ name, dtype: model.outputs[i]!.dtype, shape: shapeOf(model.outputs[i]!) }));
  requireOwnNames(model, [...inputs, ...outputs].map(({ name }) => name).concat(constants.map(([name]) => name)));
  const repeated = carried === undefined ? undefined : repeatedPart(model, names.length, inner, carried);
  const moving = repeated?.carried.find(({ first }) => dynamic?.shapes.has(first));
  if (moving) {
    const problem = `a repeated part carries ${formatShape(moving.first.shape)}, whose size may be any`;
    throw new GraphError("IL405", "portableModel", problem, "Carry values of static shapes");
  }
  const bytesIn = f.inputs.flatMap(({ dtype, name }, i): OnnxNode[] =>
    dtype === "uint8"
      ? [
          {
            operator: "Cast",
            domain: "",
            inputs: [{ ...model.inputs[i]!, name }],
            output: model.inputs[i]!,
            attributes: { to: 1 },
          },
        ]
      : [],
  );
  const nodes = [...bytesIn, ...(repeated ? withLoop(model.nodes, repeated) : model.nodes)];
  const used = new Set(model.nodes.flatMap((node) => node.inputs));
  const carriedConstants = constants.flatMap(([name, { data }], i): Value[] => {
    const value = model.inputs[own + i]!;
    if (!used.has(value)) return [];
    if (data) return [{ ...value, data }];
    throw new GraphError("IL402", "portableModel", `the constant ${name} has no values`, "Give it with its values");
  });
  const isBytes = (i: number): boolean => f.inputs[i]!.dtype === "uint8";
  const file = {
    nodes,
    inputs: inputs.map((slot, i) => (isBytes(i) ? slot : { ...slot, name: model.inputs[i]!.name })),
    outputs: outputs.map((slot, i) => ({ ...slot, name: model.outputs[i]!.name })),
    initializers: [...model.initializers, ...carriedConstants],
  };
  return {
    bytes: encodeModel({
      ...file,
      inputNames: inputs.map(({ name }) => name),
      outputNames: outputs.map(({ name }) => name),
      names: new Map(constants.map(([name], i) => [model.inputs[own + i]!, name])),
      ...(f.metadata ? { metadata: f.metadata } : {}),
    }),
    inputs,
    outputs,
    nodes: nodes.reduce((total, node) => total + ("body" in node ? node.body.nodes.length : 0), nodes.length),
  };
}

/** Names of a loop's values that no node of the model has. */
const loopNames = /^(next\d+|condition|again)$/;

/** @throws IL405 where a name is given twice, or is one that a value within the model has */
function requireOwnNames({ nodes, initializers }: LoweredModel, names: readonly string[]): void {
  const taken = new Set([...initializers, ...nodes.map(({ output }) => output)].map(({ name }) => name));
  for (const name of names) {
    if (taken.has(name) || loopNames.test(name) || name === "") {
      const remedy = "Give each input, constant and output a name of its own, and not one such as v0 or input0";
      throw new GraphError("IL405", "portableModel", `two values are named ${name}`, remedy);
    }
    taken.add(name);
  }
}

/** The values of a model that a loop is made between: it has them in the order in which `lowered` names them. */
function repeatedPart({ inputs, outputs }: LoweredModel, results: number, own: number, carried: number) {
  return {
    count: outputs[results]!,
    iteration: inputs[own]!,
    carried: Array.from({ length: carried }, (_, i) => ({
      first: outputs[results + 1 + i]!,
      next: outputs[results + 1 + carried + i]!,
      given: inputs[own + 1 + i]!,
      last: inputs[own + 1 + carried + i]!,
    })),
  };
}
