/** The kinds of tasks that exported folders are of, a record for each. Nobody else asks which kind a folder is of. */
import { type ClassAnswers, classKind } from "./class-kind.js";
import type { BeforeAnswers, ExportedKind } from "./exported-kind.js";
import { type NumberAnswers, numberKind } from "./number-kind.js";
import { type ObjectAnswers, objectKind } from "./object-kind.js";
import { type PolicyAnswers, policyKind } from "./policy-kind.js";
import { type RatingAnswers, ratingKind } from "./rating-kind.js";
import { type SpanAnswers, spanKind } from "./span-kind.js";

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

const kinds: { readonly [K in ExportedAnswers["kind"]]: KindOf<Extract<ExportedAnswers, { readonly kind: K }>> } = {
  classes: classKind,
  numbers: numberKind,
  objects: objectKind,
  ratings: ratingKind,
  spans: spanKind,
  policy: policyKind,
};

/** The kinds by name, as config.json tells them. */
export const exportedKinds: Readonly<
  Record<ExportedAnswers["kind"], Pick<AnyKind, "tasks" | "learners" | "architecture">>
> = kinds;

/** The kind of these answers. */
export const kindOf = ({ kind }: ExportedAnswers): AnyKind => kinds[kind] as unknown as AnyKind;

/**
 * The answers in a value of config.json; undefined where they are none, or do not go with the inputs. Folders of before
 * there were other kinds tell classes or targets beside it.
 */
export function answersFrom(
  told: Readonly<Record<string, unknown>>,
  setting: BeforeAnswers,
): ExportedAnswers | undefined {
  const value = told.answers ?? { ...told, kind: told.targets == null ? "classes" : "numbers" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { kind: name } = fields;
  if (typeof name !== "string" || !Object.hasOwn(kinds, name)) return undefined;
  const kind = kinds[name as ExportedAnswers["kind"]];
  return kind.inputs.includes(setting.inputs.kind) ? kind.parse(fields, setting) : undefined;
}
