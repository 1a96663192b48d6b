/** Options that several kinds of task have alike. */
import { optionGroup } from "@innerloop/core/learners";

/** Whether data are a table by their name: a file of rows, and no folder of images. */
export const isTableFile = (data: unknown): boolean =>
  typeof data === "string" && /\.(csv|tsv|jsonl|ndjson)$/i.test(data);

/** Whether data are marked texts by their name: tokens with tags, sentences with marks in place, and no table. */
const isMarkedFile = (data: unknown): boolean =>
  typeof data === "string" && /\.(conll|bio|iob2?|txt|json)$/i.test(data);

/** Options that are of texts alone, whatever the file is called. */
const ofTexts = ["textColumn", "labelColumn", "domainColumn", "splitColumn", "onlyClasses", "text", "tokenizer"];

/** Whether options, as flags, speak of texts of classes: one of theirs is given, or a frozen encoder beside a table. */
export const areOfTexts = (flags: Readonly<Record<string, unknown>>): boolean =>
  ofTexts.some((name) => flags[name] !== undefined) || (isTableFile(flags.data) && flags.backbone !== undefined);

const ofMarkedTexts = ["holdOut", "testDomain", "validationDomain", "types"];

/** Whether options, as flags, speak of marked texts: one of theirs is given, or a file that is of these by its name. */
export const areOfMarkedTexts = (flags: Readonly<Record<string, unknown>>): boolean =>
  isMarkedFile(flags.data) || ofMarkedTexts.some((name) => flags[name] !== undefined);

const trainedOnEpisodes = "while training, where they differ, or";

/** Sizes of a task: support and query examples. */
export const sizeOptions = optionGroup({
  shots: {
    kind: "integer",
    default: 1,
    least: 1,
    most: 1000,
    help: "support examples per class (or per task, for regression)",
    inEvaluation: true,
  },
  trainShots: {
    kind: "count",
    absent: "as many as shots",
    least: 1,
    most: 1000,
    help: `support examples ${trainedOnEpisodes} 1-10 for another number in each task`,
  },
  queries: {
    kind: "integer",
    absent: "as many as shots",
    least: 1,
    most: 1000,
    help: "query examples per class (or per task)",
    inEvaluation: true,
  },
});

/** Numbers of classes that are held out. */
export const heldClassOptions = optionGroup({
  validationClasses: {
    kind: "integer",
    absent: "a tenth, or those that the data set names",
    least: 1,
    most: 1_000_000,
    help: "classes, or groups of a table, held out for validation",
  },
  testClasses: {
    kind: "integer",
    absent: "a fifth, or those that the data set names",
    least: 1,
    most: 1_000_000,
    help: "classes, or groups of a table, held out for evaluation",
  },
});

/** Cells of a table without a value. */
export const missingOption = optionGroup({
  missing: {
    kind: "choice",
    choices: ["refuse", "drop", "mean"],
    default: "refuse",
    help: "cells of a table without a value (empty, NA, NaN, null): refuse lists them; drop leaves their rows out; mean, for regression, takes the mean of the training groups for inputs (of categories none) and leaves out rows without a group or target",
  },
});

/** The scale of columns of numbers. */
export const scaleOption = optionGroup({
  scale: {
    kind: "choice",
    choices: ["columns", "none"],
    default: "columns",
    help: "of rows of numbers, as tables have: columns brings each to mean 0 and deviation 1 over the training classes or groups; none leaves them as they are",
  },
});

/**
 * Whether tasks are of the sizes that a run's own have. Those of others are drawn for its evaluation alone: its validation
 * part need not have classes or examples enough, and stands aside for the one that is tested on.
 */
export const areOwnSizes = <V extends object>(sizes: readonly (keyof V)[], options: V, own: V | undefined): boolean =>
  !own || sizes.every((name) => options[name] === own[name]);
