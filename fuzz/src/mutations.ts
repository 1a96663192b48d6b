/** Mutations that know nothing of a format: of bytes, of text, and of JSON. */
import type { Random } from "./random.js";

/** What a mutation may draw from besides the input. */
export interface Mutating {
  readonly random: Random;
  /** Words of the format. */
  readonly dictionary: readonly string[];
  /** Another valid input. */
  readonly other: () => Uint8Array;
}

/** Bytes made from others; the given ones stay as they are. Undefined where it does not apply. */
export type Mutation = (bytes: Uint8Array, mutating: Mutating) => Uint8Array | undefined;

/** Inputs do not grow beyond this: what is larger takes time by its size alone. */
export const mostBytes = 2 ** 20;

const edges = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 4096, 65535, 65536];
/** Whole numbers at which something may go wrong. */
const integers: readonly bigint[] = [
  ...edges.map(BigInt),
  ...[31n, 32n, 33n, 53n, 63n, 64n].flatMap((power) => [2n ** power - 1n, 2n ** power, 2n ** power + 1n]),
];
/** Numbers in text that are hard to take. */
export const numbers: readonly string[] = [
  ...["0", "-0", "-1", "1", "2", "0.5", "1e-400", "1e400", "-1e400", "1e308", "1e39", "NaN", "Infinity", "-Infinity"],
  ...[
    "9007199254740991",
    "9007199254740993",
    "18446744073709551616",
    "2147483648",
    "4294967296",
    "1e15",
    "1e8",
    "0x10",
  ],
  ...["1_000", "1,5", "", " 1", "1.", ".5", "+1", "١", "--1", "1e", "00000000000000000001", "9".repeat(400)],
];
/** Texts that lead elsewhere, or that a terminal or an object would take for something else. */
export const hostileTexts: readonly string[] = [
  ...["", "..", "../x", "/", "/dev/zero", "/proc/self/mem", "/proc/self/cwd/x", "C:\\x", "a\\b", "a/b", ".", "~"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "\u0000", "a\u0000b", "\u001b[2J", "\u001b]0;x\u0007"],
  ...[
    "\ud800",
    "\u202e",
    "\ufeff",
    "é",
    "字",
    "\r\n",
    "\n",
    '"',
    "'",
    "`$(id)`",
    "$" + "{x}",
    "%s",
    "null",
    "true",
    "[]",
    "{}",
  ],
  ...["a".repeat(300), "a".repeat(5000), "字".repeat(600), " ".repeat(3000), "https://example.org/x"],
];

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => concatenated(parts);

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const replaced = (bytes: Uint8Array, start: number, end: number, by: Uint8Array): Uint8Array =>
  joined(bytes.subarray(0, start), by, bytes.subarray(end));

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length > 0) change(copy);
  return copy;
}

/** A stretch of the input, short ones more often. */
function stretch(bytes: Uint8Array, random: Random): readonly [start: number, end: number] {
  const start = random.below(bytes.length);
  return [start, Math.min(bytes.length, start + random.length(bytes.length))];
}

const flipBit: Mutation = (bytes, { random }) =>
  changed(bytes, (copy) => {
    copy[random.below(copy.length)]! ^= 1 << random.below(8);
  });

const setByte: Mutation = (bytes, { random }) =>
  changed(bytes, (copy) => {
    copy[random.below(copy.length)] = random.chance(0.5) ? random.pick(edges) : random.next();
  });

/** Overwrites 2, 4 or 8 bytes with a number at the edge of its type, in either order of bytes. */
const setInteger: Mutation = (bytes, { random }) => {
  const size = random.pick([2, 4, 8]);
  if (bytes.length < size) return undefined;
  return changed(bytes, (copy) => {
    const view = new DataView(copy.buffer);
    // Fields lie at the start more often than by chance.
    const places = Math.min(bytes.length, random.chance(0.5) ? 64 : bytes.length) - size + 1;
    const [at, little] = [random.below(Math.max(1, places)), random.chance(0.5)];
    const value = BigInt.asUintN(8 * size, random.pick(integers) * (random.chance(0.2) ? -1n : 1n));
    if (size === 2) view.setUint16(at, Number(value), little);
    else if (size === 4) view.setUint32(at, Number(value), little);
    else view.setBigUint64(at, value, little);
  });
};

const addSmall: Mutation = (bytes, { random }) =>
  changed(bytes, (copy) => {
    copy[random.below(copy.length)]! += random.below(33) - 16;
  });

const truncate: Mutation = (bytes, { random }) => bytes.subarray(0, random.below(bytes.length + 1));

const deleteStretch: Mutation = (bytes, { random }) => replaced(bytes, ...stretch(bytes, random), new Uint8Array(0));

const duplicateStretch: Mutation = (bytes, { random }) => {
  const [start, end] = stretch(bytes, random);
  return replaced(bytes, end, end, bytes.subarray(start, end));
};

/** Repeats a short stretch very often: what is quadratic, or counts on few of something, shows. */
const amplify: Mutation = (bytes, { random }) => {
  const start = random.below(bytes.length);
  const piece = bytes.subarray(start, start + random.length(64));
  if (piece.length === 0) return undefined;
  const times = Math.ceil(2 ** (8 + random.below(10)) / piece.length);
  const run = new Uint8Array(times * piece.length);
  for (let i = 0; i < times; i++) run.set(piece, i * piece.length);
  return replaced(bytes, start, start, run);
};

const insertRandom: Mutation = (bytes, { random }) => {
  const at = random.below(bytes.length + 1);
  return replaced(bytes, at, at, random.bytes(random.length(64)));
};

const insertToken: Mutation = (bytes, { random, dictionary }) => {
  const at = random.below(bytes.length + 1);
  // Words of formats are bytes.
  const token =
    dictionary.length > 0 && random.chance(0.8)
      ? Uint8Array.from(Buffer.from(random.pick(dictionary), "latin1"))
      : encode(random.pick(hostileTexts));
  return replaced(bytes, at, random.chance(0.5) ? at : Math.min(bytes.length, at + token.length), token);
};

const splice: Mutation = (bytes, { random, other }) => {
  const more = other();
  return joined(bytes.subarray(0, random.below(bytes.length + 1)), more.subarray(random.below(more.length + 1)));
};

const swap: Mutation = (bytes, { random }) => {
  const [start, end] = stretch(bytes, random);
  const piece = bytes.slice(start, end);
  const rest = replaced(bytes, start, end, new Uint8Array(0));
  const at = random.below(rest.length + 1);
  return replaced(rest, at, at, piece);
};

export const byteMutations: readonly Mutation[] = [
  ...[flipBit, setByte, setInteger, addSmall, truncate, deleteStretch, duplicateStretch, insertRandom],
  ...[insertToken, splice, swap],
];

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** Puts another number where one stands in the text. */
const setNumber: Mutation = (bytes, { random }) => {
  const found = [...latin1(bytes.subarray(0, 2 ** 16)).matchAll(/\d+(\.\d+)?/g)];
  if (found.length === 0) return undefined;
  const { index, 0: text } = random.pick(found);
  return replaced(bytes, index, index + text.length, encode(random.pick(numbers)));
};

/** Puts another word where one stands in the text. */
const setWord: Mutation = (bytes, { random, dictionary }) => {
  const found = [...latin1(bytes.subarray(0, 2 ** 16)).matchAll(/[A-Za-z_]+/g)];
  if (found.length === 0) return undefined;
  const { index, 0: word } = random.pick(found);
  const by = random.pick(random.chance(0.5) && dictionary.length > 0 ? dictionary : hostileTexts);
  return replaced(bytes, index, index + word.length, encode(by));
};

const swapLines: Mutation = (bytes, { random }) => {
  const lines = latin1(bytes).split("\n");
  const [i, j] = [random.below(lines.length), random.below(lines.length)];
  [lines[i], lines[j]] = [lines[j]!, lines[i]!];
  return Uint8Array.from(Buffer.from(lines.join(random.pick(["\n", "\n", "\n", "\r\n", "\r"])), "latin1"));
};

export const textMutations: readonly Mutation[] = [setNumber, setNumber, setWord, swapLines];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A value of any type, small as a rule. */
function anyJson(random: Random, dictionary: readonly string[]): Json {
  const text = (): string => random.pick(random.chance(0.5) && dictionary.length > 0 ? dictionary : hostileTexts);
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
    case 3:
      return Number(random.pick(numbers)) || 0;
    case 4:
      return text();
    case 5:
      return Array.from(
        { length: random.length(random.chance(0.05) ? 20_000 : 4) },
        () => Number(random.pick(numbers)) || 0,
      );
    case 6:
      return Array.from({ length: random.below(3) }, text);
    case 7:
      return Object.fromEntries(Array.from({ length: random.below(3) }, () => [text(), text()]));
    default:
      return { toString: 1, valueOf: null, length: -1, toJSON: "x" };
  }
}

/** Marks the place of what `JSON.stringify` cannot write: deep nesting, `__proto__`, numbers beyond the type. */
const hole = "\u0001hole\u0001";

/** A JSON value of the same kind with one part of it other, as text. */
export function otherJson(value: Json, random: Random, dictionary: readonly string[]): string {
  const deep = random.below(2000) + (random.chance(0.1) ? 100_000 : 0);
  const raw = random.pick([
    () => "[".repeat(deep) + "]".repeat(deep),
    () => `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`,
    () => random.pick(["1e400", "-1e999", "1E-500", "9".repeat(500), "-0", "1e15", "100000000"]),
    () => '{"__proto__":{"type":"x","format":1}}',
    () => `[${"0,".repeat(random.below(5000))}0]`,
  ]);
  const texts: string[] = [];
  const change = (node: Json): Json => {
    if (random.chance(0.25)) {
      texts.push(raw());
      return hole;
    }
    if (typeof node === "number" && random.chance(0.6))
      return random.pick([0, -1, 1.5, 1e9, 2 ** 53, -(2 ** 31), 1e300, node + 1, -node]);
    if (Array.isArray(node) && random.chance(0.5)) {
      const list = [...(node as readonly Json[])];
      const at = random.below(list.length + 1);
      if (random.chance(0.5)) list.splice(at, 1);
      else list.splice(at, 0, ...(list.length > 0 ? [random.pick(list)] : [anyJson(random, dictionary)]));
      return list;
    }
    if (typeof node === "object" && node !== null && !Array.isArray(node) && random.chance(0.6)) {
      const entries = Object.entries(node);
      const key = random.pick(random.chance(0.5) && dictionary.length > 0 ? dictionary : hostileTexts);
      if (random.chance(0.5)) entries.splice(random.below(entries.length), 1);
      else entries.push([key, entries.length > 0 ? random.pick(entries)[1] : anyJson(random, dictionary)]);
      return Object.fromEntries(entries);
    }
    return anyJson(random, dictionary);
  };
  const places = countNodes(value);
  let at = random.below(places);
  const walk = (node: Json): Json => {
    if (at-- === 0) return change(node);
    if (Array.isArray(node)) return (node as readonly Json[]).map(walk);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]));
  };
  const text = JSON.stringify(walk(value));
  return texts.length > 0 ? text.replace(JSON.stringify(hole), () => texts[0]!) : text;
}

function countNodes(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + countNodes(inner as Json), 1);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** How deep brackets are nested in a text, about. */
function depthOf(bytes: Uint8Array): number {
  let [depth, most] = [0, 0];
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) most = Math.max(most, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return most;
}

/** Another JSON document of the same kind. */
export const jsonMutation: Mutation = (bytes, { random, dictionary }) => {
  // Large and deeply nested documents, which were made here, are not walked.
  if (bytes.length > 2 ** 16 || depthOf(bytes) > 500) return undefined;
  const value = parsed(Buffer.from(bytes).toString("utf8"));
  return value === undefined ? undefined : encode(otherJson(value, random, dictionary));
};

/** The same in one of the lines of a file of them. */
export const jsonLineMutation: Mutation = (bytes, mutating) => {
  const lines = Buffer.from(bytes).toString("utf8").split("\n");
  const at = mutating.random.below(lines.length);
  const line = jsonMutation(encode(lines[at]!), mutating);
  if (!line) return undefined;
  lines[at] = Buffer.from(line).toString("utf8");
  return encode(lines.join("\n"));
};

/** Some mutations in a row: those of the format half of the time, where there are any. */
export function mutated(bytes: Uint8Array, own: readonly Mutation[], mutating: Mutating): Uint8Array {
  const { random } = mutating;
  let result = bytes;
  const times = 1 + (random.chance(0.5) ? 0 : random.below(6));
  for (let i = 0; i < times; i++) {
    const list = own.length > 0 && random.chance(0.6) ? own : byteMutations;
    // Rare, since large inputs are slow.
    const mutation = random.chance(0.004) ? amplify : random.pick(list);
    const next = mutation(result, mutating);
    if (next && next.length <= mostBytes) result = next;
  }
  return result;
}
