/** Runs on the same tasks: how they differ from the first, with intervals of the differences. */
import { type Adapter, type Evaluation, evaluate } from "@innerloop/core";
import { evaluationFigures } from "@innerloop/core/training";
import type { Flags } from "../config/index.js";
import { adaptationWarningOf, curveOf } from "../figures/adaptation-warning.js";
import { type Comparison, comparisons } from "../figures/comparison.js";
import { figuresChosen, leadingFigure } from "../figures/results-cells.js";
import { batchNormText, protocolText } from "../protocol-text.js";
import { failureOf, problemOf } from "../runs/failure.js";
import { evaluationRecord } from "../runs/results.js";
import type { RunStore } from "../runs/run-store.js";
import { counted } from "../words.js";
import { taskTextIn } from "./evaluate.js";
import { type BesideRun, evaluatedConfig, onTasksOf, paramsFor, requireStepsTaken } from "./evaluated-run.js";
import { prepareRun } from "./prepare.js";
import { type SessionHost, untilStopped } from "./session-host.js";

/** The runs to compare, the one first that the others are compared with. */
export interface ComparisonRequest {
  readonly runs: readonly [RunStore, ...RunStore[]];
  /** Options that are other than the first run's own, as flags. */
  readonly chosen?: Flags;
  readonly checkpoint?: "best" | "last" | undefined;
  /** Figures to show tables of, by name, title or short name; the leading one unless given. */
  readonly figures?: readonly string[] | undefined;
}

/** The outcome of a comparison. */
export interface ComparisonOutcome {
  /** In the order of the runs. */
  readonly evaluations: readonly Evaluation[];
  /** What each run is called. */
  readonly names: readonly string[];
  /** Those of the figures to show. */
  readonly shown: readonly Comparison[];
  /** What the comparison is about, a sentence each. */
  readonly notes: readonly string[];
  /** Where adapting makes held-out tasks worse, a sentence each. */
  readonly warnings: readonly string[];
  readonly seconds: number;
  /** The comparison for machines. */
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * Evaluates runs on the tasks of the first, and compares each with it. Nothing is kept.
 *
 * @throws UsageError for runs that are tested on other tasks, and for options that mean nothing for them; RunError ILN05
 *   where one has no parameters, ILN06 where its data has changed; Interrupted
 */
export async function compareSession(request: ComparisonRequest, host: SessionHost): Promise<ComparisonOutcome> {
  const { runs, chosen = {}, checkpoint: wanted } = request;
  const [run, ...others] = runs;
  const evaluated = evaluatedConfig(run, chosen);
  const { options } = evaluated;
  const prepared = await prepareRun(run, evaluated.config, host);
  const { experiment } = prepared;
  const { learner } = experiment;
  const trained = await paramsFor(run, prepared.trained ?? learner, [learner], wanted);
  const figures =
    request.figures &&
    figuresChosen(request.figures, learner, evaluationFigures(learner, experiment.tasks.test, trained.params));
  const contestants: BesideRun[] = [{ run, learner, ...trained }];
  for (const other of others)
    contestants.push(await onTasksOf({ run, prepared, evaluated }, other, Object.keys(chosen), host, wanted));
  requireStepsTaken(
    chosen,
    contestants.map((contestant) => contestant.learner),
  );
  const { executor, signal, onProgress } = host;
  const phase = "comparing";
  onProgress?.({ phase });
  const startedAt = performance.now();
  const evaluations: Evaluation[] = [];
  await untilStopped(signal, async () => {
    for (const [i, contestant] of contestants.entries()) {
      const evalSteps = (chosen.evalSteps ?? contestant.run.config.options.evalSteps) as readonly number[];
      const evaluation = await evaluate({
        learner: contestant.learner as Adapter,
        params: contestant.params,
        tasks: experiment.tasks.test,
        count: options.evalTasks,
        steps: contestant.learner.steps === undefined ? [0] : evalSteps,
        seed: options.seed,
        executor,
        ...(signal ? { signal } : {}),
        onProgress: (done) =>
          onProgress?.({
            phase,
            at: {
              done: i * options.evalTasks + done,
              total: contestants.length * options.evalTasks,
              what: contestant.learner.name,
            },
          }),
      });
      evaluations.push(evaluation);
    }
  });
  const norms = new Set(evaluations.map(({ protocol }) => protocol.batchNorm));
  const protocol = protocolText(evaluations[0]!, experiment, options, {
    other: prepared.other,
    taskText: taskTextIn(evaluated, evaluations[0]!),
    otherNorms: norms.size > 1,
  });
  const failures = await Promise.all(contestants.map((contestant) => failureOf(contestant.run)));
  const names = contestants.map(
    (contestant, i) => `${rowName(contestant, evaluations[i]!, norms.size > 1)}${failures[i] ? ", failed" : ""}`,
  );
  const warnings = evaluations.flatMap((each, i) => {
    const text = adaptationWarningOf(curveOf(each));
    return text === undefined ? [] : [`${names[i]}: ${text}`];
  });
  const all = comparisons(evaluations);
  const record = {
    protocol: { ...evaluations[0]!.protocol, ...prepared.other, text: protocol },
    runs: contestants.map(({ run: { shown, config }, checkpoint, iteration }, i) => ({
      run: shown,
      experiment: config.experiment,
      command: config.command,
      checkpoint,
      iteration,
      ...(failures[i] ? { failed: failures[i] } : {}),
      ...evaluationRecord(evaluations[i]!),
    })),
    ...(warnings.length > 0 ? { warnings } : {}),
    comparisons: all,
  };
  const shownFigures = figures ?? [leadingFigure(evaluations[0]!)];
  const notes = [
    protocol,
    "each run minus the first over the same tasks, mean ± 95% interval; a verdict is wrong by chance in one of 20 comparisons",
    ...contestants.map(({ checkpoint, iteration }, i) => {
      const failure = failures[i] ? `; its training failed: ${problemOf(failures[i])}` : "";
      return `${names[i]}: ${checkpoint} checkpoint, after ${counted(iteration, "update")}${failure}`;
    }),
  ];
  return {
    evaluations,
    names,
    shown: shownFigures.flatMap(({ name }) => all.filter((each) => each.name === name)),
    notes,
    warnings,
    seconds: (performance.now() - startedAt) / 1000,
    record,
  };
}

/** `MAML (runs/a)`, with where its batch normalisation takes statistics from where the runs differ in that. */
function rowName({ run, learner }: BesideRun, { protocol }: Evaluation, withNorm: boolean): string {
  const norm = withNorm ? `, ${batchNormText(protocol.batchNorm)}` : "";
  return `${learner.name}${norm} (${run.shown})`;
}
