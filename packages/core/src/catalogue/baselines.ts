/** The baseline of the catalogue that is trained. */
import { jointTraining } from "../learners/baselines/baselines.js";
import { both, entry, innerOptimizerOf, stepOptions } from "./learner-entry.js";

/** @internal */
export const trainedBaselines = {
  joint: entry({
    family: "baseline",
    summary: "joint pre-training: one model trained on all tasks at once, then fine-tuned",
    source: "the baseline of Finn, Abbeel & Levine 2017",
    kinds: both,
    variableWays: false,
    takesSteps: true,
    options: stepOptions,
    fineTunes: true,
    build: ({ networks, loss }, { steps, ...options }) =>
      jointTraining({ model: networks.model(), loss, inner: innerOptimizerOf(options), steps }),
  }),
};
