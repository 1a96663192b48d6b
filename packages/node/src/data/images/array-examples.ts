import type { LongWork } from "@innerloop/experiments";
import { cut } from "@innerloop/experiments";
import { hasTag } from "@innerloop/graph";
import { DataError } from "../data-error.js";
import { readNpy, withNpz } from "../formats/npy-file.js";
import type { NumericArray } from "../formats/numeric-array.js";
import type { ExampleClass, LabelledExamples } from "../labelled-examples.js";
import { yieldToEventLoop } from "../long-work.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { maximumDataBytes } from "../store/stored-examples.js";

/** Options of readers of arrays. */
export interface ArrayFileOptions extends LongWork {
  /** Name of the data set; default "arrays". */
  readonly name?: string;
  /** Whether images are [channels, height, width] and are to be turned to [height, width, channels]; default false. */
  readonly channelsFirst?: boolean;
}

/** Whether `readArrays` reads files of this name. */
export const isArrayName = (path: string): boolean => /\.np[yz]$/i.test(path);

/** The names under which examples and labels are looked for in a .npz archive, in this order. */
const pairs: readonly (readonly [examples: string, labels: string])[] = [
  ["x", "y"],
  ["X", "Y"],
  ["X", "y"],
  ["data", "labels"],
  ["images", "labels"],
  ["features", "labels"],
  ["arr_0", "arr_1"],
];

/**
 * Reads labelled examples from arrays of NumPy: `x.npy` [n, ...shape] and `y.npy` [n], or one .npz archive that holds
 * both, under the names x and y, data, images or features and labels, or as numpy.savez names them by itself. Examples
 * are of any type of numbers; bytes stay bytes and mean value / 255, others become float32. Labels are whole numbers:
 * they name the classes, in ascending order.
 *
 * @throws DataError ILD72 for arrays that are not of that kind, ILD06 for fewer than two classes, more than 4 GiB or
 * values that are not finite, ILD03, ILD11 to ILD13
 */
export async function readArrays(paths: readonly string[], options: ArrayFileOptions = {}): Promise<LabelledExamples> {
  const [first = "", second] = paths;
  if (/\.npz$/i.test(first)) {
    return withNpz(first, async (arrays) => {
      const pair = pairs.find(([x, y]) => arrays.has(x) && arrays.has(y));
      if (!pair) {
        const held = cut([...arrays.keys()].slice(0, 20).join(", ") || "none", 200);
        const problem = `it holds no arrays x and y, but ${held}`;
        throw new DataError("ILD72", first, problem, "Write it with numpy.savez(file, x=examples, y=labels).");
      }
      const [x, y] = [arrays.get(pair[0])!, arrays.get(pair[1])!];
      const [{ shape }, labels] = [await x.head(), await y.read()];
      // The labels tell whether there is any use in inflating the examples.
      checkLabels(shape, labels, first);
      return labelledArrays(await x.read(), labels, first, options);
    });
  }
  if (second === undefined) {
    throw new DataError("ILD72", first, "there are no labels for it", "Give x.npy and y.npy, or a .npz with both.");
  }
  return labelledArrays(await readNpy(first, options), await readNpy(second, options), first, options);
}

/** The examples x [n, ...shape] grouped by their labels y [n]. */
export async function labelledArrays(
  x: NumericArray,
  y: NumericArray,
  where: string,
  { name = "arrays", channelsFirst = false, signal }: ArrayFileOptions = {},
): Promise<LabelledExamples> {
  const refuse = (problem: string, remedy: string, code: "ILD72" | "ILD06" = "ILD72"): DataError =>
    new DataError(code, where, problem, remedy);
  const [n = 0, ...shape] = x.shape;
  const labels = y.values;
  checkLabels(x.shape, y, where);
  const exampleShape = shape.length === 0 ? [1] : shape;
  const size = exampleShape.reduce((product, length) => product * length, 1);
  if (size === 0 || exampleShape.length > 8) {
    throw refuse(`examples have the shape (${shape.join(", ")})`, "Give at least one number, in at most 8 dimensions.");
  }
  const asBytes = hasTag(x.values, "Uint8Array");
  if (n * size * (asBytes ? 1 : 4) > maximumDataBytes) {
    throw refuse(`the examples take more than ${maximumDataBytes / 2 ** 30} GiB`, "Import a part of them.", "ILD06");
  }
  if (channelsFirst && exampleShape.length !== 3) {
    const problem = `examples have the shape (${shape.join(", ")}), and no channels that could come first`;
    throw refuse(problem, "Leave out --channels-first.");
  }
  for (const [i, label] of labels.entries()) {
    if (!Number.isSafeInteger(label)) throw refuse(`label ${i} is ${label}`, "Give whole numbers for labels.");
  }
  // In order, and looked for by halves: numbers could be chosen so that a table of their hashes would be slow.
  const names = distinct(labels);
  if (names.length > readingLimits.classes) {
    throw refuse(`there are more than ${readingLimits.classes} classes`, "Are these the labels?", "ILD06");
  }
  if (names.length < 2) throw refuse("there are fewer than two classes", "Give examples of at least two.", "ILD06");
  const counts = new Float64Array(names.length);
  for (const label of labels) counts[placeOf(label, names)]!++;
  requireRoom(n * size * (asBytes ? 1 : 4), where);
  const classes = Array.from(names, (label, i) => ({
    label,
    used: 0,
    values: asBytes ? new Uint8Array(counts[i]! * size) : new Float32Array(counts[i]! * size),
  }));
  for (let i = 0; i < n; i++) {
    if (i % 1024 === 0) {
      signal?.throwIfAborted();
      await yieldToEventLoop();
    }
    const entry = classes[placeOf(labels[i]!, names)]!;
    const from = x.values.subarray(i * size, (i + 1) * size);
    if (channelsFirst) writeChannelsLast(from, exampleShape, entry.values, entry.used);
    else entry.values.set(from, entry.used);
    entry.used += size;
  }
  for (const { label, values } of classes) {
    const bad = hasTag(values, "Uint8Array") ? -1 : values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const problem = `an example of class ${label} holds ${values[bad]} (as float32)`;
    throw refuse(problem, "Replace or leave out examples with missing or too large values.", "ILD06");
  }
  const [channels = 1, height = 1, width = 1] = exampleShape;
  return {
    name,
    exampleShape: channelsFirst ? [height, width, channels] : exampleShape,
    classes: classes.map(
      ({ label, values }): ExampleClass => ({ name: String(label), count: values.length / size, examples: values }),
    ),
  };
}

/** Whether there are as many labels as examples. @throws DataError ILD72 */
function checkLabels([n = 0]: readonly number[], { shape, values }: NumericArray, where: string): void {
  const refuse = (problem: string, remedy: string): DataError => new DataError("ILD72", where, problem, remedy);
  if (shape.length === 0 || values.length !== shape[0]) {
    throw refuse(`labels have the shape (${shape.join(", ")})`, "Give examples first, then labels of shape (n,).");
  }
  if (values.length !== n) {
    throw refuse(`${n} examples have ${values.length} labels`, "Give one label for each example, examples first.");
  }
}

/** Each value once, in ascending order. */
const distinct = (values: NumericArray["values"]): Float64Array =>
  Float64Array.from(values)
    .sort()
    .filter((value, i, all) => i === 0 || value !== all[i - 1]);

/** Where a value stands among others that are in ascending order. */
function placeOf(value: number, ascending: Float64Array): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function writeChannelsLast(
  from: NumericArray["values"],
  [channels = 1, height = 1, width = 1]: readonly number[],
  to: Uint8Array | Float32Array,
  offset: number,
): void {
  const pixels = height * width;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < pixels; i++) to[offset + i * channels + channel] = from[channel * pixels + i]!;
  }
}
