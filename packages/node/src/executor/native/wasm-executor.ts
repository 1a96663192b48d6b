import {
  checkFeeds,
  closedError,
  declareLibraryModule,
  type Executor,
  type ExecutorSession,
  GraphError,
  loweringProfiles,
  openWasmModule,
  readNativeModel,
  wasmSourcesOf,
  wasmTarget,
  writeNativeModel,
} from "@innerloop/graph";
import { compileWasm, type WasmCompiler } from "./wasm-compiler.js";

declareLibraryModule(import.meta.url);

/**
 * Runs graphs in this thread as modules of WebAssembly, which clang makes of the same C as native programs. A run blocks the
 * thread while it computes. It is slower than native programs, and computes what exported modules do.
 *
 * @example const executor = wasmExecutor({ compiler: (await findWasmCompiler())! });
 */
export function wasmExecutor({ compiler }: { readonly compiler: WasmCompiler }): Executor {
  const sessions = new Set<ExecutorSession>();
  let closed = false;
  return {
    name: "wasm",
    profile: loweringProfiles.cpu,
    writer: {
      key: `wasm ${JSON.stringify(wasmTarget)}`,
      write: (graph) => writeNativeModel(graph, wasmTarget),
      insteadOnnx: () => false,
    },
    parallelism: 1,
    async load(model, inputs, outputs) {
      if (closed) throw closedError("load");
      const program = readNativeModel(model);
      if (!program)
        throw new GraphError("IL403", "load", "it is no program in C", "Run ONNX models on onnxruntimeExecutor");
      const bytes = await compileWasm(compiler, wasmSourcesOf(program, inputs, outputs));
      let run = (await openWasmModule(bytes)).functions.run;
      if (closed) throw closedError("load");
      const session: ExecutorSession = {
        async run(feeds) {
          if (!run) throw closedError("run");
          checkFeeds(feeds, inputs);
          const given = feeds.map((data, i) => [`input${i}`, { ...inputs[i]!, data }] as const);
          const found = await run.run(Object.fromEntries(given));
          return outputs.map((_, i) => found[`output${i}`]!.data);
        },
        async close() {
          run = undefined;
          sessions.delete(session);
        },
      };
      sessions.add(session);
      return session;
    },
    async close() {
      closed = true;
      await Promise.all([...sessions].map((session) => session.close()));
    },
  };
}
