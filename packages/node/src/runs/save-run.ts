/** Runs of programs as run folders. */
import type { RunParts } from "@innerloop/core/training";
import { encodeCheckpoint, Run } from "@innerloop/core/training";
import { loadParams, runConfig, settingsFrom, UsageError, unknownArgv } from "@innerloop/experiments";
import { type Executor, leaves, type Tree } from "@innerloop/graph";
import { type ExperimentModule, experimentOf } from "./experiment-file.js";
import { defaultModelExecutor, refuseOwnDomain, requireFolder, requireOptions } from "./load.js";
import { checkpointStore, createRun, openRun, shown, writeConfig } from "./run-folder.js";
import { versions } from "./versions.js";

type AnyRun = RunParts<Tree, Tree, Tree, Tree>;

/**
 * Writes a run that a program has trained: parameters, those of the best validation, and what describes them, last: a folder
 * where that is missing is no run.
 *
 * @throws RunError ILN01 where there is something in the folder, ILN03 where it cannot be written
 */
export async function saveRun(run: AnyRun, folder: string): Promise<void> {
  requireFolder("save", folder);
  const { learner, params, iteration, best, tasks, seed, executor } = run;
  const elsewhere = "Save it in a new or empty folder";
  const files = await createRun(folder, { ofRun: elsewhere, other: elsewhere });
  const store = checkpointStore(files);
  const common = { seed, setting: "", chunkSize: 1, recompute: 0, optimizer: {}, sinceBest: 0 };
  const { score, by } = best ?? {};
  const told = best && { best: { iteration: best.iteration, score: score!, ...(by === undefined ? {} : { by }) } };
  await store.save("last", encodeCheckpoint({ ...common, iteration, params, ...told }));
  if (best)
    await store.save("best", encodeCheckpoint({ ...common, iteration: best.iteration, params: best.params, ...told }));
  await writeConfig(
    files,
    runConfig({
      experiment: "a program",
      // Nothing was evaluated: it adapts by the steps of training.
      settings: settingsFrom({ seed, iterations: Math.max(1, iteration), evalSteps: [learner.steps ?? 0] }),
      chunkSize: 1,
      recompute: 0,
      workers: executor.parallelism,
      protocol: {
        text: "as the program defines it",
        parameters: leaves(params).reduce((sum, { size }) => sum + size, 0),
        ...tasks.validation.description,
        ...learner.description,
      },
      argv: unknownArgv,
      versions: versions(),
      created: new Date().toISOString(),
    }),
  );
}

/**
 * The run that a program has saved, with the learner and tasks that it was made of: to adapt, predict and evaluate as
 * before.
 *
 * @param experiment what the program has: { learner, tasks, optimizer }
 * @throws RunError ILN01, ILN05; TrainingError ILR202 where the parameters are not the learner's
 * @example const run = await loadRun("runs/mine", { learner, tasks, optimizer })
 */
export async function loadRun(
  folder: string,
  experiment: Extract<ExperimentModule, { readonly learner: unknown }>,
  options: { readonly executor?: Executor } = {},
): Promise<Run> {
  requireFolder("loadRun", folder);
  requireOptions("loadRun", options, ["executor"]);
  const { executor = defaultModelExecutor() } = options;
  const run = await openRun(folder, refuseOwnDomain(folder));
  if (run.config.config)
    throw new UsageError(`${shown(folder)} is a run of options, and not of a program`, "Load it with `load(DIR)`");
  const remedy = "Give what made it: loadRun(DIR, { learner, tasks, optimizer })";
  const { learner, tasks } = experimentOf(experiment, `the experiment for ${shown(folder)}`, remedy);
  const { params, iteration, best: told } = await loadParams(run, learner, "last");
  const best = told && { ...told, params: (await loadParams(run, learner, "best")).params };
  const { seed } = run.config.options;
  return new Run({ learner, params, iteration, best, reason: "finished", tasks, seed, executor });
}
