import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Evaluation, FigureDescription, TrainingEvent } from "@innerloop/core";
import type { TrainingPlan } from "@innerloop/core/training";
import {
  type AskedExperiment,
  affordableTasks,
  argvWith,
  bestByOf,
  cannotChange,
  checkedExperiment,
  commandLine,
  type Domain,
  domainOf,
  domains,
  engineOf,
  evaluationOptions,
  type Flags,
  factsOf,
  failureOf,
  figureTitle,
  findPreset,
  flagOf,
  flagsAfterFailure,
  flagWords,
  Interrupted,
  isDivergence,
  leadingFigure,
  memoryText,
  movesData,
  newRunConfig,
  type Prepared,
  planInMemory,
  prepare,
  prepareResumed,
  presetFor,
  problemOf,
  programSettles,
  progressOf,
  type RunConfig,
  requireParameters,
  requireResumable,
  requireUse,
  requireValidation,
  resolve,
  resumedConfig,
  type SessionEnd,
  settingsFrom,
  trainSession,
  UsageError,
  withFile,
  withMovedData,
  writeReport,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import {
  isCodeFile,
  isExperimentFile,
  loadCodeExperiment,
  presetHint,
  readJsonExperiment,
} from "../../runs/experiment-file.js";
import {
  createRun,
  inCommand,
  newRunPath,
  openRun,
  type RunFolder,
  requireFree,
  requirePlaceFor,
  shown,
  sweepRun,
  writeConfig,
} from "../../runs/run-folder.js";
import { lockRun, type RunLock } from "../../runs/run-lock.js";
import { versions } from "../../runs/versions.js";
import { outputOptions } from "../command.js";
import { commandName, commandText } from "../command-name.js";
import { describePlan } from "../describe.js";
import { watchInterruption } from "../interruption.js";
import { openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { keepNamed, openRunFor, runFileOf } from "../run-experiment-file.js";
import { commandHost, followed } from "../session-host.js";
import { count, counted, duration, figure, roomIn, suggestions, withInterval } from "../terminal.js";
import { evaluateAndReport, sayStopped } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";
import { trainEvaluation, trainOwn } from "./train.js";

export interface TrainRequest {
  readonly target: string | undefined;
  /** What was given on the command line. */
  readonly chosen: Flags;
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

async function askedFor({ target, chosen }: TrainRequest): Promise<AskedExperiment> {
  const name = target ?? presetFor(chosen);
  if (name === undefined) {
    throw new UsageError(
      "there is no preset",
      "Choose one, as in `innerloop train hanzi`; `innerloop train --help` lists them",
    );
  }
  const found = findPreset(name);
  if (found) {
    const config = resolve(found, chosen);
    return { name, ...checkedExperiment(config, name, chosen), protocol: found.preset.protocol };
  }
  if (!isExperimentFile(name)) throw new UsageError(`there is no preset ${name}`, await remedyFor(name));
  return isCodeFile(name) ? askedByCode(name, chosen) : askedByJson(name, chosen);
}

/** What to say of a word that is no preset: data of one's own are named by options. */
async function remedyFor(word: string): Promise<string> {
  const isThere = await stat(word).then(
    () => true,
    () => false,
  );
  if (!isThere) return presetHint(word);
  // Data that are chosen among those that come along are no files.
  const ofFiles = domains().flatMap(({ dataOptions: [first], options: own }) =>
    first !== undefined && own[first]?.kind === "text" ? [first] : [],
  );
  const options = [...new Set(ofFiles)];
  const named = options.map((name) => `${flagOf(name)} ${word}`).join(" or ");
  return `Data of your own are named by an option: ${named}; \`innerloop train --help\` lists what they may be`;
}

const fileName = (path: string): string => path.replace(/^.*[\\/]/, "").replace(/\.[a-z]+$/, "");

async function askedByJson(path: string, chosen: Flags): Promise<AskedExperiment> {
  const { preset, flags } = await readJsonExperiment(path, { ...trainOwn, ...trainEvaluation, ...outputOptions });
  const found = findPreset(preset)!;
  // What the command line changes may leave some of the file without a meaning, as it may of a preset.
  requireUse(Object.keys(flags), resolve(found, {}, flags));
  const config = resolve(found, chosen, flags);
  return { name: fileName(path), ...checkedExperiment(config, preset, chosen), protocol: found.preset.protocol };
}

async function askedByCode(path: string, chosen: Flags): Promise<AskedExperiment> {
  const loaded = await loadCodeExperiment(path);
  const file = { path: loaded.path, sha256: loaded.sha256 };
  const name = fileName(path);
  if (loaded.kind === "domain") {
    const preset = loaded.domain.presets[loaded.preset]!;
    const config = resolve({ domain: loaded.domain, preset }, chosen, loaded.flags);
    return { name, ...checkedExperiment(config, path, chosen), protocol: preset.protocol, file };
  }
  const fixed = Object.keys(chosen).find((option) => programSettles(option));
  if (fixed !== undefined) throw new UsageError(`${flagOf(fixed)} is settled by ${path}`, "Change it there");
  return {
    name,
    experiment: path,
    settings: settingsFrom({ ...loaded.given, ...chosen }),
    protocol: "as the experiment file defines it",
    prepared: { experiment: loaded.experiment },
    file,
  };
}

const skips = ["skipEvaluation", "skipBaselines"] as const;

/** What is to be left out after training, which the run's command keeps: a run that goes on leaves it out as well. */
const leftOut = (asked: InvocationOptions): Flags =>
  Object.fromEntries(skips.flatMap((name) => (asked[name] === true ? [[name, true]] : [])));

const keptOf = ({ argv }: RunConfig): Pick<InvocationOptions, (typeof skips)[number]> =>
  Object.fromEntries(skips.flatMap((name) => (argv.includes(flagOf(name)) ? [[name, true]] : [])));

/** Whoever says how a run is to be evaluated wants it to be. */
const asksForEvaluation = (chosen: Flags): boolean =>
  Object.keys(chosen).some((name) => Object.hasOwn(evaluationOptions, name));

const withEvaluation = (config: RunConfig): RunConfig => ({
  ...config,
  argv: argvWith(config.argv, { skipEvaluation: undefined }),
});

async function startRun(request: IntroducedRequest, output: Output, signal: AbortSignal): Promise<string> {
  const asked = await askedFor(request);
  const { config, settings, file } = asked;
  requireValidation(settings.training, config && request.chosen);
  const path = request.invocation.run ?? (await newRunPath(asked.name));
  await requirePlaceFor(path);
  let executor: Executor | undefined;
  let lock: RunLock | undefined;
  try {
    if (!request.introduced) output.say(output.paint("bold", `innerloop train ${asked.name}`));
    if (file) await keepNamed(file, output);
    const prepared =
      asked.prepared ?? (await followed(commandHost(output, { signal }), (host) => prepare(config!, host)));
    const { bestBy } = settings.training;
    // A figure that there is none of is said before anything is planned.
    if (bestBy !== undefined) bestByOf(prepared.experiment, bestBy);
    const planned = await planInMemory(prepared.experiment, settings.training, (setting) =>
      openExecutor(setting, output),
    );
    const { plan } = planned;
    executor = planned.executor;
    requireParameters(prepared, plan);
    const workers = executor.parallelism;
    const { chunkSize, recompute, expectedBytes } = plan.training;
    if (signal.aborted) throw new Interrupted();
    // Nothing is written before here: what was wrong with the request leaves no folder behind.
    const files = await createRun(path);
    lock = await lockRun(path);
    await requireFree(path);
    const record = newRunConfig({
      asked,
      prepared,
      plan,
      executor,
      target: request.target,
      chosen: { ...request.chosen, ...leftOut(request.invocation) },
      versions: versions(),
      created: new Date(),
    });
    await writeConfig(files, record);
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
    describePlan({ output, settings: settingsFrom(record.options), prepared, plan, workers, folder: shown(path) });
    await trainAndEvaluate({ run, prepared, executor, plan: plan.training, lock, output, signal, request });
    return path;
  } finally {
    lock?.release();
    await executor?.close();
  }
}

async function resumeRun(
  path: string,
  request: IntroducedRequest,
  output: Output,
  signal: AbortSignal,
): Promise<string> {
  const { target: named } = request;
  requireResumable(request.chosen);
  if (request.invocation.run !== undefined) throw cannotChange("--run");
  const stored = await openRunFor(path, output);
  const { file } = stored.config;
  if (named !== undefined && !(file && isCodeFile(named)))
    throw new UsageError(`${named} is given beside --resume`, `Use \`innerloop train --resume ${inCommand(path)}\``);
  const lock = await lockRun(path);
  let executor: Executor | undefined;
  try {
    const { engine: ranOn } = settingsFrom(stored.config.options).training;
    const wanted = settingsFrom({ ...stored.config.options, ...request.chosen }).training;
    const { device } = wanted;
    const isOpen = request.chosen.engine === undefined;
    executor = await openExecutor(
      {
        device,
        engine: isOpen && device !== "cpu" ? "onnxruntime" : wanted.engine,
        workers: device === stored.config.options.device ? stored.config.workers : undefined,
      },
      output,
    );
    const engine = engineOf(executor);
    const chosen = isOpen && engine === ranOn ? request.chosen : { ...request.chosen, engine };
    await sweepRun(stored);
    const before = await progressOf(stored);
    const begun = asksForEvaluation(chosen) ? withEvaluation(stored.config) : stored.config;
    const resumed = resumedConfig(begun, chosen, before.iteration);
    let { config } = resumed;
    const { iterations } = config.options;
    output.say(output.paint("bold", `innerloop train --resume ${inCommand(path)}`));
    if (engine !== ranOn)
      output.say(`  engine ${engine} from here on, ${ranOn} before: equal up to rounding, not to the bit`);
    // A file that brings a learner is run where its experiment is asked for.
    const again =
      resumed.extended && file && named !== undefined && !movesData(resumed.extended, chosen)
        ? (await runFileOf(path, file, output, named)).file
        : undefined;
    const prepared = await followed(commandHost(output, { signal, named }), (host) =>
      prepareResumed(stored, resumed, chosen, host),
    );
    const failure = await failureOf(stored);
    if (failure) output.warn(`  This run has failed: ${problemOf(failure)}. ${whatToChange(config)}`);
    if (signal.aborted) throw new Interrupted();
    const ranFile = again ?? prepared.file;
    if (resumed.extended && movesData(resumed.extended, chosen) && prepared.spec)
      config = withMovedData(config, prepared.spec);
    if (named !== undefined) config = withFile(config, ranFile!, before.iteration);
    const run = { ...stored, config };
    if (Object.keys(chosen).length > 0 || named !== undefined) await writeConfig(run.files, config);
    const asked = { ...request, invocation: { ...keptOf(begun), ...request.invocation } };
    output.say(
      before.ended && before.iteration >= iterations
        ? asked.invocation.skipEvaluation
          ? `  Training is finished. Evaluate it with \`innerloop eval ${inCommand(path)}\``
          : "  Training is finished; evaluating."
        : `  Continuing after ${count(before.iteration)} of ${counted(iterations, "update")}.`,
    );
    output.say();
    await trainAndEvaluate({ run, prepared, executor, lock, output, signal, request: asked });
    return path;
  } finally {
    lock.release();
    await executor?.close();
  }
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
  const judge = options.bestBy === undefined ? undefined : bestByOf(prepared.experiment, options.bestBy);
  const { config } = prepared;
  const follower = followTraining(output, options.iterations, judge, config && domainOf(config).progressText);
  // The most that the process has had so far: what comes after training does not count.
  const mostBytes = (): number => process.resourceUsage().maxRSS * 1024;
  let end: SessionEnd;
  try {
    end = await trainSession(
      { run, experiment: prepared.experiment, plan },
      { executor, signal, requireHeld: lock.requireHeld, peakBytes: mostBytes, onEvent: follower.onEvent },
    );
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
  const peakBytes = mostBytes();
  follower.end(`${how} in ${duration(seconds)}; ${memoryText(peakBytes, run.config.expectedBytes)}`);
  output.event({ type: "memory", peakBytes, expectedBytes: run.config.expectedBytes });
  const { memory } = options;
  if (memory !== undefined && peakBytes > memory * 2 ** 20)
    output.warn(
      `  This is more than --memory ${memory}: it is planned by estimates, and nothing stops the process there. For a hard limit, give less than the limit.`,
    );
  if (request.invocation.skipEvaluation) {
    output.result(`Run folder: ${shown(run.path)}`);
    return;
  }
  const evaluation = {
    run,
    prepared,
    training: { seconds, peakBytes },
    baselineTasks: affordableTasks(prepared.experiment, options),
    skipBaselines: request.invocation.skipBaselines,
  };
  // An evaluation is many programs of few runs each: compiling them takes longer than onnxruntime does for all.
  const evaluating =
    engineOf(executor) === "native" ? await openExecutor({ workers: executor.parallelism }, output) : executor;
  try {
    await evaluateAndReport(evaluation, { run, executor: evaluating, output, signal });
  } catch (error) {
    if (error instanceof Interrupted) sayStopped(output, commandText(["eval", shown(run.path)], {}));
    throw error;
  } finally {
    if (evaluating !== executor) await evaluating.close();
  }
  if (!request.introduced) sayWhatNext(run, prepared, output);
}

/** A failed run has a report as well, and is told from one that was stopped. */
async function sayFailed(run: RunFolder, output: Output): Promise<void> {
  await writeReport(run);
  output.event({ type: "failed", run: shown(run.path) });
  output.warn(
    `  This run has failed and is marked so: ${shown(join(run.path, "report.html"))}. ${whatToChange(run.config)}`,
  );
}

/** A run that failed fails again where it goes on: it is a function of its options. */
const whatToChange = (run: RunConfig): string => {
  const command = commandLine(argvWith(run.argv, flagsAfterFailure(run))).replace(/^innerloop/, () => commandName());
  return `Going on with it meets the same; start another, with ${run.config ? `\`${command}\` for example` : "other rates in its file"}.`;
};

function sayWhatNext(run: RunFolder, prepared: Prepared, output: Output): void {
  const word = inCommand(run.path);
  output.result(`Run folder: ${shown(run.path)}`);
  output.say();
  output.say(output.paint("bold", "What next"));
  const next: [command: string, meaning: string][] = [];
  const facts = factsOf(run.config, run.shown);
  const { moreSteps = [0, 1, 5, 10, 20] } = facts ? domainOf(facts.config) : {};
  // Without steps there is but one figure, which an evaluation would repeat.
  if (prepared.experiment.learner.steps !== undefined)
    next.push([`${commandName()} eval ${word} --eval-steps ${moreSteps.join(",")}`, "more adaptation steps"]);
  for (const step of (facts && domainOf(facts.config).next?.(facts)) ?? []) {
    const own = step.command === "again" ? undefined : [step.command, shown(run.path), ...flagWords(step.flags)];
    const words = own ?? argvWith(run.config.argv, step.flags);
    const text = commandLine(words).replace(/^innerloop/, () => commandName());
    next.push([step.more === undefined ? text : `${text} ${step.more}`, step.meaning]);
  }
  const { paint } = output;
  // As results are, not folded: they are there to be copied.
  if (!output.quiet) output.result(suggestions(next, { room: roomIn(), indent: 2, paint }).join("\n"));
}

/**
 * Shows the events of training as a progress line with smoothed figures.
 *
 * @param judge the figure by which the best parameters are chosen, where that was asked for
 * @param inWords figures of an update as its domain has them, where it has words of its own
 */
function followTraining(
  output: Output,
  iterations: number,
  judge?: FigureDescription,
  inWords?: Domain["progressText"],
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
  let lastAt = performance.now();
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
          lastAt = performance.now();
          return;
        case "iteration": {
          if (inWords) {
            const now = performance.now();
            line?.update(event.iteration, iterations, inWords(event.metrics, (now - lastAt) / 1000));
            lastAt = now;
            return;
          }
          const figures = Object.entries({ loss: event.loss, ...event.metrics }).map(([name, value], i) => {
            const of = described.get(name);
            // Losses are called by a word: their titles are longer than what is told of them.
            const title = i === 0 ? name : (of?.title ?? name);
            return `${title} ${figure(of ?? {}, smooth(name, value))}`;
          });
          line?.update(event.iteration, iterations, figures.join("  "));
          return;
        }
        case "validation": {
          lastAt = performance.now();
          line?.resume();
          const { rows } = event.evaluation;
          const [first, last] = [rows[0]!, rows.at(-1)!];
          const leading = leadingFigure(event.evaluation);
          const { name } = leading;
          const from = rows.length > 1 ? `${figure(leading, first.figures[name]!.mean)} before, ` : "";
          const steps = last.steps > 0 ? ` after ${counted(last.steps, "step")}` : "";
          const judged =
            judge && judge.name !== name
              ? `; ${figureTitle(judge)} ${withInterval(judge, last.figures[judge.name]!)}`
              : "";
          const mark = event.best ? output.paint("green", "  best so far") : "";
          output.say(
            `  ${count(event.iteration).padStart(count(iterations).length)}  validation ${figureTitle(leading)}: ${from}${withInterval(leading, last.figures[name]!)}${steps}${judged}${mark}`,
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
