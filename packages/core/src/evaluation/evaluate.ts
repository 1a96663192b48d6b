import { compile, type Executor, leaves, paths, type Tensor, type Tree, vmap } from "@innerloop/graph";
import { type Adapter, type AnyAdapter, byRow, measured } from "../learners/learner.js";
import type { Loss, Metric, PredictionConfidence } from "../losses/losses.js";
import { specOf } from "../tasks/source-spec.js";
import { type Collector, isCollector, splitSeed, type Task, type TaskSource } from "../tasks/task.js";
import { targetColumns } from "../tasks/task-spec.js";
import type { TaskRules } from "../tasks/value-gate.js";
import { defaultExecutor } from "../training/default-executor.js";
import { classesOf, requireToldApart, rulesFor, type TaskSupply, traced } from "../training/task-batch.js";
import { TrainingError, wholeOption } from "../training/training-error.js";
import { calibrationError, type TaskConfidence, taskResamples } from "./calibration.js";
import { errorsInUnits } from "./errors-in-units.js";
import { type OverTasks, overTasks, tasksAtOnce } from "./over-tasks.js";
import { leavesOut, poolInterval, type TaskDraws, taskDraws } from "./pool-interval.js";

/** A mean over tasks with the half-width of its 95% interval: 1.96 s / sqrt(n). */
export interface Estimated {
  readonly mean: number;
  readonly interval: number;
  /**
   * Half-width of the interval that takes the classes or groups of the tasks for a sample too, from all that are like
   * them: see `poolInterval`. Only of tasks that are drawn from so many and no more.
   */
  readonly poolInterval?: number;
}

/** Figures after so many adaptation steps. */
export interface EvaluationRow {
  readonly steps: number;
  /**
   * The loss and each of its metrics, by name; of tasks whose targets have units, errors in these; and of losses that
   * give probabilities the `calibrationError` of all queries together, whose interval is that of a bootstrap over tasks.
   */
  readonly figures: Readonly<Record<string, Estimated>>;
}

/** The result of `evaluate`: figures after each number of steps, with what they depend on. */
export interface Evaluation {
  readonly learner: string;
  /** Everything that the figures depend on: description of tasks, learner options and loss, number of tasks, seed. */
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  readonly rows: readonly EvaluationRow[];
  /** Per row and figure, the value of each task in the order of their addresses: for paired comparisons. */
  readonly values: readonly Readonly<Record<string, Float64Array>>[];
  /** Per row, how sure each task's predictions are, in the same order; for losses that give probabilities. */
  readonly confidence?: readonly (readonly TaskConfidence[])[];
  /** The classes or groups behind the tasks, where these are drawn from so many and no more. */
  readonly draws?: TaskDraws;
  /**
   * Per row and figure, of each task the value of each class that it has, in the order of its draw: where all tasks have
   * all classes, which nothing else tells apart.
   */
  readonly byClass?: readonly Readonly<Record<string, readonly Float64Array[]>>[];
}

/** Options of `evaluate`. */
export interface EvaluateOptions<X extends Tree = Tensor, Y extends Tree = Tensor, Out extends Tree = Tensor> {
  readonly learner: Adapter<Tree, Tree, X, Y, Out>;
  readonly params: Tree;
  /** A collector collects with `params`. */
  readonly tasks: TaskSource<X, Y> | Collector<Tree, X, Y>;
  /** Number of tasks, 600 by default. */
  readonly count?: number;
  /** Adaptation steps to report, [0, the learner's own] by default. */
  readonly steps?: readonly number[];
  /** The run's seed: tasks are those of its test split, unless `taskSeed` names others. */
  readonly seed?: number;
  readonly taskSeed?: number;
  readonly executor?: Executor;
  /** Bytes that one run may take, 32 MiB by default (on a GPU more): it decides how many tasks run at once. */
  readonly memoryBudget?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Adapts to each of many tasks and judges the predictions on its query set, before adaptation and after given steps.
 * The tasks are addressed: every learner that is given the same seed meets the same ones.
 *
 * @throws TrainingError ILR101 where an option is out of range, ILR105 where a task holds a value that is none
 */
export async function evaluate<X extends Tree, Y extends Tree, Out extends Tree>(
  options: EvaluateOptions<X, Y, Out>,
): Promise<Evaluation> {
  const { params, ...setting } = options;
  const { run, release } = await evaluator(setting);
  try {
    return await run(params);
  } finally {
    await release();
  }
}

/** The same evaluation for one set of parameters after another. Its program stays loaded until it is released. */
export async function evaluator<X extends Tree, Y extends Tree, Out extends Tree>(
  options: Omit<EvaluateOptions<X, Y, Out>, "params">,
): Promise<{
  run(params: Tree): Promise<Evaluation>;
  release(): Promise<void>;
}> {
  const { count = 600, seed = 0, signal } = options;
  const learner: AnyAdapter = options.learner;
  const tasks = options.tasks as unknown as TaskSupply;
  wholeOption("count", count, 1);
  if (tasks.spec?.openSet) {
    const problem = `${tasks.name} has queries of no class, which no prediction is right for`;
    throw new TrainingError("ILR101", "evaluate", problem, "Use evaluateOpenSet, which lets a learner reject them");
  }
  const executor = options.executor ?? (await defaultExecutor());
  const steps = options.steps ?? (learner.steps === undefined ? [0] : [0, learner.steps]);
  for (const n of steps) wholeOption("steps", n, 0);
  const taskSeed = options.taskSeed ?? splitSeed(seed, "test");
  const draws = taskDraws(isCollector(tasks) ? undefined : tasks.pool, taskSeed, count);
  const tellsClasses = draws?.of === "classes" && !draws.seen && !leavesOut(draws);
  const rowsOf = (params: Tree, task: Task<Tree, Tree>): Tree => {
    const spec = specOf(tasks, { operation: "evaluate", seed: taskSeed });
    const columns = targetColumns(spec);
    return steps.map((n) => {
      const prediction = learner.predict(
        learner.adapt(params, task.support, { steps: n }),
        task.query.x,
        task.query.present,
      );
      requireToldApart(
        "evaluate",
        { name: tasks.name, spec },
        learner,
        classesOf(learner, () => prediction),
      );
      const { loss, metrics } = measured(learner.loss, prediction, task.query);
      return {
        figures: {
          loss,
          ...metrics,
          ...(columns ? errorsInUnits(learner.loss as Loss, prediction as Tensor, (task as Task).query, columns) : {}),
        },
        queries: confidenceOf(learner.loss.confidence, prediction, task.query.y),
        ...(tellsClasses ? { each: eachQuery(learner.loss, prediction, task.query.y) } : {}),
      };
    });
  };
  const perTask = (params: Tree, task: Task<Tree, Tree>): ChunkResult => ({
    rows: rowsOf(params, task),
    ...(task.query.present ? { present: task.query.present } : {}),
    // Classes are told apart by labels, one tensor of them.
    ...(tellsClasses ? { labels: task.query.y as Tensor } : {}),
  });
  const program = compile(
    (params: Tree, batch: Task<Tree, Tree>): ChunkResult => vmap(perTask, [null, 0])(params, batch),
    { executor },
  );
  let rules: TaskRules | undefined;
  let size = 0;
  const run = async (params: Tree): Promise<Evaluation> => {
    rules ??= rulesFor("evaluate", learner, tasks, taskSeed, (first) =>
      classesOf(learner, () => traced(learner, params, first)),
    );
    const setting: OverTasks<ChunkResult> = {
      program,
      params,
      tasks,
      rules,
      seed: taskSeed,
      count,
      executor,
      memoryBudget: options.memoryBudget,
      onProgress: (done) => options.onProgress?.(done, count),
      signal,
    };
    size ||= await tasksAtOnce(setting);
    const results = await overTasks(setting, size);
    const names = paths(results[0]!.rows);
    const columnAt = (row: number, name: string): Tensor[] => {
      const at = names.indexOf(`${row}/${name}`);
      return results.map(({ rows }) => leaves(rows)[at]!);
    };
    const figureNames = names.flatMap((name) =>
      name.startsWith("0/figures/") ? [name.slice("0/figures/".length)] : [],
    );
    const values = steps.map((_, row) =>
      Object.fromEntries(
        figureNames.map((name) => [
          name,
          Float64Array.from(columnAt(row, `figures/${name}`).flatMap((x) => Array.from(x.data as Float32Array))),
        ]),
      ),
    );
    const presents = results.map(({ present }) => present);
    const confidence = learner.loss.confidence
      ? steps.map((_, row): TaskConfidence[] => {
          const topProbability = perTaskValues(columnAt(row, "queries/topProbability"), presents);
          const correct = perTaskValues(columnAt(row, "queries/correct"), presents);
          return topProbability.map((list, task) => ({ topProbability: list, correct: correct[task]! }));
        })
      : undefined;
    const resamples = confidence && taskResamples(count);
    const byClass = tellsClasses
      ? steps.map((_, row) => {
          const labels = perTaskValues(
            results.map((result) => result.labels!),
            presents,
          );
          return Object.fromEntries(
            figureNames.map((name) => {
              const each = perTaskValues(columnAt(row, `each/${name}`), presents);
              return [name, each.map((list, task) => meansByLabel(list, labels[task]!, draws.tasks[task]!.length))];
            }),
          );
        })
      : undefined;
    const figureOf = (row: number, name: string): Estimated => {
      const list = values[row]![name]!;
      const counting = draws && poolInterval(list, draws, byClass?.[row]?.[name]);
      return { ...estimated(list), ...(counting === undefined ? {} : { poolInterval: counting }) };
    };
    const { title } = learner.loss;
    return {
      learner: learner.name,
      protocol: {
        family: tasks.name,
        ...tasks.description,
        ...learner.description,
        ...(title ? { loss: title } : {}),
        tasks: count,
        seed: taskSeed,
      },
      rows: steps.map((n, row) => ({
        steps: n,
        figures: {
          ...Object.fromEntries(figureNames.map((name) => [name, figureOf(row, name)])),
          ...(confidence ? { calibrationError: calibrationError(confidence[row]!, resamples) } : {}),
        },
      })),
      values,
      ...(confidence ? { confidence } : {}),
      ...(draws ? { draws } : {}),
      ...(byClass ? { byClass } : {}),
    };
  };
  return { run, release: () => program.release() };
}

type ChunkResult = {
  /** For each number of steps, figures and what the confidence is made of. */
  readonly rows: Tree;
  /** [tasks, queries], where there is padding. */
  readonly present?: Tensor;
  /** [tasks, queries], where classes are told apart. */
  readonly labels?: Tensor;
};

/** Each figure of each query by itself. */
const eachQuery = (loss: Loss<Tree, Tree>, prediction: Tree, y: Tree): Tree =>
  Object.fromEntries(
    Object.entries({ loss: loss as Metric<Tree, Tree>, ...loss.metrics }).map(([name, f]) => [
      name,
      byRow(f, prediction, y),
    ]),
  );

/** The mean of the values of each label; NaN of one that there is no query of. */
function meansByLabel(values: ArrayLike<number>, labels: ArrayLike<number>, classes: number): Float64Array {
  const [sums, counts] = [new Float64Array(classes), new Float64Array(classes)];
  for (let i = 0; i < values.length; i++) {
    sums[labels[i]!]! += values[i]!;
    counts[labels[i]!]!++;
  }
  return sums.map((sum, label) => sum / counts[label]!);
}

const confidenceOf = (of: PredictionConfidence<Tree, Tree> | undefined, prediction: Tree, y: Tree): Tree =>
  of ? { topProbability: of.topProbability(prediction, y), correct: of.correct(prediction, y) } : {};

/** The values [tasks, queries, ...] of chunks, task by task, without those of padding. */
function perTaskValues(chunks: readonly Tensor[], presents: readonly (Tensor | undefined)[]): Float32Array[] {
  return chunks.flatMap((x, chunk) => {
    const [tasks = 1, queries = 1] = x.shape;
    const [perTask, perQuery] = [x.size / tasks, x.size / tasks / queries];
    const present = presents[chunk]?.data;
    return Array.from({ length: tasks }, (_, task) => {
      const all = Float32Array.from((x.data as Float32Array).subarray(task * perTask, (task + 1) * perTask));
      return present ? all.filter((_value, i) => present[task * queries + Math.floor(i / perQuery)]! > 0) : all;
    });
  });
}

/** Mean and 95% interval over tasks of independent values; the interval of a single one is infinite. */
export function estimated(values: ArrayLike<number>): Estimated {
  const list = Array.from(values);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  if (list.length < 2) return { mean, interval: Number.POSITIVE_INFINITY };
  const variance = list.reduce((a, b) => a + (b - mean) ** 2, 0) / (list.length - 1);
  return { mean, interval: (1.96 * Math.sqrt(variance)) / Math.sqrt(list.length) };
}

/**
 * Mean and 95% interval of a - b, task by task: narrower than the intervals of the two suggest wherever the same tasks
 * are hard for both.
 *
 * @throws TrainingError ILR101 where they are not values of as many tasks
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): Estimated {
  return estimated(differences(a, b));
}

/** A figure in an evaluation: its row, and its name there. */
export type FigureAt = readonly [evaluation: Evaluation, row: number, name: string];

/**
 * The same of a figure in two evaluations on the same tasks, with the interval that counts classes where there is one.
 *
 * @throws TrainingError ILR101 where they are not of as many tasks
 */
export function figureDifference([a, rowOfA, nameInA]: FigureAt, [b, rowOfB, nameInB]: FigureAt): Estimated {
  const values = differences(a.values[rowOfA]![nameInA]!, b.values[rowOfB]![nameInB]!);
  const [first, second] = [a.byClass?.[rowOfA]?.[nameInA], b.byClass?.[rowOfB]?.[nameInB]];
  const byClass = first && second?.map((list, task) => differences(first[task]!, list));
  const counting = a.draws && poolInterval(values, a.draws, byClass);
  return { ...estimated(values), ...(counting === undefined ? {} : { poolInterval: counting }) };
}

function differences(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  if (a.length !== b.length) {
    const problem = `${a.length} values beside ${b.length}`;
    throw new TrainingError("ILR101", "pairedDifference", problem, "Give the values of two learners on the same tasks");
  }
  return Float64Array.from(a, (value, task) => value - b[task]!);
}
