import { allocate, type Executor, mapTree, sameShape, Tensor, type Tree, tensor } from "@innerloop/graph";
import type { AnyAdapter, AnyLearner } from "../learners/learner.js";
import { random } from "../random/random.js";
import { checkedTask, specOf } from "../tasks/source-spec.js";
import {
  type CollectingLearner,
  type Collector,
  type Examples,
  isCollector,
  type Task,
  type TaskSource,
} from "../tasks/task.js";
import { classesIn, partName, symbolicTask, type TaskSpec } from "../tasks/task-spec.js";
import { labelsOf, requireTask, type TaskRules } from "../tasks/value-gate.js";
import { TrainingError } from "./training-error.js";

/** The origin of tasks: a source of its own, or what collects them with the parameters at hand. */
export type TaskSupply<Params extends Tree = Tree, X extends Tree = Tree, Y extends Tree = Tree> =
  | TaskSource<X, Y>
  | Collector<Params, X, Y>;

/** A supply as a learner is trained on it: what is gathered step by step, for as many steps as it takes. */
export const supplyFor = <Params extends Tree, X extends Tree, Y extends Tree>(
  { steps = 0 }: Pick<AnyAdapter, "steps">,
  supply: TaskSupply<Params, X, Y>,
): TaskSupply<Params, X, Y> => (isCollector(supply) && supply.after?.(steps)) || supply;

/** Tasks stacked along a new first axis: every leaf is [tasks, ...]. */
export function stackTasks<X extends Tree, Y extends Tree>(tasks: readonly Task<X, Y>[]): Task<X, Y> {
  const part = (set: "support" | "query"): Examples<X, Y> => {
    const stacked = <T extends Tree>(name: "x" | "y"): T =>
      stackTrees(
        tasks.map((task) => task[set][name]),
        `${set}.${name}`,
      ) as T;
    const padded = tasks.flatMap((task) => task[set].present ?? []);
    if (padded.length > 0 && padded.length < tasks.length) {
      const problem = `${set}.present is there for ${padded.length} of ${tasks.length} tasks`;
      throw new TrainingError("ILR101", "tasks", problem, "Give it for all tasks of a source, or for none");
    }
    const present = padded.length > 0 ? { present: stackValues(padded, `${set}.present`) } : {};
    return { x: stacked<X>("x"), y: stacked<Y>("y"), ...present };
  };
  return { support: part("support"), query: part("query") };
}

/** @internal Trees of one structure stacked along a new first axis. @param name what they are called in errors */
export function stackTrees(parts: readonly Tree[], name: string): Tree {
  const first = parts[0]!;
  if (parts.every((part) => part instanceof Tensor)) return stackValues(parts as readonly Tensor[], name);
  const namesOf = (part: Tree): string =>
    part instanceof Tensor ? `${part}` : `{ ${Object.keys(part).sort().join(", ")} }`;
  const odd = parts.find((part) => namesOf(part) !== namesOf(first));
  if (odd !== undefined) {
    const problem = `${name} of one task is ${namesOf(first)}, of another ${namesOf(odd)}`;
    throw new TrainingError("ILR101", "tasks", problem, "All tasks of one source must have the same structure");
  }
  const children = Object.keys(first).map((child): [string, Tree] => [
    child,
    stackTrees(
      parts.map((part) => (part as { readonly [name: string]: Tree })[child]!),
      partName(name, child, Array.isArray(first)),
    ),
  ]);
  return Array.isArray(first) ? children.map(([, tree]) => tree) : Object.fromEntries(children);
}

function stackValues(parts: readonly Tensor[], name: string): Tensor {
  const first = parts[0]!;
  const out = allocate(first.dtype, parts.length * first.size);
  let at = 0;
  for (const x of parts) {
    if (!x.data || x.dtype !== first.dtype || !sameShape(x.shape, first.shape)) {
      const problem = `${name} of one task is ${first}, of another ${x}${x.data ? "" : " without values"}`;
      const remedy = "All tasks of one source must have values of the same shapes";
      throw new TrainingError("ILR101", "tasks", problem, remedy);
    }
    (out as Float32Array).set(x.data as Float32Array, at);
    at += x.data.length;
  }
  return tensor(out, [parts.length, ...first.shape], first.dtype);
}

/**
 * Tasks `first` to `first + count` of a source, checked and stacked.
 *
 * @param rules what they are held to; what the source says of itself unless given
 * @throws TrainingError ILR101 where tasks differ in shapes, ILR105 where values are not finite or a label is none
 */
export function sampleTasks<X extends Tree, Y extends Tree>(
  source: TaskSource<X, Y>,
  seed: number,
  first: number,
  count: number,
  rules: TaskRules = rulesFor("tasks", {}, source as unknown as TaskSource<Tree, Tree>, seed, () => undefined),
): Task<X, Y> {
  const tasks: Task<X, Y>[] = [];
  for (let i = 0; i < count; i++) tasks.push(checkedTask(source, seed, first + i, rules));
  return stackTasks(tasks);
}

/**
 * The same of a source or a collector, which collects with these parameters: together where it can, else one beside the
 * other.
 *
 * @throws TrainingError as `sampleTasks`
 */
export async function drawTasks(drawn: {
  readonly from: TaskSupply;
  readonly params: Tree;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly rules: TaskRules;
  readonly executor: Executor;
  readonly learner: CollectingLearner;
}): Promise<Task<Tree, Tree>> {
  const { from, params, seed, first, count, rules, executor, learner } = drawn;
  if (!isCollector(from)) return sampleTasks(from, seed, first, count, rules);
  const tasks = from.collectMany
    ? await from.collectMany(params, seed, first, count, executor, learner)
    : await Promise.all(
        Array.from({ length: count }, (_, i) => from.collect(params, seed, first + i, executor, learner)),
      );
  return collectedTasks(from.name, tasks, { first, count, rules });
}

/**
 * The same of a collector whose tasks depend on the number of adaptation steps, for several of these: what they share is
 * collected once where the collector can.
 *
 * @param drawn.from the collector, and for each number of steps the one that `after` gives, with the rules of its tasks
 * @throws TrainingError as `sampleTasks`
 */
export async function drawStages(
  drawn: Omit<Parameters<typeof drawTasks>[0], "from" | "rules"> & {
    readonly from: Collector<Tree, Tree, Tree>;
    readonly stages: readonly { readonly steps: number; readonly from: TaskSupply; readonly rules: TaskRules }[];
  },
): Promise<readonly Task<Tree, Tree>[]> {
  const { from, stages, ...at } = drawn;
  if (!from.collectStages) {
    const found: Task<Tree, Tree>[] = [];
    for (const { from: supply, rules } of stages) found.push(await drawTasks({ ...at, from: supply, rules }));
    return found;
  }
  const { params, seed, first, count, executor, learner } = at;
  const steps = stages.map((stage) => stage.steps);
  const found = await from.collectStages(params, seed, first, count, executor, learner, steps);
  if (found.length !== stages.length) {
    const problem = `tasks of ${found.length} numbers of steps were collected where ${stages.length} were asked for`;
    throw new TrainingError("ILR101", from.name, problem, "Let collectStages return tasks for each number of steps");
  }
  return stages.map(({ rules }, i) => collectedTasks(from.name, found[i]!, { first, count, rules }));
}

/** Collected tasks as they are drawn: those that were asked for, held to the rules, stacked. */
function collectedTasks(
  name: string,
  tasks: readonly Task<Tree, Tree>[],
  { first, count, rules }: { readonly first: number; readonly count: number; readonly rules: TaskRules },
): Task<Tree, Tree> {
  if (tasks.length !== count) {
    const problem = `${tasks.length} tasks were collected where ${count} were asked for`;
    throw new TrainingError("ILR101", name, problem, "Let collectMany return a task for each address");
  }
  return stackTasks(tasks.map((task, i) => requireTask(task, `task ${first + i} of ${name}`, rules)));
}

/**
 * What tasks of a source are held to for a learner.
 *
 * @param told how many classes are told apart, by a task without values: asked only where the source does not declare them
 */
export function rulesFor(
  operation: string,
  { name = "the learner", loss, unlabelled = false }: Partial<Pick<AnyAdapter, "name" | "loss" | "unlabelled">>,
  source: TaskSupply,
  seed: number,
  told: (task: Task<Tree, Tree>) => number | undefined,
): TaskRules {
  const overClasses = loss?.overClasses ?? false;
  const spec = specOf(source, { operation, seed, overClasses });
  const declared = classesIn(spec);
  const classes = declared ?? told(symbolicTask(spec));
  const said = (n: number): string =>
    declared === undefined ? `${name} tells ${n} classes apart` : `its tasks have ${n} classes`;
  const labels = labelsOf({ ...(loss ? { loss } : {}), unlabelled }, spec, classes, said);
  return { operation, overClasses, spec, declared: source.spec !== undefined, ...labels };
}

/** What the learner predicts for a task's queries, not computed. */
export function traced<P extends Tree>(learner: AnyAdapter<P>, params: P, { support, query }: Task<Tree, Tree>): Tree {
  const steps = learner.steps === undefined ? {} : { steps: Math.min(learner.steps, 1) };
  return learner.predict(learner.adapt(params, support, steps), query.x, query.present);
}

/**
 * Refuses tasks of more classes than a learner tells apart: rows of the others would be of none, and their loss 0.
 *
 * @throws TrainingError ILR101
 */
export function requireToldApart(
  operation: string,
  tasks: { readonly name: string; readonly spec: TaskSpec<Tree, Tree> },
  learner: { readonly name: string },
  classes: number | undefined,
): void {
  const asked = classesIn(tasks.spec);
  if (classes === undefined || asked === undefined || asked <= classes) return;
  const problem = `tasks of ${asked} classes (${tasks.name}) for ${learner.name}, which tells ${classes} apart`;
  const remedy = `Make it with ways: ${asked}, or its model with as many outputs, or draw tasks of ${classes} ways`;
  throw new TrainingError("ILR101", operation, problem, remedy);
}

/** Classes that predictions [n, classes] are about; undefined where they are not about classes. */
export const classesOf = (
  { loss, classes }: Pick<AnyAdapter, "loss" | "classes">,
  prediction: () => Tree,
): number | undefined => classes ?? (loss.overClasses ? (prediction() as Tensor).shape[1] : undefined);

/** One dropout key for each task, a function of its address. */
export function taskKeys(seed: number, first: number, count: number): Tensor {
  const keys = new Int32Array(count);
  for (let i = 0; i < count; i++) keys[i] = random(seed, first + i, 1).integer(2 ** 26);
  return tensor(keys);
}

/** Tasks of one update, stacked, with a dropout key for each. */
export type TaskBatch<Tasks extends Tree = Task> = {
  readonly tasks: Tasks;
  /** int32 [tasks] */
  readonly keys: Tensor;
  /** Scalar, the updates done before this one. */
  readonly iteration: Tensor;
};

/** The tasks of an update: those at addresses from iteration metaBatchSize on. */
export function taskBatch<X extends Tree, Y extends Tree>(
  source: TaskSource<X, Y>,
  seed: number,
  iteration: number,
  metaBatchSize: number,
  rules?: TaskRules,
): TaskBatch<Task<X, Y>> {
  const first = iteration * metaBatchSize;
  return batchOf(sampleTasks(source, seed, first, metaBatchSize, rules), { seed, iteration, metaBatchSize });
}

/** @internal Zeros of the shapes and types of a tree, whose tensors need have no values. */
export const blank = <T extends Tree>(tree: T): T =>
  mapTree((leaf: Tensor) => tensor(allocate(leaf.dtype, leaf.size), leaf.shape, leaf.dtype), tree);

/**
 * A batch of a training's first tasks, for what depends on their shapes alone: those of a collector, which nobody has
 * collected yet, are zeros.
 */
export function batchOfShapes<Params extends Tree>(
  supply: TaskSupply<Params>,
  seed: number,
  metaBatchSize: number,
  rules?: TaskRules,
): TaskBatch<Task<Tree, Tree>> {
  if (!isCollector(supply)) return taskBatch(supply, seed, 0, metaBatchSize, rules);
  const first = blank(symbolicTask(supply.spec));
  const tasks = stackTasks(Array.from({ length: metaBatchSize }, () => first));
  return batchOf(tasks, { seed, iteration: 0, metaBatchSize });
}

/** Tasks of an update with their dropout keys. */
export const batchOf = <X extends Tree, Y extends Tree>(
  tasks: Task<X, Y>,
  at: { readonly seed: number; readonly iteration: number; readonly metaBatchSize: number },
): TaskBatch<Task<X, Y>> => ({
  tasks,
  keys: taskKeys(at.seed, at.iteration * at.metaBatchSize, at.metaBatchSize),
  iteration: tensor(at.iteration, [], "float32"),
});

/** Tasks `start` to `stop` of a batch, without copying. */
export function sliceTasks<Tasks extends Tree>(batch: Tasks, start: number, stop: number): Tasks {
  return mapTree((leaf) => sliceRows(leaf, start, stop), batch);
}

/** Rows `start` to `stop` of the first axis, without copying. */
export function sliceRows(x: Tensor, start: number, stop: number): Tensor {
  const row = x.size / x.shape[0]!;
  return tensor(x.data!.subarray(start * row, stop * row), [stop - start, ...x.shape.slice(1)], x.dtype);
}

/**
 * @internal What the tasks of a training are held to.
 *
 * @throws TrainingError ILR101 where they have more classes than the learner tells apart, ILR105 where the source has no
 * spec and its first task is not whole
 */
export function trainingRules<P extends Tree>(
  learner: AnyLearner<P>,
  params: P,
  source: TaskSupply<P>,
  seed: number,
): TaskRules {
  const told = (task: Task<Tree, Tree>): number | undefined =>
    learner.trainClasses ?? classesOf(learner, () => traced(learner, params, task));
  const rules = rulesFor("train", learner, source as TaskSupply, seed, told);
  const spec = rules.spec!;
  if (classesIn(spec) !== undefined)
    requireToldApart("train", { name: source.name, spec }, learner, told(symbolicTask(spec)));
  return rules;
}
