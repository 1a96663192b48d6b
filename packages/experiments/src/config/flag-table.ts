/** Every option of experiments by its name on the command line, with the places that have it. */
import { learnerCatalogue, learnerNames } from "@innerloop/core";
import { networkCatalogue, networkNames, type OptionGroup, type OptionSpec } from "@innerloop/core/learners";
import { domainNamed, domains } from "../domains/registry.js";
import { evaluationOptions, trainingOptions } from "../options/training-options.js";

/** The parts of an experiment. */
export const parts = ["domain", "learner", "network", "training", "evaluation"] as const;
/** One of the parts of an experiment. */
export type Part = (typeof parts)[number];

/** Values by the names that options have on the command line: `learner` and `model` name choices. */
export type Flags = Readonly<Record<string, unknown>>;

/** The flag that names the choice of a part. */
export const choiceFlag = { learner: "learner", network: "model" } as const;

/** A place that an option belongs to: a part, the choice within it, and the choice of another option that has it. */
export interface Place {
  readonly part: Part;
  readonly choice?: string;
  readonly within?: { readonly option: string; readonly choice: string };
}

/** An option by its name on the command line, in all places that have it. */
export interface FlagEntry {
  readonly name: string;
  readonly places: readonly (Place & { readonly spec: OptionSpec })[];
}

const groupEntries = (
  part: Part,
  group: OptionGroup,
  choice?: string,
): (Place & { readonly name: string; readonly spec: OptionSpec })[] =>
  Object.entries(group).flatMap(([name, spec]) => {
    const place = { part, ...(choice === undefined ? {} : { choice }) };
    const own = { name, spec, ...place };
    if (spec.kind !== "variant") return [own];
    const inner = Object.entries(spec.variants).flatMap(([variant, options]) =>
      Object.entries(options).map(([each, nested]) => ({
        name: each,
        spec: nested,
        ...place,
        within: { option: name, choice: variant },
      })),
    );
    return [own, ...inner];
  });

/** Every option by its flag, in the order of the parts. */
export function flagTable(): readonly FlagEntry[] {
  const all = [
    ...domains().flatMap(({ name, options }) => groupEntries("domain", options, name)),
    { name: "learner", spec: learnerChoice, part: "learner" as const },
    ...learnerNames.flatMap((name) => groupEntries("learner", learnerCatalogue[name].options, name)),
    { name: "model", spec: networkChoice, part: "network" as const },
    ...networkNames.flatMap((name) => groupEntries("network", networkCatalogue[name].options, name)),
    ...groupEntries("training", trainingOptions),
    ...groupEntries("evaluation", evaluationOptions),
  ];
  const byName = new Map<string, (Place & { readonly spec: OptionSpec })[]>();
  for (const { name, ...place } of all) byName.set(name, [...(byName.get(name) ?? []), place]);
  return [...byName].map(([name, places]) => ({ name, places }));
}

export const learnerChoice = {
  kind: "choice",
  choices: learnerNames,
  default: "maml",
  help: `how to learn to learn; FEATURES.md says what each is: ${learnerNames.join(", ")}`,
} as const satisfies OptionSpec;

export const networkChoice = {
  kind: "choice",
  choices: networkNames,
  default: "conv",
  help: `${Object.values(networkCatalogue)
    .map(({ summary }) => summary)
    .join(", ")
    .replace(/, ([^,]*)$/, " or $1")}`,
} as const satisfies OptionSpec;

/** The words for what an option is for: `--learner prototypical, matching`, `--model conv`, `tables`. */
export function placesText({ places }: FlagEntry): string {
  const of = [...new Set(places.map(({ spec }) => spec.of))];
  if (of.length === 1 && of[0] !== undefined) return of[0];
  const named = (part: Part): string[] => [
    ...new Set(places.filter((place) => place.part === part).map(({ choice }) => choice!)),
  ];
  const first = places[0]!;
  if (first.part === "learner") return `--learner ${named("learner").join(", ")}`;
  if (first.part === "network") return `--model ${named("network").join(" or ")}`;
  return named("domain")
    .map((name) => domainNamed(name).title)
    .join(" or ");
}
