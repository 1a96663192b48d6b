/**
 * The gate for values that enter: examples that a user hands over, and tasks that a source draws. What is not a finite
 * number, not a label of the classes at hand or not of the shape that is needed is refused here, in the terms of whoever
 * gave it; behind the gate it would train silently, or come out as NaN.
 */
import {
  allocate,
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
  tensor,
  toNumbers,
} from "@innerloop/graph";
import type { Loss } from "../losses/losses.js";
import { TrainingError } from "../training/training-error.js";
import { type Examples, presentRows, type Task, TaskError, type TaskSource } from "./task.js";

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
  { loss, unlabelled }: { readonly loss?: Loss; readonly unlabelled?: boolean },
  source: Pick<TaskSource, "unlabelled" | "openSet">,
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

/** Rows of no class are legal in some tasks: where they are not, that is said. */
const remedyForLabel = ({ least, remedy }: LabelRange, value: unknown): string =>
  Number(value) === -1 && least === 0
    ? `${remedy}; -1, for none, is for sources that declare \`unlabelled\` or \`openSet\``
    : remedy;

/** Whether targets are what a range is about: those of one-hot rows, say, are numbers of another kind. */
const areLabels = (dtype: DType, rank: number, range: LabelRange | undefined): boolean =>
  range !== undefined && (range.anyShape === true || rank === 1 || !isFloat(dtype));

/** What a set of examples has to be. */
export interface ExpectedExamples {
  readonly x: { readonly dtype: DType; readonly rowShape: readonly number[] };
  readonly y: { readonly dtype: DType; readonly rowShape: readonly number[] };
}

/** What tasks look like, by one of them. */
export const expectedBy = ({ x, y }: Examples): ExpectedExamples => ({
  x: { dtype: x.dtype, rowShape: x.shape.slice(1) },
  y: { dtype: y.dtype, rowShape: y.shape.slice(1) },
});

// --- examples of a user's --------------------------------------------------------------------------------------------

/**
 * A user's support set as tensors, without rows that are not present: values may be tensors, nested arrays, typed arrays, or lists of these; rows may be
 * flat, and those of one value that value.
 *
 * @throws TrainingError ILR105 where they are not of the expected kind: `run.adapt: y[3] is 7, and ...`
 */
export function enteredExamples(
  operation: string,
  given: unknown,
  expected: ExpectedExamples,
  labels: LabelRange | undefined,
): Examples {
  if (typeof given !== "object" || given === null || given instanceof Tensor || Array.isArray(given)) {
    throw refusal(operation, `the support set is ${shownValue(given)}`, "Give { x, y }: inputs and their targets");
  }
  const { x: inputs, y: targets, present: mask } = given as Partial<Record<"x" | "y" | "present", unknown>>;
  const x = enteredRows(operation, "x", inputs, expected.x);
  const y = enteredRows(operation, "y", targets, expected.y, labels);
  const present =
    mask === undefined ? {} : { present: enteredRows(operation, "present", mask, { dtype: "float32", rowShape: [] }) };
  const examples = { x, y, ...present };
  requireRows(operation, "", examples);
  return presentRows(examples);
}

/** A user's inputs as a tensor [n, ...rowShape]; throws as `enteredExamples` does. */
export const enteredInputs = (operation: string, x: unknown, expected: ExpectedExamples): Tensor =>
  enteredRows(operation, "x", x, expected.x);

function enteredRows(
  operation: string,
  name: "x" | "y" | "present",
  values: unknown,
  { dtype, rowShape }: ExpectedExamples["x"],
  range?: LabelRange,
): Tensor {
  const labels = areLabels(dtype, 1 + rowShape.length, range) ? range : undefined;
  const form = `Give ${name} as [${["examples", ...rowShape].join(", ")}]: numbers, a list for each row`;
  const refuse = (problem: string, remedy = form): never => {
    throw refusal(operation, problem, remedy);
  };
  const rowSize = sizeOf(rowShape);
  if (values instanceof Tensor) {
    if (!values.data) refuse(`${name} is ${values} without values`, "Give the result of a run, or tensor(values)");
    const isFlat = values.rank > 0 && values.rank <= 2 && values.size === values.shape[0]! * rowSize;
    if (!isFlat && !(values.rank > 0 && sameShape(values.shape.slice(1), rowShape)))
      refuse(`${name} has the shape ${formatShape(values.shape)}`);
  }
  const requireNoBytes = (part: unknown, where: string): void => {
    if (!isBytes(part) || !isFloat(dtype) || name !== "x") return;
    refuse(`${where} is ${shownValue(part)}`, "Of pixels, give Float32Array.from(bytes, (byte) => byte / 255)");
  };
  requireNoBytes(values, name);
  const flat = values instanceof Tensor ? values.data : isNumericArray(values) ? values : undefined;
  if (flat && flat.length % rowSize !== 0) refuse(`${name} has ${flat.length} numbers, and a row has ${rowSize}`);
  if (!flat && !Array.isArray(values)) refuse(`${name} is ${shownValue(values)}`);
  const count = flat ? flat.length / rowSize : (values as readonly unknown[]).length;
  if (count === 0) refuse(`${name} holds no examples`);
  // Before there is room for them: an array may have holes without end.
  const hole = flat ? -1 : firstHole(values as readonly unknown[]);
  if (hole >= 0) refuse(`${name}[${hole}] is undefined`);
  const shape = [count, ...rowShape];
  const whole = labels !== undefined || !isFloat(dtype);
  const out = allocate(dtype, count * rowSize);
  const put = (value: unknown, at: number): void => {
    const number =
      name === "present" && typeof value === "boolean" ? Number(value) : asNumber(value, flat !== undefined);
    const problem =
      number === undefined || Number.isNaN(number)
        ? `${shownValue(value)}, where a number was expected`
        : problemOf(number, dtype, whole, labels ?? (name === "present" ? maskRange : undefined));
    if (problem) refuse(`${placeOf(name, shape, at)} is ${problem}`, remedyFor(value, name, labels));
    if (out instanceof BigInt64Array) out[at] = BigInt(number!);
    else out[at] = number!;
  };
  if (flat) {
    for (let at = 0; at < flat.length; at++) put(flat[at], at);
    return tensor(out, shape, dtype);
  }
  let at = 0;
  const walk = (part: unknown, axis: number): void => {
    const isList = Array.isArray(part);
    const isArray = isList || isNumericArray(part);
    // A row of one value may be that value.
    if (axis === shape.length || (axis === 1 && rowSize === 1 && !isArray)) {
      put(part, at++);
      return;
    }
    const here = (): string => placeOf(name, shape.slice(0, axis), Math.floor(at / sizeOf(shape.slice(axis))));
    if (!isArray) refuse(`${here()} is ${shownValue(part)}, where an array was expected`);
    if (axis > 0) requireNoBytes(part, here());
    const list = part as ArrayLike<unknown>;
    // And a row may be flat, as images often are.
    const isFlat =
      !isList || (axis === 1 && rowShape.length > 1 && !Array.isArray(list[0]) && !isNumericArray(list[0]));
    const size = isFlat ? sizeOf(shape.slice(axis)) : shape[axis]!;
    if (list.length !== size) refuse(`${here()} has ${list.length} values, where ${size} were expected`);
    for (let i = 0; i < size; i++) walk(list[i], isFlat ? shape.length : axis + 1);
  };
  walk(values, 0);
  return tensor(out, shape, dtype);
}

const maskRange: LabelRange = { least: 0, most: 1, because: "it says 1 or 0 for each row", remedy: "" };

/** A plain number; one of a BigInt64Array too. */
const asNumber = (value: unknown, typed: boolean): number | undefined =>
  typeof value === "number" ? value : typed && typeof value === "bigint" ? Number(value) : undefined;

/** What is wrong with a number, or undefined. */
function problemOf(value: number, dtype: DType, whole: boolean, range: LabelRange | undefined): string | undefined {
  if (!Number.isFinite(value)) return `${value}`;
  if (dtype === "float32" && !Number.isFinite(Math.fround(value))) return `${value}, beyond the numbers of float32`;
  if (whole && !Number.isSafeInteger(value)) return `${value}, and ${range?.because ?? "these are whole numbers"}`;
  if (dtype === "int32" && value !== (value | 0)) return `${value}, beyond the numbers of int32`;
  if (range && !(value >= range.least && value <= range.most)) return `${value}, and ${range.because}`;
  return undefined;
}

function remedyFor(value: unknown, name: string, labels: LabelRange | undefined): string {
  if (name === "present") return "Give 1 for rows that are there and 0 for padding";
  if (labels && typeof value === "string") return `${labels.remedy}: names.indexOf(name), for example`;
  if (labels && typeof value === "number") return remedyForLabel(labels, value);
  if (labels) return labels.remedy;
  return "Give finite numbers: leave out or fill in rows with missing values, and scale very large ones";
}

// --- tasks of a source -----------------------------------------------------------------------------------------------

/** The rules that tasks of a source are held to. */
export interface TaskRules {
  /** Who draws them: "train". */
  readonly operation: string;
  /** What targets are, where these are labels: of support and query sets. */
  readonly support?: LabelRange | undefined;
  readonly query?: LabelRange | undefined;
  /** Whether the loss is over classes, so that labels are one whole number for each row. */
  readonly overClasses?: boolean | undefined;
}

/**
 * Passes on a task that is whole: tensors with values, as many targets as inputs, at least one row that is there, finite
 * numbers throughout, and labels that are ones.
 *
 * It takes about a nanosecond per number: of a batch of images under 1% of what an update takes.
 *
 * @param task which of which source, in words
 * @throws TrainingError ILR105
 */
export function requireTask(task: Task, which: string, rules: TaskRules): Task {
  const operation = `${rules.operation}: ${which}`;
  if (tagOf(task) === "Promise")
    throw refusal(operation, "it is a promise", "A source samples without waiting: load what it needs before training");
  for (const set of ["support", "query"] as const) {
    const examples = (task as Partial<Task> | undefined)?.[set] as Partial<Examples> | undefined;
    for (const name of ["x", "y", "present"] as const) {
      const values = examples?.[name];
      if (name === "present" && values === undefined) continue;
      requireTensor(operation, `${set}.${name}`, values);
      requireFinite(operation, `${set}.${name}`, values as Tensor);
    }
    requireRows(operation, `${set}.`, examples as Examples);
    requireLabels(operation, `${set}.y`, (examples as Examples).y, rules[set], rules.overClasses);
  }
  return task;
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

/** As many targets as inputs, and at least one row that is there. */
function requireRows(operation: string, prefix: string, { x, y, present }: Examples): void {
  const count = x.shape[0];
  for (const [name, values] of [
    ["y", y],
    ["present", present],
  ] as const) {
    if (!values || (values.shape[0] === count && (name === "y" || values.rank === 1))) continue;
    const problem =
      values.shape[0] === count
        ? `${prefix}${name} has the shape ${formatShape(values.shape)}`
        : `${prefix}x has ${count ?? "no"} rows and ${prefix}${name} ${values.shape[0] ?? "none"}`;
    throw refusal(operation, problem, `Give as many rows of ${name} as of x${name === "y" ? "" : ", one number each"}`);
  }
  const mask = present && toNumbers(present);
  const odd = mask?.findIndex((value) => value !== 0 && value !== 1) ?? -1;
  if (odd >= 0) {
    const remedy = "Give 1 for rows that are there and 0 for padding";
    throw refusal(operation, `${prefix}present[${odd}] is ${mask![odd]}`, remedy);
  }
  if (count && (!mask || mask.includes(1))) return;
  throw refusal(operation, `${prefix}x holds no examples`, "Give at least one");
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
    readonly x: Tensor;
    readonly support?: Tensor;
    readonly trained: () => Tensor;
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
  const [here, there] = [most, largest(given.trained())].map((value) => value.toPrecision(3));
  const remedy =
    Number(here) > 10 * Number(there)
      ? `Inputs here are up to ${here} and were up to ${there} in a training task: scale them alike`
      : "Adaptation diverged: take fewer steps or a lower inner learning rate, or train on";
  throw new TrainingError("ILR106", operation, `${what} is ${leaf.data![at]}${after}`, remedy);
}

/** Networks take numbers about 1; the gradients of larger ones than this leave the range of float32 within a few steps. */
const hugeFrom = 1e6;

/** Says which of the values of a batch of tasks, all of them finite, is out of all proportion. */
export function hugeValue(batch: Task): string | undefined {
  for (const set of ["support", "query"] as const) {
    for (const name of ["x", "y"] as const) {
      const values = batch[set][name];
      const numbers = isFloat(values.dtype) ? (values.data as Float32Array) : [];
      const at = numbers.findIndex((value) => Math.abs(value) > hugeFrom);
      if (at < 0) continue;
      const size = values.size / values.shape[0]!;
      const place = placeOf(`${set}.${name}`, values.shape.slice(1), at % size);
      return `${place} of task ${Math.floor(at / size)} of the batch is ${numbers[at]}`;
    }
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

const largest = (x: Tensor): number =>
  (x.data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(Number(value))), 0);

/** `x[3][0]`: the place of an element in row-major order. */
function placeOf(name: string, shape: readonly number[], at: number): string {
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

const refusal = (operation: string, problem: string, remedy: string): TrainingError =>
  new TrainingError("ILR105", operation, problem, remedy);
