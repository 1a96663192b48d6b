/** The map of a file's tensors to a run's parameters: MAP.json, which anyone may have written. */
import { isRecord, quoted } from "../options/outside-text.js";
import { ImportError } from "./import-error.js";
import { type Layout, type LayoutName, layoutNames } from "./parameter-layouts.js";

/** The source of a parameter's values: a tensor of the file, two that are added, or one number for all of them. */
export type ParameterSource =
  | { readonly from: string; readonly plus?: string | undefined; readonly layout?: Layout | undefined }
  | { readonly value: number };

/** By which statistics batch normalisation gave outputs, as PyTorch calls it. */
const modes = { train: "those of the batch", eval: "running ones" } as const;
type CheckMode = keyof typeof modes;
const isMode = (value: unknown): value is CheckMode => typeof value === "string" && Object.hasOwn(modes, value);

/** The measure that weights are held to: inputs and the outputs that the network had for them where it was trained. */
export interface ImportCheck {
  /** The file of safetensors that has them, as seen from the map. */
  readonly file: string;
  /** By which statistics its batch normalisation gave them, as PyTorch calls it: those of the batch, or running ones. */
  readonly mode?: CheckMode | undefined;
  /** Names in the file. */
  readonly inputs: string;
  readonly outputs: string;
  /** Where the outputs are those after adapting to examples: their inputs, and their classes or targets. */
  readonly support?: { readonly inputs: string; readonly targets: string } | undefined;
  /** Adaptation steps; those of the run's training unless given. */
  readonly steps?: number | undefined;
}

/** A map that was read. */
export interface ImportMap {
  /** The way to the dictionary of tensors in the file. */
  readonly root: readonly string[] | undefined;
  /** By the paths of the run's parameters; none yet where the map is to be written. */
  readonly parameters: ReadonlyMap<string, ParameterSource> | undefined;
  /** Which of them are running statistics of batch normalisation. */
  readonly statistics: ReadonlySet<string>;
  /** Tensors of the file that are left out on purpose: names, with * for any beginning or end. */
  readonly ignored: readonly string[];
  readonly check: ImportCheck | undefined;
}

const mostNames = 100_000;
const longestName = 1024;

/** The keys of a map that are not options of an experiment. */
export const mapKeys = ["root", "parameters", "statistics", "ignored", "check"] as const;

/**
 * A map from a file, which may hold anything.
 *
 * @param where how messages call the file
 * @throws ImportError ILI01
 */
export function parseImportMap(value: Readonly<Record<string, unknown>>, where: string): ImportMap {
  const fail = (problem: string, remedy: string): never => {
    throw new ImportError("ILI01", where, problem, remedy);
  };
  const isName = (name: unknown): name is string =>
    typeof name === "string" && name !== "" && name.length <= longestName;
  const namesIn = (key: "root" | "ignored", remedy: string): readonly string[] | undefined => {
    const found = value[key];
    if (found === undefined) return undefined;
    const list: unknown = typeof found === "string" && key === "root" ? [found] : found;
    if (Array.isArray(list) && list.length <= mostNames && list.every(isName)) return list;
    return fail(`${key} is ${quoted(found)}`, remedy);
  };
  const sourcesIn = (key: "parameters" | "statistics"): ReadonlyMap<string, ParameterSource> => {
    const found = value[key];
    if (found === undefined) return new Map();
    const entries = isRecord(found) ? Object.entries(found) : [];
    if (!isRecord(found) || entries.length > mostNames)
      return fail(
        `${key} is ${quoted(found)}`,
        `It is an object: { "${key}": { "the run's path": "the file's name" } }`,
      );
    return new Map(entries.map(([path, source]) => [path, sourceIn(source, `${key} > ${path}`, where)]));
  };
  const parameters = sourcesIn("parameters");
  const statistics = sourcesIn("statistics");
  const twice = [...statistics.keys()].find((path) => parameters.has(path));
  if (twice !== undefined) fail(`${quoted(twice)} is among parameters and statistics`, "Leave it in one of them");
  return {
    root: namesIn("root", 'It is a name, or several, one within the other: "root": "state_dict"'),
    parameters: value.parameters === undefined ? undefined : new Map([...parameters, ...statistics]),
    statistics: new Set(statistics.keys()),
    ignored: namesIn("ignored", 'It is a list of names: "ignored": ["*.num_batches_tracked"]') ?? [],
    check: value.check === undefined ? undefined : checkIn(value.check, where),
  };
}

const sourceForm =
  'Give a name of the file, { "from": NAME, "layout": ... }, { "from": NAME, "plus": NAME } of two biases, or { "value": NUMBER }';

function sourceIn(value: unknown, path: string, where: string): ParameterSource {
  const fail = (problem: string, remedy = sourceForm): never => {
    throw new ImportError("ILI01", where, problem, remedy);
  };
  if (typeof value === "string") return { from: value };
  if (!isRecord(value)) return fail(`${quoted(path)} is ${quoted(value)}`);
  const { from, plus, layout, value: number, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) return fail(`${quoted(path)} has the unknown key ${quoted(other)}`);
  if (from === undefined) {
    if (
      typeof number !== "number" ||
      !Number.isFinite(Math.fround(number)) ||
      layout !== undefined ||
      plus !== undefined
    )
      return fail(`${quoted(path)} is ${quoted(value)}`);
    return { value: number };
  }
  if (typeof from !== "string" || number !== undefined || (plus !== undefined && typeof plus !== "string"))
    return fail(`${quoted(path)} is ${quoted(value)}`);
  const named = plus === undefined ? { from } : { from, plus };
  if (layout === undefined) return named;
  const parsed = layoutIn(layout);
  if (parsed) return { ...named, layout: parsed };
  return fail(
    `the layout of ${quoted(path)} is ${quoted(layout)}`,
    `Give one of ${layoutNames.join(", ")}, or { "flatten": [channels, height, width] }`,
  );
}

function layoutIn(value: unknown): Layout | undefined {
  if (typeof value === "string") return layoutNames.find((name): name is LayoutName => name === value);
  if (!isRecord(value) || Object.keys(value).length !== 1) return undefined;
  const { flatten } = value;
  const isSize = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 1 && (n as number) < 2 ** 24;
  return Array.isArray(flatten) && flatten.length === 3 && flatten.every(isSize)
    ? { flatten: flatten as unknown as [number, number, number] }
    : undefined;
}

const checkForm =
  'Give { "file": "check.safetensors", "mode": "train" or "eval", "inputs": NAME, "outputs": NAME }, and "support": { "inputs": NAME, "targets": NAME }, "steps": N where it is adapted before';

function checkIn(value: unknown, where: string): ImportCheck {
  const fail = (problem: string): never => {
    throw new ImportError("ILI01", where, problem, checkForm);
  };
  if (!isRecord(value)) return fail(`check is ${quoted(value)}`);
  const { file, mode, inputs = "inputs", outputs = "outputs", support, steps, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) return fail(`check has the unknown key ${quoted(other)}`);
  const isText = (text: unknown): text is string => typeof text === "string" && text !== "" && !text.includes("\0");
  if (!isText(file)) return fail(`its check names no file, but ${quoted(file)}`);
  if (mode !== undefined && !isMode(mode)) return fail(`the mode of its check is ${quoted(mode)}`);
  if (!isText(inputs) || !isText(outputs)) return fail("the inputs or outputs of its check have no name");
  if (steps !== undefined && !(Number.isSafeInteger(steps) && (steps as number) >= 0 && (steps as number) <= 100))
    return fail(`the steps of its check are ${quoted(steps)}`);
  if (support === undefined) {
    if (steps !== undefined) return fail("its check has steps, and no support examples to take them on");
    return { file, mode, inputs, outputs };
  }
  const { inputs: x, targets: y } = Object(support) as Readonly<Record<string, unknown>>;
  if (!isText(x) || !isText(y)) return fail(`the support of its check is ${quoted(support)}`);
  if (mode !== undefined)
    return fail("its check has a mode and support examples: statistics are then those of the run's learner");
  return { file, inputs, outputs, support: { inputs: x, targets: y }, steps: steps as number | undefined };
}
