import { GraphError } from "@innerloop/graph";

/**
 * Weights that a learner may have of its own beside its model's: 512 MiB of float32. Training holds them several times
 * over, with their gradient and the moments of the optimizer.
 */
export const mostOwnWeights = 2 ** 27;

/**
 * The check of learners whose own weights grow with the square of a width of the model.
 *
 * @param what what they are, with the width that they follow from
 * @throws IL102 where they are more than `mostOwnWeights`, before any is made
 */
export function requireOwnWeights(operation: string, weights: number, what: string, remedy: string): void {
  if (weights <= mostOwnWeights) return;
  const size = `${((4 * weights) / 2 ** 30).toFixed(1)} GiB`;
  throw new GraphError("IL102", operation, `${what} would be ${weights.toLocaleString("en")} weights, ${size}`, remedy);
}
