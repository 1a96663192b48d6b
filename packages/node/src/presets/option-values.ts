/** What options take: in words, and read from the command line and from files. */
import type { Count, CountRange } from "@innerloop/core";
import { numberIn } from "@innerloop/core/tasks";
import { cut, quoted } from "../data/data-error.js";
import {
  type ExperimentOptionName,
  type ExperimentOptions,
  experimentOptions,
  flagOf,
  longestText,
  mostListed,
  type OptionSpec,
  type OptionValue,
} from "./option-table.js";
import { nearestName, UsageError } from "./usage-error.js";

/** Bounds from here on are there for files that ask for anything: nobody meets them, and few want to read of them. */
const beyondUse = 1_000_000;

/**
 * `5 to 10`, `sgd | adam`: what an option takes, in words.
 *
 * @param options.exact with upper bounds that are beyond all use
 */
export function rangeOf(spec: OptionSpec, { exact = false }: { readonly exact?: boolean } = {}): string {
  switch (spec.kind) {
    case "integer":
    case "number": {
      const isAbove = spec.kind === "number" && spec.above === true;
      const least = isAbove ? `above ${spec.least}` : `${spec.least}`;
      const kind = spec.kind === "integer" ? "a whole number" : "a number";
      if (spec.most >= beyondUse && !exact) return isAbove ? `${kind} ${least}` : `${kind} of at least ${least}`;
      return isAbove ? `${kind} ${least} and at most ${spec.most}` : `${kind} from ${least} to ${spec.most}`;
    }
    case "count":
      return `a whole number or a range as in ${spec.least}-${spec.least + 9}, from ${spec.least} to ${spec.most}; or 0`;
    case "choice":
      return `one of ${spec.choices.join(", ")}`;
    case "choices":
      return `one or more of ${spec.choices.join(", ")}, separated by commas`;
    case "integers":
      return exact
        ? `at most ${mostListed} whole numbers from ${spec.least} to ${spec.most}, separated by commas`
        : `whole numbers of at least ${spec.least}, separated by commas`;
    case "text":
      return spec.placeholder;
    case "flag":
      return "yes or no";
  }
}

/** More names than a line has room for are left to the help text. */
const mostNamesInLine = 8;

/** The placeholder in `--inner-rate <x>`. */
export function placeholderOf(spec: OptionSpec): string {
  switch (spec.kind) {
    case "integer":
      return "n";
    case "number":
      return "x";
    case "count":
      return "n|n-n";
    case "integers":
      return "n,n";
    case "choice":
      return spec.choices.length > mostNamesInLine ? "name" : spec.choices.join("|");
    case "choices":
      return `${spec.choices[0]},${spec.choices[1]}`;
    case "text":
      return spec.placeholder;
    case "flag":
      return "";
  }
}

/** `5`, `5-20`, `0,1,5`: an option's value as it is written on the command line. */
export function optionText(value: OptionValue<OptionSpec>): string {
  if (typeof value === "object" && "from" in value) return `${value.from}-${value.to}`;
  return String(value);
}

/** The largest number that a count may be in a task. */
export const mostOf = (count: Count): number => (typeof count === "number" ? count : count.to);

/** The smallest number that a count may be in a task. */
export const leastOf = (count: Count): number => (typeof count === "number" ? count : count.from);

/** The range in `5-20`; undefined for any other text. */
function rangeIn(text: string): CountRange | undefined {
  const [from, to, more] = text.split("-", 3).map((part) => numberIn(part));
  return to === undefined || more !== undefined ? undefined : { from: from!, to };
}

/** The value of an option from the text on the command line. @throws UsageError */
export function parseOption(name: string, spec: OptionSpec, text: string): unknown {
  if (spec.kind === "integer" || spec.kind === "number") return checkOption(flagOf(name), spec, numberIn(text), text);
  if (spec.kind === "count") return checkOption(flagOf(name), spec, rangeIn(text) ?? numberIn(text), text);
  if (spec.kind === "integers")
    return checkOption(
      flagOf(name),
      spec,
      text.split(",").map((part) => numberIn(part)),
      text,
    );
  if (spec.kind === "choices") return checkOption(flagOf(name), spec, text.split(","), text);
  return checkOption(flagOf(name), spec, text, text);
}

/** Whether a value is above a bound, or longer than a list may be: then the bound is what to tell. */
function isBeyond(spec: OptionSpec, value: unknown): boolean {
  // Values from a file may be lists within lists, deeper than a function may call itself.
  const isAbove = (each: unknown): boolean => typeof each === "number" && "most" in spec && each > spec.most;
  return Array.isArray(value) ? value.length > mostListed || value.some(isAbove) : isAbove(value);
}

/**
 * A value from a file, checked. A range may be text as on the command line, as well as `{ from, to }`.
 *
 * @param shown the text on the command line that the value was read from
 * @throws UsageError
 */
export function checkOption(where: string, spec: OptionSpec, value: unknown, shown?: string): unknown {
  const refuse = (extra = ""): never => {
    throw new UsageError(
      `${where} is ${shown === undefined ? quoted(value) : cut(shown, 80)}`,
      `Give ${rangeOf(spec, { exact: isBeyond(spec, value) })}${extra}`,
    );
  };
  const within = (n: unknown): boolean => {
    if (
      typeof n !== "number" ||
      !Number.isFinite(n) ||
      spec.kind === "choice" ||
      spec.kind === "choices" ||
      spec.kind === "text" ||
      spec.kind === "flag"
    )
      return false;
    if (spec.kind !== "number" && !Number.isSafeInteger(n)) return false;
    return (spec.kind === "number" && spec.above ? n > spec.least : n >= spec.least) && n <= spec.most;
  };
  switch (spec.kind) {
    case "integer":
    case "number":
      return within(value) ? value : refuse();
    case "count": {
      if (value === 0 || within(value)) return value;
      const range = typeof value === "string" ? rangeIn(value) : value;
      const { from, to, ...others } = (typeof range === "object" && range !== null ? range : {}) as Partial<CountRange>;
      const isRange = within(from) && within(to) && (from as number) < (to as number);
      if (isRange && Object.keys(others).length === 0) return range;
      // The command line has a number's text where a file has the number.
      return refuse(shown === undefined ? `; a range as "${spec.least}-${spec.least + 9}" in quotes` : "");
    }
    case "integers":
      return Array.isArray(value) && value.length > 0 && value.length <= mostListed && value.every(within)
        ? value
        : refuse();
    case "choice": {
      if (typeof value === "string" && spec.choices.includes(value)) return value;
      const near = typeof value === "string" ? nearestName(value, spec.choices) : undefined;
      return refuse(near ? `. Did you mean ${near}?` : "");
    }
    case "choices": {
      if (!Array.isArray(value) || value.length === 0 || value.length > spec.choices.length) return refuse();
      if (new Set(value).size < value.length) return refuse();
      const wrong: unknown = value.find((each) => !spec.choices.includes(each as string));
      if (wrong === undefined) return value;
      const near = typeof wrong === "string" ? nearestName(wrong, spec.choices) : undefined;
      return refuse(near ? `. Did you mean ${near}?` : "");
    }
    case "text":
      return typeof value === "string" && value !== "" && value.length <= longestText && !value.includes("\0")
        ? value
        : refuse();
    case "flag":
      return typeof value === "boolean" ? value : refuse();
  }
}

/** Values for options of an experiment from a file or record, each checked. @throws UsageError */
export function checkExperimentOptions(
  values: Readonly<Record<string, unknown>>,
  where: string,
): Partial<ExperimentOptions> {
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(experimentOptions, name)) {
      const near = nearestName(name, Object.keys(experimentOptions));
      throw new UsageError(
        `${where} has the unknown option ${quoted(name)}`,
        near ? `Did you mean ${near}?` : "`innerloop train --help` lists them",
      );
    }
    const spec: OptionSpec = experimentOptions[name as ExperimentOptionName];
    checked[name] = spec.kind === "text" && value === "" ? value : checkOption(`${name} in ${where}`, spec, value);
  }
  return checked as Partial<ExperimentOptions>;
}
