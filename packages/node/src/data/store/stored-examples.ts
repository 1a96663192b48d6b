/** Examples of shape [...exampleShape], bytes or floats, as the store keeps them. */
import { quoted } from "@innerloop/experiments";
import { hasTag } from "@innerloop/graph";
import type { LabelledExamples, Split } from "../labelled-examples.js";
import { readingLimits } from "../reading-limits.js";
import { countSplits, isCount, isSplit, type StoredHeader, type StoredKind } from "./stored-kind.js";

/** Examples of one data set take no more. */
export const maximumDataBytes = readingLimits.arrayBytes;

/** The head of a stored data set of examples: its name, shapes, classes and source. */
export interface DatasetHeader extends StoredHeader {
  readonly exampleShape: readonly number[];
  readonly elementType: "uint8" | "float32";
  /** `split` is there where the class belongs to a part of a published split. */
  readonly classes: readonly { readonly name: string; readonly count: number; readonly split?: Split }[];
}

/** What is told of stored examples. */
export interface ExamplesFacts {
  readonly exampleShape: readonly number[];
  readonly elementType: "uint8" | "float32";
  readonly classes: number;
  /** How many classes belong to each part, where every class says so. */
  readonly splits?: Readonly<Record<Split, number>>;
  readonly examples: number;
}

const sizeOf = (exampleShape: readonly number[]): number =>
  exampleShape.reduce((product, length) => product * length, 1);

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.length >= 1 && value.length <= 8 && value.every(isCount);
}

function dataBytes({ exampleShape, elementType, classes }: DatasetHeader): number {
  const exampleBytes = sizeOf(exampleShape) * (elementType === "uint8" ? 1 : 4);
  return classes.reduce((sum, { count }) => sum + count * exampleBytes, 0);
}

/** Examples of classes: class after class, row-major. */
export const storedExamples: StoredKind<LabelledExamples, DatasetHeader, ExamplesFacts> = {
  version: 1,
  what: "images or rows of numbers",
  training: (name) => `innerloop train --data ${name}`,

  header({ name, exampleShape, ids, classes }, source, misfit) {
    if (!isShape(exampleShape)) throw misfit(`the example shape is [${exampleShape}]`);
    // Texts are stored as texts: their ids depend on how words are coded.
    if (ids) throw misfit("its examples are ids of words or tokens, which are not stored");
    const first = classes[0]?.examples;
    if (!first) throw misfit("there are no classes");
    const elementType = hasTag(first, "Uint8Array") ? "uint8" : "float32";
    const size = sizeOf(exampleShape);
    const names = new Set<string>();
    for (const entry of classes) {
      const { name: className, count, examples: values } = entry;
      // Views that turn their examples when read (withRotations) keep them unturned in `examples`.
      if ("rotation" in entry && entry.rotation)
        throw misfit(`class ${className} is a rotated view; store the original`);
      if (names.has(className)) throw misfit(`there are two classes ${JSON.stringify(className)}`);
      names.add(className);
      if (!hasTag(values, elementType === "uint8" ? "Uint8Array" : "Float32Array"))
        throw misfit("classes are of different types: give bytes in all, or floats in all");
      if (!isCount(count) || values.length !== count * size) {
        throw misfit(`class ${className} has ${values.length} values, expected ${count} x ${size}`);
      }
    }
    const header: DatasetHeader = {
      name,
      exampleShape: [...exampleShape],
      elementType,
      classes: classes.map(({ name: className, count, split }) => ({
        name: className,
        count,
        ...(split ? { split } : {}),
      })),
      source,
    };
    const bytes = dataBytes(header);
    if (bytes > maximumDataBytes) throw misfit(`${bytes} bytes are more than ${maximumDataBytes}`);
    return header;
  },

  pieces: ({ classes }) =>
    classes.map(({ examples: { buffer, byteOffset, byteLength } }) => new Uint8Array(buffer, byteOffset, byteLength)),

  parse({ exampleShape, elementType, classes }, { name, source }, damaged) {
    if (!isShape(exampleShape)) throw damaged(`its example shape is ${quoted(exampleShape)}`);
    if (elementType !== "uint8" && elementType !== "float32") throw damaged("its element type is unknown");
    if (!Array.isArray(classes) || classes.length === 0 || classes.length > readingLimits.classes) {
      throw damaged("its list of classes is missing, empty or too long");
    }
    const names = new Set<string>();
    const checked = (classes as unknown[]).map((entry, index) => {
      const { name: className, count, split } = (entry ?? {}) as Readonly<Record<string, unknown>>;
      if (typeof className !== "string" || !isCount(count) || names.has(className)) {
        throw damaged(`class ${index} of its header has no name of its own or no count`);
      }
      names.add(className);
      if (split !== undefined && !isSplit(split)) throw damaged(`class ${index} of its header has an unknown split`);
      return { name: className, count, ...(split ? { split } : {}) };
    });
    return { name, exampleShape, elementType, classes: checked, source };
  },

  dataBytes,

  contents({ name, exampleShape, elementType, classes }, data, damaged) {
    const size = sizeOf(exampleShape);
    const all = elementType === "uint8" ? data : new Float32Array(data.buffer);
    let start = 0;
    return {
      name,
      exampleShape,
      classes: classes.map((entry) => {
        const end = start + entry.count * size;
        const examples = all.subarray(start, end);
        start = end;
        const bad = hasTag(examples, "Uint8Array") ? -1 : examples.findIndex((value) => !Number.isFinite(value));
        if (bad >= 0) throw damaged(`class ${quoted(entry.name)} holds ${examples[bad]}`);
        return { ...entry, examples };
      }),
    };
  },

  facts: ({ exampleShape, elementType, classes }) => ({
    exampleShape,
    elementType,
    classes: classes.length,
    ...(classes.every(({ split }) => split) ? { splits: countSplits(classes.map(({ split }) => split)) } : {}),
    examples: classes.reduce((sum, { count }) => sum + count, 0),
  }),

  counts: ({ classes, splits, examples, exampleShape }) => [
    {
      count: classes,
      one: "class",
      many: "classes",
      ...(splits ? { of: Object.entries(splits).map(([name, count]): [number, string] => [count, name]) } : {}),
    },
    { count: examples, one: "example", shape: `of ${exampleShape.join(" x ")}` },
  ],
};
