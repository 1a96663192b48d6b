import {
  type CompiledFunction,
  compile,
  type DType,
  type Executor,
  KeptPrograms,
  type NestedNumbers,
  Tensor,
  type Tree,
  tensor,
} from "@innerloop/graph";
import type { Adapter } from "../learners/learner.js";
import { unlabelledLabel } from "../tasks/semi-supervised-episodes.js";
import { type Examples, splitSeed, type Task, type TaskSource } from "../tasks/task.js";
import { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.js";
import { leavesPaddingOut, paddedRows, padExamples, padInputs } from "./padded-sizes.js";
import { requireClassIndices, sliceRows } from "./task-batch.js";

/** Values as users have them: a tensor, or nested arrays of numbers. */
export type Values = Tensor | NestedNumbers;

/** Parameters as they were at the best validation of a training. */
export interface BestParams<Params extends Tree = Tree> {
  readonly params: Params;
  /** Updates behind them. */
  readonly iteration: number;
  /** Mean loss after adaptation on the validation tasks. */
  readonly score: number;
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
  /** Class indices of a task are below it: the learner's own, since it may be trained on tasks of other classes. */
  private readonly classes: number | undefined;
  private readonly types: { readonly x: DType; readonly y: DType };

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
    const { support } = parts.tasks.train.sample(splitSeed(parts.seed, "train"), 0);
    this.classes = parts.learner.classes ?? parts.tasks.train.classes;
    this.types = { x: support.x.dtype, y: support.y.dtype };
    const predict = (adapted: Tree, x: Tensor, present?: Tensor) => this.learner.predict(adapted, x, present);
    this.predictProgram = this.compiled(predict as (...args: Tree[]) => Tensor);
  }

  /**
   * Adapts to one task.
   *
   * @param support inputs [n, ...] and targets, [n] class indices for classification
   * @param options.steps inner steps, those of training by default
   * @example const task = await run.adapt({ x: [[0.5], [1]], y: [[0.4], [0.8]] }, { steps: 10 }); await task.predict([[2]])
   */
  async adapt(
    support: { readonly x: Values; readonly y: Values },
    options: { readonly steps?: number } = {},
  ): Promise<AdaptedTask> {
    const { steps } = options;
    const y = asValues(support.y, this.types.y);
    if (this.classes !== undefined) {
      const unlabelled = this.learner.unlabelled || this.tasks.train.unlabelled;
      requireClassIndices(y, this.classes, unlabelled ? unlabelledLabel : 0);
    }
    const examples = { x: asValues(support.x, this.types.x), y };
    const rows = await this.rowsFor("support", examples.x);
    const adapted = await this.adaptProgram(steps)(this.params, rows ? padExamples(examples, rows) : examples);
    return { adapted, predict: (x) => this.predict(adapted, asValues(x, this.types.x)) };
  }

  private async predict(adapted: Tree, x: Tensor): Promise<Tensor> {
    const rows = await this.rowsFor("query", x);
    if (!rows) return this.predictProgram(adapted, x);
    const padded = padInputs(x, rows);
    return sliceRows(await this.predictProgram(adapted, padded.x, padded.present), 0, x.shape[0]!);
  }

  /** The rows that a set is padded to, if it is. */
  private async rowsFor(set: "support" | "query", { shape, data }: Tensor): Promise<number | undefined> {
    const { learner, params, tasks, seed, executor } = this;
    this.usual ??= tasks.validation.sample(splitSeed(seed, "validation"), 0);
    const usual = this.usual[set].x.shape[0];
    const rows = shape[0];
    if (!rows || !data || rows === usual) return undefined;
    const padded = await leavesPaddingOut({ learner: learner as Adapter, params, task: this.usual, executor });
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
  /** Outputs of the model: values, or logits [n, classes]. */
  predict(x: Values): Promise<Tensor>;
}

const asValues = (values: Values, dtype: DType): Tensor =>
  values instanceof Tensor ? values : tensor(values, undefined, dtype);
