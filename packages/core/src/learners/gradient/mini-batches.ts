/** The rows of a support set that an inner step sees where it does not see all. */
import {
  add,
  cast,
  GraphError,
  gather,
  lessEqual,
  mapTree,
  max,
  mod,
  mul,
  range,
  sum,
  type Tensor,
  type Tree,
  tensor,
  where,
} from "@innerloop/graph";
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
  index: number | Tensor,
  size: number,
): Examples<X, Y> {
  const rows = rowsOf(support.x);
  if (rows <= size) return support;
  if (typeof index !== "number")
    return mapTree((leaf) => gather(leaf, rowsOfMiniBatch(support, index, size), 0), support);
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

/** The rows of a mini-batch whose number is known only when the program runs: int32 [size]. */
function rowsOfMiniBatch({ x, present }: Examples<Tree, Tree>, index: Tensor, size: number): Tensor {
  const rows = rowsOf(x);
  const places = range(size, "int32");
  const turn = add(mul(index, size), places);
  const orderOf = (there: number): number[] => interleaved(there, Math.ceil(there / size));
  if (!present) return gather(tensor(orderOf(rows), [rows], "int32"), mod(turn, rows), 0);
  const there = cast(sum(present), "int32");
  // An order for each number of rows that may be there, one behind the other.
  const orders = Array.from({ length: rows + 1 }, (_, count) =>
    Array.from({ length: rows }, (_, place) => (count <= size ? place : (orderOf(count)[place] ?? 0))),
  ).flat();
  const place = where(lessEqual(there, size), places, mod(turn, max(there, 1)));
  return gather(tensor(orders, [orders.length], "int32"), add(mul(there, rows), place), 0);
}

/**
 * Batches that a function of a step's number chooses, for an inner loop.
 *
 * @throws IL102 in a loop whose steps are counted only when the program runs
 */
export const batchesOfSteps =
  <Data extends Tree>(operation: string, batches: (support: Data, step: number) => Data) =>
  (support: Data, index: number | Tensor): Data => {
    if (typeof index === "number") return batches(support, index);
    const problem = "batches are chosen by a function of the step's number, which a loop does not know";
    throw new GraphError("IL102", operation, problem, "Give the number of steps, or leave out batches");
  };

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
