import {
  type CompiledFunction,
  compile,
  type Executor,
  leaves,
  mapTree,
  type Tensor,
  type Tree,
  tensor,
  vmap,
} from "@innerloop/graph";
import { type Adapter, type AnyAdapter, maskedBy, overPresent, type Targets } from "../learners/learner.js";
import {
  describedAs,
  leadingFirst,
  lossDescription,
  lossName,
  metricsOf,
  requireNamesApart,
} from "../losses/figures.js";
import type { Loss } from "../losses/losses.js";
import type { FigureDescription, Metric, PooledMetric, TaskMetric } from "../losses/metric.js";
import { specOf } from "../tasks/source-spec.js";
import { type Collector, isCollector, splitSeed, type Task, type TaskSource } from "../tasks/task.js";
import { isTensorSpec, type SpecTree, symbolicTask, type TaskSpec, targetColumns } from "../tasks/task-spec.js";
import type { TaskRules } from "../tasks/value-gate.js";
import { defaultExecutor } from "../training/default-executor.js";
import {
  batchOfShapes,
  classesOf,
  drawStages,
  drawTasks,
  requireToldApart,
  rulesFor,
  type TaskSupply,
  traced,
} from "../training/task-batch.js";
import { TrainingError, wholeOption } from "../training/training-error.js";
import { errorsInUnits, standForTargets } from "./errors-in-units.js";
import { differences, type Estimated, estimated } from "./estimated.js";
import { type OverTasks, overTasks, tasksAtOnce } from "./over-tasks.js";
import { leavesOut, poolInterval, type TaskDraws, taskDraws } from "./pool-interval.js";
import { type PooledTasks, pooledDifference, pooledEstimate, taskResamples } from "./pooled-figures.js";
import { drawsInTurn, meansOfDraws, pooledOfDraws } from "./repeated-draws.js";

/** Figures after so many adaptation steps. */
export interface EvaluationRow {
  readonly steps: number;
  /** The loss, its metrics and, of tasks whose targets have units, errors in these: by the name of their description. */
  readonly figures: Readonly<Record<string, Estimated>>;
}

/** The result of `evaluate`: figures after each number of steps, with what they depend on. */
export interface Evaluation {
  readonly learner: string;
  /** Everything that the figures depend on: description of tasks, learner options and loss, number of tasks, seed. */
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  /** The figures of each row as they are to be read, the leading one first. */
  readonly figures: readonly FigureDescription[];
  readonly rows: readonly EvaluationRow[];
  /**
   * Per row and figure, the value of each task in the order of their addresses: for paired comparisons. Pooled figures
   * have none.
   */
  readonly values: readonly Readonly<Record<string, Float64Array>>[];
  /** Per row and pooled figure, what of each task goes into it, in the same order. */
  readonly pooled?: readonly Readonly<Record<string, PooledTasks>>[];
  /** The classes, groups or domains behind the tasks, where these are drawn from so many and no more. */
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
  /** Number of tasks, 600 by default; no more than there are. Of a source with several draws of each these are of one. */
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
 * @throws TrainingError ILR101 where an option is out of range, ILR105 where a task holds a value that is none, ILR107
 * where tasks are padded and the loss or a metric takes no mask
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

/** An evaluation for one set of parameters after another. */
export interface Evaluator {
  run(params: Tree): Promise<Evaluation>;
  /** The figures that its evaluations will have, the leading one first. */
  figures(params: Tree): readonly FigureDescription[];
  release(): Promise<void>;
}

/** The same evaluation for one set of parameters after another. Its program stays loaded until it is released. */
export async function evaluator<X extends Tree, Y extends Tree, Out extends Tree>(
  options: Omit<EvaluateOptions<X, Y, Out>, "params">,
): Promise<Evaluator> {
  const { count: asked = 600, seed = 0, signal } = options;
  const learner: AnyAdapter = options.learner;
  const tasks = options.tasks as unknown as TaskSupply;
  const steps = options.steps ?? [...new Set([0, learner.steps ?? 0])];
  for (const n of steps) wholeOption("steps", n, 0);
  wholeOption("count", asked, 1);
  const source = isCollector(tasks) ? undefined : tasks;
  const count = Math.min(asked, source?.count ?? asked);
  const drawn = count * (source?.draws ?? 1);
  if (tasks.spec?.openSet) {
    const problem = `${tasks.name} has queries of no class, which no prediction is right for`;
    throw new TrainingError("ILR101", "evaluate", problem, "Use evaluateOpenSet, which lets a learner reject them");
  }
  const executor = options.executor ?? (await defaultExecutor());
  const taskSeed = options.taskSeed ?? splitSeed(seed, "test");
  const draws = taskDraws(source?.pool, taskSeed, count);
  /** Of a collector each number of steps may have tasks of its own. */
  const stages =
    isCollector(tasks) && tasks.after ? steps.map((n) => ({ steps: n, from: tasks.after!(n) })) : undefined;
  const supplies = stages?.map(({ from }) => from) ?? [tasks];
  let judged: JudgedFigures | undefined;
  const spec = (): TaskSpec<Tree, Tree> => specOf(supplies[0]!, { operation: "evaluate", seed: taskSeed });
  // Where queries are of classes each, that is: what a picture shows is of several.
  const tellsClasses =
    draws?.of === "classes" && !draws.seen && !leavesOut(draws) && isTensorSpec(spec().y as SpecTree);
  const judgedBy = (params: Tree): JudgedFigures => {
    judged ??= judgedOn(learner, spec(), params);
    return judged;
  };
  const rowOf = (params: Tree, { support, query }: Task<Tree, Tree>, n: number): RowResult => {
    const { perTask, pooled } = judgedBy(params);
    const prediction = learner.predict(learner.adapt(params, support, { steps: n }), query.x, query.present);
    requireToldApart(
      "evaluate",
      { name: tasks.name, spec: spec() },
      learner,
      classesOf(learner, () => prediction),
    );
    return {
      figures: byName(perTask, ({ title, compute }) => overPresent(compute, prediction, query, title)),
      pooled: byName(pooled, (each) => statisticsOf(each, prediction, query)),
      each: tellsClasses ? byName(perTask, ({ perRow }) => perRow?.(prediction, query.y)) : {},
    };
  };
  const programOf = (numbers: readonly number[]): CompiledFunction<readonly [Tree, Task<Tree, Tree>], ChunkResult> => {
    const ofTask = (params: Tree, task: Task<Tree, Tree>): ChunkResult => ({
      rows: numbers.map((n) => rowOf(params, task, n)),
      ...(task.query.present ? { present: task.query.present } : {}),
      // Classes are told apart by labels, one tensor of them.
      ...(tellsClasses ? { labels: task.query.y as Tensor } : {}),
    });
    return compile((params: Tree, batch: Task<Tree, Tree>): ChunkResult => vmap(ofTask, [null, 0])(params, batch), {
      executor,
    });
  };
  const programs = stages?.map((stage) => programOf([stage.steps])) ?? [programOf(steps)];
  const most = stages ? steps.indexOf(Math.max(...steps)) : 0;
  const inTurn = source ? drawsInTurn(source, count) : tasks;
  let rules: readonly TaskRules[] | undefined;
  let size = 0;
  const run = async (params: Tree): Promise<Evaluation> => {
    rules ??= supplies.map((supply) =>
      rulesFor("evaluate", learner, supply, taskSeed, (first) =>
        classesOf(learner, () => traced(learner, params, first)),
      ),
    );
    const held = rules;
    const { described, perTask, pooled: pooledMetrics } = judgedBy(params);
    const setting: OverTasks<ChunkResult> = {
      programs,
      params,
      draw: async (first, n) => {
        const at = { params, seed: taskSeed, first, count: n, executor, learner };
        if (stages) {
          const from = tasks as Collector<Tree, Tree, Tree>;
          return drawStages({ ...at, from, stages: stages.map((stage, i) => ({ ...stage, rules: held[i]! })) });
        }
        return [await drawTasks({ ...at, from: inTurn, rules: held[0]! })];
      },
      greatest: {
        program: programs[most]!,
        shapes: (n) => batchOfShapes(stages ? supplies[most]! : inTurn, taskSeed, n, held[most]).tasks,
      },
      count: drawn,
      executor,
      memoryBudget: options.memoryBudget,
      onProgress: (done) => options.onProgress?.(Math.floor((done * count) / drawn), count),
      signal,
    };
    size ||= await tasksAtOnce(setting);
    const chunks = (await overTasks(setting, size)).map(
      (found): ChunkResult => ({ ...found[0]!, rows: found.flatMap(({ rows }) => rows) }),
    );
    /** Of a row, the values of one of its figures for all tasks. */
    const valuesOf = (row: number, name: string): Float64Array =>
      meansOfDraws(
        Float64Array.from(chunks.flatMap(({ rows }) => Array.from(rows[row]!.figures[name]!.data as Float32Array))),
        count,
      );
    const values = steps.map((_, row) => byName(perTask, ({ name }) => valuesOf(row, name)));
    const pooled = steps.map((_, row) =>
      byName(pooledMetrics, ({ name, pooled: figure }): PooledTasks => {
        const statistics = chunks.flatMap(({ rows }) => {
          const { figures, pooled: stacked } = rows[row]!;
          const tasksOfChunk = figures[lossName]!.size;
          return Array.from({ length: tasksOfChunk }, (_task, i) => taskAt(stacked[name]!, i));
        });
        return pooledOfDraws({ figure, statistics }, count);
      }),
    );
    const byClass = tellsClasses ? steps.map((_, row) => classValues(chunks, row, draws!)) : undefined;
    const resamples = pooledMetrics.length > 0 ? taskResamples(count) : [];
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
      figures: described,
      rows: steps.map((n, row) => ({
        steps: n,
        figures: {
          ...byName(perTask, ({ name }) => figureOf(row, name)),
          ...byName(pooledMetrics, ({ name }) => pooledEstimate(pooled[row]![name]!, resamples)),
        },
      })),
      values,
      ...(pooledMetrics.length > 0 ? { pooled } : {}),
      ...(draws ? { draws } : {}),
      ...(byClass ? { byClass } : {}),
    };
  };
  return {
    run,
    figures: (params) => judgedBy(params).described,
    release: async () => {
      await Promise.all(programs.map((program) => program.release()));
    },
  };
}

/**
 * The figures that evaluations of a learner on these tasks have, the leading one first: its loss, the metrics of that, and
 * errors in the units of targets that have some. Nothing is computed.
 *
 * @throws TrainingError ILR101 where two figures have one name
 */
export const evaluationFigures = <X extends Tree, Y extends Tree, Out extends Tree>(
  learner: Adapter<X, Y, Out>,
  tasks: TaskSource<X, Y> | Collector<Tree, X, Y>,
  params: Tree,
): readonly FigureDescription[] =>
  judgedOn(
    learner as AnyAdapter,
    specOf(tasks as unknown as TaskSupply, { operation: "evaluate", seed: splitSeed(0, "test") }),
    params,
  ).described;

/** What predictions of a learner for tasks of a spec are judged by. */
const judgedOn = (learner: AnyAdapter, spec: TaskSpec<Tree, Tree>, params: Tree): JudgedFigures =>
  judgedFigures(learner.loss, spec, () => {
    const first = symbolicTask(spec);
    // Targets that have units are one tensor, and so are the predictions that stand for them.
    const prediction = traced(learner, params, first) as Tensor;
    return standForTargets(learner.loss as Loss, prediction, first.query.y as Tensor);
  });

function statisticsOf(
  { title, pooled }: PooledMetric<Tree, Tree>,
  prediction: Tree,
  { y, present }: Targets<Tree>,
): Tree {
  const made = pooled.statistics(prediction, y, present);
  return present ? maskedBy(present, made, { from: leaves([prediction, y]), what: title }) : made;
}

/** What predictions are judged by: figures of each task, and those that exist only over all of them. */
interface JudgedFigures {
  readonly described: readonly FigureDescription[];
  readonly perTask: readonly TaskMetric<Tree, Tree>[];
  readonly pooled: readonly PooledMetric<Tree, Tree>[];
}

/**
 * The loss, its metrics and, where predictions stand for targets that have units, errors in these. Of one such target
 * its error leads.
 *
 * @param inUnits asked only where targets have units
 */
function judgedFigures(loss: Loss<Tree, Tree>, spec: TaskSpec<Tree, Tree>, inUnits: () => boolean): JudgedFigures {
  const targets = targetColumns(spec);
  const units = targets && inUnits() ? errorsInUnits(loss as Loss, targets) : [];
  const ofLoss: TaskMetric<Tree, Tree> = {
    ...lossDescription(loss),
    compute: loss,
    ...(loss.perRow ? { perRow: loss.perRow } : {}),
  };
  const metrics = metricsOf(loss).filter(({ ofTraining }) => !ofTraining);
  const all: readonly Metric<Tree, Tree>[] = [ofLoss, ...metrics, ...units];
  requireNamesApart(
    "evaluate",
    all.map(({ name }) => name),
  );
  const perTask = all.flatMap((each) => (each.pooled ? [] : [each]));
  const pooled = all.flatMap((each) => (each.pooled ? [each] : []));
  const told = [...(loss.ofTraining ? perTask.filter((each) => each !== ofLoss) : perTask), ...pooled];
  const described = told.map(describedAs);
  return {
    described: leadingFirst(described, targets?.length === 1 && units.length > 0 ? units : metrics),
    perTask,
    pooled,
  };
}

/** The results of one number of steps: of many tasks, each with a first axis of tasks. */
type RowResult = {
  readonly figures: { readonly [name: string]: Tensor };
  /** Statistics of pooled figures. */
  readonly pooled: { readonly [name: string]: Tree };
  /** Figures of each query by itself, where classes are told apart. */
  readonly each: { readonly [name: string]: Tensor };
};

type ChunkResult = {
  /** Of each number of steps. */
  readonly rows: readonly RowResult[];
  /** [tasks, queries], where there is padding. */
  readonly present?: Tensor;
  /** [tasks, queries], where classes are told apart. */
  readonly labels?: Tensor;
};

/** A record by the names of figures, without those that have no value. */
const byName = <F extends { readonly name: string }, T>(
  figures: readonly F[],
  of: (figure: F) => T | undefined,
): { readonly [name: string]: T } =>
  Object.fromEntries(
    figures.flatMap((figure) => {
      const value = of(figure);
      return value === undefined ? [] : [[figure.name, value] as const];
    }),
  );

/** The part of one task in a tree of stacked values, as arrays of its own: what it was cut from need not be kept. */
const taskAt = (stacked: Tree, task: number): Tree =>
  mapTree((leaf) => {
    const size = leaf.size / leaf.shape[0]!;
    const values = (leaf.data as Float32Array).slice(task * size, (task + 1) * size);
    return tensor(values, leaf.shape.slice(1), leaf.dtype);
  }, stacked);

/** Of a row, by figure, of each task the value of each class that it has. */
function classValues(
  chunks: readonly ChunkResult[],
  row: number,
  { tasks }: TaskDraws,
): Readonly<Record<string, readonly Float64Array[]>> {
  const presents = chunks.map(({ present }) => present);
  const labels = perTaskValues(
    chunks.map((chunk) => chunk.labels!),
    presents,
  );
  const names = Object.keys(chunks[0]!.rows[row]!.each);
  return Object.fromEntries(
    names.map((name) => {
      const each = perTaskValues(
        chunks.map(({ rows }) => rows[row]!.each[name]!),
        presents,
      );
      return [name, each.map((list, task) => meansByLabel(list, labels[task]!, tasks[task]!.length))];
    }),
  );
}

/** The mean of the values of each label; NaN of one that there is no query of. */
function meansByLabel(values: ArrayLike<number>, labels: ArrayLike<number>, classes: number): Float64Array {
  const [sums, counts] = [new Float64Array(classes), new Float64Array(classes)];
  for (let i = 0; i < values.length; i++) {
    sums[labels[i]!]! += values[i]!;
    counts[labels[i]!]!++;
  }
  return sums.map((sum, label) => sum / counts[label]!);
}

/** The values [tasks, queries] of chunks, task by task, without those of padding. */
function perTaskValues(chunks: readonly Tensor[], presents: readonly (Tensor | undefined)[]): Float32Array[] {
  return chunks.flatMap((x, chunk) => {
    const [tasks, queries] = x.shape as readonly [number, number];
    const present = presents[chunk]?.data;
    return Array.from({ length: tasks }, (_, task) => {
      const all = Float32Array.from((x.data as Float32Array).subarray(task * queries, (task + 1) * queries));
      return present ? all.filter((_value, i) => Number(present[task * queries + i]) > 0) : all;
    });
  });
}

/** A figure in an evaluation: its row, and its name there. */
export type FigureAt = readonly [evaluation: Evaluation, row: number, name: string];

/**
 * A figure in one evaluation minus one in another on the same tasks, with the interval that counts classes where there is
 * one. Of pooled figures the interval is that of a bootstrap over the tasks of both.
 *
 * @param options.tasks the first so many, where one of the two had no more
 * @throws TrainingError ILR101 where they are not of as many tasks, or are no figures of these evaluations
 */
export function figureDifference(
  [a, rowOfA, nameInA]: FigureAt,
  [b, rowOfB, nameInB]: FigureAt,
  options: { readonly tasks?: number } = {},
): Estimated {
  const first = <T>(list: ArrayLike<T>): T[] => Array.from(list).slice(0, options.tasks);
  const [pooled, others] = [a.pooled?.[rowOfA]?.[nameInA], b.pooled?.[rowOfB]?.[nameInB]];
  if (pooled && others) {
    const ofFirst = (each: PooledTasks): PooledTasks => ({ ...each, statistics: first(each.statistics) });
    return pooledDifference(ofFirst(pooled), ofFirst(others));
  }
  const [ofA, ofB] = [a.values[rowOfA]?.[nameInA], b.values[rowOfB]?.[nameInB]];
  if (!ofA || !ofB) {
    const [names, missing] = ofA ? [b, nameInB] : [a, nameInA];
    const problem = `there are no values of ${missing} of ${names.learner} to compare`;
    const remedy = `Its figures are ${names.figures.map(({ name }) => name).join(", ")}; compare pooled ones with pooled ones`;
    throw new TrainingError("ILR101", "figureDifference", problem, remedy);
  }
  const values = differences(first(ofA), first(ofB));
  const [classes, otherClasses] = [a.byClass?.[rowOfA]?.[nameInA], b.byClass?.[rowOfB]?.[nameInB]];
  const byClass = classes && otherClasses && first(otherClasses).map((list, task) => differences(classes[task]!, list));
  const counting = a.draws && poolInterval(values, { ...a.draws, tasks: first(a.draws.tasks) }, byClass);
  return { ...estimated(values), ...(counting === undefined ? {} : { poolInterval: counting }) };
}
