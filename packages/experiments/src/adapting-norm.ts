/** Batch normalisation of a trained model where it is put to use. */
import type { ExperimentConfig, Flags } from "./config/index.js";

/**
 * A model that was trained with transductive normalisation answers with the statistics of the support set, unless asked
 * otherwise: a prediction should not depend on which other inputs it is asked with.
 *
 * @internal
 */
export function normOf(config: ExperimentConfig, flags: Flags): Flags {
  const { batchNorm } = config.network as { readonly batchNorm?: string };
  if (batchNorm === undefined) return {};
  return { batchNorm: flags.batchNorm ?? (batchNorm === "transductive" ? "support" : batchNorm) };
}
