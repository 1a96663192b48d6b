/** Trains a run: what is there is continued, every event is logged, and a stop at any moment loses nothing. */
import { type CheckpointStore, type FigureDescription, key, type TrainingEvent, train } from "@innerloop/core";
import { splitSeed } from "@innerloop/core/tasks";
import {
  batchOfShapes,
  evaluationFigures,
  keyInMemory,
  outerState,
  planTraining,
  supplyFor,
  type TaskSupply,
  type TrainingPlan,
  trainingRules,
} from "@innerloop/core/training";
import { type Executor, leaves } from "@innerloop/graph";
import type { Experiment } from "../build.js";
import { domainOf, type Flags, resolvePreset, toFlags } from "../config/index.js";
import { findPreset } from "../domains/registry.js";
import { figureNamed } from "../figures/results-cells.js";
import type { TrainingValues } from "../options/training-options.js";
import { leadingWord } from "../options/training-options.js";
import { UsageError } from "../options/usage-error.js";
import { flagOf } from "../options/values.js";
import { isDivergence } from "../runs/failure.js";
import { damagedCheckpoint, evaluationRecord, lastIterationOf, stepsOfTasks } from "../runs/results.js";
import type { RunConfig } from "../runs/run-config.js";
import type { RunEvent, RunStore } from "../runs/run-store.js";
import type { SessionHost } from "./session-host.js";

/** The way a run will train, and what that takes. */
export interface RunPlan {
  readonly training: TrainingPlan;
  /** Multiplications and additions of one update, without what is computed again. */
  readonly operations: number;
  readonly parameters: number;
}

/**
 * Works out how many tasks run at once, whether inner steps are computed again, and what that takes.
 *
 * @param usedBytes what the process had before the first plan
 */
export async function planRun(
  experiment: Experiment,
  options: TrainingValues,
  executor: Executor,
  usedBytes?: number,
): Promise<RunPlan> {
  const { learner, optimizer, tasks } = experiment;
  const params = learner.init(keyInMemory(options.seed, executor));
  const trainSeed = splitSeed(options.seed, "train");
  const supply = supplyFor(learner, tasks.train);
  const rules = trainingRules(learner, params, supply as TaskSupply, trainSeed);
  const training = await planTraining({
    learner,
    optimizer,
    executor,
    metaBatchSize: options.metaBatch,
    params,
    state: outerState(learner, optimizer, params),
    batch: batchOfShapes(supply as TaskSupply, trainSeed, options.metaBatch, rules),
    validationTasks: options.validateEvery > 0 ? options.validationTasks : 0,
    ...memoryBudgetOf(options),
    usedBytes,
    ...(options.chunk === undefined ? {} : { chunkSize: options.chunk }),
    ...(options.recompute === "auto" ? {} : { recompute: options.recompute === "yes" }),
  });
  return {
    training,
    operations: (training.estimate.operations * options.metaBatch) / training.chunkSize,
    parameters: leaves(params).reduce((total, leaf) => total + leaf.size, 0),
  };
}

const memoryBudgetOf = ({ memory }: TrainingValues): { readonly memoryBudget?: number } =>
  memory !== undefined ? { memoryBudget: memory * 2 ** 20 } : {};

/** The end of a training session, and the updates behind it. */
export type SessionEnd = { readonly reason: "finished" | "interrupted" | "early stop"; readonly iteration: number };

/** The experiment to train, and the run that keeps it. */
export interface TrainingRequest {
  readonly run: RunStore;
  readonly experiment: Experiment;
  /** Of a run that begins: what was compiled for it need not be compiled again. */
  readonly plan?: TrainingPlan | undefined;
}

/** The means by which a training computes, and is followed and stopped. */
export interface TrainingHost extends Pick<SessionHost, "executor" | "signal"> {
  /** @throws RunError ILN02 where another process may be training the run: asked before anything is kept */
  readonly requireHeld?: (() => void) | undefined;
  /** Most bytes that the process has had, for the log. */
  readonly peakBytes?: (() => number) | undefined;
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
}

/**
 * Trains a run from its last checkpoint, or from the start, to the end. Nobody else may train it meanwhile.
 *
 * @throws RunError ILN05 where its last checkpoint is damaged; TrainingError ILR102 where training diverges, which the
 *   run's events then say
 */
export async function trainSession(
  { run, experiment, plan }: TrainingRequest,
  { executor, signal, requireHeld, peakBytes, onEvent }: TrainingHost,
): Promise<SessionEnd> {
  const { options, chunkSize, recompute } = run.config;
  const lastIteration = await lastIterationOf(run);
  const log = await run.events.open(lastIteration);
  const store: CheckpointStore = {
    load: run.checkpoints.load,
    save: async (name, bytes) => {
      run.files.requireThere();
      requireHeld?.();
      // The log on disk is never behind the checkpoint.
      log.flush();
      await run.checkpoints.save(name, bytes);
    },
  };
  let done = lastIteration;
  try {
    const { reason, iteration } = await train({
      learner: experiment.learner,
      tasks: { train: experiment.tasks.train, validation: experiment.tasks.validation },
      optimizer: experiment.optimizer,
      metaBatchSize: options.metaBatch,
      iterations: options.iterations,
      seed: options.seed,
      executor,
      chunkSize,
      recompute,
      ...(plan ? { plan } : {}),
      ...(options.validateEvery > 0
        ? {
            validation: {
              every: options.validateEvery,
              count: options.validationTasks,
              mostSteps: Math.max(...options.evalSteps),
              ...(options.bestBy === undefined ? {} : { by: bestByOf(experiment, options.bestBy).name }),
              ...(options.patience === undefined ? {} : { patience: options.patience }),
              ...(options.validateStart ? { start: true } : {}),
              ...(options.validateSteps === undefined ? {} : { steps: options.validateSteps as number }),
            },
          }
        : {}),
      checkpoints: { store, every: options.checkpointEvery, resume: true },
      ...(signal ? { signal } : {}),
      onEvent: (event) => {
        done = event.iteration;
        log.append(logged(event, peakBytes));
        onEvent?.(event);
      },
    });
    return { reason, iteration };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ILR201")
      throw damagedCheckpoint(run, "last", error);
    // Of the update that failed: a run that goes on from its last checkpoint drops it, and meets it again.
    if (isDivergence(error)) log.append({ type: "failed", iteration: done + 1, message: error.message });
    throw error;
  } finally {
    log.close();
  }
}

/**
 * The figure by which the best parameters of a training are chosen.
 *
 * @param asked its name, title or short name; or that it is the leading one
 * @throws UsageError where validation has no such figure, or neither more nor less of it is better
 */
export function bestByOf({ learner, tasks }: Experiment, asked: string): FigureDescription {
  const all = evaluationFigures(learner, tasks.validation, learner.init(key(0)));
  const judges = all.filter(({ better }) => better !== undefined);
  const found = (asked === leadingWord ? judges[0] : undefined) ?? figureNamed(asked, all, learner.name);
  if (found.better !== undefined) return found;
  throw new UsageError(
    `${flagOf("bestBy")} ${found.title}: neither more nor less of it is better`,
    `Choose one of ${judges.map(({ title }) => title).join(", ")}`,
  );
}

/** An event as a run keeps it: figures without the values of every task, and at the end what the process took. */
function logged(event: TrainingEvent, peakBytes: (() => number) | undefined): RunEvent {
  switch (event.type) {
    case "validation":
      return { ...event, evaluation: evaluationRecord(event.evaluation) };
    case "end":
      return { ...event, ...(peakBytes ? { peakBytes: peakBytes() } : {}) };
    default:
      return event;
  }
}

/** The progress of a run, without opening its data. */
export async function progressOf(run: RunStore): Promise<{ readonly iteration: number; readonly ended: boolean }> {
  const iteration = await lastIterationOf(run);
  const stopped = (await run.events.read()).findLast((event) => event.type === "end");
  const early = stopped?.reason === "early stop" && stopped.iteration === iteration;
  return { iteration, ended: iteration >= run.config.options.iterations || early };
}

/** The rates that a run's preset has for its learner and network. */
function usualRates({ config, experiment, options }: RunConfig): Readonly<Record<string, number>> {
  const preset = findPreset(experiment)?.name ?? Object.keys(config ? domainOf(config).presets : {})[0];
  if (!config || preset === undefined) return {};
  const usual = toFlags(resolvePreset(preset, { learner: options.learner, model: options.model }));
  return Object.fromEntries(
    ["innerRate", "outerRate"].flatMap((name) => (typeof usual[name] === "number" ? [[name, usual[name]]] : [])),
  );
}

/**
 * The flags of a run that does not fail as this one did, since a run is a function of its options: rates above the usual
 * ones are the first suspects; clipping alone does not help against them.
 */
export function flagsAfterFailure(run: RunConfig): Flags {
  const { clip, outerRate } = run.options;
  const high = Object.entries(usualRates(run)).filter(([name, value]) => (run.options[name] as number) > value);
  const changes = high.length > 0 ? high : clip !== undefined ? [["outerRate", outerRate / 3]] : [["clip", 3]];
  return Object.fromEntries(changes.map(([name, value]) => [name, Number((value as number).toPrecision(2))]));
}

/** Of what training took, that baselines may take after it. */
const baselineShare = 0.25;
/** So many tasks of each at least: the interval over fewer would say little. */
const fewestBaselineTasks = 60;

/**
 * Tasks that each baseline has after a training, so that judging what was not trained does not take longer than the
 * training: by adaptation steps, of which all take about as long. Never by the clock, which would make results differ.
 */
export function affordableTasks(
  { learner, baselines }: Pick<Experiment, "learner" | "baselines">,
  {
    iterations,
    metaBatch,
    evalTasks,
  }: { readonly iterations: number; readonly metaBatch: number; readonly evalTasks: number },
): number {
  const training = stepsOfTasks(iterations * metaBatch, [learner.steps ?? 0]);
  const ofEach = baselines.reduce((sum, { steps }) => sum + stepsOfTasks(1, steps), 0);
  const affordable = Math.floor((baselineShare * training) / ofEach);
  return Math.min(evalTasks, Math.max(fewestBaselineTasks, affordable));
}
