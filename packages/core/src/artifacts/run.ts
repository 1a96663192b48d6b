import {
  type CompiledFunction,
  compile,
  type Executor,
  KeptPrograms,
  mapTree,
  type NestedNumbers,
  type Tensor,
  type Tree,
  type TypedArray,
} from "@innerloop/graph";
import { type EvaluateOptions, type Evaluation, evaluate } from "../evaluation/evaluate.js";
import type { Adapter, AnyAdapter } from "../learners/learner.js";
import { enteredExamples, enteredInputs } from "../tasks/entered-examples.js";
import { checkedTask, specOf } from "../tasks/source-spec.js";
import { type Examples, isCollector, splitSeed, withoutPadding } from "../tasks/task.js";
import { classesIn, rowsOf, symbolicTask, type TaskSpec } from "../tasks/task-spec.js";
import { finiteResult, type LabelRange, labelsOf } from "../tasks/value-gate.js";
import { classesOf, sliceRows, type TaskSupply, traced } from "../training/task-batch.js";
import { wholeOption } from "../training/training-error.js";
import { leavesPaddingOut, paddedRows, padExamples, padInputs } from "./padded-sizes.js";

/** Values as users have them: a tensor, nested arrays of numbers, or typed arrays, one for all rows or one for each. */
export type Values = Tensor | NestedNumbers | TypedArray | readonly TypedArray[];

/** Values in nested plain objects and lists, as the tensors that they are for. */
export type ValueTree = Values | readonly ValueTree[] | { readonly [name: string]: ValueTree };

/** Values for a tree of tensors: those of a tensor are one `Values`. */
export type ValuesOf<T> = T extends Tensor
  ? Values
  : { readonly [K in keyof T]: Tree extends T[K] ? ValueTree : ValuesOf<T[K]> };

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
export class Run<
  Params extends Tree = Tree,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  readonly learner: Adapter<Params, Tree, X, Y, Out>;
  readonly params: Params;
  /** Updates that the parameters have behind them. */
  readonly iteration: number;
  /** The parameters of the best validation, where there was one. */
  readonly best: BestParams<Params> | undefined;
  /** Why training ended. */
  readonly reason: "finished" | "interrupted" | "early stop";
  private readonly tasks: { readonly train: TaskSupply<Params, X, Y>; readonly validation: TaskSupply<Params, X, Y> };
  private readonly seed: number;
  private readonly executor: Executor;
  private readonly adaptPrograms = new Map<number | undefined, CompiledFunction<readonly Tree[], Tree>>();
  private readonly predictProgram: CompiledFunction<readonly Tree[], Out>;
  private readonly kept = new KeptPrograms({ bytes: keptBytes });
  /** That of a task that it adapts to, once it was asked for. */
  private usualSupport: Examples<Tree, Tree> | undefined;
  /** The look of tasks of training, and of what it adapts to. */
  private readonly spec: TaskSpec<Tree, Tree>;
  private knownLabels: { readonly support?: LabelRange } | undefined;

  constructor(parts: {
    readonly learner: Adapter<Params, Tree, X, Y, Out>;
    readonly params: Params;
    readonly iteration: number;
    readonly reason: Run["reason"];
    readonly best?: BestParams<Params> | undefined;
    readonly tasks: { readonly train: TaskSupply<Params, X, Y>; readonly validation: TaskSupply<Params, X, Y> };
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
    this.spec = this.specOf("train");
    const predict = (adapted: Tree, x: X, present?: Tensor) => this.learner.predict(adapted, x, present);
    this.predictProgram = this.compiled(predict as (...args: Tree[]) => Out);
  }

  private specOf(split: "train" | "validation"): TaskSpec<Tree, Tree> {
    const supply = this.tasks[split] as unknown as TaskSupply;
    return specOf(supply, { operation: "run", seed: splitSeed(this.seed, split) });
  }

  /** What targets of a task are: of class indices, those that the learner tells apart. */
  private get labels(): LabelRange | undefined {
    const { learner, params, spec } = this;
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
   *   training have, trees of them as theirs are; and `present` [n], where some rows are padding
   * @param options.steps inner steps, those of training by default
   * @throws TrainingError ILR101 where `steps` is no whole number; ILR105 where a value is not finite, no label or of another shape; ILR106 where adaptation diverges
   * @example const task = await run.adapt({ x: [[0.5], [1]], y: [[0.4], [0.8]] }, { steps: 10 }); await task.predict([[2]])
   */
  async adapt(
    support: { readonly x: ValuesOf<X>; readonly y: ValuesOf<Y>; readonly present?: Values },
    options: { readonly steps?: number } = {},
  ): Promise<AdaptedTask<X, Out>> {
    const { steps } = options;
    if (steps !== undefined) wholeOption("steps", steps, 0);
    const { spec } = this;
    const examples = enteredExamples("run.adapt", support, spec, this.labels);
    const trained = (): Tree | undefined => this.trainedInputs();
    const rows = await this.rowsFor("support", examples.x, examples);
    const adapted = finiteResult(
      "run.adapt",
      await this.adaptProgram(steps)(this.params, rows ? padExamples(examples, rows) : examples),
      { x: examples.x, trained, steps: steps ?? this.learner.steps },
    );
    const predict = async (values: ValuesOf<X>): Promise<Out> => {
      const x = enteredInputs("task.predict", values, spec);
      return finiteResult("task.predict", await this.predicted(adapted, x, examples), {
        x,
        support: examples.x,
        trained,
      });
    };
    return { adapted, predict };
  }

  /** Inputs of a task of training; of collectors, which have none by themselves, undefined. */
  private trainedInputs(): Tree | undefined {
    const { train } = this.tasks;
    if (isCollector(train)) return undefined;
    return checkedTask(train, splitSeed(this.seed, "train"), 0, { operation: "run" }).support.x;
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
    const { learner, params, executor } = this;
    const usual = this.specOf("validation")[set].rows;
    const rows = rowsOf(x);
    if (rows === 0 || rows === usual) return undefined;
    this.usualSupport ??= this.sampledSupport();
    // Some learners are trained on queries alone, and their support sets hold a row that means nothing.
    const tried = this.usualSupport && rowsOf(this.usualSupport.x) > 1 ? this.usualSupport : given;
    const padded = await leavesPaddingOut({ learner: learner as AnyAdapter, params, support: tried, executor });
    return padded ? paddedRows(rows, usual) : undefined;
  }

  /** The support set of a task that it adapts to, without padding; of collectors undefined. */
  private sampledSupport(): Examples<Tree, Tree> | undefined {
    const { validation } = this.tasks;
    if (isCollector(validation)) return undefined;
    return withoutPadding(validation.sample(splitSeed(this.seed, "validation"), 0)).support;
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
  atBest(): Run<Params, X, Y, Out> {
    const { learner, reason, tasks, seed, executor, best } = this;
    return best ? new Run({ learner, reason, tasks, seed, executor, best, ...best }) : this;
  }

  /** Adapts to many held-out tasks: those of the validation source unless others are given. */
  evaluate(options: Partial<Omit<EvaluateOptions<X, Y, Out>, "learner" | "params">> = {}): Promise<Evaluation> {
    const { learner, params, executor, seed, tasks } = this;
    return evaluate({ tasks: tasks.validation, executor, seed, ...options, learner, params });
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
}
