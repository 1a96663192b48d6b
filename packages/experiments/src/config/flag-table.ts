/** Every option of experiments by its name on the command line, with the places that have it. */
import type { OptionSpec } from "@innerloop/core/learners";
import { networks } from "../domains/networks.js";
import { domainNamed, domains } from "../domains/registry.js";
import { commonOptions, groupEntries, type Part, type Place } from "./common-options.js";

export {
  choiceFlag,
  type Flags,
  learnerChoice,
  type Part,
  type Place,
  parts,
} from "./common-options.js";

import { oneOf } from "../words.js";

/** An option by its name on the command line, in all places that have it. */
export interface FlagEntry {
  readonly name: string;
  readonly places: readonly (Place & { readonly spec: OptionSpec })[];
}

/** Every option by its flag, in the order of the parts. */
export function flagTable(): readonly FlagEntry[] {
  const ofDomains = domains().flatMap(({ name, options }) => groupEntries("domain", options, name));
  const all = [...ofDomains, ...commonOptions(networks())];
  const byName = new Map<string, (Place & { readonly spec: OptionSpec })[]>();
  for (const { name, ...place } of all) byName.set(name, [...(byName.get(name) ?? []), place]);
  return [...byName].map(([name, places]) => ({ name, places }));
}

/** The question whether an option may change when a trained run is evaluated. */
export const inEvaluation = ({ places }: FlagEntry): boolean => places.some(({ spec }) => spec.inEvaluation === true);

/** Names of options that say where to compute, and not what. */
export const machineOptions = (): ReadonlySet<string> =>
  new Set(flagTable().flatMap(({ name, places }) => (places.some(({ spec }) => spec.ofMachine) ? [name] : [])));

/** The words for what an option is for: `--learner prototypical, matching`, `--model conv`, `tables`. */
export function placesText({ places }: FlagEntry): string {
  const of = [...new Set(places.map(({ spec }) => spec.of))];
  if (of.length === 1 && of[0] !== undefined) return of[0];
  const named = (part: Part): string[] => [
    ...new Set(places.filter((place) => place.part === part).map(({ choice }) => choice!)),
  ];
  const first = places[0]!;
  if (first.part === "learner") return `--learner ${named("learner").join(", ")}`;
  if (first.part === "network") return `--model ${oneOf(named("network"))}`;
  return oneOf(named("domain").map((name) => domainNamed(name).title));
}
