/** The programs of an exported learner as one module of WebAssembly, in which sizes are static. */
import type { ExportedPrograms } from "@innerloop/core/training";
import { type WasmSources, wasmSources } from "@innerloop/graph";

/** Support sets of up to a fifth of the most are computed at that size. */
const fewer = 5;
/** Inputs that are predicted for at once: one, or so many. */
const atOnce = 16;

/** Sizes, the smallest first, none twice. */
const sizes = (...all: readonly number[]): readonly number[] => [...new Set(all)];

/**
 * C for adapting and predicting. Support sets are padded up to a fifth of the most, or to the most; inputs are predicted for
 * one by one, or by sixteens; steps are a loop over a program of one.
 *
 * @param queries how many inputs are predicted for together, where that is fixed
 */
export function wasmSourcesOfExport(
  { models, functions, support }: Pick<ExportedPrograms, "models" | "functions" | "support">,
  queries: number | undefined,
): WasmSources {
  const written = {
    support: sizes(Math.ceil(support / fewer), support),
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
