/**
 * Declarations of options: what a hyperparameter of a learner, a size of a network or a setting of an experiment may be,
 * said once. Types, checks, the command line, its help and documents come from them.
 */
import type { Count } from "../tasks/task.js";

interface OptionBase {
  /** What it is, in words that follow its name. */
  readonly help: string;
  /** May differ when a trained run is evaluated. */
  readonly inEvaluation?: true;
  /** May be given when a run is resumed: it does not change what is trained. */
  readonly onResume?: true;
  /** Belongs to the machine rather than to the experiment: results are to be the same whatever it is. */
  readonly ofMachine?: true;
  /** What has it, in words, where that is said shorter than by its names: "learners that adapt in steps". */
  readonly of?: string;
}

/** Options that may be left out with a meaning of their own, in words: "as many as shots". */
interface Absent {
  readonly absent: string;
  readonly default?: undefined;
}

type Bounds = { readonly least: number; readonly most: number };

/** One option: its kind, range and default. */
export type OptionSpec = OptionBase &
  (
    | ({ readonly kind: "integer" } & Bounds & (Absent | { readonly default: number }))
    | ({ readonly kind: "number" /** Beyond `least`, not it itself. */; readonly above?: true } & Bounds &
        (Absent | { readonly default: number }))
    /** A number, or two for a range of them, `to` included: each task then draws its own. */
    | ({ readonly kind: "count" } & Bounds & (Absent | { readonly default: Count }))
    | { readonly kind: "integers"; readonly default: readonly number[]; readonly least: number; readonly most: number }
    | ({ readonly kind: "choice"; readonly choices: readonly string[] } & (Absent | { readonly default: string }))
    | ({ readonly kind: "text"; readonly placeholder: string } & (Absent | { readonly default: string }))
    /** One or more texts, written with commas between them, or one after another where the option may be repeated. */
    | ({ readonly kind: "texts"; readonly placeholder: string; readonly repeated?: true } & (
        | Absent
        | { readonly default: readonly string[] }
      ))
    /** One or more of them, each once. */
    | ({ readonly kind: "choices"; readonly choices: readonly string[] } & (
        | Absent
        | { readonly default: readonly string[] }
      ))
    | { readonly kind: "flag"; readonly default: boolean }
    /** A choice whose choices have options of their own: { name, ... }. */
    | { readonly kind: "variant"; readonly variants: Readonly<Record<string, OptionGroup>>; readonly default: string }
  );

/** Options by name. */
export type OptionGroup = { readonly [name: string]: OptionSpec };

/** The type of an option's value. */
export type OptionValue<S extends OptionSpec> = S extends { readonly kind: "integer" | "number" }
  ? number
  : S extends { readonly kind: "count" }
    ? Count
    : S extends { readonly kind: "integers" }
      ? readonly number[]
      : S extends { readonly kind: "choice"; readonly choices: readonly (infer C)[] }
        ? C
        : S extends { readonly kind: "choices"; readonly choices: readonly (infer C)[] }
          ? readonly C[]
          : S extends { readonly kind: "texts" }
            ? readonly string[]
            : S extends { readonly kind: "flag" }
              ? boolean
              : S extends { readonly kind: "variant"; readonly variants: infer V }
                ? V extends Readonly<Record<string, OptionGroup>>
                  ? VariantValue<V>
                  : never
                : string;

/** The value of a choice with options of its own: { name, ... }, one type for each. */
export type VariantValue<V extends Readonly<Record<string, OptionGroup>>> = {
  [K in keyof V & string]: { readonly name: K } & OptionValues<V[K]>;
}[keyof V & string];

type OptionalNames<G extends OptionGroup> = {
  [K in keyof G]: G[K] extends { readonly absent: string } ? K : never;
}[keyof G];

/** Values for all options of a group; those that may be left out may be undefined. */
export type OptionValues<G extends OptionGroup> = {
  readonly [K in Exclude<keyof G, OptionalNames<G>>]: OptionValue<G[K]>;
} & { readonly [K in OptionalNames<G>]?: OptionValue<G[K]> };

/** A group as it is written, with its literal types kept. */
export const optionGroup = <const G extends OptionGroup>(group: G): G => group;

/** The values of options where nothing else is said: { name: default }; of variants with their own. */
export function defaultsOf<G extends OptionGroup>(group: G): OptionValues<G> {
  const values = Object.entries(group).flatMap(([name, spec]): (readonly [string, unknown])[] => {
    if (spec.default === undefined) return [];
    if (spec.kind !== "variant") return [[name, spec.default]];
    return [[name, { name: spec.default, ...defaultsOf(spec.variants[spec.default]!) }]];
  });
  return Object.fromEntries(values) as OptionValues<G>;
}
