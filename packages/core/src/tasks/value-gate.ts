/**
 * The gate for values that enter: tasks that a source draws, and (entered-examples.ts) what a user hands over. What is not a finite
 * number, not a label of the classes at hand or not of the shape that is needed is refused here, in the terms of whoever
 * gave it; behind the gate it would train silently, or come out as NaN.
 */
import {
  type DType,
  formatShape,
  isFloat,
  leaves,
  paths,
  sameShape,
  sizeOf,
  Tensor,
  type Tree,
  type TypedArray,
  tagOf,
  toNumbers,
} from "@innerloop/graph";
import type { Loss } from "../losses/losses.js";
import { TrainingError } from "../training/training-error.js";
import { type Examples, type Task, TaskError } from "./task.js";
import {
  deepestTree,
  isBranch,
  isTensorSpec,
  namedTensors,
  partName,
  rowsOf,
  type SpecTree,
  type TaskSpec,
  type TensorSpec,
} from "./task-spec.js";

/** Targets that are class indices, or numbers of a range: what is said of one that is none. */
export interface LabelRange {
  readonly least: number;
  readonly most: number;
  /** `this run tells 5 classes apart (0 to 4)` */
  readonly because: string;
  readonly remedy: string;
  /** Whether it holds for every element of targets of any shape; that of class indices is for one number a row. */
  readonly anyShape?: true;
}

/** Class indices from 0 to `classes` - 1, or -1 where rows of no class are meant to be there. */
const classLabels = (classes: number, told: string, ofNone: boolean): LabelRange => ({
  least: ofNone ? -1 : 0,
  most: classes - 1,
  because: `${told} (0 to ${classes - 1}${ofNone ? ", or -1 for none" : ""})`,
  remedy: `Number the classes of a task from 0 to ${classes - 1}`,
});

/**
 * What targets are where not every number is one: class indices where the number of classes is known, else what the loss
 * says of them.
 *
 * @param told says so many classes: "this run tells 5 classes apart"
 */
export function labelsOf(
  { loss, unlabelled }: { readonly loss?: Pick<Loss, "targets" | "title">; readonly unlabelled?: boolean },
  source: Pick<TaskSpec, "unlabelled" | "openSet">,
  classes: number | undefined,
  told: (classes: number) => string,
): { readonly support?: LabelRange; readonly query?: LabelRange } {
  if (classes !== undefined) {
    return {
      support: classLabels(classes, told(classes), Boolean(unlabelled || source.unlabelled)),
      query: classLabels(classes, told(classes), Boolean(source.openSet)),
    };
  }
  if (!loss?.targets) return {};
  const { least, most } = loss.targets;
  const because = `${loss.title ?? "the loss"} takes whole numbers from ${least} to ${most}`;
  const remedy = "Give targets of that range, or take a loss for others";
  const range = { least, most, because, remedy, anyShape: true } as const;
  return { support: range, query: range };
}

/** @internal What whole numbers of a tensor are by its spec: class indices, or numbers of a range; undefined where any will do. */
export function labelsBySpec({ dtype, classes, range }: TensorSpec, ofNone = false): LabelRange | undefined {
  if (isFloat(dtype)) return undefined;
  if (classes) return { ...classLabels(classes.count, `there are ${classes.count} classes`, ofNone), anyShape: true };
  const { least, most } = range ?? (dtype === "bool" ? { least: 0, most: 1 } : {});
  if (least === undefined || most === undefined) return undefined;
  const because = `these are whole numbers from ${least} to ${most}`;
  return {
    least,
    most,
    because,
    remedy: "Give numbers of that range, as the spec of the tasks has it",
    anyShape: true,
  };
}

/** @internal Rows of no class are legal in some tasks: where they are not, that is said. */
export const remedyForLabel = ({ least, remedy }: LabelRange, value: unknown): string =>
  Number(value) === -1 && least === 0
    ? `${remedy}; -1, for none, is for sources whose spec says \`unlabelled\` or \`openSet\``
    : remedy;

/** @internal Whether targets are what a range is about: those of one-hot rows, say, are numbers of another kind. */
export const areLabels = (dtype: DType, rank: number, range: LabelRange | undefined): boolean =>
  range !== undefined && (range.anyShape === true || rank === 1 || !isFloat(dtype));

// --- tasks of a source -----------------------------------------------------------------------------------------------

/** @internal Branches have the parts that their spec has. */
export function requireParts(operation: string, name: string, values: unknown, expected: SpecTree): void {
  const parts = Object.keys(expected);
  const isList = Array.isArray(expected);
  const form = isList ? `[${parts.map((part) => `${name}[${part}]`).join(", ")}]` : `{ ${parts.join(", ")} }`;
  const remedy = `Give ${name} as ${form}, with a row for each example`;
  if (!isBranch(values) || Array.isArray(values) !== isList)
    throw refusal(operation, `${name} is ${shownValue(values)}`, remedy);
  const given = Object.keys(values);
  const missing = parts.find((part) => !given.includes(part));
  if (missing !== undefined) throw refusal(operation, `${partName(name, missing, isList)} is not there`, remedy);
  const more = given.find((part) => !parts.includes(part));
  if (more !== undefined) throw refusal(operation, `${partName(name, more, isList)} is no part of ${name}`, remedy);
}

/** The rules that tasks of a source are held to. */
export interface TaskRules {
  /** Who draws them: "train". */
  readonly operation: string;
  /** The look of tasks, where that is known. */
  readonly spec?: TaskSpec<Tree, Tree> | undefined;
  /** True where the source itself says so: its tasks are then of these shapes and types. */
  readonly declared?: boolean | undefined;
  /** What targets are, where these are labels: of support and query sets. */
  readonly support?: LabelRange | undefined;
  readonly query?: LabelRange | undefined;
  /** Whether the loss is over classes, so that labels are one whole number for each row. */
  readonly overClasses?: boolean | undefined;
}

/**
 * Passes on a task that is whole: tensors with values, in the structure of the spec, as many targets as inputs, at least one
 * row that is there where sets may not be empty, finite numbers throughout, labels that are ones, and what else its source says of it.
 *
 * It takes about a nanosecond per number: of a batch of images under 1% of what an update takes.
 *
 * @param which which task of which source, in words
 * @throws TrainingError ILR105
 */
export function requireTask<X extends Tree, Y extends Tree>(
  task: Task<X, Y>,
  which: string | (() => string),
  rules: TaskRules,
): Task<X, Y> {
  if (isPlain(task as Partial<Task<Tree, Tree>> | undefined, rules)) return task;
  const operation = `${rules.operation}: ${typeof which === "string" ? which : which()}`;
  const { spec, declared } = rules;
  if (typeof (task as unknown as Partial<Promise<unknown>> | undefined)?.then === "function")
    throw refusal(operation, "it is a promise", "A source samples without waiting: load what it needs before training");
  for (const set of ["support", "query"] as const) {
    const examples = (task as Partial<Task<Tree, Tree>> | undefined)?.[set] as
      | Partial<Examples<Tree, Tree>>
      | undefined;
    for (const part of ["x", "y"] as const) requireWhole(operation, `${set}.${part}`, examples?.[part], spec?.[part]);
    if (examples?.present !== undefined) requireWhole(operation, `${set}.present`, examples.present, maskSpec);
    const given = examples as Examples<Tree, Tree>;
    requireRows(operation, `${set}.`, given, spec?.[set].mayBeEmpty);
    if (given.y instanceof Tensor) requireLabels(operation, `${set}.y`, given.y, rules[set], rules.overClasses);
    else if (rules.overClasses) {
      const remedy = 'One class index for each row: tensor(labels, [labels.length], "int32")';
      throw refusal(operation, `${set}.y is ${shownValue(given.y)}, and labels are one tensor`, remedy);
    }
    if (!spec) continue;
    const ofNone = Boolean(set === "support" ? spec.unlabelled : spec.openSet);
    if (declared) requireDeclared(operation, set, given, spec);
    for (const part of ["x", "y"] as const) {
      if (isTensorSpec(spec[part]) && isFloat(spec[part].dtype)) continue;
      const mayBeOfNone = ofNone && part === "y";
      for (const [name, values, of] of describedTensors(`${set}.${part}`, given[part], spec[part])) {
        // Of targets that are one tensor, the rules say it.
        if (name === `${set}.y` && rules[set]) continue;
        requireLabels(operation, name, values, labelsBySpec(of, mayBeOfNone), false);
      }
    }
  }
  return task;
}

/** Whether a task is whole at first sight: tensors of floats as its source declares them, all there and finite, and no labels. */
function isPlain(task: Partial<Task<Tree, Tree>> | undefined, rules: TaskRules): boolean {
  const { spec, declared, overClasses } = rules;
  if (!task || !spec || !declared || overClasses || rules.support || rules.query) return false;
  return isPlainSet(task.support, spec, spec.support) && isPlainSet(task.query, spec, spec.query);
}

function isPlainSet(
  examples: Partial<Examples<Tree, Tree>> | undefined,
  { x, y }: TaskSpec<Tree, Tree>,
  { rows, present }: TaskSpec["support"],
): boolean {
  if (!examples || present || examples.present) return false;
  return isPlainTensor(examples.x, rows, x) && isPlainTensor(examples.y, rows, y);
}

const isPlainTensor = (values: unknown, rows: number, spec: SpecTree): boolean =>
  values instanceof Tensor &&
  values.data !== undefined &&
  isTensorSpec(spec) &&
  isFloat(spec.dtype) &&
  isRowsOf(values, rows, spec) &&
  firstNotFinite(values.data as Float32Array) < 0;

const maskSpec: TensorSpec = { shape: [], dtype: "float32" };

/** Tensors with values and finite numbers, in the structure of the spec, where there is one. */
function requireWhole(operation: string, name: string, part: unknown, spec: SpecTree | undefined, depth = 0): void {
  if ((spec && isTensorSpec(spec)) || (!spec && (!isBranch(part) || depth > deepestTree))) {
    requireTensor(operation, name, part);
    requireFinite(operation, name, part as Tensor);
    return;
  }
  if (spec) requireParts(operation, name, part, spec);
  const children = Object.entries(part as { readonly [part: string]: unknown });
  if (children.length === 0) throw refusal(operation, `${name} holds no tensor`, "Give one, or a tree of them");
  const specs = spec as { readonly [part: string]: SpecTree } | undefined;
  for (const [child, values] of children)
    requireWhole(operation, partName(name, child, Array.isArray(part)), values, specs?.[child], depth + 1);
}

/** The tensors of a part of a task beside their specs. */
function describedTensors(
  name: string,
  part: Tree,
  spec: SpecTree,
): (readonly [name: string, values: Tensor, spec: TensorSpec])[] {
  if (part instanceof Tensor) return isTensorSpec(spec) ? [[name, part, spec]] : [];
  const specs = spec as { readonly [child: string]: SpecTree };
  return Object.entries(part).flatMap(([child, tree]) => {
    const of = specs[child];
    return of ? describedTensors(partName(name, child, Array.isArray(part)), tree as Tree, of) : [];
  });
}

/** Shapes and types are those that the source says its tasks have: of others it says so in another spec. */
function requireDeclared(
  operation: string,
  set: "support" | "query",
  { x, y, present }: Examples<Tree, Tree>,
  spec: TaskSpec<Tree, Tree>,
): void {
  const remedy = "A source's spec says what its tasks look like: let them agree";
  const { rows, present: masked = false } = spec[set];
  if (Boolean(present) !== masked) {
    const problem = `${set}.present is ${present ? "" : "not "}there, and the spec says ${masked ? "that it is" : "nothing of it"}`;
    throw refusal(operation, problem, remedy);
  }
  for (const [part, tree] of [
    ["x", x],
    ["y", y],
  ] as const) {
    if (tree instanceof Tensor && isTensorSpec(spec[part]) && isRowsOf(tree, rows, spec[part])) continue;
    for (const [name, values, { shape, dtype }] of describedTensors(`${set}.${part}`, tree, spec[part])) {
      const wanted = [rows, ...shape];
      if (values.dtype === dtype && sameShape(values.shape, wanted)) continue;
      throw refusal(operation, `${name} is ${values}, and its spec says ${dtype}${formatShape(wanted)}`, remedy);
    }
  }
}

/** Whether a tensor is [rows, ...shape] of the type of a spec. */
function isRowsOf({ shape: found, dtype: type }: Tensor, rows: number, { shape, dtype }: TensorSpec): boolean {
  if (type !== dtype || found.length !== shape.length + 1 || found[0] !== rows) return false;
  for (let axis = 0; axis < shape.length; axis++) if (found[axis + 1] !== shape[axis]) return false;
  return true;
}

function requireTensor(operation: string, name: string, values: unknown): void {
  const remedy = "A source gives tensors with values: tensor(numbers, shape)";
  if (!(values instanceof Tensor)) throw refusal(operation, `${name} is ${shownValue(values)}`, remedy);
  if (!values.data) throw refusal(operation, `${name} is ${values} without values`, remedy);
}

/** @throws TrainingError ILR105 naming the first value that is not finite */
function requireFinite(operation: string, name: string, values: Tensor): void {
  const bad = notFinite(values);
  if (bad < 0) return;
  const problem = `${placeOf(name, values.shape, bad)} is ${values.data![bad]}`;
  throw refusal(operation, problem, "Every value has to be a finite number: leave out or fill in missing ones");
}

function requireLabels(
  operation: string,
  name: string,
  y: Tensor,
  range: LabelRange | undefined,
  overClasses: boolean | undefined,
): void {
  if (overClasses && (y.rank !== 1 || isFloat(y.dtype))) {
    const remedy = 'One class index for each row: tensor(labels, [labels.length], "int32")';
    throw refusal(operation, `${name} is ${y}, and labels are int32[${y.shape[0]}]`, remedy);
  }
  if (!range || !areLabels(y.dtype, y.rank, range)) return;
  const values = y.data as ArrayLike<number | bigint>;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value >= range.least && value <= range.most && (typeof value === "bigint" || Number.isInteger(value))) continue;
    throw refusal(
      operation,
      `${placeOf(name, y.shape, i)} is ${value}, and ${range.because}`,
      remedyForLabel(range, value),
    );
  }
}

/** @internal As many targets as inputs, and at least one row that is there, unless all may be padding. */
export function requireRows(
  operation: string,
  prefix: string,
  { x, y, present }: Examples<Tree, Tree>,
  mayBeEmpty = false,
): void {
  // The usual case, which is asked of every task of a training.
  if (x instanceof Tensor && y instanceof Tensor && !present && x.shape[0] && x.shape[0] === y.shape[0]) return;
  const named = (["x", "y"] as const).flatMap((part) => namedTensors(part === "x" ? x : y, `${prefix}${part}`));
  requireSameRows(operation, named, present && [`${prefix}present`, present]);
  const count = rowsOf(x);
  const mask = present && toNumbers(present);
  const odd = mask?.findIndex((value) => value !== 0 && value !== 1) ?? -1;
  if (odd >= 0) {
    const remedy = "Give 1 for rows that are there and 0 for padding";
    throw refusal(operation, `${prefix}present[${odd}] is ${mask![odd]}`, remedy);
  }
  if (count && (!mask || mayBeEmpty || mask.includes(1))) return;
  throw refusal(operation, `${prefix}x holds no examples`, "Give at least one");
}

type Named = readonly [name: string, values: Tensor];

/** @internal A row for each example in all of them, and a mask that is a number for each. */
export function requireSameRows(operation: string, named: readonly Named[], mask?: Named): void {
  const [[first, { shape }], ...others] = named as readonly [Named, ...Named[]];
  const count = shape[0];
  const short = (name: string): string => name.replace(/^(support|query)\./, "");
  for (const [name, values] of [...others, ...(mask ? [mask] : [])]) {
    const isMask = mask?.[0] === name;
    if (values.shape[0] === count && (!isMask || values.rank === 1)) continue;
    const problem =
      values.shape[0] === count
        ? `${name} has the shape ${formatShape(values.shape)}`
        : `${first} has ${count ?? "no"} rows and ${name} ${values.shape[0] ?? "none"}`;
    const remedy = `Give as many rows of ${short(name)} as of ${short(first)}${isMask ? ", one number each" : ""}`;
    throw refusal(operation, problem, remedy);
  }
}

// --- what comes out --------------------------------------------------------------------------------------------------

/**
 * @internal Passes on what adaptation or a prediction came to.
 *
 * @param given the inputs that it came of, and those that were adapted to; those of a training task, for comparison
 * @throws TrainingError ILR106 where it is not finite
 */
export function finiteResult<T extends Tree>(
  operation: string,
  result: T,
  given: {
    readonly x: Tree;
    readonly support?: Tree;
    /** Undefined where there is none to compare with. */
    readonly trained: () => Tree | undefined;
    readonly steps?: number | undefined;
  },
): T {
  const bad = leaves(result).findIndex((leaf) => notFinite(leaf) >= 0);
  if (bad < 0) return result;
  const leaf = leaves(result)[bad]!;
  const at = notFinite(leaf);
  const what = placeOf(paths(result)[bad] || "the prediction", leaf.shape, at);
  const after = given.steps === undefined ? "" : ` after ${given.steps} ${given.steps === 1 ? "step" : "steps"}`;
  const most = Math.max(largest(given.x), given.support ? largest(given.support) : 0);
  const trained = given.trained();
  const [here, there] = [most, trained ? largest(trained) : most].map((value) => value.toPrecision(3));
  const remedy =
    Number(here) > 10 * Number(there)
      ? `Inputs here are up to ${here} and were up to ${there} in a training task: scale them alike`
      : "Adaptation diverged: take fewer steps or a lower inner learning rate, or train on";
  throw new TrainingError("ILR106", operation, `${what} is ${leaf.data![at]}${after}`, remedy);
}

/** Networks take numbers about 1; the gradients of larger ones than this leave the range of float32 within a few steps. */
const hugeFrom = 1e6;

/** Says which of the values of a batch of tasks, all of them finite, is out of all proportion. */
export function hugeValue(batch: Task<Tree, Tree>): string | undefined {
  const named = (["support", "query"] as const).flatMap((set) =>
    (["x", "y"] as const).flatMap((part) => namedTensors(batch[set][part], `${set}.${part}`)),
  );
  for (const [name, values] of named) {
    const numbers = isFloat(values.dtype) ? (values.data as Float32Array) : [];
    const at = numbers.findIndex((value) => Math.abs(value) > hugeFrom);
    if (at < 0) continue;
    const size = values.size / values.shape[0]!;
    const place = placeOf(name, values.shape.slice(1), at % size);
    return `${place} of task ${Math.floor(at / size)} of the batch is ${numbers[at]}`;
  }
  return undefined;
}

// --- single values ---------------------------------------------------------------------------------------------------

/** The place of the first value that is not finite, or -1. Their sum tells first: it takes no branch for each. */
export function firstNotFinite(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum) ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

const notFinite = ({ dtype, data }: Tensor): number =>
  isFloat(dtype) && data ? firstNotFinite(data as Float32Array) : -1;

/** The largest of the numbers of a tree that are quantities: of token ids, say, none is. */
const largest = (x: Tree): number =>
  leaves(x)
    .filter(({ dtype }) => isFloat(dtype))
    .reduce((most, { data }) => (data as Float32Array).reduce((a, value) => Math.max(a, Math.abs(value)), most), 0);

/** @internal `x[3][0]`: the place of an element in row-major order. */
export function placeOf(name: string, shape: readonly number[], at: number): string {
  let rest = at;
  const indices = shape.map((_, axis) => {
    const size = sizeOf(shape.slice(axis + 1));
    const index = Math.floor(rest / size);
    rest -= index * size;
    return `[${index}]`;
  });
  return `${name}${indices.join("")}`;
}

/** By tag, since arrays made in another realm (a frame, a test's sandbox) are of another class. */
export const isNumericArray = (value: unknown): value is TypedArray =>
  ArrayBuffer.isView(value) && tagOf(value) !== "DataView";

/** Bytes, which may be pixels up to 255. */
export const isBytes = (value: unknown): boolean => ["Uint8Array", "Uint8ClampedArray"].includes(tagOf(value));

/** The first place of a list that holds nothing, or -1. What goes through all the places of a sparse list may never end. */
export function firstHole(list: readonly unknown[]): number {
  let at = 0;
  while (at < list.length && list[at] !== undefined) at++;
  return at < list.length ? at : -1;
}

/** A value as messages show it: `"cat" (text)`, `undefined`, `an array of 3`. */
export function shownValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `${JSON.stringify(value.length > 24 ? `${value.slice(0, 24)}...` : value)} (text)`;
    case "bigint":
      return `${value}n (a BigInt)`;
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (value instanceof Tensor) return `the tensor ${value}`;
      return ArrayBuffer.isView(value)
        ? `a ${tagOf(value)}`
        : tagOf(value) === "Object"
          ? "an object"
          : `a ${tagOf(value)}`;
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

/** @throws TaskError ILT201 where an argument that holds others is not there, or is no object */
export function requireObject(value: unknown, operation: string, what: string, remedy: string): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new TaskError("ILT201", operation, `${what} is ${shownValue(value)}`, remedy);
}

/** @internal The error of values that are none. */
export const refusal = (operation: string, problem: string, remedy: string): TrainingError =>
  new TrainingError("ILR105", operation, problem, remedy);
