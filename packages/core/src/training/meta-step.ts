import {
  add,
  compile,
  type Estimate,
  type Executor,
  isFloat,
  leaves,
  mapTree,
  mul,
  paths,
  type Tensor,
  type Tree,
  toNumbers,
} from "@innerloop/graph";
import { traitsOf } from "../layers/parameter-roles.js";
import {
  type MetaGradient,
  type MetaGradientOptions,
  meanMetaGradient,
  type TaskLearner,
} from "../learners/learner.js";
import type { Optimizer } from "../optimizers/gradient-transformation.js";
import type { Examples, Task } from "../tasks/task.js";
import { outerOptimizer, outerUpdate } from "./outer-update.js";
import { sliceRows, sliceTasks, type TaskBatch } from "./task-batch.js";
import { TrainingError } from "./training-error.js";

/** The result of one meta-step: new parameters, and the loss before it. */
export interface MetaStepResult<Params extends Tree> {
  readonly params: Params;
  /** The outer optimizer's state. */
  readonly optimizer: Tree;
  /** Mean query loss of the tasks before this update of the meta-parameters. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** One outer update: new parameters and optimizer state from old ones and a batch of tasks. */
export type MetaStep<Params extends Tree, Tasks extends Tree = Task> = (
  params: Params,
  optimizer: Tree,
  batch: TaskBatch<Tasks>,
) => Promise<MetaStepResult<Params>>;

/**
 * A way of updating meta-parameters that asks more of a learner than its meta-gradient: a trust region, or several steps on
 * one batch. It makes the programs of its own step.
 */
export interface OuterMethod {
  /** For reports, and to tell checkpoints of one setting from another's. */
  readonly description: string;
  /** First state for parameters: {} where it keeps nothing from update to update. */
  init(params: Tree): Tree;
  programs<Params extends Tree, Data extends Tree>(
    setting: Omit<MetaStepSetting<Params, Data>, "optimizer">,
  ): MetaPrograms<Params, Data>;
}

/** Tells methods of their own from optimizers of a meta-gradient. */
export const isOuterMethod = (outer: Optimizer | OuterMethod): outer is OuterMethod =>
  typeof (outer as Partial<OuterMethod>).programs === "function";

/** The first state of an outer update: of an optimizer that of `outerOptimizer`, of a method its own. */
export const outerState = (learner: Pick<TaskLearner, "init">, outer: Optimizer | OuterMethod, params: Tree): Tree =>
  isOuterMethod(outer) ? outer.init(params) : outerOptimizer(learner, outer).init(params);

/** The learner, optimizer and executor of a meta-step. */
export interface MetaStepSetting<Params extends Tree, Data extends Tree = Examples> extends MetaGradientOptions {
  readonly learner: TaskLearner<Params, Tree, Data, Tree, Tree>;
  readonly optimizer: Optimizer | OuterMethod;
  readonly executor: Executor;
  readonly metaBatchSize: number;
}

/**
 * One outer update of a learner as a compiled function: the mean meta-gradient of a batch of tasks, then the optimizer.
 * `train` is a loop around it; use it for a loop of your own, or for tasks whose data are no examples. The
 * first state is outerState(learner, optimizer, params), which is that of optimizer.init(params) where the learner has no
 * fixed parameters.
 *
 * @param setting.chunkSize tasks that run at once; those of a batch by default
 */
export function metaStep<Params extends Tree, Data extends Tree = Examples>(
  setting: MetaStepSetting<Params, Data> & { readonly chunkSize?: number },
): MetaStep<Params, Sets<Data>> {
  return metaPrograms(setting).step(setting.chunkSize ?? setting.metaBatchSize);
}

/** Support and query data of a task, or of many, stacked. */
type Sets<Data extends Tree> = { readonly support: Data; readonly query: Data };

/** The compiled functions of a meta-step, for whatever number of tasks is to run at once. */
export interface MetaPrograms<Params extends Tree, Data extends Tree = Examples> {
  step(chunkSize: number): MetaStep<Params, Sets<Data>>;
  /** Bytes that one run on a processor had best take at most, where that is less than a meta-gradient's. */
  readonly runBytes?: number;
  /**
   * Estimates of what the programs take that adapt: one, and a second where the last chunk is smaller. Nothing is loaded.
   *
   * @param batch of `metaBatchSize` tasks; only its shapes matter
   */
  estimates(
    params: Params,
    optimizer: Tree,
    batch: TaskBatch<Sets<Data>>,
    chunkSize: number,
  ): Promise<[Estimate, ...Estimate[]]>;
  /** Gives back the memory of all that is loaded. */
  release(): Promise<void>;
}

/**
 * Where all tasks run at once, meta-gradient and update are one graph; else a second graph adds up the gradients of the
 * chunks, in the order of their tasks, and updates.
 */
export function metaPrograms<Params extends Tree, Data extends Tree = Examples>(
  setting: MetaStepSetting<Params, Data>,
): MetaPrograms<Params, Data> {
  type Batch = TaskBatch<Sets<Data>>;
  const { learner, executor, metaBatchSize, recompute = 0 } = setting;
  if (isOuterMethod(setting.optimizer)) return setting.optimizer.programs(setting);
  const optimizer = outerOptimizer(learner, setting.optimizer);
  type Found = { readonly params: Params; readonly optimizer: Tree; readonly loss: Tensor; readonly metrics: Metrics };
  const gradientOf = (params: Params, { tasks, keys, iteration }: Batch): Tree =>
    withoutAbsent(meanMetaGradient(learner, params, tasks, keys, { recompute, iteration }));
  const updated = (params: Params, state: Tree, chunks: readonly Tree[], weights: readonly number[]): Found => {
    const { gradient, statistics = {}, loss, metrics } = weightedSum(chunks, weights) as MetaGradient<Params>;
    const next = outerUpdate(traitsOf(learner), optimizer, { params, state, gradient, statistics });
    return { params: next.params, optimizer: next.state, loss, metrics };
  };
  const whole = compile(
    (params: Params, state: Tree, batch: Batch) => updated(params, state, [gradientOf(params, batch)], [1]),
    { executor, alone: true, meanwhile: true },
  );
  const gradientProgram = compile(gradientOf, { executor });
  const updatePrograms: { release(): Promise<void> }[] = [];

  const inChunks = (chunkSize: number): MetaStep<Params, Sets<Data>> => {
    const sizes = chunkSizes(metaBatchSize, chunkSize);
    const weights = sizes.map((size) => size / metaBatchSize);
    const updateProgram = compile(
      (params: Params, state: Tree, chunks: readonly Tree[]) => updated(params, state, chunks, weights),
      { executor },
    );
    updatePrograms.push(updateProgram);
    let prepared: Promise<unknown> | undefined;
    const prepareUpdate = async (params: Params, state: Tree, batch: Batch): Promise<void> => {
      // Compiled and loaded beside the gradient's, which it follows.
      const { result } = await gradientProgram.program(params, sliceBatch(batch, 0, chunkSize));
      await updateProgram.prepare(
        params,
        state,
        sizes.map(() => result),
      );
    };
    return async (params, state, batch) => {
      const running = Promise.all(
        sizes.map((size, i) => gradientProgram(params, sliceBatch(batch, i * chunkSize, i * chunkSize + size))),
      );
      prepared ??= prepareUpdate(params, state, batch).catch((error) => {
        // A failure is not remembered: the next step may succeed.
        prepared = undefined;
        throw error;
      });
      const [chunks] = await Promise.all([running, prepared]);
      const found = reported(await updateProgram(params, state, chunks));
      executor.recycle?.(leaves(chunks).flatMap(({ data }) => data ?? []));
      return found;
    };
  };

  const ofState = (params: Params, state: Tree): void => {
    // Where nothing is fixed, the state is that of the optimizer as it was given.
    if (optimizer === setting.optimizer) return;
    const [expected, found] = [optimizer.init(params), state].map((tree) => paths(tree).sort().join(", "));
    if (expected === found) return;
    const problem = `state of ${found}, where fixed parameters have none: ${expected}`;
    const remedy = "Start from outerOptimizer(learner, optimizer).init(params)";
    throw new TrainingError("ILR101", "optimizer", problem, remedy);
  };
  return {
    step: (chunkSize) => {
      const inOne: MetaStep<Params, Sets<Data>> = async (params, state, batch) =>
        reported(await whole(params, state, batch));
      const step = chunkSize >= metaBatchSize ? inOne : inChunks(chunkSize);
      let checked = false;
      return async (params, state, batch) => {
        if (!checked) ofState(params, state);
        checked = true;
        return step(params, state, batch);
      };
    },
    estimates: async (params, state, batch, chunkSize) => {
      if (chunkSize >= metaBatchSize) return [await whole.estimate(params, state, batch)];
      const of = (size: number) => gradientProgram.estimate(params, sliceBatch(batch, 0, size));
      const last = chunkSizes(metaBatchSize, chunkSize).at(-1)!;
      return last === chunkSize ? [await of(chunkSize)] : [await of(chunkSize), await of(last)];
    },
    release: async () => {
      await Promise.all([whole, gradientProgram, ...updatePrograms].map((program) => program.release()));
    },
  };
}

/** @internal Tasks of each chunk of a batch: all as large but the last, which has the rest. */
export function chunkSizes(total: number, chunkSize: number): number[] {
  return Array.from({ length: Math.ceil(total / chunkSize) }, (_, i) => Math.min(chunkSize, total - i * chunkSize));
}

/** @internal Some of the tasks of a batch. */
export const sliceBatch = <Tasks extends Tree>(
  { tasks, keys, iteration }: TaskBatch<Tasks>,
  start: number,
  stop: number,
): TaskBatch<Tasks> => ({
  iteration,
  tasks: sliceTasks(tasks, start, stop),
  keys: sliceRows(keys, start, stop),
});

function reported<Params extends Tree>(found: {
  readonly params: Params;
  readonly optimizer: Tree;
  readonly loss: Tensor;
  readonly metrics: Metrics;
}): MetaStepResult<Params> {
  return {
    ...found,
    loss: toNumbers(found.loss)[0]!,
    metrics: Object.fromEntries(Object.entries(found.metrics).map(([name, value]) => [name, toNumbers(value)[0]!])),
  };
}

type Metrics = { readonly [name: string]: Tensor };

/** As a tree: what is not there has no leaves. */
function withoutAbsent({ statistics = {}, ...rest }: MetaGradient<Tree>): Tree {
  return { ...rest, statistics };
}

/** w_0 t_0 + w_1 t_1 + ..., leaf by leaf in this order; leaves that are not floating-point have no sum and stay. */
function weightedSum(trees: readonly Tree[], weights: readonly number[]): Tree {
  const [first, ...others] = trees as [Tree, ...Tree[]];
  return mapTree(
    (...leaves) =>
      isFloat(leaves[0].dtype)
        ? leaves.map((leaf, i) => mul(leaf, weights[i]!)).reduce((a, b) => add(a, b))
        : leaves[0],
    first,
    ...others,
  );
}
