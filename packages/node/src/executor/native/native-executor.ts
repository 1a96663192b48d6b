import {
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  loweringProfiles,
  readNativeModel,
} from "@innerloop/graph";
import { userModelCache } from "../../cache/model-cache.js";
import { isSmall } from "../model-size.js";
import { onnxruntimeExecutor } from "../onnxruntime-executor.js";
import { processMemory } from "../process-memory.js";
import { compiledProgram, openNativeSession } from "./native-programs.js";
import { type NativeSetting, nativeRunBytes, nativeWriter } from "./native-writer.js";
import { ResultArrays } from "./result-arrays.js";

declareLibraryModule(import.meta.url);

/** Options of `nativeExecutor`. */
export interface NativeExecutorOptions {
  readonly native: NativeSetting;
  /** Runs that are computed side by side, each by one thread; 1 unless given. */
  readonly places?: number;
  /** Threads that share a run of what runs alone; of every run where there is one place. As many as there are places unless given. */
  readonly threads?: number;
  /** Runs ONNX models; onnxruntime with as many threads unless given. It is closed with this executor. */
  readonly others?: Executor;
}

/**
 * Runs graphs as programs of C, which the machine's compiler has compiled for its processor, in threads that read and write the
 * arrays where they are: nothing is copied, and this thread stays free meanwhile. What runs alone and takes about a millisecond at
 * most is computed by one thread: this one, since to wake another and be woken takes as long, unless it has other work meanwhile.
 */
export function nativeExecutor(options: NativeExecutorOptions): Executor {
  const { native, places = 1, threads = places } = options;
  const { others = onnxruntimeExecutor({ threads }) } = options;
  const sessions = new Set<ExecutorSession>();
  const arrays = new ResultArrays();
  let closing: Promise<void> | undefined;
  return {
    name: "native",
    profile: loweringProfiles.cpu,
    writer: nativeWriter(native),
    parallelism: places,
    runBytes: nativeRunBytes,
    models: userModelCache(),
    memory: processMemory({ places, threads: false }),
    ...(others.lasting ? { lasting: others.lasting } : {}),
    async load(model, inputs, outputs, hints) {
      if (closing) throw closedError("load");
      const program = readNativeModel(model);
      if (!program) return others.load(model, inputs, outputs, hints);
      const { estimate, alone = false, meanwhile = false } = hints ?? {};
      const small = estimate !== undefined && isSmall(estimate);
      const shared = alone ? !small : places === 1;
      const file = await compiledProgram(program, native.compiler);
      if (closing) throw closedError("load");
      const session = openNativeSession(file, program, inputs, outputs, {
        places: alone ? 1 : places,
        threads: shared ? threads : 1,
        here: alone && small && !meanwhile,
        arrays,
        onClose: () => {
          sessions.delete(session);
          arrays.clear();
        },
      });
      sessions.add(session);
      return session;
    },
    recycle: (results) => arrays.recycle(results),
    close() {
      closing ??= Promise.all([...[...sessions].map((session) => session.close()), others.close()]).then(
        () => undefined,
      );
      return closing;
    },
  };
}
