/** Addresses of learners that come trained, with the package @innerloop/models: "innerloop:symbols". */
import { cut, quoted } from "../options/outside-text.js";
import { nearestName } from "../options/usage-error.js";
import { ExportError } from "./export-error.js";

const prefix = "innerloop:";

/** The question whether a text is the address of a learner that comes trained. A folder of such a name is "./innerloop:NAME". */
export const isIncludedAddress = (source: unknown): source is string =>
  typeof source === "string" && source.startsWith(prefix);

/**
 * The learner of an address.
 *
 * @param models those that there are, by their names
 * @throws ExportError ILE209 where there is none of this name, which lists those that there are
 */
export function includedModel<M>(address: string, models: Readonly<Record<string, M>>): M {
  const name = address.slice(prefix.length);
  if (Object.hasOwn(models, name)) return models[name]!;
  const names = Object.keys(models);
  const near = nearestName(name, names);
  throw new ExportError(
    "ILE209",
    cut(address, 80),
    `no learner ${quoted(name)} comes with innerloop`,
    `${near === undefined ? "" : `Did you mean ${prefix}${near}? `}There are ${names.map((each) => prefix + each).join(", ")}`,
  );
}
