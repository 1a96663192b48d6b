import {
  bytesPerElement,
  type Estimate,
  type Executor,
  estimateModel,
  leaves,
  lower,
  type Tree,
  tensor,
  trace,
} from "@innerloop/graph";
import { type Learner, meanMetaGradient } from "../learners/learner.js";
import type { Task, TaskSource } from "../tasks/task.js";
import { sampleTasks } from "./task-batch.js";

/** Bytes that the arrays of one run may take by default: larger runs leave the processor's caches and get slower per task. */
export const defaultMemoryBudget = 64 * 2 ** 20;

/** Below so many operations a step is not worth splitting: handing it to another worker costs more. */
const smallWork = 2e8;

/** A program over tasks that is to be run in chunks of them. */
interface ChunkedProgram {
  readonly program: (params: Tree, tasks: Task) => Tree;
  readonly params: Tree;
  readonly tasks: TaskSource;
  /** Whose tasks: only their shapes matter. */
  readonly taskSeed: number;
  /** Tasks in all. */
  readonly total: number;
  readonly executor: Executor;
  readonly memoryBudget?: number | undefined;
}

function costOf({ program, params, tasks, taskSeed, executor }: ChunkedProgram, count: number): Estimate {
  return estimateModel(lower(trace(program, [params, sampleTasks(tasks, taskSeed, 0, count)]).graph, executor.profile));
}

/**
 * How many tasks to run at once: as many as the memory budget holds by the estimate of the compiled graph, in equal
 * parts that keep all workers busy.
 *
 * It depends on the estimate alone and not on the clock, so that a run and its resumption add up the same sums.
 */
export function chunkSizeFor(work: ChunkedProgram): number {
  const { params, total, executor, memoryBudget = defaultMemoryBudget } = work;
  const one = costOf(work, 1);
  const shared = leaves(params).reduce(
    (bytes, leaf) => bytes + leaf.size * bytesPerElement[leaf.dtype],
    one.constantBytes,
  );
  const fits = Math.max(1, Math.floor(memoryBudget / Math.max(1, one.peakBytes - shared)));
  if (one.operations * total < smallWork && fits >= total) return total;
  const parts = Math.ceil(total / Math.min(fits, total));
  const balanced = Math.ceil(parts / executor.parallelism) * executor.parallelism;
  return Math.ceil(total / Math.min(balanced, total));
}

/** How a meta-step will be run. */
export interface MetaStepPlan {
  /** Tasks that run at once. */
  readonly chunkSize: number;
  /** Cost of the meta-gradient of one chunk. */
  readonly estimate: Estimate;
}

/** Works out how many tasks of a meta-batch run at once, and what a chunk of them takes. */
export function planMetaStep(setting: {
  readonly learner: Learner;
  readonly params: Tree;
  readonly tasks: TaskSource;
  readonly taskSeed: number;
  readonly metaBatchSize: number;
  readonly executor: Executor;
  readonly memoryBudget?: number | undefined;
}): MetaStepPlan {
  const { learner, metaBatchSize: total, ...rest } = setting;
  const program = (params: Tree, tasks: Task): Tree => {
    const { loss, gradient } = meanMetaGradient(
      learner,
      params,
      tasks,
      tensor(new Int32Array(tasks.support.x.shape[0]!)),
    );
    return { loss, gradient };
  };
  const work = { ...rest, program, total };
  const chunkSize = chunkSizeFor(work);
  return { chunkSize, estimate: costOf(work, chunkSize) };
}
