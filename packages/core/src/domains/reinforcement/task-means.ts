/** Means over the tasks of a batch that run in chunks. */
import { namedLeaves, type Tree } from "@innerloop/graph";
import { chunkSizes, sliceBatch } from "../../training/meta-step.js";
import type { TaskBatch } from "../../training/task-batch.js";

/** Means of leaves, in float64, by their paths. */
export type MeanByPath = ReadonlyMap<string, Float64Array>;

/**
 * The mean over all tasks of what a run gives as the mean of each chunk, leaf by leaf, summed in the order of the tasks in
 * float64.
 */
export async function meanOverChunks<Chunk extends { /** Tasks of it. */ readonly size: number }>(
  chunks: readonly Chunk[],
  run: (chunk: Chunk) => Promise<Tree>,
): Promise<MeanByPath> {
  const found = await Promise.all(chunks.map(run));
  const count = chunks.reduce((total, { size }) => total + size, 0);
  const totals = new Map<string, Float64Array>();
  found.forEach((tree, i) => {
    const weight = chunks[i]!.size / count;
    for (const [name, leaf] of namedLeaves(tree)) {
      const sums = totals.get(name) ?? new Float64Array(leaf.size);
      const values = leaf.data as Float32Array;
      for (let at = 0; at < sums.length; at++) sums[at]! += weight * values[at]!;
      totals.set(name, sums);
    }
  });
  return totals;
}

/** Tasks `from` to `to` of a batch, so many at a time. */
export const chunksOf = <Tasks extends Tree>(
  batch: TaskBatch<Tasks>,
  [from, to]: readonly [from: number, to: number],
  chunkSize: number,
): { readonly size: number; readonly tasks: Tasks }[] =>
  chunkSizes(to - from, chunkSize).map((size, i) => {
    const start = from + i * chunkSize;
    return { size, tasks: sliceBatch(batch, start, start + size).tasks };
  });

/** What is below a path, by the rest of its own. */
export const below = <T>(byPath: ReadonlyMap<string, T>, prefix: string): ReadonlyMap<string, T> =>
  new Map(
    Array.from(byPath).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
    ),
  );

export const scalarAt = (means: MeanByPath, name: string): number => means.get(name)![0]!;
