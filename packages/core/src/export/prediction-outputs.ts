/** Predictions as outputs of a portable model. */
import { namedLeaves, sliceAxis, softmax, Tensor, type TensorsByName, type Tree } from "@innerloop/graph";
import type { Loss } from "../losses/losses.js";
import { rowsOf } from "../tasks/task-spec.js";
import type { TargetForm } from "./target-form.js";

/**
 * Predictions by name: `logits` and `probabilities` of classes; `mean` of numbers, and `deviation` where predictions have
 * one; of trees each tensor by its path.
 */
export function predictionOutputs(
  prediction: Tree,
  { loss, targets, x }: { readonly loss: Loss<Tree, Tree>; readonly targets: TargetForm; readonly x: Tree },
): TensorsByName {
  if (!(prediction instanceof Tensor))
    return Object.fromEntries(namedLeaves(prediction).map(([path, leaf]) => [path.replaceAll("/", "."), leaf]));
  const { classes, shape } = targets;
  if (classes !== undefined) return { logits: prediction, probabilities: softmax(prediction) };
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
