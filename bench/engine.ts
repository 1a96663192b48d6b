/** The engines that ours is measured with: programs of the machine's C compiler, and onnxruntime. */
import { availableParallelism } from "node:os";
import type { Executor } from "@innerloop/graph";
import { type CCompiler, findCompiler, nativeExecutor, onnxruntimeExecutor, workerPoolExecutor } from "@innerloop/node";

export type Engine = "native" | "onnxruntime";

/** The compiler of native programs; undefined on onnxruntime. Throws where there is none. */
export async function compilerFor(engine: Engine): Promise<CCompiler | undefined> {
  if (engine === "onnxruntime") return undefined;
  const compiler = await findCompiler();
  if (!compiler) throw new Error("there is no C compiler for native programs: --engine onnxruntime");
  return compiler;
}

/** Workers of an engine, as training has them. */
export const pool = (compiler: CCompiler | undefined, workers = availableParallelism()): Executor =>
  workerPoolExecutor({ workers, native: compiler && { compiler } });

/** An engine beside the calling thread, with threads for all cores. */
export const inThread = (compiler: CCompiler | undefined): Executor => {
  const threads = availableParallelism();
  return compiler ? nativeExecutor({ native: { compiler }, threads }) : onnxruntimeExecutor({ threads });
};
