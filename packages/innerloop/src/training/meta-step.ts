import {
  add,
  compile,
  type Executor,
  isFloat,
  mapTree,
  mul,
  type Tensor,
  type Tree,
  toNumbers,
} from "@innerloop/graph";
import { withRunningStatistics } from "../layers/layers.js";
import { type Learner, type MetaGradient, meanMetaGradient } from "../learners/learner.js";
import type { Optimizer } from "../optimizers.js";
import type { Task } from "../tasks/task.js";
import { sliceRows, sliceTasks } from "./task-batch.js";

/** Tasks of one update, stacked, with a dropout key for each. */
export type TaskBatch = {
  readonly tasks: Task;
  /** int32 [tasks] */
  readonly keys: Tensor;
};

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
 * Where all tasks run at once, meta-gradient and update are one graph; else a second graph adds up the gradients of the
 * chunks, in the order of their tasks, and updates.
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
  type Found = { readonly params: Params; readonly optimizer: Tree; readonly loss: Tensor; readonly metrics: Metrics };
  const starts = Array.from({ length: Math.ceil(metaBatchSize / chunkSize) }, (_, i) => i * chunkSize);
  const weights = starts.map((start) => Math.min(chunkSize, metaBatchSize - start) / metaBatchSize);
  const gradientOf = (params: Params, { tasks, keys }: TaskBatch): Tree =>
    withoutAbsent(meanMetaGradient(learner, params, tasks, keys));
  const updated = (params: Params, state: Tree, chunks: readonly Tree[]): Found => {
    const { gradient, statistics = {}, loss, metrics } = weightedSum(chunks, weights) as MetaGradient<Params>;
    const next = optimizer.update(gradient, state, params);
    return { params: withRunningStatistics(next.params, statistics, params), optimizer: next.state, loss, metrics };
  };
  const reported = (found: Found): MetaStepResult<Params> => ({
    ...found,
    loss: toNumbers(found.loss)[0]!,
    metrics: Object.fromEntries(Object.entries(found.metrics).map(([name, value]) => [name, toNumbers(value)[0]!])),
  });
  if (starts.length === 1) {
    const whole = compile(
      (params: Params, state: Tree, batch: TaskBatch) => updated(params, state, [gradientOf(params, batch)]),
      {
        executor,
      },
    );
    return async (params, state, batch) => reported(await whole(params, state, batch));
  }
  const gradientProgram = compile(gradientOf, { executor });
  const updateProgram = compile(updated, { executor });
  return async (params, state, { tasks, keys }) => {
    const chunks = await Promise.all(
      starts.map((start) => {
        const stop = Math.min(start + chunkSize, metaBatchSize);
        return gradientProgram(params, { tasks: sliceTasks(tasks, start, stop), keys: sliceRows(keys, start, stop) });
      }),
    );
    return reported(await updateProgram(params, state, chunks));
  };
}

type Metrics = { readonly [name: string]: Tensor };

/** As a tree: what is not there has no leaves. */
function withoutAbsent({ statistics = {}, ...rest }: MetaGradient<Tree>): Tree {
  return { ...rest, statistics };
}

/** w_0 t_0 + w_1 t_1 + ..., leaf by leaf in this order; leaves that are not floating-point have no sum and stay. */
function weightedSum(trees: readonly Tree[], weights: readonly number[]): Tree {
  const [first, ...others] = trees as [Tree, ...Tree[]];
  return mapTree(
    (...leaves) =>
      isFloat(leaves[0].dtype)
        ? leaves.map((leaf, i) => mul(leaf, weights[i]!)).reduce((a, b) => add(a, b))
        : leaves[0],
    first,
    ...others,
  );
}
