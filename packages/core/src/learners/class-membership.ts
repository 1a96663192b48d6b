/** Which examples are of which class, and what a class makes of its examples. */
import {
  cast,
  div,
  equal,
  formatShape,
  GraphError,
  greater,
  isFloat,
  matmul,
  max,
  mean,
  mul,
  oneHot,
  reduceMax,
  reshape,
  sub,
  sum,
  swapLast,
  type Tensor,
  type Tree,
} from "@innerloop/graph";
import type { Examples } from "../tasks/task.js";
import { rowsOf } from "../tasks/task-spec.js";
import type { Targets } from "./learner.js";

/** The class of each example: [n, ways], 1 in its column, a row of zeros for padding and for examples of no class. */
export function memberships({ y, present }: Targets, ways: number): Tensor {
  const members = oneHot(y, ways);
  return present ? mul(members, reshape(present, [y.size, 1])) : members;
}

/** Sums of the rows of each class: [n, features] and members [n, ways] -> [ways, features]. */
export const classSums = (features: Tensor, members: Tensor): Tensor =>
  matmul(swapLast(cast(members, features.dtype)), features);

/** Means of the rows of each class, [ways, features]; zeros for a class of none. */
export function classMeans(features: Tensor, members: Tensor): Tensor {
  const counts = cast(sum(members, 0), features.dtype);
  return div(classSums(features, members), reshape(max(counts, 1), [members.shape[1]!, 1]));
}

/**
 * The largest of the scores [n, m] of each class's own columns, members [m, ways]: [n, ways]; -1e9 for a class of none.
 */
export function largestPerClass(scores: Tensor, members: Tensor): Tensor {
  // A class has no score of another's examples: 1e9 keeps them from being the largest.
  const others = mul(cast(equal(members, 0), scores.dtype), 1e9);
  return reduceMax(sub(reshape(scores, [...scores.shape, 1]), others), 1);
}

/**
 * The mean over rows of the mean over each row's judged classes: losses [n, ways] and `judged`, 1 for those that count.
 */
export const meanOverClasses = (losses: Tensor, judged: Tensor): Tensor =>
  mean(div(sum(mul(losses, judged), -1), max(sum(judged, -1), 1)));

/** Logits [n, ways] without the classes that have no support example, by the examples of each class, [ways]. */
export function withoutEmptyClasses(logits: Tensor, counts: Tensor): Tensor {
  return sub(logits, mul(cast(greater(1, counts), logits.dtype), 1e9));
}

/**
 * @throws IL103 where targets are not int32 class indices; IL202 where there is not one for each input
 */
export function requireClassTargets(learner: string, { x, y }: Pick<Examples<Tree>, "x" | "y">): void {
  const rows = rowsOf(x);
  if (isFloat(y.dtype) || y.dtype === "bool") {
    throw new GraphError("IL103", learner, `targets are ${y.dtype}`, "Give class indices, int32");
  }
  if (y.rank === 1 && y.shape[0] === rows) return;
  const problem = `targets ${formatShape(y.shape)} for ${rows} inputs`;
  throw new GraphError("IL202", learner, problem, `Give one class index for each, [${rows}]`);
}

/**
 * The check of learners that `ways` is a number of classes.
 *
 * @throws IL102 where `ways` is not a whole number of 2 or more
 */
export function requireWays(learner: string, ways: number): void {
  if (Number.isInteger(ways) && ways >= 2) return;
  throw new GraphError("IL102", learner, `${ways} ways`, "Use 2 or more");
}
