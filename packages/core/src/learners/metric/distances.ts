/** How far apart the rows of two arrays are: what metric-based learners compare embeddings by. */
import {
  abs,
  add,
  cast,
  div,
  greater,
  matmul,
  max,
  mul,
  relu,
  sqrt,
  stopGradient,
  sub,
  sum,
  swapLast,
  type Tensor,
} from "@innerloop/graph";
import { unitRows } from "../../layers/layers.js";

export { unitRows };

/** Distances of two embeddings; all are 0 for equal ones. */
export type Distance = "squaredEuclidean" | "euclidean" | "cosine";

/** Added to a sum of squares under a root: at 0 the root's slope is not finite. Too small to show in a distance. */
const tiny = 1e-24;

/**
 * Distances of all pairs of rows, [n, features] and [m, features] -> [n, m], by name:
 *
 *   squaredEuclidean |a - b|^2,  euclidean |a - b|,  cosine 1 - a.b / (|a| |b|)
 *
 * All are made of one product of matrices, and have finite slopes at equal rows and at rows of zeros.
 *
 * @example distances.cosine(features, prototypes)
 */
export const distances: Readonly<Record<Distance, (a: Tensor, b: Tensor) => Tensor>> = {
  squaredEuclidean: squaredDistances,
  // Rounding may leave the square of a small distance below 0.
  euclidean: (a, b) => sqrt(add(relu(squaredDistances(a, b)), tiny)),
  cosine: (a, b) => sub(1, cosineSimilarities(a, b)),
};

/**
 * |a_i - b_j|^2 = |a_i|^2 - 2 a_i . b_j + |b_j|^2 of rows [n, d] and [m, d]: [n, m].
 *
 * What all rows of b have in common is taken off both first: it changes no distance, and next to it float32 would lose
 * the small ones.
 */
export function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const squares = (x: Tensor) => sum(mul(x, x), -1, { keepAxes: true });
  const common = stopGradient(meanOfRows(b));
  const [from, to] = [sub(a, common), sub(b, common)];
  return add(sub(squares(from), mul(matmul(from, swapLast(to)), 2)), swapLast(squares(to)));
}

/** [1, d]: the mean of the rows [n, d] that are not zeros, as those of classes without examples are. */
function meanOfRows(x: Tensor): Tensor {
  const there = cast(greater(sum(abs(x), -1, { keepAxes: true }), 0), x.dtype);
  return div(sum(x, 0, { keepAxes: true }), max(sum(there), 1));
}

/** a_i . b_j / (|a_i| |b_j|) of rows [n, d] and [m, d]: [n, m]. */
export function cosineSimilarities(a: Tensor, b: Tensor): Tensor {
  return matmul(unitRows(a), swapLast(unitRows(b)));
}
