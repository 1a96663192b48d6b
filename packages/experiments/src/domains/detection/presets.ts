/** Presets of few-shot detection. */
import type { Preset } from "../domain.js";

/** Presets of made scenes, in the order in which help lists them. */
export const detectionPresets = {
  scenes: {
    summary: "find and name three new characters in scenes, from one scene of them; needs no download",
    protocol:
      "Scenes of 112 x 112 made of hanzi, 20 to 36 pixels high or wide, by address; a task is three classes and three further ones that distractors are of. 700 characters are for training, 100 for validation and 200 for evaluation",
    config: {
      domain: { data: "hanzi", ways: 3, shots: 1, validationClasses: 100, testClasses: 200 },
      learner: { name: "prototype-detector" },
      network: { name: "detector" },
      training: {
        metaBatch: 4,
        outerRate: 2e-3,
        schedule: "cosine",
        iterations: 2500,
        checkpointEvery: 100,
        validateEvery: 250,
        validationTasks: 100,
        bestBy: "ap50",
      },
      evaluation: { evalTasks: 200 },
    },
    learners: {
      "two-stage": { learner: { steps: 10, innerRate: 0.1 }, evaluation: { evalSteps: [0, 5, 10, 20] } },
    },
  },
} as const satisfies Readonly<Record<string, Preset>>;
