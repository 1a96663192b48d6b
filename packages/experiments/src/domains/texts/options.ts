import { type OptionValues, optionGroup } from "@innerloop/core/learners";
import { sizeOptions } from "../task-options.js";
import { backboneOption, textColumnOptions } from "../text-options.js";

/** The options of texts of classes. */
export const textOptions = optionGroup({
  data: {
    kind: "text",
    placeholder: "NAME|FILE|DIR",
    default: "",
    help: "texts: a name of `innerloop data list`; a table (CSV, TSV, JSON lines) with columns of texts and labels; or a folder with one folder of .txt files per class",
    inEvaluation: true,
    onResume: true,
  },
  ...textColumnOptions,
  onlyClasses: {
    kind: "texts",
    placeholder: "NAME,...",
    absent: "all",
    help: "the classes to take part; texts of others are left out",
  },
  ways: {
    kind: "integer",
    default: 5,
    least: 2,
    most: 1000,
    help: "classes in a task; of --split domains with fixed labels all take part",
    inEvaluation: true,
  },
  trainWays: {
    kind: "count",
    absent: "as many as ways",
    least: 2,
    most: 1000,
    help: "classes of a training task, where they differ, or 5-20 for another number in each task: more than --ways for learners whose parameters do not depend on them",
  },
  ...sizeOptions,
  shots: {
    ...sizeOptions.shots,
    least: 0,
    help: "support examples per class; 0, for --split domains, is no adaptation",
  },
  trainShots: {
    kind: "count",
    absent: "as many as shots",
    least: 0,
    most: 1000,
    help: "support examples while training, where they differ, or 0-16 for another number in each task",
  },
  split: {
    kind: "variant",
    default: "classes",
    help: "what is held out: whole classes; examples of the same classes; or domains, where all have the same classes",
    variants: {
      classes: {
        validationClasses: {
          kind: "integer",
          absent: "a tenth, or those that the data set names",
          least: 1,
          most: 1_000_000,
          help: "classes held out for validation",
        },
        testClasses: {
          kind: "integer",
          absent: "a fifth, or those that the data set names",
          least: 1,
          most: 1_000_000,
          help: "classes held out for evaluation",
        },
        classOrder: {
          kind: "choice",
          choices: ["shuffled", "listed"],
          default: "shuffled",
          help: "which classes are held out: of a shuffle that is always the same; or as the data set lists them, the first for training, the next for validation, the last for evaluation",
        },
        fold: {
          kind: "text",
          placeholder: "NAME",
          absent: "the first",
          help: "one of the published splits of the classes, where the data set has several",
        },
      },
      examples: {},
      domains: {
        testDomains: {
          kind: "texts",
          placeholder: "NAME,...",
          absent: "a fifth",
          help: "domains held out for evaluation; others that share their texts are left out of training",
        },
        validationDomains: {
          kind: "texts",
          placeholder: "NAME,...",
          absent: "a tenth; of fewer than 10, other texts of those of training",
          help: "domains held out for validation",
        },
        taskLabels: {
          kind: "choice",
          choices: ["fixed", "shuffled"],
          default: "fixed",
          help: "of a task, which is of one domain: fixed, a class has the same number everywhere, so that what training knows of it holds; shuffled, tasks number some of the classes anew",
        },
      },
    },
  },
  text: {
    kind: "choice",
    choices: ["ngrams", "tokens", "features"],
    absent: "features with --backbone, tokens with --tokenizer, ngrams else",
    help: "what a text is to the learner: its words and character n-grams, hashed; its words or pieces in order; features of a frozen encoder",
  },
  backbone: backboneOption,
  tokenizer: {
    kind: "text",
    placeholder: "FILE|DIR",
    absent: "hashed words",
    help: "a tokenizer.json whose pieces are the tokens",
  },
  length: {
    kind: "integer",
    absent: "what 99 texts in 100 have; of n-grams 160 to 512",
    least: 1,
    most: 4096,
    help: "ids of a text; what is beyond is left out, and how many texts were cut is told",
  },
  buckets: {
    kind: "integer",
    absent: "65,536",
    least: 256,
    most: 4_194_304,
    help: "numbers that words and n-grams are hashed to: fewer make a smaller model, in which more of them share one",
  },
});

/** Values of `textOptions`. */
export type TextValues = OptionValues<typeof textOptions>;
