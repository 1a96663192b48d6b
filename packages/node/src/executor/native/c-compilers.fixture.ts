/** The C compilers of this machine that tests run with: gcc and clang where they are there. */
import { type CCompiler, findCompiler } from "./c-compiler.js";
import { findWasmCompiler } from "./wasm-compiler.js";

const found = await Promise.all(
  ["gcc", "clang"].map(async (command) => [command, await findCompiler([command])] as const),
);

/** By their names. In CI one at least is there. */
export const compilers: readonly (readonly [name: string, compiler: CCompiler])[] = found.flatMap(([name, compiler]) =>
  compiler ? [[name, compiler] as const] : [],
);
if (compilers.length === 0 && process.env.CI) throw new Error("CI tests native programs: install gcc or clang");

/** The compiler of this machine for WebAssembly, if it has one. In CI it has. */
export const wasmCompiler = await findWasmCompiler();
if (!wasmCompiler && process.env.CI) throw new Error("CI tests WebAssembly: install clang and lld");
