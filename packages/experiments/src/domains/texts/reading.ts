/** From a file, folder or data set of texts to the parts that tasks are drawn from. */
import type { FittedSource } from "@innerloop/core/learners";
import type { LabelledTexts } from "@innerloop/core/tasks";
import type { DataIo, LongWork } from "../../io.js";
import { UsageError } from "../../options/usage-error.js";
import type { FoundTexts } from "../../text-io.js";
import { count, counted } from "../../words.js";
import { examplesNeeded } from "../classification/class-sizes.js";
import { splitWarnings } from "../classification/data-splits.js";
import { seenExamples, unseenClasses, unseenDomains } from "../classification/seen-examples.js";
import type { LearnerNeeds, Loaded, Own } from "../domain.js";
import { requireRecord } from "../kept-encoders.js";
import { classExamples, requirePlace, withClasses } from "./class-examples.js";
import { type CodedTexts, codeTexts, codingFor } from "./coding.js";
import type { TextValues } from "./options.js";
import { mostLabels, type TextSpec } from "./spec.js";
import { splitByClass, splitByDomain, type TextsByClass, type TextsByDomain, unusedParts } from "./text-splits.js";
import { idWeights, sourceOf } from "./training-texts.js";

/** Texts in parts, with what their ids weigh. */
export type TextData = (TextsByClass | TextsByDomain) & {
  /** The inverse document frequency of each id over the training texts, [ids], where texts are ids. */
  readonly weights?: Float32Array;
  /** A classifier of all training texts together, where labels mean the same in all domains. */
  readonly source?: FittedSource;
};

type LoadedTexts = Loaded<TextData, TextSpec>;
type OwnTexts = Own<TextValues, TextSpec>;

/**
 * The texts that options ask for.
 *
 * @param ofOther whether the columns are those of a run's own table, which others need not have
 * @throws UsageError where they ask for none
 */
async function readTexts(options: TextValues, io: DataIo, work: LongWork, ofOther = false): Promise<FoundTexts> {
  const { data, textColumn, labelColumn, splitColumn, domainColumn, onlyClasses } = options;
  if (data === "")
    throw new UsageError(
      "there are no texts",
      "Give them with --data NAME, --data FILE --text-column COLUMN --label-column COLUMN, or --data DIR with a folder of .txt files per class",
    );
  const columns = ofOther
    ? { ownColumns: { text: textColumn, label: labelColumn, domain: domainColumn } }
    : { textColumn, labelColumn, splitColumn, domainColumn };
  const found = await io.texts(data, columns, work);
  return onlyClasses ? { ...found, texts: withClasses(found.texts, onlyClasses) } : found;
}

/**
 * @param setting.own of an existing run: the sizes that its model was made for, and what of its texts was held out, are
 *   settled by it; its texts are coded as they were
 */
export async function loadTexts(
  options: TextValues,
  io: DataIo,
  work: LongWork,
  { training, own = {} }: LearnerNeeds & { readonly own?: Partial<OwnTexts> | undefined },
): Promise<LoadedTexts> {
  const recorded = own.spec;
  requireRecord(own, options.backbone ?? options.tokenizer);
  const found = await readTexts(options, io, work);
  const texts = recorded ? { ...found.texts, name: recorded.name } : found.texts;
  if (!recorded) for (const note of found.notes) work.onWarning?.(note);
  const coding = recorded?.coding ?? (await codingFor(texts.texts, options, io, work));
  const coded = await codeTexts(texts.texts, coding, io, work);
  const common = {
    name: texts.name,
    sha256: found.sha256,
    ...(found.folder === undefined ? {} : { folder: found.folder }),
    exampleShape: coded.shape,
    coding,
  };
  const notes = recorded ? {} : { notes: coded.notes.map((note) => `${note} (--length)`) };
  const { split } = options;
  if (split.name === "domains") {
    const classes = texts.classes.names.length;
    if (split.taskLabels === "fixed" && classes > mostLabels)
      throw new UsageError(
        `${texts.name} has ${counted(classes, "class", "classes")}, and with fixed labels a task has all of them, ${count(mostLabels)} at most`,
        "Name some with --only-classes, or give --task-labels shuffled",
      );
    const parted = splitByDomain(texts, coded, split);
    const { train, validation } = parted.parts;
    const weights = idWeights(
      train.map(({ data }) => data),
      coded,
    );
    const source = split.taskLabels === "fixed" ? await sourceOf(train, coding, weights, work) : undefined;
    return {
      data: { ...parted, ...(weights ? { weights } : {}), ...(source ? { source } : {}) },
      spec: {
        ...common,
        trainClasses: texts.classes.names.length,
        ...(split.taskLabels === "fixed" ? { labels: texts.classes.names } : {}),
        seen: seenExamples([...train, ...validation].map(({ data }) => data)),
      },
      ...notes,
    };
  }
  const leastExamples = recorded ? recorded.leastExamples : examplesNeeded(options, training);
  const parted = splitByClass(texts, coded, { ways: own.options?.ways ?? options.ways, split }, leastExamples);
  const { train, validation } = parted.splits;
  if (!recorded) {
    for (const text of splitWarnings(parted.splits, options, training, leastExamples)) work.onWarning?.(text);
    const unused = unusedParts(texts, options);
    if (unused) work.onWarning?.(unused);
  }
  const weights = idWeights([train], coded);
  return {
    data: { ...parted, ...(weights ? { weights } : {}) },
    spec: {
      ...common,
      trainClasses: train.classes.length,
      ...(leastExamples === undefined ? {} : { leastExamples }),
      seen: seenExamples([train, validation]),
    },
    ...notes,
  };
}

/** The texts of another data set than a run's own, coded as its own were: none of their classes was trained on. */
export async function loadOtherTexts(
  options: TextValues,
  io: DataIo,
  work: LongWork,
  setting: LearnerNeeds & { readonly own: OwnTexts },
): Promise<LoadedTexts & { readonly isOwn?: boolean }> {
  const { spec } = setting.own;
  const found = await readTexts(options, io, work, true);
  if (found.sha256 === spec.sha256) return { ...(await loadTexts(options, io, work, setting)), isOwn: true };
  for (const note of found.notes) work.onWarning?.(note);
  const { texts } = found;
  const coded = await codeTexts(texts.texts, spec.coding, io, work);
  const other = {
    name: texts.name,
    sha256: found.sha256,
    ...(found.folder === undefined ? {} : { folder: found.folder }),
    exampleShape: coded.shape,
    coding: spec.coding,
  };
  if (options.split.name === "domains") {
    const domain = { name: texts.name, data: classExamples(inOrderOf(texts, spec.labels), coded, { all: true }) };
    const { domains: parts, warning } = unseenDomains(
      domainsOf(texts, spec.labels, coded) ?? [domain],
      spec,
      texts.name,
    );
    if (warning) work.onWarning?.(warning);
    return {
      data: { by: "domains", parts: { train: parts, validation: parts, test: parts }, leftOut: [] },
      spec: { ...other, ...(spec.labels ? { labels: spec.labels } : {}) },
    };
  }
  const { examples, warning } = unseenClasses(classExamples(texts, coded), spec, options);
  if (warning) work.onWarning?.(warning);
  return { data: { by: "classes", splits: { train: examples, validation: examples, test: examples } }, spec: other };
}

/** Each domain of the texts by itself; undefined where they are of none. */
function domainsOf(texts: LabelledTexts, labels: readonly string[] | undefined, coded: CodedTexts) {
  const { domains } = texts;
  if (!domains) return undefined;
  const ordered = inOrderOf(texts, labels);
  return domains.names.map((name, place) => ({
    name,
    data: classExamples(ordered, coded, {
      name: `${texts.name} ${name}`,
      takes: (row) => domains.of[row] === place,
      all: true,
    }),
  }));
}

/** Texts whose classes are numbered as those of a run. @throws UsageError where they are others */
function inOrderOf(texts: LabelledTexts, labels: readonly string[] | undefined): LabelledTexts {
  if (!labels) return texts;
  const places = texts.classes.names.map((name) =>
    requirePlace(labels, name, "class of the run, whose classes are the same everywhere,"),
  );
  const of = Int32Array.from(texts.classes.of, (label) => (label < 0 ? label : places[label]!));
  const missing = labels.filter((_, place) => !places.includes(place));
  if (missing.length > 0)
    throw new UsageError(
      `${texts.name} has no text of ${missing.join(", ")}`,
      `Give texts of each of ${counted(labels.length, "class", "classes")}: ${labels.join(", ")}`,
    );
  return { ...texts, classes: { names: labels, of } };
}
