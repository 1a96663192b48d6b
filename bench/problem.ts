import {
  adam,
  convEmbedding,
  convNet,
  crossEntropy,
  episodes,
  key,
  type Learner,
  labelledExamples,
  maml,
  meanSquaredError,
  mlp,
  prototypicalNetwork,
  random,
  sgd,
  sinusoids,
  type TaskSource,
} from "@innerloop/core";
import { metaStep, planTraining, type TaskBatch, taskBatch } from "@innerloop/core/training";
import type { Executor, Tree } from "@innerloop/graph";

/** A meta-step as plain data: what we and every peer build the same program from. Peers read it as JSON. */
export interface Problem {
  readonly model: "mlp" | "conv";
  /** mlp: units of each layer. */
  readonly sizes?: readonly number[];
  /** conv: [height, width, channels], and the network of innerloop's `convNet`. */
  readonly imageShape?: readonly [number, number, number];
  readonly filters?: number;
  readonly downsampling?: "stride" | "pool";
  readonly learner: "maml" | "prototypical";
  /** 1 for regression. */
  readonly ways: number;
  /** Support and query examples of each class. */
  readonly shots: number;
  readonly queries: number;
  /** Tasks of a meta-step. */
  readonly tasks: number;
  /** Inner steps; 0 for prototypical networks. */
  readonly steps: number;
  readonly order: 1 | 2;
  readonly adapts: "all" | "head";
  readonly innerLearningRate: number;
}

export function learnerOf(problem: Problem): Learner {
  const { ways, steps, order, adapts, innerLearningRate } = problem;
  const inner = sgd({ learningRate: innerLearningRate });
  if (problem.model === "mlp") {
    const model = mlp({ sizes: problem.sizes! });
    return maml({ model, loss: meanSquaredError, inner, steps, order, adapts });
  }
  const { imageShape, filters, downsampling } = problem as Required<Problem>;
  const network = { imageShape, filters, downsampling };
  if (problem.learner === "prototypical")
    return prototypicalNetwork({ model: convEmbedding(network), ways }) as Learner;
  return maml({ model: convNet({ ...network, ways }), loss: crossEntropy, inner, steps, order, adapts });
}

/** Sine waves, or images of noise: speed does not depend on what is drawn. */
export function tasksOf({ model, imageShape, ways, shots, queries }: Problem): TaskSource {
  if (model === "mlp") return sinusoids({ shots, queries });
  const draw = random(0, 1);
  const size = imageShape!.reduce((a, b) => a * b, 1);
  const count = shots + queries;
  const classes = Array.from({ length: Math.max(20, ways) }, (_, c) => ({
    name: `class ${c}`,
    count,
    examples: Uint8Array.from({ length: count * size }, () => draw.integer(256)),
  }));
  return episodes(labelledExamples({ name: "noise", exampleShape: imageShape!, classes }), { ways, shots, queries });
}

/** A problem made ready to run with us, as `train` would: its chunk size, and a loop of whole meta-steps. */
export interface OurLoop {
  readonly chunkSize: number;
  /** Cost of the meta-gradient of one chunk, by the estimate of its graph. */
  readonly chunk: { readonly operations: number; readonly matmulOperations: number };
  /** What training says beforehand that the process will take. */
  readonly expectedBytes: number | undefined;
  /** One full meta-step after another - sampling, meta-gradient, Adam - with the time of each in milliseconds. */
  run(repeats: number): Promise<number[]>;
}

/** @param chunkSize tasks that run at once; what training would choose unless given */
export async function ourLoop(problem: Problem, executor: Executor, chunkSize?: number): Promise<OurLoop> {
  const [learner, tasks] = [learnerOf(problem), tasksOf(problem)];
  const optimizer = adam({ learningRate: 1e-3 });
  const metaBatchSize = problem.tasks;
  let params: Tree = learner.init(key(0));
  let state = optimizer.init(params);
  let iteration = 0;
  const sampled = (): TaskBatch => taskBatch(tasks, 1, iteration, metaBatchSize);
  let next = sampled();
  const setting = { learner, optimizer, executor, metaBatchSize };
  const plan = await planTraining({ ...setting, params, state, batch: next, chunkSize });
  const step = metaStep({ ...setting, chunkSize: plan.chunkSize, recompute: plan.recompute });
  const run = async (repeats: number): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      const running = step(params, state, next);
      iteration++;
      await new Promise(setImmediate);
      next = sampled();
      ({ params, optimizer: state } = await running);
      times.push(performance.now() - start);
    }
    return times;
  };
  return { chunkSize: plan.chunkSize, chunk: plan.estimate, expectedBytes: plan.expectedBytes, run };
}
