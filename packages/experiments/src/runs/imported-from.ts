/** The record of a run whose parameters were trained elsewhere: which file they are from, and how that was shown. */
import { isRecord } from "../options/outside-text.js";
import { counted } from "../words.js";
import { type Argv, isArgvOf } from "./run-command.js";

/** The origin of a run's parameters that were trained elsewhere. */
export interface ImportedFrom {
  /** The name of the file. */
  readonly file: string;
  /** Of the file. */
  readonly sha256: string;
  /** The map, as it was given. */
  readonly map: Readonly<Record<string, unknown>>;
  /** The largest difference from the outputs that were given, as a share of the largest of them. */
  readonly difference: number;
  /** The words of the command. */
  readonly argv: Argv;
}

const longestName = 1024;

/** The record in config.json, which anyone may have written; undefined where it is none. */
export function importedIn(value: unknown): ImportedFrom | undefined {
  if (!isRecord(value)) return undefined;
  const { file, sha256, map, difference, argv } = value;
  if (typeof file !== "string" || file === "" || file.length > longestName) return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256) || !isRecord(map)) return undefined;
  if (typeof difference !== "number" || !Number.isFinite(difference) || difference < 0) return undefined;
  return isArgvOf("import", argv) ? { file, sha256, map, difference, argv } : undefined;
}

/** A sentence on where parameters are from, as results have it; without a full stop. */
export const importedText = ({ file, sha256, difference }: ImportedFrom): string =>
  `parameters imported from ${JSON.stringify(file)} (sha256 ${sha256.slice(0, 16)}...), trained elsewhere and not here; their outputs differ from the given ones by ${difference === 0 ? "0" : difference.toExponential(1)} of the largest at most`;

/**
 * `best checkpoint, after 3,000 updates`; of a run that was not trained here, that it was not.
 *
 * @param by the figure by which the best one was chosen, where that was asked for
 */
export function checkpointText(
  { imported }: { readonly imported?: ImportedFrom },
  checkpoint: string,
  iteration: number,
  by?: string,
): string {
  if (imported) return "imported parameters, without an update here";
  return `${checkpoint} checkpoint${by === undefined ? "" : ` by ${by}`}, after ${counted(iteration, "update")}`;
}
