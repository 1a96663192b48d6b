import type { Layer } from "../layers/layer.js";
import type { ContextLayer } from "../learners/gradient/cavia.js";

/** One network in the forms that learners take, each made when it is asked for. */
export interface Networks {
  /** The whole network: [n, ...inputShape] -> [n, outputs]. */
  model(): Layer;
  /** The same with a normalisation of its own for each of so many inner steps, where it has any. */
  perStepModel(steps: number): Layer;
  /** The network without its head: [n, ...inputShape] -> [n, features]. */
  embedding(): Layer;
  /** An embedding that keeps images: [n, height, width, channels]; the embedding itself where inputs are none. */
  maps(): Layer;
  /** The network with a context vector of so many numbers as a further input. */
  contextual(contextSize: number): ContextLayer;
}

/** Shapes that a network is made for. */
export interface NetworkSetting {
  /** Shape of one input. */
  readonly inputShape: readonly number[];
  /** Classes of a task, at most; for regression the numbers of one target. */
  readonly outputs: number;
}
