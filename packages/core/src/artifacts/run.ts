import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { type EvaluateOptions, type Evaluation, evaluate } from "../evaluation/evaluate.js";
import type { Adapter } from "../learners/learner.js";
import { checkedTask, specOf } from "../tasks/source-spec.js";
import { type Examples, isCollector, splitSeed, withoutPadding } from "../tasks/task.js";
import type { TaskSpec } from "../tasks/task-spec.js";
import type { TaskSupply } from "../training/task-batch.js";
import { decodeAdapted } from "./adapted-bytes.js";
import { saveRun } from "./saving.js";
import { type AdaptedTask, TrainedLearner, type Values, type ValuesOf } from "./trained-learner.js";

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

/** The parts of a run. */
export interface RunParts<Params extends Tree, X extends Tree, Y extends Tree, Out extends Tree> {
  readonly learner: Adapter<Params, Tree, X, Y, Out>;
  readonly params: Params;
  readonly iteration: number;
  readonly reason: "finished" | "interrupted" | "early stop";
  readonly best?: BestParams<Params> | undefined;
  readonly tasks: { readonly train: TaskSupply<Params, X, Y>; readonly validation: TaskSupply<Params, X, Y> };
  readonly seed: number;
  readonly executor: Executor;
}

/**
 * The end of a training: a learner with trained parameters, which adapts to tasks and predicts, evaluates and is saved.
 * `TrainedLearner` says how many programs that takes.
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
  /** @internal */
  readonly parts: RunParts<Params, X, Y, Out>;
  private readonly trained: TrainedLearner<Params, X, Y, Out>;

  constructor(parts: RunParts<Params, X, Y, Out>) {
    this.parts = parts;
    this.learner = parts.learner;
    this.params = parts.params;
    this.iteration = parts.iteration;
    this.reason = parts.reason;
    this.best = parts.best;
    const validation = this.specOf("validation");
    this.trained = new TrainedLearner({
      learner: parts.learner,
      params: parts.params,
      spec: this.specOf("train"),
      usualRows: { support: validation.support.rows, query: validation.query.rows },
      executor: parts.executor,
      sampledSupport: () => this.sampledSupport(),
      trainedInputs: () => this.trainedInputs(),
    });
  }

  private specOf(split: "train" | "validation"): TaskSpec<Tree, Tree> {
    const { tasks, seed } = this.parts;
    return specOf(tasks[split] as unknown as TaskSupply, { operation: "run", seed: splitSeed(seed, split) });
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
  adapt(
    support: { readonly x: ValuesOf<X>; readonly y: ValuesOf<Y>; readonly present?: Values },
    options: { readonly steps?: number } = {},
  ): Promise<AdaptedTask<X, Out>> {
    return this.trained.adapt(support, options);
  }

  /**
   * A task that it has adapted to before, from the bytes of `task.toBytes()`: they may come from anyone.
   *
   * @throws TrainingError ILR201 where they are damaged, ILR202 where they are of other parameters
   * @example const task = await run.restore(await readFile("cat-or-dog.task"))
   */
  restore(bytes: Uint8Array): Promise<AdaptedTask<X, Out>> {
    return this.trained.restore(decodeAdapted(bytes));
  }

  /** Inputs of a task of training; of collectors, which have none by themselves, undefined. */
  private trainedInputs(): Tree | undefined {
    const { tasks, seed } = this.parts;
    if (isCollector(tasks.train)) return undefined;
    return checkedTask(tasks.train, splitSeed(seed, "train"), 0, { operation: "run" }).support.x;
  }

  /** The support set of a task that it adapts to, without padding; of collectors undefined. */
  private sampledSupport(): Examples<Tree, Tree> | undefined {
    const { tasks, seed } = this.parts;
    if (isCollector(tasks.validation)) return undefined;
    return withoutPadding(tasks.validation.sample(splitSeed(seed, "validation"), 0)).support;
  }

  /**
   * Gives back the memory of the programs that adapting and predicting compiled. The run can still be used: they are
   * compiled again when they are needed. Those of other runs, and the executor, stay.
   *
   * @example await run.release()
   */
  release(): Promise<void> {
    return this.trained.release();
  }

  /**
   * Writes the run into a folder, all or nothing: its parameters, those of the best validation, and what it was trained
   * on. Learner and tasks are a program's, and are given again where it is loaded.
   *
   * @throws TrainingError ILR108 where there is no file system; RunError ILN01 where the folder is not empty
   * @example
   * await run.save("runs/mine");
   * const model = await load("runs/mine", { experiment: { learner, tasks, optimizer } });
   */
  save(folder: string): Promise<void> {
    return saveRun(this.parts as unknown as RunParts<Tree, Tree, Tree, Tree>, folder);
  }

  /** The same run with the parameters of its best validation; itself where there was none. */
  atBest(): Run<Params, X, Y, Out> {
    const { best, parts } = this;
    return best ? new Run({ ...parts, best, params: best.params, iteration: best.iteration }) : this;
  }

  /** Adapts to many held-out tasks: those of the validation source unless others are given. */
  evaluate(options: Partial<Omit<EvaluateOptions<X, Y, Out>, "learner" | "params">> = {}): Promise<Evaluation> {
    const { learner, params } = this;
    const { executor, seed, tasks } = this.parts;
    return evaluate({ tasks: tasks.validation, executor, seed, ...options, learner, params });
  }
}
