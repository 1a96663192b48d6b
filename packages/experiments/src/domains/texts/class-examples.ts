/** Coded texts as examples of classes: of all of them, of a part, or of a domain. */
import type { LabelledExamples } from "@innerloop/core";
import type { LabelledTexts, NamedParts, Split } from "@innerloop/core/tasks";
import { quoted } from "../../options/outside-text.js";
import { nearestName, UsageError } from "../../options/usage-error.js";
import type { CodedTexts } from "./coding.js";

/**
 * The texts of some of the classes, those of no class as they were.
 *
 * @throws UsageError for a class that there is not
 */
export function withClasses(texts: LabelledTexts, wanted: readonly string[]): LabelledTexts {
  const { names, of } = texts.classes;
  const places = wanted.map((name) => requirePlace(names, name, `class of ${texts.name}`));
  if (wanted.length < 2)
    throw new UsageError(`--only-classes names ${wanted.length === 1 ? "1 class" : "none"}`, "Name two or more");
  const renumbered = Int32Array.from(of, (label) => (label < 0 ? label : places.indexOf(label)));
  const kept = Array.from(of, (label, row) => ({ label, row })).filter(
    ({ label, row }) => label < 0 || renumbered[row]! >= 0,
  );
  const rows = kept.map(({ row }) => row);
  const take = ({ names: all, of: each }: NamedParts): NamedParts => ({
    names: all,
    of: Int32Array.from(rows, (row) => each[row]!),
  });
  return {
    ...texts,
    texts: rows.map((row) => texts.texts[row]!),
    classes: { names: wanted, of: Int32Array.from(rows, (row) => renumbered[row]!) },
    ...(texts.domains ? { domains: take(texts.domains) } : {}),
    ...(texts.parts ? { parts: rows.map((row) => texts.parts![row]!) } : {}),
  };
}

/** The place of a name. @throws UsageError where there is none, with the nearest */
export function requirePlace(names: readonly string[], name: string, what: string): number {
  const place = names.indexOf(name);
  if (place >= 0) return place;
  const near = nearestName(name, names);
  const listed = `${names.slice(0, 20).join(", ")}${names.length > 20 ? ", ..." : ""}`;
  throw new UsageError(`there is no ${what} ${quoted(name)}`, near ? `Did you mean ${near}?` : `There are ${listed}`);
}

/**
 * The examples of each class among some of the rows, in the order of the classes; classes without are left out unless
 * `all`.
 */
export function classExamples(
  texts: LabelledTexts,
  { rows, shape, idCount }: CodedTexts,
  setting: {
    readonly name?: string;
    readonly takes?: (row: number) => boolean;
    readonly all?: boolean;
    readonly splits?: Readonly<Record<string, Split>> | undefined;
  } = {},
): LabelledExamples {
  const { name = texts.name, takes = () => true, all = false, splits } = setting;
  const { names, of } = texts.classes;
  const byClass = names.map((): number[] => []);
  of.forEach((label, row) => {
    if (label >= 0 && takes(row)) byClass[label]!.push(row);
  });
  return {
    name,
    exampleShape: shape,
    ...(idCount === undefined ? {} : { ids: { count: idCount } }),
    classes: names.flatMap((each, label) => {
      const own = byClass[label]!;
      if (own.length === 0 && !all) return [];
      const split = splits && Object.hasOwn(splits, each) ? splits[each] : undefined;
      return [{ name: each, count: own.length, examples: rowsOf(rows, own, shape), ...(split ? { split } : {}) }];
    }),
  };
}

/** Texts of no class, as examples of one; undefined where there are none. */
export function unknownExamples(
  texts: LabelledTexts,
  { rows, shape, idCount }: CodedTexts,
  takes: (row: number) => boolean,
): LabelledExamples | undefined {
  const own = Array.from(texts.classes.of.keys()).filter((row) => texts.classes.of[row]! < 0 && takes(row));
  if (own.length === 0) return undefined;
  const examples = rowsOf(rows, own, shape);
  return {
    name: `${texts.name} out of scope`,
    exampleShape: shape,
    ...(idCount === undefined ? {} : { ids: { count: idCount } }),
    classes: [{ name: "out of scope", count: own.length, examples }],
  };
}

function rowsOf<A extends Int32Array | Float32Array>(
  rows: A,
  own: readonly number[],
  [size = 1]: readonly number[],
): A {
  const taken = new (rows.constructor as new (length: number) => A)(own.length * size);
  own.forEach((row, i) => {
    taken.set(rows.subarray(row * size, (row + 1) * size), i * size);
  });
  return taken;
}
