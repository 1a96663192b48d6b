/** The baseline of the catalogue that is trained. */
import { jointTraining } from "../learners/baselines/baselines.js";
import { both, entry, inGatheredSteps, innerOptimizerOf, stepOptions } from "./learner-entry.js";

/** @internal */
export const trainedBaselines = {
  joint: entry({
    family: "baseline",
    summary: "joint pre-training: one model trained on all tasks at once, then fine-tuned",
    source: "the baseline of Finn, Abbeel & Levine 2017",
    kinds: [...both, "policy"],
    variableWays: false,
    takesSteps: true,
    options: stepOptions,
    fineTunes: true,
    build: ({ kind, networks, loss, ...setting }, { steps, ...options }) =>
      jointTraining({
        ...{ model: networks.model(), loss, inner: innerOptimizerOf(options) },
        // A policy that is trained on all tasks acts as it is.
        steps: kind === "policy" ? 0 : steps,
        ...inGatheredSteps(setting),
      }),
  }),
};
