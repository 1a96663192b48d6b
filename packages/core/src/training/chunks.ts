/** How many tasks run at once, and what a training takes of the machine's memory. */
import { bytesPerElement, type Estimate, type Executor, leaves, type Tree } from "@innerloop/graph";
import type { AnyLearner } from "../learners/learner.js";
import { boundedKey, type Key, key } from "../random/random.js";
import type { Examples, Task } from "../tasks/task.js";
import type { MetaPrograms, MetaStepSetting } from "./meta-step.js";
import { metaPrograms } from "./meta-step.js";
import type { TaskBatch } from "./task-batch.js";
import { TrainingError, wholeOption } from "./training-error.js";

const mebibyte = 2 ** 20;

/** Bytes that one run may take on a processor: larger runs leave the processor's caches and get slower per task. */
const runBytes = 128 * mebibyte;

/** Bytes that one run of an evaluation may take, beside training. */
export const evaluationBytes = 32 * mebibyte;

/** Below so many operations a step is not worth splitting: handing it to another worker costs more. */
const smallWork = 2e8;

/**
 * What is left to the garbage collector when it begins: V8 waits for 64 MiB in arrays, however small the arrays of a
 * step are, and other garbage makes it begin after some dozens of small steps.
 */
const uncollectedBytes = 64 * mebibyte;
const stepsLeft = 48;

/**
 * Tasks that are tried first: where nothing else turns out to suit better, no other program need be traced. What is
 * kept of a task grows with its inner steps; where a run has less memory, fewer tasks suit it.
 */
const firstGuess = (keptSteps: number, limit: number): number => {
  const tasks = (20 * Math.min(1, limit / runBytes)) / Math.max(1, keptSteps);
  return Math.max(1, Math.min(8, Math.round(tasks)));
};

interface ChunkChoice {
  /** Tasks in all. */
  readonly total: number;
  readonly parallelism: number;
  /** Bytes that one run may take. */
  readonly limit: number;
  /** Inner steps that a run keeps: where to begin. */
  readonly keptSteps: number;
  /** What a run of so many tasks takes. */
  readonly cost: (count: number) => Promise<Estimate>;
}

/**
 * How many tasks to run at once: at most as many as fit, in parts that keep all workers busy.
 *
 * It follows from the estimates alone and not from the clock, so that a run and its resumption add up the same sums.
 */
export async function chooseChunkSize({ total, parallelism, limit, keptSteps, cost }: ChunkChoice): Promise<number> {
  const guess = evenSize(total, parallelism, firstGuess(keptSteps, limit));
  const estimate = await cost(guess);
  const perTask = Math.max(1, (estimate.residentBytes - estimate.constantBytes) / guess);
  const fits = Math.min(total, Math.max(1, Math.floor(limit / perTask)));
  if (fits === total && (estimate.operations / guess) * total < smallWork) return total;
  return evenSize(total, parallelism, fits);
}

/**
 * The size, of `most` tasks at most, with which all are done soonest: a run takes as long as its tasks and a quarter
 * more of one, and a last run of another size is another program to load.
 */
function evenSize(total: number, parallelism: number, most: number): number {
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let size = 1; size <= Math.min(most, total); size++) {
    const rounds = Math.ceil(Math.ceil(total / size) / parallelism);
    const time = rounds * (size + 0.25) * (total % size === 0 ? 1 : 1.05);
    if (time <= least) [best, least] = [size, time];
  }
  return best;
}

/** The way a training will run: chunks, recomputation and memory. */
export interface TrainingPlan<Params extends Tree = Tree> {
  /** Tasks that run at once. */
  readonly chunkSize: number;
  /** Inner steps that are computed again together; 0: none. */
  readonly recompute: number;
  /** Whether the learner's inner steps could be. */
  readonly recomputes: boolean;
  /** Cost of the meta-gradient of one chunk. */
  readonly estimate: Estimate;
  /** Most bytes that the process is expected to have during training, where its executor knows of memory. */
  readonly expectedBytes: number | undefined;
  /** Bytes that it may have. */
  readonly budgetBytes: number | undefined;
  /** @internal What was compiled on the way. */
  readonly programs: MetaPrograms<Params, Examples<Tree, Tree>>;
}

/** All that `planTraining` plans for: the step, a batch of its tasks, and the memory that there is. */
export interface PlanSetting<Params extends Tree>
  extends Omit<MetaStepSetting<Params, Examples<Tree, Tree>>, "recompute"> {
  readonly params: Params;
  readonly state: Tree;
  /** A batch of tasks: only their shapes matter. */
  readonly batch: TaskBatch<Task<Tree, Tree>>;
  /** Tasks of a validation; 0 where there is none. */
  readonly validationTasks?: number;
  /** Bytes that the process may have; by default, what it has and nine tenths of what the machine can still give. */
  readonly memoryBudget?: number | undefined;
  /** Bytes that the process had before anything was planned; what it has now unless given. */
  readonly usedBytes?: number | undefined;
  /** Tasks that run at once, where that is not to be worked out. */
  readonly chunkSize?: number | undefined;
  /** Inner steps to compute again together: 0 for none, true for each; worked out unless given. */
  readonly recompute?: number | boolean | undefined;
}

/**
 * Works out how many tasks of a meta-batch run at once, whether inner steps are computed again, and what that takes.
 * What does not fit the budget is tried with smaller chunks, then with recomputation.
 *
 * A plan that does not fit at all is returned too: it is the smallest one, and `requireFit` refuses it.
 */
export async function planTraining<Params extends Tree>(setting: PlanSetting<Params>): Promise<TrainingPlan<Params>> {
  const { executor, metaBatchSize } = setting;
  const usedBytes = setting.usedBytes ?? executor.memory?.used() ?? 0;
  const budgetBytes =
    setting.memoryBudget ?? (executor.memory ? usedBytes + 0.9 * executor.memory.available() : undefined);
  const { recomputes = false } = setting.learner;
  const ways = !recomputes ? [0] : setting.recompute === undefined ? [0, 1] : [Number(setting.recompute)];
  /** Plans that were given up have left something behind, too. */
  const withGarbage = (plan: TrainingPlan<Params>): TrainingPlan<Params> => {
    if (!executor.memory) return plan;
    const { training } = trainingBytes(setting, [plan.estimate], plan.chunkSize, plan.recompute);
    return { ...plan, expectedBytes: Math.max(plan.expectedBytes!, executor.memory.used() + training) };
  };
  let smallest: TrainingPlan<Params> | undefined;
  for (const recompute of ways) {
    const programs = metaPrograms({ ...setting, recompute: wholeOption("recompute", recompute, 0) });
    const estimatesOf = (count: number): Promise<[Estimate, ...Estimate[]]> =>
      programs.estimates(setting.params, setting.state, setting.batch, count);
    const planOf = (chunkSize: number, estimates: readonly [Estimate, ...Estimate[]]): TrainingPlan<Params> => {
      const bytes = executor.memory && trainingBytes(setting, estimates, chunkSize, recompute);
      const expectedBytes = bytes && usedBytes + bytes.compiling + bytes.training;
      return { chunkSize, recompute, recomputes, estimate: estimates[0], expectedBytes, budgetBytes, programs };
    };
    const chosen =
      setting.chunkSize ??
      (await chooseChunkSize({
        total: metaBatchSize,
        parallelism: executor.parallelism,
        limit: executor.runBytes ?? programs.runBytes ?? runBytes,
        keptSteps: keptSteps(setting, recompute),
        cost: async (count) => (await estimatesOf(count))[0],
      }));
    const first = Math.min(wholeOption("chunkSize", chosen, 1), metaBatchSize);
    let plan = planOf(first, await estimatesOf(first));
    while (!planFits(plan) && plan.chunkSize > 1 && setting.chunkSize === undefined) {
      const size = evenSize(metaBatchSize, executor.parallelism, Math.floor(plan.chunkSize / 2));
      // A program is made where its memory would do, going by that of the larger one.
      const supposed = planOf(size, [scaled(plan.estimate, size / plan.chunkSize)]);
      plan = planFits(supposed) ? planOf(size, await estimatesOf(size)) : supposed;
    }
    plan = withGarbage(plan);
    if (planFits(plan)) return plan;
    if (!smallest || plan.expectedBytes! < smallest.expectedBytes!) smallest = plan;
  }
  return smallest!;
}

/** The estimate of a run of so many times the tasks. */
const scaled = (estimate: Estimate, factor: number): Estimate => ({
  ...estimate,
  operations: estimate.operations * factor,
  peakBytes: estimate.peakBytes * factor,
  residentBytes: estimate.residentBytes * factor,
});

/** Tells plans that stay within their budget. */
export const planFits = ({
  expectedBytes,
  budgetBytes,
}: Pick<TrainingPlan, "expectedBytes" | "budgetBytes">): boolean =>
  expectedBytes === undefined || budgetBytes === undefined || expectedBytes <= budgetBytes;

/** Inner steps whose values are kept at once for the gradient through them. */
const keptSteps = (
  { learner: { steps = 1 } }: { readonly learner: Pick<AnyLearner, "steps"> },
  recompute: number,
): number => (recompute > 0 ? Math.min(recompute, steps) : steps);

/** Bytes by which a training makes the process grow. */
function trainingBytes<Params extends Tree>(
  setting: PlanSetting<Params>,
  estimates: readonly [Estimate, ...Estimate[]],
  chunkSize: number,
  recompute: number,
): { readonly compiling: number; readonly training: number } {
  const { executor, params, state, batch, metaBatchSize, validationTasks = 0 } = setting;
  const [gradient] = estimates;
  const chunks = Math.ceil(metaBatchSize / chunkSize);
  const [paramBytes, stateBytes, batchBytes] = [params, state, batch].map(bytesOf) as [number, number, number];
  // Parameters, optimizer state and the gradients of all chunks, old and new.
  const update = chunks === 1 ? [] : [updateEstimate(chunks * paramBytes + 2 * (paramBytes + stateBytes))];
  // Adapting to a task keeps nothing of a step, of which the gradient through it keeps all.
  const perTask = gradient.residentBytes / chunkSize / (1 + keptSteps(setting, recompute));
  const validation: Estimate = {
    ...gradient,
    operations: ((gradient.operations / chunkSize) * validationTasks) / 3,
    residentBytes: Math.min(Math.max(evaluationBytes, perTask), validationTasks * perTask),
    nodes: Math.ceil(gradient.nodes / 2),
  };
  // What a step hands to and fro, and leaves to the garbage collector.
  const handed = 2 * batchBytes + (2 * chunks + 2) * paramBytes + 2 * stateBytes;
  const garbage = Math.min(stepsLeft * handed, handed + uncollectedBytes);
  const models = [
    ...estimates.map((estimate) => ({ estimate, alone: chunks === 1 })),
    ...[...update, ...(validationTasks > 0 ? [validation] : [])].map((estimate) => ({ estimate })),
  ];
  return { compiling: executor.memory!.compiling(models), training: executor.memory!.needed(models) + garbage };
}

const updateEstimate = (bytes: number): Estimate => ({
  operations: 0,
  matmulOperations: 0,
  peakBytes: bytes,
  residentBytes: bytes,
  constantBytes: 0,
  nodes: 500,
});

const bytesOf = (tree: Tree): number =>
  leaves(tree).reduce((bytes, leaf) => bytes + leaf.size * bytesPerElement[leaf.dtype], 0);

/**
 * Refuses a plan that does not fit, before any work is done.
 *
 * @throws TrainingError ILR104
 */
export function requireFit(plan: Omit<TrainingPlan, "programs">, executor: Executor): void {
  if (planFits(plan)) return;
  const problem = `it takes about ${gigabytes(plan.expectedBytes!)} at ${plan.chunkSize === 1 ? "one task" : `${plan.chunkSize} tasks`} a run on ${executor.parallelism} side by side, ${plan.recompute > 0 ? "with" : "without"} recomputation of inner steps; it may take ${gigabytes(plan.budgetBytes!)}`;
  const ways = [
    ...(plan.recomputes && plan.recompute === 0 ? ["set recompute"] : []),
    ...(plan.chunkSize > 1 ? ["lower chunkSize"] : []),
    ...(executor.parallelism > 1 ? ["use fewer workers"] : []),
    "use fewer ways, queries, inner steps or filters",
    "raise memoryBudget",
  ];
  throw new TrainingError("ILR104", "train", problem, `To make it fit: ${ways.join("; ")}`);
}

/**
 * The root key of a seed, for parameters that have room in the machine's memory: a model of more is refused before any
 * are drawn.
 *
 * @throws TrainingError ILR104, as parameters are drawn
 */
export function keyInMemory(seed: number, executor: Executor): Key {
  const { memory } = executor;
  if (!memory) return key(seed);
  const available = memory.available();
  const most = Math.floor(available / bytesPerElement.float32);
  return boundedKey(seed, most, (asked) => {
    const problem = `the model has ${asked} parameters at least, which take ${gigabytes(asked * bytesPerElement.float32)}; there are ${gigabytes(available)}`;
    return new TrainingError("ILR104", "train", problem, "Make the model smaller");
  });
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;
