/** The parts of texts that training, validation and evaluation draw from. */
import { type LabelledExamples, random, type Split } from "@innerloop/core";
import type { ExampleDomain, LabelledTexts } from "@innerloop/core/tasks";
import { UsageError } from "../../options/usage-error.js";
import { type DataSplits, splitData } from "../classification/data-splits.js";
import type { OpenSetParts } from "../domain.js";
import { classExamples, requirePlace, unknownExamples } from "./class-examples.js";
import type { CodedTexts } from "./coding.js";
import type { TextValues } from "./options.js";

/** Texts whose classes, or examples of the same classes, are held out. */
export interface TextsByClass {
  readonly by: "classes";
  readonly splits: DataSplits;
  /** Texts of no class, where there are some. */
  readonly unknown?: Partial<Readonly<Record<keyof OpenSetParts, LabelledExamples>>>;
}

/** Texts of which whole domains are held out. */
export interface TextsByDomain {
  readonly by: "domains";
  readonly parts: Readonly<Record<Split, readonly ExampleDomain[]>>;
  /** Domains that are in no part, since they share texts with one that is held out. */
  readonly leftOut: readonly string[];
}

/** Splits do not depend on a run's seed: results of several seeds are then about the same domains. */
const splitSeedOfDomains = 20181120;

/** What a user with few classes is after. */
const ofOtherTexts =
  "adapt a run of other texts to all of them: `innerloop train glosses`, then `innerloop adapt RUN --support FILE --query -`";

type ByClassOptions = Pick<TextValues, "ways"> & {
  readonly split: Exclude<TextValues["split"], { readonly name: "domains" }>;
};

/** @param least examples that a class needs to be held out */
export function splitByClass(
  texts: LabelledTexts,
  coded: CodedTexts,
  { ways, split }: ByClassOptions,
  least: number | undefined,
): TextsByClass {
  const unknown = unknownParts(texts, coded);
  const parted = texts.parts && split.name === "examples" ? publishedParts(texts, coded) : undefined;
  if (parted) return { by: "classes", splits: parted, ...unknown };
  const ofClasses = split.name === "classes" ? classSplits(texts, split) : undefined;
  const examples = classExamples(texts, coded, { splits: ofClasses });
  const options =
    split.name === "classes"
      ? { ways, instead: ofOtherTexts, split: { ...split, rotations: "no" as const } }
      : { ways, split };
  return { by: "classes", splits: splitData(examples, options, least), ...unknown };
}

/** Texts of no class: those of the published validation part to choose a threshold on, or every second one. */
function unknownParts(texts: LabelledTexts, coded: CodedTexts): Pick<TextsByClass, "unknown"> {
  const { parts } = texts;
  let seen = 0;
  const alternate = Array.from(texts.classes.of, (label) => (label < 0 ? seen++ % 2 : -1));
  const validation = unknownExamples(texts, coded, (row) =>
    parts ? parts[row] === "validation" : alternate[row] === 0,
  );
  const test = unknownExamples(texts, coded, (row) => (parts ? parts[row] === "test" : alternate[row] === 1));
  if (!validation && !test) return {};
  return { unknown: { ...(validation ? { validation } : {}), ...(test ? { test } : {}) } };
}

function publishedParts(texts: LabelledTexts, coded: CodedTexts): DataSplits {
  const part = (split: Split): LabelledExamples =>
    classExamples(texts, coded, { name: `${texts.name} ${split}`, takes: (row) => texts.parts![row] === split });
  const found = { train: part("train"), validation: part("validation"), test: part("test") };
  for (const split of ["train", "validation", "test"] as const) {
    if (found[split].classes.length > 0) continue;
    throw new UsageError(
      `${texts.name} names the part of each text, and none is for ${split}`,
      "Name texts of all three parts, or leave --split-column out",
    );
  }
  return found;
}

/** The published part of each class: of a fold, or where all texts of a class are of one part. */
function classSplits(
  texts: LabelledTexts,
  { fold }: Extract<TextValues["split"], { readonly name: "classes" }>,
): Readonly<Record<string, Split>> | undefined {
  const { folds, parts, classes } = texts;
  if (fold !== undefined) {
    const names = Object.keys(folds ?? {});
    if (names.length === 0)
      throw new UsageError(`--fold ${fold} of ${texts.name}, which has no published splits`, "Leave it out");
    return folds![names[requirePlace(names, fold, `split of the classes of ${texts.name}`)]!];
  }
  const [first] = Object.values(folds ?? {});
  if (first) return first;
  if (!parts) return undefined;
  const of: Record<string, Split> = Object.create(null) as Record<string, Split>;
  for (const [row, label] of classes.of.entries()) {
    if (label < 0) continue;
    const name = classes.names[label]!;
    if (of[name] !== undefined && of[name] !== parts[row]) return undefined;
    of[name] = parts[row]!;
  }
  return of;
}

/** Of parts that a user names, and that whole classes cannot be held out by: they are those of single texts. */
export function unusedParts(
  texts: LabelledTexts,
  { split, splitColumn }: Pick<TextValues, "split" | "splitColumn">,
): string | undefined {
  if (splitColumn === undefined || split.name !== "classes" || !texts.parts || classSplits(texts, split))
    return undefined;
  return `the parts of --split-column ${splitColumn} are of single texts and not of classes: other classes are held out, and texts of all parts take part. --split examples takes them as they are`;
}

type ByDomainOptions = Extract<TextValues["split"], { readonly name: "domains" }>;

/** Of fewer domains than these none is spared for validation, unless it is named. */
const fewDomains = 10;
/** Where validation is on domains of training, the share of their texts that is held out for it. */
const validationShare = 0.15;

/**
 * Whole domains held out: those named, or a tenth and a fifth of a shuffle that is always the same. Of few domains none is
 * for validation, which is then on other texts of those of training: every seventh. Domains that share texts with one that is
 * held out are in no part. Of texts with published parts, as parallel corpora have, training takes those for training alone,
 * and so on: the same sentence in another language is then on one side.
 *
 * @throws UsageError where there are no domains, too few, or not those that are named
 */
export function splitByDomain(texts: LabelledTexts, coded: CodedTexts, split: ByDomainOptions): TextsByDomain {
  const { domains, parts } = texts;
  if (!domains || domains.names.length < 3)
    throw new UsageError(
      domains
        ? `${texts.name} has ${domains.names.length} domains, and training, validation and evaluation each take one at least`
        : `--split domains of ${texts.name}, whose texts are of no domains`,
      domains
        ? "Give texts of more domains"
        : "Name the column that says what a text is from with --domain-column, or choose another --split",
    );
  const { held, leftOut } = heldDomains(texts, split);
  const isShared = held.validation === held.train;
  const step = Math.round(1 / validationShare);
  const ordinal = ordinals(texts);
  const isForValidation = (row: number): boolean => ordinal[row]! % step === step - 1;
  const examples = (name: string, part: Split): ExampleDomain => {
    const place = domains.names.indexOf(name);
    const isOf = (row: number): boolean => {
      if (parts) return parts[row] === part;
      return part === "test" || !isShared || isForValidation(row) === (part === "validation");
    };
    const takes = (row: number): boolean => domains.of[row] === place && isOf(row);
    return { name, data: classExamples(texts, coded, { name: `${texts.name} ${name}`, takes, all: true }) };
  };
  const of = (part: Split): ExampleDomain[] => held[part].map((name) => examples(name, part));
  return { by: "domains", parts: { train: of("train"), validation: of("validation"), test: of("test") }, leftOut };
}

/** The place of each text among those of its class and domain. */
function ordinals({ classes, domains }: LabelledTexts): Int32Array {
  const seen = new Map<number, number>();
  return Int32Array.from(classes.of, (label, row) => {
    const key = (domains!.of[row]! + 1) * (classes.names.length + 1) + label;
    const place = seen.get(key) ?? 0;
    seen.set(key, place + 1);
    return place;
  });
}

/** Domains of each part; those of validation are the very list of training where it has none of its own. */
function heldDomains(
  { name, domains, twins = [] }: LabelledTexts,
  { testDomains, validationDomains }: ByDomainOptions,
): { readonly held: Readonly<Record<Split, readonly string[]>>; readonly leftOut: readonly string[] } {
  const { names } = domains!;
  const known = (given: readonly string[]): readonly string[] =>
    given.map((each) => names[requirePlace(names, each, `domain of ${name}`)]!);
  const twinsOf = (given: readonly string[]): readonly string[] =>
    twins.filter((list) => list.some((each) => given.includes(each))).flat();
  const shuffled = random(splitSeedOfDomains).shuffle([...names]);
  const chosen = (given: readonly string[] | undefined, share: number, taken: readonly string[]): readonly string[] =>
    given
      ? known(given)
      : shuffled.filter((each) => !taken.includes(each)).slice(0, Math.max(1, Math.round(share * names.length)));
  const forValidation = validationDomains ? known(validationDomains) : [];
  const test = chosen(testDomains, 0.2, [...forValidation, ...twinsOf(forValidation)]);
  const isShared = validationDomains === undefined && names.length < fewDomains;
  const own = isShared ? [] : chosen(validationDomains, 0.1, [...test, ...twinsOf(test)]);
  const both = own.find((each) => test.includes(each));
  if (both !== undefined)
    throw new UsageError(`${both} is in --validation-domains and in --test-domains`, "Name it in one of them");
  const twin = own.find((each) => twinsOf(test).includes(each));
  if (twin !== undefined)
    throw new UsageError(
      `${twin} of --validation-domains shares texts with ${test.join(", ")}, which evaluation is on`,
      "Choose another, or leave it out: what is chosen on it would be chosen on texts of the evaluation",
    );
  const held = [...test, ...own];
  const leftOut = twinsOf(held).filter((each) => !held.includes(each));
  const train = names.filter((each) => !held.includes(each) && !leftOut.includes(each));
  if (train.length === 0) throw new UsageError(`no domain of ${name} is left for training`, "Hold fewer out");
  const validation = isShared ? train : own;
  if (validation.length === 0)
    throw new UsageError(`no domain of ${name} is left for validation`, "Hold fewer out for evaluation");
  return { held: { train, validation, test }, leftOut: [...new Set(leftOut)] };
}
