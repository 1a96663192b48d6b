/** The options that every experiment has whatever its kind of task, by part: flags that no domain may have too. */
import { learnerCatalogue, learnerNames } from "@innerloop/core";
import { type NetworkEntry, networkCatalogue, type OptionGroup, type OptionSpec } from "@innerloop/core/learners";
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

/** An option in one of its places. */
export type PlacedOption = Place & { readonly name: string; readonly spec: OptionSpec };

/** The options of a group with their places, those of the choices among variants behind each. */
export const groupEntries = (part: Part, group: OptionGroup, choice?: string): PlacedOption[] =>
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

export const learnerChoice = {
  kind: "choice",
  choices: learnerNames,
  default: "maml",
  help: `how to learn to learn; FEATURES.md says what each is: ${learnerNames.join(", ")}`,
} as const satisfies OptionSpec;

/** A network with its name. */
type NamedNetwork = readonly [name: string, entry: Pick<NetworkEntry, "options" | "summary">];

/** The choice among networks, as an option. */
export const networkChoiceOf = (networks: readonly NamedNetwork[]) =>
  ({
    kind: "choice",
    choices: networks.map(([name]) => name),
    default: "conv",
    help: networks.map(([name, { summary }]) => (summary === name ? name : `${name} (${summary})`)).join(", "),
  }) as const satisfies OptionSpec;

/** The networks of the catalogue. */
export const catalogueNetworks = Object.entries(networkCatalogue) as readonly (readonly [string, NetworkEntry])[];

/** The options of learners, networks, training and evaluation, in the order of the parts. */
export const commonOptions = (networks: readonly NamedNetwork[] = catalogueNetworks): readonly PlacedOption[] => [
  { name: choiceFlag.learner, spec: learnerChoice, part: "learner" },
  ...learnerNames.flatMap((name) => groupEntries("learner", learnerCatalogue[name].options, name)),
  { name: choiceFlag.network, spec: networkChoiceOf(networks), part: "network" },
  ...networks.flatMap(([name, { options }]) => groupEntries("network", options, name)),
  ...groupEntries("training", trainingOptions),
  ...groupEntries("evaluation", evaluationOptions),
];
