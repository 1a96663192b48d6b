/** Values of experiments out of files, which may hold anything. */
import type { LearnerName } from "@innerloop/core";
import type { NetworkName, OptionSpec } from "@innerloop/core/learners";
import type { Domain } from "../domains/domain.js";
import { networkChoice } from "../domains/networks.js";
import { domainNamed, domains } from "../domains/registry.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { nearestName, UsageError } from "../options/usage-error.js";
import { absentWord, checkOption } from "../options/values.js";
import {
  type Choices,
  checkValue,
  configFrom,
  type ExperimentConfig,
  type ExperimentSettings,
  flagsIn,
  groupOf,
  isNamed,
  type NamedValues,
  type PartialConfig,
  present,
  settingsFrom,
} from "./config.js";
import {
  choiceFlag,
  type FlagEntry,
  type Flags,
  flagTable,
  learnerChoice,
  type Part,
  parts,
  placesText,
} from "./flag-table.js";

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
    if (!(parts as readonly string[]).includes(key)) throw unknownKey(key, where, table, undefined, domain);
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
        throw unknownKey(name, `${key} in ${where}`, table, key as Part, domain);
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
  network: () => networkChoice(),
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

/** The same where a preset may have a value, which the word for that leaves out: undefined. */
const readGiven = (where: string, spec: OptionSpec, value: unknown): unknown =>
  "absent" in spec && spec.absent !== undefined && (value === undefined || value === absentWord)
    ? undefined
    : checkValue(where, spec, value);

function unknownKey(
  name: string,
  where: string,
  table: readonly FlagEntry[],
  part?: Part,
  domain?: Domain,
): UsageError {
  const known = table.find((entry) => entry.name === name);
  if (known) {
    const place = known.places.find((each) => each.part !== "domain" || !domain || each.choice === domain.name);
    if (!place)
      return new UsageError(
        `${where} has the option ${name}, which means nothing with ${domain?.title}`,
        `It is for ${placesText(known)}`,
      );
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

/** Settings from a file, which may hold anything. @throws UsageError */
export function parseSettings(value: Readonly<Record<string, unknown>>, where: string): ExperimentSettings {
  const parsed = parsePartial(value, where);
  const other = Object.keys(value).find((part) => part !== "training" && part !== "evaluation");
  if (other !== undefined) throw new UsageError(`${where} has ${other}, which a program settles`, "Leave it out");
  return settingsFrom(present(flagsIn(parsed)), where);
}
