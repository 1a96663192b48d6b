import {
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  type GraphWriter,
  loweringProfiles,
  readNativeModel,
  writeNativeModel,
} from "@innerloop/graph";
import { userModelCache } from "../../cache/model-cache.js";
import { onnxruntimeExecutor } from "../onnxruntime-executor.js";
import { processMemory } from "../process-memory.js";
import type { CCompiler } from "./c-compiler.js";
import { compiledProgram, openNativeSession } from "./native-programs.js";

declareLibraryModule(import.meta.url);

/** What writes graphs as programs of C for a compiler. */
export function nativeWriter(compiler: CCompiler, { instead }: { readonly instead?: (failure: unknown) => boolean } = {}): GraphWriter {
  return {
    key: `native ${JSON.stringify(compiler.target)}`,
    write: (graph) => writeNativeModel(graph, compiler.target),
    insteadOnnx: instead ?? (() => false),
  };
}

/**
 * Runs graphs in this thread as programs of C, which the machine's compiler has compiled for its processor. A run blocks
 * the thread while it computes. ONNX models run on onnxruntime.
 */
export function nativeExecutor(compiler: CCompiler, { threads = 1 }: { readonly threads?: number } = {}): Executor {
  const sessions = new Set<ExecutorSession>();
  const onnxruntime = onnxruntimeExecutor({ threads });
  let closed = false;
  return {
    name: "native",
    profile: loweringProfiles.cpu,
    writer: nativeWriter(compiler),
    parallelism: 1,
    models: userModelCache(),
    memory: processMemory({ places: 1, threads: false }),
    async load(model, inputs, outputs, hints) {
      if (closed) throw closedError("load");
      const program = readNativeModel(model);
      if (!program) return onnxruntime.load(model, inputs, outputs, hints);
      const file = await compiledProgram(program, compiler);
      if (closed) throw closedError("load");
      const session = openNativeSession(file, program, inputs, outputs, () => sessions.delete(session));
      sessions.add(session);
      return session;
    },
    async close() {
      closed = true;
      await Promise.all([...[...sessions].map((session) => session.close()), onnxruntime.close()]);
    },
  };
}
