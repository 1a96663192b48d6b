/** The options of marked texts. */
import { type OptionValues, optionGroup } from "@innerloop/core/learners";
import { backboneOption } from "../text-options.js";

const trained = "while training, where they differ, or";

const domainOption = (what: string, absent: string) =>
  ({ kind: "text", placeholder: "DOMAIN", absent, help: `the domain that is held out for ${what}` }) as const;

/** The options of marked texts. */
export const entityOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "NAME|FILE|DIR",
    default: "",
    help: "marked texts: a name of `innerloop data list`; CoNLL; JSON or JSON lines with offsets; .txt with [text](type), a sentence a line; or a folder of these, a domain each",
    inEvaluation: true,
    onResume: true,
  },
  types: {
    kind: "integer",
    absent: "all types of a domain",
    least: 1,
    most: 100,
    help: "types of spans in a task; with fewer than a domain has, sentences with spans of others are left out",
    inEvaluation: true,
  },
  shots: {
    kind: "integer",
    default: 5,
    least: 1,
    most: 1000,
    help: "spans of each type in the sentences of the support set, at least",
    inEvaluation: true,
  },
  trainShots: {
    kind: "count",
    absent: "as many as shots",
    least: 1,
    most: 1000,
    help: `spans of each type ${trained} 1-10 for another number in each task`,
  },
  queries: {
    kind: "integer",
    default: 20,
    least: 1,
    most: 1000,
    help: "query sentences of a task",
    inEvaluation: true,
  },
  holdOut: {
    kind: "choice",
    choices: ["domains", "types", "sentences"],
    absent: "domains where there are three or more, sentences otherwise",
    help: "what is held out: whole domains with their types; types, with the sentences that have them; or sentences of the same types, under new numbers",
  },
  testDomain: domainOption("evaluation", "the last by name"),
  validationDomain: domainOption("validation", "the one before that for evaluation, by name"),
  backbone: backboneOption,
  length: {
    kind: "integer",
    absent: "as many as 99% of the sentences have at most",
    least: 1,
    most: 512,
    help: "words of a sentence, at most: longer ones are no part of tasks, and are read in pieces of so many where a model is used",
  },
});

/** Values of the options of marked texts. */
export type EntityValues = OptionValues<typeof entityOptions>;
