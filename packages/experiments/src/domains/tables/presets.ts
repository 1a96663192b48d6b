import type { Preset } from "../domain.js";

/** Presets of tables. */
export const tablePresets = {
  table: {
    summary: "regression from your own table: --data FILE.csv --group-column COLUMN --target COLUMN, MLP of 64-64",
    protocol:
      "The rows of each group are a task. A tenth of the groups are for validation and a fifth for evaluation, by their names; columns have mean 0 and deviation 1 over the training groups, unless --scale none is given",
    config: {
      domain: { shots: 5, queries: 5 },
      learner: { innerRate: 0.02, steps: 5 },
      network: { name: "mlp", hidden: [64, 64], init: "small", batchNorm: "none" },
      // Groups that are far from the others would else have large gradients.
      training: { metaBatch: 16, outerRate: 1e-3, schedule: "cosine", clip: 1, iterations: 3000 },
      evaluation: { evalSteps: [0, 1, 5, 10] },
    },
    learners: {
      reptile: {
        learner: { innerRate: 0.05 },
        network: { init: "glorot" },
        training: { metaBatch: 5, outerOptimizer: "sgd", outerRate: 0.5, schedule: "linear", clip: 3 },
      },
    },
  },
} as const satisfies Readonly<Record<string, Preset>>;
