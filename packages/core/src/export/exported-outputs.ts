/** Predictions of a learner by the names that its exported programs have for them. */
import type { TensorsByName, Tree } from "@innerloop/graph";
import type { OpenSetRule } from "../evaluation/open-set-rule.js";
import type { AnyAdapter } from "../learners/learner.js";
import type { TaskSpec } from "../tasks/task-spec.js";
import { predictionOutputs } from "./prediction-outputs.js";
import { targetForm } from "./target-form.js";

/**
 * The outputs that programs of `exportPrograms` have for a prediction: `logits` and `probabilities`, `mean` and `deviation`.
 *
 * @param spec the look of the tasks, as `exportPrograms` takes it
 * @param openSet by which an input is `rejected`
 * @example exportedOutputs(learner, spec, learner.predict(adapted, x)).logits
 */
export const exportedOutputs = (
  learner: AnyAdapter,
  spec: TaskSpec<Tree, Tree>,
  prediction: Tree,
  openSet?: OpenSetRule,
): TensorsByName =>
  predictionOutputs(prediction, { loss: learner.loss, targets: targetForm(learner, spec), x: prediction, openSet });
