/** What a run keeps of the examples that it has seen: enough to know them again in other data. */
import type { ExampleClass, LabelledExamples } from "@innerloop/core";
import type { ExampleDomain } from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { exampleDigests } from "./duplicate-examples.js";
import type { ClassificationValues } from "./options.js";
import type { ClassificationSpec } from "./spec.js";

/**
 * Digests of examples by which classes are known again, whatever they are called and whatever was added to them: of each
 * class the smallest ones, which are a sample that two copies of the class choose alike. In one text, a space between two.
 */
export type SeenExamples = string;

const mostDigests = 4096;
const [fewestOfClass, mostOfClass] = [4, 32];

/** @param parts the classes that were trained on, or that chose when to stop */
export function seenExamples(parts: readonly LabelledExamples[]): SeenExamples {
  const classes = parts.flatMap((part) => part.classes).filter(({ rotation }) => !rotation);
  const each = Math.min(mostOfClass, Math.max(fewestOfClass, Math.floor(mostDigests / Math.max(1, classes.length))));
  const digests = classes.flatMap((entry) => [...new Set(knownDigests(entry))].sort().slice(0, each));
  return [...new Set(digests)].join(" ");
}

const knownDigests = (entry: ExampleClass): string[] => exampleDigests(entry).filter((digest) => digest !== undefined);

/**
 * The classes of other data than a run's own that it has not seen: those of which no example is one that it was trained
 * or validated on, byte for byte, as its model sees them.
 *
 * @throws UsageError where too few are left for a task
 */
export function unseenClasses(
  data: LabelledExamples,
  { name, seen }: Pick<ClassificationSpec, "name" | "seen">,
  { ways }: Pick<ClassificationValues, "ways">,
): { readonly examples: LabelledExamples; readonly warning?: string } {
  const kept = new Set(seen?.split(" "));
  const found = data.classes.map((entry) => knownDigests(entry).filter((digest) => kept.has(digest)).length);
  const known = data.classes.filter((_, i) => found[i]! > 0);
  if (known.length === 0) return { examples: data };
  const classes = data.classes.filter((_, i) => found[i] === 0);
  const images = found.reduce((sum, n) => sum + n, 0);
  const shown = known.slice(0, 10).map((entry) => entry.name);
  const names = known.length > shown.length ? [...shown, `${known.length - shown.length} more`] : shown;
  const text = `of ${data.name}, ${known.length} of ${data.classes.length} classes hold examples that the run was trained or validated on (${images} were found, of those that it keeps of ${name}): ${names.join(", ")}`;
  if (classes.length < ways) {
    throw new UsageError(
      `${text}; ${classes.length === 1 ? "1 class is" : `${classes.length} classes are`} left, too few for ${ways}-way tasks`,
      "Give data of other classes, or leave out --data to test on the classes that the run held out",
    );
  }
  return { examples: { ...data, classes }, warning: `${text}. They are left out` };
}

/**
 * The domains of other data than a run's own that it has not seen: those of which no text is one that it was trained or
 * validated on, as its model sees them.
 *
 * @throws UsageError where none is left
 */
export function unseenDomains(
  domains: readonly ExampleDomain[],
  { name, seen }: { readonly name: string; readonly seen?: SeenExamples },
  other: string,
): { readonly domains: readonly ExampleDomain[]; readonly warning?: string } {
  const kept = new Set(seen?.split(" "));
  const isSeen = ({ data }: ExampleDomain): boolean =>
    data.classes.some((entry) => knownDigests(entry).some((digest) => kept.has(digest)));
  const known = new Set(domains.filter(isSeen));
  if (known.size === 0) return { domains };
  const names = [...known].slice(0, 10).map((domain) => domain.name);
  const more = known.size > names.length ? `, ${known.size - names.length} more` : "";
  const text = `${known.size} of ${domains.length} domains of ${other} hold texts that the run was trained or validated on, of those that it keeps of ${name}: ${names.join(", ")}${more}`;
  if (known.size === domains.length)
    throw new UsageError(
      text,
      "Give texts of other domains, or leave out --data to test on those that the run held out",
    );
  return { domains: domains.filter((domain) => !known.has(domain)), warning: `${text}. They are left out` };
}
