import { offerExecutor, offerSaving } from "@innerloop/core/training";
import { declareLibraryModule, type Executor } from "@innerloop/graph";
import { workerPoolExecutor } from "./executor/worker-pool-executor.js";
import { saveRun } from "./runs/save-run.js";

export * from "./data/index.js";
export { machineIo } from "./data/machine-io.js";
export { type Device, devices } from "./executor/device.js";
export { type CCompiler, findCompiler } from "./executor/native/c-compiler.js";
export { type NativeExecutorOptions, nativeExecutor } from "./executor/native/native-executor.js";
export type { NativeSetting } from "./executor/native/native-writer.js";
export { compileWasm, findWasmCompiler, type WasmCompiler } from "./executor/native/wasm-compiler.js";
export { wasmExecutor } from "./executor/native/wasm-executor.js";
export {
  type OnnxruntimeExecutor,
  type OnnxruntimeOptions,
  onnxruntimeExecutor,
} from "./executor/onnxruntime-executor.js";
export { type WorkerPoolOptions, workerPoolExecutor } from "./executor/worker-pool-executor.js";
export {
  type DomainModule,
  type ExperimentModule,
  type LearnerModule,
  loadCodeExperiment,
  readJsonExperiment,
} from "./runs/experiment-file.js";
export * from "./runs/index.js";

// Errors name the user's line, and none of this package.
declareLibraryModule(import.meta.url);

// Whoever has this package has an engine, and it is made when one is first needed.
offerExecutor(async () => createExecutor());
offerSaving(saveRun);

/** The executor that `train`, `evaluate` and runs of the package innerloop use in Node: a worker thread per core. */
export function createExecutor(): Executor {
  return workerPoolExecutor();
}
