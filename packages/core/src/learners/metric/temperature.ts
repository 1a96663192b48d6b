/** How sharp a softmax over distances or similarities is: a number, or something that training finds. */
import { div, exp, GraphError, mul, neg, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";

/**
 * The number that logits are divided by: a number above 0, or a meta-parameter, its logarithm, that starts at 0 (a
 * temperature of 1).
 */
export type Temperature = number | "learned";

/** Meta-parameters of a learner with a learned temperature. */
export type WithTemperature = { readonly model: Tree; readonly logTemperature: Tensor };

/**
 * logits / T, and where the parameters for it are: with a learned T they are `{ model, logTemperature }`, the model's
 * own otherwise.
 *
 * @throws IL102 where the temperature is not a number above 0
 */
export function temperatureScale(
  learner: string,
  model: Pick<Layer, "init">,
  temperature: Temperature,
): {
  readonly init: Layer["init"];
  /** Where the model's parameters are, where they are not all there is. */
  readonly modelPath?: "model";
  readonly scaled: (params: Tree, logits: Tensor) => Tensor;
} {
  if (temperature === "learned") {
    return {
      init: (key) => ({ model: model.init(key), logTemperature: tensor(0) }),
      modelPath: "model",
      // By its logarithm: a step of the optimizer cannot make it negative.
      scaled: (params, logits) => mul(logits, exp(neg((params as WithTemperature).logTemperature))),
    };
  }
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    const remedy = 'Use a number above 0, or "learned"';
    throw new GraphError("IL102", learner, `temperature ${temperature}`, remedy);
  }
  return { init: model.init, scaled: (_params, logits) => (temperature === 1 ? logits : div(logits, temperature)) };
}
