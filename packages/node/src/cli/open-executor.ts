/** What computes for a command. */
import { availableParallelism } from "node:os";
import { UsageError } from "@innerloop/experiments";
import { declareLibraryModule, type Executor } from "@innerloop/graph";
import { type Device, type GpuDevice, webgpuIsSoftware } from "../executor/device.js";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { workerPoolExecutor } from "../executor/worker-pool-executor.js";
import type { Output } from "./output.js";

// Errors name the user's own lines, and a command has none.
declareLibraryModule(import.meta.url);

/** For a command of a few runs: computes in this thread, since starting a worker takes longer than they do. */
export const fewRuns = { inThisThread: true } as const;

interface Asked {
  /** What was asked for. */
  readonly workers: number | undefined;
  readonly inThisThread: boolean;
}

/** The executor of a device, ready to work. @throws GraphError IL404 where the device is missing, UsageError */
type Open = (asked: Asked, output: Output) => Promise<Executor>;

const gpu =
  (device: GpuDevice, afterOpening: (output: Output) => void = () => undefined): Open =>
  async ({ workers = 1 }, output) => {
    if (workers > 1) {
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
    afterOpening(output);
    return executor;
  };

/** What computes, by device. */
const executors: Readonly<Record<Device, Open>> = {
  cpu: async ({ workers = availableParallelism(), inThisThread }) =>
    inThisThread ? onnxruntimeExecutor({ threads: workers }) : workerPoolExecutor({ workers }),
  webgpu: gpu("webgpu", (output) => {
    if (webgpuIsSoftware())
      output.warn("This machine has no GPU: WebGPU computes on the processor, slower than --device cpu.");
  }),
  cuda: gpu("cuda"),
};

/**
 * The executor for `--device` and `--workers`, known to work.
 *
 * @throws GraphError IL404 where the device is missing, UsageError for workers on a GPU
 */
export const openExecutor = (
  { device = "cpu", workers, inThisThread = false }: Partial<Asked> & { readonly device?: Device },
  output: Output,
): Promise<Executor> => executors[device]({ workers, inThisThread }, output);
