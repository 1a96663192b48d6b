/** The configuration of a run: config.json, which anyone may have written. */
import {
  domainOf,
  type ExperimentConfig,
  type ExperimentSettings,
  type FlatConfig,
  parseConfig,
  parseSettings,
  toFlags,
} from "../config/index.js";
import type { DataSpec } from "../domains/domain.js";
import { domains } from "../domains/registry.js";
import { isRecord, quoted, reasonOf } from "../options/outside-text.js";
import { type Engine, type TrainingValues, trainingOptions } from "../options/training-options.js";
import { UsageError } from "../options/usage-error.js";
import { checkOption } from "../options/values.js";
import { configOfFormat1 } from "./format-1.js";
import { type ImportedFrom, importedIn } from "./imported-from.js";
import { type Argv, argvOf, commandLine, isTrainingArgv } from "./run-command.js";
import { RunError } from "./run-error.js";

/** The format of config.json that is written. */
export const runFormat = "innerloop run 2";
/** The format of before options were nested, which is still read. */
const format1 = "innerloop run 1";

/** The configuration of a run, enough to do it again. */
export interface RunConfig {
  /** The preset, or the experiment file's path. */
  readonly experiment: string;
  /** Set where an experiment file in TypeScript was run; the path is absolute. */
  readonly file?: { readonly path: string; readonly sha256: string };
  /** All options; undefined where an experiment file brings learner and tasks of its own. */
  readonly config?: ExperimentConfig;
  /** Those that every run has. */
  readonly settings: ExperimentSettings;
  /** The same as flags. */
  readonly options: FlatConfig;
  /** Tasks that run at once, settled at the start: it decides in which order sums are taken. */
  readonly chunkSize: number;
  /** Inner steps that are computed again together; 0: none. */
  readonly recompute: number;
  readonly workers: number;
  /** Most bytes that the process was expected to have. */
  readonly expectedBytes?: number;
  /** The data set as it was. */
  readonly data?: DataSpec;
  /** Where its parameters are from, of a run that was not trained here. */
  readonly imported?: ImportedFrom;
  /** How tasks are made and figures are to be read. */
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  /** The words that make this run again; of one with imported parameters, that train one like it. */
  readonly argv: Argv;
  /** The command that made it. */
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly created: string;
}

/** The parts of a run configuration, without what follows from them. */
export type RunRecord = Omit<RunConfig, "options" | "command">;

/** A configuration with what follows from its parts. */
export function runConfig(record: RunRecord): RunConfig {
  const { config, settings, argv, imported } = record;
  const options = config ? toFlags(config) : ({ ...settings.training, ...settings.evaluation } as FlatConfig);
  return { ...record, options, command: commandLine(imported?.argv ?? argv) };
}

/** A run with other options of its experiment. */
export const withConfig = (run: RunConfig, config: ExperimentConfig): RunConfig =>
  runConfig({ ...run, config, settings: { training: config.training, evaluation: config.evaluation } });

/** A configuration as config.json has it. */
export function storedConfig({ config, settings, options: _, command: __, ...record }: RunConfig) {
  const { experiment, file, ...others } = record;
  return { format: runFormat, experiment, ...(file ? { file } : {}), config: config ?? settings, ...others };
}

/** Numbers of config.json that are not options, within the bounds of the options that they were settled by. */
const settledNumbers = {
  chunkSize: { ...trainingOptions.chunk, least: 1 },
  recompute: { ...trainingOptions.chunk, least: 0 },
  workers: trainingOptions.workers,
} as const;

/**
 * A configuration from a file, which may hold anything.
 *
 * @param shownFile how messages call the file
 * @throws RunError ILN04
 */
export function parseRunConfig(text: string, shownFile: string): RunConfig {
  const fail = (problem: string): never => {
    throw new RunError("ILN04", shownFile, problem, "Restore the file, or start a new run");
  };
  let value: Readonly<Record<string, unknown>>;
  try {
    value = Object(JSON.parse(text)) as typeof value;
  } catch (error) {
    return fail(`it is not JSON (${reasonOf(error)})`);
  }
  const textOf = (name: string, problem: string): string => {
    const found = value[name];
    return typeof found === "string" ? found : fail(problem);
  };
  try {
    const { format } = value;
    if (format !== runFormat && format !== format1)
      return fail(`its format is ${quoted(format)}, this version reads "${runFormat}" and "${format1}"`);
    const experiment = textOf("experiment", "it does not say which experiment it is");
    const settled = (name: keyof typeof settledNumbers, found: unknown): number =>
      checkOption(name, settledNumbers[name], found) as number;
    const chunkSize = settled("chunkSize", value.chunkSize);
    // Runs of before there was recomputation do not name it.
    const recompute = settled("recompute", value.recompute ?? 0);
    const workers = settled("workers", value.workers);
    const { expectedBytes } = value;
    if (expectedBytes !== undefined && !(Number.isFinite(expectedBytes) && (expectedBytes as number) >= 0))
      return fail(`expectedBytes is ${quoted(expectedBytes)}`);
    const imported = value.imported === undefined ? undefined : importedIn(value.imported);
    if (value.imported !== undefined && !imported)
      return fail("its record of where its parameters are from is malformed");
    const source = value.file === undefined ? undefined : fileRecordOf(value.file);
    if (value.file !== undefined && !source) return fail("its record of the experiment file is malformed");
    const { config, settings } =
      format === format1
        ? configOfFormat1(Object(value.options) as Readonly<Record<string, unknown>>, source !== undefined)
        : configIn(value.config);
    const argv =
      format === format1
        ? argvOf(textOf("command", "it does not say by which command the run was made"))
        : isTrainingArgv(value.argv)
          ? value.argv
          : fail("it does not say by which words of a command the run was made");
    const created = textOf("created", "it does not say when the run was made");
    const { protocol, versions } = value;
    const isPlain = (each: unknown): boolean => ["string", "number", "boolean"].includes(typeof each);
    if (!isRecord(protocol) || !Object.values(protocol).every(isPlain))
      return fail("its protocol is missing, or is no list of texts and numbers");
    if (!isRecord(versions) || !Object.values(versions).every((each) => typeof each === "string"))
      return fail("its versions are missing, or are no texts");
    const data = value.data === undefined || !config ? undefined : domainOf(config).parseSpec(value.data);
    if (value.data !== undefined && !data) return fail("its record of the data set is malformed");
    return runConfig({
      experiment,
      ...(source ? { file: source } : {}),
      // Runs of before there were engines do not name theirs.
      ...(config ? { config: withEngine(config, "onnxruntime") } : {}),
      settings: withEngine(settings, "onnxruntime"),
      chunkSize,
      recompute,
      workers,
      ...(expectedBytes === undefined ? {} : { expectedBytes: expectedBytes as number }),
      ...(data ? { data } : {}),
      ...(imported ? { imported } : {}),
      protocol: protocol as RunConfig["protocol"],
      argv,
      versions: versions as RunConfig["versions"],
      created,
    });
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message);
    if (error instanceof RangeError) return fail("it is nested too deep");
    throw error;
  }
}

/** The engine of a run with its version, in words, from its versions. */
export const engineText = ({ compiler, onnxruntime = "unknown" }: RunConfig["versions"]): string =>
  compiler ? `native programs by ${compiler}` : `onnxruntime ${onnxruntime}`;

/** Options with the engine that `auto` came to: a run goes on with the one that it began with. */
export const withEngine = <T extends { readonly training: TrainingValues }>(
  all: T,
  engine: Exclude<Engine, "auto">,
): T => (all.training.engine === "auto" ? { ...all, training: { ...all.training, engine } } : all);

/** The experiment file of a configuration whose domain nobody has registered yet; undefined for any other. */
export function fileOfUnknownDomain(text: string): RunConfig["file"] | undefined {
  try {
    const { config, file } = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>;
    const { domain } = Object(config) as { readonly domain?: unknown };
    const { name } = Object(domain) as { readonly name?: unknown };
    return typeof name === "string" && !domains().some((each) => each.name === name) ? fileRecordOf(file) : undefined;
  } catch {
    return undefined; // no JSON: whoever reads it says so
  }
}

/** The options of a run: all of them, or those that a program with a learner of its own leaves open. */
function configIn(value: unknown): Pick<RunConfig, "config" | "settings"> {
  if (isRecord(value) && value.domain === undefined && value.learner === undefined)
    return { settings: parseSettings(value, "config") };
  const config = parseConfig(value, "config");
  return { config, settings: { training: config.training, evaluation: config.evaluation } };
}

/** `/home/a.ts`, `C:\\a.ts`: a path that means the same wherever it is used from. */
const isAbsolute = (path: string): boolean => /^(?:\/|\\\\|[A-Za-z]:[\\/])/.test(path);

function fileRecordOf(value: unknown): RunConfig["file"] | undefined {
  if (!isRecord(value)) return undefined;
  const { path, sha256 } = value;
  if (typeof path !== "string" || !isAbsolute(path) || path.includes("\0")) return undefined;
  return typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) ? { path, sha256 } : undefined;
}
