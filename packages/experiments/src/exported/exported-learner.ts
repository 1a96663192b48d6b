/** A learner out of an exported folder: adapts to a user's examples and answers, by programs alone. */
import { statusBits } from "@innerloop/core/exported";
import type { PortableArray, PortableArrays, PortableEngine, TypedArray } from "@innerloop/graph";
import { quoted } from "../options/outside-text.js";
import { mostSteps } from "../runs/most-steps.js";
import { ExportError } from "./export-error.js";
import { answersOf, type ExportedAnswer } from "./exported-answers.js";
import { type ExportedConfig, supportRows } from "./exported-config.js";
import { digestOf, type ExportedFiles, readAllTold, readExportedConfig } from "./exported-files.js";
import { type OpenPrograms, openPrograms } from "./exported-programs.js";
import { type ExportedExample, type Held, heldExamples, type KnownExample } from "./held-examples.js";
import type { ExportedIo, TaskReading } from "./input-form.js";
import { formOf } from "./input-forms.js";
import { areFinite, decodeTask, encodeTask, type TaskContent } from "./task-bytes.js";

/** The means of a machine for exported learners: what runs programs, and what reads images. */
export interface ExportedMachine {
  readonly engine: PortableEngine;
  readonly io: ExportedIo;
}

/** Options of adapting. */
export interface ExportedAdapting {
  /** Adaptation steps; those that the export tells as usual unless given. */
  readonly steps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The learner of exported files, each of which is the one that config.json tells.
 *
 * @throws ExportError ILE202 where they are none, or damaged
 * @example const learner = await openExported(filesAtHand({ "config.json": bytes, ... }), { engine, io })
 */
export async function openExported(files: ExportedFiles, machine: ExportedMachine): Promise<ExportedLearner> {
  const config = await readExportedConfig(files);
  const told = await readAllTold(files, config);
  const programs = await openPrograms({ told, shown: files.shown, engine: machine.engine }, config);
  return new ExportedLearner({ config, programs, io: machine.io, shown: files.shown });
}

interface LearnerParts {
  readonly config: ExportedConfig;
  readonly programs: OpenPrograms;
  readonly io: ExportedIo;
  readonly shown: string;
}

/** Inputs that one run predicts for at most, where programs take any number. */
const mostQueries = 256;

/**
 * A trained learner whose programs run by themselves: it needs no run, no data and no network.
 *
 * @example
 * const learner = await load<ExportedLearner>("exported/hanzi");
 * const task = await learner.adapt([{ input: "a.png", label: "thorn" }, { input: "b.png", label: "ash" }]);
 * const { label, probability } = await task.predict("new.png");
 */
export class ExportedLearner {
  /** What the folder tells of it. */
  readonly config: ExportedConfig;
  private readonly parts: LearnerParts;
  private isDisposed = false;

  /** @internal */
  constructor(parts: LearnerParts) {
    this.parts = parts;
    this.config = parts.config;
  }

  /**
   * Adapts to one task.
   *
   * @param examples inputs with their labels, texts whose classes are in the order of their first appearance; or with their
   *   targets, in the units of the table that the run was trained on
   * @throws ExportError ILE206 for what it does not take, ILE207 where adapting diverges
   */
  async adapt(examples: readonly ExportedExample[], options: ExportedAdapting = {}): Promise<ExportedTask> {
    this.requireOpen();
    const { steps, signal } = options;
    signal?.throwIfAborted();
    const taken = this.stepsOf(steps);
    const held = await heldExamples(examples, {
      config: this.config,
      io: this.parts.io,
      known: [],
      reading: undefined,
    });
    signal?.throwIfAborted();
    return this.adapted(held, taken, signal);
  }

  /**
   * A task from the bytes of `ExportedTask.save`, which may come from anyone. Of another learner's task it adapts to the
   * examples again, where these were kept and enter as this one's do.
   *
   * @throws ExportError ILE203 where they are damaged, or of another learner without such examples
   */
  async restore(bytes: Uint8Array): Promise<ExportedTask> {
    this.requireOpen();
    const content = decodeTask(bytes);
    const examples = this.examplesIn(content);
    const { steps, classes, invert, ids } = content;
    if (content.adapt === this.adaptDigest) {
      this.requireFits(content);
      const held: Held = { examples, classes, reading: { invert } };
      return new ExportedTask({ learner: this, held, steps, ids, state: content.state });
    }
    if (!examples)
      throw new ExportError(
        "ILE203",
        "task",
        `it is of the learner ${quoted(content.learner)} with the adapting program ${content.adapt.slice(0, 16)}..., and this is ${this.adaptDigest.slice(0, 16)}... of ${quoted(this.config.learner)}`,
        "Restore it with the learner that it was saved by, or adapt to the examples again",
      );
    const { fixed, usual } = this.config.steps;
    const taken = usual === undefined ? 0 : (fixed ?? steps);
    return this.adapted({ examples, classes: classesOf(examples), reading: { invert } }, taken);
  }

  /** Gives back the memory of its programs; it adapts and answers no more. */
  async dispose(): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    const { adapt, predict } = this.parts.programs;
    await Promise.all([adapt.close(), predict.close()]);
  }

  /** @internal A task of held examples. */
  async adapted(held: Held, steps: number, signal?: AbortSignal): Promise<ExportedTask> {
    this.requireOpen();
    const { adapt } = this.parts.programs;
    const examples = held.examples!;
    const { status, ...state } = await adapt.run(this.supportFeeds(examples, held.classes, steps));
    signal?.throwIfAborted();
    this.requireStatus(Number(status!.data[0]), state);
    return new ExportedTask({ learner: this, held, steps, ids: examples.map(({ id }) => id), state });
  }

  /** @internal The answers to inputs by what adapting has made. */
  async answers(
    given: readonly unknown[],
    { state, held, steps }: Pick<TaskParts, "state" | "held" | "steps">,
  ): Promise<readonly ExportedAnswer[]> {
    this.requireOpen();
    const { config, parts } = this;
    const { inputs, queries, openSet } = config;
    const rule = openSet?.steps === steps ? openSet : undefined;
    const form = formOf(inputs);
    const read = await form.read(given.map(copyOf), inputs, parts.io);
    const values = read.map((each) => form.prepared(each, held.reading, inputs));
    const { dtype, shape } = form.slot(inputs);
    const answers: ExportedAnswer[] = [];
    const atOnce = queries ?? mostQueries;
    for (let from = 0; from < values.length; from += atOnce) {
      const some = values.slice(from, from + atOnce);
      const rows = queries ?? some.length;
      const query_inputs: PortableArray = { dtype, shape: [rows, ...shape], data: rowsOf(some, rows, dtype, shape) };
      const outputs = await parts.programs.predict.run({ ...state, query_inputs });
      answers.push(...answersOf(outputs, some.length, { config, classes: held.classes, rule, where: parts.shown }));
    }
    return answers;
  }

  /** @internal */
  heldWith(examples: readonly ExportedExample[], known: readonly KnownExample[], reading: TaskReading): Promise<Held> {
    return heldExamples(examples, { config: this.config, io: this.parts.io, known, reading });
  }

  /** @internal The bytes of a task. */
  bytesOf({ held, steps, ids, state }: Omit<TaskParts, "learner">, keepsExamples: boolean): Uint8Array {
    const { config } = this;
    const kept = keepsExamples ? held.examples : undefined;
    const { dtype, shape } = formOf(config.inputs).slot(config.inputs);
    const rows = kept?.length ?? 0;
    const targets = config.targets?.length ?? 0;
    return encodeTask({
      ...{ adapt: this.adaptDigest, learner: config.learner, inputs: this.inputsDigest, steps },
      ...{ invert: held.reading.invert, classes: held.classes, ids, state },
      ...(kept
        ? {
            examples: {
              inputs: {
                dtype,
                shape: [rows, ...shape],
                data: rowsOf(
                  kept.map(({ values }) => values),
                  rows,
                  dtype,
                  shape,
                ),
              },
              ...(config.targets
                ? {
                    targets: {
                      dtype: "float64",
                      shape: [rows, targets],
                      data: Float64Array.from(kept.flatMap(({ targets: own }) => own ?? [])),
                    },
                  }
                : {
                    labels: {
                      dtype: "int64",
                      shape: [rows],
                      data: BigInt64Array.from(kept, ({ label }) => BigInt(held.classes.indexOf(label!))),
                    },
                  }),
            },
          }
        : {}),
    });
  }

  private get adaptDigest(): string {
    return this.config.files["onnx/adapt.onnx"]!.sha256;
  }

  private get inputsDigest(): string {
    const { inputs, targets } = this.config;
    return digestOf(new TextEncoder().encode(JSON.stringify([inputs, targets?.map(({ name }) => name)])));
  }

  private requireOpen(): void {
    if (!this.isDisposed) return;
    throw new ExportError("ILE208", this.parts.shown, "the learner was disposed of", "Load it again");
  }

  /** @throws ExportError ILE206 for steps that it does not take */
  private stepsOf(asked: number | undefined): number {
    const { usual, fixed } = this.config.steps;
    const refuse = (problem: string, remedy: string): never => {
      throw new ExportError("ILE206", "steps", problem, remedy);
    };
    if (asked === undefined) return usual ?? 0;
    if (!Number.isSafeInteger(asked) || asked < 0 || asked > mostSteps)
      refuse(`${quoted(asked)} steps`, `Give a whole number from 0 to ${mostSteps}`);
    if (usual === undefined && asked !== 0)
      refuse(`${asked} steps of ${this.config.learner}, which takes none`, "Leave it out");
    if (fixed !== undefined && usual !== undefined && asked !== fixed)
      refuse(
        `${asked} steps of programs that are written for ${fixed}`,
        "Leave it out, or export the run without --fixed",
      );
    return asked;
  }

  private supportFeeds(examples: readonly KnownExample[], classes: readonly string[], steps: number): PortableArrays {
    const { inputs, targets } = this.config;
    const { dtype, shape } = formOf(inputs).slot(inputs);
    const rows = supportRows(this.config, examples.length);
    const mask = new Float32Array(rows).fill(1, 0, examples.length);
    const feeds: Record<string, PortableArray> = {
      support_inputs: {
        dtype,
        shape: [rows, ...shape],
        data: rowsOf(
          examples.map(({ values }) => values),
          rows,
          dtype,
          shape,
        ),
      },
      support_mask: { dtype: "float32", shape: [rows], data: mask },
      steps: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(steps)) },
    };
    if (targets) {
      const data = new Float32Array(rows * targets.length);
      examples.forEach((example, row) => {
        targets.forEach(({ mean, deviation }, i) => {
          data[row * targets.length + i] = (example.targets![i]! - mean) / deviation;
        });
      });
      feeds.support_targets = { dtype: "float32", shape: [rows, targets.length], data };
    } else {
      const data = new BigInt64Array(rows);
      examples.forEach(({ label }, row) => {
        data[row] = BigInt(classes.indexOf(label!));
      });
      feeds.support_labels = { dtype: "int64", shape: [rows], data };
    }
    return feeds;
  }

  /** @throws ExportError ILE207 where adapting has diverged, ILE206 where the program finds fault with the task */
  private requireStatus(status: number, state: PortableArrays): void {
    const { shown } = this.parts;
    if ((status & statusBits.notFinite) !== 0 || !Object.values(state).every(areFinite))
      throw new ExportError(
        "ILE207",
        shown,
        "adapting to these examples gave numbers that are not finite",
        "Give examples like those of training, or fewer steps",
      );
    if (status !== 0)
      throw new ExportError(
        "ILE206",
        shown,
        `its program finds fault with the task (status ${status})`,
        "Check the examples",
      );
  }

  /** The examples of a task's bytes, where they enter as this learner's do. */
  private examplesIn({ examples, inputs, classes, ids }: TaskContent): readonly KnownExample[] | undefined {
    const { config } = this;
    if (!examples || inputs !== this.inputsDigest) return undefined;
    const { dtype, shape } = formOf(config.inputs).slot(config.inputs);
    const width = config.targets?.length;
    const fits =
      examples.inputs.dtype === dtype &&
      examples.inputs.shape.slice(1).join() === shape.join() &&
      ids.length <= config.support &&
      (width === undefined
        ? examples.labels !== undefined && classes.length <= config.ways!
        : examples.targets?.shape[1] === width);
    if (!fits || !areFinite(examples.inputs)) return undefined;
    const size = shape.reduce((a, b) => a * b, 1);
    return ids.map((id, row) => ({
      id,
      values: examples.inputs.data.slice(row * size, (row + 1) * size) as TypedArray,
      ...(width === undefined
        ? { label: classes[Number(examples.labels!.data[row])]! }
        : { targets: Array.from(examples.targets!.data.slice(row * width, (row + 1) * width) as Float64Array) }),
    }));
  }

  /** @throws ExportError ILE203 where what adapting has made is not what predicting takes */
  private requireFits({ state, classes, ids }: TaskContent): void {
    const { programs } = this.parts;
    const rows = supportRows(this.config, ids.length);
    const fits =
      rows <= this.config.support &&
      Object.keys(state).length === programs.state.length &&
      programs.state.every(({ name, dtype, shape }) => {
        const found = Object.hasOwn(state, name) ? state[name] : undefined;
        const sizes = shape.map((size) => (typeof size === "string" ? rows : size));
        return found?.dtype === dtype && found.shape.join() === sizes.join() && areFinite(found);
      }) &&
      (this.config.ways === undefined
        ? classes.length === 0
        : classes.length >= 1 && classes.length <= this.config.ways);
    if (fits) return;
    throw new ExportError(
      "ILE203",
      "task",
      "what it holds is not what the learner has made",
      "Adapt to the examples again",
    );
  }
}

/** Classes in the order of first appearance. */
const classesOf = (examples: readonly KnownExample[]): readonly string[] => [
  ...new Set(examples.flatMap(({ label }) => label ?? [])),
];

/** An input that is told from a list of them by its type alone: a path or text, bytes, numbers, a row. */
export type OneInput = string | Uint8Array | Float32Array | Readonly<Record<string, unknown>>;

interface TaskParts {
  readonly learner: ExportedLearner;
  readonly held: Held;
  readonly steps: number;
  /** Of all examples, those among them that were not kept. */
  readonly ids: readonly string[];
  readonly state: PortableArrays;
}

/** An exported learner adapted to one task: a value, of which others are made. */
export class ExportedTask {
  /** Names of the classes, in the order of first appearance; none where numbers are predicted. */
  readonly classes: readonly string[];
  /** Adaptation steps that it took. */
  readonly steps: number;
  /** Of the examples that it was adapted to, in their order. */
  readonly ids: readonly string[];
  private readonly parts: TaskParts;

  /** @internal */
  constructor(parts: TaskParts) {
    this.parts = parts;
    this.classes = parts.held.classes;
    this.steps = parts.steps;
    this.ids = parts.ids;
  }

  /**
   * The answer to an input, or the answers to a list of them: { label, probability, rejected?, probabilities } of classes,
   * { value, deviation? } of numbers in their own units.
   *
   * @throws ExportError ILE206 for what is none of its inputs, ILE207 where an answer is no number
   */
  predict(inputs: readonly OneInput[]): Promise<readonly ExportedAnswer[]>;
  predict(input: OneInput | number): Promise<ExportedAnswer>;
  predict(input: unknown): Promise<ExportedAnswer | readonly ExportedAnswer[]>;
  async predict(input: unknown): Promise<ExportedAnswer | readonly ExportedAnswer[]> {
    const { learner, ...parts } = this.parts;
    const { inputs } = learner.config;
    const isList = Array.isArray(input) && !formOf(inputs).isOne(input, inputs);
    const list: readonly unknown[] = isList ? input : [input];
    if (list.length === 0)
      throw new ExportError("ILE206", "predict", "there are no inputs", "Give one, or a list of some");
    const answers = await learner.answers(list, parts);
    return isList ? answers : answers[0]!;
  }

  /** The task of these examples and more. @throws as `adapt`; ILE206 where its examples were not kept */
  async with(
    examples: readonly ExportedExample[],
    { signal }: Pick<ExportedAdapting, "signal"> = {},
  ): Promise<ExportedTask> {
    const { learner, held, steps } = this.parts;
    const all = await learner.heldWith(examples, this.examples(), held.reading);
    signal?.throwIfAborted();
    return learner.adapted(all, steps, signal);
  }

  /** The task without some of the examples. @throws as `with`, and for ids that there are none of */
  async without(ids: readonly string[], { signal }: Pick<ExportedAdapting, "signal"> = {}): Promise<ExportedTask> {
    const { learner, held, steps } = this.parts;
    const list = Array.isArray(ids) ? ids : [ids];
    const missing = list.find((id) => !this.ids.includes(id));
    if (missing !== undefined)
      throw new ExportError(
        "ILE206",
        "without",
        `there is no example ${quoted(missing)}`,
        `There are ${this.ids.slice(0, 8).map(quoted).join(", ")}${this.ids.length > 8 ? " and others" : ""}`,
      );
    const kept = this.examples().filter(({ id }) => !list.includes(id));
    return learner.adapted(await learner.heldWith([], kept, held.reading), steps, signal);
  }

  /**
   * Bytes that `ExportedLearner.restore` makes it of again, in another process or a page.
   *
   * @param options.examples whether the examples are kept, true by default: without them others can neither be added nor
   *   another learner be adapted to them
   */
  save({ examples = true }: { readonly examples?: boolean } = {}): Uint8Array {
    const { learner, ...parts } = this.parts;
    return learner.bytesOf(parts, examples);
  }

  private examples(): readonly KnownExample[] {
    const { examples } = this.parts.held;
    if (examples) return examples;
    const remedy = "Adapt to all examples anew";
    throw new ExportError("ILE206", "task", "its examples were not kept when it was saved", remedy);
  }
}

/** Values of rows, one after another, zeros behind them up to so many. */
function rowsOf(
  values: readonly TypedArray[],
  rows: number,
  dtype: PortableArray["dtype"],
  shape: readonly number[],
): TypedArray {
  const size = shape.reduce((a, b) => a * b, 1);
  const all =
    dtype === "uint8"
      ? new Uint8Array(rows * size)
      : dtype === "int32"
        ? new Int32Array(rows * size)
        : new Float32Array(rows * size);
  values.forEach((each, row) => {
    all.set(each as Float32Array, row * size);
  });
  return all;
}

/** What a program holds, as it is now: it may go on changing it while files are read. */
const copyOf = (given: unknown): unknown =>
  ArrayBuffer.isView(given) && !(given instanceof DataView)
    ? (given as Uint8Array).slice()
    : Array.isArray(given)
      ? given.slice()
      : given;
