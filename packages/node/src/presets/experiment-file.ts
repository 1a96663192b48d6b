/** Experiment files: JSON is a preset with options; TypeScript or JavaScript brings a learner and tasks of its own. */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { extname } from "node:path";
import type { Adapter, Learner, Optimizer, TaskSource } from "@innerloop/core";
import { DataError, isSystemError, quoted, reasonOf } from "../data/data-error.js";
import { readRegularFile } from "../data/regular-file.js";
import type { Baseline, Experiment } from "./experiment.js";
import type { ExperimentOptions } from "./option-table.js";
import { checkExperimentOptions } from "./option-values.js";
import { isPresetName, type PresetName, presetNames } from "./presets.js";
import { nearestName, UsageError } from "./usage-error.js";

/** The default export of a TypeScript experiment, or what the function that it exports returns. */
export interface ExperimentModule {
  readonly learner: Learner;
  /** One family for all, or one for each part; validation stands in for a test part that is not there. */
  readonly tasks:
    | TaskSource
    | { readonly train: TaskSource; readonly validation: TaskSource; readonly test?: TaskSource };
  readonly optimizer: Optimizer;
  readonly baselines?: readonly { readonly adapter: Adapter; readonly steps?: readonly number[] }[];
  /** Values for options of the command line that are not about learner, model and tasks: iterations, metaBatch, seed, ... */
  readonly options?: Partial<ExperimentOptions>;
}

const codeExtensions = [".ts", ".mts", ".js", ".mjs"];

export const isExperimentFile = (target: string): boolean => [...codeExtensions, ".json"].includes(extname(target));

export const isCodeFile = (target: string): boolean => codeExtensions.includes(extname(target));

/** `{ "preset": "hanzi", "ways": 10 }` @throws UsageError for anything else */
export async function readJsonExperiment(
  path: string,
): Promise<{ preset: PresetName; options: Partial<ExperimentOptions> }> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${path} is not JSON (${reasonOf(error)})`,
      'An experiment is { "preset": "hanzi", "ways": 10, ... }',
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${path} is not an object`, 'An experiment is { "preset": "hanzi", "ways": 10, ... }');
  }
  const { preset, ...options } = value as Record<string, unknown>;
  if (typeof preset !== "string" || !isPresetName(preset)) {
    throw new UsageError(
      preset === undefined ? `${path} names no preset` : `preset in ${path} is ${quoted(preset)}`,
      presetHint(typeof preset === "string" ? preset : ""),
    );
  }
  return { preset, options: checkExperimentOptions(options, path) };
}

/** `Did you mean ...?` for a preset that is not there. */
export function presetHint(wrong: string): string {
  const near = nearestName(wrong, presetNames);
  return near ? `Did you mean ${near}?` : `Presets are ${presetNames.join(", ")}`;
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
): Promise<{ experiment: Experiment; path: string; sha256: string; options: Partial<ExperimentOptions> }> {
  const text = await readText(path);
  const sha256 = createHash("sha256").update(text).digest("hex");
  await accept(sha256);
  // The file gets this installation's packages, whether it has its own or none: two copies would not know each other's tensors.
  const core = {
    "": await import("@innerloop/core"),
    "/layers": await import("@innerloop/core/layers"),
    "/learners": await import("@innerloop/core/learners"),
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
  const filename = await realpath(path);
  const value = await settled(path, async () => {
    const options = { filename, ext: extname(filename), async: true } as const;
    const exported = (await jiti.evalModule(text, options)) as unknown;
    const loaded = isRecord(exported) && "default" in exported ? exported.default : exported;
    return typeof loaded === "function" ? ((await loaded()) as unknown) : await loaded;
  });
  const { learner, tasks, optimizer, baselines, options } = asModule(value, path);
  const experiment: Experiment = {
    learner,
    tasks: asTasks(tasks, path),
    optimizer,
    baselines: (baselines ?? []).map((entry) => asBaseline(entry)),
  };
  return { experiment, path: filename, sha256, options: checkExperimentOptions({ ...options }, path) };
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
const isTaskSource = (value: unknown): value is TaskSource => isRecord(value) && typeof value.sample === "function";

function asModule(value: unknown, path: string): ExperimentModule {
  const remedy =
    "Export { learner, tasks, optimizer } made with the innerloop package's functions, or a function that returns it";
  if (!isRecord(value)) throw new UsageError(`${path} has no default export that is an object`, remedy);
  const { learner, optimizer, tasks } = value;
  if (!isRecord(learner) || typeof learner.metaGradient !== "function")
    throw new UsageError(`learner in ${path} is no learner`, remedy);
  if (!isRecord(optimizer) || typeof optimizer.update !== "function")
    throw new UsageError(`optimizer in ${path} is no optimizer`, remedy);
  if (!isRecord(tasks)) throw new UsageError(`tasks in ${path} is no task source`, remedy);
  return value as unknown as ExperimentModule;
}

function asTasks(tasks: ExperimentModule["tasks"], path: string): Experiment["tasks"] {
  if (isTaskSource(tasks)) return { train: tasks, validation: tasks, test: tasks };
  const { train, validation, test = validation } = tasks;
  for (const [name, source] of Object.entries({ train, validation, test })) {
    if (!isTaskSource(source))
      throw new UsageError(
        `tasks.${name} in ${path} is no task source`,
        "A task source has a function sample(seed, index)",
      );
  }
  return { train, validation, test };
}

const asBaseline = ({ adapter, steps }: { adapter: Adapter; steps?: readonly number[] }): Baseline => ({
  adapter,
  steps: steps ?? (adapter.steps === undefined ? [0] : [0, adapter.steps]),
});
