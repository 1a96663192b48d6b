import { allocate, mapTree, sameShape, type Tensor, type Tree, tensor } from "@innerloop/graph";
import type { Adapter, Learner } from "../learners/learner.js";
import { random } from "../random/random.js";
import type { Examples, Task, TaskSource } from "../tasks/task.js";
import { labelsOf, requireTask, type TaskRules } from "../tasks/value-gate.js";
import { TrainingError } from "./training-error.js";

/** Tasks stacked along a new first axis: every leaf is [tasks, ...]. */
export function stackTasks(tasks: readonly Task[]): Task {
  const part = (set: "support" | "query"): Examples => {
    const leaf = (name: "x" | "y"): Tensor =>
      stackValues(
        tasks.map((task) => task[set][name]),
        `${set}.${name}`,
      );
    const padded = tasks.flatMap((task) => task[set].present ?? []);
    if (padded.length > 0 && padded.length < tasks.length) {
      const problem = `${set}.present is there for ${padded.length} of ${tasks.length} tasks`;
      throw new TrainingError("ILR101", "tasks", problem, "Give it for all tasks of a source, or for none");
    }
    const present = padded.length > 0 ? { present: stackValues(padded, `${set}.present`) } : {};
    return { x: leaf("x"), y: leaf("y"), ...present };
  };
  return { support: part("support"), query: part("query") };
}

function stackValues(parts: readonly Tensor[], name: string): Tensor {
  const first = parts[0]!;
  const out = allocate(first.dtype, parts.length * first.size);
  parts.forEach((x, i) => {
    if (!x.data || x.dtype !== first.dtype || !sameShape(x.shape, first.shape)) {
      const problem = `${name} of one task is ${first}, of another ${x}${x.data ? "" : " without values"}`;
      throw new TrainingError(
        "ILR101",
        "tasks",
        problem,
        "All tasks of one source must have values of the same shapes",
      );
    }
    (out as Float32Array).set(x.data as Float32Array, i * first.size);
  });
  return tensor(out, [parts.length, ...first.shape], first.dtype);
}

/**
 * Tasks `first` to `first + count` of a source, checked and stacked.
 *
 * @param rules what they are held to; what the source says of itself unless given
 * @throws TrainingError ILR101 where tasks differ in shapes, ILR105 where values are not finite or a label is none
 */
export function sampleTasks(
  source: TaskSource,
  seed: number,
  first: number,
  count: number,
  rules: TaskRules = { operation: "tasks", ...labelsOf({}, source, source.classes, tasksHave) },
): Task {
  return stackTasks(Array.from({ length: count }, (_, i) => checkedTask(source, seed, first + i, rules)));
}

const tasksHave = (classes: number): string => `its tasks have ${classes} classes`;

/** The task of an address, checked. */
export const checkedTask = (source: TaskSource, seed: number, index: number, rules: TaskRules): Task =>
  requireTask(source.sample(seed, index), `task ${index} of ${source.name ?? "the source"}`, rules);

/**
 * What tasks of a source are held to for a learner.
 *
 * @param told how many classes are told apart, by a first task: asked only where the source does not declare its classes
 */
export function rulesFor(
  operation: string,
  { name, loss, unlabelled = false }: Pick<Adapter, "name" | "loss" | "unlabelled">,
  source: TaskSource,
  seed: number,
  told: (first: Task) => number | undefined,
): TaskRules {
  const overClasses = loss.overClasses ?? false;
  const classes = source.classes ?? told(checkedTask(source, seed, 0, { operation, overClasses }));
  const said = source.classes === undefined ? (n: number) => `${name} tells ${n} classes apart` : tasksHave;
  return { operation, overClasses, ...labelsOf({ loss, unlabelled }, source, classes, said) };
}

/** What the learner predicts for a task's queries, not computed. */
export function traced<P extends Tree>(learner: Adapter<P>, params: P, { support, query }: Task): Tensor {
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
  tasks: TaskSource,
  learner: { readonly name: string },
  classes: number | undefined,
): void {
  if (classes === undefined || tasks.classes === undefined || tasks.classes <= classes) return;
  const problem = `tasks of ${tasks.classes} classes (${tasks.name}) for ${learner.name}, which tells ${classes} apart`;
  const remedy = `Make it with ways: ${tasks.classes}, or its model with as many outputs, or draw tasks of ${classes} ways`;
  throw new TrainingError("ILR101", operation, problem, remedy);
}

/** Classes that predictions [n, classes] are about; undefined where they are not about classes. */
export const classesOf = (
  { loss, classes }: Pick<Adapter, "loss" | "classes">,
  prediction: () => Tensor,
): number | undefined => classes ?? (loss.overClasses ? prediction().shape[1] : undefined);

/** One dropout key for each task, a function of its address. */
export function taskKeys(seed: number, first: number, count: number): Tensor {
  return tensor(Int32Array.from({ length: count }, (_, i) => random(seed, first + i, 1).integer(2 ** 26)));
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
export function taskBatch(
  source: TaskSource,
  seed: number,
  iteration: number,
  metaBatchSize: number,
  rules?: TaskRules,
): TaskBatch {
  const first = iteration * metaBatchSize;
  return {
    tasks: sampleTasks(source, seed, first, metaBatchSize, rules),
    keys: taskKeys(seed, first, metaBatchSize),
    iteration: tensor(iteration, [], "float32"),
  };
}

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
 * @internal What the tasks of a training are held to, its first one looked at.
 *
 * @throws TrainingError ILR101 where they have more classes than the learner tells apart, ILR105 where the first is not whole
 */
export function trainingRules<P extends Tree>(
  learner: Learner<P>,
  params: P,
  source: TaskSource,
  seed: number,
): TaskRules {
  const told = (first: Task): number | undefined =>
    learner.trainClasses ?? classesOf(learner, () => traced(learner, params, first));
  const rules = rulesFor("train", learner, source, seed, told);
  if (source.classes !== undefined)
    requireToldApart("train", source, learner, told(checkedTask(source, seed, 0, rules)));
  return rules;
}
