import { type Executor, leaves, paths, type Tensor, type Tree } from "@innerloop/graph";
import { type BestParams, Run } from "../artifacts/run.js";
import { type Evaluation, type EvaluationRow, evaluate, evaluator } from "../evaluation/evaluate.js";
import { type AnyLearner, type Learner, measured } from "../learners/learner.js";
import { figuresOf, lossDescription, lossName } from "../losses/figures.js";
import type { FigureDescription } from "../losses/metric.js";
import type { Optimizer } from "../optimizers/gradient-transformation.js";
import { specOf } from "../tasks/source-spec.js";
import { type Collector, isCollector, splitSeed, type Task, type TaskSource } from "../tasks/task.js";
import { symbolicTask } from "../tasks/task-spec.js";
import { hugeValue } from "../tasks/value-gate.js";
import {
  type CheckpointStore,
  decodeCheckpoint,
  decodeParams,
  encodeCheckpoint,
  keyWithin,
  type TrainingState,
} from "./checkpoint.js";
import { keyInMemory, planTraining, requireFit, type TrainingPlan } from "./chunks.js";
import { defaultExecutor } from "./default-executor.js";
import { eventLoopTurn } from "./event-loop.js";
import { metaPrograms, type OuterMethod, outerState } from "./meta-step.js";
import { progressLine, terminal } from "./progress.js";
import {
  batchOf,
  drawTasks,
  supplyFor,
  type TaskBatch,
  type TaskSupply,
  taskBatch,
  traced,
  trainingRules,
} from "./task-batch.js";
import { TrainingError, wholeOption } from "./training-error.js";

/** Events of a training, in order. `iteration` counts updates done. */
export type TrainingEvent =
  | {
      readonly type: "start";
      readonly iteration: number;
      readonly iterations: number;
      readonly chunkSize: number;
      /** Inner steps that are computed again together; 0: none. */
      readonly recompute: number;
      readonly parameters: number;
      /** The figures of its losses and metrics as they are to be read, the leading one first. */
      readonly figures: readonly FigureDescription[];
    }
  | {
      readonly type: "iteration";
      readonly iteration: number;
      readonly loss: number;
      readonly metrics: Readonly<Record<string, number>>;
    }
  | { readonly type: "validation"; readonly iteration: number; readonly evaluation: Evaluation; readonly best: boolean }
  | { readonly type: "checkpoint"; readonly iteration: number }
  | { readonly type: "warning"; readonly iteration: number; readonly message: string }
  | { readonly type: "end"; readonly iteration: number; readonly reason: "finished" | "interrupted" | "early stop" };

/** Options of `train`. */
export interface TrainOptions<
  Params extends Tree,
  X extends Tree = Tensor,
  Y extends Tree = Tensor,
  Out extends Tree = Tensor,
> {
  readonly learner: Learner<Params, Tree, X, Y, Out>;
  /**
   * One source for all, or one for training and one of other classes for validation. A collector collects anew for each
   * update, with the parameters of that moment; validation with those that are validated.
   */
  readonly tasks:
    | TaskSource<X, Y>
    | Collector<Params, X, Y>
    | {
        readonly train: TaskSource<X, Y> | Collector<Params, X, Y>;
        readonly validation: TaskSource<X, Y> | Collector<Params, X, Y>;
      };
  /** The outer optimizer, or a method of its own: `trustRegion` of policies. */
  readonly optimizer: Optimizer | OuterMethod;
  /** Tasks per update. */
  readonly metaBatchSize: number;
  /** Updates. */
  readonly iterations: number;
  /** Everything random follows from it. 0 by default. */
  readonly seed?: number;
  readonly executor?: Executor;
  /**
   * Bytes that the process may have. By default, where the executor knows, what it has and nine tenths of what the
   * machine can still give. A training that does not fit is refused before it starts.
   */
  readonly memoryBudget?: number;
  /** Tasks that run at once, where it is not to be worked out. */
  readonly chunkSize?: number;
  /**
   * Computes inner steps again for the meta-gradient instead of keeping what they computed: each by itself (true), or
   * so many together. The memory of K steps becomes that of one, and K copies of the parameters per task; a step takes
   * about a fifth longer. False never does; by default it is done where all else would not fit.
   */
  readonly recompute?: boolean | number;
  /** What `planTraining` made of these options, where it was asked. */
  readonly plan?: TrainingPlan<Params>;
  /** Every so many updates the learner adapts to held-out tasks. Off by default: then those that adapt in steps look at them once, at the end. */
  readonly validation?: {
    readonly every: number;
    readonly count?: number;
    /**
     * The name of the figure by which parameters are the best, in its own direction: a metric of the loss, a pooled one
     * included, or "loss", the default. `patience` goes by it, too.
     */
    readonly by?: string;
    /** Adaptation steps after which parameters are judged; the learner's own by default. Of learners that take none it means nothing. */
    readonly steps?: number;
    /**
     * The most adaptation steps that results will be about, where they are more than the learner's: looked at before it
     * is said that adaptation does not help.
     */
    readonly mostSteps?: number;
    /** Stop after so many validations without a better one. Never by default. */
    readonly patience?: number;
    /** Whether the first parameters are judged too: where nothing gets better than them, they stay the best. */
    readonly start?: boolean;
  };
  readonly checkpoints?: {
    readonly store: CheckpointStore;
    readonly every: number;
    /** Continue from the store's last checkpoint, where there is one. */
    readonly resume?: boolean;
  };
  /** Takes what happens, in order. Without it, a training in a terminal shows a line of progress on standard error. */
  readonly onEvent?: (event: TrainingEvent) => void;
  /** False for no line of progress, and warnings alone. */
  readonly progress?: boolean;
  /** Abort to stop after the current update; the checkpoint store then holds where to go on. */
  readonly signal?: AbortSignal;
}

/**
 * Meta-trains a learner: theta <- outer update(theta, mean over tasks of the meta-gradient), for so many iterations.
 *
 * Task j of iteration i is always the task at address i metaBatchSize + j, and sums are always taken in that order: a
 * run that was interrupted and resumed ends in the same bits as one that was not.
 *
 * @throws TrainingError ILR102 where the loss or a parameter is no longer a number, ILR104 where it does not fit in
 * memory, ILR105 where a task holds a value that is not finite or a label that is none, ILR107 where tasks are padded and
 * the loss or a metric takes no mask
 */
export async function train<Params extends Tree, X extends Tree, Y extends Tree, Out extends Tree>(
  options: TrainOptions<Params, X, Y, Out>,
): Promise<Run<Params, X, Y, Out>> {
  const learner: AnyLearner<Params> = options.learner;
  const { optimizer, seed = 0, validation, checkpoints, signal } = options;
  const metaBatchSize = wholeOption("metaBatchSize", options.metaBatchSize, 1);
  const iterations = wholeOption("iterations", options.iterations, 0);
  if (validation) wholeOption("validation.every", validation.every, 1);
  if (validation?.count !== undefined) wholeOption("validation.count", validation.count, 1);
  if (validation?.patience !== undefined) wholeOption("validation.patience", validation.patience, 1);
  if (validation?.steps !== undefined) wholeOption("validation.steps", validation.steps, 0);
  if (checkpoints) wholeOption("checkpoints.every", checkpoints.every, 1);
  const stream = options.onEvent || options.progress === false ? undefined : terminal();
  const progress = stream && progressLine(stream);
  const emit = (event: TrainingEvent): void => {
    progress?.onEvent(event);
    (options.onEvent ?? warnOnly)(event);
  };
  const executor = options.executor ?? (await defaultExecutor());
  const sources = sourcesOf(options);
  const trainSeed = splitSeed(seed, "train");

  let state = await initialState(options, seed, executor);
  const rules = trainingRules(learner, state.params, sources.train, trainSeed);
  const supply = sources.train;
  /** The tasks of an update of a source, which can be drawn ahead; those of a collector come with the parameters. */
  const drawnAhead = (iteration: number): TaskBatch<Task<Tree, Tree>> | undefined =>
    isCollector(supply) || iteration >= iterations
      ? undefined
      : taskBatch(supply, trainSeed, iteration, metaBatchSize, rules);
  const drawn = async (iteration: number): Promise<TaskBatch<Task<Tree, Tree>>> => {
    const at = { seed: trainSeed, first: iteration * metaBatchSize, count: metaBatchSize };
    const tasks = await drawTasks({
      ...at,
      from: supply as TaskSupply,
      params: state.params,
      rules,
      executor,
      learner,
    });
    return batchOf(tasks, { seed: trainSeed, iteration, metaBatchSize });
  };
  let batch = drawnAhead(state.iteration);
  let plan = options.plan;
  if (state.chunkSize === 0) {
    batch ??= await drawn(0);
    plan ??= await planTraining({
      learner,
      optimizer,
      executor,
      metaBatchSize,
      params: state.params,
      state: state.optimizer,
      batch,
      validationTasks: validation ? (validation.count ?? defaultValidationTasks) : 0,
      memoryBudget: options.memoryBudget,
      chunkSize: options.chunkSize,
      recompute: options.recompute,
    });
    requireFit(plan, executor);
    state = { ...state, chunkSize: plan.chunkSize, recompute: plan.recompute };
  }
  const { chunkSize, recompute } = state;
  const programs =
    plan?.recompute === recompute
      ? plan.programs
      : metaPrograms({ learner, optimizer, executor, metaBatchSize, recompute });
  const update = programs.step(chunkSize);
  const parameters = leaves(state.params).reduce((total, leaf) => total + leaf.size, 0);
  const figures = figuresOf(learner.loss);
  emit({ type: "start", iteration: state.iteration, iterations, chunkSize, recompute, parameters, figures });

  let best = await knownBest(options, state);
  /** Updates behind the last checkpoint, where there is one. */
  let kept = checkpoints && state.iteration > 0 ? state.iteration : undefined;
  const save = async (name: "last" | "best"): Promise<void> => {
    requireFiniteParameters(state, kept);
    await checkpoints?.store.save(name, encodeCheckpoint(state));
    if (checkpoints && name === "last") kept = state.iteration;
  };
  const validators = {
    learner,
    tasks: sources.validation,
    count: validation?.count ?? defaultValidationTasks,
    taskSeed: splitSeed(seed, "validation"),
    executor,
    ...(validation?.steps === undefined || learner.steps === undefined
      ? {}
      : { steps: [...new Set([0, validation.steps])] }),
  };
  const giveBack = async (error: unknown): Promise<never> => {
    progress?.end();
    await programs.release();
    throw error;
  };
  const validator = await evaluator(validators).catch(giveBack);
  const judging = async (): Promise<FigureDescription> =>
    judgeOf(options, () => validator.figures(state.params), state.best);
  const judge = await judging().catch(giveBack);
  const validated = (): Promise<Evaluation> => validator.run(state.params);
  const warningOf = async (evaluation: Evaluation): Promise<string | undefined> => {
    const { mostSteps = 0 } = validation ?? {};
    const message = adaptationWarning(evaluation);
    if (message === undefined || mostSteps <= (validation?.steps ?? learner.steps ?? mostSteps)) return message;
    const further = await evaluate({ ...validators, params: state.params, steps: [0, mostSteps] });
    return adaptationWarning(evaluation, further);
  };
  // Where nothing adapts in steps, there is no before and after to compare.
  const looksAtAdaptation = !validation && learner.steps !== undefined;
  if (iterations > 0 && (validation || looksAtAdaptation)) {
    const from = { operation: "train", seed: splitSeed(seed, "validation") };
    requireAdaptation(learner, state.params, symbolicTask(specOf(sources.validation as TaskSupply, from)));
  }
  /** Judges the parameters at hand by the validation tasks, and keeps them where they are the best so far. */
  const judgeParameters = async (): Promise<void> => {
    const { iteration, params } = state;
    const evaluation = await validated();
    const score = evaluation.rows.at(-1)!.figures[judge.name]!.mean;
    // A score that is no number is never the best: no later one would be better, and JSON has no name for it.
    const better = Number.isFinite(score) && (state.best === undefined || isBetter(judge, score, state.best.score));
    const found = { iteration, score, ...(judge.name === lossName ? {} : { by: judge.name }) };
    if (better) best = { params, ...found };
    state = {
      ...state,
      ...(better ? { best: found } : {}),
      sinceBest: better ? 0 : state.sinceBest + 1,
    };
    emit({ type: "validation", iteration, evaluation, best: better });
    // Of first parameters nobody expects that they adapt.
    const message = iteration > 0 ? await warningOf(evaluation) : undefined;
    if (message) emit({ type: "warning", iteration, message });
    if (better) await save("best");
  };
  let reason: "finished" | "interrupted" | "early stop" = "finished";
  const patienceIsOver = (): boolean => validation?.patience !== undefined && state.sinceBest >= validation.patience;
  try {
    if (validation?.start && state.iteration === 0 && iterations > 0 && !signal?.aborted) await judgeParameters();
    while (state.iteration < iterations) {
      // Before the first update too: a run that had stopped early stays stopped when it is resumed.
      if (patienceIsOver()) {
        reason = "early stop";
        break;
      }
      if (signal?.aborted) {
        reason = "interrupted";
        break;
      }
      const given = batch ?? (await drawn(state.iteration));
      // Collecting takes its time.
      if (signal?.aborted) {
        reason = "interrupted";
        break;
      }
      const running = update(state.params, state.optimizer, given);
      // Where drawing the next tasks throws, that is the error to report.
      running.catch(() => undefined);
      // The next tasks are drawn while this update runs: once what it asks of other threads is on its way to them.
      await eventLoopTurn();
      batch = drawnAhead(state.iteration + 1);
      const { params, optimizer: optimizerState, loss, metrics } = await running;
      const iteration = state.iteration + 1;
      const collected = isCollector(supply) ? supply.figures?.(given.tasks as Task<X, Y>) : undefined;
      if (!Number.isFinite(loss)) {
        throw diverged(`the loss is ${loss} at iteration ${iteration}`, { iteration, batch: given.tasks, kept });
      }
      state = { ...state, iteration, params, optimizer: optimizerState };
      emit({ type: "iteration", iteration, loss, metrics: { ...metrics, ...collected } });
      if (validation && (iteration % validation.every === 0 || iteration === iterations)) await judgeParameters();
      if (checkpoints && (iteration % checkpoints.every === 0 || iteration === iterations || patienceIsOver())) {
        await save("last");
        emit({ type: "checkpoint", iteration });
      }
    }
    if (reason === "interrupted" && checkpoints) {
      await save("last");
      emit({ type: "checkpoint", iteration: state.iteration });
    }
    requireFiniteParameters(state, kept);
    if (looksAtAdaptation && reason === "finished" && iterations > 0) {
      // No adaptation goes unchecked: where validation is off, it is looked at once.
      await programs.release();
      const message = await warningOf(await validated());
      if (message) emit({ type: "warning", iteration: state.iteration, message });
    }
  } catch (error) {
    progress?.end();
    throw error;
  } finally {
    // What comes after training has the memory for itself.
    await Promise.all([programs.release(), validator.release()]);
  }
  emit({ type: "end", iteration: state.iteration, reason });
  progress?.end();
  return new Run<Params, X, Y, Out>({
    learner: options.learner,
    params: state.params,
    iteration: state.iteration,
    reason,
    best,
    tasks: sources,
    seed,
    executor,
  });
}

function sourcesOf<Params extends Tree, X extends Tree, Y extends Tree>({
  tasks,
  learner,
}: Pick<TrainOptions<Params, X, Y, Tree>, "tasks"> & { readonly learner: Pick<AnyLearner, "steps"> }): {
  readonly train: TaskSupply<Params, X, Y>;
  readonly validation: TaskSupply<Params, X, Y>;
} {
  const isSupply = (value: unknown): value is TaskSupply<Params, X, Y> =>
    (["sample", "collect"] as const).some(
      (way) => typeof (value as Readonly<Record<string, unknown>> | undefined | null)?.[way] === "function",
    );
  if (isSupply(tasks)) return { train: supplyFor(learner, tasks), validation: tasks };
  if (isSupply(tasks?.train) && isSupply(tasks.validation))
    return { train: supplyFor(learner, tasks.train), validation: tasks.validation };
  const problem = tasks ? "one of train and validation is no source of tasks" : `they are ${tasks}`;
  const remedy = "Give a source, or { train, validation }: objects with `sample`, or with `collect`";
  throw new TrainingError("ILR101", "tasks", problem, remedy);
}

/** Tasks that adaptation is looked at on, unless `validation.count` says otherwise. */
const defaultValidationTasks = 100;

/**
 * The figure that the best parameters are chosen by.
 *
 * @param figures those of a validation, asked only where one is named
 * @throws TrainingError ILR101 where there is no such figure, or neither more nor less of it is better; ILR202 where a
 *   checkpoint's best was chosen by another
 */
function judgeOf(
  { learner, validation }: Pick<TrainOptions<Tree, Tree, Tree, Tree>, "learner" | "validation">,
  figures: () => readonly FigureDescription[],
  best: TrainingState["best"],
): FigureDescription {
  const { by = lossName } = validation ?? {};
  const known = by === lossName ? [lossDescription(learner.loss)] : figures();
  const judge = known.find(({ name }) => name === by);
  const choices = (): string =>
    figures()
      .filter(({ better }) => better !== undefined)
      .map(({ name }) => name)
      .join(", ");
  if (!judge?.better) {
    const problem = judge
      ? `of the ${judge.title}, neither more nor less is better`
      : `${JSON.stringify(by.slice(0, 80))} is no figure of ${learner.name} on these tasks`;
    throw new TrainingError("ILR101", "validation.by", problem, `Name one of ${choices()}`);
  }
  const before = best ? (best.by ?? lossName) : by;
  if (validation && before !== by) {
    const problem = `its best parameters were chosen by ${before}, and this run goes by ${by}`;
    throw new TrainingError("ILR202", "checkpoint", problem, `Resume with validation.by: ${JSON.stringify(before)}`);
  }
  return judge;
}

const isBetter = ({ better }: FigureDescription, a: number, b: number): boolean =>
  better === "higher" ? a > b : a < b;

/** The best parameters of a run that is resumed: its store has them. */
async function knownBest<Params extends Tree>(
  { checkpoints }: Pick<TrainOptions<Params>, "checkpoints">,
  { best, params, iteration }: TrainingState<Params>,
): Promise<BestParams<Params> | undefined> {
  if (!best) return undefined;
  if (best.iteration === iteration) return { params, ...best };
  const bytes = await checkpoints?.store.load("best");
  if (!bytes) return undefined;
  const kept = decodeParams(bytes, params);
  // A run that was killed after a better validation and before its checkpoint has a later best; it will come again.
  return kept.iteration === best.iteration ? { params: kept.params, ...best } : undefined;
}

async function initialState<Params extends Tree>(
  options: AnyTraining<Params>,
  seed: number,
  executor: Executor,
): Promise<TrainingState<Params>> {
  const { learner, optimizer, checkpoints } = options;
  const bytes = checkpoints?.resume ? await checkpoints.store.load("last") : undefined;
  const params = learner.init(bytes ? keyWithin(bytes, seed) : keyInMemory(seed, executor));
  const fresh: TrainingState<Params> = {
    iteration: 0,
    seed,
    setting: settingOf(options),
    chunkSize: 0,
    recompute: 0,
    params,
    optimizer: outerState(learner, optimizer, params),
    sinceBest: 0,
  };
  return bytes ? decodeCheckpoint(bytes, fresh) : fresh;
}

/**
 * Learner, loss, tasks, optimizer and meta-batch as text: a checkpoint of another setting is not one to continue from.
 */
function settingOf<Params extends Tree>(options: AnyTraining<Params>): string {
  const { learner, optimizer, metaBatchSize } = options;
  const { name, description } = sourcesOf(options).train;
  return JSON.stringify({
    learner: { name: learner.name, ...learner.description },
    ...(learner.loss.title ? { loss: learner.loss.title } : {}),
    tasks: { name, ...description },
    optimizer: optimizer.description,
    metaBatchSize,
  });
}

/** Options of a training, of tensors or trees. */
type AnyTraining<Params extends Tree> = Pick<
  TrainOptions<Params, Tree, Tree, Tree>,
  "learner" | "tasks" | "optimizer" | "metaBatchSize" | "checkpoints"
>;

/**
 * Adapts to a task in trace alone, nothing of which is run: a learner that cannot says so before training rather than
 * after.
 */
function requireAdaptation<P extends Tree>(learner: AnyLearner<P>, params: P, task: Task<Tree, Tree>): void {
  measured(learner.loss, traced(learner, params, task), task.query);
}

/**
 * A gradient may be no number where the loss still is one: such parameters are neither kept nor returned. Throws
 * ILR102.
 */
function requireFiniteParameters({ params, iteration }: TrainingState, kept: number | undefined): void {
  const names = paths(params);
  const bad = leaves(params).findIndex(({ data }) => (data as Float32Array).some((value) => !Number.isFinite(value)));
  if (bad < 0) return;
  throw diverged(`parameter ${names[bad]} is not finite after iteration ${iteration}`, { iteration, kept });
}

/**
 * What is to blame where training comes to no number: values of the batch, all of which are finite, that are out of all
 * proportion; before any update the loss or the inner loop; else a rate.
 *
 * @param state.kept updates behind the last checkpoint, where there is one
 */
function diverged(
  problem: string,
  state: { readonly iteration: number; readonly batch?: Task<Tree, Tree>; readonly kept: number | undefined },
): TrainingError {
  const { iteration, batch, kept } = state;
  const huge = batch && hugeValue(batch);
  if (huge) return new TrainingError("ILR102", "train", `${problem}: ${huge}`, "Scale inputs and targets to about 1");
  const remedy =
    batch && iteration === 1
      ? "No update was made yet: lower the inner learning rate, or see what the loss is of such predictions and targets"
      : "Lower the outer or inner learning rate, or clip the gradient";
  const from = kept === undefined ? "" : `; the last checkpoint is from before, after ${kept} updates`;
  return new TrainingError("ILR102", "train", problem, `${remedy}${from}`);
}

/** Warnings reach the user of a library call that listens to no events, too. */
function warnOnly(event: TrainingEvent): void {
  if (event.type === "warning") {
    const updates = `${event.iteration} ${event.iteration === 1 ? "update" : "updates"}`;
    console.warn(`innerloop: after ${updates}, ${event.message}`);
  }
}

/**
 * Says so where adapting did not make held-out tasks better: the invariant that no adaptation goes unchecked. It goes by
 * the leading figure: of classes their accuracy, for a loss may rise with it where predictions become too sure.
 *
 * @param further the same after more steps than training takes, where results will be about as many
 */
export function adaptationWarning(evaluation: Evaluation, further?: Evaluation): string | undefined {
  const [before, after] = [evaluation.rows[0], evaluation.rows.at(-1)];
  if (!before || !after || after.steps === before.steps) return undefined;
  const leading = evaluation.figures.find(({ better }) => better !== undefined);
  if (!leading) return undefined;
  const mean = ({ figures }: EvaluationRow): number => figures[leading.name]!.mean;
  const helps = (row: EvaluationRow): boolean => isBetter(leading, mean(row), mean(before));
  if (helps(after)) return undefined;
  const shown = (row: EvaluationRow): string => mean(row).toPrecision(4);
  const steps = (row: EvaluationRow): string => `${row.steps} ${row.steps === 1 ? "step" : "steps"}`;
  const told = `the ${leading.title} on held-out tasks is ${shown(before)} before and ${shown(after)} after ${steps(after)}`;
  const last = further?.rows.at(-1);
  if (last && helps(last))
    return `adaptation does not help yet in as many steps as training takes: ${told}, but ${shown(last)} after ${steps(last)}`;
  return `adaptation does not help: ${told}. Try another inner learning rate or number of steps, or train longer`;
}
