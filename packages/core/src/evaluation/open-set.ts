/** Open-set recognition: a query is of one of the task's classes, or of none of them. */
import { compile, type Executor, type Tensor, type Tree, vmap } from "@innerloop/graph";
import type { Adapter, AnyAdapter } from "../learners/learner.js";
import type { FigureDescription } from "../losses/metric.js";
import { specOf } from "../tasks/source-spec.js";
import { splitSeed, type Task, type TaskSource } from "../tasks/task.js";
import { defaultExecutor } from "../training/default-executor.js";
import { classesOf, requireToldApart, rulesFor, sampleTasks, traced } from "../training/task-batch.js";
import { TrainingError, wholeOption } from "../training/training-error.js";
import { type Estimated, estimated } from "./estimated.js";
import { type OpenSetRule, type OpenSetScore, openSetScores } from "./open-set-rule.js";
import { overTasks } from "./over-tasks.js";
import { poolInterval, type TaskDraws, taskDraws } from "./pool-interval.js";

/**
 * The rule by which the threshold is chosen on the validation tasks: the largest that accepts so large a share of the
 * known queries, or the one whose acceptance of known and rejection of unknown queries are best together.
 */
export type OpenSetCalibration = { readonly acceptance: number } | "balanced";

/** Figures of open-set recognition, each a mean over tasks. */
export interface OpenSetFigures {
  /** How often a known query scores higher than an unknown one of its task: no threshold is in it. */
  readonly auroc: Estimated;
  /** Share of the known queries that are accepted. */
  readonly knownAccepted: Estimated;
  /** Share of the unknown queries that are rejected. */
  readonly unknownRejected: Estimated;
  /** Share of the accepted known queries whose class is right, over the tasks that accept any. */
  readonly acceptedAccuracy: Estimated;
  /** Share of the known queries whose class is right where nothing is rejected. */
  readonly closedSetAccuracy: Estimated;
  /** Share of all queries that are answered right: known ones with their class, unknown ones with none. */
  readonly openSetAccuracy: Estimated;
}

const titles: Readonly<Record<keyof OpenSetFigures, string>> = {
  auroc: "known scored above unknown (AUROC)",
  knownAccepted: "known accepted",
  unknownRejected: "unknown rejected",
  acceptedAccuracy: "accuracy of accepted known",
  closedSetAccuracy: "accuracy of known, nothing rejected",
  openSetAccuracy: "all queries answered right",
};

/** The description of a figure of open-set recognition. */
export interface OpenSetDescription extends FigureDescription {
  readonly name: keyof OpenSetFigures;
}

/** The figures of open-set recognition as they are to be read, in the order in which they are shown. */
const described: readonly OpenSetDescription[] = Object.entries(titles).map(([name, title]) => ({
  name: name as keyof OpenSetFigures,
  title,
  better: "higher",
  share: true,
}));

/** The result of `evaluateOpenSet`. */
export interface OpenSetEvaluation {
  readonly learner: string;
  /** Everything that the figures depend on. */
  readonly protocol: Readonly<Record<string, string | number | boolean>>;
  readonly rule: OpenSetRule;
  /** Its figures as they are to be read, in the order in which they are shown. */
  readonly described: readonly OpenSetDescription[];
  readonly figures: OpenSetFigures;
  /** The value of each test task, in the order of their addresses; NaN where a task has none. */
  readonly values: Readonly<Record<keyof OpenSetFigures, Float64Array>>;
  /** The classes behind the test tasks. */
  readonly draws?: TaskDraws;
}

/** Options of `evaluateOpenSet`. */
export interface EvaluateOpenSetOptions<X extends Tree = Tensor> {
  readonly learner: Adapter<Tree, Tree, X>;
  readonly params: Tree;
  /** Open-set tasks, of classes that training has not seen: to choose the threshold on, and to report. */
  readonly tasks: { readonly validation: TaskSource<X>; readonly test: TaskSource<X> };
  /** Test tasks, 600 by default. */
  readonly count?: number;
  /** Validation tasks, as many as test tasks by default. */
  readonly validationCount?: number;
  /** Adaptation steps, the learner's own by default. */
  readonly steps?: number;
  /** "logit" by default. */
  readonly score?: OpenSetScore;
  /** { acceptance: 0.95 } by default. */
  readonly calibration?: OpenSetCalibration;
  /** The run's seed: tasks are those of its validation and test splits. */
  readonly seed?: number;
  readonly executor?: Executor;
  /** Bytes that one run may take: it decides how many tasks run at once. */
  readonly memoryBudget?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Adapts to open-set tasks and judges how well the scores of queries tell known classes from unknown ones: the
 * threshold is chosen on validation tasks, then the figures are those of test tasks, each with its 95% interval over
 * them.
 *
 * Where normalisation is transductive, the unknown queries are in its statistics, too.
 *
 * @throws TrainingError ILR101 where tasks are not open-set ones or an option is out of range, ILR102 where a score is
 * not a number
 * @example
 * const tasks = (data: LabelledExamples) => openSetEpisodes(data, { ways: 5, shots: 5, queries: 15 });
 * const sources = { validation: tasks(held), test: tasks(out) };
 * const { figures, rule } = await evaluateOpenSet({ learner, params, tasks: sources });
 */
export async function evaluateOpenSet<X extends Tree>(options: EvaluateOpenSetOptions<X>): Promise<OpenSetEvaluation> {
  const { params, score = "logit", calibration = { acceptance: 0.95 }, seed = 0 } = options;
  const learner: AnyAdapter = options.learner;
  const tasks = options.tasks as unknown as { readonly [part in "validation" | "test"]: TaskSource<Tree, Tree> };
  const count = wholeOption("count", options.count ?? 600, 1);
  const validationCount = wholeOption("validationCount", options.validationCount ?? count, 1);
  const steps = wholeOption("steps", options.steps ?? learner.steps ?? 0, 0);
  for (const source of [tasks.validation, tasks.test]) {
    if (source.spec?.openSet) continue;
    const problem = `${source.name} has no queries of unknown classes`;
    throw new TrainingError("ILR101", "evaluateOpenSet", problem, "Give tasks of openSetEpisodes");
  }
  if (calibration !== "balanced" && !(calibration.acceptance > 0 && calibration.acceptance <= 1)) {
    const problem = `acceptance is ${calibration.acceptance}`;
    throw new TrainingError("ILR101", "evaluateOpenSet", problem, 'Give a share above 0 and at most 1, or "balanced"');
  }
  const executor = options.executor ?? (await defaultExecutor());
  const perTask = (at: Tree, { support, query }: Task<Tree, Tree>): Answered => {
    const logits = learner.predict(learner.adapt(at, support, { steps }), query.x, query.present) as Tensor;
    for (const source of [tasks.validation, tasks.test])
      requireToldApart(
        "evaluateOpenSet",
        { name: source.name, spec: specOf(source) },
        learner,
        classesOf(learner, () => logits),
      );
    return { logits, labels: query.y as Tensor, ...(query.present ? { present: query.present } : {}) };
  };
  const program = compile((at: Tree, batch: Task<Tree, Tree>) => vmap(perTask, [null, 0])(at, batch), { executor });
  const total = validationCount + count;
  const judged = async (split: "validation" | "test", n: number, before: number): Promise<JudgedTask[]> => {
    const from = tasks[split];
    const taskSeed = splitSeed(seed, split);
    const rules = rulesFor("evaluateOpenSet", learner, from, taskSeed, (first) =>
      classesOf(learner, () => traced(learner, params, first)),
    );
    const draw = (first: number, size: number): Task<Tree, Tree> => sampleTasks(from, taskSeed, first, size, rules);
    const chunks = await overTasks({
      programs: [program],
      params,
      draw: async (first, size) => [draw(first, size)],
      greatest: { program, shapes: (size) => draw(0, size) },
      count: n,
      executor,
      memoryBudget: options.memoryBudget,
      onProgress: (done) => options.onProgress?.(before + done, total),
      signal: options.signal,
    });
    return chunks.flatMap(([answered]) => judgedTasks(answered!, score));
  };
  try {
    const rule = { score, threshold: thresholdFor(await judged("validation", validationCount, 0), calibration) };
    const values = valuesOf(await judged("test", count, validationCount), rule.threshold);
    const draws = taskDraws(tasks.test.pool, splitSeed(seed, "test"), count);
    const figures = Object.fromEntries(
      Object.entries(values).map(([name, list]) => [name, estimatedWhere(list, draws)]),
    ) as unknown as OpenSetFigures;
    return {
      learner: learner.name,
      protocol: {
        family: tasks.test.name,
        ...tasks.test.description,
        ...learner.description,
        steps,
        score,
        calibration:
          calibration === "balanced"
            ? "best balanced accuracy on validation tasks"
            : `${100 * calibration.acceptance}% of known validation queries accepted`,
        tasks: count,
        seed: splitSeed(seed, "test"),
        validationFamily: tasks.validation.name,
        validationTasks: validationCount,
        validationSeed: splitSeed(seed, "validation"),
      },
      rule,
      described,
      figures,
      values,
      ...(draws ? { draws } : {}),
    };
  } finally {
    await program.release();
  }
}

/** Over the tasks that have a value. */
function estimatedWhere(list: Float64Array, draws: TaskDraws | undefined): Estimated {
  const has = (task: number): boolean => !Number.isNaN(list[task]!);
  const values = list.filter((_, task) => has(task));
  const counting = draws && poolInterval(values, { ...draws, tasks: draws.tasks.filter((_, task) => has(task)) });
  return { ...estimated(values), ...(counting === undefined ? {} : { poolInterval: counting }) };
}

/** What the figures of a task are made of. */
interface JudgedTask {
  /** Scores of queries of the task's classes, and whether their largest logit is that of their class. */
  readonly known: readonly { readonly score: number; readonly right: boolean }[];
  /** Scores of the others. */
  readonly unknown: readonly number[];
}

/**
 * Logits [queries, classes], labels and, where some are padding, `present` [queries]: of many tasks, a first axis of
 * tasks.
 */
type Answered = { readonly logits: Tensor; readonly labels: Tensor; readonly present?: Tensor };

function judgedTasks({ logits, labels, present }: Answered, score: OpenSetScore): JudgedTask[] {
  const [tasks, queries, classes] = logits.shape as readonly [number, number, number];
  return Array.from({ length: tasks }, (_, task) => {
    const known: { score: number; right: boolean }[] = [];
    const unknown: number[] = [];
    for (let row = task * queries; row < (task + 1) * queries; row++) {
      if (present && !(Number(present.data![row]) > 0)) continue;
      const z = Array.from((logits.data as Float32Array).subarray(row * classes, (row + 1) * classes));
      const found = openSetScores[score](z);
      if (Number.isNaN(found)) {
        const problem = "the score of a query is not a number";
        throw new TrainingError("ILR102", "evaluateOpenSet", problem, "Evaluate parameters that training did not ruin");
      }
      const label = Number(labels.data![row]);
      if (label < 0) unknown.push(found);
      else known.push({ score: found, right: z.indexOf(Math.max(...z)) === label });
    }
    return { known, unknown };
  });
}

/** The threshold that a calibration asks for on these tasks, their queries taken together. */
function thresholdFor(tasks: readonly JudgedTask[], calibration: OpenSetCalibration): number {
  const known = Float64Array.from(tasks.flatMap((task) => task.known.map(({ score }) => score))).sort();
  if (calibration !== "balanced") {
    // 0.07 times 100 is a little more than 7.
    const accepted = Math.max(1, Math.ceil(calibration.acceptance * known.length - 1e-9));
    return known[known.length - accepted]!;
  }
  const unknown = Float64Array.from(tasks.flatMap((task) => task.unknown)).sort();
  // Thresholds in ascending order: those below them are counted along the way.
  let [best, most, rejectedKnown, rejectedUnknown] = [Number.NaN, Number.NEGATIVE_INFINITY, 0, 0];
  for (const threshold of known) {
    while (known[rejectedKnown]! < threshold) rejectedKnown++;
    while (unknown[rejectedUnknown]! < threshold) rejectedUnknown++;
    const balanced = rejectedUnknown / unknown.length - rejectedKnown / known.length;
    if (balanced > most) [best, most] = [threshold, balanced];
  }
  return best;
}

function valuesOf(tasks: readonly JudgedTask[], threshold: number): OpenSetEvaluation["values"] {
  const perTask = (f: (task: JudgedTask) => number): Float64Array => Float64Array.from(tasks, f);
  const share = <T>(list: readonly T[], is: (one: T) => boolean): number => list.filter(is).length / list.length;
  const accepted = ({ score }: { readonly score: number }): boolean => score >= threshold;
  const right = (one: { readonly right: boolean }): boolean => one.right;
  return {
    auroc: perTask(({ known, unknown }) =>
      areaUnderRoc(
        known.map(({ score }) => score),
        unknown,
      ),
    ),
    knownAccepted: perTask(({ known }) => share(known, accepted)),
    unknownRejected: perTask(({ unknown }) => share(unknown, (score) => score < threshold)),
    acceptedAccuracy: perTask(({ known }) => share(known.filter(accepted), right)),
    closedSetAccuracy: perTask(({ known }) => share(known, right)),
    openSetAccuracy: perTask(({ known, unknown }) => {
      const answered = known.filter((one) => accepted(one) && one.right).length;
      return (answered + unknown.filter((score) => score < threshold).length) / (known.length + unknown.length);
    }),
  };
}

/**
 * The area under the receiver operating characteristic: how often one of the positives is larger than one of the
 * negatives, ties counting half. NaN where either has none.
 */
export function areaUnderRoc(positives: ArrayLike<number>, negatives: ArrayLike<number>): number {
  const above = Float64Array.from(positives).sort();
  const below = Float64Array.from(negatives).sort();
  let [smaller, equalOrSmaller, pairs] = [0, 0, 0];
  for (const score of above) {
    while (below[smaller]! < score) smaller++;
    while (below[equalOrSmaller]! <= score) equalOrSmaller++;
    pairs += (smaller + equalOrSmaller) / 2;
  }
  return pairs / (above.length * below.length);
}
