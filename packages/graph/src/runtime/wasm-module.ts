/** Functions in WebAssembly as one file of bytes: how they are called, and the memory that they compute in, stand in it. */
import { GraphError } from "../errors.js";
import { allocate, arrayIn, bytesPerElement, type DType, type TypedArray } from "../program/tensor-type.js";
import type { PortableArray, PortableArrays, PortableSession } from "./portable-engine.js";
import type { PortableSlot } from "./portable-model.js";

/** The format of what stands in the section `innerloop` of a module: the length of its JSON, the JSON, the first bytes of memory. */
export const wasmFormat = "innerloop wasm 1";
export const wasmSection = "innerloop";

/** An array in memory. Where sizes may be any up to a most, it has room for the most. */
export interface WasmSlot extends PortableSlot {
  readonly most: readonly number[];
  /** Where it begins; bytes come as float32. */
  readonly at: number;
}

/** A compiled program with the places of what it is told: tables of pointers, and constants. */
export interface WasmProgram {
  readonly inputs: number;
  readonly outputs: number;
  readonly constants: number;
}

/** A function for sizes up to some: the programs that it runs, by their numbers. */
export interface WasmVariant {
  readonly inputs: readonly WasmSlot[];
  readonly outputs: readonly WasmSlot[];
  /** The first program; where nothing is repeated, the only one. */
  readonly begin: number;
  /** A program that is run as often as `begin` has left at `count`, and another for what follows. */
  readonly repeated?: {
    readonly step: number;
    readonly finish: number;
    readonly count: number;
    readonly iteration: number;
    /** What a step is given and what it makes of it: blocks of so many bytes, of one order. */
    readonly given: number;
    readonly next: number;
    readonly bytes: number;
  };
}

/** A function by its variants, the smallest first. */
export interface WasmFunctionForm {
  readonly variants: readonly WasmVariant[];
  /** The name of a size whose rows may be given in parts, since none depends on another. */
  readonly parts?: string;
}

/** All that a module needs to be told of it. */
export interface WasmForm {
  readonly format: typeof wasmFormat;
  /** Where memory begins that is not the compiler's own, and all bytes of it. */
  readonly base: number;
  readonly bytes: number;
  readonly workspace: number;
  readonly programs: readonly WasmProgram[];
  readonly functions: { readonly [name: string]: WasmFunctionForm };
}

/** The part of an engine's WebAssembly that is used here; a page and Node have the same. */
interface Engine {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ readonly exports: Readonly<Record<string, unknown>> }>;
  readonly Module: {
    customSections(module: object, name: string): ArrayBuffer[];
    imports(module: object): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
  };
  readonly Memory: new (size: {
    readonly initial: number;
    readonly maximum: number;
  }) => { readonly buffer: ArrayBuffer };
}

/** Bytes of a module's memory at most. */
const mostMemory = 2 ** 31;
const pageBytes = 2 ** 16;

/** What modules may be given beside memory: functions of numbers that have no instruction, those of the engine. */
const given: Readonly<Record<string, (x: number, y: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sin: Math.sin,
  cos: Math.cos,
  pow: Math.pow,
};

/** A module that is loaded. */
export interface WasmModule {
  /** Its functions as sessions, by name. What they are fed and give are copies. */
  readonly functions: { readonly [name: string]: PortableSession };
  /** Bytes of memory, which is its own. */
  readonly memoryBytes: number;
}

const refuse = (problem: string, cause?: unknown): never => {
  const error = new GraphError("IL403", "load", problem, "Get the file anew, or write it again");
  error.cause = cause;
  throw error;
};

/**
 * The functions of a module that `wasmSources` has made, which may come from anyone: it computes in memory of its own, and is
 * given nothing but functions of numbers.
 *
 * @throws GraphError IL403 for bytes that are none, or a module that asks for anything else
 * @example const { functions } = await openWasmModule(bytes); await functions.adapt.run(feeds);
 */
export async function openWasmModule(bytes: Uint8Array): Promise<WasmModule> {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: Engine };
  if (!WebAssembly) return refuse("there is no WebAssembly here");
  let module: object;
  try {
    module = await WebAssembly.compile(bytes);
  } catch (cause) {
    return refuse(`it is no module of WebAssembly that this engine knows (${String(cause).slice(0, 200)})`, cause);
  }
  const sections = WebAssembly.Module.customSections(module, wasmSection);
  if (sections.length !== 1) refuse(`it has ${sections.length} sections "${wasmSection}"`);
  const { form, data } = readForm(new Uint8Array(sections[0]!));
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const isKnown = name === "memory" ? kind === "memory" : kind === "function" && Object.hasOwn(given, name);
    if (from !== "env" || !isKnown) refuse(`it asks for the ${kind} ${`${from}.${name}`.slice(0, 80)}`);
  }
  try {
    const pages = Math.ceil(form.bytes / pageBytes);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = await WebAssembly.instantiate(module, { env: { ...given, memory } });
    new Uint8Array(memory.buffer).set(data, form.base);
    const programs = form.programs.map(({ inputs, outputs, constants }, i) => {
      const program = exports[`p${i}`];
      if (typeof program !== "function") return refuse(`it has no program p${i}`);
      return (): void => {
        if (program(inputs, outputs, constants, form.workspace) === 0) return;
        const remedy = "Use indices from 0 to below the axis's size";
        throw new GraphError("IL403", "run", "an index is out of the range of its axis", remedy);
      };
    });
    const functions = Object.entries(form.functions).map(
      ([name, each]) => [name, sessionOf(each, programs, memory.buffer)] as const,
    );
    return { functions: Object.fromEntries(functions), memoryBytes: memory.buffer.byteLength };
  } catch (cause) {
    if (cause instanceof GraphError) throw cause;
    return refuse(`it cannot be started (${String(cause).slice(0, 200)})`, cause);
  }
}

const isWhole = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What a section tells, checked: each array lies within memory. */
function readForm(section: Uint8Array): { readonly form: WasmForm; readonly data: Uint8Array } {
  const fail = (what: string): never => refuse(`what it tells of its ${what} is not what modules have`);
  if (section.length < 4) fail("form");
  const length = new DataView(section.buffer, section.byteOffset).getUint32(0, true);
  if (length > section.length - 4) fail("form");
  let told: unknown;
  try {
    told = JSON.parse(new (globalThis as unknown as Decoding).TextDecoder().decode(section.subarray(4, 4 + length)));
  } catch {
    fail("form");
  }
  const data = section.subarray(4 + length);
  if (!isObject(told) || told.format !== wasmFormat) return fail("format");
  const { base, bytes, workspace, programs, functions } = told;
  if (!isWhole(bytes, mostMemory) || !isWhole(base, bytes) || data.length > bytes - base) return fail("memory");
  const isPlace = (value: unknown): boolean => isWhole(value, bytes);
  const isProgram = (value: unknown): boolean =>
    isObject(value) && [value.inputs, value.outputs, value.constants].every(isPlace);
  if (!isPlace(workspace) || !Array.isArray(programs) || !programs.every(isProgram)) return fail("programs");
  const isNumber = (value: unknown): boolean => isWhole(value, programs.length - 1);
  const isSlot = (value: unknown): boolean => {
    if (!isObject(value)) return false;
    const { name, dtype, shape, most, at } = value;
    const isType = typeof dtype === "string" && (dtype === "uint8" || Object.hasOwn(bytesPerElement, dtype));
    if (typeof name !== "string" || !isType || !Array.isArray(shape) || !Array.isArray(most)) return false;
    if (shape.length !== most.length || shape.length > 16 || !most.every((n) => isWhole(n, mostMemory))) return false;
    if (!shape.every((n, axis) => n === most[axis] || (typeof n === "string" && n.length < 80))) return false;
    const size = (most as readonly number[]).reduce((a, b) => a * b, 1) * bytesOf(dtype as DType);
    return isWhole(at, bytes) && at % 8 === 0 && size <= bytes - at;
  };
  const isRepeated = (value: unknown): boolean => {
    if (!isObject(value)) return false;
    const { step, finish, count, iteration, given: from, next, bytes: size } = value;
    const areNumbers = [count, iteration].every((at) => isWhole(at, bytes - 8) && at % 8 === 0);
    const areBlocks = isPlace(size) && [from, next].every((at) => isWhole(at, bytes - (size as number)));
    return [step, finish].every(isNumber) && areNumbers && areBlocks;
  };
  const isVariant = (value: unknown): boolean =>
    isObject(value) &&
    [value.inputs, value.outputs].every((slots) => Array.isArray(slots) && slots.every(isSlot)) &&
    isNumber(value.begin) &&
    (value.repeated === undefined || isRepeated(value.repeated));
  const isFunction = (value: unknown): boolean =>
    isObject(value) &&
    Array.isArray(value.variants) &&
    value.variants.length > 0 &&
    value.variants.every(isVariant) &&
    (value.parts === undefined || typeof value.parts === "string");
  if (!isObject(functions) || !Object.values(functions).every(isFunction)) return fail("functions");
  return { form: told as unknown as WasmForm, data };
}

interface Decoding {
  readonly TextDecoder: new () => { decode(bytes: Uint8Array): string };
}

const bytesOf = (dtype: DType | "uint8"): number => (dtype === "uint8" ? 4 : bytesPerElement[dtype]);
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The array of a slot in memory. */
const viewOf = ({ dtype, most, at }: WasmSlot, memory: ArrayBuffer): TypedArray =>
  arrayIn(memory, dtype === "uint8" ? "float32" : dtype, at, sizeOf(most));

/** Copies the part that two arrays have in common, from the beginning of each axis. */
function copyCommon(from: TypedArray, fromShape: readonly number[], to: TypedArray, toShape: readonly number[]): void {
  let inner = 1;
  let axes = fromShape.length;
  while (axes > 0 && fromShape[axes - 1] === toShape[axes - 1]) inner *= fromShape[--axes]!;
  if (axes === 0) {
    // Bytes become numbers by the way.
    (to as Float32Array).set(from as Float32Array);
    return;
  }
  const run = Math.min(fromShape[axes - 1]!, toShape[axes - 1]!) * inner;
  const copy = (axis: number, source: number, target: number): void => {
    if (axis === axes - 1) {
      const [a, b] = [source * fromShape[axis]! * inner, target * toShape[axis]! * inner];
      (to as Float32Array).set((from as Float32Array).subarray(a, a + run), b);
      return;
    }
    const turns = Math.min(fromShape[axis]!, toShape[axis]!);
    for (let i = 0; i < turns; i++) copy(axis + 1, source * fromShape[axis]! + i, target * toShape[axis]! + i);
  };
  copy(0, 0, 0);
}

type Sizes = Readonly<Record<string, number>>;

/** The sizes that feeds have, by their names. @throws IL402 for feeds that do not fit */
function sizesOf(slots: readonly PortableSlot[], feeds: PortableArrays): Sizes {
  const sizes: Record<string, number> = {};
  for (const { name, dtype, shape } of slots) {
    const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    const fits =
      feed !== undefined &&
      feed.dtype === dtype &&
      feed.shape.length === shape.length &&
      feed.data.length === sizeOf(feed.shape) &&
      shape.every((n, axis) => {
        const here = feed.shape[axis]!;
        if (typeof n === "number") return n === here;
        sizes[n] ??= here;
        return sizes[n] === here;
      });
    if (fits) continue;
    const problem = `${name} is ${feed ? `${feed.dtype} [${feed.shape.join(", ")}]` : "not given"}, and the program takes ${dtype} [${shape.join(", ")}]`;
    throw new GraphError("IL402", "run", problem, "Give each input in its type and shape");
  }
  return sizes;
}

const mostOf = ({ inputs }: WasmVariant, name: string): number => {
  for (const { shape, most } of inputs) {
    const axis = shape.indexOf(name);
    if (axis >= 0) return most[axis]!;
  }
  return Number.POSITIVE_INFINITY;
};

/** A function as a session. */
function sessionOf(
  { variants, parts }: WasmFunctionForm,
  programs: readonly (() => void)[],
  memory: ArrayBuffer,
): PortableSession {
  const bytes = new Uint8Array(memory);
  const told = (slots: readonly WasmSlot[]): readonly PortableSlot[] =>
    slots.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const { inputs, outputs } = variants[0]!;
  const runPart = (variant: WasmVariant, feeds: PortableArrays, sizes: Sizes): PortableArrays => {
    for (const slot of variant.inputs) {
      const { shape, data } = feeds[slot.name]!;
      const array = viewOf(slot, memory);
      if (!slot.most.every((n, axis) => n === shape[axis])) bytes.fill(0, slot.at, slot.at + array.byteLength);
      copyCommon(data, shape, array, slot.most);
    }
    programs[variant.begin]!();
    if (variant.repeated) {
      const { step, finish, count, iteration, given: to, next, bytes: size } = variant.repeated;
      const [times] = new BigInt64Array(memory, count, 1);
      const now = new BigInt64Array(memory, iteration, 1);
      for (now[0] = 0n; now[0]! < times!; now[0]!++) {
        programs[step]!();
        bytes.copyWithin(to, next, next + size);
      }
      programs[finish]!();
    }
    return Object.fromEntries(
      variant.outputs.map((slot): [string, PortableArray] => {
        const shape = slot.shape.map((n) => (typeof n === "number" ? n : sizes[n]!));
        const dtype = slot.dtype as DType;
        const data = allocate(dtype, sizeOf(shape));
        copyCommon(viewOf(slot, memory), slot.most, data, shape);
        return [slot.name, { dtype, shape, data }];
      }),
    );
  };
  const fitting = (sizes: Sizes): WasmVariant | undefined =>
    variants.find((variant) => Object.entries(sizes).every(([name, n]) => n <= mostOf(variant, name)));
  return {
    inputs: told(inputs),
    outputs: told(outputs),
    async run(feeds) {
      const sizes = sizesOf(inputs, feeds);
      const variant = fitting(sizes);
      if (variant) return runPart(variant, feeds, sizes);
      const whole = parts === undefined ? undefined : sizes[parts];
      const largest = variants.findLast((each) =>
        Object.entries(sizes).every(([name, n]) => name === parts || n <= mostOf(each, name)),
      );
      if (parts === undefined || whole === undefined || !largest) {
        const problem = `sizes ${JSON.stringify(sizes)} are more than it was written for`;
        throw new GraphError("IL402", "run", problem, "Give fewer rows, or write the programs for more");
      }
      const most = mostOf(largest, parts);
      const found: PortableArrays[] = [];
      for (let from = 0; from < whole; from += most) {
        const rows = Math.min(most, whole - from);
        const some = Object.fromEntries(
          inputs.map(({ name, shape }) => {
            const feed = feeds[name]!;
            if (shape[0] !== parts) return [name, feed];
            const row = sizeOf(feed.shape.slice(1));
            const data = feed.data.subarray(from * row, (from + rows) * row) as TypedArray;
            return [name, { dtype: feed.dtype, shape: [rows, ...feed.shape.slice(1)], data }];
          }),
        );
        const now = { ...sizes, [parts]: rows };
        found.push(runPart(fitting(now) ?? largest, some, now));
      }
      return joined(found, whole);
    },
    async close() {},
  };
}

/** Results of parts, row after row. */
function joined(parts: readonly PortableArrays[], rows: number): PortableArrays {
  return Object.fromEntries(
    Object.entries(parts[0]!).map(([name, { dtype, shape }]) => {
      const row = sizeOf(shape.slice(1));
      const data = allocate(dtype as DType, rows * row);
      let at = 0;
      for (const part of parts) {
        const { data: some } = part[name]!;
        (data as Float32Array).set(some as Float32Array, at);
        at += some.length;
      }
      return [name, { dtype, shape: [rows, ...shape.slice(1)], data }];
    }),
  );
}
