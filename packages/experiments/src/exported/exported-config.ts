/** config.json of an exported folder, which anyone may have written: what it holds, checked. */
import type { OpenSetRule } from "@innerloop/core/exported";
import { isRecord, quoted } from "../options/outside-text.js";
import { mostSteps } from "../runs/most-steps.js";
import { isOpenSetRule } from "../runs/open-set-rule.js";
import { ExportError } from "./export-error.js";
import { answersFrom, type ExportedAnswers, kindNameIn, kindOf, loadKind } from "./exported-kinds.js";
import { type ExportedInputs, formOf, inputsFrom, loadForm } from "./input-forms.js";
import { areNames, isWhole } from "./kind-values.js";

/** The format of exported folders, as config.json has it. */
export const folderFormat = "export 1";
/** What hub and loaders tell the folder by. */
export const modelType = "innerloop";

/** Files of an exported folder that others rely on, with the most bytes that are read of each. */
export const exportedFileLimits = {
  "onnx/adapt.onnx": 2 ** 31 - 1,
  "onnx/predict.onnx": 2 ** 31 - 1,
  "onnx/few_shot.onnx": 2 ** 31 - 1,
  "onnx/backbone.onnx": 2 ** 31 - 1,
  "wasm/learner.wasm": 2 ** 31 - 1,
  "tokenizer.json": 2 ** 25,
  "parameters.safetensors": 2 ** 32 - 1,
  "expected.safetensors": 2 ** 30,
  "preprocessor_config.json": 2 ** 20,
  "items.json": 2 ** 28,
} as const;

/** Names of files that config.json tells the hashes of. */
export type ExportedFileName = keyof typeof exportedFileLimits;

/** Most bytes of config.json: tables of many categories are long. */
export const mostConfigBytes = 16 * 2 ** 20;

/** A file as config.json tells it. */
export interface ToldFile {
  readonly sha256: string;
  readonly bytes: number;
}

/** A rule of open sets with what it was chosen for: with other steps it means nothing. */
export interface ExportedOpenSet extends OpenSetRule {
  readonly steps: number;
  readonly ways: number;
  readonly shots: number;
}

type Plain = string | number | boolean | null;

/** An exported learner as config.json tells it. */
export interface ExportedConfig {
  readonly learner: string;
  /** Its description, for people: "innerLearningRate" and the like. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly loss: string;
  /** Classes that programs tell apart at most; undefined where targets are no classes. */
  readonly ways: number | undefined;
  /** What examples say beside their inputs, and what is answered. */
  readonly answers: ExportedAnswers;
  /** Rows of a support set at most. */
  readonly support: number;
  /** Whether smaller sets are padded up to so many; where not, programs take any number of rows from 1 on. */
  readonly padded: boolean;
  /** Whether there may be none of them. */
  readonly mayBeEmpty: boolean;
  /** Inputs that are predicted for together, so many and no other; undefined for any number. */
  readonly queries: number | undefined;
  readonly steps: {
    /** Those that are taken unless others are asked for; undefined of learners that take none. */
    readonly usual: number | undefined;
    /** Those that the programs are written for; undefined where any may be asked for. */
    readonly fixed: number | undefined;
  };
  /** Where batch normalisation takes its statistics; "none" where there is none. */
  readonly batchNorm: string;
  readonly inputs: ExportedInputs;
  /** The rule by which an input is of none of the classes; undefined where the run had none for what was exported. */
  readonly openSet: ExportedOpenSet | undefined;
  /** Names of predictions: "logits", "probabilities". */
  readonly outputs: readonly string[];
  /** How tasks were made and figures are to be read. */
  readonly protocol: Readonly<Record<string, Plain>>;
  /** The command that trained it. */
  readonly command: string;
  readonly checkpoint: "best" | "last";
  readonly iteration: number;
  /** The digest of the parameters, which is in each model's metadata as well. */
  readonly parameters: string;
  readonly files: Readonly<Partial<Record<ExportedFileName, ToldFile>>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** Rows that programs are given for so many examples: there is one at least, which the mask may say is none. */
export const supportRows = (
  { support, padded }: Pick<ExportedConfig, "support" | "padded">,
  examples: number,
): number => (padded ? support : Math.max(1, examples));

/** A configuration as config.json has it. */
export function storedExport(config: ExportedConfig): object {
  const { learner, options, loss, ways, answers, inputs, ...others } = config;
  const kept = formOf(inputs).stored?.(inputs) ?? inputs;
  return {
    model_type: modelType,
    architectures: [kindOf(answers).architecture],
    innerloop: { format: folderFormat, learner, options, loss, ways, answers, inputs: kept, ...others },
  };
}

/** The question whether a text is config.json of an exported folder, whatever else is wrong with it. */
export function isExportText(text: string): boolean {
  // Configurations of runs may be long: they are not parsed for this.
  if (!text.includes('"model_type"')) return false;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && value.model_type === modelType && isRecord(value.innerloop);
  } catch {
    return false;
  }
}

const longestText = 4096;
const longestList = 4096;
/** Rows of a support set, classes and queries that programs are read for, at most. */
const mostRows = 2 ** 20;

const remedy = "Export the run again, or get the folder anew from where it came from";

/**
 * The configuration in the text of config.json, whose kinds of inputs and answers are loaded.
 *
 * @param where how messages call the file
 * @throws ExportError ILE202
 */
export async function parseExport(text: string, where: string): Promise<ExportedConfig> {
  const fail = (problem: string): never => {
    throw new ExportError("ILE202", where, problem, remedy);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail("it is no JSON");
  }
  if (!isRecord(value) || value.model_type !== modelType || !isRecord(value.innerloop))
    return fail(`it is of no learner that innerloop has exported: model_type is not "${modelType}"`);
  const told = value.innerloop;
  if (told.format !== folderFormat)
    return fail(`its format is ${quoted(told.format)}, and "${folderFormat}" is read; a newer version may know it`);
  const wrong = (name: string): never => fail(`innerloop.${name} is ${quoted(told[name])}`);
  const text4k = (name: string): string => {
    const found = told[name];
    return typeof found === "string" && found.length <= longestText ? found : wrong(name);
  };
  const whole = (name: string, least: number, most: number): number =>
    isWhole(told[name], least, most) ? (told[name] as number) : wrong(name);
  const maybe = <T>(name: string, read: () => T): T | undefined =>
    told[name] === undefined || told[name] === null ? undefined : read();
  const isFlat = (found: unknown, isValue: (each: unknown) => boolean): found is Readonly<Record<string, never>> =>
    isRecord(found) && Object.keys(found).length <= longestList && Object.values(found).every(isValue);
  const isPlain = (each: unknown): boolean => each === null || ["string", "number", "boolean"].includes(typeof each);
  const isText = (each: unknown): boolean => typeof each === "string" && each.length <= longestText;

  await Promise.all([loadForm(isRecord(told.inputs) ? told.inputs.kind : undefined), loadKind(kindNameIn(told))]);
  const ways = maybe("ways", () => whole("ways", 1, mostRows));
  const inputs = inputsFrom(told.inputs) ?? wrong("inputs");
  const { steps, options, protocol, versions, files, mayBeEmpty, outputs, parameters, checkpoint } = told;
  // Folders of before there were others tell nothing of it.
  const { padded = true } = told;
  const openSet = maybe("openSet", () => openSetFrom(told.openSet) ?? wrong("openSet"));
  const areSteps =
    isRecord(steps) && [steps.usual, steps.fixed].every((each) => each == null || isWhole(each, 0, mostSteps));
  if (!areSteps) return wrong("steps");
  if (!isRecord(options)) return wrong("options");
  if (!isFlat(protocol, isPlain)) return wrong("protocol");
  if (!isFlat(versions, isText)) return wrong("versions");
  if (typeof mayBeEmpty !== "boolean") return wrong("mayBeEmpty");
  if (typeof padded !== "boolean") return wrong("padded");
  if (!areNames(outputs) || outputs.length === 0 || outputs.length > 16) return wrong("outputs");
  if (outputs.includes("rejected") !== (openSet !== undefined) || (openSet && ways === undefined))
    return wrong("openSet");
  const answers = answersFrom(told, { ways, inputs, outputs }) ?? wrong("answers");
  if (!outputs.includes(kindOf(answers).output)) return wrong("outputs");
  if (!isDigest(parameters)) return wrong("parameters");
  if (checkpoint !== "best" && checkpoint !== "last") return wrong("checkpoint");
  return {
    learner: text4k("learner"),
    options,
    loss: text4k("loss"),
    ways,
    answers,
    support: whole("support", 1, mostRows),
    padded,
    mayBeEmpty,
    queries: maybe("queries", () => whole("queries", 1, mostRows)),
    steps: { usual: numberIn(steps.usual), fixed: numberIn(steps.fixed) },
    batchNorm: text4k("batchNorm"),
    inputs,
    openSet,
    outputs,
    protocol,
    command: text4k("command"),
    checkpoint,
    iteration: whole("iteration", 0, Number.MAX_SAFE_INTEGER),
    parameters,
    files: toldFiles(files, ownFiles(inputs)) ?? wrong("files"),
    versions,
  };
}

const numberIn = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

const isDigest = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

function openSetFrom(value: unknown): ExportedOpenSet | undefined {
  if (!isRecord(value) || !isOpenSetRule(value)) return undefined;
  const { score, threshold, steps, ways, shots } = value as Readonly<Record<keyof ExportedOpenSet, unknown>>;
  const areCounts = isWhole(steps, 0, mostSteps) && [ways, shots].every((each) => isWhole(each, 0, mostRows));
  return areCounts ? ({ score, threshold, steps, ways, shots } as ExportedOpenSet) : undefined;
}

/** Files that inputs are read by, or go through. */
function ownFiles(inputs: ExportedInputs): readonly ExportedFileName[] {
  const { file, encoder } = formOf(inputs);
  return [...(file ? [file.name] : []), ...(encoder?.files ?? [])];
}

/** The files that a value tells: none but those of an export, and what has to be there among them. */
function toldFiles(value: unknown, own: readonly ExportedFileName[]): ExportedConfig["files"] | undefined {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value);
  const areKnown = entries.every(
    ([name, told]) =>
      Object.hasOwn(exportedFileLimits, name) &&
      isRecord(told) &&
      isDigest(told.sha256) &&
      isWhole(told.bytes, 0, exportedFileLimits[name as ExportedFileName]),
  );
  if (!areKnown || [...neededFiles, ...own].some((name) => !Object.hasOwn(value, name))) return undefined;
  return Object.fromEntries(
    entries.map(([name, told]) => {
      const { sha256, bytes } = told as ToldFile;
      return [name, { sha256, bytes }];
    }),
  );
}

/** Files without which a folder is no export. */
const neededFiles = [
  "onnx/adapt.onnx",
  "onnx/predict.onnx",
  "onnx/few_shot.onnx",
  "parameters.safetensors",
  "expected.safetensors",
] as const satisfies readonly ExportedFileName[];
