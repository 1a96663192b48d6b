import {
  type CompiledFunction,
  compile,
  type Executor,
  KeptPrograms,
  type NestedNumbers,
  type Tensor,
  type Tree,
  type TypedArray,
} from "@innerloop/graph";
import { type EvaluateOptions, type Evaluation, evaluate } from "../evaluation/evaluate.js";
import type { Adapter } from "../learners/learner.js";
import { type Examples, splitSeed, type Task, type TaskSource, withoutPadding } from "../tasks/task.js";
import {
  enteredExamples,
  enteredInputs,
  expectedBy,
  finiteResult,
  type LabelRange,
  labelsOf,
} from "../tasks/value-gate.js";
import { checkedTask, classesOf, sliceRows, traced } from "../training/task-batch.js";
import { wholeOption } from "../training/training-error.js";
import { leavesPaddingOut, paddedRows, padExamples, padInputs } from "./padded-sizes.js";

/** Values as users have them: a tensor, nested arrays of numbers, or typed arrays, one for all rows or one for each. */
export type Values = Tensor | NestedNumbers | TypedArray | readonly TypedArray[];

/** Parameters as they were at the best validation of a training. */
export interface BestParams<Params extends Tree = Tree> {
  readonly params: Params;
  /** Updates behind them. */
  readonly iteration: number;
  /** The figure that they are the best by, after adaptation to the validation tasks. */
  readonly score: number;
  /** Its name, where it is not the loss. */
  readonly by?: string;
}

/** Bytes that models which stay loaded for one size or another may take. */
const keptBytes = 2 ** 26;

/**
 * A learner with trained parameters: adapts to tasks and predicts.
 *
 * A program is compiled for each number of steps and each size of support and query set. Sets of other sizes than in
 * training are padded to one of a few sizes, which changes results by rounding at most; where the learner, its model or
 * its loss is of the user's own and does not leave padding out, they are not. The programs used last are kept.
 */
export class Run<Params extends Tree = Tree> {
  readonly learner: Adapter<Params>;
  readonly params: Params;
  /** Updates that the parameters have behind them. */
  readonly iteration: number;
  /** The parameters of the best validation, where there was one. */
  readonly best: BestParams<Params> | undefined;
  /** Why training ended. */
  readonly reason: "finished" | "interrupted" | "early stop";
  private readonly tasks: { readonly train: TaskSource; readonly validation: TaskSource };
  private readonly seed: number;
  private readonly executor: Executor;
  private readonly adaptPrograms = new Map<number | undefined, CompiledFunction<readonly Tree[], Tree>>();
  private readonly predictProgram: CompiledFunction<readonly Tree[], Tensor>;
  private readonly kept = new KeptPrograms({ bytes: keptBytes });
  /** A task as it adapts to them. */
  private usual: Task | undefined;
  /** A task that it was trained on: what examples look like. */
  private readonly seen: Task;
  private knownLabels: { readonly support?: LabelRange } | undefined;

  constructor(parts: {
    readonly learner: Adapter<Params>;
    readonly params: Params;
    readonly iteration: number;
    readonly reason: Run["reason"];
    readonly best?: BestParams<Params> | undefined;
    readonly tasks: { readonly train: TaskSource; readonly validation: TaskSource };
    readonly seed: number;
    readonly executor: Executor;
  }) {
    this.learner = parts.learner;
    this.params = parts.params;
    this.iteration = parts.iteration;
    this.reason = parts.reason;
    this.best = parts.best;
    this.tasks = parts.tasks;
    this.seed = parts.seed;
    this.executor = parts.executor;
    this.seen = checkedTask(parts.tasks.train, splitSeed(parts.seed, "train"), 0, { operation: "run" });
    const predict = (adapted: Tree, x: Tensor, present?: Tensor) => this.learner.predict(adapted, x, present);
    this.predictProgram = this.compiled(predict as (...args: Tree[]) => Tensor);
  }

  /** What targets of a task are: of class indices, those that the learner tells apart. */
  private get labels(): LabelRange | undefined {
    const { learner, params, tasks, seen } = this;
    this.knownLabels ??= labelsOf(
      learner,
      tasks.train,
      learner.classes ?? tasks.train.classes ?? classesOf(learner, () => traced(learner, params, seen)),
      (n) => `this run tells ${n} classes apart`,
    );
    return this.knownLabels.support;
  }

  /**
   * Adapts to one task.
   *
   * @param support inputs [n, ...] and targets, [n] class indices for classification, of the shapes that the tasks of
   *   training have; and `present` [n], where some rows are padding
   * @param options.steps inner steps, those of training by default
   * @throws TrainingError ILR101 where `steps` is no whole number; ILR105 where a value is not finite, no label or of another shape; ILR106 where adaptation diverges
   * @example const task = await run.adapt({ x: [[0.5], [1]], y: [[0.4], [0.8]] }, { steps: 10 }); await task.predict([[2]])
   */
  async adapt(
    support: { readonly x: Values; readonly y: Values; readonly present?: Values },
    options: { readonly steps?: number } = {},
  ): Promise<AdaptedTask> {
    const { steps } = options;
    if (steps !== undefined) wholeOption("steps", steps, 0);
    const expected = expectedBy(this.seen.support);
    const examples = enteredExamples("run.adapt", support, expected, this.labels);
    const trained = (): Tensor => this.seen.support.x;
    const rows = await this.rowsFor("support", examples.x, examples);
    const adapted = finiteResult(
      "run.adapt",
      await this.adaptProgram(steps)(this.params, rows ? padExamples(examples, rows) : examples),
      { x: examples.x, trained, steps: steps ?? this.learner.steps },
    );
    const predict = async (values: Values): Promise<Tensor> => {
      const x = enteredInputs("task.predict", values, expected);
      return finiteResult("task.predict", await this.predicted(adapted, x, examples), {
        x,
        support: examples.x,
        trained,
      });
    };
    return { adapted, predict };
  }

  private async predicted(adapted: Tree, x: Tensor, support: Examples): Promise<Tensor> {
    const rows = await this.rowsFor("query", x, support);
    if (!rows) return this.predictProgram(adapted, x);
    const padded = padInputs(x, rows);
    return sliceRows(await this.predictProgram(adapted, padded.x, padded.present), 0, x.shape[0]!);
  }

  /** The rows that a set is padded to, if it is. */
  private async rowsFor(
    set: "support" | "query",
    { shape, data }: Tensor,
    given: Examples,
  ): Promise<number | undefined> {
    const { learner, params, tasks, seed, executor } = this;
    this.usual ??= tasks.validation.sample(splitSeed(seed, "validation"), 0);
    const usual = this.usual[set].x.shape[0];
    const rows = shape[0];
    if (!rows || !data || rows === usual) return undefined;
    // Some learners are trained on queries alone, and their support sets hold a row that means nothing.
    const { support } = withoutPadding(this.usual);
    const tried = support.x.shape[0]! > 1 ? support : given;
    const padded = await leavesPaddingOut({ learner: learner as Adapter, params, support: tried, executor });
    return padded ? paddedRows(rows, usual) : undefined;
  }

  private adaptProgram(steps: number | undefined): CompiledFunction<readonly Tree[], Tree> {
    let program = this.adaptPrograms.get(steps);
    if (!program) {
      const adapt = (params: Params, examples: Examples): Tree =>
        this.learner.adapt(params, examples, steps === undefined ? {} : { steps });
      program = this.compiled(adapt as unknown as (...args: Tree[]) => Tree);
      this.adaptPrograms.set(steps, program);
    }
    return program;
  }

  private compiled<Result extends Tree>(f: (...args: Tree[]) => Result): CompiledFunction<readonly Tree[], Result> {
    return compile(f, { executor: this.executor, alone: true, kept: this.kept });
  }

  /**
   * Gives back the memory of the programs that adapting and predicting compiled. The run can still be used: they are
   * compiled again when they are needed. Those of other runs, and the executor, stay.
   *
   * @example await run.release()
   */
  async release(): Promise<void> {
    await Promise.all([...this.adaptPrograms.values(), this.predictProgram].map((program) => program.release()));
    this.adaptPrograms.clear();
  }

  /** The same run with the parameters of its best validation; itself where there was none. */
  atBest(): Run<Params> {
    const { learner, reason, tasks, seed, executor, best } = this;
    return best ? new Run({ learner, reason, tasks, seed, executor, best, ...best }) : this;
  }

  /** Adapts to many held-out tasks: those of the validation source unless others are given. */
  evaluate(options: Partial<Omit<EvaluateOptions, "learner" | "params">> = {}): Promise<Evaluation> {
    const { learner, params, executor, seed } = this;
    return evaluate({ tasks: this.tasks.validation, executor, seed, ...options, learner: learner as Adapter, params });
  }
}

/** A model adapted to one task. */
export interface AdaptedTask {
  /** What the learner made of the support set: parameters, prototypes, ... */
  readonly adapted: Tree;
  /**
   * Outputs of the model for inputs [n, ...]: values, or logits [n, classes].
   *
   * @throws TrainingError ILR105 where an input is not finite or of another shape, ILR106 where an output is not finite
   */
  predict(x: Values): Promise<Tensor>;
}
