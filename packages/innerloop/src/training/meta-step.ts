import { compile, type Executor, isFloat, mapTree, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { StatisticsByPath } from "../layers/layer.js";
import { withRunningStatistics } from "../layers/layers.js";
import { type Learner, type MetaGradient, meanMetaGradient } from "../learners/learner.js";
import type { Optimizer } from "../optimizers.js";
import type { Task } from "../tasks/task.js";
import { sliceRows, sliceTasks } from "./task-batch.js";

/** Tasks of one update, stacked, with a dropout key for each. */
export interface TaskBatch {
  readonly tasks: Task;
  /** int32 [tasks] */
  readonly keys: Tensor;
}

export interface MetaStepResult<Params extends Tree> {
  readonly params: Params;
  /** The outer optimizer's state. */
  readonly optimizer: Tree;
  /** Mean query loss of the tasks before this update of the meta-parameters. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * One outer update of a learner as a compiled function: the mean meta-gradient of a batch of tasks, then the optimizer.
 * `train` is a loop around it; use it for a loop of your own.
 *
 * Where all tasks run at once, meta-gradient and update are one graph; else the chunks' gradients are
 * added in the order of their tasks and a second graph updates.
 */
export function metaStep<Params extends Tree>(setting: {
  readonly learner: Learner<Params>;
  readonly optimizer: Optimizer;
  readonly executor: Executor;
  readonly metaBatchSize: number;
  /** Tasks that run at once; those of a batch by default. */
  readonly chunkSize?: number;
}): (params: Params, optimizer: Tree, batch: TaskBatch) => Promise<MetaStepResult<Params>> {
  const { learner, optimizer, executor, metaBatchSize, chunkSize = metaBatchSize } = setting;
  const gradientOf = (params: Params, tasks: Task, keys: Tensor): Tree =>
    meanMetaGradient(learner, params, tasks, keys) as unknown as Tree;
  const applied = (params: Params, state: Tree, gradient: Params, statistics: StatisticsByPath) => {
    const next = optimizer.update(gradient, state, params);
    return { params: withRunningStatistics(next.params, statistics, params), optimizer: next.state };
  };
  if (chunkSize >= metaBatchSize) {
    const whole = compile(
      (params: Params, state: Tree, tasks: Task, keys: Tensor) => {
        const { gradient, statistics, loss, metrics } = meanMetaGradient(learner, params, tasks, keys);
        return { ...applied(params, state, gradient, statistics ?? {}), loss, metrics };
      },
      { executor },
    );
    return async (params, state, { tasks, keys }) => {
      const result = await whole(params, state, tasks, keys);
      return { ...result, loss: numberOf(result.loss), metrics: numbersOf(result.metrics) };
    };
  }
  const gradientProgram = compile(gradientOf, { executor });
  const updateProgram = compile(applied, { executor });
  return async (params, state, { tasks, keys }) => {
    const starts = Array.from({ length: Math.ceil(metaBatchSize / chunkSize) }, (_, i) => i * chunkSize);
    const results = await Promise.all(
      starts.map((start) => {
        const stop = Math.min(start + chunkSize, metaBatchSize);
        return gradientProgram(params, sliceTasks(tasks, start, stop), sliceRows(keys, start, stop));
      }),
    );
    const weights = starts.map((start) => Math.min(chunkSize, metaBatchSize - start) / metaBatchSize);
    const total = weightedSum(results, weights) as unknown as MetaGradient<Params>;
    const next = await updateProgram(params, state, total.gradient, total.statistics ?? {});
    return { ...next, loss: numberOf(total.loss), metrics: numbersOf(total.metrics) };
  };
}

function weightedSum(trees: readonly Tree[], weights: readonly number[]): Tree {
  return mapTree(
    (first, ...others) => {
      // Integer parameters have a gradient of zeros.
      if (!isFloat(first.dtype)) return first;
      const out = first.dtype === "float64" ? new Float64Array(first.size) : new Float32Array(first.size);
      [first, ...others].forEach((leaf, i) => {
        const values = leaf.data as Float32Array;
        const weight = weights[i]!;
        for (let at = 0; at < out.length; at++) out[at]! += weight * values[at]!;
      });
      return tensor(out, first.shape);
    },
    ...(trees as [Tree, ...Tree[]]),
  );
}

const numberOf = (x: Tensor): number => Number(x.data![0]);

const numbersOf = (metrics: Readonly<Record<string, Tensor>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, numberOf(value)]));
