/** What a run's learner may be evaluated with, beyond its own options, and which runs may be evaluated side by side. */

import { type Learner, structureKey, type Task } from "@innerloop/core";
import { roleAt, traitsOf } from "@innerloop/core/layers";
import { isCollector } from "@innerloop/core/tasks";
import type { TaskSupply } from "@innerloop/core/training";
import { leaves, paths, type Tensor, type Tree } from "@innerloop/graph";
import { needsOf } from "../build.js";
import {
  domainOf,
  type ExperimentConfig,
  type Flags,
  flagTable,
  inEvaluation,
  requireUse,
  settingsFrom,
  trainingTasksOf,
  withFlags,
} from "../config/index.js";
import type { DataSpec, Domain } from "../domains/domain.js";
import { UsageError } from "../options/usage-error.js";
import { absentWord, flagOf, optionText } from "../options/values.js";
import { loadParams, type TrainedParams } from "../runs/results.js";
import { argvWith, commandLine } from "../runs/run-command.js";
import { type RunConfig, runConfig, withConfig } from "../runs/run-config.js";
import { factsOf } from "../runs/run-facts.js";
import type { RunStore } from "../runs/run-store.js";
import { programSettles } from "./new-run.js";
import { type Prepared, prepareRun } from "./prepare.js";
import type { PreparingHost } from "./session-host.js";

/**
 * A run's configuration under what was chosen for its evaluation.
 *
 * @throws UsageError for what an experiment file or the training settles, for what means nothing for the run, and for
 *   tasks of sizes that its model cannot take
 */
export function evaluatedConfig(run: RunStore, chosen: Flags, batchNorm?: string): RunConfig {
  const given = { ...chosen, ...(batchNorm ? { batchNorm } : {}) };
  const { file, config: own } = run.config;
  if (!own) {
    const isKnown = (name: string): boolean => flagTable().some((flag) => flag.name === name);
    const settled = Object.keys(given).find((name) => programSettles(name) || !isKnown(name));
    if (settled !== undefined)
      throw new UsageError(`${flagOf(settled)} is settled by ${file?.path ?? "the run"}`, "Change it there");
    requireInEvaluation(chosen, run);
    return runConfig({ ...run.config, settings: settingsFrom({ ...run.config.options, ...given }) });
  }
  // Data of another kind than the run's are refused where they are read.
  requireUse(Object.keys(given), own, run.shown);
  requireInEvaluation(chosen, run);
  const config = withFlags(own, given);
  requireSizes(run, config);
  return withConfig(run.config, config);
}

/** The check that options are of evaluations. @throws UsageError for one that the training has settled */
function requireInEvaluation(chosen: Flags, run: RunStore): void {
  const table = flagTable();
  const settled = Object.keys(chosen).find((name) => !table.some((flag) => flag.name === name && inEvaluation(flag)));
  if (settled === undefined) return;
  throw new UsageError(
    `${flagOf(settled)} is settled by the training of ${run.shown}`,
    `Train one with \`${commandLine(argvWith(run.config.argv, { [settled]: chosen[settled] }))}\``,
  );
}

/** The check of the sizes of tasks. @throws UsageError where a run's model cannot take them */
export function requireSizes(run: RunStore, config: ExperimentConfig, asked?: string): void {
  const facts = factsOf(run.config, run.shown);
  if (facts) domainOf(facts.config).requireSizes?.(facts, config.domain, needsOf(facts.config), asked);
}

/**
 * The check that steps which were asked for are taken.
 *
 * @param adapters the learners and baselines that get as many steps as were asked for, if they take any
 * @throws UsageError where the user asked for steps, and none of them takes any: their only row would be the one it is
 *   without
 */
export function requireStepsTaken(
  chosen: Flags,
  adapters: readonly { readonly name: string; readonly steps?: number | undefined }[],
  remedy = "Leave it out: what is evaluated answers from one look at the support set",
): void {
  if (chosen.evalSteps === undefined || adapters.some(({ steps }) => steps !== undefined)) return;
  const names = [...new Set(adapters.map(({ name }) => name))].join(", ");
  throw new UsageError(
    `${flagOf("evalSteps")} ${optionText(chosen.evalSteps)} means nothing: ${names} takes no steps`,
    remedy,
  );
}

/**
 * The parameters of a run, for each of these learners: the one that was trained, and the same with batch normalisation
 * of other modes.
 *
 * @throws UsageError where a learner has parameters that were not trained; RunError ILN05
 */
export async function paramsFor(
  run: RunStore,
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
      `Train one with \`${commandLine(argvWith(run.config.argv, { batchNorm: String(to) }))}\``,
    );
  }
  return loaded;
}

/** A run's learner with its parameters, on tasks of another run. */
export interface BesideRun extends TrainedParams {
  readonly run: RunStore;
  readonly learner: Learner;
}

/** The run whose tasks all are evaluated on. */
export interface FirstRun {
  readonly run: RunStore;
  readonly prepared: Prepared;
  readonly evaluated: RunConfig;
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
  run: RunStore,
  chosen: readonly string[],
  host: PreparingHost,
  wanted?: "best" | "last",
): Promise<BesideRun> {
  const { prepared, evaluated } = first;
  const { config: own } = run.config;
  const domain = sharedDomain(first, run);
  if (domain) requireSameTestSet(domain, first, run, chosen);
  const sizes = domain && evaluated.config ? sizesOf(domain, evaluated.config) : {};
  const sized = own && withFlags(own, sizes);
  if (sized && domain && prepared.learnerOf && prepared.spec) {
    requireSizes(run, sized);
    const learner = prepared.learnerOf(sized, run);
    return { run, learner, ...(await paramsFor(run, learner, [learner], wanted)) };
  }
  // Of formulas and experiment files the tasks themselves say whether they are the same.
  const { experiment, trained } = await prepareRun(run, sized, host);
  const [mine, others] = [prepared.experiment.tasks.test, experiment.tasks.test];
  if (!sameTasks(mine, others)) {
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

/** The domain of two runs; undefined where one has none of the records. @throws UsageError where they have two */
function sharedDomain({ run }: FirstRun, other: RunStore): Domain | undefined {
  const [a, b] = [run.config.config, other.config.config];
  if (!a || !b) return undefined;
  const [mine, others] = [domainOf(a), domainOf(b)];
  if (mine !== others) throw different(run, other, "kind of data", mine.title, others.title);
  return mine;
}

/** The sizes of a config's tasks, as flags. */
const sizesOf = (domain: Domain, { domain: options }: ExperimentConfig): Flags =>
  Object.fromEntries(domain.taskSizes.map((name) => [name, options[name]]));

/** Unlabelled support examples per class of a run's tasks: none but for learners that learn from them. */
function unlabelledOf(config: ExperimentConfig): number {
  const tasks = trainingTasksOf(config);
  return tasks.kind === "episodes with unlabelled examples" ? tasks.unlabelled : 0;
}

function requireSameTestSet(
  domain: Domain,
  { run, prepared }: FirstRun,
  other: RunStore,
  chosen: readonly string[],
): void {
  const [first, second] = [factsOf(run.config, run.shown)!, factsOf(other.config, other.shown)!];
  const isOther = prepared.other !== undefined;
  if (prepared.other && prepared.spec?.sha256 === (second.spec as DataSpec | undefined)?.sha256) {
    throw new UsageError(
      `${other.shown} was trained on ${prepared.other.testedOn}, on which all classes are to be tested`,
      "Choose data that none of the runs was trained on, or leave out --data",
    );
  }
  const [mine, others] = [domain.heldOut(first, isOther), domain.heldOut(second, isOther)];
  for (const name of new Set([...Object.keys(mine), ...Object.keys(others)]))
    if (mine[name] !== others[name]) throw different(run, other, name, mine[name], others[name]);
  const [own, beside] = [unlabelledOf(first.config), unlabelledOf(second.config)];
  if (own > 0 !== beside > 0) {
    throw different(
      run,
      other,
      "unlabelled support examples per class",
      own,
      beside,
      "Only runs of learners that learn from unlabelled examples can be tested beside one another on tasks with them",
    );
  }
  if (own !== beside && !chosen.includes("unlabelled"))
    throw different(run, other, "unlabelled", own, beside, `Give ${flagOf("unlabelled")} for both`);
  for (const name of domain.taskSizes) {
    if (chosen.includes(name)) continue;
    const [a, b] = [first, second].map(({ options }) => domain.sizeOf(name, options, chosen));
    if (a !== b) throw different(run, other, name, a, b, `Give ${flagOf(name)} for both`);
  }
}

const different = (
  run: RunStore,
  other: RunStore,
  what: string,
  mine: unknown,
  others: unknown,
  remedy = "Compare runs that are tested on the same tasks",
): UsageError =>
  new UsageError(
    `${run.shown} and ${other.shown} are tested on different tasks: ${what} ${mine ?? absentWord} and ${others ?? absentWord}`,
    remedy,
  );

/** Whether tasks are the same ones: of sources the first tells; what is collected depends on parameters, and its description tells. */
const sameTasks = (a: TaskSupply<Tree, Tensor, Tensor>, b: TaskSupply<Tree, Tensor, Tensor>): boolean =>
  isCollector(a) || isCollector(b)
    ? a.name === b.name && JSON.stringify(a.description) === JSON.stringify(b.description)
    : sameTask(a.sample(0, 0), b.sample(0, 0));

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
