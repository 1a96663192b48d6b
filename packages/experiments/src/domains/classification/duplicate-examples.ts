/** Examples that are the same, byte for byte. */
import type { ExampleClass } from "@innerloop/core";
import { sha256 } from "@noble/hashes/sha2.js";
import { isBlank } from "./blank-images.js";

/** Larger data sets are not looked through: their digests would take more memory than they are worth. */
const mostExamples = 1_000_000;

/**
 * A digest of each example of a class; undefined for blank images, which say nothing. Examples of different shapes are
 * not told apart.
 */
export function exampleDigests({ count, examples }: ExampleClass): readonly (string | undefined)[] {
  const found = known.get(examples);
  if (found?.length === count) return found;
  const size = examples.length / count;
  const digests = Array.from({ length: count }, (_, row) => {
    const example = examples.subarray(row * size, (row + 1) * size);
    if (example instanceof Uint8Array && isBlank(example, 1)) return undefined;
    const bytes = new Uint8Array(example.buffer, example.byteOffset, example.byteLength);
    // 72 bits: among a million examples two differ in them but for one case in 10^9.
    return base64url(sha256(bytes).subarray(0, 9));
  });
  known.set(examples, digests);
  return digests;
}

/** A start of a training asks for the same digests more than once. */
const known = new WeakMap<ExampleClass["examples"], readonly (string | undefined)[]>();

/**
 * The words for how many examples repeat an earlier one, with some of them; undefined where none does.
 *
 * @param parts classes; of several parts, only what one has in common with an earlier one counts
 * @param nameOf what an example is called
 */
export function duplicatesText(
  parts: readonly (readonly ExampleClass[])[],
  nameOf: (className: string, row: number) => string,
): string | undefined {
  const total = parts.flat().reduce((sum, { count }) => sum + count, 0);
  if (total > mostExamples) return undefined;
  const seen = new Map<string, { readonly part: number; readonly entry: ExampleClass; readonly row: number }>();
  const pairs: string[] = [];
  let [found, otherClass, otherSplit] = [0, 0, 0];
  for (const [part, classes] of parts.entries()) {
    for (const entry of classes) {
      // Turned copies are of the same array.
      if (entry.rotation) continue;
      for (const [row, digest] of exampleDigests(entry).entries()) {
        if (digest === undefined) continue;
        const earlier = seen.get(digest);
        if (!earlier) seen.set(digest, { part, entry, row });
        else if (parts.length === 1 || earlier.part !== part) {
          found++;
          if (earlier.entry.name !== entry.name) otherClass++;
          if (earlier.part !== part || earlier.entry.split !== entry.split) otherSplit++;
          if (pairs.length < 5) pairs.push(`${nameOf(entry.name, row)} = ${nameOf(earlier.entry.name, earlier.row)}`);
        }
      }
    }
  }
  if (found === 0) return undefined;
  const repeats = `${found} of ${total} examples ${found === 1 ? "is an exact duplicate" : "are exact duplicates"} of an earlier one`;
  const across = otherClass > 0 ? `, ${otherClass} of them of another class` : "";
  const more = found > pairs.length ? [`... and ${found - pairs.length} more`] : [];
  const both = `${otherSplit} of them ${otherSplit === 1 ? "lies" : "lie"} on both sides of a split`;
  const flatters = otherSplit > 0 ? [`${both}: what was trained on is held out, which flatters the results`] : [];
  const remedy = otherClass > 0 ? ": keep each in the class that it belongs to" : ": remove the copies";
  return [`${repeats}${across}${remedy}`, ...pairs, ...more, ...flatters].join("\n  ");
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Bytes, a multiple of 3 of them, as text of 4 letters for each 3. */
function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const three = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    for (const shift of [18, 12, 6, 0]) text += letters[(three >> shift) & 63];
  }
  return text;
}
