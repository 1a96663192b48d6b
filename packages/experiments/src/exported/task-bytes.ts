/** A task of an exported learner as bytes, which may come back from anyone: safetensors with a SHA-256 of all of them. */
import {
  decodeArrays,
  encodeArrays,
  isSealed,
  safetensorsHeader,
  seal,
  TrainingError,
  unsealed,
} from "@innerloop/core/exported";
import type { PortableArray, PortableArrays } from "@innerloop/graph";
import { isRecord, quoted } from "../options/outside-text.js";
import { mostSteps } from "../runs/most-steps.js";
import { ExportError } from "./export-error.js";

const format = "innerloop task 1";

/** The content of a task's bytes. */
export interface TaskContent {
  /** SHA-256 of the program that adapted: another program's state is not for this one. */
  readonly adapt: string;
  /** The learner's name, for messages. */
  readonly learner: string;
  /** A digest of how its inputs enter: examples are for learners that take the same. */
  readonly inputs: string;
  readonly steps: number;
  readonly invert: boolean;
  readonly classes: readonly string[];
  readonly ids: readonly string[];
  /** By name: what adapting has made. */
  readonly state: PortableArrays;
  /** The support set, prepared: inputs [n, ...] with their class indices [n], or with targets [n, d] in their own units. */
  readonly examples?: {
    readonly inputs: PortableArray;
    readonly labels?: PortableArray;
    readonly targets?: PortableArray;
  };
}

/** The bytes of a task. */
export function encodeTask({ state, examples, ...task }: TaskContent): Uint8Array {
  const arrays = {
    ...state,
    ...(examples ? { "examples.inputs": examples.inputs } : {}),
    ...(examples?.labels ? { "examples.labels": examples.labels } : {}),
    ...(examples?.targets ? { "examples.targets": examples.targets } : {}),
  };
  return seal(encodeArrays({ arrays, metadata: { format, sha256: unsealed, task: JSON.stringify(task) } }));
}

/** The content of bytes. @throws ExportError ILE203 where they are none, or not as they were written */
export function decodeTask(bytes: Uint8Array): TaskContent {
  const fail = (problem: string, cause?: unknown): never => {
    throw new ExportError("ILE203", "task", problem, "Adapt to the examples again", { cause });
  };
  if (!(bytes instanceof Uint8Array)) return fail(`it is ${quoted(bytes)}, and no bytes`);
  const { arrays, task } = readSealed(bytes, fail);
  let value: unknown;
  try {
    value = JSON.parse(task);
  } catch {
    return fail("its record is malformed");
  }
  if (!isRecord(value)) return fail("its record is malformed");
  const { adapt, learner, inputs, steps, invert, classes, ids } = value;
  const areTexts = [adapt, learner, inputs].every((each) => typeof each === "string" && each.length <= 4096);
  if (!areTexts || typeof invert !== "boolean") return fail("its record is malformed");
  if (!Number.isSafeInteger(steps) || (steps as number) < 0 || (steps as number) > mostSteps)
    return fail(`its steps are ${quoted(steps)}`);
  if (!areNames(classes) || !areNames(ids))
    return fail("its classes or the ids of its examples are no different names");
  const state = Object.fromEntries(Object.entries(arrays).filter(([name]) => !name.startsWith("examples.")));
  const [given, labels, targets] = ["inputs", "labels", "targets"].map((name) => {
    const found = `examples.${name}`;
    return Object.hasOwn(arrays, found) ? arrays[found] : undefined;
  });
  const rows = ids.length;
  if (given && (given.shape[0] !== rows || (labels === undefined) === (targets === undefined)))
    return fail(`it has examples that are not the ${rows} of its record`);
  if (labels && !(labels.dtype === "int64" && labels.shape.join() === `${rows}` && areLabels(labels, classes.length)))
    return fail("its labels are none of its classes");
  if (
    targets &&
    !(targets.dtype === "float64" && targets.shape.length === 2 && targets.shape[0] === rows && areFinite(targets))
  )
    return fail("its targets are no finite numbers");
  return {
    ...({ adapt, learner, inputs, steps, invert, classes, ids } as Omit<TaskContent, "state" | "examples">),
    state,
    ...(given ? { examples: { inputs: given, ...(labels ? { labels } : {}), ...(targets ? { targets } : {}) } } : {}),
  };
}

function readSealed(
  bytes: Uint8Array,
  fail: (problem: string, cause?: unknown) => never,
): { readonly arrays: PortableArrays; readonly task: string } {
  try {
    const header = safetensorsHeader(bytes, "task");
    const { format: found, task = "" } = header.metadata;
    if (found !== format) return fail(`it is ${found === undefined ? "none" : "of another format"}`);
    if (!isSealed(bytes, header)) return fail("its SHA-256 is not the one that it was written with");
    return { arrays: decodeArrays(bytes, "task").arrays, task };
  } catch (error) {
    if (error instanceof TrainingError) return fail("it is damaged, or no safetensors", error);
    throw error;
  }
}

const areNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= 2 ** 20 &&
  value.every((each) => typeof each === "string" && each.length <= 4096) &&
  new Set(value).size === value.length;

const areLabels = ({ data }: PortableArray, classes: number): boolean =>
  Array.from(data as BigInt64Array, Number).every((label) => label >= 0 && label < classes);

/** The question whether all numbers are finite: whole ones are. */
export const areFinite = ({ data }: PortableArray): boolean => {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(Number(data[i]))) return false;
  return true;
};
