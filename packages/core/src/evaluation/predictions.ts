/** What logits say, in plain numbers. */
import { type Tensor, toNumbers } from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";

/**
 * Probabilities of the classes of each row: softmax(z)_c = exp z_c / sum over k of exp z_k.
 *
 * @param logits [rows, classes], with values
 * @returns [rows][classes]
 * @throws TrainingError ILR101 where they are no logits of rows
 * @example probabilitiesOf(await task.predict(images))[0] // [0.1, 0.7, 0.2]
 */
export function probabilitiesOf(logits: Tensor): number[][] {
  return rowsOf("probabilitiesOf", logits).map((z) => {
    const top = Math.max(...z);
    const weights = z.map((value) => Math.exp(value - top));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  });
}

/**
 * The class of each row: the one with the largest logit, the first of equal ones.
 *
 * @param logits [rows, classes], with values
 * @throws TrainingError ILR101 where they are no logits of rows
 * @example predictedClasses(await task.predict(images)) // [1, 0, 4]
 */
export const predictedClasses = (logits: Tensor): number[] =>
  rowsOf("predictedClasses", logits).map((z) => z.indexOf(Math.max(...z)));

function rowsOf(operation: string, logits: Tensor): number[][] {
  if (logits.rank !== 2 || !logits.data) {
    const problem = `${logits}${logits.data ? "" : " without values"}`;
    throw new TrainingError("ILR101", operation, problem, "Give the logits [rows, classes] of a prediction");
  }
  const [rows, classes] = logits.shape as readonly [number, number];
  const all = toNumbers(logits);
  return Array.from({ length: rows }, (_, row) => all.slice(row * classes, (row + 1) * classes));
}
