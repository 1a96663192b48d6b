/** Experiment files: JSON is a preset with options; TypeScript or JavaScript brings a learner and tasks of its own. */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { extname } from "node:path";
import type { Adapter, Collector, Learner, Optimizer, TaskSource } from "@innerloop/core";
import type { EnvironmentFamily } from "@innerloop/core/reinforcement";
import type { OuterMethod } from "@innerloop/core/training";
import {
  allPresets,
  type Baseline,
  type Domain,
  type EvaluationValues,
  type Experiment,
  type ExperimentSettings,
  environmentDomain,
  evaluationOptions,
  type Flags,
  findPreset,
  flagOf,
  flagsIn,
  nearestName,
  type PartialConfig,
  parsePartial,
  parseSettings,
  quoted,
  reasonOf,
  registerDomain,
  type TrainingValues,
  trainingOptions,
  UsageError,
} from "@innerloop/experiments";
import { DataError, isSystemError } from "../data/data-error.js";
import { readRegularFile } from "../data/regular-file.js";

/** The default export of a TypeScript experiment, or what the function that it exports returns. */
export type ExperimentModule = LearnerModule | DomainModule | EnvironmentModule | EnvironmentFamily;

/** A source of tasks, or what collects them. */
type TaskSupply = TaskSource | Collector;

/** An experiment of a learner and tasks of one's own. */
export interface LearnerModule {
  readonly learner: Learner;
  /** One family for all, or one for each part; validation stands in for a test part that is not there. */
  readonly tasks:
    | TaskSupply
    | { readonly train: TaskSupply; readonly validation: TaskSupply; readonly test?: TaskSupply };
  readonly optimizer: Optimizer | OuterMethod;
  readonly baselines?: readonly { readonly adapter: Adapter; readonly steps?: readonly number[] }[];
  /** Values for options of the training: iterations, metaBatch, seed, ... */
  readonly training?: Partial<TrainingValues>;
  /** Values for options of the evaluation. */
  readonly evaluation?: Partial<EvaluationValues>;
}

/** An environment of one's own, with what of it is to be trained. */
export interface EnvironmentModule {
  readonly family: EnvironmentFamily;
  /** Values of options, over those of MAML with a trust region. */
  readonly config?: PartialConfig;
}

/** A kind of task of one's own, with what of it is to be trained. */
export interface DomainModule {
  readonly domain: Domain;
  /** One of its presets, the first unless given. */
  readonly preset?: string;
  /** Values of options, over those of the preset. */
  readonly config?: PartialConfig;
}

const codeExtensions = [".ts", ".mts", ".js", ".mjs"];

export const isExperimentFile = (target: string): boolean => [...codeExtensions, ".json"].includes(extname(target));

export const isCodeFile = (target: string): boolean => codeExtensions.includes(extname(target));

const jsonForm = 'An experiment is { "preset": "hanzi", "domain": { "ways": 10 }, ... }';

/**
 * `{ "preset": "hanzi", "domain": { "ways": 10 } }`
 *
 * @param ofCommand options of the command that it is read for, by name: they are none of an experiment
 * @throws UsageError for anything else
 */
export async function readJsonExperiment(
  path: string,
  ofCommand: Readonly<Record<string, unknown>> = {},
): Promise<{ preset: string; flags: Flags }> {
  return experimentIn(await readJsonObject(path, jsonForm), path, ofCommand);
}

/** The object in a file of JSON that a user has written. @throws UsageError for anything else, with the form that it has */
export async function readJsonObject(path: string, form: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON (${reasonOf(error)})`, form);
  }
  if (isRecord(value)) return value;
  throw new UsageError(`${path} is not an object`, form);
}

/** The preset and options of an experiment that an object has. @throws UsageError as `readJsonExperiment` does */
export function experimentIn(
  { preset, ...options }: Readonly<Record<string, unknown>>,
  path: string,
  ofCommand: Readonly<Record<string, unknown>> = {},
): { preset: string; flags: Flags } {
  const found = typeof preset === "string" ? findPreset(preset) : undefined;
  if (typeof preset !== "string" || !found) {
    throw new UsageError(
      preset === undefined ? `${path} names no preset` : `preset in ${path} is ${quoted(preset)}`,
      presetHint(typeof preset === "string" ? preset : ""),
    );
  }
  requireNoneOfCommand(options, path, ofCommand);
  return { preset, flags: flagsIn(parsePartial(options, path, found.domain)) };
}

/** @throws UsageError for what the command takes, and is no option of an experiment */
function requireNoneOfCommand(
  options: Readonly<Record<string, unknown>>,
  path: string,
  ofCommand: Readonly<Record<string, unknown>>,
): void {
  for (const [part, values] of [[undefined, options] as const, ...Object.entries(options)]) {
    const name = Object.keys(Object(values) as object).find((each) => Object.hasOwn(ofCommand, each));
    if (name === undefined || Array.isArray(values) || typeof values !== "object") continue;
    throw new UsageError(
      `${part === undefined ? "" : `${part} in `}${path} has the option ${name}`,
      `It belongs to the command: \`innerloop train ${path} ${flagOf(name)}\``,
    );
  }
}

/** `Did you mean ...?` for a preset that is not there. */
export function presetHint(wrong: string): string {
  const names = allPresets().map(({ name }) => name);
  const near = nearestName(wrong, names);
  return near ? `Did you mean ${near}?` : `Presets are ${names.join(", ")}`;
}

/** An experiment is written by hand. */
const mostBytes = 16 * 2 ** 20;

async function readText(path: string): Promise<string> {
  try {
    return Buffer.from(await readRegularFile(path, { most: mostBytes, links: "followed" })).toString("utf8");
  } catch (error) {
    const cause = error instanceof DataError ? error.cause : error;
    const missing = isSystemError(cause) && cause.code === "ENOENT";
    throw new UsageError(
      missing ? `there is no file ${path}` : `${path} cannot be read (${reasonOf(error)})`,
      "Check the path",
    );
  }
}

/** What an experiment file comes to: a learner with its tasks, or a kind of task. */
export type LoadedModule =
  | {
      readonly kind: "learner";
      readonly experiment: Experiment;
      readonly settings: ExperimentSettings;
      readonly given: Flags;
    }
  | { readonly kind: "domain"; readonly domain: Domain; readonly preset: string; readonly flags: Flags };

/** An experiment file that was run: what it came to, its path without links, and what it was. */
export type LoadedFile = LoadedModule & { readonly path: string; readonly sha256: string };

/** Files that this process has run, by path and content: one text is one experiment, however often it is asked for. */
const loaded = new Map<string, Promise<LoadedFile>>();

/** Runs a file that the user has named, and makes the kind of task known that it exports, if it does. */
export async function registerDomainOf(path: string): Promise<void> {
  await loadCodeExperiment(path);
}

/**
 * Loads an experiment written in code: this runs the file, as `node FILE` would.
 *
 * @param accept throws where a file of this hash is not to be run; what runs is the text that was hashed
 * @returns the experiment, with the file's path in which there is no link
 * @throws UsageError where the file is no experiment, or never comes to an end
 */
export async function loadCodeExperiment(
  path: string,
  accept: (sha256: string) => void | Promise<void> = () => undefined,
): Promise<LoadedFile> {
  const text = await readText(path);
  const sha256 = createHash("sha256").update(text).digest("hex");
  await accept(sha256);
  const filename = await realpath(path);
  const name = `${filename} ${sha256}`;
  const running = loaded.get(name) ?? runFile(path, { text, filename, sha256 });
  loaded.set(name, running);
  try {
    const file = await running;
    // Another version of it may have been loaded since.
    if (file.kind === "domain") registerDomain(file.domain, filename);
    return file;
  } catch (error) {
    // One that failed may have failed for what was missing then.
    if (loaded.get(name) === running) loaded.delete(name);
    throw error;
  }
}

/** Runs the text of an experiment file. @returns what it comes to */
async function runFile(
  path: string,
  { text, filename, sha256 }: { readonly text: string; readonly filename: string; readonly sha256: string },
): Promise<LoadedFile> {
  // The file gets this installation's packages, whether it has its own or none: two copies would not know each other's tensors.
  const core = {
    "": await import("@innerloop/core"),
    "/layers": await import("@innerloop/core/layers"),
    "/learners": await import("@innerloop/core/learners"),
    "/reinforcement": await import("@innerloop/core/reinforcement"),
    "/tasks": await import("@innerloop/core/tasks"),
    "/training": await import("@innerloop/core/training"),
  };
  const others = {
    "/graph": await import("@innerloop/graph"),
    "/experiments": await import("@innerloop/experiments"),
    "/node": await import("../index.js"),
  };
  const named = (prefix: string, modules: object) =>
    Object.fromEntries(Object.entries(modules).map(([entry, module]) => [`${prefix}${entry}`, module as unknown]));
  const virtualModules = {
    ...named("innerloop", { ...core, ...others }),
    ...named("@innerloop/core", core),
    ...named("@innerloop", others),
  };
  const { createJiti } = await import("jiti");
  const jiti = createJiti(import.meta.url, {
    virtualModules,
    moduleCache: false,
    fsCache: false,
    interopDefault: false,
  });
  const value = await settled(path, async () => {
    const options = { filename, ext: extname(filename), async: true } as const;
    const exported = (await jiti.evalModule(text, options)) as unknown;
    const found = !isRecord(exported) ? exported : "default" in exported ? exported.default : ofNames(exported);
    return typeof found === "function" ? ((await found()) as unknown) : await found;
  });
  return { ...moduleOf(value, path, filename), path: filename, sha256 };
}

/** What a file comes to. Where nothing is left that it could wait for, Node would end the process without a word. */
async function settled(path: string, run: () => Promise<unknown>): Promise<unknown> {
  let nothingLeft: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    nothingLeft = () =>
      reject(
        new UsageError(
          `${path} waits for something that never happens: a promise in it does not settle`,
          "See that each promise that it awaits is resolved or rejected",
        ),
      );
    process.once("beforeExit", nothingLeft);
  });
  try {
    return await Promise.race([run(), ended]);
  } finally {
    process.off("beforeExit", nothingLeft!);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isSupply = (value: unknown): value is TaskSupply =>
  isRecord(value) && [value.sample, value.collect].some((each) => typeof each === "function");

const exportRemedy =
  "Export { learner, tasks, optimizer } made with the innerloop package's functions, a family of environments, { domain }, or a function that returns one of them";

const learnerKeys: readonly string[] = ["learner", "tasks", "optimizer", "baselines", "training", "evaluation"];
const domainKeys: readonly string[] = ["domain", "preset", "config"];

/** Options of `train({ ... })`, and where a file says what they say. */
const keysOfTrain: Readonly<Record<string, string>> = {
  iterations: "training: { iterations: 5000 }",
  metaBatchSize: "training: { metaBatch: 16 }",
  seed: "training: { seed: 1 }",
  validation: "training: { validateEvery: 500, validationTasks: 100, bestBy, patience }",
  checkpoints: "training: { checkpointEvery: 200 }",
  chunkSize: "training: { chunk: 4 }",
  recompute: 'training: { recompute: "yes" }',
  memoryBudget: "training: { memory: 4096 }, in MiB",
  executor: 'training: { device: "cpu", workers: 2 }',
  options: "training: { iterations: 5000 } or evaluation: { evalTasks: 100 }",
};

/** Where an option of training or evaluation stands in a file. */
const partOf = (key: string): string | undefined =>
  Object.entries({ training: trainingOptions, evaluation: evaluationOptions })
    .filter(([, options]) => Object.hasOwn(options, key))
    .map(([part]) => `${part}: { ${key}: ... }`)[0];

/** @throws UsageError for what an experiment does not have */
function requireKeys(value: Readonly<Record<string, unknown>>, known: readonly string[], path: string): void {
  const wrong = Object.keys(value).find((key) => !known.includes(key));
  if (wrong === undefined) return;
  const place = known === learnerKeys ? (ownEntry(keysOfTrain, wrong) ?? partOf(wrong)) : undefined;
  const near = nearestName(wrong, known);
  throw new UsageError(
    `${path} has ${quoted(wrong)}`,
    place !== undefined
      ? `Write it in ${place}`
      : near
        ? `Did you mean ${near}?`
        : `An experiment with a ${known[0]} has ${known.join(", ")}`,
  );
}

const ownEntry = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

/** Of a file without a default export, what it exports of an experiment, beside whatever else it exports. */
const ofNames = (exported: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(exported).filter(([key]) =>
      [...learnerKeys, ...domainKeys, ...Object.keys(keysOfTrain)].includes(key),
    ),
  );

function moduleOf(exported: unknown, path: string, filename: string): LoadedModule {
  if (!isRecord(exported)) throw new UsageError(`${path} has no default export that is an object`, exportRemedy);
  const value = ofEnvironment(exported, path) ?? exported;
  if (domainOfModule(value, path)) {
    requireKeys(value, domainKeys, path);
    return domainModule(value as unknown as DomainModule, path, filename);
  }
  const experiment = experimentOf(value, path);
  requireKeys(value, learnerKeys, path);
  const { training = {}, evaluation = {} } = value as unknown as LearnerModule;
  const given = { training, evaluation };
  return { kind: "learner", experiment, settings: parseSettings(given, path), given: flagsIn(given) };
}

const isFamily = (value: unknown): value is EnvironmentFamily =>
  isRecord(value) && typeof value.vectorized === "function" && typeof value.task === "function";

/** The domain of an environment that a file exports; undefined where it exports none. @throws UsageError where it is none */
function ofEnvironment(
  value: Readonly<Record<string, unknown>>,
  path: string,
): (DomainModule & Readonly<Record<string, unknown>>) | undefined {
  const { family, config } = isFamily(value) ? { family: value, config: undefined } : value;
  if (family === undefined || "domain" in value || "learner" in value) return undefined;
  if (!isFamily(family))
    throw new UsageError(
      `family in ${path} is no family of environments`,
      "Make one with `environmentFamily({ name, horizon, task, make })` of innerloop/reinforcement",
    );
  if (!isFamily(value)) requireKeys(value, ["family", "config"], path);
  return { domain: environmentDomain(family), ...(config === undefined ? {} : { config: config as PartialConfig }) };
}

/**
 * The kind of task in what an experiment file exports; undefined where it brings a learner.
 *
 * @throws UsageError where it can be neither
 */
export function domainOfModule(value: unknown, where: string, remedy: string = exportRemedy): Domain | undefined {
  if (!isRecord(value)) throw new UsageError(`${where} is ${quoted(value)}`, remedy);
  if (value.domain === undefined && "learner" in value) return undefined;
  const { domain } = value;
  if (domain === undefined) throw new UsageError(`${where} has neither a learner nor a domain`, remedy);
  if (isRecord(domain) && typeof domain.name === "string" && isRecord(domain.presets))
    return domain as unknown as Domain;
  throw new UsageError(
    `domain in ${where} is no domain`,
    "A domain is a record made with `domain({ name, options, presets, ... })`, and its presets are settings by name",
  );
}

/**
 * What trains and is evaluated, of a learner and tasks of one's own.
 *
 * @param where what messages call what was given
 * @throws UsageError where a part of it is none
 */
export function experimentOf(value: unknown, where: string, remedy: string = exportRemedy): Experiment {
  if (!isRecord(value)) throw new UsageError(`${where} is ${quoted(value)}`, remedy);
  const { learner, tasks, optimizer, baselines } = value as Partial<LearnerModule>;
  if (!isRecord(learner) || typeof learner.metaGradient !== "function")
    throw new UsageError(`learner in ${where} is no learner`, remedy);
  if (!isRecord(optimizer) || ![optimizer.update, optimizer.programs].some((each) => typeof each === "function"))
    throw new UsageError(`optimizer in ${where} is no optimizer`, remedy);
  if (!isRecord(tasks)) throw new UsageError(`tasks in ${where} is no task source`, remedy);
  return {
    learner: learner as Learner,
    tasks: asTasks(tasks, where),
    optimizer: optimizer as Optimizer | OuterMethod,
    baselines: (baselines ?? []).map((entry) => asBaseline(entry)),
  };
}

function domainModule({ domain, preset, config = {} }: DomainModule, path: string, filename: string): LoadedModule {
  const presets = Object.keys(Object(domain.presets));
  const chosen = preset ?? presets[0];
  if (chosen === undefined || !presets.includes(chosen))
    throw new UsageError(
      chosen === undefined ? `domain in ${path} has no presets` : `preset in ${path} is ${quoted(chosen)}`,
      chosen === undefined
        ? "Its presets are settings by name"
        : `There ${presets.length === 1 ? "is" : "are"} ${presets.join(", ")}`,
    );
  registerDomain(domain, filename);
  return { kind: "domain", domain, preset: chosen, flags: flagsIn(parsePartial({ ...config }, path, domain)) };
}

function asTasks(tasks: LearnerModule["tasks"], path: string): Experiment["tasks"] {
  if (isSupply(tasks)) return { train: tasks, validation: tasks, test: tasks };
  const { train, validation, test = validation } = tasks;
  for (const [name, source] of Object.entries({ train, validation, test })) {
    if (!isSupply(source))
      throw new UsageError(
        `tasks.${name} in ${path} is no task source`,
        "A task source has a function sample(seed, index), or collect(...) where it collects by the learner",
      );
  }
  return { train, validation, test };
}

const asBaseline = ({ adapter, steps }: { adapter: Adapter; steps?: readonly number[] }): Baseline => ({
  adapter,
  steps: steps ?? (adapter.steps === undefined ? [0] : [0, adapter.steps]),
});
