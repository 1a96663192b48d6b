import { hasTag } from "@innerloop/graph";
import { DataError } from "./data-error.js";
import { maximumDataBytes } from "./dataset-file.js";
import type { ExampleClass, LabelledExamples } from "./labelled-examples.js";
import { type LongWork, yieldToEventLoop } from "./long-work.js";
import { readNpy, withNpz } from "./npy-file.js";
import type { NumericArray } from "./numeric-array.js";

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
        const held = [...arrays.keys()].slice(0, 20).join(", ") || "none";
        const problem = `it holds no arrays x and y, but ${held}`;
        throw new DataError("ILD72", first, problem, "Write it with numpy.savez(file, x=examples, y=labels).");
      }
      const [x, y] = [await arrays.get(pair[0])!(), await arrays.get(pair[1])!()];
      return labelledArrays(x, y, first, options);
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
  if (y.shape.length === 0 || labels.length !== y.shape[0]) {
    throw refuse(`labels have the shape (${y.shape.join(", ")})`, "Give examples first, then labels of shape (n,).");
  }
  if (labels.length !== n) {
    throw refuse(`${n} examples have ${labels.length} labels`, "Give one label for each example, examples first.");
  }
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
  const counts = new Map<number, number>();
  for (const [i, label] of labels.entries()) {
    if (!Number.isSafeInteger(label)) throw refuse(`label ${i} is ${label}`, "Give whole numbers for labels.");
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  if (counts.size < 2) throw refuse("there are fewer than two classes", "Give examples of at least two.", "ILD06");
  const classes = new Map(
    [...counts]
      .sort(([a], [b]) => a - b)
      .map(([label, count]) => [
        label,
        { used: 0, values: asBytes ? new Uint8Array(count * size) : new Float32Array(count * size) },
      ]),
  );
  for (let i = 0; i < n; i++) {
    if (i % 1024 === 0) {
      signal?.throwIfAborted();
      await yieldToEventLoop();
    }
    const entry = classes.get(labels[i]!)!;
    const from = x.values.subarray(i * size, (i + 1) * size);
    if (channelsFirst) writeChannelsLast(from, exampleShape, entry.values, entry.used);
    else entry.values.set(from, entry.used);
    entry.used += size;
  }
  for (const [label, { values }] of classes) {
    const bad = hasTag(values, "Uint8Array") ? -1 : values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const problem = `an example of class ${label} holds ${values[bad]} (as float32)`;
    throw refuse(problem, "Replace or leave out examples with missing or too large values.", "ILD06");
  }
  const [channels = 1, height = 1, width = 1] = exampleShape;
  return {
    name,
    exampleShape: channelsFirst ? [height, width, channels] : exampleShape,
    classes: [...classes].map(
      ([label, { values }]): ExampleClass => ({ name: String(label), count: values.length / size, examples: values }),
    ),
  };
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
