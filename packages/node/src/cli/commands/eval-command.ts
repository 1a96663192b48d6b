import {
  checkpointText,
  type EvaluationOutcome,
  type EvaluationRequest,
  evaluatedConfig,
  evaluateSession,
  type Flags,
  Interrupted,
  leadingFigure,
  leadingWord,
  reportPictures,
  type TrainingValues,
  writeReport,
  writeResults,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { machineIo } from "../../data/machine-io.js";
import type { RunFolder } from "../../runs/run-folder.js";
import { commandName, commandText } from "../command-name.js";
import { watchInterruption } from "../interruption.js";
import { openExecutor } from "../open-executor.js";
import { isOpenSetAsked, openSetEval } from "../open-set-eval.js";
import type { Output } from "../output.js";
import { resultsMarkdown, resultsTable } from "../results-table.js";
import { openRunFor } from "../run-experiment-file.js";
import { commandHost, followed } from "../session-host.js";
import { duration, folded, roomIn } from "../terminal.js";
import type { InvocationOptions } from "./registry.js";

export interface EvalRequest {
  readonly folder: string;
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Judges a trained run on held-out tasks beside its baselines. */
export async function evalCommand({ folder, chosen, invocation }: EvalRequest, output: Output): Promise<void> {
  const run = await openRunFor(folder, output);
  const { batchNorm, checkpoint, skipBaselines, figures } = invocation;
  // What may not be asked of the run is said before anything is opened for it.
  evaluatedConfig(run, chosen, batchNorm?.[0]);
  const isOpenSet = isOpenSetAsked(invocation);
  const executor = await openExecutor(machineOf(chosen), output);
  const interruption = watchInterruption(output, "Stopping the evaluation...");
  const { signal } = interruption;
  try {
    if (isOpenSet) {
      const { unknownQueries, openSetScore: score, acceptance } = invocation;
      const request = { run, chosen, checkpoint, batchNorm: batchNorm?.[0], unknownQueries, score, acceptance };
      await openSetEval(request, { executor, output, signal });
      return;
    }
    const beside: RunFolder[] = [];
    for (const other of invocation.with ?? []) beside.push(await openRunFor(other, output));
    const request = { run, chosen, checkpoint, batchNorm, beside, skipBaselines, figures };
    await evaluateAndReport(request, { run, executor, output, signal });
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
export async function evaluateAndReport(
  request: EvaluationRequest,
  setting: {
    readonly run: RunFolder;
    readonly executor: Executor;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { run, executor, output, signal } = setting;
  const outcome = await followed(commandHost(output, { signal }), (host) =>
    evaluateSession(request, { ...host, executor }),
  );
  const { bestBy: asked } = run.config.options;
  const bestBy = asked === leadingWord ? leadingFigure(outcome.evaluations[0]!).title : asked;
  sayOutcome(run, outcome, output, outcome.checkpoint === "best" ? bestBy : undefined);
  output.event({ type: "results", ...outcome.record });
  const { evaluations, facts, file, isVariant } = outcome;
  const chosen = outcome.chosen?.steps;
  const { experiment } = run.config;
  await writeResults(run, file, outcome.record, resultsMarkdown(experiment, evaluations, facts, chosen));
  if (isVariant) return;
  const results = { evaluations, notes: facts.slice(0, -1), chosen };
  await writeReport(run, results);
  // Episodes for pictures may fail to be played, where the results are there.
  const pictures = await reportPictures(run, evaluations, { executor, io: machineIo });
  if (pictures.length > 0) await writeReport(run, { ...results, pictures });
}

/** @param bestBy the figure by which the parameters were chosen, where that was asked for */
function sayOutcome(run: RunFolder, outcome: EvaluationOutcome, output: Output, bestBy: string | undefined): void {
  const { evaluations, figures, chosen, better, notes, warnings, protocol } = outcome;
  const { checkpoint, iteration, seconds } = outcome;
  const { paint } = output;
  output.say();
  output.result(resultsTable(evaluations, paint, figures, undefined, chosen?.steps));
  output.say();
  if (better !== undefined) output.result(folded(paint("yellow", `  ${better}`), roomIn()));
  for (const text of notes) output.say(paint("dim", `  ${text}`));
  const behind = `${checkpointText(run.config, checkpoint, iteration, bestBy)}; ${duration(seconds)}`;
  output.say(paint("dim", `  ${protocol}; ${behind}`));
  output.say();
  for (const text of warnings) output.warn(`  Warning: ${text}.`);
  if (warnings.length > 0) output.say();
}

/** What of the chosen options says where to compute; `auto` is native for long trainings alone. */
export const machineOf = ({ device, engine, workers }: Flags) =>
  ({
    ...(device ? { device } : {}),
    ...(engine && engine !== "auto" ? { engine } : {}),
    ...(workers ? { workers } : {}),
  }) as Partial<Pick<TrainingValues, "device" | "engine" | "workers">>;
