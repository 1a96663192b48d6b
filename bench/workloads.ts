import { type Executor, formatShape, leaves, type Tensor, type Tree } from "@innerloop/graph";
import {
  adam,
  convNet,
  crossEntropy,
  episodes,
  key,
  type Learner,
  labelledExamples,
  maml,
  meanMetaGradient,
  meanSquaredError,
  metaStep,
  mlp,
  random,
  sampleTasks,
  sgd,
  sinusoids,
  type TaskBatch,
  type TaskSource,
  taskKeys,
} from "innerloop";

/** A meta-step as the bench runs it: the same network, tasks and optimizer as the peer's. */
export interface Workload {
  readonly name: string;
  /** Name of the peer's workload. */
  readonly family: "sinusoid" | "omniglot";
  readonly steps: number;
  readonly metaBatchSize: number;
  /** Tasks that run at once; the rest runs beside them in other workers. */
  readonly chunkSize: number;
  readonly learner: Learner;
  readonly tasks: TaskSource;
}

/** Images of noise: speed does not depend on what is drawn. */
function noiseImages(): TaskSource {
  const draw = random(0, 1);
  const classes = Array.from({ length: 50 }, (_, c) => ({
    name: `class ${c}`,
    count: 4,
    examples: Uint8Array.from({ length: 4 * 784 }, () => draw.integer(256)),
  }));
  const data = labelledExamples({ name: "noise", exampleShape: [28, 28, 1], classes });
  return episodes(data, { ways: 5, shots: 1, queries: 1 });
}

export function workloads(parallelism: number): Workload[] {
  const images = noiseImages();
  const waves = sinusoids({ shots: 10 });
  return [1, 5].flatMap((steps): Workload[] => [
    {
      name: `sinusoid MLP 1-40-40-1, 25 tasks, K = 10, ${steps} step${steps > 1 ? "s" : ""}`,
      family: "sinusoid",
      steps,
      metaBatchSize: 25,
      chunkSize: 25,
      learner: maml({
        model: mlp({ sizes: [1, 40, 40, 1] }),
        loss: meanSquaredError,
        inner: sgd({ learningRate: 0.01 }),
        steps,
      }),
      tasks: waves,
    },
    {
      name: `Omniglot conv4-64, 5-way 1-shot, 32 tasks, ${steps} step${steps > 1 ? "s" : ""}`,
      family: "omniglot",
      steps,
      metaBatchSize: 32,
      chunkSize: Math.max(1, Math.min(8, 32 / parallelism)),
      learner: maml({
        model: convNet({ imageShape: [28, 28, 1], ways: 5, filters: 64 }),
        loss: crossEntropy,
        inner: sgd({ learningRate: 0.4 }),
        steps,
      }),
      tasks: images,
    },
  ]);
}

/** One full meta-step after another - sampling, gradient, Adam - with the time of each in milliseconds. */
export function ourLoop(workload: Workload, executor: Executor): (repeats: number) => Promise<number[]> {
  const { learner, metaBatchSize, chunkSize, tasks } = workload;
  const optimizer = adam({ learningRate: 1e-3 });
  const step = metaStep({ learner, optimizer, executor, metaBatchSize, chunkSize });
  let params = learner.init(key(0));
  let state = optimizer.init(params);
  let iteration = 0;
  const sampled = (): TaskBatch => ({
    tasks: sampleTasks(tasks, 1, iteration * metaBatchSize, metaBatchSize),
    keys: taskKeys(1, iteration * metaBatchSize, metaBatchSize),
  });
  let next = sampled();
  return async (repeats) => {
    const times: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      const running = step(params, state, next);
      iteration++;
      next = sampled();
      ({ params, optimizer: state } = await running);
      times.push(performance.now() - start);
    }
    return times;
  };
}

export interface SharedProblem {
  readonly params: Tree;
  readonly batch: TaskBatch;
  /** Parameters and tasks as the peer reads them: nested lists by name. */
  readonly forPeer: { readonly parameters: Record<string, unknown>; readonly tasks: unknown[] };
  readonly gradient: (params: Tree, batch: TaskBatch) => Tree;
}

/** The same numbers for both sides, so that they can be seen to compute the same gradient. */
export function sharedProblem(workload: Workload): SharedProblem {
  const { learner, tasks, family } = workload;
  const params = learner.init(key(3));
  const count = 2;
  const names = peerNames(family);
  const parameters = Object.fromEntries(leaves(params).map((leaf, i) => [names[i]!, nested(leaf)]));
  const peerTasks = Array.from({ length: count }, (_, i) => {
    const { support, query } = tasks.sample(2, i);
    return {
      supportX: nested(support.x),
      supportY: nested(support.y),
      queryX: nested(query.x),
      queryY: nested(query.y),
    };
  });
  return {
    params,
    batch: { tasks: sampleTasks(tasks, 2, 0, count), keys: taskKeys(2, 0, count) },
    forPeer: { parameters, tasks: peerTasks },
    gradient: (at, { tasks: all, keys }) => {
      const { loss, gradient } = meanMetaGradient(learner, at, all, keys);
      return { loss, gradient };
    },
  };
}

/** The peer's names of the parameters in the order of ours. */
export function peerNames(family: Workload["family"]): string[] {
  if (family === "sinusoid") return [0, 1, 2].flatMap((layer) => [`${layer}/weight`, `${layer}/bias`]);
  const block = (i: number): string[] => ["weight", "bias", "scale", "shift"].map((name) => `${i}/${name}`);
  return [...[0, 1, 2, 3].flatMap(block), "head/weight", "head/bias"];
}

function nested(x: Tensor): unknown {
  const values = Array.from(x.data as ArrayLike<number>);
  const build = (shape: readonly number[], start: number): unknown => {
    if (shape.length === 0) return values[start];
    const [n, ...rest] = shape as [number, ...number[]];
    const size = rest.reduce((a, b) => a * b, 1);
    return Array.from({ length: n }, (_, i) => build(rest, start + i * size));
  };
  if (values.length !== x.size) throw new Error(`${formatShape(x.shape)} has ${values.length} values`);
  return build(x.shape, 0);
}
