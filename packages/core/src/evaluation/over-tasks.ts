import type { CompiledFunction, Executor, Tree } from "@innerloop/graph";
import type { Task } from "../tasks/task.js";
import { chooseChunkSize, evaluationBytes } from "../training/chunks.js";

export interface OverTasks<Result extends Tree> {
  /** What is made of parameters and stacked tasks. */
  readonly programs: readonly CompiledFunction<readonly [Tree, Task<Tree, Tree>], Result>[];
  readonly params: Tree;
  /** So many tasks from an address on, stacked, for each program. */
  draw(first: number, count: number): Promise<readonly Task<Tree, Tree>[]>;
  /** What a run takes the most of: one of the programs, and so many of its tasks, of which only the shapes count. */
  readonly greatest: {
    readonly program: CompiledFunction<readonly [Tree, Task<Tree, Tree>], Result>;
    shapes(count: number): Task<Tree, Tree>;
  };
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
    cost: (n) => setting.greatest.program.estimate(setting.params, setting.greatest.shapes(n)),
  });

/**
 * What compiled functions of parameters and stacked tasks make of the first `count` tasks of a source: their results for each
 * chunk, in the order of the addresses.
 *
 * @param known tasks of a chunk, where they have been worked out before
 */
export async function overTasks<Result extends Tree>(
  setting: OverTasks<Result>,
  known?: number,
): Promise<readonly (readonly Result[])[]> {
  const { programs, params, count, executor, signal } = setting;
  const size = known ?? (await tasksAtOnce(setting));
  let done = 0;
  const chunk = async (first: number): Promise<readonly Result[]> => {
    signal?.throwIfAborted();
    const n = Math.min(size, count - first);
    const tasks = await setting.draw(first, n);
    const found: Result[] = [];
    for (const [i, program] of programs.entries()) found.push(await program(params, tasks[i]!));
    done += n;
    setting.onProgress?.(done);
    return found;
  };
  const results: (readonly Result[])[] = [];
  const starts = Array.from({ length: Math.ceil(count / size) }, (_, i) => i * size);
  // So many at a time as run side by side: the next ones are sampled when there is room for them.
  for (let at = 0; at < starts.length; at += executor.parallelism) {
    results.push(...(await Promise.all(starts.slice(at, at + executor.parallelism).map(chunk))));
  }
  return results;
}
