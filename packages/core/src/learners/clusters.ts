/** Clusters of rows by k-means, in the graph. */
import {
  add,
  argMax,
  cast,
  concat,
  div,
  gather,
  greater,
  matmul,
  max,
  mul,
  neg,
  oneHot,
  reduceMax,
  reshape,
  sub,
  sum,
  swapLast,
  type Tensor,
  where,
} from "@innerloop/graph";
import { classMeans } from "./class-membership.js";
import { squaredDistances } from "./metric/distances.js";

const rounds = 5;

/** What no score is below. */
const never = -1e9;

/**
 * @internal Centres of some rows by k-means, [k, features]: of the rows [m, features] whose weight, [m, 1], is 1.
 * Deterministic: the first is the mean, each further one the row farthest from all before it; then five rounds.
 */
export function clusters(rows: Tensor, weights: Tensor, k: number): Tensor {
  const [m] = rows.shape as [number];
  let centres = classMeans(rows, weights);
  for (let i = 1; i < k; i++) {
    const nearest = neg(reduceMax(neg(squaredDistances(rows, centres)), 1));
    const far = where(greater(reshape(weights, [m]), 0.5), nearest, never);
    centres = concat([centres, gather(rows, reshape(argMax(far, 0), [1]), 0)], 0);
  }
  for (let round = 0; k > 1 && round < rounds; round++) {
    const own = mul(oneHot(argMax(neg(squaredDistances(rows, centres)), 1), k), weights);
    const counts = swapLast(sum(own, 0, { keepAxes: true }));
    const means = div(matmul(swapLast(own), rows), max(counts, 1));
    // A centre that no row is nearest to stays.
    const isEmpty = cast(greater(0.5, counts), "float32");
    centres = add(mul(means, sub(1, isEmpty)), mul(centres, isEmpty));
  }
  return centres;
}
