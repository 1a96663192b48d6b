/** Means over the tasks of a batch that run in chunks. */
import { namedLeaves, type Tree } from "@innerloop/graph";

/** Tasks that run at once. */
export interface TaskChunk<Tasks extends Tree> {
  /** How many. */
  readonly size: number;
  readonly tasks: Tasks;
}

/**
 * The mean over all tasks of what a program gives as the mean of each chunk, leaf by leaf, summed in the order of the tasks in
 * float64.
 *
 * @returns values by the path of their leaf
 */
export async function meanOverChunks<Tasks extends Tree>(
  chunks: readonly TaskChunk<Tasks>[],
  run: (tasks: Tasks) => Promise<Tree>,
): Promise<ReadonlyMap<string, Float64Array>> {
  const found = await Promise.all(chunks.map(({ tasks }) => run(tasks)));
  const count = chunks.reduce((total, { size }) => total + size, 0);
  const totals = new Map<string, Float64Array>();
  found.forEach((tree, i) => {
    for (const [name, leaf] of namedLeaves(tree)) {
      const sums = totals.get(name) ?? new Float64Array(leaf.size);
      for (let at = 0; at < sums.length; at++) sums[at]! += (chunks[i]!.size / count) * Number(leaf.data![at]);
      totals.set(name, sums);
    }
  });
  return totals;
}
