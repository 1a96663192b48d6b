import { type Executor, estimateModel, lower, type Tree, trace } from "@innerloop/graph";
import type { Task } from "../tasks/task.js";

/** Bytes that the arrays of one run may take by default: larger runs leave the processor's caches and get slower per task. */
export const defaultMemoryBudget = 64 * 2 ** 20;

/** Below so many operations a step is not worth splitting: handing it to another worker costs more. */
const smallWork = 2e8;

/**
 * How many tasks to run at once: as many as the memory budget holds by the estimate of the compiled graph, in equal
 * parts that keep all workers busy.
 *
 * It depends on the estimate alone and not on the clock, so that a run and its resumption add up the same sums.
 */
export function chunkSizeFor(
  f: (tasks: Task) => Tree,
  sample: (count: number) => Task,
  total: number,
  executor: Executor,
  memoryBudget = defaultMemoryBudget,
): number {
  const costOf = (count: number) => estimateModel(lower(trace(f, [sample(count)]).graph, executor.profile));
  const one = costOf(1);
  const fits = Math.max(1, Math.floor(memoryBudget / Math.max(1, one.peakBytes - one.constantBytes)));
  if (one.operations * total < smallWork && fits >= total) return total;
  const parts = Math.ceil(total / Math.min(fits, total));
  const balanced = Math.ceil(parts / executor.parallelism) * executor.parallelism;
  return Math.ceil(total / Math.min(balanced, total));
}
