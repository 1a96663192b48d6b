/** An experiment's options: nested, complete and serialisable; and flat, as the command line writes them. */
import { type LearnerEntry, type LearnerName, learnerCatalogue, learnerNames } from "@innerloop/core";
import {
  type NetworkEntry,
  type NetworkName,
  networkCatalogue,
  networkNames,
  type OptionGroup,
  type OptionSpec,
  type TrainingTasks,
  type VariantValue,
} from "@innerloop/core/learners";
import type { DataSpec, Domain, Preset } from "./domains/domain.js";
import { domainNamed, domains, findPreset } from "./domains/registry.js";
import { quoted } from "./options/outside-text.js";
import {
  type EvaluationValues,
  evaluationOptions,
  type TrainingValues,
  trainingOptions,
} from "./options/training-options.js";
import { nearestName, UsageError } from "./options/usage-error.js";
import { absentWord, checkOption, flagOf, optionText } from "./options/values.js";

/** A choice with values for the options that it has. */
export type NamedValues = { readonly name: string; readonly [option: string]: unknown };

/** A learner of the catalogue with values for its options. */
export type LearnerValues = VariantValue<{
  readonly [K in LearnerName]: (typeof learnerCatalogue)[K]["options"];
}>;

/** A network of the catalogue with values for its options. */
export type NetworkValues = VariantValue<{
  readonly [K in NetworkName]: (typeof networkCatalogue)[K]["options"];
}>;

/**
 * All that an experiment is, as plain data: a worker on another machine needs no more. What does not apply to a choice
 * cannot be said beside it; an option that may be left out is not there where it was.
 */
export interface ExperimentConfig {
  readonly domain: NamedValues;
  readonly learner: LearnerValues;
  readonly network: NetworkValues;
  readonly training: TrainingValues;
  readonly evaluation: EvaluationValues;
}

/** Some values of an experiment. Those of a learner or network without its name are for whichever is chosen. */
export interface PartialConfig {
  readonly domain?: Readonly<Record<string, unknown>>;
  readonly learner?: Readonly<Record<string, unknown>>;
  readonly network?: Readonly<Record<string, unknown>>;
  readonly training?: Partial<TrainingValues>;
  readonly evaluation?: Partial<EvaluationValues>;
}

/** The parts of an experiment. */
export const parts = ["domain", "learner", "network", "training", "evaluation"] as const;
export type Part = (typeof parts)[number];

/** Values by the names that options have on the command line: `learner` and `model` name choices. */
export type Flags = Readonly<Record<string, unknown>>;

/** The flags that every experiment has. */
export type CommonFlags = TrainingValues &
  EvaluationValues & { readonly learner: LearnerName; readonly model: NetworkName };

/** All flags of an experiment: those that every one has, and by name those of its domain, learner and network. */
export type FlatConfig = CommonFlags & Flags;

/** The flag that names the choice of a part. */
const choiceFlag = { learner: "learner", network: "model" } as const;

/** Where an option belongs: a part, the choice within it, and the choice of another option that has it. */
export interface Place {
  readonly part: Part;
  readonly choice?: string;
  readonly within?: { readonly option: string; readonly choice: string };
}

/** An option by its name on the command line, in all places that have it. */
export interface FlagEntry {
  readonly name: string;
  readonly places: readonly (Place & { readonly spec: OptionSpec })[];
}

const groupEntries = (
  part: Part,
  group: OptionGroup,
  choice?: string,
): (Place & { readonly name: string; readonly spec: OptionSpec })[] =>
  Object.entries(group).flatMap(([name, spec]) => {
    const place = { part, ...(choice === undefined ? {} : { choice }) };
    const own = { name, spec, ...place };
    if (spec.kind !== "variant") return [own];
    const inner = Object.entries(spec.variants).flatMap(([variant, options]) =>
      Object.entries(options).map(([each, nested]) => ({
        name: each,
        spec: nested,
        ...place,
        within: { option: name, choice: variant },
      })),
    );
    return [own, ...inner];
  });

/** Every option by its flag, in the order of the parts. */
export function flagTable(): readonly FlagEntry[] {
  const all = [
    ...domains().flatMap(({ name, options }) => groupEntries("domain", options, name)),
    { name: "learner", spec: learnerChoice, part: "learner" as const },
    ...learnerNames.flatMap((name) => groupEntries("learner", learnerCatalogue[name].options, name)),
    { name: "model", spec: networkChoice, part: "network" as const },
    ...networkNames.flatMap((name) => groupEntries("network", networkCatalogue[name].options, name)),
    ...groupEntries("training", trainingOptions),
    ...groupEntries("evaluation", evaluationOptions),
  ];
  const byName = new Map<string, (Place & { readonly spec: OptionSpec })[]>();
  for (const { name, ...place } of all) byName.set(name, [...(byName.get(name) ?? []), place]);
  return [...byName].map(([name, places]) => ({ name, places }));
}

const learnerChoice = {
  kind: "choice",
  choices: learnerNames,
  default: "maml",
  help: `how to learn to learn; FEATURES.md says what each is: ${learnerNames.join(", ")}`,
} as const satisfies OptionSpec;

const networkChoice = {
  kind: "choice",
  choices: networkNames,
  default: "conv",
  help: `${Object.values(networkCatalogue)
    .map(({ summary }) => summary)
    .join(", ")
    .replace(/, ([^,]*)$/, " or $1")}`,
} as const satisfies OptionSpec;

/** The choices that an experiment is made of. */
export interface Choices {
  readonly domain: Domain;
  readonly learner: LearnerName;
  readonly network: NetworkName;
}

const groupOf = (part: Part, { domain, learner, network }: Choices): OptionGroup => {
  switch (part) {
    case "domain":
      return domain.options;
    case "learner":
      return learnerCatalogue[learner].options;
    case "network":
      return networkCatalogue[network].options;
    case "training":
      return trainingOptions;
    case "evaluation":
      return evaluationOptions;
  }
};

/** The domain of a config. @throws UsageError where it is not registered */
export const domainOf = ({ domain }: Pick<ExperimentConfig, "domain">): Domain => domainNamed(domain.name);

/** The choices of a config. */
export const choicesOf = (config: ExperimentConfig): Choices => ({
  domain: domainOf(config),
  learner: config.learner.name,
  network: config.network.name,
});

/** The record of a config's learner. */
export const learnerOf = ({ learner }: Pick<ExperimentConfig, "learner">): LearnerEntry =>
  learnerCatalogue[learner.name];

/** The record of a config's network. */
export const networkOf = ({ network }: Pick<ExperimentConfig, "network">): NetworkEntry =>
  networkCatalogue[network.name];

/** What a config's learner is trained on. */
export const trainingTasksOf = ({ learner }: Pick<ExperimentConfig, "learner">): TrainingTasks =>
  (learnerCatalogue[learner.name] as LearnerEntry).tasks?.(learner) ?? { kind: "episodes" };

/** A group's values, with those of a choice among variants beside its name, as flags. */
function flatGroup(group: OptionGroup, values: Readonly<Record<string, unknown>>): Flags {
  const flat: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(group)) {
    const value = values[name];
    if (value === undefined) continue;
    if (spec.kind !== "variant") flat[name] = value;
    else {
      const { name: chosen, ...own } = value as NamedValues;
      if (chosen !== undefined) flat[name] = chosen;
      Object.assign(flat, own);
    }
  }
  return flat;
}

/** A config as flags, those that apply and no others. */
export function toFlags(config: ExperimentConfig): FlatConfig {
  const choices = choicesOf(config);
  return Object.assign(
    {},
    ...parts.map((part) => flatGroup(groupOf(part, choices), config[part] as Readonly<Record<string, unknown>>)),
    { learner: config.learner.name, model: config.network.name },
  ) as FlatConfig;
}

/** Some values as flags, whatever they apply to. */
export function flagsIn(partial: PartialConfig): Flags {
  const flags: Record<string, unknown> = {};
  for (const part of parts) {
    const { name, ...values } = (partial[part] ?? {}) as Readonly<Record<string, unknown>>;
    if (name !== undefined && part in choiceFlag) flags[choiceFlag[part as keyof typeof choiceFlag]] = name;
    for (const [option, value] of Object.entries(values)) {
      if (isNamed(value)) {
        const { name: chosen, ...own } = value;
        Object.assign(flags, { [option]: chosen }, own);
      } else flags[option] = value;
    }
  }
  return flags;
}

const isNamed = (value: unknown): value is NamedValues =>
  typeof value === "object" && value !== null && Object.hasOwn(value, "name");

/** The group's values out of flags, defaults where there are none. */
function nestedGroup(group: OptionGroup, flags: Flags, where?: string): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(group)) {
    const given = Object.hasOwn(flags, name) ? flags[name] : spec.default;
    if (given === undefined) continue;
    const place = where === undefined ? flagOf(name) : `${name} in ${where}`;
    const value = checkValue(place, spec, given);
    values[name] =
      spec.kind === "variant" ? { name: value, ...nestedGroup(spec.variants[value as string]!, flags, where) } : value;
  }
  return values;
}

/** A whole config from choices and flags; those that do not apply are left out. @throws UsageError */
export function configFrom(choices: Choices, flags: Flags, where?: string): ExperimentConfig {
  const of = (part: Part) => nestedGroup(groupOf(part, choices), flags, where);
  return {
    domain: { name: choices.domain.name, ...of("domain") },
    learner: { name: choices.learner, ...of("learner") } as LearnerValues,
    network: { name: choices.network, ...of("network") } as NetworkValues,
    training: of("training") as TrainingValues,
    evaluation: of("evaluation") as EvaluationValues,
  };
}

/** Flags without those whose value is undefined, which stand for what is left out on purpose. */
const present = (flags: Flags): Flags =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));

/**
 * All options of a preset under what the user chose: defaults, the preset's, its network's and learner's own, choices. A
 * choice of `undefined` leaves out what the preset gives.
 *
 * @param file values of an experiment file
 * @throws UsageError for a value that is none
 */
export function resolve(
  { domain, preset }: { readonly domain: Domain; readonly preset: Preset },
  chosen: Flags,
  file: Flags = {},
): ExperimentConfig {
  const given = { ...file, ...chosen };
  const base = flagsIn(preset.config);
  const learner = (given.learner ?? base.learner ?? learnerChoice.default) as LearnerName;
  const network = (given.model ?? base.model ?? domain.networks[0] ?? networkChoice.default) as NetworkName;
  checkOption(flagOf("learner"), learnerChoice, learner);
  checkOption(flagOf("model"), networkChoice, network);
  const choices = { domain, learner, network };
  const flags = {
    ...fitting(base, choices),
    ...flagsIn(preset.networks?.[network] ?? {}),
    ...flagsIn(preset.learners?.[learner] ?? {}),
    ...given,
  };
  return configFrom(choices, withScratchRate(learner, present(flags)));
}

/** Flags that were set beside other choices, without those that these know under the name but not with the value. */
function fitting(flags: Flags, choices: Choices): Flags {
  const groups = parts.map((part) => groupOf(part, choices));
  const isFor = ([name, value]: [string, unknown]): boolean => {
    const spec = groups.find((group) => Object.hasOwn(group, name))?.[name];
    try {
      if (spec && value !== undefined) checkValue(flagOf(name), spec, value);
      return true;
    } catch (error) {
      if (error instanceof UsageError) return false;
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(flags).filter(isFor));
}

/** What a preset has as the rate of its learner is that of networks from scratch, where the one that is chosen takes no steps. */
export const withScratchRate = (learner: LearnerName, flags: Flags): Flags =>
  flags.innerRate === undefined || "innerRate" in learnerCatalogue[learner].options
    ? flags
    : { scratchRate: flags.innerRate, ...flags };

/** The preset of a name with its domain, resolved. @throws UsageError where there is none */
export function resolvePreset(name: string, chosen: Flags = {}): ExperimentConfig {
  const found = findPreset(name);
  if (!found) throw new UsageError(`there is no preset ${name}`, "`innerloop train --help` lists them");
  return resolve(found, chosen);
}

/** A config with other flags, of the same domain. @throws UsageError */
export function withFlags(config: ExperimentConfig, flags: Flags): ExperimentConfig {
  const own = choicesOf(config);
  const { learner = own.learner, model = own.network } = flags as Partial<CommonFlags>;
  checkOption(flagOf("learner"), learnerChoice, learner);
  checkOption(flagOf("model"), networkChoice, model);
  const choices = { ...own, learner, network: model };
  return configFrom(choices, withScratchRate(learner, present({ ...fitting(toFlags(config), choices), ...flags })));
}

/** What an existing run is: its config, what is kept of its data, and how it came to be. */
export interface RunFacts<V = NamedValues, Spec extends DataSpec = DataSpec> {
  readonly config: ExperimentConfig;
  /** Its domain's options. */
  readonly options: V;
  readonly spec: Spec | undefined;
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  /** How messages call it. */
  readonly shown: string;
  /** The command that makes a run like it, but for some flags; `undefined` leaves one out. */
  command(flags: Flags): string;
}

/**
 * Why an option means nothing beside choices: the one that makes it so, and what it is for; undefined where it applies.
 */
export function uselessness(
  name: string,
  config: ExperimentConfig,
  table: readonly FlagEntry[] = flagTable(),
): { readonly beside: string; readonly is: string } | undefined {
  const entry = table.find((each) => each.name === name);
  if (!entry) return { beside: "it", is: "nothing" };
  const { domain, learner, network } = choicesOf(config);
  const chosen: Readonly<Record<Part, string | undefined>> = {
    domain: domain.name,
    learner,
    network,
    training: undefined,
    evaluation: undefined,
  };
  const fits = entry.places.filter(({ part, choice }) => choice === undefined || choice === chosen[part]);
  if (fits.length === 0) {
    const { part } = entry.places[0]!;
    const beside =
      part === "learner"
        ? `--learner ${learner}`
        : part === "network"
          ? `--model ${network}`
          : domain.shownAs(config.domain);
    return { beside, is: placesText(entry) };
  }
  const nested = fits.find(({ within }) => within !== undefined);
  if (nested?.within && fits.length === 1) {
    const { option, choice } = nested.within;
    const own = (config[nested.part] as unknown as Readonly<Record<string, NamedValues>>)[option]!.name;
    if (own !== choice) return { beside: `${flagOf(option)} ${own}`, is: `${flagOf(option)} ${choice}` };
  }
  const trained = trainingTasksOf(config);
  if (domain.ofEpisodes?.includes(name) && trained.kind === "batches of all classes")
    return { beside: `--learner ${learner}`, is: "learners that are trained on few-shot tasks" };
  return undefined;
}

/** What an option is for, in words: `--learner prototypical, matching`, `--model conv`, `tables`. */
export function placesText({ places }: FlagEntry): string {
  const of = [...new Set(places.map(({ spec }) => spec.of))];
  if (of.length === 1 && of[0] !== undefined) return of[0];
  const named = (part: Part): string[] => [
    ...new Set(places.filter((place) => place.part === part).map(({ choice }) => choice!)),
  ];
  const first = places[0]!;
  if (first.part === "learner") return `--learner ${named("learner").join(", ")}`;
  if (first.part === "network") return `--model ${named("network").join(" or ")}`;
  return named("domain")
    .map((name) => domainNamed(name).title)
    .join(" or ");
}

/** Whether an option has a meaning beside the choices of a config. */
export const isOfUse = (name: string, config: ExperimentConfig): boolean => uselessness(name, config) === undefined;

/**
 * @param names the options that the user chose; what presets bring along may have no meaning beside them
 * @param run the existing run that the other options are of, as messages show it
 * @throws UsageError for the first that means nothing beside the others
 */
export function requireUse(names: readonly string[], config: ExperimentConfig, run?: string): void {
  const table = flagTable();
  for (const name of names) {
    const found = uselessness(name, config, table);
    if (!found) continue;
    const where = run === undefined ? `with ${found.beside}` : `for ${run}, a run with ${found.beside}`;
    throw new UsageError(`${flagOf(name)} means nothing ${where}`, `It is for ${found.is}`);
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Some values of an experiment from a file: { "domain": { "ways": 10 }, "learner": { "name": "anil" } }, each checked
 * against the options that have its name. What a preset has, and may be left out, is by "auto".
 *
 * @param domain which it is to be about
 * @throws UsageError that says where a value belongs
 */
export function parsePartial(value: Readonly<Record<string, unknown>>, where: string, domain?: Domain): PartialConfig {
  const table = flagTable();
  const parsed = Object.entries(value).map(([key, given]) => {
    if (!(parts as readonly string[]).includes(key)) throw unknownKey(key, where, table);
    if (!isRecord(given))
      throw new UsageError(`${key} in ${where} is ${quoted(given)}`, `It is an object, as in { "${key}": { ... } }`);
    const values = Object.entries(given).map(([name, each]) => {
      if (name === "name" && Object.hasOwn(namedParts, key)) {
        const spec = namedParts[key as keyof typeof namedParts](domain);
        return [name, checkOption(`${key} in ${where}`, spec, each)] as const;
      }
      const places = (table.find((flag) => flag.name === name)?.places ?? []).filter(
        ({ part, choice, within }) =>
          part === key && within === undefined && (part !== "domain" || !domain || choice === domain.name),
      );
      if (places.length === 0 || Object.hasOwn(choiceFlag, name))
        throw unknownKey(name, `${key} in ${where}`, table, key as Part);
      const place = `${name} in ${where}`;
      const read = (spec: OptionSpec): unknown =>
        spec.kind === "variant" && isNamed(each)
          ? readVariant(place, spec, each, readGiven)
          : readGiven(place, spec, each);
      return [name, anyOf(places, read)] as const;
    });
    return [key, Object.fromEntries(values)] as const;
  });
  return Object.fromEntries(parsed);
}

/** The choices that a part may name in a file. */
const namedParts = {
  domain: (domain?: Domain) =>
    ({
      kind: "choice",
      choices: domain ? [domain.name] : domains().map(({ name }) => name),
      default: "",
      help: "",
    }) as const,
  learner: () => learnerChoice,
  network: () => networkChoice,
} as const satisfies Partial<Record<Part, (domain?: Domain) => OptionSpec>>;

/** @throws UsageError where it is none of the variants, or what stands beside its name is none of its options */
function readVariant(
  where: string,
  spec: Extract<OptionSpec, { readonly kind: "variant" }>,
  { name: chosen, ...own }: NamedValues,
  read: typeof checkValue,
): NamedValues {
  checkOption(where, spec, chosen);
  const group = spec.variants[chosen]!;
  const values = Object.entries(own).map(([name, each]) => {
    if (!Object.hasOwn(group, name))
      throw new UsageError(`${where} has the option ${quoted(name)}, which ${chosen} has not`, "Leave it out");
    return [name, read(`${name} in ${where}`, group[name]!, each)] as const;
  });
  return { name: chosen, ...Object.fromEntries(values) };
}

/** Flags from a file, each checked against the options that have its name; "auto" leaves one out. @throws UsageError */
export function checkFlags(values: Readonly<Record<string, unknown>>, where: string): Flags {
  const table = flagTable();
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const entry = table.find((flag) => flag.name === name);
      if (!entry) {
        const near = nearestName(
          name,
          table.map((flag) => flag.name),
        );
        throw new UsageError(
          `${where} has the unknown option ${quoted(name)}`,
          near ? `Did you mean ${near}?` : "`innerloop train --help` lists them",
        );
      }
      return [name, anyOf(entry.places, (spec) => readGiven(`${name} in ${where}`, spec, value))];
    }),
  );
}

/** What some place of an option makes of a value: which place it will be is not known yet. @throws as the first does */
function anyOf<T>(places: FlagEntry["places"], read: (spec: OptionSpec) => T): T {
  let first: unknown;
  for (const { spec } of places) {
    try {
      return read(spec);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** A value checked. An empty text, or list of texts, is none unless it is the default. */
function checkValue(where: string, spec: OptionSpec, value: unknown): unknown {
  const isEmpty =
    (spec.kind === "text" && spec.default === "" && value === "") ||
    (spec.kind === "texts" && spec.default?.length === 0 && Array.isArray(value) && value.length === 0);
  return isEmpty ? value : checkOption(where, spec, value);
}

/** The same where a preset may have a value, which the word for that leaves out: undefined. */
const readGiven = (where: string, spec: OptionSpec, value: unknown): unknown =>
  "absent" in spec && spec.absent !== undefined && (value === undefined || value === absentWord)
    ? undefined
    : checkValue(where, spec, value);

function unknownKey(name: string, where: string, table: readonly FlagEntry[], part?: Part): UsageError {
  const known = table.find((entry) => entry.name === name);
  if (known) {
    const place = known.places[0]!;
    const inside = place.within
      ? `{ "${place.within.option}": { "name": "${place.within.choice}", "${name}": ... } }`
      : `{ "${name}": ... }`;
    return new UsageError(
      `${where} has the option ${name}`,
      `It belongs to ${place.part}: { "${place.part}": ${inside} }`,
    );
  }
  const names = table.flatMap(({ name: each, places }) =>
    part === undefined || places.some((place) => place.part === part) ? [each] : [],
  );
  const near = nearestName(name, [...names, ...(part === undefined ? parts : [])]);
  return new UsageError(
    `${where} has the unknown option ${quoted(name)}`,
    near ? `Did you mean ${near}?` : "`innerloop train --help` lists them",
  );
}

/** A whole config from a file, which may hold anything. @throws UsageError */
export function parseConfig(value: unknown, where: string): ExperimentConfig {
  if (!isRecord(value)) throw new UsageError(`${where} is ${quoted(value)}`, "It is an object");
  for (const part of parts)
    if (!isRecord(value[part]))
      throw new UsageError(`${part} in ${where} is ${quoted(value[part])}`, "It is an object");
  const nameIn = (part: keyof typeof namedParts): string =>
    checkOption(`${part} in ${where}`, namedParts[part](), (value[part] as NamedValues).name) as string;
  const chosen: Choices = {
    domain: domainNamed(nameIn("domain")),
    learner: nameIn("learner") as LearnerName,
    network: nameIn("network") as NetworkName,
  };
  for (const part of parts) {
    const group = groupOf(part, chosen);
    for (const [name, each] of Object.entries(value[part] as NamedValues)) {
      if (name === "name" && Object.hasOwn(namedParts, part)) continue;
      const spec = Object.hasOwn(group, name) ? group[name] : undefined;
      if (!spec) throw new UsageError(`${part} in ${where} has the unknown option ${quoted(name)}`, "Leave it out");
      const place = `${name} in ${where}`;
      if (spec.kind !== "variant") checkValue(place, spec, each);
      else if (isNamed(each)) readVariant(place, spec, each, checkValue);
      else throw new UsageError(`${place} is ${quoted(each)}`, "It is an object with a name");
    }
  }
  return configFrom(chosen, flagsIn(value as PartialConfig), where);
}

/** The values that are left to an experiment whose learner and tasks are a program's: how it is trained and judged. */
export type ExperimentSettings = Pick<ExperimentConfig, "training" | "evaluation">;

/** Settings out of flags, whatever else these hold. @throws UsageError */
export const settingsFrom = (flags: Flags, where?: string): ExperimentSettings => ({
  training: nestedGroup(trainingOptions, flags, where) as TrainingValues,
  evaluation: nestedGroup(evaluationOptions, flags, where) as EvaluationValues,
});

/** Settings from a file, which may hold anything. @throws UsageError */
export function parseSettings(value: Readonly<Record<string, unknown>>, where: string): ExperimentSettings {
  const parsed = parsePartial(value, where);
  const other = Object.keys(value).find((part) => part !== "training" && part !== "evaluation");
  if (other !== undefined) throw new UsageError(`${where} has ${other}, which a program settles`, "Leave it out");
  return settingsFrom(present(flagsIn(parsed)), where);
}

/** `--ways 5 --eval-steps 0,1`: flags as words of a command line; what is left out on purpose by the word for that. */
export const flagWords = (flags: Flags): string[] =>
  Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [flagOf(name)] : [flagOf(name), value === undefined ? absentWord : optionText(value)],
  );
