/**
 * The kinds of tasks that exported folders are of, a record for each. Nobody else asks which kind a folder is of. The module
 * of a kind is loaded when a folder of it is read or written.
 */
import type { ClassAnswers } from "./class-kind.js";
import type { BeforeAnswers, ExportedKind } from "./exported-kind.js";
import type { NumberAnswers } from "./number-kind.js";
import type { ObjectAnswers } from "./object-kind.js";
import type { PolicyAnswers } from "./policy-kind.js";
import type { RatingAnswers } from "./rating-kind.js";
import { recordsOnDemand } from "./records-on-demand.js";
import type { SpanAnswers } from "./span-kind.js";

/** The kind of answers, as config.json tells it. */
export type ExportedAnswers =
  | ClassAnswers
  | NumberAnswers
  | ObjectAnswers
  | RatingAnswers
  | SpanAnswers
  | PolicyAnswers;

type AnyKind = ExportedKind<ExportedAnswers, unknown, unknown, unknown, unknown>;

/** biome-ignore lint/suspicious/noExplicitAny: what examples say differs by kind. */
type KindOf<A extends ExportedAnswers> = ExportedKind<A, any, any, any, any>;

type Kinds = {
  readonly [K in ExportedAnswers["kind"]]: KindOf<Extract<ExportedAnswers, { readonly kind: K }>>;
};

const kinds = recordsOnDemand<Kinds>("kind of answers", {
  classes: async () => (await import("./class-kind.js")).classKind,
  numbers: async () => (await import("./number-kind.js")).numberKind,
  objects: async () => (await import("./object-kind.js")).objectKind,
  ratings: async () => (await import("./rating-kind.js")).ratingKind,
  spans: async () => (await import("./span-kind.js")).spanKind,
  policy: async () => (await import("./policy-kind.js")).policyKind,
});

/** All kinds by name, as config.json tells them. */
export const exportedKinds = (): Promise<
  Readonly<Record<ExportedAnswers["kind"], Pick<AnyKind, "tasks" | "learners" | "architecture">>>
> => kinds.all();

/** Loads the kind of this name; what is no name is left to `answersFrom`. */
export const loadKind = (name: unknown): Promise<void> => kinds.load(name);

/** The kind of these answers, which has been loaded: those of a configuration that was read are. */
export const kindOf = ({ kind }: ExportedAnswers): AnyKind => kinds.of(kind) as unknown as AnyKind;

/** The name of the kind in a value of config.json; folders of before there were others tell classes or targets beside it. */
export const kindNameIn = (told: Readonly<Record<string, unknown>>): unknown => answersIn(told)?.kind;

function answersIn(told: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const value = told.answers ?? { ...told, kind: told.targets == null ? "classes" : "numbers" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>;
}

/** The answers in a value of config.json, whose kind was loaded; undefined where they are none, or do not go with the inputs. */
export function answersFrom(
  told: Readonly<Record<string, unknown>>,
  setting: BeforeAnswers,
): ExportedAnswers | undefined {
  const fields = answersIn(told);
  if (!fields || !kinds.has(fields.kind)) return undefined;
  const kind = kinds.of(fields.kind) as unknown as AnyKind;
  return kind.inputs.includes(setting.inputs.kind) ? kind.parse(fields, setting) : undefined;
}
