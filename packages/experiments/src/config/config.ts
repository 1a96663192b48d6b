/** An experiment's options: nested, complete and serialisable; and flat, as the command line writes them. */
import { type LearnerEntry, type LearnerName, learnerCatalogue } from "@innerloop/core";
import type {
  NetworkEntry,
  NetworkName,
  networkCatalogue,
  OptionGroup,
  OptionSpec,
  TrainingTasks,
  VariantValue,
} from "@innerloop/core/learners";
import type { DataSpec, Domain, Preset } from "../domains/domain.js";
import { networkChoice, networkNamed } from "../domains/networks.js";
import { domainNamed, findPreset } from "../domains/registry.js";
import {
  type EvaluationValues,
  evaluationOptions,
  type TrainingValues,
  trainingOptions,
} from "../options/training-options.js";
import { UsageError } from "../options/usage-error.js";
import { absentWord, checkOption, flagOf, optionText } from "../options/values.js";

import { choiceFlag, type Flags, learnerChoice, type Part, parts } from "./flag-table.js";

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

/** The flags that every experiment has. */
export type CommonFlags = TrainingValues &
  EvaluationValues & { readonly learner: LearnerName; readonly model: NetworkName };

/** All flags of an experiment: those that every one has, and by name those of its domain, learner and network. */
export type FlatConfig = CommonFlags & Flags;

/** The choices that an experiment is made of. */
export interface Choices {
  readonly domain: Domain;
  readonly learner: LearnerName;
  readonly network: NetworkName;
}

export const groupOf = (part: Part, { domain, learner, network }: Choices): OptionGroup => {
  switch (part) {
    case "domain":
      return domain.options;
    case "learner":
      return learnerCatalogue[learner].options;
    case "network":
      return networkNamed(network).options;
    case "training":
      return trainingOptions;
    case "evaluation":
      return evaluationOptions;
  }
};

/** The domain of a config. @throws UsageError where it is not registered */
export const domainOf = ({ domain }: Pick<ExperimentConfig, "domain">): Domain => domainNamed(domain.name);

/** The data of a config by the option that names them: a name or path, of a choice with options of its own its name. */
export function dataNameOf(config: Pick<ExperimentConfig, "domain">): unknown {
  const value = config.domain[domainOf(config).dataOptions[0]!];
  return isNamed(value) ? value.name : value;
}

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
export const networkOf = ({ network }: Pick<ExperimentConfig, "network">): NetworkEntry => networkNamed(network.name);

/** The tasks that a config's learner is trained on. */
export const trainingTasksOf = ({ learner, domain }: Pick<ExperimentConfig, "learner" | "domain">): TrainingTasks =>
  (learnerCatalogue[learner.name] as LearnerEntry).tasks?.(learner, domainNamed(domain.name).kind) ?? {
    kind: "episodes",
  };

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

/** Whether a value is a choice with its options. */
export const isNamed = (value: unknown): value is NamedValues =>
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

/** A value checked. An empty text, or list of texts, is none unless it is the default. */
export function checkValue(where: string, spec: OptionSpec, value: unknown): unknown {
  const isEmpty =
    (spec.kind === "text" && spec.default === "" && value === "") ||
    (spec.kind === "texts" && spec.default?.length === 0 && Array.isArray(value) && value.length === 0);
  return isEmpty ? value : checkOption(where, spec, value);
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
export const present = (flags: Flags): Flags =>
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
  const usual = domain.usualNetwork?.({ ...base, ...given }) ?? base.model ?? domain.networks[0];
  const network = (given.model ?? usual ?? networkChoice().default) as NetworkName;
  checkOption(flagOf("learner"), learnerChoice, learner);
  checkOption(flagOf("model"), networkChoice(), network);
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

/** Flags in which a preset's inner rate is that of networks from scratch, where the chosen learner takes no steps. */
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
  checkOption(flagOf("model"), networkChoice(), model);
  const choices = { ...own, learner, network: model };
  return configFrom(choices, withScratchRate(learner, present({ ...fitting(toFlags(config), choices), ...flags })));
}

/** An existing run: its config, what is kept of its data, and how it came to be. */
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

/** The values that are left to an experiment whose learner and tasks are a program's: how it is trained and judged. */
export type ExperimentSettings = Pick<ExperimentConfig, "training" | "evaluation">;

/** Settings out of flags, whatever else these hold. @throws UsageError */
export const settingsFrom = (flags: Flags, where?: string): ExperimentSettings => ({
  training: nestedGroup(trainingOptions, flags, where) as TrainingValues,
  evaluation: nestedGroup(evaluationOptions, flags, where) as EvaluationValues,
});

/** `--ways 5 --eval-steps 0,1`: flags as words of a command line; what is left out on purpose by the word for that. */
export const flagWords = (flags: Flags): string[] =>
  Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [flagOf(name)] : [flagOf(name), value === undefined ? absentWord : optionText(value)],
  );
