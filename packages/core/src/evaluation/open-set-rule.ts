/** The rule by which a query is of one of a task's classes, or of none of them. */
import type { Tensor } from "@innerloop/graph";
import { TrainingError } from "../training/training-error.js";

/**
 * The score that tells a known query from an unknown one, a number of its logits z that is larger for known ones:
 * "logit" max z (Vaze et al. 2022), "probability" max softmax(z) (Hendrycks & Gimpel 2017), "energy" log sum exp z (Liu
 * et al. 2020, "Energy-based out-of-distribution detection").
 */
export type OpenSetScore = "logit" | "probability" | "energy";

/** A query is taken to be of one of the classes where its score is at least the threshold. */
export interface OpenSetRule {
  readonly score: OpenSetScore;
  readonly threshold: number;
}

/** The answer for one query: its class, or none of these. */
export interface OpenSetAnswer {
  /** The class, or undefined: none of these. */
  readonly label: number | undefined;
  readonly score: number;
}

/**
 * The class of each query, or none: the one with the largest logit, where the score reaches the threshold.
 *
 * @param logits [queries, classes], with values
 * @example const { rule } = await evaluateOpenSet(...); openSetAnswers(await task.predict(x), rule)
 */
export function openSetAnswers(logits: Tensor, { score, threshold }: OpenSetRule): OpenSetAnswer[] {
  if (logits.rank !== 2 || !logits.data) {
    const problem = `${logits}${logits.data ? "" : " without values"}`;
    throw new TrainingError("ILR101", "openSetAnswers", problem, "Give the logits [queries, classes] of a prediction");
  }
  const [queries, classes] = logits.shape as readonly [number, number];
  return Array.from({ length: queries }, (_, row) => {
    const z = Array.from((logits.data as Float32Array).subarray(row * classes, (row + 1) * classes));
    const found = openSetScores[score](z);
    return { label: found >= threshold ? z.indexOf(Math.max(...z)) : undefined, score: found };
  });
}

const logSumExp = (z: readonly number[]): number => {
  const top = Math.max(...z);
  return top + Math.log(z.reduce((sum, value) => sum + Math.exp(value - top), 0));
};

/** The scores of one query by its logits. */
export const openSetScores: Readonly<Record<OpenSetScore, (z: readonly number[]) => number>> = {
  logit: (z) => Math.max(...z),
  probability: (z) => Math.exp(Math.max(...z) - logSumExp(z)),
  energy: logSumExp,
};
