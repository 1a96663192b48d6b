/** Domains of items: those that have some words of an attribute. */
import type { Attribute, DomainsOfItems, Entities } from "@innerloop/core/tasks";
import { cut, quoted } from "../../options/outside-text.js";
import { nearestName, UsageError } from "../../options/usage-error.js";
import type { RatingValues } from "./options.js";

type WordAttribute = Exclude<Attribute, { kind: "number" }>;

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
  const [source, target] = [sourceDomain, targetDomain].map((chosen) => itemsOfWords(items, words, chosen));
  const alone = (own: Uint8Array, other: Uint8Array): Uint8Array => own.map((has, place) => has & ~other[place]!);
  return {
    source: alone(source!, target!),
    target: alone(target!, source!),
    sourceShots: sourceShots ?? usualSourceShots,
    leastSource,
  };
}

/**
 * The items that have one of some words of an attribute, as 1 in the order of items. Where no attribute has the words as
 * they are written, case does not matter.
 *
 * @param words all words that are to be of one attribute
 * @param chosen those of them that items are to have; all unless given
 * @throws UsageError where no attribute has the words, with those that may be meant
 */
export function itemsOfWords(items: Entities, words: readonly string[], chosen = words): Uint8Array {
  const worded = items.attributes.flatMap((each) => (each.kind === "number" ? [] : [each]));
  for (const read of readings) {
    const wanted = new Set(words.map(read));
    const attribute = worded.find((each) => {
      const has = new Set(each.words.map(read));
      return [...wanted].every((word) => has.has(word));
    });
    if (!attribute) continue;
    const asked = new Set(chosen.map(read));
    const isAsked = Uint8Array.from(attribute.words, (word) => Number(asked.has(read(word))));
    return Uint8Array.from(items.ids, (_, place) => Number(wordsAt(attribute, place).some((word) => isAsked[word])));
  }
  throw unknownWords(worded, words);
}

/** Words as they are written, and without regard to case. */
const readings = [(word: string) => word, (word: string) => word.normalize("NFC").toLowerCase()] as const;

/** Places of the words of an item. */
const wordsAt = (attribute: WordAttribute, place: number): Int32Array =>
  "starts" in attribute
    ? attribute.of.subarray(attribute.starts[place], attribute.starts[place + 1])
    : attribute.of.subarray(place, place + 1).filter((word) => word >= 0);

/** Words of an attribute that are named where none of them is meant for certain. */
const mostNamed = 6;

function unknownWords(worded: readonly WordAttribute[], words: readonly string[]): UsageError {
  if (worded.length === 0)
    return new UsageError(
      `no attribute of the items has ${quoted(words[0])}: none has words`,
      "It needs a run of a table of items with attributes: --items FILE",
    );
  const wrong = words.find((word) => !readings.some((read) => worded.some((each) => hasWord(each, word, read))));
  if (wrong === undefined)
    return new UsageError(
      `no attribute of the items has all of ${words.map((word) => quoted(word)).join(", ")}`,
      `Name words of one: there are ${worded.map(wordsOf).join("; ")}`,
    );
  const near = worded.flatMap(({ name, words: all }) => {
    const found = nearestName(
      wrong,
      all.filter((word) => word.length <= longestNear),
    );
    return found === undefined ? [] : [`${quoted(found)} (${cut(name, longestNear)})`];
  });
  return new UsageError(
    `no attribute of the items has ${quoted(wrong)}`,
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are ${worded.map(wordsOf).join("; ")}`,
  );
}

/** Characters of a word that may be meant. */
const longestNear = 80;

const hasWord = ({ words }: WordAttribute, wanted: string, read: (word: string) => string): boolean =>
  words.some((word) => read(word) === read(wanted));

/** `genres (Drama, Comedy, ...)`: the words that most items have. */
function wordsOf(attribute: WordAttribute): string {
  const { name, words } = attribute;
  const counts = new Float64Array(words.length);
  const items = "starts" in attribute ? attribute.starts.length - 1 : attribute.of.length;
  for (let place = 0; place < items; place++) for (const word of wordsAt(attribute, place)) counts[word]!++;
  const named = [...words.keys()]
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
    .slice(0, mostNamed)
    .map((word) => cut(words[word]!, longestNear));
  return `${cut(name, longestNear)} (${named.join(", ")}${words.length > mostNamed ? ", ..." : ""})`;
}
