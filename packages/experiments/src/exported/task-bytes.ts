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
import type { PortableArrays } from "@innerloop/graph";
import { isRecord, quoted } from "../options/outside-text.js";
import { mostSteps } from "../runs/most-steps.js";
import { ExportError } from "./export-error.js";
import { areFinite, areTaskNames, isWhole } from "./kind-values.js";

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
  /** The support set row by row. */
  readonly examples?: KeptExamples;
}

/** Examples as a task's bytes have them: arrays whose first axis is that of rows. */
export interface KeptExamples {
  /** Rows of each example, where one has more than one. */
  readonly rows?: readonly number[];
  /** Inputs, prepared, by the paths of their tensors: "" where there is one alone. */
  readonly inputs: PortableArrays;
  /** What the kind of task keeps of them, by name. */
  readonly said: PortableArrays;
}

const [inputPrefix, saidPrefix] = ["examples.inputs", "examples.said."];

/** The bytes of a task. */
export function encodeTask({ state, examples, ...task }: TaskContent): Uint8Array {
  const named = (arrays: PortableArrays, nameOf: (name: string) => string): PortableArrays =>
    Object.fromEntries(Object.entries(arrays).map(([name, array]) => [nameOf(name), array]));
  const { inputs = {}, said = {}, rows } = examples ?? {};
  const arrays = {
    ...state,
    ...named(inputs, (name) => (name === "" ? inputPrefix : `${inputPrefix}.${name}`)),
    ...named(said, (name) => `${saidPrefix}${name}`),
  };
  const record = JSON.stringify(rows ? { ...task, rows } : task);
  return seal(encodeArrays({ arrays, metadata: { format, sha256: unsealed, task: record } }));
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
  const { adapt, learner, inputs, steps, invert, classes, ids, rows } = value;
  const areTexts = [adapt, learner, inputs].every((each) => typeof each === "string" && each.length <= 4096);
  if (!areTexts || typeof invert !== "boolean") return fail("its record is malformed");
  if (!Number.isSafeInteger(steps) || (steps as number) < 0 || (steps as number) > mostSteps)
    return fail(`its steps are ${quoted(steps)}`);
  if (!areTaskNames(classes) || !areTaskNames(ids))
    return fail("its classes or the ids of its examples are no different names");
  const state = Object.fromEntries(Object.entries(arrays).filter(([name]) => !name.startsWith("examples.")));
  const below = (prefix: string): PortableArrays =>
    Object.fromEntries(
      Object.entries(arrays).flatMap(([name, array]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), array] as const] : [],
      ),
    );
  const given = {
    ...(Object.hasOwn(arrays, inputPrefix) ? { "": arrays[inputPrefix]! } : {}),
    ...below(`${inputPrefix}.`),
  };
  const said = below(saidPrefix);
  const found = [...Object.values(given), ...Object.values(said)];
  if (found.length < Object.keys(arrays).length - Object.keys(state).length)
    return fail("it has examples of an unknown form");
  if (rows !== undefined && !areRows(rows, ids.length)) return fail("its record is malformed");
  const count = rows === undefined ? ids.length : rows.reduce((a, b) => a + b, 0);
  if (found.some(({ shape }) => shape[0] !== count))
    return fail(`it has examples that are not the ${count} of its record`);
  if (!found.every(areFinite)) return fail("its examples hold what is no finite number");
  return {
    ...({ adapt, learner, inputs, steps, invert, classes, ids } as Omit<TaskContent, "state" | "examples">),
    state,
    ...(found.length > 0 ? { examples: { ...(rows ? { rows } : {}), inputs: given, said } } : {}),
  };
}

/** Rows of an example at most, and of all. */
const mostRows = 2 ** 20;

const areRows = (value: unknown, examples: number): value is readonly number[] =>
  Array.isArray(value) &&
  value.length === examples &&
  value.every((each) => isWhole(each, 1, mostRows)) &&
  (value as readonly number[]).reduce((a, b) => a + b, 0) <= mostRows;

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
