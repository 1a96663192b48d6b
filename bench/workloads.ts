import type { Problem } from "./problem.js";

/** A row of the goals: a problem, and what is asked of us there. */
export interface Workload {
  readonly key: string;
  readonly name: string;
  readonly problem: Problem;
  /** Whether resident memory is compared as well. */
  readonly memory?: boolean;
}

const sinusoid: Problem = {
  model: "mlp",
  sizes: [1, 40, 40, 1],
  learner: "maml",
  ways: 1,
  shots: 10,
  queries: 10,
  tasks: 25,
  steps: 1,
  order: 2,
  adapts: "all",
  innerLearningRate: 0.01,
};

export const omniglot: Problem = {
  model: "conv",
  imageShape: [28, 28, 1],
  filters: 64,
  downsampling: "stride",
  learner: "maml",
  ways: 5,
  shots: 1,
  queries: 1,
  tasks: 32,
  steps: 1,
  order: 2,
  adapts: "all",
  innerLearningRate: 0.4,
};

const miniImageNet: Problem = {
  ...omniglot,
  imageShape: [84, 84, 3],
  filters: 32,
  downsampling: "pool",
  queries: 15,
  tasks: 4,
  steps: 5,
  innerLearningRate: 0.01,
};

const prototypical: Problem = {
  ...omniglot,
  downsampling: "pool",
  learner: "prototypical",
  ways: 60,
  shots: 5,
  queries: 5,
  tasks: 1,
  steps: 0,
};

export const workloads: readonly Workload[] = [
  { key: "sinusoid-1", name: "Sinusoid, 1 step", problem: sinusoid },
  { key: "sinusoid-5", name: "Sinusoid, 5 steps", problem: { ...sinusoid, steps: 5 } },
  { key: "omniglot-1", name: "Omniglot, 1 step", problem: omniglot },
  { key: "omniglot-5", name: "Omniglot, 5 steps", problem: { ...omniglot, steps: 5 } },
  { key: "fomaml-1", name: "Omniglot, first order, 1 step", problem: { ...omniglot, order: 1 } },
  { key: "fomaml-5", name: "Omniglot, first order, 5 steps", problem: { ...omniglot, order: 1, steps: 5 } },
  { key: "anil-1", name: "Omniglot, ANIL, 1 step", problem: { ...omniglot, adapts: "head" } },
  { key: "anil-5", name: "Omniglot, ANIL, 5 steps", problem: { ...omniglot, adapts: "head", steps: 5 } },
  { key: "mini-imagenet-5", name: "mini-ImageNet, 5 steps", problem: miniImageNet, memory: true },
  { key: "prototypical", name: "Prototypical network, 60-way 5-shot", problem: prototypical },
];

/** What is the same in several rows is said once. */
export const protocols: readonly string[] = [
  "Sinusoid: MLP 1-40-40-1, 25 tasks, K = 10, second order.",
  "Omniglot: four 3 x 3 convolutions of 64 filters with stride 2, batch norm, relu, global mean, linear; 28 x 28 x 1, 5-way 1-shot, 1 query a class, 32 tasks; second order unless said.",
  "mini-ImageNet: four convolutions of 32 filters with batch norm, relu and 2 x 2 max pooling, linear; 84 x 84 x 3, 5-way 1-shot, 15 queries a class, 4 tasks, second order.",
  "Prototypical network: four convolutions of 64 filters with batch norm, relu and 2 x 2 max pooling; 28 x 28 x 1, 60-way 5-shot, 5 queries a class, one episode.",
];
