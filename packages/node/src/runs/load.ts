/** Trained models from run folders, for programs. */
import { availableParallelism } from "node:os";
import { type Answer, openModel, registerDomain, type TrainedModel, UsageError } from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { machineIo } from "../data/machine-io.js";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { type ExperimentModule, experimentOf } from "./experiment-file.js";
import { openRun, shown } from "./run-folder.js";

/** Options of `load`. */
export interface LoadOptions {
  /** Which parameters; the best of the validations unless given, where there were any. */
  readonly checkpoint?: "best" | "last";
  /** What computes; the processor, in this thread, unless given. */
  readonly executor?: Executor;
  /**
   * Of a run whose learner or kind of task is a program's: what its experiment file exports. A run folder may name any
   * file, and none is run for it here.
   */
  readonly experiment?: ExperimentModule;
}

let shared: Executor | undefined;

/** What computes for models of which nobody has said where they are to run: one for all, in this thread. */
export const defaultModelExecutor = (): Executor => {
  shared ??= onnxruntimeExecutor({ threads: availableParallelism() });
  return shared;
};

/** The refusal of a run whose kind of task is a program's, and not known: its file is named, and not run. */
export const refuseOwnDomain =
  (folder: string) =>
  async ({ path }: { readonly path: string }): Promise<never> => {
    throw new UsageError(
      `${shown(folder)} is a run whose kind of task is a program's (${machineIo.shown(path)})`,
      "Give what the file exports: load(DIR, { experiment: { domain } })",
    );
  };

/**
 * The trained model in a run folder, which adapts to a user's own examples and answers in their terms: image files and
 * classes, rows with the columns of a table and values in its units, points of a curve.
 *
 * @typeParam A its answers: { prediction, probabilities } of classes, values by the names of targets of rows
 * @throws RunError ILN01 where there is no run, ILN05 where it has no parameters; UsageError where it needs `experiment`
 * @example
 * const model = await load("runs/hanzi-20261121-1412");
 * const task = await model.adapt("examples/");
 * console.log(await task.predict(["new.png"]));
 */
export async function load<A extends Answer = Answer>(
  folder: string,
  { checkpoint, executor, experiment }: LoadOptions = {},
): Promise<TrainedModel<A>> {
  if (experiment && "domain" in experiment) registerDomain(experiment.domain);
  const run = await openRun(folder, refuseOwnDomain(folder));
  const made = experiment && "learner" in experiment ? experimentOf(experiment, folder) : undefined;
  const setting = { executor: executor ?? defaultModelExecutor(), checkpoint, experiment: made, io: machineIo };
  const { model } = await openModel<A>(run, setting);
  return model;
}
