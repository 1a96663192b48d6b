/** Which options mean something beside which choices, and what is said where one does not. */
import type { TrainingTasks } from "@innerloop/core/learners";
import { UsageError } from "../options/usage-error.js";
import { flagOf } from "../options/values.js";
import { choicesOf, type ExperimentConfig, type NamedValues, trainingTasksOf } from "./config.js";
import { type FlagEntry, flagTable, type Part, placesText } from "./flag-table.js";

/**
 * Why an option means nothing beside choices: the one that makes it so, and what it is for; undefined where it applies.
 */
export function uselessness(
  name: string,
  config: ExperimentConfig,
  table: readonly FlagEntry[] = flagTable(),
): { readonly beside: string; readonly is: string } | undefined {
  const entry = table.find((each) => each.name === name);
  if (!entry) return { beside: "it", is: "nothing" };
  const { domain, learner, network } = choicesOf(config);
  const chosen: Readonly<Record<Part, string | undefined>> = {
    domain: domain.name,
    learner,
    network,
    training: undefined,
    evaluation: undefined,
  };
  const fits = entry.places.filter(({ part, choice }) => choice === undefined || choice === chosen[part]);
  if (fits.length === 0) {
    const { part } = entry.places[0]!;
    const beside =
      part === "learner"
        ? `--learner ${learner}`
        : part === "network"
          ? `--model ${network}`
          : domain.shownAs(config.domain);
    return { beside, is: placesText(entry) };
  }
  const nested = fits.flatMap(({ part, within }) => (within ? [{ part, ...within }] : []));
  if (nested.length > 0 && nested.length === fits.length) {
    const chosenOf = ({ part, option }: (typeof nested)[number]): string =>
      (config[part] as unknown as Readonly<Record<string, NamedValues>>)[option]!.name;
    if (nested.every((each) => chosenOf(each) !== each.choice)) {
      const [first] = nested as [(typeof nested)[number]];
      const others = nested.map(({ choice }) => choice).join(" or ");
      return { beside: `${flagOf(first.option)} ${chosenOf(first)}`, is: `${flagOf(first.option)} ${others}` };
    }
  }
  const trained = trainingTasksOf(config);
  const others = notEpisodes[trained.kind];
  if (domain.ofEpisodes?.includes(name) && others !== undefined) return { beside: `--learner ${learner}`, is: others };
  return domain.uselessness?.(name, config.domain);
}

/** Learners that options of episodes are for, where a learner's tasks are none. */
const notEpisodes: Readonly<Partial<Record<TrainingTasks["kind"], string>>> = {
  "batches of all classes": "learners that are trained on few-shot tasks",
  trials: "learners that adapt by whole episodes",
};

/** The question whether an option has a meaning beside the choices of a config. */
export const isOfUse = (name: string, config: ExperimentConfig): boolean => uselessness(name, config) === undefined;

/**
 * The check that options mean something beside a config.
 *
 * @param names the options that the user chose; what presets bring along may have no meaning beside them
 * @param run the existing run that the other options are of, as messages show it
 * @throws UsageError for the first that means nothing beside the others
 */
export function requireUse(names: readonly string[], config: ExperimentConfig, run?: string): void {
  const table = flagTable();
  for (const name of names) {
    const found = uselessness(name, config, table);
    if (!found) continue;
    const where = run === undefined ? `with ${found.beside}` : `for ${run}, a run with ${found.beside}`;
    throw new UsageError(`${flagOf(name)} means nothing ${where}`, `It is for ${found.is}`);
  }
}
