/** How far apart the rows of two arrays are: what metric-based learners compare embeddings by. */
import { add, div, matmul, mul, relu, sqrt, sub, sum, swapLast, type Tensor } from "@innerloop/graph";

/** How far apart two embeddings are; all are 0 for equal ones. */
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

/** |a_i - b_j|^2 of rows [n, d] and [m, d]: [n, m]. */
export function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const squares = (x: Tensor) => sum(mul(x, x), -1, { keepAxes: true });
  return add(sub(squares(a), mul(matmul(a, swapLast(b)), 2)), swapLast(squares(b)));
}

/** a_i . b_j / (|a_i| |b_j|) of rows [n, d] and [m, d]: [n, m]. */
export function cosineSimilarities(a: Tensor, b: Tensor): Tensor {
  return matmul(unitRows(a), swapLast(unitRows(b)));
}

/** Rows divided by their lengths; rows of zeros stay. */
export const unitRows = (x: Tensor): Tensor => div(x, sqrt(add(sum(mul(x, x), -1, { keepAxes: true }), tiny)));
