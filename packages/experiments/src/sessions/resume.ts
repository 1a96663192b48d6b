/** A run that goes on: what may change in it, and what its record says then. */
import { domainOf, type ExperimentConfig, type Flags, flagTable, settingsFrom, withFlags } from "../config/index.js";
import type { DataSpec } from "../domains/domain.js";
import { quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import { flagOf } from "../options/values.js";
import { argvWith, commandLine } from "../runs/run-command.js";
import { type RunConfig, runConfig, withConfig } from "../runs/run-config.js";
import type { RunStore } from "../runs/run-store.js";
import { count, counted } from "../words.js";
import { type Prepared, prepareMoved, prepareRun } from "./prepare.js";
import type { PreparingHost } from "./session-host.js";

/** The check that options may change in a run that has begun. @throws UsageError for one that may not */
export function requireResumable(chosen: Flags): void {
  const table = flagTable();
  const refused = Object.keys(chosen).find(
    (name) => !table.find((flag) => flag.name === name)?.places.some(({ spec }) => spec.onResume),
  );
  if (refused !== undefined) throw cannotChange(flagOf(refused));
}

/** The error of an option that cannot change in a run that has begun. */
export const cannotChange = (flag: string): UsageError =>
  new UsageError(`${flag} cannot change in a run that has begun`, "Leave it out, or start a new run");

/** A run's configuration as it goes on, and its options where they are not a program's. */
export interface Resumed {
  readonly config: RunConfig;
  readonly extended: ExperimentConfig | undefined;
}

/**
 * A run's configuration under what was chosen for the rest of it.
 *
 * @param iteration updates that are behind it
 * @throws UsageError where it cannot be as long as that, or was not trained here
 */
export function resumedConfig(stored: RunConfig, chosen: Flags, iteration: number): Resumed {
  if (stored.imported)
    throw new UsageError(
      `its parameters are imported from ${quoted(stored.imported.file)}, and no training here has led to them`,
      `Train one like it from the start: \`${commandLine(stored.argv)}\``,
    );
  const settings = settingsFrom({ ...stored.options, ...chosen });
  const { iterations, schedule } = settings.training;
  if (iterations < iteration) {
    throw new UsageError(
      `the run has ${counted(iteration, "update")} behind it, more than --iterations ${iterations}`,
      "Ask for more",
    );
  }
  if (iterations !== stored.options.iterations && schedule !== "constant") {
    // The rates so far were those of the shorter run: no run of the new length would have come here.
    throw new UsageError(
      `the run's ${schedule} schedule ends after ${counted(stored.options.iterations, "update")}, and cannot go on to ${count(iterations)}`,
      "Start a new run of that length; only a run at a constant rate can be extended",
    );
  }
  const extended = stored.config && withFlags(stored.config, chosen);
  const argv = argvWith(stored.argv, chosen);
  const changed = extended ? withConfig(stored, extended) : stored;
  return { config: runConfig({ ...changed, ...(extended ? {} : { settings }), argv }), extended };
}

/**
 * The experiment of a run that goes on.
 *
 * @param stored the run as it was
 * @throws UsageError where its learner is not the same over another number of updates; as `prepareRun` does
 */
export async function prepareResumed(
  stored: RunStore,
  { config, extended }: Resumed,
  chosen: Flags,
  host: PreparingHost,
): Promise<Prepared> {
  const run = { ...stored, config };
  const prepared =
    extended && movesData(extended, chosen)
      ? await prepareMoved(stored, extended, host)
      : await prepareRun(run, extended, host);
  requireSameLearner(run, stored, prepared);
  return prepared;
}

/** The question whether options say where the data of a run are now. */
export const movesData = (config: ExperimentConfig, chosen: Flags): boolean =>
  domainOf(config).dataOptions.some((name) => chosen[name] !== undefined);

/** A run's record where its data set has moved to another place: a folder or file, or a name in the user's store. */
export function withMovedData(config: RunConfig, { folder, tables }: DataSpec): RunConfig {
  const { folder: _, tables: __, ...data } = config.data!;
  return {
    ...config,
    data: { ...data, ...(folder === undefined ? {} : { folder }), ...(tables === undefined ? {} : { tables }) },
  };
}

/** A run's record where it goes on with a file that the user has named: its results say where the file changed. */
export function withFile(config: RunConfig, file: NonNullable<RunConfig["file"]>, iteration: number): RunConfig {
  const text = `${config.protocol.text}; the file changed after ${counted(iteration, "update")}`;
  const protocol = file.sha256 === config.file?.sha256 ? config.protocol : { ...config.protocol, text };
  return { ...config, file, protocol };
}

/**
 * What a learner does over the run may depend on how long it is.
 *
 * @throws UsageError where the updates so far were those of another learner than the longer run's
 */
function requireSameLearner(run: RunStore, { config: was }: RunStore, { trained, learnerOf: built }: Prepared): void {
  const { iterations } = run.config.options;
  if (iterations === was.options.iterations || !trained || !built || !was.config) return;
  if (JSON.stringify(built(was.config, run).description) === JSON.stringify(trained.description)) return;
  throw new UsageError(
    `${trained.name} changes over its ${counted(was.options.iterations, "update")}, and cannot go on to ${count(iterations)}`,
    "Start a new run of that length; only a learner that is the same throughout can be trained for longer",
  );
}
