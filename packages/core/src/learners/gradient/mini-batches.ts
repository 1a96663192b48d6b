/** The rows of a support set that an inner step sees where it does not see all. */
import { cast, GraphError, gather, mapTree, sum, type Tree, tensor } from "@innerloop/graph";
import type { Examples } from "../../tasks/task.js";
import { rowsOf } from "../../tasks/task-spec.js";

/**
 * Rows [size, ...] of the mini-batch `index` of a support set; all of a set that has no more.
 *
 * Support sets come grouped by class: an even stride through them makes each mini-batch a fair share of the classes, and
 * successive mini-batches go through all rows. Of a padded set these are the rows that are there, which come first.
 */
export function miniBatch<X extends Tree, Y extends Tree>(
  support: Examples<X, Y>,
  index: number,
  size: number,
): Examples<X, Y> {
  const rows = rowsOf(support.x);
  if (rows <= size) return support;
  const chosen = (there: number): number[] => {
    const order = interleaved(there, Math.ceil(there / size));
    return Array.from({ length: size }, (_, i) => (there <= size ? i : order[(index * size + i) % there]!));
  };
  const { present } = support;
  const at = present
    ? // How many rows there are is known only when it runs: a row of choices for each number.
      gather(
        tensor(
          Array.from({ length: rows + 1 }, (_, there) => chosen(there)),
          undefined,
          "int32",
        ),
        cast(sum(present), "int32"),
        0,
      )
    : tensor(chosen(rows), [size], "int32");
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
