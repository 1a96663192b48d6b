/** Presets of detection in given pictures. */
import type { Preset } from "../domain.js";

/** Presets of marked pictures, in the order in which help lists them. */
export const photoPresets = {
  photos: {
    summary: "find objects in your own photos, from five marked ones, by the cells of a frozen encoder",
    protocol:
      "Marked pictures, letterboxed and seen by a frozen encoder of ImageNet; a task is five support pictures, more until every class is there, and all pictures of the test part. What is trained is a temperature and how much box edges are smoothed",
    config: {
      domain: { shots: 5 },
      learner: { name: "cell-prototypes" },
      network: { name: "cells" },
      training: {
        metaBatch: 1,
        outerRate: 0.05,
        schedule: "cosine",
        iterations: 20,
        checkpointEvery: 10,
        validateEvery: 10,
        validationTasks: 5,
        bestBy: "ap50",
      },
      evaluation: { evalTasks: 5 },
    },
  },
} as const satisfies Readonly<Record<string, Preset>>;
