/** How well a run tells queries of its classes from queries of none of them. */
import {
  evaluateOpenSet,
  type LabelledExamples,
  type Learner,
  type OpenSetCalibration,
  type OpenSetEvaluation,
  type OpenSetScore,
  openSetEpisodes,
} from "@innerloop/core";
import { dataNameOf, domainOf, type Flags, withFlags } from "../config/index.js";
import type { OpenSetPart, OpenSetParts } from "../domains/domain.js";
import { poolText } from "../figures/results-cells.js";
import { UsageError } from "../options/usage-error.js";
import { batchNormText } from "../protocol-text.js";
import { type CalibratedRule, scoreTitles } from "../runs/open-set-rule.js";
import type { RunStore } from "../runs/run-store.js";
import { count, counted } from "../words.js";
import { evaluatedConfig, paramsFor, requireStepsTaken } from "./evaluated-run.js";
import { type Prepared, prepareRun } from "./prepare.js";
import { type SessionHost, untilStopped } from "./session-host.js";

/** The run to ask for classes that it has no examples of, and how. */
export interface OpenSetRequest {
  readonly run: RunStore;
  /** Options that are other than the run's own, as flags. */
  readonly chosen?: Flags;
  /** Its experiment under these, where that is prepared already. */
  readonly prepared?: Prepared;
  readonly checkpoint?: "best" | "last" | undefined;
  /** Where batch normalisation takes its statistics; from the support set in place of "transductive", unless given. */
  readonly batchNorm?: string | undefined;
  /**
   * Queries of each unknown class, of which there are as many as ways; as many as of the known unless given. Where the data
   * have examples of no class, as many of these as that would be in all.
   */
  readonly unknownQueries?: number | undefined;
  readonly score?: OpenSetScore | undefined;
  /** Share of known queries that the threshold accepts on the validation classes, 0.95 unless given; 0: balanced. */
  readonly acceptance?: number | undefined;
}

/** The outcome of an open-set evaluation. */
export interface OpenSetOutcome {
  readonly evaluation: OpenSetEvaluation;
  /** The learner that was evaluated. */
  readonly learner: Learner;
  /** The threshold, with all that it was chosen for. */
  readonly rule: CalibratedRule;
  readonly seconds: number;
  /** What the figures are about, a sentence each. */
  readonly notes: readonly string[];
  /** The evaluation as open-set.json has it. */
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * Chooses a threshold on the validation classes and reports the test classes. Both are the caller's to write: `adapt`
 * rejects by what open-set.json has.
 *
 * The learner is the one that `adapt` uses: batch normalisation of mode "transductive" would let the queries tell each
 * other apart.
 *
 * @throws UsageError where the run's tasks are not of classes; RunError ILN05 where there are no parameters; Interrupted
 */
export async function openSetSession(request: OpenSetRequest, host: SessionHost): Promise<OpenSetOutcome> {
  const { run, chosen = {}, batchNorm } = request;
  const evaluated = evaluatedConfig(run, chosen, batchNorm);
  const { options } = evaluated;
  const prepared = request.prepared ?? (await prepareRun(run, evaluated.config, host));
  const trained = prepared.trained ?? prepared.experiment.learner;
  requireStepsTaken(chosen, [prepared.experiment.learner]);
  const learner = rejectingLearner(request, prepared, options.batchNorm);
  const { validation, test } = heldOut(prepared, run);
  const { params, iteration, checkpoint } = await paramsFor(run, trained, [learner], request.checkpoint);
  const { ways, shots, queries = shots } = options as unknown as EpisodeSizes;
  const { unknownQueries } = request;
  const source = ({ unknown, ...classes }: OpenSetPart) =>
    openSetEpisodes(classes, {
      ways,
      shots,
      queries,
      skipSmallClasses: true,
      ...(unknown
        ? { unknown, unknownQueries: poolQueries(unknown, ways, unknownQueries, queries) }
        : { unknownQueries: unknownQueries ?? queries }),
    });
  const steps = learner.steps === undefined ? 0 : Math.max(...options.evalSteps, learner.steps);
  const { acceptance = 0.95, score } = request;
  const calibration: OpenSetCalibration = acceptance === 0 ? "balanced" : { acceptance };
  const { executor, signal, onProgress } = host;
  const phase = "rejecting";
  onProgress?.({ phase });
  const startedAt = performance.now();
  const evaluation = await untilStopped(signal, () =>
    evaluateOpenSet({
      learner,
      params,
      tasks: { validation: source(validation), test: source(test) },
      count: options.evalTasks,
      steps,
      calibration,
      ...(score ? { score } : {}),
      seed: options.seed,
      executor,
      ...(signal ? { signal } : {}),
      onProgress: (done, total) => onProgress?.({ phase, at: { done, total, what: learner.name } }),
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const norm = String(learner.description.batchNorm ?? "none");
  const rule: CalibratedRule = { ...evaluation.rule, checkpoint, iteration, steps, batchNorm: norm, ways, shots };
  const record = {
    run: run.config.experiment,
    rule,
    protocol: { ...evaluation.protocol, ...prepared.other },
    described: evaluation.described,
    figures: evaluation.figures,
    evaluationSeconds: Number(seconds.toFixed(1)),
  };
  return { evaluation, learner, rule, seconds, notes: protocolNotes(evaluation, rule, options.seed), record };
}

/** Queries of a pool: what is asked for, as many as of the known classes unless that is more than there are. */
function poolQueries(unknown: LabelledExamples, ways: number, asked: number | undefined, queries: number): number {
  if (asked !== undefined) return ways * asked;
  const there = unknown.classes.reduce((sum, { count: examples }) => sum + examples, 0);
  return Math.min(ways * queries, there);
}

/** Sizes of the tasks of a domain that has open sets. */
interface EpisodeSizes {
  readonly ways: number;
  readonly shots: number;
  readonly queries?: number;
}

function rejectingLearner({ run, batchNorm }: OpenSetRequest, prepared: Prepared, mode: unknown): Learner {
  const { config, learnerOf, experiment } = prepared;
  if (!learnerOf || !config || batchNorm !== undefined || mode !== "transductive") return experiment.learner;
  return learnerOf(withFlags(config, { batchNorm: "support" }), run);
}

/** Classes to choose the threshold on and classes to report, which share none. */
function heldOut({ config, data }: Prepared, run: RunStore): OpenSetParts {
  const parts = config && domainOf(config).openSet?.(data, config.domain);
  if (parts) return parts;
  throw new UsageError(
    `--open-set of a run of ${run.config.config ? dataNameOf(run.config.config) : run.config.file?.path}`,
    "It is for runs of data sets of classes; in code, use evaluateOpenSet",
  );
}

function protocolNotes({ protocol, draws }: OpenSetEvaluation, rule: CalibratedRule, seed: number): string[] {
  const { ways, shots, queries, unknownClasses, unknownQueries, tasks, validationTasks, calibration } = protocol;
  const { unknownPool, unknownExamples } = protocol;
  const unknown =
    unknownPool === undefined
      ? `${unknownQueries} of each of ${unknownClasses} unknown classes`
      : `${unknownQueries} of the ${counted(Number(unknownExamples), "example")} of no class of ${unknownPool}`;
  const steps = rule.steps > 0 ? `${counted(rule.steps, "step")}, ` : "";
  return [
    `${ways}-way ${shots}-shot tasks, ${queries} queries of each class and ${unknown}; ${steps}${batchNormText(rule.batchNorm)}`,
    `mean over ${count(Number(tasks))} test tasks${draws ? ` from ${poolText(draws, true)}` : ""} with 95% intervals, seed ${seed}`,
    `accepted where the ${scoreTitles[rule.score]} is at least ${rule.threshold.toPrecision(5)}: ${calibration}, ${count(Number(validationTasks))} tasks`,
  ];
}
