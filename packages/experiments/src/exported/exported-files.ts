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

/** The same by the machine's own code, which is ten times as fast, where it has any: pages only in secure contexts. */
async function fastDigest(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle || !(bytes.buffer instanceof ArrayBuffer)) return digestOf(bytes);
  return bytesToHex(new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
}

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
async function readTold(
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
        : (await fastDigest(bytes)) === expected
          ? undefined
          : "its SHA-256 is not the one that config.json tells";
  if (problem !== undefined) throw new ExportError("ILE202", where, problem, remedy);
  return bytes!;
}

/** Files whose bytes are those that config.json tells. */
export type ToldFiles = Readonly<Partial<Record<ExportedFileName, Uint8Array>>>;

/** Files that are read for one way of running programs alone, or for none. */
const ofOnnx: readonly ExportedFileName[] = ["onnx/adapt.onnx", "onnx/predict.onnx", "onnx/few_shot.onnx"];
const ofNoProgram: readonly ExportedFileName[] = ["parameters.safetensors", "expected.safetensors"];

/** What the module in WebAssembly needs, of all files: nothing else is fetched. */
export const besideWasm = (name: ExportedFileName): boolean => ![...ofOnnx, ...ofNoProgram].includes(name);

/** What the ONNX programs are read with: all but the module in WebAssembly. */
export const besideOnnx = (name: ExportedFileName): boolean => name !== "wasm/learner.wasm";

/** All files that config.json tells, or some of them. @throws ExportError ILE202 */
export async function readAllTold(
  files: ExportedFiles,
  config: Pick<ExportedConfig, "files">,
  isRead: (name: ExportedFileName) => boolean = () => true,
): Promise<ToldFiles> {
  const names = (Object.keys(config.files) as ExportedFileName[]).filter(isRead);
  const contents = await Promise.all(names.map((name) => readTold(files, config, name)));
  return Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
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
