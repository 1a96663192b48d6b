import type { CompiledFunction, Executor, Tree } from "@innerloop/graph";
import type { CollectingLearner, Task } from "../tasks/task.js";
import type { TaskRules } from "../tasks/value-gate.js";
import { chooseChunkSize, evaluationBytes } from "../training/chunks.js";
import { drawTasks, type TaskSupply } from "../training/task-batch.js";

export interface OverTasks<Result extends Tree> {
  readonly program: CompiledFunction<readonly [Tree, Task<Tree, Tree>], Result>;
  readonly params: Tree;
  /** A collector collects with `params`, for `learner`. */
  readonly tasks: TaskSupply;
  readonly learner: CollectingLearner;
  /** What its tasks are held to. */
  readonly rules: TaskRules;
  readonly seed: number;
  readonly count: number;
  readonly executor: Executor;
  /** Bytes that one run may take: it decides how many tasks run at once. */
  readonly memoryBudget?: number | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How many tasks of a source run at once. */
export const tasksAtOnce = <Result extends Tree>(setting: OverTasks<Result>): Promise<number> =>
  chooseChunkSize({
    total: setting.count,
    parallelism: setting.executor.parallelism,
    limit: setting.memoryBudget ?? setting.executor.runBytes ?? evaluationBytes,
    keptSteps: 1,
    cost: async (n) => setting.program.estimate(setting.params, await tasksFrom(setting, 0, n)),
  });

const tasksFrom = (
  { tasks: from, params, seed, rules, executor, learner }: Omit<OverTasks<Tree>, "program">,
  first: number,
  count: number,
): Promise<Task<Tree, Tree>> => drawTasks({ from, params, seed, first, count, rules, executor, learner });

/**
 * What a compiled function of parameters and stacked tasks makes of the first `count` tasks of a source: one result for
 * each chunk, in the order of their addresses.
 *
 * @param known tasks of a chunk, where they have been worked out before
 */
export async function overTasks<Result extends Tree>(setting: OverTasks<Result>, known?: number): Promise<Result[]> {
  const { program, params, count, executor, signal } = setting;
  const size = known ?? (await tasksAtOnce(setting));
  let done = 0;
  const chunk = async (first: number): Promise<Result> => {
    signal?.throwIfAborted();
    const n = Math.min(size, count - first);
    const result = await program(params, await tasksFrom(setting, first, n));
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
