/** The entry point `@innerloop/graph/wasm`: modules in WebAssembly, and nothing else, for workers that open them. */
export { openWasmModule, type WasmModule } from "./runtime/wasm-module.js";
