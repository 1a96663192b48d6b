import {
  type CompiledFunction,
  compile,
  type Executor,
  KeptPrograms,
  leaves,
  mapTree,
  type NestedNumbers,
  type Tensor,
  type Tree,
  type TypedArray,
} from "@innerloop/graph";
import type { Adapter, AnyAdapter } from "../learners/learner.js";
import { enteredExamples, enteredInputs } from "../tasks/entered-examples.js";
import type { Examples } from "../tasks/task.js";
import { classesIn, rowsOf, symbolicTask, type TaskSpec } from "../tasks/task-spec.js";
import { finiteResult, type LabelRange, labelsOf } from "../tasks/value-gate.js";
import { classesOf, sliceRows, traced } from "../training/task-batch.js";
import { TrainingError, wholeOption } from "../training/training-error.js";
import { type AdaptedContent, adaptedPrefix, encodeAdapted, paramsDigest } from "./adapted-bytes.js";
import { filled, named } from "./named-tensors.js";
import { leavesPaddingOut, paddedRows, padExamples, padInputs } from "./padded-sizes.js";

/** Values as users have them: a tensor, nested arrays of numbers, or typed arrays, one for all rows or one for each. */
export type Values = Tensor | NestedNumbers | TypedArray | readonly TypedArray[];

/** Values in nested plain objects and lists, as the tensors that they are for. */
export type ValueTree = Values | readonly ValueTree[] | { readonly [name: string]: ValueTree };

/** Values for a tree of tensors: those of a tensor are one `Values`. */
export type ValuesOf<T> = T extends Tensor
  ? Values
  : { readonly [K in keyof T]: Tree extends T[K] ? ValueTree : ValuesOf<T[K]> };

/** Bytes that models which stay loaded for one size or another may take. */
const keptBytes = 2 ** 26;

/** The parts of a trained learner. */
export interface TrainedLearnerParts<Params extends Tree, X extends Tree, Y extends Tree, Out extends Tree> {
  readonly learner: Adapter<Params, Tree, X, Y, Out>;
  readonly params: Params;
  /** The look of the tasks that it adapts to. */
  readonly spec: TaskSpec<Tree, Tree>;
  /** Rows of the sets that it meets most, which are not padded; those of the spec unless given. */
  readonly usualRows?: { readonly support: number; readonly query: number };
  readonly executor: Executor;
  /** A support set of a task like those, without padding; the set that is given unless there is one. */
  readonly sampledSupport?: () => Examples<Tree, Tree> | undefined;
  /** Inputs of a task that it was trained on, to blame others by. */
  readonly trainedInputs?: () => Tree | undefined;
  /** Outputs made of predictions, in the graph that predicts; the predictions themselves unless given. */
  readonly outputs?: (prediction: Out) => Out;
}

/**
 * A learner with trained parameters: adapts to tasks and predicts.
 *
 * A program is compiled for each number of steps and each size of support and query set. Sets of other sizes than the
 * usual are padded to one of a few sizes, which changes results by rounding at most; where the learner, its model or its
 * loss is of the user's own and does not leave padding out, they are not. The programs used last are kept.
 */
export class TrainedLearner<
  Params extends Tree = Tree,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  readonly learner: Adapter<Params, Tree, X, Y, Out>;
  readonly params: Params;
  private readonly parts: TrainedLearnerParts<Params, X, Y, Out>;
  private readonly adaptPrograms = new Map<number | undefined, CompiledFunction<readonly Tree[], Tree>>();
  private readonly predictProgram: CompiledFunction<readonly Tree[], Out>;
  private readonly kept = new KeptPrograms({ bytes: keptBytes });
  /** That of a task that it adapts to, once it was asked for. */
  private usualSupport: Examples<Tree, Tree> | undefined;
  private knownDigest: string | undefined;
  private knownLabels: { readonly support?: LabelRange } | undefined;

  constructor(parts: TrainedLearnerParts<Params, X, Y, Out>) {
    this.parts = parts;
    this.learner = parts.learner;
    this.params = parts.params;
    const { outputs = (prediction: Out) => prediction } = parts;
    const predict = (adapted: Tree, x: X, present?: Tensor) => outputs(this.learner.predict(adapted, x, present));
    this.predictProgram = this.compiled(predict as (...args: Tree[]) => Out);
  }

  /** What targets of a task are: of class indices, those that the learner tells apart. */
  private get labels(): LabelRange | undefined {
    const { learner, params } = this;
    const { spec } = this.parts;
    this.knownLabels ??= labelsOf(
      learner,
      spec,
      learner.classes ??
        classesIn(spec) ??
        classesOf(learner, () => traced(learner as AnyAdapter<Params>, params, symbolicTask(spec))),
      (n) => `this run tells ${n} classes apart`,
    );
    return this.knownLabels.support;
  }

  /**
   * Adapts to one task.
   *
   * @param support inputs [n, ...] and targets, [n] class indices for classification, of the shapes that the tasks of
   *   training have, trees of them as theirs are; and `present` [n], where some rows are padding: all of them, for a learner that
   *   was trained to answer without examples too
   * @param options.steps inner steps, those of training by default
   * @throws TrainingError ILR101 where `steps` is no whole number; ILR105 where a value is not finite, no label or of another shape; ILR106 where adaptation diverges
   */
  async adapt(
    support: { readonly x: ValuesOf<X>; readonly y: ValuesOf<Y>; readonly present?: Values },
    options: { readonly steps?: number } = {},
  ): Promise<AdaptedTask<X, Out>> {
    const { steps } = options;
    if (steps !== undefined) wholeOption("steps", steps, 0);
    const { spec, trainedInputs } = this.parts;
    const examples = enteredExamples("run.adapt", support, spec, this.labels);
    const trained = (): Tree | undefined => trainedInputs?.();
    const rows = await this.rowsFor("support", examples.x, examples);
    const adapted = finiteResult(
      "run.adapt",
      await this.adaptProgram(steps)(this.params, rows ? padExamples(examples, rows) : examples),
      { x: examples.x, trained, steps: steps ?? this.learner.steps },
    );
    return this.taskOf(adapted, examples, steps);
  }

  /**
   * A task that was adapted to before, from its bytes.
   *
   * @throws TrainingError ILR202 where they are of another learner or other parameters; ILR105, ILR106 for values that are
   *   none
   */
  async restore({ adapted: tensors, support, steps, model }: AdaptedContent): Promise<AdaptedTask<X, Out>> {
    const ofAnother = { where: "adapted task", remedy: "Restore it with the model that it was adapted with" } as const;
    const refuse = (problem: string): never => {
      throw new TrainingError("ILR202", ofAnother.where, problem, ofAnother.remedy);
    };
    if (model !== this.digest()) refuse("it was adapted with other parameters");
    const examples = enteredExamples("restore", support, this.parts.spec, this.labels);
    const rows = await this.rowsFor("support", examples.x, examples);
    const given = (rows ? padExamples(examples, rows) : examples) as Examples<X, Y>;
    // Not computed: what it looks like does not depend on how many steps there were.
    const expected = this.learner.adapt(this.params, given, steps === undefined ? {} : { steps: Math.min(steps, 1) });
    if (Object.keys(tensors).length !== leaves(expected).length) refuse("it is of another learner");
    const found = filled(adaptedPrefix, expected, tensors, ofAnother);
    const adapted = finiteResult("restore", found, { x: examples.x, trained: () => undefined });
    return this.taskOf(adapted, examples, steps);
  }

  /** The digest of the parameters, made once. */
  private digest(): string {
    this.knownDigest ??= paramsDigest(this.params);
    return this.knownDigest;
  }

  private taskOf(adapted: Tree, examples: Examples<Tree, Tree>, steps: number | undefined): AdaptedTask<X, Out> {
    const { spec, trainedInputs } = this.parts;
    const trained = (): Tree | undefined => trainedInputs?.();
    const predict = async (values: ValuesOf<X>): Promise<Out> => {
      const x = enteredInputs("task.predict", values, spec);
      return finiteResult("task.predict", await this.predicted(adapted, x, examples), {
        x,
        support: examples.x,
        trained,
      });
    };
    const support = rowsOf(examples.x) > 0 ? examples : padExamples(examples, 1);
    const toBytes = (told = ""): Uint8Array =>
      encodeAdapted({ adapted: named(adaptedPrefix, adapted), support, steps, model: this.digest(), told });
    return { adapted, predict, toBytes };
  }

  private async predicted(adapted: Tree, x: Tree, support: Examples<Tree, Tree>): Promise<Out> {
    const rows = await this.rowsFor("query", x, support);
    if (!rows) return this.predictProgram(adapted, x);
    const padded = padInputs(x, rows);
    const all = await this.predictProgram(adapted, padded.x, padded.present);
    return mapTree((leaf) => sliceRows(leaf, 0, rowsOf(x)), all);
  }

  /** The rows that a set is padded to, if it is. */
  private async rowsFor(set: "support" | "query", x: Tree, given: Examples<Tree, Tree>): Promise<number | undefined> {
    const { learner, params } = this;
    const { spec, usualRows, executor, sampledSupport } = this.parts;
    const usual = usualRows?.[set] ?? spec[set].rows;
    const rows = rowsOf(x);
    // A set of none is a row that is not there.
    if (rows === 0 && set === "support") return Math.max(1, usual);
    if (rows === 0 || rows === usual) return undefined;
    if (rowsOf(given.x) === 0) return paddedRows(rows, usual);
    this.usualSupport ??= sampledSupport?.();
    // Some learners are trained on queries alone, and their support sets hold a row that means nothing.
    const tried = this.usualSupport && rowsOf(this.usualSupport.x) > 1 ? this.usualSupport : given;
    const padded = await leavesPaddingOut({ learner: learner as AnyAdapter, params, support: tried, executor });
    return padded ? paddedRows(rows, usual) : undefined;
  }

  private adaptProgram(steps: number | undefined): CompiledFunction<readonly Tree[], Tree> {
    let program = this.adaptPrograms.get(steps);
    if (!program) {
      const adapt = (params: Params, examples: Examples<X, Y>): Tree =>
        this.learner.adapt(params, examples, steps === undefined ? {} : { steps });
      program = this.compiled(adapt as unknown as (...args: Tree[]) => Tree);
      this.adaptPrograms.set(steps, program);
    }
    return program;
  }

  private compiled<Result extends Tree>(f: (...args: Tree[]) => Result): CompiledFunction<readonly Tree[], Result> {
    return compile(f, { executor: this.parts.executor, alone: true, kept: this.kept });
  }

  /** Gives back the memory of the programs that it has compiled; they are compiled again when they are needed. */
  async release(): Promise<void> {
    await Promise.all([...this.adaptPrograms.values(), this.predictProgram].map((program) => program.release()));
    this.adaptPrograms.clear();
  }
}

/** A model adapted to one task. */
export interface AdaptedTask<X extends Tree = Tensor, Out extends Tree = Tensor> {
  /** What the learner made of the support set: parameters, prototypes, ... */
  readonly adapted: Tree;
  /**
   * Outputs of the model for inputs [n, ...], or a tree of them: values, or logits [n, classes].
   *
   * @throws TrainingError ILR105 where an input is not finite or of another shape, ILR106 where an output is not finite
   */
  predict(x: ValuesOf<X>): Promise<Out>;
  /**
   * Bytes that the run restores it from, with the examples that it was adapted to: safetensors.
   *
   * @param told a text to keep beside it
   */
  toBytes(told?: string): Uint8Array;
}
