/** The networks that there are: those of the catalogue, and those that domains bring along. */
import type { NetworkEntry } from "@innerloop/core/learners";
import { catalogueNetworks, networkChoiceOf } from "../config/common-options.js";
import { UsageError } from "../options/usage-error.js";
import { domains } from "./registry.js";

/** All networks with their names, each once: domains may share one. */
export const networks = (): readonly (readonly [name: string, entry: NetworkEntry])[] => [
  ...new Map([...catalogueNetworks, ...domains().flatMap(({ ownNetworks = {} }) => Object.entries(ownNetworks))]),
];

/** The network of a name. @throws UsageError where there is none */
export function networkNamed(name: string): NetworkEntry {
  const [, entry] = networks().find(([each]) => each === name) ?? [];
  if (entry) return entry;
  const known = networks().map(([each]) => each);
  throw new UsageError(`there is no network ${JSON.stringify(name.slice(0, 64))}`, `There are ${known.join(", ")}`);
}

/** The choice of a network, as an option. */
export const networkChoice = () => networkChoiceOf(networks());
