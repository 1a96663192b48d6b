/** Which options mean something together: what each is of use for stands in the option table. */
import { formulaFamilies } from "./load-data.js";
import {
  type DataKind,
  dataKindTexts,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  type OptionSpec,
  type OptionUse,
} from "./option-table.js";
import { UsageError } from "./usage-error.js";

/** What examples come from: classes, the rows of a table, or formulas. */
export const dataKindOf = ({ data, groupColumn }: ExperimentOptions): DataKind =>
  groupColumn !== "" ? "table" : formulaFamilies.includes(data) ? "curves" : "classes";

/** Leaving something out is of use for anything. */
const isNeutral = (value: unknown): boolean => [0, "none", "no", ""].includes(value as string);

/**
 * What makes a value of an option mean nothing beside the others: the choice that does so and what the option is for,
 * undefined where it is of use.
 */
function uselessness(
  name: string,
  options: ExperimentOptions,
): { readonly beside: string; readonly is: string } | undefined {
  const of = (experimentOptions[name as keyof ExperimentOptions] as OptionSpec).of ?? ({} satisfies OptionUse);
  const { learner, model, data, groupColumn, split } = options;
  if (isNeutral(options[name as keyof ExperimentOptions])) return undefined;
  if (of.data && !of.data.includes(dataKindOf(options))) {
    const beside = groupColumn === "" ? `--data ${data}` : `--group-column ${groupColumn}`;
    return { beside, is: of.data.map((kind) => dataKindTexts[kind]).join(" or ") };
  }
  if (of.learners && !of.learners.names.includes(learner))
    return { beside: `--learner ${learner}`, is: of.learners.text };
  if (of.models && !of.models.includes(model))
    return { beside: `--model ${model}`, is: `--model ${of.models.join(" or ")}` };
  if (of.split && of.split !== split) return { beside: `--split ${split}`, is: `--split ${of.split}` };
  return undefined;
}

/** Whether an option has a meaning beside the others. */
export const isOfUse = (name: string, options: ExperimentOptions): boolean => uselessness(name, options) === undefined;

/**
 * @param names the options that the user chose; what presets bring along may have no meaning beside them
 * @param run the existing run that the other options are of, as messages show it
 * @throws UsageError for the first that means nothing beside the others
 */
export function requireUse(names: readonly string[], options: ExperimentOptions, run?: string): void {
  for (const name of names) {
    const found = uselessness(name, options);
    if (!found) continue;
    const where = run === undefined ? `with ${found.beside}` : `for ${run}, a run with ${found.beside}`;
    throw new UsageError(`${flagOf(name)} means nothing ${where}`, `It is for ${found.is}`);
  }
}
