/**
 * Trains in a run folder: what is there is continued, every event is logged, and a stop at any moment loses nothing.
 */

import { type CheckpointStore, type TrainingEvent, train } from "@innerloop/core";
import { splitSeed } from "@innerloop/core/tasks";
import {
  keyInMemory,
  outerOptimizer,
  planTraining,
  type TrainingPlan,
  taskBatch,
  trainingRules,
} from "@innerloop/core/training";
import type { Experiment, TrainingValues } from "@innerloop/experiments";
import { type Executor, leaves } from "@innerloop/graph";
import { openEventLog, type RunEvent, readEvents } from "./event-log.js";
import { isDivergence } from "./failure.js";
import { evaluationRecord } from "./results.js";
import { damagedCheckpoint, lastIterationOf, type RunFolder } from "./run-folder.js";
import type { RunLock } from "./run-lock.js";

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
  const rules = trainingRules(learner, params, tasks.train, trainSeed);
  const training = await planTraining({
    learner,
    optimizer,
    executor,
    metaBatchSize: options.metaBatch,
    params,
    state: outerOptimizer(learner, optimizer).init(params),
    batch: taskBatch(tasks.train, trainSeed, 0, options.metaBatch, rules),
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

/** Trains from the run's last checkpoint, or from the start, to the end. The caller holds the run's lock. */
export async function trainInFolder(setting: {
  readonly run: RunFolder;
  readonly experiment: Experiment;
  readonly executor: Executor;
  /** Of a run that begins: what was compiled for it need not be compiled again. */
  readonly plan?: TrainingPlan | undefined;
  /** That of the run, where the caller holds it. */
  readonly lock?: Pick<RunLock, "requireHeld">;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainingEvent) => void;
}): Promise<SessionEnd> {
  const { run, experiment, executor, plan, signal } = setting;
  const { options, chunkSize, recompute } = run.config;
  const lastIteration = await lastIterationOf(run);
  const log = await openEventLog(run.files, lastIteration);
  const store: CheckpointStore = {
    load: run.checkpoints.load,
    save: async (name, bytes) => {
      run.files.requireThere();
      setting.lock?.requireHeld();
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
              ...(options.patience === undefined ? {} : { patience: options.patience }),
            },
          }
        : {}),
      checkpoints: { store, every: options.checkpointEvery, resume: true },
      signal,
      onEvent: (event) => {
        done = event.iteration;
        log.append(logged(event));
        setting.onEvent(event);
      },
    });
    return { reason, iteration };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ILR201")
      throw damagedCheckpoint(run.path, "last", error);
    // Of the update that failed: a run that goes on from its last checkpoint drops it, and meets it again.
    if (isDivergence(error)) log.append({ type: "failed", iteration: done + 1, message: error.message });
    throw error;
  } finally {
    log.close();
  }
}

/** An event as events.jsonl has it: figures without the values of every task, and at the end what the process took. */
function logged(event: TrainingEvent): RunEvent {
  switch (event.type) {
    case "validation":
      return { ...event, evaluation: evaluationRecord(event.evaluation) };
    case "end":
      return { ...event, peakBytes: process.resourceUsage().maxRSS * 1024 };
    default:
      return event;
  }
}

/** How far a run has come, without opening its data. */
export async function progressOf(run: RunFolder): Promise<{ readonly iteration: number; readonly ended: boolean }> {
  const iteration = await lastIterationOf(run);
  const stopped = (await readEvents(run.files)).findLast((event) => event.type === "end");
  const early = stopped?.reason === "early stop" && stopped.iteration === iteration;
  return { iteration, ended: iteration >= run.config.options.iterations || early };
}
