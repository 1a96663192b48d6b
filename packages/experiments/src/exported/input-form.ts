/** A kind of inputs of exported programs, and what kinds have in common. */
import type { TypedArray } from "@innerloop/graph";
import type { DataIo, ImageShape, PixelReading } from "../io.js";
import type { LetterboxedImage } from "../picture-io.js";
import type { ExportedFileName } from "./exported-config.js";
import type { InputEncoder } from "./input-encoder.js";
import type { RowSlot, RowValues } from "./row-arrays.js";

/** The readers of a machine that exported learners need. */
export interface ExportedIo extends Pick<DataIo, "images" | "decoded" | "letterboxedImages" | "pieces"> {
  /** The bytes of a picture in a form that only this machine has, as a canvas of a page; undefined where it is none. */
  picture?(given: unknown, reading: ImageShape & { readonly pixels: PixelReading }): Promise<Uint8Array> | undefined;
  /** Such a picture in a square, as `letterboxedImages` has it; undefined where it is none. */
  squarePicture?(given: unknown, size: number): Promise<Omit<LetterboxedImage, "name">> | undefined;
  /** The features of inputs by the folder's own encoder; there where its inputs have one. */
  encode?(read: readonly unknown[]): Promise<readonly ReadInput[]>;
}

/** The decision how all inputs of a task are prepared, by the examples that it began with. */
export interface TaskReading {
  /** Black for white, where the task's images are ink on paper and those of training were the reverse, or the other way round. */
  readonly invert: boolean;
}

/** One input of one tensor that was read: its numbers, before they are prepared. */
export type ReadInput = TypedArray;

/**
 * A kind of inputs.
 *
 * @typeParam Inputs what config.json tells of them
 * @typeParam Read one of them that was read, before it is prepared
 */
export interface InputForm<Inputs extends { readonly kind: string }, Read = ReadInput> {
  /** The inputs in an object of config.json, which anyone may have written; undefined where they are none. */
  parse(value: Readonly<Record<string, unknown>>): Inputs | undefined;
  /** What config.json tells of them, where that is not all: the rest is in a file of their own. */
  stored?(inputs: Inputs): object;
  /** A file of the folder that inputs are read by. */
  readonly file?: InputFile<Inputs>;
  /** A frozen encoder that inputs go through before programs. */
  readonly encoder?: InputEncoder<Inputs>;
  /** Pixels of a side of the square that pictures are brought into, where objects are found in them. */
  side?(inputs: Inputs): number;
  /** The tensors of one row as programs take them, each by its path: "" where there is one alone, "ids" in a tree. */
  slots(inputs: Inputs): readonly RowSlot[];
  /** The same as a learner's own tasks have them, where that is another: programs take the bytes of colours of what it sees as grey. */
  slotsOfTask?(inputs: Inputs): readonly RowSlot[];
  /** The same of an input that is asked about, where it is another than that of an example. */
  asked?(inputs: Inputs): readonly RowSlot[];
  /** Whether a list is one input, and no list of inputs. */
  isOne(list: readonly unknown[], inputs: Inputs): boolean;
  /** @throws ExportError ILE206 for what is none of its inputs, and what reading files throws */
  read(given: readonly unknown[], inputs: Inputs, io: ExportedIo): Promise<readonly Read[]>;
  /** The reading of a task by the examples that it begins with. */
  readingOf(read: readonly Read[], inputs: Inputs): TaskReading;
  /** The rows of an input as the program takes them: one, unless it is too long for one. */
  rows(read: Read, reading: TaskReading, inputs: Inputs): readonly RowValues[];
  /** Numbers of a learner's own tasks, as far as programs can be given them: in steps of 1 / 255 where these take bytes. All unless given. */
  taken?(values: TypedArray, inputs: Inputs): TypedArray;
  /** The numbers of a row of a learner's own tasks, as the program takes them; the same unless given. */
  ofTask?(values: TypedArray, inputs: Inputs): TypedArray;
  /** The file by which the hub's libraries prepare inputs; undefined where they know no such thing. */
  preprocessor?(inputs: Inputs): object;
  /** A sentence on what an input is, for model cards. */
  about(inputs: Inputs): string;
  /** Packages of Python that these take beside onnxruntime and numpy. */
  readonly pythonPackages?: readonly string[];
  /** Lines of Python before inputs are made; none unless given. */
  pythonFirst?(inputs: Inputs): readonly string[];
  /** Rows in Python that are made up: an expression of numpy for `rows` rows of each tensor, by its path; two or more unless given. */
  inPython(inputs: Inputs, rows?: number): Readonly<Record<string, string>>;
  /** An input in JavaScript that is made up. */
  inJavaScript(inputs: Inputs): string;
}

/** A file that inputs are read by: what is too long for config.json. */
export interface InputFile<Inputs> {
  readonly name: ExportedFileName;
  bytes(inputs: Inputs): Uint8Array;
  /** The inputs with what the file holds, which anyone may have written; undefined where it is none of theirs. */
  opened(inputs: Inputs, bytes: Uint8Array): Inputs | undefined;
}

/** The slots of inputs by the names that programs have for them: `support_inputs`, `query_inputs.ids`. */
export const namedSlots = (name: string, slots: readonly RowSlot[]): readonly RowSlot[] =>
  slots.map((slot) => ({ ...slot, name: slot.name === "" ? name : `${name}.${slot.name}` }));

/** Numbers of an input at most: a colour image of 4,000 by 4,000, or a very wide row. */
export const largestInput = 2 ** 24;

/** The question whether a value is the shape of an input that can be. */
export const isInputShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) &&
  value.length <= 8 &&
  value.every((n) => Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) <= largestInput) &&
  (value as number[]).reduce((a, b) => a * b, 1) <= largestInput;

/** The numbers in nested lists and arrays; undefined where there is anything else, or another number of them. */
export function numbersIn(given: unknown, size: number): Float32Array | undefined {
  const found = new Float32Array(size);
  let at = 0;
  const collect = (value: unknown, depth: number): boolean => {
    if (typeof value === "number") {
      if (at === size || !Number.isFinite(value) || !Number.isFinite(Math.fround(value))) return false;
      found[at++] = value;
      return true;
    }
    const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
    return isList && depth < 8 && Array.from(value as ArrayLike<unknown>).every((each) => collect(each, depth + 1));
  };
  return collect(given, 0) && at === size ? found : undefined;
}

/**
 * The question whether a list is one input of a shape: as many numbers, or lists within lists of its sizes, where a last size
 * of 1 may be left out.
 */
export function isOneOf(list: readonly unknown[], shape: readonly number[]): boolean {
  const sizes: number[] = [];
  for (let part: unknown = list; Array.isArray(part) && sizes.length <= shape.length; part = part[0])
    sizes.push(part.length);
  const size = shape.reduce((a, b) => a * b, 1);
  const forms = [[size], shape, ...(shape.at(-1) === 1 ? [shape.slice(0, -1)] : [])];
  return forms.some((form) => form.join() === sizes.join()) && numbersIn(list, size) !== undefined;
}
