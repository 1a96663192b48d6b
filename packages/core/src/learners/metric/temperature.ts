/** How sharp a softmax over distances or similarities is: a number, or something that training finds. */
import { div, exp, GraphError, mul, neg, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Layer } from "../../layers/layer.js";

/**
 * The number that logits are divided by: a number above 0, or one that is learned, by its logarithm, a meta-parameter: from
 * 1 on ("learned"), or from another ({ learned: 0.07 }).
 */
export type Temperature = number | "learned" | { readonly learned: number };

/** A temperature as results say it. */
export const describeTemperature = (temperature: Temperature): number | string =>
  typeof temperature === "object" ? `learned from ${temperature.learned}` : temperature;

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
  const first = temperature === "learned" ? 1 : typeof temperature === "object" ? temperature.learned : temperature;
  if (!(first > 0 && Number.isFinite(first))) {
    const remedy = 'Use a number above 0, or "learned"';
    throw new GraphError("IL102", learner, `temperature ${describeTemperature(temperature)}`, remedy);
  }
  if (typeof temperature !== "number") {
    return {
      init: (key) => ({ model: model.init(key), logTemperature: tensor(Math.log(first)) }),
      modelPath: "model",
      // By its logarithm: a step of the optimizer cannot make it negative.
      scaled: (params, logits) => mul(logits, exp(neg((params as WithTemperature).logTemperature))),
    };
  }
  return { init: model.init, scaled: (_params, logits) => (temperature === 1 ? logits : div(logits, temperature)) };
}
