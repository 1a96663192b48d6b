import { join } from "node:path";
import type { Evaluation, FigureDescription, TrainingEvent } from "@innerloop/core";
import type { TrainingPlan } from "@innerloop/core/training";
import type { Executor } from "@innerloop/graph";
import type { Experiment } from "../../presets/experiment.js";
import {
  isCodeFile,
  isExperimentFile,
  loadCodeExperiment,
  presetHint,
  readJsonExperiment,
} from "../../presets/experiment-file.js";
import { type DataRecord, formulaFamilies, requireTableOptions } from "../../presets/load-data.js";
import {
  defaultExperimentOptions,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  type InvocationOptions,
  type OptionSpec,
} from "../../presets/option-table.js";
import { requireUse } from "../../presets/option-use.js";
import { optionText } from "../../presets/option-values.js";
import { isPresetName, type Preset, type PresetName, presets, resolveOptions } from "../../presets/presets.js";
import { shellWord } from "../../presets/shell-word.js";
import { UsageError } from "../../presets/usage-error.js";
import { failureOf, isDivergence, problemOf } from "../../runs/failure.js";
import { writeReport } from "../../runs/report.js";
import { stepsOfTasks } from "../../runs/results.js";
import { figureTitle, leadingFigure } from "../../runs/results-cells.js";
import {
  commandWith,
  createRun,
  inCommand,
  newRunPath,
  openRun,
  type RunConfig,
  type RunFolder,
  requireFree,
  requirePlaceFor,
  runFormat,
  shown,
  sweepRun,
  writeConfig,
} from "../../runs/run-folder.js";
import { lockRun, type RunLock } from "../../runs/run-lock.js";
import { progressOf, trainInFolder } from "../../runs/training-session.js";
import { Interrupted } from "../cli-error.js";
import { commandName, commandText } from "../command-name.js";
import { describePlan } from "../describe.js";
import { watchInterruption } from "../interruption.js";
import { openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { planInMemory } from "../plan-in-memory.js";
import { type Prepared, prepare, prepareMoved, prepareRun } from "../prepare.js";
import { keepNamed } from "../run-experiment-file.js";
import { count, counted, duration, figure, roomIn, suggestions, withInterval } from "../terminal.js";
import { versions } from "../versions.js";
import { evaluateAndReport, memoryText, sayStopped } from "./eval-command.js";

export interface TrainRequest {
  readonly target: string | undefined;
  /** What was given on the command line. */
  readonly chosen: Partial<ExperimentOptions>;
  readonly invocation: InvocationOptions;
}

/**
 * Trains a new run or continues one, and evaluates it. Returns the run's folder.
 *
 * @param options.introduced whoever called has said what this is about, and says what to do next
 */
export async function trainCommand(
  asked: TrainRequest,
  output: Output,
  options: { readonly introduced?: boolean } = {},
): Promise<string> {
  const request = { ...asked, introduced: options.introduced ?? false };
  const { resume } = request.invocation;
  const notice = "Stopping after the current update... (Ctrl-C again to stop at once)";
  const interruption = watchInterruption(output, notice);
  try {
    return await (resume === undefined
      ? startRun(request, output, interruption.signal)
      : resumeRun(resume, request, output, interruption.signal));
  } finally {
    interruption.stopWatching();
  }
}

type IntroducedRequest = TrainRequest & { readonly introduced: boolean };

interface Asked {
  readonly name: string;
  readonly experiment: string;
  readonly options: ExperimentOptions;
  readonly protocol: string;
  readonly code?: { readonly prepared: Prepared; readonly file: NonNullable<RunConfig["file"]> };
}

async function askedFor({ target, chosen }: TrainRequest): Promise<Asked> {
  const defaults = defaultExperimentOptions();
  if (target === undefined && chosen.data === undefined) {
    throw new UsageError(
      "there is no preset",
      "Choose one, as in `innerloop train hanzi`; `innerloop train --help` lists them",
    );
  }
  const preset = target ?? presetFor(chosen);
  if (isPresetName(preset)) {
    const options = resolveOptions(preset, chosen, defaults);
    requireTableOptions(options, preset);
    requireUse(Object.keys(chosen), options);
    return {
      name: preset,
      experiment: preset,
      options,
      protocol: (presets[preset] as Preset).protocol,
    };
  }
  if (!isExperimentFile(preset)) throw new UsageError(`there is no preset ${preset}`, presetHint(preset));
  const name = preset.replace(/^.*[\\/]/, "").replace(/\.[a-z]+$/, "");
  if (!isCodeFile(preset)) {
    const file = await readJsonExperiment(preset);
    const options = resolveOptions(file.preset, { ...file.options, ...chosen }, defaults);
    requireTableOptions(options, file.preset);
    // What the command line changes may leave some of the file without a meaning, as it may of a preset.
    requireUse(Object.keys(file.options), resolveOptions(file.preset, file.options, defaults));
    requireUse(Object.keys(chosen), options);
    return { name, experiment: file.preset, options, protocol: (presets[file.preset] as Preset).protocol };
  }
  const fixed = Object.keys(chosen).filter((option) => fileSettles(option));
  if (fixed.length > 0) throw new UsageError(`${flagOf(fixed[0]!)} is settled by ${preset}`, "Change it there");
  const { experiment, path, sha256, options } = await loadCodeExperiment(preset);
  return {
    name,
    experiment: preset,
    options: { ...defaults, ...options, ...chosen },
    protocol: "as the experiment file defines it",
    code: { prepared: { experiment }, file: { path, sha256 } },
  };
}

/** The preset that goes with data which are given without one. */
const presetFor = ({ data = "", groupColumn }: Partial<ExperimentOptions>): PresetName =>
  groupColumn ? "table" : formulaFamilies.includes(data) ? "sinusoid" : "images";

/** Whether an experiment in code leaves no say to an option of the command line. */
function fileSettles(option: string): boolean {
  const spec: OptionSpec | undefined = experimentOptions[option as keyof typeof experimentOptions];
  if (spec?.group === "Task" || spec?.group === "Learner" || spec?.group === "Model" || spec?.group === "Images")
    return true;
  return ["outerOptimizer", "outerRate", "schedule", "clip"].includes(option);
}

async function startRun(request: IntroducedRequest, output: Output, signal: AbortSignal): Promise<string> {
  const asked = await askedFor(request);
  const { options, code } = asked;
  const path = request.invocation.run ?? (await newRunPath(asked.name));
  await requirePlaceFor(path);
  let executor: Executor | undefined;
  let lock: RunLock | undefined;
  try {
    if (!request.introduced) output.say(output.paint("bold", `innerloop train ${asked.name}`));
    if (code) await keepNamed(code.file, output);
    const prepared = code?.prepared ?? (await prepare(options, output, { signal }));
    const planned = await planInMemory(prepared.experiment, options, output);
    const { plan } = planned;
    executor = planned.executor;
    if (plan.parameters === 0)
      throw new UsageError(
        `${prepared.experiment.learner.name} has no parameters here: there is nothing to train`,
        "Choose a model with layers of its own (--model mlp or conv), or another learner",
      );
    const workers = executor.parallelism;
    const { chunkSize, recompute, expectedBytes } = plan.training;
    if (signal.aborted) throw new Interrupted();
    // Nothing is written before here: what was wrong with the request leaves no folder behind.
    const files = await createRun(path);
    lock = await lockRun(path);
    await requireFree(path);
    const config: RunConfig = {
      format: runFormat,
      experiment: asked.experiment,
      ...(code ? { file: code.file } : {}),
      options: code ? withoutSettled(options) : options,
      chunkSize,
      recompute,
      workers,
      ...(expectedBytes === undefined ? {} : { expectedBytes: Math.round(expectedBytes) }),
      ...(prepared.record ? { data: prepared.record } : {}),
      protocol: {
        text: asked.protocol,
        ...prepared.experiment.tasks.test.description,
        ...prepared.experiment.learner.description,
      },
      command: `innerloop ${commandText(["train", ...(request.target === undefined ? [] : [request.target])], request.chosen)}`,
      versions: versions(),
      created: new Date().toISOString(),
    };
    await writeConfig(files, config);
    const run = await openRun(path);
    const { operations, parameters } = plan;
    output.event({
      type: "run",
      folder: shown(path),
      chunkSize,
      recompute,
      expectedBytes,
      operations,
      parameters,
      workers,
    });
    describePlan({
      output,
      options,
      experiment: prepared.experiment,
      plan,
      workers,
      splits: prepared.splits,
      fromFile: code !== undefined,
      folder: shown(path),
    });
    await trainAndEvaluate({ run, prepared, executor, plan: plan.training, lock, output, signal, request });
    return path;
  } finally {
    lock?.release();
    await executor?.close();
  }
}

/** The options that an experiment in code leaves to the command line. */
const withoutSettled = (options: ExperimentOptions): ExperimentOptions =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !fileSettles(name))) as unknown as ExperimentOptions;

async function resumeRun(
  path: string,
  request: IntroducedRequest,
  output: Output,
  signal: AbortSignal,
): Promise<string> {
  const refused = Object.keys(request.chosen).filter(
    (name) => !(experimentOptions[name as keyof typeof experimentOptions] as OptionSpec).onResume,
  );
  if (refused.length > 0 || request.invocation.run !== undefined) {
    throw new UsageError(
      `${refused[0] ? flagOf(refused[0]) : "--run"} cannot change in a run that has begun`,
      "Leave it out, or start a new run",
    );
  }
  const stored = await openRun(path);
  const named = request.target;
  if (named !== undefined && !(stored.config.file && isCodeFile(named)))
    throw new UsageError(`${named} is given beside --resume`, `Use \`innerloop train --resume ${inCommand(path)}\``);
  const lock = await lockRun(path);
  let executor: Executor | undefined;
  try {
    const options = { ...stored.config.options, ...request.chosen };
    const { device } = options;
    const sameDevice = device === stored.config.options.device;
    executor = await openExecutor({ device, workers: sameDevice ? stored.config.workers : 0 }, output);
    await sweepRun(stored);
    const before = await progressOf(stored);
    if (options.iterations < before.iteration) {
      throw new UsageError(
        `the run has ${counted(before.iteration, "update")} behind it, more than --iterations ${options.iterations}`,
        "Ask for more",
      );
    }
    if (options.iterations !== stored.config.options.iterations && options.schedule !== "constant") {
      // The rates so far were those of the shorter run: no run of the new length would have come here.
      throw new UsageError(
        `the run's ${options.schedule} schedule ends after ${counted(stored.config.options.iterations, "update")}, and cannot go on to ${count(options.iterations)}`,
        "Start a new run of that length; only a run at a constant rate can be extended",
      );
    }
    const config: RunConfig = { ...stored.config, options, command: extended(stored.config.command, request.chosen) };
    let run: RunFolder = { ...stored, config };
    output.say(output.paint("bold", `innerloop train --resume ${inCommand(path)}`));
    const moved = request.chosen.data !== undefined;
    const prepared = moved
      ? await prepareMoved(stored, options, output, signal)
      : await prepareRun(run, options, output, signal, named);
    requireSameLearner(run, stored.config.options, prepared);
    const failure = await failureOf(stored);
    if (failure) output.warn(`  This run has failed: ${problemOf(failure)}. ${whatToChange(run)}`);
    if (signal.aborted) throw new Interrupted();
    const { record } = prepared;
    if (moved && record) run = { ...run, config: { ...run.config, data: movedTo(stored.config.data!, record) } };
    if (named !== undefined) run = withFile(run, prepared.file!, before.iteration);
    if (Object.keys(request.chosen).length > 0 || named !== undefined) await writeConfig(run.files, run.config);
    output.say(
      before.ended && before.iteration >= options.iterations
        ? "  Training is finished; evaluating."
        : `  Continuing after ${count(before.iteration)} of ${counted(options.iterations, "update")}.`,
    );
    output.say();
    await trainAndEvaluate({ run, prepared, executor, lock, output, signal, request });
    return path;
  } finally {
    lock.release();
    await executor?.close();
  }
}

/** A record of the same data set at another place: a folder or file, or a name in the user's store. */
function movedTo({ folder: _, ...data }: DataRecord, { folder }: DataRecord): DataRecord {
  return { ...data, ...(folder === undefined ? {} : { folder }) };
}

/** The command that makes in one go what a run and its resumption with these options make. */
const extended = (command: string, chosen: Partial<ExperimentOptions>): string =>
  Object.entries(chosen).reduce(
    (text, [name, value]) => commandWith({ command: text }, name, shellWord(optionText(value))),
    command,
  );

/**
 * What a learner does over the run may depend on how long it is.
 *
 * @throws UsageError where the updates so far were those of another learner than the longer run's
 */
function requireSameLearner(run: RunFolder, before: ExperimentOptions, { trained, learnerOf }: Prepared): void {
  const { iterations } = run.config.options;
  if (iterations === before.iterations || !trained || !learnerOf) return;
  const [was, is] = [learnerOf(before, run), trained].map(({ description }) => JSON.stringify(description));
  if (was === is) return;
  throw new UsageError(
    `${trained.name} changes over its ${counted(before.iterations, "update")}, and cannot go on to ${count(iterations)}`,
    "Start a new run of that length; only a learner that is the same throughout can be trained for longer",
  );
}

/** The run as it goes on with an experiment file that the user has named: its results say where the file changed. */
function withFile(run: RunFolder, file: NonNullable<RunConfig["file"]>, iteration: number): RunFolder {
  const { config } = run;
  const text = `${config.protocol.text}; the file changed after ${counted(iteration, "update")}`;
  const protocol = file.sha256 === config.file?.sha256 ? config.protocol : { ...config.protocol, text };
  return { ...run, config: { ...config, file, protocol } };
}

async function trainAndEvaluate(setting: {
  run: RunFolder;
  prepared: Prepared;
  executor: Executor;
  plan?: TrainingPlan;
  lock: RunLock;
  output: Output;
  signal: AbortSignal;
  request: IntroducedRequest;
}): Promise<void> {
  const { run, prepared, executor, plan, lock, output, signal, request } = setting;
  const { options } = run.config;
  const startedAt = performance.now();
  const follower = followTraining(output, options.iterations);
  let end: Awaited<ReturnType<typeof trainInFolder>>;
  try {
    end = await trainInFolder({
      run,
      experiment: prepared.experiment,
      executor,
      plan,
      lock,
      signal,
      onEvent: follower.onEvent,
    });
  } catch (error) {
    follower.end();
    if (isDivergence(error)) await sayFailed(run, output);
    throw error;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const resumeHint = `${commandName()} train --resume ${inCommand(run.path)}`;
  if (end.reason === "interrupted") {
    follower.end();
    output.result(
      `\nStopped after ${count(end.iteration)} of ${counted(options.iterations, "update")}; all of it is saved. Continue with:\n\n  ${resumeHint}\n`,
    );
    throw new Interrupted();
  }
  const how =
    end.reason === "early stop"
      ? `Stopped early after ${counted(end.iteration, "update")}: no better validation for ${options.patience} of them`
      : `${output.paint("green", "✓")} ${counted(end.iteration, "update")} done`;
  // The most that the process has had so far: what comes after training does not count.
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  follower.end(`${how} in ${duration(seconds)}; ${memoryText(peakBytes, run.config.expectedBytes)}`);
  output.event({ type: "memory", peakBytes, expectedBytes: run.config.expectedBytes });
  const allowed = options.memory * 2 ** 20;
  if (allowed > 0 && peakBytes > allowed)
    output.warn(
      `  This is more than --memory ${options.memory}: it is planned by estimates, and nothing stops the process there. For a hard limit, give less than the limit.`,
    );
  if (request.invocation.skipEvaluation) {
    output.result(`Run folder: ${shown(run.path)}`);
    return;
  }
  await evaluateAndReport({
    run,
    prepared,
    executor,
    output,
    signal,
    options,
    trainingSeconds: seconds,
    trainingBytes: peakBytes,
    baselineTasks: affordableTasks(prepared.experiment, options),
    ...(request.invocation.skipBaselines ? { skipBaselines: true } : {}),
  }).catch((error: unknown) => {
    if (error instanceof Interrupted) sayStopped(output, commandText(["eval", shown(run.path)], {}));
    throw error;
  });
  if (!request.introduced) sayWhatNext(run, prepared, output);
}

/** A failed run has a report as well, and is told from one that was stopped. */
async function sayFailed(run: RunFolder, output: Output): Promise<void> {
  await writeReport(run);
  output.event({ type: "failed", run: shown(run.path) });
  output.warn(`  This run has failed and is marked so: ${shown(join(run.path, "report.html"))}. ${whatToChange(run)}`);
}

/**
 * A run that failed fails again where it goes on: it is a function of its options. Rates above the usual ones are the
 * first suspects; clipping alone does not help against them.
 */
const whatToChange = ({ config }: Pick<RunFolder, "config">): string => {
  const { clip, outerRate, learner, model } = config.options;
  const preset = isPresetName(config.experiment) ? config.experiment : undefined;
  const usual = resolveOptions(preset, { learner, model }, defaultExperimentOptions());
  const high = (["innerRate", "outerRate"] as const).filter((name) => config.options[name] > usual[name]);
  const changes: readonly (readonly [name: string, value: number])[] =
    high.length > 0
      ? high.map((name) => [name, usual[name]])
      : clip > 0
        ? [["outerRate", outerRate / 3]]
        : [["clip", 3]];
  const command = changes
    .reduce((text, [name, value]) => commandWith({ command: text }, name, Number(value.toPrecision(2))), config.command)
    .replace(/^innerloop/, () => commandName());
  return `Going on with it meets the same; start another, with ${config.file ? "other rates in its file" : `\`${command}\` for example`}.`;
};

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
  { iterations, metaBatch, evalTasks }: Pick<ExperimentOptions, "iterations" | "metaBatch" | "evalTasks">,
): number {
  const training = stepsOfTasks(iterations * metaBatch, [learner.steps ?? 0]);
  const ofEach = baselines.reduce((sum, { steps }) => sum + stepsOfTasks(1, steps), 0);
  const affordable = Math.floor((baselineShare * training) / ofEach);
  return Math.min(evalTasks, Math.max(fewestBaselineTasks, affordable));
}

function sayWhatNext(run: RunFolder, prepared: Prepared, output: Output): void {
  const word = inCommand(run.path);
  const { options } = run.config;
  output.result(`Run folder: ${shown(run.path)}`);
  output.say();
  output.say(output.paint("bold", "What next"));
  const next: [command: string, meaning: string][] = [];
  // Without steps there is but one figure, which an evaluation would repeat.
  if (prepared.experiment.learner.steps !== undefined)
    next.push([`${commandName()} eval ${word} --eval-steps 0,1,5,10,20`, "more adaptation steps"]);
  if (prepared.splits) {
    next.push([`${commandName()} eval ${word} --shots ${options.shots + 4}`, "more examples of each class"]);
    next.push([
      `${commandName()} adapt ${word} --support DIR --query FILE...`,
      "your own images: one folder of examples per class",
    ]);
  } else
    next.push([
      commandWith(run.config, "seed", options.seed + 1).replace(/^innerloop/, () => commandName()),
      "the same from another start",
    ]);
  const { paint } = output;
  // As results are, not folded: they are there to be copied.
  if (!output.quiet) output.result(suggestions(next, { room: roomIn(), indent: 2, paint }).join("\n"));
}

/** Shows the events of training as a progress line with smoothed figures. */
export function followTraining(
  output: Output,
  iterations: number,
): { onEvent(event: TrainingEvent): void; end(last?: string): void } {
  const smoothed = new Map<string, { sum: number; weight: number }>();
  let line: ReturnType<Output["progress"]> | undefined;
  let described: ReadonlyMap<string, FigureDescription> = new Map();
  const smooth = (name: string, value: number): number => {
    const entry = smoothed.get(name) ?? { sum: 0, weight: 0 };
    entry.sum = 0.98 * entry.sum + 0.02 * value;
    entry.weight = 0.98 * entry.weight + 0.02;
    smoothed.set(name, entry);
    return entry.sum / entry.weight;
  };
  const shownOf = ({ protocol, figures, rows }: Evaluation) => ({ protocol, figures, rows });
  return {
    onEvent: (event) => {
      output.event({ ...event, ...(event.type === "validation" ? { evaluation: shownOf(event.evaluation) } : {}) });
      switch (event.type) {
        case "start":
          described = new Map(event.figures.map((each) => [each.name, each]));
          if (event.iteration < iterations)
            line = output.progress("Training", { unit: "updates", from: event.iteration });
          line?.update(event.iteration, iterations, "compiling");
          return;
        case "iteration": {
          const figures = Object.entries({ loss: event.loss, ...event.metrics }).map(
            ([name, value]) => `${name} ${figure(described.get(name) ?? {}, smooth(name, value))}`,
          );
          line?.update(event.iteration, iterations, figures.join("  "));
          return;
        }
        case "validation": {
          line?.resume();
          const { rows } = event.evaluation;
          const [first, last] = [rows[0]!, rows.at(-1)!];
          const leading = leadingFigure(event.evaluation);
          const { name } = leading;
          const from = rows.length > 1 ? `${figure(leading, first.figures[name]!.mean)} before, ` : "";
          const steps = last.steps > 0 ? ` after ${counted(last.steps, "step")}` : "";
          const mark = event.best ? output.paint("green", "  best so far") : "";
          output.say(
            `  ${count(event.iteration).padStart(count(iterations).length)}  validation ${figureTitle(leading)}: ${from}${withInterval(leading, last.figures[name]!)}${steps}${mark}`,
          );
          return;
        }
        case "warning":
          output.warn(`  Warning at ${count(event.iteration)}: ${event.message}.`);
          return;
        default:
          return;
      }
    },
    end: (last) => {
      if (line) line.end(last);
      else if (last !== undefined) output.say(last);
    },
  };
}
