import type { PartialConfig } from "../../config/index.js";
import type { Preset } from "../domain.js";
import { metric, onFewClasses, onImages, prototypicalOnOmniglot, reptileOnImages } from "./learner-settings.js";

const omniglotProtocol =
  "Omniglot at 28 x 28, ink 1. Of the 1,623 characters, shuffled by a fixed seed, 1,100 are for training, 100 for validation and 423 for " +
  "evaluation, as in Finn et al. 2017. Rotations by 90 degrees make new classes for training only; held-out characters are not turned";

/** Fully connected networks on images. */
const deep: PartialConfig = { network: { hidden: [256, 128, 64, 64], init: "small" } };

function omniglot(ways: number, shots: number): Preset {
  const few = ways <= 5;
  return {
    summary: `Omniglot, ${ways}-way ${shots}-shot, 4 convolutions of 64 (Finn et al. 2017)`,
    protocol: `${omniglotProtocol}. Batch normalisation of learners that adapt by steps is transductive, as published. Fewer iterations than published, with a cosine schedule`,
    config: {
      domain: {
        data: "omniglot",
        ways,
        shots,
        split: { name: "classes", validationClasses: 100, testClasses: 423, rotations: "yes" },
      },
      learner: { innerRate: few ? 0.4 : 0.1, steps: few ? 1 : 5 },
      training: {
        metaBatch: few ? 32 : 16,
        outerRate: 1e-3,
        schedule: "cosine",
        iterations: few ? 10_000 : 5_000,
        checkpointEvery: 100,
        validateEvery: 500,
      },
      evaluation: { evalSteps: few ? [0, 1, 5, 10] : [0, 5, 10] },
    },
    learners: {
      ...onImages,
      // The rates and steps that the papers have for Omniglot are those of the preset.
      anil: {},
      reptile: {
        ...reptileOnImages,
        domain: { trainShots: Math.max(10, shots) },
        training: { ...reptileOnImages.training, iterations: 20_000 },
      },
      prototypical: prototypicalOnOmniglot,
      ridge: { ...prototypicalOnOmniglot, training: { ...prototypicalOnOmniglot.training, outerRate: 3e-3 } },
      matching: { ...prototypicalOnOmniglot, learner: { temperature: "learned" } },
      ...(few ? {} : { relation: metric }),
    },
    networks: { mlp: { ...deep, training: { iterations: 20_000 } } },
  };
}

/** Presets of data sets of classes, in the order in which help lists them. */
export const classificationPresets = {
  mnist: {
    summary: "MNIST digits under shuffled labels, 10-way 5-shot, MLP 784-256-10 or --model linear",
    protocol:
      "A task is the ten digits under labels in random order, so that what is learned is to read digits and not their names. 80% of each " +
      "digit's images are for training, 5% for validation and the last 15%, which hold the official test images, for evaluation. A linear model has next to nothing to share between such tasks",
    config: {
      domain: { data: "mnist", split: { name: "examples" }, ways: 10, shots: 5, queries: 5 },
      learner: { innerRate: 0.1, steps: 5 },
      network: { name: "mlp", hidden: [256], batchNorm: "none" },
      training: { metaBatch: 8, outerRate: 1e-3, schedule: "cosine", iterations: 3000 },
      evaluation: { evalSteps: [0, 1, 5, 10] },
    },
    learners: { reptile: reptileOnImages },
    networks: {
      conv: { learner: { innerRate: 0.4, steps: 1 }, network: { batchNorm: "transductive", filters: 32 } },
      linear: { learner: { innerRate: 0.5 } },
    },
  },
  "omniglot-5way-1shot": omniglot(5, 1),
  "omniglot-5way-5shot": omniglot(5, 5),
  "omniglot-20way-1shot": omniglot(20, 1),
  "omniglot-20way-5shot": omniglot(20, 5),
  hanzi: {
    summary: "handwritten Chinese characters, 5-way 1-shot; needs no download, and is what `npm start` runs",
    protocol:
      "1,000 characters drawn from stroke data, 20 hands each, at 28 x 28: 700 are for training, 100 for validation and 200 for evaluation",
    config: {
      domain: {
        data: "hanzi",
        ways: 5,
        shots: 1,
        queries: 3,
        split: { name: "classes", validationClasses: 100, testClasses: 200 },
      },
      learner: { innerRate: 0.4, steps: 1 },
      network: { filters: 32 },
      training: { metaBatch: 16, outerRate: 2e-3, schedule: "cosine", iterations: 3000, checkpointEvery: 100 },
    },
    learners: {
      ...onImages,
      reptile: { ...reptileOnImages, training: { ...reptileOnImages.training, iterations: 10_000 } },
    },
    networks: { mlp: deep },
  },
  "grocery-store": {
    summary: "natural photos of fruit, vegetables and cartons, 5-way 1-shot; data import first (Klasson et al. 2019)",
    protocol:
      "Of the 81 classes, in the order of the data set, the first 51 are for training, the next 10 for validation and the last 20 for evaluation. " +
      "Photos of 42 x 42, mirrored and varied in light for training; four convolutions of 32 with pooling",
    config: {
      domain: {
        data: "grocery-store",
        split: { name: "classes", classOrder: "listed", validationClasses: 10, testClasses: 20 },
        channels: "3",
        imageSize: 42,
        augment: "photo",
        ways: 5,
        shots: 1,
        queries: 5,
      },
      learner: { innerRate: 0.05, steps: 5 },
      network: { filters: 32, downsampling: "pool" },
      training: {
        metaBatch: 4,
        outerRate: 1e-3,
        schedule: "cosine",
        clip: 10,
        iterations: 2000,
        checkpointEvery: 100,
        validateEvery: 100,
      },
      evaluation: { evalSteps: [0, 5, 10] },
    },
    learners: {
      ...onImages,
      "semi-supervised": { ...metric, domain: { ...metric.domain, augment: "none" } },
      cavia: { ...onImages.cavia, learner: { ...onImages.cavia!.learner, contextSize: 100 } },
    },
  },
  images: {
    summary: "your own images: --data DIR with one folder of images per class, 5-way 1-shot",
    protocol: "A tenth of the classes are for validation and a fifth for evaluation, after a shuffle by a fixed seed",
    config: {
      domain: { ways: 5, shots: 1, queries: 3 },
      learner: { innerRate: 0.4, steps: 1 },
      network: { filters: 32 },
      training: { metaBatch: 16, outerRate: 1e-3, schedule: "cosine", iterations: 2000, checkpointEvery: 100 },
    },
    learners: onFewClasses,
  },
} as const satisfies Readonly<Record<string, Preset>>;
