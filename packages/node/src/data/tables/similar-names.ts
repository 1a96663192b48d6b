/** Names that a person would take for the same. */
import { quoted } from "@innerloop/experiments";

/** Pairs of names that differ in upper case, blanks or the encoding of letters alone, each name with the first like it. */
export function similarNames(names: Iterable<string>): (readonly [first: string, other: string])[] {
  const first = new Map<string, string>();
  const pairs: (readonly [string, string])[] = [];
  for (const name of names) {
    const key = name.normalize("NFKC").trim().toLowerCase().split(/\s+/).join(" ");
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, name);
    else if (earlier !== name) pairs.push([earlier, name]);
  }
  return pairs;
}

/** `the groups "Anna" and "anna" differ in upper case or blanks alone, ...`; undefined where no two do. */
export function similarNamesText(
  what: string,
  pairs: readonly (readonly [first: string, other: string])[],
): string | undefined {
  const [pair] = pairs;
  if (!pair) return undefined;
  const more = pairs.length > 1 ? `, and so do ${pairs.length - 1} more` : "";
  return `the ${what} ${quoted(pair[0])} and ${quoted(pair[1])} differ in upper case or blanks alone${more}: if they are the same, write them alike`;
}
