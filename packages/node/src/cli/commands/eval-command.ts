import type { Evaluation } from "@innerloop/core";
import { domainOf, type Flags, type TrainingValues, UsageError, withFlags } from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { chooseSteps, writeChosenSteps } from "../../runs/adaptation-steps.js";
import { betterBaseline } from "../../runs/better-baseline.js";
import { failureOf, problemOf } from "../../runs/failure.js";
import { writeReport } from "../../runs/report.js";
import {
  type BesideMethod,
  evaluateRun,
  evaluationFile,
  evaluationRecord,
  machineOptions,
  writeResults,
} from "../../runs/results.js";
import { figuresChosen } from "../../runs/results-cells.js";
import type { RunConfig } from "../../runs/run-config.js";
import { type RunFolder, shown } from "../../runs/run-folder.js";
import { adaptationWarningOf, chosenText, curveOf } from "../adaptation-warning.js";
import { Interrupted } from "../cli-error.js";
import { commandName, commandText } from "../command-name.js";
import { type BesideRun, evaluatedConfig, onTasksOf, paramsFor, requireStepsTaken } from "../evaluated-run.js";
import { watchInterruption } from "../interruption.js";
import { openExecutor } from "../open-executor.js";
import { isOpenSetAsked, openSetEval } from "../open-set-eval.js";
import type { Output, ProgressLine } from "../output.js";
import { type Prepared, prepareRun } from "../prepare.js";
import { protocolText, resultsMarkdown, resultsTable } from "../results-table.js";
import { openRunFor } from "../run-experiment-file.js";
import { bytes, count, counted, duration, folded, roomIn, withInterval } from "../terminal.js";
import type { InvocationOptions } from "./registry.js";
import type { FigureChoice } from "./shared-options.js";

export interface EvalRequest {
  readonly folder: string;
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Judges a trained run on held-out tasks beside its baselines. */
export async function evalCommand({ folder, chosen, invocation }: EvalRequest, output: Output): Promise<void> {
  const run = await openRunFor(folder, output);
  const [batchNorm, ...otherModes] = invocation.batchNorm ?? [];
  const evaluated = evaluatedConfig(run, chosen, batchNorm);
  const executor = await openExecutor(machineOf(chosen), output);
  const interruption = watchInterruption(output, "Stopping the evaluation...");
  try {
    const prepared = await prepareRun(run, evaluated.config, output, interruption.signal);
    const beside: BesideRun[] = [];
    for (const other of invocation.with ?? [])
      beside.push(
        await onTasksOf({ run, prepared, evaluated }, await openRunFor(other, output), allSizes(evaluated), output),
      );
    const isVariant =
      Object.keys(chosen).some((name) => !machineOptions.has(name)) ||
      invocation.checkpoint !== undefined ||
      batchNorm !== undefined ||
      beside.length > 0;
    const { learner, baselines } = prepared.experiment;
    const isOpenSet = isOpenSetAsked(invocation);
    const hasBaselines =
      !isOpenSet && !invocation.skipBaselines && baselines.length > 0 && run.config.config !== undefined;
    // Networks from scratch take as many steps as were asked for, whatever the learner.
    if (!hasBaselines) requireStepsTaken(chosen, [learner, ...beside.map((other) => other.learner)]);
    if (isOpenSet) {
      const { signal } = interruption;
      return await openSetEval({ run, prepared, evaluated, invocation, executor, output, signal });
    }
    await evaluateAndReport({
      run,
      prepared,
      executor,
      output,
      signal: interruption.signal,
      evaluated,
      otherModes,
      beside,
      ...(invocation.checkpoint ? { checkpoint: invocation.checkpoint } : {}),
      ...(invocation.skipBaselines ? { skipBaselines: true } : {}),
      ...(invocation.figures ? { figures: invocation.figures } : {}),
      ...(isVariant ? { variant: true } : {}),
    });
  } catch (error) {
    if (error instanceof Interrupted)
      sayStopped(output, commandText(["eval", folder], { ...chosen, ...invocation }, ["with"]));
    throw error;
  } finally {
    interruption.stopWatching();
    await executor.close();
  }
}

/** After an evaluation that was interrupted: how to begin it again. */
export function sayStopped(output: Output, command: string): void {
  output.result(`\nStopped; the trained parameters are saved. Evaluate them with:\n\n  ${commandName()} ${command}\n`);
}

/** Evaluates, prints the table and writes results.json and results.md; another protocol than the run's own goes to files of its own. */
export async function evaluateAndReport(setting: {
  readonly run: RunFolder;
  readonly prepared: Prepared;
  readonly executor: Executor;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** The run's configuration under what was chosen. */
  readonly evaluated: RunConfig;
  readonly checkpoint?: "best" | "last";
  /** Where batch normalisation takes its statistics in further rows of the run's learner. */
  readonly otherModes?: readonly string[];
  /** Other runs, in further rows. */
  readonly beside?: readonly BesideRun[];
  readonly skipBaselines?: boolean;
  /** Tasks of each baseline; as many as of the learner unless given. */
  readonly baselineTasks?: number;
  /** Figures to print a table of each; the leading one, and the others of the run's learner, unless given. */
  readonly figures?: readonly FigureChoice[];
  readonly variant?: boolean;
  readonly trainingSeconds?: number;
  /** Most memory that the process had while it trained. */
  readonly trainingBytes?: number;
}): Promise<void> {
  const { run, prepared, executor, output, signal, evaluated, otherModes = [], beside = [] } = setting;
  const { options } = evaluated;
  const { experiment } = prepared;
  const figures = setting.figures && figuresChosen(setting.figures, experiment.learner);
  const variants = otherModes.map((batchNorm) => learnerOfMode(run, prepared, { batchNorm }));
  const { params, iteration, checkpoint } = await paramsFor(
    run,
    prepared.trained ?? experiment.learner,
    [experiment.learner, ...variants],
    setting.checkpoint,
  );
  const methods = [
    ...variants.map((learner) => ({ name: rowName(learner, experiment.learner), learner, params })),
    ...beside.map((other) => ({
      name: rowName(other.learner, experiment.learner, other.run),
      learner: other.learner,
      params: other.params,
    })),
  ];
  const baselines = setting.skipBaselines ? [] : experiment.baselines;
  const scratch = baselines.map(({ adapter }) => adapter).filter(({ description }) => description.batchNorm);
  let line: ProgressLine | undefined;
  const startedAt = performance.now();
  const choose = async () => {
    if (experiment.learner.steps === undefined || !isOwnTask(run, prepared, evaluated)) return undefined;
    const choosing = output.progress("Choosing adaptation steps", { unit: "tasks" });
    line = choosing;
    choosing.update(0, options.validationTasks, "on validation tasks");
    const chosen = await chooseSteps({
      learner: experiment.learner,
      trained: { params, iteration, checkpoint },
      validation: experiment.tasks.validation,
      steps: options.evalSteps,
      count: options.validationTasks,
      seed: options.seed,
      executor,
      signal,
      onProgress: (done, total) => choosing.update(done, total, "on validation tasks"),
    });
    choosing.end();
    return chosen;
  };
  const chooseAndEvaluate = async () => {
    const chosen = await choose();
    const evaluating = output.progress("Evaluating", { unit: "adaptation steps" });
    line = evaluating;
    let current = "";
    const evaluations = await evaluateRun({
      learner: experiment.learner,
      params,
      tasks: experiment.tasks.test,
      beside: methods,
      baselines,
      seed: options.seed,
      count: options.evalTasks,
      ...(setting.baselineTasks === undefined ? {} : { baselineCount: setting.baselineTasks }),
      steps: options.evalSteps,
      executor,
      signal,
      onProgress: (done, total, name) => {
        // What compiling the next method took says nothing about how long its tasks take.
        if (name !== current) evaluating.resume();
        current = name;
        evaluating.update(done, total, name);
      },
    });
    evaluating.end();
    return { chosen, evaluations };
  };
  const { chosen, evaluations } = await chooseAndEvaluate().catch((error: unknown) => {
    line?.end();
    if (!signal.aborted) throw error;
    throw new Interrupted();
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const first = evaluations[0]!;
  if (chosen) await writeChosenSteps(run, chosen);
  const warnings = evaluations.slice(0, 1 + methods.length).flatMap((each) => {
    const text = adaptationWarningOf(curveOf(each));
    return text === undefined ? [] : [methods.length > 0 ? `${each.learner}: ${text}` : text];
  });
  const failure = await failureOf(run);
  const besideTable = [
    ...(failure ? [`the training of this run failed: ${problemOf(failure)}`] : []),
    ...(chosen ? [chosenText(chosen)] : []),
    ...(baselines.length > 0 && setting.baselineTasks !== undefined && setting.baselineTasks < options.evalTasks
      ? [
          `baselines on the first ${count(setting.baselineTasks)} of these tasks; \`innerloop ${commandText(["eval", shown(run.path)], {})}\` takes all`,
        ]
      : []),
  ];
  const protocol = protocolText(first, experiment, options, {
    other: prepared.other,
    taskText: taskTextIn(evaluated, first),
    otherNorms: [...methods.map(({ learner }) => learner), ...scratch].some(
      (each) => normOf(each) !== normOf(experiment.learner),
    ),
  });
  output.say();
  output.result(resultsTable(evaluations, output.paint, figures, undefined, chosen?.steps));
  output.say();
  const better = betterBaseline(first, evaluations.slice(1 + methods.length), withInterval);
  if (better !== undefined) output.result(folded(output.paint("yellow", `  ${better}`), roomIn()));
  for (const text of besideTable) output.say(output.paint("dim", `  ${text}`));
  output.say(
    output.paint(
      "dim",
      `  ${protocol}; ${checkpoint} checkpoint, after ${counted(iteration, "update")}; ${duration(seconds)}`,
    ),
  );
  output.say();
  for (const text of warnings) output.warn(`  Warning: ${text}.`);
  if (warnings.length > 0) output.say();
  const record = {
    run: run.config.experiment,
    checkpoint,
    iteration,
    protocol: { ...run.config.protocol, ...first.protocol, ...prepared.other },
    ...(beside.length > 0 ? { with: beside.map(besideRecord) } : {}),
    summary: protocol,
    evaluations: evaluations.map(evaluationRecord),
    ...(chosen ? { adaptation: chosen } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(setting.trainingSeconds === undefined ? {} : { trainingSeconds: Math.round(setting.trainingSeconds) }),
    ...(setting.trainingBytes === undefined
      ? {}
      : { trainingBytes: setting.trainingBytes, expectedBytes: run.config.expectedBytes }),
    evaluationSeconds: Number(seconds.toFixed(1)),
  };
  output.event({ type: "results", ...record });
  const notes = [
    ...(better === undefined ? [] : [better]),
    ...warnings,
    ...besideTable,
    protocol,
    `${checkpoint} checkpoint, after ${count(iteration)} updates`,
    `${run.config.protocol.text}`,
    ...beside.map(
      (other) =>
        `${rowName(other.learner, experiment.learner, other.run)}: ${other.checkpoint} checkpoint, after ${count(other.iteration)} updates, made by \`${other.run.config.command}\``,
    ),
    ...(setting.trainingBytes === undefined
      ? []
      : [`training took ${memoryText(setting.trainingBytes, run.config.expectedBytes)}`]),
    `made by \`${run.config.command}\`, innerloop ${run.config.versions.innerloop}, onnxruntime ${run.config.versions.onnxruntime}`,
  ];
  const more = [
    ...(otherModes.length > 0 ? [`and-${otherModes.join("_")}`] : []),
    ...(beside.length > 0 ? [`with-${beside.map((other) => shown(other.run.path)).join("_")}`] : []),
  ];
  const file = setting.variant ? evaluationFile(evaluated.options, run.config.options, checkpoint, more) : "results";
  await writeResults(run, file, record, resultsMarkdown(run.config.experiment, evaluations, notes, chosen?.steps));
  if (!setting.variant) await writeReport(run, { evaluations, notes: notes.slice(0, -1), chosen: chosen?.steps });
}

/** Tasks as those that the run was trained and validated for: what is best on its validation tasks is about them. */
const isOwnTask = ({ config: own }: RunFolder, { other }: Prepared, { config, options }: RunConfig): boolean =>
  !other &&
  [...(config ? domainOf(config).taskSizes : []), "unlabelled", "batchNorm"].every(
    (name) => options[name] === own.options[name],
  );

/** Names of the sizes of tasks, all of which those of the first run settle for the others. */
const allSizes = ({ config }: RunConfig): readonly string[] =>
  config ? [...domainOf(config).taskSizes, "unlabelled"] : [];

/** A task in the words of its domain, where it has any of its own. */
export const taskTextIn = ({ config }: RunConfig, { protocol }: Pick<Evaluation, "protocol">): string | undefined =>
  config && domainOf(config).taskText?.(protocol);

/** What of the chosen options says where to compute. */
export const machineOf = ({ device, workers }: Flags) =>
  ({ ...(device ? { device } : {}), ...(workers ? { workers } : {}) }) as Partial<
    Pick<TrainingValues, "device" | "workers">
  >;

/** `405 MiB of memory at most, 397 MiB expected` */
export const memoryText = (peak: number, expected: number | undefined): string =>
  `${bytes(peak)} of memory at most${expected === undefined ? "" : `, ${bytes(expected)} expected`}`;

/** The run's learner with batch normalisation of another mode. */
function learnerOfMode(run: RunFolder, { config, learnerOf }: Prepared, flags: Flags): BesideMethod["learner"] {
  if (learnerOf && config) return learnerOf(withFlags(config, flags), run);
  throw new UsageError(`--batch-norm is settled by ${run.config.file?.path ?? "the run"}`, "Change it there");
}

const normOf = ({ description }: Pick<BesideMethod["learner"], "description">): string =>
  String(description.batchNorm ?? "none");

/** `MAML, batch norm support`, `joint pre-training (runs/joint)`: what tells the row from the first. */
function rowName(learner: BesideMethod["learner"], first: BesideMethod["learner"], run?: RunFolder): string {
  const own = normOf(learner);
  const norm = own === normOf(first) ? "" : own === "none" ? ", no batch norm" : `, batch norm ${own}`;
  return `${learner.name}${norm}${run ? ` (${shown(run.path)})` : ""}`;
}

const besideRecord = ({ run, checkpoint, iteration }: BesideRun) => ({
  run: shown(run.path),
  experiment: run.config.experiment,
  command: run.config.command,
  checkpoint,
  iteration,
});
