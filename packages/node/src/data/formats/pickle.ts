/**
 * Reads Python pickles as data: numbers, texts, bytes, lists, tuples, dictionaries and NumPy's arrays. A pickle is a
 * program that may call anything; here nothing is ever called. The few names that arrays are written with are known
 * below and stand for plain values; every other name is refused.
 */

import { numberIn } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { yieldToEventLoop } from "../long-work.js";
import { readingLimits } from "../reading-limits.js";
import { withRegularFile } from "../regular-file.js";
import { countOf, type NumericType, numericType } from "./numeric-array.js";
import {
  Latin1Bytes,
  maximumLine,
  PickledArray,
  PickledBytes,
  PickledText,
  PickleFile,
  QuotedBytes,
  RawText,
} from "./pickle-file.js";
import { PickledTensor, type TorchName, TorchStorage, type TorchType, torchName } from "./pickle-tensor.js";

export { PickledArray, PickledBytes, PickledText } from "./pickle-file.js";

/**
 * What a pickle holds. Tuples are arrays as lists are; texts of Python 2 are bytes, since nothing says which they were.
 * The keys of dictionaries are texts: numbers as they are written in decimal notation.
 */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | PickledText
  | PickledBytes
  | PickledArray
  | PickledTensor
  | readonly Pickled[]
  | ReadonlyMap<string, Pickled>;

/** A name of Python's that is written in the pickle. */
class Name {
  constructor(
    readonly name: KnownName,
    /** Of the name of a storage: what its numbers are. */
    readonly type?: TorchType,
  ) {}
}

/** A type of NumPy; its byte order follows the name. */
class PickledType {
  order = "";
  constructor(readonly code: string) {}
}

/** Begins the items of a list, tuple or dictionary. */
const mark = Symbol("mark");

type Value = Pickled | Name | PickledType | TorchStorage | typeof mark | Value[] | Map<string, Value>;

type KnownName = "reconstruct" | "frombuffer" | "ndarray" | "dtype" | "encode" | "bytes" | TorchName;

const knownNames: ReadonlyMap<string, KnownName> = new Map([
  ["numpy.core.multiarray._reconstruct", "reconstruct"],
  ["numpy._core.multiarray._reconstruct", "reconstruct"],
  ["numpy.core.numeric._frombuffer", "frombuffer"],
  ["numpy._core.numeric._frombuffer", "frombuffer"],
  ["numpy.ndarray", "ndarray"],
  ["numpy.dtype", "dtype"],
  ["_codecs.encode", "encode"],
  // Empty bytes in the old protocols.
  ["__builtin__.bytes", "bytes"],
  ["builtins.bytes", "bytes"],
]);

/** Work done before others get their turn, in instructions. */
const instructionsAtOnce = 100_000;
/** Estimates in bytes: of an empty dictionary, of any other object and what refers to it, and of a place in a list. */
const [mapBytes, objectBytes, placeBytes] = [300, 100, 8];

export interface PickleOptions extends LongWork {
  /** Bytes of memory that its values may take, by estimate; 40 times the file's, from 64 MiB to 1 GiB, unless given. */
  readonly memory?: number;
}

/**
 * Passes what a pickle of protocol 0 to 5 holds to `use`; bytes, texts and arrays in it can be read until that is done.
 *
 * @throws DataError ILD73 with the place, for names other than those of arrays, for objects, for more values than the
 * memory may hold, and for what is no pickle; ILD03
 */
export async function withPickle<T>(
  path: string,
  use: (value: Pickled) => Promise<T>,
  options: PickleOptions = {},
): Promise<T> {
  return withRegularFile(path, { most: readingLimits.pickleFileBytes, links: "followed" }, async (handle, size) => {
    const file = new PickleFile(path, handle, size, options);
    const { least, ratio, most } = readingLimits.pickleMemory;
    return use(await runPickle(file, options.memory ?? Math.min(most, Math.max(least, ratio * size))));
  });
}

/** A text, whether of Python 3 or 2. @throws DataError ILD73 for anything else or more than 64 KiB */
export async function textOf(value: Pickled | undefined, where: string): Promise<string> {
  if (!(value instanceof PickledBytes) || value.length > 2 ** 16) {
    throw new DataError(
      "ILD73",
      where,
      "the pickle holds something else where a text should be",
      "Is it the right file?",
    );
  }
  return Buffer.from(await value.read()).toString("utf8");
}

const code = (character: string): number => character.charCodeAt(0);

/**
 * Runs the instructions of a pickle, as far as they make plain values; the file is then at what follows it.
 *
 * @internal
 * @param setting.torch also tensors, as PyTorch's files have them, and dictionaries that have attributes, which are left out
 */
export async function runPickle(
  file: PickleFile,
  memory: number,
  { torch = false }: { readonly torch?: boolean } = {},
): Promise<Pickled> {
  const stack: Value[] = [];
  const memo = new Map<number, Value>();
  const wrong = (problem: string): DataError => file.wrong(file.position, problem);
  let estimate = 0;
  const charge = (bytes: number): void => {
    estimate += bytes;
    if (estimate > memory)
      throw wrong(`values that would take more than ${Math.round(memory / 2 ** 20)} MiB of memory`);
  };
  /** Pushes a value that is new. */
  const make = (value: Value): void => {
    const isObject = (typeof value === "object" && value !== null) || typeof value === "bigint";
    charge(value instanceof Map ? mapBytes : isObject ? objectBytes : placeBytes);
    if (Array.isArray(value)) charge(placeBytes * value.length);
    stack.push(value);
  };
  /** Pushes a mark, or what is there already. */
  const refer = (value: Value): void => {
    charge(placeBytes);
    stack.push(value);
  };
  const pop = (): Value => {
    const value = stack.pop();
    if (value === undefined || value === mark) throw wrong("an instruction without its values");
    return value;
  };
  const popToMark = (): Value[] => {
    const at = stack.lastIndexOf(mark);
    if (at < 0) throw wrong("an end without a beginning");
    const items = stack.splice(at);
    items.shift();
    return items;
  };
  const top = (): Value => {
    const value = stack.at(-1);
    if (value === undefined || value === mark) throw wrong("an instruction without its values");
    return value;
  };
  // Tuples are arrays as well, and never grow.
  const lists = new WeakSet<Value[]>();
  const append = (items: readonly Value[]): void => {
    const list = top();
    if (!Array.isArray(list) || !lists.has(list)) throw wrong("items for something that is no list");
    charge(placeBytes * items.length);
    for (const item of items) list.push(item);
  };
  const setItems = async (items: readonly Value[]): Promise<void> => {
    const map = top();
    if (!(map instanceof Map) || items.length % 2 !== 0) throw wrong("entries for something that is no dictionary");
    for (let i = 0; i < items.length; i += 2) {
      const key = await keyOf(file, items[i]!);
      charge(objectBytes + 2 * key.length);
      map.set(key, items[i + 1]!);
    }
  };
  const put = (index: number): void => {
    // They are given one after the other: larger ones could be chosen so that a table of their hashes would be slow.
    if (index >= file.size) throw wrong(`the reference ${index}, with fewer values before it`);
    charge(objectBytes);
    memo.set(index, top());
  };
  const get = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) throw wrong("a reference to nothing");
    refer(value);
  };
  const list = (items: Value[]): Value[] => {
    lists.add(items);
    return items;
  };
  const name = (module: string, attribute: string): Name => {
    const whole = `${module}.${attribute}`;
    const known = knownNames.get(whole);
    if (known) return new Name(known);
    const ofTorch = torch ? torchName(whole) : undefined;
    if (ofTorch) return new Name(ofTorch.name, ofTorch.type);
    throw wrong(`the name ${quoted(whole)}, which could run code`);
  };
  const text = (length: number): PickledText => new PickledText(file, file.skip(length), length);
  const bytes = (length: number): PickledBytes => new PickledBytes(file, file.skip(length), length);
  const decimal = (line: string): number | bigint => {
    if (!/^[+-]?\d{1,1000}L?$/.test(line)) throw wrong(`the number ${quoted(line)}`);
    return shortest(BigInt(line.replace(/^\+|L$/g, "")));
  };
  const long = async (length: number): Promise<number | bigint> => {
    if (length > 1024) throw wrong("a whole number of more than 1024 bytes");
    const digits = Buffer.from(await file.take(length)).reverse();
    const value = length === 0 ? 0n : BigInt(`0x${digits.toString("hex")}`);
    return shortest(BigInt.asIntN(Math.max(8 * length, 1), value));
  };

  for (let count = 0; ; count++) {
    if (count > readingLimits.pickleInstructions)
      throw wrong(`more than ${readingLimits.pickleInstructions} instructions`);
    if (count > 0 && count % instructionsAtOnce === 0) await yieldToEventLoop();
    const operation = file.has(1) ? file.byte() : (await file.take(1))[0]!;
    switch (operation) {
      case 0x80: {
        const protocol = await file.number(1);
        if (protocol > 5) throw wrong(`protocol ${protocol}, which is not known`);
        break;
      }
      case 0x95: // the length of a frame
        await file.number(8);
        break;
      case code("."): {
        const value = pop();
        if (stack.length > 0) throw wrong("values that are left over");
        return plain(file, value);
      }
      case code("("):
        refer(mark);
        break;
      case code("0"):
        if (stack.pop() === undefined) throw wrong("an instruction without its values");
        break;
      case code("1"):
        popToMark();
        break;
      case code("2"):
        refer(top());
        break;

      case code("N"):
        make(null);
        break;
      case 0x88:
        make(true);
        break;
      case 0x89:
        make(false);
        break;
      case code("I"): {
        const line = (await file.line()).trim();
        make(line === "00" ? false : line === "01" ? true : decimal(line));
        break;
      }
      case code("L"):
        make(decimal((await file.line()).trim()));
        break;
      case code("J"):
        make((await file.number(4)) | 0);
        break;
      case code("K"):
        make(await file.number(1));
        break;
      case code("M"):
        make(await file.number(2));
        break;
      case 0x8a:
        make(await long(await file.number(1)));
        break;
      case 0x8b:
        make(await long(await file.number(4)));
        break;
      case code("F"): {
        const line = (await file.line()).trim();
        const value = floatIn(line);
        if (value === undefined) throw wrong(`the number ${quoted(line)}`);
        make(value);
        break;
      }
      case code("G"): {
        const value = await file.take(8);
        make(new DataView(value.buffer, value.byteOffset, 8).getFloat64(0, false));
        break;
      }

      case code("S"): {
        const { start, length } = await file.skipLine();
        if (length < 2) throw wrong("a text without quotes");
        make(new QuotedBytes(file, start + 1, length - 2));
        break;
      }
      case code("T"):
        make(bytes(await file.number(4)));
        break;
      case code("U"):
        make(bytes(await file.number(1)));
        break;
      case code("B"):
        make(bytes(await file.number(4)));
        break;
      case code("C"):
        make(bytes(await file.number(1)));
        break;
      case 0x8e:
      case 0x96:
        make(bytes(await file.number(8)));
        break;
      case code("V"): {
        const { start, length } = await file.skipLine();
        make(new RawText(file, start, length));
        break;
      }
      case code("X"):
        make(text(await file.number(4)));
        break;
      case 0x8c:
        make(text(await file.number(1)));
        break;
      case 0x8d:
        make(text(await file.number(8)));
        break;

      case code("]"):
        make(list([]));
        break;
      case code("l"):
        make(list(popToMark()));
        break;
      case code("a"): {
        const item = pop();
        append([item]);
        break;
      }
      case code("e"):
        append(popToMark());
        break;
      case code(")"):
        make([]);
        break;
      case code("t"):
        make(popToMark());
        break;
      case 0x85:
      case 0x86:
      case 0x87: {
        const items: Value[] = [];
        for (let i = 0; i < operation - 0x84; i++) items.unshift(pop());
        make(items);
        break;
      }
      case code("}"):
        make(new Map());
        break;
      case code("d"): {
        const items = popToMark();
        make(new Map());
        await setItems(items);
        break;
      }
      case code("s"): {
        const value = pop();
        const key = pop();
        await setItems([key, value]);
        break;
      }
      case code("u"):
        await setItems(popToMark());
        break;

      case code("p"):
        put(indexIn(file, await file.line()));
        break;
      case code("q"):
        put(await file.number(1));
        break;
      case code("r"):
        put(await file.number(4));
        break;
      case 0x94:
        put(memo.size);
        break;
      case code("g"):
        get(indexIn(file, await file.line()));
        break;
      case code("h"):
        get(await file.number(1));
        break;
      case code("j"):
        get(await file.number(4));
        break;

      case code("c"): {
        const module = await file.line();
        make(name(module, await file.line()));
        break;
      }
      case 0x93: {
        const attribute = await nameText(file, pop());
        make(name(await nameText(file, pop()), attribute));
        break;
      }
      case code("R"): {
        const given = pop();
        make(await reduced(file, pop(), given));
        break;
      }
      case code("Q"): {
        if (!torch) throw wrong(elsewhere);
        make(await storageOf(file, pop()));
        break;
      }
      case code("b"): {
        const state = pop();
        if (torch && top() instanceof Map) break;
        await build(file, top(), state);
        break;
      }
      default: {
        const shown = `0x${operation.toString(16).padStart(2, "0")}`;
        throw wrong(objectInstructions.has(operation) ? elsewhere : `the byte ${shown}, which is no instruction`);
      }
    }
  }
}

const elsewhere = "objects, sets or references to elsewhere";

/** Instructions that make objects of classes, sets, or values that the program reading the pickle provides. */
const objectInstructions: ReadonlySet<number> = new Set([
  ...["i", "o", "P", "Q"].map(code),
  ...[0x81, 0x82, 0x83, 0x84, 0x8f, 0x90, 0x91, 0x92, 0x97, 0x98],
]);

/** A number of Python's: `1.5e-7`, `-inf`, `nan`; undefined for any other text. */
function floatIn(line: string): number | undefined {
  const special = specialFloats.get(line.toLowerCase());
  if (special !== undefined) return special;
  const value = numberIn(line);
  return Number.isNaN(value) ? undefined : value;
}

const specialFloats: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

function indexIn(file: PickleFile, line: string): number {
  if (/^\d{1,15}$/.test(line.trim())) return Number(line);
  throw file.wrong(file.position, `the reference ${quoted(line)}`);
}

const shortest = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** Keys are texts: those of numbers as well, which could be chosen so that a table of their hashes would be slow. */
async function keyOf(file: PickleFile, key: Value): Promise<string> {
  if (typeof key === "number" || typeof key === "bigint") return String(key);
  if (key instanceof PickledBytes && key.length <= maximumLine) return key.shortText();
  throw file.wrong(file.position, "a dictionary with keys that are neither texts nor numbers");
}

async function nameText(file: PickleFile, value: Value | undefined): Promise<string> {
  if (value instanceof PickledText && value.length <= maximumLine) return value.shortText();
  throw file.wrong(file.position, "a name that is no text");
}

/** What stands for a call of one of the known names. */
async function reduced(file: PickleFile, called: Value, given: Value): Promise<Value> {
  const wrong = (problem: string): DataError => file.wrong(file.position, problem);
  if (!(called instanceof Name) || !Array.isArray(given)) throw wrong("a call of something that is no known name");
  const [first, second, third, fourth] = given;
  switch (called.name) {
    case "reconstruct":
      // _reconstruct(ndarray, (0,), b"b"): contents follow.
      if (!(first instanceof Name) || first.name !== "ndarray") throw wrong("an array of an unknown class");
      return new PickledArray(file);
    case "frombuffer": {
      // _frombuffer(bytes, dtype, shape, "C" or "F")
      if (!(first instanceof PickledBytes) || !(fourth instanceof PickledText))
        throw wrong("an array without contents");
      const array = new PickledArray(file);
      const order = await nameText(file, fourth);
      array.construct(typeIn(file, second), shapeIn(file, third), order === "F", first);
      return array;
    }
    case "dtype": {
      // dtype("f4", False, True): byte order follows.
      const descriptor = first instanceof PickledBytes && first.length <= 80 ? await first.shortText() : "";
      return new PickledType(descriptor);
    }
    case "encode": {
      const encoding = second instanceof PickledBytes && second.length < 80 ? await second.shortText() : "";
      if (!(first instanceof PickledText) || encoding !== "latin1") {
        throw wrong("a text in another encoding than latin1");
      }
      return new Latin1Bytes(file, first);
    }
    case "bytes":
      if (given.length > 0) throw wrong("a call of bytes");
      return new PickledBytes(file, file.position, 0);
    case "ndarray":
      throw wrong("a call of ndarray");
    case "dictionary":
      if (given.length > 0) throw wrong("a dictionary made of something else");
      return new Map();
    case "tensor": {
      // _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
      const [shape, strides] = [shapeIn(file, third), shapeIn(file, fourth)];
      const isPlace = Number.isSafeInteger(second) && (second as number) >= 0;
      if (!(first instanceof TorchStorage) || !isPlace || shape.length !== strides.length)
        throw wrong("a tensor without contents");
      return new PickledTensor(first, second as number, shape, strides);
    }
    case "storage":
      throw wrong("a call of a storage");
  }
}

/** The numbers that ("storage", type, key, device, count, view) refers to. */
async function storageOf(file: PickleFile, id: Value): Promise<TorchStorage> {
  const [what, type, key, , count] = Array.isArray(id) ? id : [];
  const isStorage = what instanceof PickledText && what.length === 7 && (await what.shortText()) === "storage";
  const kind = type instanceof Name ? type.type : undefined;
  const isCount = Number.isSafeInteger(count) && (count as number) >= 0;
  if (!isStorage || kind === undefined || !isCount)
    throw file.wrong(file.position, "numbers of a type that is not read");
  return new TorchStorage(kind, await nameText(file, key), count as number);
}

/** Fills an array or type with the state that follows it. */
async function build(file: PickleFile, value: Value, state: Value): Promise<void> {
  const wrong = (problem: string): DataError => file.wrong(file.position, problem);
  if (!Array.isArray(state)) throw wrong("a state of something that is no array");
  if (value instanceof PickledType) {
    // (version, byte order, sub-array, field names, fields, item size, alignment, flags)
    const [, order, ...rest] = state;
    if (rest.slice(0, 3).some((part) => part !== null) || !(order instanceof PickledBytes) || order.length !== 1) {
      throw wrong("an array of records");
    }
    value.order = await order.shortText();
    return;
  }
  if (value instanceof PickledArray) {
    const [, shape, type, fortran, data] = state;
    const numeric = typeIn(file, type);
    if (!(data instanceof PickledBytes) || typeof fortran !== "boolean") throw wrong("an array without contents");
    value.construct(numeric, shapeIn(file, shape), fortran, data);
    return;
  }
  throw wrong("a state of something that is no array");
}

function typeIn(file: PickleFile, value: Value | undefined): NumericType {
  const type = value instanceof PickledType ? numericType(`${value.order}${value.code}`) : undefined;
  if (type) return type;
  const shown = value instanceof PickledType ? quoted(value.code) : "an unknown type";
  throw file.wrong(file.position, `an array of ${shown}, which are no numbers`);
}

function shapeIn(file: PickleFile, value: Value | undefined): readonly number[] {
  // The number of lengths first: the same long list may be named a million times.
  if (Array.isArray(value) && value.length <= 32 && value.every((length) => typeof length === "number")) {
    if (countOf(value) !== undefined) return value;
  }
  throw file.wrong(file.position, "an array of no valid shape");
}

/** Makes sure that no name or type is left among the values. Shared and circular ones are looked at once. */
function plain(file: PickleFile, value: Value): Pickled {
  const waiting: Value[] = [value];
  const seen = new Set<Value>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next instanceof Name || next instanceof PickledType || next instanceof TorchStorage || next === mark) {
      throw file.wrong(file.position, "a name or type by itself");
    }
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    if (Array.isArray(next)) for (const item of next) waiting.push(item);
    else if (next instanceof Map) for (const item of next.values()) waiting.push(item);
  }
  return value as Pickled;
}
