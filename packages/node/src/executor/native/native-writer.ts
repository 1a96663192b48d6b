/** Graphs as programs of C, as executors take them. */
import { type GraphWriter, writeNativeModel } from "@innerloop/graph";
import type { CCompiler } from "./c-compiler.js";

/** The way from graphs to machine code. */
export interface NativeSetting {
  readonly compiler: CCompiler;
  /** Is told of programs that are not compiled, which onnxruntime then runs; where it is not given, that is an error. */
  readonly onFailure?: ((problem: string) => void) | undefined;
}

/** Bytes of arrays that one run had best take: what a core's second cache holds, with a margin for what is read once. */
export const nativeRunBytes = 16 * 2 ** 20;

/** What writes graphs as programs of C for a compiler. */
export const nativeWriter = ({ compiler: { target, version }, onFailure }: NativeSetting): GraphWriter => ({
  key: `native ${JSON.stringify(target)}`,
  compiler: version,
  write: (graph) => {
    const { bytes, estimate } = writeNativeModel(graph, target);
    return { bytes, estimate };
  },
  insteadOnnx: (failure) => {
    if (!onFailure) return false;
    onFailure(failure instanceof Error ? failure.message : String(failure));
    return true;
  },
});
