/** Judges a trained run on held-out tasks beside its baselines and others. */
import type { Evaluation, FigureDescription, Learner } from "@innerloop/core";
import { evaluationFigures } from "@innerloop/core/training";
import { domainOf, type Flags, machineOptions, withFlags } from "../config/index.js";
import { adaptationWarningOf, chosenText, curveOf } from "../figures/adaptation-warning.js";
import { betterBaseline } from "../figures/better-baseline.js";
import { withInterval } from "../figures/figure-text.js";
import { figuresChosen } from "../figures/results-cells.js";
import { UsageError } from "../options/usage-error.js";
import { batchNormText, protocolText } from "../protocol-text.js";
import { type ChosenSteps, chooseSteps, writeChosenSteps } from "../runs/adaptation-steps.js";
import { failureOf, problemOf } from "../runs/failure.js";
import { checkpointText, importedText } from "../runs/imported-from.js";
import { type BesideMethod, evaluateRun, evaluationFile, evaluationRecords } from "../runs/results.js";
import { commandLine } from "../runs/run-command.js";
import { engineText, type RunConfig } from "../runs/run-config.js";
import type { RunStore } from "../runs/run-store.js";
import { bytes, count } from "../words.js";
import { type BesideRun, evaluatedConfig, onTasksOf, paramsFor, requireStepsTaken } from "./evaluated-run.js";
import { type Prepared, prepareRun } from "./prepare.js";
import { type SessionHost, untilStopped } from "./session-host.js";

/** The run to evaluate, and how. */
export interface EvaluationRequest {
  readonly run: RunStore;
  /** Options that are other than the run's own, as flags. */
  readonly chosen?: Flags;
  /** Its experiment, where that is prepared already. */
  readonly prepared?: Prepared;
  readonly checkpoint?: "best" | "last" | undefined;
  /** Where batch normalisation takes its statistics; each further mode has a row of its own. */
  readonly batchNorm?: readonly string[] | undefined;
  /** Other runs, whose learners are further rows. */
  readonly beside?: readonly RunStore[];
  readonly skipBaselines?: boolean | undefined;
  /** Tasks of each baseline; as many as of the learner unless given. */
  readonly baselineTasks?: number;
  /** Figures to show a table of each, by name, title or short name; the leading one, and the others of the run's learner, unless given. */
  readonly figures?: readonly string[] | undefined;
  /** What the training took that this evaluation ends, for its record. */
  readonly training?: { readonly seconds: number; readonly peakBytes: number };
}

/** The outcome of an evaluation. */
export interface EvaluationOutcome {
  /** The run's learner first, then those beside it, then the baselines. */
  readonly evaluations: readonly Evaluation[];
  /** Figures that were asked for. */
  readonly figures: readonly FigureDescription[] | undefined;
  /** The adaptation steps that validation has chosen, which the run keeps. */
  readonly chosen: ChosenSteps | undefined;
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  readonly seconds: number;
  /** A baseline that does better than the learner, in a sentence. */
  readonly better: string | undefined;
  /** What belongs to the table, a sentence each. */
  readonly notes: readonly string[];
  /** What the figures are about, in a sentence. */
  readonly protocol: string;
  /** Where adapting makes held-out tasks worse, a sentence each. */
  readonly warnings: readonly string[];
  /** All of it for a reader of the record's file, a sentence each; the last says what made it. */
  readonly facts: readonly string[];
  /** The evaluation as results.json has it. */
  readonly record: Readonly<Record<string, unknown>>;
  /** The name of its files, without their ending. */
  readonly file: string;
  /** Whether it is another evaluation than the run's own. */
  readonly isVariant: boolean;
}

/**
 * Evaluates a run. What validation says of its adaptation steps is kept in it; results are the caller's to write.
 *
 * @throws UsageError for options that mean nothing for the run, and for runs beside it that are tested on other tasks;
 *   RunError ILN05 where there are no parameters, ILN06 where its data has changed; Interrupted
 */
export async function evaluateSession(request: EvaluationRequest, host: SessionHost): Promise<EvaluationOutcome> {
  const { run, chosen: changes = {}, batchNorm = [] } = request;
  const [norm, ...otherModes] = batchNorm;
  const isOwn = norm === undefined && Object.keys(changes).length === 0;
  const evaluated = isOwn ? run.config : evaluatedConfig(run, changes, norm);
  const prepared = request.prepared ?? (await prepareRun(run, evaluated.config, host));
  const beside: BesideRun[] = [];
  for (const other of request.beside ?? [])
    beside.push(await onTasksOf({ run, prepared, evaluated }, other, allSizes(evaluated), host));
  const { experiment } = prepared;
  const { learner } = experiment;
  const { options } = evaluated;
  const baselines = request.skipBaselines ? [] : experiment.baselines;
  // Networks from scratch take as many steps as were asked for, whatever the learner.
  if (!baselines.some(({ steps }) => steps.length > 1) || !run.config.config)
    requireStepsTaken(changes, [learner, ...beside.map((other) => other.learner)]);
  const variants = otherModes.map((mode) => learnerOfMode(run, prepared, { batchNorm: mode }));
  const trained = await paramsFor(run, prepared.trained ?? learner, [learner, ...variants], request.checkpoint);
  const { params, iteration, checkpoint } = trained;
  const figures =
    request.figures &&
    figuresChosen(request.figures, learner, evaluationFigures(learner, experiment.tasks.test, params));
  const methods = [
    ...variants.map((variant) => ({ name: rowName(variant, learner), learner: variant, params })),
    ...beside.map((other) => ({
      name: rowName(other.learner, learner, other.run),
      learner: other.learner,
      params: other.params,
    })),
  ];
  const { executor, signal, onProgress } = host;
  const startedAt = performance.now();
  const choose = async (): Promise<ChosenSteps | undefined> => {
    if (learner.steps === undefined || !isOwnTask(run, prepared, evaluated)) return undefined;
    const phase = "choosing steps";
    const what = "on validation tasks";
    onProgress?.({ phase });
    onProgress?.({ phase, at: { done: 0, total: options.validationTasks, what } });
    return chooseSteps({
      learner,
      trained,
      validation: experiment.tasks.validation,
      steps: options.evalSteps,
      count: options.validationTasks,
      seed: options.seed,
      executor,
      ...(signal ? { signal } : {}),
      onProgress: (done, total) => onProgress?.({ phase, at: { done, total, what } }),
    });
  };
  const { chosen, evaluations } = await untilStopped(signal, async () => {
    const steps = await choose();
    onProgress?.({ phase: "evaluating" });
    const judged = await evaluateRun({
      learner,
      params,
      tasks: experiment.tasks.test,
      beside: methods,
      baselines,
      seed: options.seed,
      count: options.evalTasks,
      ...(request.baselineTasks === undefined ? {} : { baselineCount: request.baselineTasks }),
      steps: options.evalSteps,
      executor,
      ...(signal ? { signal } : {}),
      onProgress: (done, total, what) => onProgress?.({ phase: "evaluating", at: { done, total, what } }),
    });
    return { chosen: steps, evaluations: judged };
  });
  const seconds = (performance.now() - startedAt) / 1000;
  if (chosen) await writeChosenSteps(run, chosen);
  const first = evaluations[0]!;
  const warnings = evaluations.slice(0, 1 + methods.length).flatMap((each) => {
    const text = adaptationWarningOf(curveOf(each));
    return text === undefined ? [] : [methods.length > 0 ? `${each.learner}: ${text}` : text];
  });
  const failure = await failureOf(run);
  const { baselineTasks, training } = request;
  const { imported } = run.config;
  const notes = [
    ...(imported ? [importedText(imported)] : []),
    ...(failure ? [`the training of this run failed: ${problemOf(failure)}`] : []),
    ...(chosen ? [chosenText(chosen)] : []),
    ...(baselines.length > 0 && baselineTasks !== undefined && baselineTasks < options.evalTasks
      ? [
          `baselines on the first ${count(baselineTasks)} of these tasks; \`${commandLine(["eval", run.shown])}\` takes all`,
        ]
      : []),
  ];
  const scratch = baselines.map(({ adapter }) => adapter).filter(({ description }) => description.batchNorm);
  const protocol = protocolText(first, experiment, options, {
    other: prepared.other,
    taskText: taskTextIn(evaluated, first),
    otherNorms: [...methods.map((method) => method.learner), ...scratch].some(
      (each) => normOf(each) !== normOf(learner),
    ),
  });
  const bounds = new Set(baselines.flatMap(({ adapter, oracle }) => (oracle ? [adapter.name] : [])));
  const rivals = evaluations.slice(1 + methods.length).filter((each) => !bounds.has(each.learner));
  const better = betterBaseline(first, rivals, withInterval);
  const { config } = run;
  const record = {
    run: config.experiment,
    checkpoint,
    iteration,
    protocol: { ...config.protocol, ...first.protocol, ...prepared.other },
    ...(beside.length > 0 ? { with: beside.map(besideRecord) } : {}),
    ...(imported
      ? { imported: { file: imported.file, sha256: imported.sha256, difference: imported.difference } }
      : {}),
    summary: protocol,
    evaluations: evaluationRecords(evaluations),
    ...(chosen ? { adaptation: chosen } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(training ? { trainingSeconds: Math.round(training.seconds) } : {}),
    ...(training ? { trainingBytes: training.peakBytes, expectedBytes: config.expectedBytes } : {}),
    evaluationSeconds: Number(seconds.toFixed(1)),
  };
  const facts = [
    ...(better === undefined ? [] : [better]),
    ...warnings,
    ...notes,
    protocol,
    checkpointText(config, checkpoint, iteration),
    `${config.protocol.text}`,
    ...beside.map(
      (other) =>
        `${rowName(other.learner, learner, other.run)}: ${checkpointText(other.run.config, other.checkpoint, other.iteration)}, made by \`${other.run.config.command}\``,
    ),
    ...(training ? [`training took ${memoryText(training.peakBytes, config.expectedBytes)}`] : []),
    `made by \`${config.command}\`, innerloop ${config.versions.innerloop}, ${engineText(config.versions)}`,
  ];
  const more = [
    ...(otherModes.length > 0 ? [`and-${otherModes.join("_")}`] : []),
    ...(beside.length > 0 ? [`with-${beside.map((other) => other.run.shown).join("_")}`] : []),
  ];
  const ofMachine = machineOptions();
  const isVariant =
    Object.keys(changes).some((name) => !ofMachine.has(name)) ||
    request.checkpoint !== undefined ||
    norm !== undefined ||
    beside.length > 0;
  const file = isVariant ? evaluationFile(options, config.options, checkpoint, more) : "results";
  return {
    evaluations,
    figures,
    chosen,
    checkpoint,
    iteration,
    seconds,
    better,
    notes,
    protocol,
    warnings,
    facts,
    record,
    file,
    isVariant,
  };
}

/** Tasks as those that the run was trained and validated for: what is best on its validation tasks is about them. */
const isOwnTask = ({ config: own }: RunStore, { other }: Prepared, { config, options }: RunConfig): boolean =>
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

/** `405 MiB of memory at most, 397 MiB expected` */
export function memoryText(peak: number, expected: number | undefined): string {
  const planned = expected === undefined ? "" : `, ${bytes(expected)} expected`;
  return `${bytes(peak)} of memory at most${planned}`;
}

/** The run's learner with batch normalisation of another mode. */
function learnerOfMode(run: RunStore, { config, learnerOf }: Prepared, flags: Flags): Learner {
  if (learnerOf && config) return learnerOf(withFlags(config, flags), run);
  throw new UsageError(`--batch-norm is settled by ${run.config.file?.path ?? "the run"}`, "Change it there");
}

const normOf = ({ description }: Pick<BesideMethod["learner"], "description">): string =>
  String(description.batchNorm ?? "none");

/** `MAML, batch norm support`, `joint pre-training (runs/joint)`: what tells the row from the first. */
function rowName(learner: BesideMethod["learner"], first: BesideMethod["learner"], run?: RunStore): string {
  const own = normOf(learner);
  const norm = own === normOf(first) ? "" : `, ${batchNormText(own)}`;
  return `${learner.name}${norm}${run ? ` (${run.shown})` : ""}`;
}

const besideRecord = ({ run, checkpoint, iteration }: BesideRun) => ({
  run: run.shown,
  experiment: run.config.experiment,
  command: run.config.command,
  checkpoint,
  iteration,
});
