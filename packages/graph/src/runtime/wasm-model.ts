/** Functions of named tensors as C for WebAssembly, and the module that a compiler has made of it, with all that it is told. */
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { GraphError } from "../errors.js";
import { nativeProgram } from "../native/program.js";
import { wasmTarget } from "../native/target.js";
import { type Graph, topologicalOrder } from "../program/graph.js";
import { input, Tensor } from "../program/tensor.js";
import { bytesPerElement, sizeOf, type TensorType } from "../program/tensor-type.js";
import { rewrite } from "../transforms/rewriting.js";
import { simplify } from "../transforms/simplify.js";
import { lastingValues } from "../transforms/staging.js";
import type { NativeModel } from "./native-model.js";
import { type PortableFunction, type PortableSlot, tracedFunction } from "./portable-model.js";
import {
  type WasmForm,
  type WasmFunctionForm,
  type WasmSlot,
  type WasmVariant,
  wasmFormat,
  wasmSection,
} from "./wasm-module.js";

/** A function that is to be in a module. */
export interface WasmFunction {
  readonly function: PortableFunction;
  /** Its outputs, with the names of sizes that may be any: those of `portableModel`. */
  readonly outputs: readonly PortableSlot[];
  /** Numbers that each named size is written for, the smallest first: what is smaller is padded with zeros up to the next. */
  readonly sizes: Readonly<Record<string, readonly number[]>>;
  /** The name of a size whose rows may be given in parts, since none depends on another. */
  readonly parts?: string;
}

/** Files of C, and the way to the module once they are compiled. */
export interface WasmSources {
  /** Each has a function `pN` of its own, by its place. */
  readonly sources: readonly string[];
  /**
   * The module with all that `openWasmModule` needs to know of it.
   *
   * @param linked the compiler's, whose memory is imported
   * @param base the end of what its memory holds already: `__heap_base`
   */
  module(linked: Uint8Array, base: number): Uint8Array;
}

/** A place in memory, known when all is placed. */
interface Place {
  readonly isData: boolean;
  readonly offset: number;
}

const alignment = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Memory behind what the compiler has in it: bytes that are there from the beginning, and room. */
class Memory {
  private readonly contents: { readonly offset: number; readonly bytes: (base: number) => Uint8Array }[] = [];
  private dataBytes = 0;
  private roomBytes = 0;

  data(length: number, bytes: (base: number) => Uint8Array): Place {
    const offset = this.dataBytes;
    this.contents.push({ offset, bytes });
    this.dataBytes += aligned(length);
    return { isData: true, offset };
  }

  room(bytes: number): Place {
    const offset = this.roomBytes;
    this.roomBytes += aligned(bytes);
    return { isData: false, offset };
  }

  at({ isData, offset }: Place, base: number): number {
    return base + offset + (isData ? 0 : this.dataBytes);
  }

  end(base: number): number {
    return base + this.dataBytes + this.roomBytes;
  }

  image(base: number): Uint8Array {
    const image = new Uint8Array(this.dataBytes);
    for (const { offset, bytes } of this.contents) image.set(bytes(base), offset);
    return image;
  }
}

const bytesOf = ({ dtype, size }: Tensor): number => size * bytesPerElement[dtype];

/** What lasts over all steps and takes more than so many bytes is computed in each of them. */
const mostLastingBytes = 2 ** 24;

/** Programs in C, and what is known of them once memory begins somewhere. */
class Programs {
  readonly memory = new Memory();
  readonly sources: string[] = [];
  private readonly told: ((base: number) => WasmForm["programs"][number])[] = [];
  private readonly constants = new Map<Tensor, Place>();
  private readonly zero: Place;
  private workspaceBytes = 0;

  constructor() {
    this.zero = this.memory.room(alignment);
  }

  /** The place of an array's values; arrays of the same values by name are one. */
  constant(values: Tensor): Place {
    const { data } = values;
    if (!data)
      throw new GraphError("IL402", "wasmSources", `a constant ${values} has no values`, "Give it with values");
    let place = this.constants.get(values);
    place ??= this.memory.data(data.byteLength, () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.constants.set(values, place);
    return place;
  }

  /** The number of a program that reads and writes where it is told. */
  program(inputs: readonly Tensor[], outputs: readonly Tensor[], placeOf: (x: Tensor) => Place, to: readonly Place[]) {
    const graph: Graph = { inputs, outputs, order: topologicalOrder(outputs) };
    const used = new Set([...graph.order, ...outputs]);
    const from = inputs.map((x) => (used.has(x) ? placeOf(x) : this.zero));
    return this.written(nativeProgram(graph, wasmTarget), from, to);
  }

  /** The number of a program that is written. */
  written({ source, constants, workspaceBytes }: NativeModel, from: readonly Place[], to: readonly Place[]): number {
    const number = this.sources.length;
    this.sources.push(source.replace("int program(", `int p${number}(`));
    this.workspaceBytes = Math.max(this.workspaceBytes, workspaceBytes);
    const { memory } = this;
    const own = memory.data(constants.length, () => constants);
    const table = (places: readonly Place[]): Place =>
      memory.data(4 * places.length, (base) => {
        const pointers = Uint32Array.from(places, (place) => memory.at(place, base));
        return new Uint8Array(pointers.buffer);
      });
    const places = [table(from), table(to), own];
    this.told.push((base) => {
      const [inputs, outputs, held] = places.map((place) => memory.at(place, base)) as [number, number, number];
      return { inputs, outputs, constants: held };
    });
    return number;
  }

  form(base: number, workspace: Place): Pick<WasmForm, "format" | "base" | "bytes" | "workspace" | "programs"> {
    const { memory } = this;
    return {
      format: wasmFormat,
      base,
      bytes: memory.end(base),
      workspace: memory.at(workspace, base),
      programs: this.told.map((told) => told(base)),
    };
  }

  workspace(): Place {
    return this.memory.room(this.workspaceBytes);
  }
}

/** All combinations of sizes, the smallest first. */
function combinations(sizes: WasmFunction["sizes"], names: readonly string[]): Readonly<Record<string, number>>[] {
  return names.reduce<Readonly<Record<string, number>>[]>(
    (all, name) => all.flatMap((some) => sizes[name]!.map((n) => ({ ...some, [name]: n }))),
    [{}],
  );
}

type Told<T> = (base: number) => T;

/**
 * Functions as C for one module, which share constants and memory. Shapes are static there: a function is written once for
 * each combination of its sizes, and repetition is a loop over programs of one step.
 *
 * @throws as `portableModel`
 * @example const { sources, module } = wasmSources({ adapt: { function: f, outputs, sizes: { support: [5, 25] } } });
 */
export function wasmSources(functions: Readonly<Record<string, WasmFunction>>): WasmSources {
  const programs = new Programs();
  const forms = Object.entries(functions).map(([name, each]): [string, Told<WasmFunctionForm>] => {
    const names = [...new Set(each.function.inputs.flatMap(({ shape }) => shape.filter((n) => typeof n === "string")))];
    const variants = combinations(each.sizes, names).map((sizes) => variantOf(each, sizes, programs));
    const { parts } = each;
    return [name, (base) => ({ variants: variants.map((told) => told(base)), ...(parts ? { parts } : {}) })];
  });
  return toCompile(programs, (base) => Object.fromEntries(forms.map(([name, told]) => [name, told(base)])));
}

/** What is to be compiled, once all programs are there. */
function toCompile(programs: Programs, functions: Told<WasmForm["functions"]>): WasmSources {
  const workspace = programs.workspace();
  return {
    sources: programs.sources,
    module: (linked, linkedEnd) => {
      const base = aligned(linkedEnd);
      const form: WasmForm = { ...programs.form(base, workspace), functions: functions(base) };
      return withSection(linked, form, programs.memory.image(base));
    },
  };
}

function variantOf(
  { function: f, outputs }: WasmFunction,
  sizes: Readonly<Record<string, number>>,
  programs: Programs,
): Told<WasmVariant> {
  const { own, named, repeated } = tracedFunction(f, sizes);
  const { memory } = programs;
  const constants = Object.values(f.constants);
  const places = new Map<Tensor, Place>();
  const inputs = own.slice(0, f.inputs.length);
  for (const x of inputs) places.set(x, memory.room(bytesOf(x)));
  const placeOf = (x: Tensor): Place => {
    const at = own.indexOf(x) - inputs.length;
    return places.get(x) ?? programs.constant(constants[at]!);
  };
  const results = Object.values(named);
  const to = results.map((x) => memory.room(bytesOf(x)));
  const slotsOf = (slots: readonly PortableSlot[], arrays: readonly Tensor[], where: readonly Place[]) =>
    slots.map(
      ({ name, dtype, shape }, i) =>
        (base: number): WasmSlot => ({
          ...{ name, dtype, shape, most: arrays[i]!.shape },
          at: memory.at(where[i]!, base),
        }),
    );
  const order = outputs.map(({ name }) => Object.keys(named).indexOf(name));
  const [taken, made] = [
    slotsOf(f.inputs, inputs, inputs.map(placeOf)),
    slotsOf(
      outputs,
      order.map((at) => results[at]!),
      order.map((at) => to[at]!),
    ),
  ];
  const variant = (base: number) => ({
    inputs: taken.map((told) => told(base)),
    outputs: made.map((told) => told(base)),
  });
  if (!repeated) {
    const begin = programs.program(own, simplify(results), placeOf, to);
    return (base) => ({ ...variant(base), begin });
  }
  const { iteration, given, last } = repeated;
  const all = simplify([repeated.count, ...repeated.first, ...repeated.next, ...results]);
  const count = all[0]!;
  const first = all.slice(1, 1 + given.length);
  const next = all.slice(1 + given.length, 1 + 2 * given.length);
  const finished = all.slice(1 + 2 * given.length);
  const block = (of: readonly Tensor[]): readonly Place[] => of.map((x) => memory.room(bytesOf(x)));
  const [before, behind] = [block(given), block(next)];
  given.forEach((x, i) => {
    places.set(x, before[i]!);
    places.set(last[i]!, before[i]!);
  });
  const [times, now] = [memory.room(8), memory.room(8)];
  places.set(iteration, now);
  const changing = new Set([iteration, ...given]);
  const stepGraph: Graph = { inputs: [...own, ...changing], outputs: next, order: topologicalOrder(next) };
  const lasting = lastingValues(stepGraph, changing, mostLastingBytes);
  const kept = lasting.map((x) => input(x.shape, x.dtype));
  const keptPlaces = block(kept);
  kept.forEach((x, i) => {
    places.set(x, keptPlaces[i]!);
  });
  const one = rewrite(next, new Map(lasting.map((x, i) => [x, kept[i]!])), ({ primitive, attributes }, operands) =>
    Tensor.apply(primitive!, operands, attributes),
  );
  const begin = programs.program(own, [count, ...first, ...lasting], placeOf, [times, ...before, ...keptPlaces]);
  const step = programs.program([...own, ...changing, ...kept], one, placeOf, behind);
  const finish = programs.program([...own, ...last], finished, placeOf, to);
  const bytes = given.reduce((sum, x) => sum + aligned(bytesOf(x)), 0);
  const startOf = (of: readonly Place[], base: number): number => (of[0] ? memory.at(of[0], base) : base);
  return (base) => ({
    ...variant(base),
    begin,
    repeated: {
      ...{ step, finish, bytes, count: memory.at(times, base), iteration: memory.at(now, base) },
      ...{ given: startOf(before, base), next: startOf(behind, base) },
    },
  });
}

/** A program as C for a module with the function `run`, whose arrays are `input0`, ... and `output0`, .... */
export function wasmSourcesOf(
  program: NativeModel,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
): WasmSources {
  const programs = new Programs();
  const { memory } = programs;
  const placed = (prefix: string, types: readonly TensorType[]) =>
    types.map(({ dtype, shape }, i) => {
      const place = memory.room(sizeOf(shape) * bytesPerElement[dtype]);
      const slot = (base: number): WasmSlot => ({
        ...{ name: `${prefix}${i}`, dtype, shape, most: shape },
        at: memory.at(place, base),
      });
      return { place, slot };
    });
  const [from, to] = [placed("input", inputs), placed("output", outputs)];
  const places = (of: typeof from): readonly Place[] => of.map(({ place }) => place);
  const begin = programs.written(program, places(from), places(to));
  return toCompile(programs, (base) => {
    const slots = (of: typeof from): readonly WasmSlot[] => of.map(({ slot }) => slot(base));
    return { run: { variants: [{ inputs: slots(from), outputs: slots(to), begin }] } };
  });
}

/** A module with a section of its own at its end. */
function withSection(linked: Uint8Array, form: WasmForm, image: Uint8Array): Uint8Array {
  const [name, json] = [utf8ToBytes(wasmSection), utf8ToBytes(JSON.stringify(form))];
  const content = 1 + name.length + 4 + json.length + image.length;
  const size: number[] = [];
  for (let rest = content; ; rest = Math.floor(rest / 128)) {
    size.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) break;
  }
  const bytes = new Uint8Array(linked.length + 1 + size.length + content);
  bytes.set(linked);
  let at = linked.length;
  bytes[at++] = 0;
  bytes.set(size, at);
  at += size.length;
  bytes[at++] = name.length;
  bytes.set(name, at);
  at += name.length;
  new DataView(bytes.buffer).setUint32(at, json.length, true);
  bytes.set(json, at + 4);
  bytes.set(image, at + 4 + json.length);
  return bytes;
}
