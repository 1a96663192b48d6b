/** What a run's learner may be evaluated with, beyond its own options, and which runs may be evaluated side by side. */

import { type Learner, type LearnerEntry, learnerCatalogue, structureKey, type Task } from "@innerloop/core";
import { roleAt, traitsOf } from "@innerloop/core/layers";
import { leaves, paths } from "@innerloop/graph";
import { type ExperimentOptions, experimentOptions, flagOf } from "../presets/option-table.js";
import { isOfUse, requireUse } from "../presets/option-use.js";
import { UsageError } from "../presets/usage-error.js";
import { loadParams, type TrainedParams } from "../runs/results.js";
import { commandWith, commandWithout, type RunConfig, type RunFolder, shown } from "../runs/run-folder.js";
import type { Output } from "./output.js";
import { type Prepared, prepareRun } from "./prepare.js";

type BatchNorm = ExperimentOptions["batchNorm"];

/**
 * A run's options under those that were chosen for its evaluation.
 *
 * @throws UsageError for what an experiment file settles, for what means nothing for the run, and for more ways than the
 *   learner can tell apart
 */
export function evaluationOptions(
  run: RunFolder,
  chosen: Partial<ExperimentOptions>,
  batchNorm?: BatchNorm,
): ExperimentOptions {
  const given = { ...chosen, ...(batchNorm ? { batchNorm } : {}) };
  const { file } = run.config;
  const settled = Object.keys(given).find((name) =>
    ["data", "ways", "shots", "queries", "unlabelled", "batchNorm"].includes(name),
  );
  if (file && settled) throw new UsageError(`${flagOf(settled)} is settled by ${file.path}`, "Change it there");
  const own = run.config.options;
  const options = { ...own, ...given };
  // Data of another kind than the run's are refused where they are read.
  if (!file) requireUse(Object.keys(given), { ...options, data: own.data }, shown(run.path));
  requireWays(run, options.ways);
  return options;
}

/**
 * @param adapters the learners and baselines that get as many steps as were asked for, if they take any
 * @throws UsageError where the user asked for steps, and none of them takes any: their only row would be the one it is
 *   without
 */
export function requireStepsTaken(
  chosen: Partial<ExperimentOptions>,
  adapters: readonly { readonly name: string; readonly steps?: number | undefined }[],
  remedy = "Leave it out: what is evaluated answers from one look at the support set",
): void {
  if (chosen.evalSteps === undefined || adapters.some(({ steps }) => steps !== undefined)) return;
  const names = [...new Set(adapters.map(({ name }) => name))].join(", ");
  throw new UsageError(
    `${flagOf("evalSteps")} ${chosen.evalSteps.join()} means nothing: ${names} takes no steps`,
    remedy,
  );
}

/**
 * Fewer ways than in training leave outputs without a class; more need a learner whose parameters do not depend on them.
 *
 * @param asked where they come from
 * @throws UsageError
 */
export function requireWays({ config }: RunFolder, ways: number, asked = `--ways ${ways}`): void {
  const { ways: trained, learner } = config.options;
  if (ways <= trained || learnerCatalogue[learner].variableWays) return;
  const remedy = hasClassesFor(config, ways)
    ? `Train one with \`${commandWith(config, "ways", ways)}\``
    : `The data of the run are too few to hold out ${ways} classes twice; a learner that tells any number apart needs no more: \`${commandOfLearner(config, "prototypical")}\``;
  throw new UsageError(`${asked} for a model whose last layer has ${trained} classes`, remedy);
}

/** Whether a run like this one, of more ways, would have classes enough for training, validation and test. */
function hasClassesFor({ data, options, protocol }: RunConfig, ways: number): boolean {
  const { split, rotations, validationClasses, testClasses } = options;
  const trained = (data?.trainClasses ?? 0) / (rotations === "yes" ? 4 : 1);
  if (split === "examples") return trained >= ways;
  const test = Number(protocol.classes ?? 0) + Number(protocol.skippedClasses ?? 0);
  // Of validation it is only known that there were as many as a task takes, where no number was given.
  const validation = Math.max(options.ways, validationClasses);
  if (validationClasses === 0 && testClasses === 0) return trained + test + validation >= 3 * ways;
  return Math.min(trained, test, validation) >= ways;
}

/** The command of a run with another learner, without the options that mean nothing to it. */
function commandOfLearner(config: RunConfig, learner: ExperimentOptions["learner"]): string {
  const options = { ...config.options, learner };
  const useless = Object.keys(experimentOptions).filter((name) => !isOfUse(name, options));
  return commandWith({ command: commandWithout(config, useless) }, "learner", learner);
}

/**
 * The parameters of a run, for each of these learners: the one that was trained, and the same with batch normalisation
 * of other modes.
 *
 * @throws UsageError where a learner has parameters that were not trained; RunError ILN05
 */
export async function paramsFor(
  run: RunFolder,
  trained: Learner,
  learners: readonly Learner[],
  wanted?: "best" | "last",
): Promise<TrainedParams> {
  const loaded = await loadParams(run, trained, wanted);
  const own = paths(trained.init(structureKey));
  // Kept beside the parameters by batch normalisation of mode "running"; other modes have no use for them.
  const isAverageOf = (learner: Learner) => (path: string) => roleAt(traitsOf(learner), path) === "averaged";
  for (const learner of learners) {
    if (learner === trained) continue;
    const needed = paths(learner.init(structureKey));
    const missing = needed.filter((path) => !own.includes(path));
    const unused = own.filter((path) => !needed.includes(path) && !isAverageOf(trained)(path));
    if (missing.length === 0 && unused.length === 0) continue;
    const [from, to] = [trained, learner].map(({ description }) => description.batchNorm ?? "none");
    const what =
      missing.every(isAverageOf(learner)) && unused.length === 0
        ? "averages of the statistics over training, which the run has not kept"
        : "other parameters than the run has";
    throw new UsageError(
      `--batch-norm ${to} needs ${what}: it was trained with --batch-norm ${from}`,
      `Train one with \`${commandWith(run.config, "batchNorm", String(to))}\``,
    );
  }
  return loaded;
}

/** A run's learner with its parameters, on tasks of another run. */
export interface BesideRun extends TrainedParams {
  readonly run: RunFolder;
  readonly learner: Learner;
}

/** The run whose tasks all are evaluated on. */
export interface FirstRun {
  readonly run: RunFolder;
  readonly prepared: Prepared;
  readonly options: ExperimentOptions;
}

/**
 * Another run's learner for the tasks of the first. They have to be of classes that it was to be tested on, too: what
 * one run held out may be what the other was trained on.
 *
 * @param chosen what was asked for all runs alike; in sizes of tasks that are not among it, the runs have to agree
 * @throws UsageError that says in what they differ
 */
export async function onTasksOf(
  first: FirstRun,
  run: RunFolder,
  chosen: readonly string[],
  output: Output,
  wanted?: "best" | "last",
): Promise<BesideRun> {
  const { prepared, options } = first;
  requireSameTestSet(first, run, chosen);
  const { ways, shots, queries } = options;
  const { config } = run;
  const sized = config.file ? config.options : { ...config.options, ways, shots, queries };
  if (!config.file && prepared.splits && prepared.learnerOf) {
    requireWays(run, ways);
    const learner = prepared.learnerOf(sized, run);
    return { run, learner, ...(await paramsFor(run, learner, [learner], wanted)) };
  }
  // Of formulas, tables and experiment files the tasks themselves say whether they are the same.
  const { experiment, trained } = await prepareRun(run, sized, output);
  const [mine, others] = [prepared.experiment.tasks.test, experiment.tasks.test];
  if (!sameTask(mine.sample(0, 0), others.sample(0, 0))) {
    const [a, b] = [mine, others].map(
      (tasks): Record<string, unknown> => ({ family: tasks.name, ...tasks.description }),
    );
    const name = Object.keys(a!).find((each) => a![each] !== b![each]);
    throw name === undefined
      ? different(first.run, run, "those at the same addresses,", "of one", "the other")
      : different(first.run, run, name, a![name], b![name]);
  }
  const { learner } = experiment;
  return { run, learner, ...(await paramsFor(run, trained ?? learner, [learner], wanted)) };
}

/** Sizes of a task that options settle. */
export const taskSizes = ["ways", "shots", "queries", "unlabelled"] as const;

/** Unlabelled support examples per class of a run's tasks: none but for learners that learn from them. */
const unlabelledOf = ({ learner, unlabelled }: ExperimentOptions): number =>
  (learnerCatalogue[learner] as LearnerEntry).tasks === "episodes with unlabelled examples" ? unlabelled : 0;

function requireSameTestSet({ run, prepared }: FirstRun, other: RunFolder, chosen: readonly string[]): void {
  const [a, b] = [run.config, other.config];
  // Tasks of experiment files are compared themselves.
  if (a.file || b.file) return;
  if (prepared.domains && prepared.record?.sha256 === b.data?.sha256) {
    throw new UsageError(
      `${shown(other.path)} was trained on ${prepared.domains.testedOn}, on which all classes are to be tested`,
      "Choose data that none of the runs was trained on, or leave out --data",
    );
  }
  const testSetOf = (config: RunConfig): Readonly<Record<string, unknown>> => ({
    ...inputsOf(config),
    ...(prepared.domains ? {} : heldOutOf(config)),
  });
  const [mine, others] = [testSetOf(a), testSetOf(b)];
  for (const [name, value] of Object.entries(mine))
    if (value !== others[name]) throw different(run, other, name, value, others[name]);
  const [own, beside] = [a, b].map(({ options }) => unlabelledOf(options) > 0);
  if (own !== beside) {
    throw different(
      run,
      other,
      "unlabelled support examples per class",
      ...([a, b].map(({ options }) => unlabelledOf(options)) as [number, number]),
      "Only runs of learners that learn from unlabelled examples can be tested beside one another on tasks with them",
    );
  }
  for (const name of taskSizes) {
    // Queries that are as many as shots are settled with them.
    const asShots = ({ shots }: ExperimentOptions): number => (chosen.includes("shots") ? 0 : shots);
    const sizeIn = ({ options }: RunConfig): number => {
      if (name === "unlabelled") return unlabelledOf(options);
      return name === "queries" ? options.queries || asShots(options) : options[name];
    };
    if (!chosen.includes(name) && sizeIn(a) !== sizeIn(b))
      throw different(run, other, name, sizeIn(a), sizeIn(b), `Give ${flagOf(name)} for both`);
  }
}

/** What a learner sees: images that another was not trained to see would be no test of it. */
const inputsOf = ({ data, options }: RunConfig) => ({
  "kind of data": data ? "a data set" : options.data,
  "shape of examples": data?.exampleShape.join(" x "),
  "dark ink on light paper": data?.darkOnLight,
});

/** What decides which classes, or examples, are held out. */
const heldOutOf = ({ data, options, protocol }: RunConfig) => ({
  "data set": data?.name,
  "contents of the data set (sha256)": data?.sha256.slice(0, 16),
  split: options.split,
  "class order": options.classOrder,
  "--validation-classes": options.validationClasses,
  "--test-classes": options.testClasses,
  "held-out classes": data ? Number(protocol.classes ?? 0) + Number(protocol.skippedClasses ?? 0) : undefined,
});

const different = (
  run: RunFolder,
  other: RunFolder,
  what: string,
  mine: unknown,
  others: unknown,
  remedy = "Compare runs that are tested on the same tasks",
): UsageError =>
  new UsageError(
    `${shown(run.path)} and ${shown(other.path)} are tested on different tasks: ${what} ${mine} and ${others}`,
    remedy,
  );

function sameTask(a: Task, b: Task): boolean {
  const [first, second] = [leaves(a), leaves(b)];
  return (
    first.length === second.length &&
    first.every((leaf, i) => {
      const other = second[i]!;
      return (
        leaf.shape.join() === other.shape.join() &&
        Array.from(leaf.data!, Number).every((value, at) => value === Number(other.data![at]))
      );
    })
  );
}
