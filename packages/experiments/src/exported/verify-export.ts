/** Exported files proved: each is the one that config.json tells, and the programs answer what the folder says they do. */
import { decodeArrays, TrainingError } from "@innerloop/core/exported";
import { openWasmModule, type PortableArray, type PortableArrays, type PortableEngine } from "@innerloop/graph";
import { differenceOf, tolerance } from "./agreement.js";
import { ExportError } from "./export-error.js";
import { type ExportedConfig, supportRows } from "./exported-config.js";
import { type ExportedFiles, openedConfig, readAllTold, readExportedConfig } from "./exported-files.js";
import { kindOf } from "./exported-kinds.js";
import { openFewShot, openPrograms, predictionSlots, querySlots, supportSlots, wasmFile } from "./exported-programs.js";
import { type EncoderProbe, requireProbe } from "./input-encoder.js";
import type { ExportedIo } from "./input-form.js";
import { formOf } from "./input-forms.js";
import type { RowSlot } from "./row-arrays.js";

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
 * @param io what reads a tokenizer, for folders with an encoder of texts
 * @throws ExportError ILE202 for files that are damaged or none, ILE205 where answers are others
 */
export async function verifyExport(
  files: ExportedFiles,
  engine: PortableEngine,
  { pieces }: Pick<ExportedIo, "pieces"> = {},
): Promise<VerifiedExport> {
  const read = await readExportedConfig(files);
  const told = await readAllTold(files, read);
  const config = openedConfig(read, told, files.shown);
  const where = `${files.shown}/expected.safetensors`;
  const { feeds, expected } = expectedTask(told["expected.safetensors"]!, config, where);
  const { task, asked } = feeds;
  const differences: number[] = [];
  const source = { told, shown: files.shown, engine };
  const fewShot = await openFewShot(source, config);
  try {
    differences.push(differenceOf(await fewShot.run({ ...task, ...asked }), expected, config.openSet));
  } finally {
    await fewShot.close();
  }
  for (const openModule of told[wasmFile] ? [undefined, openWasmModule] : [undefined]) {
    const { adapt, predict } = await openPrograms({ ...source, openModule }, config);
    try {
      const { status: _, ...state } = await adapt.run(task);
      differences.push(differenceOf(await predict.run({ ...state, ...asked }), expected, config.openSet));
    } finally {
      await Promise.all([adapt.close(), predict.close()]);
    }
  }
  const { encoder } = formOf(config.inputs);
  if (encoder) {
    const probe = probeOf(told["expected.safetensors"]!, config, where);
    const open = await encoder.open(config.inputs, told, { engine, pieces }, files.shown);
    try {
      differences.push(await requireProbe(encoder.terms, open, probe, files.shown));
    } finally {
      await open.close();
    }
  }
  const difference = Math.max(...differences);
  if (!(difference <= tolerance))
    throw disagreement(files.shown, difference, "the expected answers", "Get the folder anew, or report what runs it");
  const sizes = Object.values(config.files).map(({ bytes }) => bytes);
  return { config, difference, files: sizes.length, bytes: sizes.reduce((a, b) => a + b, 0) };
}

/**
 * What a folder's own encoder is tried on.
 *
 * @throws ExportError ILE202 where expected.safetensors holds none
 */
export function probeOf(bytes: Uint8Array, config: ExportedConfig, where: string): EncoderProbe {
  const { encoder } = formOf(config.inputs);
  let found: EncoderProbe | undefined;
  try {
    found = encoder?.restored(decodeArrays(bytes, "expected.safetensors"), config.inputs);
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
  }
  if (found) return found;
  const remedy = "Export the run again, or get the folder anew from where it came from";
  throw new ExportError(
    "ILE202",
    where,
    `it has no inputs with the ${encoder!.terms.made} that are made of them`,
    remedy,
  );
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
): {
  /** What adapting is fed with, and what is asked beside it. */
  readonly feeds: { readonly task: PortableArrays; readonly asked: PortableArrays };
  readonly expected: PortableArrays;
} {
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
  const { queries } = config;
  const taken = (name: string, type: PortableArray["dtype"], sizes: readonly (number | undefined)[]): PortableArray => {
    const found = Object.hasOwn(arrays, name) ? arrays[name]! : fail(`it has no ${name}`);
    const fits = found.shape.length === sizes.length && sizes.every((n, i) => n === undefined || n === found.shape[i]);
    return found.dtype === type && fits ? found : fail(`${name} is ${found.dtype} [${found.shape.join(", ")}]`);
  };
  const inRows = (slots: readonly RowSlot[], rows: number | undefined): PortableArrays =>
    Object.fromEntries(slots.map(({ name, dtype, shape }) => [name, taken(name, dtype, [rows, ...shape])]));
  const given = inRows(supportSlots(config), undefined);
  const there = Object.values(given)[0]!.shape[0]!;
  if (there !== supportRows(config, there) || there > config.support) fail(`its support set is of ${there} rows`);
  const asked = inRows(querySlots(config), queries);
  const [rows = 0] = Object.values(asked)[0]!.shape;
  if (rows < 1 || rows > mostQueries) fail(`it asks for ${rows} answers`);
  const steps = taken("steps", "int64", []);
  const count = Number(steps.data[0]);
  if (count < 0 || count > 1000) fail(`it takes ${count} steps`);
  return {
    feeds: {
      task: {
        ...inRows(supportSlots(config), there),
        ...(kindOf(config.answers).masked ? { support_mask: taken("support_mask", "float32", [there]) } : {}),
        steps,
      },
      asked: inRows(querySlots(config), rows),
    },
    expected: inRows(predictionSlots(config), rows),
  };
}
