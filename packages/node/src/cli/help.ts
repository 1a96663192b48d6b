/** `--help` texts and docs/cli.md, both from the records of commands and options. */
import {
  allPresets,
  domains,
  flagOf,
  flagsIn,
  optionText,
  type PartialConfig,
  placeholderOf,
  placesText,
  rangeOf,
} from "@innerloop/experiments";
import { type Command, type CommandOption, optionsOf, shortNames } from "./command.js";
import { commands } from "./commands/registry.js";
import { hanging, type Paint, padEnd, widthOf, wrapped } from "./terminal.js";

const flagText = ({ name, spec }: CommandOption): string => {
  const placeholder = placeholderOf(spec);
  const short = shortNames[name];
  return `${short ? `-${short}, ` : ""}${flagOf(name)}${placeholder ? ` <${placeholder}>` : ""}`;
};

/** `for --model conv`: what an option is for, in words; empty where it is for all. */
function useText({ flag, spec }: CommandOption): string {
  if (!flag) return spec.of === undefined ? "" : `for ${spec.of}`;
  const { part } = flag.places[0]!;
  const choices = new Set(flag.places.map(({ choice }) => choice));
  const isForAll = choices.has(undefined) || (part === "domain" && choices.size === domains().length);
  const within = flag.places[0]!.within;
  const nested = within && flag.places.length === 1 ? `${flagOf(within.option)} ${within.choice}` : undefined;
  const parts = [isForAll ? undefined : placesText(flag), nested].filter((text) => text !== undefined);
  return parts.length > 0 ? `for ${parts.join(" with ")}` : "";
}

/** With what the option is for: `channels of each block [for --model conv]`. */
const helpText = (option: CommandOption): string => {
  const use = useText(option);
  return use === "" ? option.spec.help : `${option.spec.help} [${use}]`;
};

/** `(default: 5)`, `(unless given: as many as shots)`; what a preset settles is said by the preset. */
const defaultText = ({ spec, flag }: CommandOption): string => {
  if (flag && "absent" in spec && spec.absent !== undefined) return `(unless given: ${spec.absent})`;
  if (spec.kind === "flag" || spec.default === undefined) return "";
  const text = optionText(spec.default);
  return text === "" ? "" : `(default: ${text})`;
};

export function commandHelp(record: Command, paint: Paint, width: number): string {
  const { name, args, summary, details, examples } = record;
  const lines = [
    `${paint("bold", "Usage:")} innerloop ${name} ${args}${args ? " " : ""}[options]`,
    "",
    wrapped(capital(`${summary}.`), width),
  ];
  if (details) lines.push("", wrapped(details, width));
  if (record.listsPresets) lines.push("", paint("bold", "Presets:"), ...presetLines(width));
  for (const [title, own] of byTitle(record)) {
    lines.push("", paint("bold", `${title}:`));
    for (const option of own) {
      const flags = flagText(option);
      const help = [helpText(option), record.hasDefaults ? defaultText(option) : ""].join(" ").trimEnd();
      const text = hanging(help, width, 32);
      if (widthOf(flags) > 27) lines.push(`  ${paint("cyan", flags)}`, `${" ".repeat(32)}${text}`);
      else lines.push(`  ${paint("cyan", padEnd(flags, 28))}  ${text}`);
    }
  }
  lines.push("", paint("bold", "Examples:"));
  lines.push(...examples.map((example) => exampleText(example, paint, width)));
  return `${lines.join("\n")}\n`;
}

/** The options of a command under their titles. */
function byTitle(record: Command): ReadonlyMap<string, readonly CommandOption[]> {
  const found = new Map<string, CommandOption[]>();
  for (const option of optionsOf(record)) found.set(option.title, [...(found.get(option.title) ?? []), option]);
  return found;
}

/** A command with what it is for, beside it or else below: a command is never broken, so that it can be copied. */
function exampleText([example, meaning]: readonly [string, string], paint: Paint, width: number): string {
  if (!meaning) return `  ${example}`;
  const beside = `  ${example}   # ${meaning}`;
  if (widthOf(beside) <= width) return `  ${example}   ${paint("dim", `# ${meaning}`)}`;
  return `  ${example}\n      ${paint("dim", `# ${hanging(meaning, width, 8)}`)}`;
}

function presetLines(width: number): string[] {
  const entries = allPresets().map(({ name, preset }): string[] => [name, preset.summary]);
  const room = Math.max(...entries.map(([name]) => name!.length)) + 4;
  return entries.map(([name, summary]) => `  ${padEnd(name!, room - 2)}${hanging(summary!, width, room)}`);
}

/** Columns for help: lines as long as those of a very wide terminal would be hard to read. */
export const helpWidth = (columns: number | undefined): number => Math.min(120, Math.max(60, columns || 100));

export function rootHelp(paint: Paint, version: string, width: number): string {
  const rows = commands.map(
    ({ name, summary }) => `  ${paint("cyan", padEnd(name, 13))}  ${hanging(summary, width, 17)}`,
  );
  const first: Command["examples"] = [
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
export function groupHelp(word: string, own: readonly Command[], paint: Paint, width: number): string {
  const usages = own.map(({ name, args }) => `innerloop ${name} ${args}`.trimEnd());
  const room = Math.max(...usages.map(widthOf)) + 5;
  const rows = usages.map(
    (usage, i) => `  ${paint("cyan", padEnd(usage, room - 5))}   ${hanging(own[i]!.summary, width, room)}`,
  );
  return [`${paint("bold", "Usage:")} innerloop ${word} <command>`, "", ...rows, ""].join("\n");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Columns of docs/cli.md. */
const referenceWidth = 120;

/** docs/cli.md: a test keeps the file equal to this. */
export function commandLineReference(): string {
  const lines = [
    "# The command line",
    "",
    "<!-- Written by `npm run docs` from the records of commands and options; a test keeps it so. -->",
    "",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C (everything is saved).",
  ];
  for (const record of commands) {
    const { name, args, summary, details, examples } = record;
    lines.push("", `## innerloop ${name} ${args}`.trimEnd(), "", wrapped(capital(`${summary}.`), referenceWidth));
    lines.push("", "```sh");
    lines.push(...examples.map(([example, meaning]) => (meaning ? `${example}  # ${meaning}` : example)));
    lines.push("```");
    if (details) lines.push("", wrapped(details, referenceWidth));
    for (const [title, own] of byTitle(record))
      lines.push("", `${title}:`, "", ...own.map((option) => optionItem(record, option)));
  }
  lines.push("", "## Presets", "", "What `innerloop train PRESET` sets; options on the command line come last.");
  for (const { name, preset } of allPresets()) {
    lines.push(
      "",
      `### ${name}`,
      "",
      wrapped(capital(`${preset.summary}. ${preset.protocol}.`), referenceWidth),
      "",
      item(`\`${flagList(preset.config)}\``, referenceWidth),
      ...variants("learner", preset.learners),
      ...variants("model", preset.networks),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** `- \`--flag <n>\`: what it is for; a whole number; default: 5` */
function optionItem(record: Command, option: CommandOption): string {
  const { spec } = option;
  const value = record.hasDefaults ? defaultText(option).replace(/^\(|\)$/g, "") : "";
  const takes = spec.kind === "flag" ? "" : rangeOf(spec).replace(/; or auto for .*$/, "");
  // What an option takes is told where its placeholder or its help has not told it.
  const isTold =
    takes === placeholderOf(spec) ||
    (spec.kind === "choice" && namesAll(`${placeholderOf(spec)} ${spec.help}`, spec.choices));
  const told = takes === "" || isTold ? [] : [takes];
  const text = [helpText(option), ...told, ...(value === "" ? [] : [value])].join("; ");
  // `[text](type)` is a form of files here, and would be a link there.
  return item(`\`${flagText(option)}\`: ${text.replaceAll("](", "]\\(")}`, referenceWidth);
}

/** Whether a text has each of some names as a word. */
function namesAll(text: string, names: readonly string[]): boolean {
  const words = new Set(text.split(/[\s|(),;:]/));
  return names.every((name) => words.has(name));
}

/** Learners, or models, with the options that a preset has for them; those that have the same in one item. */
function variants(kind: string, entries: Readonly<Record<string, PartialConfig>> = {}): string[] {
  const names = new Map<string, string[]>();
  for (const [name, config] of Object.entries(entries)) {
    const text = flagList(config);
    names.set(text, [...(names.get(text) ?? []), `\`${name}\``]);
  }
  return [...names].map(([text, those]) => item(`with --${kind} ${those.join(", ")}: \`${text}\``, referenceWidth));
}

const item = (text: string, width: number): string => `- ${hanging(text, width, 2)}`;

const flagList = (config: PartialConfig): string =>
  Object.entries(flagsIn(config))
    .map(([name, value]) => `${flagOf(name)} ${optionText(value)}`)
    .join(" ");
