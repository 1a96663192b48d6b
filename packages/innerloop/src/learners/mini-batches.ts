/** Which rows of a support set an inner step sees where it does not see all. */
import { GraphError, gather, mapTree, tensor } from "@innerloop/graph";
import type { Examples } from "../tasks/task.js";

/**
 * Rows [size, ...] of the mini-batch `index` of a support set; all of a set that has no more.
 *
 * Support sets come grouped by class: an even stride through them makes each mini-batch a fair share of the classes, and
 * successive mini-batches go through all rows. Rows are counted with their padding: it takes places in mini-batches, where
 * it counts for nothing.
 */
export function miniBatch(support: Examples, index: number, size: number): Examples {
  const rows = support.x.shape[0]!;
  if (rows <= size) return support;
  const order = interleaved(rows, Math.ceil(rows / size));
  const chosen = Array.from({ length: size }, (_, i) => order[(index * size + i) % rows]!);
  const at = tensor(chosen, [size], "int32");
  return mapTree((leaf) => gather(leaf, at, 0), support);
}

/** 0, stride, 2 stride, ..., 1, 1 + stride, ... */
function interleaved(rows: number, stride: number): number[] {
  const order: number[] = [];
  for (let start = 0; start < stride; start++) for (let row = start; row < rows; row += stride) order.push(row);
  return order;
}

/**
 * A count that an option names.
 *
 * @throws IL102 where it is not a whole number of at least 1
 */
export function requireCount(operation: string, name: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new GraphError("IL102", operation, `${name} ${count}`, "Use a whole number, 1 or more");
}
