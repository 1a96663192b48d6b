/** The files of an exported learner as they are read: each is the one that config.json tells, before anything is made of it. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { ExportError } from "./export-error.js";
import {
  type ExportedConfig,
  type ExportedFileName,
  exportedFileLimits,
  mostConfigBytes,
  parseExport,
} from "./exported-config.js";
import { formOf } from "./input-forms.js";

/** Files by their names below the folder: a folder of a disk, bytes at hand, addresses of a page. */
export interface ExportedFiles {
  /** How messages call them. */
  readonly shown: string;
  /** The bytes of a file; undefined where there is none. @throws Error where there are more than `most`, or it cannot be read */
  read(name: string, most: number): Promise<Uint8Array | undefined>;
}

/** Files at hand. */
export const filesAtHand = (
  files: Readonly<Record<string, Uint8Array>>,
  shown = "the exported files",
): ExportedFiles => ({
  shown,
  read: async (name, most) => {
    const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
    if (bytes && bytes.length > most)
      throw new ExportError("ILE202", `${shown}/${name}`, `it has ${bytes.length} bytes, and ${most} are read`, remedy);
    return bytes;
  },
});

const remedy = "Export the run again, or get the folder anew from where it came from";

/** SHA-256 in hexadecimal digits. */
export const digestOf = (bytes: Uint8Array): string => bytesToHex(sha256(bytes));

/** The configuration among the files. @throws ExportError ILE202 where there is none */
export async function readExportedConfig(files: ExportedFiles): Promise<ExportedConfig> {
  const bytes = await files.read("config.json", mostConfigBytes);
  if (!bytes) throw new ExportError("ILE202", files.shown, "there is no config.json", remedy);
  return parseExport(new TextDecoder().decode(bytes), `${files.shown}/config.json`);
}

/**
 * A file that config.json tells, of exactly these bytes.
 *
 * @throws ExportError ILE202 where it is not there, or another
 */
export async function readTold(
  files: ExportedFiles,
  { files: told }: Pick<ExportedConfig, "files">,
  name: ExportedFileName,
): Promise<Uint8Array> {
  const { sha256: expected, bytes: size } = told[name]!;
  const where = `${files.shown}/${name}`;
  const bytes = await files.read(name, Math.min(size, exportedFileLimits[name]));
  const problem =
    bytes === undefined
      ? "it is not there"
      : bytes.length !== size
        ? `it has ${bytes.length} bytes, and config.json tells ${size}`
        : digestOf(bytes) === expected
          ? undefined
          : "its SHA-256 is not the one that config.json tells";
  if (problem !== undefined) throw new ExportError("ILE202", where, problem, remedy);
  return bytes!;
}

/** All files that config.json tells. @throws ExportError ILE202 */
export async function readAllTold(
  files: ExportedFiles,
  config: Pick<ExportedConfig, "files">,
): Promise<Readonly<Partial<Record<ExportedFileName, Uint8Array>>>> {
  const found: Partial<Record<ExportedFileName, Uint8Array>> = {};
  for (const name of Object.keys(config.files) as ExportedFileName[]) found[name] = await readTold(files, config, name);
  return found;
}

/**
 * The configuration with what its inputs have in a file of their own.
 *
 * @param told the files that it tells
 * @throws ExportError ILE202 where that is none of theirs
 */
export function openedConfig(
  config: ExportedConfig,
  told: Readonly<Partial<Record<ExportedFileName, Uint8Array>>>,
  shown: string,
): ExportedConfig {
  const { file } = formOf(config.inputs);
  if (!file) return config;
  const inputs = file.opened(config.inputs, told[file.name]!);
  if (inputs) return { ...config, inputs };
  throw new ExportError("ILE202", `${shown}/${file.name}`, "it is not what the inputs of config.json need", remedy);
}
