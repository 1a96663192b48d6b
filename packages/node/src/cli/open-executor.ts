/** What computes for a command. */
import { availableParallelism } from "node:os";
import { type Engine, UsageError } from "@innerloop/experiments";
import { declareLibraryModule, type Executor } from "@innerloop/graph";
import { type Device, type GpuDevice, webgpuIsSoftware } from "../executor/device.js";
import { compilerCommands, findCompiler, noCompiler } from "../executor/native/c-compiler.js";
import { nativeExecutor } from "../executor/native/native-executor.js";
import type { NativeSetting } from "../executor/native/native-writer.js";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { workerPoolExecutor } from "../executor/worker-pool-executor.js";
import type { Output } from "./output.js";

// Errors name the user's own lines, and a command has none.
declareLibraryModule(import.meta.url);

/** For a command of a few runs: computes in this thread, since starting a worker takes longer than they do. */
export const fewRuns = { inThisThread: true } as const;

interface Asked {
  readonly engine: Engine;
  /** What was asked for. */
  readonly workers: number | undefined;
  readonly inThisThread: boolean;
}

/** The executor of a device, ready to work. @throws GraphError IL404 where the device is missing, UsageError */
type Open = (asked: Asked, output: Output) => Promise<Executor>;

const gpu =
  (device: GpuDevice, afterOpening: (output: Output) => void = () => undefined): Open =>
  async ({ engine, workers = 1 }, output) => {
    if (engine === "native")
      throw new UsageError("--engine native is for --device cpu", "Leave it out: the device says what runs programs");
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

/** The compiler, and what becomes of programs that it does not compile. @throws GraphError IL404 where `native` has none */
async function nativeSetting(engine: Engine, output: Output): Promise<NativeSetting | undefined> {
  const compiler = await findCompiler();
  if (compiler && engine === "native") return { compiler };
  if (compiler) return { compiler, onFailure: (problem) => output.warn(`  ${problem}: onnxruntime runs it instead.`) };
  if (engine === "native") throw noCompiler();
  output.say(
    `  No C compiler (${compilerCommands().join(", ")}): onnxruntime computes; with gcc or clang, training takes about half of the time.`,
  );
  return undefined;
}

/** What computes, by device. */
const executors: Readonly<Record<Device, Open>> = {
  cpu: async ({ engine, workers = availableParallelism(), inThisThread }, output) => {
    const native = engine === "onnxruntime" ? undefined : await nativeSetting(engine, output);
    if (!inThisThread) return workerPoolExecutor({ workers, native });
    return native ? nativeExecutor({ native, threads: workers }) : onnxruntimeExecutor({ threads: workers });
  },
  webgpu: gpu("webgpu", (output) => {
    if (webgpuIsSoftware())
      output.warn("This machine has no GPU: WebGPU computes on the processor, slower than --device cpu.");
  }),
  cuda: gpu("cuda"),
};

/**
 * The executor for `--device`, `--engine` and `--workers`, known to work.
 *
 * @throws GraphError IL404 where the device is missing, UsageError for workers on a GPU
 */
export const openExecutor = (
  {
    device = "cpu",
    engine = "onnxruntime",
    workers,
    inThisThread = false,
  }: Partial<Asked> & { readonly device?: Device },
  output: Output,
): Promise<Executor> => executors[device]({ engine, workers, inThisThread }, output);
