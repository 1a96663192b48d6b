import type { Executor } from "@innerloop/graph";
import { type ExperimentOptions, flagOf, type InvocationOptions } from "../presets/option-table.js";
import { UsageError } from "../presets/usage-error.js";
import { writeReport } from "../runs/report.js";
import { evaluateRun, evaluationRecord, loadParams, writeResults } from "../runs/results.js";
import { openRun, type RunFolder, shown } from "../runs/run-folder.js";
import { Interrupted } from "./cli-error.js";
import { commandName } from "./command-name.js";
import { watchInterruption } from "./interruption.js";
import { machineOptions, openExecutor } from "./open-executor.js";
import type { Output } from "./output.js";
import { type Prepared, prepareRun } from "./prepare.js";
import { protocolText, resultsMarkdown, resultsTable } from "./results-table.js";
import { bytes, count, counted, duration } from "./terminal.js";

export interface EvalRequest {
  readonly folder: string;
  readonly chosen: Partial<ExperimentOptions>;
  readonly invocation: InvocationOptions;
}

/** Judges a trained run on held-out tasks beside its baselines. */
export async function evalCommand({ folder, chosen, invocation }: EvalRequest, output: Output): Promise<void> {
  const run = await openRun(folder);
  const options = { ...run.config.options, ...chosen };
  if (run.config.file) {
    const settled = Object.keys(chosen).find((name) =>
      ["data", "ways", "shots", "queries", "batchNorm"].includes(name),
    );
    if (settled) throw new UsageError(`${flagOf(settled)} is settled by ${run.config.file.path}`, "Change it there");
  }
  if (options.ways > run.config.options.ways) {
    throw new UsageError(
      `--ways ${options.ways} of a model whose last layer has ${run.config.options.ways} classes`,
      `Train one with \`innerloop train ${run.config.experiment} --ways ${options.ways}\``,
    );
  }
  const executor = await openExecutor(chosen, output);
  const interruption = watchInterruption(output, "Stopping the evaluation...");
  try {
    const prepared = await prepareRun(run, options, output, interruption.signal);
    await evaluateAndReport({
      run,
      prepared,
      executor,
      output,
      signal: interruption.signal,
      options,
      ...(invocation.checkpoint ? { checkpoint: invocation.checkpoint } : {}),
      ...(invocation.skipBaselines ? { skipBaselines: true } : {}),
      ...(Object.keys(chosen).some((name) => !machineOptions.has(name)) || invocation.checkpoint
        ? { variant: true }
        : {}),
    });
  } finally {
    interruption.stopWatching();
    await executor.close();
  }
}

/** Evaluates, prints the table and writes results.json and results.md; another protocol than the run's own goes to files of its own. */
export async function evaluateAndReport(setting: {
  readonly run: RunFolder;
  readonly prepared: Prepared;
  readonly executor: Executor;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly options: ExperimentOptions;
  readonly checkpoint?: "best" | "last";
  readonly skipBaselines?: boolean;
  readonly variant?: boolean;
  readonly trainingSeconds?: number;
  /** Most memory that the process had while it trained. */
  readonly trainingBytes?: number;
}): Promise<void> {
  const { run, prepared, executor, output, signal, options } = setting;
  const { experiment } = prepared;
  const { params, iteration, checkpoint } = await loadParams(run, experiment.learner, setting.checkpoint);
  const line = output.progress("Evaluating", { unit: "tasks" });
  const startedAt = performance.now();
  const evaluations = await evaluateRun({
    learner: experiment.learner,
    params,
    tasks: experiment.tasks.test,
    baselines: setting.skipBaselines ? [] : experiment.baselines,
    seed: options.seed,
    count: options.evalTasks,
    steps: options.evalSteps,
    executor,
    signal,
    onProgress: (done, total, learner) => line.update(done, total, learner),
  }).catch((error: unknown) => {
    line.end();
    if (!signal.aborted) throw error;
    output.result(
      `\nStopped; the trained parameters are saved. Evaluate them with:\n\n  ${commandName()} eval ${shown(run.path)}\n`,
    );
    throw new Interrupted();
  });
  line.end();
  const seconds = (performance.now() - startedAt) / 1000;
  const first = evaluations[0]!;
  const protocol = protocolText(first, experiment, options);
  output.say();
  output.result(resultsTable(evaluations, output.paint));
  output.say();
  output.say(
    output.paint(
      "dim",
      `  ${protocol}; ${checkpoint} checkpoint, after ${counted(iteration, "update")}; ${duration(seconds)}`,
    ),
  );
  output.say();
  const record = {
    run: run.config.experiment,
    checkpoint,
    iteration,
    protocol: { ...run.config.protocol, ...first.protocol },
    evaluations: evaluations.map(evaluationRecord),
    ...(setting.trainingSeconds === undefined ? {} : { trainingSeconds: Math.round(setting.trainingSeconds) }),
    ...(setting.trainingBytes === undefined
      ? {}
      : { trainingBytes: setting.trainingBytes, expectedBytes: run.config.expectedBytes }),
    evaluationSeconds: Number(seconds.toFixed(1)),
  };
  output.event({ type: "results", ...record });
  const notes = [
    protocol,
    `${checkpoint} checkpoint, after ${count(iteration)} updates`,
    `${run.config.protocol.text}`,
    ...(setting.trainingBytes === undefined
      ? []
      : [`training took ${memoryText(setting.trainingBytes, run.config.expectedBytes)}`]),
    `made by \`${run.config.command}\`, innerloop ${run.config.versions.innerloop}, onnxruntime ${run.config.versions.onnxruntime}`,
  ];
  const file = setting.variant ? `results-${variantName(setting.options, run.config.options, checkpoint)}` : "results";
  await writeResults(run, file, record, resultsMarkdown(run.config.experiment, evaluations, notes));
  if (!setting.variant) await writeReport(run, evaluations, notes.slice(0, -1));
}

/** `405 MiB of memory at most, 397 MiB expected` */
export const memoryText = (peak: number, expected: number | undefined): string =>
  `${bytes(peak)} of memory at most${expected === undefined ? "" : `, ${bytes(expected)} expected`}`;

/** `shots-5`, `last`: what is other than in the run itself. */
function variantName(options: ExperimentOptions, own: ExperimentOptions, checkpoint: string): string {
  const changed = Object.entries(options).filter(
    ([name, value]) =>
      !machineOptions.has(name) && JSON.stringify(value) !== JSON.stringify(own[name as keyof ExperimentOptions]),
  );
  const parts = changed.map(([name, value]) => `${flagOf(name).slice(2)}-${String(value).replace(/[^\w]+/g, "_")}`);
  return [checkpoint, ...parts].join("-").slice(0, 120);
}
