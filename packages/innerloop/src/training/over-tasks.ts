import type { CompiledFunction, Executor, Tree } from "@innerloop/graph";
import type { Task, TaskSource } from "../tasks/task.js";
import { chooseChunkSize, evaluationBytes } from "./chunks.js";
import { sampleTasks } from "./task-batch.js";

/**
 * What a compiled function of parameters and stacked tasks makes of the first `count` tasks of a source: one result for
 * each chunk, in the order of their addresses.
 */
export async function overTasks<Result extends Tree>(setting: {
  readonly program: CompiledFunction<readonly [Tree, Task], Result>;
  readonly params: Tree;
  readonly tasks: TaskSource;
  readonly seed: number;
  readonly count: number;
  readonly executor: Executor;
  /** Bytes that one run may take: it decides how many tasks run at once. */
  readonly memoryBudget?: number | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<Result[]> {
  const { program, params, tasks, seed, count, executor, signal } = setting;
  const size = await chooseChunkSize({
    total: count,
    parallelism: executor.parallelism,
    limit: setting.memoryBudget ?? executor.runBytes ?? evaluationBytes,
    keptSteps: 1,
    cost: (n) => program.estimate(params, sampleTasks(tasks, seed, 0, n)),
  });
  let done = 0;
  const chunk = async (first: number): Promise<Result> => {
    signal?.throwIfAborted();
    const n = Math.min(size, count - first);
    const result = await program(params, sampleTasks(tasks, seed, first, n));
    done += n;
    setting.onProgress?.(done);
    return result;
  };
  const results: Result[] = [];
  const starts = Array.from({ length: Math.ceil(count / size) }, (_, i) => i * size);
  // So many at a time as run side by side: the next ones are sampled when there is room for them.
  for (let at = 0; at < starts.length; at += executor.parallelism) {
    results.push(...(await Promise.all(starts.slice(at, at + executor.parallelism).map(chunk))));
  }
  return results;
}
