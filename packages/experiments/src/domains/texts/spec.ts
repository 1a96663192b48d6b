import { TaskError, type TextCoding, textCodingFrom } from "@innerloop/core/tasks";
import { isRecord } from "../../options/outside-text.js";
import type { SeenExamples } from "../classification/seen-examples.js";
import { isDataSpec } from "../classification/spec.js";
import type { DataSpec } from "../domain.js";

/** A record of texts, which a run keeps: enough to notice that they have changed, and to code others as they were. */
export interface TextSpec extends DataSpec {
  readonly coding: TextCoding;
  /** Classes that training had. */
  readonly trainClasses?: number;
  /** The examples that a class needs to be held out. */
  readonly leastExamples?: number;
  /** What tells classes that were trained on, or validated on, from new ones. */
  readonly seen?: SeenExamples;
  /** The classes of every task, in the order of their numbers, where these are fixed. */
  readonly labels?: readonly string[];
}

/** Classes of which all are in every task, at most: as many as a task may have. */
export const mostLabels = 1000;

const isWhole = (n: unknown, least: number): boolean =>
  n === undefined || (Number.isSafeInteger(n) && (n as number) >= least && (n as number) <= 2 ** 24);

const areNames = (value: unknown): boolean =>
  value === undefined ||
  (Array.isArray(value) && value.length <= mostLabels && value.every((each) => typeof each === "string"));

/** The spec in a value from a file; undefined where it is none. */
export function parseTextSpec(value: unknown): TextSpec | undefined {
  if (!isDataSpec(value) || !isRecord(value)) return undefined;
  const { coding, trainClasses, leastExamples, seen, labels } = value as unknown as Readonly<Record<string, unknown>>;
  const isSpec =
    isWhole(trainClasses, 0) &&
    isWhole(leastExamples, 1) &&
    ["undefined", "string"].includes(typeof seen) &&
    areNames(labels);
  if (!isSpec) return undefined;
  try {
    const parsed = textCodingFrom(coding);
    const [size, ...more] = value.exampleShape;
    const fits = more.length === 0 && size === (parsed.kind === "features" ? parsed.features : parsed.length);
    return fits ? ({ ...value, coding: parsed } as unknown as TextSpec) : undefined;
  } catch (error) {
    if (error instanceof TaskError) return undefined;
    throw error;
  }
}
