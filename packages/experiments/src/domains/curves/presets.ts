import type { Preset } from "../domain.js";
import { onCurves } from "./learner-settings.js";

/** Presets of curves. */
export const curvePresets = {
  sinusoid: {
    summary: "regression of sine curves from 10 points, MLP 1-40-40-1 (Finn et al. 2017)",
    protocol:
      "y = A sin(x - phi), A from U[0.1, 5], phi from U[0, pi], x from U[-5, 5]; 10 support and 10 query points",
    config: {
      domain: { data: "sinusoid", shots: 10 },
      learner: { innerRate: 0.01, steps: 1 },
      network: { name: "mlp", hidden: [40, 40], init: "small", batchNorm: "none" },
      training: {
        metaBatch: 25,
        outerRate: 1e-3,
        iterations: 30_000,
        checkpointEvery: 1000,
        validateEvery: 2500,
        validationTasks: 200,
      },
      evaluation: { evalSteps: [0, 1, 5, 10] },
    },
    learners: onCurves,
  },
} as const satisfies Readonly<Record<string, Preset>>;
