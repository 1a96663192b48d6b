import {
  checkFeeds,
  closedError,
  declareLibraryModule,
  type ExecutorSession,
  openWasmModule,
  type TensorType,
} from "@innerloop/graph";

declareLibraryModule(import.meta.url);

/**
 * A session of the module of one graph (`wasmSourcesOf`, `compileWasm`) in this thread, as executors have them.
 *
 * @throws GraphError IL403 for bytes that are no such module
 */
export async function openWasmSession(
  bytes: Uint8Array,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
): Promise<ExecutorSession> {
  const { functions } = await openWasmModule(bytes);
  let program = functions.run;
  return {
    async run(feeds) {
      if (!program) throw closedError("run");
      checkFeeds(feeds, inputs);
      const given = inputs.map((type, i) => [`input${i}`, { ...type, data: feeds[i]! }] as const);
      const found = await program.run(Object.fromEntries(given));
      return outputs.map((_, i) => found[`output${i}`]!.data);
    },
    async close() {
      program = undefined;
    },
  };
}
