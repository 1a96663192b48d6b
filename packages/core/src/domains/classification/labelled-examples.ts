import { formatShape, hasTag, type NestedNumbers, sizeOf, type TypedArray } from "@innerloop/graph";
import { random } from "../../random/random.js";
import { type Split, TaskError, wholeNumber } from "../../tasks/task.js";
import {
  firstHole,
  firstNotFinite,
  isBytes,
  isNumericArray,
  requireObject,
  shownValue,
} from "../../tasks/value-gate.js";

/** Quarter turns counterclockwise. */
export type Rotation = 0 | 1 | 2 | 3;

/** Values of examples, row-major: a byte means value / 255, a float32 is itself, an int32 is the id of a word or token. */
export type ExampleValues = Uint8Array | Float32Array | Int32Array;

/** The examples of one class: a view of an array that other classes may share. */
export interface ExampleClass {
  readonly name: string;
  readonly count: number;
  /** Row-major, count x exampleShape; int32 where the data are of ids, `LabelledExamples.ids`, and nowhere else. */
  readonly examples: ExampleValues;
  /**
   * Present on classes made by `withRotations`: each example is turned by so many quarter turns counterclockwise when
   * it is read. `examples` stays as it is.
   */
  readonly rotation?: Rotation;
  /** The part of a published split that the class belongs to. `splitClasses` does not look at it; presets do. */
  readonly split?: Split;
}

/** Examples grouped by class: what episodes are sampled from. Plain data; nothing in it is copied or changed. */
export interface LabelledExamples {
  readonly name: string;
  /** The shape of one example; images are [height, width, channels]. */
  readonly exampleShape: readonly number[];
  /**
   * Examples are lists of ids, whole numbers from 0 to `count` - 1, of which 0 is padding: of words, of pieces of words, of
   * buckets that n-grams are hashed to. They reach a learner as they are.
   */
  readonly ids?: { readonly count: number };
  readonly classes: readonly ExampleClass[];
}

/** A class as `labelledExamples` takes it. */
export interface ExampleClassInput {
  readonly name: string;
  /**
   * A typed array of all examples, row-major, which is kept and not copied; or a list of examples, each a typed array
   * or nested numbers. Bytes mean value / 255; plain numbers are taken as they are. Where the data are of ids, typed arrays
   * are Int32Arrays, and numbers whole.
   */
  readonly examples: ExampleValues | readonly (ExampleValues | NestedNumbers)[];
  /** The part of a published split that the class belongs to. */
  readonly split?: Split;
}

/**
 * Labelled examples from plain arrays, checked.
 *
 * @throws ILT201 where the shape has a size that is not a whole number of at least 1, there are no classes, or the number
 * of ids is not a whole number of at least 2
 * @throws ILT301 where a class's data is not a whole number of examples of the shape, is empty, or is ids in data that are
 * not of ids, or the reverse
 * @throws ILT302 where a value is not finite
 * @throws ILT309 where an id is not a whole number from 0 to `ids.count` - 1
 * @throws ILT303 where two classes have the same name
 * @example
 * labelledExamples({
 *   name: "points", exampleShape: [2],
 *   classes: [{ name: "left", examples: [[-1, 0], [-2, 1]] }, { name: "right", examples: [[1, 0], [2, 1]] }],
 * })
 * labelledExamples({
 *   name: "requests", exampleShape: [4], ids: { count: 1000 },
 *   classes: [{ name: "music", examples: [[17, 4, 93, 0]] }, { name: "weather", examples: [[8, 4, 0, 0]] }],
 * })
 */
export function labelledExamples(input: {
  readonly name: string;
  readonly exampleShape: readonly number[];
  /** Examples are ids from 0 to `count` - 1; 0 is padding. */
  readonly ids?: { readonly count: number };
  readonly classes: readonly ExampleClassInput[];
}): LabelledExamples {
  requireObject(input, "labelledExamples", "the data set", "Give { name, exampleShape, classes }");
  if (!Array.isArray(input.exampleShape)) {
    const problem = `exampleShape is ${shownValue(input.exampleShape)}`;
    throw new TaskError("ILT201", "labelledExamples", problem, "Give a list of sizes: [2], or [28, 28, 1] for images");
  }
  const exampleShape = [...input.exampleShape];
  const size = checkedSize(exampleShape);
  const { ids } = input;
  if (ids !== undefined) wholeNumber(ids?.count as number, "labelledExamples", "ids.count", 2);
  if (!Array.isArray(input.classes)) {
    const problem = `classes is ${shownValue(input.classes)}`;
    throw new TaskError("ILT301", "labelledExamples", problem, "Give a list of { name, examples }");
  }
  requireNoHole(input.classes, "classes");
  const classes = input.classes.map((given: ExampleClassInput | null, i): ExampleClass => {
    const { name, examples, split } = given ?? ({} as Partial<ExampleClassInput>);
    if (typeof name !== "string") {
      const problem = `the name of class ${i} is ${shownValue(name)}`;
      throw new TaskError("ILT301", "labelledExamples", problem, "Give each class a name of its own: text");
    }
    if (!isNumericArray(examples) && !Array.isArray(examples)) {
      const problem = `the examples of class "${name}" are ${shownValue(examples)}`;
      throw new TaskError(
        "ILT301",
        "labelledExamples",
        problem,
        "Give a list of examples, or a typed array of them all",
      );
    }
    const values = isNumericArray(examples)
      ? requireKept(examples, name, ids)
      : flattenExamples(name, examples, exampleShape, ids);
    if (values.length === 0 || values.length % size !== 0) {
      const problem = `class "${name}" has ${values.length} values, examples of shape ${formatShape(exampleShape)} have ${size}`;
      throw new TaskError(
        "ILT301",
        "labelledExamples",
        problem,
        "Give each class at least one example, all of that shape",
      );
    }
    if (ids) requireIds(values, { name, size, count: ids.count });
    else {
      const bad = isBytes(values) ? -1 : firstNotFinite(values as Float32Array);
      if (bad >= 0) throw notFiniteExample(name, Math.floor(bad / size), `${values[bad]}`);
    }
    return { name, count: values.length / size, examples: values, ...(split ? { split } : {}) };
  });
  if (classes.length === 0) {
    throw new TaskError("ILT201", "labelledExamples", `${input.name} has no classes`, "Give at least one");
  }
  const names = new Set<string>();
  for (const { name } of classes) {
    if (names.has(name)) {
      const remedy = "Put their examples into one class, or give them different names";
      throw new TaskError("ILT303", "labelledExamples", `two classes are named "${name}"`, remedy);
    }
    names.add(name);
  }
  return { name: input.name, exampleShape, ...(ids ? { ids: { count: ids.count } } : {}), classes };
}

/** A canvas gives Uint8ClampedArray, whose bytes would pass for numbers up to 255. */
function requireKept(values: TypedArray, name: string, ids: LabelledExamples["ids"]): ExampleValues {
  if (ids) {
    if (hasTag(values, "Int32Array")) return values;
    const problem = `class "${name}" of ids holds ${shownValue(values)}, which is no Int32Array`;
    throw new TaskError("ILT301", "labelledExamples", problem, "Convert it: Int32Array.from(ids)");
  }
  if (hasTag(values, "Uint8Array") || hasTag(values, "Float32Array")) return values;
  const problem = `class "${name}" holds ${shownValue(values)}, which is neither a Uint8Array nor a Float32Array`;
  const remedy = hasTag(values, "Int32Array")
    ? "Say how many ids there are, ids: { count }, or convert it: Float32Array.from(x)"
    : "Convert it: new Uint8Array(bytes), Float32Array.from(x)";
  throw new TaskError("ILT301", "labelledExamples", problem, remedy);
}

/** @throws ILT309 */
function requireIds(
  values: ArrayLike<number>,
  { name, size, count }: { readonly name: string; readonly size: number; readonly count: number },
): void {
  for (let i = 0; i < values.length; i++) {
    if (!(values[i]! >= 0 && values[i]! < count)) throw noId(name, Math.floor(i / size), `${values[i]}`, count);
  }
}

const noId = (name: string, example: number, found: string, count: number): TaskError =>
  new TaskError(
    "ILT309",
    "labelledExamples",
    `class "${name}", example ${example} holds ${found}`,
    `Ids are whole numbers from 0, which is padding, to ${count - 1}; give ids.count if there are more`,
  );

function requireNoHole(list: readonly unknown[], what: string): void {
  const hole = firstHole(list);
  if (hole < 0) return;
  throw new TaskError(
    "ILT301",
    "labelledExamples",
    `${what}: number ${hole} is undefined`,
    "Leave it out, or fill it in",
  );
}

const notFiniteExample = (name: string, example: number, found: string): TaskError =>
  new TaskError(
    "ILT302",
    "labelledExamples",
    `class "${name}", example ${example} holds ${found}`,
    "Replace or leave out examples with missing values",
  );

/**
 * Flattens a list of examples, each flat or of the shape; bytes of a list are turned to value / 255 only where every
 * example is bytes.
 */
function flattenExamples(
  name: string,
  examples: readonly unknown[],
  shape: readonly number[],
  ids: LabelledExamples["ids"],
): ExampleValues {
  const size = sizeOf(shape);
  requireNoHole(examples, `class "${name}", its examples`);
  const allBytes = !ids && examples.length > 0 && examples.every(isBytes);
  const length = examples.length * size;
  const values = ids ? new Int32Array(length) : allBytes ? new Uint8Array(length) : new Float32Array(length);
  examples.forEach((example, index) => {
    const flat = isNumericArray(example)
      ? requireKept(example, name, ids)
      : flattenNumbers(example, name, index, shape);
    if (ids && Array.isArray(flat)) {
      const bad = flat.find((value) => !Number.isInteger(value) || value < 0 || value >= ids.count);
      if (bad !== undefined) throw noId(name, index, `${bad}`, ids.count);
    }
    if (flat.length !== size) {
      const problem = `class "${name}", example ${index} has ${flat.length} values where the shape holds ${size}`;
      throw new TaskError("ILT301", "labelledExamples", problem, "Give all examples the same shape");
    }
    if (isBytes(flat) && !allBytes) {
      for (let i = 0; i < size; i++) values[index * size + i] = flat[i]! * perByte;
    } else {
      values.set(flat, index * size);
    }
  });
  return values;
}

/** The numbers of one example in row-major order: nested as the shape is, a flat list, or a number. */
function flattenNumbers(given: unknown, name: string, index: number, shape: readonly number[]): number[] {
  const flat: number[] = [];
  const example = typeof given === "number" ? [given] : given;
  const isFlat = Array.isArray(example) && !Array.isArray(example[0]);
  const expected = isFlat ? [sizeOf(shape)] : shape;
  const visit = (part: unknown, axis: number): void => {
    if (axis === expected.length) {
      if (typeof part !== "number" || !Number.isFinite(Math.fround(part)))
        throw notFiniteExample(name, index, shownValue(part));
      flat.push(part);
      return;
    }
    if (!Array.isArray(part) || part.length !== expected[axis]) {
      const found = Array.isArray(part) ? `${part.length} values` : shownValue(part);
      const problem = `class "${name}", example ${index} has ${found} where ${expected[axis]} values were expected, of the shape ${formatShape(shape)}`;
      throw new TaskError("ILT301", "labelledExamples", problem, "Give all examples the same shape");
    }
    for (let i = 0; i < part.length; i++) visit(part[i], axis + 1);
  };
  visit(example, 0);
  return flat;
}

/**
 * The classes of these indices, in their order; or those the predicate accepts.
 *
 * @throws ILT304 where there is no class of an index
 * @throws ILT303 where an index is given twice
 */
export function selectClasses(
  data: LabelledExamples,
  which: readonly number[] | ((entry: ExampleClass, index: number) => boolean),
): LabelledExamples {
  if (typeof which === "function") return { ...data, classes: data.classes.filter(which) };
  const seen = new Set<number>();
  const classes = which.map((index) => {
    const entry = data.classes[index];
    if (!entry) {
      const problem = `no class ${index} in ${data.name}`;
      throw new TaskError("ILT304", "selectClasses", problem, `Give indices from 0 to ${data.classes.length - 1}`);
    }
    if (seen.has(index)) {
      throw new TaskError("ILT303", "selectClasses", `index ${index} is given twice`, "Give each class once");
    }
    seen.add(index);
    return entry;
  });
  return { ...data, classes };
}

/** Numbers of classes, or shares of them, for each part of a split. */
export interface ClassSplit {
  /** Whole numbers, 1 too, are numbers of classes; where any of the three is not whole, all are fractions of them. */
  readonly train: number;
  /** 0 unless given. */
  readonly validation?: number;
  /** The classes that the other two leave unless given. */
  readonly test?: number;
  /** `shuffled` by the seed (default), or as the classes are `given`: for published splits. */
  readonly order?: "shuffled" | "given";
}

/**
 * Three sets of classes that share none: `train` the first ones, `validation` the next, `test` the next, in the order
 * of a shuffle by the seed, or in the order given. What the counts do not cover is left out.
 *
 * Fractions are cut at round(n x running sum), so fractions that sum to 1 use every class once.
 *
 * Rotate after splitting, `withRotations(splitClasses(...).train)`: a character's four rotations then stay on one side.
 * Data that is rotated already is refused.
 *
 * @param seed a non-negative integer up to 2^53 - 1; not used where the order is the given one
 * @throws ILT304 where a size is negative, or the sizes sum to more classes than there are
 * @throws ILT305 where the classes are rotated already
 * @example const { train, test } = splitClasses(omniglot, { train: 1200 }, 1);
 */
export function splitClasses(
  data: LabelledExamples,
  split: ClassSplit,
  seed = 0,
): { train: LabelledExamples; validation: LabelledExamples; test: LabelledExamples } {
  if (data.classes.some((entry) => entry.rotation !== undefined)) {
    const problem = `${data.name} is rotated already, and one character could land on both sides of the split`;
    throw new TaskError("ILT305", "splitClasses", problem, "Split first, then call withRotations on each part");
  }
  const n = data.classes.length;
  const { train, validation = 0, order = "shuffled" } = split;
  const given = [train, validation, split.test ?? 0];
  const fractions = given.some((value) => !Number.isInteger(value));
  const whole = fractions ? 1 : n;
  const test = split.test ?? whole - train - validation;
  // Fractions such as 0.7 + 0.2 + 0.1 sum to slightly less or more than 1.
  const slack = fractions ? 1e-9 : 0;
  if (!given.every((value) => value >= 0) || !(test >= -slack) || train + validation + test > whole + slack) {
    const parts = `train ${train}, validation ${validation}${split.test === undefined ? "" : `, test ${split.test}`}`;
    const remedy = fractions
      ? "Fractions are at least 0 and sum to at most 1"
      : `Counts are at least 0 and sum to at most ${n}`;
    throw new TaskError("ILT304", "splitClasses", `${parts} of ${n} classes in ${data.name}`, remedy);
  }
  const cut = (sum: number): number => (fractions ? Math.min(n, Math.round(sum * n)) : sum);
  const ordered = order === "given" ? [...data.classes] : random(seed).shuffle([...data.classes]);
  const [first, second, third] = [cut(train), cut(train + validation), cut(train + validation + test)];
  const part = (name: string, from: number, to: number): LabelledExamples => ({
    ...data,
    name: `${data.name} ${name}`,
    classes: ordered.slice(from, to),
  });
  return {
    train: part("train", 0, first),
    validation: part("validation", first, second),
    test: part("test", second, third),
  };
}

/**
 * Four classes for each: its examples turned by 0, 90, 180 and 270 degrees counterclockwise, in this order, one class
 * after the other. Examples are turned when they are read, so this takes no memory. Turned classes are named
 * `name @90` and so on.
 *
 * For characters (Santoro et al. 2016, "Meta-learning with memory-augmented neural networks"). Split classes first:
 * see `splitClasses`.
 *
 * @throws ILT305 where examples are not square images [n, n] or [n, n, channels], or are rotated already
 */
export function withRotations(data: LabelledExamples): LabelledExamples {
  if (data.ids) {
    const problem = `examples of ${data.name} are ids`;
    throw new TaskError("ILT305", "withRotations", problem, "Leave rotations out: they are of images");
  }
  const [height, width] = data.exampleShape;
  const rank = data.exampleShape.length;
  if (height !== width || rank < 2 || rank > 3) {
    const problem = `examples of ${data.name} have shape ${formatShape(data.exampleShape)}`;
    throw new TaskError("ILT305", "withRotations", problem, "Crop or resize them to [n, n, channels] first");
  }
  if (data.classes.some((entry) => entry.rotation !== undefined)) {
    throw new TaskError("ILT305", "withRotations", `${data.name} is rotated already`, "Call withRotations once");
  }
  const rotations: readonly Rotation[] = [0, 1, 2, 3];
  const classes = data.classes.flatMap((entry) =>
    rotations.map((rotation) => ({
      ...entry,
      name: rotation === 0 ? entry.name : `${entry.name} @${90 * rotation}`,
      rotation,
    })),
  );
  return { ...data, classes };
}

/** Times a byte, and rounded to float32, this is byte / 255 for each of the 256 of them. */
const perByte = 1 / 255;

/**
 * Writes one example of a class to `out` from `offset` on: bytes as value / 255, turned if the class is; ids as they are.
 *
 * A quarter turn counterclockwise of an n x n image: out[i][j] = in[j][n - 1 - i].
 *
 * @param out a Float32Array; of data of ids an Int32Array
 * @throws ILT304 where the class has no example of this index; ILT301 where ids are to be written as numbers, or numbers
 * as ids
 */
export function readExample(
  data: LabelledExamples,
  entry: ExampleClass,
  index: number,
  out: Float32Array | Int32Array,
  offset: number,
): void {
  if (!(Number.isInteger(index) && index >= 0 && index < entry.count)) {
    const problem = `no example ${index} in class "${entry.name}" of ${data.name}`;
    throw new TaskError("ILT304", "readExample", problem, `Give an index from 0 to ${entry.count - 1}`);
  }
  const { examples, rotation = 0 } = entry;
  const size = sizeOf(data.exampleShape);
  const start = index * size;
  const areIds = hasTag(examples, "Int32Array");
  if (areIds !== hasTag(out, "Int32Array")) {
    const problem = `class "${entry.name}" of ${data.name} holds ${shownValue(examples)}, to be written to ${shownValue(out)}`;
    throw new TaskError("ILT301", "readExample", problem, "Give an Int32Array for ids, a Float32Array for all others");
  }
  const scale = hasTag(examples, "Uint8Array") ? perByte : 1;
  if (rotation !== 0) {
    readTurned(examples, start, rotation, data.exampleShape, scale, out, offset);
    return;
  }
  // The engine's own copy and a product in place take half the time of one loop that reads and multiplies.
  out.set(examples.subarray(start, start + size), offset);
  if (scale !== 1) for (let i = offset; i < offset + size; i++) out[i]! *= scale;
}

/** Writes the image at `start`, turned by quarter turns counterclockwise and multiplied by `scale`. */
function readTurned(
  from: ExampleValues,
  start: number,
  rotation: 1 | 2 | 3,
  exampleShape: readonly number[],
  scale: number,
  out: Float32Array | Int32Array,
  offset: number,
): void {
  const n = exampleShape[0]!;
  const channels = exampleShape[2] ?? 1;
  const row = n * channels;
  const lastRow = (n - 1) * row;
  const lastColumn = row - channels;
  // out[i][j] is found at first + i down + j right.
  const first = start + (rotation === 1 ? lastColumn : rotation === 2 ? lastRow + lastColumn : lastRow);
  const down = rotation === 1 ? -channels : rotation === 2 ? -row : channels;
  const right = rotation === 1 ? row : rotation === 2 ? -channels : -row;
  const nextRow = down - n * right;
  const end = offset + n * row;
  for (let channel = 0; channel < channels; channel++) {
    let pixel = first + channel;
    let column = 0;
    // One loop over all pixels takes two thirds of the time of one over rows and one over columns.
    for (let to = offset + channel; to < end; to += channels) {
      out[to] = from[pixel]! * scale;
      pixel += right;
      if (++column === n) {
        column = 0;
        pixel += nextRow;
      }
    }
  }
}

/** @internal The number of values of one example; throws ILT201 for a size that is not a whole number of at least 1. */
export function checkedSize(exampleShape: readonly number[]): number {
  exampleShape.forEach((n, axis) => {
    wholeNumber(n, "labelledExamples", `size ${axis} of exampleShape`);
  });
  return sizeOf(exampleShape);
}
