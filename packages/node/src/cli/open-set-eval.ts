/** `innerloop eval RUN --open-set`: how well a run tells queries of its classes from queries of none of them. */

import {
  evaluateOpenSet,
  type Learner,
  type OpenSetCalibration,
  type OpenSetEvaluation,
  openSetEpisodes,
} from "@innerloop/core";
import {
  beyondTitle,
  type CalibratedRule,
  domainOf,
  figureTitle,
  flagOf,
  Interrupted,
  type OpenSetParts,
  openSetFile,
  type Prepared,
  paramsFor,
  poolText,
  type RunConfig,
  UsageError,
  withFlags,
  writeResults,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import type { RunFolder } from "../runs/run-folder.js";
import type { InvocationOptions } from "./commands/registry.js";
import { markdownText } from "./markdown-text.js";
import type { Output } from "./output.js";
import { drawTable, markdownTable } from "./results-table.js";
import { count, counted, duration, plusMinus, roomIn, withInterval } from "./terminal.js";

/**
 * Chooses the threshold on the validation classes and reports the test classes; writes both to the run's open-set.json
 * and open-set.md, from where `innerloop adapt --reject` has it: the last one counts.
 *
 * The learner is the one that `adapt` uses: batch normalisation of mode "transductive" would let the queries tell each
 * other apart.
 */
export async function openSetEval(setting: {
  readonly run: RunFolder;
  readonly prepared: Prepared;
  readonly evaluated: RunConfig;
  readonly invocation: InvocationOptions;
  readonly executor: Executor;
  readonly output: Output;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { run, prepared, evaluated, invocation, executor, output, signal } = setting;
  const { options } = evaluated;
  const learner = rejectingLearner(setting);
  const { validation, test } = heldOut(prepared, run);
  const trained = prepared.trained ?? prepared.experiment.learner;
  const { params, iteration, checkpoint } = await paramsFor(run, trained, [learner], invocation.checkpoint);
  const { ways, shots, queries = shots } = options as unknown as EpisodeSizes;
  const shape = { ways, shots, queries, unknownQueries: invocation.unknownQueries ?? queries, skipSmallClasses: true };
  const steps = learner.steps === undefined ? 0 : Math.max(...options.evalSteps, learner.steps);
  const { acceptance = 0.95 } = invocation;
  const calibration: OpenSetCalibration = acceptance === 0 ? "balanced" : { acceptance };
  const line = output.progress("Evaluating", { unit: "tasks" });
  const startedAt = performance.now();
  const evaluation = await evaluateOpenSet({
    learner,
    params,
    tasks: { validation: openSetEpisodes(validation, shape), test: openSetEpisodes(test, shape) },
    count: options.evalTasks,
    steps,
    calibration,
    ...(invocation.openSetScore ? { score: invocation.openSetScore } : {}),
    seed: options.seed,
    executor,
    signal,
    onProgress: (done, total) => line.update(done, total, learner.name),
  })
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new Interrupted();
    })
    .finally(() => line.end());
  const seconds = (performance.now() - startedAt) / 1000;
  const batchNorm = String(learner.description.batchNorm ?? "none");
  const rule: CalibratedRule = { ...evaluation.rule, checkpoint, iteration, steps, batchNorm, ways, shots };
  const record = {
    run: run.config.experiment,
    rule,
    protocol: { ...evaluation.protocol, ...prepared.other },
    described: evaluation.described,
    figures: evaluation.figures,
    evaluationSeconds: Number(seconds.toFixed(1)),
  };
  const { draws } = evaluation;
  const countsClasses =
    draws && Object.values(evaluation.figures).some(({ poolInterval }) => poolInterval !== undefined);
  const rows = evaluation.described.map((each) => {
    const figure = evaluation.figures[each.name];
    return [
      figureTitle(each),
      withInterval(each, figure),
      ...(countsClasses ? [plusMinus(each, figure.poolInterval)] : []),
    ];
  });
  const notes = protocolNotes(evaluation, rule, options.seed);
  output.event({ type: "openSet", ...record });
  output.say();
  const shownTable = { header: ["", learner.name, ...(countsClasses ? [beyondTitle(draws)] : [])], rows };
  output.result(drawTable(shownTable, { paint: output.paint, room: roomIn() }));
  output.say();
  for (const note of notes) output.say(output.paint("dim", `  ${note}`));
  output.say(
    output.paint("dim", `  ${checkpoint} checkpoint, after ${counted(iteration, "update")}; ${duration(seconds)}`),
  );
  output.say();
  const table = markdownTable(shownTable);
  const facts = [
    ...notes,
    `${checkpoint} checkpoint, after ${count(iteration)} updates`,
    `made by \`${run.config.command}\``,
  ];
  const title = `# ${markdownText(run.config.experiment)}, open set`;
  await writeResults(
    run,
    openSetFile,
    record,
    [title, "", ...table, "", ...facts.map((fact) => `- ${markdownText(fact)}`), ""].join("\n"),
  );
}

/** Sizes of the tasks of a domain that has open sets. */
interface EpisodeSizes {
  readonly ways: number;
  readonly shots: number;
  readonly queries?: number;
}

function rejectingLearner({
  run,
  prepared,
  evaluated: { options },
  invocation,
}: Pick<Parameters<typeof openSetEval>[0], "run" | "prepared" | "evaluated" | "invocation">): Learner {
  const { config, learnerOf, experiment } = prepared;
  if (!learnerOf || !config || invocation.batchNorm || options.batchNorm !== "transductive") return experiment.learner;
  return learnerOf(withFlags(config, { batchNorm: "support" }), run);
}

/** Whether an evaluation is to be one of open sets. @throws UsageError for options that do not go with that */
export function isOpenSetAsked(invocation: InvocationOptions): boolean {
  const given = (names: readonly (keyof InvocationOptions)[]) => names.find((name) => invocation[name] !== undefined);
  if (!invocation.openSet) {
    const idle = given(["unknownQueries", "openSetScore", "acceptance"]);
    if (idle) throw new UsageError(`${flagOf(idle)} is for --open-set`, "Give both, or leave it out");
    return false;
  }
  const other = given(["with", "figures"]) ?? ((invocation.batchNorm?.length ?? 0) > 1 ? "batchNorm" : undefined);
  if (!other) return true;
  throw new UsageError(`${flagOf(other)} asks for more than the one row of --open-set`, "Evaluate twice");
}

/** Classes to choose the threshold on and classes to report, which share none. */
function heldOut({ config, data }: Prepared, run: RunFolder): OpenSetParts {
  const parts = config && domainOf(config).openSet?.(data, config.domain);
  if (parts) return parts;
  throw new UsageError(
    `--open-set of a run of ${run.config.config?.domain.data ?? run.config.file?.path}`,
    "It is for runs of data sets of classes; in code, use evaluateOpenSet",
  );
}

function protocolNotes({ protocol, draws }: OpenSetEvaluation, rule: CalibratedRule, seed: number): string[] {
  const { ways, shots, queries, unknownClasses, unknownQueries, tasks, validationTasks, calibration } = protocol;
  return [
    `${ways}-way ${shots}-shot tasks, ${queries} queries of each class and ${unknownQueries} of each of ${unknownClasses} unknown classes; ${counted(rule.steps, "step")}, batch norm ${rule.batchNorm}`,
    `mean over ${count(Number(tasks))} test tasks${draws ? ` from ${poolText(draws, true)}` : ""} with 95% intervals, seed ${seed}`,
    `accepted where the ${scoreTitles[rule.score]} is at least ${rule.threshold.toPrecision(5)}: ${calibration}, ${count(Number(validationTasks))} tasks`,
  ];
}

const scoreTitles: Readonly<Record<CalibratedRule["score"], string>> = {
  logit: "largest logit",
  probability: "largest probability",
  energy: "log-sum-exp of the logits",
};
