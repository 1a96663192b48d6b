/** Exported files proved: each is the one that config.json tells, and the programs answer what the folder says they do. */
import { decodeArrays, TrainingError } from "@innerloop/core/exported";
import type { PortableArray, PortableArrays, PortableEngine } from "@innerloop/graph";
import { differenceOf, tolerance } from "./agreement.js";
import { ExportError } from "./export-error.js";
import { type ExportedConfig, supportRows } from "./exported-config.js";
import { type ExportedFiles, readAllTold, readExportedConfig } from "./exported-files.js";
import { openFewShot, openPrograms } from "./exported-programs.js";
import { formOf } from "./input-forms.js";

/** The findings of exported files that are whole. */
export interface VerifiedExport {
  readonly config: ExportedConfig;
  /** The largest difference from the expected answers, as a share of the largest of them. */
  readonly difference: number;
  /** Files whose SHA-256 was checked, and their bytes. */
  readonly files: number;
  readonly bytes: number;
}

/** Queries of the expected task at most. */
const mostQueries = 4096;

/**
 * Checks the hash of every file, and that the programs answer the expected task as they should.
 *
 * @throws ExportError ILE202 for files that are damaged or none, ILE205 where answers are others
 */
export async function verifyExport(files: ExportedFiles, engine: PortableEngine): Promise<VerifiedExport> {
  const config = await readExportedConfig(files);
  const told = await readAllTold(files, config);
  const where = `${files.shown}/expected.safetensors`;
  const { feeds, expected } = expectedTask(told["expected.safetensors"]!, config, where);
  const { query_inputs, ...task } = feeds;
  const differences: number[] = [];
  const source = { told, shown: files.shown, engine };
  const fewShot = await openFewShot(source, config);
  try {
    differences.push(differenceOf(await fewShot.run(feeds), expected, config.openSet));
  } finally {
    await fewShot.close();
  }
  const { adapt, predict } = await openPrograms(source, config);
  try {
    const { status: _, ...state } = await adapt.run(task);
    differences.push(
      differenceOf(await predict.run({ ...state, query_inputs: query_inputs! }), expected, config.openSet),
    );
  } finally {
    await Promise.all([adapt.close(), predict.close()]);
  }
  const difference = Math.max(...differences);
  if (!(difference <= tolerance))
    throw disagreement(files.shown, difference, "the expected answers", "Get the folder anew, or report what runs it");
  const sizes = Object.values(config.files).map(({ bytes }) => bytes);
  return { config, difference, files: sizes.length, bytes: sizes.reduce((a, b) => a + b, 0) };
}

/** The refusal of programs that answer otherwise. */
export const disagreement = (where: string, difference: number, from: string, remedy: string): ExportError =>
  new ExportError(
    "ILE205",
    where,
    `its programs differ from ${from} by ${difference.toExponential(1)} of the largest number, and ${tolerance} is the most`,
    remedy,
  );

/**
 * The task that a folder is tried on: what programs are fed, and what they should answer.
 *
 * @throws ExportError ILE202 where it is none of these programs
 */
export function expectedTask(
  bytes: Uint8Array,
  config: ExportedConfig,
  where: string,
): { readonly feeds: PortableArrays; readonly expected: PortableArrays } {
  const remedy = "Export the run again, or get the folder anew from where it came from";
  const fail = (problem: string, cause?: unknown): never => {
    throw new ExportError("ILE202", where, problem, remedy, { cause });
  };
  let arrays: PortableArrays;
  try {
    ({ arrays } = decodeArrays(bytes, "expected.safetensors"));
  } catch (error) {
    if (error instanceof TrainingError) return fail("it is no safetensors", error);
    throw error;
  }
  const { inputs, support, targets, ways, queries, outputs, openSet } = config;
  const { dtype, shape } = formOf(inputs).slot(inputs);
  const taken = (name: string, type: PortableArray["dtype"], sizes: readonly (number | undefined)[]): PortableArray => {
    const found = Object.hasOwn(arrays, name) ? arrays[name]! : fail(`it has no ${name}`);
    const fits = found.shape.length === sizes.length && sizes.every((n, i) => n === undefined || n === found.shape[i]);
    return found.dtype === type && fits ? found : fail(`${name} is ${found.dtype} [${found.shape.join(", ")}]`);
  };
  const mask = taken("support_mask", "float32", [undefined]);
  const there = mask.shape[0]!;
  const given = supportRows(config, there);
  if (there !== given || there > support) fail(`support_mask is of ${there} rows`);
  const query_inputs = taken("query_inputs", dtype, [queries, ...shape]);
  const [rows = 0] = query_inputs.shape;
  if (rows < 1 || rows > mostQueries) fail(`it asks for ${rows} answers`);
  const steps = taken("steps", "int64", []);
  const count = Number(steps.data[0]);
  if (count < 0 || count > 1000) fail(`it takes ${count} steps`);
  return {
    feeds: {
      support_inputs: taken("support_inputs", dtype, [there, ...shape]),
      support_mask: mask,
      steps,
      query_inputs,
      ...(targets
        ? { support_targets: taken("support_targets", "float32", [there, targets.length]) }
        : { support_labels: taken("support_labels", "int64", [there]) }),
    },
    expected: Object.fromEntries(
      outputs.map((name) => [
        name,
        openSet && name === "rejected"
          ? taken(name, "bool", [rows])
          : taken(name, "float32", [rows, ways ?? targets!.length]),
      ]),
    ),
  };
}
