/** Run folders, which are read in Node: by the package that the engine is in, found when it is first needed. */
import type { Run } from "@innerloop/core";
import type { Answer, ExportedAnswer, ExportedLearner, TrainedModel } from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import type { LearnerModule, LoadOptions } from "@innerloop/node";
import { exportedMachine, machine } from "./offered-executor.js";

/**
 * The trained model in a run folder, which adapts to a user's own examples and answers in their terms: image files and
 * classes, rows with the columns of a table and values in its units, points of a curve. Of an exported folder
 * (`innerloop export`) it is an `ExportedLearner`: `load<ExportedLearner>("exported/hanzi")`. So it is of a learner that comes
 * trained: `load<ExportedLearner>("innerloop:symbols")`; `innerloop models` lists them.
 *
 * @typeParam A its answers: { prediction, probabilities } of classes, values by the names of targets of rows
 * @throws RunError ILN01 where there is no run, ILN05 where it has no parameters; ExportError ILE202 for an exported folder
 *   that is damaged, ILE209 for an address that no learner comes with
 * @example
 * const model = await load("runs/hanzi-20261121-1412");
 * const task = await model.adapt("examples/");
 * console.log(await task.predict(["new.png"]));
 */
export function load<A = ExportedAnswer>(address: `innerloop:${string}`): Promise<ExportedLearner<A>>;
export function load<A extends Answer = Answer>(folder: string, options?: LoadOptions): Promise<TrainedModel<A>>;
export function load<L extends ExportedLearner<unknown>>(folder: string): Promise<L>;
export async function load(folder: string, options: LoadOptions = {}): Promise<TrainedModel | ExportedLearner> {
  if (typeof folder === "string" && folder !== "" && Object.keys(options).length === 0) {
    const { isExported, isIncludedAddress, loadExported } = await exportedMachine();
    if (isIncludedAddress(folder) || (await isExported(folder))) return loadExported(folder);
  }
  return (await machine()).load(folder, options);
}

/**
 * The run that a program has saved with `run.save`, with the learner and tasks that it was made of.
 *
 * @throws RunError ILN01, ILN05 where there is no such run
 * @example const run = await loadRun("runs/mine", { learner, tasks, optimizer })
 */
export async function loadRun(
  folder: string,
  experiment: LearnerModule,
  options: { readonly executor?: Executor } = {},
): Promise<Run> {
  return (await machine()).loadRun(folder, experiment, options);
}
