/** Modules of WebAssembly of exported folders: what the section of one tells of its memory and its functions. */
import { openWasmModule } from "@innerloop/graph";
import { type Frame, headerMutation } from "../formats/framed-json.js";
import type { Reader } from "../reader.js";

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
/** A number as modules write it. */
const leb = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...leb(Math.floor(value / 128))];
const named = (value: string): number[] => [...leb(value.length), ...text(value)];
const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];

/** A module with this section, whose one program does nothing. */
function moduleWith(told: Uint8Array): Uint8Array {
  const i32 = 0x7f;
  const head = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 5, i32, i32, i32, i32, i32, 1, i32]),
    // Memory of any number of pages, as long as it has a most.
    ...section(2, [1, ...named("env"), ...named("memory"), 2, 1, 0, ...leb(65_536)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...named("p0"), 0, 0]),
    ...section(10, [1, 4, 0, 0x41, 0, 0x0b]),
  ];
  const name = named("innerloop");
  const custom = [0, ...leb(name.length + told.length), ...name];
  const bytes = new Uint8Array(head.length + custom.length + told.length);
  bytes.set(head);
  bytes.set(custom, head.length);
  bytes.set(told, head.length + custom.length);
  return bytes;
}

const frame: Frame = {
  preamble: 4,
  lengthOf: (view) => view.getUint32(0, true),
  setLength: (view, length) => view.setUint32(0, length, true),
};

function told(functions: unknown, bytes = 65_536): Uint8Array {
  const form = { format: "innerloop wasm 1", base: 1024, bytes, workspace: 4096 };
  const programs = [{ inputs: 1024, outputs: 1032, constants: 1040 }];
  const json = new TextEncoder().encode(JSON.stringify({ ...form, programs, functions }));
  const out = new Uint8Array(4 + json.length + 64);
  new DataView(out.buffer).setUint32(0, json.length, true);
  out.set(json, 4);
  return out;
}

const x = { name: "x", dtype: "float32", shape: ["rows", 2], most: [4, 2], at: 2048 };
const y = { name: "y", dtype: "int64", shape: [4], most: [4], at: 2112 };
const repeated = { step: 0, finish: 0, count: 2200, iteration: 2208, given: 2216, next: 2248, bytes: 32 };

const wasmReader: Reader = {
  name: "wasm module",
  reads: "what a module of an exported folder tells of its memory and its functions",
  sources: ["graph/src/runtime/wasm-module.ts"],
  seeds: () => [
    told({ predict: { variants: [{ inputs: [x], outputs: [y], begin: 0 }], parts: "rows" } }),
    told({ adapt: { variants: [{ inputs: [x, y], outputs: [], begin: 0, repeated }] } }, 1_000_000),
    told({ adapt: { variants: [] } }),
  ],
  mutations: [headerMutation(frame), headerMutation(frame)],
  words: ["variants", "inputs", "outputs", "begin", "repeated", "most", "at", "rows", "float32", "bool", "programs"],
  run: async (input) => {
    await openWasmModule(moduleWith(input));
  },
};

export const wasmReaders: readonly Reader[] = [wasmReader];
