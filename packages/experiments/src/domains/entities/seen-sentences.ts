/** What a run keeps of the sentences that it has seen: enough to know them again in other data. */
import type { CodedSentences } from "@innerloop/core/tasks";
import { counted } from "../../words.js";
import { exampleDigests } from "../classification/duplicate-examples.js";
import type { SeenExamples } from "../classification/seen-examples.js";

/** The smallest ones, which are a sample that two copies of the data choose alike. */
const mostDigests = 4096;

/** @param parts the sentences that were trained on, or that chose when to stop */
export const seenSentences = (parts: readonly CodedSentences[]): SeenExamples =>
  [...new Set(parts.flatMap(digestsOf))].sort().slice(0, mostDigests).join(" ");

/** Of each sentence a digest of its words' features, which its words and their order tell. */
const digestsOf = ({ domains, slots }: CodedSentences): string[] =>
  domains.flatMap(({ name, starts, lexical }) =>
    Array.from(
      { length: starts.length - 1 },
      (_, i) =>
        exampleDigests({
          name,
          count: 1,
          examples: lexical.subarray(starts[i]! * slots.length, starts[i + 1]! * slots.length),
        })[0]!,
    ),
  );

/** How many sentences of other data are ones that a run has seen, in a sentence; undefined for none. */
export function seenAmong(
  data: CodedSentences,
  { name, seen }: { readonly name: string; readonly seen?: SeenExamples },
) {
  const kept = new Set(seen?.split(" "));
  const found = digestsOf(data).filter((digest) => kept.has(digest)).length;
  if (found === 0) return undefined;
  return `${counted(found, "sentence")} of ${data.name} ${found === 1 ? "is one" : "are ones"} that the run was trained or validated on, of the ${kept.size} that it keeps of ${name}: that flatters the results`;
}
