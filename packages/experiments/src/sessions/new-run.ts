/** A new run: what was asked for, and its record before it trains. */

import type { Executor } from "@innerloop/graph";
import { requireFitting } from "../build.js";
import {
  type ExperimentConfig,
  type ExperimentSettings,
  type Flags,
  flagTable,
  flagWords,
  type Part,
  requireUse,
} from "../config/index.js";
import { domains } from "../domains/registry.js";
import type { Engine, TrainingValues } from "../options/training-options.js";
import { UsageError } from "../options/usage-error.js";
import { flagOf } from "../options/values.js";
import { type RunConfig, runConfig, withEngine } from "../runs/run-config.js";
import type { Prepared } from "./prepare.js";
import type { RunPlan } from "./train.js";

/** The experiment that was asked for. */
export interface AskedExperiment {
  /** What its run is called. */
  readonly name: string;
  /** The preset, or the experiment file's path. */
  readonly experiment: string;
  /** How tasks are made and figures are to be read. */
  readonly protocol: string;
  /** All options; undefined where a program brings learner and tasks of its own. */
  readonly config?: ExperimentConfig;
  readonly settings: ExperimentSettings;
  readonly prepared?: Prepared;
  readonly file?: NonNullable<RunConfig["file"]>;
}

/**
 * A config that was asked for, with the settings in it.
 *
 * @param chosen the options that the user chose
 * @throws UsageError where choices do not go together, or an option that was chosen means nothing beside them
 */
export function checkedExperiment(
  config: ExperimentConfig,
  experiment: string,
  chosen: Flags,
): Pick<AskedExperiment, "experiment" | "settings"> & { readonly config: ExperimentConfig } {
  // A table without its columns is said before what else means nothing.
  requireFitting(config);
  requireUse(Object.keys(chosen), config);
  const { training, evaluation } = config;
  return { experiment, config, settings: { training, evaluation } };
}

/**
 * The check that what goes by validations has some.
 *
 * @param asked the options that somebody asked for: what a preset brings is idle without validations, and no error
 * @throws UsageError
 */
export function requireValidation(training: TrainingValues, asked?: Flags): void {
  if (training.validateEvery > 0) return;
  const idle = (["bestBy", "patience"] as const).find((name) => (asked ?? training)[name] !== undefined);
  if (idle === undefined) return;
  throw new UsageError(
    `${flagOf(idle)} means nothing with ${flagOf("validateEvery")} 0`,
    "It is for runs with validations",
  );
}

/** The preset that goes with options which are given without one: that of the domain that they speak of. */
export function presetFor(chosen: Flags): string | undefined {
  for (const domain of domains()) {
    const name = domain.claims?.(chosen);
    if (name !== undefined) return name;
  }
  return undefined;
}

const settledParts: readonly Part[] = ["domain", "learner", "network"];
/** What an optimizer and baselines of one's own have settled. */
const ofProgram: readonly string[] = ["outerOptimizer", "outerRate", "schedule", "clip", "scratchRate"];

/** True of an option to which an experiment in code leaves no say. */
export const programSettles = (option: string): boolean =>
  ofProgram.includes(option) ||
  flagTable().some(({ name, places }) => name === option && places.some(({ part }) => settledParts.includes(part)));

/** The check that a learner has something to train. @throws UsageError */
export function requireParameters({ experiment }: Prepared, { parameters }: RunPlan): void {
  if (parameters > 0) return;
  throw new UsageError(
    `${experiment.learner.name} has no parameters here: there is nothing to train`,
    "Choose a model with layers of its own (--model mlp or conv), or another learner",
  );
}

/** The engine of an executor, as `--engine` names it. */
export const engineOf = ({ writer }: Pick<Executor, "writer">): Exclude<Engine, "auto"> =>
  writer ? "native" : "onnxruntime";

/**
 * The record of a run that begins.
 *
 * @param setting.target what was trained, as it was asked for: a preset, a file
 */
export function newRunConfig(setting: {
  readonly asked: AskedExperiment;
  readonly prepared: Prepared;
  readonly plan: RunPlan;
  readonly executor: Pick<Executor, "parallelism" | "writer">;
  readonly target: string | undefined;
  readonly chosen: Flags;
  readonly versions: Readonly<Record<string, string>>;
  readonly created: Date;
}): RunConfig {
  const { asked, prepared, plan, executor, target, chosen, versions, created } = setting;
  const { experiment, file } = asked;
  const engine = engineOf(executor);
  const config = asked.config && withEngine(asked.config, engine);
  const settings = withEngine(asked.settings, engine);
  const { chunkSize, recompute, expectedBytes } = plan.training;
  return runConfig({
    experiment,
    ...(file ? { file } : {}),
    ...(config ? { config } : {}),
    settings,
    chunkSize,
    recompute,
    workers: executor.parallelism,
    ...(expectedBytes === undefined ? {} : { expectedBytes: Math.round(expectedBytes) }),
    ...(prepared.spec ? { data: prepared.spec } : {}),
    protocol: {
      text: asked.protocol,
      ...prepared.experiment.tasks.test.description,
      ...prepared.experiment.learner.description,
    },
    argv: ["train", ...(target === undefined ? [] : [target]), ...flagWords(chosen)],
    versions: { ...versions, ...(executor.writer?.compiler ? { compiler: executor.writer.compiler } : {}) },
    created: created.toISOString(),
  });
}
