/** A model that no training made: for kinds of task whose learners know enough from elsewhere, as a frozen encoder. */
import { key } from "@innerloop/core";
import type { Executor } from "@innerloop/graph";
import { domainOf, type Flags, requireUse, resolvePreset } from "../config/index.js";
import type { Answer } from "../domains/domain.js";
import type { DataIo, LongWork } from "../io.js";
import { UsageError } from "../options/usage-error.js";
import { TrainedModel } from "../trained-model.js";

/**
 * The model of a preset with the parameters that its training would begin with.
 *
 * @param preset of a domain that has such: `photos`
 * @param chosen options of the preset that are others: { backbone: "efficientnet-cells-640" }
 * @throws UsageError for a preset whose learners know nothing before they are trained, and for options that mean nothing
 * @example
 * const model = await untrainedModel("photos", {}, { executor, io });
 * const task = await model.adapt("marked");
 */
export async function untrainedModel<A extends Answer = Answer>(
  preset: string,
  chosen: Flags,
  { executor, io, ...work }: LongWork & { readonly executor: Executor; readonly io: DataIo },
): Promise<TrainedModel<A>> {
  const config = resolvePreset(preset, chosen);
  requireUse(Object.keys(chosen), config);
  const { untrained, title } = domainOf(config);
  if (!untrained)
    throw new UsageError(
      `an untrained model of ${preset}, which is for ${title}: its learners know nothing before they are trained`,
      `Train one: \`innerloop train ${preset}\``,
    );
  const parts = {
    made: { config, spec: await untrained(config.domain, io, work) },
    params: {},
    iteration: 0,
    evaluatedSteps: Math.max(...config.evaluation.evalSteps),
    protocol: {},
    name: `an untrained model of ${preset}`,
    ...{ executor, io },
  };
  // Which learner it is decides which parameters it has.
  const { learner } = new TrainedModel(parts);
  return new TrainedModel<A>({ ...parts, params: learner.init(key(config.training.seed)) });
}
