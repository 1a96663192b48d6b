/** What learners want on images, where the values of a preset are MAML's. */
import type { PartialConfig } from "../../config/index.js";

/** Reptile's published setting for image classification (Nichol et al. 2018, table 5), 5 tasks an update. */
export const reptileOnImages: PartialConfig = {
  domain: { trainShots: 10 },
  learner: { innerOptimizer: "adam", innerRate: 1e-3, steps: 5 },
  training: { metaBatch: 5, outerOptimizer: "sgd", outerRate: 1, schedule: "linear" },
  evaluation: { evalSteps: [0, 5, 50] },
};

/** Learners that compare embeddings: an episode of 20 ways an update, batch normalisation by averages over training. */
export const metric: PartialConfig = {
  domain: { trainWays: 20, queries: 5 },
  network: { batchNorm: "running" },
  training: { metaBatch: 1 },
};

/** Heads with weights for each class, whose ways are those of evaluation. */
const averaged: PartialConfig = { network: { batchNorm: "running" } };

/** Networks that read the support set, whose ways are those of evaluation. */
const reading: PartialConfig = {
  domain: { queries: 5 },
  network: { batchNorm: "running" },
  training: { metaBatch: 8, outerRate: 1e-3, clip: 10 },
};

const readingAt = (outerRate: number): PartialConfig => ({ ...reading, training: { ...reading.training, outerRate } });

const steps = (
  learner: PartialConfig["learner"],
  evalSteps: readonly number[],
  training?: PartialConfig["training"],
): PartialConfig => ({ learner, evaluation: { evalSteps }, ...(training ? { training } : {}) }) as PartialConfig;

/**
 * Published settings where papers have one for few-shot images; those of networks that read the support set, of gates
 * and of widths are ours.
 */
export const onImages: Readonly<Record<string, PartialConfig>> = {
  reptile: reptileOnImages,
  anil: steps({ steps: 5, innerRate: 0.1 }, [0, 1, 5, 10]),
  "maml++": steps({ steps: 5, innerRate: 0.1 }, [0, 1, 5]),
  "learned-sgd": steps({ steps: 3, innerRate: 0.1 }, [0, 1, 3, 5]),
  imaml: steps({ steps: 16, innerRate: 0.1 }, [0, 16]),
  cavia: steps({ steps: 2, innerRate: 1, contextSize: 64 }, [0, 2, 5]),
  "lstm-optimizer": steps({ steps: 3, innerRate: 0.1 }, [0, 3], { metaBatch: 4 }),
  gates: steps({ steps: 5, innerRate: 0.5 }, [0, 5, 10]),
  widths: steps({ steps: 5, innerRate: 0.1 }, [0, 5, 10]),
  ridge: metric,
  logistic: metric,
  svm: metric,
  "ridge-prior": averaged,
  "logistic-prior": averaged,
  prototypical: metric,
  matching: { ...metric, learner: { temperature: "learned" } },
  "matching-fce": {
    domain: { ...metric.domain, trainWays: 5 },
    network: { batchNorm: "running" },
    learner: { temperature: "learned" },
    training: { metaBatch: 4 },
  },
  relation: { ...metric, domain: { ...metric.domain, trainWays: 10 } },
  siamese: metric,
  triplet: metric,
  "semi-supervised": metric,
  "simple-shot": { domain: { queries: 5 }, network: { batchNorm: "running" }, training: { metaBatch: 1 } },
  cnp: reading,
  anp: reading,
  transformer: readingAt(5e-4),
  snail: reading,
  mann: readingAt(2e-3),
  film: metric,
};

/** The same where there may be few classes: training tasks have the ways of evaluation. */
export const onFewClasses: Readonly<Record<string, PartialConfig>> = Object.fromEntries(
  Object.entries(onImages).map(([learner, config]) => {
    const { trainWays, ...domain } = (config.domain ?? {}) as { readonly trainWays?: unknown };
    if (trainWays === undefined) return [learner, config];
    return [learner, { ...config, domain, training: { ...config.training, metaBatch: 4 } }];
  }),
);

/**
 * Prototypical networks on Omniglot (Snell et al. 2017): 60-way episodes with 5 queries, blocks that pool, averages of
 * the statistics over training; a cosine schedule in place of halving the rate every 2,000 episodes.
 */
export const prototypicalOnOmniglot: PartialConfig = {
  domain: { trainWays: 60, queries: 5 },
  network: { downsampling: "pool", batchNorm: "running" },
  training: { metaBatch: 1, iterations: 5000, outerRate: 1e-3, schedule: "cosine" },
};
