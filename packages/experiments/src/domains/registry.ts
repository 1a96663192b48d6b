/** The kinds of task that there are: those that come along, and a user's own. */
import type { OptionGroup } from "@innerloop/core/learners";
import { catalogueNetworks, commonOptions, groupEntries } from "../config/common-options.js";
import { quoted } from "../options/outside-text.js";
import { UsageError } from "../options/usage-error.js";
import { classification } from "./classification/domain.js";
import { curves } from "./curves/domain.js";
import { detection } from "./detection/domain.js";
import { photos } from "./detection/photo-domain.js";
import type { Domain, Preset } from "./domain.js";
import { entities } from "./entities/domain.js";
import { recommendation } from "./recommendation/domain.js";
import { reinforcement } from "./reinforcement/domain.js";
import { tables } from "./tables/domain.js";
import { texts } from "./texts/domain.js";

/** The domains that come along, by name. */
export const ownDomains = {
  curves,
  classification,
  tables,
  "labelled-texts": texts,
  entities,
  recommendation,
  reinforcement,
  detection,
  photos,
} as const;

const registered = new Map<string, Domain>(
  Object.values(ownDomains).map((each) => [each.name, each as unknown as Domain]),
);

/** The files that domains came from, by the name of the domain. */
const files = new Map<string, string>();

/**
 * Makes a kind of task known under its name: to presets, options, help, training, evaluation and adaptation alike.
 *
 * @param file the path of the file that it came from, if it did: it takes the place of the domain of its name that came
 *   from an earlier version of the file
 * @param options.replaces whether it takes the place of any domain of a program that has its name
 * @throws UsageError where a domain, or one of its presets, has the name of another; where one of its options has the
 *   name of an option that every experiment has
 * @example registerDomain(domain({ name: "ranking", ... }))
 */
export function registerDomain(
  domain: Domain,
  file?: string,
  { replaces = false }: { readonly replaces?: boolean } = {},
): void {
  const isSameFile = file !== undefined && files.get(domain.name) === file;
  const isReplaced = isSameFile || (replaces && !Object.hasOwn(ownDomains, domain.name));
  const earlier = isReplaced ? registered.get(domain.name) : undefined;
  const others = domains().filter((each) => each !== earlier);
  const taken = (name: string): boolean =>
    others.some((each) => each.name === name || Object.hasOwn(each.presets, name));
  const clash = [domain.name, ...Object.keys(domain.presets).filter((name) => name !== domain.name)].find(taken);
  if (registered.get(domain.name) === domain) return;
  if (clash !== undefined) throw new UsageError(`there is a domain or preset ${clash} already`, "Choose another name");
  const option = takenOptions(domain)[0];
  if (option !== undefined)
    throw new UsageError(
      `the domain ${quoted(domain.name)} has an option ${quoted(option)}, which is ${option === "name" ? "what its choice is called by" : "an option of every experiment"}`,
      "Choose another name for it",
    );
  const knownNetworks = [
    ...catalogueNetworks,
    ...others.flatMap(({ ownNetworks = {} }) => Object.entries(ownNetworks)),
  ];
  // Domains may have one network, the same record.
  const network = Object.entries(domain.ownNetworks ?? {}).find(([name, own]) =>
    knownNetworks.some(([known, entry]) => known === name && entry !== own),
  );
  if (network)
    throw new UsageError(
      `there is a network ${quoted(network[0])} already`,
      "Choose another name for that of the domain",
    );
  registered.set(domain.name, domain);
  if (file !== undefined) files.set(domain.name, file);
}

/**
 * Options of a domain and of its networks that would be mistaken for others: flags have one name space, and a choice is kept
 * by its `name`. Networks may have options alike.
 */
export function takenOptions({
  options,
  ownNetworks = {},
}: Pick<Domain, "options" | "ownNetworks">): readonly string[] {
  const namesIn = (group: OptionGroup): string[] => [...new Set(groupEntries("domain", group).map(({ name }) => name))];
  const common = commonOptions();
  const reserved = ["name", ...common.map(({ name }) => name)];
  const ofOthers = common.filter(({ part, choice }) => part !== "network" || choice === undefined);
  const besideNetworks = ["name", ...ofOthers.map(({ name }) => name), ...namesIn(options)];
  return [
    ...namesIn(options).filter((name) => reserved.includes(name)),
    ...Object.values(ownNetworks).flatMap((network) =>
      namesIn(network.options).filter((name) => besideNetworks.includes(name)),
    ),
  ];
}

/** All domains, in the order in which they became known. */
export const domains = (): readonly Domain[] => [...registered.values()];

/** The domain of a name. @throws UsageError where there is none */
export function domainNamed(name: string): Domain {
  const found = registered.get(name);
  if (found) return found;
  throw new UsageError(
    `there is no domain ${JSON.stringify(name.slice(0, 64))}`,
    `There are ${[...registered.keys()].join(", ")}`,
  );
}

/** A preset with the domain that it belongs to. */
export interface FoundPreset {
  readonly name: string;
  readonly domain: Domain;
  readonly preset: Preset;
}

/** All presets, domain by domain. */
export const allPresets = (): readonly FoundPreset[] =>
  domains().flatMap((each) => Object.entries(each.presets).map(([name, preset]) => ({ name, domain: each, preset })));

/** The preset of a name; undefined where there is none. */
export const findPreset = (name: string): FoundPreset | undefined => allPresets().find((each) => each.name === name);
