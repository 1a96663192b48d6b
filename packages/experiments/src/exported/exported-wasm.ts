/** The programs of an exported learner as one module of WebAssembly, in which sizes are static. */
import type { ExportedPrograms } from "@innerloop/core/training";
import { type WasmSources, wasmSources } from "@innerloop/graph";
import { wasmFile } from "./exported-programs.js";
import { backboneFile } from "./input-encoder.js";

/** What of a folder with an encoder is not in its module. */
export const encoderNote = `${wasmFile} adapts and predicts; the encoder before it stays ${backboneFile}, which onnxruntime runs`;

/** Support sets of few examples are computed at the fewest, others at so many times as many, up to the most. */
const [fewest, times] = [5, 5];
/** Inputs that are predicted for at once: one, or so many. */
const atOnce = 16;

/** Sizes of support that programs are written for, the smallest first: 5, 20 and 100. */
function supportSizes(most: number): readonly number[] {
  const sizes = [most];
  for (let size = most; size > fewest; ) {
    size = Math.max(fewest, Math.ceil(size / times));
    sizes.unshift(size);
  }
  return sizes;
}

/**
 * C for adapting and predicting. Support sets are padded up to the next of a few sizes; inputs are predicted for one by one, or
 * by sixteens; steps are a loop over a program of one.
 *
 * @param queries how many inputs are predicted for together, where that is fixed
 */
export function wasmSourcesOfExport(
  { models, functions, support }: Pick<ExportedPrograms, "models" | "functions" | "support">,
  queries: number | undefined,
): WasmSources {
  const written = {
    support: supportSizes(support),
    queries: queries === undefined ? [1, atOnce] : [queries],
  };
  return wasmSources({
    adapt: { function: functions.adapt(), outputs: models.adapt.outputs, sizes: written },
    predict: {
      function: functions.predict(),
      outputs: models.predict.outputs,
      sizes: written,
      ...(queries === undefined ? { parts: "queries" } : {}),
    },
  });
}
