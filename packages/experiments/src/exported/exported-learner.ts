/** A learner out of an exported folder: adapts to a user's examples and answers, by programs alone. */
import { statusBits } from "@innerloop/core/exported";
import type { PortableArrays, PortableEngine, TypedArray } from "@innerloop/graph";
import type { Recommendations } from "../domains/ranker.js";
import { quoted } from "../options/outside-text.js";
import { mostSteps } from "../runs/most-steps.js";
import type { ClassAnswer } from "./class-kind.js";
import { ExportError } from "./export-error.js";
import { type ExportedConfig, storedExport, supportRows } from "./exported-config.js";
import {
  besideOnnx,
  besideWasm,
  digestOf,
  type ExportedFiles,
  openedConfig,
  readAllTold,
  readExportedConfig,
} from "./exported-files.js";
import { kindOf } from "./exported-kinds.js";
import { type OpenModule, type OpenPrograms, openPrograms, querySlots, supportSlots } from "./exported-programs.js";
import {
  classesOf,
  type ExportedExample,
  type Held,
  type HeldRow,
  heldExamples,
  type KnownExample,
} from "./held-examples.js";
import type { OpenEncoder } from "./input-encoder.js";
import type { ExportedIo, TaskReading } from "./input-form.js";
import { formOf } from "./input-forms.js";
import { areFinite } from "./kind-values.js";
import type { ValueAnswer } from "./number-kind.js";
import type { ExportedRecommendation } from "./rating-kind.js";
import { joinedRows, type RowValues, rowSize, rowsFrom, stackedSlots } from "./row-arrays.js";
import { decodeTask, encodeTask, type KeptExamples, type TaskContent } from "./task-bytes.js";

/** An answer of an exported learner of classes, or of numbers. */
export type ExportedAnswer = ClassAnswer & ValueAnswer;

/** The means of a machine for exported learners: what runs programs, and what reads images. */
export interface ExportedMachine {
  readonly engine: PortableEngine;
  readonly io: ExportedIo;
  /** What opens the folder's module in WebAssembly, where its programs are to run: the engine then runs encoders alone. */
  readonly openModule?: OpenModule | undefined;
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
export async function openExported<A = ExportedAnswer>(
  files: ExportedFiles,
  machine: ExportedMachine,
): Promise<ExportedLearner<A>> {
  const read = await readExportedConfig(files);
  const told = await readAllTold(files, read, machine.openModule ? besideWasm : besideOnnx);
  const config = openedConfig(read, told, files.shown);
  const { engine, io, openModule } = machine;
  const programs = await openPrograms({ told, shown: files.shown, engine, openModule }, config);
  let encoder: OpenEncoder | undefined;
  try {
    const { pieces } = io;
    encoder = await formOf(config.inputs).encoder?.open(config.inputs, told, { engine, pieces }, files.shown);
  } catch (error) {
    await Promise.all([programs.adapt.close(), programs.predict.close()]);
    throw error;
  }
  const reading = encoder ? { ...io, encode: encoder.encode } : io;
  return new ExportedLearner({ config, programs, io: reading, encoder, shown: files.shown });
}

interface LearnerParts {
  readonly config: ExportedConfig;
  readonly programs: OpenPrograms;
  readonly io: ExportedIo;
  readonly encoder: OpenEncoder | undefined;
  readonly shown: string;
}

/** Rows that one run predicts for, where programs take any number: of small ones more, of large ones fewer, up to so many numbers. */
const [usualQueries, mostQueries, fewNumbers, mostNumbers] = [256, 4096, 2 ** 16, 2 ** 22];

/** Rows of so many numbers that one run predicts for. */
const rowsAtOnce = (numbers: number): number =>
  Math.max(
    Math.min(usualQueries, Math.ceil(mostNumbers / numbers)),
    Math.min(mostQueries, Math.floor(fewNumbers / numbers)),
  );

/**
 * A trained learner whose programs run by themselves: it needs no run, no data and no network.
 *
 * @typeParam A its answers, by the kind of task that config.json tells: `ClassAnswer`, `ValueAnswer` and others
 * @example
 * const learner = await load<ExportedLearner>("exported/hanzi");
 * const task = await learner.adapt([{ input: "a.png", label: "thorn" }, { input: "b.png", label: "ash" }]);
 * const { label, probability } = await task.predict("new.png");
 */
export class ExportedLearner<A = ExportedAnswer> {
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
   * @param examples inputs with what the kind of task says of them: labels, texts whose classes are in the order of their
   *   first appearance; targets, in the units of the table that the run was trained on
   * @throws ExportError ILE206 for what it does not take, ILE207 where adapting diverges
   */
  async adapt(examples: readonly ExportedExample[], options: ExportedAdapting = {}): Promise<ExportedTask<A>> {
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
  async restore(bytes: Uint8Array): Promise<ExportedTask<A>> {
    this.requireOpen();
    const content = decodeTask(bytes);
    const examples = this.examplesIn(content);
    const { steps, classes, invert, ids } = content;
    if (content.adapt === this.adaptDigest) {
      if (content.examples && !examples) throw otherTask();
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
    // One that took none is of a learner that takes none.
    const taken = usual === undefined ? 0 : (fixed ?? (steps > 0 ? steps : usual));
    return this.adapted({ examples, classes: classesOf(examples, this.config), reading: { invert } }, taken);
  }

  /** Gives back the memory of its programs; it adapts and answers no more. */
  async dispose(): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    const { programs, encoder } = this.parts;
    await Promise.all([programs.adapt.close(), programs.predict.close(), encoder?.close()]);
  }

  /** @internal A task of held examples. */
  async adapted(held: Held, steps: number, signal?: AbortSignal): Promise<ExportedTask<A>> {
    this.requireOpen();
    const examples = held.examples!;
    const rows = examples.flatMap((example) => example.rows);
    const made = await this.stateOf(rows, { classes: held.classes, steps, signal });
    return new ExportedTask({ learner: this, held, ids: examples.map(({ id }) => id), ...made });
  }

  /** What adapting to rows makes, and in how many steps. */
  private async stateOf(
    rows: readonly HeldRow[],
    how: { readonly classes: readonly string[]; readonly steps: number; readonly signal?: AbortSignal | undefined },
  ): Promise<{ readonly state: PortableArrays; readonly steps: number }> {
    const { config } = this;
    const { classes, signal } = how;
    const kind = kindOf(config.answers);
    const adapted = async (fed: readonly RowValues[], count: number): Promise<PortableArrays> => {
      const { status, ...state } = await this.parts.programs.adapt.run(this.supportFeeds(fed, count));
      signal?.throwIfAborted();
      this.requireStatus(Number(status!.data[0]), state);
      return state;
    };
    const predicted = (asked: readonly RowValues[], state: PortableArrays) => this.predicted(asked, state);
    const taken = kind.gathered
      ? await kind.gathered(rows, { setting: config, adapted, predicted, refuse })
      : { rows: rows.map(({ values, said }) => [...values, ...kind.rowOf(said, classes, config)]), steps: how.steps };
    return { state: await adapted(taken.rows, taken.steps), steps: taken.steps };
  }

  /** @internal The answers to inputs by what adapting has made. */
  async answers(
    given: readonly unknown[],
    { state, held, steps }: Pick<TaskParts<A>, "state" | "held" | "steps">,
  ): Promise<readonly A[]> {
    const { config, parts } = this;
    // After other steps than those that it was chosen with a rule means nothing.
    const rule = config.openSet?.steps === steps ? config.openSet : undefined;
    const form = formOf(config.inputs);
    const read = await form.read(given.map(copyOf), config.inputs, parts.io);
    const rows = read.map((each) => form.rows(each, held.reading, config.inputs));
    const starts = [0];
    for (const each of rows) starts.push(starts.at(-1)! + each.length);
    const outputs = await this.predicted(rows.flat(), state);
    const { classes } = held;
    const answers = kindOf(config.answers).answers({
      ...{ setting: config, classes, outputs, read, starts, rule, where: parts.shown },
    });
    return answers as readonly A[];
  }

  /** @internal All that it knows in the order of a task. @throws ExportError ILE206 where it knows nothing that may be asked about */
  async recommendations(
    request: ExportedRecommendation,
    { held, state, steps }: Omit<TaskParts<A>, "learner" | "ids">,
  ): Promise<Recommendations> {
    const { config, parts } = this;
    const kind = kindOf(config.answers);
    if (!kind.recommend)
      throw new ExportError(
        "ILE206",
        "recommend",
        `${config.learner} knows no items to rank: its examples are ${kind.example}`,
        "Ask it by `predict`",
      );
    const rows = held.examples!.flatMap((example) => example.rows);
    const without = async (left: number): Promise<PortableArrays> => {
      const others = rows.filter((_, row) => row !== left);
      return (await this.stateOf(others, { classes: held.classes, steps })).state;
    };
    return kind.recommend(request, {
      ...{ setting: config, steps, where: parts.shown },
      said: rows.map(({ said }) => said),
      predicted: async (asked, left) => this.predicted(asked, left === undefined ? state : await without(left)),
    });
  }

  /** @internal Predictions for rows. */
  async predicted(rows: readonly RowValues[], state: PortableArrays): Promise<PortableArrays> {
    this.requireOpen();
    const { config, parts } = this;
    const slots = querySlots(config);
    const numbers = slots.reduce((sum, slot) => sum + rowSize(slot), 0);
    const atOnce = config.queries ?? rowsAtOnce(numbers);
    const found: PortableArrays[] = [];
    for (let from = 0; from < rows.length; from += atOnce) {
      const some = rows.slice(from, from + atOnce);
      const asked = stackedSlots(slots, some, config.queries ?? some.length);
      found.push(rowsFrom(await parts.programs.predict.run({ ...state, ...asked }), 0, some.length));
    }
    return joinedRows(found);
  }

  /** @internal */
  heldWith(examples: readonly ExportedExample[], known: readonly KnownExample[], reading: TaskReading): Promise<Held> {
    return heldExamples(examples, { config: this.config, io: this.parts.io, known, reading });
  }

  /** @internal The bytes of a task. */
  bytesOf({ held, steps, ids, state }: Omit<TaskParts<A>, "learner">, keepsExamples: boolean): Uint8Array {
    const { config } = this;
    const kept = keepsExamples ? held.examples : undefined;
    return encodeTask({
      ...{ adapt: this.adaptDigest, learner: config.learner, inputs: this.inputsDigest, steps },
      ...{ invert: held.reading.invert, classes: held.classes, ids, state },
      ...(kept ? { examples: this.keptOf(kept, held.classes) } : {}),
    });
  }

  private keptOf(examples: readonly KnownExample[], classes: readonly string[]): KeptExamples {
    const { config } = this;
    const rows = examples.flatMap((example) => example.rows);
    const [slots, counts] = [
      formOf(config.inputs).slots(config.inputs),
      examples.map((example) => example.rows.length),
    ];
    return {
      ...(counts.some((count) => count !== 1) ? { rows: counts } : {}),
      inputs: stackedSlots(
        slots,
        rows.map(({ values }) => values),
      ),
      said: kindOf(config.answers).kept(
        rows.map(({ said }) => said),
        classes,
        config,
      ),
    };
  }

  private get adaptDigest(): string {
    return this.config.files["onnx/adapt.onnx"]!.sha256;
  }

  private get inputsDigest(): string {
    const { inputs, answers, files } = this.config;
    const { file, encoder } = formOf(inputs);
    const own = [...(file ? [file.name] : []), ...(encoder?.files ?? [])];
    const { innerloop } = storedExport(this.config) as { readonly innerloop: { readonly inputs: object } };
    const known = [innerloop.inputs, kindOf(answers).sameAs(answers), ...own.map((name) => files[name]!.sha256)];
    return digestOf(new TextEncoder().encode(JSON.stringify(known)));
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
    if (kindOf(this.config.answers).gathered)
      refuse(
        `${quoted(asked)} steps of ${this.config.learner}, which takes one for the examples of each`,
        "Leave it out",
      );
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

  private supportFeeds(rows: readonly RowValues[], steps: number): PortableArrays {
    const { config } = this;
    const support = supportRows(config, rows.length);
    const mask = new Float32Array(support).fill(1, 0, rows.length);
    return {
      ...stackedSlots(supportSlots(config), rows, support),
      ...(kindOf(config.answers).masked ? { support_mask: { dtype: "float32", shape: [support], data: mask } } : {}),
      steps: { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(steps)) },
    };
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
    const { rows: counts = ids.map(() => 1) } = examples;
    const count = counts.reduce((a, b) => a + b, 0);
    const slots = formOf(config.inputs).slots(config.inputs);
    const fits =
      count <= config.support &&
      Object.keys(examples.inputs).length === slots.length &&
      slots.every(({ name, dtype, shape }) => {
        const found = Object.hasOwn(examples.inputs, name) ? examples.inputs[name] : undefined;
        return found?.dtype === dtype && found.shape.join() === [count, ...shape].join();
      });
    const said = fits ? kindOf(config.answers).restored(examples.said, count, classes, config) : undefined;
    if (!said) return undefined;
    const valuesOf = (row: number): RowValues =>
      slots.map((slot) => {
        const size = rowSize(slot);
        return examples.inputs[slot.name]!.data.slice(row * size, (row + 1) * size) as TypedArray;
      });
    let next = 0;
    return ids.map((id, i) => ({
      id,
      rows: Array.from({ length: counts[i]! }, () => ({ values: valuesOf(next), said: said[next++] })),
    }));
  }

  /** @throws ExportError ILE203 where what adapting has made is not what predicting takes */
  private requireFits({ state, classes }: TaskContent): void {
    const { programs } = this.parts;
    // Sizes that are those of the support set: one number, which follows from no more than the state where it was kept alone.
    const open = programs.state.flatMap(({ name, shape }) =>
      shape.flatMap((size, axis) => (typeof size === "string" ? [state[name]?.shape[axis] ?? 0] : [])),
    );
    const [rows = 1] = open;
    const fits =
      rows >= 1 &&
      rows <= this.config.support &&
      Object.keys(state).length === programs.state.length &&
      programs.state.every(({ name, dtype, shape }) => {
        const found = Object.hasOwn(state, name) ? state[name] : undefined;
        const sizes = shape.map((size) => (typeof size === "string" ? rows : size));
        return found?.dtype === dtype && found.shape.join() === sizes.join() && areFinite(found);
      }) &&
      kindOf(this.config.answers).areClasses(classes, this.config);
    if (!fits) throw otherTask();
  }
}

const refuse = (where: string, problem: string, remedy: string): never => {
  throw new ExportError("ILE206", where, problem, remedy);
};

const otherTask = (): ExportError =>
  new ExportError("ILE203", "task", "what it holds is not what the learner has made", "Adapt to the examples again");

/** An input that is told from a list of them by its type alone: a path or text, bytes, numbers, a row. */
export type OneInput = string | Uint8Array | Float32Array | Readonly<Record<string, unknown>>;

interface TaskParts<A> {
  readonly learner: ExportedLearner<A>;
  readonly held: Held;
  readonly steps: number;
  /** Of all examples, those among them that were not kept. */
  readonly ids: readonly string[];
  readonly state: PortableArrays;
}

/** An exported learner adapted to one task: a value, of which others are made. */
export class ExportedTask<A = ExportedAnswer> {
  /** Names of the classes, in the order of first appearance; none where numbers are predicted. */
  readonly classes: readonly string[];
  /** Adaptation steps that it took. */
  readonly steps: number;
  /** Of the examples that it was adapted to, in their order. */
  readonly ids: readonly string[];
  private readonly parts: TaskParts<A>;

  /** @internal */
  constructor(parts: TaskParts<A>) {
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
  predict(inputs: readonly OneInput[]): Promise<readonly A[]>;
  predict(input: OneInput | number): Promise<A>;
  predict(input: unknown): Promise<A | readonly A[]>;
  async predict(input: unknown): Promise<A | readonly A[]> {
    const { learner, ...parts } = this.parts;
    const { inputs } = learner.config;
    const isList = Array.isArray(input) && !formOf(inputs).isOne(input, inputs);
    const list: readonly unknown[] = isList ? input : [input];
    if (list.length === 0)
      throw new ExportError("ILE206", "predict", "there are no inputs", "Give one, or a list of some");
    const answers = await learner.answers(list, parts);
    return isList ? answers : answers[0]!;
  }

  /**
   * All items that the learner knows, the best first, those already rated left out: of learners of ratings.
   *
   * @throws ExportError ILE206 for what it does not take, where its examples were not kept, and of other learners
   * @example const { items } = await task.recommend({ top: 3 });
   */
  async recommend(request: ExportedRecommendation = {}): Promise<Recommendations> {
    const { learner, held, state, steps } = this.parts;
    const { classes, reading } = held;
    return learner.recommendations(request, {
      held: { examples: this.examples(), classes, reading },
      ...{ state, steps },
    });
  }

  /** The task of these examples and more. @throws as `adapt`; ILE206 where its examples were not kept */
  async with(
    examples: readonly ExportedExample[],
    { signal }: Pick<ExportedAdapting, "signal"> = {},
  ): Promise<ExportedTask<A>> {
    const { learner, held, steps } = this.parts;
    const all = await learner.heldWith(examples, this.examples(), held.reading);
    signal?.throwIfAborted();
    return learner.adapted(all, steps, signal);
  }

  /** The task without some of the examples. @throws as `with`, and for ids that there are none of */
  async without(ids: readonly string[], { signal }: Pick<ExportedAdapting, "signal"> = {}): Promise<ExportedTask<A>> {
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

/** What a program holds, as it is now: it may go on changing it while files are read. */
const copyOf = (given: unknown): unknown =>
  ArrayBuffer.isView(given) && !(given instanceof DataView)
    ? (given as Uint8Array).slice()
    : Array.isArray(given)
      ? given.slice()
      : given;
