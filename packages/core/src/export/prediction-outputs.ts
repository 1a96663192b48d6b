/** Predictions as outputs of a portable model. */
import {
  exp,
  lessEqual,
  logicalNot,
  logSumExp,
  namedLeaves,
  reduceMax,
  sliceAxis,
  softmax,
  sub,
  Tensor,
  type TensorsByName,
  type Tree,
} from "@innerloop/graph";
import type { OpenSetRule, OpenSetScore } from "../evaluation/open-set-rule.js";
import type { Loss } from "../losses/losses.js";
import { rowsOf } from "../tasks/task-spec.js";
import type { TargetForm } from "./target-form.js";

/** The parts that predictions are named by. */
interface PredictionForm {
  readonly loss: Loss<Tree, Tree>;
  readonly targets: TargetForm;
  /** The inputs that are predicted for. */
  readonly x: Tree;
  /** By which an input is of none of the classes. */
  readonly openSet?: OpenSetRule | undefined;
}

/** Scores [queries] of logits [queries, classes]. */
const scores: Readonly<Record<OpenSetScore, (logits: Tensor) => Tensor>> = {
  logit: (logits) => reduceMax(logits, 1),
  probability: (logits) => exp(sub(reduceMax(logits, 1), logSumExp(logits, 1))),
  energy: (logits) => logSumExp(logits, 1),
};

/**
 * Predictions by name: `logits` and `probabilities` of classes, with a rule `rejected` as well; `mean` of numbers, and `deviation` where predictions have
 * one; of trees each tensor by its path.
 */
export function predictionOutputs(prediction: Tree, { loss, targets, x, openSet }: PredictionForm): TensorsByName {
  if (!(prediction instanceof Tensor))
    return Object.fromEntries(namedLeaves(prediction).map(([path, leaf]) => [path.replaceAll("/", "."), leaf]));
  const { classes, shape } = targets;
  if (classes !== undefined)
    return {
      logits: prediction,
      probabilities: softmax(prediction),
      ...(openSet ? { rejected: logicalNot(lessEqual(openSet.threshold, scores[openSet.score](prediction))) } : {}),
    };
  const all = prediction.shape.at(-1) ?? 1;
  // Of targets it reads no more than the shapes.
  const point = loss.point?.(prediction, targets.blank(rowsOf(x))) as Tensor | undefined;
  const width = (point?.shape ?? shape)?.at(-1);
  if (width === undefined) return { prediction };
  const hasDeviation = prediction.rank > 1 && all === 2 * width;
  const part = (from: number): Tensor => sliceAxis(prediction, -1, from, from + width);
  return {
    mean: point ?? (hasDeviation ? part(0) : prediction),
    ...(hasDeviation ? { deviation: part(width) } : {}),
  };
}
