/** Values of options: in words, and read from the command line and from files. */
import type { Count, CountRange } from "@innerloop/core";
import type { OptionSpec } from "@innerloop/core/learners";
import { numberIn } from "@innerloop/core/tasks";
import { cut, quoted } from "./outside-text.js";
import { nearestName, UsageError } from "./usage-error.js";

/** Most numbers or texts in a list, and characters in a text: files may hold any. */
export const mostListed = 64;
const longestText = 4096;

/** Bounds from here on are there for files that ask for anything: nobody meets them, and few want to read of them. */
const beyondUse = 1_000_000;

/** The word that leaves an option out which a preset or file gives a value to: `--queries auto`. */
export const absentWord = "auto";

/** `innerRate` as it is written on the command line: `--inner-rate`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * `5 to 10`, `sgd | adam`: what an option takes, in words.
 *
 * @param options.exact with upper bounds that are beyond all use
 */
export function rangeOf(spec: OptionSpec, { exact = false }: { readonly exact?: boolean } = {}): string {
  const orAbsent = "absent" in spec && spec.kind !== "text" && spec.kind !== "texts" ? `; ${absentText(spec)}` : "";
  switch (spec.kind) {
    case "integer":
    case "number": {
      const isAbove = spec.kind === "number" && spec.above === true;
      const least = isAbove ? `above ${spec.least}` : `${spec.least}`;
      const kind = spec.kind === "integer" ? "a whole number" : "a number";
      if (spec.most >= beyondUse && !exact)
        return `${isAbove ? `${kind} ${least}` : `${kind} of at least ${least}`}${orAbsent}`;
      return `${isAbove ? `${kind} ${least} and at most ${spec.most}` : `${kind} from ${least} to ${spec.most}`}${orAbsent}`;
    }
    case "count":
      return `a whole number or a range as in ${spec.least}-${spec.least + 9}, from ${spec.least} to ${spec.most}${orAbsent}`;
    case "choice":
      return `one of ${spec.choices.join(", ")}`;
    case "choices":
      return `one or more of ${spec.choices.join(", ")}, separated by commas`;
    case "variant":
      return `one of ${Object.keys(spec.variants).join(", ")}`;
    case "integers":
      return exact
        ? `at most ${mostListed} whole numbers from ${spec.least} to ${spec.most}, separated by commas`
        : `whole numbers of at least ${spec.least}, separated by commas`;
    case "text":
    case "texts":
      return spec.placeholder;
    case "flag":
      return "yes or no";
  }
}

/** What an option takes in a file or a program, where that is a list or a truth value; undefined of others. */
function listedRange(spec: OptionSpec, value: unknown, exact: boolean): string | undefined {
  const example = (usual: readonly unknown[], fits: (each: unknown) => boolean): string => {
    const asList = typeof value === "string" && value !== "" ? (readText(spec, value) as readonly unknown[]) : [];
    const isFit = asList.length > 0 && asList.length <= mostShown && asList.every(fits);
    return `as in ${quoted(isFit ? asList : usual)}`;
  };
  switch (spec.kind) {
    case "integers": {
      const { least, most } = spec;
      const isWithin = (each: unknown): boolean => Number.isInteger(each) && +each! >= least && +each! <= most;
      const bounds = exact
        ? `at most ${mostListed} whole numbers from ${least} to ${most}`
        : `whole numbers of at least ${least}`;
      return `a list of ${bounds}, ${example([least, least + 1], isWithin)}`;
    }
    case "choices":
      return `a list of one or more of ${spec.choices.join(", ")}, ${example(spec.choices.slice(0, 1), (each) => spec.choices.includes(each as string))}`;
    case "texts":
      return `a list of texts, ${example([spec.placeholder.split(",")[0]], isText)}`;
    case "flag":
      return "true or false";
    default:
      return undefined;
  }
}

/** So many values are written out as an example. */
const mostShown = 8;

/** `or auto for as many as shots` */
const absentText = ({ absent }: { readonly absent?: string }): string => `or ${absentWord} for ${absent}`;

/** More names, or characters of them, than a line has room for are left to the help text. */
const mostNamesInLine = 8;
const mostOfLine = 64;

/** The placeholder in `--inner-rate <x>`. */
export function placeholderOf(spec: OptionSpec): string {
  const names = (list: readonly string[]): string => {
    const all = list.join("|");
    return list.length > mostNamesInLine || all.length > mostOfLine ? "name" : all;
  };
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
      return names(spec.choices);
    case "choices":
      return `${spec.choices[0]},${spec.choices[1]}`;
    case "variant":
      return names(Object.keys(spec.variants));
    case "text":
    case "texts":
      return spec.placeholder;
    case "flag":
      return "";
  }
}

/** `5`, `5-20`, `0,1,5`: an option's value as it is written on the command line. */
export function optionText(value: unknown): string {
  if (typeof value === "object" && value !== null && "from" in value) {
    const { from, to } = value as CountRange;
    return `${from}-${to}`;
  }
  return String(value);
}

/** The largest number that a count may be in a task. */
export const mostOf = (count: Count): number => (typeof count === "number" ? count : count.to);

/** The smallest number that a count may be in a task. */
export const leastOf = (count: Count): number => (typeof count === "number" ? count : count.from);

/** A count in a sentence: `5`, `1 to 10`. */
export const countInWords = (value: Count): string =>
  typeof value === "number" ? `${value}` : `${value.from} to ${value.to}`;

/** The range in `5-20`; undefined for any other text. */
function rangeIn(text: string): CountRange | undefined {
  const [from, to, more] = text.split("-", 3).map((part) => numberIn(part));
  return to === undefined || more !== undefined ? undefined : { from: from!, to };
}

/** The value of an option from the text on the command line. @throws UsageError */
export function parseOption(name: string, spec: OptionSpec, text: string): unknown {
  if ("absent" in spec && spec.absent !== undefined && text === absentWord) return undefined;
  return checkOption(flagOf(name), spec, readText(spec, text), text);
}

function readText(spec: OptionSpec, text: string): unknown {
  switch (spec.kind) {
    case "integer":
    case "number":
      return numberIn(text);
    case "count":
      return rangeIn(text) ?? numberIn(text);
    case "integers":
      return text.split(",").map((part) => numberIn(part));
    case "choices":
      return text.split(",");
    case "texts":
      return text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "");
    default:
      return text;
  }
}

/** Whether a value is above a bound, or longer than a list may be: then the bound is what to tell. */
function isBeyond(spec: OptionSpec, value: unknown): boolean {
  // Values from a file may be lists within lists, deeper than a function may call itself.
  const isAbove = (each: unknown): boolean => typeof each === "number" && "most" in spec && each > spec.most;
  return Array.isArray(value) ? value.length > mostListed || value.some(isAbove) : isAbove(value);
}

const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= longestText && !value.includes("\0");

/**
 * A value from a file, checked. A range may be text as on the command line, as well as `{ from, to }`. Of a variant only
 * the name is looked at.
 *
 * @param shown the text on the command line that the value was read from
 * @throws UsageError
 */
export function checkOption(where: string, spec: OptionSpec, value: unknown, shown?: string): unknown {
  const refuse = (extra = ""): never => {
    const exact = isBeyond(spec, value);
    const range = (shown === undefined ? listedRange(spec, value, exact) : undefined) ?? rangeOf(spec, { exact });
    throw new UsageError(
      `${where} is ${shown === undefined ? quoted(value) : cut(shown, 80)}`,
      `Give ${range}${extra}`,
    );
  };
  const named = (names: readonly string[]): unknown => {
    if (typeof value === "string" && names.includes(value)) return value;
    if (typeof value === "boolean") {
      const word = value ? "yes" : "no";
      return refuse(names.includes(word) ? `. Did you mean "${word}"?` : "");
    }
    const near = typeof value === "string" ? nearestName(value, names) : undefined;
    return refuse(near ? `. Did you mean ${near}?` : "");
  };
  const within = (n: unknown): boolean => {
    if (typeof n !== "number" || !Number.isFinite(n) || !("most" in spec)) return false;
    if (spec.kind !== "number" && !Number.isSafeInteger(n)) return false;
    return (spec.kind === "number" && spec.above ? n > spec.least : n >= spec.least) && n <= spec.most;
  };
  switch (spec.kind) {
    case "integer":
    case "number":
      return within(value) ? value : refuse();
    case "count": {
      if (within(value)) return value;
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
    case "choice":
      return named(spec.choices);
    case "variant":
      return named(Object.keys(spec.variants));
    case "choices": {
      if (!Array.isArray(value) || value.length === 0 || value.length > spec.choices.length) return refuse();
      if (new Set(value).size < value.length) return refuse();
      const wrong: unknown = value.find((each) => !spec.choices.includes(each as string));
      if (wrong === undefined) return value;
      const near = typeof wrong === "string" ? nearestName(wrong, spec.choices) : undefined;
      return refuse(near ? `. Did you mean ${near}?` : "");
    }
    case "text":
      return isText(value) ? value : refuse();
    case "texts":
      return Array.isArray(value) && value.length > 0 && value.length <= 16 * mostListed && value.every(isText)
        ? value
        : refuse();
    case "flag":
      return typeof value === "boolean" ? value : refuse();
  }
}
