import {
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  loweringProfiles,
  readNativeModel,
} from "@innerloop/graph";
import { userModelCache } from "../../cache/model-cache.js";
import { onnxruntimeExecutor } from "../onnxruntime-executor.js";
import { processMemory } from "../process-memory.js";
import { compiledProgram, openNativeSession } from "./native-programs.js";
import { type NativeSetting, nativeRunBytes, nativeWriter } from "./native-writer.js";

declareLibraryModule(import.meta.url);

/** Options of `nativeExecutor`. */
export interface NativeExecutorOptions {
  readonly native: NativeSetting;
  /** Threads that share each run; 1 unless given. */
  readonly threads?: number;
}

/**
 * Runs graphs as programs of C, which the machine's compiler has compiled for its processor, beside this thread, which stays
 * free meanwhile. ONNX models run on onnxruntime.
 */
export function nativeExecutor({ native, threads = 1 }: NativeExecutorOptions): Executor {
  const sessions = new Set<ExecutorSession>();
  const onnxruntime = onnxruntimeExecutor({ threads });
  let closed = false;
  return {
    name: "native",
    profile: loweringProfiles.cpu,
    writer: nativeWriter(native),
    parallelism: 1,
    runBytes: nativeRunBytes,
    models: userModelCache(),
    memory: processMemory({ places: 1, threads: false }),
    async load(model, inputs, outputs, hints) {
      if (closed) throw closedError("load");
      const program = readNativeModel(model);
      if (!program) return onnxruntime.load(model, inputs, outputs, hints);
      const file = await compiledProgram(program, native.compiler);
      if (closed) throw closedError("load");
      const session = openNativeSession(file, program, inputs, outputs, {
        threads,
        aside: true,
        onClose: () => sessions.delete(session),
      });
      sessions.add(session);
      return session;
    },
    async close() {
      closed = true;
      await Promise.all([...[...sessions].map((session) => session.close()), onnxruntime.close()]);
    },
  };
}
