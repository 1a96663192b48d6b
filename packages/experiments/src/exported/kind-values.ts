/** Checks of values that kinds of exported tasks have in common. */
import type { PortableArray } from "@innerloop/graph";
import { ExportError } from "./export-error.js";
import { rowSize } from "./row-arrays.js";

const longestText = 4096;
/** Names of a list at most, and names of a task. */
const [longestList, mostTaskNames] = [4096, 2 ** 20];

const isName = (value: unknown): value is string => typeof value === "string" && value.length <= longestText;

/** The question whether a value is a list of different names. */
export const areNames = (value: unknown, most = longestList): value is readonly string[] =>
  Array.isArray(value) && value.length <= most && value.every(isName) && new Set(value).size === value.length;

/** The same for names of a task's bytes, of which there may be many. */
export const areTaskNames = (value: unknown): value is readonly string[] => areNames(value, mostTaskNames);

/** The question whether a value is a whole number within bounds. */
export const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

/** The question whether all numbers are finite: whole ones are. */
export const areFinite = ({ data }: Pick<PortableArray, "data">): boolean => {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Number(data[i]))) return false;
  return true;
};

/**
 * The first numbers of a row of an output.
 *
 * @param count all of the row unless given
 * @throws ExportError ILE207 where one is not finite
 */
export function finiteRow(
  outputs: Readonly<Record<string, PortableArray>>,
  name: string,
  row: number,
  { where, count }: { readonly where: string; readonly count?: number },
): readonly number[] {
  const { data, shape } = outputs[name]!;
  const width = rowSize({ shape: shape.slice(1) });
  const values = Array.from({ length: count ?? width }, (_, i) => Number(data[row * width + i]));
  if (values.every(Number.isFinite)) return values;
  throw new ExportError(
    "ILE207",
    where,
    `an answer has ${name} that are no finite numbers`,
    "Give inputs like those of training",
  );
}
