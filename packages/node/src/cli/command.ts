/** A command as one record: how it is called, what it takes, and what it does. */
import { type OptionGroup, type OptionSpec, type OptionValues, optionGroup } from "@innerloop/core/learners";
import { type FlagEntry, type Flags, flagTable, type Part } from "@innerloop/experiments";
import type { Output } from "./output.js";

/** Options of a command's own, by the title that they stand under. */
export type OwnGroups = Readonly<Record<string, OptionGroup>>;

type Merged<U> = (U extends unknown ? (each: U) => void : never) extends (all: infer I) => void ? I : never;

/** Values of all these options together. */
export type MergedValues<Own extends OwnGroups> = Merged<{ [K in keyof Own]: OptionValues<Own[K]> }[keyof Own]>;

/** What a command is called with. */
export interface Call<Own extends OwnGroups = OwnGroups> {
  readonly args: readonly string[];
  /** Options of the experiment that were given. */
  readonly chosen: Flags;
  /** Options of the command itself that were given. */
  readonly invocation: Partial<MergedValues<Own>>;
  readonly output: Output;
}

/** A command of the command line. */
export interface Command<Own extends OwnGroups = OwnGroups> {
  /** `train`, `data list` */
  readonly name: string;
  /** Arguments as people read them: `<RUN> --support DIR --query FILE...` */
  readonly args: string;
  /** Arguments as they are parsed: required ones, then those that may be left out or repeated. */
  readonly takes: string;
  readonly summary: string;
  readonly details?: string;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** Whether help lists the presets. */
  readonly listsPresets?: true;
  /** Which options of experiments it takes. */
  readonly experiment?: (flag: FlagEntry) => boolean;
  /** Whether the defaults of these are its own, and not those of a run. */
  readonly hasDefaults?: true;
  /** Its own options, by the title that they stand under. */
  readonly own: Own;
  /** Does it. Its code is loaded when it is called: help and usage errors need none of the engine. */
  run(call: Call<Own>): Promise<unknown>;
}

/** A record with the types of its own options. */
export const command = <const Own extends OwnGroups>(record: Command<Own>): Command<Own> => record;

/** An option of a command, with where it stands in help. */
export interface CommandOption {
  readonly name: string;
  readonly spec: OptionSpec;
  readonly title: string;
  /** Of an option of experiments: all places that have it. */
  readonly flag?: FlagEntry;
}

const partTitles: Readonly<Record<Part, string>> = {
  domain: "Task",
  learner: "Learner",
  network: "Model",
  training: "Training",
  evaluation: "Evaluation",
};

/** Titles in the order in which help has them; others follow. */
const titles = ["Task", "Learner", "Model", "Training", "Evaluation", "Run", "Output"];

/** All options of a command, title by title. Where two have a name, it is the command's own. */
export function optionsOf({ experiment, own }: Command): readonly CommandOption[] {
  const ours = Object.entries(own).flatMap(([title, group]) =>
    Object.entries(group).map(([name, spec]): CommandOption => ({ name, spec, title })),
  );
  const names = new Set(ours.map(({ name }) => name));
  const ofExperiments = experiment
    ? flagTable()
        .filter((flag) => experiment(flag) && !names.has(flag.name))
        .map((flag): CommandOption => {
          return { name: flag.name, spec: specOf(flag), title: partTitles[flag.places[0]!.part], flag };
        })
    : [];
  const all = [...ofExperiments, ...ours];
  const order = [...new Set([...titles, ...all.map(({ title }) => title)])];
  return order.flatMap((title) => all.filter((each) => each.title === title));
}

/** What an option is where several choices have it in their own way: the most open of them, and what each is for. */
function specOf({ places }: FlagEntry): OptionSpec {
  const specs = places.map(({ spec }) => spec);
  const all = [...new Set(specs.map(({ help }) => help))];
  // One may go on where another ends.
  const helps = all.filter((help) => !all.some((other) => other !== help && other.startsWith(help)));
  const texts = specs.filter((spec) => spec.kind === "text");
  const open = texts[0] ?? specs.toSorted((a, b) => choicesOf(b) - choicesOf(a))[0]!;
  const placeholder = [...new Set(texts.flatMap((spec) => spec.placeholder.split("|")))].join("|");
  return { ...open, help: helps.join("; or "), ...(placeholder === "" ? {} : { placeholder }) } as OptionSpec;
}

const choicesOf = (spec: OptionSpec): number => (spec.kind === "choice" ? spec.choices.length : 0);

/** Options of these names. */
export const named =
  (...names: readonly string[]) =>
  ({ name }: FlagEntry): boolean =>
    names.includes(name);

/** One letter for what is asked often, by the names of options. */
export const shortNames: Readonly<Record<string, string>> = { quiet: "q", out: "o" };

/** How every command prints. */
export const outputOptions = optionGroup({
  quiet: { kind: "flag", default: false, help: "print results and errors only", onResume: true },
  json: { kind: "flag", default: false, help: "print events and results as JSON lines", onResume: true },
});
