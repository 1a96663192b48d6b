/** Trained models from run folders, for programs. */
import { availableParallelism } from "node:os";
import {
  type Answer,
  type ExportedLearner,
  nearestName,
  openModel,
  quoted,
  registerDomain,
  type TrainedModel,
  UsageError,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { machineIo } from "../data/machine-io.js";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import { domainOfModule, type ExperimentModule, experimentOf } from "./experiment-file.js";
import { isExported, loadExported } from "./exported-folder.js";
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

/** @throws UsageError for what is no path */
export function requireFolder(operation: string, folder: unknown): void {
  if (typeof folder === "string" && folder !== "") return;
  throw new UsageError(`${operation}: the folder is ${quoted(folder)}`, 'Give its path, as in "runs/mine"');
}

/** @throws UsageError for options that there are none of */
export function requireOptions(operation: string, options: object, known: readonly string[]): void {
  const wrong = Object.keys(options).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  const near = nearestName(wrong, known);
  throw new UsageError(
    `${operation} has no option ${quoted(wrong)}`,
    near ? `Did you mean ${near}?` : `There ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`,
  );
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

const experimentRemedy =
  "Give what made it: load(DIR, { experiment: { learner, tasks, optimizer } }), or { experiment: { domain } }";

/**
 * The trained model in a run folder, which adapts to a user's own examples and answers in their terms: image files and
 * classes, rows with the columns of a table and values in its units, points of a curve. Of an exported folder it is an
 * `ExportedLearner`, as of `loadExported`: config.json tells which it is.
 *
 * @typeParam A its answers: { prediction, probabilities } of classes, values by the names of targets of rows
 * @throws RunError ILN01 where there is no run, ILN05 where it has no parameters; UsageError where it needs `experiment`;
 *   ExportError ILE202 for an exported folder that is damaged
 * @example
 * const model = await load("runs/hanzi-20261121-1412");
 * const task = await model.adapt("examples/");
 * console.log(await task.predict(["new.png"]));
 */
export function load<A extends Answer = Answer>(folder: string, options?: LoadOptions): Promise<TrainedModel<A>>;
export function load<L extends ExportedLearner<unknown>>(folder: string): Promise<L>;
export async function load(folder: string, options: LoadOptions = {}): Promise<TrainedModel | ExportedLearner> {
  requireFolder("load", folder);
  if (!(await isExported(folder))) return loadModel(folder, options);
  const [given] = Object.keys(options);
  if (given === undefined) return loadExported(folder);
  throw new UsageError(`load has no option ${quoted(given)} for ${shown(folder)}, an exported folder`, "Leave it out");
}

async function loadModel(folder: string, options: LoadOptions): Promise<TrainedModel> {
  requireOptions("load", options, ["checkpoint", "executor", "experiment"]);
  const { checkpoint, executor, experiment } = options;
  if (checkpoint !== undefined && !["best", "last"].includes(checkpoint))
    throw new UsageError(`checkpoint is ${quoted(checkpoint)}`, "Give best or last");
  const where = `the experiment for ${shown(folder)}`;
  const ownDomain = experiment === undefined ? undefined : domainOfModule(experiment, where, experimentRemedy);
  // A program may make its domain anew for each model.
  if (ownDomain) registerDomain(ownDomain, undefined, { replaces: true });
  const run = await openRun(folder, refuseOwnDomain(folder));
  const made = experiment && !ownDomain ? experimentOf(experiment, where, experimentRemedy) : undefined;
  const setting = { executor: executor ?? defaultModelExecutor(), checkpoint, experiment: made, io: machineIo };
  const { model } = await openModel(run, setting);
  return model;
}
