import { allocate, isFloat, mapTree, sameShape, type Tensor, tensor } from "@innerloop/graph";
import type { Adapter } from "../learners/learner.js";
import { random } from "../random.js";
import { unknownLabel } from "../tasks/open-set-episodes.js";
import { unlabelledLabel } from "../tasks/semi-supervised-episodes.js";
import type { Examples, Task, TaskSource } from "../tasks/task.js";
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
 * Tasks `first` to `first + count` of a source, stacked.
 *
 * @throws TrainingError ILR101 where tasks differ in shapes, or a class index is not below the source's `classes`
 */
export function sampleTasks(source: TaskSource, seed: number, first: number, count: number): Task {
  const tasks = Array.from({ length: count }, (_, i) => source.sample(seed, first + i));
  if (source.classes !== undefined) {
    for (const { support, query } of tasks) {
      requireClassIndices(support.y, source.classes, source.unlabelled ? unlabelledLabel : 0);
      requireClassIndices(query.y, source.classes, source.openSet ? unknownLabel : 0);
    }
  }
  return stackTasks(tasks);
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

/**
 * A class index out of range would be a row without a class, whose loss is 0 whatever is predicted.
 *
 * @param least 0, or -1 where rows are of no class on purpose: `unknownLabel` of queries, `unlabelledLabel` of support
 * examples
 */
export function requireClassIndices(y: Tensor, classes: number, least = 0): void {
  if (!y.data || isFloat(y.dtype)) return;
  for (const label of y.data as Int32Array) {
    if (label >= least && label < classes) continue;
    const problem = `class index ${label} in a task of ${classes} classes`;
    throw new TrainingError("ILR101", "tasks", problem, `Number the classes of a task from 0 to ${classes - 1}`);
  }
}

/** One dropout key for each task, a function of its address. */
export function taskKeys(seed: number, first: number, count: number): Tensor {
  return tensor(Int32Array.from({ length: count }, (_, i) => random(seed, first + i, 1).integer(2 ** 26)));
}

/** Tasks of one update, stacked, with a dropout key for each. */
export type TaskBatch = {
  readonly tasks: Task;
  /** int32 [tasks] */
  readonly keys: Tensor;
  /** Scalar, the updates done before this one. */
  readonly iteration: Tensor;
};

/** The tasks of an update: those at addresses from iteration metaBatchSize on. */
export function taskBatch(source: TaskSource, seed: number, iteration: number, metaBatchSize: number): TaskBatch {
  const first = iteration * metaBatchSize;
  return {
    tasks: sampleTasks(source, seed, first, metaBatchSize),
    keys: taskKeys(seed, first, metaBatchSize),
    iteration: tensor(iteration, [], "float32"),
  };
}

/** Tasks `start` to `stop` of a batch, without copying. */
export function sliceTasks(batch: Task, start: number, stop: number): Task {
  return mapTree((leaf) => sliceRows(leaf, start, stop), batch);
}

/** Rows `start` to `stop` of the first axis, without copying. */
export function sliceRows(x: Tensor, start: number, stop: number): Tensor {
  const row = x.size / x.shape[0]!;
  return tensor(x.data!.subarray(start * row, stop * row), [stop - start, ...x.shape.slice(1)], x.dtype);
}
