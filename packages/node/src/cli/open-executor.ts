/** What computes for a command. */
import { availableParallelism } from "node:os";
import { type TrainingValues, UsageError } from "@innerloop/experiments";
import { declareLibraryModule, type Executor } from "@innerloop/graph";
import { webgpuIsSoftware } from "../executor/device.js";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { workerPoolExecutor } from "../executor/worker-pool-executor.js";
import type { Output } from "./output.js";

// Errors name the user's own lines, and a command has none.
declareLibraryModule(import.meta.url);

/** For a command of a few runs: computes in this thread, since starting a worker takes longer than they do. */
export const fewRuns = { inThisThread: true } as const;

/**
 * The executor for `--device` and `--workers`, known to work.
 *
 * @throws GraphError IL404 where the device is missing, UsageError for workers on a GPU
 */
export async function openExecutor(
  {
    device = "cpu",
    workers,
    inThisThread = false,
  }: Partial<Pick<TrainingValues, "device">> & {
    readonly workers?: number | undefined;
    readonly inThisThread?: boolean;
  },
  output: Output,
): Promise<Executor> {
  const threads = workers ?? availableParallelism();
  if (device === "cpu" && inThisThread) return onnxruntimeExecutor({ threads });
  if (device === "cpu") return workerPoolExecutor({ workers: threads });
  if (workers !== undefined && workers > 1) {
    throw new UsageError(
      `--workers ${workers} is for --device cpu`,
      "Leave it out: a GPU runs one chunk of tasks at a time",
    );
  }
  const executor = onnxruntimeExecutor({ device });
  try {
    await executor.ready();
  } catch (error) {
    await executor.close();
    throw error;
  }
  if (device === "webgpu" && webgpuIsSoftware()) {
    output.warn("This machine has no GPU: WebGPU computes on the processor, slower than --device cpu.");
  }
  return executor;
}
