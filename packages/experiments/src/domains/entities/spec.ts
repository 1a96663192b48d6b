/** A record of marked texts that a run keeps: how their words are coded, and what is held out. */
import { type WordSetting, wordFeatureSlots } from "@innerloop/core/tasks";
import { isRecord } from "../../options/outside-text.js";
import type { EncoderRecord } from "../../text-io.js";
import type { SeenExamples } from "../classification/seen-examples.js";
import { isDataSpec } from "../classification/spec.js";
import type { DataSpec } from "../domain.js";
import { isEncoderRecord } from "../kept-encoders.js";

/** What is held out of marked texts. */
export type HoldOut = "domains" | "types" | "sentences";

/** The parts of a training, each with what it is made of. */
export type HeldNames = Readonly<Record<"train" | "validation" | "test", readonly string[]>>;

/** What a run keeps of marked texts. */
export interface EntitySpec extends DataSpec {
  readonly words: WordSetting;
  readonly holdOut: HoldOut;
  /** Names of the domains, or types, of each part; of none where sentences of the same are held out. */
  readonly held: HeldNames;
  /** Types that tasks tell apart, at most. */
  readonly types: number;
  readonly backbone?: EncoderRecord;
  /** What tells sentences that were trained on, or validated on, from new ones. */
  readonly seen?: SeenExamples;
}

const isWhole = (n: unknown, least: number, most: number): n is number =>
  Number.isSafeInteger(n) && (n as number) >= least && (n as number) <= most;

const areNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= mostNames && value.every((each) => typeof each === "string");

const mostNames = 10_000;
const mostIds = 2 ** 22;

/** Whether a value says how words are coded, in a way that this version codes them. */
export function isWordSetting(value: unknown): value is WordSetting {
  if (!isRecord(value)) return false;
  const { length, slots, ids, width } = value;
  return (
    isWhole(length, 1, 512) &&
    areNames(slots) &&
    slots.join() === wordFeatureSlots.join() &&
    isWhole(ids, 2, mostIds) &&
    isWhole(width, 0, 2 ** 16)
  );
}

/** The spec in a value from a file; undefined where it is none. */
export function parseEntitySpec(value: unknown): EntitySpec | undefined {
  if (!isDataSpec(value)) return undefined;
  const { words, holdOut, held, types, backbone, seen } = value as unknown as Readonly<Record<string, unknown>>;
  const isSpec =
    isWordSetting(words) &&
    ["domains", "types", "sentences"].includes(holdOut as string) &&
    isRecord(held) &&
    [held.train, held.validation, held.test].every(areNames) &&
    isWhole(types, 1, mostNames) &&
    ["undefined", "string"].includes(typeof seen) &&
    (backbone === undefined ? words.width === 0 : isEncoderRecord(backbone));
  return isSpec ? (value as EntitySpec) : undefined;
}
