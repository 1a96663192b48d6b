/** For tests: the compiler of modules of WebAssembly. */
import { spawnSync } from "node:child_process";

/** Whether modules can be made here, as in CI they must. */
export const hasClang =
  process.env.CI !== undefined ||
  ["clang", "wasm-ld"].every((command) => spawnSync(command, ["--version"]).status === 0);
