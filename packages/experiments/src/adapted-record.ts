/** What is kept of a task that a model was adapted to, beside its tensors: a text, which may come back from anyone. */

import type { OpenSetRule } from "@innerloop/core";
import type { Tree } from "@innerloop/graph";
import type { Flags } from "./config/index.js";
import type { GivenSupport } from "./domains/domain.js";
import { isRecord } from "./options/outside-text.js";
import { isOpenSetRule } from "./runs/open-set-rule.js";

/** Support sets of trees and of single tensors alike. */
export type AnySupport = GivenSupport<Tree, Tree>;

/** What a model was adapted to. */
export interface AdaptedTo {
  readonly support: AnySupport;
  readonly steps: number;
  readonly rule: OpenSetRule | undefined;
  readonly flags: Flags;
}

/** What is kept beside the tensors of an adapted task. */
interface Told {
  readonly support: Omit<AnySupport, "x" | "y" | "reading">;
  readonly reading?: unknown;
  readonly rule: OpenSetRule | undefined;
  readonly flags: Flags;
}

/** The text that is kept beside an adapted task: equal ones for equal tasks. */
export function toldOf({ support, rule, flags }: AdaptedTo): string {
  const { text, notes, classes, counts, sizes, facts, reading } = support;
  const told: Told = {
    support: { text, notes, classes, counts, sizes, facts } as Told["support"],
    reading,
    rule,
    flags,
  };
  return JSON.stringify(told);
}

const areTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const areCounts = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && (each as number) >= 0);

/** What a text from anywhere holds of an adapted task; undefined where that is none. */
export function toldIn(text: string): Told | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value.support)) return undefined;
  const { support, reading, rule, flags = {} } = value;
  const { classes, counts, sizes, text: said, notes, facts } = support as Readonly<Record<string, unknown>>;
  if (
    typeof said !== "string" ||
    !areTexts(notes) ||
    (classes !== undefined && !areTexts(classes)) ||
    (counts !== undefined && !areCounts(counts)) ||
    (sizes !== undefined && !isRecord(sizes)) ||
    (facts !== undefined && !isRecord(facts)) ||
    (rule !== undefined && !isOpenSetRule(rule)) ||
    !isRecord(flags)
  )
    return undefined;
  const own = {
    text: said,
    notes,
    ...(classes ? { classes } : {}),
    ...(counts ? { counts } : {}),
    ...(sizes ? { sizes } : {}),
    ...(facts ? { facts } : {}),
  };
  return { support: own, reading, rule: rule as OpenSetRule | undefined, flags };
}
