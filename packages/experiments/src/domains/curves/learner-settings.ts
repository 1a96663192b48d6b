/** What learners want on curves, where the values of a preset are MAML's. */
import type { PartialConfig } from "../../config/index.js";

export const onCurves: Readonly<Record<string, PartialConfig>> = {
  reptile: {
    learner: { innerRate: 0.02, steps: 5 },
    training: {
      metaBatch: 5,
      outerOptimizer: "sgd",
      outerRate: 0.5,
      schedule: "linear",
      // Rarely the inner steps overshoot on a curve, and theta - theta_K would carry the parameters off.
      clip: 3,
    },
    evaluation: { evalSteps: [0, 1, 5, 10, 32] },
  },
  anil: { learner: { steps: 5, innerRate: 0.02 } },
  "maml++": { learner: { steps: 5 }, training: { clip: 10 } },
  "learned-sgd": { learner: { steps: 5 }, training: { clip: 10 } },
  "lstm-optimizer": { learner: { steps: 5 }, network: { init: "glorot" }, training: { metaBatch: 4 } },
  cavia: { learner: { innerRate: 1 } },
  // Nothing in an implicit gradient keeps the inner steps from overshooting: short ones, and an outer rate that ends at 0.
  imaml: {
    learner: { steps: 20, innerRate: 0.003, proximal: 5 },
    training: { clip: 1, schedule: "cosine", iterations: 3000 },
    evaluation: { evalSteps: [0, 1, 5, 10, 20] },
  },
  gates: { learner: { steps: 5, innerRate: 1 }, network: { init: "glorot" } },
  widths: { learner: { steps: 5, innerRate: 0.05 }, network: { init: "glorot" } },
  ridge: { network: { init: "glorot" } },
  cnp: { learner: { units: 128 } },
  anp: { learner: { units: 128 } },
  mann: { training: { outerRate: 2e-3, clip: 10 } },
  snail: { training: { clip: 10 } },
};
