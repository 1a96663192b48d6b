/** Clang and its linker, as they make modules of WebAssembly. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { GraphError, type WasmSources } from "@innerloop/graph";
import { callCompiler, mostCompileMs } from "./c-compiler.js";

const run = promisify(execFile);

/** A compiler that makes modules of WebAssembly. */
export interface WasmCompiler {
  readonly command: string;
  /** The first line that it says of itself. */
  readonly version: string;
}

/*
 * SIMD of 128 bits and copies of memory by one instruction: what all engines have had since 2023. No relaxed SIMD: clang 14
 * writes instructions of its draft, which engines do not take.
 */
const flags: readonly string[] = [
  "--target=wasm32",
  "-O3",
  "-msimd128",
  "-mbulk-memory",
  "-ffreestanding",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fwrapv",
  "-std=gnu11",
  "-w",
];

/** What a module holds on its stack at most, which lies below all else: growing over it is a trap. */
const stackBytes = 2 ** 18;

const linking: readonly string[] = [
  "--target=wasm32",
  "-nostdlib",
  "-Wl,--no-entry",
  "-Wl,--import-memory",
  "-Wl,--export=__heap_base",
  "-Wl,--stack-first",
  `-Wl,-z,stack-size=${stackBytes}`,
  "-Wl,--strip-all",
];

/** Functions that whoever runs a module gives; anything else that is missing is an error. */
const given = ["exp", "log", "tanh", "sin", "cos", "pow"] as const;

/** Commands that are tried, in order. */
const commands = ({ CC }: NodeJS.ProcessEnv = process.env): readonly string[] => [
  ...(CC ? [CC] : []),
  ...["clang", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"],
];

/** The first clang that makes a module of WebAssembly, with the linker `wasm-ld`; undefined where there is none. */
export async function findWasmCompiler(tried: readonly string[] = commands()): Promise<WasmCompiler | undefined> {
  for (const command of tried) {
    try {
      const { stdout } = await run(command, ["--version"], { timeout: 10_000 });
      const compiler = { command, version: stdout.split("\n")[0]!.trim() };
      await linkedModule(compiler, ["int p0(int x) { return x; }"], 10_000);
      return compiler;
    } catch {
      // Not there, one for other processors, or without a linker: the next.
    }
  }
  return undefined;
}

/** IL404: that there is no such compiler, and what to do. */
export const noWasmCompiler = (): GraphError =>
  new GraphError(
    "IL404",
    "WebAssembly",
    "there is no clang with wasm-ld, its linker for WebAssembly",
    "Install both (Debian and Ubuntu: apt-get install clang lld), or name another clang in CC",
  );

/** Compiles what is to be a module. @throws IL403 where the compiler fails, or takes too long */
export async function compileWasm(
  compiler: Pick<WasmCompiler, "command">,
  { sources, module }: WasmSources,
  timeoutMs = mostCompileMs,
): Promise<Uint8Array> {
  try {
    const bytes = await linkedModule(compiler, sources, timeoutMs);
    return module(bytes, heapBaseOf(bytes));
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const remedy = "Use another clang (CC) with the wasm-ld of its version, or leave out --wasm";
    const error = new GraphError("IL403", "compileWasm", problem, remedy);
    error.cause = cause;
    throw error;
  }
}

/** One module of files of C, each with its function `pN`. */
async function linkedModule(
  { command }: Pick<WasmCompiler, "command">,
  sources: readonly string[],
  timeoutMs: number,
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "innerloop-wasm-"));
  const called = (...words: readonly string[]): Promise<void> => callCompiler(command, words, timeoutMs);
  try {
    const object = (i: number): string => join(folder, `${i}.o`);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < sources.length; i = next++) {
        await writeFile(join(folder, `${i}.c`), sources[i]!, { mode: 0o600 });
        await called(...flags, "-c", join(folder, `${i}.c`), "-o", object(i));
      }
    };
    await Promise.all(Array.from({ length: Math.min(availableParallelism(), sources.length) }, work));
    const allowed = join(folder, "given.txt");
    await writeFile(allowed, given.join("\n"));
    const out = join(folder, "module.wasm");
    const exports = sources.map((_, i) => `-Wl,--export=p${i}`);
    const objects = sources.map((_, i) => object(i));
    await called(...linking, `-Wl,--allow-undefined-file=${allowed}`, ...exports, ...objects, "-o", out);
    return await readFile(out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The part of Node's WebAssembly that is used here, whose types come with those of browsers. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { readonly initial: number }) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly __heap_base?: { readonly value: number } } };
}

/** Where the memory ends that the linker has given to stack and constants. */
function heapBaseOf(bytes: Uint8Array): number {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Engine };
  const memory = new WebAssembly.Memory({ initial: Math.ceil((2 * stackBytes + bytes.length) / 2 ** 16) + 1 });
  // Nothing is called: what programs are given later is of no matter.
  const env = { memory, ...Object.fromEntries(given.map((name) => [name, (): number => 0])) };
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env }).exports.__heap_base!.value;
}
