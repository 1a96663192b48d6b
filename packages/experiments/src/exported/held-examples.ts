/** Examples of a task of an exported learner: as users give them, and as they are held. */
import type { TypedArray } from "@innerloop/graph";
import { isRecord, quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { ExportedConfig } from "./exported-config.js";
import type { ExportedIo, TaskReading } from "./input-form.js";
import { formOf } from "./input-forms.js";

/** An example that a user gives. */
export interface ExportedExample {
  /** An image's path, its bytes, its pixels; numbers; a row by the names of columns; a text. */
  readonly input: unknown;
  /** The name of its class. */
  readonly label?: string;
  /** A number in its own unit; of several targets an object by their names, or a list in their order. */
  readonly target?: unknown;
  /** By which it can be taken out again; a number that no other has unless given. */
  readonly id?: string;
}

/** An example that is held: its input as programs take it. */
export interface KnownExample {
  readonly id: string;
  readonly values: TypedArray;
  readonly label?: string;
  /** In their own units. */
  readonly targets?: readonly number[];
}

/** The examples of a task. */
export interface Held {
  /** Undefined where they were not kept. */
  readonly examples: readonly KnownExample[] | undefined;
  readonly classes: readonly string[];
  readonly reading: TaskReading;
}

const refuse = (where: string, problem: string, remedy: string): never => {
  throw new ExportError("ILE206", where, problem, remedy);
};

/**
 * Examples behind those that a task has already, checked.
 *
 * @param setting.reading of the task that they come to; of these examples unless given
 * @throws ExportError ILE206
 */
export async function heldExamples(
  given: readonly ExportedExample[],
  setting: {
    readonly config: ExportedConfig;
    readonly io: ExportedIo;
    readonly known: readonly KnownExample[];
    readonly reading: TaskReading | undefined;
  },
): Promise<Held> {
  const { config, io, known } = setting;
  const { inputs } = config;
  const form = formOf(inputs);
  const told = checkedExamples(given, known, config);
  const read = await form.read(
    told.map(({ input }) => input),
    inputs,
    io,
  );
  const reading = setting.reading ?? form.readingOf(read, inputs);
  const added = told.map(
    ({ input: _, ...example }, i): KnownExample => ({
      ...example,
      values: form.prepared(read[i]!, reading, inputs),
    }),
  );
  const examples = [...known, ...added];
  return { examples, reading, classes: classesOf(examples, config) };
}

/** @throws ExportError ILE206 where there are too many or too few of them, or of their classes */
function classesOf(examples: readonly KnownExample[], { ways, support, mayBeEmpty, classes: fixed }: ExportedConfig) {
  if (examples.length > support)
    refuse(
      "examples",
      `there are ${counted(examples.length, "example")}, and the programs take ${support}`,
      `Give fewer, or export the run with --max-support ${examples.length}`,
    );
  if (examples.length === 0 && !mayBeEmpty) refuse("examples", "there are none", "Give some to adapt to");
  if (ways === undefined) return [];
  const found = [...new Set(examples.map(({ label }) => label!))];
  if (fixed) {
    const other = found.find((label) => !fixed.includes(label));
    if (other !== undefined)
      refuse(
        "examples",
        `the class ${quoted(other)} is none of the learner's`,
        `It has ${fixed.slice(0, 8).map(quoted).join(", ")}`,
      );
    return fixed;
  }
  if (found.length < 2)
    refuse("examples", `they are of ${counted(found.length, "class", "classes")}`, "Give examples of two or more");
  if (found.length > ways)
    refuse(
      "examples",
      `they are of ${found.length} classes, and the programs tell ${ways} apart`,
      "Give examples of fewer classes, or export a run of more ways",
    );
  return found;
}

interface Checked {
  readonly id: string;
  readonly input: unknown;
  readonly label?: string;
  readonly targets?: readonly number[];
}

function checkedExamples(
  given: readonly ExportedExample[],
  known: readonly KnownExample[],
  config: ExportedConfig,
): readonly Checked[] {
  const shape = config.targets ? "[{ input, target }, ...]" : "[{ input, label }, ...]";
  if (!Array.isArray(given)) refuse("examples", `they are ${quoted(given)}`, `Give ${shape}`);
  const ids = new Set(known.map(({ id }) => id));
  let next = 1;
  return (given as readonly unknown[]).map((each, i) => {
    const where = `example ${i + 1}`;
    if (!isRecord(each) || each.input === undefined)
      return refuse(where, `it is ${quoted(each)}, and has no input`, `Give ${shape}`);
    const { input, label, target, id: own } = each;
    while (own === undefined && ids.has(String(next))) next++;
    const id = own ?? String(next);
    if (typeof id !== "string" || id === "" || ids.has(id))
      return refuse(
        where,
        `its id is ${quoted(id)}, ${ids.has(id as string) ? "as another's" : "and no text"}`,
        "Give each a text of its own, or none",
      );
    ids.add(id);
    const held = { id, input: copied(input) };
    if (config.targets) return { ...held, targets: targetsOf(target, config.targets, where) };
    if (typeof label !== "string" || label === "")
      return refuse(where, `its label is ${quoted(label)}`, 'Give the name of its class, a text: label: "cat"');
    return { ...held, label };
  });
}

/** Arrays as they are now: who gave them may go on changing them while files are read. */
const copied = (input: unknown): unknown =>
  ArrayBuffer.isView(input) && !(input instanceof DataView) ? (input as Uint8Array).slice() : input;

function targetsOf(target: unknown, columns: NonNullable<ExportedConfig["targets"]>, where: string): readonly number[] {
  const found =
    typeof target === "number"
      ? [target]
      : Array.isArray(target)
        ? (target as unknown[])
        : isRecord(target)
          ? columns.map(({ name }) => (Object.hasOwn(target, name) ? target[name] : undefined))
          : [];
  const isGood =
    found.length === columns.length && found.every((each) => typeof each === "number" && Number.isFinite(each));
  if (isGood) return found as number[];
  const names = columns.map(({ name }) => name);
  return refuse(
    where,
    `its target is ${quoted(target)}, and ${counted(columns.length, "finite number")} ${columns.length === 1 ? "is" : "are"} predicted`,
    columns.length === 1
      ? "Give a number"
      : `Give { ${names
          .slice(0, 6)
          .map((name) => `${JSON.stringify(name)}: ...`)
          .join(", ")} }`,
  );
}
