/** Examples of a task of an exported learner: as users give them, and as they are held. */
import { isRecord, quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { ExportedConfig } from "./exported-config.js";
import { kindOf } from "./exported-kinds.js";
import type { ExportedIo, TaskReading } from "./input-form.js";
import { formOf } from "./input-forms.js";
import type { ExportedObject } from "./object-kind.js";
import type { RowValues } from "./row-arrays.js";

/** An example that a user gives: its input with what its kind of task says of inputs. */
export interface ExportedExample {
  /** An image's path, its bytes, its pixels; numbers; a row by the names of columns; a text. */
  readonly input?: unknown;
  /** The name of its class. */
  readonly label?: string;
  /** A number in its own unit; of several targets an object by their names, or a list in their order. */
  readonly target?: unknown;
  /** What is marked in a picture: the name of each object's class, and its box in the picture's own pixels. */
  readonly objects?: readonly ExportedObject[];
  /** Of marked texts: the text with its spans in UTF-16 offsets, the end not included; or its words with IO or BIO tags. */
  readonly text?: string;
  readonly spans?: readonly { readonly start: number; readonly end: number; readonly type: string }[];
  readonly tokens?: readonly string[];
  readonly tags?: readonly string[];
  /** Of policies an episode: what was observed at each step, what was done then, and what followed. */
  readonly observations?: readonly unknown[];
  readonly actions?: readonly unknown[] | Float32Array | Int32Array;
  readonly rewards?: readonly number[] | Float32Array;
  /** Of ratings: the item, by its id or title; and its rating. Of a new item what is known of it stands beside them. */
  readonly item?: string;
  readonly rating?: number;
  /** By which it can be taken out again; a number that no other has unless given. */
  readonly id?: string;
}

/** A row of an example that is held: its input as programs take it, and what its kind of task holds of the example. */
export interface HeldRow {
  readonly values: RowValues;
  readonly said: unknown;
}

/** An example that is held. */
export interface KnownExample {
  readonly id: string;
  readonly rows: readonly HeldRow[];
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
  const [form, kind] = [formOf(inputs), kindOf(config.answers)];
  const told = checkedExamples(given, known, config);
  const read = await form.read(
    told.map(({ input }) => input),
    inputs,
    io,
  );
  const reading = setting.reading ?? form.readingOf(read, inputs);
  const added = told.map(({ id, given: own }, i): KnownExample => {
    const said = kind.said(own, read[i], config);
    return { id, rows: form.rows(read[i], reading, inputs).map((values, row) => ({ values, said: said[row] })) };
  });
  const examples = [...known, ...added];
  return { examples, reading, classes: classesOf(examples, config) };
}

/**
 * Classes of a task in the order of their first appearance.
 *
 * @throws ExportError ILE206 where there are too many or too few examples, or of their classes
 */
export function classesOf(examples: readonly KnownExample[], config: ExportedConfig): readonly string[] {
  const { support, mayBeEmpty } = config;
  const rows = examples.flatMap((example) => example.rows);
  if (rows.length > support)
    refuse(
      "examples",
      `there are ${counted(examples.length, "example")}${rows.length > examples.length ? ` of ${rows.length} rows` : ""}, and the programs take ${support}`,
      `Give fewer, or export the run with --max-support ${rows.length}`,
    );
  if (examples.length === 0 && !mayBeEmpty) refuse("examples", "there are none", "Give some to adapt to");
  return kindOf(config.answers).classes(
    rows.map(({ said }) => said),
    config,
    refuse,
  );
}

interface Checked {
  readonly id: string;
  readonly input: unknown;
  /** What it says, as its kind has checked it. */
  readonly given: unknown;
}

function checkedExamples(
  given: readonly ExportedExample[],
  known: readonly KnownExample[],
  config: ExportedConfig,
): readonly Checked[] {
  const kind = kindOf(config.answers);
  const shape = `[${kind.example}, ...]`;
  if (!Array.isArray(given)) refuse("examples", `they are ${quoted(given)}`, `Give ${shape}`);
  const ids = new Set(known.map(({ id }) => id));
  let next = 1;
  return (given as readonly unknown[]).map((each, i) => {
    const where = `example ${i + 1}`;
    const input = isRecord(each) ? kind.inputOf(each) : undefined;
    if (!isRecord(each) || input === undefined)
      return refuse(where, `it is ${quoted(each)}, and has no input`, `Give ${shape}`);
    const { id: own } = each;
    while (own === undefined && ids.has(String(next))) next++;
    const id = own ?? String(next);
    if (typeof id !== "string" || id === "" || ids.has(id))
      return refuse(
        where,
        `its id is ${quoted(id)}, ${ids.has(id as string) ? "as another's" : "and no text"}`,
        "Give each a text of its own, or none",
      );
    ids.add(id);
    return { id, input: copied(input), given: kind.given(each, where, config) };
  });
}

/** Arrays as they are now: who gave them may go on changing them while files are read. */
const copied = (input: unknown): unknown =>
  ArrayBuffer.isView(input) && !(input instanceof DataView) ? (input as Uint8Array).slice() : input;
