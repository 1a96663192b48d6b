/** The trained model of a run. */
import type { Executor } from "@innerloop/graph";
import type { Experiment } from "../build.js";
import type { Answer } from "../domains/domain.js";
import type { DataIo } from "../io.js";
import { UsageError } from "../options/usage-error.js";
import { readChosenSteps } from "../runs/adaptation-steps.js";
import { loadParams } from "../runs/results.js";
import { factsOf } from "../runs/run-facts.js";
import type { RunStore } from "../runs/run-store.js";
import { TrainedModel } from "../trained-model.js";

/** A trained model with the parameters of its run that it has. */
export interface OpenedModel<A extends Answer> {
  readonly model: TrainedModel<A>;
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  /** Steps that validation has chosen. */
  readonly chosenSteps: number | undefined;
}

/**
 * The trained model of a run, to adapt to a user's own examples.
 *
 * @param setting.experiment of a run whose experiment file brings learner and tasks of its own
 * @throws RunError ILN05 where there are no parameters; UsageError where the run's learner is a program's and there is no
 *   experiment, or is made of options and there is one
 */
export async function openModel<A extends Answer = Answer>(
  run: RunStore,
  setting: {
    readonly executor: Executor;
    readonly checkpoint?: "best" | "last" | undefined;
    readonly experiment?: Experiment | undefined;
    readonly io: DataIo;
  },
): Promise<OpenedModel<A>> {
  const { executor, checkpoint: wanted, experiment, io } = setting;
  const { config, data: spec, protocol, options } = run.config;
  if (!config && !experiment)
    throw new UsageError(
      `${run.shown} is a run whose learner is a program's (${run.config.file ? io.shown(run.config.file.path) : "no file is named"})`,
      "Give what made it: load(DIR, { experiment: { learner, tasks, optimizer } })",
    );
  if (config && experiment)
    throw new UsageError(
      `a learner for ${run.shown}, a run whose learner is made by its options (--learner ${config.learner.name})`,
      "Leave `experiment` out",
    );
  const made = config ? { config, spec } : experiment!;
  const facts = factsOf(run.config, run.shown);
  const common = {
    made,
    evaluatedSteps: Math.max(...options.evalSteps),
    protocol,
    name: run.shown,
    executor,
    io,
    ...(facts ? { command: facts.command } : {}),
  };
  // Which learner it is decides which parameters it has.
  const { learner } = new TrainedModel({ ...common, params: {}, iteration: 0 });
  const { params, iteration, checkpoint } = await loadParams(run, learner, wanted);
  const chosen = await readChosenSteps(run, { checkpoint, iteration });
  return {
    model: new TrainedModel<A>({ ...common, params, iteration, steps: chosen?.steps }),
    checkpoint,
    iteration,
    chosenSteps: chosen?.steps,
  };
}
