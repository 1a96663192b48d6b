/** Examples that a user hands over, in the forms that users have them, as tensors: the gate of `run.adapt` and `predict`. */
import {
  allocate,
  type DType,
  formatShape,
  isFloat,
  sameShape,
  sizeOf,
  Tensor,
  type Tree,
  tagOf,
  tensor,
} from "@innerloop/graph";
import { type Examples, presentRows } from "./task.js";
import { isTensorSpec, namedTensors, partName, type SpecTree, type TaskSpec, type TensorSpec } from "./task-spec.js";
import {
  areLabels,
  firstHole,
  isBytes,
  isNumericArray,
  type LabelRange,
  labelsBySpec,
  placeOf,
  refusal,
  remedyForLabel,
  requireParts,
  requireRows,
  requireSameRows,
  shownValue,
} from "./value-gate.js";

/** An example as it has to be: the part of a `TaskSpec` that is about one. */
export type ExampleSpec = Pick<TaskSpec<Tree, Tree>, "x" | "y"> & Partial<Pick<TaskSpec, "support">>;

/**
 * A user's support set as tensors, without rows that are not present: values may be tensors, nested arrays, typed arrays, or
 * lists of these; rows may be flat, and those of one value that value. Trees are objects and lists of such values.
 *
 * @throws TrainingError ILR105 where they are not of the expected kind: `run.adapt: y[3] is 7, and ...`
 */
export function enteredExamples(
  operation: string,
  given: unknown,
  expected: ExampleSpec,
  labels: LabelRange | undefined,
): Examples<Tree, Tree> {
  if (typeof given !== "object" || given === null || given instanceof Tensor || Array.isArray(given)) {
    throw refusal(operation, `the support set is ${shownValue(given)}`, "Give { x, y }: inputs and their targets");
  }
  const { x: inputs, y: targets, present: mask } = given as Partial<Record<"x" | "y" | "present", unknown>>;
  const x = enteredTree(operation, "x", inputs, expected.x);
  const y = enteredTree(operation, "y", targets, expected.y, labels);
  const present =
    mask === undefined ? {} : { present: enteredRows(operation, "present", mask, { dtype: "float32", shape: [] }) };
  const examples = { x, y, ...present };
  requireRows(operation, "", examples, expected.support?.mayBeEmpty);
  return presentRows(examples);
}

/** A user's inputs as tensors [n, ...]; throws as `enteredExamples` does. */
export function enteredInputs(operation: string, values: unknown, expected: ExampleSpec): Tree {
  const x = enteredTree(operation, "x", values, expected.x);
  requireSameRows(operation, namedTensors(x, "x"));
  return x;
}

function areFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return false;
  return true;
}

/** @param labels what the values of a single tensor are, where that is not what its spec says */
function enteredTree(
  operation: string,
  name: string,
  values: unknown,
  expected: SpecTree,
  labels?: LabelRange | undefined,
): Tree {
  if (isTensorSpec(expected)) return enteredRows(operation, name, values, expected, labels ?? labelsBySpec(expected));
  requireParts(operation, name, values, expected);
  const given = values as { readonly [part: string]: unknown };
  const parts = Object.entries(expected).map(([part, spec]): [string, Tree] => [
    part,
    enteredTree(operation, partName(name, part, Array.isArray(expected)), given[part], spec as SpecTree),
  ]);
  return Array.isArray(expected) ? parts.map(([, tree]) => tree) : Object.fromEntries(parts);
}

function enteredRows(
  operation: string,
  name: string,
  values: unknown,
  { dtype, shape: rowShape }: Pick<TensorSpec, "dtype" | "shape">,
  range?: LabelRange,
): Tensor {
  const labels = areLabels(dtype, 1 + rowShape.length, range) ? range : undefined;
  const isInput = name !== "present" && !/^y\b/.test(name);
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
    if (!isBytes(part) || !isFloat(dtype) || !isInput) return;
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
  // Numbers that are of the type already and have no other bounds are looked at where they lie, in one go.
  if (flat && !whole && name !== "present" && tagOf(flat) === tagOf(out) && areFinite(flat as Float32Array)) {
    (out as Float32Array).set(flat as Float32Array);
    return tensor(out, shape, dtype);
  }
  const put = (value: unknown, at: number): void => {
    const number =
      typeof value === "boolean" && (name === "present" || dtype === "bool")
        ? Number(value)
        : asNumber(value, flat !== undefined);
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
