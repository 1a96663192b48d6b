/** Domains of items: those that have some words of an attribute. */
import type { DomainsOfItems, Entities } from "@innerloop/core/tasks";
import { quoted } from "../../options/outside-text.js";
import { UsageError } from "../../options/usage-error.js";
import type { RatingValues } from "./options.js";

/** Known ratings of the source where none are asked for; and those that users have of it whatever is asked for. */
const [usualSourceShots, leastSource] = [5, 5];

/**
 * The items of the domains that options name, each of one alone: those of both, and of neither, are in no task. Undefined
 * where none are named.
 *
 * @throws UsageError where one is named and not the other, or no attribute has the words
 */
export function domainsOfItems(
  items: Entities,
  { sourceDomain, targetDomain, sourceShots }: Pick<RatingValues, "sourceDomain" | "targetDomain" | "sourceShots">,
): DomainsOfItems | undefined {
  if (sourceDomain === undefined && targetDomain === undefined) {
    if (sourceShots === undefined) return undefined;
    throw new UsageError(`--source-shots ${sourceShots} without --source-domain`, "Name the domains, or leave it out");
  }
  if (sourceDomain === undefined || targetDomain === undefined)
    throw new UsageError(
      sourceDomain ? "--source-domain without --target-domain" : "--target-domain without --source-domain",
      "Give both: ratings of the first are known, and items of the second asked about",
    );
  const words = [...sourceDomain, ...targetDomain];
  const twice = words.find((word, i) => words.indexOf(word) < i);
  if (twice !== undefined)
    throw new UsageError(`${quoted(twice)} is named twice among the domains`, "Name each word once");
  const worded = items.attributes.flatMap((each) => (each.kind === "number" ? [] : [each]));
  const attribute = worded.find((each) => words.every((word) => each.words.includes(word)));
  if (!attribute) {
    const wrong = words.find((word) => !worded.some((each) => each.words.includes(word))) ?? words[0];
    const have = worded.map(
      ({ name, words: list }) => `${name} (${list.slice(0, 6).join(", ")}${list.length > 6 ? ", ..." : ""})`,
    );
    throw new UsageError(
      `no attribute of the items has ${words.length > 1 ? `all of ${words.map((word) => quoted(word)).join(", ")}` : quoted(wrong)}`,
      have.length > 0 ? `There are ${have.join("; ")}` : "Give a table of items with attributes: --items FILE",
    );
  }
  const has = (place: number, chosen: readonly string[]): boolean => {
    const of =
      "starts" in attribute
        ? attribute.of.subarray(attribute.starts[place], attribute.starts[place + 1])
        : attribute.of.subarray(place, place + 1);
    return of.some((word) => word >= 0 && chosen.includes(attribute.words[word]!));
  };
  const mask = (chosen: readonly string[], others: readonly string[]): Uint8Array =>
    Uint8Array.from(items.ids, (_, place) => Number(has(place, chosen) && !has(place, others)));
  return {
    source: mask(sourceDomain, targetDomain),
    target: mask(targetDomain, sourceDomain),
    sourceShots: sourceShots ?? usualSourceShots,
    leastSource,
  };
}
