import { join } from "node:path";
import type { Evaluation, FigureDescription, TrainingEvent } from "@innerloop/core";
import type { TrainingPlan } from "@innerloop/core/training";
import {
  type DataSpec,
  domainOf,
  domains,
  type Experiment,
  type ExperimentConfig,
  type ExperimentSettings,
  type Flags,
  findPreset,
  flagOf,
  flagTable,
  flagWords,
  flatten,
  type Part,
  requireFitting,
  requireUse,
  resolve,
  resolvePreset,
  settingsFrom,
  UsageError,
  withFlags,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import {
  isCodeFile,
  isExperimentFile,
  loadCodeExperiment,
  presetHint,
  readJsonExperiment,
} from "../../runs/experiment-file.js";
import { failureOf, isDivergence, problemOf } from "../../runs/failure.js";
import { writeReport } from "../../runs/report.js";
import { stepsOfTasks } from "../../runs/results.js";
import { figureTitle, leadingFigure } from "../../runs/results-cells.js";
import { argvWith, commandLine } from "../../runs/run-command.js";
import { type RunConfig, runConfig, withConfig } from "../../runs/run-config.js";
import { factsOf } from "../../runs/run-facts.js";
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
import { progressOf, trainInFolder } from "../../runs/training-session.js";
import { Interrupted } from "../cli-error.js";
import { commandName, commandText } from "../command-name.js";
import { describePlan } from "../describe.js";
import { watchInterruption } from "../interruption.js";
import { openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { planInMemory } from "../plan-in-memory.js";
import { type Prepared, prepare, prepareMoved, prepareRun } from "../prepare.js";
import { keepNamed, openRunFor } from "../run-experiment-file.js";
import { count, counted, duration, figure, roomIn, suggestions, withInterval } from "../terminal.js";
import { versions } from "../versions.js";
import { evaluateAndReport, memoryText, sayStopped } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";

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

interface Asked {
  readonly name: string;
  readonly experiment: string;
  readonly protocol: string;
  /** All options; undefined where a file brings learner and tasks of its own. */
  readonly config?: ExperimentConfig;
  readonly settings: ExperimentSettings;
  readonly prepared?: Prepared;
  readonly file?: NonNullable<RunConfig["file"]>;
}

async function askedFor({ target, chosen }: TrainRequest): Promise<Asked> {
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
    return { name, ...checked(config, name, chosen), protocol: found.preset.protocol };
  }
  if (!isExperimentFile(name)) throw new UsageError(`there is no preset ${name}`, presetHint(name));
  return isCodeFile(name) ? askedByCode(name, chosen) : askedByJson(name, chosen);
}

/** @throws UsageError where choices do not go together, or an option that was chosen means nothing beside them */
function checked(config: ExperimentConfig, experiment: string, chosen: Flags) {
  // A table without its columns is said before what else means nothing.
  requireFitting(config);
  requireUse(Object.keys(chosen), config);
  const { training, evaluation } = config;
  return { experiment, config, settings: { training, evaluation } };
}

const fileName = (path: string): string => path.replace(/^.*[\\/]/, "").replace(/\.[a-z]+$/, "");

async function askedByJson(path: string, chosen: Flags): Promise<Asked> {
  const { preset, flags } = await readJsonExperiment(path);
  const found = findPreset(preset)!;
  // What the command line changes may leave some of the file without a meaning, as it may of a preset.
  requireUse(Object.keys(flags), resolve(found, {}, flags));
  const config = resolve(found, chosen, flags);
  return { name: fileName(path), ...checked(config, preset, chosen), protocol: found.preset.protocol };
}

async function askedByCode(path: string, chosen: Flags): Promise<Asked> {
  const loaded = await loadCodeExperiment(path);
  const file = { path: loaded.path, sha256: loaded.sha256 };
  const name = fileName(path);
  if (loaded.kind === "domain") {
    const preset = loaded.domain.presets[loaded.preset]!;
    const config = resolve({ domain: loaded.domain, preset }, chosen, loaded.flags);
    return { name, ...checked(config, path, chosen), protocol: preset.protocol, file };
  }
  const fixed = Object.keys(chosen).find((option) => fileSettles(option));
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

/** The preset that goes with options which are given without one: that of the domain that they speak of. */
function presetFor(chosen: Flags): string | undefined {
  for (const domain of domains()) {
    const name = domain.claims?.(chosen);
    if (name !== undefined) return name;
  }
  return undefined;
}

const settledParts: readonly Part[] = ["domain", "learner", "network"];
/** What of a training an optimizer of one's own has settled. */
const ofOptimizer: readonly string[] = ["outerOptimizer", "outerRate", "schedule", "clip"];

/** Whether an experiment in code leaves no say to an option of the command line. */
const fileSettles = (option: string): boolean =>
  ofOptimizer.includes(option) ||
  flagTable().some(({ name, places }) => name === option && places.some(({ part }) => settledParts.includes(part)));

async function startRun(request: IntroducedRequest, output: Output, signal: AbortSignal): Promise<string> {
  const asked = await askedFor(request);
  const { config, settings, file } = asked;
  const path = request.invocation.run ?? (await newRunPath(asked.name));
  await requirePlaceFor(path);
  let executor: Executor | undefined;
  let lock: RunLock | undefined;
  try {
    if (!request.introduced) output.say(output.paint("bold", `innerloop train ${asked.name}`));
    if (file) await keepNamed(file, output);
    const prepared = asked.prepared ?? (await prepare(config!, output, { signal }));
    const planned = await planInMemory(prepared.experiment, settings.training, output);
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
    const record = runConfig({
      experiment: asked.experiment,
      ...(file ? { file } : {}),
      ...(config ? { config } : {}),
      settings,
      chunkSize,
      recompute,
      workers,
      ...(expectedBytes === undefined ? {} : { expectedBytes: Math.round(expectedBytes) }),
      ...(prepared.spec ? { data: prepared.spec } : {}),
      protocol: {
        text: asked.protocol,
        ...prepared.experiment.tasks.test.description,
        ...prepared.experiment.learner.description,
      },
      argv: ["train", ...(request.target === undefined ? [] : [request.target]), ...flagWords(request.chosen)],
      versions: versions(),
      created: new Date().toISOString(),
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
    describePlan({ output, settings, prepared, plan, workers, folder: shown(path) });
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
  const table = flagTable();
  const refused = Object.keys(request.chosen).filter(
    (name) => !table.find((flag) => flag.name === name)?.places.some(({ spec }) => spec.onResume),
  );
  if (refused.length > 0 || request.invocation.run !== undefined) {
    throw new UsageError(
      `${refused[0] ? flagOf(refused[0]) : "--run"} cannot change in a run that has begun`,
      "Leave it out, or start a new run",
    );
  }
  const named = request.target;
  const stored = await openRunFor(path, output);
  if (named !== undefined && !(stored.config.file && isCodeFile(named)))
    throw new UsageError(`${named} is given beside --resume`, `Use \`innerloop train --resume ${inCommand(path)}\``);
  const lock = await lockRun(path);
  let executor: Executor | undefined;
  try {
    const settings = settingsFrom({ ...stored.config.options, ...request.chosen });
    const { iterations, schedule, device } = settings.training;
    const stillOn = device === stored.config.options.device;
    executor = await openExecutor({ device, workers: stillOn ? stored.config.workers : undefined }, output);
    await sweepRun(stored);
    const before = await progressOf(stored);
    if (iterations < before.iteration) {
      throw new UsageError(
        `the run has ${counted(before.iteration, "update")} behind it, more than --iterations ${iterations}`,
        "Ask for more",
      );
    }
    if (iterations !== stored.config.options.iterations && schedule !== "constant") {
      // The rates so far were those of the shorter run: no run of the new length would have come here.
      throw new UsageError(
        `the run's ${schedule} schedule ends after ${counted(stored.config.options.iterations, "update")}, and cannot go on to ${count(iterations)}`,
        "Start a new run of that length; only a run at a constant rate can be extended",
      );
    }
    const own = stored.config.config;
    const extended = own && withFlags(own, request.chosen);
    const argv = argvWith(stored.config.argv, request.chosen);
    const changed = extended ? withConfig(stored.config, extended) : stored.config;
    let run: RunFolder = { ...stored, config: runConfig({ ...changed, ...(extended ? {} : { settings }), argv }) };
    output.say(output.paint("bold", `innerloop train --resume ${inCommand(path)}`));
    const moved = request.chosen.data !== undefined;
    const prepared =
      moved && extended
        ? await prepareMoved(stored, extended, output, signal)
        : await prepareRun(run, extended, output, signal, named);
    requireSameLearner(run, stored, prepared);
    const failure = await failureOf(stored);
    if (failure) output.warn(`  This run has failed: ${problemOf(failure)}. ${whatToChange(run)}`);
    if (signal.aborted) throw new Interrupted();
    const { spec } = prepared;
    if (moved && spec) run = { ...run, config: { ...run.config, data: movedTo(stored.config.data!, spec) } };
    if (named !== undefined) run = withFile(run, prepared.file!, before.iteration);
    if (Object.keys(request.chosen).length > 0 || named !== undefined) await writeConfig(run.files, run.config);
    output.say(
      before.ended && before.iteration >= iterations
        ? "  Training is finished; evaluating."
        : `  Continuing after ${count(before.iteration)} of ${counted(iterations, "update")}.`,
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
function movedTo({ folder: _, ...data }: DataSpec, { folder }: DataSpec): DataSpec {
  return { ...data, ...(folder === undefined ? {} : { folder }) };
}

/**
 * What a learner does over the run may depend on how long it is.
 *
 * @throws UsageError where the updates so far were those of another learner than the longer run's
 */
function requireSameLearner(run: RunFolder, before: RunFolder, { trained, learnerOf: built }: Prepared): void {
  const { iterations } = run.config.options;
  const was = before.config;
  if (iterations === was.options.iterations || !trained || !built || !was.config) return;
  if (JSON.stringify(built(was.config, run).description) === JSON.stringify(trained.description)) return;
  throw new UsageError(
    `${trained.name} changes over its ${counted(was.options.iterations, "update")}, and cannot go on to ${count(iterations)}`,
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
  const { memory } = options;
  if (memory !== undefined && peakBytes > memory * 2 ** 20)
    output.warn(
      `  This is more than --memory ${memory}: it is planned by estimates, and nothing stops the process there. For a hard limit, give less than the limit.`,
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
    evaluated: run.config,
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
const whatToChange = ({ config: run }: Pick<RunFolder, "config">): string => {
  const { clip, outerRate } = run.options;
  const usual = usualRates(run);
  const high = Object.entries(usual).filter(([name, value]) => (run.options[name] as number) > value);
  const changes = high.length > 0 ? high : clip !== undefined ? [["outerRate", outerRate / 3]] : [["clip", 3]];
  const flags = Object.fromEntries(changes.map(([name, value]) => [name, Number((value as number).toPrecision(2))]));
  const command = commandLine(argvWith(run.argv, flags)).replace(/^innerloop/, () => commandName());
  return `Going on with it meets the same; start another, with ${run.config ? `\`${command}\` for example` : "other rates in its file"}.`;
};

/** The rates that a run's preset has for its learner and network. */
function usualRates({ config, experiment, options }: RunConfig): Readonly<Record<string, number>> {
  const preset = findPreset(experiment)?.name ?? Object.keys(config ? domainOf(config).presets : {})[0];
  if (!config || preset === undefined) return {};
  const usual = flatten(resolvePreset(preset, { learner: options.learner, model: options.model }));
  return Object.fromEntries(
    ["innerRate", "outerRate"].flatMap((name) => (typeof usual[name] === "number" ? [[name, usual[name]]] : [])),
  );
}

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
  {
    iterations,
    metaBatch,
    evalTasks,
  }: { readonly iterations: number; readonly metaBatch: number; readonly evalTasks: number },
): number {
  const training = stepsOfTasks(iterations * metaBatch, [learner.steps ?? 0]);
  const ofEach = baselines.reduce((sum, { steps }) => sum + stepsOfTasks(1, steps), 0);
  const affordable = Math.floor((baselineShare * training) / ofEach);
  return Math.min(evalTasks, Math.max(fewestBaselineTasks, affordable));
}

function sayWhatNext(run: RunFolder, prepared: Prepared, output: Output): void {
  const word = inCommand(run.path);
  output.result(`Run folder: ${shown(run.path)}`);
  output.say();
  output.say(output.paint("bold", "What next"));
  const next: [command: string, meaning: string][] = [];
  // Without steps there is but one figure, which an evaluation would repeat.
  if (prepared.experiment.learner.steps !== undefined)
    next.push([`${commandName()} eval ${word} --eval-steps 0,1,5,10,20`, "more adaptation steps"]);
  const facts = factsOf(run);
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
