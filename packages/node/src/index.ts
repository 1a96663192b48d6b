export * from "./data/index.js";
export { onnxruntimeExecutor } from "./executor/onnxruntime-executor.js";
export { workerPoolExecutor } from "./executor/worker-pool-executor.js";
